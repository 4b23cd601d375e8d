"""Courier files: the same bundles, sealed with age to the partner's node, carried by hand."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from tallystick.app import exchange, pairing
from tallystick.app.node import Desk, Node
from tallystick.app.ports import Peer, PeerStatus
from tallystick.core.bundle import is_for, split_sequence
from tallystick.core.errors import LocalError, RemoteError, TooLargeError, WrongSpaceError

COURIER_MAX = 256 * 2**20  # sealed; more news than that goes in several files
SUFFIX = ".lmc.age"


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

    Raises:
        LocalError: ``nothing-new``.
    """
    known = {} if everything else exchange.known_by_partner(desk, peer.writer_key)
    bundles = exchange.news_for(desk, known)
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


def desk_for(node: Node, bundle: bytes) -> Desk:
    """Return the desk a bundle is for, by the space prefix it carries.

    Raises:
        WrongSpaceError: no agreement kept here has that prefix.
    """
    for desk in node.desks.values():
        if is_for(desk.id, bundle):
            return desk
    raise WrongSpaceError
