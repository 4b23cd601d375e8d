"""The store in a database: SQLite by default, PostgreSQL by address. Raw SQL, because the ORM costs 8 to 10 times.

Decides the tables (all named ``record_…``, beside Django's own) and every statement on them. Leaves to ``sqlite`` and
``postgres`` how to connect, begin, insert many and fail; what they differ in is what :class:`Driver` says.
"""
# ruff: noqa: S608 (only names written in this package are put into statements, never values)

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tallystick.app.ports import ASIDE_MAX, PURGE_DUE, Aside, Loaded, Peer, PeerStatus, Waiting
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.entries import Segment
from tallystick.core.errors import LocalError, StoreUnavailableError
from tallystick.core.log import StoredLeaf
from tallystick.stores import files, rules
from tallystick.stores.sqlite import Sqlite

if TYPE_CHECKING:
    from tallystick.core.admission import Admission

TABLES = 2  # the version of the tables; it grows when one of them changes. 1 had no row hashes
IDLE_MAX = 8  # connections kept open for the next caller; a node serves few at once

# {blob} and {serial} are the database's words; {clustered} keeps rows in the order of their key, where it can.
# What is not signed by somebody has the hash of its row beside it, so that a changed disk is noticed.
SCHEMA = """
CREATE TABLE IF NOT EXISTS record_meta (  -- the schema's version, and what the node remembers
    name TEXT PRIMARY KEY, value {blob} NOT NULL, row_hash {blob});
CREATE TABLE IF NOT EXISTS record_spaces (
    no {serial}, id {blob} NOT NULL UNIQUE, genesis {blob} NOT NULL);
CREATE TABLE IF NOT EXISTS record_heads (
    space BIGINT NOT NULL REFERENCES record_spaces (no), log BIGINT NOT NULL, size BIGINT NOT NULL,
    PRIMARY KEY (space, log));
CREATE TABLE IF NOT EXISTS record_leaves (
    space BIGINT NOT NULL, log BIGINT NOT NULL, idx BIGINT NOT NULL,
    leaf {blob} NOT NULL, core {blob}, detail {blob}, auth {blob},
    PRIMARY KEY (space, log, idx)){clustered};
CREATE TABLE IF NOT EXISTS record_epochs (
    space BIGINT NOT NULL, log BIGINT NOT NULL, block BIGINT NOT NULL, secret {blob} NOT NULL,
    PRIMARY KEY (space, log, block));
CREATE TABLE IF NOT EXISTS record_checkpoints (  -- all of them; the largest of a log counts
    space BIGINT NOT NULL, log BIGINT NOT NULL, size BIGINT NOT NULL, root {blob} NOT NULL, signature {blob} NOT NULL,
    PRIMARY KEY (space, log, size));
CREATE TABLE IF NOT EXISTS record_waiting (
    no {serial}, space BIGINT NOT NULL REFERENCES record_spaces (no), digest {blob} NOT NULL, bundle {blob} NOT NULL,
    UNIQUE (space, digest));
CREATE TABLE IF NOT EXISTS record_aside (  -- space is empty for a stranger's
    no {serial}, space {blob} NOT NULL, at BIGINT NOT NULL, code TEXT NOT NULL, facts TEXT NOT NULL,
    size BIGINT NOT NULL, digest {blob} NOT NULL, body {blob} NOT NULL, row_hash {blob});
CREATE TABLE IF NOT EXISTS record_peers (
    peer_id TEXT PRIMARY KEY, party TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL, created_at BIGINT NOT NULL,
    space {blob}, url TEXT NOT NULL, age_recipient TEXT NOT NULL, root_key {blob}, writer_key {blob}, genesis {blob},
    known {blob} NOT NULL, last_seen_at BIGINT, last_tried_at BIGINT, last_error TEXT, row_hash {blob});
"""
_NAMES = frozenset(re.findall(r"\w+", SCHEMA))
_META_COLUMNS = ("name", "value")
_ASIDE_COLUMNS = ("space", "at", "code", "facts", "size", "digest", "body")
_HASHED = {
    "record_meta": ("name", _META_COLUMNS),
    "record_aside": ("no", _ASIDE_COLUMNS),
    "record_peers": ("peer_id", rules.PEER_COLUMNS),
}
_ASIDE_LIST = ", ".join(_ASIDE_COLUMNS)
_PEER_LIST = ", ".join(rules.PEER_COLUMNS)
_PEER_MARKS = ", ".join("?" * (len(rules.PEER_COLUMNS) + 1))
_PEER_UPDATES = ", ".join(f"{name} = excluded.{name}" for name in (*rules.PEER_COLUMNS[1:], "row_hash"))

