"""A node that is killed at every write of an act, of a receive and of an erasure; then it is opened again.

``python -m tests.exhaustive.kills`` compiles ``killed.c``, which counts every call that writes, syncs, cuts, renames,
removes or sends, and kills the process at the n-th: before it, and after half its bytes. For each kind of database and
deed, n goes from 1 until nothing is left to kill. Each time the killed node is opened again and must hold all or
nothing of what was under way, and everything that it had ever acknowledged; ``verify`` must pass; and doing it once
more must complete it. What was erased must be gone from all files once the node has started. Prints how often each
was so.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from tests.exhaustive import small
from tests.needs import postgres_url
from tests.nodes import again, postgres_stores
from tests.unit.stores.keeping import TABLE_FILES

from tallystick.app import exchange, redact, write
from tallystick.app import settings as node_settings
from tallystick.app.node import Node
from tallystick.app.ports import Loaded
from tallystick.app.verify import verify
from tallystick.core.entries import Draft, Note, Reason, Segment
from tallystick.stores import open_store

ROOT = Path(__file__).parents[2]
STORES = ("sqlite", "files", "postgres")
LAST = 12  # writes around the commit, each tried once more: how often psycopg sends depends on how fast answers come
KILLED = "tallystick_killed"  # how the server calls the connections of a process that is to be killed
GONE_SECONDS = 60.0


@dataclass
class Tally:
    """Of ``tried`` kills, how many left nothing of what was under way and how many all of it, and of these, how many
    had been acknowledged before."""

    tried: int = 0
    nothing: int = 0
    everything: int = 0
    acknowledged: int = 0

    def add(self, *, done: bool, said: bytes | None, lived: bool) -> None:
        if not lived:
            self.nothing += not done
            self.everything += done
            self.acknowledged += said is not None


class Victim:
    """Japan's node, opened and killed again and again; India's node lives on."""

    def __init__(self, made: small.Small, url: str) -> None:
        self.made = made
        self.url = url
        self.library = ctypes.CDLL(None)
        if url:  # so that a process that starts finds its store there
            node_settings.save(replace(made.japan.settings, database=url))
        self.heard: dict[int, int] = {}  # the largest sizes that Japan ever acknowledged to anybody

    @property
    def on_server(self) -> bool:
        return self.url.startswith("postgres")

    def open(self, *, killed: bool = False) -> Node:
        """Return Japan's node as a process finds it that has just started."""
        node = again(self.made.japan)
        if killed and self.on_server:
            node.store.close()
            node.store = open_store(f"{self.url}&application_name={KILLED}")
        return node

    def fork(self, do: Callable[[Node], bytes], at: int, *, half: bool) -> tuple[bytes | None, bool]:
        """Run ``do`` in a child that is killed at its ``at``-th write; return what it said, and whether it lived."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            node = self.open(killed=True)
            node.desk()
            self.library.tally_arm(at, int(half))
            said = do(node)
            os.write(writing, len(said).to_bytes(4, "big") + said)
            node.store.close()
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            told = pipe.read()
        _, status = os.waitpid(child, 0)
        assert status == 0 or os.WTERMSIG(status) == signal.SIGKILL, status
        if self.on_server:
            _wait_until_gone(self.url)
        whole = len(told) >= 4 and len(told) == 4 + int.from_bytes(told[:4], "big")
        return told[4:] if whole else None, status == 0

    def look(self) -> Loaded:
        """Open the node again, check everything, and return what it holds."""
        node = self.open()
        node.store.check()
        desk = node.desk()
        loaded = node.store.load(desk.id)
        verify(loaded)
        sizes = node.store.sizes(desk.id)
        assert all(sizes[log] >= size for log, size in self.heard.items()), (sizes, self.heard)
        node.store.close()
        return loaded

    def starts(self) -> None:
        """Do what the worker of a served node does first."""
        node = self.open()
        node.store.purge()
        node.store.close()

    def bytes_kept(self) -> bytes:
        """Return the bytes of Japan's files, or of the files in which the server keeps its tables."""
        if self.on_server:
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute("CHECKPOINT")
                return b"\0".join(part for (part,) in connection.execute(TABLE_FILES))
        folder = Path(self.url.removeprefix("files:///")) if self.url else self.made.japan.settings.folder
        return b"\0".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def _wait_until_gone(url: str) -> None:
    """Wait until the server has noticed that the killed client is gone: a commit it was sent may still be done."""
    until = time.monotonic() + GONE_SECONDS
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute("SELECT 1 FROM pg_stat_activity WHERE application_name = %s", [KILLED]).fetchone():
            assert time.monotonic() < until
            time.sleep(0.002)


def act(victim: Victim, at: int, *, half: bool, tally: Tally) -> bool:
    """Let Japan sign a note and be killed; return whether it lived."""
    before = victim.look()
    who = victim.made.director.grants["JP", "supply"]

    def sign(node: Node) -> bytes:
        node.clock.instant += 60 * at
        return str(write.sign(node.desk(), Draft(Note(who=who), victim.made.request, {1: f"note {at}"})).ref).encode()

    said, lived = victim.fork(sign, at, half=half)
    after = victim.look()
    done = _all_or_nothing(before, after, leaves=1)
    assert done or said is None, f"{said!r} was acknowledged and is lost"
    tally.add(done=done, said=said, lived=lived)
    if not done:
        node = victim.open()
        sign(node)
        node.store.close()
    return lived


