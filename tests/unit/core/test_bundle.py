import hashlib
import io
from contextlib import suppress

import pytest
import zstandard
from tests.keepers import DICTIONARY

from tallystick.core import bundle as wire
from tallystick.core import canonical
from tallystick.core.bundle import Codec, Item, Items, Range, Seal
from tallystick.core.errors import MalformedBytesError, TooLargeError
from tallystick.core.identity import EntryRef

SPACE = hashlib.sha256(b"space").digest()
TEXT = b"request offer order delivery receipt " * 40


def squeeze(data: bytes, **options) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        3, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=0, write_checksum=0, write_dict_id=0, **options
    )
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return compressor.compress(data) + compressor.flush()


@pytest.mark.parametrize("dictionary", [b"", DICTIONARY])
@pytest.mark.parametrize("body", [b"", b"\x80", TEXT, bytes(300_000)])
def test_codecs_give_back_what_went_in(dictionary, body):
    codec = Codec(dictionary)
    number, packed = codec.pack(body)
    assert number == (wire.CODEC_ZSTD if len(packed) < len(body) else wire.CODEC_PLAIN)
    assert len(packed) <= len(body)
    assert codec.unpack(number, packed) == body


def test_the_dictionary_makes_small_bodies_smaller_and_is_needed():
    body = DICTIONARY[:60]
    number, packed = Codec(DICTIONARY).pack(body)
    assert len(packed) < len(Codec().pack(body)[1])
    with suppress(MalformedBytesError):  # or zstd gives other bytes, and the root will differ
        assert Codec().unpack(number, packed) != body


@pytest.mark.parametrize(
    ("codec", "data"),
    [
        (2, b""), (2**64 - 1, b""), (1, b""), (1, b"\x00"), (1, b"\xff" * 40), (1, squeeze(TEXT)[:-1]),
        (1, squeeze(TEXT) + b"x"), (1, squeeze(TEXT) + bytes(600)), (1, squeeze(TEXT) + squeeze(TEXT)),
        (1, b"\x28\xb5\x2f\xfd" + squeeze(TEXT)), (1, zstandard.compress(TEXT)),
    ],
)  # fmt: skip
def test_bad_frames_are_refused(codec, data):
    with pytest.raises(MalformedBytesError):
        Codec().unpack(codec, data)


def test_a_frame_that_wants_to_look_far_back_is_refused():
    assert Codec().unpack(1, squeeze(TEXT, window_log=23)) == TEXT
    with pytest.raises(MalformedBytesError):
        Codec().unpack(1, squeeze(TEXT, window_log=24))


def test_a_bomb_is_refused_at_the_limit():
    """200 MiB of zeros in a few kilobytes: stopped at 64 MiB and one step."""
    out = io.BytesIO()
    parameters = zstandard.ZstdCompressionParameters.from_level(
        3, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=0
    )
    with zstandard.ZstdCompressor(compression_params=parameters).stream_writer(out, closefd=False) as writer:
        for _ in range(200):
            writer.write(bytes(2**20))
    assert len(out.getvalue()) < 50_000
    with pytest.raises(TooLargeError):
        Codec().unpack(wire.CODEC_ZSTD, out.getvalue())


def bundle(**changes) -> bytes:
    parts = {"version": 1, "space": SPACE[:4], "codec": 0, "body": b"\x80", "raw": b"", **changes}
    return canonical.encode(list(parts.values()))


def test_an_envelope_reads_back():
    plain = wire.write_envelope(SPACE, Codec(), body=b"\x80", raw=b"r")
    assert wire.read_envelope(plain) == (SPACE[:4], 0, b"\x80", b"r", None, None)
    telling = wire.write_envelope(SPACE, Codec(), body=b"\x80", raw=b"", have={16: 5, 0: 3})
    assert wire.read_envelope(telling).have == {0: 3, 16: 5}
    asking = wire.write_envelope(SPACE, Codec(), body=b"\x80", raw=b"", have={0: 3}, question=b"0123456789abcdef")
    assert wire.read_envelope(asking)[4:] == ({0: 3}, b"0123456789abcdef")
    assert wire.read_envelope(bundle(space=SPACE)).space == SPACE  # the whole id, for whoever wants to say it
    assert wire.is_for(SPACE, plain)
    assert not wire.is_for(hashlib.sha256(b"another").digest(), plain)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x00", b"\x80", bundle()[:-1], bundle() + b"\x00", bundle(version=2), bundle(version=True),
        bundle(version="1"), bundle(space=SPACE[:3]), bundle(space=SPACE + b"x"), bundle(space="abcd"),
        bundle(codec=-1), bundle(codec=None), bundle(body="text"), bundle(raw=7), bundle(have=[1]), bundle(have=7),
        bundle(have=[1, -1]), bundle(have=[1, 2**53]), bundle(have=[0] * 514), bundle(have=[], more=0),
        bundle(have=[], question=None), bundle(have=[], question=bytes(15)), bundle(have=[], question=bytes(17)),
        bundle(have=[], question=bytes(16), more=0), bundle(have=None, question=bytes(16)),
        b"\x85\x18\x01" + bundle()[2:], b"\x9f" + bundle()[1:] + b"\xff", canonical.encode({1: 2}),
    ],
)  # fmt: skip
def test_what_is_no_bundle_is_refused(data):
    with pytest.raises(MalformedBytesError):
        wire.read_envelope(data)


