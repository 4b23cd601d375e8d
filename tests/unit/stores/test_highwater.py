"""The mark beside the database: the last whole line counts, and trouble with it stops nobody."""

import stat

import pytest

from tallystick.stores import highwater
from tallystick.stores.highwater import HighWaterFile

ONE, OTHER = b"\x01" * 32, b"\x02" * 32


@pytest.fixture
def path(tmp_path):
    return tmp_path / "high-water"


def test_the_last_word_on_each_log_counts(path):
    mark = HighWaterFile(path)
    assert mark.sizes() == {}
    mark.note(ONE, {0: 2, 16: 5})
    mark.note(OTHER, {0: 9})
    mark.note(ONE, {16: 4})  # after a restore less may be right
    assert HighWaterFile(path).sizes() == {ONE: {0: 2, 16: 4}, OTHER: {0: 9}}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_cut_off_or_changed_is_as_if_it_were_not_there(path):
    mark = HighWaterFile(path)
    mark.note(ONE, {0: 2})
    whole = path.read_bytes()
    mark.note(ONE, {0: 3})
    both = path.read_bytes()
    for size in range(len(whole), len(both) - 1):
        path.write_bytes(both[:size])
        assert mark.sizes() == {ONE: {0: 2}}
    for at in range(len(whole), len(both) - 1):
        path.write_bytes(both[:at] + bytes([both[at] ^ 1]) + both[at + 1 :])
        assert mark.sizes() == {ONE: {0: 2}}, at


def test_it_stays_small(path, monkeypatch):
    monkeypatch.setattr(highwater, "COMPACT_BYTES", 1000)
    mark = HighWaterFile(path)
    for size in range(1, 100):
        mark.note(ONE, {0: size, 16: 2 * size})
        assert path.stat().st_size <= 1200
    assert mark.sizes() == {ONE: {0: 99, 16: 198}}
    assert [file.name for file in path.parent.iterdir()] == ["high-water"]


def test_a_disk_that_does_not_take_it_is_told_in_the_log_and_stops_nobody(tmp_path, caplog):
    (tmp_path / "high-water").mkdir()
    mark = HighWaterFile(tmp_path / "high-water")
    mark.note(ONE, {0: 2})
    assert mark.sizes() == {}
    assert ["cannot be written" in caplog.text, "cannot be read" in caplog.text] == [True, True]
