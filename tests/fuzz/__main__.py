"""``python -m tests.fuzz --seconds N``: coverage-guided fuzzing of every reader of foreign bytes, N seconds in all.

Each reader gets its share of the time in a process of its own, beginning with real bytes and with the corpus. Prints
for each how many inputs it was given, how many places in the code they reached, how many new inputs reached places that
the corpus did not, and what was found; an input that was found to be a bug is kept and named. ``--keep`` adds what
reached new places to the corpus, cut to the fewest inputs that do.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.readers import CORPUS, READERS, ROOM, room

ROOT = Path(__file__).parents[2]
MEMORY_MB = 1024
KEPT_MAX = 5_000  # bytes of an input that goes into the corpus: a whole database is made again when it is needed
KEPT_ALL = 32_000  # bytes kept of one reader's inputs, the smallest first
SECONDS_EACH = 10  # for one input: then it counts as a hang


@dataclass(frozen=True)
class Ran:
    inputs: int
    places: int
    new: int
    found: tuple[Path, ...]
    output: str


def corpus_of(name: str) -> Path:
    return CORPUS / name.replace(" ", "-")


def write_seeds(name: str, folder: Path, prefix: bytes = b"") -> None:
    for seed in READERS[name].seeds():
        data = prefix + seed
        (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def write_all_seeds(folder: Path) -> None:
    """Write seeds and corpus of every reader for the reader "all"."""
    for number, name in enumerate(READERS):
        write_seeds(name, folder, bytes([number]))
        for path in sorted(corpus_of(name).glob("*")):
            data = bytes([number]) + path.read_bytes()
            (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def run(name: str, begin: list[Path], artifacts: Path, *options: str) -> Ran:
    """Run one process; ``begin`` are folders of inputs, of which the first gets what is new."""
    before = len(list(begin[0].iterdir()))
    longest = READERS[name].longest if name in READERS else max(reader.longest for reader in READERS.values())
    command = [
        sys.executable, "-m", "tests.fuzz.one", name, *map(str, begin), f"-artifact_prefix={artifacts}/",
        f"-max_len={longest}", f"-rss_limit_mb={MEMORY_MB}", f"-timeout={SECONDS_EACH}", "-print_final_stats=1",
        *options,
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(dir=room()) as folder:  # libFuzzer ends a process without any goodbye
        environment = {**os.environ, ROOM: folder, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, errors="replace", check=False
        )
    told = done.stdout + done.stderr
    found = tuple(sorted(artifacts.glob("*")))
    if done.returncode and not found:
        raise RuntimeError(told[-4000:])
    inputs = re.findall(r"stat::number_of_executed_units: (\d+)", told)
    places = re.findall(r"cov: (\d+)", told)
    return Ran(
        inputs=int(inputs[-1]) if inputs else 0,
        places=int(places[-1]) if places else 0,
        new=len(list(begin[0].iterdir())) - before,
        found=found,
        output=told,
    )


def keep(name: str, begin: list[Path], place: Path) -> int:
    """Add to the corpus the fewest inputs that reach what the seeds and the corpus do not; return how many."""
    target = corpus_of(name)
    target.mkdir(parents=True, exist_ok=True)
    seeds = place / "seeds"
    seeds.mkdir()
    write_seeds(name, seeds)
    for path in target.iterdir():
        (seeds / path.name).write_bytes(path.read_bytes())
    before = {path.name for path in seeds.iterdir()}
    run(name, [seeds, *begin], place, "-merge=1")
    fresh = [path.read_bytes() for path in seeds.iterdir() if path.name not in before]
    room_left = KEPT_ALL - sum(path.stat().st_size for path in target.iterdir())
    kept = 0
    for data in sorted(fresh, key=len):
        room_left -= len(data)
        if room_left >= 0 and len(data) <= KEPT_MAX:
            (target / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)
            kept += 1
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--seconds", type=int, default=160, help="in all")
    parser.add_argument("--only", default="", help="readers whose name begins so")
    parser.add_argument("--keep", action="store_true", help="add what reached new places to the corpus")
    given = parser.parse_args()
    names = [name for name in READERS if name.startswith(given.only)]
    each = max(1, given.seconds // len(names))
    print(f"{len(names)} readers, {each} s each\n")
    print(
        "| reader | inputs | places reached | new inputs that reached more | found |\n|---|---|---|---|---|", flush=True
    )
    total = bugs = 0
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            fresh, begin, artifacts = place / "fresh", place / "begin", place / "found"
            for path in (fresh, begin, artifacts):
                path.mkdir()
            write_seeds(name, begin)
            corpus = [path for path in [corpus_of(name)] if path.is_dir()]
            ran = run(name, [fresh, begin, *corpus], artifacts, f"-max_total_time={each}")
            total += ran.inputs
            bugs += len(ran.found)
            kept = f", {keep(name, [fresh], place)} kept" if given.keep and ran.new else ""
            found = "nothing"
            for path in ran.found:
                saved = ROOT / "build" / f"fuzz-{name.replace(' ', '-')}-{path.name}"
                saved.parent.mkdir(exist_ok=True)
                saved.write_bytes(path.read_bytes())
                found = f"{saved}"
                print(ran.output[-3000:], file=sys.stderr)
            print(f"| {name} | {ran.inputs:,} | {ran.places:,} | {ran.new:,}{kept} | {found} |", flush=True)
    print(f"\n{total:,} inputs in all, {bugs} found")
    return 1 if bugs else 0


if __name__ == "__main__":
    sys.exit(main())
