"""Pairing: nothing is believed before two administrators compared key ids, and every wrong card has its own reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.nodes import MEMORY, make_node, paired, two_nodes

from tallystick.app import pairing
from tallystick.app.node import Node
from tallystick.app.pairing import Card
from tallystick.app.ports import KNOCKS_MAX, Peer, PeerStatus
from tallystick.cli.demo.director import AGREEMENT, Director
from tallystick.core import canonical, signing
from tallystick.core.agreement import Genesis
from tallystick.core.entries import Kind
from tallystick.core.errors import LocalError, RemoteError


@pytest.fixture
def director(tmp_path: Path) -> Director:
    return two_nodes(tmp_path, stores=MEMORY)


def card_of(node: Node) -> Card:
    return pairing.read_card(pairing.own_card(node))


def propose(node: Node, partner: Node, *, name: str = AGREEMENT, profile: str = "JPIN", key_id: str = "") -> bytes:
    card = card_of(partner)
    return pairing.propose(node, card, profile=profile, name=name, compared_key_id=key_id or card.key_id)


# ---- cards


def test_a_card_says_who_a_node_is(director: Director):
    node = director.nodes["IN"]
    card = card_of(node)
    assert card == Card(
        party="IN",
        party_name="India, Ministry of Defence",
        node_name="New Delhi",
        root_key=node.keys.public("root"),
        writer_key=node.keys.public("writer"),
        age_recipient=node.keys.age_recipient(),
        url="http://127.0.0.1:8101",
    )
    assert card.key_id == signing.readable_id(node.keys.public("root"))


def test_a_card_survives_a_mail(director: Director):
    data = pairing.own_card(director.nodes["JP"])
    text = pairing.armour(data)
    mailed = "Dear colleague,\r\n\r\n" + text.replace("\n", "\r\n  ") + "\r\nRegards\r\n"
    assert pairing.unarmour(mailed) == data
    assert max(len(line) for line in text.splitlines()) <= 64


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-----BEGIN TALLYSTICK CARD-----\nAAAA",
        "-----BEGIN TALLYSTICK CARD-----\n*not base64*\n-----END TALLYSTICK CARD-----",
        "-----BEGIN TALLYSTICK CARD-----\n" + "AAAA" * pairing.CARD_MAX + "\n-----END TALLYSTICK CARD-----",
    ],
)
def test_a_text_without_a_card_is_refused(text: str):
    with pytest.raises(RemoteError) as refused:
        pairing.unarmour(text)
    assert refused.value.code == "card-unreadable"


def signed(node: Node, **change: object) -> bytes:
    """A card of ``node`` with other fields, properly signed."""
    fields = canonical.encode(replace(card_of(node), **change).fields)
    return canonical.encode([fields, node.keys.sign("root", b"tallystick card v1\n" + fields)])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"party_name": ""}, "card-unreadable"),
        ({"node_name": "x" * 101}, "card-unreadable"),
        ({"party": "X" * 17}, "card-unreadable"),
        ({"url": "javascript:alert(1)"}, "card-unreadable"),
        ({"url": "file:///etc/passwd"}, "card-unreadable"),
        ({"url": "https://" + "x" * 300}, "card-unreadable"),
        ({"age_recipient": "age1" + "x" * 100}, "card-unreadable"),
        ({"writer_key": bytes(32)}, "card-key"),  # a key of small order
        ({"writer_key": b"short"}, "card-key"),
        ({"node_name": "Kochi"}, None),
    ],
)
def test_what_a_card_may_say(director: Director, change: dict[str, object], code: str | None):
    data = signed(director.nodes["IN"], **change)
    if code is None:
        assert pairing.read_card(data).node_name == "Kochi"
        return
    with pytest.raises(RemoteError) as refused:
        pairing.read_card(data)
    assert refused.value.code == code


def test_a_card_changed_in_any_byte_is_refused(director: Director):
    good = pairing.own_card(director.nodes["IN"])
    codes = set()
    for position in range(len(good)):
        bad = bytearray(good)
        bad[position] ^= 1
        with pytest.raises(RemoteError) as refused:
            pairing.read_card(bytes(bad))
        codes.add(refused.value.code)
    assert codes == {"card-unreadable", "card-signature", "card-key"}


def test_a_card_that_is_too_long_is_refused():
    with pytest.raises(RemoteError) as refused:
        pairing.read_card(bytes(pairing.CARD_MAX + 1))
    assert refused.value.code == "too-large"


# ---- proposing


def test_two_administrators_who_compare_key_ids_pair_two_nodes(director: Director):
    jp, india = director.nodes["JP"], director.nodes["IN"]
    knock = propose(jp, india)
    peer = pairing.knocked(india, knock)
    assert (peer.status, peer.party, peer.name) == (PeerStatus.KNOCK, "JP", "Tokyo")
    assert india.desks == {}, "nothing is kept before the administrator has confirmed"

    desk = pairing.confirm(india, peer.peer_id, compared_key_id=card_of(jp).key_id)

    assert desk.genesis == jp.desk().genesis
    assert [party.code for party in desk.genesis.parties] == ["IN", "JP"]
    assert [(entry.kind, entry.ref.index) for entry in desk.space.acts()] == [(Kind.ADOPT, 0), (Kind.GRANT, 1)]
    assert [peer.status for peer in india.store.peers()] == [PeerStatus.CONFIRMED]


@pytest.mark.parametrize("typed", ["{}", " {} ", "lower", "no dashes", "spaces", "O for 0, I for 1"])
def test_a_key_id_is_compared_as_people_write_it(director: Director, typed: str):
    jp, india = director.nodes["JP"], director.nodes["IN"]
    key_id = card_of(india).key_id
    told = {
        "lower": key_id.lower(),
        "no dashes": key_id.replace("-", ""),
        "spaces": key_id.replace("-", "  "),
        "O for 0, I for 1": key_id.replace("0", "O").replace("1", "I"),
    }.get(typed, typed.format(key_id))
    assert propose(jp, india, key_id=told)


@pytest.mark.parametrize("wrong", ["", "the partner's other half", "one digit"])
def test_a_wrong_key_id_proposes_nothing(director: Director, wrong: str):
    jp, india = director.nodes["JP"], director.nodes["IN"]
    right = card_of(india).key_id
    told = {
        "the partner's other half": card_of(jp).key_id,
        "one digit": right[:-1] + ("0" if right[-1] != "0" else "2"),
    }
    with pytest.raises(LocalError) as refused:
        pairing.propose(jp, card_of(india), profile="JPIN", name=AGREEMENT, compared_key_id=told.get(wrong, wrong))
    assert refused.value.code == "key-id-differs"
    assert right not in str(refused.value.facts), "the right one must come over another channel"
    assert (jp.store.peers(), jp.store.spaces()) == ((), ())


def test_what_cannot_be_proposed(director: Director, tmp_path: Path):
    jp, india = director.nodes["JP"], director.nodes["IN"]
    sasebo = make_node(tmp_path / "sasebo", "JP", director.clock, "memory:")
    for partner, changes, code in (
        (sasebo, {}, "same-party"),
        (india, {"profile": "NATO"}, "unknown-profile"),
        (india, {"name": "two words"}, "genesis-not-possible"),
        (india, {"name": ""}, "genesis-not-possible"),
    ):
        with pytest.raises(LocalError) as refused:
            propose(jp, partner, **changes)
        assert refused.value.code == code
    assert (jp.store.peers(), jp.store.spaces()) == ((), ())


def test_proposing_twice_is_refused(director: Director):
    jp, india = director.nodes["JP"], director.nodes["IN"]
    propose(jp, india)
    with pytest.raises(LocalError) as refused:
        propose(jp, india)
    assert refused.value.code == "already-paired"
    assert len(jp.store.spaces()) == 1


def test_a_node_without_the_root_key_cannot_pair(director: Director):
    jp = director.nodes["JP"]
    (jp.settings.keys_folder / "root.key").unlink()
    with pytest.raises(LocalError) as refused:
        pairing.own_card(jp)
    assert refused.value.code == "key-missing"


# ---- knocking


def test_the_same_knock_twice_waits_once(director: Director):
    jp, india = director.nodes["JP"], director.nodes["IN"]
    knock = propose(jp, india)
    assert pairing.knocked(india, knock) == pairing.knocked(india, knock)
    assert len(india.store.peers()) == 1


def test_a_knock_changed_on_the_way_is_refused(director: Director):
    jp, india = director.nodes["JP"], director.nodes["IN"]
    good = propose(jp, india)
    for position in range(0, len(good), 3):
        bad = bytearray(good)
        bad[position] ^= 1 << position % 8
        with pytest.raises(RemoteError):
            pairing.knocked(india, bytes(bad))
    assert india.store.peers() == ()


def test_each_bad_knock_has_its_reason(director: Director, tmp_path: Path):
    jp, india = director.nodes["JP"], director.nodes["IN"]
    good = propose(jp, india)
    card, genesis = pairing.own_card(jp), pairing.read_knock(good).genesis
    third = make_node(tmp_path / "third", "IN", director.clock, "memory:")

    def knock(genesis_bytes: bytes, *, by: Node = jp, card: bytes = card) -> bytes:
        told = canonical.encode([card, genesis_bytes])
        return canonical.encode([told, by.keys.sign("root", b"tallystick knock v1\n" + told)])

    for data, at, code in (
        (b"hello", india, "knock-unreadable"),
        (canonical.encode([1, 2]), india, "knock-unreadable"),
        (bytes(pairing.KNOCK_MAX + 1), india, "too-large"),
        (knock(genesis.bytes, by=india), india, "knock-signature"),
        (knock(b"no genesis"), india, "malformed-bytes"),
        (knock(genesis.bytes, by=third, card=pairing.own_card(third)), india, "not-in-agreement"),
        (knock(replace(genesis, schema_hash=bytes(32)).bytes), india, "knock-other-version"),
        (knock(replace(genesis, dictionary_hash=bytes(32)).bytes), india, "knock-other-version"),
        (good, third, "knock-not-for-us"),
        (good, jp, "knock-not-for-us"),
    ):
        with pytest.raises(RemoteError) as refused:
            pairing.knocked(at, data)
        assert refused.value.code == code
    assert (india.store.peers(), third.store.peers(), len(jp.store.peers())) == ((), (), 1)


def test_a_crowd_of_strangers_is_kept_small(director: Director, tmp_path: Path):
    """Each brings a key of its own; the 21st is told to wait, and an answer to one makes room."""
    jp, india = director.nodes["JP"], director.nodes["IN"]
    good = pairing.read_knock(propose(jp, india))

    def stranger(number: int) -> bytes:
        seed = number.to_bytes(32, "big")
        card = replace(good.card, root_key=signing.public_key(seed), writer_key=signing.public_key(seed))
        parties = tuple(replace(p, root_key=card.root_key) if p.code == "JP" else p for p in good.genesis.parties)
        told = canonical.encode(card.fields)
        card_bytes = canonical.encode([told, signing.sign(seed, b"tallystick card v1\n" + told)])
        whole = canonical.encode([card_bytes, replace(good.genesis, parties=parties).bytes])
        return canonical.encode([whole, signing.sign(seed, b"tallystick knock v1\n" + whole)])

    for number in range(KNOCKS_MAX):
        pairing.knocked(india, stranger(number + 1))
    with pytest.raises(RemoteError) as refused:
        pairing.knocked(india, stranger(KNOCKS_MAX + 1))
    assert refused.value.code == "too-many-knocks"
    assert len(india.store.peers()) == KNOCKS_MAX

    pairing.refuse(india, india.store.peers()[0].peer_id)
    pairing.knocked(india, stranger(KNOCKS_MAX + 1))


# ---- answering


def knocked(director: Director) -> Peer:
    return pairing.knocked(director.nodes["IN"], propose(director.nodes["JP"], director.nodes["IN"]))


def test_a_wrong_key_id_confirms_nothing(director: Director):
    india = director.nodes["IN"]
    peer = knocked(director)
    for told in ("", card_of(india).key_id):
        with pytest.raises(LocalError) as refused:
            pairing.confirm(india, peer.peer_id, compared_key_id=told)
        assert refused.value.code == "key-id-differs"
    assert (india.desks, india.store.get_peer(peer.peer_id)) == ({}, peer)


def test_confirming_twice_is_refused_and_changes_nothing(director: Director):
    jp, india = director.nodes["JP"], director.nodes["IN"]
    peer = knocked(director)
    key_id = card_of(jp).key_id
    desk = pairing.confirm(india, peer.peer_id, compared_key_id=key_id)
    sizes = desk.space.sizes()
    with pytest.raises(LocalError) as refused:
        pairing.confirm(india, peer.peer_id, compared_key_id=key_id)
    assert refused.value.code == "no-such-knock"
    assert desk.store.sizes(desk.id) == sizes


def test_a_refused_partner_stays_refused(director: Director):
    jp, india = director.nodes["JP"], director.nodes["IN"]
    peer = knocked(director)
    pairing.refuse(india, peer.peer_id)

    (mine,) = jp.store.peers()
    again = pairing.knocked(india, pairing.make_knock(jp, Genesis.read(mine.genesis or b"")))
    assert (again.status, again.genesis) == (PeerStatus.REFUSED, None)
    for answer in (pairing.refuse, lambda node, peer_id: pairing.confirm(node, peer_id, compared_key_id="")):
        with pytest.raises(LocalError) as refused:
            answer(india, peer.peer_id)
        assert refused.value.code == "no-such-knock"


# ---- both at once


def test_when_both_propose_at_once_one_withdraws_and_confirms_the_other(director: Director):
    jp, india = director.nodes["JP"], director.nodes["IN"]
    from_jp, from_india = propose(jp, india), propose(india, jp, name="tallystick.example/in-jp")
    for node, knock in ((india, from_jp), (jp, from_india)):
        with pytest.raises(RemoteError) as refused:
            pairing.knocked(node, knock)
        assert refused.value.code == "already-proposed"

    (mine,) = india.store.peers()
    pairing.withdraw(india, mine.peer_id)
    assert (india.store.peers(), india.desks) == ((), {})
    peer = pairing.knocked(india, from_jp)
    pairing.confirm(india, peer.peer_id, compared_key_id=card_of(jp).key_id)
    director.exchange()

    assert jp.desk().record.digest == india.desk().record.digest
    assert jp.desk().name == AGREEMENT
    assert len(india.store.spaces()) == 2, "what was withdrawn is put away, not lost"


def test_a_stranger_cannot_stand_in_the_way_of_a_proposal(director: Director):
    """Only the very key we proposed to can have proposed at once."""
    jp, india = director.nodes["JP"], director.nodes["IN"]
    peer = pairing.knocked(india, propose(jp, india))
    with pytest.raises(LocalError) as refused:
        propose(india, jp)
    assert refused.value.code == "already-asked"
    assert india.desks == {}
    pairing.confirm(india, peer.peer_id, compared_key_id=card_of(jp).key_id)


def test_what_the_partner_has_adopted_cannot_be_withdrawn(tmp_path: Path):
    director = paired(tmp_path, stores=MEMORY)
    jp = director.nodes["JP"]
    (peer,) = jp.store.peers()
    with pytest.raises(LocalError) as refused:
        pairing.withdraw(jp, peer.peer_id)
    assert refused.value.code == "already-adopted"
    with pytest.raises(LocalError) as refused:
        pairing.withdraw(jp, "nobody")
    assert refused.value.code == "no-such-proposal"
    assert jp.desk().name == AGREEMENT


@pytest.mark.parametrize("url", ["http://[", "https://host:99999999", "https://", "ftp://host", "https://a\nb"])
def test_a_card_whose_address_cannot_be_asked_is_unreadable(director: Director, url: str):
    node = director.nodes["IN"]
    signed = canonical.encode(replace(card_of(node), url=url).fields)
    data = canonical.encode([signed, node.keys.sign("root", b"tallystick card v1\n" + signed)])
    with pytest.raises(RemoteError) as refused:
        pairing.read_card(data)
    assert refused.value.code == "card-unreadable"
