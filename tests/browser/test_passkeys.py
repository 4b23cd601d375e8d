"""Passkeys in a real browser, with the authenticator that Chromium brings for tests."""

import re

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from tests.needs import chromium, needs_chromium

from tallystick.web.people import service

pytestmark = [
    pytest.mark.browser,
    needs_chromium,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.web.test_signin"),
]


def give_authenticator(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_a_passkey_is_made_after_a_link_signs_in_and_confirms(live_server, make_person, monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop runs in this thread, Django in another
    address = live_server.url + service.invite(make_person("mori", password=None))
    told = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        page.on(
            "console", lambda message: "404" in message.text or told.append(message.text)
        )  # no icon for a bare text
        page.on("pageerror", lambda error: told.append(str(error)))
        give_authenticator(page)

        page.goto(address)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(re.compile("/welcome/$"))
        page.get_by_role("button", name="Make a passkey").click()
        expect(page.get_by_text("home of mori")).to_be_visible()

        page.goto(f"{live_server.url}/me/")
        expect(page.get_by_role("status").first).to_contain_text("The passkey is kept")
        page.locator(".menu summary").click()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_text("home of mori")).to_be_visible()

        page.goto(f"{live_server.url}/confirm/?next=/me/")
        page.get_by_role("button", name="Confirm with a passkey").click()
        expect(page).to_have_url(f"{live_server.url}/me/")  # whole: the page that asks names it at its end, too
        browser.close()
    assert [line for line in told if "Clear-Site-Data" not in line] == []  # nothing refused by the content policy
