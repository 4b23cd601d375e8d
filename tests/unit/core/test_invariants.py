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


@pytest.mark.parametrize(
    ("law", "break_it"),
    [
        ("I3", lambda order, journal: (replace(order, effective=order.effective[:-1]), journal)),
        ("I5", lambda order, journal: (order, [*journal[:-1], journal[-1]._replace(amount=journal[-1].amount + 1)])),
        ("I5", lambda order, journal: (_line(order, received=1789), journal)),
        ("I5", lambda order, journal: (_line(order, delivered=1851), journal)),
        ("I5", lambda order, journal: (_line(order, settled=1), journal)),
        ("I5", lambda order, journal: (_line(order, accrued=1), journal)),
        ("I6", lambda order, journal: (order, [*journal[:-1], journal[-1]._replace(commodity="JPY")])),
        ("I7", lambda order, journal: (order, [*journal, journal[-1]._replace(amount=0)])),
    ],
    ids=["origin", "journal", "received", "delivered", "settled", "owed", "currency", "zero"],
)
def test_a_broken_law_is_named(record, law, break_it):
    (order,) = record.orders.values()
    journal = list(record.ledger.transactions_of(order.order_id))
    found = {breach.law for breach in of_order(*break_it(order, journal))}
    assert law in found, found


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


def test_a_rule_that_posts_to_one_book_only_is_named(record, monkeypatch):
    """A posting rule that forgets the other side would break both the balance and the mirror."""
    monkeypatch.setattr(invariants, "legs", lambda _rule, p, r: ((p, f"{p}:ar:unbilled:{r}", 1), (p, f"{p}:cash", 1)))
    invariants._balances.cache_clear()
    invariants._mirrors.cache_clear()
    try:
        (order,) = record.orders.values()
        found = {breach.law for breach in of_order(order, record.ledger.transactions_of(order.order_id))}
    finally:
        invariants._balances.cache_clear()
        invariants._mirrors.cache_clear()
    assert {"I1", "I2"} <= found
