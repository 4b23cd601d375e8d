"""Exact amounts: units of goods and services, currencies, prices, and the one place where a line is rounded.

Decides how amounts are written, read, compared and multiplied. Everything is an integer (or an exact ``Fraction``):
money in minor units, quantities scaled by their unit's decimals, prices in millionths of the major unit per unit of
issue. Leaves to ``agreement`` which currency and rounding apply, to the pages how a reader's language groups digits.

Sources: currencies: ISO 4217 list one (code, number, minor unit) as published in the public-domain table
``datasets/currency-codes``; codes without a minor unit (metals, bond units, tests) are not money here and are left
out. Units: UN/CEFACT Recommendation 20, US units of issue; conversion factors are the exact legal definitions
(docs/spec/orders.md, "Units").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType

from tallystick.core.entries import BIG
from tallystick.core.errors import LocalError

PRICE_DECIMALS = 6
_PRICE_SCALE = 10**PRICE_DECIMALS
_TEXT_MAX = 40  # longer than any amount within BIG with six decimals; keeps huge pastes away from int()
_PLAIN_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")  # ASCII digits only: \d would take full-width ones


class Rounding(StrEnum):
    """What to do with a half. Both treat a debt and its credit alike: the sign does not matter."""

    HALF_UP = "half-up"  # away from zero
    HALF_EVEN = "half-even"


def round_fraction(value: Fraction, rounding: Rounding) -> int:
    """Return the integer nearest to ``value``; exact halves as ``rounding`` says."""
    return _round_ratio(value.numerator, value.denominator, rounding)


def _round_ratio(numerator: int, denominator: int, rounding: Rounding) -> int:
    whole, rest = divmod(abs(numerator), denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and (rounding is Rounding.HALF_UP or whole % 2 == 1)):
        whole += 1
    return whole if numerator >= 0 else -whole


# ---- text


def _parse(text: str, decimals: int, *, signed: bool = False) -> int:
    """Return ``text`` as an integer of 10^-decimals.

    Plain digits and at most one point: no exponent, grouping, spaces, plus sign or other scripts' digits, since two
    readers might read those differently. Trailing zeros beyond ``decimals`` are refused too: "1.000" may be a German
    thousand.
    """
    number = _PLAIN_NUMBER.fullmatch(text) if len(text) <= _TEXT_MAX else None
    if number is None:
        raise LocalError("not-a-number", text=text[:_TEXT_MAX])
    minus, whole, part = number.group(1), number.group(2), number.group(3) or ""
    if len(part) > decimals:
        raise LocalError("too-many-decimals", text=text, decimals=decimals)
    value = int(whole + part.ljust(decimals, "0"))
    if value > BIG or (minus and not signed):
        raise LocalError("out-of-range", text=text)
    return -value if minus else value


def _text(value: int, decimals: int) -> str:
    digits = str(abs(value)).rjust(decimals + 1, "0")
    sign = "-" if value < 0 else ""
    if decimals == 0:
        return sign + digits
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


# ---- money


@dataclass(frozen=True, slots=True)
class Currency:
    """``exponent`` is the number of decimals of the minor unit; ``number`` the three-digit ISO 4217 number."""

    code: str
    exponent: int
    number: str


# ISO 4217 active codes and numbers, by the decimals of the minor unit.
_ISO_4217: Mapping[int, str] = {
    0: """
        BIF108 CLP152 DJF262 GNF324 ISK352 JPY392 KMF174 KRW410 PYG600 RWF646 UGX800 UYI940 VND704 VUV548 XAF950
        XOF952 XPF953
    """,
    2: """
        AED784 AFN971 ALL008 AMD051 AOA973 ARS032 AUD036 AWG533 AZN944 BAM977 BBD052 BDT050 BMD060 BND096 BOB068
        BOV984 BRL986 BSD044 BTN064 BWP072 BYN933 BZD084 CAD124 CDF976 CHE947 CHF756 CHW948 CNY156 COP170 COU970
        CRC188 CUP192 CVE132 CZK203 DKK208 DOP214 DZD012 EGP818 ERN232 ETB230 EUR978 FJD242 FKP238 GBP826 GEL981
        GHS936 GIP292 GMD270 GTQ320 GYD328 HKD344 HNL340 HTG332 HUF348 IDR360 ILS376 INR356 IRR364 JMD388 KES404
        KGS417 KHR116 KPW408 KYD136 KZT398 LAK418 LBP422 LKR144 LRD430 LSL426 MAD504 MDL498 MGA969 MKD807 MMK104
        MNT496 MOP446 MRU929 MUR480 MVR462 MWK454 MXN484 MXV979 MYR458 MZN943 NAD516 NGN566 NIO558 NOK578 NPR524
        NZD554 PAB590 PEN604 PGK598 PHP608 PKR586 PLN985 QAR634 RON946 RSD941 RUB643 SAR682 SBD090 SCR690 SDG938
        SEK752 SGD702 SHP654 SLE925 SOS706 SRD968 SSP728 STN930 SVC222 SYP760 SZL748 THB764 TJS972 TMT934 TOP776
        TRY949 TTD780 TWD901 TZS834 UAH980 USD840 USN997 UYU858 UZS860 VED926 VES928 WST882 XAD396 XCD951 XCG532
        YER886 ZAR710 ZMW967 ZWG924
    """,
    3: "BHD048 IQD368 JOD400 KWD414 LYD434 OMR512 TND788",
    4: "CLF990 UYW927",
}
CURRENCIES: Mapping[str, Currency] = MappingProxyType(
    {
        cell[:3]: Currency(cell[:3], exponent, cell[3:])
        for exponent, cells in _ISO_4217.items()
        for cell in cells.split()
    }
)


def currency(code: str) -> Currency:
    """Return the currency called ``code``; raises LocalError ``unknown-currency``."""
    found = CURRENCIES.get(code)
    if found is None:
        raise LocalError("unknown-currency", currency=code)
    return found


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency, in its minor units; may be negative.

    Raises:
        LocalError: ``unknown-currency`` when made; ``currencies-differ`` when two currencies are added or compared.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        currency(self.currency)

    @classmethod
    def parse(cls, text: str, code: str) -> Money:
        """Read ``"1220075.00"`` of the currency ``code``.

        Raises:
            LocalError: ``not-a-number``, ``too-many-decimals``, ``out-of-range`` or ``unknown-currency``.
        """
        return cls(_parse(text, currency(code).exponent, signed=True), code)

    def text(self) -> str:
        """Return plain digits with all the currency's decimals, for files and forms: ``"1220075.00"``."""
        return _text(self.minor, CURRENCIES[self.currency].exponent)

    def __str__(self) -> str:
        return f"{self.currency} {self.text()}"

    def _same(self, other: Money) -> int:
        if self.currency != other.currency:
            raise LocalError("currencies-differ", currency=self.currency, other=other.currency)
        return other.minor

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)


