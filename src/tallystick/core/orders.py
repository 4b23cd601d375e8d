"""The life of an order: its states, the shape of what the fold says about it, and who may say what when.

Decides the words and the one table (``LIFE``). The documentation and the pages are drawn from it. Leaves the walking
of the table to ``fold`` and the postings to ``posting_rules``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from tallystick.core.entries import Duty, Kind, Means, Outcome, PriceBasis, Reason
from tallystick.core.identity import EntryRef, party_of


class OrderState(StrEnum):
    """Where an order stands (docs/spec/orders.md, "States"). EXPIRED is told only with an ``as_of`` (see ``due``)."""

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
    order_value: int = 0  # ordered × price, rounded once

    @property
    def open_quantity(self) -> int:
        """What is still to be delivered, never below zero; goods delivered and not yet received are not open."""
        return max(0, self.ordered - self.delivered - self.cancelled)

    @property
    def is_delivered(self) -> bool:
        """Whether enough has been handed over, received or not, to be within tolerance."""
        done = self.delivered + self.cancelled
        return done * 1000 >= self.ordered * (1000 - min(1000, self.tolerance_permille))

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
    amount: int = 0  # what the receipt made the line worth, minor units


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
    receipts: tuple[EntryRef, ...] = ()  # what it bills
    settled_on: int | None = None  # the day the last money or credit came that left nothing open
    last_money_on: int | None = None  # the day of the last money or credit

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
    offered_on: int = 0  # the day it was signed


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
    cancelled_by: EntryRef | None = None  # the countersignature that made a cancellation count

    @property
    def agreed_value(self) -> int:
        """What the order is worth as agreed (or offered), minor units."""
        return sum(line.order_value for line in self.lines)

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


# ---- the table


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the life of an order: who may say ``kind`` on what, when, and what comes of it.

    Attributes:
        on: Kinds the object may be; empty when the act needs none.
        from_states: States in which it counts.
        side: Which side of the order may write it.
        duties: The officer needs one of these (of those that belong to the writer's side).
        guards: Codes of the findings this act may earn by what it says.
        to: The state afterwards; None when it follows from the lines (docs/spec/orders.md, "States").
        otherwise: The finding when the order is in none of ``from_states``.
        needs_countersign: Whether it counts only with the other side's signature.
    """

    kind: Kind
    on: tuple[Kind, ...]
    from_states: tuple[OrderState, ...]
    side: Side
    duties: tuple[Duty, ...]
    guards: tuple[str, ...]
    to: OrderState | None
    note: str
    otherwise: str = "act-out-of-turn"
    needs_countersign: bool = False


_S = OrderState
_NEGOTIATION = (_S.REQUESTED, _S.OFFERED, _S.ORDERED)
_RUNNING = (_S.AGREED, _S.IN_DELIVERY, _S.FULFILLED)
_GOODS = (_S.IN_DELIVERY, _S.FULFILLED, _S.SETTLED)
_AGREED = (_S.AGREED, _S.IN_DELIVERY, _S.FULFILLED, _S.SETTLED, _S.CANCELLED)
_CANCELLABLE = (_S.AGREED, _S.IN_DELIVERY)
_AUTHORITIES = (Duty.ORDERING, Duty.ACCEPTING)
_ANSWERING = (Duty.ORDERING, Duty.RECEIVING, Duty.PAYING, Duty.ACCEPTING, Duty.ISSUING, Duty.BILLING)

