"""The agreement on pages: terms with where they come from, the grid, the order life, the postings, price lists."""

import re
from dataclasses import replace

import pytest
from tests.web.conftest import form_on, text_of

from tallystick.core import posting_rules
from tallystick.core.agreement import JAPAN_INDIA, JAPAN_INDIA_TERMS, Origin, Terms
from tallystick.core.entries import Kind
from tallystick.core.orders import LIFE
from tallystick.core.signing import readable_id
from tallystick.web import words
from tallystick.web.pages.agreement import terms as told


def test_every_term_is_shown_with_its_value_origin_and_source(stage):
    page = stage.browser("JP", "sato").get("/agreement/")
    text = text_of(page)

    assert page.status_code == 200
    for term in JAPAN_INDIA_TERMS:
        assert term.value in text, term.name
    for origin, word in ((Origin.FACT, "Fact"), (Origin.DEFAULT, "Default"), (Origin.FROM_MEMORY, "To be confirmed")):
        shown = text.count(word) - 1  # once in the explanation
        assert shown == sum(term.origin is origin for term in JAPAN_INDIA_TERMS), word


def test_nothing_is_claimed_about_terms_that_are_no_profile():
    changed = replace(JAPAN_INDIA, pay_within_days=45)

    rows = told.rows(changed)

    assert not told.is_known_profile(changed)
    assert {row.origin for row in rows} == {None}
    assert "45 days" in [row.value for row in rows]


def test_every_field_of_the_terms_has_a_name():
    shown_apart = {"situations", "categories", "allowed", "means"}
    fields = set(Terms.__dataclass_fields__)

    assert fields <= set(told.LABELS)
    assert {name.partition(".")[0] for name in (t.name for t in JAPAN_INDIA_TERMS)} <= set(told.LABELS)
    assert set(told.LABELS) - shown_apart <= fields


def test_the_grid_says_what_is_allowed_in_words(stage):
    html = stage.browser("JP", "sato").get("/agreement/").content.decode()
    training = re.search(r"Training services <span.*?</tr>", html, re.DOTALL)

    assert training is not None
    assert re.findall(r'hidden">(\w+)<', training[0]) == ["Allowed", "Refused", "Refused", "Refused", "Refused"]


def test_it_shows_the_key_ids_to_print_in_the_annex(stage):
    text = text_of(stage.browser("JP", "sato").get("/agreement/"))

    for party in stage.director.desk("JP").genesis.parties:
        assert readable_id(party.root_key) in text


def test_the_order_life_is_drawn_from_the_table(stage):
    page = stage.browser("JP", "sato").get("/agreement/life/")
    text = text_of(page)

    assert page.content.decode().count("<tr>") == len(LIFE) + 1
    for step in LIFE:
        assert step.note in text
        assert str(words.KINDS[step.kind]) in text


def test_the_postings_are_drawn_from_the_table(stage):
    text = text_of(stage.browser("JP", "sato").get("/agreement/postings/"))

    for rule in posting_rules.RULES:
        assert f"{rule.id} {rule.document} {rule.provider[0]} {rule.provider[1]}" in text


# ---- price lists

LINE = {"item-0": "Potable water", "category-0": "WATR", "unit-0": "TNE", "price-0": "185.00"}


@pytest.fixture
def published(stage):
    browser = stage.browser("IN", "iyer")
    browser.act(
        "/prices/new/", number="IN-PL-2027", valid_from="2027-01-01", valid_to="2027-12-31", item_0="Potable water",
        category_0="WATR", unit_0="TNE", price_0="185.00", companions_0="Hoses; Chlorine test",
    )  # fmt: skip
    return stage


def test_a_price_list_is_published_and_reaches_the_partner(published):
    published.director.exchange()
    (view,) = published.director.desk("JP").record.price_lists
    page = published.browser("JP", "sato").get(f"/prices/{view.ref}/")

    assert (view.number, view.currency, view.lines[0].price_micro) == ("IN-PL-2027", "INR", 185_000_000)
    assert view.lines[0].companions == ("Hoses", "Chlorine test")
    assert "₹185.00" in text_of(page)
    assert "Hoses, Chlorine test" in text_of(page)


