"""Where sessions are kept: a row each, with a digest in the place of its name, and whose it is.

The name is what the browser's cookie holds, so whoever read it in the database, or in a backup of it, would be signed
in. As with one-time links and tokens, reading the database lets nobody in.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as InDatabase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.utils import timezone

from tallystick.web.people.models import Session

SHOWN = ("began_at", "seen_at", "address", "device")  # of what is in a session, beside it in the row


def digest(name: str) -> str:
    """Return what is kept of a session's name: 160 bits, as many as the column has room for."""
    return sha256(name.encode()).hexdigest()[:40]


class SessionStore(InDatabase):
    """Found by ``SESSION_ENGINE``."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        if not self.session_key:
            return None
        found = Session.objects.filter(session_key=digest(self.session_key), expire_date__gt=timezone.now()).first()
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        return bool(super().exists(digest(session_key)))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        row = super().create_model_instance(data)
        assert isinstance(row, Session)
        row.session_key = digest(self._get_or_create_session_key())  # type: ignore[attr-defined] # Django has it
        row.person_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        for name in SHOWN:
            if name in data:
                setattr(row, name, data[name])
        return row

    def delete(self, session_key: str | None = None) -> None:
        name = session_key or self.session_key
        if name:
            super().delete(digest(name))
