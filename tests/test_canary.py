"""No national byte leaves: every national field holds a canary, and everything that goes out is searched for them.

Bundles are searched before compression, courier files before they are sealed. The same search finds what officers meant
to share, so it would find a canary.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner
from django.apps import apps
from django.db import connection, models
from django.test import Client
from tests.nodes import NAMES, agreed, delivered, offered, paired, received
from tests.web.conftest import Browser, Stage, form_on
from tests.web.doors import open_door
from urllib3 import BaseHTTPResponse

from tallystick.app import attest, courier, exchange, forks, pairing, prove, recover, restored
from tallystick.app.node import Node
from tallystick.app.ports import Peer, PeerStatus
from tallystick.app.settings import NodeSettings
from tallystick.app.unpack import unpack
from tallystick.cli.demo.director import StageClock
from tallystick.cli.main import cli
from tallystick.core import bundle as wire
from tallystick.core import canonical
from tallystick.core.entries import Attest, Kind
from tallystick.core.errors import RemoteError, TallystickError
from tallystick.core.identity import EntryRef
from tallystick.core.space import Space
from tallystick.stores.keys import KeyFolder
from tallystick.web import record
from tallystick.web.link import HttpLink
from tallystick.web.people import service
from tallystick.web.visit import visit

APPS = ("people", "national", "api", "sessions")
# What a partner may know of a node's settings: it is on the card. The rest stays home.
ON_THE_CARD = {"party", "party_name", "node_name", "public_url"}
NATIONAL_SETTINGS = {"database", "tls_certificate", "tls_key", "demo_clock"}
HARMLESS_SETTINGS = {
    "folder", "listen", "time_zone", "language", "sync_every_seconds", "partner_ca", "allow_plain_http",
    "allow_passwords", "breached_passwords", "proxy",
}  # fmt: skip
TOO_SHORT_FOR_A_CANARY = {"people.person.language"}


@dataclass
class Canaries:
    """One word for each place it was put, unlike any other text."""

    words: dict[str, str] = field(default_factory=dict)

    def at(self, place: str) -> str:
        return self.words.setdefault(place, f"kanari{sha256(place.encode()).hexdigest()[:12]}")

    def found_in(self, data: bytes) -> list[str]:
        """Return the places whose canary is in ``data``, plain or in a usual disguise."""
        return [place for place, word in self.words.items() if any(form in data for form in disguises(word.encode()))]


def disguises(secret: bytes) -> set[bytes]:
    """Return ``secret`` plain, in hexadecimal, and as it looks within base64 at each of the three offsets."""
    forms = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + secret)
        begin, end = (0, 2, 3)[offset], len(encoded) - (0, 4, 4)[(len(secret) + offset) % 3]
        forms.add(encoded[begin + (2 if offset else 0) : end])
    return forms


# ---- filling


def fill_tables(canaries: Canaries) -> set[str]:
    """Put a row with canaries into every table of ours; return the fields that are too short for one."""
    short = set()
    made: dict[type[models.Model], models.Model] = {}
    waiting = [model for app in APPS for model in apps.get_app_config(app).get_models()]
    while waiting:
        model = waiting.pop(0)
        needed = [f.related_model for f in model._meta.concrete_fields if f.is_relation]
        if any(other not in made for other in needed):
            waiting.append(model)
            continue
        row = model()
        for column in model._meta.concrete_fields:
            place = f"{model._meta.label_lower}.{column.name}"
            if column.is_relation:
                setattr(row, column.name, made[column.related_model])
            elif isinstance(column, models.JSONField):
                setattr(row, column.name, [canaries.at(place)])
            elif isinstance(column, models.BinaryField):
                setattr(row, column.name, canaries.at(place).encode())
            elif isinstance(column, models.CharField | models.TextField):
                if (column.max_length or 100) < len(canaries.at("anywhere")):
                    short.add(place)
                else:
                    setattr(row, column.name, canaries.at(place))
            elif isinstance(column, models.DateTimeField):
                setattr(row, column.name, dt.datetime(2027, 2, 20, tzinfo=dt.UTC))
            elif isinstance(column, models.IntegerField) and not column.primary_key:
                setattr(row, column.name, 1)
        row.save(force_insert=True)
        made[model] = row
    canaries.words.pop("anywhere")
    return short


def fill_record_tables(canaries: Canaries, node: Node, space: bytes) -> None:
    """Put canaries into what the store keeps beside the logs."""
    store = node.store
    at = canaries.at
    store.put_peer(
        Peer(
            peer_id=at("peer.id"), party="SG", name=at("peer.name"), status=PeerStatus.CONFIRMED, created_at=1,
            url=f"https://{at('peer.url')}", age_recipient=at("peer.age"), last_error=at("peer.error"), space=bytes(32),
        )
    )  # fmt: skip
    store.remember(at("remembered.name"), at("remembered.value").encode())
    store.set_aside(None, at("aside.stranger").encode(), at("aside.code"), {"fact": at("aside.fact")}, 1)
    store.set_aside(space, at("aside.partner").encode(), "gap", {}, 1)
    store.put_waiting(space, at("waiting").encode())


def copy_tables_beside_the_record(database: Path) -> None:
    """Put Django's tables into the node's own file, where they are on a real node."""
    connection.ensure_connection()
    with sqlite3.connect(database) as target:
        for line in connection.connection.iterdump():
            if not line.startswith(("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "DELETE FROM", 'INSERT INTO "sqlite')):
                target.execute(line)
    target.close()


# ---- collecting


@dataclass
class Outside:
    """Everything that left a node, by what it was."""

    left: dict[str, list[bytes]] = field(default_factory=dict)

    def add(self, what: str, data: bytes) -> bytes:
        self.left.setdefault(what, []).append(data)
        return data

    def searched(self, space: Space) -> Iterator[tuple[str, bytes]]:
        """Yield everything as it left and, where it is bundles, what is packed in them."""
        for what, pieces in self.left.items():
            for data in pieces:
                yield what, data
                try:
                    bundles = wire.split_sequence(data)
                except RemoteError:
                    continue
                for bundle in bundles:
                    envelope = wire.read_envelope(bundle)
                    yield f"{what}, unpacked", space.codec.unpack(envelope.codec, envelope.body)
                    yield f"{what}, keys and signatures", envelope.raw


@dataclass
class World:
    stage: Stage
    canaries: Canaries
    outside: Outside
    secrets: dict[str, set[bytes]]
    order_id: EntryRef

    @property
    def jp(self) -> Node:
        return self.stage.director.nodes["JP"]

    def everything(self) -> list[tuple[str, bytes]]:
        return list(self.outside.searched(self.jp.desk().space))


@pytest.fixture
def world(
    tmp_path: Path,
    db: None,
    make_person: Callable[..., object],
    signed_in_as: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[World]:
    """Japan's node, lived in: its officers work through the pages, and its partner hears of all it may hear of."""
    caplog.set_level(logging.DEBUG)
    canaries, outside = Canaries(), Outside()
    national = {name: f"{canaries.at(f'settings.{name}')}" for name in sorted(NATIONAL_SETTINGS)}
    director = paired(tmp_path, public_url="http://127.0.0.1:8101", **national)
    stage = Stage(director, signed_in_as, make_person)
    jp = director.nodes["JP"]
    assert fill_tables(canaries) == TOO_SHORT_FOR_A_CANARY
    fill_record_tables(canaries, jp, jp.desk().id)
    order_id = work_through_the_pages(stage, canaries)
    copy_tables_beside_the_record(jp.settings.folder / jp.settings.database)
    secrets = {name: secret_forms(jp, name) for name in ("root", "writer", "age", "web")}

    seal = KeyFolder.seal
    monkeypatch.setattr(
        KeyFolder, "seal", lambda keys, plain, to: seal(keys, outside.add("courier file before sealing", plain), to)
    )
    let_everything_out(director.nodes, outside, tmp_path)
    outside.add("log lines", "\n".join(record.getMessage() for record in caplog.records).encode())
    yield World(stage, canaries, outside, secrets, order_id)
    for node in director.nodes.values():
        node.store.close()
    record.set_node(None)


