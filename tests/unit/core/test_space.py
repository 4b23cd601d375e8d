import hashlib
import tracemalloc
from dataclasses import replace

import pytest
from tests.golden import record_story
from tests.keepers import (
    DICTIONARY,
    IN_ADMIN,
    IN_BASE,
    JP_ADMIN,
    JP_HQ,
    JP_SHIP,
    START,
    Keeper,
    genesis,
    grant,
    key,
    note,
    open_books,
    seed,
)

from tallystick.core import bundle as wire
from tallystick.core import canonical, checkpoint, composing, forks, merkle, signing
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.composing import SPLIT_ITEMS
from tallystick.core.entries import Adopt, Decline, Draft, Grant, Kind, Note, Reason, Unreadable
from tallystick.core.errors import (
    BadSignatureError,
    ForkError,
    GapError,
    LocalError,
    MalformedBytesError,
    TooLargeError,
    UnknownWriterError,
    WrongSpaceError,
)
from tallystick.core.identity import EntryRef, log_id
from tallystick.core.log import TIME_MAX, CtxLeaf, StoredLeaf, read_leaf
from tallystick.core.space import Space

KEY = b"k" * 32


def state(space: Space) -> object:
    """Everything a space holds, to compare before and after."""
    return (
        space.sizes(),
        {log: space.root(log, size) for log, size in space.sizes().items()},
        {log: space.checkpoint(log) for log in space.sizes()},
        list(space.acts()),
    )


def saved(space: Space):
    """What a store would give back."""
    leaves = [space.stored(EntryRef(log, n)) for log, size in space.sizes().items() for n in range(size)]
    keys = {(log.id, block): epoch for log in space.logs.values() for block, epoch in log.epoch_keys.items()}
    heads = {log: head for log in space.sizes() if (head := space.checkpoint(log))}
    return leaves, keys, heads


def signed_heads(*keepers: Keeper) -> dict[int, Checkpoint]:
    heads = {}
    for keeper in keepers:
        for log in keeper.names:
            size = keeper.space.size(log)
            root = keeper.space.root(log, size)
            text = checkpoint.text(keeper.space.origin(log), size, root)
            heads[log] = Checkpoint(size, root, keeper.sign(log, text))
    return heads


# ---- writing


def test_a_story_ends_the_same_on_both_sides():
    hq, base, _ = record_story()
    assert hq.space.sizes() == base.space.sizes() == {0: 3, 1: 2, 16: 5, 17: 3}
    assert list(hq.space.acts()) == list(base.space.acts())
    assert [str(entry.ref) for entry in hq.space.acts()] == [
        *("0.0", "1.0", "0.1", "1.1", "0.2", "16.1", "17.1", "16.3", "16.4")
    ]


def test_staging_changes_nothing_until_it_is_applied():
    hq, base, _ = open_books()
    before = state(hq.space)
    admission = hq.space.draft(JP_HQ, [note("x")], START, lambda _: b"k" * 32)
    assert state(hq.space) == before
    assert admission.before == {JP_HQ: 0}
    assert [leaf.index for leaf in admission.leaves] == [0, 1]  # a ctx goes first: India's admin log is news
    sealed = hq.space.seal(admission, hq.sign)
    text = checkpoint.text(hq.space.origin(JP_HQ), 2, sealed.checkpoints[JP_HQ].root)
    assert signing.verify(key("hq"), text, sealed.checkpoints[JP_HQ].signature)
    assert hq.space.seal(sealed, lambda _log, _text: None) == sealed
    hq.space.apply(sealed)
    assert hq.space.sizes()[JP_HQ] == 2
    assert hq.space.checkpoint(JP_HQ) == sealed.checkpoints[JP_HQ]
    assert hq.write(JP_HQ, note("of the first leaf", EntryRef(JP_ADMIN, 0)))
    bundle, before = hq.bundle(base.space.sizes()), state(base.space)
    base.space.read(bundle)
    assert state(base.space) == before


def test_an_admission_made_elsewhere_is_applied_all_the_same():
    hq, base, _ = open_books()
    hq.write(JP_HQ, note("x"), note("y"))
    admission = base.space.read(hq.bundle(base.space.sizes()))
    twin = Keeper({}, hq.space.genesis)
    twin.take([hq.bundle({JP_HQ: 9}), base.bundle()])
    twin.space.apply(admission)  # it staged nothing itself
    assert state(twin.space)[:2] == state(hq.space)[:2]
    assert base.space.read(base.bundle({})).before == {}  # what comes last is news of nothing
    base.space.apply(replace(admission))
    assert state(base.space)[0] == state(hq.space)[0]
    assert base.space.root(JP_HQ, 3) == hq.space.root(JP_HQ, 3)
    with pytest.raises(AssertionError):
        base.space.apply(replace(admission))


def test_a_ctx_is_written_only_when_others_said_something():
    hq, base, _ = open_books()
    assert len(hq.write(JP_HQ, note(), note()).leaves) == 3
    assert len(hq.write(JP_HQ, note()).leaves) == 1
    base.take(hq.news(base.space.sizes()))
    assert base.acknowledge(IN_BASE)
    hq.take(base.news(hq.space.sizes()))
    assert len(hq.write(JP_HQ, note()).leaves) == 1  # India's ctx is an acknowledgement, no news


def test_pure_acknowledgements_are_not_acknowledged():
    hq, base, _ = open_books()
    hq.write(JP_HQ, note())
    spoke = []
    for _ in range(5):
        base.take(hq.news(base.space.sizes()))
        spoke.append(base.acknowledge(IN_BASE))
        hq.take(base.news(hq.space.sizes()))
        spoke.append(hq.acknowledge(JP_HQ))
    assert spoke == [True] + [False] * 9
    assert hq.news(base.space.sizes()) == base.news(hq.space.sizes()) == []
    assert hq.space.known_by(IN_BASE) == {JP_ADMIN: 3, IN_ADMIN: 2, JP_HQ: 2, IN_BASE: 1}


