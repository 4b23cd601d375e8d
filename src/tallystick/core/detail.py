"""The detail segment: what stands beside an act and changes nothing. A remark, and attachments.

An attachment is a file outside the record, which holds its name, its size and its SHA-256: whoever is given the file
can see that it is the one that was meant. The fold reads none of this, and keys that are not known here are ignored.
What another program wrote in another form is left out, never an error: the act beside it counts all the same.

Source: docs/spec/log.md, "Leaves".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tallystick.core.agreement import UNPRINTABLE
from tallystick.core.canonical import can_be_written
from tallystick.core.errors import LocalError

Detail = Mapping[int, object]

_REMARK, _LANGUAGE, _ATTACHMENTS = 1, 2, 3
ATTACHMENTS_MAX = 32  # of one act; more belong in one archive
NAME_MAX = 200
SIZE_MAX = 2**53 - 1  # what every reader of numbers can hold
_HASH_SIZE = 32


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file beside an act. ``size`` in bytes; ``sha256`` of its bytes."""

    name: str
    size: int
    sha256: bytes

    @property
    def fits(self) -> bool:
        """Return whether this is what the specification calls an attachment."""
        return (
            bool(self.name)
            and len(self.name) <= NAME_MAX
            and not UNPRINTABLE.search(self.name)
            and can_be_written(self.name)
            and 0 <= self.size <= SIZE_MAX
            and len(self.sha256) == _HASH_SIZE
        )


def detail_of(remark: str = "", *, language: str = "", attachments: Sequence[Attachment] = ()) -> Detail | None:
    """Return the detail that says this; None when there is nothing to say.

    Raises:
        LocalError: ``attachment-not-possible``: its name is empty, too long or not printable; ``too-many-attachments``;
            ``field-not-text``: the remark came in bytes that are no text.
    """
    if not can_be_written(remark):
        raise LocalError("field-not-text", field="remark")
    if len(attachments) > ATTACHMENTS_MAX:
        raise LocalError("too-many-attachments", limit=ATTACHMENTS_MAX)
    for one in attachments:
        if not one.fits:
            name = one.name[:NAME_MAX].encode(errors="replace").decode()
            raise LocalError("attachment-not-possible", name=name, limit=NAME_MAX)
    said: dict[int, object] = {}
    if remark:
        said[_REMARK] = remark
        if language:
            said[_LANGUAGE] = language
    if attachments:
        said[_ATTACHMENTS] = [[one.name, one.size, one.sha256] for one in attachments]
    return said or None


def remark_of(detail: Detail | None) -> str:
    said = (detail or {}).get(_REMARK)
    return said if isinstance(said, str) else ""


def attachments_of(detail: Detail | None) -> tuple[Attachment, ...]:
    said = (detail or {}).get(_ATTACHMENTS)
    return tuple(_read(said[:ATTACHMENTS_MAX])) if isinstance(said, list) else ()


def _read(said: Iterable[object]) -> Iterable[Attachment]:
    for item in said:
        match item:
            case [str(name), int(size), bytes(sha256)] if not isinstance(size, bool):
                one = Attachment(name, size, sha256)
                if one.fits:
                    yield one
