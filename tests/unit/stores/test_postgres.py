"""What a database server does when the world is unkind: it stops, hangs on a lock, is full or a standby."""

import builtins
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from tests.unit.stores.keeping import POSTGRES, growth, postgres_schema

from tallystick.core.errors import LocalError, StoreUnavailableError
from tallystick.stores.postgres import Postgres
from tallystick.stores.sql import SqlStore

pytestmark = pytest.mark.postgres


@pytest.fixture
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with postgres_schema(request.node.name) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    store = SqlStore(url, wait_seconds=0.05)
    store.append(growth(store.create_space(b"terms"), {}, l0=2))
    yield store
    store.close()


def space_of(store: SqlStore) -> bytes:
    (space,) = store.spaces()
    return space


def stop_backends_of(url: str) -> None:
    name = url.partition("application_name=")[2].partition("&")[0]
    with psycopg.connect(POSTGRES) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [name])


def test_a_server_that_restarted_is_found_again(store: SqlStore, url: str):
    space = space_of(store)
    stop_backends_of(url)
    store.append(growth(space, {0: 2}, l0=1))
    assert store.sizes(space) == {0: 3}


def test_a_server_that_stops_in_the_middle_keeps_nothing_of_it(store: SqlStore, url: str, monkeypatch: Any):
    space = space_of(store)
    execute_many = store._driver.execute_many
    with monkeypatch.context() as unkind:

        def stop_first(*args: Any) -> None:
            stop_backends_of(url)
            execute_many(*args)

        unkind.setattr(store._driver, "execute_many", stop_first)  # after the leaves, before their heads
        with pytest.raises(StoreUnavailableError) as gone:
            store.append(growth(space, {0: 2}, l0=1))
    assert gone.value.code == "store-gone"
    assert store.sizes(space) == {0: 2}
    assert len(store.load(space).leaves) == 2
    store.append(growth(space, {0: 2}, l0=1))


def test_a_server_that_is_not_there_is_named_without_its_password():
    with pytest.raises(StoreUnavailableError) as gone:
        SqlStore("postgresql://node:open-sesame@127.0.0.1:1/base")
    assert gone.value.code == "store-gone"
    assert gone.value.facts["host"] == "127.0.0.1"
    assert gone.value.facts["dbname"] == "base"
    assert "open-sesame" not in str(gone.value)


def test_a_writer_that_holds_the_agreement_for_long_is_named(store: SqlStore, url: str):
    space = space_of(store)
    with psycopg.connect(url) as other:
        other.execute("SELECT no FROM record_spaces FOR UPDATE")
        with pytest.raises(StoreUnavailableError) as locked:
            store.append(growth(space, {0: 2}, l0=1))
        assert locked.value.code == "store-locked"
        assert store.sizes(space) == {0: 2}
    store.append(growth(space, {0: 2}, l0=1))


def test_another_database_in_its_place_is_named(store: SqlStore, url: str):
    space = space_of(store)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("ALTER TABLE record_heads RENAME TO moved")
    with pytest.raises(StoreUnavailableError) as empty:
        store.sizes(space)
    assert empty.value.code == "store-empty"


def test_a_standby_refuses_to_be_written(store: SqlStore, url: str, monkeypatch: Any):
    space = space_of(store)
    begin = store._driver.begin
    with monkeypatch.context() as standby:
        standby.setattr(store._driver, "begin", lambda connection, *, write: begin(connection, write=False))
        with pytest.raises(StoreUnavailableError) as refused:
            store.append(growth(space, {0: 2}, l0=1))
    assert refused.value.code == "store-read-only"
    store.append(growth(space, {0: 2}, l0=1))


def test_a_commit_is_on_the_disk_when_it_returns_whatever_the_servers_setting(url: str):
    hasty = SqlStore(url + "%20-csynchronous_commit%3Doff")
    with hasty._transaction(write=False) as now:
        assert now.rows("SHOW synchronous_commit") == [("on",)]
    hasty.close()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (psycopg.errors.DiskFull, "store-full"),
        (psycopg.errors.DataCorrupted, "store-damaged"),
        (psycopg.errors.TooManyConnections, "store-locked"),
        (psycopg.errors.DeadlockDetected, "store-locked"),
        (psycopg.errors.QueryCanceled, "store-locked"),
        (psycopg.errors.InsufficientPrivilege, "store-read-only"),
        (psycopg.errors.InvalidPassword, "store-gone"),
        (psycopg.errors.CrashShutdown, "store-gone"),
        (psycopg.errors.IoError, "store-gone"),
        (psycopg.OperationalError, "store-gone"),
    ],
)
def test_each_refusal_of_the_server_has_its_name(error: type[psycopg.Error], code: str):
    told = Postgres("postgresql:///base", wait_seconds=1).unavailable(error("first line\nDETAIL: more"))
    assert (told.code, told.facts) == (code, {"dbname": "base", "reason": "first line"})


def test_a_statement_that_the_server_does_not_understand_is_our_mistake(store: SqlStore):
    with pytest.raises(AssertionError), store._transaction(write=False) as now:
        now.rows("SELECT nonsense")
    assert store.spaces()


def test_a_session_that_cannot_be_set_up_is_closed_again(url: str, monkeypatch: Any):
    driver = Postgres(url, wait_seconds=1)
    driver._wait_ms = "nonsense"
    with pytest.raises(psycopg.Error):
        driver.connect()


def test_an_address_that_does_not_parse_is_refused_without_repeating_it():
    with pytest.raises(LocalError) as refused:
        SqlStore("postgresql://node:open-sesame@host/base?nonsense=1")
    assert (refused.value.code, refused.value.facts) == ("unknown-store-address", {"part": "postgresql"})


def test_without_the_driver_the_remedy_is_named(monkeypatch: Any):
    imported = builtins.__import__

    def without_psycopg(name: str, *args: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "psycopg":
            raise ImportError(name)
        return imported(name, *args, **named)

    monkeypatch.delitem(sys.modules, "tallystick.stores.postgres")
    monkeypatch.setattr(builtins, "__import__", without_psycopg)
    with pytest.raises(LocalError) as refused:
        SqlStore("postgresql:///base")
    assert refused.value.code == "postgres-driver-missing"
