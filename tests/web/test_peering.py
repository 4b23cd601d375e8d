"""The door for partners' nodes, the line to theirs, and the worker that visits them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from django.core import signing
from django.http import HttpResponse
from django.test import Client
from tests.nodes import BEGINS_ON, MEMORY, agreed, delivered, held, in_step, paired, request, two_nodes
from tests.web.doors import Door, Handler, make_certificate, open_door

from tallystick.app import exchange, pairing, warrants, write
from tallystick.app.exchange import SyncResult
from tallystick.app.ports import KNOCKS_MAX, Peer, PeerStatus
from tallystick.cli.demo.director import AGREEMENT, Director, instant
from tallystick.core import canonical, composing
from tallystick.core.entries import Kind, Reason
from tallystick.core.errors import InvariantError, LocalError, PeerUnreachableError, RemoteError, StoreUnavailableError
from tallystick.stores import MemoryStore
from tallystick.stores.files import copy_store
from tallystick.stores.keys import KeyFolder
from tallystick.web import limits, record
from tallystick.web import link as link_module
from tallystick.web.link import CODE_HEADER, HOLDS_HEADER, HttpLink, is_this_machine, session_message
from tallystick.web.peering import views, worker
from tallystick.web.peering.worker import BACK_OFF_FIRST, BACK_OFF_MOST, Worker
from tallystick.web.visit import visit

BYTES = "application/octet-stream"


@pytest.fixture
def director(tmp_path: Path) -> Iterator[Director]:
    """Japan and India, paired; the doors of this process are India's."""
    director = paired(tmp_path, stores=MEMORY)
    before = record.set_node(director.nodes["IN"])
    yield director
    record.set_node(before)


def knock_at(client: Client, door: str, body: bytes = b"", **headers: str) -> HttpResponse:
    return client.post(f"/peer/{door}", body, content_type=BYTES, headers=headers)


def refused(answer: HttpResponse, status: int, code: str) -> dict[str, object]:
    assert (answer.status_code, answer.headers.get(CODE_HEADER)) == (status, code), answer.content[:300]
    told: dict[str, object] = json.loads(answer.content)
    return told


def session_request(client: Client, director: Director) -> list[bytes]:
    """Return what Japan's node asks a session of India's with."""
    node, space_id = director.nodes["JP"], director.desk("IN").id
    key, answerer = node.keys.public("writer"), director.nodes["IN"].keys.public("writer")
    challenge = knock_at(client, "challenge", canonical.encode([space_id, key])).content
    return [space_id, key, challenge, node.keys.sign("writer", session_message(space_id, answerer, challenge))]


@pytest.fixture
def token(client: Client, director: Director) -> str:
    answer = knock_at(client, "session", canonical.encode(session_request(client, director)))
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


# ---- doors that need no session


def test_a_card_is_for_everybody(client: Client, director: Director):
    answer = client.get("/peer/card")
    assert answer.headers["Content-Type"] == BYTES
    assert pairing.read_card(answer.content).node_name == "New Delhi"
    assert client.post("/peer/card").status_code == 405


def test_a_node_without_its_root_key_says_so_without_naming_its_files(client: Client, director: Director):
    node = director.nodes["IN"]
    (node.settings.keys_folder / "root.key").unlink()
    node.keys = KeyFolder(node.settings.keys_folder)
    assert refused(client.get("/peer/card"), 404, "key-missing") == {}


def test_a_stranger_knocks_waits_and_is_refused(client: Client, director: Director, tmp_path: Path):
    stranger = two_nodes(tmp_path / "more", stores=MEMORY).nodes["JP"]
    card = pairing.read_card(client.get("/peer/card").content)
    knock = pairing.propose(stranger, card, profile="JPIN", name=AGREEMENT, compared_key_id=card.key_id)
    for _ in range(2):
        assert knock_at(client, "knock", knock).content == b"pending-in"
    own = canonical.encode([stranger.desk().id, stranger.keys.public("writer")])
    refused(knock_at(client, "challenge", own), 403, "not-yet-confirmed")

    (waiting,) = [peer for peer in director.nodes["IN"].store.peers() if peer.status is PeerStatus.KNOCK]
    pairing.refuse(director.nodes["IN"], waiting.peer_id)

    refused(knock_at(client, "knock", knock), 403, "refused-by-administrator")
    refused(knock_at(client, "challenge", own), 403, "refused-by-administrator")


