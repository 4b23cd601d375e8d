"""What the clock adds: due dates, what is late, and how old what is open has become.

Pure questions to one order and a day ``as_of``; the fold itself knows no clock, so two nodes always have one record
and may still disagree about what day it is. Decides which date each deadline runs from. Leaves how days are counted to
``calendar``.

Source: docs/spec/ledger.md, "Due dates".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tallystick.core.agreement import Terms
from tallystick.core.calendar import add_days, add_months, day_at, days_past
from tallystick.core.entries import Kind
from tallystick.core.identity import EntryRef
from tallystick.core.ledger import ItemState, OpenItem
from tallystick.core.orders import DeliveryView, InvoiceView, OrderState, OrderView

LONG_OVERDUE_MONTHS = 18  # from hand-over: where a creditor may think of setting off
_RUNNING = frozenset({OrderState.AGREED, OrderState.IN_DELIVERY})


class ClockKind(StrEnum):
    OFFER = "offer"  # an offer may be taken until its last day
    NEED = "need"  # what was asked for is needed until then
    RECEIPT = "receipt"  # what was handed over should be counted
    INVOICE = "invoice"  # what was received should be billed
    PAYMENT = "payment"  # what was billed is due
    SETTLEMENT = "settlement"  # what was handed over must be settled


# How many days before its due date a deadline is worth a word.
SOON_DAYS: dict[ClockKind, int] = {
    ClockKind.OFFER: 5,
    ClockKind.INVOICE: 7,
    ClockKind.PAYMENT: 14,
    ClockKind.SETTLEMENT: 60,
}


@dataclass(frozen=True, slots=True)
class Clock:
    """One deadline. ``ref`` is the document it runs from; ``amount`` what is still open under it, minor units.

    ``done_on`` is the day it was met, or None while it runs. ``met_by`` are the acts that meet it.
    """

    kind: ClockKind
    base_on: int
    due_on: int
    done_on: int | None
    ref: EntryRef
    amount: int
    met_by: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class Overlay:
    """Something the clock says about an order: ``late`` by ``days``, or (not late) due in ``days``."""

    code: str
    days: int
    ref: EntryRef
    late: bool


def day_for_both(instant: int, offsets_minutes: Sequence[int]) -> int:
    """Return the day at ``instant`` in the later of several zones: what is in time there is in time.

    Args:
        instant: Seconds since 1970 UTC.
        offsets_minutes: Minutes east of UTC, of each place concerned.
    """
    return day_at(instant, min(offsets_minutes))


def state_on(order: OrderView, as_of: int) -> OrderState:
    """Return the state on a day: as signed, or EXPIRED when the offer was not taken in time."""
    if order.state is OrderState.OFFERED and order.offer is not None and order.offer.valid_until < as_of:
        return OrderState.EXPIRED
    return order.state


# ---- deadlines


def clocks(order: OrderView, terms: Terms) -> tuple[Clock, ...]:
    """Return the deadlines of an order, met and running, in the order of its life."""
    if order.acceptance is None:
        return tuple(_offer_clock(order))
    return (
        *_need_clock(order),
        *_receipt_clocks(order, terms),
        *_invoice_clocks(order, terms),
        *_payment_clocks(order),
        *_settlement_clocks(order, terms),
    )


def _offer_clock(order: OrderView) -> Iterator[Clock]:
    offer = order.offer
    if offer is not None and order.state is OrderState.OFFERED:
        base_on = min(offer.offered_on, offer.valid_until)
        yield Clock(ClockKind.OFFER, base_on, offer.valid_until, None, offer.ref, order.agreed_value, (Kind.ORDER,))


def _need_clock(order: OrderView) -> Iterator[Clock]:
    if order.state in _RUNNING:
        done = all(line.is_delivered for line in order.lines)
        last = max((delivery.occurred_on for delivery in order.deliveries), default=order.need_to)
        yield Clock(
            ClockKind.NEED, order.need_from, order.need_to, last if done else None, order.order_id, 0, (Kind.DELIVERY,)
        )


def _receipt_clocks(order: OrderView, terms: Terms) -> Iterator[Clock]:
    for delivery in order.deliveries:
        due_on = add_days(delivery.occurred_on, terms.receipt_reminder_days)
        yield Clock(
            ClockKind.RECEIPT, delivery.occurred_on, due_on, delivery.received_on, delivery.ref, 0, (Kind.RECEIPT,)
        )


def _worth(delivery: DeliveryView) -> int:
    return sum(line.amount for line in delivery.lines)


def _invoice_clocks(order: OrderView, terms: Terms) -> Iterator[Clock]:
    for delivery in order.deliveries:
        if delivery.receipt is None or delivery.received_on is None or not _worth(delivery):
            continue
        billed_on = [invoice.issued_on for invoice in order.invoices if delivery.receipt in invoice.receipts]
        billable = {part.line for part in delivery.lines if part.amount}
        nothing_left = not any(line.unbilled for line in order.lines if line.line in billable)
        done_on = min(billed_on) if billed_on else (delivery.received_on if nothing_left else None)
        due_on = add_days(delivery.received_on, terms.invoice_within_days)
        amount = _worth(delivery) if done_on is None else 0
        yield Clock(ClockKind.INVOICE, delivery.received_on, due_on, done_on, delivery.receipt, amount, (Kind.INVOICE,))


_PAYING = (Kind.PAYMENT_ADVICE, Kind.FUNDS_RECEIVED)


def _payment_clocks(order: OrderView) -> Iterator[Clock]:
    for invoice in order.invoices:
        done_on = invoice.settled_on if invoice.open_amount == 0 else None
        if invoice.open_amount < 0:  # paid too much: nothing is due from the receiver
            done_on = invoice.last_money_on
        yield Clock(
            ClockKind.PAYMENT, invoice.issued_on, invoice.due_on, done_on, invoice.ref, invoice.open_amount, _PAYING
        )


def _settlement_clocks(order: OrderView, terms: Terms) -> Iterator[Clock]:
    """The treaty's own deadline: it runs from hand-over, whatever was billed or disputed since."""
    counted = [delivery for delivery in order.deliveries if delivery.receipt is not None]
    open_of = _open_by_delivery(order, counted)
    for delivery, open_amount in zip(counted, open_of, strict=True):
        if _worth(delivery) or open_amount:
            done_on = None if open_amount else _settled_on(order, delivery)
            due_on = add_months(delivery.occurred_on, terms.settlement_months)
            yield Clock(
                ClockKind.SETTLEMENT,
                delivery.occurred_on,
                due_on,
                done_on,
                delivery.ref,
                open_amount,
                (Kind.INVOICE, *_PAYING),
            )


