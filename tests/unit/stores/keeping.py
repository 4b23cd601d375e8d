"""Helpers of the store tests: plausible admissions without signatures, and a fresh PostgreSQL schema per test.

Stores trust what they are given, so leaves here are bytes that only say where they belong.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

import psycopg
import pytest

from tallystick.core.admission import Admission
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.log import StoredLeaf

# The bytes of all files of a schema's tables and indexes, of what is too long for them, and of samples of their values.
TABLE_FILES = """
    WITH ours AS (SELECT oid, reltoastrelid AS long FROM pg_class WHERE relnamespace = current_schema()::regnamespace
        OR oid IN (SELECT unnest(ARRAY[oid, reltoastrelid]) FROM pg_class WHERE relname = 'pg_statistic'))
    SELECT coalesce(pg_read_binary_file(pg_relation_filepath(oid), 0, 1000000000, true), '')
    FROM (SELECT oid FROM ours UNION SELECT long FROM ours WHERE long <> 0) AS found
    WHERE pg_relation_filepath(oid) IS NOT NULL"""
POSTGRES = os.environ.get("TALLYSTICK_TEST_POSTGRES", "postgresql:///test")


def leaf(log: int, index: int, word: str = "leaf") -> StoredLeaf:
    """Every third leaf has no segments (like a ctx), every second act has a detail, one in five an auth."""
    text = f"{word} {log}.{index}".encode()
    if index % 3 == 0:
        return StoredLeaf(log, index, text, None, None, None)
    return StoredLeaf(log, index, text, b"core " + text, text if index % 2 else None, text if index % 5 == 0 else None)


def growth(space: bytes, before: Mapping[int, int], word: str = "leaf", **grown: int) -> Admission:
    """Return an admission that grows each log ``l<id>`` by so many leaves, with keys and a checkpoint."""
    counts = {int(name[1:]): count for name, count in grown.items()}
    leaves = [leaf(log, before.get(log, 0) + i, word) for log, count in counts.items() for i in range(count)]
    return Admission(
        space=space,
        before=dict(before),
        leaves=tuple(leaves),
        epoch_keys={(x.log, x.index // 256): some(32, "key", x.log, x.index) for x in leaves if x.index % 256 == 0},
        checkpoints={log: checkpoint(log, before.get(log, 0) + count) for log, count in counts.items()},
        entries=(),
    )


def checkpoint(log: int, size: int) -> Checkpoint:
    return Checkpoint(size, some(32, "root", log, size), some(64, "signature", log, size))


def some(count: int, *of: object) -> bytes:
    return (hashlib.sha512(repr(of).encode()).digest() * 2)[:count]


@contextmanager
def postgres_schema(name: str) -> Iterator[str]:
    """Give the address of an empty schema, dropped afterwards; skip the test where there is no server."""
    try:
        admin = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL at {POSTGRES} (set TALLYSTICK_TEST_POSTGRES): {str(error).splitlines()[0]}")
    schema = f"tallystick_{os.getpid()}_{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    with admin:
        admin.execute(f"CREATE SCHEMA {schema}")
        try:
            options = quote(f"-csearch_path={schema}")
            yield f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}application_name={schema}&options={options}"
        finally:
            admin.execute(f"DROP SCHEMA {schema} CASCADE")
