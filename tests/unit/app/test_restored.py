"""A node that came back from a backup signs nothing before it has heard itself, and then goes on without a fork.

Invariant I14. Every way back is tried: the partner's node visits or is visited, courier files there and back, a sister
node of the same party; and what must not open the logs: an old file, half of the answer, a stranger's word.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.nodes import again, agreed, delivered, in_step, make_node, paired, request, roots
from tests.unit.app.test_exchange import Line

from tallystick.app import courier, exchange, health, read, recover, restored, write
from tallystick.app.node import Desk, Node
from tallystick.app.restored import Why
from tallystick.cli.demo.director import Director
from tallystick.core.bundle import read_envelope, split_sequence
from tallystick.core.entries import Draft, Grant, Note
from tallystick.core.errors import ForkError, LocalError
from tallystick.stores import open_store
from tallystick.stores.node import HIGH_WATER

LOST = ["10", "20", "30"]  # delivered after the backup, and gone with India's disk


def put_back(director: Director, party: str, backup: Path) -> Desk:
    """Put an old copy of the database in the place of the present one, by hand."""
    node = director.nodes[party]
    node.store.close()
    for suffix in ("-wal", "-shm"):
        (node.settings.folder / f"node.db{suffix}").unlink(missing_ok=True)
    shutil.copyfile(backup, node.settings.folder / "node.db")
    director.nodes[party] = again(node)
    return director.desk(party)


@pytest.fixture
def director(tmp_path: Path) -> Director:
    """India has accepted an order and delivered in three parts since its backup; Japan has heard of all."""
    director = paired(tmp_path)
    director.accepted = agreed(director)
    director.exchange()
    director.nodes["IN"].store.backup(tmp_path / "backup.db")
    for quantity in LOST:
        delivered(director, director.accepted, quantity)
    director.exchange()
    return director


@pytest.fixture
def india(director: Director, tmp_path: Path) -> Desk:
    return put_back(director, "IN", tmp_path / "backup.db")


def refused(desk: Desk, draft: Draft | None = None) -> str:
    desk.refresh()
    before = desk.space.sizes()
    codes = set()
    for attempt in (write.sign, write.preview):
        with pytest.raises(LocalError) as error:
            attempt(desk, draft or Draft(Note(who=0)))
        codes.add(error.value.code)
    assert desk.space.sizes() == before == desk.store.sizes(desk.id)
    (code,) = codes
    return code


def goes_on(director: Director, line: Line) -> None:
    """Whoever was restored signs again, and both read the same from it; nothing was refused anywhere."""
    assert director.desk("IN").restored is None
    delivered(director, director.accepted, "1")
    line.sync()
    assert in_step(director)
    assert [aside.code for node in director.nodes.values() for aside in node.store.aside()] == []


def grant(key: bytes | None) -> Draft:
    nothing = {"currency": "", "per_act": None, "total": None, "until": None, "trained_on": None}
    return Draft(Grant(post="JS Izumo", key=key, age_recipient="", duties=(), **nothing))


# ---- noticed


def test_an_old_copy_put_back_by_hand_is_noticed(india: Desk):
    assert india.restored is not None
    assert india.restored.why is Why.BEHIND
    assert refused(india) == "restored-not-heard"
    assert refused(india, grant(bytes(32))) == "restored-not-heard"  # the admin log is closed too


def test_an_old_copy_under_a_running_node_is_noticed(director: Director, tmp_path: Path):
    india = director.desk("IN")
    (india.store._driver.path.parent / "node.db-wal").unlink(missing_ok=True)
    (tmp_path / "backup.db").replace(india.store._driver.path)
    assert refused(india) == "restored-not-heard"


def test_without_the_mark_the_partners_visit_tells(director: Director, tmp_path: Path):
    """A snapshot of the whole machine was put back: the folder knows nothing either."""
    node = director.nodes["IN"]
    (node.settings.folder / HIGH_WATER).unlink()
    india = put_back(director, "IN", tmp_path / "backup.db")
    assert india.restored is None
    exchange.receive(india, b"".join(exchange.news_for(director.desk("JP"), india.space.sizes())))
    assert india.restored is not None
    assert india.restored.why is Why.HEARD
    Line(director).sync()
    goes_on(director, Line(director))


def test_another_process_that_signs_meanwhile_makes_no_old_copy(director: Director, monkeypatch: pytest.MonkeyPatch):
    other = again(director.nodes["IN"])
    load = other.store.load

    def loaded_before_the_other_signed(space: bytes):
        found = load(space)
        delivered(director, director.accepted, "1")
        return found

    monkeypatch.setattr(other.store, "load", loaded_before_the_other_signed)
    assert other.desk().restored is None
    assert other.desk().space.sizes() != director.desk("IN").space.sizes()


def test_a_node_that_is_not_behind_remembers_nothing(director: Director):
    for party in ("JP", "IN"):
        assert again(director.nodes[party]).desk().restored is None


def test_the_state_survives_a_restart_and_is_kept_whole(india: Desk, director: Director):
    india.question_for(b"k" * 32)
    india.not_reached(b"t" * 32)
    state = again(director.nodes["IN"]).desk().restored
    assert state == india.restored
    assert state.questions.keys() == {b"k" * 32}
    assert state.tried == {b"t" * 32}
    assert restored.Restored.from_bytes(state.to_bytes()) == state


def test_without_this_the_log_would_fork(india: Desk, director: Director):
    """What is prevented: the same node, with the fact forgotten."""
    restored.keep(india.store, india.id, None)
    india.high_water = None
    delivered(director, director.accepted, "99")
    with pytest.raises(ForkError):
        exchange.receive(director.desk("JP"), b"".join(exchange.news_for(india, {})))


# ---- online


@pytest.mark.parametrize("caller", ["JP", "IN"])
def test_one_visit_brings_back_what_was_lost(director: Director, india: Desk, caller: str):
    before = roots(director.desk("JP"))
    line = Line(director, caller)
    line.sync()
    assert {log: before[log] for log in before} == {log: roots(india)[log] for log in before}
    goes_on(director, line)
    assert len(line.sent) <= 6


@pytest.mark.parametrize("caller", ["JP", "IN"])
def test_when_nothing_was_lost_one_visit_is_enough_too(director: Director, tmp_path: Path, caller: str):
    director.nodes["IN"].store.backup(tmp_path / "fresh.db")
    india = put_back(director, "IN", tmp_path / "fresh.db")
    assert india.restored is None  # by hand, and complete: nothing to notice
    india.mark_restored(Why.RESTORED)
    assert refused(india) == "restored-not-heard"
    line = Line(director, caller)
    line.sync(holds=exchange.sizes_digest(india))  # the worker remembers that both held the same
    goes_on(director, line)


def test_what_partners_send_is_taken_in_and_kept_but_not_acknowledged(director: Director, india: Desk):
    request(director)
    before = india.space.sizes()
    exchange.receive(india, b"".join(exchange.news_for(director.desk("JP"), before)))
    assert len(india.record.orders) == 2
    log = india.log
    exchange.news_for(india, {})  # would write an acknowledgement
    assert india.space.size(log) >= before[log]
    assert roots(director.desk("JP"))[log] == roots(india)[log]
    assert refused(india) == "restored-not-heard"  # bundles alone do not say that there is no more


def test_both_sides_may_come_back_from_backups(director: Director, india: Desk):
    director.desk("JP").mark_restored(Why.RESTORED)
    Line(director).sync()
    Line(director, "IN").sync()
    assert director.desk("JP").restored is None
    goes_on(director, Line(director))


# ---- who must be heard


def test_a_partner_that_claims_less_opens_the_logs(director: Director, india: Desk):
    """By design: whom else could one ask. What it hides comes back from the next one as a fork, with its evidence."""
    key = director.nodes["JP"].keys.public("writer")
    question = india.question_for(key)
    assert india.heard(question, {})
    india.settle()
    assert india.restored is None


def test_a_partner_that_claims_more_than_there_is_holds_up_and_no_more(director: Director, india: Desk):
    key = director.nodes["JP"].keys.public("writer")
    assert india.heard(india.question_for(key), {india.log: 10_000})
    india.settle()
    assert refused(india) == "restored-still-missing"
    Line(director).sync()
    assert refused(india) == "restored-still-missing"


def test_an_older_answer_takes_nothing_back_and_a_voice_does(director: Director, india: Desk):
    question = india.question_for(director.nodes["JP"].keys.public("writer"))
    here = india.space.sizes()[india.log]
    for told, by_voice, lacks in ((5, False, 5), (1, False, 5), (2, True, 2)):
        assert india.heard(question, {india.log: here + told}, by_voice=by_voice)
        assert india.restored.missing(india.space.sizes()) == {india.log: lacks}
    other = india.question_for(b"o" * 32)
    assert india.heard(other, {india.log: here + 9})
    assert india.restored.missing(india.space.sizes()) == {india.log: 9}


def test_a_word_without_our_question_opens_nothing(director: Director, india: Desk):
    bundle = director.desk("JP").space.have_only
    for question in (None, bytes(16)):
        exchange.receive(india, bundle(question))
        india.settle()
    assert refused(india) == "restored-not-heard"


def test_all_who_can_be_asked_are_asked_before_the_logs_open(director: Director, india: Desk):
    other = b"o" * 32
    japan = director.nodes["JP"].keys.public("writer")
    everybody = {japan, other}
    line = Line(director, "IN")
    exchange.sync(india, line.post, japan, others=everybody)
    assert refused(india) == "restored-not-heard"
    india.not_reached(other)  # it does not answer now
    india.settle(everybody)
    goes_on(director, line)


def test_reachable_are_those_with_an_address_and_this_agreement(director: Director):
    node = director.nodes["JP"]
    (peer,) = node.store.peers()
    node.store.put_peer(replace(peer, peer_id="x", writer_key=b"x" * 32, url=""))
    node.store.put_peer(replace(peer, peer_id="y", writer_key=b"y" * 32, space=bytes(32)))
    assert exchange.reachable(node.store, director.desk("JP").id) == {peer.writer_key}


# ---- by courier


def carry(director: Director, sender: str, *, everything: bool = False) -> courier.CourierFile:
    node = director.nodes[sender]
    return courier.write(node, node.desk(), courier.partner(node, node.desk()), everything=everything)


def asked_in(director: Director, reader: str, file: courier.CourierFile) -> list[bytes]:
    bundles = split_sequence(director.nodes[reader].keys.unseal(file.data))
    return [asked for bundle in bundles if (asked := read_envelope(bundle).question) is not None]


def test_courier_files_there_and_back_open_the_logs(director: Director, india: Desk):
    ask = carry(director, "IN")
    courier.read(director.nodes["JP"], ask.data)
    answer = carry(director, "JP")
    courier.read(director.nodes["IN"], answer.data)
    assert india.restored is None
    assert roots(india)[india.log] == roots(director.desk("JP"))[india.log]
    for quantity in ("3", "4"):
        delivered(director, director.accepted, quantity)
        courier.read(director.nodes["JP"], carry(director, "IN").data)
        courier.read(director.nodes["IN"], carry(director, "JP").data)
    assert in_step(director)
    assert len(asked_in(director, "JP", ask)) == len(asked_in(director, "IN", answer)) == 1
    assert asked_in(director, "IN", carry(director, "JP")) == []  # the question is over


def test_both_sides_may_come_back_from_backups_with_couriers_only(director: Director, india: Desk):
    """Neither sends entries before it has heard the other, and each holds what the other lost."""
    director.desk("JP").mark_restored(Why.RESTORED)
    for sender, reader in (("IN", "JP"), ("JP", "IN"), ("IN", "JP"), ("JP", "IN")):
        courier.read(director.nodes[reader], carry(director, sender).data)
    assert director.desk("JP").restored is None
    assert roots(india)[india.log] == roots(director.desk("JP"))[india.log]
    goes_on(director, Line(director))


def test_a_file_from_before_the_restore_opens_nothing(director: Director, tmp_path: Path):
    request(director)
    old = carry(director, "JP", everything=True)
    india = put_back(director, "IN", tmp_path / "backup.db")
    courier.read(director.nodes["IN"], old.data)
    assert refused(india) == "restored-not-heard"


def test_an_answer_to_an_earlier_restore_opens_nothing(director: Director, india: Desk, tmp_path: Path):
    courier.read(director.nodes["JP"], carry(director, "IN").data)
    answer = carry(director, "JP")
    again_lost = put_back(director, "IN", tmp_path / "backup.db")
    courier.read(director.nodes["IN"], answer.data)
    assert refused(again_lost) == "restored-not-heard"


def test_the_answer_may_come_twice_late_and_after_others(director: Director, india: Desk):
    courier.read(director.nodes["JP"], carry(director, "IN").data)
    request(director)
    first = carry(director, "JP")
    request(director)
    second = carry(director, "JP")
    courier.read(director.nodes["IN"], second.data)
    assert india.restored is None
    delivered(director, director.accepted, "5")
    courier.read(director.nodes["IN"], first.data)
    courier.read(director.nodes["IN"], second.data)
    courier.read(director.nodes["JP"], carry(director, "IN").data)
    courier.read(director.nodes["IN"], carry(director, "JP").data)
    assert in_step(director)


def test_asked_by_file_and_answered_online(director: Director, india: Desk):
    courier.read(director.nodes["JP"], carry(director, "IN").data)
    line = Line(director)
    line.sync()
    goes_on(director, line)


# ---- a sister node


def sister(director: Director, folder: Path) -> tuple[Node, Desk]:
    """A ship of India, granted its own log by headquarters."""
    ship = make_node(folder / "ship", "IN", director.clock)
    headquarters = director.desk("IN")
    write.sign(headquarters, grant(ship.keys.public("writer")))
    (ship.keys._folder / "root.key").unlink()
    ship.store.create_space(headquarters.genesis.bytes)
    exchange.receive(ship.desk(), b"".join(exchange.news_for(headquarters, {})))
    return ship, ship.desk()


@pytest.mark.parametrize("lost", ["ship", "headquarters"])
def test_a_sister_node_is_heard_like_a_partner(tmp_path: Path, lost: str):
    director = paired(tmp_path)
    director.accepted = agreed(director)
    director.exchange()
    ship, ship_desk = sister(director, tmp_path)
    nodes = {"ship": ship, "headquarters": director.nodes["IN"]}
    backup = tmp_path / "backup.db"
    nodes[lost].store.backup(backup)
    write.sign(ship_desk, Draft(Note(who=director.grants["IN", "nair"]), obj=director.accepted))
    delivered(director, director.accepted, "10")
    exchange.receive(ship_desk, b"".join(exchange.news_for(director.desk("IN"), {})))
    exchange.receive(director.desk("IN"), b"".join(exchange.news_for(ship_desk, {})))

    node = nodes[lost]
    node.store.close()
    for suffix in ("-wal", "-shm"):
        (node.settings.folder / f"node.db{suffix}").unlink(missing_ok=True)
    shutil.copyfile(backup, node.settings.folder / "node.db")
    behind = again(node)
    if lost == "headquarters":
        director.nodes["IN"] = behind
    else:
        ship, ship_desk = behind, behind.desk()
    assert refused(behind.desk()) == "restored-not-heard"

    other = ship_desk if lost == "headquarters" else director.desk("IN")
    other_key = (ship if lost == "headquarters" else director.nodes["IN"]).keys.public("writer")
    own_key = behind.keys.public("writer")
    exchange.sync(behind.desk(), lambda body, holds: exchange.answer(other, body, own_key, holds), other_key)

    assert behind.desk().restored is None
    write.sign(behind.desk(), Draft(Note(who=director.grants["IN", "nair"]), obj=director.accepted))
    exchange.receive(other, b"".join(exchange.news_for(behind.desk(), {})))
    log = behind.desk().log
    assert roots(other)[log] == roots(behind.desk())[log]
    assert [aside.code for store in (other.store, behind.store) for aside in store.aside()] == []


def from_before_its_grant(director: Director, ship: Node, *, by_hand: bool) -> Desk:
    """Return the ship's desk from a copy in which the agreement is, and no entry yet."""
    genesis = ship.desk().genesis.bytes
    ship.store.close()
    for path in ship.settings.folder.glob("node.db*"):
        path.unlink()
    empty = open_store(f"sqlite:///{ship.settings.folder / 'node.db'}")
    space = empty.create_space(genesis)
    if not by_hand:
        (ship.settings.folder / HIGH_WATER).unlink(missing_ok=True)
        restored.mark(empty, space, Why.RESTORED, ship.keys, director.clock.now())
    empty.close()
    return again(ship).desk()


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_copy_from_before_the_grant_of_its_key_signs_nothing_either(tmp_path: Path, by_hand: bool):
    """Found by simulation: it did not know its own log yet, thought there was nothing to wait for, and forked it."""
    director = paired(tmp_path)
    accepted = agreed(director)
    headquarters, who = director.desk("IN"), director.grants["IN", "nair"]
    ship, desk = sister(director, tmp_path)
    exchange.receive(desk, b"".join(exchange.news_for(headquarters, {})))
    told = []
    for _ in range(3):
        write.sign(desk, Draft(Note(who=who), obj=accepted))
        exchange.receive(headquarters, b"".join(exchange.news_for(desk, {})))
        told.append(b"".join(exchange.news_for(headquarters, {})))

    desk = from_before_its_grant(director, ship, by_hand=by_hand)
    assert desk.restored is not None
    desk.settle()
    assert not read.in_step(desk).in_step  # it said of itself that a partner had acknowledged everything
    assert [error.code for error in health.of_desk(desk)] == ["restored-not-heard"]
    exchange.receive(desk, told[0])  # the grant, and not all that was said under it

    assert desk.closed_logs == {desk.log}
    assert refused(desk) == "restored-not-heard"
    key, other_key = ship.keys.public("writer"), director.nodes["IN"].keys.public("writer")
    exchange.sync(desk, lambda body, holds: exchange.answer(headquarters, body, key, holds), other_key)
    write.sign(desk, Draft(Note(who=who), obj=accepted))
    exchange.receive(headquarters, b"".join(exchange.news_for(desk, {})))
    assert roots(headquarters)[desk.log] == roots(desk)[desk.log]


