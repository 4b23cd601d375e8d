"""Forms from the answer to a request until the order is agreed, and for changing it afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tallystick.app import fields as terms_of
from tallystick.core.entries import Duty, Kind, PriceBasis, Reason
from tallystick.core.errors import LocalError
from tallystick.core.fold import PriceListView
from tallystick.core.quantity import price_text
from tallystick.web import formats
from tallystick.web.pages.orders.forms.base import (
    ActForm,
    DayField,
    ExactField,
    MoneyField,
    PriceField,
    QuantityField,
    TextField,
    amount_text,
    code_field,
    iso,
    quantity_text,
)

OFFER_DAYS = 30  # how long an offer is valid unless the officer says otherwise
_DECLINE = (Reason.NOT_STATED, Reason.NOT_AVAILABLE, Reason.OWN_TASKS_COME_FIRST, Reason.OUTSIDE_AGREEMENT)
_WITHDRAW = (Reason.NOT_STATED, Reason.NO_LONGER_NEEDED, Reason.ENTERED_IN_ERROR, Reason.NOT_AVAILABLE)
_CANCEL = (Reason.NO_LONGER_NEEDED, Reason.NOT_AVAILABLE, Reason.OWN_TASKS_COME_FIRST, Reason.NOT_STATED)


class ReasonForm(ActForm):
    """An act that says only why."""

    reasons: ClassVar[tuple[Reason, ...]]

    def build(self) -> None:
        self.fields["reason"] = code_field(self.reasons, label=_("Reason"), widget=forms.RadioSelect)
        self.initial.setdefault("reason", terms_of.code_name(self.reasons[0]))

    def told(self) -> dict[str, Any]:
        return {"reason": self.cleaned_data["reason"]}


class DeclineForm(ReasonForm):
    kind = Kind.DECLINE
    reasons = _DECLINE


class WithdrawalForm(ReasonForm):
    kind = Kind.WITHDRAWAL
    reasons = _WITHDRAW


class CancellationForm(ReasonForm):
    kind = Kind.CANCELLATION
    reasons = _CANCEL


class OfferForm(ActForm):
    """Quantities and prices, line by line. A line left without a quantity is not offered."""

    kind = Kind.OFFER
    lines_named = ("quantity", "price")
    refused_at: ClassVar[Mapping[str, str]] = {
        "bad-dates": "valid_until", "unknown-currency": "currency", "unknown-object": "price_list",
    }  # fmt: skip

    currency = forms.ChoiceField(label=_("Currency"))
    valid_until = DayField(label=_("Valid until"), help_text=_("The last day on which it can be ordered."))
    issuing_unit = TextField(label=_("Issuing unit"), help_text=_("Who will hand it over."))
    basis = code_field(PriceBasis, label=_("Prices are"))
    price_list = forms.ChoiceField(label=_("Price list"), required=False)

    def initial_of(self) -> dict[str, Any]:
        occasion = self.occasion
        currencies = occasion.terms.currencies_for(occasion.desk.party_code(occasion.desk.party))
        start: dict[str, Any] = {
            "currency": currencies[0] if currencies else "",
            "valid_until": iso(occasion.as_of + OFFER_DAYS),
            "issuing_unit": occasion.officers[0].post if occasion.officers else "",
            "basis": terms_of.code_name(PriceBasis.OWN_FORCES),
        }
        for line in occasion.lines.values():
            start[f"quantity-{line.line}"] = quantity_text(line.requested, line.unit)
            if line.price_micro is not None:
                start[f"price-{line.line}"] = price_text(line.price_micro)
        return start

    def build(self) -> None:
        occasion = self.occasion
        own = occasion.desk.party_code(occasion.desk.party)
        currency, price_list = self.fields["currency"], self.fields["price_list"]
        assert isinstance(currency, forms.ChoiceField)
        assert isinstance(price_list, forms.ChoiceField)
        currency.choices = [(code, code) for code in occasion.terms.currencies_for(own)]
        if len(currency.choices) == 1:
            currency.widget = forms.HiddenInput()
        price_list.choices = [("", _("None")), *((ref, found.number) for ref, found in self.price_lists)]
        if not self.price_lists:
            del self.fields["price_list"]
        for line in occasion.lines.values():
            self.fields[f"quantity-{line.line}"] = QuantityField(
                line.unit, label=_("Quantity offered of %(item)s") % {"item": line.item}, required=False
            )
            self.fields[f"price-{line.line}"] = PriceField(
                label=_("Price per %(unit)s of %(item)s") % {"unit": formats.unit_symbol(line.unit), "item": line.item},
                required=False,
            )

    @cached_property
    def price_lists(self) -> list[tuple[str, PriceListView]]:
        """This party's price lists that are valid today, by the name of their entry."""
        desk, day = self.occasion.desk, self.occasion.as_of
        return [
            (str(found.ref), found)
            for found in desk.record.price_lists
            if found.party == desk.party and found.replaced_by is None and found.valid_from <= day <= found.valid_to
        ]

    def picked(self, ref: str) -> dict[str, str]:
        """Return the prices of a price list for the lines it knows, as form data."""
        chosen = next((found for name, found in self.price_lists if name == ref), None)
        if chosen is None:
            return {}
        listed = {(line.nsn or line.item, line.unit): line.price_micro for line in chosen.lines}
        by_item = {(line.item.casefold(), line.unit): line.price_micro for line in chosen.lines}
        prices = {"basis": terms_of.code_name(PriceBasis.PRICE_LIST), "price_list": ref, "currency": chosen.currency}
        for line in self.occasion.lines.values():
            price = listed.get((line.nsn or line.item, line.unit), by_item.get((line.item.casefold(), line.unit)))
            if price is not None:
                prices[f"price-{line.line}"] = price_text(price)
        return prices

    @property
    def companions_missing(self) -> list[tuple[str, str]]:
        """Return (item, companion) where the chosen price list says they go together and the request has only one."""
        ref = str(self.data.get("price_list") or "")
        chosen = next((found for name, found in self.price_lists if name == ref), None)
        if chosen is None:
            return []
        asked = {line.item.casefold() for line in self.occasion.lines.values()}
        return [
            (line.item, companion)
            for line in chosen.lines
            if line.item.casefold() in asked
            for companion in line.companions
            if companion.casefold() not in asked
        ]

    def said_lines(self) -> list[int]:
        return [n for n in self.line_numbers() if self.line_field("quantity", n).strip("0.")]

    def clean(self) -> dict[str, Any]:
        for number in self.line_numbers():
            quantity, price = self.line_field("quantity", number), self.line_field("price", number)
            if quantity.strip("0.") and not price and f"price-{number}" not in self.errors:
                self.add_error(f"price-{number}", gettext("Name a price, or take the quantity out."))
        if not self.errors and not self.said_lines():
            raise ValidationError(gettext("Offer at least one line, or decline the request."))
        return super().clean()

    def told(self) -> dict[str, Any]:
        c = self.cleaned_data
        return {
            "currency": c["currency"],
            "valid_until": c["valid_until"],
            "issuing_unit": c["issuing_unit"],
            "basis": c["basis"],
            "price_list": c.get("price_list") or None,
            "lines": [
                {"line": n, "quantity": self.line_field("quantity", n), "price_micro": self.line_field("price", n)}
                for n in self.said_lines()
            ],
        }


