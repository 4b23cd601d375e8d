"""A log in memory, and a branch of it: what it would be with some leaves more.

Decides what a leaf is called in causal order: its lamport number, and the sizes of other logs that its writer had seen.
A :class:`Branch` grows beside its log and leaves it as it is, so that whatever cannot be finished leaves no trace.

Leaves to ``drafting`` and ``reading`` which leaves a branch gets, to ``held`` what becomes of it.

Source: docs/spec/log.md, "Causality".
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence

from tallystick.core.canonical import decode_trusted
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.entries import NO_SEGMENT, Adopt, Entry, Grant, Segment
from tallystick.core.forks import Cut
from tallystick.core.log import (
    EPOCH_LEAVES,
    SALTS_BYTES,
    TAGS,
    StoredLeaf,
    ctx_leaf,
    put_salt,
    salt,
    salts_of,
)
from tallystick.core.merkle import Growth, Tree, leaf_hash

SEGMENTS = (Segment.CORE, Segment.DETAIL, Segment.AUTH)  # as TAGS
NOTHING_SEEN: Mapping[int, int] = {}
_ONE_COMMITMENT, _TWO_COMMITMENTS = 0x84, 0x85  # the first byte of an act leaf with so many


class Causes:
    """What the leaves of one log, from ``begin`` on, had seen. A ctx and the acts after it share one mapping."""

    __slots__ = ("at", "lamport", "seen")

    def __init__(self) -> None:
        self.at: list[int] = []  # indices of ctx leaves, ascending
        self.lamport: list[int] = []  # of each ctx
        self.seen: list[Mapping[int, int]] = []  # from each ctx on; never mutated


class Log:
    """One log, as memory holds it. About 240 bytes an entry."""

    __slots__ = ("auths", "causes", "checkpoint", "cores", "details", "epoch_keys", "grants", "id", "leaves", "tree")

    def __init__(self, log: int, tree: Tree | None = None) -> None:
        self.id = log
        self.tree = tree or Tree()
        self.leaves: list[bytes] = []
        self.cores: list[bytes | None] = []
        self.details: dict[int, bytes] = {}
        self.auths: dict[int, bytes] = {}
        self.epoch_keys: dict[int, bytes] = {}
        self.causes = Causes()
        self.checkpoint: Checkpoint | None = None
        self.grants: dict[int, bytes] = {}  # admin logs: writer keys by leaf index

    @property
    def size(self) -> int:
        return len(self.leaves)

    def granted(self, index: int) -> bytes | None:
        """Return the writer's key that the leaf at ``index`` grants."""
        return self.grants.get(index)

    def lamport(self, index: int) -> int:
        causes = self.causes
        k = bisect_right(causes.at, index) - 1
        return index + 1 if k < 0 else causes.lamport[k] + index - causes.at[k]

    def seen(self, index: int) -> Mapping[int, int]:
        """Return what the leaf at ``index`` had seen; for a ctx, itself included."""
        k = bisect_right(self.causes.at, index) - 1
        return NOTHING_SEEN if k < 0 else self.causes.seen[k]

    def root(self, size: int) -> bytes:
        return self.tree.root(size)

    def time(self, index: int) -> int:
        t: int = decode_trusted(self.leaves[index])[1]
        return t

    def shortened(self, size: int) -> Log:
        """Return what this log is without its leaves from ``size`` on; its causes are to be found anew."""
        log = Log(self.id)
        log.leaves, log.cores = self.leaves[:size], self.cores[:size]
        log.details = {index: detail for index, detail in self.details.items() if index < size}
        log.auths = {index: auth for index, auth in self.auths.items() if index < size}
        log.grants = {index: key for index, key in self.grants.items() if index < size}
        log.epoch_keys = {
            block: key
            for block, key in self.epoch_keys.items()
            if self.has_act(block * EPOCH_LEAVES, min(size, (block + 1) * EPOCH_LEAVES))
        }
        if self.checkpoint is not None and self.checkpoint.size <= size:
            log.checkpoint = self.checkpoint
        joined = self.tree.leaves(0, size)
        log.tree.extend([joined[at : at + 32] for at in range(0, len(joined), 32)])
        kept = bisect_left(self.causes.at, size)
        log.causes.at, log.causes.lamport = self.causes.at[:kept], self.causes.lamport[:kept]
        log.causes.seen = self.causes.seen[:kept]
        return log

    def has_act(self, begin: int, end: int) -> bool:
        """Return whether any of the leaves ``begin`` … ``end - 1`` is more than an acknowledgement."""
        at = self.causes.at
        return end - begin > bisect_left(at, end) - bisect_left(at, begin)


