"""Officers' own keys on the pages: made, read to the administrator, put into the warrant, asked for when signing."""

import json
from urllib.parse import quote

import pytest
from django.contrib.sessions.models import Session
from fido2.utils import websafe_encode
from tests import nodes
from tests.cast import terms_with
from tests.conftest import PASSWORD
from tests.web.conftest import form_on, text_of
from tests.web.test_orders_acts import only

from tallystick.app import pairing
from tallystick.app.ids import SystemIds
from tallystick.core import cose
from tallystick.core.agreement import OfficerSigns
from tallystick.core.entries import Duty, Kind
from tallystick.core.signing import readable_id
from tallystick.stores import officer_keys
from tallystick.web.national.models import Draft
from tallystick.web.people import service
from tallystick.web.people.models import FailedSignIn, Passkey, SigningKey

ME = "/me/signing-key/"
WORDS = "four words on paper"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Sealing that a guesser would laugh at; tests/unit/stores/test_officer_keys.py has the real one."""
    monkeypatch.setattr(officer_keys, "_MEMORY_KIB", 64)
    monkeypatch.setattr(officer_keys, "_ITERATIONS", 1)


@pytest.fixture
def always(monkeypatch):
    """Terms by which officers always sign themselves."""
    monkeypatch.setattr(pairing, "PROFILES", {"JPIN": terms_with(officer_signs=OfficerSigns.ALWAYS)})


@pytest.fixture
def asked(always, stage):
    """India asked and offered; Japan's ordering officer has the offer before them."""
    offer = nodes.offered(stage.director)
    stage.director.exchange()
    return stage.act_path(only(stage.director).order_id, Kind.ORDER, offer)


def make_key(browser, words=WORDS):
    made = browser.post(ME, {**form_on(browser.get(ME), "make"), "passphrase": words, "again": words, "do": "make"})
    assert made.status_code == 302, text_of(made)
    return SigningKey.objects.latest("made_at", "pk")


def into_the_warrant(stage, key, login="tanaka"):
    """The administrator types the key id that the officer reads out."""
    admin = stage.somebody("JP", [Duty.ADMINISTRATOR])
    path = f"/people/warrants/{stage.director.grants['JP', login]}/rotate/"
    admin.act(path, officer_key=readable_id(bytes(key.public)).lower().replace("-", " "))
    (view,) = [g for g in admin.desk.record.grants.values() if g.officer_key == bytes(key.public)]
    stage.director.grants["JP", login] = view.ref.index


def said(stage):
    return {"funds_certifier": str(stage.director.grants["JP", "mori"]), "bill_to": "Fleet accounts"}


def test_an_order_is_signed_with_the_officers_own_key(asked, stage):
    tanaka = stage.browser("JP", "tanaka")
    key = make_key(tanaka)
    assert readable_id(bytes(key.public)) in text_of(tanaka.get(ME))
    waiting = text_of(tanaka.get(ME))
    assert "names no key yet" in waiting
    assert "Read the key id to your administrator" in waiting
    into_the_warrant(stage, key)
    ready = text_of(tanaka.get(ME))
    assert "This key is in the warrant." in ready
    assert "Read the key id to your administrator" not in ready

    page = tanaka.fill(asked, **said(stage))
    assert page.status_code == 200, text_of(page)
    assert "Passphrase of your signing key" in text_of(page)
    sent = form_on(page, "sign")
    done = tanaka.post(asked, {**sent, "passphrase": WORDS, "do": "sign"})
    assert done.status_code == 302, text_of(done)

    desk = stage.director.desk("JP")
    entry = desk.space.entry(only(stage.director).order)
    to_sign = cose.payload(desk.id, entry)
    assert cose.verify(bytes(key.public), to_sign, entry.auth)
    assert cose.to_be_signed(to_sign).hex() in page.content.decode().replace("\n", "")  # the very bytes were shown
    page = text_of(tanaka.get(f"/orders/{only(stage.director).order_id}/entries/{entry.ref}/"))
    assert f"fits the key {readable_id(bytes(key.public))} in the warrant" in page
    stage.director.exchange()
    assert nodes.in_step(stage.director)
    assert stage.order("IN", only(stage.director).order_id).state == "ordered"


