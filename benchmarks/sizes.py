"""Bytes on the wire for an order's life, at several intervals between exchanges, beside others on the same acts."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks import corpus as c
from benchmarks import drive, peers
from tallystick.core import bundle as wire
from tallystick.core.entries import ADMIN_KINDS, Entry

SEED = 2  # not the one the dictionary was trained on
INTERVALS = (
    ("1 hour", c.HOUR),
    ("6 hours", 6 * c.HOUR),
    ("1 day", c.DAY),
    ("1 week", 7 * c.DAY),
    ("4 weeks", 28 * c.DAY),
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """For one interval: bytes per life unless said otherwise."""

    name: str
    acts_per_bundle: float
    acts_per_life: float
    ours: float
    proof: float  # of which signatures and salt keys
    jws: float


def dictionary() -> bytes:
    return (Path(wire.__file__).parent / "wire.dict").read_bytes()


def measure(name: str, interval: int, lives: int) -> Sizes:
    """Live through the corpus once, and send the same acts as signed JSON at the same moments."""
    journey = drive.travel(c.Corpus(SEED, lives), interval, dictionary())
    keys = {party: drive.seed_of(code) for party, code in enumerate(peers.PARTIES)}
    space, batches = journey.spaces[0], [bundle.refs for bundle in journey.bundles]
    messages = [[space.entry(ref) for ref in refs] for refs in batches]
    proof = sum(len(wire.read_envelope(bundle.data).raw) for bundle in journey.bundles)
    return Sizes(
        name=name,
        acts_per_bundle=journey.acts / len(journey.bundles),
        acts_per_life=journey.acts / lives,
        ours=journey.bytes_sent / lives,
        proof=proof / lives,
        jws=peers.jws_gzip_bytes(messages, keys) / lives,
    )


def middle_acts(lives: int, count: int) -> list[Entry]:
    """Return ``count`` acts one after the other from the middle of the corpus, for what is too slow for all."""
    journey = drive.travel(c.Corpus(SEED, lives), 7 * c.DAY)
    acts = sorted((e for e in journey.spaces[0].acts() if e.kind not in ADMIN_KINDS), key=lambda e: (e.t, e.ref))
    begin = max(0, (len(acts) - count) // 2)
    return acts[begin : begin + count]


def git_bytes_per_act(acts: list[Entry], groups: list[int]) -> dict[int, float]:
    """Return bytes an act, for bundles of each of these numbers of commits."""
    with tempfile.TemporaryDirectory() as folder:
        repository = peers.GitRepository(Path(folder) / "repository")
        for entry in acts:
            repository.commit(entry)
        return {group: repository.bundle_bytes(group) / len(acts) for group in groups}
