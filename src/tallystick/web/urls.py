"""Where everything is. Addresses are promises: people write them down and other programs call them."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from tallystick.web.health import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("tallystick.web.people.urls")),
    path("", include("tallystick.web.pages.urls")),
    path("api/", include("tallystick.web.api.urls")),
    path("health", health, name="health"),
    path("peer/", include("tallystick.web.peering.urls")),
]

handler400 = "tallystick.web.middleware.bad_request"
handler403 = "tallystick.web.middleware.not_allowed"
handler404 = "tallystick.web.middleware.not_there"
handler500 = "tallystick.web.middleware.unexpected"
