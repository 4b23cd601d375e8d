"""The only reader of the wall clock. Everything below takes the time as an argument."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Return seconds since 1970 UTC."""
        return int(time.time())


@dataclass(frozen=True)
class DemoClock:
    """The machine's clock shifted by an offset kept in a file, so that two demo nodes live on the same day."""

    path: Path

    def now(self) -> int:
        return int(time.time()) + self._offset()

    def set_to(self, instant: int) -> None:
        """Make ``instant`` (seconds since 1970) the present, for every node that reads the same file."""
        self.path.write_text(json.dumps({"offset": instant - int(time.time())}), encoding="utf-8")

    def _offset(self) -> int:
        try:
            return int(json.loads(self.path.read_text(encoding="utf-8"))["offset"])
        except FileNotFoundError:
            return 0
