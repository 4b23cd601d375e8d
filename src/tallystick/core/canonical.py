"""The one encoding of a value: deterministic CBOR (RFC 8949, 4.2.1), a small part of it.

Decides which values have a canonical form and what it is: integers of at most 64 bits, byte and text strings, arrays,
maps keyed by unsigned integers or by texts (one sort per map), ``False``, ``True`` and ``None``. No floats, tags,
indefinite lengths or other simple values. ``decode`` accepts exactly what ``encode`` writes: no value has a second
encoding. Leaves to ``entries`` what the arrays mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cbor2

from tallystick.core.errors import LocalError, MalformedBytesError, TooLargeError

DEPTH_MAX = 16  # containers within containers; our own forms need 5
VALUES_MAX = 1_000_000  # values in one decoded item: a few bytes cannot become gigabytes
UINT_MAX = 2**64 - 1
NEGATIVE_MIN = -(2**64)

# Every tag cbor2 would otherwise turn into a Python object; all others come to the tag hook.
_TAGS = (0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799)


def _refuse_tag(*_: object) -> Any:
    raise ValueError("tags are not part of the canonical form")


_STRICT: dict[str, Any] = {
    "tag_hook": _refuse_tag,
    "semantic_decoders": dict.fromkeys(_TAGS, _refuse_tag),
    "allow_indefinite": False,
    "allow_duplicate_keys": False,
}


def encode_trusted(value: object) -> bytes:
    """Return the canonical bytes of a value already known to have them; faster than ``encode``, which checks."""
    return cbor2.dumps(value, canonical=True)


def encode(value: object) -> bytes:
    """Return the canonical bytes of ``value``; tuples become arrays.

    Raises:
        LocalError: ``not-canonical``, when the value has no canonical form.
    """
    try:
        _check(value, DEPTH_MAX, VALUES_MAX)
    except (MalformedBytesError, TooLargeError) as error:
        raise LocalError("not-canonical", **error.facts) from None
    return encode_trusted(value)


def uint(number: int) -> bytes:
    """Return the canonical bytes of an unsigned integer of at most 64 bits."""
    if number < 24:
        return number.to_bytes(1, "big")
    if number < 0x100:
        return b"\x18" + number.to_bytes(1, "big")
    if number < 0x1_0000:
        return b"\x19" + number.to_bytes(2, "big")
    if number < 0x1_0000_0000:
        return b"\x1a" + number.to_bytes(4, "big")
    return b"\x1b" + number.to_bytes(8, "big")


def decode_trusted(data: bytes) -> Any:
    """Return the value of bytes that were checked before they were stored."""
    return cbor2.loads(data)


def decode(data: bytes, *, max_depth: int = DEPTH_MAX, max_items: int = VALUES_MAX) -> Any:
    """Return the value whose canonical encoding is exactly ``data``.

    Args:
        data: All of it is read; bytes left over are an error.
        max_depth: Containers within containers, at most.
        max_items: Values in it, at most, containers included.

    Raises:
        MalformedBytesError: ``data`` is not the canonical encoding of anything.
        TooLargeError: more than ``max_items`` values.
    """
    try:
        value = decode_prefix(data, max_depth=max_depth)
    except EOFError:
        raise MalformedBytesError(what="ends within a value") from None
    check_plain(value, max_depth=max_depth, max_items=max_items)
    if encode_trusted(value) != data:
        raise MalformedBytesError(what="not the canonical encoding")
    return value


def decode_prefix(data: bytes, *, max_depth: int = DEPTH_MAX) -> Any:
    """Return the first value in ``data``, not yet known to be of canonical kind or form: the caller checks both.

    Raises:
        MalformedBytesError: not CBOR, a tag, an indefinite length, or too deep.
        EOFError: ``data`` ends within the value.
    """
    try:
        return cbor2.loads(data, max_depth=max_depth, **_STRICT)
    except cbor2.CBORDecodeEOF:
        raise EOFError from None
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise MalformedBytesError(what="not plain CBOR", why=str(error)[:200]) from None


def check_plain(value: object, *, max_depth: int = DEPTH_MAX, max_items: int = VALUES_MAX) -> int:
    """Return how many values ``value`` holds, containers included, after checking that each may be in canonical bytes.

    Raises:
        MalformedBytesError: a value of another kind, or nested too deep.
        TooLargeError: more than ``max_items`` values.
    """
    return _check(value, max_depth, max_items)


def _check(value: object, max_depth: int, max_items: int) -> int:
    """Walk level by level, so that neither depth nor width can exhaust the stack."""
    level: list[Any] = [value]
    count = 0
    depth = 0
    while level:
        count += len(level)
        if count > max_items:
            raise TooLargeError(what="values", limit=max_items)
        below: list[Any] = []
        holds = False
        for item in level:
            kind = type(item)
            if kind is list or kind is tuple:
                holds = True
                below += item
            elif kind is int:
                if not NEGATIVE_MIN <= item <= UINT_MAX:
                    raise MalformedBytesError(what="an integer beyond 64 bits")
            elif kind is str or kind is bytes or item is None or kind is bool or isinstance(item, (int, str)):
                pass
            elif isinstance(item, tuple):  # a named one of ours, likewise
                holds = True
                below += item
            elif isinstance(item, Mapping):
                holds = True
                _check_keys(item)
                below += item.values()
            else:
                raise MalformedBytesError(what="a value that has no canonical form", type=kind.__name__)
        if holds:
            depth += 1
            if depth > max_depth:
                raise MalformedBytesError(what="nested too deep", limit=max_depth)
        level = below
    return count


def _check_keys(item: Mapping[Any, Any]) -> None:
    """Keys are all unsigned or all text: within one sort, length-first and bytewise order are the same."""
    if not (
        all(isinstance(key, str) for key in item)
        or all(isinstance(key, int) and not isinstance(key, bool) and 0 <= key <= UINT_MAX for key in item)
    ):
        raise MalformedBytesError(what="map keys are neither all unsigned integers nor all texts")


def can_be_written(text: str) -> bool:
    """Return whether ``text`` has whole letters only: JSON and shells hand on halves, which UTF-8 does not have."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
