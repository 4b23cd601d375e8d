"""A served node while its disk is at its worst: it says what is wrong, and goes on when that is mended."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import resource
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.cli.test_serve import free_port, served

INVITE = ("invite", "admin", "--name", "Admin", "--administrator", "--json")
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(.*?)"')


class Browser:
    """An administrator of the node, with a cookie and no JavaScript."""

    def __init__(self, base: str, link: str) -> None:
        self._base = base
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        page = self(link)[1]
        self._token = TOKEN.search(page).group(1)
        self(link, {})

    def __call__(self, path: str, data: dict[str, str] | None = None) -> tuple[int, str]:
        said = None
        if data is not None:
            said = urllib.parse.urlencode({"csrfmiddlewaretoken": self._token, **data}).encode()
        address = path if "://" in path else self._base + path
        try:
            with self._opener.open(address, said, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def code(self, path: str, data: dict[str, str] | None = None) -> tuple[int, str]:
        """Return the status, and the code on the page of an error."""
        status, page = self(path, data)
        found = re.search(r"<code>([a-z-]+)</code></p><h1>", page)
        return status, found.group(1) if found else ""

    def person(self, name: str) -> tuple[int, str]:
        """Enter a person: something that has to be written down."""
        page = self("/people/new/")[1]
        found = TOKEN.search(page)
        self._token = found.group(1) if found else self._token
        return self.code("/people/new/", {"username": name, "display_name": name})


def gone(database: Path) -> str:
    database.rename(database.with_name("away.db"))
    return "store-gone"


def damaged(database: Path) -> str:
    with database.open("r+b") as file:
        file.write(bytes(100))
    return "store-damaged"


def replaced(database: Path) -> str:
    for suffix in ("", "-wal", "-shm"):
        path = database.with_name(database.name + suffix)
        if path.exists():
            path.rename(database.with_name("away.db" + suffix))
    with closing(sqlite3.connect(database)) as other:
        other.execute("CREATE TABLE theirs (x)")
    return "store-empty"


def mended(database: Path, first: bytes) -> None:
    for suffix in ("", "-wal", "-shm"):
        away = database.with_name("away.db" + suffix)
        if away.exists():
            away.replace(database.with_name(database.name + suffix))
    with database.open("r+b") as file:
        file.write(first)


@pytest.fixture
def node(pair):
    folder, port = pair.folder / "jp", free_port()
    with (folder / "node.toml").open("a") as file:
        file.write("sync_every_seconds = 3600\n")
    text = re.sub(r"listen = .*\n", "", (folder / "node.toml").read_text())
    (folder / "node.toml").write_text(f'listen = "127.0.0.1:{port}"\n{text}')
    invited = subprocess.run(
        [sys.executable, "-m", "tallystick.cli.main", "--node", folder, *INVITE],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return folder, f"http://127.0.0.1:{port}", json.loads(invited.stdout)["url"]


def limit_files(process: subprocess.Popen[str], most: int) -> None:
    """Let no file of the served node grow beyond ``most`` bytes, as a full disk does."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    for pid in map(int, children.split()):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


def test_a_served_node_says_what_is_wrong_with_its_disk_and_goes_on_afterwards(pair, node):
    folder, base, link = node
    database = folder / "node.db"
    digest = pair.done("jp", "digest").out
    with served(folder) as (process, _):
        admin = Browser(base, link)
        assert admin.person("before")[0] == 200
        faults: tuple[Callable[[Path], str], ...] = (gone, damaged, replaced)
        for fault in faults:
            with closing(sqlite3.connect(database)) as checkpoint:
                checkpoint.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            first = database.read_bytes()[:100]
            code = fault(database)
            for path in ("/", "/orders/", "/people/"):
                assert admin.code(path) == (503, code), (fault, path)
            assert admin.person("meanwhile") == (503, code)
            assert pair("jp", "warrant", "grant", "--post", "P", "--duty", "auditor").code == 75
            mended(database, first)
            assert admin.code("/") == (200, ""), fault
            assert admin.person(fault.__name__)[0] == 200, fault

        limit_files(process, 4096)
        assert admin.code("/orders/") == (200, "")  # what needs no writing goes on
        assert admin.person("full")[0] == 503
        limit_files(process, resource.RLIM_INFINITY)
        assert admin.person("room")[0] == 200
        assert pair.done("jp", "digest").out == digest
        with urllib.request.urlopen(f"{base}/health", timeout=30) as answer:
            assert json.loads(answer.read())["status"] in {"ok", "trouble"}
        assert "meanwhile" not in admin("/people/")[1]
