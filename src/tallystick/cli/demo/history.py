"""A year between two invented fleets: 2026-02-17 to the day before JS Natsuzora reaches Visakhapatnam.

Each visit is a small program that says the day of its next act; ``play`` runs them all in order of days. What goes
wrong in real life goes wrong here too: a refusal, a short payment, a dispute, an invoice nobody sent.
"""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tallystick.app import fields, numbers
from tallystick.cli.demo.director import Director, instant
from tallystick.core import canonical, entries, fuel
from tallystick.core.entries import Kind
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OrderView
from tallystick.core.quantity import Money, Quantity, price_text

BEGINS_ON = "2026-02-17"
PRESENT = "2027-02-17"  # the day before S1's ship arrives
OFFSETS = {"IN": 330, "JP": 540}  # minutes east of UTC, of the places
S1_REQUESTED_ON = "2027-01-11"

Program = Iterator[str]  # yields the ISO day of its next act


@dataclass(frozen=True)
class Item:
    """Something a base gives, with its price there."""

    category: str
    item: str
    unit: str
    price: str
    nsn: str = ""
    tolerance: int = 0  # permille


OFFERED_BY: dict[str, dict[str, Item]] = {
    "IN": {
        "fuel": Item("POLF", "High-flash diesel, F-76 equal", "L15", "82.40", tolerance=30),
        "water": Item("WATR", "Potable water", "TNE", "185.00"),
        "pilot": Item("PORT", "Pilot and tugs", "MOV", "148500.00"),
        "power": Item("BASE", "Shore power", "KWH", "9.85"),
        "waste": Item("BASE", "Garbage and oily waste", "MTQ", "4250.00"),
        "food": Item("FOOD", "Fresh provisions", "KGM", "96.50"),
        "repair": Item("REPM", "Workshop hours, ship repair yard", "HUR", "3950.00"),
    },
    "JP": {
        "fuel": Item("POLF", "Ship diesel, F-76 class", "L15", "118.40", tolerance=30),
        "water": Item("WATR", "Fresh water", "MTQ", "412"),
        "pilot": Item("PORT", "Harbour tug", "HUR", "96000"),
        "power": Item("BASE", "Shore power", "KWH", "27.35"),
        "waste": Item("BASE", "Garbage and oily waste", "MTQ", "7600"),
        "food": Item("FOOD", "Meals ashore", "MEA", "565"),
        "repair": Item("REPM", "Workshop hours, ship repair", "HUR", "6840"),
    },
}


@dataclass(frozen=True)
class Visit:
    """A port call: who asks, where, when, what in which quantity, and what goes wrong."""

    receiver: str
    unit: str
    place: str
    call: str
    goods: tuple[tuple[str, str], ...]
    quirk: str = ""
    situation: str = "d"
    ahead: tuple[int, int, int, int] = (38, 29, 21, 20)  # days before the call: request, offer, order, acceptance

    @property
    def provider(self) -> str:
        return "IN" if self.receiver == "JP" else "JP"

    def items(self) -> list[Item]:
        return [OFFERED_BY[self.provider][name] for name, _ in self.goods]


S1 = Visit(
    "JP", "JS Natsuzora", "INVTZ", "2027-02-18",
    (("fuel", "280000"), ("water", "320"), ("pilot", "2"), ("power", "62400"), ("waste", "18"), ("food", "1850")),
    situation="a", ahead=(38, 29, 21, 20),
)  # fmt: skip

