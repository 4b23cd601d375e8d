"""Acts in a reader's terms: ``{"quantity": "1790", "need_from": "2027-02-18"}`` ↔ the body that is signed.

One mechanism for the pages' forms, the API, the command line and the raw entry on a page. It follows the annotations
of ``core.entries``: money becomes a decimal in the order's currency, a quantity a decimal in its line's unit, a day an
ISO date, a code its lower-case name. Decides nothing about whether the act is allowed.
"""

from __future__ import annotations

import datetime as dt
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import IntEnum
from typing import Annotated, Any, Union, get_args, get_origin

from tallystick.core import calendar, entries
from tallystick.core.canonical import can_be_written
from tallystick.core.entries import BODIES, Body, Kind, Sort
from tallystick.core.errors import LocalError
from tallystick.core.identity import EntryRef
from tallystick.core.quantity import Money, Quantity, parse_price, price_text


@dataclass(frozen=True)
class Context:
    """What numbers mean on one order: its currency, and the unit of each line."""

    currency: str | None = None
    units: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Place:
    """Where we are in a body: the path for messages, and the currency and unit in force there."""

    path: str
    currency: str | None
    unit: str | None


class FieldError(LocalError):
    """One field does not read; ``facts["field"]`` is its path (``lines[0].quantity``), ``code`` says why."""

    default_code = "field-wrong"


def kind_named(name: str) -> Kind:
    """Return the kind called ``name`` (``"funds-received"``); raises LocalError ``unknown-kind``."""
    try:
        return Kind[name.upper().replace("-", "_")]
    except KeyError:
        raise LocalError("unknown-kind", kind=name, known=", ".join(kind_name(k) for k in BODIES)) from None


def kind_name(kind: int) -> str:
    return Kind(kind).name.lower().replace("_", "-") if kind in BODIES else f"unknown-{kind}"


def code_name(value: IntEnum) -> str:
    return value.name.lower().replace("_", "-")


def from_json(kind: Kind, data: object, *, who: int | None, context: Context) -> Body:
    """Return the body that ``data`` describes; ``who`` is put in, never read from the outside.

    Raises:
        FieldError: naming the field and what it should be.
    """
    _require_letters(data)
    cls = BODIES[kind]
    names = [f.name for f in fields(cls)]
    given = dict(data) if isinstance(data, Mapping) else data
    if isinstance(given, dict) and "who" in names:
        if given.get("who", who) != who:
            raise FieldError("field-not-yours", field="who")
        given["who"] = who
    body: Body = _read(cls, given, _Place("", context.currency, None), context)
    try:
        entries.check(body)
    except entries.ShapeError as error:
        path, _, why = str(error).rpartition(": ")
        raise FieldError("field-out-of-limits", field=path or "body", why=why) from None
    return body


def _require_letters(data: object) -> None:
    """Refuse halves of letters: nothing that names one could be said or sent."""
    if not can_be_written(json.dumps(data, ensure_ascii=False, default=str)):
        raise FieldError("field-not-text", field="body")


def to_json(body: Body | entries.Unreadable, context: Context) -> dict[str, Any]:
    """Return ``body`` in a reader's terms; the reverse of ``from_json``."""
    if isinstance(body, entries.Unreadable):
        return {"unreadable": body.why, "kind": body.kind}
    data: dict[str, Any] = _write(type(body), body, _Place("", context.currency, None), context)
    return data


def _struct_place(names: Mapping[str, Any], at: _Place, context: Context) -> _Place:
    """A struct that says its own currency, unit or line changes what the numbers in it mean."""
    currency = names.get("currency")
    unit = names.get("unit")
    line = names.get("line")
    if unit is None and isinstance(line, int | str) and str(line).isdigit():
        unit = context.units.get(int(line))
    return _Place(
        at.path,
        currency if isinstance(currency, str) and currency else at.currency,
        unit if isinstance(unit, str) else at.unit,
    )


def _read(hint: Any, data: Any, at: _Place, context: Context) -> Any:
    origin = get_origin(hint)
    if origin is Annotated:
        base, *notes = get_args(hint)
        sort = next((n for n in notes if isinstance(n, Sort)), None)
        return _read_sort(sort, data, at) if sort is not None else _read(base, data, at, context)
    if origin in (Union, types.UnionType):
        (inner,) = (a for a in get_args(hint) if a is not type(None))
        return None if data in (None, "") else _read(inner, data, at, context)
    if origin is tuple:
        if not isinstance(data, list | tuple):
            raise FieldError("field-not-a-list", field=at.path)
        inner = get_args(hint)[0]
        return tuple(
            _read(inner, item, _Place(f"{at.path}[{i}]", at.currency, at.unit), context) for i, item in enumerate(data)
        )
    if hint is EntryRef:
        return _read_ref(data, at)
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return _read_code(hint, data, at)
    if is_dataclass(hint):
        return _read_struct(hint, data, at, context)
    if hint is int:
        return _read_int(data, at)
    if hint is bytes:
        try:
            return data if isinstance(data, bytes) else bytes.fromhex(data)
        except (TypeError, ValueError):
            raise FieldError("field-not-hex", field=at.path) from None
    if not isinstance(data, str):
        raise FieldError("field-not-text", field=at.path)
    return data.strip()


