"""Officers' own keys, sealed by something only the officer has: at rest they are of no use to whoever takes them.

Decides the sealed form: an Ed25519 seed in AES-256-GCM, under a key that Argon2id (RFC 9106) makes of a passphrase, or
HKDF-SHA256 of what a passkey answers (WebAuthn PRF). The parameters stand in the sealed bytes and are authenticated
with them. A key is open only in an ``OpenKey``, which lives for one act. Leaves to the shell who may ask, how often one
may fail, and where the sealed bytes are kept.
"""

from __future__ import annotations

import os
import unicodedata
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tallystick.app.ports import Ids
from tallystick.core import canonical, signing
from tallystick.core.errors import LocalError, RemoteError
from tallystick.stores import rules

PASSPHRASE_MIN = 15  # characters: whoever has the sealed key may guess as fast as their machines can
PASSPHRASE_MAX = 256
PRF_BYTES = 32
FILE_MAX = 4096

_VERSION = 1
_SEED_BYTES = 32
_SALT_BYTES = 16
_NONCE_BYTES = 12
# RFC 9106, 4, second recommendation: 64 MiB, so that a node can open several at once; an eighth of a second each.
_ITERATIONS, _LANES, _MEMORY_KIB = 3, 4, 64 * 1024
_ITERATIONS_MAX, _LANES_MAX, _MEMORY_KIB_MAX = 16, 16, 1024 * 1024  # a sealed key that somebody brings
_PURPOSE = b"tallystick officer key"
_Parameters = list[bytes | int]  # of what makes the sealing key
_FILE = "tallystick-officer-key-1:"


class SealedBy(IntEnum):
    """What opens a sealed key; the number is in its bytes."""

    PASSPHRASE = 1
    PASSKEY = 2


@dataclass(frozen=True)
class OpenKey:
    """An officer's key while it signs one act. Keep it nowhere."""

    public: bytes
    _seed: bytes = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        return signing.sign(self._seed, message)

    def __reduce__(self) -> str:
        raise TypeError("keys do not travel")


@dataclass(frozen=True)
class Sealed:
    """A sealed key, taken apart. ``data`` is all of it."""

    data: bytes
    public: bytes
    by: SealedBy


def create(passphrase: str, ids: Ids) -> Sealed:
    """Make a key that opens with ``passphrase``.

    Raises:
        LocalError: ``passphrase-too-short`` or ``passphrase-too-long``.
    """
    return _seal(ids.random_bytes(_SEED_BYTES), passphrase, ids)


def read(data: bytes) -> Sealed:
    """Return a sealed key without opening it; raises LocalError ``officer-key-damaged``."""
    try:
        match canonical.decode(data):
            case [1, bytes(public), int(by), list(), bytes(), bytes()] if len(public) == signing.KEY_BYTES:
                return Sealed(data, public, SealedBy(by))
    except (RemoteError, LocalError, ValueError):
        pass
    raise LocalError("officer-key-damaged")


def open_with_passphrase(sealed: Sealed, passphrase: str) -> OpenKey:
    """Open a key for one act.

    Raises:
        LocalError: ``passphrase-wrong``, or ``officer-key-damaged``.
    """
    return _open(sealed, SealedBy.PASSPHRASE, passphrase)


def open_with_passkey(sealed: Sealed, prf: bytes) -> OpenKey:
    """Open a key with what a passkey answers to ``salt_of``; raises LocalError as ``open_with_passphrase``."""
    return _open(sealed, SealedBy.PASSKEY, prf)


def salt_of(sealed: Sealed) -> bytes:
    """Return what a passkey is asked with, to open a key that it sealed."""
    salt: bytes = canonical.decode(sealed.data)[3][0]
    return salt


def reseal(sealed: Sealed, passphrase: str, new: str, ids: Ids) -> Sealed:
    """Return the same key under a new passphrase; raises LocalError as opening and ``create`` do."""
    opened = open_with_passphrase(sealed, passphrase)
    return _seal(opened._seed, new, ids)  # noqa: SLF001  # the one place besides signing that needs it


def seal_to_passkey(sealed: Sealed, passphrase: str, prf: bytes, salt: bytes, ids: Ids) -> Sealed:
    """Return the same key sealed by what a passkey answered to ``salt``, as a second way to open it."""
    opened = open_with_passphrase(sealed, passphrase)
    return _box(opened._seed, SealedBy.PASSKEY, [salt], prf, ids)  # noqa: SLF001  # likewise


