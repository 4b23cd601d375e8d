"""The story language: dated lines of what people do, and what must be true then.

    2027-01-11 JP request O1 of IN: 1 FOOD 1850 KGM "fresh provisions"
    2027-01-20 IN offer F1 on O1 INR until 2027-02-19: 1 1850 @ 96.50
    2027-01-28 JP order R1 on F1 limit 200000.00
    2027-01-29 IN accept A1 on R1
    2027-02-20 IN deliver D1 on A1: 1 1850
    2027-02-20 JP receive E1 on D1: 1 1790 refused 60 spoiled
    -> O1 fulfilled
    -> JP:ap:unbilled:IN -172735.00 INR
    -> finding refused-goods E1

A line is said by the officer whose duty it is, or ``by <duty>``; its writer has seen everything said before, or all
but what comes after ``unseen``. After each line the invariants of the ledger are checked. A story that goes wrong is
shown whole, with the line at which it did.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tests.cast import CODES, GENESIS, OFFICERS, Logs, at, staffed, writer_of

from tallystick.core import invariants
from tallystick.core.agreement import Genesis
from tallystick.core.calendar import parse_day
from tallystick.core.canonical import encode_trusted
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
    Duty,
    Entry,
    FuelMeasure,
    FundsReceived,
    Invoice,
    InvoiceAccepted,
    InvoiceDisputed,
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
    Withdrawal,
    to_array,
)
from tallystick.core.findings import Finding
from tallystick.core.fold import Fold, Record
from tallystick.core.fuel import vcf_e5
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OrderView
from tallystick.core.quantity import Money, Quantity, parse_price

_PLACES = {"JP": ("JPSSB", 540), "IN": ("INVTZ", 330)}  # where each side provides, and minutes east of UTC


class StoryError(AssertionError):
    """The story did not go as told."""


@dataclass
class _Said:
    """One line, taken apart: the words after the verb, and the items after the colon."""

    date: str
    party: int
    words: list[str]
    items: list[list[str]]
    on: EntryRef | None

    @property
    def day(self) -> int:
        return parse_day(self.date)

    def after(self, word: str, default: str | None = None) -> str:
        if word in self.words:
            return self.words[self.words.index(word) + 1]
        assert default is not None, f"needs {word!r}"
        return default

    def bare(self) -> str:
        """Return the word that stands alone, such as an amount."""
        return self.words[0]


@dataclass
class Story:
    """Reads a story as it is told. ``record`` is what is known after the last line."""

    text: str
    genesis: Genesis = GENESIS
    limits: Mapping[tuple[int, Duty], Mapping[str, object]] | None = None
    logs: Logs = field(init=False)
    names: dict[str, EntryRef] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.logs = staffed(self.genesis, limits=self.limits)
        self.fold = Fold(self.genesis)
        self.fold.extend(self.logs.entries)
        self._serial = 0
        lines = self.text.strip("\n").splitlines()
        for number, line in enumerate(lines):
            told = line.split("#")[0].strip()
            if not told:
                continue
            try:
                if told.startswith("->"):
                    self._expect(told[2:].strip())
                else:
                    self._do(told)
                    check_invariants(self.record)
            except (AssertionError, KeyError, ValueError, IndexError) as error:
                shown = "\n".join(f"{'>>' if n == number else '  '} {text}" for n, text in enumerate(lines))
                found = "\n".join(f"     {self.name_of(f.entry)}: {f.code} {dict(f.facts)}" for f in self.findings)
                raise StoryError(f"{type(error).__name__}: {error}\n{shown}\n   findings:\n{found}") from error

    # ---- asking

    @property
    def record(self) -> Record:
        return self.fold.record

    @property
    def entries(self) -> list[Entry]:
        return self.logs.entries

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.record.findings

    def order(self, name: str = "O1") -> OrderView:
        return self.record.orders[self.names[name]]

    def entry(self, name: str) -> Entry:
        return next(entry for entry in self.entries if entry.ref == self.names[name])

    def name_of(self, ref: EntryRef) -> str:
        return next((name for name, named in self.names.items() if named == ref), str(ref))

    def codes(self, name: str) -> list[str]:
        """Return the codes of the findings about the entry called ``name``."""
        return [finding.code for finding in self.findings if finding.entry == self.names[name]]

    # ---- doing

    def _do(self, line: str) -> None:
        head, _, tail = line.partition(": ")
        words = _words(head)
        date, code, verb, *rest = words
        name = rest.pop(0) if rest and re.fullmatch(r"[A-Z]+[0-9]+", rest[0]) else ""
        party = CODES.index(code)
        on: EntryRef | None = None
        if rest[:1] == ["on"]:
            on = self.names[rest[1]]
            rest = rest[2:]
        said = _Said(date, party, rest, [_words(item) for item in tail.split(";")] if tail else [], on)
        duty, make = _VERBS[verb]
        if "by" in rest:
            duty = Duty[rest[rest.index("by") + 1].upper().replace("-", "_")]
        unseen = [self.names[word] for word in rest[rest.index("unseen") + 1 :]] if "unseen" in rest else []
        if verb == "amend" or verb in ("cancel", "resolve", "countersign"):
            duty = duty if "by" in rest else self._authority(party)
        elif verb == "report" and "by" not in rest:
            duty = Duty.RECEIVING if self._is_receiver(party) else Duty.BILLING
        elif verb == "correct" and "by" not in rest:
            duty = next(d for d, _make in _VERBS.values() if _make is _maker(self.entry_at(on).body))
        entry = self.say(party, make(self, said, OFFICERS[duty]), on=on, t=at(date), unseen=unseen)
        if name:
            assert name not in self.names, f"{name} twice"
            self.names[name] = entry.ref

    def say(
        self,
        party: int,
        body: Body,
        *,
        on: EntryRef | None = None,
        t: int = 0,
        unseen: Iterable[EntryRef] = (),
        sign: Callable[[Entry], bytes] | None = None,
    ) -> Entry:
        """Say ``body`` by the writer of ``party``, and let the record follow."""
        entry = self.logs.say(writer_of(party), body, on=on, t=t, unseen=unseen, sign=sign)
        self.fold.extend([entry])
        return entry

    def entry_at(self, ref: EntryRef | None) -> Entry:
        return next(entry for entry in self.entries if entry.ref == ref)

    def _is_receiver(self, party: int) -> bool:
        return next(iter(self.record.orders.values())).receiver == party

    def _authority(self, party: int) -> Duty:
        return Duty.ORDERING if self._is_receiver(party) else Duty.ACCEPTING

    def serial(self) -> int:
        self._serial += 1
        return self._serial

    def order_of(self, ref: EntryRef | None) -> OrderView:
        """Return the order that the entry ``ref`` is about."""
        return next(order for order in self.record.orders.values() if ref in order.effective or ref in order.void)

    def unit(self, ref: EntryRef | None, line: int) -> str:
        return next((known.unit for known in self.order_of(ref).lines if known.line == line), "EA")

    def quantity(self, ref: EntryRef | None, line: int, text: str) -> int:
        return Quantity.parse(text, self.unit(ref, line)).scaled

    def money(self, ref: EntryRef | None, text: str) -> int:
        return Money.parse(text, self.order_of(ref).currency or "INR").minor

    # ---- expecting

    def _expect(self, told: str) -> None:
        words = _words(told)
        if told == "no findings":
            assert self.findings == (), "there are findings"
        elif words[0] == "finding":
            assert words[1] in self.codes(words[2]), f"found {self.codes(words[2])}"
            facts = next(f.facts for f in self.findings if f.code == words[1] and f.entry == self.names[words[2]])
            for fact in words[3:]:
                key, _, value = fact.partition("=")
                assert str(dict(facts)[key]) == value, f"{key} is {dict(facts)[key]}"
        elif words[0] == "no" and words[1] == "finding":
            assert words[2] not in self.codes(words[3])
        elif ":" in words[0]:
            balance = dict(self.record.ledger.balance(words[0])).get(words[2], 0)
            assert Money(balance, words[2]).text() == words[1], f"it is {Money(balance, words[2]).text()}"
        elif words[1] == "line":
            line = next(line for line in self.order(words[0]).lines if line.line == int(words[2]))
            for fact in words[3:]:
                key, _, value = fact.partition("=")
                assert str(getattr(line, key)) == value, f"{key} is {getattr(line, key)}"
        else:
            assert self.order(words[0]).state == " ".join(words[1:]), f"it is {self.order(words[0]).state}"


def _words(text: str) -> list[str]:
    return [quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|(\S+)', text)]


def _reason(word: str) -> Reason:
    return Reason[word.upper().replace("-", "_")]


# ---- one maker per verb: (story, what was said, the officer's number) -> body


def _request(story: Story, said: _Said, who: int) -> Body:
    provider = CODES.index(said.after("of"))
    lines = []
    for number, category, quantity, unit, item, *more in said.items:
        tolerance = int(more[0].removeprefix("±")) if more and more[0].startswith("±") else 0
        nsn = more[-1] if more and not more[-1].startswith("±") else ""
        scaled = Quantity.parse(quantity, unit).scaled
        lines.append(RequestLine(int(number), category, item, nsn, unit, scaled, tolerance, Means.REIMBURSEMENT))
    need_from = parse_day(said.after("from", said.date))
    need_to = parse_day(said.after("to", said.date)) if "to" in said.words else need_from
    return Request(
        who, 2026, int(said.after("number", str(story.serial()))), provider, said.after("situation", "a"), need_from,
        need_to, _PLACES[CODES[provider]][0], said.after("for", "JS Example"), tuple(lines),
    )  # fmt: skip


def _decline(_story: Story, _said: _Said, who: int) -> Body:
    return Decline(who, Reason.NOT_STATED)


def _offer(story: Story, said: _Said, who: int) -> Body:
    lines = tuple(
        OfferLine(int(number), story.quantity(said.on, int(number), quantity), parse_price(price))
        for number, quantity, _at, price in said.items
    )
    listed = story.names[said.after("list")] if "list" in said.words else None
    basis = PriceBasis.PRICE_LIST if listed else PriceBasis.OWN_FORCES
    until = parse_day(said.after("until"))
    return Offer(who, said.bare(), until, "Naval base", basis, listed, lines)


def _withdraw(_story: Story, _said: _Said, who: int) -> Body:
    return Withdrawal(who, Reason.NO_LONGER_NEEDED)


def _order(story: Story, said: _Said, who: int) -> Body:
    certifier = int(said.after("certifier", str(OFFICERS[Duty.FUNDS_CERTIFIER])))
    return Order(who, certifier, story.money(said.on, said.after("limit")), "Paying office")


def _accept(_story: Story, _said: _Said, who: int) -> Body:
    return Acceptance(who, "Treasury account")


def _amend(story: Story, said: _Said, who: int) -> Body:
    order = story.order_of(said.on)
    lines = tuple(
        AmendmentLine(int(number), story.quantity(said.on, int(number), quantity), parse_price(price))
        for number, quantity, _at, price in said.items
    )
    base = int(said.after("base", str(order.version)))
    limit = story.money(said.on, said.after("limit")) if "limit" in said.words else order.max_liability
    return Amendment(who, base, limit, lines)


def _cancel(_story: Story, _said: _Said, who: int) -> Body:
    return Cancellation(who, Reason.NO_LONGER_NEEDED)


def _deliver(story: Story, said: _Said, who: int) -> Body:
    place, offset = _PLACES[CODES[said.party]]
    lines = []
    for number, quantity, *more in said.items:
        fuel = None
        if more:  # from 286500 L at 31.0 C density 845.0
            litres, degrees, density = more[1], more[4], more[7]
            tenths = round(float(degrees) * 10), round(float(density) * 10)
            fuel = FuelMeasure(int(litres), tenths[0], tenths[1], vcf_e5(tenths[1], tenths[0]))
        lines.append(DeliveryLine(int(number), story.quantity(said.on, int(number), quantity), fuel))
    return Delivery(who, parse_day(said.after("dated", said.date)), offset, place, tuple(lines))


def _receive(story: Story, said: _Said, who: int) -> Body:
    delivery = story.entry_at(said.on).body
    assert isinstance(delivery, Delivery)
    told = {int(item[0]): item for item in said.items}
    lines = []
    for line in delivery.lines:
        item = told.pop(line.line, [])
        accepted = story.quantity(said.on, line.line, item[1]) if item else line.quantity
        refused = story.quantity(said.on, line.line, item[3]) if len(item) > 3 else 0
        reason = _reason(item[4]) if len(item) > 4 else Reason.NOT_STATED
        lines.append(ReceiptLine(line.line, accepted, refused, reason))
    assert not told, f"not delivered: {told}"
    return Receipt(who, parse_day(said.after("dated", said.date)), delivery.offset, tuple(lines))


def _report(story: Story, said: _Said, who: int) -> Body:
    ((number, quantity, reason),) = said.items
    return Discrepancy(who, int(number), story.quantity(said.on, int(number), quantity), _reason(reason))


def _resolve(story: Story, said: _Said, who: int) -> Body:
    ((number, outcome, *amount),) = said.items
    return Resolution(
        who, int(number), Outcome[outcome.upper().replace("-", "_")], story.money(said.on, amount[0]) if amount else 0
    )


def _invoice(story: Story, said: _Said, who: int) -> Body:
    order = story.order_of(said.on)
    if said.items:
        lines = tuple(AmountLine(int(number), story.money(said.on, amount)) for number, amount in said.items)
    else:
        lines = tuple(AmountLine(line.line, line.unbilled) for line in order.lines if line.unbilled)
    names = [word for word in said.words[said.words.index("for") + 1 :] if word in story.names]
    total = story.money(said.on, said.after("total")) if "total" in said.words else sum(line.amount for line in lines)
    return Invoice(
        who, said.after("number", f"INV-{story.serial()}"), parse_day(said.after("dated", said.date)),
        tuple(story.names[name] for name in names), lines, total,
    )  # fmt: skip


def _accept_invoice(_story: Story, _said: _Said, who: int) -> Body:
    return InvoiceAccepted(who)


def _amounts(story: Story, said: _Said) -> tuple[AmountLine, ...]:
    return tuple(AmountLine(int(number), story.money(said.on, amount)) for number, amount in said.items)


def _dispute(story: Story, said: _Said, who: int) -> Body:
    return InvoiceDisputed(who, Reason.PRICE, _amounts(story, said))


def _advise(story: Story, said: _Said, who: int) -> Body:
    return PaymentAdvice(who, story.money(said.on, said.bare()), said.day, "wire")


def _funds(story: Story, said: _Said, who: int) -> Body:
    charges = story.money(said.on, said.after("charges", "0"))
    return FundsReceived(who, story.money(said.on, said.bare()), charges, said.day, "wire")


def _credit(story: Story, said: _Said, who: int) -> Body:
    return CreditNote(who, said.after("number", f"CRN-{story.serial()}"), _amounts(story, said))


def _close(_story: Story, _said: _Said, who: int) -> Body:
    return Close(who)


def _correct(story: Story, said: _Said, who: int) -> Body:
    """``correct C1 on D1: 1 90`` says D1 again as its own verb would; without items it takes D1 back."""
    if not said.items:
        return Correction(who, b"")
    target = story.entry_at(said.on)
    again = _Said(said.date, said.party, said.words, said.items, target.obj)
    body = _maker(target.body)(story, again, target.body.who)
    return Correction(who, encode_trusted(to_array(body)))


def _countersign(_story: Story, _said: _Said, who: int) -> Body:
    return Countersign(who)


def _note(_story: Story, _said: _Said, who: int) -> Body:
    return Note(who)


_Make = Callable[[Story, _Said, int], Body]
_VERBS: Mapping[str, tuple[Duty, _Make]] = {
    "request": (Duty.REQUESTER, _request),
    "decline": (Duty.ACCEPTING, _decline),
    "offer": (Duty.ACCEPTING, _offer),
    "withdraw": (Duty.ORDERING, _withdraw),
    "order": (Duty.ORDERING, _order),
    "accept": (Duty.ACCEPTING, _accept),
    "amend": (Duty.ORDERING, _amend),
    "cancel": (Duty.ORDERING, _cancel),
    "deliver": (Duty.ISSUING, _deliver),
    "receive": (Duty.RECEIVING, _receive),
    "report": (Duty.RECEIVING, _report),
    "resolve": (Duty.ORDERING, _resolve),
    "invoice": (Duty.BILLING, _invoice),
    "accept-invoice": (Duty.PAYING, _accept_invoice),
    "dispute": (Duty.PAYING, _dispute),
    "advise": (Duty.PAYING, _advise),
    "funds": (Duty.BILLING, _funds),
    "credit": (Duty.BILLING, _credit),
    "close": (Duty.COORDINATOR, _close),
    "correct": (Duty.BILLING, _correct),
    "countersign": (Duty.ORDERING, _countersign),
    "note": (Duty.COORDINATOR, _note),
}
_MAKERS: Mapping[type, _Make] = {
    Offer: _offer,
    Order: _order,
    Acceptance: _accept,
    Amendment: _amend,
    Delivery: _deliver,
    Receipt: _receive,
    Invoice: _invoice,
    PaymentAdvice: _advise,
    FundsReceived: _funds,
    CreditNote: _credit,
    Discrepancy: _report,
}


def _maker(body: object) -> _Make:
    return _MAKERS[type(body)]


# ---- what holds after every document


def check_invariants(record: Record) -> None:
    """I1 balance, I2 mirror, I3 origin, I5 conservation, I6 and I7 (docs/spec/ledger.md), of all orders and books."""
    for order in record.orders.values():
        broken = list(invariants.of_order(order, record.ledger.transactions_of(order.order_id)))
        assert broken == [], f"{order.number}: {broken}"
    broken = list(invariants.of_books(record, CODES))
    assert broken == [], f"{broken}"
