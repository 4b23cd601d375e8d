"""Forms for goods: delivery, receipt, discrepancy, resolution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tallystick.app.fields import code_name
from tallystick.core import entries, fuel
from tallystick.core.entries import FuelMeasure, Kind, Outcome, Reason
from tallystick.core.errors import LocalError
from tallystick.core.goods import FUEL_UNIT
from tallystick.core.orders import DeliveryView, DifferenceView, Line
from tallystick.core.quantity import Quantity
from tallystick.web import messages, words
from tallystick.web.formats import unit_symbol
from tallystick.web.pages.orders.forms.base import (
    ActForm,
    DayField,
    MoneyField,
    QuantityField,
    TenthsField,
    TextField,
    amount_text,
    code_field,
    iso,
    quantity_text,
)
from tallystick.web.pages.wording import factor_text, offset_text

REFUSAL_REASONS = (
    Reason.DAMAGED, Reason.SPOILED, Reason.QUALITY, Reason.WRONG_ITEM, Reason.SHORT, Reason.OVER, Reason.LATE,
    Reason.NOT_STATED,
)  # fmt: skip
# Whole and half hours in use, and the three quarters (Nepal, Eucla, Chatham).
_OFFSETS = sorted({*range(-720, 841, 60), -570, -210, -150, 210, 270, 330, 345, 390, 525, 570, 630, 765})


def _offset_field() -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=_("Time of the place"), choices=[(str(o), offset_text(o)) for o in _OFFSETS], coerce=int
    )


class Volume(NamedTuple):
    """A volume at 15 °C in litres, and the factor it came by."""

    litres: int
    factor: str


class DeliveryForm(ActForm):
    """What is handed over now: the lines that are ticked. Fuel carries how its volume was measured."""

    kind = Kind.DELIVERY
    lines_named = ("give", "quantity", "litres", "temperature", "density")
    refused_at: ClassVar[Mapping[str, str]] = {"bad-dates": "occurred_on"}

    occurred_on = DayField(label=_("Day"))
    offset = _offset_field()
    place = TextField(label=_("Place"), max_length=16)

    def initial_of(self) -> dict[str, Any]:
        occasion = self.occasion
        start: dict[str, Any] = {
            "occurred_on": iso(occasion.as_of), "offset": str(occasion.offset), "place": occasion.view.place,
        }  # fmt: skip
        still_open = [line for line in self.agreed if line.open_quantity]
        for line in self.agreed:
            start[f"quantity-{line.line}"] = quantity_text(line.open_quantity, line.unit)
            start[f"give-{line.line}"] = still_open == [line]
        return start

    @cached_property
    def agreed(self) -> list[Line]:
        """The lines that were offered and ordered."""
        return [line for line in self.occasion.view.lines if line.price_micro is not None]

    def build(self) -> None:
        for line in self.agreed:
            told = {"item": line.item}
            self.fields[f"give-{line.line}"] = forms.BooleanField(
                label=_("Hand over %(item)s now") % told, required=False
            )
            if line.unit == FUEL_UNIT:
                self.fields[f"litres-{line.line}"] = QuantityField("LTR", label=_("Volume observed"), required=False)
                self.fields[f"temperature-{line.line}"] = TenthsField(label=_("Temperature"), required=False)
                self.fields[f"density-{line.line}"] = TenthsField(label=_("Density at 15 °C"), required=False)
            else:
                self.fields[f"quantity-{line.line}"] = QuantityField(
                    line.unit, label=_("Handed over: %(item)s") % told, required=False
                )

    def line_numbers(self) -> list[int]:
        return [line.line for line in self.agreed]

    def said_lines(self) -> list[int]:
        return [n for n in self.line_numbers() if self.line_field("give", n)]

    def _quantity(self, number: int) -> str:
        """Return the quantity handed over, or an empty text when there is none."""
        if f"litres-{number}" in self.fields:
            measure = self.measure(number)
            return str(fuel.volume15(measure.observed_litres, measure.vcf_e5)) if measure else ""
        return str(self.line_field("quantity", number))

    def measure(self, number: int) -> FuelMeasure | None:
        """Return how the volume of a fuel line was found; None when the line is left empty."""
        litres, temperature, density = (self.line_field(n, number) for n in ("litres", "temperature", "density"))
        if not (litres.strip("0.") and temperature and density):
            return None
        field = self.fields[f"temperature-{number}"]
        assert isinstance(field, TenthsField)
        degrees, kilograms = field.tenths(temperature), field.tenths(density)
        return FuelMeasure(
            observed_litres=Quantity.parse(litres, "LTR").scaled,
            temperature_decidegrees=degrees,
            density15_decikg=kilograms,
            vcf_e5=fuel.vcf_e5(kilograms, degrees),
        )

    @property
    def has_fuel(self) -> bool:
        return any(f"litres-{number}" in self.fields for number in self.line_numbers())

    @property
    def shown_volumes(self) -> dict[int, Volume]:
        """Return what the fuel measures typed so far come to."""
        found = {}
        for number in self.line_numbers():
            if self.is_bound and f"litres-{number}" in self.fields:
                try:
                    measure = self.measure(number)
                except LocalError:
                    continue  # outside the table: said when the form is checked
                if measure is not None:
                    litres = fuel.volume15(measure.observed_litres, measure.vcf_e5)
                    found[number] = Volume(litres, factor_text(measure.vcf_e5))
        return found

    def clean(self) -> dict[str, Any]:
        for number in self.said_lines():
            if f"litres-{number}" in self.fields:
                self._check_fuel(number)
            elif not self.line_field("quantity", number).strip("0.") and f"quantity-{number}" not in self.errors:
                self.add_error(f"quantity-{number}", gettext("Say how much was handed over, or untick this line."))
        if not self.errors and not self.said_lines():
            raise ValidationError(gettext("Tick what is handed over now."))
        return super().clean()

    def _check_fuel(self, number: int) -> None:
        for name in ("litres", "temperature", "density"):
            if not self.line_field(name, number) and f"{name}-{number}" not in self.errors:
                self.add_error(f"{name}-{number}", gettext("Fuel needs litres, temperature and density together."))
        try:
            self.measure(number)
        except LocalError as error:
            wrong = "temperature" if error.code.startswith("temperature") else "density"
            self.add_error(f"{wrong}-{number}", messages.sentence(error.code, error.facts))

    def told(self) -> dict[str, Any]:
        c = self.cleaned_data
        return {
            "occurred_on": c["occurred_on"],
            "offset": c["offset"],
            "place": c["place"].upper(),
            "lines": [self._line(n) for n in self.said_lines()],
        }

    def _line(self, number: int) -> dict[str, Any]:
        measure = self.measure(number) if f"litres-{number}" in self.fields else None
        return {
            "line": number,
            "quantity": self._quantity(number),
            "fuel": None
            if measure is None
            else {
                "observed_litres": measure.observed_litres,
                "temperature_decidegrees": measure.temperature_decidegrees,
                "density15_decikg": measure.density15_decikg,
                "vcf_e5": measure.vcf_e5,
            },
        }


class ReceiptForm(ActForm):
    """Per delivered line: how much is accepted, how much refused and why. Together they are what was delivered."""

    kind = Kind.RECEIPT
    lines_named = ("accepted", "refused", "reason")
    refused_at: ClassVar[Mapping[str, str]] = {"bad-dates": "occurred_on"}

    occurred_on = DayField(label=_("Day"))
    offset = _offset_field()

    @cached_property
    def delivery(self) -> DeliveryView:
        return next(d for d in self.occasion.view.deliveries if d.ref == self.occasion.on)

    @cached_property
    def delivered(self) -> dict[int, int]:
        return {line.line: line.quantity for line in self.delivery.lines}

    def initial_of(self) -> dict[str, Any]:
        body = self.occasion.body(entries.Delivery)
        start: dict[str, Any] = {
            "occurred_on": iso(self.delivery.occurred_on),
            "offset": str(body.offset),
        }
        for number, quantity in self.delivered.items():
            unit = self.occasion.lines[number].unit
            start[f"accepted-{number}"] = quantity_text(quantity, unit)
            start[f"refused-{number}"] = "0"
        return start

    def build(self) -> None:
        for number in self.delivered:
            line = self.occasion.lines[number]
            told = {"item": line.item}
            self.fields[f"accepted-{number}"] = QuantityField(
                line.unit, label=_("Accepted: %(item)s") % told, required=False
            )
            self.fields[f"refused-{number}"] = QuantityField(
                line.unit, label=_("Refused: %(item)s") % told, required=False
            )
            self.fields[f"reason-{number}"] = forms.ChoiceField(
                label=_("Why refused?"),
                choices=[("", _("Choose")), *((code_name(r), words.name(r)) for r in REFUSAL_REASONS)],
                required=False,
            )

    def line_numbers(self) -> list[int]:
        return list(self.delivered)

    def clean(self) -> dict[str, Any]:
        for number, delivered in self.delivered.items():
            if not {f"accepted-{number}", f"refused-{number}"} & set(self.errors):
                self._check_line(number, delivered)
        return super().clean()

    def _check_line(self, number: int, delivered: int) -> None:
        """Work out the one of the two that was left empty; hold both to what was delivered."""
        unit = self.occasion.lines[number].unit
        accepted, refused = (self.line_field(name, number) for name in ("accepted", "refused"))
        a = Quantity.parse(accepted, unit).scaled if accepted else None
        r = Quantity.parse(refused, unit).scaled if refused else None
        if a is None and r is None:
            self.add_error(f"accepted-{number}", gettext("Say how much is accepted and how much refused."))
            return
        if a is None or (a == delivered and r):
            a = delivered - (r or 0)  # what is refused is not accepted; the rest is, as the form began
        r = delivered - a if r is None else r
        if a < 0 or r < 0 or a + r != delivered:
            told = {"quantity": quantity_text(delivered, unit), "unit": unit_symbol(unit)}
            self.add_error(
                f"accepted-{number}",
                gettext("Accepted and refused together must be the %(quantity)s %(unit)s that were delivered.") % told,
            )
            return
        if r and not self.line_field("reason", number):
            self.add_error(f"reason-{number}", gettext("Say why it is refused."))
        self.cleaned_data[f"accepted-{number}"] = Quantity(a, unit).text()
        self.cleaned_data[f"refused-{number}"] = Quantity(r, unit).text()

    def told(self) -> dict[str, Any]:
        return {
            "occurred_on": self.cleaned_data["occurred_on"],
            "offset": self.cleaned_data["offset"],
            "lines": [self._line(number) for number in self.delivered],
        }

    def _line(self, number: int) -> dict[str, Any]:
        refused = self.line_field("refused", number)
        reason = self.line_field("reason", number) if refused.strip("0.") else code_name(Reason.NOT_STATED)
        return {"line": number, "accepted": self.line_field("accepted", number), "refused": refused, "reason": reason}


class DiscrepancyForm(ActForm):
    """A difference found after the receipt."""

    kind = Kind.DISCREPANCY
    refused_at: ClassVar[Mapping[str, str]] = {"bad-quantity": "quantity"}

    def build(self) -> None:
        body = self.occasion.body(entries.Receipt)
        lines = [self.occasion.lines[line.line] for line in body.lines]
        self.fields["line"] = forms.TypedChoiceField(
            label=_("Line"),
            choices=[(str(line.line), f"{line.line} {line.item} ({unit_symbol(line.unit)})") for line in lines],
            coerce=int,
        )
        self.fields["quantity"] = TextField(
            label=_("Quantity concerned"),
            widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
            help_text=_("In the unit of the line; 0 when only the price, the quality or the day is in question."),
        )
        self.fields["reason"] = code_field(
            (Reason.SHORT, Reason.OVER, Reason.DAMAGED, Reason.WRONG_ITEM, Reason.QUALITY, Reason.SPOILED, Reason.PRICE,
             Reason.LATE),
            label=_("What is different?"),
        )  # fmt: skip

    def told(self) -> dict[str, Any]:
        c = self.cleaned_data
        return {"line": c["line"], "quantity": c["quantity"], "reason": c["reason"]}

    def line_numbers(self) -> list[int]:
        return []


class ResolutionForm(ActForm):
    """How a difference ends. It counts when the other side countersigns."""

    kind = Kind.RESOLUTION
    refused_at: ClassVar[Mapping[str, str]] = {
        "bad-quantity": "amount", "credit-over-invoiced": "amount", "over-liability": "amount",
    }  # fmt: skip

    @cached_property
    def differences(self) -> list[DifferenceView]:
        return [d for d in self.occasion.view.differences if d.ref == self.occasion.on and not d.resolved]

    def initial_of(self) -> dict[str, Any]:
        first = next(iter(self.differences), None)
        return {
            "line": str(first.line) if first else "",
            "outcome": code_name(Outcome.NO_CHARGE),
            "amount": self._default(first.line) if first else "0",
        }

    def _default(self, line: int) -> str:
        """Return the whole amount at stake, taken off."""
        difference = next((d for d in self.differences if d.line == line), None)
        currency = self.occasion.view.currency
        return amount_text(-difference.amount, currency) if difference and currency else "0"

    def build(self) -> None:
        lines = self.occasion.lines
        self.fields["line"] = forms.TypedChoiceField(
            label=_("Line"),
            choices=[(str(d.line), f"{d.line} {lines[d.line].item}") for d in self.differences],
            coerce=int,
        )
        self.fields["outcome"] = code_field(Outcome, label=_("Outcome"), widget=forms.RadioSelect)
        assert self.occasion.view.currency is not None
        self.fields["amount"] = MoneyField(
            self.occasion.view.currency,
            signed=True,
            required=False,
            label=_("Change of what the line is worth"),
            help_text=_(
                "0 when nothing was charged for it yet; below zero to charge less, above to charge more. "
                "Left empty, what is at stake is taken off."
            ),
        )

    def line_numbers(self) -> list[int]:
        return []

    def clean(self) -> dict[str, Any]:
        c = self.cleaned_data
        if not self.errors:
            if not c.get("amount"):
                c["amount"] = "0" if c["outcome"] == code_name(Outcome.UPHELD) else self._default(c["line"])
            if c["outcome"] == code_name(Outcome.UPHELD) and c["amount"].strip("-0."):
                self.add_error("amount", gettext("When the charge stands, nothing changes: enter 0."))
            if c["outcome"] == code_name(Outcome.NO_CHARGE) and c["amount"].strip("0.") and c["amount"][0] != "-":
                self.add_error("amount", gettext("No charge cannot charge more: enter 0 or an amount below zero."))
        return super().clean()

    def told(self) -> dict[str, Any]:
        c = self.cleaned_data
        return {"line": c["line"], "outcome": c["outcome"], "amount": c["amount"]}
