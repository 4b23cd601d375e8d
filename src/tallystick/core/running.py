"""An order while its entries are being read: what ``steps`` and its rooms write to, and ``views`` tells from.

Decides the shape of the working state, the state that follows from lines and money, and how an amount is posted.
Leaves to ``steps`` whether an act counts, to ``agreeing``, ``goods`` and ``money`` what it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from tallystick.core.agreement import Genesis
from tallystick.core.entries import (
    Body,
    Delivery,
    Entry,
    Invoice,
    Kind,
    Offer,
    Outcome,
    PriceList,
    Reason,
    Receipt,
    Request,
    RequestLine,
    Unreadable,
)
from tallystick.core.errors import LocalError
from tallystick.core.findings import Finding
from tallystick.core.identity import EntryRef
from tallystick.core.ledger import Transaction
from tallystick.core.orders import OrderState, Step
from tallystick.core.quantity import line_amount
from tallystick.core.warrants import Commitment, Refusal, Warrants, refuse

CLOSEABLE = frozenset({OrderState.SETTLED, OrderState.CANCELLED})


class Shared(Protocol):
    """What all orders of an agreement share."""

    genesis: Genesis
    warrants: Warrants

    def price_list(self, ref: EntryRef, relied_on_before: Callable[[Entry], bool]) -> tuple[Entry, PriceList] | None:
        """Return the price list ``ref`` if it counts; ``relied_on_before``: see ``Warrants.revoked``."""

    def commitment(self, entry: Entry) -> Commitment | None:
        """Return what ``entry`` binds its officer to."""


class LineRun:
    """One line. Quantities scaled, money in minor units."""

    __slots__ = (
        "accepted_at", "accrued", "credit_due", "credited", "delivered", "disputed", "invoiced", "ordered", "price",
        "prices", "received", "refused", "request", "value",
    )  # fmt: skip

    def __init__(self, request: RequestLine) -> None:
        self.request = request
        self.ordered = 0
        self.price: int | None = None
        self.value = 0  # ordered × price
        # Earlier prices, each with the act that replaced it: a delivery that had not seen that act was under it.
        self.prices: tuple[tuple[int, EntryRef], ...] = ()
        self.accepted_at: dict[int, int] = {}  # price -> accepted so far, so that a line is rounded once per price
        self.delivered = 0
        self.received = 0
        self.refused = 0
        self.accrued = 0
        self.invoiced = 0
        self.disputed = 0
        self.credited = 0
        self.credit_due = 0

    def price_for(self, delivery: Entry) -> int | None:
        """Return the price under which a delivery was made: that of the last version its writer had seen."""
        for price, replaced_by in self.prices:
            if not delivery.had_seen(replaced_by):
                return price
        return self.price

    def is_complete(self) -> bool:
        """Whether what was received or refused is within tolerance of what was ordered."""
        return (self.received + self.refused) * 1000 >= self.ordered * (1000 - self.request.tolerance_permille)


class DeliveryRun:
    __slots__ = ("amounts", "body", "entry", "prices", "receipt", "receipt_body")

    def __init__(self, entry: Entry, body: Delivery, prices: dict[int, int]) -> None:
        self.entry = entry
        self.body = body
        self.prices = prices
        self.receipt: Entry | None = None
        self.receipt_body: Receipt | None = None
        self.amounts: dict[int, int] = {}  # line -> what the receipt made it worth


class InvoiceRun:
    __slots__ = (
        "accepted", "advised", "body", "charges", "credited", "disputed", "funds", "last_on", "owed", "received", "ref",
    )  # fmt: skip

    def __init__(self, ref: EntryRef, body: Invoice) -> None:
        self.ref = ref
        self.body = body
        self.accepted = False
        self.advised = 0
        self.received = 0
        self.charges = 0
        self.owed = body.total  # less credits and what was received; below zero when that was too much
        self.credited: dict[int, int] = {}  # by line
        self.disputed: dict[int, int] = {}  # by line
        self.funds: EntryRef | None = None  # the last that came
        self.last_on: int | None = None  # the day of the last funds or credit


class DifferenceRun:
    __slots__ = ("amount", "invoice", "line", "outcome", "quantity", "reason", "ref", "resolution", "resolved")

    def __init__(self, ref: EntryRef, line: int, quantity: int, amount: int, reason: Reason) -> None:
        self.ref = ref
        self.line = line
        self.quantity = quantity
        self.amount = amount
        self.reason = reason
        self.invoice: InvoiceRun | None = None  # for a dispute: what it disputes
        self.resolution: EntryRef | None = None
        self.outcome: Outcome | None = None
        self.resolved = False


class ProposalRun:
    __slots__ = ("body", "countersigned", "entry")

    def __init__(self, entry: Entry, body: Body, countersigned: EntryRef | None = None) -> None:
        self.entry = entry
        self.body = body
        self.countersigned = countersigned


class Substitution:
    """What a document says since a correction counts: its new body (None: taken back), and by which correction."""

    __slots__ = ("body", "by")

    def __init__(self, body: Body | None, by: EntryRef) -> None:
        self.body = body
        self.by = by


_NONE: Mapping[Any, Any] = MappingProxyType({})


class OrderRun:
    """An order while its entries are read, in the order everybody reads them, its request first."""

    __slots__ = (
        "acceptance", "accrued", "answers", "bill_to", "cancelled", "closed_by", "committed", "completed", "completing",
        "corrections_tried", "credit_due", "currency", "deliveries", "differences", "disputed", "entries", "filled",
        "flags", "frozen", "invoices", "journal_before", "journal_from", "lines", "max_liability", "numbers",
        "offer", "offers", "order", "order_id", "order_offers", "pay_to", "pending_receipts", "proposals",
        "provider", "receiver", "request", "shared", "state", "substitutions", "transactions", "unbilled",
        "verdicts", "version", "walked", "withdrawal", "withdrawn_offer",
    )  # fmt: skip

    def __init__(self, shared: Shared, order_id: EntryRef, entries: Sequence[Entry]) -> None:
        self.shared = shared
        self.order_id = order_id
        self.entries = entries
        self.answers: dict[int, list[Entry]] = {}  # to each party: what the other said
        self.walked: dict[EntryRef, Entry] = {}
        self.verdicts: dict[EntryRef, Refusal | None] = {}  # why each entry walked does not count; None: it does
        self.flags: list[Finding] = []
        self.numbers: list[tuple[tuple[int | str, ...], EntryRef]] = []  # document numbers, to find them used twice
        self.state: OrderState | None = None

        # what is agreed
        self.request: Request | None = None
        self.receiver = -1
        self.provider = -1
        self.currency: str | None = None
        self.version = 0
        self.max_liability = 0
        self.lines: dict[int, LineRun] = {}
        self.offers: dict[EntryRef, Offer] = {}
        self.offer: EntryRef | None = None
        self.withdrawn_offer: Entry | None = None
        self.withdrawal: Entry | None = None
        self.order: EntryRef | None = None
        self.order_offers: dict[EntryRef, EntryRef] = {}  # each order that named an offer -> that offer
        self.acceptance: EntryRef | None = None
        self.bill_to = ""
        self.pay_to = ""
        self.cancelled: Entry | None = None
        self.proposals: dict[EntryRef, ProposalRun] = {}
        self.closed_by: list[int] = []

        # goods and money; the totals are over all lines
        self.deliveries: dict[EntryRef, DeliveryRun] = {}
        self.pending_receipts = 0
        self.filled = False  # every line is complete
        self.invoices: dict[EntryRef, InvoiceRun] = {}
        self.differences: dict[tuple[EntryRef, int], DifferenceRun] = {}
        self.accrued = 0
        self.unbilled = 0
        self.disputed = 0
        self.credit_due = 0
        self.committed = 0
        self.transactions: list[Transaction] = []

        # corrections
        self.substitutions: Mapping[EntryRef, Substitution] = _NONE  # by the corrected document
        self.completed: Mapping[EntryRef, EntryRef] = _NONE  # each correction that counts -> the act since which
        self.completing: frozenset[EntryRef] = frozenset()  # those acts
        # While walking again after a correction: what did not count, and (None) corrections that still wait.
        self.frozen: Mapping[EntryRef, Refusal | None] = _NONE
        self.journal_before: Sequence[Transaction] = ()  # posted before the last correction, with what that restated
        self.journal_from = 0  # where ``transactions`` goes on after it
        self.corrections_tried = 0

    # ---- telling

    def flag(self, entry: Entry, code: str, **facts: int | str) -> None:
        self.flags.append(Finding(code, entry.ref, self.order_id, tuple(facts.items())))

    def flag_untrained(self, entry: Entry, who: int, step: Step) -> None:
        """Tell that an act that counts needs training which its officer does not have."""
        found = self.shared.warrants.untrained(entry, who, step)
        if found is not None:
            self.flag(entry, found[0], **dict(found[1]))

    def post(self, entry: Entry, rule: str, amount: int, day: int) -> None:
        """Post ``amount`` by ``rule``; nothing when it is zero."""
        if amount:
            parties = self.shared.genesis.parties
            assert self.currency is not None
            provider, receiver = parties[self.provider].code, parties[self.receiver].code
            self.transactions.append(
                Transaction(entry.ref, rule, self.order_id, day, self.currency, provider, receiver, amount)
            )

    def journal(self) -> list[Transaction]:
        """Return what was posted, with what corrections took back and restated, in reading order."""
        return [*self.journal_before, *self.transactions[self.journal_from :]]

    def said(self, ref: EntryRef) -> Body | Unreadable | None:
        """Return what the entry ``ref`` says, as corrected; None when it was taken back."""
        substitution = self.substitutions.get(ref)
        return self.walked[ref].body if substitution is None else substitution.body

    # ---- asking

    def amount(self, line: LineRun, price: int, scaled: int) -> int | None:
        """Return quantity × price in minor units, or None beyond what the record can hold."""
        assert self.currency is not None
        return amount_of(self.shared.genesis, price, scaled, line.request.unit, self.currency)

    def check_lines(self, lines: Iterable[Any]) -> Refusal | None:
        """Refuse a line the order has not, or named twice."""
        seen = set()
        for line in lines:
            number = line.line
            if number in seen or number not in self.lines:
                return refuse("bad-quantity", line=number)
            seen.add(number)
        return None

    def relied_on(self, entry: Entry, revoke: Entry) -> bool:
        """Return whether the other party acted on ``entry`` before it saw ``revoke``."""
        answers = self.answers.get(entry.party)
        if answers is None:  # sorted out once: a party may say thousands of things, and each of them is asked about
            others = {self.receiver, self.provider} - {entry.party}
            answers = self.answers[entry.party] = [
                other
                for other in self.entries
                if other.party in others and other.kind != Kind.NOTE and not isinstance(other.body, Unreadable)
            ]
        return any(later.had_seen(entry.ref) and not later.had_seen(revoke.ref) for later in answers)

    def has_open_difference(self) -> bool:
        return any(not difference.resolved for difference in self.differences.values())

    # ---- states

    def computed_state(self) -> OrderState:
        """Return the state of an agreed order, which follows from its lines and its money."""
        stage = self._stage()
        if self.closed_by:
            if stage not in CLOSEABLE:
                self.closed_by.clear()  # reopened: both sides will have to say again that nothing is left
            elif len(self.closed_by) > 1 and not self.has_open_difference():
                return OrderState.CLOSED
        return stage

    def _stage(self) -> OrderState:
        if self.pending_receipts or not (self.filled or self.cancelled is not None):
            return OrderState.IN_DELIVERY if self.deliveries else OrderState.AGREED
        if self.cancelled is not None and not any(line.received or line.accrued for line in self.lines.values()):
            return OrderState.CANCELLED
        if self.unbilled or self.disputed or self.credit_due:
            return OrderState.FULFILLED
        for invoice in self.invoices.values():
            if invoice.owed:
                return OrderState.FULFILLED
        return OrderState.SETTLED

    def count_lines(self, entry: Entry, day: int) -> None:
        """Note whether every line is complete, and post what is agreed and not yet received or refused (L1)."""
        open_value = 0
        self.filled = True
        for line in self.lines.values():
            if line.is_complete():
                continue
            self.filled = False
            if line.price is not None and self.cancelled is None:
                done = line.received + line.refused
                open_value += line.value - ((self.amount(line, line.price, done) or 0) if done else 0)
        self.post(entry, "L1", open_value - self.committed, day)
        self.committed = open_value


def amount_of(genesis: Genesis, price: int, scaled: int, unit: str, currency: str) -> int | None:
    """Return quantity × price, rounded once by the agreement's rule; None beyond what the record can hold."""
    try:
        return line_amount(price, scaled, unit, currency, genesis.terms.rounding)
    except LocalError:
        return None


def order_value(genesis: Genesis, request: Request, lines: Iterable[Any], currency: str) -> int | None:
    """Return what offered or amended ``lines`` come to in minor units; None if that cannot be said."""
    units = {line.line: line.unit for line in request.lines}
    total = 0
    for line in lines:
        worth = amount_of(genesis, line.price_micro, line.quantity, units.get(line.line, ""), currency)
        if worth is None:
            return None
        total += worth
    return total
