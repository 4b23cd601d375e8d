"""How fast entries are verified, stored and folded, what a late one costs, and what the machine allows.

Computing is told in processor time, so that other work on the machine matters little; storing in time on the wall.
"""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import os
import random
import sqlite3
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks import corpus as c
from benchmarks import drive
from benchmarks.sizes import SEED, dictionary
from tallystick.core.agreement import Genesis
from tallystick.core.entries import Entry, Kind
from tallystick.core.fold import Fold
from tallystick.core.space import Space
from tallystick.stores import open_store

HASHES_PER_ENTRY = 5  # salt, commitment, the body's own, leaf, and one node of the tree


@dataclass(frozen=True, slots=True)
class Speeds:
    """Acts a second in one process; limits in their own unit."""

    acts: int
    bundles: int
    verified: float
    stored: float
    folded: float  # and folded, bundle by bundle
    in_one_go: float  # verified, then folded once: what a copy of an agreement costs
    sha256: float  # hashes of 200 bytes a second
    commits: float  # SQLite rows a second, as many a commit as a bundle has acts, synchronous=FULL
    start_seconds: float  # reading the database and folding all, as a node does when it starts
    memory_mib: float | None  # that this takes


def sha256_rate(seconds: float) -> float:
    data, sha256, count = bytes(200), hashlib.sha256, 0
    started = time.process_time()
    while (now := time.process_time()) - started < seconds:
        for _ in range(10_000):
            sha256(data).digest()
        count += 10_000
    return count / (now - started)


def sqlite_rate(folder: Path, rows: int, seconds: float) -> float:
    """Return rows of 100 bytes a second, ``rows`` a commit, each commit flushed to the disk."""
    path = folder / "limit.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE leaf (log INTEGER, position INTEGER, data BLOB, PRIMARY KEY (log, position))")
    count, started = 0, time.perf_counter()
    while (now := time.perf_counter()) - started < seconds:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO leaf VALUES (1, ?, ?)", [(count + n, bytes(100)) for n in range(rows)])
        connection.execute("COMMIT")
        count += rows
    connection.close()
    return count / (now - started)


def measure(lives: int, folder: Path, seconds: float) -> Speeds:
    """Read the bundles of daily exchanges as a third node would."""
    words = dictionary()
    journey = drive.travel(c.Corpus(SEED, lives), c.DAY, words)
    genesis, acts, bundles = journey.genesis, journey.acts, [bundle.data for bundle in journey.bundles]
    del journey

    url = f"sqlite:///{folder / 'node.db'}"
    store = open_store(url)
    store.create_space(genesis.bytes)
    space, fold = Space(genesis, words), Fold(genesis)
    verifying = storing = folding = 0.0
    counted = 0
    thresholds = gc.get_threshold()
    for number, data in enumerate(bundles):
        if number == len(bundles) // 2:  # a node that has been started, as web/wsgi.py does, and goes on
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 100)
            verifying = storing = folding = 0.0
            counted = 0
        begun = time.process_time()
        admission = space.read(data)
        verifying += time.process_time() - begun
        begun = time.perf_counter()
        store.append(admission)
        storing += time.perf_counter() - begun
        begun = time.process_time()
        space.apply(admission)
        verifying += time.process_time() - begun
        begun = time.process_time()
        fold.extend(admission.entries)
        folding += time.process_time() - begun
        counted += len(admission.entries)
    digest = fold.record.digest
    store.close()
    del fold
    gc.unfreeze()
    gc.set_threshold(*thresholds)

    gc.disable()  # as a node does while it loads
    started = time.process_time()
    whole = Fold(genesis)
    whole.extend(space.acts())
    assert whole.record.digest == digest
    whole_folding = time.process_time() - started
    gc.enable()
    del space, whole

    # In a process of its own, whose memory nothing else has used before.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        start_seconds, memory_mib = pool.submit(start, url, digest).result()
    return Speeds(
        acts=acts,
        bundles=len(bundles),
        verified=counted / verifying,
        stored=counted / (verifying + storing),
        folded=counted / (verifying + storing + folding),
        in_one_go=1 / (verifying / counted + whole_folding / acts),
        sha256=sha256_rate(seconds),
        commits=sqlite_rate(folder, max(1, acts // len(bundles)), seconds),
        start_seconds=start_seconds,
        memory_mib=memory_mib,
    )


def start(url: str, digest: bytes) -> tuple[float, float | None]:
    """Return what it takes to bring an agreement from the database into memory, as web/wsgi.py does: seconds, MiB."""
    words = dictionary()
    gc.disable()
    before = resident_mib()
    started = time.process_time()
    store = open_store(url)
    loaded = store.load(store.spaces()[0])
    genesis = Genesis.read(loaded.genesis)
    space = Space.restore(genesis, loaded.leaves, loaded.epoch_keys, loaded.checkpoints, dictionary=words)
    fold = Fold(genesis)
    fold.extend(space.acts())
    assert fold.record.digest == digest
    seconds, after = time.process_time() - started, resident_mib()
    store.close()
    return seconds, None if before is None or after is None else after - before


def resident_mib() -> float | None:
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True, slots=True)
class Late:
    """What a receipt costs that comes after everything else, in milliseconds."""

    acts: int
    fold_seconds: float
    median: float
    most: float  # 95 of 100 cost less; beyond that we would time the garbage collector
    with_digest: float  # median, the record's digest included


def late(lives: int, samples: int = 200) -> Late:
    """Fold all but some receipts, then bring these one by one; the record must come out as if none had been late."""
    journey = drive.travel(c.Corpus(SEED, lives), 7 * c.DAY)
    acts = list(journey.spaces[0].acts())
    receipts = [n for n, act in enumerate(acts) if act.kind == Kind.RECEIPT]
    chosen = set(random.Random(SEED).sample(receipts, min(samples, len(receipts))))
    fold = Fold(journey.genesis)
    started = time.process_time()
    fold.extend(act for n, act in enumerate(acts) if n not in chosen)
    _ = fold.record.digest
    fold_seconds = time.process_time() - started
    times, with_digest = [], []
    for n in sorted(chosen):
        seconds, whole = _bring(fold, acts[n])
        times.append(seconds * 1000)
        with_digest.append(whole * 1000)
    whole_fold = Fold(journey.genesis)
    whole_fold.extend(acts)
    assert whole_fold.record.digest == fold.record.digest
    times.sort()
    middle = len(times) // 2
    return Late(len(acts), fold_seconds, times[middle], times[len(times) * 95 // 100], sorted(with_digest)[middle])


def _bring(fold: Fold, act: Entry) -> tuple[float, float]:
    started = time.process_time()
    fold.extend([act])
    record = fold.record
    folded = time.process_time()
    _ = record.digest
    return folded - started, time.process_time() - started