LIFE: tuple[Step, ...] = (
    Step(
        Kind.REQUEST, (), (), Side.RECEIVER, (Duty.REQUESTER,),
        ("wrong-provider", "not-in-force", "not-allowed-situation", "not-allowed-category", "not-allowed-means",
         "blocked-item", "unknown-unit", "bad-quantity", "bad-dates", "duplicate-number"),
        _S.REQUESTED, "Says what is needed, where and when. Opens the order.",
    ),
    Step(
        Kind.DECLINE, (Kind.REQUEST,), _NEGOTIATION, Side.PROVIDER, (Duty.ACCEPTING,),
        (), _S.DECLINED, "There is no duty to provide: any request may be declined until it is agreed.",
    ),
    Step(
        Kind.OFFER, (Kind.REQUEST,), _NEGOTIATION, Side.PROVIDER, (Duty.ACCEPTING,),
        ("warrant-currency", "over-act-ceiling", "unknown-currency", "bad-dates", "bad-quantity", "price-above-list"),
        _S.OFFERED, "Names quantities, prices and a last day. A new offer replaces the earlier one.",
    ),
    Step(
        Kind.WITHDRAWAL, (Kind.REQUEST,), _NEGOTIATION, Side.RECEIVER, (Duty.REQUESTER, Duty.ORDERING),
        (), _S.WITHDRAWN, "Takes the request back. An acceptance that had not seen it stands.",
    ),
    Step(
        Kind.WITHDRAWAL, (Kind.OFFER,), (_S.OFFERED,), Side.PROVIDER, (Duty.ACCEPTING,),
        ("offer-not-live",), _S.REQUESTED, "Takes the offer back. An order that had not seen it stands.",
    ),
    Step(
        Kind.ORDER, (Kind.OFFER,), (_S.REQUESTED, _S.OFFERED), Side.RECEIVER, (Duty.ORDERING,),
        ("warrant-currency", "over-act-ceiling", "over-total-ceiling", "officer-signature-missing", "offer-expired",
         "same-officer", "offer-not-live", "second-order"),
        _S.ORDERED, "Takes the live offer and binds the receiver up to a limit; names who certified the funds.",
        otherwise="second-order",
    ),
    Step(
        Kind.ACCEPTANCE, (Kind.ORDER,), (_S.ORDERED, _S.REQUESTED, _S.OFFERED, _S.WITHDRAWN), Side.PROVIDER,
        (Duty.ACCEPTING,), ("warrant-currency", "over-act-ceiling", "over-total-ceiling", "officer-signature-missing"),
        _S.AGREED, "Makes the order binding. It may name an order made on an offer that was replaced meanwhile.",
        otherwise="already-decided",
    ),
    Step(
        Kind.AMENDMENT, (Kind.ACCEPTANCE,), _RUNNING, Side.EITHER, _AUTHORITIES,
        ("warrant-currency", "over-act-ceiling", "over-total-ceiling", "officer-signature-missing", "already-decided",
         "stale-amendment", "bad-quantity"),
        None, "Changes quantities, prices or the limit. Deliveries already made keep their version.",
        needs_countersign=True,
    ),
    Step(
        Kind.CANCELLATION, (Kind.ACCEPTANCE,), _CANCELLABLE, Side.EITHER, _AUTHORITIES,
        ("already-decided",), None,
        "Cancels what is not delivered. A delivery that had not seen the second signature stands.",
        needs_countersign=True,
    ),
    Step(
        Kind.DELIVERY, (Kind.ACCEPTANCE,), _AGREED, Side.PROVIDER, (Duty.ISSUING,),
        ("bad-quantity", "delivery-after-cancel", "cancel-crossed-delivery", "over-delivery", "fuel-measure-missing",
         "fuel-volume-differs"),
        None, "Hands over goods or says a service was done. Partial deliveries are welcome.",
    ),
    Step(
        Kind.RECEIPT, (Kind.DELIVERY,), (*_GOODS, _S.CANCELLED), Side.RECEIVER, (Duty.RECEIVING,),
        ("already-decided", "receipt-mismatch", "bad-dates", "refused-goods", "over-liability"),
        None, "Counts and accepts or refuses. What is accepted is owed from here on.",
    ),
    Step(
        Kind.DISCREPANCY, (Kind.RECEIPT,), _GOODS, Side.EITHER,
        (Duty.RECEIVING, Duty.ISSUING, Duty.INSPECTOR, Duty.BILLING, Duty.PAYING),
        ("bad-quantity", "late-claim", "discrepancy-open"),
        None, "Says that something was different after all.",
    ),
    Step(
        Kind.RESOLUTION, (Kind.RECEIPT, Kind.DISCREPANCY, Kind.INVOICE_DISPUTED), (*_GOODS, _S.CLOSED), Side.EITHER,
        _AUTHORITIES, ("bad-quantity", "already-decided", "credit-over-invoiced", "over-liability"),
        None, "Ends a difference and says what the line is worth more or less.",
        needs_countersign=True,
    ),
    Step(
        Kind.INVOICE, (Kind.ACCEPTANCE,), _GOODS, Side.PROVIDER, (Duty.BILLING,),
        ("invoice-receipt-unknown", "bad-quantity", "invoice-over-accrued", "invoice-total-differs",
         "duplicate-number"),
        None, "Bills what was received. Starts the clock of payment.",
    ),
    Step(
        Kind.INVOICE_ACCEPTED, (Kind.INVOICE,), _GOODS, Side.RECEIVER, (Duty.PAYING,),
        ("already-decided",), None, "Agrees with the invoice; ends a dispute of it.",
    ),
    Step(
        Kind.INVOICE_DISPUTED, (Kind.INVOICE,), _GOODS, Side.RECEIVER, (Duty.PAYING,),
        ("already-decided", "bad-quantity", "dispute-over-invoiced"),
        None, "Disputes amounts of lines; the rest keeps its due date.",
    ),
    Step(
        Kind.PAYMENT_ADVICE, (Kind.INVOICE,), _GOODS, Side.RECEIVER, (Duty.PAYING,),
        ("bad-quantity",), None, "Says that money is on its way. Settles nothing.",
    ),
    Step(
        Kind.FUNDS_RECEIVED, (Kind.INVOICE,), _GOODS, Side.PROVIDER, (Duty.BILLING,),
        ("officer-signature-missing", "bad-quantity", "short-payment", "overpaid"), None,
        "Says what arrived. This settles.",
    ),
    Step(
        Kind.CREDIT_NOTE, (Kind.INVOICE,), _GOODS, Side.PROVIDER, (Duty.BILLING,),
        ("bad-quantity", "credit-over-invoiced", "duplicate-number"),
        None, "Takes back part of what an invoice billed.",
    ),
    Step(
        Kind.CLOSE, (Kind.ACCEPTANCE,), (_S.SETTLED, _S.CANCELLED), Side.EITHER, (Duty.COORDINATOR,),
        ("already-decided",), None, "Says that nothing is left. Closed when both sides have said so.",
        otherwise="premature-close",
    ),
    Step(
        Kind.CORRECTION,
        (Kind.REQUEST, Kind.DECLINE, Kind.OFFER, Kind.WITHDRAWAL, Kind.ORDER, Kind.ACCEPTANCE, Kind.AMENDMENT,
         Kind.CANCELLATION, Kind.DELIVERY, Kind.RECEIPT, Kind.DISCREPANCY, Kind.RESOLUTION, Kind.INVOICE,
         Kind.INVOICE_ACCEPTED, Kind.INVOICE_DISPUTED, Kind.PAYMENT_ADVICE, Kind.FUNDS_RECEIVED, Kind.CREDIT_NOTE),
        (*_NEGOTIATION, _S.DECLINED, _S.WITHDRAWN, *_AGREED, _S.CLOSED), Side.EITHER, (),
        ("warrant-currency", "over-act-ceiling", "over-total-ceiling", "officer-signature-missing",
         "correction-not-possible"), None,
        "Replaces an own document or takes it back. Alone while the other side has not answered it, except an "
        "acceptance. Needs the duty of the corrected document.",
        needs_countersign=True,
    ),
    Step(
        Kind.COUNTERSIGN, (Kind.AMENDMENT, Kind.CANCELLATION, Kind.RESOLUTION), (*_AGREED, _S.CLOSED), Side.EITHER,
        _AUTHORITIES, ("warrant-currency", "over-act-ceiling", "over-total-ceiling", "officer-signature-missing",
                       "own-countersign", "already-decided", "stale-amendment", "bad-quantity", "credit-over-invoiced",
                       "over-liability"),
        None, "The other side's signature: from here the proposal counts.",
    ),
    Step(
        Kind.COUNTERSIGN, (Kind.CORRECTION,), (*_NEGOTIATION, _S.DECLINED, _S.WITHDRAWN, *_AGREED, _S.CLOSED),
        Side.EITHER, _ANSWERING,
        ("warrant-currency", "over-act-ceiling", "over-total-ceiling", "officer-signature-missing", "own-countersign",
         "already-decided", "correction-not-possible"),
        None, "The other side's signature to a correction of what it had already answered. Of an offer, order, "
        "acceptance or amendment: by an ordering or accepting officer only.",
    ),
    Step(
        Kind.PRICE_LIST, (), (), Side.PROVIDER, (Duty.BILLING, Duty.ACCEPTING),
        ("unknown-object", "unknown-currency", "bad-dates", "unknown-unit", "blocked-item", "duplicate-number"),
        None, "Prices with their validity, for offers to name. Belongs to no order; may name the list it replaces.",
    ),
    Step(
        Kind.NOTE, tuple(kind for kind in Kind if kind not in (Kind.ADOPT, Kind.GRANT, Kind.REVOKE)), tuple(_S),
        Side.EITHER, tuple(Duty), (), None, "A remark. Changes nothing.",
    ),
)  # fmt: skip

