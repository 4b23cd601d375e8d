"""Every page, as everybody must be able to use it: wide by day and narrow by night, and without JavaScript.

The pages are found by following links. Forms that only an officer with the right order before them sees are in
``FORMS``; those of scenario S1 are looked at in ``test_journey``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from playwright.sync_api import Page
from tests.browser.stage import Stage, hindrances, too_wide
from tests.needs import needs_chromium

pytestmark = [pytest.mark.browser, needs_chromium]

# Where the walk begins. The administrator and the requester see what others do not.
WALKS = (
    ("IN", "", ("/sign-in/",)),
    ("IN", "patel", ("/", "/pier/", "/alarms/", "/findings/", "/findings/?weight=info", "/confirm/", "/api/tokens/")),
    ("JP", "admin", ("/", "/people/", "/people/warrants/", "/partner/", "/erasures/")),
    ("JP", "sato", ("/orders/new/",)),
    ("IN", "nair", ("/prices/",)),
)
# An order in each standing, and a form that its page leads to.
FORMS = (
    ("JP", "abe", "JPIN/IN/2026/0014", "offer"),
    ("JP", "abe", "JPIN/IN/2026/0014", "decline"),
    ("IN", "singh", "JPIN/IN/2026/0013", "amendment"),
    ("IN", "singh", "JPIN/IN/2026/0004", "resolution"),
    ("IN", "bose", "JPIN/IN/2026/0011", "discrepancy"),
    ("IN", "iyer", "JPIN/JP/2026/0004", "credit-note"),
    ("IN", "das", "JPIN/IN/2026/0010", "receipt"),
    ("JP", "ono", "JPIN/IN/2026/0010", "correction"),
)
# Pages' addresses end with a stroke; these take only what is sent to them.
TAKERS = {
    "sign-out", "theme", "passkey-remove", "passkey-add-begin", "passkey-add-finish", "passkey-prove-begin",
    "passkey-prove-finish", "order-private", "agreement-choose",
}  # fmt: skip
ELSEWHERE = {
    "link": "signs in once, before every journey",
    "act": "FORMS and test_journey",
    "pier-act": "test_journey",
    "pier-done": "test_journey",
    "partner-confirm": "wants a stranger who knocks",
    "erase-confirm": "wants a partner's wish: tests/web/test_erasure.py",
}


@dataclass
class Look:
    """What was looked at, and what was found there."""

    stage: Stage
    seen: dict[str, str] = field(default_factory=dict)  # kind of page -> path
    found: list[str] = field(default_factory=list)

    def at(self, page: Page, bare: Page, path: str) -> list[str]:
        """Look at one page in both sizes, both themes, with and without JavaScript. Returns where it leads."""
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light")
        page.goto(path)
        self.found += [*hindrances(page), *too_wide(page)]
        page.set_viewport_size({"width": 320, "height": 640})
        page.emulate_media(color_scheme="dark")
        self.found += [*hindrances(page), *too_wide(page)]
        bare.goto(path)
        if are_apart(page, bare):
            self.found.append(f"{path} says something else without JavaScript")
        return list(links_of(page))


def said(page: Page) -> list[str]:
    """Return what the page says, but for the buttons that copy: a comfort of JavaScript."""
    return [line for line in page.locator("main").inner_text().splitlines() if line != "Copy the whole of it"]


def are_apart(page: Page, bare: Page) -> bool:
    """Whether two windows say different things, also when loaded again: a minute or a visit may lie between them."""
    for _ in range(3):
        if said(page) == said(bare):
            return False
        page.reload()
        bare.reload()
    return True


def kind_of(path: str) -> str:
    """Return the name of the address, and for an act which one."""
    match = resolve(path.partition("?")[0])
    return f"{match.url_name} {match.kwargs['kind']}" if match.url_name == "act" else str(match.url_name)


def links_of(page: Page) -> Iterator[str]:
    for href in page.eval_on_selector_all("a[href^='/']", "links => links.map(link => link.getAttribute('href'))"):
        path = href.partition("#")[0]
        if path.partition("?")[0].endswith("/"):
            yield path


def pages_of(patterns: Iterable[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    """Return the names of our pages' addresses."""
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from pages_of(pattern.url_patterns, path)
        elif path.endswith("/") and not path.startswith("api/v1"):
            yield str(pattern.name)


def erase_form_of(stage: Stage) -> str:
    """Return the address of the form that erases what the first order's request says."""
    page = stage.page("JP", "admin")
    page.goto("/orders/")
    request = page.eval_on_selector("a[href^='/orders/'][href*='.']", "link => link.getAttribute('href')")
    stage.close()
    return f"/erasures/{request.strip('/').partition('/')[2]}/"


def test_every_page_hinders_nobody(stage):
    look = Look(stage)
    for party, login, begin in (*WALKS, ("JP", "admin", (erase_form_of(stage),))):
        page, bare = stage.page(party, login), stage.page(party, login, javascript=False, width=320)
        todo, asked = list(begin), set(begin)
        while todo:
            path = todo.pop(0)
            kind = kind_of(path)
            if kind not in look.seen or path in asked:
                asked.discard(path)
                look.seen[kind] = path
                todo += look.at(page, bare, path)
        stage.close()
    missed = {*pages_of(get_resolver().url_patterns)} - {*look.seen, *TAKERS, *ELSEWHERE}
    assert look.found == []
    assert missed == set()


def test_orders_in_every_standing_and_their_forms_hinder_nobody(stage):
    look = Look(stage)
    for (party, login), forms in groupby(FORMS, key=itemgetter(0, 1)):
        page, bare = stage.page(party, login), stage.page(party, login, javascript=False, width=320)
        for _party, _login, number, kind in forms:
            page.goto(f"/orders/?q={number}")
            order = page.get_by_role("link", name=number).get_attribute("href")
            links = look.at(page, bare, order)
            path = next((link for link in links if f"/{kind}/" in link), None)
            assert path, f"{number} does not lead {login} to {kind}: {links}"
            look.at(page, bare, path)
        stage.close()
    assert look.found == []
