"""The order page, the raw entry, the list: what they show, to whom, and at what cost."""

import csv
import io
import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests import nodes
from tests.web.conftest import form_on, text_of
from tests.web.test_orders_acts import only

from tallystick.app import auditor, verify_evidence
from tallystick.app.fields import kind_name
from tallystick.app.report import Verdict
from tallystick.core import merkle
from tallystick.core.entries import Duty, Kind
from tallystick.core.identity import EntryRef
from tallystick.web.national.models import FundCitation, InternalNote


def order_of(stage):
    stage.director.exchange()
    return only(stage.director)


# ---- who sees what


@pytest.mark.parametrize(
    "path",
    [
        "/orders/", "/orders.csv", "/orders.json", "/orders/new/", "/orders/17.2/", "/orders/17.2/entries/17.2/",
        "/pier/",
    ],
)  # fmt: skip
def test_one_who_has_not_signed_in_is_asked_to(stage, client, path):
    nodes.request(stage.director)
    response = client.get(path)

    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/")


def test_a_person_without_any_duty_finds_nothing(stage):
    order = nodes.request(stage.director)
    stranger = stage.somebody("JP")

    for path in ("/orders/", "/orders.csv", f"/orders/{order}/", f"/orders/{order}/entries/{order}/", "/pier/"):
        assert (path, stranger.get(path).status_code) == (path, 404)


def test_an_auditor_reads_everything_and_is_offered_nothing(stage, s1):
    s1.negotiate()
    order = order_of(stage)
    auditor = stage.somebody("JP", [Duty.AUDITOR])

    page = auditor.get(f"/orders/{order.order_id}/")

    assert page.status_code == 200
    assert "Waits for you" not in text_of(page)
    assert "/delivery/" not in page.content.decode()
    assert auditor.post(f"/orders/{order.order_id}/private/", {"what": "note", "text": "x"}).status_code == 403


def test_an_order_that_is_not_there_is_not_there(stage):
    nodes.request(stage.director)
    sato = stage.browser("JP", "sato")

    for path in ("/orders/17.99/", "/orders/99.2/", "/orders/17.2/entries/17.77/", "/orders/17.2/dance/17.2/"):
        assert (path, sato.get(path).status_code) == (path, 404)
    assert sato.get("/orders/17.2/request/17.2/").status_code == 404


# ---- the order page


def test_it_says_what_waits_for_whom(stage, s1):
    s1.negotiate()
    order = order_of(stage)

    issuing = text_of(stage.browser("IN", "patel").get(f"/orders/{order.order_id}/"))
    receiving = text_of(stage.browser("JP", "ito").get(f"/orders/{order.order_id}/"))

    assert "Waits for you Record a delivery" in issuing
    assert "Waits for India: Record a delivery (Issuing officer)" in receiving


def test_one_primary_button_a_page(stage, s1):
    s1.negotiate()
    s1._deliver("2027-02-18", "water", (2, "320"))
    order = order_of(stage)
    for login in ("nair", "patel", "iyer"):
        page = stage.browser("IN", login).get(f"/orders/{order.order_id}/").content.decode()
        assert page.count("btn primary") <= 1


def test_ours_and_theirs_differ_where_goods_were_refused(stage, s1):
    s1.negotiate()
    s1._deliver("2027-02-20", "provisions", (6, "850"), refused={6: "60"})
    order = order_of(stage)

    page = stage.browser("IN", "patel").get(f"/orders/{order.order_id}/")

    for told in ("Handed over 850 kg", "Received 790 kg, refused 60 kg", "60 kg differ: spoiled. Not resolved."):
        assert told in text_of(page)
    assert page.content.decode().count("tally-row differs") == 1


