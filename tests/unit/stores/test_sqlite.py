"""What a file database does when the world is unkind: each refusal by its own name, and nothing half-written."""

import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.stores.keeping import growth

from tallystick.core.errors import LocalError, StoreUnavailableError
from tallystick.stores import sqlite
from tallystick.stores.sql import IDLE_MAX, SqlStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "node.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlStore]:
    store = SqlStore(f"sqlite:///{path}", wait_seconds=0.01)
    store.append(growth(store.create_space(b"terms"), {}, l0=2))
    yield store
    store.close()


def space_of(store: SqlStore) -> bytes:
    (space,) = store.spaces()
    return space


def test_a_commit_is_on_the_disk_when_it_returns(store: SqlStore):
    with store._connection() as connection:
        asked = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert asked == ["wal", 2]  # 2 is FULL


def test_a_new_file_is_for_its_owner_only(store: SqlStore, path: Path):
    store.spaces()
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_a_full_disk_is_named_and_the_next_append_works_when_there_is_room(
    store: SqlStore, path: Path, monkeypatch: pytest.MonkeyPatch
):
    space, connect = space_of(store), store._driver.connect

    def connect_to_a_small_disk() -> sqlite3.Connection:
        connection = connect()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages + 1}")
        return connection

    store.close()
    before = store.load(space)
    store.close()
    with monkeypatch.context() as small:
        small.setattr(store._driver, "connect", connect_to_a_small_disk)
        with pytest.raises(StoreUnavailableError) as full:
            store.append(growth(space, {0: 2}, l0=1000))
    assert (full.value.code, full.value.facts["path"]) == ("store-full", str(path))
    assert store.load(space) == before
    store.append(growth(space, {0: 2}, l0=1000))
    assert store.sizes(space) == {0: 1002}


def test_a_database_that_another_program_holds_is_named_and_works_afterwards(store: SqlStore, path: Path):
    space = space_of(store)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError) as locked:
            store.append(growth(space, {0: 2}, l0=1))
        assert locked.value.code == "store-locked"
        assert locked.value.try_again
        assert store.sizes(space) == {0: 2}  # readers need not wait
        other.execute("ROLLBACK")
    store.append(growth(space, {0: 2}, l0=1))
    assert store.sizes(space) == {0: 3}


def test_a_writer_waits_for_another_that_is_quick(path: Path):
    store = SqlStore(f"sqlite:///{path}")
    space = store.create_space(b"terms")
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.05, other.execute, ["ROLLBACK"])
        release.start()
        store.append(growth(space, {}, l0=1))
        release.join()
    assert store.sizes(space) == {0: 1}
    store.close()


def test_a_database_that_may_only_be_read_is_read_and_refuses_the_rest(store: SqlStore, path: Path):
    space = space_of(store)
    reader = SqlStore(f"sqlite:///{path}?mode=ro")
    assert reader.load(space) == store.load(space)
    with pytest.raises(StoreUnavailableError) as refused:
        reader.append(growth(space, {0: 2}, l0=1))
    assert refused.value.code == "store-read-only"
    assert reader.sizes(space) == {0: 2}
    reader.close()


def test_a_file_that_was_removed_is_missed_rather_than_written_to(store: SqlStore, path: Path):
    space = space_of(store)
    moved = path.rename(path.with_name("moved.db"))
    for _ in range(2):  # a file that vanished is not taken for an empty one, however often it is tried
        with pytest.raises(StoreUnavailableError) as gone:
            store.append(growth(space, {0: 2}, l0=1))
        assert (gone.value.code, gone.value.facts["path"]) == ("store-gone", str(path))
    assert not path.exists()
    moved.rename(path)
    store.append(growth(space, {0: 2}, l0=1))
    assert store.sizes(space) == {0: 3}


def test_a_file_that_was_replaced_is_the_one_that_counts(store: SqlStore, path: Path, tmp_path: Path):
    space = space_of(store)
    store.backup(tmp_path / "backup.db")
    store.append(growth(space, {0: 2}, l0=1))
    store.sizes(space)
    store.close()
    held = store._driver.connect()
    store._give_back(held)
    path.unlink()
    (tmp_path / "backup.db").rename(path)
    assert store.sizes(space) == {0: 2}


@pytest.mark.parametrize("place", ["missing/node.db", "file/node.db"])
def test_a_place_that_cannot_hold_a_file_is_named(tmp_path: Path, place: str):
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailableError) as gone:
        SqlStore(f"sqlite:///{tmp_path}/{place}")
    assert gone.value.code == "store-gone"


