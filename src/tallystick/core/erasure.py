"""What the administrations asked to erase, and from when on it is erased.

Decides which segments of an entry are gone for everybody, and what is read in place of an erased core: a pure function
of the REDACT acts about it, in whatever order they come. ``admission`` asks it what to erase, ``fold`` how to read.
Leaves to stores and files that the bytes are really gone.

Source: docs/spec/log.md, "Erasure".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from tallystick.core import canonical
from tallystick.core.entries import DESK_KINDS, NO_SEGMENT, Body, Entry, Kind, Redact, Segment, Unreadable, from_array
from tallystick.core.errors import LocalError, RemoteError
from tallystick.core.identity import EntryRef, party_of
from tallystick.core.log import StoredLeaf
from tallystick.core.warrants import Refusal, refuse

ERASED = "erased"  # what an entry says whose core is erased and not restated
WITHHELD = "withheld"  # what an entry says whose core has not come, though nobody agreed to erase it


class Wish(NamedTuple):
    """One party's REDACT that can be granted as far as its own entry tells: of its admin log, on what it had seen."""

    ref: EntryRef
    t: int
    order_key: tuple[int, int, int]
    body: Redact

    @property
    def party(self) -> int:
        return party_of(self.ref.log)

    @property
    def segments(self) -> Segment:
        return Segment(self.body.segments)


@dataclass(frozen=True, slots=True)
class Effect:
    """What is erased of an entry. ``body`` is what everybody reads when the core is."""

    segments: Segment = NO_SEGMENT
    body: Body | Unreadable | None = None


_NOTHING = Effect()


class Erasures:
    """All wishes heard so far. A value: ``heard`` makes a new one."""

    __slots__ = ("_parties", "_wishes")

    def __init__(self, parties: int, wishes: Mapping[EntryRef, tuple[Wish, ...]] | None = None) -> None:
        """``parties`` is how many the agreement has; ``wishes`` by the entry they name, in everybody's order."""
        self._parties = parties
        self._wishes = wishes or {}

    def __bool__(self) -> bool:
        return bool(self._wishes)

    def heard(self, entries: Iterable[Entry]) -> Erasures:
        """Return these and the wishes among ``entries``, of which each comes once."""
        wishes: dict[EntryRef, tuple[Wish, ...]] | None = None
        for entry in entries:
            if entry.kind == Kind.REDACT and (wish := self._wish(entry)) is not None:
                wishes = dict(self._wishes) if wishes is None else wishes
                beside = wishes.get(wish.body.target, ())
                wishes[wish.body.target] = tuple(sorted((*beside, wish), key=lambda one: one.order_key))
        return self if wishes is None else Erasures(self._parties, wishes)

    def _wish(self, entry: Entry) -> Wish | None:
        body = entry.body
        if not isinstance(body, Redact) or entry.ref.log >= self._parties or not entry.had_seen(body.target):
            return None
        return Wish(entry.ref, entry.t, entry.order_key, body)

    @property
    def targets(self) -> tuple[EntryRef, ...]:
        """The entries that somebody wants something erased of, by name."""
        return tuple(sorted(self._wishes))

    def wishes(self, target: EntryRef) -> tuple[Wish, ...]:
        """Return what was asked about ``target``, in the order everybody reads it; not all of it may be possible."""
        return self._wishes.get(target, ())

    def effect(self, target: EntryRef, kind: int, *, signed: bool) -> Effect:
        """Return what is erased of the entry ``target`` of this ``kind``; ``signed``: by an officer's own signature.

        The core and the signature go when all parties have asked for the same: segments and restatement. A detail goes
        when its own party has asked, or, where the officer's signature covers it, when all have: whoever holds the
        signature could test guesses at what it covers, so it goes with either.
        """
        wishes = [wish for wish in self._wishes.get(target, ()) if impossible(wish.body, kind) is None]
        if not wishes:
            return _NOTHING
        gone = NO_SEGMENT
        agreeing: dict[tuple[int, bytes], dict[int, Wish]] = {}
        for wish in wishes:
            agreeing.setdefault((wish.body.segments, wish.body.restated), {}).setdefault(wish.party, wish)
            if wish.party == party_of(target.log) and not signed:
                gone |= wish.segments & Segment.DETAIL
        agreed = [tuple(said.values()) for said in agreeing.values() if len(said) == self._parties]
        for said in agreed:
            gone |= said[0].segments
        if signed and gone:
            gone |= Segment.AUTH
        if not gone & Segment.CORE:
            return Effect(gone) if gone else _NOTHING
        last = max(
            (said for said in agreed if said[0].segments & Segment.CORE),
            key=lambda said: max(wish.order_key for wish in said),
        )
        return Effect(gone, restated(last[0].body, kind))

    def reading(self, entry: Entry) -> Entry:
        """Return ``entry`` as everybody reads it: without what is erased, whether or not the bytes are still here."""
        if entry.ref not in self._wishes:
            return entry
        effect = self.effect(entry.ref, entry.kind, signed=is_signed(entry))
        gone = effect.segments & (_present(entry) | entry.missing)
        if entry.erased == gone and not gone & Segment.CORE:
            return entry
        entry = replace(entry, erased=gone, missing=entry.missing | gone)
        if gone & Segment.DETAIL:
            entry = replace(entry, detail=None, detail_hash=None)
        if gone & Segment.AUTH:
            entry = replace(entry, auth=None)
        if effect.body is not None:
            entry = replace(entry, body=effect.body, core_hash=b"")
        return entry


