from __future__ import annotations

from django.urls import path

from tallystick.web.pages.erasure import views

urlpatterns = [
    path("erasures/", views.erasures, name="erasures"),
    path("erasures/<ref:target>/", views.erase, name="erase"),
    path("erasures/<ref:target>/confirm/", views.confirm, name="erase-confirm"),
]
