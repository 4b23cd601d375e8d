"""People of this node: made, invited, appointed, dismissed. Nothing here is signed, and nothing of it leaves."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as told
from django.db.models import Prefetch
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tallystick.app import read
from tallystick.app.read import Officer
from tallystick.core.entries import Duty
from tallystick.core.errors import LocalError
from tallystick.web import messages
from tallystick.web.pages.desk import Here, chosen_desk, current, sent
from tallystick.web.pages.people.forms import AppointForm, NodeDutiesForm, PersonForm
from tallystick.web.people import events, service
from tallystick.web.people.decorators import SignedInRequest, confirm_required, needs_duty
from tallystick.web.people.models import Appointment, Person
from tallystick.web.record import get_node

administrators = needs_duty(Duty.ADMINISTRATOR)


@administrators
@require_safe
def people(request: SignedInRequest) -> HttpResponse:
    everyone = (
        Person.objects.order_by("-is_active", "display_name")
        .prefetch_related(
            Prefetch("appointments", Appointment.objects.filter(active=True).order_by("grant"), to_attr="held")
        )
        .prefetch_related("passkeys")
    )
    return render(request, "people_admin/people.html", {"everyone": everyone, "tab": "people"})


@administrators
@require_http_methods(["GET", "POST"])
def new(request: SignedInRequest) -> HttpResponse:
    """Make a person, and show the one-time link at once."""
    form = PersonForm(sent(request))
    if request.method == "POST":
        if ask := confirm_required(request):
            return ask
        if form.is_valid():
            asked = form.cleaned_data
            try:
                made = service.create_person(
                    asked["username"], asked["display_name"], post=asked["post"], duties=asked["duties"]
                )
            except LocalError as error:
                form.add_error("username", messages.sentence(error.code, error.facts))
            else:
                events.tell(request, "person-made", person=made.username)
                return _show_link(request, made)
    return render(request, "people_admin/new.html", {"form": form}, status=422 if form.errors else 200)


@administrators
@require_POST
def invite(request: SignedInRequest, person_id: int) -> HttpResponse:
    if ask := confirm_required(request):
        return ask
    return _show_link(request, get_object_or_404(Person, pk=person_id, is_active=True))


def _show_link(request: SignedInRequest, invited: Person) -> HttpResponse:
    """Show a new one-time link. It is not kept: reloading cannot bring it back."""
    path = service.invite(invited)
    events.tell(request, "link-made", person=invited.username)
    context = {
        "invited": invited,
        "link": f"{get_node().settings.url}{path}",
        "hours": service.LINK_LIFE // service.HOUR,
    }
    response = render(request, "people_admin/link.html", context)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


@administrators
@require_safe
def person(request: SignedInRequest, person_id: int) -> HttpResponse:
    return _person_page(request, get_object_or_404(Person, pk=person_id))


def _person_page(request: SignedInRequest, shown: Person, *, status: int = 200, **forms: Any) -> HttpResponse:
    desk = chosen_desk(request, get_node())
    here = current(request) if desk is not None else None
    officers = _free_officers(here, shown) if here is not None else ()
    context = {
        "shown": shown,
        "held": _held(here, shown),
        "is_self": shown.pk == request.person.pk,
        "appoint_form": AppointForm(shown, officers, _holders(here)) if officers else None,
        "duties_form": NodeDutiesForm(shown),
        **forms,
    }
    return render(request, "people_admin/person.html", context, status=status)


def _held(here: Here | None, shown: Person) -> list[tuple[Appointment, Officer | None]]:
    """Return the warrants a person holds, with what the record says of them."""
    officers = {officer.grant: officer for officer in read.officers(here.desk, here.as_of)} if here is not None else {}
    space = here.desk.id.hex() if here is not None else ""
    return [(held, officers.get(held.grant) if held.space == space else None) for held in shown.active_appointments]


def _free_officers(here: Here, shown: Person) -> tuple[Officer, ...]:
    held = {appointment.grant for appointment in shown.active_appointments}
    return tuple(o for o in read.officers(here.desk, here.as_of) if o.live and o.grant not in held)


def _holders(here: Here | None) -> dict[int, str]:
    if here is None:
        return {}
    rows = Appointment.objects.filter(space=here.desk.id.hex(), active=True).select_related("person")
    return {row.grant: row.person.display_name for row in rows}


@administrators
@require_POST
def appoint(request: SignedInRequest, person_id: int) -> HttpResponse:
    """Put a person under a warrant; whoever held it before no longer does."""
    if ask := confirm_required(request):
        return ask
    here = current(request)
    shown = get_object_or_404(Person, pk=person_id, is_active=True)
    form = AppointForm(shown, _free_officers(here, shown), _holders(here), request.POST)
    if not form.is_valid():
        return _person_page(request, shown, status=422, appoint_form=form)
    officer = form.cleaned_data["grant"]
    service.appoint(shown, space=here.desk.id, grant=officer.grant, post=officer.post, duties=officer.duties)
    events.tell(request, "appointed", person=shown.username, grant=officer.grant)
    told.success(
        request, _("%(name)s now signs as %(post)s.") % {"name": shown.display_name, "post": officer.post}, "good"
    )
    return HttpResponseRedirect(reverse("person", args=[person_id]))


@administrators
@require_POST
def relieve(request: SignedInRequest, person_id: int, grant: int) -> HttpResponse:
    """Take a person from under a warrant. The warrant itself stays in the record, for the next."""
    if ask := confirm_required(request):
        return ask
    shown = get_object_or_404(Person, pk=person_id)
    here = current(request)
    gone = shown.appointments.filter(space=here.desk.id.hex(), grant=grant, active=True).update(active=False)
    if gone:
        events.tell(request, "relieved", person=shown.username, grant=grant)
        told.success(request, _("%(name)s no longer signs under that warrant.") % {"name": shown.display_name}, "good")
    return HttpResponseRedirect(reverse("person", args=[person_id]))


@administrators
@require_POST
def duties(request: SignedInRequest, person_id: int) -> HttpResponse:
    """Give or take the duties held on the node itself."""
    if ask := confirm_required(request):
        return ask
    shown = get_object_or_404(Person, pk=person_id, is_active=True)
    form = NodeDutiesForm(shown, request.POST)
    if form.is_valid() and Duty.ADMINISTRATOR not in form.cleaned_data["duties"] and _is_last_administrator(shown):
        form.add_error("duties", _("This is the last administrator. Make another one first."))
    if form.errors:
        return _person_page(request, shown, status=422, duties_form=form)
    shown.duties = sorted(int(duty) for duty in form.cleaned_data["duties"])
    shown.save(update_fields=["duties"])
    held = ", ".join(Duty(duty).name.lower() for duty in shown.duties) or "-"
    events.tell(request, "duties-changed", person=shown.username, duties=held)
    told.success(request, _("The duties of %(name)s are kept.") % {"name": shown.display_name}, extra_tags="good")
    return HttpResponseRedirect(reverse("person", args=[person_id]))


@administrators
@require_POST
def dismiss(request: SignedInRequest, person_id: int) -> HttpResponse:
    """Let a person in no more, from the next click on."""
    if ask := confirm_required(request):
        return ask
    shown = get_object_or_404(Person, pk=person_id, is_active=True)
    if shown.pk == request.person.pk or _is_last_administrator(shown):
        told.warning(request, _("The last administrator, and oneself, cannot be dismissed."), extra_tags="warn")
        return HttpResponseRedirect(reverse("person", args=[person_id]))
    service.dismiss(shown)
    events.tell(request, "dismissed", person=shown.username)
    told.success(
        request, _("%(name)s can no longer sign in. Their warrants are free.") % {"name": shown.display_name}, "good"
    )
    return HttpResponseRedirect(reverse("people"))


@administrators
@require_POST
def sessions_end(request: SignedInRequest, person_id: int) -> HttpResponse:
    """Sign a person out everywhere: a telephone was lost, say."""
    if ask := confirm_required(request):
        return ask
    shown = get_object_or_404(Person, pk=person_id)
    service.end_sessions(shown, keep=request if shown.pk == request.person.pk else None)
    events.tell(request, "sessions-ended", person=shown.username)
    told.success(request, _("%(name)s is signed out everywhere.") % {"name": shown.display_name}, extra_tags="good")
    return HttpResponseRedirect(reverse("person", args=[person_id]))


def _is_last_administrator(shown: Person) -> bool:
    if Duty.ADMINISTRATOR not in shown.duties_held:
        return False
    others = Person.objects.filter(is_active=True).exclude(pk=shown.pk).prefetch_related("appointments")
    return not any(Duty.ADMINISTRATOR in other.duties_held for other in others)
