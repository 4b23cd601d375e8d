"""Who may sign what: grants, deputies, rotations, duties that exclude each other, ceilings, signatures, revocations.

Decides whether the officer an act names (``who``) may do it, and whether the writer of its log may carry it. A grant is
an entry of its party's admin log, named by its leaf index; what it may be is judged from what stands before it in that
log. Everything here is judged in the causal past of the act, so that every node judges alike whatever has reached it
since; a revocation alone works backwards, from its cuts on (docs/spec/orders.md, "Warrants"). Leaves to ``steps`` what
an act says and when, to ``cose`` the bytes of an officer's signature.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tallystick.core import cose
from tallystick.core.agreement import Genesis, OfficerSigns
from tallystick.core.entries import Duty, Entry, Grant, Kind, Revoke, Segment
from tallystick.core.identity import PARTIES_MAX, EntryRef, grant_of, log_id, party_of
from tallystick.core.orders import LIFE, Side, Step, duties_of

SECONDS_PER_DAY = 86_400
ROTATIONS_MAX = 200  # of one warrant: a new key every month for sixteen years

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
    """A grant as the record sees it. ``void`` is the code of its finding, if it does not count.

    ``revoked`` is the revocation that ended it; for a deputy, also one of the warrant it acts for. ``replaced_by`` is
    the grant that goes on in its place.
    """

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
    officer_key: bytes | None = None
    acting_for: int | None = None
    replaces: int | None = None
    replaced_by: EntryRef | None = None


Refusal = tuple[str, tuple[tuple[str, int | str], ...]]
"""The code of a finding, and its facts."""


def refuse(code: str, **facts: int | str) -> Refusal:
    return (code, tuple(facts.items()))


_Name = tuple[int, int]  # party and leaf index of a grant


@dataclass(slots=True)
class Warrant:
    """A grant while folding. ``line`` has its own leaf index and those of the grants it goes on from, newest first."""

    ref: EntryRef
    body: Grant
    at: int
    mask: int
    refusal: Refusal | None = None
    line: tuple[int, ...] = ()
    successor: EntryRef | None = None

    @property
    def name(self) -> _Name:
        return (party_of(self.ref.log), self.ref.index)

    def denies(self, code: str, **facts: int | str) -> Refusal:
        """Return a refusal that names this warrant."""
        return refuse(code, who=self.ref.index, warrant=str(self.ref), post=self.body.post, **facts)


@dataclass(frozen=True, slots=True)
class Commitment:
    """What an act binds its officer to, in minor units. ``adds`` is what it counts towards a total ceiling."""

    currency: str
    amount: int
    adds: int


@dataclass(slots=True)
class _Count:
    """The commitments of one log under one warrant: their indices, and by currency what they come to up to each."""

    indices: list[int] = field(default_factory=list)
    sums: dict[str, list[int]] = field(default_factory=dict)


_EVERYBODY = -1  # instead of a grant: all commitments of a log, for the ceiling of its writer


def _step_masks() -> dict[tuple[int, Side], int]:
    return {(id(step), side): _mask(duties_of(step, side)) for step in LIFE for side in (Side.RECEIVER, Side.PROVIDER)}


_MASKS = _step_masks()


class Warrants:
    """The grants and revocations of all parties, and what each grant has been used for. Grows; never forgets."""

    def __init__(self, genesis: Genesis, commitment_of: Callable[[EntryRef], Commitment | None]) -> None:
        """``commitment_of`` tells what an act binds to, from the bodies in its causal past alone."""
        self._space = genesis.space_id
        self._policy = genesis.terms.officer_signs
        self._training = _mask(genesis.terms.training)
        self._commitment_of = commitment_of
        self.by_name: dict[_Name, Warrant] = {}
        self.missed: set[_Name] = set()  # asked for before they came
        self.promised: EntryRef | None = None  # while it is tried: an act whose officer's signature is still to come
        self._linked: dict[int, list[int]] = {}  # by party: the grants that lean on an earlier one, ascending
        self._revokes: dict[_Name, list[Entry]] = {}
        self._counts: dict[_Name, _Count] = {}  # by log and officer
        self._reach: dict[int, int] = {}  # log -> how far commitments of its party's other logs have seen it

    # ---- growing

    def add_grant(self, entry: Entry) -> set[_Name]:
        """Take in a grant; returns the grants whose standing it may change, itself among them."""
        body = entry.body
        assert isinstance(body, Grant)
        party, index = entry.party, entry.ref.index
        self.by_name[party, index] = Warrant(entry.ref, body, entry.t, _mask(body.duties), line=(index,))
        if body.acting_for is not None or body.replaces is not None:
            insort(self._linked.setdefault(party, []), index)
        return {(party, index), *self._settle(party, index)}

    def try_grant(self, entry: Entry) -> Refusal | None:
        """Return why a grant that is not taken in yet would not count."""
        assert isinstance(entry.body, Grant)
        return self._judge(entry.party, entry.ref.index, entry.body)

    def add_revoke(self, entry: Entry) -> set[_Name]:
        """Take in a revocation, which may come before its grant; returns the grants whose standing it may change."""
        body = entry.body
        assert isinstance(body, Revoke)
        party = entry.party
        insort(self._revokes.setdefault((party, body.grant), []), entry, key=lambda e: e.order_key)
        changed = self._settle(party, entry.ref.index)
        deputies = {
            (party, index)
            for index in self._linked.get(party, ())
            if (party, body.grant) in self._answers_for(self.by_name[party, index])
        }
        return {(party, body.grant), *changed, *deputies}

    def _settle(self, party: int, since: int) -> set[_Name]:
        """Judge the grant at ``since`` and what leans on others after it; returns whose standing may have changed."""
        linked = self._linked.get(party, [])
        later = linked[bisect_right(linked, since) :]
        changed: set[_Name] = set()
        again = [self.by_name[party, index] for index in (since, *later) if (party, index) in self.by_name]
        for warrant in again:
            old = self.by_name.get((party, warrant.body.replaces)) if warrant.body.replaces is not None else None
            if old is not None and old.successor == warrant.ref:
                old.successor = None
        for warrant in again:
            replaces = warrant.body.replaces
            warrant.refusal = self._judge(party, warrant.ref.index, warrant.body)
            warrant.line = (warrant.ref.index,)
            changed.add(warrant.name)
            if replaces is not None and warrant.refusal is None:
                old = self.by_name[party, replaces]
                old.successor = warrant.ref
                warrant.line += old.line
                changed.add(old.name)
        return changed

    def _judge(self, party: int, index: int, body: Grant) -> Refusal | None:
        """Return why a grant does not count: from itself, and from what stands before it in its admin log."""
        named: dict[str, int | str] = {"who": index, "warrant": str(EntryRef(party, index)), "post": body.post}
        conflict = duties_in_conflict(body.duties)
        if conflict:
            return refuse("duties-conflict", one=int(conflict[0]), other=int(conflict[1]), **named)
        if body.currency == "" and (body.per_act is not None or body.total is not None):
            return refuse("warrant-currency", currency="", order="", **named)
        if body.replaces is not None:
            because = self._not_a_rotation(party, index, body, body.replaces)
            if because:
                return refuse("rotation-not-possible", replaces=body.replaces, because=because, **named)
        if body.acting_for is not None:
            because = self._not_a_deputy(party, index, body, body.acting_for)
            if because:
                return refuse("deputy-not-possible", acting_for=body.acting_for, because=because, **named)
        return None

    def _not_a_rotation(self, party: int, index: int, body: Grant, replaces: int) -> str:
        """Return why ``body`` cannot go on from the grant at ``replaces``; empty when it can.

        A revoked grant may be replaced: what it had used counts on, and nothing that the revocation cut comes back.
        """
        old = self.by_name.get((party, replaces)) if replaces < index else None
        if old is None or old.refusal is not None:
            return "no such warrant"
        if old.successor is not None and old.successor.index < index:
            return "replaced before"
        if (old.body.key is None) != (body.key is None) or set(old.body.duties) != set(body.duties):
            return "other duties"
        if old.body.acting_for != body.acting_for:
            return "for another officer"
        fresh = body.officer_key != old.body.officer_key if body.key is None else body.key != old.body.key
        if not fresh:
            return "the same key"
        return "too many" if len(old.line) >= ROTATIONS_MAX else ""

    def _not_a_deputy(self, party: int, index: int, body: Grant, acting_for: int) -> str:
        """Return why ``body`` cannot be a deputy of the grant at ``acting_for``; empty when it can."""
        principal = self.by_name.get((party, acting_for)) if acting_for < index else None
        if principal is None or principal.refusal is not None or principal.body.key is not None:
            return "no such warrant"
        of = principal.body
        if of.acting_for is not None:
            return "a deputy has no deputy"
        rotated = body.replaces is not None  # a deputy's new key: its principal may have a new one too by now
        replaced = principal.successor is not None and principal.successor.index < index
        revoked = any(revoke.ref.index < index for revoke in self._revokes.get(principal.name, ()))
        if revoked or (replaced and not rotated):
            return "it has ended"
        if body.key is not None or not set(body.duties) <= set(of.duties):
            return "other duties"
        if body.until is None or (of.until is not None and body.until > of.until):
            return "no end, or a later one"
        if (of.per_act is not None or of.total is not None) and body.currency != of.currency:
            return "another currency"
        for limit, most in ((body.per_act, of.per_act), (body.total, of.total)):
            if most is not None and (limit is None or limit > most):
                return "a higher ceiling"
        if of.officer_key is not None and body.officer_key == of.officer_key:
            return "the same officer"
        return ""

    def add_commitment(self, entry: Entry, who: int) -> list[EntryRef]:
        """Count an act against its officer's total and its writer's; returns later commitments it may bear on.

        Of one counted before, what is known of its sum is forgotten.
        """
        log, index = entry.ref
        party = party_of(log)
        for other, size in entry.seen.items():
            if other >= PARTIES_MAX and party_of(other) == party and size > self._reach.get(other, 0):
                self._reach[other] = size
        everybody = self._counts.setdefault((log, _EVERYBODY), _Count())
        late = bool(everybody.indices) and everybody.indices[-1] > index
        for count in (everybody, self._counts.setdefault((log, who), _Count())):
            place = bisect_left(count.indices, index)
            if index not in count.indices[place : place + 1]:
                count.indices.insert(place, index)
            for sums in count.sums.values():
                del sums[place:]
        later = (
            [EntryRef(log, at) for at in everybody.indices[bisect_right(everybody.indices, index) :]] if late else []
        )
        if self._reach.get(log, 0) > index:  # another log of this party, perhaps its successor, had seen it
            later += [
                EntryRef(other, at)
                for (other, officer), count in self._counts.items()
                if officer == _EVERYBODY and other != log and party_of(other) == party
                for at in count.indices
            ]
        return later

    # ---- telling

    def view(self, warrant: Warrant) -> GrantView:
        body = warrant.body
        ends = [
            revoke
            for name in (warrant.name, *self._answers_for(warrant))
            for revoke in self._revokes.get(name, ())
        ]  # fmt: skip
        return GrantView(
            ref=warrant.ref,
            party=party_of(warrant.ref.log),
            post=body.post,
            key=body.key,
            age_recipient=body.age_recipient,
            duties=body.duties,
            currency=body.currency,
            per_act=body.per_act,
            total=body.total,
            until=body.until,
            trained_on=body.trained_on,
            granted_at=warrant.at,
            revoked=min(ends, key=lambda entry: entry.order_key).ref if ends else None,
            void=warrant.refusal[0] if warrant.refusal else None,
            officer_key=body.officer_key,
            acting_for=body.acting_for,
            replaces=body.replaces,
            replaced_by=warrant.successor,
        )

    def _answers_for(self, warrant: Warrant) -> Iterator[_Name]:
        """Yield the grants a deputy stands and falls with: the one it acts for, and those that went on from that."""
        if warrant.body.acting_for is None:
            return
        party = party_of(warrant.ref.log)
        yield (party, warrant.body.acting_for)
        principal = self.by_name.get((party, warrant.body.acting_for))
        while principal is not None and principal.successor is not None:
            yield (party, principal.successor.index)
            principal = self.by_name.get((party, principal.successor.index))

    # ---- judging

    def live(self, entry: Entry, who: int) -> Warrant | Refusal:
        """Return the warrant ``who`` as ``entry`` could rely on it, or why there is none."""
        party = entry.ref.log % PARTIES_MAX
        warrant = self.by_name.get((party, who))
        if warrant is None:
            self.missed.add((party, who))
            return refuse("no-warrant", who=who, warrant=str(EntryRef(party, who)), post="")
        if who == 0 or not entry.had_seen(warrant.ref):
            return warrant.denies("no-warrant")
        return self._ended(entry, warrant) or warrant

    @staticmethod
    def _ended(entry: Entry, warrant: Warrant) -> Refusal | None:
        if warrant.refusal is not None:
            return warrant.denies("no-warrant")
        until = warrant.body.until
        if until is not None and entry.t // SECONDS_PER_DAY > until:
            return warrant.denies("warrant-ended", until=until)
        successor = warrant.successor
        if successor is not None and entry.had_seen(successor):
            return warrant.denies("warrant-replaced", by=str(successor))
        return None

    def _writer(self, entry: Entry) -> Warrant | None:
        """Return the grant of the log that ``entry`` is in; None when it has not come."""
        name = (party_of(entry.ref.log), grant_of(entry.ref.log))
        writer = self.by_name.get(name)
        if writer is None:
            self.missed.add(name)
        return writer

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
            commitment: What the act binds to; asked only when a warrant has a ceiling.
        """
        if entry.ref.log < PARTIES_MAX:  # the admin log carries warrants, not business
            return refuse("no-warrant", who=who, warrant=str(EntryRef(entry.ref.log, who)), post="")
        writer = self._writer(entry)
        if writer is not None:
            ended = self._ended(entry, writer)
            if ended is not None:
                return ended
        warrant = self.live(entry, who)
        if not isinstance(warrant, Warrant):
            return warrant
        if not warrant.mask & _MASKS[id(step), side]:
            return warrant.denies("duty-missing", kind=int(step.kind))
        body = warrant.body
        if body.per_act is not None or body.total is not None:
            refusal = self._over_ceiling(entry, who, warrant, body.per_act, commitment(entry))
            if refusal is not None:
                return refusal
        if writer is not None and (writer.body.per_act is not None or writer.body.total is not None):
            # What is above the writer's limit of one act can still go with its officer's own signature.
            per_act = writer.body.per_act if self._policy is OfficerSigns.NEVER else None
            if per_act is not None or writer.body.total is not None:
                return self._over_ceiling(entry, _EVERYBODY, writer, per_act, commitment(entry))
        return None

    def check_certifier(self, entry: Entry, who: int, certifier: int) -> Refusal | None:
        """Return why the officer ``certifier`` could not certify the funds of an order of ``who``."""
        party = party_of(entry.ref.log)
        one, other = self.by_name.get((party, who)), self.by_name.get((party, certifier))
        if certifier == who or (one is not None and other is not None and _same_officer(one, other)):
            assert one is not None  # it signs
            return one.denies("same-officer", certifier=certifier)
        warrant = self.live(entry, certifier)
        if not isinstance(warrant, Warrant):
            return warrant
        if Duty.FUNDS_CERTIFIER not in warrant.body.duties:
            return warrant.denies("duty-missing", kind=entry.kind)
        return None

    def _over_ceiling(
        self, entry: Entry, who: int, warrant: Warrant, per_act: int | None, commitment: Commitment | None
    ) -> Refusal | None:
        if commitment is None:
            return None
        total, currency = warrant.body.total, warrant.body.currency
        if commitment.currency != currency:
            return warrant.denies("warrant-currency", currency=currency, order=commitment.currency)
        if per_act is not None and commitment.amount > per_act:
            return warrant.denies("over-act-ceiling", amount=commitment.amount, ceiling=per_act, currency=currency)
        if total is not None and commitment.adds:
            line = (who,) if who == _EVERYBODY else warrant.line
            used = self._used_before(entry, line, currency) + commitment.adds
            if used > total:
                return warrant.denies("over-total-ceiling", amount=used, ceiling=total, currency=currency)
        return None

    def _used_before(self, entry: Entry, line: Iterable[int], currency: str) -> int:
        """Return what was committed before under the warrants of ``line``, void or not: it needs no one else's entries.

        That is in this log, and in the logs its writer went on from as far as it has seen them.
        """
        log = entry.ref.log
        party = party_of(log)
        writer = self.by_name.get((party, grant_of(log)))
        earlier = [log_id(index, party) for index in writer.line[1:]] if writer is not None else []
        sizes = [(log, entry.ref.index), *((old, entry.seen.get(old, 0)) for old in earlier)]
        return sum(self._sum(old, who, currency, size) for old, size in sizes for who in line)

    def _sum(self, log: int, who: int, currency: str, size: int) -> int:
        count = self._counts.get((log, who))
        if count is None:
            return 0
        sums = count.sums.setdefault(currency, [])
        before = bisect_left(count.indices, size)
        for index in count.indices[len(sums) : before]:
            earlier = self._commitment_of(EntryRef(log, index))
            adds = earlier.adds if earlier is not None and earlier.currency == currency else 0
            sums.append(adds + (sums[-1] if sums else 0))
        return sums[before - 1] if before else 0

    def untrained(self, entry: Entry, who: int, step: Step) -> Refusal | None:
        """Return the flag for an officer who does what needs training, without it on the act's day."""
        if not self._training:
            return None
        warrant = self.by_name.get((party_of(entry.ref.log), who))
        if warrant is None or not warrant.mask & _mask(step.duties) & self._training:
            return None
        trained_on = warrant.body.trained_on
        if trained_on is not None and trained_on <= entry.t // SECONDS_PER_DAY:
            return None
        return warrant.denies("not-trained")

    # ---- the officer's own signature

    def unsigned(
        self, entry: Entry, who: int, what: int | None, at_stake: Callable[[], Commitment | None]
    ) -> Refusal | None:
        """Return why ``entry`` does not have the officer's own signature it needs, or has one that does not fit.

        Args:
            entry: The act; its warrant has been checked.
            who: The officer's grant.
            what: The kind in ``OFFICER_SIGNED`` it is judged as; None for an act that never needs one.
            at_stake: What the act comes to; asked only when that decides.
        """
        if entry.erased & Segment.AUTH:
            return None  # all parties agreed that it goes, so it counts as given
        warrant = self.by_name[party_of(entry.ref.log), who]
        if entry.auth is not None and entry.missing:
            return refuse("withheld")  # what it covers is not here, though nobody agreed to erase it
        if entry.auth is not None:
            return None if self._is_signed(entry, warrant) else warrant.denies("officer-signature-wrong")
        if what is None or entry.ref == self.promised or not self._must_sign(entry, at_stake):
            return None
        return warrant.denies("officer-signature-missing", kind=entry.kind)

    def _must_sign(self, entry: Entry, at_stake: Callable[[], Commitment | None]) -> bool:
        if self._policy is not OfficerSigns.ABOVE_WRITER_CEILING:
            return self._policy is OfficerSigns.ALWAYS
        writer = self._writer(entry)
        if writer is None or writer.body.per_act is None:
            return False
        stake = at_stake()
        return stake is not None and (stake.currency != writer.body.currency or stake.amount > writer.body.per_act)

    def _is_signed(self, entry: Entry, warrant: Warrant) -> bool:
        key = warrant.body.officer_key
        return key is not None and entry.auth is not None and cose.verify(key, self.payload(entry), entry.auth)

    def payload(self, entry: Entry) -> bytes:
        """Return what an officer signs of ``entry`` (docs/spec/log.md, "Officers' signatures")."""
        return cose.payload(self._space, entry)

    # ---- revocations

    def has_revokes(self) -> bool:
        return bool(self._revokes)

    def revoked(self, entry: Entry, who: int, relied_on_before: Callable[[Entry], bool]) -> Refusal | None:
        """Return whether ``entry`` falls to a revocation: of its officer, whom that one acts for, or its log's writer.

        Args:
            entry: The act.
            who: The officer's grant.
            relied_on_before: Whether the other party had acted on ``entry`` before it saw the given revocation.
        """
        party = party_of(entry.ref.log)
        officer = self.by_name.get((party, who))
        principals = self._answers_for(officer) if officer is not None else ()
        for name in ((party, who), (party, grant_of(entry.ref.log)), *principals):
            for revoke in self._revokes.get(name, ()):
                if _is_cut(entry, revoke) and not relied_on_before(revoke):
                    warrant = self.by_name.get(name)
                    post = warrant.body.post if warrant is not None else ""
                    named: dict[str, int | str] = {"who": name[1], "warrant": str(EntryRef(*name)), "post": post}
                    return refuse("warrant-revoked", revoked=str(revoke.ref), **named)
        return None


