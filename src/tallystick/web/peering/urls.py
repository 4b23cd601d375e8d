from __future__ import annotations

from django.urls import path

from tallystick.web.peering import views

urlpatterns = [
    path("card", views.card),
    path("knock", views.knock),
    path("challenge", views.challenge),
    path("session", views.session),
    path("exchange", views.exchange_bundles),
    path("digests", views.digests),
    path("heads", views.heads),
]
