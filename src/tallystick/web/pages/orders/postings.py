"""What an act posts, as both books show it: debit and credit, ours beside theirs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext

from tallystick.app.node import Desk
from tallystick.core.identity import EntryRef
from tallystick.core.ledger import AccountKind, Posting, Transaction, kind_of
from tallystick.core.posting_rules import BY_ID


@dataclass(frozen=True, slots=True)
class Leg:
    """One posting: ``amount`` is what is debited or credited, never below zero."""

    account: str
    is_debit: bool
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Posted:
    """``note`` is what the rule is for; a memorandum is nobody's debt."""

    rule: str
    note: str
    is_memorandum: bool
    day: int
    currency: str
    ours: tuple[Leg, ...]
    theirs: tuple[Leg, ...]
    about: EntryRef | None


def posted(transactions: Iterable[Transaction], desk: Desk) -> tuple[Posted, ...]:
    """Return transactions with this party's legs on the left, debits first."""
    here = desk.party_code(desk.party)
    return tuple(
        Posted(
            transaction.rule,
            gettext(BY_ID[transaction.rule].note),
            all(kind_of(p.account) is AccountKind.MEMO for p in transaction.postings),
            transaction.day,
            transaction.commodity,
            _legs((p for p in transaction.postings if p.party == here), transaction.commodity),
            _legs((p for p in transaction.postings if p.party != here), transaction.commodity),
            transaction.about,
        )
        for transaction in transactions
    )


def _legs(postings: Iterable[Posting], currency: str) -> tuple[Leg, ...]:
    legs = [Leg(p.account, p.amount >= 0, abs(p.amount), currency) for p in postings]
    return tuple(sorted(legs, key=lambda leg: not leg.is_debit))