ANY_ACT = (
    "unreadable-body", "unknown-object", "wrong-side", "no-warrant", "warrant-ended", "warrant-revoked",
    "warrant-replaced", "duty-missing", "officer-signature-wrong", "not-trained", "corrected", "taken-back",
)  # fmt: skip
"""What every act may earn besides the guards of its row."""

STEPS: Mapping[tuple[Kind, Kind | None], Step] = MappingProxyType(
    {(step.kind, on): step for step in LIFE for on in step.on or (None,)}
)
"""The rows of ``LIFE`` by kind and kind of the object (None for an act that needs no object)."""

PROPOSALS = frozenset(step.kind for step in LIFE if step.needs_countersign)

DUTY_SIDES: Mapping[Duty, Side] = MappingProxyType({
    Duty.REQUESTER: Side.RECEIVER,
    Duty.FUNDS_CERTIFIER: Side.RECEIVER,
    Duty.ORDERING: Side.RECEIVER,
    Duty.RECEIVING: Side.RECEIVER,
    Duty.PAYING: Side.RECEIVER,
    Duty.ACCEPTING: Side.PROVIDER,
    Duty.ISSUING: Side.PROVIDER,
    Duty.BILLING: Side.PROVIDER,
    Duty.INSPECTOR: Side.EITHER,
    Duty.COORDINATOR: Side.EITHER,
    Duty.AUDITOR: Side.EITHER,
    Duty.ADMINISTRATOR: Side.EITHER,
})  # fmt: skip