def test_by_telephone_a_node_that_does_not_know_its_log_yet_learns_what_it_lacks(tmp_path: Path):
    director = paired(tmp_path)
    agreed(director)
    headquarters = director.desk("IN")
    ship, _ = sister(director, tmp_path)
    desk = from_before_its_grant(director, ship, by_hand=False)

    recover.told(desk, director.nodes["JP"].keys.public("writer"), recover.held_of(headquarters, headquarters.party))
    assert [error.code for error in health.of_desk(desk)] == ["restored-still-missing"]
    exchange.receive(desk, b"".join(exchange.news_for(headquarters, {})))
    desk.settle()
    assert desk.restored is None


def test_a_partner_that_asks_without_end_is_answered_a_few_times(director: Director):
    india = director.desk("IN")
    rounds = []

    def ask_again(_body: bytes, holds: str) -> exchange.Reply:
        rounds.append(holds)
        question = len(rounds).to_bytes(16, "big")
        return exchange.Reply(director.desk("JP").space.have_only(question), holds)

    exchange.sync(india, ask_again, director.nodes["JP"].keys.public("writer"))
    assert len(rounds) == exchange.ANSWERS_MAX + 1
    many = b"".join(director.desk("JP").space.have_only(n.to_bytes(16, "big")) for n in range(100))
    reply = exchange.answer(india, many, director.nodes["JP"].keys.public("writer"))
    assert len(split_sequence(reply.body)) <= exchange.ANSWERS_MAX + 1
