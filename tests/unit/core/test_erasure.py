"""Erasing: what goes when, what everybody reads then, and that it comes back from nowhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import permutations
from random import Random

import pytest
from tests.cast import GENESIS, IN, JP, at, writer_of
from tests.golden import record_story
from tests.keepers import IN_ADMIN, IN_BASE, JP_ADMIN, JP_HQ, JP_SHIP, START, Keeper, note, open_books
from tests.scenario import Story
from tests.unit.core.test_forks import evidence_of, meaning, settle, told_apart
from tests.unit.core.test_space import signed

from tallystick.core import bundle as wire
from tallystick.core.canonical import encode, encode_trusted
from tallystick.core.entries import (
    Delivery,
    DeliveryLine,
    Draft,
    Entry,
    Kind,
    Note,
    Reason,
    Receipt,
    ReceiptLine,
    Redact,
    Segment,
    Unreadable,
    to_array,
)
from tallystick.core.erasure import Erasures, without
from tallystick.core.errors import GapError, MalformedBytesError
from tallystick.core.fold import Fold, fold
from tallystick.core.identity import EntryRef
from tallystick.core.log import EPOCH_LEAVES, SALTS_BYTES, StoredLeaf, salt
from tallystick.core.space import Space

CORE, DETAIL, AUTH = Segment.CORE, Segment.DETAIL, Segment.AUTH
NOTE = EntryRef(JP_HQ, 4)  # of record_story: Japan's, with the remark "Metered at the pier"
RECEIPT = EntryRef(JP_HQ, 3)
REMARK = b"Metered at the pier"


def redact(target: EntryRef, segments: int, restated: bytes = b"") -> Draft:
    return Draft(Redact(target, int(segments), Reason.ENTERED_IN_ERROR, restated))


def core_of(body: object) -> bytes:
    return encode(to_array(body))


def talk(*keepers: Keeper) -> None:
    """Everybody hears everything."""
    for _ in range(2):
        for one in keepers:
            for other in keepers:
                if one is not other:
                    other.take(one.news(other.space.sizes()))


def everything(keeper: Keeper) -> bytes:
    """All bytes a node holds of the agreement, in memory and in what it sends."""
    space = keeper.space
    parts = []
    for log in space.logs.values():
        parts += [*log.leaves, *(core or b"" for core in log.cores), *log.details.values(), *log.auths.values()]
        parts += log.epoch_keys.values()
    parts += [wire.Codec(space.codec.dictionary).unpack(*wire.read_envelope(b)[1:3]) for b in keeper.news()]
    return b"\0".join(parts)


def same(*keepers: Keeper) -> bool:
    """Whether all hold the same leaves and read the same from them."""
    one, *others = [
        ({log: k.space.root(log, n) for log, n in k.space.sizes().items()}, list(k.space.acts()),
         fold(k.space.genesis, k.space.acts()).digest)
        for k in keepers
    ]  # fmt: skip
    return all(other == one for other in others)


def stored(keeper: Keeper) -> tuple:
    space = keeper.space
    leaves = [space.stored(EntryRef(log, n)) for log, size in space.sizes().items() for n in range(size)]
    keys = {(log.id, block): secret for log in space.logs.values() for block, secret in log.epoch_keys.items()}
    heads = {log: head for log in space.sizes() if (head := space.checkpoint(log))}
    return leaves, keys, heads


def joins(*holders: Keeper) -> Keeper:
    """A node that comes later and hears everything from ``holders`` in turn."""
    late = Keeper({}, holders[0].space.genesis)
    for holder in holders:
        late.take(holder.news(late.space.sizes()))
    return late


# ---- a remark


def test_a_remark_goes_with_its_salt_and_nothing_else_changes() -> None:
    hq, base, _ = record_story()
    salts = [salt(hq.epoch_key(JP_HQ, 0), n, b"\1") for n in (1, 4)]
    roots = {log: hq.space.root(log, size) for log, size in hq.space.sizes().items()}
    before = fold(hq.space.genesis, hq.space.acts())
    admission = hq.write(JP_ADMIN, redact(NOTE, DETAIL))
    assert admission.erase == ((JP_HQ, 4, DETAIL),)
    assert len(admission.epoch_keys[JP_HQ, 0]) == SALTS_BYTES
    talk(hq, base)
    assert same(hq, base)
    for keeper in (hq, base):
        assert {log: keeper.space.root(log, size) for log, size in before_sizes(roots, keeper)} == roots
        held = everything(keeper)
        assert REMARK not in held
        assert salts[1] not in held
        assert salts[0] in held  # the other remark of the block stays provable
        assert hq.epoch_key(JP_HQ, 0) not in held
        assert b"Berth 4 if free" in held
        entry = keeper.space.entry(NOTE)
        assert (entry.detail, entry.detail_hash, entry.missing, entry.erased) == (None, None, DETAIL, DETAIL)
        assert Space.restore(keeper.space.genesis, *stored(keeper), verify=True).sizes() == keeper.space.sizes()
    now = fold(hq.space.genesis, hq.space.acts())
    assert [now.order_digest(order) for order in now.orders] == [before.order_digest(o) for o in before.orders]


def before_sizes(roots: Iterable[int], keeper: Keeper) -> list[tuple[int, int]]:
    return [(log, {JP_ADMIN: 3, IN_ADMIN: 2, JP_HQ: 5, IN_BASE: 3}[log]) for log in roots if keeper.space.size(log)]


def test_the_other_partys_wish_for_a_remark_is_a_proposal() -> None:
    hq, base, _ = record_story()
    assert base.write(IN_ADMIN, redact(NOTE, DETAIL)).erase == ()
    talk(hq, base)
    assert REMARK in everything(hq)
    assert [wish.party for wish in hq.space.erasures.wishes(NOTE)] == [IN]
    assert hq.write(JP_ADMIN, redact(NOTE, DETAIL)).erase == ((JP_HQ, 4, DETAIL),)
    talk(hq, base)
    assert REMARK not in everything(hq) + everything(base)
    assert same(hq, base)


def test_who_joins_later_gets_the_erased_form_from_either_and_the_same_record() -> None:
    hq, base, _ = record_story()
    hq.write(JP_ADMIN, redact(NOTE, DETAIL))
    talk(hq, base)
    full = Keeper({**hq.names, **base.names}, hq.space.genesis)
    full.space = hq.space
    late = joins(full)
    assert same(hq, base, late)
    assert REMARK not in everything(late)
    assert len(stored(late)[1][JP_HQ, 0]) == SALTS_BYTES
    Space.restore(late.space.genesis, *stored(late), verify=True)
    relayed = Keeper({}, hq.space.genesis)
    relayed.take(late.news())
    assert same(hq, relayed)


@pytest.mark.parametrize("begin", [0, 3, 5])
def test_what_was_erased_comes_back_with_no_overlap(begin: int) -> None:
    hq, base, _ = record_story()
    hq.write(JP_HQ, note("after"))
    old = hq.bundle({**hq.space.sizes(), JP_HQ: begin})
    hq.write(JP_ADMIN, redact(NOTE, DETAIL))
    base.take(hq.news(base.space.sizes()))
    again = Keeper(base.names, base.space.genesis)
    again.space = Space.restore(base.space.genesis, *stored(base), verify=True)
    for keeper in (base, again):
        before = stored(keeper)
        assert keeper.take(old)[0].leaves == ()
        assert stored(keeper) == before
        assert REMARK not in everything(keeper)


def test_an_overlap_from_who_has_not_erased_brings_what_is_new() -> None:
    hq, base, _ = record_story()
    admission_of = {}
    for n in range(3):
        hq.write(JP_HQ, note(f"later {n}"))
    old = {begin: hq.bundle({**hq.space.sizes(), JP_HQ: begin}) for begin in (0, 3, 5)}
    late = Keeper(dict(base.names), base.space.genesis)
    hq2 = Keeper(dict(hq.names), hq.space.genesis)
    hq2.space = Space.restore(base.space.genesis, *stored(base))  # headquarters as it was at the note
    hq2.write(JP_ADMIN, redact(NOTE, DETAIL))
    for begin, bundle in old.items():
        late.space = Space.restore(base.space.genesis, *stored(base))
        late.take(hq2.bundle({**late.space.sizes()}))
        assert len(stored(late)[1][JP_HQ, 0]) == SALTS_BYTES
        admission_of[begin] = late.take(bundle)[0]
        assert len(admission_of[begin].leaves) == 3
        assert b"later 2" in everything(late)
        assert REMARK not in everything(late)
        assert hq.epoch_key(JP_HQ, 0) not in everything(late)
        Space.restore(late.space.genesis, *stored(late), verify=True)


def test_its_writer_goes_on_in_a_block_that_lost_its_key() -> None:
    hq, base, _ = record_story()
    hq.write(JP_ADMIN, redact(NOTE, DETAIL))
    asked = []
    for n in range(EPOCH_LEAVES + 3):
        hq.space.apply(hq.space.draft(JP_HQ, [note(f"n{n}")], hq.now, lambda b: asked.append(b) or b"e" * 32))
    assert asked == [1]  # the next block has a key again
    talk(hq, base)
    assert same(hq, base)
    assert (len(stored(base)[1][JP_HQ, 0]), stored(base)[1][JP_HQ, 1]) == (SALTS_BYTES, b"e" * 32)
    assert b"n200" in everything(base)


def test_a_writer_whose_block_came_back_as_salts_draws_new_ones() -> None:
    hq, base, _ = record_story()
    hq.write(JP_ADMIN, redact(NOTE, DETAIL))
    talk(hq, base)
    full = Keeper({**hq.names, **base.names}, hq.space.genesis)
    full.space = base.space
    again = Keeper(hq.names, hq.space.genesis)
    again.take(full.news())
    again.space.apply(again.space.draft(JP_HQ, [note("x"), note("y")], hq.now + 600, lambda _: b"n" * 32))
    base.take(again.news(base.space.sizes()))
    assert same(again, base)
    Space.restore(base.space.genesis, *stored(base), verify=True)
    assert b"n" * 32 not in everything(again)


def test_erased_before_it_was_ever_sent() -> None:
    hq, base, _ = record_story()
    (entry,) = hq.write(JP_HQ, note("canary")).entries
    hq.write(JP_ADMIN, redact(entry.ref, DETAIL))
    (admission,) = base.take(hq.news(base.space.sizes()))
    assert admission.erase == ()
    assert [leaf.detail for leaf in admission.leaves if leaf.log == JP_HQ] == [None]
    assert b"canary" not in everything(base)
    assert same(hq, base)


def test_a_remark_and_the_wish_in_one_bundle_never_reach_the_store() -> None:
    hq, base, _ = record_story()
    (entry,) = hq.write(JP_HQ, note("canary")).entries
    full = stored(hq)
    hq.write(JP_ADMIN, redact(entry.ref, DETAIL))
    leaky = Keeper(hq.names, hq.space.genesis)
    leaky.space = Space.restore(hq.space.genesis, full[0], *full[1:])
    wish = hq.space.stored(EntryRef(JP_ADMIN, hq.space.size(JP_ADMIN) - 1))
    ctx = hq.space.stored(EntryRef(JP_ADMIN, hq.space.size(JP_ADMIN) - 2))
    leaves = [*full[0], ctx, wish]
    leaky.space = Space.restore(
        hq.space.genesis, leaves, {**full[1], **{k: v for k, v in stored(hq)[1].items() if k[0] == JP_ADMIN}}, full[2]
    )
    bundle = leaky.bundle(base.space.sizes())
    assert b"canary" in wire.Codec(b"").unpack(*wire.read_envelope(bundle)[1:3])
    admission = base.space.read(bundle)
    assert b"canary" not in b"".join(leaf.detail or b"" for leaf in admission.leaves)
    assert [entry.detail for entry in admission.entries if entry.kind == Kind.NOTE] == [None]
    base.space.apply(admission)
    assert b"canary" not in everything(base)
    assert same(hq, base)


# ---- a core

RESTATED = Receipt(who=3, occurred_on=20_457, offset=0, lines=(ReceiptLine(1, 249_400, 600, Reason.SHORT),))


def test_a_core_goes_when_both_have_said_the_same_and_is_read_as_restated() -> None:
    hq, base, _ = record_story()
    old = core_of(hq.space.entry(RECEIPT).body)
    wish = redact(RECEIPT, CORE, core_of(RESTATED))
    assert hq.write(JP_ADMIN, wish).erase == ()
    talk(hq, base)
    assert base.write(IN_ADMIN, redact(RECEIPT, CORE, core_of(replace(RESTATED, offset=1)))).erase == ()
    assert base.write(IN_ADMIN, redact(RECEIPT, CORE | DETAIL, core_of(RESTATED))).erase == ()
    assert base.write(IN_ADMIN, wish).erase == ((JP_HQ, 3, CORE),)
    talk(hq, base)
    for keeper in (hq, base):
        assert old not in everything(keeper)
        assert salt(hq.epoch_key(JP_HQ, 0), 3) not in everything(keeper)
        assert keeper.space.entry(RECEIPT).body == RESTATED
        Space.restore(keeper.space.genesis, *stored(keeper), verify=True)
    full = Keeper({**hq.names, **base.names}, hq.space.genesis)
    full.space = base.space
    late = joins(full)
    assert same(hq, base, late)
    assert late.space.stored(RECEIPT).core is None


def test_nothing_restated_leaves_an_entry_that_says_nothing() -> None:
    hq, base, _ = record_story()
    for keeper, log in ((hq, JP_ADMIN), (base, IN_ADMIN)):
        keeper.write(log, redact(NOTE, CORE | DETAIL))
        talk(hq, base)
    assert hq.space.entry(NOTE).body == Unreadable(Kind.NOTE, None, "erased")
    assert same(hq, base)
    assert REMARK not in everything(hq) + everything(base)


def test_an_officers_signature_goes_with_what_it_covers_and_only_when_both_agree() -> None:
    hq, base, _ = record_story()
    (entry,) = hq.write(JP_HQ, replace(note("canary"), auth=b"signature by an officer")).entries
    hq.write(JP_ADMIN, redact(entry.ref, DETAIL))
    talk(hq, base)
    assert b"canary" in everything(hq)  # whoever holds the signature could test guesses
    base.write(IN_ADMIN, redact(entry.ref, DETAIL))
    talk(hq, base)
    for keeper in (hq, base):
        held = everything(keeper)
        assert b"canary" not in held
        assert b"signature by an officer" not in held
        assert keeper.space.entry(entry.ref).erased == DETAIL | AUTH
    assert same(hq, base)


@pytest.mark.parametrize("target", [EntryRef(JP_ADMIN, 1), EntryRef(JP_HQ, 0), EntryRef(JP_ADMIN, 3)])
def test_what_opens_logs_is_never_erased(target: EntryRef) -> None:
    hq, base, _ = record_story()
    hq.write(JP_ADMIN, redact(NOTE, AUTH))
    talk(hq, base)
    before = stored(hq)[0]
    for keeper, log in ((hq, JP_ADMIN), (base, IN_ADMIN)):
        assert keeper.write(log, redact(target, CORE | DETAIL | AUTH)).erase == ()
        talk(hq, base)
    assert stored(hq)[0][: len(before)] != []
    assert all(leaf in stored(hq)[0] for leaf in before)


def test_a_writers_log_asks_for_nothing() -> None:
    hq, base, _ = record_story()
    assert hq.write(JP_HQ, redact(NOTE, DETAIL)).erase == ()
    assert not hq.space.erasures
    talk(hq, base)
    record = fold(hq.space.genesis, hq.space.acts())
    assert [finding.code for finding in record.findings if finding.entry == EntryRef(JP_HQ, 5)] == ["wrong-side"]


# ---- items that bring their salts


def salted(keeper: Keeper) -> tuple[list, list[bytes], bytes]:
    """The items of headquarters' log after an erasure, and the bundle they are in."""
    bundle = keeper.bundle({**keeper.space.sizes(), JP_HQ: 0})
    body = wire.Codec(b"").unpack(*wire.read_envelope(bundle)[1:3])
    ranges, at_ = wire.read_head(body)
    items = list(wire.Items(body, at_, ranges[0].length, 0))
    return [item.value for item in items], [item.data for item in items], bundle


