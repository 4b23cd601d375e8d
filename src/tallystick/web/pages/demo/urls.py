from __future__ import annotations

from django.urls import path

from tallystick.web.pages.demo import views

urlpatterns = [path("demo/clock", views.clock, name="demo-clock")]
