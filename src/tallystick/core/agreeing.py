"""From the request to a binding order, and changing it: what these acts check and change.

Decides the terms a request must meet, which offer is live, what happens to documents that cross, and how a version
follows another. Every function here returns why the act does not count, or None after taking its effect.

Source: docs/spec/orders.md, "Crossing documents".
"""

from __future__ import annotations

from collections.abc import Iterable

from tallystick.core.agreement import Allowance, Genesis
from tallystick.core.entries import (
    BIG,
    Acceptance,
    Amendment,
    Cancellation,
    Decline,
    Entry,
    Kind,
    Offer,
    Order,
    Request,
    Withdrawal,
)
from tallystick.core.identity import EntryRef
from tallystick.core.orders import STEPS, OrderState, Side
from tallystick.core.quantity import UNITS
from tallystick.core.running import LineRun, OrderRun, ProposalRun, amount_of
from tallystick.core.warrants import SECONDS_PER_DAY, Refusal, refuse

# ---- the request


def request(run: OrderRun, entry: Entry, body: Request) -> Refusal | None:
    """Open the order. A request that does not count leaves a void order, so that what hangs on it has a place."""
    run.request = body
    run.receiver = entry.party
    run.provider = body.provider
    run.state = OrderState.VOID
    shared = run.shared
    parties = len(shared.genesis.parties)
    if run.receiver >= parties or run.provider >= parties or run.provider == run.receiver:
        return refuse("wrong-provider", provider=body.provider)
    warrants = shared.warrants
    refusal = warrants.check(entry, body.who, STEPS[Kind.REQUEST, None], Side.RECEIVER, shared.commitment)
    if refusal is None and warrants.has_revokes():
        refusal = warrants.revoked(entry, body.who, lambda revoke: run.relied_on(entry, revoke))
    if refusal is None:
        refusal = warrants.unsigned(entry, body.who, None, lambda: None)
    refusal = refusal or _outside_terms(shared.genesis, body)
    if refusal is None:
        run.lines = {line.line: LineRun(line) for line in body.lines}
        run.numbers.append((("request", run.receiver, body.fiscal_year, body.serial), entry.ref))
        run.state = OrderState.REQUESTED
        run.flag_untrained(entry, body.who, STEPS[Kind.REQUEST, None])
    return refusal


def _outside_terms(genesis: Genesis, body: Request) -> Refusal | None:
    """Return which term of the agreement a request is outside of."""
    terms = genesis.terms
    if body.need_to < body.need_from:
        return refuse("bad-dates", need_from=body.need_from, need_to=body.need_to)
    if not (terms.in_force(body.need_from) and terms.in_force(body.need_to)):
        return refuse("not-in-force", need_from=body.need_from, need_to=body.need_to)
    if body.situation not in terms.situations:
        return refuse("not-allowed-situation", situation=body.situation)
    seen = set()
    for line in body.lines:
        if terms.allowance(body.situation, line.category) is not Allowance.ALLOWED:
            return refuse("not-allowed-category", line=line.line, category=line.category, situation=body.situation)
        if line.means not in terms.means_for(line.category):
            return refuse("not-allowed-means", line=line.line, category=line.category, means=int(line.means))
        if line.nsn and terms.is_blocked(line.nsn):
            return refuse("blocked-item", line=line.line, nsn=line.nsn)
        if line.unit not in UNITS:
            return refuse("unknown-unit", line=line.line, unit=line.unit)
        if line.line in seen or line.quantity == 0 or line.tolerance_permille > 1000:
            return refuse("bad-quantity", line=line.line)
        seen.add(line.line)
    return None


def decline(_run: OrderRun, _entry: Entry, _body: Decline) -> Refusal | None:
    return None


def withdraw(run: OrderRun, entry: Entry, _body: Withdrawal) -> Refusal | None:
    assert entry.obj is not None
    if run.walked[entry.obj].kind == Kind.REQUEST:
        run.withdrawal = entry
    elif entry.obj != run.offer:
        return refuse("offer-not-live", offer=str(entry.obj))
    else:
        run.withdrawn_offer = entry
    return None


# ---- offer, order, acceptance


