"""What can be proved about when an entry was written, from the claims of those who had seen each other's words.

Each entry claims a time. Two bounds can be shown to anybody: it is not older than the newest claim of the other party
in its causal past, and not younger than the first claim of the other party that had seen it. Decides which entries of
one order claim a time outside these bounds by more than the agreed tolerance. Nobody's clock is trusted: a claim
outside says that two clocks, or two persons, contradict each other, not who is right.

Source: docs/spec/orders.md, "Time".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from tallystick.core.entries import Entry

BEFORE_SEEN = "dated-before-seen"
AFTER_WITNESS = "dated-after-witness"


class OutOfBounds(NamedTuple):
    """``entry`` claims a time that the claim of ``other`` contradicts; ``code`` is the finding's."""

    code: str
    entry: Entry
    other: Entry


def contradictions(entries: Sequence[Entry], tolerance: int) -> Sequence[OutOfBounds]:
    """Return what the claims in one order contradict, at most one of each code for an entry.

    Args:
        entries: All entries of one order, in the order everybody reads them.
        tolerance: Seconds that clocks may differ.
    """
    latest = 0
    early = []  # what claims to be older than something read before it: nothing else can have been dated back
    for entry in entries:
        t = entry.t
        if t > latest:
            latest = t
        elif t + tolerance < latest:
            early.append(entry)
    return _contradictions(entries, early, tolerance) if early else ()


class _Claims:
    """What one log says in an order, with the newest claim up to each place."""

    __slots__ = ("entries", "indices", "log", "newest", "party")

    def __init__(self, first: Entry) -> None:
        self.log = first.ref.log
        self.party = first.party
        self.entries: list[Entry] = []
        self.indices: list[int] = []
        self.newest: list[Entry] = []

    def add(self, entry: Entry) -> None:
        newest = self.newest[-1] if self.newest and self.newest[-1].t >= entry.t else entry
        self.entries.append(entry)
        self.indices.append(entry.ref.index)
        self.newest.append(newest)

    def newest_before(self, size: int) -> Entry | None:
        """Return the entry with the newest claim among those below index ``size``."""
        at = bisect_left(self.indices, size)
        return self.newest[at - 1] if at else None

    def first_that_saw(self, entry: Entry) -> Entry | None:
        at = bisect_left(self.entries, True, key=lambda later: later.had_seen(entry.ref))
        return self.entries[at] if at < len(self.entries) else None


def _contradictions(entries: Sequence[Entry], early: Sequence[Entry], tolerance: int) -> Sequence[OutOfBounds]:
    logs: dict[int, _Claims] = {}
    for entry in entries:
        claims = logs.get(entry.ref.log)
        if claims is None:
            claims = logs[entry.ref.log] = _Claims(entry)
        claims.add(entry)
    found = []
    for entry in early:
        party = entry.party
        seen = [
            newest
            for claims in logs.values()
            if claims.party != party and (newest := claims.newest_before(entry.seen.get(claims.log, 0)))
        ]
        newest = max(seen, key=_by_claim, default=None)
        if newest is not None and entry.t + tolerance < newest.t:
            found.append(OutOfBounds(BEFORE_SEEN, entry, newest))
    if not found:
        return ()  # what was written apart may be read in any order; and nobody who saw an entry claims to be older
    for entry in entries:
        party = entry.party
        witnesses = [
            first for claims in logs.values() if claims.party != party and (first := claims.first_that_saw(entry))
        ]
        first = min(witnesses, key=_by_claim, default=None)
        if first is not None and entry.t > first.t + tolerance:
            found.append(OutOfBounds(AFTER_WITNESS, entry, first))
    return found


def _by_claim(entry: Entry) -> tuple[int, tuple[int, int, int]]:
    return entry.t, entry.order_key
