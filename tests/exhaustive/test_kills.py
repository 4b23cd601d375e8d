"""Kills at some writes of an act, a receive and an erasure; at all of them: ``python -m tests.exhaustive.kills``."""

from pathlib import Path

import pytest
from tests.exhaustive import kills
from tests.needs import needs_compiler, needs_postgres

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kills.build(tmp_path_factory.mktemp("killed"))


@pytest.mark.parametrize("deed", kills.DEEDS)
@pytest.mark.parametrize("store", ["sqlite", pytest.param("postgres", marks=[needs_postgres, pytest.mark.postgres])])
def test_a_node_killed_at_a_write_lost_nothing_it_acknowledged(library: Path, store: str, deed: str):
    tally = kills.run(library, store, deed, 5 if deed == "erase" else 13)
    assert tally.tried > kills.LAST // 2
    assert tally.nothing > 0  # killed before the commit
    assert tally.everything > 0  # and after it
