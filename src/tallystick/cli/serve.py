"""``serve``: the node as one process of pages, API, partners' door and background exchange."""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from pathlib import Path

import click

from tallystick.app.settings import NodeSettings
from tallystick.cli.shell import Shell, pass_shell, say
from tallystick.core.errors import LocalError

THREADS = 20  # requests at once; how many of them may wait for what somebody sends is in web/limits.py
STOP_SECONDS = 10  # for a request to end before its process is ended
READY_SECONDS = 120  # for a large record to be folded on a slow machine
_LOOK_SECONDS = 0.1


@click.command()
@click.option("--quiet", is_flag=True, help="Do not print the address.")
@pass_shell
def serve(shell: Shell, quiet: bool) -> None:
    """Run the node: pages, API, partners' door and background exchange.

    Address and TLS come from node.toml. Stops cleanly on Ctrl-C or SIGTERM.
    """
    settings = shell.node.settings
    shell.node.store.close()
    host, port = _address(settings)
    _require_protection(settings, host)
    certificate = _certificate(settings)
    _require_free(host, port)
    from tallystick.cli.django import ready

    ready(settings.folder)
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.errors import FatalError
    from granian.log import LogLevels

    os.environ["TALLYSTICK_NODE"] = str(settings.folder.absolute())  # for the worker process
    server = Granian(
        target="tallystick.web.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=THREADS,
        http=HTTPModes.http1,  # HTTP/2 takes 16 MiB of headers for each of 200 streams from anybody
        websockets=False,
        log_level=LogLevels.error,
        ssl_cert=certificate[0] if certificate else None,
        ssl_key=certificate[1] if certificate else None,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
    )
    if not quiet:
        words = f"{settings.node_name} of {settings.party}: {settings.url}/  (stop with Ctrl-C)"
        threading.Thread(target=_say_when_open, args=(host, port, words), daemon=True).start()
    try:
        server.serve()
    except (FatalError, SystemExit) as error:  # the latter when the worker process ended by itself
        raise LocalError("not-served", why=f"{type(error).__name__} {error}") from None
    if not quiet:
        say("Stopped.")


def _say_when_open(host: str, port: int, words: str) -> None:
    """Print ``words`` as soon as the address answers: a browser opened before would find nobody."""
    pause = threading.Event()
    for _ in range(round(READY_SECONDS / _LOOK_SECONDS)):
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            pause.wait(_LOOK_SECONDS)
        else:
            say(words)
            return


def _address(settings: NodeSettings) -> tuple[str, int]:
    host, colon, port = settings.listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise LocalError("setting-wrong", file=str(settings.folder / "node.toml"), setting="listen", why="host:port")
    return host, int(port)


def _require_protection(settings: NodeSettings, host: str) -> None:
    """Refuse to carry sessions in the clear beyond this machine, unless someone else does the TLS or it was said."""
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost"
    protected = settings.tls_certificate or settings.url.startswith("https://")
    if not (here or protected or settings.allow_plain_http):
        raise LocalError("plain-http-refused", url=settings.url)


def _certificate(settings: NodeSettings) -> tuple[Path, Path] | None:
    if not settings.tls_certificate:
        return None
    paths = (settings.folder / settings.tls_certificate, settings.folder / settings.tls_key)
    for name, path in zip(("tls_certificate", "tls_key"), paths, strict=True):
        if not path.is_file():
            why = f"there is no file {path}"
            raise LocalError("setting-wrong", file=str(settings.folder / "node.toml"), setting=name, why=why)
    return paths


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise LocalError("address-taken", address=f"{host}:{port}") from None
