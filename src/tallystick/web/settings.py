"""Django's settings: drawn from the node's folder, which the environment names.

``TALLYSTICK_NODE`` is the folder; everything an operator may set is in its ``node.toml`` (docs/reference/settings.md).
Without it the settings describe a node that keeps nothing, which is what tests, type checks and migrations need;
``web/wsgi.py`` refuses to serve that one.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from csp.constants import NONE, SELF
from django.core.management.utils import get_random_secret_key

from tallystick.app.settings import NodeSettings, load
from tallystick.stores.keys import KeyFolder

HERE = Path(__file__).parent


def _node() -> NodeSettings:
    folder = os.environ.get("TALLYSTICK_NODE")
    if folder:
        return load(folder)
    return NodeSettings(
        folder=Path("/nowhere/node"),
        party="JP",
        party_name="Japan",
        node_name="Headquarters",
        database="sqlite:///:memory:",
    )


def _secret(node: NodeSettings) -> str:
    if not os.environ.get("TALLYSTICK_NODE"):
        return get_random_secret_key()
    return KeyFolder(node.keys_folder).web_secret()


def _database(url: str) -> dict[str, Any]:
    """Return Django's words for the node's database, which the record's store opens by the same URL."""
    if url.startswith("sqlite:"):
        path = url.removeprefix("sqlite:///")
        return {
            "ENGINE": "django.db.backends.sqlite3",
            # Never made here: a file that vanished is missed, not taken for an empty one (``stores/sqlite.py``).
            "NAME": path if path == ":memory:" else f"{Path(path).absolute().as_uri()}?mode=rw",
            "OPTIONS": {
                "uri": True,
                # The same promises as the record's store: a commit is on the disk before anyone is told of it.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000",
                "transaction_mode": "IMMEDIATE",
            },
        }
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": dict(parse_qsl(parts.query)),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


NODE = _node()
SECRET_KEY = _secret(NODE)
DEBUG = False  # always: a page with our variables on it is a leak
DATABASES = {"default": _database(NODE.database_url)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",  # its widgets, beside our templates for fields
    "csp",
    "django_htmx",
    "tallystick.web.people",
    "tallystick.web.national",
    "tallystick.web.api",
    "tallystick.web.pages",
]
MIDDLEWARE = [
    "tallystick.web.middleware.SmallerText",
    "tallystick.web.middleware.Headers",
    "csp.middleware.CSPMiddleware",
    "tallystick.web.middleware.Plain",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "tallystick.web.people.middleware.WhoIsAsking",
    "tallystick.web.middleware.Gate",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "tallystick.web.middleware.Visible",
    "tallystick.web.middleware.Troubles",
]
ROOT_URLCONF = "tallystick.web.urls"
WSGI_APPLICATION = "tallystick.web.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "tallystick.web.shell.context",
            ],
            "libraries": {"tally": "tallystick.web.tags"},
            "builtins": ["django.templatetags.i18n", "django.templatetags.static", "tallystick.web.tags"],
        },
    }
]
FORM_RENDERER = "tallystick.web.shell.FormRenderer"

# ---- people

AUTH_USER_MODEL = "people.Person"
AUTHENTICATION_BACKENDS = ["tallystick.web.people.backend.PersonBackend"]
LOGIN_URL = "sign-in"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
PASSWORD_LENGTH_MIN = 15  # NIST SP 800-63B-4 for a password that stands alone
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": PASSWORD_LENGTH_MIN},
    },
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "display_name", "post")},
    },
    {"NAME": "tallystick.web.people.passwords.Common"},
    {"NAME": "tallystick.web.people.passwords.FirstGuesses"},
    {"NAME": "tallystick.web.people.passwords.Breached"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# ---- cookies: a browser sends them to every port of a host, so two nodes on one machine need names of their own

_https = NODE.url.startswith("https://")
_tag = f"{NODE.party.lower()}_{sha256(f'{NODE.folder.resolve()} {NODE.url}'.encode()).hexdigest()[:8]}"
_host = "__Host-" if _https else ""  # a browser takes such a cookie from this very host alone, and over https
SESSION_COOKIE_NAME = f"{_host}tallystick_{_tag}"
SESSION_COOKIE_AGE = 12 * 3600  # a watch and its handover; people/middleware.py ends it sooner when nobody clicks
SESSION_COOKIE_HTTPONLY = True
SESSION_ENGINE = "tallystick.web.people.sessions"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_NAME = f"{_host}tallystick_form_{_tag}"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = _https
CSRF_FAILURE_VIEW = "tallystick.web.middleware.form_expired"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
MESSAGE_TAGS = {10: "note", 20: "note", 25: "good", 30: "warn", 40: "stop"}  # Django's levels as our callouts
THEME_COOKIE_NAME = f"{_host}tallystick_theme"
LANGUAGE_COOKIE_NAME = f"{_host}tallystick_language"
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SECURE = _https

# ---- what comes in

ALLOWED_HOSTS = sorted(
    {"localhost", "127.0.0.1", "[::1]", NODE.listen.rpartition(":")[0], urlsplit(NODE.url).hostname or "localhost"}
)
CSRF_TRUSTED_ORIGINS = [NODE.url]
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024  # the largest bundle of docs/spec/wire.md, with room for its form
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000  # 100 lines × the fields of the longest line, twice over

# ---- what goes out

X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "object-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
STATIC_URL = "/static/"
STATICFILES_DIRS = [HERE / "static"]
# Files are served from where they lie, with no build step. Addresses made by {% static %} carry the file's digest, so a
# browser may keep them for a year; fonts are addressed from the style sheet and carry their version in the name.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # nothing is uploaded to disk
    "staticfiles": {"BACKEND": "tallystick.web.shell.DigestedStatic"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 365 * 24 * 3600
WHITENOISE_ALLOW_ALL_ORIGINS = False

# ---- language and time

LANGUAGE_CODE = NODE.language
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [HERE / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = NODE.time_zone

# ---- telling the operator

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"discreet": {"()": "tallystick.web.middleware.Discreet"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "discreet"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": [], "level": "WARNING", "propagate": True},
        "django.security": {"level": "CRITICAL"},  # tallystick.security tells it, in one line
        "django.request": {"level": "CRITICAL"},  # tallystick.web tells it, with the reference the officer sees
    },
}
