"""Rows: persons, the warrants they hold, and the ways they sign in. Rules are in ``service``."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.core.validators import RegexValidator
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from tallystick.core.entries import Duty


class Persons(BaseUserManager["Person"]):
    """Finds persons by the name they sign in with, however it is typed."""

    def get_by_natural_key(self, username: str | None) -> Person:
        return self.get(username=(username or "").strip().lower())


class Person(AbstractBaseUser):
    """Someone who signs in to this node. ``duties`` are those held on the node itself; warrants add theirs."""

    username = models.CharField(
        _("sign-in name"),
        max_length=40,
        unique=True,
        validators=[RegexValidator(r"^[a-z][a-z0-9._-]*\Z", _("Small letters, digits, dot, dash and underscore."))],
    )
    display_name = models.CharField(_("name"), max_length=80)
    post = models.CharField(_("post"), max_length=120, blank=True)
    language = models.CharField(_("language"), max_length=8, blank=True)
    duties: models.JSONField[list[int], list[int]] = models.JSONField(
        _("duties on this node"), default=list, blank=True
    )
    is_active = models.BooleanField(_("may sign in"), default=True)
    made_at = models.BigIntegerField(default=0)  # seconds since 1970 UTC
    sessions_ended = models.PositiveIntegerField(default=0)  # how often all were; part of what a session is sealed with

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["display_name"]
    objects = Persons()

    def __str__(self) -> str:
        return self.display_name

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Django's seal of a session: one made before a new password, or before all were ended, opens nothing."""
        sealed = f"{self.sessions_ended} {self.password}"
        return salted_hmac("tallystick.people.session", sealed, secret=secret, algorithm="sha256").hexdigest()

    @cached_property
    def active_appointments(self) -> tuple[Appointment, ...]:
        """Return the warrants this person may sign under; one query for each request."""
        return tuple(self.appointments.filter(active=True).order_by("space", "grant"))

    @property
    def duties_held(self) -> frozenset[Duty]:
        """Return every duty of this person, on the node and by any warrant."""
        warranted = (d for appointment in self.active_appointments for d in appointment.duties)
        return frozenset(Duty(d) for d in (*self.duties, *warranted))

    def appointment_for(self, space: bytes, *duties: Duty) -> Appointment | None:
        """Return the warrant under which this person may do an act that needs one of ``duties`` (none: any warrant)."""
        for appointment in self.active_appointments:
            if appointment.space == space.hex() and (not duties or set(appointment.duties) & set(duties)):
                return appointment
        return None


class Appointment(models.Model):
    """A person holds a post: the grant at leaf ``grant`` of this party's admin log in the agreement ``space``.

    The warrant itself is in the record; this only says which person acts under it. Partners never see this.
    """

    person = models.ForeignKey(Person, models.CASCADE, related_name="appointments")
    space = models.CharField(max_length=64)  # hexadecimal
    grant = models.PositiveBigIntegerField()
    post = models.CharField(max_length=200)
    duties: models.JSONField[list[int], list[int]] = models.JSONField(default=list, blank=True)
    active = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            # Two persons under one warrant would be one officer to the separation of duties.
            models.UniqueConstraint(
                fields=["space", "grant"], condition=models.Q(active=True), name="one_person_per_warrant"
            )
        ]

    def __str__(self) -> str:
        return self.post


class SignInLink(models.Model):
    """A one-time link. Only its digest is kept, so that reading the database lets nobody in."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="links")
    digest = models.CharField(max_length=64, unique=True)
    made_at = models.BigIntegerField()
    expires_at = models.BigIntegerField()
    used_at = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"link for {self.person_id}"


class Passkey(models.Model):
    """A public key that a person's device holds the other half of."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="passkeys")
    credential_id = models.BinaryField(max_length=1023, unique=True)
    data = models.BinaryField()  # AttestedCredentialData, as WebAuthn writes it
    host = models.CharField(max_length=253)  # the relying party it was made for
    name = models.CharField(max_length=60)
    uses = models.BigIntegerField(default=0)  # the authenticator's own counter, 0 where it keeps none
    added_at = models.BigIntegerField()
    used_at = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return self.name


class SigningKey(models.Model):
    """A person's own key for officers' signatures, sealed so that only the person opens it (``signing_keys``)."""

    person = models.OneToOneField(Person, models.CASCADE, related_name="signing_key")
    public = models.BinaryField(max_length=32, unique=True)
    sealed = models.BinaryField(max_length=1024)
    made_at = models.BigIntegerField()
    passkey = models.ForeignKey(Passkey, models.SET_NULL, null=True, related_name="+")  # a second way to open it
    sealed_by_passkey = models.BinaryField(max_length=1024, null=True)

    def __str__(self) -> str:
        return f"key of {self.person_id}"


class FailedSignIn(models.Model):
    """A sign-in that failed: counted by name and by address, both only as digests, and forgotten after a while."""

    subject = models.CharField(max_length=64, db_index=True)
    at = models.BigIntegerField(db_index=True)

    def __str__(self) -> str:
        return f"failed at {self.at}"


class Session(AbstractBaseSession):
    """A browser that is signed in, or a stranger's with a form open. Its name is kept as a digest only."""

    person = models.ForeignKey(Person, models.CASCADE, null=True, related_name="sessions")
    began_at = models.BigIntegerField(default=0)  # seconds since 1970 UTC
    seen_at = models.BigIntegerField(default=0)
    address = models.CharField(max_length=64, blank=True)
    device = models.CharField(max_length=60, blank=True)  # browser and system, as it says

    def __str__(self) -> str:
        return f"session of {self.person_id}"

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        from tallystick.web.people.sessions import SessionStore  # noqa: PLC0415 # which asks for this model

        return SessionStore


class Event(models.Model):
    """Something that matters to the safety of this node; ``events`` says which there are and writes them.

    No key to a person: it must outlive them. Never a secret, and never what somebody typed who is not known here.
    """

    at = models.BigIntegerField(db_index=True)  # seconds since 1970 UTC
    code = models.CharField(max_length=40)
    who = models.CharField(max_length=40, blank=True, db_index=True)  # a sign-in name, or nobody known
    address = models.CharField(max_length=64, blank=True)
    facts: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.code} {self.at}"
