"""A writer with two histories: who was told which, what proves it, and that everybody comes to the same record."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace

import pytest
from tests.keepers import (
    IN_ADMIN,
    IN_BASE,
    JP_ADMIN,
    JP_HQ,
    JP_SHIP,
    START,
    Keeper,
    grant,
    key,
    note,
    open_books,
    seed,
)

from tallystick.core import bundle as wire
from tallystick.core import checkpoint, composing, forks, signing
from tallystick.core.entries import Draft, Fork
from tallystick.core.errors import BadSignatureError, ForkError, GapError, LocalError
from tallystick.core.fold import Fold
from tallystick.core.identity import EntryRef, log_id
from tallystick.core.log import ctx_leaf
from tallystick.core.merkle import Tree, leaf_hash
from tallystick.core.space import Space


def told_apart(common: int = 3, to_hq: int = 4, to_ship: int = 2) -> tuple[Keeper, Keeper, Keeper, Keeper]:
    """India's base writes one history for Japan's headquarters and another for Japan's ship."""
    hq, base, ship = open_books()
    base.write(IN_BASE, *[note(f"common {n}") for n in range(common)])
    twin = Keeper(base.names, base.space.genesis)
    twin.take([hq.bundle(), base.bundle()])
    base.write(IN_BASE, *[note(f"to headquarters {n}") for n in range(to_hq)])
    twin.write(IN_BASE, *[note(f"to the ship {n}") for n in range(to_ship)])
    hq.take(base.news(hq.space.sizes()))
    ship.take(twin.news(ship.space.sizes()))
    hq.write(JP_HQ, note("I rely on this", EntryRef(IN_BASE, common + 1)))
    ship.write(
        JP_SHIP, note("and I on that", EntryRef(IN_BASE, common + 1)), note("this is common", EntryRef(IN_BASE, 1))
    )
    return hq, base, ship, twin


def evidence_of(hq: Keeper, ship: Keeper, log: int = IN_BASE) -> Fork:
    head = ship.space.checkpoint(log)
    joined = ship.space.leaf_hashes(log, head.size)
    evidence = hq.space.prove_fork(log, head, [joined[at : at + 32] for at in range(0, len(joined), 32)])
    assert evidence is not None
    return evidence


def meaning(keeper: Keeper) -> object:
    space = keeper.space
    fold = Fold(space.genesis)
    fold.extend(space.acts())
    roots = {log: (size, space.root(log, size)) for log, size in space.sizes().items()}
    return roots, [(e, e.lamport, e.seen) for e in space.acts()], fold.record.digest


def settle(*keepers: Keeper) -> None:
    """Let everybody hear everybody until nobody has news; whoever lacks something says what it holds."""
    for _ in range(6):
        for reader in keepers:
            for writer in keepers:
                if reader is writer:
                    continue
                known = reader.space.sizes()
                for _ in range(3):
                    try:
                        reader.take(writer.news(known))
                    except GapError as gap:
                        known = gap.facts["have"]
                        continue
                    except (BadSignatureError, ForkError):
                        pass  # the writer has not heard of the fork yet
                    break


def restored(keeper: Keeper) -> Space:
    space = keeper.space
    leaves = [space.stored(EntryRef(log, n)) for log, size in space.sizes().items() for n in range(size)]
    keys = {(log.id, block): secret for log in space.logs.values() for block, secret in log.epoch_keys.items()}
    heads = {log: head for log in space.sizes() if (head := space.checkpoint(log))}
    return Space.restore(space.genesis, reversed_logs(leaves), keys, heads, verify=True)


def reversed_logs(leaves):
    return sorted(leaves, key=lambda leaf: (-leaf.log, leaf.index))


@pytest.mark.parametrize(("common", "to_hq", "to_ship"), [(3, 4, 2), (1, 2, 6), (0, 1, 1), (7, 3, 3), (260, 5, 9)])
def test_both_sides_come_to_the_same_record_after_a_fork(common, to_hq, to_ship):
    hq, base, ship, _ = told_apart(common, to_hq, to_ship)
    stands = base.space.size(IN_BASE)
    with pytest.raises(BadSignatureError):  # their views differ, so the ship's log does not fit ours
        hq.take(ship.news({**hq.space.sizes(), JP_SHIP: 0}))
    hq.write(JP_HQ, Draft(evidence_of(hq, ship)))
    settle(hq, ship, base)
    assert meaning(hq) == meaning(ship) == meaning(base)
    assert hq.space.cuts.keys() == {IN_BASE}
    for keeper in (hq, ship, base):
        assert keeper.space.size(IN_BASE) == stands
        assert keeper.space.sizes()[JP_SHIP] == ship.space.size(JP_SHIP)
        assert meaning(Keeperlike(restored(keeper))) == meaning(hq)


