"""Officers' pages. Templates of ``pages/<folder>`` are in ``pages/templates/<folder>``."""

from __future__ import annotations

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

_FOLDERS = (
    "home",
    "orders",
    "pier",
    "ledger",
    "agreement",
    "partner",
    "people",
    "pricelists",
    "findings",
    "demo",
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(f"tallystick.web.pages.{folder}.urls"))
    for folder in _FOLDERS
    if find_spec(f"tallystick.web.pages.{folder}") and find_spec(f"tallystick.web.pages.{folder}.urls")
]
