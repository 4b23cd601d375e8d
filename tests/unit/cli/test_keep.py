"""Backups are whole, restores write over nothing, and verification finds any change."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import sqlite3
import stat
import tempfile

import psycopg
import pytest
from tests.keepers import genesis as some_genesis
from tests.needs import needs_pg_dump
from tests.unit.cli.test_act import REQUEST
from tests.unit.stores.keeping import postgres_schema

from tallystick.core.errors import LocalError
from tallystick.stores import postgres
from tallystick.stores.keys import unseal
from tallystick.stores.node import open_node


def digest(pair, code="jp"):
    return pair.done(code, "digest", "--json").json[0]["digest"]


@pytest.fixture
def backup(pair):
    pair.done("jp", "backup", pair.folder / "copy", "--keys")
    return pair.folder / "copy"


def test_a_backup_restores_to_the_same_node(pair, backup):
    pair.done("new", "restore", backup)
    assert digest(pair, "new") == digest(pair)
    told = {code: pair.done(code, "status", "--json").json for code in ("jp", "new")}
    troubles = {code: [one["code"] for one in status.pop("troubles")] for code, status in told.items()}
    assert troubles == {"jp": [], "new": ["restored-not-heard"]}
    for code, status in told.items():
        status.pop("folder")
        assert [agreement.pop("troubles") for agreement in status["agreements"]] == [troubles[code]]
        assert [agreement.pop("behind") for agreement in status["agreements"]] == [code == "new"]
        for agreement in status["agreements"]:
            del agreement["in_step"]
    assert told["new"] == told["jp"]
    keys = pair.folder / "new" / "keys"
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.iterdir()} == {0o600}


def test_a_restored_node_signs_when_a_courier_went_there_and_back(pair, backup, tmp_path):
    (tmp_path / "fields.json").write_text(json.dumps(REQUEST))
    later = pair.sign("jp", "request", "--fields", tmp_path / "fields.json")
    pair.carry()
    pair.done("new", "restore", backup)
    grant = ["warrant", "grant", "--post", "After the restore", "--duty", "auditor"]
    assert "code: restored-not-heard" in pair("new", *grant).err
    shown = []
    for sender, receiver in (("in", "new"), ("new", "in"), ("in", "new")):
        file = pair.done(sender, "bundle", "write", "--all", "--json").json["file"]
        shown.append(pair.done(receiver, "bundle", "read", file).out.splitlines()[1:])
    assert shown == [
        ["test/jpin: this node came back from a backup and may not sign yet."],
        [],
        ["test/jpin: this node came back from a backup, has heard what it had signed, and signs again."],
    ]
    assert pair.done("new", "order", "list", "--json").json[0]["order"] == later
    pair.done("new", *grant)


def test_a_backup_without_keys_says_so_and_needs_them_again(pair):
    ran = pair.done("jp", "backup", pair.folder / "copy")
    assert "The keys are not in it" in ran.out
    assert not (pair.folder / "copy" / "keys").exists()
    assert "code: backup-without-keys" in pair("new", "restore", pair.folder / "copy").err
    pair.done("new", "restore", pair.folder / "copy", "--keys", pair.folder / "jp" / "keys")
    assert digest(pair, "new") == digest(pair)


@pytest.mark.parametrize("command", [["backup", "{there}"], ["export", "{there}"]])
def test_nothing_is_written_over(pair, command):
    there = pair.folder / "there"
    there.mkdir()
    (there / "mine.txt").write_text("mine")
    ran = pair("jp", *[word.format(there=there) for word in command])
    assert (ran.code, "code: folder-not-empty" in ran.err) == (2, True)
    assert [path.name for path in there.iterdir()] == ["mine.txt"]


def test_a_node_is_not_restored_over(pair, backup):
    before = digest(pair, "in")
    assert "code: node-exists" in pair("in", "restore", backup).err
    assert digest(pair, "in") == before


def test_a_restore_into_another_database_is_the_same(pair, backup):
    pair.done("new", "restore", backup, "--database", "elsewhere.db")
    assert (pair.folder / "new" / "elsewhere.db").exists()
    assert digest(pair, "new") == digest(pair)
    pair.done("new", "backup", pair.folder / "second")
    assert verified(pair, pair.folder / "second")[0]["digest"] == digest(pair)
    assert all(drilled(pair, pair.folder / "second", "new").values())


def test_keys_of_another_node_are_refused_before_anything_is_made(pair):
    """With them in it the node's own logs would not be closed, and open once the right keys are put there."""
    pair.done("jp", "backup", pair.folder / "copy")
    (pair.folder / "none").mkdir()
    for keys in (pair.folder / "in" / "keys", pair.folder / "none"):
        ran = pair("new", "restore", pair.folder / "copy", "--keys", keys)
        assert (ran.code, "code: keys-of-another-node" in ran.err) == (2, True)
        assert not (pair.folder / "new").exists()
    pair.done("new", "restore", pair.folder / "copy", "--keys", pair.folder / "jp" / "keys")


