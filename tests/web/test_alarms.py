"""The alarms page: nothing when all is quiet; else what happened, what to do, and the evidence to keep."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.nodes import agreed, delivered
from tests.web.conftest import Stage, text_of
from tests.wrong import diverge, three_orders

from tallystick.app import alarms, attest, exchange
from tallystick.cli.demo.director import Director
from tallystick.core.checkpoint import read_note
from tallystick.core.entries import Duty
from tallystick.core.errors import RemoteError
from tallystick.stores.node import open_node

DAY = 86_400


def fork(stage: Stage, folder: Path) -> int:
    """India's node goes on writing in a copy of its folder too; Japan hears both. Return the log."""
    director = stage.director
    accepted = agreed(director)
    director.exchange()
    shutil.copytree(director.nodes["IN"].settings.folder, folder / "copy")
    copy = open_node(folder / "copy")
    copy.clock = director.clock
    twin = Director({"JP": director.nodes["JP"], "IN": copy}, director.clock, director.grants)
    delivered(director, accepted, "10")
    director.exchange()
    delivered(twin, accepted, "90")
    key = director.nodes["JP"].keys.public("writer")
    other = b"".join(exchange.news_for(copy.desk(), exchange.known_by_partner(copy.desk(), key)))
    with pytest.raises(RemoteError, match="fork"):
        exchange.receive(director.desk("JP"), other)
    return copy.desk().space.log_of(copy.keys.public("writer"))


def diverge_and_name_it(director: Director) -> None:
    diverge(director)
    jp, india = director.desk("JP"), director.desk("IN")
    attest.name_order(jp, india.log, lambda asked: attest.answer(india, asked))


def test_when_all_is_quiet_no_page_speaks_of_alarms(stage: Stage):
    browser = stage.browser("JP", "ito")
    assert "alarm" not in text_of(browser.get("/")).lower()
    assert 'href="/alarms/"' not in browser.get("/").content.decode()
    assert "No alarm" in text_of(browser.get("/alarms/"))


def test_a_fork_is_told_in_plain_words_with_both_signed_notes(stage: Stage, tmp_path: Path):
    log = fork(stage, tmp_path)
    browser = stage.browser("JP", "ito")
    home = text_of(browser.get("/"))
    assert "There are 2 alarms." in home, "the fork, and the bytes that were refused for it"
    assert "A bundle was refused." in home
    assert 'href="/alarms/"' in browser.get("/orders/").content.decode(), "every page leads there"

    page = browser.get("/alarms/")
    text = text_of(page)
    assert "Two histories of one log" in text
    assert "Stop relying on that writer" in text
    assert "are the same in both" in text, "a picture of where they part"
    desk = stage.director.desk("JP")
    (alarm, refused) = alarms.standing(desk)
    for name in ("history-a", "history-b"):
        saved = browser.get(f"/alarms/{alarm.id}/log-{log}-{name}.txt")
        assert saved.headers["Content-Disposition"] == f'attachment; filename="log-{log}-{name}.txt"'
        read_note(saved.content.decode(), desk.space.origin(log), desk.space.key_of(log))
    saved = browser.get(f"/alarms/{refused.id}/refused.bin")
    assert saved.content == alarms.refused_bytes(desk, refused.digest).body
    for path in (f"/alarms/{alarm.id}/other.txt", f"/alarms/{alarm.id}/refused.bin", "/alarms/fork-9/x.txt"):
        assert browser.get(path).status_code == 404


def test_both_sides_show_the_fork_and_whose_it_is_is_told_how_to_go_on(stage: Stage, tmp_path: Path):
    log = fork(stage, tmp_path)
    stage.director.exchange()
    text = text_of(stage.browser("IN", "patel").get("/alarms/"))
    assert "Two histories of one log" in text
    assert f"Our own log {log}" in text
    assert "warrant rotate-writer" in text
    assert "Stop relying" not in text


def test_a_divergence_names_the_order_and_leads_to_it(stage: Stage):
    diverge_and_name_it(stage.director)
    desk = stage.director.desk("JP")
    (alarm,) = alarms.standing(desk)
    browser = stage.browser("JP", "ito")
    page = browser.get("/alarms/")
    number = desk.record.orders[alarm.order].number
    assert f'<a href="/orders/{alarm.order}/">{number}</a>' in page.content.decode()
    assert "One of the two programs is wrong" in text_of(page)
    assert "The two programs disagree" in text_of(browser.get("/partner/"))
    assert "comes to another record" in text_of(browser.get("/"))


def test_an_administrator_puts_an_alarm_away_and_others_cannot(stage: Stage):
    diverge_and_name_it(stage.director)
    desk = stage.director.desk("JP")
    (alarm,) = alarms.standing(desk)
    assert stage.browser("JP", "ito").post("/alarms/seen", {"alarm": alarm.id}).status_code == 403
    admin = stage.somebody("JP", [Duty.ADMINISTRATOR])
    assert "Put away" in text_of(admin.get("/alarms/"))
    admin.post("/alarms/seen", {"alarm": alarm.id})
    assert alarms.standing(desk) == ()
    assert "comes to another record" not in text_of(admin.get("/"))
    assert "comes to another record" in text_of(admin.get("/alarms/")), "it stays listed"
    page = admin.post("/alarms/seen", {"alarm": "nothing-1"}, follow=True)
    assert "There is no such alarm any more" in page.content.decode()


def test_the_partner_page_says_when_both_came_to_the_same(stage: Stage):
    director = stage.director
    browser = stage.browser("JP", "ito")
    assert "not yet: once a day" in text_of(browser.get("/partner/"))
    three_orders(director)
    director.clock.instant += DAY
    attest.attest_if_due(director.desk("IN"))
    director.exchange()
    attest.compare(director.desk("JP"))
    text = text_of(browser.get("/partner/"))
    assert "not yet: once a day" not in text
    assert "Same" in text


def test_a_person_without_duties_is_not_told(stage: Stage):
    diverge_and_name_it(stage.director)
    browser = stage.somebody("JP")
    assert browser.get("/alarms/").status_code == 404
    assert "comes to another record" not in text_of(browser.get("/"))
