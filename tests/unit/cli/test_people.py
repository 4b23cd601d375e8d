"""A one-time link lets a person in once; each node in a process of its own, because Django serves one."""

import json
import os
import sqlite3
import subprocess
import sys


def invite(pair, *arguments, command="invite"):
    return subprocess.run(
        [sys.executable, "-m", "tallystick.cli.main", "--node", str(pair.folder / "jp"), command, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_a_person_is_entered_appointed_and_invited_again(pair):
    first = invite(pair, "sato", "--name", "Sato Hanako", "--post", "Supply officer", "--json")
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    assert told["url"].startswith("http://127.0.0.1:8101/")
    assert (told["sign_in_name"], told["post"], told["hours"]) == ("sato", "Supply officer", 72)
    secret = told["url"].rstrip("/").rpartition("/")[2]
    with sqlite3.connect(pair.folder / "jp" / "node.db") as database:
        assert secret not in "\n".join(database.iterdump()), "the link is kept nowhere"
    database.close()
    again = invite(pair, "sato")
    assert again.returncode == 0
    assert "Sato Hanako signs in once, within 72 hours" in again.stdout
    unknown = invite(pair, "tanaka")
    assert (unknown.returncode, "code: unknown-person" in unknown.stderr) == (2, True)
    nobody = invite(pair, "tanaka", "--name", "Tanaka", "--post", "Captain")
    assert (nobody.returncode, "code: unknown-officer" in nobody.stderr) == (2, True)
    assert "code: person-known" in invite(pair, "sato", "--administrator").stderr

    told = json.loads(invite(pair, "--json", command="events").stdout)
    assert [(row["event"], row["facts"]["person"]) for row in told] == [
        ("link-made", "sato"), ("link-made", "sato"), ("appointed", "sato"), ("person-made", "sato"),
    ]  # fmt: skip
    assert "A one-time link was made for sato." in invite(pair, "--code", "link-made", command="events").stdout
