"""What happens around every page: headers, smaller text, and what an officer sees when something is wrong.

Decides the status and the words for each class of error (``core/errors.py``). The program's own
faults get a reference number, which is also in the log; the log never has secrets in it.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from http import HTTPStatus

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError
from django.db import Error as DatabaseTrouble
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.utils.translation import gettext as _

from tallystick.app.courier import COURIER_MAX
from tallystick.app.ids import token
from tallystick.app.messages import Message
from tallystick.app.visible import visible_lines
from tallystick.core.agreement import UNPRINTABLE
from tallystick.core.errors import (
    ForkError,
    HeadMovedError,
    LocalError,
    PeerUnreachableError,
    RemoteError,
    StoreError,
    StoreUnavailableError,
    TallystickError,
    TooLargeError,
)
from tallystick.web import limits, messages, watch

log = logging.getLogger("tallystick.web")
GetResponse = Callable[[HttpRequest], HttpResponseBase]

METHODS = ("GET", "HEAD", "POST")
STRANGER_BODY_MAX = 64 * 1024  # a sign-in form, or an authenticator's answer
COURIER_PATH = "/partner/courier"
FORM_ROOM = 64 * 1024  # for what stands around a file in a form
API = "/api/v1/"
API_DOCUMENT = "/api/v1/openapi.json"
PARTNERS_DOORS = "/peer/"
OWN_COUNT = (API, PARTNERS_DOORS)  # who asks here has a token or a session that these count by
RETRY_SECONDS = 5  # a locked database is usually free again by then

# Secrets that could reach a log: one-time links, API tokens and the seals of sessions (43 characters of base64url),
# private keys for courier files, passwords in addresses.
_SECRETS = re.compile(
    r"(?<![\w-])(?:tally_)?[\w-]{43}(?![\w-])|AGE-SECRET-KEY-[0-9A-Z]+|(?<=://)[^\s:/@]+:[^\s@]+(?=@)"
)
_TEXT = ("text/", "application/json", "application/javascript", "image/svg+xml", "application/problem+json")


class Discreet(logging.Formatter):
    """A line for the operator, without the secrets that an address or a message may carry."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        return _SECRETS.sub("…", super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 # the library's name
        """Keep a message on its line: what a stranger sent must not look like a line of ours."""
        return UNPRINTABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", super().formatMessage(record))


class SmallerText(GZipMiddleware):
    """Compresses text; fonts and courier files are as small as they get. Django pads pages against BREACH."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not response.headers.get("Content-Type", "").startswith(_TEXT):
            return response
        return super().process_response(request, response)


class Headers:
    """Security headers that are the same on every response."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.https = settings.NODE.url.startswith("https://")

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        headers = response.headers
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("X-Permitted-Cross-Domain-Policies", "none")
        headers.setdefault(
            "Permissions-Policy",
            "camera=(self), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-get=(self),"
            " publickey-credentials-create=(self)",
        )
        if self.https:  # also behind a proxy that ends TLS, where Django itself sees plain HTTP
            headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        if request.path.startswith(OWN_COUNT):  # programs and partners: nothing between may keep it
            headers.setdefault("Cache-Control", "no-store")
        elif response.cookies or getattr(request, "person", None) is not None:
            headers.setdefault("Cache-Control", "private, no-store")
        return response


class Visible:
    """Shows on pages what would turn around the text beside it; files keep what was signed."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if isinstance(response, HttpResponse) and response.headers.get("Content-Type", "").startswith("text/html"):
            response.content = visible_lines(response.content.decode()).encode()
        return response


class Plain:
    """Lets in the three methods that anything here is asked with, and no NUL; nothing answers the rest."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        own_405 = request.path.startswith(API) and request.path != API_DOCUMENT  # says there what it does take
        if request.method not in METHODS and not own_405:
            return HttpResponse(status=HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": ", ".join(METHODS)})
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):  # PostgreSQL can be asked for no NUL
            return bad_request(request)
        return self.get_response(request)


