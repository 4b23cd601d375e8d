"""A node is served at its address, with or without TLS, and stops when told to."""

import contextlib
import datetime as dt
import http.cookiejar
import ipaddress
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tallystick.app.pairing import read_card
from tallystick.cli.serve import THREADS


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def node(run, tmp_path):
    folder, port = tmp_path / "jp", free_port()
    made = run(
        "--node", folder, "init", "--party", "JP", "--party-name", "Japan", "--name", "HQ",
        "--listen", f"127.0.0.1:{port}",
    )  # fmt: skip
    assert made.code == 0
    return folder, port


def add(folder, *lines):
    with (folder / "node.toml").open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


@contextlib.contextmanager
def served(folder):
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "tallystick.cli.main", "--node", str(folder), "serve"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield process, line
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its own session: the worker process goes with it
        process.communicate()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_and_stops_cleanly(node, how):
    folder, port = node
    with served(folder) as (process, line):
        assert f"http://127.0.0.1:{port}/" in line
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/peer/card", timeout=30) as answer:
            assert read_card(answer.read()).party == "JP"
        process.send_signal(how)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (0, "Stopped.\n", "")
    with socket.socket() as again:  # nobody was left behind
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def say(port, text):
    """Send bytes as they are, and return the status of each answer that comes."""
    return [int(found.split()[1]) for found in hear(port, text).split(b"\r\n") if found.startswith(b"HTTP/")]


def hear(port, text):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        with contextlib.suppress(ConnectionError):  # it may hang up before it has heard all
            line.sendall(text.replace("HOST", f"Host: 127.0.0.1:{port}").replace("\n", "\r\n").encode())
        heard = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            while part := line.recv(65_536):
                heard += part
                line.settimeout(1)  # for a second answer, which nothing here rests on
    return heard


MESSAGES = {
    "two lengths": ("POST /sign-in/ HTTP/1.1\nHOST\nContent-Length: 5\nContent-Length: 6\n\nabcdef", {400}),
    "less than nothing": ("POST /sign-in/ HTTP/1.1\nHOST\nContent-Length: -5\n\nabcde", {400}),
    "a space before the colon": ("GET /sign-in/ HTTP/1.1\nHOST\nContent-Length : 5\n\n", {400}),
    "a folded line": ("GET /sign-in/ HTTP/1.1\nHOST\nX: a\n b\n\n", {400}),
    "an encoding nobody knows": ("POST /sign-in/ HTTP/1.1\nHOST\nTransfer-Encoding: xchunked\n\n0\n\n", {400}),
    "no host": ("GET /sign-in/ HTTP/1.1\nConnection: close\n\n", {400}),
    "two hosts": ("GET /sign-in/ HTTP/1.1\nHOST\nHost: evil.example\nConnection: close\n\n", {400}),
    "another host": ("GET /sign-in/ HTTP/1.1\nHost: evil.example\nConnection: close\n\n", {400}),
    "a proxy's request": ("CONNECT evil.example:443 HTTP/1.1\nHOST\nConnection: close\n\n", {400, 405}),
    "a way out": ("GET /static/../../../node.toml HTTP/1.1\nHOST\nConnection: close\n\n", {404}),
    "a hidden way out": ("GET /static/..%2f..%2fsettings.py HTTP/1.1\nHOST\nConnection: close\n\n", {404}),
    "a long header": (f"GET /sign-in/ HTTP/1.1\nHOST\nX: {'a' * 5_000_000}\n\n", {431}),
    "half a gigabyte": ("POST /sign-in/ HTTP/1.1\nHOST\nConnection: close\nContent-Length: 500000000\n\n", {413}),
}


