"""What must hold of the books after every entry, asked in production too (docs/spec/ledger.md, "Rules").

The fold is total and never raises; whoever takes entries in asks here about the orders that changed and says so when a
law is broken. A breach is a mistake of this program, never of a partner: no entry can bring one about. Decides what is
asked. Leaves to ``app.node`` when, and to the attestations whether two nodes mean the same (I4).

One order costs a walk over its lines and its journal; ``of_books`` walks all orders and is for tests and simulations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from tallystick.core.fold import Record
from tallystick.core.ledger import Transaction, legs
from tallystick.core.orders import Line, OrderView

_OWED = {"L2": 1, "L16": 1, "L6": -1, "L7": -1}  # what each rule does to the debt
_STATES = ("unbilled", "billed", "disputed")


class Breach(NamedTuple):
    """A law that does not hold: its number in docs/spec/ledger.md, the order's number if it is about one, and how."""

    law: str
    order: str
    what: str


def of_order(order: OrderView, journal: Sequence[Transaction]) -> Iterator[Breach]:
    """Yield what is broken about one order: I1, I2, I3, I5, I6 and I7."""
    number = order.number
    restated = {transaction.about for transaction in journal}
    effective = set(order.effective)
    owed = 0
    for transaction in journal:
        told = f"{transaction.rule} of {transaction.origin}"
        if not _balances(transaction.rule, transaction.provider, transaction.receiver):
            yield Breach("I1", number, f"{told} does not sum to zero for each party")
        if not _mirrors(transaction.rule, transaction.provider, transaction.receiver):
            yield Breach("I2", number, f"{told} is not the same debt in both books")
        if transaction.origin not in effective and transaction.origin not in restated:
            yield Breach("I3", number, f"{told} is posted by an entry that does not count")
        if transaction.commodity != order.currency:
            yield Breach("I6", number, f"{told} is in {transaction.commodity}, the order in {order.currency}")
        if type(transaction.amount) is not int or not transaction.amount:
            yield Breach("I7", number, f"{told} moves {transaction.amount!r}")
        owed += _OWED.get(transaction.rule, 0) * transaction.amount
    for line in order.lines:
        if not _conserves(order, line):
            yield Breach("I5", number, f"goods of line {line.line}")
    if order.settled != sum(invoice.received for invoice in order.invoices):
        yield Breach("I5", number, "what settles the lines is not what was received on the invoices")
    open_amount = order.open_amount
    if open_amount != sum(invoice.open_amount for invoice in order.invoices) + sum(ln.unbilled for ln in order.lines):
        yield Breach("I5", number, "what is owed on the lines is not what is owed on invoices and unbilled")
    if open_amount != owed:
        yield Breach("I5", number, f"{open_amount} is owed, the journal says {owed}")


def of_books(record: Record, codes: Sequence[str]) -> Iterator[Breach]:
    """Yield what is broken about the books of the parties ``codes``, in their order in the genesis: I2 and I5."""
    for one in codes:
        for other in codes:
            for state in _STATES:
                ours = dict(record.ledger.balance(f"{one}:ar:{state}:{other}"))
                theirs = record.ledger.balance(f"{other}:ap:{state}:{one}")
                if ours != {commodity: -amount for commodity, amount in theirs.items()}:
                    yield Breach("I2", "", f"{one}:ar:{state}:{other} is not {other}:ap:{state}:{one}")
    items: dict[tuple[int, str], int] = {}
    for item in record.ledger.open_items():
        items[item.creditor, item.commodity] = items.get((item.creditor, item.commodity), 0) + item.amount
    for number, code in enumerate(codes):
        for commodity, amount in record.ledger.balance(f"{code}:ar").items():
            if items.get((number, commodity), 0) != amount:
                yield Breach("I5", "", f"the open items of {code} are not {code}:ar")
        sums: dict[str, int] = {}
        for line in record.ledger.trial_balance(code):
            sums[line.commodity] = sums.get(line.commodity, 0) + line.balance
        if any(sums.values()):
            yield Breach("I1", "", f"the trial balance of {code} does not sum to zero")


@cache
def _balances(rule: str, provider: str, receiver: str) -> bool:
    sums: dict[str, int] = {}
    for party, _account, sign in legs(rule, provider, receiver):
        sums[party] = sums.get(party, 0) + sign
    return not any(sums.values())


@cache
def _mirrors(rule: str, provider: str, receiver: str) -> bool:
    """Return whether each move of a receivable is the opposite move of the payable of the same state."""
    moves: dict[tuple[str, str, str], int] = {}
    for _party, account, sign in legs(rule, provider, receiver):
        match account.split(":"):
            case [creditor, "ar", state, debtor] | [debtor, "ap", state, creditor]:
                moves[creditor, state, debtor] = moves.get((creditor, state, debtor), 0) + sign
    return not any(moves.values())


def _conserves(order: OrderView, line: Line) -> bool:
    """Return whether what a line says of its goods is what its deliveries and receipts say, nothing more or less."""
    told = [told for delivery in order.deliveries for told in delivery.lines if told.line == line.line]
    on_its_way = sum(item.quantity for item in told if item.accepted is None)
    return (
        line.received == sum(item.accepted or 0 for item in told)
        and line.refused == sum(item.refused or 0 for item in told)
        and line.delivered == line.received + line.refused + on_its_way
        and line.cancelled >= 0
    )
