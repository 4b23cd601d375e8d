"""What the signed entries mean: entries in, ``Record`` out.

A pure function of the set of entries: it never raises on what they say, and the same entries give the same record,
byte for byte, in whatever order and portions they arrive. Each order is folded by itself, so a late entry costs its
order; what orders share (warrants, price lists, the running total of a warrant) names the orders it touches. Leaves
one order to ``steps``, its telling to ``views``, the clock to ``due``.

Source: docs/spec/orders.md, docs/spec/ledger.md.
"""

from __future__ import annotations

import hashlib
from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from types import MappingProxyType
from typing import TypeVar

from tallystick.core import canonical, checkpoint, forks
from tallystick.core.agreement import Genesis
from tallystick.core.entries import (
    ADMIN_KINDS,
    BIG,
    DESK_KINDS,
    Acceptance,
    Amendment,
    Attest,
    Correction,
    Countersign,
    Cut,
    Entry,
    Fork,
    Grant,
    Kind,
    Note,
    Offer,
    Order,
    PriceList,
    PriceListLine,
    Redact,
    Request,
    Revoke,
    Segment,
    Unreadable,
)
from tallystick.core.erasure import Erasures, impossible, unreadable
from tallystick.core.findings import Finding, Weight
from tallystick.core.identity import PARTIES_MAX, EntryRef, grant_of, log_id, party_of
from tallystick.core.ledger import Ledger, TallyKey, Transaction
from tallystick.core.orders import STEPS, OrderView, Side
from tallystick.core.quantity import UNITS
from tallystick.core.running import OrderRun, order_value
from tallystick.core.steps import replacement_of, walk
from tallystick.core.views import digest_of, findings_of, plain, view_of
from tallystick.core.warrants import COMMITTING, Commitment, GrantView, Refusal, Warrants, refuse

VERSIONS_MAX = 10  # of one document: what each act comes to is asked of each of them
PROFILE = "tallystick-record-1"  # named in every digest: another reading of the entries is another profile
BUCKETS = 256  # orders are digested in so many groups, so that one change costs one group


