"""Invoices, disputes, payments, credits and closing: what these acts check, change and post.

Decides what may be billed, disputed and credited, and what settles. Every function returns why the act does not count,
or None after taking its effect.

Source: docs/spec/ledger.md, "Rules".
"""

from __future__ import annotations

from collections.abc import Iterable

from tallystick.core.entries import (
    BIG,
    AmountLine,
    Close,
    CreditNote,
    Entry,
    FundsReceived,
    Invoice,
    InvoiceAccepted,
    InvoiceDisputed,
    Kind,
    Outcome,
    PaymentAdvice,
)
from tallystick.core.goods import end_difference
from tallystick.core.running import DifferenceRun, InvoiceRun, OrderRun
from tallystick.core.warrants import SECONDS_PER_DAY, Refusal, refuse


def bill(run: OrderRun, entry: Entry, body: Invoice) -> Refusal | None:
    for receipt in body.receipts:
        walked = run.walked.get(receipt)
        counts = walked is not None and walked.kind == Kind.RECEIPT and run.verdicts[receipt] is None
        if not counts or not entry.had_seen(receipt):
            return refuse("invoice-receipt-unknown", receipt=str(receipt))
    refusal = run.check_lines(body.lines)
    if refusal is not None:
        return refusal
    currency = run.currency or ""
    total = 0
    for billed in body.lines:
        line = run.lines[billed.line]
        unbilled = line.accrued - line.invoiced
        if billed.amount == 0:
            return refuse("bad-quantity", line=billed.line)
        if billed.amount > unbilled:
            return refuse(
                "invoice-over-accrued", line=billed.line, amount=billed.amount, unbilled=unbilled, currency=currency
            )
        total += billed.amount
    if total != body.total:
        return refuse("invoice-total-differs", total=body.total, sum=total, currency=currency)
    for billed in body.lines:
        run.lines[billed.line].invoiced += billed.amount
    run.unbilled -= total
    run.invoices[entry.ref] = InvoiceRun(entry.ref, body)
    run.numbers.append((("invoice", run.provider, body.number), entry.ref))
    run.post(entry, "L3", total, body.issued_on)
    return None


def _invoice(run: OrderRun, entry: Entry) -> InvoiceRun:
    assert entry.obj is not None
    return run.invoices[entry.obj]


def accept_invoice(run: OrderRun, entry: Entry, _body: InvoiceAccepted) -> Refusal | None:
    invoice = _invoice(run, entry)
    if invoice.accepted:
        return refuse("already-decided", by=str(invoice.ref))
    invoice.accepted = True
    for difference in run.differences.values():
        if difference.invoice is invoice and not difference.resolved:
            end_difference(run, entry, difference, entry.t // SECONDS_PER_DAY)
            difference.outcome = Outcome.UPHELD
    return None


def dispute(run: OrderRun, entry: Entry, body: InvoiceDisputed) -> Refusal | None:
    invoice = _invoice(run, entry)
    if invoice.accepted:
        return refuse("already-decided", by=str(invoice.ref))
    refusal = run.check_lines(body.lines) or _check_left(body.lines, invoice, "dispute-over-invoiced")
    if refusal is not None:
        return refusal
    total = sum(line.amount for line in body.lines)
    left = invoice.owed - sum(invoice.disputed.values())
    if total > left:
        return refuse("dispute-over-invoiced", line=0, amount=total, left=max(0, left))
    for disputed in body.lines:
        run.lines[disputed.line].disputed += disputed.amount
        invoice.disputed[disputed.line] = invoice.disputed.get(disputed.line, 0) + disputed.amount
        difference = DifferenceRun(entry.ref, disputed.line, 0, disputed.amount, body.reason)
        difference.invoice = invoice
        run.differences[entry.ref, disputed.line] = difference
    run.disputed += total
    run.post(entry, "L4", total, entry.t // SECONDS_PER_DAY)
    return None


def _check_left(lines: Iterable[AmountLine], invoice: InvoiceRun, code: str) -> Refusal | None:
    """Refuse an amount beyond what the invoice still bills undisputed on that line."""
    billed = {line.line: line.amount for line in invoice.body.lines}
    for line in lines:
        left = billed.get(line.line, 0) - invoice.credited.get(line.line, 0) - invoice.disputed.get(line.line, 0)
        if line.amount == 0:
            return refuse("bad-quantity", line=line.line)
        if line.amount > left:
            return refuse(code, line=line.line, amount=line.amount, left=left)
    return None


def advise(run: OrderRun, entry: Entry, body: PaymentAdvice) -> Refusal | None:
    invoice = _invoice(run, entry)
    if body.amount == 0 or invoice.advised + body.amount > BIG:
        return refuse("bad-quantity", line=0)
    invoice.advised += body.amount
    return None


def take_funds(run: OrderRun, entry: Entry, body: FundsReceived) -> Refusal | None:
    invoice = _invoice(run, entry)
    if body.amount == 0 or max(invoice.received + body.amount, invoice.charges + body.charges) > BIG:
        return refuse("bad-quantity", line=0)
    invoice.received += body.amount
    invoice.owed -= body.amount
    invoice.charges += body.charges
    invoice.funds = entry.ref
    invoice.last_on = max(body.value_on, invoice.last_on or 0)
    run.post(entry, "L6", body.amount, body.value_on)
    return None


def credit(run: OrderRun, entry: Entry, body: CreditNote) -> Refusal | None:
    invoice = _invoice(run, entry)
    refusal = run.check_lines(body.lines) or _check_left(body.lines, invoice, "credit-over-invoiced")
    if refusal is not None:
        return refusal
    total = 0
    for credited in body.lines:
        line = run.lines[credited.line]
        line.credited += credited.amount
        discharged = min(line.credit_due, credited.amount)
        line.credit_due -= discharged
        run.credit_due -= discharged
        invoice.credited[credited.line] = invoice.credited.get(credited.line, 0) + credited.amount
        total += credited.amount
    invoice.owed -= total
    day = entry.t // SECONDS_PER_DAY
    invoice.last_on = max(day, invoice.last_on or 0)
    run.numbers.append((("credit note", run.provider, body.number), entry.ref))
    run.post(entry, "L7", total, day)
    return None


def close(run: OrderRun, entry: Entry, _body: Close) -> Refusal | None:
    if run.has_open_difference():
        return refuse("premature-close", state="open-difference", kind=int(Kind.CLOSE))
    run.closed_by.append(entry.party)
    return None
