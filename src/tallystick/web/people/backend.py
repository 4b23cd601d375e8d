"""How Django finds a person: by name and password, or by the id in the session."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from tallystick.web.people.models import Person


class PersonBackend(BaseBackend):
    """Password sign-in, and the person of a session. A person who may no longer sign in is nobody at once."""

    def authenticate(
        self,
        request: HttpRequest | None,  # Django's
        username: str | None = None,
        password: str | None = None,
        **_: Any,
    ) -> Person | None:
        if username is None or password is None:
            return None
        try:
            person = Person.objects.get_by_natural_key(username)
        except Person.DoesNotExist:
            Person().set_password(password)  # takes as long as checking one: no list of names by stop-watch
            return None
        right = person.check_password(password)
        return person if right and person.is_active else None

    def get_user(self, user_id: int) -> Person | None:
        return Person.objects.filter(pk=user_id, is_active=True).first()