def test_messages_that_are_wrong_on_purpose(node):
    """Two readers of one message must not find two different ones in it; and nobody is kept waiting for the rest."""
    folder, port = node
    with served(folder):
        found = {what: set(say(port, text)) for what, (text, _) in MESSAGES.items()}
        hidden = "0\n\nGET /peer/card HTTP/1.1\nHOST\n\n"
        chunked = (
            f"POST /sign-in/ HTTP/1.1\nHOST\nContent-Length: {len(hidden)}\nTransfer-Encoding: chunked\n\n{hidden}"
        )
        smuggled = say(port, chunked)
        settings = bytes.fromhex("000000040000000000")  # how a client of HTTP/2 goes on
        newer = hear(port, f"PRI * HTTP/2.0\n\nSM\n\n{settings.decode('latin-1')}")
    assert {what: (found[what], may) for what, (_, may) in MESSAGES.items() if not found[what] <= may} == {}
    assert smuggled in ([400], [403]), "what follows is not taken for a second request"
    assert newer[3:4] != settings[3:4], "HTTP/2 is not spoken: it takes 16 MiB of headers from anybody"


def begin(port, path, cookie="", source="127.0.0.1"):
    """Send the head of a form, and one byte of a thousand."""
    line = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(source, 0))
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n"
    line.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\na".encode())
    return line


def sign_in(folder, who):
    """Use a one-time link for ``who``, and return the cookies that a browser sends from then on."""
    asked = [sys.executable, "-m", "tallystick.cli.main", "--node", str(folder), "invite", who, "--name", who]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run([*asked, "--json"], env=env, capture_output=True, check=True)
    link = json.loads(told.stdout)["url"]
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    page = browser.open(link, timeout=60).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    browser.open(link, data=f"csrfmiddlewaretoken={token}".encode(), timeout=60)
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


def test_slow_forms_keep_nobody_out(node):
    """Of strangers, of whoever says to be a partner, and of somebody inside; all that they can send is never sent."""
    folder, port = node
    with served(folder), contextlib.ExitStack() as slow:
        sato, mori = sign_in(folder, "sato"), sign_in(folder, "mori")
        for path, cookie in (("/sign-in/", sato.partition("; ")[0]), ("/peer/knock", ""), ("/me/elsewhere/end", sato)):
            for _ in range(THREADS):
                slow.enter_context(begin(port, path, cookie))
        for _ in range(3):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in/", timeout=60) as page:
                assert page.status == 200
        for path, cookie in (("/sign-in/", ""), ("/peer/session", ""), ("/theme/", mori)):
            with begin(port, path, cookie, source="127.0.0.2") as line:
                line.sendall(bytes(999))
                assert line.recv(12)[9:] in (b"403", b"400"), (path, "looked at, and refused for what it is")


def certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "node")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "tls.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def test_it_serves_tls(node):
    folder, port = node
    certificate(folder)
    add(folder, 'tls_certificate = "tls.pem"', 'tls_key = "tls.key"')
    with served(folder) as (_, line):
        assert f"https://127.0.0.1:{port}/" in line
        context = ssl.create_default_context(cafile=folder / "tls.pem")
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/peer/card", timeout=30, context=context) as answer:
            assert read_card(answer.read()).url == f"https://127.0.0.1:{port}"


def test_an_address_in_use_is_named(run, node):
    folder, port = node
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        ran = run("--node", folder, "serve")
    assert (ran.code, f"127.0.0.1:{port} is in use" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (['listen = "0.0.0.0:8101"'], "plain-http-refused"),
        (['listen = "nowhere"'], "setting-wrong"),
        (['listen = "127.0.0.1:99999"'], "setting-wrong"),
        (['tls_certificate = "missing.pem"', 'tls_key = "missing.key"'], "setting-wrong"),
    ],
)
def test_what_cannot_be_served_is_refused(run, node, lines, code):
    folder, _ = node
    if any(line.startswith("listen") for line in lines):
        text = (folder / "node.toml").read_text()
        kept = [line for line in text.splitlines() if not line.startswith("listen")]
        (folder / "node.toml").write_text("\n".join(kept) + "\n")
    add(folder, *lines)
    ran = run("--node", folder, "serve")
    assert (ran.code, ran.err.rstrip().rpartition("code: ")[2]) == (2, code)
