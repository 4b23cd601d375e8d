"""Deliveries, receipts and differences: what these acts check, change and post.

Decides what a delivery may hand over, what a receipt makes a line worth, and how a difference ends. Every function
returns why the act does not count, or None after taking its effect.

Source: docs/spec/orders.md, "Goods"; docs/spec/ledger.md, "Rounding".
"""

from __future__ import annotations

from tallystick.core import fuel
from tallystick.core.entries import (
    BIG,
    Delivery,
    DeliveryLine,
    Discrepancy,
    Entry,
    Kind,
    Outcome,
    Reason,
    Receipt,
    Resolution,
)
from tallystick.core.errors import LocalError
from tallystick.core.identity import EntryRef
from tallystick.core.running import DeliveryRun, DifferenceRun, OrderRun, ProposalRun
from tallystick.core.warrants import SECONDS_PER_DAY, Refusal, refuse

FUEL_UNIT = "L15"
_MAY_LACK_QUANTITY = frozenset({Reason.PRICE, Reason.LATE, Reason.QUALITY})

# ---- delivery


def deliver(run: OrderRun, entry: Entry, body: Delivery) -> Refusal | None:
    cancelled = run.cancelled
    if cancelled is not None and entry.had_seen(cancelled.ref):
        return refuse("delivery-after-cancel", cancelled=str(cancelled.ref))
    refusal = run.check_lines(body.lines)
    if refusal is not None:
        return refusal
    prices = {}
    for handed in body.lines:
        line = run.lines[handed.line]
        price = line.price_for(entry)
        quantity = line.delivered + handed.quantity
        if price is None or handed.quantity == 0:
            return refuse("bad-quantity", line=handed.line)
        if quantity > line.ordered and (quantity > BIG or run.amount(line, price, quantity) is None):
            return refuse("bad-quantity", line=handed.line)  # beyond what the record can hold
        prices[handed.line] = price
    if cancelled is not None:
        run.flag(entry, "cancel-crossed-delivery", cancelled=str(cancelled.ref))
    for handed in body.lines:
        line = run.lines[handed.line]
        line.delivered += handed.quantity
        most = line.ordered * (1000 + line.request.tolerance_permille)
        if (line.delivered - line.refused) * 1000 > most:
            run.flag(entry, "over-delivery", line=handed.line, delivered=line.delivered, ordered=line.ordered)
        if line.request.unit == FUEL_UNIT:
            _check_fuel(run, entry, handed)
    run.deliveries[entry.ref] = DeliveryRun(entry, body, prices)
    run.pending_receipts += 1
    return None


def _check_fuel(run: OrderRun, entry: Entry, handed: DeliveryLine) -> None:
    """A volume at 15 °C carries the measures it comes from, and both sides can work it out again."""
    measure = handed.fuel
    if measure is None:
        run.flag(entry, "fuel-measure-missing", line=handed.line)
        return
    try:
        factor = fuel.vcf_e5(measure.density15_decikg, measure.temperature_decidegrees)
    except LocalError:  # outside the table: the declared factor is all there is
        factor = measure.vcf_e5
    try:
        computed = fuel.volume15(measure.observed_litres, factor)
    except LocalError:
        computed = 0
    tolerance = run.shared.genesis.terms.volume_tolerance_permille
    if abs(computed - handed.quantity) * 1000 > computed * tolerance:
        run.flag(entry, "fuel-volume-differs", line=handed.line, declared=handed.quantity, computed=computed)


# ---- receipt


def receive(run: OrderRun, entry: Entry, body: Receipt) -> Refusal | None:
    assert entry.obj is not None
    delivery = run.deliveries[entry.obj]
    refusal = _check_count(delivery, body)
    if refusal is not None:
        return refusal
    total = 0
    for counted in body.lines:
        line = run.lines[counted.line]
        line.received += counted.accepted
        line.refused += counted.refused
        if counted.accepted:
            price = delivery.prices[counted.line]
            before = line.accepted_at.get(price, 0)
            line.accepted_at[price] = after = before + counted.accepted
            # The line is rounded once whatever the number of receipts: each posts the change of the rounded whole.
            worth = (run.amount(line, price, after) or 0) - ((run.amount(line, price, before) or 0) if before else 0)
            line.accrued += worth
            delivery.amounts[counted.line] = worth
            total += worth
        if counted.refused:
            run.differences[entry.ref, counted.line] = DifferenceRun(
                entry.ref, counted.line, counted.refused, 0, counted.reason
            )
    delivery.receipt = entry
    delivery.receipt_body = body
    run.pending_receipts -= 1
    run.accrued += total
    run.unbilled += total
    run.post(entry, "L2", total, body.occurred_on)
    run.count_lines(entry, body.occurred_on)
    _check_liability(run, entry)
    return None


