"""Code → sentence, for every error and finding: what happened, and what to do next.

English, with ``{fact}`` slots; the pages translate the same sentences. Codes live in ``core``; this is the only place
that has words for them, and docs/reference/codes.md is drawn from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Message:
    """``happened`` is a whole sentence; ``remedy`` another, or empty when nothing needs doing."""

    happened: str
    remedy: str = ""


class _Told(dict[str, object]):
    """Leaves a slot visible rather than failing when a fact is missing: a message must never hide an error."""

    def __missing__(self, key: str) -> str:
        return f"‹{key}›"


def fill(template: str, facts: Mapping[str, object]) -> str:
    """Return ``template`` with its slots filled from ``facts``."""
    return template.format_map(_Told(facts))


def message(code: str) -> Message:
    """Return the words for ``code``; an unknown code says so instead of failing."""
    return MESSAGES.get(code) or Message(f"Something is not right (code {code}).", "Ask your administrator.")


def sentence(code: str, facts: Mapping[str, object] | None = None) -> str:
    """Return what happened and what to do, in English."""
    told = message(code)
    return fill(f"{told.happened} {told.remedy}".strip(), facts or {})


MESSAGES: Mapping[str, Message] = MappingProxyType({})
