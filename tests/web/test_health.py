"""What keeps a node from its work is on the home page, and at an address for whoever watches machines."""

import pytest
from django.test import Client
from tests.nodes import request
from tests.web.conftest import text_of

from tallystick.app.restored import Why
from tallystick.core.entries import Kind
from tallystick.core.errors import StoreUnavailableError
from tallystick.web import health


@pytest.fixture
def ask(stage, monkeypatch):
    monkeypatch.setattr(health, "ASK_SECONDS", 0.0)
    monkeypatch.setattr(health, "_last", health._Last())
    browser = stage.browser("IN", "nair")
    browser.client = Client()

    def get():
        answer = browser.get("/health")
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status_code, answer.json()

    return get


def test_a_node_that_is_well_says_so_to_anybody(ask):
    assert ask() == (200, {"status": "ok", "troubles": []})


def test_a_node_that_may_not_sign_is_in_trouble_and_up(ask, stage):
    stage.director.desk("IN").mark_restored(Why.RESTORED)
    stage.director.clock.instant -= 5 * 365 * 86_400
    assert ask() == (200, {"status": "trouble", "troubles": ["restored-not-heard", "clock-behind"]})


def test_a_node_whose_database_does_not_answer_is_down_and_tells_no_more_than_the_code(ask, stage, monkeypatch):
    def full():
        raise StoreUnavailableError("store-full", path="/srv/secret/node.db")

    monkeypatch.setattr(stage.director.nodes["IN"].store, "probe", full)
    assert ask() == (503, {"status": "down", "troubles": ["store-full"]})


def test_a_disk_that_is_nearly_full_is_told(ask, stage, monkeypatch):
    monkeypatch.setattr(stage.director.nodes["IN"].store, "probe", lambda: 2**20)
    assert ask() == (200, {"status": "trouble", "troubles": ["disk-nearly-full"]})


def test_the_database_is_not_asked_for_each_who_asks(stage, monkeypatch):
    asked = []
    browser = stage.browser("IN", "nair")
    monkeypatch.setattr(health, "ASK_SECONDS", 3600.0)
    monkeypatch.setattr(health, "_last", health._Last())
    monkeypatch.setattr(browser.node.store, "probe", lambda: asked.append(1))
    for _ in range(5):
        browser.get("/health")
    assert asked == [1]


def test_home_says_why_nothing_can_be_signed_and_what_to_do(stage):
    browser = stage.browser("IN", "nair")
    assert "came back from a backup" not in text_of(browser.get("/"))
    browser.desk.mark_restored(Why.RESTORED)
    told = text_of(browser.get("/"))
    assert "This node came back from a backup" in told
    assert "by courier file there and back" in told
    assert "What this node had signed after its backup is not known here yet." in told
    assert "has acknowledged everything we signed" not in told


def test_home_tells_an_administrator_of_the_disk_and_everybody_when_it_is_full(stage, monkeypatch):
    store = stage.director.nodes["IN"].store
    monkeypatch.setattr(health, "ASK_SECONDS", 0.0)
    monkeypatch.setattr(store, "probe", lambda: 2**20)
    officer, administrator = stage.browser("IN", "nair"), stage.browser("IN", "admin")
    nearly, full = "are free on the disk", "The disk is full"
    assert (nearly in text_of(officer.get("/")), nearly in text_of(administrator.get("/"))) == (False, True)

    def no_room(*_arguments):
        raise StoreUnavailableError("store-full")

    monkeypatch.setattr(store, "probe", no_room)
    assert full in text_of(officer.get("/"))


def test_a_disk_that_is_full_is_told_until_there_is_room_and_no_longer(ask, stage, monkeypatch):
    """Only writing tells: the database itself finds room for a look."""
    node = stage.director.nodes["IN"]
    request(stage.director)

    def no_room(*_arguments):
        raise StoreUnavailableError("store-full")

    with monkeypatch.context() as full:
        full.setattr(node.store, "append", no_room)
        full.setattr(node.store, "remember", no_room)
        with pytest.raises(StoreUnavailableError):
            stage.director.exchange()
        assert ask() == (503, {"status": "down", "troubles": ["store-full"]})
        assert "The disk is full" in text_of(stage.browser("IN", "admin").get("/"))
    assert ask() == (200, {"status": "ok", "troubles": []})
    assert "The disk is full" not in text_of(stage.browser("IN", "admin").get("/"))


def test_a_page_that_would_sign_says_it_too(stage):
    request(stage.director)
    stage.director.exchange()
    browser = stage.browser("IN", "nair")
    order = next(iter(browser.desk.record.orders))
    browser.desk.mark_restored(Why.RESTORED)
    path = stage.act_path(order, Kind.DECLINE, order)
    page = browser.fill(path, reason="not-available")
    assert (page.status_code, "came back from a backup" in text_of(page)) == (422, True)
