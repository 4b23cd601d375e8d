"""The life of an order, every way it can go on for a few acts, from every place it can be in.

``python -m tests.exhaustive.life --depth 3`` begins at each of ``STANDPOINTS`` and lets both parties say everything
there is to say, in every order, each having heard the other's last words or not, for so many acts. What counts is gone
on from; what is void must change and post nothing and is not gone on from, so every act of every row of ``LIFE`` is
tried by both sides at every place. After each act the laws of the ledger are asked, and every order in which the new
acts can arrive must give the same record.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from tests.cast import GENESIS, IN, JP, OFFICERS, Logs, at, writer_of
from tests.property.test_fold_laws import Step as Throw
from tests.property.test_fold_laws import _body as fitting_body
from tests.scenario import Story, check_invariants

from tallystick.core import invariants
from tallystick.core.canonical import encode_trusted
from tallystick.core.entries import (
    AmountLine,
    Body,
    Correction,
    CreditNote,
    Entry,
    FundsReceived,
    Invoice,
    InvoiceDisputed,
    Kind,
    PaymentAdvice,
    Reason,
    Receipt,
    ReceiptLine,
    Unreadable,
    to_array,
)
from tallystick.core.fold import Fold, Record
from tallystick.core.identity import EntryRef
from tallystick.core.orders import (
    ANY_ACT,
    STEPS,
    OpenAct,
    OrderState,
    OrderView,
    Side,
    Step,
    duties_of,
    open_acts,
)

T = at("2027-03-01")
DAY = T // 86_400

_REQUEST = '2027-02-21 IN request O1 of JP from 2027-02-22 to 2027-02-25: 1 FOOD 100 KGM "rice"'
_OFFER = "2027-02-21 JP offer F1 on O1 JPY until 2027-12-30: 1 100 @ 50"
_ORDER = "2027-02-21 IN order R1 on F1 limit 9000"
_ACCEPT = "2027-02-21 JP accept A1 on R1"
_DELIVER = "2027-02-22 JP deliver D1 on A1: 1 100"
_RECEIVE = "2027-02-22 IN receive E1 on D1"
_REFUSE = "2027-02-22 IN receive E1 on D1: 1 90 refused 10 spoiled"
_INVOICE = "2027-02-23 JP invoice I1 on A1 for E1"
_ADVISE = "2027-02-24 IN advise on I1 5000"
_FUNDS = "2027-02-25 JP funds N1 on I1 5000"
_CLOSE = "2027-02-26 IN close on A1"

STANDPOINTS: dict[str, tuple[str, ...]] = {
    "requested": (_REQUEST,),
    "offered": (_REQUEST, _OFFER),
    "ordered": (_REQUEST, _OFFER, _ORDER),
    "agreed": (_REQUEST, _OFFER, _ORDER, _ACCEPT),
    "in delivery": (_REQUEST, _OFFER, _ORDER, _ACCEPT, "2027-02-22 JP deliver D1 on A1: 1 40"),
    "delivered": (_REQUEST, _OFFER, _ORDER, _ACCEPT, _DELIVER),
    "received": (_REQUEST, _OFFER, _ORDER, _ACCEPT, _DELIVER, _RECEIVE),
    "partly refused": (_REQUEST, _OFFER, _ORDER, _ACCEPT, _DELIVER, _REFUSE),
    "resolution proposed": (
        _REQUEST, _OFFER, _ORDER, _ACCEPT, _DELIVER, _REFUSE, "2027-02-23 JP resolve S1 on E1: 1 adjusted 100",
    ),
    "amendment proposed": (
        _REQUEST, _OFFER, _ORDER, _ACCEPT, "2027-02-22 IN amend M1 on A1 limit 9500: 1 120 @ 50",
    ),
    "cancellation proposed": (_REQUEST, _OFFER, _ORDER, _ACCEPT, "2027-02-22 IN cancel X1 on A1"),
    "cancelled": (
        _REQUEST, _OFFER, _ORDER, _ACCEPT, "2027-02-22 IN cancel X1 on A1", "2027-02-22 JP countersign on X1",
    ),
    "invoiced": (_REQUEST, _OFFER, _ORDER, _ACCEPT, _DELIVER, _RECEIVE, _INVOICE),
    "disputed": (
        _REQUEST, _OFFER, _ORDER, _ACCEPT, _DELIVER, _RECEIVE, _INVOICE, "2027-02-24 IN dispute P1 on I1: 1 500",
    ),
    "paid": (_REQUEST, _OFFER, _ORDER, _ACCEPT, _DELIVER, _RECEIVE, _INVOICE, _ADVISE),
    "settled": (_REQUEST, _OFFER, _ORDER, _ACCEPT, _DELIVER, _RECEIVE, _INVOICE, _ADVISE, _FUNDS),
    "closed by one": (_REQUEST, _OFFER, _ORDER, _ACCEPT, _DELIVER, _RECEIVE, _INVOICE, _ADVISE, _FUNDS, _CLOSE),
    "closed": (
        _REQUEST, _OFFER, _ORDER, _ACCEPT, _DELIVER, _RECEIVE, _INVOICE, _ADVISE, _FUNDS, _CLOSE,
        "2027-02-26 JP close on A1",
    ),
}  # fmt: skip

TWO_WAYS = frozenset({
    Kind.DELIVERY, Kind.RECEIPT, Kind.RESOLUTION, Kind.FUNDS_RECEIVED, Kind.CORRECTION,
})  # fmt: skip
"""Kinds that are said in full and in part (or taken back and changed); the others in one way."""

_AFTER_AGREEMENT = frozenset({
    OrderState.AGREED, OrderState.IN_DELIVERY, OrderState.FULFILLED, OrderState.SETTLED, OrderState.CLOSED,
    OrderState.CANCELLED,
})  # fmt: skip


@dataclass
class Count:
    """What was looked at."""

    standpoints: int = 0
    lives: int = 0  # ways to go on, of every length up to the depth
    arrivals: int = 0
    void: int = 0  # acts that do not count, each tried and found to change nothing
    states: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)  # of acts that count
    codes: Counter[str] = field(default_factory=Counter)  # of findings of the void ones


@dataclass(frozen=True)
class Said:
    """An act that may be said next, and whether its writer has heard everything."""

    writer: int
    body: Body
    on: EntryRef
    heard: bool


class Place:
    """Where a life has come to: the logs, and what each party has heard of the other."""

    def __init__(self, told: tuple[str, ...]) -> None:
        self.logs: Logs = Story("\n".join(told)).logs
        self.begin = len(self.logs.entries)
        self.heard = {writer_of(party): self._sizes(party) for party in (JP, IN)}

    def _sizes(self, party: int) -> dict[int, int]:
        return {log: self.logs.size(log) for log in (JP, IN, writer_of(1 - party))}

    @property
    def new(self) -> list[Entry]:
        return self.logs.entries[self.begin :]

    def behind(self, party: int) -> bool:
        return self.heard[writer_of(party)] != self._sizes(party)

    def say(self, said: Said) -> dict[int, int]:
        """Append an act and return what its writer had heard before, for ``unsay``."""
        before = self.heard[said.writer]
        if said.heard:
            self.heard[said.writer] = self._sizes(said.writer % 16)
        seen = {log: size for log, size in self.heard[said.writer].items() if size}
        self.logs.say(said.writer, said.body, on=said.on, t=T + 60 * len(self.logs.entries), seen=seen)
        return before

    def unsay(self, before: dict[int, int]) -> None:
        entry = self.logs.entries.pop()
        del self.logs._by_ref[entry.ref]
        self.logs._sizes[entry.ref.log] -= 1
        self.heard[entry.ref.log] = before

    def reading(self) -> Fold:
        reading = Fold(GENESIS)
        reading.extend(self.logs.entries)
        return reading


# ---- what may be said


def everything(place: Place, reading: Fold) -> Iterator[Said]:
    """Yield every act of every row of the table on the last entry it may be on, by each party."""
    (order,) = reading.record.orders.values()
    last = {Kind(entry.kind): entry for entry in place.logs.entries if entry.ref.log >= 16}
    for (kind, on), step in STEPS.items():
        if on is None or on not in last or (kind is Kind.NOTE and on is not Kind.REQUEST):
            continue
        for party in (JP, IN):
            entry = last[on]
            seen = entry.party == party or place.heard[writer_of(party)][entry.ref.log] > entry.ref.index
            for way in range(2 if kind in TWO_WAYS else 1):
                body = _body(reading, order, step, entry, party, way)
                if place.behind(party):
                    yield Said(writer_of(party), body, entry.ref, heard=True)
                if seen:
                    yield Said(writer_of(party), body, entry.ref, heard=not place.behind(party))


def _body(reading: Fold, order: OrderView, step: Step, on: Entry, party: int, way: int) -> Body:
    side = order.side_of(party)
    assert side is not None
    duties = duties_of(step, side) or step.duties or _duties_behind(on, side)
    who = OFFICERS[duties[0]]
    if step.kind is Kind.CORRECTION:
        return _correction(on, who, way)
    act = OpenAct(step.kind, party, duties, on.ref, primary=False)
    try:
        return fitting_body(reading, order, act, Throw(0, way, 0, 0), 0)
    except StopIteration:  # it is on a document that does not count: anything will do
        return _anything(step.kind, who, on)


def _duties_behind(on: Entry, side: Side) -> Any:
    """Return the duties that wrote ``on``, which correct it too."""
    return next((duties_of(step, side) or step.duties for (kind, _), step in STEPS.items() if kind == on.kind), ())


def _correction(on: Entry, who: int, way: int) -> Correction:
    if way == 0 or isinstance(on.body, Unreadable):
        return Correction(who, b"")
    array = to_array(on.body)
    _nudge(array)
    return Correction(getattr(on.body, "who", who), encode_trusted(array))


def _nudge(array: list[Any]) -> bool:
    """Make the last number a little smaller; in the list within, if there is one."""
    for place in range(len(array) - 1, 0, -1):
        if type(array[place]) is list and array[place] and _nudge(array[place]):
            return True
        if type(array[place]) is int and array[place] > 20:
            array[place] -= 10
            return True
    return False


def _anything(kind: Kind, who: int, on: Entry) -> Body:
    one = (AmountLine(1, 1),)
    made: dict[Kind, Body] = {
        Kind.RECEIPT: Receipt(who, DAY, 540, (ReceiptLine(1, 1, 0, Reason.NOT_STATED),)),
        Kind.INVOICE: Invoice(who, "INV-9", DAY, (on.ref,), one, 1),
        Kind.INVOICE_DISPUTED: InvoiceDisputed(who, Reason.PRICE, one),
        Kind.CREDIT_NOTE: CreditNote(who, "CRN-9", one),
        Kind.PAYMENT_ADVICE: PaymentAdvice(who, 1, DAY, ""),
        Kind.FUNDS_RECEIVED: FundsReceived(who, 1, 0, DAY, ""),
    }
    return made[kind]


# ---- what must hold


def told(record: Record) -> tuple[Any, ...]:
    """Return all that a record of one order says."""
    (order_id,) = record.orders
    balances = [record.ledger.trial_balance(code) for code in ("JP", "IN")]
    return record.order_digest(order_id), record.findings, balances


def check_laws(record: Record) -> None:
    check_invariants(record)
    (order,) = record.orders.values()
    journal = record.ledger.transactions_of(order.order_id)
    assert not list(invariants.of_order(order, journal))
    posted: Counter[tuple[EntryRef, str]] = Counter()
    for transaction in journal:
        posted[transaction.about or transaction.origin, transaction.rule] += transaction.amount
    assert not any(amount for (ref, _), amount in posted.items() if ref in order.void), "a void act posted"
    assert {finding.entry for finding in record.findings} >= set(order.void), "a void act without its finding"
    for code in ("JP", "IN"):
        sums: Counter[str] = Counter()
        for line in record.ledger.trial_balance(code):
            sums[line.commodity] += line.balance
        assert not any(sums.values()), f"the books of {code} do not balance: {sums}"


def check_step(before: OrderView, after: OrderView, entry: Entry, target: Entry) -> None:
    """Assert that an act which counts, said with everything heard, led along its row of the table."""
    step = STEPS[Kind(entry.kind), Kind(target.kind)]
    assert before.state in step.from_states, (step, before.state)
    side = before.side_of(entry.party)
    assert step.side in (side, Side.EITHER), (step, side)
    if entry.kind == Kind.NOTE or Kind.CORRECTION in (entry.kind, target.kind):
        return  # a note leads nowhere; a correction lets the order be read again from the start
    if step.to is not None:
        assert after.state is step.to, (step, after.state)
    elif before.acceptance is not None:
        assert after.state in _AFTER_AGREEMENT, (step, after.state)


def check_open_acts(place: Place, reading: Fold, order: OrderView) -> None:
    """Assert that what a page would offer next is not refused for coming at the wrong time or from the wrong side."""
    by_ref = {entry.ref: entry for entry in place.logs.entries}
    for party in (JP, IN):
        if place.behind(party):
            continue
        for act in open_acts(order, party):
            step = STEPS[act.kind, Kind(by_ref[act.on].kind)]
            body = _body(reading, order, step, by_ref[act.on], party, 0)
            before = place.say(Said(writer_of(party), body, act.on, heard=True))
            trial = reading.trial(place.logs.entries[-1])
            place.unsay(before)
            out_of_turn = {step.otherwise, "act-out-of-turn", "wrong-side", "unknown-object", "duty-missing"}
            assert not trial.void or trial.findings[0].code not in out_of_turn, (act, trial.findings)


def check_arrivals(place: Place, expected: tuple[Any, ...]) -> int:
    """Assert that every order of arrival of the new entries gives ``expected``; return how many there are."""
    old = place.logs.entries[: place.begin]
    count = 0
    for arrival in permutations(place.new):
        reading = Fold(GENESIS)
        reading.extend(old)
        for entry in arrival:
            reading.extend([entry])
        assert told(reading.record) == expected, [str(entry.ref) for entry in arrival]
        count += 1
    return count


# ---- walking


def walk(place: Place, depth: int, count: Count, *, stride: int = 1, without: frozenset[Kind] = frozenset()) -> None:
    """Go on from ``place`` in every way, for up to ``depth`` acts.

    Args:
        place: Where to begin; left as it was found.
        depth: Acts to go on for.
        count: Told what was looked at.
        stride: Of the last acts, only each so many-th is tried.
        without: Kinds of acts that are left out.
    """
    reading = place.reading()
    (order,) = reading.record.orders.values()
    count.lives += 1
    count.states[order.state.value] += 1
    check_laws(reading.record)
    if place.new:
        count.arrivals += check_arrivals(place, told(reading.record))
    if depth == 0:
        return
    check_open_acts(place, reading, order)
    by_ref = {entry.ref: entry for entry in place.logs.entries}
    for number, said in enumerate(everything(place, reading)):
        if said.body.KIND in without or (depth == 1 and (number + count.lives) % stride):
            continue
        before = place.say(said)
        entry = place.logs.entries[-1]
        trial = reading.trial(entry)
        if trial.void:
            count.void += 1
            count.codes[trial.findings[0].code] += 1
            step = STEPS[Kind(entry.kind), Kind(by_ref[said.on].kind)]
            assert trial.findings[0].code in (*step.guards, *ANY_ACT, step.otherwise, "act-out-of-turn")
            assert not trial.transactions
            unchanged = trial.order is None or trial.order.state is order.state
            assert unchanged or _holds_up(place.new, entry, trial.findings[0].code), trial
        else:
            count.kinds[said.body.KIND.name] += 1
            if said.heard:
                assert trial.order is not None
                check_step(order, trial.order, entry, by_ref[said.on])
            walk(place, depth - 1, count, stride=stride, without=without)
        place.unsay(before)


def _holds_up(new: list[Entry], entry: Entry, code: str) -> bool:
    """Return whether ``entry`` crossed a correction of what it is on: that then waits for the other side's signature,
    whether or not the entry counts, if its writer and officer may say such a thing (docs/spec/orders.md)."""
    may_not = {"wrong-side", "no-warrant", "duty-missing", "warrant-ended", "warrant-revoked"}
    return code not in may_not and any(x.kind == Kind.CORRECTION and not entry.had_seen(x.ref) for x in new)


def explore(depth: int, *, only: str = "", stride: int = 1, without: frozenset[Kind] = frozenset()) -> Count:
    count = Count()
    for name, lines in STANDPOINTS.items():
        if not name.startswith(only):
            continue
        count.standpoints += 1
        walk(Place(lines), depth, count, stride=stride, without=without)
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--depth", type=int, default=2, help="acts after each standpoint")
    parser.add_argument("--only", default="", help="standpoints whose name begins so")
    parser.add_argument("--stride", type=int, default=1, help="of the last acts, try only every N-th")
    parser.add_argument("--without", nargs="*", default=(), help="kinds of acts to leave out, such as correction")
    given = parser.parse_args()
    without = frozenset(Kind[name.upper().replace("-", "_")] for name in given.without)
    began = time.process_time()
    count = explore(given.depth, only=given.only, stride=given.stride, without=without)
    print(
        f"{count.standpoints} standpoints, depth {given.depth}, {time.process_time() - began:.0f} s of processor time"
    )
    print(f"{count.lives:,} lives, {count.arrivals:,} orders of arrival, {count.void:,} void acts that changed nothing")
    print("states reached: " + ", ".join(f"{state} {n:,}" for state, n in sorted(count.states.items())))
    print("acts that counted: " + ", ".join(f"{kind.lower()} {n:,}" for kind, n in sorted(count.kinds.items())))
    print("why acts were void: " + ", ".join(f"{code} {n:,}" for code, n in count.codes.most_common()))


if __name__ == "__main__":
    sys.exit(main())
