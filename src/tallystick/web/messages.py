"""Code → sentence for every error and finding, in the reader's language.

The English is in ``app/messages.py``; the sentences are translated whole, with their slots.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext

from tallystick.app import messages as plain
from tallystick.app.messages import Message
from tallystick.core.errors import TallystickError


def message(code: str, facts: Mapping[str, object] | None = None) -> Message:
    """Return what happened and what to do, filled in and translated."""
    told = plain.message(code)
    return Message(*(plain.fill(gettext(t), facts or {}) if t else "" for t in (told.happened, told.remedy)))


def sentence(code: str, facts: Mapping[str, object] | None = None) -> str:
    """Return both in one line."""
    told = message(code, facts)
    return f"{told.happened} {told.remedy}".strip()


def of(error: TallystickError) -> Message:
    """Return the words for an error."""
    return message(error.code, error.facts)