def _open_by_delivery(order: OrderView, counted: Sequence[DeliveryView]) -> list[int]:
    """Share out, line by line, what was settled over the deliveries: the oldest first."""
    open_of = [0] * len(counted)
    for line in order.lines:
        worths = [sum(part.amount for part in d.lines if part.line == line.line) for d in counted]
        covered = line.settled + line.credited + max(0, sum(worths) - line.accrued)
        added = max(0, line.accrued - sum(worths))  # by a resolution: it belongs to the last delivery of the line
        last = max((place for place, worth in enumerate(worths) if worth), default=len(worths) - 1)
        for place, worth in enumerate(worths):
            whole = worth + (added if place == last else 0)
            part = min(whole, covered)
            covered -= part
            open_of[place] += whole - part
    return open_of


def _settled_on(order: OrderView, delivery: DeliveryView) -> int:
    """Return the day on which nothing of a settled delivery was open any more, as near as the documents say."""
    received_on = delivery.received_on
    assert received_on is not None
    naming: list[InvoiceView] = [invoice for invoice in order.invoices if delivery.receipt in invoice.receipts]
    days = [invoice.last_money_on for invoice in naming or order.invoices if invoice.last_money_on is not None]
    return max(days, default=received_on)


# ---- late, and soon late


def overlays(order: OrderView, terms: Terms, as_of: int) -> tuple[Overlay, ...]:
    """Return what is late under an order on the day ``as_of``, the latest first, then what is due soon."""
    found = [overlay for clock in clocks(order, terms) for overlay in _overlays_of(order, clock, terms, as_of)]
    return tuple(sorted(found, key=lambda overlay: -overlay.days if overlay.late else overlay.days))


