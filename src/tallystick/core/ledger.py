"""The double-entry ledger: transactions, balances, trial balance, open items.

Decides how the fold's transactions add up. Every transaction moves one commodity by one rule between two parties and
sums to zero for each of them, so balances are sums per rule and pair: a late entry costs its own transactions and no
others. Leaves which act posts what to ``posting_rules`` and ``steps``.

Source: docs/spec/ledger.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from types import MappingProxyType
from typing import NamedTuple

from tallystick.core import canonical, posting_rules
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OrderView


class Posting(NamedTuple):
    """One leg: ``amount`` in minor units, debit positive."""

    party: str
    account: str
    amount: int


class Transaction(NamedTuple):
    """What one document moved by one rule; sums to zero per party.

    ``amount`` is in minor units of ``commodity`` and below zero when the rule runs backwards. ``about`` names the
    document whose effect this restates or takes back, when a correction did it.
    """

    origin: EntryRef
    rule: str
    order_id: EntryRef
    day: int
    commodity: str
    provider: str
    receiver: str
    amount: int
    about: EntryRef | None = None

    @property
    def postings(self) -> tuple[Posting, ...]:
        return tuple(
            Posting(party, account, sign * self.amount)
            for party, account, sign in legs(self.rule, self.provider, self.receiver)
        )


@cache
def legs(rule: str, provider: str, receiver: str) -> tuple[tuple[str, str, int], ...]:
    """Return (party, account, sign) of each posting of ``rule`` between two parties."""
    return posting_rules.accounts(posting_rules.BY_ID[rule], provider, receiver)


class AccountKind(StrEnum):
    """What sort of account a name is, from its second word."""

    ASSET = "asset"
    LIABILITY = "liability"
    FLOW = "flow"
    MEMO = "memo"


_KINDS: Mapping[str, AccountKind] = MappingProxyType({
    "ar": AccountKind.ASSET,
    "cash": AccountKind.ASSET,
    "ap": AccountKind.LIABILITY,
    "given": AccountKind.FLOW,
    "got": AccountKind.FLOW,
    "memo": AccountKind.MEMO,
})  # fmt: skip


def kind_of(account: str) -> AccountKind:
    """Return the kind of an account named as in ``posting_rules``."""
    return _KINDS[account.split(":")[1]]


class BalanceLine(NamedTuple):
    """One line of a trial balance; debit positive."""

    account: str
    commodity: str
    balance: int

    @property
    def debit(self) -> int:
        return max(0, self.balance)

    @property
    def credit(self) -> int:
        return max(0, -self.balance)


class AccountLine(NamedTuple):
    """One posting to an account, with the balance after it."""

    transaction: Transaction
    amount: int
    balance: int


class ItemState(StrEnum):
    UNBILLED = "unbilled"
    BILLED = "billed"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class OpenItem:
    """Money owed and not settled. ``amount`` below zero: the creditor holds too much and owes it back.

    ``since`` is the day of the receipt (unbilled) or of the invoice; ``due_on`` is None for what is not billed.
    """

    order_id: EntryRef
    number: str
    state: ItemState
    ref: EntryRef
    creditor: int
    debtor: int
    commodity: str
    amount: int
    since: int
    due_on: int | None


TallyKey = tuple[str, str, str, str]
"""(rule, provider, receiver, commodity)"""


class Ledger:
    """The books of all parties at one point. Immutable: the fold makes a new one after each change."""

    def __init__(
        self,
        tallies: Mapping[TallyKey, int],
        journal: Callable[[], tuple[Transaction, ...]],
        journal_of: Callable[[EntryRef], tuple[Transaction, ...]],
        orders: Callable[[], Iterable[OrderView]],
    ) -> None:
        """``tallies`` are sums of amounts; the three callables are asked only when somebody reads lines."""
        self._tallies = tallies
        self._journal = journal
        self._journal_of = journal_of
        self._orders = orders

    @cached_property
    def _balances(self) -> Mapping[tuple[str, str], int]:
        balances: dict[tuple[str, str], int] = {}
        for (rule, provider, receiver, commodity), amount in self._tallies.items():
            for _party, account, sign in legs(rule, provider, receiver):
                key = (account, commodity)
                balances[key] = balances.get(key, 0) + sign * amount
        return MappingProxyType(dict(sorted(balances.items())))

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 over every account ever moved, by commodity, with its balance as text: the books of all parties."""
        told = [[account, commodity, str(amount)] for (account, commodity), amount in self._balances.items()]
        return hashlib.sha256(canonical.encode_trusted(told)).digest()

    def accounts(self) -> tuple[str, ...]:
        """Return the names of all accounts that were ever moved, sorted."""
        return tuple(sorted({account for account, _commodity in self._balances}))

    def balance(self, account: str) -> Mapping[str, int]:
        """Return what an account, or all accounts below a name such as ``"JP:ar"``, come to, by commodity."""
        found: dict[str, int] = {}
        for (name, commodity), amount in self._balances.items():
            if name == account or name.startswith(account + ":"):
                found[commodity] = found.get(commodity, 0) + amount
        return MappingProxyType(found)

    def trial_balance(self, party: str) -> tuple[BalanceLine, ...]:
        """Return every account of the party with code ``party``; the lines of one commodity sum to zero."""
        return tuple(
            BalanceLine(account, commodity, amount)
            for (account, commodity), amount in self._balances.items()
            if account.startswith(party + ":")
        )

    def transactions(self) -> tuple[Transaction, ...]:
        """Return the journal, in the order everybody reads the entries."""
        return self._journal()

    def transactions_of(self, order_id: EntryRef) -> tuple[Transaction, ...]:
        return self._journal_of(order_id)

    def account_lines(self, account: str) -> tuple[AccountLine, ...]:
        """Return the postings to one account, oldest first, with running balances per commodity."""
        return tuple(self._lines(account))

    def _lines(self, account: str) -> Iterator[AccountLine]:
        balances: dict[str, int] = {}
        for transaction in self._journal():
            for posting in transaction.postings:
                if posting.account == account:
                    commodity = transaction.commodity
                    balances[commodity] = balances.get(commodity, 0) + posting.amount
                    yield AccountLine(transaction, posting.amount, balances[commodity])

    def open_items(self) -> tuple[OpenItem, ...]:
        """Return everything owed and not settled; per pair and commodity they come to the receivables."""
        return tuple(item for order in self._orders() for item in open_items_of(order))