def is_signed(entry: Entry) -> bool:
    """Return whether ``entry`` was made with an officer's own signature, here or not."""
    return entry.auth is not None or bool(entry.missing & Segment.AUTH)


def impossible(body: Redact, kind: int) -> Refusal | None:
    """Return why ``body`` erases nothing of an entry of this ``kind``, or None.

    What opens logs and settles authority can never go. A core needs a restatement that fits its kind, or none; that of
    a request always needs one, because all of its order rests on it.
    """
    if kind in DESK_KINDS:
        return refuse("redact-not-possible", kind=kind, why="kind")
    if not body.segments & Segment.CORE:
        return refuse("redact-not-possible", kind=kind, why="restated") if body.restated else None
    if not body.restated and kind == Kind.REQUEST:
        return refuse("redact-not-possible", kind=kind, why="request")
    if body.restated:
        instead = restated(body, kind)
        if isinstance(instead, Unreadable):
            return refuse("redact-not-possible", kind=kind, why=instead.why)
    return None


def unreadable(entry: Entry, body: Unreadable) -> Refusal:
    """Return what is found of ``entry``, whose ``body`` says nothing."""
    if body.why in (ERASED, WITHHELD):
        return refuse(body.why, kind=entry.kind)
    return refuse("unreadable-body", kind=entry.kind, why=body.why)


def without(stored: StoredLeaf, segments: Segment) -> StoredLeaf:
    """Return a leaf as it is kept when ``segments`` are erased."""
    return stored._replace(
        core=None if segments & Segment.CORE else stored.core,
        detail=None if segments & Segment.DETAIL else stored.detail,
        auth=None if segments & Segment.AUTH else stored.auth,
    )


def restated(body: Redact, kind: int) -> Body | Unreadable:
    """Return what is read in the place of a core of this ``kind`` when ``body`` has its way."""
    if not body.restated:
        return Unreadable(kind, None, ERASED)
    try:
        return from_array(kind, canonical.decode(body.restated))
    except (RemoteError, LocalError):
        return Unreadable(kind, None, "not canonical")


def _present(entry: Entry) -> Segment:
    """Return the segments that ``entry`` was made with, as far as they are here."""
    found = Segment.CORE
    if entry.detail is not None:
        found |= Segment.DETAIL
    if entry.auth is not None:
        found |= Segment.AUTH
    return found