def test_a_bundle_beyond_the_limit_is_refused_unread():
    with pytest.raises(TooLargeError):
        wire.read_envelope(bytes(wire.BUNDLE_MAX + 1))


def test_a_sequence_is_split_where_its_bundles_end():
    bundles = [bundle(), bundle(body=bytes(100_000)), bundle(raw=bytes(2_000_000)), bundle(have=[])]
    assert wire.split_sequence(b"".join(bundles)) == bundles
    assert wire.split_sequence(b"") == []
    for torn in (b"".join(bundles)[:-1], bundles[2][:-1], bundles[0] + b"\x00"):
        with pytest.raises(MalformedBytesError):
            wire.split_sequence(torn)
    with pytest.raises(TooLargeError):
        wire.split_sequence(bundles[0] + canonical.encode([1, SPACE[:4], 0, bytes(wire.BUNDLE_MAX), b"", []]))


def test_heads_are_ascending_and_bounded():
    ranges = [Range(0, 0, 3), Range(16, 300, 1)]
    head = wire.write_head(ranges)
    assert wire.read_head(head + b"more") == (ranges, len(head))
    assert ranges[1].end == 301
    for wrong in ([1], [1, 2], [1, 2, 0], [1, 2, 3, 1, 5, 6], [2, 0, 1, 1, 0, 1], [-1, 0, 1], [1, 2**53, 1], {}, None):
        with pytest.raises(MalformedBytesError):
            wire.read_head(canonical.encode(wrong))
    for much in (
        [0, 0, 65_537],
        [n for log in range(5) for n in (log, 0, 65_536)],
        [n for log in range(257) for n in (log, 0, 1)],
    ):
        with pytest.raises(TooLargeError):
            wire.read_head(canonical.encode(much))
    for torn in (b"", head[:-1], b"\x98\x03" + head[1:]):
        with pytest.raises(MalformedBytesError):
            wire.read_head(torn)


def test_raw_holds_a_signature_and_new_keys_for_each_log():
    ranges = [Range(0, 0, 1), Range(16, 1, 255), Range(17, 255, 258)]
    raw = bytes([1]) * 64 + bytes([2]) * 32 + bytes([3]) * 64 + bytes([4]) * 64 + bytes([5]) * 32 + bytes([6]) * 32
    assert wire.read_raw(raw, ranges) == [
        Seal(bytes([1]) * 64, {0: bytes([2]) * 32}),
        Seal(bytes([3]) * 64, {}),
        Seal(bytes([4]) * 64, {1: bytes([5]) * 32, 2: bytes([6]) * 32}),
    ]
    for wrong in (raw[:-1], raw + b"x", b""):
        with pytest.raises(MalformedBytesError):
            wire.read_raw(wrong, ranges)


def test_items_are_read_one_by_one():
    values = [[9, 0, None, [1]], [0, 60, [17, 1]], [21, 0, [16, 2], [1], {1: "x" * 5000}]]
    data = b"".join(map(canonical.encode, values))
    items = Items(b"head" + data, 4, 3, 0)
    assert list(items) == [Item(value, canonical.encode(value)) for value in values]
    assert items.at == 4 + len(data)
    for body in (b"", data[:-1], b"\x00", b"\x82\x00\x00", b"\x84\x18\x09" + data[2:], b"\x87" + bytes(7)):
        with pytest.raises(MalformedBytesError):
            list(Items(body, 0, 3, 0))


def test_an_item_beyond_the_limit_is_refused():
    data = canonical.encode([9, 0, None, [b"x" * wire.ITEM_MAX]])
    with pytest.raises(TooLargeError):
        list(Items(data + bytes(10), 0, 1, 0))


def test_the_values_of_a_large_body_are_counted():
    data = canonical.encode([9, 0, None, [0] * 10])
    assert len(list(Items(data * 2, 0, 2, 40))) == 2
    with pytest.raises(TooLargeError):
        list(Items(data * 3, 0, 3, 40))
    values = canonical.check_plain([9, 0, None, [0] * 10])
    assert len(list(Items(data * 2, 0, 2, 2 * values + 1))) == 2
    with pytest.raises(TooLargeError):  # none left is none: 0 would say that they are not counted
        list(Items(data * 2, 0, 2, 2 * values))


