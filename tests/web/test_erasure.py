"""Erasing on the pages: shown first, confirmed by the partner, and told plainly afterwards."""

from __future__ import annotations

import json

import pytest
from tests.nodes import agreed, delivered, received, request
from tests.web.conftest import Stage, form_on, text_of

from tallystick.core.entries import Kind, Segment
from tallystick.core.identity import EntryRef

CANARY = "Lt Canary"


@pytest.fixture
def noted(stage: Stage) -> tuple[EntryRef, EntryRef]:
    order = request(stage.director)
    note = stage.director.act("JP", Kind.NOTE, order, remark=CANARY)
    stage.director.exchange()
    return order, note


def test_a_remark_is_erased_and_the_pages_say_so(stage: Stage, noted: tuple[EntryRef, EntryRef]) -> None:
    order, note = noted
    admin = stage.browser("JP", "admin")
    entry = f"/orders/{order}/entries/{note}/"
    assert CANARY in text_of(admin.get(entry))
    assert f'href="/erasures/{note}/"' in admin.get(entry).content.decode()
    assert CANARY in text_of(admin.get(f"/erasures/{note}/"))
    shown = admin.fill(f"/erasures/{note}/", segments=["detail"], reason="entered-in-error")
    assert CANARY in text_of(shown)
    assert "Goes with your signature the remark and other free text" in text_of(shown)
    assert CANARY in text_of(admin.get(entry))  # nothing is signed yet
    admin.post(f"/erasures/{note}/", {**form_on(shown, "sign"), "do": "sign"})
    stage.director.exchange()
    for party, login in (("JP", "ito"), ("IN", "nair")):
        reader = stage.browser(party, login)
        told = text_of(reader.get(entry))
        assert CANARY not in told
        assert "Erased on" in told
        assert "Reason: Entered in error" in told
        assert f'href="/erasures/{note}/"' not in reader.get(entry).content.decode()
        assert "the remark and other free text" in text_of(reader.get("/erasures/"))
        assert "Erased:" in text_of(reader.get(f"/orders/{order}/"))
    again = admin.get(f"/erasures/{note}/")
    assert again.status_code == 200
    assert "Erased already" in text_of(again)


def test_a_core_waits_for_the_partner_who_reads_it_and_confirms(stage: Stage) -> None:
    director = stage.director
    delivery = delivered(director, agreed(director))
    received(director, delivery)
    director.exchange()
    order = director.desk("JP").record.subject_of(delivery)
    admin = stage.browser("IN", "admin")
    page = admin.get(f"/erasures/{delivery}/")
    data = json.loads(form_on(page, "preview")["restated"][0])
    data["place"] = "JPYOK"
    shown = admin.fill(f"/erasures/{delivery}/", segments=["core"], reason="not-stated", restated=json.dumps(data))
    assert "Has to agree JP" in text_of(shown)
    assert "its state, quantities and amounts stay as they are" in text_of(shown)
    admin.post(f"/erasures/{delivery}/", {**form_on(shown, "sign"), "do": "sign"})
    director.exchange()
    other = stage.browser("JP", "admin")
    alarms = other.get("/alarms/")
    assert "asks to erase something" in text_of(alarms)
    assert f'href="/erasures/{delivery}/confirm/"' in alarms.content.decode()
    assert f'href="/erasures/{delivery}/confirm/"' in other.get("/erasures/").content.decode()
    shown = other.get(f"/erasures/{delivery}/confirm/")
    before, _, after = text_of(shown).partition("What it says now")
    assert ("JPYOK" in before, "JPYOK" in after, "INVTZ" in after) == (True, False, True)
    answer = other.post(f"/erasures/{delivery}/confirm/", {**form_on(shown, "sign"), "do": "sign"})
    assert answer.status_code == 302
    director.exchange()
    for party in ("JP", "IN"):
        entry = director.desk(party).space.entry(delivery)
        assert (entry.body.place, entry.erased) == ("JPYOK", Segment.CORE)
        assert director.desk(party).record.orders[order].lines[0].received == 100_000
    assert "asks to erase something" not in text_of(other.get("/alarms/"))
    assert other.get(f"/erasures/{delivery}/confirm/").status_code == 302  # there is nothing to confirm any more


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"segments": ["core"], "restated": "{"}, "not fields in JSON"),
        ({"segments": ["core"], "restated": "[" * 30_000}, "not fields in JSON"),
        ({"segments": ["core"], "restated": ""}, "a request needs a restatement"),
        ({"segments": ["core"], "restated": '{"place": 1}'}, "“fiscal_year” is missing"),
        ({"segments": []}, "required"),
        ({"segments": ["auth"]}, "not one of the available choices"),
    ],
)
def test_what_does_not_fit_is_said_beside_the_form(
    stage: Stage, noted: tuple[EntryRef, EntryRef], said: dict[str, object], told: str
) -> None:
    order, _ = noted
    admin = stage.browser("JP", "admin")
    page = admin.post(f"/erasures/{order}/", {"reason": "not-stated", "do": "preview", **said})
    assert page.status_code == 422
    assert told in text_of(page)


def test_what_is_no_act_of_business_has_no_page(stage: Stage) -> None:
    admin = stage.browser("JP", "admin")
    assert admin.get("/erasures/0.1/").status_code == 404
    assert admin.get("/erasures/17.999/").status_code == 404
    assert "Nothing was erased" in text_of(admin.get("/erasures/"))