def test_entries_carry_what_their_writer_had_seen():
    hq, base, _ = record_story()
    request, delivery, receipt = (hq.space.entry(EntryRef(*name)) for name in ((16, 1), (17, 1), (16, 3)))
    assert receipt.seen == {JP_ADMIN: 3, IN_ADMIN: 2, IN_BASE: 2}
    assert receipt.had_seen(delivery.ref)
    assert delivery.had_seen(request.ref)
    assert receipt.had_seen(request.ref)
    assert not request.had_seen(delivery.ref)
    assert request.lamport < delivery.lamport < receipt.lamport
    assert base.space.entry(EntryRef(16, 4)).seen is base.space.entry(EntryRef(16, 3)).seen
    assert (request.detail, delivery.detail) == ({1: "Berth 4 if free"}, None)
    assert request.core_hash == hashlib.sha256(hq.space.stored(request.ref).core).digest()


def test_what_a_writer_had_seen_stays_seen_when_it_sees_more():
    hq, base, ship = open_books()
    ship.write(JP_SHIP, note("from sea"))
    hq.take(ship.bundle(hq.space.sizes()))
    hq.write(JP_HQ, note("heard", EntryRef(JP_SHIP, 1)))
    base.write(IN_BASE, note("from the base"))
    hq.take(base.news(hq.space.sizes()))
    for _ in range(2):  # no ctx goes before the second
        (entry,) = hq.write(JP_HQ, note("heard both")).entries
        assert entry.seen == {JP_ADMIN: 3, IN_ADMIN: 2, JP_SHIP: 2, IN_BASE: 2}
        assert hq.space.entry(entry.ref) == entry


def test_what_was_seen_through_another_log_is_seen_whether_its_writer_says_so_or_not():
    hq, base, ship = open_books()
    ship.acknowledge(JP_SHIP)
    base.take(ship.news(base.space.sizes()))
    base.write(IN_BASE, note("I hold one leaf of the ship's"))
    hq.take([*ship.news(hq.space.sizes()), *base.news(hq.space.sizes())])
    assert base.space.entry(EntryRef(IN_BASE, 1)).seen[JP_SHIP] == 1
    late = Keeper({}, hq.space.genesis)
    late.take(hq.news())
    late.take(signed(hq, JP_HQ, [[0, START, [JP_ADMIN, 3, IN_ADMIN, 2, IN_BASE, 2]], [21, 0, None, [1]]]))
    assert late.space.entry(EntryRef(JP_HQ, 1)).seen == {JP_ADMIN: 3, IN_ADMIN: 2, JP_SHIP: 1, IN_BASE: 2}
    assert Space.audit(base.space.genesis, *saved(base.space))[1] == []


def test_an_admin_log_acknowledges_like_any_other():
    hq, base, _ = open_books()
    base.write(IN_BASE, note("news"))
    hq.take(base.news(hq.space.sizes()))
    assert hq.acknowledge(JP_ADMIN)
    assert hq.space.known_by(JP_ADMIN)[IN_BASE] == 2
    assert not Keeper({IN_ADMIN: "root-1"}, hq.space.genesis).acknowledge(IN_ADMIN)


def test_what_stays_of_a_log_keeps_the_keys_of_its_own_blocks_only():
    hq, _, _ = open_books()
    hq.write(JP_HQ, *[note() for _ in range(300)])
    log = hq.space.logs[JP_HQ]
    kept = {size: set(log.shortened(size).epoch_keys) for size in (1, 2, 256, 257, 301)}
    assert kept == {1: set(), 2: {0}, 256: {0}, 257: {0, 1}, 301: {0, 1}}


