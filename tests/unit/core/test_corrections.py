"""Corrections: of an own document, alone while nobody has answered it, else with the other side's signature."""

# ruff: noqa: E501 (a line of a story is one line)
from __future__ import annotations

import pytest
from tests.cast import IN, JP, OFFICERS, at, writer_of
from tests.scenario import Story

from tallystick.core.canonical import encode_trusted
from tallystick.core.entries import Correction, Countersign, Duty
from tallystick.core.identity import EntryRef
from tallystick.core.steps import CORRECTIONS_MAX

AGREED = """
2027-03-01 JP request O1 of IN: 1 FOOD 100 KGM "fresh provisions"
2027-03-02 IN offer F1 on O1 INR until 2027-04-30: 1 100 @ 10.00
2027-03-03 JP order R1 on F1 limit 2000.00
2027-03-04 IN accept A1 on R1
"""
DELIVERED = AGREED + "2027-03-05 IN deliver D1 on A1: 1 100\n"
RECEIVED = DELIVERED + "2027-03-05 JP receive E1 on D1\n"
BILLED = RECEIVED + "2027-03-06 IN invoice I1 on A1 for E1 number INV-1: 1 600.00\n"


def test_an_unanswered_document_is_corrected_alone() -> None:
    story = Story(
        DELIVERED
        + """
2027-03-05 IN correct Q1 on D1: 1 90
-> finding corrected D1
-> O1 line 1 delivered=90000
2027-03-05 JP receive E1 on D1: 1 90
-> IN:ar:unbilled:JP 900.00 INR
"""
    )
    (proposal,) = story.order().proposals
    assert proposal.countersigned == story.names["Q1"]


def test_an_answered_document_needs_the_other_side() -> None:
    Story(
        RECEIVED
        + """
2027-03-05 IN correct Q1 on D1: 1 90
-> O1 line 1 delivered=100000
2027-03-06 JP countersign C1 on Q1
-> finding correction-not-possible C1
-> O1 line 1 delivered=100000
2027-03-06 IN countersign C2 on Q1
-> finding own-countersign C2
"""
    )


def test_a_corrected_receipt_restates_what_is_owed() -> None:
    story = Story(
        RECEIVED
        + """
2027-03-06 JP correct Q1 on E1: 1 80 refused 20 spoiled
-> IN:ar:unbilled:JP 800.00 INR
-> finding refused-goods E1
-> finding corrected E1
-> O1 line 1 received=80000 refused=20000 accrued=80000
"""
    )
    order = story.order()
    journal = [(t.rule, t.amount, t.origin, t.about) for t in story.record.ledger.transactions_of(order.order_id)]
    names = story.names
    assert journal == [
        ("L1", 100000, names["A1"], None),
        ("L2", 100000, names["E1"], None),
        ("L1", -100000, names["E1"], None),
        ("L2", -100000, names["Q1"], names["E1"]),
        ("L1", 100000, names["Q1"], names["E1"]),
        ("L2", 80000, names["Q1"], names["E1"]),
        ("L1", -100000, names["Q1"], names["E1"]),
    ]


def test_a_billed_receipt_is_corrected_with_the_providers_signature() -> None:
    start = (
        BILLED
        + "2027-03-07 JP correct Q1 on E1: 1 80 refused 20 spoiled\n-> IN:ar 1000.00 INR\n-> IN:ar:unbilled:JP 400.00 INR\n"
    )
    Story(
        start
        + "2027-03-08 IN countersign C1 on Q1\n-> IN:ar:unbilled:JP 200.00 INR\n-> IN:ar:billed:JP 600.00 INR\n-> finding corrected E1"
    )
    below = start.replace("1 80 refused 20", "1 50 refused 50")
    Story(
        below
        + "2027-03-08 IN countersign C1 on Q1\n-> finding correction-not-possible C1\n-> IN:ar:unbilled:JP 400.00 INR"
    )


def test_an_invoice_is_taken_back() -> None:
    Story(
        BILLED
        + """
2027-03-07 IN correct Q1 on I1
-> finding taken-back I1
-> IN:ar:unbilled:JP 1000.00 INR
-> IN:ar:billed:JP 0.00 INR
2027-03-08 IN invoice I2 on A1 for E1 number INV-1: 1 1000.00
-> no finding duplicate-number I2
-> IN:ar:billed:JP 1000.00 INR
2027-03-09 IN correct Q2 on I1
-> finding unknown-object Q2
"""
    )


