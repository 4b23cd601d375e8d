"""docs/spec/tallystick.cddl describes what the code writes: by a CDDL reader that is not ours, and by a strict one.

The foreign reader (pycddl, on the Rust ``cddl``) shows that the file is CDDL and describes every byte we write. It lets
much pass: any array where a choice has an array, anything for a map in an array, more than the most of a list. So what
must be refused is held against ``tests/cddl_reader`` too, and against the foreign one where that can see it.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from functools import cache
from pathlib import Path

import pycddl
import pytest
from tests.cddl_reader import Grammar
from tests.golden import record_story
from tests.keepers import IN_ADMIN, JP_ADMIN, JP_HQ, genesis, open_books
from tests.unit.core.test_space import signed

from tallystick.core import bundle as wire
from tallystick.core import canonical, entries
from tallystick.core.agreement import JAPAN_INDIA
from tallystick.core.entries import BODIES, Draft, Kind, Reason, Redact
from tallystick.core.identity import EntryRef

TEXT = (Path(__file__).parents[2] / "docs" / "spec" / "tallystick.cddl").read_text()
GRAMMAR = Grammar(TEXT)


def test_an_evidence_file_fits_its_rule():
    from tests.evidence import s1_evidence

    for whole in (False, True):
        assert fits("evidence", s1_evidence(whole=whole))
    assert refused("evidence", canonical.encode(["tallystick-evidence-1", b"", [0, 0], [], []]))
    told = canonical.decode(s1_evidence())
    told[3][0][2][0][2][0][0] = bytes(15)  # a salt
    assert refused("evidence", canonical.encode(told))


@cache
def foreign(rule: str) -> pycddl.Schema:
    return pycddl.Schema(f"start = {rule}\n{TEXT}")


def foreign_accepts(rule: str, data: bytes) -> bool:
    try:
        foreign(rule).validate_cbor(data)
    except pycddl.ValidationError:
        return False
    return True


def fits(rule: str, data: bytes) -> bool:
    """Return whether both readers accept."""
    return foreign_accepts(rule, data) and GRAMMAR.fits(rule, canonical.decode(data))


def refused(rule: str, data: bytes) -> bool:
    return not GRAMMAR.fits(rule, canonical.decode(data))


def kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


# ---- one value of every kind, made from the annotations


def value_of(hint: object, end: int) -> object:
    """Return the least (0) or the most (1) an annotated type allows; of lists, the least length."""
    origin, notes = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        limit = next((note for note in notes if isinstance(note, entries.Between)), entries.Between(0, 1))
        number = (limit.low, limit.high)[end]
        base = notes[0]
        if base is int:
            return number
        if base is str:
            return "円" * number
        if base is bytes:
            return b"\x01" * number
        return [value_of(typing.get_args(base)[0], end)] * max(1, limit.low)
    if type(None) in notes:
        return value_of(notes[0], end) if end else None
    if origin is tuple:
        return [value_of(notes[0], end)] if end else []
    if hint is EntryRef:
        return [16, 7]
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint, include_extras=True)
        return [value_of(hints[field.name], end) for field in dataclasses.fields(hint)]
    return int(list(hint)[-1 if end else 0])  # an enum


ENDS = pytest.mark.parametrize("end", [0, 1], ids=["least", "most"])
ALL = pytest.mark.parametrize("body", list(BODIES.values()), ids=lambda body: body.__name__)


@ALL
@ENDS
def test_bodies_of_every_kind_fit_their_rule(body, end):
    array = value_of(body, end)
    assert not isinstance(entries.from_array(body.KIND, array), entries.Unreadable)
    assert fits(f"core-{kebab(body.__name__)}", canonical.encode(array))


@ALL
@ENDS
def test_malformed_bodies_fit_neither_the_rule_nor_the_code(body, end):
    rule, array = f"core-{kebab(body.__name__)}", value_of(body, end)
    for wrong in ([], array[:-1], [*array, 0], {0: array}, 7, None):
        assert isinstance(entries.from_array(body.KIND, wrong), entries.Unreadable), wrong
        assert refused(rule, canonical.encode(wrong)), wrong
        assert not foreign_accepts(rule, canonical.encode(wrong)), wrong
    for at, member in enumerate(array):
        for other in (1.5, True, -(2**60), 2**60, "x" * 2401, bytes(20_000), [[]], {}, None):
            wrong = [*array[:at], other, *array[at + 1 :]]
            is_readable = not isinstance(entries.from_array(body.KIND, wrong), entries.Unreadable)
            assert GRAMMAR.fits(rule, wrong) is is_readable, wrong
            assert not is_readable or other is None, wrong
        if type(member) is int:
            assert not foreign_accepts(rule, canonical.encode([*array[:at], "x", *array[at + 1 :]])), at


@pytest.mark.parametrize(
    ("kind", "at", "wrong"),
    [
        (Kind.DECLINE, 1, 6), (Kind.DECLINE, 1, -1), (Kind.OFFER, 2, 73_049), (Kind.OFFER, 3, ""),
        (Kind.ORDER, 2, 2**53), (Kind.RESOLUTION, 3, -(2**53)), (Kind.RESOLUTION, 2, 3), (Kind.DELIVERY, 2, 841),
        (Kind.ADOPT, 0, bytes(31)), (Kind.GRANT, 1, bytes(33)), (Kind.INVOICE, 3, []), (Kind.INVOICE, 3, [[16]]),
        (Kind.RECEIPT, 3, [[1, 0, 0, 0]] * 101), (Kind.CORRECTION, 1, bytes(16_385)), (Kind.GRANT, 3, [13]),
        (Kind.REVOKE, 1, [[1, 2, bytes(31)]]),
    ],
)  # fmt: skip
def test_the_limits_are_the_same(kind, at, wrong):
    body = BODIES[kind]
    array = value_of(body, 0)
    rule = f"core-{kebab(body.__name__)}"
    assert fits(rule, canonical.encode(array))
    array[at] = wrong
    assert isinstance(entries.from_array(kind, array), entries.Unreadable)
    assert refused(rule, canonical.encode(array))


def test_rules_and_classes_have_the_same_members():
    """Names, order and limits; a class without a rule or a rule without a class would show here."""
    todo, done = list(BODIES.values()), set()
    while todo:
        body = todo.pop()
        if body in done:
            continue
        done.add(body)
        rule = f"core-{kebab(body.__name__)}" if hasattr(body, "KIND") else kebab(body.__name__)
        members = GRAMMAR.members(rule)
        assert [member.name for member in members] == [field.name for field in dataclasses.fields(body)], rule
        hints = typing.get_type_hints(body, include_extras=True)
        for member in members:
            notes = [hints[member.name], *typing.get_args(hints[member.name])]
            if member.type[0] == "name" and member.type[1] in ("hash-path", "signed-note"):
                continue  # rules of their own, whose limits the least and the most value above try
            inner = next((note for note in notes if typing.get_origin(note) is tuple), None)
            if inner is not None:
                (many,) = member.type[1]
                limit = next(
                    (n for n in notes if isinstance(n, entries.Between)), entries.Between(0, entries.LINES_MAX)
                )
                assert (many.low, many.high) == (limit.low, limit.high), (rule, member.name)
                notes = list(typing.get_args(inner))
                assert not dataclasses.is_dataclass(notes[0]) or many.type == ("name", kebab(notes[0].__name__))
            todo += [note for note in notes if isinstance(note, type) and dataclasses.is_dataclass(note)]
    kinds = {name: int(number) for name, number in re.findall(r"^kind-([\w-]+) = (\d+)$", TEXT, re.MULTILINE)}
    assert kinds == {kebab(body.__name__): int(kind) for kind, body in BODIES.items()}
    assert {kind.name.lower().replace("_", "-") for kind in Kind} == set(kinds)
    assert set(re.findall(r"^core-([\w-]+) =", TEXT, re.MULTILINE)) == set(kinds)


@pytest.mark.parametrize(
    ("rule", "codes"),
    [
        ("means-code", entries.Means), ("basis-code", entries.PriceBasis), ("outcome-code", entries.Outcome),
        ("reason-code", entries.Reason), ("duty-code", entries.Duty),
    ],
)  # fmt: skip
def test_codes_are_those_of_the_enums(rule, codes):
    for accepts in (foreign_accepts, fits):
        told = {number for number in range(-1, 40) if accepts(rule, canonical.encode(number))}
        assert told == {int(code) for code in codes}


# ---- leaves, segments and bundles that nodes really wrote


def leaf_rule(leaf: list) -> str:
    return "leaf-ctx" if leaf[0] == 0 else ("leaf-core", "leaf-detail", "leaf-auth")[len(leaf) - 4]


def item_rule(item: list) -> str:
    return "wire-ctx" if item[0] == 0 else ("wire-core", "wire-detail", "wire-auth", "wire-salted")[len(item) - 4]


def with_signatures():
    """Items of all shapes, an officer's signature included."""
    hq, base, _ = open_books()
    bundle = signed(
        hq,
        JP_HQ,
        [
            [0, 60, [JP_ADMIN, 3, IN_ADMIN, 2]],
            [21, 0, None, [1], None, b"COSE_Sign1"],
            [21, 0, [JP_HQ, 0], [1], {1: "words"}, b"COSE_Sign1"],
        ],
    )
    base.take(bundle)
    return base, [bundle]


