"""Accounts, balances and open items."""

# ruff: noqa: E501 (a line of a story is one line)
from __future__ import annotations

from hashlib import sha256

import cbor2
from tests.cast import IN, JP
from tests.scenario import Story

from tallystick.core.calendar import parse_day
from tallystick.core.identity import EntryRef
from tallystick.core.ledger import (
    AccountKind,
    AccountLine,
    BalanceLine,
    ItemState,
    OpenItem,
    Posting,
    Transaction,
    kind_of,
)
from tallystick.core.posting_rules import BY_ID, RULES, WITHOUT_POSTING, accounts

STORY = """
2027-03-01 JP request O1 of IN: 1 FOOD 100 KGM "fresh provisions"
2027-03-02 IN offer F1 on O1 INR until 2027-04-30: 1 100 @ 10.00
2027-03-03 JP order R1 on F1 limit 2000.00
2027-03-04 IN accept A1 on R1
2027-03-05 IN deliver D1 on A1: 1 60
2027-03-05 JP receive E1 on D1
2027-03-09 IN invoice I1 on A1 for E1
2027-03-10 JP dispute P1 on I1: 1 50.00
2027-03-12 IN deliver D2 on A1: 1 30
2027-03-12 JP receive E2 on D2
2027-03-20 IN funds N1 on I1 500.00
"""


def test_a_rule_balances_for_each_party() -> None:
    for rule in RULES:
        legs = accounts(rule, "IN", "JP")
        for party in ("IN", "JP"):
            assert sum(sign for owner, _account, sign in legs if owner == party) == 0
            assert all(account.startswith(f"{party}:") for owner, account, _sign in legs if owner == party)


def test_a_receivable_of_one_is_a_payable_of_the_other_in_every_rule() -> None:
    for rule in RULES:
        legs = accounts(rule, "IN", "JP")
        ours = {account: sign for _party, account, sign in legs if ":ar:" in account}
        theirs = {account: sign for _party, account, sign in legs if ":ap:" in account}
        assert {a.split(":")[2]: -s for a, s in ours.items()} == {a.split(":")[2]: s for a, s in theirs.items()}


def test_rule_numbers_are_used_once() -> None:
    assert len(BY_ID) == len(RULES)
    assert not BY_ID.keys() & WITHOUT_POSTING.keys()


def test_a_transaction_posts_both_sides() -> None:
    ref = EntryRef(16, 3)
    transaction = Transaction(ref, "L6", ref, 20_000, "INR", "IN", "JP", 500)
    assert transaction.postings == (
        Posting("IN", "IN:cash", 500),
        Posting("IN", "IN:ar:billed:JP", -500),
        Posting("JP", "JP:ap:billed:IN", 500),
        Posting("JP", "JP:cash", -500),
    )


def test_the_trial_balance_of_each_party_sums_to_zero() -> None:
    ledger = Story(STORY).record.ledger
    assert ledger.trial_balance("IN") == (
        BalanceLine("IN:ar:billed:JP", "INR", 5_000),
        BalanceLine("IN:ar:disputed:JP", "INR", 5_000),
        BalanceLine("IN:ar:unbilled:JP", "INR", 30_000),
        BalanceLine("IN:cash", "INR", 50_000),
        BalanceLine("IN:given", "INR", -90_000),
        BalanceLine("IN:memo:commit:JP", "INR", 10_000),
        BalanceLine("IN:memo:offset:JP", "INR", -10_000),
    )
    lines = ledger.trial_balance("JP")
    assert sum(line.balance for line in lines) == 0
    assert sum(line.debit for line in lines) == sum(line.credit for line in lines) == 100_000
    assert all(ln.debit - ln.credit == ln.balance and 0 in (ln.debit, ln.credit) for ln in lines)


def test_a_name_stands_for_all_accounts_below_it() -> None:
    ledger = Story(STORY).record.ledger
    assert dict(ledger.balance("IN:ar")) == {"INR": 40_000}
    assert dict(ledger.balance("JP:ap")) == {"INR": -40_000}
    assert dict(ledger.balance("IN:a")) == {}
    assert "IN:ar:billed:JP" in ledger.accounts()


def test_an_account_shows_its_postings_with_running_balances() -> None:
    story = Story(STORY)
    order_id = story.names["O1"]
    lines = story.record.ledger.account_lines("IN:ar:billed:JP")
    assert lines == tuple(
        AccountLine(Transaction(story.names[name], rule, order_id, lines[n].transaction.day, "INR", "IN", "JP", abs(amount)), amount, balance)
        for n, (name, rule, amount, balance) in enumerate([
            ("I1", "L3", 60_000, 60_000),
            ("P1", "L4", -5_000, 55_000),
            ("N1", "L6", -50_000, 5_000),
        ])
    )  # fmt: skip


