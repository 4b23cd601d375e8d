"""The list of orders: filters in the address, twins, empty state."""

from tests.web.conftest import text_of


def test_it_says_what_will_appear_when_it_is_empty(stage):
    page = stage.browser("JP", "sato").get("/orders/")

    assert page.status_code == 200
    assert "No orders yet" in text_of(page)
    assert "Ask for support" in text_of(page)


def test_it_shows_an_order_with_its_state_and_value(stage, s1):
    s1.negotiate()
    stage.director.exchange()
    page = stage.browser("JP", "sato").get("/orders/")

    assert page.status_code == 200
    assert "JPIN/JP/2026/0007" in text_of(page)
    assert "Agreed" in text_of(page)
