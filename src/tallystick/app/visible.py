"""Partners' words as they may be shown: what moves a cursor or turns text around becomes a sign that is seen.

A signed text may hold any letter, and stays as it was signed in the record and in JSON. On pages, terminals and in CSV
it goes through here: there an escape sequence would be obeyed, and a mark that runs text backwards would let a sentence
say something else than what is signed. Letters without width stay: Hindi is written with some.
"""

from __future__ import annotations

import re

from tallystick.core.agreement import UNPRINTABLE

_KEPT_ON_LINES = frozenset("\t\n\r")
_PICTURES = 0x2400  # the sign for each control letter: U+2400 and its number
_CONTROLS = 0x20
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def visible(text: str) -> str:
    """Return ``text`` in one line, as long as it was."""
    return UNPRINTABLE.sub(_sign, text)


def visible_lines(text: str) -> str:
    """Return text of ours, with partners' words in it, whose lines and tabs are to stay."""
    return UNPRINTABLE.sub(lambda found: found[0] if found[0] in _KEPT_ON_LINES else _sign(found), text)


def escaped_json(text: str) -> str:
    """Return JSON that says the same in letters a terminal prints. Between its strings there are none but line ends."""
    return UNPRINTABLE.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


def _sign(found: re.Match[str]) -> str:
    number = ord(found[0])
    return chr(_PICTURES + number) if number < _CONTROLS else _UNKNOWN
