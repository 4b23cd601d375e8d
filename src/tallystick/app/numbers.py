"""The next free number of a document this party makes."""

from __future__ import annotations

from collections.abc import Iterable

from tallystick.app.node import Desk
from tallystick.core import calendar


def fiscal_year(desk: Desk, day: int) -> int:
    """Return the fiscal year of ``day`` under the agreement's calendar."""
    return calendar.fiscal_year(day, desk.genesis.terms.fiscal_year_first_month)


def next_serial(desk: Desk, year: int) -> int:
    """Return the serial after the highest this party has used for a request in fiscal ``year``."""
    prefix = desk.genesis.order_number(desk.party, year, 0).removesuffix("0000")
    return _highest(order.number for order in desk.record.orders.values() if order.number.startswith(prefix)) + 1


def next_invoice_number(desk: Desk, year: int) -> str:
    """Return the next number for an invoice of this party: ``IN-2026-0042``. A credit note adds its own letter."""
    prefix = f"{desk.party_code(desk.party)}-{year}-"
    orders = desk.record.orders.values()
    used = (invoice.number for order in orders if order.provider == desk.party for invoice in order.invoices)
    return f"{prefix}{_highest(number for number in used if number.startswith(prefix)) + 1:04d}"


def credit_note_number(invoice_number: str, earlier: int) -> str:
    """Return the number of the next credit note on an invoice that has ``earlier`` ones: ``IN-2026-0042-C1``."""
    return f"{invoice_number}-C{earlier + 1}"


def _highest(numbers: Iterable[str]) -> int:
    """Return the highest number at the end of ``numbers``; 0 when there is none."""
    tails = (number.rpartition("-" if "-" in number else "/")[2] for number in numbers)
    return max((int(tail) for tail in tails if tail.isascii() and tail.isdigit()), default=0)