def with_erasures():
    """Items that bring their salts, with and without what they were made of."""
    base, sent = with_signatures()
    hq, _, _ = open_books()
    hq.take(sent)
    for target in (EntryRef(JP_HQ, 1), EntryRef(JP_HQ, 2)):
        hq.write(JP_ADMIN, Draft(Redact(target, 7, Reason.NOT_STATED, b"")))
    base.take(hq.news(base.space.sizes()))
    for target in (EntryRef(JP_HQ, 1), EntryRef(JP_HQ, 2)):
        base.write(IN_ADMIN, Draft(Redact(target, 7, Reason.NOT_STATED, b"")))
    base.names |= hq.names
    return base, [*sent, *base.news()]


@pytest.mark.parametrize("story", [lambda: (record_story()[0], record_story()[2]), with_signatures, with_erasures])
def test_what_nodes_write_fits(story):
    keeper, sent = story()
    space, used = keeper.space, set()
    for bundle in [*sent, space.have_only(), space.have_only(bytes(16))]:
        envelope = wire.read_envelope(bundle)
        form = "bundle5" if envelope.have is None else "bundle6" if envelope.question is None else "bundle7"
        used.add(form)
        assert fits(form, bundle)
        body = space.codec.unpack(envelope.codec, envelope.body)
        ranges, at = wire.read_head(body)
        assert fits("bundle-head", body[:at])
        for part in ranges:
            items = wire.Items(body, at, part.length, 0)
            for value, data in items:
                used.add(item_rule(value))
                assert fits(item_rule(value), data)
            at = items.at
    for number, size in space.sizes().items():
        for index in range(size):
            stored = space.stored(EntryRef(number, index))
            leaf = canonical.decode(stored.leaf)
            used.add(leaf_rule(leaf))
            assert fits(leaf_rule(leaf), stored.leaf)
            if stored.core is not None:
                assert fits(f"core-{kebab(BODIES[Kind(leaf[0])].__name__)}", stored.core)
            if stored.detail is not None:
                assert fits("segment-detail", stored.detail)
    assert {"bundle5", "bundle6", "bundle7", "wire-ctx", "leaf-ctx"} <= used
    assert {"wire-detail", "leaf-detail"} <= used or {"wire-auth", "leaf-auth"} <= used
    assert ("wire-salted" in used) == (story is with_erasures)
    assert fits("genesis", space.genesis.bytes)
    assert JAPAN_INDIA.code in str(canonical.decode(space.genesis.bytes)[4])