def test_void_entries_are_struck_with_their_reason(stage):
    on = nodes.agreed(stage.director)
    stage.director.exchange()
    lines = [{"line": 1, "quantity": "110", "price_micro": "96.50"}]
    amend = {"base": 1, "max_liability": "12000.00", "lines": lines}
    first = stage.director.act("JP", Kind.AMENDMENT, on, **amend)
    second = stage.director.act("IN", Kind.AMENDMENT, on, **amend)  # has seen the first; still of version 1
    stage.director.act("IN", Kind.COUNTERSIGN, first)
    from tallystick.app import fields, write
    from tallystick.core.entries import Countersign, Draft

    stage.director.exchange()
    desk = stage.director.desk("JP")
    order = only(stage.director)
    assert order.version == 2
    # a program that does not ask the trial first signs what cannot count any more
    who = stage.director.grants["JP", "tanaka"]
    draft = Draft(Countersign(who=who), obj=second)
    admission = desk.commit_fresh(lambda: write._stage(desk, draft))
    assert admission is not None
    assert fields.kind_name(admission.entries[-1].kind) == "countersign"

    page = stage.browser("JP", "tanaka").get(f"/orders/{order.order_id}/")

    assert 'class="ours void"' in page.content.decode()
    entry = stage.browser("JP", "tanaka").get(f"/orders/{order.order_id}/entries/{admission.entries[-1].ref}/")
    assert "Void" in text_of(entry)


def test_the_raw_entry_can_be_checked_without_us(stage, s1):
    s1.negotiate()
    order = order_of(stage)
    page = stage.browser("JP", "sato").get(f"/orders/{order.order_id}/entries/{order.acceptance}/")
    told = page.context

    assert told["stored"].leaf.hex() in page.content.decode().replace("\n", "")
    path = [node for _, node in told["path"]]
    leaf_hash = merkle.leaf_hash(told["stored"].leaf)
    assert merkle.verify_inclusion(leaf_hash, order.acceptance.index, told["proved_in"], path, told["root"])
    assert told["note"].splitlines()[0] == told["origin"]


def test_the_evidence_is_downloaded_and_holds(stage, s1):
    s1.negotiate()
    order = order_of(stage)
    reader = stage.somebody("JP", [Duty.AUDITOR])
    page = reader.get(f"/orders/{order.order_id}/")
    for path in re.findall(r'href="(/orders/[^"]+[.]evidence[^"]*)"', page.content.decode()):
        found = reader.get(path)
        assert found["Content-Disposition"] == 'attachment; filename="JPIN-JP-2026-0007.evidence"'
        checked = verify_evidence.check(found.content)
        assert (checked.verdict, checked.order) == (Verdict.HOLDS, order)
        codes = {problem.code for problem in checked.problems}
        assert ("evidence-not-whole" in codes) == ("whole" not in path)


def test_the_auditors_page_may_ask_nothing_of_anybody(stage):
    nodes.request(stage.director)
    page = stage.somebody("JP", [Duty.AUDITOR]).get("/auditor.html")
    assert page["Content-Security-Policy"].startswith("default-src 'none'; script-src 'sha256-")
    assert "self" not in page["Content-Security-Policy"]
    assert page.content == auditor.page()


def test_an_internal_note_and_a_citation_stay_home(stage):
    nodes.agreed(stage.director)
    order = order_of(stage)
    path = f"/orders/{order.order_id}/private/"

    assert stage.browser("JP", "tanaka").post(path, {"what": "note", "text": "Ask legal."}).status_code == 302
    assert stage.browser("JP", "tanaka").post(path, {"what": "citation", "text": "F-1"}).status_code == 302
    assert stage.browser("JP", "ito").post(path, {"what": "citation", "text": "F-2"}).status_code == 403
    stage.browser("JP", "tanaka").post(path, {"what": "note", "text": "  "})

    assert [n.text for n in InternalNote.objects.all()] == ["Ask legal."]
    assert [c.text for c in FundCitation.objects.all()] == ["F-1"]
    assert "Ask legal." in text_of(stage.browser("JP", "sato").get(f"/orders/{order.order_id}/"))


# ---- the list


def number(n):
    return f"JPIN/JP/2026/{n:04d}"


@pytest.fixture
def five(stage):
    """Five orders: requested, offered, agreed, in delivery and one of India's."""
    d = stage.director
    nodes.request(d)
    nodes.offered(d)
    nodes.agreed(d)
    nodes.received(d, nodes.delivered(d, nodes.agreed(d), "40"), "40")
    d.request(
        "IN", unit="INS Vardhini", place="JPSSB", need=("2027-03-01", "2027-03-03"),
        lines=[{"category": "WATR", "item": "Water", "unit": "TNE", "quantity": "10"}],
    )  # fmt: skip
    d.exchange()
    return stage.browser("JP", "sato")


