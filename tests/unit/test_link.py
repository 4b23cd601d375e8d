"""A line to a partner that means harm: whatever it answers is one of our errors, and the worker goes on."""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import urllib3
from tests.nodes import MEMORY, two_nodes

from tallystick.core.errors import LocalError, PeerUnreachableError, RemoteError, TallystickError
from tallystick.web.link import CODE_HEADER, HttpLink

URL = "http://127.0.0.1:9"
Answer = Callable[[str], tuple[int, bytes, dict[str, str]]]


@pytest.fixture
def link(tmp_path: Path) -> HttpLink:
    node = two_nodes(tmp_path, stores=MEMORY).nodes["JP"]
    return HttpLink(node.settings, node.keys)


def answers(link: HttpLink, monkeypatch: pytest.MonkeyPatch, answer: Answer) -> None:
    def request(_method: str, url: str, **_: Any) -> urllib3.HTTPResponse:
        status, body, headers = answer(url.rpartition("/")[2])
        return urllib3.HTTPResponse(io.BytesIO(body), headers=headers, status=status, preload_content=False)

    monkeypatch.setattr(link._pool, "request", request)


@pytest.mark.parametrize("token", [b"\xff\xfe", b"a\r\nX-Other: 1", "é".encode(), b"a" * 5_000])
def test_a_session_token_that_is_no_header_value_is_refused(link: HttpLink, monkeypatch, token: bytes):
    answers(link, monkeypatch, lambda door: (200, token if door == "session" else b"challenge", {}))
    with pytest.raises(RemoteError) as refused:
        link.exchange(URL, bytes(32), bytes(32), b"", "")
    assert refused.value.code == "malformed-bytes"


@pytest.mark.parametrize("facts", [b"[" * 4_096, b"\xff", b"[1]", b'{"a b": 1, "self": 2}'])
def test_facts_of_a_refusal_are_read_or_left(link: HttpLink, monkeypatch, facts: bytes):
    answers(link, monkeypatch, lambda _door: (400, facts, {CODE_HEADER: "knock-unreadable"}))
    with pytest.raises(RemoteError) as refused:
        link.post(URL, "knock", b"")
    assert refused.value.code == "knock-unreadable"
    assert set(refused.value.facts) <= {"self"}


@pytest.mark.parametrize("url", ["http://[", "https://[::1", "https://a b:99999999", "http://example.net"])
def test_an_address_that_is_none_is_one_of_our_errors(link: HttpLink, url: str):
    with pytest.raises(TallystickError) as refused:
        link.card(url)
    assert isinstance(refused.value, LocalError | PeerUnreachableError)


def test_an_answer_that_says_it_is_packed_is_not_unpacked(link: HttpLink):
    """A partner's few bytes of gzip could become gigabytes; ours come as they are, so these are only unreadable."""
    packed = gzip.compress(bytes(1_000_000))

    class Packed(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(packed)))
            self.end_headers()
            self.wfile.write(packed)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Packed) as server:
        serving = threading.Thread(target=server.handle_request)
        serving.start()
        try:
            assert link.card(f"http://127.0.0.1:{server.server_port}") == packed
        finally:
            serving.join()
            link._pool.clear()
