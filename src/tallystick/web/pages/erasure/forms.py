from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from tallystick.app import fields
from tallystick.app.redact import SEGMENT_NAMES, Standing
from tallystick.core.entries import DESK_KINDS, NO_SEGMENT, Kind, Reason, Segment
from tallystick.web.pages.orders.forms.base import code_field
from tallystick.web.words import SEGMENTS

REASONS = (Reason.ENTERED_IN_ERROR, Reason.NO_LONGER_NEEDED, Reason.NOT_STATED)
RESTATED_MAX = 32 * 1024  # characters of fields; a core has at most 16 KiB


class EraseForm(forms.Form):
    """What goes, why, and what is read in the place of a core."""

    segments = forms.TypedMultipleChoiceField(
        label=_("What goes"),
        coerce=lambda name: SEGMENT_NAMES[name],
        widget=forms.CheckboxSelectMultiple,
    )
    reason = code_field(REASONS, label=_("Reason"))
    restated = forms.CharField(
        label=_("What it says instead"),
        help_text=_(
            "Only when what it says goes: all its fields, as they shall read from now on. Change what must go, and"
            " leave quantities and amounts if they still hold. Empty: it says nothing any more."
        ),
        widget=forms.Textarea(attrs={"rows": 14, "class": "mono", "spellcheck": "false"}),
        max_length=RESTATED_MAX,
        required=False,
    )

    def __init__(self, data: Any, *, standing: Standing, now: str) -> None:
        """``now`` is what it says now, as fields."""
        super().__init__(data, initial={"restated": now})
        here = [(name, SEGMENTS[segment]) for name, segment in SEGMENT_NAMES.items() if standing.here & segment]
        choices = self.fields["segments"]
        assert isinstance(choices, forms.TypedMultipleChoiceField)
        choices.choices = here
        if len(here) == 1 or standing.here & Segment.DETAIL:
            choices.initial = ["detail"] if standing.here & Segment.DETAIL else [here[0][0]]

    @property
    def wanted(self) -> Segment:
        found = NO_SEGMENT
        for segment in self.cleaned_data["segments"]:
            found |= segment
        return found

    @property
    def why(self) -> Reason:
        return next(reason for reason in REASONS if fields.code_name(reason) == self.cleaned_data["reason"])

    def clean_restated(self) -> object:
        """Return the fields; None for an entry that says nothing any more, or whose core stays."""
        text = self.cleaned_data["restated"].strip()
        if not text or Segment.CORE not in self.cleaned_data.get("segments", ()):
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValidationError(_("These are not fields in JSON: %(why)s") % {"why": error}) from None


class ConfirmForm(forms.Form):
    """Nothing to fill in: what the partner said is said again."""


def can_restate(standing: Standing) -> bool:
    """Return whether what it says can be put in other words: it is here, and of a kind with fields."""
    known = standing.kind in Kind._value2member_map_ and standing.kind not in DESK_KINDS
    return known and bool(standing.here & Segment.CORE)