def test_the_passphrase_is_asked_each_time_and_a_wrong_one_signs_nothing(asked, stage):
    tanaka = stage.browser("JP", "tanaka")
    into_the_warrant(stage, make_key(tanaka))
    sent = form_on(tanaka.fill(asked, **said(stage)), "sign")
    before = stage.director.desk("JP").space.sizes()

    without = tanaka.post(asked, {**sent, "do": "sign"})
    assert without.status_code == 422
    assert "needs the own signature" in text_of(without)
    wrong = tanaka.post(asked, {**sent, "passphrase": "not these words", "do": "sign"})
    assert wrong.status_code == 422
    assert "not the passphrase of this key" in text_of(wrong)
    assert b"not these words" not in wrong.content
    assert stage.director.desk("JP").space.sizes() == before
    done = tanaka.post(asked, {**form_on(wrong, "sign"), "passphrase": WORDS, "do": "sign"})
    assert done.status_code == 302


def test_wrong_passphrases_are_counted(asked, stage, monkeypatch):
    monkeypatch.setattr(service, "FAILS_PER_NAME", 2)
    tanaka = stage.browser("JP", "tanaka")
    into_the_warrant(stage, make_key(tanaka))
    sent = form_on(tanaka.fill(asked, **said(stage)), "sign")
    for _ in range(2):
        wrong = tanaka.post(asked, {**sent, "passphrase": "not these words", "do": "sign"})
    assert FailedSignIn.objects.count() == 4  # by name and by address
    refused = tanaka.post(asked, {**sent, "passphrase": WORDS, "do": "sign"})
    assert "too many tries" in text_of(refused)
    assert wrong.status_code == refused.status_code == 422


def test_the_passphrase_is_kept_nowhere(asked, stage):
    tanaka = stage.browser("JP", "tanaka")
    into_the_warrant(stage, make_key(tanaka))
    sent = form_on(tanaka.fill(asked, **said(stage)), "sign")
    tanaka.post(asked, {**sent, "passphrase": WORDS, "do": "save"})
    tanaka.post(asked, {**sent, "passphrase": WORDS, "looked_at": "00" * 32, "do": "sign"})
    assert WORDS not in json.dumps([draft.data for draft in Draft.objects.all()])
    assert all(WORDS not in str(session.get_decoded()) for session in Session.objects.all())
    stage.director.nodes["JP"].store.close()
    folder = stage.director.nodes["JP"].settings.folder
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert WORDS.encode() not in everything


def test_a_page_that_was_open_for_long_is_shown_anew(asked, stage):
    tanaka = stage.browser("JP", "tanaka")
    into_the_warrant(stage, make_key(tanaka))
    sent = form_on(tanaka.fill(asked, **said(stage)), "sign")
    stage.director.clock.instant += 11 * 60
    late = tanaka.post(asked, {**sent, "passphrase": WORDS, "do": "sign"})
    assert late.status_code == 409
    assert "This page was open for long" in text_of(late)
    done = tanaka.post(asked, {**form_on(late, "sign"), "passphrase": WORDS, "do": "sign"})
    assert done.status_code == 302


def test_who_has_no_key_or_another_one_is_told_what_to_do(asked, stage):
    tanaka = stage.browser("JP", "tanaka")
    page = tanaka.fill(asked, **said(stage))
    assert "names no key" in text_of(page)
    assert ME in page.content.decode()
    into_the_warrant(stage, make_key(tanaka))
    again = tanaka.post(ME, {
        **form_on(tanaka.get(ME), "make"), "passphrase": WORDS + "!", "again": WORDS + "!", "replace": "yes",
        "do": "make",
    })  # fmt: skip
    assert again.status_code == 302
    page = tanaka.fill(asked, **said(stage))
    assert "is not the one in the warrant" in text_of(page)
    assert "The warrant has another key" in text_of(tanaka.get(ME))


