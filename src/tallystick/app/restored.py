"""A node that came back from a backup: what it must hear before it signs again.

A node that is behind itself and signs would write a second history of its own log, which every partner refuses. So
the logs it held keys for are closed until somebody else has told, after the restore, what they hold of them, and all of
that is here again. Decides when that is; ``exchange`` and ``courier`` carry the questions and answers.

What is remembered is one small fact per agreement in the store, so it survives restarts and is seen by every process.

Source: docs/spec/sync.md, "After a restore"; docs/spec/log.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tallystick.app.ports import EntryStore, Ids, KeyRing
from tallystick.core.bundle import QUESTION_BYTES

_NAME = "restored "  # and the agreement's id
SIGNING_KEYS = ("root", "writer")


class Why(StrEnum):
    """How the node knows that it may be behind itself."""

    RESTORED = "restored"  # the restore command made it
    BEHIND = "behind"  # it had signed more than its database holds: a copy was put back by hand
    HEARD = "heard"  # a partner brought entries of its own that it did not have


@dataclass(frozen=True)
class Restored:
    """Why and since when some logs are closed, and what was heard about them.

    ``keys`` are the public keys whose logs are closed; a key made later opens a log nobody wrote before. ``questions``
    and ``told`` go by the other node's writer key; ``tried`` are those who did not answer. Of each closed log the most
    that anybody told must be here before it is opened.
    """

    since: int  # seconds since 1970
    why: Why
    keys: frozenset[bytes]
    questions: Mapping[bytes, bytes] = field(default_factory=dict)
    told: Mapping[bytes, Mapping[int, int]] = field(default_factory=dict)
    tried: frozenset[bytes] = frozenset()

    def to_bytes(self) -> bytes:
        return json.dumps(
            {
                "since": self.since,
                "why": self.why.value,
                "keys": sorted(key.hex() for key in self.keys),
                "questions": {key.hex(): asked.hex() for key, asked in sorted(self.questions.items())},
                "told": {key.hex(): sorted(sizes.items()) for key, sizes in sorted(self.told.items())},
                "tried": sorted(key.hex() for key in self.tried),
            }
        ).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Restored:
        told = json.loads(data)
        return cls(
            since=told["since"],
            why=Why(told["why"]),
            keys=frozenset(map(bytes.fromhex, told["keys"])),
            questions={bytes.fromhex(key): bytes.fromhex(asked) for key, asked in told["questions"].items()},
            told={bytes.fromhex(key): dict(sizes) for key, sizes in told["told"].items()},
            tried=frozenset(map(bytes.fromhex, told["tried"])),
        )

    @property
    def heard(self) -> frozenset[bytes]:
        return frozenset(self.told)

    def hears(
        self, question: bytes, told: Mapping[int, int], own: frozenset[int], *, by_voice: bool = False
    ) -> Restored | None:
        """Return what is known after an answer; None when it answers no question of ours.

        Args:
            question: As it came.
            told: The sizes the other node holds.
            own: The closed logs.
            by_voice: An administrator has it from the other's, so it stands instead of what that node told before:
                a wrong number can be put right. Else an old courier file must not take back what a newer one told.
        """
        teller = next((key for key, asked in self.questions.items() if asked == question), None)
        if teller is None:
            return None
        before = {} if by_voice else self.told.get(teller, {})
        now = {log: max(before.get(log, 0), told.get(log, 0)) for log in own}
        return replace(self, told={**self.told, teller: now})

    def missing(self, sizes: Mapping[int, int]) -> dict[int, int]:
        """Return how many leaves of each closed log others told of and are not here yet."""
        lacking: dict[int, int] = {}
        for told in self.told.values():
            for log, size in told.items():
                if (lack := size - sizes.get(log, 0)) > lacking.get(log, 0):
                    lacking[log] = lack
        return lacking


def mark(store: EntryStore, space: bytes, why: Why, keys: KeyRing, now: int) -> Restored:
    """Close the logs of an agreement that this node holds keys for."""
    closed = Restored(now, why, frozenset(keys.public(name) for name in SIGNING_KEYS if keys.has(name)))
    keep(store, space, closed)
    return closed


def keep(store: EntryStore, space: bytes, state: Restored | None) -> None:
    """Remember ``state``; None opens the logs again."""
    store.remember(_NAME + space.hex(), state.to_bytes() if state else b"")


def recall(store: EntryStore, space: bytes) -> Restored | None:
    """Return what is remembered; None for a node that is not behind itself, as far as it knows."""
    kept = store.recall(_NAME + space.hex())
    return Restored.from_bytes(kept) if kept else None


def new_question(ids: Ids) -> bytes:
    return ids.random_bytes(QUESTION_BYTES)
