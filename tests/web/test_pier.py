"""The pier: count, hand over, receive, on a telephone, without JavaScript, in fifty kilobytes."""

import gzip
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from tests import nodes
from tests.web.conftest import form_on, text_of
from tests.web.test_orders_acts import only

PIER_BYTES_MAX = 50_000


def test_an_issuing_officer_delivers_fuel_with_its_measures(stage, s1):
    s1.negotiate()
    stage.director.on("2027-02-20", 4)
    patel = stage.browser("IN", "patel")
    assert "Record a delivery" in text_of(patel.get("/pier/"))
    order = only(stage.director)
    start = patel.get(f"/pier/{order.order_id}/")
    assert start.status_code == 302
    path = start["Location"]

    values = form_on(patel.get(path), "volume") | {
        "give-1": "on", "litres-1": "286500", "temperature-1": "31.0", "density-1": "845",
    }  # fmt: skip
    worked_out = patel.post(path, values | {"do": "volume"})
    assert "282,647" in text_of(worked_out)
    assert "factor 0.98655" in text_of(worked_out)
    preview = patel.post(path, form_on(worked_out, "preview") | {"do": "preview"})
    assert "286,500 L at 31.0 °C, 845.0 kg/m³ at 15 °C, factor 0.98655" in text_of(preview)
    assert patel.sign(preview, path)["Location"] == f"/pier/{order.order_id}/done/"

    (delivery,) = only(stage.director).deliveries
    assert [(line.line, line.quantity) for line in delivery.lines] == [(1, 282647)]
    assert patel.get(f"/pier/{order.order_id}/done/").status_code == 200


def test_a_receiving_officer_refuses_what_is_spoiled(stage):
    delivery = nodes.delivered(stage.director, nodes.agreed(stage.director))
    stage.director.exchange()
    ito = stage.browser("JP", "ito")
    order = only(stage.director)
    path = ito.get(f"/pier/{order.order_id}/")["Location"]
    assert path == f"/pier/{order.order_id}/{delivery}/"

    page = ito.fill(path, refused_1="10", reason_1="")
    assert "Say why it is refused." in text_of(page)
    ito.act(path, refused_1="10", reason_1="spoiled")  # the rest is accepted

    (line,) = only(stage.director).lines
    assert (line.received, line.refused) == (90000, 10000)


def test_several_deliveries_are_offered_one_by_one(stage):
    on = nodes.agreed(stage.director)
    first, second = nodes.delivered(stage.director, on, "40"), nodes.delivered(stage.director, on, "60")
    stage.director.exchange()
    order = only(stage.director)
    page = stage.browser("JP", "ito").get(f"/pier/{order.order_id}/").content.decode()

    assert all(f"/pier/{order.order_id}/{ref}/" in page for ref in (first, second))


def test_nothing_to_count_says_what_will_appear(stage):
    assert "Nothing to count now" in text_of(stage.browser("JP", "ito").get("/pier/"))
    assert "You hold neither duty." in text_of(stage.browser("JP", "sato").get("/pier/"))


@pytest.mark.parametrize("login", ["tanaka", "sato"])
def test_others_do_not_count(stage, login):
    delivery = nodes.delivered(stage.director, nodes.agreed(stage.director))
    stage.director.exchange()
    order = only(stage.director)

    assert stage.browser("JP", login).get(f"/pier/{order.order_id}/{delivery}/").status_code == 403


def test_an_entry_that_is_no_delivery_is_not_there(stage):
    nodes.agreed(stage.director)
    stage.director.exchange()
    order = only(stage.director)

    assert stage.browser("JP", "ito").get(f"/pier/{order.order_id}/{order.order}/").status_code == 404


def weight(page: bytes) -> int:
    """Return what a browser fetches for a page, compressed, fonts aside."""
    found = re.findall(rb'(?:href|src)="(/static/[^"?]+\.(?:css|js|svg))', page)
    assert found
    names = {path.decode().removeprefix(settings.STATIC_URL) for path in found}
    parts = [page, *(Path(finders.find(name)).read_bytes() for name in names)]
    return sum(len(gzip.compress(part)) for part in parts)


def test_pier_pages_stay_under_fifty_kilobytes(stage, s1):
    s1.negotiate()
    stage.director.exchange()
    order = only(stage.director)
    patel = stage.browser("IN", "patel")
    path = patel.get(f"/pier/{order.order_id}/")["Location"]
    preview = patel.fill(path, give_2="on")

    weights = {
        "list": weight(patel.get("/pier/").content),
        "form": weight(patel.get(path).content),
        "preview": weight(preview.content),
    }

    assert max(weights.values()) < PIER_BYTES_MAX, weights
