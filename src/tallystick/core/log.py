"""Logs: what a leaf is, how its segments are committed to, and what a store keeps of it.

Decides the canonical leaf (the bytes that are hashed, signed, stored and exported):

- ``ctx`` ``[0, t, [[log, size, root] …]]``: "I durably hold these logs up to these sizes, and these are their roots".
  Names each log that grew since the writer's last ctx, in ascending order, never its own.
- act ``[kind, t, obj, core]``, ``[kind, t, obj, core, detail]`` or ``[kind, t, obj, core, detail | nil, auth]``: salted
  commitments to up to three segments, so that a segment and its salt can go and every proof stays valid.

A commitment is SHA-256(tag ‖ salt ‖ segment); the salt is the first 16 bytes of SHA-256(epoch key ‖ index as 8 bytes),
with one random 32-byte epoch key per log and 256 indices. Leaves to ``bundle`` what travels, to ``reading`` what fits.

Source: docs/spec/log.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from tallystick.core.canonical import check_plain, decode, decode_trusted, encode_trusted, uint
from tallystick.core.errors import MalformedBytesError
from tallystick.core.identity import EntryRef

CTX = 0  # the kind of a ctx leaf
KIND_MAX = 65_535
EPOCH_LEAVES = 256  # leaves that share an epoch key
EPOCH_KEY_BYTES = 32
SALT_BYTES = 16
COMMITMENT_BYTES = 32
SALTS_BYTES = EPOCH_LEAVES * 3 * SALT_BYTES  # of a block whose key was given up
NUMBER_MAX = 2**53 - 1  # log ids, indices and sizes: exact in every language an auditor may use
TIME_MAX = 73_049 * 86_400 - 1  # seconds since 1970: the end of 2169, where the days in acts end; no calendar overflows
SEGMENT_MAX = 128 * 1024  # bytes of one segment; 500 prices with ordinary names have about 40 KiB
CORE_TAG, DETAIL_TAG, AUTH_TAG = TAGS = b"\x00", b"\x01", b"\x02"
NO_SALT = bytes(SALT_BYTES)
NO_SALTS = bytes(SALTS_BYTES)  # of a block of which none is known
_SALT_SUFFIX = {CORE_TAG: b"", DETAIL_TAG: DETAIL_TAG, AUTH_TAG: AUTH_TAG}

_sha256 = hashlib.sha256


class StoredLeaf(NamedTuple):
    """One leaf with its segments, as stores keep it. A segment is None when there is none, or when it was erased."""

    log: int
    index: int  # type: ignore[assignment]  # shadows tuple.index, which nobody calls on a leaf
    leaf: bytes
    core: bytes | None
    detail: bytes | None
    auth: bytes | None


class Sight(NamedTuple):
    """One line of a ctx leaf."""

    log: int
    size: int
    root: bytes


class CtxLeaf(NamedTuple):
    t: int
    sights: tuple[Sight, ...]


class ActLeaf(NamedTuple):
    kind: int
    t: int
    obj: EntryRef | None
    core: bytes
    detail: bytes | None
    auth: bytes | None


def salt(secret: bytes, index: int, tag: bytes = CORE_TAG) -> bytes:
    """Return the 16-byte salt of the segment ``tag`` of the leaf at ``index``; zeros when it was erased.

    ``secret`` is the epoch key of the leaf's block (32 bytes), or its salts (``SALTS_BYTES``).
    """
    if len(secret) == EPOCH_KEY_BYTES:
        return _sha256(secret + index.to_bytes(8, "big") + _SALT_SUFFIX[tag]).digest()[:SALT_BYTES]
    at = _salt_at(index, tag)
    return secret[at : at + SALT_BYTES]


def salts_of(secret: bytes, block: int) -> bytes:
    """Return the salts of a whole block, ``SALTS_BYTES``: for each leaf those of core, detail and auth."""
    if len(secret) == SALTS_BYTES:
        return secret
    first = block * EPOCH_LEAVES
    return b"".join(salt(secret, first + n, tag) for n in range(EPOCH_LEAVES) for tag in TAGS)


def with_salt(secret: bytes, index: int, tag: bytes, value: bytes = NO_SALT) -> bytes:
    """Return the salts of a block with one of them set; erased without a ``value``."""
    salts = salts_of(secret, index // EPOCH_LEAVES)
    at = _salt_at(index, tag)
    return salts[:at] + value + salts[at + SALT_BYTES :]


def put_salt(salts: bytearray, index: int, tag: bytes, value: bytes) -> None:
    """Set one of the salts of a block in place."""
    at = _salt_at(index, tag)
    salts[at : at + SALT_BYTES] = value


def _salt_at(index: int, tag: bytes) -> int:
    return (index % EPOCH_LEAVES * 3 + tag[0]) * SALT_BYTES


def commitment(tag: bytes, salt_: bytes, segment: bytes) -> bytes:
    """Return the 32-byte commitment to ``segment``."""
    return _sha256(tag + salt_ + segment).digest()


def ctx_leaf(t: int, sights: list[tuple[int, int, bytes]]) -> bytes:
    return encode_trusted([CTX, t, sights])


def act_leaf(
    kind: int,
    t: int,
    obj: EntryRef | None,
    secret: bytes,
    index: int,
    core: bytes,
    detail: bytes | None,
    auth: bytes | None,
) -> bytes:
    """Return the canonical leaf at ``index`` of an act with these segments; ``secret`` is that of its block."""
    if len(secret) != EPOCH_KEY_BYTES:
        segments = zip(TAGS, (core, detail, auth), strict=True)
        return committed_leaf(
            kind, t, obj, [None if s is None else commitment(tag, salt(secret, index, tag), s) for tag, s in segments]
        )
    # Put together by hand, because this is done once for every entry that comes: the same as committed_leaf.
    leaf = uint(kind) + uint(t)
    leaf += b"\xf6" if obj is None else b"\x82" + uint(obj[0]) + uint(obj[1])
    keyed = secret + index.to_bytes(8, "big")
    leaf += b"\x58\x20" + _sha256(CORE_TAG + _sha256(keyed).digest()[:SALT_BYTES] + core).digest()
    if detail is None and auth is None:
        return b"\x84" + leaf
    leaf += b"\xf6" if detail is None else b"\x58\x20" + commitment(DETAIL_TAG, salt(secret, index, DETAIL_TAG), detail)
    if auth is None:
        return b"\x85" + leaf
    return b"\x86" + leaf + b"\x58\x20" + commitment(AUTH_TAG, salt(secret, index, AUTH_TAG), auth)


def committed_leaf(kind: int, t: int, obj: EntryRef | None, commits: Sequence[bytes | None]) -> bytes:
    """Return the canonical leaf of an act with these commitments to core, detail and auth."""
    core, detail, auth = commits
    more = [detail, auth] if auth is not None else [detail] if detail is not None else []
    return encode_trusted([kind, t, None if obj is None else list(obj), core, *more])


def is_ctx(leaf: bytes) -> bool:
    """Return whether a leaf known to be canonical is a ctx."""
    return leaf[1] == CTX


def read_leaf(data: bytes) -> CtxLeaf | ActLeaf:
    """Return what a canonical leaf says.

    Raises:
        MalformedBytesError: not a canonical leaf.
    """
    leaf = decode(data, max_depth=4)
    if type(leaf) is not list or len(leaf) < 3 or not _is_number(leaf[0]) or not _is_number(leaf[1]):
        raise MalformedBytesError(what="leaf")
    if leaf[1] > TIME_MAX:
        raise MalformedBytesError(what="time", t=leaf[1])
    return _read_ctx(leaf) if leaf[0] == CTX else _read_act(leaf)


def read_trusted(data: bytes) -> CtxLeaf | ActLeaf:
    """Return what a leaf says that was checked before it was stored."""
    leaf = decode_trusted(data)
    if leaf[0] == CTX:
        return CtxLeaf(leaf[1], tuple([Sight(*sight) for sight in leaf[2]]))
    kind, t, obj, core, *more = leaf
    detail, auth = (*more, None, None)[:2]
    return ActLeaf(kind, t, None if obj is None else EntryRef(*obj), core, detail, auth)


def check_detail(words: object) -> None:
    """Raise MalformedBytesError unless ``words`` may be a detail segment: a map with unsigned keys."""
    if type(words) is not dict or not all(type(key) is int for key in words):
        raise MalformedBytesError(what="detail")
    check_plain(words)


def check_stored(stored: StoredLeaf, secret: bytes | None) -> None:
    """Check a stored leaf as if a stranger had brought it: canonical, and committing to the segments that are there.

    Raises:
        MalformedBytesError: it is not, or the secret of its block that would show it is missing.
        TooLargeError: a segment of too many values.
    """
    leaf = read_leaf(stored.leaf)
    if isinstance(leaf, CtxLeaf):
        if (stored.core, stored.detail, stored.auth) != (None, None, None):
            raise MalformedBytesError(what="ctx with segments")
        return
    for tag, commit, segment in (
        (CORE_TAG, leaf.core, stored.core),
        (DETAIL_TAG, leaf.detail, stored.detail),
        (AUTH_TAG, leaf.auth, stored.auth),
    ):
        if segment is None:
            continue
        if secret is None:
            raise MalformedBytesError(what="epoch key is missing")
        if commit != commitment(tag, salt(secret, stored.index, tag), segment):
            raise MalformedBytesError(what="segment is not the one committed to")
    if stored.core is not None and type(decode(stored.core)) is not list:
        raise MalformedBytesError(what="core")
    if stored.detail is not None:
        check_detail(decode(stored.detail))


def _read_ctx(leaf: list[Any]) -> CtxLeaf:
    sights = leaf[2]
    if len(leaf) != 3 or type(sights) is not list or not sights:
        raise MalformedBytesError(what="ctx leaf")
    last = -1
    for sight in sights:
        if type(sight) is not list or len(sight) != 3 or not _is_number(sight[0]) or not _is_number(sight[1]):
            raise MalformedBytesError(what="ctx leaf")
        if not _is_hash(sight[2]) or sight[0] <= last:
            raise MalformedBytesError(what="ctx leaf")
        last = sight[0]
    return CtxLeaf(leaf[1], tuple([Sight(*sight) for sight in sights]))


def _read_act(leaf: list[Any]) -> ActLeaf:
    kind, t, obj, *commits = leaf
    if kind > KIND_MAX or not 1 <= len(commits) <= 3:
        raise MalformedBytesError(what="act leaf")
    if obj is not None and (type(obj) is not list or len(obj) != 2 or not all(_is_number(n) for n in obj)):
        raise MalformedBytesError(what="act leaf", field="obj")
    may_be_nil = len(commits) == 3
    core, detail, auth = (*commits, None, None)[:3]
    if not _is_hash(core) or (auth is not None) != may_be_nil or (may_be_nil and not _is_hash(auth)):
        raise MalformedBytesError(what="act leaf", field="commitments")
    if not (_is_hash(detail) or (detail is None and len(commits) != 2)):
        raise MalformedBytesError(what="act leaf", field="commitments")
    return ActLeaf(kind, t, None if obj is None else EntryRef(*obj), core, detail, auth)


def _is_number(value: object) -> bool:
    return type(value) is int and 0 <= value <= NUMBER_MAX


def _is_hash(value: object) -> bool:
    return type(value) is bytes and len(value) == 32
