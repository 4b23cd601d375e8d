"""Deadlines, what is late, and ageing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.cast import GENESIS, IN, JP, at, staffed
from tests.golden import vector_orders
from tests.scenario import Story

from tallystick.core.agreement import JAPAN_INDIA as TERMS
from tallystick.core.calendar import day_text, parse_day
from tallystick.core.due import (
    PAST_DUE_BUCKETS,
    UNBILLED_BUCKETS,
    AgeingRow,
    ClockKind,
    ageing,
    bucket,
    clocks,
    day_for_both,
    overlays,
    state_on,
)
from tallystick.core.entries import Entry, Kind
from tallystick.core.fold import Fold
from tallystick.core.ledger import ItemState
from tallystick.core.orders import OrderState

REQUEST = '2027-02-01 JP request O1 of IN from 2027-02-18 to 2027-02-21: 1 FOOD 100 KGM "fresh provisions"\n'
OFFER = "2027-02-02 IN offer F1 on O1 INR until 2027-02-19: 1 100 @ 10.00\n"
AGREED = REQUEST + OFFER + "2027-02-03 JP order R1 on F1 limit 2000.00\n2027-02-04 IN accept A1 on R1\n"
DELIVERED = AGREED + "2027-02-20 IN deliver D1 on A1: 1 100\n"
RECEIVED = DELIVERED + "2027-02-21 JP receive E1 on D1\n"
BILLED = RECEIVED + "2027-03-12 IN invoice I1 on A1 for E1\n"
SHORT = BILLED + "2027-04-30 IN funds N1 on I1 990.00 charges 10.00\n"
SETTLED = SHORT + "2027-05-06 IN funds N2 on I1 10.00\n"


def told(text: str) -> list[tuple[str, str, str, str | None, int]]:
    story = Story(text)
    return [
        (c.kind.value, day_text(c.base_on), day_text(c.due_on), c.done_on and day_text(c.done_on), c.amount)
        for c in clocks(story.order(), TERMS)
    ]


def test_the_clocks_of_an_order_from_offer_to_settlement() -> None:
    assert told(REQUEST) == []
    assert told(REQUEST + OFFER) == [("offer", "2027-02-02", "2027-02-19", None, 100_000)]
    assert told(REQUEST + OFFER + "2027-02-03 JP order R1 on F1 limit 2000.00\n") == []  # taken, in time
    assert told(AGREED) == [("need", "2027-02-18", "2027-02-21", None, 0)]
    assert told(DELIVERED) == [
        ("need", "2027-02-18", "2027-02-21", "2027-02-20", 0),
        ("receipt", "2027-02-20", "2027-02-23", None, 0),
    ]
    assert told(RECEIVED) == [
        ("receipt", "2027-02-20", "2027-02-23", "2027-02-21", 0),
        ("invoice", "2027-02-21", "2027-03-23", None, 100_000),
        ("settlement", "2027-02-20", "2028-02-20", None, 100_000),
    ]
    assert told(SHORT)[1:] == [
        ("invoice", "2027-02-21", "2027-03-23", "2027-03-12", 0),
        ("payment", "2027-03-12", "2027-05-11", None, 1_000),
        ("settlement", "2027-02-20", "2028-02-20", None, 1_000),
    ]
    assert told(SETTLED)[2:] == [
        ("payment", "2027-03-12", "2027-05-11", "2027-05-06", 0),
        ("settlement", "2027-02-20", "2028-02-20", "2027-05-06", 0),
    ]


def late(text: str, as_of: str) -> list[tuple[str, int, bool]]:
    return [(o.code, o.days, o.late) for o in overlays(Story(text).order(), TERMS, parse_day(as_of))]


@pytest.mark.parametrize(
    ("text", "as_of", "expected"),
    [
        (REQUEST + OFFER, "2027-02-13", []),
        (REQUEST + OFFER, "2027-02-14", [("DUE_SOON", 5, False)]),
        (DELIVERED, "2027-02-23", []),
        (DELIVERED, "2027-02-24", [("RECEIPT_LATE", 1, True)]),
        (DELIVERED, "2027-03-02", [("RECEIPT_LATE", 7, True)]),
        (DELIVERED, "2027-03-03", [("RECEIPT_LATE", 8, True), ("RECEIPT_ESCALATED", 1, True)]),
        (RECEIVED, "2027-03-23", [("DUE_SOON", 0, False)]),
        (RECEIVED, "2027-03-24", [("LATE_INVOICE", 1, True)]),
        (BILLED, "2027-05-11", [("DUE_SOON", 0, False)]),
        (BILLED, "2027-05-12", [("OVERDUE", 1, True)]),
        (BILLED, "2028-02-20", [("OVERDUE", 285, True), ("DUE_SOON", 0, False)]),
        (BILLED, "2028-02-21", [("OVERDUE", 286, True), ("PAST_12M", 1, True)]),
        (BILLED, "2028-08-21", [("OVERDUE", 468, True), ("PAST_12M", 183, True), ("PAST_18M", 1, True)]),
        (SETTLED, "2029-01-01", []),
    ],
)
def test_late_begins_the_day_after_the_due_date(text: str, as_of: str, expected: list[tuple[str, int, bool]]) -> None:
    assert late(text, as_of) == expected


def test_a_dispute_pauses_the_disputed_amount_but_not_the_treaty() -> None:
    disputed = BILLED + "2027-03-13 JP dispute P1 on I1: 1 1000.00\n"
    assert late(disputed, "2027-06-01") == []
    assert late(disputed, "2028-03-01") == [("PAST_12M", 10, True)]
    part = BILLED + "2027-03-13 JP dispute P1 on I1: 1 400.00\n"
    assert late(part, "2027-06-01") == [("OVERDUE", 21, True)]


def test_an_invoice_was_settled_on_the_last_day_money_came_whatever_was_told_last() -> None:
    paid = BILLED + "2027-04-20 IN funds N1 on I1 600.00\n2027-04-05 IN funds N2 on I1 400.00\n"
    assert of_kind(paid, "payment", "settlement") == [("2027-04-20", 0), ("2027-04-20", 0)]


def test_what_is_overdue_is_told_of_the_invoice_it_is_about() -> None:
    two = RECEIVED + (
        "2027-03-12 IN invoice I1 on A1 for E1: 1 400.00\n2027-03-12 IN invoice I2 on A1 for E1: 1 600.00\n"
        "2027-03-13 JP dispute P1 on I1: 1 400.00\n"
    )
    story = Story(two)
    (overdue,) = overlays(story.order(), TERMS, parse_day("2027-06-01"))
    assert (overdue.code, overdue.ref) == ("OVERDUE", story.names["I2"])


def test_an_offer_expires_after_its_last_day() -> None:
    order = Story(REQUEST + OFFER).order()
    assert state_on(order, parse_day("2027-02-19")) is OrderState.OFFERED
    assert state_on(order, parse_day("2027-02-20")) is OrderState.EXPIRED
    assert state_on(Story(AGREED).order(), parse_day("2029-01-01")) is OrderState.AGREED


def test_money_settles_the_oldest_delivery_first() -> None:
    text = (
        AGREED
        + "2027-02-18 IN deliver D1 on A1: 1 40\n2027-02-18 JP receive E1 on D1\n"
        + "2027-02-20 IN deliver D2 on A1: 1 60\n2027-02-20 JP receive E2 on D2\n"
        + "2027-03-12 IN invoice I1 on A1 for E1 E2\n2027-04-01 IN funds N1 on I1 500.00\n"
    )
    assert [t[3:] for t in told(text) if t[0] == "settlement"] == [("2027-04-01", 0), (None, 50_000)]


TWO_LINES = (
    AGREED.replace('provisions"\n', 'provisions"; 2 WATR 10 TNE "potable water"\n')
    .replace("@ 10.00", "@ 10.00; 2 10 @ 50.00")
    + "2027-02-18 IN deliver D1 on A1: 1 40; 2 4\n2027-02-18 JP receive E1 on D1\n"
    + "2027-02-20 IN deliver D2 on A1: 1 60\n2027-02-20 JP receive E2 on D2\n"
    + "2027-02-22 IN deliver D3 on A1: 2 6\n"
)  # fmt: skip
COUNTED = TWO_LINES + "2027-02-23 JP receive E3 on D3\n"


def of_kind(text: str, *kinds: str) -> list[tuple[str | None, int]]:
    return [(done_on, amount) for kind, _, _, done_on, amount in told(text) if kind in kinds]


def test_what_was_asked_for_has_come_when_every_line_has() -> None:
    assert of_kind(TWO_LINES.replace("; 2 4\n", "\n").replace(": 2 6\n", ": 2 9\n"), "need") == [(None, 0)]
    assert of_kind(TWO_LINES, "need") == [("2027-02-22", 0)]


def test_money_and_credit_are_shared_out_line_by_line() -> None:
    """The deliveries are worth 400 and 200, 600, and 300; money goes to the lines in their order."""
    billed = COUNTED + "2027-03-12 IN invoice I1 on A1 for E1 E2 E3\n"
    assert of_kind(billed, "settlement") == [(None, 60_000), (None, 60_000), (None, 30_000)]
    dearer = billed + "2027-03-20 IN resolve S1 on E1: 1 adjusted 50.00\n2027-03-21 JP countersign on S1\n"
    assert of_kind(dearer, "settlement") == [(None, 60_000), (None, 65_000), (None, 30_000)]  # the line's last bears it
    paid = billed + "2027-04-01 IN funds N1 on I1 700.00\n"
    assert of_kind(paid, "settlement") == [(None, 20_000), (None, 30_000), (None, 30_000)]
    credited = paid + "2027-04-03 IN credit N2 on I1: 2 250.00\n"
    assert of_kind(credited, "settlement") == [("2027-04-03", 0), (None, 30_000), (None, 25_000)]
    assert of_kind(credited, "payment") == [(None, 55_000)]
    rise = credited + "2027-05-10 IN resolve S1 on E1: 1 adjusted 50.00\n2027-05-11 JP countersign on S1\n"
    assert of_kind(rise, "settlement") == [("2027-04-03", 0), (None, 35_000), (None, 25_000)]


def test_a_delivery_is_settled_by_the_invoices_that_name_its_receipt() -> None:
    billed = (
        COUNTED
        + "2027-03-12 IN invoice I1 on A1 for E1 E2: 1 1000.00; 2 200.00\n2027-03-14 IN invoice I2 on A1 for E3\n"
    )
    paid = billed + "2027-04-05 IN funds N1 on I1 1200.00\n2027-04-20 IN funds N2 on I2 300.00\n"
    assert of_kind(paid, "settlement") == [("2027-04-05", 0), ("2027-04-05", 0), ("2027-04-20", 0)]
    of_none = (
        COUNTED + "2027-03-12 IN invoice I1 on A1 for E2: 1 1000.00; 2 500.00\n2027-04-05 IN funds N1 on I1 1500.00\n"
    )
    assert of_kind(of_none, "settlement") == [("2027-04-05", 0)] * 3  # its money came by an invoice of another one
    unpaid = COUNTED + (
        "2027-03-12 IN invoice I1 on A1 for E1: 1 400.00; 2 200.00\n2027-03-14 IN invoice I2 on A1 for E1 E2 E3\n"
        "2027-04-05 IN funds N1 on I1 600.00\n"
    )
    assert of_kind(unpaid, "settlement") == [("2027-04-05", 0), (None, 60_000), (None, 30_000)]  # I2 has no money yet
    twice = COUNTED + (
        "2027-03-12 IN invoice I1 on A1 for E1: 1 400.00\n2027-03-14 IN invoice I2 on A1 for E1 E2 E3\n"
        "2027-04-20 IN funds N1 on I1 400.00\n2027-04-05 IN funds N2 on I2 1100.00\n"
    )
    assert of_kind(twice, "settlement") == [("2027-04-20", 0), ("2027-04-05", 0), ("2027-04-05", 0)]
    assert of_kind(twice, "invoice") == [("2027-03-12", 0), ("2027-03-14", 0), ("2027-03-14", 0)]


def test_what_is_worth_nothing_any_more_need_not_be_billed_whatever_else_must() -> None:
    nothing = "2027-02-24 IN resolve S1 on E2: 1 adjusted -1000.00\n2027-02-25 JP countersign on S1\n"
    refused = TWO_LINES.replace("E1 on D1\n", "E1 on D1: 1 0 refused 40 spoiled\n")
    half = "2027-02-24 IN resolve S1 on E1: 2 adjusted -200.00\n2027-02-25 JP countersign on S1\n"
    assert of_kind(refused + half, "invoice") == [("2027-02-18", 0), (None, 60_000)]  # its other line was refused
    assert of_kind(COUNTED + nothing, "invoice") == [(None, 60_000), ("2027-02-20", 0), (None, 30_000)]


def test_the_latest_is_told_first_and_of_the_same_day_the_earlier_document() -> None:
    story = Story(TWO_LINES.replace("2027-02-20 JP receive E2 on D2\n", ""))
    names = [(o.code, story.name_of(o.ref)) for o in overlays(story.order(), TERMS, parse_day("2027-03-25"))]
    assert names == [
        ("RECEIPT_LATE", "D2"), ("RECEIPT_LATE", "D3"), ("RECEIPT_ESCALATED", "D2"), ("RECEIPT_ESCALATED", "D3"),
        ("LATE_INVOICE", "E1"),
    ]  # fmt: skip
    same = Story(TWO_LINES.replace("2027-02-20 JP receive E2 on D2\n", "").replace("02-22 IN", "02-20 IN"))
    late_on = [(o.code, same.name_of(o.ref)) for o in overlays(same.order(), TERMS, parse_day("2027-03-18"))]
    assert late_on == [
        ("RECEIPT_LATE", "D2"), ("RECEIPT_LATE", "D3"), ("RECEIPT_ESCALATED", "D2"), ("RECEIPT_ESCALATED", "D3"),
        ("DUE_SOON", "E1"),
    ]  # fmt: skip


@pytest.mark.parametrize("entries", vector_orders(), ids=lambda entries: str(len(entries)))
def test_deadlines_are_about_what_is_open_after_each_entry_of_the_vectors(entries: list[Entry]) -> None:
    """The treaty's deadlines come to what the lines owe, and one runs while something is open."""
    fold = Fold(GENESIS)
    fold.extend(staffed().entries)
    for entry in entries:
        fold.extend([entry])
        (order,) = fold.record.orders.values()
        running = clocks(order, TERMS)
        settlement = [clock for clock in running if clock.kind is ClockKind.SETTLEMENT]
        owed = [max(0, line.accrued - line.settled - line.credited) for line in order.lines]
        assert sum(clock.amount for clock in settlement) == sum(owed), order.number
        assert all((clock.done_on is None) is (clock.amount > 0) for clock in settlement)
        payment = [clock for clock in running if clock.kind is ClockKind.PAYMENT]
        assert sum(clock.amount for clock in payment) == order.open_amount - sum(ln.unbilled for ln in order.lines)
        assert all((clock.done_on is None) is (clock.amount > 0) for clock in payment)
        assert all(clock.base_on <= clock.due_on for clock in running if clock.kind is not ClockKind.NEED)
        money = (Kind.INVOICE, Kind.PAYMENT_ADVICE, Kind.FUNDS_RECEIVED)
        assert all(clock.met_by == (money if clock in settlement else money[1:]) for clock in settlement + payment)


