from __future__ import annotations

from django.urls import path

from tallystick.web.pages.findings import views

urlpatterns = [
    path("findings/", views.findings, name="findings"),
    path("findings.<twin:form>", views.findings_twin, name="findings-twin"),
]
