"""Bundles: what travels between nodes, and only what the receiver cannot rebuild.

::

    [1, space prefix, codec, body, raw]                  a bundle
    [1, space prefix, codec, body, raw, [log, size …]]   the same, telling what the sender holds ("have")
    [1, space prefix, codec, body, raw, [log, size …], question]   the same, asking, or answering who asked

``body``, behind a codec, is a CBOR sequence: one head ``[log, from, count …]``, then ``count`` items for each log.
``raw`` has, for each log in head order, the 64-byte signature of the checkpoint the receiver rebuilds and the 32-byte
epoch key of every index in the range that is a multiple of 256; zeros where there is none, because the block has no act
yet, or its key was given up with an erased segment: then its acts bring their salts.

Decides the envelope, the codecs, the limits and the reading of items. Leaves to ``reading`` and ``composing``
what the items mean.

Source: docs/spec/wire.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import zstandard

from tallystick.core.canonical import UINT_MAX, check_plain, decode_prefix, encode_trusted
from tallystick.core.errors import MalformedBytesError, TooLargeError
from tallystick.core.identity import EntryRef
from tallystick.core.log import (
    COMMITMENT_BYTES,
    CTX,
    EPOCH_KEY_BYTES,
    EPOCH_LEAVES,
    NO_SALT,
    NUMBER_MAX,
    SALT_BYTES,
    SEGMENT_MAX,
    TAGS,
    check_detail,
)
from tallystick.core.merkle import HASH_BYTES
from tallystick.core.signing import SIGNATURE_BYTES

VERSION = 1
BUNDLE_MAX = 16 * 2**20  # bytes; a year of a busy headquarters is below 1 MiB
BODY_MAX = 64 * 2**20  # bytes after decompression
ITEMS_MAX = 65_536  # of one log in one bundle
ITEMS_ALL_MAX = 4 * ITEMS_MAX  # of all logs in one bundle: a few seconds of work before any signature can be checked
SEQUENCE_MAX = 4_096  # bundles in one courier file or exchange; each costs the receiver a look at its store
LOGS_MAX = 256  # logs in one bundle; an agreement has a few writers
ITEM_MAX = 2 * SEGMENT_MAX + 1024  # bytes: core, detail, signature
VALUES_MAX = 2 * 2**20  # values in the items of one bundle; in Python an empty array of one byte has 72
QUESTION_BYTES = 16  # nobody guesses them
PREFIX_MIN, PREFIX_BYTES, PREFIX_MAX = 4, 4, 32  # of the space id; 4 tell a node's agreements apart, the root the rest

CODEC_PLAIN = 0
CODEC_ZSTD = 1
_WINDOW_MAX = 8 * 2**20  # bytes zstd may look back: bounds its memory
_STEP = 256  # bytes given to zstd at once: they cannot become more than 8 MiB
_LEVEL, _LEVEL_LARGE, _LARGE = 19, 9, 256 * 1024  # the best there is while it takes no time anyone notices
_FIRST_LOOK = 1024  # bytes in which most items end
SALTED = 7  # members of an act item that brings its own salts
NO_KEY = bytes(EPOCH_KEY_BYTES)  # stands in ``raw`` for a block that has no key: no act yet, or one was erased


class Codec:
    """Codec 0 (as is) and 1 (zstd without magic number), with the dictionary of the agreement; empty: none."""

    def __init__(self, dictionary: bytes = b"") -> None:
        self.dictionary = dictionary
        self._dict = zstandard.ZstdCompressionDict(dictionary) if dictionary else None

    def pack(self, body: bytes) -> tuple[int, bytes]:
        """Return (codec, bytes), the shorter of the two."""
        packed = zstandard.ZstdCompressor(
            compression_params=zstandard.ZstdCompressionParameters.from_level(
                _LEVEL_LARGE if len(body) > _LARGE else _LEVEL,
                source_size=len(body),
                dict_size=len(self.dictionary),
                format=zstandard.FORMAT_ZSTD1_MAGICLESS,
                write_content_size=0,
                write_checksum=0,
                write_dict_id=0,
            ),
            dict_data=self._dict,
        ).compress(body)
        return (CODEC_ZSTD, packed) if len(packed) < len(body) else (CODEC_PLAIN, body)

    def unpack(self, codec: int, data: bytes) -> bytes:
        """Return the body, never holding more than ``BODY_MAX`` and one step of it.

        Raises:
            MalformedBytesError: an unknown codec, or not exactly one zstd frame.
            TooLargeError: the body has more than 64 MiB.
        """
        if codec == CODEC_PLAIN:
            return data
        if codec != CODEC_ZSTD:
            raise MalformedBytesError(what="codec", codec=codec)
        stream = zstandard.ZstdDecompressor(
            dict_data=self._dict, format=zstandard.FORMAT_ZSTD1_MAGICLESS, max_window_size=_WINDOW_MAX
        ).decompressobj()
        parts: list[bytes] = []
        size = 0
        for at in range(0, len(data), _STEP):
            if stream.eof:
                raise MalformedBytesError(what="bytes after the zstd frame")
            try:
                part = stream.decompress(data[at : at + _STEP])
            except zstandard.ZstdError:
                raise MalformedBytesError(what="zstd") from None
            size += len(part)
            if size > BODY_MAX:
                raise TooLargeError(what="bundle body", limit=BODY_MAX)
            parts.append(part)
        if not stream.eof or stream.unused_data:
            raise MalformedBytesError(what="zstd frame")
        return b"".join(parts)


class Range(NamedTuple):
    """Leaves ``begin`` … ``begin + count - 1`` of a log, in a bundle."""

    log: int
    begin: int
    length: int

    @property
    def end(self) -> int:
        return self.begin + self.length


class Seal(NamedTuple):
    """What ``raw`` holds for one log: the signature of its head, and the new epoch keys by block where there is one."""

    signature: bytes
    epoch_keys: dict[int, bytes]


class Envelope(NamedTuple):
    space: bytes  # the first 4 … 32 bytes of the space id
    codec: int
    body: bytes
    raw: bytes
    have: dict[int, int] | None
    question: bytes | None


class Item(NamedTuple):
    """One decoded item and its canonical bytes."""

    value: list[Any]
    data: bytes


def read_envelope(data: bytes) -> Envelope:
    """Return the parts of a bundle.

    Raises:
        TooLargeError: beyond 16 MiB.
        MalformedBytesError: not a bundle of this version.
    """
    if len(data) > BUNDLE_MAX:
        raise TooLargeError(what="bundle", limit=BUNDLE_MAX, size=len(data))
    envelope, size = _first_envelope(data)
    if size != len(data):
        raise MalformedBytesError(what="bytes after the bundle")
    return envelope


def _first_envelope(data: bytes) -> tuple[Envelope, int]:
    try:
        value = decode_prefix(data, max_depth=3)
    except EOFError:
        raise MalformedBytesError(what="bundle ends too early") from None
    if type(value) is not list or len(value) not in {5, 6, 7}:
        raise MalformedBytesError(what="bundle")
    version, space, codec, body, raw, *rest = value
    if type(version) is not int or version != VERSION:
        raise MalformedBytesError(what="bundle version", known=VERSION)
    if type(space) is not bytes or not PREFIX_MIN <= len(space) <= PREFIX_MAX:
        raise MalformedBytesError(what="bundle", field="space")
    if type(codec) is not int or not 0 <= codec <= UINT_MAX or type(body) is not bytes or type(raw) is not bytes:
        raise MalformedBytesError(what="bundle")
    have = _pairs(rest[0]) if rest else None
    question = rest[1] if len(rest) > 1 else None
    if len(rest) > 1 and (type(question) is not bytes or len(question) != QUESTION_BYTES):
        raise MalformedBytesError(what="bundle", field="question")
    canonical = encode_trusted(value)
    if data[: len(canonical)] != canonical:
        raise MalformedBytesError(what="not the canonical encoding")
    return Envelope(space, codec, body, raw, have, question), len(canonical)


def _pairs(value: object) -> dict[int, int]:
    if type(value) is not list or len(value) % 2 or len(value) > 2 * LOGS_MAX or not all(map(_is_number, value)):
        raise MalformedBytesError(what="bundle", field="have")
    return dict(zip(value[::2], value[1::2], strict=True))


def _is_number(value: object) -> bool:
    return type(value) is int and 0 <= value <= NUMBER_MAX


def is_for(space_id: bytes, data: bytes) -> bool:
    """Return whether a bundle says it is for this agreement.

    Raises:
        MalformedBytesError: not a bundle.
        TooLargeError: beyond 16 MiB.
    """
    return space_id.startswith(read_envelope(data).space)


def split_sequence(data: bytes) -> list[bytes]:
    """Return the bundles of a CBOR sequence (RFC 8742), as they came: a courier file or the body of an exchange.

    Raises:
        MalformedBytesError: something in it is not a bundle.
        TooLargeError: one of them is beyond 16 MiB, or there are more than 4,096.
    """
    bundles: list[bytes] = []
    at = 0
    while at < len(data):
        if len(bundles) == SEQUENCE_MAX:
            raise TooLargeError(what="bundles", limit=SEQUENCE_MAX)
        for window in (65_536, 2**20, BUNDLE_MAX):  # copies little when bundles are small, as they are
            part = data[at : at + window]
            try:
                _, size = _first_envelope(part)
                break
            except MalformedBytesError as error:
                if error.facts.get("what") != "bundle ends too early" or at + window >= len(data):
                    raise
        else:
            raise TooLargeError(what="bundle", limit=BUNDLE_MAX)
        bundles.append(part[:size])
        at += size
    return bundles


def write_envelope(
    space_id: bytes,
    codec: Codec,
    *,
    body: bytes,
    raw: bytes,
    have: Mapping[int, int] | None = None,
    question: bytes | None = None,
) -> bytes:
    """Return the bundle of these parts; a ``question`` goes only beside a ``have``."""
    number, packed = codec.pack(body)
    value: list[Any] = [VERSION, space_id[:PREFIX_BYTES], number, packed, raw]
    if have is not None:
        value.append([n for pair in sorted(have.items()) for n in pair])
    if question is not None:
        assert have is not None
        assert len(question) == QUESTION_BYTES
        value.append(question)
    return encode_trusted(value)


def write_head(ranges: Iterable[Range]) -> bytes:
    return encode_trusted([n for part in ranges for n in part])


def read_head(body: bytes) -> tuple[list[Range], int]:
    """Return which leaves of which logs a body has, admin logs first, and where its items begin.

    Raises:
        MalformedBytesError: not a head, or its logs are not in ascending order.
        TooLargeError: more than 256 logs, more than 65,536 items of one, or 262,144 of all.
    """
    value, size = _read_value(body, 0)
    if type(value) is not list or len(value) % 3 or not all(map(_is_number, value)):
        raise MalformedBytesError(what="bundle head")
    if len(value) > 3 * LOGS_MAX:
        raise TooLargeError(what="logs", limit=LOGS_MAX)
    ranges = [Range(*value[at : at + 3]) for at in range(0, len(value), 3)]
    last = -1
    for part in ranges:
        if part.log <= last or part.length < 1:
            raise MalformedBytesError(what="bundle head")
        if part.length > ITEMS_MAX:
            raise TooLargeError(what="items", limit=ITEMS_MAX, log=part.log)
        last = part.log
    if sum(part.length for part in ranges) > ITEMS_ALL_MAX:
        raise TooLargeError(what="items", limit=ITEMS_ALL_MAX)
    return ranges, size


def read_raw(raw: bytes, ranges: Iterable[Range]) -> list[Seal]:
    """Return the signature and epoch keys of each log, in head order.

    Raises:
        MalformedBytesError: ``raw`` has another length than the head says.
    """
    seals: list[Seal] = []
    at = 0
    for part in ranges:
        blocks = new_blocks(part)
        keys_at = at + SIGNATURE_BYTES
        keys = [raw[keys_at + n * EPOCH_KEY_BYTES :][:EPOCH_KEY_BYTES] for n in range(len(blocks))]
        seals.append(
            Seal(raw[at:keys_at], {block: key for block, key in zip(blocks, keys, strict=True) if key != NO_KEY})
        )
        at = keys_at + len(blocks) * EPOCH_KEY_BYTES
    if at != len(raw):
        raise MalformedBytesError(what="bundle", field="raw")
    return seals


def new_blocks(part: Range) -> range:
    """Return the blocks of 256 leaves that begin in the range."""
    return range(-(-part.begin // EPOCH_LEAVES), -(-part.end // EPOCH_LEAVES))


class Items(Iterator[Item]):
    """The ``count`` items of one log in a body, from offset ``at``, which moves on behind each.

    Their bytes are checked to be canonical; what kinds of values are inside, the caller checks. A body of more bytes
    than ``VALUES_MAX`` has its values counted, so that 64 MiB of it cannot become gigabytes here; ``left`` is how many
    more the body may have, or 0 for a body that is not counted.
    """

    __slots__ = ("_body", "_count", "at", "left")

    def __init__(self, body: bytes, at: int, count: int, left: int) -> None:
        self.at = at
        self.left = left
        self._body = body
        self._count = count

    def __next__(self) -> Item:
        """Return the next item.

        Raises:
            MalformedBytesError: not canonical, or not an array of 3 to 7.
            TooLargeError: an item beyond ``ITEM_MAX`` bytes, or too many values.
        """
        if not self._count:
            raise StopIteration
        self._count -= 1
        at = self.at
        window = self._body[at : at + _FIRST_LOOK]
        try:
            value = decode_prefix(window)
        except EOFError:
            window, value = _look_further(self._body, at)
        if type(value) is not list or not 3 <= len(value) <= SALTED:
            raise MalformedBytesError(what="item")
        if self.left:
            self.left -= check_plain(value)
            if self.left < 1:
                raise TooLargeError(what="values", limit=VALUES_MAX)
        data = encode_trusted(value)
        if not window.startswith(data):
            raise MalformedBytesError(what="not the canonical encoding")
        self.at = at + len(data)
        return Item(value, data)


def _read_value(body: bytes, at: int) -> tuple[Any, int]:
    _, value = _look_further(body, at)
    check_plain(value)
    data = encode_trusted(value)
    if not body.startswith(data, at):
        raise MalformedBytesError(what="not the canonical encoding")
    return value, at + len(data)


def _look_further(body: bytes, at: int) -> tuple[bytes, Any]:
    window = body[at : at + ITEM_MAX]
    try:
        return window, decode_prefix(window)
    except EOFError:
        if at + ITEM_MAX < len(body):
            raise TooLargeError(what="item", limit=ITEM_MAX) from None
        raise MalformedBytesError(what="bundle body ends too early") from None


# ---- items: a leaf without what the receiver can rebuild


def write_ctx(dt: int, grown: Iterable[tuple[int, int]], roots: Sequence[bytes | None] = ()) -> bytes:
    """Return the item of a ctx that is ``dt`` seconds after the leaf before.

    Args:
        dt: Seconds.
        grown: (log, growth) of each log it names.
        roots: For each of them the root it names, or None where the reader has it; empty when it has them all.
    """
    item: list[Any] = [CTX, dt, [n for pair in grown for n in pair]]
    return encode_trusted([*item, list(roots)] if any(roots) else item)


def write_act(
    kind: int,
    dt: int,
    back: tuple[int, int] | tuple[int, int, None] | None,
    *,
    core: bytes,
    detail: bytes | None,
    auth: bytes | None,
) -> bytes:
    """Return the item of an act; ``back`` is (log, distance) as ``read_object`` takes it."""
    pieces = [core]
    if detail is not None or auth is not None:
        pieces.append(b"\xf6" if detail is None else detail)
    if auth is not None:
        pieces.append(encode_trusted(auth))
    array = bytes([0x83 + len(pieces)])  # the head of an array of three and the pieces
    return array + encode_trusted([kind, dt, back])[1:] + b"".join(pieces)


def write_salted(
    kind: int,
    dt: int,
    back: tuple[int, int] | tuple[int, int, None] | None,
    segments: Sequence[bytes | None],
    given: Sequence[bytes | None],
) -> bytes:
    """Return the item of an act that brings its own salts.

    Args:
        kind: As in ``write_act``, as are the next two.
        dt: Seconds.
        back: (log, distance).
        segments: The bytes of core, detail and auth, as far as they are here.
        given: For each that the act was made with its salt, or its commitment when it is not here; None for the others.
    """
    core, detail, auth = segments
    pieces = [b"\xf6" if piece is None else piece for piece in (core, detail)]
    pieces += [encode_trusted(auth), encode_trusted(list(given))]
    return b"\x87" + encode_trusted([kind, dt, back])[1:] + b"".join(pieces)


def head_length(number: int) -> int:
    """Return how many bytes the canonical form of an integer has."""
    if number < 0:
        number = -1 - number
    if number < 24:
        return 1
    if number < 0x100:
        return 2
    return 3 if number < 0x1_0000 else 5 if number < 0x1_0000_0000 else 9


def read_grown(value: Sequence[Any], own: int, index: int, seen: Mapping[int, int]) -> list[tuple[int, int]]:
    """Return (log, size) of each log that the wire ctx ``value``, at ``index`` of log ``own``, says has grown.

    Where it tells a root (``read_roots``), it tells the size itself: what counts as seen before depends on the fork.

    Raises:
        MalformedBytesError: not a ctx, or it names the own log, or one that did not grow.
    """
    flat = value[2]
    if len(value) not in (3, 4) or type(flat) is not list or not flat or len(flat) % 2:
        raise malformed(own, index, "ctx")
    roots = value[3] if len(value) == 4 and type(value[3]) is list else []
    grown: list[tuple[int, int]] = []
    last = -1
    for number, (log, growth) in enumerate(zip(flat[::2], flat[1::2], strict=True)):
        if type(log) is not int or type(growth) is not int or log <= last or log == own or growth < 1:
            raise malformed(own, index, "ctx")
        last = log
        size = growth if number < len(roots) and roots[number] is not None else seen.get(log, 0) + growth
        if size > NUMBER_MAX or log > NUMBER_MAX:
            raise malformed(own, index, "ctx")
        grown.append((log, size))
    return grown


def read_roots(value: Sequence[Any], own: int, index: int, grown: Sequence[tuple[int, int]]) -> dict[int, bytes]:
    """Return the roots that the wire ctx ``value`` tells itself, by log: those of logs with two histories.

    Raises:
        MalformedBytesError: not one for each log that has grown, or none at all.
    """
    if len(value) == 3:
        return {}
    roots = value[3]
    if type(roots) is not list or len(roots) != len(grown) or not any(roots):
        raise malformed(own, index, "ctx")
    if not all(root is None or (type(root) is bytes and len(root) == HASH_BYTES) for root in roots):
        raise malformed(own, index, "ctx")
    return {log: root for (log, _), root in zip(grown, roots, strict=True) if root is not None}


def read_object(back: Any, own: int, index: int, seen: Mapping[int, int]) -> EntryRef:
    """Return the entry a wire act is about: so many before the last one its writer had seen of that log.

    Entries of another log that has two histories are told by their index: ``[log, index, nil]``.

    Raises:
        MalformedBytesError: not a pair, or it names what the writer had not seen.
    """
    if type(back) is list and len(back) == 3:
        log, at, nothing = back
        if not (_is_number(log) and _is_number(at) and nothing is None and log != own):
            raise malformed(own, index, "object")
        return EntryRef(log, at)
    if type(back) is not list or len(back) != 2 or type(back[0]) is not int or type(back[1]) is not int:
        raise malformed(own, index, "object")
    log, distance = back
    at = (index if log == own else seen.get(log, 0)) - 1 - distance
    if distance < 0 or at < 0:
        raise malformed(own, index, "object")
    return EntryRef(log, at)


def read_segments(
    item: Item, skip: int, own: int, index: int
) -> tuple[bytes, bytes | None, bytes | None, Mapping[int, object] | None]:
    """Return the bytes of core, detail and auth of a wire act of five or six members, and what the detail says.

    Args:
        item: The act.
        skip: The bytes before its core.
        own: Its log.
        index: Its index.

    Raises:
        MalformedBytesError: the detail is not a map with unsigned keys, or the auth not a byte string.
    """
    value, data = item
    words, auth = value[4], None
    end = len(data)
    if len(value) == 6:
        auth = value[5]
        if type(auth) is not bytes:
            raise malformed(own, index, "auth")
        end -= len(encode_trusted(auth))
    if words is None and auth is not None:
        return data[skip : end - 1], None, auth, None
    check_detail(words)
    detail = encode_trusted(words)
    return data[skip : end - len(detail)], detail, auth, words


def read_salted(
    value: Sequence[Any], own: int, index: int
) -> tuple[tuple[bytes | None, bytes | None, bytes | None], Sequence[bytes | None]]:
    """Return core, detail and auth of a wire act of seven members, and for each its salt, its commitment or None.

    Raises:
        MalformedBytesError: a segment without a salt, or a salt without its segment.
    """
    core, words, auth, given = value[3:]
    if type(given) is not list or len(given) != len(TAGS) or given[0] is None:
        raise malformed(own, index, "salts")
    for segment, one in zip((core, words, auth), given, strict=True):
        if one is None and segment is None:
            continue
        if type(one) is not bytes or len(one) != (COMMITMENT_BYTES if segment is None else SALT_BYTES):
            raise malformed(own, index, "salts")
        if one == NO_SALT:  # it stands for an erased one where salts are kept
            raise malformed(own, index, "salts")
    if core is not None and type(core) is not list:
        raise malformed(own, index, "core")
    if words is not None:
        check_detail(words)
    if auth is not None and type(auth) is not bytes:
        raise malformed(own, index, "auth")
    return (
        None if core is None else encode_trusted(core),
        None if words is None else encode_trusted(words),
        auth,
    ), given


def malformed(log: int, index: int, what: str) -> MalformedBytesError:
    return MalformedBytesError(what=what, entry=str(EntryRef(log, index)))
