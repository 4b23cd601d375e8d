"""The ways out for a node that came back from a backup: a word by telephone, or a new writer from headquarters."""

import json
import shutil

import pytest
from tests.unit.cli.test_act import REQUEST

from tallystick.app import exchange, recover, write
from tallystick.core.entries import Draft, Grant
from tallystick.core.errors import RemoteError
from tallystick.core.identity import EntryRef
from tallystick.stores.keys import KeyFolder
from tallystick.stores.node import open_node


@pytest.fixture
def ship(pair):
    """A ship of Japan with a log of its own, which it has lost a part of: nobody else holds that."""
    pair.done("ship", "init", "--party", "JP", "--party-name", "Japan", "--name", "JS Izumo")
    folder = pair.folder / "ship"
    with (folder / "node.toml").open("a") as file:
        file.write('demo_clock = "../clock"\n')
    (folder / "keys" / "root.key").unlink()
    headquarters, node = open_node(pair.folder / "jp"), open_node(folder)
    none = {"currency": "", "per_act": None, "total": None, "until": None, "trained_on": None}
    key = node.keys.public("writer")
    write.sign(headquarters.desk(), Draft(Grant(post="JS Izumo", key=key, age_recipient="", duties=(), **none)))
    node.store.create_space(headquarters.desk().genesis.bytes)
    exchange.receive(node.desk(), b"".join(exchange.news_for(headquarters.desk(), {})))
    assert asks(pair).code == 0
    exchange.receive(headquarters.desk(), b"".join(exchange.news_for(node.desk(), {})))
    headquarters.store.close()
    node.store.close()
    pair.done("ship", "backup", pair.folder / "aboard", "--keys")
    assert asks(pair).code == 0
    shutil.rmtree(folder)
    pair.done("ship", "restore", pair.folder / "aboard")
    return folder


def asks(pair, party="ship"):
    """Sign a request; returns its entry."""
    path = pair.folder / "fields.json"
    path.write_text(json.dumps(REQUEST))
    return pair(party, "act", "request", "--fields", path, "--yes", "--json")


def refused(ran, code):
    assert (ran.code, f"code: {code}" in ran.err) == (2 if not code.startswith("recover-s") else 3, True), ran


def test_a_ship_goes_on_in_a_new_log_when_headquarters_grants_it(pair, ship, tmp_path):
    refused(asks(pair), "restored-not-heard")
    asked = pair.done("ship", "recover", "ask", "--out", tmp_path / "request", "--json").json
    shown = pair.done("jp", "recover", "grant", tmp_path / "request")
    assert "JS Izumo of JP" in shown.out
    refused(
        pair("jp", "recover", "grant", tmp_path / "request", "--compared", "0000", "--out", tmp_path / "answer"),
        "key-id-differs",
    )
    pair.done(
        "jp", "recover", "grant", tmp_path / "request", "--compared", asked["key_id"], "--out", tmp_path / "answer"
    )
    before = open_node(ship).desk()
    old = before.space.log_of(before.keys.public("writer"))
    pair.done("ship", "recover", "take", tmp_path / "answer")

    node = open_node(ship)
    desk = node.desk()
    assert desk.restored is None
    assert desk.log != old
    entry = EntryRef.parse(asks(pair).json["entry"])
    desk.refresh()
    assert entry.log == desk.log
    pair.carry()
    headquarters = open_node(pair.folder / "jp").desk()
    exchange.receive(headquarters, b"".join(exchange.news_for(desk, headquarters.space.sizes())))
    grants = headquarters.record.grants
    assert grants[headquarters.party, old >> 4].revoked is not None
    assert headquarters.space.key_of(desk.log) == node.keys.public("writer")
    assert sorted(path.name for path in (ship / "keys").iterdir()) == [
        "age.key", "web.key", "writer-old-1.key", "writer.key",
    ]  # fmt: skip
    refused(pair("jp", "recover", "grant", tmp_path / "request"), "recover-done-already")


