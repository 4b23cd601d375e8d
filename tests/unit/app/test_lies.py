"""What a partner who means harm can put into its bundles: each is refused, told or passed over, by a code of its own.

Broken and forged bytes are in ``test_exchange`` (``BAD``), two histories beside them, wrong acts in ``core``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.nodes import again, agreed, delivered, held, in_step, paired, received, request, roots

from tallystick.app import attest, exchange, node, ports
from tallystick.app.node import Desk
from tallystick.cli.demo.cast import by_duty
from tallystick.cli.demo.director import Director
from tallystick.core import drafting
from tallystick.core.entries import (
    Attest,
    Body,
    Cut,
    Draft,
    Duty,
    Fork,
    Note,
    Offer,
    OfferLine,
    PriceBasis,
    Reason,
    Revoke,
)
from tallystick.core.errors import RemoteError
from tallystick.core.fold import PROFILE
from tallystick.core.identity import EntryRef
from tallystick.core.space import Space
from tallystick.stores import rules

DAY = 86_400


def says(
    desk: Desk, body: Body, on: EntryRef | None = None, *, t: int | None = None, log: int | None = None
) -> EntryRef:
    """Let the node say what its own program would not let it say."""
    where = desk.log if log is None else log
    draft = Draft(body, obj=on, t=t)
    admission = desk.space.draft(where, [draft], desk.clock.now(), desk.epoch_key(where))
    desk.commit(admission)
    return admission.entries[-1].ref


def news(director: Director) -> bytes:
    """Return what India's node has to say to Japan's."""
    india = director.desk("IN")
    return b"".join(exchange.news_for(india, director.desk("JP").space.sizes()))


# ---- told: it is signed, so it is kept, and both sides find the same


def _by_a_revoked_writer(director: Director) -> EntryRef:
    """The key of India's node is taken back by its own administration, and whoever has it signs on."""
    accepted = agreed(director)
    director.exchange()
    india = director.desk("IN")
    grant = india.log // 16
    cut = Cut(india.log, india.space.size(india.log), india.space.root(india.log, india.space.size(india.log)))
    says(india, Revoke(grant, (cut,), Reason.NOT_STATED), log=india.admin_log)
    return says(india, Note(director.grants["IN", "patel"]), accepted)


def _dated_back(director: Director) -> EntryRef:
    """An offer on today's request that says it was there last month."""
    asked = request(director)
    director.exchange()
    india = director.desk("IN")
    lines = (OfferLine(1, 100_000, 96_500_000),)
    valid = director.clock.now() // DAY + 30
    body = Offer(
        director.grants["IN", by_duty("IN", Duty.ACCEPTING).login],
        "INR",
        valid,
        "ENC",
        PriceBasis.OWN_FORCES,
        None,
        lines,
    )
    return says(india, body, asked, t=director.clock.now() - 30 * DAY)


def _in_the_name_of_nobody(director: Director) -> EntryRef:
    accepted = agreed(director)
    director.exchange()
    return says(director.desk("IN"), Note(999), accepted)


def _a_fork_that_is_none(director: Director) -> EntryRef:
    japan = director.desk("JP").log
    return says(director.desk("IN"), Fork(japan, 0, bytes(32), "a note", (), bytes(32), "another", ()))


def _an_attestation_of_what_nobody_has(director: Director) -> EntryRef:
    return says(director.desk("IN"), Attest(attest.sizes_to_attest(director.desk("IN")), PROFILE, bytes(32), bytes(32)))


TOLD: dict[str, tuple[Callable[[Director], EntryRef], str]] = {
    "an act by a revoked writer": (_by_a_revoked_writer, "warrant-revoked"),
    "a date before what it answers": (_dated_back, "dated-before-seen"),
    "an officer nobody appointed": (_in_the_name_of_nobody, "no-warrant"),
    "evidence that shows no fork": (_a_fork_that_is_none, "fork-not-shown"),
}


@pytest.mark.parametrize("what", TOLD)
def test_what_is_signed_and_false_is_told_on_both_nodes_by_its_code(director: Director, what: str):
    lie, code = TOLD[what]
    ref = lie(director)
    director.exchange()
    assert in_step(director)
    for party in ("JP", "IN"):
        found = [finding.code for finding in director.desk(party).record.findings if finding.entry == ref]
        assert found == [code], party


