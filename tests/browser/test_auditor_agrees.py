"""The auditor's page and the program say the same of every evidence file: honest ones, and those all parties forged.

Whole simulated worlds, with officers who act outside the rules, late entries, erasures, revocations and forks, give the
honest ones. The forged ones fit together down to the last hash and signature, and say something else: what each of the
two then reads from the entries is compared code by code and place by place.
"""

from base64 import b64encode
from dataclasses import replace
from random import Random

import pytest
from tests.browser.stage import browser
from tests.evidence import corrected, made_to_fit, rewritten, s1, told_anew
from tests.needs import needs_chromium
from tests.nodes import MEMORY, offered, paired
from tools import auditor

from simulation import world
from tallystick.app import write
from tallystick.app.prove import prove
from tallystick.app.verify_evidence import check
from tallystick.core import canonical
from tallystick.core.entries import (
    Acceptance,
    Amendment,
    AmendmentLine,
    Correction,
    Countersign,
    Draft,
    Duty,
    Grant,
    Order,
    to_array,
)
from tallystick.core.identity import EntryRef

pytestmark = [pytest.mark.browser, needs_chromium]

WORLDS = (4, 40)  # some dozen orders in seconds; longer ones say the same
FORGED = 60
BIG = 2**53 - 1

JUDGE = """async packed => {
  const told = [];
  for (const text of packed) {
    const {problems} = await tallystick.checkEvidence(Uint8Array.from(atob(text), c => c.charCodeAt(0)));
    told.push([problems.verdict, problems.found.map(one => [one.weight, one.code, one.where])]);
  }
  return told; }"""


@pytest.fixture(scope="module")
def judge():
    with browser() as chromium:
        page = chromium.new_page()
        page.goto(auditor.PAGE.as_uri())
        yield lambda files: page.evaluate(JUDGE, [b64encode(data).decode() for data in files])


def agreed(judge, files):
    """Judge ``files`` with both; return the verdicts, on which and on every problem they must agree."""
    verdicts = []
    for name, (verdict, found) in zip(files, judge(files.values()), strict=True):
        ours = check(files[name])
        problems = sorted((problem.weight.value, problem.code, problem.where) for problem in ours.problems)
        assert (verdict, sorted(map(tuple, found))) == (ours.verdict.value, problems), name
        verdicts.append(verdict)
    return verdicts


@pytest.mark.parametrize("seed", WORLDS)
def test_whatever_honest_nodes_prove_holds_in_both(judge, monkeypatch, seed):
    files = {}
    signature_of = world.signature_of

    def prove_all(ended):
        """In the end, while its disks are there, every node proves every order, in part and whole."""
        for seat in ended.seats.values():
            for order_id in seat.desk.record.orders:
                for whole in (False, True):
                    files[seat.name, order_id, whole] = prove(seat.desk, order_id, whole=whole)
        return signature_of(ended)

    monkeypatch.setattr(world, "signature_of", prove_all)
    world.World(seed).run()
    assert files
    assert set(agreed(judge, files)) == {"holds"}


# ---- forged by all parties together


def nudged(value, dice):
    """Return a value much like ``value``."""
    if type(value) is int:
        return dice.choice([value + 1, value - 1, value * 2, value + 1000, 0, 1, 2, 99, -1, BIG, BIG + 1])
    if type(value) is str:
        return dice.choice(["", "INR", "JPY", "KGM", "L15", "AMMO", "a", "x" * 201, value + "x"])
    if type(value) is bytes:
        return dice.choice([b"", bytes(32), value[:-1], value[:-1] + b"x"])
    if type(value) is list and value:
        value = list(value)
        at = dice.randrange(len(value))
        if dice.random() < 0.1:
            return dice.choice([[*value, value[0]], value[:at] + value[at + 1 :]])
        value[at] = nudged(value[at], dice)
        return value
    return dice.choice([None, 0, 1, [17, 3], [3], bytes(32)])


def another_core(row, dice, acts):
    rewritten(row, lambda core: core.__setitem__(slice(None), nudged(list(core), dice)))


def another_time(row, dice, acts):
    leaf = canonical.decode(row[1])
    leaf[1] = max(0, leaf[1] + dice.choice([-86_400 * 400, 86_400 * 400, -3_600, 3_600, -86_400]))
    row[1] = canonical.encode(leaf)


def another_object(row, dice, acts):
    leaf, (log, other) = canonical.decode(row[1]), dice.choice(acts)
    leaf[2] = [log, other[0]]
    row[1] = canonical.encode(leaf)


def another_kind(row, dice, acts):
    leaf = canonical.decode(row[1])
    leaf[0] = dice.choice([*range(1, 24), 64, 65, 66, 68, 69, 99])
    row[1] = canonical.encode(leaf)


def as_another_said(row, dice, acts):
    """Let it be of the kind of another act, and say what that says."""
    other = dice.choice(acts)[1]
    leaf = canonical.decode(row[1])
    leaf[0] = canonical.decode(other[1])[0]
    row[1] = canonical.encode(leaf)
    rewritten(row, lambda core: core.__setitem__(slice(None), canonical.decode(other[2][0][1])))


