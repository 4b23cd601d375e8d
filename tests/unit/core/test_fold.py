"""Finding what an entry is about, incremental reading, trials, price lists and the record."""

# ruff: noqa: E501 (a line of a story is one line)
from __future__ import annotations

from dataclasses import replace

import pytest
from tests.cast import GENESIS, IN, JP, OFFICERS, at, grant, key_of, staffed, writer_of
from tests.scenario import Story

from tallystick.core.calendar import parse_day
from tallystick.core.entries import (
    Adopt,
    Duty,
    Entry,
    Kind,
    Note,
    PriceBasis,
    PriceList,
    PriceListLine,
    Revoke,
    Unreadable,
    Withdrawal,
)
from tallystick.core.findings import FINDINGS, Finding, Weight
from tallystick.core.fold import Fold, Trial, fold
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OrderState
from tallystick.core.views import plain

REQUEST = '2027-03-01 JP request O1 of IN: 1 FOOD 100 KGM "fresh provisions"\n'
OFFER = "2027-03-02 IN offer F1 on O1 INR until 2027-04-30: 1 100 @ 10.00\n"
AGREED = REQUEST + OFFER + "2027-03-03 JP order R1 on F1 limit 2000.00\n2027-03-04 IN accept A1 on R1\n"
RECEIVED = AGREED + "2027-03-05 IN deliver D1 on A1: 1 100\n2027-03-05 JP receive E1 on D1\n"


# ---- what an entry is about


def lost(story: Story, entry: Entry) -> list[tuple[str, EntryRef, EntryRef | None]]:
    story.fold.extend([entry])
    return [(f.code, f.entry, f.order_id) for f in story.findings]


def test_an_act_on_nothing_is_kept_and_told() -> None:
    story = Story(REQUEST)
    nothing = story.logs.say(writer_of(IN), Note(OFFICERS[Duty.BILLING]))
    assert lost(story, nothing) == [("unknown-object", nothing.ref, None)]


def test_nobody_speaks_of_what_they_have_not_seen() -> None:
    story = Story(REQUEST)
    blind = story.logs.say(
        writer_of(IN), Note(OFFICERS[Duty.BILLING]), on=story.names["O1"], unseen=[story.names["O1"]]
    )
    assert lost(story, blind) == [("unknown-object", blind.ref, None)]


def test_an_entry_that_names_itself_is_about_nothing() -> None:
    story = Story(REQUEST)
    own = EntryRef(writer_of(IN), 0)
    assert lost(story, story.logs.say(writer_of(IN), Note(OFFICERS[Duty.BILLING]), on=own)) == [
        ("unknown-object", own, None)
    ]


def test_an_entry_waits_for_what_it_speaks_of() -> None:
    story = Story(RECEIVED)
    waiting = Fold(GENESIS)
    *before, request = [*(e for e in story.entries if e.ref != story.names["O1"]), story.entry("O1")]
    assert waiting.extend(before) == frozenset()
    assert [f.code for f in waiting.record.findings] == ["unknown-object"] * 5
    assert waiting.extend([request]) == {story.names["O1"]}
    assert waiting.record.digest == story.record.digest
    assert waiting.record.findings == ()


def test_a_note_may_be_on_anything_known() -> None:
    story = Story(REQUEST)
    granted = EntryRef(IN, 3)
    note = story.logs.say(writer_of(JP), Note(OFFICERS[Duty.AUDITOR]), on=granted, t=at("2027-03-02"))
    assert lost(story, note) == []
    act = story.logs.say(writer_of(JP), Withdrawal(OFFICERS[Duty.ORDERING], 0), on=granted)
    assert lost(story, act) == [("unknown-object", act.ref, None)]


def test_a_request_that_cannot_be_read_opens_nothing() -> None:
    logs = staffed()
    entry = logs.say(writer_of(JP), Unreadable(int(Kind.REQUEST), [1], "an array of 11"))
    reading = Fold(GENESIS)
    assert reading.extend(logs.entries) == frozenset()
    assert reading.record.findings == (
        Finding("unreadable-body", entry.ref, None, (("kind", 1), ("why", "an array of 11"))),
    )
    assert dict(reading.record.orders) == {}


