"""What a body may hold: every number, text and list of every kind that the vectors have, and what is beyond it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.cast import staffed
from tests.golden import vector_orders

from tallystick.core.entries import BIG, TEXT_MAX, Duty, Entry, Kind, Reason, Unreadable, from_array, to_array

BODIES: dict[int, Entry] = {
    entry.kind: entry for entries in (staffed().entries, *vector_orders()) for entry in reversed(entries)
}


def places(value: Any, at: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    yield at
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from places(each, (*at, index))


def changed(value: Any, at: tuple[int, ...], change: Callable[[Any], Any]) -> Any:
    if not at:
        return change(value)
    return [changed(each, at[1:], change) if index == at[0] else each for index, each in enumerate(value)]


def test_the_vectors_have_nearly_every_kind() -> None:
    assert set(Kind) - set(BODIES) <= {Kind.PRICE_LIST, Kind.REVOKE, Kind.FORK, Kind.REDACT, Kind.ATTEST}


@pytest.mark.parametrize("kind", sorted(BODIES), ids=lambda kind: Kind(kind).name.lower())
def test_nothing_is_read_that_is_of_another_sort_or_beyond_its_limit(kind: int) -> None:
    array = to_array(BODIES[kind].body)
    assert from_array(kind, array) == BODIES[kind].body
    for at in places(array):
        for wrong in (
            lambda v: v + BIG + 1 if type(v) is int else BIG + 1,
            lambda v: -BIG - 1 - v if type(v) is int else -1,
            lambda v: v * (TEXT_MAX + 1) if type(v) is str and v else "x" * (TEXT_MAX + 1),
            lambda v: [*v, 0] if isinstance(v, list) else [v],
            lambda v: v[:-1] if isinstance(v, list) else 1.5,
            lambda v: not v,
        ):
            told = changed(array, at, wrong)
            read = from_array(kind, told)
            # A list of lines may be one shorter and an empty text stays one; whatever is read says what it was made of.
            assert isinstance(read, Unreadable) or to_array(read) == told, (at, told)
            if isinstance(read, Unreadable):
                assert (read.kind, bool(read.why)) == (kind, True)
        for huge in (BIG + 1, -BIG - 1, "x" * 2_000, 1.5):
            assert isinstance(from_array(kind, changed(array, at, lambda _, huge=huge: huge)), Unreadable), (at, huge)


def test_the_numbers_of_what_is_said_never_change() -> None:
    """They are on the wire and under signatures: a new one is added at the end of its range."""
    assert [*map(int, Kind)] == [*range(1, 24), *range(64, 70)]
    assert [*map(int, Reason)] == [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 16, 17, 20]
    assert [*map(int, Duty)] == [*range(1, 13)]
    assert (Kind.REQUEST, Kind.NOTE, Kind.GRANT, Kind.ATTEST) == (1, 21, 65, 69)


def test_a_name_has_a_letter_or_more() -> None:
    order = BODIES[Kind.ORDER].body
    for name, read in (("x", True), ("", False)):
        assert isinstance(from_array(Kind.ORDER, to_array(replace(order, bill_to=name))), Unreadable) is not read