class Keeperlike:
    def __init__(self, space: Space) -> None:
        self.space = space


def test_who_holds_nothing_gets_a_forked_admin_log_from_its_first_leaf():
    hq, base, ship = open_books()
    twin = Keeper(base.names, base.space.genesis)
    twin.take([hq.bundle(), base.bundle()])
    base.write(IN_ADMIN, grant("told to headquarters"))
    twin.write(IN_ADMIN, grant("told to the ship"))
    hq.take(base.news(hq.space.sizes()))
    ship.take(twin.news(ship.space.sizes()))
    hq.write(JP_HQ, Draft(evidence_of(hq, ship, IN_ADMIN)))
    late = Keeper({}, hq.space.genesis)
    late.take(hq.news())
    assert late.space.sizes() == hq.space.sizes()
    assert meaning(late) == meaning(hq)


@pytest.mark.parametrize("most", [1, 3, 8])
def test_news_of_a_fork_in_many_parts_begins_with_its_evidence(monkeypatch, most):
    hq, base, ship, _ = told_apart()
    base.take(hq.news(base.space.sizes()))
    base.acknowledge(IN_BASE)  # who reports the fork holds this, and had seen nothing to acknowledge
    hq.take(base.news(hq.space.sizes()))
    hq.write(JP_HQ, Draft(evidence_of(hq, ship)))
    settle(hq, ship, base)
    ship.write(JP_SHIP, *[note(f"after it {n}") for n in range(9)])
    monkeypatch.setattr(composing, "SPLIT_ITEMS", most)
    for teller in (hq, base):
        teller.take(ship.news(teller.space.sizes()))
        parts = teller.news()
        assert len(parts) > 1
        late = Keeper({}, hq.space.genesis)
        taken = [late.take(part)[0] for part in parts]
        assert set(taken[0].cuts) == {IN_BASE}
        assert sum(len(admission.leaves) for admission in taken) == sum(teller.space.sizes().values())
        assert meaning(late) == meaning(teller)


def test_what_spoke_of_the_other_history_speaks_of_nothing():
    hq, base, ship, _ = told_apart()
    hq.write(JP_HQ, Draft(evidence_of(hq, ship)))
    settle(hq, ship, base)
    fold = Fold(ship.space.genesis)
    fold.extend(ship.space.acts())
    found = {(finding.code, finding.entry) for finding in fold.record.findings}
    there = ship.space.entry(EntryRef(JP_SHIP, 1))  # had seen five leaves of the base, of which four are common
    assert there.obj == EntryRef(IN_BASE, 4)
    assert there.seen[IN_BASE] == 4 == ship.space.cuts[IN_BASE].at
    assert ("unknown-object", there.ref) in found
    assert any(code == "fork" for code, _ in found)


def test_a_log_that_forked_is_closed_for_its_writer_and_everybody_else():
    hq, base, ship, twin = told_apart()
    hq.write(JP_HQ, Draft(evidence_of(hq, ship)))
    base.write(IN_BASE, note("more"))
    late = base.news(hq.space.sizes())
    with pytest.raises(ForkError) as refused:
        hq.take(late)
    assert refused.value.code == "after-fork"
    for keeper in (base, twin):
        settle(hq, keeper)
        with pytest.raises(LocalError, match="log-forked"):
            keeper.write(IN_BASE, note("and more"))
        assert meaning(keeper) == meaning(hq)


def test_the_liar_cannot_choose_which_history_stands():
    """India's administration says that the ship's history is the right one; of its own log that counts for nothing."""
    hq, base, ship, twin = told_apart()
    theirs = evidence_of(ship, hq)
    base.write(IN_ADMIN, Draft(theirs))
    hq.take(base.news(hq.space.sizes()))
    assert not hq.space.cuts
    assert hq.space.size(IN_BASE) == base.space.size(IN_BASE)
    assert twin.space.size(IN_BASE) == ship.space.size(IN_BASE)


