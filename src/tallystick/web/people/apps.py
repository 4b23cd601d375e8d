from __future__ import annotations

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "tallystick.web.people"
    label = "people"

    def ready(self) -> None:
        from tallystick.web.people import events  # noqa: PLC0415 # the app registry is ready only here

        events.begin()