class Gate:
    """Slows down who asks more often than a person can, and reads nothing that is larger than it may be.

    Persons are counted by themselves, strangers by address; of each, few are served at once that send something. Static
    files are served before this. The API counts for itself; partners' doors do all of it for themselves.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        person = getattr(request, "person", None)
        try:
            if person is not None:
                limits.PAGES.take(str(person.pk))
            elif not request.path.startswith(OWN_COUNT):
                limits.STRANGERS.take(limits.network_of(request))
            self._require_size(request, stranger=person is None)
            if request.method == "POST" and not request.path.startswith(PARTNERS_DOORS):
                with self._place(request):
                    return self.get_response(request)
        except (LocalError, TooLargeError) as error:
            if isinstance(error, limits.TooOftenError):
                watch.ring(request, "too-often")
            return respond(request, error)
        return self.get_response(request)

    def _place(self, request: HttpRequest) -> AbstractContextManager[None]:
        if request.path.startswith(API):
            return limits.PROGRAMS_AT_ONCE.one(limits.network_of(request))
        person = getattr(request, "person", None)
        if person is None:
            return limits.STRANGERS_AT_ONCE.one(limits.network_of(request))
        return limits.PEOPLE_AT_ONCE.one(str(person.pk))

    def _require_size(self, request: HttpRequest, *, stranger: bool) -> None:
        """Refuse a body by its length before a byte of it is read: forms with files would be written to the disk.

        A body without a declared length is empty to Django.
        """
        if request.path.startswith(PARTNERS_DOORS):
            return
        declared = request.META.get("CONTENT_LENGTH") or "0"
        size = int(declared) if declared.isdecimal() else 0
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if stranger and not request.path.startswith(OWN_COUNT):
            most = STRANGER_BODY_MAX
        elif request.path == COURIER_PATH:
            most = COURIER_MAX + FORM_ROOM
        if size > most:
            raise TooLargeError(what="request", limit=most, size=size)


class Troubles:
    """Turns our errors, and the database's, into the page they deserve."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer what we know; what we do not is left to ``unexpected``."""
        if _nothing_to_show_yet(request, exception):
            return HttpResponseRedirect("/")  # home says what will be here, and how to make it appear
        if isinstance(exception, TallystickError | DatabaseTrouble):
            return respond(request, exception)
        return None


def _nothing_to_show_yet(request: HttpRequest, exception: Exception) -> bool:
    """Return whether somebody opened a page of a node that keeps no agreement yet."""
    return (
        isinstance(exception, LocalError)
        and exception.code == "no-agreement-yet"
        and request.method == "GET"
        and request.path.endswith("/")
        and not request.path.startswith("/api/")
    )


def status_of(error: TallystickError) -> int:
    """Return the HTTP status of an error, by whose mistake it is."""
    match error:
        case limits.TooOftenError():
            return HTTPStatus.TOO_MANY_REQUESTS
        case limits.BusyError():
            return HTTPStatus.SERVICE_UNAVAILABLE
        case TooLargeError():
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        case ForkError():
            return HTTPStatus.CONFLICT
        case RemoteError():
            return HTTPStatus.BAD_REQUEST
        case HeadMovedError():
            return HTTPStatus.CONFLICT
        case StoreError() | PeerUnreachableError():
            return HTTPStatus.SERVICE_UNAVAILABLE
        case LocalError():
            return HTTPStatus.UNPROCESSABLE_ENTITY
    return HTTPStatus.INTERNAL_SERVER_ERROR


_DATABASE_WORDS = {
    "locked": "store-locked",
    "full": "store-full",
    "readonly": "store-read-only",
    "read-only": "store-read-only",
    "malformed": "store-damaged",
    "not a database": "store-damaged",
    "no such table": "store-empty",
    "unable to open": "store-gone",
    "disk I/O error": "store-gone",
    "connection": "store-gone",
}


