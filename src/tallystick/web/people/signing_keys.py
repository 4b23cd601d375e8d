"""A person's own signing key on this node: made here, sealed by a passphrase, opened for one act.

Decides who may try, and how often one may fail. The passphrase and the open key live in the request that signs and
nowhere else: not in the session, the database, a draft or a log. Leaves the sealing to ``stores.officer_keys``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from fido2.utils import websafe_decode, websafe_encode

from tallystick.app.ids import SystemIds
from tallystick.core.errors import LocalError
from tallystick.core.signing import is_id_of, readable_id
from tallystick.stores import officer_keys
from tallystick.stores.officer_keys import OpenKey, Sealed
from tallystick.web.people import service
from tallystick.web.people.models import Person, SigningKey
from tallystick.web.people.passkeys import host_of
from tallystick.web.record import get_node
from tallystick.web.watch import ring


@dataclass(frozen=True)
class Held:
    """A warrant this person holds, and whether it names the person's present key."""

    agreement: str
    post: str
    grant: int
    has_key: bool
    fits: bool


def of(person: Person) -> SigningKey | None:
    return SigningKey.objects.filter(person=person).first()


def key_id(key: SigningKey) -> str:
    return readable_id(bytes(key.public))


def warrants_of(person: Person, key: SigningKey | None) -> Iterator[Held]:
    """Yield the person's warrants, to see in which of them the key stands."""
    desks = {space.hex(): desk for space, desk in get_node().desks.items()}
    for appointment in person.active_appointments:
        desk = desks.get(appointment.space)
        grant = desk.record.grants.get((desk.party, appointment.grant)) if desk is not None else None
        if desk is not None and grant is not None:
            named = grant.officer_key
            yield Held(
                desk.name,
                grant.post,
                appointment.grant,
                has_key=named is not None,
                fits=key is not None and named == bytes(key.public),
            )


def find(told: str) -> bytes | None:
    """Return the public key that somebody read out: a key id of a person of this node, or 64 hexadecimal digits."""
    plain = "".join(c for c in told if c.isalnum())
    if len(plain) == 64 and all(c in "0123456789abcdefABCDEF" for c in plain):
        return bytes.fromhex(plain)
    keys = (bytes(public) for public in SigningKey.objects.values_list("public", flat=True))
    return next((key for key in keys if is_id_of(told, key)), None)


@dataclass(frozen=True)
class Asking:
    """What a page asks a passkey: which ones, and with which salt; as base64url."""

    credentials: tuple[str, ...]
    salt: str


def asking_to_open(request: HttpRequest, key: SigningKey | None) -> Asking | None:
    """Return what opens ``key`` with a passkey in this browser's address; None when none does."""
    if key is None or key.passkey is None or key.sealed_by_passkey is None or key.passkey.host != host_of(request):
        return None
    salt = officer_keys.salt_of(officer_keys.read(bytes(key.sealed_by_passkey)))
    return Asking((websafe_encode(bytes(key.passkey.credential_id)),), websafe_encode(salt))


def asking_to_seal(request: HttpRequest, person: Person) -> Asking | None:
    """Return what makes one of the person's passkeys a second way to open the key; None when there is no passkey."""
    known = service.passkeys_for(person, host_of(request))
    salt = websafe_encode(SystemIds().random_bytes(officer_keys.PRF_BYTES))
    return Asking(tuple(websafe_encode(bytes(one.credential_id)) for one in known), salt) if known else None


def add_passkey(request: HttpRequest, person: Person, passphrase: str, *, credential: str, prf: str, salt: str) -> None:
    """Let a passkey open the key as well.

    Raises:
        LocalError: as ``open_for``; ``passkey-refused`` when it is not the person's, or cannot seal.
    """
    key = of(person)
    if key is None:
        raise LocalError("no-signing-key")
    passkey = person.passkeys.filter(credential_id=_bytes(credential), host=host_of(request)).first()
    answer, asked = _bytes(prf), _bytes(salt)
    if passkey is None or len(answer) != officer_keys.PRF_BYTES or len(asked) != officer_keys.PRF_BYTES:
        raise LocalError("passkey-refused", why=_("it cannot seal a key, or is not yours"))
    with _counted(request, person):
        sealed = officer_keys.seal_to_passkey(_sealed(key), passphrase, answer, asked, SystemIds())
    key.passkey, key.sealed_by_passkey = passkey, sealed.data
    key.save(update_fields=["passkey", "sealed_by_passkey"])
    ring(request, "signing-key-resealed")


def _bytes(text: str) -> bytes:
    try:
        return bytes(websafe_decode(text))
    except (ValueError, TypeError):
        return b""


def make(request: HttpRequest, person: Person, passphrase: str) -> SigningKey:
    """Make a key for ``person``; an earlier one is gone for good.

    Raises:
        ValidationError: the passphrase is easy to guess, or is the password.
        LocalError: ``passphrase-too-short`` or ``passphrase-too-long``.
    """
    _judge(person, passphrase)
    sealed = officer_keys.create(passphrase, SystemIds())
    key, _made = SigningKey.objects.update_or_create(
        person=person,
        defaults={
            "public": sealed.public,
            "sealed": sealed.data,
            "made_at": service.clock.now(),
            "passkey": None,
            "sealed_by_passkey": None,
        },
    )
    ring(request, "signing-key-made", key_id=readable_id(sealed.public))
    return key


def change(request: HttpRequest, person: Person, passphrase: str, new: str) -> None:
    """Seal the key under another passphrase; raises as ``make`` and ``open_for``."""
    _judge(person, new)
    key = of(person)
    if key is None:
        raise LocalError("no-signing-key")
    with _counted(request, person):
        key.sealed = officer_keys.reseal(_sealed(key), passphrase, new, SystemIds()).data
    key.save(update_fields=["sealed"])
    ring(request, "signing-key-resealed")


def open_for(request: HttpRequest, person: Person, passphrase: str, *, prf: str = "") -> OpenKey:
    """Open the person's key for one act, with the passphrase, or with what a passkey answered (``prf``, base64url).

    Raises:
        LocalError: ``no-signing-key``, ``passphrase-wrong``, ``too-many-tries`` or ``officer-key-damaged``.
    """
    key = of(person)
    if key is None:
        raise LocalError("no-signing-key")
    with _counted(request, person):
        if prf and key.sealed_by_passkey is not None and key.passkey is not None:
            return officer_keys.open_with_passkey(officer_keys.read(bytes(key.sealed_by_passkey)), _bytes(prf))
        return officer_keys.open_with_passphrase(_sealed(key), passphrase)


@contextmanager
def _counted(request: HttpRequest, person: Person) -> Iterator[None]:
    """Count wrong passphrases as wrong passwords are counted, apart from them."""
    name = f"signing key of {person.username}"
    service.refuse_if_tired(request, name)
    try:
        yield
    except LocalError as error:
        if error.code == "passphrase-wrong":
            service.note_failure(request, name)
            ring(request, "signing-key-refused")
        raise


def _sealed(key: SigningKey) -> Sealed:
    return officer_keys.read(bytes(key.sealed))


def _judge(person: Person, passphrase: str) -> None:
    validate_password(passphrase, person)
    if person.check_password(passphrase):
        raise ValidationError(_("Take another one than your password: whoever learns that must not sign for you."))
