from __future__ import annotations

from django.urls import path

from tallystick.web.pages.pier import views

urlpatterns = [
    path("pier/", views.pier, name="pier"),
    path("pier/<ref:order_id>/", views.order, name="pier-order"),
    path("pier/<ref:order_id>/done/", views.done, name="pier-done"),
    path("pier/<ref:order_id>/<ref:on>/", views.act, name="pier-act"),
]
