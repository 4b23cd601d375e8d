"""What can be said: the closed union of signed acts, and their positional form.

Decides the kinds, their fields and limits. A body is encoded as a CBOR array of its fields in the order written here
(docs/spec/wire.md); arrays only ever grow at the end. Leaves to ``canonical`` the bytes, to ``orders`` who may say
what when, to ``fold`` what it means.

Days are days since 1970-01-01 in the civil calendar of the place; instants are seconds since 1970 UTC, whole minutes
for acts; money is in minor units of the order's currency; quantities are integers scaled by the unit's decimals;
prices are millionths of the currency's major unit per unit.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import IntEnum, IntFlag, StrEnum
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

from tallystick.core.identity import EntryRef, party_of

BIG = 2**53 - 1  # exact in every language an auditor may use
TEXT_MAX = 200
LINES_MAX = 100
REFS_MAX = 500
PATH_MAX = 53  # hashes of a Merkle path: log₂ of the largest index
NOTE_MAX = 600  # characters of a signed note; ours have about 250
LOGS_MAX = 256  # logs an attestation names


@dataclass(frozen=True, slots=True)
class Between:
    """A limit on an integer, or on the length of a text."""

    low: int
    high: int


class Sort(StrEnum):
    """What an integer counts, so that forms, the API and the command line can speak it in a reader's terms."""

    MONEY = "money"  # minor units of the order's currency
    QUANTITY = "quantity"  # scaled by the decimals of the line's unit
    PRICE = "price"  # millionths of the major unit, per unit
    DAY = "day"
    OFFICER = "officer"  # leaf index of a grant


Count = Annotated[int, Between(0, BIG)]
Signed = Annotated[int, Between(-BIG, BIG)]
Minor = Annotated[int, Between(0, BIG), Sort.MONEY]
SignedMinor = Annotated[int, Between(-BIG, BIG), Sort.MONEY]
Scaled = Annotated[int, Between(0, BIG), Sort.QUANTITY]
Price = Annotated[int, Between(0, BIG), Sort.PRICE]
Officer = Annotated[int, Between(0, BIG), Sort.OFFICER]
Day = Annotated[int, Between(0, 73_048), Sort.DAY]  # 1970-01-01 … 2169-12-31
Text = Annotated[str, Between(0, TEXT_MAX)]
Name = Annotated[str, Between(1, TEXT_MAX)]
Code = Annotated[str, Between(1, 16)]
Offset = Annotated[int, Between(-14 * 60, 14 * 60)]  # minutes east of UTC, of the place


class Kind(IntEnum):
    """Entry kinds; the number is on the wire and never reused."""

    REQUEST = 1
    DECLINE = 2
    OFFER = 3
    WITHDRAWAL = 4
    ORDER = 5
    ACCEPTANCE = 6
    AMENDMENT = 7
    CANCELLATION = 8
    DELIVERY = 9
    RECEIPT = 10
    DISCREPANCY = 11
    RESOLUTION = 12
    INVOICE = 13
    INVOICE_ACCEPTED = 14
    INVOICE_DISPUTED = 15
    PAYMENT_ADVICE = 16
    FUNDS_RECEIVED = 17
    CREDIT_NOTE = 18
    CLOSE = 19
    CORRECTION = 20
    NOTE = 21
    PRICE_LIST = 22
    COUNTERSIGN = 23
    ADOPT = 64
    GRANT = 65
    REVOKE = 66
    FORK = 67
    REDACT = 68
    ATTEST = 69


ADMIN_KINDS = frozenset({Kind.ADOPT, Kind.GRANT, Kind.REVOKE, Kind.REDACT})
"""What a party says in its admin log, with its root key."""
NODE_KINDS = frozenset({Kind.FORK, Kind.ATTEST})
"""What a node says by itself in its writer's log: evidence and digests, which need nobody's authority."""
DESK_KINDS = ADMIN_KINDS | NODE_KINDS
"""What is about no order."""


class Means(IntEnum):
    """How a line is settled. Only REIMBURSEMENT is ordered today; the others are refused by the profile's table."""

    REIMBURSEMENT = 0
    IN_KIND = 1
    EQUAL_VALUE = 2
    LOAN = 3