def test_a_bad_knock_is_refused_with_its_reason(client: Client, director: Director):
    refused(knock_at(client, "knock", b"hello"), 400, "knock-unreadable")
    refused(knock_at(client, "knock", bytes(pairing.KNOCK_MAX + 1)), 413, "too-large")
    refused(knock_at(client, "knock"), 400, "knock-unreadable")


def test_a_full_pending_box_is_said_to_be_full(client: Client, director: Director, tmp_path: Path):
    node = director.nodes["IN"]
    for number in range(KNOCKS_MAX):
        node.store.put_peer(
            Peer(
                peer_id=f"x{number}",
                party="XX",
                name="X",
                status=PeerStatus.KNOCK,
                created_at=node.clock.now(),
                root_key=bytes(32),
            )
        )
    stranger = two_nodes(tmp_path / "more", stores=MEMORY).nodes["JP"]
    card = pairing.read_card(client.get("/peer/card").content)
    knock = pairing.propose(stranger, card, profile="JPIN", name=AGREEMENT, compared_key_id=card.key_id)
    refused(knock_at(client, "knock", knock), 413, "too-many-knocks")


# ---- sessions


def test_a_stranger_gets_no_challenge(client: Client, director: Director):
    desk = director.desk("IN")
    for space_id, key in ((desk.id, bytes(32)), (bytes(32), director.nodes["JP"].keys.public("writer"))):
        refused(knock_at(client, "challenge", canonical.encode([space_id, key])), 403, "stranger")
    for body in (b"", b"x", canonical.encode([1, 2]), canonical.encode([desk.id])):
        refused(knock_at(client, "challenge", body), 400, "malformed-bytes")
    refused(knock_at(client, "challenge", bytes(257)), 413, "too-large")


def test_a_session_is_for_whoever_has_the_key(client: Client, director: Director):
    space_id, key, challenge, good = session_request(client, director)
    message = session_message(space_id, director.nodes["IN"].keys.public("writer"), challenge)

    for signature in (bytes(64), director.nodes["JP"].keys.sign("root", message), good[:-1]):
        body = canonical.encode([space_id, key, challenge, signature])
        refused(knock_at(client, "session", body), 403, "session-signature")
    for wrong in (b"", b"forged", challenge[:-1], challenge + b"x", bytes([0xFF])):
        body = canonical.encode([space_id, key, wrong, good])
        refused(knock_at(client, "session", body), 401, "session-ended")
    refused(knock_at(client, "session", b"x"), 400, "malformed-bytes")
    assert knock_at(client, "session", canonical.encode([space_id, key, challenge, good])).status_code == 200


def test_a_challenge_is_answered_once(client: Client, director: Director):
    body = canonical.encode(session_request(client, director))
    assert knock_at(client, "session", body).status_code == 200
    refused(knock_at(client, "session", body), 401, "session-ended")
    assert knock_at(client, "session", canonical.encode(session_request(client, director))).status_code == 200


def test_a_restart_ends_challenges_and_sessions(
    client: Client, director: Director, token: str, monkeypatch: pytest.MonkeyPatch
):
    """So an answer that was heard on the line is worth nothing after one either, when nobody remembers it was given."""
    body = canonical.encode(session_request(client, director))
    monkeypatch.setattr(views, "_KEY", "another process")
    monkeypatch.setattr(views, "_used", {})
    refused(knock_at(client, "session", body), 401, "session-ended")
    refused(knock_at(client, "exchange", b"", Authorization=f"Tallystick {token}"), 401, "session-ended")
    assert knock_at(client, "session", canonical.encode(session_request(client, director))).status_code == 200


def test_whoever_has_the_web_key_forges_no_session(client: Client, director: Director):
    key = director.nodes["JP"].keys.public("writer")
    named = [director.desk("IN").id.hex(), key.hex()]
    forged = signing.dumps(named, salt=views._SESSION_SALT)  # by settings.SECRET_KEY
    refused(knock_at(client, "exchange", b"", Authorization=f"Tallystick {forged}"), 401, "session-ended")
    real = signing.dumps(named, key=views._KEY, salt=views._SESSION_SALT)
    answer = knock_at(client, "exchange", b"", Authorization=f"Tallystick {real}")
    assert answer.status_code == 200, "one difference apart"


