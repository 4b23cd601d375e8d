"""What a party's headquarters does: grants and takes back warrants, has words erased, finds out about a theft."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from simulation import acts, founding
from simulation.laws import own_log
from simulation.machines import OfficersKey, Seat
from tallystick.app import warrants
from tallystick.app.node import Desk
from tallystick.core.entries import Draft, Duty, Grant, Reason, Redact, Revoke, Segment
from tallystick.core.identity import grant_of

if TYPE_CHECKING:
    from simulation.world import World


def writer_grant(world: World, ship: Seat) -> Grant:
    limited = world.dice.random() < 0.2
    home = world.seats[ship.party].desk
    return Grant(
        post=ship.name, key=ship.key, age_recipient=ship.keys.age_recipient(), duties=(),
        currency=some_currency(world, home) if limited else "", per_act=10**6 if limited else None,
        total=world.dice.choice((None, 10**8)) if limited else None, until=None, trained_on=None,
    )  # fmt: skip


def some_currency(world: World, desk: Desk) -> str:
    return desk.genesis.terms.currencies_for(world.dice.choice(desk.genesis.parties).code)[0]


def officer_grant(world: World, home: Seat, duty: Duty) -> Grant:
    dice = world.dice
    limited = dice.random() < 0.15
    today = world.time.day
    return Grant(
        post=f"{duty.name.lower()} of {home.party}", key=None, age_recipient="", duties=(duty,),
        currency=some_currency(world, home.desk) if limited else "",
        per_act=dice.choice((None, 10**5, 10**7, 10**9)) if limited else None,
        total=dice.choice((None, 10**6, 10**8)) if limited else None,
        until=dice.choice((None, None, None, None, None, today + 400, today + 2_000)),
        trained_on=today,
        officer_key=new_officer(world, f"{home.party} {duty.name}") if dice.random() < 0.8 else None,
    )  # fmt: skip


def leaning_grant(world: World, home: Seat) -> Grant | None:
    """Return a grant that leans on another: a deputy, or the same warrant under a new key; not always a fit one."""
    desk, dice = home.desk, world.dice
    known = [view for (party, _), view in desk.record.grants.items() if party == desk.party and view.key is None]
    if not known:
        return None
    view = dice.choice(known)
    name = f"{home.party} {view.duties[0].name if view.duties else ''} again {dice.randrange(3)}"
    plain = Grant(
        post=view.post, key=None, age_recipient="", duties=view.duties, currency=view.currency,
        per_act=view.per_act, total=view.total, until=view.until, trained_on=view.trained_on,
        officer_key=new_officer(world, name), acting_for=view.acting_for,
    )  # fmt: skip
    if dice.random() < 0.5:
        return replace(plain, replaces=view.ref.index)
    until = world.time.day + dice.randrange(1, 300)
    return replace(
        plain, post=f"deputy {view.post}"[:200], acting_for=view.ref.index,
        until=until if view.until is None else min(until, view.until) if dice.random() < 0.9 else until,
    )  # fmt: skip


def new_officer(world: World, name: str) -> bytes:
    world.officers[name] = None
    return OfficersKey(name).public


def administer(world: World) -> None:
    """Headquarters grants, or takes back, a warrant."""
    home = world.dice.choice([seat for seat in world.seats.values() if seat.home])
    with world.on(home):
        desk, dice = home.desk, world.dice
        granted = [view for (party, _), view in desk.record.grants.items() if party == desk.party]
        officers_here = [view for view in granted if view.duties and view.revoked is None and view.void is None]
        today = world.time.day
        does = dice.random()
        if does < 0.4 and len(officers_here) > 6:
            view = dice.choice(officers_here)
            draft = warrants.revocation(desk, view.ref.index, Reason.NOT_STATED)
            assert isinstance(draft.body, Revoke)
            if dice.random() < 0.4:  # it reaches back, or vouches for another history
                cuts = tuple(
                    replace(cut, size=size, root=desk.space.root(cut.log, size))
                    for cut in draft.body.cuts
                    for size in (max(0, cut.size - dice.choice((0, 1, 3))),)
                )
                wrong = not home.honest and dice.random() < 0.3
                cuts = tuple(replace(cut, root=bytes(32)) for cut in cuts) if wrong else cuts
                draft = replace(draft, body=replace(draft.body, cuts=cuts))
            acts.sign(world, home, draft)
            acts.sign(world, home, Draft(officer_grant(world, home, view.duties[0])))
        elif does < 0.7:
            grant = leaning_grant(world, home)
            if grant is not None:
                acts.sign(world, home, Draft(grant))
        else:
            still = {duty for view in officers_here if (view.until or today) >= today for duty in view.duties}
            missing = [duty for duty in Duty if duty not in still]
            acts.sign(world, home, Draft(officer_grant(world, home, dice.choice(missing or list(Duty)))))


def erase(world: World) -> None:
    """An administration wants a remark gone; now and then all of them agree that what an entry says must go."""
    dice = world.dice
    homes = [seat for seat in world.seats.values() if seat.home]
    desk = dice.choice(homes).desk
    entries = [entry for order in desk.record.orders for entry in desk.record.entries_of(order)]
    if not entries:
        return
    target = dice.choice(entries)
    restated = dice.choice((b"", desk.space.stored(target.ref).core or b""))
    whole = dice.random() < 0.4
    wish = Redact(
        target.ref, int(Segment.CORE | Segment.DETAIL if whole else Segment.DETAIL), Reason.ENTERED_IN_ERROR,
        restated if whole else b"",
    )  # fmt: skip
    for home in homes:
        if (whole or home.desk.party == target.party) and home.desk.space.size(target.ref.log) > target.ref.index:
            with world.on(home):
                acts.sign(world, home, Draft(wish))


def find_theft(world: World) -> None:
    """Its headquarters takes the key back, pinned to what it holds; the ship gets a new key and a new log."""
    seat = world.dice.choice([seat for seat in world.seats.values() if seat.stolen])
    home = world.seats[seat.party]
    if world.laws.forked or world.disturbed(seat, home) or world.somebody_is_behind() or home.desk.closed_logs:
        return
    desk = home.desk
    log = own_log(seat.desk)
    assert log is not None
    number = int((seat.keys.named("writer").split(" #")[1:] or ["0"])[0]) + 1
    acts.sign(world, home, warrants.revocation(desk, grant_of(log), Reason.NOT_STATED))
    seat.keys.renew("writer", number)
    acts.sign(world, home, Draft(writer_grant(world, seat)))
    seat.honest, seat.stolen = True, False
    seat.boot()
    world.laws.forget(seat)
    world.laws.promised.pop(seat.name, None)
    for other in world.seats.values():
        if other is not seat:
            enter(world, other, seat)
    founding.launch(world, seat)
    world.say(f"  the theft of {seat.name} is found; it writes a new log")


def enter(world: World, seat: Seat, other: Seat) -> None:
    """Write ``other`` into the peer book of ``seat`` as it is now."""
    trouble, fuse = seat.disk.trouble, seat.disk.fuse
    seat.disk.trouble, seat.disk.fuse = "", None
    for old in seat.disk.peers():
        if old.name == other.name and old.writer_key != other.key:
            seat.disk.remove_peer(old.peer_id)
    if all(peer.writer_key != other.key for peer in seat.disk.peers()):
        seat.disk.put_peer(founding.peer_of(world, other, seat.desk.genesis))
    seat.disk.trouble, seat.disk.fuse = trouble, fuse
