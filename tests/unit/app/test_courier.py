"""Courier files: sealed to one node; twice, late and in any order do no harm; anything else is named and set aside."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import pytest
from tests.needs import needs_age
from tests.nodes import MEMORY, agreed, delivered, held, in_step, make_node, paired, request, two_nodes

from tallystick.app import courier, exchange, pairing
from tallystick.app.ports import PeerStatus
from tallystick.cli.demo.director import AGREEMENT, Director
from tallystick.core.bundle import split_sequence
from tallystick.core.errors import LocalError, RemoteError


def write(director: Director, party: str = "JP", *, everything: bool = False) -> courier.CourierFile:
    node = director.nodes[party]
    desk = node.desk()
    return courier.write(node, desk, courier.partner(node, desk), everything=everything)


def deliver(director: Director, file: courier.CourierFile, party: str = "IN") -> exchange.Received:
    desk, came = courier.read(director.nodes[party], file.data)
    assert desk is director.desk(party)
    return came


def test_a_file_carries_the_news_and_the_next_one_the_acknowledgement(director: Director):
    request(director)
    file = write(director)
    came = deliver(director, file)

    assert (came.entries, came.waiting) == (1, 0)
    assert file.name == f"{director.desk('JP').id.hex()[:8]}-JP-20270111T010700Z.lmc.age"
    assert director.desk("JP").record.digest == director.desk("IN").record.digest
    deliver(director, write(director, "IN"), "JP")
    assert in_step(director)


def test_a_file_begins_where_the_partner_last_acknowledged(director: Director):
    accepted = agreed(director)
    director.exchange()
    delivered(director, accepted, "10")
    assert len(write(director, "IN").data) < len(write(director, "IN", everything=True).data)


def test_without_news_there_is_no_file(director: Director):
    request(director)
    director.exchange()
    with pytest.raises(LocalError) as refused:
        write(director)
    assert (refused.value.code, refused.value.facts) == ("nothing-new", {"partner": "IN"})
    assert deliver(director, write(director, everything=True)).leaves == 0


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_files_in_any_order_twice_and_late(director: Director, order: tuple[int, ...]):
    accepted = agreed(director)
    director.exchange()
    files = []
    for quantity in ("10", "20", "30"):
        delivered(director, accepted, quantity)
        files.append(write(director, "IN"))

    for number in order:
        deliver(director, files[number], "JP")
        deliver(director, files[number], "JP")
    before = held(director.desk("JP").store, director.desk("JP").id)
    director.clock.instant += 90 * 86_400
    for file in files:
        assert deliver(director, file, "JP").leaves == 0

    assert held(director.desk("JP").store, director.desk("JP").id) == before
    assert director.desk("JP").record.digest == director.desk("IN").record.digest


def test_a_file_for_another_node_is_refused_and_kept(director: Director, tmp_path: Path):
    request(director)
    file = write(director)
    stranger = make_node(tmp_path / "in2", "IN", director.clock, "memory:")

    with pytest.raises(RemoteError) as refused:
        courier.read(stranger, file.data)

    assert refused.value.code == "sealed-for-others"
    (aside,) = stranger.store.aside()
    assert (aside.space, aside.code, aside.body) == (None, "sealed-for-others", file.data)


@pytest.mark.parametrize("where", ["header", "middle", "end", "cut off", "not sealed", "empty"])
def test_a_file_changed_on_the_way_is_refused_and_kept(director: Director, where: str):
    request(director)
    good = write(director).data
    bad = {
        "header": good[:60] + bytes([good[60] ^ 1]) + good[61:],
        "middle": good[:-40] + bytes([good[-40] ^ 1]) + good[-39:],
        "end": good[:-1] + bytes([good[-1] ^ 1]),
        "cut off": good[:-1],
        "not sealed": b"a stick with holiday pictures",
        "empty": b"",
    }[where]
    desk = director.desk("IN")
    before = held(desk.store, desk.id)

    with pytest.raises(RemoteError) as refused:
        courier.read(director.nodes["IN"], bad)

    assert refused.value.code in {"not-sealed", "sealed-for-others"}
    assert held(desk.store, desk.id) == before
    assert [aside.body for aside in desk.store.aside()] == [bad]
    courier.read(director.nodes["IN"], good)
    assert desk.record.digest == director.desk("JP").record.digest


def seal(director: Director, plain: bytes) -> bytes:
    return director.nodes["JP"].keys.seal(plain, [director.nodes["IN"].keys.age_recipient()])


def test_a_sealed_file_of_something_else_is_refused_and_kept(director: Director):
    for plain, code in ((b"", "courier-empty"), (b"Dear colleague", "malformed-bytes")):
        with pytest.raises(RemoteError) as refused:
            courier.read(director.nodes["IN"], seal(director, plain))
        assert refused.value.code == code
    assert sorted(aside.code for aside in director.nodes["IN"].store.aside()) == ["courier-empty", "malformed-bytes"]


def test_a_file_for_an_agreement_not_kept_here_is_refused_and_kept(director: Director, tmp_path: Path):
    elsewhere = paired(tmp_path / "other", stores=MEMORY)
    request(elsewhere)
    bundles = b"".join(exchange.news_for(elsewhere.desk("JP"), {}))

    with pytest.raises(RemoteError) as refused:
        courier.read(director.nodes["IN"], seal(director, bundles))

    assert refused.value.code == "wrong-agreement"
    assert [aside.code for aside in director.nodes["IN"].store.aside()] == ["wrong-agreement"]


def test_a_file_beyond_the_limit_is_refused(director: Director, monkeypatch: pytest.MonkeyPatch):
    request(director)
    file = write(director)
    monkeypatch.setattr(courier, "COURIER_MAX", len(file.data) - 1)
    with pytest.raises(RemoteError) as refused:
        courier.read(director.nodes["IN"], file.data)
    assert (refused.value.code, refused.value.facts["limit"]) == ("too-large", len(file.data) - 1)


def test_what_was_good_in_a_file_stays_when_the_rest_is_not(director: Director):
    request(director)
    good = b"".join(exchange.news_for(director.desk("JP"), {}))
    with pytest.raises(RemoteError) as refused:
        courier.read(director.nodes["IN"], seal(director, good + good[:-9] + bytes(9)))
    assert refused.value.code == "bad-signature"
    assert director.desk("IN").record.digest == director.desk("JP").record.digest


# ---- whom it goes to


def test_a_node_without_partners_writes_to_nobody(tmp_path: Path):
    director = two_nodes(tmp_path, stores=MEMORY)
    node = director.nodes["JP"]
    node.store.create_space(paired(tmp_path / "other", stores=MEMORY).desk("JP").genesis.bytes)
    with pytest.raises(LocalError) as refused:
        courier.partner(node, node.desk())
    assert refused.value.code == "no-partner-yet"


def test_of_several_partner_nodes_one_must_be_named(director: Director):
    node = director.nodes["JP"]
    (peer,) = node.store.peers()
    ship = type(peer)(
        peer_id="IN-ship", party="SG", name="RSS Tenacious", status=PeerStatus.CONFIRMED, created_at=0, space=peer.space
    )
    node.store.put_peer(ship)
    with pytest.raises(LocalError) as refused:
        courier.partner(node, node.desk())
    assert refused.value.code == "which-partner"
    assert courier.partner(node, node.desk(), "SG") == ship


def test_pairing_is_whole_when_the_partners_first_file_has_come(tmp_path: Path):
    """No network at all: a card and a knock as files, then courier files."""
    director = two_nodes(tmp_path, stores=MEMORY)
    jp, india = director.nodes["JP"], director.nodes["IN"]
    card = pairing.read_card(pairing.unarmour(pairing.armour(pairing.own_card(india))))
    knock = pairing.propose(jp, card, profile="JPIN", name=AGREEMENT, compared_key_id=card.key_id)
    waiting = pairing.knocked(india, knock)
    pairing.confirm(india, waiting.peer_id, compared_key_id=pairing.read_card(pairing.own_card(jp)).key_id)
    assert [peer.status for peer in jp.store.peers()] == [PeerStatus.PENDING_OUT]

    deliver(director, write(director, "IN"), "JP")

    assert [peer.status for peer in jp.store.peers()] == [PeerStatus.CONFIRMED]
    deliver(director, write(director, "JP"), "IN")
    deliver(director, write(director, "IN"), "JP")
    assert in_step(director)


@needs_age
def test_the_stock_program_opens_our_files(director: Director, tmp_path: Path):
    request(director)
    file = write(director)
    sealed = tmp_path / file.name
    sealed.write_bytes(file.data)
    key = director.nodes["IN"].settings.keys_folder / "age.key"
    opened = subprocess.run(["age", "-d", "-i", key, sealed], capture_output=True, check=True)
    assert len(split_sequence(opened.stdout)) == file.bundles
