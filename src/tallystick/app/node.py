"""One installation: its settings, its store and keys, and a desk for each agreement it keeps.

A ``Desk`` holds one agreement in memory: the logs (``Space``), what they mean (``Fold``), and one lock. The store is
the truth; memory follows it, and catches up when another process on the same store has appended.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from tallystick.app import restored
from tallystick.app.index import OrderIndex
from tallystick.app.ports import Clock, EntryStore, HighWater, Ids, KeyRing, Store
from tallystick.app.restored import Restored, Why
from tallystick.app.settings import NodeSettings
from tallystick.core import canonical, invariants
from tallystick.core.admission import Admission
from tallystick.core.agreement import Genesis
from tallystick.core.entries import Grant
from tallystick.core.errors import (
    BadSignatureError,
    ForkError,
    HeadMovedError,
    InvariantError,
    LocalError,
    RemoteError,
    StoreError,
    StoreUnavailableError,
)
from tallystick.core.fold import Fold, Record
from tallystick.core.identity import EntryRef, grant_of, log_id, party_of
from tallystick.core.space import Space

_PUT_AWAY = "put-away "  # and the agreement's id: a proposal that was withdrawn
_WRITTEN_AGAIN = "written-again"
_FILLS = "fills "  # and the agreement's id: another mark whenever text came later, which no size tells other processes
FILLS_MAX = 16  # a day, of one party's entries
PURGE_SECONDS = 60  # at least, between two cleanings of the files that partners bring about
COMMIT_TRIES = 8  # other processes of this node may append between our reading and our writing


def _told(error: RemoteError) -> dict[str, object]:
    return {name: value for name, value in error.facts.items() if name in {"log", "size", "entry", "what"}}


@dataclass
class Desk:
    """One agreement, as this node holds it."""

    id: bytes  # of the agreement's space
    party_code_here: str
    store: EntryStore
    keys: KeyRing
    clock: Clock
    ids: Ids
    dictionary: bytes
    high_water: HighWater | None = None
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    not_written: StoreUnavailableError | None = None  # why the last commit failed; None after one that did not

    _epoch_keys: dict[tuple[int, int], bytes] = field(default_factory=dict, repr=False)  # drawn, perhaps not yet used
    _purged_at: int = 0
    _fills: bytes | None = None  # as memory has it
    _filled: dict[int, tuple[int, int]] = field(default_factory=dict)  # by party: the day, and how often on it

    def __post_init__(self) -> None:
        self._reload()

    def _reload(self) -> None:
        """Read everything from the store. Pages read without the lock, so memory changes hands when it is whole.

        What is stored was checked before, so here only the roots are compared, which costs next to nothing; bytes that
        the disk has changed so that they no longer read are checked in full, to name them.
        """
        # Asked first: another process may append and note it between the two, and that is no old copy.
        signed = self.high_water.sizes().get(self.id, {}) if self.high_water is not None else {}
        self._fills = self.store.recall(_FILLS + self.id.hex())
        loaded = self.store.load(self.id)
        try:
            genesis = Genesis.read(loaded.genesis)
            space = Space.restore(
                genesis, loaded.leaves, loaded.epoch_keys, loaded.checkpoints, dictionary=self.dictionary
            )
            for log, head in sorted(loaded.checkpoints.items()):
                if head.size > space.size(log) or head.root != space.root(log, head.size):
                    raise BadSignatureError(log=log, size=head.size)
            fold = Fold(genesis, space.root_of)
            fold.extend(space.acts())
        except RemoteError as error:
            raise StoreUnavailableError("store-damaged", agreement=self.id.hex(), **_told(error)) from error
        except Exception as error:  # of the many ways in which trusted bytes can fail to read
            try:
                Space.restore(genesis, loaded.leaves, loaded.epoch_keys, loaded.checkpoints, verify=True)
            except RemoteError as found:
                raise StoreUnavailableError("store-damaged", agreement=self.id.hex(), **_told(found)) from error
            raise
        party = genesis.party_number(self.party_code_here)
        index = OrderIndex(genesis, party)
        index.changed(fold.record.orders)
        self.genesis, self.party, self.space, self.fold, self.index = genesis, party, space, fold, index
        for name in self._epoch_keys.keys() & loaded.epoch_keys.keys():
            del self._epoch_keys[name]  # it is in the store, or was given up there with something erased
        self._notice_an_old_copy(signed)

    @property
    def name(self) -> str:
        return self.genesis.name

    @property
    def record(self) -> Record:
        return self.fold.record

    @property
    def admin_log(self) -> int:
        return self.party

    @property
    def log(self) -> int:
        """The log this node writes; raises LocalError ``no-writer-here`` when its key has no grant."""
        key = self.keys.public("writer")
        for (party, index), grant in self.record.grants.items():
            if party == self.party and grant.key == key:
                return log_id(index, party)
        raise LocalError("no-writer-here", agreement=self.name)

    def party_code(self, number: int) -> str:
        return self.genesis.parties[number].code

    @property
    def partners(self) -> tuple[int, ...]:
        return tuple(n for n in range(len(self.genesis.parties)) if n != self.party)

    def refresh(self) -> None:
        """Catch up with the store if another process has appended to it."""
        with self.lock:
            grew = dict(self.store.sizes(self.id)) != self.space.sizes()
            if grew or (self.space.lacking and self.store.recall(_FILLS + self.id.hex()) != self._fills):
                self._reload()

    def commit(self, admission: Admission) -> None:
        """Write ``admission`` in one transaction, then let memory follow.

        Raises:
            HeadMovedError: another process appended first; call ``refresh`` and stage again.
            StoreUnavailableError: nothing was written and nothing changed.
            LocalError: as ``require_heard``, for what this node would say itself.
            InvariantError: the entries are stored, and the record made of them breaks a law of the ledger.
        """
        with self.lock:
            growing = {leaf.log for leaf in admission.leaves} | admission.keep.keys()
            self.require_heard(growing - admission.held.keys())  # what a bundle brings is in ``held``
            own = (self.own_logs | self._own_log_granted_in(admission)) & growing
            if own & admission.held.keys() and self.restored is None:
                self.mark_restored(Why.HEARD)
            admission = self.space.seal(admission, self.sign_checkpoint)
            self._set_aside_tails(admission)
            try:
                self.store.append(admission)
            except StoreUnavailableError as error:
                if not self._was_kept(admission):
                    self.not_written = error
                    raise
                self.not_written = None
                self._note_signed(own)
                return
            self.not_written = None
            if admission.cuts or admission.fill:  # what is held already is to be read differently
                self._reload()
                self._note_filled(admission)
                changed: Iterable[EntryRef] = self.record.orders
            else:
                self.space.apply(admission)
                changed = self.fold.extend(admission.entries)
                self.index.changed(changed)
            self._note_signed(own)
            if admission.erase:
                self._forget(admission)
            self._require_laws(changed)

    def write_again(self) -> None:
        """Forget why the last commit failed, once something can be written.

        Raises:
            StoreUnavailableError: nothing can; for a disk that is full, only writing tells.
        """
        if self.not_written is not None:
            self.store.remember(_WRITTEN_AGAIN, b"")
            self.not_written = None

    def may_fill(self, admission: Admission) -> bool:
        """Return whether what comes for leaves without their text may be taken in today.

        Each time the record is read again, and who left it out may send it bit by bit.
        """
        today = self.clock.now() // 86_400
        counts = [self._filled.get(party_of(leaf.log), (today, 0)) for leaf in admission.fill]
        return all(day != today or count < FILLS_MAX for day, count in counts)

    def _note_filled(self, admission: Admission) -> None:
        today = self.clock.now() // 86_400
        for party in {party_of(leaf.log) for leaf in admission.fill}:
            day, count = self._filled.get(party, (today, 0))
            self._filled[party] = (today, count + 1 if day == today else 1)
        if admission.fill:
            self.store.remember(_FILLS + self.id.hex(), self.ids.random_bytes(16))

    def _was_kept(self, admission: Admission) -> bool:
        """Return whether a commit that failed was done all the same, as when a server dies before it can say so."""
        try:
            self.refresh()
        except StoreError:
            return False
        return all(
            leaf.index < self.space.size(leaf.log)
            and self.space.stored(EntryRef(leaf.log, leaf.index)).leaf == leaf.leaf
            for leaf in admission.leaves
        ) and all(self.space.stored(EntryRef(leaf.log, leaf.index)) == leaf for leaf in admission.fill)

    def _set_aside_tails(self, admission: Admission) -> None:
        """Keep the leaves that a fork takes out of the record where the operator finds them."""
        for log, size in admission.keep.items():
            tail = [self.space.stored(EntryRef(log, index)) for index in range(size, self.space.size(log))]
            body = b"".join(canonical.encode([x.leaf, x.core, x.detail, x.auth]) for x in tail)
            why = ForkError("fork-tail", log=log, begin=size, end=size + len(tail))
            self.store.set_aside(self.id, body, why.code, why.facts, self.clock.now())

    def _forget(self, admission: Admission) -> None:
        """Let go of the keys of blocks in which something was erased; clean the files, now or when they are free."""
        for name in admission.epoch_keys:
            self._epoch_keys.pop(name, None)
        now = self.clock.now()
        if admission.held and abs(now - self._purged_at) < PURGE_SECONDS:
            return  # it stays due: no partner makes us write the whole database as often as it likes
        self._purged_at = now
        with contextlib.suppress(StoreUnavailableError):  # it stays due
            self.store.purge()

    def _require_laws(self, orders: Iterable[EntryRef]) -> None:
        """Raise InvariantError when a law of the ledger does not hold for one of ``orders``."""
        record = self.record
        for order_id in sorted(orders):
            journal = record.ledger.transactions_of(order_id)
            for law, order, what in invariants.of_order(record.orders[order_id], journal):
                raise InvariantError(law=law, order=order, what=what, agreement=self.name)

    def commit_fresh(self, stage: Callable[[], Admission | None]) -> Admission | None:
        """Stage on what the store holds now and commit; staged again when another process was quicker."""
        with self.lock:
            for _ in range(COMMIT_TRIES):
                self.refresh()
                admission = stage()
                if admission is None:
                    return None
                try:
                    self.commit(admission)
                except HeadMovedError:
                    continue
                return admission
            raise HeadMovedError(agreement=self.name)

    # ---- after a restore (``restored``)

    @property
    def own_logs(self) -> frozenset[int]:
        """Return the logs this node holds the keys of: its party's admin log at headquarters, and its own."""
        found = set()
        if self.keys.has("root"):
            found.add(self.admin_log)
        if self.keys.has("writer") and (log := self.space.log_of(self.keys.public("writer"))) is not None:
            found.add(log)
        return frozenset(found)

    @property
    def restored(self) -> Restored | None:
        """Return what is known of a restore this node has not recovered from yet; None when it may sign."""
        return restored.recall(self.store, self.id)

    @property
    def closed_logs(self) -> frozenset[int]:
        """Return the own logs that must not grow before others have told what they hold of them."""
        state = self.restored
        return frozenset() if state is None else self._closed_by(state)

    def _closed_by(self, state: Restored) -> frozenset[int]:
        return frozenset(log for log in self.own_logs if self.space.key_of(log) in state.keys)

    def _waits_for_its_grant(self, state: Restored) -> bool:
        """Return whether a log is closed that this copy does not know yet: it is older than the grant of our key."""
        key = self.keys.public("writer") if self.keys.has("writer") else b""
        return key in state.keys and self.space.log_of(key) is None

    def _own_log_granted_in(self, admission: Admission) -> set[int]:
        key = self.keys.public("writer") if self.keys.has("writer") else b""
        return {
            log_id(entry.ref.index, entry.party)
            for entry in admission.entries
            if isinstance(entry.body, Grant) and entry.body.key == key and entry.party == self.party
        }

    @property
    def knows_nothing_yet(self) -> bool:
        """Return whether this node may be behind itself and nobody has told it anything: some of what it holds may
        have been erased since, so it sends nothing of it.
        """
        state = self.restored
        return state is not None and not state.heard and self._is_behind(state)

    @property
    def is_behind(self) -> bool:
        """Return whether this node may have signed what it does not hold: its logs are closed, or not known yet."""
        state = self.restored
        return state is not None and self._is_behind(state)

    def _is_behind(self, state: Restored) -> bool:
        return bool(self._closed_by(state)) or self._waits_for_its_grant(state)

    def require_heard(self, logs: AbstractSet[int] | None = None) -> None:
        """Refuse to say anything in ``logs``, or in any of ours, while this node may be behind itself.

        Raises:
            LocalError: ``restored-not-heard``, or ``restored-still-missing`` when somebody told of entries that have
                not come back yet.
        """
        state = self.restored if logs is None or logs else None
        if state is None:
            return
        if not (self._is_behind(state) if logs is None else self._closed_by(state) & logs):
            return
        missing = state.missing(self.space.sizes())
        if not missing:
            raise LocalError("restored-not-heard", agreement=self.name)
        raise LocalError("restored-still-missing", agreement=self.name, entries=sum(missing.values()))

    def mark_restored(self, why: Why) -> None:
        """Close the own logs until others have told what they hold of them."""
        restored.mark(self.store, self.id, why, self.keys, self.clock.now())

    def question_for(self, writer_key: bytes) -> bytes | None:
        """Return what to ask the node with ``writer_key``; None when there is nothing to ask."""
        with self.lock:
            state = self.restored
            if state is None or not self._is_behind(state):
                return None
            if writer_key not in state.questions:
                asked = {**state.questions, writer_key: restored.new_question(self.ids)}
                state = replace(state, questions=asked)
                restored.keep(self.store, self.id, state)
            return state.questions[writer_key]

    def heard(self, question: bytes, told: Mapping[int, int], *, by_voice: bool = False) -> bool:
        """Take in what another node tells to hold; return whether it answers a question of ours."""
        with self.lock:
            state = self.restored
            after = state.hears(question, told, self._perhaps_own(state, told), by_voice=by_voice) if state else None
            if after is not None:
                restored.keep(self.store, self.id, after)
            return after is not None

    def _perhaps_own(self, state: Restored, told: Iterable[int]) -> frozenset[int]:
        """Return the closed logs, and those of our party that only the other node knows: one of them may be ours."""
        return self._closed_by(state) | {
            log for log in told if party_of(log) == self.party and self.space.key_of(log) is None
        }

    def not_reached(self, writer_key: bytes) -> None:
        """Note that the node with ``writer_key`` does not answer now, so that it need not be waited for."""
        with self.lock:
            state = self.restored
            if state is not None and writer_key not in state.tried:
                restored.keep(self.store, self.id, replace(state, tried=state.tried | {writer_key}))

    def settle(self, others: Iterable[bytes] = ()) -> None:
        """Open the own logs again when enough was heard: from one other node, and all that anybody told of is here.

        Args:
            others: Writer keys of nodes that can be asked over the network; each must have answered, or been tried.
        """
        with self.lock:
            state = self.restored
            if state is None:
                return
            if not self._closed_by(state):
                if not self._waits_for_its_grant(state):  # its logs are left to a new writer (``recover``)
                    restored.keep(self.store, self.id, None)
                return
            if not state.heard or state.missing(self.space.sizes()):
                return
            if set(others) - state.heard - state.tried:
                return
            restored.keep(self.store, self.id, None)
            self._note_signed(self.own_logs)

    def _notice_an_old_copy(self, signed: Mapping[int, int]) -> None:
        """Close the own logs when this node had signed more than its database holds."""
        own = self.own_logs - self.space.cuts.keys()  # a log that forked is shorter for another reason
        own |= {log for log in signed if self.space.key_of(log) is None}  # older than the grant of our key
        if any(size > self.space.size(log) for log, size in signed.items() if log in own):
            with contextlib.suppress(StoreError):  # a database that cannot be written is not signed on either
                if self.restored is None:
                    self.mark_restored(Why.BEHIND)

    def _note_signed(self, logs: Iterable[int]) -> None:
        sizes = {log: self.space.size(log) for log in logs}
        if sizes and self.high_water is not None:
            self.high_water.note(self.id, sizes)

    # ---- signing

    def epoch_key(self, log: int) -> Callable[[int], bytes]:
        """Return what gives the salt key of a new block of ``log``: the same in a preview and when it is signed."""
        return lambda block: self._epoch_keys.setdefault((log, block), self.ids.random_bytes(32))

    def sign_checkpoint(self, log: int, text: bytes) -> bytes | None:
        """Sign a head of an own log; None for a log of somebody else, or whose key is not on this node."""
        if log == self.admin_log and self.keys.has("root"):
            return self.keys.sign("root", text)
        key = self.space.key_of(log)
        name = next((name for name in self.keys.writers() if self.keys.public(name) == key), None)
        if name is None or (name != "writer" and self.record.grants[self.party, grant_of(log)].revoked):
            return None  # an old log that was taken back stands where it stood
        return self.keys.sign(name, text)