Rows = list[tuple[Any, ...]]


class Driver(Protocol):
    """What one database does in its own way. Statements are written with ``?`` for values."""

    blob: str
    serial: str
    clustered: str
    row_lock: str  # what makes a SELECT hold its row until the end of the transaction
    read_only: bool
    failure: tuple[type[Exception], ...]  # the bases of all its errors

    def facts(self) -> dict[str, object]: ...
    def connect(self) -> Any: ...
    def is_stale(self, connection: Any) -> bool: ...
    def begin(self, connection: Any, *, write: bool) -> None: ...
    def execute(self, connection: Any, sql: str, values: Sequence[Any] = ()) -> Rows: ...
    def execute_many(self, connection: Any, sql: str, rows: Iterable[Sequence[Any]]) -> None: ...
    def insert_leaves(self, connection: Any, space: int, leaves: Iterable[StoredLeaf]) -> None: ...
    def lock_schema(self, connection: Any) -> None: ...
    def free(self) -> int | None: ...
    def unavailable(self, error: Exception, ours: frozenset[str] = ...) -> StoreUnavailableError: ...
    def check(self, connection: Any) -> None: ...
    def backup(self, connection: Any, path: Path) -> bool: ...
    def purge(self, connection: Any) -> None: ...


def driver_for(url: str, *, wait_seconds: float) -> Driver:
    """Return the driver that ``url`` names: ``sqlite:///path`` (a fourth slash begins an absolute one) or PostgreSQL.

    Raises:
        LocalError: ``unknown-store-address``, or ``postgres-driver-missing``.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return Sqlite(rest[1:], wait_seconds=wait_seconds)
    if scheme in ("postgresql", "postgres"):
        from tallystick.stores.postgres import Postgres  # noqa: PLC0415 (an extra: most nodes do not have psycopg)

        return Postgres(url, wait_seconds=wait_seconds)
    raise LocalError("unknown-store-address", part=scheme)


def _are_segments(values: list[Any]) -> bool:
    return all(value is None or type(value) is bytes for value in values)


class _Transaction:
    """One database transaction of one connection."""

    def __init__(self, driver: Driver, connection: Any) -> None:
        self._driver = driver
        self.connection = connection

    def rows(self, sql: str, *values: object) -> Rows:
        return self._driver.execute(self.connection, sql, values)

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._driver.execute_many(self.connection, sql, rows)

    def insert_leaves(self, space: int, leaves: Iterable[StoredLeaf]) -> None:
        self._driver.insert_leaves(self.connection, space, leaves)

    def space_no(self, space: bytes, *, lock: bool = False) -> int:
        """Return the row number of an agreement; with ``lock``, wait until nobody else writes to it."""
        found = self.rows(f"SELECT no FROM record_spaces WHERE id = ?{self._driver.row_lock if lock else ''}", space)
        if not found:
            raise rules.unknown_space(space)
        return int(found[0][0] or 0)  # it is never nothing, except on a damaged disk

    def lock_small_tables(self) -> None:
        self.rows(f"SELECT value FROM record_meta WHERE name = 'schema'{self._driver.row_lock}")

    def sizes(self, space_no: int) -> dict[int, int]:
        return dict(self.rows("SELECT log, size FROM record_heads WHERE space = ? ORDER BY log", space_no))


class SqlStore:
    """Entries, and what belongs to them, in a database. Connections are taken for one transaction at a time."""

    def __init__(self, url: str, *, wait_seconds: float = 10.0) -> None:
        """Open the database and make its tables if they are missing.

        Args:
            url: see :func:`driver_for`.
            wait_seconds: how long to wait for another writer before ``store-locked``.
        """
        self._driver = driver_for(url, wait_seconds=wait_seconds)
        self._lock = threading.Lock()
        self._idle: list[Any] = []
        self._inherited: list[Any] = []
        self._pid = os.getpid()
        self._tables = TABLES
        self._prepare()

    # The logs

    def create_space(self, genesis: bytes) -> bytes:
        space = rules.sha256(genesis)
        with self._transaction(write=True) as now:
            now.rows(
                "INSERT INTO record_spaces (id, genesis) VALUES (?, ?) ON CONFLICT (id) DO NOTHING", space, genesis
            )
        return space

    def spaces(self) -> tuple[bytes, ...]:
        with self._transaction(write=False) as now:
            found = tuple(space for (space,) in now.rows("SELECT id FROM record_spaces ORDER BY no"))
        if not all(type(space) is bytes for space in found):
            raise self._damaged("record_spaces")
        return found

    def sizes(self, space: bytes) -> dict[int, int]:
        with self._transaction(write=False) as now:
            return now.sizes(now.space_no(space))

    def load(self, space: bytes) -> Loaded:
        with self._transaction(write=False) as now:
            no = now.space_no(space)
            found = now.rows("SELECT genesis FROM record_spaces WHERE no = ?", no)
            heads = now.sizes(no)
            leaves = now.rows(
                "SELECT log, idx, leaf, core, detail, auth FROM record_leaves WHERE space = ? ORDER BY log, idx", no
            )
            epochs = now.rows("SELECT log, block, secret FROM record_epochs WHERE space = ?", no)
            checkpoints = now.rows(
                "SELECT log, size, root, signature FROM record_checkpoints WHERE space = ? ORDER BY log, size", no
            )
        genesis = found[0][0] if found else None
        if type(genesis) is not bytes or rules.sha256(genesis) != space:
            raise self._damaged("record_spaces")
        if dict(Counter(row[0] for row in leaves)) != heads:
            raise self._damaged("record_heads")
        if not all(
            type(log) is int and type(index) is int and type(leaf) is bytes and _are_segments(segments)
            for log, index, leaf, *segments in leaves
        ):
            raise self._damaged("record_leaves")
        for table, rows in (("record_epochs", epochs), ("record_checkpoints", checkpoints)):
            if not all(type(n) is int for row in rows for n in row[:2]) or not all(
                type(part) is bytes for row in rows for part in row[2:]
            ):
                raise self._damaged(table)
        return Loaded(
            genesis,
            [StoredLeaf(*row) for row in leaves],
            {(log, block): secret for log, block, secret in epochs},
            {log: Checkpoint(size, root, signature) for log, size, root, signature in checkpoints},  # the last stays
        )

    def append(self, admission: Admission) -> None:
        with self._transaction(write=True) as now:
            no = now.space_no(admission.space, lock=True)
            found = now.sizes(no)
            after = rules.sizes_after(admission, found)
            for log, size in admission.keep.items():
                now.rows("DELETE FROM record_leaves WHERE space = ? AND log = ? AND idx >= ?", no, log, size)
                now.many(
                    "DELETE FROM record_epochs WHERE space = ? AND log = ? AND block = ?",
                    [(no, log, block) for block in rules.lost_blocks(admission, log, found[log])],
                )
                now.rows("DELETE FROM record_checkpoints WHERE space = ? AND log = ? AND size > ?", no, log, size)
            now.insert_leaves(no, admission.leaves)
            now.many(
                "INSERT INTO record_heads (space, log, size) VALUES (?, ?, ?)"
                " ON CONFLICT (space, log) DO UPDATE SET size = excluded.size",
                [(no, log, size) for log, size in sorted(after.items())],
            )
            for (log, block), secret in sorted(admission.epoch_keys.items()):
                kept = now.rows(
                    "SELECT secret FROM record_epochs WHERE space = ? AND log = ? AND block = ?", no, log, block
                )
                rules.check_secret(kept[0][0] if kept else None, secret)
            now.many(
                "INSERT INTO record_epochs (space, log, block, secret) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (space, log, block) DO UPDATE SET secret = excluded.secret",
                [(no, log, block, secret) for (log, block), secret in sorted(admission.epoch_keys.items())],
            )
            now.many(
                "INSERT INTO record_checkpoints (space, log, size, root, signature) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (space, log, size) DO NOTHING",
                [(no, log, x.size, x.root, x.signature) for log, x in sorted(admission.checkpoints.items())],
            )
            if admission.erase:
                self._erase(now, no, admission)
            now.many(
                "UPDATE record_leaves SET core = ?, detail = ?, auth = ? WHERE space = ? AND log = ? AND idx = ?",
                [(x.core, x.detail, x.auth, no, x.log, x.index) for x in admission.fill],
            )

    def _erase(self, now: _Transaction, no: int, admission: Admission) -> None:
        for column, segment in (("core", Segment.CORE), ("detail", Segment.DETAIL), ("auth", Segment.AUTH)):
            now.many(
                f"UPDATE record_leaves SET {column} = NULL WHERE space = ? AND log = ? AND idx = ?",
                [(no, one.log, one.index) for one in admission.erase if one.segments & segment],
            )
        now.rows("DELETE FROM record_waiting WHERE space = ?", no)
        for name, *row in now.rows(f"SELECT no, {_ASIDE_LIST} FROM record_aside WHERE space = ?", admission.space):
            row[-1] = b""
            now.rows("UPDATE record_aside SET body = ?, row_hash = ? WHERE no = ?", b"", rules.row_hash(row), name)
        self._remember(now, rules.due_name(admission.space), b"")

    def purge(self) -> bool:
        due = [name for name in self.remembered() if name.startswith(PURGE_DUE)]
        if due:
            with self._connection() as connection:
                self._driver.purge(connection)
            with self._transaction(write=True) as now:
                now.many("DELETE FROM record_meta WHERE name = ?", [(f"node:{name}",) for name in due])
        return bool(due)

    # What waits, and what was refused

    def put_waiting(self, space: bytes, bundle: bytes) -> bytes:
        digest = rules.sha256(bundle)
        with self._transaction(write=True) as now:
            no = now.space_no(space, lock=True)
            if not now.rows("SELECT 1 FROM record_waiting WHERE space = ? AND digest = ?", no, digest):
                ((bundles, size),) = now.rows(
                    "SELECT COUNT(*), COALESCE(SUM(LENGTH(bundle)), 0) FROM record_waiting WHERE space = ?", no
                )
                rules.check_waiting(bundles=bundles, size=size, more=len(bundle))
                now.rows("INSERT INTO record_waiting (space, digest, bundle) VALUES (?, ?, ?)", no, digest, bundle)
        return digest

    def waiting(self, space: bytes) -> tuple[Waiting, ...]:
        with self._transaction(write=False) as now:
            found = now.rows(
                "SELECT digest, bundle FROM record_waiting"
                " WHERE space = (SELECT no FROM record_spaces WHERE id = ?) ORDER BY no",
                space,
            )
        if not all(type(bundle) is bytes and rules.sha256(bundle) == digest for digest, bundle in found):
            raise self._damaged("record_waiting")
        return tuple(Waiting(digest, bundle) for digest, bundle in found)

    def drop_waiting(self, space: bytes, digest: bytes) -> None:
        with self._transaction(write=True) as now:
            now.rows(
                "DELETE FROM record_waiting WHERE space = (SELECT no FROM record_spaces WHERE id = ?) AND digest = ?",
                space,
                digest,
            )

    def set_aside(self, space: bytes | None, body: bytes, code: str, facts: Mapping[str, object], at: int) -> None:
        new = rules.aside_of(space, body, code, facts, at)
        key = space or b""
        row = (key, at, code, rules.facts_text(new.facts), new.size, new.digest, new.body)
        with self._transaction(write=True) as now:
            now.lock_small_tables()
            now.rows("DELETE FROM record_aside WHERE space = ? AND digest = ? AND code = ?", key, new.digest, code)
            now.rows(
                f"INSERT INTO record_aside ({_ASIDE_LIST}, row_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                *(*row, rules.row_hash(row)),
            )
            now.rows(
                "DELETE FROM record_aside WHERE space = ? AND no NOT IN"
                " (SELECT no FROM record_aside WHERE space = ? ORDER BY no DESC LIMIT ?)",
                *(key, key, ASIDE_MAX),
            )

    def aside(self) -> tuple[Aside, ...]:
        with self._transaction(write=False) as now:
            found = self._hashed(now, "record_aside", "ORDER BY no DESC")
        return tuple([_aside(row) for row in found])

    def aside_brief(self) -> tuple[Aside, ...]:
        with self._transaction(write=False) as now:
            found = now.rows("SELECT space, at, code, facts, size, digest FROM record_aside ORDER BY no DESC")
        try:
            return tuple([_aside((*row, b"")) for row in found])
        except (ValueError, TypeError) as error:
            raise self._damaged("record_aside") from error

    # Facts of this node, and its peers

    def remember(self, name: str, value: bytes) -> None:
        with self._transaction(write=True) as now:
            self._remember(now, name, value)

    def _remember(self, now: _Transaction, name: str, value: bytes) -> None:
        now.rows(
            "INSERT INTO record_meta (name, value, row_hash) VALUES (?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value, row_hash = excluded.row_hash",
            f"node:{name}",
            value,
            rules.row_hash((f"node:{name}", value)),
        )

    def recall(self, name: str) -> bytes | None:
        with self._transaction(write=False) as now:
            found = self._hashed(now, "record_meta", "WHERE name = ?", f"node:{name}")
        return found[0][1] if found else None

    def remembered(self) -> dict[str, bytes]:
        with self._transaction(write=False) as now:
            found = self._hashed(now, "record_meta", "WHERE name <> 'schema' ORDER BY name")
        return {name.removeprefix("node:"): value for name, value in found}

    def peers(self) -> tuple[Peer, ...]:
        with self._transaction(write=False) as now:
            found = self._hashed(now, "record_peers")
        return tuple(sorted(map(rules.peer_from, found), key=lambda peer: (peer.created_at, peer.peer_id)))

    def get_peer(self, peer_id: str) -> Peer | None:
        with self._transaction(write=False) as now:
            found = self._hashed(now, "record_peers", "WHERE peer_id = ?", peer_id)
        return rules.peer_from(found[0]) if found else None

    def put_peer(self, peer: Peer) -> None:
        row = rules.peer_row(peer)
        with self._transaction(write=True) as now:
            now.lock_small_tables()
            if peer.status is PeerStatus.KNOCK:
                ((pending,),) = now.rows(
                    "SELECT COUNT(*) FROM record_peers WHERE status = ? AND peer_id <> ?",
                    PeerStatus.KNOCK.value,
                    peer.peer_id,
                )
                rules.check_knocks(pending)
            now.rows(
                f"INSERT INTO record_peers ({_PEER_LIST}, row_hash) VALUES ({_PEER_MARKS})"
                f" ON CONFLICT (peer_id) DO UPDATE SET {_PEER_UPDATES}",
                *(*row, rules.row_hash(row)),
            )

    def remove_peer(self, peer_id: str) -> None:
        with self._transaction(write=True) as now:
            now.rows("DELETE FROM record_peers WHERE peer_id = ?", peer_id)

    def _hashed(self, now: _Transaction, table: str, where: str = "", *values: object) -> Rows:
        """Return rows of a small table, each checked to be as it was written."""
        columns = _HASHED[table][1]
        shown = "row_hash" if self._tables > 1 else "NULL"
        found = now.rows(f"SELECT {', '.join(columns)}, {shown} FROM {table} {where}", *values)
        if self._tables > 1 and not all(rules.row_hash(row[:-1]) == row[-1] for row in found):
            raise self._damaged(table)
        return [row[:-1] for row in found]

    def _damaged(self, table: str) -> StoreUnavailableError:
        return StoreUnavailableError("store-damaged", **self._driver.facts(), table=table)

    def check(self) -> None:
        with self._connection() as connection:
            self._driver.check(connection)
        for space in self.spaces():
            self.waiting(space)
        self.peers()
        self.aside()
        self.remembered()

    # Copies

    def export(self, space: bytes, folder: Path, notes: Mapping[int, str] | None = None) -> None:
        files.export_folder(self.load(space), folder, notes or {})

    def backup(self, path: Path) -> None:
        if path.exists():
            raise LocalError("backup-exists", path=str(path))
        with self._connection() as connection:
            whole = self._driver.backup(connection, path)
        if not whole:
            files.backup_folder(self, path)

    def probe(self) -> int | None:
        with self._transaction(write=True) as now:
            now.rows("UPDATE record_meta SET value = value WHERE 1 = 0")
        return self._driver.free()

    # Connections

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[_Transaction]:
        """Run the block in one database transaction; what it raises undoes it."""
        with self._connection() as connection:
            self._driver.begin(connection, write=write)
            try:
                yield _Transaction(self._driver, connection)
            except BaseException as error:
                if not isinstance(error, self._driver.failure):  # then the connection is closed, which undoes as well
                    self._driver.execute(connection, "ROLLBACK")
                raise
            self._driver.execute(connection, "COMMIT")

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        """Lend a connection; after a failure of the database it is closed and the next caller gets a new one."""
        connection = None
        try:
            connection = self._take()
            yield connection
        except self._driver.failure as error:
            if connection is not None:
                connection.close()
            raise self._driver.unavailable(error, _NAMES) from error
        except BaseException:
            if connection is not None:
                self._give_back(connection)
            raise
        self._give_back(connection)

    def _take(self) -> Any:
        with self._lock:
            if self._pid != os.getpid():  # after a fork the parent's connections are not ours to use or to close
                self._inherited += self._idle
                self._idle = []
                self._pid = os.getpid()
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            return self._driver.connect()
        if self._driver.is_stale(connection):
            connection.close()
            self.close()
            return self._driver.connect()
        return connection

    def _give_back(self, connection: Any) -> None:
        with self._lock:
            if len(self._idle) < IDLE_MAX:
                self._idle.append(connection)
                return
        connection.close()

    def _make_tables(self) -> None:
        with self._transaction(write=True) as now:
            self._driver.lock_schema(now.connection)
            words = {name: getattr(self._driver, name) for name in ("blob", "serial", "clustered")}
            for statement in SCHEMA.format(**words).rstrip().rstrip(";").split(";\n"):
                now.rows(statement)
            found = now.rows("SELECT value FROM record_meta WHERE name = 'schema'")
            if not found:
                now.rows("INSERT INTO record_meta (name, value) VALUES ('schema', ?)", b"%d" % TABLES)
            elif found[0][0] == b"1":
                self._add_row_hashes(now)

    def _prepare(self) -> None:
        """Make the tables, or check that they are the ones we know; older ones are brought up to ours."""
        if not self._driver.read_only:
            try:
                self._make_tables()
            except StoreUnavailableError as error:
                if error.code != "store-read-only":  # what is there can be read
                    raise
        with self._transaction(write=False) as now:
            found = now.rows("SELECT value FROM record_meta WHERE name = 'schema'")
        if not found or type(found[0][0]) is not bytes or not found[0][0].isdigit():
            raise self._damaged("record_meta")
        self._tables = int(found[0][0])
        rules.check_format(self._tables, known=TABLES, **self._driver.facts())

    def _add_row_hashes(self, now: _Transaction) -> None:
        for table, (key, columns) in _HASHED.items():
            now.rows(f"ALTER TABLE {table} ADD COLUMN row_hash {self._driver.blob}")
            for name, *row in now.rows(f"SELECT {key}, {', '.join(columns)} FROM {table}"):
                now.rows(f"UPDATE {table} SET row_hash = ? WHERE {key} = ?", rules.row_hash(row), name)
        now.rows("UPDATE record_meta SET value = ? WHERE name = 'schema'", b"%d" % TABLES)


def _aside(row: tuple[Any, ...]) -> Aside:
    space, at, code, facts, size, digest, body = row
    return Aside(
        space=space or None,
        at=at,
        code=code,
        facts=rules.facts_from(facts),
        size=size,
        digest=digest,
        body=body,
    )