def receive(victim: Victim, at: int, *, half: bool, tally: Tally) -> bool:
    """Let Japan receive a note of India's, answer, and be killed; return whether it lived."""
    before = victim.look()
    made, india = victim.made, victim.made.india.desk()
    small.say(made, "IN", f"note {at}")
    key, partner = made.india.keys.public("writer"), made.japan.keys.public("writer")
    bundles = b"".join(exchange.news_for(india, exchange.known_by_partner(india, partner)))

    def answer(node: Node) -> bytes:
        return exchange.answer(node.desk(), bundles, key).body

    said, lived = victim.fork(answer, at, half=half)
    after = victim.look()
    done = _prefix(before, after) and len(after.leaves) > len(before.leaves)
    assert done or said is None, "the answer was sent and what it acknowledges is lost"
    tally.add(done=done, said=said, lived=lived)
    if said is None:  # India hears nothing, so it sends the same again
        node = victim.open()
        said = answer(node)
        node.store.close()
    exchange.receive(india, said)
    victim.heard = exchange.known_by_partner(india, partner)
    assert victim.heard[india.log] == india.space.size(india.log), "all that India said is acknowledged"
    return lived


def erase(victim: Victim, at: int, *, half: bool, tally: Tally) -> bool:
    """Let Japan erase a remark and be killed; return whether it lived."""
    words = f"Canary {at} {half} {tally.tried}"
    node = victim.open()
    who = victim.made.director.grants["JP", "supply"]
    note = write.sign(node.desk(), Draft(Note(who=who), victim.made.request, {1: words})).ref
    node.store.close()

    def wish(node: Node) -> bytes:
        desk = node.desk()
        return str(write.sign(desk, redact.draft(desk, note, Segment.DETAIL, Reason.ENTERED_IN_ERROR)).ref).encode()

    said, lived = victim.fork(wish, at, half=half)
    victim.starts()
    node = victim.open()
    done = node.desk().space.entry(note).detail is None
    assert done or said is None, f"{said!r} was acknowledged and is lost"
    tally.add(done=done, said=said, lived=lived)
    if not done:
        assert words.encode() in victim.bytes_kept(), "half of it was done"
        wish(node)
    node.store.close()
    victim.look()
    assert words.encode() not in victim.bytes_kept()
    return lived


def _prefix(before: Loaded, after: Loaded) -> bool:
    """Assert that nothing of ``before`` is lost or changed in ``after``."""
    assert set(before.leaves) <= set(after.leaves)
    assert before.epoch_keys.items() <= after.epoch_keys.items()
    return True


def _all_or_nothing(before: Loaded, after: Loaded, *, leaves: int) -> bool:
    _prefix(before, after)
    more = len(after.leaves) - len(before.leaves)
    assert more in (0, leaves), f"{more} leaves of {leaves}"
    assert more or (before.epoch_keys, before.checkpoints) == (after.epoch_keys, after.checkpoints)
    return more > 0


def kill(victim: Victim, deed: str, at: int, tally: Tally) -> bool:
    """Do ``deed`` and be killed at the ``at``-th write, at every second kill after half of it; False: it lived."""
    if DEEDS[deed](victim, at, half=tally.tried % 2 == 1, tally=tally):
        return False
    tally.tried += 1
    return True


DEEDS: dict[str, Callable[..., bool]] = {"act": act, "receive": receive, "erase": erase}


def inside(store: str, deed: str, stride: int) -> Tally:
    """Kill at the first write and every ``stride``-th after it; runs where ``killed.c`` is loaded."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder, _stores(store, Path(folder)) as urls:
        made = small.make(Path(folder), stores=urls)
        made.director.exchange()
        made.japan.store.close()
        victim = Victim(made, urls.get("JP", ""))
        at = 1
        while kill(victim, deed, at, tally):
            at += stride
        if deed != "erase" or stride == 1:  # its commit is long before its last write
            for last in range(max(1, at - stride - LAST), at + 1):
                kill(victim, deed, last, tally)
    return tally


@contextmanager
def _stores(store: str, folder: Path) -> Iterator[dict[str, str]]:
    if store == "postgres":
        with postgres_stores() as urls:
            yield urls
    else:
        yield {"JP": f"files:///{folder}/record"} if store == "files" else {}


def build(folder: Path) -> Path:
    """Compile ``killed.c`` and return the library."""
    library = folder / "killed.so"
    source = Path(__file__).with_name("killed.c")
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def run(library: Path, store: str, deed: str, stride: int) -> Tally:
    """Do ``inside`` in a process of its own that has the library loaded."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.exhaustive.kills", "--inside", store, deed, str(stride)],
        cwd=ROOT,
        env={**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return Tally(*map(int, done.stdout.split()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--stride", type=int, default=1, help="kill only at every N-th write")
    parser.add_argument("--inside", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        store, deed, stride = given.inside
        tally = inside(store, deed, int(stride))
        print(tally.tried, tally.nothing, tally.everything, tally.acknowledged)
        return
    print("| database | under way | kills | left nothing | left everything | already acknowledged |")
    print("|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        library = build(Path(folder))
        for store in STORES:
            if store == "postgres" and postgres_url() is None:
                print("| postgres | no server here | | | | |")
                continue
            for deed in DEEDS:
                tally = run(library, store, deed, given.stride)
                told = (tally.tried, tally.nothing, tally.everything, tally.acknowledged)
                print(f"| {store} | {deed} | " + " | ".join(map(str, told)) + " |", flush=True)


if __name__ == "__main__":
    main()