def test_nothing_is_signed_that_was_not_shown(stage):
    browser = stage.browser("IN", "iyer")
    preview = browser.fill(
        "/prices/new/", number="IN-PL-1", valid_from="2027-01-01", valid_to="2027-12-31", item_0="Potable water",
        category_0="WATR", unit_0="TNE", price_0="185.00",
    )  # fmt: skip
    changed = {**form_on(preview, "sign"), "price-0": "1850.00", "do": "sign"}
    answer = browser.post("/prices/new/", changed)

    assert "Not what was shown" in text_of(answer)
    assert stage.director.desk("IN").record.price_lists == ()


def test_a_second_press_signs_nothing_twice(stage):
    browser = stage.browser("IN", "iyer")
    preview = browser.fill(
        "/prices/new/", number="IN-PL-1", valid_from="2027-01-01", valid_to="2027-12-31", item_0="Potable water",
        category_0="WATR", unit_0="TNE", price_0="185.00",
    )  # fmt: skip
    form = {**form_on(preview, "sign"), "do": "sign"}
    assert browser.post("/prices/new/", form).status_code == 302
    assert browser.post("/prices/new/", form).status_code == 302

    assert len(stage.director.desk("IN").record.price_lists) == 1


@pytest.mark.parametrize(
    ("field", "value", "beside", "says"),
    [
        ("price-0", "1,5", "price-0", "not a plain number"),
        ("price-0", "", "price-0", "Fill this in"),
        ("unit-0", "", "unit-0", "Fill this in"),
        ("valid_to", "2026-12-31", "valid_to", "day"),
        ("valid_to", "31.12.2027", "valid_to", "valid date"),
        ("nsn-0", "1305-01-155-5459", "nsn-0", "weapons and ammunition"),
        ("item-0", "", "item-0", "Fill this in"),
    ],
)
def test_a_wrong_price_list_says_what_is_wrong_beside_the_field(stage, field, value, beside, says):
    browser = stage.browser("IN", "iyer")
    good = {"number": "P", "currency": "INR", "basis": "own-forces", "valid_from": "2027-01-01",
            "valid_to": "2027-12-31", "rows": "1", "do": "preview", **LINE}  # fmt: skip

    assert browser.post("/prices/new/", good).status_code == 200
    page = browser.post("/prices/new/", {**good, field: value})

    assert page.status_code == 422
    assert says in text_of(page)
    if beside:
        assert re.search(rf'id="id_{beside}_error"', page.content.decode()), text_of(page)


def test_more_lines_keep_what_was_typed(stage):
    browser = stage.browser("IN", "iyer")
    page = browser.post("/prices/new/", {"number": "P", "rows": "1", "do": "more", **LINE})

    assert page.status_code == 200
    html = page.content.decode()
    assert html.count('name="item-') == 6
    assert 'value="Potable water"' in html


def test_only_who_bills_or_accepts_publishes(stage):
    assert stage.browser("IN", "nair").get("/prices/new/").status_code == 200
    refused = stage.browser("IN", "patel").get("/prices/new/")
    assert refused.status_code == 403
    assert "Billing Officer, Visakhapatnam" in text_of(refused)


def test_a_list_that_is_replaced_says_so(published):
    browser = published.browser("IN", "iyer")
    (first,) = published.director.desk("IN").record.price_lists
    browser.act(
        "/prices/new/", number="IN-PL-2027b", valid_from="2027-06-01", valid_to="2027-12-31", item_0="Potable water",
        category_0="WATR", unit_0="TNE", price_0="190.00", replaces=str(first.ref),
    )  # fmt: skip

    assert "A newer list has taken its place" in text_of(browser.get(f"/prices/{first.ref}/"))
    entry = published.director.desk("IN").record.price_lists[-1]
    assert published.director.desk("IN").space.entry(entry.ref).obj == first.ref
    assert published.director.desk("IN").space.entry(first.ref).kind == Kind.PRICE_LIST


def test_without_price_lists_it_says_what_they_are_for(stage):
    assert "No price list yet" in text_of(stage.browser("IN", "iyer").get("/prices/"))