def test_a_false_attestation_is_an_alarm_and_no_finding(director: Director):
    director.clock.instant += DAY
    _an_attestation_of_what_nobody_has(director)
    director.exchange()
    desk = director.desk("JP")
    assert attest.compare(desk)
    (compared,) = attest.all_compared(desk).values()
    assert compared.result is attest.Result.DIFFERS
    assert desk.record.findings == ()


# ---- passed over: it says nothing new


def test_what_was_said_before_is_passed_over_however_often_it_comes(director: Director):
    accepted = agreed(director)
    director.exchange()
    delivered(director, accepted, "40")
    first = news(director)
    exchange.receive(director.desk("JP"), first)
    received(director, delivered(director, accepted, "60"), "60")
    director.exchange()
    desk = director.desk("JP")
    before, digest = held(desk.store, desk.id), desk.record.digest
    for _ in range(3):
        assert exchange.receive(desk, first).leaves == 0
    assert (held(desk.store, desk.id), desk.record.digest, desk.store.aside()) == (before, digest, ())


# ---- left out: it comes from whoever has it


def left_out(desk: Desk, *refs: EntryRef) -> bytes:
    """Return all that this node holds, as somebody passes it on who leaves out the text of some entries."""
    loaded = desk.store.load(desk.id)
    bare = [leaf._replace(core=None, detail=None) if EntryRef(*leaf[:2]) in refs else leaf for leaf in loaded.leaves]
    relay = Space.restore(
        desk.genesis, bare, loaded.epoch_keys, loaded.checkpoints, dictionary=desk.space.codec.dictionary
    )
    return b"".join(relay.compose_all({}, desk.sign_checkpoint))


@pytest.mark.parametrize("visitor", ["JP", "IN"])
def test_text_that_was_left_out_on_the_way_is_asked_for_and_the_records_are_equal(tmp_path: Path, visitor: str):
    """A courier brings Japan's request without its text. Both hold the same leaves, so neither would say anything."""
    director = paired(tmp_path)
    asked = request(director)
    japan, india = director.desk("JP"), director.desk("IN")
    exchange.receive(india, left_out(japan, asked))
    assert [finding.code for finding in india.record.findings] == ["withheld"]
    exchange.acknowledge(india)
    exchange.receive(japan, b"".join(exchange.news_for(india, japan.space.sizes())))
    assert roots(japan) == roots(india)
    assert japan.record.digest != india.record.digest

    caller, other = director.desk(visitor), director.desk("IN" if visitor == "JP" else "JP")
    posts = []

    def post(body: bytes, holds: str) -> exchange.Reply:
        posts.append(body)
        return exchange.answer(other, body, caller.keys.public("writer"), holds)

    def visit() -> None:
        exchange.sync(caller, post, other.keys.public("writer"), holds=exchange.sizes_digest(other))

    visit()
    assert in_step(director)
    assert india.record.findings == ()
    assert again(director.nodes["IN"]).desk().record.digest == japan.record.digest
    posts.clear()
    visit()
    assert posts == [b""]


def test_text_that_was_left_out_makes_no_program_wrong(director: Director):
    """The node that lacks it would come to another record: it neither attests nor compares before it has it."""
    asked = request(director)
    japan, india = director.desk("JP"), director.desk("IN")
    director.clock.instant += 2 * DAY
    assert attest.attest_if_due(japan) is not None
    exchange.receive(india, left_out(japan, asked))
    assert attest.attest_if_due(india) is None
    assert not attest.compare(india)
    (compared,) = attest.all_compared(india).values()
    assert compared.result is attest.Result.NOT_HELD
    exchange.receive(india, left_out(japan))
    assert attest.attest_if_due(india) is not None
    exchange.receive(japan, b"".join(exchange.news_for(india, japan.space.sizes())))
    assert not attest.compare(japan)
    (compared,) = attest.all_compared(japan).values()
    assert compared.result is attest.Result.SAME