@dataclass(frozen=True, slots=True)
class PriceListView:
    """A price list that counts. ``replaced_by`` names the list of the same party that says it replaces this one."""

    ref: EntryRef
    party: int
    number: str
    currency: str
    valid_from: int
    valid_to: int
    basis: int
    lines: tuple[PriceListLine, ...]
    replaced_by: EntryRef | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What an entry would mean if it were the last one everybody has. The reason of a void act comes first."""

    findings: tuple[Finding, ...]
    void: bool
    order: OrderView | None
    transactions: tuple[Transaction, ...]


class OrderFile:
    """One order as folded; the view and its digest are made when first asked for. Never changes what it says."""

    __slots__ = ("_digest", "_run", "_view", "entries", "findings", "journal", "numbers")

    def __init__(self, run: OrderRun) -> None:
        self._run: OrderRun | None = run
        self._view: OrderView | None = None
        self._digest: bytes | None = None
        self.entries: Sequence[Entry] = run.entries
        self.findings = findings_of(run)
        self.journal: Sequence[Transaction] = run.journal()
        self.numbers = [(key, ref) for key, ref in run.numbers if run.verdicts[ref] is None]

    @property
    def view(self) -> OrderView:
        run = self._run
        if run is not None:
            self._view = view_of(run)
            self._run = None  # the walk is not needed again, and is larger than the view
        assert self._view is not None
        return self._view

    @property
    def digest(self) -> bytes:
        if self._digest is None:
            self._digest = digest_of(self.view, self.journal, self.findings)
        return self._digest


class _Bucket:
    """A group of orders. Once a record has it, it does not change: the fold replaces it by a changed copy."""

    __slots__ = ("_digest", "files")

    def __init__(self, files: dict[EntryRef, OrderFile]) -> None:
        self.files = files
        self._digest: bytes | None = None

    @property
    def digest(self) -> bytes:
        if self._digest is None:
            state = hashlib.sha256()
            for order_id in sorted(self.files):
                state.update(canonical.encode_trusted(list(order_id)))
                state.update(self.files[order_id].digest)
            self._digest = state.digest()
        return self._digest


def _bucket_of(order_id: EntryRef) -> int:
    return (order_id.log * 31 + order_id.index) % BUCKETS


@dataclass(frozen=True, slots=True)
class _Desk:
    """What is told beside the orders."""

    findings: tuple[Finding, ...] = ()
    grants: Mapping[tuple[int, int], GrantView] = field(default_factory=dict)
    price_lists: tuple[PriceListView, ...] = ()


class _Orders(Mapping[EntryRef, OrderView]):
    """All orders by name, in the order of their names."""

    def __init__(self, names: tuple[EntryRef, ...], buckets: Sequence[_Bucket]) -> None:
        self._names = names
        self._buckets = buckets

    def file(self, order_id: object) -> OrderFile | None:
        if not (isinstance(order_id, tuple) and len(order_id) == 2):
            return None
        name = EntryRef(*order_id)
        return self._buckets[_bucket_of(name)].files.get(name)

    def __getitem__(self, order_id: EntryRef) -> OrderView:
        found = self.file(order_id)
        if found is None:
            raise KeyError(order_id)
        return found.view

    def __contains__(self, order_id: object) -> bool:
        return self.file(order_id) is not None

    def __iter__(self) -> Iterator[EntryRef]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def files(self) -> Iterator[OrderFile]:
        for name in self._names:
            yield self._buckets[_bucket_of(name)].files[name]


class Record:
    """What the entries mean. Immutable: the fold makes a new one after each change; parts are made when asked for."""

    def __init__(
        self,
        *,
        names: tuple[EntryRef, ...],
        buckets: Sequence[_Bucket],
        flagged: Mapping[EntryRef, OrderFile],
        tallies: Mapping[TallyKey, int],
        desk: _Desk,
        entries: Mapping[EntryRef, Entry],
        subjects: Mapping[EntryRef, EntryRef | None],
        erasures: Erasures,
    ) -> None:
        """``entries`` and ``subjects`` may grow afterwards: they are only asked about what this record tells of."""
        self._subjects = subjects
        self._orders = _Orders(names, buckets)
        self.orders: Mapping[EntryRef, OrderView] = self._orders
        self.grants = desk.grants
        self.price_lists = desk.price_lists
        self.entry_count = len(entries)
        self.erasures = erasures
        self._buckets = buckets
        self._flagged = flagged
        self._desk_findings = desk.findings
        self._entries = entries
        self.ledger = Ledger(tallies, self._journal, self._journal_of, self.orders.values)

    def _key(self, ref: EntryRef) -> tuple[int, int, int]:
        return self._entries[ref].order_key

    def place_of(self, order_id: EntryRef) -> tuple[int, int, int]:
        """Return where everybody reads the request of an order; one that is not known here comes last."""
        request = self._entries.get(order_id)
        return request.order_key if request is not None else (BIG, *order_id)

    def _journal(self) -> tuple[Transaction, ...]:
        return self._sorted_journal

    @cached_property
    def _sorted_journal(self) -> tuple[Transaction, ...]:
        every = [transaction for file in self._orders.files() for transaction in file.journal]
        return tuple(sorted(every, key=lambda transaction: self._key(transaction.origin)))

    def _journal_of(self, order_id: EntryRef) -> tuple[Transaction, ...]:
        file = self._orders.file(order_id)
        return tuple(file.journal) if file is not None else ()

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Everything someone should look at, in the order of the entries."""
        every = [finding for order_id in sorted(self._flagged) for finding in self._flagged[order_id].findings]
        every += self._desk_findings
        return tuple(sorted(every, key=lambda finding: self._key(finding.entry)))

    def findings_of(self, order_id: EntryRef) -> tuple[Finding, ...]:
        file = self._orders.file(order_id)
        own = file.findings if file is not None else ()
        return (*own, *(finding for finding in self._desk_findings if finding.order_id == order_id))

    def subject_of(self, ref: EntryRef) -> EntryRef | None:
        """Return the order that the entry called ``ref`` is about, or None when it is about none."""
        return self._subjects.get(ref)

    def entries_of(self, order_id: EntryRef) -> tuple[Entry, ...]:
        """Return the entries about one order, in the order everybody reads them."""
        file = self._orders.file(order_id)
        return tuple(file.entries) if file is not None else ()

    def order_digest(self, order_id: EntryRef) -> bytes:
        """Return the SHA-256 over the state, postings and findings of one order; raises KeyError for none."""
        file = self._orders.file(order_id)
        if file is None:
            raise KeyError(order_id)
        return file.digest

    def bucket_digests(self) -> tuple[bytes, ...]:
        """Return the SHA-256 of each of the ``BUCKETS`` groups of orders."""
        return tuple([bucket.digest for bucket in self._buckets])

    def orders_in(self, bucket: int) -> tuple[EntryRef, ...]:
        """Return the names of the orders in one of the groups."""
        return tuple(sorted(self._buckets[bucket].files))

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 over states, postings and findings: equal on two nodes exactly when they mean the same."""
        desk = [plain(finding) for finding in self._desk_findings]
        told = [PROFILE, [bucket.digest for bucket in self._buckets], desk]
        return hashlib.sha256(canonical.encode_trusted(told)).digest()


_B = TypeVar("_B")
RootOf = Callable[[int, int], bytes | None]  # the root of a log up to a size; None: not held that far
_ReliedOn = Callable[[Entry], bool]  # whether the other party had acted before it saw the given revocation


def _before(one: Entry, other: Entry) -> bool:
    """Return whether everybody reads ``one`` before ``other``."""
    if one.lamport != other.lamport:
        return one.lamport < other.lamport
    return one.ref < other.ref


def _signs(entry: Entry, grants: AbstractSet[tuple[int, int]]) -> bool:
    """Return whether one of ``grants``, named by party and index, may have a hand in ``entry``."""
    party, body = entry.party, entry.body
    if isinstance(body, Correction):
        return any(of == party for of, _ in grants)  # its replacement may name another officer
    if isinstance(body, Order) and (party, body.funds_certifier) in grants:
        return True
    return (party, getattr(body, "who", 0)) in grants


def _price_list_of(entry: Entry) -> EntryRef | None:
    return entry.body.price_list if isinstance(entry.body, Offer) else None


def _one_currency(offers: Iterable[Offer]) -> str:
    """Return the currency of all ``offers``; none, which no ceiling allows, when they have several."""
    currencies = {offer.currency for offer in offers}
    return currencies.pop() if len(currencies) == 1 else ""


def _amended_offer(offer: Offer, amendment: Amendment) -> Offer:
    """Return ``offer`` with the lines that ``amendment`` changes."""
    changed = {line.line: (line.quantity, line.price_micro) for line in amendment.lines}
    pairs = [(line, *changed.get(line.line, (line.quantity, line.price_micro))) for line in offer.lines]
    return replace(offer, lines=tuple(replace(line, quantity=q, price_micro=p) for line, q, p in pairs))


def _rise(now: Commitment, before: Commitment | None) -> Commitment:
    """Let ``now`` count by what it comes to more than what was counted ``before``."""
    return replace(now, adds=max(0, now.amount - (before.amount if before is not None else 0)))


class Fold:
    """The reading of one agreement's entries, kept up to date as they arrive. Not thread-safe; its records are."""

    def __init__(self, genesis: Genesis, root_of: RootOf | None = None) -> None:
        """``root_of`` is asked whether a revocation vouches for the logs as they are held; None: that is not asked."""
        self.genesis = genesis
        self._root_of = root_of
        self.erasures = Erasures(len(genesis.parties))
        self._forks: dict[tuple[EntryRef, bytes], forks.Cut | None] = {}  # what each shows under a key; costs 1 ms
        self._begin()
        self._record = self._publish()

    def _begin(self) -> None:
        """Forget all entries; the record stays as it was until the next one is made."""
        self.warrants = Warrants(self.genesis, self._commitment_of)
        self._entries: dict[EntryRef, Entry] = {}
        self._subject: dict[EntryRef, EntryRef | None] = {}  # the order an entry is about; None: about no order
        self._waiting: dict[EntryRef, list[Entry]] = {}  # by the entry they speak of, which has not come or is lost too
        self._lost: set[EntryRef] = set()  # entries that speak of nothing we know
        self._of_order: dict[EntryRef, list[Entry]] = {}
        self._commitments: dict[EntryRef, Commitment | None] = {}
        self._answers: dict[EntryRef, list[Entry]] = {}  # orders, acceptances and corrections, by what they are on
        self._buckets = [_Bucket({}) for _ in range(BUCKETS)]
        self._flagged: dict[EntryRef, OrderFile] = {}
        self._tallies: dict[TallyKey, tuple[int, int]] = {}  # how many, and their sum
        self._numbers: dict[tuple[int | str, ...], set[EntryRef]] = {}
        self._repeated: set[tuple[int | str, ...]] = set()
        self._admin: dict[EntryRef, Refusal | None] = {}
        self.attests: dict[int, Entry] = {}  # the newest attestation in each log
        self._price_lists: dict[EntryRef, Entry] = {}
        self._missed_price_lists: set[EntryRef] = set()  # offers named them before they came
        self._touched_grants: set[tuple[int, int]] = set()  # changed in this portion, as are the next two
        self._touched_logs: set[int] = set()
        self._touched_price_lists: set[EntryRef] = set()
        self._names: tuple[EntryRef, ...] = ()  # of all orders, sorted
        self._desk = _Desk()
        self._desk_changed = False  # whether something told beside the orders has to be told anew

    # ---- taking in

    def extend(self, entries: Iterable[Entry]) -> frozenset[EntryRef]:
        """Take in ``entries``, in any order; those already known are passed over.

        Returns:
            The orders that were read again because of them.
        """
        dirty: set[EntryRef] = set()
        fresh = {entry.ref: entry for entry in entries if entry.ref not in self._entries}
        for entry in self._hear(fresh, dirty):
            self._entries[entry.ref] = entry
            self._place(entry, dirty)
        dirty |= self._orders_touched()
        if fresh:
            if len(self._of_order) > len(self._names):
                self._names = tuple(sorted(self._of_order))
            self._flagged = dict(self._flagged)  # records keep the one they have
            copied: set[int] = set()
            for order_id in sorted(dirty):
                self._refold(order_id, copied)
            self._record = self._publish()
        return frozenset(dirty)

    def below(self, sizes: Mapping[int, int]) -> list[Entry]:
        """Return the entries taken in that are among the first leaves of each log, so many as ``sizes`` says."""
        return [entry for ref, entry in self._entries.items() if ref.index < sizes.get(ref.log, 0)]

    def fresh(self) -> Fold:
        """Return a fold of the same agreement, by the same rules, that has taken in nothing yet."""
        return type(self)(self.genesis, self._root_of)

    def _hear(self, fresh: Mapping[EntryRef, Entry], dirty: set[EntryRef]) -> Iterator[Entry]:
        """Return what is to be read, as everybody reads it: the fresh entries, or all, when others now say less.

        A remark that goes changes no order's state; anything else that goes is so rare, and orders lean on each other
        in so many ways, that everything is read again from the beginning.
        """
        before, self.erasures = self.erasures, self.erasures.heard(fresh.values())
        read = self.erasures.reading
        if self.erasures is not before:
            known = (self._entries[ref] for ref in self.erasures.targets if ref in self._entries)
            changed = [(entry, now) for entry in known if (now := read(entry)) != entry]
            if any(now.erased & ~Segment.DETAIL for _, now in changed):
                every = {**self._entries, **fresh}
                self._begin()
                self._desk_changed = True
                return map(read, every.values())
            for entry, now in changed:
                self._replace(entry, now, dirty)
        return map(read, fresh.values()) if self.erasures else iter(fresh.values())

    def _replace(self, entry: Entry, now: Entry, dirty: set[EntryRef]) -> None:
        """Put ``now``, without the detail, in the place of ``entry``."""
        self._entries[entry.ref] = now
        order_id = self._subject.get(entry.ref)
        if order_id is not None:
            self._of_order[order_id] = [now if other is entry else other for other in self._of_order[order_id]]
            dirty.add(order_id)
        if entry.ref in self._price_lists:
            self._price_lists[entry.ref] = now
        if entry.obj in self._waiting:
            self._waiting[entry.obj] = [now if other is entry else other for other in self._waiting[entry.obj]]

    def _place(self, entry: Entry, dirty: set[EntryRef]) -> None:
        """Find what ``entry`` is about, and with it the entries that were waiting for it."""
        work = [entry]
        while work:
            entry = work.pop()
            ref, kind = entry.ref, entry.kind
            if kind == Kind.REQUEST:
                if not isinstance(entry.body, Request):
                    self._lose(ref)
                    continue
                self._attach(entry, ref, dirty)
            elif kind in DESK_KINDS:
                self._subject[ref] = None
                self._take_admin(entry)
            elif kind == Kind.PRICE_LIST:
                self._subject[ref] = None
                self._take_price_list(entry)
            elif not self._follow(entry, dirty):
                continue
            if self._waiting:
                work += self._waiting.pop(ref, ())

    def _follow(self, entry: Entry, dirty: set[EntryRef]) -> bool:
        """Attach ``entry`` to the order its object is about; False: it speaks of nothing we know (yet)."""
        ref, obj = entry.ref, entry.obj
        if obj is None:
            self._lose(ref)
            return False
        if obj not in self._subject:
            self._lose(ref)
            self._waiting.setdefault(obj, []).append(entry)
            return False
        if not entry.had_seen(obj) or not _before(self._entries[obj], entry):
            self._lose(ref)  # nobody can speak of what they have not seen
            return False
        subject = self._subject[obj]
        if subject is not None:
            self._attach(entry, subject, dirty)
        elif isinstance(entry.body, Note):
            self._subject[ref] = None
        else:
            self._lose(ref)
            return False
        if ref in self._lost:
            self._lost.remove(ref)
            self._desk_changed = True
        return True

    def _lose(self, ref: EntryRef) -> None:
        self._lost.add(ref)
        self._desk_changed = True

    def _attach(self, entry: Entry, order_id: EntryRef, dirty: set[EntryRef]) -> None:
        self._subject[entry.ref] = order_id
        siblings = self._of_order.get(order_id)
        if siblings is None:
            self._of_order[order_id] = [entry]
        elif _before(siblings[-1], entry):
            siblings.append(entry)
        else:
            insort(siblings, entry, key=lambda other: other.order_key)
            for other in siblings:
                if other.kind in COMMITTING and other.had_seen(entry.ref):  # it was counted without this one
                    self._commitments.pop(other.ref, None)
                    self._count_commitment(other, dirty)
        dirty.add(order_id)
        if entry.obj is not None and entry.kind in (Kind.ORDER, Kind.ACCEPTANCE, Kind.CORRECTION):
            self._answers.setdefault(entry.obj, []).append(entry)
        if entry.kind in COMMITTING:
            self._count_commitment(entry, dirty)

    def _count_commitment(self, entry: Entry, dirty: set[EntryRef]) -> None:
        """Count what ``entry`` binds to towards the totals, or count it anew."""
        for later in self.warrants.add_commitment(entry, getattr(entry.body, "who", 0)):
            subject = self._subject.get(later)
            if subject is not None:
                dirty.add(subject)

    # ---- what orders share

    def _take_admin(self, entry: Entry) -> None:
        body, ref = entry.body, entry.ref
        refusal: Refusal | None = None
        if isinstance(body, Unreadable) or entry.kind != body.KIND:
            refusal = refuse("unreadable-body", kind=entry.kind, why=getattr(body, "why", "another kind"))
        elif entry.kind in ADMIN_KINDS and ref.log >= len(self.genesis.parties):
            refusal = refuse("wrong-side", party=entry.party)  # only a party's own admin log grants and revokes
        elif isinstance(body, Attest):
            known = self.attests.get(ref.log)
            if known is None or known.ref.index < ref.index:
                self.attests[ref.log] = entry
        elif isinstance(body, Grant):
            own = (entry.party, ref.index)
            self._touch_grants(n for n in self.warrants.add_grant(entry) if n != own or n in self.warrants.missed)
        elif isinstance(body, Revoke) and body.grant < ref.index:
            self._touch_grants(self.warrants.add_revoke(entry))
        self._admin[ref] = refusal
        self._desk_changed = True

    def _touch_grants(self, names: Iterable[tuple[int, int]]) -> None:
        """Have what leans on these grants, as an officer's or as a writer's, read again at the end of the portion."""
        for party, index in names:
            self._touched_grants.add((party, index))
            self._touched_logs.add(log_id(index, party))

    def _orders_touched(self) -> set[EntryRef]:
        """Return the orders that lean on a grant, log or price list that changed; looks at them all, once a portion.

        They lean on a grant that signs in them or signed their price list, and on what a log says.
        """
        if not (self._touched_grants or self._touched_logs or self._touched_price_lists):
            return set()
        lists = self._touched_price_lists | {
            ref
            for ref, entry in self._price_lists.items()
            if ref.log in self._touched_logs or _signs(entry, self._touched_grants)
        }
        touched = {
            order_id
            for order_id, entries in self._of_order.items()
            if any(
                entry.ref.log in self._touched_logs
                or _signs(entry, self._touched_grants)
                or ((named := _price_list_of(entry)) and (named in lists or named.log in self._touched_logs))
                for entry in entries
            )
        }
        for changed in (self._touched_grants, self._touched_logs, self._touched_price_lists):
            changed.clear()
        return touched

    def _take_price_list(self, entry: Entry) -> None:
        ref = entry.ref
        self._price_lists[ref] = entry
        self._desk_changed = True
        if ref in self._missed_price_lists:
            self._touched_price_lists.add(ref)

    def price_list(self, ref: EntryRef, relied_on_before: _ReliedOn) -> tuple[Entry, PriceList] | None:
        """Return the price list ``ref`` if it counts for an offer; what revokes it too late does not."""
        entry = self._price_lists.get(ref)
        if entry is None:
            self._missed_price_lists.add(ref)
        if entry is None or not isinstance(entry.body, PriceList) or self._judge_price_list(entry, relied_on_before):
            return None
        return entry, entry.body

    def _judge_price_list(self, entry: Entry, relied_on_before: _ReliedOn = lambda _revoke: False) -> Refusal | None:
        body = entry.body
        if isinstance(body, Unreadable):
            return unreadable(entry, body)
        if not isinstance(body, PriceList):
            return refuse("unreadable-body", kind=entry.kind, why="another kind")
        if entry.party >= len(self.genesis.parties):
            return refuse("wrong-side", party=entry.party)
        step = STEPS[Kind.PRICE_LIST, None]
        refusal = self.warrants.check(entry, body.who, step, Side.PROVIDER, self.commitment)
        if refusal is None and self.warrants.has_revokes():
            refusal = self.warrants.revoked(entry, body.who, relied_on_before)
        if refusal is None:
            refusal = self.warrants.unsigned(entry, body.who, None, lambda: None)
        return refusal or self._price_list_terms(entry, body)

    def _untrained(self, entry: Entry) -> Iterator[Finding]:
        """Yield the flag for a price list by an officer without training."""
        assert isinstance(entry.body, PriceList)
        refusal = self.warrants.untrained(entry, entry.body.who, STEPS[Kind.PRICE_LIST, None])
        if refusal is not None:
            yield Finding(refusal[0], entry.ref, None, refusal[1])

    def _price_list_terms(self, entry: Entry, body: PriceList) -> Refusal | None:
        terms = self.genesis.terms
        # A list it replaces is named by its place alone: it may come later without changing what this one says.
        if entry.obj is not None and not (party_of(entry.obj.log) == entry.party and entry.had_seen(entry.obj)):
            return refuse("unknown-object", object=str(entry.obj))
        if body.currency not in terms.currencies_for(self.genesis.parties[entry.party].code):
            return refuse("unknown-currency", currency=body.currency)
        if body.valid_to < body.valid_from:
            return refuse("bad-dates", valid_from=body.valid_from, valid_to=body.valid_to)
        for number, line in enumerate(body.lines, 1):
            if line.unit not in UNITS:
                return refuse("unknown-unit", line=number, unit=line.unit)
            if line.nsn and terms.is_blocked(line.nsn):
                return refuse("blocked-item", line=number, nsn=line.nsn)
        return None

    # ---- commitments, for ceilings: from the bodies in the causal past alone

    def _commitment_of(self, ref: EntryRef) -> Commitment | None:
        return self.commitment(self._entries[ref])

    def commitment(self, entry: Entry) -> Commitment | None:
        """Return what ``entry`` binds its officer to; None if to nothing that can be said.

        What it rests on is taken as first written, or as a correction it had seen says, whether that counts or not:
        whichever comes to more. So nothing is asked but the causal past of the act.
        """
        if entry.ref in self._commitments:
            return self._commitments[entry.ref]
        found = self._work_out_commitment(entry)
        if entry.ref in self._entries:
            self._commitments[entry.ref] = found
        return found

    def _said(self, ref: EntryRef | None, cls: type[_B]) -> tuple[Entry, _B] | None:
        entry = self._entries.get(ref) if ref is not None else None
        if entry is None or not isinstance(entry.body, cls):
            return None
        return entry, entry.body

    def _seen(self, signer: Entry, about: Entry, cls: type[_B]) -> Iterator[tuple[Entry, _B]]:
        """Yield what ``signer`` had seen said on ``about``."""
        for other in self._answers.get(about.ref, ()):
            if isinstance(other.body, cls) and signer.had_seen(other.ref):
                yield other, other.body

    def _versions(self, signer: Entry, entry: Entry, first: _B) -> list[_B]:
        """Return what ``entry`` says, ``first``, and what the corrections that ``signer`` had seen make of it.

        Of more than a few there are none at all: nothing can be said of what they come to, and no ceiling allows that.
        """
        seen = list(islice(self._seen(signer, entry, Correction), VERSIONS_MAX + 1))
        made = (replacement_of(entry, correction) for _, correction in seen)
        return [first, *(body for body in made if isinstance(body, type(first)))] if len(seen) <= VERSIONS_MAX else []

    def _work_out_commitment(self, entry: Entry) -> Commitment | None:
        body = entry.body
        if isinstance(body, Offer):
            return self._offered(entry, [body])
        if isinstance(body, Order):
            offer = self._said(entry.obj, Offer)
            return self._ordered(entry, body, *offer) if offer else None
        if isinstance(body, Acceptance):
            order = self._said(entry.obj, Order)
            offer = self._said(order[0].obj, Offer) if order else None
            taken = self._offered(offer[0], self._versions(entry, *offer)) if offer else None
            return taken and replace(taken, adds=taken.amount)
        if isinstance(body, Amendment):
            return self._amended(entry, entry, [body])
        if isinstance(body, Countersign):
            amendment, correction = self._said(entry.obj, Amendment), self._said(entry.obj, Correction)
            if correction is not None:
                return self._corrected(entry, *correction)
            return self._amended(entry, amendment[0], self._versions(entry, *amendment)) if amendment else None
        if isinstance(body, Correction):
            return self._corrected(entry, entry, body)
        return None

    def _offered(self, entry: Entry, offers: Sequence[Offer]) -> Commitment | None:
        """Return what the dearest of ``offers``, versions of ``entry``, comes to."""
        if not offers:
            return Commitment("", 0, 0)
        request = self._said(entry.obj, Request)
        worths = [order_value(self.genesis, request[1], o.lines, o.currency) for o in offers] if request else []
        known = [worth for worth in worths if worth is not None]
        return Commitment(_one_currency(offers), max(known), 0) if known else None

    def _ordered(self, signer: Entry, order: Order, entry: Entry, offer: Offer) -> Commitment:
        """An order binds to its limit, and to the offer it takes where the limit is less than that."""
        versions = self._versions(signer, entry, offer)
        taken = self._offered(entry, versions)
        bound = max(order.max_liability, taken.amount if taken is not None else 0)
        return Commitment(_one_currency(versions), bound, bound)

    def _amended(self, signer: Entry, entry: Entry, amendments: Sequence[Amendment]) -> Commitment | None:
        """An amendment binds the receiver to its new limit and the provider to its new lines; the rise counts.

        Of ``amendments``, versions of ``entry``, it is the dearest.
        """
        acceptance = self._said(entry.obj, Acceptance)
        order = self._said(acceptance[0].obj, Order) if acceptance else None
        offer = self._said(order[0].obj, Offer) if order else None
        if acceptance is None or order is None or offer is None:
            return None
        offers = [
            _amended_offer(taken, amendment) for taken in self._versions(signer, *offer) for amendment in amendments
        ]
        after = self._offered(offer[0], offers)
        if signer.party == order[0].party:
            bound = max([after.amount if after else 0, *(amendment.max_liability for amendment in amendments)])
            return _rise(Commitment(_one_currency(offers), bound, 0), self.commitment(order[0]))
        return after and _rise(after, self.commitment(acceptance[0]))

    def _corrected(self, signer: Entry, entry: Entry, correction: Correction) -> Commitment | None:
        """A correction binds whoever signs or countersigns it to what it makes of the document; the rise counts."""
        target = self._entries.get(entry.obj) if entry.obj is not None else None
        new = replacement_of(target, correction) if target is not None else None
        if target is None or type(new) is not type(target.body):
            return None
        if isinstance(new, Order) and signer.party == target.party:
            offer = self._said(target.obj, Offer)
            return _rise(self._ordered(signer, new, *offer), self.commitment(target)) if offer else None
        if isinstance(new, Amendment):
            assert isinstance(target.body, Amendment)
            said, old = self._amended(signer, target, [new]), self._amended(signer, target, [target.body])
            return said and replace(said, adds=max(0, said.adds - (old.adds if old else 0)))
        if isinstance(new, Offer):
            said = self._offered(target, [new])
            taken = [order for order, _ in self._seen(signer, target, Order)]
            if signer.party == target.party:
                taken = [acceptance for order in taken for acceptance, _ in self._seen(signer, order, Acceptance)]
            before = [known for act in taken if (known := self.commitment(act)) is not None]
            return _rise(said, max(before, key=lambda known: known.amount)) if said and before else said
        return None

    # ---- folding one order

    def _refold(self, order_id: EntryRef, fresh: set[int]) -> None:
        file = OrderFile(walk(self, order_id, tuple(self._of_order[order_id])))
        place = _bucket_of(order_id)
        bucket = self._buckets[place]
        if place not in fresh:
            fresh.add(place)
            bucket = self._buckets[place] = _Bucket(dict(bucket.files))
        old = bucket.files.get(order_id)
        if old is not None:
            self._count(old, -1)
            for key, ref in old.numbers:
                self._drop_number(key, ref)
        bucket.files[order_id] = file
        self._count(file, 1)
        for key, ref in file.numbers:
            self._add_number(key, ref)
        if file.findings:
            self._flagged[order_id] = file
        else:
            self._flagged.pop(order_id, None)

    def _count(self, file: OrderFile, sign: int) -> None:
        tallies = self._tallies
        for transaction in file.journal:
            key = (transaction.rule, transaction.provider, transaction.receiver, transaction.commodity)
            many, amount = tallies.get(key, (0, 0))
            if many + sign:
                tallies[key] = (many + sign, amount + sign * transaction.amount)
            else:
                del tallies[key]

    def _add_number(self, key: tuple[int | str, ...], ref: EntryRef) -> None:
        users = self._numbers.setdefault(key, set())
        users.add(ref)
        if len(users) > 1:
            self._repeated.add(key)
            self._desk_changed = True

    def _drop_number(self, key: tuple[int | str, ...], ref: EntryRef) -> None:
        users = self._numbers[key]
        users.remove(ref)
        if key in self._repeated:
            self._desk_changed = True
            if len(users) < 2:
                self._repeated.remove(key)
        if not users:
            del self._numbers[key]

    # ---- telling

    @property
    def record(self) -> Record:
        """What the entries taken in so far mean. Complete and unchanging, even while another thread extends."""
        return self._record

    def _publish(self) -> Record:
        if self._desk_changed:
            judged = {ref: self._judge_price_list(entry) for ref, entry in self._price_lists.items()}
            warrants = self.warrants
            grants = {name: warrants.view(warrants.by_name[name]) for name in sorted(warrants.by_name)}
            self._desk = _Desk(
                findings=self._desk_findings(judged),
                grants=MappingProxyType(grants),
                price_lists=self._price_list_views([ref for ref, refusal in judged.items() if refusal is None]),
            )
            self._desk_changed = False
        return Record(
            names=self._names,
            buckets=tuple(self._buckets),
            flagged=self._flagged,
            tallies={key: amount for key, (_many, amount) in self._tallies.items()},
            desk=self._desk,
            entries=self._entries,
            subjects=self._subject,
            erasures=self.erasures,
        )

    def _price_list_views(self, refs: list[EntryRef]) -> tuple[PriceListView, ...]:
        views = []
        counting = sorted((self._entries[ref] for ref in refs), key=lambda entry: entry.order_key)
        for entry in counting:
            body = entry.body
            assert isinstance(body, PriceList)
            views.append(
                PriceListView(
                    ref=entry.ref,
                    party=entry.party,
                    number=body.number,
                    currency=body.currency,
                    valid_from=body.valid_from,
                    valid_to=body.valid_to,
                    basis=int(body.basis),
                    lines=body.lines,
                    replaced_by=next((other.ref for other in counting if other.obj == entry.ref), None),
                )
            )
        return tuple(views)

    def _desk_findings(self, price_lists: Mapping[EntryRef, Refusal | None]) -> tuple[Finding, ...]:
        """Return the findings about entries of no order, and those that compare orders with each other."""
        found = [
            Finding(refusal[0], ref, None, refusal[1])
            for judged in (self._admin, price_lists)
            for ref, refusal in judged.items()
            if refusal is not None
        ]
        found += [
            flag for ref in price_lists if price_lists[ref] is None for flag in self._untrained(self._entries[ref])
        ]
        found += [Finding(w.refusal[0], w.ref, None, w.refusal[1]) for w in self.warrants.by_name.values() if w.refusal]
        found += [self._lost_finding(self._entries[ref]) for ref in self._lost]
        found += [
            Finding("unknown-object", ref, None, (("object", entry.body.grant),))
            for ref, refusal in self._admin.items()
            if refusal is None
            for entry in (self._entries[ref],)
            if isinstance(entry.body, Revoke) and not self._takes_back_a_grant(entry, entry.body)
        ]
        found += [
            Finding(
                "revocation-root-differs",
                ref,
                None,
                (("revokes", entry.body.grant), ("log", cut.log), ("size", cut.size)),
            )
            for ref, refusal in self._admin.items()
            if refusal is None
            for entry in (self._entries[ref],)
            if isinstance(entry.body, Revoke)
            for cut in entry.body.cuts
            if not self._is_vouched(entry, cut)
        ]
        found += [
            self._fork_finding(self._entries[ref])
            for ref, refusal in self._admin.items()
            if refusal is None and ref in self._entries and self._entries[ref].kind == Kind.FORK
        ]
        found += [
            Finding(refusal[0], ref, None, refusal[1])
            for ref, judged in self._admin.items()
            if judged is None and isinstance(self._entries[ref].body, Redact)
            for refusal in (self._not_erased(self._entries[ref]),)
            if refusal is not None
        ]
        numbers = {key: self._numbers[key] for key in self._repeated}
        for ref, refusal in price_lists.items():
            body = self._entries[ref].body
            if refusal is None and isinstance(body, PriceList):
                numbers.setdefault(("price list", self._entries[ref].party, body.number), set()).add(ref)
        for key, refs in numbers.items():
            first, *again = sorted(refs, key=lambda ref: self._entries[ref].order_key)
            found += [
                Finding("duplicate-number", ref, self._subject[ref], (("first", str(first)), ("what", str(key[0]))))
                for ref in again
            ]
        return tuple(sorted(found, key=lambda finding: (self._entries[finding.entry].order_key, finding.code)))

    def _fork_finding(self, entry: Entry) -> Finding:
        """Tell whose log has two histories; it was cut before anything was read (``core/forks.py``)."""
        fork = entry.body
        assert isinstance(fork, Fork)
        party = party_of(fork.log)
        key = self._key_of(fork.log)
        facts: tuple[tuple[str, int | str], ...] = (("log", fork.log), ("party", party))
        origin = checkpoint.origin(self.genesis, fork.log)
        cut = None
        if key is not None and party != entry.party:
            if (entry.ref, key) not in self._forks:
                self._forks[entry.ref, key] = forks.cut_by(entry.ref, fork, origin, key)
            cut = self._forks[entry.ref, key]
        if cut is None:
            return Finding("fork-not-shown", entry.ref, None, facts)
        return Finding("fork", entry.ref, None, (*facts, ("index", cut.at), ("stands", cut.stands)))

    def _key_of(self, log: int) -> bytes | None:
        party = party_of(log)
        if party >= len(self.genesis.parties):
            return None
        if log < PARTIES_MAX:
            return self.genesis.parties[party].root_key
        warrant = self.warrants.by_name.get((party, grant_of(log)))
        return warrant.body.key if warrant is not None else None

    def _takes_back_a_grant(self, entry: Entry, body: Revoke) -> bool:
        return body.grant < entry.ref.index and (entry.party, body.grant) in self.warrants.by_name

    def _is_vouched(self, entry: Entry, cut: Cut) -> bool:
        """Return whether a cut is of the log as it is held; one of what its writer had not seen pins nothing."""
        if self._root_of is None or entry.seen.get(cut.log, 0) < cut.size:
            return True
        return self._root_of(cut.log, cut.size) in (None, cut.root)

    def _not_erased(self, entry: Entry) -> Refusal | None:
        """Return why nothing can come of the REDACT ``entry``, even if all parties agree."""
        body = entry.body
        assert isinstance(body, Redact)
        target = self._entries.get(body.target)
        if target is None or not entry.had_seen(body.target):
            return refuse("unknown-object", object=str(body.target))
        return impossible(body, target.kind)

    def _lost_finding(self, entry: Entry) -> Finding:
        body = entry.body
        if isinstance(body, Unreadable):
            code, facts = unreadable(entry, body)
            return Finding(code, entry.ref, None, facts)
        if entry.kind != body.KIND:
            return Finding("unreadable-body", entry.ref, None, (("kind", entry.kind), ("why", "another kind")))
        return Finding("unknown-object", entry.ref, None, (("object", str(entry.obj) if entry.obj else ""),))

    # ---- trying

    def trial(self, entry: Entry, *, promised: bool = False) -> Trial:
        """Return what ``entry`` would mean if it were the last entry everybody has. Changes nothing.

        Args:
            entry: The act.
            promised: Judge it as if its officer's own signature were there already.
        """
        self.warrants.promised = entry.ref if promised else None
        try:
            return self._trial(entry)
        finally:
            self.warrants.promised = None

    def _trial(self, entry: Entry) -> Trial:
        if entry.kind in DESK_KINDS:
            return self._desk_trial(entry, self._try_admin(entry))
        if entry.kind == Kind.PRICE_LIST:
            return self._desk_trial(entry, self._judge_price_list(entry))
        obj = entry.obj
        known = obj is not None and obj in self._subject and entry.had_seen(obj)
        order_id: EntryRef | None = None
        if entry.kind == Kind.REQUEST:
            order_id = entry.ref if isinstance(entry.body, Request) else None
        elif known and obj is not None:
            order_id = self._subject[obj]
        if order_id is None:
            if known and isinstance(entry.body, Note):
                return Trial((), void=False, order=None, transactions=())
            return Trial((self._lost_finding(entry),), void=True, order=None, transactions=())
        run = walk(self, order_id, (*self._of_order.get(order_id, ()), entry))
        found = [finding for finding in findings_of(run) if finding.entry == entry.ref]
        found += [
            Finding(
                "duplicate-number",
                entry.ref,
                order_id,
                (("first", str(min(self._numbers[key]))), ("what", str(key[0]))),
            )
            for key, ref in run.numbers
            if ref == entry.ref and key in self._numbers
        ]
        found.sort(key=lambda finding: finding.weight is not Weight.VOID)
        return Trial(
            findings=tuple(found),
            void=run.verdicts[entry.ref] is not None,
            order=view_of(run),
            transactions=tuple([t for t in run.journal() if t.origin == entry.ref]),
        )

    def _try_admin(self, entry: Entry) -> Refusal | None:
        body = entry.body
        if isinstance(body, Unreadable):
            return refuse("unreadable-body", kind=entry.kind, why=body.why)
        if entry.kind in ADMIN_KINDS and entry.ref.log >= len(self.genesis.parties):
            return refuse("wrong-side", party=entry.party)
        if isinstance(body, Grant):
            return self.warrants.try_grant(entry)
        if isinstance(body, Revoke) and not self._takes_back_a_grant(entry, body):
            return refuse("unknown-object", object=body.grant)
        if isinstance(body, Redact):
            return self._not_erased(entry)
        return None

    def _desk_trial(self, entry: Entry, refusal: Refusal | None) -> Trial:
        if refusal is not None:
            return Trial((Finding(refusal[0], entry.ref, None, refusal[1]),), void=True, order=None, transactions=())
        flags = tuple(self._untrained(entry)) if entry.kind == Kind.PRICE_LIST else ()
        return Trial(flags, void=False, order=None, transactions=())


def fold(genesis: Genesis, entries: Iterable[Entry], root_of: RootOf | None = None) -> Record:
    """Return what ``entries`` mean, from scratch.

    Total and deterministic: equal sets of entries give equal records, byte for byte (``Record.digest``).
    """
    reading = Fold(genesis, root_of)
    reading.extend(entries)
    return reading.record
