"""Who sits where in a world: the parties, their nodes, the agreement, the first warrants, and the liar if any."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from random import Random
from typing import TYPE_CHECKING

from simulation import headquarters, traffic
from simulation.machines import HOUR, Disk, Keys, NodeClock, NodeDice, Seat, SqliteDisk
from tallystick.app import courier, pairing, write
from tallystick.app.ports import Peer, PeerStatus
from tallystick.core.agreement import JAPAN_INDIA, Genesis, OfficerSigns, Party
from tallystick.core.entries import Draft, Duty
from tallystick.core.quantity import Rounding
from tallystick.stores.memory import MemoryStore

if TYPE_CHECKING:
    from simulation.world import World

CODES = (("JP", "JPY"), ("IN", "INR"), ("AU", "AUD"))
NODES_MAX = 6


def settle(world: World) -> None:
    dice = world.dice
    parties = CODES[: dice.choice((2, 2, 2, 3))]
    counts = dict.fromkeys([code for code, _ in parties], 1)
    for _ in range(dice.choice((0, 0, 1, 2, 4))):
        if sum(counts.values()) < NODES_MAX:
            counts[dice.choice(parties)[0]] += 1
    for code, _ in parties:
        for number in range(counts[code]):
            take_seat(world, code if not number else f"{code}{number + 1}", code, home=not number)
    homes = [seat for seat in world.seats.values() if seat.home]
    if len(homes) == 2 and dice.random() < 0.5:
        pair(*homes)
    else:
        found_by_hand(world, homes, {code: (currency,) for code, currency in parties})
    world.space = homes[0].space
    introduce(world)
    if dice.random() < 0.15:
        agree_beside(world, homes)
    for seat in homes:
        grant_ships(world, seat)
    traffic.meet_all(world, homes)
    for seat in world.seats.values():
        if not seat.home:
            launch(world, seat)
    for seat in homes:
        grant_officers(world, seat)
    traffic.meet_all(world, list(world.seats.values()))
    if dice.random() < 0.4:
        liar = dice.choice(list(world.seats.values()))
        liar.honest = False
        liar.silent = dice.random() < 0.4
    for seat in world.seats.values():
        world.laws.look(seat)
    liars = [seat.name for seat in world.seats.values() if not seat.honest]
    world.say(
        f"seed {world.seed}: nodes {', '.join(world.seats)}; {world.steps} steps of about {world.pace / HOUR:.1f} h; "
        f"liars: {', '.join(liars) or 'none'}"
    )


def take_seat(world: World, name: str, party: str, *, home: bool) -> None:
    seat = Seat(
        name=name,
        party=party,
        keys=Keys(name, party, root=home),
        clock=NodeClock(world.time),
        dice=NodeDice(f"{world.seed} {name}"),
        disk=new_disk(world, name),
        home=home,
    )
    seat.boot()
    world.seats[name] = seat


def new_disk(world: World, name: str) -> Disk:
    if world.folder is None:
        return Disk(MemoryStore())
    return SqliteDisk(world.folder, Random(f"disk of {name} in {world.seed}"))


def pair(first: Seat, second: Seat) -> None:
    """By the product's own pairing, each administrator comparing the other's key id."""
    card = pairing.read_card(pairing.own_card(second.running))
    knock = pairing.propose(first.running, card, profile="JPIN", name="sim.example/jp-in", compared_key_id=card.key_id)
    peer = pairing.knocked(second.running, knock)
    pairing.confirm(
        second.running, peer.peer_id, compared_key_id=pairing.read_card(pairing.own_card(first.running)).key_id
    )
    (first.space,) = first.running.desks
    second.space = first.space


def found_by_hand(world: World, homes: list[Seat], currencies: dict[str, tuple[str, ...]]) -> None:
    """By hand: an agreement of several parties, or with other terms; the product's pairing knows two."""
    dice = world.dice
    genesis = Genesis(
        name="sim.example/several",
        version=1,
        parties=tuple(Party(seat.party, seat.settings.party_name, seat.keys.public("root")) for seat in homes),
        terms=replace(
            JAPAN_INDIA,
            currencies=currencies,
            rounding=dice.choice((Rounding.HALF_UP, Rounding.HALF_EVEN)),
            claim_window_days=dice.choice((5, 30, 365)),
            officer_signs=dice.choice(list(OfficerSigns)),
            volume_tolerance_permille=dice.choice((0, 5)),
        ),
        schema_hash=pairing._schema_hash(),
        dictionary_hash=hashlib.sha256(homes[0].running.dictionary).digest(),
        nonce=homes[0].dice.random_bytes(16),
    )
    for seat in homes:
        pairing._adopt(seat.running, genesis)
        seat.space = genesis.space_id


def agree_beside(world: World, homes: list[Seat]) -> None:
    """A second agreement on the same nodes: nothing of it may travel under the first, or the other way round."""
    genesis = replace(homes[0].desk.genesis, name="sim.example/beside", nonce=homes[0].dice.random_bytes(16))
    world.side = genesis.space_id
    world.weather["backup restored"] = 0.0  # one agreement at a time is enough to follow
    for seat in homes:
        pairing._adopt(seat.running, genesis)
        desk = seat.running.desk(world.side)
        write.sign(
            desk,
            Draft(
                replace(headquarters.officer_grant(world, seat, Duty.REQUESTER), per_act=None, total=None, until=None)
            ),
        )


def introduce(world: World) -> None:
    """Write every node into every other's peer book."""
    genesis = next(iter(world.seats.values())).desk.genesis
    for seat, other in ordered_pairs(world):
        seat.space = genesis.space_id
        if not seat.home:
            seat.disk.create_space(genesis.bytes)
        if all(peer.writer_key != other.key for peer in seat.disk.peers()):
            seat.disk.put_peer(peer_of(world, other, genesis))


def peer_of(world: World, other: Seat, genesis: Genesis) -> Peer:
    return Peer(
        peer_id=f"{other.name}-{other.key.hex()[:8]}",
        party=other.party,
        name=other.name,
        status=PeerStatus.CONFIRMED,
        created_at=world.time.instant,
        space=genesis.space_id,
        url=f"sim://{other.name}",
        age_recipient=other.keys.age_recipient(),
        root_key=None,
        writer_key=other.key,
        genesis=genesis.bytes,
    )


def ordered_pairs(world: World) -> Iterator[tuple[Seat, Seat]]:
    for one, other in combinations(list(world.seats.values()), 2):
        yield one, other
        yield other, one


def grant_ships(world: World, home: Seat) -> None:
    for ship in world.seats.values():
        if ship.party == home.party and not ship.home:
            write.sign(home.desk, Draft(headquarters.writer_grant(world, ship)))


def launch(world: World, ship: Seat) -> None:
    """A ship leaves with everything its headquarters holds, on a stick."""
    home = world.seats[ship.party]
    peer = next(p for p in home.disk.peers() if p.writer_key == ship.key)
    file = courier.write(home.running, home.desk, peer, everything=True)
    courier.read(ship.running, file.data)


def grant_officers(world: World, home: Seat) -> None:
    for duty in Duty:
        for _ in range(world.dice.choice((1, 1, 2))):
            write.sign(home.desk, Draft(headquarters.officer_grant(world, home, duty)))
