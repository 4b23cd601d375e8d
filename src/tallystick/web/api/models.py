"""Rows: tokens that programs show, and what was answered to a command, so that asking twice does it once."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models


class ApiToken(models.Model):
    """A program acts for a person. Only the digest of the secret is kept."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=60)
    digest = models.CharField(max_length=64, unique=True)
    scopes: models.JSONField[list[str], list[str]] = models.JSONField(default=list)
    made_at = models.BigIntegerField()  # seconds since 1970 UTC
    expires_at = models.BigIntegerField()
    used_at = models.BigIntegerField(null=True)
    revoked_at = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return self.name


class Command(models.Model):
    """A command with an idempotency key. ``status`` 0: it began and its answer is not known yet."""

    token = models.ForeignKey(ApiToken, models.CASCADE, related_name="commands")
    key = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)  # of the request
    status = models.PositiveSmallIntegerField(default=0)
    body: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    at = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["token", "key"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return self.key
