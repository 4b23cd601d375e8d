"""Scenario S1 of docs/spec/ledger.md by the cast in browsers on both nodes, from the day before the ship arrives.

What the demo has played before: request, offer, order and acceptance of JPIN/JP/2026/0007.
"""

import datetime as dt
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.browser.stage import PHONE, Stage, hindrances, too_wide, until
from tests.needs import needs_chromium

pytestmark = [pytest.mark.browser, needs_chromium]

NUMBER = "JPIN/JP/2026/0007"
OWED = ("₹2,32,90,112.80", "₹59,200.00", "₹2,97,000.00", "₹6,14,640.00", "₹76,500.00", "₹1,72,735.00")
FUEL = "High-flash diesel, F-76 equal"
PREVIEW = "Show what will be signed"


@dataclass
class Journey:
    """Officers at their own windows. ``seen`` holds the kinds of page that axe has read, each once."""

    stage: Stage
    network: bool = True
    windows: dict[tuple[str, str], Page] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    digest: str = ""  # of the record, as both nodes showed it last

    def at(self, party: str, login: str, *, phone: bool = False) -> Page:
        """Return the officer's window; Japan's nights are dark, India's pages light."""
        if (party, login) not in self.windows:
            size = PHONE if phone else {"width": 1280, "height": 900}
            theme = "dark" if party == "JP" else "light"
            self.windows[party, login] = self.stage.page(party, login, theme=theme, **size)
        return self.windows[party, login]

    def without_scripts(self, party: str, login: str) -> None:
        """Give the officer a window in which JavaScript is off."""
        self.windows[party, login] = self.stage.page(party, login, javascript=False, **PHONE)

    def look(self, page: Page, kind: str) -> None:
        """Hold the page to the rules for everybody, once for each kind of page."""
        if kind not in self.seen:
            self.seen.add(kind)
            assert hindrances(page) == []
            assert too_wide(page) == []

    def on(self, day: str) -> None:
        """Move the demo's day with the clock in the header."""
        page = self.at("IN", "patel", phone=True)
        page.goto("/pier/")
        page.locator(".demo-clock summary").click()
        page.get_by_label("Go to day").fill(day)
        page.get_by_role("button", name="Go", exact=True).click()
        shown = dt.date.fromisoformat(day).strftime("%-d %b %Y")
        expect(page.get_by_role("status").first).to_contain_text(f"It is {shown} now")

    def order(self, party: str, login: str) -> Page:
        """Open the order as an officer does: from the list."""
        page = self.at(party, login)
        page.goto(f"/orders/?q={NUMBER}")
        page.get_by_role("link", name=NUMBER).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(NUMBER)
        return page

    def begin(self, party: str, login: str, act: str, about: str = "") -> Page:
        """Open the form of an act from the order's page, as soon as the page offers it to this officer."""
        page = self.order(party, login)
        link = page.locator(".card.next a").filter(has_text=re.compile(rf"^\s*{act}.*{about}")).first
        until(page, lambda: link.count() > 0, f"{act!r} is open to {login}")
        if not link.is_visible():
            page.get_by_text("What else you can do").click()
        with page.expect_navigation():
            link.click()
        return page

    def sign(self, page: Page, kind: str, *shown: str) -> None:
        """From the filled form: read what will be signed, which must show all of ``shown``, and sign it."""
        self.look(page, f"{kind}, form")
        page.get_by_role("button", name=PREVIEW).last.click()
        expect(page.get_by_role("heading", name="What will be signed")).to_be_visible()
        for text in shown:
            expect(page.locator("main")).to_contain_text(text)
        self.look(page, f"{kind}, read and sign")
        form = page.url
        page.get_by_role("button", name=re.compile("^Sign")).last.click()
        page.wait_for_url(lambda url: url != form)
        self.look(page, f"{kind}, signed")
        if self.network:
            self.exchanged()

    def exchanged(self) -> None:
        """Wait until both nodes show that they hold the same, and something else than before."""
        until(self.at("IN", "patel", phone=True), self.in_step, "both nodes hold the same")
        digest, _ = self.foot("IN", "patel")
        assert re.fullmatch(r"[0-9a-f]{64}", digest), digest
        assert digest != self.digest
        self.digest = digest

    def in_step(self) -> bool:
        """Whether both nodes show the same digest, and both say that they are in step."""
        ours, theirs = self.foot("IN", "patel"), self.foot("JP", "ito")
        return ours == theirs and ours[1] == "In step"

    def foot(self, party: str, login: str) -> tuple[str, str]:
        """Return the record's digest, and whether it is in step with the partner's, from the foot of a page."""
        page = self.at(party, login, phone=True)
        page.goto("/pier/")
        foot = page.get_by_role("contentinfo")
        return foot.locator("code").first.get_attribute("title"), foot.locator(".badge").inner_text()

    # ---- acts

    def pier(self, login: str, party: str, which: str = "") -> Page:
        page = self.at(party, login, phone=True)
        page.goto("/")
        page.get_by_role("link", name="Pier", exact=True).click()
        expect(page.get_by_role("heading", name="Pier")).to_be_visible()
        self.look(page, "pier")
        card = page.get_by_role("link").filter(has_text=NUMBER)
        until(page, lambda: "→" in (card.first.inner_text() if card.count() else ""), f"{login} can count")
        card.first.click()
        if which:  # more than one delivery waits
            self.look(page, "pier, choice")
            page.get_by_role("link").filter(has_text=which).click()
        return page

    def hand_over(self, *shown: str, fuel: str = "", volume: str = "", **lines: str) -> None:
        page = self.pier("patel", "IN")
        if fuel:
            self.measure(page, fuel, volume)
        for item, quantity in lines.items():
            line = page.get_by_role("group", name=re.compile(item, re.IGNORECASE))
            line.get_by_role("checkbox").check()
            line.get_by_label(re.compile("^Hand over")).first.fill(quantity)
        self.sign(page, "delivery", *shown)

    def measure(self, page: Page, observed: str, volume: str) -> None:
        line = page.get_by_role("group", name=FUEL)
        line.get_by_role("checkbox").check()
        line.get_by_label("Volume observed").fill(observed)
        line.get_by_label("Temperature").fill("31.0")
        line.get_by_label("Density at 15 °C").fill("845.0")
        line.get_by_role("button", name="Work out the volume at 15 °C").click()
        expect(page.get_by_role("group", name=FUEL).locator("output")).to_contain_text(volume)

    def receive(self, *shown: str, which: str = "", refused: tuple[str, str, str] | None = None) -> None:
        page = self.pier("ito", "JP", which)
        if refused:
            item, accepted, quantity = refused
            line = page.get_by_role("group", name=item)
            line.get_by_label(re.compile("^Accepted")).first.fill(accepted)
            line.get_by_label(re.compile("^Refused")).first.fill(quantity)
            line.get_by_label("Why refused?").select_option(label="Spoiled")
        self.sign(page, "receipt", *shown)

    def bill(self, *items: str, total: str) -> str:
        """Send an invoice for ``items``: their receipts and amounts, nothing else. Returns its number."""
        page = self.begin("IN", "iyer", "Send an invoice")
        for receipt in page.get_by_role("group", name="Receipts billed").locator("label").all():
            receipt.get_by_role("checkbox").set_checked(any(item in receipt.inner_text() for item in items))
        for line in page.get_by_role("row").filter(has=page.get_by_role("textbox")).all():
            if not any(item in line.inner_text() for item in items):
                line.get_by_role("textbox").fill("")
        number = page.get_by_label("Invoice number").input_value()
        self.sign(page, "invoice", number, total)
        return number

    def money(self, party: str, login: str, act: str, invoice: str, *shown: str, **fields: str) -> None:
        page = self.begin(party, login, act, about=invoice)
        for label, value in fields.items():
            page.get_by_label(label.replace("_", " ")).fill(value)
        self.sign(page, act, *shown)

    def stands(self, party: str, login: str, state: str) -> Page:
        """Open the order and expect its state, on the node of ``party``."""
        page = self.order(party, login)
        expect(page.get_by_role("heading", level=1).locator(".badge").first).to_have_text(state)
        return page


