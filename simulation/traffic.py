"""What nodes send each other: visits over a wire that loses and changes, couriers, and undisturbed exchange."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import permutations
from typing import TYPE_CHECKING

from simulation import officers
from simulation.laws import InvariantBroken, order_digests, own_log
from simulation.machines import DAY, Crash, Seat
from tallystick.app import attest, courier, exchange, forks, withheld, write
from tallystick.app.node import Desk
from tallystick.core import bundle as wire
from tallystick.core.bundle import split_sequence
from tallystick.core.detail import detail_of
from tallystick.core.errors import LocalError, PeerUnreachableError, RemoteError, StoreUnavailableError

if TYPE_CHECKING:
    from simulation.world import World

BESIDE = "said beside, under the other agreement"
ROUNDS_MAX = 12  # in which everybody meets everybody at the end


@dataclass
class Letter:
    """Something on its way: a courier file, or bytes of the wire that come late."""

    due: int
    to: str
    data: bytes
    key: bytes | None  # of the sender, on the wire; None for a courier file
    holds: str = ""


def visit(world: World) -> None:
    one, other = world.two_seats()
    world.tally.visits += 1
    if world.cannot_meet(one.name, other.name):
        return
    watch = world.dice.random() < 0.05
    before = order_digests(one.desk) if watch else {}
    sizes = one.desk.space.sizes()
    with world.on(one):
        try:
            result = exchange.sync(
                one.desk, lambda body, holds: post(world, one, other, body, holds), other.key,
                holds=one.holds.get(other.name, ""), others=others_of(one), compare=heads_of(other),
            )  # fmt: skip
            one.holds[other.name] = result.holds
            after_visit(world, one, other)
        except PeerUnreachableError:
            not_reached(one, other)
        except RemoteError as error:
            turned_away(world, error)
            not_reached(one, other)
        except LocalError as error:
            may_not_write(world, one, error)
        if watch and one.node is not None:
            world.laws.late_entry(one, before, sizes)


def heads_of(other: Seat) -> Callable[[bytes], bytes]:
    return lambda asked: forks.differences(other.desk, asked)


def may_not_write(world: World, seat: Seat, error: LocalError) -> None:
    """A node whose own log has two histories writes nothing in it any more."""
    log = own_log(seat.desk)
    if error.code != "log-forked" or log not in world.laws.forked:
        raise error
    world.tally.refused[error.code] += 1


def after_visit(world: World, one: Seat, other: Seat) -> None:
    """As the product's worker does after a visit that went well."""
    desk = one.desk
    attest.compare(desk)
    world.laws.no_divergence(one, honest_logs(world))
    withheld.note_visit(desk, other.key)
    attest.attest_if_due(desk)
    log = own_log(other.desk)
    known = withheld.recall(desk, log) if log is not None else None
    if known is not None and log is not None and withheld.is_withheld(known, desk.space, log, desk.clock.now()):
        if not (other.silent or other.desk.closed_logs or other.clock.error or world.laws.forked):
            raise InvariantBroken("withheld", f"{one.name} says that {other.name} withholds acknowledgements")
        world.tally.alarms["acknowledgements withheld"] += 1


def honest_logs(world: World) -> dict[int, bool]:
    logs = {own_log(seat.desk): seat.honest for seat in world.seats.values()}
    return {log: honest for log, honest in logs.items() if log is not None and log not in world.laws.forked}


def others_of(seat: Seat) -> frozenset[bytes]:
    return exchange.reachable(seat.disk, seat.space)


def not_reached(one: Seat, other: Seat) -> None:
    """As the product's worker does after a visit that failed."""
    one.desk.not_reached(other.key)
    one.desk.settle(others_of(one))


def turned_away(world: World, error: RemoteError) -> None:
    world.tally.turned_away[error.code] += 1


def post(world: World, one: Seat, other: Seat, body: bytes, holds: str) -> exchange.Reply:
    world.laws.speaks(one)
    if world.side:
        keeps_apart(body, one.desk, BESIDE.encode())
    fault = world.fault("request lost", "answer lost", "sent twice", "delayed", "truncated", "garbled", "old answer")
    lost = PeerUnreachableError(url=other.name, why=fault or "crash")
    if fault == "request lost":
        raise lost
    if fault == "delayed":
        world.mail.append(Letter(later(world), other.name, body, one.key, holds))
        raise lost
    if fault in ("truncated", "garbled"):
        body = damage(world, body, fault)
    if fault == "sent twice":
        answered(world, one, other, body, holds, lost)
        world.mail.append(Letter(later(world), other.name, body, one.key, holds))
    reply = answered(world, one, other, body, holds, lost)
    if fault == "answer lost":
        raise lost
    if fault == "old answer":
        reply = world.answers.get((one.name, other.name), reply)
    world.answers[one.name, other.name] = reply
    if world.fault("truncated", "garbled"):
        return exchange.Reply(damage(world, reply.body, "garbled"), reply.holds)
    return reply


def answered(
    world: World, one: Seat, other: Seat, body: bytes, holds: str, lost: PeerUnreachableError
) -> exchange.Reply:
    """Let ``other`` answer; what its machine does meanwhile is its own affair."""
    try:
        reply = exchange.answer(other.desk, body, one.key, holds, others=others_of(other))
    except Crash:
        world.rise(other)
        raise lost from None
    except StoreUnavailableError:
        if not other.disk.trouble:
            raise
        raise lost from None
    world.laws.speaks(other)
    return reply


