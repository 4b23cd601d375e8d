"""Which accounts an act moves, as one table.

Decides, for each rule, the account debited and the account credited on each party's side. Leaves the amounts to
``steps`` and the sums to ``ledger``. The numbers L8 to L15 belong to returns in kind, equal-value pools, netting and
loans, which have no entry kinds yet.

Source: docs/spec/ledger.md, "Rules".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class PostingRule:
    """One rule. In account names ``P`` stands for the provider's code and ``R`` for the receiver's.

    An amount below zero moves the other way: that is how a commitment is released and an error reversed.
    """

    id: str
    document: str
    provider: tuple[str, str]  # (debited, credited)
    receiver: tuple[str, str]
    note: str


RULES: tuple[PostingRule, ...] = (
    PostingRule(
        "L1", "acceptance; released as goods are received, refused or cancelled",
        ("P:memo:commit:R", "P:memo:offset:R"), ("R:memo:commit:P", "R:memo:offset:P"),
        "What is agreed and not yet received. A memorandum: it is nobody's debt.",
    ),
    PostingRule(
        "L2", "receipt",
        ("P:ar:unbilled:R", "P:given"), ("R:got", "R:ap:unbilled:P"),
        "What was accepted is owed from the receipt on, before any invoice.",
    ),
    PostingRule(
        "L3", "invoice",
        ("P:ar:billed:R", "P:ar:unbilled:R"), ("R:ap:unbilled:P", "R:ap:billed:P"),
        "Billed amounts have a due date.",
    ),
    PostingRule(
        "L4", "invoice disputed",
        ("P:ar:disputed:R", "P:ar:billed:R"), ("R:ap:billed:P", "R:ap:disputed:P"),
        "Set aside until resolved; resolved or accepted, it moves back.",
    ),
    PostingRule(
        "L6", "funds received",
        ("P:cash", "P:ar:billed:R"), ("R:ap:billed:P", "R:cash"),
        "Only the provider's word that money arrived settles.",
    ),
    PostingRule(
        "L7", "credit note",
        ("P:given", "P:ar:billed:R"), ("R:ap:billed:P", "R:got"),
        "Takes back part of what was billed.",
    ),
    PostingRule(
        "L16", "resolution, countersigned",
        ("P:ar:unbilled:R", "P:given"), ("R:got", "R:ap:unbilled:P"),
        "Only the change of what the line is worth, as L2. A resolved dispute moves back by L4.",
    ),
)  # fmt: skip

BY_ID: Mapping[str, PostingRule] = MappingProxyType({rule.id: rule for rule in RULES})

WITHOUT_POSTING: Mapping[str, str] = MappingProxyType({
    "L5": "payment advice: the debt lives until the funds are received, which keeps both books equal",
})  # fmt: skip


def accounts(rule: PostingRule, provider: str, receiver: str) -> tuple[tuple[str, str, int], ...]:
    """Return (party code, account, sign) for each leg of ``rule`` between two parties; debits are positive."""

    def named(pattern: str) -> str:
        words = {"P": provider, "R": receiver}
        return ":".join(words.get(word, word) for word in pattern.split(":"))

    return (
        (provider, named(rule.provider[0]), 1),
        (provider, named(rule.provider[1]), -1),
        (receiver, named(rule.receiver[0]), 1),
        (receiver, named(rule.receiver[1]), -1),
    )