def test_what_was_signed_for_one_node_opens_no_session_at_another(client: Client, director: Director):
    """A node that is visited shows India's challenge to Japan, and Japan's signature to India."""
    space_id, key, challenge, _ = session_request(client, director)
    middle = director.nodes["JP"].keys.public("root")  # any key but India's writer key
    signature = director.nodes["JP"].keys.sign("writer", session_message(space_id, middle, challenge))
    body = canonical.encode([space_id, key, challenge, signature])
    refused(knock_at(client, "session", body), 403, "session-signature")


def test_a_challenge_is_good_for_five_minutes(client: Client, director: Director, monkeypatch: pytest.MonkeyPatch):
    body = canonical.encode(session_request(client, director))
    monkeypatch.setattr(views, "CHALLENGE_SECONDS", -1)
    refused(knock_at(client, "session", body), 401, "session-ended")


def test_a_node_whose_key_its_party_revoked_reads_no_more(client: Client, director: Director, token: str):
    """Whoever took the key, or the laptop it was on."""
    jp = director.desk("JP")
    writer = next(index for (party, index), grant in jp.record.grants.items() if party == jp.party and grant.key)
    write.sign(jp, warrants.revocation(jp, writer, Reason.NOT_STATED))
    director.exchange()  # the news came by courier, or by another node of theirs
    refused(knock_at(client, "exchange", b"", Authorization=f"Tallystick {token}"), 403, "writer-revoked")
    own = canonical.encode([jp.id, director.nodes["JP"].keys.public("writer")])
    refused(knock_at(client, "challenge", own), 403, "writer-revoked")


# ---- how often, and how many at once


def test_a_stranger_at_the_doors_is_slowed_down_and_others_are_not(client: Client, director: Director):
    for _ in range(limits.DOORS.most):
        assert client.get("/peer/card").status_code == 200
    told = refused(client.get("/peer/card"), 429, "too-often")
    assert 0 < told["seconds"] <= limits.MINUTE
    refused(knock_at(client, "exchange", Authorization="Tallystick forged"), 429, "too-often")
    assert Client(REMOTE_ADDR="192.0.2.1").get("/peer/card").status_code == 200


def test_partners_with_a_session_are_not_slowed_down_by_strangers(client: Client, director: Director, token: str):
    for _ in range(2 * limits.DOORS.most):
        knock_at(client, "knock", b"noise")
    assert knock_at(client, "exchange", b"", Authorization=f"Tallystick {token}").status_code == 200


def test_a_few_partners_at_once_and_no_more(client: Client, director: Director):
    places = limits.PARTNERS_AT_ONCE
    with ExitStack() as busy:
        for _ in range(places.each):
            busy.enter_context(places.one("127.0.0.1"))
        refused(client.get("/peer/card"), 503, "node-busy")
        assert Client(REMOTE_ADDR="192.0.2.1").get("/peer/card").status_code == 200, "one address leaves room"
        for number in range(places.most - places.each):
            busy.enter_context(places.one(str(number)))
        refused(Client(REMOTE_ADDR="192.0.2.1").get("/peer/card"), 503, "node-busy")
    assert client.get("/peer/card").status_code == 200


def test_strangers_who_wait_too_long_make_room(client: Client, director: Director):
    node = director.nodes["IN"]
    for number in range(KNOCKS_MAX):
        node.store.put_peer(
            Peer(
                peer_id=f"x{number}",
                party="XX",
                name="X",
                status=PeerStatus.KNOCK,
                created_at=node.clock.now() - number,
            )
        )
    director.clock.instant += pairing.KNOCK_LIFE - 10
    Worker(node, HttpLink(node.settings, node.keys)).run_once()
    left = sum(peer.status is PeerStatus.KNOCK for peer in node.store.peers())
    assert left == 10