class Duty(IntEnum):
    """What a warrant lets an officer do (docs/spec/orders.md, "Warrants"); the number is on the wire."""

    REQUESTER = 1
    FUNDS_CERTIFIER = 2
    ORDERING = 3
    ACCEPTING = 4
    ISSUING = 5
    INSPECTOR = 6
    RECEIVING = 7
    BILLING = 8
    PAYING = 9
    COORDINATOR = 10
    AUDITOR = 11
    ADMINISTRATOR = 12


class PriceBasis(IntEnum):
    OWN_FORCES = 0  # from stock or own staff, at the price own forces pay
    CONTRACTOR = 1  # bought for the partner, at the provider's contract price
    PRICE_LIST = 2


class Reason(IntEnum):
    """Why declined, withdrawn, cancelled, refused, disputed or different."""

    NOT_STATED = 0
    NOT_AVAILABLE = 1
    OWN_TASKS_COME_FIRST = 2
    OUTSIDE_AGREEMENT = 3
    NO_LONGER_NEEDED = 4
    ENTERED_IN_ERROR = 5
    SHORT = 10
    OVER = 11
    DAMAGED = 12
    WRONG_ITEM = 13
    QUALITY = 14
    SPOILED = 15
    PRICE = 16
    LATE = 17
    BANK_CHARGE = 20


class Outcome(IntEnum):
    """How a discrepancy or dispute was resolved."""

    NO_CHARGE = 0  # what was refused or missing is not charged
    ADJUSTED = 1  # the accrued value changes by ``amount``
    UPHELD = 2  # the charge stands as it was


# ---- the acts: each ``who`` is the leaf index of the officer's grant in the writer's party's admin log


@dataclass(frozen=True, slots=True)
class RequestLine:
    line: Count
    category: Code
    item: Name
    nsn: Text
    unit: Code
    quantity: Scaled
    tolerance_permille: Count
    means: Means


@dataclass(frozen=True, slots=True)
class Request:
    """RFS. Opens an order; needs no object. Its number is agreement, party, fiscal year and serial."""

    KIND: ClassVar[Kind] = Kind.REQUEST
    who: Officer
    fiscal_year: Count
    serial: Count
    provider: Count
    situation: Code
    need_from: Day
    need_to: Day
    place: Code
    receiving_unit: Name
    lines: Annotated[tuple[RequestLine, ...], Between(1, LINES_MAX)]


@dataclass(frozen=True, slots=True)
class Decline:
    """DEC, on the request."""

    KIND: ClassVar[Kind] = Kind.DECLINE
    who: Officer
    reason: Reason


@dataclass(frozen=True, slots=True)
class OfferLine:
    line: Count
    quantity: Scaled
    price_micro: Price


@dataclass(frozen=True, slots=True)
class Offer:
    """OFR, on the request. A new one replaces the earlier."""

    KIND: ClassVar[Kind] = Kind.OFFER
    who: Officer
    currency: Code
    valid_until: Day
    issuing_unit: Name
    basis: PriceBasis
    price_list: EntryRef | None
    lines: Annotated[tuple[OfferLine, ...], Between(1, LINES_MAX)]


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """On the request (by the receiver) or on an offer (by the provider)."""

    KIND: ClassVar[Kind] = Kind.WITHDRAWAL
    who: Officer
    reason: Reason


@dataclass(frozen=True, slots=True)
class Order:
    """ORD, on the offer it takes. The fund citation itself stays home; the certifier's grant is named."""

    KIND: ClassVar[Kind] = Kind.ORDER
    who: Officer
    funds_certifier: Officer
    max_liability: Minor
    bill_to: Name


@dataclass(frozen=True, slots=True)
class Acceptance:
    """OAC, on the order; makes it binding (AGREED)."""

    KIND: ClassVar[Kind] = Kind.ACCEPTANCE
    who: Officer
    pay_to: Name


@dataclass(frozen=True, slots=True)
class AmendmentLine:
    line: Count
    quantity: Scaled
    price_micro: Price


@dataclass(frozen=True, slots=True)
class Amendment:
    """AMD, on the acceptance; effective from the other side's countersignature. ``base`` is the version amended."""

    KIND: ClassVar[Kind] = Kind.AMENDMENT
    who: Officer
    base: Count
    max_liability: Minor
    lines: Annotated[tuple[AmendmentLine, ...], Between(1, LINES_MAX)]


