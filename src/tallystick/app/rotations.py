"""Nodes that write with a new key: who they are now, which logs are theirs, and how this one gets a key.

A node is known to its partners by the key of its log. When its warrant goes on under another key, partners follow what
the record says, as soon as they hold it; until then the node is still known by the old one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tallystick.app import write
from tallystick.app.node import Desk, Node
from tallystick.app.ports import Peer
from tallystick.core.entries import Draft, Entry, Grant
from tallystick.core.errors import LocalError
from tallystick.core.identity import grant_of, log_id
from tallystick.core.warrants import GrantView

NEW = "writer-new"  # the name of the key until every agreement has granted it


def _grant(desk: Desk, key: bytes) -> GrantView | None:
    return next((grant for grant in desk.record.grants.values() if grant.key == key and not grant.void), None)


def present_key(desk: Desk, key: bytes) -> bytes:
    """Return the key with which the node that wrote with ``key`` writes now."""
    grant = _grant(desk, key)
    while grant is not None and grant.key is not None:
        key = grant.key
        after = grant.replaced_by
        grant = desk.record.grants.get((grant.party, after.index)) if after is not None else None
    return key


def logs(desk: Desk, key: bytes) -> Iterator[int]:
    """Yield the log of ``key`` and those its warrant goes on from, newest first."""
    grant = _grant(desk, key)
    if grant is None:
        log = desk.space.log_of(key)
        if log is not None:
            yield log
    while grant is not None:
        yield log_id(grant.ref.index, grant.party)
        before = grant.replaces
        grant = desk.record.grants.get((grant.party, before)) if before is not None else None


def followed(node: Node, peer: Peer) -> Peer:
    """Return ``peer`` as the record has it now, and keep that: its node may have a new key."""
    desk = node.desks.get(peer.space) if peer.space is not None else None
    if desk is None or peer.writer_key is None:
        return peer
    key = present_key(desk, peer.writer_key)
    if key == peer.writer_key:
        return peer
    grant = _grant(desk, key)
    assert grant is not None
    peer = replace(peer, writer_key=key, age_recipient=grant.age_recipient or peer.age_recipient)
    node.store.put_peer(peer)
    return peer


def rotate_writer(
    desk: Desk, key: bytes, *, currency: str, per_act: int | None, total: int | None, until: int | None
) -> Entry:
    """Let this node's own warrant go on under ``key``, with these limits. What was used so far counts on.

    Raises:
        LocalError: ``no-root-key-here``, ``no-writer-here``, or ``warrant-currency``.
    """
    old = desk.record.grants[desk.party, grant_of(desk.log)]
    if (per_act is not None or total is not None) and not currency:
        raise LocalError("ceiling-without-currency")
    return write.sign(
        desk,
        Draft(
            Grant(
                post=old.post,
                key=key,
                age_recipient=desk.keys.age_recipient(),
                duties=old.duties,
                currency=currency,
                per_act=per_act,
                total=total,
                until=until,
                trained_on=old.trained_on,
                replaces=old.ref.index,
            )
        ),
    )
