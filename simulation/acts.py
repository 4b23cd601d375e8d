"""Officers act: what one says is signed by the product's own ``app.write``, or refused by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulation import enemies, officers
from simulation.laws import InvariantBroken
from simulation.machines import DAY, OfficersKey, Seat
from tallystick.app import timekeeping, write
from tallystick.core.detail import remark_of
from tallystick.core.entries import Draft, Entry
from tallystick.core.errors import ActRefusedError, LocalError

if TYPE_CHECKING:
    from simulation.world import World

_MAY_REFUSE = frozenset({
    "field-out-of-limits", "bad-time", "restored-not-heard", "restored-still-missing", "clock-behind", "clock-ahead",
    "log-forked", "officer-must-sign", "officer-key-not-granted", "officer-key-differs",
})  # fmt: skip


def act(world: World) -> None:
    seat = world.any_seat()
    if seat.name in world.twins and world.dice.random() < 0.5:
        seat = world.twins[seat.name]
    with world.on(seat):
        desk = seat.desk
        day = max(1, seat.clock.now() // DAY)
        wrong = world.dice.random() < (0.15 if seat.honest else 0.4)
        draft = officers.draft(
            desk, world.dice, day, wrong=wrong, remark=f"said at {seat.name} in step {world.tally.steps}."
        )
        if draft is None:
            return
        if not seat.honest and world.dice.random() < 0.5:
            enemies.force(world, seat, draft)
        else:
            sign(world, seat, draft)


def sign(world: World, seat: Seat, draft: Draft) -> Entry | None:
    desk = seat.desk
    sizes = desk.space.sizes()
    try:
        entry = with_officers_signature(world, seat, draft)
    except LocalError as error:
        if not isinstance(error, ActRefusedError) and error.code not in _MAY_REFUSE:
            raise
        world.tally.refused[error.code] += 1
        if isinstance(error, ActRefusedError):
            world.tally.rules.refused(draft.body.KIND, error.code)
        if error.code in ("clock-behind", "clock-ahead"):
            look_at_the_clock(seat)
        if desk.space.sizes() != sizes:
            raise InvariantBroken("write", f"{seat.name} refused an act and wrote all the same") from error
        return None
    signed(world, entry)
    order = desk.record.subject_of(entry.ref)
    if order is not None and entry.ref in desk.record.orders[order].void:
        raise InvariantBroken("write", f"{seat.name} signed {entry.ref}, which is void at once")
    return entry


def signed(world: World, entry: Entry) -> None:
    world.tally.acts += 1
    if remark := remark_of(entry.detail):
        world.laws.remarks[entry.ref] = remark


def look_at_the_clock(seat: Seat) -> None:
    """Somebody sets a wrong clock, or says that it is right: then it was an entry that was dated wrongly."""
    if seat.clock.error:
        seat.clock.error = 0
    else:
        timekeeping.say_it_is_right(seat.running)


def with_officers_signature(world: World, seat: Seat, draft: Draft) -> Entry:
    """Sign; where the officer's own signature is asked for, the officer gives it, mostly with the right key."""
    desk = seat.desk
    try:
        return write.sign(desk, draft)
    except LocalError as error:
        if error.code != "officer-must-sign" or world.dice.random() < 0.05:
            raise
        grant = desk.record.grants[desk.party, getattr(draft.body, "who", 0)]
        right = next(name for name in world.officers if OfficersKey(name).public == grant.officer_key)
        name = right if world.dice.random() < 0.95 else "somebody else"
        return write.sign(desk, draft, officer=OfficersKey(name))