@dataclass(frozen=True, slots=True)
class Cancellation:
    """CAN, on the acceptance; cancels what is not delivered, from the other side's countersignature."""

    KIND: ClassVar[Kind] = Kind.CANCELLATION
    who: Officer
    reason: Reason


@dataclass(frozen=True, slots=True)
class FuelMeasure:
    """How a fuel volume at 15 °C was found (docs/spec/orders.md, "Fuel")."""

    observed_litres: Count
    temperature_decidegrees: Signed
    density15_decikg: Count  # tenths of kg/m³ at 15 °C
    vcf_e5: Count  # volume correction factor × 100,000


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    line: Count
    quantity: Scaled
    fuel: FuelMeasure | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """DLV, on the acceptance; partial deliveries allowed."""

    KIND: ClassVar[Kind] = Kind.DELIVERY
    who: Officer
    occurred_on: Day
    offset: Offset
    place: Code
    lines: Annotated[tuple[DeliveryLine, ...], Between(1, LINES_MAX)]


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    line: Count
    accepted: Scaled
    refused: Scaled
    reason: Reason


@dataclass(frozen=True, slots=True)
class Receipt:
    """RCP, on the delivery: the receiver's fact; creates the claim. A refused quantity opens a discrepancy."""

    KIND: ClassVar[Kind] = Kind.RECEIPT
    who: Officer
    occurred_on: Day
    offset: Offset
    lines: Annotated[tuple[ReceiptLine, ...], Between(1, LINES_MAX)]


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """DIS, on a receipt: a difference found afterwards."""

    KIND: ClassVar[Kind] = Kind.DISCREPANCY
    who: Officer
    line: Count
    quantity: Scaled
    reason: Reason


@dataclass(frozen=True, slots=True)
class Resolution:
    """DRS, on the receipt that refused, the discrepancy or the dispute; effective when countersigned.

    ``amount`` is the change of what the line is worth, in minor units: 0 for no charge of what was never accrued,
    negative to charge less, positive to charge more.
    """

    KIND: ClassVar[Kind] = Kind.RESOLUTION
    who: Officer
    line: Count
    outcome: Outcome
    amount: SignedMinor


@dataclass(frozen=True, slots=True)
class AmountLine:
    line: Count
    amount: Minor


@dataclass(frozen=True, slots=True)
class Invoice:
    """INV, on the acceptance; names the receipts it bills."""

    KIND: ClassVar[Kind] = Kind.INVOICE
    who: Officer
    number: Name
    issued_on: Day
    receipts: Annotated[tuple[EntryRef, ...], Between(1, REFS_MAX)]
    lines: Annotated[tuple[AmountLine, ...], Between(1, LINES_MAX)]
    total: Minor


@dataclass(frozen=True, slots=True)
class InvoiceAccepted:
    """INA, on the invoice."""

    KIND: ClassVar[Kind] = Kind.INVOICE_ACCEPTED
    who: Officer


@dataclass(frozen=True, slots=True)
class InvoiceDisputed:
    """IND, on the invoice: the lines and amounts disputed; the rest keeps its due date."""

    KIND: ClassVar[Kind] = Kind.INVOICE_DISPUTED
    who: Officer
    reason: Reason
    lines: Annotated[tuple[AmountLine, ...], Between(1, LINES_MAX)]


@dataclass(frozen=True, slots=True)
class PaymentAdvice:
    """PAY, on the invoice: in transit; never settles."""

    KIND: ClassVar[Kind] = Kind.PAYMENT_ADVICE
    who: Officer
    amount: Minor
    value_on: Day
    reference: Text


@dataclass(frozen=True, slots=True)
class FundsReceived:
    """FND, on the invoice: settles. ``charges`` is what the bank kept, told for the record, not settled."""

    KIND: ClassVar[Kind] = Kind.FUNDS_RECEIVED
    who: Officer
    amount: Minor
    charges: Minor
    value_on: Day
    reference: Text


@dataclass(frozen=True, slots=True)
class CreditNote:
    """CRN, on the invoice."""

    KIND: ClassVar[Kind] = Kind.CREDIT_NOTE
    who: Officer
    number: Name
    lines: Annotated[tuple[AmountLine, ...], Between(1, LINES_MAX)]


