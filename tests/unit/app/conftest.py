"""Two paired nodes in memory, as most use cases need them; a file that needs others says so itself."""

from pathlib import Path

import pytest
from tests.nodes import MEMORY, paired

from tallystick.cli.demo.director import Director


@pytest.fixture
def director(tmp_path: Path) -> Director:
    return paired(tmp_path, stores=MEMORY)