def work_through_the_pages(stage: Stage, canaries: Canaries) -> EntryRef:
    """Japan's ordering officer orders, citing a fund; notes, drafts and a token are kept."""
    director = stage.director
    offer = offered(director)
    director.exchange()
    (order_id,) = director.desk("JP").record.orders
    at = canaries.at
    person = service.create_person(at("login"), at("display name"), post=at("post on this node"))
    service.appoint(
        person,
        space=director.desk("JP").id,
        grant=director.grants["JP", "tanaka"],
        post=at("post as appointed"),
        duties=next(m.duties for m in _cast() if m.login == "tanaka"),
    )
    browser = Browser(director.nodes["JP"], stage.sign_in(person))
    path = stage.act_path(order_id, Kind.ORDER, offer)
    browser.act(
        path,
        bill_to="Fleet accounts",
        funds_certifier=str(director.grants["JP", "mori"]),
        fund_citation=at("fund citation, on the form"),
        remark="a remark that is meant for the partner",
    )
    for what in ("citation", "note"):
        browser.post(f"/orders/{order_id}/private/", {"what": what, "text": at(f"{what}, on the order page")})
    amend = stage.act_path(order_id, Kind.WITHDRAWAL, order_id)
    draft = form_on(browser.get(amend), "save") | {"remark": at("draft"), "do": "save"}
    assert browser.post(amend, draft).status_code == 302
    assert browser.post("/api/tokens/", {"name": at("token name"), "days": "30"}).status_code == 200
    for text in ("citation, on the order page", "note, on the order page", "fund citation, on the form"):
        assert at(text) in browser.get(f"/orders/{order_id}/").content.decode(), "it is there to leak"
    return order_id


