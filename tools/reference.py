"""Writes docs/reference/{codes,acts,cli}.md from what the code says. Run: python -m tools.reference

``codes.md`` and ``acts.md`` are written whole; in ``cli.md`` only what follows the mark is.

Also finds every code that is raised anywhere in src, with the facts given at that place, for the tests that hold the
messages, the code and the documents together.
"""

from __future__ import annotations

import ast
import inspect
import string
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin, get_type_hints

import click

from tallystick.app.fields import code_name, kind_name
from tallystick.app.messages import MESSAGES, Message
from tallystick.cli.main import COMMANDS, cli
from tallystick.core import errors
from tallystick.core.entries import BIG, BODIES, LINES_MAX, TEXT_MAX, Between, Sort
from tallystick.core.findings import FINDINGS, Weight
from tallystick.core.identity import EntryRef

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"

DOCS = ROOT / "docs" / "reference"
FAMILY = "TallystickError"
# What the fold makes findings with, and checks their problems; and which argument is the code. A warrant adds its own
# name to the facts.
FINDERS = {"refuse": 0, "flag": 1, "denies": 0, "fault": 0, "doubt": 0, "limit": 0, "differ": 0}
ADDED = {"denies": frozenset({"who", "warrant", "post"})}
CHECKERS = {"fault", "doubt", "limit", "differ"}


@dataclass(frozen=True)
class Raised:
    """One place where an error is made. ``facts`` is None when some of them are only known at run time (``**``)."""

    code: str
    cls: str
    where: str
    facts: frozenset[str] | None


# ---- what the code raises


