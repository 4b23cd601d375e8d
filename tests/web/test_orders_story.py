"""Scenario S1 of docs/spec/ledger.md through the pages alone, on both nodes, to the paisa."""

from tests.nodes import in_step
from tests.story.s1 import ITEMS
from tests.web.conftest import form_on, text_of

from tallystick.core.entries import Kind
from tallystick.core.orders import OrderState


class Story:
    """Who does what, by posting forms."""

    def __init__(self, stage):
        self.stage = stage
        self.director = stage.director
        self.order_id = None

    def on(self, day, hour=4):
        self.director.on(day, hour)

    def act(self, party, login, kind, on, **said):
        self.director.exchange()
        self.director.clock.instant += 7 * 60
        path = self.stage.act_path(self.order_id, kind, on)
        return self.stage.browser(party, login).act(path, **said)

    @property
    def view(self):
        self.director.exchange()
        return self.stage.order("JP", self.order_id)

    def request(self):
        sato = self.stage.browser("JP", "sato")
        path = "/orders/new/"
        page = sato.get(path)
        values = form_on(page, "lines") | {
            "situation": "a", "place": "invtz", "need_from": "2027-02-18", "need_to": "2027-02-21",
            "receiving_unit": "JS Natsuzora", "serial": "7", "fiscal_year": "2026",
        }  # fmt: skip
        page = sato.post(path, values | {"do": "lines"})
        for _ in ITEMS[1:]:
            page = sato.post(path, form_on(page, "add") | {"do": "add"})
        values = form_on(page, "preview")
        for number, (category, item, unit, quantity, _price, tolerance) in enumerate(ITEMS, 1):
            values |= {
                f"category-{number}": category, f"item-{number}": item, f"unit-{number}": unit,
                f"quantity-{number}": quantity, f"tolerance-{number}": f"{tolerance / 10:g}" if tolerance else "",
            }  # fmt: skip
        page = sato.post(path, values | {"do": "preview"})
        response = sato.sign(page, path)
        assert response.status_code == 302, text_of(response)
        (self.order_id,) = self.director.desk("JP").record.orders

    def offer(self):
        prices = {f"price_{n}": price for n, (*_, price, _t) in enumerate(ITEMS, 1)}
        self.act("IN", "nair", Kind.OFFER, self.order_id, valid_until="2027-02-19", **prices)

    def deliver(self, day, lines, *, refused=None, hour=4):
        self.on(day, hour)
        given = {}
        for line, quantity in lines.items():
            given[f"give_{line}"] = "on"
            if line == 1:
                given |= {"litres_1": quantity, "temperature_1": "31.0", "density_1": "845.0"}
            else:
                given[f"quantity_{line}"] = quantity
        self.act("IN", "patel", Kind.DELIVERY, self.view.acceptance, occurred_on=day, offset="330", **given)
        delivery = self.view.deliveries[-1]
        counted = {}
        for line, quantity in (refused or {}).items():
            counted |= {f"refused_{line}": quantity, f"accepted_{line}": "", f"reason_{line}": "spoiled"}
        self.act("JP", "ito", Kind.RECEIPT, delivery.ref, **counted)


def test_s1_through_the_pages(stage):
    story = Story(stage)
    story.on("2027-01-11")
    story.request()
    story.on("2027-01-20")
    story.offer()
    assert story.view.agreed_value == 2429786500  # ₹24,297,865.00 before the goods are counted
    story.on("2027-01-28")
    certifier = stage.director.grants["JP", "mori"]
    story.act(
        "JP", "tanaka", Kind.ORDER, story.view.offer.ref, max_liability="25500000.00", funds_certifier=str(certifier),
        bill_to="Fleet accounts, Yokosuka", fund_citation="JSDF-2026-0441",
    )  # fmt: skip
    story.on("2027-01-29")
    story.act("IN", "nair", Kind.ACCEPTANCE, story.view.order, pay_to="PCDA (Navy), Mumbai")

    story.deliver("2027-02-18", {2: "320", 3: "1"})
    story.deliver("2027-02-19", {4: "31200", 6: "1000"})
    story.deliver("2027-02-20", {1: "286500"})
    story.deliver("2027-02-20", {6: "850"}, refused={6: "60"}, hour=8)
    story.deliver("2027-02-21", {3: "1", 4: "31200", 5: "18"})
    receipt = story.view.deliveries[3].receipt

    story.on("2027-02-24")
    story.act("IN", "nair", Kind.RESOLUTION, receipt, line="6", outcome="no-charge")
    story.act("JP", "tanaka", Kind.COUNTERSIGN, story.view.proposals[-1].ref)
    assert [line.accrued for line in story.view.lines] == [
        2329011280, 5920000, 29700000, 61464000, 7650000, 17273500,
    ]  # fmt: skip

    story.on("2027-03-12")
    fuel = [str(story.view.deliveries[2].receipt)]
    cash = [str(story.view.deliveries[n].receipt) for n in (0, 1, 3, 4)]
    blank = {f"amount_{n}": "" for n in range(2, 7)}
    story.act(
        "IN", "iyer", Kind.INVOICE, story.view.acceptance, number="IN-2026-0041", issued_on="2027-03-12",
        receipts=fuel, **blank,
    )  # fmt: skip
    story.act(
        "IN", "iyer", Kind.INVOICE, story.view.acceptance, number="IN-2026-0042", issued_on="2027-03-12", receipts=cash
    )
    fuel_invoice, cash_invoice = story.view.invoices
    assert (fuel_invoice.total, cash_invoice.total) == (2329011280, 122007500)

    story.on("2027-04-20")
    story.act("JP", "kimura", Kind.INVOICE_ACCEPTED, fuel_invoice.ref)
    story.act("JP", "kimura", Kind.INVOICE_ACCEPTED, cash_invoice.ref)
    story.on("2027-04-28")
    story.act("JP", "kimura", Kind.PAYMENT_ADVICE, fuel_invoice.ref)
    story.act("JP", "kimura", Kind.PAYMENT_ADVICE, cash_invoice.ref)
    story.on("2027-04-30")
    story.act("IN", "iyer", Kind.FUNDS_RECEIVED, fuel_invoice.ref)
    story.act("IN", "iyer", Kind.FUNDS_RECEIVED, cash_invoice.ref, amount="1218425.00", charges="1650.00")
    assert story.view.invoices[1].open_amount == 165000
    page = stage.browser("IN", "iyer").get(f"/orders/{story.order_id}/")
    assert "₹1,650.00 still open: the bank kept it back." in text_of(page)
    story.on("2027-05-04")
    story.act("JP", "kimura", Kind.PAYMENT_ADVICE, cash_invoice.ref)
    story.on("2027-05-06")
    story.act("IN", "iyer", Kind.FUNDS_RECEIVED, cash_invoice.ref)
    assert story.view.state is OrderState.SETTLED
    story.act("IN", "khan", Kind.CLOSE, story.view.acceptance)
    story.act("JP", "endo", Kind.CLOSE, story.view.acceptance)

    assert story.view.state is OrderState.CLOSED
    assert in_step(story.director)
    books = story.director.desk("IN").record.ledger
    assert dict(books.balance("IN:cash")) == {"INR": 2329011280 + 122007500}
