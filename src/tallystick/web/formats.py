"""Amounts, days and instants as a reader writes them. Pure: values and a language in, text out.

Decides grouping, symbols, decimals and zones. Leaves the HTML to ``tags``. Money is grouped as its own country does
(₹12,20,075.00), so that a figure looks the same on both nodes whoever reads it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_decimal, get_currency_symbol

from tallystick.core.calendar import date_of
from tallystick.core.quantity import Money, Quantity, currency, price_text, unit

DASH = "–"
HASH_SHOWN = 8  # hexadecimal digits of a shortened hash; the whole one is a click away

# Where a currency is grouped otherwise than by thousands.
_GROUPING: Mapping[str, str] = MappingProxyType({"INR": "en_IN", "NPR": "en_IN", "PKR": "en_IN", "BDT": "en_IN"})
_DATES: Mapping[str, str] = MappingProxyType({"en": "en_GB"})  # "18 Feb 2027": no reader can take it for another day

SYMBOLS: Mapping[str, str] = MappingProxyType({
    "LTR": "L", "L15": "L₁₅", "MTQ": "m³", "KLT": "kL", "GLL": "US gal", "BLL": "bbl", "GLI": "imp gal", "KGM": "kg",
    "GRM": "g", "TNE": "t", "LBR": "lb", "STN": "short t", "LTN": "long t", "MTR": "m", "KMT": "km", "SMI": "mi",
    "NMI": "nmi", "MIN": "min", "HUR": "h", "DAY": "d", "KWH": "kWh", "TKM": "t·km", "EA": "ea", "NMB": "no.",
    "SET": "sets", "KT": "kits", "PR": "pairs", "BX": "boxes", "DR": "drums", "CN": "cans", "PNT": "nights",
    "MEA": "meals", "RA": "rations", "MOV": "moves", "PAX": "pax",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """An amount cut at its decimal sign, so that a column can be aligned on it. ``plain`` is for machines."""

    sign: str
    whole: str
    fraction: str  # with the decimal sign; empty when there are no decimals
    symbol: str
    plain: str

    def __str__(self) -> str:
        return f"{self.sign}{self.whole}{self.fraction}"


@lru_cache(maxsize=4096)
def _grouped(whole: str, locale: str) -> str:
    return str(format_decimal(Decimal(whole), format="#,##,##0" if locale == "en_IN" else "#,##0", locale="en"))


def _figure(text: str, *, locale: str, symbol: str, plain: str) -> Figure:
    digits = text.removeprefix("-")
    whole, point, part = digits.partition(".")
    sign = "−" if text.startswith("-") else ""
    return Figure(sign, _grouped(whole, locale), f"{point}{part}", symbol, plain)


@lru_cache(maxsize=256)
def currency_symbol(code: str) -> str:
    """Return ``¥``, ``₹``, or the code where a symbol would be ambiguous (every dollar, every crown)."""
    return {"JPY": "¥", "INR": "₹", "EUR": "€", "GBP": "£", "KRW": "₩"}.get(code) or get_currency_symbol(code, "en")


def money(minor: int, code: str) -> Figure:
    """Return ``minor`` units of ``code``; raises LocalError ``unknown-currency``."""
    amount = Money(minor, code)
    return _figure(
        amount.text(), locale=_GROUPING.get(code, "en"), symbol=currency_symbol(code), plain=f"{code} {amount.text()}"
    )


def price(micro: int, code: str) -> Figure:
    """Return a price in millionths of the major unit per unit of issue, with at least two decimals."""
    text = price_text(micro)
    currency(code)
    return _figure(text, locale=_GROUPING.get(code, "en"), symbol=currency_symbol(code), plain=f"{code} {text}")


def quantity(scaled: int, code: str) -> Figure:
    """Return a quantity without the decimals it does not use; raises LocalError ``unknown-unit``."""
    text = Quantity(scaled, code).text()
    whole, point, part = text.partition(".")
    short = part.rstrip("0")
    return _figure(
        f"{whole}{point if short else ''}{short}", locale="en", symbol=unit_symbol(code), plain=f"{text} {code}"
    )


def unit_symbol(code: str) -> str:
    return SYMBOLS.get(code, code)


def unit_name(code: str) -> str:
    return unit(code).name


def day(number: int, language: str = "en") -> str:
    """Return ``18 Feb 2027`` for days since 1970-01-01."""
    return format_date(date_of(number), format="d MMM y", locale=_DATES.get(language, language))


def day_long(number: int, language: str = "en") -> str:
    """Return ``Thursday, 18 February 2027``."""
    return format_date(date_of(number), format="EEEE, d MMMM y", locale=_DATES.get(language, language))


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant at one place: ``on`` 18 Feb 2027, ``at`` 14:05, ``zone`` JST; ``utc`` is ISO 8601."""

    on: str
    at: str
    zone: str
    utc: str


def instant(seconds: int, zone: ZoneInfo, language: str = "en") -> Moment:
    """Return an instant (seconds since 1970 UTC) as the clock on the wall of ``zone`` shows it."""
    there = dt.datetime.fromtimestamp(seconds, zone)
    utc = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return Moment(
        on=format_date(there.date(), format="d MMM y", locale=_DATES.get(language, language)),
        at=f"{there:%H:%M}",
        zone=there.tzname() or "UTC",
        utc=f"{utc:%Y-%m-%dT%H:%MZ}",
    )


def today(seconds: int, zone: ZoneInfo) -> int:
    """Return the civil day (since 1970-01-01) that ``seconds`` falls on in ``zone``."""
    return (dt.datetime.fromtimestamp(seconds, zone).date() - dt.date(1970, 1, 1)).days


def short_hash(value: bytes | str) -> str:
    """Return the first digits of a hash."""
    return (value.hex() if isinstance(value, bytes) else value)[:HASH_SHOWN]


def permille(value: int) -> str:
    """Return ``3 %`` for 30, ``0.5 %`` for 5."""
    whole, part = divmod(value, 10)
    return f"{whole}.{part} %" if part else f"{whole} %"


@lru_cache(maxsize=256)
def party(code: str, language: str = "en") -> str:
    """Return the name of a State by its ISO code in the reader's language; another party's code as it is."""
    try:
        return str(Locale.parse(language).territories.get(code, code))
    except (UnknownLocaleError, ValueError):
        return code
