"""The machines of a simulated world: clocks, dice, keys, disks that stop in the middle, and the nodes on them.

Everything here keeps the promises of ``tallystick.app.ports``; nothing reads the time, the disk or the system's dice.
"""

from __future__ import annotations

import copy
import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from tallystick.app.node import Desk, Node
from tallystick.app.settings import NodeSettings
from tallystick.core import canonical, signing
from tallystick.core.errors import LocalError, MalformedBytesError, RemoteError, StoreUnavailableError
from tallystick.stores import open_store
from tallystick.stores.memory import MemoryStore
from tallystick.stores.node import wire_dictionary

WRITES = (
    "create_space", "append", "put_waiting", "drop_waiting", "set_aside", "remember", "put_peer", "remove_peer",
)  # fmt: skip
HOUR, DAY = 3600, 86_400
NOWHERE = Path("/nonexistent")  # a simulated node has no folder


class Crash(BaseException):  # not an error of the program: the machine stopped, nothing may catch it
    """The machine stopped in the middle of a write; what its process knew is gone."""


@dataclass
class Time:
    """The true time, in seconds since 1970, for the whole world."""

    instant: int

    @property
    def day(self) -> int:
        return self.instant // 86_400


@dataclass
class NodeClock:
    """A node's clock: the true time and its error."""

    time: Time
    error: int = 0

    def now(self) -> int:
        return max(0, self.time.instant + self.error)


