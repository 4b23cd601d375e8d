"""Warrants: who may sign, up to what, until when; and what a revocation undoes."""

# ruff: noqa: E501 (a line of a story is one line)
from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from random import Random

import pytest
from tests.cast import GENESIS, IN, JP, OFFICERS, WRITER, at, genesis_of, grant, staffed, terms_with, writer_of
from tests.scenario import Story

from tallystick.core.calendar import parse_day
from tallystick.core.entries import Duty
from tallystick.core.fold import Fold, fold
from tallystick.core.identity import EntryRef
from tallystick.core.orders import DUTY_SIDES
from tallystick.core.warrants import EXCLUSIONS, duties_in_conflict

REQUEST = '2027-03-01 JP request O1 of IN: 1 FOOD 100 KGM "fresh provisions"\n'
OFFER = "2027-03-02 IN offer F1 on O1 INR until 2027-04-30: 1 100 @ 10.00\n"
ORDER = "2027-03-03 JP order R1 on F1 limit 2000.00\n"
AGREED = REQUEST + OFFER + ORDER + "2027-03-04 IN accept A1 on R1\n"


# ---- separation of duties


def test_exclusions_read_both_ways() -> None:
    for one, other in combinations(Duty, 2):
        excluded = other in EXCLUSIONS.get(one, ()) or one in EXCLUSIONS.get(other, ())
        assert (duties_in_conflict([one, other]) is not None) is excluded
        assert duties_in_conflict([one, other]) == duties_in_conflict([other, one])


@pytest.mark.parametrize(
    ("duty", "excluded"),
    [
        (Duty.REQUESTER, {Duty.ORDERING}),
        (Duty.FUNDS_CERTIFIER, {Duty.ORDERING, Duty.RECEIVING}),
        (Duty.ORDERING, {Duty.REQUESTER, Duty.FUNDS_CERTIFIER, Duty.RECEIVING, Duty.PAYING}),
        (Duty.ACCEPTING, {Duty.ISSUING, Duty.BILLING}),
        (Duty.ISSUING, {Duty.ACCEPTING, Duty.BILLING}),
        (Duty.RECEIVING, {Duty.FUNDS_CERTIFIER, Duty.ORDERING, Duty.PAYING}),
        (Duty.BILLING, {Duty.ACCEPTING, Duty.ISSUING}),
        (Duty.PAYING, {Duty.ORDERING, Duty.RECEIVING}),
        (Duty.INSPECTOR, set()),
    ],
)
def test_each_duty_excludes_what_would_let_one_officer_do_both(duty: Duty, excluded: set[Duty]) -> None:
    plain = set(Duty) - {Duty.COORDINATOR, Duty.AUDITOR, Duty.ADMINISTRATOR}
    assert {other for other in plain - {duty} if duties_in_conflict([duty, other])} == excluded


def test_the_coordinator_signs_no_money_and_the_auditor_nothing() -> None:
    assert duties_in_conflict([Duty.COORDINATOR, Duty.BILLING]) == (Duty.COORDINATOR, Duty.BILLING)
    assert duties_in_conflict([Duty.COORDINATOR, Duty.RECEIVING]) is None
    assert all(duties_in_conflict([Duty.AUDITOR, duty]) for duty in Duty if duty is not Duty.AUDITOR)
    assert set(DUTY_SIDES) == set(Duty)


def test_a_warrant_with_two_excluding_duties_is_void_and_so_is_what_it_signs() -> None:
    story = Story(REQUEST)
    both = story.logs.say(JP, grant(Duty.REQUESTER, Duty.ORDERING))
    story.fold.extend([both])
    request = story.say(JP, replace(story.entry("O1").body, who=both.ref.index, serial=9), t=at("2027-03-01"))
    assert [(f.code, f.entry) for f in story.findings] == [("duties-conflict", both.ref), ("no-warrant", request.ref)]
    assert story.record.grants[JP, both.ref.index].void == "duties-conflict"


