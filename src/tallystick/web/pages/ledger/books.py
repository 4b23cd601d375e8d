"""The ledger as pages show it: accounts in words, both books side by side, and what is open by age."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType

from django.utils.translation import gettext_lazy as _

from tallystick.app.node import Desk
from tallystick.core import due
from tallystick.core.due import AgeingRow
from tallystick.core.ledger import AccountKind, BalanceLine, ItemState, Ledger, OpenItem, kind_of
from tallystick.web import formats
from tallystick.web.words import Word

# Names of accounts by the words between the two parties' codes.
ACCOUNTS: Mapping[str, Word] = MappingProxyType({
    "ar:unbilled": _("Owed to the party, not billed"),
    "ar:billed": _("Owed to the party, billed"),
    "ar:disputed": _("Owed to the party, disputed"),
    "ap:unbilled": _("Owed by the party, not billed"),
    "ap:billed": _("Owed by the party, billed"),
    "ap:disputed": _("Owed by the party, disputed"),
    "cash": _("Cash"),
    "given": _("Supplied"),
    "got": _("Received"),
    "memo:commit": _("Agreed and not yet received"),
    "memo:offset": _("Set against what is agreed"),
})  # fmt: skip

STATES: Mapping[ItemState, Word] = MappingProxyType({
    ItemState.UNBILLED: _("Not billed"),
    ItemState.BILLED: _("Billed"),
    ItemState.DISPUTED: _("Disputed"),
})  # fmt: skip


def account_word(account: str) -> Word:
    """Return what an account is called; one without a name by its code."""
    words = account.split(":")[1:]
    return ACCOUNTS.get(":".join(words[:2])) or ACCOUNTS.get(words[0]) or ":".join(words)


@dataclass(frozen=True, slots=True)
class Section:
    """Accounts of one party in one currency that sum to zero: debits equal credits. Amounts in minor units."""

    currency: str
    is_memo: bool
    lines: tuple[tuple[Word, BalanceLine], ...]

    @property
    def debit(self) -> int:
        return sum(line.debit for _word, line in self.lines)

    @property
    def credit(self) -> int:
        return sum(line.credit for _word, line in self.lines)


def sections(ledger: Ledger, party: str) -> tuple[Section, ...]:
    """Return the trial balance of a party by currency, the memoranda apart."""

    def place(line: BalanceLine) -> tuple[str, bool]:
        return line.commodity, kind_of(line.account) is AccountKind.MEMO

    lines = sorted(ledger.trial_balance(party), key=lambda line: (*place(line), line.account))
    return tuple(
        Section(currency, is_memo, tuple((account_word(line.account), line) for line in group))
        for (currency, is_memo), group in groupby(lines, key=place)
    )


@dataclass(frozen=True, slots=True)
class Mirror:
    """The same debt in both books. ``ours`` and ``theirs`` are amounts of it, which must be equal."""

    what: Word
    currency: str
    creditor: str
    our_account: str
    their_account: str
    ours: int
    theirs: int

    @property
    def differs(self) -> bool:
        return self.ours != self.theirs


def mirrors(desk: Desk, partner: int) -> tuple[Mirror, ...]:
    """Return what each of two parties owes the other, as our book and theirs have it; empty ones left out."""
    here, there = desk.party_code(desk.party), desk.party_code(partner)
    ledger = desk.record.ledger
    found = []
    for creditor, debtor in ((here, there), (there, here)):
        for state in ItemState:
            owed = f"{creditor}:ar:{state}:{debtor}"
            owing = f"{debtor}:ap:{state}:{creditor}"
            assets, debts = ledger.balance(owed), ledger.balance(owing)
            for currency in sorted({*assets, *debts}):
                asset, debt = assets.get(currency, 0), -debts.get(currency, 0)
                if asset or debt:
                    first = creditor == here
                    found.append(
                        Mirror(
                            what=STATES[state],
                            currency=currency,
                            creditor=creditor,
                            our_account=owed if first else owing,
                            their_account=owing if first else owed,
                            ours=asset if first else debt,
                            theirs=debt if first else asset,
                        )
                    )
    return tuple(found)


# ---- what is open, by age


@dataclass(frozen=True, slots=True)
class Bar:
    """One age: ``share`` of the largest in its block, in thousandths; ``tone`` says how bad it is."""

    bucket: str
    items: int
    amount: int
    share: int
    tone: str


@dataclass(frozen=True, slots=True)
class Block:
    """Open amounts of one direction, currency and sort, by age."""

    creditor: str
    debtor: str
    currency: str
    state: ItemState
    word: Word
    bars: tuple[Bar, ...]

    @property
    def amount(self) -> int:
        return sum(bar.amount for bar in self.bars)

    @property
    def items(self) -> int:
        return sum(bar.items for bar in self.bars)


_TABLES: Mapping[ItemState, Sequence[tuple[int, str]]] = MappingProxyType({
    ItemState.UNBILLED: due.UNBILLED_BUCKETS,
    ItemState.BILLED: due.PAST_DUE_BUCKETS,
    ItemState.DISPUTED: due.PAST_DUE_BUCKETS,
})  # fmt: skip


def blocks(desk: Desk, items: Iterable[OpenItem], as_of: int) -> tuple[Block, ...]:
    """Return ``items`` by direction, currency and sort, each with every age, also the empty ones."""

    def place(row: AgeingRow) -> tuple[int, int, str, ItemState]:
        return row.creditor, row.debtor, row.commodity, row.state

    return tuple(
        Block(
            desk.party_code(creditor), desk.party_code(debtor), currency, state, STATES[state],
            tuple(_bars(state, list(rows))),
        )
        for (creditor, debtor, currency, state), rows in groupby(due.ageing(items, as_of), key=place)
    )  # fmt: skip


def _bars(state: ItemState, rows: list[AgeingRow]) -> Iterator[Bar]:
    table = _TABLES[state]
    by_name = {row.bucket: row for row in rows}
    most = max(1, *(row.amount for row in rows))
    for place, name in enumerate([*(name for _most, name in table), f"> {table[-1][0]}"]):
        row = by_name.get(name)
        amount = row.amount if row else 0
        tone = "" if place == 0 else "warn" if place < 3 else "stop"  # in time; late; very late
        yield Bar(name, row.items if row else 0, amount, max(0, amount) * 1000 // most, tone)


@dataclass(frozen=True, slots=True)
class OpenRow:
    """One open item: ``late_days`` past due (billed), or ``age_days`` since the receipt (not billed)."""

    item: OpenItem
    word: Word
    owed_to_us: bool
    late_days: int
    age_days: int
    partner: str


def open_rows(desk: Desk, items: Iterable[OpenItem], as_of: int) -> list[OpenRow]:
    """Return open items, the longest overdue first, then the longest not billed."""
    rows = [
        OpenRow(
            item,
            STATES[item.state],
            item.creditor == desk.party,
            max(0, as_of - item.due_on) if item.due_on is not None else 0,
            max(0, as_of - item.since),
            formats.party(desk.party_code(item.debtor if item.creditor == desk.party else item.creditor)),
        )
        for item in items
        if desk.party in (item.creditor, item.debtor)
    ]
    return sorted(rows, key=lambda row: (-row.late_days, -row.age_days, row.item.number, row.item.ref))
