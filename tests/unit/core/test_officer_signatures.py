"""When an act carries its officer's own signature, and what comes of one that is missing or wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.cast import IN, JP, OFFICERS, at, genesis_of, staffed, terms_with, writer_of
from tests.scenario import Story

from tallystick.core import cose, signing
from tallystick.core.agreement import Genesis, OfficerSigns
from tallystick.core.canonical import encode_trusted
from tallystick.core.entries import Correction, Countersign, Duty, Entry, Note, Reason, Redact, Segment, to_array
from tallystick.core.fold import Fold, fold

SEED = {party: bytes([party + 1]) * 32 for party in (JP, IN)}
KEYS = {party: signing.public_key(seed) for party, seed in SEED.items()}
REQUEST = '2027-03-01 JP request O1 of IN: 1 FOOD 100 KGM "fresh provisions"\n'
OFFER = "2027-03-02 IN offer F1 on O1 INR until 2027-04-30: 1 100 @ 10.00\n"
ORDER = "2027-03-03 JP order R1 on F1 limit 2000.00\n"
ACCEPTANCE = "2027-03-04 IN accept A1 on R1\n"
DELIVERY = "2027-03-05 IN deliver D1 on A1: 1 100\n2027-03-06 JP receive E1 on D1\n"
INVOICE = "2027-03-07 IN invoice I1 on A1 for E1: 1 1000.00\n"
PAID = REQUEST + OFFER + ORDER + ACCEPTANCE + DELIVERY + INVOICE
OWN = set(Duty) - {Duty.FUNDS_CERTIFIER}  # one key on two warrants is one officer, and the certifier is another
WITH_KEYS = {(party, duty): {"officer_key": KEYS[party]} for party in (JP, IN) for duty in OWN}
ALWAYS = genesis_of(terms_with(officer_signs=OfficerSigns.ALWAYS))
NEVER = genesis_of(terms_with(officer_signs=OfficerSigns.NEVER))
ABOVE = genesis_of()


def signing_as(genesis: Genesis, party: int) -> Callable[[Entry], bytes]:
    def sign(entry: Entry) -> bytes:
        return cose.envelope(signing.sign(SEED[party], cose.to_be_signed(cose.payload(genesis.space_id, entry))))

    return sign


def told(story: Story) -> list[tuple[str, str]]:
    return [(finding.code, story.name_of(finding.entry)) for finding in story.findings]


def act(story: Story, party: int, name: str, text: str, *, on: str, sign: bool, day: str = "2027-03-10") -> Entry:
    """Say by ``party`` what the act called ``name`` in ``text`` says."""
    body = Story(text).entry(name).body
    how = signing_as(story.genesis, party) if sign else None
    entry = story.say(party, body, on=story.names[on], t=at(day), sign=how)
    story.names[name] = entry.ref
    return entry


def test_never_asks_nobody() -> None:
    story = Story(REQUEST + OFFER + ORDER + ACCEPTANCE, genesis=NEVER, limits=WITH_KEYS)
    assert (story.order().state, story.findings) == ("agreed", ())


def test_always_asks_for_every_act_of_commitment_and_settlement() -> None:
    story = Story(REQUEST + OFFER, genesis=ALWAYS, limits=WITH_KEYS)
    act(story, JP, "R1", REQUEST + OFFER + ORDER, on="F1", sign=False)
    assert told(story) == [("officer-signature-missing", "R1")]
    assert dict(story.findings[0].facts) == {
        "who": OFFICERS[Duty.ORDERING], "warrant": f"0.{OFFICERS[Duty.ORDERING]}", "post": "Contracting officer, JP",
        "kind": 5,
    }  # fmt: skip
    assert story.order().state == "offered"
    act(story, JP, "R1", REQUEST + OFFER + ORDER, on="F1", sign=True)
    assert story.order().state == "ordered"
    act(story, IN, "A1", REQUEST + OFFER + ORDER + ACCEPTANCE, on="R1", sign=False)
    assert story.order().state == "ordered"
    act(story, IN, "A1", REQUEST + OFFER + ORDER + ACCEPTANCE, on="R1", sign=True, day="2027-03-04")
    assert story.order().state == "agreed"
    # Amendment, its countersignature and no other: a cancellation commits to nothing.
    amended = REQUEST + OFFER + ORDER + ACCEPTANCE + "2027-03-05 JP amend M1 on A1: 1 90 @ 10.00\n"
    act(story, JP, "M1", amended, on="A1", sign=False)
    assert told(story)[-1] == ("officer-signature-missing", "M1")
    act(story, JP, "M1", amended, on="A1", sign=True)
    signed_by_both = amended + "2027-03-06 IN countersign C1 on M1\n"
    act(story, IN, "C1", signed_by_both, on="M1", sign=False)
    assert (told(story)[-1], story.order().version) == (("officer-signature-missing", "C1"), 1)
    act(story, IN, "C1", signed_by_both, on="M1", sign=True)
    assert story.order().version == 2
    cancelled = REQUEST + OFFER + ORDER + ACCEPTANCE + "2027-03-07 JP cancel K1 on A1\n"
    act(story, JP, "K1", cancelled, on="A1", sign=False)
    act(story, IN, "C2", cancelled + "2027-03-08 IN countersign C2 on K1\n", on="K1", sign=False)
    assert story.order().state == "cancelled"
    whole = fold(ALWAYS, story.entries)
    backwards = Fold(ALWAYS)
    for entry in reversed(story.entries):
        backwards.extend([entry])
    assert (backwards.record.digest, backwards.record.findings) == (whole.digest, whole.findings)


def above(per_act: int, currency: str = "INR", party: int = JP) -> Story:
    """Return the story of an offer, written by nodes of which that of ``party`` has a ceiling for one act."""
    story = Story("", limits=WITH_KEYS)
    logs = staffed(ABOVE, limits=WITH_KEYS, writers={party: {"currency": currency, "per_act": per_act}})
    story.logs, story.fold = logs, Fold(ABOVE)
    story.fold.extend(logs.entries)
    for line in (REQUEST + OFFER).splitlines():
        story._do(line)
    return story


def test_above_the_writers_ceiling_the_officer_signs() -> None:
    story = above(200_000)
    act(story, JP, "R1", REQUEST + OFFER + ORDER, on="F1", sign=False)
    assert (story.order().state, told(story)) == ("ordered", [])
    story = above(199_999)
    act(story, JP, "R1", REQUEST + OFFER + ORDER, on="F1", sign=False)
    assert told(story) == [("officer-signature-missing", "R1")]
    act(story, JP, "R1", REQUEST + OFFER + ORDER, on="F1", sign=True)
    assert story.order().state == "ordered"
    story = above(10**9, "JPY")
    act(story, JP, "R1", REQUEST + OFFER + ORDER, on="F1", sign=False)
    assert told(story) == [("officer-signature-missing", "R1")]  # a ceiling in another currency covers nothing


def test_under_never_the_writers_ceiling_is_the_last_word() -> None:
    story = above(199_999)
    genesis = NEVER
    reading = Fold(genesis)
    order = act(story, JP, "R1", REQUEST + OFFER + ORDER, on="F1", sign=False)
    reading.extend(story.entries)
    (finding,) = reading.record.findings
    assert (finding.code, finding.entry) == ("over-act-ceiling", order.ref)
    assert dict(finding.facts)["warrant"] == "0.1"


def test_a_correction_does_not_slip_past_the_signature() -> None:
    story = above(200_000)
    order = act(story, JP, "R1", REQUEST + OFFER + ORDER, on="F1", sign=False)
    raised = Correction(OFFICERS[Duty.ORDERING], encode_trusted(to_array(replace(order.body, max_liability=200_001))))
    story.names["Q1"] = story.say(JP, raised, on=order.ref, t=at("2027-03-11")).ref
    assert told(story) == [("officer-signature-missing", "Q1")]
    assert story.order().max_liability == 200_000
    story.say(JP, raised, on=order.ref, t=at("2027-03-11"), sign=signing_as(ABOVE, JP))
    assert story.order().max_liability == 200_001


def test_a_dearer_offer_is_not_countersigned_without_the_signature() -> None:
    story = above(200_000)
    act(story, JP, "R1", REQUEST + OFFER + ORDER, on="F1", sign=False)
    dearer = story.entry("F1").body
    dearer = replace(dearer, lines=tuple(replace(line, price_micro=30_000_000) for line in dearer.lines))
    correction = Correction(OFFICERS[Duty.ACCEPTING], encode_trusted(to_array(dearer)))
    story.names["Q1"] = story.say(IN, correction, on=story.names["F1"], t=at("2027-03-11")).ref
    agreed = Countersign(OFFICERS[Duty.ORDERING])
    story.names["K1"] = story.say(JP, agreed, on=story.names["Q1"], t=at("2027-03-12")).ref
    assert told(story) == [("officer-signature-missing", "K1")]
    story.say(JP, agreed, on=story.names["Q1"], t=at("2027-03-12"), sign=signing_as(ABOVE, JP))
    assert story.order().lines[0].order_value == 300_000


def test_what_arrived_is_signed_for_by_its_amount() -> None:
    story = above(99_999, party=IN)
    for line in (ORDER + DELIVERY + INVOICE).splitlines():
        if "deliver" in line:
            act(story, IN, "A1", REQUEST + OFFER + ORDER + ACCEPTANCE, on="R1", sign=True, day="2027-03-04")
        story._do(line)
    funds = PAID + "2027-03-20 IN funds N1 on I1 1000.00\n"
    act(story, IN, "N1", funds, on="I1", sign=False, day="2027-03-20")
    assert (told(story), story.order().state) == ([("officer-signature-missing", "N1")], "fulfilled")
    act(story, IN, "N1", funds, on="I1", sign=True, day="2027-03-20")
    assert story.order().state == "settled"
    taken_back = Correction(OFFICERS[Duty.BILLING], b"")
    story.names["Q1"] = story.say(IN, taken_back, on=story.names["N1"], t=at("2027-03-21")).ref
    assert told(story)[-1] == ("officer-signature-missing", "Q1")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda entry: b"",
        lambda entry: cose.envelope(bytes(64)),
        signing_as(ABOVE, IN),
        signing_as(ALWAYS, JP),  # made for another agreement
        lambda entry: signing_as(ABOVE, JP)(replace(entry, t=entry.t + 60)),
        lambda entry: signing_as(ABOVE, JP)(replace(entry, core_hash=bytes(32))),
        lambda entry: signing_as(ABOVE, JP)(replace(entry, obj=None)),
    ],
)
def test_a_signature_that_does_not_fit_makes_any_act_void(spoil: Callable[[Entry], bytes]) -> None:
    story = Story(REQUEST + OFFER, limits=WITH_KEYS)
    order = replace(Story(REQUEST + OFFER + ORDER).entry("R1").body)
    story.names["R1"] = story.say(JP, order, on=story.names["F1"], t=at("2027-03-03"), sign=spoil).ref
    assert told(story) == [("officer-signature-wrong", "R1")]
    note = Note(OFFICERS[Duty.ORDERING])
    story.names["N1"] = story.say(JP, note, on=story.names["F1"], t=at("2027-03-03"), sign=spoil).ref
    assert ("officer-signature-wrong", "N1") in told(story)
    asked = replace(Story(REQUEST).entry("O1").body, serial=7)
    story.names["O2"] = story.say(JP, asked, t=at("2027-03-03"), sign=lambda entry: spoil(entry)[:-1]).ref
    assert ("officer-signature-wrong", "O2") in told(story)


def test_a_signature_needs_a_key_in_the_warrant() -> None:
    story = Story(REQUEST + OFFER)
    act(story, JP, "R1", REQUEST + OFFER + ORDER, on="F1", sign=True)
    assert told(story) == [("officer-signature-wrong", "R1")]


def test_nobody_who_stole_the_writers_key_signs_for_the_officer() -> None:
    """The thief has the node, not the officer's key: what needs it cannot be written, whatever else can."""
    story = above(100_000)
    act(story, JP, "R1", REQUEST + OFFER + ORDER, on="F1", sign=False)
    stolen = replace(Story(REQUEST + OFFER + ORDER).entry("R1").body, max_liability=10**9)
    story.names["R2"] = story.say(JP, stolen, on=story.names["F1"], t=at("2027-03-11"), sign=signing_as(ABOVE, IN)).ref
    assert [code for code, _ in told(story)] == ["officer-signature-missing", "officer-signature-wrong"]
    assert story.order().state == "offered"
    assert story.logs.size(writer_of(JP)) == 3