def test_times_are_cut_to_minutes():
    hq, _, _ = open_books()
    first, second = hq.write(JP_HQ, replace(note(), t=START + 61), note()).entries
    assert (first.t, second.t) == (START + 60, (hq.now) // 60 * 60)


@pytest.mark.parametrize(
    ("log", "draft", "code"),
    [
        (JP_HQ, note(on=EntryRef(JP_HQ, 2)), "unknown-object"),
        (JP_HQ, note(on=EntryRef(IN_BASE, 0)), "unknown-object"),
        (JP_HQ, note(on=EntryRef(IN_ADMIN, 2)), "unknown-object"),
        (JP_HQ, note(who=-1), "bad-body"),
        (JP_HQ, Draft(Decline(who=1, reason=Reason(0)), None, {1: "x" * 200_000}), "too-long"),
        (JP_HQ, Draft(Note(who=1), None, {-1: "x"}), "not-canonical"),
        (JP_HQ, replace(note(), t=-1), "bad-time"),
        (JP_HQ, replace(note(), t=TIME_MAX + 1), "bad-time"),
        (JP_HQ, Draft(Adopt(bytes(32))), "first-leaf"),
        (log_id(9, 0), note(), "unknown-log"),
        (log_id(0, 5), note(), "unknown-log"),
    ],
)
def test_what_cannot_be_said_is_refused_before_anything_changes(log, draft, code):
    hq, _, _ = open_books()
    before = state(hq.space)
    if code == "first-leaf":
        draft = Draft(Adopt(hq.space.id))
    with pytest.raises(LocalError) as refused:
        hq.space.draft(log, [note() if log == JP_HQ else draft, draft], START, lambda _: b"k" * 32)
    assert refused.value.code == code
    assert state(hq.space) == before


def test_an_admin_log_begins_with_the_adoption_of_this_agreement():
    hq = Keeper({JP_ADMIN: "root-0"})
    for wrong in (grant("hq"), Draft(Adopt(bytes(32))), note()):
        with pytest.raises(LocalError, match="first-leaf"):
            hq.write(JP_ADMIN, wrong)
    assert not hq.acknowledge(JP_ADMIN)


def test_a_dictionary_must_be_the_agreements():
    Space(genesis(DICTIONARY), DICTIONARY)
    with pytest.raises(LocalError, match="wrong-dictionary"):
        Space(genesis(DICTIONARY), DICTIONARY + b"x")


def test_questions_about_what_is_not_there():
    hq, _, _ = open_books()
    hq.write(JP_HQ, note())
    space = hq.space
    for ask in (
        lambda: space.entry(EntryRef(JP_HQ, 2)),
        lambda: space.entry(EntryRef(JP_HQ, 0)),  # a ctx
        lambda: space.entry(EntryRef(99, 0)),
        lambda: space.stored(EntryRef(JP_HQ, -1)),
        lambda: space.is_act(JP_HQ, 2),
        lambda: space.root(JP_HQ, 3),
        lambda: space.root(JP_HQ, -1),
    ):
        with pytest.raises(LocalError, match="unknown-entry"):
            ask()
    assert (space.root(99, 0), space.known_by(99), space.last_time(99)) == (merkle.EMPTY_ROOT, {}, None)
    assert [space.root_of(JP_HQ, n) for n in (-1, 0, 2, 3)] == [None, merkle.EMPTY_ROOT, space.root(JP_HQ, 2), None]
    assert [space.is_act(JP_HQ, n) for n in range(2)] == [False, True]
    assert (space.log_of(key("ship")), space.log_of(key("root-1")), space.log_of(bytes(32))) == (
        JP_SHIP,
        IN_ADMIN,
        None,
    )
    assert (space.key_of(JP_SHIP), space.key_of(log_id(0, 2)), space.key_of(log_id(3, 0))) == (key("ship"), None, None)
    assert space.last_time(JP_HQ) == hq.now


# ---- reading


def test_overlap_and_repetition_are_ignored():
    hq, base, _ = open_books()
    hq.write(JP_HQ, note("a"), note("b"))
    first = hq.bundle(base.space.sizes())
    base.take(first)
    after = state(base.space)
    for again in (first, hq.bundle({IN_ADMIN: 2}), hq.bundle({JP_ADMIN: 3, IN_ADMIN: 2, JP_HQ: 1})):
        assert base.take(again)[0].leaves == ()
        assert state(base.space) == after
    assert base.space.checkpoint(IN_ADMIN) is None
    base.take(hq.bundle({}))
    assert base.space.checkpoint(IN_ADMIN).size == 2  # it got its own signed head back; nothing else is new
    hq.write(JP_HQ, note("c"))
    (admission,) = base.take(hq.bundle({JP_ADMIN: 1, IN_ADMIN: 2}))
    assert [(leaf.log, leaf.index) for leaf in admission.leaves] == [(JP_HQ, 3)]
    assert [str(entry.ref) for entry in admission.entries] == ["16.3"]
    assert admission.held == {JP_ADMIN: 3, JP_HQ: 4}
    assert base.space.root(JP_HQ, 4) == hq.space.root(JP_HQ, 4)


def test_a_gap_says_what_is_missing_and_what_is_held():
    hq, base, _ = open_books()
    hq.write(JP_HQ, note())
    hq.write(JP_HQ, note())
    with pytest.raises(GapError) as gap:
        base.space.read(hq.bundle({JP_ADMIN: 3, IN_ADMIN: 2, JP_HQ: 2}))
    assert gap.value.facts == {"log": JP_HQ, "needed": 2, "held": 0, "have": {JP_ADMIN: 3, IN_ADMIN: 2}}


def test_a_ctx_that_has_seen_what_we_do_not_hold_is_a_gap():
    """The courier with India's answer comes before the one with the ship's news it answers."""
    hq, base, ship = open_books()
    ship.write(JP_SHIP, note("from sea"))
    base.take(ship.bundle(base.space.sizes()))
    base.write(IN_BASE, note("heard", EntryRef(JP_SHIP, 1)))
    early = base.bundle({**hq.space.sizes(), JP_SHIP: 2})
    with pytest.raises(GapError) as gap:
        hq.space.read(early)
    assert (gap.value.facts["log"], gap.value.facts["needed"]) == (JP_SHIP, 2)
    forks_of_nothing = [[0, START, [JP_SHIP, 2]], [int(Kind.FORK), 0, None], [int(Kind.FORK), 0, None, [1]]]
    with pytest.raises(GapError):  # what waits is looked through for news of a fork
        hq.space.read(forged([(IN_BASE, 0, forks_of_nothing)]))
    hq.take([ship.bundle(hq.space.sizes()), early])
    assert hq.space.sizes() == base.space.sizes()


def test_logs_that_see_each_other_come_in_one_bundle():
    hq, _, _ = record_story()
    stranger = Keeper({}, hq.space.genesis)
    stranger.take(hq.bundle())
    assert list(stranger.space.acts()) == list(hq.space.acts())
    relayed = Keeper({}, hq.space.genesis)
    relayed.take(stranger.bundle())  # whoever brings it: authenticity is inside
    assert state(relayed.space) == state(stranger.space)
    with pytest.raises(GapError):
        Keeper({}, hq.space.genesis).space.read(hq.bundle({JP_HQ: 99, IN_BASE: 0, JP_ADMIN: 0, IN_ADMIN: 0}))


def test_a_bundle_for_another_agreement():
    hq, _, _ = open_books()
    other = Keeper({}, replace(genesis(), nonce=bytes(16)))
    with pytest.raises(WrongSpaceError):
        other.space.read(hq.bundle())


def test_a_writer_whose_grant_has_not_come_is_a_gap_in_the_admin_log():
    with pytest.raises(GapError) as gap:
        Space(genesis()).read(forged([(JP_HQ, 0, [[21, 60, None, [1]]])]))
    assert (gap.value.facts["log"], gap.value.facts["needed"]) == (JP_ADMIN, 2)


def test_strangers_are_refused_before_any_work():
    hq, base, _ = open_books()
    for log in (log_id(0, 2), log_id(0, 15), log_id(5, 9)):
        with pytest.raises(UnknownWriterError):
            base.space.read(forged([(log, 0, [[21, 60, None, [1]]])]))
    officer = Draft(replace(grant("").body, key=None))
    admission = hq.write(JP_ADMIN, officer)
    base.take(hq.news(base.space.sizes()))
    with pytest.raises(UnknownWriterError):  # an officer's grant opens no log
        base.space.read(forged([(log_id(admission.entries[0].ref.index, 0), 0, [[21, 60, None, [1]]])]))
    with pytest.raises(GapError):  # Japan's admin log may grow to leaf 9 yet
        base.space.read(forged([(log_id(9, 0), 0, [[21, 60, None, [1]]])]))


def forged(parts, *, space: bytes | None = None, name: str = "hq", sign: Space | None = None) -> bytes:
    """A bundle with whatever items, and signatures that are random or, over ``sign``, none."""
    head = wire.write_head([wire.Range(log, begin, len(items)) for log, begin, items in parts])
    body = head + b"".join(canonical.encode_trusted(item) for _, _, items in parts for item in items)
    raw = b"".join(
        bytes(64) + KEY * len(wire.new_blocks(wire.Range(log, begin, len(items)))) for log, begin, items in parts
    )
    return wire.write_envelope(space or genesis().space_id, wire.Codec(), body=body, raw=raw)


def test_a_grant_of_a_weak_key_opens_no_log():
    hq, base, _ = open_books()
    weak = Draft(replace(grant("hq").body, key=bytes(32)))
    (entry,) = hq.write(JP_ADMIN, weak).entries
    base.take(hq.news(base.space.sizes()))
    assert isinstance(base.space.entry(entry.ref).body, Grant)
    log = log_id(entry.ref.index, 0)
    assert base.space.key_of(log) is None
    with pytest.raises(UnknownWriterError):
        base.space.read(forged([(log, 0, [[21, 60, None, [1]]])]))


def test_a_weak_root_key_signs_nothing():
    parties = genesis().parties
    weak = replace(genesis(), parties=(replace(parties[0], root_key=bytes(31) + b"\x80"), parties[1]))
    assert Space(weak).key_of(JP_ADMIN) is None


def resealed(keeper: Keeper, bundle: bytes, change) -> bytes:
    """The bundle with another body or raw, in the plain codec."""
    envelope = wire.read_envelope(bundle)
    body, raw = change(keeper.space.codec.unpack(envelope.codec, envelope.body), envelope.raw)
    return canonical.encode([1, envelope.space, 0, body, raw])


def test_every_changed_byte_of_a_bundle_is_noticed():
    hq, base, _ = open_books()
    hq.write(JP_HQ, note("a"), note("b", EntryRef(IN_ADMIN, 1)))
    good = resealed(hq, hq.bundle(base.space.sizes()), lambda body, raw: (body, raw))
    before = state(base.space)
    names = set()
    for at in range(len(good)):
        for flip in (1, 0x80):
            bad = good[:at] + bytes([good[at] ^ flip]) + good[at + 1 :]
            with pytest.raises(
                (BadSignatureError, MalformedBytesError, GapError, UnknownWriterError, WrongSpaceError, TooLargeError)
            ) as caught:
                base.space.read(bad)
            names.add(type(caught.value).__name__)
    assert {"BadSignatureError", "MalformedBytesError", "GapError", "WrongSpaceError"} <= names
    assert state(base.space) == before
    base.take(good)


def test_a_signature_by_another_key_does_not_count():
    hq, base, _ = open_books()
    hq.write(JP_HQ, note())
    hq.names[JP_HQ] = "ship"
    with pytest.raises(BadSignatureError) as bad:
        base.space.read(hq.bundle(base.space.sizes()))
    assert bad.value.facts == {"log": JP_HQ, "size": 2, "root": hq.space.root(JP_HQ, 2)}


@pytest.mark.parametrize(
    "items",
    [
        [[0, 0, [JP_ADMIN, 3, IN_ADMIN, 2]], [70_000, 0, None, [1]]],
        [[21, -1, None, [1]]],
        [[21, TIME_MAX + 1, None, [1]]],
        [["a", 0, None, [1]]],
        [[21, 0.5, None, [1]]],
        [[21, 0, [JP_HQ, 0], [1]]],
        [[21, 0, [IN_BASE, 0], [1]]],
        [[21, 0, None, 1]],
        [[21, 0, None]],
        [[21, 0, None, {1: 1}]],
        [[21, 0, None, [1.5]]],
        [[21, 0, None, [canonical.cbor2.CBORSimpleValue(3)]]],
        [[60_000, 0, None, [1.5]]],
        [[21, 0, None, [1], [1]]],
        [[21, 0, None, [1], None]],
        [[21, 0, None, [1], {"a": 1}]],
        [[21, 0, None, [1], {1: 1.5}]],
        [[21, 0, None, [1], {1: 1}, None]],
        [[21, 0, None, [1], [], b"sig"]],
        [[0, 0, []]],
        [[0, 0, [JP_HQ, 1]]],
        [[0, 0, [IN_ADMIN, 0]]],
        [[0, 0, [IN_ADMIN, 1, JP_ADMIN, 1]]],
        [[0, 0, [IN_ADMIN, 1], 5]],
        [[0, 0, 5]],
    ],
)
def test_items_that_cannot_be_leaves_are_malformed(items):
    _, base, _ = open_books()
    with pytest.raises(MalformedBytesError):
        base.space.read(forged([(JP_HQ, 0, items)]))


def test_a_well_signed_foreign_admin_log_must_adopt_this_agreement():
    for items in ([[21, 0, None, [1]]], [[64, 0, None, [bytes(32)]]], [[0, 0, [IN_ADMIN, 1]]]):
        with pytest.raises((MalformedBytesError, GapError)):
            Space(genesis()).read(forged([(JP_ADMIN, 0, items)]))
    base = open_books()[1]
    with pytest.raises(MalformedBytesError, match="first leaf"):
        Keeper({}, base.space.genesis).space.read(forged([(JP_ADMIN, 0, [[0, 0, [IN_ADMIN, 1]]]), (IN_ADMIN, 0, [
            [64, 0, None, [base.space.id]]
        ])]))  # fmt: skip


def test_a_body_that_does_not_fit_is_kept_as_unreadable():
    """What tomorrow's program says, today's keeps, passes on and names; it never guesses."""
    hq, base, _ = open_books()
    unknown = [[0, START, [JP_ADMIN, 3, IN_ADMIN, 2]], [999, 0, None, [1, "new", {5: [None]}]], [21, 0, None, [1, 2]]]
    bundle = signed(hq, JP_HQ, unknown)
    (admission,) = base.take(bundle)
    bodies = [entry.body for entry in admission.entries]
    assert bodies[0] == Unreadable(999, [1, "new", {5: [None]}], "unknown kind")
    assert isinstance(bodies[1], Unreadable)
    assert bodies[1].kind == 21
    other = Keeper({}, hq.space.genesis)
    other.take(base.bundle())
    assert list(other.space.acts()) == list(base.space.acts())


def signed(writer: Keeper, log: int, items: list, *, begin: int = 0) -> bytes:
    """A bundle of arbitrary items at the end of an own log, validly signed: what a hostile writer can make."""
    probe = Keeper({}, writer.space.genesis)
    probe.take(writer.space.compose_all({log: writer.space.size(log)}, writer.sign))
    if begin:
        probe.take(writer.space.compose_all(probe.space.sizes(), writer.sign))
    try:
        probe.space.read(forged([(log, begin, items)]))
    except BadSignatureError as error:
        size, root = error.facts["size"], error.facts["root"]
    text = checkpoint.text(writer.space.origin(log), size, root)
    plain = wire.read_envelope(forged([(log, begin, items)]))
    raw = writer.sign(log, text) + plain.raw[64:]
    return wire.write_envelope(
        writer.space.id, wire.Codec(), body=wire.Codec().unpack(plain.codec, plain.body), raw=raw
    )


def test_officers_signatures_travel_and_are_committed_to():
    hq, base, _ = open_books()
    items = [
        [0, START, [JP_ADMIN, 3, IN_ADMIN, 2]],
        [21, 0, None, [1], None, b"an officer's COSE_Sign1"],
        [21, 0, [JP_HQ, 0], [1], {1: "with words"}, b"another"],
    ]
    base.take(signed(hq, JP_HQ, items))
    assert base.space.stored(EntryRef(JP_HQ, 1)).auth == b"an officer's COSE_Sign1"
    assert base.space.entry(EntryRef(JP_HQ, 1)).auth == b"an officer's COSE_Sign1"
    assert base.space.entry(EntryRef(JP_HQ, 2)).detail == {1: "with words"}
    other = Keeper({}, hq.space.genesis)
    other.take(base.bundle())
    assert [other.space.stored(EntryRef(JP_HQ, n)) for n in range(3)] == [
        base.space.stored(EntryRef(JP_HQ, n)) for n in range(3)
    ]


def test_a_segment_beyond_the_limit_is_refused():
    _, base, _ = open_books()
    with pytest.raises(TooLargeError, match="segment"):
        base.space.read(forged([(JP_HQ, 0, [[21, 0, None, [b"x" * 140_000]]])]))
    with pytest.raises(BadSignatureError):  # of two segments, each may be that long: only the signature is wrong
        base.space.read(forged([(JP_HQ, 0, [[21, 0, None, [b"x" * 100_000], {1: "y" * 100_000}]])]))


# ---- forks


@pytest.mark.parametrize(("ours", "theirs"), [(3, 3), (2, 6), (6, 2), (1, 1), (8, 3)])
def test_a_fork_is_shown_by_two_notes(ours, theirs):
    hq, base, _ = open_books()
    twin = Keeper(hq.names, hq.space.genesis)
    hq.write(JP_HQ, note("common"))
    twin.take([hq.bundle(), base.bundle()])
    for n in range(ours):
        hq.write(JP_HQ, note(f"to India {n}"))
    for n in range(theirs):
        twin.write(JP_HQ, note(f"to the auditor {n}"))
    base.take(hq.news(base.space.sizes()))
    before = state(base.space)
    with pytest.raises(ForkError) as fork:
        base.space.read(twin.bundle({JP_HQ: 1, JP_ADMIN: 3, IN_ADMIN: 2}))
    assert state(base.space) == before
    evidence = fork.value.evidence
    assert (fork.value.facts["log"], fork.value.facts["entry"]) == (JP_HQ, "16.2")
    assert (fork.value.facts["note_held"], fork.value.facts["note_other"]) == (evidence.note_a, evidence.note_b)
    assert (evidence.log, evidence.index) == (JP_HQ, 2)
    origin = base.space.origin(JP_HQ)
    held, other = (checkpoint.read_note(note, origin, key("hq")) for note in (evidence.note_a, evidence.note_b))
    assert (held.size, other.size) == (ours + 2, theirs + 2)
    assert merkle.verify_inclusion(evidence.leaf_a, 2, held.size, evidence.path_a, held.root)
    assert merkle.verify_inclusion(evidence.leaf_b, 2, other.size, evidence.path_b, other.root)
    cut = forks.cut_by(EntryRef(IN_BASE, 9), evidence, origin, key("hq"))
    assert (cut.at, cut.stands, cut.head) == (2, ours + 2, held)


def test_a_fork_of_our_own_unsigned_log_has_no_evidence_here():
    """A node restored from an old backup wrote on; the partner still knows what it wrote before."""
    hq, base, _ = open_books()
    old = Keeper(hq.names, hq.space.genesis)
    old.take([hq.bundle(), base.bundle()])
    hq.write(JP_HQ, note("before the disk failed"))
    base.take(hq.news(base.space.sizes()))
    old.write(JP_HQ, note("after the restore"))
    with pytest.raises(ForkError) as fork:
        old.space.read(base.bundle({JP_ADMIN: 3, IN_ADMIN: 2}))
    assert fork.value.evidence is None
    assert fork.value.facts["entry"] == "16.0"


def test_a_fork_seen_through_another_log_breaks_its_signature():
    """Each ctx vouches for a root: whoever was shown another history cannot be joined to ours."""
    hq, base, ship = open_books()
    twin = Keeper(hq.names, hq.space.genesis)
    twin.take([hq.bundle(), base.bundle()])
    hq.write(JP_HQ, note("one story"))
    twin.write(JP_HQ, note("another"))
    base.take(hq.news(base.space.sizes()))
    ship.take(twin.news(ship.space.sizes()))
    ship.write(JP_SHIP, note("I saw", EntryRef(JP_HQ, 1)))
    with pytest.raises(BadSignatureError) as bad:
        base.space.read(ship.bundle({JP_HQ: 99, JP_ADMIN: 3, IN_ADMIN: 2}))
    assert bad.value.facts["log"] == JP_SHIP


def test_a_node_hears_its_own_head_from_a_partner():
    hq, base, _ = open_books()
    hq.write(JP_HQ, note("lost with the disk"))
    base.take(hq.news(base.space.sizes()))
    fresh = Keeper(hq.names, hq.space.genesis)
    fresh.take(base.bundle())
    assert fresh.space.sizes()[JP_HQ] == 2
    fresh.write(JP_HQ, note("and on"))
    base.take(fresh.news(base.space.sizes()))
    assert base.space.sizes()[JP_HQ] == 3


# ---- composing


def test_nothing_new_is_nothing():
    hq, base, _ = open_books()
    assert hq.space.compose(base.space.sizes(), hq.sign) is None
    assert hq.news(base.space.sizes()) == []
    assert hq.space.compose({}, hq.sign) == hq.bundle()


def test_a_part_has_as_many_items_as_it_may(monkeypatch):
    hq, base, _ = open_books()
    hq.write(JP_HQ, *[note() for _ in range(20)])
    monkeypatch.setattr(composing, "SPLIT_ITEMS", 4)
    taken = base.take(hq.news(base.space.sizes()))
    assert [len(admission.leaves) for admission in taken] == [4, 4, 4, 4, 4, 1]


def test_large_news_comes_in_parts_that_can_be_taken_one_by_one():
    hq, base, _ = open_books()
    hq.write(JP_HQ, *[note() for _ in range(SPLIT_ITEMS + 500)])
    hq.write(JP_ADMIN, *[grant(f"other {n}") for n in range(5)])
    base.take(hq.news(base.space.sizes()))
    base.write(IN_BASE, *[note(on=EntryRef(JP_HQ, SPLIT_ITEMS)) for _ in range(300)])
    hq.take(base.news(hq.space.sizes()))
    hq.write(JP_HQ, *[note(on=EntryRef(IN_BASE, 200)) for _ in range(SPLIT_ITEMS)])
    reader = Keeper({}, hq.space.genesis)
    parts = hq.news()
    assert len(parts) == 3
    for part in parts:
        reader.take(part)
    assert reader.space.sizes() == hq.space.sizes()
    assert list(reader.space.acts()) == list(hq.space.acts())


def test_long_texts_make_parts_too():
    hq, base, _ = open_books()
    hq.write(JP_HQ, *[note("x" * 100_000) for _ in range(25)])
    parts = hq.news(base.space.sizes())
    assert len(parts) == 3
    base.take(parts)
    assert base.space.sizes()[JP_HQ] == 26


def test_a_log_passed_on_goes_whole_up_to_its_last_signed_head():
    hq, base, ship = open_books()
    hq.write(JP_HQ, *[note() for _ in range(SPLIT_ITEMS + 10)])
    base.take(hq.news(base.space.sizes()))
    (bundle,) = base.news(ship.space.sizes())
    ship.take(bundle)
    assert ship.space.sizes()[JP_HQ] == SPLIT_ITEMS + 11
    hq.write(JP_HQ, note())
    unsigned = Keeper({}, hq.space.genesis)
    unsigned.space = hq.space
    assert unsigned.news(base.space.sizes()) == []


def test_a_block_that_begins_with_acknowledgements_gets_its_key_later():
    """An epoch key is proved by the first act it salts; before that anything may stand in its place."""
    hq, base, _ = open_books()
    hq.write(JP_HQ, *[note() for _ in range(255)])  # with the ctx: 256 leaves, block 0 is full
    base.take(hq.news(base.space.sizes()))
    base.write(IN_BASE, note("now a ctx"))
    hq.take(base.news(hq.space.sizes()))
    assert hq.acknowledge(JP_HQ)
    assert not hq.space.is_act(JP_HQ, 256)
    base.take(hq.news(base.space.sizes()))
    hq.write(JP_HQ, note("salted"))
    news = hq.bundle(base.space.sizes())
    (admission,) = base.take(news)
    assert admission.held[JP_HQ] == 258
    assert admission.before == {JP_HQ: 257}
    assert list(admission.epoch_keys) == [(JP_HQ, 1)]
    hq.write(JP_HQ, note("salted too"))
    assert base.take(hq.bundle(base.space.sizes()))[0].epoch_keys == {}
    leaves, keys, _ = saved(hq.space)
    leaves = [leaf for leaf in leaves if leaf.log != JP_HQ or leaf.index < 257]
    del keys[JP_HQ, 1]
    broken = Space.restore(hq.space.genesis, leaves, keys, {})
    with pytest.raises(GapError):  # from a sender that forgets about the key
        broken.read(forged([(JP_HQ, broken.size(JP_HQ), [[21, 0, None, [1]]])]))


def test_have_tells_sizes_and_nothing_else():
    hq, base, _ = open_books()
    admission = hq.space.read(base.space.have_only())
    assert (admission.have, admission.leaves, admission.held) == ({JP_ADMIN: 3, IN_ADMIN: 2}, (), {})


def test_with_a_dictionary_bundles_are_smaller():
    plain, squeezed = record_story()[2], record_story(DICTIONARY)[2]
    assert sum(map(len, squeezed)) < sum(map(len, plain))


# ---- restoring and verifying


def test_a_space_comes_back_from_what_was_stored():
    hq, base, _ = record_story()
    leaves, keys, heads = saved(base.space)
    for verify in (False, True):
        again = Space.restore(base.space.genesis, leaves, keys, heads, verify=verify)
        assert state(again) == state(base.space)
        again.read(hq.bundle())
    assert again.compose_all({}, base.sign) == base.news()


def test_a_verified_space_may_have_erased_segments_and_an_unsigned_tail():
    hq, base, _ = record_story()
    leaves, keys, heads = saved(hq.space)
    heads = {**heads, **signed_heads(base)}
    erased = [leaf._replace(core=None, detail=None) if leaf.log == JP_HQ else leaf for leaf in leaves]
    again = Space.restore(hq.space.genesis, erased, keys, heads, verify=True)
    assert again.entry(EntryRef(JP_HQ, 1)).body == Unreadable(1, None, "withheld")
    assert again.checkpoint(JP_HQ) is None
    third = Space(hq.space.genesis)
    for bundle in again.compose_all({}, Keeper({**hq.names, **base.names}).sign):
        third.apply(third.read(bundle))
    assert state(third)[1] == state(hq.space)[1]
    assert third.entry(EntryRef(JP_HQ, 1)) == again.entry(EntryRef(JP_HQ, 1))


def test_every_changed_byte_of_what_is_stored_is_noticed():
    hq, base, _ = record_story()
    leaves, keys, _ = saved(hq.space)
    keys.update(saved(base.space)[1])
    heads = signed_heads(hq, base)
    refused = (MalformedBytesError, BadSignatureError, ForkError, UnknownWriterError, TooLargeError)

    def check(leaves=leaves, keys=keys, heads=heads):
        return Space.restore(hq.space.genesis, leaves, keys, heads, verify=True)

    check()
    for at, leaf in enumerate(leaves):
        for field in ("leaf", "core", "detail"):
            data = getattr(leaf, field)
            for n in range(len(data or b"")):
                bad = leaf._replace(**{field: data[:n] + bytes([data[n] ^ 1]) + data[n + 1 :]})
                with pytest.raises(refused) as caught:
                    check(leaves=[*leaves[:at], bad, *leaves[at + 1 :]])
                if field != "leaf":
                    assert caught.value.facts["entry"] == str(EntryRef(leaf.log, leaf.index))
    for name, epoch in keys.items():
        with pytest.raises(MalformedBytesError):
            check(keys={**keys, name: bytes([epoch[0] ^ 1]) + epoch[1:]})
    for log, head in heads.items():
        for bad in (
            head._replace(size=head.size - 1), head._replace(size=head.size + 1), head._replace(root=bytes(32)),
            head._replace(signature=bytes(64)),
        ):  # fmt: skip
            with pytest.raises(BadSignatureError) as caught:
                check(heads={**heads, log: bad})
            assert caught.value.facts["log"] == log
    for at in range(len(leaves)):
        with pytest.raises(refused):
            check(leaves=[*leaves[:at], *leaves[at + 1 :]])


def test_verifying_names_what_is_wrong():
    hq, base, _ = record_story()
    leaves, keys, _ = saved(hq.space)
    heads = signed_heads(hq, base)
    restore = lambda rows, heads=heads: Space.restore(hq.space.genesis, rows, keys, heads, verify=True)  # noqa: E731
    ctx = next(n for n, leaf in enumerate(leaves) if leaf.log == JP_HQ and leaf.index == 2)
    other = canonical.decode(leaves[ctx].leaf)
    other[2][0][2] = bytes(32)
    with pytest.raises(ForkError) as fork:
        restore([*leaves[:ctx], leaves[ctx]._replace(leaf=canonical.encode(other)), *leaves[ctx + 1 :]])
    assert fork.value.facts == {"log": IN_BASE, "size": 2, "entry": "16.2"}
    other[2][0][1] = 99
    with pytest.raises(MalformedBytesError, match="not there"):
        restore([*leaves[:ctx], leaves[ctx]._replace(leaf=canonical.encode(other)), *leaves[ctx + 1 :]])
    other[2][0][:2] = [IN_ADMIN, 2]
    other[2][0][2] = hq.space.root(IN_ADMIN, 2)
    with pytest.raises(MalformedBytesError, match="did not grow"):
        restore([*leaves[:ctx], leaves[ctx]._replace(leaf=canonical.encode(other)), *leaves[ctx + 1 :]])
    with pytest.raises(UnknownWriterError):
        restore([*leaves, StoredLeaf(log_id(3, 0), 0, leaves[6].leaf, None, None, None)])
    with pytest.raises(UnknownWriterError):
        restore(leaves, {**heads, 48: heads[16]})
    with pytest.raises(UnknownWriterError):
        restore([*leaves, leaves[0]._replace(log=-1)])
    first = StoredLeaf(JP_ADMIN, 0, leaves[4].leaf, None, None, None)
    with pytest.raises(MalformedBytesError, match="first leaf"):
        restore([first, *leaves[1:]])


def test_an_audit_names_a_head_that_does_not_fit_what_is_stored():
    hq, base, _ = record_story()
    leaves, keys, _ = saved(hq.space)
    heads = signed_heads(hq, base)
    space, faults = Space.audit(hq.space.genesis, leaves, keys, heads)
    assert (state(space)[0], faults) == (hq.space.sizes(), [])
    head = heads[JP_HQ]
    for wrong in (head._replace(root=bytes(32)), head._replace(size=99), head._replace(signature=bytes(64))):
        _, faults = Space.audit(hq.space.genesis, leaves, keys, {**heads, JP_HQ: wrong})
        assert [(type(fault), fault.facts["log"]) for fault in faults] == [(BadSignatureError, JP_HQ)]
    at = next(n for n, leaf in enumerate(leaves) if leaf[:2] == (JP_HQ, 1))
    changed = leaves[at]._replace(core=leaves[at].core[:-1] + b"x")
    space, faults = Space.audit(hq.space.genesis, [*leaves[:at], changed, *leaves[at + 1 :]], keys, heads)
    assert [fault.facts["entry"] for fault in faults] == ["16.1"]
    assert (space.sizes(), space.stored(EntryRef(JP_HQ, 1)).core) == (hq.space.sizes(), None)


def test_a_million_entries_would_not_be_wasted():
    """About 240 bytes an entry beside the segments themselves: no object of ours per entry."""
    hq, _, _ = open_books()
    hq.write(JP_HQ, *[note() for _ in range(1000)])
    log = hq.space.logs[JP_HQ]
    assert {type(item) for item in log.leaves} == {bytes}
    assert {type(item) for item in log.cores} == {bytes, type(None)}
    assert len(log.causes.at) == 1
    assert signing.verify(key("hq"), b"", signing.sign(seed("hq"), b""))


def test_a_small_bundle_cannot_take_much_memory(monkeypatch):
    """4 MiB of empty arrays in a few hundred bytes: in Python they would be 280. Whole: ``tests.fuzz.bombs``."""
    monkeypatch.setattr(wire, "VALUES_MAX", wire.VALUES_MAX // 16)
    _, base, _ = open_books()
    item = b"\x84\x19\x03\xe7\x00\xf6\x99\xea\x60" + b"\x80" * 60_000  # [999, 0, nil, [[], [], …]]
    count = 64
    ranges = [wire.Range(JP_HQ, 0, count)]
    raw = bytes(64) + KEY * len(wire.new_blocks(ranges[0]))
    bomb = wire.write_envelope(base.space.id, wire.Codec(), body=wire.write_head(ranges) + item * count, raw=raw)
    assert len(bomb) < 1_000
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError, match="values"):
            base.space.read(bomb)
        assert tracemalloc.get_traced_memory()[1] < 400 * 2**20 // 16
    finally:
        tracemalloc.stop()


def test_a_second_key_for_a_block_is_refused():
    """Its acts would be kept beside a key that does not open them: nobody could verify or pass them on."""
    hq, base, _ = open_books()
    base.write(IN_BASE, note("kept"))
    hq.take(base.news(hq.space.sizes()))
    held = hq.space.size(IN_BASE)
    base.epoch_key = lambda log, block: bytes([7]) * 32  # the writer takes another key, and says so
    base.space.logs[IN_BASE].epoch_keys[0] = bytes([7]) * 32
    base.write(IN_BASE, note("beside"))
    space, honest = base.space, hq.space
    items = []
    for index in range(space.size(IN_BASE)):
        stored = space.stored(EntryRef(IN_BASE, index))
        leaf = read_leaf(stored.leaf)
        if isinstance(leaf, CtxLeaf):
            items.append(wire.write_ctx(leaf.t, [(log, size) for log, size, _ in leaf.sights]))
            last = leaf.t
        elif index < held:  # again, with the salts it had
            segments = (stored.core, stored.detail, stored.auth)
            given = [
                None if x is None else salt
                for x, salt in zip(segments, honest.salts(EntryRef(IN_BASE, index)), strict=True)
            ]
            items.append(wire.write_salted(leaf.kind, leaf.t - last, None, segments, given))
            last = leaf.t
        else:
            items.append(
                wire.write_act(leaf.kind, leaf.t - last, None, core=stored.core, detail=stored.detail, auth=stored.auth)
            )
    size = space.size(IN_BASE)
    signature = base.sign(IN_BASE, checkpoint.text(space.origin(IN_BASE), size, space.root(IN_BASE, size)))
    body = wire.write_head([wire.Range(IN_BASE, 0, size)]) + b"".join(items)
    bundle = wire.write_envelope(space.id, space.codec, body=body, raw=signature + bytes([7]) * 32)
    with pytest.raises(MalformedBytesError):
        hq.take(bundle)
