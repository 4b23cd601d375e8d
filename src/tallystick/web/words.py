"""Plain words for every code a page shows: kinds, duties, states, reasons, outcomes, means, clocks.

Decides names only, each marked for translation, and for states the shape and tone of their badge. A test holds that
every member of every list has a name. Sentences for errors and findings are in ``app/messages.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tallystick.app.ports import PeerStatus
from tallystick.core.agreement import Allowance, Origin
from tallystick.core.due import ClockKind
from tallystick.core.entries import Duty, Kind, Means, Outcome, PriceBasis, Reason, Segment
from tallystick.core.findings import Weight
from tallystick.core.ledger import AccountKind, ItemState
from tallystick.core.orders import Fulfilment, LineSettlement, OrderState, Side
from tallystick.core.quantity import Rounding

Word = str | Promise

KINDS: Mapping[Kind, Word] = MappingProxyType({
    Kind.REQUEST: _("Request"),
    Kind.DECLINE: _("Decline"),
    Kind.OFFER: _("Offer"),
    Kind.WITHDRAWAL: _("Withdrawal"),
    Kind.ORDER: pgettext_lazy("document", "Order"),
    Kind.ACCEPTANCE: _("Order acceptance"),
    Kind.AMENDMENT: _("Amendment"),
    Kind.CANCELLATION: _("Cancellation"),
    Kind.DELIVERY: _("Delivery"),
    Kind.RECEIPT: _("Receipt"),
    Kind.DISCREPANCY: _("Discrepancy"),
    Kind.RESOLUTION: _("Resolution"),
    Kind.INVOICE: _("Invoice"),
    Kind.INVOICE_ACCEPTED: _("Invoice accepted"),
    Kind.INVOICE_DISPUTED: _("Invoice disputed"),
    Kind.PAYMENT_ADVICE: _("Payment advice"),
    Kind.FUNDS_RECEIVED: _("Funds received"),
    Kind.CREDIT_NOTE: _("Credit note"),
    Kind.CLOSE: _("Close"),
    Kind.CORRECTION: _("Correction"),
    Kind.NOTE: _("Note"),
    Kind.PRICE_LIST: _("Price list"),
    Kind.COUNTERSIGN: _("Countersignature"),
    Kind.ADOPT: _("Adoption of the agreement"),
    Kind.GRANT: _("Warrant"),
    Kind.REVOKE: _("Revocation"),
    Kind.FORK: _("Evidence of a fork"),
    Kind.REDACT: _("Erasure"),
    Kind.ATTEST: _("Attestation"),
})  # fmt: skip

# What the button says: the act in the officer's words.
ACTS: Mapping[Kind, Word] = MappingProxyType({
    Kind.REQUEST: _("Ask for support"),
    Kind.DECLINE: _("Decline the request"),
    Kind.OFFER: _("Make an offer"),
    Kind.WITHDRAWAL: _("Withdraw"),
    Kind.ORDER: _("Place the order"),
    Kind.ACCEPTANCE: _("Accept the order"),
    Kind.AMENDMENT: _("Amend the order"),
    Kind.CANCELLATION: _("Cancel what is not delivered"),
    Kind.DELIVERY: _("Record a delivery"),
    Kind.RECEIPT: _("Receive the delivery"),
    Kind.DISCREPANCY: _("Report a discrepancy"),
    Kind.RESOLUTION: _("Propose a resolution"),
    Kind.INVOICE: _("Send an invoice"),
    Kind.INVOICE_ACCEPTED: _("Accept the invoice"),
    Kind.INVOICE_DISPUTED: _("Dispute the invoice"),
    Kind.PAYMENT_ADVICE: _("Tell of a payment"),
    Kind.FUNDS_RECEIVED: _("Record funds received"),
    Kind.CREDIT_NOTE: _("Issue a credit note"),
    Kind.CLOSE: _("Sign the close"),
    Kind.CORRECTION: _("Correct an entry"),
    Kind.NOTE: _("Add a note"),
    Kind.PRICE_LIST: _("Publish a price list"),
    Kind.COUNTERSIGN: _("Countersign"),
    Kind.ADOPT: _("Adopt the agreement"),
    Kind.GRANT: _("Issue a warrant"),
    Kind.REVOKE: _("Revoke a warrant"),
    Kind.FORK: _("Report a fork"),
    Kind.REDACT: _("Erase"),
    Kind.ATTEST: _("Attest"),
})  # fmt: skip

SEGMENTS: Mapping[Segment, Word] = MappingProxyType({
    Segment.CORE: _("what it says"),
    Segment.DETAIL: _("the remark and other free text"),
    Segment.AUTH: _("the officer's own signature"),
})  # fmt: skip


def segments(found: int) -> list[Word]:
    """Return the words for the parts of an entry in ``found``."""
    return [word for segment, word in SEGMENTS.items() if found & segment]


DUTIES: Mapping[Duty, Word] = MappingProxyType({
    Duty.REQUESTER: _("Requester"),
    Duty.FUNDS_CERTIFIER: _("Funds certifier"),
    Duty.ORDERING: _("Ordering officer"),
    Duty.ACCEPTING: _("Accepting officer"),
    Duty.ISSUING: _("Issuing officer"),
    Duty.INSPECTOR: _("Inspector"),
    Duty.RECEIVING: _("Receiving officer"),
    Duty.BILLING: _("Billing officer"),
    Duty.PAYING: _("Paying officer"),
    Duty.COORDINATOR: _("Programme coordinator"),
    Duty.AUDITOR: _("Auditor"),
    Duty.ADMINISTRATOR: _("Administrator"),
})  # fmt: skip

MEANS: Mapping[Means, Word] = MappingProxyType({
    Means.REIMBURSEMENT: _("Reimbursement"),
    Means.IN_KIND: _("Replacement in kind"),
    Means.EQUAL_VALUE: _("Equal-value exchange"),
    Means.LOAN: _("Loan and return"),
})  # fmt: skip

BASES: Mapping[PriceBasis, Word] = MappingProxyType({
    PriceBasis.OWN_FORCES: _("Price own forces pay"),
    PriceBasis.CONTRACTOR: _("Provider's contract price"),
    PriceBasis.PRICE_LIST: _("Price list"),
})  # fmt: skip

REASONS: Mapping[Reason, Word] = MappingProxyType({
    Reason.NOT_STATED: _("Not stated"),
    Reason.NOT_AVAILABLE: _("Not available"),
    Reason.OWN_TASKS_COME_FIRST: _("Own tasks come first"),
    Reason.OUTSIDE_AGREEMENT: _("Outside the agreement"),
    Reason.NO_LONGER_NEEDED: _("No longer needed"),
    Reason.ENTERED_IN_ERROR: _("Entered in error"),
    Reason.SHORT: _("Short"),
    Reason.OVER: _("Over"),
    Reason.DAMAGED: _("Damaged"),
    Reason.WRONG_ITEM: _("Wrong item"),
    Reason.QUALITY: _("Quality"),
    Reason.SPOILED: _("Spoiled"),
    Reason.PRICE: _("Price"),
    Reason.LATE: _("Late"),
    Reason.BANK_CHARGE: _("Bank charge"),
})  # fmt: skip

OUTCOMES: Mapping[Outcome, Word] = MappingProxyType({
    Outcome.NO_CHARGE: _("No charge"),
    Outcome.ADJUSTED: _("Charge adjusted"),
    Outcome.UPHELD: _("Charge upheld"),
})  # fmt: skip

SIDES: Mapping[Side, Word] = MappingProxyType({
    Side.RECEIVER: _("Receiver"),
    Side.PROVIDER: _("Provider"),
    Side.EITHER: _("Either side"),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Badge:
    """A state as a page shows it: a word, a shape (``tags.SHAPES``) and a tone (a colour with a meaning)."""

    word: Word
    shape: str
    tone: str  # wait, live, good, done, warn, stop or off


# An order fills up like a tank gauge: ring, fifths of a disc, full disc, tick.
# By type first: members of two lists may be equal texts (an order and an entry can both be "void").
BADGES: Mapping[type[Enum], Mapping[Enum, Badge]] = MappingProxyType({
    OrderState: {
        OrderState.REQUESTED: Badge(_("Requested"), "p0", "wait"),
        OrderState.OFFERED: Badge(_("Offered"), "p1", "wait"),
        OrderState.ORDERED: Badge(_("Ordered"), "p2", "wait"),
        OrderState.AGREED: Badge(_("Agreed"), "p3", "live"),
        OrderState.IN_DELIVERY: Badge(_("In delivery"), "p4", "live"),
        OrderState.FULFILLED: Badge(_("Fulfilled"), "p5", "live"),
        OrderState.SETTLED: Badge(_("Settled"), "tick", "good"),
        OrderState.CLOSED: Badge(_("Closed"), "tally", "done"),
        OrderState.DECLINED: Badge(_("Declined"), "bar", "off"),
        OrderState.EXPIRED: Badge(_("Expired"), "bar", "off"),
        OrderState.WITHDRAWN: Badge(_("Withdrawn"), "bar", "off"),
        OrderState.CANCELLED: Badge(_("Cancelled"), "bar", "off"),
        OrderState.VOID: Badge(_("Void"), "cross", "stop"),
    },
    Fulfilment: {
        Fulfilment.OPEN: Badge(_("To be delivered"), "p0", "wait"),
        Fulfilment.PART_DELIVERED: Badge(_("Part delivered"), "p2", "live"),
        Fulfilment.DELIVERED_UNCONFIRMED: Badge(_("Delivered, not confirmed"), "p3", "live"),
        Fulfilment.PART_RECEIVED: Badge(_("Part received"), "p4", "live"),
        Fulfilment.RECEIVED: Badge(_("Received"), "p5", "good"),
        Fulfilment.REFUSED: Badge(_("Refused"), "cross", "stop"),
        Fulfilment.CANCELLED_REST: Badge(_("Rest cancelled"), "bar", "off"),
    },
    LineSettlement: {
        LineSettlement.NONE: Badge(_("Nothing owed"), "p0", "off"),
        LineSettlement.ACCRUED: Badge(_("Owed, not billed"), "p1", "live"),
        LineSettlement.INVOICED: Badge(_("Invoiced"), "p2", "live"),
        LineSettlement.DISPUTED: Badge(_("Disputed"), "gap", "warn"),
        LineSettlement.PART_SETTLED: Badge(_("Part settled"), "p4", "live"),
        LineSettlement.SETTLED: Badge(pgettext_lazy("line", "Settled"), "tick", "good"),
    },
    Weight: {
        Weight.VOID: Badge(_("Does not count"), "cross", "stop"),
        Weight.FLAG: Badge(_("Look at this"), "warn", "warn"),
        Weight.TOLD: Badge(_("For information"), "p5", "off"),
    },
    ItemState: {
        ItemState.UNBILLED: Badge(_("Not billed"), "p1", "live"),
        ItemState.BILLED: Badge(_("Billed"), "p2", "live"),
        ItemState.DISPUTED: Badge(_("Disputed"), "gap", "warn"),
    },
    PeerStatus: {
        PeerStatus.PENDING_OUT: Badge(_("Waits for their confirmation"), "clock", "wait"),
        PeerStatus.KNOCK: Badge(_("Asks to be paired"), "warn", "warn"),
        PeerStatus.CONFIRMED: Badge(_("Paired"), "tally", "good"),
        PeerStatus.REFUSED: Badge(_("Pairing refused"), "cross", "stop"),
    },
    Origin: {
        Origin.FACT: Badge(_("Fact"), "tick", "good"),
        Origin.FROM_MEMORY: Badge(_("To be confirmed"), "warn", "warn"),
        Origin.DEFAULT: Badge(_("Default"), "p0", "wait"),
    },
    Allowance: {
        Allowance.ALLOWED: Badge(_("Allowed"), "tick", "good"),
        Allowance.NEEDS_CONSENT: Badge(_("Needs consent"), "p2", "warn"),
        Allowance.REFUSED: Badge(pgettext_lazy("category", "Refused"), "cross", "stop"),
    },
})  # fmt: skip

# What the clock adds to an order (docs/spec/ledger.md, "Due dates"), and states of nodes, people and comparisons.
OTHER_BADGES: Mapping[str, Badge] = MappingProxyType({
    "LATE_INVOICE": Badge(_("Invoice late"), "warn", "warn"),
    "OVERDUE": Badge(_("Overdue"), "warn", "stop"),
    "DUE_SOON": Badge(_("Due soon"), "clock", "warn"),
    "PAST_12M": Badge(_("Past 12 months"), "warn", "stop"),
    "PAST_18M": Badge(_("Past 18 months"), "warn", "stop"),
    "RECEIPT_ESCALATED": Badge(_("Receipt long overdue"), "warn", "stop"),
    "RECEIPT_LATE": Badge(_("Receipt late"), "warn", "warn"),
    "EXPIRED": Badge(_("Offer expired"), "bar", "off"),
    "in-step": Badge(_("In step"), "tally", "good"),
    "out-of-step": Badge(_("Not in step"), "gap", "warn"),
    "waiting": Badge(_("Waiting"), "clock", "wait"),
    "ok": Badge(_("In order"), "tick", "good"),
    "late": Badge(_("Late"), "warn", "stop"),
    "grave": Badge(_("Act now"), "warn", "stop"),
    "look": Badge(_("Look at it"), "warn", "warn"),
    "put-away": Badge(_("Put away"), "bar", "off"),
    "different": Badge(_("Different"), "gap", "warn"),
    "same": Badge(_("Same"), "tally", "good"),
    "effective": Badge(_("Counts"), "tick", "good"),
    "void-entry": Badge(_("Void"), "cross", "stop"),
    "active": Badge(_("Active"), "tick", "good"),
    "ended": Badge(_("Ended"), "bar", "off"),
    **{str(origin.value): badge for origin, badge in BADGES[Origin].items() if isinstance(origin, Origin)},
})  # fmt: skip

CLOCKS: Mapping[ClockKind, Word] = MappingProxyType({
    ClockKind.OFFER: _("Offer valid"),
    ClockKind.NEED: _("Needed"),
    ClockKind.RECEIPT: _("Receipt"),
    ClockKind.INVOICE: _("Invoice"),
    ClockKind.PAYMENT: _("Payment"),
    ClockKind.SETTLEMENT: _("Settlement"),
})  # fmt: skip

ACCOUNT_KINDS: Mapping[AccountKind, Word] = MappingProxyType({
    AccountKind.ASSET: _("Owed to us, and cash"),
    AccountKind.LIABILITY: _("Owed by us"),
    AccountKind.FLOW: _("Given and got"),
    AccountKind.MEMO: _("Memoranda"),
})  # fmt: skip

ROUNDINGS: Mapping[Rounding, Word] = MappingProxyType({
    Rounding.HALF_UP: _("Halves are rounded up"),
    Rounding.HALF_EVEN: _("Halves are rounded to the even neighbour"),
})  # fmt: skip


def kind(code: int) -> Word:
    """Return the name of a document kind; an unknown one (a newer partner's) by its number."""
    try:
        return KINDS[Kind(code)]
    except ValueError:
        return _("Entry of unknown kind %(number)d") % {"number": code}


def badge(state: Enum | str) -> Badge:
    """Return the badge of a state; a code without one is shown as it is."""
    if isinstance(state, Enum) and type(state) in BADGES:
        return BADGES[type(state)][state]
    text = str(state.value if isinstance(state, Enum) else state)
    return OTHER_BADGES.get(text) or Badge(text.replace("-", " ").replace("_", " ").capitalize(), "p0", "wait")


NAMES: Mapping[type[Enum], Mapping[Any, Word]] = MappingProxyType({
    Kind: KINDS, Duty: DUTIES, Means: MEANS, PriceBasis: BASES, Reason: REASONS, Outcome: OUTCOMES, Side: SIDES,
    ClockKind: CLOCKS, AccountKind: ACCOUNT_KINDS, Rounding: ROUNDINGS,
})  # fmt: skip


def name(value: Enum) -> Word:
    """Return the plain word for a member of any of our lists."""
    table = NAMES.get(type(value))
    return table[value] if table is not None else badge(value).word