def test_what_needs_no_own_signature_asks_for_none(stage):
    offer = nodes.offered(stage.director)
    stage.director.exchange()
    path = stage.act_path(only(stage.director).order_id, Kind.ORDER, offer)
    page = stage.browser("JP", "tanaka").fill(path, **said(stage))
    assert "Passphrase" not in text_of(page)
    stage.browser("JP", "tanaka").sign(page, path)
    assert only(stage.director).state == "ordered"


# ---- the key itself


def test_a_key_asks_for_a_decent_passphrase_twice(stage):
    tanaka = stage.browser("JP", "tanaka")
    form = form_on(tanaka.get(ME), "make")
    for passphrase, again, why in [
        ("a few words", "a few words", "too short"),
        (WORDS, WORDS + "x", "not the same"),
        ("password1234", "password1234", "too common"),
    ]:
        page = tanaka.post(ME, {**form, "passphrase": passphrase, "again": again, "do": "make"})
        assert page.status_code == 422
        assert why in text_of(page), text_of(page)
        assert passphrase not in text_of(page)
    assert not SigningKey.objects.exists()


def test_the_passphrase_is_not_the_password(stage):
    tanaka = stage.browser("JP", "tanaka")
    form = form_on(tanaka.get(ME), "make")
    page = tanaka.post(ME, {**form, "passphrase": PASSWORD, "again": PASSWORD, "do": "make"})
    assert page.status_code == 422
    assert "Take another one than your password" in text_of(page)
    assert not SigningKey.objects.exists()


def test_the_passphrase_can_be_changed(stage):
    tanaka = stage.browser("JP", "tanaka")
    key = make_key(tanaka)
    form = form_on(tanaka.get(ME), "change")
    new = "quite other words"
    wrong = tanaka.post(ME, {**form, "old": "not these words", "passphrase": new, "again": new, "do": "change"})
    assert wrong.status_code == 422
    assert "not the passphrase" in text_of(wrong)
    done = tanaka.post(ME, {**form, "old": WORDS, "passphrase": new, "again": new, "do": "change"})
    assert done.status_code == 302
    after = SigningKey.objects.get()
    assert (bytes(after.public), bytes(after.sealed)) != (bytes(key.public), bytes(key.sealed))
    assert bytes(after.public) == bytes(key.public)


def test_a_key_is_not_replaced_by_accident(stage):
    tanaka = stage.browser("JP", "tanaka")
    key = make_key(tanaka)
    page = tanaka.post(ME, {"passphrase": WORDS, "again": WORDS, "do": "make"})
    assert page.status_code == 200
    assert bytes(SigningKey.objects.get().public) == bytes(key.public)


def test_ones_key_needs_a_fresh_confirmation(stage, door_clock):
    tanaka = stage.browser("JP", "tanaka")
    assert tanaka.get(ME).status_code == 200
    door_clock.move(service.FRESH_SECONDS + 1)
    assert tanaka.get(ME).url == f"/confirm/?next={quote(ME, safe='')}"


def passkey_of(person, credential=b"credential"):
    return Passkey.objects.create(
        person=person, credential_id=credential, data=b"", host="testserver", name="A device", added_at=0
    )


