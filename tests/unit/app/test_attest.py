"""Two programs that hold the same entries say so, or say at once that they do not agree and on which order."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from tests.nodes import agreed, in_step, request
from tests.unit.app.test_exchange import two_histories
from tests.wrong import break_fold, three_orders

from tallystick.app import attest, exchange, timekeeping, write
from tallystick.app.attest import ATTEST_SECONDS, Result
from tallystick.app.node import Desk
from tallystick.app.restored import Why
from tallystick.cli.demo.director import Director
from tallystick.core import canonical
from tallystick.core.entries import Attest, Cut, Draft, Entry, Held, Reason, Redact, Revoke, Segment
from tallystick.core.errors import MalformedBytesError, RemoteError
from tallystick.core.fold import BUCKETS, PROFILE, Fold
from tallystick.core.identity import EntryRef

DAY = 86_400


def a_day(director: Director) -> None:
    director.clock.instant += DAY


def attests(desk: Desk) -> dict[int, Attest]:
    return {log: entry.body for log, entry in desk.fold.attests.items()}


def ours(director: Director, party: str) -> Attest | None:
    desk = director.desk(party)
    return attests(desk).get(desk.log)


def settle(director: Director) -> None:
    """Exchange and compare until nobody has anything to say, as two nodes' workers do."""
    for _ in range(4):
        director.exchange()
        for party in ("JP", "IN"):
            attest.compare(director.desk(party))
    director.exchange()


def result(director: Director, party: str) -> attest.Compared:
    """Return what ``party`` knows of the other's attestations."""
    (compared,) = attest.all_compared(director.desk(party)).values()
    return compared


# ---- when


def test_nothing_is_attested_within_a_day_of_the_adoption(director: Director):
    request(director)
    director.clock.instant = director.desk("JP").space.entry(EntryRef(0, 0)).t + ATTEST_SECONDS - 60
    assert attest.attest_if_due(director.desk("JP")) is None
    director.clock.instant += 60
    assert attest.attest_if_due(director.desk("JP")) is not None


def test_a_node_attests_once_a_day_and_only_when_something_was_said(director: Director):
    three_orders(director)
    a_day(director)
    desk = director.desk("JP")
    assert attest.attest_if_due(desk) is not None
    a_day(director)
    assert attest.attest_if_due(desk) is None, "nothing was said since"
    request(director)
    assert attest.attest_if_due(desk) is not None
    request(director)
    assert attest.attest_if_due(desk) is None, "a day has not passed"


def test_an_attestation_is_no_news_to_attest(director: Director):
    """Else two idle nodes would answer each other for ever."""
    three_orders(director)
    sizes = []
    for _ in range(5):
        a_day(director)
        for party in ("JP", "IN"):
            attest.attest_if_due(director.desk(party))
        settle(director)
        sizes.append(director.desk("JP").space.sizes())
    assert sizes[0] == sizes[-1]
    assert in_step(director)


def test_a_clock_that_was_months_ahead_does_not_stop_attesting(director: Director):
    request(director)
    desk = director.desk("JP")
    director.clock.instant += 300 * DAY
    assert attest.attest_if_due(desk) is not None
    timekeeping.say_it_is_right(director.nodes["JP"])
    director.clock.instant -= 299 * DAY
    timekeeping.say_it_is_right(director.nodes["JP"])
    request(director)
    assert attest.attest_if_due(desk) is not None


def test_a_clock_that_cannot_be_right_attests_nothing(director: Director):
    request(director)
    director.clock.instant += 20 * 365 * DAY
    assert attest.attest_if_due(director.desk("JP")) is None


def test_a_node_that_came_back_from_a_backup_attests_nothing(director: Director):
    request(director)
    a_day(director)
    desk = director.desk("JP")
    desk.mark_restored(Why.RESTORED)
    assert attest.attest_if_due(desk) is None


