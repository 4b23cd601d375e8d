"""Whatever is carried for others is named in NOTICE, with a licence that is there."""

import fnmatch
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CARRIED = ("tools/*.whl", "src/**/*.woff2", "src/**/*.min.*", "tests/**/vendor/*")


def test_every_vendored_file_is_in_notice():
    named = re.findall(r"^(\S+/\S+)$", (ROOT / "NOTICE").read_text("utf-8"), re.MULTILINE)
    carried = [path.relative_to(ROOT).as_posix() for pattern in CARRIED for path in ROOT.glob(pattern)]
    assert carried
    assert [path for path in carried if not any(fnmatch.fnmatch(path, name) for name in named)] == []


def test_every_licence_named_is_there():
    named = re.findall(r"(?:src|licenses)/[\w./-]+\.txt", (ROOT / "NOTICE").read_text("utf-8"))
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []
