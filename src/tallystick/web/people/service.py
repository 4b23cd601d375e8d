"""What can be done with persons: make them, invite them, let them in, appoint them to posts.

Decides how long a link lives, how often one may fail, and when a confirmation is fresh. Sign-in runs on the machine's
clock, also in a demo: a link must not expire because the demo's day moved on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from hashlib import sha256
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from tallystick.app.clock import SystemClock
from tallystick.app.ids import token
from tallystick.core.entries import Duty
from tallystick.core.errors import LocalError
from tallystick.core.warrants import duties_in_conflict
from tallystick.web.limits import address_of, network_of
from tallystick.web.people.models import Appointment, FailedSignIn, Passkey, Person, Session, SigningKey, SignInLink
from tallystick.web.people.sessions import SessionStore, digest
from tallystick.web.watch import ring

HOUR = 3600
LINK_LIFE = 72 * HOUR  # a letter by courier and a weekend
FRESH_SECONDS = 10 * 60
IDLE_SECONDS = 2 * HOUR  # half a watch. Nothing binding can be done by who finds it: that asks for proof again
SESSION_SECONDS = settings.SESSION_COOKIE_AGE  # since signing in, however busy
_SEEN_EVERY = 60  # seconds between two writes of when a session was last used
FAIL_WINDOW = 15 * 60
FAILS_PER_NAME = 10  # a person mistypes a few times; a list of passwords does not get far
FAILS_PER_ADDRESS = 30  # a headquarters may share one address

_BACKEND = "tallystick.web.people.backend.PersonBackend"
_CONFIRMED = "confirmed_at"
_BEGAN = "began_at"
_SEEN = "seen_at"

clock = SystemClock()  # tests put another here


# ---- making persons


def create_person(
    username: str,
    display_name: str,
    *,
    post: str = "",
    duties: Iterable[Duty] = (),
    language: str = "",
) -> Person:
    """Make a person who can sign in by a one-time link only, until they choose a passkey or a password.

    Raises:
        LocalError: ``sign-in-name-wrong`` or ``sign-in-name-taken``.
    """
    person = Person(
        username=username.strip().lower(),
        display_name=display_name.strip(),
        post=post.strip(),
        language=language,
        duties=sorted(int(d) for d in duties),
        made_at=clock.now(),
    )
    person.set_unusable_password()
    try:
        person.clean_fields()
    except ValidationError as error:
        raise LocalError("sign-in-name-wrong", name=username, why="; ".join(error.messages)) from None
    try:
        with transaction.atomic():
            person.save()
    except IntegrityError:
        raise LocalError("sign-in-name-taken", name=person.username) from None
    return person


def invite(person: Person, ttl: int = LINK_LIFE) -> str:
    """Return the path of a one-time link for ``person``, good for ``ttl`` seconds. Earlier unused links end.

    The link is the only copy: what is kept is a digest.
    """
    secret = token()
    now = clock.now()
    with transaction.atomic():
        person.links.filter(used_at=None).delete()
        SignInLink.objects.create(person=person, digest=_digest(secret), made_at=now, expires_at=now + ttl)
    return reverse("link", args=[secret])


def appoint(
    person: Person, *, space: bytes, grant: int, post: str, duties: Collection[Duty], active: bool = True
) -> Appointment:
    """Put ``person`` under the warrant at leaf ``grant`` of this party's admin log in the agreement ``space``.

    Whoever held it before no longer does.

    Raises:
        LocalError: ``duties-conflict``: under two warrants one person would do both acts that two must do.
    """
    conflict = duties_in_conflict({*person.duties_held, *duties}) if active else None
    if conflict is not None:
        raise LocalError("duties-conflict", one=int(conflict[0]), other=int(conflict[1]))
    with transaction.atomic():
        Appointment.objects.filter(space=space.hex(), grant=grant, active=True).update(active=False)
        made = Appointment.objects.create(
            person=person, space=space.hex(), grant=grant, post=post, duties=[int(d) for d in duties], active=active
        )
    person.__dict__.pop("active_appointments", None)
    return made


def carry_over(space: bytes, grant: int, new: int) -> None:
    """Let whoever holds the warrant at ``grant`` hold the one that goes on in its place."""
    Appointment.objects.filter(space=space.hex(), grant=grant, active=True).update(grant=new)


def dismiss(person: Person) -> None:
    """Let a person in no more, from the next click on; their links, passkeys and password end."""
    with transaction.atomic():
        person.links.filter(used_at=None).delete()
        person.passkeys.all().delete()
        SigningKey.objects.filter(person=person).delete()
        person.appointments.filter(active=True).update(active=False)
        person.sessions.all().delete()
        person.is_active = False
        person.set_unusable_password()
        person.save(update_fields=["is_active", "password"])


# ---- one-time links


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def link_person(secret: str) -> Person | None:
    """Return whom a link would let in, without using it up."""
    link = _live_links(secret).select_related("person").first()
    return link.person if link and link.person.is_active else None


def _live_links(secret: str) -> QuerySet[SignInLink]:
    return SignInLink.objects.filter(digest=_digest(secret), used_at=None, expires_at__gt=clock.now())


def use_link(request: HttpRequest, secret: str) -> Person | None:
    """Sign in with a link, once: of two requests at the same moment one finds it used."""
    person = link_person(secret)
    if person is None or _live_links(secret).update(used_at=clock.now()) != 1:
        return None
    let_in(request, person, way="link")
    return person


# ---- signing in and out


def let_in(request: HttpRequest, person: Person, *, way: str) -> None:
    """Begin a session for someone who has just proved who they are; ``way`` is how, for the list of events."""
    SessionStore.clear_expired()
    login(request, person, backend=_BACKEND)
    request.person = person  # type: ignore[attr-defined]
    request.session[_BEGAN] = request.session[_SEEN] = request.session[_CONFIRMED] = clock.now()
    request.session["address"] = address_of(request)[:64]
    request.session["device"] = device_of(request.headers.get("User-Agent", ""))
    ring(request, "signed-in", way=way)


def still_in_use(request: HttpRequest) -> bool:
    """Return whether the session was used lately and is not too old; in a demo, where people wander off, always."""
    now = clock.now()
    began, seen = request.session.get(_BEGAN), request.session.get(_SEEN)
    if not isinstance(began, int) or not isinstance(seen, int):
        return False
    if settings.NODE.demo_clock_path is None and not (now - began < SESSION_SECONDS and now - seen < IDLE_SECONDS):
        return False
    if now - seen >= _SEEN_EVERY:
        request.session[_SEEN] = now
    return True


_BROWSERS = ("Edg", "OPR", "Firefox", "Chrome", "Safari")  # each of these also says the names of later ones
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS", "CrOS", "Linux")


def device_of(told: str) -> str:
    """Return what a browser says it is, in two words; nothing a stranger wrote is kept."""
    browser = next((name for name in _BROWSERS if name in told), "?")
    return f"{browser.replace('Edg', 'Edge')}, {next((name for name in _SYSTEMS if name in told), '?')}"


def open_sessions(person: Person) -> QuerySet[Session]:
    """Return the sessions of ``person`` that can still be used, those used last first."""
    lately = clock.now() - IDLE_SECONDS
    return person.sessions.filter(expire_date__gt=timezone.now(), seen_at__gt=lately).order_by("-seen_at")


def end_sessions(person: Person, *, keep: HttpRequest | None = None) -> None:
    """End every session of ``person``, but for that of ``keep``; also one that is being saved at this moment."""
    Person.objects.filter(pk=person.pk).update(sessions_ended=F("sessions_ended") + 1)
    person.refresh_from_db(fields=["sessions_ended"])
    kept = ""
    if keep is not None:
        update_session_auth_hash(keep, person)
        kept = digest(keep.session.session_key or "")
    person.sessions.exclude(session_key=kept).delete()


def sign_in(request: HttpRequest, username: str, password: str) -> Person | None:
    """Sign in with a password; None when it is not right.

    Raises:
        LocalError: ``too-many-tries`` with the ``minutes`` to wait.
    """
    refuse_if_tired(request, username)
    person = authenticate(request, username=username, password=password) if settings.NODE.allow_passwords else None
    if not isinstance(person, Person):
        note_failure(request, username)
        known = Person.objects.filter(username=username.strip().lower()).values_list("username", flat=True).first()
        ring(request, "sign-in-failed", who=known or "")
        return None
    let_in(request, person, way="password")
    return person


def sign_out(request: HttpRequest) -> None:
    logout(request)
    request.person = None  # type: ignore[attr-defined]


def check_password(request: HttpRequest, person: Person, password: str) -> bool:
    """Confirm a signed-in person by password; failures count like those of signing in."""
    refuse_if_tired(request, person.username)
    if settings.NODE.allow_passwords and person.check_password(password):
        confirm(request, way="password")
        return True
    note_failure(request, person.username)
    ring(request, "confirm-failed")
    return False


def confirm(request: HttpRequest, *, way: str) -> None:
    """Note that this person has just proved who they are; the session gets a new name, as at signing in."""
    request.session.cycle_key()
    request.session[_CONFIRMED] = clock.now()
    ring(request, "confirmed", way=way)


def can_prove(person: Person) -> bool:
    """Return whether this person has a way to prove who it is; one who just came by a first link has none yet."""
    return person.has_usable_password() or person.passkeys.exists()


def confirmed_lately(request: HttpRequest) -> bool:
    at = request.session.get(_CONFIRMED)
    return isinstance(at, int) and 0 <= clock.now() - at <= FRESH_SECONDS


def choose_password(person: Person, password: str) -> None:
    """Set a password; raises Django's ValidationError with what is wrong with it."""
    if not settings.NODE.allow_passwords:
        raise ValidationError(_("This node takes passkeys only."))
    validate_password(password, person)
    person.set_password(password)
    person.save(update_fields=["password"])


def safe_next(request: HttpRequest, address: str | None) -> str:
    """Return ``address`` if it is one of ours, as a path; otherwise home."""
    if address and url_has_allowed_host_and_scheme(address, {request.get_host()}):
        parts = urlsplit(address)
        path = urlunsplit(("", "", parts.path or "/", parts.query, parts.fragment))
        if path.startswith("/") and not path.startswith(("//", "/\\")):
            return path
    return "/"


# ---- failing


def _subjects(request: HttpRequest, username: str) -> tuple[tuple[str, int], tuple[str, int]]:
    """Digests of name and address, with how often each may fail. A name may be a password typed in the wrong box."""
    return (
        (salted_hmac("sign-in name", username.strip().lower(), algorithm="sha256").hexdigest(), FAILS_PER_NAME),
        (salted_hmac("sign-in address", network_of(request), algorithm="sha256").hexdigest(), FAILS_PER_ADDRESS),
    )


def refuse_if_tired(request: HttpRequest, username: str) -> None:
    """Raise LocalError ``too-many-tries`` when this name, or anything from this address, failed too often."""
    since = clock.now() - FAIL_WINDOW
    for subject, most in _subjects(request, username):
        times = list(
            FailedSignIn.objects.filter(subject=subject, at__gt=since).order_by("-at").values_list("at")[:most]
        )
        if len(times) == most:
            wait = times[-1][0] + FAIL_WINDOW - clock.now()
            ring(request, "sign-in-closed")
            raise LocalError("too-many-tries", minutes=max(1, -(-wait // 60)))


def note_failure(request: HttpRequest, username: str) -> None:
    """Count a wrong password or passphrase."""
    now = clock.now()
    FailedSignIn.objects.filter(at__lte=now - FAIL_WINDOW).delete()
    FailedSignIn.objects.bulk_create([FailedSignIn(subject=s, at=now) for s, _ in _subjects(request, username)])


# ---- passkeys: what the pages need to know; the rest is in ``passkeys``


def own_origin() -> str:
    """Return this node's address as browsers write origins."""
    parts = urlsplit(settings.NODE.url)
    return f"{parts.scheme}://{parts.netloc}"


def passkeys_possible(host: str) -> bool:
    """Return whether a browser will make passkeys for ``host``: it needs a name, and https unless it is localhost."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name == "localhost":
        return True
    is_address = name.startswith("[") or name.replace(".", "").isdigit()
    return not is_address and settings.NODE.url.startswith("https://")


def passkeys_for(person: Person, host: str) -> list[Passkey]:
    return list(person.passkeys.filter(host=host).order_by("added_at"))