def test_it_names_what_is_held_up_to_the_last_act(director: Director):
    three_orders(director)
    a_day(director)
    desk = director.desk("JP")
    before = desk.space.sizes()
    entry = attest.attest_if_due(desk)
    assert entry is not None
    body = entry.body
    assert isinstance(body, Attest)
    assert (body.profile, body.state, body.ledger) == (PROFILE, desk.record.digest, desk.record.ledger.digest)
    for held in body.logs:
        assert desk.space.is_act(held.log, held.size - 1)
        assert not any(desk.space.is_act(held.log, index) for index in range(held.size, before[held.log]))
    assert len(desk.space.stored(entry.ref).core) < 130


def test_an_attestation_changes_nothing_in_the_record(director: Director):
    three_orders(director)
    a_day(director)
    desk = director.desk("JP")
    before = desk.record.digest
    attest.attest_if_due(desk)
    assert desk.record.digest == before
    assert desk.record.findings == ()


# ---- agreement


def test_nodes_that_agree_remember_when_they_last_did(director: Director):
    three_orders(director)
    a_day(director)
    for party in ("JP", "IN"):
        attest.attest_if_due(director.desk(party))
    settle(director)
    for party in ("JP", "IN"):
        compared = result(director, party)
        assert (compared.result, compared.same_at, compared.differs) == (Result.SAME, director.clock.now(), None)


def test_what_was_said_since_does_not_spoil_the_comparison(director: Director):
    three_orders(director)
    a_day(director)
    attest.attest_if_due(director.desk("JP"))
    director.exchange()
    request(director)
    request(director)
    director.exchange()
    assert ours(director, "JP").state != director.desk("IN").record.digest
    attest.compare(director.desk("IN"))
    assert result(director, "IN").result is Result.SAME


def test_a_revocation_that_vouches_for_another_history_is_no_divergence(director: Director):
    """What was attested is read again with the same eyes: the roots of the logs too."""
    desk = director.desk("IN")
    agreed(director)
    cut = Cut(desk.log, desk.space.size(desk.log), bytes(32))
    write.sign(desk, Draft(Revoke(director.grants["IN", "nair"], (cut,), Reason.NOT_STATED)))
    assert "revocation-root-differs" in {finding.code for finding in desk.record.findings}
    a_day(director)
    attest.attest_if_due(desk)
    director.exchange()
    request(director)
    attest.compare(director.desk("JP"))
    assert result(director, "JP").result is Result.SAME


def test_a_comparison_is_made_once(director: Director):
    three_orders(director)
    a_day(director)
    attest.attest_if_due(director.desk("JP"))
    director.exchange()
    attest.compare(director.desk("IN"))
    at = result(director, "IN").at
    a_day(director)
    attest.compare(director.desk("IN"))
    assert result(director, "IN").at == at


# ---- divergence


def test_a_bug_in_one_fold_is_told_on_both_nodes_and_names_the_first_order(
    director: Director, caplog: pytest.LogCaptureFixture
):
    orders = three_orders(director)
    break_fold(director.desk("IN"))
    assert director.desk("IN").record.digest != director.desk("JP").record.digest
    a_day(director)
    with caplog.at_level(logging.ERROR, "tallystick.alarms"):
        attest.attest_if_due(director.desk("JP"))
        settle(director)
    assert "attests other digests" in caplog.text

    assert ours(director, "IN").logs == ours(director, "JP").logs, "the answer is about the same entries"
    for party, other in (("JP", "IN"), ("IN", "JP")):
        desk, partner = director.desk(party), director.desk(other)
        assert result(director, party).result is Result.DIFFERS
        assert attest.name_order(desk, partner.log, lambda asked, at=partner: attest.answer(at, asked))
        differs = result(director, party).differs
        assert differs is not None
        assert (differs.order, differs.orders, differs.books_differ) == (str(orders[1]), 2, True)
        assert differs.number == desk.record.orders[orders[1]].number
        assert not attest.name_order(desk, partner.log, lambda _asked: b"not asked twice")


def test_the_alarm_is_raised_from_the_node_with_the_bug_too(director: Director):
    three_orders(director)
    break_fold(director.desk("JP"))
    a_day(director)
    attest.attest_if_due(director.desk("JP"))
    settle(director)
    assert [result(director, party).result for party in ("JP", "IN")] == [Result.DIFFERS] * 2