def _cast():
    from tallystick.cli.demo.cast import CAST

    return CAST


def let_everything_out(nodes: dict[str, Node], outside: Outside, tmp_path: Path) -> None:
    """Do all that sends something to a partner, an auditor or a stranger."""
    jp, india = nodes["JP"], nodes["IN"]
    desk = jp.desk()
    outside.add("card", pairing.own_card(jp))
    outside.add("knock", pairing.make_knock(jp, desk.genesis))
    for everything in (False, True):
        courier.write(jp, desk, courier.partner(jp, desk, "IN"), everything=everything)
    outside.add("bundles", b"".join(exchange.news_for(desk, {})))
    outside.add("have", desk.space.have_only())
    _partner_calls(jp, india, outside)
    _we_call(jp, india, outside)
    _partner_visits(jp, india, outside)
    _we_ask_for_a_new_key(jp, outside)
    ran = CliRunner().invoke(cli, ["--node", str(jp.settings.folder), "export", str(tmp_path / "export")])
    assert ran.exit_code == 0, ran.output
    (order_id,) = desk.record.orders
    for whole in (False, True):
        data = outside.add("evidence", prove.prove(desk, order_id, whole=whole))
        for name, plain in unpack(data).items():
            outside.add("evidence, unpacked", name.encode() + plain)
    for path in sorted((tmp_path / "export").rglob("*")):
        outside.add("export", path.name.encode() + (path.read_bytes() if path.is_file() else b""))


def _partner_calls(jp: Node, india: Node, outside: Outside) -> None:
    """India's node, and strangers, at our doors: whatever they ask, right or wrong."""
    client = Client()
    before = record.set_node(jp)
    try:
        asked = [client.get(f"/peer/{door}") for door in ("card", "knock", "exchange", "orders", "")]
        for door in ("card", "knock", "challenge", "session", "exchange", "digests", "heads", "nowhere"):
            bodies = (b"", b"noise", bytes(70_000))
            asked += [client.post(f"/peer/{door}", body, content_type="application/octet-stream") for body in bodies]
        pages = ("", "sign-in/", "health", "orders/", "people/", f"link/{'x' * 43}/", "nowhere", "api/v1/openapi.json")
        for path in pages:
            asked += [client.get(f"/{path}"), client.post(f"/{path}", {"username": "x", "password": "y"})]
        asked += [client.get(f"/api/v1/{path}") for path in ("status", "orders", "nowhere")]
        for answer in asked:
            outside.add("answers at our doors", answer.serialize_headers() + b"\r\n" + answer.content)
    finally:
        record.set_node(before)
    desk = india.desk()

    def post(body: bytes, holds: str) -> exchange.Reply:
        reply = exchange.answer(jp.desk(), body, india.keys.public("writer"), holds)
        outside.add("answers to an exchange", reply.body)
        return reply

    exchange.sync(desk, post, jp.keys.public("writer"))
    outside.add("answers to an exchange", exchange.answer(jp.desk(), b"", bytes(32)).body)


