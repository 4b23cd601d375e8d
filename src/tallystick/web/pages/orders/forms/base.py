"""What every act's form has: fields that read exactly, rows of lines, a remark, and the draft that comes of it.

Decides how a form becomes a draft and where a refusal is shown. Leaves what may be said to the fold's trial.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from tallystick.app import fields as terms_of
from tallystick.app.fields import FieldError, code_name
from tallystick.core import calendar
from tallystick.core.detail import detail_of
from tallystick.core.entries import TEXT_MAX, Draft, Kind
from tallystick.core.errors import LocalError
from tallystick.core.orders import Line
from tallystick.core.quantity import UNITS, Money, Quantity, parse_price
from tallystick.web import formats, messages, words
from tallystick.web.pages.orders.occasion import Occasion

REMARK_MAX = 1000  # a paragraph; longer stories belong in a document the remark names
_AS_TYPED = str.maketrans({" ": "", "\u00a0": "", "\u202f": "", "\u2212": "-"})  # a pasted figure may have these
_OF_A_LINE = re.compile(r"-\d+$")
_LINE_PATH = re.compile(r"lines\[(\d+)\](?:\.(\w+))?")


class ExactField(forms.CharField):
    """Digits and a point, read exactly; kept as typed, so that it comes back as it was."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("max_length", 40)
        options.setdefault(
            "widget", forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "spellcheck": "false"})
        )
        super().__init__(**options)

    def read(self, text: str) -> int:
        raise NotImplementedError

    def clean(self, value: Any) -> str:
        text = str(super().clean(value)).translate(_AS_TYPED)
        if text:
            try:
                self.read(text)
            except LocalError as error:
                raise ValidationError(messages.sentence(error.code, error.facts), code=error.code) from None
        return text


class QuantityField(ExactField):
    def __init__(self, unit: str, **options: Any) -> None:
        super().__init__(**options)
        self.unit = unit

    def read(self, text: str) -> int:
        return Quantity.parse(text, self.unit).scaled


