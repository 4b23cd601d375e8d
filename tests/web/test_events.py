"""The list of events: what is written, what is never written, and who reads it."""

import json
import logging
import re

import pytest
from django.db import DatabaseError
from django.test import Client
from tests.conftest import PASSWORD

from tallystick.core.entries import Duty, Kind
from tallystick.web import middleware, watch
from tallystick.web.api import tokens
from tallystick.web.people import events
from tallystick.web.people.models import Event, Person


def told(who: str | None = None) -> list[str]:
    """Return the codes of what was written, oldest first."""
    rows = Event.objects.order_by("pk")
    return [row.code for row in (rows.filter(who=who) if who is not None else rows)]


def test_a_day_of_an_officer_is_written_down(make_person, door_clock):
    make_person("sato")
    client = Client()
    client.post("/sign-in/", {"username": "sato", "password": "wrong"})
    client.post("/sign-in/", {"username": "sato", "password": PASSWORD})
    client.post("/confirm/", {"password": "wrong"})
    client.post("/confirm/", {"password": PASSWORD})
    client.post("/welcome/", {"password": PASSWORD + "!", "again": PASSWORD + "!"})
    client.post("/api/tokens/", {"name": "finance", "days": "3"})
    client.post("/api/tokens/1/end")
    client.post("/api/tokens/1/end")  # ended already: nothing happened
    client.get("/people/")
    client.post("/me/elsewhere/end")
    client.post("/sign-out/")

    assert told("sato") == [
        "sign-in-failed", "signed-in", "confirm-failed", "confirmed", "password-set", "confirmed", "token-made",
        "token-ended", "not-allowed", "sessions-ended", "signed-out",
    ]  # fmt: skip
    assert {row.at for row in Event.objects.all()} == {door_clock.at}
    assert {row.address for row in Event.objects.all()} == {"127.0.0.1"}


def test_what_an_administrator_does_with_people_is_written_down(stage):
    admin = stage.somebody("IN", duties=[Duty.ADMINISTRATOR])
    who = Person.objects.get(duties=[int(Duty.ADMINISTRATOR)]).username
    Event.objects.all().delete()
    admin.post("/people/new/", {"username": "mori", "display_name": "Mori"})
    mori = Person.objects.get(username="mori")
    grant = stage.director.grants["IN", "nair"]
    admin.post(f"/people/{mori.pk}/appoint", {"grant": grant})
    admin.post(f"/people/{mori.pk}/relieve/{grant}", {})
    admin.post(f"/people/{mori.pk}/duties", {"duties": [str(int(Duty.AUDITOR))]})
    admin.post(f"/people/{mori.pk}/invite", {})
    admin.post(f"/people/{mori.pk}/sessions/end", {})
    admin.post(f"/people/{mori.pk}/dismiss", {})

    assert told(who) == [
        "person-made", "link-made", "appointed", "relieved", "duties-changed", "link-made", "sessions-ended",
        "dismissed",
    ]  # fmt: skip
    assert all("mori" in events.sentence(row) for row in Event.objects.all())


def test_who_signed_is_written_down_with_where(stage, s1):
    s1.negotiate()
    stage.director.exchange()
    officer = stage.browser("IN", "nair")
    officer.act(stage.act_path(s1.refs["request"], Kind.CANCELLATION, s1.refs["acceptance"]), reason="not-available")
    (signed,) = Event.objects.filter(code="signed")
    assert signed.who == "nair.in"
    assert str(s1.refs["request"]) in signed.facts["path"]


def test_a_program_that_is_refused_is_written_down(stage):
    person = stage.make_person("sato")
    row, secret = tokens.make(person, name="x", scopes=["read"], days=1)
    for shown in (secret[:-1], secret):
        tokens.revoke(person, row.pk)
        Client().get("/api/v1/status", headers={"Authorization": f"Bearer {shown}"})
    assert told() == ["token-refused", "token-refused"]


def test_a_name_nobody_has_is_not_written(client, db):
    client.post("/sign-in/", {"username": PASSWORD, "password": ""})
    client.post("/sign-in/", {"username": "my-password-in-the-wrong-box", "password": "x"})
    assert [(row.code, row.who, row.facts) for row in Event.objects.all()] == [("sign-in-failed", "", {})]


