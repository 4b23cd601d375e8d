"""Erasing as an administrator speaks of it: what would go, what stays, who has to agree, what is left to do by hand.

Decides what is shown before a wish is signed and which wishes still wait for a party. When something counts as erased
is ``core.erasure``; that the bytes go is ``stores``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tallystick.app import fields, write
from tallystick.app.node import Desk
from tallystick.app.ports import PURGE_DUE, EntryStore
from tallystick.core import canonical
from tallystick.core.entries import (
    BODIES,
    DESK_KINDS,
    NO_SEGMENT,
    Draft,
    Entry,
    Kind,
    Reason,
    Redact,
    Segment,
    to_array,
)
from tallystick.core.erasure import Wish, is_signed
from tallystick.core.errors import LocalError
from tallystick.core.fold import Record, Trial
from tallystick.core.identity import EntryRef, party_of
from tallystick.core.orders import OrderView

SEGMENT_NAMES: Mapping[str, Segment] = {"core": Segment.CORE, "detail": Segment.DETAIL, "auth": Segment.AUTH}


@dataclass(frozen=True)
class Said:
    """What one party asked. ``at`` in seconds since 1970; ``parties_missing`` have not said the same yet."""

    wish: Wish
    party: str
    at: int
    reason: Reason
    segments: Segment
    parties_missing: tuple[str, ...]
    waits: bool  # it would erase more than is erased now, once they do


@dataclass(frozen=True)
class Standing:
    """What is known about erasing ``target``: what it was made with, what is here, what is gone for everybody."""

    target: EntryRef
    kind: int
    party: str
    order_id: EntryRef | None
    made_with: Segment
    here: Segment
    erased: Segment
    said: tuple[Said, ...]

    @property
    def waiting(self) -> tuple[Said, ...]:
        return tuple(said for said in self.said if said.waits)

    @property
    def last(self) -> Said | None:
        """The wish that is shown with what is erased: when, by whom, why."""
        done = [said for said in self.said if not said.waits and said.segments & self.erased]
        return done[-1] if done else None


@dataclass(frozen=True)
class Preview:
    """What signing a wish would do. ``now`` goes with our signature, ``later`` when ``waits_for`` say the same.

    ``before`` and ``after`` is the order with what it says now and with the restatement; both None when nothing of it
    changes. ``repeats`` are entries that may hold the same words and are not touched.
    """

    entry: Entry
    trial: Trial
    standing: Standing
    now: Segment
    later: Segment
    waits_for: tuple[str, ...]
    before: OrderView | None
    after: OrderView | None
    repeats: tuple[EntryRef, ...]

    @property
    def same_effect(self) -> bool:
        """Whether the order's state, quantities and amounts stay as they are."""
        return self.before is None or self.after is None or _figures(self.before) == _figures(self.after)


def _figures(order: OrderView) -> tuple[object, ...]:
    lines = tuple((line.line, line.ordered, line.delivered, line.received, line.refused) for line in order.lines)
    return (order.state, order.currency, order.agreed_value, order.accrued, order.open_amount, lines)


def standing(desk: Desk, target: EntryRef) -> Standing:
    """Return how it stands about erasing ``target``.

    Raises:
        LocalError: ``unknown-entry``.
    """
    entry = desk.space.entry(target)
    stored = desk.space.stored(target)
    here = NO_SEGMENT
    for segment, data in ((Segment.CORE, stored.core), (Segment.DETAIL, stored.detail), (Segment.AUTH, stored.auth)):
        here |= segment if data is not None else NO_SEGMENT
    return Standing(
        target=target,
        kind=entry.kind,
        party=desk.party_code(entry.party),
        order_id=desk.record.subject_of(target),
        made_with=here | entry.missing,
        here=here,
        erased=entry.erased,
        said=tuple(_said(desk, entry, wish) for wish in desk.record.erasures.wishes(target)),
    )


def _said(desk: Desk, target: Entry, wish: Wish) -> Said:
    same = {
        other.party
        for other in desk.record.erasures.wishes(target.ref)
        if (other.body.segments, other.body.restated) == (wish.body.segments, wish.body.restated)
    }
    missing = tuple(desk.party_code(n) for n in range(len(desk.genesis.parties)) if n not in same)
    wanted = wish.segments & (target.erased | target.missing | _present(target))
    possible = not any(finding.entry == wish.ref for finding in desk.record.findings)
    return Said(
        wish=wish,
        party=desk.party_code(wish.party),
        at=wish.t,
        reason=wish.body.reason,
        segments=wish.segments,
        parties_missing=missing,
        waits=possible and bool(missing) and bool(wanted & ~target.erased),
    )


def _present(entry: Entry) -> Segment:
    found = Segment.CORE
    found |= Segment.DETAIL if entry.detail is not None else NO_SEGMENT
    found |= Segment.AUTH if entry.auth is not None else NO_SEGMENT
    return found


def asked(desk: Desk) -> tuple[Standing, ...]:
    """Return every entry that somebody wanted something erased of, in the order of their names."""
    found = (target for target in desk.record.erasures.targets if _is_held(desk, target))
    return tuple(standing(desk, target) for target in found)


