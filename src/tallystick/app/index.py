"""One row for each order, kept up to date as orders change and days pass: what lists and the home page read.

A row depends on the order and on the day. Orders that ended keep their row; the others are made again on a new day.
So a page costs what changed, not what there is.
"""

from __future__ import annotations

from bisect import bisect_left, insort
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
    "need": lambda row: (row.need_from, row.number, row.order_id),
    "number": lambda row: (row.number, row.order_id),
    "state": lambda row: (row.state.value, row.number, row.order_id),
    "due": lambda row: (row.next_due_on if row.next_due_on is not None else _FAR, row.number, row.order_id),
    "value": lambda row: (row.currency or "", row.value, row.number, row.order_id),
    "open": lambda row: (row.currency or "", row.open_amount, row.number, row.order_id),
})  # fmt: skip
_MANY = 1_000  # changes at once after which sorting again is cheaper than moving each row


@dataclass
class OrderIndex:
    """The rows of one desk. Not thread-safe: ask under the desk's lock."""

    genesis: Genesis
    party: int
    _rows: dict[EntryRef, OrderRow] = field(default_factory=dict)
    _stale: set[EntryRef] = field(default_factory=set)
    _day: int | None = None
    _sorted: dict[str, list[OrderRow]] = field(default_factory=dict)  # ascending, by key of SORTS
    _live: dict[EntryRef, OrderRow] = field(default_factory=dict)  # what has not ended
    _states: Counter[str] = field(default_factory=Counter)
    _counts: Counter[Standing] = field(default_factory=Counter)
    _at_stake: Counter[tuple[Standing, str]] = field(default_factory=Counter)

    def changed(self, orders: Iterable[EntryRef]) -> None:
        """Say that these orders are to be read again."""
        self._stale.update(orders)

    def rows(self, record: Record, as_of: int, sort: str = "-need") -> Sequence[OrderRow]:
        """Return every row on the day ``as_of``, sorted by a key of ``SORTS``, with ``-`` in front for descending."""
        self._follow(record, as_of)
        name = sort.removeprefix("-")
        name = name if name in SORTS else "need"
        if name not in self._sorted:
            self._sorted[name] = sorted(self._rows.values(), key=SORTS[name])
        return self._sorted[name][::-1] if sort.startswith("-") else self._sorted[name][:]

    def live(self, record: Record, as_of: int) -> Sequence[OrderRow]:
        """Return the rows of orders that have not ended, the next deadline first."""
        self._follow(record, as_of)
        return sorted(self._live.values(), key=SORTS["due"])

    def states(self, record: Record, as_of: int) -> Mapping[str, int]:
        """Return how many orders are in each state."""
        self._follow(record, as_of)
        return +self._states

    def numbers(self, record: Record, as_of: int) -> Mapping[Standing, tuple[int, Mapping[str, int]]]:
        """Return, for each standing, how many orders and how much by currency: the value settled, or what is open."""
        self._follow(record, as_of)
        return {
            which: (
                self._counts[which],
                {
                    currency: amount
                    for (of, currency), amount in sorted(self._at_stake.items())
                    if of is which and amount
                },
            )
            for which in Standing
        }

    def _follow(self, record: Record, as_of: int) -> None:
        if as_of != self._day:
            self._day = as_of
            self._stale.update(self._live)
        if len(self._stale) > _MANY:
            self._sorted.clear()
        for order_id in self._stale:
            view = record.orders.get(order_id)
            self._drop(self._rows.pop(order_id, None))
            row = row_of(view, self.genesis, self.party, as_of) if view is not None else None
            if row is not None:
                self._add(row)
        self._stale.clear()

    def _add(self, row: OrderRow) -> None:
        self._rows[row.order_id] = row
        if row.state not in ENDED:
            self._live[row.order_id] = row
        for name, rows in self._sorted.items():
            insort(rows, row, key=SORTS[name])
        self._count(row, 1)

    def _drop(self, row: OrderRow | None) -> None:
        if row is None:
            return
        self._live.pop(row.order_id, None)
        for name, rows in self._sorted.items():
            del rows[bisect_left(rows, SORTS[name](row), key=SORTS[name])]
        self._count(row, -1)

    def _count(self, row: OrderRow, sign: int) -> None:
        self._states[row.state] += sign
        if row.standing is not None:
            self._counts[row.standing] += sign
            if row.currency:
                amount = row.value if row.standing is Standing.SETTLED else row.open_amount
                self._at_stake[row.standing, row.currency] += sign * amount
