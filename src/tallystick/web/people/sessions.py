"""Where sessions are kept: Django's table, with a digest in the place of each session's name.

The name is what the browser's cookie holds, so whoever read it in the database, or in a backup of it, would be signed
in. As with one-time links and tokens, reading the database lets nobody in.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as InDatabase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.utils import timezone


def _digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:40]  # 160 bits: as many as the column has room for


class SessionStore(InDatabase):
    """Found by ``SESSION_ENGINE``."""

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        if not self.session_key:
            return None
        found: AbstractBaseSession | None = self.model.objects.filter(
            session_key=_digest(self.session_key), expire_date__gt=timezone.now()
        ).first()
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        return bool(super().exists(_digest(session_key)))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        row = super().create_model_instance(data)
        row.session_key = _digest(self._get_or_create_session_key())  # type: ignore[attr-defined] # Django has it
        return row

    def delete(self, session_key: str | None = None) -> None:
        name = session_key or self.session_key
        if name:
            super().delete(_digest(name))
