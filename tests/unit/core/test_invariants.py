"""The laws asked in production: they hold for a whole order, and each one broken is named."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.cast import CODES
from tests.scenario import Story

from tallystick.core import invariants
from tallystick.core.invariants import of_books, of_order

STORY = """
2027-01-11 JP request O1 of IN: 1 FOOD 1850 KGM "fresh provisions"
2027-01-20 IN offer F1 on O1 INR until 2027-02-19: 1 1850 @ 96.50
2027-01-28 JP order R1 on F1 limit 200000.00
2027-01-29 IN accept A1 on R1
2027-02-20 IN deliver D1 on A1: 1 1850
2027-02-20 JP receive E1 on D1: 1 1790 refused 60 spoiled
2027-03-12 IN invoice I1 on A1 for E1
2027-04-30 IN funds N1 on I1 100000.00
"""


@pytest.fixture(scope="module")
def record():
    return Story(STORY).record


def test_a_whole_order_keeps_every_law(record):
    (order,) = record.orders.values()
    assert list(of_order(order, record.ledger.transactions_of(order.order_id))) == []
    assert list(of_books(record, CODES)) == []


OWED = ("I5", "what is owed on the lines is not what is owed on invoices and unbilled")
SETTLED = ("I5", "what settles the lines is not what was received on the invoices")
GOODS = ("I5", "goods of line 1")


def _money(lines, journal):
    return "I5", f"{lines} is owed, the journal says {journal}"


@pytest.mark.parametrize(
    ("told", "break_it"),
    [
        ([("I3", "L6 of 17.4 is posted by an entry that does not count")], lambda o, j: (_without(o, j[-1].origin), j)),
        ([_money(7_273_500, 7_273_499)], lambda o, j: (o, [*j[:-1], j[-1]._replace(amount=j[-1].amount + 1)])),
        ([GOODS], lambda o, j: (_line(o, received=o.lines[0].received - 1), j)),
        ([GOODS], lambda o, j: (_line(o, refused=o.lines[0].refused + 1, delivered=o.lines[0].delivered + 1), j)),
        ([GOODS], lambda o, j: (_line(o, delivered=o.lines[0].delivered + 1), j)),
        (
            [GOODS],
            lambda o, j: (_line(o, received=o.lines[0].received - 1, delivered=o.lines[0].delivered - 1), j),
        ),
        ([GOODS], lambda o, j: (_line(o, cancelled=-1), j)),
        (
            [SETTLED, OWED, _money(7_273_501, 7_273_500)],
            lambda o, j: (_line(o, settled=o.lines[0].settled - 1), j),
        ),
        ([OWED, _money(7_273_499, 7_273_500)], lambda o, j: (_line(o, credited=1), j)),
        ([_money(7_273_501, 7_273_500)], lambda o, j: (_line(o, accrued=o.lines[0].accrued + 1), j)),
        ([OWED], lambda o, j: (replace(o, invoices=(replace(o.invoices[0], total=o.invoices[0].total + 1),)), j)),
        (
            [("I6", "L6 of 17.4 is in JPY, the order in INR")],
            lambda o, j: (o, [*j[:-1], j[-1]._replace(commodity="JPY")]),
        ),
        ([("I7", "L6 of 17.4 moves 0")], lambda o, j: (o, [*j, j[-1]._replace(amount=0)])),
        ([("I7", "L6 of 17.4 moves 10000000.0")], lambda o, j: (o, [*j[:-1], j[-1]._replace(amount=10_000_000.0)])),
    ],
    ids=[
        "origin", "journal", "received", "refused", "delivered", "received and delivered", "cancelled",
        "settled", "credited", "owed", "invoice", "currency", "zero", "no integer",
    ],
)  # fmt: skip
def test_a_broken_law_is_named(record, told, break_it):
    (order,) = record.orders.values()
    journal = list(record.ledger.transactions_of(order.order_id))
    breaches = list(of_order(*break_it(order, journal)))
    assert [(breach.law, breach.what) for breach in breaches] == told
    assert {breach.order for breach in breaches} == {order.number}


def _without(order, origin):
    return replace(order, effective=tuple(ref for ref in order.effective if ref != origin))


MIRROR = ("I2", "{0} is not {1}")
ITEMS = ("I5", "the open items of {2} are not {2}:ar")
SUM = ("I1", "the trial balance of {2} does not sum to zero")


@pytest.mark.parametrize(
    ("account", "told", "facts"),
    [
        ("JP:ap:billed:IN", [MIRROR, SUM], ("IN:ar:billed:JP", "JP:ap:billed:IN", "JP")),
        ("IN:ar:disputed:JP", [MIRROR, ITEMS, SUM], ("IN:ar:disputed:JP", "JP:ap:disputed:IN", "IN")),
        ("IN:cash", [SUM], ("", "", "IN")),
        ("JP:ar:unbilled:IN", [MIRROR, ITEMS, SUM], ("JP:ar:unbilled:IN", "IN:ap:unbilled:JP", "JP")),
    ],
    ids=["payable", "receivable", "cash", "a debt of nobody"],
)
@pytest.mark.parametrize("commodity", ["INR", "JPY"])
def test_books_that_do_not_fit_are_named(account, told, facts, commodity):
    """One account of one party moved by one, in the order's currency or in one that nothing was agreed in."""
    record = Story(STORY).record
    balances = dict(record.ledger._balances)
    balances[account, commodity] = balances.get((account, commodity), 0) + 1
    record.ledger.__dict__["_balances"] = balances
    breaches = list(of_books(record, CODES))
    assert {(breach.law, breach.what) for breach in breaches} == {(law, what.format(*facts)) for law, what in told}
    assert {breach.order for breach in breaches} == {""}


def _line(order, **changes):
    return replace(order, lines=(replace(order.lines[0], **changes), *order.lines[1:]))


@pytest.mark.parametrize(
    ("legs", "laws"),
    [
        ([("IN:ar:unbilled:JP", 1), ("IN:cash", 1)], {"I1", "I2"}),
        ([("IN:cash", 1), ("IN:given", -1), ("JP:got", 1)], {"I1"}),
        ([("IN:ar:billed:JP", 1), ("IN:given", -1), ("JP:got", 1), ("JP:ap:unbilled:IN", -1)], {"I2"}),
        ([("IN:ar:billed:JP", 1), ("IN:given", -1), ("JP:got", 1), ("JP:ap:billed:US", -1)], {"I2"}),
        ([("IN:ar:billed:JP", 1), ("IN:given", -1), ("JP:got", 1), ("JP:ap:billed:IN", -1)], set()),
    ],
    ids=["one book", "one side", "another state", "another creditor", "as it should be"],
)
def test_a_posting_rule_that_forgets_the_other_side_is_named(record, monkeypatch, legs, laws):
    monkeypatch.setattr(invariants, "legs", lambda *_: [(account[:2], account, sign) for account, sign in legs])
    invariants._balances.cache_clear()
    invariants._mirrors.cache_clear()
    try:
        (order,) = record.orders.values()
        (first, *_) = record.ledger.transactions_of(order.order_id)
        told = {breach.law for breach in of_order(order, [first]) if "of 17" in breach.what}
    finally:
        invariants._balances.cache_clear()
        invariants._mirrors.cache_clear()
    assert told == laws
