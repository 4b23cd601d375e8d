"""A corpus of order lives, the same for the same seed: what two parties say to each other in two years.

Decides what is said: about 13.7 orders a day between Japan and India, seven writers, eighty officers, sixty places and
six hundred items asked for by Zipf's law, one to four lines an order; some deliveries in parts, some receipts short,
some orders declined, withdrawn or cancelled, a remark on every seventh act. Leaves to ``drive`` when each act can be
said, because that depends on when the partner's last act has arrived.

Item names are those of everyday stores, the same for every seed; stock numbers, prices, popularity, places' and
units' share of the work differ by seed, so that a dictionary trained on one seed knows the language of another and not
its facts.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from tallystick.core import entries as e
from tallystick.core import fuel
from tallystick.core.agreement import JAPAN_INDIA
from tallystick.core.calendar import fiscal_year, parse_day
from tallystick.core.entries import Duty, Means, Reason
from tallystick.core.identity import EntryRef
from tallystick.core.quantity import UNITS, line_amount

MINUTE, HOUR, DAY = 60, 3_600, 86_400
LIVES = 10_000
SPAN = 730 * DAY  # seconds over which LIVES begin
BEGIN = parse_day("2026-04-01") * DAY
JP, IN = 0, 1
CURRENCY = ("JPY", "INR")
WRITERS = (("Fleet HQ", "Supply ship", "Base west"), ("Naval HQ", "Base east", "Base south", "Frigate squadron"))
OFFSETS = (9 * 60, 5 * 60 + 30)  # minutes east of UTC
DUTIES = (
    Duty.REQUESTER, Duty.FUNDS_CERTIFIER, Duty.ORDERING, Duty.ACCEPTING, Duty.ISSUING, Duty.RECEIVING, Duty.BILLING,
    Duty.PAYING,
)  # fmt: skip
OFFICERS_PER_DUTY = 4  # and as many coordinators: 36 a party, with the writers about forty grants

_THINGS = (
    "FILTER ELEMENT", "GASKET", "SEAL", "BEARING", "VALVE", "HOSE ASSEMBLY", "PUMP", "BELT", "FUSE", "RELAY",
    "CABLE ASSEMBLY", "LAMP", "SWITCH", "CONNECTOR", "COUPLING", "BOLT", "NUT", "WASHER", "CLAMP", "THERMOMETER",
    "GAUGE", "PACKING", "PIPE", "TUBE", "BATTERY", "CHARGER", "ANTENNA", "MOTOR", "IMPELLER", "STRAINER",
)  # fmt: skip
_KINDS = ("FLUID", "SHIPBOARD", "ELECTRICAL", "DIESEL ENGINE", "HYDRAULIC", "AIR", "FUEL", "MARINE", "WATER", "PLAIN")
_FOODS = (
    "RICE", "WHEAT FLOUR", "POTATOES", "ONIONS", "TOMATOES", "EGGS", "CHICKEN", "FISH", "MILK", "CURD", "LENTILS",
    "TEA", "SUGAR", "COOKING OIL", "BREAD", "CABBAGE", "APPLES", "ORANGES", "SALT", "BEEF",
)  # fmt: skip
_FOOD_KINDS = ("FRESH", "FROZEN", "DRY", "CANNED")
_OTHERS = (
    ("WATR", "WATER, POTABLE", "MTQ", 0), ("PORT", "TUG SERVICE", "HUR", 0), ("PORT", "PILOTAGE", "MOV", 0),
    ("PORT", "BERTH", "DAY", 0), ("BILL", "ACCOMMODATION", "PNT", 0), ("FOOD", "MEALS, SHORE", "MEA", 0),
    ("REPM", "WORKSHOP LABOUR", "HUR", 0), ("CLOT", "COVERALLS", "EA", 84), ("CLOT", "GLOVES, WORK", "PR", 84),
    ("MEDS", "MEDICAL SUPPLY SET", "SET", 65), ("POLF", "LUBRICATING OIL, ENGINE", "LTR", 91),
    ("POLF", "HYDRAULIC FLUID", "LTR", 91),
)  # fmt: skip
_FUELS = (("FUEL, NAVAL, DISTILLATE F-76", 8420), ("TURBINE FUEL, AVIATION JP-5", 8050), ("DIESEL, MARINE", 8510))
_SHIPS = (
    "Akiyama",
    "Fuyuzora",
    "Natsumi",
    "Haruiso",
    "Minazuki Maru",
    "Trishakti",
    "Samudra",
    "Vayu",
    "Dhruva",
    "Kiran",
)
_REMARKS = (
    "Deliver alongside before {n}00 hours, gangway on the port side.", "Two pallets, forklift needed at the pier.",
    "Keep frozen below -18 degrees until handed over.", "Call the duty officer on channel {n} before arrival.",
    "Part of exercise planning serial {n}.", "Sampled before and after transfer, both samples kept.",
    "Hose connection NATO standard; {n} m length.", "Replaces the earlier request by message.",
    "Packaging to be returned with the next call.", "Weather stop for {n} hours during transfer.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    category: str
    name: str
    nsn: str
    unit: str
    prices: tuple[int, int]  # millionths of JPY, of INR
    density: int  # tenths of kg/m³ at 15 °C; 0: not a fuel


Say = Callable[[Mapping[int, EntryRef], int], e.Body]
"""(names of this life's earlier acts, time of this act) -> what is said."""


@dataclass(frozen=True, slots=True)
class Act:
    """One act of a life. It is said ``wait`` seconds after its writer holds act ``after``, on act ``on``."""

    number: int
    party: int
    after: int | None
    on: int | None
    wait: int
    say: Say
    remark: str | None


@dataclass(frozen=True, slots=True)
class Life:
    number: int
    begins_at: int
    writers: tuple[int, int]  # which writer of each party keeps it
    acts: tuple[Act, ...]


class Corpus:
    """All lives of one seed. ``lives`` of fewer than LIVES keep the same rate over a shorter time."""

    def __init__(self, seed: int = 1, lives: int = LIVES) -> None:
        self.lives_count = lives
        self.seed = seed
        dice = random.Random(f"tallystick corpus {seed}")
        self.items = _items(dice)
        self._popularity = list(accumulate(1 / rank for rank in range(1, len(self.items) + 1)))
        self.places = ([f"JP{_letters(dice, 3)}" for _ in range(30)], [f"IN{_letters(dice, 3)}" for _ in range(30)])
        self.units = (
            [f"JS {name}" for name in _SHIPS[:5]] + ["Supply depot west", "Air station north", "Base supply office"],
            [f"INS {name}" for name in _SHIPS[5:]] + ["Material organisation", "Victualling yard", "Base fuel depot"],
        )

    def __iter__(self) -> Iterator[Life]:
        serials: dict[tuple[int, int], int] = {}
        invoices = [0, 0]
        for number in range(self.lives_count):
            yield _Plot(self, number, serials, invoices).life()

    def pick_item(self, dice: random.Random) -> Item:
        return self.items[bisect(self._popularity, dice.random() * self._popularity[-1])]


def officer(duty: Duty, which: int, party: int) -> int:
    """Return ``who`` for an officer: the leaf index of the grant, as ``drive`` hands them out."""
    column = DUTIES.index(duty) if duty in DUTIES else len(DUTIES)
    return 1 + len(WRITERS[party]) + column * OFFICERS_PER_DUTY + which


def grants(party: int, keys: list[bytes]) -> list[e.Grant]:
    """Return the grants of a party in leaf order, from leaf 1 of its admin log on: writers, then officers."""
    writers = [
        e.Grant(name, key, "", (), "", None, None, None, None) for name, key in zip(WRITERS[party], keys, strict=True)
    ]
    officers = [
        e.Grant(f"{duty.name.replace('_', ' ').title()} {which + 1}", None, "", (duty,), "", None, None, None, None)
        for duty in (*DUTIES, Duty.COORDINATOR)
        for which in range(OFFICERS_PER_DUTY)
    ]
    return writers + officers


def _letters(dice: random.Random, count: int) -> str:
    return "".join(dice.choice("ABCDEFGHIKLMNOPRSTUVY") for _ in range(count))


def _items(dice: random.Random) -> list[Item]:
    rows = [
        ("SPAR", f"{thing}, {kind}", "EA", dice.choice((28, 29, 43, 47, 48, 59, 61)))
        for thing in _THINGS
        for kind in _KINDS
    ]
    rows += [("SPAR", f"{thing}, SET, {kind}", "SET", 20) for thing in _THINGS[:21] for kind in _KINDS]
    rows += [("FOOD", f"{food}, {kind}", "KGM", 89) for food in _FOODS for kind in _FOOD_KINDS[:4]]
    rows = rows[: 600 - len(_OTHERS) - len(_FUELS)]
    rows += list(_OTHERS) + [("POLF", name, "L15", 91) for name, _ in _FUELS]
    dice.shuffle(rows)
    densities = dict(_FUELS)
    items = []
    for category, name, unit, group in rows:
        nsn = (
            f"{group}{dice.randrange(10, 60)}{dice.choice(('01', '30', '72'))}{dice.randrange(10**7):07d}"
            if group
            else ""
        )
        yen = round(10 ** dice.uniform(2, 4.3)) * 10_000  # hundredths of a yen are quoted
        if unit == "L15":
            yen = dice.randrange(9_500, 14_000) * 10_000
        items.append(Item(category, name, nsn, unit, (yen, yen * 58 // 100 // 10_000 * 10_000), densities.get(name, 0)))
    return items


class _Plot:
    """Makes up one life."""

    def __init__(self, corpus: Corpus, number: int, serials: dict[tuple[int, int], int], invoices: list[int]) -> None:
        self.corpus = corpus
        self.number = number
        self.serials = serials
        self.invoices = invoices
        self.dice = dice = random.Random(f"tallystick life {corpus.seed} {number}")
        self.receiver = JP if dice.random() < 0.5 else IN
        self.provider = IN if self.receiver == JP else JP
        self.writers = (dice.randrange(len(WRITERS[JP])), dice.randrange(len(WRITERS[IN])))
        self.which = {duty: dice.randrange(OFFICERS_PER_DUTY) for duty in Duty}
        self.acts: list[Act] = []
        spread = SPAN * corpus.lives_count // LIVES
        self.begins_at = BEGIN + (number * spread // corpus.lives_count + dice.randrange(DAY)) // MINUTE * MINUTE
        self.currency = CURRENCY[self.provider]
        chosen: dict[str, Item] = {}
        for _ in range(dice.choice((1, 1, 2, 2, 3, 4))):
            item = corpus.pick_item(dice)
            chosen.setdefault(item.name, item)
        self.items = tuple(chosen.values())
        self.quantities = [self._quantity(item) for item in self.items]
        self.accepted = [0] * len(self.items)

    # ---- the story

    def life(self) -> Life:
        receiver, provider, dice = self.receiver, self.provider, self.dice
        request = self._request()
        fate = dice.random()
        if fate < 0.02:
            who = self._who(Duty.ACCEPTING, provider)
            self._act(provider, request, request, (1, 4), lambda *_: e.Decline(who, Reason.NOT_AVAILABLE))
            return self._done()
        offer = self._offer(request)
        if fate < 0.03:
            who = self._who(Duty.REQUESTER, receiver)
            self._act(receiver, offer, request, (1, 5), lambda *_: e.Withdrawal(who, Reason.NO_LONGER_NEEDED))
            return self._done()
        order = self._order(offer)
        accepting = self._who(Duty.ACCEPTING, provider)
        payee = ("Bureau of Finance", "Controller of Defence Accounts")[provider]
        pay_to = f"{payee}, account {self.which[Duty.BILLING] + 1}"
        acceptance = self._act(provider, order, order, (0.1, 2), lambda *_: e.Acceptance(accepting, pay_to))
        if fate < 0.05:
            ordering = self._who(Duty.ORDERING, receiver)
            cancel = self._act(
                receiver, acceptance, acceptance, (1, 5), lambda *_: e.Cancellation(ordering, Reason.NO_LONGER_NEEDED)
            )
            done = self._act(provider, cancel, cancel, (0.2, 2), lambda *_: e.Countersign(accepting))
            return self._close(done, acceptance)
        last, receipts = acceptance, []
        short = dice.random() < 0.05
        parts = [self.quantities]
        if dice.random() < 0.10:
            parts = [[q // 2 for q in self.quantities], [q - q // 2 for q in self.quantities]]
        for amounts in parts:
            delivery, delivered = self._delivery(last, acceptance, amounts)
            is_short = short and amounts is parts[-1]
            last = self._receipt(delivery, delivered, short=is_short)
            receipts.append(last)
            if is_short:
                last = self._resolution(last)
        invoice = self._invoice(last, acceptance, receipts)
        total = self._total()
        told, days = invoice, (15.0, 55.0)
        if dice.random() < 0.3:
            paying = self._who(Duty.PAYING, receiver)
            advice = f"PAY{dice.randrange(10**6):06d}"
            told = self._act(
                receiver, invoice, invoice, (5, 40),
                lambda _, t: e.PaymentAdvice(paying, total, t // DAY + 1, advice),
            )  # fmt: skip
            days = (2.0, 10.0)
        billing = self._who(Duty.BILLING, provider)
        reference = f"{dice.randrange(10**8):08d}"
        funds = self._act(
            provider, told, invoice, days, lambda _, t: e.FundsReceived(billing, total, 0, t // DAY, reference)
        )
        return self._close(funds, acceptance)

    def _request(self) -> int:
        dice, corpus, receiver = self.dice, self.corpus, self.receiver
        year = fiscal_year(self.begins_at // DAY, JAPAN_INDIA.fiscal_year_first_month)
        serial = self.serials[receiver, year] = self.serials.get((receiver, year), 0) + 1
        lines = tuple(
            e.RequestLine(n, item.category, item.name, item.nsn, item.unit, quantity, 50, Means.REIMBURSEMENT)
            for n, (item, quantity) in enumerate(zip(self.items, self.quantities, strict=True), 1)
        )
        wanted, stay = dice.randrange(5, 40), dice.randrange(1, 5)
        who, situation = self._who(Duty.REQUESTER, receiver), dice.choice("aaabdddde")
        self.place = dice.choice(corpus.places[self.provider])
        unit = dice.choice(corpus.units[receiver])

        def say(_: Mapping[int, EntryRef], t: int) -> e.Body:
            first = t // DAY + wanted
            return e.Request(who, year, serial, self.provider, situation, first, first + stay, self.place, unit, lines)

        return self._act(receiver, None, None, (0, 0), say)

    def _offer(self, request: int) -> int:
        who, unit = self._who(Duty.ACCEPTING, self.provider), self.dice.choice(self.corpus.units[self.provider])
        basis = e.PriceBasis.CONTRACTOR if self.dice.random() < 0.3 else e.PriceBasis.OWN_FORCES
        lines = tuple(
            e.OfferLine(n, quantity, item.prices[self.provider])
            for n, (item, quantity) in enumerate(zip(self.items, self.quantities, strict=True), 1)
        )
        return self._act(
            self.provider, request, request, (0.5, 4),
            lambda _, t: e.Offer(who, self.currency, t // DAY + 120, unit, basis, None, lines),
        )  # fmt: skip

    def _order(self, offer: int) -> int:
        who, certifier = self._who(Duty.ORDERING, self.receiver), self._who(Duty.FUNDS_CERTIFIER, self.receiver)
        step = 10_000 if self.currency == "JPY" else 100_000
        limit = sum(self._worth(n, q) for n, q in enumerate(self.quantities)) * 11 // 10 // step * step + step
        bill_to = (
            f"{('Maritime Staff Office', 'Integrated Headquarters')[self.receiver]}, cell {self.which[Duty.PAYING] + 1}"
        )
        return self._act(
            self.receiver, offer, offer, (0.5, 5), lambda *_: e.Order(who, certifier, limit, bill_to)
        )  # fmt: skip

    def _delivery(self, after: int, acceptance: int, amounts: list[int]) -> tuple[int, list[tuple[int, int]]]:
        who, lines = self._who(Duty.ISSUING, self.provider), []
        for n, (item, amount) in enumerate(zip(self.items, amounts, strict=True), 1):
            if amount:
                measure = self._measure(item, amount)
                quantity = amount if measure is None else fuel.volume15(measure.observed_litres, measure.vcf_e5)
                lines.append(e.DeliveryLine(n, quantity, measure))
        body_lines, offset = tuple(lines), OFFSETS[self.provider]
        act = self._act(
            self.provider, after, acceptance, (3, 20),
            lambda _, t: e.Delivery(who, t // DAY, offset, self.place, body_lines),
        )  # fmt: skip
        return act, [(line.line, line.quantity) for line in lines]

    def _receipt(self, delivery: int, delivered: list[tuple[int, int]], *, short: bool) -> int:
        who, offset, lines = self._who(Duty.RECEIVING, self.receiver), OFFSETS[self.provider], []
        for n, quantity in delivered:
            refused = max(1, quantity // 20) if short and n == delivered[0][0] and quantity > 1 else 0
            reason = self.dice.choice((Reason.SPOILED, Reason.DAMAGED)) if refused else Reason.NOT_STATED
            lines.append(e.ReceiptLine(n, quantity - refused, refused, reason))
            self.accepted[n - 1] += quantity - refused
        body_lines = tuple(lines)
        self.refused = bool(any(line.refused for line in lines))
        return self._act(
            self.receiver, delivery, delivery, (0.05, 1.5), lambda _, t: e.Receipt(who, t // DAY, offset, body_lines)
        )  # fmt: skip

    def _resolution(self, receipt: int) -> int:
        if not self.refused:
            return receipt
        accepting, ordering = self._who(Duty.ACCEPTING, self.provider), self._who(Duty.ORDERING, self.receiver)
        proposal = self._act(
            self.provider, receipt, receipt, (1, 6), lambda *_: e.Resolution(accepting, 1, e.Outcome.NO_CHARGE, 0)
        )
        return self._act(self.receiver, proposal, proposal, (0.5, 4), lambda *_: e.Countersign(ordering))

    def _invoice(self, after: int, acceptance: int, receipts: list[int]) -> int:
        who = self._who(Duty.BILLING, self.provider)
        self.invoices[self.provider] += 1
        number = f"{'JI'[self.provider]}-{self.invoices[self.provider]:05d}"
        lines = tuple(e.AmountLine(n + 1, worth) for n, a in enumerate(self.accepted) if (worth := self._worth(n, a)))
        total = self._total()
        return self._act(
            self.provider, after, acceptance, (3, 25),
            lambda refs, t: e.Invoice(who, number, t // DAY, tuple(refs[r] for r in receipts), lines, total),
        )  # fmt: skip

    def _close(self, after: int, acceptance: int) -> Life:
        for party in (self.provider, self.receiver):
            who = self._who(Duty.COORDINATOR, party)
            self._act(party, after, acceptance, (0.5, 10), lambda *_, who=who: e.Close(who))
        return self._done()

    # ---- the parts

    def _act(self, party: int, after: int | None, on: int | None, days: tuple[float, float], say: Say) -> int:
        dice = self.dice
        wait = int(dice.uniform(*days) * DAY) // MINUTE * MINUTE
        remark = dice.choice(_REMARKS).format(n=dice.randrange(2, 24)) if dice.random() < 0.15 else None
        self.acts.append(Act(len(self.acts), party, after, on, wait, say, remark))
        return len(self.acts) - 1

    def _done(self) -> Life:
        return Life(self.number, self.begins_at, self.writers, tuple(self.acts))

    def _who(self, duty: Duty, party: int) -> int:
        return officer(duty, self.which[duty], party)

    def _quantity(self, item: Item) -> int:
        dice, unit = self.dice, UNITS[item.unit]
        if item.density:
            measure = self._measure(item, dice.randrange(20, 400) * 1000)
            assert measure is not None
            return fuel.volume15(measure.observed_litres, measure.vcf_e5)
        count = round(10 ** dice.uniform(0.3, 2.5)) if item.category != "FOOD" else dice.randrange(2, 80) * 10
        return count * 10**unit.decimals

    def _measure(self, item: Item, litres: int) -> e.FuelMeasure | None:
        if not item.density:
            return None
        temperature = self.dice.randrange(150, 320)
        return e.FuelMeasure(litres, temperature, item.density, fuel.vcf_e5(item.density, temperature))

    def _worth(self, index: int, scaled: int) -> int:
        item = self.items[index]
        return line_amount(item.prices[self.provider], scaled, item.unit, self.currency, JAPAN_INDIA.rounding)

    def _total(self) -> int:
        return sum(self._worth(n, accepted) for n, accepted in enumerate(self.accepted))