def test_a_database_elsewhere_is_made_there_or_not_at_all(pair, backup):
    elsewhere = pair.folder / "data" / "jp.db"
    spoilt = pair.folder / "spoilt"
    shutil.copytree(backup, spoilt)
    os.truncate(spoilt / "node.db", 8192)
    assert pair("new", "restore", spoilt, "--database", elsewhere, "--damaged").code == 75
    assert (elsewhere.exists(), (pair.folder / "new").exists()) == (False, False)
    pair.done("new", "restore", backup, "--database", elsewhere)
    assert digest(pair, "new") == digest(pair)
    ran = pair("newer", "restore", backup, "--database", elsewhere)
    assert (ran.code, "code: database-not-empty" in ran.err) == (2, True)
    assert elsewhere.exists()


def test_what_is_no_backup(pair):
    (pair.folder / "jp" / "node.db").rename(pair.folder / "moved.db")
    assert "code: not-a-backup" in pair("new", "restore", pair.folder / "jp").err
    assert not (pair.folder / "new").exists()


# ---- verify


def verified(pair, *what):
    return pair.done("jp", "verify", *what, "--json").json


def test_every_form_of_the_record_verifies_to_the_same(pair, backup):
    pair.done("jp", "export", pair.folder / "export")
    node, *others = (
        verified(pair, *what)
        for what in (
            [],
            [pair.folder / "jp"],
            [pair.folder / "jp" / "node.db"],
            [backup],
            [backup / "node.db"],
            [pair.folder / "export"],
        )
    )
    assert node[0]["digest"] == digest(pair)
    for results in (node, *others):
        assert (results[0].pop("verdict"), len(results[0].pop("problems"))) in {("holds", 0), ("holds", 1)}
        results[0].pop("name")
        for log in results[0]["logs"]:
            log.pop("signed")
        assert results == node


def test_an_export_is_signed_to_its_last_leaf(pair):
    pair.carry()
    pair.done("jp", "export", pair.folder / "export")
    (result,) = verified(pair, pair.folder / "export")
    assert [(log["leaves"], log["signed"]) for log in result["logs"] if log["party"] == "JP"] == [
        (log["leaves"], log["leaves"]) for log in result["logs"] if log["party"] == "JP"
    ]


def test_an_export_needs_no_node(pair, run, tmp_path):
    pair.done("jp", "export", pair.folder / "export")
    shutil.rmtree(pair.folder / "jp")
    assert run("--node", tmp_path / "nowhere", "verify", pair.folder / "export").code == 0


