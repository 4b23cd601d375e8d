"""What is held of one agreement: its logs in memory, and what can be asked about them.

Decides whose key a log has, what of a log with two histories counts, and what every leaf had seen. Only what was
checked comes in here: from a store, or as an admission.

Leaves to ``drafting`` and ``reading`` what comes next, to ``composing`` what leaves, to ``space`` when it changes.

Source: docs/spec/log.md.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tallystick.core import checkpoint as notes
from tallystick.core import forks
from tallystick.core.agreement import Genesis
from tallystick.core.branch import (
    NOTHING_SEEN,
    Branch,
    Causes,
    Log,
    counting,
    in_order,
    is_whole,
    join,
    missing_of,
    note_grant,
)
from tallystick.core.bundle import Codec
from tallystick.core.canonical import decode_trusted, encode_trusted
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.entries import NO_SEGMENT, Entry, Fork, Kind, Redact, Unreadable, from_array
from tallystick.core.erasure import WITHHELD, Erasures
from tallystick.core.errors import BadSignatureError, LocalError, MalformedBytesError
from tallystick.core.forks import Cut
from tallystick.core.identity import PARTIES_MAX, EntryRef, grant_of, log_id, party_of
from tallystick.core.log import EPOCH_LEAVES, NO_SALT, TAGS, CtxLeaf, Sight, StoredLeaf, is_ctx, read_trusted, salt
from tallystick.core.merkle import Growth, Tree
from tallystick.core.signing import key_is_acceptable, verify

_HASHES_AT_ONCE = 4096  # kept apart before they go into a tree: a million of them would be 70 MB
_FORK_HEAD = encode_trusted(int(Kind.FORK))  # how a leaf of that kind goes on after its first byte
_sha256 = hashlib.sha256


class HeldLogs:
    """The logs of one agreement. What others may do with it is in :class:`~tallystick.core.space.Space`."""

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
        self.logs: dict[int, Log] = {}
        self.lacking: set[EntryRef] = set()  # acts of which a segment is not here, erased or not
        self.forks: dict[EntryRef, Fork] = {}  # what was said of forks of logs whose key is not known yet
        self.reports: dict[EntryRef, Cut] = {}  # what was said of forks and shows one, whether it counts or not
        self.cuts: dict[int, Cut] = {}  # logs that have two histories, and which of them stands
        self.cut_short: frozenset[int] = frozenset()  # of these the history that stands is not here yet (``as_cut``)

    def sizes(self) -> dict[int, int]:
        """Return the number of leaves of each log that has any, by ascending log id."""
        return {log: self.logs[log].size for log in sorted(self.logs)}

    def size(self, log: int) -> int:
        held = self.logs.get(log)
        return held.size if held else 0

    def root(self, log: int, size: int) -> bytes:
        """Return the root over the first ``size`` leaves of ``log``; raises LocalError ``unknown-entry``."""
        held = self.logs.get(log)
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
        held = self.logs.get(log)
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
        held = self.logs.get(log)
        for index in held.causes.at if held else ():
            leaf = read_trusted(held.leaves[index]) if held else None
            assert isinstance(leaf, CtxLeaf)
            yield index, leaf.sights

    def key_of(self, log: int, logs: Mapping[int, Log | Branch] | None = None) -> bytes | None:
        """Return the key that signs for ``log``: the party's root key, or its grant's; None when there is none.

        As ``logs`` say, or without them those that are held.
        """
        party = party_of(log)
        if party >= len(self.genesis.parties):
            return None
        if log < PARTIES_MAX:
            key: bytes | None = self.genesis.parties[party].root_key
        else:
            admin = (self.logs if logs is None else logs).get(party)
            key = admin.granted(grant_of(log)) if admin else None
        return key if key is not None and key_is_acceptable(key) else None

    def log_of(self, key: bytes) -> int | None:
        """Return the log that ``key`` was first granted, or whose root key it is."""
        for party, member in enumerate(self.genesis.parties):
            if member.root_key == key:
                return party
            admin = self.logs.get(party)
            for index, granted in admin.grants.items() if admin else ():
                if granted == key:
                    return log_id(index, party)
        return None

    def checkpoint(self, log: int) -> Checkpoint | None:
        """Return the largest signed head held of ``log``."""
        held = self.logs.get(log)
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

    def prove_fork(self, log: int, head: Checkpoint, hashes: Sequence[bytes]) -> Fork | None:
        """Return the evidence that ``hashes`` are the leaves of another history of ``log`` than ours.

        Args:
            log: The log.
            head: A head of that history, whose signature is checked here.
            hashes: Of all its leaves.

        Raises:
            BadSignatureError: the head is not that of the leaves, or not signed by the log's key.
        """
        key, held = self.key_of(log), self.logs.get(log)
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
        held = self.logs.get(log)
        if held is None or size > held.size:
            raise LocalError("unknown-entry", entry=f"{log}.{size}")
        return held.tree.leaves(0, size)

    def is_act(self, log: int, index: int) -> bool:
        """Return whether the leaf is an act rather than a ctx; raises LocalError ``unknown-entry``."""
        return not is_ctx(self._held(EntryRef(log, index)).leaves[index])

    def last_time(self, log: int) -> int | None:
        """Return the time its writer claims for the last leaf of ``log``, seconds since 1970."""
        held = self.logs.get(log)
        return held.time(held.size - 1) if held else None

    def known_by(self, log: int) -> dict[int, int]:
        """Return what the writer of ``log`` has shown to hold: its own log, and what its last ctx saw."""
        held = self.logs.get(log)
        return {**held.seen(held.size - 1), log: held.size} if held else {}

    def entry(self, ref: EntryRef) -> Entry:
        """Return the act of this name; raises LocalError ``unknown-entry``, for a ctx too."""
        log = self._held(ref)
        if is_ctx(log.leaves[ref.index]):
            raise LocalError("unknown-entry", entry=str(ref))
        return self._entry(log, ref.index)

    def acts(self) -> Iterator[Entry]:
        """Return every act, in the order everybody reads them: by lamport number, log and index."""
        for _, log_, index in heapq.merge(*[in_order(log, 0, log.size) for log in self.logs.values()]):
            log = self.logs[log_]
            if not is_ctx(log.leaves[index]):
                yield self._entry(log, index)

    def withheld(self) -> dict[int, int]:
        """Return, by log, where the block of 256 begins that has the first act without a segment that nobody erased.

        Who has it sends it with the key of the block, or with its salt.
        """
        first: dict[int, int] = {}
        for ref in sorted(self.lacking):
            if ref.log not in first:
                entry = self.entry(ref)
                if entry.missing & ~entry.erased:
                    first[ref.log] = ref.index // EPOCH_LEAVES * EPOCH_LEAVES
        return first

    def _held(self, ref: EntryRef) -> Log:
        log = self.logs.get(ref.log)
        if log is None or not 0 <= ref.index < log.size:
            raise LocalError("unknown-entry", entry=str(ref))
        return log

    def _entry(self, log: Log, index: int) -> Entry:
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
            missing=NO_SEGMENT if whole else missing_of(commits, (core, detail, auth)),
        )
        return self.erasures.reading(entry) if self.erasures else entry

    def sealed(self, log: int) -> int:
        head = self.checkpoint(log)
        return head.size if head else 0

    # ---- a log with two histories

    def kept(self, log: int, cut: Cut) -> int:
        """Return how many of the leaves held of a log stay when ``cut`` counts: those of the history it names."""
        held = self.logs.get(log)
        size = held.size if held else 0
        if held is None or size <= cut.at:
            return size
        whole = size >= cut.stands and held.root(cut.stands) == cut.head.root
        part = size < cut.stands and held.tree.node(0, cut.at) == cut.leaf
        return min(size, cut.stands) if whole or part else cut.at

    def cut_by(self, ref: EntryRef, body: object, logs: Mapping[int, Log | Branch] | None = None) -> Cut | None:
        """Return what an entry leaves of a log; None unless it is a partner's, with evidence that counts.

        ``logs`` as in ``key_of``.
        """
        if not isinstance(body, Fork) or party_of(ref.log) == party_of(body.log):
            return None
        key = self.key_of(body.log, logs)
        return None if key is None else forks.cut_by(ref, body, self.origin(body.log), key)

    def cuts_with(self, told: Mapping[EntryRef, Cut]) -> tuple[dict[int, Cut], dict[int, int]]:
        """Return which forks count when ``told`` is said too, and how many leaves stay of the logs that lose some.

        A report in a part that does not stay says nothing any more.
        """
        reports = {**self.reports, **told}
        keep: dict[int, int] = {}
        while True:
            cuts = forks.deciding(reports.values())
            for log, cut in cuts.items():
                kept = min(self.kept(log, cut), keep.get(log, self.size(log)))
                if kept < self.size(log):
                    keep[log] = kept
            gone = [ref for ref in reports if ref not in told and ref.index >= keep.get(ref.log, self.size(ref.log))]
            if not gone:
                return cuts, keep
            for ref in gone:
                del reports[ref]

    def as_cut(self, cuts: Mapping[int, Cut], keep: Mapping[int, int]) -> dict[int, Log]:
        """Return the logs as they are read once ``cuts`` count: what others had seen of those logs counts anew.

        Arguments as ``cuts_with`` returns them.
        """
        view = HeldLogs(self.genesis)
        view.cuts = dict(cuts)
        view.cut_short = frozenset(log for log, cut in cuts.items() if self.cuts.get(log) != cut)
        contexts: dict[int, list[int]] = {}
        for log in self.logs.values():
            again = view.logs[log.id] = log.shortened(keep.get(log.id, log.size))
            contexts[log.id], again.causes = again.causes.at, Causes()
        view._resolve(contexts)
        return view.logs

    # ---- taking in

    def fill(self, stored: StoredLeaf) -> None:
        """Take in segments of a leaf that is held without them; its salts come by themselves."""
        log, index, leaf, core, detail, auth = stored
        held = self.logs[log]
        held.cores[index] = core
        held.details.update({index: detail} if detail is not None else {})
        held.auths.update({index: auth} if auth is not None else {})
        if is_whole(leaf, core, detail, auth):
            self.lacking.discard(EntryRef(log, index))

    def absorb(
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
        asked: list[tuple[Log, int]] = []  # to erase something
        sha256 = _sha256
        for log_, index, leaf, core, detail, auth in leaves:
            log = self.logs.get(log_)
            if log is None:
                growth = growths.get(log_)
                log = self.logs[log_] = Log(log_, growth.base if growth else None)
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
                note_grant(log, index, body)
                if isinstance(body, Redact):
                    asked.append((log, index))
            if leaf[1] and not is_whole(leaf, core, detail, auth):
                self.lacking.add(EntryRef(log_, index))
            if leaf[1:3] == _FORK_HEAD and core is not None:
                fork = from_array(Kind.FORK, decode_trusted(core))
                if isinstance(fork, Fork):
                    self.forks[EntryRef(log_, index)] = fork
        for log_, more in hashes.items():
            if log_ in growths:
                self.logs[log_].tree.absorb(growths[log_])
            else:
                self.logs[log_].tree.extend(more)
        for (log_, block), key in epoch_keys.items():
            if log_ in self.logs:
                self.logs[log_].epoch_keys[block] = key
        for log_, head in checkpoints.items():
            if log_ in self.logs and head.size > self.sealed(log_):
                self.logs[log_].checkpoint = head
        if self.forks:
            judged = [ref for ref, fork in self.forks.items() if self.key_of(fork.log) is not None]
            shown = {ref: cut for ref in judged if (cut := self.cut_by(ref, self.forks.pop(ref))) is not None}
            if shown:
                self.reports.update(shown)
                self.cuts = forks.deciding(self.reports.values())
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
                while stack and self._resolve_one(self.logs[log], stack[-1], todo):
                    stack.pop()
                    moved = True
                if not stack:
                    del todo[log]
            if not moved:
                log, stack = next(iter(todo.items()))
                raise MalformedBytesError(what="ctx sees what is not there", entry=str(EntryRef(log, stack[-1])))

    def _resolve_one(self, log: Log, index: int, todo: Mapping[int, list[int]]) -> bool:
        sights = decode_trusted(log.leaves[index])[2]
        before = log.seen(index - 1) if index else NOTHING_SEEN
        if not self.cuts:
            grown = [(other, size) for other, size, _ in sights]
        else:
            for other, size, _ in sights:
                here = self.size(other)
                if other in self.cuts and here < min(size, self.cuts[other].stands) and other not in self.cut_short:
                    return False
            grown = counting(sights, before, self.logs, self.cuts)
        for other, size in grown:
            waits = todo.get(other)
            if size > self.size(other) or (waits and waits[-1] < size):
                return False
        lamport, seen = join(log, log.id, index, grown, self.logs)
        log.causes.at.append(index)
        log.causes.lamport.append(lamport)
        log.causes.seen.append(seen)
        return True
