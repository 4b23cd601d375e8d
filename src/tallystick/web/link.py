"""The line to partners' nodes: HTTP over kept connections, with the session each exchange needs.

Decides nothing about entries; carries bytes. Retrying and backing off is the worker's. Beside the neighbours, because
the worker uses it and so do the pages on which an administrator fetches a card or exchanges now.
"""

from __future__ import annotations

import ipaddress
import json
import re
import ssl
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import urllib3

from tallystick.app.exchange import Reply
from tallystick.app.ports import KeyRing
from tallystick.app.settings import NodeSettings
from tallystick.core import canonical
from tallystick.core.errors import LocalError, MalformedBytesError, PeerUnreachableError, RemoteError

ANSWER_MAX = 256 * 2**20
CONNECT_SECONDS = 10
READ_SECONDS = 120  # 16 KiB at 9.6 kbit/s is 14 s; a first exchange may be larger
_TOKEN_MAX = 1_024  # characters; ours have about 300
ANSWER_SECONDS = 1_800  # of one whole answer: 2 MiB at 9.6 kbit/s. The other partners wait meanwhile
_PART = 65_536
_CODE = re.compile(r"[a-z0-9-]{1,40}")
_SESSION_CONTEXT = b"tallystick session v2\n"
CODE_HEADER = "Tallystick-Code"
HOLDS_HEADER = "Tallystick-Holds"  # digest of what the sender holds: saves sending what is there


def session_message(space: bytes, answerer: bytes, challenge: bytes) -> bytes:
    """Return what a node signs to open a session.

    ``answerer`` is the writer key of the node it means to speak to: without it, that node could show the signature to
    another one of the agreement and read there under our name.
    """
    return _SESSION_CONTEXT + space + answerer + challenge


