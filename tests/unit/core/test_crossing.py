"""Documents that cross, come twice or come out of turn."""

# ruff: noqa: E501 (a line of a story is one line)
from __future__ import annotations

from dataclasses import replace

import pytest
from tests.cast import GENESIS, IN, JP, OFFICERS, at
from tests.scenario import Story

from tallystick.core.calendar import parse_day
from tallystick.core.entries import (
    AmountLine,
    CreditNote,
    Delivery,
    DeliveryLine,
    Duty,
    FuelMeasure,
    Invoice,
    InvoiceDisputed,
    Kind,
    Means,
    Reason,
    Receipt,
    ReceiptLine,
)
from tallystick.core.fold import fold
from tallystick.core.identity import EntryRef

REQUEST = '2027-03-01 JP request O1 of IN: 1 FOOD 100 KGM "fresh provisions"\n'
OFFER = "2027-03-02 IN offer F1 on O1 INR until 2027-04-30: 1 100 @ 10.00\n"
ORDER = "2027-03-03 JP order R1 on F1 limit 2000.00\n"
ACCEPT = "2027-03-04 IN accept A1 on R1\n"
AGREED = REQUEST + OFFER + ORDER + ACCEPT


def test_a_request_may_be_declined_until_it_is_agreed() -> None:
    Story(
        REQUEST
        + "2027-03-02 IN decline K1 on O1\n-> O1 declined\n2027-03-03 IN offer F1 on O1 INR until 2027-04-30: 1 1 @ 1.00\n-> finding act-out-of-turn F1"
    )
    Story(AGREED + "2027-03-05 IN decline K1 on O1\n-> O1 agreed\n-> finding act-out-of-turn K1")


def test_a_new_offer_replaces_the_earlier_one() -> None:
    story = Story(
        REQUEST
        + OFFER
        + """
2027-03-03 IN offer F2 on O1 INR until 2027-04-30: 1 100 @ 9.00
2027-03-03 JP order R1 on F1 limit 2000.00
-> finding offer-not-live R1
-> O1 offered
2027-03-04 JP order R2 on F2 limit 2000.00
-> O1 ordered
"""
    )
    assert story.order().lines[0].order_value == 90000


@pytest.mark.parametrize("first", ["order", "offer"])
def test_an_order_that_crosses_a_new_offer_is_void(first: str) -> None:
    order = "2027-03-03 JP order R1 on F1 limit 2000.00 {}\n"
    offer = "2027-03-03 IN offer F2 on O1 INR until 2027-04-30: 1 100 @ 9.00\n"
    crossing = {
        "order": order.format("") + offer.replace("2027-04-30:", "2027-04-30 unseen R1:"),
        "offer": offer + order.format("unseen F2"),
    }[first]
    Story(REQUEST + OFFER + crossing + "-> O1 offered\n-> finding offer-not-live R1")
    named = "2027-03-05 IN accept A1 on R1\n-> O1 agreed\n-> no findings"
    story = Story(REQUEST + OFFER + crossing + named)
    assert story.order().order == story.names["R1"]
    assert story.order().lines[0].price_micro == 10_000_000
    assert story.order().offer.ref == story.names["F1"]


def test_of_two_orders_the_first_counts() -> None:
    Story(
        REQUEST
        + OFFER
        + ORDER
        + """
2027-03-03 JP order R2 on F1 limit 2000.00
-> O1 ordered
-> finding second-order R2
2027-03-04 IN accept A1 on R2
-> finding unknown-object A1
2027-03-04 IN accept A2 on R1
-> O1 agreed
2027-03-04 IN accept A3 on R1
-> finding already-decided A3
"""
    )


def test_when_the_acceptance_names_the_order_on_the_old_offer_the_other_order_falls() -> None:
    Story(
        REQUEST
        + OFFER
        + ORDER
        + """
2027-03-03 IN offer F2 on O1 INR until 2027-04-30: 1 100 @ 9.00
2027-03-04 JP order R2 on F2 limit 2000.00
-> O1 ordered
2027-03-05 IN accept A1 on R1
-> O1 agreed
-> finding second-order R2
-> O1 line 1 price_micro=10000000
"""
    )


def test_an_offer_lasts_to_its_last_day() -> None:
    Story(REQUEST + OFFER + "2027-04-30 JP order R1 on F1 limit 2000.00\n-> O1 ordered")
    Story(REQUEST + OFFER + "2027-05-01 JP order R1 on F1 limit 2000.00\n-> O1 offered\n-> finding offer-expired R1")


