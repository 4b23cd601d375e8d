"""How far this node has signed, kept beside its database: an old copy put back by hand is noticed by it.

A text file in the node's folder, one line for each time an own log grew: space, log, size and a checksum. The last
line of a log counts. It is written after the database has committed and is not waited for, so it costs no time and is
never ahead of the database; a machine that stops may lose its last lines, and then less is noticed. A snapshot of the
whole machine brings this file back too: that is noticed at the first exchange.
"""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import Mapping
from pathlib import Path

COMPACT_BYTES = 64 * 1024  # a thousand lines: then it is written anew with one line for each log
log = logging.getLogger("tallystick.stores")


class HighWaterFile:
    """Implements :class:`~tallystick.app.ports.HighWater`; trouble with the file is logged and stops nobody."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def sizes(self) -> dict[bytes, dict[int, int]]:
        found: dict[bytes, dict[int, int]] = {}
        for line in self._lines():
            space, number, size = _read_line(line)
            if space:
                found.setdefault(space, {})[number] = size
        return found

    def note(self, space: bytes, sizes: Mapping[int, int]) -> None:
        lines = b"".join(_line(space, number, size) for number, size in sorted(sizes.items()))
        try:
            opened = os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
            try:
                os.write(opened, lines)
                long = os.fstat(opened).st_size > COMPACT_BYTES
            finally:
                os.close(opened)
            if long:
                self._compact()
        except OSError as error:
            log.warning("%s cannot be written: %s", self._path, error.strerror)

    def _compact(self) -> None:
        part = self._path.with_name(self._path.name + ".part")
        lines = [_line(space, *one) for space, sizes in self.sizes().items() for one in sorted(sizes.items())]
        part.write_bytes(b"".join(lines))
        part.chmod(0o600)
        part.replace(self._path)

    def _lines(self) -> list[bytes]:
        try:
            return self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("%s cannot be read: %s", self._path, error.strerror)
            return []


def _line(space: bytes, number: int, size: int) -> bytes:
    told = f"{space.hex()} {number} {size}".encode()
    return b"%s %08x\n" % (told, zlib.crc32(told))


def _read_line(line: bytes) -> tuple[bytes, int, int]:
    """Return space, log and size; an empty space for a line that was cut off or changed."""
    told, _, checksum = line.rpartition(b" ")
    if checksum != b"%08x" % zlib.crc32(told):
        return b"", 0, 0
    space, number, size = told.decode("ascii").split(" ")
    return bytes.fromhex(space), int(number), int(size)