def test_two_nodes_that_differ_do_not_answer_each_other_for_ever(director: Director):
    three_orders(director)
    break_fold(director.desk("IN"))
    a_day(director)
    for party in ("JP", "IN"):
        attest.attest_if_due(director.desk(party))
    settle(director)
    sizes = director.desk("JP").space.sizes()
    for _ in range(3):
        a_day(director)
        for party in ("JP", "IN"):
            attest.attest_if_due(director.desk(party))
        settle(director)
    assert director.desk("JP").space.sizes() == sizes


def test_a_divergence_is_found_when_both_have_gone_on(director: Director):
    """The entries of that day are read again, with the same bug."""
    orders = three_orders(director)
    break_fold(director.desk("IN"))
    a_day(director)
    attest.attest_if_due(director.desk("JP"))
    director.exchange()
    agreed(director, quantity="900")
    attest.compare(director.desk("IN"))
    settle(director)
    for party, other in (("JP", "IN"), ("IN", "JP")):
        partner = director.desk(other)
        assert attest.name_order(director.desk(party), partner.log, lambda asked, at=partner: attest.answer(at, asked))
        differs = result(director, party).differs
        assert differs is not None
        assert (differs.order, differs.orders) == (str(orders[1]), 2)


def test_it_ends_when_a_later_attestation_agrees(director: Director):
    three_orders(director)
    right = type(director.desk("IN").fold)
    break_fold(director.desk("IN"))
    a_day(director)
    attest.attest_if_due(director.desk("JP"))
    settle(director)
    first = result(director, "JP").differs
    assert first is not None

    a_day(director)
    request(director)
    attest.attest_if_due(director.desk("IN"))
    settle(director)
    again = result(director, "JP").differs
    assert again is not None
    assert (again.entry, again.at) == (first.entry, first.at), "one trouble, told since when"

    break_fold(director.desk("IN"), right)  # the program was mended
    a_day(director)
    request(director)
    for party in ("JP", "IN"):
        attest.attest_if_due(director.desk(party))
    settle(director)
    assert [result(director, party).differs for party in ("JP", "IN")] == [None, None]


def test_what_is_told_beside_the_orders_may_differ_alone(director: Director):
    class ForgetfulFold(Fold):
        def _desk_findings(self, price_lists):
            return ()

    desk = director.desk("JP")
    three_orders(director)
    say(desk, Revoke(99, (), Reason.NOT_STATED), desk.admin_log)  # of no grant: write.sign would refuse it
    director.exchange()
    break_fold(director.desk("IN"), ForgetfulFold)
    a_day(director)
    attest.attest_if_due(desk)
    settle(director)
    partner = director.desk("IN")
    assert attest.name_order(desk, partner.log, lambda asked: attest.answer(partner, asked))
    differs = result(director, "JP").differs
    assert differs is not None
    assert (differs.asked, differs.order, differs.orders, differs.books_differ) == (True, "", 0, False)


# ---- what cannot be compared


def say(desk: Desk, body: Attest | Redact | Revoke, log: int | None = None) -> Entry:
    where = desk.log if log is None else log
    admission = desk.space.draft(where, [Draft(body)], desk.clock.now(), desk.epoch_key(where))
    desk.commit(admission)
    return admission.entries[-1]


def test_a_program_with_other_rules_is_no_alarm(director: Director):
    three_orders(director)
    desk = director.desk("JP")
    say(desk, Attest(attest.sizes_to_attest(desk), "tallystick-record-9", bytes(32), bytes(32)))
    settle(director)
    compared = result(director, "IN")
    assert (compared.result, compared.profile, compared.differs) == (
        Result.OTHER_PROFILE, "tallystick-record-9", None,
    )  # fmt: skip
    assert ours(director, "IN") is None


def test_entries_that_are_not_here_cannot_be_compared(director: Director):
    desk = director.desk("JP")
    say(desk, Attest((Held(desk.log, 10_000),), PROFILE, bytes(32), bytes(32)))
    settle(director)
    assert result(director, "IN").result is Result.NOT_HELD