@dataclass(frozen=True, slots=True)
class Close:
    """CLS, on the acceptance; both sides write one."""

    KIND: ClassVar[Kind] = Kind.CLOSE
    who: Officer


@dataclass(frozen=True, slots=True)
class Correction:
    """COR, on an own document of this order: replaces its body (``core`` array of the same kind), or takes it back."""

    KIND: ClassVar[Kind] = Kind.CORRECTION
    who: Officer
    replacement: Annotated[bytes, Between(0, 16_384)]  # canonical CBOR of the new body; empty = taken back


@dataclass(frozen=True, slots=True)
class Note:
    """NOT, on any entry; the text is in the detail segment. Changes nothing."""

    KIND: ClassVar[Kind] = Kind.NOTE
    who: Officer


@dataclass(frozen=True, slots=True)
class PriceListLine:
    category: Code
    item: Name
    nsn: Text
    unit: Code
    price_micro: Price
    companions: tuple[Name, ...]  # items that go with this one: a line or a zero must be said


@dataclass(frozen=True, slots=True)
class PriceList:
    """PRL: prices with validity; needs no object, or the price list it replaces."""

    KIND: ClassVar[Kind] = Kind.PRICE_LIST
    who: Officer
    number: Name
    currency: Code
    valid_from: Day
    valid_to: Day
    basis: PriceBasis
    lines: Annotated[tuple[PriceListLine, ...], Between(1, 500)]


@dataclass(frozen=True, slots=True)
class Countersign:
    """The other side's signature that completes an amendment, cancellation, resolution or correction."""

    KIND: ClassVar[Kind] = Kind.COUNTERSIGN
    who: Officer


@dataclass(frozen=True, slots=True)
class Adopt:
    """Leaf 0 of every admin log: this party adopts the genesis."""

    KIND: ClassVar[Kind] = Kind.ADOPT
    space: Annotated[bytes, Between(32, 32)]


