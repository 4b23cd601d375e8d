"""A node that writes with a new key: partners follow what the record says, from either side of the line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.nodes import MEMORY, in_step, offered, paired, request, roots
from tests.web.doors import Door, open_door

from tallystick.app import rotations, warrants, write
from tallystick.app.exchange import SyncResult
from tallystick.app.node import Node
from tallystick.cli.demo.director import Director
from tallystick.core.entries import Reason
from tallystick.core.errors import LocalError, RemoteError
from tallystick.core.identity import grant_of
from tallystick.stores.keys import KeyFolder
from tallystick.web import record
from tallystick.web.link import HttpLink
from tallystick.web.visit import visit


@pytest.fixture
def director(tmp_path: Path) -> Iterator[Director]:
    director = paired(tmp_path, stores=MEMORY)
    before = record.set_node(director.nodes["IN"])
    yield director
    record.set_node(before)


@pytest.fixture
def door(director: Director) -> Iterator[Door]:
    with open_door() as door:
        (peer,) = director.nodes["JP"].store.peers()
        director.nodes["JP"].store.put_peer(replace(peer, url=door.url))
        yield door


def new_writer(node: Node, **limits: object) -> None:
    """Do what ``tallystick warrant rotate-writer`` does."""
    folder = KeyFolder(node.settings.keys_folder)
    folder.create(rotations.NEW, node.ids)
    wanted = {"currency": "", "per_act": None, "total": None, "until": None, **limits}
    rotations.rotate_writer(node.desk(), folder.public(rotations.NEW), **wanted)
    folder.put_in_place(rotations.NEW, "writer")
    node.keys = node.desk().keys = folder


def go(director: Director, line: HttpLink) -> SyncResult | Exception:
    node = director.nodes["JP"]
    (peer,) = node.store.peers()
    return visit(node, line, peer)


def line_of(node: Node) -> HttpLink:
    return HttpLink(node.settings, node.keys)


def test_the_caller_has_a_new_key(director: Director, door: Door) -> None:
    jp, india = director.nodes["JP"], director.nodes["IN"]
    before = line_of(jp)
    request(director)  # not sent yet: under the old key, which must still sign it
    assert isinstance(go(director, before), SyncResult)
    request(director)
    old_key = jp.keys.public("writer")
    new_writer(jp)
    after = line_of(jp)
    assert isinstance(go(director, after), SyncResult)
    assert in_step(director)
    (peer,) = india.store.peers()
    assert rotations.followed(india, peer).writer_key == jp.keys.public("writer") != old_key

    request(director)  # in the new log
    assert isinstance(go(director, after), SyncResult)
    assert in_step(director)
    assert india.store.peers()[0].writer_key == jp.keys.public("writer")
    assert len(roots(india.desk())) == 5
    assert india.desk().record.findings == ()
    # The old key opens no session any more, though it was never revoked.
    thief = HttpLink(jp.settings, _Only(old_key, jp.keys))
    error = go(director, thief)
    assert isinstance(error, RemoteError)
    assert error.code == "stranger"


class _Only:
    """A key ring with one writer's key of another."""

    def __init__(self, key: bytes, ring: KeyFolder) -> None:
        self.key, self.ring = key, ring

    def writers(self) -> tuple[str, ...]:
        return tuple(name for name in self.ring.writers() if self.ring.public(name) == self.key)

    def public(self, name: str) -> bytes:
        return self.ring.public(name)

    def sign(self, name: str, message: bytes) -> bytes:
        return self.ring.sign(name, message)


def test_the_node_called_has_a_new_key(director: Director, door: Door) -> None:
    jp, india = director.nodes["JP"], director.nodes["IN"]
    offered(director)
    new_writer(india)
    assert isinstance(go(director, line_of(jp)), SyncResult)
    assert isinstance(go(director, line_of(jp)), SyncResult)
    assert in_step(director)
    assert jp.store.peers()[0].writer_key == india.keys.public("writer")


def test_the_old_log_says_no_more_and_the_new_one_has_its_limits(director: Director) -> None:
    node = director.nodes["JP"]
    request(director)
    old = director.desk("JP").log
    new_writer(node, currency="INR", per_act=1_000_000, total=5_000_000)
    desk = director.desk("JP")
    assert desk.log != old
    view = desk.record.grants[desk.party, grant_of(desk.log)]
    assert (view.per_act, view.total, view.replaces) == (1_000_000, 5_000_000, grant_of(old))
    request(director)
    assert {order_id.log for order_id in desk.record.orders} == {old, desk.log}
    director.exchange()
    assert in_step(director)
    assert list(rotations.logs(desk, node.keys.public("writer"))) == [desk.log, old]
    with pytest.raises(LocalError) as caught:
        rotations.rotate_writer(desk, bytes(32), currency="", per_act=1, total=None, until=None)
    assert caught.value.code == "ceiling-without-currency"


def test_a_stolen_key_is_replaced_and_taken_back(director: Director, door: Door) -> None:
    jp = director.nodes["JP"]
    request(director)
    director.exchange()
    old = grant_of(director.desk("JP").log)
    new_writer(jp)
    desk = director.desk("JP")
    write.sign(desk, warrants.revocation(desk, old, Reason.NOT_STATED))
    assert isinstance(go(director, line_of(jp)), SyncResult)
    assert in_step(director)
    assert desk.sign_checkpoint(desk.party + 16 * old, b"anything") is None
    assert desk.record.findings == ()
