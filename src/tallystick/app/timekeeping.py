"""Whether this machine's clock can be believed: a wrong one would be signed into the record for ever.

Judged by what the record itself says. A clock that stands before the newest entry known here, or more than a year
after it, signs nothing until somebody has set it, or has said that it is right. Leaves to the fold what a partner's
claimed times are worth.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass

from tallystick.app.node import Desk, Node
from tallystick.app.ports import EntryStore
from tallystick.core.errors import LocalError

BEHIND_SECONDS = 86_400  # a zone set wrongly is less, a clock that lost its battery is years
AHEAD_SECONDS = 400 * 86_400  # an agreement in use has an entry at least at the yearly reconciliation
_NAME = "clock-is-right"


@dataclass(frozen=True)
class _Said:
    """An administrator has looked at the clock: at that instant it was right, whatever the entries then said."""

    at: int
    sizes: Mapping[str, Mapping[int, int]]  # of all logs then, by space id


def trouble(desk: Desk) -> LocalError | None:
    """Return what is wrong with the clock, as ``require`` would raise it."""
    now = desk.clock.now()
    said = _said(desk.store)
    known = said.sizes.get(desk.id.hex(), {}) if said else {}
    times = {
        log: t
        for log, size in desk.space.sizes().items()
        if size > known.get(log, 0) and (t := desk.space.last_time(log)) is not None
    }
    floor = [said.at] if said else []
    newest = max([*times.values(), *floor], default=now)
    # Once somebody has looked at our clock, a partner's that is ahead is the partner's trouble.
    binding = max([t for log, t in times.items() if said is None or log in desk.own_logs] + floor, default=now)
    if now < binding - BEHIND_SECONDS:
        return LocalError("clock-behind", now=_told(now), newest=_told(binding))
    if now > newest + AHEAD_SECONDS:
        return LocalError("clock-ahead", now=_told(now), newest=_told(newest))
    return None


def require(desk: Desk) -> None:
    """Refuse to sign by a clock that cannot be right.

    Raises:
        LocalError: ``clock-behind`` or ``clock-ahead``.
    """
    error = trouble(desk)
    if error is not None:
        raise error


def may_write(desk: Desk) -> bool:
    """Return whether this node may write by itself: it is not behind itself, and its clock can be right."""
    return not desk.is_behind and trouble(desk) is None


def say_it_is_right(node: Node) -> None:
    """Remember that somebody has compared the clock with another one: from now on it is judged by what comes later."""
    sizes = {desk.id.hex(): sorted(desk.space.sizes().items()) for desk in node.desks.values()}
    node.store.remember(_NAME, json.dumps({"at": node.clock.now(), "sizes": sizes}).encode())


def _said(store: EntryStore) -> _Said | None:
    kept = store.recall(_NAME)
    if not kept:
        return None
    told = json.loads(kept)
    return _Said(told["at"], {space: dict(sizes) for space, sizes in told["sizes"].items()})


def _told(instant: int) -> str:
    return dt.datetime.fromtimestamp(instant, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