@dataclass(frozen=True, slots=True)
class Grant:
    """WAR: a writer (with ``key``) or an officer (with ``duties``), named by post, never by person.

    Limits are in minor units of ``currency``; None = no limit of that sort.
    """

    KIND: ClassVar[Kind] = Kind.GRANT
    post: Name
    key: Annotated[bytes, Between(32, 32)] | None
    age_recipient: Text
    duties: tuple[Duty, ...]
    currency: Text
    per_act: Minor | None
    total: Minor | None
    until: Day | None
    trained_on: Day | None
    officer_key: Annotated[bytes, Between(32, 32)] | None = None  # what the officer's own signatures are checked with
    acting_for: Count | None = None  # the grant this officer stands in for, until ``until``
    replaces: Count | None = None  # the grant that goes on under this one's keys, with its limits and what was used


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a revocation bites: entries of ``log`` from index ``size`` on; ``root`` pins what came before."""

    log: Count
    size: Count
    root: Annotated[bytes, Between(32, 32)]


@dataclass(frozen=True, slots=True)
class Revoke:
    """Takes back the grant at leaf ``grant`` of the same admin log."""

    KIND: ClassVar[Kind] = Kind.REVOKE
    grant: Count
    cuts: tuple[Cut, ...]
    reason: Reason


Hash = Annotated[bytes, Between(32, 32)]
Path = Annotated[tuple[Hash, ...], Between(0, PATH_MAX)]
SignedNote = Annotated[str, Between(1, NOTE_MAX)]


@dataclass(frozen=True, slots=True)
class Fork:
    """Two histories of ``log``, both signed by its key, that part at leaf ``index``.

    ``note_a`` and ``note_b`` are signed heads; ``leaf_a`` and ``leaf_b`` the hashes of what each has at ``index``, with
    their inclusion paths. History a is the one that the writer of this entry holds: it stands, up to its note.
    """

    KIND: ClassVar[Kind] = Kind.FORK
    log: Count
    index: Count
    leaf_a: Hash
    note_a: SignedNote
    path_a: Path
    leaf_b: Hash
    note_b: SignedNote
    path_b: Path


class Segment(IntFlag):
    """Parts of an entry that can be erased; the number is on the wire."""

    CORE = 1
    DETAIL = 2
    AUTH = 4


NO_SEGMENT = Segment(0)


@dataclass(frozen=True, slots=True)
class Redact:
    """Asks every holder to erase segments of ``target`` and their salts.

    A detail goes when the administration of its own party asks: what it says changes nothing. The core and an
    officer's signature go when all parties have asked for the same; ``restated`` is then the canonical core that
    everybody reads in its place (empty: it says nothing any more).
    """

    KIND: ClassVar[Kind] = Kind.REDACT
    target: EntryRef
    segments: Annotated[int, Between(1, 7)]
    reason: Reason
    restated: Annotated[bytes, Between(0, 16_384)]


@dataclass(frozen=True, slots=True)
class Held:
    """So many leaves of a log."""

    log: Count
    size: Count


@dataclass(frozen=True, slots=True)
class Attest:
    """What the writer's node makes of the entries in these logs: whoever has the same must come to the same."""

    KIND: ClassVar[Kind] = Kind.ATTEST
    logs: Annotated[tuple[Held, ...], Between(1, LOGS_MAX)]
    profile: Name
    state: Hash
    ledger: Hash


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A body this node cannot read: an unknown kind, or fields that do not fit. Kept as it came; becomes a finding."""

    kind: int
    raw: object
    why: str


Body = (
    Request | Decline | Offer | Withdrawal | Order | Acceptance | Amendment | Cancellation | Delivery | Receipt
    | Discrepancy | Resolution | Invoice | InvoiceAccepted | InvoiceDisputed | PaymentAdvice | FundsReceived
    | CreditNote | Close | Correction | Note | PriceList | Countersign | Adopt | Grant | Revoke | Fork | Redact | Attest
)  # fmt: skip
BODIES: Mapping[Kind, type[Any]] = types.MappingProxyType({cls.KIND: cls for cls in get_args(Body)})


@dataclass(frozen=True, slots=True)
class Entry:
    """One act as the fold sees it: where it stands, what it says, what its writer had seen.

    ``lamport`` is computed by the reader. ``seen`` maps log id to the size held when this was written; the writer's
    own log up to ``ref.index`` is implied and not in it. ``core_hash`` and ``detail_hash`` are the plain SHA-256 of the
    bytes of body and detail; ``auth`` is the officer's own signature. ``missing`` are the segments it was made with
    that are not here, ``erased`` those that are gone for everybody (``erasure``); where the core is, ``body`` is the
    restatement.
    """

    ref: EntryRef
    kind: int
    t: int
    obj: EntryRef | None
    body: Body | Unreadable
    detail: Mapping[int, object] | None
    lamport: int
    seen: Mapping[int, int]
    core_hash: bytes
    detail_hash: bytes | None = None
    auth: bytes | None = None
    missing: Segment = NO_SEGMENT
    erased: Segment = NO_SEGMENT

    @property
    def party(self) -> int:
        return party_of(self.ref.log)

    @property
    def order_key(self) -> tuple[int, int, int]:
        """The linear extension everybody reads entries in (docs/spec/log.md)."""
        return (self.lamport, self.ref.log, self.ref.index)

    def had_seen(self, other: EntryRef) -> bool:
        """Return whether ``other`` is in this entry's causal past."""
        if other.log == self.ref.log:
            return other.index < self.ref.index
        return self.seen.get(other.log, 0) > other.index


@dataclass(frozen=True, slots=True)
class Draft:
    """An act not yet in a log: what an officer is about to sign."""

    body: Body
    obj: EntryRef | None = None
    detail: Mapping[int, object] | None = None
    t: int | None = None  # None: now
    auth: bytes | None = None  # the officer's own signature over exactly this, at exactly this place and time


# ---- positional form: compiled once per class from the annotations above


class ShapeError(ValueError):
    """The array does not have the fields of its kind; the text says which field."""


_Convert = Callable[[Any], Any]


