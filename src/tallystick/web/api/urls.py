from __future__ import annotations

from django.urls import path

from tallystick.web.api import pages
from tallystick.web.api.endpoints import api

urlpatterns = [
    path("tokens/", pages.tokens, name="tokens"),
    path("tokens/<int:token_id>/end", pages.end, name="token-end"),
    path("v1/", api.urls),
]