def offer(run: OrderRun, entry: Entry, body: Offer) -> Refusal | None:
    genesis = run.shared.genesis
    if body.currency not in genesis.terms.currencies_for(genesis.parties[run.provider].code):
        return refuse("unknown-currency", currency=body.currency)
    if body.valid_until < entry.t // SECONDS_PER_DAY:
        return refuse("bad-dates", valid_until=body.valid_until)
    refusal = run.check_lines(body.lines)
    if refusal is not None:
        return refusal
    worths = []
    for line in body.lines:
        unit = run.lines[line.line].request.unit
        worth = amount_of(genesis, line.price_micro, line.quantity, unit, body.currency)
        if line.quantity == 0 or worth is None:
            return refuse("bad-quantity", line=line.line)
        worths.append(worth)
    if sum(worths) > BIG:
        return refuse("bad-quantity", line=0)
    if body.price_list is not None:
        refusal = _check_price_list(run, entry, body, body.price_list)
        if refusal is not None:
            return refusal
    if run.order is not None:  # crossed: the order was on an offer that is now replaced
        run.verdicts[run.order] = refuse("offer-not-live", offer=str(run.order_offers[run.order]))
        run.order = None
    run.offers[entry.ref] = body
    _take_offer(run, entry.ref, body, worths)
    return None


def _check_price_list(run: OrderRun, entry: Entry, body: Offer, price_list: EntryRef) -> Refusal | None:
    found = run.shared.price_list(price_list, lambda revoke: run.relied_on(entry, revoke))
    if found is None or found[0].party != run.provider or not entry.had_seen(price_list):
        return refuse("unknown-object", object=str(price_list))
    _entry, listed = found
    prices = {(line.nsn or line.item, line.unit): line.price_micro for line in listed.lines}
    for line in body.lines:
        asked = run.lines[line.line].request
        price = prices.get((asked.nsn or asked.item, asked.unit))
        if price is not None and listed.currency == body.currency and line.price_micro > price:
            run.flag(
                entry, "price-above-list", line=line.line, price=line.price_micro, listed=price, currency=body.currency
            )
    return None


def _take_offer(run: OrderRun, ref: EntryRef, body: Offer, worths: Iterable[int]) -> None:
    """Let quantities and prices be those of an offer; ``worths`` are what its lines come to."""
    run.offer = ref
    run.currency = body.currency
    for line in run.lines.values():
        line.ordered, line.price, line.value = 0, None, 0
    for offered, worth in zip(body.lines, worths, strict=True):
        line = run.lines[offered.line]
        line.ordered = offered.quantity
        line.price = offered.price_micro
        line.value = worth


def order(run: OrderRun, entry: Entry, body: Order) -> Refusal | None:
    assert entry.obj is not None
    taken = run.offers[entry.obj]
    if entry.t // SECONDS_PER_DAY > taken.valid_until:
        return refuse("offer-expired", valid_until=taken.valid_until)
    refusal = _check_certifier(run, entry, body)
    if refusal is not None:
        return refusal
    run.order_offers[entry.ref] = entry.obj
    if entry.obj != run.offer:
        return refuse("offer-not-live", offer=str(entry.obj))
    if run.state is OrderState.REQUESTED:
        back = run.withdrawn_offer
        assert back is not None  # else the offer would be live
        if entry.had_seen(back.ref):
            return refuse("offer-not-live", offer=str(entry.obj))
        _stands_against(run, back, OrderState.ORDERED)
    _take_order(run, entry.ref, body)
    return None


def _check_certifier(run: OrderRun, entry: Entry, body: Order) -> Refusal | None:
    """The funds certifier is another officer, with a live warrant for it."""
    warrants = run.shared.warrants
    refusal = warrants.check_certifier(entry, body.who, body.funds_certifier)
    if refusal is None and warrants.has_revokes():
        refusal = warrants.revoked(entry, body.funds_certifier, lambda revoke: run.relied_on(entry, revoke))
    return refusal


def _take_order(run: OrderRun, ref: EntryRef, body: Order) -> None:
    run.order = ref
    run.max_liability = body.max_liability
    run.bill_to = body.bill_to


