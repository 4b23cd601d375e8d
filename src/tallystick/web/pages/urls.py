"""Officers' pages. Templates of ``pages/<folder>`` are in ``pages/templates/<folder>``."""

from __future__ import annotations

from django.urls import include, path

_FOLDERS = (
    "home", "orders", "pier", "ledger", "agreement", "pricelists", "partner", "people", "findings", "alarms", "erasure",
    "demo",
)  # fmt: skip

urlpatterns = [path("", include(f"tallystick.web.pages.{folder}.urls")) for folder in _FOLDERS]