def test_acts_of_an_erased_block_bring_salts_and_commitments() -> None:
    hq, _, _ = record_story()
    hq.write(JP_ADMIN, redact(NOTE, DETAIL))
    values, _, bundle = salted(hq)
    assert [len(value) for value in values] == [3, 7, 3, 7, 7]
    key = hq.epoch_key(JP_HQ, 0)
    assert values[1][6] == [salt(key, 1), salt(key, 1, b"\1"), None]
    assert (values[4][4], len(values[4][6][1])) == (None, 32)
    assert wire.read_raw(wire.read_envelope(bundle).raw, [wire.Range(JP_HQ, 0, 5)])[0].epoch_keys == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda item: [*item[:6], item[6][:2]],
        lambda item: [*item[:6], [None, *item[6][1:]]],
        lambda item: [*item[:6], [item[6][0], item[6][1], bytes(16)]],
        lambda item: [*item[:6], [item[6][0], item[6][1], b""]],
        lambda item: [*item[:6], [item[6][0][:15], *item[6][1:]]],
        lambda item: [*item[:6], [bytes(32), *item[6][1:]]],
        lambda item: [*item[:3], None, *item[4:]],
        lambda item: [*item[:3], {}, *item[4:]],
        lambda item: [*item[:4], None, *item[5:]],
        lambda item: [*item[:4], [], *item[5:]],
        lambda item: [*item[:5], b"x", item[6]],
        lambda item: [*item[:6], 7],
        lambda item: [*item, 1],
    ],
)
def test_items_whose_salts_and_segments_do_not_fit_are_malformed(change: object) -> None:
    hq, base, _ = record_story()
    hq.write(JP_ADMIN, redact(NOTE, DETAIL))
    values, data, bundle = salted(hq)
    data[1] = encode_trusted(change(values[1]))
    raw = wire.read_envelope(bundle).raw
    body = wire.write_head([wire.Range(JP_HQ, 0, 5)]) + b"".join(data)
    with pytest.raises(MalformedBytesError):
        base.space.read(wire.write_envelope(hq.space.id, wire.Codec(), body=body, raw=raw))