def test_what_is_not_worth_anything_has_no_deadline() -> None:
    refused = DELIVERED + "2027-02-21 JP receive E1 on D1: 1 0 refused 100 spoiled\n"
    assert [t[0] for t in told(refused)] == ["receipt"]


def test_money_that_was_never_due_has_no_deadline() -> None:
    over = BILLED + "2027-04-30 IN funds N1 on I1 1010.00\n"
    assert [t[3] for t in told(over) if t[0] in ("payment", "settlement")] == ["2027-04-30", "2027-04-30"]


def test_a_resolved_rise_belongs_to_the_last_delivery() -> None:
    rise = SETTLED + "2027-05-10 IN resolve S1 on E1: 1 adjusted 50.00\n2027-05-11 JP countersign on S1\n"
    assert [t[3:] for t in told(rise) if t[0] == "settlement"] == [(None, 5_000)]
    fall = RECEIVED + "2027-02-22 IN resolve S1 on E1: 1 adjusted -1000.00\n2027-02-23 JP countersign on S1\n"
    assert [t[3:] for t in told(fall) if t[0] in ("invoice", "settlement")] == [("2027-02-21", 0), ("2027-02-21", 0)]


def test_in_time_in_the_later_zone_is_in_time() -> None:
    midnight_in_tokyo = at("2027-05-11", "15:00")  # the twelfth in Tokyo, 20:30 of the eleventh in Delhi
    assert day_text(day_for_both(midnight_in_tokyo, (540, 330))) == "2027-05-11"
    assert day_text(day_for_both(midnight_in_tokyo + 4 * 3600, (540, 330))) == "2027-05-12"


