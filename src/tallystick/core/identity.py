"""Names of things in the record: entries, logs, parties.

A log id is ``16 × (leaf index of the writer's grant in its party's admin log) + party number``, so the admin log of
party ``p`` is log ``p``. An entry is named by log and index: no registry, no UUID (docs/spec/log.md).
"""

from __future__ import annotations

from typing import NamedTuple

PARTIES_MAX = 16


class EntryRef(NamedTuple):
    """The name of an entry within its space."""

    log: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a name

    def __str__(self) -> str:
        return f"{self.log}.{self.index}"

    @classmethod
    def parse(cls, text: str) -> EntryRef:
        """Read ``"17.204"``; raises ValueError when it is not one."""
        log, _, index = text.partition(".")
        if not (log.isascii() and log.isdigit() and index.isascii() and index.isdigit()):
            raise ValueError(text)
        return cls(int(log), int(index))


def party_of(log: int) -> int:
    """Return the party number whose writer keeps ``log``."""
    return log % PARTIES_MAX


def grant_of(log: int) -> int:
    """Return the leaf index, in the party's admin log, of the grant that opened ``log`` (0 for the admin log)."""
    return log // PARTIES_MAX


def log_id(grant: int, party: int) -> int:
    """Return the id of the log opened by the grant at leaf ``grant`` of ``party``'s admin log."""
    return PARTIES_MAX * grant + party