def accept(run: OrderRun, entry: Entry, body: Acceptance) -> Refusal | None:
    assert entry.obj is not None
    named = run.verdicts[entry.obj]
    held = named is not None and named[0] == "offer-not-live" and entry.obj in run.order_offers
    if not held and (named is not None or entry.obj != run.order):
        return refuse("unknown-object", object=str(entry.obj))
    if run.state is OrderState.WITHDRAWN:
        assert run.withdrawal is not None
        if entry.had_seen(run.withdrawal.ref):
            return refuse("act-out-of-turn", state=OrderState.WITHDRAWN.value, kind=int(Kind.ACCEPTANCE))
        _stands_against(run, run.withdrawal, OrderState.AGREED)
    if held:
        _revive(run, entry.obj)
    run.acceptance = entry.ref
    run.pay_to = body.pay_to
    run.version = 1
    run.count_lines(entry, entry.t // SECONDS_PER_DAY)
    return None


def _stands_against(run: OrderRun, withdrawal: Entry, state: OrderState) -> None:
    """Void a withdrawal that an act crossed: it binds the other side only from when its acts have seen it."""
    run.verdicts[withdrawal.ref] = refuse("act-out-of-turn", state=state.value, kind=int(Kind.WITHDRAWAL))


def _revive(run: OrderRun, ref: EntryRef) -> None:
    """Let an order on an offer that is not live be the order after all: the provider's acceptance names it."""
    if run.order is not None:
        run.verdicts[run.order] = refuse("second-order", by=str(ref))
    run.verdicts[ref] = None
    taken = run.order_offers[ref]
    offered = run.offers[taken]
    genesis = run.shared.genesis
    worths = [
        amount_of(genesis, line.price_micro, line.quantity, run.lines[line.line].request.unit, offered.currency) or 0
        for line in offered.lines
    ]
    _take_offer(run, taken, offered, worths)
    body = run.said(ref)
    assert isinstance(body, Order)
    _take_order(run, ref, body)


# ---- amendment and cancellation


def propose_amendment(run: OrderRun, entry: Entry, body: Amendment) -> Refusal | None:
    refusal = _check_amendment(run, body)
    if refusal is None:
        run.proposals[entry.ref] = ProposalRun(entry, body)
    return refusal


def _check_amendment(run: OrderRun, body: Amendment) -> Refusal | None:
    if run.cancelled is not None:
        return refuse("already-decided", by=str(run.cancelled.ref))
    if body.base != run.version:
        return refuse("stale-amendment", base=body.base, version=run.version)
    refusal = run.check_lines(body.lines)
    if refusal is not None:
        return refusal
    for changed in body.lines:
        line = run.lines[changed.line]
        if line.price is None or run.amount(line, changed.price_micro, changed.quantity) is None:
            return refuse("bad-quantity", line=changed.line)  # never offered, or beyond what the record can hold
    return None


def amend(run: OrderRun, entry: Entry, body: Amendment) -> Refusal | None:
    """Let a countersigned amendment be the new version."""
    refusal = _check_amendment(run, body)
    if refusal is not None:
        return refusal
    for changed in body.lines:
        line = run.lines[changed.line]
        line.ordered = changed.quantity
        if changed.price_micro != line.price:
            assert line.price is not None
            line.prices = (*line.prices, (line.price, entry.ref))
            line.price = changed.price_micro
        line.value = run.amount(line, changed.price_micro, changed.quantity) or 0
    run.version += 1
    run.max_liability = body.max_liability
    run.count_lines(entry, entry.t // SECONDS_PER_DAY)
    return None


def propose_cancellation(run: OrderRun, entry: Entry, body: Cancellation) -> Refusal | None:
    if run.cancelled is not None:
        return refuse("already-decided", by=str(run.cancelled.ref))
    run.proposals[entry.ref] = ProposalRun(entry, body)
    return None


def cancel(run: OrderRun, entry: Entry) -> Refusal | None:
    """Let a countersigned cancellation close what is not delivered."""
    if run.cancelled is not None:
        return refuse("already-decided", by=str(run.cancelled.ref))
    if run.state not in (OrderState.AGREED, OrderState.IN_DELIVERY):
        assert run.state is not None
        return refuse("act-out-of-turn", state=run.state.value, kind=int(Kind.CANCELLATION))
    run.cancelled = entry
    for delivery in run.deliveries.values():
        if not entry.had_seen(delivery.entry.ref):
            run.flag(delivery.entry, "cancel-crossed-delivery", cancelled=str(entry.ref))
    run.count_lines(entry, entry.t // SECONDS_PER_DAY)
    return None
