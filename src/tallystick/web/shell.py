"""What every page has around it: which node this is, where one can go, whether the books agree.

Decides the navigation, the colours that tell two nodes apart, and how static files and forms are served and drawn.
The pages tell it how the record stands through ``provide_standing``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.forms.renderers import TemplatesSetting
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tallystick import __version__
from tallystick.app.clock import DemoClock, SystemClock
from tallystick.core.entries import Duty

THEMES = ("light", "dark")
EDGES = 8  # colours in the style sheet


@dataclass(frozen=True, slots=True)
class Standing:
    """How an agreement stands between us and the partner, for the foot of every page."""

    digest: bytes
    in_step: bool | None  # None: nobody has compared yet
    partner: str = ""  # its name
    heard_at: int | None = None  # when the partner was last heard, seconds since 1970 UTC
    alarms: int = 0  # that nobody has put away


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation. A path rather than a name: addresses are promises, and a test keeps them."""

    path: str
    label: Any
    duties: frozenset[Duty] = frozenset()  # only for those who hold one of them; none: for everybody


PLACES = (
    Place("/", _("Home")),
    Place("/orders/", _("Orders")),
    Place("/pier/", _("Pier"), frozenset({Duty.ISSUING, Duty.RECEIVING})),
    Place("/ledger/", _("Ledger")),
    Place("/agreement/", _("Agreement")),
    Place("/partner/", _("Partner")),
    Place("/people/", _("People"), frozenset({Duty.ADMINISTRATOR})),
)
ALARMS = Place("/alarms/", _("Alarms"))  # shown when there is one, to those who may read

_standing: Callable[[HttpRequest], Standing | None] | None = None


def provide_standing(source: Callable[[HttpRequest], Standing | None]) -> None:
    """Name the function that tells how the record stands; called once for each page drawn. It must be quick."""
    global _standing  # noqa: PLW0603 # one shell per process, told once at start-up
    _standing = source


def edge(party: str) -> int:
    """Return which of the edge colours a party's nodes wear."""
    return sum(party.encode()) % EDGES


def now() -> int:
    """Return this node's time, seconds since 1970 UTC: in a demo, the demo's."""
    path = settings.NODE.demo_clock_path
    return (DemoClock(path) if path else SystemClock()).now()


def context(request: HttpRequest) -> dict[str, Any]:
    """Give every template the node, the person, the navigation and the standing."""
    person = getattr(request, "person", None)
    here = max((p for p in PLACES if request.path.startswith(p.path)), key=lambda p: len(p.path), default=None)
    if here is PLACES[0] and request.path != "/":
        here = ALARMS if request.path == ALARMS.path else None
    theme = request.COOKIES.get(settings.THEME_COOKIE_NAME, "")
    held = person.duties_held if person else frozenset()
    standing = _standing(request) if _standing and person else None
    places = [p for p in PLACES if not p.duties or p.duties & held] if person else []
    if held and (here is ALARMS or (standing and standing.alarms)):
        places.append(ALARMS)
    return {
        "node": settings.NODE,
        "person": person,
        "places": [(p, p is here) for p in places],
        "theme": theme if theme in THEMES else "",
        "edge": edge(settings.NODE.party),
        "standing": standing,
        "demo_now": now() if settings.NODE.demo_clock_path else None,
        "version": __version__,
    }


class FormRenderer(TemplatesSetting):
    """Forms in our own words and shapes: ``{{ form }}`` and ``{{ form.name.as_field_group }}``."""

    form_template_name = "_form.html"
    field_template_name = "_field.html"


class DigestedStatic(StaticFilesStorage):
    """Static files where they lie, addressed with a digest of what is in them, so that caches never show old ones."""

    def url(self, name: str | None) -> str:
        return f"{super().url(name)}?v={_digest(name)}" if name else super().url(name)


@functools.cache
def _digest(name: str) -> str:
    path = finders.find(name)
    if not path:
        raise ValueError(f"no static file {name}")  # what WhiteNoise, which also asks for guesses, expects
    with open(path, "rb") as file:  # noqa: PTH123 # finders give str
        return sha256(file.read()).hexdigest()[:10]