def test_the_funds_certifier_is_another_officer() -> None:
    ordering = OFFICERS[Duty.ORDERING]
    Story(
        REQUEST + OFFER + f"2027-03-03 JP order R1 on F1 limit 2000.00 certifier {ordering}\n-> finding same-officer R1"
    )
    paying = OFFICERS[Duty.PAYING]
    Story(
        REQUEST + OFFER + f"2027-03-03 JP order R1 on F1 limit 2000.00 certifier {paying}\n-> finding duty-missing R1"
    )
    Story(REQUEST + OFFER + "2027-03-03 JP order R1 on F1 limit 2000.00 certifier 99\n-> finding no-warrant R1")


# ---- who


@pytest.mark.parametrize("who", [0, WRITER, 99])
def test_an_act_names_an_officer(who: int) -> None:
    story = Story(AGREED)
    story.say(
        IN,
        replace(Story(AGREED + "2027-03-05 IN deliver D1 on A1: 1 1").entry("D1").body, who=who),
        on=story.names["A1"],
    )
    expected = "duty-missing" if who == WRITER else "no-warrant"
    assert [f.code for f in story.findings] == [expected]


def test_the_admin_log_carries_no_business() -> None:
    story = Story(REQUEST)
    offer = Story(REQUEST + OFFER).entry("F1").body
    entry = story.logs.say(IN, offer, on=story.names["O1"], t=at("2027-03-02"))
    story.fold.extend([entry])
    assert [(f.code, f.entry) for f in story.findings] == [("no-warrant", entry.ref)]


def test_a_warrant_must_have_been_seen() -> None:
    story = Story(REQUEST)
    late = story.logs.say(IN, grant(Duty.ACCEPTING), t=at("2027-03-01"))
    story.fold.extend([late])
    offer = replace(Story(REQUEST + OFFER).entry("F1").body, who=late.ref.index)
    unseen = story.say(IN, offer, on=story.names["O1"], t=at("2027-03-02"), unseen=[late.ref])
    seen = story.say(IN, offer, on=story.names["O1"], t=at("2027-03-02"))
    assert [(f.code, f.entry) for f in story.findings] == [("no-warrant", unseen.ref)]
    assert story.order().offer.ref == seen.ref


def test_a_warrant_ends_after_its_last_day() -> None:
    limits = {(IN, Duty.ACCEPTING): {"until": parse_day("2027-03-02")}}
    Story(REQUEST + OFFER + "-> O1 offered", limits=limits)
    Story(
        REQUEST + OFFER.replace("2027-03-02", "2027-03-03") + "-> O1 requested\n-> finding warrant-ended F1",
        limits=limits,
    )


# ---- ceilings


def test_an_order_stays_below_the_ceiling_of_one_act() -> None:
    limits = {(JP, Duty.ORDERING): {"currency": "INR", "per_act": 200_000}}
    Story(REQUEST + OFFER + ORDER + "-> O1 ordered", limits=limits)
    over = ORDER.replace("2000.00", "2000.01")
    Story(
        REQUEST + OFFER + over + "-> O1 offered\n-> finding over-act-ceiling R1 amount=200001 ceiling=200000",
        limits=limits,
    )


def test_a_ceiling_in_another_currency_allows_nothing() -> None:
    limits = {(JP, Duty.ORDERING): {"currency": "JPY", "per_act": 10**12}}
    Story(REQUEST + OFFER + ORDER + "-> O1 offered\n-> finding warrant-currency R1 currency=JPY", limits=limits)
    story = Story(REQUEST)
    nameless = story.logs.say(JP, grant(Duty.ORDERING, per_act=5))
    story.fold.extend([nameless])
    assert [f.code for f in story.findings] == ["warrant-currency"]


def test_the_provider_too_may_have_a_ceiling() -> None:
    limits = {(IN, Duty.ACCEPTING): {"currency": "INR", "per_act": 99_999}}
    Story(REQUEST + OFFER + "-> O1 requested\n-> finding over-act-ceiling F1 amount=100000", limits=limits)
    limits = {(IN, Duty.ACCEPTING): {"currency": "INR", "per_act": 100_000, "total": 150_000}}
    Story(AGREED + "-> O1 agreed\n-> no findings", limits=limits)