def test_an_admin_act_cannot_be_withheld() -> None:
    hq, _, _ = open_books()
    erased = [leaf._replace(core=None) if (leaf.log, leaf.index) == (JP_ADMIN, 1) else leaf for leaf in stored(hq)[0]]
    hq.space = Space.restore(hq.space.genesis, erased, *stored(hq)[1:])
    hq.space.logs[JP_ADMIN].grants[1] = b"x"
    late = Space(hq.space.genesis)
    with pytest.raises(MalformedBytesError):
        late.read(hq.news()[0])


def test_a_block_that_came_as_salts_waits_for_the_salts_of_what_comes_next() -> None:
    hq, base, _ = record_story()
    hq.write(JP_HQ, note("after"))
    plain = hq.bundle({**hq.space.sizes(), JP_HQ: 5})
    old = Keeper(hq.names, hq.space.genesis)
    old.space = Space.restore(base.space.genesis, *stored(base))
    old.write(JP_ADMIN, redact(NOTE, DETAIL))
    full = Keeper({**old.names, **base.names}, hq.space.genesis)
    full.space = old.space
    late = joins(full)
    with pytest.raises(GapError):
        late.space.read(plain)


# ---- what was left out though nobody erased it


def without_text(*keepers: Keeper, of: tuple[EntryRef, ...]) -> list[bytes]:
    """Return what somebody passes on who holds what these hold, but leaves out the segments of some entries."""
    whole = Keeper({log: name for one in keepers for log, name in one.names.items()}, keepers[0].space.genesis)
    whole.take([bundle for one in keepers for bundle in one.news()])
    leaves, keys, heads = stored(whole)
    bare = [leaf._replace(core=None, detail=None) if EntryRef(*leaf[:2]) in of else leaf for leaf in leaves]
    whole.space = Space.restore(whole.space.genesis, bare, keys, heads)
    return whole.news()


