"""One agreement's logs in memory: staging what is new, checking what came, composing what a partner lacks.

Decides what may be appended to a log, by its writer or from a partner's bytes, and what it is called in causal order
(lamport number and the sizes seen). Two steps, always: ``draft``, ``acknowledge`` and ``read`` return a frozen
:class:`Admission` and change nothing; the caller writes it to the store in one transaction and then calls ``apply``.
So a failed read leaves no trace, and a ctx never promises what the disk does not hold.

Leaves the bytes to ``log`` and ``bundle``, meaning and conflicts to ``fold``, when to speak to ``app.exchange``.

Source: docs/spec/log.md and docs/spec/wire.md.
"""

from __future__ import annotations

import hashlib
import heapq
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tallystick.core import bundle as wire
from tallystick.core import checkpoint as notes
from tallystick.core import entries as acts_module
from tallystick.core import forks
from tallystick.core.agreement import Genesis
from tallystick.core.bundle import Codec, Item, Range, Seal
from tallystick.core.canonical import check_plain, decode_trusted, encode, encode_trusted
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.entries import (
    DESK_KINDS,
    NO_SEGMENT,
    Adopt,
    Draft,
    Entry,
    Fork,
    Grant,
    Kind,
    Redact,
    Segment,
    Unreadable,
    from_array,
    to_array,
)
from tallystick.core.erasure import WITHHELD, Erasures, without
from tallystick.core.errors import (
    BadSignatureError,
    ForkError,
    GapError,
    LocalError,
    MalformedBytesError,
    RemoteError,
    TooLargeError,
    UnknownWriterError,
    WrongSpaceError,
)
from tallystick.core.forks import Cut
from tallystick.core.identity import PARTIES_MAX, EntryRef, grant_of, log_id, party_of
from tallystick.core.log import (
    CTX,
    EPOCH_KEY_BYTES,
    EPOCH_LEAVES,
    KIND_MAX,
    NO_SALT,
    NUMBER_MAX,
    SALTS_BYTES,
    SEGMENT_MAX,
    TAGS,
    TIME_MAX,
    CtxLeaf,
    Sight,
    StoredLeaf,
    act_leaf,
    check_stored,
    commitment,
    committed_leaf,
    ctx_leaf,
    is_ctx,
    put_salt,
    read_trusted,
    salt,
    salts_of,
    with_salt,
)
from tallystick.core.merkle import Growth, Tree, leaf_hash
from tallystick.core.signing import key_is_acceptable, verify

SEGMENTS = (Segment.CORE, Segment.DETAIL, Segment.AUTH)  # as TAGS
MINUTE = 60  # seconds; the resolution of time claims
SPLIT_ITEMS = 4096  # items in one bundle we write: what a slow link can carry again after it broke
SPLIT_BYTES = 2**20  # of segments in one bundle we write

_HASHES_AT_ONCE = 4096  # kept apart before they go into a tree: a million of them would be 70 MB
_FORK_HEAD = encode_trusted(int(Kind.FORK))  # how a leaf of that kind goes on after its first byte
_NOTHING_SEEN: Mapping[int, int] = {}
_sha256 = hashlib.sha256


class Erase(NamedTuple):
    """Segments of a leaf that go. Their salts go with the secret that the same admission brings for the block."""

    log: int
    index: int  # type: ignore[assignment]  # shadows tuple.index, which nobody calls here
    segments: Segment


@dataclass(frozen=True)
class Admission:
    """Staged growth of some logs; nothing has changed yet. What the store writes in one transaction.

    ``before`` has the expected size of each log that grows; ``epoch_keys`` are named by (log, block of 256);
    each value is the secret of its block, which may take the place of one held before (docs/spec/log.md, "Erasure").
    ``entries`` are the acts among ``leaves``, in the order everybody reads them. ``cuts`` are the forks that come to
    count with it, and ``keep`` says how many leaves stay of a log that is cut: the store drops the others first.
    ``erase`` names what goes of leaves that are held already.
    ``held`` and ``have`` are about the sender of a bundle: the sizes it shows to hold by what it sent, and those it
    says it holds; ``question`` is what it asks, or ours that it answers.
    """

    space: bytes
    before: Mapping[int, int]
    leaves: tuple[StoredLeaf, ...]
    epoch_keys: Mapping[tuple[int, int], bytes]
    checkpoints: Mapping[int, Checkpoint]
    entries: tuple[Entry, ...]
    erase: tuple[Erase, ...] = ()
    cuts: Mapping[int, Cut] = field(default_factory=dict)
    keep: Mapping[int, int] = field(default_factory=dict)
    held: Mapping[int, int] = field(default_factory=dict)
    have: Mapping[int, int] | None = None
    question: bytes | None = None


class _ForkFoundError(Exception):
    """A bundle brings the evidence that a log has two histories: it has to be read with that in mind."""

    def __init__(self, cut: Cut) -> None:
        self.cut = cut
        super().__init__(cut)


class _Causes:
    """What the leaves of one log, from ``begin`` on, had seen. A ctx and the acts after it share one mapping."""

    __slots__ = ("at", "lamport", "seen")

    def __init__(self) -> None:
        self.at: list[int] = []  # indices of ctx leaves, ascending
        self.lamport: list[int] = []  # of each ctx
        self.seen: list[Mapping[int, int]] = []  # from each ctx on; never mutated


class _Log:
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
        self.causes = _Causes()
        self.checkpoint: Checkpoint | None = None
        self.grants: dict[int, bytes] = {}  # admin logs: writer keys by leaf index

    @property
    def size(self) -> int:
        return len(self.leaves)

    def lamport(self, index: int) -> int:
        causes = self.causes
        k = bisect_right(causes.at, index) - 1
        return index + 1 if k < 0 else causes.lamport[k] + index - causes.at[k]

    def seen(self, index: int) -> Mapping[int, int]:
        """Return what the leaf at ``index`` had seen; for a ctx, itself included."""
        k = bisect_right(self.causes.at, index) - 1
        return _NOTHING_SEEN if k < 0 else self.causes.seen[k]

    def root(self, size: int) -> bytes:
        return self.tree.root(size)

    def time(self, index: int) -> int:
        t: int = decode_trusted(self.leaves[index])[1]
        return t

    def shortened(self, size: int) -> _Log:
        """Return what this log is without its leaves from ``size`` on; its causes are to be found anew."""
        log = _Log(self.id)
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


class _Branch:
    """A log as it would be with some leaves after its first ``begin``; the log itself stays as it is."""

    __slots__ = (
        "_base_lamport", "_base_seen", "_hashes", "base", "begin", "causes", "entries", "epoch_keys",
        "grants", "growth", "leaves", "salts", "seen_now", "size", "t",
    )  # fmt: skip

    def __init__(self, base: _Log, begin: int) -> None:
        self.base = base
        self.begin = begin
        self.size = begin
        self.growth = Growth(base.tree, begin)
        self.leaves: list[StoredLeaf] = []
        self.entries: list[Entry] = []
        self.causes = _Causes()
        self.epoch_keys: dict[int, bytes] = {}
        self.salts: dict[int, bytearray] = {}  # of blocks that are to be kept as single salts, changed here
        self.grants: dict[int, bytes] = {}
        self.t = base.time(begin - 1) if begin else 0
        self.seen_now = self._base_seen = base.seen(begin - 1) if begin else _NOTHING_SEEN
        self._base_lamport = base.lamport(begin - 1) if begin else 0
        self._hashes: list[bytes] = []

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


