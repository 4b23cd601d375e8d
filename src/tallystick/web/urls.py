"""Where everything is. Addresses are promises: people write them down and other programs call them."""

from __future__ import annotations

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [path("", include("tallystick.web.people.urls"))]
for _prefix, _room in (("api/", "api"), ("peer/", "peering"), ("", "pages")):
    if find_spec(f"tallystick.web.{_room}") and find_spec(f"tallystick.web.{_room}.urls"):
        urlpatterns.append(path(_prefix, include(f"tallystick.web.{_room}.urls")))

handler400 = "tallystick.web.middleware.bad_request"
handler403 = "tallystick.web.middleware.not_allowed"
handler404 = "tallystick.web.middleware.not_there"
handler500 = "tallystick.web.middleware.unexpected"