def test_reading_only_does_not_make_a_file(path: Path):
    with pytest.raises(StoreUnavailableError) as gone:
        SqlStore(f"sqlite:///{path}?mode=ro")
    assert (gone.value.code, path.exists()) == ("store-gone", False)


def test_bytes_that_are_no_database_are_damage(path: Path):
    path.write_bytes(b"a letter, not a database, and long enough to be looked at\n" * 100)
    with pytest.raises(StoreUnavailableError) as damaged:
        SqlStore(f"sqlite:///{path}")
    assert damaged.value.code == "store-damaged"


def test_another_program_that_holds_a_new_file_for_long_is_named(path: Path):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        other.execute("CREATE TABLE theirs (x)")
        with pytest.raises(StoreUnavailableError) as locked:
            SqlStore(f"sqlite:///{path}", wait_seconds=0.11)
    assert locked.value.code == "store-locked"


class BusyConnection:
    """SQLite while another connection switches the same new file to WAL: it refuses at once, without waiting."""

    def __init__(self, refusals: int, code: int = sqlite3.SQLITE_BUSY) -> None:
        self.left, self.code = refusals, code

    def execute(self, _: str) -> None:
        if self.left:
            self.left -= 1
            error = sqlite3.OperationalError("refused")
            error.sqlite_errorcode = self.code
            raise error


def test_two_that_make_the_same_file_at_once_take_turns(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlite, "_RETRY_SECONDS", 0.001)
    driver = sqlite.Sqlite("node.db", wait_seconds=0.005)  # so five tries
    driver._switch_to_wal(BusyConnection(4))
    for hopeless, tried in ((BusyConnection(9), 5), (BusyConnection(9, sqlite3.SQLITE_FULL), 1)):
        with pytest.raises(sqlite3.OperationalError):
            driver._switch_to_wal(hopeless)
        assert hopeless.left == 9 - tried


def test_a_database_of_a_newer_program_is_left_alone(store: SqlStore, path: Path):
    with closing(sqlite3.connect(path)) as newer, newer:
        newer.execute("UPDATE record_meta SET value = ? WHERE name = 'schema'", [b"3"])
    with pytest.raises(StoreUnavailableError) as refused:
        SqlStore(f"sqlite:///{path}")
    assert (refused.value.code, refused.value.facts) == ("store-too-new", {"path": str(path), "found": 3, "known": 2})


def test_tables_of_the_first_version_are_brought_up_to_ours(store: SqlStore, path: Path):
    store.remember("heard", b"yes")
    store.set_aside(None, b"hello?", "wrong-agreement", {}, at=6)
    kept = (store.remembered(), store.aside())
    store.close()
    with closing(sqlite3.connect(path)) as older, older:
        for table in ("record_meta", "record_aside", "record_peers"):
            older.execute(f"ALTER TABLE {table} DROP COLUMN row_hash")
        older.execute("UPDATE record_meta SET value = ? WHERE name = 'schema'", [b"1"])
    assert (SqlStore(f"sqlite:///{path}?mode=ro").remembered(), SqlStore(f"sqlite:///{path}").aside()) == kept
    again = SqlStore(f"sqlite:///{path}")
    again.check()
    assert (again.remembered(), again.aside()) == kept


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("record_meta", "SET value = x'00' WHERE name = 'node:heard'"),
        ("record_aside", "SET at = at + 1"),
        ("record_heads", "SET size = size - 1"),
        ("record_spaces", "SET genesis = x'00'"),
        ("record_checkpoints", "SET root = 'text'"),
    ],
)
def test_a_row_that_is_not_as_it_was_written_is_named(store: SqlStore, path: Path, table: str, change: str):
    store.remember("heard", b"yes")
    store.set_aside(None, b"hello?", "wrong-agreement", {}, at=6)
    space = space_of(store)
    store.check()
    with closing(sqlite3.connect(path)) as disk, disk:
        disk.execute(f"UPDATE {table} {change}")
    with pytest.raises(StoreUnavailableError) as refused:
        store.check() or store.load(space)
    assert (refused.value.code, refused.value.facts) == ("store-damaged", {"path": str(path), "table": table})


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW record_meta AS WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n",
        "CREATE VIRTUAL TABLE record_meta USING fts5 (name, value)",
        "CREATE TABLE record_meta (name, value GENERATED ALWAYS AS (zeroblob(1000000000)) VIRTUAL)",
    ],
)
def test_a_file_in_which_a_name_stands_for_a_program_is_not_asked(path: Path, statement: str):
    with closing(sqlite3.connect(path)) as foreign, foreign:
        foreign.execute(statement)
    with pytest.raises(StoreUnavailableError) as refused:
        SqlStore(f"sqlite:///{path}?mode=ro")
    assert refused.value.code == "store-damaged"