def _read_struct(cls: Any, data: Any, at: _Place, context: Context) -> Any:
    if not isinstance(data, Mapping):
        raise FieldError("field-not-an-object", field=at.path or "body")
    hints = typing.get_type_hints(cls, include_extras=True)
    names = [f.name for f in fields(cls)]
    extra = sorted(str(name) for name in data if name not in names)
    if extra:
        raise FieldError("field-unknown", field=_join(at.path, extra[0]), known=", ".join(names))
    here = _struct_place(data, at, context)
    values = {}
    for name in names:
        path = _join(at.path, name)
        if name not in data and not _optional(hints[name]):
            raise FieldError("field-missing", field=path)
        values[name] = _read(hints[name], data.get(name), _Place(path, here.currency, here.unit), context)
    return cls(**values)


def _optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _read_sort(sort: Sort, data: Any, at: _Place) -> int:
    try:
        if sort is Sort.OFFICER:
            return _read_int(data, at)
        if not isinstance(data, str | int) or isinstance(data, bool):
            raise FieldError("field-not-text", field=at.path)
        text = str(data).strip()
        if not text:
            raise FieldError("field-missing", field=at.path)
        if sort is Sort.DAY:
            return calendar.day(dt.date.fromisoformat(text))
        if sort is Sort.PRICE:
            return parse_price(text)
        if sort is Sort.MONEY:
            if at.currency is None:
                raise FieldError("field-needs-currency", field=at.path)
            return Money.parse(text, at.currency).minor
        if at.unit is None:
            raise FieldError("field-needs-unit", field=at.path)
        return Quantity.parse(text, at.unit).scaled
    except FieldError:
        raise
    except LocalError as error:
        raise FieldError(error.code, **{**error.facts, "field": at.path}) from None
    except ValueError:
        raise FieldError("field-not-a-date", field=at.path, given=str(data)[:40]) from None


def _read_int(data: Any, at: _Place) -> int:
    if isinstance(data, int) and not isinstance(data, bool):
        return data
    text = data.strip() if isinstance(data, str) else ""
    if not (text.lstrip("-").isdigit() and text.isascii() and len(text) <= 18):
        raise FieldError("field-not-a-whole-number", field=at.path)
    return int(text)


def _read_code(hint: type[IntEnum], data: Any, at: _Place) -> IntEnum:
    if isinstance(data, hint):
        return data
    known = {code_name(member): member for member in hint}
    if not isinstance(data, str) or data not in known:
        raise FieldError("field-not-a-code", field=at.path, known=", ".join(known))
    return known[data]


def _read_ref(data: Any, at: _Place) -> EntryRef:
    if isinstance(data, EntryRef):
        return data
    try:
        return EntryRef.parse(data)
    except (ValueError, AttributeError, TypeError):
        raise FieldError("field-not-an-entry", field=at.path) from None


def _write(hint: Any, value: Any, at: _Place, context: Context) -> Any:
    origin = get_origin(hint)
    if origin is Annotated:
        base, *notes = get_args(hint)
        sort = next((n for n in notes if isinstance(n, Sort)), None)
        return _write_sort(sort, value, at) if sort is not None else _write(base, value, at, context)
    if value is None:
        return None
    if origin in (Union, types.UnionType):
        (inner,) = (a for a in get_args(hint) if a is not type(None))
        return _write(inner, value, at, context)
    if origin is tuple:
        return [_write(get_args(hint)[0], item, at, context) for item in value]
    if is_dataclass(hint):
        hints = typing.get_type_hints(hint, include_extras=True)
        names = {f.name: getattr(value, f.name) for f in fields(hint)}
        here = _struct_place(names, at, context)
        return {name: _write(hints[name], item, here, context) for name, item in names.items()}
    if isinstance(value, EntryRef):
        return str(value)
    if isinstance(value, IntEnum):
        return code_name(value)
    return value.hex() if isinstance(value, bytes) else value


def _write_sort(sort: Sort, value: int, at: _Place) -> Any:
    if sort is Sort.OFFICER:
        return value
    if sort is Sort.DAY:
        return calendar.date_of(value).isoformat()
    if sort is Sort.PRICE:
        return price_text(value)
    if sort is Sort.MONEY:
        return Money(value, at.currency).text() if at.currency else str(value)
    return Quantity(value, at.unit).text() if at.unit else str(value)
