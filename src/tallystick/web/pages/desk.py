"""Who asks, at which desk, on which day: what every page begins with.

Decides which agreement a person looks at (the one they chose, else the first) and what "today" is: the civil day in
the node's own zone. Leaves what may be done to the record, and who may see a page to ``people``.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.http import HttpRequest, QueryDict

from tallystick.app import alarms, read
from tallystick.app.node import Desk, Node
from tallystick.app.read import Reader
from tallystick.core.entries import Duty
from tallystick.core.errors import LocalError, TallystickError
from tallystick.web import formats
from tallystick.web.people.decorators import person_of
from tallystick.web.people.models import Person
from tallystick.web.record import get_node
from tallystick.web.shell import Standing

CHOSEN = "agreement"  # in the session: the space id, hexadecimal


@dataclass(frozen=True)
class Here:
    """``as_of`` is today's day number at the node; ``offset`` the node's zone in minutes east of UTC."""

    node: Node
    desk: Desk
    person: Person
    reader: Reader
    as_of: int
    now: int
    offset: int

    @property
    def party(self) -> str:
        return self.desk.party_code(self.desk.party)

    @property
    def partner(self) -> str:
        """The partner's code; the first, where there are several."""
        return self.desk.party_code(self.desk.partners[0])


def current(request: HttpRequest) -> Here:
    """Return what this request is about; the caller has made sure that somebody signed in.

    Raises:
        LocalError: ``no-agreement-yet``.
        StoreError: the database does not answer.
    """
    node = get_node()
    desk = chosen_desk(request, node)
    if desk is None:
        raise LocalError("no-agreement-yet")
    desk.refresh()
    person = person_of(request)
    assert person is not None
    now = node.clock.now()
    zone = ZoneInfo(node.settings.time_zone)
    shift = dt.datetime.fromtimestamp(now, zone).utcoffset() or dt.timedelta()
    as_of = formats.today(now, zone)
    return Here(
        node=node,
        desk=desk,
        person=person,
        reader=reader_of(person, desk, as_of),
        as_of=as_of,
        now=now,
        offset=int(shift.total_seconds()) // 60,
    )


def desks_of(person: Person, node: Node) -> list[Desk]:
    """Return the agreements a person looks at: those of their warrants; with a duty on the node itself, all.

    Somebody without any duty is shown nothing of them (``orders.access.for_readers``).
    """
    everything = list(node.desks.values())
    if person.duties or not person.active_appointments:
        return everything
    held = {appointment.space for appointment in person.active_appointments}
    return [desk for desk in everything if desk.id.hex() in held]


def chosen_desk(request: HttpRequest, node: Node) -> Desk | None:
    """Return the desk of the agreement this person chose, the first one otherwise, None when there is none."""
    person = person_of(request)
    assert person is not None
    desks = desks_of(person, node)
    wanted = request.session.get(CHOSEN, "")
    return next((desk for desk in desks if desk.id.hex() == wanted), next(iter(desks), None))


def choose(request: HttpRequest, desk: Desk) -> None:
    """Look at this agreement from now on."""
    request.session[CHOSEN] = desk.id.hex()


def reader_of(person: Person, desk: Desk, as_of: int) -> Reader:
    """Return the duties of ``person`` at ``desk``: those on the node, and those of live warrants of this agreement."""
    held = {appointment.grant for appointment in person.active_appointments if appointment.space == desk.id.hex()}
    live = (officer for officer in read.officers(desk, as_of) if officer.live and officer.grant in held)
    return Reader(frozenset(Duty(duty) for duty in (*person.duties, *(d for officer in live for d in officer.duties))))


def sent(request: HttpRequest) -> QueryDict | None:
    """Return what a form sent, None when it was only opened; an empty form that was sent is judged, too."""
    return request.POST if request.method == "POST" else None


def standing(request: HttpRequest) -> Standing | None:
    """Return how the books stand, for the foot of every page of a person with a duty; None when they cannot be read."""
    person = person_of(request)
    if person is None or not person.duties_held:
        return None
    try:
        desk = chosen_desk(request, get_node())
        if desk is None:
            return None
        step = read.in_step(desk)
        raised = len(alarms.standing(desk))
    except TallystickError:
        return None  # the page itself says what is wrong
    return Standing(
        digest=step.digest,
        in_step=None if step.last_heard_at is None else step.in_step,
        partner=formats.party(desk.party_code(desk.partners[0])),
        heard_at=step.last_heard_at,
        alarms=raised,
    )
