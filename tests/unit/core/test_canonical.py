from typing import NamedTuple

import pytest

from tallystick.core import canonical
from tallystick.core.entries import Kind
from tallystick.core.errors import LocalError, MalformedBytesError, TooLargeError

EXAMPLES = [
    (0, "00"), (23, "17"), (24, "1818"), (255, "18ff"), (256, "190100"), (65_536, "1a00010000"),
    (2**32, "1b0000000100000000"), (2**64 - 1, "1bffffffffffffffff"), (-1, "20"), (-(2**64), "3bffffffffffffffff"),
    (False, "f4"), (True, "f5"), (None, "f6"), ("", "60"), ("円", "63e58686"), (b"", "40"), (b"\x01", "4101"),
    ([], "80"), ([1, [2, None]], "82018202f6"), ({}, "a0"), ({10: 1, 2: 2, 256: 3}, "a302020a0119010003"),
    ({"b": 1, "aa": 2, "a": 3}, "a3616103616201626161" + "02"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "data"), EXAMPLES)
def test_the_encoding_is_that_of_rfc_8949(value, data):
    assert canonical.encode(value).hex() == data
    assert canonical.decode(bytes.fromhex(data)) == value


def test_tuples_enums_and_numbers_alone():
    assert canonical.encode((Kind.NOTE, (1,))) == canonical.encode([21, [1]])
    for number in (0, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**53):
        assert canonical.uint(number) == canonical.encode(number)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "nothing"),
        ("0000", "bytes left over"),
        ("1800", "not the shortest integer"),
        ("190001", "not the shortest integer"),
        ("1b0000000000000001", "not the shortest integer"),
        ("5801ff", "not the shortest length"),
        ("9801" + "00", "not the shortest length"),
        ("9fff", "indefinite array"),
        ("bfff", "indefinite map"),
        ("5f41014102ff", "indefinite bytes"),
        ("7f6161ff", "indefinite text"),
        ("a20201" + "0102", "keys out of order"),
        ("a201010102", "a key twice"),
        ("a2616101" + "0102", "keys of two sorts"),
        ("a12001", "a negative key"),
        ("a1810101", "an array as key"),
        ("a1f401", "a truth value as key"),
        ("f93c00", "a float"),
        ("fb3ff0000000000000", "a float"),
        ("f7", "undefined"),
        ("e0", "another simple value"),
        ("f820", "another simple value"),
        ("c001", "a tag"),
        ("c11a00000000", "a tag: time"),
        ("c24101", "a tag: big integer"),
        ("c482193039" + "02", "a tag: decimal"),
        ("d81e820100", "a tag: fraction"),
        ("d81c81d81d00", "a tag: a list within itself"),
        ("d823" + "6128", "a tag: regular expression"),
        ("d9d9f700", "a tag: self-described"),
        ("d90102" + "8101", "a tag: set"),
        ("61ff", "not UTF-8"),
        ("63eda080", "a lone surrogate"),
        ("9b0000007fffffffff", "an array longer than the world"),
        ("5b0000007fffffffff00", "a string longer than the world"),
        ("ff", "a break"),
        ("1c", "reserved"),
        ("81" * 17 + "00", "nested too deep"),
    ],
)
def test_everything_else_is_refused(data, why):
    with pytest.raises(MalformedBytesError):
        canonical.decode(bytes.fromhex(data))


def test_sixteen_levels_are_not_too_deep():
    assert canonical.decode(b"\x81" * 15 + b"\x80")


class Named(NamedTuple):
    inner: object


@pytest.mark.parametrize("box", [lambda v: [v], lambda v: (v,), Named, lambda v: {1: v}, lambda v: {"a": v}])
def test_every_sort_of_container_counts_as_a_level_before_anything_is_encoded(box):
    value = 7
    for depth in range(1, 4):
        value = box(value)
        assert canonical.check_plain(value, max_depth=depth) == depth + 1
        with pytest.raises(MalformedBytesError) as caught:
            canonical.check_plain(value, max_depth=depth - 1)
        assert caught.value.facts == {"what": "nested too deep", "limit": depth - 1}


def test_a_limit_on_values():
    with pytest.raises(TooLargeError):
        canonical.decode(canonical.encode([0] * 10), max_items=10)
    assert canonical.decode(canonical.encode([0] * 9), max_items=10) == [0] * 9


@pytest.mark.parametrize("value", [1.5, 2**64, -(2**64) - 1, {1, 2}, object(), {-1: 0}, {1: 0, "a": 0}, {b"": 0}])
def test_what_has_no_canonical_form_is_our_mistake(value):
    with pytest.raises(LocalError, match="not-canonical"):
        canonical.encode([value])