def test_an_accepted_invoice_cannot_be_taken_back_under_its_acceptance() -> None:
    Story(
        BILLED
        + """
2027-03-07 JP accept-invoice K1 on I1
2027-03-07 IN correct Q1 on I1
-> IN:ar:billed:JP 600.00 INR
2027-03-08 JP countersign C1 on Q1
-> finding correction-not-possible C1
-> IN:ar:billed:JP 600.00 INR
"""
    )


@pytest.mark.parametrize(
    "said_before", ["", "2027-03-05 JP note on O1 unseen Q1\n" * 2], ids=["read first", "read later"]
)
def test_an_answer_that_crosses_a_correction_makes_it_wait(said_before: str) -> None:
    Story(
        DELIVERED
        + "2027-03-05 IN correct Q1 on D1: 1 90\n"
        + said_before
        + """2027-03-05 JP receive E1 on D1 unseen Q1
-> O1 line 1 delivered=100000 received=100000
-> IN:ar:unbilled:JP 1000.00 INR
-> no findings
"""
    )


def test_a_document_is_corrected_again() -> None:
    Story(
        RECEIVED
        + """
2027-03-06 JP correct Q1 on E1: 1 80 refused 20 spoiled
2027-03-06 JP correct Q2 on E1: 1 90 refused 10 spoiled
-> IN:ar:unbilled:JP 900.00 INR
2027-03-07 IN invoice I1 on A1 for E1: 1 900.00
2027-03-07 JP correct Q3 on E1: 1 100
2027-03-08 IN countersign on Q3
-> IN:ar:unbilled:JP 100.00 INR
-> IN:ar:billed:JP 900.00 INR
-> no finding refused-goods E1
2027-03-08 IN countersign C2 on Q2
-> finding already-decided C2
"""
    )


def test_corrections_of_two_documents_leave_each_other_alone() -> None:
    Story(
        RECEIVED
        + """
2027-03-06 JP correct Q1 on E1: 1 80 refused 20 spoiled
2027-03-06 IN correct Q2 on D1: 1 120
2027-03-07 IN invoice I1 on A1 for E1: 1 800.00
2027-03-08 IN correct Q3 on I1 for E1: 1 700.00
-> IN:ar:billed:JP 700.00 INR
-> IN:ar:unbilled:JP 100.00 INR
2027-03-09 JP countersign C2 on Q2
-> finding correction-not-possible C2
"""
    )


def test_a_corrected_payment_reopens_a_closed_order() -> None:
    Story(
        RECEIVED
        + """
2027-03-06 IN invoice I1 on A1 for E1
2027-04-01 IN funds N1 on I1 1000.00
2027-04-02 JP close X1 on A1
2027-04-02 IN close X2 on A1
-> O1 closed
2027-04-03 IN correct Q1 on N1 950.00: as-said
-> O1 closed
2027-04-04 JP countersign on Q1
-> O1 fulfilled
-> finding short-payment N1 amount=5000
-> finding premature-close X1
-> IN:ar:billed:JP 50.00 INR
2027-04-05 IN funds N2 on I1 50.00
-> O1 settled
2027-04-06 JP close X3 on A1
2027-04-06 IN close X4 on A1
-> O1 closed
"""
    )


def test_a_request_is_corrected_until_there_is_an_offer() -> None:
    story = Story('2027-03-01 JP request O1 of IN: 1 FOOD 100 KGM "fresh provisions"')
    request = story.entry("O1").body
    from dataclasses import replace

    from tallystick.core.entries import to_array

    again = replace(request, receiving_unit="JS Other")
    correction = Correction(OFFICERS[Duty.REQUESTER], encode_trusted(to_array(again)))
    story.say(0, correction, on=story.names["O1"], t=story.entry("O1").t)
    assert story.order().receiving_unit == "JS Other"
    assert story.codes("O1") == ["corrected"]
    taken = story.say(0, Correction(OFFICERS[Duty.REQUESTER], b""), on=story.names["O1"])
    assert [(f.code, f.entry) for f in story.findings][-1] == ("correction-not-possible", taken.ref)


def test_a_replacement_that_cannot_be_read_is_no_correction() -> None:
    story = Story(DELIVERED)
    for bad in (b"\x00", b"\x80", b"\xff\xff", b"\x1b\x00\x00\x00\x00\x00\x00\x00\x01"):
        entry = story.say(IN, Correction(OFFICERS[Duty.ISSUING], bad), on=story.names["D1"])
        assert [f.code for f in story.findings if f.entry == entry.ref] == ["correction-not-possible"]
    assert story.order().lines[0].delivered == 100_000


