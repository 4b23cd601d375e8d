"""Signed acts by a partner who means harm: each is told as a finding, and none stops a node or moves money unseen."""

from __future__ import annotations

import pytest
from tests.cast import GENESIS, IN, JP, OFFICERS, at, writer_of
from tests.scenario import Story

from tallystick.core.entries import (
    AmountLine,
    Body,
    Correction,
    Duty,
    Entry,
    Invoice,
    Note,
    PriceBasis,
    PriceList,
    PriceListLine,
    Unreadable,
)
from tallystick.core.fold import fold
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OrderState
from tallystick.core.steps import walk

ASKED = """
2027-03-01 JP request O1 of IN: 1 FOOD 100 KGM "fresh provisions"
2027-03-02 IN offer F1 on O1 INR until 2027-04-30: 1 100 @ 10.00
"""
AGREED = (
    ASKED
    + """
2027-03-03 JP order R1 on F1 limit 2000.00
2027-03-04 IN accept A1 on R1
"""
)


def said(story: Story, body: Body | Unreadable, on: EntryRef) -> Entry:
    """Let India's node say ``body`` after everything else; both nodes read it, one of them from scratch."""
    entry = story.logs.say(writer_of(IN), body, on=on, t=at("2027-03-06"))
    story.fold.extend([entry])
    assert fold(GENESIS, story.entries).digest == story.record.digest
    return entry


@pytest.mark.parametrize("stranger", [False, True], ids=["on a request", "on an unknown kind"])
def test_correcting_an_act_that_had_no_place_is_refused(stranger: bool) -> None:
    story = Story(AGREED)
    on = story.names["O1"]
    if stranger:
        on = said(story, Unreadable(999, None, "unknown kind"), on).ref
    misplaced = said(story, Invoice(OFFICERS[Duty.BILLING], "X", 20_518, (on,), (AmountLine(1, 1),), 1), on)
    correction = said(story, Correction(OFFICERS[Duty.BILLING], b""), misplaced.ref)
    assert [f.code for f in story.findings if f.entry == correction.ref] == ["unknown-object"]


def test_an_order_on_an_offer_taken_back_is_not_revived() -> None:
    story = Story(
        ASKED
        + """
2027-03-02 IN offer F2 on O1 INR until 2027-04-30: 1 100 @ 11.00
2027-03-03 JP order R1 on F1 limit 2000.00
-> finding offer-not-live R1
2027-03-04 IN correct Q1 on F1 by accepting
-> finding taken-back F1
2027-03-05 IN accept A1 on R1
-> finding unknown-object A1
"""
    )
    assert story.order().state is OrderState.OFFERED


def test_a_cancelled_order_is_not_closed_over_money_that_a_resolution_made_owed() -> None:
    story = Story(
        AGREED
        + """
2027-03-05 IN deliver D1 on A1: 1 10
2027-03-05 JP receive E1 on D1: 1 0 refused 10 spoiled
2027-03-06 IN resolve V1 on E1: 1 adjusted 50.00
2027-03-06 JP countersign C1 on V1
2027-03-07 IN cancel K1 on A1
2027-03-07 JP countersign C2 on K1
2027-03-08 JP close X1 on A1
-> finding premature-close X1
2027-03-09 IN invoice I1 on A1 for E1 number INV-1: 1 50.00
2027-03-10 IN funds P1 on I1 50.00
2027-03-11 JP close X2 on A1
2027-03-11 IN close X3 on A1
"""
    )
    assert (story.order().state, story.order().open_amount) == (OrderState.CLOSED, 0)


def test_a_limit_below_the_offer_hides_nothing_from_a_ceiling() -> None:
    cheap = {"currency": "INR", "per_act": 50_000, "total": 50_000}
    Story(
        ASKED
        + """
2027-03-03 JP order R1 on F1 limit 0.01
-> finding over-act-ceiling R1
""",
        limits={(JP, Duty.ORDERING): cheap},
    )


def test_an_order_stands_when_the_price_list_behind_it_is_revoked_afterwards() -> None:
    story = Story(ASKED.splitlines()[1])
    prices = (PriceListLine("FOOD", "fresh provisions", "", "KGM", 10_000_000, ()),)
    listed = PriceList(OFFICERS[Duty.BILLING], "PL-1", "INR", 20_000, 30_000, PriceBasis.OWN_FORCES, prices)
    story.names["L1"] = story.say(IN, listed, t=at("2027-03-01")).ref
    for line in (
        "2027-03-02 IN offer F1 on O1 INR until 2027-04-30 list L1: 1 100 @ 10.00",
        "2027-03-03 JP order R1 on F1 limit 2000.00",
        "2027-03-04 IN accept A1 on R1",
    ):
        story._do(line)
    revoke = story.logs.revoke(IN, OFFICERS[Duty.BILLING], cuts=[(writer_of(IN), 0)], t=at("2027-03-05"))
    story.fold.extend([revoke])
    assert (story.order().state, story.record.price_lists) == (OrderState.AGREED, ())
    assert fold(GENESIS, story.entries).digest == story.record.digest


def test_thousands_of_words_under_a_revoked_warrant_are_read_in_one_go() -> None:
    """Each is asked whether the other side relied on it; looking through all of them for that took minutes."""
    story = Story(AGREED)
    notes = [story.logs.say(writer_of(IN), Note(OFFICERS[Duty.AUDITOR]), on=story.names["O1"]) for _ in range(50)]
    story.fold.extend([*notes, story.logs.revoke(IN, OFFICERS[Duty.AUDITOR], cuts=[(writer_of(IN), 0)])])
    run = walk(story.fold, story.names["O1"], story.record.entries_of(story.names["O1"]))
    assert {run.verdicts[note.ref][0] for note in notes} == {"warrant-revoked"}
    assert [entry.party for entry in run.answers[IN]] == [JP, JP]
