"""Officers of the simulated world: what they say next on an order, mostly right, sometimes a little or quite wrong."""

from __future__ import annotations

from random import Random
from typing import Any

from tallystick.app import numbers
from tallystick.app.node import Desk
from tallystick.core.canonical import encode
from tallystick.core.detail import detail_of
from tallystick.core.entries import (
    Acceptance,
    Amendment,
    AmendmentLine,
    AmountLine,
    Body,
    Cancellation,
    Close,
    Correction,
    Countersign,
    CreditNote,
    Decline,
    Delivery,
    DeliveryLine,
    Discrepancy,
    Draft,
    Duty,
    FundsReceived,
    Invoice,
    InvoiceAccepted,
    InvoiceDisputed,
    Kind,
    Means,
    Note,
    Offer,
    OfferLine,
    Order,
    Outcome,
    PaymentAdvice,
    PriceBasis,
    PriceList,
    PriceListLine,
    Reason,
    Receipt,
    ReceiptLine,
    Request,
    RequestLine,
    Resolution,
    Unreadable,
    Withdrawal,
    to_array,
)
from tallystick.core.identity import EntryRef, party_of
from tallystick.core.orders import OpenAct, OrderState, OrderView, open_acts

ENDED = frozenset({OrderState.CLOSED, OrderState.DECLINED, OrderState.WITHDRAWN, OrderState.VOID})
_UNITS = (("FOOD", "KGM"), ("SPAR", "EA"), ("POLF", "L15"), ("WATR", "TNE"))
_SELDOM = {
    Kind.OFFER: 0.4,
    Kind.CORRECTION: 0.2,
    Kind.NOTE: 0.2,
    Kind.DECLINE: 0.2,
    Kind.WITHDRAWAL: 0.3,
    Kind.CANCELLATION: 0.5,
}
_WRONG = (1, -1, 7, -40, 1_000, 10**9)


def draft(desk: Desk, dice: Random, day: int, *, wrong: bool, remark: str = "") -> Draft | None:
    """Return something an officer of this node could say today; None when there is nothing to say.

    Args:
        desk: What the officer sees.
        dice: Decides.
        day: Today by this node's clock.
        wrong: Whether a figure, a person, an object or the kind is not what it should be.
        remark: Written into the detail of some acts.
    """
    body, on = _said(desk, dice, day, wrong=wrong)
    if body is None:
        return None
    return Draft(body, obj=on, detail=detail_of(remark if remark and dice.random() < 0.3 else ""))


def _said(desk: Desk, dice: Random, day: int, *, wrong: bool) -> tuple[Body | None, EntryRef | None]:
    orders = list(desk.record.orders)
    if not orders or dice.random() < (0.25 if len(orders) < 4 else 0.08):
        return _request(desk, dice, day, wrong=wrong), None
    if dice.random() < 0.03:
        return _price_list(desk, dice, day, wrong=wrong), _earlier_list(desk, dice)
    choice: list[OpenAct] = []
    for _ in range(6):
        order = desk.record.orders[dice.choice(orders[-12:])]
        possible = [act for act in open_acts(order, desk.party) if wrong or not _is_too_late(order, act, day)]
        choice = [act for act in possible if act.primary or _has_lapsed(order, act, day) or _is_cross(act, dice)]
        if choice and dice.random() < 0.8:
            break
        choice = [act for act in possible if dice.random() < _SELDOM.get(act.kind, 1.0)]
        if choice and dice.random() < 0.15:
            break
    if wrong and dice.random() < 0.3:
        return _anything(desk, dice, order, day)
    if not choice or not order.lines:
        if dice.random() < 0.95:
            return None, None
        return Note(_officer(desk, dice, day, tuple(Duty), wrong=wrong)), order.order_id
    act = dice.choice(choice)
    return _body(desk, dice, order, act, day, wrong=wrong), act.on


def _is_cross(act: OpenAct, dice: Random) -> bool:
    return act.kind is Kind.INVOICE_DISPUTED and dice.random() < 0.3