def _check_count(delivery: DeliveryRun, body: Receipt) -> Refusal | None:
    delivered = {line.line: line.quantity for line in delivery.body.lines}
    counted = {line.line: line.accepted + line.refused for line in body.lines}
    if counted != delivered or len(body.lines) != len(counted):
        differs = (number for number in {**delivered, **counted} if counted.get(number) != delivered.get(number))
        first = next(differs, body.lines[0].line)
        return refuse("receipt-mismatch", line=first, counted=counted.get(first, 0), delivered=delivered.get(first, 0))
    if body.occurred_on < delivery.body.occurred_on:
        return refuse("bad-dates", received_on=body.occurred_on, delivered_on=delivery.body.occurred_on)
    return None


def _check_liability(run: OrderRun, entry: Entry) -> None:
    if run.accrued > run.max_liability:
        run.flag(entry, "over-liability", accrued=run.accrued, limit=run.max_liability, currency=run.currency or "")


# ---- differences


def _counted_by(run: OrderRun, receipt: EntryRef) -> DeliveryRun:
    """Return the delivery that an effective receipt answers."""
    delivery = run.walked[receipt].obj
    assert delivery is not None
    return run.deliveries[delivery]


def report(run: OrderRun, entry: Entry, body: Discrepancy) -> Refusal | None:
    assert entry.obj is not None
    delivery = _counted_by(run, entry.obj)
    receipt = delivery.receipt_body
    assert receipt is not None
    accepted = next((line.accepted for line in receipt.lines if line.line == body.line), None)
    if accepted is None:
        return refuse("bad-quantity", line=body.line)
    too_much = body.quantity > accepted and body.reason is not Reason.OVER
    worth = run.amount(run.lines[body.line], delivery.prices[body.line], body.quantity)
    if too_much or worth is None or (body.quantity == 0 and body.reason not in _MAY_LACK_QUANTITY):
        return refuse("bad-quantity", line=body.line)
    window = run.shared.genesis.terms.claim_window_days
    if entry.t // SECONDS_PER_DAY > receipt.occurred_on + window:
        run.flag(entry, "late-claim", line=body.line, received_on=receipt.occurred_on, days=window)
    run.differences[entry.ref, body.line] = DifferenceRun(entry.ref, body.line, body.quantity, worth, body.reason)
    return None


def propose_resolution(run: OrderRun, entry: Entry, body: Resolution) -> Refusal | None:
    assert entry.obj is not None
    difference = run.differences.get((entry.obj, body.line))
    if difference is None and (
        # What a receipt counted may turn out to be worth something else, with no difference told before.
        run.walked[entry.obj].kind != Kind.RECEIPT or body.line not in _counted_by(run, entry.obj).prices
    ):
        return refuse("bad-quantity", line=body.line)
    if (body.outcome is Outcome.UPHELD and body.amount != 0) or (body.outcome is Outcome.NO_CHARGE and body.amount > 0):
        return refuse("bad-quantity", line=body.line)
    refusal = _check_resolution(run, difference, body)
    if refusal is None:
        if difference is not None:
            difference.resolution = entry.ref
            difference.outcome = body.outcome
        run.proposals[entry.ref] = ProposalRun(entry, body)
    return refusal


def _check_resolution(run: OrderRun, difference: DifferenceRun | None, body: Resolution) -> Refusal | None:
    if difference is not None and difference.resolved:
        return refuse("already-decided", by=str(difference.resolution or difference.ref))
    line = run.lines[body.line]
    worth = line.accrued - line.credited - line.credit_due
    if -body.amount > worth:
        return refuse("credit-over-invoiced", line=body.line, amount=-body.amount, left=worth)
    if run.accrued + body.amount > BIG:
        return refuse("bad-quantity", line=body.line)
    return None


def resolve(run: OrderRun, entry: Entry, proposal: ProposalRun, body: Resolution) -> Refusal | None:
    """Let a countersigned resolution end its difference and change what the line is worth (L16)."""
    opened_by = proposal.entry.obj
    assert opened_by is not None
    difference = run.differences.get((opened_by, body.line))
    refusal = _check_resolution(run, difference, body)
    if refusal is not None:
        return refusal
    if difference is None:
        difference = DifferenceRun(opened_by, body.line, 0, abs(body.amount), Reason.PRICE)
        run.differences[opened_by, body.line] = difference
    difference.resolution = proposal.entry.ref
    difference.outcome = body.outcome
    day = entry.t // SECONDS_PER_DAY
    end_difference(run, entry, difference, day)
    line = run.lines[body.line]
    # What is not billed yet is simply not billed; the rest, and what a dispute was about, waits for a credit note.
    unbilled = line.accrued - line.invoiced if difference.invoice is None else 0
    change = max(body.amount, -unbilled)
    line.accrued += change
    run.accrued += change
    run.unbilled += change
    line.credit_due += change - body.amount
    run.credit_due += change - body.amount
    run.post(entry, "L16", change, day)
    if change > 0:
        _check_liability(run, entry)
    return None


def end_difference(run: OrderRun, entry: Entry, difference: DifferenceRun, day: int) -> None:
    """Close a difference; a disputed amount is billed again (L4 backwards)."""
    difference.resolved = True
    invoice = difference.invoice
    if invoice is not None:
        run.lines[difference.line].disputed -= difference.amount
        run.disputed -= difference.amount
        invoice.disputed[difference.line] -= difference.amount
        run.post(entry, "L4", -difference.amount, day)