def test_text_that_another_process_takes_in_is_read_by_a_node_that_runs(tmp_path: Path):
    """As when ``bundle read`` has it while ``serve`` runs: no log grows by it."""
    director = paired(tmp_path)
    asked = request(director)
    japan, india = director.desk("JP"), director.desk("IN")
    exchange.receive(india, left_out(japan, asked))
    running = again(director.nodes["IN"]).desk()
    assert [finding.code for finding in running.record.findings] == ["withheld"]
    exchange.receive(india, left_out(japan))
    running.refresh()
    assert running.record.findings == ()
    before = running.space
    running.refresh()
    assert running.space is before


def test_text_that_comes_bit_by_bit_does_not_keep_a_node_busy(director: Director, monkeypatch: pytest.MonkeyPatch):
    """Each time all is read again, so there is an end to it until tomorrow; what is new is taken in all the same."""
    monkeypatch.setattr(node, "FILLS_MAX", 2)
    asked = [request(director) for _ in range(4)]
    japan, india = director.desk("JP"), director.desk("IN")
    exchange.receive(india, left_out(japan, *asked))
    missing = [asked[1:], asked[2:], asked[3:], []]
    for rest in missing[:3]:
        exchange.receive(india, left_out(japan, *rest))
    assert [finding.entry for finding in india.record.findings] == asked[2:]
    request(director)
    assert exchange.receive(india, left_out(japan)).leaves
    assert [finding.entry for finding in india.record.findings] == asked[2:]
    director.clock.instant += DAY
    exchange.receive(india, left_out(japan))
    assert india.record.findings == ()


def test_who_has_left_it_out_is_asked_once_a_day(director: Director):
    asked = request(director)
    japan, india = director.desk("JP"), director.desk("IN")
    exchange.receive(india, left_out(japan, asked))
    exchange.acknowledge(india)
    key = japan.keys.public("writer")
    spoken: list[int] = []

    def answers_without(body: bytes, _holds: str) -> exchange.Reply:
        spoken.append(len(body))
        return exchange.Reply(left_out(japan, asked), exchange.sizes_digest(india))

    for seconds in (0, 3_600, exchange.ASK_AGAIN_SECONDS):
        director.clock.instant += seconds
        exchange.sync(india, answers_without, key, holds=exchange.sizes_digest(india))
    director.clock.instant -= 365 * DAY  # a clock that was a year ahead is put right
    exchange.sync(india, answers_without, key, holds=exchange.sizes_digest(india))
    asks, silent, again_asks, after_all = spoken
    assert asks == again_asks == after_all > silent == 0
    assert [finding.code for finding in india.record.findings] == ["withheld"]


# ---- refused: it leaves no trace but the bytes set aside


def test_a_text_beyond_the_limit_is_refused(director: Director, monkeypatch: pytest.MonkeyPatch):
    accepted = agreed(director)
    director.exchange()
    india = director.desk("IN")
    monkeypatch.setattr(drafting, "SEGMENT_MAX", 2**24)
    draft = Draft(Note(director.grants["IN", "patel"]), obj=accepted, detail={1: "x" * (128 * 1024)})
    india.commit(india.space.draft(india.log, [draft], india.clock.now(), india.epoch_key(india.log)))
    bundle = news(director)
    monkeypatch.undo()

    desk = director.desk("JP")
    before = held(desk.store, desk.id)
    with pytest.raises(RemoteError) as refused:
        exchange.receive(desk, bundle)
    assert refused.value.code == "too-large"
    assert held(desk.store, desk.id) == before
    assert [aside.code for aside in desk.store.aside()] == ["too-large"]


def test_early_bundles_are_refused_when_the_box_is_full(director: Director, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rules, "WAITING_BUNDLES_MAX", 3)
    monkeypatch.setattr(ports, "WAITING_BUNDLES_MAX", 3)
    accepted = agreed(director)
    director.exchange()
    india, desk = director.desk("IN"), director.desk("JP")
    delivered(director, accepted, "1")
    early = []
    for _ in range(4):
        known = india.space.sizes()
        delivered(director, accepted, "1")
        early += exchange.news_for(india, known)
    for bundle in early[:3]:
        assert exchange.receive(desk, bundle).waiting
    with pytest.raises(RemoteError) as refused:
        exchange.receive(desk, early[3])
    assert refused.value.code == "waiting-full"
