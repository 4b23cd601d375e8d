"""Auditing: what a store or an export holds, checked again as if a stranger had brought it.

Decides which of it can be read, and names everything that does not fit.

Source: docs/spec/log.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tallystick.core import checkpoint as notes
from tallystick.core.branch import adopts
from tallystick.core.canonical import decode_trusted
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.entries import from_array
from tallystick.core.errors import BadSignatureError, ForkError, MalformedBytesError, RemoteError, UnknownWriterError
from tallystick.core.held import HeldLogs
from tallystick.core.identity import PARTIES_MAX, EntryRef
from tallystick.core.log import EPOCH_LEAVES, NUMBER_MAX, CtxLeaf, StoredLeaf, check_stored, read_trusted
from tallystick.core.signing import verify


def sound(
    here: HeldLogs,
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
        error = fault_of(here, stored, expected, secret)
        sizes[stored.log] = stored.index + 1
        if error is None:
            yield stored
            continue
        faults.append(error)
        bare = stored._replace(core=None, detail=None, auth=None)
        if fault_of(here, bare, expected, secret) is None:
            yield bare
        else:
            ended.add(stored.log)


def fault_of(here: HeldLogs, stored: StoredLeaf, expected: int, secret: bytes | None) -> RemoteError | None:
    """Return what is wrong with a stored leaf that should be at index ``expected``."""
    name = str(EntryRef(stored.log, stored.index))
    if not 0 <= stored.log <= NUMBER_MAX:
        return UnknownWriterError(log=stored.log)
    if stored.index != expected:
        return MalformedBytesError(what="leaves are missing", entry=name)
    try:
        check_stored(stored, secret)
        if stored.index == 0 and stored.log < PARTIES_MAX and not _adopts(here, stored):
            raise MalformedBytesError(what="first leaf")
    except RemoteError as error:
        error.facts["entry"] = name
        return error
    return None


def _adopts(here: HeldLogs, stored: StoredLeaf) -> bool:
    kind = read_trusted(stored.leaf)[0]
    return stored.core is not None and adopts(from_array(kind, decode_trusted(stored.core)), here.id)


def root_faults(here: HeldLogs, checkpoints: Mapping[int, Checkpoint]) -> Iterator[RemoteError]:
    for log in here.logs.values():
        if here.key_of(log.id) is None:
            yield UnknownWriterError(log=log.id)
        seen: dict[int, int] = {}
        for index in log.causes.at:
            leaf = read_trusted(log.leaves[index])
            assert isinstance(leaf, CtxLeaf)
            for other, size, root in leaf.sights:
                name = str(EntryRef(log.id, index))
                if other in here.cuts and size > here.cuts[other].at:
                    continue  # of whichever history: what it counts for was found above
                if other == log.id or size <= seen.get(other, 0):
                    yield MalformedBytesError(what="ctx names a log that did not grow", entry=name)
                elif here.root(other, size) != root:
                    yield ForkError(log=other, size=size, entry=name)
            seen = dict(log.seen(index))
    for log_, head in sorted(checkpoints.items()):
        key = here.key_of(log_)
        if key is None:
            if log_ not in here.logs:
                yield UnknownWriterError(log=log_)
        elif (
            head.size > here.size(log_)
            or head.root != here.root(log_, head.size)
            or not verify(key, notes.text(here.origin(log_), head.size, head.root), head.signature)
        ):
            yield BadSignatureError(log=log_, size=head.size, root=head.root)