class MoneyField(ExactField):
    def __init__(self, currency: str, *, signed: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.currency, self.signed = currency, signed

    def read(self, text: str) -> int:
        minor = Money.parse(text, self.currency).minor
        if minor < 0 and not self.signed:
            raise LocalError("out-of-range", text=text)
        return minor


class PriceField(ExactField):
    def read(self, text: str) -> int:
        return parse_price(text)


class TenthsField(ExactField):
    """A measure with one decimal, such as a temperature; its value is in tenths."""

    def read(self, text: str) -> int:
        found = re.fullmatch(r"(-?)(\d{1,4})(?:\.(\d))?", text, re.ASCII)
        if found is None:
            raise LocalError("not-a-number", text=text)
        value = int(found[2]) * 10 + int(found[3] or 0)
        return -value if found[1] else value

    def tenths(self, text: str) -> int:
        return self.read(text)


class DayField(forms.DateField):
    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
        options.setdefault("input_formats", ["%Y-%m-%d"])
        super().__init__(**options)

    def clean(self, value: Any) -> str:
        found: dt.date | None = super().clean(value)
        return found.isoformat() if found else ""


class TextField(forms.CharField):
    def __init__(self, **options: Any) -> None:
        options.setdefault("max_length", TEXT_MAX)
        super().__init__(**options)


def code_field(members: Iterable[IntEnum], **options: Any) -> forms.ChoiceField:
    """Return a choice among members of one of our lists, by their names."""
    return forms.ChoiceField(choices=[(code_name(m), words.name(m)) for m in members], **options)


@dataclass
class Row:
    """The fields of one line, beside the line as it stands."""

    line: Line | None
    number: int
    cells: dict[str, forms.BoundField] = field(default_factory=dict)

    def __getitem__(self, name: str) -> forms.BoundField:
        return self.cells[name]

    @property
    def unit(self) -> str:
        return formats.unit_symbol(self.line.unit) if self.line is not None else ""

    @property
    def stride(self) -> int:
        """What one press of + adds: about a hundredth of what was ordered, as a round number."""
        if self.line is None:
            return 1
        whole = self.line.ordered // 10 ** UNITS[self.line.unit].decimals
        return int(10 ** max(0, len(str(whole)) - 2))


class ActForm(forms.Form):
    """The form of one act. Subclasses say their fields, ``initial_of`` and ``told``."""

    kind: ClassVar[Kind]
    lines_named: ClassVar[tuple[str, ...]] = ()  # names of the fields of each line
    refused_at: ClassVar[Mapping[str, str]] = {}  # finding code → the field it is shown beside
    refused_at_line: ClassVar[Mapping[str, str]] = {  # the same, for the field of the line it names
        "bad-quantity": "quantity", "blocked-item": "nsn", "not-allowed-category": "category", "unknown-unit": "unit",
        "receipt-mismatch": "accepted", "invoice-over-accrued": "amount", "dispute-over-invoiced": "amount",
        "credit-over-invoiced": "amount",
    }  # fmt: skip

    remark = forms.CharField(
        label=_("Remark"),
        required=False,
        max_length=REMARK_MAX,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Goes with the entry and is read by both sides."),
    )

    def __init__(self, occasion: Occasion, data: Any = None, *, begun: Mapping[str, Any] | None = None) -> None:
        """``begun`` is what a document being corrected says; its lines then replace those the form would begin with."""
        self.occasion = occasion
        self.draft: Draft | None = None
        start = self.initial_of()
        if begun is not None:
            start = {name: value for name, value in start.items() if not _OF_A_LINE.search(name)} | dict(begun)
        super().__init__(data, initial=start, auto_id="f-%s")
        if len(occasion.officers) > 1:
            self.fields["officer"] = forms.ChoiceField(
                label=_("Sign as"), choices=[(str(o.grant), o.post) for o in occasion.officers]
            )
        self.build()
        self.order_fields([*(n for n in self.fields if n not in {"officer", "remark"}), "remark", "officer"])

    # ---- for subclasses

    def initial_of(self) -> dict[str, Any]:
        """Return what the form begins with."""
        return {}

    def build(self) -> None:
        """Add the fields that depend on the order."""

    def told(self) -> dict[str, Any]:
        """Return the body in a reader's terms, from fields that read well."""
        return {}

    def national(self) -> dict[str, Any]:
        """Return what stays on this node: it is never part of the draft."""
        return {}

    def line_numbers(self) -> list[int]:
        """Return the lines this form has rows for, in the order of the body."""
        return list(self.occasion.lines) if self.occasion.detail is not None else []

    def said_lines(self) -> list[int]:
        """Return the lines that go into the body; a path ``lines[0]`` in a refusal means the first of them."""
        return self.line_numbers()

    # ---- what views and templates ask

    @property
    def who(self) -> int:
        if "officer" in self.fields:
            return int(self.cleaned_data.get("officer") or self.occasion.officers[0].grant)
        return self.occasion.officers[0].grant

    @property
    def rows(self) -> Iterator[Row]:
        lines = self.occasion.lines if self.occasion.detail is not None else {}
        for number in self.line_numbers():
            row = Row(lines.get(number), number)
            for name in self.lines_named:
                if f"{name}-{number}" in self.fields:
                    row.cells[name] = self[f"{name}-{number}"]
            yield row

    @property
    def plain(self) -> list[forms.BoundField]:
        """The fields that are not of a line, the remark and the officer last."""
        of_lines = {f"{name}-{number}" for number in self.line_numbers() for name in self.lines_named}
        return [self[name] for name in self.fields if name not in of_lines]

    def line_field(self, name: str, number: int) -> Any:
        return self.cleaned_data.get(f"{name}-{number}", "")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.draft = self.make_draft()
            except FieldError as error:
                self.refuse(error)
        return cleaned

    def make_draft(self) -> Draft:
        body = terms_of.from_json(self.kind, self.told(), who=self.who, context=self.draft_context())
        remark = self.cleaned_data.get("remark", "").strip()
        return Draft(body, obj=self.occasion.on, detail=detail_of(remark))

    def draft_context(self) -> terms_of.Context:
        return self.occasion.context

    def refuse(self, error: LocalError) -> None:
        """Show a refusal beside the field it is about, or above the form."""
        path = str(error.facts.get("field", ""))
        of_line = f"{self.refused_at_line.get(error.code)}-{error.facts.get('line')}"
        place = of_line if of_line in self.fields else self.place_of(path, error.code)
        self.add_error(place, messages.sentence(error.code, error.facts))

    def place_of(self, path: str, code: str) -> str | None:
        found = _LINE_PATH.fullmatch(path)
        if found is not None:
            lines = self.said_lines()
            number = lines[int(found[1])] if int(found[1]) < len(lines) else None
            wanted = f"{found[2]}-{number}"
            if wanted in self.fields:
                return wanted
            return next((f"{name}-{number}" for name in self.lines_named if f"{name}-{number}" in self.fields), None)
        if path in self.fields:
            return path
        beside = self.refused_at.get(code)
        return beside if beside in self.fields else None


class PlainForm(ActForm):
    """An act that says nothing beyond itself."""


def iso(day: int | None) -> str:
    return "" if day is None else calendar.day_text(day)


def amount_text(minor: int, currency: str) -> str:
    return Money(minor, currency).text()


def quantity_text(scaled: int, unit: str) -> str:
    """Return a quantity as a form begins with it: without decimals it does not use."""
    text = Quantity(scaled, unit).text()
    return text.rstrip("0").rstrip(".") if "." in text else text