def test_the_digest_of_the_books_is_over_every_account_with_its_balance() -> None:
    """docs/spec/sync.md, "Attestations", with another encoder; a balance of nothing is told, too."""
    ledger = Story(STORY + "2027-03-21 IN correct Q1 on N1\n").record.ledger
    told = [[ln.account, ln.commodity, str(ln.balance)] for code in ("IN", "JP") for ln in ledger.trial_balance(code)]
    assert ["IN:cash", "INR", "0"] in told
    assert ledger.digest == sha256(cbor2.dumps(sorted(told), canonical=True)).digest()
    assert ledger.accounts() == tuple(sorted({account for account, _, _ in told}))


def test_what_is_not_billed_is_owed_since_the_first_receipt_that_no_invoice_names() -> None:
    received = STORY[: STORY.index("2027-03-10")] + "2027-03-12 IN deliver D2 on A1: 1 30\n"

    def unbilled(told: str) -> list[tuple[EntryRef, int, int]]:
        story = Story(told)
        order = story.order()
        assert all(item.creditor == order.provider for item in story.record.ledger.open_items())
        return [(i.ref, i.amount, i.since) for i in story.record.ledger.open_items() if i.state is ItemState.UNBILLED]

    assert unbilled(received) == []  # delivered is not received
    two = (
        received
        + "2027-03-12 JP receive E2 on D2\n2027-03-14 IN deliver D3 on A1: 1 10\n2027-03-15 JP receive E3 on D3\n"
    )
    story = Story(two)
    second, third = (story.order().deliveries[n].received_on for n in (1, 2))
    assert (second, third) == (parse_day("2027-03-12"), parse_day("2027-03-15"))
    assert unbilled(two) == [(story.names["E2"], 40_000, second)]
    late = received.replace("2027-03-12 IN deliver D2", "2027-03-11 IN deliver D9 on A1: 1 5\n2027-03-12 IN deliver D2")
    late += "2027-03-13 JP receive E2 on D2\n"  # what came before it is not counted yet
    assert unbilled(late) == [(Story(late).names["E2"], 30_000, parse_day("2027-03-13"))]
    billed = two + "2027-03-16 IN invoice I2 on A1 for E2\n"
    assert unbilled(billed) == []
    assert unbilled(billed.replace("for E2", "for E2: 1 300.00")) == [(story.names["E3"], 10_000, third)]
    more = (
        billed.replace("for E2", "for E2 E3")
        + "2027-03-17 IN resolve S1 on E3: 1 adjusted 5.00\n2027-03-18 JP countersign on S1\n"
    )
    assert unbilled(more) == [(story.names["E3"], 500, third)]  # a receipt that is billed turned out to be worth more


def test_open_items_tell_what_is_owed_and_since_when() -> None:
    story = Story(STORY)
    order = story.order()
    common = {
        "order_id": order.order_id, "number": order.number, "creditor": IN, "debtor": JP, "commodity": "INR",
    }  # fmt: skip
    issued_on, due_on = order.invoices[0].issued_on, order.invoices[0].due_on
    assert story.record.ledger.open_items() == (
        OpenItem(
            state=ItemState.UNBILLED, ref=story.names["E2"], amount=30_000,
            since=order.deliveries[1].received_on, due_on=None, **common,
        ),
        OpenItem(state=ItemState.BILLED, ref=story.names["I1"], amount=5_000, since=issued_on, due_on=due_on, **common),
        OpenItem(state=ItemState.DISPUTED, ref=story.names["I1"], amount=5_000, since=issued_on, due_on=due_on, **common),
    )  # fmt: skip


def test_the_journal_is_in_reading_order() -> None:
    story = Story(STORY)
    journal = story.record.ledger.transactions()
    keys = [next(e.order_key for e in story.entries if e.ref == t.origin) for t in journal]
    assert keys == sorted(keys)
    assert story.record.ledger.transactions_of(story.names["O1"]) == journal
    assert story.record.ledger.transactions_of(EntryRef(99, 0)) == ()


def test_accounts_have_kinds() -> None:
    kinds = {account.split(":")[1]: kind_of(account) for account in Story(STORY).record.ledger.accounts()}
    assert kinds == {
        "ar": AccountKind.ASSET, "ap": AccountKind.LIABILITY, "cash": AccountKind.ASSET, "given": AccountKind.FLOW,
        "got": AccountKind.FLOW, "memo": AccountKind.MEMO,
    }  # fmt: skip
