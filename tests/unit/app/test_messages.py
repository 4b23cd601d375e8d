"""Every code has its words, every word has its code, and the words name only facts that are there."""

import pytest
from tools import reference

from tallystick.app.messages import MESSAGES, fill, message, readable, sentence
from tallystick.core.findings import FINDINGS

RAISED = reference.raised()
DEFAULTS = {default for _, default in reference.error_classes().values()}
USED = {r.code for r in RAISED} | DEFAULTS | reference.codes_in_tables() | FINDINGS.keys()


def test_the_search_finds_what_is_raised():
    """If it found nothing, the tests below would hold for an empty table."""
    found = {(r.code, r.cls) for r in RAISED}
    assert {("no-node-here", "LocalError"), ("field-missing", "FieldError"), ("gap", "GapError")} <= found
    assert "store-full" in reference.codes_in_tables()


def test_every_code_has_words():
    assert sorted(USED - MESSAGES.keys()) == []


def test_all_words_are_used():
    assert sorted(MESSAGES.keys() - USED) == []


@pytest.mark.parametrize("code", sorted(MESSAGES))
def test_words_are_whole_sentences(code):
    told = MESSAGES[code]
    assert told.happened[0].isupper() or told.happened[0] in "“{", told.happened
    for text in (told.happened, told.remedy):
        assert not text or text[-1] in ".:}", text


def test_words_name_only_facts_given_wherever_the_error_is_made():
    missing = [
        f"{r.where}: {r.code} lacks {sorted(reference.slots(MESSAGES[r.code]) - r.facts)}"
        for r in RAISED
        if r.facts is not None and r.code in MESSAGES and reference.slots(MESSAGES[r.code]) - r.facts
    ]
    assert missing == []


def test_facts_fill_the_sentence():
    assert sentence("no-node-here", {"folder": "/srv/jp"}) == (
        "There is no node in /srv/jp. Name its folder with --node, or make one with: tallystick init."
    )


def test_a_missing_fact_is_shown_and_does_not_hide_the_error():
    assert sentence("no-node-here").startswith("There is no node in ‹folder›.")


def test_an_unknown_code_still_says_something():
    assert "code from-the-future" in message("from-the-future").happened


def test_amounts_days_and_codes_are_told_in_a_readers_terms():
    facts = {"amount": 165000, "ceiling": 100000, "currency": "INR", "until": 20819, "kind": 17, "one": 3, "price": 5}
    assert readable(facts) == {
        "amount": "INR 1650.00",
        "ceiling": "INR 1000.00",
        "currency": "INR",
        "until": "2027-01-01",
        "kind": "funds received",
        "one": "ordering",
        "price": "0.000005",
    }


def test_an_amount_without_its_currency_stays_as_it_is():
    assert readable({"amount": 165000}) == {"amount": 165000}


def test_a_partners_text_is_not_taken_for_a_template():
    assert fill("It says {text}.", {"text": "{folder}"}) == "It says {folder}."