def _partner_visits(jp: Node, india: Node, outside: Outside) -> None:
    """India's worker at our doors, let in: session, exchange, heads and digests; every answer, with its headers."""
    (peer,) = india.store.peers()
    before = record.set_node(jp)
    try:
        with open_door() as door:
            line = HttpLink(india.settings, india.keys, read_seconds=5)
            read = line._read

            def recorded(answer: BaseHTTPResponse, url: str) -> bytes:
                data = read(answer, url)
                outside.add("answers to a visit", json.dumps(dict(answer.headers)).encode() + b"\r\n")
                return outside.add("answers to a visit", data)

            line._read = recorded  # type: ignore[method-assign]
            assert isinstance(india.clock, StageClock)
            india.clock.instant += 86_400  # time to attest, and so to be asked for digests
            result = visit(india, line, replace(peer, url=door.url))
            assert not isinstance(result, TallystickError), result
            desk, ours = india.desk(), jp.keys.public("writer")
            attested = next(entry.body for entry in desk.fold.attests.values() if isinstance(entry.body, Attest))
            sizes = [number for held in attested.logs for number in (held.log, held.size)]
            nothing = [bytes(attest.DIGEST_BYTES)] * attest.BUCKETS  # as if everything differed
            asked = canonical.encode([sizes, nothing])
            assert len(line.digests(door.url, desk.id, ours, asked)) > attest.DIGEST_BYTES
            line.heads(door.url, desk.id, ours, canonical.encode(forks.heads(desk)))
    finally:
        record.set_node(before)


def _we_ask_for_a_new_key(jp: Node, outside: Outside) -> None:
    """What a node that came back from a backup sends to headquarters."""
    desk, folder = jp.desk(), jp.settings.keys_folder
    KeyFolder(folder).create(recover.NEW, jp.ids)
    (folder / "root.key").rename(folder / "elsewhere")  # such a node has none
    restored.mark(desk.store, desk.id, restored.Why.RESTORED, jp.keys, jp.clock.now())
    outside.add("request for a new key", recover.ask(jp, desk))
    restored.keep(desk.store, desk.id, None)
    (folder / "elsewhere").rename(folder / "root.key")


def _we_call(jp: Node, india: Node, outside: Outside) -> None:
    """Our worker at India's doors: every request, with its headers."""
    director_peer = next(peer for peer in jp.store.peers() if peer.party == "IN")
    before = record.set_node(india)
    try:
        with open_door() as door:
            line = HttpLink(jp.settings, jp.keys, read_seconds=5)
            request = line._pool.request

            def recorded(
                method: str, url: str, *, body: bytes | None, headers: dict[str, str], **more: object
            ) -> object:
                outside.add("requests of the worker", body or b"")
                outside.add("requests of the worker", json.dumps([method, url, headers]).encode())
                return request(method, url, body=body, headers=headers, **more)

            line._pool.request = recorded  # type: ignore[method-assign, assignment]
            result = visit(jp, line, replace(director_peer, url=door.url))
            assert not isinstance(result, TallystickError), result
    finally:
        record.set_node(before)


def secret_forms(node: Node, name: str) -> set[bytes]:
    """Return a private key as it stands in its file, and as the bytes it is."""
    lines = (node.settings.keys_folder / f"{name}.key").read_text().splitlines()
    (text,) = [line for line in lines if line and not line.startswith("#")]
    _, _, secret = text.rpartition(":")
    forms = disguises(secret.encode())
    if name != "age":
        forms |= disguises(base64.b64decode(secret))
    return forms


# ---- what is asked


