"""What a walk comes to: the view of an order, its findings, and the bytes both sides compare.

Decides how a finished ``OrderRun`` is told. Leaves what counts to ``steps``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum, IntEnum
from operator import attrgetter
from typing import Any

from tallystick.core import canonical
from tallystick.core.entries import BIG
from tallystick.core.findings import Finding
from tallystick.core.identity import EntryRef
from tallystick.core.ledger import Transaction
from tallystick.core.orders import (
    PROPOSALS,
    DeliveredLine,
    DeliveryView,
    DifferenceView,
    Fulfilment,
    InvoiceView,
    Line,
    LineSettlement,
    OfferView,
    OrderState,
    OrderView,
    ProposalView,
)
from tallystick.core.running import DeliveryRun, InvoiceRun, LineRun, OrderRun
from tallystick.core.times import contradictions
from tallystick.core.warrants import SECONDS_PER_DAY


def view_of(run: OrderRun) -> OrderView:
    """Return what the walked entries say about their order."""
    request = run.request
    assert request is not None
    assert run.state is not None
    genesis = run.shared.genesis
    code = genesis.parties[run.receiver].code if run.receiver < len(genesis.parties) else str(run.receiver)
    settled = _settled_by_line(run)
    return OrderView(
        order_id=run.order_id,
        number=genesis.terms.order_number(code, request.fiscal_year, request.serial),
        state=run.state,
        receiver=run.receiver,
        provider=run.provider,
        situation=request.situation,
        place=request.place,
        need_from=request.need_from,
        need_to=request.need_to,
        receiving_unit=request.receiving_unit,
        currency=run.currency,
        version=run.version,
        max_liability=run.max_liability,
        lines=tuple([_line(run, line, settled.get(line.request.line, 0)) for line in run.lines.values()]),
        offer=_offer(run),
        order=run.order,
        acceptance=run.acceptance,
        bill_to=run.bill_to,
        pay_to=run.pay_to,
        deliveries=tuple([_delivery(d, number) for number, d in enumerate(run.deliveries.values(), 1)]),
        differences=tuple(
            [
                DifferenceView(d.ref, d.line, d.quantity, d.amount, d.reason, d.resolution, d.outcome, d.resolved)
                for d in run.differences.values()
            ]
        ),
        invoices=tuple([_invoice(run, invoice) for invoice in run.invoices.values()]),
        proposals=tuple(
            [
                ProposalView(ref, proposal.body.KIND, proposal.entry.party, proposal.countersigned)
                for ref, proposal in run.proposals.items()
                if proposal.body.KIND in PROPOSALS
            ]
        ),
        closed_by=tuple(sorted(run.closed_by)),
        effective=tuple([ref for ref, refusal in run.verdicts.items() if refusal is None]),
        void=tuple([ref for ref, refusal in run.verdicts.items() if refusal is not None]),
        cancelled_by=run.cancelled.ref if run.cancelled is not None else None,
    )


def _offer(run: OrderRun) -> OfferView | None:
    if run.offer is None or run.state is OrderState.REQUESTED:  # none yet, or taken back
        return None
    body = run.offers[run.offer]
    return OfferView(
        ref=run.offer,
        currency=body.currency,
        valid_until=body.valid_until,
        issuing_unit=body.issuing_unit,
        basis=body.basis,
        price_list=body.price_list,
        offered_on=run.walked[run.offer].t // SECONDS_PER_DAY,
    )


def _line(run: OrderRun, line: LineRun, settled: int) -> Line:
    request = line.request
    cancelled = max(0, line.ordered - line.delivered) if run.cancelled is not None else 0
    return Line(
        line=request.line,
        category=request.category,
        item=request.item,
        nsn=request.nsn,
        unit=request.unit,
        means=request.means,
        tolerance_permille=request.tolerance_permille,
        requested=request.quantity,
        ordered=line.ordered,
        price_micro=line.price,
        delivered=line.delivered,
        received=line.received,
        refused=line.refused,
        cancelled=cancelled,
        accrued=line.accrued,
        invoiced=line.invoiced,
        disputed=line.disputed,
        credited=line.credited,
        settled=settled,
        credit_due=line.credit_due,
        fulfilment=_fulfilment(line, cancelled),
        settlement=_settlement(line, settled),
        order_value=line.value,
    )


def _fulfilment(line: LineRun, cancelled: int) -> Fulfilment:
    pending = line.delivered - line.received - line.refused
    if not line.delivered:
        return Fulfilment.CANCELLED_REST if cancelled else Fulfilment.OPEN
    if pending:
        complete = (line.delivered + cancelled) * 1000 >= line.ordered * (1000 - line.request.tolerance_permille)
        if line.received or line.refused:
            return Fulfilment.PART_RECEIVED
        return Fulfilment.DELIVERED_UNCONFIRMED if complete else Fulfilment.PART_DELIVERED
    if cancelled:
        return Fulfilment.CANCELLED_REST
    if not line.received:
        return Fulfilment.REFUSED
    return Fulfilment.RECEIVED if line.is_complete() else Fulfilment.PART_RECEIVED


def _settlement(line: LineRun, settled: int) -> LineSettlement:
    if line.disputed:
        return LineSettlement.DISPUTED
    if not line.accrued:
        return LineSettlement.NONE
    paid = settled + line.credited
    if paid >= line.accrued and line.invoiced >= line.accrued and not line.credit_due:
        return LineSettlement.SETTLED
    if settled:
        return LineSettlement.PART_SETTLED
    return LineSettlement.INVOICED if line.invoiced >= line.accrued else LineSettlement.ACCRUED


def _settled_by_line(run: OrderRun) -> dict[int, int]:
    """Share out what was received over the lines each invoice bills, in line order; the sum stays what was received."""
    settled: dict[int, int] = {}
    for invoice in run.invoices.values():
        left = invoice.received
        lines = sorted(invoice.body.lines, key=lambda line: line.line)
        for place, line in enumerate(lines, 1):
            owed = max(0, line.amount - invoice.credited.get(line.line, 0))
            part = left if place == len(lines) else min(left, owed)  # what is too much shows on the last line
            settled[line.line] = settled.get(line.line, 0) + part
            left -= part
    return settled


def _delivery(delivery: DeliveryRun, number: int) -> DeliveryView:
    receipt = delivery.receipt_body
    counted = {line.line: line for line in receipt.lines} if receipt is not None else {}
    lines = []
    for line in delivery.body.lines:
        count = counted.get(line.line)
        lines.append(
            DeliveredLine(
                line=line.line,
                quantity=line.quantity,
                accepted=count.accepted if count is not None else None,
                refused=count.refused if count is not None else None,
                reason=count.reason if count is not None and count.refused else None,
                amount=delivery.amounts.get(line.line, 0),
            )
        )
    return DeliveryView(
        ref=delivery.entry.ref,
        sequence=number,
        occurred_on=delivery.body.occurred_on,
        place=delivery.body.place,
        lines=tuple(lines),
        receipt=delivery.receipt.ref if delivery.receipt is not None else None,
        received_on=receipt.occurred_on if receipt is not None else None,
    )


def _invoice(run: OrderRun, invoice: InvoiceRun) -> InvoiceView:
    body = invoice.body
    return InvoiceView(
        ref=invoice.ref,
        number=body.number,
        issued_on=body.issued_on,
        due_on=body.issued_on + run.shared.genesis.terms.pay_within_days,
        lines=tuple([(line.line, line.amount) for line in body.lines]),
        total=body.total,
        accepted=invoice.accepted,
        disputed=sum(invoice.disputed.values()),
        credited=sum(invoice.credited.values()),
        advised=invoice.advised,
        received=invoice.received,
        charges=invoice.charges,
        receipts=body.receipts,
        settled_on=invoice.last_on if invoice.owed == 0 else None,
        last_money_on=invoice.last_on,
    )


# ---- findings


def findings_of(run: OrderRun) -> tuple[Finding, ...]:
    """Return everything someone should look at in this order, in the order of the entries."""
    found: dict[EntryRef, list[Finding]] = {}
    for ref, refusal in run.verdicts.items():
        if refusal is not None:
            found[ref] = [Finding(refusal[0], ref, run.order_id, refusal[1])]
    for flag in run.flags:
        if run.verdicts[flag.entry] is None:
            found.setdefault(flag.entry, []).append(flag)
    for target, substitution in run.substitutions.items():
        if run.verdicts[target] is None:
            facts = (("by", str(substitution.by)),)
            found.setdefault(target, []).append(Finding("corrected", target, run.order_id, facts))
    for difference in run.differences.values():
        if not difference.resolved and difference.invoice is None:
            code = "refused-goods" if run.walked[difference.ref].obj in run.deliveries else "discrepancy-open"
            facts_of = (
                ("line", difference.line),
                ("quantity", difference.quantity),
                ("reason", int(difference.reason)),
            )
            found.setdefault(difference.ref, []).append(Finding(code, difference.ref, run.order_id, facts_of))
    for code, entry, other in contradictions(run.entries, run.shared.genesis.terms.clock_tolerance_seconds):
        if run.verdicts[entry.ref] is None:
            claims = (("claimed", entry.t), ("other", str(other.ref)), ("other_claimed", other.t))
            found.setdefault(entry.ref, []).append(Finding(code, entry.ref, run.order_id, claims))
    currency = run.currency or ""
    for invoice in run.invoices.values():
        rest = invoice.owed
        if invoice.funds is not None and rest:
            code = "short-payment" if rest > 0 else "overpaid"
            money: tuple[tuple[str, int | str], ...] = (("amount", abs(rest)), ("currency", currency))
            if rest > 0:
                money = (*money, ("charges", invoice.charges))
            found.setdefault(invoice.funds, []).append(Finding(code, invoice.funds, run.order_id, money))
    if not found:
        return ()
    return tuple([finding for entry in run.entries for finding in found.get(entry.ref, ())])


# ---- bytes


def plain(value: Any) -> Any:
    """Return ``value`` as arrays, integers and texts, for the canonical encoding.

    Integers beyond 2^53 − 1 become texts: sums of what single entries may carry can be larger than one of them.
    """
    kind = type(value)
    convert = _PLAIN.get(kind)
    if convert is None:
        convert = _PLAIN[kind] = _converter(kind)
    return convert(value)


def _same(value: Any) -> Any:
    return value


def _int(value: int) -> int | str:
    return value if -BIG <= value <= BIG else str(value)


def _list(values: Iterable[Any]) -> list[Any]:
    told = []
    for value in values:
        kind = type(value)
        if kind is str or value is None or (kind is int and -BIG <= value <= BIG):  # most of it, spared a call
            told.append(value)
        else:
            told.append(plain(value))
    return told


# By type, found once: a record has very many values of few types.
_PLAIN: dict[type, Callable[[Any], Any]] = {
    int: _int, str: _same, bytes: _same, bool: _same, type(None): _same, tuple: _list,
}  # fmt: skip


def _converter(kind: type) -> Callable[[Any], Any]:
    if issubclass(kind, IntEnum):
        return int
    if issubclass(kind, Enum):
        return lambda member: str(member.value)
    if issubclass(kind, tuple):
        return _list
    assert is_dataclass(kind), kind
    values_of = attrgetter(*(field.name for field in fields(kind)))
    return lambda told: _list(values_of(told))


def digest_of(view: OrderView, transactions: Sequence[Transaction], findings: Sequence[Finding]) -> bytes:
    """Return the SHA-256 of the canonical bytes of an order's state, postings and findings."""
    told = [plain(view), [plain(t) for t in transactions], [plain(f) for f in findings]]
    return hashlib.sha256(canonical.encode_trusted(told)).digest()
