"""Every alarm has its code, its evidence and its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.nodes import paired, request
from tests.wrong import break_fold, diverge, three_orders

from tallystick.app import alarms, attest, exchange
from tallystick.app.alarms import Alarm, Sort
from tallystick.app.messages import fill, message
from tallystick.app.restored import Why
from tallystick.cli.demo.director import Director
from tallystick.core.errors import LocalError, RemoteError
from tallystick.stores.sql import SqlStore

DAY = 86_400


def words(alarm: Alarm) -> str:
    told = message(alarm.code)
    text = fill(told.happened, alarm.facts) + fill(told.remedy, alarm.facts)
    assert "‹" not in text, text
    return text


def test_all_is_quiet_between_two_honest_nodes(director: Director):
    three_orders(director)
    assert alarms.gather(director.desk("JP")) == ()


def test_a_divergence_is_one_alarm_whose_words_follow_what_is_known(director: Director):
    diverge(director)
    desk, partner = director.desk("JP"), director.desk("IN")
    (alarm,) = alarms.standing(desk)
    assert (alarm.sort, alarm.code, alarm.party, alarm.grave) == (Sort.DIVERGENCE, "divergence", "IN", True)
    assert "comes to another record" in words(alarm)
    attest.name_order(desk, partner.log, lambda asked: attest.answer(partner, asked))
    (alarm,) = alarms.standing(desk)
    assert alarm.code == "divergence-order"
    assert alarm.order is not None
    assert desk.record.orders[alarm.order].number in words(alarm)


def test_an_alarm_put_away_stays_listed_and_comes_back_when_it_begins_anew(director: Director):
    diverge(director)
    desk = director.desk("JP")
    (alarm,) = alarms.standing(desk)
    alarms.put_away(desk, alarm.id)
    assert alarms.standing(desk) == ()
    assert [a.seen_at for a in alarms.gather(desk)] == [director.clock.now()]

    right = type(director.desk("JP").fold)
    director.clock.instant += DAY
    request(director)
    director.exchange()
    break_fold(director.desk("IN"), right)
    attest.attest_if_due(director.desk("IN"))
    director.exchange()
    attest.compare(desk)
    assert alarms.gather(desk) == (), "they agree again"

    director.clock.instant += DAY
    request(director)
    director.exchange()
    break_fold(director.desk("IN"))
    attest.attest_if_due(director.desk("IN"))
    director.exchange()
    attest.compare(desk)
    assert [a.seen_at for a in alarms.gather(desk)] == [None]


def test_there_must_be_an_alarm_to_put_away(director: Director):
    with pytest.raises(LocalError, match="no-such-alarm"):
        alarms.put_away(director.desk("JP"), "fork-1")


def test_alarms_survive_a_restart(tmp_path: Path):
    director = paired(tmp_path)
    diverge(director)
    desk = director.desk("JP")
    before = alarms.gather(desk)
    assert isinstance(desk.store, SqlStore)
    desk._reload()
    assert alarms.gather(desk) == before != ()


def test_refused_bytes_are_alarms_with_the_code_of_the_refusal_and_can_be_fetched(director: Director):
    desk = director.desk("JP")
    with pytest.raises(RemoteError):
        exchange.receive(desk, b"\x85 what is this")
    desk.store.set_aside(None, b"of a stranger", "wrong-agreement", {}, at=1)
    (alarm,) = alarms.standing(desk)
    assert (alarm.sort, alarm.code, alarm.grave) == (Sort.REFUSED, "malformed-bytes", False)
    words(alarm)
    aside = alarms.refused_bytes(desk, alarm.digest)
    assert aside is not None
    assert (aside.body, alarm.size) == (b"\x85 what is this", len(aside.body))
    assert alarms.refused_bytes(desk, bytes(32)) is None
    alarms.put_away(desk, alarm.id)
    director.clock.instant += DAY
    with pytest.raises(RemoteError):
        exchange.receive(desk, b"\x85 what is this")
    assert alarms.standing(desk) == (), "the same bytes again say nothing new"


def test_what_keeps_this_node_from_signing_is_listed_and_told_by_its_own_words(director: Director):
    desk = director.desk("JP")
    desk.mark_restored(Why.RESTORED)
    (alarm,) = alarms.gather(desk)
    assert (alarm.sort, alarm.code, alarm.at) == (Sort.NODE, "restored-not-heard", director.clock.now())
    words(alarm)
    assert alarms.standing(desk) == (), "every page says it anyway"