# ---- goods and services


class Dimension(StrEnum):
    """What a unit counts. Only units of one dimension convert into each other, and only for display."""

    VOLUME = "volume"
    VOLUME_15 = "volume at 15 °C"  # reached from a volume only by measuring temperature and density (``fuel``)
    MASS = "mass"
    LENGTH = "length"
    TIME = "time"
    ENERGY = "energy"
    TRANSPORT = "transport"
    EACH = "each"
    SET = "set"
    KIT = "kit"
    PAIR = "pair"
    BOX = "box"
    DRUM = "drum"
    CAN = "can"
    PERSON_NIGHT = "person-night"
    MEAL = "meal"
    RATION = "ration"
    MOVE = "move"
    PASSENGER = "passenger"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of issue.

    ``rec20`` and ``us`` are its names in UN/CEFACT Recommendation 20 (21 for packs) and as a US unit of issue, empty
    where there is none. A quantity of it is an integer scaled by ``decimals``; ``factor`` is its size in the first
    unit of its dimension, exactly.
    """

    code: str
    rec20: str
    us: str
    name: str
    dimension: Dimension
    decimals: int
    factor: Fraction


def _units() -> Mapping[str, Unit]:
    d = Dimension
    litre = Fraction(1)
    us_gallon = Fraction("3.785411784")
    pound = Fraction("0.45359237")
    rows = [
        Unit("LTR", "LTR", "LI", "litre", d.VOLUME, 0, litre),
        Unit("MTQ", "MTQ", "CZ", "cubic metre", d.VOLUME, 3, 1000 * litre),
        Unit("KLT", "K6", "", "kilolitre", d.VOLUME, 3, 1000 * litre),
        Unit("GLL", "GLL", "GL", "US gallon", d.VOLUME, 0, us_gallon),
        Unit("BLL", "BLL", "BL", "barrel of 42 US gallons", d.VOLUME, 2, 42 * us_gallon),
        Unit("GLI", "GLI", "", "imperial gallon", d.VOLUME, 0, Fraction("4.54609")),
        Unit("L15", "", "", "litre at 15 °C", d.VOLUME_15, 0, Fraction(1)),
        Unit("KGM", "KGM", "KG", "kilogram", d.MASS, 3, Fraction(1)),
        Unit("GRM", "GRM", "GM", "gram", d.MASS, 0, Fraction(1, 1000)),
        Unit("TNE", "TNE", "", "tonne", d.MASS, 3, Fraction(1000)),
        Unit("LBR", "LBR", "LB", "pound", d.MASS, 2, pound),
        Unit("STN", "STN", "TN", "short ton", d.MASS, 3, 2000 * pound),
        Unit("LTN", "LTN", "", "long ton", d.MASS, 3, 2240 * pound),
        Unit("MTR", "MTR", "MR", "metre", d.LENGTH, 2, Fraction(1)),
        Unit("KMT", "KMT", "", "kilometre", d.LENGTH, 1, Fraction(1000)),
        Unit("SMI", "SMI", "", "statute mile", d.LENGTH, 1, Fraction("1609.344")),
        Unit("NMI", "NMI", "", "nautical mile", d.LENGTH, 1, Fraction(1852)),
        Unit("MIN", "MIN", "", "minute", d.TIME, 0, Fraction(1)),
        Unit("HUR", "HUR", "HR", "hour", d.TIME, 2, Fraction(60)),
        Unit("DAY", "DAY", "DA", "day", d.TIME, 2, Fraction(1440)),
        Unit("KWH", "KWH", "", "kilowatt-hour", d.ENERGY, 3, Fraction(1)),
        Unit("TKM", "TKM", "", "tonne-kilometre", d.TRANSPORT, 2, Fraction(1)),
        Unit("EA", "EA", "EA", "each", d.EACH, 0, Fraction(1)),
        Unit("NMB", "NMB", "", "number", d.EACH, 0, Fraction(1)),
        Unit("SET", "SET", "SE", "set", d.SET, 0, Fraction(1)),
        Unit("KT", "KT", "KT", "kit", d.KIT, 0, Fraction(1)),
        Unit("PR", "PR", "PR", "pair", d.PAIR, 0, Fraction(1)),
        Unit("BX", "XBX", "BX", "box", d.BOX, 0, Fraction(1)),
        Unit("DR", "XDR", "DR", "drum", d.DRUM, 0, Fraction(1)),
        Unit("CN", "XCA", "CN", "can", d.CAN, 0, Fraction(1)),
        Unit("PNT", "", "", "person-night", d.PERSON_NIGHT, 0, Fraction(1)),
        Unit("MEA", "", "ME", "meal", d.MEAL, 0, Fraction(1)),
        Unit("RA", "", "RA", "ration", d.RATION, 0, Fraction(1)),
        Unit("MOV", "", "", "move of a ship by pilot or tugs", d.MOVE, 0, Fraction(1)),
        Unit("PAX", "", "", "passenger", d.PASSENGER, 0, Fraction(1)),
    ]
    return MappingProxyType({row.code: row for row in rows})


UNITS: Mapping[str, Unit] = _units()


def unit(code: str) -> Unit:
    """Return the unit called ``code``; raises LocalError ``unknown-unit``."""
    found = UNITS.get(code)
    if found is None:
        raise LocalError("unknown-unit", unit=code)
    return found


@dataclass(frozen=True, slots=True)
class Quantity:
    """An exact amount of a unit of issue: ``scaled`` counts its smallest step. Raises LocalError ``unknown-unit``."""

    scaled: int
    unit: str

    def __post_init__(self) -> None:
        unit(self.unit)

    @classmethod
    def parse(cls, text: str, code: str) -> Quantity:
        """Read ``"1790"`` or ``"1790.250"`` of the unit ``code``; never negative.

        Raises:
            LocalError: ``not-a-number``, ``too-many-decimals``, ``out-of-range`` or ``unknown-unit``.
        """
        return cls(_parse(text, unit(code).decimals), code)

    def text(self) -> str:
        """Return plain digits with all the unit's decimals: ``"1790.000"``."""
        return _text(self.scaled, UNITS[self.unit].decimals)

    def __str__(self) -> str:
        return f"{self.text()} {self.unit}"

    @property
    def decimal(self) -> Decimal:
        """The amount in its unit, exactly."""
        sign, digits = (1 if self.scaled < 0 else 0), str(abs(self.scaled))
        return Decimal((sign, tuple(map(int, digits)), -UNITS[self.unit].decimals))

    def to(self, code: str) -> Fraction:
        """Return the amount in the unit ``code``, exactly: for display and totals, never for what is owed.

        Raises:
            LocalError: ``unknown-unit``, or ``units-differ`` when the two do not measure the same thing.
        """
        mine, theirs = UNITS[self.unit], unit(code)
        if mine.dimension is not theirs.dimension:
            raise LocalError("units-differ", unit=self.unit, other=code)
        return Fraction(self.scaled, 10**mine.decimals) * mine.factor / theirs.factor


