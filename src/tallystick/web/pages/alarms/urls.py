from __future__ import annotations

from django.urls import path

from tallystick.web.pages.alarms import views

urlpatterns = [
    path("alarms/", views.alarms_page, name="alarms"),
    path("alarms/seen", views.seen, name="alarm-seen"),
    path("alarms/<slug:alarm_id>/<str:name>", views.evidence, name="alarm-evidence"),
]
