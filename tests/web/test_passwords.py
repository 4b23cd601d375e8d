"""What a password may not be, decided without a network."""

import hashlib

import pytest
from django.core.exceptions import ValidationError
from django.test import override_settings

from tallystick.app.settings import NodeSettings
from tallystick.core.errors import LocalError
from tallystick.web import settings
from tallystick.web.people import passwords, service
from tallystick.web.people.models import Person

SATO = Person(username="sato.haruka", display_name="Sato Haruka", post="Supply officer, JS Natsuzora")


def codes(password: str) -> set[str]:
    """Return why ``password`` is refused for Sato; empty when it may be."""
    from django.contrib.auth.password_validation import validate_password

    try:
        validate_password(password, SATO)
    except ValidationError as error:
        return {one.code for one in error.error_list}
    return set()


@pytest.mark.parametrize(
    "password",
    [
        "salt herring and dry rope",
        "塩にしんと乾いたロープと灯台の猫",
        "j7#Kq2!vLz9$wXn4",
        "correct horse battery staple",
        " " + "x9 q4 z7 w1 v5 k2" + " ",
        "a walk by the sea " * 3 + "in 1994",
        "x" * 3 + "Mp4-" * 2 + "harbour lantern 77" + "é" * 40,
    ],
)
def test_any_signs_will_do_when_there_are_enough_of_them(password: str):
    assert codes(password) == set()


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("fourteen char.", "password_too_short"),
        ("tallystick 2026!", "password_guessed_first"),
        ("T4llyst1ckN4vy!!", "password_guessed_first"),
        ("JapanHeadquarters", "password_guessed_first"),  # the node's own names
        ("qwertyuiopasdfgh", "password_guessed_first"),
        ("abcabcabcabcabcabc", "password_guessed_first"),
        ("aaaaaaaaaaaaaaaaaaaa", "password_guessed_first"),
        ("natsuzora haruka", "password_guessed_first"),
        ("102938475610293847", "password_entirely_numeric"),
        ("trustno1!!!!!!!!", "password_too_common"),
        ("Trustno1 20262026", "password_too_common"),
    ],
)
def test_what_is_tried_first_is_refused(password: str, why: str):
    assert why in codes(password)


@pytest.fixture
def listed(tmp_path):
    """A list of 1,000 stolen passwords and some of their neighbours, in a node that uses it."""
    stolen = [f"stolen password number {n}" for n in range(1_000)]
    lines = sorted(f"{hashlib.sha1(one.encode()).hexdigest().upper()}:{len(one)}" for one in stolen)
    (tmp_path / "stolen.txt").write_text("\r\n".join(lines) + "\r\n")
    node = settings.NODE
    with override_settings(
        NODE=NodeSettings(
            folder=tmp_path, party=node.party, party_name="x", node_name="x", breached_passwords="stolen.txt"
        )
    ):
        yield tmp_path / "stolen.txt", stolen


def test_every_stolen_password_is_found_and_no_other(listed):
    path, stolen = listed
    assert all(passwords.is_listed(path, one) for one in stolen)
    assert not any(passwords.is_listed(path, one + "x") for one in stolen)
    assert codes(stolen[7]) == {"breached"}
    assert codes("salt herring and dry rope") == set()


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"0" * 40, b"F" * 40 + b":1\n", b"no list at all\n" * 50, b"\xff" * 999]
)
def test_a_list_that_is_none_finds_nothing_and_ends(listed, content):
    path, stolen = listed
    path.write_bytes(content)
    assert not passwords.is_listed(path, stolen[0])


def test_a_list_that_is_not_there_is_said_to_be_missing(listed):
    path, _ = listed
    path.unlink()
    with pytest.raises(LocalError) as refused:
        codes("salt herring and dry rope")
    assert (refused.value.code, refused.value.facts["setting"]) == ("setting-wrong", "breached_passwords")


def test_a_node_for_passkeys_only_takes_no_password(client, make_person, signed_in_as):
    person = make_person("sato")
    inside = signed_in_as(person)
    node = settings.NODE
    only = NodeSettings(folder=node.folder, party=node.party, party_name="x", node_name="x", allow_passwords=False)
    with override_settings(NODE=only):
        page = client.get("/sign-in/").content.decode()
        assert "passkeys only" in page
        assert 'type="password"' not in page
        right = {"username": "sato", "password": "salt herring and dry rope"}
        assert client.post("/sign-in/", right).status_code == 422
        assert inside.post("/confirm/", right).status_code == 422
        assert 'type="password"' not in inside.get("/welcome/").content.decode()
        with pytest.raises(ValidationError):
            service.choose_password(person, "another rope altogether")
    assert client.post("/sign-in/", right).status_code == 302