@pytest.mark.parametrize("first", ["left out", "whole"])
def test_what_was_left_out_comes_back_from_whoever_has_it(first: str) -> None:
    hq, base, _ = record_story()
    talk(hq, base)
    target = EntryRef(JP_HQ, 1)
    bundles = {"left out": without_text(hq, base, of=(target, NOTE)), "whole": [*hq.news(), *base.news()]}
    late = Keeper({}, hq.space.genesis)
    late.take(bundles.pop(first))
    gone = (late.space.entry(target).body, late.space.entry(target).core_hash) == (Unreadable(1, None, "withheld"), b"")
    assert gone is (first == "left out")
    assert late.space.withheld() == ({JP_HQ: 0} if first == "left out" else {})
    (other,) = bundles.values()
    late.take(other)
    assert late.space.withheld() == {}
    assert same(hq, base, late)
    again = Space.restore(late.space.genesis, *stored(late), verify=True)
    assert list(again.acts()) == list(hq.space.acts())
    third = Keeper({}, hq.space.genesis)  # and it can be passed on
    third.take(late.news())
    assert same(hq, third)


def test_what_came_back_is_what_was_committed_to_and_nothing_else() -> None:
    hq, base, _ = record_story()
    talk(hq, base)
    late = Keeper({}, hq.space.genesis)
    late.take(without_text(hq, base, of=(NOTE,)))
    before = stored(late)
    for bundle in without_text(hq, base, of=(NOTE,)):
        assert late.space.read(bundle).fill == ()
    assert stored(late) == before
    hq.write(JP_ADMIN, redact(NOTE, DETAIL))
    late.take(hq.bundle(late.space.sizes()))
    assert late.space.withheld() == {JP_HQ: 0}  # the remark is erased now; the rest is still asked for
    (whole,) = base.news({**base.space.sizes(), JP_HQ: 0})
    (filled,) = late.space.read(whole).fill
    assert (filled.index, filled.core is None, filled.detail) == (NOTE.index, False, None)
    late.take(whole)
    assert late.space.withheld() == {}


