"""Which of the product's rules a world exercised: rows of the order table, what they may earn, and posting rules.

The rules are read from the product's own tables, so a rule nobody exercised is named, and a new one is counted at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields

from tallystick.app.fields import kind_name
from tallystick.app.node import Desk
from tallystick.core.entries import ADMIN_KINDS, NODE_KINDS, Entry, Kind
from tallystick.core.findings import FINDINGS
from tallystick.core.identity import EntryRef
from tallystick.core.orders import ANY_ACT, LIFE, STEPS, Step
from tallystick.core.posting_rules import RULES
from tallystick.core.steps import walk


@dataclass
class Rules:
    """How often each rule decided something."""

    rows: Counter[str] = field(default_factory=Counter)  # acts that counted, and on what
    moves: Counter[str] = field(default_factory=Counter)  # and in which state of their order
    guards: Counter[str] = field(default_factory=Counter)  # what an act's row says it may earn, and did
    posted: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)

    def add(self, other: Rules) -> None:
        for one in fields(self):
            getattr(self, one.name).update(getattr(other, one.name))

    def refused(self, kind: int, code: str) -> None:
        """Note that ``app.write`` refused an act for ``code``: the rule decided before anything was signed."""
        self.guards[_guard(kind, code)] += 1


def _row(kind: int, on: int | None) -> str:
    if kind == Kind.NOTE or on is None:  # a note may be on anything
        return kind_name(kind)
    return f"{kind_name(kind)} on {kind_name(on)}"


def _move(kind: int, state: str) -> str:
    return f"{kind_name(kind)} when {state}"


def _guard(kind: int, code: str) -> str:
    return f"any act: {code}" if code in ANY_ACT else f"{kind_name(kind)}: {code}"


def _guards(step: Step) -> Iterator[str]:
    for code in (*step.guards, *([step.otherwise] if step.from_states else [])):
        yield _guard(step.kind, code)


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


ALL = {
    "rows": _once(_row(kind, on) for kind, on in STEPS),
    "moves": _once(_move(step.kind, state) for step in LIFE for state in step.from_states),
    "guards": _once([*(name for step in LIFE for name in _guards(step)), *(f"any act: {code}" for code in ANY_ACT)]),
    "posted": _once(f"{rule.id} {way}" for rule in RULES for way in ("more", "less")),
    "findings": tuple(FINDINGS),
}
"""Every rule there is, by the names of ``Rules``."""


def exercised(desk: Desk) -> Rules:
    """Return what the rules decided in the record of ``desk``."""
    rules, record = Rules(), desk.record
    for finding in record.findings:
        rules.findings[finding.code] += 1
        kind = desk.space.entry(finding.entry).kind
        if kind not in ADMIN_KINDS | NODE_KINDS:
            rules.guards[_guard(kind, finding.code)] += 1
    for posted in record.ledger.transactions():
        rules.posted[f"{posted.rule} {'more' if posted.amount > 0 else 'less'}"] += 1
    for price_list in record.price_lists:
        rules.rows[_row(desk.space.entry(price_list.ref).kind, None)] += 1
    for order_id, order in record.orders.items():
        effective = set(order.effective)
        entries = record.entries_of(order_id)
        for place, entry in enumerate(entries):
            if entry.ref in effective:
                _count(rules, desk, order_id, entry, entries[:place])
    return rules


def _count(rules: Rules, desk: Desk, order_id: EntryRef, entry: Entry, before: tuple[Entry, ...]) -> None:
    """Count an act that counts, in the state in which the entries ``before`` it left its order."""
    rules.rows[_row(entry.kind, desk.space.entry(entry.obj).kind if entry.obj is not None else None)] += 1
    state = walk(desk.fold, order_id, before).state if before else None
    if state is not None:
        rules.moves[_move(entry.kind, state.value)] += 1
