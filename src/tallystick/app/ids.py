"""The only thrower of dice: salts, tokens and nonces."""

from __future__ import annotations

import secrets


class SystemIds:
    """Randomness of the operating system."""

    def random_bytes(self, count: int) -> bytes:
        return secrets.token_bytes(count)


def token() -> str:
    """Return a URL-safe secret of 256 bits: for one-time links and API tokens."""
    return secrets.token_urlsafe(32)
