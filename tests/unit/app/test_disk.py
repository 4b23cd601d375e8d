"""The disk and the database at their worst, under the use cases: said by name, nothing half-done, nothing lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from tests.nodes import agreed, delivered, held, in_step, paired, postgres_stores, roots
from tests.unit.app.test_exchange import Line

from tallystick.app import exchange, health
from tallystick.app.node import Desk
from tallystick.cli.demo.director import Director
from tallystick.core.errors import StoreUnavailableError
from tallystick.stores.sql import SqlStore


@pytest.fixture
def director(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Director]:
    if request.param == "sqlite":
        yield started(paired(tmp_path))
        return
    with postgres_stores() as stores:
        director = started(paired(tmp_path, stores=stores))
        yield director
        for node in director.nodes.values():
            node.store.close()


def started(director: Director) -> Director:
    director.accepted = agreed(director)
    director.exchange()
    return director


def store_of(desk: Desk) -> SqlStore:
    assert isinstance(desk.store, SqlStore)
    return desk.store


def full(desk: Desk) -> str:
    _failing(desk, sqlite3.SQLITE_FULL, "database or disk is full")
    return "store-full"


def read_only(desk: Desk) -> str:
    _failing(desk, sqlite3.SQLITE_READONLY, "attempt to write a readonly database")
    return "store-read-only"


def damaged(desk: Desk) -> str:
    _failing(desk, sqlite3.SQLITE_CORRUPT, "database disk image is malformed")
    return "store-damaged"


def killed(desk: Desk) -> str:
    """The server ends the transaction's connection in the middle: after the leaves, before their sizes."""
    driver = store_of(desk)._driver
    execute_many = driver.execute_many

    def kill_first(connection: object, sql: str, rows: object) -> None:
        if isinstance(connection, psycopg.Connection):
            with psycopg.connect(connection.info.dsn, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        else:
            connection.rollback()
            connection.close()
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        execute_many(connection, sql, rows)

    driver.execute_many = kill_first
    return "store-gone"


def _failing(desk: Desk, code: int, words: str) -> None:
    """Let every write of the logs' sizes fail so, after their leaves."""

    def fail(*_: object) -> None:
        error = sqlite3.OperationalError(words)
        error.sqlite_errorcode = code
        raise error

    store_of(desk)._driver.execute_many = fail


@contextmanager
def trouble(desk: Desk, fault: Callable[[Desk], str]) -> Iterator[str]:
    driver = store_of(desk)._driver
    try:
        yield fault(desk)
    finally:
        del driver.execute_many


on = pytest.mark.parametrize(
    ("director", "fault"),
    [
        *(("sqlite", fault) for fault in (full, read_only, damaged, killed)),
        pytest.param("postgres", killed, marks=pytest.mark.postgres),
    ],
    indirect=["director"],
)


@on
def test_signing_says_what_is_wrong_and_works_again_afterwards(director: Director, fault: Callable[[Desk], str]):
    desk = director.desk("IN")
    before, figures, digest = held(desk.store, desk.id), roots(desk), desk.record.digest
    with trouble(desk, fault) as code:
        for _ in range(2):
            with pytest.raises(StoreUnavailableError) as refused:
                delivered(director, director.accepted, "10")
            assert refused.value.code == code
            assert (roots(desk), desk.record.digest) == (figures, digest)  # reading goes on
        assert [error.code for error in health.of_desk(desk)] == [code]
    assert held(desk.store, desk.id) == before
    delivered(director, director.accepted, "10")
    assert health.of_desk(desk) == ()
    director.exchange()
    assert in_step(director)


@on
def test_what_a_partner_sent_is_not_acknowledged_before_it_is_kept(director: Director, fault: Callable[[Desk], str]):
    delivered(director, director.accepted, "10")
    japan, india = director.desk("JP"), director.desk("IN")
    before = held(japan.store, japan.id)
    line = Line(director, "IN")
    with trouble(japan, fault) as code:
        with pytest.raises(StoreUnavailableError) as refused:
            line.sync()
        assert refused.value.code == code
        assert exchange.known_by_partner(india, director.nodes["JP"].keys.public("writer"))[india.log] < (
            india.space.size(india.log)
        )
    assert held(japan.store, japan.id) == before
    line.sync()
    assert in_step(director)


@pytest.mark.parametrize("director", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_a_commit_that_was_done_before_its_answer_was_lost_counts(director: Director):
    desk = director.desk("IN")
    driver = store_of(desk)._driver
    execute, insert_leaves = driver.execute, driver.insert_leaves
    lost: list[str] = []

    def begin(*args: object) -> None:
        insert_leaves(*args)
        lost.append("soon")

    def lose_the_answer(connection: object, sql: str, values: object = ()) -> object:
        done = execute(connection, sql, values)
        if sql == "COMMIT" and lost == ["soon"]:
            lost[:] = [sql]
            if isinstance(connection, psycopg.Connection):
                raise psycopg.errors.AdminShutdown("terminating connection")
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        return done

    driver.execute, driver.insert_leaves = lose_the_answer, begin
    try:
        entry = delivered(director, director.accepted, "10")
    finally:
        del driver.execute, driver.insert_leaves
    assert lost == ["COMMIT"]
    assert desk.space.entry(entry).ref == entry
    assert health.of_desk(desk) == ()
    assert desk.space.sizes() == desk.store.sizes(desk.id)
    director.exchange()
    assert in_step(director)
