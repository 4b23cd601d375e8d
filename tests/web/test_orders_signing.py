"""What signing shows, what it keeps, and what happens when two act at once."""

import json

import pytest
from tests import nodes
from tests.web.conftest import form_on, text_of
from tests.web.test_orders_acts import only

from tallystick.core.entries import Kind
from tallystick.core.errors import StoreUnavailableError
from tallystick.web import record
from tallystick.web.national.models import Draft, FundCitation
from tallystick.web.people import service


def receipt_path(stage):
    delivery = nodes.delivered(stage.director, nodes.agreed(stage.director))
    stage.director.exchange()
    return stage.act_path(only(stage.director).order_id, Kind.RECEIPT, delivery)


def test_the_preview_shows_the_words_the_bytes_and_both_books(stage):
    path = receipt_path(stage)
    ito = stage.browser("JP", "ito")
    page = ito.fill(path, accepted_1="90", refused_1="10", reason_1="spoiled")
    told = text_of(page)

    assert "Accepted 90 kg Fresh provisions and refused 10 kg Fresh provisions on 20 Feb 2027." in told
    assert "Supply Officer, JS Natsuzora" in told
    for account in ("JP:got", "JP:ap:unbilled:IN", "IN:ar:unbilled:JP", "IN:given"):
        assert account in told
    assert "₹8,685.00" in told
    assert "was refused" in told  # the finding both sides will be shown

    ito.sign(page, path)
    entry = stage.director.desk("JP").space.entry(only(stage.director).deliveries[0].receipt)
    assert entry.core_hash.hex() in page.content.decode()


def test_an_order_that_moved_meanwhile_is_shown_anew_and_not_signed(stage):
    on = nodes.agreed(stage.director)
    stage.director.exchange()
    order_id = only(stage.director).order_id
    path = stage.act_path(order_id, Kind.DELIVERY, on)
    patel = stage.browser("IN", "patel")
    preview = patel.fill(path, quantity_1="60")
    nodes.delivered(stage.director, on, "30")
    before = stage.director.desk("IN").record.entry_count

    page = patel.post(path, form_on(preview, "sign") | {"do": "sign"})

    assert page.status_code == 409
    assert "The order has changed since you looked" in text_of(page)
    assert "Delivery" in text_of(page)
    assert stage.director.desk("IN").record.entry_count == before
    again = patel.post(path, form_on(page, "sign") | {"do": "sign"})
    assert again.status_code == 302
    assert [d.lines[0].quantity for d in only(stage.director).deliveries] == [30000, 60000]


def test_words_changed_on_the_way_back_are_shown_before_they_are_signed(stage):
    path = receipt_path(stage)
    ito = stage.browser("JP", "ito")
    sent = form_on(ito.fill(path, accepted_1="100", refused_1="0"), "sign")

    page = ito.post(path, sent | {"accepted-1": "40", "refused-1": "60", "reason-1": "short", "do": "sign"})

    assert page.status_code == 409
    assert "Not what was shown" in text_of(page)
    assert only(stage.director).deliveries[0].receipt is None


def test_a_form_that_does_not_read_comes_back_filled_and_is_kept_as_a_draft(stage):
    path = receipt_path(stage)
    ito = stage.browser("JP", "ito")
    page = ito.fill(path, accepted_1="90", refused_1="20", reason_1="damaged")

    assert page.status_code == 422
    assert "Accepted and refused together must be the 100 kg that were delivered." in text_of(page)
    assert form_on(page, "preview")["refused-1"] == ["20"]
    assert Draft.objects.get().data["fields"]["refused-1"] == ["20"]
    assert form_on(ito.get(path), "preview")["refused-1"] == ["20"]  # it opens where one left it

    ito.act(path, accepted_1="80")
    assert not Draft.objects.exists()


def test_a_draft_can_be_kept_and_thrown_away(stage):
    path = receipt_path(stage)
    ito = stage.browser("JP", "ito")
    values = form_on(ito.get(path), "save") | {"accepted-1": "70", "do": "save"}
    assert ito.post(path, values).status_code == 302
    assert "This is your draft of" in text_of(ito.get(path))

    ito.post(path, {"do": "discard"})

    assert form_on(ito.get(path), "preview")["accepted-1"] == ["100"]


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"accepted_1": "1,5"}, "accepted-1"),
        ({"accepted_1": "90.1234"}, "accepted-1"),
        ({"accepted_1": "-5"}, "accepted-1"),
        ({"accepted_1": "9" * 39}, "accepted-1"),
        ({"accepted_1": "90", "refused_1": "10", "reason_1": ""}, "reason-1"),
        ({"accepted_1": "90", "refused_1": "10", "reason_1": "none-of-ours"}, "reason-1"),
        ({"occurred_on": "2027-02-30"}, "occurred_on"),
        ({"occurred_on": "2027-02-19"}, "occurred_on"),  # before it was delivered
        ({"occurred_on": "0001-01-01"}, "occurred_on"),
        ({"offset": "12345"}, "offset"),
    ],
)
def test_impossible_values_are_named_beside_their_field(stage, said, complaint):
    path = receipt_path(stage)
    page = stage.browser("JP", "ito").fill(path, **said)

    assert page.status_code == 422
    assert complaint in page.context["form"].errors, page.context["form"].errors
    assert f'id="f-{complaint}_error"' in page.content.decode()