def open_items_of(order: OrderView) -> Iterator[OpenItem]:
    """Yield what is owed under one order: unbilled per order, billed and disputed per invoice."""

    def item(state: ItemState, ref: EntryRef, amount: int, since: int, due_on: int | None) -> OpenItem:
        return OpenItem(
            order_id=order.order_id,
            number=order.number,
            state=state,
            ref=ref,
            creditor=order.provider,
            debtor=order.receiver,
            commodity=order.currency or "",
            amount=amount,
            since=since,
            due_on=due_on,
        )

    unbilled = sum(line.unbilled for line in order.lines)
    received = [delivery for delivery in order.deliveries if delivery.received_on is not None]
    if unbilled and received:
        billed = {receipt for invoice in order.invoices for receipt in invoice.receipts}
        # What no invoice names is what is unbilled; if all are named, a resolution added to what they were worth.
        oldest = next((d for d in received if d.receipt not in billed), received[-1])
        assert oldest.receipt is not None
        yield item(ItemState.UNBILLED, oldest.receipt, unbilled, oldest.received_on or 0, None)
    for invoice in order.invoices:
        billed_open = invoice.open_amount - invoice.disputed
        if billed_open:
            yield item(ItemState.BILLED, invoice.ref, billed_open, invoice.issued_on, invoice.due_on)
        if invoice.disputed:
            yield item(ItemState.DISPUTED, invoice.ref, invoice.disputed, invoice.issued_on, invoice.due_on)
