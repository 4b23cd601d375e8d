import hashlib

import pytest

from tallystick.core import canonical, log
from tallystick.core.errors import MalformedBytesError
from tallystick.core.identity import EntryRef
from tallystick.core.log import ActLeaf, CtxLeaf, Sight, StoredLeaf

H = [bytes([n]) * 32 for n in range(4)]
KEY = bytes(32)
SALT, DETAIL_SALT, AUTH_SALT = (log.salt(KEY, 5, tag) for tag in log.TAGS)


def test_salt_and_commitment_are_plain_sha_256():
    assert hashlib.sha256(bytes(32) + bytes(7) + b"\x05").digest()[:16] == SALT
    assert hashlib.sha256(bytes(32) + bytes(7) + b"\x05\x01").digest()[:16] == DETAIL_SALT
    assert hashlib.sha256(bytes(32) + bytes(7) + b"\x05\x02").digest()[:16] == AUTH_SALT
    assert log.commitment(b"\x01", SALT, b"x") == hashlib.sha256(b"\x01" + SALT + b"x").digest()


@pytest.mark.parametrize("obj", [None, EntryRef(17, 300), EntryRef(0, 70_000)])
@pytest.mark.parametrize(("detail", "auth"), [(None, None), (b"\xa0", None), (None, b"sig"), (b"\xa0", b"sig")])
@pytest.mark.parametrize(("kind", "t"), [(1, 0), (65_535, 1_767_225_600), (64, log.TIME_MAX)])
def test_act_leaves_are_canonical_arrays_of_commitments(kind, t, obj, detail, auth):
    """The leaf is put together by hand; the encoder must agree."""
    leaf = log.act_leaf(kind, t, obj, KEY, 5, b"\x81\x00", detail, auth)
    core = log.commitment(b"\x00", SALT, b"\x81\x00")
    detail_hash = None if detail is None else log.commitment(b"\x01", DETAIL_SALT, detail)
    auth_hash = None if auth is None else log.commitment(b"\x02", AUTH_SALT, auth)
    commits = [core, detail_hash, auth_hash] if auth else [core, detail_hash] if detail else [core]
    assert leaf == canonical.encode([kind, t, obj, *commits])
    assert log.read_leaf(leaf) == ActLeaf(kind, t, obj, core, detail_hash, auth_hash) == log.read_trusted(leaf)
    assert not log.is_ctx(leaf)
    assert leaf == log.act_leaf(kind, t, obj, log.salts_of(KEY, 0), 5, b"\x81\x00", detail, auth)


def test_a_block_without_its_key_keeps_every_salt_but_the_erased():
    salts = log.with_salt(bytes(range(32)), 300, log.DETAIL_TAG)
    assert len(salts) == log.SALTS_BYTES
    for index in (256, 299, 300, 511):
        for tag in log.TAGS:
            erased = (index, tag) == (300, log.DETAIL_TAG)
            assert log.salt(salts, index, tag) == (log.NO_SALT if erased else log.salt(bytes(range(32)), index, tag))


def test_ctx_leaves():
    leaf = log.ctx_leaf(60, [(0, 3, H[0]), (17, 2, H[1])])
    assert log.read_leaf(leaf) == CtxLeaf(60, (Sight(0, 3, H[0]), Sight(17, 2, H[1]))) == log.read_trusted(leaf)
    assert log.is_ctx(leaf)


@pytest.mark.parametrize(
    "leaf",
    [
        [], [0], [0, 0], [0, 0, []], [0, 0, [[1, 2]]], [0, 0, [[1, 2, H[0][:31]]]], [0, -1, [[1, 2, H[0]]]],
        [0, 0, [[2, 2, H[0]], [1, 2, H[0]]]], [0, 0, [[1, 2, H[0]], [1, 3, H[0]]]], [0, 0, [[1, 2, H[0]]], None],
        [0, 0, [[-1, 2, H[0]]]], [0, 0, [[1, True, H[0]]]], [0, 0, {}],
        [1, 0, None], [1, 0, None, b"x"], [1, 0, None, None], [1, 0, [1], H[0]], [1, 0, [1, -1], H[0]],
        [1, 0, 5, H[0]], [65_536, 0, None, H[0]], [1, log.TIME_MAX + 1, None, H[0]], [True, 0, None, H[0]],
        [1, 0, None, H[0], None], [1, 0, None, H[0], H[1], None], [1, 0, None, H[0], 1], [-1, 0, None, H[0]],
        [1, 0, None, H[0], H[1], H[2], H[3]], {0: 0}, 7, None, "leaf",
    ],
)  # fmt: skip
def test_other_leaves_are_refused(leaf):
    with pytest.raises(MalformedBytesError):
        log.read_leaf(canonical.encode(leaf))


def test_a_leaf_that_is_not_canonical_is_refused():
    with pytest.raises(MalformedBytesError):
        log.read_leaf(b"\x84\x18\x01\x00\xf6\x58\x20" + H[0])


def stored(**changes):
    core, detail, auth = b"\x81\x00", b"\xa1\x01\x61x", b"sig"
    leaf = StoredLeaf(16, 5, log.act_leaf(21, 60, None, KEY, 5, core, detail, auth), core, detail, auth)
    return leaf._replace(**changes)


@pytest.mark.parametrize(
    "changes", [{}, {"core": None}, {"detail": None}, {"core": None, "detail": None, "auth": None}]
)
def test_a_stored_leaf_holds_with_or_without_its_segments(changes):
    log.check_stored(stored(**changes), bytes(32))


@pytest.mark.parametrize(
    "changes",
    [
        {"core": b"\x81\x01"}, {"detail": b"\xa0"}, {"auth": b"gis"}, {"index": 6}, {"leaf": b"\x80"},
        {"leaf": log.ctx_leaf(60, [(1, 1, H[0])])},
        {"leaf": log.act_leaf(21, 60, None, KEY, 5, b"\x81\x00", None, None)},
    ],
)  # fmt: skip
def test_a_changed_stored_leaf_is_refused(changes):
    with pytest.raises(MalformedBytesError):
        log.check_stored(stored(**changes), bytes(32))


@pytest.mark.parametrize(
    ("core", "detail"), [(b"\x00", None), (b"\x98\x00", None), (b"\x80", b"\x80"), (b"\x80", b"\xa1\x61a\x00")]
)
def test_well_committed_nonsense_is_refused(core, detail):
    leaf = StoredLeaf(16, 5, log.act_leaf(21, 60, None, KEY, 5, core, detail, None), core, detail, None)
    with pytest.raises(MalformedBytesError):
        log.check_stored(leaf, bytes(32))


def test_without_the_epoch_key_a_segment_shows_nothing():
    with pytest.raises(MalformedBytesError, match="epoch key"):
        log.check_stored(stored(), None)
