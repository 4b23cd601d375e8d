"""Where entries are kept: memory, a folder of files, SQLite, PostgreSQL. One contract suite holds for all."""

from __future__ import annotations

from pathlib import Path

from tallystick.app.ports import Store
from tallystick.stores.files import FileStore
from tallystick.stores.memory import MemoryStore
from tallystick.stores.sql import SqlStore


def open_store(url: str) -> Store:
    """Open the store that ``url`` names.

    ``sqlite:///node.db`` (``sqlite:////srv/node.db`` for an absolute path; ``?mode=ro`` to only read),
    ``postgresql://…``, ``files:///folder`` (``files:////…``), ``memory:``.

    Raises:
        LocalError: ``unknown-store-address``, or ``postgres-driver-missing``.
        StoreUnavailableError: it cannot be opened now.
    """
    if url == "memory:":
        return MemoryStore()
    if url.startswith("files:///"):
        return FileStore(Path(url.removeprefix("files:///")))
    return SqlStore(url)