CHANGES = {
    "a segment": ("UPDATE record_leaves SET core = ? WHERE log = 0 AND idx = 3", "core"),
    "a leaf": ("UPDATE record_leaves SET leaf = ? WHERE log = 0 AND idx = 3", "leaf"),
    "a signature": ("UPDATE record_checkpoints SET signature = ? WHERE log = 0", "signature"),
    "an epoch key": ("UPDATE record_epochs SET secret = ? WHERE log = 0", "secret"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_bit_is_found(pair, what):
    pair.carry()
    database = pair.folder / "jp" / "node.db"
    statement, column = CHANGES[what]
    table = statement.split()[1]
    with sqlite3.connect(database) as connection:
        where = statement.partition("WHERE")[2]
        ((value,),) = connection.execute(f"SELECT {column} FROM {table} WHERE {where} LIMIT 1")
        connection.execute(statement, (value[:-1] + bytes([value[-1] ^ 1]),))
    connection.close()
    ran = pair("jp", "verify", "--json")
    assert (ran.code, ran.json[0]["verdict"]) == (1, "does-not-hold"), ran
    assert ran.json[0]["problems"][0]["where"].startswith(("0.", "log 0"))


def test_a_changed_export_is_found(pair):
    pair.carry()
    folder = pair.folder / "export"
    pair.done("jp", "export", folder)
    note = folder / "0.note"
    told = note.read_text()
    note.write_text(told.replace(told.split("\n")[1], "1", 1))
    ran = pair("jp", "verify", folder)
    assert (ran.code, "log 0: " in ran.out) == (1, True)


def test_what_is_nothing_to_verify(pair, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "code: nothing-to-verify" in pair("jp", "verify", tmp_path / "empty").err
    for name, data in (("text", b"not a database, and long enough"), ("zero", b""), ("bundle", bytes(2_000))):
        (tmp_path / name).write_bytes(data)
        ran = pair("jp", "verify", tmp_path / name)
        assert (ran.code, "code: nothing-to-verify" in ran.err) == (2, True), ran
    (tmp_path / "newer").write_bytes(b"\x85\x75tallystick-evidence-9" + bytes(100))
    ran = pair("jp", "verify", tmp_path / "newer")
    assert (ran.code, "code: evidence-other-version" in ran.err) == (2, True), ran


def test_bytes_at_rest_that_differ_are_not_called_two_histories(pair):
    pair.carry()
    with sqlite3.connect(pair.folder / "jp" / "node.db") as connection:
        where = "WHERE log = 0 AND idx = 1"
        ((leaf,),) = connection.execute(f"SELECT leaf FROM record_leaves {where}")
        connection.execute(f"UPDATE record_leaves SET leaf = ? {where}", (leaf[:-1] + bytes([leaf[-1] ^ 1]),))
    connection.close()
    ran = pair("jp", "verify", "--json")
    codes = [problem["code"] for problem in ran.json[0]["problems"]]
    assert (ran.code, "fork" in codes) == (1, False)
    assert codes.count("evidence-acknowledged-root-differs") >= 1


def test_all_that_is_wrong_is_listed(pair):
    pair.carry()
    database = pair.folder / "jp" / "node.db"
    with sqlite3.connect(database) as connection:
        for index in (1, 2):
            statement = f"SELECT core FROM record_leaves WHERE log = 0 AND idx = {index}"
            ((core,),) = connection.execute(statement)
            changed = core[:-1] + bytes([core[-1] ^ 1])
            connection.execute("UPDATE record_leaves SET core = ? WHERE log = 0 AND idx = ?", (changed, index))
        connection.execute("UPDATE record_checkpoints SET signature = zeroblob(64) WHERE log = 0")
    connection.close()
    (result,) = pair("jp", "verify", database, "--json").json
    places = [problem["where"] for problem in result["problems"] if problem["weight"] == "fault"]
    assert {"0.1", "0.2"} <= set(places)
    assert "log 0" in places


def test_a_courier_file_is_verified_sealed_and_not(pair, run, tmp_path):
    (tmp_path / "fields.json").write_text(json.dumps(REQUEST))
    evidence = tmp_path / "an.evidence"
    pair.carry()
    everything = pair.done("jp", "bundle", "write", "--all", "--to", tmp_path / "all.age", "--json").json["file"]
    pair.sign("jp", "request", "--fields", tmp_path / "fields.json")
    news = pair.done("jp", "bundle", "write", "--to", tmp_path / "news.age", "--json").json["file"]
    pair.done("jp", "prove", pair.done("jp", "order", "list", "--json").json[0]["number"], evidence)

    sealed = pair.done("in", "verify", news, "--json").json[0]
    assert (sealed["what"], sealed["verdict"], sealed["entries"]) == ("courier", "holds", 1)
    assert pair.done("in", "order", "list", "--json").json == []  # nothing was kept
    key = pair.folder / "in" / "keys" / "age.key"
    somewhere = ["--node", tmp_path / "nowhere", "verify"]
    assert run(*somewhere, everything, "--key", key, "--on", evidence).code == 0
    assert run(*somewhere, news, "--key", key, "--on", evidence).code == 2  # comes after leaves that are not at hand
    plain = tmp_path / "plain"
    plain.write_bytes(unseal(key.read_text(), everything_bytes := (pair.folder / everything).read_bytes()))
    assert run(*somewhere, plain, "--on", evidence).out.startswith("HOLDS: plain")
    data = plain.read_bytes()
    for at in (5, 60, len(data) - 40):  # of the agreement, the entries, a signature
        plain.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert run(*somewhere, plain, "--on", evidence).code in (1, 2), at  # 2: what it says now comes after a gap
    assert "code: not-an-age-key" in run(*somewhere, everything, "--key", evidence, "--on", evidence).err
    (pair.folder / everything).write_bytes(everything_bytes[:-1])
    assert run(*somewhere, everything, "--key", key, "--on", evidence).code == 1


def test_an_orders_evidence_is_written_and_verified_anywhere(pair, run, tmp_path):
    (tmp_path / "fields.json").write_text(json.dumps(REQUEST))
    request = pair.sign("jp", "request", "--fields", tmp_path / "fields.json")
    pair.carry()
    file = tmp_path / "an.evidence"
    written = pair.done("in", "prove", request, file, "--json").json
    assert written["bytes"] == file.stat().st_size
    ran = run("--node", tmp_path / "nowhere", "verify", file)
    assert (ran.code, ran.out.splitlines()[0]) == (0, "HOLDS: an.evidence")
    assert "code: file-exists" in pair("in", "prove", request, file).err
    pair.done("jp", "prove", request, tmp_path / "their.evidence")
    both = run("verify", tmp_path, "--json")
    assert (both.code, [one["name"] for one in both.json]) == (0, ["an.evidence", "their.evidence"])
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    ran = run("verify", file, "--json")
    assert (ran.code, ran.json[0]["verdict"]) == (1, "does-not-hold")
    (tmp_path / "a.evidence").write_bytes(b"\x85\x75tallystick-evidence-9" + bytes(100))  # of a later version
    (tmp_path / "z.evidence").symlink_to(tmp_path)
    ran = run("verify", tmp_path, "--json")
    verdicts = ["cannot-tell", "does-not-hold", "holds"]
    assert (ran.code, [one["verdict"] for one in ran.json]) == (1, verdicts)


# ---- what a backup says of itself


def test_a_manifest_says_what_was_copied(pair, backup):
    told = json.loads((backup / "manifest.json").read_text())
    assert {name: told[name] for name in ("format", "party", "node", "holds")} == {
        "format": 1, "party": "JP", "node": "Japan HQ", "holds": "everything",
    }  # fmt: skip
    (agreement,) = told["agreements"]
    assert agreement["digest"] == digest(pair)
    (verified_,) = verified(pair, pair.folder / "jp")
    assert [(log["log"], log["size"], log["root"]) for log in agreement["logs"]] == [
        (log["log"], log["leaves"], log["root"]) for log in verified_["logs"]
    ]
    paths = {file["path"] for file in told["files"]}
    assert paths == {"node.toml", "node.db", *(f"keys/{name}.key" for name in ("age", "root", "web", "writer"))}


def test_a_changed_backup_is_not_put_back_unless_one_insists(pair, backup):
    with (backup / "node.toml").open("a") as file:
        file.write("# changed\n")
    ran = pair("new", "restore", backup)
    assert (ran.code, "node.toml" in ran.err, "code: backup-differs" in ran.err) == (2, True, True)
    assert not (pair.folder / "new").exists()
    pair.done("new", "restore", backup, "--damaged")


def test_a_backup_of_the_first_version_is_put_back_too(pair, backup):
    (backup / "manifest.json").unlink()
    pair.done("new", "restore", backup)
    assert digest(pair, "new") == digest(pair)


# ---- drill


def drilled(pair, backup, party="jp"):
    ran = pair(party, "drill", backup, "--json")
    told = ran.json
    assert ran.code == (0 if told["holds"] else 1)
    return {one["check"]: one["holds"] for one in told["checks"]}


GOOD = {"files": True, "restores": True, "database": True, "verify": True, "manifest": True, "node": True, "keys": True}


def test_a_good_backup_passes_the_drill_and_leaves_nothing_behind(pair, backup, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "room"))
    (tmp_path / "room").mkdir()
    assert drilled(pair, backup) == GOOD
    pair.done("jp", "warrant", "grant", "--post", "Later", "--duty", "auditor")
    assert drilled(pair, backup) == GOOD
    shown = pair.done("jp", "drill", backup).out
    assert "the node has 1 entry more" in shown
    assert "This backup can be relied on." in shown
    assert list((tmp_path / "room").iterdir()) == []


def test_a_drill_without_room_says_nothing_of_the_backup(pair, backup, monkeypatch):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    ran = pair("jp", "drill", backup)
    assert (ran.code, "code: store-full" in ran.err, "rely" in ran.out) == (75, True, False)


def test_a_drill_needs_no_node(pair, backup, run, tmp_path):
    ran = run("--node", tmp_path / "nowhere", "drill", backup)
    assert (ran.code, "There is no node in" in ran.out) == (0, True)


def test_a_drill_sees_that_the_node_itself_is_behind(pair, backup):
    pair.done("jp", "warrant", "grant", "--post", "Later", "--duty", "auditor")
    pair.done("jp", "backup", pair.folder / "later")
    pair.done("old", "restore", backup)
    told = drilled(pair, pair.folder / "later", "old")
    assert (told["node"], told["verify"], told["manifest"]) == (False, True, True)


def test_a_drill_sees_another_nodes_backup(pair, backup):
    pair.carry()
    told = drilled(pair, backup, "in")
    assert (told["keys"], told["files"]) == (False, True)


def spoil_a_page(backup):
    with (backup / "node.db").open("r+b") as file:
        file.seek(4096 * 3)
        file.write(bytes(4096))


def spoil_a_leaf(backup):
    with contextlib.closing(sqlite3.connect(backup / "node.db")) as connection, connection:
        ((leaf,),) = connection.execute("SELECT leaf FROM record_leaves WHERE log = 0 AND idx = 2")
        changed = leaf[:-1] + bytes([leaf[-1] ^ 1])
        connection.execute("UPDATE record_leaves SET leaf = ? WHERE log = 0 AND idx = 2", [changed])


def cut_a_log(backup):
    with contextlib.closing(sqlite3.connect(backup / "node.db")) as connection, connection:
        ((log, size),) = connection.execute("SELECT log, size FROM record_heads ORDER BY log DESC LIMIT 1")
        connection.execute("DELETE FROM record_leaves WHERE log = ? AND idx = ?", [log, size - 1])
        connection.execute("DELETE FROM record_checkpoints WHERE log = ?", [log])
        connection.execute("UPDATE record_heads SET size = ? WHERE log = ?", [size - 1, log])


SPOILS = {
    "a page": spoil_a_page,
    "a leaf": spoil_a_leaf,
    "a log cut short": cut_a_log,
    "no database": lambda backup: (backup / "node.db").unlink(),
    "no settings": lambda backup: (backup / "node.toml").unlink(),
    "no manifest": lambda backup: (backup / "manifest.json").unlink(),
    "another manifest": lambda backup: (backup / "manifest.json").write_text('{"format": 1}'),
    "a manifest with a number beyond all bounds": lambda backup: (backup / "manifest.json").write_text(
        '{"format": 1e999}'
    ),
    "a manifest in brackets": lambda backup: (backup / "manifest.json").write_text("[" * 100_000),
    "a later manifest": lambda backup: (backup / "manifest.json").write_text('{"format": 9}'),
    "a file more": lambda backup: (backup / "more").touch(),
    "half a database": lambda backup: os.truncate(backup / "node.db", 8192),
}


def test_a_spoilt_backup_does_not_pass(pair, backup):
    for number, (what, spoil) in enumerate(SPOILS.items()):
        spoilt = pair.folder / f"spoilt-{number}"
        shutil.copytree(backup, spoilt)
        spoil(spoilt)
        assert not drilled(pair, spoilt)["files"], what
    assert "Do NOT rely on this backup" in pair("jp", "drill", spoilt).out


def test_a_record_cut_short_is_seen_even_by_a_manifest_made_to_fit(pair, backup):
    cut_a_log(backup)
    told = json.loads((backup / "manifest.json").read_text())
    data = (backup / "node.db").read_bytes()
    for file in told["files"]:
        if file["path"] == "node.db":
            file |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (backup / "manifest.json").write_text(json.dumps(told))
    found = drilled(pair, backup)
    assert (found["files"], found["manifest"]) == (True, False)


# ---- PostgreSQL


@pytest.fixture
def in_postgres(run, tmp_path, request):
    """A node whose database is a schema of its own, with somebody else's table in it."""
    with postgres_schema(request.node.name) as url:
        made = ["init", "--party", "JP", "--party-name", "Japan", "--name", "HQ", "--database", url]
        assert run("--node", tmp_path / "pg", *made).code == 0
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE people_person (name TEXT)")
            connection.execute("INSERT INTO people_person VALUES ('Sato')")
            yield url, connection


@pytest.mark.postgres
@needs_pg_dump
def test_a_backup_of_postgres_holds_everything(run, tmp_path, in_postgres):
    _, connection = in_postgres
    node = open_node(tmp_path / "pg")
    space = node.store.create_space(some_genesis(node.dictionary).bytes)
    node.store.remember("a fact", b"kept")
    node.store.close()
    told = run("--node", tmp_path / "pg", "backup", tmp_path / "copy", "--keys", "--json").json
    assert told["holds"] == "everything"
    assert stat.S_IMODE((tmp_path / "copy" / "database.dump").stat().st_mode) == 0o600
    drill = run("--node", tmp_path / "pg", "drill", tmp_path / "copy")
    assert (drill.code, "database.dump reads to its end" in drill.out) == (0, True)
    assert "code: database-not-empty" in run("--node", tmp_path / "new", "restore", tmp_path / "copy").err

    connection.execute(f"DROP SCHEMA {connection.execute('SELECT current_schema()').fetchone()[0]} CASCADE")
    assert run("verify", tmp_path / "copy").code == 0  # the copy, not the database it was made of
    ran = run("--node", tmp_path / "new", "restore", tmp_path / "copy")
    assert (ran.code, "Only the record" in ran.out) == (0, False)
    assert connection.execute("SELECT name FROM people_person").fetchall() == [("Sato",)]
    back = open_node(tmp_path / "new")
    assert (back.store.spaces(), back.store.recall("a fact")) == ((space,), b"kept")
    assert back.desk(space).restored is not None
    back.store.close()


@pytest.mark.postgres
@needs_pg_dump
def test_a_dump_cut_short_does_not_pass_even_with_a_manifest_made_to_fit(run, tmp_path, in_postgres):
    assert run("--node", tmp_path / "pg", "backup", tmp_path / "copy").code == 0
    dump = tmp_path / "copy" / "database.dump"
    os.truncate(dump, dump.stat().st_size - 100)
    manifest = tmp_path / "copy" / "manifest.json"
    told = json.loads(manifest.read_text())
    for file in told["files"]:
        if file["path"] == dump.name:
            file |= {"bytes": dump.stat().st_size, "sha256": hashlib.sha256(dump.read_bytes()).hexdigest()}
    manifest.write_text(json.dumps(told))
    ran = run("--node", tmp_path / "nowhere", "drill", tmp_path / "copy", "--json")
    found = {one["check"]: one["holds"] for one in ran.json["checks"]}
    assert (ran.code, found["files"], found["dump"]) == (1, True, False)


@pytest.mark.postgres
@needs_pg_dump
def test_a_server_that_does_not_answer_is_named_and_nothing_is_made(run, tmp_path, in_postgres):
    assert run("--node", tmp_path / "pg", "backup", tmp_path / "copy", "--keys").code == 0
    for address in ("postgresql://127.0.0.1:9/none?password=open-sesame", f"{in_postgres[0]}&dbname=no-such"):
        ran = run("--node", tmp_path / "new", "restore", tmp_path / "copy", "--database", address)
        assert (ran.code, "code: store-gone" in ran.err, "open-sesame" in ran.err) == (75, True, False)
        assert not (tmp_path / "new").exists()


@pytest.mark.postgres
def test_the_record_alone_is_copied_when_asked_and_said_to_be_alone(run, tmp_path, in_postgres):
    told = run("--node", tmp_path / "pg", "backup", tmp_path / "copy", "--record-only", "--keys", "--json").json
    assert told["holds"] == "the record"
    assert not (tmp_path / "copy" / "database.dump").exists()
    ran = run("--node", tmp_path / "new", "restore", tmp_path / "copy", "--database", "node.db")
    assert (ran.code, "Only the record came back" in ran.out) == (0, True)


@pytest.mark.postgres
def test_without_the_servers_programs_nothing_half_is_made(run, tmp_path, in_postgres, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    ran = run("--node", tmp_path / "pg", "backup", tmp_path / "copy")
    assert (ran.code, "code: postgres-tools-missing" in ran.err) == (2, True)
    assert not (tmp_path / "copy").exists()


@pytest.mark.postgres
def test_what_the_servers_program_says_is_told_without_the_password(tmp_path, in_postgres, monkeypatch):
    url, _ = in_postgres
    fake = tmp_path / "pg_dump"
    fake.write_text(
        '#!/bin/sh\necho "version mismatch: $PGPASSWORD/$*" | head -c 18 >&2\necho "$*" > "$0.asked"\nexit 1\n'
    )
    fake.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(LocalError) as refused:
        postgres.dump(f"{url}&password=open-sesame", tmp_path / "dump")
    assert refused.value.code == "postgres-dump-failed"
    assert refused.value.facts == {"program": "pg_dump", "why": "version mismatch: "[:18].strip()}
    assert "open-sesame" not in (tmp_path / "pg_dump.asked").read_text()