@pytest.mark.parametrize("authorization", ["", "Bearer x", "Tallystick", "Tallystick forged", "Tallystick a:b:c"])
def test_without_a_session_nothing_is_exchanged(client: Client, director: Director, authorization: str):
    headers = {"Authorization": authorization} if authorization else {}
    refused(knock_at(client, "exchange", b"", **headers), 401, "session-ended")


def test_a_session_ends(client: Client, director: Director, token: str, monkeypatch: pytest.MonkeyPatch):
    assert knock_at(client, "exchange", b"", Authorization=f"Tallystick {token}").status_code == 200
    monkeypatch.setattr(views, "SESSION_SECONDS", -1)
    refused(knock_at(client, "exchange", b"", Authorization=f"Tallystick {token}"), 401, "session-ended")


def test_a_session_is_worth_nothing_once_the_administrator_has_refused(client: Client, director: Director, token: str):
    node = director.nodes["IN"]
    (peer,) = node.store.peers()
    node.store.put_peer(replace(peer, status=PeerStatus.REFUSED))
    refused(knock_at(client, "exchange", b"", Authorization=f"Tallystick {token}"), 403, "refused-by-administrator")


def test_a_challenge_is_no_session(client: Client, director: Director):
    key = director.nodes["JP"].keys.public("writer")
    challenge = knock_at(client, "challenge", canonical.encode([director.desk("IN").id, key])).content.decode()
    refused(knock_at(client, "exchange", b"", Authorization=f"Tallystick {challenge}"), 401, "session-ended")


# ---- exchange


def test_news_come_in_and_the_acknowledgement_goes_out(client: Client, director: Director, token: str):
    request(director)
    jp, india = director.desk("JP"), director.desk("IN")
    body = b"".join(exchange.news_for(jp, india.space.sizes()))
    answer = knock_at(client, "exchange", body, Authorization=f"Tallystick {token}")

    assert answer.status_code == 200
    assert exchange.receive(jp, answer.content).leaves == 1
    assert answer.headers[HOLDS_HEADER] == exchange.sizes_digest(india) == exchange.sizes_digest(jp)
    assert [peer.last_seen_at for peer in director.nodes["IN"].store.peers()] == [director.clock.now()]


def test_bad_bundles_are_refused_by_status_and_code(client: Client, director: Director, token: str, monkeypatch):
    request(director)
    desk = director.desk("IN")
    good = b"".join(exchange.news_for(director.desk("JP"), desk.space.sizes()))
    headers = {"Authorization": f"Tallystick {token}"}
    before = held(desk.store, desk.id)

    refused(knock_at(client, "exchange", b"noise", **headers), 400, "malformed-bytes")
    told = refused(knock_at(client, "exchange", good[:-1] + bytes([good[-1] ^ 1]), **headers), 400, "bad-signature")
    assert told["log"] == director.desk("JP").log
    monkeypatch.setattr(views, "EXCHANGE_MAX", len(good) - 1)
    refused(knock_at(client, "exchange", good, **headers), 413, "too-large")
    monkeypatch.undo()

    assert held(desk.store, desk.id) == before
    assert knock_at(client, "exchange", good, **headers).status_code == 200


def test_a_store_that_does_not_answer_is_not_the_partners_mistake(
    client: Client, director: Director, token: str, monkeypatch
):
    def locked(_admission: object) -> None:
        raise StoreUnavailableError("store-locked", path="/srv/in/node.db")

    request(director)
    good = b"".join(exchange.news_for(director.desk("JP"), director.desk("IN").space.sizes()))
    monkeypatch.setattr(director.nodes["IN"].store, "append", locked)
    answer = knock_at(client, "exchange", good, Authorization=f"Tallystick {token}")
    assert refused(answer, 503, "store-locked") == {}, "where our files are is nothing a partner needs"


def test_there_are_no_other_doors(client: Client, director: Director):
    for path in ("/peer/", "/peer/orders", "/peer/exchange/x"):
        assert client.get(path).status_code == 404


# ---- the line, to a real server


@pytest.fixture
def door(director: Director) -> Iterator[Door]:
    """India's doors on a port; Japan's peer book says where."""
    with open_door() as door:
        store = director.nodes["JP"].store
        (peer,) = store.peers()
        store.put_peer(replace(peer, url=door.url))
        yield door


@pytest.fixture
def line(director: Director) -> HttpLink:
    node = director.nodes["JP"]
    return HttpLink(node.settings, node.keys)


