"""Two parties that collude report each other's logs from histories of their choice; the third comes to one record."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from tests.keepers import Keeper, genesis, grant, key, note
from tests.unit.core.test_forks import Keeperlike, meaning, restored, settle

from tallystick.core.agreement import Genesis, Party
from tallystick.core.entries import Adopt, Draft, Fork
from tallystick.core.identity import log_id

A, B, C = 0, 1, 2
A1, B1, C1, C2 = log_id(1, A), log_id(1, B), log_id(1, C), log_id(2, C)
NAMES = {A: "root-0", A1: "a1", B: "root-1", B1: "b1", C: "root-2", C1: "c1", C2: "c2"}


def three() -> Genesis:
    two = genesis()
    return replace(
        two,
        parties=(*two.parties, Party(code="AU", name="Australia", root_key=key("root-2"))),
        terms=replace(two.terms, currencies={**two.terms.currencies, "AU": ("AUD",)}),
    )


def joined(log: int) -> Keeper:
    """Return a node that holds the key of ``log`` and what everybody begins with."""
    terms = three()
    node = Keeper({log: NAMES[log]}, terms)
    for party, writers in ((A, ("a1",)), (B, ("b1",)), (C, ("c1", "c2"))):
        root = Keeper({party: NAMES[party]}, terms)
        root.write(party, Draft(Adopt(terms.space_id)), *[grant(name) for name in writers])
        node.take(root.news())
    return node


def history(log: int, text: str, heard: Keeper | None = None, report: Fork | None = None) -> Keeper:
    """Return a node that wrote ``text``, then heard another one, and then reported a fork."""
    writer = joined(log)
    writer.write(log, note(text), note("and more"))
    if heard is not None and report is not None:
        writer.take(heard.news(writer.space.sizes()))
        writer.write(log, Draft(report))
    return hears(writer.names, writer)


def hears(names: dict[int, str], *tellers: Keeper) -> Keeper:
    node = Keeper(names, three())
    for teller in tellers:
        node.take(teller.news(node.space.sizes()))
    return node


def fork_of(log: int, stands: Keeper, other: Keeper) -> Fork:
    head = other.space.checkpoint(log)
    hashes = other.space.leaf_hashes(log, head.size)
    found = stands.space.prove_fork(log, head, [hashes[at : at + 32] for at in range(0, len(hashes), 32)])
    assert found is not None
    return found


def circle() -> tuple[Keeper, Keeper]:
    """Return what C's two nodes were told: each a history of A's log and one of B's, with the report of the other.

    The first hears a1, and b2 with the report that a1 stands; the second b1, and a2 with the report that b1 stands. So
    neither report stands in the record of whoever believed the other, and C's own names are greater than both.
    """
    a1, b1 = history(A1, "A to the first"), history(B1, "B to the second")
    b2 = history(B1, "B to the first", a1, fork_of(A1, a1, history(A1, "A to the second")))
    a2 = history(A1, "A to the second", b1, fork_of(B1, b1, history(B1, "B to the first")))
    one, two = hears({C1: "c1"}, b2), hears({C2: "c2"}, a2)
    one.write(C1, note("so I was told"))
    two.write(C2, note("and so was I"))
    return one, two


def test_each_believes_what_came_first() -> None:
    one, two = circle()
    assert (one.space.cuts.keys(), two.space.cuts.keys()) == ({A1}, {B1})
    for log in (A1, B1):
        assert one.space.root(log, 2) != two.space.root(log, 2)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_when_they_compare_both_come_to_one_record_in_whatever_order_it_is_said(order: tuple[int, ...]) -> None:
    one, two = circle()
    said = (  # what each finds out by comparing heads, and what it says again because only a forked log says it
        (one, C1, fork_of(B1, one, two)),
        (one, C1, one.space.entry(one.space.cuts[A1].ref).body),
        (two, C2, fork_of(A1, two, one)),
        (two, C2, two.space.entry(two.space.cuts[B1].ref).body),
    )
    for number in order:
        who, log, body = said[number]
        who.write(log, Draft(body))
    settle(one, two)
    assert one.space.cuts.keys() == two.space.cuts.keys() == {A1, B1}
    assert {cut.ref.log for cut in one.space.cuts.values()} <= {C1, C2}
    for node in (two, Keeperlike(restored(one)), Keeperlike(restored(two)), hears({}, two)):
        assert meaning(node) == meaning(one)
