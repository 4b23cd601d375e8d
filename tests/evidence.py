"""The S1 order's evidence file, made once, and ways to change it."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.nodes import paired
from tests.story.s1 import S1

from tallystick.app import prove
from tallystick.core import canonical


@functools.cache
def s1() -> S1:
    """Return the story, played to its end, on two nodes that hold the same."""
    folder = Path(tempfile.mkdtemp(prefix="tallystick-evidence-"))
    story = S1(paired(folder, stores={"JP": "memory:", "IN": "memory:"}))
    story.play()
    story.director.exchange()
    return story


@functools.cache
def s1_evidence(party: str = "JP", *, whole: bool = False) -> bytes:
    story = s1()
    return prove.prove(story.director.desk(party), story.refs["request"], whole=whole)


def changed(data: bytes, change: Callable[[Any], Any]) -> bytes:
    """Return the file after ``change`` has worked on what it decodes to; written canonically again."""
    value = canonical.decode(data)
    change(value)
    return canonical.encode(value)


def log_of(value: Any, log: int) -> Any:
    return next(row for row in value[3] if row[0] == log)


def leaf_of(value: Any, log: int, index: int) -> Any:
    return next(row for row in log_of(value, log)[2] if row[0] == index)