def go(director: Director, line: HttpLink, holds: str = "") -> SyncResult | Exception:
    node = director.nodes["JP"]
    (peer,) = node.store.peers()
    return visit(node, line, peer, holds)


def test_a_partner_that_cannot_be_reached_is_told_once_in_the_log(director: Director, line: HttpLink, caplog):
    store = director.nodes["JP"].store
    (peer,) = store.peers()
    store.put_peer(replace(peer, url="http://127.0.0.1:9"))  # discard: refuses at once
    with caplog.at_level(logging.WARNING, "tallystick.peering"):
        for _ in range(3):
            go(director, line)
    (told,) = caplog.records
    assert "partner IN: peer-unreachable" in told.getMessage()
    assert "NewConnectionError" in told.getMessage(), "a certificate that does not fit would be named here"


def test_many_visits_use_one_connection_and_one_session(director: Director, door: Door, line: HttpLink):
    holds = ""
    for number in range(4):
        request(director)
        result = go(director, line, holds)
        assert isinstance(result, SyncResult), result
        holds = result.holds
        assert in_step(director), number

    assert door.connections == 1
    assert door.asked == ["/peer/challenge", "/peer/session", *["/peer/exchange"] * 4]
    (peer,) = director.nodes["JP"].store.peers()
    assert (peer.last_seen_at, peer.last_error) == (director.clock.now(), None)


def test_a_session_that_ended_is_opened_anew(director: Director, door: Door, line: HttpLink, monkeypatch):
    go(director, line)
    monkeypatch.setattr(views, "SESSION_SECONDS", -1)
    door.asked.clear()
    door.behave = [lambda handler: (monkeypatch.undo(), handler.reply(401, b"{}", Tallystick_Code="session-ended"))]
    request(director)

    assert isinstance(go(director, line), SyncResult)
    assert door.asked == ["/peer/exchange", "/peer/challenge", "/peer/session", "/peer/exchange"]
    assert in_step(director)


def test_news_of_many_bundles_go_in_several_requests(director: Director, door: Door, line: HttpLink, monkeypatch):
    accepted = agreed(director)
    director.exchange()
    for _ in range(6):
        delivered(director, accepted, "10")
        director.act("JP", Kind.NOTE, accepted, by="tanaka")
    monkeypatch.setattr(composing, "SPLIT_ITEMS", 2)
    monkeypatch.setattr(exchange, "POST_BYTES", 1)

    assert isinstance(go(director, line), SyncResult)
    assert in_step(director)
    assert door.asked.count("/peer/exchange") > 3


def test_a_partner_with_two_histories_is_found_by_a_visit(director: Director, door: Door, line: HttpLink):
    accepted = agreed(director)
    director.exchange()
    copy = replace(director.nodes["IN"], store=MemoryStore(), _desks={})
    copy_store(director.nodes["IN"].store, copy.store)
    twin = Director({**director.nodes, "IN": copy}, director.clock, director.grants)
    delivered(twin, accepted, "10")
    twin.exchange()
    delivered(director, accepted, "90")

    assert isinstance(go(director, line), SyncResult)

    assert "/peer/heads" in door.asked
    assert in_step(director)
    (finding,) = [found for found in director.desk("IN").record.findings if found.code == "fork"]
    assert dict(finding.facts)["log"] == director.desk("IN").log


def test_two_nodes_pair_over_the_line(tmp_path: Path):
    director = two_nodes(tmp_path, stores=MEMORY)
    jp, india = director.nodes["JP"], director.nodes["IN"]
    before = record.set_node(india)
    try:
        with open_door() as door:
            line = HttpLink(jp.settings, jp.keys)
            card = pairing.read_card(line.card(door.url))
            pairing.propose(jp, card, profile="JPIN", name=AGREEMENT, compared_key_id=card.key_id)
            (peer,) = jp.store.peers()
            jp.store.put_peer(replace(peer, url=door.url))

            waiting = go(director, line)
            assert isinstance(waiting, RemoteError)
            assert waiting.code == "not-yet-confirmed"
            (asking,) = india.store.peers()
            assert (asking.status, jp.store.peers()[0].last_error) == (PeerStatus.KNOCK, "not-yet-confirmed")

            own = pairing.read_card(pairing.own_card(jp))
            pairing.confirm(india, asking.peer_id, compared_key_id=own.key_id)
            assert isinstance(go(director, line), SyncResult)
    finally:
        record.set_node(before)
    assert [peer.status for node in (jp, india) for peer in node.store.peers()] == [PeerStatus.CONFIRMED] * 2
    assert in_step(director)


