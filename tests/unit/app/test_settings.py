"""``node.toml``: what it may say, and a refusal that names file, setting and reason."""

from dataclasses import replace
from pathlib import Path

import pytest

from tallystick.app.settings import NodeSettings, load, save
from tallystick.core.errors import LocalError

GOOD = "party = 'JP'\nparty_name = 'J'\nnode_name = 'H'\n"


def plain(folder: Path, **more: object) -> NodeSettings:
    return replace(NodeSettings(folder=folder, party="JP", party_name="Japan, MoD", node_name="東京 “HQ”\\n"), **more)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"listen": "127.0.0.1:0", "time_zone": "Asia/Tokyo", "sync_every_seconds": 5, "allow_plain_http": True},
        {"public_url": "https://hq.example/", "database": "postgresql://db/tally", "demo_clock": "../clock"},
    ],
)
def test_what_is_saved_is_loaded(tmp_path: Path, more: dict[str, object]):
    settings = plain(tmp_path, **more)
    save(settings)
    assert load(tmp_path) == settings


def test_only_what_differs_from_the_default_is_written(tmp_path: Path):
    save(plain(tmp_path, time_zone="Asia/Kolkata"))
    written = (tmp_path / "node.toml").read_text(encoding="utf-8").splitlines()
    assert [line.partition(" = ")[0] for line in written[1:]] == ["party", "party_name", "node_name", "time_zone"]


@pytest.mark.parametrize(
    ("text", "code", "names"),
    [
        (None, "no-node-here", ""),
        ("party = ", "settings-unreadable", ""),
        (b"party = '\xff'", "settings-unreadable", ""),
        ("prty = 'JP'", "setting-unknown", "prty"),
        ("party = 'JP'\nparty_name = 'Japan'", "setting-missing", "node_name"),
        ("party = ''\nparty_name = 'Japan'\nnode_name = 'HQ'", "setting-missing", "party"),
        ("party = 12", "setting-wrong", "party"),
        ("sync_every_seconds = '5'", "setting-wrong", "sync_every_seconds"),
        ("sync_every_seconds = true", "setting-wrong", "sync_every_seconds"),
        ("allow_plain_http = 1", "setting-wrong", "allow_plain_http"),
        (GOOD + "time_zone = 'Mars'", "setting-wrong", "time_zone"),
        (GOOD + "time_zone = '../etc'", "setting-wrong", "time_zone"),
        (GOOD + "listen = '8101'", "setting-wrong", "listen"),
        (GOOD + "listen = 'x:port'", "setting-wrong", "listen"),
        (GOOD + "sync_every_seconds = 0", "setting-wrong", "sync_every_seconds"),
        (GOOD.replace("JP", "jp"), "setting-wrong", "party"),
        (GOOD.replace("'H'", f"'{'H' * 101}'"), "setting-wrong", "node_name"),
        (GOOD + "public_url = 'hq.example'", "setting-wrong", "public_url"),
    ],
)
def test_what_does_not_read_is_named(tmp_path: Path, text: str | bytes | None, code: str, names: str):
    if text is not None:
        (tmp_path / "node.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(LocalError) as refused:
        load(tmp_path)
    assert (refused.value.code, refused.value.facts.get("setting", "")) == (code, names)
    assert str(tmp_path) in str(refused.value.facts.get("file", refused.value.facts.get("folder")))


@pytest.mark.parametrize(
    ("more", "url"),
    [
        ({}, "http://127.0.0.1:8101"),
        ({"tls_certificate": "cert.pem"}, "https://127.0.0.1:8101"),
        ({"public_url": "https://hq.example/"}, "https://hq.example"),
    ],
)
def test_partners_are_told_where_the_node_is(more: dict[str, object], url: str):
    assert plain(Path("/srv/jp"), **more).url == url


@pytest.mark.parametrize(
    ("database", "url"),
    [
        ("node.db", "sqlite:////srv/jp/node.db"),
        ("/data/tally.db", "sqlite:////data/tally.db"),
        ("postgresql://db/tally", "postgresql://db/tally?sslmode=require"),
    ],
)
def test_a_database_is_a_file_in_the_folder_or_an_address(database: str, url: str):
    assert plain(Path("/srv/jp"), database=database).database_url == url


@pytest.mark.parametrize(
    ("said", "used"),
    [
        ("postgresql://desk@db.example/tally", "postgresql://desk@db.example/tally?sslmode=require"),
        ("postgresql://d:p%2Fw@10.0.0.5:5433/t?a=b", "postgresql://d:p%2Fw@10.0.0.5:5433/t?a=b&sslmode=require"),
        ("postgresql://db.example/tally?sslmode=verify-full", "postgresql://db.example/tally?sslmode=verify-full"),
        ("postgresql://db.example/tally?sslmode=disable", "postgresql://db.example/tally?sslmode=disable"),
        ("postgresql://localhost/tally", "postgresql://localhost/tally"),
        ("postgresql://[::1]/tally", "postgresql://[::1]/tally"),
        ("postgresql:///tally?host=/run/postgresql", "postgresql:///tally?host=/run/postgresql"),
    ],
)
def test_a_database_on_another_machine_is_spoken_to_in_cipher(said, used):
    node = NodeSettings(folder=Path("/nowhere"), party="JP", party_name="x", node_name="x", database=said)
    assert node.database_url == used
