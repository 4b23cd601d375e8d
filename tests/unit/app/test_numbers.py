"""Numbers people use for documents: the next free one, by party and fiscal year."""

import pytest
from tests.nodes import agreed, delivered, received, request

from tallystick.app import numbers
from tallystick.cli.demo.director import Director
from tallystick.core.calendar import parse_day
from tallystick.core.entries import Kind


@pytest.mark.parametrize(("day", "year"), [("2027-03-31", 2026), ("2027-04-01", 2027), ("2027-02-18", 2026)])
def test_the_fiscal_year_begins_in_april(director: Director, day: str, year: int):
    assert numbers.fiscal_year(director.desk("JP"), parse_day(day)) == year


def test_a_serial_follows_the_highest_of_this_party_and_year(director: Director):
    desk = director.desk("JP")
    assert numbers.next_serial(desk, 2026) == 1
    for _ in range(2):
        request(director)
    assert (numbers.next_serial(desk, 2026), numbers.next_serial(desk, 2027)) == (3, 1)
    director.exchange()
    assert numbers.next_serial(director.desk("IN"), 2026) == 1, "each party counts its own"


def test_invoices_and_credit_notes_are_numbered_by_the_provider(director: Director):
    accepted = agreed(director)
    receipt = received(director, delivered(director, accepted))
    director.exchange()
    desk = director.desk("IN")
    first = numbers.next_invoice_number(desk, 2026)
    director.act(
        "IN", Kind.INVOICE, accepted, number=first, issued_on="2027-03-12", receipts=[receipt], total="9650.00",
        lines=[{"line": 1, "amount": "9650.00"}],
    )  # fmt: skip
    director.exchange()
    assert (first, numbers.next_invoice_number(desk, 2026)) == ("IN-2026-0001", "IN-2026-0002")
    assert numbers.next_invoice_number(director.desk("JP"), 2026) == "JP-2026-0001"
    assert [numbers.credit_note_number(first, earlier) for earlier in (0, 1)] == ["IN-2026-0001-C1", "IN-2026-0001-C2"]
