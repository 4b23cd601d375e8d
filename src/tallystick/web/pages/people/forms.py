from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from tallystick.app import fields as terms_of
from tallystick.app import read
from tallystick.app.fields import Context, FieldError
from tallystick.app.read import Officer
from tallystick.core.entries import TEXT_MAX, Draft, Duty, Kind, Reason
from tallystick.core.identity import EntryRef
from tallystick.core.quantity import CURRENCIES
from tallystick.core.signing import key_is_acceptable
from tallystick.core.warrants import EXCLUSIONS, duties_in_conflict
from tallystick.web import messages, words
from tallystick.web.pages.desk import Here
from tallystick.web.pages.orders.forms.base import DayField, code_field
from tallystick.web.people import signing_keys
from tallystick.web.people.models import Person
from tallystick.web.words import Word

ON_NODE = (Duty.ADMINISTRATOR, Duty.AUDITOR)  # held without a warrant: they sign no business
REVOCATION_REASONS = (Reason.NO_LONGER_NEEDED, Reason.ENTERED_IN_ERROR, Reason.NOT_STATED)


class DutiesField(forms.TypedMultipleChoiceField):
    """Duties as check boxes, by name."""

    def __init__(self, duties: tuple[Duty, ...], **options: Any) -> None:
        super().__init__(
            choices=[(str(int(duty)), words.DUTIES[duty]) for duty in duties],
            coerce=lambda number: Duty(int(number)),
            widget=forms.CheckboxSelectMultiple,
            **options,
        )


class PersonForm(forms.Form):
    display_name = forms.CharField(label=_("Name"), max_length=80)
    username = forms.CharField(
        label=_("Sign-in name"),
        max_length=40,
        help_text=_("Small letters, digits, dot, dash and underscore."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}),
    )
    post = forms.CharField(label=_("Post"), max_length=120, required=False)
    duties = DutiesField(
        ON_NODE,
        label=_("On this node"),
        required=False,
        help_text=_("Duties of business come with a warrant. An administrator or auditor holds no other."),
    )

    def clean_duties(self) -> list[Duty]:
        duties: list[Duty] = _kept_apart(self.cleaned_data["duties"])
        return duties


class NodeDutiesForm(forms.Form):
    duties = DutiesField(ON_NODE, label=_("On this node"), required=False)

    def __init__(self, person: Person, data: Any = None) -> None:
        self.person = person
        super().__init__(data, initial={"duties": [str(duty) for duty in person.duties]})

    def clean_duties(self) -> list[Duty]:
        warranted = {Duty(d) for held in self.person.active_appointments for d in held.duties}
        _kept_apart({*self.cleaned_data["duties"], *warranted})
        duties: list[Duty] = self.cleaned_data["duties"]
        return duties


def _kept_apart(duties: Any) -> Any:
    """Return ``duties`` if none excludes another; says which otherwise."""
    conflict = duties_in_conflict(duties)
    if conflict is not None:
        one, other = conflict
        raise ValidationError(messages.sentence("duties-conflict", {"one": int(one), "other": int(other)}))
    return duties


class AppointForm(forms.Form):
    """Puts a person under a live warrant. ``holders`` are names of who holds one now, by grant."""

    grant = forms.ChoiceField(label=_("Warrant"))

    def __init__(
        self, person: Person, officers: tuple[Officer, ...], holders: dict[int, str], data: Any = None
    ) -> None:
        super().__init__(data)
        self.person, self.officers = person, {officer.grant: officer for officer in officers}
        self.fields["grant"].choices = [  # type: ignore[attr-defined] # a ChoiceField
            (str(officer.grant), _choice(officer, holders.get(officer.grant, ""))) for officer in officers
        ]

    def clean_grant(self) -> Officer:
        officer = self.officers[int(self.cleaned_data["grant"])]
        conflict = duties_in_conflict({*self.person.duties_held, *officer.duties})
        if conflict is not None:
            one, other = (words.DUTIES[duty] for duty in conflict)
            raise ValidationError(
                _("One person cannot hold both: %(one)s and %(other)s."), params={"one": one, "other": other}
            )
        return officer


def _choice(officer: Officer, holder: str) -> str:
    duties = ", ".join(str(words.DUTIES[duty]) for duty in officer.duties)
    return f"{officer.post} ({duties})" + (f" · {holder}" if holder else "")


def _amount() -> forms.TextInput:
    """An amount is read once its currency is known: in ``clean`` of the form."""
    return forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "spellcheck": "false"})


