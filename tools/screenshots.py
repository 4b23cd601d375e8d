"""Pictures of the pages, as the demo shows them: ``python -m tools.screenshots FOLDER [NAME …]``.

Builds a demo beside the pictures, looks at it in Chromium and removes it. The README's are made with
``python -m tools.screenshots docs/images order home pier``.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page
from tests.browser import stage as staging
from tests.browser.stage import PHONE, Stage


@dataclass(frozen=True)
class Shot:
    """One picture: whose window, how large, and how to get there."""

    party: str
    login: str
    go: Callable[[Page], object]
    width: int = 1280
    height: int = 960
    scale: int = 1


def order(number: str) -> Callable[[Page], object]:
    def go(page: Page) -> None:
        page.goto(f"/orders/?q={number}")
        page.get_by_role("link", name=number).click()

    return go


def count_on_the_pier(page: Page) -> None:
    page.goto("/pier/")
    page.get_by_role("link").filter(has_text="JS Natsuzora").first.click()
    page.get_by_role("checkbox", name="Potable water").check()
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")


SHOTS = {
    "home": Shot("IN", "patel", lambda page: page.goto("/")),
    "order": Shot("IN", "nair", order("JPIN/JP/2026/0001"), height=1100),
    "orders": Shot("JP", "tanaka", lambda page: page.goto("/orders/")),
    "pier": Shot("IN", "patel", count_on_the_pier, **PHONE, scale=2),
    "ledger": Shot("JP", "endo", lambda page: page.goto("/ledger/")),
}


def take(stage: Stage, name: str, folder: Path) -> Path:
    """Take the picture called ``name``, which ends in ``-dark`` for the night's."""
    shot = SHOTS[name.removesuffix("-dark")]
    theme = "dark" if name.endswith("-dark") else "light"
    page = stage.page(
        shot.party, shot.login, width=shot.width, height=shot.height, theme=theme, scale=shot.scale
    )  # fmt: skip
    shot.go(page)
    page.wait_for_load_state("networkidle")
    file = folder / f"{name}.png"
    page.screenshot(path=file)
    page.context.close()
    return file


def main(arguments: list[str]) -> int:
    known = [*SHOTS, *(f"{name}-dark" for name in SHOTS)]
    if not arguments or not {*arguments[1:]} <= {*known}:
        print(f"python -m tools.screenshots FOLDER [NAME …]; names: {', '.join(known)}", file=sys.stderr)
        return 64
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        demo = staging.build(Path(scratch) / "demo")
        with staging.nodes(demo) as nodes, staging.browser() as browser, staging.opened(browser, nodes) as stage:
            for name in arguments[1:] or known:
                file = take(stage, name, folder)
                print(f"{file}: {file.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
