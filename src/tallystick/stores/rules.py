"""What every store does alike: the checks of an append, the limits, and the plain form of what is kept.

Decides nothing about disks or databases; ``memory``, ``files`` and ``sql`` bring their own way of keeping.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tallystick.app.ports import (
    ASIDE_BYTES_MAX,
    KNOCKS_MAX,
    PURGE_DUE,
    WAITING_BUNDLES_MAX,
    WAITING_BYTES_MAX,
    Aside,
    Peer,
    PeerStatus,
)
from tallystick.core import canonical
from tallystick.core.errors import HeadMovedError, LocalError, StoreUnavailableError, TooLargeError
from tallystick.core.log import EPOCH_LEAVES, SALTS_BYTES

if TYPE_CHECKING:
    from tallystick.core.admission import Admission
    from tallystick.core.checkpoint import Checkpoint


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def unknown_space(space: bytes) -> LocalError:
    return LocalError("unknown-space", space=space.hex())


FORMAT = 1  # of the files; it grows when one of them changes

_DISK_CODES = {
    errno.ENOSPC: "store-full",
    errno.EDQUOT: "store-full",
    errno.EFBIG: "store-full",
    errno.EROFS: "store-read-only",
    errno.EACCES: "store-read-only",
    errno.EPERM: "store-read-only",
}


def disk_unavailable(error: OSError, path: Path) -> StoreUnavailableError:
    """Return our error for the operating system's about the file or folder at ``path``."""
    return StoreUnavailableError(
        _DISK_CODES.get(error.errno or 0, "store-gone"), path=str(path), reason=error.strerror or str(error)
    )


def check_format(found: int, *, known: int = FORMAT, **where: object) -> None:
    """Raise StoreUnavailableError: ``store-too-new`` for a later program's format, ``store-damaged`` for none."""
    if found < 1:
        raise StoreUnavailableError("store-damaged", **where, found=found)
    if found > known:
        raise StoreUnavailableError("store-too-new", **where, found=found, known=known)


ROW_HASH_BYTES = 16  # enough against chance; against somebody who may write to the disk no hash would be


def row_hash(values: Sequence[object]) -> bytes:
    """Return what shows that a row of a small table is as it was written. The record has better: it is signed."""
    return sha256(canonical.encode_trusted(list(values)))[:ROW_HASH_BYTES]


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` safe on the disk, as fsync does for the bytes of a file."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sizes_after(admission: Admission, found: Mapping[int, int]) -> dict[int, int]:
    """Return the size of each log that ``admission`` grows or cuts, after it; a pure check of what may be appended.

    Args:
        admission: what is to be appended.
        found: the sizes the store holds; a log without leaves may be missing.

    Raises:
        HeadMovedError: ``admission.before`` is not what is found.
    """
    for log, expected in sorted(admission.before.items()):
        if found.get(log, 0) != expected:
            raise HeadMovedError(log=log, expected=expected, found=found.get(log, 0))
    after: dict[int, int] = dict(admission.keep)
    for leaf in admission.leaves:
        if leaf.log not in admission.before and found.get(leaf.log, 0) != admission.before.get(leaf.log, 0):
            raise HeadMovedError(log=leaf.log, expected=0, found=found[leaf.log])
        size = after.get(leaf.log, found.get(leaf.log, 0))
        assert leaf.index == size, (leaf.log, leaf.index, size)
        after[leaf.log] = size + 1
    for log, checkpoint in admission.checkpoints.items():
        assert checkpoint.size <= after.get(log, found.get(log, 0)), (log, checkpoint.size)
    return after


def lost_blocks(admission: Admission, log: int, size: int) -> list[int]:
    """Return the blocks of a log cut from ``size`` whose keys go: those beyond what stays, and those given anew."""
    first = -(-admission.keep[log] // EPOCH_LEAVES)
    given = {block for of, block in admission.epoch_keys if of == log}
    return sorted(given | set(range(first, -(-size // EPOCH_LEAVES))))


def due_name(space: bytes) -> str:
    return PURGE_DUE + space.hex()


def check_secret(held: bytes | None, given: bytes) -> None:
    """A block's key is given once; only the salts that it gives may take its place, and more salts theirs."""
    assert held is None or len(given) == SALTS_BYTES, "an epoch key is given once"


def newer(given: Mapping[int, Checkpoint], held: Mapping[int, Checkpoint]) -> dict[int, Checkpoint]:
    """Return those of ``given`` that say more than what is held: a relay may bring an old head late."""
    return {log: new for log, new in given.items() if log not in held or new.size > held[log].size}


def check_waiting(*, bundles: int, size: int, more: int) -> None:
    """Raise TooLargeError when ``more`` bytes beside ``bundles`` of ``size`` bytes in all are too many to wait."""
    if bundles >= WAITING_BUNDLES_MAX or size + more > WAITING_BYTES_MAX:
        raise TooLargeError(
            "waiting-full", bundles=bundles, bytes=size + more, limit=WAITING_BUNDLES_MAX, bytes_limit=WAITING_BYTES_MAX
        )


def check_knocks(pending: int) -> None:
    if pending >= KNOCKS_MAX:
        raise TooLargeError("too-many-knocks", pending=pending, limit=KNOCKS_MAX)


def aside_of(space: bytes | None, body: bytes, code: str, facts: Mapping[str, object], at: int) -> Aside:
    """Return what is kept of refused bytes: bounded, with facts that any program can read back."""
    return Aside(
        space=space,
        at=at,
        code=code,
        facts=facts_from(facts_text(facts)),
        size=len(body),
        digest=sha256(body),
        body=body[:ASIDE_BYTES_MAX],
    )


def facts_text(facts: Mapping[str, object]) -> str:
    return json.dumps(facts, sort_keys=True, ensure_ascii=False, default=_plain_fact)


def facts_from(text: str) -> Mapping[str, object]:
    facts: dict[str, object] = json.loads(text)
    return facts


def _plain_fact(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


PEER_COLUMNS = (
    "peer_id", "party", "name", "status", "created_at", "space", "url", "age_recipient", "root_key", "writer_key",
    "genesis", "known", "last_seen_at", "last_tried_at", "last_error",
)  # fmt: skip


def peer_row(peer: Peer) -> tuple[Any, ...]:
    """Return ``peer`` as plain values in the order of ``PEER_COLUMNS``."""
    plain = {"status": peer.status.value, "known": canonical.encode(dict(peer.known))}
    return tuple(plain.get(name, getattr(peer, name)) for name in PEER_COLUMNS)


def peer_from(row: tuple[Any, ...]) -> Peer:
    values = dict(zip(PEER_COLUMNS, row, strict=True))
    values["status"] = PeerStatus(values["status"])
    values["known"] = canonical.decode(values["known"])
    return Peer(**values)