def test_words_that_nobody_can_check_are_not_taken_for_those_left_out() -> None:
    """The leaf is the one held and its head is signed; only the salt that was left out could tell the lie."""
    hq, base, _ = record_story()
    talk(hq, base)
    envelope = wire.read_envelope(hq.bundle({**hq.space.sizes(), JP_HQ: 0}))
    body = hq.space.codec.unpack(envelope.codec, envelope.body)
    (held,), at = wire.read_head(body)
    *_, item = wire.Items(body, at, held.length, 0)
    assert item.value[4] == {1: REMARK.decode()}
    hq.write(JP_ADMIN, redact(EntryRef(JP_HQ, 1), DETAIL))  # so that the block is passed on as single salts
    talk(hq, base)
    late = Keeper({}, hq.space.genesis)
    late.take(without_text(hq, base, of=(NOTE,)))
    assert late.space.withheld() == {JP_HQ: 0}
    lie = encode_trusted([*item.value[:4], {1: "Nothing was metered"}])
    head, seal = wire.write_head([wire.Range(JP_HQ, NOTE.index, 1)]), late.space.checkpoint(JP_HQ).signature
    admission = late.space.read(wire.write_envelope(hq.space.id, wire.Codec(), body=head + lie, raw=seal))
    assert admission.fill == ()


