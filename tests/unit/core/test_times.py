"""What claims of time can be shown to contradict each other."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import permutations

import pytest
from tests.cast import IN, JP, OFFICERS, Logs, at, genesis_of, staffed, terms_with, writer_of
from tests.scenario import Story

from tallystick.core.entries import Duty, Entry, Note
from tallystick.core.findings import FINDINGS, Weight
from tallystick.core.fold import fold
from tallystick.core.identity import log_id
from tallystick.core.times import AFTER_WITNESS, BEFORE_SEEN, contradictions

REQUEST = '2027-03-01 JP request O1 of IN: 1 FOOD 100 KGM "fresh provisions"\n'
OFFER = "{} IN offer F1 on O1 INR until 2027-04-30: 1 100 @ 10.00\n"
ORDER = "{} JP order R1 on F1 limit 2000.00\n"


def claims(*said: tuple[int, int, tuple[int, ...]]) -> list[Entry]:
    """Build notes from (party, claimed time, places in this list not seen)."""
    logs = Logs()
    made: list[Entry] = []
    for party, t, unseen in said:
        refs = [made[place].ref for place in unseen]
        made.append(logs.say(writer_of(party), Note(OFFICERS[Duty.AUDITOR]), t=t, unseen=refs))
    return made


def told(entries: list[Entry], tolerance: int = 60) -> list[tuple[str, int, int]]:
    order = sorted(entries, key=lambda entry: entry.order_key)
    found = contradictions(order, tolerance)
    return sorted([(code, entries.index(e), entries.index(o)) for code, e, o in found], key=lambda told: told[1:])


def test_claims_that_follow_what_was_seen_are_not_told() -> None:
    assert told(claims((JP, 100, ()), (IN, 200, ()), (JP, 300, ()))) == []


def test_clocks_may_differ_by_the_tolerance() -> None:
    assert told(claims((JP, 100, ()), (IN, 40, ()))) == []
    assert told(claims((JP, 100, ()), (IN, 39, ()))) == [(AFTER_WITNESS, 0, 1), (BEFORE_SEEN, 1, 0)]


def test_an_old_document_that_travelled_for_weeks_is_within_its_bounds() -> None:
    weeks = 30 * 86_400
    assert told(claims((JP, 100, ()), (IN, weeks, ()), (JP, 200, (1,)), (IN, weeks + 60, ()))) == []


def test_a_party_may_contradict_itself_without_being_told_here() -> None:
    """Two nodes of one party, or a clock set right: their order among themselves is no matter of the other side."""
    assert told(claims((JP, 10_000, ()), (JP, 100, ()), (IN, 10_000, ()))) == []


def test_the_newest_claim_seen_and_the_oldest_witness_count() -> None:
    assert told(claims((IN, 5000, ()), (IN, 9000, ()), (JP, 100, (1,)))) == [(AFTER_WITNESS, 0, 2), (BEFORE_SEEN, 2, 0)]
    found = told(claims((JP, 9000, ()), (IN, 5000, ()), (IN, 4000, ())))
    assert found == [(AFTER_WITNESS, 0, 1), (BEFORE_SEEN, 1, 0), (BEFORE_SEEN, 2, 0)]


def by_definition(entries: list[Entry], tolerance: int) -> list[tuple[str, Entry, Entry]]:
    """docs/spec/orders.md, "Time", word for word: every entry against every word of the other party."""

    def claim(entry: Entry) -> tuple[int, tuple[int, int, int]]:
        return entry.t, entry.order_key

    found = []
    for entry in entries:
        others = [other for other in entries if other.party != entry.party]
        logs = {other.ref.log for other in others}
        seen, saw = [], []
        for log in logs:
            of_log = sorted((other for other in others if other.ref.log == log), key=lambda other: other.ref)
            seen += sorted((o for o in of_log if entry.had_seen(o.ref)), key=lambda o: (-o.t, o.ref))[:1]
            saw += [o for o in of_log if o.had_seen(entry.ref)][:1]
        if seen and (newest := max(seen, key=claim)).t - tolerance > entry.t:
            found.append((BEFORE_SEEN, entry, newest))
        if saw and (first := min(saw, key=claim)).t + tolerance < entry.t:
            found.append((AFTER_WITNESS, entry, first))
    return found


def test_what_is_told_is_what_the_definition_says_whatever_the_clocks_claim() -> None:
    """Two nodes of each party, clocks that jump, words not yet seen: four hundred small histories."""
    told = set()
    for seed in range(400):
        dice = random.Random(seed)
        logs, made = Logs(), []
        known: dict[int, dict[int, int]] = {}
        for _ in range(dice.randint(2, 9)):
            writer = log_id(dice.randint(1, 2), dice.choice((JP, IN)))
            seen = known.setdefault(writer, {})
            for entry in made:  # who sees an entry sees what its writer had seen, and never forgets it
                if entry.ref.log != writer and dice.random() < 0.4:
                    for log, size in {**entry.seen, entry.ref.log: entry.ref.index + 1}.items():
                        if log != writer:
                            seen[log] = max(size, seen.get(log, 0))
            note = Note(OFFICERS[Duty.AUDITOR])
            made.append(logs.say(writer, note, t=60 * dice.randint(0, 6), seen=dict(seen)))
        order = sorted(made, key=lambda entry: entry.order_key)
        found = contradictions(order, 60)
        places = {(code, made.index(e), made.index(o)) for code, e, o in found}
        assert len(places) == len(found)
        assert places == {(code, made.index(e), made.index(o)) for code, e, o in by_definition(made, 60)}, seed
        told |= {code for code, _, _ in found}
    assert told == {BEFORE_SEEN, AFTER_WITNESS}


@pytest.mark.parametrize(
    ("date", "of_order", "of_offer"),
    [("2027-03-05", [BEFORE_SEEN], [AFTER_WITNESS]), ("2027-03-21", [], [])],
    ids=["dated back", "in time"],
)
def test_a_date_before_what_it_answers_is_told_and_the_act_counts(
    date: str, of_order: list[str], of_offer: list[str]
) -> None:
    story = Story(REQUEST + OFFER.format("2027-03-20") + ORDER.format(date) + "-> O1 ordered")
    assert (story.codes("R1"), story.codes("F1")) == (of_order, of_offer)


def test_both_claims_are_in_the_facts() -> None:
    story = Story(REQUEST + OFFER.format("2027-03-20") + ORDER.format("2027-03-05"))
    (finding,) = [f for f in story.findings if f.code == BEFORE_SEEN]
    assert dict(finding.facts) == {
        "claimed": at("2027-03-05"), "other": str(story.names["F1"]), "other_claimed": at("2027-03-20"),
    }  # fmt: skip
    assert FINDINGS[BEFORE_SEEN] is FINDINGS[AFTER_WITNESS] is Weight.FLAG


def test_the_tolerance_is_a_term_of_the_agreement() -> None:
    told = REQUEST + OFFER.format("2027-03-20") + ORDER.format("2027-03-19")
    day = genesis_of(terms_with(clock_tolerance_seconds=86_400))
    assert [f.code for f in Story(told).findings] == [AFTER_WITNESS, BEFORE_SEEN]
    assert Story(told, genesis=day).findings == ()


def test_what_does_not_count_is_not_told_twice() -> None:
    story = Story(REQUEST + OFFER.format("2027-03-20") + ORDER.format("2027-03-05").replace("F1 ", "O1 "))
    assert story.codes("R1") == ["unknown-object"]


def test_a_late_witness_narrows_the_bounds_of_its_own_order_alike_in_every_order_of_arrival() -> None:
    story = Story(REQUEST + OFFER.format("2027-03-20") + ORDER.format("2027-03-05"))
    said = [story.entry(name) for name in ("O1", "F1", "R1")]
    base = staffed(story.genesis).entries
    expected = story.record.digest
    for arrival in permutations(said):
        assert fold(story.genesis, [*base, *arrival]).digest == expected
    honest = replace(said[2], t=at("2027-03-21"))
    assert fold(story.genesis, [*base, *said[:2], honest]).digest != expected
