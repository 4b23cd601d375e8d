"""One installation: its settings, its store and keys, and a desk for each agreement it keeps.

A ``Desk`` holds one agreement in memory: the logs (``Space``), what they mean (``Fold``), and one lock. The store is
the truth; memory follows it, and catches up when another process on the same store has appended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tallystick.app.index import OrderIndex
from tallystick.app.ports import Clock, EntryStore, Ids, KeyRing, Store
from tallystick.app.settings import NodeSettings
from tallystick.core import invariants
from tallystick.core.agreement import Genesis
from tallystick.core.errors import HeadMovedError, InvariantError, LocalError
from tallystick.core.fold import Fold, Record
from tallystick.core.identity import EntryRef, log_id
from tallystick.core.space import Admission, Space

_PUT_AWAY = "put-away "  # and the agreement's id: a proposal that was withdrawn
COMMIT_TRIES = 8  # other processes of this node may append between our reading and our writing


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
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    _epoch_keys: dict[tuple[int, int], bytes] = field(default_factory=dict, repr=False)  # drawn, perhaps not yet used

    def __post_init__(self) -> None:
        self._reload()

    def _reload(self) -> None:
        """Read everything from the store. Pages read without the lock, so memory changes hands when it is whole."""
        loaded = self.store.load(self.id)
        genesis = Genesis.read(loaded.genesis)
        party = genesis.party_number(self.party_code_here)
        space = Space.restore(genesis, loaded.leaves, loaded.epoch_keys, loaded.checkpoints, dictionary=self.dictionary)
        fold = Fold(genesis)
        fold.extend(space.acts())
        index = OrderIndex(genesis, party)
        index.changed(fold.record.orders)
        self.genesis, self.party, self.space, self.fold, self.index = genesis, party, space, fold, index

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
            if dict(self.store.sizes(self.id)) != self.space.sizes():
                self._reload()

    def commit(self, admission: Admission) -> None:
        """Write ``admission`` in one transaction, then let memory follow.

        Raises:
            HeadMovedError: another process appended first; call ``refresh`` and stage again.
            StoreUnavailableError: nothing was written and nothing changed.
            InvariantError: the entries are stored, and the record made of them breaks a law of the ledger.
        """
        with self.lock:
            self.store.append(admission)
            self.space.apply(admission)
            changed = self.fold.extend(admission.entries)
            self.index.changed(changed)
            self._require_laws(changed)

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

    def epoch_key(self, log: int) -> Callable[[int], bytes]:
        """Return what gives the salt key of a new block of ``log``: the same in a preview and when it is signed."""
        return lambda block: self._epoch_keys.setdefault((log, block), self.ids.random_bytes(32))

    def sign_checkpoint(self, log: int, text: bytes) -> bytes | None:
        """Sign a head of an own log; None for a log of somebody else, or whose key is not on this node."""
        if log == self.admin_log and self.keys.has("root"):
            return self.keys.sign("root", text)
        if self.space.key_of(log) == self.keys.public("writer"):
            return self.keys.sign("writer", text)
        return None


@dataclass
class Node:
    """One installation. Made by ``tallystick.stores.open_node``."""

    settings: NodeSettings
    store: Store
    keys: KeyRing
    clock: Clock
    ids: Ids
    dictionary: bytes
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
        )
