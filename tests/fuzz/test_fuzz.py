"""Readers of foreign bytes: the corpus again, a few new inputs, and bombs. Longer: ``python -m tests.fuzz``."""

import hashlib
from pathlib import Path

import pytest
from tests.fuzz import __main__ as fuzzing
from tests.fuzz import bombs
from tests.fuzz.readers import CORPUS, READERS
from tests.needs import needs_fuzzer

RUNS = 3_000


@pytest.mark.parametrize("name", READERS)
def test_real_bytes_and_what_fuzzing_found_raise_nothing_else(name: str):
    reader = READERS[name]
    real = list(reader.seeds())
    assert real
    for data in [*real, *(path.read_bytes() for path in sorted(fuzzing.corpus_of(name).glob("*")))]:
        reader(data)
    for data in (b"", b"\x00", b"\xff" * 64):
        reader(data)


def test_the_corpus_is_of_readers_there_are_and_small():
    assert {path.name for path in CORPUS.iterdir()} <= {name.replace(" ", "-") for name in READERS}
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < 500_000


@needs_fuzzer
def test_new_inputs_raise_nothing_else(tmp_path: Path):
    fresh, begin, found = (tmp_path / name for name in ("fresh", "begin", "found"))
    for path in (fresh, begin, found):
        path.mkdir()
    fuzzing.write_all_seeds(begin)
    ran = fuzzing.run("all", [fresh, begin], found, f"-runs={RUNS}", "-seed=1", "-max_total_time=8")
    assert ran.found == (), ran.output[-3000:]
    assert ran.inputs >= len(list(begin.iterdir()))
    assert ran.places > 1000  # it was the instrumented code that ran


@needs_fuzzer
def test_a_reader_that_raises_anything_else_is_found(tmp_path: Path):
    """What the fuzzer is for: the input is kept, and the run says which."""
    for name in ("fresh", "begin", "found"):
        (tmp_path / name).mkdir()
    (tmp_path / "begin" / hashlib.sha1(b"x").hexdigest()).write_bytes(b"x")
    ran = fuzzing.run("broken", [tmp_path / "fresh", tmp_path / "begin"], tmp_path / "found", "-runs=5000", "-seed=1")
    assert [path.read_bytes()[:1] for path in ran.found] == [b"!"]


def test_bombs_are_refused_in_constant_memory():
    took = {name: more for name, _, more in bombs.run(*bombs.BOMBS)}
    assert list(took) == list(bombs.BOMBS)
    assert max(took.values()) < 160 * bombs.MB, took  # the limit of 64 MiB, and what joining its parts takes
    larger = took["a bundle of 1 GiB of zeros"] - took["a bundle of 65 MiB of zeros"]
    assert larger < 16 * bombs.MB  # a thousand times more cost no more
