"""Mistakes somebody could make in the product, and whether the simulation would notice.

Each names a function, a piece of it, and what could have been written instead. ``python -m tests.simulation.mistakes``
makes them one after the other in a process of its own each, runs worlds until one fails, and prints which law did; the
tests do so too, beginning with a seed that is known to find it.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import logging
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from itertools import count
from typing import Any, NamedTuple

from simulation.laws import InvariantBroken
from simulation.world import World

SHORT = 200  # steps of a world that is tried


class Mistake(NamedTuple):
    """``seed`` is the first that finds it, in weather of its own; ``once``: it was made in earnest, and mended."""

    where: str
    right: str
    wrong: str
    seed: int = 0
    weather: Mapping[str, float] = {}
    once: bool = False


_FORKS = {"log forked": 8.0}
_APP, _CORE = "tallystick.app.", "tallystick.core."

MISTAKES: dict[str, Mistake] = {
    # made in earnest once, found by the simulation, and mended; others have a test of their own
    "the evidence of a fork was looked for in part of a bundle": Mistake(
        f"{_CORE}reading:_Reading._rebuild", "for one in waiting]:", "for one in waiting][:1]:",
        weather=_FORKS, once=True,
        seed=27,
    ),
    # made for the occasion
    "what is owed is one more": Mistake(
        f"{_CORE}running:OrderRun.post", "provider, receiver, amount)", "provider, receiver, amount + 1)",
        seed=4,
    ),
    "a bundle is taken without its signature": Mistake(
        f"{_CORE}reading:_Reading._check_seal", "if not verify(", "if False and not verify(",
    ),
    "a revocation that crossed an act is ignored": Mistake(
        f"{_CORE}warrants:_is_cut", "any(", "False and any(", seed=7,
    ),
    "a warrant that ended goes on": Mistake(
        f"{_CORE}warrants:Warrants._ended", "if until is not None and", "if False and",
    ),
    "duties are not asked": Mistake(
        f"{_CORE}warrants:Warrants.check", "if not warrant.mask & ", "if False and ", seed=4,
    ),
    "a total ceiling is not held": Mistake(
        f"{_CORE}warrants:Warrants._over_ceiling", "if used > total:", "if False:", seed=15,
    ),
    "an officer's signature is not checked": Mistake(
        f"{_CORE}warrants:Warrants._is_signed", "cose.verify(key, self.payload(entry), entry.auth)", "True",
    ),
    "an erased core stays": Mistake(
        f"{_CORE}admission:_erase", "if not gone & bit", "if bit is SEGMENTS[0] or not gone & bit",
        seed=55,
    ),
    "an erased remark stays, and is passed on": Mistake(
        f"{_CORE}admission:_erase", "if not gone & bit", "if bit is SEGMENTS[1] or not gone & bit",
        seed=16,
    ),
    "equal digests are believed unseen": Mistake(
        f"{_APP}exchange:answer", "same = sizes_digest(desk) == holds", "same = bool(holds)",
        seed=4,
    ),
    "what an order had posted stays when it is read again": Mistake(
        f"{_CORE}fold:Fold._refold", "self._count(old, -1)", "pass",
        seed=4,
    ),
}  # fmt: skip


def broken(mistake: Mistake) -> tuple[Any, str, Any]:
    """Return where a function lies, its name, and what it is with what is wrong in the place of what is right."""
    name, _, place = mistake.where.partition(":")
    module = importlib.import_module(name)
    *path, last = place.split(".")
    owner: Any = module
    for part in path:
        owner = getattr(owner, part)
    source = textwrap.dedent(inspect.getsource(getattr(owner, last)))
    assert source.count(mistake.right) == 1, f"{mistake.where} does not say {mistake.right!r} once"
    made: dict[str, Any] = {}
    code = "from __future__ import annotations\n" + source.replace(mistake.right, mistake.wrong)
    exec(compile(code, mistake.where, "exec"), vars(module), made)
    return owner, last, made[last]


def found(mistake: Mistake, worlds: int) -> tuple[int, str]:
    """Run worlds of the mistake's weather until one fails; return how many it took, and what broke: "" for nothing."""
    seeds = (seed for seed in count(mistake.seed) if World(seed).steps <= SHORT)
    for number in range(1, worlds + 1):
        seed = next(seeds)
        world = World(seed)
        world.weather.update(mistake.weather)
        try:
            world.run()
        except InvariantBroken as law:
            return number, f"{law.law} (seed {seed})"
    return worlds, ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--worlds", type=int, default=20, help="in which it may be found")
    parser.add_argument("--only", default="", help="mistakes whose words have these in them")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    names = [name for name in MISTAKES if given.only in name]
    if len(names) > 1:  # each in a process of its own: what one breaks must not help to find another
        command = [sys.executable, "-m", "tests.simulation.mistakes", "--worlds", str(given.worlds), "--only"]
        return max(subprocess.run([*command, name], check=False).returncode for name in names)
    for name in names:
        setattr(*broken(MISTAKES[name]))
        worlds, law = found(MISTAKES[name], given.worlds)
        print(f"| {name} | {law or 'not noticed'} | {worlds} |", flush=True)
        return 0 if law else 1
    return 2


if __name__ == "__main__":
    sys.exit(main())
