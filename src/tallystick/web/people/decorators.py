"""Who may see a page: ``@signed_in``, ``@needs_duty(Duty.ISSUING)``, and a fresh confirmation before signing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from tallystick.core.entries import Duty
from tallystick.web import words
from tallystick.web.people import service
from tallystick.web.people.models import Person

P = ParamSpec("P")


class SignedInRequest(HttpRequest):
    """A request of someone who signed in: ``person`` is there."""

    person: Person


View = Callable[Concatenate[SignedInRequest, P], HttpResponseBase]
OpenView = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def person_of(request: HttpRequest) -> Person | None:
    """Return who asks, None for a stranger."""
    person: Person | None = getattr(request, "person", None)
    return person


def go_to(request: HttpRequest, name: str) -> HttpResponse:
    """Send the browser to a page about signing in, and back here afterwards; also from within an htmx request."""
    here = request.get_full_path() if request.method == "GET" else request.META.get("HTTP_REFERER", "/")
    address = f"{reverse(name)}?{urlencode({'next': service.safe_next(request, here)})}"
    if getattr(request, "htmx", False):
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def signed_in(view: View[P]) -> OpenView[P]:
    """Let only persons who signed in; others are asked to."""

    @functools.wraps(view)
    def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if person_of(request) is None:
            return go_to(request, "sign-in")
        return view(request, *args, **kwargs)  # type: ignore[arg-type] # it has a person now

    return checked


def needs_duty(*duties: Duty) -> Callable[[View[P]], OpenView[P]]:
    """Let only persons who hold one of ``duties``, on the node or by a warrant."""

    def decorate(view: View[P]) -> OpenView[P]:
        @signed_in
        @functools.wraps(view)
        def checked(request: SignedInRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.person.duties_held & set(duties):
                wanted = ", ".join(str(words.DUTIES[d]) for d in duties)
                raise PermissionDenied(_("This needs one of these duties: %(duties)s.") % {"duties": wanted})
            return view(request, *args, **kwargs)

        return checked

    return decorate


def confirm_required(request: HttpRequest) -> HttpResponse | None:
    """Return where to confirm who one is, when that was too long ago; None when it was just now.

    Call it when the page that shows what will be signed is opened, and again when it is sent::

        if ask := confirm_required(request):
            return ask

    What was typed is lost on the way there when it is sent, so the first call is the one that matters to people.
    """
    if service.confirmed_lately(request):
        return None
    person = person_of(request)
    if person is None:
        return go_to(request, "sign-in")
    return go_to(request, "confirm" if service.can_prove(person) else "welcome")