@pytest.mark.parametrize("read_first", ["order", "withdrawal"])
def test_an_order_that_crosses_the_withdrawal_of_its_offer_stands(read_first: str) -> None:
    # What is said after more is read later.
    later = "" if read_first == "order" else "2027-03-03 JP note on O1 unseen B1\n" * 2
    back = "2027-03-03 IN withdraw B1 on F1 by accepting\n-> O1 requested\n"
    order = "2027-03-03 JP order R1 on F1 limit 2000.00 "
    story = Story(
        REQUEST + OFFER + back + later + order + "unseen B1\n-> O1 ordered\n-> finding act-out-of-turn B1\n"
        "2027-03-04 IN accept A1 on R1\n-> O1 agreed\n-> no finding offer-not-live R1"
    )
    assert (story.entry("R1").order_key < story.entry("B1").order_key) is (read_first == "order")
    Story(REQUEST + OFFER + back + later + order + "\n-> O1 requested\n-> finding offer-not-live R1")


def test_an_acceptance_that_crosses_the_withdrawal_stands() -> None:
    back = "2027-03-04 JP withdraw B1 on O1\n"
    Story(
        REQUEST + OFFER + ORDER + back + "-> O1 withdrawn\n2027-03-04 IN accept A1 on R1\n-> finding act-out-of-turn A1"
    )
    Story(
        REQUEST
        + OFFER
        + ORDER
        + back
        + "2027-03-04 IN accept A1 on R1 unseen B1\n-> O1 agreed\n-> finding act-out-of-turn B1\n-> no finding act-out-of-turn A1"
    )
    Story(AGREED + "2027-03-04 JP withdraw B1 on O1 unseen A1\n-> O1 agreed\n-> finding act-out-of-turn B1")


CANCELLED = AGREED + "2027-03-05 JP cancel K1 on A1\n-> O1 agreed\n2027-03-06 IN countersign C1 on K1\n"


def test_a_cancellation_counts_from_the_second_signature() -> None:
    Story(
        CANCELLED
        + "-> O1 cancelled\n-> JP:memo:commit:IN 0.00 INR\n-> O1 line 1 cancelled=100000 fulfilment=cancelled-rest"
    )
    Story(
        AGREED
        + """
2027-03-05 JP cancel K1 on A1
2027-03-05 JP countersign C1 on K1
-> O1 agreed
-> finding own-countersign C1
2027-03-06 IN countersign C2 on K1
-> O1 cancelled
2027-03-07 IN countersign C3 on K1
-> finding already-decided C3
2027-03-08 IN cancel K2 on A1
-> finding act-out-of-turn K2
"""
    )


DELIVERED_FIRST = """
2027-03-05 IN cancel K1 on A1
2027-03-06 IN deliver D1 on A1: 1 40
2027-03-06 JP note on K1 unseen D1
2027-03-06 JP countersign C1 on K1 unseen D1
"""
CANCELLED_FIRST = """
2027-03-05 IN cancel K1 on A1
2027-03-06 JP countersign C1 on K1
2027-03-06 IN deliver D1 on A1 unseen C1: 1 40
"""


@pytest.mark.parametrize("crossing", [DELIVERED_FIRST, CANCELLED_FIRST], ids=["delivered first", "cancelled first"])
def test_a_delivery_that_crosses_the_cancellation_stands(crossing: str) -> None:
    text = AGREED + crossing
    Story(
        text
        + """
-> O1 in-delivery
-> finding cancel-crossed-delivery D1
2027-03-07 JP receive E1 on D1
-> O1 fulfilled
-> O1 line 1 received=40000 cancelled=60000 ordered=100000
-> IN:ar:unbilled:JP 400.00 INR
-> JP:memo:commit:IN 0.00 INR
"""
    )


def test_a_delivery_after_the_cancellation_does_not_count() -> None:
    Story(CANCELLED + "2027-03-07 IN deliver D1 on A1: 1 40\n-> O1 cancelled\n-> finding delivery-after-cancel D1")


def test_a_delivered_part_is_closed_by_cancelling_the_rest() -> None:
    Story(
        AGREED
        + """
2027-03-05 IN deliver D1 on A1: 1 40
2027-03-05 JP receive E1 on D1
-> JP:memo:commit:IN 600.00 INR
2027-03-06 JP cancel K1 on A1
2027-03-07 IN countersign C1 on K1
-> O1 fulfilled
-> no findings
-> JP:memo:commit:IN 0.00 INR
2027-03-08 JP amend M1 on A1 limit 3000.00: 1 200 @ 10.00
-> finding already-decided M1
"""
    )