H = bytes(32)


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("leaf-ctx", [0, 0, [[1, 2, H]]], [[1, 0, [[1, 2, H]]], [0, -1, [[1, 2, H]]], [0, 0, []], [0, 0, [[1, 2, 3]]]]),
        ("leaf-core", [9, 0, None, H], [[0, 0, None, H], [65_536, 0, None, H], [9, 0, [1], H], [9, 0, None, None]]),
        ("leaf-detail", [9, 0, [1, 2], H, H], [[9, 0, None, H, None], [9, 0, None, H], [9, 0, [1, -2], H, H]]),
        ("leaf-auth", [9, 0, None, H, None, H], [[9, 0, None, H, None, None], [9, 0, None, H, 0, H]]),
        ("wire-ctx", [0, -60, [17, 1]], [[1, 0, [17, 1]], [0, 0, [-1, 1]], [0, 0, []], [0, None, [17, 1]]]),
        ("wire-core", [9, 0, [16, 3], [1]], [[9, 0, [16, -3], [1]], [9, 0, None, 1], [0, 0, None, [1]]]),
        ("wire-detail", [9, 0, None, [], {1: 2}], [[9, 0, None, [], []], [9, 0, None, [], {"a": 1}]]),
        ("wire-auth", [9, 0, None, [], None, b""], [[9, 0, None, [], None, ""], [9, 0, None, [], [], b""]]),
        (
            "wire-salted",
            [9, 0, None, [], None, None, [H[:16], H, None]],
            [
                [9, 0, None, [], None, None, [None, H, None]],
                [9, 0, None, [], None, None, [H[:16], H]],
                [9, 0, None, [], None, None, [H[:15], H, None]],
                [9, 0, None, {}, None, None, [H[:16], H, None]],
                [9, 0, None, [], None, "", [H[:16], H, None]],
            ],
        ),
        ("bundle5", [1, H, 0, b"", b""], [[2, H, 0, b"", b""], [1, H[:3], 0, b"", b""], [1, H, -1, b"", b""]]),
        ("bundle6", [1, H, 0, b"", b"", [1, 2]], [[1, H, 0, b"", b"", None], [1, H, 0, b"", b"", [-1]]]),
    ],
)  # fmt: skip
def test_malformed_ones_do_not_fit(rule, good, bad):
    assert fits(rule, canonical.encode(good))
    assert [wrong for wrong in bad if not refused(rule, canonical.encode(wrong))] == []


def test_a_genesis_that_lacks_something_does_not_fit():
    whole = canonical.decode(genesis().bytes)
    for field in whole:
        less = canonical.encode({key: value for key, value in whole.items() if key != field})
        assert refused("genesis", less)
        assert not foreign_accepts("genesis", less)
    assert refused("genesis", canonical.encode({**whole, 3: whole[3][:1]}))