def test_a_key_that_was_taken_apart_does_not_come_back_with_older_news() -> None:
    hq, base, _ = record_story()
    talk(hq, base)
    office = Keeper({JP_ADMIN: "root-0"}, hq.space.genesis)
    office.take(hq.news())
    office.write(JP_ADMIN, redact(NOTE, DETAIL))
    base.take(office.news(base.space.sizes()))
    hq.write(JP_HQ, note("has not heard of it"))
    before = hq.bundle({**hq.space.sizes(), JP_HQ: 0})  # with the key of the block
    assert hq.epoch_key(JP_HQ, 0) not in everything(base)
    base.take(before)
    assert base.space.size(JP_HQ) == hq.space.size(JP_HQ)
    assert hq.epoch_key(JP_HQ, 0) not in everything(base)
    assert REMARK not in everything(base)


def test_a_wish_that_cannot_be_read_erases_nothing_and_stops_nobody() -> None:
    hq, base, _ = open_books()
    hq.write(JP_HQ, note("to go"))
    base.take(hq.news(base.space.sizes()))
    hq.write(JP_ADMIN, redact(EntryRef(JP_HQ, 1), DETAIL))
    base.take(hq.news(base.space.sizes()))
    unreadable = [int(Kind.REDACT), 0, None, [1]]
    late = Keeper({}, hq.space.genesis)
    late.take([*hq.news(), *base.news()])
    (admission,) = late.take(signed(base, IN_BASE, [[0, START, [JP_ADMIN, 4, IN_ADMIN, 2]], unreadable]))
    assert (admission.erase, type(admission.entries[0].body)) == ((), Unreadable)


# ---- the fold

ORDER = """\
2027-03-01 JP request O1 of IN: 1 FOOD 100 KGM "fresh provisions"
2027-03-02 IN offer F1 on O1 INR until 2027-04-30: 1 100 @ 10.00
2027-03-03 JP order R1 on F1 limit 2000.00
2027-03-04 IN accept A1 on R1
2027-03-05 IN deliver D1 on A1: 1 100
2027-03-05 JP receive E1 on D1
"""


def wish(story: Story, party: int, target: EntryRef, segments: int, restated: bytes = b"") -> Entry:
    return story.logs.say(party, redact(target, segments, restated).body, t=at("2027-03-10"))


def rules(story: Story) -> list[str]:
    return [transaction.rule for transaction in story.record.ledger.transactions_of(story.names["O1"])]


def test_a_restated_core_is_folded_in_its_place_whatever_comes_first() -> None:
    story = Story(ORDER)
    target = story.names["D1"]
    restated = core_of(replace(story.entry("D1").body, place="INVTZ"))
    wishes = [wish(story, party, target, CORE, restated) for party in (JP, IN)]
    want = fold(GENESIS, [*story.entries, *wishes])
    assert want.findings == story.record.findings
    gone = [
        e if e.ref != target else replace(e, body=Unreadable(e.kind, None, "withheld"), core_hash=b"", missing=CORE)
        for e in story.entries
    ]
    for entries in (story.entries, gone):
        for seed in range(6):
            mixed = [*entries, *wishes]
            Random(seed).shuffle(mixed)
            reading = Fold(GENESIS)
            for n in range(0, len(mixed), 3):
                reading.extend(mixed[n : n + 3])
            assert reading.record.digest == want.digest
            assert reading.record.orders == want.orders