@pytest.mark.parametrize("back", [None, (16, 0), (17, 300)])
@pytest.mark.parametrize(("detail", "auth"), [(None, None), (b"\xa0", None), (None, b"s"), (b"\xa1\x01\x61x", b"s")])
def test_written_acts_are_canonical_and_take_apart_again(back, detail, auth):
    data = wire.write_act(9, -60, back, core=b"\x81\x07", detail=detail, auth=auth)
    value = canonical.decode(data)
    assert value[:4] == [9, -60, None if back is None else list(back), [7]]
    if detail or auth:
        skip = 1 + sum(len(canonical.encode(part)) for part in value[:3])
        assert wire.read_segments(Item(value, data), skip, 16, 5)[:3] == (b"\x81\x07", detail, auth)


@pytest.mark.parametrize(
    "number", [0, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, -1, -24, -25, -257, -(2**40)]
)
def test_head_lengths_are_those_of_the_encoding(number):
    assert wire.head_length(number) == len(canonical.encode(number))


def test_distances_count_back_from_what_the_writer_had_seen():
    assert wire.read_object([16, 0], 16, 5, {}) == EntryRef(16, 4)
    assert wire.read_object([17, 2], 16, 5, {17: 3}) == EntryRef(17, 0)
    for back in ([17, 3], [18, 0], [16, 5], [16, -1], [16], [16, 0, 0], 5, ["a", 0], [True, 0], [16, None]):
        with pytest.raises(MalformedBytesError):
            wire.read_object(back, 16, 5, {17: 3})


def test_growth_adds_to_what_was_seen():
    assert wire.read_grown([0, 0, [0, 3, 17, 2]], 16, 5, {17: 3}) == [(0, 3), (17, 5)]
    for grown in ([], [0], [17, 2, 0, 3], [0, 1, 0, 1], [16, 1], [0, 0], [0, -1], [-1, 1], [0, 2**53], ["a", 1], {}, 1):
        with pytest.raises(MalformedBytesError) as refused:
            wire.read_grown([0, 0, grown], 16, 5, {})
        assert refused.value.facts == {"what": "ctx", "entry": "16.5"}
    with pytest.raises(MalformedBytesError):
        wire.read_grown([0, 0, [0, 3], [None], 1], 16, 5, {})
    last = 2**53 - 1
    assert wire.read_grown([0, 0, [0, last, last, 1]], 16, 5, {}) == [(0, last), (last, 1)]
    for grown, seen in (([0, last], {0: 1}), ([last + 1, 1], {})):
        with pytest.raises(MalformedBytesError) as refused:
            wire.read_grown([0, 0, grown], 16, 5, seen)
        assert refused.value.facts == {"what": "ctx", "entry": "16.5"}


def test_a_ctx_may_tell_roots_of_logs_with_two_histories():
    grown = [(0, 3), (17, 5)]
    root = b"r" * 32
    assert wire.read_roots([0, 0, [0, 3, 17, 2]], 16, 5, grown) == {}
    assert wire.read_roots([0, 0, [0, 3, 17, 2], [None, root]], 16, 5, grown) == {17: root}
    assert canonical.decode(wire.write_ctx(60, [(0, 3), (17, 2)], [None, root])) == [0, 60, [0, 3, 17, 2], [None, root]]
    assert canonical.decode(wire.write_ctx(60, [(0, 3)], [None])) == [0, 60, [0, 3]]
    for roots in ([], [None], [None, None], [root], [root, root, root], [root[1:], None], ["r", None], 7, None):
        with pytest.raises(MalformedBytesError) as refused:
            wire.read_roots([0, 0, [0, 3, 17, 2], roots], 16, 5, grown)
        assert refused.value.facts == {"what": "ctx", "entry": "16.5"}


def test_entries_of_a_forked_log_are_told_by_their_index():
    assert wire.read_object([17, 4, None], 16, 5, {}) == EntryRef(17, 4)
    for back in ([16, 4, None], [17, -1, None], [17, 2**53, None], [17, 4, 0], ["a", 4, None]):
        with pytest.raises(MalformedBytesError):
            wire.read_object(back, 16, 5, {})


def test_a_salt_of_zeros_is_refused():
    """Kept, it would say that the segment was erased: its evidence could not be written."""
    core = [1]
    for salt, refused in ((bytes(16), True), (bytes([1]) * 16, False)):
        value = [21, 0, None, core, None, None, [salt, None, None]]
        if refused:
            with pytest.raises(MalformedBytesError):
                wire.read_salted(value, 17, 1)
        else:
            assert wire.read_salted(value, 17, 1)[1] == [salt, None, None]
