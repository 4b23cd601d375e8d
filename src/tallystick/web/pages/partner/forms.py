from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from tallystick.app import courier, pairing
from tallystick.core.agreement import PROFILES, OfficerSigns
from tallystick.web.pages.agreement.terms import OFFICER_SIGNS

KEY_ID_MAX = 40  # 16 letters in groups, with room for the spaces people type

_KEY_ID_WIDGET = forms.TextInput(
    attrs={
        "autocomplete": "off",
        "autocapitalize": "characters",
        "spellcheck": "false",
        "placeholder": "XXXX-XXXX-XXXX-XXXX",
        "class": "mono",
    }
)


class CourierInForm(forms.Form):
    file = forms.FileField(
        label=_("Courier file"),
        help_text=_("Files may be read twice, late, and in any order. What was read before changes nothing."),
        widget=forms.FileInput(attrs={"accept": courier.SUFFIX}),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > courier.COURIER_MAX:
            raise ValidationError(
                _("A courier file is at most %(limit)d MB.") % {"limit": courier.COURIER_MAX // 2**20}
            )
        return file


class ProposalInForm(forms.Form):
    file = forms.FileField(
        label=_("Proposal file"), help_text=_("It goes into the box of those who ask, to be confirmed or refused.")
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > pairing.KNOCK_MAX:
            raise ValidationError(_("This is too large to be a proposal."))
        return file


class FindForm(forms.Form):
    """Where a partner's card comes from: its node's address, or the card itself."""

    address = forms.CharField(
        label=_("Address of the partner's node"),
        required=False,
        max_length=pairing.URL_MAX,
        help_text=_("For example https://tallystick.example.org. This node fetches the card from there."),
        widget=forms.URLInput(attrs={"autocomplete": "off"}),
    )
    card = forms.CharField(
        label=_("Or its card, pasted"),
        required=False,
        max_length=2 * pairing.CARD_MAX,
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono", "spellcheck": "false"}),
    )
    file = forms.FileField(label=_("Or its card, as a file"), required=False)

    def clean_address(self) -> str:
        text: str = self.cleaned_data["address"].strip()
        if not text:
            return ""
        parts = urlsplit(text if "://" in text else f"https://{text}")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValidationError(_("Write the address as https://host, or http://host for a node on this machine."))
        return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file is not None and file.size > 2 * pairing.CARD_MAX:
            raise ValidationError(_("This is too large to be a card."))
        return file

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        given = [name for name in ("address", "card", "file") if cleaned.get(name)]
        if not self.errors and len(given) != 1:
            raise ValidationError(_("Give one of the three: the address, the pasted card, or the file."))
        return cleaned


class KeyIdForm(forms.Form):
    key_id = forms.CharField(
        label=_("The partner's key id, as it was read to you"),
        max_length=KEY_ID_MAX,
        widget=_KEY_ID_WIDGET,
        help_text=_("Capital or small letters, with or without dashes."),
    )


class ProposeForm(KeyIdForm):
    """``card`` travels along as armoured text; it is checked again when it comes back."""

    card = forms.CharField(widget=forms.HiddenInput, max_length=2 * pairing.CARD_MAX)
    profile = forms.ChoiceField(
        label=_("Terms"), choices=[(code, f"{code}: {terms.name}") for code, terms in PROFILES.items()]
    )
    officer_signs = forms.TypedChoiceField(
        label=_("Officers sign themselves"),
        required=False,
        empty_value=None,
        coerce=lambda number: OfficerSigns(int(number)),
        choices=[("", _("as the terms say")), *((str(int(rule)), word) for rule, word in OFFICER_SIGNS.items())],
        help_text=_("With a key that the officer alone opens, besides this node's signature."),
    )
    name = forms.RegexField(
        regex=r"^[A-Za-z0-9][A-Za-z0-9./_-]{0,63}\Z",
        label=_("What the agreement is called"),
        max_length=64,
        help_text=_(
            "Letters, digits, dots, dashes and strokes; a host name of yours and a code serve well. It is part of every"
            " signed head and cannot be changed."
        ),
        error_messages={"invalid": _("Use letters, digits, dots, dashes, underscores and strokes, at most 64.")},
    )
    field_order = ("card", "profile", "officer_signs", "name", "key_id")
