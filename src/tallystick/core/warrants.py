"""Who may sign what: grants, the duties that exclude each other, ceilings and revocations.

Decides whether the officer an act names (``who``) may do it. A grant is an entry of its party's admin log, named by
its leaf index. Everything here is judged in the causal past of the act, so that every node judges alike whatever has
reached it since; a revocation alone works backwards, from its cuts on (docs/spec/orders.md, "Warrants"). Leaves to
``steps`` what an act says and when.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tallystick.core.entries import Duty, Entry, Grant, Kind, Revoke
from tallystick.core.identity import PARTIES_MAX, EntryRef, grant_of, party_of
from tallystick.core.orders import LIFE, Side, Step, duties_of

SECONDS_PER_DAY = 86_400

_BINDING = (Duty.ORDERING, Duty.ACCEPTING, Duty.FUNDS_CERTIFIER, Duty.BILLING, Duty.PAYING)

EXCLUSIONS: Mapping[Duty, tuple[Duty, ...]] = MappingProxyType({
    Duty.REQUESTER: (Duty.ORDERING,),
    Duty.FUNDS_CERTIFIER: (Duty.ORDERING, Duty.RECEIVING),
    Duty.ORDERING: (Duty.RECEIVING, Duty.PAYING),
    Duty.ACCEPTING: (Duty.ISSUING, Duty.BILLING),
    Duty.ISSUING: (Duty.BILLING,),
    Duty.RECEIVING: (Duty.PAYING,),
    Duty.COORDINATOR: _BINDING,
    Duty.AUDITOR: tuple(duty for duty in Duty if duty is not Duty.AUDITOR),
    Duty.ADMINISTRATOR: tuple(duty for duty in Duty if duty is not Duty.ADMINISTRATOR),
})  # fmt: skip
"""Separation of duties: no warrant holds a duty and one of those beside it. Read both ways."""


def duties_in_conflict(duties: Iterable[Duty]) -> tuple[Duty, Duty] | None:
    """Return the first two of ``duties`` that exclude each other, or None."""
    held = sorted(set(duties))
    return next(((a, b) for a in held for b in EXCLUSIONS.get(a, ()) if b in held), None)


def _mask(duties: Iterable[Duty]) -> int:
    """Return ``duties`` as bits, so that "has any of" is one operation in the fold's hot path."""
    bits = 0
    for duty in duties:
        bits |= 1 << duty
    return bits


@dataclass(frozen=True, slots=True)
class GrantView:
    """A grant as the record sees it. ``void`` is the code of its finding, if it does not count."""

    ref: EntryRef
    party: int
    post: str
    key: bytes | None
    age_recipient: str
    duties: tuple[Duty, ...]
    currency: str
    per_act: int | None
    total: int | None
    until: int | None
    trained_on: int | None
    granted_at: int
    revoked: EntryRef | None
    void: str | None


@dataclass(slots=True)
class Warrant:
    """A grant while folding, with the revocations of it."""

    ref: EntryRef
    body: Grant
    at: int
    void: str | None
    mask: int
    revokes: tuple[Entry, ...] = ()

    def view(self) -> GrantView:
        body = self.body
        return GrantView(
            ref=self.ref,
            party=party_of(self.ref.log),
            post=body.post,
            key=body.key,
            age_recipient=body.age_recipient,
            duties=body.duties,
            currency=body.currency,
            per_act=body.per_act,
            total=body.total,
            until=body.until,
            trained_on=body.trained_on,
            granted_at=self.at,
            revoked=self.revokes[0].ref if self.revokes else None,
            void=self.void,
        )


@dataclass(frozen=True, slots=True)
class Commitment:
    """What an act binds its officer to, in minor units. ``adds`` is what it counts towards a total ceiling."""

    currency: str
    amount: int
    adds: int


Refusal = tuple[str, tuple[tuple[str, int | str], ...]]
"""The code of a finding, and its facts."""


def refuse(code: str, **facts: int | str) -> Refusal:
    return (code, tuple(facts.items()))


def _step_masks() -> dict[tuple[int, Side], int]:
    return {(id(step), side): _mask(duties_of(step, side)) for step in LIFE for side in (Side.RECEIVER, Side.PROVIDER)}


_MASKS = _step_masks()


