"""The first page: what needs whom, the four numbers, and what to do when there is nothing yet."""

import re

import pytest
from tests.nodes import again, delivered, make_node, offered, received, request
from tests.web.conftest import Browser, text_of

from tallystick.app import read
from tallystick.app.read import Reader
from tallystick.core.entries import Duty, Kind


def _section(page, title: str) -> str:
    """Return what the card called ``title`` says."""
    html = page.content.decode()
    found = re.search(rf"<section[^>]*>(?:(?!</section>).)*?{title}.*?</section>", html, re.DOTALL)
    return text_of_html(found[0]) if found else ""


def text_of_html(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_it_puts_what_needs_the_reader_first(stage):
    offered(stage.director)
    stage.director.exchange()

    ordering = stage.browser("JP", "tanaka").get("/")
    assert "Place the order JPIN/JP/2026/0001" in _section(ordering, "Waiting for my signature")

    requester = stage.browser("JP", "sato").get("/")
    assert "Nothing waits for you" in _section(requester, "Waiting for my signature")
    assert "Place the order" in _section(requester, "Waiting for someone else here")


def test_it_says_what_waits_for_the_partner(stage):
    request(stage.director)
    stage.director.exchange()

    page = stage.browser("JP", "sato").get("/")

    assert "Make an offer JPIN/JP/2026/0001" in _section(page, "Waiting for India")


def test_the_four_numbers_count_and_lead_to_the_same_orders(stage, s1):
    s1.play()
    stage.director.exchange()
    browser = stage.browser("IN", "nair")

    page = browser.get("/")
    counts = {
        standing: int(count)
        for standing, count in re.findall(
            r'href="/orders/\?standing=(\w+)".*?tile-number">(\d+)<', page.content.decode(), re.DOTALL
        )
    }

    assert counts == {"settled": 1, "open": 0, "overdue": 0, "unknown": 0}
    for standing, count in counts.items():
        listed = browser.get(f"/orders/?standing={standing}")
        assert listed.content.decode().count('class="row-link') == count
    assert "Settled 1 ₹2,45,10,187.80" in text_of(page)


def test_money_overdue_is_said_by_its_days(stage, s1):
    s1.negotiate()
    s1.hand_over()
    desk = stage.director.desk("IN")
    stage.director.exchange()
    stage.director.clock.instant += 200 * 86_400
    page = stage.browser("IN", "nair").get("/")

    told = read.home(desk, Reader(frozenset({Duty.ACCEPTING})), read.today(desk))
    assert told.late
    assert f"by {told.late[0].overlays[0].days} days" in _section(page, "Late")


def test_a_person_without_duty_is_told_who_can_help(stage):
    page = stage.somebody("JP").get("/")

    assert page.status_code == 200
    assert "You have no duty here yet" in text_of(page)
    assert "Your administrator appoints you" in text_of(page)


def test_a_person_without_duty_is_shown_nothing_of_the_record(stage):
    offered(stage.director)
    stage.director.exchange()
    for path in ("/", "/me/"):
        of_the_record = "JPIN/JP/2026/0001", stage.director.desk("JP").record.digest.hex(), "India"
        shown = stage.browser("JP", "tanaka").get(path).content.decode()
        hidden = stage.somebody("JP").get(path).content.decode()
        assert [word for word in of_the_record if word in hidden] == [], path
        assert of_the_record[1] in shown


def test_an_auditor_reads_and_has_nothing_to_sign(stage, s1):
    s1.negotiate()
    page = stage.somebody("JP", duties=[Duty.AUDITOR]).get("/")

    assert "Nothing waits for you to sign" in text_of(page)
    assert "Waiting for India" in text_of(page)


@pytest.fixture
def alone(stage, tmp_path):
    """A node with no agreement."""
    node = make_node(tmp_path / "alone", "AU", stage.director.clock, "memory:")
    yield node
    node.store.close()


def test_without_an_agreement_it_says_how_to_begin(stage, alone):
    administrator = Browser(alone, stage.somebody("JP", duties=[Duty.ADMINISTRATOR]).client)
    officer = Browser(alone, stage.somebody("JP").client)

    page = administrator.get("/")
    assert "No agreement is kept here yet" in text_of(page)
    assert 'href="/partner/pair/"' in page.content.decode()
    page = officer.get("/")
    assert "Your administrator pairs this node" in text_of(page)
    assert 'href="/partner/pair/"' not in page.content.decode()


@pytest.mark.parametrize("path", ["/orders/", "/ledger/", "/agreement/", "/findings/", "/pier/"])
def test_without_an_agreement_every_page_leads_to_what_to_do(stage, alone, path):
    response = Browser(alone, stage.somebody("JP", duties=[Duty.ADMINISTRATOR]).client).get(path)
    assert (response.status_code, response.headers.get("Location")) == (302, "/")


def test_it_says_whether_the_partner_has_what_we_signed(stage):
    stage.director.exchange()
    assert "India has acknowledged everything we signed" in text_of(stage.browser("JP", "sato").get("/"))
    request(stage.director)
    assert "has not acknowledged 1 of our entries yet" in text_of(stage.browser("JP", "sato").get("/"))


def test_it_follows_what_another_process_signed(stage):
    browser = stage.browser("JP", "sato")
    browser.get("/")
    other = again(stage.director.nodes["JP"])
    stage.director.nodes = {**stage.director.nodes, "JP": other}
    request(stage.director)

    assert "Make an offer" in text_of(browser.get("/"))
    other.store.close()


def test_it_asks_as_many_questions_with_three_orders_as_with_one(stage, django_assert_max_num_queries):
    accepted = None
    browser = stage.browser("JP", "tanaka")
    counts = []
    for _ in range(3):
        accepted = offered(stage.director)
        with django_assert_max_num_queries(10) as asked:
            assert browser.get("/").status_code == 200
        counts.append(len(asked))
    assert accepted is not None
    assert len(set(counts)) == 1


def test_received_goods_stand_as_open_until_paid(stage):
    accept = stage.director.act(
        "IN",
        Kind.ACCEPTANCE,
        stage.director.order(offered(stage.director), "JP", bill_to="Fleet accounts"),
        pay_to="PCDA",
    )
    received(stage.director, delivered(stage.director, accept))
    page = stage.browser("JP", "sato").get("/")

    assert re.search(r"Open 1 ₹9,650\.00", text_of(page))
