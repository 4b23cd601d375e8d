"""Warrants: grants and revocations of this party, signed with its root key; and the partner's, as recorded."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages as told
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from tallystick.app import read
from tallystick.app import warrants as warranting
from tallystick.app.read import Officer
from tallystick.core.entries import Duty, Grant, Reason
from tallystick.core.errors import LocalError
from tallystick.core.signing import readable_id
from tallystick.core.warrants import duties_in_conflict
from tallystick.web import messages
from tallystick.web.pages.desk import Here, current, sent
from tallystick.web.pages.deskacts import EDIT, refuse, sign_or_show
from tallystick.web.pages.orders.access import for_readers
from tallystick.web.pages.people.forms import GrantForm, RevokeForm, RotateForm, excluded_by
from tallystick.web.people import service
from tallystick.web.people.decorators import SignedInRequest, confirm_required, needs_duty
from tallystick.web.people.models import Appointment

administrators = needs_duty(Duty.ADMINISTRATOR)


@dataclass(frozen=True, slots=True)
class Row:
    """A warrant; ``holder`` is a name of ours and is shown to administrators only."""

    officer: Officer
    revoked: bool
    holder: str
    acting_for: str = ""  # the post
    is_node: bool = False

    @property
    def key_id(self) -> str:
        return readable_id(self.officer.officer_key) if self.officer.officer_key else ""


@for_readers
@require_safe
def warrants(request: SignedInRequest) -> HttpResponse:
    here = current(request)
    administers = Duty.ADMINISTRATOR in request.person.duties_held
    holders = _holders(here) if administers else {}
    books = [(party, _rows(here, party, holders)) for party in (here.desk.party, *here.desk.partners)]
    context = {
        "here": here,
        "tab": "warrants",
        "books": [(here.desk.party_code(party), party == here.desk.party, rows) for party, rows in books],
        "administers": administers,
        "can_sign": administers and here.node.keys.has("root"),
    }
    return render(request, "people_admin/warrants.html", context)


def _rows(here: Here, party: int, holders: dict[int, str]) -> list[Row]:
    grants = here.desk.record.grants
    rows = [
        Row(
            officer,
            grants[party, officer.grant].revoked is not None,
            holders.get(officer.grant, "") if party == here.desk.party else "",
            read.post_of(here.desk, party, officer.acting_for),
            is_node,
        )
        for is_node, some in ((False, read.officers), (True, read.nodes))
        for officer in some(here.desk, here.as_of, party)
    ]
    return sorted(rows, key=lambda row: not row.officer.live)


def _holders(here: Here) -> dict[int, str]:
    rows = Appointment.objects.filter(space=here.desk.id.hex(), active=True).select_related("person")
    return {row.grant: row.person.display_name for row in rows}


@administrators
@require_http_methods(["GET", "POST"])
def grant(request: SignedInRequest) -> HttpResponse:
    """Fill in, read, sign; then perhaps someone holds it at once."""
    if ask := confirm_required(request):
        return ask
    here = current(request)
    form = GrantForm(here, sent(request))
    if request.method == "POST" and form.is_valid() and request.POST.get("do") != EDIT:
        assert form.draft is not None
        person = form.cleaned_data["person"]
        signed = sign_or_show(
            request,
            here,
            form,
            form.draft,
            title=_("Issue a warrant"),
            consequence=_("From here on, acts signed under this warrant bind us. Both nodes check its limits."),
            back=reverse("warrants"),
            extra={"stays_home": _("held by %(name)s") % {"name": person.display_name} if person else ""},
        )
        if isinstance(signed, HttpResponse):
            return signed
        if signed is not None:
            assert isinstance(signed.body, Grant)
            if person is not None:
                service.appoint(
                    person, space=here.desk.id, grant=signed.ref.index, post=signed.body.post, duties=signed.body.duties
                )
            told.success(request, _("The warrant is signed: %(post)s.") % {"post": signed.body.post}, extra_tags="good")
            return HttpResponseRedirect(reverse("warrants"))
    context = {"form": form, "here": here, "excluded": _exclusions(), "conflict": _conflict_in(request)}
    return render(request, "people_admin/grant.html", context, status=422 if form.errors else 200)


def _exclusions() -> list[tuple[Duty, tuple[object, ...]]]:
    return [(duty, excluded_by(duty)) for duty in Duty]


def _conflict_in(request: SignedInRequest) -> str:
    """Say which of the ticked duties exclude each other; empty when none do."""
    ticked = [Duty(int(n)) for n in request.POST.getlist("duties") if n.isdigit() and int(n) in Duty._value2member_map_]
    conflict = duties_in_conflict(ticked)
    if conflict is None:
        return ""
    one, other = conflict
    return messages.sentence("duties-conflict", {"one": int(one), "other": int(other)})


@administrators
@require_http_methods(["POST"])
def conflicts(request: SignedInRequest) -> HttpResponse:
    """The callout under the duties, as they are ticked (htmx)."""
    return render(request, "people_admin/_conflict.html", {"conflict": _conflict_in(request)})


@administrators
@require_http_methods(["GET", "POST"])
def revoke(request: SignedInRequest, grant: int) -> HttpResponse:
    """Take a warrant back: the cuts are where our logs stand, or before an entry that was not ours."""
    if ask := confirm_required(request):
        return ask
    here = current(request)
    known = read.officers(here.desk, here.as_of) + read.nodes(here.desk, here.as_of)
    officer = next((o for o in known if o.grant == grant), None)
    if officer is None:
        raise Http404
    form = RevokeForm(sent(request))
    if request.method == "POST" and form.is_valid() and request.POST.get("do") != EDIT:
        reason = _reason(form.cleaned_data["reason"])
        try:
            draft = warranting.revocation(here.desk, grant, reason, form.cleaned_data["since"])
        except LocalError as error:
            refuse(form, error)
        else:
            signed = sign_or_show(
                request,
                here,
                form,
                draft,
                title=_("Revoke a warrant: %(post)s") % {"post": officer.post},
                consequence=_(
                    "What was signed under it from there on does not count, except what the partner has acted on."
                )
                if form.cleaned_data["since"]
                else _("What was signed under it so far stays. What comes after does not count, on any node."),
                back=reverse("warrants"),
            )
            if isinstance(signed, HttpResponse):
                return signed
            if signed is not None:
                Appointment.objects.filter(space=here.desk.id.hex(), grant=grant, active=True).update(active=False)
                told.success(request, _("The warrant is revoked: %(post)s.") % {"post": officer.post}, "good")
                return HttpResponseRedirect(reverse("warrants"))
    own_node = here.desk.record.grants[here.desk.party, grant].key == here.node.keys.public("writer")
    context = {"form": form, "here": here, "officer": officer, "own_node": own_node}
    return render(request, "people_admin/revoke.html", context, status=422 if form.errors else 200)


@administrators
@require_http_methods(["GET", "POST"])
def rotate(request: SignedInRequest, grant: int) -> HttpResponse:
    """Let a warrant go on under another key of its officer; who holds it goes on holding it."""
    if ask := confirm_required(request):
        return ask
    here = current(request)
    officer = next((o for o in read.officers(here.desk, here.as_of) if o.grant == grant and not o.replaced_by), None)
    if officer is None:
        raise Http404
    form = RotateForm(sent(request))
    if request.method == "POST" and form.is_valid() and request.POST.get("do") != EDIT:
        signed = sign_or_show(
            request,
            here,
            form,
            warranting.rotation(here.desk, grant, form.cleaned_data["officer_key"]),
            title=_("A new key for %(post)s") % {"post": officer.post},
            consequence=_("The old warrant ends where the new one is seen; what was used of its limits counts on."),
            back=reverse("warrants"),
        )
        if isinstance(signed, HttpResponse):
            return signed
        if signed is not None:
            service.carry_over(here.desk.id, grant, signed.ref.index)
            told.success(
                request, _("The warrant goes on under the new key: %(post)s.") % {"post": officer.post}, "good"
            )
            return HttpResponseRedirect(reverse("warrants"))
    context = {"form": form, "here": here, "officer": officer}
    return render(request, "people_admin/rotate.html", context, status=422 if form.errors else 200)


def _reason(name: str) -> Reason:
    return Reason[name.upper().replace("-", "_")]