def test_the_number_of_corrections_of_one_order_is_limited() -> None:
    story = Story(DELIVERED)
    body = Correction(
        OFFICERS[Duty.ISSUING], encode_trusted([OFFICERS[Duty.ISSUING], 20_000, 330, "INVTZ", [[1, 5, None]]])
    )
    entries = [story.logs.say(17, body, on=story.names["D1"]) for _ in range(CORRECTIONS_MAX + 1)]
    story.fold.extend(entries)
    refused = [f.entry for f in story.findings if f.code == "correction-not-possible"]
    assert refused == [entries[-1].ref]
    (last,) = [f for f in story.findings if f.code == "correction-not-possible"]
    assert dict(last.facts) == {"object": str(story.names["D1"]), "because": "too many"}


def test_nobody_takes_back_an_acceptance_alone() -> None:
    Story(
        AGREED
        + """
2027-03-05 IN correct Q1 on A1
-> O1 agreed
2027-03-06 JP countersign on Q1
-> finding taken-back A1
-> O1 ordered
-> JP:memo:commit:IN 0.00 INR
2027-03-07 IN accept A2 on R1
-> O1 agreed
"""
    )


def test_a_proposal_is_taken_back_while_it_waits() -> None:
    Story(
        AGREED
        + """
2027-03-05 IN cancel K1 on A1
2027-03-05 IN correct Q1 on K1 by accepting
-> finding taken-back K1
2027-03-06 JP countersign C1 on K1
-> finding unknown-object C1
-> O1 agreed
2027-03-06 IN cancel K2 on A1
2027-03-07 JP countersign on K2
-> O1 cancelled
"""
    )


def test_a_withdrawal_in_error_is_taken_back() -> None:
    start = AGREED.replace("2027-03-04 IN accept A1 on R1\n", "")
    Story(
        start
        + "2027-03-04 JP withdraw B1 on O1\n-> O1 withdrawn\n2027-03-04 JP correct Q1 on B1 by ordering\n-> O1 ordered"
    )
    offered = start.replace("2027-03-03 JP order R1 on F1 limit 2000.00\n", "")
    Story(
        offered
        + """
2027-03-03 IN withdraw B1 on F1 by accepting
-> O1 requested
2027-03-03 IN correct Q1 on B1 by accepting
-> O1 offered
2027-03-03 JP correct Q2 on B1 by ordering
-> finding wrong-side Q2
"""
    )


def test_a_dispute_resolved_for_less_is_credited_though_more_is_unbilled() -> None:
    Story(
        BILLED
        + """
2027-03-07 JP dispute P1 on I1: 1 100.00
2027-03-08 IN resolve S1 on P1: 1 adjusted -40.00
2027-03-09 JP countersign on S1
-> O1 line 1 credit_due=4000 unbilled=40000
-> IN:ar:billed:JP 600.00 INR
"""
    )


def test_what_was_paid_in_full_and_then_resolved_for_less_is_not_settled_before_the_credit() -> None:
    Story(
        RECEIVED
        + """
2027-03-06 IN invoice I1 on A1 for E1 number INV-1: 1 1000.00
2027-03-07 IN funds N1 on I1 1000.00
-> O1 settled
2027-03-08 IN resolve S1 on E1: 1 adjusted -40.00
2027-03-09 JP countersign on S1
-> O1 line 1 credit_due=4000
-> O1 fulfilled
2027-03-10 IN credit C1 on I1: 1 40.00
-> O1 line 1 credit_due=0
"""
    )


def test_after_something_was_taken_back_other_documents_can_still_be_corrected() -> None:
    Story(
        BILLED
        + """
2027-03-07 IN correct Q1 on I1
2027-03-08 JP correct Q2 on E1: 1 80 refused 20 spoiled
-> finding taken-back I1
-> finding corrected E1
-> IN:ar:unbilled:JP 800.00 INR
2027-03-09 IN invoice I2 on A1 for E1: 1 800.00
2027-03-10 JP correct Q3 on E1: 1 90 refused 10 spoiled
2027-03-11 IN countersign C3 on Q3
-> IN:ar:unbilled:JP 100.00 INR
2027-03-12 IN countersign C4 on Q3
-> finding already-decided C4
"""
    )


def test_a_void_document_that_never_had_a_place_is_not_corrected() -> None:
    Story(
        AGREED
        + """
2027-03-05 IN deliver X1 on R1: 1 5
-> finding unknown-object X1
2027-03-05 IN correct Q1 on X1
-> finding unknown-object Q1
"""
    )