# ---- a partner that behaves badly


def _hang(handler: Handler) -> None:
    handler.door.leave.wait(10)
    handler.close_connection = True


def _drip(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    while not handler.door.leave.wait(0.05):
        handler.wfile.write(b".")
        handler.wfile.flush()


def _cut_off(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"half")
    handler.close_connection = True


def _not_http(handler: Handler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    handler.close_connection = True


def _close(handler: Handler) -> None:
    handler.close_connection = True


def answers(status: int, body: bytes = b"", **headers: str) -> Callable[[Handler], None]:
    return lambda handler: handler.reply(status, body, **headers)


UNREACHABLE, MALFORMED = "peer-unreachable", "malformed-bytes"
BADLY = {
    "hangs": (_hang, UNREACHABLE),
    "drips for ever": (_drip, UNREACHABLE),
    "is cut off": (_cut_off, UNREACHABLE),
    "speaks another protocol": (_not_http, UNREACHABLE),
    "closes the door": (_close, UNREACHABLE),
    "answers 500": (answers(500, b"<h1>Oops</h1>"), UNREACHABLE),
    "is behind a broken proxy": (answers(502, b"<html>Bad Gateway</html>"), UNREACHABLE),
    "answers 404 of something else": (answers(404, b"nothing here"), UNREACHABLE),
    "has a full disk": (answers(503, b"{}", Tallystick_Code="store-full"), UNREACHABLE),
    "refuses": (answers(403, b"{}", Tallystick_Code="refused-by-administrator"), "refused-by-administrator"),
    "refuses with a code that is none": (answers(400, b"{}", Tallystick_Code="<script>"), UNREACHABLE),
    "refuses in other words": (answers(400, b"[" * 500, Tallystick_Code="stranger"), "stranger"),
    "says nonsense": (answers(200, b"<html>welcome to the hotel network</html>"), MALFORMED),
    "says too much": (answers(200, bytes(2000)), "answer-too-large"),
}


@pytest.mark.parametrize("how", BADLY)
def test_a_partner_that(director: Director, door: Door, how: str, monkeypatch: pytest.MonkeyPatch):
    behave, code = BADLY[how]
    node = director.nodes["JP"]
    patient = HttpLink(node.settings, node.keys)
    hasty = HttpLink(node.settings, node.keys, read_seconds=0.3, answer_seconds=0.3, _tokens=patient._tokens)
    go(director, patient)  # the session is open
    request(director)
    desk = node.desk()
    before = held(desk.store, desk.id)
    monkeypatch.setattr(link_module, "ANSWER_MAX", 1000)
    door.behave = [behave]

    error = go(director, hasty if behave in (_hang, _drip) else patient)

    assert isinstance(error, PeerUnreachableError | RemoteError)
    assert error.code == code
    (peer,) = node.store.peers()
    assert (peer.last_error, peer.last_tried_at) == (code, director.clock.now())
    assert held(desk.store, desk.id) == before
    monkeypatch.undo()
    assert isinstance(go(director, patient), SyncResult), "and the next visit is as if nothing had been"
    assert in_step(director)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_partner_that_sends_us_elsewhere_is_not_followed(director: Director, door: Door, line: HttpLink, status: int):
    go(director, line)  # the session is open
    request(director)
    door.behave = [answers(status, Location=f"{door.url}/elsewhere")]
    error = go(director, line)
    assert isinstance(error, PeerUnreachableError)
    assert [path for path in door.asked if not path.startswith("/peer/")] == []


def test_a_partner_that_is_not_there(director: Director, line: HttpLink):
    with open_door() as closed:
        pass
    (peer,) = director.nodes["JP"].store.peers()
    director.nodes["JP"].store.put_peer(replace(peer, url=closed.url))
    error = go(director, line)
    assert isinstance(error, PeerUnreachableError)
    assert error.facts["url"] == closed.url


def test_a_partners_words_are_kept_short_and_plain(director: Director, door: Door, line: HttpLink):
    go(director, line)
    said = json.dumps({"limit": 5, "why": "x" * 1000, "not a name": 1, "nested": {"a": [1]}}).encode()
    door.behave = [answers(400, said, Tallystick_Code="too-large")]
    error = go(director, line)
    assert isinstance(error, RemoteError)
    assert error.facts == {"limit": "5", "why": "x" * 200, "nested": "{'a': [1]}"}


# ---- lines that are not protected


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8101", True),
        ("http://localhost:8101", True),
        ("http://[::1]:8101", True),
        ("http://127.9.9.9", True),
        ("http://192.0.2.7:8101", False),
        ("http://hq.example", False),
        ("http://127.0.0.1.example", False),
        ("http://localhost.example", False),
        ("http://127.0.0.1@hq.example", False),
        ("http://0.0.0.0:8101", False),
        ("http://", False),
        ("", False),
    ],
)
def test_this_machine_is_only_this_machine(url: str, here: bool):
    assert is_this_machine(url) is here