def test_the_books_follow_what_was_restated() -> None:
    story = Story(ORDER)
    first = story.entry("D1").body
    other = replace(first, lines=(replace(first.lines[0], quantity=50_000),))
    for party in (JP, IN):
        story.fold.extend([wish(story, party, story.names["D1"], CORE, core_of(other))])
    assert story.codes("E1") == ["receipt-mismatch"]
    assert rules(story) == ["L1"]
    for party in (JP, IN):  # and again: what both said last is read
        story.fold.extend([wish(story, party, story.names["D1"], CORE, core_of(first))])
    assert story.codes("E1") == []
    assert rules(story) == ["L1", "L2", "L1"]


def test_an_entry_that_says_nothing_any_more_is_void_and_named() -> None:
    story = Story(ORDER)
    for party in (JP, IN):
        story.fold.extend([wish(story, party, story.names["E1"], CORE)])
    assert story.codes("E1") == ["erased"]
    assert rules(story) == ["L1"]


def test_a_withheld_core_is_named() -> None:
    story = Story(ORDER)
    gone = [
        e if e.ref != story.names["E1"] else replace(e, body=Unreadable(e.kind, None, "withheld"))
        for e in story.entries
    ]
    record = fold(GENESIS, gone)
    assert [finding.code for finding in record.findings] == ["withheld"]


@pytest.mark.parametrize(
    ("name", "segments", "restated", "code", "facts"),
    [
        ("O1", CORE, b"", "redact-not-possible", {"kind": 1, "why": "request"}),  # all of an order rests on it
        ("E1", DETAIL, b"\x80", "redact-not-possible", {"kind": 10, "why": "restated"}),
        ("E1", CORE, b"\x80", "redact-not-possible", {"kind": 10, "why": "an array of 4"}),
        ("E1", CORE, b"\xff", "redact-not-possible", {"kind": 10, "why": "not canonical"}),
        ("grant", CORE, b"", "redact-not-possible", {"kind": 65, "why": "kind"}),
        ("nothing", DETAIL, b"", "unknown-object", {}),
        ("E1", CORE, b"", "", {}),
        ("E1", DETAIL | AUTH, b"", "", {}),
    ],
)
def test_what_cannot_be_erased_is_told_and_changes_nothing(
    name: str, segments: int, restated: bytes, code: str, facts: dict[str, object]
) -> None:
    story = Story(ORDER)
    refs = {"grant": EntryRef(JP, 1), "nothing": EntryRef(writer_of(IN), 99), **story.names}
    asked = story.logs.say(IN, redact(refs[name], segments, restated).body)
    trial = story.fold.trial(asked)
    assert [finding.code for finding in trial.findings] == ([code] if code else [])
    assert facts.items() <= {fact for finding in trial.findings for fact in finding.facts}
    before = story.record.orders
    story.fold.extend([asked, story.logs.say(JP, asked.body)])
    assert [f.code for f in story.record.findings if f.entry == asked.ref] == ([code] if code else [])
    assert (story.record.orders == before) == (bool(code) or not segments & CORE)


def test_what_is_erased_of_an_entry_is_read_by_nobody_whether_or_not_it_is_still_here() -> None:
    story = Story(ORDER)
    signed = replace(story.entry("E1"), auth=b"a signature", detail={1: "canary"}, detail_hash=bytes(32))
    wishes = [wish(story, party, signed.ref, CORE) for party in (JP, IN)]
    read = Erasures(2).heard(wishes).reading(signed)
    assert (read.auth, read.core_hash, read.detail, read.body) == (
        None, b"", {1: "canary"}, Unreadable(signed.kind, None, "erased"),
    )  # fmt: skip
    assert read.erased == read.missing == CORE | AUTH
    assert Erasures(2).heard(wishes[:1]).reading(signed) is signed


def test_all_targets_are_told_by_name() -> None:
    story = Story(ORDER)
    names = ("E1", "D1", "A1", "F1")
    wishes = Erasures(2).heard([wish(story, JP, story.names[name], CORE) for name in names])
    assert wishes.targets == tuple(sorted(story.names[name] for name in names))
    assert wishes.wishes(story.names["O1"]) == ()


