"""Forms for second thoughts and last words: countersign, correction, note, close."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tallystick.app import fields as terms_of
from tallystick.core import canonical, entries
from tallystick.core.detail import detail_of
from tallystick.core.entries import Correction, Draft, Kind
from tallystick.web.pages.orders.forms.base import REMARK_MAX, ActForm


class CountersignForm(ActForm):
    kind = Kind.COUNTERSIGN


class CloseForm(ActForm):
    kind = Kind.CLOSE


class NoteForm(ActForm):
    kind = Kind.NOTE
    remark = forms.CharField(
        label=_("Note"),
        max_length=REMARK_MAX,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Both sides read it, and it changes nothing. For your own people, write an internal note instead."),
    )


class CorrectionForm(ActForm):
    """The document's own form, begun with what it says; or the document taken back."""

    kind = Kind.CORRECTION

    take_back = forms.BooleanField(
        label=_("Take this entry back instead of replacing it"),
        required=False,
        help_text=_("Nothing is deleted: the entry stays in the log and no longer counts."),
    )

    @property
    def original(self) -> int:
        assert self.occasion.object is not None
        return self.occasion.object.kind

    @property
    def inner_template(self) -> str:
        from tallystick.web.pages.orders.acts import ACTS  # noqa: PLC0415  # the table names this form too

        return ACTS[Kind(self.original)].template

    @cached_property
    def inner(self) -> ActForm | None:
        """The form of the document that is corrected; None when there is nothing in it to correct."""
        from tallystick.web.pages.orders.acts import FORMS  # noqa: PLC0415  # the table names this form too

        entry = self.occasion.object
        assert entry is not None
        form = FORMS.get(Kind(entry.kind))
        if form is None or Kind(entry.kind) not in CORRECTABLE or isinstance(entry.body, entries.Unreadable):
            return None
        said = terms_of.to_json(entry.body, self.occasion.context)
        upon = replace(self.occasion, kind=Kind(entry.kind), on=entry.obj)
        made = form(upon, self.data if self.is_bound else None, begun=_begun_with(said))
        for name in ("remark", "officer"):
            made.fields.pop(name, None)
        return made

    def clean(self) -> dict[str, Any]:
        inner = self.inner
        if self.cleaned_data.get("take_back") or inner is None:
            if not self.cleaned_data.get("take_back"):
                self.add_error("take_back", gettext("This entry can only be taken back."))
        elif not inner.is_valid():
            raise ValidationError(gettext("Some fields below need another look."))
        return super().clean()

    def make_draft(self) -> Draft:
        replacement = b""
        inner = self.inner
        if not self.cleaned_data.get("take_back") and inner is not None:
            assert inner.draft is not None
            replacement = canonical.encode(entries.to_array(inner.draft.body))
        remark = self.cleaned_data.get("remark", "").strip()
        return Draft(
            Correction(who=self.who, replacement=replacement),
            obj=self.occasion.on,
            detail=detail_of(remark),
        )


CORRECTABLE = frozenset({
    Kind.REQUEST, Kind.OFFER, Kind.ORDER, Kind.DELIVERY, Kind.RECEIPT, Kind.DISCREPANCY, Kind.INVOICE,
    Kind.INVOICE_DISPUTED, Kind.PAYMENT_ADVICE, Kind.FUNDS_RECEIVED, Kind.CREDIT_NOTE,
})  # fmt: skip

_LINE_NAMES = {"price_micro": "price", "tolerance_permille": "tolerance"}


def _begun_with(said: dict[str, Any]) -> dict[str, Any]:
    """Return a body in a reader's terms as the initial values of its form."""
    start = {name: value for name, value in said.items() if name not in {"who", "lines"} and value is not None}
    lines = said.get("lines", [])
    if lines:
        start["rows_count"] = len(lines)
    for line in lines:
        number = line["line"]
        start[f"give-{number}"] = True  # of a delivery: this line was handed over
        for name, value in line.items():
            if name == "fuel" and value:
                start[f"litres-{number}"] = str(value["observed_litres"])
                start[f"temperature-{number}"] = f"{value['temperature_decidegrees'] / 10:.1f}"
                start[f"density-{number}"] = f"{value['density15_decikg'] / 10:.1f}"
            elif name == "tolerance_permille":
                start[f"tolerance-{number}"] = f"{value / 10:g}" if value else ""
            elif name != "line" and value is not None:
                start[f"{_LINE_NAMES.get(name, name)}-{number}"] = value
    return start