def _is_held(desk: Desk, target: EntryRef) -> bool:
    return target.index < desk.space.size(target.log) and desk.space.is_act(target.log, target.index)


def waiting(desk: Desk) -> tuple[Standing, ...]:
    """Return the entries about which somebody's wish waits for another party."""
    return tuple(one for one in asked(desk) if one.waiting)


def to_confirm(desk: Desk, one: Standing) -> Said | None:
    """Return the newest wish that waits for this party; None when there is none."""
    ours = desk.party_code(desk.party)
    return next((said for said in reversed(one.waiting) if ours in said.parties_missing), None)


def draft(desk: Desk, target: EntryRef, segments: Segment, reason: Reason, restated: bytes = b"") -> Draft:
    """Return the wish to erase ``segments`` of ``target``.

    Raises:
        LocalError: ``unknown-entry``; ``nothing-to-erase``: no segment, or none that the entry was made with.
    """
    if not segments & standing(desk, target).made_with:
        raise LocalError("nothing-to-erase", entry=str(target))
    return Draft(Redact(target, int(segments), reason, restated))


def confirmation(desk: Desk, target: EntryRef) -> Draft:
    """Return the draft that says the same as the partner about ``target``.

    Raises:
        LocalError: ``unknown-entry``; ``nothing-to-confirm``.
    """
    said = to_confirm(desk, standing(desk, target))
    if said is None:
        raise LocalError("nothing-to-confirm", entry=str(target))
    return Draft(replace(said.wish.body))


def restatement(desk: Desk, target: EntryRef, data: object, context: fields.Context) -> bytes:
    """Return the canonical core that is read in place of what ``target`` says, from fields in a reader's terms.

    The officer stays: it is the same act, told with other words.

    Raises:
        FieldError: a field does not read.
        LocalError: ``unknown-entry``, or ``redact-not-possible`` when the entry is of a kind without fields.
    """
    entry = desk.space.entry(target)
    if entry.kind not in BODIES or entry.kind in DESK_KINDS:
        raise LocalError("redact-not-possible", kind=entry.kind, why="kind")
    who = getattr(entry.body, "who", None)
    given = dict(data) if isinstance(data, Mapping) else data
    if who is None and isinstance(given, dict):  # it says nothing any more; whoever restates it names the officer
        who = given.get("who")
    return canonical.encode(to_array(fields.from_json(Kind(entry.kind), given, who=who, context=context)))


def preview(desk: Desk, one: Draft) -> Preview:
    """Return what signing the wish ``one`` would do; nothing is signed or stored.

    Raises:
        LocalError: it cannot be written down (no root key here, an entry that is not there).
    """
    assert isinstance(one.body, Redact)
    target = one.body.target
    with desk.lock:
        seen = write.preview(desk, one)
        found = standing(desk, target)
        entry = desk.space.entry(target)
        others = _agreeing(desk, seen.entry)
        now = _gone(desk, entry, [seen.entry])
        later = _gone(desk, entry, [seen.entry, *others])
        before = after = None
        if later & ~Segment.DETAIL and found.order_id is not None and not seen.trial.void:
            before = desk.record.orders.get(found.order_id)
            after = _read_with(desk, [seen.entry, *others]).orders.get(found.order_id)
        return Preview(
            entry=seen.entry,
            trial=seen.trial,
            standing=found,
            now=now & ~entry.erased,
            later=later & ~now & ~entry.erased,
            waits_for=tuple(desk.party_code(party_of(other.ref.log)) for other in others) if later & ~now else (),
            before=before,
            after=after,
            repeats=_repeats(desk, found),
        )


def _agreeing(desk: Desk, wish: Entry) -> list[Entry]:
    """Return what the other parties would write to agree with ``wish``, as far as they have not yet."""
    assert isinstance(wish.body, Redact)
    heard = desk.record.erasures.wishes(wish.body.target)
    said = {o.party for o in heard if (o.body.segments, o.body.restated) == (wish.body.segments, wish.body.restated)}
    return [
        replace(
            wish,
            ref=EntryRef(party, desk.space.size(party) + 1),
            lamport=wish.lamport + 1 + party,
            seen={**desk.space.sizes(), wish.ref.log: wish.ref.index + 1},
        )
        for party in desk.partners
        if party not in said
    ]


def _gone(desk: Desk, target: Entry, wishes: Iterable[Entry]) -> Segment:
    effect = desk.record.erasures.heard(wishes).effect(target.ref, target.kind, signed=is_signed(target))
    return effect.segments & (_present(target) | target.missing)


def _read_with(desk: Desk, more: Iterable[Entry]) -> Record:
    reading = desk.fold.fresh()
    reading.extend([*desk.fold.below(desk.space.sizes()), *more])
    return reading.record


def _repeats(desk: Desk, found: Standing) -> tuple[EntryRef, ...]:
    if found.order_id is None:
        return ()
    return tuple(
        entry.ref
        for entry in desk.record.entries_of(found.order_id)
        if entry.kind == Kind.CORRECTION and entry.obj == found.target
    )


def purge_due(store: EntryStore) -> bool:
    """Return whether free space of the node's files may still hold what was erased."""
    return any(name.startswith(PURGE_DUE) for name in store.remembered())
