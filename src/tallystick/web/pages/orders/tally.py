"""The split tally of an order: what we say beside what they say, line by line and invoice by invoice.

Decides when the notches meet. The record itself is one and the same on both nodes; what can differ is what the provider
said it gave and the receiver said it got, billed and accepted, paid and arrived.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from tallystick.core.entries import Reason
from tallystick.core.identity import EntryRef
from tallystick.core.orders import DifferenceView, InvoiceView, Line, OrderView
from tallystick.web import formats, words


@dataclass(frozen=True, slots=True)
class TallyRow:
    """``gap`` names the difference; empty where the notches meet."""

    what: str
    ours: str
    theirs: str
    gap: str = ""
    ref: EntryRef | None = None


def tally(order: OrderView, party: int) -> list[TallyRow]:
    """Return the two halves of an order as ``party`` sees them: its own on the left."""
    ours_gives = order.provider == party
    rows = [*_goods(order), *_invoices(order)]
    return [row if ours_gives else TallyRow(row.what, row.theirs, row.ours, row.gap, row.ref) for row in rows]


def _qty(scaled: int, line: Line) -> str:
    figure = formats.quantity(scaled, line.unit)
    return f"{figure} {figure.symbol}"


def _goods(order: OrderView) -> Iterator[TallyRow]:
    """One row per line under which something was handed over: provider left, receiver right."""
    for line in order.lines:
        if not line.delivered:
            continue
        counted = line.received + line.refused
        waiting = line.delivered - counted
        theirs = _("Received %(quantity)s") % {"quantity": _qty(line.received, line)}
        if line.refused:
            theirs = _("Received %(received)s, refused %(refused)s") % {
                "received": _qty(line.received, line), "refused": _qty(line.refused, line),
            }  # fmt: skip
        if not counted:
            theirs = _("Not counted yet")
        gaps = [_gap(d, line, order) for d in order.differences if d.line == line.line]
        if waiting and counted:
            gaps.append(_("%(quantity)s wait to be counted.") % {"quantity": _qty(waiting, line)})
        elif waiting:
            gaps.append(_("%(quantity)s wait for the receiver's count.") % {"quantity": _qty(waiting, line)})
        open_gaps = [gap for gap in gaps if gap]
        yield TallyRow(
            f"{line.line} {line.item}",
            _("Handed over %(quantity)s") % {"quantity": _qty(line.delivered, line)},
            theirs,
            " ".join(open_gaps),
        )


def _gap(difference: DifferenceView, line: Line, order: OrderView) -> str:
    """Name a difference; one that both sides have resolved is told too, because the halves still differ."""
    told = {
        "quantity": _qty(difference.quantity, line),
        "reason": str(words.REASONS[Reason(difference.reason)]).lower(),
        "outcome": str(words.OUTCOMES[difference.outcome]).lower() if difference.outcome is not None else "",
    }
    if not difference.quantity:
        return ""
    if difference.resolved:
        return _("%(quantity)s differ: %(reason)s. Resolved: %(outcome)s.") % told
    if difference.resolution is not None:
        return _("%(quantity)s differ: %(reason)s. Proposed: %(outcome)s; waits for the countersignature.") % told
    return _("%(quantity)s differ: %(reason)s. Not resolved.") % told


def _invoices(order: OrderView) -> Iterator[TallyRow]:
    """Two rows per invoice: what is billed and what is said to it; what was sent and what arrived."""
    if order.currency is None:
        return
    for invoice in order.invoices:
        yield _billed(invoice, order.currency)
        if invoice.advised or invoice.received:
            yield _paid(invoice, order.currency)


def _money(minor: int, currency: str) -> str:
    figure = formats.money(minor, currency)
    return f"{figure.sign}{figure.symbol}{figure.whole}{figure.fraction}"


def _billed(invoice: InvoiceView, currency: str) -> TallyRow:
    told = {
        "number": invoice.number, "total": _money(invoice.total, currency),
        "disputed": _money(invoice.disputed, currency), "credited": _money(invoice.credited, currency),
    }  # fmt: skip
    ours = _("Billed %(total)s") % told
    if invoice.credited:
        ours = _("Billed %(total)s, credited %(credited)s") % told
    gap = ""
    if invoice.disputed:
        theirs, gap = _("Disputes %(disputed)s") % told, _("%(disputed)s in dispute.") % told
    elif invoice.accepted:
        theirs = _("Accepted")
    elif invoice.open_amount <= 0:
        theirs = _("Paid without a word")
    else:
        theirs, gap = _("Not answered yet"), _("Waits for the receiver's answer.")
    return TallyRow(_("Invoice %(number)s") % told, ours, theirs, gap, invoice.ref)


def _paid(invoice: InvoiceView, currency: str) -> TallyRow:
    told = {
        "number": invoice.number, "received": _money(invoice.received, currency),
        "advised": _money(invoice.advised, currency), "charges": _money(invoice.charges, currency),
        "left": _money(invoice.open_amount, currency),
    }  # fmt: skip
    ours = _("Arrived %(received)s") % told if invoice.received else _("Nothing has arrived yet")
    theirs = _("Sent %(advised)s") % told if invoice.advised else _("Nothing sent, by their word")
    gap = ""
    if invoice.open_amount > 0:
        gap = _("%(left)s still open.") % told
        if invoice.charges and invoice.charges == invoice.open_amount:
            gap = _("%(left)s still open: the bank kept it back.") % told
    elif invoice.open_amount < 0:
        gap = _("%(left)s too much arrived.") % {"left": _money(-invoice.open_amount, currency)}
    elif invoice.charges:
        gap = _("The bank kept %(charges)s on the way; it was sent again.") % told
    return TallyRow(_("Payment of %(number)s") % told, ours, theirs, gap, invoice.ref)