class OrderForm(ActForm):
    """Takes the live offer. Where the money comes from stays on this node."""

    kind = Kind.ORDER
    refused_at: ClassVar[Mapping[str, str]] = {
        "same-officer": "funds_certifier", "over-act-ceiling": "max_liability", "over-total-ceiling": "max_liability",
        "warrant-currency": "max_liability",
    }  # fmt: skip

    funds_certifier = forms.ChoiceField(
        label=_("Funds certified by"), help_text=_("Another officer than the one who signs.")
    )
    bill_to = TextField(label=_("Bill to"), help_text=_("The office that gets the invoice."))
    fund_citation = TextField(
        label=_("Fund citation"),
        required=False,
        help_text=_("Where the money comes from. Stays on this node; the partner learns only who certified it."),
    )

    def initial_of(self) -> dict[str, Any]:
        view = self.occasion.view
        certifiers = self._certifiers()
        return {
            "max_liability": amount_text(view.agreed_value, view.currency) if view.currency else "",
            "funds_certifier": certifiers[0][0] if len(certifiers) == 1 else "",
        }

    def build(self) -> None:
        certifier = self.fields["funds_certifier"]
        assert isinstance(certifier, forms.ChoiceField)
        certifier.choices = [("", _("Choose")), *self._certifiers()]
        assert self.occasion.view.currency is not None
        self.fields["max_liability"] = MoneyField(
            self.occasion.view.currency,
            label=_("Up to at most"),
            help_text=_("What this order may come to at most. Begins with the total of the offer."),
        )
        self.order_fields(["max_liability", "funds_certifier", "bill_to", "fund_citation"])

    def _certifiers(self) -> list[tuple[str, str]]:
        own = {officer.grant for officer in self.occasion.officers}
        return [
            (str(officer.grant), officer.post)
            for officer in self.occasion.live_officers(Duty.FUNDS_CERTIFIER)
            if officer.grant not in own
        ]

    def told(self) -> dict[str, Any]:
        c = self.cleaned_data
        return {
            "funds_certifier": c["funds_certifier"], "max_liability": c["max_liability"], "bill_to": c["bill_to"],
        }  # fmt: skip

    def national(self) -> dict[str, Any]:
        return {"fund_citation": self.cleaned_data.get("fund_citation", "").strip()}


