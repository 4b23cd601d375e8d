"""Where the code names its source in the documents, that page and that section are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r'(docs/[\w/-]+\.md)((?:,? (?:and )?"[^"\n]+")+)')
PAGE = re.compile(r"(?<![\w/])docs/[\w/-]+\.\w+")


def sections(text: str) -> set[str]:
    """Return the headings of a page, and the bold words that begin a paragraph."""
    return {*re.findall(r"^#+ (.+)$", text, re.MULTILINE), *re.findall(r"^\*\*(.+?)\.\*\*", text, re.MULTILINE)}


def missing(code: str) -> list[str]:
    """Return what ``code`` names of the documents that they do not have."""
    pages = [page for page in PAGE.findall(code) if not (ROOT / page).is_file()]
    return pages + [
        f"{page}: {title}"
        for page, titles in NAMED.findall(re.sub(r"\s+", " ", code))
        for title in re.findall(r'"([^"]+)"', titles)
        if page not in pages and title not in sections((ROOT / page).read_text("utf-8"))
    ]


def test_every_page_and_section_that_code_and_tests_name_is_there() -> None:
    found = {}
    for folder in ("src", "tests", "tools", "simulation", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path != Path(__file__) and (gone := missing(path.read_text("utf-8"))):
                found[str(path.relative_to(ROOT))] = gone
    assert found == {}


def test_a_section_that_is_gone_is_named() -> None:
    assert missing('Source: docs/spec/orders.md, "Time" and\n"No such thing".') == [
        "docs/spec/orders.md: No such thing"
    ]
    assert missing('Source: docs/spec/other.md, "Time"; docs/spec/wire.cddl.') == [
        "docs/spec/other.md",
        "docs/spec/wire.cddl",
    ]
