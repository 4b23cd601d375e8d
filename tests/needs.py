"""What some tests need from the machine: PostgreSQL, Chromium, hledger, age, OpenSSL, Go, a C compiler, atheris.

Where it is missing the tests are skipped and say so. With TALLYSTICK_REQUIRE_ALL=1 (continuous integration sets it)
a missing thing is an error, so that nothing is silently left out.

PostgreSQL: TALLYSTICK_TEST_POSTGRES names a database in which the tests may create schemas, for example
``postgresql:///tallystick_test``. Without it, databases of the usual names are tried over the local socket.
"""

import functools
import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

import psycopg
import pytest

REQUIRE_ALL = os.environ.get("TALLYSTICK_REQUIRE_ALL") == "1"
POSTGRES_NAMES = ("tallystick_test", "test")


@functools.cache
def postgres_url() -> str | None:
    """Return the address of a database to test in, or None when no server answers."""
    given = os.environ.get("TALLYSTICK_TEST_POSTGRES")
    for url in [given] if given else [f"postgresql:///{name}" for name in POSTGRES_NAMES]:
        try:
            psycopg.connect(url, connect_timeout=3).close()
        except psycopg.OperationalError:
            continue
        return url
    return None


@functools.cache
def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def needs(what: str, *, found: object) -> pytest.MarkDecorator:
    """Return the mark that skips when ``found`` is nothing, or raise at collection when everything is required."""
    if REQUIRE_ALL and not found:
        raise RuntimeError(f"TALLYSTICK_REQUIRE_ALL=1, but {what} is missing on this machine")
    return pytest.mark.skipif(not found, reason=f"{what} is missing on this machine")


needs_postgres = needs("a PostgreSQL test database (see tests/needs.py)", found=postgres_url())
needs_chromium = needs("Chromium", found=chromium())
needs_hledger = needs("hledger", found=shutil.which("hledger"))
needs_age = needs("age", found=shutil.which("age"))
needs_openssl = needs("openssl", found=shutil.which("openssl"))
needs_go = needs(
    "Go with golang.org/x/mod (Debian: golang-go golang-golang-x-mod-dev)",
    found=shutil.which("go") and Path("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog").is_dir(),
)
needs_compiler = needs("a C compiler", found=shutil.which("cc") and sys.platform == "linux")
needs_libsodium = needs("PyNaCl", found=importlib.util.find_spec("nacl"))
fuzzer_fits = sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info < (3, 15)  # its wheels
needs_fuzzer = (
    needs("atheris", found=importlib.util.find_spec("atheris"))
    if fuzzer_fits
    else pytest.mark.skip(reason="atheris has no wheels for this machine")
)
needs_pg_dump = needs("pg_dump", found=shutil.which("pg_dump") and shutil.which("pg_restore"))