def test_a_kind_of_the_future_is_kept_and_told() -> None:
    story = Story(AGREED)
    entry = story.logs.say(writer_of(IN), Unreadable(40, [], "unknown kind"), on=story.names["A1"])
    assert lost(story, entry) == [("unreadable-body", entry.ref, story.names["O1"])]
    assert story.order().state == "agreed"


def test_a_body_of_another_kind_than_its_entry_does_not_count() -> None:
    story = Story(AGREED)
    entry = replace(
        story.logs.say(writer_of(IN), Note(OFFICERS[Duty.BILLING]), on=story.names["A1"]), kind=int(Kind.DELIVERY)
    )
    assert lost(story, entry)[0][0] == "unreadable-body"


def test_admin_entries_that_cannot_be_read_are_told() -> None:
    logs = staffed()
    entry = logs.say(JP, Unreadable(int(Kind.GRANT), None, "an array of 9"))
    adopted = logs.say(5, Adopt(bytes(32)))
    record = fold(GENESIS, logs.entries)
    assert [(f.code, f.entry) for f in record.findings] == [("unreadable-body", entry.ref), ("wrong-side", adopted.ref)]


# ---- incremental reading


def test_what_is_known_is_passed_over() -> None:
    story = Story(RECEIVED)
    before = story.record
    assert story.fold.extend(story.entries) == frozenset()
    assert story.record is before


def test_a_late_entry_costs_its_own_order_only() -> None:
    story = Story(
        RECEIVED
        + RECEIVED.replace("O1", "O2")
        .replace("F1", "F2")
        .replace("R1", "R2")
        .replace("A1", "A2")
        .replace("D1", "D2")
        .replace("E1", "E2")
    )
    digest = story.record.order_digest(story.names["O2"])
    view = story.order("O2")
    entry = story.logs.say(writer_of(IN), Note(OFFICERS[Duty.BILLING]), on=story.names["A1"], t=at("2027-03-06"))
    assert story.fold.extend([entry]) == {story.names["O1"]}
    assert story.order("O2") is view
    assert story.record.order_digest(story.names["O2"]) == digest


def test_a_record_does_not_change_under_its_reader() -> None:
    story = Story(AGREED)
    before = story.record
    digest, balance = before.digest, dict(before.ledger.balance("IN:ar"))
    story.say(IN, Story(RECEIVED).entry("D1").body, on=story.names["A1"], t=at("2027-03-05"))
    assert story.order().state == "in-delivery"
    assert before.orders[story.names["O1"]].state == "agreed"
    assert before.digest == digest != story.record.digest
    assert dict(before.ledger.balance("IN:ar")) == balance
    assert len(before.entries_of(story.names["O1"])) == 4
    assert (before.entry_count, story.record.entry_count) == (len(story.entries) - 1, len(story.entries))


def test_accounts_that_a_late_entry_emptied_are_gone_as_from_scratch() -> None:
    story = Story(RECEIVED)
    reading = Fold(GENESIS)
    reading.extend(entry for entry in story.entries if entry.ref != story.names["A1"])
    reading.extend([story.entry("A1")])
    revoke = story.logs.revoke(JP, OFFICERS[Duty.RECEIVING], cuts=[(writer_of(JP), 0)])
    reading.extend([revoke])
    scratch = fold(GENESIS, story.entries)
    assert reading.record.ledger.accounts() == scratch.ledger.accounts()
    assert "IN:given" not in scratch.ledger.accounts()


def test_orders_are_found_by_name() -> None:
    record = Story(RECEIVED).record
    (name,) = record.orders
    assert name in record.orders
    assert tuple(name) in record.orders
    assert None not in record.orders
    assert len(record.orders) == 1
    with pytest.raises(KeyError):
        record.orders[EntryRef(9, 9)]
    with pytest.raises(KeyError):
        record.order_digest(EntryRef(9, 9))
    assert record.findings_of(EntryRef(9, 9)) == ()
    assert record.entries_of(EntryRef(9, 9)) == ()


def test_the_digest_tells_what_differs() -> None:
    texts = [REQUEST, AGREED, RECEIVED, RECEIVED + "2027-03-06 JP note on O1\n", REQUEST.replace("100", "101")]
    assert len({Story(text).record.digest for text in texts}) == len(texts)


