"""What the parties agreed: the terms as data, and the genesis that binds parties, keys and terms into one agreement.

Decides which values an agreement has, which of them are possible at all, and their one sequence of bytes. The space id
is the SHA-256 of those bytes, so both sides can compare it on paper. Leaves the due dates to ``due``, the refusals to
``fold`` and the texts of the pages to ``app/messages.py`` (titles here are the English names of treaty concepts).

Source: docs/spec/orders.md, "Terms"; ``genesis`` in docs/spec/tallystick.cddl. Where each value of a profile comes from
is data too: ``JAPAN_INDIA_TERMS``.
"""

from __future__ import annotations

import builtins
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from tallystick.core import canonical, fuel
from tallystick.core.calendar import parse_day
from tallystick.core.entries import BIG, TEXT_MAX, Duty, Means
from tallystick.core.errors import LocalError, MalformedBytesError, TooLargeError
from tallystick.core.identity import PARTIES_MAX
from tallystick.core.quantity import CURRENCIES, Rounding

# Means an order of this version can carry. Return in kind, equal-value exchange and loans are part of most agreements,
# but their claims are goods, not money, and need their own documents and postings: terms that allow them come as a
# later version of an agreement's terms, adopted by all parties, so that no two nodes read one order differently.
ORDERABLE_MEANS: Final = frozenset({Means.REIMBURSEMENT})

# Federal Supply Groups of weapons, nuclear ordnance, fire control, ammunition and explosives, guided missiles and space
# vehicles. No terms can unblock them: Tallystick carries no arms.
ALWAYS_BLOCKED: Final = ("10", "11", "12", "13", "14", "18")
AMMUNITION: Final = "AMMO"


class Allowance(IntEnum):
    """Whether a category may be provided in a situation; the number is in the genesis."""

    REFUSED = 0
    ALLOWED = 1
    NEEDS_CONSENT = 2  # only with the other party's written consent beforehand, which no entry kind records yet


class OfficerSigns(IntEnum):
    """When an act of commitment or settlement carries its officer's own signature; the number is in the genesis."""

    NEVER = 0
    ABOVE_WRITER_CEILING = 1  # when it binds to more than the grant of the node that writes it allows
    ALWAYS = 2


