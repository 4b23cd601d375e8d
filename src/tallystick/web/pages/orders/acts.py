"""The acts an officer can do, as one table: kind → its form, its template, and what signing it comes to.

One mechanism in ``views`` serves them all; a new kind is a form and a line here. Who may do what when is in
``core.orders.LIFE``, the name of the button in ``words.ACTS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from django.utils.translation import gettext_lazy as _

from tallystick.core.entries import Kind
from tallystick.web.pages.orders.forms import asking, bargain, goods, money, second
from tallystick.web.pages.orders.forms.base import ActForm
from tallystick.web.words import Word


@dataclass(frozen=True, slots=True)
class Act:
    """``consequence`` is read just above the button that signs; ``template`` draws the fields."""

    form: type[ActForm]
    consequence: Word
    template: str = "orders/_fields.html"
    done: Word = ""  # said after signing


_LINES = "orders/_fields_lines.html"

ACTS: Mapping[Kind, Act] = MappingProxyType({
    Kind.REQUEST: Act(
        asking.RequestForm, _("The partner sees this request at the next exchange. It binds nobody yet."),
        "orders/_fields_request.html", _("The request is signed."),
    ),
    Kind.DECLINE: Act(
        bargain.DeclineForm, _("The request ends here. The partner need not be told more than the reason."),
        done=_("The request is declined."),
    ),
    Kind.OFFER: Act(
        bargain.OfferForm, _("The partner can order on these terms until the last day. A new offer replaces this one."),
        "orders/_fields_offer.html", _("The offer is signed."),
    ),
    Kind.WITHDRAWAL: Act(
        bargain.WithdrawalForm, _("It is taken back. What the partner signed before seeing this may still stand."),
        done=_("It is withdrawn."),
    ),
    Kind.ORDER: Act(
        bargain.OrderForm, _("This binds your side, up to the limit you name, once the provider accepts."),
        "orders/_fields_order.html", _("The order is signed. It waits for the provider's acceptance."),
    ),
    Kind.ACCEPTANCE: Act(
        bargain.AcceptanceForm, _("This binds both sides: the order is agreed."), "orders/_fields_order.html",
        _("The order is agreed."),
    ),
    Kind.AMENDMENT: Act(
        bargain.AmendmentForm, _("Nothing changes until the other side countersigns."),
        "orders/_fields_amendment.html", _("The amendment is proposed."),
    ),
    Kind.CANCELLATION: Act(
        bargain.CancellationForm,
        _("Nothing changes until the other side countersigns. A delivery made before that stands."),
        done=_("The cancellation is proposed."),
    ),
    Kind.DELIVERY: Act(
        goods.DeliveryForm, _("You say that these goods were handed over. The receiver counts and answers."),
        "orders/_fields_delivery.html", _("The delivery is signed."),
    ),
    Kind.RECEIPT: Act(
        goods.ReceiptForm, _("What you accept is owed from here on. What you refuse is not, until both agree."),
        "orders/_fields_receipt.html", _("The receipt is signed."),
    ),
    Kind.DISCREPANCY: Act(
        goods.DiscrepancyForm, _("The order cannot be closed until both sides have resolved this."),
        done=_("The discrepancy is reported."),
    ),
    Kind.RESOLUTION: Act(
        goods.ResolutionForm, _("It counts when the other side countersigns."),
        "orders/_fields_resolution.html", _("The resolution is proposed."),
    ),
    Kind.INVOICE: Act(
        money.InvoiceForm, _("The clock of payment starts on the date of the invoice."),
        "orders/_fields_invoice.html", _("The invoice is signed."),
    ),
    Kind.INVOICE_ACCEPTED: Act(
        money.InvoiceAcceptedForm, _("You agree to owe this invoice as it stands."),
        "orders/_fields_on_invoice.html", _("The invoice is accepted."),
    ),
    Kind.INVOICE_DISPUTED: Act(
        money.InvoiceDisputedForm, _("The amounts you name are set aside; the rest keeps its due date."),
        "orders/_fields_on_invoice.html", _("The dispute is signed."),
    ),
    Kind.PAYMENT_ADVICE: Act(
        money.PaymentAdviceForm, _("This settles nothing: the debt ends when the provider says the money arrived."),
        "orders/_fields_on_invoice.html", _("The payment advice is signed."),
    ),
    Kind.FUNDS_RECEIVED: Act(
        money.FundsReceivedForm, _("This settles: what arrived is no longer owed."),
        "orders/_fields_on_invoice.html", _("The funds are recorded."),
    ),
    Kind.CREDIT_NOTE: Act(
        money.CreditNoteForm, _("What you credit is no longer owed."),
        "orders/_fields_on_invoice.html", _("The credit note is signed."),
    ),
    Kind.CLOSE: Act(
        second.CloseForm, _("You say that nothing is left to do. The order closes when both sides have said so."),
        done=_("The close is signed."),
    ),
    Kind.CORRECTION: Act(
        second.CorrectionForm,
        _("The entry you correct stays in the log. What it posted is taken back and posted anew."),
        "orders/_fields_correction.html", _("The correction is signed."),
    ),
    Kind.NOTE: Act(second.NoteForm, _("Both sides read it. It changes nothing."), done=_("The note is signed.")),
    Kind.COUNTERSIGN: Act(
        second.CountersignForm, _("With your signature the proposal counts."),
        "orders/_fields_countersign.html", _("Countersigned. It counts."),
    ),
})  # fmt: skip

FORMS: Mapping[Kind, type[ActForm]] = MappingProxyType({kind: act.form for kind, act in ACTS.items()})
