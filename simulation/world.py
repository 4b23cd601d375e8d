"""One simulated world under one seed: who sits where, what happens next, and what goes wrong.

Each step one thing happens, chosen by the seed's dice: an officer acts, two nodes exchange, a courier leaves or
arrives, a machine stops, a link breaks, a liar lies. Faults are drawn by a weather of their own for each seed, so that
some worlds are calm and others have little else but one sort of fault.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from simulation import accidents, acts, ending, enemies, founding, headquarters, traffic
from simulation.laws import InvariantBroken, Laws
from simulation.machines import DAY, HOUR, Crash, Seat, Time
from simulation.tally import Tally, count_world, signature_of
from simulation.traffic import Letter
from tallystick.app import exchange
from tallystick.core import composing
from tallystick.core.calendar import day_text, parse_day
from tallystick.core.errors import (
    StoreUnavailableError,
)

BEGINS = parse_day("2027-01-11") * 86_400
ENDS = parse_day("2160-01-01") * 86_400  # days end in 2169
FILES_SHARE = 0.06  # of the worlds: files are slow
FAULTS = (
    "request lost", "answer lost", "sent twice", "delayed", "truncated", "garbled", "old answer", "crash",
    "disk trouble", "partition", "clock wrong", "courier lost", "courier twice", "courier misdelivered",
    "courier damaged", "backup restored", "stranger's bytes", "key stolen", "lying bundle", "log forked",
)  # fmt: skip


class World:
    """Everything in one seed."""

    def __init__(self, seed: int, *, say: Callable[[str], None] = lambda _: None) -> None:
        self.seed = seed
        self.say = say
        self.dice = Random(f"tallystick world {seed}")
        self.time = Time(BEGINS + self.dice.randrange(365) * DAY)
        self.began = self.time.instant
        self.laws = Laws()
        self.tally = Tally()
        self.mail: list[Letter] = []
        self.apart: dict[frozenset[str], int] = {}  # pairs that cannot reach each other, until when
        self.mending: list[tuple[int, Seat]] = []  # disks in trouble, until when
        self.answers: dict[tuple[str, str], exchange.Reply] = {}  # the last one of a pair, to be sent again
        self.seats: dict[str, Seat] = {}
        self.space = b""  # the agreement's id
        self.side = b""  # another agreement of the same headquarters, in some worlds
        self.twins: dict[str, Seat] = {}  # by the name of the node whose keys they have
        self.shown: set[tuple[str, str]] = set()  # (name, other): to whom the twin is shown
        self.officers: dict[str, None] = {}  # everybody who ever had a key of their own
        dice = self.dice
        self.steps = dice.choice((80, 200, 200, 400, 400, 700))
        self.pace = dice.choice(
            (600, HOUR, 12 * HOUR, 2 * DAY, 4 * DAY, 8 * DAY, 16 * DAY, 30 * DAY)
        )  # between steps, about
        self.weather = {name: dice.choice((0.0, 0.0, 0.3, 1.0, 1.0, 3.0)) for name in FAULTS}
        self.bother = dice.choice((0.0, 0.05, 0.15, 0.4))  # how much of the traffic meets a fault
        self.small_bundles = dice.random() < 0.3
        self.on_files = dice.random() < FILES_SHARE  # real SQLite files instead of a store in memory
        self.folder: Path | None = None
        self.signature = ""  # of everything every node holds and means in the end

    # ---- time

    def run(self) -> Tally:
        """Run the whole seed.

        Raises:
            InvariantBroken: also for whatever the product raises that it should not.
        """
        try:
            with self._module_limits(), self._files():
                founding.settle(self)
                for _ in range(self.steps):
                    self._step()
                ending.heal(self)
                count_world(self)
                self.signature = signature_of(self)
        except (InvariantBroken, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise InvariantBroken("no surprise", f"{type(error).__name__}: {error}"[:500]) from error
        return self.tally

    @contextmanager
    def _files(self) -> Iterator[None]:
        if not self.on_files:
            yield
            return
        with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
            self.folder = Path(folder)
            try:
                yield
            finally:
                for seat in (*self.seats.values(), *self.twins.values()):
                    seat.disk.close()

    @contextmanager
    def _module_limits(self) -> Iterator[None]:
        """Some worlds split everything into many small bundles."""
        kept = composing.SPLIT_ITEMS, exchange.POST_BYTES
        if self.small_bundles:
            composing.SPLIT_ITEMS, exchange.POST_BYTES = 5, 500
        try:
            yield
        finally:
            composing.SPLIT_ITEMS, exchange.POST_BYTES = kept

    def _step(self) -> None:
        self.tally.steps += 1
        self._pass_time()
        traffic.deliver_mail(self)
        does = self._choose()
        self.say(f"{self.tally.steps:4} {self._date()} {does.__name__.strip('_').replace('_', ' ')}")
        does(self)
        for seat in self.seats.values():
            self.laws.look(seat)

    def _date(self) -> str:
        return day_text(self.time.day)

    def _pass_time(self) -> None:
        dice = self.dice
        gap = int(dice.expovariate(1 / self.pace))
        if dice.random() < 0.01:
            gap += dice.randrange(20, 150) * DAY  # nothing happens for months
        if self.time.instant + gap > ENDS:
            gap = 0
        self.time.instant += gap
        self.tally.seconds += gap
        self.apart = {pair: until for pair, until in self.apart.items() if until > self.time.instant}
        for until, seat in self.mending:
            if until <= self.time.instant:
                seat.disk.trouble = ""
        self.mending = [(until, seat) for until, seat in self.mending if until > self.time.instant]

    def _choose(self) -> Callable[[World], None]:
        weights: dict[Callable[[World], None], float] = {
            acts.act: 60,
            traffic.visit: 34,
            traffic.send_courier: 5,
            headquarters.administer: 2.5,
            headquarters.erase: 0.5,
            accidents.light_fuse: 1.2 * self.weather["crash"],
            accidents.restart: 0.3,
            accidents.break_link: 0.8 * self.weather["partition"],
            accidents.trouble_disk: 0.5 * self.weather["disk trouble"],
            accidents.set_clock_wrong: 0.5 * self.weather["clock wrong"],
            accidents.back_up: 0.6,
            accidents.restore: 0.3 * self.weather["backup restored"],
            enemies.steal: 0.3 * self.weather["key stolen"],
            traffic.speak_beside: 3 if self.side else 0,
            enemies.fork: 0.3 * self.weather["log forked"] if not self.twins else 0,
            headquarters.find_theft: 2 if any(seat.stolen for seat in self.seats.values()) else 0,
            enemies.stranger: 0.8 * self.weather["stranger's bytes"],
            enemies.lie_in_a_bundle: self.weather["lying bundle"]
            if any(not s.honest for s in self.seats.values())
            else 0,
            traffic.idle: 1,
        }
        return self.dice.choices(list(weights), list(weights.values()))[0]

    def any_seat(self) -> Seat:
        return self.dice.choice(list(self.seats.values()))

    def two_seats(self) -> tuple[Seat, Seat]:
        one, other = self.dice.sample(list(self.seats.values()), 2)
        return self.face(one, other), self.face(other, one)

    def face(self, seat: Seat, other: Seat) -> Seat:
        """Return the machine that ``other`` meets as ``seat``: mostly the same, when there are two."""
        twin = self.twins.get(seat.name)
        if twin is None:
            return seat
        return twin if ((seat.name, other.name) in self.shown) != (self.dice.random() < 0.05) else seat

    # ---- crashes

    @contextmanager
    def on(self, seat: Seat) -> Iterator[None]:
        """Whatever happens inside may stop the machine of ``seat``, which then starts again, or find its disk full."""
        try:
            yield
        except Crash:
            self.rise(seat)
        except StoreUnavailableError as error:
            if not seat.disk.trouble:
                raise
            self.tally.refused[error.code] += 1

    def rise(self, seat: Seat) -> None:
        self.tally.faults["crash"] += 1
        self.say(f"  {seat.name} crashed and starts again")
        seat.disk.rise()
        seat.boot()
        self.laws.forget(seat)
        self.laws.look(seat)

    def disturbed(self, *seats: Seat) -> bool:
        broken = any(seat.disk.trouble or seat.disk.fuse for seat in seats)
        return broken or self.cannot_meet(*[seat.name for seat in seats])

    def cannot_meet(self, *names: str) -> bool:
        return frozenset(names) in self.apart

    def somebody_is_behind(self) -> bool:
        return any(seat.lost_memory and not seat.hasty for seat in self.seats.values())

    def fault(self, *names: str) -> str:
        """Return what goes wrong now among ``names``, or nothing.

        While a node is coming back from a backup the wire works: one that cannot reach somebody may sign before it has
        heard everything, and that is a fork.
        """
        if self.dice.random() >= self.bother or self.somebody_is_behind():
            return ""
        weights = [self.weather[name] for name in names]
        if not any(weights):
            return ""
        fault = self.dice.choices(names, weights)[0]
        self.tally.faults[fault] += 1
        return fault
