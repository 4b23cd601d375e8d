"""Events: what an administrator or auditor asks of a node after something went wrong. Who came in, how, from where.

Decides which events there are, what is kept of each, and for how long; ``watch`` tells of them. Never a secret: a name
nobody here has may be a password typed into the wrong box, so it is not written; neither are links, tokens or keys.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType

from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tallystick.web import limits, record, watch
from tallystick.web.people import service
from tallystick.web.people.models import Event, Person

DAY = 86_400
KEPT_DAYS = 400  # a year's audit, and a month to write it
KEPT_MOST = 200_000  # rows; about 40 MB
_CLEAN_EVERY = 256  # events written between two looks at what is too old
FACT_MAX = 200  # characters

log = logging.getLogger("tallystick.security")

EVENTS: Mapping[str, str | Promise] = MappingProxyType({
    # coming in
    "signed-in": _("Signed in {way}."),
    "sign-in-failed": _("A password was wrong, or the name is not known here."),
    "sign-in-closed": _("Too many failed tries with this name or from this address: nobody is let in for a while."),
    "passkey-refused": _("A passkey was refused: {why}."),
    "confirmed": _("Proved again who it is, {way}."),
    "confirm-failed": _("Could not prove who it is."),
    "signed-out": _("Signed out."),
    "session-idle": _("A session ended because nobody used it, or it was too old."),
    # ways in
    "link-made": _("A one-time link was made for {person}."),
    "password-set": _("Set a password."),
    "passkey-added": _("Added the passkey “{name}”."),
    "passkey-removed": _("Removed the passkey “{name}”."),
    "signing-key-made": _("Made a signing key, {key_id}."),
    "signing-key-resealed": _("Gave the signing key another passphrase."),
    "signing-key-refused": _("A passphrase of the signing key was wrong."),
    "session-ended": _("Ended one of the own sessions."),
    "sessions-ended": _("All sessions of {person} were ended."),
    "token-made": _("Made the token “{name}” for a program ({scopes})."),
    "token-ended": _("Ended the token “{name}”."),
    # who may do what
    "person-made": _("{person} was entered."),
    "duties-changed": _("The duties of {person} on this node: {duties}."),
    "appointed": _("{person} was put under warrant {grant}."),
    "relieved": _("{person} was taken from under warrant {grant}."),
    "dismissed": _("{person} was dismissed."),
    # what was done, and what was not let happen
    "signed": _("Something was signed at {path}."),
    "not-allowed": _("Asked for {path} without the duty for it."),
    "form-refused": _("A form for {path} did not come from a page of this node: {why}."),
    "too-often": _("Asked too often."),
    "token-refused": _("A program showed a token that is unknown, ended, or without the scope it needs."),
})  # fmt: skip


WAYS: Mapping[str, str | Promise] = MappingProxyType(
    {
        "link": _("by one-time link"),
        "passkey": _("by passkey"),
        "password": _("by password"),
    }
)


def tell(request: HttpRequest | None, code: str, **facts: str | int) -> None:
    """Tell an event of whoever asks; without a request, of the operator at the command line."""
    watch.ring(request, code, **facts)


def _keep(request: HttpRequest | None, code: str, facts: Mapping[str, str | int]) -> None:
    """Write an event down. A database that does not answer must not undo what happened; the log has it anyway."""
    assert code in EVENTS, code
    person = getattr(request, "person", None)
    who = person.username if isinstance(person, Person) else str(facts.get("who", ""))
    kept = {name: told if isinstance(told, int) else told[:FACT_MAX] for name, told in facts.items() if name != "who"}
    at, address = service.clock.now(), limits.address_of(request) if request is not None else ""
    try:
        with transaction.atomic():  # within a larger transaction a failure here undoes only this
            row = Event.objects.create(at=at, code=code, who=who, address=address[:64], facts=kept)
            if row.pk % _CLEAN_EVERY == 0:
                forget_old(at)
    except DatabaseError:
        log.exception("An event could not be written down")


def forget_old(now: int) -> None:
    """Forget what is older than ``KEPT_DAYS``, and the oldest beyond ``KEPT_MOST``."""
    Event.objects.filter(at__lt=now - KEPT_DAYS * DAY).delete()
    newest = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    Event.objects.filter(pk__lte=newest - KEPT_MOST).delete()


def sentence(event: Event) -> str:
    """Return what happened, in the reader's language."""
    facts = {name: str(WAYS.get(told, told) if name == "way" else told) for name, told in event.facts.items()}
    try:
        return str(EVENTS[event.code]).format_map(facts)
    except KeyError:  # of another version
        return event.code


def found(*, who: str = "", code: str = "", since: int = 0) -> QuerySet[Event]:
    """Return events, newest first."""
    rows = Event.objects.filter(at__gte=since).order_by("-pk")
    if who:
        rows = rows.filter(who=who)
    return rows.filter(code=code) if code else rows


def _note_signed() -> None:
    """Say who pressed the button: the record itself names posts only."""
    request = watch.asking.get()
    if request is not None:
        tell(request, "signed", path=request.path)


def begin() -> None:
    """Listen from now on; called once, when the application is ready."""
    watch.when_rung(_keep)
    record.when_signed(_note_signed)
