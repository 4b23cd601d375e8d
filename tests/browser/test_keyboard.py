"""Without a mouse: Tab, Enter, space and typing only. Where the keyboard is must always be seen."""

import re

import pytest
from playwright.sync_api import Page, expect
from tests.browser.stage import hindrances, too_wide
from tests.needs import needs_chromium

pytestmark = [pytest.mark.browser, needs_chromium]

TABS_MAX = 80
# What has the focus: its name as it is read out, whether its ring is drawn, and whether it is in sight.
FOCUS = """() => {
  const here = document.activeElement, style = getComputedStyle(here), box = here.getBoundingClientRect();
  const words = here.ariaLabel || (here.labels && [...here.labels].map(l => l.innerText).join(" ")) || here.innerText;
  return {
    name: (words || "").replace(/\\s+/g, " ").trim(), tag: here.tagName,
    ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    inSight: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}"""


class Keyboard:
    """A page, and the keys one presses in it."""

    def __init__(self, page: Page):
        self.page = page

    def tab_to(self, name: str) -> None:
        """Press Tab until the focus is on what is called ``name``; each stop on the way must be seen."""
        passed = []
        for _ in range(TABS_MAX):
            self.page.keyboard.press("Tab")
            here = self.page.evaluate(FOCUS)
            passed.append(here["name"])
            if here["tag"] == "BODY":
                continue
            assert here["ring"], f"{here} has the focus, and nothing shows it"
            assert here["inSight"], f"{here} has the focus out of sight"
            if re.match(name, here["name"]):
                return
        raise AssertionError(f"no {name!r} among {passed}")

    def fill(self, name: str, text: str) -> None:
        self.tab_to(name)
        self.page.keyboard.type(text)

    def press(self, name: str, key: str = "Enter") -> None:
        """Go to a link or button and press it; wait for the page it leads to."""
        self.tab_to(name)
        with self.page.expect_navigation():
            self.page.keyboard.press(key)

    def focus(self) -> str:
        return self.page.evaluate(FOCUS)["name"]


def test_a_request_is_signed_without_a_mouse(stage):
    page = stage.page("JP", "sato")
    keys = Keyboard(page)
    page.goto("/")
    keys.press("Orders")
    keys.tab_to("Skip to the page")
    page.keyboard.press("Enter")
    keys.press("Ask for support")

    keys.tab_to("Exercises and training")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    keys.fill("Where", "INVTZ")
    keys.fill("Who receives it", "JS Minatsuki")
    keys.fill("Needed from", "14042027")
    keys.fill("Needed until", "16042027")
    keys.press("Go on to what is needed")
    keys.fill("Category", "Water")
    keys.fill("Item", "Potable water")
    keys.fill("Quantity", "150")
    keys.fill("Unit", "tonne")
    keys.tab_to("Add a line")
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Line 2")).to_be_focused()
    keys.fill("Category", "Food")
    keys.fill("Item", "Fresh provisions")
    keys.fill("Quantity", "900")
    keys.fill("Unit", "kilogram")
    assert hindrances(page) == []
    keys.press("Show what will be signed")
    expect(page.locator("main")).to_contain_text("150 t")
    expect(page.locator("main")).to_contain_text("900 kg")
    assert [*hindrances(page), *too_wide(page)] == []
    keys.press("Sign: Ask for support")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Requested")
    expect(page.get_by_role("status").first).to_contain_text("is signed")


def test_a_mistake_is_found_and_put_right_without_a_mouse(stage):
    page = stage.page("JP", "sato")
    keys = Keyboard(page)
    page.goto("/orders/new/")
    keys.fill("Where", "INVTZ")
    keys.press("Go on to what is needed")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Nothing you typed is lost")
    expect(alert).to_be_focused()
    expect(page.get_by_label("Where?")).to_have_value("INVTZ")
    unit = page.get_by_label("Who receives it?")
    expect(unit).to_have_attribute("aria-invalid", "true")
    assert page.locator(f"#{unit.get_attribute('aria-describedby').split()[-1]}").inner_text()
    assert hindrances(page) == []


def test_a_list_is_searched_and_the_focus_goes_to_what_changed(stage):
    page = stage.page("IN", "audit")
    keys = Keyboard(page)
    page.goto("/orders/")
    keys.fill("Number, unit or item", "Natsuzora")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("q=Natsuzora"))
    expect(page.get_by_text(re.compile(r"\d+ orders? match these filters"))).to_be_focused()
    expect(page.locator("tbody tr")).to_have_count(3)
    keys.tab_to("Tokyo|New Delhi|Show all")


def test_a_menu_opens_and_closes_with_keys(stage):
    page = stage.page("IN", "khan")
    keys = Keyboard(page)
    page.goto("/ledger/")
    keys.tab_to("Khan Sameer")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    assert keys.focus() == "Khan Sameer"
    keys.tab_to("Khan Sameer|Balances|Skip")