def numbers_on(browser, query):
    told = json.loads(browser.get(f"/orders.json{query}").content)
    return [row["number"] for row in told["rows"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", 5),
        ("?state=requested", 2),
        ("?state=agreed", 1),
        ("?side=provider", 1),
        ("?side=receiver&state=offered", 1),
        ("?place=JPSSB", 1),
        ("?q=vardhini", 1),
        ("?q=0003", 1),
        ("?q=no such thing", 0),
        ("?standing=open", 1),
        ("?partner=IN", 5),
        ("?state=nonsense&sort=nonsense&page=junk", 5),
    ],
)
def test_filters_are_in_the_address_and_the_twins_follow_them(five, query, expected):
    page = five.get(f"/orders/{query}")
    rows = list(csv.DictReader(io.StringIO(five.get(f"/orders.csv{query}").content.decode())))

    assert len(numbers_on(five, query)) == len(rows) == expected
    for row in rows:
        assert row["number"] in text_of(page)


def test_it_sorts_by_number_both_ways(five):
    up, down = numbers_on(five, "?side=receiver&sort=number"), numbers_on(five, "?side=receiver&sort=-number")

    assert up == [number(n) for n in (1, 2, 3, 4)]
    assert down == up[::-1]


def test_when_nothing_matches_it_says_how_to_see_more(five):
    assert "No order matches" in text_of(five.get("/orders/?q=zeppelin"))


def queries(browser, path):
    with CaptureQueriesContext(connection) as caught:
        assert browser.get(path).status_code == 200
    return len(caught)


def test_pages_ask_the_database_as_often_for_one_row_as_for_three(stage):
    sato = stage.browser("JP", "sato")
    nodes.received(stage.director, nodes.delivered(stage.director, nodes.agreed(stage.director), "10"), "10")
    stage.director.exchange()
    (order_id,) = stage.director.desk("JP").record.orders
    paths = ["/orders/", f"/orders/{order_id}/", "/pier/", "/orders.json"]
    sato.get(paths[1])
    one = [queries(sato, path) for path in paths]

    for _ in range(2):
        nodes.agreed(stage.director)
        acceptance = stage.director.desk("JP").record.orders[order_id].acceptance
        nodes.received(stage.director, nodes.delivered(stage.director, acceptance, "10"), "10")
    stage.director.exchange()

    assert [queries(sato, path) for path in paths] == one


# ---- the guided request


def test_the_request_is_guided_and_lines_come_and_go(stage):
    sato = stage.browser("JP", "sato")
    path = "/orders/new/"
    first = sato.get(path)
    missing = sato.post(path, form_on(first, "lines") | {"do": "lines"})
    assert missing.status_code == 422
    assert {"situation", "place", "need_from"} <= set(missing.context["form"].errors)

    why = form_on(missing, "lines") | {
        "situation": "a", "place": "invtz", "need_from": "2027-02-18", "need_to": "2027-02-20",
        "receiving_unit": "JS Natsuzora",
    }  # fmt: skip
    page = sato.post(path, why | {"do": "lines"})
    one = form_on(page, "add") | {"category-1": "FOOD", "item-1": "Rice", "quantity-1": "10", "unit-1": "KGM"}
    page = sato.post(path, one | {"do": "add"})
    two = form_on(page, "add") | {"category-2": "WATR", "item-2": "Water", "quantity-2": "5.5", "unit-2": "TNE"}
    page = sato.post(path, two | {"do": "add"})
    page = sato.post(path, form_on(page, "remove-3") | {"do": "remove-3"})
    page = sato.post(path, form_on(page, "remove-1") | {"do": "remove-1"})
    values = form_on(page, "preview")
    assert (values["item-1"], values["rows_count"]) == (["Water"], ["1"])

    back = sato.post(path, values | {"do": "why"})
    assert form_on(back, "lines")["place"] == ["invtz"]
    preview = sato.post(path, values | {"do": "preview"})
    assert "JPIN/JP/2026/0001" in text_of(preview)
    signed = sato.sign(preview, path)
    order = only(stage.director)

    assert signed["Location"] == f"/orders/{order.order_id}/"
    assert [(line.item, line.requested) for line in order.lines] == [("Water", 5500)]
    again = sato.sign(preview, path)
    assert again.status_code == 302
    assert len(stage.director.desk("JP").record.orders) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"need_to": "2027-02-17"}, "need_to"),
        ({"category-1": "AMMO"}, "category-1"),
        ({"nsn-1": "1305-01-234-5678"}, "nsn-1"),
        ({"quantity-1": "0"}, None),
        ({"quantity-1": "1.2345"}, "quantity-1"),
        ({"unit-1": "FURLONG"}, "unit-1"),
        ({"place": "x" * 40}, "place"),
        ({"need_from": "2019-01-01", "need_to": "2019-01-02"}, "need_from"),
        ({"situation": "z"}, "situation"),
        ({"provider": "0"}, "provider"),
    ],
)
def test_a_request_that_cannot_be_is_refused_beside_its_field(stage, change, field):
    sato = stage.browser("JP", "sato")
    values = {
        "provider": "1", "situation": "a", "place": "INVTZ", "need_from": "2027-02-18", "need_to": "2027-02-20",
        "receiving_unit": "JS Natsuzora", "rows_count": "1", "fiscal_year": "2026", "serial": "1", "category-1": "FOOD",
        "item-1": "Rice", "quantity-1": "10", "unit-1": "KGM",
    }  # fmt: skip
    if stage.director.desk("JP").genesis.party_number("IN") == 0:
        values["provider"] = "0"
        change = {"provider": "1"} if "provider" in change else change

    page = sato.post("/orders/new/", values | change | {"do": "preview"})

    assert page.status_code == 422
    errors = page.context["form"].errors
    assert errors
    if field is not None:
        assert field in errors, errors