def test_a_flood_of_strangers_fills_no_disk(db):
    for number in range(watch.WRITTEN.most + 20):
        Client(REMOTE_ADDR="192.0.2.1").post("/sign-in/", {"username": f"n{number}", "password": "x"})
    assert watch.WRITTEN.most <= len(told()) <= watch.WRITTEN.most + 5  # a few more as time goes by


def test_old_events_are_forgotten(db, door_clock, monkeypatch):
    monkeypatch.setattr(events, "KEPT_MOST", 5)
    Event.objects.create(at=door_clock.at - events.KEPT_DAYS * events.DAY - 1, code="signed-out")
    for _ in range(8):
        Event.objects.create(at=door_clock.at, code="signed-in")
    events.forget_old(door_clock.at)
    assert told() == ["signed-in"] * 5


def test_a_database_that_does_not_answer_undoes_nothing(make_person, monkeypatch, caplog):
    make_person("sato")

    def broken(**_: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(Event.objects, "create", broken)
    assert Client().post("/sign-in/", {"username": "sato", "password": PASSWORD}).status_code == 302
    assert "could not be written down" in caplog.text


def test_every_event_has_a_sentence_whose_slots_are_filled(stage, s1):
    """Each code that is rung for anywhere is in the table, and each of the table's is rung for somewhere."""
    from tools.reference import SRC

    text = "".join(path.read_text() for path in (SRC / "tallystick").rglob("*.py"))
    rung = set(re.findall(r"(?:ring|tell)\(\s*(?:request|None), \"([a-z-]+)\"", text))
    assert rung == set(events.EVENTS)
    assert events.sentence(Event(code="of-another-version", facts={})) == "of-another-version"


@pytest.mark.parametrize("duties", [[Duty.ADMINISTRATOR], [Duty.AUDITOR]])
def test_administrators_and_auditors_read_the_list(make_person, signed_in_as, duties):
    make_person("mori")
    client = signed_in_as(make_person("abe", duties=duties))
    Client().post("/sign-in/", {"username": "mori", "password": "<script>"})
    page = client.get("/people/events/").content.decode()
    assert "A password was wrong" in page
    assert "mori" in page
    assert "mori" not in client.get("/people/events/?code=signed-in").content.decode()
    assert "Signed in" not in client.get("/people/events/?who=mori").content.decode()
    assert client.get("/people/events/?page=x&who=%01").status_code == 200


def test_one_sees_what_was_done_in_ones_own_name(make_person, signed_in_as):
    client = signed_in_as(make_person("sato"))
    Client(REMOTE_ADDR="203.0.113.9").post("/sign-in/", {"username": "sato", "password": "wrong"})
    page = client.get("/me/").content.decode()
    assert "203.0.113.9" in page
    assert "A password was wrong" in page


# ---- the log


def lines(caplog) -> list[dict[str, object]]:
    return [json.loads(record.getMessage()) for record in caplog.records if record.name == "tallystick.security"]


def test_the_log_has_each_event_in_one_line_and_nobodys_name(make_person, caplog):
    person = make_person("sato")
    with caplog.at_level(logging.INFO, "tallystick.security"):
        Client().post("/sign-in/", {"username": "sato", "password": PASSWORD})
    assert lines(caplog) == [{"event": "signed-in", "person": person.pk, "address": "127.0.0.1", "way": "password"}]


def test_a_line_of_the_log_says_when_in_utc_and_stays_a_line():
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", ("a\r\nFORGED\x1b[2J\u2028b\u202ec",), None)
    record.created = 0.0
    assert middleware.Discreet().format(record) == r"1970-01-01T00:00:00Z INFO x a\x0d\x0aFORGED\x1b[2J\x2028b\x202ec"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (f"GET /link/{'A' * 43}/ failed", "GET /link/…/ failed"),
        (f"Bearer tally_{'b' * 43} shown", "Bearer … shown"),
        ("AGE-SECRET-KEY-1QQQQ", "…"),
        ("postgresql://desk:p/w@db.example/tally", "postgresql://…@db.example/tally"),
        (f"root {'0f' * 32} of log 17", f"root {'0f' * 32} of log 17"),  # a digest is no secret, and is looked for
    ],
)
def test_secrets_are_taken_out_of_lines(line, kept):
    record = logging.LogRecord("x", logging.ERROR, "", 0, line, (), None)
    assert middleware.Discreet().format(record).endswith(f"x {kept}")
