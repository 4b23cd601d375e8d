"""A demo to look at in a browser: both nodes served on ports of their own, and officers who are signed in.

For the journeys in this folder and for ``tools/screenshots.py``.
"""

from __future__ import annotations

import functools
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, sync_playwright
from tests.needs import chromium

from tallystick.app import settings
from tallystick.cli.demo import run
from tallystick.stores.node import open_node

PATIENCE_MS = 20_000  # a busy machine answers later, never differently
EXCHANGE_SECONDS = 90  # a visit that found a partner too busy is made again after 5, 10 and 20 seconds
PHONE = {"width": 390, "height": 844}
AXE = Path(__file__).parent / "vendor" / "axe.min.js"


def free_ports() -> Mapping[str, int]:
    """Return a port for each node that nobody listens on; both are held until both are known, so that they differ."""
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        return {"JP": one.getsockname()[1], "IN": other.getsockname()[1]}


def build(folder: Path) -> Path:
    """Build a demo for free ports, and return its folder."""
    run.build(folder, lambda _text: None, ports=free_ports())
    return folder


def copy(built: Path, folder: Path) -> Path:
    """Copy a demo that was never served, to play in it."""
    shutil.copytree(built, folder)
    return folder


def pull_the_network(folder: Path) -> Path:
    """Take from both nodes of a demo the address of the partner, and give them other ones: only couriers are left."""
    for party, port in free_ports().items():
        node = open_node(folder / party.lower())
        for peer in node.store.peers():
            node.store.put_peer(replace(peer, url=""))
        node.store.close()
        settings.save(replace(node.settings, listen=f"127.0.0.1:{port}"))
    return folder


@dataclass(frozen=True)
class Nodes:
    """Both nodes of a demo, running. ``sessions`` keeps who has signed in, because a link serves once."""

    urls: Mapping[str, str]
    links: Mapping[tuple[str, str], str]
    sessions: dict[tuple[str, str], Any] = field(default_factory=dict)


@contextmanager
def nodes(folder: Path) -> Iterator[Nodes]:
    """Serve the demo in ``folder`` until left."""
    links = {(link.party, link.login): link.url for link in run.enrol(folder, everybody=True)}
    with run.serving(folder):
        yield Nodes({party: url.partition("/link/")[0] for (party, _), url in links.items()}, links)


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium without a window."""
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@dataclass
class Stage:
    """Windows on running nodes. ``told`` is what pages complained about: errors of scripts, policy and server."""

    browser: Browser
    nodes: Nodes
    told: list[str] = field(default_factory=list)
    _contexts: list[BrowserContext] = field(default_factory=list)

    def page(
        self, party: str, login: str = "", *, width: int = 1280, height: int = 900, theme: str = "light",
        javascript: bool = True, scale: int = 1,
    ) -> Page:  # fmt: skip
        """Return a window of its own in which ``login``, if given, is signed in."""
        context = self.browser.new_context(
            base_url=self.nodes.urls[party],
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            java_script_enabled=javascript,
            device_scale_factor=scale,
            reduced_motion="reduce",
            locale="en-GB",
            storage_state=self._session(party, login) if login else None,
        )
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.told.append(f"{page.url}: {error}"))
        page.on("response", self._note_response)
        return page

    def _session(self, party: str, login: str) -> Any:
        """Sign in by the one-time link; later windows of the officer get the same session."""
        sessions = self.nodes.sessions
        if (party, login) not in sessions:
            context = self.browser.new_context()
            page = context.new_page()
            page.goto(self.nodes.links[party, login])
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url("**/welcome/")
            sessions[party, login] = context.storage_state()
            context.close()
        return sessions[party, login]

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "status of 4" not in message.text:
            self.told.append(f"{message.location.get('url')}: {message.text}")

    def _note_response(self, response: Response) -> None:
        if response.status >= 400 and response.status != 422:  # 422: a form that came back with what is wrong in it
            self.told.append(f"{response.url}: {response.status}")

    def keep(self, folder: Path) -> Iterator[str]:
        """Save what each window shows, and say where."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, page in enumerate((page for context in self._contexts for page in context.pages), 1):
            file = folder / f"{number}.png"
            page.screenshot(path=file, full_page=True)
            yield f"{page.url}: {file}"

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        self._contexts.clear()


@contextmanager
def opened(started: Browser, running: Nodes) -> Iterator[Stage]:
    """Open windows until left; fail then if any page complained."""
    stage = Stage(started, running)
    yield stage
    stage.close()
    assert stage.told == []


@functools.cache
def _axe() -> str:
    return AXE.read_text(encoding="utf-8")


def hindrances(page: Page) -> list[str]:
    """Return what axe finds that hinders people on the page once it is there whole: the rule, how bad, and where."""
    page.wait_for_load_state()
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe())
    found = page.evaluate("""
        () => axe.run({resultTypes: ["violations"]}).then(result => result.violations.flatMap(rule =>
          rule.nodes.map(node => `${rule.id} (${rule.impact}): ${node.target.join(" ")} ${node.html.slice(0, 160)}`)))
    """)
    return [f"{page.url} at {page.viewport_size['width']}: {line}" for line in found]  # type: ignore[index]


def too_wide(page: Page) -> list[str]:
    """Return what sticks out to the right, when the page scrolls sideways."""
    return page.evaluate("""
        () => document.documentElement.scrollWidth <= innerWidth ? [] : [location.pathname, ...[
          ...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
          .slice(0, 8).map(e => `${e.tagName} ${e.className}`)]
    """)


def until(page: Page, ready: Callable[[], bool], what: str) -> None:
    """Load the page again until it is ``ready``, as an officer who waits for the partner would.

    Each round takes as long as a page load, so that nothing sleeps.
    """
    ends = time.monotonic() + EXCHANGE_SECONDS
    while time.monotonic() < ends:
        if ready():
            return
        page.reload()
    raise AssertionError(f"waited in vain until {what}, at {page.url}")
