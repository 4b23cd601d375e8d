"""The end of a world: everything is mended, and all nodes must come to hold and to mean the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulation import traffic
from simulation.auditor import audit
from simulation.laws import InvariantBroken
from simulation.machines import Seat
from tallystick.app import forks
from tallystick.core.errors import GapError

if TYPE_CHECKING:
    from simulation.world import World


def heal(world: World) -> None:
    """Everything works again: all nodes must come to hold and to mean the same."""
    for seat in world.seats.values():
        seat.disk.trouble, seat.disk.fuse, seat.clock.error = "", None, 0
        if seat.silent:
            seat.silent = False
            seat.boot()
    world.apart.clear()
    for letter in world.mail:
        if letter.to in world.seats and world.dice.random() < 0.5:
            traffic.deliver(world, letter)
    world.mail.clear()
    for twin in world.twins.values():
        twin.disk.close()
    world.twins.clear()
    seats = list(world.seats.values())
    traffic.meet_all(world, seats)
    for seat in seats:
        seat.lost_memory = False
        world.laws.forget(seat)
        world.laws.look(seat)
    first = seats[0].desk
    world.tally.alarms["logs cut after a fork"] += len(first.space.cuts)
    for seat in seats[1:]:
        if forks.heads(seat.desk) != forks.heads(first):
            raise InvariantBroken("I1", f"{seat.name} and {seats[0].name} do not come to hold the same")
        if seat.desk.record.digest != first.record.digest:
            raise InvariantBroken("I1", f"{seat.name} and {seats[0].name} do not mean the same in the end")
        waits_for_nothing(seat)
        world.laws.forgets(seat)
    world.laws.books(world.dice.choice(seats))
    audit(seats[0].desk)
    world.laws.from_scratch(world.dice.choice(seats), world.dice)


def waits_for_nothing(seat: Seat) -> None:
    """A bundle still kept because it came early was damaged on the way: what it waits for does not exist."""
    for early in seat.desk.store.waiting(seat.space):
        try:
            seat.desk.space.read(early.bundle)
        except GapError:
            continue
        raise InvariantBroken("I16", f"{seat.name} keeps a bundle waiting that it could read")
