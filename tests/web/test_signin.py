"""The door: one-time links, passwords, passkeys, and what is asked again before signing."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import include, path
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData
from tests.conftest import PASSWORD

from tallystick.core.entries import Duty
from tallystick.core.errors import LocalError
from tallystick.web.people import service
from tallystick.web.people.decorators import confirm_required, needs_duty, signed_in
from tallystick.web.people.models import FailedSignIn, Passkey, Person, SignInLink


@signed_in
def home(request):
    return HttpResponse(f"home of {request.person.username}")


@needs_duty(Duty.ISSUING, Duty.RECEIVING)
def pier(request):
    return HttpResponse("pier")


@signed_in
def signing(request):
    return confirm_required(request) or HttpResponse("sign here")


urlpatterns = [
    path("", include("tallystick.web.people.urls")),
    path("", home),
    path("pier/", pier),
    path("signing/", signing),
]
handler403 = "tallystick.web.middleware.not_allowed"

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


def sign_in(client, username, password, **more):
    return client.post("/sign-in/", {"username": username, "password": password, **more})


def who(client):
    response = client.get("/")
    return response.content.decode().removeprefix("home of ") if response.status_code == 200 else None


# ---- one-time links


def test_a_link_signs_in_by_its_button_and_not_by_being_opened(client, make_person):
    address = service.invite(make_person("sato", password=None))
    for _ in range(3):  # a mail program, a preview, a person
        page = client.get(address)
        assert page.status_code == 200
        assert "Welcome, Sato" in page.content.decode()
        # to no other site; stricter, browsers send the form without its origin, and it is refused
        assert page["Referrer-Policy"] == "same-origin"
    assert who(client) is None
    response = client.post(address)
    assert response["Location"] == "/welcome/"
    assert who(client) == "sato"


def test_a_link_works_once(make_person):
    address = service.invite(make_person("sato"))
    Client().post(address)
    second = Client()
    assert second.post(address).status_code == 410
    assert second.get(address).status_code == 410
    assert who(second) is None


@pytest.mark.parametrize(("later", "status"), [(service.LINK_LIFE - 1, 302), (service.LINK_LIFE, 410)])
def test_a_link_ends_with_its_time(client, make_person, door_clock, later, status):
    address = service.invite(make_person("sato"))
    door_clock.move(later)
    assert client.post(address).status_code == status


def test_a_new_link_ends_the_one_before(client, make_person):
    person = make_person("sato")
    old, new = service.invite(person), service.invite(person)
    assert client.post(old).status_code == 410
    assert client.post(new).status_code == 302


def test_a_link_is_kept_as_a_digest_only(make_person):
    secret = service.invite(make_person("sato")).split("/")[2]
    (kept,) = SignInLink.objects.all()
    assert kept.digest == sha256(secret.encode()).hexdigest()
    assert len(secret) == 43


def test_a_link_for_someone_who_was_dismissed_lets_nobody_in(client, make_person):
    person = make_person("sato")
    address = service.invite(person)
    Person.objects.filter(pk=person.pk).update(is_active=False)
    assert client.get(address).status_code == 410
    assert client.post(address).status_code == 410


# ---- passwords


def test_choosing_a_password_and_signing_in_with_it(make_person, signed_in_as):
    client = signed_in_as(make_person("sato", password=None))
    assert client.post("/welcome/", {"password": PASSWORD, "again": PASSWORD}).status_code == 302
    assert who(client) == "sato"  # this session goes on
    other = Client()
    assert sign_in(other, "Sato ", PASSWORD, next="/pier/")["Location"] == "/pier/"
    assert who(other) == "sato"


@pytest.mark.parametrize(
    ("password", "again", "says"),
    [
        ("short rope", "short rope", "at least 15"),
        ("123456789012345", "123456789012345", "entirely numeric"),
        ("football!!!!!!!!", "football!!!!!!!!", "too common"),
        ("sato haruka 1960", "sato haruka 1960", "too similar"),
        (PASSWORD, PASSWORD + "s", "not the same"),
    ],
)
def test_a_weak_password_is_refused_by_its_field(make_person, signed_in_as, password, again, says):
    person = make_person("satoharuka", password=None, post="sato haruka 1960")
    page = signed_in_as(person).post("/welcome/", {"password": password, "again": again})
    assert page.status_code == 422
    assert says in page.content.decode()
    person.refresh_from_db()
    assert not person.has_usable_password()


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(client, make_person):
    make_person("sato")
    wrong = sign_in(client, "sato", "not " + PASSWORD)
    unknown = sign_in(client, "nobody", PASSWORD)
    assert (wrong.status_code, unknown.status_code) == (422, 422)
    told = [r.content.decode().split('class="errors"')[1].split("</ul>")[0] for r in (wrong, unknown)]
    assert told[0] == told[1]
    assert who(client) is None


def test_a_stop_watch_does_not_tell_which_names_exist(client, make_person, monkeypatch):
    """One password is hashed, whoever is asked for: somebody, nobody, one without a password, one who left."""
    make_person("sato")
    make_person("by.link", password=None)
    service.dismiss(make_person("gone"))
    hashed = []
    encode = MD5PasswordHasher.encode  # the tests' one
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *a, **k: hashed.append(1) or encode(*a, **k))
    for name in ("sato", "nobody", "by.link", "gone"):
        hashed.clear()
        assert sign_in(client, name, "not " + PASSWORD).status_code == 422
        assert len(hashed) == 1, name


def test_someone_dismissed_is_out_at_the_next_click(make_person, signed_in_as):
    person = make_person("sato")
    client = signed_in_as(person)
    assert who(client) == "sato"
    service.dismiss(person)
    assert who(client) is None
    assert sign_in(client, "sato", PASSWORD).status_code == 422


def test_a_new_password_ends_the_other_sessions(make_person, signed_in_as):
    person = make_person("sato", password=None)
    first, second = signed_in_as(person), signed_in_as(person)
    first.post("/welcome/", {"password": PASSWORD, "again": PASSWORD})
    assert (who(first), who(second)) == ("sato", None)


@pytest.mark.parametrize("has", ["a password", "a passkey"])
def test_a_session_left_open_cannot_change_the_password(has, make_person, signed_in_as, door_clock):
    person = make_person("sato", password=PASSWORD if has == "a password" else None)
    if has == "a passkey":
        Passkey.objects.create(person=person, credential_id=b"x", data=b"x", host="tally.example", name="x", added_at=1)
    client = signed_in_as(person)
    door_clock.move(service.FRESH_SECONDS + 1)
    other = "another rope altogether"
    assert client.post("/welcome/", {"password": other, "again": other})["Location"] == "/confirm/"
    person.refresh_from_db()
    assert not person.check_password(other)


def test_too_many_failures_by_name_close_the_door_for_that_name_and_open_it_again(make_person, door_clock):
    make_person("sato")
    make_person("mori")
    for number in range(service.FAILS_PER_NAME):
        assert sign_in(Client(REMOTE_ADDR=f"10.0.0.{number}"), "sato", "wrong").status_code == 422
    closed = sign_in(Client(REMOTE_ADDR="10.0.1.1"), "sato", PASSWORD)
    assert closed.status_code == 429
    assert "Wait 15 minutes" in closed.content.decode()
    assert sign_in(Client(REMOTE_ADDR="10.0.1.1"), "mori", PASSWORD).status_code == 302
    door_clock.move(service.FAIL_WINDOW)
    assert sign_in(Client(REMOTE_ADDR="10.0.1.1"), "sato", PASSWORD).status_code == 302


def test_too_many_failures_from_an_address_close_the_door_for_that_address(make_person, door_clock, monkeypatch):
    monkeypatch.setattr(service, "FAILS_PER_ADDRESS", 3)
    make_person("sato")
    for number in range(3):
        sign_in(Client(REMOTE_ADDR="10.0.0.1"), f"name{number}", "wrong")
    assert sign_in(Client(REMOTE_ADDR="10.0.0.1"), "sato", PASSWORD).status_code == 429
    assert sign_in(Client(REMOTE_ADDR="10.0.0.2"), "sato", PASSWORD).status_code == 302


def test_behind_a_proxy_the_door_closes_for_who_guesses_and_not_for_all(make_person, door_clock, monkeypatch):
    monkeypatch.setattr(service, "FAILS_PER_ADDRESS", 3)
    make_person("sato")
    with override_settings(NODE=replace(settings.NODE, proxy="10.0.0.1")):
        guesser, officer = (
            Client(REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": address})
            for address in ("203.0.113.9", "198.51.100.1")
        )
        for number in range(3):
            sign_in(guesser, f"name{number}", "wrong")
        assert sign_in(guesser, "sato", PASSWORD).status_code == 429
        assert sign_in(officer, "sato", PASSWORD).status_code == 302


def test_failures_are_kept_without_names(client, make_person):
    sign_in(client, "my-password-in-the-wrong-box", "x")
    assert [len(f.subject) for f in FailedSignIn.objects.all()] == [64, 64]
    assert not FailedSignIn.objects.filter(subject__contains="password").exists()


def test_signing_in_changes_the_session_key(client, make_person):
    make_person("sato")
    session = client.session
    session["theme"] = "x"
    session.save()
    before = session.session_key
    client.cookies[_session_cookie()] = before
    sign_in(client, "sato", PASSWORD)
    assert client.cookies[_session_cookie()].value != before


def _session_cookie():
    from django.conf import settings

    return settings.SESSION_COOKIE_NAME


def test_signing_out_needs_a_button(make_person, signed_in_as):
    client = signed_in_as(make_person("sato"))
    assert client.get("/sign-out/").status_code == 405
    assert who(client) == "sato"
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    assert who(client) is None


@pytest.mark.parametrize(
    "address", ["https://evil.example/x", "//evil.example/x", "/\\evil.example", "javascript:alert(1)", "http:evil", ""]
)
def test_after_signing_in_one_stays_on_this_node(client, make_person, address):
    make_person("sato")
    assert sign_in(client, "sato", PASSWORD, next=address)["Location"] == "/"


def test_forms_need_their_token(make_person):
    make_person("sato")
    refused = sign_in(Client(enforce_csrf_checks=True), "sato", PASSWORD)
    assert refused.status_code == 403
    assert "Nothing was done" in refused.content.decode()


# ---- who may see what


def test_a_stranger_is_asked_to_sign_in_and_brought_back(client):
    assert client.get("/pier/?line=2")["Location"] == "/sign-in/?next=%2Fpier%2F%3Fline%3D2"
    quick = client.get("/pier/", headers={"HX-Request": "true"})
    assert (quick.status_code, quick["HX-Redirect"]) == (204, "/sign-in/?next=%2Fpier%2F")


def test_a_duty_opens_a_page_and_taking_it_away_closes_it(make_person, signed_in_as):
    person = make_person("sato", duties=[Duty.BILLING])
    client = signed_in_as(person)
    refused = client.get("/pier/")
    assert refused.status_code == 403
    assert "Issuing officer, Receiving officer" in refused.content.decode()
    service.appoint(person, space=bytes(32), grant=4, post="Supply officer", duties=[Duty.RECEIVING])
    assert client.get("/pier/").status_code == 200
    person.appointments.update(active=False)
    assert client.get("/pier/").status_code == 403


def test_a_warrant_has_one_person(make_person):
    sato, mori = make_person("sato"), make_person("mori")
    for person in (sato, mori):
        service.appoint(person, space=bytes(32), grant=4, post="Supply officer", duties=[Duty.RECEIVING])
    fresh = [Person.objects.get(pk=p.pk).appointment_for(bytes(32), Duty.RECEIVING) for p in (sato, mori)]
    assert [a and a.grant for a in fresh] == [None, 4]
    assert Person.objects.get(pk=mori.pk).appointment_for(bytes(32), Duty.ISSUING) is None
    assert Person.objects.get(pk=mori.pk).appointment_for(b"\1" * 32) is None


@pytest.mark.parametrize("name", ["", "Sato Haruka", "1sato", "sato!", "s" * 41])
def test_a_sign_in_name_that_cannot_be(db, name):
    with pytest.raises(LocalError) as refused:
        service.create_person(name, "Sato")
    assert refused.value.code == "sign-in-name-wrong"


def test_a_sign_in_name_is_given_once(make_person):
    make_person("sato")
    with pytest.raises(LocalError) as refused:
        service.create_person("SATO", "Another")
    assert refused.value.code == "sign-in-name-taken"


# ---- asked again before signing


def test_signing_asks_again_after_a_while(make_person, signed_in_as, door_clock):
    client = signed_in_as(make_person("sato"))
    door_clock.move(service.FRESH_SECONDS)
    assert client.get("/signing/").content == b"sign here"
    door_clock.move(1)
    assert client.get("/signing/")["Location"] == "/confirm/?next=%2Fsigning%2F"
    wrong = client.post("/confirm/", {"password": "wrong", "next": "/signing/"})
    assert (wrong.status_code, "not your password" in wrong.content.decode()) == (422, True)
    assert client.post("/confirm/", {"password": PASSWORD, "next": "/signing/"})["Location"] == "/signing/"
    assert client.get("/signing/").content == b"sign here"


def test_who_has_neither_password_nor_passkey_is_asked_to_choose_one(make_person, signed_in_as, door_clock):
    client = signed_in_as(make_person("sato", password=None))
    door_clock.move(service.FRESH_SECONDS + 1)
    assert client.get("/signing/")["Location"] == "/welcome/?next=%2Fsigning%2F"


def test_confirming_can_fail_too_often(make_person, signed_in_as):
    client = signed_in_as(make_person("sato"))
    for _ in range(service.FAILS_PER_NAME):
        assert client.post("/confirm/", {"password": "wrong"}).status_code == 422
    assert client.post("/confirm/", {"password": PASSWORD}).status_code == 429


# ---- passkeys, with an authenticator made of a few lines


class Authenticator:
    """A device that holds one key for one host and counts its uses."""

    def __init__(self, origin="http://localhost", credential_id=b"key-of-sato"):
        self.origin, self.credential_id, self.uses = origin, credential_id, 0
        self.key = ec.generate_private_key(ec.SECP256R1())

    def _client_data(self, kind, options):
        challenge = websafe_decode(options["publicKey"]["challenge"])
        return CollectedClientData.create(type=kind, challenge=challenge, origin=self.origin)

    def _data(self, host, credential=b""):
        self.uses += 1
        flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV
        if credential:
            flags |= AuthenticatorData.FLAG.AT
        return AuthenticatorData.create(sha256(host.encode()).digest(), flags, self.uses, credential)

    def _answer(self, **response):
        encoded = {name: websafe_encode(bytes(value)) for name, value in response.items()}
        raw = websafe_encode(self.credential_id)
        return {"id": raw, "rawId": raw, "type": "public-key", "response": encoded}

    def make(self, options):
        public = ES256.from_cryptography_key(self.key.public_key())
        credential = AttestedCredentialData.create(bytes(16), self.credential_id, public)
        data = self._data(options["publicKey"]["rp"]["id"], credential)
        return self._answer(
            clientDataJSON=self._client_data("webauthn.create", options),
            attestationObject=AttestationObject.create("none", data, {}),
        )

    def prove(self, options):
        client_data = self._client_data("webauthn.get", options)
        data = self._data(options["publicKey"]["rpId"])
        signature = self.key.sign(bytes(data) + client_data.hash, ec.ECDSA(hashes.SHA256()))
        return self._answer(clientDataJSON=client_data, authenticatorData=data, signature=signature)


def post(client, address, body):
    return client.post(
        address, json.dumps(body), content_type="application/json", headers={"Accept": "application/json"}
    )


@pytest.fixture
def host(client):
    """A browser that calls the node localhost; addresses in numbers have no passkeys."""

    def make(browser=client):
        browser.defaults["SERVER_NAME"] = "localhost"
        return browser

    return make


def add_passkey(client, device):
    options = post(client, "/passkey/add/begin/", {}).json()
    return post(client, "/passkey/add/finish/", {"credential": device.make(options), "name": "Ship's key", "next": "/"})


def prove_passkey(client, device, **more):
    options = post(client, "/passkey/prove/begin/", {}).json()
    return post(client, "/passkey/prove/finish/", {"credential": device.prove(options), **more})


@pytest.fixture
def sato_with_key(make_person, signed_in_as, host):
    person, device = make_person("sato", password=None), Authenticator()
    client = host(signed_in_as(person))
    assert add_passkey(client, device).json() == {"next": "/"}
    return person, device, client


def test_a_passkey_signs_in(sato_with_key, host):
    _, device, _ = sato_with_key
    client = host(Client())
    response = prove_passkey(client, device, next="/pier/")
    assert (response.status_code, response.json()) == (200, {"next": "/pier/"})
    assert who(client) == "sato"


def test_a_passkey_confirms_before_signing(door_clock, sato_with_key):
    _, device, client = sato_with_key
    door_clock.move(2 * service.FRESH_SECONDS)
    assert client.get("/signing/")["Location"].startswith("/confirm/")
    assert prove_passkey(client, device, next="/signing/").status_code == 200
    assert client.get("/signing/").content == b"sign here"


def refused(response):
    return (response.status_code, response.json()["code"]) == (422, "passkey-refused")


@pytest.mark.parametrize("answer", ["[" * 50_000, "{", "[1]"], ids=["nested", "cut", "a list"])
def test_an_answer_that_is_no_json_object_is_refused(sato_with_key, host, answer: str):
    client = host(Client())
    accept = {"Accept": "application/json"}
    assert refused(client.post("/passkey/prove/finish/", answer, content_type="application/json", headers=accept))


def test_a_passkey_of_another_device_is_refused(sato_with_key, host):
    client = host(Client())
    assert refused(prove_passkey(client, Authenticator()))  # the same name, another key
    assert refused(prove_passkey(client, Authenticator(credential_id=b"unknown")))
    assert who(client) is None


def test_a_passkey_from_another_site_is_refused(sato_with_key, host):
    _, device, _ = sato_with_key
    device.origin = "http://evil.example"
    assert refused(prove_passkey(host(Client()), device))


def test_an_answer_is_good_for_one_question(sato_with_key, host):
    _, device, _ = sato_with_key
    client = host(Client())
    options = post(client, "/passkey/prove/begin/", {}).json()
    answer = device.prove(options)
    assert post(client, "/passkey/prove/finish/", {"credential": answer}).status_code == 200
    client.post("/sign-out/")
    assert refused(post(client, "/passkey/prove/finish/", {"credential": answer}))


def test_a_copied_passkey_is_noticed_by_its_counter(sato_with_key, host):
    _, device, _ = sato_with_key
    prove_passkey(host(Client()), device)
    device.uses = 0
    assert refused(prove_passkey(host(Client()), device))


def test_a_passkey_of_someone_dismissed_is_refused(sato_with_key, host):
    person, device, _ = sato_with_key
    Person.objects.filter(pk=person.pk).update(is_active=False)
    assert refused(prove_passkey(host(Client()), device))


def test_another_persons_passkey_does_not_confirm(sato_with_key, make_person, signed_in_as, host):
    _, device, _ = sato_with_key
    other = host(signed_in_as(make_person("mori")))
    options = post(Client(SERVER_NAME="localhost"), "/passkey/prove/begin/", {}).json()
    session = other.session
    session["passkey_challenge"] = {"challenge": options["publicKey"]["challenge"], "user_verification": "required"}
    session.save()
    assert refused(post(other, "/passkey/prove/finish/", {"credential": device.prove(options)}))
    assert who(other) == "mori"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"credential": 3}', b'{"credential": {"rawId": "!"}}', b"x" * 60_000]
)
def test_an_answer_that_is_none_is_refused(sato_with_key, host, body):
    client = host(Client())
    post(client, "/passkey/prove/begin/", {})
    response = client.post(
        "/passkey/prove/finish/", body, content_type="application/json", headers={"Accept": "application/json"}
    )
    assert refused(response)


def test_adding_a_passkey_needs_a_fresh_confirmation(make_person, signed_in_as, host, door_clock):
    client = host(signed_in_as(make_person("sato")))
    door_clock.move(service.FRESH_SECONDS + 1)
    response = post(client, "/passkey/add/begin/", {})
    assert (response.status_code, response.json()["code"]) == (422, "confirm-first")


def test_the_only_way_in_is_not_removed(sato_with_key):
    person, _, client = sato_with_key
    (key,) = person.passkeys.all()
    client.post(f"/me/passkeys/{key.pk}/remove/")
    assert person.passkeys.count() == 1
    person.set_password(PASSWORD)
    person.save()
    client = Client()
    sign_in(client, "sato", PASSWORD)
    client.post(f"/me/passkeys/{key.pk}/remove/")
    assert person.passkeys.count() == 0


def test_someone_elses_passkey_is_not_removed(sato_with_key, make_person, signed_in_as):
    person, _, _ = sato_with_key
    (key,) = person.passkeys.all()
    signed_in_as(make_person("mori")).post(f"/me/passkeys/{key.pk}/remove/")
    assert person.passkeys.count() == 1


@pytest.mark.parametrize(
    ("host_name", "possible"),
    [
        ("localhost", True),
        ("localhost:8101", True),
        ("127.0.0.1:8101", False),
        ("[::1]:8101", False),
        ("base.example", False),
    ],
)
def test_passkeys_are_offered_where_browsers_make_them(host_name, possible):
    assert service.passkeys_possible(host_name) is possible


def test_every_page_of_the_door_is_drawn(make_person, signed_in_as, client, host):
    assert "passkeys.js" not in client.get("/sign-in/").content.decode()
    assert "passkeys.js" in host(Client()).get("/sign-in/").content.decode()
    inside = signed_in_as(make_person("sato", post="Supply officer"))
    for address, says in [("/me/", "Supply officer"), ("/welcome/", "New password"), ("/confirm/", "Is it still you?")]:
        page = inside.get(address)
        assert page.status_code == 200
        assert says in page.content.decode()
    assert inside.get("/sign-in/?next=/pier/")["Location"] == "/pier/"


def test_nobody_is_put_under_two_warrants_that_are_kept_apart(make_person):
    person = make_person("sato")
    service.appoint(person, space=bytes(32), grant=4, post="Contracting officer", duties=[Duty.ORDERING])
    with pytest.raises(LocalError, match="duties-conflict"):
        service.appoint(person, space=bytes(32), grant=5, post="Supply officer", duties=[Duty.RECEIVING])
    assert person.duties_held == {Duty.ORDERING}
