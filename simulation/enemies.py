"""Those who mean harm: liars among the partners, thieves of a ship or a key, strangers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from simulation import acts, traffic
from simulation.laws import InvariantBroken, own_log
from simulation.machines import DAY, Mark, NodeDice, OfficersKey, Seat
from tallystick.app import exchange
from tallystick.core import bundle as wire
from tallystick.core import cose
from tallystick.core.entries import Attest, Draft, Held, Unreadable
from tallystick.core.errors import LocalError, RemoteError
from tallystick.core.fold import PROFILE

if TYPE_CHECKING:
    from simulation.world import World


def force(world: World, seat: Seat, draft: Draft) -> None:
    """A liar signs what its own program would refuse, with any date it likes."""
    desk = seat.desk
    log = own_log(desk)
    assert log is not None
    claimed = world.dice.choice((0, 0, -40 * DAY, 400 * DAY, -20 * 365 * DAY))
    now = max(0, desk.clock.now() + claimed) // 60 * 60
    if world.dice.random() < 0.05:
        logs = tuple(Held(held, size) for held, size in desk.space.sizes().items())
        draft = Draft(Attest(logs, PROFILE, world.dice.randbytes(32), world.dice.randbytes(32)))
        world.tally.faults["lie: attests another record"] += 1
    said = _with_a_signature(world, seat, replace(draft, t=now))
    try:
        admission = desk.commit_fresh(lambda: desk.space.draft(log, [said], now, desk.epoch_key(log)))
    except LocalError as error:
        world.tally.refused[error.code] += 1
        return
    assert admission is not None
    acts.signed(world, admission.entries[-1])
    world.tally.faults["lie: signed what its program refuses, or back-dated"] += 1


def _with_a_signature(world: World, seat: Seat, draft: Draft) -> Draft:
    """Now and then there is somebody else's signature under it; or it is an act that its officer signed once, again."""
    desk, dice = seat.desk, world.dice
    does = dice.random()
    if does < 0.1:
        somebody = OfficersKey("somebody else")
        return replace(draft, auth=cose.envelope(somebody.sign(dice.randbytes(40))))
    if does < 0.3:
        log = own_log(desk)
        signed = [entry for entry in desk.space.acts() if entry.ref.log == log and entry.auth and not entry.missing]
        if signed:
            old = dice.choice(signed)
            assert not isinstance(old.body, Unreadable)
            return Draft(old.body, obj=old.obj, detail=old.detail, t=old.t, auth=old.auth)
    return draft


def steal(world: World) -> None:
    """A ship is taken, with its key: from now on whoever has it signs there."""
    ships = [seat for seat in world.seats.values() if not seat.home and seat.honest]
    if not ships or world.somebody_is_behind():
        return
    seat = world.dice.choice(ships)
    seat.honest, seat.stolen = False, True
    world.say(f"  {seat.name} and its key are stolen")
    world.tally.faults["key stolen"] += 1


def fork(world: World) -> None:
    """A second machine with the same keys: a liar's, shown to some partners, or a thief's copy."""
    seat = world.any_seat()
    if seat.stolen or (seat.honest and seat.home) or world.somebody_is_behind() or seat.desk.closed_logs:
        return
    twin = replace(
        seat, name=f"{seat.name}*", disk=seat.disk.beside(),
        dice=NodeDice(f"{world.seed} {seat.name}*"), honest=False, is_twin=True, mark=Mark(), holds={}, backup=None,
    )  # fmt: skip
    twin.boot()
    world.twins[seat.name] = twin
    world.shown = {(seat.name, other) for other in world.seats if other != seat.name and world.dice.random() < 0.5}
    log = own_log(seat.desk)
    assert log is not None
    world.laws.forked |= {log} | ({seat.desk.admin_log} if seat.home else set())
    world.tally.faults[f"log forked by a {'thief' if seat.honest else 'liar'}"] += 1
    world.say(f"  {seat.name} has a twin with the same keys, shown to {sorted(other for _, other in world.shown)}")


def stranger(world: World) -> None:
    """Bytes that nobody of us wrote."""
    seat = world.any_seat()
    dice = world.dice
    data = dice.choice((
        dice.randbytes(dice.randrange(200)),
        b"\x86\x01\x44" + seat.space[:4] + dice.randbytes(40),
        b"\x85\x01\x44" + seat.space[:4] + b"\x01\x58\x20" + dice.randbytes(32) + b"\x40",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x81" * 5_000,
    ))  # fmt: skip
    world.tally.faults["stranger's bytes"] += 1
    sizes = seat.desk.space.sizes()
    with world.on(seat):
        try:
            exchange.receive(seat.desk, data)
        except RemoteError as error:
            traffic.turned_away(world, error)
        if seat.desk.space.sizes() != sizes:
            raise InvariantBroken("I4", f"{seat.name} took in a stranger's bytes")


def lie_in_a_bundle(world: World) -> None:
    """A partner's bytes that no program of ours makes: sizes nobody has, questions, bombs, far too long."""
    liar = world.dice.choice([seat for seat in world.seats.values() if not seat.honest])
    victim = world.dice.choice([seat for seat in world.seats.values() if seat is not liar])
    dice, codec, space_id = world.dice, liar.desk.space.codec, liar.space
    nothing = wire.write_head(())
    logs = list(victim.desk.space.sizes())

    def bundle(body: bytes, raw: bytes = b"", have: dict[int, int] | None = None) -> bytes:
        return wire.write_envelope(space_id, codec, body=body, raw=raw, have=have)

    what, data = dice.choice((
        ("sizes nobody has", bundle(nothing, have=dict.fromkeys(logs, dice.choice((0, 10**6, 2**50))))),
        ("a log nobody granted", bundle(wire.write_head((wire.Range(16 * 999 + 1, 0, 1),)), bytes(96))),
        ("a party nobody knows", bundle(wire.write_head((wire.Range(16 * 2 + 15, 0, 1),)), bytes(96))),
        ("a count without items", bundle(wire.write_head((wire.Range(dice.choice(logs), 0, 60_000),)), bytes(96))),
        ("far ahead", bundle(wire.write_head((wire.Range(dice.choice(logs), 10**9, 1),)), bytes(96))),
        ("deep nesting", bundle(nothing + b"\x81" * 3_000)),
        ("a bomb", bundle(nothing + bytes(dice.choice((10**6, 70 * 2**20)) if dice.random() < 0.1 else 10**6))),
        ("not its signature", bundle(wire.write_head((wire.Range(logs[0], 0, 1),)), dice.randbytes(96))),
    ))  # fmt: skip
    world.tally.faults[f"lying bundle: {what}"] += 1
    sizes = victim.desk.space.sizes()
    with world.on(victim):
        try:
            exchange.answer(victim.desk, data, liar.key, "", others=traffic.others_of(victim))
        except RemoteError as error:
            traffic.turned_away(world, error)
        grown = {log for log, size in victim.desk.space.sizes().items() if size != sizes.get(log)}
        if grown - {own_log(victim.desk)}:
            raise InvariantBroken("I4", f"{victim.name} took in {what}")
