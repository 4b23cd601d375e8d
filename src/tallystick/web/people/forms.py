from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from tallystick.stores.officer_keys import PASSPHRASE_MAX, PASSPHRASE_MIN


class SignInForm(forms.Form):
    username = forms.CharField(
        label=_("Sign-in name"),
        max_length=40,
        widget=forms.TextInput(
            attrs={"autocomplete": "username webauthn", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=256,  # hashing time grows with length: a limit keeps a stranger from choosing it
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class ConfirmForm(forms.Form):
    password = SignInForm.base_fields["password"]


def _passphrase(label: Any, *, autocomplete: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=PASSPHRASE_MAX,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
    )


class PassphraseForm(forms.Form):
    """A new passphrase, twice. ``old`` is asked for when the key is there already."""

    old = _passphrase(_("Present passphrase"), autocomplete="off")
    passphrase = _passphrase(_("Passphrase"), autocomplete="off")
    again = _passphrase(_("The same again"), autocomplete="off")

    def __init__(self, data: Any = None, *, asks_old: bool) -> None:
        super().__init__(data, auto_id="change-%s" if asks_old else "make-%s")  # both may be on one page
        if asks_old:
            self.fields["passphrase"].label = _("New passphrase")
        else:
            del self.fields["old"]
        self.fields["passphrase"].help_text = _(
            "At least %(length)d characters, and not your password. Several words are easier to remember than signs."
        ) % {"length": PASSPHRASE_MIN}

    def clean_again(self) -> str:
        again: str = self.cleaned_data["again"]
        if "passphrase" in self.cleaned_data and self.cleaned_data["passphrase"] != again:
            raise forms.ValidationError(_("The two are not the same."))
        return again


class PasswordForm(forms.Form):
    password = forms.CharField(
        label=_("New password"),
        max_length=256,
        strip=False,
        help_text=_("At least %(length)d characters. Several words are easier to remember than signs.")
        % {"length": settings.PASSWORD_LENGTH_MIN},
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("The same again"),
        max_length=256,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_again(self) -> str:
        again: str = self.cleaned_data["again"]
        if "password" in self.cleaned_data and self.cleaned_data["password"] != again:
            raise forms.ValidationError(_("The two are not the same."))
        return again
