"""One simulated world under one seed: who sits where, what happens next, and what goes wrong.

Each step one thing happens, chosen by the seed's dice: an officer acts, two nodes exchange, a courier leaves or
arrives, a machine stops, a link breaks, a liar lies. Faults are drawn by a weather of their own for each seed, so that
some worlds are calm and others have little else but one sort of fault.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import combinations, permutations
from pathlib import Path
from random import Random

from simulation import officers
from simulation.laws import InvariantBroken, Laws, order_digests, own_log
from simulation.machines import Crash, Disk, Fuse, Keys, Mark, NodeClock, NodeDice, OfficersKey, Seat, SqliteDisk, Time
from tallystick.app import attest, courier, exchange, forks, pairing, restored, timekeeping, warrants, withheld, write
from tallystick.app.fields import kind_name
from tallystick.app.node import Desk
from tallystick.app.ports import Peer, PeerStatus
from tallystick.core import bundle as wire
from tallystick.core import space as space_module
from tallystick.core.agreement import JAPAN_INDIA, Genesis, OfficerSigns, Party
from tallystick.core.bundle import split_sequence
from tallystick.core.calendar import day_text, parse_day
from tallystick.core.entries import (
    DETAIL_REMARK,
    Attest,
    Draft,
    Duty,
    Entry,
    Grant,
    Held,
    Reason,
    Redact,
    Revoke,
    Segment,
)
from tallystick.core.errors import (
    ActRefusedError,
    GapError,
    LocalError,
    PeerUnreachableError,
    RemoteError,
    StoreUnavailableError,
)
from tallystick.core.fold import PROFILE
from tallystick.core.identity import grant_of
from tallystick.core.quantity import Rounding
from tallystick.stores.memory import MemoryStore

BEGINS = parse_day("2027-01-11") * 86_400
ENDS = parse_day("2160-01-01") * 86_400  # days end in 2169
CODES = (("JP", "JPY"), ("IN", "INR"), ("AU", "AUD"))
NODES_MAX = 6
FILES_SHARE = 0.06  # of the worlds: files are slow
BESIDE = "said beside, under the other agreement"
_MAY_REFUSE = frozenset({
    "field-out-of-limits", "bad-time", "restored-not-heard", "restored-still-missing", "clock-behind", "clock-ahead",
    "log-forked", "officer-must-sign", "officer-key-not-granted", "officer-key-differs",
})  # fmt: skip
HOUR, DAY = 3600, 86_400
ROUNDS_MAX = 12  # in which everybody meets everybody at the end
CALM_ROUND_TRIPS = 3  # of a visit nothing disturbs
FAULTS = (
    "request lost", "answer lost", "sent twice", "delayed", "truncated", "garbled", "old answer", "crash",
    "disk trouble", "partition", "clock wrong", "courier lost", "courier twice", "courier misdelivered",
    "courier damaged", "backup restored", "stranger's bytes", "key stolen", "lying bundle", "log forked",
)  # fmt: skip


@dataclass
class Letter:
    """Something on its way: a courier file, or bytes of the wire that come late."""

    due: int
    to: str
    data: bytes
    key: bytes | None  # of the sender, on the wire; None for a courier file
    holds: str = ""


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
    findings: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)  # acts that app.write refused, by code
    turned_away: Counter[str] = field(default_factory=Counter)  # bytes that a node refused, by code

    def add(self, other: Tally) -> None:
        for name, value in vars(other).items():
            mine = getattr(self, name)
            if isinstance(mine, Counter):
                mine.update(value)
            else:
                setattr(self, name, mine + value)


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
        self._folder: Path | None = None
        self.signature = ""  # of everything every node holds and means in the end

    # ---- who sits where

    def _settle(self) -> None:
        dice = self.dice
        parties = CODES[: dice.choice((2, 2, 2, 3))]
        counts = dict.fromkeys([code for code, _ in parties], 1)
        for _ in range(dice.choice((0, 0, 1, 2, 4))):
            if sum(counts.values()) < NODES_MAX:
                counts[dice.choice(parties)[0]] += 1
        for code, _ in parties:
            for number in range(counts[code]):
                self._seat(code if not number else f"{code}{number + 1}", code, home=not number)
        homes = [seat for seat in self.seats.values() if seat.home]
        if len(homes) == 2 and dice.random() < 0.5:
            self._pair(*homes)
        else:
            self._found(homes, {code: (currency,) for code, currency in parties})
        self.space = homes[0].space
        self._introduce()
        if dice.random() < 0.15:
            self._agree_beside(homes)
        for seat in homes:
            self._grant_ships(seat)
        self._meet_all(homes)
        for seat in self.seats.values():
            if not seat.home:
                self._launch(seat)
        for seat in homes:
            self._grant_officers(seat)
        self._meet_all(list(self.seats.values()))
        if dice.random() < 0.4:
            liar = dice.choice(list(self.seats.values()))
            liar.honest = False
            liar.silent = dice.random() < 0.4
        for seat in self.seats.values():
            self.laws.look(seat)
        liars = [seat.name for seat in self.seats.values() if not seat.honest]
        self.say(
            f"seed {self.seed}: nodes {', '.join(self.seats)}; {self.steps} steps of about {self.pace / HOUR:.1f} h; "
            f"liars: {', '.join(liars) or 'none'}"
        )

    def _seat(self, name: str, party: str, *, home: bool) -> None:
        seat = Seat(
            name=name,
            party=party,
            keys=Keys(name, party, root=home),
            clock=NodeClock(self.time),
            dice=NodeDice(f"{self.seed} {name}"),
            disk=self._disk(name),
            home=home,
        )
        seat.boot()
        self.seats[name] = seat

    def _disk(self, name: str) -> Disk:
        if self._folder is None:
            return Disk(MemoryStore())
        return SqliteDisk(self._folder, Random(f"disk of {name} in {self.seed}"))

    def _pair(self, first: Seat, second: Seat) -> None:
        """By the product's own pairing, each administrator comparing the other's key id."""
        card = pairing.read_card(pairing.own_card(second.running))
        knock = pairing.propose(
            first.running, card, profile="JPIN", name="sim.example/jp-in", compared_key_id=card.key_id
        )
        peer = pairing.knocked(second.running, knock)
        pairing.confirm(
            second.running, peer.peer_id, compared_key_id=pairing.read_card(pairing.own_card(first.running)).key_id
        )
        (first.space,) = first.running.desks
        second.space = first.space

    def _found(self, homes: list[Seat], currencies: dict[str, tuple[str, ...]]) -> None:
        """By hand: an agreement of several parties, or with other terms; the product's pairing knows two."""
        dice = self.dice
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

    def _agree_beside(self, homes: list[Seat]) -> None:
        """A second agreement on the same nodes: nothing of it may travel under the first, or the other way round."""
        genesis = replace(homes[0].desk.genesis, name="sim.example/beside", nonce=homes[0].dice.random_bytes(16))
        self.side = genesis.space_id
        self.weather["backup restored"] = 0.0  # one agreement at a time is enough to follow
        for seat in homes:
            pairing._adopt(seat.running, genesis)
            desk = seat.running.desk(self.side)
            write.sign(desk, Draft(replace(self._officer(seat, Duty.REQUESTER), per_act=None, total=None, until=None)))

    def _introduce(self) -> None:
        """Write every node into every other's peer book."""
        genesis = next(iter(self.seats.values())).desk.genesis
        for seat, other in self._ordered_pairs():
            seat.space = genesis.space_id
            if not seat.home:
                seat.disk.create_space(genesis.bytes)
            if all(peer.writer_key != other.key for peer in seat.disk.peers()):
                seat.disk.put_peer(self._peer(other, genesis))

    def _peer(self, other: Seat, genesis: Genesis) -> Peer:
        return Peer(
            peer_id=f"{other.name}-{other.key.hex()[:8]}",
            party=other.party,
            name=other.name,
            status=PeerStatus.CONFIRMED,
            created_at=self.time.instant,
            space=genesis.space_id,
            url=f"sim://{other.name}",
            age_recipient=other.keys.age_recipient(),
            root_key=None,
            writer_key=other.key,
            genesis=genesis.bytes,
        )

    def _ordered_pairs(self) -> Iterator[tuple[Seat, Seat]]:
        for one, other in combinations(list(self.seats.values()), 2):
            yield one, other
            yield other, one

    def _grant_ships(self, home: Seat) -> None:
        for ship in self.seats.values():
            if ship.party == home.party and not ship.home:
                write.sign(home.desk, Draft(self._writer_grant(ship)))

    def _writer_grant(self, ship: Seat) -> Grant:
        limited = self.dice.random() < 0.2
        home = self.seats[ship.party].desk
        return Grant(
            post=ship.name, key=ship.key, age_recipient=ship.keys.age_recipient(), duties=(),
            currency=self._some_currency(home) if limited else "", per_act=10**6 if limited else None,
            total=self.dice.choice((None, 10**8)) if limited else None, until=None, trained_on=None,
        )  # fmt: skip

    def _some_currency(self, desk: Desk) -> str:
        return desk.genesis.terms.currencies_for(self.dice.choice(desk.genesis.parties).code)[0]

    def _launch(self, ship: Seat) -> None:
        """A ship leaves with everything its headquarters holds, on a stick."""
        home = self.seats[ship.party]
        peer = next(p for p in home.disk.peers() if p.writer_key == ship.key)
        file = courier.write(home.running, home.desk, peer, everything=True)
        courier.read(ship.running, file.data)

    def _grant_officers(self, home: Seat) -> None:
        for duty in Duty:
            for _ in range(self.dice.choice((1, 1, 2))):
                write.sign(home.desk, Draft(self._officer(home, duty)))

    def _officer(self, home: Seat, duty: Duty) -> Grant:
        dice = self.dice
        limited = dice.random() < 0.15
        today = self.time.day
        return Grant(
            post=f"{duty.name.lower()} of {home.party}", key=None, age_recipient="", duties=(duty,),
            currency=self._some_currency(home.desk) if limited else "",
            per_act=dice.choice((None, 10**5, 10**7, 10**9)) if limited else None,
            total=dice.choice((None, 10**6, 10**8)) if limited else None,
            until=dice.choice((None, None, None, today + 400, today + 2_000)),
            trained_on=today,
            officer_key=self._new_officer(f"{home.party} {duty.name}") if dice.random() < 0.8 else None,
        )  # fmt: skip

    def _leaning_grant(self, home: Seat) -> Grant | None:
        """Return a grant that leans on another: a deputy, or the same warrant under a new key; not always a fit one."""
        desk, dice = home.desk, self.dice
        known = [view for (party, _), view in desk.record.grants.items() if party == desk.party and view.key is None]
        if not known:
            return None
        view = dice.choice(known)
        name = f"{home.party} {view.duties[0].name if view.duties else ''} again {dice.randrange(3)}"
        plain = Grant(
            post=view.post, key=None, age_recipient="", duties=view.duties, currency=view.currency,
            per_act=view.per_act, total=view.total, until=view.until, trained_on=view.trained_on,
            officer_key=self._new_officer(name), acting_for=view.acting_for,
        )  # fmt: skip
        if dice.random() < 0.5:
            return replace(plain, replaces=view.ref.index)
        until = self.time.day + dice.randrange(1, 300)
        return replace(
            plain, post=f"deputy {view.post}"[:200], acting_for=view.ref.index,
            until=until if view.until is None else min(until, view.until) if dice.random() < 0.9 else until,
        )  # fmt: skip

    def _meet_all(self, seats: list[Seat]) -> None:
        """Everybody exchanges with everybody, undisturbed, until nobody has news."""
        for _ in range(ROUNDS_MAX):
            before = [forks.heads(seat.desk) for seat in seats]
            for one, other in permutations(seats, 2):
                try:
                    self._visit_calmly(one, other)
                except RemoteError as error:
                    if not self.laws.forked or error.code not in forks.SIGNS:
                        raise
                    self._turned_away(error)
            if before == [forks.heads(seat.desk) for seat in seats]:
                return
        raise InvariantBroken("I16", f"{ROUNDS_MAX} rounds of calm exchange and still news")

    # ---- time

    def run(self) -> Tally:
        """Run the whole seed.

        Raises:
            InvariantBroken: also for whatever the product raises that it should not.
        """
        try:
            with self._module_limits(), self._files():
                self._settle()
                for _ in range(self.steps):
                    self._step()
                self._heal()
                self._count()
                self.signature = self._told()
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
            self._folder = Path(folder)
            try:
                yield
            finally:
                for seat in (*self.seats.values(), *self.twins.values()):
                    seat.disk.close()

    @contextmanager
    def _module_limits(self) -> Iterator[None]:
        """Some worlds split everything into many small bundles."""
        kept = space_module.SPLIT_ITEMS, exchange.POST_BYTES
        if self.small_bundles:
            space_module.SPLIT_ITEMS, exchange.POST_BYTES = 5, 500
        try:
            yield
        finally:
            space_module.SPLIT_ITEMS, exchange.POST_BYTES = kept

    def _step(self) -> None:
        self.tally.steps += 1
        self._pass_time()
        self._deliver_mail()
        does = self._choose()
        self.say(f"{self.tally.steps:4} {self._date()} {does.__name__.strip('_').replace('_', ' ')}")
        does()
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

    def _choose(self) -> Callable[[], None]:
        weights: dict[Callable[[], None], float] = {
            self._act: 50,
            self._visit: 34,
            self._send_courier: 5,
            self._administer: 1.5,
            self._erase: 0.5,
            self._light_fuse: 1.2 * self.weather["crash"],
            self._restart: 0.3,
            self._break_link: 0.8 * self.weather["partition"],
            self._trouble_disk: 0.5 * self.weather["disk trouble"],
            self._set_clock_wrong: 0.5 * self.weather["clock wrong"],
            self._back_up: 0.6,
            self._restore: 0.3 * self.weather["backup restored"],
            self._steal: 0.3 * self.weather["key stolen"],
            self._speak_beside: 3 if self.side else 0,
            self._fork: 0.3 * self.weather["log forked"] if not self.twins else 0,
            self._find_theft: 2 if any(seat.stolen for seat in self.seats.values()) else 0,
            self._stranger: 0.8 * self.weather["stranger's bytes"],
            self._lie_in_a_bundle: self.weather["lying bundle"]
            if any(not s.honest for s in self.seats.values())
            else 0,
            self._idle: 1,
        }
        return self.dice.choices(list(weights), list(weights.values()))[0]

    def _any_seat(self) -> Seat:
        return self.dice.choice(list(self.seats.values()))

    def _two_seats(self) -> tuple[Seat, Seat]:
        one, other = self.dice.sample(list(self.seats.values()), 2)
        return self._face(one, other), self._face(other, one)

    def _face(self, seat: Seat, other: Seat) -> Seat:
        """Return the machine that ``other`` meets as ``seat``: mostly the same, when there are two."""
        twin = self.twins.get(seat.name)
        if twin is None:
            return seat
        return twin if ((seat.name, other.name) in self.shown) != (self.dice.random() < 0.05) else seat

    # ---- crashes

    @contextmanager
    def _on(self, seat: Seat) -> Iterator[None]:
        """Whatever happens inside may stop the machine of ``seat``, which then starts again, or find its disk full."""
        try:
            yield
        except Crash:
            self._rise(seat)
        except StoreUnavailableError as error:
            if not seat.disk.trouble:
                raise
            self.tally.refused[error.code] += 1

    def _rise(self, seat: Seat) -> None:
        self.tally.faults["crash"] += 1
        self.say(f"  {seat.name} crashed and starts again")
        seat.disk.rise()
        seat.boot()
        self.laws.forget(seat)
        self.laws.look(seat)

    def _light_fuse(self) -> None:
        if self._somebody_is_behind():
            return
        self._any_seat().disk.fuse = Fuse(self.dice.randrange(4), after=self.dice.random() < 0.5)

    def _restart(self) -> None:
        seat = self._any_seat()
        self.tally.faults["restart"] += 1
        seat.boot()
        self.laws.forget(seat)

    def _trouble_disk(self) -> None:
        if self._somebody_is_behind():
            return
        seat = self._any_seat()
        seat.disk.trouble = self.dice.choice(("store-full", "store-read-only", "store-locked"))
        self.mending.append((self.time.instant + int(self.dice.expovariate(1 / (3 * DAY))), seat))
        self.tally.faults[f"disk trouble: {seat.disk.trouble}"] += 1

    def _set_clock_wrong(self) -> None:
        seat = self._any_seat()
        years = 365 * DAY
        seat.clock.error = self.dice.choice((0, 0, 300, -300, 5 * HOUR, -DAY, 3 * years, -20 * years))
        if seat.clock.error:
            self.tally.faults["clock wrong"] += 1

    def _break_link(self) -> None:
        if self._somebody_is_behind():
            return
        one, other = self._two_seats()
        months = self.dice.choice((0.1, 1, 3, 8))
        self.apart[frozenset((one.name, other.name))] = self.time.instant + int(months * 30 * DAY)
        self.tally.faults["partition"] += 1

    def _idle(self) -> None:
        """I16: two nodes in step say nothing to each other."""
        one, other = self._two_seats()
        if self.laws.forked or self._disturbed(one, other) or one.desk.closed_logs or other.desk.closed_logs:
            return
        if self._said(one, other, self._visit_calmly(one, other)) != (0, 0):
            raise InvariantBroken("I16", f"{one.name} and {other.name} are in step and still talk")

    def _disturbed(self, *seats: Seat) -> bool:
        broken = any(seat.disk.trouble or seat.disk.fuse for seat in seats)
        return broken or self._cannot_meet(*[seat.name for seat in seats])

    def _cannot_meet(self, *names: str) -> bool:
        return frozenset(names) in self.apart

    # ---- backups

    def _back_up(self) -> None:
        seat = self._any_seat()
        seat.backup = seat.disk.image()

    def _restore(self) -> None:
        """Put an old copy back, by the product's command or by hand; a mark on another disk may tell of it.

        In some worlds it comes back in a calm, hears everybody, and must not fork its logs. In the others it cannot
        reach everybody, or files of its own are still on their way: then a fork may come of it, and must heal.
        """
        seat = self._any_seat()
        if seat.backup is None or self._somebody_is_behind() or seat.name in self.twins or seat.hasty:
            return
        by_hand = self.dice.random() < 0.5
        seat.hasty = self.dice.random() < 0.3
        self.tally.faults[f"backup restored {'by hand' if by_hand else 'by command'}"] += 1
        self.tally.faults["backup restored while others cannot be reached"] += seat.hasty
        self.say(f"  {seat.name} lost its disk and came back from a backup{', in a hurry' if seat.hasty else ''}")
        if seat.hasty:
            self.laws.forked |= seat.desk.own_logs
        else:
            for other in self.seats.values():
                other.disk.trouble, other.disk.fuse = "", None
        seat.disk = seat.disk.put_back(seat.backup)
        seat.lost_memory = True
        if not by_hand:
            restored.mark(seat.disk, seat.space, restored.Why.RESTORED, seat.keys, seat.clock.now())
        seat.boot()
        self.laws.forget(seat)
        for other in self.seats.values():  # its administrator looks up who has a new key since
            if other is not seat:
                self._enter(seat, other)
        if seat.hasty:
            return
        # Nobody else may know more of its log than those whom it can reach: what is on its way is lost with it.
        self.mail = [letter for letter in self.mail if letter.to == seat.name]
        self.apart = {pair: until for pair, until in self.apart.items() if seat.name not in pair}
        kept: Counter[int] = Counter()
        for one in self.seats.values():
            kept |= Counter(one.desk.space.sizes())
        self.laws.lost(kept)

    def _somebody_is_behind(self) -> bool:
        return any(seat.lost_memory and not seat.hasty for seat in self.seats.values())

    # ---- acts

    def _act(self) -> None:
        seat = self._any_seat()
        if seat.name in self.twins and self.dice.random() < 0.5:
            seat = self.twins[seat.name]
        with self._on(seat):
            desk = seat.desk
            day = max(1, seat.clock.now() // DAY)
            wrong = self.dice.random() < (0.15 if seat.honest else 0.4)
            draft = officers.draft(desk, self.dice, day, wrong=wrong, remark=f"said at {seat.name}")
            if draft is None:
                return
            if not seat.honest and self.dice.random() < 0.5:
                self._force(seat, draft)
            else:
                self._sign(seat, draft)

    def _sign(self, seat: Seat, draft: Draft) -> Entry | None:
        desk = seat.desk
        sizes = desk.space.sizes()
        try:
            entry = self._with_officers_signature(seat, draft)
        except LocalError as error:
            if not isinstance(error, ActRefusedError) and error.code not in _MAY_REFUSE:
                raise
            self.tally.refused[error.code] += 1
            if error.code in ("clock-behind", "clock-ahead"):
                self._look_at_the_clock(seat)
            if desk.space.sizes() != sizes:
                raise InvariantBroken("write", f"{seat.name} refused an act and wrote all the same") from error
            return None
        self.tally.acts += 1
        order = desk.record.subject_of(entry.ref)
        if order is not None and entry.ref in desk.record.orders[order].void:
            raise InvariantBroken("write", f"{seat.name} signed {entry.ref}, which is void at once")
        return entry

    def _look_at_the_clock(self, seat: Seat) -> None:
        """Somebody sets a wrong clock, or says that it is right: then it was an entry that was dated wrongly."""
        if seat.clock.error:
            seat.clock.error = 0
        else:
            timekeeping.say_it_is_right(seat.running)

    def _with_officers_signature(self, seat: Seat, draft: Draft) -> Entry:
        """Sign; where the officer's own signature is asked for, the officer gives it, mostly with the right key."""
        desk = seat.desk
        try:
            return write.sign(desk, draft)
        except LocalError as error:
            if error.code != "officer-must-sign" or self.dice.random() < 0.05:
                raise
            grant = desk.record.grants[desk.party, getattr(draft.body, "who", 0)]
            right = next(name for name in self.officers if OfficersKey(name).public == grant.officer_key)
            name = right if self.dice.random() < 0.95 else "somebody else"
            return write.sign(desk, draft, officer=OfficersKey(name))

    def _new_officer(self, name: str) -> bytes:
        self.officers[name] = None
        return OfficersKey(name).public

    def _force(self, seat: Seat, draft: Draft) -> None:
        """A liar signs what its own program would refuse, with any date it likes."""
        desk = seat.desk
        log = own_log(desk)
        assert log is not None
        claimed = self.dice.choice((0, 0, -40 * DAY, 400 * DAY, -20 * 365 * DAY))
        now = max(0, desk.clock.now() + claimed) // 60 * 60
        if self.dice.random() < 0.05:
            logs = tuple(Held(held, size) for held, size in desk.space.sizes().items())
            draft = Draft(Attest(logs, PROFILE, self.dice.randbytes(32), self.dice.randbytes(32)))
            self.tally.faults["lie: attests another record"] += 1
        try:
            desk.commit_fresh(lambda: desk.space.draft(log, [replace(draft, t=now)], now, desk.epoch_key(log)))
        except LocalError as error:
            self.tally.refused[error.code] += 1
            return
        self.tally.acts += 1
        self.tally.faults["lie: signed what its program refuses, or back-dated"] += 1

    def _administer(self) -> None:
        """Headquarters grants, or takes back, a warrant."""
        home = self.dice.choice([seat for seat in self.seats.values() if seat.home])
        with self._on(home):
            desk, dice = home.desk, self.dice
            granted = [view for (party, _), view in desk.record.grants.items() if party == desk.party]
            officers_here = [view for view in granted if view.duties and view.revoked is None and view.void is None]
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
                self._sign(home, draft)
                self._sign(home, Draft(self._officer(home, view.duties[0])))
            elif does < 0.7:
                grant = self._leaning_grant(home)
                if grant is not None:
                    self._sign(home, Draft(grant))
            else:
                self._sign(home, Draft(self._officer(home, dice.choice(list(Duty)))))

    def _erase(self) -> None:
        """An administration wants a remark gone; now and then all of them agree that what an entry says must go."""
        dice = self.dice
        homes = [seat for seat in self.seats.values() if seat.home]
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
                with self._on(home):
                    self._sign(home, Draft(wish))

    # ---- thieves

    def _steal(self) -> None:
        """A ship is taken, with its key: from now on whoever has it signs there."""
        ships = [seat for seat in self.seats.values() if not seat.home and seat.honest]
        if not ships or self._somebody_is_behind():
            return
        seat = self.dice.choice(ships)
        seat.honest, seat.stolen = False, True
        self.say(f"  {seat.name} and its key are stolen")
        self.tally.faults["key stolen"] += 1

    def _find_theft(self) -> None:
        """Its headquarters takes the key back, pinned to what it holds; the ship gets a new key and a new log."""
        seat = self.dice.choice([seat for seat in self.seats.values() if seat.stolen])
        home = self.seats[seat.party]
        if self.laws.forked or self._disturbed(seat, home) or self._somebody_is_behind() or home.desk.closed_logs:
            return
        desk = home.desk
        log = own_log(seat.desk)
        assert log is not None
        number = int((seat.keys.named("writer").split(" #")[1:] or ["0"])[0]) + 1
        self._sign(home, warrants.revocation(desk, grant_of(log), Reason.NOT_STATED))
        seat.keys.renew("writer", number)
        self._sign(home, Draft(self._writer_grant(seat)))
        seat.honest, seat.stolen = True, False
        seat.boot()
        self.laws.forget(seat)
        self.laws.promised.pop(seat.name, None)
        for other in self.seats.values():
            if other is not seat:
                self._enter(other, seat)
        self._launch(seat)
        self.say(f"  the theft of {seat.name} is found; it writes a new log")

    def _enter(self, seat: Seat, other: Seat) -> None:
        """Write ``other`` into the peer book of ``seat`` as it is now."""
        trouble, fuse = seat.disk.trouble, seat.disk.fuse
        seat.disk.trouble, seat.disk.fuse = "", None
        for old in seat.disk.peers():
            if old.name == other.name and old.writer_key != other.key:
                seat.disk.remove_peer(old.peer_id)
        if all(peer.writer_key != other.key for peer in seat.disk.peers()):
            seat.disk.put_peer(self._peer(other, seat.desk.genesis))
        seat.disk.trouble, seat.disk.fuse = trouble, fuse

    def _fork(self) -> None:
        """A second machine with the same keys: a liar's, shown to some partners, or a thief's copy."""
        seat = self._any_seat()
        if seat.stolen or (seat.honest and seat.home) or self._somebody_is_behind() or seat.desk.closed_logs:
            return
        twin = replace(
            seat, name=f"{seat.name}*", disk=seat.disk.beside(),
            dice=NodeDice(f"{self.seed} {seat.name}*"), honest=False, is_twin=True, mark=Mark(), holds={}, backup=None,
        )  # fmt: skip
        twin.boot()
        self.twins[seat.name] = twin
        self.shown = {(seat.name, other) for other in self.seats if other != seat.name and self.dice.random() < 0.5}
        log = own_log(seat.desk)
        assert log is not None
        self.laws.forked |= {log} | ({seat.desk.admin_log} if seat.home else set())
        self.tally.faults[f"log forked by a {'thief' if seat.honest else 'liar'}"] += 1
        self.say(f"  {seat.name} has a twin with the same keys, shown to {sorted(other for _, other in self.shown)}")

    # ---- the wire

    def _visit(self) -> None:
        one, other = self._two_seats()
        self.tally.visits += 1
        if self._cannot_meet(one.name, other.name):
            return
        watch = self.dice.random() < 0.05
        before = order_digests(one.desk) if watch else {}
        sizes = one.desk.space.sizes()
        with self._on(one):
            try:
                result = exchange.sync(
                    one.desk, lambda body, holds: self._post(one, other, body, holds), other.key,
                    holds=one.holds.get(other.name, ""), others=self._others(one), compare=self._heads_of(other),
                )  # fmt: skip
                one.holds[other.name] = result.holds
                self._after_visit(one, other)
            except PeerUnreachableError:
                self._not_reached(one, other)
            except RemoteError as error:
                self._turned_away(error)
                self._not_reached(one, other)
            except LocalError as error:
                self._may_not_write(one, error)
            if watch and one.node is not None:
                self.laws.late_entry(one, before, sizes)

    def _heads_of(self, other: Seat) -> Callable[[bytes], bytes]:
        return lambda asked: forks.differences(other.desk, asked)

    def _may_not_write(self, seat: Seat, error: LocalError) -> None:
        """A node whose own log has two histories writes nothing in it any more."""
        log = own_log(seat.desk)
        if error.code != "log-forked" or log not in self.laws.forked:
            raise error
        self.tally.refused[error.code] += 1

    def _after_visit(self, one: Seat, other: Seat) -> None:
        """As the product's worker does after a visit that went well."""
        desk = one.desk
        attest.compare(desk)
        self.laws.no_divergence(one, self._honest_logs())
        withheld.note_visit(desk, other.key)
        attest.attest_if_due(desk)
        log = own_log(other.desk)
        known = withheld.recall(desk, log) if log is not None else None
        if known is not None and log is not None and withheld.is_withheld(known, desk.space, log, desk.clock.now()):
            if not (other.silent or other.desk.closed_logs or other.clock.error or self.laws.forked):
                raise InvariantBroken("withheld", f"{one.name} says that {other.name} withholds acknowledgements")
            self.tally.alarms["acknowledgements withheld"] += 1

    def _honest_logs(self) -> dict[int, bool]:
        logs = {own_log(seat.desk): seat.honest for seat in self.seats.values()}
        return {log: honest for log, honest in logs.items() if log is not None and log not in self.laws.forked}

    def _others(self, seat: Seat) -> frozenset[bytes]:
        return exchange.reachable(seat.disk, seat.space)

    def _not_reached(self, one: Seat, other: Seat) -> None:
        """As the product's worker does after a visit that failed."""
        one.desk.not_reached(other.key)
        one.desk.settle(self._others(one))

    def _turned_away(self, error: RemoteError) -> None:
        self.tally.turned_away[error.code] += 1

    def _fault(self, *names: str) -> str:
        """Return what goes wrong now among ``names``, or nothing.

        While a node is coming back from a backup the wire works: one that cannot reach somebody may sign before it has
        heard everything, and that is a fork.
        """
        if self.dice.random() >= self.bother or self._somebody_is_behind():
            return ""
        weights = [self.weather[name] for name in names]
        if not any(weights):
            return ""
        fault = self.dice.choices(names, weights)[0]
        self.tally.faults[fault] += 1
        return fault

    def _post(self, one: Seat, other: Seat, body: bytes, holds: str) -> exchange.Reply:
        self.laws.speaks(one)
        if self.side:
            self._keeps_apart(body, one.desk, BESIDE.encode())
        fault = self._fault(
            "request lost", "answer lost", "sent twice", "delayed", "truncated", "garbled", "old answer"
        )
        lost = PeerUnreachableError(url=other.name, why=fault or "crash")
        if fault == "request lost":
            raise lost
        if fault == "delayed":
            self.mail.append(Letter(self._later(), other.name, body, one.key, holds))
            raise lost
        if fault in ("truncated", "garbled"):
            body = self._damage(body, fault)
        if fault == "sent twice":
            self._answered(one, other, body, holds, lost)
            self.mail.append(Letter(self._later(), other.name, body, one.key, holds))
        reply = self._answered(one, other, body, holds, lost)
        if fault == "answer lost":
            raise lost
        if fault == "old answer":
            reply = self.answers.get((one.name, other.name), reply)
        self.answers[one.name, other.name] = reply
        if self._fault("truncated", "garbled"):
            return exchange.Reply(self._damage(reply.body, "garbled"), reply.holds)
        return reply

    def _answered(self, one: Seat, other: Seat, body: bytes, holds: str, lost: PeerUnreachableError) -> exchange.Reply:
        """Let ``other`` answer; what its machine does meanwhile is its own affair."""
        try:
            reply = exchange.answer(other.desk, body, one.key, holds, others=self._others(other))
        except Crash:
            self._rise(other)
            raise lost from None
        except StoreUnavailableError:
            if not other.disk.trouble:
                raise
            raise lost from None
        self.laws.speaks(other)
        return reply

    def _damage(self, data: bytes, how: str) -> bytes:
        if not data:
            return data
        if how == "truncated":
            return data[: self.dice.randrange(len(data))]
        changed = bytearray(data)
        for _ in range(self.dice.choice((1, 1, 3))):
            changed[self.dice.randrange(len(changed))] ^= 1 << self.dice.randrange(8)
        return bytes(changed)

    def _later(self) -> int:
        return self.time.instant + int(self.dice.expovariate(1 / (20 * self.pace)))

    def _visit_calmly(self, one: Seat, other: Seat) -> str:
        """Exchange with nothing in the way; returns the digest that the other ended with."""
        rounds = 0

        def post(body: bytes, holds: str) -> exchange.Reply:
            nonlocal rounds
            rounds += 1
            self.laws.speaks(one)
            reply = exchange.answer(other.desk, body, one.key, holds, others=self._others(other))
            self.laws.speaks(other)
            return reply

        return exchange.sync(one.desk, post, other.key, others=self._others(one), compare=self._heads_of(other)).holds

    def _said(self, one: Seat, other: Seat, holds: str) -> tuple[int, int]:
        """Return the bytes of bundles both ways, in a visit right after another."""
        sent = heard = 0

        def post(body: bytes, holds: str) -> exchange.Reply:
            nonlocal sent, heard
            reply = exchange.answer(other.desk, body, one.key, holds, others=self._others(other))
            sent += len(body)
            heard += len(reply.body)
            return reply

        exchange.sync(one.desk, post, other.key, holds=holds, others=self._others(one))
        return sent, heard

    # ---- the agreement beside

    def _speak_beside(self) -> None:
        """Two headquarters say something under their other agreement, and exchange."""
        one, other = self.dice.sample([seat for seat in self.seats.values() if seat.home], 2)
        if self._disturbed(one, other) or one.clock.error or other.clock.error:
            return
        desk, theirs = (seat.running.desk(self.side) for seat in (one, other))
        day = one.clock.now() // DAY
        draft = officers.draft(desk, self.dice, day, wrong=False)
        if draft is not None:
            with suppress(LocalError):
                write.sign(desk, replace(draft, detail={DETAIL_REMARK: BESIDE}))

        def post(body: bytes, holds: str) -> exchange.Reply:
            reply = exchange.answer(theirs, body, one.key, holds)
            for data in (body, reply.body):
                self._keeps_apart(data, desk, b"said at ")
            return reply

        exchange.sync(desk, post, other.key)

    def _keeps_apart(self, data: bytes, desk: Desk, secret: bytes) -> None:
        """I24: bytes of one agreement hold nothing of the other."""
        for bundle in split_sequence(data):
            envelope = wire.read_envelope(bundle)
            if not desk.id.startswith(envelope.space) or secret in desk.space.codec.unpack(
                envelope.codec, envelope.body
            ):
                raise InvariantBroken("I24", f"a bundle of {desk.name} holds something of another agreement")

    # ---- couriers

    def _send_courier(self) -> None:
        one, other = self._two_seats()
        with self._on(one):
            peer = next(p for p in one.disk.peers() if p.writer_key == other.key)
            try:
                file = courier.write(one.running, one.desk, peer, everything=self.dice.random() < 0.1)
            except LocalError as error:
                if error.code != "nothing-new":
                    self._may_not_write(one, error)
                return
            self.laws.speaks(one)
            self.tally.letters += 1
            fault = self._fault("courier lost", "courier twice", "courier misdelivered", "courier damaged")
            if fault == "courier lost":
                return
            to = self._any_seat().name if fault == "courier misdelivered" else other.name
            data = self._damage(file.data, "garbled") if fault == "courier damaged" else file.data
            for _ in range(2 if fault == "courier twice" else 1):
                self.mail.append(Letter(self.time.instant + int(self.dice.expovariate(1 / (30 * DAY))), to, data, None))

    def _deliver_mail(self) -> None:
        due = [letter for letter in self.mail if letter.due <= self.time.instant]
        self.mail = [letter for letter in self.mail if letter.due > self.time.instant]
        for letter in due:
            self._deliver(letter)

    def _deliver(self, letter: Letter) -> None:
        twins = {twin.name: twin for twin in self.twins.values()}
        seat = self.seats.get(letter.to) or twins[letter.to]
        with self._on(seat):
            try:
                if letter.key is None:
                    courier.read(seat.running, letter.data)
                else:
                    exchange.answer(seat.desk, letter.data, letter.key, letter.holds, others=self._others(seat))
            except RemoteError as error:
                self._turned_away(error)

    def _stranger(self) -> None:
        """Bytes that nobody of us wrote."""
        seat = self._any_seat()
        dice = self.dice
        data = dice.choice((
            dice.randbytes(dice.randrange(200)),
            b"\x86\x01\x44" + seat.space[:4] + dice.randbytes(40),
            b"\x85\x01\x44" + seat.space[:4] + b"\x01\x58\x20" + dice.randbytes(32) + b"\x40",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x81" * 5_000,
        ))  # fmt: skip
        self.tally.faults["stranger's bytes"] += 1
        sizes = seat.desk.space.sizes()
        with self._on(seat):
            try:
                exchange.receive(seat.desk, data)
            except RemoteError as error:
                self._turned_away(error)
            if seat.desk.space.sizes() != sizes:
                raise InvariantBroken("I4", f"{seat.name} took in a stranger's bytes")

    def _lie_in_a_bundle(self) -> None:
        """A partner's bytes that no program of ours makes: sizes nobody has, questions, bombs, far too long."""
        liar = self.dice.choice([seat for seat in self.seats.values() if not seat.honest])
        victim = self.dice.choice([seat for seat in self.seats.values() if seat is not liar])
        dice, codec, space_id = self.dice, liar.desk.space.codec, liar.space
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
        self.tally.faults[f"lying bundle: {what}"] += 1
        sizes = victim.desk.space.sizes()
        with self._on(victim):
            try:
                exchange.answer(victim.desk, data, liar.key, "", others=self._others(victim))
            except RemoteError as error:
                self._turned_away(error)
            grown = {log for log, size in victim.desk.space.sizes().items() if size != sizes.get(log)}
            if grown - {own_log(victim.desk)}:
                raise InvariantBroken("I4", f"{victim.name} took in {what}")

    # ---- the end

    def _heal(self) -> None:
        """Everything works again: all nodes must come to hold and to mean the same."""
        for seat in self.seats.values():
            seat.disk.trouble, seat.disk.fuse, seat.clock.error = "", None, 0
            if seat.silent:
                seat.silent = False
                seat.boot()
        self.apart.clear()
        for letter in self.mail:
            if letter.to in self.seats and self.dice.random() < 0.5:
                self._deliver(letter)
        self.mail.clear()
        for twin in self.twins.values():
            twin.disk.close()
        self.twins.clear()
        seats = list(self.seats.values())
        self._meet_all(seats)
        for seat in seats:
            seat.lost_memory = False
            self.laws.forget(seat)
            self.laws.look(seat)
        first = seats[0].desk
        self.tally.alarms["logs cut after a fork"] += len(first.space.cuts)
        for seat in seats[1:]:
            if forks.heads(seat.desk) != forks.heads(first):
                raise InvariantBroken("I1", f"{seat.name} and {seats[0].name} do not come to hold the same")
            if seat.desk.record.digest != first.record.digest:
                raise InvariantBroken("I1", f"{seat.name} and {seats[0].name} do not mean the same in the end")
            self._waits_for_nothing(seat)
        self.laws.books(self.dice.choice(seats))
        self.laws.from_scratch(self.dice.choice(seats), self.dice)

    def _waits_for_nothing(self, seat: Seat) -> None:
        """A bundle still kept because it came early was damaged on the way: what it waits for does not exist."""
        for early in seat.desk.store.waiting(seat.space):
            try:
                seat.desk.space.read(early.bundle)
            except GapError:
                continue
            raise InvariantBroken("I16", f"{seat.name} keeps a bundle waiting that it could read")

    def _count(self) -> None:
        parties = {seat.party for seat in self.seats.values()}
        self.tally.worlds["on SQLite files" if self.on_files else "on disks in memory"] += 1
        self.tally.worlds[f"{len(parties)} parties on {len(self.seats)} nodes"] += 1
        self.tally.looks = self.laws.looks
        if self.side:
            self.tally.worlds["with a second agreement beside"] += 1
        if self.small_bundles:
            self.tally.worlds["in very small bundles"] += 1
        desk = next(iter(self.seats.values())).desk
        for entry in desk.space.acts():
            self.tally.kinds[kind_name(entry.kind)] += 1
        for finding in desk.record.findings:
            self.tally.findings[finding.code] += 1
        for seat in self.seats.values():
            for compared in attest.all_compared(seat.desk).values():
                self.tally.alarms[f"attestation compared: {compared.result.value}"] += 1
            for where, count in seat.disk.stopped.items():
                self.tally.faults[f"crash {where}"] += count

    def _told(self) -> str:
        """Return what tells two runs of one seed apart: everything every node holds and means."""
        told = [
            (seat.name, sorted(seat.desk.space.sizes().items()), seat.desk.record.digest.hex())
            for seat in self.seats.values()
        ]
        roots = [seat.desk.space.root(log, size).hex() for seat in self.seats.values() for log, size in
                 seat.desk.space.sizes().items()]  # fmt: skip
        return hashlib.sha256(repr((told, roots, sorted(self.tally.faults.items()))).encode()).hexdigest()[:16]