GOODS = ("Potable water", "Pilot and tugs", "Shore power", "Garbage and oily waste", "Fresh provisions")
TELL, ARRIVED = "Tell of a payment", "Record funds received"


def test_a_ship_is_supplied_billed_and_paid_for(stage):
    j = Journey(stage)
    j.exchanged()

    j.on("2027-02-18")
    j.hand_over("320 t", "1 moves", water="320", pilot="1")
    j.receive("₹2,07,700.00")
    j.on("2027-02-19")
    j.hand_over("31,200 kWh", "1,000 kg", power="31200", provisions="1000")
    j.receive("₹4,03,820.00")
    j.on("2027-02-20")
    j.hand_over("150,000 L₁₅", fuel="152045", volume="150,000 L₁₅")
    j.receive("₹1,23,60,000.00")
    j.without_scripts("IN", "patel")
    j.hand_over("132,647 L₁₅", fuel="134455", volume="132,647 L₁₅")
    j.receive("₹1,09,30,112.80")
    j.hand_over("850 kg", provisions="850")
    j.receive("790 kg", "60 kg", "₹76,235.00", refused=("Fresh provisions", "790", "60"))
    j.on("2027-02-21")
    j.hand_over("18 m³", pilot="1", power="31200", garbage="18")
    j.receive("₹5,32,320.00")

    j.on("2027-02-24")
    page = j.begin("IN", "nair", "Propose a resolution")
    page.get_by_role("radio", name="No charge").check()
    j.sign(page, "resolution", "60 kg")
    j.sign(j.begin("JP", "tanaka", "Countersign"), "countersignature", "no charge")
    page = j.stands("JP", "tanaka", "Fulfilled")
    for line, owed in zip((FUEL, *GOODS), OWED, strict=True):
        expect(page.get_by_role("row").filter(has_text=line).first).to_contain_text(owed)
    j.look(page, "order")

    j.on("2027-03-12")
    fuel = j.bill(FUEL, total="₹2,32,90,112.80")
    goods = j.bill(*GOODS, total="₹12,20,075.00")
    j.on("2027-04-20")
    for invoice in (fuel, goods):
        j.money("JP", "kimura", "Accept the invoice", invoice)
    j.on("2027-04-28")
    j.money("JP", "kimura", TELL, fuel, "₹2,32,90,112.80")
    j.money("JP", "kimura", TELL, goods, "₹12,20,075.00")
    j.on("2027-04-30")
    j.money("IN", "iyer", ARRIVED, fuel, "₹2,32,90,112.80")
    j.money(
        "IN", "iyer", ARRIVED, goods, "₹12,18,425.00", "₹1,650.00",
        Amount_that_arrived="1218425.00", Bank_charges_kept_back="1650.00",
    )  # fmt: skip
    expect(j.order("JP", "kimura").locator("main")).to_contain_text("₹1,650.00 still open: the bank kept it back.")
    j.on("2027-05-04")
    j.money("JP", "kimura", TELL, goods, "₹1,650.00")
    j.on("2027-05-06")
    j.money("IN", "iyer", ARRIVED, goods, "₹1,650.00")
    j.stands("IN", "iyer", "Settled")
    j.sign(j.begin("IN", "khan", "Sign the close"), "close")
    j.sign(j.begin("JP", "endo", "Sign the close"), "close")

    for party, login in (("IN", "khan"), ("JP", "endo")):
        page = j.stands(party, login, "Closed")
        for fact, amount in (("Owed", "₹2,45,10,187.80"), ("Settled", "₹2,45,10,187.80"), ("Open", "₹0.00")):
            row = page.locator("dl.facts > div").filter(has=page.get_by_text(fact, exact=True))
            expect(row.first).to_contain_text(amount)