# ---- trying


def test_a_trial_says_what_signing_would_do_and_changes_nothing() -> None:
    story = Story(RECEIVED)
    body = Story(RECEIVED + "2027-03-06 IN invoice I1 on A1 for E1 number INV-1: 1 1000.00").entry("I1").body
    before = story.record.digest
    entry = story.logs.say(writer_of(IN), body, on=story.names["A1"], t=at("2027-03-06"))
    trial = story.fold.trial(entry)
    assert (trial.findings, trial.void) == ((), False)
    assert trial.order.invoices[0].total == 100_000
    assert [(t.rule, t.amount) for t in trial.transactions] == [("L3", 100_000)]
    assert story.record.digest == before
    story.fold.extend([entry])
    assert story.order() == trial.order


def test_a_trial_of_a_void_act_gives_the_reason_first() -> None:
    story = Story(RECEIVED)
    body = Story(RECEIVED + "2027-03-06 IN invoice I1 on A1 for E1 number INV-1: 1 1000.00").entry("I1").body
    entry = story.logs.say(writer_of(IN), replace(body, total=5), on=story.names["A1"], t=at("2027-03-06"))
    trial = story.fold.trial(entry)
    assert trial.void
    assert trial.findings[0].code == "invoice-total-differs"
    assert trial.transactions == ()


def test_a_trial_warns_of_a_number_used_before() -> None:
    start = RECEIVED + "2027-03-06 IN invoice I1 on A1 for E1 number INV-1: 1 600.00\n"
    story = Story(start)
    body = Story(start + "2027-03-06 IN invoice I2 on A1 for E1 number INV-1: 1 400.00").entry("I2").body
    entry = story.logs.say(writer_of(IN), body, on=story.names["A1"], t=at("2027-03-06"))
    trial = story.fold.trial(entry)
    assert (trial.void, [f.code for f in trial.findings]) == (False, ["duplicate-number"])


def test_trials_of_what_belongs_to_no_order() -> None:
    story = Story(REQUEST)
    say = story.logs.say
    trial = story.fold.trial
    request = say(writer_of(JP), replace(story.entry("O1").body, serial=8), t=at("2027-03-01"))
    assert trial(request).order.state is OrderState.REQUESTED
    assert trial(say(JP, grant(Duty.PAYING))) == Trial((), False, None, ())
    assert [f.code for f in trial(say(JP, grant(Duty.PAYING, Duty.ORDERING))).findings] == ["duties-conflict"]
    assert trial(say(JP, Revoke(3, (), 0))) == Trial((), False, None, ())
    assert [f.code for f in trial(say(JP, Revoke(200, (), 0))).findings] == ["unknown-object"]
    assert [f.code for f in trial(say(writer_of(JP), grant(Duty.PAYING))).findings] == ["wrong-side"]
    assert [f.code for f in trial(say(JP, Unreadable(65, None, "no"))).findings] == ["unreadable-body"]
    assert trial(say(writer_of(JP), Note(OFFICERS[Duty.PAYING]), on=EntryRef(JP, 1))) == Trial((), False, None, ())
    orphan = trial(say(writer_of(JP), Note(OFFICERS[Duty.PAYING]), on=EntryRef(99, 1)))
    assert (orphan.void, orphan.findings[0].code, orphan.order) == (True, "unknown-object", None)
    assert trial(say(writer_of(IN), prices())).void is False
    assert trial(say(writer_of(IN), prices(currency="USD"))).findings[0].code == "unknown-currency"


# ---- price lists


def prices(**changes: object) -> PriceList:
    line = PriceListLine("FOOD", "fresh provisions", "", "KGM", 9_000_000, ())
    plain = PriceList(
        OFFICERS[Duty.BILLING], "PL-2027", "INR", parse_day("2027-01-01"), parse_day("2027-12-31"),
        PriceBasis.PRICE_LIST, (line,),
    )  # fmt: skip
    return replace(plain, **changes)


def listed(story: Story, **changes: object) -> Entry:
    entry = story.say(IN, prices(**changes), t=at("2027-02-01"))
    story.names["L1"] = entry.ref
    return entry