class Origin(StrEnum):
    """Where a value of a profile comes from."""

    FACT = "fact"  # found in a published text
    FROM_MEMORY = "from-memory"  # believed, not confirmed by a text we could read
    DEFAULT = "default"  # our proposal: the parties should set it


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of supply or service. ``nato_class`` is its class of supply, empty for services."""

    code: str
    title: str
    nato_class: str


CATEGORIES: Mapping[str, Category] = MappingProxyType(
    {
        code: Category(code, title, nato_class)
        for code, nato_class, title in (
            ("FOOD", "I", "Food, meals and provisions"),
            ("WATR", "I", "Water"),
            ("BILL", "", "Billeting, bedding and bathing"),
            ("TRAN", "", "Transport, including airlift"),
            ("POLF", "III", "Petroleum, oils and lubricants"),
            ("CLOT", "II", "Clothing"),
            ("COMM", "", "Communication services"),
            ("MEDS", "VIII", "Medical services"),
            ("BASE", "IV", "Base operations support"),
            ("STOR", "", "Storage"),
            ("FACI", "", "Use of facilities"),
            ("TRNG", "", "Training services"),
            ("SPAR", "IX", "Spare parts and components"),
            ("REPM", "", "Repair and maintenance"),
            ("CALI", "", "Calibration"),
            ("PORT", "", "Airport and seaport services"),
            ("VEHL", "VII", "Temporary use of general vehicles and other non-lethal equipment"),
            (AMMUNITION, "V", "Ammunition"),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Term:
    """One value of a profile and where it comes from, for the reader of the agreement page.

    ``name`` is the field of ``Terms`` (or ``field.part``); ``value`` is for people; ``source`` names a text, or says
    why the default is what it is.
    """

    name: str
    value: str
    origin: Origin
    source: str


# ---- terms

_CODE = re.compile(r"[A-Z0-9]{1,16}")
_PARTY = re.compile(r"[A-Z][A-Z0-9]{0,7}")
_SITUATION = re.compile(r"[a-z0-9]{1,16}")
_GROUP = re.compile(r"[0-9]{2,13}")
# Controls, breaks, text that runs backwards. Not str.isprintable: what it knows grows with each Python.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_SPACE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9./_-]{0,63}")
_SITUATIONS_MAX = 32
_CATEGORIES_MAX = 64
_CURRENCIES_MAX = 16
_GROUPS_MAX = 100
_DAYS_MAX = 3_660  # ten years: beyond any period these agreements name
_MONTHS_MAX = 120
_DAY_LAST = 73_048  # as entries.Day
_TOLERANCE_SECONDS_MAX = 7 * 86_400


@dataclass(frozen=True)
class Terms:
    """The terms of one agreement, in one version.

    Periods are in days (or months) as their names say; days are days since 1970-01-01. ``currencies`` names, for each
    party as provider, what it may be paid in. ``allowed`` is keyed by (situation, category); what it does not name is
    refused, and so is every means that ``means`` does not name for the category.

    Raises:
        LocalError: ``terms-not-possible`` with the field, when a value is outside what any agreement can say.
    """

    code: str
    version: int
    name: str
    number_prefix: str
    in_force_from: int
    in_force_until: int | None  # None: renews itself
    settlement_months: int
    invoice_within_days: int
    pay_within_days: int
    receipt_reminder_days: int
    receipt_escalation_days: int
    claim_window_days: int
    fiscal_year_first_month: int
    rounding: Rounding
    clock_tolerance_seconds: int
    vcf_edition: str
    volume_tolerance_permille: int
    currencies: Mapping[str, tuple[str, ...]] = field(hash=False)
    situations: Mapping[str, str] = field(hash=False)
    categories: Mapping[str, str] = field(hash=False)
    allowed: Mapping[tuple[str, str], Allowance] = field(hash=False)
    means: Mapping[str, tuple[Means, ...]] = field(hash=False)
    blocked_groups: tuple[str, ...]
    officer_signs: OfficerSigns = OfficerSigns.ABOVE_WRITER_CEILING
    training: tuple[Duty, ...] = ()  # duties whose officers need a day of training in their warrant

    def __post_init__(self) -> None:
        refused = {
            (situation, category): Allowance.REFUSED for situation in self.situations for category in self.categories
        }
        whole: Mapping[str, Mapping[Any, Any]] = {
            "currencies": self.currencies,
            "situations": self.situations,
            "categories": self.categories,
            "allowed": {**refused, **self.allowed},
            "means": {**dict.fromkeys(self.categories, ()), **self.means},
        }
        for name, table in whole.items():  # whole and read-only, so that equal terms are equal values
            object.__setattr__(self, name, MappingProxyType(dict(table)))
        for name, possible in _POSSIBLE.items():
            if not possible(self):
                raise LocalError("terms-not-possible", field=name)

    # ---- questions

    def allowance(self, situation: str, category: str) -> Allowance:
        """Return whether ``category`` may be provided in ``situation``; unknown codes are refused."""
        return self.allowed.get((situation, category), Allowance.REFUSED)

    def means_for(self, category: str) -> tuple[Means, ...]:
        """Return the means of settlement that may be ordered for ``category``, the preferred one first."""
        return self.means.get(category, ())

    def currencies_for(self, provider: str) -> tuple[str, ...]:
        """Return what the party with code ``provider`` may be paid in, the usual one first."""
        return self.currencies.get(provider, ())

    def is_blocked(self, nsn: str) -> bool:
        """Return whether the stock number is of a group that may not be requested, offered or imported.

        Separators do not matter. A text with anything but ASCII in it is no stock number and is blocked, so that no
        look-alike digit slips through. Codes of one's own, for what has no stock number, begin with a letter.
        """
        if not nsn.isascii():
            return True
        digits = "".join([c for c in nsn if c.isalnum()])
        return digits.startswith((*ALWAYS_BLOCKED, *self.blocked_groups))

    def in_force(self, day: int) -> bool:
        return self.in_force_from <= day and (self.in_force_until is None or day <= self.in_force_until)

    def order_number(self, receiver: str, fiscal_year: int, serial: int) -> str:
        """Return the number people use for an order: ``"JPIN/JP/2026/0007"``."""
        return f"{self.number_prefix}/{receiver}/{fiscal_year}/{serial:04d}"

    # ---- bytes

    def to_policy(self) -> dict[int, Any]:
        """Return the ``policy`` map of the genesis: equal terms give equal canonical bytes."""
        situations = sorted(self.situations)
        return {
            1: self.code,
            2: self.version,
            3: self.name,
            4: self.number_prefix,
            5: [self.in_force_from, self.in_force_until],
            6: self.settlement_months,
            7: self.invoice_within_days,
            8: self.pay_within_days,
            9: [self.receipt_reminder_days, self.receipt_escalation_days],
            10: self.claim_window_days,
            11: self.fiscal_year_first_month,
            12: _ROUNDINGS.index(self.rounding),
            13: self.clock_tolerance_seconds,
            14: [self.vcf_edition, self.volume_tolerance_permille],
            15: [[party, list(self.currencies[party])] for party in sorted(self.currencies)],
            16: [[code, self.situations[code]] for code in situations],
            17: [
                [
                    code,
                    self.categories[code],
                    [int(means) for means in self.means_for(code)],
                    [int(self.allowance(situation, code)) for situation in situations],
                ]
                for code in sorted(self.categories)
            ],
            18: list(self.blocked_groups),
            19: int(self.officer_signs),
            **({20: [int(duty) for duty in self.training]} if self.training else {}),
        }

    @classmethod
    def from_policy(cls, policy: object) -> Terms:
        """Return the terms in a ``policy`` map read from bytes.

        Total: anything but what ``to_policy`` writes is refused, unknown fields too. A node that does not understand
        every term must not guess what an order means.

        Raises:
            MalformedBytesError: ``malformed-terms`` with the field.
        """
        if type(policy) is not dict or set(policy) - {20} != set(range(1, 20)):
            raise MalformedBytesError("malformed-terms", field="policy")
        try:
            terms = _read_policy(policy)
        except LocalError as error:  # well-formed, and not possible
            raise MalformedBytesError("malformed-terms", **error.facts) from None
        except _UnfitError as unfit:
            raise MalformedBytesError("malformed-terms", field=str(unfit)) from None
        if terms.to_policy() != policy:  # rows out of order or twice
            raise MalformedBytesError("malformed-terms", field="order")
        return terms


_ROUNDINGS = (Rounding.HALF_UP, Rounding.HALF_EVEN)  # by their number in the genesis


def _is_int(value: object, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _is_text(value: object) -> bool:
    return (
        type(value) is str and 1 <= len(value) <= TEXT_MAX and value == value.strip() and not UNPRINTABLE.search(value)
    )


def _is_bytes(value: object, size: int) -> bool:
    return type(value) is bytes and len(value) == size


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _distinct(values: tuple[Any, ...]) -> bool:
    return len(set(values)) == len(values)


# What any agreement can say, field by field: one line each, in the order an officer would read them.
_POSSIBLE: Mapping[str, Callable[[Terms], bool]] = MappingProxyType(
    {
        "code": lambda t: _matches(_CODE, t.code),
        "version": lambda t: _is_int(t.version, 1, BIG),
        "name": lambda t: _is_text(t.name),
        "number_prefix": lambda t: _matches(_CODE, t.number_prefix),
        "in_force_from": lambda t: _is_int(t.in_force_from, 0, _DAY_LAST),
        "in_force_until": lambda t: t.in_force_until is None or _is_int(t.in_force_until, t.in_force_from, _DAY_LAST),
        "settlement_months": lambda t: _is_int(t.settlement_months, 1, _MONTHS_MAX),
        "invoice_within_days": lambda t: _is_int(t.invoice_within_days, 1, _DAYS_MAX),
        "pay_within_days": lambda t: _is_int(t.pay_within_days, 1, _DAYS_MAX),
        "receipt_reminder_days": lambda t: _is_int(t.receipt_reminder_days, 1, _DAYS_MAX),
        "receipt_escalation_days": lambda t: _is_int(t.receipt_escalation_days, t.receipt_reminder_days, _DAYS_MAX),
        "claim_window_days": lambda t: _is_int(t.claim_window_days, 0, _DAYS_MAX),
        "fiscal_year_first_month": lambda t: _is_int(t.fiscal_year_first_month, 1, 12),
        "rounding": lambda t: isinstance(t.rounding, Rounding),
        "clock_tolerance_seconds": lambda t: _is_int(t.clock_tolerance_seconds, 0, _TOLERANCE_SECONDS_MAX),
        "vcf_edition": lambda t: t.vcf_edition == fuel.EDITION,
        "volume_tolerance_permille": lambda t: _is_int(t.volume_tolerance_permille, 0, 1000),
        "currencies": lambda t: (
            2 <= len(t.currencies) <= PARTIES_MAX
            and all(
                _matches(_PARTY, party)
                and 1 <= len(codes) <= _CURRENCIES_MAX
                and _distinct(codes)
                and all(code in CURRENCIES for code in codes)
                for party, codes in t.currencies.items()
            )
        ),
        "situations": lambda t: (
            1 <= len(t.situations) <= _SITUATIONS_MAX
            and all(_matches(_SITUATION, code) and _is_text(title) for code, title in t.situations.items())
        ),
        "categories": lambda t: (
            1 <= len(t.categories) <= _CATEGORIES_MAX
            and all(_matches(_CODE, code) and _is_text(title) for code, title in t.categories.items())
        ),
        "allowed": lambda t: all(
            situation in t.situations
            and category in t.categories
            and (category != AMMUNITION or allowance is Allowance.REFUSED)
            for (situation, category), allowance in t.allowed.items()
        ),
        "means": lambda t: all(
            category in t.categories and _distinct(means) and ORDERABLE_MEANS.issuperset(means)
            for category, means in t.means.items()
        ),
        "blocked_groups": lambda t: (
            len(t.blocked_groups) <= _GROUPS_MAX
            and _distinct(t.blocked_groups)
            and all(_matches(_GROUP, group) for group in t.blocked_groups)
        ),
        "officer_signs": lambda t: isinstance(t.officer_signs, OfficerSigns),
        "training": lambda t: all(isinstance(duty, Duty) for duty in t.training) and _distinct(t.training),
    }
)


# ---- reading a policy


class _UnfitError(Exception):
    """A value of the wrong kind; the text names the field."""


def _list(value: object, what: str, *, size: int | None = None, most: int = _GROUPS_MAX) -> list[Any]:
    if type(value) is not list or len(value) > most or (size is not None and len(value) != size):
        raise _UnfitError(what)
    return value


def _text_of(value: object, what: str) -> str:
    if type(value) is not str:
        raise _UnfitError(what)
    return value


def _member(members: Mapping[int, Any] | tuple[Any, ...], value: object, what: str) -> Any:
    known = dict(enumerate(members)) if isinstance(members, tuple) else members
    if type(value) is not int or value not in known:
        raise _UnfitError(what)
    return known[value]


def _read_policy(p: dict[Any, Any]) -> Terms:
    in_force = _list(p[5], "in_force", size=2)
    receipt = _list(p[9], "receipt", size=2)
    volume = _list(p[14], "volume", size=2)
    currencies = {}
    for row in _list(p[15], "currencies"):
        party, codes = _list(row, "currencies", size=2)
        currencies[_text_of(party, "currencies")] = tuple(
            [_text_of(code, "currencies") for code in _list(codes, "currencies")]
        )
    situations = {}
    for row in _list(p[16], "situations"):
        situation, title = _list(row, "situations", size=2)
        situations[_text_of(situation, "situations")] = _text_of(title, "situations")
    categories, means, allowed = {}, {}, {}
    for row in _list(p[17], "categories"):
        code, title, ways, allowances = _list(row, "categories", size=4)
        categories[_text_of(code, "categories")] = _text_of(title, "categories")
        means[code] = tuple([_member(Means._value2member_map_, way, "means") for way in _list(ways, "means")])
        for situation, number in zip(situations, _list(allowances, "allowed", size=len(situations)), strict=True):
            allowed[situation, code] = _member(Allowance._value2member_map_, number, "allowed")
    return Terms(
        code=p[1],
        version=p[2],
        name=p[3],
        number_prefix=p[4],
        in_force_from=in_force[0],
        in_force_until=in_force[1],
        settlement_months=p[6],
        invoice_within_days=p[7],
        pay_within_days=p[8],
        receipt_reminder_days=receipt[0],
        receipt_escalation_days=receipt[1],
        claim_window_days=p[10],
        fiscal_year_first_month=p[11],
        rounding=_member(_ROUNDINGS, p[12], "rounding"),
        clock_tolerance_seconds=p[13],
        vcf_edition=volume[0],
        volume_tolerance_permille=volume[1],
        currencies=currencies,
        situations=situations,
        categories=categories,
        allowed=allowed,
        means=means,
        blocked_groups=tuple([_text_of(group, "blocked_groups") for group in _list(p[18], "blocked_groups")]),
        officer_signs=_member(OfficerSigns._value2member_map_, p[19], "officer_signs"),
        training=tuple(
            [_member(Duty._value2member_map_, duty, "training") for duty in _list(p.get(20, []), "training")]
        ),
    )


# ---- genesis


@dataclass(frozen=True, slots=True)
class Party:
    """A State, force or agency bound by the agreement, and the key of its admin log (Ed25519, 32 bytes)."""

    code: str
    name: str
    root_key: bytes


_GENESIS_MAX = 65_536  # bytes; ours has about 1,500
_GENESIS_DEPTH = 6  # genesis, policy, categories, one of them, its allowances; one to spare
_GENESIS_ITEMS_MAX = 20_000


@dataclass(frozen=True)
class Genesis:
    """The agreement descriptor: what every party adopts as the first leaf of its admin log.

    ``name`` is the first part of every checkpoint's origin, hence ASCII without spaces: a host name of one's own and
    the code of the agreement serve well. A party's number is its place in ``parties``.

    Raises:
        LocalError: ``genesis-not-possible`` with the field.
    """

    name: str
    version: int
    parties: tuple[Party, ...]
    terms: Terms
    schema_hash: builtins.bytes
    dictionary_hash: builtins.bytes
    nonce: builtins.bytes

    def __post_init__(self) -> None:
        for what, possible in (
            ("name", _matches(_SPACE_NAME, self.name)),
            ("version", _is_int(self.version, 1, BIG)),
            ("parties", 2 <= len(self.parties) <= PARTIES_MAX),
            ("code", all(_matches(_PARTY, p.code) for p in self.parties)),
            ("party_name", all(_is_text(p.name) for p in self.parties)),
            ("root_key", all(_is_bytes(p.root_key, 32) for p in self.parties)),
            ("currencies", sorted(self.terms.currencies) == sorted(str(p.code) for p in self.parties)),
            ("schema_hash", _is_bytes(self.schema_hash, 32)),
            ("dictionary_hash", _is_bytes(self.dictionary_hash, 32)),
            ("nonce", _is_bytes(self.nonce, 16)),
        ):
            if not possible:
                raise LocalError("genesis-not-possible", field=what)
        if not _distinct(tuple([p.root_key for p in self.parties])):  # distinct codes follow from the currencies
            raise LocalError("genesis-not-possible", field="root_keys")

    @cached_property
    def bytes(self) -> builtins.bytes:
        """The canonical bytes, as kept, exchanged and hashed."""
        return canonical.encode(
            {
                1: self.name,
                2: self.version,
                3: [[p.name, p.root_key, [], p.code] for p in self.parties],  # []: no X.509 chain
                4: self.terms.to_policy(),
                5: self.schema_hash,
                6: self.dictionary_hash,
                7: self.nonce,
            }
        )

    @cached_property
    def space_id(self) -> builtins.bytes:
        """SHA-256 of ``bytes``: the name of this agreement's set of logs."""
        return hashlib.sha256(self.bytes).digest()

    @classmethod
    def read(cls, data: builtins.bytes) -> Genesis:
        """Return the genesis whose canonical bytes are exactly ``data``.

        Raises:
            MalformedBytesError: ``malformed-genesis`` or ``malformed-terms`` with the field, or not canonical at all.
            TooLargeError: beyond 64 KiB.
        """
        if len(data) > _GENESIS_MAX:
            raise TooLargeError(what="genesis", limit=_GENESIS_MAX)
        g = canonical.decode(data, max_depth=_GENESIS_DEPTH, max_items=_GENESIS_ITEMS_MAX)
        if type(g) is not dict or set(g) != set(range(1, 8)):
            raise MalformedBytesError("malformed-genesis", field="genesis")
        try:
            rows = [_list(row, "party", size=4) for row in _list(g[3], "parties")]
            for row in rows:
                _list(row[2], "x5chain", size=0)  # a chain would be a claim this version cannot check
            return cls(
                name=g[1],
                version=g[2],
                parties=tuple([Party(code=code, name=name, root_key=key) for name, key, _, code in rows]),
                terms=Terms.from_policy(g[4]),
                schema_hash=g[5],
                dictionary_hash=g[6],
                nonce=g[7],
            )
        except LocalError as error:
            raise MalformedBytesError("malformed-genesis", **error.facts) from None
        except _UnfitError as unfit:
            raise MalformedBytesError("malformed-genesis", field=str(unfit)) from None

    def party_number(self, code: str) -> int:
        """Return the number of the party called ``code``; raises LocalError ``unknown-party``."""
        for number, party in enumerate(self.parties):
            if party.code == code:
                return number
        raise LocalError("unknown-party", party=code)

    def order_number(self, receiver: int, fiscal_year: int, serial: int) -> str:
        """Return the number people use for an order asked for by party number ``receiver``."""
        return self.terms.order_number(self.parties[receiver].code, fiscal_year, serial)