def test_two_reports_are_one_fork():
    """Headquarters and ship report each other's history: the entry with the smaller name decides."""
    hq, base, ship, _ = told_apart()
    ours, theirs = evidence_of(hq, ship), evidence_of(ship, hq)
    hq.write(JP_HQ, Draft(ours))
    ship.write(JP_SHIP, Draft(theirs))
    settle(hq, ship, base)
    assert hq.space.cuts[IN_BASE].ref.log == JP_HQ
    assert meaning(hq) == meaning(ship) == meaning(base)


def test_who_followed_one_report_and_then_the_other_can_still_be_read():
    """Under the first it acknowledged the ship's history; under the second it counts as having seen more than that."""
    hq, base, ship, _ = told_apart(3, 6, 3)
    office = Keeper({JP_ADMIN: "root-0"}, hq.space.genesis)
    office.take(hq.news({}))
    ours, theirs = evidence_of(hq, ship), evidence_of(ship, hq)
    ship.write(JP_SHIP, Draft(theirs))
    settle(hq, ship)
    hq.write(JP_HQ, note("now I hold what the ship holds", EntryRef(IN_BASE, 2)))
    assert hq.space.cuts[IN_BASE].ref.log == JP_SHIP
    office.write(JP_ADMIN, Draft(ours))
    settle(office, hq, ship, base)
    assert hq.space.cuts[IN_BASE].ref.log == JP_ADMIN
    assert meaning(hq) == meaning(ship) == meaning(base) == meaning(office)


FLIPS = ("leaf_a", "leaf_b", "note_a", "note_b", "path_a", "path_b", "index")


def by_somebody_else(note: str) -> str:
    """Return a note that says the same and names the same key, under a signature that is not that key's."""
    text, _, line = note.rstrip("\n").rpartition(" ")
    signature = bytearray(b64decode(line))
    signature[10] ^= 1
    return f"{text} {b64encode(signature).decode()}\n"


@pytest.mark.parametrize("what", FLIPS)
def test_evidence_with_anything_changed_is_none(what):
    hq, _, ship, _ = told_apart()
    good = evidence_of(hq, ship)
    origin = hq.space.origin(IN_BASE)
    assert forks.cut_by(EntryRef(16, 5), good, origin, key("base")) is not None
    value = getattr(good, what)
    if what == "index":
        bad = [value - 1, value + 1]
    elif isinstance(value, bytes):
        bad = [bytes([value[0] ^ 1]) + value[1:]]
    elif isinstance(value, str):
        bad = [
            value.replace("\n5\n", "\n6\n") if "\n5\n" in value else value[:-8] + "AAAAAAA\n",
            "",
            value + "x" * 5000,
            by_somebody_else(value),
        ]
    else:
        bad = [(), value[:-1], (*value, bytes(32)), (bytes(32), *value[1:])]
    for wrong in bad:
        assert forks.cut_by(EntryRef(16, 5), replace(good, **{what: wrong}), origin, key("base")) is None
    assert forks.cut_by(EntryRef(16, 5), good, origin, key("hq")) is None
    assert forks.cut_by(EntryRef(16, 5), good, hq.space.origin(JP_HQ), key("base")) is None


def test_only_the_first_leaf_that_differs_can_be_named():
    hq, _, ship, _ = told_apart(3, 4, 4)
    good = evidence_of(hq, ship)
    origin = hq.space.origin(IN_BASE)
    trees = []
    for keeper in (hq, ship):
        tree = Tree()
        size = keeper.space.checkpoint(IN_BASE).size
        joined = keeper.space.leaf_hashes(IN_BASE, size)
        tree.extend([joined[at : at + 32] for at in range(0, len(joined), 32)])
        trees.append(tree)
    for index in range(trees[0].size):
        told = replace(
            good,
            index=index,
            leaf_a=trees[0].node(0, index),
            leaf_b=trees[1].node(0, index),
            path_a=tuple(trees[0].inclusion(index, trees[0].size)),
            path_b=tuple(trees[1].inclusion(index, trees[1].size)),
        )
        assert (forks.cut_by(EntryRef(16, 5), told, origin, key("base")) is not None) is (index == good.index)


def test_the_left_of_a_path_is_what_comes_before():
    """The roots of the subtrees whose sizes are the powers of two that the index is the sum of, smallest first."""
    tree = Tree()
    hashes = [leaf_hash(bytes([n])) for n in range(41)]
    tree.extend(hashes)
    for size in range(1, 42):
        for index in range(size):
            parts, end = [], index
            while end:
                begin = end - (end & -end)
                part = Tree()
                part.extend(hashes[begin:end])
                parts.append(part.root())
                end = begin
            assert forks._before(index, size, tree.inclusion(index, size)) == parts, (index, size)