def test_an_amendment_makes_a_new_version() -> None:
    story = Story(
        AGREED
        + """
2027-03-05 JP amend M1 on A1 limit 3000.00: 1 150 @ 12.00
-> O1 line 1 ordered=100000
2027-03-06 IN countersign C1 on M1
-> O1 line 1 ordered=150000 price_micro=12000000
-> JP:memo:commit:IN 1800.00 INR
2027-03-07 JP amend M2 on A1 base 1: 1 160 @ 12.00
-> finding stale-amendment M2
"""
    )
    assert (story.order().version, story.order().max_liability) == (2, 300000)


def test_of_two_amendments_of_one_version_the_first_to_be_signed_counts() -> None:
    Story(
        AGREED
        + """
2027-03-05 JP amend M1 on A1: 1 150 @ 10.00
2027-03-05 IN amend M2 on A1 unseen M1: 1 90 @ 10.00
2027-03-06 JP countersign C1 on M2
2027-03-07 IN countersign C2 on M1
-> finding stale-amendment C2
-> O1 line 1 ordered=90000
"""
    )


def test_a_delivery_that_had_not_seen_the_amendment_is_under_the_old_price() -> None:
    story = Story(
        AGREED
        + """
2027-03-05 IN amend M1 on A1: 1 100 @ 12.00
2027-03-06 JP countersign C1 on M1
2027-03-06 IN deliver D1 on A1 unseen C1: 1 40
2027-03-07 IN deliver D2 on A1: 1 60
2027-03-08 JP receive E1 on D1
-> IN:ar:unbilled:JP 400.00 INR
2027-03-08 JP receive E2 on D2
-> IN:ar:unbilled:JP 1120.00 INR
-> O1 fulfilled
"""
    )
    assert [d.lines[0].amount for d in story.order().deliveries] == [40000, 72000]


def test_two_depots_may_deliver_the_same_line() -> None:
    Story(
        AGREED
        + """
2027-03-05 IN deliver D1 on A1: 1 100
2027-03-05 IN deliver D2 on A1: 1 30
-> finding over-delivery D2 delivered=130000 ordered=100000
2027-03-06 JP receive E1 on D1
2027-03-06 JP receive E2 on D2: 1 0 refused 30 over
-> IN:ar:unbilled:JP 1000.00 INR
"""
    )


def test_goods_within_tolerance_complete_the_line() -> None:
    agreed = AGREED.replace('"fresh provisions"', '"fresh provisions" ±30')
    short = "2027-03-05 IN deliver D1 on A1: 1 {}\n2027-03-05 JP receive E1 on D1\n"
    Story(agreed + short.format("97") + "-> O1 fulfilled\n-> JP:memo:commit:IN 0.00 INR\n-> no findings")
    Story(agreed + short.format("96.999") + "-> O1 in-delivery")
    Story(agreed + short.format("103") + "-> no findings")
    Story(agreed + short.format("103.001") + "-> finding over-delivery D1\n-> IN:ar:unbilled:JP 1030.01 INR")


