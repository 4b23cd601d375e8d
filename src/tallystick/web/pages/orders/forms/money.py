"""Forms for money: invoice and the answers to it, payment advice, funds received, credit note."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tallystick.app import numbers
from tallystick.core.entries import Kind, Reason
from tallystick.core.identity import EntryRef
from tallystick.core.orders import InvoiceView
from tallystick.core.quantity import Money
from tallystick.web import formats
from tallystick.web.pages.orders.forms.base import (
    ActForm,
    DayField,
    MoneyField,
    TextField,
    amount_text,
    code_field,
    iso,
)
from tallystick.web.pages.wording import Setting, goods, items_of


class AmountForm(ActForm):
    """An act that names amounts line by line. A line left empty is not in it."""

    lines_named = ("amount",)

    @property
    def currency(self) -> str:
        currency = self.occasion.view.currency
        assert currency is not None  # there is an offer
        return currency

    def add_amounts(self, label: Any) -> None:
        for number in self.line_numbers():
            line = self.occasion.lines[number]
            told = label % {"item": line.item}
            self.fields[f"amount-{number}"] = MoneyField(self.currency, label=told, required=False)

    def said_lines(self) -> list[int]:
        return [n for n in self.line_numbers() if self.line_field("amount", n).strip("0.")]

    def amounts(self) -> list[dict[str, Any]]:
        return [{"line": n, "amount": self.line_field("amount", n)} for n in self.said_lines()]

    def total(self) -> int:
        return sum(Money.parse(self.line_field("amount", n), self.currency).minor for n in self.said_lines())

    def clean(self) -> dict[str, Any]:
        if not self.errors and not self.said_lines():
            raise ValidationError(gettext("Name an amount for at least one line."))
        return super().clean()


class InvoiceForm(AmountForm):
    """Bills what was received and is not billed yet; the receipts it names are the evidence."""

    kind = Kind.INVOICE
    refused_at: ClassVar[Mapping[str, str]] = {"invoice-receipt-unknown": "receipts", "duplicate-number": "number"}

    number = TextField(label=_("Invoice number"), max_length=60)
    issued_on = DayField(label=_("Dated"), help_text=_("The clock of payment runs from this day."))

    @cached_property
    def receipts(self) -> list[tuple[EntryRef, str, bool]]:
        """Every receipt of the order: its name, what it says, and whether an invoice has named it."""
        view = self.occasion.view
        billed = {ref for invoice in view.invoices for ref in invoice.receipts}
        setting = Setting(context=self.occasion.context, items=items_of(view))
        return [
            (
                d.receipt,
                gettext("%(day)s: %(goods)s")
                % {
                    "day": formats.day(d.received_on or d.occurred_on),
                    "goods": goods(((x.line, x.accepted or 0) for x in d.lines), setting) or formats.DASH,
                },
                d.receipt in billed,
            )
            for d in view.deliveries
            if d.receipt is not None
        ]

    def initial_of(self) -> dict[str, Any]:
        occasion = self.occasion
        year = numbers.fiscal_year(occasion.desk, occasion.as_of)
        fresh = [str(ref) for ref, _on, billed in self.receipts if not billed]
        start: dict[str, Any] = {
            "number": numbers.next_invoice_number(occasion.desk, year),
            "issued_on": iso(occasion.as_of),
            # After a resolution there may be something to bill and no new receipt: then all of them are the evidence.
            "receipts": fresh or [str(ref) for ref, _on, _billed in self.receipts],
        }
        for line in occasion.view.lines:
            if line.unbilled > 0:
                start[f"amount-{line.line}"] = amount_text(line.unbilled, self.currency)
        return start

    def build(self) -> None:
        labels = [
            (str(ref), gettext("%(receipt)s (billed before)") % {"receipt": told} if billed else told)
            for ref, told, billed in self.receipts
        ]
        self.fields["receipts"] = forms.MultipleChoiceField(
            label=_("Receipts billed"), choices=labels, widget=forms.CheckboxSelectMultiple
        )
        self.add_amounts(_("Amount for %(item)s"))

    def line_numbers(self) -> list[int]:
        return [line.line for line in self.occasion.view.lines if line.accrued]

    def told(self) -> dict[str, Any]:
        c = self.cleaned_data
        return {
            "number": c["number"],
            "issued_on": c["issued_on"],
            "receipts": c["receipts"],
            "lines": self.amounts(),
            "total": amount_text(self.total(), self.currency),
        }


class OnInvoice(ActForm):
    """An act about an invoice."""

    @cached_property
    def invoice(self) -> InvoiceView:
        return next(i for i in self.occasion.view.invoices if i.ref == self.occasion.on)


class OnInvoiceForm(OnInvoice, AmountForm):
    """An act about amounts of an invoice."""

    def line_numbers(self) -> list[int]:
        return [line for line, _amount in self.invoice.lines]


class InvoiceAcceptedForm(OnInvoice):
    kind = Kind.INVOICE_ACCEPTED


class InvoiceDisputedForm(OnInvoiceForm):
    kind = Kind.INVOICE_DISPUTED

    reason = code_field(
        (Reason.PRICE, Reason.SHORT, Reason.QUALITY, Reason.WRONG_ITEM, Reason.DAMAGED, Reason.LATE, Reason.NOT_STATED),
        label=_("Why?"),
    )

    def build(self) -> None:
        self.add_amounts(_("Disputed of %(item)s"))

    def told(self) -> dict[str, Any]:
        return {"reason": self.cleaned_data["reason"], "lines": self.amounts()}


class CreditNoteForm(OnInvoiceForm):
    kind = Kind.CREDIT_NOTE

    number = TextField(label=_("Credit note number"), max_length=60)

    def initial_of(self) -> dict[str, Any]:
        view = self.occasion.view
        earlier = sum(
            1
            for ref in view.effective
            if (entry := self.occasion.desk.space.entry(ref)).kind == Kind.CREDIT_NOTE and entry.obj == self.occasion.on
        )
        start: dict[str, Any] = {"number": numbers.credit_note_number(self.invoice.number, earlier)}
        billed = dict(self.invoice.lines)
        for line in view.lines:
            if line.credit_due and line.line in billed:
                start[f"amount-{line.line}"] = amount_text(min(line.credit_due, billed[line.line]), self.currency)
        return start

    def build(self) -> None:
        self.add_amounts(_("Credit for %(item)s"))

    def told(self) -> dict[str, Any]:
        return {"number": self.cleaned_data["number"], "lines": self.amounts()}


class MoneyForm(OnInvoice):
    """Money on its way, or arrived, for an invoice."""

    refused_at: ClassVar[Mapping[str, str]] = {"bad-quantity": "amount"}

    value_on = DayField(label=_("Value date"))
    reference = TextField(label=_("Bank reference"), required=False, max_length=80)

    @property
    def currency(self) -> str:
        currency = self.occasion.view.currency
        assert currency is not None
        return currency

    def expected(self) -> int:
        raise NotImplementedError

    def initial_of(self) -> dict[str, Any]:
        return {"amount": amount_text(max(0, self.expected()), self.currency), "value_on": iso(self.occasion.as_of)}

    def line_numbers(self) -> list[int]:
        return []


class PaymentAdviceForm(MoneyForm):
    kind = Kind.PAYMENT_ADVICE

    def build(self) -> None:
        self.fields["amount"] = MoneyField(self.currency, label=_("Amount sent"))
        self.order_fields(["amount", "value_on", "reference"])

    def expected(self) -> int:
        on_its_way = max(0, self.invoice.advised - self.invoice.received - self.invoice.charges)
        return self.invoice.open_amount - self.invoice.disputed - on_its_way

    def told(self) -> dict[str, Any]:
        c = self.cleaned_data
        return {"amount": c["amount"], "value_on": c["value_on"], "reference": c["reference"]}


class FundsReceivedForm(MoneyForm):
    kind = Kind.FUNDS_RECEIVED

    def build(self) -> None:
        self.fields["amount"] = MoneyField(
            self.currency,
            label=_("Amount that arrived"),
            help_text=_("After what the bank kept. This much is settled."),
        )
        self.fields["charges"] = MoneyField(
            self.currency,
            label=_("Bank charges kept back"),
            required=False,
            help_text=_("Told for the record. They stay owed: the payer bears them unless both agree otherwise."),
        )
        self.order_fields(["amount", "charges", "value_on", "reference"])

    def expected(self) -> int:
        on_its_way = self.invoice.advised - self.invoice.received - self.invoice.charges
        return on_its_way if on_its_way > 0 else self.invoice.open_amount

    def told(self) -> dict[str, Any]:
        c = self.cleaned_data
        return {
            "amount": c["amount"],
            "charges": c["charges"] or "0",
            "value_on": c["value_on"],
            "reference": c["reference"],
        }