def test_histories_that_agree_prove_nothing():
    hq, base, _ = open_books()
    base.write(IN_BASE, note("a"), note("b"))
    hq.take(base.news(hq.space.sizes()))
    head = hq.space.checkpoint(IN_BASE)
    hashes = [leaf_hash(base.space.stored(EntryRef(IN_BASE, n)).leaf) for n in range(head.size)]
    assert hq.space.prove_fork(IN_BASE, head, hashes) is None
    with pytest.raises(BadSignatureError):
        hq.space.prove_fork(IN_BASE, head, [*hashes[:-1], bytes(32)])
    with pytest.raises(BadSignatureError):
        hq.space.prove_fork(IN_BASE, checkpoint.Checkpoint(head.size, head.root, bytes(64)), hashes)
    assert hq.space.size(JP_ADMIN) == 3


def test_of_three_histories_the_fork_that_parts_first_decides():
    """Whoever holds the third could otherwise never be read again by those who had found two of them."""
    hq, base, ship = open_books()
    hq.write(JP_ADMIN, grant("third"))
    third_log = log_id(hq.space.size(JP_ADMIN) - 1, 0)
    third = Keeper({third_log: "third"}, base.space.genesis)
    for reader in (base, ship):
        reader.take(hq.news(reader.space.sizes()))
    third.take([*hq.news(), *base.news({JP_ADMIN: 9})])
    base.write(IN_BASE, note("all have this"), note("and this"))
    twins = []
    for _ in range(2):
        twin = Keeper(base.names, base.space.genesis)
        twin.take(base.news())
        twins.insert(0, twin)
        base.write(IN_BASE, *[note(f"two have this {n}") for n in range(5)])
    for teller, reader, log in zip((base, *twins), (hq, ship, third), (JP_HQ, JP_SHIP, third_log), strict=True):
        if teller is not base:
            teller.write(IN_BASE, note("told apart"), note("told apart too"))
        reader.take(teller.news(reader.space.sizes()))
        reader.write(log, note("so I was told"))
    hq.write(JP_HQ, Draft(evidence_of(hq, ship)))
    settle(hq, ship, base, third)
    assert hq.space.cuts.keys() == ship.space.cuts.keys() == {IN_BASE}
    assert not third.space.cuts  # it cannot read what speaks of either history
    later, sooner = hq.space.cuts[IN_BASE].at, evidence_of(third, hq).index
    assert sooner < later
    third.write(third_log, Draft(evidence_of(third, hq)))
    settle(hq, ship, base, third)
    assert {keeper.space.cuts[IN_BASE].at for keeper in (hq, ship, base, third)} == {sooner}
    assert meaning(hq) == meaning(ship) == meaning(base) == meaning(third)
    for keeper in (hq, third):
        assert meaning(Keeperlike(restored(keeper))) == meaning(hq)


def test_of_what_all_histories_share_nobody_can_have_seen_another_root():
    """Who could say so would have everybody who took it find their own backup damaged."""
    hq, base, ship, _ = told_apart()
    hq.write(JP_HQ, Draft(evidence_of(hq, ship)))
    settle(hq, ship, base)
    base.write(IN_ADMIN, grant("second"))
    second = log_id(base.space.size(IN_ADMIN) - 1, 1)
    hq.take(base.news(hq.space.sizes()))
    space = hq.space
    seen = [(log, size, space.root(log, size)) for log, size in space.sizes().items() if log != IN_BASE]
    for lie, taken in ((bytes(32), False), (space.root(IN_BASE, 2), True)):
        sights = sorted([*seen, (IN_BASE, 2, lie)])
        leaf = ctx_leaf(START + 60_000, sights)
        tree = Tree()
        tree.extend([leaf_hash(leaf)])
        signature = signing.sign(seed("second"), checkpoint.text(space.origin(second), 1, tree.root()))
        item = wire.write_ctx(
            START + 60_000,
            [(log, size) for log, size, _ in sights],
            [root if log == IN_BASE else None for log, _, root in sights],
        )
        body = wire.write_head([wire.Range(second, 0, 1)]) + item
        bundle = wire.write_envelope(space.id, space.codec, body=body, raw=signature + wire.NO_KEY)
        if taken:
            hq.take(bundle)
            restored(hq)
        else:
            with pytest.raises(GapError):
                hq.take(bundle)


