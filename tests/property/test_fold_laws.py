"""Laws of the fold: one record whatever the order of arrival, books that balance, and nothing that raises.

Histories are made by two parties with three writers that often have not seen each other's last words. Most acts are
what the order waits for, some are that with a wrong figure, and some are anything at all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import typing
from dataclasses import dataclass, fields, is_dataclass
from enum import IntEnum
from random import Random
from typing import Annotated, Any, get_args, get_origin

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.cast import GENESIS, IN, JP, OFFICERS, Logs, at, grant, key_of, staffed, writer_of
from tests.scenario import check_invariants

from tallystick.core.canonical import encode_trusted
from tallystick.core.due import clocks, overlays
from tallystick.core.entries import (
    BIG,
    BODIES,
    Acceptance,
    Amendment,
    AmendmentLine,
    AmountLine,
    Between,
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
    Duty,
    Entry,
    FundsReceived,
    Grant,
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
from tallystick.core.fold import Fold, fold
from tallystick.core.identity import EntryRef, log_id, party_of
from tallystick.core.orders import ANY_ACT, OpenAct, OrderView, open_acts
from tallystick.core.orders import STEPS as STEPS_BY_KIND

T = at("2027-03-01")
DAY = T // 86_400
UNITS = ("KGM", "EA", "L15")


@dataclass(frozen=True)
class Step:
    """One throw of the dice: who speaks, on what, how wrongly, and how much of the others they have not seen."""

    writer: int
    pick: int
    twist: int
    blind: int


STEPS = st.lists(
    st.builds(
        Step,
        writer=st.integers(0, 2),
        pick=st.integers(0, 99),
        twist=st.integers(0, 11),
        blind=st.sampled_from([0, 0, 0, 0, 1, 2, 5]),
    ),
    max_size=45,
)


def history(steps: list[Step], limits: bool = False) -> Logs:
    """Return what two parties with three writers said."""
    ceilings = {(JP, Duty.ORDERING): {"currency": "INR", "per_act": 300_000, "total": 150_000}} if limits else None
    logs = staffed(t=T, limits=ceilings)
    second = logs.say(IN, grant(post="IN ship", key=key_of("IN ship")), t=T)
    writers = (writer_of(JP), writer_of(IN), log_id(second.ref.index, IN))
    admin = {JP: logs.size(JP), IN: logs.size(IN)}
    reading = Fold(GENESIS)
    reading.extend(logs.entries)
    held = {writer: {**admin, **dict.fromkeys(writers, 0)} for writer in writers}
    for number, step in enumerate(steps):
        writer = writers[step.writer]
        party = party_of(writer)
        # What a writer has seen only grows; it may lag behind what the others have said.
        for other in (*writers, JP, IN):
            held[writer][other] = max(held[writer].get(other, 0), logs.size(other) - step.blind)
        if step.twist == 11 and step.pick % 3 == 2:
            entry = logs.say(party, _linked(step), t=T)
        elif step.twist == 11:
            entry = logs.revoke(
                party, 2 + step.pick % len(Duty), cuts=[(writer, max(0, logs.size(writer) - step.pick % 4))], t=T
            )
        else:
            body, on = _act(reading, step, number, party)
            seen = {log: size for log, size in held[writer].items() if log != writer and size > 0}
            entry = logs.say(writer, body, on=on, t=T + number * 3_600, seen=seen)
        reading.extend([entry])
    return logs


def _linked(step: Step) -> Grant:
    """Return a new key for a post, or for the second ship, or a deputy; some of them cannot be."""
    if step.pick % 4 == 0:
        return grant(post="IN ship", key=key_of(f"ship {step.pick}"), replaces=len(Duty) + 2)
    duty = Duty(1 + step.pick // 4 % len(Duty))
    other = {"acting_for": OFFICERS[duty], "until": DAY + 1} if step.pick % 2 else {"replaces": OFFICERS[duty]}
    return grant(duty, officer_key=key_of(f"officer {step.pick}"), **other)


def _act(reading: Fold, step: Step, number: int, party: int) -> tuple[Body, EntryRef | None]:
    orders = list(reading.record.orders.values())
    if not orders or (step.twist == 10 and len(orders) < 4):
        return _request(number, step, party), None
    awaited = [(order, act) for order in orders for act in open_acts(order, party) if act.primary]
    possible = [(order, act) for order in orders for act in open_acts(order, party)]
    choice = awaited if awaited and step.twist <= 7 else possible
    if not choice:
        return Note(OFFICERS[Duty.AUDITOR]), orders[0].order_id
    order, act = choice[step.pick % len(choice)]
    return _body(reading, order, act, step, number), act.on


def _request(number: int, step: Step, party: int) -> Request:
    lines = tuple(
        RequestLine(n, "FOOD", f"item {n}", "", UNITS[n % 3], 1_000 * n, 50 * (step.pick % 2), Means.REIMBURSEMENT)
        for n in range(1, 2 + step.pick % 3)
    )
    return Request(OFFICERS[Duty.REQUESTER], 2026, number % 7, 1 - party, "a", DAY, DAY + 5, "INVTZ", "a ship", lines)


def _body(reading: Fold, order: OrderView, act: OpenAct, step: Step, number: int) -> Body:
    """Return a body for ``act`` that fits, or nearly."""
    who = OFFICERS[act.duties[step.pick % len(act.duties)]]
    wrong = (0, 0, 0, 0, 0, 0, 0, 1, -1, 7, 0, 0)[step.twist]
    lines = [line for line in order.lines if line.price_micro is not None] or list(order.lines)
    match act.kind:
        case Kind.DECLINE:
            return Decline(who, Reason.NOT_STATED)
        case Kind.OFFER:
            price = 333_333 * (1 + step.pick % 5)
            currency = "INR" if order.provider == IN else "JPY"
            offered = tuple(OfferLine(line.line, line.requested, price) for line in order.lines)
            return Offer(who, currency, DAY + 3, "a base", PriceBasis.OWN_FORCES, None, offered)
        case Kind.WITHDRAWAL:
            return Withdrawal(who, Reason.NOT_STATED)
        case Kind.ORDER:
            return Order(who, OFFICERS[Duty.FUNDS_CERTIFIER], order.agreed_value + 100 * wrong + 50, "an office")
        case Kind.ACCEPTANCE:
            return Acceptance(who, "an account")
        case Kind.AMENDMENT:
            changed = tuple(AmendmentLine(ln.line, ln.ordered + 500, (ln.price_micro or 0) + 1_000) for ln in lines)
            return Amendment(who, max(0, order.version + min(0, wrong)), order.max_liability + 100, changed)
        case Kind.CANCELLATION:
            return Cancellation(who, Reason.NOT_STATED)
        case Kind.DELIVERY:
            part = 1 + step.pick % 3
            handed = tuple(DeliveryLine(ln.line, max(0, ln.open_quantity // part + wrong), None) for ln in lines)
            return Delivery(who, DAY + number // 8, 330, "INVTZ", tuple(h for h in handed if h.quantity) or handed)
        case Kind.RECEIPT:
            delivery = next(d for d in order.deliveries if d.ref == act.on)
            return Receipt(
                who, delivery.occurred_on + 1, 330,
                tuple(_counted(ln.line, ln.quantity, min(ln.quantity, step.pick % 5), wrong) for ln in delivery.lines),
            )  # fmt: skip
        case Kind.DISCREPANCY:
            return Discrepancy(who, lines[0].line, 3 + wrong, Reason.DAMAGED)
        case Kind.RESOLUTION:
            amount = (step.pick % 5 - 2) * 50
            line = next((d.line for d in order.differences if d.ref == act.on), lines[0].line)
            return Resolution(who, line, Outcome.ADJUSTED if amount else Outcome.UPHELD, amount)
        case Kind.INVOICE:
            billed = tuple(AmountLine(ln.line, ln.unbilled + wrong) for ln in lines if ln.unbilled + wrong > 0)
            billed = billed or (AmountLine(lines[0].line, 1),)
            receipts = tuple(d.receipt for d in order.deliveries if d.receipt is not None)
            total = sum(line.amount for line in billed)
            return Invoice(who, f"INV-{number % 5}", DAY + number // 8, receipts or (act.on,), billed, total)
        case Kind.INVOICE_ACCEPTED:
            return InvoiceAccepted(who)
        case Kind.INVOICE_DISPUTED | Kind.CREDIT_NOTE:
            invoice = next(i for i in order.invoices if i.ref == act.on)
            line, amount = invoice.lines[step.pick % len(invoice.lines)]
            told = (AmountLine(line, max(0, amount // (1 + step.pick % 4) + wrong)),)
            if act.kind is Kind.CREDIT_NOTE:
                return CreditNote(who, f"CRN-{number % 5}", told)
            return InvoiceDisputed(who, Reason.PRICE, told)
        case Kind.PAYMENT_ADVICE | Kind.FUNDS_RECEIVED:
            invoice = next(i for i in order.invoices if i.ref == act.on)
            amount = max(0, invoice.open_amount - (step.pick % 3) * 7 + wrong)
            if act.kind is Kind.PAYMENT_ADVICE:
                return PaymentAdvice(who, amount, DAY + 9, "")
            return FundsReceived(who, amount, 3, DAY + 9, "")
        case Kind.CLOSE:
            return Close(who)
        case Kind.CORRECTION:
            return _correction(reading, act, who, step)
        case Kind.COUNTERSIGN:
            return Countersign(who)
        case _:
            return Note(who)


def _counted(line: int, delivered: int, refused: int, wrong: int) -> ReceiptLine:
    return ReceiptLine(line, max(0, delivered - refused + wrong), refused, Reason.SPOILED)


def _correction(reading: Fold, act: OpenAct, who: int, step: Step) -> Correction:
    order_entries = [entry for order in reading.record.orders for entry in reading.record.entries_of(order)]
    said = next(entry.body for entry in order_entries if entry.ref == act.on)
    if step.pick % 4 == 0 or isinstance(said, Unreadable):
        return Correction(who, b"")
    array = to_array(said)
    Random(step.pick).choice([lambda: None, lambda: _nudge(array), array.pop])()
    return Correction(who, encode_trusted(array))


def _nudge(array: list[Any]) -> None:
    """Change the last number somewhere in a body."""
    for place in range(len(array) - 1, -1, -1):
        if type(array[place]) is int:
            array[place] += 1
            return
        if type(array[place]) is list and array[place]:
            _nudge(array[place])
            return


# ---- anything at all

NUMBERS = st.sampled_from([0, 1, 2, 3, 7, 60, 1_000, 10**9, BIG])
ORDERS = [EntryRef(log, index) for log in (writer_of(JP), writer_of(IN)) for index in range(4)]
REFS = st.sampled_from([*ORDERS, EntryRef(JP, 0), EntryRef(IN, 5), EntryRef(99, 0)])


def any_value(hint: Any, limit: Between | None = None) -> st.SearchStrategy[Any]:
    """Return values of one annotated field, mostly small, sometimes as large as it may be."""
    if get_origin(hint) is Annotated:
        base, *notes = get_args(hint)
        return any_value(base, next((n for n in notes if isinstance(n, Between)), None))
    if get_origin(hint) is tuple:
        return st.lists(any_value(get_args(hint)[0]), min_size=limit.low if limit else 0, max_size=3).map(tuple)
    if type(None) in get_args(hint):
        (inner,) = (arg for arg in get_args(hint) if arg is not type(None))
        return st.none() | any_value(inner)
    if hint is EntryRef:
        return REFS
    if hint is int:
        low, high = (limit.low, limit.high) if limit else (-BIG, BIG)
        return NUMBERS.map(lambda n: min(high, max(low, n)))
    if hint is str:
        low = limit.low if limit else 0
        return st.sampled_from(["INR", "JPY", "FOOD", "KGM", "L15", "a", "x"] if low else ["INR", "", "10"])
    if hint is bytes:
        size = limit.low if limit and limit.low == limit.high else 0
        return st.binary(min_size=size, max_size=max(size, 8))
    if issubclass(hint, IntEnum):
        return st.sampled_from(list(hint))
    assert is_dataclass(hint)
    return any_body(hint)


def any_body(cls: type[Any]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return st.builds(cls, **{f.name: any_value(hints[f.name]) for f in fields(cls)})


GARBAGE = st.lists(
    st.builds(
        Entry,
        ref=st.builds(EntryRef, st.sampled_from([0, 1, 2, 16, 17, 18, 400]), st.integers(0, 12)),
        kind=st.sampled_from([*map(int, Kind), 0, 40, 255]),
        t=st.sampled_from([0, T, T + 86_400, 2**40]),
        obj=st.none() | REFS,
        body=st.one_of([*map(any_body, BODIES.values()), st.just(Unreadable(9, None, "no"))]),
        detail=st.none(),
        lamport=st.integers(0, 60),
        seen=st.dictionaries(st.sampled_from([0, 1, 16, 17]), st.integers(0, 30), max_size=3),
        core_hash=st.just(b""),
    ),
    max_size=25,
)  # fmt: skip


# ---- the laws


def told(reading: Fold) -> tuple[Any, ...]:
    record = reading.record
    return (
        record.digest, record.findings, dict(record.orders), record.ledger.transactions(), record.ledger.accounts(),
        [record.ledger.trial_balance(code) for code in ("JP", "IN")], dict(record.grants), record.price_lists,
    )  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(steps=STEPS, limits=st.booleans(), seed=st.integers(0, 2**32), portion=st.integers(1, 7))
def test_every_order_of_arrival_gives_the_same_record(steps: list[Step], limits: bool, seed: int, portion: int) -> None:
    logs = history(steps, limits)
    scratch = Fold(GENESIS)
    scratch.extend(logs.entries)
    dice = Random(seed)
    shuffled = [*logs.entries, *dice.sample(logs.entries, len(logs.entries) // 3)]
    dice.shuffle(shuffled)
    reading = Fold(GENESIS)
    for start in range(0, len(shuffled), portion):
        reading.extend(shuffled[start : start + portion])
        if dice.random() < 0.1:
            reading.record.digest  # noqa: B018  what was read in between must not matter
    assert told(reading) == told(scratch)


@settings(max_examples=100, deadline=None)
@given(steps=STEPS, limits=st.booleans())
def test_the_books_balance_after_every_document(steps: list[Step], limits: bool) -> None:
    reading = Fold(GENESIS)
    for entry in history(steps, limits).entries:
        reading.extend([entry])
        if entry.ref.log >= 16:
            check_invariants(reading.record)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_a_late_entry_changes_only_orders_that_are_named(steps: list[Step]) -> None:
    entries = history(steps).entries
    reading = Fold(GENESIS)
    for entry in entries:
        record = reading.record
        before = {name: record.order_digest(name) for name in record.orders}
        named = reading.extend([entry])
        after = {name: reading.record.order_digest(name) for name in reading.record.orders}
        assert {name for name in after if after[name] != before.get(name)} <= named
        if entry.ref.log >= 16:
            assert len(named) <= 1


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_a_trial_tells_what_then_happens(steps: list[Step]) -> None:
    entries = history(steps).entries
    reading = Fold(GENESIS)
    reading.extend(entries[:-1])
    last = entries[-1]
    trial = reading.trial(last)
    digest = reading.record.digest
    reading.extend([last])
    findings = tuple(f for f in reading.record.findings if f.entry == last.ref)
    if all(entry.order_key < last.order_key for entry in entries[:-1]):
        assert trial.void == any(f.weight == "void" for f in findings)
        assert {f.code for f in trial.findings} == {f.code for f in findings}
        if trial.order is not None:
            assert reading.record.orders[trial.order.order_id] == trial.order
    again = Fold(GENESIS)
    again.extend(entries[:-1])
    again.trial(last)
    assert again.record.digest == digest


@settings(max_examples=200, deadline=None)
@given(steps=STEPS.map(lambda steps: steps[:6]), garbage=GARBAGE, seed=st.integers(0, 2**32))
@example(steps=[], garbage=[], seed=0)
def test_nothing_that_is_signed_makes_the_fold_raise(steps: list[Step], garbage: list[Entry], seed: int) -> None:
    entries = [*history(steps).entries, *garbage]
    unique = list({entry.ref: entry for entry in entries}.values())
    reading = Fold(GENESIS)
    for entry in unique:
        reading.trial(entry)
        reading.extend([entry])
    record = reading.record
    check_invariants(record)
    Random(seed).shuffle(unique)
    assert fold(GENESIS, unique).digest == record.digest
    for order in record.orders.values():
        for party in (JP, IN):
            open_acts(order, party)
        clocks(order, GENESIS.terms)
        for day in (0, DAY, DAY + 400, 70_000):
            overlays(order, GENESIS.terms, day)


def thrown(dice: Random, count: int) -> list[Step]:
    return [
        Step(dice.randrange(3), dice.randrange(100), dice.randrange(12), dice.choice((0, 0, 0, 0, 1, 2)))
        for _ in range(count)
    ]


def test_deep_histories_are_reached() -> None:
    """The dice are worth nothing if they never get past the first states."""
    dice = Random(8)
    states: set[str] = set()
    codes: set[str] = set()
    for _ in range(60):
        steps = thrown(dice, 60)
        record = fold(GENESIS, history(steps, limits=dice.random() < 0.3).entries)
        states |= {order.state.value for order in record.orders.values()}
        codes |= {finding.code for finding in record.findings}
    assert {"agreed", "in-delivery", "fulfilled", "closed", "cancelled"} <= states
    assert {"corrected", "taken-back", "over-total-ceiling", "already-decided", "short-payment"} <= codes


def test_acts_earn_only_what_their_row_says() -> None:
    dice = Random(11)
    for _ in range(40):
        logs = history(thrown(dice, 50), limits=dice.random() < 0.5)
        entries = {entry.ref: entry for entry in logs.entries}
        for finding in fold(GENESIS, logs.entries).findings:
            entry = entries[finding.entry]
            row = STEPS_BY_KIND.get((entry.kind, entries[entry.obj].kind if entry.obj else None))
            if row is not None:
                assert finding.code in (*row.guards, *ANY_ACT, row.otherwise, "act-out-of-turn"), (row.kind, finding)


def test_the_digest_does_not_depend_on_the_hash_seed() -> None:
    program = (
        "from random import Random\n"
        "from tests.property.test_fold_laws import *\n"
        "dice = Random(3)\n"
        "record = fold(GENESIS, history(thrown(dice, 80)).entries)\n"
        "print(record.digest.hex(), record.findings, list(record.orders), record.ledger.trial_balance('IN'))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(("src", "."))},
            check=True, capture_output=True, text=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(outputs) == 1