def damage(world: World, data: bytes, how: str) -> bytes:
    if not data:
        return data
    if how == "truncated":
        return data[: world.dice.randrange(len(data))]
    changed = bytearray(data)
    for _ in range(world.dice.choice((1, 1, 3))):
        changed[world.dice.randrange(len(changed))] ^= 1 << world.dice.randrange(8)
    return bytes(changed)


def later(world: World) -> int:
    return world.time.instant + int(world.dice.expovariate(1 / (20 * world.pace)))


def visit_calmly(world: World, one: Seat, other: Seat) -> str:
    """Exchange with nothing in the way; returns the digest that the other ended with."""
    rounds = 0

    def post(body: bytes, holds: str) -> exchange.Reply:
        nonlocal rounds
        rounds += 1
        world.laws.speaks(one)
        reply = exchange.answer(other.desk, body, one.key, holds, others=others_of(other))
        world.laws.speaks(other)
        return reply

    return exchange.sync(one.desk, post, other.key, others=others_of(one), compare=heads_of(other)).holds


def meet_all(world: World, seats: list[Seat]) -> None:
    """Everybody exchanges with everybody, undisturbed, until nobody has news."""
    for _ in range(ROUNDS_MAX):
        before = [forks.heads(seat.desk) for seat in seats]
        for one, other in permutations(seats, 2):
            try:
                visit_calmly(world, one, other)
            except RemoteError as error:
                if not world.laws.forked or error.code not in forks.SIGNS:
                    raise
                turned_away(world, error)
        if before == [forks.heads(seat.desk) for seat in seats]:
            return
    raise InvariantBroken("I16", f"{ROUNDS_MAX} rounds of calm exchange and still news")


def said(one: Seat, other: Seat, holds: str) -> tuple[int, int]:
    """Return the bytes of bundles both ways, in a visit right after another."""
    sent = heard = 0

    def post(body: bytes, holds: str) -> exchange.Reply:
        nonlocal sent, heard
        reply = exchange.answer(other.desk, body, one.key, holds, others=others_of(other))
        sent += len(body)
        heard += len(reply.body)
        return reply

    exchange.sync(one.desk, post, other.key, holds=holds, others=others_of(one))
    return sent, heard


def idle(world: World) -> None:
    """I16: two nodes in step say nothing to each other."""
    one, other = world.two_seats()
    if world.laws.forked or world.disturbed(one, other) or one.desk.closed_logs or other.desk.closed_logs:
        return
    if said(one, other, visit_calmly(world, one, other)) != (0, 0):
        raise InvariantBroken("I16", f"{one.name} and {other.name} are in step and still talk")


def send_courier(world: World) -> None:
    one, other = world.two_seats()
    with world.on(one):
        peer = next(p for p in one.disk.peers() if p.writer_key == other.key)
        try:
            file = courier.write(one.running, one.desk, peer, everything=world.dice.random() < 0.1)
        except LocalError as error:
            if error.code != "nothing-new":
                may_not_write(world, one, error)
            return
        world.laws.speaks(one)
        world.tally.letters += 1
        fault = world.fault("courier lost", "courier twice", "courier misdelivered", "courier damaged")
        if fault == "courier lost":
            return
        to = world.any_seat().name if fault == "courier misdelivered" else other.name
        data = damage(world, file.data, "garbled") if fault == "courier damaged" else file.data
        for _ in range(2 if fault == "courier twice" else 1):
            world.mail.append(Letter(world.time.instant + int(world.dice.expovariate(1 / (30 * DAY))), to, data, None))


def deliver_mail(world: World) -> None:
    due = [letter for letter in world.mail if letter.due <= world.time.instant]
    world.mail = [letter for letter in world.mail if letter.due > world.time.instant]
    for letter in due:
        deliver(world, letter)


def deliver(world: World, letter: Letter) -> None:
    twins = {twin.name: twin for twin in world.twins.values()}
    seat = world.seats.get(letter.to) or twins[letter.to]
    with world.on(seat):
        try:
            if letter.key is None:
                courier.read(seat.running, letter.data)
            else:
                exchange.answer(seat.desk, letter.data, letter.key, letter.holds, others=others_of(seat))
        except RemoteError as error:
            turned_away(world, error)


def speak_beside(world: World) -> None:
    """Two headquarters say something under their other agreement, and exchange."""
    one, other = world.dice.sample([seat for seat in world.seats.values() if seat.home], 2)
    if world.disturbed(one, other) or one.clock.error or other.clock.error:
        return
    desk, theirs = (seat.running.desk(world.side) for seat in (one, other))
    day = one.clock.now() // DAY
    draft = officers.draft(desk, world.dice, day, wrong=False)
    if draft is not None:
        with suppress(LocalError):
            write.sign(desk, replace(draft, detail=detail_of(BESIDE)))

    def post(body: bytes, holds: str) -> exchange.Reply:
        reply = exchange.answer(theirs, body, one.key, holds)
        for data in (body, reply.body):
            keeps_apart(data, desk, b"said at ")
        return reply

    exchange.sync(desk, post, other.key)


def keeps_apart(data: bytes, desk: Desk, secret: bytes) -> None:
    """I24: bytes of one agreement hold nothing of the other."""
    for bundle in split_sequence(data):
        envelope = wire.read_envelope(bundle)
        if not desk.id.startswith(envelope.space) or secret in desk.space.codec.unpack(envelope.codec, envelope.body):
            raise InvariantBroken("I24", f"a bundle of {desk.name} holds something of another agreement")
