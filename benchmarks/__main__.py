"""``python3 go.py bench``: prints what docs/performance.md shows."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks import corpus, peers, sizes, speeds
from benchmarks.sizes import Sizes

ROOT = Path(__file__).resolve().parents[1]


def say(text: str = "") -> None:
    print(text, flush=True)


def print_sizes(lives: int, git_acts: int) -> None:
    say(f"## Bytes on the wire for an order's life ({lives:,} lives, acknowledgements and signatures included)")
    say()
    with ProcessPoolExecutor(max_workers=max(1, min(2, os.cpu_count() or 1))) as pool:
        waiting = [pool.submit(sizes.measure, name, interval, lives) for name, interval in sizes.INTERVALS]
        git: dict[int, float] = {}
        rows: list[Sizes] = [one.result() for one in waiting]
    if peers.git_is_here():
        groups = {max(1, round(row.acts_per_bundle)) for row in rows}
        git = sizes.git_bytes_per_act(sizes.middle_acts(min(lives, 2_000), git_acts), sorted(groups))
    say("| exchange every | acts a bundle | Tallystick | of it proof | an act | JSON, JWS, gzip | × | signed git | × |")
    say("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        commits = git.get(max(1, round(row.acts_per_bundle)))
        git_life = None if commits is None else commits * row.acts_per_life
        say(
            f"| {row.name} | {row.acts_per_bundle:.1f} | **{row.ours:.0f}** | {row.proof:.0f} "
            f"| {row.ours / row.acts_per_life:.1f} | {row.jws:,.0f} | {row.jws / row.ours:.1f} "
            + ("| – | – |" if git_life is None else f"| {git_life:,.0f} | {git_life / row.ours:.0f} |")
        )
    say()
    say(
        f"{rows[0].acts_per_life:.1f} acts a life. Proof: signatures and salt keys, in what we send. "
        "The others send no acknowledgements."
    )
    if git:
        say(f"git: {git_acts:,} acts from the middle, one ssh-signed commit each, bundles of as many commits as ours.")
    else:
        say("git: not measured, git or ssh-keygen is missing.")
    say()


def print_speeds(lives: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory(dir=scratch()) as folder:
        found = speeds.measure(lives, Path(folder), seconds)
    hash_limit, disk_limit = found.sha256 / speeds.HASHES_PER_ENTRY, found.commits
    say(f"## Entries a second ({found.acts:,} acts in {found.bundles:,} bundles of daily exchanges, one process)")
    say()
    say("| | a second | a million takes | of the limit |")
    say("|---|---|---|---|")
    for name, rate, share in (
        (
            "verified (decoded, rebuilt, hashed, signatures checked)",
            found.verified,
            f"{found.verified / hash_limit:.0%}",
        ),
        ("and stored (SQLite, synchronous=FULL, a commit a bundle)", found.stored, f"{found.stored / disk_limit:.0%}"),
        ("and folded, bundle by bundle", found.folded, ""),
        ("verified, then all folded at once (a copy of an agreement)", found.in_one_go, ""),
    ):
        say(f"| {name} | **{rate:,.0f}** | {1e6 / rate:.0f} s | {share} |")
    for name, limit in (
        (f"limit: SHA-256, {speeds.HASHES_PER_ENTRY} of 200 bytes an entry", hash_limit),
        (f"limit: SQLite FULL, rows of 100 bytes, {found.acts // found.bundles} a commit", disk_limit),
    ):
        say(f"| {name} | {limit:,.0f} | {1e6 / limit:.0f} s | |")
    say()
    memory = "" if found.memory_mib is None else f"; they take {found.memory_mib:.0f} MiB of memory"
    say(f"A node with these {found.acts:,} acts starts in {found.start_seconds:.1f} s (reads and folds them){memory}.")
    say()


def print_late(sizes_of_log: list[int]) -> None:
    say("## What a late entry costs (a receipt that comes after all else)")
    say()
    say("| entries | folded from nothing | late entry, median | 95 of 100 below | with the record's digest |")
    say("|---|---|---|---|---|")
    for lives in sizes_of_log:
        found = speeds.late(lives)
        say(
            f"| {found.acts:,} | {found.fold_seconds:.2f} s | **{found.median:.2f} ms** | {found.most:.2f} ms "
            f"| {found.with_digest:.2f} ms |"
        )
    say()


def scratch() -> Path:
    """Return a folder on the project's disk: a temporary one may be in memory, where FULL costs nothing."""
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(prog="go.py bench", description="Measure Tallystick beside what others do.")
    parser.add_argument("--quick", action="store_true", help="a few lives, seconds: shows that it runs, no more")
    parser.add_argument("--full", action="store_true", help="also a late entry among a million (some minutes, 6 GB)")
    options = parser.parse_args()
    lives, git_acts, seconds = (25, 6, 0.05) if options.quick else (corpus.LIVES, 1_000, 2.0)
    started = time.monotonic()
    say(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, {platform.system()}")
    say()
    print_late([lives] if options.quick else [1_000, corpus.LIVES, *([97_000] if options.full else [])])
    print_speeds(lives, seconds)
    print_sizes(lives, git_acts)
    say(f"Took {time.monotonic() - started:.0f} s.")


if __name__ == "__main__":
    main()