def two_orders(limit: str, currency: str = "INR") -> str:
    second = (REQUEST + OFFER + ORDER).replace("O1", "O2").replace("F1", "F2").replace("R1", "R2")
    return REQUEST + OFFER + ORDER + second.replace("2000.00", limit).replace("INR", currency)


def test_the_total_of_a_warrant_is_used_up_by_orders() -> None:
    limits = {(JP, Duty.ORDERING): {"currency": "INR", "total": 300_000}}
    Story(two_orders("1000.00") + "-> O1 ordered\n-> O2 ordered\n-> no findings", limits=limits)
    Story(
        two_orders("1000.01")
        + "-> O1 ordered\n-> O2 offered\n-> finding over-total-ceiling R2 amount=300001 ceiling=300000",
        limits=limits,
    )


def test_what_is_void_uses_up_the_total_too() -> None:
    """Else the ceiling would depend on entries its writer need not have."""
    limits = {(JP, Duty.ORDERING): {"currency": "INR", "total": 300_000}}
    twice = two_orders("1000.00").replace(
        "2027-03-01 JP request O2", "2027-03-03 JP order R9 on F1 limit 0.01\n2027-03-01 JP request O2"
    )
    Story(twice + "-> finding second-order R9\n-> finding over-total-ceiling R2 amount=400000", limits=limits)


def test_a_commitment_that_arrives_late_uses_up_the_total_before_later_ones() -> None:
    limits = {(JP, Duty.ORDERING): {"currency": "INR", "total": 300_000}}
    story = Story(two_orders("2000.00"), limits=limits)
    late = story.entry("R1")
    partly = Fold(GENESIS)
    partly.extend(entry for entry in story.entries if entry is not late)
    assert partly.record.orders[story.names["O2"]].state == "ordered"
    changed = partly.extend([late])
    assert changed == {story.names["O1"], story.names["O2"]}
    assert partly.record.orders[story.names["O2"]].state == "offered"
    assert partly.record.digest == story.record.digest


def test_an_amendment_counts_by_its_rise() -> None:
    limits = {(JP, Duty.ORDERING): {"currency": "INR", "total": 250_000}}
    Story(
        AGREED
        + "2027-03-05 IN amend M1 on A1 limit 2500.00: 1 120 @ 10.00\n2027-03-06 JP countersign C1 on M1\n-> no findings",
        limits=limits,
    )
    Story(
        AGREED
        + "2027-03-05 IN amend M1 on A1 limit 2500.01: 1 120 @ 10.00\n2027-03-06 JP countersign C1 on M1\n-> finding over-total-ceiling C1",
        limits=limits,
    )
    limits = {(IN, Duty.ACCEPTING): {"currency": "INR", "per_act": 110_000}}
    Story(
        AGREED + "2027-03-05 IN amend M1 on A1: 1 111 @ 10.00\n-> finding over-act-ceiling M1 amount=111000",
        limits=limits,
    )


def test_what_commits_to_no_more_is_allowed_when_the_total_is_overdrawn() -> None:
    limits = {(JP, Duty.ORDERING): {"currency": "INR", "total": 300_000}}
    Story(
        AGREED
        + """
2027-03-05 JP order R9 on F1 limit 2000.00
-> finding over-total-ceiling R9 amount=400000
2027-03-05 IN amend M1 on A1 limit 1500.00: 1 90 @ 10.00
2027-03-06 JP countersign C1 on M1
-> O1 line 1 ordered=90000
""",
        limits=limits,
    )


def test_a_correction_does_not_slip_past_a_ceiling() -> None:
    limits = {(JP, Duty.ORDERING): {"currency": "INR", "per_act": 200_000}}
    start = REQUEST + OFFER + ORDER
    Story(
        start + "2027-03-03 JP correct Q1 on R1 limit 2000.01: as-said\n-> finding over-act-ceiling Q1", limits=limits
    )
    story = Story(
        start + "2027-03-03 JP correct Q1 on R1 limit 1999.99: as-said\n-> finding corrected R1", limits=limits
    )
    assert story.order().max_liability == 199_999
    limits = {(IN, Duty.ACCEPTING): {"currency": "INR", "per_act": 100_000}}
    Story(
        REQUEST
        + OFFER
        + "2027-03-03 IN correct Q1 on F1 INR until 2027-04-30: 1 101 @ 10.00\n-> finding over-act-ceiling Q1",
        limits=limits,
    )


