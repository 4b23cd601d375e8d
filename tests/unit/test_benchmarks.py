"""The benchmarks run, and what they measure is what they say."""

import hashlib
import subprocess
import sys
from pathlib import Path

from benchmarks import corpus as c
from benchmarks import drive, sizes

from tallystick.core.bundle import read_envelope
from tallystick.core.fold import fold
from tallystick.core.orders import OrderState

ROOT = Path(__file__).resolve().parents[2]
LIVES = 100


def test_the_quick_run_prints_its_tables():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    titles = [line[3:20] for line in done.stdout.splitlines() if line.startswith("## ")]
    assert titles == ["What a late entry", "Entries a second ", "Bytes on the wire"]
    assert done.stdout.count("\n| 1 ") == 3  # 1 hour, 1 day, 1 week


def test_both_nodes_come_to_the_same_record_and_every_act_counts():
    journey = drive.travel(c.Corpus(2, LIVES), c.DAY, sizes.dictionary())
    ours, theirs = (fold(journey.genesis, space.acts()) for space in journey.spaces)
    assert ours.digest == theirs.digest
    assert ours.findings == ()
    ends = {OrderState.CLOSED, OrderState.DECLINED, OrderState.WITHDRAWN}
    assert {order.state for order in ours.orders.values()} <= ends
    assert len(ours.orders) == LIVES


def test_the_same_seed_gives_the_same_bytes():
    def digest(seed: int) -> str:
        bundles = drive.travel(c.Corpus(seed, 20), c.DAY).bundles
        return hashlib.sha256(b"".join(bundle.data for bundle in bundles)).hexdigest()

    assert digest(1) == digest(1) != digest(2)


def test_the_dictionary_pays_on_a_seed_it_was_not_trained_on():
    words = sizes.dictionary()
    assert len(words) == 16 * 1024
    with_it, without = (
        sum(len(read_envelope(bundle.data).body) for bundle in drive.travel(c.Corpus(2, LIVES), c.DAY, one).bundles)
        for one in (words, b"")
    )
    assert with_it < without * 0.7


def test_a_weekly_exchange_stays_within_its_bytes():
    """25 bytes an act in small bundles; the whole corpus, in larger ones, has 20 (docs/performance.md)."""
    journey = drive.travel(c.Corpus(2, 500), 7 * c.DAY, sizes.dictionary())
    assert journey.bytes_sent / journey.acts < 25
