"""The guided request: why, where and when it is needed, and what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from tallystick.app import fields as terms_of
from tallystick.app import numbers
from tallystick.core.agreement import Allowance
from tallystick.core.entries import LINES_MAX, Draft, Kind, Means, Request
from tallystick.core.quantity import UNITS, parse_price
from tallystick.web import formats
from tallystick.web.pages.orders.forms.base import ActForm, DayField, ExactField, TextField


class NewLineQuantity(ExactField):
    """A quantity of a unit that is chosen beside it; read once both are known."""

    def read(self, text: str) -> int:
        return parse_price(text)  # digits and a point; the unit's own decimals are checked with the line


class RequestForm(ActForm):
    """What is needed. Lines are added by a button, with or without htmx."""

    kind = Kind.REQUEST
    lines_named = ("category", "item", "quantity", "unit", "tolerance", "nsn")
    refused_at: ClassVar[Mapping[str, str]] = {
        "bad-dates": "need_to", "not-in-force": "need_from", "not-allowed-situation": "situation",
        "wrong-provider": "provider",
    }  # fmt: skip
    FIRST_STEP = ("provider", "situation", "place", "need_from", "need_to", "receiving_unit")

    rows_count = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=LINES_MAX, required=False)
    fiscal_year = forms.IntegerField(widget=forms.HiddenInput, required=False)
    serial = forms.IntegerField(widget=forms.HiddenInput, required=False)
    provider = forms.ChoiceField(label=_("Who is asked?"))
    situation = forms.ChoiceField(
        label=_("What is it for?"),
        widget=forms.RadioSelect,
        help_text=_("The agreement names the situations in which support may be given."),
    )
    place = TextField(
        label=_("Where?"),
        max_length=16,
        help_text=_("UN/LOCODE of the port or base, such as INVTZ for Visakhapatnam or JPSSB for Sasebo."),
        widget=forms.TextInput(attrs={"list": "known-places", "autocapitalize": "characters"}),
    )
    need_from = DayField(label=_("Needed from"))
    need_to = DayField(label=_("Needed until"))
    receiving_unit = TextField(
        label=_("Who receives it?"), help_text=_("The ship, aircraft or unit, as the provider will know it.")
    )

    def initial_of(self) -> dict[str, Any]:
        desk = self.occasion.desk
        year = numbers.fiscal_year(desk, self.occasion.as_of)
        partners = desk.partners
        return {
            "rows_count": 1,
            "fiscal_year": year,
            "serial": numbers.next_serial(desk, year),
            "provider": str(partners[0]) if len(partners) == 1 else "",
        }

    def build(self) -> None:
        desk, terms = self.occasion.desk, self.occasion.terms
        self._choices("provider", [(str(n), desk.genesis.parties[n].name) for n in desk.partners])
        self._choices("situation", [(code, f"{title} ({code})") for code, title in sorted(terms.situations.items())])
        units = [(code, f"{unit.name} ({formats.unit_symbol(code)})") for code, unit in UNITS.items()]
        for number in self.line_numbers():
            self.fields[f"category-{number}"] = forms.ChoiceField(label=_("Category"), choices=self._categories)
            self.fields[f"item-{number}"] = TextField(label=_("Item"))
            self.fields[f"quantity-{number}"] = NewLineQuantity(label=_("Quantity"))
            self.fields[f"unit-{number}"] = forms.ChoiceField(label=_("Unit"), choices=[("", _("Choose")), *units])
            self.fields[f"tolerance-{number}"] = forms.DecimalField(
                label=_("Tolerance"), required=False, min_value=0, max_value=100, decimal_places=1,
                widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
            )  # fmt: skip
            self.fields[f"nsn-{number}"] = TextField(label=_("Stock number"), required=False, max_length=20)

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        found = self.fields[name]
        assert isinstance(found, forms.ChoiceField)
        found.choices = choices

    @cached_property
    def _categories(self) -> list[tuple[str, Any]]:
        """What may be asked for: in the situation chosen, or in any before one is."""
        terms = self.occasion.terms
        chosen = str(self.data.get("situation") or self.initial.get("situation") or "")
        situations = [chosen] if chosen in terms.situations else list(terms.situations)
        allowed = [
            (code, title)
            for code, title in sorted(terms.categories.items(), key=lambda pair: pair[1])
            if any(terms.allowance(s, code) is Allowance.ALLOWED for s in situations) and terms.means_for(code)
        ]
        return [("", _("Choose")), *allowed]

    @property
    def row_count(self) -> int:
        text = str(self.data.get("rows_count") or self.initial.get("rows_count") or 1)
        return min(LINES_MAX, max(1, int(text))) if text.isdigit() and len(text) < 4 else 1

    def line_numbers(self) -> list[int]:
        return list(range(1, self.row_count + 1))

    @property
    def first_step(self) -> list[forms.BoundField]:
        return [self[name] for name in self.FIRST_STEP]

    @property
    def hidden_rest(self) -> Iterator[forms.BoundField]:
        return (self[name] for name in ("rows_count", "fiscal_year", "serial"))

    @property
    def first_step_has_errors(self) -> bool:
        return any(name in self.errors for name in self.FIRST_STEP)

    def clean_place(self) -> str:
        return str(self.cleaned_data["place"]).upper()

    def told(self) -> dict[str, Any]:
        c = self.cleaned_data
        return {
            "fiscal_year": c["fiscal_year"] or self.initial["fiscal_year"],
            "serial": c["serial"] or self.initial["serial"],
            "provider": c["provider"],
            "situation": c["situation"],
            "need_from": c["need_from"],
            "need_to": c["need_to"],
            "place": c["place"],
            "receiving_unit": c["receiving_unit"],
            "lines": [self._line(number) for number in self.line_numbers()],
        }

    def make_draft(self) -> Draft:
        """As typed; under the next free number when a colleague has taken this one meanwhile."""
        draft, desk = super().make_draft(), self.occasion.desk
        assert isinstance(draft.body, Request)
        free = numbers.next_serial(desk, draft.body.fiscal_year)
        number = desk.genesis.order_number(desk.party, draft.body.fiscal_year, draft.body.serial)
        if draft.body.serial >= free:
            return draft
        taken = [ref for ref, order in desk.record.orders.items() if order.number == number]
        if not taken or any(desk.space.entry(ref).body == draft.body for ref in taken):
            return draft  # the very same request again: told as signed already, not numbered anew
        return replace(draft, body=replace(draft.body, serial=free))

    def _line(self, number: int) -> dict[str, Any]:
        category = self.line_field("category", number)
        means = next(iter(self.occasion.terms.means_for(category)), Means.REIMBURSEMENT)
        return {
            "line": number,
            "category": category,
            "item": self.line_field("item", number),
            "nsn": self.line_field("nsn", number),
            "unit": self.line_field("unit", number),
            "quantity": self.line_field("quantity", number),
            "tolerance_permille": int((self.line_field("tolerance", number) or 0) * 10),
            "means": terms_of.code_name(means),
        }


def renumbered(data: Any, *, without: int | None = None, add: bool = False) -> Any:
    """Return posted request data with one more line, or without one and the later ones moved up."""
    changed = data.copy()
    text = str(changed.get("rows_count", "1"))
    count = min(LINES_MAX, int(text)) if text.isdigit() and len(text) < 4 else 1
    if add:
        count += 1
    elif without is not None and 1 <= without <= count and count > 1:
        for number in range(without, count + 1):
            for name in RequestForm.lines_named:
                later = changed.get(f"{name}-{number + 1}")
                if number < count and later is not None:
                    changed[f"{name}-{number}"] = later
                else:
                    changed.pop(f"{name}-{number}", None)
        count -= 1
    changed["rows_count"] = str(min(LINES_MAX, count))
    return changed