def _overlays_of(order: OrderView, clock: Clock, terms: Terms, as_of: int) -> Iterator[Overlay]:
    if clock.done_on is not None:
        return
    late_days = days_past(clock.due_on, as_of)
    if not late_days:
        if clock.due_on - as_of <= SOON_DAYS.get(clock.kind, -1):
            yield Overlay("DUE_SOON", clock.due_on - as_of, clock.ref, late=False)
    elif clock.kind is ClockKind.RECEIPT:
        yield Overlay("RECEIPT_LATE", late_days, clock.ref, late=True)
        escalated = days_past(add_days(clock.base_on, terms.receipt_escalation_days), as_of)
        if escalated:
            yield Overlay("RECEIPT_ESCALATED", escalated, clock.ref, late=True)
    elif clock.kind is ClockKind.INVOICE:
        yield Overlay("LATE_INVOICE", late_days, clock.ref, late=True)
    elif clock.kind is ClockKind.PAYMENT:
        invoice = next(invoice for invoice in order.invoices if invoice.ref == clock.ref)
        if invoice.open_amount > invoice.disputed:  # a dispute pauses the disputed amount, and no other clock
            yield Overlay("OVERDUE", late_days, clock.ref, late=True)
    elif clock.kind is ClockKind.SETTLEMENT:
        yield Overlay("PAST_12M", late_days, clock.ref, late=True)
        long_overdue = days_past(add_months(clock.base_on, LONG_OVERDUE_MONTHS), as_of)
        if long_overdue:
            yield Overlay("PAST_18M", long_overdue, clock.ref, late=True)


# ---- ageing

PAST_DUE_BUCKETS: tuple[tuple[int, str], ...] = (
    (0, "not due"),
    (30, "1–30"),
    (60, "31–60"),
    (90, "61–90"),
    (180, "91–180"),
    (365, "181–365"),
    (540, "366–540"),
)
"""Days past the due date, for what is billed: (up to, name); beyond the last one ``> 540``."""

UNBILLED_BUCKETS: tuple[tuple[int, str], ...] = ((30, "0–30"), (90, "31–90"), (365, "91–365"))
"""Days since the receipt, for what is not billed; beyond the last one ``> 365``."""


def bucket(days: int, table: Sequence[tuple[int, str]]) -> str:
    """Return the name of the bucket that ``days`` falls into."""
    return next((name for up_to, name in table if days <= up_to), f"> {table[-1][0]}")


@dataclass(frozen=True, slots=True)
class AgeingRow:
    """How much of one sort and age is open between two parties; ``items`` counts them. Amount in minor units."""

    creditor: int
    debtor: int
    commodity: str
    state: ItemState
    bucket: str
    items: int
    amount: int


def ageing(items: Iterable[OpenItem], as_of: int) -> tuple[AgeingRow, ...]:
    """Return open items by pair, commodity, state and age on the day ``as_of``; each item is in exactly one row."""
    rows: dict[tuple[int, int, str, int, int], tuple[int, int]] = {}
    states = list(ItemState)
    for item in items:
        table, days = _age(item, as_of)
        names = [name for _up_to, name in table]
        name = bucket(days, table)
        place = names.index(name) if name in names else len(names)
        key = (item.creditor, item.debtor, item.commodity, states.index(item.state), place)
        count, amount = rows.get(key, (0, 0))
        rows[key] = (count + 1, amount + item.amount)
    told = []
    for (creditor, debtor, commodity, state, place), (count, amount) in sorted(rows.items()):
        table = UNBILLED_BUCKETS if states[state] is ItemState.UNBILLED else PAST_DUE_BUCKETS
        name = table[place][1] if place < len(table) else f"> {table[-1][0]}"
        told.append(AgeingRow(creditor, debtor, commodity, states[state], name, count, amount))
    return tuple(told)


def _age(item: OpenItem, as_of: int) -> tuple[Sequence[tuple[int, str]], int]:
    if item.due_on is None:
        return UNBILLED_BUCKETS, days_past(item.since, as_of)
    return PAST_DUE_BUCKETS, days_past(item.due_on, as_of)
