from __future__ import annotations

from django.apps import AppConfig


class NationalConfig(AppConfig):
    name = "tallystick.web.national"
    label = "national"