def duties_of(step: Step, side: Side) -> tuple[Duty, ...]:
    """Return the duties of ``step`` that an officer of ``side`` can hold it by."""
    return tuple(duty for duty in step.duties if DUTY_SIDES[duty] in (side, Side.EITHER))


# ---- what can be done next


def open_acts(order: OrderView, party: int) -> tuple[OpenAct, ...]:
    """Return what ``party`` can do next on ``order``: what the order waits for first, the rest in the table's order.

    Read from ``LIFE``. What a warrant allows is not asked here: ``duties`` says whom to ask.
    """
    side = order.side_of(party)
    if side is None:
        return ()
    acts = []
    for step in LIFE:
        if order.state in step.from_states and step.side in (side, Side.EITHER):
            duties = duties_of(step, side)
            for on, primary in _OBJECTS[step.kind, step.on[0]](order, party):
                acts.append(OpenAct(step.kind, party, duties or _correcting(order, on, side), on, primary))
    return tuple(sorted(acts, key=lambda act: not act.primary))


_Objects = Iterator[tuple[EntryRef, bool]]  # what an act could be said on now, and whether the order waits for it


def _on_request(order: OrderView, _: int) -> _Objects:
    yield order.order_id, False


def _offer(order: OrderView, _: int) -> _Objects:
    yield order.order_id, order.state is OrderState.REQUESTED