# ---- prices


def parse_price(text: str) -> int:
    """Return a price such as ``"82.40"`` in millionths of the currency's major unit.

    Raises:
        LocalError: ``not-a-number``, ``too-many-decimals`` beyond six, or ``out-of-range``.
    """
    return _parse(text, PRICE_DECIMALS)


def price_text(price_micro: int) -> str:
    """Return the price with two to six decimals, as many as it needs: ``"82.40"``, ``"0.1865"``."""
    whole, _, part = _text(price_micro, PRICE_DECIMALS).partition(".")
    return f"{whole}.{part.rstrip('0').ljust(2, '0')}"


def line_amount(price_micro: int, scaled: int, unit_code: str, currency_code: str, rounding: Rounding) -> int:
    """Return quantity × price in minor units, rounded once.

    Args:
        price_micro: Millionths of the currency's major unit, per unit of issue.
        scaled: Quantity in the unit's smallest steps.
        unit_code: The unit the price is for.
        currency_code: The currency of the price.
        rounding: The agreement's rule for halves.

    Raises:
        LocalError: ``unknown-unit``, ``unknown-currency``, or ``out-of-range`` when the amount is too large for the
            record (2^53 − 1 minor units).

    Source:
        docs/spec/ledger.md, "Rounding".
    """
    numerator = price_micro * scaled * 10 ** currency(currency_code).exponent
    amount = _round_ratio(numerator, _PRICE_SCALE * 10 ** unit(unit_code).decimals, rounding)
    if abs(amount) > BIG:
        raise LocalError("out-of-range", amount=amount, currency=currency_code)
    return amount