def test_no_canary_leaves(world: World):
    for what, data in world.everything():
        assert world.canaries.found_in(data) == [], what

    assert world.outside.left.keys() == {
        "card", "knock", "courier file before sealing", "bundles", "have", "answers at our doors",
        "answers to an exchange", "answers to a visit", "requests of the worker", "export", "evidence",
        "evidence, unpacked", "log lines", "request for a new key",
    }  # fmt: skip
    assert all(any(pieces) for what, pieces in world.outside.left.items() if what != "log lines")


def test_the_canaries_are_there_and_the_search_finds_them(world: World):
    """The control: all are in the node's own file, and what was meant for the partner is found where it went."""
    with sqlite3.connect(world.jp.settings.folder / world.jp.settings.database) as database:
        kept = "\n".join(database.iterdump()).encode()
    database.close()
    settings = {place for place in world.canaries.words if place.startswith("settings.")}
    assert set(world.canaries.found_in(kept)) == world.canaries.words.keys() - settings

    shared = Canaries({"remark": "a remark that is meant for the partner"})
    found = {what for what, data in world.everything() if shared.found_in(data)}
    assert {
        "bundles, unpacked", "courier file before sealing, unpacked", "answers to an exchange, unpacked", "export",
        "evidence", "evidence, unpacked",
    } <= found  # fmt: skip


@pytest.mark.parametrize("disguise", [lambda b: b, bytes.hex, base64.b64encode, lambda b: base64.b64encode(b"x" + b)])
def test_the_search_sees_through_disguises(disguise: Callable[[bytes], bytes | str]):
    canaries = Canaries()
    hidden = disguise(canaries.at("somewhere").encode())
    data = b"before " + (hidden.encode() if isinstance(hidden, str) else hidden) + b" after"
    assert canaries.found_in(data) == ["somewhere"]
    assert canaries.found_in(data[:10]) == []


def test_every_setting_is_national_or_on_the_card_or_harmless():
    told = ON_THE_CARD | NATIONAL_SETTINGS | HARMLESS_SETTINGS
    assert told == {setting.name for setting in fields(NodeSettings)}, (
        "say of a new setting whether partners may see it"
    )


def test_no_private_key_leaves_is_logged_or_shown(world: World):
    shown = "\n".join(repr(thing) for thing in (world.jp, world.jp.keys, world.jp.desk(), world.jp.settings))
    for what, data in [*world.everything(), ("what our objects show", shown.encode())]:
        for name, forms in world.secrets.items():
            assert not any(form in data for form in forms), f"{name} in {what}"

    for name, forms in world.secrets.items():  # the control: in the file it is kept in, each is found
        data = (world.jp.settings.keys_folder / f"{name}.key").read_bytes()
        assert any(form in data for form in forms), name


def test_one_agreement_knows_nothing_of_another(tmp_path: Path):
    """What is said under one agreement is in no bundle, courier file or export of another."""
    canaries, outside = Canaries(), Outside()
    director = paired(tmp_path / "one")
    delivery = delivered(director, agreed(director))
    received(director, delivery)
    director.act("JP", Kind.NOTE, delivery, by="ito", remark=canaries.at("remark under the first agreement"))
    director.exchange()
    jp = director.nodes["JP"]
    first = jp.desk()

    singapore = paired(tmp_path / "other").nodes["IN"]
    card = pairing.read_card(pairing.own_card(singapore))
    pairing.propose(
        jp, replace(card, root_key=card.root_key), profile="JPIN", name="example.net/other", compared_key_id=card.key_id
    )
    (second,) = [desk for desk in jp.desks.values() if desk.id != first.id]
    outside.add("bundles", b"".join(exchange.news_for(second, {})))
    second.store.export(second.id, tmp_path / "export")
    for path in (tmp_path / "export").iterdir():
        outside.add("export", path.read_bytes())

    for what, data in outside.searched(second.space):
        assert canaries.found_in(data) == [], what
        assert first.id[:8] not in data, what
        for party in NAMES:
            assert director.nodes[party].keys.public("writer") not in data or party == "JP", what
    outside.add("bundles of the first", b"".join(exchange.news_for(first, {})))
    assert any(canaries.found_in(data) for _, data in outside.searched(first.space)), "the control"