@pytest.mark.parametrize(
    ("days", "name"),
    [(0, "not due"), (1, "1–30"), (30, "1–30"), (31, "31–60"), (365, "181–365"), (540, "366–540"), (541, "> 540")],
)
def test_buckets_of_what_is_due(days: int, name: str) -> None:
    assert bucket(days, PAST_DUE_BUCKETS) == name


@pytest.mark.parametrize(("days", "name"), [(0, "0–30"), (30, "0–30"), (31, "31–90"), (366, "> 365")])
def test_buckets_of_what_is_not_billed(days: int, name: str) -> None:
    assert bucket(days, UNBILLED_BUCKETS) == name


def test_ageing_puts_each_open_item_in_one_row() -> None:
    items = Story(BILLED).record.ledger.open_items() + Story(RECEIVED).record.ledger.open_items()
    as_of = parse_day("2027-06-01")
    rows = ageing(items, as_of)
    assert rows == (
        AgeingRow(IN, JP, "INR", ItemState.UNBILLED, "91–365", 1, 100_000),
        AgeingRow(IN, JP, "INR", ItemState.BILLED, "1–30", 1, 100_000),
    )
    later = ageing([*items, replace(items[0], amount=5)], parse_day("2029-06-01"))
    assert later == (
        AgeingRow(IN, JP, "INR", ItemState.UNBILLED, "> 365", 1, 100_000),
        AgeingRow(IN, JP, "INR", ItemState.BILLED, "> 540", 2, 100_005),
    )