class AcceptanceForm(ActForm):
    kind = Kind.ACCEPTANCE
    refused_at: ClassVar[Mapping[str, str]] = {"over-act-ceiling": "pay_to"}

    pay_to = TextField(label=_("Pay to"), help_text=_("The office and account that money for this order goes to."))

    def told(self) -> dict[str, Any]:
        return {"pay_to": self.cleaned_data["pay_to"]}


class AmendmentForm(ActForm):
    """New quantities, prices and limit. Lines that stay as they are are not in the amendment."""

    kind = Kind.AMENDMENT
    lines_named = ("quantity", "price")
    refused_at: ClassVar[Mapping[str, str]] = {
        "over-act-ceiling": "max_liability", "over-total-ceiling": "max_liability",
    }  # fmt: skip

    base = forms.IntegerField(widget=forms.HiddenInput)

    def initial_of(self) -> dict[str, Any]:
        view = self.occasion.view
        start: dict[str, Any] = {
            "base": view.version,
            "max_liability": amount_text(view.max_liability, view.currency) if view.currency else "",
        }
        for line in view.lines:
            if line.price_micro is not None:
                start[f"quantity-{line.line}"] = quantity_text(line.ordered, line.unit)
                start[f"price-{line.line}"] = price_text(line.price_micro)
        return start

    def build(self) -> None:
        view = self.occasion.view
        assert view.currency is not None
        self.fields["max_liability"] = MoneyField(view.currency, label=_("Up to at most"))
        for line in view.lines:
            if line.price_micro is None:
                continue
            self.fields[f"quantity-{line.line}"] = QuantityField(
                line.unit, label=_("Quantity of %(item)s") % {"item": line.item}
            )
            self.fields[f"price-{line.line}"] = PriceField(
                label=_("Price per %(unit)s of %(item)s") % {"unit": formats.unit_symbol(line.unit), "item": line.item}
            )

    def line_numbers(self) -> list[int]:
        return [line.line for line in self.occasion.view.lines if line.price_micro is not None]

    def said_lines(self) -> list[int]:
        changed = [n for n in self.line_numbers() if self._is_changed(n)]
        return changed or self.line_numbers()[:1]  # only the limit changes: an amendment still names a line

    def _is_changed(self, number: int) -> bool:
        line = self.occasion.lines[number]
        quantity, price = self.fields[f"quantity-{number}"], self.fields[f"price-{number}"]
        assert isinstance(quantity, ExactField)
        assert isinstance(price, ExactField)
        try:
            wanted = quantity.read(self.line_field("quantity", number)), price.read(self.line_field("price", number))
        except LocalError:
            return True
        return wanted != (line.ordered, line.price_micro)

    def told(self) -> dict[str, Any]:
        return {
            "base": self.cleaned_data["base"],
            "max_liability": self.cleaned_data["max_liability"],
            "lines": [
                {"line": n, "quantity": self.line_field("quantity", n), "price_micro": self.line_field("price", n)}
                for n in self.said_lines()
            ],
        }
