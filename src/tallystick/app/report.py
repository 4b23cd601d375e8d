"""What a check comes to: what holds, what does not, and where.

Decides three weights: a fault (something is not what it must be), a doubt (what the verdict rests on could not be
checked) and a limit (what such a check cannot show, told so that nobody thinks it did). Checks never stop at the first
problem when there is more to look at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tallystick.core.errors import RemoteError


class Weight(StrEnum):
    FAULT = "fault"
    DOUBT = "doubt"
    LIMIT = "limit"


class Verdict(StrEnum):
    HOLDS = "holds"
    DOES_NOT_HOLD = "does-not-hold"
    CANNOT_TELL = "cannot-tell"


@dataclass(frozen=True)
class Problem:
    """``where`` is an entry's name, "log 17", "journal 3", or empty for the whole; ``facts`` are for its sentence."""

    weight: Weight
    code: str
    where: str
    facts: Mapping[str, object]


@dataclass
class Problems:
    """What a check has found so far."""

    found: list[Problem] = field(default_factory=list)

    def fault(self, code: str, where: str = "", **facts: object) -> None:
        self.found.append(Problem(Weight.FAULT, code, where, facts))

    def doubt(self, code: str, where: str = "", **facts: object) -> None:
        self.found.append(Problem(Weight.DOUBT, code, where, facts))

    def limit(self, code: str, where: str = "", **facts: object) -> None:
        self.found.append(Problem(Weight.LIMIT, code, where, facts))

    def error(self, error: RemoteError, where: str = "") -> None:
        """Note an error that a reader of the bytes raised."""
        named = where or error.facts.get("entry") or (f"log {error.facts['log']}" if "log" in error.facts else "")
        self.found.append(Problem(Weight.FAULT, error.code, str(named), error.facts))


def verdict(problems: Sequence[Problem]) -> Verdict:
    weights = {problem.weight for problem in problems}
    if Weight.FAULT in weights:
        return Verdict.DOES_NOT_HOLD
    return Verdict.CANNOT_TELL if Weight.DOUBT in weights else Verdict.HOLDS