def test_an_amount_beyond_what_can_be_said_is_refused_for_that() -> None:
    limits = {(IN, Duty.ACCEPTING): {"currency": "INR", "per_act": 10**12}}
    huge = OFFER.replace("1 100 @", "1 9007199254740.991 @ 9").replace("9 10.00", "9007199254.00")
    Story(REQUEST + huge + "-> O1 requested\n-> finding bad-quantity F1", limits=limits)
    Story(
        AGREED + "2027-03-05 IN amend M1 on A1: 1 9007199254740.991 @ 9007199254.00\n-> finding bad-quantity M1",
        limits=limits,
    )


# ---- what a correction makes of it

DEARER = "2027-03-02 IN correct Q1 on F1 INR until 2027-04-30: 1 100 @ 50.00\n"
LATE = DEARER.replace("03-02", "03-05")
ACCEPTANCE = "2027-03-04 IN accept A1 on R1\n"
RAISED = ACCEPTANCE + "2027-03-05 JP amend M1 on A1 limit 2000.00: 1 110 @ 10.00\n"


def folded_in_any_order(story: Story) -> None:
    dice = Random(3)
    for _ in range(20):
        shuffled = list(story.entries)
        dice.shuffle(shuffled)
        partly = Fold(story.genesis)
        for entry in shuffled:
            partly.extend([entry])
        assert partly.record.digest == story.record.digest
        assert partly.record.findings == story.findings


@pytest.mark.parametrize(
    ("party", "duty", "limit", "text", "told"),
    [
        (JP, Duty.ORDERING, {"per_act": 499_999}, DEARER + ORDER, "-> finding over-act-ceiling R1 amount=500000"),
        (JP, Duty.ORDERING, {"per_act": 500_000}, DEARER + ORDER, "-> O1 ordered"),
        (IN, Duty.ACCEPTING, {"total": 499_999}, DEARER + ORDER + ACCEPTANCE, "-> finding over-total-ceiling A1"),
        (IN, Duty.ACCEPTING, {"total": 500_000}, DEARER + ORDER + ACCEPTANCE, "-> O1 agreed"),
        (
            JP, Duty.ORDERING, {"per_act": 499_999}, ORDER + LATE + "2027-03-06 JP countersign K1 on Q1\n",
            "-> finding over-act-ceiling K1 amount=500000",
        ),
        (
            JP, Duty.ORDERING, {"total": 499_999}, ORDER + LATE + "2027-03-06 JP countersign K1 on Q1\n",
            "-> finding over-total-ceiling K1 amount=500000",
        ),
        (
            JP, Duty.ORDERING, {"total": 500_000}, ORDER + LATE + "2027-03-06 JP countersign K1 on Q1\n",
            "-> O1 ordered",
        ),
        (IN, Duty.ACCEPTING, {"total": 499_999}, ORDER + ACCEPTANCE + LATE, "-> finding over-total-ceiling Q1"),
        (
            IN, Duty.ACCEPTING, {"per_act": 119_999},
            ORDER + RAISED + "2027-03-05 JP correct Q1 on M1 limit 2000.00: 1 120 @ 10.00\n"
            "2027-03-06 IN countersign K1 on M1\n",
            "-> finding over-act-ceiling K1 amount=120000",
        ),
        (
            IN, Duty.ACCEPTING, {"per_act": 119_999},
            ORDER + RAISED + "2027-03-06 IN countersign K1 on M1\n"
            "2027-03-07 JP correct Q1 on M1 base 1 limit 2000.00: 1 120 @ 10.00\n2027-03-08 IN countersign K2 on Q1\n",
            "-> finding over-act-ceiling K2 amount=120000",
        ),
        *(
            (
                IN, Duty.ACCEPTING, {"total": most},
                ORDER + ACCEPTANCE + "2027-03-05 IN amend M1 on A1 limit 2000.00: 1 110 @ 10.00\n"
                "2027-03-06 IN correct Q1 on M1 by accepting limit 2000.00: 1 120 @ 10.00\n",
                f"-> {told}finding over-total-ceiling Q1",
            )
            for most, told in ((119_999, ""), (120_000, "no "))
        ),
    ],
)  # fmt: skip
def test_what_was_corrected_is_held_against_the_ceiling_of_who_relies_on_it(
    party: int, duty: Duty, limit: dict[str, object], text: str, told: str
) -> None:
    story = Story(REQUEST + OFFER + text + told, limits={(party, duty): {"currency": "INR", **limit}})
    folded_in_any_order(story)


