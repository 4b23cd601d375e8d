"""The codes of everything an officer should look at. A finding is a value in the record, never an exception."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from tallystick.core.identity import EntryRef


class Weight(StrEnum):
    """What a finding does to the entry it is about."""

    VOID = "void"  # the entry does not count
    FLAG = "flag"  # it counts, and someone should look
    TOLD = "told"  # for information


@dataclass(frozen=True, slots=True)
class Finding:
    """``entry`` is what it is about; ``order_id`` the order, if any; ``facts`` are what the sentence needs."""

    code: str
    entry: EntryRef
    order_id: EntryRef | None
    facts: tuple[tuple[str, int | str], ...] = ()

    @property
    def weight(self) -> Weight:
        return FINDINGS[self.code]


V, F, T = Weight.VOID, Weight.FLAG, Weight.TOLD
FINDINGS: Mapping[str, Weight] = MappingProxyType({
    # reading and authority
    "unreadable-body": V,
    "erased": V,  # all parties agreed that it says nothing any more
    "withheld": V,  # its core has not come, though nobody agreed to erase it
    "redact-not-possible": V,
    "unknown-object": V,  # obj names no entry, or one of another kind
    "act-out-of-turn": V,  # the life table has no such step from this state
    "wrong-side": V,  # provider's act written by the receiver, or the reverse
    "no-warrant": V,  # who names no officer's grant of that party, or one not yet seen
    "warrant-ended": V,  # past its until
    "warrant-revoked": V,
    "warrant-replaced": V,  # used after the grant that goes on in its place was seen
    "duty-missing": V,  # the warrant has none of the duties this kind needs
    "deputy-not-possible": V,  # a grant for acting that is wider or longer than the one it acts for
    "rotation-not-possible": V,  # a grant that cannot go on from the one it names
    "duties-conflict": V,  # a grant with two duties that exclude each other
    "same-officer": V,  # the same officer already did the act that must be separate
    "over-act-ceiling": V,
    "over-total-ceiling": V,
    "warrant-currency": V,  # the ceiling is in another currency than the order
    "officer-signature-missing": V,  # the policy asks for the officer's own signature
    "officer-signature-wrong": V,  # there is one, and it does not fit the key in the warrant
    "not-trained": F,  # the terms ask for training, and the warrant has no such day, or a later one
    "revocation-root-differs": F,  # a revocation vouches for another history of a log than ours
    # time
    "dated-before-seen": F,  # claims to be older than something of the other party that it had seen
    "dated-after-witness": F,  # claims to be younger than the other party's first word that had seen it
    # two histories of one log
    "fork": F,  # the log does not count any more from where its histories part, but for the one that was relied on
    "fork-not-shown": V,  # an entry says so, and its evidence does not show it, or it is about its own party's log
    # terms
    "not-allowed-category": V,
    "not-allowed-situation": V,
    "not-allowed-means": V,
    "blocked-item": V,  # weapons and ammunition groups
    "unknown-unit": V,
    "unknown-currency": V,
    "bad-quantity": V,  # zero, repeated line, or a line the order has not
    "bad-dates": V,
    "not-in-force": V,
    "wrong-provider": V,
    "price-above-list": F,  # the offer asks more than the price list it names
    # crossing and repeating documents
    "offer-expired": V,
    "offer-not-live": V,  # ordered on an offer that was replaced or withdrawn
    "second-order": V,
    "stale-amendment": V,  # amends a version that is no longer the current one
    "already-decided": V,  # a second countersignature, acceptance, receipt …
    "own-countersign": V,  # one side cannot sign for the other
    "duplicate-number": F,
    "cancel-crossed-delivery": F,
    "delivery-after-cancel": V,
    # goods
    "over-delivery": F,
    "receipt-mismatch": V,  # accepted + refused is not what was delivered
    "fuel-volume-differs": F,  # the declared volume at 15 °C is not what the measures give
    "fuel-measure-missing": F,
    "refused-goods": F,
    "discrepancy-open": F,
    "late-claim": F,  # a discrepancy raised after the claim window
    # money
    "over-liability": F,  # what was received is worth more than the order's limit
    "invoice-over-accrued": V,
    "invoice-total-differs": V,
    "invoice-receipt-unknown": V,
    "dispute-over-invoiced": V,
    "credit-over-invoiced": V,
    "short-payment": F,
    "overpaid": F,
    "premature-close": V,
    "correction-not-possible": V,
    "corrected": T,  # it counts as a correction made it say
    "taken-back": V,  # by its own side's correction
})  # fmt: skip
del V, F, T