def test_a_signature_that_all_agreed_to_erase_counts_as_given() -> None:
    """The erasure leaves the order as it is; a signature that just did not come does not count."""
    story = above(199_999)
    order = act(story, JP, "R1", REQUEST + OFFER + ORDER, on="F1", sign=True)
    asked = Redact(order.ref, int(Segment.AUTH), Reason.NOT_STATED, b"")
    wishes = [story.logs.say(party, asked, t=at("2027-03-12")) for party in (JP, IN)]
    for told_by, code in ((wishes, None), (wishes[:1], None)):
        record = fold(ABOVE, [*(e for e in story.entries if e not in wishes), *told_by])
        assert [f.code for f in record.findings] == ([code] if code else [])
        assert record.orders[story.names["O1"]].state == "ordered"
    withheld = [replace(e, auth=None, missing=Segment.AUTH) if e.ref == order.ref else e for e in story.entries]
    assert fold(ABOVE, withheld).digest == fold(ABOVE, story.entries).digest
    without = [e for e in withheld if e not in wishes]
    assert [f.code for f in fold(ABOVE, without).findings] == ["officer-signature-missing"]


def test_what_an_officer_signed_once_counts_once() -> None:
    """The signature does not name the index: a thief of the writer's key could append it again and again."""
    story = Story(PAID, limits=WITH_KEYS)
    funds = PAID + "2027-03-20 IN funds N1 on I1 400.00\n"

    def say(name: str, *, sign: bool = True, day: str = "2027-03-20") -> None:
        act(story, IN, "N1", funds, on="I1", sign=sign, day=day)
        story.names[name] = story.names["N1"]

    say("first")
    first = story.names["first"]
    say("second")
    say("third")
    del story.names["N1"]
    assert told(story) == [("short-payment", "first"), ("already-decided", "second"), ("already-decided", "third")]
    story.say(IN, Correction(OFFICERS[Duty.BILLING], b""), on=first, t=at("2027-03-21"), sign=signing_as(ABOVE, IN))
    say("after it was taken back")
    say("on another day", day="2027-03-22")
    say("by the writer alone", sign=False)
    del story.names["N1"]
    void = {story.name_of(f.entry): dict(f.facts) for f in story.findings if f.code == "already-decided"}
    assert void == {name: {"by": str(first)} for name in ("second", "third", "after it was taken back")}
    backwards = Fold(ABOVE)
    for entry in reversed(story.entries):
        backwards.extend([entry])
    assert backwards.record.digest == story.record.digest