def test_two_currencies_are_none_under_a_ceiling() -> None:
    terms = terms_with(currencies={"JP": ("JPY",), "IN": ("INR", "USD")})
    text = REQUEST + OFFER + DEARER.replace("INR", "USD") + ORDER
    limits = {(JP, Duty.ORDERING): {"currency": "USD", "per_act": 10**9}}
    Story(text + "-> finding warrant-currency R1", genesis=genesis_of(terms), limits=limits)
    Story(text + "-> O1 ordered", genesis=genesis_of(terms))


def test_who_corrects_without_end_is_in_no_currency() -> None:
    dear = [DEARER.replace("Q1", f"Q{n}").replace("50.00", f"{n}.00") for n in range(1, 12)]
    limits = {(JP, Duty.ORDERING): {"currency": "INR", "per_act": 10**9}}
    Story(REQUEST + OFFER + "".join(dear[:10]) + ORDER + "-> O1 ordered", limits=limits)
    folded_in_any_order(
        Story(REQUEST + OFFER + "".join(dear) + ORDER + "-> finding warrant-currency R1", limits=limits)
    )


@pytest.mark.parametrize(
    ("corrected", "by", "counts"),
    [
        ("IN correct Q1 on F1 INR until 2027-04-30: 1 100 @ 50.00", "ordering", True),
        ("IN correct Q1 on F1 INR until 2027-04-30: 1 100 @ 50.00", "receiving", False),
        ("IN correct Q1 on A1", "ordering", True),
        ("IN correct Q1 on A1", "receiving", False),
        ("JP correct Q1 on R1 limit 1500.00: as-said", "accepting", True),
        ("JP correct Q1 on R1 limit 1500.00: as-said", "billing", False),
        ("IN correct Q1 on D1: 1 90", "receiving", True),
    ],
)
def test_who_only_receives_agrees_to_no_other_price(corrected: str, by: str, counts: bool) -> None:
    delivered = (
        ACCEPTANCE + "2027-03-05 IN deliver D1 on A1: 1 100\n2027-03-06 JP receive E1 on D1: 1 90 reject 10 SPOILED\n"
    )
    before = delivered if "D1" in corrected else ACCEPTANCE if "R1" in corrected or "A1" in corrected else ""
    other = "IN" if corrected.startswith("JP") else "JP"
    said = f"2027-03-07 {corrected}\n2027-03-08 {other} countersign K1 on Q1 by {by}"
    story = Story(REQUEST + OFFER + ORDER + before + said)
    assert ("duty-missing" in story.codes("K1")) is not counts


# ---- revocation


def revoked(story: Story, party: int, duty: Duty, *, size: int | None) -> EntryRef:
    cuts = () if size is None else ((writer_of(party), size),)
    entry = story.logs.revoke(party, OFFICERS[duty], cuts=cuts)
    story.fold.extend([entry])
    return entry.ref


