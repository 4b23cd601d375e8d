"""What a password may not be, beside Django's own rules: what everybody here would try first, and what others lost.

Decided without a network. A password is the only factor of its owner, so it is long; of which signs it is made is
nobody's business.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from tallystick.core.errors import LocalError
from tallystick.web.people.models import Person

LEFT_MIN = 8  # characters that must be left when all that is guessed first is taken away
_WORD_MIN = 4  # shorter ones are in too many honest words
_RUN_MIN = 4
_RUNS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "abcdefghijklmnopqrstuvwxyz", "01234567890")
# What stands on everybody's desk here: the product, the trade, the forces. docs/security.md has the list.
CONTEXT = (
    "tallystick", "tally", "stick", "acsa", "agreement", "logistic", "logistics", "supply", "support", "supplies",
    "officer", "navy", "army", "airforce", "force", "forces", "defence", "defense", "ministry", "headquarters", "ship",
    "base", "fuel", "order", "orders", "ledger", "partner", "password", "passwort", "kennwort", "passphrase", "admin",
    "administrator", "secret", "letmein", "welcome", "changeme", "login", "signin", "iloveyou", "monkey", "dragon",
)  # fmt: skip
_HUNG_ON = "0123456789!?.,-_*#$ "
_LEET = str.maketrans("013457@$!", "oieastasi")


class FirstGuesses:
    """Refuses what is little more than words of this place, rows of the keyboard, or the same thing again."""

    def validate(self, password: str, user: Person | None = None) -> None:
        """Raise Django's ValidationError when too little is left of ``password``."""
        plain = password.casefold()
        words = [*CONTEXT, *_words(settings.NODE.party_name, settings.NODE.node_name, settings.NODE.party)]
        if user is not None:
            words += _words(user.username, user.display_name, user.post)
        if min(_left(plain, words), _left(plain.translate(_LEET), words)) < LEFT_MIN:
            raise ValidationError(
                _("Without words everybody here would try first, rows of keys and repetitions, too little is left."),
                code="password_guessed_first",
            )

    def get_help_text(self) -> str:
        return _("It must not be made of the words of this node, rows of keys, or the same thing again.")


def _words(*told: str) -> list[str]:
    return [word for text in told for word in re.findall(r"\w+", text.casefold()) if len(word) >= _WORD_MIN]


def _left(plain: str, words: Iterable[str]) -> int:
    """Return how many characters count: without ``words``, runs and repetitions, each of these as one."""
    for word in sorted(words, key=len, reverse=True):
        plain = plain.replace(word, "\0")
    for run in _RUNS:
        for row in (run, run[::-1]):
            for length in range(len(row), _RUN_MIN - 1, -1):
                for begin in range(len(row) - length + 1):
                    plain = plain.replace(row[begin : begin + length], "\0")
    plain = re.sub(r"(.{1,12}?)\1+", r"\1", re.sub(r"[\W_]+", "", plain.replace("\0", " ")))
    return len(plain)


class Common(CommonPasswordValidator):
    """Django's 20,000, with and without the figures and signs people hang on to fill a length."""

    def validate(self, password: str, user: Person | None = None) -> None:
        super().validate(password, user)
        core = password.casefold().lstrip(_HUNG_ON)
        if any(core[:end] in self.passwords for end in range(4, len(core)) if not core[end:].strip(_HUNG_ON)):
            raise ValidationError(_("This password is too common."), code="password_too_common")


class Breached:
    """Refuses passwords in the operator's file of stolen ones: SHA-1 digests, sorted, one a line. SHA-1 only finds."""

    def validate(self, password: str, user: Person | None = None) -> None:
        """Raise Django's ValidationError when ``password`` is known to be stolen."""
        name = settings.NODE.breached_passwords
        if name and is_listed(settings.NODE.folder / name, password):
            raise ValidationError(_("This password was stolen somewhere and is tried everywhere."), code="breached")

    def get_help_text(self) -> str:
        return _("It must not be one that others have lost.")


def is_listed(path: Path, password: str) -> bool:
    """Search the sorted file at ``path`` by halves; 40 GB take some thirty looks.

    Raises:
        LocalError: ``setting-wrong``: the file is not there, or not to be read.
    """
    wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
    try:
        with path.open("rb") as file:
            low, high = 0, file.seek(0, 2)
            while low < high:  # the line we look for begins in [low, high)
                middle = (low + high) // 2
                file.seek(max(middle - 1, 0))
                if middle:
                    file.readline()  # to the beginning of a line
                begin = file.tell()
                line = file.readline(200)
                found = line[:40].upper()
                if begin >= high or not line or found > wanted:
                    high = middle
                elif found == wanted:
                    return True
                else:
                    low = begin + len(line)
    except OSError as error:
        why = f"no list in {path}: {error.strerror}"
        raise LocalError(
            "setting-wrong", file=str(settings.NODE.folder / "node.toml"), setting="breached_passwords", why=why
        ) from None
    return False
