"""Deputies, rotations and the ceilings of writers: warrants that lean on other warrants."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from tests.cast import GENESIS, IN, JP, OFFICERS, WRITER, at, genesis_of, grant, key_of, terms_with, writer_of
from tests.scenario import Story

from tallystick.core.calendar import parse_day
from tallystick.core.entries import Duty, Entry, Grant, PriceBasis, PriceList, PriceListLine
from tallystick.core.fold import Fold, fold
from tallystick.core.identity import EntryRef, log_id

REQUEST = '2027-03-01 JP request O1 of IN: 1 FOOD 100 KGM "fresh provisions"\n'
OFFER = "2027-03-02 IN offer F1 on O1 INR until 2027-04-30: 1 100 @ 10.00\n"
ORDER = "2027-03-03 JP order R1 on F1 limit 2000.00\n"
AGREED = REQUEST + OFFER + ORDER + "2027-03-04 IN accept A1 on R1\n"
ORDERING = OFFICERS[Duty.ORDERING]
ENDS = parse_day("2027-06-30")
LIMITS = {(JP, Duty.ORDERING): {"currency": "INR", "per_act": 300_000, "total": 500_000, "until": ENDS}}


def granted(story: Story, body: Grant, party: int = JP) -> Entry:
    entry = story.logs.say(party, body, t=at("2027-02-01"))
    story.fold.extend([entry])
    return entry


def deputy(**changes: object) -> Grant:
    plain = grant(
        Duty.ORDERING, post="Deputy", currency="INR", per_act=300_000, total=500_000, until=ENDS, acting_for=ORDERING
    )
    return replace(plain, **changes)


def ordered_by(story: Story, who: int, *, unseen: tuple[EntryRef, ...] = (), limit: int = 200_000) -> Entry:
    body = replace(Story(REQUEST + OFFER + ORDER).entry("R1").body, who=who, max_liability=limit)
    return story.say(JP, body, on=story.names["F1"], t=at("2027-03-03"), unseen=unseen)


def told(story: Story) -> list[tuple[str, EntryRef]]:
    return [(finding.code, finding.entry) for finding in story.findings]


def the_same_in_any_order(story: Story) -> None:
    """However the entries arrive, one by one or in portions, the record is the same."""
    whole = fold(GENESIS, story.entries)
    dice = Random(7)
    for portion in (1, 3, 100):
        shuffled = list(story.entries)
        dice.shuffle(shuffled)
        partly = Fold(GENESIS)
        for start in range(0, len(shuffled), portion):
            partly.extend(shuffled[start : start + portion])
        assert partly.record.digest == whole.digest
        assert partly.record.findings == whole.findings
        assert dict(partly.record.grants) == dict(whole.grants)


# ---- deputies


def test_a_deputy_signs_for_an_officer_until_the_end() -> None:
    story = Story(REQUEST + OFFER, limits=LIMITS)
    acting = granted(story, deputy(until=parse_day("2027-03-03")))
    ordered_by(story, acting.ref.index)
    assert (story.order().state, told(story)) == ("ordered", [])
    the_same_in_any_order(story)
    late = Story(REQUEST + OFFER, limits=LIMITS)
    acting = granted(late, deputy(until=parse_day("2027-03-02")))
    order = ordered_by(late, acting.ref.index)
    assert told(late) == [("warrant-ended", order.ref)]
    assert dict(late.findings[0].facts) == {
        "who": acting.ref.index, "warrant": str(acting.ref), "post": "Deputy", "until": parse_day("2027-03-02"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"acting_for": 99}, "no such warrant"),
        ({"acting_for": WRITER}, "no such warrant"),
        ({"acting_for": max(OFFICERS.values()) + 1}, "no such warrant"),  # itself
        ({"until": None}, "no end, or a later one"),
        ({"until": ENDS + 1}, "no end, or a later one"),
        ({"duties": (Duty.ORDERING, Duty.INSPECTOR)}, "other duties"),
        ({"key": key_of("a ship")}, "other duties"),
        ({"currency": "JPY"}, "another currency"),
        ({"per_act": 300_001}, "a higher ceiling"),
        ({"per_act": None}, "a higher ceiling"),
        ({"total": 500_001}, "a higher ceiling"),
        ({"total": None}, "a higher ceiling"),
    ],
)
def test_a_deputy_has_no_more_than_whom_it_acts_for(changes: dict[str, object], because: str) -> None:
    story = Story(REQUEST + OFFER, limits=LIMITS)
    acting = granted(story, deputy(**changes))
    order = ordered_by(story, acting.ref.index)
    assert told(story) == [("deputy-not-possible", acting.ref), ("no-warrant", order.ref)]
    assert dict(story.findings[0].facts) == {
        "acting_for": acting.body.acting_for, "because": because, "who": acting.ref.index, "warrant": str(acting.ref),
        "post": "Deputy",
    }  # fmt: skip
    the_same_in_any_order(story)


@pytest.mark.parametrize("ceiling", ["per_act", "total"])
def test_one_ceiling_is_enough_to_bind_a_deputy_to_its_currency(ceiling: str) -> None:
    limits = {(JP, Duty.ORDERING): {"currency": "INR", ceiling: 500_000, "until": ENDS}}
    story = Story(REQUEST, limits=limits)
    granted(story, deputy())
    assert told(story) == []
    wrong = granted(story, deputy(currency="JPY"))
    assert told(story) == [("deputy-not-possible", wrong.ref)]
    assert dict(story.findings[0].facts)["because"] == "another currency"


def test_whom_nothing_limits_may_have_a_deputy_with_any_limit() -> None:
    story = Story(REQUEST)
    granted(story, deputy())
    granted(story, deputy(currency="JPY", total=None, until=ENDS + 1))
    granted(story, deputy(currency="", per_act=None, total=None))
    assert told(story) == []


def test_nobody_acts_for_a_warrant_that_is_void_or_was_replaced_and_the_other_way_round_it_stands() -> None:
    story = Story(REQUEST)
    plain = deputy(currency="", per_act=None, total=None)
    void = granted(story, grant(Duty.REQUESTER, Duty.ORDERING))
    of_void = granted(story, replace(plain, acting_for=void.ref.index))
    before = granted(story, plain)
    granted(story, grant(Duty.ORDERING, officer_key=key_of("new"), replaces=ORDERING))
    after = granted(story, plain)
    codes = [("duties-conflict", void.ref), ("deputy-not-possible", of_void.ref), ("deputy-not-possible", after.ref)]
    assert told(story) == codes
    assert [dict(f.facts).get("because") for f in story.findings] == [None, "no such warrant", "it has ended"]
    assert dict(story.findings[0].facts) == {
        "one": int(Duty.REQUESTER), "other": int(Duty.ORDERING), "who": void.ref.index, "warrant": str(void.ref),
        "post": "An officer",
    }  # fmt: skip
    assert story.record.grants[JP, before.ref.index].void is None
    the_same_in_any_order(story)


def test_nobody_acts_for_a_deputy_or_for_themselves() -> None:
    story = Story(REQUEST, limits={(JP, Duty.ORDERING): {"officer_key": key_of("one person")}})
    plain = deputy(currency="", per_act=None, total=None)
    themselves = granted(story, replace(plain, officer_key=key_of("one person")))
    first = granted(story, plain)
    second = granted(story, replace(plain, acting_for=first.ref.index))
    assert told(story) == [("deputy-not-possible", themselves.ref), ("deputy-not-possible", second.ref)]
    the_same_in_any_order(story)


def test_a_deputy_falls_with_whom_it_acts_for() -> None:
    story = Story(REQUEST + OFFER, limits=LIMITS)
    acting = granted(story, deputy())
    revoke = story.logs.revoke(JP, ORDERING)
    story.fold.extend([revoke])
    relied = ordered_by(story, acting.ref.index, unseen=(revoke.ref,))
    assert told(story) == []  # written before it was seen, and no cut of this log
    cut = story.logs.revoke(JP, ORDERING, cuts=[(writer_of(JP), relied.ref.index)])
    story.fold.extend([cut])
    assert told(story) == [("warrant-revoked", relied.ref)]
    (finding,) = [found for found in story.findings if found.code == "warrant-revoked"]
    assert {"who", "warrant", "post", "revoked"} <= dict(finding.facts).keys()
    assert dict(story.findings[0].facts)["who"] == ORDERING
    assert story.record.grants[JP, acting.ref.index].revoked == revoke.ref
    the_same_in_any_order(story)
    too_late = granted(story, deputy())
    assert ("deputy-not-possible", too_late.ref) in told(story)
    last = Fold(GENESIS)  # what made it so arrives after it
    for entry in (*(e for e in story.entries if e.ref not in (revoke.ref, cut.ref)), revoke, cut):
        last.extend([entry])
    assert (last.record.digest, dict(last.record.grants)) == (story.record.digest, dict(story.record.grants))


def test_what_the_other_side_took_from_a_deputy_in_good_faith_stands() -> None:
    story = Story(REQUEST + OFFER, limits=LIMITS)
    acting = granted(story, deputy())
    order = ordered_by(story, acting.ref.index)
    revoke = story.logs.revoke(JP, ORDERING, cuts=[(writer_of(JP), order.ref.index)])
    story.fold.extend([revoke])
    assert story.order().state == "offered"
    story.say(IN, Story(AGREED).entry("A1").body, on=order.ref, t=at("2027-03-04"), unseen=[revoke.ref])
    assert (story.order().state, told(story)) == ("agreed", [])
    the_same_in_any_order(story)


# ---- rotation


def test_an_officers_new_key_carries_on_what_was_used() -> None:
    limits = {(JP, Duty.ORDERING): {"currency": "INR", "total": 300_000}}
    story = Story(REQUEST + OFFER + ORDER, limits=limits)
    body = grant(
        Duty.ORDERING, post="Contracting officer", currency="INR", total=300_000,
        officer_key=key_of("new"), replaces=ORDERING,
    )  # fmt: skip
    new = granted(story, body)
    view = story.record.grants[JP, ORDERING]
    assert (view.replaced_by, view.revoked) == (new.ref, None)
    second = Story(REQUEST + OFFER).entry("O1").body
    again = story.say(JP, replace(second, serial=9), t=at("2027-03-05"))
    offer = story.say(IN, Story(REQUEST + OFFER).entry("F1").body, on=again.ref, t=at("2027-03-05"))
    order = Story(REQUEST + OFFER + ORDER).entry("R1").body
    under_old = story.say(JP, replace(order, max_liability=50_000), on=offer.ref, t=at("2027-03-06"))
    over = story.say(JP, replace(order, who=new.ref.index, max_liability=100_001), on=offer.ref, t=at("2027-03-06"))
    assert told(story) == [("warrant-replaced", under_old.ref), ("over-total-ceiling", over.ref)]
    assert dict(story.findings[0].facts) == {
        "by": str(new.ref), "who": ORDERING, "warrant": f"0.{ORDERING}", "post": "Contracting officer, JP",
    }  # fmt: skip
    assert dict(story.findings[1].facts)["amount"] == 200_000 + 100_000 + 100_001  # the void one counts too
    the_same_in_any_order(story)


def test_a_new_key_of_an_officer_who_committed_nothing_yet_has_the_whole_total() -> None:
    limits = {(JP, Duty.ORDERING): {"currency": "INR", "total": 200_000}}
    story = Story(REQUEST + OFFER, limits=limits)
    body = grant(Duty.ORDERING, currency="INR", total=200_000, officer_key=key_of("new"), replaces=ORDERING)
    ordered_by(story, granted(story, body).ref.index, limit=200_000)
    assert (story.order().state, told(story)) == ("ordered", [])


def test_what_had_not_seen_the_new_key_is_under_the_old_one() -> None:
    story = Story(REQUEST + OFFER)
    new = granted(story, grant(Duty.ORDERING, officer_key=key_of("new"), replaces=ORDERING))
    ordered_by(story, ORDERING, unseen=(new.ref,))
    assert (story.order().state, told(story)) == ("ordered", [])
    the_same_in_any_order(story)


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"replaces": 99}, "no such warrant"),
        ({"replaces": max(OFFICERS.values()) + 1}, "no such warrant"),  # itself
        ({"replaces": OFFICERS[Duty.PAYING]}, "other duties"),
        ({"key": key_of("a ship")}, "other duties"),
        ({"officer_key": None}, "the same key"),
        ({"acting_for": OFFICERS[Duty.PAYING], "until": ENDS}, "for another officer"),
    ],
)
def test_a_rotation_is_of_one_warrant_and_a_new_key(changes: dict[str, object], because: str) -> None:
    story = Story(REQUEST)
    plain = grant(Duty.ORDERING, officer_key=key_of("new"), replaces=ORDERING)
    wrong = granted(story, replace(plain, **changes))
    assert told(story) == [("rotation-not-possible", wrong.ref)]
    assert dict(story.findings[0].facts) == {
        "replaces": wrong.body.replaces, "because": because, "who": wrong.ref.index, "warrant": str(wrong.ref),
        "post": "An officer",
    }  # fmt: skip
    right = granted(story, plain)
    assert told(story) == [("rotation-not-possible", wrong.ref)]
    twice = granted(story, replace(plain, officer_key=key_of("newer")))
    onward = granted(story, replace(plain, officer_key=key_of("newer"), replaces=right.ref.index))
    assert told(story)[1:] == [("rotation-not-possible", twice.ref)]
    assert story.record.grants[JP, right.ref.index].replaced_by == onward.ref
    the_same_in_any_order(story)


def test_a_revoked_warrant_may_go_on_under_a_new_key_and_nothing_comes_back() -> None:
    story = Story(REQUEST + OFFER + ORDER)
    revoke = story.logs.revoke(JP, ORDERING, cuts=[(writer_of(JP), story.names["R1"].index)])
    story.fold.extend([revoke])
    new = granted(story, grant(Duty.ORDERING, officer_key=key_of("new"), replaces=ORDERING))
    assert told(story) == [("warrant-revoked", story.names["R1"])]
    ordered_by(story, new.ref.index)
    assert (story.order().state, told(story)) == ("ordered", [("warrant-revoked", story.names["R1"])])
    the_same_in_any_order(story)


def test_a_deputy_stays_when_whom_it_acts_for_has_a_new_key_and_falls_with_that_one() -> None:
    story = Story(REQUEST + OFFER)
    acting = granted(story, deputy(currency="", per_act=None, total=None))
    new = granted(story, grant(Duty.ORDERING, officer_key=key_of("new"), replaces=ORDERING))
    own = granted(story, replace(acting.body, officer_key=key_of("deputy"), replaces=acting.ref.index))
    order = ordered_by(story, own.ref.index)
    assert (story.order().state, told(story)) == ("ordered", [])
    revoke = story.logs.revoke(JP, new.ref.index, cuts=[(writer_of(JP), order.ref.index)])
    story.fold.extend([revoke])
    assert told(story) == [("warrant-revoked", order.ref)]
    the_same_in_any_order(story)


def test_a_warrant_and_its_rotation_are_one_officer() -> None:
    story = Story(REQUEST + OFFER)
    certifier = OFFICERS[Duty.FUNDS_CERTIFIER]
    body = Story(REQUEST + OFFER + ORDER).entry("R1").body
    twins = [granted(story, grant(duty, officer_key=key_of("twin"))) for duty in (Duty.ORDERING, Duty.FUNDS_CERTIFIER)]
    one = replace(body, who=twins[0].ref.index, funds_certifier=twins[1].ref.index)
    same = story.say(JP, one, on=story.names["F1"], t=at("2027-03-03"))
    assert told(story) == [("same-officer", same.ref)]
    story.say(JP, replace(one, funds_certifier=certifier), on=story.names["F1"], t=at("2027-03-03"))
    assert story.order().state == "ordered"
    the_same_in_any_order(story)


@pytest.mark.parametrize("signs_with_the_new_key", [True, False])
def test_nobody_certifies_for_themselves_under_another_key(signs_with_the_new_key: bool) -> None:
    story = Story(REQUEST + OFFER)
    new = granted(story, grant(Duty.ORDERING, officer_key=key_of("new"), replaces=ORDERING)).ref.index
    body = Story(REQUEST + OFFER + ORDER).entry("R1").body
    who, certifier = (new, ORDERING) if signs_with_the_new_key else (ORDERING, new)
    unseen = () if signs_with_the_new_key else (EntryRef(JP, new),)
    order = replace(body, who=who, funds_certifier=certifier)
    said = story.say(JP, order, on=story.names["F1"], t=at("2027-03-03"), unseen=unseen)
    assert told(story) == [("same-officer", said.ref)]
    assert dict(story.findings[0].facts)["certifier"] == certifier
    the_same_in_any_order(story)


# ---- writers


def writer(name: str, **changes: object) -> Grant:
    return grant(post=name, key=key_of(name), **changes)


def on_ship(story: Story, ship: int, *, serial: int, limit: int, who: int = ORDERING) -> Entry:
    """The ship asks, gets an offer and orders; returns the order."""
    told_before = Story(REQUEST + OFFER + ORDER)
    asked, offer, order = (told_before.entry(name).body for name in ("O1", "F1", "R1"))
    logs = story.logs
    request = logs.say(ship, replace(asked, serial=serial), t=at("2027-03-01"))
    given = logs.say(writer_of(IN), offer, on=request.ref, t=at("2027-03-02"))
    # Of the other ships it has seen nothing since they sailed.
    seen = {log: logs.size(log) for log in (JP, IN, writer_of(IN))}
    said = logs.say(ship, replace(order, who=who, max_liability=limit), on=given.ref, t=at("2027-03-03"), seen=seen)
    story.fold.extend([request, given, said])
    return said


def test_two_ships_offline_never_commit_more_than_their_grants_together() -> None:
    story = Story("")
    ships = [log_id(granted(story, writer(name, currency="INR", total=300_000)).ref.index, JP) for name in ("a", "b")]
    serial = 0
    for _ in range(4):
        for ship in ships:
            serial += 1
            on_ship(story, ship, serial=serial, limit=120_000 + serial)
    committed = sum(order.max_liability for order in story.record.orders.values() if order.state == "ordered")
    assert 0 < committed <= 2 * 300_000
    assert {finding.code for finding in story.findings} == {"over-total-ceiling"}
    named = {dict(finding.facts)["post"] for finding in story.findings}
    assert named == {"a", "b"}  # each finding names the warrant that was used up
    the_same_in_any_order(story)


def test_the_total_of_a_writer_counts_every_officer() -> None:
    story = Story("")
    ship = log_id(granted(story, writer("a", currency="INR", total=200_000)).ref.index, JP)
    second = granted(story, grant(Duty.ORDERING, post="Second"))
    on_ship(story, ship, serial=1, limit=150_000)
    over = on_ship(story, ship, serial=2, limit=110_000, who=second.ref.index)
    assert told(story) == [("over-total-ceiling", over.ref)]
    the_same_in_any_order(story)


def test_a_writers_ceiling_in_another_currency_allows_nothing() -> None:
    story = Story("")
    ship = log_id(granted(story, writer("a", currency="JPY", total=10**9)).ref.index, JP)
    order = on_ship(story, ship, serial=1, limit=150_000)
    assert told(story) == [("warrant-currency", order.ref)]


def test_a_ships_new_log_carries_on_what_the_old_one_had_used() -> None:
    story = Story("")
    old = granted(story, writer("ship", currency="INR", total=300_000))
    on_ship(story, log_id(old.ref.index, JP), serial=1, limit=200_000)
    new = granted(story, writer("ship, new key", currency="INR", total=300_000, replaces=old.ref.index))
    log = log_id(new.ref.index, JP)
    logs = story.logs
    seen_old = {log_id(old.ref.index, JP): logs.size(log_id(old.ref.index, JP))}
    asked, offer, order = (Story(REQUEST + OFFER + ORDER).entry(name).body for name in ("O1", "F1", "R1"))
    request = logs.say(log, replace(asked, serial=2), t=at("2027-03-05"))
    given = logs.say(writer_of(IN), offer, on=request.ref, t=at("2027-03-05"))
    said = logs.say(log, replace(order, max_liability=100_001), on=given.ref, t=at("2027-03-06"))
    assert said.seen.items() >= seen_old.items()
    story.fold.extend([request, given, said])
    assert told(story) == [("over-total-ceiling", said.ref)]
    assert dict(story.findings[0].facts)["amount"] == 300_001
    late = logs.say(log_id(old.ref.index, JP), replace(asked, serial=3), t=at("2027-03-07"))
    story.fold.extend([late])
    assert told(story)[1:] == [("warrant-replaced", late.ref)]
    assert dict(story.findings[1].facts)["post"] == "ship"
    the_same_in_any_order(story)


def test_what_a_ship_had_not_seen_of_its_old_log_does_not_count() -> None:
    """Its writer cannot have known; whoever copied an old log knows only that far."""
    story = Story(REQUEST + OFFER)
    old = granted(story, writer("ship", currency="INR", total=300_000))
    order = Story(REQUEST + OFFER + ORDER).entry("R1").body
    logs, old_log = story.logs, log_id(old.ref.index, JP)
    logs.say(old_log, order, on=story.names["F1"], t=at("2027-03-03"))  # its very first act commits it to 2000.00
    new = granted(story, writer("ship, new key", currency="INR", total=300_000, replaces=old.ref.index))
    log = log_id(new.ref.index, JP)
    for seen_of_old, amount in ((0, None), (1, 400_000)):
        seen = {other: logs.size(other) for other in (JP, IN, writer_of(JP), writer_of(IN))}
        seen |= {old_log: 1} if seen_of_old else {}
        asked = Story(REQUEST).entry("O1").body
        request = logs.say(log, replace(asked, serial=5 + seen_of_old), t=at("2027-03-04"), seen=seen)
        given = logs.say(writer_of(IN), Story(REQUEST + OFFER).entry("F1").body, on=request.ref, t=at("2027-03-04"))
        seen[writer_of(IN)] = logs.size(writer_of(IN))
        limit = 300_000 if amount is None else 100_000  # the second comes on top of the first
        said = logs.say(log, replace(order, max_liability=limit), on=given.ref, t=at("2027-03-05"), seen=seen)
        story.fold.extend(logs.entries)
        over = [dict(f.facts)["amount"] for f in story.findings if f.entry == said.ref]
        assert over == ([] if amount is None else [600_000])


def test_a_writers_log_ends_with_its_warrant() -> None:
    story = Story("")
    ship = log_id(granted(story, writer("a", until=parse_day("2027-02-28"))).ref.index, JP)
    request = story.logs.say(ship, Story(REQUEST).entry("O1").body, t=at("2027-03-01"))
    story.fold.extend([request])
    assert told(story) == [("warrant-ended", request.ref)]


# ---- training, and what a revocation vouches for


def test_an_untrained_officer_is_told_where_the_terms_ask_for_training() -> None:
    genesis = genesis_of(terms_with(training=(Duty.ORDERING,)))
    limits = {(JP, Duty.ORDERING): {"trained_on": parse_day("2027-03-04")}}
    story = Story(REQUEST + OFFER + ORDER, genesis=genesis, limits=limits)
    assert told(story) == [("not-trained", story.names["R1"])]
    assert story.order().state == "ordered"
    limits = {(JP, Duty.ORDERING): {"trained_on": parse_day("2027-03-03")}}
    assert told(Story(REQUEST + OFFER + ORDER, genesis=genesis, limits=limits)) == []
    assert told(Story(REQUEST + OFFER + ORDER)) == []  # these terms do not ask
    only_for_fuel = genesis_of(terms_with(training=(Duty.INSPECTOR,)))  # who also inspects orders without it
    limits = {(JP, Duty.ORDERING): {"duties": (Duty.ORDERING, Duty.INSPECTOR)}}
    assert told(Story(REQUEST + OFFER + ORDER, genesis=only_for_fuel, limits=limits)) == []


def test_training_is_asked_of_who_requests_and_of_who_lists_prices_too() -> None:
    genesis = genesis_of(terms_with(training=(Duty.REQUESTER, Duty.BILLING)))
    story = Story(REQUEST + OFFER, genesis=genesis)
    assert told(story) == [("not-trained", story.names["O1"])]
    assert story.order().state == "offered"
    lines = (PriceListLine("WATR", "water", "", "TNE", 185_000_000, ()),)
    days = (parse_day("2027-01-01"), parse_day("2027-12-31"))
    said = PriceList(OFFICERS[Duty.BILLING], "PL-1", "INR", *days, PriceBasis.OWN_FORCES, lines)
    listed = story.logs.say(writer_of(IN), said, t=at("2027-03-05"))
    trial = story.fold.trial(listed)
    assert (trial.void, [finding.code for finding in trial.findings]) == (False, ["not-trained"])
    story.fold.extend([listed])
    assert told(story)[-1] == ("not-trained", listed.ref)
    assert [known.ref for known in story.fold.record.price_lists] == [listed.ref]


def test_a_revocation_that_vouches_for_another_history_is_told() -> None:
    story = Story(REQUEST + OFFER)
    roots = {(writer_of(IN), 1): bytes(32)}
    right = story.logs.revoke(IN, OFFICERS[Duty.ACCEPTING], cuts=[(writer_of(IN), 1)])
    beyond = story.logs.revoke(IN, OFFICERS[Duty.BILLING], cuts=[(writer_of(IN), 9)])  # more than it had seen
    assert fold(GENESIS, story.entries, lambda log, size: roots[log, size]).findings == ()
    other = fold(GENESIS, story.entries, lambda _log, _size: b"x" * 32)
    assert [(f.code, f.entry) for f in other.findings] == [("revocation-root-differs", right.ref)]
    assert beyond.ref not in {f.entry for f in other.findings}
    assert {order.state for order in other.orders.values()} == {"offered"}


def test_a_long_line_of_rotations_comes_to_an_end() -> None:
    story = Story("")
    number = ORDERING
    for turn in range(200):
        number = granted(story, grant(Duty.ORDERING, officer_key=key_of(str(turn)), replaces=number)).ref.index
    assert [(f.code, dict(f.facts)["because"]) for f in story.findings] == [("rotation-not-possible", "too many")]


# ---- a revocation, in every causal position (protocol invariant: the same verdict on all nodes)


@pytest.mark.parametrize("who", ["officer", "deputy", "writer"])
@pytest.mark.parametrize("cut", ["before it", "after it", "none"])
@pytest.mark.parametrize("act", ["had not seen it", "had seen it"])
@pytest.mark.parametrize("answer", ["none", "before it heard", "after it heard"])
def test_a_revocation_bites_by_what_each_side_had_seen(who: str, cut: str, act: str, answer: str) -> None:
    story = Story(REQUEST + OFFER, limits=LIMITS)
    acting = granted(story, deputy())
    signer = acting.ref.index if who == "deputy" else ORDERING
    size = story.logs.size(writer_of(JP))
    cuts = {"before it": [(writer_of(JP), size)], "after it": [(writer_of(JP), size + 1)], "none": []}[cut]
    revoke = story.logs.revoke(JP, WRITER if who == "writer" else ORDERING, cuts=cuts)
    story.fold.extend([revoke])
    order = ordered_by(story, signer, unseen=() if act == "had seen it" else (revoke.ref,))
    if answer != "none":
        unseen = [revoke.ref] if answer == "before it heard" else []
        body = Story(AGREED).entry("A1").body
        seen = {JP: story.logs.size(JP), IN: story.logs.size(IN), writer_of(JP): size + 1}
        if unseen:
            seen[JP] = revoke.ref.index
        if act == "had seen it":
            seen[JP] = story.logs.size(JP)  # whoever holds the order holds what it had seen
        acceptance = story.logs.say(writer_of(IN), body, on=order.ref, t=at("2027-03-04"), seen=seen)
        story.fold.extend([acceptance])
    relied = answer == "before it heard" and act == "had not seen it"
    bites = act == "had seen it" or (cut == "before it" and not relied)
    assert (("warrant-revoked", order.ref) in told(story)) is bites
    assert story.order().state == ("offered" if bites else "agreed" if answer != "none" else "ordered")
    the_same_in_any_order(story)