def _on_offer(order: OrderView, _: int) -> _Objects:
    if order.offer is not None:
        yield order.offer.ref, False


def _order(order: OrderView, _: int) -> _Objects:
    if order.offer is not None:
        yield order.offer.ref, True


def _accept(order: OrderView, _: int) -> _Objects:
    if order.order is not None and order.state is OrderState.ORDERED:
        yield order.order, True


def _propose(order: OrderView, _: int) -> _Objects:
    if order.acceptance is not None and order.cancelled_by is None:
        yield order.acceptance, False


def _deliver(order: OrderView, _: int) -> _Objects:
    if order.acceptance is not None and any(line.open_quantity for line in order.lines):
        # Goods on the pier wait for the receipt, and what is left within tolerance need not come at all.
        yield order.acceptance, any(line.open_quantity and not line.is_delivered for line in order.lines)


def _receive(order: OrderView, _: int) -> _Objects:
    for delivery in order.deliveries:
        if delivery.receipt is None:
            yield delivery.ref, True


def _report(order: OrderView, _: int) -> _Objects:
    for delivery in order.deliveries:
        if delivery.receipt is not None:
            yield delivery.receipt, False


def _resolve(order: OrderView, _: int) -> _Objects:
    waiting: dict[EntryRef, bool] = {}
    for difference in order.differences:
        if not difference.resolved:
            unanswered = difference.resolution is None
            waiting[difference.ref] = waiting.get(difference.ref, False) or unanswered
    if order.state is OrderState.CLOSED:  # opened again by changing what a receipt was worth
        waiting |= {delivery.receipt: False for delivery in order.deliveries if delivery.receipt is not None}
    yield from waiting.items()


def _invoice(order: OrderView, _: int) -> _Objects:
    if order.acceptance is not None and any(line.unbilled for line in order.lines):
        yield order.acceptance, True


def _accept_invoice(order: OrderView, _: int) -> _Objects:
    for invoice in order.invoices:
        if not invoice.accepted:
            yield invoice.ref, not invoice.disputed and not invoice.received and invoice.open_amount > 0


def _dispute(order: OrderView, _: int) -> _Objects:
    for invoice in order.invoices:
        if not invoice.accepted and invoice.open_amount > invoice.disputed:
            yield invoice.ref, False


def _pay(order: OrderView, _: int) -> _Objects:
    for invoice in order.invoices:
        owed = invoice.open_amount - invoice.disputed
        if owed > 0:
            on_its_way = max(0, invoice.advised - invoice.received - invoice.charges)
            yield invoice.ref, invoice.accepted and owed > on_its_way


def _take_money(order: OrderView, _: int) -> _Objects:
    for invoice in order.invoices:
        if invoice.open_amount > 0:
            yield invoice.ref, invoice.advised > invoice.received + invoice.charges


def _credit(order: OrderView, _: int) -> _Objects:
    due = {line.line for line in order.lines if line.credit_due}
    for invoice in order.invoices:
        if invoice.total > invoice.credited:
            yield invoice.ref, any(line in due for line, _amount in invoice.lines)


def _close(order: OrderView, party: int) -> _Objects:
    resolved = all(difference.resolved for difference in order.differences)
    if order.acceptance is not None and party not in order.closed_by and resolved:
        yield order.acceptance, True


