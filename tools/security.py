"""Writes the tables of docs/security.md that the code and the tests decide. Run: python -m tools.security

A table stands between ``<!-- table: name -->`` and ``<!-- end -->``; a test holds document and code together, and that
every test and file named in docs/security.md and docs/asvs.md is there.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import django
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tallystick.web.settings")
django.setup()  # what follows names models

from tests.web.test_access import API_ROWS, CAST, ROWS, SHOWN  # noqa: E402
from tools.tables import table  # noqa: E402

from tallystick.app import courier, exchange, pairing, ports  # noqa: E402
from tallystick.core import bundle  # noqa: E402
from tallystick.web import limits, middleware  # noqa: E402
from tallystick.web.api import tokens  # noqa: E402
from tallystick.web.peering import views as doors  # noqa: E402
from tallystick.web.people import events, passwords, service  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "security.md"
ASVS = ROOT / "docs" / "asvs.md"
_BLOCK = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

# ---- who may open what

_MEANS = {
    200: "yes",
    201: "signs",
    302: "→",
    401: "401",
    403: "no",
    404: "hidden",
    400: "unread",
    410: "over",
    422: "refused",
}


@cache
def _routes() -> Mapping[str, str]:
    """Return the address of each name in the access table, as people write it."""
    found: dict[str, str] = {}

    def look(patterns: list[URLPattern | URLResolver], route: str, space: str) -> None:
        for pattern in patterns:
            here = route + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                look(pattern.url_patterns, here, f"{space}{pattern.namespace}:" if pattern.namespace else space)
            else:
                found.setdefault(f"{space}{pattern.name}" if pattern.name else here, "/" + here)

    look(get_resolver().url_patterns, "", "")
    return found


def _address(name: str) -> str:
    plain = re.sub(r"[\^$\\]", "", re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", _routes()[name]))
    return "`" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", plain) + "`"


def access() -> str:
    rows = [(f"{method} {_address(name)}", *(_MEANS[s] for s in told)) for name, (method, _, told) in ROWS.items()]
    return table(("asked", *CAST), rows)


def programs() -> str:
    rows = [(f"{method} {_address(name)}", *(_MEANS[s] for s in told)) for name, (method, _, told) in API_ROWS.items()]
    return table(("asked with", *SHOWN), rows)


# ---- limits


def _size(count: int) -> str:
    return f"{count // 2**20} MiB" if count >= 2**20 else f"{count // 1024} KiB"


def _places(places: limits.Places, who: str) -> str:
    return f"{places.most}, of one {who} {places.each}"


def limited() -> str:
    days, minutes = 86_400, 60
    people = {
        "failed sign-ins with one name": f"{service.FAILS_PER_NAME} in {service.FAIL_WINDOW // minutes} minutes",
        "failed sign-ins from one address": f"{service.FAILS_PER_ADDRESS} in {service.FAIL_WINDOW // minutes} minutes",
        "a one-time link": f"once, within {service.LINK_LIFE // service.HOUR} hours unless its maker says otherwise",
        "proof before signing, or changing a way in": f"not older than {service.FRESH_SECONDS // minutes} minutes",
        "a session without a click": f"{service.IDLE_SECONDS // service.HOUR} hours",
        "a session in all": f"{service.SESSION_SECONDS // service.HOUR} hours",
        "a password": f"{settings.PASSWORD_LENGTH_MIN} to 256 characters",
    }
    asking = {
        "pages for one person": f"{limits.PAGES.most} a minute",
        "pages for strangers of one address": f"{limits.STRANGERS.most} a minute",
        "strangers' forms at once": _places(limits.STRANGERS_AT_ONCE, "address"),
        "people's forms at once": _places(limits.PEOPLE_AT_ONCE, "person"),
        "programs' acts at once": _places(limits.PROGRAMS_AT_ONCE, "address"),
        "one program's token": f"{limits.TOKENS.most} a minute",
        "unknown tokens from one address": f"{limits.BAD_TOKENS.most} a minute",
        "partners' doors without a session, one address": f"{limits.DOORS.most} a minute",
        "partners served at once": _places(limits.PARTNERS_AT_ONCE, "address"),
        "a partner's questions for digests": f"{limits.READINGS.most} a minute",
    }
    living = {
        "a program's token": f"{tokens.LIFE_DAYS_MAX} days",
        "a partner's session": f"{doors.SESSION_SECONDS // minutes} minutes, or until a restart",
        "a challenge to a partner": f"{doors.CHALLENGE_SECONDS // minutes} minutes, or until a restart; answered once",
        "a stranger waiting to be paired": f"{pairing.KNOCK_LIFE // days} days, {ports.KNOCKS_MAX} of them",
        "a bundle that came too early": f"{exchange.WAITING_LIFE // days} days",
        "an event": f"{events.KEPT_DAYS} days, {events.KEPT_MOST:,} of them",
    }
    large = {
        "a stranger's form": _size(middleware.STRANGER_BODY_MAX),
        "a form, or a program's request": _size(settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
        "fields of a form": f"{settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:,}",
        "a courier file": _size(courier.COURIER_MAX),
        "a proposal to pair": _size(pairing.KNOCK_MAX),
        "a partner's request": _size(doors.EXCHANGE_MAX),
        "a bundle": f"{_size(bundle.BUNDLE_MAX)}, unpacked {_size(bundle.BODY_MAX)}",
        "bundles that came too early": f"{ports.WAITING_BUNDLES_MAX:,}, or {_size(ports.WAITING_BYTES_MAX)}, in all",
        "refused bytes kept as evidence": f"{ports.ASIDE_MAX} an agreement, {_size(ports.ASIDE_BYTES_MAX)} of each",
    }
    groups = (("people", people), ("how often", asking), ("how long", living), ("how large", large))
    return table(("", "what", "at most"), [(group, *row) for group, rows in groups for row in rows.items()])


def words() -> str:
    return ", ".join(sorted(passwords.CONTEXT)) + ".\n"


def logged() -> str:
    return table(("event", "what is written"), [(f"`{code}`", str(told)) for code, told in events.EVENTS.items()])


TABLES: Mapping[str, Callable[[], str]] = {
    "access": access,
    "programs": programs,
    "limits": limited,
    "words": words,
    "events": logged,
}


def renewed(text: str) -> str:
    """Return the page with every table as the code has it."""
    return _BLOCK.sub(lambda block: f"{block[1]}\n{TABLES[block[2]]()}\n{block[3]}", text)


# ---- what the pages point at


def named_tests(text: str) -> Iterator[tuple[str, str]]:
    """Yield (file, test) for everything written as ``tests/…/test_x.py::test_y``."""
    yield from re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)


@cache
def tests_in(file: str) -> frozenset[str]:
    """Return the names of the tests in a file; none when it is not there."""
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def named_files(text: str) -> Iterator[str]:
    """Yield every file of the repository that a page names, from its root or from the package."""
    rooms = "src|tests|docs|tools|web|app|core|stores|cli|requirements"
    yield from re.findall(rf"`((?:{rooms})/[\w./-]+\.(?:py|md|lock|html))`", text)


def is_there(file: str) -> bool:
    return (ROOT / file).is_file() or (ROOT / "src" / "tallystick" / file).is_file()


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(PAGE.relative_to(ROOT))