VISITS: tuple[Visit, ...] = (
    Visit("JP", "JS Tsukikaze", "INBOM", "2026-02-24", (("water", "180"), ("food", "950")), ahead=(6, 5, 4, 3)),
    Visit("IN", "INS Vardhini", "JPSSB", "2026-03-03", (("fuel", "96000"), ("food", "260")), ahead=(10, 8, 6, 5)),
    Visit("JP", "JS Akebono Maru", "INCOK", "2026-03-17", (("water", "240"), ("power", "31000")), ahead=(20, 16, 12, 11)),
    Visit("IN", "INS Tarangini Jyoti", "JPYOS", "2026-03-26", (("power", "22400"), ("food", "310")), "short"),
    Visit("JP", "JS Natsuzora", "INIXZ", "2026-04-02", (("water", "150"), ("food", "600")), "decline"),
    Visit("IN", "INS Vardhini", "JPKRE", "2026-05-13", (("pilot", "3"), ("water", "210"), ("power", "18900"))),
    Visit("JP", "JS Tsukikaze", "INVTZ", "2026-05-26", (("fuel", "142000"), ("pilot", "2"), ("food", "1200")), "refuse"),
    Visit("IN", "INS Sagar Prabha", "JPSSB", "2026-06-09", (("fuel", "150000"), ("water", "190"), ("food", "420"))),
    Visit("IN", "INS Sagar Prabha", "JPMAI", "2026-06-16", (("power", "9400"),), "withdraw"),
    Visit("JP", "JS Minatsuki", "INBOM", "2026-06-30", (("fuel", "210500"), ("waste", "12"), ("food", "1480")), "amend"),
    Visit("IN", "INS Tarangini Jyoti", "JPYOS", "2026-07-14", (("repair", "46"), ("power", "14800")), "dispute"),
    Visit("IN", "INS Vardhini", "JPSSB", "2026-08-11", (("water", "260"), ("food", "420"), ("waste", "9")), "correct"),
    Visit("JP", "JS Natsuzora", "INCOK", "2026-08-25", (("water", "205"), ("pilot", "2"), ("power", "44800")), "credit"),
    Visit("IN", "INS Sagar Prabha", "JPKRE", "2026-09-08", (("pilot", "2"), ("food", "180")), "expire"),
    Visit("IN", "INS Meghdoot", "JPSSB", "2026-09-24", (("fuel", "121000"), ("water", "170")), "late-invoice"),
    Visit("JP", "JS Tsukikaze", "INVTZ", "2026-10-13", (("fuel", "188000"), ("food", "1650"), ("waste", "15")), "overdue"),
    Visit("IN", "INS Vardhini", "JPYOS", "2026-10-27", (("water", "240"), ("power", "27100"), ("food", "380"))),
    Visit("JP", "JS Minatsuki", "INIXZ", "2026-11-10", (("water", "130"), ("food", "720")), "cancel"),
    Visit("IN", "INS Tarangini Jyoti", "JPMAI", "2026-11-24", (("fuel", "88000"), ("pilot", "2"))),
    Visit("JP", "JS Akebono Maru", "INBOM", "2026-12-08", (("water", "310"), ("power", "52600"), ("waste", "21"))),
    Visit("IN", "INS Meghdoot", "JPSSB", "2026-12-22", (("food", "420"), ("water", "160")), "unreceipted"),
    Visit("IN", "INS Sagar Prabha", "JPYOS", "2027-01-12", (("fuel", "104000"), ("power", "16500"))),
    Visit("IN", "INS Vardhini", "JPSSB", "2027-02-09", (("water", "220"), ("food", "400"), ("repair", "18"))),
    Visit("IN", "INS Meghdoot", "JPKRE", "2027-03-09", (("fuel", "132000"), ("water", "180"), ("food", "360"))),
    S1,
    Visit("IN", "INS Tarangini Jyoti", "JPSSB", "2027-03-23", (("pilot", "3"), ("power", "20800"))),
)  # fmt: skip


def play(director: Director, visits: tuple[Visit, ...], until: str, progress: Callable[[str], None]) -> None:
    """Run every visit's acts up to and including the day ``until``, in order of days."""
    queue: list[tuple[str, int, Program]] = []
    for number, visit in enumerate(visits):
        program = _program(director, visit)
        heapq.heappush(queue, (next(program), number, program))
    while queue:
        day, number, program = heapq.heappop(queue)
        if day > until:
            continue
        if instant(day) > director.clock.instant:
            director.on(day)
            progress(day)
        try:
            heapq.heappush(queue, (max(day, next(program)), number, program))
        except StopIteration:
            continue
    director.exchange()


