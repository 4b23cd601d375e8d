"""Reading: from a bundle's bytes to branches of the logs held here.

Decides what may be appended to a log from a partner's bytes. Everything a sender leaves out is rebuilt here, so that
its signature is over what this node understood and nothing else.

Source: docs/spec/log.md and docs/spec/wire.md.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tallystick.core import bundle as wire
from tallystick.core import checkpoint as notes
from tallystick.core import forks
from tallystick.core.branch import SEGMENTS, Branch, Log, adopts, note_grant, three
from tallystick.core.bundle import Item, Range, Seal
from tallystick.core.canonical import check_plain
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.entries import DESK_KINDS, NO_SEGMENT, Entry, Kind, Segment, Unreadable, from_array
from tallystick.core.erasure import WITHHELD
from tallystick.core.errors import (
    BadSignatureError,
    ForkError,
    GapError,
    MalformedBytesError,
    TooLargeError,
    UnknownWriterError,
    WrongSpaceError,
)
from tallystick.core.forks import Cut
from tallystick.core.held import HeldLogs
from tallystick.core.identity import PARTIES_MAX, EntryRef, grant_of, party_of
from tallystick.core.log import (
    CTX,
    EPOCH_KEY_BYTES,
    EPOCH_LEAVES,
    KIND_MAX,
    NO_SALT,
    NO_SALTS,
    SALTS_BYTES,
    SEGMENT_MAX,
    TAGS,
    TIME_MAX,
    StoredLeaf,
    act_leaf,
    commitment,
    committed_leaf,
    read_trusted,
    salt,
)
from tallystick.core.signing import verify

_sha256 = hashlib.sha256


class _ForkFoundError(Exception):
    """A bundle brings evidence that changes which history of a log stands: it has to be read with that in mind."""

    def __init__(self, told: Mapping[EntryRef, Cut]) -> None:
        self.told = told
        super().__init__(told)


class Brought(NamedTuple):
    """What a bundle brings: branches of the logs held here, their signed heads, and the forks it tells of."""

    envelope: wire.Envelope
    branches: Mapping[int, Branch]
    checkpoints: Mapping[int, Checkpoint]
    told: Mapping[EntryRef, Cut]


def read(here: HeldLogs, data: bytes, *, filling: bool) -> Brought:
    """Return what a bundle brings to what is held ``here``; arguments and errors as ``Space.read``."""
    envelope = wire.read_envelope(data)
    if not here.id.startswith(envelope.space):
        raise WrongSpaceError(agreement=here.genesis.name, space=envelope.space.hex())
    body = here.codec.unpack(envelope.codec, envelope.body)
    ranges, at = wire.read_head(body)
    seals = dict(zip([part.log for part in ranges], wire.read_raw(envelope.raw, ranges), strict=True))
    told: Mapping[EntryRef, Cut] = {}
    while True:
        try:
            reading = _Reading(here, ranges, seals, told)
            reading.lacking = {ref.log for ref in here.lacking} if filling else set()
            return Brought(envelope, reading.branches, reading.read(body, at), reading.told)
        except _ForkFoundError as error:  # begin again: from here on it is known which history stands
            told = error.told


class _Reading:
    """One bundle on its way from bytes to branches, when it is known that it tells of forks what ``told`` has."""

    def __init__(
        self, here: HeldLogs, ranges: Sequence[Range], seals: Mapping[int, Seal], told: Mapping[EntryRef, Cut]
    ) -> None:
        self.here = here
        self.ranges = ranges
        self.seals = seals
        self.told = dict(told)
        self.cuts, keep = here.cuts_with(told) if told else (here.cuts, {})
        self.bases = here.as_cut(self.cuts, keep) if self.cuts != here.cuts else dict(here.logs)
        self.branches: dict[int, Branch] = {}
        self.lacking: set[int] = set()  # logs of which segments that come are to be taken in
        self.logs: dict[int, Log | Branch] = dict(self.bases)  # with the branches in their place

    def read(self, body: bytes, at: int) -> dict[int, Checkpoint]:
        """Build the branches from the items at offset ``at``, and return their heads; errors as ``Space.read``."""
        self._check_writers()
        for log, begin, _ in self.ranges:
            self.logs[log] = self.branches[log] = branch = Branch(self.bases.get(log) or Log(log), begin)
            branch.epoch_keys = dict(self.seals[log].epoch_keys)
        if self._rebuild(body, at) != len(body):
            raise MalformedBytesError(what="bytes after the items")
        for part in self.ranges:
            if part.log in self.cuts and part.end > self.cuts[part.log].stands:
                raise ForkError("after-fork", log=part.log, size=self.cuts[part.log].stands)
        for log, cut in self.cuts.items():
            if self.here.cuts.get(log) == cut:
                continue
            if log not in self.logs or self.logs[log].size < cut.stands:
                raise self._gap(log, cut.stands)
        return {log: self._check_seal(branch, self.seals[log]) for log, branch in self.branches.items()}

    def _check_writers(self) -> None:
        """Refuse strangers and gaps before doing any work for them."""
        here, ends = self.here, {part.log: part.end for part in self.ranges}
        for part in self.ranges:
            grant, admin = grant_of(part.log), party_of(part.log)
            if admin >= len(here.genesis.parties):
                raise UnknownWriterError(log=part.log)
            known = self.bases[admin].size if admin in self.bases else 0
            if part.log >= PARTIES_MAX and max(known, ends.get(admin, 0)) <= grant:
                raise self._gap(admin, grant + 1)
            if part.log >= PARTIES_MAX and admin not in ends and here.key_of(part.log, self.bases) is None:
                raise UnknownWriterError(log=part.log)  # else its grant may be among what comes
            if part.begin > (self.bases[part.log].size if part.log in self.bases else 0):
                raise self._gap(part.log, part.begin)

    def _gap(self, log: int, size: int) -> GapError:
        have = {held.id: held.size for held in self.bases.values()}
        return GapError(log=log, needed=size, held=have.get(log, 0), have=dict(sorted(have.items())))

    def _rebuild(self, body: bytes, at: int) -> int:
        """Rebuild all leaves and return the offset behind their items.

        Each log goes as far as it can until it needs a root of another one further on; what then remains of it waits.
        """
        branches = self.branches
        remains: dict[int, deque[Item]] = {}
        blocked: dict[int, list[tuple[int, int]]] = {}  # by the log waited for: (its size needed, the log that waits)
        left = wire.VALUES_MAX if len(body) > wire.VALUES_MAX else 0
        for part in self.ranges:
            items = wire.Items(body, at, part.length, left)
            ready: list[tuple[int, Iterator[Item]]] = [(part.log, items)]
            while ready:
                log, rest = ready.pop()
                stopped = self._advance(branches[log], rest)
                if stopped is not None:
                    item, other, size = stopped
                    if other not in branches:
                        self._look_for_forks(log, rest)
                        raise self._gap(other, size)
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
                self._look_for_forks(waiter, _drain(remains[waiter]))
            log, waiting = min(blocked.items())
            raise self._gap(log, waiting[0][0])
        return at

    def _look_for_forks(self, log: int, items: Iterable[Item]) -> None:
        """Look among the next items of ``log``: what cannot be built now may explain why it cannot."""
        for at, (value, _) in enumerate(items, self.branches[log].size):
            if value[0] == Kind.FORK and len(value) > 3:
                self._note_fork(EntryRef(log, at), from_array(Kind.FORK, value[3]))

    def _note_fork(self, ref: EntryRef, body: object) -> None:
        if ref in self.told:  # judged when the bundle was read before
            return
        cut = self.here.cut_by(ref, body, self.logs)
        if cut is not None:
            self.told[ref] = cut
            known = self.cuts.get(cut.log)
            if known is None or cut.rank(self.cuts) < known.rank(self.cuts):  # else nothing can change
                raise _ForkFoundError(self.told)

    def _advance(self, branch: Branch, items: Iterator[Item]) -> tuple[Item, int, int] | None:
        """Rebuild leaves from ``items`` to their end, or to a ctx that sees more of a log than is rebuilt yet.

        Returns:
            None, or that ctx, the log it waits for and the size it needs of it.
        """
        own, known_from, sha256 = branch.base.id, branch.base.size, _sha256
        logs, cuts, space_id = self.logs, self.cuts, self.here.id
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
                        return self._unexplained(item, other)
                    sights.append((other, size, root or view.root(size)))
                if is_admin and index == 0:
                    raise wire.malformed(own, index, "first leaf")
                branch.push_ctx(t, sights, logs, cuts)
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
                    return self._unexplained(item, obj.log)
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
                    raise GapError(log=own, needed=index, held=known_from, have=self.here.sizes())
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
                note_grant(branch, index, body)
            if kind == Kind.FORK and index >= known_from:
                self._note_fork(EntryRef(own, index), body)
            if is_admin and index == 0 and not adopts(body, space_id):
                raise wire.malformed(own, index, "first leaf")
            lamport += 1
            if index >= known_from:
                name, core_hash = EntryRef(own, index), b"" if core is None else sha256(core).digest()
                hash_ = None if detail is None else sha256(detail).digest()
                branch.entries.append(
                    Entry(name, kind, t, obj, body, words, lamport, seen, core_hash, hash_, auth, missing)
                )
            elif own in self.lacking and EntryRef(own, index) in self.here.lacking:
                self._fill(branch, leaf, (core, detail, auth), given)
            branch.push(StoredLeaf(own, index, leaf, core, detail, auth), t)
        return None

    def _fill(
        self,
        branch: Branch,
        leaf: bytes,
        segments: tuple[bytes | None, bytes | None, bytes | None],
        given: Sequence[bytes | None] | None,
    ) -> None:
        """Keep, of the next leaf, the segments that are not held and that it commits to, with their salts.

        Whether it is the leaf that is held is seen when the head is checked.
        """
        own, index = branch.base.id, branch.size
        if index >= branch.base.size:  # of a log that is cut by the same bundle
            return
        held = self.here.stored(EntryRef(own, index))
        secret = branch.epoch_key(index // EPOCH_LEAVES) or NO_SALTS
        salts: list[bytes | None] = [None, None, None]
        found: list[bytes | None] = [held.core, held.detail, held.auth]
        for n, (tag, commit, segment) in enumerate(zip(TAGS, three(read_trusted(leaf)[3:]), segments, strict=True)):
            if segment is None or found[n] is not None:
                continue
            one = salt(secret, index, tag) if given is None else given[n]
            if one is not None and commitment(tag, one, segment) == commit:
                salts[n], found[n] = one, segment
        if any(salts):
            branch.keep_salts(index, salts)
            branch.filled.append(StoredLeaf(own, index, leaf, *found))

    def _unexplained(self, item: Item, log: int) -> tuple[Item, int, int]:
        """Stop at an item that speaks of a log as of a forked one: the evidence has to come first."""
        return item, log, (self.logs[log].size if log in self.logs else 0) + 1

    def _leaf_of_salts(
        self, branch: Branch, kind: int, t: int, obj: EntryRef | None, segments: Sequence[bytes | None]
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
                raise GapError(log=own, needed=index, held=branch.base.size, have=self.here.sizes())
            elif len(held) == len(TAGS):
                commits[n] = held[n]  # of an act; a ctx has no three
        if index >= branch.base.size:
            branch.keep_salts(index, given)
        return committed_leaf(kind, t, obj, commits)

    def _check_seal(self, branch: Branch, seal: Seal) -> Checkpoint:
        log, base = branch.base.id, branch.base
        key = self.here.key_of(log, self.logs)
        if key is None:
            raise UnknownWriterError(log=log)
        head = Checkpoint(branch.size, branch.root(branch.size), seal.signature)
        if not verify(key, notes.text(self.here.origin(log), head.size, head.root), head.signature):
            raise BadSignatureError(log=log, size=head.size, root=head.root)
        both = min(base.size, branch.size)
        if branch.begin < both and base.tree.leaves(branch.begin, both) != branch.growth.leaves(branch.begin, both):
            raise self._fork(branch, head, key)
        for block, secret in seal.epoch_keys.items():
            kept = base.epoch_keys.get(block, secret)
            if len(kept) == EPOCH_KEY_BYTES and kept != secret and branch.size > base.size:
                raise wire.malformed(log, block * EPOCH_LEAVES, "epoch key")  # what it opened could not be passed on
        return head

    def _fork(self, branch: Branch, other: Checkpoint, key: bytes) -> ForkError:
        """Return the error that carries the evidence; there is none as long as nobody signed what we hold."""
        base, log = branch.base, branch.base.id
        index = next(n for n in range(branch.begin, base.size) if base.tree.node(0, n) != branch.growth.node(0, n))
        evidence = None
        if base.checkpoint is not None and base.checkpoint.size > index and self.here.key_of(log) == key:
            held = base.tree, base.checkpoint
            evidence = forks.prove(log, self.here.origin(log), key, held, (branch.growth, other))
        error = ForkError(log=log, entry=str(EntryRef(log, index)))
        if evidence is not None:
            error.facts.update(note_held=evidence.note_a, note_other=evidence.note_b)
            error.evidence = evidence
        return error


def _leaf_with_salts(
    branch: Branch,
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


def _drain(items: deque[Item]) -> Iterator[Item]:
    while items:
        yield items.popleft()
