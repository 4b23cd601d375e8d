"""SQLite behind ``sql``: how to connect, begin and fail. One file, in WAL mode, that Django's own tables share.

Every commit is on the disk when it returns (``synchronous=FULL``): a ``ctx`` leaf promises that.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tallystick.core.errors import LocalError, StoreUnavailableError
from tallystick.stores import rules

if TYPE_CHECKING:
    from tallystick.core.log import StoredLeaf

_RETRY_SECONDS = 0.05  # between tries to switch a new file to WAL while another process does the same

_VALUE_MAX = 128 * 2**20  # bytes of one value: more than the largest bundle, and a bound for files that others give us
# In a file from elsewhere a table's name may stand for a query that takes for ever.
_PROGRAMS = """SELECT 1 FROM sqlite_schema WHERE name LIKE 'record~_%' ESCAPE '~'
    AND (type = 'view' OR (type = 'table' AND (rootpage = 0 OR sql LIKE '%GENERATED%' OR sql LIKE '% AS (%')))"""

_CODES = {
    sqlite3.SQLITE_BUSY: "store-locked",
    sqlite3.SQLITE_LOCKED: "store-locked",
    sqlite3.SQLITE_PROTOCOL: "store-locked",
    sqlite3.SQLITE_FULL: "store-full",
    sqlite3.SQLITE_READONLY: "store-read-only",
    sqlite3.SQLITE_PERM: "store-read-only",
    sqlite3.SQLITE_CANTOPEN: "store-gone",
    sqlite3.SQLITE_IOERR: "store-gone",
    sqlite3.SQLITE_CORRUPT: "store-damaged",
    sqlite3.SQLITE_NOTADB: "store-damaged",
}


class _Connection(sqlite3.Connection):
    """Knows which file it opened: device and inode; and whether it can only read because the disk cannot be written."""

    identity: tuple[int, int] | None = None
    reads_only: bool = False


class Sqlite:
    """The driver for one file; ``?mode=ro`` at the end of the address opens it for reading only."""

    blob = "BLOB"
    serial = "INTEGER PRIMARY KEY"
    clustered = " WITHOUT ROWID"
    row_lock = ""  # BEGIN IMMEDIATE already lets one writer in at a time
    failure: tuple[type[Exception], ...] = (
        sqlite3.Error,
        UnicodeDecodeError,
    )  # the second when the driver reads the damaged text of an error

    def __init__(self, path: str, *, wait_seconds: float) -> None:
        plain, _, query = path.partition("?")
        self.path = Path(plain).absolute()
        self.read_only = query == "mode=ro"
        if query and not self.read_only:
            raise LocalError("unknown-store-address", part=query)
        self._wait_seconds = wait_seconds
        self._may_create = not self.read_only

    def facts(self) -> dict[str, object]:
        return {"path": str(self.path)}

    def connect(self) -> _Connection:
        """Open the file; only the first time may it be made, so a file that vanished is not taken for an empty one."""
        if self._may_create and not self.path.exists():
            self._create()
        try:
            connection = self._open("ro" if self.read_only else "rw")
        except sqlite3.Error:
            if os.access(self.path.parent, os.W_OK):
                raise
            connection = self._open_on_a_disk_that_only_reads()
        self._may_create = False
        return connection

    def _open_on_a_disk_that_only_reads(self) -> _Connection:
        """Open what can be read; without a journal beside it nobody writes to it, and SQLite need not make its own."""
        journal = self.path.with_name(self.path.name + "-wal")
        connection = self._open("ro" if journal.exists() else "ro&immutable=1")
        connection.reads_only = True
        return connection

    def _open(self, mode: str) -> _Connection:
        identity = self._identity()
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode={mode}",
            uri=True,
            timeout=self._wait_seconds,
            isolation_level=None,  # we say BEGIN and COMMIT ourselves
            check_same_thread=False,  # one transaction at a time, whichever thread it is in
            factory=_Connection,
        )
        connection.identity = identity
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _VALUE_MAX)
        try:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA secure_delete=ON")  # zeros over what is deleted: see ``purge``
            if mode == "rw":
                self._switch_to_wal(connection)
            if connection.execute(_PROGRAMS).fetchone():
                raise StoreUnavailableError("store-damaged", **self.facts(), reason="a view stands for a table")
        except (sqlite3.Error, UnicodeDecodeError, StoreUnavailableError) as error:
            connection.close()
            if _primary(error) == sqlite3.SQLITE_ERROR:  # nothing asked here fails on a whole file
                raise StoreUnavailableError("store-damaged", **self.facts(), reason=str(error)) from error
            raise
        return connection

    def _create(self) -> None:
        """Make an empty file that only we can read: people and national data live in it too."""
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise rules.disk_unavailable(error, self.path) from error

    def _switch_to_wal(self, connection: _Connection) -> None:
        """Switch to WAL; SQLite does not wait by itself when two connections do this to a new file at once."""
        left = max(1, round(self._wait_seconds / _RETRY_SECONDS))
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                left -= 1
                if not left or _primary(error) != sqlite3.SQLITE_BUSY:
                    raise
                threading.Event().wait(_RETRY_SECONDS)
            else:
                return

    def is_stale(self, connection: _Connection) -> bool:
        """Tell whether the file was replaced or removed: SQLite would go on writing to the one that has no name.

        Or whether a disk that could only be read can be written again.
        """
        mended = connection.reads_only and os.access(self.path.parent, os.W_OK)
        return mended or connection.identity != self._identity()

    def _identity(self) -> tuple[int, int] | None:
        try:
            there = self.path.stat()
        except OSError:
            return None
        return there.st_dev, there.st_ino

    def begin(self, connection: _Connection, *, write: bool) -> None:
        connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")

    def execute(self, connection: _Connection, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return connection.execute(sql, values).fetchall()

    def execute_many(self, connection: _Connection, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        connection.executemany(sql, rows)

    def insert_leaves(self, connection: _Connection, space: int, leaves: Iterable[StoredLeaf]) -> None:
        connection.executemany(
            "INSERT INTO record_leaves (space, log, idx, leaf, core, detail, auth) VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((space, *leaf) for leaf in leaves),
        )

    def lock_schema(self, connection: _Connection) -> None:
        """BEGIN IMMEDIATE has done it."""

    def check(self, connection: _Connection) -> None:
        """Raise ``store-damaged`` unless SQLite finds its pages, rows and indexes to fit each other."""
        ((found,),) = self.execute(connection, "PRAGMA integrity_check(1)")
        if found != "ok":
            raise StoreUnavailableError("store-damaged", **self.facts(), reason=found)

    def backup(self, connection: _Connection, path: Path) -> bool:
        """Copy the whole file as it is now, other programs' tables too; writers need not wait."""
        part = path.with_name(path.name + ".part")
        try:
            part.unlink(missing_ok=True)
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            with closing(sqlite3.connect(part, isolation_level=None)) as copy:
                connection.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, without companions
            part.rename(path)
        except OSError as error:
            raise rules.disk_unavailable(error, path) from error
        return True

    def free(self) -> int | None:
        try:
            return shutil.disk_usage(self.path.parent).free
        except OSError as error:
            raise rules.disk_unavailable(error, self.path) from error

    def purge(self, connection: _Connection) -> None:
        """Write the file anew without its free space, and empty the journal.

        ``secure_delete`` alone would miss what another program freed in the same file, or an older version of ours.

        Raises:
            StoreUnavailableError: ``store-locked``: somebody reads what the journal still has to keep for them.
        """
        connection.execute("VACUUM")
        ((busy, _, _),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        if busy:
            raise StoreUnavailableError("store-locked", **self.facts(), reason="the journal is being read")

    def unavailable(self, error: Exception, ours: frozenset[str] = frozenset()) -> StoreUnavailableError:
        """Return our error for SQLite's; one that no outside cause explains is a broken promise of ours.

        Args:
            error: One of ``failure``.
            ours: Names of tables and columns that were made: if one is unknown now, the disk has changed it.
        """
        code = _CODES.get(_primary(error))
        unreadable = isinstance(error, UnicodeDecodeError) or "Could not decode" in str(error)
        if code is None and str(error).startswith("no such table: record_"):  # another file stands in its place
            code = "store-empty"
        elif code is None and (unreadable or str(error).rpartition(": ")[2] in ours):
            code = "store-damaged"
        assert code is not None, f"SQLite refused our statement: {error}"
        return StoreUnavailableError(code, **self.facts(), reason=str(error))


def _primary(error: Exception) -> int:
    """Return SQLite's primary result code, the low byte of the extended one; 0 when the driver itself complains."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