def test_an_offer_may_lean_on_a_price_list() -> None:
    story = Story(REQUEST)
    listed(story)
    (view,) = story.record.price_lists
    assert (view.number, view.party, view.replaced_by) == ("PL-2027", IN, None)
    offer = Story(REQUEST + OFFER).entry("F1").body
    at_list = replace(offer, price_list=story.names["L1"], lines=(replace(offer.lines[0], price_micro=9_000_000),))
    story.say(IN, at_list, on=story.names["O1"], t=at("2027-03-02"))
    assert story.findings == ()
    above = story.say(IN, replace(offer, price_list=story.names["L1"]), on=story.names["O1"], t=at("2027-03-02"))
    assert [(f.code, f.entry) for f in story.findings] == [("price-above-list", above.ref)]
    assert story.order().offer.price_list == story.names["L1"]


def test_an_offer_on_a_price_list_that_is_not_there_does_not_count() -> None:
    story = Story(REQUEST)
    late = story.logs.say(writer_of(IN), prices(), t=at("2027-02-01"))
    offer = replace(Story(REQUEST + OFFER).entry("F1").body, price_list=late.ref)
    story.say(IN, offer, on=story.names["O1"], t=at("2027-03-02"))
    assert [f.code for f in story.findings] == ["unknown-object"]
    assert story.fold.extend([late]) == {story.names["O1"]}
    assert story.order().state == "offered"
    assert story.record.digest == fold(GENESIS, story.entries).digest


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"currency": "USD"}, "unknown-currency"),
        ({"valid_to": 5}, "bad-dates"),
        ({"lines": (PriceListLine("FOOD", "x", "", "XXX", 1, ()),)}, "unknown-unit"),
        ({"lines": (PriceListLine("SPAR", "x", "1305-00-000-0000", "EA", 1, ()),)}, "blocked-item"),
        ({"who": OFFICERS[Duty.RECEIVING]}, "duty-missing"),
    ],
)
def test_a_price_list_outside_the_terms(changes: dict[str, object], code: str) -> None:
    story = Story(REQUEST)
    entry = listed(story, **changes)
    assert [(f.code, f.entry) for f in story.findings] == [(code, entry.ref)]
    assert story.record.price_lists == ()


def test_price_lists_follow_each_other() -> None:
    story = Story(REQUEST)
    first = listed(story)
    second = story.logs.say(writer_of(IN), prices(number="PL-2028"), on=first.ref, t=at("2027-02-02"))
    again = story.logs.say(writer_of(IN), prices(number="PL-2028"), t=at("2027-02-03"))
    foreign = story.logs.say(writer_of(JP), prices(currency="JPY"), on=first.ref, t=at("2027-02-04"))
    story.fold.extend([second, again, foreign])
    assert [(v.ref, v.replaced_by) for v in story.record.price_lists] == [
        (first.ref, second.ref),
        (second.ref, None),
        (again.ref, None),
    ]
    assert [(f.code, f.entry) for f in story.findings] == [
        ("duplicate-number", again.ref),
        ("unknown-object", foreign.ref),
    ]


def test_a_revoked_price_list_takes_its_offers_with_it() -> None:
    story = Story(REQUEST)
    listed(story)
    offer = replace(Story(REQUEST + OFFER).entry("F1").body, price_list=story.names["L1"])
    story.say(IN, offer, on=story.names["O1"], t=at("2027-03-02"))
    assert story.order().state == "offered"
    revoke = story.logs.revoke(IN, OFFICERS[Duty.BILLING], cuts=[(writer_of(IN), 0)])
    assert story.fold.extend([revoke]) == {story.names["O1"]}
    assert story.order().state == "requested"
    assert story.record.price_lists == ()


def test_price_lists_of_strangers_and_unreadable_ones_are_told() -> None:
    logs = staffed()
    stranger = logs.say(18, prices())
    unreadable = logs.say(writer_of(IN), Unreadable(int(Kind.PRICE_LIST), None, "no"))
    record = fold(GENESIS, logs.entries)
    assert {(f.code, f.entry) for f in record.findings} == {
        ("wrong-side", stranger.ref),
        ("unreadable-body", unreadable.ref),
    }


# ---- the record as a whole


