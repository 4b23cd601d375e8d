"""Walking one order: each signed entry in turn, against the life table, its warrant and what it says.

Decides whether an act counts, and what it changes and posts. A walk is a pure function of the order's entries in the
order everybody reads them and of what all orders share (terms, warrants, price lists). It never raises on what an
entry says: an act that does not fit gets a refusal, which becomes a finding. Leaves the table to ``orders``, the
authority to ``warrants``, the shape of the result to ``views``.

Source: docs/spec/orders.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from tallystick.core import canonical, fuel
from tallystick.core.agreement import Allowance, Genesis
from tallystick.core.entries import (
    BIG,
    Acceptance,
    Amendment,
    Body,
    Cancellation,
    Close,
    Correction,
    Countersign,
    CreditNote,
    Decline,
    Delivery,
    DeliveryLine,
    Discrepancy,
    Entry,
    FundsReceived,
    Invoice,
    InvoiceAccepted,
    InvoiceDisputed,
    Kind,
    Note,
    Offer,
    Order,
    Outcome,
    PaymentAdvice,
    PriceList,
    Reason,
    Receipt,
    Request,
    RequestLine,
    Resolution,
    Unreadable,
    Withdrawal,
    from_array,
)
from tallystick.core.errors import LocalError, RemoteError
from tallystick.core.findings import Finding
from tallystick.core.identity import EntryRef
from tallystick.core.ledger import Transaction
from tallystick.core.orders import STEPS, OrderState, Side, Step
from tallystick.core.quantity import UNITS, line_amount
from tallystick.core.warrants import SECONDS_PER_DAY, Commitment, Refusal, Warrants, refuse

CORRECTIONS_MAX = 100  # per order: each walks the order again, so many of them must not become a burden
FUEL_UNIT = "L15"
_MAY_LACK_QUANTITY = frozenset({Reason.PRICE, Reason.LATE, Reason.QUALITY})
_NEVER_AGREED = frozenset({OrderState.VOID, OrderState.DECLINED, OrderState.WITHDRAWN})
_CLOSEABLE = frozenset({OrderState.SETTLED, OrderState.CANCELLED})


class Shared(Protocol):
    """What all orders of an agreement share."""

    genesis: Genesis
    warrants: Warrants

    def price_list(self, ref: EntryRef) -> tuple[Entry, PriceList] | None:
        """Return the price list ``ref`` if it counts."""

    def commitment(self, entry: Entry) -> Commitment | None:
        """Return what ``entry`` binds its officer to."""


class LineRun:
    """One line while walking. Quantities scaled, money in minor units."""

    __slots__ = (
        "accepted_at", "accrued", "credit_due", "credited", "delivered", "disputed", "invoiced", "ordered", "price",
        "prices", "received", "refused", "request", "value",
    )  # fmt: skip

    def __init__(self, request: RequestLine) -> None:
        self.request = request
        self.ordered = 0
        self.price: int | None = None
        self.value = 0  # ordered × price
        self.prices: list[tuple[EntryRef | None, int]] = []  # each agreed price, and what made it count
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
        for since, price in reversed(self.prices):
            if since is None or delivery.had_seen(since):
                return price
        return self.price

    def is_complete(self) -> bool:
        tolerance = min(1000, self.request.tolerance_permille)
        return (self.received + self.refused) * 1000 >= self.ordered * (1000 - tolerance)


class DeliveryRun:
    __slots__ = ("accepted", "amounts", "body", "entry", "prices", "receipt", "receipt_body")

    def __init__(self, entry: Entry, body: Delivery, prices: dict[int, int]) -> None:
        self.entry = entry
        self.body = body
        self.prices = prices
        self.receipt: Entry | None = None
        self.receipt_body: Receipt | None = None
        self.amounts: dict[int, int] = {}  # line -> what the receipt made it worth


class InvoiceRun:
    __slots__ = (
        "accepted",
        "advised",
        "body",
        "charges",
        "credited",
        "disputed",
        "funds",
        "last_on",
        "received",
        "ref",
    )

    def __init__(self, ref: EntryRef, body: Invoice) -> None:
        self.ref = ref
        self.body = body
        self.accepted = False
        self.advised = 0
        self.received = 0
        self.charges = 0
        self.credited: dict[int, int] = {}  # by line
        self.disputed: dict[int, int] = {}  # by line
        self.funds: EntryRef | None = None  # the last that came
        self.last_on: int | None = None  # the day of the last funds or credit

    @property
    def open_amount(self) -> int:
        return self.body.total - sum(self.credited.values()) - self.received


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


class OrderRun:
    """An order while walking its entries; ``walk`` goes through them all."""

    __slots__ = (
        "acceptance", "bill_to", "cancelled", "closed_by", "committed", "completed", "corrections_tried", "currency",
        "deliveries", "differences", "entries", "flags", "frozen", "invoices", "journal_before", "journal_from",
        "lines", "max_liability", "numbers", "offer", "offers", "order", "order_id", "order_offers", "pay_to",
        "pending_receipts", "proposals", "provider", "receiver", "request", "shared", "state", "substitutions",
        "transactions", "verdicts", "version", "walked", "withdrawal", "withdrawn_offer",
    )  # fmt: skip

    def __init__(self, shared: Shared, order_id: EntryRef, entries: Sequence[Entry]) -> None:
        """``entries`` are those of the order, in the order everybody reads them, its request first."""
        self.shared = shared
        self.order_id = order_id
        self.entries = entries
        self.substitutions: dict[EntryRef, Substitution] = {}  # by the corrected document
        self.completed: dict[EntryRef, EntryRef] = {}  # each correction that counts -> the act since which
        # While walking again after a correction: what did not count, and (None) corrections that still wait.
        self.frozen: dict[EntryRef, Refusal | None] = {}
        self.walked: dict[EntryRef, Entry] = {}
        self.verdicts: dict[EntryRef, Refusal | None] = {}
        self.flags: list[Finding] = []
        self.transactions: list[Transaction] = []
        self.journal_before: list[Transaction] = []  # posted before the last correction, with what that one restated
        self.journal_from = 0  # where ``transactions`` goes on after it
        self.corrections_tried = 0
        self.numbers: list[tuple[tuple[int | str, ...], EntryRef]] = []
        self.state: OrderState | None = None
        self.request: Request | None = None
        self.receiver = -1
        self.provider = -1
        self.currency: str | None = None
        self.version = 0
        self.max_liability = 0
        self.committed = 0
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
        self.deliveries: dict[EntryRef, DeliveryRun] = {}
        self.pending_receipts = 0
        self.invoices: dict[EntryRef, InvoiceRun] = {}
        self.differences: dict[tuple[EntryRef, int], DifferenceRun] = {}
        self.proposals: dict[EntryRef, ProposalRun] = {}
        self.closed_by: list[int] = []

    # ---- the walk

    def walk(self, before: EntryRef | None = None) -> OrderRun:
        """Go through the entries to the end, or up to the one called ``before``."""
        for entry in self.entries:
            if entry.ref == before:
                break
            verdict = self._judge(entry)
            self.verdicts[entry.ref] = verdict
            self.walked[entry.ref] = entry
        return self

    def _judge(self, entry: Entry) -> Refusal | None:
        """Return why ``entry`` does not count; if it does, take its effects."""
        frozen = self.frozen.get(entry.ref)
        if frozen is not None:
            return self._stay_void(entry, frozen)
        body = entry.body
        if self.substitutions:
            substitution = self.substitutions.get(entry.ref)
            if substitution is not None:
                if substitution.body is None:
                    return refuse("taken-back", by=str(substitution.by))
                body = substitution.body
        if isinstance(body, Unreadable):
            return refuse("unreadable-body", kind=entry.kind, why=body.why)
        kind = body.KIND
        if kind != entry.kind:
            return refuse("unreadable-body", kind=entry.kind, why="another kind")
        if kind is Kind.REQUEST:
            return self._open(entry, body)  # type: ignore[arg-type]  # told by KIND, checked once
        assert entry.obj is not None  # else it would not belong to an order
        target = self.walked.get(entry.obj)
        step = STEPS.get((kind, target.kind)) if target is not None else None  # type: ignore[arg-type]  # an int
        if target is None or step is None:
            return refuse("unknown-object", object=str(entry.obj))
        refusal = self._authority(entry, body, step, target)
        if refusal is not None:
            return refusal
        if self.verdicts[target.ref] is not None and kind is not Kind.NOTE and kind is not Kind.ACCEPTANCE:
            return refuse("unknown-object", object=str(entry.obj))
        refusal = self._already(entry, kind)
        if refusal is not None:
            return refusal
        assert self.state is not None
        if self.state not in step.from_states:
            code = "act-out-of-turn" if self.state in _NEVER_AGREED else step.otherwise
            return refuse(code, state=self.state.value, kind=int(kind))
        refusal = _EFFECTS[kind](self, entry, body)
        if refusal is None:
            if step.to is not None:
                self.state = step.to
            elif self.acceptance is not None and kind is not Kind.NOTE:
                self.state = self._computed_state()
        return refusal

    def _stay_void(self, entry: Entry, refusal: Refusal) -> Refusal:
        if entry.kind == Kind.ORDER and entry.obj is not None:
            self.order_offers[entry.ref] = entry.obj  # an acceptance may still name it
        return refusal

    def _authority(self, entry: Entry, body: Any, step: Step, target: Entry) -> Refusal | None:
        """Return why this writer and officer may not do ``step``, whatever it says."""
        party = entry.party
        if party == self.receiver:
            side = Side.RECEIVER
        elif party == self.provider:
            side = Side.PROVIDER
        else:
            return refuse("wrong-side", party=party)
        if step.side is not Side.EITHER and step.side is not side:
            return refuse("wrong-side", party=party)
        if not step.duties:  # a correction: by the duty of what it corrects
            if target.party != party:
                return refuse("wrong-side", party=party)
            step = _original_step(target)
        shared = self.shared
        refusal = shared.warrants.check(entry, body.who, step, side, shared.commitment)
        if refusal is None and shared.warrants.has_revokes():
            refusal = shared.warrants.revoked(entry, body.who, lambda revoke: self._relied_on(entry, revoke))
        return refusal

    def _relied_on(self, entry: Entry, revoke: Entry) -> bool:
        """Return whether the other party acted on ``entry`` before it saw ``revoke``."""
        others = {self.receiver, self.provider} - {entry.party}
        return any(
            later.party in others
            and later.kind != Kind.NOTE
            and not isinstance(later.body, Unreadable)
            and later.had_seen(entry.ref)
            and not later.had_seen(revoke.ref)
            for later in self.entries
        )

    def _already(self, entry: Entry, kind: Kind) -> Refusal | None:
        """Return whether what ``entry`` decides has been decided before."""
        done: EntryRef | None = None
        obj = entry.obj
        assert obj is not None
        if kind is Kind.RECEIPT:
            receipt = self.deliveries[obj].receipt
            done = receipt.ref if receipt is not None else None
        elif kind is Kind.COUNTERSIGN:
            proposal = self.proposals[obj]
            if proposal.entry.party == entry.party:
                return refuse("own-countersign", object=str(obj))
            done = proposal.countersigned if proposal.countersigned != entry.ref else None
        elif kind is Kind.CLOSE and entry.party in self.closed_by:
            done = entry.ref
        return refuse("already-decided", by=str(done)) if done is not None else None

    def _flag(self, entry: Entry, code: str, **facts: int | str) -> None:
        self.flags.append(Finding(code, entry.ref, self.order_id, tuple(facts.items())))

    def _post(self, entry: Entry, rule: str, amount: int, day: int) -> None:
        if amount:
            parties = self.shared.genesis.parties
            assert self.currency is not None
            self.transactions.append(
                Transaction(
                    entry.ref,
                    rule,
                    self.order_id,
                    day,
                    self.currency,
                    parties[self.provider].code,
                    parties[self.receiver].code,
                    amount,
                )
            )

    def _amount(self, line: LineRun, price: int, scaled: int) -> int | None:
        """Return quantity × price in minor units, or None beyond what the record can hold."""
        assert self.currency is not None
        return _amount(self.shared.genesis, price, scaled, line.request.unit, self.currency)

    # ---- states

    def _computed_state(self) -> OrderState:
        """Return the state of an agreed order, which follows from its lines and its money."""
        stage = self._stage()
        if self.closed_by:
            if stage not in _CLOSEABLE:
                self.closed_by.clear()  # reopened: both sides will have to say again that nothing is left
            elif len(self.closed_by) > 1 and not self._has_open_difference():
                return OrderState.CLOSED
        return stage

    def _stage(self) -> OrderState:
        if self.pending_receipts or not (
            self.cancelled is not None or all(line.is_complete() for line in self.lines.values())
        ):
            return OrderState.IN_DELIVERY if self.deliveries else OrderState.AGREED
        if self.cancelled is not None and not any(line.received for line in self.lines.values()):
            return OrderState.CANCELLED
        return OrderState.SETTLED if self._is_settled() else OrderState.FULFILLED

    def _is_settled(self) -> bool:
        for line in self.lines.values():
            if line.accrued != line.invoiced or line.disputed or line.credit_due:
                return False
        return all(invoice.open_amount == 0 for invoice in self.invoices.values())

    def _has_open_difference(self) -> bool:
        return any(not difference.resolved for difference in self.differences.values())

    # ---- before the agreement

    def _open(self, entry: Entry, body: Request) -> Refusal | None:
        self.request = body
        self.receiver = entry.party
        self.provider = body.provider
        self.state = OrderState.VOID
        step = STEPS[Kind.REQUEST, None]
        shared = self.shared
        parties = len(shared.genesis.parties)
        if self.receiver >= parties or self.provider >= parties or self.provider == self.receiver:
            return refuse("wrong-provider", provider=body.provider)
        warrants = shared.warrants
        refusal = warrants.check(entry, body.who, step, Side.RECEIVER, shared.commitment)
        if refusal is None and warrants.has_revokes():
            refusal = warrants.revoked(entry, body.who, lambda revoke: self._relied_on(entry, revoke))
        refusal = refusal or _request_terms(shared.genesis, body)
        if refusal is None:
            self.lines = {line.line: LineRun(line) for line in body.lines}
            self.numbers.append((("request", self.receiver, body.fiscal_year, body.serial), entry.ref))
            self.state = OrderState.REQUESTED
        return refusal

    def _decline(self, _entry: Entry, _body: Decline) -> Refusal | None:
        return None

    def _make_offer(self, entry: Entry, body: Offer) -> Refusal | None:
        genesis = self.shared.genesis
        if body.currency not in genesis.terms.currencies_for(genesis.parties[self.provider].code):
            return refuse("unknown-currency", currency=body.currency)
        if body.valid_until < entry.t // SECONDS_PER_DAY:
            return refuse("bad-dates", valid_until=body.valid_until)
        refusal = self._check_lines(body.lines)
        if refusal is not None:
            return refusal
        value = 0
        for line in body.lines:
            worth = _amount(genesis, line.price_micro, line.quantity, self.lines[line.line].request.unit, body.currency)
            if line.quantity == 0 or worth is None:
                return refuse("bad-quantity", line=line.line)
            value += worth
        if value > BIG:
            return refuse("bad-quantity", line=0)
        refusal = self._check_price_list(entry, body)
        if refusal is not None:
            return refusal
        if self.order is not None:  # crossed: the order was on an offer that is now replaced
            self.verdicts[self.order] = refuse("offer-not-live", offer=str(self.order_offers[self.order]))
            self.order = None
        self.offers[entry.ref] = body
        self._take_offer(entry.ref, body)
        return None

    def _check_price_list(self, entry: Entry, body: Offer) -> Refusal | None:
        if body.price_list is None:
            return None
        found = self.shared.price_list(body.price_list)
        if found is None or found[0].party != self.provider or not entry.had_seen(body.price_list):
            return refuse("unknown-object", object=str(body.price_list))
        listed = {(line.nsn or line.item, line.unit): line.price_micro for line in found[1].lines}
        for line in body.lines:
            asked = self.lines[line.line].request
            price = listed.get((asked.nsn or asked.item, asked.unit))
            if price is not None and found[1].currency == body.currency and line.price_micro > price:
                self._flag(entry, "price-above-list", line=line.line, price=line.price_micro, listed=price)
        return None

    def _check_lines(self, lines: Iterable[Any]) -> Refusal | None:
        """Refuse a line the order has not, or named twice."""
        seen = set()
        for line in lines:
            if line.line in seen or line.line not in self.lines:
                return refuse("bad-quantity", line=line.line)
            seen.add(line.line)
        return None

    def _take_offer(self, ref: EntryRef, body: Offer) -> None:
        """Let quantities and prices be those of an offer."""
        self.offer = ref
        self.currency = body.currency
        for run in self.lines.values():
            run.ordered, run.price, run.value, run.prices = 0, None, 0, []
        for line in body.lines:
            run = self.lines[line.line]
            run.ordered = line.quantity
            run.price = line.price_micro
            run.prices = [(None, line.price_micro)]
            run.value = self._amount(run, line.price_micro, line.quantity) or 0

    def _withdraw(self, entry: Entry, _body: Withdrawal) -> Refusal | None:
        assert entry.obj is not None
        if self.walked[entry.obj].kind == Kind.REQUEST:
            self.withdrawal = entry
        elif entry.obj != self.offer:
            return refuse("offer-not-live", offer=str(entry.obj))
        else:
            self.withdrawn_offer = entry
        return None

    def _make_order(self, entry: Entry, body: Order) -> Refusal | None:
        assert entry.obj is not None
        offer = self.offers[entry.obj]
        if entry.t // SECONDS_PER_DAY > offer.valid_until:
            return refuse("offer-expired", valid_until=offer.valid_until)
        refusal = self._check_certifier(entry, body)
        if refusal is not None:
            return refusal
        self.order_offers[entry.ref] = entry.obj
        taken_back = self.withdrawn_offer
        gone = self.state is OrderState.REQUESTED and (taken_back is None or entry.had_seen(taken_back.ref))
        if entry.obj != self.offer or gone:
            return refuse("offer-not-live", offer=str(entry.obj))
        self._take_order(entry.ref, body)
        return None

    def _check_certifier(self, entry: Entry, body: Order) -> Refusal | None:
        """The funds certifier is another officer, with a live warrant for it."""
        if body.funds_certifier == body.who:
            return refuse("same-officer", who=body.who)
        warrants = self.shared.warrants
        if warrants.has_revokes():
            refusal = warrants.revoked(entry, body.funds_certifier, lambda revoke: self._relied_on(entry, revoke))
            if refusal is not None:
                return refusal
        return warrants.check_certifier(entry, body.funds_certifier)

    def _take_order(self, ref: EntryRef, body: Order) -> None:
        self.order = ref
        self.max_liability = body.max_liability
        self.bill_to = body.bill_to

    def _accept(self, entry: Entry, body: Acceptance) -> Refusal | None:
        assert entry.obj is not None
        named = self.verdicts[entry.obj]
        held = named is not None and named[0] == "offer-not-live"
        if (named is not None and not held) or (named is None and entry.obj != self.order):
            return refuse("unknown-object", object=str(entry.obj))
        if self.state is OrderState.WITHDRAWN:
            assert self.withdrawal is not None
            if entry.had_seen(self.withdrawal.ref):
                return refuse("act-out-of-turn", state=OrderState.WITHDRAWN.value, kind=int(Kind.ACCEPTANCE))
            # Crossed: a withdrawal binds the provider from when its acts have seen it.
            self.verdicts[self.withdrawal.ref] = refuse(
                "act-out-of-turn", state=OrderState.AGREED.value, kind=int(Kind.WITHDRAWAL)
            )
        if held:
            if self.order is not None:
                self.verdicts[self.order] = refuse("second-order", by=str(entry.obj))
            self.verdicts[entry.obj] = None
            offer = self.order_offers[entry.obj]
            self._take_offer(offer, self.offers[offer])
            order_body = self._body(self.walked[entry.obj])
            assert isinstance(order_body, Order)
            self._take_order(entry.obj, order_body)
        self.acceptance = entry.ref
        self.pay_to = body.pay_to
        self.version = 1
        self._commit(entry, entry.t // SECONDS_PER_DAY)
        return None

    def _body(self, entry: Entry) -> Body | Unreadable | None:
        """Return what ``entry`` says, as corrected."""
        substitution = self.substitutions.get(entry.ref)
        return entry.body if substitution is None else substitution.body

    def _commit(self, entry: Entry, day: int) -> None:
        """Post the change of what is agreed and not yet received, refused or cancelled (L1)."""
        open_value = 0
        if self.cancelled is None:
            for line in self.lines.values():
                if not line.is_complete() and line.price is not None:
                    done = line.received + line.refused
                    open_value += line.value - ((self._amount(line, line.price, done) or 0) if done else 0)
        self._post(entry, "L1", open_value - self.committed, day)
        self.committed = open_value

    # ---- changing the agreement

    def _propose(self, entry: Entry, body: Body) -> Refusal | None:
        self.proposals[entry.ref] = ProposalRun(entry, body)
        return None

    def _propose_amendment(self, entry: Entry, body: Amendment) -> Refusal | None:
        return self._check_amendment(body) or self._propose(entry, body)

    def _check_amendment(self, body: Amendment) -> Refusal | None:
        if self.cancelled is not None:
            return refuse("already-decided", by=str(self.cancelled.ref))
        if body.base != self.version:
            return refuse("stale-amendment", base=body.base, version=self.version)
        refusal = self._check_lines(body.lines)
        if refusal is not None:
            return refusal
        for line in body.lines:
            run = self.lines[line.line]
            if run.price is None or self._amount(run, line.price_micro, line.quantity) is None:
                return refuse("bad-quantity", line=line.line)  # never offered, or beyond what the record can hold
        return None

    def _propose_cancellation(self, entry: Entry, body: Cancellation) -> Refusal | None:
        if self.cancelled is not None:
            return refuse("already-decided", by=str(self.cancelled.ref))
        return self._propose(entry, body)

    def _countersign(self, entry: Entry, _body: Countersign) -> Refusal | None:
        assert entry.obj is not None
        proposal = self.proposals[entry.obj]
        body = proposal.body
        if isinstance(body, Amendment):
            refusal = self._amend(entry, body)
        elif isinstance(body, Cancellation):
            refusal = self._cancel(entry)
        elif isinstance(body, Resolution):
            refusal = self._settle_difference(entry, proposal, body)
        else:
            assert isinstance(body, Correction)
            if proposal.countersigned == entry.ref:  # met again on a later walk
                return None
            return self._correct(proposal.entry, body, entry)
        if refusal is None:
            proposal.countersigned = entry.ref
        return refusal

    def _amend(self, entry: Entry, body: Amendment) -> Refusal | None:
        refusal = self._check_amendment(body)
        if refusal is not None:
            return refusal
        for line in body.lines:
            run = self.lines[line.line]
            run.ordered = line.quantity
            if line.price_micro != run.price:
                run.price = line.price_micro
                run.prices.append((entry.ref, line.price_micro))
            run.value = self._amount(run, line.price_micro, line.quantity) or 0
        self.version += 1
        self.max_liability = body.max_liability
        self._commit(entry, entry.t // SECONDS_PER_DAY)
        return None

    def _cancel(self, entry: Entry) -> Refusal | None:
        if self.cancelled is not None:
            return refuse("already-decided", by=str(self.cancelled.ref))
        if self.state not in (OrderState.AGREED, OrderState.IN_DELIVERY):
            assert self.state is not None
            return refuse("act-out-of-turn", state=self.state.value, kind=int(Kind.CANCELLATION))
        self.cancelled = entry
        for delivery in self.deliveries.values():
            if not entry.had_seen(delivery.entry.ref):
                self._flag(delivery.entry, "cancel-crossed-delivery", cancelled=str(entry.ref))
        self._commit(entry, entry.t // SECONDS_PER_DAY)
        return None

    # ---- goods

    def _deliver(self, entry: Entry, body: Delivery) -> Refusal | None:
        cancelled = self.cancelled
        if cancelled is not None and entry.had_seen(cancelled.ref):
            return refuse("delivery-after-cancel", cancelled=str(cancelled.ref))
        refusal = self._check_lines(body.lines)
        if refusal is not None:
            return refusal
        prices = {}
        for line in body.lines:
            run = self.lines[line.line]
            price = run.price_for(entry)
            quantity = run.delivered + line.quantity
            if price is None or line.quantity == 0 or quantity > BIG or self._amount(run, price, quantity) is None:
                return refuse("bad-quantity", line=line.line)
            prices[line.line] = price
        if cancelled is not None:
            self._flag(entry, "cancel-crossed-delivery", cancelled=str(cancelled.ref))
        for line in body.lines:
            run = self.lines[line.line]
            run.delivered += line.quantity
            most = run.ordered * (1000 + run.request.tolerance_permille)
            if (run.delivered - run.refused) * 1000 > most:
                self._flag(entry, "over-delivery", line=line.line, delivered=run.delivered, ordered=run.ordered)
            if run.request.unit == FUEL_UNIT:
                self._check_fuel(entry, line)
        self.deliveries[entry.ref] = DeliveryRun(entry, body, prices)
        self.pending_receipts += 1
        return None

    def _check_fuel(self, entry: Entry, line: DeliveryLine) -> None:
        """A volume at 15 °C carries the measures it comes from, and both sides can work it out again."""
        measure = line.fuel
        if measure is None:
            self._flag(entry, "fuel-measure-missing", line=line.line)
            return
        expected = _volume15(measure.observed_litres, measure.density15_decikg, measure.temperature_decidegrees)
        if expected is None:  # outside the table: the declared factor is all there is
            expected = _declared_volume15(measure.observed_litres, measure.vcf_e5)
        tolerance = self.shared.genesis.terms.volume_tolerance_permille
        if expected is None or abs(expected - line.quantity) * 1000 > expected * tolerance:
            self._flag(entry, "fuel-volume-differs", line=line.line, declared=line.quantity, computed=expected or 0)

    def _receive(self, entry: Entry, body: Receipt) -> Refusal | None:
        assert entry.obj is not None
        delivery = self.deliveries[entry.obj]
        delivered = {line.line: line.quantity for line in delivery.body.lines}
        counted = {line.line: line.accepted + line.refused for line in body.lines}
        if counted != delivered or len(body.lines) != len(counted):
            first = next((n for n in delivered if counted.get(n) != delivered[n]), body.lines[0].line)
            return refuse(
                "receipt-mismatch", line=first, counted=counted.get(first, 0), delivered=delivered.get(first, 0)
            )
        if body.occurred_on < delivery.body.occurred_on:
            return refuse("bad-dates", received_on=body.occurred_on, delivered_on=delivery.body.occurred_on)
        total = 0
        for line in body.lines:
            run = self.lines[line.line]
            run.received += line.accepted
            run.refused += line.refused
            if line.accepted:
                price = delivery.prices[line.line]
                before = run.accepted_at.get(price, 0)
                run.accepted_at[price] = before + line.accepted
                amount = self._amount(run, price, before + line.accepted)
                worth = (amount or 0) - ((self._amount(run, price, before) or 0) if before else 0)
                run.accrued += worth
                delivery.amounts[line.line] = worth
                total += worth
            if line.refused:
                key = (entry.ref, line.line)
                self.differences[key] = DifferenceRun(entry.ref, line.line, line.refused, 0, line.reason)
        delivery.receipt = entry
        delivery.receipt_body = body
        self.pending_receipts -= 1
        self._post(entry, "L2", total, body.occurred_on)
        self._commit(entry, body.occurred_on)
        self._check_liability(entry)
        return None

    def _check_liability(self, entry: Entry) -> None:
        accrued = sum(line.accrued for line in self.lines.values())
        if accrued > self.max_liability:
            self._flag(entry, "over-liability", accrued=accrued, limit=self.max_liability, currency=self.currency or "")

    def _delivery_of(self, receipt: EntryRef) -> DeliveryRun | None:
        """Return the delivery that ``receipt`` answers."""
        delivery = self.walked[receipt].obj
        return self.deliveries.get(delivery) if delivery is not None else None

    def _report(self, entry: Entry, body: Discrepancy) -> Refusal | None:
        assert entry.obj is not None
        delivery = self._delivery_of(entry.obj)
        assert delivery is not None
        assert delivery.receipt_body is not None
        accepted = next((line.accepted for line in delivery.receipt_body.lines if line.line == body.line), None)
        if accepted is None:
            return refuse("bad-quantity", line=body.line)
        too_much = body.quantity > accepted and body.reason is not Reason.OVER
        if too_much or (body.quantity == 0 and body.reason not in _MAY_LACK_QUANTITY):
            return refuse("bad-quantity", line=body.line)
        run = self.lines[body.line]
        worth = self._amount(run, delivery.prices[body.line], body.quantity)
        if worth is None:
            return refuse("bad-quantity", line=body.line)
        window = self.shared.genesis.terms.claim_window_days
        if entry.t // SECONDS_PER_DAY > delivery.receipt_body.occurred_on + window:
            self._flag(entry, "late-claim", line=body.line, received_on=delivery.receipt_body.occurred_on, days=window)
        self.differences[entry.ref, body.line] = DifferenceRun(entry.ref, body.line, body.quantity, worth, body.reason)
        return None

    # ---- differences

    def _propose_resolution(self, entry: Entry, body: Resolution) -> Refusal | None:
        assert entry.obj is not None
        difference = self.differences.get((entry.obj, body.line))
        if difference is None:  # what a receipt counted may be worth something else after all
            delivery = self._delivery_of(entry.obj) if self.walked[entry.obj].kind == Kind.RECEIPT else None
            if delivery is None or body.line not in delivery.prices:
                return refuse("bad-quantity", line=body.line)
        wrong_way = (body.outcome is Outcome.UPHELD and body.amount != 0) or (
            body.outcome is Outcome.NO_CHARGE and body.amount > 0
        )
        if wrong_way:
            return refuse("bad-quantity", line=body.line)
        refusal = self._check_resolution(difference, body)
        if refusal is None:
            if difference is not None:
                difference.resolution = entry.ref
                difference.outcome = body.outcome
            self._propose(entry, body)
        return refusal

    def _check_resolution(self, difference: DifferenceRun | None, body: Resolution) -> Refusal | None:
        if difference is not None and difference.resolved:
            return refuse("already-decided", by=str(difference.resolution or difference.ref))
        run = self.lines[body.line]
        worth = run.accrued - run.credited - run.credit_due
        if -body.amount > worth:
            return refuse("credit-over-invoiced", line=body.line, amount=-body.amount, worth=worth)
        if sum(line.accrued for line in self.lines.values()) + body.amount > BIG:
            return refuse("bad-quantity", line=body.line)
        return None

    def _settle_difference(self, entry: Entry, proposal: ProposalRun, body: Resolution) -> Refusal | None:
        opened_by = proposal.entry.obj
        assert opened_by is not None
        difference = self.differences.get((opened_by, body.line))
        refusal = self._check_resolution(difference, body)
        if refusal is not None:
            return refusal
        if difference is None:
            difference = DifferenceRun(opened_by, body.line, 0, abs(body.amount), Reason.PRICE)
            self.differences[opened_by, body.line] = difference
        difference.resolution = proposal.entry.ref
        difference.outcome = body.outcome
        day = entry.t // SECONDS_PER_DAY
        self._end_dispute(entry, difference, day)
        difference.resolved = True
        run = self.lines[body.line]
        if body.amount >= 0:
            change = body.amount
        else:
            # What is not billed yet is simply not billed; the rest waits for a credit note.
            change = -min(-body.amount, run.accrued - run.invoiced)
            run.credit_due += change - body.amount
        run.accrued += change
        self._post(entry, "L16", change, day)
        if change > 0:
            self._check_liability(entry)
        return None

    def _end_dispute(self, entry: Entry, difference: DifferenceRun, day: int) -> None:
        """Let a disputed amount be billed again."""
        invoice = difference.invoice
        if invoice is not None and not difference.resolved:
            self.lines[difference.line].disputed -= difference.amount
            invoice.disputed[difference.line] -= difference.amount
            self._post(entry, "L4", -difference.amount, day)

    # ---- money

    def _bill(self, entry: Entry, body: Invoice) -> Refusal | None:
        for receipt in body.receipts:
            walked = self.walked.get(receipt)
            counts = walked is not None and walked.kind == Kind.RECEIPT and self.verdicts[receipt] is None
            if not counts or not entry.had_seen(receipt):
                return refuse("invoice-receipt-unknown", receipt=str(receipt))
        refusal = self._check_lines(body.lines)
        if refusal is not None:
            return refusal
        for line in body.lines:
            run = self.lines[line.line]
            if line.amount == 0:
                return refuse("bad-quantity", line=line.line)
            if line.amount > run.accrued - run.invoiced:
                return refuse(
                    "invoice-over-accrued",
                    line=line.line,
                    amount=line.amount,
                    unbilled=run.accrued - run.invoiced,
                    currency=self.currency or "",
                )
        total = sum(line.amount for line in body.lines)
        if total != body.total:
            return refuse("invoice-total-differs", total=body.total, sum=total, currency=self.currency or "")
        for line in body.lines:
            self.lines[line.line].invoiced += line.amount
        self.invoices[entry.ref] = InvoiceRun(entry.ref, body)
        self.numbers.append((("invoice", self.provider, body.number), entry.ref))
        self._post(entry, "L3", total, body.issued_on)
        return None

    def _invoice(self, entry: Entry) -> InvoiceRun:
        assert entry.obj is not None
        return self.invoices[entry.obj]

    def _accept_invoice(self, entry: Entry, _body: InvoiceAccepted) -> Refusal | None:
        invoice = self._invoice(entry)
        if invoice.accepted:
            return refuse("already-decided", by=str(invoice.ref))
        invoice.accepted = True
        for difference in self.differences.values():
            if difference.invoice is invoice and not difference.resolved:
                self._end_dispute(entry, difference, entry.t // SECONDS_PER_DAY)
                difference.resolved = True
                difference.outcome = Outcome.UPHELD
        return None

    def _dispute(self, entry: Entry, body: InvoiceDisputed) -> Refusal | None:
        invoice = self._invoice(entry)
        if invoice.accepted:
            return refuse("already-decided", by=str(invoice.ref))
        refusal = self._check_lines(body.lines) or self._check_invoice_lines(
            body.lines, invoice, "dispute-over-invoiced"
        )
        if refusal is not None:
            return refusal
        total = sum(line.amount for line in body.lines)
        if total > invoice.open_amount - sum(invoice.disputed.values()):
            return refuse("dispute-over-invoiced", line=0, amount=total, left=max(0, invoice.open_amount))
        for line in body.lines:
            self.lines[line.line].disputed += line.amount
            invoice.disputed[line.line] = invoice.disputed.get(line.line, 0) + line.amount
            difference = DifferenceRun(entry.ref, line.line, 0, line.amount, body.reason)
            difference.invoice = invoice
            self.differences[entry.ref, line.line] = difference
        self._post(entry, "L4", total, entry.t // SECONDS_PER_DAY)
        return None

    def _check_invoice_lines(self, lines: Iterable[Any], invoice: InvoiceRun, code: str) -> Refusal | None:
        """Refuse an amount beyond what the invoice still bills undisputed on that line."""
        billed = {line.line: line.amount for line in invoice.body.lines}
        for line in lines:
            left = billed.get(line.line, 0) - invoice.credited.get(line.line, 0) - invoice.disputed.get(line.line, 0)
            if line.amount == 0:
                return refuse("bad-quantity", line=line.line)
            if line.amount > left:
                return refuse(code, line=line.line, amount=line.amount, left=left)
        return None

    def _advise(self, entry: Entry, body: PaymentAdvice) -> Refusal | None:
        invoice = self._invoice(entry)
        if body.amount == 0 or invoice.advised + body.amount > BIG:
            return refuse("bad-quantity", line=0)
        invoice.advised += body.amount
        return None

    def _take_funds(self, entry: Entry, body: FundsReceived) -> Refusal | None:
        invoice = self._invoice(entry)
        if body.amount == 0 or max(invoice.received + body.amount, invoice.charges + body.charges) > BIG:
            return refuse("bad-quantity", line=0)
        invoice.received += body.amount
        invoice.charges += body.charges
        invoice.funds = entry.ref
        invoice.last_on = max(body.value_on, invoice.last_on or 0)
        self._post(entry, "L6", body.amount, body.value_on)
        return None

    def _credit(self, entry: Entry, body: CreditNote) -> Refusal | None:
        invoice = self._invoice(entry)
        refusal = self._check_lines(body.lines) or self._check_invoice_lines(
            body.lines, invoice, "credit-over-invoiced"
        )
        if refusal is not None:
            return refusal
        for line in body.lines:
            run = self.lines[line.line]
            run.credited += line.amount
            run.credit_due = max(0, run.credit_due - line.amount)
            invoice.credited[line.line] = invoice.credited.get(line.line, 0) + line.amount
        day = entry.t // SECONDS_PER_DAY
        invoice.last_on = max(day, invoice.last_on or 0)
        self.numbers.append((("credit", self.provider, body.number), entry.ref))
        self._post(entry, "L7", sum(line.amount for line in body.lines), day)
        return None

    # ---- the end, and second thoughts

    def _close(self, entry: Entry, _body: Close) -> Refusal | None:
        if self._has_open_difference():
            return refuse("premature-close", state="open-difference", kind=int(Kind.CLOSE))
        self.closed_by.append(entry.party)
        return None

    def _note(self, _entry: Entry, _body: Note) -> Refusal | None:
        return None

    def _propose_correction(self, entry: Entry, body: Correction) -> Refusal | None:
        assert entry.obj is not None
        if entry.ref in self.completed:  # met again on a later walk: its effect is there from the start
            self.proposals[entry.ref] = ProposalRun(entry, body, self.completed[entry.ref])
            return None
        target = self.walked[entry.obj]
        replacement = replacement_of(target, body)
        if isinstance(replacement, str):
            return refuse("correction-not-possible", object=str(entry.obj), because=replacement)
        waits = entry.ref in self.frozen or self.closed_by or self._is_answered(target, entry)
        return self._propose(entry, body) if waits else self._correct(entry, body, entry)

    def _is_answered(self, target: Entry, correction: Entry) -> bool:
        """Return whether the other side has acted on ``target``; if it crossed the correction, that counts too."""
        for other in self.entries:
            if other.party == target.party or other.kind == Kind.NOTE or not _refers(other, target.ref):
                continue
            if other.ref in self.verdicts:
                if self.verdicts[other.ref] is None:
                    return True
            elif not other.had_seen(correction.ref) and other.party in (self.receiver, self.provider):
                return True
        return False

    def _correct(self, correction: Entry, body: Correction, completing: Entry) -> Refusal | None:
        """Let ``correction`` count from ``completing`` on: walk again with the new body, and post the change.

        Every other act that counted must still count, closing excepted (an order may be reopened); what did not
        count stays so.
        """
        assert correction.obj is not None
        target = self.walked[correction.obj]
        new_body = replacement_of(target, body)
        assert not isinstance(new_body, str)
        self.corrections_tried += 1
        if self.corrections_tried > CORRECTIONS_MAX:
            return refuse("correction-not-possible", object=str(target.ref), because="too many")
        again = OrderRun(self.shared, self.order_id, self.entries)
        again.substitutions = {**self.substitutions, target.ref: Substitution(new_body, correction.ref)}
        again.completed = {**self.completed, correction.ref: completing.ref}
        again.frozen = {ref: refusal for ref, refusal in self.verdicts.items() if refusal is not None}
        for ref, proposal in self.proposals.items():
            if proposal.countersigned is None and proposal.entry.kind == Kind.CORRECTION:
                again.frozen[ref] = None
        again.walk(before=completing.ref)
        for ref, refusal in self.verdicts.items():
            meant = refusal is None and not (ref == target.ref and new_body is None)
            if meant and again.verdicts[ref] is not None and self.walked[ref].kind != Kind.CLOSE:
                return refuse("correction-not-possible", object=str(target.ref), because=str(ref))
        again.journal_before = self.journal() + _restated(self.transactions, again.transactions, completing)
        again.journal_from = len(again.transactions)
        again.corrections_tried = self.corrections_tried
        again.proposals[correction.ref] = ProposalRun(correction, body, completing.ref)
        again.frozen = {}
        for name in OrderRun.__slots__:
            setattr(self, name, getattr(again, name))
        return None

    def journal(self) -> list[Transaction]:
        """Return what was posted, with what corrections took back and restated, in reading order."""
        return self.journal_before + self.transactions[self.journal_from :]


def _original_step(target: Entry) -> Step:
    return next(step for (kind, _on), step in STEPS.items() if kind == target.kind)


def _refers(entry: Entry, target: EntryRef) -> bool:
    return entry.obj == target or (isinstance(entry.body, Invoice) and target in entry.body.receipts)


def replacement_of(target: Entry, correction: Correction) -> Body | str | None:
    """Return the new body of ``target``, None if it is taken back, or a text that says why there is none."""
    if not correction.replacement:
        return "a request is withdrawn, not taken back" if target.kind == Kind.REQUEST else None
    try:
        array = canonical.decode(correction.replacement)
    except (RemoteError, LocalError):
        return "the replacement is not canonical"
    body = from_array(target.kind, array)
    return body.why if isinstance(body, Unreadable) else body


def _restated(before: Sequence[Transaction], after: Sequence[Transaction], completing: Entry) -> list[Transaction]:
    """Return what turns the postings ``before`` into those ``after``: reversals first, then the new ones."""
    old = _by_origin(before)
    new = _by_origin(after)
    day = completing.t // SECONDS_PER_DAY
    changed = [origin for origin in {**old, **new} if old.get(origin) != new.get(origin)]
    reversals = [
        posted._replace(origin=completing.ref, day=day, amount=-posted.amount, about=origin)
        for origin in changed
        for posted in old.get(origin, ())
    ]
    restated = [
        posted._replace(origin=completing.ref, day=day, about=origin)
        for origin in changed
        for posted in new.get(origin, ())
    ]
    return reversals + restated


def _by_origin(transactions: Iterable[Transaction]) -> dict[EntryRef, list[Transaction]]:
    found: dict[EntryRef, list[Transaction]] = {}
    for transaction in transactions:
        found.setdefault(transaction.origin, []).append(transaction)
    return found


def _amount(genesis: Genesis, price: int, scaled: int, unit: str, currency: str) -> int | None:
    try:
        return line_amount(price, scaled, unit, currency, genesis.terms.rounding)
    except LocalError:
        return None


def order_value(genesis: Genesis, request: Request, lines: Iterable[Any], currency: str) -> int | None:
    """Return what offered or amended ``lines`` come to in minor units; None if that cannot be said."""
    units = {line.line: line.unit for line in request.lines}
    total = 0
    for line in lines:
        worth = _amount(genesis, line.price_micro, line.quantity, units.get(line.line, ""), currency)
        if worth is None:
            return None
        total += worth
    return total


def _volume15(observed_litres: int, density15_decikg: int, temperature_decidegrees: int) -> int | None:
    try:
        factor = fuel.vcf_e5(density15_decikg, temperature_decidegrees)
        return fuel.volume15(observed_litres, factor)
    except LocalError:
        return None


def _declared_volume15(observed_litres: int, vcf_e5: int) -> int | None:
    try:
        return fuel.volume15(observed_litres, vcf_e5)
    except LocalError:
        return None


def _request_terms(genesis: Genesis, body: Request) -> Refusal | None:
    """Return which term of the agreement a request is outside of."""
    terms = genesis.terms
    if body.need_to < body.need_from:
        return refuse("bad-dates", need_from=body.need_from, need_to=body.need_to)
    if not (terms.in_force(body.need_from) and terms.in_force(body.need_to)):
        return refuse("not-in-force", need_from=body.need_from, need_to=body.need_to)
    if body.situation not in terms.situations:
        return refuse("not-allowed-situation", situation=body.situation)
    seen = set()
    for line in body.lines:
        if terms.allowance(body.situation, line.category) is not Allowance.ALLOWED:
            return refuse("not-allowed-category", line=line.line, category=line.category, situation=body.situation)
        if line.means not in terms.means_for(line.category):
            return refuse("not-allowed-means", line=line.line, category=line.category, means=int(line.means))
        if line.nsn and terms.is_blocked(line.nsn):
            return refuse("blocked-item", line=line.line, nsn=line.nsn)
        if line.unit not in UNITS:
            return refuse("unknown-unit", line=line.line, unit=line.unit)
        if line.line in seen or line.quantity == 0 or line.tolerance_permille > 1000:
            return refuse("bad-quantity", line=line.line)
        seen.add(line.line)
    return None


_Effect = Callable[[OrderRun, Entry, Any], Refusal | None]
_EFFECTS: Mapping[Kind, _Effect] = MappingProxyType({
    Kind.DECLINE: OrderRun._decline,
    Kind.OFFER: OrderRun._make_offer,
    Kind.WITHDRAWAL: OrderRun._withdraw,
    Kind.ORDER: OrderRun._make_order,
    Kind.ACCEPTANCE: OrderRun._accept,
    Kind.AMENDMENT: OrderRun._propose_amendment,
    Kind.CANCELLATION: OrderRun._propose_cancellation,
    Kind.DELIVERY: OrderRun._deliver,
    Kind.RECEIPT: OrderRun._receive,
    Kind.DISCREPANCY: OrderRun._report,
    Kind.RESOLUTION: OrderRun._propose_resolution,
    Kind.INVOICE: OrderRun._bill,
    Kind.INVOICE_ACCEPTED: OrderRun._accept_invoice,
    Kind.INVOICE_DISPUTED: OrderRun._dispute,
    Kind.PAYMENT_ADVICE: OrderRun._advise,
    Kind.FUNDS_RECEIVED: OrderRun._take_funds,
    Kind.CREDIT_NOTE: OrderRun._credit,
    Kind.CLOSE: OrderRun._close,
    Kind.CORRECTION: OrderRun._propose_correction,
    Kind.NOTE: OrderRun._note,
    Kind.COUNTERSIGN: OrderRun._countersign,
})  # fmt: skip