def _has_lapsed(order: OrderView, act: OpenAct, day: int) -> bool:
    """Return whether ``act`` is a new offer in the place of one that was not taken in time."""
    return act.kind is Kind.OFFER and order.offer is not None and order.offer.valid_until < day


def _is_too_late(order: OrderView, act: OpenAct, day: int) -> bool:
    return act.kind is Kind.ORDER and order.offer is not None and order.offer.valid_until < day


def _officer(desk: Desk, dice: Random, day: int, duties: tuple[Duty, ...], *, wrong: bool) -> int:
    """Return an officer of this party with one of ``duties``, or some number."""
    grants = [view for (party, _), view in desk.record.grants.items() if party == desk.party and view.duties]
    if wrong and dice.random() < 0.4:
        return dice.choice([view.ref.index for view in grants] or [0]) if dice.random() < 0.7 else dice.randrange(60)
    fit = [view for view in grants if view.revoked is None and set(duties) & set(view.duties)]
    still = [view for view in fit if view.until is None or view.until >= day]
    return dice.choice(still or fit).ref.index if fit else 0


def _anything(desk: Desk, dice: Random, order: OrderView, day: int) -> tuple[Body, EntryRef | None]:
    """Return an act that the order does not wait for, on an entry that may not fit."""
    who = _officer(desk, dice, day, tuple(Duty), wrong=True)
    refs = [*order.effective, *order.void] or [order.order_id]
    on = dice.choice(refs)
    line = order.lines[0].line if order.lines else 1
    own = [ref for ref in refs if party_of(ref.log) == desk.party]
    if own and dice.random() < 0.3:
        on = dice.choice(own)
        return _correction(desk, dice, on, getattr(desk.space.entry(on).body, "who", who)), on
    choice: list[Body] = [
        Decline(who, Reason.OUTSIDE_AGREEMENT),
        Withdrawal(who, Reason.ENTERED_IN_ERROR),
        Order(who, _officer(desk, dice, day, (Duty.FUNDS_CERTIFIER,), wrong=True), dice.randrange(10**7), "an office"),
        Acceptance(who, "an account"),
        Cancellation(who, Reason.NO_LONGER_NEEDED),
        Amendment(who, dice.randrange(3), dice.randrange(10**7), (AmendmentLine(line, 5, 1_000_000),)),
        Delivery(who, day, 540, "JPSSB", (DeliveryLine(dice.choice((line, 9)), dice.randrange(10**4), None),)),
        Receipt(who, day, 540, (ReceiptLine(line, dice.randrange(10**4), 0, Reason.SHORT),)),
        Discrepancy(who, line, dice.randrange(100), Reason.DAMAGED),
        Resolution(who, line, Outcome.ADJUSTED, dice.randrange(-(10**6), 10**6)),
        Invoice(who, f"X-{dice.randrange(5)}", day, (on,), (AmountLine(line, 7),), 7),
        InvoiceAccepted(who),
        InvoiceDisputed(who, Reason.PRICE, (AmountLine(line, dice.randrange(10**5)),)),
        PaymentAdvice(who, dice.randrange(10**6), day, ""),
        FundsReceived(who, dice.randrange(10**6), 0, day, ""),
        CreditNote(who, f"C-{dice.randrange(5)}", (AmountLine(line, dice.randrange(10**5)),)),
        Close(who),
        Correction(who, dice.randbytes(dice.randrange(12))),
        Countersign(who),
        Note(who),
    ]  # fmt: skip
    return dice.choice(choice), on