def test_grants_are_told_by_party_and_place() -> None:
    record = fold(GENESIS, staffed().entries)
    writer = record.grants[JP, 1]
    assert (writer.key, writer.post, writer.duties, writer.revoked, writer.void) == (
        key_of("JP writer"),
        "JP node",
        (),
        None,
        None,
    )
    assert record.grants[IN, OFFICERS[Duty.PAYING]].duties == (Duty.PAYING,)
    assert list(record.grants) == sorted(record.grants)


def test_every_void_act_has_a_finding_and_every_finding_a_weight() -> None:
    story = Story(
        RECEIVED + "2027-03-06 IN accept A2 on R1\n2027-03-06 JP receive E2 on D1\n2027-03-06 IN close X1 on A1\n"
    )
    assert story.order().void == tuple(story.names[name] for name in ("A2", "E2", "X1"))
    assert {f.entry for f in story.findings if f.weight is Weight.VOID} == set(story.order().void)
    assert set(story.order().effective) | set(story.order().void) == {
        e.ref for e in story.record.entries_of(story.names["O1"])
    }


def test_an_empty_record_has_a_digest() -> None:
    record = fold(GENESIS, ())
    assert (len(record.digest), record.findings, len(record.orders)) == (32, (), 0)
    assert record.ledger.transactions() == ()


def test_every_code_is_earned_somewhere() -> None:
    """A code that nothing gives is a promise nobody keeps."""
    from pathlib import Path

    core = Path(__file__).parents[3] / "src" / "tallystick" / "core"
    source = "".join(
        path.read_text(encoding="utf-8") for path in core.glob("*.py") if path.name not in ("findings.py", "orders.py")
    )
    assert [code for code in FINDINGS if f'"{code}"' not in source] == []


def test_a_record_knows_what_an_entry_is_about() -> None:
    story = Story(RECEIVED)
    assert story.record.subject_of(story.names["E1"]) == story.names["O1"]
    assert story.record.subject_of(EntryRef(IN, 3)) is None
    assert story.record.subject_of(EntryRef(99, 3)) is None


def test_a_number_is_free_again_when_its_document_falls() -> None:
    story = Story(
        RECEIVED
        + "2027-03-06 IN invoice I1 on A1 for E1 number INV-1: 1 600.00\n2027-03-06 IN invoice I2 on A1 for E1 number INV-1: 1 400.00\n-> finding duplicate-number I2"
    )
    story.fold.extend([story.logs.revoke(IN, OFFICERS[Duty.BILLING], cuts=[(writer_of(IN), story.names["I2"].index)])])
    assert [f.code for f in story.findings] == ["warrant-revoked"]
    assert story.record.digest == fold(GENESIS, story.entries).digest


def test_a_lost_entry_of_two_minds_is_unreadable() -> None:
    story = Story(REQUEST)
    entry = replace(story.logs.say(writer_of(IN), Note(OFFICERS[Duty.BILLING])), kind=int(Kind.DELIVERY))
    assert lost(story, entry) == [("unreadable-body", entry.ref, None)]


def test_officers_with_ceilings_are_judged_on_odd_documents_too() -> None:
    """A commitment that cannot be worked out is no reason to stop reading."""
    limited = {"currency": "INR", "per_act": 5_000_000, "total": 9_000_000}
    limits = {(party, duty): limited for party in (JP, IN) for duty in (Duty.ORDERING, Duty.ACCEPTING, Duty.ISSUING)}
    story = Story(
        RECEIVED
        + """
2027-03-06 IN correct Q1 on D1: 1 90
2027-03-06 JP resolve S1 on E1: 1 adjusted 5.00
2027-03-07 IN countersign on S1
-> IN:ar:unbilled:JP 1005.00 INR
2027-03-07 IN correct Q2 on F1
2027-03-07 JP amend M1 on R1: 1 5 @ 1.00
-> finding unknown-object M1
""",
        limits=limits,
    )
    assert story.record.digest == fold(GENESIS, story.entries).digest


def test_a_number_beyond_what_is_exact_everywhere_is_told_as_text() -> None:
    assert plain((2**53 - 1, -(2**53) + 1, 2**60, -(2**60))) == [2**53 - 1, -(2**53) + 1, str(2**60), str(-(2**60))]
