"""Officers' keys at rest: only the officer opens them, and nothing can be changed in them."""

from __future__ import annotations

import pickle
import stat
from pathlib import Path

import pytest

from tallystick.app.ids import SystemIds
from tallystick.core import canonical, signing
from tallystick.core.errors import LocalError
from tallystick.stores import officer_keys
from tallystick.stores.officer_keys import Sealed, SealedBy

WORDS = "four words on paper"
IDS = SystemIds()


@pytest.fixture(scope="module")
def sealed() -> Sealed:
    return officer_keys.create(WORDS, IDS)


def refused(code: str, data: Sealed, passphrase: str = WORDS) -> None:
    with pytest.raises(LocalError) as caught:
        officer_keys.open_with_passphrase(data, passphrase)
    assert caught.value.code == code


def test_a_key_signs_once_it_is_opened(sealed: Sealed) -> None:
    opened = officer_keys.open_with_passphrase(sealed, WORDS)
    assert signing.verify(sealed.public, b"an act", opened.sign(b"an act"))
    assert officer_keys.read(sealed.data) == sealed


def test_nobody_else_opens_it(sealed: Sealed) -> None:
    refused("passphrase-wrong", sealed, WORDS + " ")
    refused("passphrase-wrong", sealed, "")


def test_the_seed_is_nowhere_to_be_read(sealed: Sealed) -> None:
    opened = officer_keys.open_with_passphrase(sealed, WORDS)
    assert opened._seed not in sealed.data
    assert opened._seed.hex() not in repr(opened)
    assert repr(opened._seed) not in repr(opened)
    with pytest.raises(TypeError):
        pickle.dumps(opened)


def test_two_keys_under_one_passphrase_have_nothing_in_common(sealed: Sealed) -> None:
    other = officer_keys.create(WORDS, IDS)
    ours, theirs = canonical.decode(sealed.data), canonical.decode(other.data)
    assert ours[1] != theirs[1]
    assert ours[3][0] != theirs[3][0]
    assert ours[4:] != theirs[4:]
    assert ours[3][1:] == [3, 4, 65536]  # RFC 9106, 4: the second recommendation


@pytest.mark.parametrize("part", ["public", "salt", "iterations", "nonce", "box"])
def test_a_changed_key_does_not_open(sealed: Sealed, part: str) -> None:
    version, public, by, parameters, nonce, box = canonical.decode(sealed.data)
    match part:
        case "public":
            public = signing.public_key(bytes(32))
        case "salt":
            parameters[0] = bytes(16)
        case "iterations":
            parameters[1] = 2
        case "nonce":
            nonce = bytes(12)
        case "box":
            box = box[:-1] + bytes([box[-1] ^ 1])
    refused("passphrase-wrong", officer_keys.read(canonical.encode([version, public, by, parameters, nonce, box])))


@pytest.mark.parametrize(
    "parameters", [[bytes(16), 3, 4, 2**40], [bytes(16), 10**6, 4, 65536], [bytes(16), 3, 400, 65536], [bytes(32)], []]
)
def test_a_key_that_would_take_the_machine_down_is_not_tried(sealed: Sealed, parameters: list[object]) -> None:
    version, public, by, _, nonce, box = canonical.decode(sealed.data)
    refused("officer-key-damaged", officer_keys.read(canonical.encode([version, public, by, parameters, nonce, box])))


@pytest.mark.parametrize(
    "data", [b"", b"\xff", canonical.encode([1]), canonical.encode([2, bytes(32), 1, [], b"", b""])]
)
def test_other_bytes_are_no_key(data: bytes) -> None:
    with pytest.raises(LocalError) as caught:
        officer_keys.read(data)
    assert caught.value.code == "officer-key-damaged"


@pytest.mark.parametrize("data", [b"", b"not base64", "clé".encode(), b"\xff" * 64])
def test_another_file_is_no_key(data: bytes) -> None:
    with pytest.raises(LocalError) as caught:
        officer_keys.parse_file(data)
    assert caught.value.code == "officer-key-damaged"


def test_a_new_passphrase_opens_the_same_key_and_the_old_one_does_not(sealed: Sealed) -> None:
    new = officer_keys.reseal(sealed, WORDS, "quite other words", IDS)
    assert new.public == sealed.public
    assert officer_keys.open_with_passphrase(new, "quite other words").public == sealed.public
    refused("passphrase-wrong", new)


def test_the_same_words_on_another_keyboard_are_the_same() -> None:
    key = officer_keys.create("Cafe\u0301 sous la pluie", IDS)
    assert officer_keys.open_with_passphrase(key, "Caf\u00e9 sous la pluie").public == key.public


@pytest.mark.parametrize(
    ("passphrase", "code"), [("x" * 14, "passphrase-too-short"), ("x" * 257, "passphrase-too-long")]
)
def test_a_passphrase_has_a_decent_length(passphrase: str, code: str) -> None:
    with pytest.raises(LocalError) as caught:
        officer_keys.create(passphrase, IDS)
    assert caught.value.code == code


def test_a_passkey_is_a_second_way_in(sealed: Sealed) -> None:
    answer, salt = b"a" * 32, b"s" * 32
    second = officer_keys.seal_to_passkey(sealed, WORDS, answer, salt, IDS)
    assert (second.public, second.by, officer_keys.salt_of(second)) == (sealed.public, SealedBy.PASSKEY, salt)
    assert officer_keys.open_with_passkey(second, answer).public == sealed.public
    with pytest.raises(LocalError) as caught:
        officer_keys.open_with_passkey(second, b"b" * 32)
    assert caught.value.code == "passphrase-wrong"
    refused("officer-key-damaged", second)  # not sealed by a passphrase at all


def test_a_file_holds_the_sealed_key_for_its_owner_alone(sealed: Sealed, tmp_path: Path) -> None:
    path = tmp_path / "officer.key"
    officer_keys.write_file(path, sealed)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signing.readable_id(sealed.public) in path.read_text()
    assert officer_keys.parse_file(path.read_bytes()) == sealed
    with pytest.raises(LocalError) as caught:
        officer_keys.write_file(path, sealed)
    assert caught.value.code == "key-exists"
    with pytest.raises(LocalError):
        officer_keys.parse_file(b"tallystick-officer-key-1:!!!")
