"""The books for other programs: rows for CSV and JSON, and a journal that hledger checks.

Decides the form only; every figure is the ledger's. Amounts are plain decimals of their currency, days are ISO dates,
entries are named by log and index.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from tallystick.app.visible import visible
from tallystick.core import calendar
from tallystick.core.agreement import Genesis
from tallystick.core.fold import Record
from tallystick.core.ledger import AccountKind, Transaction, kind_of
from tallystick.core.quantity import Money, currency


@dataclass(frozen=True)
class JournalRow:
    """One posting."""

    day: str
    entry: str
    about: str
    rule: str
    order: str
    party: str
    account: str
    amount: str  # debit positive
    currency: str


@dataclass(frozen=True)
class BalanceRow:
    account: str
    currency: str
    debit: str
    credit: str
    balance: str  # debit positive


@dataclass(frozen=True)
class AccountRow:
    """One posting to one account, with the balance after it."""

    day: str
    entry: str
    rule: str
    order: str
    amount: str
    balance: str
    currency: str


@dataclass(frozen=True)
class OpenItemRow:
    """Money owed and not settled."""

    order: str
    state: str
    entry: str
    creditor: str
    debtor: str
    amount: str
    currency: str
    since: str
    due_on: str


Row = JournalRow | BalanceRow | AccountRow | OpenItemRow


def _day(day: int | None) -> str:
    return "" if day is None else calendar.date_of(day).isoformat()


def _number(record: Record, transaction: Transaction) -> str:
    return record.orders[transaction.order_id].number


def journal_rows(record: Record, party: str | None = None) -> list[JournalRow]:
    """Return every posting, by day and then in the order everybody reads the entries; of one party if named."""
    return [
        JournalRow(
            day=_day(transaction.day),
            entry=str(transaction.origin),
            about=str(transaction.about or ""),
            rule=transaction.rule,
            order=_number(record, transaction),
            party=posting.party,
            account=posting.account,
            amount=Money(posting.amount, transaction.commodity).text(),
            currency=transaction.commodity,
        )
        for transaction in _by_day(record)
        for posting in transaction.postings
        if party in {None, posting.party}
    ]


def _by_day(record: Record) -> list[Transaction]:
    return sorted(record.ledger.transactions(), key=lambda transaction: transaction.day)  # stable: keeps that order


def balance_rows(record: Record, party: str) -> list[BalanceRow]:
    """Return the trial balance of the party with code ``party``."""
    return [
        BalanceRow(
            account=line.account,
            currency=line.commodity,
            debit=Money(line.debit, line.commodity).text(),
            credit=Money(line.credit, line.commodity).text(),
            balance=Money(line.balance, line.commodity).text(),
        )
        for line in record.ledger.trial_balance(party)
    ]


def account_rows(record: Record, account: str) -> list[AccountRow]:
    """Return the postings to one account, in the order everybody reads them; empty when there are none."""
    return [
        AccountRow(
            day=_day(line.transaction.day),
            entry=str(line.transaction.origin),
            rule=line.transaction.rule,
            order=_number(record, line.transaction),
            amount=Money(line.amount, line.transaction.commodity).text(),
            balance=Money(line.balance, line.transaction.commodity).text(),
            currency=line.transaction.commodity,
        )
        for line in record.ledger.account_lines(account)
    ]


def open_item_rows(record: Record, genesis: Genesis) -> list[OpenItemRow]:
    """Return everything owed and not settled."""
    return [
        OpenItemRow(
            order=item.number,
            state=item.state.value,
            entry=str(item.ref),
            creditor=genesis.parties[item.creditor].code,
            debtor=genesis.parties[item.debtor].code,
            amount=Money(item.amount, item.commodity).text(),
            currency=item.commodity,
            since=_day(item.since),
            due_on=_day(item.due_on),
        )
        for item in record.ledger.open_items()
    ]


def plain(row: Any) -> dict[str, Any]:
    """Return a row as a mapping, in the order of its columns: a JSON object."""
    return {field.name: getattr(row, field.name) for field in fields(row)}


# ---- CSV

_FORMULA = ("=", "+", "-", "@")


def to_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return ``rows`` as CSV (RFC 4180) with a first line of names.

    A text that a spreadsheet would run as a formula gets an apostrophe before it, and control letters become signs
    (``visible``): such texts come from partners.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_cell(row[name]) for name in columns] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> str:
    text = "" if value is None else visible(str(value))
    return f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    return text[1:].replace(".", "", 1).isdecimal() and text[0] == "-"


# ---- hledger

_HLEDGER_TYPES: Mapping[AccountKind, str] = {
    AccountKind.ASSET: "A",
    AccountKind.LIABILITY: "L",
    AccountKind.FLOW: "X",
    AccountKind.MEMO: "E",
}


def hledger_journal(record: Record, genesis: Genesis, party: str | None = None) -> str:
    """Return the journal in hledger's format, of both parties or of one.

    Each side's half of a transaction is one of its own, so that hledger checks invariant I1 (each party's postings sum
    to zero per commodity) by itself. Commodities and accounts are declared: ``hledger check -s`` passes. Dates are in
    order.

    Source: https://hledger.org/1.25/hledger.html#journal-format; docs/spec/ledger.md.
    """
    transactions = _by_day(record)
    lines = [
        f"; {genesis.name}: space {genesis.space_id.hex()}",
        f"; record digest {record.digest.hex()}, {record.entry_count} entries",
        "",
    ]
    lines += [_hledger_commodity(code) for code in sorted({t.commodity for t in transactions})]
    lines.append("")
    lines += [
        f"account {account}  ; type: {_hledger_type(account)}"
        for account in record.ledger.accounts()
        if party in {None, account.split(":")[0]}
    ]
    for transaction in transactions:
        for side in (transaction.provider, transaction.receiver):
            if party in {None, side}:
                lines += ["", *_hledger_transaction(record, transaction, side)]
    return "\n".join(lines) + "\n"


def _hledger_type(account: str) -> str:
    return "R" if account.endswith(":given") else _HLEDGER_TYPES[kind_of(account)]  # what is given is revenue


def _hledger_commodity(code: str) -> str:
    exponent = currency(code).exponent
    return f"commodity 1000.{'0' * exponent} {code}"


def _hledger_transaction(record: Record, transaction: Transaction, side: str) -> Iterator[str]:
    about = f", about:{transaction.about}" if transaction.about else ""
    yield (
        f"{_day(transaction.day)} ({transaction.origin}) {_number(record, transaction)} {transaction.rule}"
        f"  ; entry:{transaction.origin}, rule:{transaction.rule}, order:{transaction.order_id}, party:{side}{about}"
    )
    for posting in transaction.postings:
        if posting.party == side:
            amount = Money(posting.amount, transaction.commodity).text()
            yield f"    {posting.account}  {amount} {transaction.commodity}"