def _is_cut(entry: Entry, revoke: Entry) -> bool:
    """Return whether ``revoke`` reaches ``entry``: from its cut of that log on, or what had seen the revocation."""
    if entry.had_seen(revoke.ref):
        return True
    body = revoke.body
    assert isinstance(body, Revoke)
    return any(cut.log == entry.ref.log and entry.ref.index >= cut.size for cut in body.cuts)


def _same_officer(one: Warrant, other: Warrant) -> bool:
    """Return whether two warrants are one officer's: a rotation of each other, or with one key."""
    if one.ref.index in other.line or other.ref.index in one.line:
        return True
    return one.body.officer_key is not None and one.body.officer_key == other.body.officer_key


COMMITTING = frozenset({Kind.ORDER, Kind.ACCEPTANCE, Kind.AMENDMENT, Kind.COUNTERSIGN, Kind.CORRECTION})
"""Kinds that may count towards a total ceiling."""

OFFICER_SIGNED: Mapping[Kind, str] = MappingProxyType({
    Kind.ORDER: "its limit, or what the offer it takes comes to if that is more",
    Kind.ACCEPTANCE: "what the lines come to",
    Kind.AMENDMENT: "the new limit or the new lines, whichever is more (receiver), or the new lines (provider)",
    Kind.COUNTERSIGN: "of an amendment: as the amendment; of a correction of an offer, order, acceptance or amendment: "
    "what it makes of it",
    Kind.FUNDS_RECEIVED: "the amount received",
    Kind.CORRECTION: "of one of these: what it makes of it",
})  # fmt: skip
"""Acts of commitment and settlement: what is held against the ceiling of the node that writes them."""
