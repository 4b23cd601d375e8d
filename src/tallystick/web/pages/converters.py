"""Names of entries in addresses: ``/orders/17.204/``. Registered here once for every folder of pages: ``<ref:…>``."""

from __future__ import annotations

from django.urls import register_converter

from tallystick.core.identity import EntryRef


class EntryRefConverter:
    regex = r"[0-9]{1,9}\.[0-9]{1,9}"

    def to_python(self, value: str) -> EntryRef:
        return EntryRef.parse(value)

    def to_url(self, value: EntryRef | str) -> str:
        return str(value)


register_converter(EntryRefConverter, "ref")