class Space:
    """One agreement in memory. Not thread-safe; only ``apply`` changes it."""

    def __init__(self, genesis: Genesis, dictionary: bytes = b"") -> None:
        """Begin an agreement without entries.

        Args:
            genesis: The descriptor all parties adopt.
            dictionary: The zstd dictionary whose hash is in the genesis; empty for none.

        Raises:
            LocalError: ``wrong-dictionary``.
        """
        if dictionary and _sha256(dictionary).digest() != genesis.dictionary_hash:
            raise LocalError("wrong-dictionary", agreement=genesis.name)
        self.genesis = genesis
        self.id = genesis.space_id
        self.codec = Codec(dictionary)
        self.erasures = Erasures(len(genesis.parties))
        self._logs: dict[int, _Log] = {}
        self._forks: dict[EntryRef, Fork] = {}  # what was said of forks, whether it counts or not
        self._cuts: dict[int, Cut] = {}  # logs that have two histories, and which of them stands
        self._cut_short: frozenset[int] = frozenset()  # of these the history that stands is not here yet (``_as_cut``)
        self._staged: tuple[Admission, dict[int, Growth]] | None = None  # the last one, so apply need not hash again

    # ---- what is held

    def sizes(self) -> dict[int, int]:
        """Return the number of leaves of each log that has any, by ascending log id."""
        return {log: self._logs[log].size for log in sorted(self._logs)}

    def size(self, log: int) -> int:
        held = self._logs.get(log)
        return held.size if held else 0

    def root(self, log: int, size: int) -> bytes:
        """Return the root over the first ``size`` leaves of ``log``; raises LocalError ``unknown-entry``."""
        held = self._logs.get(log)
        if not 0 <= size <= (held.size if held else 0):
            raise LocalError("unknown-entry", entry=f"{log}.{size}")
        return held.root(size) if held else Tree().root(0)

    def root_of(self, log: int, size: int) -> bytes | None:
        """Return the root over the first ``size`` leaves of ``log``; None when it is not held that far."""
        return self.root(log, size) if 0 <= size <= self.size(log) else None

    def inclusion(self, ref: EntryRef, size: int) -> list[bytes]:
        """Return the path that shows a leaf to be among the first ``size`` of its log (``merkle.verify_inclusion``).

        Raises:
            LocalError: ``unknown-entry``.
        """
        log = self._held(ref)
        if not ref.index < size <= log.size:
            raise LocalError("unknown-entry", entry=f"{ref.log}.{size}")
        return log.tree.inclusion(ref.index, size)

    def cover(self, log: int, size: int, leaves: Iterable[int], cuts: Iterable[int]) -> list[bytes]:
        """Return the hashes that prove some leaves and earlier roots of ``log`` at once (``merkle.Tree.cover``).

        Raises:
            LocalError: ``unknown-entry``.
        """
        held = self._logs.get(log)
        if held is None or not 0 < size <= held.size:
            raise LocalError("unknown-entry", entry=f"{log}.{size}")
        return held.tree.cover(size, leaves, cuts)

    def salts(self, ref: EntryRef) -> tuple[bytes | None, ...]:
        """Return the 16-byte salts of the segments of an act: core, detail, auth; None for one that was erased.

        Raises:
            LocalError: ``unknown-entry``.
        """
        secret = self._held(ref).epoch_keys.get(ref.index // EPOCH_LEAVES)
        found = [NO_SALT if secret is None else salt(secret, ref.index, tag) for tag in TAGS]
        return tuple([None if one == NO_SALT else one for one in found])

    def seen(self, ref: EntryRef) -> Mapping[int, int]:
        """Return how many leaves of each other log a leaf had seen; raises LocalError ``unknown-entry``."""
        return self._held(ref).seen(ref.index)

    def contexts(self, log: int) -> Iterator[tuple[int, tuple[Sight, ...]]]:
        """Yield index and sights of each ctx leaf of ``log``, in ascending order."""
        held = self._logs.get(log)
        for index in held.causes.at if held else ():
            leaf = read_trusted(held.leaves[index]) if held else None
            assert isinstance(leaf, CtxLeaf)
            yield index, leaf.sights

    def key_of(self, log: int) -> bytes | None:
        """Return the key that signs for ``log``: the party's root key, or its grant's; None when there is none."""
        return self._key_of(log, {})

    def log_of(self, key: bytes) -> int | None:
        """Return the log that ``key`` was first granted, or whose root key it is."""
        for party, member in enumerate(self.genesis.parties):
            if member.root_key == key:
                return party
            admin = self._logs.get(party)
            for index, granted in admin.grants.items() if admin else ():
                if granted == key:
                    return log_id(index, party)
        return None

    def checkpoint(self, log: int) -> Checkpoint | None:
        """Return the largest signed head held of ``log``."""
        held = self._logs.get(log)
        return held.checkpoint if held else None

    def origin(self, log: int) -> str:
        return notes.origin(self.genesis, log)

    def stored(self, ref: EntryRef) -> StoredLeaf:
        """Return a leaf and its segments; raises LocalError ``unknown-entry``."""
        log = self._held(ref)
        return StoredLeaf(
            ref.log,
            ref.index,
            log.leaves[ref.index],
            log.cores[ref.index],
            log.details.get(ref.index),
            log.auths.get(ref.index),
        )

    @property
    def cuts(self) -> Mapping[int, Cut]:
        """The logs that have two histories, and which of them stands."""
        return self._cuts

    def prove_fork(self, log: int, head: Checkpoint, hashes: Sequence[bytes]) -> Fork | None:
        """Return the evidence that ``hashes`` are the leaves of another history of ``log`` than ours.

        Args:
            log: The log.
            head: A head of that history, whose signature is checked here.
            hashes: Of all its leaves.

        Raises:
            BadSignatureError: the head is not that of the leaves, or not signed by the log's key.
        """
        key, held = self.key_of(log), self._logs.get(log)
        other = Tree()
        other.extend(hashes)
        if (
            key is None
            or head.size != other.size
            or head.root != other.root()
            or not verify(key, notes.text(self.origin(log), head.size, head.root), head.signature)
        ):
            raise BadSignatureError(log=log, size=head.size, root=head.root)
        if held is None or held.checkpoint is None:
            return None
        return forks.prove(log, self.origin(log), key, (held.tree, held.checkpoint), (other, head))

    def leaf_hashes(self, log: int, size: int) -> bytes:
        """Return the hashes of the first ``size`` leaves of a log, joined; raises LocalError ``unknown-entry``."""
        held = self._logs.get(log)
        if held is None or size > held.size:
            raise LocalError("unknown-entry", entry=f"{log}.{size}")
        return held.tree.leaves(0, size)

    def is_act(self, log: int, index: int) -> bool:
        """Return whether the leaf is an act rather than a ctx; raises LocalError ``unknown-entry``."""
        return not is_ctx(self._held(EntryRef(log, index)).leaves[index])

    def last_time(self, log: int) -> int | None:
        """Return the time its writer claims for the last leaf of ``log``, seconds since 1970."""
        held = self._logs.get(log)
        return held.time(held.size - 1) if held else None

    def known_by(self, log: int) -> dict[int, int]:
        """Return what the writer of ``log`` has shown to hold: its own log, and what its last ctx saw."""
        held = self._logs.get(log)
        return {**held.seen(held.size - 1), log: held.size} if held else {}

    def entry(self, ref: EntryRef) -> Entry:
        """Return the act of this name; raises LocalError ``unknown-entry``, for a ctx too."""
        log = self._held(ref)
        if is_ctx(log.leaves[ref.index]):
            raise LocalError("unknown-entry", entry=str(ref))
        return self._entry(log, ref.index)

    def acts(self) -> Iterator[Entry]:
        """Return every act, in the order everybody reads them: by lamport number, log and index."""
        for _, log_, index in heapq.merge(*[_in_order(log, 0, log.size) for log in self._logs.values()]):
            log = self._logs[log_]
            if not is_ctx(log.leaves[index]):
                yield self._entry(log, index)

    def _held(self, ref: EntryRef) -> _Log:
        log = self._logs.get(ref.log)
        if log is None or not 0 <= ref.index < log.size:
            raise LocalError("unknown-entry", entry=str(ref))
        return log

    def _entry(self, log: _Log, index: int) -> Entry:
        kind, t, obj, *commits = decode_trusted(log.leaves[index])
        core, detail, auth = log.cores[index], log.details.get(index), log.auths.get(index)
        whole = core is not None and len(commits) == 1
        entry = Entry(
            ref=EntryRef(log.id, index),
            kind=kind,
            t=t,
            obj=None if obj is None else EntryRef(*obj),
            body=Unreadable(kind, None, WITHHELD) if core is None else from_array(kind, decode_trusted(core)),
            detail=None if detail is None else decode_trusted(detail),
            lamport=log.lamport(index),
            seen=log.seen(index),
            core_hash=b"" if core is None else _sha256(core).digest(),
            detail_hash=None if detail is None else _sha256(detail).digest(),
            auth=auth,
            missing=NO_SEGMENT if whole else _missing(commits, (core, detail, auth)),
        )
        return self.erasures.reading(entry) if self.erasures else entry

    def _key_of(self, log: int, staged: Mapping[int, _Branch]) -> bytes | None:
        party = party_of(log)
        if party >= len(self.genesis.parties):
            return None
        if log < PARTIES_MAX:
            key: bytes | None = self.genesis.parties[party].root_key
        else:
            branch = staged.get(party)
            key = branch.grants.get(grant_of(log)) if branch else None
            if key is None and party in self._logs:
                key = self._logs[party].grants.get(grant_of(log))
        return key if key is not None and key_is_acceptable(key) else None

    # ---- writing

    def draft(self, log: int, drafts: Sequence[Draft], now: int, epoch_key: Callable[[int], bytes]) -> Admission:
        """Stage acts at the end of an own log, after a ctx when others have said something since its last one.

        Args:
            log: The own log.
            drafts: What to say; a draft without a time gets ``now``. Times are cut to whole minutes.
            now: Seconds since 1970.
            epoch_key: Gives the 32 random bytes for a new block of 256 leaves.

        Raises:
            LocalError: ``unknown-log`` (no key is granted for it), ``unknown-object`` (the act is on an entry that is
                not held), ``bad-body`` (a field is beyond its limits), ``too-long``, or ``first-leaf`` (an admin log
                begins with the adoption of the agreement and nothing else).
        """
        branch = self._own_branch(log)
        for one in drafts:
            if branch.size or log >= PARTIES_MAX:
                self._witness(branch, now)
            self._say(branch, one, now, epoch_key)
        return self._admission({log: branch})

    def acknowledge(self, log: int, now: int, epoch_key: Callable[[int], bytes]) -> Admission | None:  # noqa: ARG002
        """Stage a ctx at the end of an own log; None when all that others have said since is acknowledgements.

        Arguments and errors as ``draft``; a ctx has nothing to salt, so no key is asked for.
        """
        branch = self._own_branch(log)
        if not branch.size and log < PARTIES_MAX:
            return None
        return self._admission({log: branch}) if self._witness(branch, now) else None

    def _own_branch(self, log: int) -> _Branch:
        if self.key_of(log) is None:
            raise LocalError("unknown-log", log=log)
        if log in self._cuts:
            raise LocalError("log-forked", log=log)
        held = self._logs.get(log) or _Log(log)
        return _Branch(held, held.size)

    def _witness(self, branch: _Branch, now: int) -> bool:
        """Append a ctx if some log has acts this one has not seen; it then names every log that grew."""
        seen, own = branch.seen_now, branch.base.id
        if not any(log.has_act(seen.get(log.id, 0), log.size) for log in self._logs.values() if log.id != own):
            return False
        grown = [
            (log, self._logs[log].size)
            for log in sorted(self._logs)
            if log != own and self._logs[log].size > seen.get(log, 0)
        ]
        sights = [(log, size, self._logs[log].root(size)) for log, size in grown]
        self._push_ctx(branch, now // MINUTE * MINUTE, sights, self._logs, self._cuts)
        return True

    @staticmethod
    def _open_block(branch: _Branch, epoch_key: Callable[[int], bytes]) -> None:
        index = branch.size
        block = index // EPOCH_LEAVES
        secret = branch.epoch_key(block)
        if secret is None:
            key = epoch_key(block)
            assert len(key) == EPOCH_KEY_BYTES
            branch.epoch_keys[block] = key
        elif len(secret) != EPOCH_KEY_BYTES and salt(secret, index) == NO_SALT:
            key = epoch_key(block)  # the block came back from a partner as single salts, and this leaf has none yet
            branch.keep_salts(index, [salt(key, index, tag) for tag in TAGS])

    def _say(self, branch: _Branch, one: Draft, now: int, epoch_key: Callable[[int], bytes]) -> None:
        log, index = branch.base.id, branch.size
        try:
            acts_module.check(one.body)
        except acts_module.ShapeError as error:
            raise LocalError("bad-body", kind=one.body.KIND.name.lower(), why=str(error)) from None
        if (index == 0 and log < PARTIES_MAX) != _adopts(one.body, self.id):
            raise LocalError("first-leaf", log=log)
        known = index if one.obj is None or one.obj.log == log else branch.seen_now.get(one.obj.log, 0)
        if one.obj is not None and not 0 <= one.obj.index < known:
            raise LocalError("unknown-object", entry=str(one.obj))
        t = (now if one.t is None else one.t) // MINUTE * MINUTE
        if not 0 <= t <= TIME_MAX:
            raise LocalError("bad-time", t=t)
        core = encode(to_array(one.body))
        detail = None if one.detail is None else encode(dict(one.detail))
        if len(core) > SEGMENT_MAX or (detail is not None and len(detail) > SEGMENT_MAX):
            raise LocalError("too-long", limit=SEGMENT_MAX)
        self._open_block(branch, epoch_key)
        key = branch.epoch_key(index // EPOCH_LEAVES)
        assert key is not None
        leaf = act_leaf(one.body.KIND, t, one.obj, key, index, core, detail, one.auth)
        branch.entries.append(
            Entry(
                EntryRef(log, index),
                one.body.KIND,
                t,
                one.obj,
                one.body,
                one.detail,
                branch.lamport(index),
                branch.seen_now,
                _sha256(core).digest(),
                None if detail is None else _sha256(detail).digest(),
                one.auth,
            )
        )
        branch.push(StoredLeaf(log, index, leaf, core, detail, one.auth), t)
        _note_grant(branch, index, one.body)

    @staticmethod
    def _push_ctx(
        branch: _Branch,
        t: int,
        sights: Sequence[tuple[int, int, bytes]],
        logs: Mapping[int, _Log | _Branch],
        cuts: Mapping[int, Cut],
    ) -> None:
        """Append a ctx that sees ``sights``: log, size and root, all held in ``logs`` or of another history."""
        index = branch.size
        lamport, seen = _join(branch, branch.base.id, index, _counting(sights, branch.seen_now, logs, cuts), logs)
        branch.push(StoredLeaf(branch.base.id, index, ctx_leaf(t, list(sights)), None, None, None), t)
        branch.causes.at.append(index)
        branch.causes.lamport.append(lamport)
        branch.causes.seen.append(seen)
        branch.seen_now = seen

    # ---- reading

    def read(self, data: bytes) -> Admission:
        """Stage what a bundle brings. What is held already is rebuilt, compared and left out.

        Raises:
            TooLargeError: beyond a limit of docs/spec/wire.md.
            MalformedBytesError: not a bundle, or not canonical.
            WrongSpaceError: for another agreement.
            UnknownWriterError: a log whose key nobody granted.
            GapError: entries before these are missing; fact ``have``: the sizes we hold.
            BadSignatureError: what was rebuilt is not what the writer signed.
            ForkError: validly signed, and not what the writer signed before; ``evidence`` is None when what we hold was
                not signed. Or ``after-fork``: leaves of a log from where it does not count any more; ``before-fork``:
                written down by somebody who has not heard of the fork yet.
        """
        found: dict[int, Cut] = {}
        while True:
            try:
                return self._read(data, found)
            except _ForkFoundError as error:  # begin again: from here on it is known which history stands
                found[error.cut.log] = error.cut

    def _read(self, data: bytes, found: Mapping[int, Cut]) -> Admission:
        envelope = wire.read_envelope(data)
        if not self.id.startswith(envelope.space):
            raise WrongSpaceError(agreement=self.genesis.name, space=envelope.space.hex())
        body = self.codec.unpack(envelope.codec, envelope.body)
        ranges, at = wire.read_head(body)
        seals = dict(zip([part.log for part in ranges], wire.read_raw(envelope.raw, ranges), strict=True))
        cuts = {**self._cuts, **found}
        bases = self._as_cut(found) if found else dict(self._logs)
        self._check_writers(ranges, bases)
        branches: dict[int, _Branch] = {}
        for log, begin, _ in ranges:
            branches[log] = branch = _Branch(bases.get(log) or _Log(log), begin)
            branch.epoch_keys = dict(seals[log].epoch_keys)
        at = self._rebuild(branches, ranges, body, at, bases, cuts)
        if at != len(body):
            raise MalformedBytesError(what="bytes after the items")
        for part in ranges:
            if part.log in cuts and part.end > cuts[part.log].stands:
                raise ForkError("after-fork", log=part.log, size=cuts[part.log].stands)
        for log, cut in found.items():
            there: _Log | _Branch | None = branches.get(log) or bases.get(log)
            if there is None or there.size < cut.stands:
                raise self._gap(log, cut.stands, bases)
        checkpoints = {log: self._check_seal(branches[log], seals[log], branches) for log in branches}
        held = {part.log: part.end for part in ranges}
        return self._admission(branches, checkpoints=checkpoints, held=held, envelope=envelope, cuts=found)

    def _check_writers(self, ranges: Iterable[Range], bases: Mapping[int, _Log]) -> None:
        """Refuse strangers and gaps before doing any work for them."""
        ends = {part.log: part.end for part in ranges}
        for part in ranges:
            grant, admin = grant_of(part.log), party_of(part.log)
            if admin >= len(self.genesis.parties):
                raise UnknownWriterError(log=part.log)
            if part.log >= PARTIES_MAX and self.size(admin) > grant and self.key_of(part.log) is None:
                raise UnknownWriterError(log=part.log)
            if part.log >= PARTIES_MAX and max(self.size(admin), ends.get(admin, 0)) <= grant:
                raise self._gap(admin, grant + 1, bases)
            if part.begin > (bases[part.log].size if part.log in bases else 0):
                raise self._gap(part.log, part.begin, bases)

    @staticmethod
    def _gap(log: int, size: int, bases: Mapping[int, _Log]) -> GapError:
        have = {held.id: held.size for held in bases.values()}
        return GapError(log=log, needed=size, held=have.get(log, 0), have=dict(sorted(have.items())))

    def _as_cut(self, found: Mapping[int, Cut]) -> dict[int, _Log]:
        """Return the logs as they are read once ``found`` counts: what others had seen of those logs counts anew."""
        view = Space(self.genesis)
        view._cuts = {**self._cuts, **found}
        view._cut_short = frozenset(found)
        contexts: dict[int, list[int]] = {}
        for log in self._logs.values():
            kept = self._kept(log.id, found[log.id]) if log.id in found else log.size
            again = view._logs[log.id] = log.shortened(kept)
            contexts[log.id], again.causes = again.causes.at, _Causes()
        view._resolve(contexts)
        return view._logs

    def _kept(self, log: int, cut: Cut) -> int:
        """Return how many of the leaves held of a log stay when ``cut`` counts: those of the history it names."""
        held = self._logs.get(log)
        size = held.size if held else 0
        if held is None or size <= cut.at:
            return size
        whole = size >= cut.stands and held.root(cut.stands) == cut.head.root
        part = size < cut.stands and held.tree.node(0, cut.at) == cut.leaf
        return min(size, cut.stands) if whole or part else cut.at

    def _cut_by(self, ref: EntryRef, body: object, staged: Mapping[int, _Branch] = {}) -> Cut | None:
        """Return what an entry leaves of a log; None unless it is a partner's, with evidence that counts."""
        if not isinstance(body, Fork) or party_of(ref.log) == party_of(body.log):
            return None
        key = self._key_of(body.log, staged)
        return None if key is None else forks.cut_by(ref, body, self.origin(body.log), key)

    def _rebuild(
        self,
        branches: Mapping[int, _Branch],
        ranges: Iterable[Range],
        body: bytes,
        at: int,
        bases: Mapping[int, _Log],
        cuts: Mapping[int, Cut],
    ) -> int:
        """Rebuild all leaves and return the offset behind their items.

        Each log goes as far as it can until it needs a root of another one further on; what then remains of it waits.
        """
        logs: dict[int, _Log | _Branch] = {**bases, **branches}
        remains: dict[int, deque[Item]] = {}
        blocked: dict[int, list[tuple[int, int]]] = {}  # by the log waited for: (its size needed, the log that waits)
        left = wire.VALUES_MAX if len(body) > wire.VALUES_MAX else 0
        for part in ranges:
            items = wire.Items(body, at, part.length, left)
            ready: list[tuple[int, Iterator[Item]]] = [(part.log, items)]
            while ready:
                log, rest = ready.pop()
                stopped = self._advance(branches[log], rest, logs, branches, cuts)
                if stopped is not None:
                    item, other, size = stopped
                    if other not in branches:
                        self._look_for_forks(log, branches[log].size, rest, branches, cuts)
                        raise self._gap(other, size, bases)
                    if rest is items:
                        remains[log] = deque(items)
                    remains[log].appendleft(item)
                    blocked.setdefault(other, []).append((size, log))
                waiting = blocked.pop(log, [])
                ready += [(waiter, _drain(remains[waiter])) for size, waiter in waiting if size <= branches[log].size]
                if still := [(size, waiter) for size, waiter in waiting if size > branches[log].size]:
                    blocked[log] = still
            at, left = items.at, items.left
        if blocked:
            for _, waiter in [one for _, waiting in sorted(blocked.items()) for one in waiting]:
                self._look_for_forks(waiter, branches[waiter].size, _drain(remains[waiter]), branches, cuts)
            log, waiting = min(blocked.items())
            raise self._gap(log, waiting[0][0], bases)
        return at

    def _look_for_forks(
        self, log: int, index: int, items: Iterable[Item], branches: Mapping[int, _Branch], cuts: Mapping[int, Cut]
    ) -> None:
        """Look among the items of ``log`` from ``index`` on: what cannot be built now may explain why it cannot."""
        for at, (value, _) in enumerate(items, index):
            if value[0] == Kind.FORK and len(value) > 3:
                self._note_fork(EntryRef(log, at), from_array(Kind.FORK, value[3]), branches, cuts)

    def _note_fork(self, ref: EntryRef, body: object, branches: Mapping[int, _Branch], cuts: Mapping[int, Cut]) -> None:
        cut = self._cut_by(ref, body, branches)
        if cut is not None and (cut.log not in cuts or cut.decides_before(cuts[cut.log])):
            raise _ForkFoundError(cut)

    def _advance(
        self,
        branch: _Branch,
        items: Iterator[Item],
        logs: Mapping[int, _Log | _Branch],
        branches: Mapping[int, _Branch],
        cuts: Mapping[int, Cut],
    ) -> tuple[Item, int, int] | None:
        """Rebuild leaves from ``items`` to their end, or to a ctx that sees more of a log than is rebuilt yet.

        Returns:
            None, or that ctx, the log it waits for and the size it needs of it.
        """
        own, known_from, sha256 = branch.base.id, branch.base.size, _sha256
        is_admin = own < PARTIES_MAX
        seen, t = branch.seen_now, branch.t
        lamport = branch.lamport(branch.size - 1) if branch.size else 0
        epoch_key, block, single = b"", -1, False
        for item in items:
            value, data = item
            index = branch.size
            kind, dt, third = value[:3]
            if type(kind) is not int or type(dt) is not int or not (0 <= kind <= KIND_MAX and 0 <= t + dt <= TIME_MAX):
                raise wire.malformed(own, index, "item")
            t += dt
            if kind == CTX:
                grown = wire.read_grown(value, own, index, seen)
                roots = wire.read_roots(value, own, index, grown)
                sights = []
                for other, size in grown:
                    view, root = logs.get(other), roots.get(other)
                    if root is None and other in cuts:
                        raise ForkError("before-fork", log=other)
                    if root is not None and other in cuts and size > cuts[other].stands:
                        sights.append((other, size, root))
                        continue
                    if view is None or view.size < size:
                        return item, other, size
                    alike = other not in cuts or size <= cuts[other].at  # nobody can have seen another root so far
                    if root is not None and alike and view.root(size) != root:
                        return self._unexplained(item, other, logs)
                    sights.append((other, size, root or view.root(size)))
                if is_admin and index == 0:
                    raise wire.malformed(own, index, "first leaf")
                self._push_ctx(branch, t, sights, logs, cuts)
                seen, lamport = branch.seen_now, branch.causes.lamport[-1]
                continue
            if len(value) < 4:
                raise wire.malformed(own, index, "item")
            array, given = value[3], None
            skip = 1 + wire.head_length(kind) + wire.head_length(dt)
            if third is None:
                obj, skip = None, skip + 1
            else:
                obj, told = wire.read_object(third, own, index, seen), len(third) == 3
                if told and not cuts:
                    return self._unexplained(item, obj.log, logs)
                if obj.log in cuts and obj.log != own and not told:
                    raise ForkError("before-fork", log=obj.log)
                skip += len(third) - 1 + wire.head_length(third[0]) + wire.head_length(third[1])
            core: bytes | None
            if len(value) == wire.SALTED:
                (core, detail, auth), given = wire.read_salted(value, own, index)
                words = value[4]
            elif type(array) is not list:
                raise wire.malformed(own, index, "core")
            elif len(value) == 4:
                core, detail, auth, words = data[skip:], None, None, None
            else:
                core, detail, auth, words = wire.read_segments(item, skip, own, index)
            if len(data) > SEGMENT_MAX and max(len(core or b""), len(detail or b""), len(auth or b"")) > SEGMENT_MAX:
                raise TooLargeError(what="segment", limit=SEGMENT_MAX, entry=str(EntryRef(own, index)))
            missing = NO_SEGMENT
            if given is None and index // EPOCH_LEAVES != block:
                block = index // EPOCH_LEAVES
                found = branch.epoch_key(block)
                if found is None and block * EPOCH_LEAVES >= branch.begin:
                    raise wire.malformed(own, index, "epoch key is missing")
                if found is None:  # the sender must begin where the block does
                    raise GapError(log=own, needed=index, held=known_from, have=self.sizes())
                epoch_key, single = found, len(branch.kept(block) or found) == SALTS_BYTES
            if given is not None:
                leaf, missing = _leaf_with_salts(branch, kind, t, obj, (core, detail, auth), given)
            elif single:
                leaf = self._leaf_of_salts(branch, kind, t, obj, (core, detail, auth))
            else:
                assert core is not None
                leaf = act_leaf(kind, t, obj, epoch_key, index, core, detail, auth)
            body = Unreadable(kind, None, WITHHELD) if core is None else from_array(kind, array)
            if type(body) is Unreadable:
                check_plain(array)
            elif is_admin:
                _note_grant(branch, index, body)
            if kind == Kind.FORK and index >= known_from:
                self._note_fork(EntryRef(own, index), body, branches, cuts)
            if is_admin and index == 0 and not _adopts(body, self.id):
                raise wire.malformed(own, index, "first leaf")
            lamport += 1
            if index >= known_from:
                name, core_hash = EntryRef(own, index), b"" if core is None else sha256(core).digest()
                hash_ = None if detail is None else sha256(detail).digest()
                branch.entries.append(
                    Entry(name, kind, t, obj, body, words, lamport, seen, core_hash, hash_, auth, missing)
                )
            branch.push(StoredLeaf(own, index, leaf, core, detail, auth), t)
        return None

    @staticmethod
    def _unexplained(item: Item, log: int, logs: Mapping[int, _Log | _Branch]) -> tuple[Item, int, int]:
        """Stop at an item that speaks of a log as of a forked one: the evidence has to come first."""
        return item, log, (logs[log].size if log in logs else 0) + 1

    def _leaf_of_salts(
        self, branch: _Branch, kind: int, t: int, obj: EntryRef | None, segments: Sequence[bytes | None]
    ) -> bytes:
        """Return the next leaf of a block that is kept as single salts, from an item that brings none."""
        own, index = branch.base.id, branch.size
        block = index // EPOCH_LEAVES
        secret = branch.epoch_key(block)
        assert secret is not None
        held = read_trusted(branch.base.leaves[index])[3:] if index < branch.base.size else None
        given: list[bytes | None] = [None, None, None]
        commits: list[bytes | None] = [None, None, None]
        for n, (tag, segment) in enumerate(zip(TAGS, segments, strict=True)):
            if segment is None:
                continue
            given[n] = one = salt(secret, index, tag)
            if one != NO_SALT:
                commits[n] = commitment(tag, one, segment)
            elif held is None:  # only who has the salt can bring this, or who has the key, from the block's begin on
                raise GapError(log=own, needed=index, held=branch.base.size, have=self.sizes())
            elif len(held) == len(TAGS):
                commits[n] = held[n]  # of an act; a ctx has no three
        if index >= branch.base.size:
            branch.keep_salts(index, given)
        return committed_leaf(kind, t, obj, commits)

    def _check_seal(self, branch: _Branch, seal: Seal, branches: Mapping[int, _Branch]) -> Checkpoint:
        log, base = branch.base.id, branch.base
        key = self._key_of(log, branches)
        if key is None:
            raise UnknownWriterError(log=log)
        head = Checkpoint(branch.size, branch.root(branch.size), seal.signature)
        if not verify(key, notes.text(self.origin(log), head.size, head.root), head.signature):
            raise BadSignatureError(log=log, size=head.size, root=head.root)
        both = min(base.size, branch.size)
        if branch.begin < both and base.tree.leaves(branch.begin, both) != branch.growth.leaves(branch.begin, both):
            raise self._fork(branch, head, key)
        for block, secret in seal.epoch_keys.items():
            kept = base.epoch_keys.get(block, secret)
            if len(kept) == EPOCH_KEY_BYTES and kept != secret and branch.size > base.size:
                raise wire.malformed(log, block * EPOCH_LEAVES, "epoch key")  # what it opened could not be passed on
        return head

    def _fork(self, branch: _Branch, other: Checkpoint, key: bytes) -> ForkError:
        """Return the error that carries the evidence; there is none as long as nobody signed what we hold."""
        base, log = branch.base, branch.base.id
        index = next(n for n in range(branch.begin, base.size) if base.tree.node(0, n) != branch.growth.node(0, n))
        evidence = None
        if base.checkpoint is not None and base.checkpoint.size > index:
            held = base.tree, base.checkpoint
            evidence = forks.prove(log, self.origin(log), key, held, (branch.growth, other))
        error = ForkError(log=log, entry=str(EntryRef(log, index)))
        if evidence is not None:
            error.facts.update(note_held=evidence.note_a, note_other=evidence.note_b)
            error.evidence = evidence
        return error

    # ---- staging and applying

    def _admission(
        self,
        branches: Mapping[int, _Branch],
        *,
        checkpoints: Mapping[int, Checkpoint] | None = None,
        held: Mapping[int, int] | None = None,
        envelope: wire.Envelope | None = None,
        cuts: Mapping[int, Cut] | None = None,
    ) -> Admission:
        cuts = cuts or self._cuts_in(branches)
        keep = {log: kept for log, cut in cuts.items() if (kept := self._kept(log, cut)) < self.size(log)}
        grown = {log: branch for log, branch in sorted(branches.items()) if branch.size > branch.base.size}
        acts = [entry for branch in grown.values() for entry in branch.entries]
        if len(grown) > 1:
            acts.sort(key=_order_key)
        leaves = [leaf for branch in grown.values() for leaf in branch.leaves[branch.base.size - branch.begin :]]
        secrets = {
            (log, block): branch.epoch_keys[block]
            for log, branch in grown.items()
            for block in sorted({entry.ref.index // EPOCH_LEAVES for entry in branch.entries})
            if block in branch.epoch_keys and block not in branch.base.epoch_keys
        }
        secrets |= {
            (log, block): bytes(salts) for log, branch in grown.items() for block, salts in branch.salts.items()
        }
        erasures = self.erasures.heard(acts)
        erase: tuple[Erase, ...] = ()
        if erasures:
            asked = [act for act in acts if act.kind == Kind.REDACT]
            erase = self._erase(erasures, leaves, secrets, asked=asked, keep=keep)
            acts = [erasures.reading(entry) for entry in acts]
        admission = Admission(
            space=self.id,
            before={log: self.size(log) for log in sorted({*grown, *keep})},
            leaves=tuple(leaves),
            epoch_keys=secrets,
            checkpoints={
                **{log: head for log, head in (checkpoints or {}).items() if head.size > self._sealed(log)},
                **{log: cut.head for log, cut in cuts.items()},
            },
            entries=tuple(acts),
            erase=erase,
            cuts=cuts,
            keep=keep,
            held=held or {},
            have=envelope.have if envelope else None,
            question=envelope.question if envelope else None,
        )
        self._staged = admission, {log: branch.hashed() for log, branch in grown.items()}
        return admission

    def seal(self, admission: Admission, sign: Callable[[int, bytes], bytes | None]) -> Admission:
        """Return ``admission``, the last one staged, with the signed heads of own logs that it grows.

        So every leaf on the disk is under a signature, and a disk that changes one cannot do so unnoticed.

        Args:
            admission: What ``draft``, ``acknowledge`` or ``read`` returned last.
            sign: As for ``news``.
        """
        assert self._staged is not None
        staged, growths = self._staged
        assert staged is admission
        heads = dict(admission.checkpoints)
        for log, growth in growths.items():
            if log not in heads:
                size, root = growth.size, growth.root(growth.size)
                signature = sign(log, notes.text(self.origin(log), size, root))
                if signature is not None:
                    heads[log] = Checkpoint(size, root, signature)
        sealed = replace(admission, checkpoints=heads)
        self._staged = sealed, growths
        return sealed

    def _cuts_in(self, branches: Mapping[int, _Branch]) -> dict[int, Cut]:
        """Return the forks that come to count with what own branches say of them."""
        cuts: dict[int, Cut] = {}
        for branch in branches.values():
            for entry in branch.entries:
                cut = self._cut_by(entry.ref, entry.body, branches) if entry.kind == Kind.FORK else None
                known = cuts.get(cut.log) or self._cuts.get(cut.log) if cut else None
                if cut is not None and (known is None or cut.decides_before(known)):
                    if self._kept(cut.log, cut) < cut.stands:
                        raise LocalError("unknown-entry", entry=f"{cut.log}.{cut.stands}")
                    cuts[cut.log] = cut
        return cuts

    def _erase(
        self,
        erasures: Erasures,
        leaves: list[StoredLeaf],
        secrets: dict[tuple[int, int], bytes],
        *,
        asked: Iterable[Entry],
        keep: Mapping[int, int],
    ) -> tuple[Erase, ...]:
        """Take out of ``leaves`` and ``secrets`` what is erased, and return what has to go of leaves held already.

        Args:
            erasures: With what the staged acts ask.
            leaves: Staged, not stored yet; changed here.
            secrets: Of the blocks; changed here.
            asked: The staged acts that ask for an erasure.
            keep: How many leaves stay of logs that are cut by the same admission.
        """
        staged = {(leaf.log, leaf.index): n for n, leaf in enumerate(leaves)}
        targets = {EntryRef(*name) for name in staged if erasures.wishes(EntryRef(*name))}
        targets |= {act.body.target for act in asked if isinstance(act.body, Redact)}
        erase: list[Erase] = []
        for ref in sorted(targets):
            at = staged.get(ref)
            if at is None and ref.index >= keep.get(ref.log, self.size(ref.log)):
                continue  # nobody has it; whoever asked had not seen it either
            stored = leaves[at] if at is not None else self.stored(ref)
            leaf = read_trusted(stored.leaf)
            if isinstance(leaf, CtxLeaf):
                continue
            gone = erasures.effect(ref, leaf.kind, signed=leaf.auth is not None).segments
            block = (ref.log, ref.index // EPOCH_LEAVES)
            secret = secrets.get(block)
            if secret is None and ref.log in self._logs:
                secret = self._logs[ref.log].epoch_keys.get(block[1])
            going = NO_SEGMENT
            for bit, tag, commit, segment in zip(
                SEGMENTS, TAGS, (leaf.core, leaf.detail, leaf.auth), stored[3:], strict=True
            ):
                if not gone & bit or commit is None:
                    continue
                if segment is not None or (secret is not None and salt(secret, ref.index, tag) != NO_SALT):
                    going |= bit
                    if secret is not None:
                        secret = with_salt(secret, ref.index, tag)
            if not going:
                continue
            if secret is not None:
                secrets[block] = secret
            if at is None:
                erase.append(Erase(ref.log, ref.index, going))
            else:
                leaves[at] = without(stored, going)
        return tuple(erase)

    def _sealed(self, log: int) -> int:
        head = self.checkpoint(log)
        return head.size if head else 0

    def apply(self, admission: Admission) -> None:
        """Take into memory what the store now holds. The sizes must be those it was staged on."""
        assert admission.space == self.id
        assert all(self.size(log) == size for log, size in admission.before.items()), "memory moved since"
        growths: dict[int, Growth] = {}
        if self._staged is not None and self._staged[0] is admission:
            growths = self._staged[1]
        self._staged = None
        for log_, index, segments in admission.erase:
            log = self._logs[log_]
            if segments & Segment.CORE:
                log.cores[index] = None
            if segments & Segment.DETAIL:
                log.details.pop(index, None)
            if segments & Segment.AUTH:
                log.auths.pop(index, None)
        if admission.cuts:
            self._begin_again(admission)
            return
        self._absorb(admission.leaves, admission.epoch_keys, admission.checkpoints, growths)

    def _begin_again(self, admission: Admission) -> None:
        """Take in a fork: everything held is read anew, because what others had seen of that log counts differently."""
        held = {log: self._logs[log].shortened(admission.keep.get(log, self.size(log))) for log in self._logs}
        leaves = [
            StoredLeaf(log.id, n, log.leaves[n], log.cores[n], log.details.get(n), log.auths.get(n))
            for log in held.values()
            for n in range(log.size)
        ]
        epoch_keys = {(log.id, block): key for log in held.values() for block, key in log.epoch_keys.items()}
        checkpoints = {log.id: log.checkpoint for log in held.values() if log.checkpoint is not None}
        self._logs, self._forks, self._cuts = {}, {}, {}
        self.erasures = Erasures(len(self.genesis.parties))
        self._absorb(
            [*leaves, *admission.leaves],
            {**epoch_keys, **admission.epoch_keys},
            {**checkpoints, **admission.checkpoints},
            {},
        )

    def _absorb(
        self,
        leaves: Iterable[StoredLeaf],
        epoch_keys: Mapping[tuple[int, int], bytes],
        checkpoints: Mapping[int, Checkpoint],
        growths: Mapping[int, Growth],
    ) -> None:
        """Append leaves that were checked before they were stored.

        Args:
            leaves: Each log's in ascending order.
            epoch_keys: As in ``Admission``.
            checkpoints: As in ``Admission``.
            growths: Their hashes, for the logs where they are known.
        """
        hashes: dict[int, list[bytes]] = {}
        contexts: dict[int, list[int]] = {}
        asked: list[tuple[_Log, int]] = []  # to erase something
        sha256 = _sha256
        for log_, index, leaf, core, detail, auth in leaves:
            log = self._logs.get(log_)
            if log is None:
                growth = growths.get(log_)
                log = self._logs[log_] = _Log(log_, growth.base if growth else None)
            if log_ not in contexts:
                hashes[log_], contexts[log_] = [], []
            assert index == log.size, (log_, index)
            log.leaves.append(leaf)
            log.cores.append(core)
            if log_ not in growths:
                pending = hashes[log_]
                pending.append(sha256(b"\x00" + leaf).digest())
                if len(pending) == _HASHES_AT_ONCE:
                    log.tree.extend(pending)
                    pending.clear()
            if detail is not None:
                log.details[index] = detail
            if auth is not None:
                log.auths[index] = auth
            if is_ctx(leaf):
                contexts[log_].append(index)
            elif log_ < PARTIES_MAX and core is not None:
                body = from_array(decode_trusted(leaf)[0], decode_trusted(core))
                _note_grant(log, index, body)
                if isinstance(body, Redact):
                    asked.append((log, index))
            if leaf[1:3] == _FORK_HEAD and core is not None:
                fork = from_array(Kind.FORK, decode_trusted(core))
                if isinstance(fork, Fork):
                    self._forks[EntryRef(log_, index)] = fork
        for log_, more in hashes.items():
            if log_ in growths:
                self._logs[log_].tree.absorb(growths[log_])
            else:
                self._logs[log_].tree.extend(more)
        for (log_, block), key in epoch_keys.items():
            if log_ in self._logs:
                self._logs[log_].epoch_keys[block] = key
        for log_, head in checkpoints.items():
            if log_ in self._logs and head.size > self._sealed(log_):
                self._logs[log_].checkpoint = head
        if self._forks:
            self._cuts = {}
            for ref, fork in sorted(self._forks.items()):
                cut = self._cut_by(ref, fork)
                if cut is not None and (cut.log not in self._cuts or cut.decides_before(self._cuts[cut.log])):
                    self._cuts[cut.log] = cut
        self._resolve(contexts)
        if asked:
            self.erasures = self.erasures.heard([self._entry(log, index) for log, index in asked])

    def _resolve(self, contexts: Mapping[int, list[int]]) -> None:
        """Find lamport numbers and sizes seen from ctx leaves on, each after those it builds on.

        Raises:
            MalformedBytesError: a ctx sees more than is held, or they wait for each other.
        """
        todo = {log: list(reversed(indices)) for log, indices in sorted(contexts.items()) if indices}
        while todo:
            moved = False
            for log in list(todo):
                stack = todo[log]
                while stack and self._resolve_one(self._logs[log], stack[-1], todo):
                    stack.pop()
                    moved = True
                if not stack:
                    del todo[log]
            if not moved:
                log, stack = next(iter(todo.items()))
                raise MalformedBytesError(what="ctx sees what is not there", entry=str(EntryRef(log, stack[-1])))

    def _resolve_one(self, log: _Log, index: int, todo: Mapping[int, list[int]]) -> bool:
        sights = decode_trusted(log.leaves[index])[2]
        before = log.seen(index - 1) if index else _NOTHING_SEEN
        if not self._cuts:
            grown = [(other, size) for other, size, _ in sights]
        else:
            for other, size, _ in sights:
                here = self.size(other)
                if other in self._cuts and here < min(size, self._cuts[other].stands) and other not in self._cut_short:
                    return False
            grown = _counting(sights, before, self._logs, self._cuts)
        for other, size in grown:
            waits = todo.get(other)
            if size > self.size(other) or (waits and waits[-1] < size):
                return False
        lamport, seen = _join(log, log.id, index, grown, self._logs)
        log.causes.at.append(index)
        log.causes.lamport.append(lamport)
        log.causes.seen.append(seen)
        return True

    # ---- from a store

    @classmethod
    def restore(
        cls,
        genesis: Genesis,
        leaves: Iterable[StoredLeaf],
        epoch_keys: Mapping[tuple[int, int], bytes],
        checkpoints: Mapping[int, Checkpoint],
        *,
        dictionary: bytes = b"",
        verify: bool = False,
    ) -> Space:
        """Return the agreement that a store or an export holds.

        Args:
            genesis: The descriptor.
            leaves: Of each log from index 0 without a hole; logs in any order.
            epoch_keys: By (log, block).
            checkpoints: The largest signed head of each log that has one.
            dictionary: As in the constructor.
            verify: Check everything again as if a stranger had brought it. A segment that was erased is no mistake,
                nor is a tail that nobody has signed yet (compare ``checkpoint`` with ``size``).

        Raises:
            MalformedBytesError: (verifying) a leaf or segment is not what it must be; fact ``entry`` names it.
            UnknownWriterError: (verifying) a log whose key nobody granted.
            BadSignatureError: (verifying) a head is not that of the leaves, or not signed by the writer.
            ForkError: (verifying) a ctx vouches for another root than ours; facts ``entry``, ``log`` and ``size``.
        """
        space = cls(genesis, dictionary)
        if verify:
            leaves = list(leaves)
            sizes: dict[int, int] = {}
            for stored in leaves:
                block = stored.log, stored.index // EPOCH_LEAVES
                fault = space._fault_of(stored, sizes.get(stored.log, 0), epoch_keys.get(block))
                if fault is not None:
                    raise fault
                sizes[stored.log] = stored.index + 1
        space._absorb(leaves, epoch_keys, checkpoints, {})
        if verify:
            for fault in space._root_faults(checkpoints):
                raise fault
        return space

    # ---- composing

    def compose(self, known: Mapping[int, int], sign: Callable[[int, bytes], bytes | None]) -> bytes | None:
        """Return the first bundle of ``news``; None when there is nothing new."""
        return next((bundle for bundle, _ in self.news(known, sign)), None)

    def compose_all(self, known: Mapping[int, int], sign: Callable[[int, bytes], bytes | None]) -> list[bytes]:
        """Return all bundles of ``news``."""
        return [bundle for bundle, _ in self.news(known, sign)]

    def have_only(self, question: bytes | None = None) -> bytes:
        """Return a bundle that brings nothing and tells which sizes are held here.

        Args:
            question: 16 bytes of our own to ask what the reader holds, or the reader's to answer it.
        """
        head = wire.write_head(())
        return wire.write_envelope(self.id, self.codec, body=head, raw=b"", have=self.sizes(), question=question)

    def news(
        self, known: Mapping[int, int], sign: Callable[[int, bytes], bytes | None]
    ) -> Iterator[tuple[bytes, Mapping[int, int]]]:
        """Yield the bundles that take a reader from the sizes ``known`` to all that is held here, in order.

        Args:
            known: Sizes the reader holds; a log that is not there counts as empty.
            sign: Signs the checkpoint text of an own log; returns None for a log whose key is not here. That one is
                passed on up to its last signed head, unless that is more than one bundle can hold.

        Yields:
            A bundle, and the size of each log it brings the reader to.
        """
        ends: dict[int, int] = {}
        own: set[int] = set()
        for log in self._logs.values():
            begin = self._common(log.id, known)
            if begin >= log.size:
                continue
            own_head = notes.text(self.origin(log.id), log.size, log.root(log.size))
            if log.id not in self._cuts and sign(log.id, own_head) is not None:
                own.add(log.id)
                ends[log.id] = log.size
            elif log.checkpoint and 0 < log.checkpoint.size - begin <= wire.ITEMS_MAX - EPOCH_LEAVES:
                ends[log.id] = log.checkpoint.size
        begins = {log: self._common(log, known) for log in ends}
        for cut in self._portions(begins, ends, own):
            ranges = [
                Range(log, self._with_key(log, begins[log]), cut[log] - self._with_key(log, begins[log]))
                for log in sorted(cut)
                if cut[log] > begins[log]
            ]
            yield self._bundle(ranges, sign), {part.log: part.end for part in ranges}
            begins = {**begins, **cut}

    def _common(self, log: int, known: Mapping[int, int]) -> int:
        """Return up to which size a reader holds what we hold of ``log``; of a forked one it may hold other leaves."""
        cut = self._cuts.get(log)
        if cut is None or known.get(cut.ref.log, 0) > cut.ref.index:
            return known.get(log, 0)
        return min(known.get(log, 0), cut.at)

    def _sign(self, log: _Log, size: int, sign: Callable[[int, bytes], bytes | None]) -> bytes | None:
        if log.checkpoint and log.checkpoint.size == size:
            return log.checkpoint.signature
        return sign(log.id, notes.text(self.origin(log.id), size, log.root(size)))

    def _with_key(self, log: int, begin: int) -> int:
        """Return where a range must begin so that its acts have their epoch key: a key counts from its first act on."""
        first = begin // EPOCH_LEAVES * EPOCH_LEAVES
        if len(self._logs[log].epoch_keys.get(begin // EPOCH_LEAVES, b"")) == SALTS_BYTES:
            return begin  # its acts bring their salts
        return begin if self._logs[log].has_act(first, begin) else first

    def _portions(self, begins: Mapping[int, int], ends: Mapping[int, int], own: set[int]) -> Iterator[dict[int, int]]:
        """Return the sizes reached after each bundle. What one needs is in it or before it.

        An own log can be cut anywhere; one passed on only where it is signed, at its end.
        """
        items = sum(ends[log] - begins[log] for log in ends)
        if not items:
            return
        reached = dict(begins)
        if items > SPLIT_ITEMS or self._weight(begins, ends) > SPLIT_BYTES:
            for _, cut in sorted(self._cuts.items()):  # nobody can read what builds on a fork before its evidence
                if begins.get(cut.ref.log, cut.ref.index + 1) <= cut.ref.index:
                    self._reach(reached, cut.ref.log, cut.ref.index + 1, ends, own)
                    self._reach(reached, cut.log, cut.stands, ends, own)
            count, weight = sum(reached.values()) - sum(begins.values()), 0
            order = heapq.merge(*[_in_order(self._logs[log], begins[log], ends[log]) for log in ends])
            for _, log, index in order:
                if index < reached[log]:
                    continue
                if count and (count >= SPLIT_ITEMS or weight > SPLIT_BYTES):
                    yield dict(reached)
                    count = weight = 0
                before = sum(reached.values())
                self._reach(reached, log, index + 1, ends, own)
                count += sum(reached.values()) - before
                weight += self._weight({log: index}, {log: index + 1})
        yield dict(ends)

    def _weight(self, begins: Mapping[int, int], ends: Mapping[int, int]) -> int:
        return sum(
            len(core or b"") + len(log.details.get(index, b""))
            for log in (self._logs[log] for log in ends)
            for index, core in enumerate(log.cores[begins[log.id] : ends[log.id]], begins[log.id])
        )

    def _reach(self, reached: dict[int, int], log: int, size: int, ends: Mapping[int, int], own: set[int]) -> None:
        """Raise ``reached`` so that ``log`` up to ``size``, and all it builds on, is in it."""
        todo = [(log, size)]
        while todo:
            log, size = todo.pop()
            if log not in ends or size <= reached[log]:
                continue
            reached[log] = size if log in own else ends[log]
            todo += self._logs[log].seen(reached[log] - 1).items()

    def _bundle(self, ranges: Sequence[Range], sign: Callable[[int, bytes], bytes | None]) -> bytes:
        body, raw = [wire.write_head(ranges)], []
        for part in ranges:
            log = self._logs[part.log]
            body.append(_write_items(log, part, self._cuts))
            signature = self._sign(log, part.end, sign)
            assert signature is not None
            raw.append(signature)
            secrets = [log.epoch_keys.get(block, wire.NO_KEY) for block in wire.new_blocks(part)]
            raw += [secret if len(secret) == EPOCH_KEY_BYTES else wire.NO_KEY for secret in secrets]
        return wire.write_envelope(self.id, self.codec, body=b"".join(body), raw=b"".join(raw))

    # ---- verifying what a store or an export holds

    @classmethod
    def audit(
        cls,
        genesis: Genesis,
        leaves: Iterable[StoredLeaf],
        epoch_keys: Mapping[tuple[int, int], bytes],
        checkpoints: Mapping[int, Checkpoint],
    ) -> tuple[Space, list[RemoteError]]:
        """Return what can be read, and everything that ``restore`` would refuse when it verifies.

        A segment that does not fit is left out; a log ends where a leaf cannot be read or is missing.
        """
        space = cls(genesis)
        faults: list[RemoteError] = []
        sound = list(space._sound(leaves, epoch_keys, faults))
        try:
            space._absorb(sound, epoch_keys, {}, {})
        except MalformedBytesError as error:  # contexts that see what is not there, or each other
            faults.append(error)
        faults += space._root_faults(checkpoints)
        return space, faults

    def _sound(
        self,
        leaves: Iterable[StoredLeaf],
        epoch_keys: Mapping[tuple[int, int], bytes],
        faults: list[RemoteError],
    ) -> Iterator[StoredLeaf]:
        """Yield the leaves that can be read, without the segments that do not fit; add what is wrong to ``faults``."""
        sizes: dict[int, int] = {}
        ended: set[int] = set()
        for stored in leaves:
            if stored.log in ended:
                continue
            secret = epoch_keys.get((stored.log, stored.index // EPOCH_LEAVES))
            expected = sizes.get(stored.log, 0)
            error = self._fault_of(stored, expected, secret)
            sizes[stored.log] = stored.index + 1
            if error is None:
                yield stored
                continue
            faults.append(error)
            bare = stored._replace(core=None, detail=None, auth=None)
            if self._fault_of(bare, expected, secret) is None:
                yield bare
            else:
                ended.add(stored.log)

    def _fault_of(self, stored: StoredLeaf, expected: int, secret: bytes | None) -> RemoteError | None:
        """Return what is wrong with a stored leaf that should be at index ``expected``."""
        name = str(EntryRef(stored.log, stored.index))
        if not 0 <= stored.log <= NUMBER_MAX:
            return UnknownWriterError(log=stored.log)
        if stored.index != expected:
            return MalformedBytesError(what="leaves are missing", entry=name)
        try:
            check_stored(stored, secret)
            if stored.index == 0 and stored.log < PARTIES_MAX and not self._is_adoption(stored):
                raise MalformedBytesError(what="first leaf")
        except RemoteError as error:
            error.facts["entry"] = name
            return error
        return None

    def _is_adoption(self, stored: StoredLeaf) -> bool:
        kind = read_trusted(stored.leaf)[0]
        return stored.core is not None and _adopts(from_array(kind, decode_trusted(stored.core)), self.id)

    def _root_faults(self, checkpoints: Mapping[int, Checkpoint]) -> Iterator[RemoteError]:
        for log in self._logs.values():
            if self.key_of(log.id) is None:
                yield UnknownWriterError(log=log.id)
            seen: dict[int, int] = {}
            for index in log.causes.at:
                leaf = read_trusted(log.leaves[index])
                assert isinstance(leaf, CtxLeaf)
                for other, size, root in leaf.sights:
                    name = str(EntryRef(log.id, index))
                    if other in self._cuts and size > self._cuts[other].at:
                        continue  # of whichever history: what it counts for was found above
                    if other == log.id or size <= seen.get(other, 0):
                        yield MalformedBytesError(what="ctx names a log that did not grow", entry=name)
                    elif self.root(other, size) != root:
                        yield ForkError(log=other, size=size, entry=name)
                seen = dict(log.seen(index))
        for log_, head in sorted(checkpoints.items()):
            key = self.key_of(log_)
            if key is None:
                if log_ not in self._logs:
                    yield UnknownWriterError(log=log_)
            elif (
                head.size > self.size(log_)
                or head.root != self.root(log_, head.size)
                or not verify(key, notes.text(self.origin(log_), head.size, head.root), head.signature)
            ):
                yield BadSignatureError(log=log_, size=head.size, root=head.root)


def _order_key(entry: Entry) -> tuple[int, int, int]:
    return entry.order_key


def _in_order(log: _Log, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    for index in range(begin, end):
        yield log.lamport(index), log.id, index


def _adopts(body: object, space: bytes) -> bool:
    return isinstance(body, Adopt) and body.space == space


def _note_grant(log: _Log | _Branch, index: int, body: object) -> None:
    """Remember a writer's key: an act of an admin log that grants one opens the log named after its leaf."""
    if isinstance(body, Grant) and body.key is not None:
        log.grants[index] = body.key


def _leaf_with_salts(
    branch: _Branch,
    kind: int,
    t: int,
    obj: EntryRef | None,
    segments: Sequence[bytes | None],
    given: Sequence[bytes | None],
) -> tuple[bytes, Segment]:
    """Return the next leaf from an item that brings its salts, and what is missing of it.

    Raises:
        MalformedBytesError: something is missing of an act that nobody can erase.
    """
    missing = NO_SEGMENT
    salts: list[bytes | None] = [None, None, None]
    commits: list[bytes | None] = [None, None, None]
    for n, (segment, one) in enumerate(zip(segments, given, strict=True)):
        if one is None:
            continue
        if segment is None:
            commits[n], missing = one, missing | SEGMENTS[n]
        else:
            salts[n], commits[n] = one, commitment(TAGS[n], one, segment)
    if missing and kind in DESK_KINDS:
        raise wire.malformed(branch.base.id, branch.size, "salts")
    if branch.size >= branch.base.size:
        branch.keep_salts(branch.size, salts)
    return committed_leaf(kind, t, obj, commits), missing


def _three(commits: Sequence[bytes | None]) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Return the commitments of an act leaf to core, detail and auth."""
    core, detail, auth = (*commits, None, None)[:3]
    return core, detail, auth


def _missing(commits: Sequence[bytes | None], segments: Sequence[bytes | None]) -> Segment:
    """Return the segments that an act leaf commits to and that are not here."""
    if len(commits) == 1 and segments[0] is not None:
        return NO_SEGMENT
    missing = NO_SEGMENT
    for bit, commit, segment in zip(SEGMENTS, _three(commits), segments, strict=True):
        if commit is not None and segment is None:
            missing |= bit
    return missing


def _drain(items: deque[Item]) -> Iterator[Item]:
    while items:
        yield items.popleft()


def _join(
    log: _Log | _Branch, own: int, index: int, grown: Sequence[tuple[int, int]], logs: Mapping[int, _Log | _Branch]
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


def _counting(
    sights: Sequence[tuple[int, int, bytes]],
    before: Mapping[int, int],
    logs: Mapping[int, _Log | _Branch],
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


def _write_items(log: _Log, part: Range, cuts: Mapping[int, Cut]) -> bytes:
    """Return the wire items of a range."""
    t = log.time(part.begin - 1) if part.begin else 0
    seen = log.seen(part.begin - 1) if part.begin else _NOTHING_SEEN
    items: list[bytes] = []
    for index in range(part.begin, part.end):
        kind, then, third, *commits = decode_trusted(log.leaves[index])
        dt, t = then - t, then
        if kind == CTX:
            # After a fork a writer may count as having seen more, or less, than it knew when it wrote this.
            told = [other in cuts or size <= seen.get(other, 0) for other, size, _ in third]
            grown = [
                (other, size if whole else size - seen.get(other, 0))
                for (other, size, _), whole in zip(third, told, strict=True)
            ]
            roots = [root if whole else None for (_, _, root), whole in zip(third, told, strict=True)]
            items.append(wire.write_ctx(dt, grown, roots))
            seen = log.seen(index)
            continue
        back: tuple[int, int] | tuple[int, int, None] | None = None
        if third is not None:
            other, at = third
            distance = (index if other == log.id else seen.get(other, 0)) - 1 - at
            back = (other, at, None) if other != log.id and (other in cuts or distance < 0) else (other, distance)
        core, detail, auth = log.cores[index], log.details.get(index), log.auths.get(index)
        secret = log.epoch_keys[index // EPOCH_LEAVES]
        if len(secret) == EPOCH_KEY_BYTES and core is not None and not _missing(commits, (core, detail, auth)):
            items.append(wire.write_act(kind, dt, back, core=core, detail=detail, auth=auth))
            continue
        given = [
            commit if segment is None else salt(secret, index, tag)
            for tag, commit, segment in zip(TAGS, _three(commits), (core, detail, auth), strict=True)
        ]
        items.append(wire.write_salted(kind, dt, back, (core, detail, auth), given))
    return b"".join(items)
