"""The audit tells what is known of each package, and never takes silence for an answer."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from tools import audit, sbom


@contextmanager
def service(status: int, answer: object) -> Iterator[tuple[str, list[object]]]:
    """Something that answers as OSV does; gives its address, and what it was asked."""
    asked: list[object] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Say nothing on the terminal of a test."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


LOCKED = list(sbom.shipped())
NOTHING = {"results": [{} for _ in LOCKED]}


def test_what_is_known_is_told(capsys):
    results = [{"vulns": [{"id": "GHSA-2"}, {"id": "CVE-1"}]} if name == "django" else {} for name in LOCKED]
    with service(200, {"results": results}) as (url, asked):
        assert audit.main(["--service", url]) == 1
    version = sbom.shipped()["django"].version
    assert f"django {version}: CVE-1, GHSA-2\n{len(LOCKED)} packages asked about, 1 with" in capsys.readouterr().out
    (question,) = asked
    assert [one["package"]["name"] for one in question["queries"]] == LOCKED
    assert {"package": {"ecosystem": "PyPI", "name": "django"}, "version": version} in question["queries"]


def test_nothing_known_is_nothing_known(capsys):
    with service(200, NOTHING) as (url, asked):
        assert audit.main(["--service", url]) == 0
        assert audit.main(["--service", url, "--everything", "--json"]) == 75, "an answer about other packages"
    assert len(asked[1]["queries"]) == len(sbom.pins(sbom.TEST)) > len(LOCKED)
    assert "0 with advisories" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (503, NOTHING),
        (302, NOTHING),
        (200, b"<html>"),
        (200, {}),
        (200, []),
        (200, {"results": NOTHING["results"][1:]}),
    ],
)
def test_silence_is_no_answer(status, answer, capsys):
    with service(status, answer) as (url, _asked):
        assert audit.main(["--service", url]) == 75
    told = capsys.readouterr()
    assert (told.out, told.err.startswith("Not asked: ")) == ("", True)


def test_without_a_network_nobody_was_asked(capsys):
    assert audit.main(["--service", "http://127.0.0.1:9/"]) == 75  # discard: refuses at once
    assert "Nothing is known about" in capsys.readouterr().err
