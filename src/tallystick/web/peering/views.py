"""What a partner's node may ask: our card, a knock, a session, an exchange. Everything else is not there.

Strangers are counted by address, and only a few partners are served at once (``limits``), so that people's pages stay
open whatever stands at this door.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from functools import wraps

from django.core import signing as tokens
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from tallystick.app import attest, exchange, forks, pairing, rotations
from tallystick.app.ids import token
from tallystick.app.node import Node
from tallystick.app.ports import Peer, PeerStatus
from tallystick.core import canonical, signing
from tallystick.core.errors import (
    ForkError,
    GapError,
    LocalError,
    MalformedBytesError,
    RemoteError,
    StoreError,
    TallystickError,
    TooLargeError,
)
from tallystick.web import limits, watch
from tallystick.web.link import CODE_HEADER, HOLDS_HEADER, session_message
from tallystick.web.record import get_node
from tallystick.web.visit import note

EXCHANGE_MAX = 64 * 2**20
CHALLENGE_SECONDS = 300
SESSION_SECONDS = 3_600
_KEY = token()  # of this process: a restart ends what was made before, and nobody can forge it who has our files
_CHALLENGE_SALT = "tallystick.peering.challenge"
_SESSION_SALT = "tallystick.peering.session"
_View = Callable[[HttpRequest], HttpResponse]


def _refusal(status: int, error: TallystickError) -> HttpResponse:
    # Only what is about the partner's own bytes goes out: our other errors name our files and database.
    told = error.facts if isinstance(error, RemoteError | limits.TooOftenError) else {}
    facts = {name: value for name, value in told.items() if isinstance(value, str | int)}
    return HttpResponse(
        json.dumps(facts), status=status, content_type="application/json", headers={CODE_HEADER: error.code}
    )


def _door(view: _View) -> _View:
    """Bytes in, bytes out: a refusal is a status and a code."""

    @csrf_exempt
    @wraps(view)
    def opened(request: HttpRequest) -> HttpResponse:
        try:
            with limits.PARTNERS_AT_ONCE.one(limits.network_of(request)):
                return view(request)
        except limits.TooOftenError as error:
            return _refusal(429, error)
        except limits.BusyError as error:
            return _refusal(503, error)
        except TooLargeError as error:
            return _refusal(413, error)
        except (ForkError, GapError) as error:
            return _refusal(409, error)
        except RemoteError as error:
            if error.code in _NOT_ALLOWED:
                watch.line(request, "partner-refused", why=error.code)
            return _refusal(403 if error.code in _NOT_ALLOWED else 401 if error.code == "session-ended" else 400, error)
        except StoreError as error:
            return _refusal(503, error)
        except LocalError as error:
            return _refusal(404, error)

    return opened


_NOT_ALLOWED = frozenset(
    {"stranger", "not-yet-confirmed", "refused-by-administrator", "session-signature", "writer-revoked"}
)


def _counted(view: _View) -> _View:
    """Count who asks without a session; each such request costs us a signature to check or to make."""

    @wraps(view)
    def counted(request: HttpRequest) -> HttpResponse:
        limits.DOORS.take(limits.network_of(request))
        return view(request)

    return counted


def _body(request: HttpRequest, limit: int) -> bytes:
    """Read the body up to ``limit`` bytes; Django's own limit on form data does not apply to raw bytes read so."""
    declared = request.headers.get("Content-Length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise TooLargeError(what="request", limit=limit, size=int(declared))
    data: bytes = request.read(limit + 1)
    if len(data) > limit:
        raise TooLargeError(what="request", limit=limit, size=len(data))
    return data


@_door
@require_GET
@_counted
def card(_request: HttpRequest) -> HttpResponse:
    return _bytes(pairing.own_card(get_node()))


@_door
@require_POST
@_counted
def knock(request: HttpRequest) -> HttpResponse:
    peer = pairing.knocked(get_node(), _body(request, pairing.KNOCK_MAX))
    if peer.status is PeerStatus.REFUSED:
        raise RemoteError("refused-by-administrator")
    return _bytes(peer.status.encode())


@_door
@require_POST
@_counted
def challenge(request: HttpRequest) -> HttpResponse:
    match canonical.decode(_body(request, 256)):
        case [bytes(space), bytes(key)]:
            _partner(get_node(), space, key)
            return _bytes(tokens.dumps([space.hex(), key.hex(), token()], key=_KEY, salt=_CHALLENGE_SALT).encode())
        case _:
            raise MalformedBytesError(what="challenge")


@_door
@require_POST
@_counted
def session(request: HttpRequest) -> HttpResponse:
    match canonical.decode(_body(request, 1024)):
        case [bytes(space), bytes(key), bytes(challenge), bytes(signature)]:
            pass
        case _:
            raise MalformedBytesError(what="session")
    node = get_node()
    partner = _partner(node, space, key)
    named = _loads(challenge.decode("ascii", "replace"), salt=_CHALLENGE_SALT, max_age=CHALLENGE_SECONDS)
    if named[:2] != [space.hex(), key.hex()]:
        raise RemoteError("session-ended")
    ours = [node.keys.public(name) for name in node.keys.writers()]  # the caller may not know the newest yet
    if not any(signing.verify(key, session_message(space, one, challenge), signature) for one in ours):
        raise RemoteError("session-signature")
    _use_up(challenge)
    watch.line(request, "partner-came", party=partner.party)
    return _bytes(tokens.dumps(named[:2], key=_KEY, salt=_SESSION_SALT).encode())


_used: dict[bytes, float] = {}  # challenges answered rightly, and when they would have ended
_using = threading.Lock()


def _use_up(challenge: bytes) -> None:
    """Let a challenge be answered once: who listened on the line gets no session by saying the same again."""
    with _using:
        now = time.monotonic()
        for old in [one for one, ends in _used.items() if ends < now]:
            del _used[old]
        if challenge in _used:
            raise RemoteError("session-ended")
        _used[challenge] = now + CHALLENGE_SECONDS + 1


@_door
@require_POST
@_counted
def heads(request: HttpRequest) -> HttpResponse:
    """Compare heads: where a partner was shown another history than we were."""
    node, space, _, _ = _caller(request)
    return _bytes(forks.differences(node.desk(space), _body(request, forks.ASKED_MAX)))


def _caller(request: HttpRequest) -> tuple[Node, bytes, bytes, Peer]:
    """Return our node, the agreement, the key and the peer of whoever has opened the session.

    Raises:
        RemoteError: ``session-ended``, or it is no partner any more.
    """
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    try:
        if scheme != "Tallystick":
            raise RemoteError("session-ended")
        space_hex, key_hex = _loads(shown, salt=_SESSION_SALT, max_age=SESSION_SECONDS)
    except RemoteError:
        limits.DOORS.take(limits.network_of(request))
        raise
    node = get_node()
    space, key = bytes.fromhex(space_hex), bytes.fromhex(key_hex)
    return node, space, key, _partner(node, space, key)


@_door
@require_POST
def exchange_bundles(request: HttpRequest) -> HttpResponse:
    node, space, key, peer = _caller(request)
    desk = node.desk(space)
    holds = request.headers.get(HOLDS_HEADER, "")
    others = exchange.reachable(node.store, space)
    reply = exchange.answer(desk, _body(request, EXCHANGE_MAX), key, holds, others=others)
    note(node, peer.peer_id, seen_at=node.clock.now())
    if peer.status is PeerStatus.PENDING_OUT and pairing.has_adopted(desk):
        pairing.partner_has_adopted(node, node.store.get_peer(peer.peer_id) or peer)
    return _bytes(reply.body, {HOLDS_HEADER: reply.holds})


@_door
@require_POST
def digests(request: HttpRequest) -> HttpResponse:
    """Answer which orders differ."""
    node, space, key, _peer = _caller(request)
    asked = _body(request, attest.REQUEST_MAX)
    limits.READINGS.take(key.hex())
    return _bytes(attest.answer(node.desk(space), asked))


def _loads(token: str, *, salt: str, max_age: int) -> list[str]:
    try:
        named: list[str] = tokens.loads(token, key=_KEY, salt=salt, max_age=max_age)
    except tokens.BadSignature:
        raise RemoteError("session-ended") from None
    return named


def _partner(node: Node, space: bytes, key: bytes) -> Peer:
    """Return the peer whose node key is ``key``; a stranger learns nothing but that it is one."""
    for known in node.store.peers():
        peer = rotations.followed(node, known) if known.space == space else known
        if peer.space == space and peer.writer_key == key:
            if peer.status is PeerStatus.KNOCK:
                raise RemoteError("not-yet-confirmed")
            if peer.status is PeerStatus.REFUSED:
                raise RemoteError("refused-by-administrator")
            _require_unrevoked(node, space, key)
            return peer
    raise RemoteError("stranger")


def _require_unrevoked(node: Node, space: bytes, key: bytes) -> None:
    """Refuse a node whose own party has revoked its key: a thief of it reads no more from then on."""
    desk = node.desks.get(space)
    grants = [grant for grant in desk.record.grants.values() if grant.key == key] if desk is not None else []
    if grants and all(grant.revoked for grant in grants):  # none: pairing is under way, nothing of theirs has come
        raise RemoteError("writer-revoked")


def _bytes(data: bytes, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(data, content_type="application/octet-stream", headers=headers or {})
