"""Key files: private from the first byte, never written over, never printed."""

import errno
import os
import pickle
import stat
from itertools import count
from pathlib import Path

import pyrage
import pytest
from tests.unit.stores.keeping import some

from tallystick.core import signing
from tallystick.core.errors import LocalError, MalformedBytesError, RemoteError, StoreUnavailableError
from tallystick.stores.keys import KeyFolder


class CountedIds:
    """Dice that always fall the same way."""

    def __init__(self) -> None:
        self._numbers = count()

    def random_bytes(self, count: int) -> bytes:
        return some(count, "dice", next(self._numbers))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "node" / "keys"


@pytest.fixture
def keys(folder: Path) -> KeyFolder:
    keys, ids = KeyFolder(folder), CountedIds()
    for name in ("root", "writer", "age", "web"):
        keys.create(name, ids)
    return keys


def test_a_signature_is_of_the_named_key(keys: KeyFolder):
    for name in ("root", "writer"):
        signature = keys.sign(name, b"an order")
        assert signing.verify(keys.public(name), b"an order", signature)
    assert keys.public("root") == signing.public_key(some(32, "dice", 0))
    assert keys.public("root") != keys.public("writer")


def test_keys_are_the_same_when_opened_again(keys: KeyFolder, folder: Path):
    again = KeyFolder(folder)
    assert (again.public("writer"), again.age_recipient(), again.web_secret()) == (
        keys.public("writer"),
        keys.age_recipient(),
        keys.web_secret(),
    )


def test_files_are_private_whatever_the_umask(folder: Path):
    before = os.umask(0)
    try:
        KeyFolder(folder).create("root", CountedIds())
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "root.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_key_that_others_may_touch_is_refused(keys: KeyFolder, folder: Path, mode: int):
    path = folder / "writer.key"
    path.chmod(mode)
    with pytest.raises(LocalError) as refused:
        keys.sign("writer", b"an order")
    assert (refused.value.code, refused.value.facts["mode"]) == ("key-exposed", f"{mode:04o}")
    path.chmod(0o600)
    keys.sign("writer", b"an order")


def test_a_key_is_never_written_over(keys: KeyFolder, folder: Path):
    before = (folder / "root.key").read_bytes()
    with pytest.raises(LocalError) as refused:
        keys.create("root", CountedIds())
    assert refused.value.code == "key-exists"
    assert (folder / "root.key").read_bytes() == before


def test_a_ship_has_no_root_key_and_is_told_so(folder: Path):
    ship = KeyFolder(folder)
    ship.create("writer", CountedIds())
    assert (ship.has("writer"), ship.has("root")) == (True, False)
    for ask in (
        lambda: ship.public("root"),
        lambda: ship.sign("root", b"a grant"),
        ship.age_recipient,
        ship.web_secret,
    ):
        with pytest.raises(LocalError) as refused:
            ask()
        assert refused.value.code == "key-missing"


def test_secrets_are_in_no_repr_error_or_pickle(keys: KeyFolder, folder: Path):
    keys.sign("writer", b"an order")
    keys.web_secret()
    keys.age_recipient()
    secrets = [(folder / f"{name}.key").read_text().splitlines()[-1] for name in ("root", "writer", "age", "web")]
    bare = [secret.removeprefix("ed25519-seed:").removeprefix("web-secret:") for secret in secrets]
    assert not any(secret in repr(keys) + str(keys) for secret in bare)
    with pytest.raises(TypeError):
        pickle.dumps(keys)
    (folder / "age.key").write_text(secrets[3])
    with pytest.raises(LocalError) as refused:
        KeyFolder(folder).age_recipient()
    assert not any(secret in str(refused.value) for secret in bare)


@pytest.mark.parametrize(
    "text", ["", "nonsense", "ed25519-seed:", "ed25519-seed:AAAA", "ed25519-seed:!!!!", "AGE-SECRET-KEY-1X", "é"]
)
def test_a_damaged_key_is_named(keys: KeyFolder, folder: Path, text: str):
    for name in ("writer", "age"):
        (folder / f"{name}.key").write_text(text)
    again = KeyFolder(folder)
    for name, ask in (("writer", lambda: again.public("writer")), ("age", again.age_recipient)):
        with pytest.raises(LocalError) as refused:
            ask()
        assert (refused.value.code, refused.value.facts) == (
            "key-damaged",
            {"name": name, "path": str(folder / f"{name}.key")},
        )


@pytest.mark.parametrize("name", ["", "Root", "../root", "a" * 33, "root.key", "1"])
def test_a_name_that_is_no_key_name_is_refused(keys: KeyFolder, name: str):
    for ask in (keys.has, keys.public, lambda name: keys.create(name, CountedIds())):
        with pytest.raises(LocalError) as refused:
            ask(name)
        assert refused.value.code == "not-a-key-name"


def test_what_is_sealed_to_us_is_opened_by_us_alone(keys: KeyFolder, tmp_path: Path):
    partner = KeyFolder(tmp_path / "partner")
    partner.create("age", CountedIds())
    sealed = keys.seal(b"a bundle", [partner.age_recipient()])
    assert b"a bundle" not in sealed
    assert partner.unseal(sealed) == b"a bundle"
    with pytest.raises(RemoteError) as refused:
        keys.unseal(sealed)
    assert refused.value.code == "sealed-for-others"
    both = keys.seal(b"a bundle", [partner.age_recipient(), keys.age_recipient()])
    assert keys.unseal(both) == partner.unseal(both) == b"a bundle"


def test_what_is_not_sealed_or_was_changed_is_said_so(keys: KeyFolder):
    sealed = keys.seal(b"a bundle", [keys.age_recipient()])
    for harmed in (b"", b"a bundle", sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(MalformedBytesError) as refused:
            keys.unseal(harmed)
        assert refused.value.code == "not-sealed"


@pytest.mark.parametrize("recipients", [[], [""], ["age1nonsense"], ["ssh-ed25519 AAAA"]])
def test_only_an_age_recipient_can_be_sealed_to(keys: KeyFolder, recipients: list[str]):
    with pytest.raises(LocalError) as refused:
        keys.seal(b"a bundle", recipients)
    assert (refused.value.code, refused.value.facts) == ("not-a-recipient", {"recipients": recipients})


def test_the_age_key_is_one_that_other_programs_read(keys: KeyFolder, folder: Path):
    (line,) = [line for line in (folder / "age.key").read_text().splitlines() if not line.startswith("#")]
    identity = pyrage.x25519.Identity.from_str(line)
    assert str(identity.to_public()) == keys.age_recipient()


def test_what_the_disk_refuses_is_named(keys: KeyFolder, folder: Path, tmp_path: Path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "keys"):
        with pytest.raises(StoreUnavailableError):
            KeyFolder(place).create("root", CountedIds())
    (folder / "officer.key").mkdir()
    with pytest.raises(StoreUnavailableError):
        keys.public("officer")


def test_half_a_key_does_not_stay(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", refuse)
        with pytest.raises(StoreUnavailableError) as refused:
            KeyFolder(folder).create("root", CountedIds())
    assert refused.value.code == "store-full"
    assert not KeyFolder(folder).has("root")
    KeyFolder(folder).create("root", CountedIds())
