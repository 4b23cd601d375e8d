"""The alarms page with one alarm of every kind: anybody can read it, on a telephone and at night too."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.browser import stage as staging
from tests.browser.stage import Stage, hindrances, too_wide
from tests.needs import needs_chromium
from tests.wrong import break_fold

from tallystick.app import attest, exchange, withheld
from tallystick.app.node import Desk
from tallystick.app.withheld import SECONDS, VISITS, Unacknowledged
from tallystick.core.entries import Draft, Kind, Note
from tallystick.core.errors import RemoteError
from tallystick.stores.node import open_node

pytestmark = [pytest.mark.browser, needs_chromium]


def say_something(desk: Desk, remark: str) -> None:
    order = next(iter(desk.record.orders))
    officer = next(index for (party, index), g in desk.record.grants.items() if party == desk.party and g.duties)
    draft = Draft(Note(officer), obj=order, detail={1: remark})
    desk.commit(desk.space.draft(desk.log, [draft], desk.clock.now(), desk.epoch_key(desk.log)))


def bring_trouble(folder: Path) -> None:
    """Let India's program have a bug, then two histories; give Japan something that is refused and not acknowledged."""
    japan, india = open_node(folder / "jp"), open_node(folder / "in")
    jp, ind = japan.desk(), india.desk()

    def carry(sender: Desk, receiver: Desk) -> None:
        for bundle in exchange.news_for(sender, receiver.space.sizes()):
            exchange.receive(receiver, bundle)

    carry(jp, ind)
    carry(ind, jp)
    right = type(ind.fold)
    break_fold(ind)
    attest.attest_if_due(ind)
    carry(ind, jp)
    attest.compare(jp)
    attest.name_order(jp, ind.log, lambda asked: attest.answer(ind, asked))
    break_fold(ind, right)

    shutil.copytree(folder / "in", folder / "twin")
    twin = open_node(folder / "twin").desk()
    say_something(ind, "to Tokyo")
    say_something(twin, "to the ship")
    known = jp.space.sizes()
    carry(ind, jp)
    other = b"".join(exchange.news_for(twin, known))
    with pytest.raises(RemoteError):
        exchange.receive(jp, other)
    with pytest.raises(RemoteError):
        exchange.receive(jp, b"\x85 not a bundle")
    entry = next(entry for entry in jp.space.acts() if entry.ref.log == jp.log and entry.kind == Kind.REQUEST)
    since = jp.clock.now() - 3 * SECONDS
    withheld.keep(jp, ind.log, Unacknowledged(str(entry.ref), since, VISITS, 0))
    for node in (japan, india):
        for peer in node.store.peers():
            node.store.put_peer(replace(peer, url=""))
        node.store.close()


@pytest.fixture
def troubled(chromium_browser, built_demo, tmp_path) -> Iterator[Stage]:
    folder = staging.pull_the_network(staging.copy(built_demo, tmp_path / "troubled"))
    bring_trouble(folder)
    with staging.nodes(folder) as nodes, staging.opened(chromium_browser, nodes) as stage:
        yield stage


def test_every_kind_of_alarm_is_told_to_everybody_and_put_away(troubled: Stage):
    found = []
    for width, theme in ((1280, "light"), (360, "dark")):
        page = troubled.page("JP", "admin", width=width, theme=theme)
        for path in ("/", "/alarms/", "/partner/"):
            page.goto(path)
            found += [*hindrances(page), *too_wide(page)]
    assert found == []

    page.goto("/")
    expect(page.get_by_text("There are 4 alarms.")).to_be_visible()
    page.get_by_role("link", name="What it means and what to do").click()
    page.wait_for_load_state()
    for title in ("Two histories of one log", "Two readings of the same entries", "An acknowledgement does not come"):
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    for summary in page.get_by_text("Signed note").all():
        summary.click()
    assert [*hindrances(page), *too_wide(page)] == []
    with page.expect_download() as saved:
        page.get_by_role("link", name="history-a").click()
    assert saved.value.suggested_filename.endswith("history-a.txt")
    buttons = page.get_by_role("button", name="Put away")
    for left in reversed(range(buttons.count())):
        buttons.first.click()
        expect(buttons).to_have_count(left)
    page.get_by_role("button", name="Put all of these away").click()
    page.goto("/")
    expect(page.get_by_text("What it means and what to do")).to_have_count(0)
