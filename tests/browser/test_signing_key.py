"""An officer's key that a passkey opens, in a real browser: sealed by the authenticator, and opened for one order."""

import re

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from tests import nodes
from tests.cast import terms_with
from tests.needs import chromium, needs_chromium

from tallystick.app import pairing, warrants, write
from tallystick.cli.demo.cast import CAST
from tallystick.core import cose
from tallystick.core.agreement import OfficerSigns
from tallystick.core.entries import Kind
from tallystick.core.identity import EntryRef
from tallystick.web import record
from tallystick.web.people import service
from tallystick.web.people.models import SigningKey

pytestmark = [pytest.mark.browser, needs_chromium, pytest.mark.django_db(transaction=True)]

WORDS = "four words on paper"


@pytest.fixture
def director(tmp_path, monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop runs in this thread, Django in another
    monkeypatch.setattr(pairing, "PROFILES", {"JPIN": terms_with(officer_signs=OfficerSigns.ALWAYS)})
    director = nodes.paired(tmp_path)
    before = record.set_node(director.nodes["JP"])
    yield director
    record.set_node(before)
    for node in director.nodes.values():
        node.store.close()


def give_authenticator(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options |= {"ctap2Version": "ctap2_1", "hasPrf": True, "isUserVerified": True, "automaticPresenceSimulation": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def offer_path(director) -> tuple[str, EntryRef]:
    offer = nodes.offered(director)
    director.exchange()
    (order_id,) = director.desk("JP").record.orders
    return f"/orders/{order_id}/order/{offer}/", order_id


def test_a_passkey_opens_the_key_for_one_order(director, live_server, make_person):
    desk = director.desk("JP")
    tanaka = make_person("tanaka", password=None)
    member = next(m for m in CAST if m.login == "tanaka")
    grant = director.grants["JP", "tanaka"]
    service.appoint(tanaka, space=desk.id, grant=grant, post=member.post, duties=member.duties)
    path, order_id = offer_path(director)
    told = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        give_authenticator(page)
        page.goto(live_server.url + service.invite(tanaka))
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Make a passkey").click()
        expect(page).to_have_url(f"{live_server.url}/")

        page.goto(f"{live_server.url}/me/signing-key/")
        page.get_by_label("Passphrase", exact=True).fill(WORDS)
        page.get_by_label("The same again").fill(WORDS)
        page.get_by_role("button", name="Make the key").click()
        expect(page.get_by_role("status").first).to_contain_text("Your signing key is made")
        page.locator("#prf-old").fill(WORDS)
        page.get_by_role("button", name="Let a passkey open it").click()
        expect(page.get_by_role("status").first).to_contain_text("The passkey opens your signing key")

        key = bytes(SigningKey.objects.get().public)
        new = write.sign(desk, warrants.rotation(desk, grant, key)).ref.index
        service.carry_over(desk.id, grant, new)

        page.goto(live_server.url + path)
        page.get_by_label(re.compile("Funds certifi")).select_option(str(director.grants["JP", "mori"]))
        page.get_by_label(re.compile("Bill")).fill("Fleet accounts")
        page.get_by_role("button", name="Show what will be signed").click()
        page.get_by_role("button", name="Sign with a passkey instead").click()
        expect(page).to_have_url(f"{live_server.url}/orders/{order_id}/")  # the form's own address goes on behind this
        expect(page.get_by_role("status").first).to_contain_text("The order is signed")
        browser.close()

    entry = desk.space.entry(desk.record.orders[order_id].order)
    assert entry.kind == Kind.ORDER
    assert cose.verify(key, cose.payload(desk.id, entry), entry.auth)
    assert [line for line in told if "404" not in line and "Clear-Site-Data" not in line] == []
