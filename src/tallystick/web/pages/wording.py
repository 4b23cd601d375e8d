"""Signed bodies in words: every field with its label and its value ready to be drawn, and one sentence per entry.

Follows the annotations of ``core.entries``, as ``app.fields`` does, so a new field appears by itself. Decides labels
and sentences; leaves figures, days and names of codes to ``formats`` and ``words``.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import IntEnum
from types import MappingProxyType
from typing import Annotated, Any, Union, get_args, get_origin

from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _

from tallystick.app.fields import Context
from tallystick.core import canonical, entries
from tallystick.core.entries import Body, FuelMeasure, Kind, Sort, Unreadable
from tallystick.core.erasure import ERASED, WITHHELD
from tallystick.core.errors import MalformedBytesError
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OrderView
from tallystick.web import formats, words

# Labels of fields, by name; where a kind calls the same field otherwise, by (kind, name).
LABELS: Mapping[str | tuple[Kind, str], words.Word] = MappingProxyType({
    "who": _("Officer"),
    "fiscal_year": _("Fiscal year"),
    "serial": _("Serial number"),
    "provider": _("Asked of"),
    "situation": _("Situation"),
    "need_from": _("Needed from"),
    "need_to": _("Needed until"),
    "place": _("Place"),
    "receiving_unit": _("Receiving unit"),
    "lines": _("Lines"),
    "line": _("Line"),
    "category": _("Category"),
    "item": _("Item"),
    "nsn": _("Stock number"),
    "unit": _("Unit"),
    "quantity": _("Quantity"),
    "tolerance_permille": _("Tolerance"),
    "means": _("Settled by"),
    "reason": _("Reason"),
    "currency": _("Currency"),
    "valid_until": _("Valid until"),
    "issuing_unit": _("Issuing unit"),
    "basis": _("Price basis"),
    "price_list": _("Price list"),
    "price_micro": _("Price per unit"),
    "funds_certifier": _("Funds certified by"),
    "max_liability": _("Up to at most"),
    "bill_to": _("Bill to"),
    "pay_to": _("Pay to"),
    "base": _("Changes version"),
    "occurred_on": _("Day"),
    "offset": _("Time of the place"),
    "fuel": _("Fuel as measured"),
    "accepted": _("Accepted"),
    "refused": _("Refused"),
    "outcome": _("Outcome"),
    "amount": _("Amount"),
    (Kind.RESOLUTION, "amount"): _("Change of what the line is worth"),
    "number": _("Number"),
    "issued_on": _("Dated"),
    "receipts": _("Receipts billed"),
    "total": _("Total"),
    (Kind.GRANT, "total"): _("Limit in total"),
    "value_on": _("Value date"),
    "reference": _("Bank reference"),
    "charges": _("Bank charges kept back"),
    "replacement": _("Replaced by"),
    "post": _("Post"),
    "key": _("Writer key"),
    "age_recipient": _("Courier files sealed to"),
    "duties": _("Duties"),
    "per_act": _("Limit per act"),
    "until": _("Valid until"),
    "trained_on": _("Trained on"),
    "officer_key": _("The officer's own key"),
    "acting_for": _("Acting for warrant"),
    "replaces": _("Goes on from warrant"),
    "valid_from": _("Valid from"),
    "valid_to": _("Valid to"),
    "companions": _("Goes together with"),
    "space": _("Agreement"),
    "grant": _("Warrant"),
    "cuts": _("Takes effect from"),
    "log": _("Log"),
    "size": _("Size"),
    "root": _("Root"),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Value:
    """One value ready to be drawn: ``sort`` says how (``_value.html``), ``measure`` is its currency or unit."""

    sort: str  # text, number, money, price, quantity, day, entry, code, hash
    value: Any
    measure: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    label: words.Word
    value: Value


@dataclass(frozen=True, slots=True)
class Table:
    """A list of a body: one row per line."""

    name: str
    label: words.Word
    columns: tuple[Field, ...]  # of the first row: names, labels and sorts
    rows: tuple[tuple[Value, ...], ...]

    @property
    def labelled(self) -> list[list[tuple[words.Word, Value]]]:
        """Each row with the label of every value, for narrow screens where the heading is not beside it."""
        labels = [column.label for column in self.columns]
        return [list(zip(labels, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Told:
    """A body in words. ``replaced`` is the body a correction puts in place of the old one."""

    fields: tuple[Field, ...]
    tables: tuple[Table, ...]
    replaced: Told | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """What a body's numbers mean here: the order's context, the names of its lines, posts and parties."""

    context: Context = field(default_factory=Context)
    items: Mapping[int, str] = field(default_factory=dict)
    posts: Callable[[object], str] = str  # post of a grant of the writer's party
    parties: tuple[str, ...] = ()
    situations: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    number: Callable[[int, int], str] = "{}/{}".format  # of an order, from fiscal year and serial


def items_of(order: OrderView | None) -> Mapping[int, str]:
    return {line.line: line.item for line in order.lines} if order is not None else {}


def label(kind: int, name: str) -> words.Word:
    """Return what a field is called; one without a label by its own name, readable."""
    known = LABELS.get((Kind(kind), name)) if kind in Kind._value2member_map_ else None
    return known or LABELS.get(name) or name.replace("_", " ")


_SAYS_NOTHING: Mapping[str, words.Word] = MappingProxyType({
    ERASED: _("What it said was erased, as both parties agreed."),
    WITHHELD: _("What it says has not come with it."),
})  # fmt: skip
_IN_THE_NUMBER = frozenset({"fiscal_year", "serial"})


def tell(body: Body | Unreadable, setting: Setting, *, corrects: int | None = None) -> Told:
    """Return ``body`` in words. ``corrects`` is the kind of the document a correction is about."""
    if isinstance(body, Unreadable):
        if body.why in _SAYS_NOTHING:
            return Told((), ())
        return Told((Field("why", _("Not readable by this version"), Value("text", body.why)),), ())
    if isinstance(body, entries.Correction):
        return Told((), (), tell(replacement_of(body, corrects), setting) if body.replacement else None)
    if isinstance(body, entries.Redact):
        return _redact(body)
    here = _measures(body, setting.context.currency, None, setting)
    plain, tables = [], []
    hints = typing.get_type_hints(type(body), include_extras=True)
    if isinstance(body, entries.Request):
        number = Value("text", setting.number(body.fiscal_year, body.serial))
        plain.append(Field("number", _("Order number"), number))
    for spec in fields(body):
        if spec.name in _IN_THE_NUMBER:
            continue
        hint, value = hints[spec.name], getattr(body, spec.name)
        inner = _many(hint)
        if inner is not None and is_dataclass(inner):
            tables.append(_table(body.KIND, spec.name, value, here, setting))
        else:
            plain.append(Field(spec.name, label(body.KIND, spec.name), _value(spec.name, hint, value, here, setting)))
    return Told(tuple(plain), tuple(tables))


def _redact(body: entries.Redact) -> Told:
    gone = ", ".join(map(str, words.segments(body.segments)))
    return Told(
        (
            Field("target", _("Entry"), Value("text", str(body.target))),
            Field("segments", _("What goes"), Value("text", gone)),
            Field("reason", label(body.KIND, "reason"), Value("code", words.name(body.reason))),
        ),
        (),
    )


def replacement_of(body: entries.Correction, kind: int | None) -> Body | Unreadable:
    """Return the body that a correction puts in place of one of ``kind``. Total: what does not read says so."""
    try:
        return entries.from_array(kind or 0, canonical.decode(body.replacement))
    except MalformedBytesError:
        return Unreadable(kind or 0, None, "replacement")


def _table(kind: Kind, name: str, rows: Iterable[Any], here: tuple[str | None, str | None], setting: Setting) -> Table:
    told: list[list[Field]] = []
    for row in rows:
        at = _measures(row, here[0], here[1], setting)
        hints = typing.get_type_hints(type(row), include_extras=True)
        names = [spec.name for spec in fields(row)]
        if "quantity" in names and "unit" in names:
            names.remove("unit")  # said beside the quantity
        inside = replace(setting, items={}) if "item" in names else setting  # a line that names its item itself
        told.append([Field(name, label(kind, name), _cell(name, hints[name], row, at, inside)) for name in names])
    # A column that says nothing in any row is left out: most lines have no stock number, no fuel measure.
    shown = [i for i in range(len(told[0]) if told else 0) if any(row[i].value.value not in ("", None) for row in told)]
    return Table(
        name,
        label(kind, name),
        tuple(told[0][i] for i in shown) if told else (),
        tuple(tuple(row[i].value for i in shown) for row in told),
    )


def _cell(name: str, hint: Any, row: Any, at: tuple[str | None, str | None], setting: Setting) -> Value:
    if name == "reason" and getattr(row, "refused", None) == 0:
        return Value("text", "")  # nothing was refused, so there is no reason
    return _value(name, hint, getattr(row, name), at, setting)


def _measures(struct: Any, currency: str | None, unit: str | None, setting: Setting) -> tuple[str | None, str | None]:
    """Return the currency and unit in force inside ``struct``: its own, its line's, or those around it."""
    own = getattr(struct, "currency", None)
    line = getattr(struct, "line", None)
    unit = getattr(struct, "unit", None) or (setting.context.units.get(line) if line is not None else None) or unit
    return (own or currency, unit)


