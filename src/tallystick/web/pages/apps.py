from __future__ import annotations

from django.apps import AppConfig


class PagesConfig(AppConfig):
    name = "tallystick.web.pages"
    label = "pages"

    def ready(self) -> None:
        from tallystick.web import shell  # noqa: PLC0415 # the app registry is ready only here
        from tallystick.web.pages import desk  # noqa: PLC0415

        shell.provide_standing(desk.standing)
