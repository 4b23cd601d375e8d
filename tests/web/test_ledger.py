"""The books on pages: both sides of each debt, every account line, what is open by age, and files to take away."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from tests.nodes import agreed, delivered, received
from tests.web.conftest import text_of

from tallystick.app import export
from tallystick.web.pages.ledger import books


@pytest.fixture
def played(stage, s1):
    s1.play()
    stage.director.exchange()
    return stage


@pytest.fixture
def owed(stage):
    """Provisions for ₹9,650.00 received and not billed."""
    received(stage.director, delivered(stage.director, agreed(stage.director)))
    stage.director.exchange()
    return stage


def test_both_books_stand_side_by_side(owed):
    page = owed.browser("JP", "sato").get("/ledger/")

    assert page.status_code == 200
    told = text_of(page).replace(": ", ":")  # an account's name may break after its colons
    assert "We owe India · Not billed ₹9,650.00 JP:ap:unbilled:IN ₹9,650.00 IN:ar:unbilled:JP" in told
    assert "differs" not in page.content.decode()


def test_debits_equal_credits_in_each_section(played):
    desk = played.director.desk("JP")
    for party in ("JP", "IN"):
        sections = books.sections(desk.record.ledger, party)
        assert [(s.currency, s.is_memo) for s in sections] == [("INR", False), ("INR", True)]
        assert all(section.debit == section.credit for section in sections)


def test_a_mirror_that_differs_is_named(owed):
    desk = owed.director.desk("JP")
    (mirror,) = books.mirrors(desk, desk.partners[0])

    assert (mirror.ours, mirror.theirs, mirror.differs) == (965_000, 965_000, False)
    assert replace(mirror, theirs=965_001).differs


def test_an_empty_book_says_what_writes_its_first_line(stage):
    page = stage.browser("JP", "sato").get("/ledger/")

    assert "The books are empty" in text_of(page)


def test_an_account_shows_each_posting_with_the_balance_after_it(played):
    page = played.browser("IN", "iyer").get("/ledger/accounts/IN:ar:billed:JP/")
    rows = export.account_rows(played.director.desk("IN").record, "IN:ar:billed:JP")

    assert page.status_code == 200
    assert rows[-1].balance == "0.00"
    html = page.content.decode()
    assert html.count("<tbody>") == 1
    assert len(re.findall(r'data-label="Balance"', html)) == len(rows)
    assert f'value="INR {rows[0].balance}"' in html


def test_an_account_that_was_never_moved_is_not_there(played):
    assert played.browser("IN", "iyer").get("/ledger/accounts/IN:ar:billed:US/").status_code == 404
    assert played.browser("IN", "iyer").get("/ledger/accounts/IN:ar:billed:US.csv").status_code == 404


def test_open_items_stand_in_their_age(owed):
    owed.director.on("2027-04-01")  # forty days after the receipt
    browser = owed.browser("IN", "iyer")
    page = browser.get("/ledger/open/")

    assert "Japan owes us: Not billed" in text_of(page)
    assert re.search(r"31–90 1 ₹9,650\.00", text_of(page))
    assert re.search(r"0–30 0 –", text_of(page))


def test_open_items_are_narrowed_by_their_address(owed):
    browser = owed.browser("IN", "iyer")

    assert "JPIN/JP/2026/0001" in text_of(browser.get("/ledger/open/?side=us&state=unbilled&q=0001"))
    assert "Nothing fits" in text_of(browser.get("/ledger/open/?side=them"))
    assert "Nothing fits" in text_of(browser.get("/ledger/open/?state=billed"))
    assert browser.get("/ledger/open/?side=nonsense&state=<b>&page=x").status_code == 200


def test_nothing_open_says_so(stage):
    assert "Nothing is open" in text_of(stage.browser("JP", "sato").get("/ledger/open/"))


def _csv(response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(response.content.decode())))


@pytest.mark.parametrize("path", ["/ledger/balances", "/ledger/journal", "/ledger/open", "/ledger/accounts/IN:given"])
def test_twins_hold_the_same_rows(owed, path):
    browser = owed.browser("IN", "iyer")
    rows = _csv(browser.get(f"{path}.csv"))
    told = json.loads(browser.get(f"{path}.json").content)

    assert rows
    assert rows == told["rows"]
    assert told["digest"] == owed.director.desk("IN").record.digest.hex()


def test_a_twin_keeps_the_filters(owed):
    browser = owed.browser("IN", "iyer")

    assert len(_csv(browser.get("/ledger/open.csv?side=us"))) == 1
    assert _csv(browser.get("/ledger/open.csv?side=them")) == []


def test_a_twin_of_another_form_is_not_there(owed):
    assert owed.browser("IN", "iyer").get("/ledger/balances.xlsx").status_code == 404


def test_the_journal_leaves_as_hledger_reads_it(played):
    browser = played.browser("IN", "iyer")
    answer = browser.get("/ledger/journal.hledger")

    assert answer["Content-Disposition"] == 'attachment; filename="tallystick.journal"'
    desk = played.director.desk("IN")
    assert answer.content.decode() == export.hledger_journal(desk.record, desk.genesis)


def test_the_journal_page_shows_both_books(owed):
    page = owed.browser("IN", "iyer").get("/ledger/journal/")

    assert "Dr IN:ar:unbilled:JP Cr IN:given Dr JP:got Cr JP:ap:unbilled:IN ₹9,650.00" in text_of(page)


@pytest.mark.parametrize("path", ["/ledger/", "/ledger/open/", "/ledger/journal/", "/ledger/accounts/IN:given/"])
def test_pages_ask_as_many_questions_with_three_orders_as_with_one(stage, path, django_assert_max_num_queries):
    browser = stage.browser("IN", "iyer")
    counts = set()
    for _ in range(3):
        received(stage.director, delivered(stage.director, agreed(stage.director)))
        stage.director.exchange()
        with django_assert_max_num_queries(10) as asked:
            assert browser.get(path).status_code == 200
        counts.add(len(asked))
    assert len(counts) == 1