@dataclass
class Node:
    """One installation. Made by ``tallystick.stores.open_node``."""

    settings: NodeSettings
    store: Store
    keys: KeyRing
    clock: Clock
    ids: Ids
    dictionary: bytes
    high_water: HighWater | None = None
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _desks: dict[bytes, Desk] = field(default_factory=dict, repr=False)

    @property
    def desks(self) -> Mapping[bytes, Desk]:
        """The agreements kept here, by space id; opened at first use."""
        with self.lock:
            away = {
                bytes.fromhex(name.removeprefix(_PUT_AWAY))
                for name in self.store.remembered()
                if name.startswith(_PUT_AWAY)
            }
            kept = [space_id for space_id in self.store.spaces() if space_id not in away]
            for space_id in kept:
                if space_id not in self._desks:
                    self._desks[space_id] = self._open(space_id)
            return {space_id: self._desks[space_id] for space_id in kept}

    def put_away(self, space_id: bytes) -> None:
        """Keep an agreement's entries and open no desk for it any more."""
        self.store.remember(f"{_PUT_AWAY}{space_id.hex()}", b"")

    def desk(self, space_id: bytes | None = None) -> Desk:
        """Return the desk of an agreement; without an id, the only one.

        Raises:
            LocalError: ``no-agreement-yet``, ``which-agreement`` (several, none named) or ``unknown-agreement``.
        """
        desks = self.desks
        if space_id is not None:
            if space_id not in desks:
                raise LocalError("unknown-agreement", agreement=space_id.hex()[:8])
            return desks[space_id]
        if not desks:
            raise LocalError("no-agreement-yet")
        if len(desks) > 1:
            names = ", ".join(f"{desk.name} ({desk.id.hex()[:8]})" for desk in desks.values())
            raise LocalError("which-agreement", agreements=names)
        return next(iter(desks.values()))

    def _open(self, space_id: bytes) -> Desk:
        return Desk(
            id=space_id,
            party_code_here=self.settings.party,
            store=self.store,
            keys=self.keys,
            clock=self.clock,
            ids=self.ids,
            dictionary=self.dictionary,
            high_water=self.high_water,
        )