def test_an_order_on_an_old_offer_can_still_be_accepted_after_a_correction() -> None:
    Story(
        """
2027-03-01 JP request O1 of IN: 1 FOOD 100 KGM "fresh provisions"
2027-03-02 IN offer F1 on O1 INR until 2027-04-30: 1 100 @ 10.00
2027-03-03 JP order R1 on F1 limit 2000.00
2027-03-03 IN offer F2 on O1 INR until 2027-04-30: 1 100 @ 9.00
2027-03-03 IN correct Q1 on F2 INR until 2027-04-30: 1 100 @ 8.00
-> finding offer-not-live R1
-> O1 line 1 price_micro=8000000
2027-03-04 IN accept A1 on R1
-> O1 agreed
-> O1 line 1 price_micro=10000000
"""
    )


def test_an_invoice_that_bills_a_receipt_answers_it() -> None:
    Story(
        BILLED
        + """
2027-03-07 JP correct Q1 on E1
-> IN:ar:unbilled:JP 400.00 INR
2027-03-08 IN countersign C1 on Q1
-> finding correction-not-possible C1
"""
    )


def test_what_crosses_a_correction_without_the_duty_for_it_does_not_hold_it_up() -> None:
    crossing = (
        DELIVERED
        + "2027-03-05 IN correct Q1 on D1: 1 90\n"
        + "2027-03-05 JP note on O1 unseen Q1\n" * 2  # what comes after them is read after the correction
        + "2027-03-05 JP receive E1 on D1 by ordering unseen Q1\n"
    )
    Story(crossing + "-> finding duty-missing E1\n-> finding corrected D1\n-> O1 line 1 delivered=90000")
    Story(crossing.replace("by ordering ", "") + "-> no findings\n-> O1 line 1 delivered=100000")


def test_a_correction_that_waits_goes_on_waiting_when_what_held_it_up_is_taken_back() -> None:
    """What did not count on an earlier walk stays so; the other side may still sign."""
    waits = (
        RECEIVED + "2027-03-06 IN correct Q1 on D1: 1 90\n2027-03-06 JP correct Q2 on E1\n-> finding taken-back E1\n"
    )
    Story(
        waits
        + """
-> no finding corrected D1
-> O1 line 1 delivered=100000
2027-03-07 JP countersign C1 on Q1
-> finding corrected D1
-> O1 line 1 delivered=90000
"""
    )


def test_an_order_that_was_refused_for_more_than_an_old_offer_is_never_accepted() -> None:
    """Not after a correction of something else either, which walks the order again."""
    limits = {(JP, Duty.ORDERING): {"currency": "INR", "per_act": 150_000}}
    story = Story(
        """
2027-03-01 JP request O1 of IN: 1 FOOD 100 KGM "fresh provisions"
2027-03-02 IN offer F1 on O1 INR until 2027-04-30: 1 100 @ 10.00
2027-03-03 JP order R1 on F1 limit 2000.00
-> finding over-act-ceiling R1
2027-03-03 IN correct Q1 on F1 INR until 2027-04-30: 1 100 @ 8.00
2027-03-04 IN accept A1 on R1
-> O1 offered
""",
        limits=limits,
    )
    assert [story.name_of(f.entry) for f in story.findings if f.code == "unknown-object"] == ["A1"]


def test_a_countersignature_of_a_correction_of_what_is_read_later_is_refused() -> None:
    """An entry may name one that comes after it; then it corrects nothing, and no signature helps it."""
    story = Story(AGREED)
    provider, ref = writer_of(IN), EntryRef(writer_of(IN), story.logs.size(writer_of(IN)) + 1)
    correction = story.logs.say(provider, Correction(OFFICERS[Duty.ISSUING], b""), on=ref)
    delivery = Story(DELIVERED).entry("D1").body
    seen = {JP: story.logs.size(JP), IN: story.logs.size(IN)}
    had = {**seen, provider: ref.index}
    agreed = story.logs.say(writer_of(JP), Countersign(OFFICERS[Duty.ORDERING]), on=correction.ref, seen=had)
    assert story.logs.say(provider, delivery, on=story.names["A1"], t=at("2027-03-05"), seen=seen).ref == ref
    story.fold.extend(story.entries)
    told = [(finding.code, finding.entry) for finding in story.findings]
    assert told == [("unknown-object", correction.ref), ("unknown-object", agreed.ref)]
    assert story.order().lines[0].delivered == 100_000