# ---- the box


def _seal(seed: bytes, passphrase: str, ids: Ids) -> Sealed:
    if len(passphrase) < PASSPHRASE_MIN:
        raise LocalError("passphrase-too-short", least=PASSPHRASE_MIN)
    if len(passphrase) > PASSPHRASE_MAX:
        raise LocalError("passphrase-too-long", most=PASSPHRASE_MAX)
    parameters: _Parameters = [ids.random_bytes(_SALT_BYTES), _ITERATIONS, _LANES, _MEMORY_KIB]
    return _box(seed, SealedBy.PASSPHRASE, parameters, passphrase, ids)


def _box(seed: bytes, by: SealedBy, parameters: _Parameters, secret: str | bytes, ids: Ids) -> Sealed:
    public = signing.public_key(seed)
    head = [_VERSION, public, int(by), parameters]
    nonce = ids.random_bytes(_NONCE_BYTES)
    box = AESGCM(_key(by, parameters, secret)).encrypt(nonce, seed, canonical.encode(head))
    return Sealed(canonical.encode([*head, nonce, box]), public, by)


def _open(sealed: Sealed, by: SealedBy, secret: str | bytes) -> OpenKey:
    _, public, named, parameters, nonce, box = canonical.decode(sealed.data)
    if named != by or not _are_sane(by, parameters) or len(nonce) != _NONCE_BYTES:
        raise LocalError("officer-key-damaged")
    try:
        seed = AESGCM(_key(by, parameters, secret)).decrypt(
            nonce, box, canonical.encode([_VERSION, public, int(by), parameters])
        )
    except InvalidTag:
        raise LocalError("passphrase-wrong") from None
    if signing.public_key(seed) != public:
        raise LocalError("officer-key-damaged")
    return OpenKey(public, seed)


def _are_sane(by: SealedBy, parameters: _Parameters) -> bool:
    match parameters:
        case [bytes(salt), int(iterations), int(lanes), int(memory)] if by is SealedBy.PASSPHRASE:
            return (
                len(salt) >= 8
                and 1 <= iterations <= _ITERATIONS_MAX
                and 1 <= lanes <= _LANES_MAX
                and 8 * lanes <= memory <= _MEMORY_KIB_MAX
            )
        case [bytes(salt)]:
            return by is SealedBy.PASSKEY and len(salt) == PRF_BYTES
    return False


def _key(by: SealedBy, parameters: _Parameters, secret: str | bytes) -> bytes:
    if by is SealedBy.PASSKEY:
        assert isinstance(secret, bytes)
        return HKDF(SHA256(), 32, salt=None, info=_PURPOSE).derive(secret)
    assert isinstance(secret, str)
    salt, iterations, lanes, memory = parameters
    assert isinstance(salt, bytes)
    # The same words typed on another keyboard may be other bytes: RFC 8265 says NFC.
    words = unicodedata.normalize("NFC", secret).encode()
    return Argon2id(salt=salt, length=32, iterations=int(iterations), lanes=int(lanes), memory_cost=int(memory)).derive(
        words
    )


# ---- as a file, for nodes without pages


def write_file(path: Path, sealed: Sealed) -> None:
    """Write a sealed key into a new file; raises LocalError ``key-exists``, or StoreUnavailableError."""
    text = (
        f"# An officer's own key, sealed by a passphrase. Key id: {signing.readable_id(sealed.public)}\n"
        f"{_FILE}{b64encode(sealed.data).decode()}\n"
    )
    try:
        opened = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(opened, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(opened)
    except FileExistsError:
        raise LocalError("key-exists", name=path.name, path=str(path)) from None
    except OSError as error:
        raise rules.disk_unavailable(error, path) from error


def parse_file(data: bytes) -> Sealed:
    """Return the key in a file that ``write_file`` wrote; raises LocalError ``officer-key-damaged``."""
    lines = [line for line in data.decode("ascii", "replace").splitlines() if not line.startswith("#")]
    try:
        return read(b64decode("".join(lines).strip().removeprefix(_FILE), validate=True))
    except ValueError:  # letters that no base64 has
        raise LocalError("officer-key-damaged") from None
