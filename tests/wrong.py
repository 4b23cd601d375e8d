"""A program with a bug in its fold, and orders that bring it out: for tests of the alarm that two nodes raise."""

from __future__ import annotations

from collections.abc import Iterable

from tests.nodes import agreed, delivered, received

from tallystick.app import attest
from tallystick.app.node import Desk
from tallystick.cli.demo.director import Director
from tallystick.core import running
from tallystick.core.entries import Entry
from tallystick.core.fold import Fold
from tallystick.core.identity import EntryRef

DAY = 86_400


class WrongFold(Fold):
    """A fold with a bug: lines of half a tonne and more are worth a paisa too much."""

    def extend(self, entries: Iterable[Entry]) -> frozenset[EntryRef]:
        right = running.line_amount

        def wrong(price: int, scaled: int, *rest: object) -> int:
            return right(price, scaled, *rest) + (scaled >= 500_000)

        running.line_amount = wrong
        try:
            return super().extend(entries)
        finally:
            running.line_amount = right


def break_fold(desk: Desk, kind: type[Fold] = WrongFold) -> None:
    desk.fold = kind(desk.genesis)
    desk.fold.extend(desk.space.acts())


def three_orders(director: Director) -> list[EntryRef]:
    """Return orders of 100, 700 and 800 kg, received and owed for."""
    found = []
    for quantity in ("100", "700", "800"):
        accepted = agreed(director, quantity=quantity)
        received(director, delivered(director, accepted, quantity), quantity)
        director.exchange()
        found.append(director.desk("JP").record.subject_of(accepted))
    return found


def diverge(director: Director) -> None:
    """Let India's program go wrong, a day pass, and both nodes compare."""
    three_orders(director)
    break_fold(director.desk("IN"))
    director.clock.instant += DAY
    attest.attest_if_due(director.desk("JP"))
    for _ in range(3):
        director.exchange()
        for party in ("JP", "IN"):
            attest.compare(director.desk(party))
