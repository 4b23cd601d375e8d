"""Writes the tables of docs/spec/orders.md and docs/spec/ledger.md from the code. Run: python -m tools.tables

A table stands between ``<!-- table: name -->`` and ``<!-- end -->``; a test holds document and code together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path

from tallystick.core.agreement import JAPAN_INDIA_TERMS
from tallystick.core.due import PAST_DUE_BUCKETS, SOON_DAYS, UNBILLED_BUCKETS
from tallystick.core.entries import Duty, Kind
from tallystick.core.findings import FINDINGS, Weight
from tallystick.core.orders import ANY_ACT, DUTY_SIDES, LIFE, OrderState, Side, Step
from tallystick.core.posting_rules import RULES, WITHOUT_POSTING
from tallystick.core.quantity import UNITS
from tallystick.core.warrants import EXCLUSIONS, OFFICER_SIGNED

SPEC = Path(__file__).resolve().parent.parent / "docs" / "spec"
DOCUMENTS = ("orders.md", "ledger.md")
_BLOCK = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def words(member: Enum) -> str:
    """Return the name of an enum's member in plain words: ``payment advice``."""
    return member.name.lower().replace("_", " ")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _states(step: Step) -> str:
    if not step.from_states:
        return "–"
    if set(step.from_states) == set(OrderState):
        return "any"
    return ", ".join(state.value for state in step.from_states)


def _to(step: Step) -> str:
    if step.kind in (Kind.NOTE, Kind.PRICE_LIST):
        return "–"
    return step.to.value if step.to is not None else "computed"


def _codes(codes: Iterable[str]) -> str:
    return ", ".join(f"`{code}`" for code in codes) or "–"


def life() -> str:
    rows = []
    for step in LIFE:
        everything = len(step.on) > 12
        on = "anything" if everything else ", ".join(words(kind) for kind in step.on) or "–"
        duties = "any" if len(step.duties) == len(Duty) else ", ".join(words(duty) for duty in step.duties)
        to = f"{_to(step)}, when countersigned" if step.needs_countersign else _to(step)
        otherwise = "" if step.otherwise == "act-out-of-turn" else f"; otherwise `{step.otherwise}`"
        rows.append(
            [
                f"**{words(step.kind)}**", on, _states(step) + otherwise, step.side.value,
                duties or "that of the document", to, _codes(step.guards), step.note,
            ]
        )  # fmt: skip
    rows.append(["*any act*", "", "", "", "", "", _codes(ANY_ACT), "What every act may earn besides."])
    return table(["Act", "On", "From", "Side", "Duty, one of", "To", "Findings it may earn", "What it means"], rows)


def duties() -> str:
    rows = []
    for duty in Duty:
        side = DUTY_SIDES[duty]
        excluded = [other for other in Duty if other in EXCLUSIONS.get(duty, ()) or duty in EXCLUSIONS.get(other, ())]
        signs = dict.fromkeys(words(step.kind) for step in LIFE if duty in step.duties and len(step.duties) < len(Duty))
        every = len(excluded) == len(Duty) - 1
        rows.append(
            [
                words(duty),
                "either" if side is Side.EITHER else side.value,
                ", ".join(signs) or "–",
                "any other" if every else ", ".join(words(other) for other in excluded) or "–",
            ]
        )
    return table(["Duty", "Side", "Signs", "Never with"], rows)


def officer_signed() -> str:
    return table(
        ["Act", "Held against the writer's ceiling"], ([words(kind), by] for kind, by in OFFICER_SIGNED.items())
    )


_WEIGHTS: Mapping[Weight, str] = {
    Weight.VOID: "the entry does not count",
    Weight.FLAG: "it counts, and someone should look",
    Weight.TOLD: "for information",
}


def findings() -> str:
    return table(
        ["Finding", "Weight"],
        ([f"`{code}`", f"{weight.value}: {_WEIGHTS[weight]}"] for code, weight in FINDINGS.items()),
    )


def posting_rules() -> str:
    def legs(pair: tuple[str, str]) -> str:
        return f"Dr `{pair[0]}` / Cr `{pair[1]}`"

    rows = [[rule.id, rule.document, legs(rule.provider), legs(rule.receiver), rule.note] for rule in RULES]
    rows += [
        [rule, *text.split(": ", 1)[:1], "–", "–", text.split(": ", 1)[1]] for rule, text in WITHOUT_POSTING.items()
    ]
    rows.sort(key=lambda row: int(row[0][1:]))
    return table(["Rule", "Document", "Provider", "Receiver", "Why"], rows)


def units() -> str:
    rows = (
        [f"`{unit.code}`", unit.name, unit.rec20 or "–", unit.us or "–", unit.dimension.value, str(unit.decimals),
         str(unit.factor)]
        for unit in UNITS.values()
    )  # fmt: skip
    return table(["Code", "Unit", "Rec. 20", "US", "Measures", "Decimals", "Size"], rows)


def terms() -> str:
    rows = ([f"`{term.name}`", term.value, words(term.origin), term.source] for term in JAPAN_INDIA_TERMS)
    return table(["Term", "Japan–India", "Known by", "Source"], rows)


def ageing() -> str:
    past_due = [name for _days, name in PAST_DUE_BUCKETS] + [f"> {PAST_DUE_BUCKETS[-1][0]}"]
    unbilled = [name for _days, name in UNBILLED_BUCKETS] + [f"> {UNBILLED_BUCKETS[-1][0]}"]
    return table(
        ["What is open", "Counted", "Buckets, in days"],
        [
            ["billed or disputed", "days past the due date", "; ".join(past_due)],
            ["not billed", "days since the receipt", "; ".join(unbilled)],
        ],
    )


def soon() -> str:
    return table(["Clock", "Due soon from"], ([kind.value, f"{days} days before"] for kind, days in SOON_DAYS.items()))


TABLES: Mapping[str, Callable[[], str]] = {
    "life": life,
    "duties": duties,
    "officer-signed": officer_signed,
    "findings": findings,
    "posting-rules": posting_rules,
    "units": units,
    "terms": terms,
    "ageing": ageing,
    "soon": soon,
}


def renewed(text: str) -> str:
    """Return a document with each of its tables as the code has it now; raises KeyError for an unknown table."""
    return _BLOCK.sub(lambda block: f"{block[1]}\n{TABLES[block[2]]()}\n{block[3]}", text)


def main() -> None:
    for name in DOCUMENTS:
        path = SPEC / name
        before = path.read_text(encoding="utf-8")
        after = renewed(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"{name}: tables renewed")


if __name__ == "__main__":
    main()
