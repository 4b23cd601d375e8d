"""Names of entries in addresses: ``/orders/17.204/``."""

from __future__ import annotations

from tallystick.core.identity import EntryRef


class EntryRefConverter:
    regex = r"[0-9]{1,9}\.[0-9]{1,9}"

    def to_python(self, value: str) -> EntryRef:
        return EntryRef.parse(value)

    def to_url(self, value: EntryRef | str) -> str:
        return str(value)