def test_a_receipt_counts_what_was_delivered_once() -> None:
    delivered = AGREED + "2027-03-05 IN deliver D1 on A1: 1 40\n"
    Story(
        delivered
        + "2027-03-05 JP receive E1 on D1: 1 39\n-> finding receipt-mismatch E1 counted=39000 delivered=40000\n-> O1 in-delivery"
    )
    Story(
        delivered
        + "2027-03-05 JP receive E1 on D1\n2027-03-05 JP receive E2 on D1\n-> finding already-decided E2\n-> IN:ar:unbilled:JP 400.00 INR"
    )
    Story(delivered + "2027-03-05 JP receive E1 on D1 dated 2027-03-04\n-> finding bad-dates E1")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("IN deliver X1 on A1: 2 40", "bad-quantity"),
        ("IN deliver X1 on A1: 1 0", "bad-quantity"),
        ("IN deliver X1 on A1: 1 1; 1 2", "bad-quantity"),
        ("JP deliver X1 on A1: 1 40", "wrong-side"),
        ("IN deliver X1 on R1: 1 40", "unknown-object"),
        ("IN deliver X1 on A1 by billing: 1 40", "duty-missing"),
        ("IN invoice X1 on A1 for R1: 1 1.00", "act-out-of-turn"),
        ("JP close X1 on A1", "premature-close"),
        ("JP amend X1 on A1: 2 1 @ 1.00", "bad-quantity"),
        ("JP countersign X1 on A1", "unknown-object"),
        ("JP correct X1 on F1", "wrong-side"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_void_for_its_own_reason(line: str, code: str) -> None:
    story = Story(AGREED + f"2027-03-05 {line}\n-> O1 agreed\n-> finding {code} X1")
    assert story.codes("X1") == [code]
    assert story.order().void == (story.names["X1"],)


RECEIVED = AGREED + "2027-03-05 IN deliver D1 on A1: 1 100\n2027-03-05 JP receive E1 on D1\n"
BILLED = RECEIVED + "2027-03-06 IN invoice I1 on A1 for E1\n"


@pytest.mark.parametrize(
    ("start", "line", "code"),
    [
        (RECEIVED, "IN invoice X1 on A1 for D1: 1 1.00", "invoice-receipt-unknown"),
        (RECEIVED, "IN invoice X1 on A1 for E1: 1 1000.01", "invoice-over-accrued"),
        (RECEIVED, "IN invoice X1 on A1 for E1: 1 0.00", "bad-quantity"),
        (RECEIVED, "IN invoice X1 on A1 for E1 total 999.00: 1 1000.00", "invoice-total-differs"),
        (RECEIVED, "JP report X1 on E1: 2 1 short", "bad-quantity"),
        (RECEIVED, "JP report X1 on E1: 1 101 short", "bad-quantity"),
        (RECEIVED, "JP report X1 on E1: 1 0 damaged", "bad-quantity"),
        (RECEIVED, "JP resolve X1 on E1: 2 adjusted 1.00", "bad-quantity"),
        (RECEIVED, "JP resolve X1 on E1: 1 no-charge 1.00", "bad-quantity"),
        (RECEIVED, "JP resolve X1 on E1: 1 upheld 1.00", "bad-quantity"),
        (RECEIVED, "JP resolve X1 on E1: 1 adjusted -1000.01", "credit-over-invoiced"),
        (BILLED, "IN invoice X1 on A1 for E1: 1 0.01", "invoice-over-accrued"),
        (BILLED, "JP dispute X1 on I1: 1 1000.01", "dispute-over-invoiced"),
        (BILLED, "JP dispute X1 on I1: 1 0.00", "bad-quantity"),
        (BILLED, "IN credit X1 on I1: 1 1000.01", "credit-over-invoiced"),
        (BILLED, "IN funds X1 on I1 0.00", "bad-quantity"),
        (BILLED, "JP advise X1 on I1 0.00", "bad-quantity"),
        (BILLED, "IN close X1 on A1", "premature-close"),
        (BILLED, "IN cancel X1 on A1", "act-out-of-turn"),
    ],
)  # fmt: skip
def test_money_that_does_not_fit_is_void_for_its_own_reason(start: str, line: str, code: str) -> None:
    story = Story(start + f"2027-03-07 {line}\n-> finding {code} X1")
    assert story.codes("X1") == [code]
    assert story.entry("X1").ref in story.order().void


def test_what_is_paid_cannot_be_disputed_too() -> None:
    Story(
        BILLED
        + """
2027-03-07 IN funds N1 on I1 900.00
2027-03-08 JP dispute P1 on I1: 1 100.01
-> finding dispute-over-invoiced P1 left=10000
2027-03-08 JP dispute P2 on I1: 1 100.00
-> IN:ar:disputed:JP 100.00 INR
"""
    )


def test_a_claim_after_the_window_is_late_and_counts() -> None:
    Story(RECEIVED + "2027-04-04 JP report P1 on E1: 1 5 damaged\n-> no finding late-claim P1")
    Story(
        RECEIVED
        + "2027-04-05 JP report P1 on E1: 1 5 damaged\n-> finding late-claim P1\n-> finding discrepancy-open P1"
    )


def test_a_resolution_of_what_is_resolved_does_not_count() -> None:
    Story(
        RECEIVED
        + """
2027-03-06 JP report P1 on E1: 1 10 damaged
2027-03-07 IN resolve S1 on P1: 1 no-charge -100.00
2027-03-07 JP resolve S2 on P1 unseen S1: 1 adjusted -60.00
2027-03-08 JP countersign on S1
-> IN:ar:unbilled:JP 900.00 INR
2027-03-08 IN countersign C2 on S2 unseen S1
-> finding already-decided C2
-> IN:ar:unbilled:JP 900.00 INR
"""
    )


def test_nothing_is_closed_over_an_open_difference() -> None:
    settled = (
        BILLED + "2027-03-07 JP report P1 on E1: 1 10 damaged\n2027-03-08 IN funds N1 on I1 1000.00\n-> O1 settled\n"
    )
    Story(settled + "2027-03-09 JP close X1 on A1\n-> finding premature-close X1 state=open-difference")
    Story(
        settled
        + """
2027-03-09 IN resolve S1 on P1: 1 upheld
2027-03-10 JP countersign on S1
2027-03-11 JP close X1 on A1
2027-03-11 JP close X2 on A1
-> finding already-decided X2
2027-03-12 IN close X3 on A1
-> O1 closed
"""
    )


def test_a_closed_order_is_opened_again_by_both_signatures_only() -> None:
    Story(
        BILLED
        + """
2027-03-08 IN funds N1 on I1 1000.00
2027-03-11 JP close X1 on A1
2027-03-12 IN close X2 on A1
-> O1 closed
2027-03-13 JP report P1 on E1: 1 10 damaged
-> finding act-out-of-turn P1
2027-03-14 IN resolve S1 on E1: 1 adjusted 50.00
-> O1 closed
2027-03-15 JP countersign on S1
-> O1 fulfilled
-> IN:ar:unbilled:JP 50.00 INR
2027-03-16 IN invoice I2 on A1 for E1: 1 50.00
2027-03-17 IN funds N2 on I2 50.00
-> O1 settled
2027-03-18 JP close X3 on A1
2027-03-18 IN close X4 on A1
-> O1 closed
"""
    )


def test_a_cancelled_order_is_closed_by_both() -> None:
    Story(
        CANCELLED
        + "2027-03-08 JP close X1 on A1\n-> O1 cancelled\n2027-03-08 IN close X2 on A1\n-> O1 closed\n-> no findings"
    )


def test_a_number_used_twice_is_flagged_at_the_later_document() -> None:
    Story(
        BILLED.replace("for E1", "for E1 number INV-7: 1 600.00")
        + """
2027-03-09 IN invoice I2 on A1 for E1 number INV-7: 1 400.00
-> finding duplicate-number I2
-> no finding duplicate-number I1
-> IN:ar:billed:JP 1000.00 INR
"""
    )
    again = REQUEST.replace("O1 of IN", "O2 of IN number 1")
    story = Story(REQUEST + again + "-> finding duplicate-number O2")
    assert [f.order_id for f in story.findings] == [story.names["O2"]]
    assert story.record.findings_of(story.names["O2"]) == story.findings


@pytest.mark.parametrize(
    ("request_line", "code"),
    [
        ('1 AMMO 100 EA "rounds"', "not-allowed-category"),
        ('1 XXXX 100 EA "thing"', "not-allowed-category"),
        ('1 SPAR 100 EA "a part" 1005-12-345-6789', "blocked-item"),
        ("1 FOOD 0 KGM bread", "bad-quantity"),
        ("1 FOOD 1 KGM bread; 1 FOOD 1 KGM butter", "bad-quantity"),
    ],
)
def test_a_request_outside_the_terms_opens_nothing(request_line: str, code: str) -> None:
    story = Story(f"2027-03-01 JP request O1 of IN: {request_line}\n-> O1 void\n-> finding {code} O1")
    assert story.order().lines == ()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("of JP", "wrong-provider"),
        ("of IN situation z", "not-allowed-situation"),
        ("of IN from 2020-01-01 to 2020-01-02", "not-in-force"),
        ("of IN from 2027-03-05 to 2027-03-04", "bad-dates"),
    ],
)
def test_a_request_to_the_wrong_party_or_time_opens_nothing(words: str, code: str) -> None:
    Story(
        f"2027-03-01 JP request O1 {words}: 1 FOOD 1 KGM bread\n-> O1 void\n-> finding {code} O1\n"
        "2027-03-02 IN offer F1 on O1 INR until 2027-04-30: 1 1 @ 1.00"
        + ("" if "JP" in words else "\n-> finding unknown-object F1")
    )