def two_admin_histories(to_ship: Draft) -> tuple[Keeper, Keeper, Keeper, int]:
    """India's administration grants a writer; a copy of its node says something else in the same place."""
    hq, base, ship = open_books()
    twin = Keeper(dict(base.names), base.space.genesis)
    twin.take([hq.bundle(), base.bundle()])
    base.write(IN_ADMIN, grant("second"))
    second = log_id(base.space.size(IN_ADMIN) - 1, 1)
    base.names[second] = "second"
    base.write(second, note("from the new writer"), note("and more"))
    twin.write(IN_ADMIN, to_ship)
    hq.take(base.news(hq.space.sizes()))
    ship.take(twin.news(ship.space.sizes()))
    hq.write(JP_HQ, note("I rely on the new writer", EntryRef(second, 1)))
    ship.write(JP_SHIP, note("I have not heard of it", EntryRef(IN_ADMIN, 1)))
    return hq, base, ship, second


def test_a_writer_granted_in_the_history_that_stands_is_known_where_the_other_was_held():
    post_without_a_key = grant("nobody")
    post_without_a_key = replace(post_without_a_key, body=replace(post_without_a_key.body, key=None))
    hq, base, ship, second = two_admin_histories(post_without_a_key)
    hq.write(JP_HQ, Draft(evidence_of(hq, ship, IN_ADMIN)))
    ship.take(hq.news({log: size for log, size in ship.space.sizes().items() if log != IN_ADMIN}))
    settle(hq, ship, base)
    assert ship.space.size(second) == hq.space.size(second) > 0
    assert meaning(hq) == meaning(ship) == meaning(base)
    assert meaning(Keeperlike(restored(ship))) == meaning(hq)


def test_a_log_opened_twice_under_two_keys_is_no_fork_of_either_key():
    """Nobody signed two histories of it. That its admin log has two is what there is to report."""
    hq, _, ship, second = two_admin_histories(grant("rival"))
    rival = Keeper({IN_ADMIN: "root-1", second: "rival"}, hq.space.genesis)
    rival.take(ship.news({}))
    rival.write(second, note("from the other new writer"), note("and more"))
    ship.take(rival.news(ship.space.sizes()))
    hq.write(JP_HQ, Draft(evidence_of(hq, ship, IN_ADMIN)))
    with pytest.raises(ForkError) as refused:
        ship.take(hq.news({}))
    assert refused.value.facts["log"] == second
    assert refused.value.evidence is None


def test_evidence_is_judged_once_however_much_is_said_after_it(monkeypatch: pytest.MonkeyPatch):
    """A partner may say of as many forks as it likes; each costs a millisecond, and not again with every entry."""
    hq, _, ship, _ = told_apart()
    shows, does_not = evidence_of(hq, ship), replace(evidence_of(hq, ship), index=1)
    hq.write(JP_HQ, *[Draft(said) for said in (shows, does_not) * 5])
    late, fold = Keeper({}, hq.space.genesis), Fold(hq.space.genesis)
    late.take(hq.news())
    fold.extend(late.space.acts())
    assert len(late.space.reports) == 5
    assert [finding.code for finding in fold.record.findings].count("fork-not-shown") == 5
    judged = []
    monkeypatch.setattr(forks, "cut_by", lambda ref, *_: judged.append(ref))
    hq.write(JP_ADMIN, grant("another"))
    (admission,) = late.take(hq.bundle(late.space.sizes()))
    fold.extend(admission.entries)
    assert judged == []
    assert [finding.code for finding in fold.record.findings].count("fork") == 5


def test_many_reports_in_one_bundle_are_judged_once_each_while_it_is_read(monkeypatch: pytest.MonkeyPatch):
    """Those who hold a key can make many histories, and report each; the bundle is read anew for each that counts."""
    hq, _, _, _ = told_apart(6)
    reports = [evidence_of(hq, told_apart(common)[2]) for common in (6, 5, 4, 3)]
    assert [said.index for said in reports] == [7, 6, 5, 4]
    hq.write(JP_HQ, *[Draft(said) for said in reports])
    judged: list[EntryRef] = []
    judge = forks.cut_by

    def counted(ref: EntryRef, *rest):
        judged.append(ref)
        return judge(ref, *rest)

    monkeypatch.setattr(forks, "cut_by", counted)
    reader = Keeper({}, hq.space.genesis)
    admission = reader.space.read(hq.bundle())
    assert admission.cuts[IN_BASE].at == 4
    assert len(judged) == len(reports)
