"""Writes docs/reference/codes.md and docs/reference/cli.md from what the code says. Run: python -m tools.reference

Also finds every code that is raised anywhere in src, with the facts given at that place, for the tests that hold the
messages, the code and the documents together.
"""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tallystick.app.messages import MESSAGES, Message
from tallystick.core import errors
from tallystick.core.findings import FINDINGS, Weight

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"

DOCS = ROOT / "docs" / "reference"
FAMILY = "TallystickError"
FINDERS = {"refuse": 0, "flag": 1}  # what the fold makes findings with, and which argument is the code


@dataclass(frozen=True)
class Raised:
    """One place where an error is made. ``facts`` is None when some of them are only known at run time (``**``)."""

    code: str
    cls: str
    where: str
    facts: frozenset[str] | None


# ---- what the code raises


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((SRC / "tallystick").rglob("*.py")):
        if "migrations" not in path.parts:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


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
            facts = None if open_ended else frozenset(keyword.arg for keyword in node.keywords if keyword.arg)
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
)
INTROS = {
    "LocalError": "Nothing was signed or stored. Command line: exit 2. API: 409 or 422.",
    "RemoteError": "The bytes are set aside for the operator; the record is unchanged. Command line: exit 3. "
    "To the partner: 400, 409 or 413.",
    "StoreError": "Nothing was half-written. Command line: exit 75. Pages: 503.",
    "PeerUnreachableError": "What was exchanged before stays. Command line: exit 75.",
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


def pages() -> dict[Path, str]:
    """Return what each generated page should hold."""
    return {DOCS / "codes.md": codes_page()}


if __name__ == "__main__":
    DOCS.mkdir(parents=True, exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