class KeyField(forms.CharField):
    """An officer's own key, as it was read out: a key id of this node, or 64 hexadecimal digits. Gives the key."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_length=100,
            help_text=_(
                "The key id as the officer reads it to you from the page “My signing key”; or the public key, in"
                " hexadecimal, when the officer keeps the key elsewhere."
            ),
            widget=forms.TextInput(
                attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
            ),
            **options,
        )

    def clean(self, value: Any) -> bytes | None:
        told = super().clean(value)
        if not told:
            return None
        key = signing_keys.find(told)
        if key is None:
            raise ValidationError(_("No key of that id was made on this node. Have it read out once more."))
        if not key_is_acceptable(key):
            raise ValidationError(messages.sentence("key-not-acceptable", {"key": key.hex()}))
        return key


class RotateForm(forms.Form):
    officer_key = KeyField(label=_("New key of the officer"))


class GrantForm(forms.Form):
    """A warrant: a post, its duties and limits. ``draft`` is what it comes to once it reads well."""

    post = forms.CharField(
        label=_("Post"),
        max_length=TEXT_MAX,
        help_text=_("As the partner will read it. A post, never a person's name."),
    )
    duties = DutiesField(tuple(Duty), label=_("Duties"))
    currency = forms.ChoiceField(label=_("Currency of the limits"), required=False)
    per_act = forms.CharField(label=_("Limit per act"), required=False, max_length=40, widget=_amount())
    total = forms.CharField(label=_("Limit in total"), required=False, max_length=40, widget=_amount())
    until = DayField(label=_("Valid until"), required=False, help_text=_("The last day. Empty: until it is revoked."))
    trained_on = DayField(label=_("Trained on"), required=False)
    acting_for = forms.ChoiceField(
        label=_("Acting for"),
        required=False,
        help_text=_(
            "A deputy has no more than the warrant it acts for, and an end. It falls when that one is revoked."
        ),
    )
    officer_key = KeyField(label=_("The officer's own key"), required=False)
    person = forms.ModelChoiceField(
        label=_("Held by"),
        queryset=Person.objects.none(),
        required=False,
        empty_label=_("nobody yet"),
        help_text=_("Stays on this node: the partner sees the post alone."),
    )

    def __init__(self, here: Here, data: Any = None) -> None:
        super().__init__(data)
        self.draft: Draft | None = None
        codes = sorted({code for codes in here.desk.genesis.terms.currencies.values() for code in codes})
        self.fields["currency"].choices = [  # type: ignore[attr-defined] # a ChoiceField
            ("", _("no limits")), *((code, code) for code in codes if code in CURRENCIES)
        ]  # fmt: skip
        principals = [o for o in read.officers(here.desk, here.as_of) if o.live and o.acting_for is None]
        self.fields["acting_for"].choices = [  # type: ignore[attr-defined] # a ChoiceField
            ("", _("nobody")), *((str(o.grant), f"{o.post} ({o.grant})") for o in principals)
        ]  # fmt: skip
        self.fields["person"].queryset = Person.objects.filter(is_active=True).order_by("display_name")  # type: ignore[attr-defined]

    def clean_duties(self) -> list[Duty]:
        duties: list[Duty] = _kept_apart(self.cleaned_data["duties"])
        return duties

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        person = cleaned.get("person")
        if person is not None:
            conflict = duties_in_conflict({*person.duties_held, *cleaned["duties"]})
            if conflict is not None:
                one, other = (words.DUTIES[duty] for duty in conflict)
                self.add_error(
                    "person", _("One person cannot hold both: %(one)s and %(other)s.") % {"one": one, "other": other}
                )
        if not cleaned["currency"] and (cleaned["per_act"] or cleaned["total"]):
            self.add_error("currency", _("Limits need a currency."))
        if not self.errors:
            try:
                self.draft = Draft(terms_of.from_json(Kind.GRANT, self._told(), who=None, context=Context()))
            except FieldError as error:
                field = str(error.facts.get("field", ""))
                self.add_error(field if field in self.fields else None, messages.sentence(error.code, error.facts))
        return cleaned

    def _told(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        return {
            "post": cleaned["post"],
            "key": None,
            "age_recipient": "",
            "duties": sorted(cleaned["duties"]),
            "currency": cleaned["currency"],
            "per_act": cleaned["per_act"] or None,
            "total": cleaned["total"] or None,
            "until": cleaned["until"] or None,
            "trained_on": cleaned["trained_on"] or None,
            "officer_key": cleaned["officer_key"].hex() if cleaned["officer_key"] else None,
            "acting_for": int(cleaned["acting_for"]) if cleaned["acting_for"] else None,
        }


class RevokeForm(forms.Form):
    reason = code_field(REVOCATION_REASONS, label=_("Reason"))
    since = forms.CharField(
        label=_("First entry that no longer counts"),
        required=False,
        max_length=40,
        help_text=_(
            "Only when a key was stolen: the name of the first entry that was not ours, as 17.204. It and what follows "
            "it under this warrant is taken back, except what the partner has acted on."
        ),
    )

    def clean_since(self) -> EntryRef | None:
        told = self.cleaned_data["since"].strip()
        try:
            return EntryRef.parse(told) if told else None
        except ValueError:
            raise ValidationError(messages.sentence("not-an-entry", {"text": told})) from None


def excluded_by(duty: Duty) -> tuple[Word, ...]:
    """Return the duties that no holder of ``duty`` may have, in words; read both ways from the one table."""
    return tuple(
        words.DUTIES[other] for other in Duty if other in EXCLUSIONS.get(duty, ()) or duty in EXCLUSIONS.get(other, ())
    )
