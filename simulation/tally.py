"""What happened in a world, in numbers."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulation.rules import Rules, exercised
from tallystick.app import attest
from tallystick.app.fields import kind_name

if TYPE_CHECKING:
    from simulation.world import World


@dataclass
class Tally:
    """What happened, in numbers."""

    steps: int = 0
    seconds: int = 0  # of simulated time
    acts: int = 0
    visits: int = 0
    letters: int = 0
    looks: int = 0
    alarms: Counter[str] = field(default_factory=Counter)
    worlds: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    rules: Rules = field(default_factory=Rules)
    refused: Counter[str] = field(default_factory=Counter)  # acts that app.write refused, by code
    turned_away: Counter[str] = field(default_factory=Counter)  # bytes that a node refused, by code

    def add(self, other: Tally) -> None:
        for name, value in vars(other).items():
            mine = getattr(self, name)
            if isinstance(mine, Counter):
                mine.update(value)
            elif isinstance(mine, Rules):
                mine.add(value)
            else:
                setattr(self, name, mine + value)


def count_world(world: World) -> None:
    parties = {seat.party for seat in world.seats.values()}
    world.tally.worlds["on SQLite files" if world.on_files else "on disks in memory"] += 1
    world.tally.worlds[f"{len(parties)} parties on {len(world.seats)} nodes"] += 1
    world.tally.looks = world.laws.looks
    if world.side:
        world.tally.worlds["with a second agreement beside"] += 1
    if world.small_bundles:
        world.tally.worlds["in very small bundles"] += 1
    desk = next(iter(world.seats.values())).desk
    for entry in desk.space.acts():
        world.tally.kinds[kind_name(entry.kind)] += 1
    world.tally.rules.add(exercised(desk))
    for seat in world.seats.values():
        for compared in attest.all_compared(seat.desk).values():
            world.tally.alarms[f"attestation compared: {compared.result.value}"] += 1
        for where, count in seat.disk.stopped.items():
            world.tally.faults[f"crash {where}"] += count


def signature_of(world: World) -> str:
    """Return what tells two runs of one seed apart: everything every node holds and means."""
    told = [
        (seat.name, sorted(seat.desk.space.sizes().items()), seat.desk.record.digest.hex())
        for seat in world.seats.values()
    ]
    roots = [seat.desk.space.root(log, size).hex() for seat in world.seats.values() for log, size in
             seat.desk.space.sizes().items()]  # fmt: skip
    return hashlib.sha256(repr((told, roots, sorted(world.tally.faults.items()))).encode()).hexdigest()[:16]
