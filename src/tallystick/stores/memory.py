"""A store that ends with the process: for tests, simulations and reading an export.

It keeps the same promises as the durable ones, but for durability.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tallystick.app.ports import Loaded
from tallystick.core.erasure import without
from tallystick.stores import files, rules
from tallystick.stores.book import Book, BookStore

if TYPE_CHECKING:
    from tallystick.core.admission import Admission
    from tallystick.core.checkpoint import Checkpoint
    from tallystick.core.log import StoredLeaf


@dataclass
class _Shelf:
    """The logs of one agreement."""

    genesis: bytes
    logs: dict[int, list[StoredLeaf]] = field(default_factory=dict)
    epoch_keys: dict[tuple[int, int], bytes] = field(default_factory=dict)
    checkpoints: dict[int, Checkpoint] = field(default_factory=dict)

    def sizes(self) -> dict[int, int]:
        return {log: len(leaves) for log, leaves in sorted(self.logs.items())}


class MemoryStore(BookStore):
    """Dictionaries behind one lock."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._shelves: dict[bytes, _Shelf] = {}
        self._small = Book()

    def create_space(self, genesis: bytes) -> bytes:
        space = rules.sha256(genesis)
        with self._lock:
            self._shelves.setdefault(space, _Shelf(genesis))
        return space

    def spaces(self) -> tuple[bytes, ...]:
        with self._lock:
            return tuple(self._shelves)

    def sizes(self, space: bytes) -> dict[int, int]:
        with self._lock:
            return self._shelf(space).sizes()

    def load(self, space: bytes) -> Loaded:
        with self._lock:
            shelf = self._shelf(space)
            leaves = [leaf for _, log in sorted(shelf.logs.items()) for leaf in log]
            return Loaded(shelf.genesis, leaves, dict(shelf.epoch_keys), dict(shelf.checkpoints))

    def append(self, admission: Admission) -> None:
        with self._lock:
            shelf = self._shelf(admission.space)
            rules.sizes_after(admission, shelf.sizes())
            for log, size in admission.keep.items():
                for block in rules.lost_blocks(admission, log, len(shelf.logs[log])):
                    shelf.epoch_keys.pop((log, block), None)
                del shelf.logs[log][size:]
                if log in shelf.checkpoints and shelf.checkpoints[log].size > size:
                    del shelf.checkpoints[log]
            for name, secret in admission.epoch_keys.items():
                rules.check_secret(shelf.epoch_keys.get(name), secret)
            for leaf in admission.leaves:
                shelf.logs.setdefault(leaf.log, []).append(leaf)
            for log, index, segments in admission.erase:
                shelf.logs[log][index] = without(shelf.logs[log][index], segments)
            for leaf in admission.fill:
                shelf.logs[leaf.log][leaf.index] = leaf
            if admission.erase:
                self._small.facts[rules.due_name(admission.space)] = b""
            shelf.epoch_keys.update(admission.epoch_keys)
            shelf.checkpoints.update(rules.newer(admission.checkpoints, shelf.checkpoints))

    def purge(self) -> bool:
        with self._lock:
            return self._small.purge()

    def export(self, space: bytes, folder: Path, notes: Mapping[int, str] | None = None) -> None:
        files.export_folder(self.load(space), folder, notes or {})

    def backup(self, path: Path) -> None:
        files.backup_folder(self, path)

    def probe(self) -> int | None:
        return None

    def close(self) -> None:
        """Nothing to let go of: what is in memory stays as long as the store."""

    def _shelf(self, space: bytes) -> _Shelf:
        if space not in self._shelves:
            raise rules.unknown_space(space)
        return self._shelves[space]

    @contextmanager
    def _book(self, *, write: bool) -> Iterator[Book]:  # noqa: ARG002 (memory reads and writes alike)
        with self._lock:
            yield self._small
