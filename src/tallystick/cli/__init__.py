"""Commands over the same use cases; ``verify`` and ``ledger`` load no Django."""
