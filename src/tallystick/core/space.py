"""One agreement: what is held of it, and everything that can be done with that.

Decides when the logs in memory change. Two steps, always: ``draft``, ``acknowledge`` and ``read`` return a frozen
:class:`~tallystick.core.admission.Admission` and change nothing; the caller writes it to the store in one transaction
and then calls ``apply``. So a failed read leaves no trace, and a ctx never promises what the disk does not hold.

Leaves to ``held`` what can be asked, to ``drafting`` and ``reading`` what comes next, to ``composing`` what leaves, to
``auditing`` what is wrong with what is stored; meaning and conflicts to ``fold``, when to speak to ``app.exchange``.

Source: docs/spec/log.md and docs/spec/wire.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from tallystick.core import auditing, composing, drafting, reading
from tallystick.core import checkpoint as notes
from tallystick.core.admission import Admission, stage
from tallystick.core.agreement import Genesis
from tallystick.core.branch import Branch
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.entries import Draft, Segment
from tallystick.core.erasure import Erasures
from tallystick.core.errors import MalformedBytesError, RemoteError
from tallystick.core.held import HeldLogs
from tallystick.core.identity import EntryRef
from tallystick.core.log import EPOCH_LEAVES, StoredLeaf
from tallystick.core.merkle import Growth
from tallystick.core.reading import Brought


class Space(HeldLogs):
    """One agreement in memory. Not thread-safe; only ``apply`` changes it."""

    def __init__(self, genesis: Genesis, dictionary: bytes = b"") -> None:
        """As ``HeldLogs``."""
        super().__init__(genesis, dictionary)
        self._staged: tuple[Admission, Mapping[int, Growth]] | None = None  # the last one, so apply need not hash again

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
                fault = auditing.fault_of(space, stored, sizes.get(stored.log, 0), epoch_keys.get(block))
                if fault is not None:
                    raise fault
                sizes[stored.log] = stored.index + 1
        space.absorb(leaves, epoch_keys, checkpoints, {})
        if verify:
            for fault in auditing.root_faults(space, checkpoints):
                raise fault
        return space

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
        sound = list(auditing.sound(space, leaves, epoch_keys, faults))
        try:
            space.absorb(sound, epoch_keys, {}, {})
        except MalformedBytesError as error:  # contexts that see what is not there, or each other
            faults.append(error)
        faults += auditing.root_faults(space, checkpoints)
        return space, faults

    # ---- what comes next

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
        return self._stage({log: drafting.draft(self, log, drafts, now, epoch_key)})

    def acknowledge(self, log: int, now: int) -> Admission | None:
        """Stage a ctx at the end of an own log; None when all that others have said since is acknowledgements.

        Arguments and errors as ``draft``.
        """
        branch = drafting.acknowledge(self, log, now)
        return None if branch is None else self._stage({log: branch})

    def read(self, data: bytes, *, filling: bool = True) -> Admission:
        """Stage what a bundle brings. What is held already is rebuilt, compared and left out.

        Args:
            data: The bundle.
            filling: Take in segments, too, that were left out of leaves held already.

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
        brought = reading.read(self, data, filling=filling)
        return self._stage(brought.branches, brought)

    def _stage(self, branches: Mapping[int, Branch], brought: Brought | None = None) -> Admission:
        admission, growths = stage(self, branches, brought)
        self._staged = admission, growths
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

    def apply(self, admission: Admission) -> None:
        """Take into memory what the store now holds. The sizes must be those it was staged on."""
        assert admission.space == self.id
        assert all(self.size(log) == size for log, size in admission.before.items()), "memory moved since"
        growths: Mapping[int, Growth] = {}
        if self._staged is not None and self._staged[0] is admission:
            growths = self._staged[1]
        self._staged = None
        for log_, index, segments in admission.erase:
            log = self.logs[log_]
            if segments & Segment.CORE:
                log.cores[index] = None
            if segments & Segment.DETAIL:
                log.details.pop(index, None)
            if segments & Segment.AUTH:
                log.auths.pop(index, None)
            self.lacking.add(EntryRef(log_, index))
        for stored in admission.fill:
            self.fill(stored)
        if admission.cuts:
            self._begin_again(admission)
            return
        self.absorb(admission.leaves, admission.epoch_keys, admission.checkpoints, growths)

    def _begin_again(self, admission: Admission) -> None:
        """Take in a fork: everything held is read anew, because what others had seen of that log counts differently."""
        held = {log: self.logs[log].shortened(admission.keep.get(log, self.size(log))) for log in self.logs}
        leaves = [
            StoredLeaf(log.id, n, log.leaves[n], log.cores[n], log.details.get(n), log.auths.get(n))
            for log in held.values()
            for n in range(log.size)
        ]
        epoch_keys = {(log.id, block): key for log in held.values() for block, key in log.epoch_keys.items()}
        checkpoints = {log.id: log.checkpoint for log in held.values() if log.checkpoint is not None}
        self.logs, self.forks, self.reports, self.cuts, self.lacking = {}, {}, {}, {}, set()
        self.erasures = Erasures(len(self.genesis.parties))
        self.absorb(
            [*leaves, *admission.leaves],
            {**epoch_keys, **admission.epoch_keys},
            {**checkpoints, **admission.checkpoints},
            {},
        )

    # ---- what leaves

    def compose(self, known: Mapping[int, int], sign: Callable[[int, bytes], bytes | None]) -> bytes | None:
        """Return the first bundle of ``news``; None when there is nothing new."""
        return next((bundle for bundle, _ in self.news(known, sign)), None)

    def compose_all(self, known: Mapping[int, int], sign: Callable[[int, bytes], bytes | None]) -> list[bytes]:
        """Return all bundles of ``news``."""
        return [bundle for bundle, _ in self.news(known, sign)]

    def have_only(self, question: bytes | None = None, sizes: Mapping[int, int] | None = None) -> bytes:
        """Return a bundle that brings nothing and tells which sizes are held here.

        Args:
            question: 16 bytes of our own to ask what the reader holds, or the reader's to answer it.
            sizes: To tell instead, so that the reader sends again what is above them.
        """
        return composing.have_only(self, question, self.sizes() if sizes is None else sizes)

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
        return composing.news(self, known, sign)
