"""Drafting: what an own log says next, and that it has seen what others said.

Decides what may be appended to a log by its writer.

Source: docs/spec/log.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from tallystick.core import entries as acts_module
from tallystick.core.branch import Branch, Log, adopts, note_grant
from tallystick.core.canonical import encode
from tallystick.core.entries import Draft, Entry, to_array
from tallystick.core.errors import LocalError
from tallystick.core.held import HeldLogs
from tallystick.core.identity import PARTIES_MAX, EntryRef
from tallystick.core.log import (
    EPOCH_KEY_BYTES,
    EPOCH_LEAVES,
    NO_SALT,
    SEGMENT_MAX,
    TAGS,
    TIME_MAX,
    StoredLeaf,
    act_leaf,
    salt,
)

MINUTE = 60  # seconds; the resolution of time claims
_sha256 = hashlib.sha256


def draft(here: HeldLogs, log: int, drafts: Sequence[Draft], now: int, epoch_key: Callable[[int], bytes]) -> Branch:
    """Return the own ``log`` with acts at its end, after a ctx where others have said something since its last one.

    Arguments and errors as ``Space.draft``.
    """
    branch = _own_branch(here, log)
    for one in drafts:
        if branch.size or log >= PARTIES_MAX:
            _witness(here, branch, now)
        _say(here, branch, one, now, epoch_key)
    return branch


def acknowledge(here: HeldLogs, log: int, now: int) -> Branch | None:
    """Return the own ``log`` with a ctx at its end; None when all that others have said since is acknowledgements."""
    branch = _own_branch(here, log)
    if not branch.size and log < PARTIES_MAX:
        return None
    return branch if _witness(here, branch, now) else None


def _own_branch(here: HeldLogs, log: int) -> Branch:
    if here.key_of(log) is None:
        raise LocalError("unknown-log", log=log)
    if log in here.cuts:
        raise LocalError("log-forked", log=log)
    held = here.logs.get(log) or Log(log)
    return Branch(held, held.size)


def _witness(here: HeldLogs, branch: Branch, now: int) -> bool:
    """Append a ctx if some log has acts this one has not seen; it then names every log that grew."""
    seen, own = branch.seen_now, branch.base.id
    if not any(log.has_act(seen.get(log.id, 0), log.size) for log in here.logs.values() if log.id != own):
        return False
    grown = [
        (log, here.logs[log].size) for log in sorted(here.logs) if log != own and here.logs[log].size > seen.get(log, 0)
    ]
    sights = [(log, size, here.logs[log].root(size)) for log, size in grown]
    branch.push_ctx(now // MINUTE * MINUTE, sights, here.logs, here.cuts)
    return True


def _open_block(branch: Branch, epoch_key: Callable[[int], bytes]) -> None:
    index = branch.size
    block = index // EPOCH_LEAVES
    secret = branch.epoch_key(block)
    if secret is None:
        key = epoch_key(block)
        assert len(key) == EPOCH_KEY_BYTES
        branch.epoch_keys[block] = key
    elif len(secret) != EPOCH_KEY_BYTES and salt(secret, index) == NO_SALT:
        key = epoch_key(block)  # the block came back from a partner as single salts, and this leaf has none yet
        branch.keep_salts(index, [salt(key, index, tag) for tag in TAGS])


def _say(here: HeldLogs, branch: Branch, one: Draft, now: int, epoch_key: Callable[[int], bytes]) -> None:
    log, index = branch.base.id, branch.size
    try:
        acts_module.check(one.body)
    except acts_module.ShapeError as error:
        raise LocalError("bad-body", kind=one.body.KIND.name.lower(), why=str(error)) from None
    if (index == 0 and log < PARTIES_MAX) != adopts(one.body, here.id):
        raise LocalError("first-leaf", log=log)
    known = index if one.obj is None or one.obj.log == log else branch.seen_now.get(one.obj.log, 0)
    if one.obj is not None and not 0 <= one.obj.index < known:
        raise LocalError("unknown-object", entry=str(one.obj))
    t = (now if one.t is None else one.t) // MINUTE * MINUTE
    if not 0 <= t <= TIME_MAX:
        raise LocalError("bad-time", t=t)
    core = encode(to_array(one.body))
    detail = None if one.detail is None else encode(dict(one.detail))
    if len(core) > SEGMENT_MAX or (detail is not None and len(detail) > SEGMENT_MAX):
        raise LocalError("too-long", limit=SEGMENT_MAX)
    _open_block(branch, epoch_key)
    key = branch.epoch_key(index // EPOCH_LEAVES)
    assert key is not None
    leaf = act_leaf(one.body.KIND, t, one.obj, key, index, core, detail, one.auth)
    branch.entries.append(
        Entry(
            EntryRef(log, index),
            one.body.KIND,
            t,
            one.obj,
            one.body,
            one.detail,
            branch.lamport(index),
            branch.seen_now,
            _sha256(core).digest(),
            None if detail is None else _sha256(detail).digest(),
            one.auth,
        )
    )
    branch.push(StoredLeaf(log, index, leaf, core, detail, one.auth), t)
    note_grant(branch, index, one.body)
