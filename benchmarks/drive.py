"""Two nodes that live through a corpus: who can say what when, and the bundles that go between them.

Each party's writers share one node here (inside a party the network is fast and its bytes are not counted); between
the nodes an exchange takes place every ``interval`` seconds. An act waits until its writer holds the act it answers:
at one exchange in four weeks an order takes months, as it would. All acknowledgements are written and sent.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks import corpus as c
from benchmarks.corpus import Corpus
from tallystick.core import signing
from tallystick.core.admission import Admission
from tallystick.core.agreement import JAPAN_INDIA, Genesis, Party
from tallystick.core.detail import detail_of
from tallystick.core.entries import Adopt, Draft
from tallystick.core.identity import EntryRef, log_id
from tallystick.core.space import Space


@dataclass(frozen=True, slots=True)
class Bundle:
    """One bundle on the wire: when, from which party, its bytes, and the acts that were new in it."""

    at: int
    party: int
    data: bytes
    refs: tuple[EntryRef, ...]


@dataclass
class Journey:
    """What came of it."""

    genesis: Genesis
    lives: int
    bundles: list[Bundle] = field(default_factory=list)
    spaces: tuple[Space, ...] = ()

    @property
    def bytes_sent(self) -> int:
        return sum(len(bundle.data) for bundle in self.bundles)

    @property
    def acts(self) -> int:
        return sum(len(bundle.refs) for bundle in self.bundles)


def seed_of(name: str) -> bytes:
    return hashlib.sha256(f"tallystick benchmark key {name}".encode()).digest()


def genesis(dictionary: bytes) -> Genesis:
    parties = tuple(
        Party(code, name, signing.public_key(seed_of(code))) for code, name in (("JP", "Japan"), ("IN", "India"))
    )
    return Genesis(
        name="bench.example/JPIN",
        version=1,
        parties=parties,
        terms=JAPAN_INDIA,
        schema_hash=hashlib.sha256(b"benchmark").digest(),
        dictionary_hash=hashlib.sha256(dictionary).digest(),
        nonce=bytes(16),
    )


class Node:
    """One party: its space, its keys, and what it has still to say."""

    def __init__(self, agreement: Genesis, party: int, dictionary: bytes) -> None:
        self.party = party
        self.space = Space(agreement, dictionary)
        self.seeds = {party: seed_of(agreement.parties[party].code)}
        for number, name in enumerate(c.WRITERS[party], 1):
            self.seeds[log_id(number, party)] = seed_of(f"{party} {name}")
        self.logs = sorted(self.seeds)[1:]  # writers, headquarters first
        self.known: dict[int, int] = {}  # what the partner holds
        self.waiting: list[tuple[int, int, int]] = []  # heap of (time, life, act)

    def begin(self) -> None:
        keys = [signing.public_key(self.seeds[log]) for log in self.logs]
        adoption = [Draft(Adopt(self.space.id)), *[Draft(grant) for grant in c.grants(self.party, keys)]]
        self.say(self.party, adoption, c.BEGIN - c.DAY)

    def say(self, log: int, drafts: Sequence[Draft], now: int) -> Admission:
        admission = self.space.draft(log, drafts, now, self._epoch_key(log))
        self.space.apply(admission)
        return admission

    def acknowledge(self, now: int) -> None:
        log = self.logs[0]
        admission = self.space.acknowledge(log, now)
        if admission is not None:
            self.space.apply(admission)

    def sign(self, log: int, text: bytes) -> bytes | None:
        seed = self.seeds.get(log)
        return None if seed is None else signing.sign(seed, text)

    @staticmethod
    def _epoch_key(log: int) -> Callable[[int], bytes]:
        # As incompressible as a random one, and the same in every run.
        return lambda block: hashlib.sha256(f"epoch {log} {block}".encode()).digest()


class Drive:
    """Lives through ``corpus``, exchanging every ``interval`` seconds."""

    def __init__(self, corpus: Corpus, interval: int, dictionary: bytes = b"") -> None:
        self.interval = interval
        self.lives = list(corpus)
        self.refs: list[dict[int, EntryRef]] = [{} for _ in self.lives]
        self.journey = Journey(genesis(dictionary), len(self.lives))
        self.nodes = [Node(self.journey.genesis, party, dictionary) for party in (c.JP, c.IN)]
        self._arriving: list[list[tuple[int, int]]] = [[], []]  # acts each partner gets with the next exchange
        self.journey.spaces = tuple(node.space for node in self.nodes)

    def run(self) -> Journey:
        for node in self.nodes:
            node.begin()
        self._exchange(c.BEGIN - c.DAY)
        for life in self.lives:
            first = life.acts[0]
            heapq.heappush(self.nodes[first.party].waiting, (life.begins_at, life.number, 0))
        now = c.BEGIN
        while any(node.waiting for node in self.nodes) or any(self._arriving):
            now += self.interval
            for node in self.nodes:
                self._speak(node, now)
            self._exchange(now)
        return self.journey

    def _speak(self, node: Node, now: int) -> None:
        """Let each writer say what has come due, one writer after the other."""
        due: dict[int, list[tuple[int, int, int]]] = {log: [] for log in node.logs}
        while node.waiting and node.waiting[0][0] <= now:
            at, life, act = heapq.heappop(node.waiting)
            heapq.heappush(due[self._log(node, life)], (at, life, act))
        for log, queue in due.items():
            while queue:  # what an act brings about in the same log may come due in the same period
                batch = [heapq.heappop(queue) for _ in range(len(queue))]
                drafts = [self._draft(at, life, act) for at, life, act in batch]
                admission = node.say(log, drafts, now)
                for (at, life, act), entry in zip(batch, admission.entries, strict=True):
                    self._said(node, at, life, act, entry.ref, queue, now)

    def _log(self, node: Node, life: int) -> int:
        return node.logs[self.lives[life].writers[node.party]]

    def _draft(self, at: int, number: int, index: int) -> Draft:
        act, refs = self.lives[number].acts[index], self.refs[number]
        detail = detail_of(act.remark or "")
        return Draft(act.say(refs, at), None if act.on is None else refs[act.on], detail, at)

    def _said(
        self, node: Node, at: int, number: int, index: int, ref: EntryRef, queue: list[tuple[int, int, int]], now: int
    ) -> None:
        life = self.lives[number]
        self.refs[number][index] = ref
        for act in life.acts:
            if act.after == index and act.party == node.party:
                next_one = (at + act.wait, number, act.number)
                heapq.heappush(queue if next_one[0] <= now else node.waiting, next_one)
            elif act.after == index:
                self._arriving[act.party].append((number, act.number))

    def _exchange(self, now: int) -> None:
        """One round trip: ours, then theirs with the acknowledgement of ours."""
        here, there = self.nodes
        here.acknowledge(now)
        self._carry(here, there, now)
        there.acknowledge(now)
        self._carry(there, here, now)
        for node in self.nodes:
            for number, act in self._arriving[node.party]:
                heapq.heappush(node.waiting, (now + self.lives[number].acts[act].wait, number, act))
            self._arriving[node.party].clear()

    def _carry(self, sender: Node, reader: Node, now: int) -> None:
        for data in sender.space.compose_all(sender.known, sender.sign):
            admission = reader.space.read(data)
            reader.space.apply(admission)
            self.journey.bundles.append(Bundle(now, sender.party, data, tuple(e.ref for e in admission.entries)))
        sender.known, reader.known = reader.space.sizes(), sender.space.sizes()  # the line says that it arrived


def travel(corpus: Corpus, interval: int, dictionary: bytes = b"") -> Journey:
    return Drive(corpus, interval, dictionary).run()
