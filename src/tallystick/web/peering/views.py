"""What a partner's node may ask: our card, a knock, a session, an exchange. Everything else is not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps

from django.core import signing as tokens
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from tallystick.app import exchange, pairing
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
from tallystick.web.link import CODE_HEADER, HOLDS_HEADER, SESSION_CONTEXT
from tallystick.web.record import get_node
from tallystick.web.visit import note

EXCHANGE_MAX = 64 * 2**20
CHALLENGE_SECONDS = 300
SESSION_SECONDS = 3_600
_CHALLENGE_SALT = "tallystick.peering.challenge"
_SESSION_SALT = "tallystick.peering.session"
_View = Callable[[HttpRequest], HttpResponse]


def _refusal(status: int, error: TallystickError) -> HttpResponse:
    # Only what is about the partner's own bytes goes out: our other errors name our files and database.
    told = error.facts if isinstance(error, RemoteError) else {}
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
            return view(request)
        except TooLargeError as error:
            return _refusal(413, error)
        except (ForkError, GapError) as error:
            return _refusal(409, error)
        except RemoteError as error:
            return _refusal(403 if error.code in _NOT_ALLOWED else 401 if error.code == "session-ended" else 400, error)
        except StoreError as error:
            return _refusal(503, error)
        except LocalError as error:
            return _refusal(404, error)

    return opened


_NOT_ALLOWED = frozenset({"stranger", "not-yet-confirmed", "refused-by-administrator", "session-signature"})


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
def card(_request: HttpRequest) -> HttpResponse:
    return _bytes(pairing.own_card(get_node()))


@_door
@require_POST
def knock(request: HttpRequest) -> HttpResponse:
    peer = pairing.knocked(get_node(), _body(request, pairing.KNOCK_MAX))
    if peer.status is PeerStatus.REFUSED:
        raise RemoteError("refused-by-administrator")
    return _bytes(peer.status.encode())


@_door
@require_POST
def challenge(request: HttpRequest) -> HttpResponse:
    match canonical.decode(_body(request, 256)):
        case [bytes(space), bytes(key)]:
            _partner(get_node(), space, key)
            return _bytes(tokens.dumps([space.hex(), key.hex()], salt=_CHALLENGE_SALT).encode())
        case _:
            raise MalformedBytesError(what="challenge")


@_door
@require_POST
def session(request: HttpRequest) -> HttpResponse:
    match canonical.decode(_body(request, 1024)):
        case [bytes(space), bytes(key), bytes(challenge), bytes(signature)]:
            pass
        case _:
            raise MalformedBytesError(what="session")
    _partner(get_node(), space, key)
    named = _loads(challenge.decode("ascii", "replace"), salt=_CHALLENGE_SALT, max_age=CHALLENGE_SECONDS)
    if named != [space.hex(), key.hex()]:
        raise RemoteError("session-ended")
    if not signing.verify(key, SESSION_CONTEXT + space + challenge, signature):
        raise RemoteError("session-signature")
    return _bytes(tokens.dumps(named, salt=_SESSION_SALT).encode())


@_door
@require_POST
def exchange_bundles(request: HttpRequest) -> HttpResponse:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Tallystick":
        raise RemoteError("session-ended")
    space_hex, key_hex = _loads(token, salt=_SESSION_SALT, max_age=SESSION_SECONDS)
    node = get_node()
    space, key = bytes.fromhex(space_hex), bytes.fromhex(key_hex)
    peer = _partner(node, space, key)
    desk = node.desk(space)
    reply = exchange.answer(desk, _body(request, EXCHANGE_MAX), key, request.headers.get(HOLDS_HEADER, ""))
    note(node, peer.peer_id, seen_at=node.clock.now())
    if peer.status is PeerStatus.PENDING_OUT and pairing.has_adopted(desk):
        pairing.partner_has_adopted(node, node.store.get_peer(peer.peer_id) or peer)
    return _bytes(reply.body, {HOLDS_HEADER: reply.holds})


def _loads(token: str, *, salt: str, max_age: int) -> list[str]:
    try:
        named: list[str] = tokens.loads(token, salt=salt, max_age=max_age)
    except tokens.BadSignature:
        raise RemoteError("session-ended") from None
    return named


def _partner(node: Node, space: bytes, key: bytes) -> Peer:
    """Return the peer whose node key is ``key``; a stranger learns nothing but that it is one."""
    for peer in node.store.peers():
        if peer.space == space and peer.writer_key == key:
            if peer.status is PeerStatus.KNOCK:
                raise RemoteError("not-yet-confirmed")
            if peer.status is PeerStatus.REFUSED:
                raise RemoteError("refused-by-administrator")
            return peer
    raise RemoteError("stranger")


def _bytes(data: bytes, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(data, content_type="application/octet-stream", headers=headers or {})
