from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tallystick.app import fields as terms_of
from tallystick.app.fields import Context, FieldError
from tallystick.app.read import Officer
from tallystick.core.agreement import Terms
from tallystick.core.entries import TEXT_MAX, Draft, Kind, PriceBasis
from tallystick.core.errors import LocalError
from tallystick.core.fold import PriceListView
from tallystick.core.identity import EntryRef
from tallystick.core.quantity import UNITS
from tallystick.web import formats, messages
from tallystick.web.pages.desk import Here
from tallystick.web.pages.orders.forms.base import DayField, PriceField, code_field

ROWS_FIRST = 5
ROWS_MORE = 5
ROWS_MAX = 100  # on a page; a longer list comes from the command line
_BESIDE = {"blocked-item": "nsn", "unknown-unit": "unit", "bad-dates": "valid_to", "unknown-currency": "currency"}
_LINE = ("category", "item", "nsn", "unit", "price", "companions")


@dataclass(frozen=True, slots=True)
class Row:
    number: int
    cells: dict[str, forms.BoundField]


class PriceListForm(forms.Form):
    """A price list; ``rows`` says how many lines the page has, empty ones are left out."""

    number = forms.CharField(label=_("Number"), max_length=TEXT_MAX)
    currency = forms.ChoiceField(label=_("Currency"))
    basis = code_field((PriceBasis.OWN_FORCES, PriceBasis.CONTRACTOR), label=_("Price basis"))
    valid_from = DayField(label=_("Valid from"))
    valid_to = DayField(label=_("Valid to"))
    replaces = forms.ChoiceField(label=_("Takes the place of"), required=False)

    def __init__(
        self, here: Here, officers: tuple[Officer, ...], earlier: list[PriceListView], data: Any = None
    ) -> None:
        self.here, self.officers = here, officers
        self.draft: Draft | None = None
        initial = {"number": f"{here.party}-PL-{len(earlier) + 1}"}
        super().__init__(data, initial=initial)
        terms = here.desk.genesis.terms
        self._choose("currency", [(code, code) for code in terms.currencies_for(here.party)])
        live = [(str(view.ref), view.number) for view in earlier if view.replaced_by is None]
        self._choose("replaces", [("", _("no other list")), *live])
        if len(officers) > 1:
            self.fields["officer"] = forms.ChoiceField(
                label=_("Sign as"), choices=[(str(officer.grant), officer.post) for officer in officers]
            )
        self.row_count = self._rows_asked(data)
        for number in range(self.row_count):
            for name, cell in _cells(terms, number).items():
                self.fields[f"{name}-{number}"] = cell

    def _choose(self, name: str, choices: list[tuple[str, Any]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined] # a ChoiceField

    @staticmethod
    def _rows_asked(data: Any) -> int:
        text = (data or {}).get("rows", "")
        asked = int(text) if text.isdigit() and len(text) < 4 else ROWS_FIRST
        more = ROWS_MORE if (data or {}).get("do") == "more" else 0
        return min(ROWS_MAX, max(1, asked) + more)

    @property
    def rows(self) -> Iterator[Row]:
        for number in range(self.row_count):
            yield Row(number + 1, {name: self[f"{name}-{number}"] for name in _LINE})

    def _said(self) -> list[int]:
        """Return the rows that say something."""
        return [
            n for n in range(self.row_count) if any(self.cleaned_data.get(f"{c}-{n}") for c in ("item", "price", "nsn"))
        ]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for number in self._said():
            for name in ("category", "item", "unit", "price"):
                if not cleaned.get(f"{name}-{number}") and f"{name}-{number}" not in self.errors:
                    self.add_error(f"{name}-{number}", _("Fill this in, or empty the whole line."))
        if not self._said() and not self.errors:
            self.add_error("item-0", _("A price list has at least one line."))
        if not self.errors:
            try:
                self.draft = self._make()
            except FieldError as error:
                self.refuse(error)
        return cleaned

    def refuse(self, error: LocalError) -> None:
        """Show what a reader, or the fold, says against it beside the line and field it means."""
        path = str(error.facts.get("field", _BESIDE.get(error.code, "")))
        text = messages.sentence(error.code, error.facts)
        place, _dot, name = path.partition("].")
        if place.startswith("lines[") and place[6:].isdigit():
            cell = {"price_micro": "price"}.get(name.partition("[")[0], name.partition("[")[0])
            path = f"{cell}-{self._said()[int(place[6:])]}"
        elif isinstance(line := error.facts.get("line"), int):
            path = f"{path}-{self._said()[line - 1]}"
        self.add_error(path if path in self.fields else None, text)

    def _make(self) -> Draft:
        cleaned = self.cleaned_data
        who = int(cleaned.get("officer") or self.officers[0].grant)
        lines = [
            {
                "category": cleaned[f"category-{n}"],
                "item": cleaned[f"item-{n}"],
                "nsn": cleaned[f"nsn-{n}"],
                "unit": cleaned[f"unit-{n}"],
                "price_micro": cleaned[f"price-{n}"],
                "companions": [text.strip() for text in cleaned[f"companions-{n}"].split(";") if text.strip()],
            }
            for n in self._said()
        ]
        said = {name: cleaned[name] for name in ("number", "currency", "valid_from", "valid_to", "basis")}
        body = terms_of.from_json(Kind.PRICE_LIST, {**said, "lines": lines}, who=who, context=Context())
        return Draft(body, obj=EntryRef.parse(cleaned["replaces"]) if cleaned["replaces"] else None)


def _cells(terms: Terms, number: int) -> dict[str, forms.Field]:
    provided = [(code, f"{code} {title}") for code, title in terms.categories.items() if terms.means_for(code)]
    units = [(code, f"{formats.unit_symbol(code)} · {unit.name}") for code, unit in UNITS.items()]
    blank = [("", "–")]
    named = {"line": number + 1}
    return {
        "category": forms.ChoiceField(
            label=_("Category of line %(line)d") % named, choices=blank + provided, required=False
        ),
        "item": forms.CharField(label=_("Item of line %(line)d") % named, max_length=TEXT_MAX, required=False),
        "nsn": forms.CharField(label=_("Stock number of line %(line)d") % named, max_length=20, required=False),
        "unit": forms.ChoiceField(label=_("Unit of line %(line)d") % named, choices=blank + units, required=False),
        "price": PriceField(label=_("Price of line %(line)d") % named, required=False),
        "companions": forms.CharField(
            label=_("What goes together with line %(line)d") % named, max_length=TEXT_MAX, required=False
        ),
    }
