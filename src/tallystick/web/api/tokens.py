"""Tokens: made by a person for a program, scoped, expiring, shown once."""

from __future__ import annotations

from hashlib import sha256

from django.http import HttpRequest
from ninja.security import HttpBearer

from tallystick.app.clock import SystemClock
from tallystick.app.ids import token as new_secret
from tallystick.core.errors import LocalError
from tallystick.web import limits
from tallystick.web.api.models import ApiToken
from tallystick.web.people.models import Person
from tallystick.web.watch import ring

SCOPES = ("read", "act")
LIFE_DAYS_MAX = 366
DAY = 86_400
PREFIX = "tally_"  # so that a leaked one is recognised by scanners

clock = SystemClock()  # tokens live on the machine's clock, also in a demo


def make(person: Person, *, name: str, scopes: list[str], days: int) -> tuple[ApiToken, str]:
    """Return a new token and its secret, which is kept nowhere.

    Raises:
        LocalError: ``token-scope`` or ``token-life``.
    """
    if not scopes or not set(scopes) <= set(SCOPES):
        raise LocalError("token-scope", known=", ".join(SCOPES))
    if not 1 <= days <= LIFE_DAYS_MAX:
        raise LocalError("token-life", most=LIFE_DAYS_MAX)
    secret = PREFIX + new_secret()
    now = clock.now()
    row = ApiToken.objects.create(
        person=person,
        name=name.strip()[:60] or "token",
        digest=_digest(secret),
        scopes=sorted(set(scopes)),
        made_at=now,
        expires_at=now + days * DAY,
    )
    return row, secret


def revoke(person: Person, token_id: int) -> str | None:
    """End a token of this person and return its name; None when it has ended, or is none of theirs."""
    row = person.api_tokens.filter(pk=token_id, revoked_at=None).first()
    if row is None or not person.api_tokens.filter(pk=token_id, revoked_at=None).update(revoked_at=clock.now()):
        return None
    return row.name


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


class Bearer(HttpBearer):
    """Lets a request in that shows a live token with the scope this endpoint needs, of a person with some duty.

    Raises:
        TooOftenError: the token, or an address with tokens that are none, asks too often.
        LocalError: ``no-duty-here``.
    """

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        now = clock.now()
        row = (
            ApiToken.objects.select_related("person")
            .filter(digest=_digest(token), revoked_at=None, expires_at__gt=now, person__is_active=True)
            .first()
        )
        if row is None or self.scope not in row.scopes:
            ring(request, "token-refused", who=row.person.username if row is not None else "")
            limits.BAD_TOKENS.take(limits.network_of(request))
            return None
        limits.TOKENS.take(str(row.pk))
        if not row.person.duties_held:  # a person who may read nothing does not read through a program
            raise LocalError("no-duty-here")
        if row.used_at is None or now - row.used_at > 60:
            ApiToken.objects.filter(pk=row.pk).update(used_at=now)
        request.person = row.person  # type: ignore[attr-defined] # who signs, for the list of events
        return row