def test_the_tables_of_others_in_the_same_file_stay_and_are_in_a_backup(store: SqlStore, path: Path, tmp_path: Path):
    with closing(sqlite3.connect(path)) as django, django:
        django.execute("CREATE TABLE people_person (name TEXT)")
        django.execute("INSERT INTO people_person VALUES ('Sato')")
    store.append(growth(space_of(store), {0: 2}, l0=1))
    store.backup(tmp_path / "backup.db")
    with closing(sqlite3.connect(tmp_path / "backup.db")) as copy:
        assert copy.execute("SELECT name FROM people_person").fetchall() == [("Sato",)]
    assert sorted(file.name for file in tmp_path.glob("backup*")) == ["backup.db"]  # one file, without companions
    assert stat.S_IMODE((tmp_path / "backup.db").stat().st_mode) == 0o600


def test_another_database_in_its_place_is_named(store: SqlStore, path: Path):
    space = space_of(store)
    store.close()
    path.rename(path.with_name("moved.db"))
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreUnavailableError) as empty:
        store.append(growth(space, {0: 2}, l0=1))
    assert empty.value.code == "store-empty"
    path.unlink()
    path.with_name("moved.db").rename(path)
    assert store.sizes(space) == {0: 2}


@pytest.mark.parametrize("journal", [False, True])
def test_what_is_on_a_disk_that_only_reads_is_read(
    store: SqlStore, path: Path, journal: bool, monkeypatch: pytest.MonkeyPatch
):
    """SQLite as it is where a disk is mounted read-only; tests run as root too, whom modes do not stop."""
    space, before = space_of(store), store.load(*store.spaces())
    if not journal:
        store.close()
        assert [file.name for file in path.parent.iterdir()] == ["node.db"]
    monkeypatch.setattr(sqlite.os, "access", lambda *_: False)
    opened = sqlite.Sqlite._open

    def refuse_to_write(self: sqlite.Sqlite, mode: str) -> sqlite3.Connection:
        if mode != "rw":
            return opened(self, mode)
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        raise error

    monkeypatch.setattr(sqlite.Sqlite, "_open", refuse_to_write)
    reader = SqlStore(f"sqlite:///{path}")
    assert reader.load(space) == before
    for write in (lambda: reader.append(growth(space, {0: 2}, l0=1)), reader.probe):
        with pytest.raises(StoreUnavailableError) as refused:
            write()
        assert refused.value.code == "store-read-only"
    assert reader.load(space) == before
    monkeypatch.undo()  # mounted for writing again: the same store goes on
    reader.append(growth(space, {0: 2}, l0=1))
    assert reader.sizes(space) == {0: 3}
    reader.close()


def test_a_backup_into_a_place_that_is_not_there_is_named(store: SqlStore, tmp_path: Path):
    with pytest.raises(StoreUnavailableError) as gone:
        store.backup(tmp_path / "missing" / "backup.db")
    assert gone.value.code == "store-gone"


def test_a_statement_that_the_database_does_not_understand_is_our_mistake(store: SqlStore):
    with pytest.raises(AssertionError), store._transaction(write=False) as now:
        now.rows("SELECT nonsense")
    assert store.spaces()


def test_only_so_many_idle_connections_are_kept(store: SqlStore):
    gate = threading.Barrier(IDLE_MAX + 2)

    def read() -> None:
        with store._transaction(write=False) as now:
            now.rows("SELECT 1")
            gate.wait()

    readers = [threading.Thread(target=read) for _ in range(IDLE_MAX + 2)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(store._idle) == IDLE_MAX


def test_after_a_fork_the_parents_connections_are_left_alone(store: SqlStore, monkeypatch: pytest.MonkeyPatch):
    store.spaces()
    (parents,) = store._idle
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert store.sizes(space_of(store)) == {0: 2}
    assert parents not in store._idle
    assert parents.execute("SELECT 1").fetchall() == [(1,)]
    parents.close()


@pytest.mark.parametrize(
    "url", ["", "node.db", "sqlite:", "sqlite:///", "mysql://host/base", "sqlite:///node.db?mode=rwc"]
)
def test_an_address_of_no_store_is_refused(url: str):
    with pytest.raises(LocalError) as refused:
        SqlStore(url)
    assert refused.value.code == "unknown-store-address"