# ---- profiles that ship with the product

_SITUATIONS = {
    "a": "Exercises and training with both forces",
    "b": "United Nations peacekeeping, humanitarian relief and large-scale disasters",
    "c": "Protection or transport of own nationals and others out of danger abroad",
    "d": "Liaison and other routine activity, such as visits of ships and aircraft",
    "e": "Any other activity for which the laws of both sides permit provision",
}
_NOT_IN_JAPAN_INDIA = (AMMUNITION, "VEHL")


def _japan_india_allowance(situation: str, category: str) -> Allowance:
    if category in _NOT_IN_JAPAN_INDIA or (category == "TRNG" and situation != "a"):
        return Allowance.REFUSED
    return Allowance.ALLOWED


JAPAN_INDIA: Final = Terms(
    code="JPIN",
    version=1,
    name="Japan–India reciprocal provision of supplies and services",
    number_prefix="JPIN",
    in_force_from=parse_day("2021-07-11"),
    in_force_until=None,
    settlement_months=12,
    invoice_within_days=30,
    pay_within_days=60,
    receipt_reminder_days=3,
    receipt_escalation_days=10,
    claim_window_days=30,
    fiscal_year_first_month=4,
    rounding=Rounding.HALF_UP,
    clock_tolerance_seconds=900,
    vcf_edition=fuel.EDITION,
    volume_tolerance_permille=5,
    currencies={"JP": ("JPY",), "IN": ("INR",)},
    situations=_SITUATIONS,
    categories={category.code: category.title for category in CATEGORIES.values()},
    allowed={(s, c): _japan_india_allowance(s, c) for s in _SITUATIONS for c in CATEGORIES},
    means={c: () if c in _NOT_IN_JAPAN_INDIA else (Means.REIMBURSEMENT,) for c in CATEGORIES},
    blocked_groups=ALWAYS_BLOCKED,
    officer_signs=OfficerSigns.ABOVE_WRITER_CEILING,
    training=(),
)

