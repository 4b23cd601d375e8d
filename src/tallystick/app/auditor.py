"""The auditor's page, as it ships: one static file that shares no code with the rest (docs/spec/evidence.md).

It is written by hand in ``auditor.html``; ``tools/auditor.py`` puts the wire's dictionary and its content policy in.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

FILE = "auditor.html"


@cache
def page() -> bytes:
    """Return the page, the same bytes for everybody."""
    return (Path(__file__).parent / FILE).read_bytes()


@cache
def policy() -> str:
    """Return the content policy that the page has in itself, for the header of an answer that carries it."""
    found = re.search(rb'http-equiv="Content-Security-Policy" content="([^"]*)"', page())
    assert found is not None
    return found[1].decode()