def _countersign(order: OrderView, party: int, *, corrections: bool) -> _Objects:
    for proposal in order.proposals:
        waits = proposal.countersigned is None and proposal.by != party
        if proposal.kind is Kind.CANCELLATION:  # once all is delivered there is nothing left to cancel
            waits = waits and order.state in _CANCELLABLE
        if waits and (proposal.kind is Kind.CORRECTION) is corrections:
            yield proposal.ref, True


def _countersign_proposal(order: OrderView, party: int) -> _Objects:
    return _countersign(order, party, corrections=False)


def _countersign_correction(order: OrderView, party: int) -> _Objects:
    return _countersign(order, party, corrections=True)


def _documents(order: OrderView) -> Iterator[tuple[EntryRef, Kind]]:
    """Yield the documents of both sides that a correction may name."""
    yield order.order_id, Kind.REQUEST
    if order.offer is not None:
        yield order.offer.ref, Kind.OFFER
    if order.order is not None:
        yield order.order, Kind.ORDER
    if order.acceptance is not None:
        yield order.acceptance, Kind.ACCEPTANCE
    for proposal in order.proposals:
        if proposal.kind is not Kind.CORRECTION:
            yield proposal.ref, proposal.kind
    for delivery in order.deliveries:
        yield delivery.ref, Kind.DELIVERY
        if delivery.receipt is not None:
            yield delivery.receipt, Kind.RECEIPT
    for invoice in order.invoices:
        yield invoice.ref, Kind.INVOICE


def _correct(order: OrderView, party: int) -> _Objects:
    for ref, _kind in _documents(order):
        if party_of(ref.log) == party:
            yield ref, False


def _correcting(order: OrderView, on: EntryRef, side: Side) -> tuple[Duty, ...]:
    """Return the duties that correct the document ``on``: those that wrote it."""
    kind = dict(_documents(order)).get(on)
    return next((duties_of(step, side) for step in LIFE if step.kind is kind), ())


_OBJECTS: Mapping[tuple[Kind, Kind], Callable[[OrderView, int], _Objects]] = MappingProxyType({
    (Kind.DECLINE, Kind.REQUEST): _on_request,
    (Kind.OFFER, Kind.REQUEST): _offer,
    (Kind.WITHDRAWAL, Kind.REQUEST): _on_request,
    (Kind.WITHDRAWAL, Kind.OFFER): _on_offer,
    (Kind.ORDER, Kind.OFFER): _order,
    (Kind.ACCEPTANCE, Kind.ORDER): _accept,
    (Kind.AMENDMENT, Kind.ACCEPTANCE): _propose,
    (Kind.CANCELLATION, Kind.ACCEPTANCE): _propose,
    (Kind.DELIVERY, Kind.ACCEPTANCE): _deliver,
    (Kind.RECEIPT, Kind.DELIVERY): _receive,
    (Kind.DISCREPANCY, Kind.RECEIPT): _report,
    (Kind.RESOLUTION, Kind.RECEIPT): _resolve,
    (Kind.INVOICE, Kind.ACCEPTANCE): _invoice,
    (Kind.INVOICE_ACCEPTED, Kind.INVOICE): _accept_invoice,
    (Kind.INVOICE_DISPUTED, Kind.INVOICE): _dispute,
    (Kind.PAYMENT_ADVICE, Kind.INVOICE): _pay,
    (Kind.FUNDS_RECEIVED, Kind.INVOICE): _take_money,
    (Kind.CREDIT_NOTE, Kind.INVOICE): _credit,
    (Kind.CLOSE, Kind.ACCEPTANCE): _close,
    (Kind.CORRECTION, Kind.REQUEST): _correct,
    (Kind.COUNTERSIGN, Kind.AMENDMENT): _countersign_proposal,
    (Kind.COUNTERSIGN, Kind.CORRECTION): _countersign_correction,
    (Kind.NOTE, Kind.REQUEST): _on_request,
})  # fmt: skip