def _request(desk: Desk, dice: Random, day: int, *, wrong: bool) -> Request:
    year = numbers.fiscal_year(desk, day)
    lines = tuple(
        RequestLine(
            n, *_item(dice, n, wrong=wrong), 100 * dice.randrange(1, 90) if not wrong else dice.randrange(3),
            dice.choice((0, 0, 50)), Means.REIMBURSEMENT if not wrong or dice.random() < 0.8 else Means.LOAN,
        )
        for n in range(1, dice.choice((2, 2, 3, 4)))
    )  # fmt: skip
    serial = numbers.next_serial(desk, year) - (1 if wrong and dice.random() < 0.3 else 0)
    need_to = day + 3 + dice.randrange(20) - (30 if wrong and dice.random() < 0.2 else 0)
    provider = dice.choice(desk.partners) if not wrong or dice.random() < 0.8 else dice.randrange(16)
    return Request(
        _officer(desk, dice, day, (Duty.REQUESTER,), wrong=wrong), year, max(0, serial), provider,
        dice.choice("abd") if not wrong or dice.random() < 0.8 else "z", day + 3, need_to, "INVTZ", "a ship", lines,
    )  # fmt: skip


def _item(dice: Random, number: int, *, wrong: bool) -> tuple[str, str, str, str]:
    category, unit = dice.choice(_UNITS)
    if wrong and dice.random() < 0.3:
        return dice.choice((("AMMO", "shells", "1305000000000", "EA"), ("FOOD", "rice", "", "XYZ")))
    return category, f"item {number}", "", unit


def _earlier_list(desk: Desk, dice: Random) -> EntryRef | None:
    own = [view.ref for view in desk.record.price_lists if view.party == desk.party]
    return dice.choice(own) if own and dice.random() < 0.5 else None


def _price_list(desk: Desk, dice: Random, day: int, *, wrong: bool) -> PriceList:
    currency = desk.genesis.terms.currencies_for(desk.party_code(desk.party))[0]
    lines = tuple(
        PriceListLine(category, f"item {n}", "", unit, dice.randrange(1, 10**8), ())
        for n, (category, unit) in enumerate(_UNITS[: dice.randrange(1, 4)], 1)
    )
    return PriceList(
        _officer(desk, dice, day, (Duty.BILLING, Duty.ACCEPTING), wrong=wrong), f"PL-{dice.randrange(6)}",
        currency if not wrong else "USD", day, day + dice.randrange(400) - (10 if wrong else 0), PriceBasis.OWN_FORCES,
        lines,
    )  # fmt: skip


