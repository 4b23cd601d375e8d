"""Passkeys: WebAuthn through python-fido2, without passwords and without storing anything secret.

Decides what we ask of an authenticator: a discoverable key that checks its owner (PIN, finger or face). The challenge
waits in the session and is used once.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from fido2.server import Fido2Server
from fido2.utils import websafe_decode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticatorData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from tallystick.app.visible import visible
from tallystick.core.errors import LocalError
from tallystick.web.people import service
from tallystick.web.people.models import Passkey, Person
from tallystick.web.watch import ring

PASSKEYS_MAX = 10  # a person's devices; keeps the list sent to browsers short

_STATE = "passkey_challenge"


def host_of(request: HttpRequest) -> str:
    """Return the host a passkey is for; Django has checked it against ALLOWED_HOSTS."""
    return request.get_host().partition(":")[0]


def _server(request: HttpRequest) -> Fido2Server:
    origin = f"{'https' if request.is_secure() else 'http'}://{request.get_host()}"
    allowed = {origin, service.own_origin()}
    return Fido2Server(
        PublicKeyCredentialRpEntity(id=host_of(request), name="Tallystick"), verify_origin=lambda told: told in allowed
    )


def _stored(passkey: Passkey) -> AttestedCredentialData:
    return AttestedCredentialData(bytes(passkey.data))


def begin_adding(request: HttpRequest, person: Person) -> dict[str, Any]:
    """Return what the browser asks the authenticator for.

    Raises:
        LocalError: ``too-many-passkeys``.
    """
    have = service.passkeys_for(person, host_of(request))
    if len(have) >= PASSKEYS_MAX:
        raise LocalError("too-many-passkeys", most=PASSKEYS_MAX)
    options, state = _server(request).register_begin(
        PublicKeyCredentialUserEntity(
            id=str(person.pk).encode(), name=person.username, display_name=person.display_name
        ),
        [_stored(passkey) for passkey in have],
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    request.session[_STATE] = state
    return dict(options)


def finish_adding(request: HttpRequest, person: Person, answer: dict[str, Any], name: str) -> Passkey:
    """Keep the key an authenticator made.

    Raises:
        LocalError: ``passkey-refused``.
    """
    state = request.session.pop(_STATE, None)
    try:
        registration = RegistrationResponse.from_dict(answer)
        data: AuthenticatorData = _server(request).register_complete(state, registration)
        credential = data.credential_data
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LocalError("passkey-refused", why="its answer does not fit the question") from error
    if credential is None or Passkey.objects.filter(credential_id=credential.credential_id).exists():
        raise LocalError("passkey-refused", why="it is already known")
    service.confirm(request, way="passkey")
    kept = Passkey.objects.create(
        person=person,
        credential_id=credential.credential_id,
        data=bytes(credential),
        host=host_of(request),
        name=visible(name.strip())[:60] or "Passkey",
        uses=data.counter,
        added_at=service.clock.now(),
    )
    ring(request, "passkey-added", name=kept.name)
    return kept


def begin_proving(request: HttpRequest, person: Person | None) -> dict[str, Any]:
    """Return what the browser asks the authenticator to sign: any key of this host, or one of ``person``'s."""
    keys = [_stored(passkey) for passkey in service.passkeys_for(person, host_of(request))] if person else None
    options, state = _server(request).authenticate_begin(keys, user_verification=UserVerificationRequirement.REQUIRED)
    request.session[_STATE] = state
    return dict(options)


def finish_proving(request: HttpRequest, answer: dict[str, Any]) -> Person:
    """Return who signed the challenge.

    Raises:
        LocalError: ``passkey-refused`` when the key is unknown, the signature wrong, or the authenticator's counter
            went back, which is what a copied key looks like.
    """
    state = request.session.pop(_STATE, None)
    try:
        passkeys = Passkey.objects.select_related("person").filter(
            credential_id=_raw_id(answer), host=host_of(request), person__is_active=True
        )
        passkey = passkeys.first()
        if passkey is None or state is None:
            raise LocalError("passkey-refused", why="it is not known here")
        _server(request).authenticate_complete(state, [_stored(passkey)], answer)
        uses = AuthenticatorData(_decode(answer["response"]["authenticatorData"])).counter
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LocalError("passkey-refused", why="its answer does not fit the question") from error
    if uses and uses <= passkey.uses:
        raise LocalError("passkey-refused", why="its counter went back")
    passkey.uses, passkey.used_at = uses, service.clock.now()
    passkey.save(update_fields=["uses", "used_at"])
    return passkey.person


def _decode(text: Any) -> bytes:
    return bytes(websafe_decode(text))


def _raw_id(answer: dict[str, Any]) -> bytes:
    return _decode(answer["rawId"])