def test_what_was_signed_and_all_agreed_to_restate_is_not_taken_for_another_act() -> None:
    """Of what is gone nobody can tell whether it was the same: two deliveries of one minute both go on counting."""
    story = Story(REQUEST + OFFER + ORDER + ACCEPTANCE, limits=WITH_KEYS)
    deliveries = Story(PAID.replace(": 1 100\n", ": 1 40\n")).entry("D1").body
    restated = encode_trusted(to_array(replace(deliveries, place="INVTZ")))
    for serial, place in enumerate(("JPSSB", "INBOM")):
        body = replace(deliveries, place=place)
        said = story.say(IN, body, on=story.names["A1"], t=at("2027-03-05"), sign=signing_as(ABOVE, IN))
        story.names[f"D{serial}"] = said.ref
    asked = [Redact(story.names[name], int(Segment.CORE), Reason.NOT_STATED, restated) for name in ("D0", "D1")]
    story.fold.extend([story.logs.say(party, body, t=at("2027-03-12")) for body in asked for party in (JP, IN)])
    assert "already-decided" not in {finding.code for finding in story.findings}
    assert story.order().lines[0].delivered == 80_000


def test_a_signed_act_without_its_remark_waits_for_it() -> None:
    """The signature covers the remark too: while that is kept back nobody can check it, and nobody erased it."""
    story = Story(REQUEST + OFFER, limits=WITH_KEYS)
    order = act(story, JP, "R1", REQUEST + OFFER + ORDER, on="F1", sign=True)
    kept_back = [replace(e, missing=Segment.DETAIL) if e.ref == order.ref else e for e in story.entries]
    record = fold(ABOVE, kept_back)
    assert [(f.code, f.entry) for f in record.findings] == [("withheld", order.ref)]
    assert record.orders[story.names["O1"]].state == "offered"
