"""Checking an evidence file with nothing but the file: every byte of it, and then what it says.

Decides what is checked: the agreement; each segment against its leaf; each leaf under its writer's signed head; each
acknowledgement against the log it names; the order in which entries are read; and the meaning, by folding the entries
again and comparing state, journal, findings and digest with what the file tells. All problems are listed.

Source: docs/spec/evidence.md.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from binascii import Error as BinasciiError
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from tallystick.app import evidence as files
from tallystick.app.evidence import Evidence, LogShown
from tallystick.app.report import Problem, Problems, Verdict, verdict
from tallystick.core import canonical, checkpoint, forks, merkle
from tallystick.core.agreement import Genesis
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.detail import Attachment, attachments_of
from tallystick.core.entries import (
    ADMIN_KINDS,
    NO_SEGMENT,
    Adopt,
    Entry,
    Fork,
    Grant,
    Kind,
    Segment,
    Unreadable,
    from_array,
)
from tallystick.core.erasure import WITHHELD, is_signed
from tallystick.core.errors import RemoteError
from tallystick.core.findings import FINDINGS, Finding
from tallystick.core.fold import PROFILE, Fold, Record
from tallystick.core.forks import Cut
from tallystick.core.identity import PARTIES_MAX, EntryRef, grant_of, party_of
from tallystick.core.ledger import Transaction
from tallystick.core.log import NUMBER_MAX, TAGS, ActLeaf, CtxLeaf, Sight, check_detail, commitment
from tallystick.core.orders import OrderView
from tallystick.core.signing import SIGNATURE_BYTES, key_is_acceptable, verify
from tallystick.core.views import digest_of

_SEGMENTS = {"core": Segment.CORE, "detail": Segment.DETAIL, "auth": Segment.AUTH}
_NEED_OTHER_ORDERS = frozenset({"over-total-ceiling"})


@dataclass(frozen=True)
class HeadShown:
    """A signed head and how much of its log the file shows. ``writer`` is a post, or "administration"."""

    log: int
    party: str
    writer: str
    size: int
    shown: int
    root: bytes


@dataclass(frozen=True)
class ActShown:
    """An act of the order. ``acknowledged`` names the first leaf of another party that says it stored it."""

    ref: EntryRef
    t: int
    party: str
    kind: int
    post: str
    acknowledged: EntryRef | None
    void: str
    attachments: tuple[Attachment, ...]


@dataclass(frozen=True)
class Checked:
    """What an evidence file comes to. What could not be read for its faults is empty."""

    verdict: Verdict
    problems: tuple[Problem, ...]
    agreement: str = ""
    space: bytes = b""
    parties: tuple[str, ...] = ()
    order_id: EntryRef | None = None
    order: OrderView | None = None
    digest: bytes = b""
    heads: tuple[HeadShown, ...] = ()
    acts: tuple[ActShown, ...] = ()
    journal: tuple[Transaction, ...] = ()
    findings: tuple[Finding, ...] = ()
    segments: int = 0
    acknowledgements: int = 0
    given: tuple[tuple[Attachment, tuple[EntryRef, ...]], ...] = ()  # files at hand, and the acts they are attached to


def check(data: bytes) -> Checked:
    """Check an evidence file and return all that is to be said about it. Never raises on what is in it."""
    problems = Problems()
    try:
        evidence = files.read(data)
        genesis = Genesis.read(evidence.genesis)
    except RemoteError as error:
        problems.error(error)
        return Checked(verdict(problems.found), tuple(problems.found))
    return _Check(evidence, genesis, problems).run()


def compare_files(checked: Checked, files_given: Sequence[Attachment]) -> Checked:
    """Return what was checked, and what each file is attached to, whatever its name is now; to nothing is a fault."""
    problems = Problems(list(checked.problems))
    given = []
    for one in files_given:
        same = (one.size, one.sha256)
        refs = tuple([act.ref for act in checked.acts if same in {(a.size, a.sha256) for a in act.attachments}])
        if not refs:
            problems.fault("evidence-not-attached", one.name)
        given.append((one, refs))
    return replace(checked, given=tuple(given), problems=tuple(problems.found), verdict=verdict(problems.found))


class _Check:
    def __init__(self, evidence: Evidence, genesis: Genesis, problems: Problems) -> None:
        self.evidence = evidence
        self.genesis = genesis
        self.problems = problems
        self.entries: dict[EntryRef, Entry] = {}
        self.contexts: dict[int, list[tuple[int, CtxLeaf]]] = {}
        self.sizes: dict[int, int] = {}
        self.trees: dict[int, merkle.Shown] = {}
        self.cuts: dict[int, Cut] = {}
        self._fitting: dict[Sight, bool] = {}
        self.segments = 0
        self.acknowledgements = 0

    def run(self) -> Checked:
        evidence, problems = self.evidence, self.problems
        for log in evidence.logs:
            self._read_leaves(log)
        heads = [self._check_log(log) for log in evidence.logs]
        self._find_forks()
        self._check_acknowledged()
        seen = _Seen(self.contexts, self._counting, problems)
        self._place(seen)
        self._check_adoptions()
        self._check_reading(seen)
        fold = Fold(self.genesis)
        fold.extend(self.entries.values())
        self._tell_missing(fold)
        order = fold.record.orders.get(evidence.order_id)
        if order is None:
            problems.fault("evidence-no-order", str(evidence.order_id))
        else:
            self._compare(fold.record, order)
        self._tell_limits(fold.record)
        return Checked(
            verdict=verdict(problems.found),
            problems=tuple(problems.found),
            agreement=self.genesis.name,
            space=self.genesis.space_id,
            parties=tuple([party.code for party in self.genesis.parties]),
            order_id=evidence.order_id,
            order=order,
            digest=evidence.told.digest,
            heads=tuple([head for head in heads if head is not None]),
            acts=tuple(self._acts(fold.record)),
            journal=fold.record.ledger.transactions_of(evidence.order_id),
            findings=_own(fold.record.findings_of(evidence.order_id)),
            segments=self.segments,
            acknowledgements=self.acknowledgements,
        )

    # ---- leaves and segments

    def _read_leaves(self, log: LogShown) -> None:
        for shown in log.leaves:
            ref = EntryRef(log.log, shown.index)
            if isinstance(shown.read, CtxLeaf):
                self.contexts.setdefault(log.log, []).append((shown.index, shown.read))
            elif shown.segments is not None:
                self._read_act(ref, shown.read, shown.segments)

    def _read_act(self, ref: EntryRef, leaf: ActLeaf, segments: Sequence[files.Segment | None]) -> None:
        data: dict[str, bytes] = {}
        missing = NO_SEGMENT
        commits = (leaf.core, leaf.detail, leaf.auth)
        for (name, part), tag, commit, segment in zip(_SEGMENTS.items(), TAGS, commits, segments, strict=False):
            if segment is None:
                if commit is not None:
                    missing |= part
                continue
            data[name] = segment.data
            self.segments += 1
            if commit != commitment(tag, segment.salt, segment.data):
                self.problems.fault("evidence-segment-differs", str(ref), segment=name)
        core, detail = data.get("core"), data.get("detail")
        self.entries[ref] = Entry(
            ref=ref,
            kind=leaf.kind,
            t=leaf.t,
            obj=leaf.obj,
            body=from_array(leaf.kind, self._decoded(ref, core))
            if core is not None
            else Unreadable(leaf.kind, None, WITHHELD),
            detail=None if detail is None else self._words(ref, detail),
            lamport=0,
            seen={},
            core_hash=b"" if core is None else hashlib.sha256(core).digest(),
            detail_hash=None if detail is None else hashlib.sha256(detail).digest(),
            auth=data.get("auth"),
            missing=missing,
        )

    def _decoded(self, ref: EntryRef, data: bytes) -> object:
        try:
            value = canonical.decode(data)
        except RemoteError:
            value = None
        if type(value) is not list:
            self.problems.fault("evidence-segment-malformed", str(ref), segment="core")
        return value

    def _words(self, ref: EntryRef, data: bytes) -> Mapping[int, object]:
        try:
            words = canonical.decode(data)
            check_detail(words)
        except RemoteError:
            self.problems.fault("evidence-segment-malformed", str(ref), segment="detail")
            return {}
        found: Mapping[int, object] = words
        return found

    # ---- logs

    def _check_log(self, log: LogShown) -> HeadShown | None:
        where = f"log {log.log}"
        key = self._key_of(log.log)
        origin = checkpoint.origin(self.genesis, log.log)
        head = _read_note(log.note)
        if head is None:
            self.problems.fault("evidence-note", where)
            return None
        if any(leaf.index >= head.size for leaf in log.leaves):
            self.problems.fault("evidence-beyond-head", where, size=head.size)
            return None
        self.sizes[log.log] = head.size
        leaves = {leaf.index: merkle.leaf_hash(leaf.leaf) for leaf in log.leaves}
        try:
            tree = merkle.Shown(head.size, leaves, self._cuts(log.log, head.size), log.hashes)
        except ValueError:
            self.problems.fault("evidence-hashes", where)
        else:
            self.trees[log.log] = tree
            if tree.root() != head.root:
                self.problems.fault("evidence-root-differs", where, size=head.size)
        if key is None:
            self.problems.fault("unknown-writer", where, log=log.log)
        elif log.note != checkpoint.note(origin, key, head):
            self.problems.fault("evidence-note", where)
        elif not verify(key, checkpoint.text(origin, head.size, head.root), head.signature):
            self.problems.fault("bad-signature", where, log=log.log, size=head.size)
        party = party_of(log.log)
        parties = self.genesis.parties
        return HeadShown(
            log=log.log,
            party=parties[party].code if party < len(parties) else str(party),
            writer=self._post(EntryRef(party, grant_of(log.log))) if log.log >= PARTIES_MAX else "administration",
            size=head.size,
            shown=len(log.leaves),
            root=head.root,
        )

    def _key_of(self, log: int) -> bytes | None:
        party = party_of(log)
        if party >= len(self.genesis.parties):
            return None
        grant = self.entries.get(EntryRef(party, grant_of(log)))
        key = grant.body.key if grant is not None and isinstance(grant.body, Grant) else None
        if log < PARTIES_MAX:
            key = self.genesis.parties[party].root_key
        return key if key is not None and key_is_acceptable(key) else None

    def _post(self, ref: EntryRef) -> str:
        entry = self.entries.get(ref)
        return entry.body.post if entry is not None and isinstance(entry.body, Grant) else ""

    def _cuts(self, log: int, size: int) -> set[int]:
        """Return the sizes of ``log`` that contexts in the file name, as far as the head reaches."""
        named = {
            sight.size
            for contexts in self.contexts.values()
            for _, leaf in contexts
            for sight in leaf.sights
            if sight.log == log
        }
        return {cut for cut in named if 0 < cut <= size}

    def _find_forks(self) -> None:
        """Find which logs have two histories, and from which leaf on: by the evidence that entries in the file are."""
        reports: list[Cut] = []
        for ref, entry in self.entries.items():
            fork = entry.body
            if not isinstance(fork, Fork) or party_of(fork.log) == entry.party:
                continue
            key = self._key_of(fork.log)
            cut = forks.cut_by(ref, fork, checkpoint.origin(self.genesis, fork.log), key) if key is not None else None
            reports += [] if cut is None else [cut]
        self.cuts = forks.deciding(reports)
        for log, cut in sorted(self.cuts.items()):
            self.problems.limit("evidence-fork", str(cut.ref), log=log, index=cut.at)
            tree = self.trees.get(log)
            if tree is not None and tree.size > cut.at and (tree.size, tree.root()) != (cut.stands, cut.head.root):
                self.problems.fault("after-fork", f"log {log}", log=log, size=cut.stands)

    def _counting(self, sight: Sight) -> int:
        """Return how many leaves of the log a sight counts for: none, where the file does not show that it fits.

        Of the other history of a forked log it counts for what both share (docs/spec/log.md, rule 21).
        """
        if self._fits(sight):
            return sight.size
        cut, tree = self.cuts.get(sight.log), self.trees.get(sight.log)
        return min(cut.at, tree.size) if cut is not None and tree is not None and sight.size > cut.at else 0

    def _fits(self, sight: Sight) -> bool:
        if sight not in self._fitting:  # asked many times, and roots are not for nothing
            tree = self.trees.get(sight.log)
            fits = tree is not None and 0 < sight.size <= tree.size and tree.root(sight.size) == sight.root
            self._fitting[sight] = fits
        return self._fitting[sight]

    def _check_acknowledged(self) -> None:
        """Compare every root that a context names with that of the log itself."""
        for log, contexts in sorted(self.contexts.items()):
            for index, leaf in contexts:
                for sight in leaf.sights:
                    where = f"{log}.{index}"
                    tree = self.trees.get(sight.log)
                    if sight.log == log:
                        self.problems.fault("evidence-acknowledges-itself", where)
                    elif tree is None:
                        continue  # of that log nothing is shown, or its own faults are told
                    elif self._fits(sight):
                        self.acknowledgements += 1
                    elif sight.log in self.cuts and sight.size > self.cuts[sight.log].at:
                        self.problems.limit("evidence-other-history", where, log=sight.log)
                    elif sight.size > tree.size:
                        self.problems.doubt("evidence-acknowledges-more", where, log=sight.log, size=sight.size)
                    else:
                        self.problems.fault("evidence-acknowledged-root-differs", where, log=sight.log, size=sight.size)

    def _check_adoptions(self) -> None:
        for party, member in enumerate(self.genesis.parties):
            entry = self.entries.get(EntryRef(party, 0))
            body = entry.body if entry is not None else None
            if (
                not isinstance(body, Adopt)
                or body.space != self.genesis.space_id
                or entry is None
                or entry.kind != Kind.ADOPT
            ):
                self.problems.fault("evidence-not-adopted", f"log {party}", party=member.code)

    # ---- reading order

    def _place(self, seen: _Seen) -> None:
        """Give every entry its place among those read, and what it had seen as far as the file shows it."""
        places = {ref: place for place, ref in enumerate(self.evidence.told.reading, 1)}
        last = len(places)
        for ref, entry in sorted(self.entries.items()):
            last += ref not in places
            object.__setattr__(entry, "lamport", places.get(ref, last))
            object.__setattr__(entry, "seen", seen.at(ref.log, ref.index))

    def _check_reading(self, seen: _Seen) -> None:
        """The order told must be one of all entries shown, each once, each after those its writer had seen.

        Where every leaf is shown it can be worked out, and must be the one that everybody reads.
        """
        reading = self.evidence.told.reading
        if len(set(reading)) != len(reading) or set(reading) != self.entries.keys():
            self.problems.fault("evidence-reading-names")
            return
        furthest: dict[int, EntryRef] = {}  # of each log, the last entry that one read so far had seen
        for ref in reading:
            entry = self.entries[ref]
            before = furthest.get(ref.log)
            if before is not None and before.index >= ref.index:
                self.problems.fault("evidence-reading-differs", str(ref), other=str(before))
            for log, size in [*entry.seen.items(), (ref.log, ref.index + 1)]:
                if log not in furthest or size - 1 > furthest[log].index:
                    furthest[log] = EntryRef(log, size - 1)
        if self._shows_every_leaf():
            agreed = sorted(reading, key=lambda ref: (seen.lamport(ref.log, ref.index), ref))
            for ref, other in zip(reading, agreed, strict=True):
                if ref != other:
                    self.problems.fault("evidence-reading-not-agreed", str(ref), other=str(other))
                    break

    # ---- meaning

    def _compare(self, record: Record, order: OrderView) -> None:
        told, order_id, problems = self.evidence.told, self.evidence.order_id, self.problems
        if told.profile != PROFILE:
            problems.doubt("evidence-other-profile", profile=told.profile)
            return
        codes = {finding.code for finding in told.findings}
        differ = problems.doubt if codes & _NEED_OTHER_ORDERS else problems.fault
        if order.state.value != told.state:
            differ("evidence-state-differs", "", told=told.state, found=order.state.value)
        journal = record.ledger.transactions_of(order_id)
        for number, (line, other) in enumerate(zip_longest(told.journal, journal), 1):
            line = None if line is None else line._replace(order_id=order_id)  # noqa: PLW2901
            if line != other:
                differ("evidence-journal-differs", f"journal {number}", told=_line(line), found=_line(other))
        own = _own(record.findings_of(order_id))
        findings = [Finding(f.code, f.entry, order_id, f.facts) for f in told.findings]
        for finding in findings:
            if finding not in own:
                differ("evidence-finding-differs", str(finding.entry), finding=finding.code)
        for finding in own:
            if finding not in findings:
                differ("evidence-finding-missing", str(finding.entry), finding=finding.code)
        known = [finding for finding in findings if finding.code in FINDINGS]
        if digest_of(order, journal, known) != told.digest:
            differ("evidence-digest-differs")

    def _acts(self, record: Record) -> Iterator[ActShown]:
        void = {f.entry: f.code for f in record.findings if f.weight.value == "void"}
        for entry in record.entries_of(self.evidence.order_id):
            who = getattr(entry.body, "who", 0)
            yield ActShown(
                ref=entry.ref,
                t=entry.t,
                party=self._code(entry.party),
                kind=entry.kind,
                post=self._post(EntryRef(entry.party, who)) if who else "",
                acknowledged=self._acknowledged(entry.ref),
                void=void.get(entry.ref, ""),
                attachments=attachments_of(entry.detail),
            )

    def _code(self, party: int) -> str:
        return self.genesis.parties[party].code if party < len(self.genesis.parties) else str(party)

    def _acknowledged(self, ref: EntryRef) -> EntryRef | None:
        """Return the first leaf, by its time, in which a log of another party says that it holds ``ref``."""
        found = [
            (leaf.t, EntryRef(log, index))
            for log, contexts in self.contexts.items()
            if party_of(log) != party_of(ref.log)
            for index, leaf in contexts
            if any(sight.log == ref.log and self._counting(sight) > ref.index for sight in leaf.sights)
        ]
        return min(found)[1] if found else None

    # ---- what the file cannot show

    def _tell_missing(self, fold: Fold) -> None:
        """Tell which segments are not shown, and whether that is because they are erased for everybody."""
        for ref, entry in sorted(self.entries.items()):
            gone = fold.erasures.effect(ref, entry.kind, signed=is_signed(entry)).segments
            for name, part in _SEGMENTS.items():
                if not entry.missing & part:
                    continue
                if gone & part:
                    self.problems.limit("evidence-segment-erased", str(ref), segment=name)
                elif part is Segment.CORE:
                    self.problems.doubt("evidence-core-missing", str(ref))
                else:
                    self.problems.limit("evidence-segment-missing", str(ref), segment=name)

    def _tell_limits(self, record: Record) -> None:
        problems, order_id = self.problems, self.evidence.order_id
        entries = record.entries_of(order_id)
        names = {entry.ref for entry in entries}
        for log in self.evidence.logs:
            for shown in log.leaves:
                if isinstance(shown.read, ActLeaf) and shown.segments is None and shown.read.obj in names:
                    problems.fault("evidence-leaves-out", f"{log.log}.{shown.index}")
        problems.limit("evidence-whose-agreement", id=self.genesis.space_id.hex())
        problems.limit("evidence-up-to-heads")
        if not self._is_whole():
            problems.limit("evidence-not-whole")
        for entry in entries:
            if self._acknowledged(entry.ref) is None:
                problems.limit("evidence-not-acknowledged", str(entry.ref))
        used = sorted(
            {(e.party, who) for e in entries for who in (getattr(e.body, "who", 0), grant_of(e.ref.log)) if who}
        )
        for party, who in used:
            grant = self.entries.get(EntryRef(party, who))
            if grant is not None and isinstance(grant.body, Grant) and grant.body.total is not None:
                problems.limit("evidence-total-not-checked", str(grant.ref), post=grant.body.post)
        for one, other in () if self._shows_every_leaf() else _crossing(entries):
            problems.limit("evidence-crossed", str(other.ref), other=str(one.ref))

    def _shows_every_leaf(self) -> bool:
        """Whether every leaf is shown of every log, up to its head, and no leaf speaks of more."""
        shown = {log.log: len(log.leaves) for log in self.evidence.logs}
        named = (sight for contexts in self.contexts.values() for _, leaf in contexts for sight in leaf.sights)
        return shown == self.sizes and all(
            sight.size <= self.sizes.get(sight.log, 0) or sight.log in self.cuts for sight in named
        )

    def _is_whole(self) -> bool:
        hidden = any(  # a revocation, an erasure or a fork is about no order, and may change this one
            leaf.segments is None
            and isinstance(leaf.read, ActLeaf)
            and (leaf.read.kind == Kind.FORK or (log.log < PARTIES_MAX and leaf.read.kind in ADMIN_KINDS))
            for log in self.evidence.logs
            for leaf in log.leaves
        )
        return self._shows_every_leaf() and not hidden


class _Seen:
    """What leaves had seen, as far as the contexts in a file show it, each through what those it names had seen."""

    def __init__(
        self,
        contexts: Mapping[int, list[tuple[int, CtxLeaf]]],
        counting: Callable[[Sight], int],
        problems: Problems,
    ) -> None:
        """``counting`` tells how many leaves of its log a sight counts for."""
        self._counting = counting
        self._at: dict[int, list[int]] = {log: [] for log in contexts}  # of each log, the contexts done
        self._after: dict[int, list[tuple[dict[int, int], int]]] = {log: [] for log in contexts}
        todo = {log: deque(found) for log, found in contexts.items()}
        moved = True
        while moved:
            moved = False
            for log, found in sorted(todo.items()):
                while found and self._is_ready(found[0][1], todo):
                    index, leaf = found.popleft()
                    after = self._join(log, index, leaf)
                    self._at[log].append(index)
                    self._after[log].append(after)
                    moved = True
        for log, found in sorted(todo.items()):
            if found:
                problems.fault("evidence-seen-in-circle", f"{log}.{found[0][0]}")

    def _is_ready(self, leaf: CtxLeaf, todo: Mapping[int, deque[tuple[int, CtxLeaf]]]) -> bool:
        """Return whether all contexts before those that ``leaf`` names are done."""
        waiting = ((todo.get(sight.log), self._counting(sight)) for sight in leaf.sights)
        return all(not found or found[0][0] >= size for found, size in waiting)

    def _join(self, log: int, index: int, leaf: CtxLeaf) -> tuple[dict[int, int], int]:
        """Return what the context ``leaf`` had seen, and its Lamport number."""
        seen = dict(self.at(log, index))
        number = self.lamport(log, index - 1) if index else 0
        for sight in leaf.sights:
            counts = self._counting(sight)
            if counts:
                number = max(number, self.lamport(sight.log, counts - 1))
            for other, size in [(sight.log, counts), *self.at(sight.log, counts - 1).items()]:
                seen[other] = max(seen.get(other, 0), size)
        seen.pop(log, None)
        return seen, number + 1

    def _place(self, log: int, index: int) -> int:
        return bisect_right(self._at.get(log, ()), index) - 1

    def at(self, log: int, index: int) -> Mapping[int, int]:
        """Return how many leaves of each other log the leaf at ``index`` is shown to have seen."""
        place = self._place(log, index)
        return self._after[log][place][0] if place >= 0 else {}

    def lamport(self, log: int, index: int) -> int:
        """Return the Lamport number of a leaf (docs/spec/log.md, rule 15), if every leaf before it is shown."""
        place = self._place(log, index)
        return self._after[log][place][1] + index - self._at[log][place] if place >= 0 else index + 1


def _own(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings of one order without those that compare it with others."""
    return tuple([finding for finding in findings if finding.code not in files.ACROSS_ORDERS])