@pytest.mark.parametrize("segment", Segment)
def test_what_was_erased_since_cannot_be_compared_until_the_next_attestation(director: Director, segment: Segment):
    three_orders(director)
    a_day(director)
    desk = director.desk("JP")
    attest.attest_if_due(desk)
    target = next(iter(desk.record.orders))
    for party in ("JP", "IN"):
        one = director.desk(party)
        say(one, Redact(target, int(segment), Reason.ENTERED_IN_ERROR, b""), one.admin_log)
    director.exchange()
    attest.compare(director.desk("IN"))
    assert result(director, "IN").result is Result.SUPERSEDED
    a_day(director)
    for party in ("JP", "IN"):
        attest.attest_if_due(director.desk(party))
    settle(director)
    assert [result(director, party).result for party in ("JP", "IN")] == [Result.SAME] * 2


def test_after_a_fork_both_come_to_the_same(tmp_path: Path):
    director, twin = two_histories(tmp_path)
    a_day(director)
    attest.attest_if_due(director.desk("IN"))  # on the history that will stand; not heard before the fork is known
    copy = twin.desk("IN")
    known = exchange.known_by_partner(copy, director.nodes["JP"].keys.public("writer"))
    with pytest.raises(RemoteError, match="fork"):
        exchange.receive(director.desk("JP"), b"".join(exchange.news_for(copy, known)))
    for _ in range(2):
        director.exchange()
    a_day(director)
    request(director)
    assert attest.attest_if_due(director.desk("JP")) is not None
    settle(director)
    assert attest.all_compared(director.desk("IN"))[director.desk("JP").log].result is Result.SAME
    for party in ("JP", "IN"):
        assert [one.differs for one in attest.all_compared(director.desk(party)).values() if one.differs] == []


def test_a_node_that_attests_without_end_is_compared_a_few_times_a_day(director: Director):
    three_orders(director)
    desk, india = director.desk("JP"), director.desk("IN")
    seen = []
    for _ in range(attest.COMPARED_MAX + 3):
        say(india, Attest(attest.sizes_to_attest(india), PROFILE, bytes(32), bytes(32)))
        director.exchange()
        attest.compare(desk)
        seen.append(result(director, "JP").index)
    assert len(set(seen)) == attest.COMPARED_MAX
    a_day(director)
    attest.compare(desk)
    assert result(director, "JP").index > seen[-1]


# ---- the question for digests


def test_only_what_was_attested_is_answered(director: Director):
    three_orders(director)
    desk = director.desk("IN")
    asked = attest.question([(held.log, held.size) for held in attest.sizes_to_attest(desk)], desk.record)
    with pytest.raises(RemoteError, match="not-attested"):
        attest.answer(desk, asked)
    a_day(director)
    attest.attest_if_due(desk)
    assert attest.answer(desk, asked) == canonical.encode([PROFILE, [], []]), "nothing differs"


@pytest.mark.parametrize(
    "asked",
    [b"", b"\x01", canonical.encode([]), canonical.encode([[1], [b""] * BUCKETS]), canonical.encode([[1, 2], [b""]]),
     canonical.encode([[1, "2"], [b""] * BUCKETS]), canonical.encode([[1, 2], [0] * BUCKETS])],
)  # fmt: skip
def test_a_question_that_does_not_read_is_refused(director: Director, asked: bytes):
    with pytest.raises(MalformedBytesError):
        attest.answer(director.desk("IN"), asked)


@pytest.mark.parametrize(
    "told",
    [b"", canonical.encode(["other", [], []]), canonical.encode([PROFILE, [BUCKETS], []]),
     canonical.encode([PROFILE, [], [[1, 2]]]), canonical.encode([PROFILE, [], [[1, 2, "x"]]])],
)  # fmt: skip
def test_an_answer_that_does_not_read_is_refused_and_asked_for_again(director: Director, told: bytes):
    three_orders(director)
    break_fold(director.desk("IN"))
    a_day(director)
    attest.attest_if_due(director.desk("JP"))
    settle(director)
    desk, partner = director.desk("JP"), director.desk("IN")
    with pytest.raises(MalformedBytesError):
        attest.name_order(desk, partner.log, lambda _asked: told)
    assert attest.name_order(desk, partner.log, lambda asked: attest.answer(partner, asked))
