"""What a person may do on an order, and who could instead."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseBase
from django.utils.translation import gettext as _

from tallystick.app import read
from tallystick.app.node import Desk
from tallystick.app.read import Officer, OrderDetail
from tallystick.core.entries import Duty, Kind
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OpenAct
from tallystick.web import words
from tallystick.web.pages.desk import Here
from tallystick.web.pages.orders.acts import ACTS
from tallystick.web.pages.orders.occasion import Occasion
from tallystick.web.people.decorators import OpenView, SignedInRequest, View, signed_in
from tallystick.web.people.models import Person

P = ParamSpec("P")


def for_readers(view: View[P]) -> OpenView[P]:
    """Let persons who hold any duty on this node read; for others nothing is here."""

    @signed_in
    @functools.wraps(view)
    def checked(request: SignedInRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.person.duties_held:
            raise Http404
        return view(request, *args, **kwargs)

    return checked


class NotNowError(Exception):
    """The act is not open in the state the order is in."""


def warrants_of(person: Person, desk: Desk, as_of: int) -> tuple[Officer, ...]:
    """Return a person's live warrants under one agreement, in the order granted."""
    held = {a.grant for a in person.active_appointments if a.space == desk.id.hex()}
    return tuple(officer for officer in read.officers(desk, as_of) if officer.grant in held and officer.live)


def posts_with(desk: Desk, duties: Iterable[Duty], as_of: int) -> list[str]:
    """Return the posts of this party whose officers hold one of ``duties`` today."""
    wanted = set(duties)
    return [o.post for o in read.officers(desk, as_of) if o.live and wanted & set(o.duties)]


def need_duty(here: Here, duties: tuple[Duty, ...]) -> None:
    """Raise PermissionDenied, saying who can, unless this person holds one of ``duties`` by a live warrant."""
    held = {d for officer in warrants_of(here.person, here.desk, here.as_of) for d in officer.duties}
    if held & set(duties):
        return
    who = posts_with(here.desk, duties, here.as_of)
    told = {"duties": ", ".join(str(words.DUTIES[d]) for d in duties), "posts": "; ".join(who)}
    if who:
        raise PermissionDenied(_("This needs one of these duties: %(duties)s. They are held by: %(posts)s.") % told)
    raise PermissionDenied(_("This needs one of these duties: %(duties)s. Nobody here holds one now.") % told)


def order_or_404(here: Here, order_id: EntryRef) -> OrderDetail:
    detail = read.order(here.desk, order_id, here.reader, here.as_of)
    if detail is None:
        raise Http404
    return detail


def occasion(here: Here, detail: OrderDetail, kind: Kind, on: EntryRef) -> Occasion:
    """Return the occasion of an act on an order.

    Raises:
        Http404: no such act.
        PermissionDenied: not this person's.
        NotNowError: not in this state.
    """
    if kind not in ACTS or kind is Kind.REQUEST:
        raise Http404
    act = find(detail.ours, kind, on)
    duties = act.duties if act is not None else _duties(here, kind, on)
    need_duty(here, duties)
    if act is None:
        raise NotNowError
    officers = tuple(o for o in warrants_of(here.person, here.desk, here.as_of) if set(o.duties) & set(duties))
    return Occasion(here.desk, kind, on, detail, officers, here.as_of, here.offset)


def _duties(here: Here, kind: Kind, on: EntryRef) -> tuple[Duty, ...]:
    """Return the duties of an act that is not open; a correction's are those of what it would correct."""
    if kind is Kind.CORRECTION and here.desk.record.subject_of(on) is not None:
        return read.duties_for(Kind(here.desk.space.entry(on).kind))
    return read.duties_for(kind)


def mine(here: Here, detail: OrderDetail) -> tuple[OpenAct, ...]:
    """Return the open acts that this person can sign by a live warrant; what the order waits for comes first."""
    held = {d for officer in warrants_of(here.person, here.desk, here.as_of) for d in officer.duties}
    return tuple(act for act in detail.ours if act.kind in ACTS and held & set(act.duties))


def find(acts: Iterable[OpenAct], kind: Kind, on: EntryRef) -> OpenAct | None:
    return next((act for act in acts if act.kind == kind and act.on == on), None)