@dataclass
class Courier:
    """Carries sealed files from one partner's page to the other's."""

    journey: Journey
    folder: Path

    def take(self, party: str, login: str) -> Path:
        page = self.journey.at(party, login, phone=True)
        page.goto("/partner/")
        with page.expect_download() as news:
            page.get_by_role("button", name="Courier file with the news").click()
        self.journey.look(page, "partner")
        file = self.folder / f"{party}-{len(list(self.folder.iterdir()))}"
        news.value.save_as(file)
        return file

    def bring(self, party: str, login: str, file: Path, told: str) -> None:
        page = self.journey.at(party, login, phone=True)
        page.goto("/partner/")
        page.get_by_label("Courier file", exact=True).set_input_files(file)
        page.get_by_role("button", name="Read it in").click()
        expect(page.get_by_role("status").first).to_contain_text(told)


def test_couriers_carry_the_same_record_late_twice_and_out_of_order(stage_apart, tmp_path):
    j = Journey(stage_apart, network=False)
    (tmp_path / "bag").mkdir()
    courier = Courier(j, tmp_path / "bag")
    j.on("2027-02-18")
    j.hand_over("320 t", water="320")
    first = courier.take("IN", "patel")
    j.hand_over("1,850 kg", provisions="1850")
    second = courier.take("IN", "patel")
    assert not j.in_step()

    courier.bring("JP", "ito", second, "3 new entries are in the record.")
    courier.bring("JP", "ito", first, "Everything in it was here already.")
    courier.bring("JP", "ito", second, "Everything in it was here already.")
    j.receive("320 t", which="320 t Potable water")
    j.receive("1,790 kg", "60 kg", refused=("Fresh provisions", "1790", "60"))
    counted = courier.take("JP", "ito")
    courier.bring("IN", "patel", counted, "3 new entries are in the record.")
    courier.bring("JP", "ito", courier.take("IN", "patel"), "The partner acknowledged what it holds.")
    courier.bring("IN", "patel", counted, "Everything in it was here already.")
    assert j.in_step()
    expect(j.stands("IN", "patel", "In delivery").locator("main")).to_contain_text("60 kg refused")
