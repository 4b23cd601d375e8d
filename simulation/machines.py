"""The machines of a simulated world: clocks, dice, keys, disks that stop in the middle, and the nodes on them.

Everything here keeps the promises of ``tallystick.app.ports``; nothing reads the time, the disk or the system's dice.
"""

from __future__ import annotations

import copy
import hashlib
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
from tallystick.stores.memory import MemoryStore
from tallystick.stores.node import wire_dictionary

WRITES = (
    "create_space", "append", "put_waiting", "drop_waiting", "set_aside", "remember", "put_peer", "remove_peer",
)  # fmt: skip
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

    def public(self, name: str) -> bytes:
        return _public(self._named(name))

    def sign(self, name: str, message: bytes) -> bytes:
        return signing.sign(_seed(self._named(name)), message)

    def renew(self, name: str, number: int) -> None:
        """Take a fresh key: what a node does whose key was stolen."""
        self._names[name] = f"{self._names[name].split(' #')[0]} #{number}"

    def _named(self, name: str) -> str:
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
        if burnt is not None and not burnt.after:
            self.stopped[f"before {name}"] += 1
            raise Crash
        result = getattr(self.inner, name)(*args, **kwargs)
        if burnt is not None:
            self.stopped[f"after {name}"] += 1
            raise Crash
        return result

    def _burn(self) -> Fuse | None:
        if self.fuse is None:
            return None
        if self.fuse.left:
            self.fuse.left -= 1
            return None
        burnt, self.fuse = self.fuse, None
        return burnt

    def image(self) -> MemoryStore:
        """Return a copy of what is durable now: a backup."""
        return copy_of(self.inner)


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
    node: Node | None = None
    space: bytes = b""
    lost_memory: bool = False  # came back from a backup and does not hold all again that it had acknowledged
    backup: MemoryStore | None = None
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
        return self.running.desk(self.space)

    @property
    def key(self) -> bytes:
        return self.keys.public("writer")
