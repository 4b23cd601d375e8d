"""What claims of time can be shown to contradict each other."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from tests.cast import IN, JP, OFFICERS, Logs, at, genesis_of, staffed, terms_with, writer_of
from tests.scenario import Story

from tallystick.core.entries import Duty, Entry, Note
from tallystick.core.findings import FINDINGS, Weight
from tallystick.core.fold import fold
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
