"""What goes wrong with machines: they stop, disks fill, clocks are wrong, links break, old copies come back."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from simulation import headquarters
from simulation.machines import DAY, HOUR, Fuse
from tallystick.app import restored

if TYPE_CHECKING:
    from simulation.world import World


def light_fuse(world: World) -> None:
    if world.somebody_is_behind():
        return
    world.any_seat().disk.fuse = Fuse(world.dice.randrange(4), after=world.dice.random() < 0.5)


def restart(world: World) -> None:
    seat = world.any_seat()
    world.tally.faults["restart"] += 1
    seat.boot()
    world.laws.forget(seat)


def trouble_disk(world: World) -> None:
    if world.somebody_is_behind():
        return
    seat = world.any_seat()
    seat.disk.trouble = world.dice.choice(("store-full", "store-read-only", "store-locked"))
    world.mending.append((world.time.instant + int(world.dice.expovariate(1 / (3 * DAY))), seat))
    world.tally.faults[f"disk trouble: {seat.disk.trouble}"] += 1


def set_clock_wrong(world: World) -> None:
    seat = world.any_seat()
    years = 365 * DAY
    seat.clock.error = world.dice.choice((0, 0, 300, -300, 5 * HOUR, -DAY, 3 * years, -20 * years))
    if seat.clock.error:
        world.tally.faults["clock wrong"] += 1


def break_link(world: World) -> None:
    if world.somebody_is_behind():
        return
    one, other = world.two_seats()
    months = world.dice.choice((0.1, 1, 3, 8))
    world.apart[frozenset((one.name, other.name))] = world.time.instant + int(months * 30 * DAY)
    world.tally.faults["partition"] += 1


def back_up(world: World) -> None:
    seat = world.any_seat()
    seat.backup = seat.disk.image()


def restore(world: World) -> None:
    """Put an old copy back, by the product's command or by hand; a mark on another disk may tell of it.

    In some worlds it comes back in a calm, hears everybody, and must not fork its logs. In the others it cannot
    reach everybody, or files of its own are still on their way: then a fork may come of it, and must heal.
    """
    seat = world.any_seat()
    if seat.backup is None or world.somebody_is_behind() or seat.name in world.twins or seat.hasty:
        return
    by_hand = world.dice.random() < 0.5
    seat.hasty = world.dice.random() < 0.3
    world.tally.faults[f"backup restored {'by hand' if by_hand else 'by command'}"] += 1
    world.tally.faults["backup restored while others cannot be reached"] += seat.hasty
    world.say(f"  {seat.name} lost its disk and came back from a backup{', in a hurry' if seat.hasty else ''}")
    if seat.hasty:
        world.laws.forked |= seat.desk.own_logs
    else:
        for other in world.seats.values():
            other.disk.trouble, other.disk.fuse = "", None
    seat.disk = seat.disk.put_back(seat.backup)
    seat.lost_memory = True
    if not by_hand:
        restored.mark(seat.disk, seat.space, restored.Why.RESTORED, seat.keys, seat.clock.now())
    seat.boot()
    world.laws.forget(seat)
    for other in world.seats.values():  # its administrator looks up who has a new key since
        if other is not seat:
            headquarters.enter(world, seat, other)
    if seat.hasty:
        return
    # Nobody else may know more of its log than those whom it can reach: what is on its way is lost with it.
    world.mail = [letter for letter in world.mail if letter.to == seat.name]
    world.apart = {pair: until for pair, until in world.apart.items() if seat.name not in pair}
    kept: Counter[int] = Counter()
    for one in world.seats.values():
        kept |= Counter(one.desk.space.sizes())
    world.laws.lost(kept)