def _converters(hint: Any, limit: Between | None = None) -> tuple[_Convert, _Convert]:
    """Return (to plain, from plain) for one annotation."""
    origin = get_origin(hint)
    if origin is Annotated:
        base, limit, *_ = get_args(hint)  # how far it goes stands first
        return _converters(base, limit)
    if origin in (Union, types.UnionType):
        (inner,) = (a for a in get_args(hint) if a is not type(None))
        to_plain, from_plain = _converters(inner)
        return (
            lambda v: None if v is None else to_plain(v),
            lambda v: None if v is None else from_plain(v),
        )
    if origin is tuple:
        to_plain, from_plain = _converters(get_args(hint)[0])
        most = limit or Between(0, LINES_MAX)

        def read_many(v: Any) -> tuple[Any, ...]:
            if type(v) is not list or not most.low <= len(v) <= most.high:
                raise ShapeError(f"a list of {most.low} to {most.high}")
            return tuple([from_plain(x) for x in v])

        return (lambda v: [to_plain(x) for x in v], read_many)
    if hint is EntryRef:
        return list, _read_ref
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        members = hint._value2member_map_
        what = hint.__name__

        def read_enum(v: Any) -> Any:
            if type(v) is not int or v not in members:
                raise ShapeError(f"a {what} code")
            return members[v]

        return int, read_enum
    if hint is int:
        assert limit is not None  # every number says how far it goes
        low, high = limit.low, limit.high

        def read_int(v: Any) -> int:
            if type(v) is not int or not low <= v <= high:
                raise ShapeError(f"an integer from {low} to {high}")
            return v

        return _same, read_int
    if hint in (str, bytes):
        low, high = (limit.low, limit.high) if limit else (0, TEXT_MAX)

        def read_sized(v: Any) -> Any:
            if type(v) is not hint or not low <= len(v) <= high:
                raise ShapeError(f"{hint.__name__} of length {low} to {high}")
            return v

        return _same, read_sized
    assert is_dataclass(hint), hint
    return _dataclass_converters(hint)  # type: ignore[arg-type]


def _same(v: Any) -> Any:
    return v


def _read_ref(v: Any) -> EntryRef:
    if type(v) is not list or len(v) != 2 or any(type(n) is not int or not 0 <= n <= BIG for n in v):
        raise ShapeError("an entry name [log, index]")
    return EntryRef(v[0], v[1])


def _dataclass_converters(cls: type[Any]) -> tuple[_Convert, _Convert]:
    hints = typing.get_type_hints(cls, include_extras=True)
    names = [f.name for f in fields(cls)]
    pairs = [_converters(hints[name]) for name in names]
    writers = [(name, to_plain) for name, (to_plain, _) in zip(names, pairs, strict=True)]
    readers = [(name, from_plain) for name, (_, from_plain) in zip(names, pairs, strict=True)]
    size = len(names)

    def to_list(v: Any) -> list[Any]:
        return [to_plain(getattr(v, name)) for name, to_plain in writers]

    def from_list(v: Any) -> Any:
        if type(v) is not list or len(v) != size:
            raise ShapeError(f"an array of {size}")
        values = []
        for (name, from_plain), x in zip(readers, v, strict=True):
            try:
                values.append(from_plain(x))
            except ShapeError as error:
                raise ShapeError(f"{name}: {error}") from None
        return cls(*values)

    return to_list, from_list


_CODECS: Mapping[int, tuple[_Convert, _Convert]] = types.MappingProxyType(
    {kind: _dataclass_converters(cls) for kind, cls in BODIES.items()}
)

# One line a kind, its number and its fields in wire order; the genesis pins its hash.
SCHEMA = "\n".join(f"{kind:d} {cls.__name__}: {' '.join(f.name for f in fields(cls))}" for kind, cls in BODIES.items())


def to_array(body: Body) -> list[Any]:
    """Return the positional form of ``body``."""
    plain: list[Any] = _CODECS[body.KIND][0](body)
    return plain


def from_array(kind: int, array: object) -> Body | Unreadable:
    """Return what ``array`` says. Total: what does not fit comes back as ``Unreadable``, never raised."""
    codec = _CODECS.get(kind)
    if codec is None:
        return Unreadable(kind, array, "unknown kind")
    try:
        body: Body = codec[1](array)
    except ShapeError as error:
        return Unreadable(kind, array, str(error))
    return body


def check(body: Body) -> None:
    """Raise ShapeError unless ``body`` survives its own positional form: use before signing."""
    again = from_array(body.KIND, to_array(body))
    if isinstance(again, Unreadable):
        raise ShapeError(again.why)