def test_a_store_that_is_gone_is_told_and_the_form_comes_back_filled(stage, monkeypatch):
    path = receipt_path(stage)
    ito = stage.browser("JP", "ito")
    sent = form_on(ito.fill(path, accepted_1="90", refused_1="10", reason_1="spoiled"), "sign") | {"do": "sign"}

    def gone(_admission):
        raise StoreUnavailableError("store-full")

    monkeypatch.setattr(stage.director.nodes["JP"].store, "append", gone)
    page = ito.post(path, sent)
    monkeypatch.undo()

    assert page.status_code == 503
    assert form_on(page, "preview")["refused-1"] == ["10"]
    assert only(stage.director).deliveries[0].receipt is None
    assert ito.post(path, sent).status_code == 302


def test_one_who_has_not_confirmed_lately_is_asked_and_finds_the_form_again(stage, door_clock):
    path = receipt_path(stage)
    ito = stage.browser("JP", "ito")
    values = form_on(ito.get(path), "preview") | {"accepted-1": "70", "do": "preview"}
    door_clock.move(service.FRESH_SECONDS + 1)

    asked = ito.post(path, values, HTTP_REFERER=f"http://testserver{path}")

    assert asked.status_code == 302
    assert asked["Location"].startswith("/confirm/")
    assert Draft.objects.get().data["fields"]["accepted-1"] == ["70"]


def test_where_the_money_comes_from_stays_home(stage):
    on = nodes.offered(stage.director)
    stage.director.exchange()
    order_id = only(stage.director).order_id
    path = stage.act_path(order_id, Kind.ORDER, on)
    tanaka = stage.browser("JP", "tanaka")
    certifier = str(stage.director.grants["JP", "mori"])

    tanaka.act(path, bill_to="Fleet accounts", funds_certifier=certifier, fund_citation="CANARY-0441")

    assert FundCitation.objects.get().text == "CANARY-0441"
    assert "CANARY-0441" in text_of(tanaka.get(f"/orders/{order_id}/"))
    stage.director.exchange()
    for party in ("JP", "IN"):
        loaded = stage.director.nodes[party].store.load(stage.director.desk(party).id)
        assert not any(b"CANARY" in (part or b"") for leaf in loaded.leaves for part in leaf[2:])


def test_what_is_signed_is_told_to_whoever_carries_news(stage):
    heard = []
    record.when_signed(lambda: heard.append(1))
    path = receipt_path(stage)
    stage.browser("JP", "ito").act(path)
    record._listeners.pop()

    assert heard == [1]


def test_a_remark_goes_with_the_entry(stage):
    path = receipt_path(stage)
    stage.browser("JP", "ito").act(path, remark="Counted twice <b>with</b> the storekeeper.")
    stage.director.exchange()
    page = stage.browser("IN", "nair").get(f"/orders/{only(stage.director).order_id}/")

    assert "Counted twice <b>with</b> the storekeeper." in text_of(page)
    assert b"<b>with</b>" not in page.content


def test_corrections_begin_with_what_the_document_says(stage):
    delivery = nodes.delivered(stage.director, nodes.agreed(stage.director), "90")
    stage.director.exchange()
    order_id = only(stage.director).order_id
    path = stage.act_path(order_id, Kind.CORRECTION, delivery)
    patel = stage.browser("IN", "patel")
    page = patel.get(path)
    assert form_on(page, "preview")["quantity-1"] == ["90.000"]

    patel.act(path, quantity_1="95")
    (corrected,) = only(stage.director).deliveries
    assert [line.quantity for line in corrected.lines] == [95000]


def test_a_document_nobody_answered_can_be_taken_back(stage):
    delivery = nodes.delivered(stage.director, nodes.agreed(stage.director), "90")
    stage.director.exchange()
    order_id = only(stage.director).order_id

    stage.browser("IN", "patel").act(stage.act_path(order_id, Kind.CORRECTION, delivery), take_back="on")

    assert only(stage.director).deliveries == ()
    page = stage.browser("JP", "sato").get(f"/orders/{order_id}/")
    assert "Took an earlier entry back." in text_of(page)


def test_the_twin_of_an_order_says_the_same(stage, s1):
    s1.play()
    stage.director.exchange()
    order_id = only(stage.director).order_id
    sato = stage.browser("JP", "sato")
    told = json.loads(sato.get(f"/orders/{order_id}.json").content)
    rows = sato.get(f"/orders/{order_id}.csv").content.decode().splitlines()

    assert (told["number"], told["state"], told["settled"]) == ("JPIN/JP/2026/0007", "closed", "24510187.80")
    assert [line["accrued"] for line in told["lines"]][:2] == ["23290112.80", "59200.00"]
    assert len(rows) == 7
    assert rows[6].startswith("6,FOOD,Fresh provisions")
