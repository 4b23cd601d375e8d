"""A sample of every byte flipped and every cut; all of them: ``python -m tests.exhaustive.changes``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.exhaustive import changes
from tests.exhaustive.changes import Subject

from tallystick.core.errors import MalformedBytesError

PARTS = 500  # of each subject's bits, about; strides that 8 does not divide come by every bit of a byte


def test_every_change_is_named_or_means_nothing(tmp_path: Path):
    named = meaningless = 0
    for subject in changes.subjects(tmp_path):
        stride = len(subject.data) * 8 // PARTS * 2 + 1 if len(subject.data) > 600 else 61
        tally = changes.judge(subject, changes.flips(subject.data, stride))
        cut = changes.judge(subject, changes.cuts(subject.data, stride))
        assert tally.wrong + cut.wrong == []
        assert tally.tried > 3
        assert subject.name == "database" or tally.meaningless + cut.meaningless < 5, subject.name
        named += tally.named.total() + cut.named.total()
        meaningless += tally.meaningless + cut.meaningless
    assert named > meaningless  # SQLite's pages are half empty


def careless(data: bytes) -> Any:
    if data[1] != ord("b"):
        raise MalformedBytesError
    return data


@pytest.mark.parametrize(
    ("read", "wrong"),
    [(careless, 16), (lambda data: data[:2], 16), (lambda data: data.decode("ascii"), 24), (lambda _data: None, 0)],
)
def test_what_is_read_as_something_else_or_raises_anything_else_is_seen(read: Callable[[bytes], Any], wrong: int):
    tally = changes.judge(Subject("three bytes", b"abc", read), changes.flips(b"abc"))
    assert (len(tally.wrong), tally.tried) == (wrong, 24)
