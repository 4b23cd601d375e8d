"""A new writer for a node whose own log stays closed, because nobody can be reached who knows it (``restored``).

The node makes a new key and a signed request; an administrator at the node with the party's root key compares the new
key's id over another channel, revokes the old writer where its log is known to stand, and grants the new one in its
place. The answer is a courier file with the whole record. What the old log had beyond that counts no more, unless
somebody had relied on it.

Also the way out by telephone: a partner's administrator tells what its node holds of our logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tallystick.app import exchange, pairing, warrants, write
from tallystick.app.node import Desk, Node
from tallystick.core import canonical, signing
from tallystick.core.entries import Cut, Draft, Entry, Grant, Reason, Revoke
from tallystick.core.errors import LocalError, MalformedBytesError, RemoteError, TooLargeError
from tallystick.core.identity import grant_of, party_of

REQUEST_MAX = 4_096  # bytes; ours have about 500
NEW = "writer-new"
_CONTEXT = b"tallystick new writer v1\n"


@dataclass(frozen=True)
class Request:
    """What a node asks that came back from a backup; ``size`` and ``root`` are of its old log as far as it knows."""

    space: bytes
    party: str
    node_name: str
    old_key: bytes
    new_key: bytes
    age_recipient: str
    size: int
    root: bytes

    @property
    def key_id(self) -> str:
        return signing.readable_id(self.new_key)


def require_needed(node: Node, desk: Desk) -> int:
    """Return the log that a new writer would take the place of: one that is closed, or that has two histories.

    Raises:
        LocalError: ``not-behind`` (no log is either: nothing to recover), or ``recover-needs-hearing`` (this node keeps
            the root key, and the admin log that would grant is closed too).
    """
    closed = desk.closed_logs
    if node.keys.has("root") and closed:
        raise LocalError("recover-needs-hearing", agreement=desk.name)
    for log in desk.own_logs - {desk.admin_log}:
        if log in closed or log in desk.space.cuts:
            return log
    raise LocalError("not-behind", agreement=desk.name)


def is_granted(node: Node) -> bool:
    """Return whether the key ``NEW`` writes a log of every agreement kept here, so that it can take its place."""
    key = node.keys.public(NEW)
    return all(desk.space.log_of(key) is not None for desk in node.desks.values())


def ask(node: Node, desk: Desk) -> bytes:
    """Return the request to grant the key ``NEW``, which is there already, in the place of the present writer's.

    Raises:
        LocalError: as ``require_needed``.
    """
    log = require_needed(node, desk)
    size = desk.space.size(log)
    fields = [
        desk.id,
        node.settings.party,
        node.settings.node_name,
        node.keys.public("writer"),
        node.keys.public(NEW),
        node.keys.age_recipient(),
        size,
        desk.space.root(log, size),
    ]
    signed = canonical.encode(fields)
    return canonical.encode([signed, *(node.keys.sign(name, _CONTEXT + signed) for name in ("writer", NEW))])


def read_request(data: bytes) -> Request:
    """Return what a request asks, after checking both its signatures.

    Raises:
        RemoteError: ``recover-unreadable`` or ``recover-signature``.
    """
    if len(data) > REQUEST_MAX:
        raise TooLargeError(what="request", limit=REQUEST_MAX, size=len(data))
    try:
        match canonical.decode(data):
            case [bytes(signed), bytes(by_old), bytes(by_new)]:
                pass
            case _:
                raise MalformedBytesError("recover-unreadable")
        match canonical.decode(signed):
            case [
                bytes(space), str(party), str(name), bytes(old), bytes(new), str(age), int(size), bytes(root)
            ]:  # fmt: skip
                request = Request(space, party, name, old, new, age, size, root)
            case _:
                raise MalformedBytesError("recover-unreadable")
    except MalformedBytesError:
        raise MalformedBytesError("recover-unreadable") from None
    for key, signature in ((old, by_old), (new, by_new)):
        acceptable = len(key) == signing.KEY_BYTES and signing.key_is_acceptable(key)
        if not acceptable or not signing.verify(key, _CONTEXT + signed, signature):
            raise RemoteError("recover-signature", party=party)
    return request


@dataclass(frozen=True)
class Granted:
    """The entries signed, and the courier file that brings the asker all there is."""

    revoked: Entry
    granted: Entry
    answer: bytes


def look(desk: Desk, request: Request) -> tuple[int, int]:
    """Return the old writer's log and how many of its leaves are held here that the asker does not have.

    Raises:
        LocalError: ``recover-not-ours``: no log of this party was granted to the old key, or it is another's.
    """
    log = desk.space.log_of(request.old_key)
    if log is None or party_of(log) != desk.party or grant_of(log) == 0 or request.space != desk.id:
        raise LocalError("recover-not-ours", node=request.node_name)
    if desk.space.log_of(request.new_key) is not None:
        raise LocalError("recover-done-already", node=request.node_name)
    return log, desk.space.size(log) - request.size


def grant(node: Node, desk: Desk, request: Request, *, compared_key_id: str) -> Granted:
    """Revoke the asker's old writer where it is known to stand, and grant the new key in its place.

    Raises:
        LocalError: ``key-id-differs``; as ``look``; as ``write.sign``.
    """
    pairing.require_same_key_id(request.new_key, compared_key_id)
    log, _ = look(desk, request)
    old = desk.record.grants[desk.party, grant_of(log)]
    size = warrants.up_to_last_act(desk, log)
    cuts = (Cut(log=log, size=size, root=desk.space.root(log, size)),)
    revoked = write.sign(desk, Draft(Revoke(grant=grant_of(log), cuts=cuts, reason=Reason.NOT_STATED)))
    granted = write.sign(
        desk,
        Draft(
            Grant(
                post=old.post,
                key=request.new_key,
                age_recipient=request.age_recipient,
                duties=old.duties,
                currency=old.currency,
                per_act=old.per_act,
                total=old.total,
                until=old.until,
                trained_on=old.trained_on,
                replaces=grant_of(log),
            )
        ),
    )
    bundles = exchange.news_for(desk, {})
    return Granted(revoked, granted, node.keys.seal(b"".join(bundles), [request.age_recipient]))


def told(desk: Desk, writer_key: bytes, sizes: Mapping[int, int]) -> None:
    """Take in what the administrator of another node says, by telephone, that it holds of our logs; it stands instead
    of what that node told before.

    Raises:
        LocalError: ``not-behind``, ``unknown-log``, or ``not-all-told`` (a closed log was not spoken of).
    """
    if not desk.is_behind:
        raise LocalError("not-behind", agreement=desk.name)
    if missing := desk.closed_logs - sizes.keys():
        raise LocalError("not-all-told", logs=", ".join(map(str, sorted(missing))))
    question = desk.question_for(writer_key)
    assert question is not None
    desk.heard(question, sizes, by_voice=True)
    desk.settle()


def held_of(desk: Desk, party: int) -> dict[int, int]:
    """Return how many leaves of each log of ``party`` are held here: what one tells its administrator."""
    return {log: size for log, size in desk.space.sizes().items() if party_of(log) == party}
