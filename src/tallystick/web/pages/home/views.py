"""What needs me now; what waits for others; the four numbers. Also says what to do before there is any agreement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from tallystick.app import health, read
from tallystick.app.index import Standing
from tallystick.app.node import Desk
from tallystick.app.ports import PeerStatus
from tallystick.app.read import Task
from tallystick.core.entries import Duty
from tallystick.core.errors import StoreError, TallystickError
from tallystick.web.health import troubles
from tallystick.web.messages import of as told_of
from tallystick.web.pages.alarms.views import banner
from tallystick.web.pages.desk import chosen_desk, current
from tallystick.web.people.decorators import SignedInRequest, signed_in
from tallystick.web.record import get_node
from tallystick.web.words import Word

SHOWN = 12  # of each list; the rest is one click away


@dataclass(frozen=True)
class Tile:
    """How one of the four numbers looks: its word, what it counts, its tone when it is not zero."""

    label: Word
    note: Word
    tone: str


TILES: Mapping[Standing, Tile] = MappingProxyType({
    Standing.SETTLED: Tile(_("Settled"), _("Received and paid for."), "good"),
    Standing.OPEN: Tile(_("Open"), _("Received, not yet paid, not late."), ""),
    Standing.OVERDUE: Tile(_("Overdue"), _("A payment or the 12 months are past."), "stop"),
    Standing.UNKNOWN: Tile(_("Unknown"), _("Delivered and not confirmed, or disputed."), "warn"),
})  # fmt: skip


@signed_in
@require_safe
def home(request: SignedInRequest) -> HttpResponse:
    node = get_node()
    administers = Duty.ADMINISTRATOR in request.person.duties_held
    knocks = sum(peer.status is PeerStatus.KNOCK for peer in node.store.peers()) if administers else 0
    if chosen_desk(request, node) is None:
        return render(request, "home/unpaired.html", {"administers": administers, "knocks": knocks})
    here = current(request)
    told = read.home(here.desk, here.reader, here.as_of)
    has_duty = bool(request.person.duties_held)
    return render(
        request,
        "home/home.html",
        {
            "here": here,
            "home": told,
            "has_duty": has_duty,
            "reads_only": here.reader.duties is not None and here.reader.duties <= {Duty.AUDITOR, Duty.ADMINISTRATOR},
            "mine": _first(told.mine),
            "ours": _first(told.ours),
            "theirs": _first(told.theirs),
            "late": told.late[:SHOWN],
            "soon": told.soon[:SHOWN],
            "tiles": [(which, tile, told.numbers[which]) for which, tile in TILES.items()],
            "troubles": [told_of(error) for error in _troubles(here.desk, administers)],
            "step": read.in_step(here.desk),
            "knocks": knocks,
            "alarms": banner(here) if has_duty else [],
            "begun": bool(here.desk.record.orders),
        },
    )


def _troubles(desk: Desk, administers: bool) -> list[TallystickError]:
    """Return what keeps everybody from signing here, and what only an administrator can mend."""
    machine = [error for error in troubles().machine if administers or isinstance(error, StoreError)]
    return list({error.code: error for error in (*machine, *health.of_desk(desk))}.values())


def _first(tasks: tuple[Task, ...]) -> dict[str, Any]:
    return {"tasks": tasks[:SHOWN], "more": max(0, len(tasks) - SHOWN)}