@pytest.mark.parametrize(
    ("offer", "code"),
    [
        ("USD until 2027-04-30: 1 100 @ 10.00", "unknown-currency"),
        ("INR until 2027-03-01: 1 100 @ 10.00", "bad-dates"),
        ("INR until 2027-04-30: 2 100 @ 10.00", "bad-quantity"),
        ("INR until 2027-04-30: 1 0 @ 10.00", "bad-quantity"),
        ("INR until 2027-04-30: 1 0.000 @ 1.00", "bad-quantity"),
        ("INR until 2027-04-30: 1 9007199254740.991 @ 9007199254.740991", "bad-quantity"),
    ],
)
def test_an_offer_that_cannot_be_taken(offer: str, code: str) -> None:
    Story(REQUEST + f"2027-03-02 IN offer F1 on O1 {offer}\n-> O1 requested\n-> finding {code} F1")


FUEL = """
2027-03-01 JP request O1 of IN: 1 POLF 280000 L15 "high-flash diesel"
2027-03-02 IN offer F1 on O1 INR until 2027-04-30: 1 280000 @ 82.40
2027-03-03 JP order R1 on F1 limit 25000000.00
2027-03-04 IN accept A1 on R1
"""


@pytest.mark.parametrize(
    ("measured", "finding"),
    [
        ("1 279999 from 283815 L at 31.0 C density 845.0", "no findings"),
        ("1 280000", "finding fuel-measure-missing D1"),
        ("1 270000 from 283815 L at 31.0 C density 845.0", "finding fuel-volume-differs D1"),
    ],
)
def test_a_volume_at_15_degrees_can_be_worked_out_again(measured: str, finding: str) -> None:
    Story(FUEL + f"2027-03-05 IN deliver D1 on A1: {measured}\n-> {finding}\n-> O1 in-delivery")


