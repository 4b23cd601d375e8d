"""A node appears whole or not at all, and is never made over something."""

import stat

import pytest

from tallystick.app.clock import DemoClock, SystemClock
from tallystick.app.settings import NodeSettings
from tallystick.core.errors import LocalError, StoreUnavailableError
from tallystick.stores import node as nodes
from tallystick.stores.keys import KeyFolder
from tallystick.stores.node import init_node, open_node, wire_dictionary
from tallystick.stores.sql import SqlStore


def settings(**changes):
    return NodeSettings(**{"folder": "x", "party": "JP", "party_name": "Japan", "node_name": "HQ"} | changes)


def test_a_new_node_has_keys_settings_and_a_place_for_couriers(tmp_path):
    made = init_node(tmp_path / "jp", settings(listen="127.0.0.1:9000"))
    opened = open_node(tmp_path / "jp")
    assert opened.settings == made.settings
    assert opened.settings.listen == "127.0.0.1:9000"
    assert opened.store.spaces() == ()
    for key in ("root", "writer"):
        assert opened.keys.public(key) == made.keys.public(key)
    assert opened.keys.public("root") != opened.keys.public("writer")
    assert opened.keys.age_recipient().startswith("age1")
    assert {"courier", "keys", "node.db", "node.toml"} <= {path.name for path in (tmp_path / "jp").iterdir()}
    assert stat.S_IMODE((tmp_path / "jp").stat().st_mode) == 0o700


def test_the_present_folder_of_a_user_may_be_used_when_empty(tmp_path):
    (tmp_path / "jp").mkdir()
    init_node(tmp_path / "jp", settings())
    assert open_node(tmp_path / "jp").settings.party == "JP"


def test_a_node_is_not_made_over(tmp_path):
    key = init_node(tmp_path / "jp", settings()).keys.public("root")
    with pytest.raises(LocalError, match="node-exists"):
        init_node(tmp_path / "jp", settings(party="IN"))
    assert open_node(tmp_path / "jp").keys.public("root") == key
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("dear")
    with pytest.raises(LocalError, match="folder-not-empty"):
        init_node(tmp_path / "other", settings())
    (tmp_path / "file").write_text("dear")
    with pytest.raises(LocalError, match="folder-not-empty"):
        init_node(tmp_path / "file", settings())


@pytest.mark.parametrize("changes", [{"time_zone": "Mars/Olympus"}, {"party": "not a code"}, {"listen": "here"}])
def test_settings_that_could_not_be_read_again_make_nothing(tmp_path, changes):
    with pytest.raises(LocalError, match="setting-wrong"):
        init_node(tmp_path / "jp", settings(**changes))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("after", range(4))
def test_a_stop_in_between_leaves_nothing_that_looks_like_a_node(tmp_path, monkeypatch, after):
    made = []
    create = KeyFolder.create

    def stop(self, name, ids):
        if len(made) == after:
            raise KeyboardInterrupt
        made.append(name)
        create(self, name, ids)

    monkeypatch.setattr(KeyFolder, "create", stop)
    with pytest.raises(KeyboardInterrupt):
        init_node(tmp_path / "jp", settings())
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    init_node(tmp_path / "jp", settings())


def test_a_full_disk_is_told_in_our_words(tmp_path, monkeypatch):
    def full(_settings):
        raise OSError(28, "No space left on device", "node.toml")

    monkeypatch.setattr(nodes.node_settings, "save", full)
    with pytest.raises(StoreUnavailableError, match="store-full"):
        init_node(tmp_path / "jp", settings())
    assert list(tmp_path.iterdir()) == []


def test_the_clock_is_the_demos_only_where_settings_say_so(tmp_path):
    assert isinstance(init_node(tmp_path / "jp", settings()).clock, SystemClock)
    demo = init_node(tmp_path / "in", settings(demo_clock="../clock"))
    assert demo.clock == DemoClock((tmp_path / "clock").resolve())


def test_an_empty_database_is_not_taken_for_a_new_nodes(tmp_path):
    made = init_node(tmp_path / "jp", settings())
    space = made.store.create_space(b"terms")
    made.high_water.note(space, {16: 3})
    assert open_node(tmp_path / "jp").store.spaces() == (space,)
    made.store.close()
    (tmp_path / "jp" / "node.db").rename(tmp_path / "away.db")
    with pytest.raises(StoreUnavailableError, match="store-lost"):
        open_node(tmp_path / "jp")
    assert not (tmp_path / "jp" / "node.db").exists()
    SqlStore(f"sqlite:///{tmp_path}/jp/node.db").close()
    with pytest.raises(StoreUnavailableError, match="store-lost"):
        open_node(tmp_path / "jp")


def test_a_folder_without_a_node(tmp_path):
    with pytest.raises(LocalError, match="no-node-here"):
        open_node(tmp_path)


def test_the_dictionary_is_the_one_shipped():
    assert wire_dictionary() is wire_dictionary()
    assert isinstance(wire_dictionary(), bytes)