def test_without_tls_nothing_leaves_this_machine(director: Director, line: HttpLink, monkeypatch):
    def touched(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(line._pool, "request", touched)
    (peer,) = director.nodes["JP"].store.peers()
    for url in ("http://hq.example:8101", "http://192.0.2.7", "HTTP://hq.example", "//hq.example", "hq.example"):
        with pytest.raises(LocalError) as caught:
            line.card(url)
        assert (caught.value.code, caught.value.facts) == ("plain-http-refused", {"url": url})
    director.nodes["JP"].store.put_peer(replace(peer, url="http://hq.example:8101"))
    error = go(director, line)
    assert isinstance(error, LocalError)
    assert director.nodes["JP"].store.peers()[0].last_error == "plain-http-refused"


def test_an_operator_may_say_that_the_line_is_protected_otherwise(director: Director, door: Door):
    node = director.nodes["JP"]
    asked: list[str] = []
    for allowed in (False, True):
        line = HttpLink(replace(node.settings, allow_plain_http=allowed), node.keys)
        line._pool.request = lambda _method, url, **_kwargs: asked.append(url) or _nobody()  # type: ignore[method-assign]
        with pytest.raises(PeerUnreachableError if allowed else LocalError):
            line.card("http://ship.example:8101")
    assert asked == ["http://ship.example:8101/peer/card"]


def _nobody() -> None:
    raise OSError


def test_a_protected_line_is_checked_against_the_partners_certificates(director: Director):
    node = director.nodes["JP"]
    certificate = make_certificate(node.settings.folder / "in.pem")
    with open_door(certificate) as door:
        trusting = HttpLink(replace(node.settings, partner_ca="in.pem"), node.keys)
        assert pairing.read_card(trusting.card(door.url)).party == "IN"
        doubting = HttpLink(node.settings, node.keys)
        with pytest.raises(PeerUnreachableError) as caught:
            doubting.card(door.url)
        with pytest.raises(PeerUnreachableError):  # the right certificate under another name
            trusting.card(door.url.replace("127.0.0.1", "localhost"))
    assert caught.value.facts == {"url": door.url, "why": "SSLError"}
    trusting._pool.clear()


def test_certificates_that_do_not_read_are_named(director: Director):
    node = director.nodes["JP"]
    (node.settings.folder / "letter.pem").write_text("Dear colleague")
    for name in ("letter.pem", "nowhere.pem"):
        with pytest.raises(LocalError) as caught:
            HttpLink(replace(node.settings, partner_ca=name), node.keys)
        assert (caught.value.code, caught.value.facts["setting"]) == ("setting-wrong", "partner_ca")
        assert name in str(caught.value.facts["why"])


# ---- the worker


class Hands:
    """A clock of seconds that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    hands = Hands()
    monkeypatch.setattr(worker, "time", hands)
    return hands


def test_the_worker_backs_off_from_a_partner_that_does_not_answer(director: Director, monkeypatch, hands: Hands):
    visits: list[float] = []
    node = director.nodes["JP"]
    (peer,) = node.store.peers()
    node.store.put_peer(replace(peer, url="http://127.0.0.1:1"))

    def fail(*_args: object) -> PeerUnreachableError:
        visits.append(hands.seconds - 1000)
        return PeerUnreachableError(url="", why="")

    monkeypatch.setattr(worker, "visit", fail)
    busy = Worker(node, HttpLink(node.settings, node.keys))
    for _ in range(2400):
        busy.run_once()
        hands.seconds += 1

    gaps = [later - earlier for earlier, later in pairwise(visits)]
    assert gaps == [5, 10, 20, 40, 80, 160, 320, BACK_OFF_MOST, BACK_OFF_MOST]
    assert gaps[0] == BACK_OFF_FIRST

    busy.wake()  # something was signed here
    busy.run_once()
    assert len(visits) == 11
    monkeypatch.setattr(worker, "visit", lambda *_args: SyncResult(exchange.Received(), "h"))
    busy.wake()
    busy.run_once()
    monkeypatch.setattr(worker, "visit", fail)
    hands.seconds += node.settings.sync_every_seconds
    busy.run_once()
    hands.seconds += BACK_OFF_FIRST
    busy.run_once()
    assert len(visits) == 13, "an answer puts the back-off where it began"


@pytest.mark.parametrize("error", [StoreUnavailableError("store-full"), InvariantError(law="I3")])
def test_a_worker_whose_store_fails_comes_again_and_does_not_spin(
    director: Director, monkeypatch, hands: Hands, caplog, error: Exception
):
    node = director.nodes["JP"]
    (peer,) = node.store.peers()
    node.store.put_peer(replace(peer, url="http://127.0.0.1:1"))
    visits: list[float] = []

    def full(*_args: object) -> None:
        visits.append(hands.seconds - 1000)
        raise error

    monkeypatch.setattr(worker, "visit", full)
    busy = Worker(node, HttpLink(node.settings, node.keys))
    with caplog.at_level(logging.WARNING, "tallystick.peering"):
        for _ in range(20):
            busy.run_once()
            hands.seconds += 1
    assert visits == [0, 5, 15]
    told = "store-full" if isinstance(error, StoreUnavailableError) else "a law of the ledger does not hold"
    assert [told in record.getMessage() for record in caplog.records] == [True] * 3

    if isinstance(error, StoreUnavailableError):
        monkeypatch.setattr(node.store, "peers", full)
        assert busy._pass() == node.settings.sync_every_seconds


def test_a_peer_without_address_or_not_wanted_is_not_visited(director: Director, monkeypatch, hands: Hands):
    node = director.nodes["JP"]
    (peer,) = node.store.peers()
    visited: list[str] = []
    monkeypatch.setattr(worker, "visit", lambda _node, _link, peer, _holds: visited.append(peer.peer_id))
    for name, url, status in (
        ("file only", "", PeerStatus.CONFIRMED),
        ("stranger", "http://127.0.0.1:1", PeerStatus.KNOCK),
        ("refused", "http://127.0.0.1:1", PeerStatus.REFUSED),
    ):
        node.store.put_peer(replace(peer, peer_id=name, url=url, status=status))
    node.store.put_peer(replace(peer, url=""))
    Worker(node, HttpLink(node.settings, node.keys)).run_once()
    assert visited == []


def test_the_worker_carries_what_is_signed_here_by_itself(
    director: Director, door: Door, line: HttpLink, monkeypatch: pytest.MonkeyPatch
):
    """The thread, started and stopped as a serving node does."""
    visits: Queue[object] = Queue()

    def visited(*at: Any) -> object:
        result = visit(*at)
        visits.put(result)
        return result

    monkeypatch.setattr(worker, "visit", visited)
    busy = Worker(director.nodes["JP"], line)
    busy.start()
    try:
        assert isinstance(visits.get(timeout=60), SyncResult)
        asked = request(director)
        busy.wake()
        assert isinstance(visits.get(timeout=60), SyncResult)
    finally:
        busy.stop()
    assert asked in director.desk("IN").record.orders
    assert busy._thread is not None
    assert not busy._thread.is_alive()
    director.exchange()
    assert in_step(director)
    assert director.clock.instant >= instant(BEGINS_ON)
