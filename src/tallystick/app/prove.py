"""What goes into an order's evidence file, and the same as plain files for tools that are not ours.

Decides which leaves show an order: its acts; the warrants they rest on, with what took those back; the price lists
they name; the acknowledgements that show what each writer had seen and that the partner had stored it. Signs heads of
own logs. Nothing but what the partner has or may have goes in, and no key. Leaves the bytes to ``evidence``.

Source: docs/spec/evidence.md.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

from tallystick.app import evidence
from tallystick.app.evidence import Evidence, LogShown, Segment, Shown, Told
from tallystick.app.node import Desk
from tallystick.core import checkpoint
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.entries import Body, Correction, Entry, Grant, Kind, Offer, Order, Redact, Revoke, Unreadable
from tallystick.core.errors import LocalError
from tallystick.core.fold import PROFILE
from tallystick.core.identity import PARTIES_MAX, EntryRef, grant_of, party_of
from tallystick.core.log import ActLeaf, Sight, read_trusted
from tallystick.core.space import Space
from tallystick.core.steps import replacement_of


def prove(desk: Desk, order_id: EntryRef, *, whole: bool = False) -> bytes:
    """Return the evidence file of an order.

    Args:
        desk: The agreement.
        order_id: Its request.
        whole: Show every leaf of every log besides (of other orders only the leaf), so that nothing can be left out.

    Raises:
        LocalError: ``unknown-order``; ``not-signed-yet``: a leaf that belongs to it is under no signature, and the
            key that could sign it is not on this node.
    """
    with desk.lock:
        desk.refresh()
        record = desk.record
        if order_id not in record.orders:
            raise LocalError("unknown-order", order=str(order_id))
        gathered = _Gathered(desk, order_id)
        gathered.gather()
        if whole:
            gathered.show_all()
        acts = sorted((desk.space.entry(ref) for ref in gathered.acts), key=lambda entry: entry.order_key)
        order_findings = [f for f in record.findings_of(order_id) if f.code not in evidence.ACROSS_ORDERS]
        return evidence.write(
            Evidence(
                genesis=desk.genesis.bytes,
                order_id=order_id,
                logs=tuple(gathered.logs()),
                told=Told(
                    profile=PROFILE,
                    reading=tuple([entry.ref for entry in acts]),
                    state=record.orders[order_id].state.value,
                    digest=record.order_digest(order_id),
                    journal=record.ledger.transactions_of(order_id),
                    findings=tuple(order_findings),
                ),
            )
        )


def file_name(number: str) -> str:
    """Return the name an order's evidence file should have: ``JPIN-JP-2026-0007.evidence``."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in number) + evidence.SUFFIX