def test_two_who_ask_at_once_get_two_numbers(stage):
    sato = stage.browser("JP", "sato")
    values = {
        "provider": str(stage.director.desk("JP").genesis.party_number("IN")), "situation": "a", "place": "INVTZ",
        "need_from": "2027-02-18", "need_to": "2027-02-20", "receiving_unit": "JS Natsuzora", "rows_count": "1",
        "fiscal_year": "2026", "serial": "1", "category-1": "FOOD", "item-1": "Rice", "quantity-1": "10",
        "unit-1": "KGM",
    }  # fmt: skip
    first = sato.post("/orders/new/", values | {"do": "preview"})
    second = sato.post("/orders/new/", values | {"item-1": "Tea", "do": "preview"})
    assert sato.sign(first, "/orders/new/").status_code == 302

    told = sato.sign(second, "/orders/new/")
    assert told.status_code == 409
    assert "JPIN/JP/2026/0002" in text_of(told)
    assert sato.post("/orders/new/", form_on(told, "sign") | {"do": "sign"}).status_code == 302

    orders = stage.director.desk("JP").record.orders.values()
    assert sorted(order.number for order in orders) == [number(1), number(2)]


def test_prices_are_taken_from_a_list(stage):
    from tallystick.app import fields, write
    from tallystick.core.entries import Draft

    d = stage.director
    desk = d.desk("IN")
    said = {
        "number": "ENC-2027-1", "currency": "INR", "valid_from": "2027-01-01", "valid_to": "2027-12-31",
        "basis": "own-forces",
        "lines": [
            {
                "category": "FOOD", "item": "Fresh provisions", "nsn": "", "unit": "KGM", "price_micro": "91.25",
                "companions": ["Ice"],
            }
        ],
    }  # fmt: skip
    body = fields.from_json(Kind.PRICE_LIST, said, who=d.grants["IN", "nair"], context=fields.Context())
    listed = write.sign(desk, Draft(body)).ref
    order_id = nodes.request(d)
    d.exchange()
    path = stage.act_path(order_id, Kind.OFFER, order_id)
    nair = stage.browser("IN", "nair")
    values = form_on(nair.get(path), "pick") | {"price_list": str(listed), "do": "pick"}

    page = nair.post(path, values)

    told = form_on(page, "preview")
    assert (told["price-1"], told["basis"]) == (["91.25"], ["price-list"])
    assert "Ice goes together with Fresh provisions" in text_of(page)
    assert nair.sign(nair.post(path, told | {"do": "preview"}), path).status_code == 302
    assert only(d).offer.price_list == EntryRef(*listed)


def test_every_act_has_a_name_in_its_address():
    from tallystick.web.pages.orders.acts import ACTS

    assert len({kind_name(kind) for kind in ACTS}) == len(ACTS)