def test_cancelling_twice_or_too_late_changes_nothing() -> None:
    Story(
        AGREED
        + """
2027-03-05 IN cancel K1 on A1
2027-03-05 JP cancel K2 on A1 unseen K1
2027-03-06 JP countersign on K1
2027-03-06 IN countersign C2 on K2 unseen K1
-> finding already-decided C2
-> O1 cancelled
"""
    )
    Story(
        AGREED
        + """
2027-03-05 IN cancel K1 on A1
2027-03-06 IN deliver D1 on A1: 1 40
2027-03-06 JP countersign on K1 unseen D1
-> O1 in-delivery
2027-03-07 IN cancel K2 on A1
-> finding already-decided K2
"""
    )
    Story(
        AGREED
        + """
2027-03-05 IN cancel K1 on A1
2027-03-06 IN deliver D1 on A1: 1 100
2027-03-06 JP receive E1 on D1
2027-03-07 JP countersign C1 on K1
-> finding act-out-of-turn C1
-> O1 fulfilled
"""
    )


def test_a_line_of_which_one_delivery_waits_for_its_receipt_is_received_in_part() -> None:
    part = AGREED + "2027-03-05 IN deliver D1 on A1: 1 40\n2027-03-05 JP receive E1 on D1\n"
    Story(part + "2027-03-06 IN deliver D2 on A1: 1 60\n-> O1 line 1 fulfilment=part-received")


def test_a_replaced_offer_cannot_be_withdrawn() -> None:
    Story(
        REQUEST
        + OFFER
        + """
2027-03-03 IN offer F2 on O1 INR until 2027-04-30: 1 100 @ 9.00
2027-03-03 IN withdraw B1 on F1 by accepting
-> finding offer-not-live B1
-> O1 offered
"""
    )


HUGE = "9007199254740.991"  # kilograms: the most that a quantity can be, and at 0.01 the most that an amount can be


def test_what_the_record_cannot_hold_does_not_count() -> None:
    two = "2027-03-01 JP request O1 of IN: 1 FOOD 100 KGM bread; 2 FOOD 100 KGM butter\n"
    Story(
        two
        + f"2027-03-02 IN offer F1 on O1 INR until 2027-04-30: 1 {HUGE} @ 10; 2 {HUGE} @ 10\n-> finding bad-quantity F1"
    )
    Story(AGREED + f"2027-03-05 IN amend X1 on A1: 1 {HUGE} @ 100.00\n-> finding bad-quantity X1")
    dearer = RECEIVED.replace("@ 10.00", "@ 10.01")
    Story(dearer + f"2027-03-05 IN deliver X1 on A1: 1 {HUGE}\n-> finding bad-quantity X1")
    Story(dearer + f"2027-03-06 JP report X1 on E1: 1 {HUGE} over\n-> finding bad-quantity X1")
    Story(RECEIVED + "2027-03-06 IN resolve X1 on E1: 1 adjusted 90071992547409.91\n-> finding bad-quantity X1")
    Story(
        BILLED
        + "2027-03-06 IN funds N1 on I1 90071992547409.91\n2027-03-06 IN funds X1 on I1 0.01\n-> finding bad-quantity X1"
    )


def test_an_invoice_is_accepted_once() -> None:
    Story(
        BILLED
        + "2027-03-07 JP accept-invoice K1 on I1\n2027-03-07 JP accept-invoice K2 on I1\n-> finding already-decided K2"
    )
    Story(RECEIVED + "2027-03-07 IN invoice X1 on A1 for E1: 9 1.00\n-> finding bad-quantity X1")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"means": Means.IN_KIND}, "not-allowed-means"),
        ({"unit": "XYZ"}, "unknown-unit"),
        ({"tolerance_permille": 1001}, "bad-quantity"),
        ({"tolerance_permille": 1000}, None),
    ],
)
def test_a_line_outside_the_terms(changes: dict[str, object], code: str | None) -> None:
    story = Story(REQUEST)
    body = story.entry("O1").body
    bad = story.say(0, replace(body, serial=9, lines=(replace(body.lines[0], **changes),)), t=story.entry("O1").t)
    assert [(f.code, f.entry) for f in story.findings] == ([(code, bad.ref)] if code else [])


