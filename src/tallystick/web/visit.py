"""One visit to a partner's node: knock or exchange, and write down how it went.

The worker visits by itself, an administrator's click visits now; both this way.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from tallystick.app import attest, exchange, pairing, rotations, withheld
from tallystick.app.node import Desk, Node
from tallystick.app.ports import Peer, PeerStatus
from tallystick.core.agreement import Genesis
from tallystick.core.errors import LocalError, PeerUnreachableError, RemoteError, TallystickError
from tallystick.web.link import HttpLink

log = logging.getLogger("tallystick.peering")

LIVE = exchange.LIVE


def visit(node: Node, link: HttpLink, peer: Peer, holds: str = "") -> exchange.SyncResult | TallystickError:
    """Knock at or exchange with one partner; note in the peer book, and return, how it went."""
    peer = rotations.followed(node, peer)
    assert peer.space is not None
    assert peer.writer_key is not None
    now = node.clock.now()
    others = exchange.reachable(node.store, peer.space)
    try:
        desk = node.desk(peer.space)
        if peer.status is PeerStatus.PENDING_OUT and not pairing.has_adopted(desk):
            link.post(peer.url, "knock", pairing.make_knock(node, Genesis.read(peer.genesis or b"")))
        space, answerer = peer.space, peer.writer_key

        def post(body: bytes, ours: str) -> exchange.Reply:
            return link.exchange(peer.url, space, answerer, body, ours)

        def compare(body: bytes) -> bytes:
            return link.heads(peer.url, space, answerer, body)

        result = exchange.sync(desk, post, answerer, holds=holds, others=others, compare=compare)
        said = attest.compare(desk)
        if said or (pairing.has_adopted(desk) and attest.attest_if_due(desk)):  # the partner hears it now
            more = exchange.sync(desk, post, answerer, holds=result.holds, others=others, compare=compare)
            result = exchange.SyncResult(result.received + more.received, more.holds)
    except (PeerUnreachableError, RemoteError, LocalError) as error:
        news = error.code != peer.last_error  # told once, not at each of the tries that follow
        log.log(logging.WARNING if news else logging.INFO, "partner %s: %s", peer.party, error)
        note(node, peer.peer_id, tried_at=now, error=error.code)
        if peer.space in node.desks:
            node.desk(peer.space).not_reached(peer.writer_key)
            node.desk(peer.space).settle(others)
        return error
    note(node, peer.peer_id, tried_at=now, seen_at=now)
    if pairing.has_adopted(desk):
        pairing.partner_has_adopted(node, node.store.get_peer(peer.peer_id) or peer)
        withheld.note_visit(desk, answerer)
        _name_order(desk, link, peer)
    return result


def _name_order(desk: Desk, link: HttpLink, peer: Peer) -> None:
    """After a divergence ask the partner's node which order differs first; one that does not say is asked again."""
    assert peer.space is not None
    assert peer.writer_key is not None
    space, answerer = peer.space, peer.writer_key
    writer = desk.space.log_of(answerer)
    if writer is None:
        return
    try:
        attest.name_order(desk, writer, lambda asked: link.digests(peer.url, space, answerer, asked))
    except (PeerUnreachableError, RemoteError) as error:
        log.info("partner %s does not tell its digests: %s", peer.party, error.code)


def note(
    node: Node, peer_id: str, *, tried_at: int | None = None, seen_at: int | None = None, error: str | None = None
) -> None:
    """Write down how a visit went; reads the peer again, because an administrator may have changed it meanwhile."""
    peer = node.store.get_peer(peer_id)
    if peer is not None:
        node.store.put_peer(
            replace(
                peer,
                last_tried_at=tried_at or peer.last_tried_at,
                last_seen_at=seen_at or peer.last_seen_at,
                last_error=error,
            )
        )
