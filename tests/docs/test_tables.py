"""The tables and stories of the specification are those of the code."""

from __future__ import annotations

import re

import pytest
from tests.scenario import Story
from tools.tables import DOCUMENTS, SPEC, TABLES, renewed

TEXTS = {name: (SPEC / name).read_text(encoding="utf-8") for name in DOCUMENTS}
STORIES = [
    (name, story) for name, text in TEXTS.items() for story in re.findall(r"```story\n(.*?)```", text, re.DOTALL)
]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_tables_are_what_the_code_has(name: str) -> None:
    assert TEXTS[name] == renewed(TEXTS[name]), "run: python -m tools.tables"


def test_every_table_stands_somewhere_once() -> None:
    blocks = re.findall(r"<!-- table: ([a-z-]+) -->", "".join(TEXTS.values()))
    assert sorted(blocks) == sorted(TABLES)


def test_a_changed_cell_would_be_noticed() -> None:
    text = TEXTS["orders.md"]
    assert renewed(text.replace("no duty to provide", "a duty to provide")) == text


@pytest.mark.parametrize(("name", "story"), STORIES, ids=[f"{name}-{n}" for n, (name, _) in enumerate(STORIES)])
def test_the_examples_go_as_told(name: str, story: str) -> None:
    Story(story)


def test_there_are_examples_first() -> None:
    for name, text in TEXTS.items():
        headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
        assert headings[:2] == ["Example", "Rules"], name
        assert headings[-1] == "Reasons", name