class Branch:
    """A log as it would be with some leaves after its first ``begin``; the log itself stays as it is."""

    __slots__ = (
        "_base_lamport", "_base_seen", "_hashes", "base", "begin", "causes", "entries", "epoch_keys",
        "filled", "grants", "growth", "leaves", "salts", "seen_now", "size", "t",
    )  # fmt: skip

    def __init__(self, base: Log, begin: int) -> None:
        self.base = base
        self.begin = begin
        self.size = begin
        self.growth = Growth(base.tree, begin)
        self.leaves: list[StoredLeaf] = []
        self.entries: list[Entry] = []
        self.causes = Causes()
        self.epoch_keys: dict[int, bytes] = {}
        self.filled: list[StoredLeaf] = []  # of the log itself, with segments that were not here
        self.salts: dict[int, bytearray] = {}  # of blocks that are to be kept as single salts, changed here
        self.grants: dict[int, bytes] = {}
        self.t = base.time(begin - 1) if begin else 0
        self.seen_now = self._base_seen = base.seen(begin - 1) if begin else NOTHING_SEEN
        self._base_lamport = base.lamport(begin - 1) if begin else 0
        self._hashes: list[bytes] = []

    def granted(self, index: int) -> bytes | None:
        """Return the writer's key that the leaf at ``index`` grants."""
        return self.grants.get(index) if self.begin <= index < self.size else self.base.granted(index)

    def lamport(self, index: int) -> int:
        if index < self.begin:
            return self.base.lamport(index)
        causes = self.causes
        k = bisect_right(causes.at, index) - 1
        return self._base_lamport + index - self.begin + 1 if k < 0 else causes.lamport[k] + index - causes.at[k]

    def seen(self, index: int) -> Mapping[int, int]:
        if index < self.begin:
            return self.base.seen(index)
        k = bisect_right(self.causes.at, index) - 1
        return self._base_seen if k < 0 else self.causes.seen[k]

    def root(self, size: int) -> bytes:
        self._hash()
        return self.growth.root(size)

    def hashed(self) -> Growth:
        """Return the growth from the end of the log as it stands; what overlaps it is left out."""
        self._hash()
        overlap = self.base.size - self.begin
        if not overlap:
            return self.growth
        growth = Growth(self.base.tree, self.base.size)
        joined = self.growth.leaves(self.base.size, self.size)
        growth.extend([joined[at : at + 32] for at in range(0, len(joined), 32)])
        return growth

    def _hash(self) -> None:
        if self._hashes:
            self.growth.extend(self._hashes)
            self._hashes.clear()

    def epoch_key(self, block: int) -> bytes | None:
        """Return the secret of a block as far as it is known; the key, where there is one."""
        return self.epoch_keys.get(block) or self.kept(block)

    def kept(self, block: int) -> bytes | None:
        """Return the secret of a block that will be kept, unless it is a key that comes with this branch."""
        salts = self.salts.get(block)
        return bytes(salts) if salts is not None else self.base.epoch_keys.get(block)

    def keep_salts(self, index: int, given: Sequence[bytes | None]) -> None:
        """Keep the salts of one leaf's segments, by themselves where the key of the block does not give them."""
        block = index // EPOCH_LEAVES
        told = [(tag, one) for tag, one in zip(TAGS, given, strict=True) if one is not None]
        salts = self.salts.get(block)
        if salts is None:
            secret = self.kept(block) or self.epoch_keys.get(block)
            if secret is not None and all(salt(secret, index, tag) == one for tag, one in told):
                return
            salts = self.salts[block] = bytearray(salts_of(secret, block) if secret else SALTS_BYTES)
        for tag, one in told:
            put_salt(salts, index, tag, one)

    def push(self, leaf: StoredLeaf, t: int) -> None:
        self.leaves.append(leaf)
        self._hashes.append(leaf_hash(leaf.leaf))
        self.size += 1
        self.t = t

    def push_ctx(
        self,
        t: int,
        sights: Sequence[tuple[int, int, bytes]],
        logs: Mapping[int, Log | Branch],
        cuts: Mapping[int, Cut],
    ) -> None:
        """Append a ctx that sees ``sights``: log, size and root, all held in ``logs`` or of another history."""
        index = self.size
        lamport, seen = join(self, self.base.id, index, counting(sights, self.seen_now, logs, cuts), logs)
        self.push(StoredLeaf(self.base.id, index, ctx_leaf(t, list(sights)), None, None, None), t)
        self.causes.at.append(index)
        self.causes.lamport.append(lamport)
        self.causes.seen.append(seen)
        self.seen_now = seen


