"""An act in a reader's terms and back is the same act, for every kind and whatever its numbers."""

from __future__ import annotations

import json
import types
import typing
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import IntEnum
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.app.fields import Context, FieldError, from_json, kind_name, kind_named, to_json
from tallystick.core.entries import BIG, BODIES, Between, Kind, Sort
from tallystick.core.identity import EntryRef
from tallystick.core.quantity import CURRENCIES, UNITS

LINES = 5
UNIT_OF_LINE = dict(enumerate(sorted(UNITS)[: LINES + 1]))
CONTEXT = Context("INR", UNIT_OF_LINE)
_TEXT = st.characters(min_codepoint=0x20, max_codepoint=0x2FFF, exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"))
# A day must have a date on the calendar; amounts end where exactness does (docs/spec/wire.md).
_LIMITS = {Sort.DAY: (0, 73_048), Sort.OFFICER: (0, BIG)}


def _values(name: str, hint: Any, limit: Between | None = None, sort: Sort | None = None) -> st.SearchStrategy[Any]:
    """Return a strategy for one annotated field; names that mean something get values that mean something."""
    origin = get_origin(hint)
    if origin is Annotated:
        base, *notes = get_args(hint)
        limit = next((note for note in notes if isinstance(note, Between)), None)
        sort = next((note for note in notes if isinstance(note, Sort)), None)
        return _values(name, base, limit, sort)
    if origin in (Union, types.UnionType):
        (inner,) = (arg for arg in get_args(hint) if arg is not type(None))
        return st.none() | _values(name, inner)
    if origin is tuple:
        least, most = (limit.low, limit.high) if limit else (0, 3)
        return st.lists(_values(name, get_args(hint)[0]), min_size=least, max_size=min(most, 3)).map(tuple)
    if hint is EntryRef:
        return st.builds(EntryRef, st.integers(0, BIG), st.integers(0, BIG))
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return st.sampled_from(list(hint))
    if is_dataclass(hint):
        return _bodies(hint)  # type: ignore[arg-type]
    if name == "unit":
        return st.sampled_from(sorted(UNITS))
    if name == "currency":
        return st.sampled_from(sorted(CURRENCIES))
    if name == "line":
        return st.sampled_from(sorted(UNIT_OF_LINE))
    low, high = _LIMITS.get(sort, (limit.low, limit.high) if limit else (0, 200))  # type: ignore[arg-type]
    if hint is int:
        return st.integers(low, high)
    if hint is bytes:
        return st.binary(min_size=low, max_size=min(high, 64))
    return st.text(_TEXT, min_size=low, max_size=min(high, 20))


def _bodies(cls: type[Any]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return st.fixed_dictionaries({f.name: _values(f.name, hints[f.name]) for f in fields(cls)}).map(lambda d: cls(**d))


@pytest.mark.parametrize("kind", BODIES, ids=kind_name)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_an_act_told_and_read_again_is_the_same_act(kind: Kind, data: st.DataObject):
    body = data.draw(_bodies(BODIES[kind]))
    told = json.loads(json.dumps(to_json(body, CONTEXT)))  # through the bytes a program gets
    assert from_json(kind, told, who=getattr(body, "who", None), context=CONTEXT) == body


@pytest.mark.parametrize("kind", BODIES, ids=kind_name)
@settings(max_examples=40, deadline=None)
@given(
    told=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    ),
    data=st.data(),
)
def test_whatever_is_told_is_read_or_refused_by_field(kind: Kind, told: Any, data: st.DataObject):
    """Nothing a form or a program sends can do worse than a message beside a field."""
    names = [field.name for field in fields(BODIES[kind])]
    wrong = dict.fromkeys(data.draw(st.lists(st.sampled_from(names), unique=True)), told)
    right = to_json(data.draw(_bodies(BODIES[kind])), CONTEXT)
    for attempt in (told, wrong, {**right, **wrong}):
        with suppress(FieldError):
            from_json(kind, attempt, who=3, context=CONTEXT)


def test_kinds_have_names_both_ways():
    assert {kind_named(kind_name(kind)) for kind in BODIES} == set(BODIES)
    assert kind_name(999) == "unknown-999"