def is_this_machine(url: str) -> bool:
    """Return whether ``url`` stays on this machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass
class HttpLink:
    """Keeps the connections open and the session tokens in memory. Safe to use from one thread at a time."""

    settings: NodeSettings
    keys: KeyRing
    read_seconds: float = READ_SECONDS
    answer_seconds: float = ANSWER_SECONDS
    _tokens: dict[tuple[str, bytes], str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        context = self._trust()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._pool = urllib3.PoolManager(
            num_pools=16,
            maxsize=2,
            ssl_context=context,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=self.read_seconds),
        )

    def _trust(self) -> ssl.SSLContext:
        settings = self.settings
        if not settings.partner_ca:
            return ssl.create_default_context()
        path = settings.folder / settings.partner_ca
        try:
            return ssl.create_default_context(cafile=path)
        except OSError as error:  # ssl.SSLError is one
            why = f"no certificates in {path}: {error.strerror or error}"
            file = str(settings.folder / "node.toml")
            raise LocalError("setting-wrong", file=file, setting="partner_ca", why=why) from None

    def card(self, url: str) -> bytes:
        """Fetch the card of the node at ``url``."""
        return self._send("GET", url, "card", b"", {})

    def post(self, url: str, door: str, body: bytes) -> bytes:
        """Deliver ``body`` to a door that needs no session; return the answer."""
        return self._send("POST", url, door, body, {})

    def exchange(self, url: str, space: bytes, answerer: bytes, body: bytes, holds: str) -> Reply:
        """Deliver bundles and return the partner's.

        ``answerer`` is the writer key of the node that should be at ``url``.
        """
        return self._in_session(url, space, answerer, "exchange", body, {HOLDS_HEADER: holds})

    def digests(self, url: str, space: bytes, answerer: bytes, asked: bytes) -> bytes:
        """Ask the partner for its order digests (``app.attest``); sessions as in ``exchange``."""
        return self._in_session(url, space, answerer, "digests", asked, {}).body

    def heads(self, url: str, space: bytes, answerer: bytes, told: bytes) -> bytes:
        """Deliver our heads and return where the partner's differ (``app.forks``); sessions as in ``exchange``."""
        return self._in_session(url, space, answerer, "heads", told, {}).body

    def _in_session(
        self, url: str, space: bytes, answerer: bytes, door: str, body: bytes, headers: dict[str, str]
    ) -> Reply:
        """Ask in a session, which is opened first when there is none, or when it has ended."""
        for fresh in (False, True):
            token = self._tokens.get((url, space))
            if token is None or fresh:
                token = self._tokens[url, space] = self._open_session(url, space, answerer)
            try:
                return self._ask("POST", url, door, body, {"Authorization": f"Tallystick {token}", **headers})
            except RemoteError as error:
                ended = error.code == "session-ended"
                renewed = error.code == "stranger" and len(self.keys.writers()) > 1  # it knows our new key by now
                if fresh or not (ended or renewed):
                    raise
        raise AssertionError("the second try returns or raises")

    def _open_session(self, url: str, space: bytes, answerer: bytes) -> str:
        *older, oldest = self.keys.writers()
        for name in (*older, oldest):  # a partner that has not heard of a new key knows us by an old one
            key = self.keys.public(name)
            try:
                challenge = self._send("POST", url, "challenge", canonical.encode([space, key]), {})
                break
            except RemoteError as error:
                if error.code != "stranger" or name == oldest:
                    raise
        signature = self.keys.sign(name, session_message(space, answerer, challenge))
        token = self._send("POST", url, "session", canonical.encode([space, key, challenge, signature]), {})
        if not (len(token) <= _TOKEN_MAX and token.isascii() and token.decode("ascii").isprintable()):
            raise MalformedBytesError(what="session")  # it goes into a header
        return token.decode("ascii")

    def _send(self, method: str, url: str, door: str, body: bytes, headers: dict[str, str]) -> bytes:
        return self._ask(method, url, door, body, headers).body

    def _ask(self, method: str, url: str, door: str, body: bytes, headers: dict[str, str]) -> Reply:
        if not url.lower().startswith("https://") and not is_this_machine(url) and not self.settings.allow_plain_http:
            raise LocalError("plain-http-refused", url=url)
        try:
            answer = self._pool.request(
                method,
                f"{url.rstrip('/')}/peer/{door}",
                body=body or None,
                headers={"Content-Type": "application/octet-stream", **headers},
                preload_content=False,
                decode_content=False,  # our bytes come as they are; a few packed ones could become gigabytes
                redirect=False,
            )
            data = self._read(answer, url)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise PeerUnreachableError(url=url, why=type(error).__name__) from error
        if answer.status == 200:
            return Reply(data, answer.headers.get(HOLDS_HEADER, ""))
        code = answer.headers.get(CODE_HEADER)
        if code is None or not _CODE.fullmatch(code):
            raise PeerUnreachableError(
                url=url, why=f"HTTP {answer.status} from something that is not a Tallystick node"
            )
        if answer.status >= 500:
            raise PeerUnreachableError(url=url, why=code)
        raise RemoteError(code, **_facts(data))

    def _read(self, answer: urllib3.BaseHTTPResponse, url: str) -> bytes:
        """Read an answer to its end; a partner that sends too much or drips for ever is left."""
        parts: list[bytes] = []
        size, ends = 0, time.monotonic() + self.answer_seconds
        try:
            while part := answer.read1(_PART):
                size += len(part)
                if size > ANSWER_MAX:
                    raise RemoteError("answer-too-large", url=url, limit=ANSWER_MAX)
                if time.monotonic() > ends:
                    raise PeerUnreachableError(url=url, why=f"the answer takes more than {self.answer_seconds} s")
                parts.append(part)
        except BaseException:
            answer.close()  # what is left of this answer must not be taken for the next one
            raise
        answer.release_conn()
        return b"".join(parts)


def _facts(data: bytes) -> dict[str, object]:
    """Read the facts a refusal came with; a partner's words are shown as text and never trusted further."""
    try:
        facts = json.loads(data[:4096])
    except (ValueError, RecursionError):
        return {}
    if not isinstance(facts, dict):
        return {}
    return {str(name)[:40]: str(value)[:200] for name, value in facts.items() if str(name).isidentifier()}