class Warrants:
    """The grants and revocations of all parties, and what each grant has been used for. Grows; never forgets."""

    def __init__(self, commitment_of: Callable[[EntryRef], Commitment | None]) -> None:
        """``commitment_of`` tells what an act binds to, from the bodies in its causal past alone."""
        self._commitment_of = commitment_of
        self.by_name: dict[tuple[int, int], Warrant] = {}
        self.missed: set[tuple[int, int]] = set()  # asked for before they came
        self._revokes: dict[tuple[int, int], list[Entry]] = {}
        self._commitments: dict[tuple[int, int], list[int]] = {}  # (log, who) -> indices of its commitments
        self._sums: dict[tuple[int, int], list[int]] = {}  # what they come to, each with all before it

    # ---- growing

    def add_grant(self, entry: Entry) -> Refusal | None:
        """Take in a grant; returns why it does not count."""
        body = entry.body
        assert isinstance(body, Grant)
        refusal: Refusal | None = None
        conflict = duties_in_conflict(body.duties)
        if conflict:
            refusal = refuse("duties-conflict", one=int(conflict[0]), other=int(conflict[1]))
        elif body.currency == "" and (body.per_act is not None or body.total is not None):
            refusal = refuse("warrant-currency", warrant="")
        name = (entry.party, entry.ref.index)
        warrant = Warrant(entry.ref, body, entry.t, refusal[0] if refusal else None, _mask(body.duties))
        warrant.revokes = tuple(self._revokes.get(name, ()))
        self.by_name[name] = warrant
        return refusal

    def add_revoke(self, entry: Entry) -> None:
        """Take in a revocation; it may come before the grant it takes back has."""
        body = entry.body
        assert isinstance(body, Revoke)
        name = (entry.party, body.grant)
        revokes = self._revokes.setdefault(name, [])
        insort(revokes, entry, key=lambda e: e.order_key)
        if name in self.by_name:
            self.by_name[name].revokes = tuple(revokes)

    def add_commitment(self, entry: Entry, who: int) -> list[EntryRef]:
        """Count an act against its officer's total; returns later commitments of the same officer and log."""
        log = entry.ref.log
        indices = self._commitments.setdefault((log, who), [])
        if not indices or indices[-1] < entry.ref.index:
            indices.append(entry.ref.index)
            return []
        place = bisect_left(indices, entry.ref.index)
        indices.insert(place, entry.ref.index)
        del self._sums.get((log, who), [])[place:]
        return [EntryRef(log, later) for later in indices[place + 1 :]]

    # ---- judging

    def live(self, entry: Entry, who: int) -> Warrant | Refusal:
        """Return the warrant ``who`` as ``entry`` could rely on it, or why there is none."""
        name = (entry.ref.log % PARTIES_MAX, who)
        warrant = self.by_name.get(name)
        if warrant is None:
            self.missed.add(name)
            return refuse("no-warrant", who=who)
        if who == 0 or warrant.void is not None or not entry.had_seen(warrant.ref):
            return refuse("no-warrant", who=who)
        until = warrant.body.until
        if until is not None and entry.t // SECONDS_PER_DAY > until:
            return refuse("warrant-ended", who=who, until=until)
        return warrant

    def check(
        self,
        entry: Entry,
        who: int,
        step: Step,
        side: Side,
        commitment: Callable[[Entry], Commitment | None],
    ) -> Refusal | None:
        """Return why the officer ``who`` may not do ``step`` with ``entry``, or None. Revocations are asked apart.

        Args:
            entry: The act.
            who: The officer's grant.
            step: The row of the life table.
            side: The side of the order its party is on.
            commitment: What the act binds to; asked only when the warrant has a ceiling.
        """
        if entry.ref.log < PARTIES_MAX:
            return refuse("no-warrant", who=who)  # the admin log carries warrants, not business
        warrant = self.live(entry, who)
        if not isinstance(warrant, Warrant):
            return warrant
        if not warrant.mask & _MASKS[id(step), side]:
            return refuse("duty-missing", who=who, kind=int(step.kind))
        body = warrant.body
        if body.per_act is None and body.total is None:
            return None
        return self._over_ceiling(entry, who, body, commitment(entry))

    def check_certifier(self, entry: Entry, who: int) -> Refusal | None:
        """Return why the officer ``who`` could not certify the funds of the order ``entry``."""
        warrant = self.live(entry, who)
        if not isinstance(warrant, Warrant):
            return warrant
        if Duty.FUNDS_CERTIFIER not in warrant.body.duties:
            return refuse("duty-missing", who=who, kind=entry.kind)
        return None

    def _over_ceiling(self, entry: Entry, who: int, body: Grant, commitment: Commitment | None) -> Refusal | None:
        if commitment is None:
            return None
        if commitment.currency != body.currency:
            return refuse("warrant-currency", warrant=body.currency, order=commitment.currency)
        if body.per_act is not None and commitment.amount > body.per_act:
            return refuse("over-act-ceiling", amount=commitment.amount, ceiling=body.per_act, currency=body.currency)
        if body.total is not None and commitment.adds:
            used = self._used_before(entry, who, body.currency) + commitment.adds
            if used > body.total:
                return refuse("over-total-ceiling", amount=used, ceiling=body.total, currency=body.currency)
        return None

    def _used_before(self, entry: Entry, who: int, currency: str) -> int:
        """Return what the officer had committed in this log before, void or not: it needs no one else's entries."""
        log = entry.ref.log
        indices = self._commitments.get((log, who), [])
        sums = self._sums.setdefault((log, who), [])
        before = bisect_left(indices, entry.ref.index)
        for index in indices[len(sums) : before]:
            earlier = self._commitment_of(EntryRef(log, index))
            adds = earlier.adds if earlier is not None and earlier.currency == currency else 0
            sums.append(adds + (sums[-1] if sums else 0))
        return sums[before - 1] if before else 0

    def has_revokes(self) -> bool:
        return bool(self._revokes)

    def revoked(self, entry: Entry, who: int, relied_on_before: Callable[[Entry], bool]) -> Refusal | None:
        """Return whether ``entry`` falls to a revocation, of its officer or of the writer of its log.

        Args:
            entry: The act.
            who: The officer's grant.
            relied_on_before: Whether the other party had acted on ``entry`` before it saw the given revocation.
        """
        party = party_of(entry.ref.log)
        for grant in (who, grant_of(entry.ref.log)):
            for revoke in self._revokes.get((party, grant), ()):
                if _is_cut(entry, revoke) and not relied_on_before(revoke):
                    return refuse("warrant-revoked", who=grant, revoked=str(revoke.ref))
        return None


def _is_cut(entry: Entry, revoke: Entry) -> bool:
    """Return whether ``revoke`` reaches ``entry``: from its cut of that log on, or what had seen the revocation."""
    if entry.had_seen(revoke.ref):
        return True
    body = revoke.body
    assert isinstance(body, Revoke)
    return any(cut.log == entry.ref.log and entry.ref.index >= cut.size for cut in body.cuts)


COMMITTING = frozenset({Kind.ORDER, Kind.ACCEPTANCE, Kind.AMENDMENT, Kind.COUNTERSIGN, Kind.CORRECTION})
"""Kinds that may count towards a total ceiling."""