@pytest.mark.parametrize(
    ("measure", "code"),
    [
        (FuelMeasure(100, 150, 99_999, 100_000), None),  # a density outside the table: the declared factor decides
        (FuelMeasure(100, 150, 99_999, 90_000), "fuel-volume-differs"),
        (FuelMeasure(100, 150, 99_999, 0), "fuel-volume-differs"),
    ],
)
def test_outside_the_table_the_declared_factor_is_all_there_is(measure: FuelMeasure, code: str | None) -> None:
    story = Story(FUEL)
    line = DeliveryLine(1, 100, measure)
    body = Delivery(OFFICERS[Duty.ISSUING], parse_day("2027-03-05"), 330, "INVTZ", (line,))
    story.say(1, body, on=story.names["A1"], t=at("2027-03-05"))
    assert [f.code for f in story.findings] == ([code] if code else [])


def test_a_number_is_one_partys_and_one_kinds_own() -> None:
    """The same number of the other party, or on the other kind of document, is another number."""
    theirs = AGREED + (
        "2027-03-05 IN deliver D1 on A1: 1 100\n2027-03-05 JP receive E1 on D1\n"
        "2027-03-06 IN invoice I1 on A1 for E1 number N-1: 1 500.00\n2027-03-07 IN credit C1 on I1 number N-1: 1 10.00\n"
    )
    ours = (
        '2027-03-01 IN request O2 of JP: 1 FOOD 100 KGM "fresh provisions"\n'
        "2027-03-02 JP offer F2 on O2 JPY until 2027-04-30: 1 100 @ 10.00\n"
        "2027-03-03 IN order R2 on F2 limit 2000\n2027-03-04 JP accept A2 on R2\n"
        "2027-03-05 JP deliver D2 on A2: 1 100\n2027-03-05 IN receive E2 on D2\n"
        "2027-03-06 JP invoice I2 on A2 for E2 number N-1: 1 500\n2027-03-07 JP credit C2 on I2 number N-1: 1 10\n"
    )
    Story(theirs + ours + "-> no findings")
    again = (
        "2027-03-08 IN invoice I3 on A1 for E1 number N-1: 1 100.00\n-> finding duplicate-number I3\n"
        "2027-03-08 IN invoice I4 on A1 for E1 number N-2: 1 100.00\n-> no finding duplicate-number I4\n"
        "2027-03-08 JP credit C3 on I2 number N-1: 1 1\n-> finding duplicate-number C3\n"
        "2027-03-08 JP credit C4 on I2 number n-1: 1 1\n-> no finding duplicate-number C4\n"
    )
    story = Story(theirs + ours + again)
    assert len(story.findings) == 2


@pytest.mark.parametrize("kind", ["deliver", "receive", "invoice", "dispute", "credit"])
def test_a_line_told_twice_in_one_document_is_refused(kind: str) -> None:
    """Each telling alone would do; both together would be counted, billed or credited twice."""
    day = parse_day("2027-03-05")
    story = Story(
        AGREED + "2027-03-05 IN deliver D1 on A1: 1 90\n2027-03-05 JP receive E1 on D1\n"
        "2027-03-05 IN deliver D2 on A1: 1 1\n2027-03-06 IN invoice I1 on A1 for E1: 1 800.00\n"
    )
    before = story.order()
    party, duty, on, body = {
        "deliver": (IN, Duty.ISSUING, "A1", lambda who: Delivery(who, day, 330, "INVTZ", (DeliveryLine(1, 5, None),) * 2)),
        "receive": (JP, Duty.RECEIVING, "D2", lambda who: Receipt(who, day, 330, (ReceiptLine(1, 1_000, 0, Reason.NOT_STATED),) * 2)),
        "invoice": (IN, Duty.BILLING, "A1", lambda who: Invoice(who, "N-2", day, (story.names["E1"],), (AmountLine(1, 5_000),) * 2, 10_000)),
        "dispute": (JP, Duty.PAYING, "I1", lambda who: InvoiceDisputed(who, Reason.PRICE, (AmountLine(1, 5_000),) * 2)),
        "credit": (IN, Duty.BILLING, "I1", lambda who: CreditNote(who, "N-3", (AmountLine(1, 5_000),) * 2)),
    }[kind]  # fmt: skip
    entry = story.say(party, body(OFFICERS[duty]), on=story.names[on], t=at("2027-03-07"))
    code = "receipt-mismatch" if kind == "receive" else "bad-quantity"
    assert [finding.code for finding in story.findings] == [code]
    assert story.findings[0].entry == entry.ref
    assert story.order().lines == before.lines


