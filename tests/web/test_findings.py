"""What someone should look at, with its remedy; and a demo's clock, which only goes forward."""

import json

import pytest
from tests.nodes import agreed, delivered, received
from tests.web.conftest import text_of

from tallystick.app.clock import DemoClock
from tallystick.core import calendar
from tallystick.core.findings import Weight


@pytest.fixture
def refused(stage):
    """60 kg of provisions refused, nothing resolved."""
    received(stage.director, delivered(stage.director, agreed(stage.director)), "40", "60")
    stage.director.exchange()
    return stage


def test_a_finding_is_told_with_its_remedy_and_its_order(refused):
    browser = refused.browser("JP", "ito")
    page = browser.get("/findings/")

    text = text_of(page)
    assert "Agree on a resolution with the other side" in text
    assert "refused-goods" in text
    assert "JPIN/JP/2026/0001" in text
    finding = next(f for f in refused.director.desk("JP").record.findings if f.code == "refused-goods")
    assert f'href="/orders/{finding.order_id}/entries/{finding.entry}/"' in page.content.decode()


def test_the_weight_narrows_the_list_and_its_twin(refused):
    browser = refused.browser("JP", "ito")
    record = refused.director.desk("JP").record

    for weight in Weight:
        wanted = [f.code for f in record.findings if f.weight is weight]
        rows = json.loads(browser.get(f"/findings.json?weight={weight}").content)["rows"]
        assert [row["code"] for row in rows] == wanted
    assert browser.get("/findings/?weight=nonsense&page=9").status_code == 200


def test_no_findings_say_what_would_be_here(stage):
    assert "Nothing to look at" in text_of(stage.browser("JP", "ito").get("/findings/"))


def test_home_leads_to_the_findings(refused):
    page = refused.browser("JP", "ito").get("/")

    assert 'href="/findings/"' in page.content.decode()


# ---- the demo's clock


@pytest.fixture
def demo(stage, tmp_path, monkeypatch):
    clock = DemoClock(tmp_path / "clock")
    clock.set_to(calendar.parse_day("2027-02-17") * 86_400 + 3 * 3_600)
    monkeypatch.setattr(stage.director.nodes["JP"], "clock", clock)
    return stage


def _day(stage) -> str:
    return calendar.date_of(stage.director.nodes["JP"].clock.now() // 86_400).isoformat()


@pytest.mark.parametrize(
    ("day", "then"),
    [("", "2027-02-18"), ("2027-03-12", "2027-03-12"), ("2027-02-16", "2027-02-17"), ("2099-01-01", "2027-02-17"),
     ("soon", "2027-02-17")],
)  # fmt: skip
def test_the_clock_goes_forward_and_never_back(demo, day, then):
    answer = demo.browser("JP", "ito").post("/demo/clock", {"day": day, "next": "/ledger/"})

    assert answer["Location"] == "/ledger/"
    assert _day(demo) == then


def test_the_clock_leads_nowhere_else(demo):
    answer = demo.browser("JP", "ito").post("/demo/clock", {"next": "https://elsewhere.example/"})

    assert answer["Location"] == "/"
