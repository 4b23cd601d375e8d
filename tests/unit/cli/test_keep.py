"""Backups are whole, restores write over nothing, and verification finds any change."""

import json
import shutil
import sqlite3
import stat

import pytest
from tests.unit.cli.test_act import REQUEST


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
    for sender, receiver in (("new", "in"), ("in", "new")):
        pair.done(receiver, "bundle", "read", pair.done(sender, "bundle", "write", "--json").json["file"])
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
    (tmp_path / "text.db").write_text("not a database, and long enough to be read as one")
    assert pair("jp", "verify", tmp_path / "text.db").code == 2


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
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    ran = run("verify", file, "--json")
    assert (ran.code, ran.json[0]["verdict"]) == (1, "does-not-hold")
