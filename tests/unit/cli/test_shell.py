"""What is printed: tables for people, exact text for programs, times in ISO."""

import io

import pytest
from rich.console import Console

from tallystick.cli import shell
from tallystick.core.errors import LocalError


def test_a_table_off_a_terminal_is_plain_and_aligned(capsys):
    shell.table(("account", "amount"), [("JP:cash", "-1.00"), ("JP:got", "12.50")], right=("amount",))
    assert capsys.readouterr().out == "account  amount\nJP:cash   -1.00\nJP:got    12.50\n"


def test_a_table_without_rows_has_its_heading(capsys):
    shell.table(("a", "b"), [])
    assert capsys.readouterr().out == "a  b\n"


def test_a_partners_words_are_not_markup_on_a_terminal(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(shell, "is_terminal", lambda: True)
    monkeypatch.setattr("rich.console.Console", lambda **_: Console(file=shown, width=60, color_system=None))
    shell.table(("unit",), [("[red]JS Example[/red]",)])
    assert "[red]JS Example[/red]" in shown.getvalue()


@pytest.mark.parametrize(("instant", "text"), [(1802943000, "2027-02-18T09:30Z"), (None, ""), (0, "1970-01-01T00:00Z")])
def test_instants_are_iso(instant, text):
    assert shell.iso(instant) == text


def test_the_day_is_that_of_the_place():
    late = 1802995200 - 1  # a second before midnight UTC, 2027-02-18
    assert shell.local_day("Asia/Tokyo", late) == shell.local_day("UTC", late) + 1


def test_files_are_new_whole_and_private(tmp_path):
    path = tmp_path / "card"
    shell.write_file(path, b"one")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"one", 0o600)
    with pytest.raises(LocalError, match="file-exists"):
        shell.write_file(path, b"two")
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("code", ["missing", "folder"])
def test_files_that_are_not_there(tmp_path, code):
    (tmp_path / "folder").mkdir()
    with pytest.raises(LocalError, match="file-missing"):
        shell.read_file(tmp_path / code, limit=10, what="card")


def test_files_are_read_up_to_a_limit(tmp_path):
    (tmp_path / "ten").write_bytes(b"0123456789")
    assert shell.read_file(tmp_path / "ten", limit=10, what="card") == b"0123456789"
    with pytest.raises(LocalError, match="file-too-large"):
        shell.read_file(tmp_path / "ten", limit=9, what="card")
