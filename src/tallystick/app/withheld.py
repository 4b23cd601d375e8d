"""Acknowledgements that do not come: a partner that goes on signing and never says it has seen what we sent it.

A node of ours that hears something acknowledges it before it says anything else. So a partner whose node answers our
visits, signs new acts, and still has not acknowledged what was delivered on the first of these visits, withholds it:
it could later say that it had not known. Decides when that is told. It proves nothing by itself, and changes nothing in
the record; the entries that show it are the partner's own (docs/spec/sync.md, "Withheld acknowledgements").
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from tallystick.app.node import Desk
from tallystick.core.identity import EntryRef, party_of
from tallystick.core.space import Space

VISITS = 3  # that went well, at least: one may have crossed with the partner's own
SECONDS = 86_400  # since the first of them
_NAME = "unacknowledged "  # and the agreement's id and the partner's log


@dataclass(frozen=True)
class Unacknowledged:
    """``entry`` is the first act of ours that the partner has not acknowledged. It was delivered at ``since``.

    ``visits`` counts those that went well from then on; ``size`` is how far the partner's own log was then.
    """

    entry: str
    since: int
    visits: int
    size: int


def first_unacknowledged(space: Space, party: int, writer: int) -> EntryRef | None:
    """Return the first act of ``party`` that the log ``writer`` has not acknowledged, by log and index."""
    known = space.known_by(writer)
    return next(
        (
            EntryRef(log, index)
            for log, size in space.sizes().items()
            if party_of(log) == party
            for index in range(known.get(log, 0), size)
            if space.is_act(log, index)
        ),
        None,
    )


def after_visit(before: Unacknowledged | None, first: EntryRef | None, *, size: int, now: int) -> Unacknowledged | None:
    """Return what is known after a visit that went well.

    Args:
        before: What was known.
        first: ``first_unacknowledged`` now.
        size: Of the partner's log.
        now: Seconds since 1970.
    """
    if first is None:
        return None
    if before is None or before.entry != str(first):
        return Unacknowledged(str(first), now, 1, size)
    return replace(before, visits=min(VISITS, before.visits + 1))


def is_withheld(known: Unacknowledged, space: Space, writer: int, now: int) -> bool:
    """Return whether the partner has signed acts, and long enough, without acknowledging what it was given."""
    return (
        known.visits >= VISITS
        and now - known.since >= SECONDS
        and any(space.is_act(writer, index) for index in range(known.size, space.size(writer)))
    )


def note_visit(desk: Desk, writer_key: bytes) -> None:
    """Write down, after a visit that went well, what the partner with ``writer_key`` has still not acknowledged."""
    with desk.lock:
        writer = desk.space.log_of(writer_key)
        if writer is None:
            return
        before = recall(desk, writer)
        first = first_unacknowledged(desk.space, desk.party, writer)
        after = after_visit(before, first, size=desk.space.size(writer), now=desk.clock.now())
    if after != before:
        keep(desk, writer, after)


def keep(desk: Desk, writer: int, known: Unacknowledged | None) -> None:
    desk.store.remember(_name(desk, writer), json.dumps(asdict(known)).encode() if known else b"")


def recall(desk: Desk, writer: int) -> Unacknowledged | None:
    kept = desk.store.recall(_name(desk, writer))
    return Unacknowledged(**json.loads(kept)) if kept else None


def _name(desk: Desk, writer: int) -> str:
    return f"{_NAME}{desk.id.hex()} {writer}"
