"""Replication with one partner node, without I/O: what it holds, what to send it next, when to fall silent.

::

    ours                                     theirs
    outgoing(space, sign)  ── bundles ──▶    space.read, store, apply, acknowledge
    delivered(outgoing)    ◀── bundles ──    outgoing(space, sign)
    came(admission)

Decides which sizes the partner is taken to hold: what its last ctx acknowledged, what it sent itself, and what the
transport says arrived. An acknowledgement is not acknowledged (``Space.acknowledge``), so the last one never comes
back in a ctx; remembering what was delivered keeps two idle nodes silent. A partner that answers with ``have`` is
believed, even when it holds less than it once acknowledged: it may have come back from a backup.

Leaves the bytes to ``bundle``, keeping early bundles to the caller, and carrying to ``app``.

Source: docs/spec/sync.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tallystick.core.space import Admission, Space


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Bundles for a partner, in order, and the sizes it holds once they have all arrived."""

    bundles: tuple[bytes, ...]
    sizes: Mapping[int, int]


class Exchange:
    """What one partner node is known to hold. Keep one for each partner, for as long as the node runs."""

    def __init__(self, writer: int | None = None, known: Mapping[int, int] | None = None) -> None:
        """Begin, or go on.

        Args:
            writer: The log the partner node writes; None while that is not known.
            known: Sizes it is known to hold from an earlier session, if that was kept.
        """
        self.writer = writer
        self._known = dict(known or {})
        self._believes_have = False

    def known(self, space: Space) -> dict[int, int]:
        """Return the sizes the partner is taken to hold."""
        known = dict(self._known)
        if self.writer is not None and not self._believes_have:
            _raise(known, space.known_by(self.writer))
        return {log: min(size, space.size(log)) for log, size in known.items()}

    def outgoing(self, space: Space, sign: Callable[[int, bytes], bytes | None]) -> Outgoing:
        """Return what the partner lacks; no bundles when there is nothing new."""
        sizes = self.known(space)
        bundles: list[bytes] = []
        for bundle, ends in space.news(dict(sizes), sign):
            bundles.append(bundle)
            sizes.update(ends)
        return Outgoing(tuple(bundles), sizes)

    def delivered(self, outgoing: Outgoing) -> None:
        """Note that the transport says all of ``outgoing`` arrived."""
        _raise(self._known, outgoing.sizes)

    def came(self, admission: Admission) -> None:
        """Note what a bundle of the partner's shows: it holds what it sends, and what it says."""
        if admission.have is not None:
            self._known = dict(admission.have)
            self._believes_have = True
        _raise(self._known, admission.held)


def _raise(known: dict[int, int], sizes: Mapping[int, int]) -> None:
    for log, size in sizes.items():
        if size > known.get(log, 0):
            known[log] = size
