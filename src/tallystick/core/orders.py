"""The life of an order: its states, the shape of what the fold says about it, and who may say what when.

Decides the words and the one table (``LIFE``). The documentation and the pages are drawn from it. Leaves the walking
of the table to ``fold`` and the postings to ``posting_rules``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tallystick.core.entries import Duty, Kind, Means, Outcome, PriceBasis, Reason
from tallystick.core.identity import EntryRef


class OrderState(StrEnum):
    """Where an order stands (domain.md 4.2). EXPIRED is told only with an ``as_of`` (see ``due``)."""

    REQUESTED = "requested"
    OFFERED = "offered"
    ORDERED = "ordered"
    AGREED = "agreed"
    IN_DELIVERY = "in-delivery"
    FULFILLED = "fulfilled"
    SETTLED = "settled"
    CLOSED = "closed"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"
    VOID = "void"  # the request itself does not count (its finding says why)


class Fulfilment(StrEnum):
    """Where the goods of a line stand."""

    OPEN = "open"
    PART_DELIVERED = "part-delivered"
    DELIVERED_UNCONFIRMED = "delivered-unconfirmed"
    PART_RECEIVED = "part-received"
    RECEIVED = "received"
    REFUSED = "refused"
    CANCELLED_REST = "cancelled-rest"


class LineSettlement(StrEnum):
    """Where the money of a line stands."""

    NONE = "none"
    ACCRUED = "accrued"
    INVOICED = "invoiced"
    DISPUTED = "disputed"
    PART_SETTLED = "part-settled"
    SETTLED = "settled"


class Side(StrEnum):
    """Which side of an order may speak."""

    RECEIVER = "receiver"
    PROVIDER = "provider"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order, in its agreed version.

    Quantities are scaled integers of ``unit``; money is in minor units of the order's currency.
    Conservation (I5): ordered = received + refused + cancelled + open, where open may be short or over by tolerance.
    """

    line: int
    category: str
    item: str
    nsn: str
    unit: str
    means: Means
    tolerance_permille: int
    requested: int
    ordered: int
    price_micro: int | None
    delivered: int
    received: int
    refused: int
    cancelled: int
    accrued: int
    invoiced: int
    disputed: int
    credited: int
    settled: int
    credit_due: int
    fulfilment: Fulfilment
    settlement: LineSettlement

    @property
    def open_quantity(self) -> int:
        """What is still to be delivered, never below zero; goods delivered and not yet received are not open."""
        return max(0, self.ordered - self.delivered - self.cancelled)

    @property
    def unbilled(self) -> int:
        return self.accrued - self.invoiced


@dataclass(frozen=True, slots=True)
class DeliveredLine:
    line: int
    quantity: int
    accepted: int | None  # None until a receipt speaks of it
    refused: int | None
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A delivery and the receipt that answers it, side by side."""

    ref: EntryRef
    sequence: int  # 1, 2, 3 … within the order
    occurred_on: int
    place: str
    lines: tuple[DeliveredLine, ...]
    receipt: EntryRef | None
    received_on: int | None


@dataclass(frozen=True, slots=True)
class DifferenceView:
    """Something the two sides saw differently: a refusal, a discrepancy or an invoice dispute."""

    ref: EntryRef  # the receipt, discrepancy or dispute that opened it
    line: int
    quantity: int
    amount: int  # money at stake, minor units; 0 when nothing was accrued
    reason: Reason
    resolution: EntryRef | None  # the live proposal, if any
    outcome: Outcome | None
    resolved: bool  # the proposal was countersigned


@dataclass(frozen=True, slots=True)
class InvoiceView:
    ref: EntryRef
    number: str
    issued_on: int
    due_on: int
    lines: tuple[tuple[int, int], ...]  # (line, amount)
    total: int
    accepted: bool
    disputed: int
    credited: int
    advised: int  # paid by the receiver's word, not yet received
    received: int
    charges: int

    @property
    def open_amount(self) -> int:
        """What is still owed on this invoice, minor units; negative when overpaid."""
        return self.total - self.credited - self.received


@dataclass(frozen=True, slots=True)
class ProposalView:
    """An amendment, cancellation, resolution or correction that waits for the other side's signature."""

    ref: EntryRef
    kind: Kind
    by: int
    countersigned: EntryRef | None


@dataclass(frozen=True, slots=True)
class OfferView:
    ref: EntryRef
    currency: str
    valid_until: int
    issuing_unit: str
    basis: PriceBasis
    price_list: EntryRef | None


@dataclass(frozen=True, slots=True)
class OrderView:
    """What the signed entries say about one order. ``order_id`` is the name of its request."""

    order_id: EntryRef
    number: str
    state: OrderState
    receiver: int
    provider: int
    situation: str
    place: str
    need_from: int
    need_to: int
    receiving_unit: str
    currency: str | None
    version: int  # 0 before an order; 1 as ordered; +1 for each effective amendment
    max_liability: int
    lines: tuple[Line, ...]
    offer: OfferView | None
    order: EntryRef | None
    acceptance: EntryRef | None
    bill_to: str
    pay_to: str
    deliveries: tuple[DeliveryView, ...]
    differences: tuple[DifferenceView, ...]
    invoices: tuple[InvoiceView, ...]
    proposals: tuple[ProposalView, ...]
    closed_by: tuple[int, ...]  # party numbers that have signed the close
    effective: tuple[EntryRef, ...]  # acts that count, in the order everybody reads them
    void: tuple[EntryRef, ...]  # acts that do not count; each has a finding

    @property
    def accrued(self) -> int:
        return sum(line.accrued for line in self.lines)

    @property
    def settled(self) -> int:
        return sum(line.settled for line in self.lines)

    @property
    def open_amount(self) -> int:
        """What the receiver still owes on this order, billed or not, minor units."""
        return sum(line.accrued - line.credited - line.settled for line in self.lines)

    def side_of(self, party: int) -> Side | None:
        """Return RECEIVER or PROVIDER, or None for a party that is neither."""
        if party == self.receiver:
            return Side.RECEIVER
        return Side.PROVIDER if party == self.provider else None


@dataclass(frozen=True, slots=True)
class OpenAct:
    """Something one side can do next on an order. ``primary`` is what the order waits for; the rest is allowed."""

    kind: Kind
    party: int
    duties: tuple[Duty, ...]  # any of these
    on: EntryRef
    primary: bool
