"""What must hold after every step, whoever lies and whatever breaks. A breach ends the seed with its name.

The numbers are those of the invariants the design names (I1 … I24) and of the ledger's laws (L-I1 … L-I7,
docs/spec/ledger.md); the latter are also asked by the product itself each time entries are taken in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from random import Random

from simulation.machines import Seat
from tallystick.app import attest, forks
from tallystick.app.node import Desk
from tallystick.core import invariants
from tallystick.core.bundle import read_envelope
from tallystick.core.entries import ADMIN_KINDS, NODE_KINDS, Kind, Segment
from tallystick.core.errors import TallystickError
from tallystick.core.identity import EntryRef, log_id
from tallystick.core.log import StoredLeaf
from tallystick.core.space import Space
from tallystick.core.warrants import COMMITTING

_SHARED = ADMIN_KINDS | NODE_KINDS | COMMITTING | {Kind.PRICE_LIST}  # what may change other orders than its own


class InvariantBroken(Exception):  # noqa: N818 - it is what the search is for
    """An invariant does not hold. ``law`` names it."""

    def __init__(self, law: str, told: str) -> None:
        super().__init__(f"{law}: {told}")
        self.law = law


class Laws:
    """Watches all nodes of a world."""

    def __init__(self) -> None:
        self.annals: dict[int, list[bytes]] = {}  # by log: the leaves as they were first seen anywhere
        self.digests: dict[bytes, tuple[bytes, str]] = {}  # by what is held: the record's digest, and who said so
        self.promised: dict[str, dict[int, int]] = {}  # by node: what it told others it holds durably
        self.known: dict[str, dict[int, int]] = {}  # by node: the sizes at the last look
        self.looks = 0
        self.forked: set[int] = set()  # logs that somebody writes two histories of
        self.remarks: dict[EntryRef, str] = {}  # what was written into the details of entries, to search for it

    def forget(self, seat: Seat) -> None:
        """The node's process is gone, or its disk was put back: look at everything anew."""
        self.known.pop(seat.name, None)

    def lost(self, kept: Mapping[int, int]) -> None:
        """A disk was lost: what no node holds any more, beyond the sizes ``kept``, was never heard of by anybody."""
        for log, annals in self.annals.items():
            del annals[kept.get(log, 0) :]
        for promised in self.promised.values():
            for log in promised:
                promised[log] = min(promised[log], kept.get(log, 0))
        self.digests.clear()

    def look(self, seat: Seat) -> None:
        """Ask everything that is cheap of one node."""
        if seat.is_twin:
            return
        desk = seat.desk
        sizes = desk.space.sizes()
        before = self.known.get(seat.name, {})
        if sizes == before:
            return
        self.looks += 1
        durable = dict(desk.store.sizes(desk.id))
        if durable != sizes:
            raise InvariantBroken("I15", f"{seat.name} shows {sizes} and its disk holds {durable}")
        self._same_leaves(seat, desk, sizes, before)
        self._keeps_its_word(seat, sizes)
        self._same_reading(seat, desk, sizes)
        self.known[seat.name] = sizes

    def _same_leaves(self, seat: Seat, desk: Desk, sizes: Mapping[int, int], before: Mapping[int, int]) -> None:
        """I6: every node holds the very leaves that the writer wrote."""
        for log, size in sizes.items():
            if log in self.forked:
                continue
            annals = self.annals.setdefault(log, [])
            for index in range(before.get(log, 0), size):
                leaf = desk.space.stored(EntryRef(log, index)).leaf
                if index == len(annals):
                    annals.append(leaf)
                elif annals[index] != leaf:
                    raise InvariantBroken("I6", f"{seat.name} holds another leaf {log}.{index} than was written first")

    def _keeps_its_word(self, seat: Seat, sizes: Mapping[int, int]) -> None:
        """An acknowledged entry is held by its acknowledger for ever (I15, and what a backup may lose)."""
        promised = {log: n for log, n in self.promised.get(seat.name, {}).items() if log not in self.forked}
        if seat.lost_memory:
            seat.lost_memory = any(sizes.get(log, 0) < size for log, size in promised.items())
            return
        for log, size in promised.items():
            if sizes.get(log, 0) < size:
                raise InvariantBroken("I15", f"{seat.name} acknowledged {log} up to {size}, holds {sizes.get(log, 0)}")

    def _same_reading(self, seat: Seat, desk: Desk, sizes: Mapping[int, int]) -> None:
        """I1, L-I4: the same entries mean the same, however they came."""
        heads: object = forks.heads(desk) if self.forked else sorted(sizes.items())
        held = hashlib.sha256(repr(heads).encode()).digest()
        digest = desk.record.digest
        known = self.digests.setdefault(held, (digest, seat.name))
        if known[0] != digest:
            raise InvariantBroken("I1", f"{seat.name} and {known[1]} hold the same entries and read them differently")

    def speaks(self, seat: Seat) -> None:
        """Ask of a node that sends bytes now: what they acknowledge is on its disk (I15)."""
        if seat.is_twin:
            return
        desk = seat.desk
        log = own_log(desk)
        if log is None or not desk.space.size(log):
            return
        durable = desk.store.sizes(desk.id)
        told = desk.space.known_by(log)
        told = {other: size for other, size in told.items() if other not in self.forked}
        for other, size in told.items():
            if durable.get(other, 0) < size:
                raise InvariantBroken("I15", f"{seat.name} speaks of {other} up to {size}; its disk has less")
        promised = self.promised.setdefault(seat.name, {})
        for other, size in told.items():
            promised[other] = max(size, promised.get(other, 0))

    # ---- now and then

    def late_entry(self, seat: Seat, before: Mapping[EntryRef, bytes], sizes: Mapping[int, int]) -> None:
        """I2: what came since ``before`` changed only the orders it is about, unless it changed what orders share."""
        desk = seat.desk
        after = order_digests(desk)
        about: set[EntryRef | None] = set()
        for log, size in desk.space.sizes().items():
            for index in range(sizes.get(log, 0), size):
                if not desk.space.is_act(log, index):
                    continue
                entry = desk.space.entry(EntryRef(log, index))
                if (
                    entry.kind in ADMIN_KINDS
                    or entry.kind == Kind.FORK
                    or entry.kind in COMMITTING
                    or entry.kind == Kind.PRICE_LIST
                ):
                    return
                about.add(desk.record.subject_of(entry.ref))
        changed = {name for name, digest in before.items() if after.get(name) != digest}
        if not changed <= about:
            raise InvariantBroken("I2", f"at {seat.name} orders {sorted(changed - about)} changed without an entry")

    def books(self, seat: Seat) -> None:
        """L-I1, L-I2, L-I5 over all orders at once."""
        desk = seat.desk
        record = desk.record
        for order in record.orders.values():
            for breach in invariants.of_order(order, record.ledger.transactions_of(order.order_id)):
                raise InvariantBroken(f"L-{breach.law}", f"at {seat.name}: {breach}")
        for breach in invariants.of_books(record, [party.code for party in desk.genesis.parties]):
            raise InvariantBroken(f"L-{breach.law}", f"at {seat.name}: {breach}")

    def no_divergence(self, seat: Seat, honest: Mapping[int, bool]) -> None:
        """I22: what honest nodes attest agrees with what this one makes of the same entries."""
        for log, compared in attest.all_compared(seat.desk).items():
            if honest.get(log) and compared.differs is not None:
                raise InvariantBroken("I22", f"{seat.name} says that {log} attests something else: {compared.differs}")

    def forgets(self, seat: Seat) -> None:
        """I9: a remark that was erased is in nothing this node could send, nor in the files it keeps."""
        desk = seat.desk
        codec = desk.space.codec
        envelopes = [read_envelope(bundle) for bundle in desk.space.compose_all({}, desk.sign_checkpoint)]
        told = b"".join(codec.unpack(envelope.codec, envelope.body) for envelope in envelopes) + seat.disk.contents()
        for target in desk.record.erasures.targets:
            erased = desk.space.entry(target).missing & Segment.DETAIL
            remark = self.remarks.get(target)
            if erased and remark is not None and target.log not in self.forked and remark.encode() in told:
                raise InvariantBroken("I9", f"{seat.name} still has the remark of {target}")

    def from_scratch(self, seat: Seat, dice: Random) -> None:
        """I1, I4, I7: the disk's bytes verify, and the same entries in another order mean the same."""
        desk = seat.desk
        held = desk.store.load(desk.id)
        try:
            Space.restore(
                desk.genesis, held.leaves, held.epoch_keys, held.checkpoints, dictionary=desk.dictionary, verify=True
            )
        except TallystickError as error:
            raise InvariantBroken("I4", f"what {seat.name} stored does not verify: {error}") from error
        entries = list(desk.space.acts())
        dice.shuffle(entries)
        again = desk.fold.fresh()
        again.extend(entries)
        if again.record.digest != desk.record.digest:
            raise InvariantBroken("I1", f"{seat.name} reads its entries differently in another order")
        self._tampering(seat, desk, dice)

    def _tampering(self, seat: Seat, desk: Desk, dice: Random) -> None:
        """I4: one changed bit in a stored leaf or segment is found."""
        held = desk.store.load(desk.id)
        leaves = list(held.leaves)
        place = dice.randrange(len(leaves))
        leaf = leaves[place]
        name = dice.choice([n for n in ("leaf", "core", "detail") if getattr(leaf, n)])
        changed = bytearray(getattr(leaf, name))
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
        leaves[place] = StoredLeaf(**{**leaf._asdict(), name: bytes(changed)})
        head = held.checkpoints.get(leaf.log)
        if name == "leaf" and (head is None or head.size <= leaf.index):
            return  # nobody has signed this leaf yet: nothing vouches for it
        try:
            Space.restore(
                desk.genesis, leaves, held.epoch_keys, held.checkpoints, dictionary=desk.dictionary, verify=True
            )
        except TallystickError:
            return
        raise InvariantBroken("I4", f"a bit of the {name} of {leaf.log}.{leaf.index} changed and {seat.name} verifies")


def own_log(desk: Desk) -> int | None:
    """Return the log this node writes, or None before its grant came."""
    key = desk.keys.public("writer")
    for (party, index), grant in desk.record.grants.items():
        if party == desk.party and grant.key == key:
            return log_id(index, party)
    return None


def order_digests(desk: Desk) -> dict[EntryRef, bytes]:
    return {order: desk.record.order_digest(order) for order in desk.record.orders}
