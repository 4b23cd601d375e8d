"""``python3 go.py sim``: many simulated worlds, what went wrong in them, and whether every invariant held.

A world is made by its seed alone, so a seed that fails is run again, line by line, with ``--replay``.
"""

from __future__ import annotations

import argparse
import logging
import sys
import textwrap
import time
from collections import Counter

from simulation import rules
from simulation.laws import InvariantBroken
from simulation.tally import Tally
from simulation.world import World

YEAR = 365.25 * 86_400
WIDTH = 115  # columns of a line
RULES = (
    ("rows", "rows of the order table"),
    ("moves", "of them in a state they may start from"),
    ("guards", "reasons for which a row, or any act, is void or flagged"),
    ("posted", "posting rules, each way"),
    ("findings", "codes of findings in the record"),
)


def say(text: str = "") -> None:
    print(textwrap.fill(text, WIDTH, subsequent_indent=" " * 13, break_on_hyphens=False), flush=True)


def replay(seed: int) -> int:
    """Run one seed and tell every step."""
    world = World(seed, say=say)
    try:
        world.run()
    except InvariantBroken as broken:
        say(f"step {world.tally.steps}: {broken}")
        return 1
    say(f"seed {seed} holds; what every node holds and means in the end: {world.signature}")
    return 0


def search(first: int, seeds: int, minutes: float) -> int:
    """Run ``seeds`` worlds from ``first`` on, or as many as fit into ``minutes``; 1 when one of them failed."""
    total = Tally()
    failed: list[int] = []
    began = time.monotonic()
    seed = first
    while seed < first + seeds if seeds else time.monotonic() - began < minutes * 60:
        world = World(seed)
        try:
            total.add(world.run())
        except InvariantBroken as broken:
            failed.append(seed)
            say(f"FAILED  seed {seed}, step {world.tally.steps}: {broken}")
            say(f"        replay: python3 go.py sim --replay {seed}")
        seed += 1
    report(total, first=first, last=seed - 1, failed=failed, seconds=time.monotonic() - began)
    return 1 if failed else 0


def report(total: Tally, *, first: int, last: int, failed: list[int], seconds: float) -> None:
    worlds = last - first + 1
    say(f"seeds        {first} to {last}: {worlds:,} worlds, {len(failed)} failed")
    say(
        f"steps        {total.steps:,}: {total.acts:,} acts signed, {total.visits:,} visits, {total.letters:,} couriers"
    )
    say(f"simulated    {total.seconds / 86_400:,.0f} days = {total.seconds / YEAR:,.0f} years")
    say(f"looks        {total.looks:,} times every cheap invariant of a node that had changed")
    days = total.seconds / 86_400 / seconds
    say(f"speed        {total.steps / seconds:,.0f} steps/s, {days:,.0f} days/s, {seconds:,.0f} s in all")
    say(f"worlds       {_listed(total.worlds)}")
    say(f"faults       {sum(total.faults.values()):,}: {_listed(total.faults)}")
    say(f"act kinds    {len(total.kinds)}: {_listed(total.kinds)}")
    say("rules        that decided something, and how often:")
    for name, what in RULES:
        counts, every = getattr(total.rules, name), rules.ALL[name]
        never = [rule for rule in every if not counts[rule]]
        said = Counter({rule: counts[rule] for rule in every if counts[rule]})
        say(f"  {name:<9}  {len(said)} of {len(every)} {what}: {_listed(said)}")
        say(f"{'':13}never: {', '.join(never) or 'none'}")
    say(f"refused      {len(total.refused)} codes, before signing: {_listed(total.refused)}")
    say(f"alarms       {_listed(total.alarms)}")
    say(f"turned away  {len(total.turned_away)} codes, bytes from others: {_listed(total.turned_away)}")


def _listed(counts: Counter[str]) -> str:
    return ", ".join(
        f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 go.py sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=0, help="how many worlds (default 100, unless --minutes is given)")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--minutes", type=float, default=0.0, help="as many worlds as fit into this time instead")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one seed and tell every step")
    logging.disable(logging.CRITICAL)  # alarms are counted, not told
    options = parser.parse_args(arguments)
    if options.replay is not None:
        return replay(options.replay)
    return search(options.first, options.seeds or (0 if options.minutes else 100), options.minutes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