@cache
def _trees() -> tuple[tuple[Path, ast.Module], ...]:
    paths = sorted(path for path in (SRC / "tallystick").rglob("*.py") if "migrations" not in path.parts)
    return tuple((path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths)


@cache
def error_classes() -> dict[str, tuple[str, str]]:
    """Return class name → (base class, default code) of our whole family, wherever its members are defined."""
    family: dict[str, tuple[str, str]] = {FAMILY: ("Exception", errors.TallystickError.default_code)}
    classes = [node for _, tree in _trees() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    grown = True
    while grown:
        grown = False
        for node in classes:
            base = next((b.id for b in node.bases if isinstance(b, ast.Name) and b.id in family), None)
            if base is not None and node.name not in family:
                family[node.name] = (base, _default_code(node) or family[base][1])
                grown = True
    return family


def _default_code(node: ast.ClassDef) -> str | None:
    for line in node.body:
        target = line.targets[0] if isinstance(line, ast.Assign) else getattr(line, "target", None)
        value = getattr(line, "value", None)
        if isinstance(target, ast.Name) and target.id == "default_code" and isinstance(value, ast.Constant):
            return str(value.value)
    return None


@cache
def raised() -> list[Raised]:
    """Return every place in src that makes an error with a code written there, or with its class's default."""
    family = error_classes()
    found = []
    for path, tree in _trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name not in family and name not in FINDERS:
                continue
            first = node.args[FINDERS.get(name, 0)] if node.args else None
            if first is None:
                codes = [family[name][1]]
            else:
                codes = [str(n.value) for n in ast.walk(first) if isinstance(n, ast.Constant) and type(n.value) is str]
            open_ended = any(keyword.arg is None for keyword in node.keywords)
            given = frozenset(keyword.arg for keyword in node.keywords if keyword.arg)
            facts = None if open_ended else given | ADDED.get(name, frozenset())
            where = f"{path.relative_to(ROOT)}:{node.lineno}"
            found += [Raised(code, name, where, facts) for code in codes]
    return found


def codes_in_tables() -> set[str]:
    """Return the codes that stand in tables of src, beside those written at the raise: ``_CODES = {…: "store-…"}``."""
    found = set()
    for _, tree in _trees():
        for node in ast.walk(tree):
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            value = getattr(node, "value", None)
            if isinstance(target, ast.Name) and target.id.endswith("_CODES") and value is not None:
                dicts = [n for n in ast.walk(value) if isinstance(n, ast.Dict)]
                found |= {str(n.value) for d in dicts for n in d.values if isinstance(n, ast.Constant)}
    return found


def slots(told: Message) -> frozenset[str]:
    """Return the facts a message names."""
    parts = string.Formatter().parse(told.happened + told.remedy)
    return frozenset(name for _, name, _, _ in parts if name)


# ---- docs/reference/codes.md

GROUPS = (
    ("LocalError", "Not possible as asked"),
    ("RemoteError", "What a partner sent is not acceptable"),
    ("StoreError", "The disk or the database"),
    ("PeerUnreachableError", "The partner's node does not answer"),
    ("check", "What a check finds"),
)
INTROS = {
    "LocalError": "Nothing was signed or stored. Command line: exit 2. API: 409 or 422.",
    "RemoteError": "The bytes are set aside for the operator; the record is unchanged. Command line: exit 3. "
    "To the partner: 400, 409 or 413.",
    "StoreError": "Nothing was half-written. Command line: exit 75. Pages: 503.",
    "PeerUnreachableError": "What was exchanged before stays. Command line: exit 75.",
    "check": "`tallystick verify` lists them, and goes on. A *fault* is not what it must be: exit 1. A "
    "*doubt* is something that could not be checked: exit 2. A *limit* is told so that nobody thinks it was checked. "
    "Codes from above may be found besides.",
}

WEIGHTS = {
    Weight.VOID: "does not count",
    Weight.FLAG: "counts; someone should look",
    Weight.TOLD: "for information",
}

CODES_HEAD = """# Codes

Every error and every finding has a code that never changes its meaning. Pages, the API and the command line show its
sentence; programs should read the code. Words in braces are facts of the case.

This page is written by `python -m tools.reference` from `app/messages.py`; a test keeps the two equal.

## Findings

A finding is part of the record: both sides compute the same ones from the same signed entries. One that makes an act
void is also the reason why such an act is refused here before it is signed.
"""


def family_of(code: str) -> str:
    """Return which of ``GROUPS`` raises ``code``; codes of several families belong to the first that fits."""
    family = error_classes()
    if all(r.cls in CHECKERS for r in raised() if r.code == code) and any(r.code == code for r in raised()):
        return "check"
    classes = {r.cls for r in raised() if r.code == code and r.cls in family}
    classes |= {name for name, (_, default) in family.items() if default == code}
    if not classes and code in codes_in_tables():
        return "StoreError"
    lines = set()
    for cls in classes:
        name = cls
        while name != "Exception":
            lines.add(name)
            name = family[name][0]
    return next((group for group, _ in GROUPS if group in lines), "LocalError")


def codes_page() -> str:
    parts = [CODES_HEAD, "| Code | Effect on the act | What it means, and what to do |\n|---|---|---|"]
    parts += [f"| `{code}` | {WEIGHTS[weight]} | {_words(code)} |" for code, weight in sorted(FINDINGS.items())]
    rest = sorted(MESSAGES.keys() - FINDINGS.keys())
    families = {code: family_of(code) for code in rest}
    for group, title in GROUPS:
        parts += [f"\n## {title}\n\n{INTROS[group]}\n", "| Code | What it means, and what to do |\n|---|---|"]
        parts += [f"| `{code}` | {_words(code)} |" for code in rest if families[code] == group]
    return "\n".join(parts) + "\n"


def _words(code: str) -> str:
    told = MESSAGES[code]
    return f"{told.happened} {told.remedy}".strip().replace("|", "\\|")


# ---- docs/reference/acts.md

ACTS_HEAD = """# Acts and their fields

Every kind of signed act with its fields, as the command line (`tallystick act`), the API and the raw entry on a page
write them. Who may say what when is in [the life of an order](../spec/orders.md#the-table); the bytes are in
[wire](../spec/wire.md).

`who` is the number of the officer's warrant; it is put in by the node and never read from a form, a file or a request.
In JSON, amounts, quantities and prices are texts with plain decimals, so that no digit is lost: `"1220075.00"`. Days
are `"2027-02-18"`, entries `"17.204"`, codes small letters with dashes.

This page is written by `python -m tools.reference` from `core/entries.py`; a test keeps the two equal.
"""
_SORTS = {
    Sort.MONEY: "amount in the order's currency",
    Sort.QUANTITY: "quantity in the line's unit",
    Sort.PRICE: "price of one unit",
    Sort.DAY: "day",
    Sort.OFFICER: "number of a warrant of the same party",
}


def acts_page() -> str:
    parts = [ACTS_HEAD]
    for kind, cls in BODIES.items():
        parts += [f"## {kind_name(kind)}\n", f"Kind {int(kind)}. {_doc(cls)}\n"]
        parts += list(_fields_table(cls))
    parts += ["## Parts of acts\n"]
    for cls in sorted(_parts(), key=lambda c: c.__name__):
        parts += [f"### {cls.__name__}\n", *([f"{_doc(cls)}\n"] if _doc(cls) else [])]
        if issubclass(cls, IntEnum):
            parts += ["One of " + ", ".join(f"`{code_name(member)}`" for member in cls) + ".\n"]
        else:
            parts += list(_fields_table(cls))
    return "\n".join(parts).rstrip() + "\n"


def _doc(cls: type[Any]) -> str:
    doc = cls.__doc__ or ""
    return "" if doc.startswith(f"{cls.__name__}(") else " ".join(doc.replace("``", "`").split())


def _fields_table(cls: type[Any]) -> Iterator[str]:
    yield "| Field | What it is |\n|---|---|"
    for name, hint in get_type_hints(cls, include_extras=True).items():
        if get_origin(hint) is not ClassVar:
            yield f"| `{name}` | {_what(hint)} |"
    yield ""


def _parts() -> set[type[Any]]:
    """Return the dataclasses and enums that fields are made of."""
    found: set[type[Any]] = set()

    def look(hint: Any) -> None:
        if isinstance(hint, type) and issubclass(hint, IntEnum):
            found.add(hint)
        elif is_dataclass(hint) and isinstance(hint, type) and hint not in found:
            found.add(hint)
            for inner in get_type_hints(hint, include_extras=True).values():
                look(inner)
        for inner in get_args(hint):
            look(inner)

    for cls in BODIES.values():
        for hint in get_type_hints(cls, include_extras=True).values():
            look(hint)
    return found


def _what(hint: Any) -> str:
    if get_origin(hint) is Annotated:
        base, *notes = get_args(hint)
        sort = next((note for note in notes if isinstance(note, Sort)), None)
        limit = next((note for note in notes if isinstance(note, Between)), None)
        return _SORTS[sort] if sort is not None else _limited(base, limit)
    if get_origin(hint) in {Union, UnionType}:
        (inner,) = (arg for arg in get_args(hint) if arg is not type(None))
        return f"{_what(inner)}, or nothing"
    return _limited(hint, None)


def _limited(base: Any, limit: Between | None) -> str:
    if get_origin(base) is tuple:
        inner = get_args(base)[0]
        most = limit or Between(0, LINES_MAX)
        what = f"[{inner.__name__}](#{inner.__name__.lower()})" if is_dataclass(inner) else _what(inner)
        return f"list of {most.low} to {most.high}: {what}"
    if base is EntryRef:
        return "entry"
    if isinstance(base, type) and issubclass(base, IntEnum):
        return f"a [{base.__name__}](#{base.__name__.lower()})"
    if is_dataclass(base) and isinstance(base, type):
        return f"[{base.__name__}](#{base.__name__.lower()})"
    if base is int:
        if limit is None or limit.high == BIG:
            return "whole number" if limit is None or limit.low < 0 else "whole number, not below 0"
        return f"whole number from {limit.low} to {limit.high}"
    low, high = (limit.low, limit.high) if limit else (0, TEXT_MAX)
    size = str(low) if low == high else f"{low} to {high}"
    return f"text of {size} characters" if base is str else f"{size} bytes, in hexadecimal"


# ---- docs/reference/cli.md

CLI_MARK = "<!-- from here on written by python -m tools.reference; a test keeps it equal to the code -->\n"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its full name, in the order of the help."""

    def below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        yield name, command
        if isinstance(command, click.Group):
            for inner in command.commands.values():
                yield from below(f"{name} {inner.name}", inner)

    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        yield from below(name, command)


def cli_list() -> str:
    parts = []
    for name, command in commands():
        context = click.Context(command, info_name=f"tallystick {name}")
        level = "##" if " " not in name else "###"
        parts += [f"{level} {name}\n", f"`{context.command_path} {' '.join(command.collect_usage_pieces(context))}`\n"]
        parts += [f"{inspect.cleandoc(command.help or '')}\n"]
        rows = [record for p in command.params if (record := p.get_help_record(context)) is not None]
        if rows:
            parts += ["| Option | |\n|---|---|"]
            parts += [f"| `{_cell(names)}` | {_cell(told)} |" for names, told in rows]
            parts += [""]
    return "\n".join(parts).rstrip() + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def cli_page() -> str:
    head, mark, _ = (DOCS / "cli.md").read_text(encoding="utf-8").partition(CLI_MARK)
    return f"{head}{mark}\n{cli_list()}"


def pages() -> dict[Path, str]:
    """Return what each generated page should hold."""
    return {DOCS / "codes.md": codes_page(), DOCS / "acts.md": acts_page(), DOCS / "cli.md": cli_page()}


if __name__ == "__main__":
    DOCS.mkdir(parents=True, exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
