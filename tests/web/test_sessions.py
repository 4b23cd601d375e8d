"""How long a session lives, who may end it, and what a thief of its cookie has."""

import pytest
from django.conf import settings
from django.test import Client
from tests.conftest import PASSWORD

from tallystick.core.entries import Duty
from tallystick.web.people import service
from tallystick.web.people.models import Session


def inside(client: Client) -> bool:
    return client.get("/me/").status_code == 200


def cookie_of(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def with_cookie(value: str) -> Client:
    """Return the browser of someone who has got hold of a session's name."""
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = value
    return client


def test_a_session_nobody_uses_ends(door_clock, make_person, signed_in_as):
    client = signed_in_as(make_person("sato"))
    for _ in range(3):
        door_clock.move(service.IDLE_SECONDS - 1)
        assert inside(client)
    door_clock.move(service.IDLE_SECONDS)
    assert not inside(client)


def test_a_session_in_use_ends_after_a_watch(door_clock, make_person, signed_in_as):
    client = signed_in_as(make_person("sato"))
    for _ in range(service.SESSION_SECONDS // 3600 - 1):
        door_clock.move(3600)
        assert inside(client)
    door_clock.move(3600)
    assert not inside(client)


def test_a_session_whose_beginning_is_not_known_is_none(door_clock, make_person, signed_in_as):
    client = signed_in_as(make_person("sato"))
    session = client.session
    del session["began_at"]
    session.save()
    assert not inside(client)


def test_who_signed_out_has_left_nothing_behind(make_person, signed_in_as):
    client = signed_in_as(make_person("sato"))
    copied = cookie_of(client)
    assert inside(with_cookie(copied))
    answer = client.post("/sign-out/")
    assert answer["Clear-Site-Data"] == '"cache", "storage"'
    assert not inside(with_cookie(copied))


def test_confirming_gives_the_session_a_new_name(door_clock, make_person, signed_in_as):
    client = signed_in_as(make_person("sato"))
    copied = cookie_of(client)
    assert client.post("/confirm/", {"password": PASSWORD}).status_code == 302
    assert cookie_of(client) != copied
    assert inside(client)
    assert not inside(with_cookie(copied))


def test_one_signs_out_everywhere_else(make_person, signed_in_as):
    person = make_person("sato")
    here, there, other = signed_in_as(person), signed_in_as(person), signed_in_as(make_person("mori"))
    assert here.post("/me/elsewhere/end").status_code == 302
    assert (inside(here), inside(there), inside(other)) == (True, False, True)


def test_signing_out_elsewhere_asks_first_who_it_is(door_clock, make_person, signed_in_as):
    person = make_person("sato")
    thief, owner = signed_in_as(person), signed_in_as(person)
    door_clock.move(service.FRESH_SECONDS + 1)
    assert "/confirm/" in thief.post("/me/elsewhere/end")["Location"]
    assert inside(owner)


def test_an_administrator_ends_someones_sessions(make_person, signed_in_as):
    person = make_person("sato")
    lost = signed_in_as(person)
    admin = signed_in_as(make_person("abe", duties=[Duty.ADMINISTRATOR]))
    assert signed_in_as(make_person("mori")).post(f"/people/{person.pk}/sessions/end").status_code == 403
    assert inside(lost)
    assert admin.post(f"/people/{person.pk}/sessions/end").status_code == 302
    assert (inside(lost), inside(admin)) == (False, True)


def test_removing_a_passkey_ends_the_sessions_on_other_devices(make_person, signed_in_as):
    person = make_person("sato")
    key = person.passkeys.create(credential_id=b"1", data=b"", host="localhost", name="Lost telephone", added_at=0)
    here, telephone = signed_in_as(person), signed_in_as(person)
    here.post(f"/me/passkeys/{key.pk}/remove/")
    assert (inside(here), inside(telephone)) == (True, False)


def test_removing_a_passkey_asks_first_who_it_is(door_clock, make_person, signed_in_as):
    person = make_person("sato")
    key = person.passkeys.create(credential_id=b"1", data=b"", host="localhost", name="Key", added_at=0)
    client = signed_in_as(person)
    door_clock.move(service.FRESH_SECONDS + 1)
    assert "/confirm/" in client.post(f"/me/passkeys/{key.pk}/remove/")["Location"]
    assert person.passkeys.count() == 1


@pytest.mark.parametrize(
    "value", ["", "x", "a" * 32, "../../etc/passwd", "é", "a" * 5_000, "'; DROP TABLE people_person; --"]
)
def test_a_guessed_session_is_none(db, value):
    assert not inside(with_cookie(value))


def test_the_database_has_no_name_of_a_session(make_person, signed_in_as):
    client = signed_in_as(make_person("sato"))
    (row,) = Session.objects.all()
    assert cookie_of(client) not in (row.session_key, row.session_data)
    assert not inside(with_cookie(row.session_key)), "who read the database, or its backup, is not signed in"


def test_sessions_that_are_over_are_forgotten_when_somebody_signs_in(make_person, signed_in_as):
    person = make_person("sato")
    for _ in range(3):
        signed_in_as(person)
    Session.objects.update(expire_date="2020-01-01T00:00Z")
    signed_in_as(person)
    assert Session.objects.count() == 1


FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (FIREFOX, "Firefox, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome, Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari, iPhone"),
        ("<script>alert(1)</script>", "?, ?"),
        ("", "?, ?"),
    ],
)
def test_a_browser_is_told_in_two_words(told, shown):
    assert service.device_of(told) == shown


def test_one_sees_where_one_is_signed_in_and_ends_one_of_them(make_person, signed_in_as):
    person = make_person("sato")
    here, pier = signed_in_as(person), Client(REMOTE_ADDR="203.0.113.9", headers={"User-Agent": FIREFOX})
    pier.post(service.invite(person))
    stranger = signed_in_as(make_person("mori"))
    page = here.get("/me/").content.decode()
    assert ("Firefox, Linux" in page, "203.0.113.9" in page) == (True, True)
    assert "Firefox" not in stranger.get("/me/").content.decode()

    address = f"/me/sessions/{person.sessions.get(device='Firefox, Linux').session_key}/end"
    assert stranger.post(address).status_code == 302
    assert inside(pier), "nobody ends the session of somebody else"
    assert here.post(address).status_code == 302
    assert (inside(here), inside(pier)) == (True, False)


def test_a_session_that_is_over_is_not_shown(door_clock, make_person, signed_in_as):
    person = make_person("sato")
    signed_in_as(person)
    door_clock.move(service.IDLE_SECONDS)
    signed_in_as(person)
    assert service.open_sessions(person).count() == 1
    service.dismiss(person)
    assert person.sessions.count() == 0