def _is_the_databases(exception: BaseException | None) -> bool:
    """Return whether the database itself is in trouble, rather than our use of it."""
    return isinstance(exception, OperationalError | InterfaceError) or type(exception) is DatabaseError


def _database_code(told: str) -> str:
    """Return our code for what a database driver says in its own words."""
    return next((code for words, code in _DATABASE_WORDS.items() if words in told), "store-unavailable")


def respond(request: HttpRequest, exception: BaseException | None) -> HttpResponse:
    """Return the response for ``exception``: what happened, and what to do."""
    if _is_the_databases(exception):
        log.error("The database does not answer: %s", exception)
        exception = StoreUnavailableError(_database_code(str(exception)))
    if isinstance(exception, TallystickError):
        status = status_of(exception)
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            log.warning("%s", exception)
        response = _page(request, status, messages.of(exception), code=exception.code)
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            response.headers["Retry-After"] = str(RETRY_SECONDS)
        if isinstance(exception, limits.TooOftenError):
            response.headers["Retry-After"] = str(exception.facts["seconds"])
        return response
    reference = token()[:10]
    route = request.resolver_match.route if request.resolver_match else "(no page)"
    log.error("Reference %s: %s %s failed", reference, request.method, route, exc_info=exception)
    told = Message(
        _("Something went wrong on this node. It is written down under the reference %(reference)s.")
        % {"reference": reference},
        _("See whether your step was taken before you repeat it; then tell your administrator the reference."),
    )
    return _page(request, HTTPStatus.INTERNAL_SERVER_ERROR, told, code="internal-error")


_TITLES: dict[int, Callable[[], str]] = {
    400: lambda: _("That cannot be read"),
    403: lambda: _("Not allowed"),
    404: lambda: _("Not there"),
    409: lambda: _("Something moved meanwhile"),
    413: lambda: _("Too large"),
    422: lambda: _("That cannot be done"),
    429: lambda: _("Too often"),
    500: lambda: _("Our mistake"),
    503: lambda: _("Not available just now"),
}


def _page(request: HttpRequest, status: int, told: Message, *, code: str) -> HttpResponse:
    if request.path.startswith(("/api/", "/peer/")) or "text/html" not in request.headers.get("Accept", "text/html"):
        return JsonResponse(
            {"type": "about:blank", "status": int(status), "code": code, "title": told.happened, "detail": told.remedy},
            status=status,
            content_type="application/problem+json",
        )
    fragment = bool(getattr(request, "htmx", False))
    return render(
        request,
        "errors/_trouble.html" if fragment else "errors/trouble.html",
        {"status": int(status), "title": _TITLES[int(status)](), "told": told, "code": code},
        status=status,
    )


# ---- the views Django calls by name


def not_there(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # Django's
    told = Message(
        _("There is no such page here, or it is not for you to see."),
        _("Check the address, or begin at the home page."),
    )
    return _page(request, HTTPStatus.NOT_FOUND, told, code="not-there")


def not_allowed(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    watch.ring(request, "not-allowed", path=request.path)
    told = Message(
        str(exception or "") or _("Your duties do not include this."),
        _("Someone who holds the duty can do it; your administrator can tell you who that is."),
    )
    return _page(request, HTTPStatus.FORBIDDEN, told, code="not-allowed")


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # Django's
    told = Message(_("This request cannot be read."), _("Go back, reload the page and try again."))
    return _page(request, HTTPStatus.BAD_REQUEST, told, code="bad-request")


def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose token does not fit: sent from elsewhere, or from before a sign-in."""
    watch.ring(request, "form-refused", path=request.path, why=reason)
    told = Message(
        _("This form is from before you signed in, or from another site. Nothing was done."),
        _("Go back, reload the page and send it again. Cookies must be allowed for this address."),
    )
    return _page(request, HTTPStatus.FORBIDDEN, told, code="form-expired")


def unexpected(request: HttpRequest) -> HttpResponse:
    """Answer what nobody expected; also what goes wrong before a view is reached."""
    return respond(request, sys.exc_info()[1])
