"""Builds the demo, or resumes what is there, and serves both nodes until Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from tallystick.app import settings
from tallystick.app.clock import DemoClock
from tallystick.app.settings import NodeSettings
from tallystick.cli.demo import history
from tallystick.cli.demo.cast import CAST
from tallystick.cli.demo.director import Director, StageClock, instant
from tallystick.core.errors import LocalError
from tallystick.stores.node import init_node

STATE = "demo.json"
VERSION = 1  # of what a demo holds; another version is rebuilt only with --fresh
READY_SECONDS = 60
STOP_SECONDS = 15
NODES = {
    "JP": ("jp", "Japan Self-Defense Forces", "Tokyo", "Asia/Tokyo"),
    "IN": ("in", "Indian Armed Forces", "New Delhi", "Asia/Kolkata"),
}
PORTS = {"JP": 8101, "IN": 8102}  # each node learns the other's when it is built, and keeps it
Say = Callable[[str], None]


@dataclass(frozen=True)
class Link:
    """A one-time sign-in link for a featured officer."""

    party: str
    login: str
    post: str
    what: str
    url: str


def run(folder: Path, *, serve: bool = True, fresh: bool = False, browser: bool = True, say: Say = print) -> int:
    """Build or resume the demo in ``folder``; with ``serve`` stay until stopped. Returns an exit code.

    Raises:
        LocalError: ``not-a-demo`` when the folder holds something else, ``address-taken`` when a port is in use.
    """
    started = time.monotonic()
    if fresh:
        _clear(folder)
    built = _built(folder)
    if serve:
        for code in NODES:
            _require_free_port(_port(folder, code) if built else PORTS[code])
    if built:
        say(f"Resuming the demo in {folder} (start over with --fresh).")
    else:
        build(folder, say)
    links = enrol(folder)
    say(f"Ready in {time.monotonic() - started:.0f} s.")
    if not serve:
        say(f"Nodes: {folder / 'jp'} and {folder / 'in'}. Serve them with: python3 go.py demo")
        return 0
    return _serve(folder, links, browser=browser, say=say)


def build(folder: Path, say: Say, *, ports: Mapping[str, int] = PORTS) -> None:
    """Make both nodes, pair them and play the year; whole or, after a stop, from the start again.

    ``ports`` says where on this machine each party's node will listen.
    """
    for part in (*(spec[0] for spec in NODES.values()), "clock"):
        _remove(folder / part)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise LocalError("not-a-demo", folder=str(folder))
    clock = StageClock(instant(history.BEGINS_ON))
    nodes = {}
    for code, (name, party_name, node_name, zone) in NODES.items():
        node = init_node(
            folder / name,
            NodeSettings(
                folder=folder / name,
                party=code,
                party_name=party_name,
                node_name=node_name,
                listen=f"127.0.0.1:{ports[code]}",
                time_zone=zone,
                sync_every_seconds=5,
                demo_clock="../clock",
            ),
        )
        node.clock = clock
        nodes[code] = node
    director = Director(nodes, clock)
    say("Pairing the two nodes and granting warrants …")
    director.pair()
    director.grant_officers()
    director.exchange()
    history.price_lists(director)
    months = _Months(say)
    history.play(director, history.VISITS, history.PRESENT, months.reach)
    one, other = (director.desk(code) for code in NODES)
    assert one.record.digest == other.record.digest, "the two nodes of the demo differ"
    months.done(
        f"{one.record.entry_count} signed entries on both nodes, digest {one.record.digest.hex()[:12]} on both."
    )
    DemoClock(folder / "clock").set_to(instant(history.PRESENT, hour=3))
    grants = {f"{party}/{login}": grant for (party, login), grant in director.grants.items()}
    for node in nodes.values():
        node.store.close()
    state = folder / (STATE + ".new")
    state.write_text(json.dumps({"version": VERSION, "grants": grants}, indent=1), encoding="utf-8")
    state.replace(folder / STATE)


@dataclass
class _Months:
    """Tells each month once, on one line where that can be."""

    say: Say
    month: str = ""
    dots: bool = sys.stdout.isatty()

    def reach(self, day: str) -> None:
        if day[:7] != self.month:
            self.month = day[:7]
            if self.dots:
                print(f"\rPlaying a year of orders: {self.month} ", end="", flush=True)
            else:
                self.say(f"Playing a year of orders: {self.month}")

    def done(self, text: str) -> None:
        if self.dots:
            print("\r", end="")
        self.say(text)


def _built(folder: Path) -> bool:
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise LocalError("not-a-demo", folder=str(folder)) from None
    if state.get("version") != VERSION:
        raise LocalError("demo-of-another-version", folder=str(folder))
    return True


def _clear(folder: Path) -> None:
    """Remove a demo, and nothing that is not one."""
    if not folder.exists():
        return
    known = {STATE, "clock", STATE + ".new", *(spec[0] for spec in NODES.values())}
    strangers = sorted(path.name for path in folder.iterdir() if path.name.removesuffix(".log") not in known)
    if strangers:
        raise LocalError("not-a-demo", folder=str(folder), found=strangers[0])
    for name in known:
        _remove(folder / name)
        _remove(folder / f"{name}.log")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def enrol(folder: Path, *, everybody: bool = False) -> list[Link]:
    """Enter the people of both nodes and return new sign-in links, for the featured ones or for ``everybody``.

    Each node in its own process, because each has its own database.
    """
    grants = json.loads((folder / STATE).read_text(encoding="utf-8"))["grants"]
    running = []
    for code, (name, *_) in NODES.items():
        wanted = [
            {
                "login": member.login,
                "name": member.name,
                "post": member.post,
                "duties": [int(duty) for duty in member.duties],
                "grant": grants[f"{code}/{member.login}"],
                "featured": member.featured or everybody,
            }
            for member in CAST
            if member.party == code
        ]
        process = subprocess.Popen(
            [sys.executable, "-m", "tallystick.cli.demo.enrol"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(folder / name),
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(wanted))
        process.stdin.close()
        running.append((code, process))
    links = []
    for code, process in running:
        assert process.stdout is not None
        with process.stdout as told:
            answer = told.read()
        if process.wait() != 0:
            raise LocalError("demo-people-failed", party=code)
        for member in CAST:
            path = json.loads(answer).get(member.login) if member.party == code else None
            if path:
                links.append(Link(code, member.login, member.post, member.what, f"{_settings(folder, code).url}{path}"))
    return links


def _environment(node: Path) -> dict[str, str]:
    source = Path(__file__).resolve().parents[3]
    paths = [str(source), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "TALLYSTICK_NODE": str(node.resolve()), "PYTHONPATH": os.pathsep.join(paths)}


@contextmanager
def serving(folder: Path) -> Iterator[Sequence[subprocess.Popen[bytes]]]:
    """Run both nodes of a built demo, ready when entered, stopped when left.

    Raises:
        LocalError: ``demo-node-failed`` when one does not come up.
    """
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for name, *_ in NODES.values():
            with (folder / f"{name}.log").open("ab") as journal:
                processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "tallystick.cli.main", "--node", str(folder / name), "serve"],
                        env=_environment(folder / name),
                        stdin=subprocess.DEVNULL,
                        stdout=journal,
                        stderr=journal,
                        start_new_session=True,  # Ctrl-C reaches us; we stop them in order
                    )
                )
        for (code, (name, *_)), process in zip(NODES.items(), processes, strict=True):
            _wait_ready(_port(folder, code), process, folder / f"{name}.log", code)
        yield processes
    finally:
        _stop(processes)


def _serve(folder: Path, links: Sequence[Link], *, browser: bool, say: Say) -> int:
    with serving(folder) as processes:
        _welcome(folder, links, say)
        if browser and links:
            with suppress(webbrowser.Error):
                webbrowser.open(f"{_settings(folder, 'JP').url}/")
        return _stay(processes, say)


def _settings(folder: Path, code: str) -> NodeSettings:
    return settings.load(folder / NODES[code][0])


def _port(folder: Path, code: str) -> int:
    return int(_settings(folder, code).listen.rpartition(":")[2])


def _welcome(folder: Path, links: Sequence[Link], say: Say) -> None:
    for code, (_, party_name, *_) in NODES.items():
        say("")
        say(f"{party_name}: {_settings(folder, code).url}/")
        for link in links:
            if link.party == code:
                say(f"  {link.post}: {link.what}")
                say(f"    {link.url}")
    say("")
    say("Each link signs in once; run the demo again for new ones. Use two browsers or profiles to be both sides.")
    say("Ctrl-C stops both nodes; everything is kept.")


def _stay(processes: Sequence[subprocess.Popen[bytes]], say: Say) -> int:
    """Wait until a signal, or until one of the nodes ends by itself."""
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    while not stopping:
        if any(process.poll() is not None for process in processes):
            say("A node stopped by itself; its log is beside its folder.")
            return 70
        time.sleep(0.2)
    say("Stopping both nodes …")
    return 0


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(port: int, process: subprocess.Popen[bytes], journal: Path, code: str) -> None:
    ends = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends:
        if process.poll() is not None:
            break
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise LocalError("demo-node-failed", party=code, log=str(journal))


def _require_free_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise LocalError("address-taken", address=f"127.0.0.1:{port}") from None
