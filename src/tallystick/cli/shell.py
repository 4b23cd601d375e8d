"""What the commands share: the node they work on, and how they print.

Decides that people get aligned tables (with rich on a terminal; NO_COLOR is respected) and programs get JSON, that
times are ISO, and that errors go to standard error as sentence, remedy and code.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tallystick.app.visible import escaped_json, visible, visible_lines
from tallystick.core.errors import LocalError, TallystickError

if TYPE_CHECKING:
    from tallystick.app.node import Desk, Node

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Shell:
    """The node and agreement named on the command line; opened when a command first asks."""

    def __init__(self, folder: Path, agreement: str | None) -> None:
        self.folder = folder
        self._agreement = agreement

    @cached_property
    def node(self) -> Node:
        from tallystick.stores.node import open_node

        return open_node(self.folder)

    def close(self) -> None:
        """Let go of the node's files and connections, if a command has opened it."""
        if "node" in self.__dict__:
            self.node.store.close()

    @cached_property
    def desk(self) -> Desk:
        """The agreement named with --agreement, by its name or the beginning of its id; without, the only one."""
        if self._agreement is None:
            return self.node.desk()
        wanted = self._agreement
        found = [d for d in self.node.desks.values() if d.name == wanted or d.id.hex().startswith(wanted.lower())]
        if len(found) > 1:
            raise LocalError("which-agreement", agreements=", ".join(f"{d.name} ({d.id.hex()[:8]})" for d in found))
        if not found:
            raise LocalError("unknown-agreement", agreement=wanted)
        return found[0]

    @property
    def desks(self) -> list[Desk]:
        """The agreement named, or all of them."""
        return [self.desk] if self._agreement is not None else list(self.node.desks.values())

    def today(self) -> int:
        """Return the day number at this node's place."""
        return local_day(self.node.settings.time_zone, self.node.clock.now())


def local_day(zone: str, instant: int) -> int:
    from zoneinfo import ZoneInfo

    from tallystick.core import calendar

    return calendar.day(dt.datetime.fromtimestamp(instant, ZoneInfo(zone)).date())


pass_shell = click.make_pass_decorator(Shell)


def json_option(command: _Command) -> _Command:
    """Add ``--json``, passed on as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def format_option(*forms: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``--format`` with ``forms`` (the first is the default) and ``--json`` as its short form, as ``form``."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def wrapper(*args: Any, form: str, as_json: bool, **kwargs: Any) -> Any:
            return command(*args, form="json" if as_json else form, **kwargs)

        with_json = click.option("--json", "as_json", is_flag=True, help="Short for --format json.")(wrapper)
        return click.option(
            "--format", "form", type=click.Choice(forms), default=forms[0], show_default=True, help="How to print."
        )(with_json)

    return decorate


# ---- printing


def say(text: str = "") -> None:
    click.echo(visible_lines(text))


def print_json(value: Any) -> None:
    click.echo(escaped_json(json.dumps(value, ensure_ascii=False, indent=2)))


def iso(instant: int | None) -> str:
    """Return seconds since 1970 as ``2027-02-18T09:30Z``; empty for none."""
    if instant is None:
        return ""
    return dt.datetime.fromtimestamp(instant, dt.UTC).strftime("%Y-%m-%dT%H:%MZ")


def day(number: int | None) -> str:
    """Return a day number as an ISO date; empty for none."""
    from tallystick.core import calendar

    return "" if number is None else calendar.date_of(number).isoformat()


def words(code: str) -> str:
    """Return a code as words: ``part-delivered`` → ``part delivered``."""
    return code.lower().replace("_", " ").replace("-", " ")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print a table: with rich on a terminal, plain aligned text elsewhere.

    Args:
        columns: Names, as headings.
        rows: Cells; shown with ``str``.
        right: The columns that hold amounts, aligned on the right.
    """
    cells = [[visible(str(cell)) for cell in row] for row in rows]
    if is_terminal():
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
        for column in columns:
            drawn.add_column(column, justify="right" if column in right else "left", overflow="fold")
        for row in cells:
            drawn.add_row(*(Text(cell) for cell in row))  # Text: a partner's words are never taken for markup
        Console(highlight=False).print(drawn)
        return
    widths = [max(len(column), *(len(row[i]) for row in cells), 0) for i, column in enumerate(columns)]
    for row in [list(columns), *cells]:
        fitted = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        )
        click.echo("  ".join(fitted).rstrip())


def is_terminal() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def facts(pairs: Mapping[str, object]) -> None:
    """Print names and values, one a line, aligned; what is empty is left out."""
    shown = {name: value for name, value in pairs.items() if value not in {None, ""}}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        click.echo(f"{name.ljust(width)}  {visible(str(value))}")


def tell(error: TallystickError) -> None:
    """Print an error on standard error: what happened, what to do, and the code for programs."""
    from tallystick.app.messages import fill, message

    told = message(error.code)
    click.secho(f"tallystick: {fill(told.happened, error.facts)}", err=True, fg="red", color=_wants_color())
    if told.remedy:
        click.echo(f"  {fill(told.remedy, error.facts)}", err=True)
    click.echo(f"  code: {error.code}", err=True)


def _wants_color() -> bool | None:
    """Return None to let click decide by the terminal; NO_COLOR (https://no-color.org) turns colour off."""
    return False if os.environ.get("NO_COLOR") else None


# ---- files


def read_file(path: Path, *, limit: int, what: str) -> bytes:
    """Return what is in ``path`` (``-``: standard input).

    Raises:
        LocalError: ``file-missing`` or ``file-too-large``.
    """
    if str(path) == "-":
        data = sys.stdin.buffer.read(limit + 1)
    else:
        try:
            with path.open("rb") as file:
                data = file.read(limit + 1)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise LocalError("file-missing", path=str(path)) from None
    if len(data) > limit:
        raise LocalError("file-too-large", path=str(path), what=what, limit=limit)
    return data


def write_file(path: Path, data: bytes) -> None:
    """Write a new file, whole or not at all, that only we can read.

    Raises:
        LocalError: ``file-exists``: nothing is written over.
    """
    if path.exists():
        raise LocalError("file-exists", path=str(path))
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with open_private(part) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


@contextmanager
def open_private(path: Path) -> Iterator[Any]:
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        yield file


def write_folder(folder: Path, found: Mapping[str, bytes]) -> int:
    """Write plain files into ``folder``, which must be empty; return how many."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise LocalError("folder-not-empty", path=str(folder))
    for name, data in found.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return len(found)