class NodeDice:
    """A node's randomness, from the seed and its name."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)

    def random_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)


@cache
def _seed(name: str) -> bytes:
    return hashlib.sha256(f"simulated key {name}".encode()).digest()


@cache
def _public(name: str) -> bytes:
    return signing.public_key(_seed(name))


@dataclass(frozen=True)
class OfficersKey:
    """The key of the officer called ``name``, opened for one act."""

    name: str

    @property
    def public(self) -> bytes:
        return _public(self.name)

    def sign(self, message: bytes) -> bytes:
        return signing.sign(_seed(self.name), message)


_MARK = b"sealed in a simulation\n"


class Keys:
    """A node's keys. They are the same in every seed, because checking a new key is slow; the agreement differs.

    Sealing is a plain envelope with a sum: age draws system randomness, which would end replays.
    """

    def __init__(self, node: str, party: str, *, root: bool) -> None:
        self._names = {"writer": f"{node} writer"} | ({"root": f"{party} root"} if root else {})
        self._recipient = f"age1{node.lower()}"

    def has(self, name: str) -> bool:
        return name in self._names

    def writers(self) -> tuple[str, ...]:
        return ("writer",)

    def public(self, name: str) -> bytes:
        return _public(self.named(name))

    def sign(self, name: str, message: bytes) -> bytes:
        return signing.sign(_seed(self.named(name)), message)

    def renew(self, name: str, number: int) -> None:
        """Take a fresh key: what a node does whose key was stolen."""
        self._names[name] = f"{self._names[name].split(' #')[0]} #{number}"

    def named(self, name: str) -> str:
        if name not in self._names:
            raise LocalError("key-missing", name=name, path="nowhere")
        return self._names[name]

    def age_recipient(self) -> str:
        return self._recipient

    def seal(self, plain: bytes, recipients: Sequence[str]) -> bytes:
        body = canonical.encode([list(recipients), plain])
        return _MARK + hashlib.sha256(body).digest() + body

    def unseal(self, sealed: bytes) -> bytes:
        start = len(_MARK) + 32
        if not sealed.startswith(_MARK) or sealed[len(_MARK) : start] != hashlib.sha256(sealed[start:]).digest():
            raise MalformedBytesError("not-sealed", why="changed on the way")
        recipients, plain = canonical.decode(sealed[start:], max_items=100)
        if self._recipient not in recipients:
            raise RemoteError("sealed-for-others")
        return bytes(plain)

    def web_secret(self) -> str:
        return "no pages in a simulation"


@dataclass
class Fuse:
    """When a disk stops its machine: at the ``left``-th write from now, before or after it is durable."""

    left: int
    after: bool


def _guarded(name: str) -> Callable[..., Any]:
    def write(self: Disk, *args: Any, **kwargs: Any) -> Any:
        return self.write(name, *args, **kwargs)

    return write


class Disk:
    """A store on a disk that may stop its machine at any write, or refuse to write for a while.

    An append is one transaction: before it nothing of it is durable, after it everything is. What a process knew and
    had not written is gone with it.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.fuse: Fuse | None = None
        self.trouble = ""  # the code of what is wrong with it
        self.stopped: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def write(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if self.trouble:
            raise StoreUnavailableError(self.trouble, path="the simulated disk", reason="simulated")
        burnt = self._burn()
        if burnt is None:
            return getattr(self.inner, name)(*args, **kwargs)
        self.stopped[f"{'after' if burnt.after else self.cut_at} {name}"] += 1
        if burnt.after:
            getattr(self.inner, name)(*args, **kwargs)
            self.keep()
        else:
            self.cut_short(lambda: getattr(self.inner, name)(*args, **kwargs))
        raise Crash

    cut_at = "before"

    def keep(self) -> None:
        """The power goes right after a write that is durable."""

    def cut_short(self, write: Callable[[], Any]) -> None:
        """The power goes before ``write`` is durable."""

    def rise(self) -> None:
        """Open what is left after the power came back."""

    def close(self) -> None:
        self.inner.close()

    def _burn(self) -> Fuse | None:
        if self.fuse is None:
            return None
        if self.fuse.left:
            self.fuse.left -= 1
            return None
        burnt, self.fuse = self.fuse, None
        return burnt

    def contents(self) -> bytes:
        """Return what is in its files, after what is due to be cleaned was cleaned."""
        return b""  # a store in memory has none

    def image(self) -> Any:
        """Return a copy of what is durable now: a backup."""
        return copy_of(self.inner)

    def put_back(self, image: Any) -> Disk:
        """Return a new disk that holds the backup ``image``."""
        return Disk(copy_of(image))

    def beside(self) -> Disk:
        """Return another disk with the same on it."""
        return Disk(self.image())


SECTOR = 512  # bytes that a disk writes at once


class SqliteDisk(Disk):
    """A real SQLite file on a disk that loses what was not synced.

    When the power goes in the middle of a write, of the sectors of the write-ahead log that it touched any may be new
    and any old: SQLite syncs them at its end. A write that went on to move the log into the database is left whole.
    """

    cut_at = "within"

    def __init__(self, folder: Path, dice: Random, first: dict[str, bytes] | None = None) -> None:
        self.folder = folder
        self._dice = dice
        self._wreck: dict[str, bytes] = first or {}
        super().__init__(None)
        self.rise()

    def _files(self) -> dict[str, bytes]:
        found = {}
        for ending in ("", "-wal"):
            path = Path(f"{self._path}{ending}")
            if path.exists():
                found[ending] = path.read_bytes()
        return found

    def keep(self) -> None:
        self._wreck = self._files()

    def cut_short(self, write: Callable[[], Any]) -> None:
        before = self._files()
        write()
        after = self._files()
        old, new = before.get("-wal", b""), after.get("-wal", b"")
        if before.get("") == after.get(""):
            mixed = [
                (new if self._dice.random() < 0.5 else old)[at : at + SECTOR]
                for at in range(0, max(len(old), len(new)), SECTOR)
            ]
            if mixed and old != new:
                changed = [n for n in range(len(mixed)) if _sector(old, n) != _sector(new, n)]
                mixed[changed[-1]] = _sector(old, changed[-1])  # the end of the commit, at least, did not get there
            after["-wal"] = b"".join(part.ljust(SECTOR, b"\0") for part in mixed)
        self._wreck = after

    def rise(self) -> None:
        if self.inner is not None:
            self.inner.close()
        self._path = Path(tempfile.mkdtemp(dir=self.folder)) / "node.db"
        for ending, data in self._wreck.items():
            Path(f"{self._path}{ending}").write_bytes(data)
        self.inner = open_store(f"sqlite:///{self._path}")

    def contents(self) -> bytes:
        self.inner.purge()
        return b"".join(self._files().values())

    def image(self) -> bytes:
        path = self._path.with_name(f"backup-{self._dice.getrandbits(64):x}.db")
        self.inner.backup(path)
        return path.read_bytes()

    def beside(self) -> SqliteDisk:
        return SqliteDisk(self.folder, Random(self._dice.getrandbits(64)), {"": self.image()})

    def put_back(self, image: bytes) -> SqliteDisk:
        self.close()
        return SqliteDisk(self.folder, self._dice, {"": image})


def _sector(data: bytes, number: int) -> bytes:
    return data[number * SECTOR : (number + 1) * SECTOR]


for _name in WRITES:
    setattr(Disk, _name, _guarded(_name))


def copy_of(store: MemoryStore) -> MemoryStore:
    copied = MemoryStore()
    for name, value in vars(store).items():
        if name != "_lock":
            setattr(copied, name, copy.deepcopy(value))
    return copied


class Mark:
    """How far a node has signed, on another disk than its store: survives when that is put back from a backup."""

    def __init__(self) -> None:
        self.known: dict[bytes, dict[int, int]] = {}

    def sizes(self) -> dict[bytes, dict[int, int]]:
        return self.known

    def note(self, space: bytes, sizes: Mapping[int, int]) -> None:
        self.known.setdefault(space, {}).update(sizes)


@dataclass
class Seat:
    """One node of the world: its machine, and the process on it while it runs."""

    name: str
    party: str
    keys: Keys
    clock: NodeClock
    dice: NodeDice
    disk: Disk
    home: bool  # the party's headquarters: has the root key
    honest: bool = True
    stolen: bool = False
    is_twin: bool = False  # a second machine with another's keys, shown to some
    silent: bool = False  # never says what it holds, unless it has to say something else
    node: Node | None = None
    space: bytes = b""
    hasty: bool = False  # came back while others may know more of its logs than it can hear
    lost_memory: bool = False  # came back from a backup and does not hold all again that it had acknowledged
    backup: Any = None
    mark: Mark = field(default_factory=Mark)
    holds: dict[str, str] = field(default_factory=dict)  # by partner: the digest it answered with last

    @property
    def settings(self) -> NodeSettings:
        return NodeSettings(folder=NOWHERE, party=self.party, party_name=f"Party {self.party}", node_name=self.name)

    def boot(self) -> None:
        """Start a process: what it knows is what the disk holds."""
        self.holds = {}
        self.node = Node(
            settings=self.settings,
            store=self.disk,
            keys=self.keys,
            clock=self.clock,
            ids=self.dice,
            dictionary=wire_dictionary(),
            high_water=self.mark,
        )

    @property
    def running(self) -> Node:
        assert self.node is not None, f"{self.name} is down"
        return self.node

    @property
    def desk(self) -> Desk:
        desk = self.running.desk(self.space)
        if self.silent:
            desk.space.acknowledge = lambda *_: None  # type: ignore[method-assign]
        return desk

    @property
    def key(self) -> bytes:
        return self.keys.public("writer")