def test_a_passkey_opens_the_key_as_the_passphrase_does(asked, stage):
    tanaka = stage.browser("JP", "tanaka")
    key = make_key(tanaka)
    into_the_warrant(stage, key)
    passkey_of(key.person)
    form = form_on(tanaka.get(ME), "change")
    sealing = {
        "csrfmiddlewaretoken": form.get("csrfmiddlewaretoken", ""), "do": "passkey", "old": WORDS,
        "credential": websafe_encode(b"credential"), "prf": websafe_encode(b"p" * 32),
        "salt": websafe_encode(b"s" * 32),
    }  # fmt: skip
    for wrong, why in [
        ({"old": "not these words"}, "not the passphrase"),
        ({"credential": websafe_encode(b"of somebody else")}, "cannot seal a key, or is not yours"),
        ({"prf": websafe_encode(b"short")}, "cannot seal a key, or is not yours"),
        ({"prf": "no base64 \u00e9"}, "cannot seal a key, or is not yours"),
    ]:
        page = tanaka.post(ME, {**sealing, **wrong})
        assert page.status_code == 422
        assert why in text_of(page)
        assert SigningKey.objects.get().sealed_by_passkey is None
    assert tanaka.post(ME, sealing).status_code == 302

    shown = tanaka.fill(asked, **said(stage))
    assert f'data-salt="{websafe_encode(b"s" * 32)}"' in shown.content.decode()
    sent = form_on(shown, "sign")
    wrong = tanaka.post(asked, {**sent, "prf": websafe_encode(b"q" * 32), "do": "sign"})
    assert wrong.status_code == 422
    done = tanaka.post(asked, {**sent, "prf": websafe_encode(b"p" * 32), "do": "sign"})
    assert done.status_code == 302, text_of(done)
    assert only(stage.director).state == "ordered"


def test_a_passkey_that_is_removed_opens_nothing(asked, stage):
    tanaka = stage.browser("JP", "tanaka")
    key = make_key(tanaka)
    into_the_warrant(stage, key)
    key.passkey = passkey_of(key.person)
    sealed = officer_keys.seal_to_passkey(
        officer_keys.read(bytes(key.sealed)), WORDS, b"p" * 32, b"s" * 32, SystemIds()
    )  # fmt: skip
    key.sealed_by_passkey = sealed.data
    key.save()
    sent = form_on(tanaka.fill(asked, **said(stage)), "sign")
    Passkey.objects.all().delete()
    page = tanaka.post(asked, {**sent, "prf": websafe_encode(b"p" * 32), "do": "sign"})
    assert page.status_code == 422
    assert "passkey" not in text_of(tanaka.fill(asked, **said(stage))).lower()


# ---- the administrator


def test_the_administrator_types_what_was_read_out(asked, stage):
    tanaka = stage.browser("JP", "tanaka")
    make_key(tanaka)
    admin = stage.somebody("JP", [Duty.ADMINISTRATOR])
    path = f"/people/warrants/{stage.director.grants['JP', 'tanaka']}/rotate/"
    page = admin.fill(path, officer_key="AAAA-AAAA-AAAA-AAAA")
    assert page.status_code == 422
    assert "No key of that id" in text_of(page)
    page = admin.fill(path, officer_key="00" * 32)
    assert page.status_code == 422
    clerk = stage.browser("JP", "kimura")
    assert clerk.get(path).status_code == 403


def test_who_held_the_warrant_holds_the_new_one(asked, stage):
    tanaka = stage.browser("JP", "tanaka")
    before = stage.director.grants["JP", "tanaka"]
    into_the_warrant(stage, make_key(tanaka))
    told = text_of(stage.somebody("JP", [Duty.ADMINISTRATOR]).get("/people/warrants/"))
    assert "New key" in told
    assert f"Warrant {stage.director.grants['JP', 'tanaka']} of our admin log" in text_of(tanaka.get("/me/"))
    assert stage.director.grants["JP", "tanaka"] != before


def test_a_deputy_is_granted_on_the_page(stage):
    admin = stage.somebody("JP", [Duty.ADMINISTRATOR])
    ordering = stage.director.grants["JP", "tanaka"]
    fields = {
        "post": "Deputy ordering officer", "duties": str(int(Duty.ORDERING)), "acting_for": str(ordering),
        "currency": "INR", "per_act": "1000000.00",
    }  # fmt: skip
    without_end = admin.fill("/people/warrants/new/", **fields)
    assert without_end.status_code == 422
    assert "cannot act for warrant" in text_of(without_end)
    admin.act("/people/warrants/new/", **fields, until="2027-03-31")
    (view,) = [g for g in admin.desk.record.grants.values() if g.acting_for == ordering]
    assert view.void is None