def _body(desk: Desk, dice: Random, order: OrderView, act: OpenAct, day: int, *, wrong: bool) -> Body:
    """Return a body for ``act`` that fits, or nearly."""
    who = _officer(desk, dice, day, act.duties, wrong=wrong)
    off = dice.choice(_WRONG) if wrong else 0
    lines = [line for line in order.lines if line.price_micro is not None] or list(order.lines)
    first = lines[0]
    match act.kind:
        case Kind.DECLINE:
            return Decline(who, Reason.NOT_AVAILABLE)
        case Kind.OFFER:
            currency = desk.genesis.terms.currencies_for(desk.party_code(order.provider))[0]
            lists = [view for view in desk.record.price_lists if view.party == desk.party]
            named = dice.choice(lists).ref if lists and dice.random() < 0.3 else None
            offered = tuple(
                OfferLine(line.line, max(0, line.requested + off), 10_000 * dice.randrange(1, 90_000))
                for line in order.lines
            )
            basis = PriceBasis.PRICE_LIST if named else PriceBasis.OWN_FORCES
            return Offer(who, currency, max(0, day + dice.randrange(10, 400)), "a base", basis, named, offered)
        case Kind.WITHDRAWAL:
            return Withdrawal(who, Reason.NOT_STATED)
        case Kind.ORDER:
            certifier = _officer(desk, dice, day, (Duty.FUNDS_CERTIFIER,), wrong=wrong)
            return Order(who, certifier, max(0, order.agreed_value + off + dice.choice((0, 50, 5_000))), "an office")
        case Kind.ACCEPTANCE:
            return Acceptance(who, "an account")
        case Kind.AMENDMENT:
            changed = tuple(
                AmendmentLine(ln.line, max(0, ln.ordered + 100 * dice.randrange(-3, 9)), (ln.price_micro or 0) + 10_000)
                for ln in lines
            )
            return Amendment(who, max(0, order.version + min(0, off)), order.max_liability * 2 + 100, changed)
        case Kind.CANCELLATION:
            return Cancellation(who, Reason.NO_LONGER_NEEDED)
        case Kind.DELIVERY:
            part = dice.choice((1, 1, 2, 3))
            handed = tuple(DeliveryLine(ln.line, max(0, ln.open_quantity // part + off), None) for ln in lines)
            return Delivery(who, day, 330, "INVTZ", tuple(h for h in handed if h.quantity) or handed)
        case Kind.RECEIPT:
            delivery = next(d for d in order.deliveries if d.ref == act.on)
            refused = dice.choice((0, 0, 0, 3))
            return Receipt(
                who, delivery.occurred_on, 330,
                tuple(_counted(ln.line, ln.quantity, min(ln.quantity, refused), off) for ln in delivery.lines),
            )  # fmt: skip
        case Kind.DISCREPANCY:
            return Discrepancy(who, first.line, max(0, 3 + off), Reason.DAMAGED)
        case Kind.RESOLUTION:
            amount = dice.choice((0, 0, -50, 50, off))
            line = next((d.line for d in order.differences if d.ref == act.on), first.line)
            return Resolution(who, line, Outcome.ADJUSTED if amount else Outcome.UPHELD, amount)
        case Kind.INVOICE:
            billed = tuple(AmountLine(ln.line, ln.unbilled + off) for ln in lines if ln.unbilled + off > 0)
            billed = billed or (AmountLine(first.line, 1),)
            receipts = tuple(d.receipt for d in order.deliveries if d.receipt is not None)
            total = sum(line.amount for line in billed) + (off if dice.random() < 0.3 else 0)
            number = numbers.next_invoice_number(desk, numbers.fiscal_year(desk, day))
            return Invoice(who, number, day, receipts or (act.on,), billed, max(0, total))
        case Kind.INVOICE_ACCEPTED:
            return InvoiceAccepted(who)
        case Kind.INVOICE_DISPUTED | Kind.CREDIT_NOTE:
            invoice = next(i for i in order.invoices if i.ref == act.on)
            line, amount = dice.choice(invoice.lines)
            told = (AmountLine(line, max(0, amount // dice.choice((1, 2, 4)) + off)),)
            if act.kind is Kind.CREDIT_NOTE:
                return CreditNote(who, f"{invoice.number}-C{dice.randrange(3)}", told)
            return InvoiceDisputed(who, Reason.PRICE, told)
        case Kind.PAYMENT_ADVICE | Kind.FUNDS_RECEIVED:
            invoice = next(i for i in order.invoices if i.ref == act.on)
            amount = max(0, invoice.open_amount - dice.choice((0, 0, 0, 7)) + off)
            if act.kind is Kind.PAYMENT_ADVICE:
                return PaymentAdvice(who, amount, day + 9, "")
            return FundsReceived(who, amount, dice.choice((0, 3)), day, "")
        case Kind.CLOSE:
            return Close(who)
        case Kind.CORRECTION:
            return _correction(desk, dice, act.on, who)
        case Kind.COUNTERSIGN:
            return Countersign(who)
        case _:
            return Note(who)


def _counted(line: int, delivered: int, refused: int, off: int) -> ReceiptLine:
    return ReceiptLine(line, max(0, delivered - refused + off), refused, Reason.SPOILED)


def _correction(desk: Desk, dice: Random, on: EntryRef, who: int) -> Correction:
    said = desk.space.entry(on).body
    if dice.random() < 0.25 or isinstance(said, Unreadable):
        return Correction(who, b"")
    array = to_array(said)
    if dice.random() < 0.7:
        _nudge(array, dice.choice((1, -1, 100)))
    return Correction(who, encode(array))


def _nudge(array: list[Any], by: int) -> bool:
    """Change the last number somewhere in a body."""
    for place in range(len(array) - 1, -1, -1):
        if type(array[place]) is int:
            array[place] = max(0, array[place] + by)
            return True
        if type(array[place]) is list and array[place] and _nudge(array[place], by):
            return True
    return False
