"""The next free number of a document this party makes."""

from __future__ import annotations

from tallystick.app.node import Desk
from tallystick.core import calendar
from tallystick.core.entries import CreditNote, Invoice, Request


def fiscal_year(desk: Desk, day: int) -> int:
    """Return the fiscal year of ``day`` under the agreement's calendar."""
    return calendar.fiscal_year(day, desk.genesis.terms.fiscal_year_first_month)


def next_serial(desk: Desk, year: int) -> int:
    """Return the serial after the highest this party has used for a request in fiscal ``year``."""
    used = (
        entry.body.serial
        for entry in desk.space.acts()
        if isinstance(entry.body, Request) and entry.party == desk.party and entry.body.fiscal_year == year
    )
    return max(used, default=0) + 1


def next_invoice_number(desk: Desk, year: int) -> str:
    """Return the next number for an invoice or a credit note of this party: ``IN-2026-0042``."""
    prefix = f"{desk.party_code(desk.party)}-{year}-"
    used = (
        int(entry.body.number.removeprefix(prefix))
        for entry in desk.space.acts()
        if isinstance(entry.body, Invoice | CreditNote)
        and entry.party == desk.party
        and entry.body.number.startswith(prefix)
        and entry.body.number.removeprefix(prefix).isdigit()
    )
    return f"{prefix}{max(used, default=0) + 1:04d}"