_DIET = (
    "Summary of the agreement for the Japanese House of Representatives: "
    "https://www.shugiin.go.jp/Internet/itdb_rchome.nsf/html/rchome/Horitsu/"
    "gaimuA7681DB38BDF21BC492586BE00111833.htm"
)
_AUDIT = (
    "Board of Audit of Japan on settlement under its agreements, India's included: "
    "https://report.jbaudit.go.jp/org/r05/2023-r05-0449-0.htm"
)
_KYODO = "Press report at signing, 2020-09: http://www.crntt.cn/zpw/724445.html"
_SDF_ACT = "Self-Defense Forces Act, as worded for the US and Australia: https://github.com/takahashim/anpo-revision"
_NO_TEXT = "The procedural arrangement between the ministries is not public"
_OURS = "Proposal of this product"
_FACT, _MEMORY, _DEFAULT = Origin.FACT, Origin.FROM_MEMORY, Origin.DEFAULT

JAPAN_INDIA_TERMS: Final[tuple[Term, ...]] = (
    Term("code", "JPIN", _DEFAULT, _OURS),
    Term("version", "1", _DEFAULT, _OURS),
    Term("name", "Reciprocal provision of supplies and services", _FACT, _DIET),
    Term("number_prefix", "JPIN", _DEFAULT, _OURS),
    Term("in_force_from", "2021-07-11", _MEMORY, "Day of entry into force; no page found confirms it"),
    Term("in_force_until", "renews itself every 10 years", _FACT, "http://niasindiainchina.in/2020-09-11/56480/"),
    Term("settlement_months", "12 months from hand-over", _FACT, _AUDIT),
    Term("invoice_within_days", "30 days after receipt", _DEFAULT, _NO_TEXT),
    Term("pay_within_days", "60 days from the date of the invoice", _DEFAULT, _NO_TEXT),
    Term("receipt_reminder_days", "3 days after delivery", _DEFAULT, _OURS),
    Term("receipt_escalation_days", "10 days after delivery", _DEFAULT, _OURS),
    Term("claim_window_days", "30 days after receipt", _DEFAULT, _OURS),
    Term("fiscal_year_first_month", "April, on both sides", _MEMORY, "Both budgets run from 1 April to 31 March"),
    Term("rounding", "per line, half up, to the ISO 4217 minor unit", _DEFAULT, _OURS),
    Term("clock_tolerance_seconds", "15 minutes", _DEFAULT, _OURS),
    Term(
        "vcf_edition",
        "API MPMS 11.1 / ASTM D1250, edition 1980",
        _DEFAULT,
        "The edition of 2004 differs in the last digits; the technical note between the parties should name one",
    ),
    Term("volume_tolerance_permille", "0.5 %", _DEFAULT, _OURS),
    Term("currencies", "the provider's: yen from Japan, rupees from India", _MEMORY, "The provider names the currency"),
    Term("situations", "a to e", _FACT, _DIET),
    Term("categories", "as listed, calibration and port services excepted", _FACT, _DIET),
    Term("categories.CALI", "allowed", _MEMORY, "The list we could read ends at spare parts and repair"),
    Term("categories.PORT", "allowed", _MEMORY, "The list we could read ends at spare parts and repair"),
    Term("categories.VEHL", "refused", _MEMORY, "Not in the list we could read; in United States law only"),
    Term("categories.AMMO", "refused", _FACT, _KYODO),
    Term("allowed", "every listed category in every situation", _DEFAULT, "The situations name no categories"),
    Term("allowed.TRNG", "training services in situation a only", _DEFAULT, _SDF_ACT),
    Term(
        "means",
        "reimbursement",
        _DEFAULT,
        "The agreement prefers return in kind; this version of the terms opens reimbursement alone, because claims in "
        f"goods need documents that come with a later one. {_AUDIT}",
    ),
    Term("blocked_groups", ", ".join(ALWAYS_BLOCKED), _DEFAULT, f"Weapons are outside the agreement. {_KYODO}"),
    Term("officer_signs", "an officer's own signature above the ceiling of the node that writes", _DEFAULT, _OURS),
    Term("training", "for no duty", _DEFAULT, _OURS),
)

PROFILES: Final[Mapping[str, Terms]] = MappingProxyType({JAPAN_INDIA.code: JAPAN_INDIA})