@pytest.mark.parametrize("segments", [CORE, DETAIL, AUTH, CORE | AUTH, DETAIL | AUTH, CORE | DETAIL | AUTH])
def test_a_leaf_is_kept_without_what_is_erased_and_with_the_rest(segments: Segment) -> None:
    whole = StoredLeaf(16, 3, b"leaf", b"core", b"detail", b"auth")
    kept = without(whole, segments)
    assert kept[:3] == whole[:3]
    for segment, name in ((CORE, "core"), (DETAIL, "detail"), (AUTH, "auth")):
        assert getattr(kept, name) == (None if segments & segment else getattr(whole, name))


def test_nobody_asks_for_what_they_have_not_seen() -> None:
    story = Story(ORDER)
    target = story.names["E1"]
    asked = story.logs.say(IN, redact(target, CORE).body, unseen=[target])
    agreed = wish(story, JP, target, CORE)
    story.fold.extend([asked, agreed])
    assert [finding.code for finding in story.record.findings] == ["unknown-object"]


def test_a_remark_that_goes_leaves_every_order_as_it_was() -> None:
    story = Story(ORDER)
    said = story.logs.say(writer_of(JP), Note(3), on=story.names["O1"])
    said = replace(said, detail={1: "canary"}, detail_hash=bytes(32))
    story.fold.extend([said])
    before = story.record
    story.fold.extend([wish(story, JP, said.ref, DETAIL)])
    assert story.record.order_digest(story.names["O1"]) == before.order_digest(story.names["O1"])
    (entry,) = [e for e in story.record.entries_of(story.names["O1"]) if e.ref == said.ref]
    assert (entry.detail, entry.erased) == (None, DETAIL)


def test_wishes_in_any_order_have_one_effect() -> None:
    story = Story(ORDER)
    target = story.names["D1"]
    body = story.entry("D1").body
    wishes = [
        wish(story, party, target, CORE, core_of(replace(body, place=place)))
        for place, party in (("JPYOK", JP), ("INVTZ", IN), ("INVTZ", JP), ("JPYOK", IN))
    ]
    digests = set()
    for some in permutations(wishes):
        reading = Fold(GENESIS)
        reading.extend(story.entries)
        for one in some:
            reading.extend([one])
        digests.add(reading.record.digest)
        assert reading._entries[target].body.place == "JPYOK"  # both had said so last
    assert len(digests) == 1


def test_a_delivery_may_be_erased_by_its_own_kind_only() -> None:
    story = Story(ORDER)
    other = Delivery(who=2, occurred_on=1, offset=0, place="INVTZ", lines=(DeliveryLine(1, 1, None),))
    asked = wish(story, JP, story.names["E1"], CORE, core_of(other))
    assert [finding.code for finding in story.fold.trial(asked).findings] == ["redact-not-possible"]


def test_ships_hear_it_too() -> None:
    hq, base, ship = open_books()
    (entry,) = hq.write(JP_HQ, note("canary")).entries
    talk(hq, base, ship)
    ship.write(JP_SHIP, note("seen"))
    hq.write(JP_ADMIN, redact(entry.ref, DETAIL))
    talk(hq, base, ship)
    assert same(hq, base, ship)
    assert b"canary" not in everything(hq) + everything(base) + everything(ship)


@pytest.mark.parametrize("erased_first", [True, False])
def test_what_was_erased_stays_so_through_a_fork(erased_first: bool) -> None:
    hq, base, ship, _ = told_apart()
    targets = [EntryRef(IN_BASE, 2), EntryRef(IN_BASE, 4)]  # one that both histories have, one of what stands
    words = [b"common 1", b"to headquarters 0"]
    assert all(word in everything(hq) for word in words)

    def erase() -> None:
        base.write(IN_ADMIN, *(redact(target, DETAIL) for target in targets))
        hq.take(base.news(hq.space.sizes()))

    if erased_first:
        erase()
    hq.write(JP_HQ, Draft(evidence_of(hq, ship)))
    settle(hq, ship, base)
    if not erased_first:
        erase()
        settle(hq, ship, base)
    assert meaning(hq) == meaning(ship) == meaning(base)
    for keeper in (hq, ship, base):
        held = everything(keeper)
        assert [word for word in words if word in held] == []
        assert b"common 2" in held
        assert b"to headquarters 1" in held
        assert base.epoch_key(IN_BASE, 0) not in held
        assert Space.restore(keeper.space.genesis, *stored(keeper), verify=True).sizes() == keeper.space.sizes()
