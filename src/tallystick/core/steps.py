"""Walking one order: each signed entry in turn, against the life table, its warrant and what it says.

Decides whether an act counts. A walk is a pure function of the order's entries in the order everybody reads them and
of what all orders share (terms, warrants, price lists). It never raises on what an entry says: an act that does not
fit gets a refusal, which becomes a finding. Leaves the table to ``orders``, the authority to ``warrants``, the effects
to ``agreeing``, ``goods`` and ``money``, the shape of the result to ``views``.

Source: docs/spec/orders.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tallystick.core import agreeing, canonical, goods, money
from tallystick.core.entries import (
    Acceptance,
    Amendment,
    Body,
    Cancellation,
    Correction,
    Countersign,
    Entry,
    FundsReceived,
    Invoice,
    Kind,
    Note,
    Offer,
    Order,
    Request,
    Resolution,
    Unreadable,
    from_array,
)
from tallystick.core.erasure import is_signed, unreadable
from tallystick.core.errors import LocalError, RemoteError
from tallystick.core.identity import PARTIES_MAX, EntryRef
from tallystick.core.ledger import Transaction
from tallystick.core.orders import STEPS, OrderState, Side, Step
from tallystick.core.running import OrderRun, ProposalRun, Shared, Substitution
from tallystick.core.warrants import OFFICER_SIGNED, SECONDS_PER_DAY, Commitment, Refusal, refuse

CORRECTIONS_MAX = 100  # per order: each walks the order again, so many of them must not become a burden
_NEVER_AGREED = frozenset({OrderState.VOID, OrderState.DECLINED, OrderState.WITHDRAWN})


def walk(shared: Shared, order_id: EntryRef, entries: Sequence[Entry]) -> OrderRun:
    """Return the order ``order_id`` after all its ``entries``, given in the order everybody reads them."""
    run = OrderRun(shared, order_id, entries)
    _walk(run)
    return run


def _walk(run: OrderRun, before: EntryRef | None = None) -> None:
    """Go through the entries to the end, or up to the one called ``before``."""
    for entry in run.entries:
        ref = entry.ref
        if ref == before:
            break
        verdict = _judge(run, entry)
        run.verdicts[ref] = verdict
        run.walked[ref] = entry


def _judge(run: OrderRun, entry: Entry) -> Refusal | None:
    """Return why ``entry`` does not count; if it does, take its effects."""
    if run.completed and (entry.ref in run.frozen or entry.ref in run.completed or entry.ref in run.completing):
        return _met_again(run, entry)
    body: Body | Unreadable | None = entry.body
    if run.substitutions and entry.ref in run.substitutions:
        body = run.substitutions[entry.ref].body
        if body is None:
            return refuse("taken-back", by=str(run.substitutions[entry.ref].by))
    if isinstance(body, Unreadable):
        return unreadable(entry, body)
    assert body is not None
    kind = body.KIND
    if kind != entry.kind:
        return refuse("unreadable-body", kind=entry.kind, why="another kind")
    if isinstance(body, Request):
        return agreeing.request(run, entry, body)
    assert entry.obj is not None  # else it would not belong to an order
    target = run.walked.get(entry.obj)
    step = STEPS.get((kind, target.kind)) if target is not None else None  # type: ignore[arg-type]  # a Kind's number
    if target is None or step is None:
        return refuse("unknown-object", object=str(entry.obj))
    refusal = _authority(run, entry, body, step, target)
    if refusal is not None:
        return refusal
    if run.verdicts[entry.obj] is not None and kind is not Kind.NOTE and kind is not Kind.ACCEPTANCE:
        return refuse("unknown-object", object=str(entry.obj))
    already = _ALREADY.get(kind)
    if already is not None:
        refusal = already(run, entry)
        if refusal is not None:
            return refusal
    state = run.state
    assert state is not None
    if state not in step.from_states:
        code = "act-out-of-turn" if state in _NEVER_AGREED else step.otherwise
        return refuse(code, state=state.value, kind=int(kind))
    refusal = _EFFECTS[kind](run, entry, body)
    if refusal is None:
        run.flag_untrained(entry, body.who, step)  # type: ignore[union-attr]  # an officer's act
        if step.to is not None:
            run.state = step.to
        elif run.acceptance is not None and kind is not Kind.NOTE:
            run.state = run.computed_state()
    return refusal


def _met_again(run: OrderRun, entry: Entry) -> Refusal | None:
    """Return what was found about ``entry`` on an earlier walk: it stays. A correction is there from the start."""
    refusal = run.frozen.get(entry.ref)
    if refusal is None:
        if isinstance(entry.body, Correction):
            run.proposals[entry.ref] = ProposalRun(entry, entry.body, run.completed.get(entry.ref))
    elif entry.kind == Kind.ORDER and entry.obj in run.offers:
        run.order_offers[entry.ref] = entry.obj  # an acceptance may still name it
    return refusal


def _authority(run: OrderRun, entry: Entry, body: Any, step: Step, target: Entry) -> Refusal | None:
    """Return why this writer and officer may not do ``step``, whatever it says."""
    party = entry.ref.log % PARTIES_MAX
    if party == run.receiver:
        side = Side.RECEIVER
    elif party == run.provider:
        side = Side.PROVIDER
    else:
        return refuse("wrong-side", party=party)
    if step.side is not side and step.side is not Side.EITHER:
        return refuse("wrong-side", party=party)
    if not step.duties:  # a correction: by the duty of what it corrects
        if target.party != party:
            return refuse("wrong-side", party=party)
        said_on = run.walked[target.obj].kind if target.obj in run.walked else None
        corrected = STEPS.get((target.kind, said_on))  # type: ignore[arg-type]  # a Kind's number
        if corrected is None:  # it never had a place in an order's life, so nobody has a duty for it
            return refuse("unknown-object", object=str(entry.obj))
        step = corrected
    binding = step.kind is Kind.COUNTERSIGN and _is_binding(run, target)
    if binding:  # what it makes of that is agreed by those who agree to an amendment
        step = STEPS[Kind.COUNTERSIGN, Kind.AMENDMENT]
    shared = run.shared
    warrants = shared.warrants
    refusal = warrants.check(entry, body.who, step, side, shared.commitment)
    if refusal is None and warrants.has_revokes():
        refusal = warrants.revoked(entry, body.who, lambda revoke: run.relied_on(entry, revoke))
    if refusal is None:
        counts = step.kind in OFFICER_SIGNED and (step.kind is not Kind.COUNTERSIGN or binding)
        what = step.kind if counts else None
        refusal = warrants.unsigned(entry, body.who, what, lambda: _at_stake(run, entry, target))
    if refusal is None and is_signed(entry):
        refusal = _signed_before(run, entry)
    return refusal


def _signed_before(run: OrderRun, entry: Entry) -> Refusal | None:
    """Return the refusal of an act whose signature is that of an earlier one: an officer signs once for each.

    The signature names the log and not the index, so whoever holds the writer's key can append the same act again.
    """
    said = (entry.kind, entry.t, entry.obj, entry.core_hash, entry.detail_hash)
    for other in run.entries:
        again = other.ref.log == entry.ref.log and other.ref.index < entry.ref.index and entry.core_hash
        if again and is_signed(other) and said == (other.kind, other.t, other.obj, other.core_hash, other.detail_hash):
            return refuse("already-decided", by=str(other.ref))
    return None


def _is_binding(run: OrderRun, proposal: Entry) -> bool:
    """Return whether a countersignature of ``proposal`` agrees anew to what both sides are bound by."""
    about = proposal
    if proposal.kind == Kind.CORRECTION:
        assert proposal.obj is not None  # else it would not belong to an order
        about = run.walked[proposal.obj]
    return isinstance(about.body, (Offer, Order, Acceptance, Amendment))


def _at_stake(run: OrderRun, entry: Entry, target: Entry) -> Commitment | None:
    """Return what ``entry`` comes to, to hold against the ceiling of the node that writes it."""
    body: object = entry.body
    sums = []
    if isinstance(body, Correction) and isinstance(target.body, FundsReceived):
        sums, body = [target.body.amount], replacement_of(target, body)
    if isinstance(body, FundsReceived):
        sums.append(body.amount)
    if sums:
        return Commitment(run.currency or "", max(sums), 0)
    return run.shared.commitment(entry)


# ---- what has been decided before


def _already_received(run: OrderRun, entry: Entry) -> Refusal | None:
    assert entry.obj is not None
    receipt = run.deliveries[entry.obj].receipt
    return refuse("already-decided", by=str(receipt.ref)) if receipt is not None else None


def _already_countersigned(run: OrderRun, entry: Entry) -> Refusal | None:
    assert entry.obj is not None
    proposal = run.proposals[entry.obj]
    if proposal.entry.party == entry.party:
        return refuse("own-countersign", object=str(entry.obj))
    if proposal.countersigned is not None:
        return refuse("already-decided", by=str(proposal.countersigned))
    return None


def _already_closed(run: OrderRun, entry: Entry) -> Refusal | None:
    return refuse("already-decided", by=str(entry.obj)) if entry.party in run.closed_by else None


_ALREADY: Mapping[Kind, Callable[[OrderRun, Entry], Refusal | None]] = MappingProxyType({
    Kind.RECEIPT: _already_received,
    Kind.COUNTERSIGN: _already_countersigned,
    Kind.CLOSE: _already_closed,
})  # fmt: skip


# ---- the other side's signature


def _countersign(run: OrderRun, entry: Entry, _body: Countersign) -> Refusal | None:
    assert entry.obj is not None
    proposal = run.proposals[entry.obj]
    body = proposal.body
    if isinstance(body, Correction):
        return _correct(run, proposal.entry, body, entry)
    if isinstance(body, Amendment):
        refusal = agreeing.amend(run, entry, body)
    elif isinstance(body, Cancellation):
        refusal = agreeing.cancel(run, entry)
    else:
        assert isinstance(body, Resolution)
        refusal = goods.resolve(run, entry, proposal, body)
    if refusal is None:
        proposal.countersigned = entry.ref
    return refusal


def _note(_run: OrderRun, _entry: Entry, _body: Note) -> Refusal | None:
    return None


# ---- corrections


def replacement_of(target: Entry, correction: Correction) -> Body | str | None:
    """Return the new body of ``target``, None if it is taken back, or a text that says why there is none."""
    if not correction.replacement:
        return "a request is withdrawn, not taken back" if target.kind == Kind.REQUEST else None
    try:
        array = canonical.decode(correction.replacement)
    except (RemoteError, LocalError):
        return "the replacement is not canonical"
    body = from_array(target.kind, array)
    return body.why if isinstance(body, Unreadable) else body


def _propose_correction(run: OrderRun, entry: Entry, body: Correction) -> Refusal | None:
    assert entry.obj is not None
    target = run.walked[entry.obj]
    replacement = replacement_of(target, body)
    if isinstance(replacement, str):
        return refuse("correction-not-possible", object=str(entry.obj), because=replacement)
    # An acceptance binds from its signature on: nobody takes back alone what both are bound by.
    binding = target.kind == Kind.ACCEPTANCE
    if binding or run.closed_by or _is_answered(run, target, entry):
        run.proposals[entry.ref] = ProposalRun(entry, body)
        return None
    return _correct(run, entry, body, entry)


def _is_answered(run: OrderRun, target: Entry, correction: Entry) -> bool:
    """Return whether the other side has acted on ``target``; if its act crossed the correction, that counts too."""
    for other in run.entries:
        if other.party == target.party or other.kind == Kind.NOTE or not _refers(other, target.ref):
            continue
        if other.ref in run.verdicts:
            if run.verdicts[other.ref] is None:
                return True
        elif not other.had_seen(correction.ref) and _may_answer(run, target, other):
            return True
    return False


def _may_answer(run: OrderRun, target: Entry, other: Entry) -> bool:
    """Return whether writer and officer may say ``other`` on ``target``: what they may not cannot hold anyone up."""
    step = STEPS.get((other.kind, target.kind))  # type: ignore[arg-type]  # a Kind's number
    if step is None:  # an invoice is on the acceptance, and may name the receipt that is corrected
        step = STEPS.get((other.kind, Kind.ACCEPTANCE))  # type: ignore[arg-type]
    if step is None or isinstance(other.body, Unreadable):
        return False
    return _authority(run, other, other.body, step, target) is None


def _refers(entry: Entry, target: EntryRef) -> bool:
    return entry.obj == target or (isinstance(entry.body, Invoice) and target in entry.body.receipts)


def _correct(run: OrderRun, correction: Entry, body: Correction, completing: Entry) -> Refusal | None:
    """Let ``correction`` count from ``completing`` on: walk again with the new body, and post the change.

    Every other act that counted must still count, closing excepted (an order may be reopened); what did not count
    stays so.
    """
    assert correction.obj is not None
    target = run.walked[correction.obj]
    new_body = replacement_of(target, body)
    assert not isinstance(new_body, str)
    run.corrections_tried += 1
    if run.corrections_tried > CORRECTIONS_MAX:
        return refuse("correction-not-possible", object=str(target.ref), because="too many")
    again = OrderRun(run.shared, run.order_id, run.entries)
    again.substitutions = {**run.substitutions, target.ref: Substitution(new_body, correction.ref)}
    again.completed = {**run.completed, correction.ref: completing.ref}
    again.completing = frozenset(again.completed.values())
    frozen = {ref: refusal for ref, refusal in run.verdicts.items() if refusal is not None}
    waiting = [ref for ref, proposal in run.proposals.items() if isinstance(proposal.body, Correction)]
    again.frozen = {**frozen, **dict.fromkeys(waiting)}
    _walk(again, before=completing.ref)
    for ref, refusal in run.verdicts.items():
        counted = refusal is None and not (ref == target.ref and new_body is None)
        if counted and again.verdicts[ref] is not None and run.walked[ref].kind != Kind.CLOSE:
            return refuse("correction-not-possible", object=str(target.ref), because=str(ref))
    again.journal_before = [*run.journal(), *_restated(run.transactions, again.transactions, completing)]
    again.journal_from = len(again.transactions)
    again.corrections_tried = run.corrections_tried
    again.proposals[correction.ref] = ProposalRun(correction, body, completing.ref)
    again.frozen = {}
    for name in OrderRun.__slots__:
        setattr(run, name, getattr(again, name))
    return None


def _restated(before: Iterable[Transaction], after: Iterable[Transaction], completing: Entry) -> list[Transaction]:
    """Return what turns the postings ``before`` into those ``after``: reversals first, then the new ones."""
    old = _by_origin(before)
    new = _by_origin(after)
    day = completing.t // SECONDS_PER_DAY
    changed = [origin for origin in {**old, **new} if old.get(origin) != new.get(origin)]
    reversals = [
        posted._replace(origin=completing.ref, day=day, amount=-posted.amount, about=origin)
        for origin in changed
        for posted in old.get(origin, ())
    ]
    restated = [
        posted._replace(origin=completing.ref, day=day, about=origin)
        for origin in changed
        for posted in new.get(origin, ())
    ]
    return reversals + restated


def _by_origin(transactions: Iterable[Transaction]) -> dict[EntryRef, list[Transaction]]:
    found: dict[EntryRef, list[Transaction]] = {}
    for transaction in transactions:
        found.setdefault(transaction.origin, []).append(transaction)
    return found


_Effect = Callable[[OrderRun, Entry, Any], Refusal | None]
_EFFECTS: Mapping[Kind, _Effect] = MappingProxyType({
    Kind.DECLINE: agreeing.decline,
    Kind.OFFER: agreeing.offer,
    Kind.WITHDRAWAL: agreeing.withdraw,
    Kind.ORDER: agreeing.order,
    Kind.ACCEPTANCE: agreeing.accept,
    Kind.AMENDMENT: agreeing.propose_amendment,
    Kind.CANCELLATION: agreeing.propose_cancellation,
    Kind.DELIVERY: goods.deliver,
    Kind.RECEIPT: goods.receive,
    Kind.DISCREPANCY: goods.report,
    Kind.RESOLUTION: goods.propose_resolution,
    Kind.INVOICE: money.bill,
    Kind.INVOICE_ACCEPTED: money.accept_invoice,
    Kind.INVOICE_DISPUTED: money.dispute,
    Kind.PAYMENT_ADVICE: money.advise,
    Kind.FUNDS_RECEIVED: money.take_funds,
    Kind.CREDIT_NOTE: money.credit,
    Kind.CLOSE: money.close,
    Kind.CORRECTION: _propose_correction,
    Kind.COUNTERSIGN: _countersign,
    Kind.NOTE: _note,
})  # fmt: skip
