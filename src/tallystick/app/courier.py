"""Courier files: the same bundles, sealed with age to the partner's node, carried by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tallystick.app import attest, exchange, pairing
from tallystick.app.node import Desk, Node
from tallystick.app.ports import Peer, PeerStatus
from tallystick.core import canonical
from tallystick.core.bundle import is_for, split_sequence
from tallystick.core.errors import LocalError, RemoteError, TooLargeError, WrongSpaceError

COURIER_MAX = 256 * 2**20  # sealed; more news than that goes in several files
SUFFIX = ".lmc.age"
QUESTIONS_MAX = 8  # kept of an agreement: more nodes do not come back from a backup at once
_QUESTIONS = "questions "  # and the agreement's id


@dataclass(frozen=True)
class CourierFile:
    """A sealed file and the name it should have."""

    name: str
    data: bytes
    bundles: int


def partner(node: Node, desk: Desk, party: str | None = None) -> Peer:
    """Return the partner a courier would go to: the one of ``party``, or the only one.

    Raises:
        LocalError: ``no-partner-yet`` or ``which-partner``.
    """
    peers = [
        peer
        for peer in node.store.peers()
        if peer.space == desk.id
        and peer.status in {PeerStatus.CONFIRMED, PeerStatus.PENDING_OUT}
        and party in (None, peer.party)
    ]
    if not peers:
        raise LocalError("no-partner-yet", agreement=desk.name)
    if len(peers) > 1:
        raise LocalError("which-partner", partners=", ".join(f"{peer.party} ({peer.name})" for peer in peers))
    return peers[0]


def write(node: Node, desk: Desk, peer: Peer, *, everything: bool = False) -> CourierFile:
    """Seal what the partner has not acknowledged, or everything.

    A node that came back from a backup asks in every file what the partner holds, and every file answers what such a
    partner asked; what it lost is in the answer.

    Raises:
        LocalError: ``nothing-new``.
    """
    questions = _open_questions(desk, peer)
    told = [question.told for question in questions]
    attest.attest_if_due(desk)
    known = {} if everything else _least([exchange.known_by_partner(desk, peer.writer_key), *told])
    bundles = exchange.news_for(desk, known)
    bundles += [desk.space.have_only(question.asked) for question in questions]
    if peer.writer_key is not None and (asked := desk.question_for(peer.writer_key)) is not None:
        bundles.append(desk.space.have_only(asked))
    if not bundles:
        raise LocalError("nothing-new", partner=peer.party)
    stamp = dt.datetime.fromtimestamp(desk.clock.now(), dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    return CourierFile(
        name=f"{desk.id.hex()[:8]}-{node.settings.party}-{stamp}{SUFFIX}",
        data=node.keys.seal(b"".join(bundles), [peer.age_recipient]),
        bundles=len(bundles),
    )


def read(node: Node, data: bytes) -> tuple[Desk, exchange.Received]:
    """Open a courier file and take in its bundles.

    Raises:
        RemoteError: not sealed to this node, not a courier file, for an agreement not kept here (the file was set
            aside), or as ``receive``.
    """
    try:
        desk, plain = _open(node, data)
    except RemoteError as error:
        node.store.set_aside(None, data, error.code, error.facts, node.clock.now())
        raise
    received = exchange.receive(desk, plain)
    desk.settle(exchange.reachable(node.store, desk.id))
    _keep_questions(desk, received)
    attest.compare(desk)
    for peer in node.store.peers():
        if peer.space == desk.id and pairing.has_adopted(desk):
            pairing.partner_has_adopted(node, peer)
    return desk, received


def _open(node: Node, data: bytes) -> tuple[Desk, bytes]:
    if len(data) > COURIER_MAX:
        raise TooLargeError(what="courier file", limit=COURIER_MAX, size=len(data))
    plain = node.keys.unseal(data)
    bundles = split_sequence(plain)
    if not bundles:
        raise RemoteError("courier-empty")
    return desk_for(node, bundles[0]), plain


# ---- what partners asked by file, until they write again


@dataclass(frozen=True)
class _Question:
    """``told`` is what the asker held, ``held`` what we held when its question came."""

    asked: bytes
    told: Mapping[int, int]
    held: Mapping[int, int]


def _open_questions(desk: Desk, peer: Peer) -> list[_Question]:
    """Return what ``peer`` may have asked: one whose log has grown since is past its question."""
    log = None if peer.writer_key is None else desk.space.log_of(peer.writer_key)
    return [
        question for question in _questions(desk) if log is None or desk.space.size(log) == question.held.get(log, 0)
    ]


def _questions(desk: Desk) -> list[_Question]:
    kept = desk.store.recall(_QUESTIONS + desk.id.hex())
    return [_Question(asked, told, held) for asked, told, held in canonical.decode(kept)] if kept else []


def _keep_questions(desk: Desk, received: exchange.Received) -> None:
    if not received.questions or received.told is None:
        return
    old = [question for question in _questions(desk) if question.asked not in received.questions]
    new = [_Question(asked, received.told, desk.space.sizes()) for asked in received.questions]
    rows = [[one.asked, dict(one.told), dict(one.held)] for one in (old + new)[-QUESTIONS_MAX:]]
    desk.store.remember(_QUESTIONS + desk.id.hex(), canonical.encode(rows))


def _least(known: Sequence[Mapping[int, int]]) -> dict[int, int]:
    """Return what every one of ``known`` has of each log."""
    return {log: min(sizes.get(log, 0) for sizes in known) for log in known[0]}


def desk_for(node: Node, bundle: bytes) -> Desk:
    """Return the desk a bundle is for, by the space prefix it carries.

    Raises:
        WrongSpaceError: no agreement kept here has that prefix.
    """
    for desk in node.desks.values():
        if is_for(desk.id, bundle):
            return desk
    raise WrongSpaceError
