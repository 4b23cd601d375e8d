"""Attestations over the wire: the nodes' workers compare, contradict and find the order by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.test import Client
from tests.nodes import MEMORY, NAMES, in_step, paired, request
from tests.web.doors import open_door
from tests.web.test_peering import knock_at, refused, session_request
from tests.wrong import break_fold, three_orders

from tallystick.app import attest, withheld
from tallystick.app.attest import Compared, Result
from tallystick.app.exchange import SyncResult
from tallystick.cli.demo.director import Director
from tallystick.core import canonical
from tallystick.web import record
from tallystick.web.link import HttpLink
from tallystick.web.peering.worker import Worker
from tallystick.web.visit import visit

DAY = 86_400


@pytest.fixture
def director(tmp_path: Path) -> Director:
    return paired(tmp_path, stores=MEMORY)


def go(director: Director, party: str) -> None:
    """Have the node of ``party`` visit its partner's, over HTTP."""
    node, other = director.nodes[party], director.nodes["IN" if party == "JP" else "JP"]
    before = record.set_node(other)
    try:
        with open_door() as door:
            (peer,) = node.store.peers()
            result = visit(node, HttpLink(node.settings, node.keys), replace(peer, url=door.url))
    finally:
        record.set_node(before)
    assert isinstance(result, SyncResult), result


def known(director: Director, party: str) -> Compared:
    (compared,) = attest.all_compared(director.desk(party)).values()
    return compared


def test_after_a_day_two_nodes_have_compared_and_fall_silent(director: Director):
    three_orders(director)
    director.clock.instant += DAY
    for party in ("JP", "IN", "JP", "IN", "JP"):
        go(director, party)
    assert [known(director, party).result for party in NAMES] == [Result.SAME] * 2
    sizes = director.desk("JP").space.sizes()
    for party in ("IN", "JP") * 2:
        director.clock.instant += DAY
        go(director, party)
    assert director.desk("JP").space.sizes() == sizes == director.desk("IN").space.sizes()


@pytest.mark.parametrize("wrong", ["JP", "IN"])
def test_a_bug_in_one_program_is_told_on_both_nodes_by_the_order(director: Director, wrong: str):
    orders = three_orders(director)
    break_fold(director.desk(wrong))
    director.clock.instant += DAY
    for party in ("JP", "IN", "JP", "IN"):
        go(director, party)
    for party in NAMES:
        differs = known(director, party).differs
        assert differs is not None
        assert (differs.order, differs.asked) == (str(orders[1]), True), party
    assert not in_step(director)


@pytest.mark.parametrize("url", ["", "{closed}"], ids=["no address", "out of reach"])
def test_a_node_that_is_only_visited_compares_and_attests_too(director: Director, url: str):
    three_orders(director)
    director.clock.instant += DAY
    go(director, "JP")
    go(director, "JP")
    node = director.nodes["IN"]
    (peer,) = node.store.peers()
    with open_door() as closed:
        pass
    node.store.put_peer(replace(peer, url=url.format(closed=closed.url)))
    Worker(node, HttpLink(node.settings, node.keys)).run_once()
    assert known(director, "IN").result is Result.SAME
    assert director.desk("IN").log in director.desk("IN").fold.attests


# ---- the door


@pytest.fixture
def token(client: Client, director: Director) -> Iterator[str]:
    before = record.set_node(director.nodes["IN"])
    yield knock_at(client, "session", canonical.encode(session_request(client, director))).content.decode()
    record.set_node(before)


def test_digests_are_told_to_partners_and_only_of_what_was_attested(client: Client, director: Director, token: str):
    request(director)
    director.exchange()
    director.clock.instant += DAY
    desk = director.desk("IN")
    assert attest.attest_if_due(desk) is not None
    logs = [(held.log, held.size) for held in desk.fold.attests[desk.log].body.logs]
    good = attest.question(logs, desk.record)
    session = {"Authorization": f"Tallystick {token}"}

    answer = knock_at(client, "digests", good, **session)
    assert (answer.status_code, answer.content) == (200, attest.answer(desk, good))
    refused(knock_at(client, "digests", good), 401, "session-ended")
    refused(knock_at(client, "digests", b"x", **session), 400, "malformed-bytes")
    refused(knock_at(client, "digests", bytes(attest.REQUEST_MAX + 1), **session), 413, "too-large")
    other = attest.question([(0, 1)], desk.record)
    refused(knock_at(client, "digests", other, **session), 400, "not-attested")
    assert canonical.decode(answer.content)[2] == []
    for _ in range(6):
        last = knock_at(client, "digests", good, **session)
    refused(last, 429, "too-often")


# ---- acknowledgements that do not come


def test_an_honest_partner_is_never_said_to_withhold(director: Director):
    for _ in range(3):
        request(director)
        director.clock.instant += 2 * DAY
        go(director, "JP")
        go(director, "IN")
    for party, other in (("JP", "IN"), ("IN", "JP")):
        assert withheld.recall(director.desk(party), director.desk(other).log) is None