CHANGES = [another_core] * 8 + [another_time, another_object, another_kind, as_another_said]


def forged(data, desks, dice):
    """Return a whole file with one to three acts changed, all fitting, telling what was true before and what is now."""
    value = canonical.decode(data)
    acts = [(row[0], leaf) for row in value[3] for leaf in row[2] if len(leaf) == 3]
    for _ in range(dice.choice([1, 1, 2, 3])):
        row = dice.choice([leaf for log, leaf in acts if log >= 16] if dice.random() < 0.75 else [x for _, x in acts])
        dice.choice(CHANGES)(row, dice, acts)
    made_to_fit(value, desks)
    yield canonical.encode(value)
    if check(canonical.encode(value)).order is not None:
        yield told_anew(value)


def test_what_all_parties_forged_is_read_alike_by_both(judge, tmp_path):
    dice = Random("forged")
    story, late = s1(), corrected(tmp_path)
    sources = [(story.director, story.refs["request"]), (late, *late.desk("JP").record.orders)]
    files = {}
    for number in range(FORGED):
        director, order_id = dice.choice(sources)
        desks = [director.desk("JP"), director.desk("IN")]
        for kind, data in enumerate(forged(prove(desks[0], order_id, whole=True), desks, dice)):
            files[number, kind] = data
    verdicts = agreed(judge, files)
    assert set(verdicts) >= {"holds", "does-not-hold"}


def spoken(director, party, body, on):
    """Sign what one's own node would refuse."""
    desk = director.desk(party)
    said = desk.space.draft(desk.log, [Draft(body, obj=on)], desk.clock.now(), desk.epoch_key(desk.log))
    desk.commit(said)
    director.exchange()
    return EntryRef(desk.log, said.leaves[-1].index)


def limited(director, party, duty, **limits):
    """Grant a warrant with limits; return its number."""
    body = Grant(f"Limited {duty}", None, "", (duty,), "INR", limits.get("per_act"), limits.get("total"), None, None)
    return write.sign(director.desk(party), Draft(body)).ref.index


def test_what_a_correction_makes_dearer_is_held_against_the_same_ceilings(judge, tmp_path):
    director = paired(tmp_path, stores=MEMORY)
    buyer = limited(director, "JP", Duty.ORDERING, per_act=1_000_000)
    seller = limited(director, "IN", Duty.ACCEPTING, total=1_000_000)
    desk, free = director.desk("JP"), director.grants

    def entry(ref):
        return desk.space.entry(ref)

    def dearer(ref, price):
        body = entry(ref).body
        lines = tuple(replace(line, price_micro=price) for line in body.lines)
        return Correction(free["IN", "nair"], canonical.encode(to_array(replace(body, lines=lines))))

    first = offered(director)
    director.exchange()
    spoken(director, "IN", dearer(first, 500_000_000), first)
    order = Order(buyer, free["JP", "mori"], 1_000_000, "HQ")
    refused = spoken(director, "JP", order, first)
    ordered = spoken(director, "JP", replace(order, who=free["JP", "tanaka"], max_liability=6_000_000), first)
    refused_too = spoken(director, "IN", Acceptance(seller, "PCDA"), ordered)
    accepted = spoken(director, "IN", Acceptance(free["IN", "nair"], "PCDA"), ordered)
    amendment = Amendment(free["JP", "tanaka"], 1, 6_000_000, (AmendmentLine(1, 100_000, 510_000_000),))
    proposed = spoken(director, "JP", amendment, accepted)
    changed = replace(amendment, lines=(AmendmentLine(1, 100_000, 530_000_000),))
    spoken(director, "JP", Correction(free["JP", "tanaka"], canonical.encode(to_array(changed))), proposed)
    spoken(director, "IN", Countersign(seller), proposed)
    spoken(director, "IN", Countersign(free["IN", "nair"]), proposed)

    second = offered(director)
    director.exchange()
    spoken(director, "JP", replace(order, who=free["JP", "tanaka"]), second)
    raised = spoken(director, "IN", dearer(second, 600_000_000), second)
    over = [spoken(director, "JP", Countersign(who), raised) for who in (free["JP", "ito"], buyer)]
    spoken(director, "JP", Countersign(free["JP", "tanaka"]), raised)

    third = offered(director)
    director.exchange()
    for price in range(11):
        spoken(director, "IN", dearer(third, (price + 1) * 1_000_000), third)
    over.append(spoken(director, "JP", replace(order, who=buyer), third))

    codes = {finding.entry: finding.code for finding in desk.record.findings}
    assert [codes.get(ref) for ref in (refused, refused_too, *over)] == [
        "over-act-ceiling", "over-total-ceiling", "duty-missing", "over-act-ceiling", "warrant-currency",
    ]  # fmt: skip
    files = {
        (order_id, whole): prove(desk, order_id, whole=whole)
        for order_id in desk.record.orders
        for whole in (False, True)
    }
    assert set(agreed(judge, files)) == {"holds"}
