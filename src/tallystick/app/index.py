"""One row for each order, kept up to date as orders change and days pass: what lists and the home page read.

A row depends on the order and on the day. Orders that ended keep their row; the others are made again on a new day.
So a page costs what changed, not what there is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from tallystick.core import due
from tallystick.core.agreement import Genesis
from tallystick.core.due import Clock, Overlay
from tallystick.core.fold import Record
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OrderState, OrderView, Side

ENDED = frozenset({OrderState.CLOSED, OrderState.DECLINED, OrderState.WITHDRAWN, OrderState.CANCELLED, OrderState.VOID})
_SETTLED = frozenset({OrderState.SETTLED, OrderState.CLOSED})
_FAR = 1 << 30  # later than any day: orders with no deadline sort last


class Standing(StrEnum):
    """The four answers an auditor asks for, of each order under which something was delivered."""

    SETTLED = "settled"
    OPEN = "open"
    OVERDUE = "overdue"
    UNKNOWN = "unknown"  # delivered and nobody has said what was received, or in dispute


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order in a list. Amounts in minor units of ``currency``."""

    order_id: EntryRef
    number: str
    state: OrderState  # with the day: may be EXPIRED
    side: Side
    partner: str
    place: str
    receiving_unit: str
    need_from: int
    currency: str | None
    value: int
    open_amount: int
    next_due_on: int | None
    overlays: tuple[Overlay, ...]
    standing: Standing | None
    text: str  # what a search looks through, in lower case
    flags: int = 0  # findings someone should look at; filled in for the rows that are shown

    @property
    def late(self) -> bool:
        return any(overlay.late for overlay in self.overlays)


def standing(order: OrderView, overlays: Iterable[Overlay]) -> Standing | None:
    """Return how an order stands to an auditor; None when nothing was delivered under it."""
    if not order.deliveries:
        return None
    codes = {overlay.code for overlay in overlays}
    if "RECEIPT_LATE" in codes or any(line.disputed for line in order.lines):
        return Standing.UNKNOWN
    if order.state in _SETTLED:
        return Standing.SETTLED
    return Standing.OVERDUE if codes & {"OVERDUE", "PAST_12M", "PAST_18M"} else Standing.OPEN


def partner_of(order: OrderView, party: int) -> int:
    return order.provider if order.receiver == party else order.receiver


def row_of(order: OrderView, genesis: Genesis, party: int, as_of: int) -> OrderRow | None:
    """Return the row of ``order`` as ``party`` sees it on the day ``as_of``; None when it is no side of it."""
    side = order.side_of(party)
    if side is None:
        return None
    clocks: tuple[Clock, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    if order.state not in ENDED:
        clocks = due.clocks(order, genesis.terms)
        overlays = due.overlays(order, genesis.terms, as_of)
    return OrderRow(
        order_id=order.order_id,
        number=order.number,
        state=due.state_on(order, as_of),
        side=side,
        partner=genesis.parties[partner_of(order, party)].code,
        place=order.place,
        receiving_unit=order.receiving_unit,
        need_from=order.need_from,
        currency=order.currency,
        value=order.accrued or order.agreed_value,
        open_amount=order.open_amount,
        next_due_on=min((clock.due_on for clock in clocks if clock.done_on is None), default=None),
        overlays=overlays,
        standing=standing(order, overlays),
        text="\n".join([order.number, order.receiving_unit, *(line.item for line in order.lines)]).lower(),
    )


SORTS: Mapping[str, Callable[[OrderRow], Any]] = MappingProxyType({
    "need": lambda row: (row.need_from, row.number),
    "number": lambda row: row.number,
    "state": lambda row: (row.state.value, row.number),
    "due": lambda row: (row.next_due_on if row.next_due_on is not None else _FAR, row.number),
    "value": lambda row: (row.currency or "", row.value, row.number),
    "open": lambda row: (row.currency or "", row.open_amount, row.number),
})  # fmt: skip


@dataclass
class OrderIndex:
    """The rows of one desk. Not thread-safe: ask under the desk's lock."""

    genesis: Genesis
    party: int
    _rows: dict[EntryRef, OrderRow] = field(default_factory=dict)
    _stale: set[EntryRef] = field(default_factory=set)
    _day: int | None = None
    _sorted: dict[str, Sequence[OrderRow]] = field(default_factory=dict)
    _states: Counter[str] = field(default_factory=Counter)

    def changed(self, orders: Iterable[EntryRef]) -> None:
        """Say that these orders are to be read again."""
        self._stale.update(orders)

    def rows(self, record: Record, as_of: int, sort: str = "-need") -> Sequence[OrderRow]:
        """Return every row on the day ``as_of``, sorted by a key of ``SORTS``, with ``-`` in front for descending."""
        self._follow(record, as_of)
        if sort not in self._sorted:
            key = SORTS.get(sort.removeprefix("-"), SORTS["need"])
            self._sorted[sort] = sorted(self._rows.values(), key=key, reverse=sort.startswith("-"))
        return self._sorted[sort]

    def states(self, record: Record, as_of: int) -> Mapping[str, int]:
        """Return how many orders are in each state."""
        self._follow(record, as_of)
        return self._states

    def _follow(self, record: Record, as_of: int) -> None:
        if as_of != self._day:
            self._day = as_of
            self._stale.update(name for name, row in self._rows.items() if row.state not in ENDED)
        if not self._stale:
            return
        for order_id in self._stale:
            view = record.orders.get(order_id)
            row = row_of(view, self.genesis, self.party, as_of) if view is not None else None
            if row is None:
                self._rows.pop(order_id, None)
            else:
                self._rows[order_id] = row
        self._stale.clear()
        self._sorted.clear()
        self._states = Counter(row.state for row in self._rows.values())