def test_asked_twice_is_asked_once(pair, ship, tmp_path):
    first = pair.done("ship", "recover", "ask", "--out", tmp_path / "one", "--json").json
    second = pair.done("ship", "recover", "ask", "--out", tmp_path / "two", "--json").json
    assert first["key_id"] == second["key_id"]
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_answer_of_headquarters_alone_puts_no_key_in_place(pair, ship, tmp_path):
    pair.done("ship", "recover", "ask", "--out", tmp_path / "request")
    headquarters, node = open_node(pair.folder / "jp"), open_node(ship)
    news = b"".join(exchange.news_for(headquarters.desk(), {}))
    (tmp_path / "other").write_bytes(headquarters.keys.seal(news, [node.keys.age_recipient()]))
    refused(pair("ship", "recover", "take", tmp_path / "other"), "recover-waits")
    assert not (ship / "keys" / "writer-old-1.key").exists()


def test_a_changed_request_is_refused(pair, ship, tmp_path):
    pair.done("ship", "recover", "ask", "--out", tmp_path / "request")
    data = (tmp_path / "request").read_bytes()
    for place in range(len(data)):
        with pytest.raises(RemoteError, match="recover-"):
            recover.read_request(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(RemoteError, match="recover-unreadable"):
            recover.read_request(data[:place])


def test_a_request_of_another_party_is_refused(pair, ship, tmp_path):
    pair.done("ship", "recover", "ask", "--out", tmp_path / "request")
    refused(pair("in", "recover", "grant", tmp_path / "request"), "recover-not-ours")


def test_a_node_that_is_not_behind_has_nothing_to_recover(pair, tmp_path):
    for words in (["ask", "--out", tmp_path / "x"], ["told", "17=1", "--yes"]):
        refused(pair("jp", "recover", *words), "not-behind")
    assert not KeyFolder(pair.folder / "jp" / "keys").has(recover.NEW)


# ---- by telephone


@pytest.fixture
def behind(pair):
    """Headquarters of Japan, back from a backup that lacks nothing."""
    pair.done("jp", "backup", pair.folder / "copy", "--keys")
    pair.done("old", "restore", pair.folder / "copy")
    return "old"


def test_what_is_told_by_telephone_opens_the_logs(pair, behind):
    told = pair.done("in", "recover", "tell").out.splitlines()[-1].split()
    shown = pair.done(behind, "recover", "told", *told)
    assert "Say --yes" in shown.out
    pair.done(behind, "recover", "told", *told, "--yes")
    pair.done(behind, "warrant", "grant", "--post", "After", "--duty", "auditor")


def test_more_told_than_is_here_keeps_them_closed(pair, behind):
    sizes = {row["log"]: row["size"] for row in pair.done("in", "recover", "tell", "--json").json}
    told = [f"{log}={size + 1}" for log, size in sizes.items()]
    refused(pair(behind, "recover", "told", *told, "--yes"), "restored-still-missing")
    refused(pair(behind, "warrant", "grant", "--post", "After", "--duty", "auditor"), "restored-still-missing")


def test_a_number_too_large_is_put_right_by_telling_again(pair, behind):
    """Headquarters could not ask for a new writer: the log that would grant it is closed too."""
    sizes = {row["log"]: row["size"] for row in pair.done("in", "recover", "tell", "--json").json}
    wrong, right = ([f"{log}={size + more}" for log, size in sizes.items()] for more in (1, 0))
    refused(pair(behind, "recover", "told", *wrong, "--yes"), "restored-still-missing")
    pair.done(behind, "recover", "told", *right, "--yes")
    pair.done(behind, "warrant", "grant", "--post", "After", "--duty", "auditor")


def test_what_is_not_told_whole_opens_nothing(pair, behind, tmp_path):
    for words, code in ((["1=9"], "not-all-told"), (["1"], "log-size-wrong"), (["x=9"], "log-size-wrong")):
        refused(pair(behind, "recover", "told", *words, "--yes"), code)
    # who keeps the root key cannot grant itself a writer
    refused(pair(behind, "recover", "ask", "--out", tmp_path / "x"), "recover-needs-hearing")