def test_after_the_revocation_the_officer_signs_no_more() -> None:
    story = Story(REQUEST)
    revoke = revoked(story, IN, Duty.ACCEPTING, size=None)
    offer = story.say(IN, Story(REQUEST + OFFER).entry("F1").body, on=story.names["O1"], t=at("2027-03-02"))
    assert [(f.code, f.entry, dict(f.facts)["revoked"]) for f in story.findings] == [
        ("warrant-revoked", offer.ref, str(revoke))
    ]
    assert story.record.grants[IN, OFFICERS[Duty.ACCEPTING]].revoked == revoke


def test_a_revocation_reaches_back_to_its_cut() -> None:
    story = Story(REQUEST + OFFER)
    revoked(story, IN, Duty.ACCEPTING, size=story.names["F1"].index)
    assert story.codes("F1") == ["warrant-revoked"]
    assert story.order().state == "requested"
    story = Story(REQUEST + OFFER)
    revoked(story, IN, Duty.ACCEPTING, size=story.names["F1"].index + 1)
    assert story.findings == ()


def test_what_the_other_side_relied_on_before_it_saw_the_revocation_stands() -> None:
    story = Story(REQUEST + OFFER)
    revoke = story.logs.revoke(IN, OFFICERS[Duty.ACCEPTING], cuts=[(writer_of(IN), 0)])
    story.fold.extend([revoke])
    assert story.order().state == "requested"
    order = Story(REQUEST + OFFER + ORDER).entry("R1").body
    relying = story.say(JP, order, on=story.names["F1"], t=at("2027-03-03"), unseen=[revoke.ref])
    assert story.order().state == "ordered"
    assert story.order().order == relying.ref
    assert story.findings == ()


def test_what_the_other_side_did_after_it_saw_the_revocation_saves_nothing() -> None:
    story = Story(REQUEST + OFFER)
    revoke = story.logs.revoke(IN, OFFICERS[Duty.ACCEPTING], cuts=[(writer_of(IN), 0)])
    story.fold.extend([revoke])
    order = Story(REQUEST + OFFER + ORDER).entry("R1").body
    story.say(JP, order, on=story.names["F1"], t=at("2027-03-03"))
    assert story.codes("F1") == ["warrant-revoked"]
    assert story.order().state == "requested"


def test_a_revoked_writer_takes_its_whole_log_from_the_cut_on() -> None:
    story = Story(REQUEST)
    entry = story.logs.revoke(JP, WRITER, cuts=[(writer_of(JP), 0)])
    story.fold.extend([entry])
    assert story.codes("O1") == ["warrant-revoked"]
    assert story.order().state == "void"


def test_a_revoked_certifier_certifies_no_more() -> None:
    story = Story(REQUEST + OFFER)
    revoked(story, JP, Duty.FUNDS_CERTIFIER, size=None)
    order = Story(REQUEST + OFFER + ORDER).entry("R1").body
    story.say(JP, order, on=story.names["F1"], t=at("2027-03-03"))
    assert [f.code for f in story.findings] == ["warrant-revoked"]


def test_a_revocation_of_nothing_is_told() -> None:
    logs = staffed()
    entry = logs.revoke(JP, 77)
    assert [(f.code, f.entry) for f in fold(GENESIS, logs.entries).findings] == [("unknown-object", entry.ref)]


def test_warrants_live_in_the_own_admin_log_only() -> None:
    logs = staffed()
    foreign = logs.say(writer_of(JP), grant(Duty.REQUESTER))
    stranger = logs.say(2, grant(Duty.REQUESTER))
    record = fold(GENESIS, logs.entries)
    assert [(f.code, f.entry) for f in record.findings] == [("wrong-side", foreign.ref), ("wrong-side", stranger.ref)]
    assert (2, 0) not in record.grants


def test_order_of_arrival_of_warrants_does_not_matter() -> None:
    story = Story(AGREED)
    revoke = story.logs.revoke(IN, OFFICERS[Duty.ACCEPTING], cuts=[(writer_of(IN), 1)])
    whole = fold(GENESIS, [*story.entries])
    for entries in (list(reversed(story.entries)), [revoke, *story.entries]):
        partly = Fold(GENESIS)
        for entry in entries:
            partly.extend([entry])
        assert partly.record.digest == whole.digest
        assert partly.record.findings == whole.findings