@dataclass
class _Gathered:
    """The leaves to show, growing until nothing is missing."""

    desk: Desk
    order_id: EntryRef
    acts: set[EntryRef] = field(default_factory=set)  # with their contents
    plain: dict[int, set[int]] = field(default_factory=dict)  # leaves alone, by log
    _named: dict[int, dict[int, tuple[list[int], list[int]]]] = field(default_factory=dict)
    _heads: dict[int, Checkpoint] = field(default_factory=dict)

    @property
    def space(self) -> Space:
        return self.desk.space

    def gather(self) -> None:
        entries = self.desk.record.entries_of(self.order_id)
        self.acts.update(entry.ref for entry in entries)
        bodies = [(entry, body) for entry in entries for body in self._bodies(entry)]
        lists = self._price_lists(bodies)
        self.acts.update(entry.ref for entry in lists)
        for entry, body in [*bodies, *((entry, entry.body) for entry in lists)]:
            self._rest_on(entry.party, getattr(body, "who", 0))
            if isinstance(body, Order):
                self._rest_on(entry.party, body.funds_certifier)
        subjects = [*entries, *lists]
        for entry in entries:
            self._witness(entry)
        self._admit()
        # What a writer had seen brings in logs, and those the grants of their writers, until nothing is new.
        before = -1
        while before != self._count():
            before = self._count()
            for entry in (*subjects, *self._redacts()):
                self._show_seen(entry)
            self._admit()

    def _redacts(self) -> list[Entry]:
        """Return the entries shown that ask for an erasure: they count for what their writers had seen."""
        return [self.space.entry(ref) for ref in sorted(self.acts) if self._asks_to_erase(ref)]

    def _asks_to_erase(self, ref: EntryRef) -> bool:
        return ref.log < PARTIES_MAX and self.space.entry(ref).kind == Kind.REDACT

    def _count(self) -> int:
        return len(self.acts) + sum(len(leaves) for leaves in self.plain.values())

    def show_all(self) -> None:
        for log in self.space.sizes():
            if self._head(log).size:
                self.plain.setdefault(log, set()).update(range(self._head(log).size))
            acts = [EntryRef(log, index) for index in self._acts_of(log)]
            self.acts.update(ref for ref in acts if log < PARTIES_MAX or self.space.entry(ref).kind == Kind.FORK)
        self._admit()

    # ---- what an act rests on

    def _bodies(self, entry: Entry) -> Iterator[Body]:
        """Yield what an entry says, and what it makes another say."""
        body = entry.body
        if isinstance(body, Unreadable):
            return
        yield body
        if isinstance(body, Correction) and entry.obj is not None:
            corrected = replacement_of(self.space.entry(entry.obj), body)
            if corrected is not None and not isinstance(corrected, str):
                yield corrected

    def _price_lists(self, bodies: Iterable[tuple[Entry, Body]]) -> list[Entry]:
        """Return the price lists that offers name, and those that these say they replace."""
        found: dict[EntryRef, Entry] = {}
        todo = [body.price_list for _, body in bodies if isinstance(body, Offer)]
        while todo:
            ref = todo.pop()
            if ref is not None and ref not in found and self._is_act(ref):
                entry = self.space.entry(ref)
                if entry.kind == Kind.PRICE_LIST:
                    found[ref] = entry
                    todo.append(entry.obj)
        return list(found.values())

    def _is_act(self, ref: EntryRef) -> bool:
        return ref.index < self.space.size(ref.log) and self.space.is_act(ref.log, ref.index)

    def _rest_on(self, party: int, grant: int) -> None:
        if self._is_act(EntryRef(party, grant)):
            self.acts.add(EntryRef(party, grant))

    def _admit(self) -> None:
        """Add each party's adoption, the grants of all writers shown, and what other entries do to what is shown."""
        for party in range(len(self.desk.genesis.parties)):
            self._rest_on(party, 0)
        admin = [
            self.space.entry(EntryRef(p, i)) for p in range(len(self.desk.genesis.parties)) for i in self._acts_of(p)
        ]
        before = -1
        while before != len(self.acts):
            before = len(self.acts)
            for log in {ref.log for ref in self.acts} | set(self.plain):
                self._rest_on(party_of(log), grant_of(log))
                if log in self.space.cuts:
                    self.acts.add(self.space.cuts[log].ref)
            for entry in admin:
                body = entry.body
                if entry.ref in self.acts and isinstance(body, Grant):
                    for other in (body.acting_for, body.replaces):
                        self._rest_on(entry.party, other or 0)
                if (
                    (isinstance(body, Revoke) and EntryRef(entry.party, body.grant) in self.acts)
                    or (
                        isinstance(body, Grant)
                        and EntryRef(entry.party, body.replaces or 0) in self.acts
                        and body.replaces
                    )
                    or (isinstance(body, Redact) and body.target in self.acts)
                ):
                    self.acts.add(entry.ref)

    def _acts_of(self, log: int) -> list[int]:
        return [index for index in range(self.space.size(log)) if self.space.is_act(log, index)]

    # ---- who had seen what

    def _named_by(self, log: int) -> Mapping[int, tuple[list[int], list[int]]]:
        """Return, for each log that contexts of ``log`` name, their indices and the sizes they name; both ascend."""
        if log not in self._named:
            named: dict[int, tuple[list[int], list[int]]] = {}
            for index, sights in self.space.contexts(log):
                for sight in sights:
                    indices, sizes = named.setdefault(sight.log, ([], []))
                    size = self._counting(sight)
                    if not sizes or size > sizes[-1]:
                        indices.append(index)
                        sizes.append(size)
            self._named[log] = named
        return self._named[log]

    def _counting(self, sight: Sight) -> int:
        """Return how many leaves of the log a sight counts for: of another history than the one that stands, fewer."""
        cut = self.space.cuts.get(sight.log)
        if cut is None or sight.size <= cut.at or self.space.root_of(sight.log, sight.size) == sight.root:
            return sight.size
        return cut.at

    def _last_named(self, log: int, index: int, other: int) -> tuple[int, int]:
        """Return the last context of ``log`` up to ``index`` that names ``other``, and the size; (-1, 0) for none."""
        indices, sizes = self._named_by(log).get(other, ([], []))
        at = bisect_right(indices, index) - 1
        return (indices[at], sizes[at]) if at >= 0 else (-1, 0)

    def _show_seen(self, entry: Entry) -> None:
        """Show the contexts from which it follows which of the acts shown ``entry`` had seen."""
        for other in sorted({ref.log for ref in self.acts} - {entry.ref.log}):
            known = entry.seen.get(other, 0)
            latest = max((ref.index for ref in self.acts if ref.log == other and ref.index < known), default=-1)
            if latest >= 0:
                self._show_sight(entry.ref.log, entry.ref.index, other, latest + 1)

    def _show_sight(self, log: int, index: int, other: int, size: int) -> None:
        """Show how leaf ``index`` of ``log`` had seen ``size`` leaves of ``other``: itself, or through further logs."""
        at, named = self._last_named(log, index, other)
        if named >= size:
            self._show(log, at)
            return
        for further in sorted(self._named_by(log)):
            at, named = self._last_named(log, index, further)
            if further != other and named and self._seen(further, named - 1).get(other, 0) >= size:
                self._show(log, at)
                self._show_sight(further, named - 1, other, size)
                return
        raise AssertionError((log, index, other, size))

    def _seen(self, log: int, index: int) -> Mapping[int, int]:
        return self.space.seen(EntryRef(log, index))

    def _show(self, log: int, index: int) -> None:
        self.plain.setdefault(log, set()).add(index)

    def _witness(self, entry: Entry) -> None:
        """Show for each other party the first of its acknowledgements that covers ``entry``."""
        for log in self.space.sizes():
            if party_of(log) != entry.party and log >= PARTIES_MAX:
                indices, sizes = self._named_by(log).get(entry.ref.log, ([], []))
                at = bisect_left(sizes, entry.ref.index + 1)
                if at < len(sizes) and indices[at] < self._head(log).size:
                    self._show(log, indices[at])

    # ---- logs

    def _head(self, log: int) -> Checkpoint:
        """Return the largest head of ``log`` that its writer's signature can be had for; size 0 for none."""
        if log not in self._heads:
            size = self.space.size(log)
            root = self.space.root(log, size)
            own = self.desk.sign_checkpoint(log, checkpoint.text(self.space.origin(log), size, root))
            held = self.space.checkpoint(log) or Checkpoint(0, b"", b"")
            self._heads[log] = held if own is None else Checkpoint(size, root, own)
        return self._heads[log]

    def logs(self) -> Iterator[LogShown]:
        acts: dict[int, set[int]] = {}
        for ref in self.acts:
            acts.setdefault(ref.log, set()).add(ref.index)
        shown = {
            log: acts.get(log, set()) | self.plain.get(log, set()) for log in sorted(acts.keys() | self.plain.keys())
        }
        cuts: dict[int, set[int]] = {log: set() for log in shown}
        for log, indices in shown.items():
            if max(indices) >= self._head(log).size:
                raise LocalError("not-signed-yet", entry=f"{log}.{max(indices)}")
            for index, sights in self.space.contexts(log):
                if index in indices:
                    for sight in sights:
                        if sight.log in cuts and sight.size <= self._head(sight.log).size:
                            cuts[sight.log].add(sight.size)
        for log, indices in shown.items():
            head, key = self._head(log), self.space.key_of(log)
            assert key is not None
            yield LogShown(
                log=log,
                note=checkpoint.note(self.space.origin(log), key, head),
                leaves=tuple(
                    [self._leaf(EntryRef(log, index), EntryRef(log, index) in self.acts) for index in sorted(indices)]
                ),
                hashes=tuple(self.space.cover(log, head.size, indices, cuts[log])),
            )

    def _leaf(self, ref: EntryRef, with_contents: bool) -> Shown:
        stored = self.space.stored(ref)
        said = read_trusted(stored.leaf)
        if not with_contents or not isinstance(said, ActLeaf):
            return Shown(ref.index, stored.leaf, said)
        count = 3 if said.auth is not None else 2 if said.detail is not None else 1
        pairs = zip_longest(self.space.salts(ref), (stored.core, stored.detail, stored.auth))
        segments = [None if salt is None or data is None else Segment(salt, data) for salt, data in pairs]
        return Shown(ref.index, stored.leaf, said, tuple(segments[:count]))