def _shift(day: str, days: int) -> str:
    return (dt.date.fromisoformat(day) + dt.timedelta(days=days)).isoformat()


def price_lists(director: Director) -> None:
    """Each side publishes what its bases charge for the year."""
    for party, number, currency in (("IN", "ENC/2026", "INR"), ("JP", "SDF/2026", "JPY")):
        director.act(
            party, Kind.PRICE_LIST, number=number, currency=currency, valid_from=BEGINS_ON, valid_to="2027-03-31",
            basis="own-forces",
            lines=[
                {"category": i.category, "item": i.item, "nsn": i.nsn, "unit": i.unit, "price_micro": i.price, "companions": []}
                for i in OFFERED_BY[party].values()
            ],
        )  # fmt: skip


def _program(d: Director, v: Visit) -> Program:
    """The life of one visit; each ``yield`` gives the day of what follows it."""
    provider, receiver = v.provider, v.receiver
    yield _shift(v.call, -v.ahead[0])
    request = d.request(
        receiver, unit=v.unit, place=v.place, need=(v.call, _shift(v.call, 3)), situation=v.situation,
        remark="Joint naval exercise, port call for replenishment." if v is S1 else "",
        lines=[
            {"category": i.category, "item": i.item, "nsn": i.nsn, "unit": i.unit, "quantity": quantity,
             "tolerance_permille": i.tolerance}
            for i, (_, quantity) in zip(v.items(), v.goods, strict=True)
        ],
    )  # fmt: skip
    yield _shift(v.call, -v.ahead[1])
    if v.quirk == "decline":
        d.act(provider, Kind.DECLINE, request, reason="not-available", remark="Berths are taken by a fleet review.")
        return
    if v.quirk == "withdraw":
        d.act(
            receiver, Kind.WITHDRAWAL, request, reason="no-longer-needed", remark="The call was moved to another port."
        )
        return
    base = "Naval Base Visakhapatnam" if v.place == "INVTZ" else f"Base at {v.place}"
    offer = d.offer(
        request,
        provider,
        prices=[i.price for i in v.items()],
        unit=base,
        valid_until=_shift(v.call, 1 - v.ahead[1] + 30),
    )
    if v.quirk == "expire":
        return
    yield _shift(v.call, -v.ahead[2])
    order = d.order(offer, receiver, bill_to="Fleet accounts, Yokosuka" if receiver == "JP" else "PCDA (Navy), Mumbai")
    yield _shift(v.call, -v.ahead[3])
    accepted = d.act(
        provider, Kind.ACCEPTANCE, order, pay_to="PCDA (Navy), Mumbai" if provider == "IN" else "Bank of Japan"
    )
    if v.quirk == "cancel":
        yield _shift(v.call, -6)
        cancel = d.act(receiver, Kind.CANCELLATION, accepted, reason="no-longer-needed", remark="Exercise postponed.")
        yield _shift(v.call, -5)
        d.act(provider, Kind.COUNTERSIGN, cancel)
        return
    if v.quirk == "amend":
        yield _shift(v.call, -9)
        amendment = d.act(receiver, Kind.AMENDMENT, accepted, base=1, **_more(d, receiver, accepted, percent=10))
        yield _shift(v.call, -8)
        d.act(provider, Kind.COUNTERSIGN, amendment, remark="Stores are sufficient.")
    yield v.call
    delivery = d.act(provider, Kind.DELIVERY, accepted, **_all_of(d, provider, accepted, v))
    if v.quirk == "unreceipted":
        return
    if v.quirk == "correct":
        receipt = d.act(receiver, Kind.RECEIPT, delivery, **_received(d, receiver, delivery, v, short_first=20_000))
        yield _shift(v.call, 1)
        right = _received(d, receiver, delivery, v)
        d.act(receiver, Kind.CORRECTION, receipt, replacement=_replacement(d, receiver, receipt, right))
    elif v.quirk == "refuse":
        receipt = d.act(
            receiver, Kind.RECEIPT, delivery, remark="Three crates of leafy vegetables wilted.",
            **_received(d, receiver, delivery, v, refuse_last=45_000),
        )  # fmt: skip
        yield _shift(v.call, 5)
        resolution = d.act(provider, Kind.RESOLUTION, receipt, line=len(v.goods), outcome="no-charge", amount="0")
        yield _shift(v.call, 6)
        d.act(receiver, Kind.COUNTERSIGN, resolution)
    else:
        receipt = d.act(receiver, Kind.RECEIPT, delivery, **_received(d, receiver, delivery, v))
    if v.quirk == "late-invoice":
        return
    yield _shift(v.call, 22)
    invoice = d.act(provider, Kind.INVOICE, accepted, **_invoice(d, provider, accepted, _shift(v.call, 22), [receipt]))
    if v.quirk == "overdue":
        yield _shift(v.call, 30)
        d.act(receiver, Kind.INVOICE_ACCEPTED, invoice)
        return
    if v.quirk == "dispute":
        yield _shift(v.call, 31)
        view = d.desk(receiver).record.orders[request]
        d.act(
            receiver, Kind.INVOICE_DISPUTED, invoice, reason="price", remark="Hours on the job card: 41, not 46.",
            lines=[{"line": 1, "amount": Money(view.lines[0].accrued * 5 // 46, view.currency or "").text()}],
        )  # fmt: skip
        return
    yield _shift(v.call, 30)
    d.act(receiver, Kind.INVOICE_ACCEPTED, invoice)
    if v.quirk == "credit":
        yield _shift(v.call, 34)
        credit = Money(_line(d, provider, request, 1).accrued // 40, OFFERED_CURRENCY[provider]).text()
        number = numbers.credit_note_number(_view(d, provider, request).invoices[0].number, 0)
        d.act(
            provider, Kind.CREDIT_NOTE, invoice, number=number, lines=[{"line": 1, "amount": credit}],
            remark="Meter reading corrected after calibration.",
        )  # fmt: skip
    yield _shift(v.call, 50)
    due = _open(d, receiver, request)
    d.act(receiver, Kind.PAYMENT_ADVICE, invoice, amount=due, value_on=_shift(v.call, 50), reference=f"EFT {v.call}")
    yield _shift(v.call, 52)
    owed = Money.parse(due, OFFERED_CURRENCY[provider])
    charge = owed.minor // 800 if v.quirk == "short" else 0
    _funds(d, provider, invoice, owed.minor - charge, charge, _shift(v.call, 52))
    if charge:
        yield _shift(v.call, 60)
        d.act(receiver, Kind.PAYMENT_ADVICE, invoice, amount=Money(charge, owed.currency).text(), value_on=_shift(v.call, 60), reference="bank charge")  # fmt: skip
        yield _shift(v.call, 63)
        _funds(d, provider, invoice, charge, 0, _shift(v.call, 63))
    yield _shift(v.call, 70)
    d.act(provider, Kind.CLOSE, accepted)
    yield _shift(v.call, 72)
    d.act(receiver, Kind.CLOSE, accepted)


OFFERED_CURRENCY = {"IN": "INR", "JP": "JPY"}


def _view(d: Director, party: str, ref: EntryRef) -> OrderView:
    return d.order_at(party, ref)


def _line(d: Director, party: str, ref: EntryRef, line: int) -> Any:
    return next(x for x in _view(d, party, ref).lines if x.line == line)


def _year(d: Director, party: str) -> int:
    return numbers.fiscal_year(d.desk(party), d.clock.now() // 86_400)


def _open(d: Director, party: str, ref: EntryRef) -> str:
    view = _view(d, party, ref)
    return Money(view.open_amount, view.currency or "").text()


def _all_of(d: Director, provider: str, accepted: EntryRef, v: Visit) -> dict[str, Any]:
    """Everything ordered, fuel as the meters would have it."""
    lines = []
    for line in _view(d, provider, accepted).lines:
        measure = None
        quantity = line.ordered
        if line.unit == "L15":
            observed, temperature, density = round_up(line.ordered), 285 if provider == "IN" else 180, 8450
            vcf = fuel.vcf_e5(density, temperature)
            measure = {
                "observed_litres": observed, "temperature_decidegrees": temperature, "density15_decikg": density,
                "vcf_e5": vcf,
            }  # fmt: skip
            quantity = fuel.volume15(observed, vcf)
        lines.append({"line": line.line, "quantity": Quantity(quantity, line.unit).text(), "fuel": measure})
    return {"occurred_on": v.call, "offset": OFFSETS[provider], "place": v.place, "lines": lines}


def round_up(litres: int) -> int:
    """The observed volume a warm tank shows for an ordered volume at 15 °C: about one per cent more."""
    return litres * 101 // 100


def _received(
    d: Director, receiver: str, delivery: EntryRef, v: Visit, *, refuse_last: int = 0, short_first: int = 0
) -> dict[str, Any]:
    """The receipt of a delivery: all of it, but for what is refused of the last line."""
    view = _view(d, receiver, delivery)
    units = {line.line: line.unit for line in view.lines}
    given = next(x for x in view.deliveries if x.ref == delivery).lines
    lines = []
    for position, line in enumerate(given):
        refused = refuse_last if position == len(given) - 1 else short_first if position == 0 else 0
        unit = units[line.line]
        lines.append(
            {
                "line": line.line,
                "accepted": Quantity(line.quantity - refused, unit).text(),
                "refused": Quantity(refused, unit).text(),
                "reason": "spoiled" if refused else "not-stated",
            }
        )
    return {"occurred_on": v.call, "offset": OFFSETS[v.provider], "lines": lines}


def _invoice(d: Director, provider: str, accepted: EntryRef, on: str, receipts: list[EntryRef]) -> dict[str, Any]:
    view = _view(d, provider, accepted)
    currency = view.currency or ""
    lines = [{"line": x.line, "amount": Money(x.unbilled, currency).text()} for x in view.lines if x.unbilled]
    return {
        "number": numbers.next_invoice_number(d.desk(provider), _year(d, provider)),
        "issued_on": on,
        "receipts": receipts,
        "lines": lines,
        "total": Money(sum(x.unbilled for x in view.lines), currency).text(),
    }


def _funds(d: Director, provider: str, invoice: EntryRef, amount: int, charges: int, on: str) -> None:
    currency = OFFERED_CURRENCY[provider]
    d.act(
        provider, Kind.FUNDS_RECEIVED, invoice, amount=Money(amount, currency).text(),
        charges=Money(charges, currency).text(), value_on=on, reference="credited",
    )  # fmt: skip


def _more(d: Director, receiver: str, accepted: EntryRef, *, percent: int) -> dict[str, Any]:
    """The order's lines with the last one larger, and the limit of liability to match."""
    view = _view(d, receiver, accepted)
    lines = []
    for position, line in enumerate(view.lines):
        more = line.ordered * (100 + percent) // 100 if position == len(view.lines) - 1 else line.ordered
        assert line.price_micro is not None
        lines.append(
            {
                "line": line.line,
                "quantity": Quantity(more, line.unit).text(),
                "price_micro": price_text(line.price_micro),
            }
        )
    return {"max_liability": Money(view.max_liability * 12 // 10, view.currency or "").text(), "lines": lines}


def _replacement(d: Director, receiver: str, receipt: EntryRef, said: dict[str, Any]) -> bytes:
    desk = d.desk(receiver)
    view = _view(d, receiver, receipt)
    body = desk.space.entry(receipt).body
    assert isinstance(body, entries.Receipt)
    context = fields.Context(view.currency, {line.line: line.unit for line in view.lines})
    return canonical.encode(entries.to_array(fields.from_json(Kind.RECEIPT, said, who=body.who, context=context)))