def join(
    log: Log | Branch, own: int, index: int, grown: Sequence[tuple[int, int]], logs: Mapping[int, Log | Branch]
) -> tuple[int, Mapping[int, int]]:
    """Return lamport number and sizes seen of a ctx at ``index`` of ``log`` that sees ``grown``."""
    lamport = log.lamport(index - 1) if index else 0
    seen = dict(log.seen(index - 1)) if index else {}
    for other, size in grown:
        seen[other] = size
        lamport = max(lamport, logs[other].lamport(size - 1))
    for other, size in grown:  # what they had seen is in the past too, whether this writer says so or not
        for further, known in logs[other].seen(size - 1).items():
            if known > seen.get(further, 0):
                seen[further] = known
    seen.pop(own, None)
    return lamport + 1, seen


def counting(
    sights: Sequence[tuple[int, int, bytes]],
    before: Mapping[int, int],
    logs: Mapping[int, Log | Branch],
    cuts: Mapping[int, Cut],
) -> list[tuple[int, int]]:
    """Return (log, size) of what a ctx sees that counts: of a forked log, leaves of the history that stands."""
    grown = []
    for log, size, root in sights:
        cut = cuts.get(log)
        counts = size
        stands = cut is not None and size <= cut.stands and size <= logs[log].size and logs[log].root(size) == root
        if cut is not None and size > cut.at and not stands:
            counts = cut.at
        if counts > before.get(log, 0):
            grown.append((log, counts))
    return grown


def note_grant(log: Log | Branch, index: int, body: object) -> None:
    """Remember a writer's key: an act of an admin log that grants one opens the log named after its leaf."""
    if isinstance(body, Grant) and body.key is not None:
        log.grants[index] = body.key


def adopts(body: object, space: bytes) -> bool:
    return isinstance(body, Adopt) and body.space == space


def in_order(log: Log, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    for index in range(begin, end):
        yield log.lamport(index), log.id, index


def three(commits: Sequence[bytes | None]) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Return the commitments of an act leaf to core, detail and auth."""
    core, detail, auth = (*commits, None, None)[:3]
    return core, detail, auth


def is_whole(leaf: bytes, core: bytes | None, detail: bytes | None, auth: bytes | None) -> bool:
    """Return whether all segments that an act commits to are here."""
    if core is not None and (leaf[0] == _ONE_COMMITMENT or (detail is not None and leaf[0] == _TWO_COMMITMENTS)):
        return True
    return not missing_of(decode_trusted(leaf)[3:], (core, detail, auth))


def missing_of(commits: Sequence[bytes | None], segments: Sequence[bytes | None]) -> Segment:
    """Return the segments that an act leaf commits to and that are not here."""
    if len(commits) == 1 and segments[0] is not None:
        return NO_SEGMENT
    missing = NO_SEGMENT
    for bit, commit, segment in zip(SEGMENTS, three(commits), segments, strict=True):
        if commit is not None and segment is None:
            missing |= bit
    return missing