def _many(hint: Any) -> Any | None:
    """Return what a tuple annotation holds, or None for anything else."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return get_args(hint)[0] if get_origin(hint) is tuple else None


def _value(name: str, hint: Any, value: Any, at: tuple[str | None, str | None], setting: Setting) -> Value:
    currency, unit = at
    if value is None:
        return Value("text", "")
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(a for a in get_args(hint) if a is not type(None))
    sort = next((n for n in get_args(hint)[1:] if isinstance(n, Sort)), None) if get_origin(hint) is Annotated else None
    if sort is Sort.MONEY and currency:
        return Value("money", value, currency)
    if sort is Sort.PRICE and currency:
        return Value("price", value, currency)
    if sort is Sort.QUANTITY and unit:
        return Value("quantity", value, unit)
    if sort is Sort.DAY:
        return Value("day", value)
    if sort is Sort.OFFICER:
        return Value("text", setting.posts(value))
    if isinstance(value, EntryRef):
        return Value("entry", value)
    if isinstance(value, FuelMeasure):
        return Value("text", fuel_text(value))
    if isinstance(value, IntEnum):
        return Value("code", words.name(value))
    if isinstance(value, bytes):
        return Value("hash", value)
    if isinstance(value, tuple):
        if value and isinstance(value[0], EntryRef):
            return Value("entries", value)
        return Value("text", ", ".join(str(words.name(v) if isinstance(v, IntEnum) else v) for v in value))
    return _named(name, value, setting)


def _named(name: str, value: int | str, setting: Setting) -> Value:
    """Return numbers and codes that stand for something by what they stand for."""
    match name:
        case "line" if value in setting.items:
            return Value("text", f"{value} {setting.items[int(value)]}")
        case "provider" if isinstance(value, int) and value < len(setting.parties):
            return Value("text", setting.parties[value])
        case "situation" if value in setting.situations:
            return Value("text", f"{value}: {setting.situations[str(value)]}")
        case "category" if value in setting.categories:
            return Value("text", setting.categories[str(value)])
        case "unit":
            return Value("text", formats.unit_symbol(str(value)))
        case "tolerance_permille":
            return Value("text", f"± {formats.permille(int(value))}" if value else "")
        case "offset":
            return Value("text", offset_text(int(value)))
    return Value("number" if isinstance(value, int) else "text", value)


def offset_text(minutes: int) -> str:
    """Return ``UTC+05:30`` for 330."""
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'−' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"


def tenths(value: int) -> str:
    """Return ``31.0`` for 310."""
    sign, value = ("−" if value < 0 else ""), abs(value)
    return f"{sign}{value // 10}.{value % 10}"


def fuel_text(measure: FuelMeasure) -> str:
    """Return how a volume at 15 °C was found, in one line."""
    return gettext("%(litres)s L at %(temperature)s °C, %(density)s kg/m³ at 15 °C, factor %(factor)s") % {
        "litres": formats.quantity(measure.observed_litres, "LTR"),
        "temperature": tenths(measure.temperature_decidegrees),
        "density": tenths(measure.density15_decikg),
        "factor": factor_text(measure.vcf_e5),
    }


def factor_text(vcf_e5: int) -> str:
    """Return ``0.98655`` for 98655."""
    return f"{vcf_e5 // 100_000}.{vcf_e5 % 100_000:05d}"


# ---- one sentence per entry, for the timeline

LINES_IN_A_SENTENCE = 3


def _day(number: int) -> str:
    return formats.day(number, (get_language() or "en").partition("-")[0])


def _money(minor: int, setting: Setting) -> str:
    if not setting.context.currency:
        return str(minor)
    figure = formats.money(minor, setting.context.currency)
    return f"{figure.sign}{figure.symbol}{figure.whole}{figure.fraction}"


def _qty(scaled: int, line: int, setting: Setting) -> str:
    unit = setting.context.units.get(line)
    if unit is None:
        return str(scaled)
    figure = formats.quantity(scaled, unit)
    return f"{figure} {figure.symbol}"


def goods(lines: Iterable[tuple[int, int]], setting: Setting) -> str:
    """Return ``1,790 kg fresh provisions; 320 t potable water``, or how many lines when there are many."""
    given = [(line, quantity) for line, quantity in lines if quantity]
    if len(given) > LINES_IN_A_SENTENCE:
        return ngettext("%(count)d line", "%(count)d lines", len(given)) % {"count": len(given)}
    return "; ".join(f"{_qty(q, line, setting)} {setting.items.get(line, line)}" for line, q in given)


def _request(b: entries.Request, _s: Setting) -> str:
    return ngettext(
        "Asked for %(count)d line at %(place)s, from %(first)s to %(last)s.",
        "Asked for %(count)d lines at %(place)s, from %(first)s to %(last)s.",
        len(b.lines),
    ) % {"count": len(b.lines), "place": b.place, "first": _day(b.need_from), "last": _day(b.need_to)}


def _offer(b: entries.Offer, _s: Setting) -> str:
    return gettext("Offered in %(currency)s, valid until %(day)s.") % {
        "currency": b.currency, "day": _day(b.valid_until),
    }  # fmt: skip


def _order(b: entries.Order, s: Setting) -> str:
    return gettext("Ordered, up to %(money)s.") % {"money": _money(b.max_liability, s)}


def _delivery(b: entries.Delivery, s: Setting) -> str:
    return gettext("Delivered %(goods)s on %(day)s at %(place)s.") % {
        "goods": goods(((x.line, x.quantity) for x in b.lines), s), "day": _day(b.occurred_on), "place": b.place,
    }  # fmt: skip


def _receipt(b: entries.Receipt, s: Setting) -> str:
    accepted = goods(((x.line, x.accepted) for x in b.lines), s)
    refused = goods(((x.line, x.refused) for x in b.lines), s)
    told = {"accepted": accepted, "refused": refused, "day": _day(b.occurred_on)}
    if not refused:
        return gettext("Accepted %(accepted)s on %(day)s.") % told
    if not accepted:
        return gettext("Refused %(refused)s on %(day)s.") % told
    return gettext("Accepted %(accepted)s and refused %(refused)s on %(day)s.") % told


def _invoice(b: entries.Invoice, s: Setting) -> str:
    return gettext("Invoice %(number)s of %(day)s over %(money)s.") % {
        "number": b.number, "day": _day(b.issued_on), "money": _money(b.total, s),
    }  # fmt: skip


def _funds(b: entries.FundsReceived, s: Setting) -> str:
    told = {"money": _money(b.amount, s), "charges": _money(b.charges, s), "day": _day(b.value_on)}
    if b.charges:
        return gettext("Received %(money)s, value %(day)s; the bank kept %(charges)s.") % told
    return gettext("Received %(money)s, value %(day)s.") % told


def _total(lines: Iterable[entries.AmountLine], s: Setting) -> str:
    return _money(sum(line.amount for line in lines), s)


def _resolution(b: entries.Resolution, s: Setting) -> str:
    told = {
        "line": b.line, "item": s.items.get(b.line, ""), "outcome": str(words.name(b.outcome)).lower(),
        "money": _money(b.amount, s),
    }  # fmt: skip
    if b.amount:
        return gettext("Proposed for line %(line)s, %(item)s: %(outcome)s, %(money)s.") % told
    return gettext("Proposed for line %(line)s, %(item)s: %(outcome)s.") % told


def _correction(b: entries.Correction, _s: Setting) -> str:
    return gettext("Replaced an earlier entry.") if b.replacement else gettext("Took an earlier entry back.")


_SENTENCES: Mapping[Kind, Callable[[Any, Setting], str]] = MappingProxyType({
    Kind.REQUEST: _request,
    Kind.DECLINE: lambda b, _s: gettext("Declined: %(reason)s.") % {"reason": words.name(b.reason)},
    Kind.OFFER: _offer,
    Kind.WITHDRAWAL: lambda b, _s: gettext("Withdrew: %(reason)s.") % {"reason": words.name(b.reason)},
    Kind.ORDER: _order,
    Kind.ACCEPTANCE: lambda _b, _s: gettext("Accepted the order. The order is agreed."),
    Kind.AMENDMENT: lambda b, s: gettext("Proposed an amendment, up to %(money)s.") % {
        "money": _money(b.max_liability, s)},
    Kind.CANCELLATION: lambda b, _s: gettext("Proposed to cancel what is not delivered: %(reason)s.") % {
        "reason": words.name(b.reason)},
    Kind.DELIVERY: _delivery,
    Kind.RECEIPT: _receipt,
    Kind.DISCREPANCY: lambda b, s: gettext("Reported a discrepancy of %(goods)s: %(reason)s.") % {
        "goods": goods([(b.line, b.quantity)], s), "reason": words.name(b.reason)},
    Kind.RESOLUTION: _resolution,
    Kind.INVOICE: _invoice,
    Kind.INVOICE_ACCEPTED: lambda _b, _s: gettext("Accepted the invoice."),
    Kind.INVOICE_DISPUTED: lambda b, s: gettext("Disputed %(money)s of the invoice: %(reason)s.") % {
        "money": _total(b.lines, s), "reason": words.name(b.reason)},
    Kind.PAYMENT_ADVICE: lambda b, s: gettext("Told of a payment of %(money)s, value %(day)s.") % {
        "money": _money(b.amount, s), "day": _day(b.value_on)},
    Kind.FUNDS_RECEIVED: _funds,
    Kind.CREDIT_NOTE: lambda b, s: gettext("Credit note %(number)s over %(money)s.") % {
        "number": b.number, "money": _total(b.lines, s)},
    Kind.CLOSE: lambda _b, _s: gettext("Signed that nothing is left."),
    Kind.CORRECTION: _correction,
    Kind.NOTE: lambda _b, _s: gettext("Added a note."),
    Kind.COUNTERSIGN: lambda _b, _s: gettext("Countersigned. The proposal counts from here."),
})  # fmt: skip


def sentence(body: Body | Unreadable, setting: Setting) -> str:
    """Return what an entry said, in one sentence; for a kind without one, its name."""
    if isinstance(body, Unreadable):
        return str(_SAYS_NOTHING.get(body.why) or gettext("Something this version cannot read."))
    said = _SENTENCES.get(body.KIND)
    return said(body, setting) if said is not None else str(words.kind(body.KIND))
