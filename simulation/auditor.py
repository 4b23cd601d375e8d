"""A second opinion on a record, worked out by hand: plainly, slowly, and without the product's own indices.

The fold judges warrants, revocations, ceilings and dates in ways that are quick. Here each act that counts is judged
again from the entries and the rules as the specification words them (docs/spec/orders.md, "Warrants" and "Time";
docs/spec/log.md, "Erasure"), so that a rule the fold forgets on every node alike is noticed all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from simulation.laws import InvariantBroken
from simulation.machines import DAY
from tallystick.app.node import Desk
from tallystick.core import cose, signing
from tallystick.core.agreement import OfficerSigns
from tallystick.core.entries import Duty, Entry, Kind, Redact, Revoke, Segment, Unreadable
from tallystick.core.identity import EntryRef, grant_of, party_of
from tallystick.core.orders import STEPS, OrderView
from tallystick.core.times import AFTER_WITNESS, BEFORE_SEEN
from tallystick.core.warrants import COMMITTING, OFFICER_SIGNED, GrantView


def audit(desk: Desk) -> None:
    """Raise InvariantBroken for the first thing in the record of ``desk`` that does not follow from the entries."""
    auditor = _Auditor(desk)
    for order_id, order in desk.record.orders.items():
        entries = desk.record.entries_of(order_id)
        effective = set(order.effective)
        for entry in entries:
            if entry.ref in effective and entry.ref not in auditor.corrected:
                auditor.authority(order, entry, entries)
        auditor.dates(entries, effective)
    auditor.ceilings()
    auditor.erasures()


class _Auditor:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.record = desk.record
        self.terms = desk.genesis.terms
        self.corrected = {found.entry for found in self.record.findings if found.code == "corrected"}
        self.acts = {entry.ref: entry for entry in desk.space.acts()}
        self.revocations: dict[tuple[int, int], list[Entry]] = {}
        for entry in self.acts.values():
            if isinstance(entry.body, Revoke) and entry.ref.log < len(desk.genesis.parties):
                self.revocations.setdefault((entry.party, entry.body.grant), []).append(entry)

    def broken(self, law: str, ref: EntryRef, why: str) -> InvariantBroken:
        return InvariantBroken(law, f"at {self.desk.party_code_here} {ref} counts, and {why}")

    # ---- who may

    def authority(self, order: OrderView, entry: Entry, entries: Sequence[Entry]) -> None:
        """D8, I11: the officer and the writer of an act that counts had a warrant for it, and still had it."""
        ref, body = entry.ref, entry.body
        if isinstance(body, Unreadable):
            raise self.broken("authority", ref, "nobody can read it")
        if entry.party not in (order.receiver, order.provider):
            raise self.broken("authority", ref, "its party is not of the order")
        grant = self._standing(entry, getattr(body, "who", 0))
        self._standing(entry, grant_of(ref.log))
        duties = self._duties(entry)
        if duties and not set(duties) & set(grant.duties):
            raise self.broken("authority", ref, f"{grant.post} has none of its duties")
        if entry.kind == Kind.ORDER and getattr(body, "funds_certifier", None) == getattr(body, "who", None):
            raise self.broken("authority", ref, "one officer both ordered and certified the funds")
        self._signature(entry, grant)
        for name in self._names(entry.party, grant, grant_of(ref.log)):
            for revoke in self.revocations.get(name, ()):
                if _reaches(revoke, entry) and not _relied_on(entry, revoke, entries, order):
                    raise self.broken("I11", ref, f"{revoke.ref} had taken its warrant back")

    def _standing(self, entry: Entry, who: int) -> GrantView:
        """Return a grant that ``entry`` leans on; it must be one that counts, was seen, and had not ended."""
        grant = self.record.grants.get((entry.party, who))
        if grant is None or grant.void is not None:
            raise self.broken("authority", entry.ref, f"there is no warrant {entry.party}.{who} that does")
        if not entry.had_seen(grant.ref):
            raise self.broken("authority", entry.ref, "it had not seen its warrant")
        if grant.until is not None and entry.t // DAY > grant.until:
            raise self.broken("authority", entry.ref, "its warrant had ended")
        if grant.replaced_by is not None and entry.had_seen(grant.replaced_by):
            raise self.broken("authority", entry.ref, "its warrant had been replaced")
        return grant

    def _duties(self, entry: Entry) -> tuple[Duty, ...]:
        on = self.acts[entry.obj].kind if entry.obj is not None else None
        return STEPS[Kind(entry.kind), Kind(on) if on is not None else None].duties

    def _signature(self, entry: Entry, grant: GrantView) -> None:
        """An officer's own signature is there where the terms ask for it always, and whatever is there fits."""
        if entry.erased & Segment.AUTH:
            return
        if entry.auth is None:
            plain = entry.kind in OFFICER_SIGNED and entry.kind not in (Kind.COUNTERSIGN, Kind.CORRECTION)
            if plain and self.terms.officer_signs is OfficerSigns.ALWAYS:
                raise self.broken("signature", entry.ref, "its officer did not sign it")
            return
        signed = cose.to_be_signed(cose.payload(self.desk.id, entry))
        if grant.officer_key is None or not signing.verify(grant.officer_key, signed, entry.auth[-64:]):
            raise self.broken("signature", entry.ref, "its officer's signature does not fit")
        for other in self.acts.values():
            if other.auth == entry.auth and other.ref < entry.ref and other.ref.log == entry.ref.log:
                raise self.broken("signature", entry.ref, f"its officer signed it once, as {other.ref}")

    def _names(self, party: int, grant: GrantView, writer: int) -> Iterator[tuple[int, int]]:
        """Yield the warrants whose revocation takes an act back: the officer's, the writer's, and the principal's."""
        yield party, grant.ref.index
        yield party, writer
        if grant.acting_for is not None:
            yield party, grant.acting_for

    # ---- how much

    def ceilings(self) -> None:
        """I10: what counts under a warrant, and under those it goes on from, is within its ceilings, log by log."""
        spent: dict[tuple[int, int, int, str], int] = {}
        effective = {ref for order in self.record.orders.values() for ref in order.effective}
        for ref in sorted(effective):
            entry = self.acts[ref]
            if entry.kind not in COMMITTING:
                continue
            bound = self.desk.fold.commitment(entry)
            if bound is None:
                continue
            for who in (getattr(entry.body, "who", 0), grant_of(ref.log)):
                grant = self.record.grants[entry.party, who]
                place = (ref.log, entry.party, self._first_of(grant), bound.currency)
                spent[place] = spent.get(place, 0) + bound.adds
                if grant.per_act is None and grant.total is None:
                    continue
                if grant.key is None and grant.currency != bound.currency:
                    raise self.broken("I10", ref, "its warrant's ceiling is in another currency")
                per_act = grant.per_act if grant.key is None or self.terms.officer_signs is OfficerSigns.NEVER else None
                if per_act is not None and bound.amount > per_act:
                    raise self.broken("I10", ref, "it binds to more than its warrant's ceiling")
                if grant.total is not None and bound.adds and spent[place] > grant.total:
                    raise self.broken("I10", ref, "it passes the total ceiling of its warrant")

    def _first_of(self, grant: GrantView) -> int:
        while grant.replaces is not None:
            grant = self.record.grants[grant.party, grant.replaces]
        return grant.ref.index

    # ---- when

    def dates(self, entries: Sequence[Entry], effective: AbstractSet[EntryRef]) -> None:
        """I13: what counts and claims a time outside its provable interval is told, and nothing else is."""
        tolerance = self.terms.clock_tolerance_seconds
        found = {(found.code, found.entry) for found in self.record.findings}
        for entry in entries:
            if entry.ref not in effective:
                continue
            others = [other for other in entries if other.party != entry.party]
            early = any(entry.had_seen(other.ref) and entry.t + tolerance < other.t for other in others)
            first: dict[int, Entry] = {}
            for other in sorted(others, key=lambda other: other.ref):
                if other.had_seen(entry.ref):
                    first.setdefault(other.ref.log, other)
            late = any(other.t + tolerance < entry.t for other in first.values())
            for code, contradicted in ((BEFORE_SEEN, early), (AFTER_WITNESS, late)):
                if contradicted is not ((code, entry.ref) in found):
                    raise InvariantBroken("I13", f"{code} of {entry.ref} is {'not ' * contradicted}told")

    # ---- what is gone

    def erasures(self) -> None:
        """I9: what all who must agree asked to erase is not stored any more; and nothing else is missing."""
        kept = {EntryRef(leaf.log, leaf.index): leaf for leaf in self.desk.store.load(self.desk.id).leaves}
        here = self.desk.party_code_here
        parties = len(self.desk.genesis.parties)
        asked: dict[EntryRef, list[Entry]] = {}
        for entry in self.acts.values():
            body = entry.body
            if isinstance(body, Redact) and entry.ref.log < parties and entry.had_seen(body.target):
                asked.setdefault(body.target, []).append(entry)
        for entry in self.acts.values():
            if entry.missing and entry.ref not in asked:
                raise InvariantBroken("I9", f"a part of {entry.ref} is missing at {here}, and nobody asked for that")
        for target, wishes in asked.items():
            if target not in kept:
                continue
            leaf = kept[target]
            said: dict[tuple[int, bytes], set[int]] = {}
            for wish in wishes:
                assert isinstance(wish.body, Redact)
                said.setdefault((wish.body.segments, wish.body.restated), set()).add(wish.party)
            own = any(segments & Segment.DETAIL and party_of(target.log) in by for (segments, _), by in said.items())
            if leaf.detail is not None and own and leaf.auth is None and self.acts[target].auth is None:
                raise InvariantBroken("I9", f"{here} still holds the detail of {target}")
            every = [segments for (segments, _), by in said.items() if len(by) == parties]
            if leaf.core is not None and any(segments & Segment.CORE for segments in every):
                raise InvariantBroken("I9", f"{here} still holds the core of {target}")


def _reaches(revoke: Entry, entry: Entry) -> bool:
    body = revoke.body
    assert isinstance(body, Revoke)
    cut = any(cut.log == entry.ref.log and entry.ref.index >= cut.size for cut in body.cuts)
    return cut or entry.had_seen(revoke.ref)


def _relied_on(entry: Entry, revoke: Entry, entries: Sequence[Entry], order: OrderView) -> bool:
    """Return whether the other side had acted on ``entry`` before it saw ``revoke``."""
    other_side = {order.receiver, order.provider} - {entry.party}
    return any(
        later.party in other_side and later.kind != Kind.NOTE and not isinstance(later.body, Unreadable)
        and later.had_seen(entry.ref) and not later.had_seen(revoke.ref)
        for later in entries
    )  # fmt: skip