def _read_note(note: str) -> Checkpoint | None:
    """Return what a note of one signature says; nothing of it is believed yet."""
    lines = note.split("\n")
    if len(lines) != 6 or lines[3] or lines[5] or not re.fullmatch(r"[1-9][0-9]{0,15}", lines[1]):
        return None
    root, signed = _base64(lines[2]), _base64(lines[4].rpartition(" ")[2])
    size = int(lines[1])
    if len(root) != merkle.HASH_BYTES or len(signed) != 4 + SIGNATURE_BYTES or size > NUMBER_MAX:
        return None
    return Checkpoint(size, root, signed[4:])


def _base64(text: str) -> bytes:
    try:
        data = b64decode(text, validate=True)
    except (BinasciiError, ValueError):
        return b""
    return data if b64encode(data).decode() == text else b""


def _line(line: Transaction | None) -> str:
    if line is None:
        return "nothing"
    about = "" if line.about is None else f", about {line.about}"
    parties = f"{line.provider}/{line.receiver}"
    return f"{line.origin} {line.rule} day {line.day} {parties} {line.commodity} {line.amount}{about}"


def _crossing(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Yield neighbours in the reading whose writers had not seen each other's: their order is told, not shown."""
    last: Entry | None = None
    for entry in entries:
        if last is not None and not entry.had_seen(last.ref):
            yield last, entry
        last = entry
