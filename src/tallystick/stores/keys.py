"""The node's secrets: a folder of small text files that only their owner may read.

``root.key`` and ``writer.key`` hold an Ed25519 seed each, ``age.key`` an age identity (usable by the ``age`` program as
it is), ``web.key`` the secret of web sessions. A node may lack some: a ship has no root key. Files are made once and
never written over; one that others may read is refused, because then it may have been read.

Nothing here prints a secret: not ``repr``, not an error, not a log line.
"""

from __future__ import annotations

import itertools
import os
import re
import stat
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path

import pyrage

from tallystick.app.ports import Ids
from tallystick.core import signing
from tallystick.core.errors import LocalError, MalformedBytesError, RemoteError
from tallystick.stores import rules

WRITER = "writer"
AGE = "age"
WEB = "web"
AGE_HEADER_MAX = 64 * 1024  # bytes: six hundred recipients; each costs a key agreement to try, and ours have one
_SEED_BYTES = 32
_WEB_BYTES = 48
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_SEED = "ed25519-seed:"
_WEB = "web-secret:"
_AGE = "AGE-SECRET-KEY-"


def unseal(identity: str, sealed: bytes) -> bytes:
    """Open an age file with the identity in an age key file: its lines, of which one is the key.

    Raises:
        LocalError: ``not-an-age-key``.
        RemoteError: ``sealed-for-others``, or it is no age file or was changed.
    """
    (key, *_) = [line.strip() for line in identity.splitlines() if line.startswith(_AGE)] or [""]
    try:
        return _open(pyrage.x25519.Identity.from_str(key), sealed)
    except pyrage.IdentityError:
        raise LocalError("not-an-age-key") from None


def _open(identity: pyrage.x25519.Identity, sealed: bytes) -> bytes:
    if sealed.find(b"\n--- ", 0, AGE_HEADER_MAX) < 0:
        raise MalformedBytesError("not-sealed", why="no header, or too many recipients")
    try:
        return bytes(pyrage.decrypt(sealed, [identity]))
    except pyrage.DecryptError as error:
        if "No matching keys" in str(error):
            raise RemoteError("sealed-for-others") from None
        raise MalformedBytesError("not-sealed", why=str(error)) from None


class KeyFolder:
    """Key files in one folder; read when first needed, then kept in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._secrets: dict[str, str] = {}
        self._public: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"KeyFolder({str(self._folder)!r})"

    def __reduce__(self) -> str:
        raise TypeError("keys do not travel")

    def create(self, name: str, ids: Ids) -> None:
        """Make the key ``name``; the folder too, if it is missing.

        Raises:
            LocalError: ``key-exists``: a key is never written over.
        """
        if name == AGE:
            secret = str(pyrage.x25519.Identity.generate())
        elif name == WEB:
            secret = _WEB + b64encode(ids.random_bytes(_WEB_BYTES)).decode()
        else:
            secret = _SEED + b64encode(ids.random_bytes(_SEED_BYTES)).decode()
        path = self._path(name)
        words = f"# Tallystick key {name!r}. Keep it secret: whoever has it can act as this node.\n{secret}\n"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            opened = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except OSError as error:
            if path.exists():
                raise LocalError("key-exists", name=name, path=str(path)) from None
            raise rules.disk_unavailable(error, path) from error
        try:
            with os.fdopen(opened, "w", encoding="ascii") as file:
                os.fchmod(opened, 0o600)  # whatever the umask says
                file.write(words)
                file.flush()
                os.fsync(opened)
            rules.sync_folder(self._folder)
        except OSError as error:
            path.unlink(missing_ok=True)  # half a key would only be in the way of a whole one
            raise rules.disk_unavailable(error, path) from error

    def put_in_place(self, new: str, name: str) -> None:
        """Let the key ``new`` be ``name`` from now on; the old one stays beside it, as ``name-old`` and a number."""
        number = next(n for n in range(1, 1000) if not self.has(f"{name}-old-{n}"))
        try:
            if self.has(name):  # else this was begun before and interrupted
                self._path(name).rename(self._path(f"{name}-old-{number}"))
            self._path(new).rename(self._path(name))
            rules.sync_folder(self._folder)
        except OSError as error:
            raise rules.disk_unavailable(error, self._path(name)) from error
        finally:
            self._secrets.clear()
            self._public.clear()

    def writers(self) -> tuple[str, ...]:
        old = itertools.takewhile(self.has, (f"{WRITER}-old-{number}" for number in itertools.count(1)))
        return (*((WRITER,) if self.has(WRITER) else ()), *reversed(list(old)))

    def has(self, name: str) -> bool:
        return self._path(name).exists()

    def public(self, name: str) -> bytes:
        if name not in self._public:
            self._public[name] = signing.public_key(self._seed(name))
        return self._public[name]

    def sign(self, name: str, message: bytes) -> bytes:
        return signing.sign(self._seed(name), message)

    def age_recipient(self) -> str:
        return str(self._age().to_public())

    def seal(self, plain: bytes, recipients: Sequence[str]) -> bytes:
        try:
            known = [pyrage.x25519.Recipient.from_str(recipient) for recipient in recipients]
        except pyrage.RecipientError:
            raise LocalError("not-a-recipient", recipients=list(recipients)) from None
        if not known:
            raise LocalError("not-a-recipient", recipients=[])
        return bytes(pyrage.encrypt(plain, known))

    def unseal(self, sealed: bytes) -> bytes:
        return _open(self._age(), sealed)

    def web_secret(self) -> str:
        return self._secret(WEB, _WEB)

    def _seed(self, name: str) -> bytes:
        try:
            seed = b64decode(self._secret(name, _SEED), validate=True)
        except ValueError:
            seed = b""
        if len(seed) != _SEED_BYTES:
            raise self._damaged(name)
        return seed

    def _age(self) -> pyrage.x25519.Identity:
        try:
            return pyrage.x25519.Identity.from_str(_AGE + self._secret(AGE, _AGE))
        except pyrage.IdentityError:
            raise self._damaged(AGE) from None

    def _secret(self, name: str, kind: str) -> str:
        """Return what follows ``kind`` in the file's line that is not a comment."""
        if name not in self._secrets:
            self._secrets[name] = self._read(name)
        secret = self._secrets[name]
        if not secret.startswith(kind):
            raise self._damaged(name)
        return secret.removeprefix(kind)

    def _read(self, name: str) -> str:
        path = self._path(name)
        try:
            with path.open(encoding="ascii") as file:
                mode = os.fstat(file.fileno()).st_mode
                if mode & (stat.S_IRWXG | stat.S_IRWXO):
                    raise LocalError("key-exposed", name=name, path=str(path), mode=f"{stat.S_IMODE(mode):04o}")
                lines = [line.strip() for line in file if not line.startswith("#")]
        except FileNotFoundError:
            raise LocalError("key-missing", name=name, path=str(path)) from None
        except UnicodeDecodeError:
            raise self._damaged(name) from None
        except OSError as error:
            raise rules.disk_unavailable(error, path) from error
        return "".join(lines)

    def _damaged(self, name: str) -> LocalError:
        return LocalError("key-damaged", name=name, path=str(self._path(name)))

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise LocalError("not-a-key-name", name=name)
        return self._folder / f"{name}.key"
