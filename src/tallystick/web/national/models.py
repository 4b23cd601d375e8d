"""Rows that never leave the node. ``order`` is the order's name in its agreement: ``<space hex>/<log>.<index>``."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from tallystick.core.identity import EntryRef


def order_key(space: bytes, order_id: EntryRef) -> str:
    """Return how these tables name an order."""
    return f"{space.hex()}/{order_id}"


class FundCitation(models.Model):
    """Where the money for an order comes from; the partner learns only who certified it."""

    order = models.CharField(max_length=110, db_index=True)
    text = models.CharField(max_length=200)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.BigIntegerField()

    def __str__(self) -> str:
        return self.text


class Draft(models.Model):
    """An act someone is still writing. ``order`` is empty for a request; ``kind`` is a document kind's number."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="drafts")
    kind = models.PositiveSmallIntegerField()
    order = models.CharField(max_length=110, blank=True, db_index=True)
    data: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    updated_at = models.BigIntegerField()

    class Meta:
        ordering: ClassVar = ["-updated_at"]

    def __str__(self) -> str:
        return f"draft of kind {self.kind}"


class InternalNote(models.Model):
    """A note about an order for our own people."""

    order = models.CharField(max_length=110, db_index=True)
    text = models.TextField(max_length=2000)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.BigIntegerField()

    class Meta:
        ordering: ClassVar = ["at"]

    def __str__(self) -> str:
        return self.text[:40]
