"""The taxonomy of what can go wrong, by whose mistake it is.

::

    TallystickError
    ├── LocalError              our caller asked for something that cannot be; nothing was signed or stored
    │   └── ActRefusedError     the act would be void: carries the finding's code
    ├── RemoteError             a partner's bytes are not acceptable; set aside for the operator
    │   ├── MalformedBytesError     not the format, not canonical, or beyond a limit of shape
    │   ├── TooLargeError           beyond a limit of size
    │   ├── WrongSpaceError         for another agreement
    │   ├── UnknownWriterError      a log whose key nobody granted
    │   ├── BadSignatureError       the checkpoint does not verify
    │   ├── GapError                entries before these are missing (``have`` says what we hold)
    │   └── ForkError               two histories of one log; carries the evidence
    ├── StoreError              the disk or the database; says whether to try again
    │   ├── HeadMovedError          someone else appended first: read again, then retry
    │   └── StoreUnavailableError   locked, full, read-only or gone
    ├── PeerUnreachableError    the partner's node does not answer
    └── InvariantError          our own mistake: a law of the ledger does not hold after an entry was taken in

Something signed but odd is none of these: it is a finding, a value in the record.
An error carries a stable ``code`` and typed ``facts``, no sentence; ``app/messages.py`` has the sentence.
"""

from __future__ import annotations

from typing import Any, ClassVar


class TallystickError(Exception):
    """Base of all our errors: a stable code and the facts a person needs."""

    default_code: ClassVar[str] = "error"

    def __init__(self, code: str | None = None, /, **facts: object) -> None:
        self.code = code or self.default_code
        self.facts = facts
        super().__init__(self.code, facts)

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in self.facts.items())
        return f"{self.code}({told})"


class LocalError(TallystickError):
    """Our caller asked for something that cannot be; nothing was signed or stored."""

    default_code = "not-possible"


class ActRefusedError(LocalError):
    """The act, if signed, would be void on every node; ``code`` is that finding's code."""

    default_code = "act-refused"


class RemoteError(TallystickError):
    """A partner's bytes are not acceptable."""

    default_code = "remote-error"


class MalformedBytesError(RemoteError):
    default_code = "malformed-bytes"


class TooLargeError(RemoteError):
    default_code = "too-large"


class WrongSpaceError(RemoteError):
    default_code = "wrong-agreement"


class UnknownWriterError(RemoteError):
    default_code = "unknown-writer"


class BadSignatureError(RemoteError):
    default_code = "bad-signature"


class GapError(RemoteError):
    default_code = "gap"


class ForkError(RemoteError):
    """``evidence`` is a :class:`~tallystick.core.entries.Fork`, when both histories are signed."""

    default_code = "fork"
    evidence: Any = None


class StoreError(TallystickError):
    default_code = "store-error"
    try_again: ClassVar[bool] = False


class HeadMovedError(StoreError):
    default_code = "head-moved"
    try_again = True


class StoreUnavailableError(StoreError):
    default_code = "store-unavailable"
    try_again = True


class PeerUnreachableError(TallystickError):
    default_code = "peer-unreachable"


class InvariantError(TallystickError):
    """A law of the ledger does not hold: this program is wrong, no partner can bring it about.

    Raised after the entries were stored (facts: ``law``, ``order``, ``what``), so nothing signed is lost.
    """

    default_code = "invariant-broken"