def test_an_invoice_names_receipts_of_its_order_that_it_had_seen() -> None:
    day = parse_day("2027-03-06")
    said = AGREED + "2027-03-05 IN deliver D1 on A1: 1 100\n2027-03-05 JP receive E1 on D1\n"
    for receipts, unseen, counts in (("E1", "", True), ("E1", "E1", False), ("D1", "", False), ("99.7", "", False)):
        story = Story(said)
        named = story.names.get(receipts) or EntryRef.parse(receipts)
        body = Invoice(OFFICERS[Duty.BILLING], "N-1", day, (named,), (AmountLine(1, 5_000),), 5_000)
        hidden = [story.names[name] for name in unseen.split()]
        entry = story.say(IN, body, on=story.names["A1"], t=at("2027-03-06"), unseen=hidden)
        facts = [] if counts else [("invoice-receipt-unknown", entry.ref, (("receipt", str(named)),))]
        assert [(f.code, f.entry, f.facts) for f in story.findings] == facts


@pytest.mark.parametrize(
    ("counted", "facts"),
    [
        (((1, 90_000),), {"line": 2, "counted": 0, "delivered": 10_000}),
        (((1, 90_000), (2, 9_000)), {"line": 2, "counted": 9_000, "delivered": 10_000}),
        (((1, 90_000), (2, 10_000), (3, 5_000)), {"line": 3, "counted": 5_000, "delivered": 0}),
        (((3, 5_000), (1, 90_000), (2, 10_000)), {"line": 3, "counted": 5_000, "delivered": 0}),
    ],
)
def test_a_receipt_names_the_line_it_counts_otherwise(
    counted: tuple[tuple[int, int], ...], facts: dict[str, int]
) -> None:
    two = AGREED.replace('provisions"', 'provisions"; 2 WATR 10 TNE "potable water"').replace(
        "10.00\n", "10.00; 2 10 @ 50.00\n"
    )
    story = Story(two + "2027-03-05 IN deliver D1 on A1: 1 90; 2 10\n")
    lines = tuple(ReceiptLine(line, quantity, 0, Reason.NOT_STATED) for line, quantity in counted)
    body = Receipt(OFFICERS[Duty.RECEIVING], parse_day("2027-03-06"), 330, lines)
    story.say(JP, body, on=story.names["D1"], t=at("2027-03-06"))
    assert [(f.code, dict(f.facts)) for f in story.findings] == [("receipt-mismatch", facts)]


def test_an_entry_whose_kind_is_not_that_of_what_it_says_is_unreadable() -> None:
    story = Story(AGREED + "2027-03-05 IN deliver D1 on A1: 1 100\n")
    wrong = [replace(e, kind=int(Kind.NOTE)) if e.ref == story.names["D1"] else e for e in story.entries]
    (finding,) = fold(GENESIS, wrong).findings
    assert (finding.code, dict(finding.facts)) == ("unreadable-body", {"kind": int(Kind.NOTE), "why": "another kind"})


def test_a_line_does_not_become_worth_less_than_what_is_due_back_already() -> None:
    said = AGREED + (
        "2027-03-05 IN deliver D1 on A1: 1 100\n2027-03-05 JP receive E1 on D1\n2027-03-06 IN invoice I1 on A1 for E1\n"
        "2027-03-07 JP report P1 on E1: 1 10 damaged\n2027-03-07 IN resolve S1 on P1: 1 no-charge -100.00\n"
        "2027-03-08 JP countersign C1 on S1\n-> O1 line 1 credit_due=10000\n"
    )
    Story(said + "2027-03-09 IN resolve S2 on E1: 1 adjusted -900.01\n-> finding credit-over-invoiced S2 left=90000")
    Story(said + "2027-03-09 IN resolve S2 on E1: 1 adjusted -900.00\n-> no finding credit-over-invoiced S2")


def test_an_accepted_invoice_ends_the_disputes_that_are_open_and_no_other() -> None:
    Story(
        AGREED
        + "2027-03-05 IN deliver D1 on A1: 1 100\n2027-03-05 JP receive E1 on D1\n2027-03-06 IN invoice I1 on A1 for E1\n"
        "2027-03-07 JP dispute Z1 on I1: 1 100.00\n2027-03-08 IN resolve S1 on Z1: 1 upheld\n2027-03-09 JP countersign on S1\n"
        "2027-03-10 JP dispute Z2 on I1: 1 30.00\n-> IN:ar:disputed:JP 30.00 INR\n"
        "2027-03-11 JP accept-invoice K1 on I1\n-> IN:ar:disputed:JP 0.00 INR\n-> IN:ar:billed:JP 1000.00 INR\n"
        "-> O1 line 1 disputed=0\n"
    )
