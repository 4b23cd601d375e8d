"""Puts into src/tallystick/app/auditor.html what it cannot say itself: the wire's dictionary, and its content policy.

The page is written by hand, all of it in that one file. After a change: python -m tools.auditor. A test holds the page
to what this would write.
"""

from __future__ import annotations

import base64
import hashlib
import re
import textwrap
from pathlib import Path

SRC = Path(__file__).resolve().parent.parent / "src" / "tallystick"
PAGE = SRC / "app" / "auditor.html"
DICTIONARY = SRC / "core" / "wire.dict"

_DICTIONARY = re.compile(r'(<script type="text/plain" id="wire-dict">\n).*?(</script>)', re.DOTALL)
_POLICY = re.compile(r'(<meta http-equiv="Content-Security-Policy" content=")[^"]*(">)')


def completed(page: str) -> str:
    """Return the page with dictionary and policy as they must be."""
    packed = "\n".join(textwrap.wrap(base64.b64encode(DICTIONARY.read_bytes()).decode(), 120)) + "\n"
    page = _DICTIONARY.sub(lambda found: found[1] + packed + found[2], page)
    return _POLICY.sub(lambda found: found[1] + policy(page) + found[2], page)


def policy(page: str) -> str:
    """Return the content policy: nothing at all but this one script and this one style."""
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'; "
        "form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def main() -> None:
    PAGE.write_text(completed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
