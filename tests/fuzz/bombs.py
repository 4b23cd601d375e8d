"""A few bytes that ask for gigabytes, given to the readers in a process that may not have them.

``python -m tests.fuzz.bombs`` starts one process for each bomb, which limits its own memory to what it has after
reading ordinary bytes and ``ALLOWANCE`` more, reads the bomb, and tells how much more it needed. Prints a table.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import zstandard

from tallystick.core import bundle as wire
from tallystick.core import canonical

MB = 2**20
ALLOWANCE = 512 * MB  # of address space; a bomb that goes off would take more
HUGE = b"\xff" * 8  # 2**64 - 1, as the argument of a CBOR head
LARGE = b"\x7f" + b"\xff" * 7  # 2**63 - 1
ROOT = Path(__file__).parents[2]


def packed_zeros(megabytes: int, *, window_log: int = 20) -> bytes:
    """Return a zstd frame without magic number that unpacks to so many MiB of zeros."""
    packer = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters.from_level(
            3, window_log=window_log, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=0, write_checksum=0
        )
    ).compressobj()
    parts = [packer.compress(bytes(MB)) for _ in range(megabytes)]
    return b"".join([*parts, packer.flush()])


def bundle(codec: int, body: bytes, raw: bytes = b"") -> bytes:
    from tests.fuzz.readers import _story

    return canonical.encode_trusted([1, _story()[0].space.id[:4], codec, body, raw])


def head(major: int, argument: bytes) -> bytes:
    return bytes([major << 5 | 27]) + argument


def _packed(data: bytes) -> bytes:
    return wire.Codec().pack(data)[1]


def _empty_arrays(items: int) -> bytes:
    count = 260_000
    item = b"\x84\x0a\x00\xf6\x9a" + count.to_bytes(4, "big") + b"\x80" * count
    return canonical.encode([16, 2, items]) + item * items


def _nested(count: int) -> bytes:
    return b"\x81" * count + b"\x00"


COUNTS = b"".join(head(major, argument) for major in (4, 5, 2, 3) for argument in (HUGE, LARGE))

# name: (reader, the bytes)
BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a bundle of 65 MiB of zeros": ("bundle", lambda: bundle(1, packed_zeros(65))),
    "a bundle of 1 GiB of zeros": ("bundle", lambda: bundle(1, packed_zeros(1024))),
    "a bundle that asks for a window of 1 GiB": ("bundle", lambda: bundle(1, packed_zeros(65, window_log=30))),
    "a bundle of 60 MiB of empty arrays": ("bundle", lambda: bundle(1, _packed(_empty_arrays(230)), bytes(64))),
    "15 MiB of empty arrays in one item": ("bundle", lambda: bundle(0, b"\x83\x10\x02\x01" + b"\x80" * (15 * MB))),
    "15 MiB of arrays in arrays, as a bundle": ("bundle", lambda: _nested(15 * MB)),
    "15 MiB of arrays in arrays, in a bundle": ("bundle", lambda: bundle(0, _nested(15 * MB))),
    "15 MiB of maps in maps, in a sequence": ("sequence", lambda: b"\xa1\x00" * (7 * MB) + b"\x00"),
    "2^53 leaves of a log": ("bundle", lambda: bundle(0, canonical.encode([16, 0, 2**53 - 1]), bytes(64))),
    "2^64 values, as a bundle": ("bundle", lambda: COUNTS),
    "2^64 values, in a bundle": ("bundle", lambda: bundle(0, head(4, HUGE))),
    "2^63 bytes, in a bundle": (
        "bundle",
        lambda: bundle(0, b"\x83\x10\x00\x01" + b"\x84\x0a\x00\xf6" + head(2, LARGE)),
    ),
    "2^63 bytes, in a sequence": ("sequence", lambda: b"\x85\x01" + head(2, LARGE)),
    "2^63 entries, in a genesis": ("genesis", lambda: head(5, LARGE)),
    "arrays in arrays, in a genesis": ("genesis", lambda: _nested(64_000)),
    "2^63 bytes, in a card": ("card", lambda: b"\x82" + head(2, LARGE)),
    "2^63 bytes, in a knock": ("knock", lambda: b"\x82" + head(2, LARGE)),
    "2^63 bytes, in an entry": ("entry", lambda: b"\x0a\x81" + head(2, LARGE)),
    "2^63 leaves, in a file of an export": ("folder", lambda: b"\x01" + head(4, LARGE)),
    "2^63 bytes, in a file of an export": ("folder", lambda: b"\x01\x84" + head(2, LARGE)),
    "2^63 heads of an export": ("folder", lambda: b"\x0c\x82\x01" + head(4, LARGE)),
    "15 MiB of arrays in arrays, in an export": ("folder", lambda: b"\x01" + _nested(15 * MB)),
    "2^63 values, as evidence": ("evidence", lambda: _evidence_head() + head(4, LARGE)),
    "15 MiB of arrays in arrays, as evidence": ("evidence", lambda: _evidence_head() + _nested(15 * MB)),
    "10 MiB of nested JSON, as an act": ("act", lambda: b"\x00" + b"[" * (10 * MB)),
    "a number of 10 MiB, as an act": ("act", lambda: b"\x00" + b'{"lines": ' + b"9" * (10 * MB) + b"}"),
    "an age file with 100,000 recipients": ("sealed", lambda: _age_recipients(100_000)),
    "an age file behind a passphrase of 2^30 rounds": ("sealed", lambda: _age_scrypt(30)),
}


def _evidence_head() -> bytes:
    from tests.fuzz.readers import READERS

    return next(READERS["evidence"].seeds())[:32]


def _age_recipients(count: int) -> bytes:
    stanza = b"-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\nEmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U\n"
    return b"age-encryption.org/v1\n" + stanza * count + b"--- " + b"A" * 43 + b"\n" + bytes(64)


def _age_scrypt(rounds: int) -> bytes:
    return (
        b"age-encryption.org/v1\n-> scrypt rF0/NwblUHHTpgQgRpe5CQ %d\n" % rounds
        + b"gUjEymFKMVXQEKdMMHL24oYexjE3TIC0O0zGSqJ2aUY\n--- " + b"A" * 43 + b"\n" + bytes(64)
    )  # fmt: skip


def peak() -> int:
    """Return the most memory this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _made_elsewhere(names: Sequence[str]) -> Path:
    """Make the bombs in another process, because that takes memory too; return the folder where they lie by number."""
    folder = Path(tempfile.mkdtemp(prefix="tallystick-bombs-"))
    child = os.fork()
    if child == 0:
        for number, name in enumerate(names):
            (folder / str(number)).write_bytes(BOMBS[name][1]())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0
    return folder


def inside(names: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Read bombs one after the other; yield name, size and how many bytes of memory more than before are needed yet."""
    from tests.fuzz.readers import READERS

    folder = _made_elsewhere(names)
    for reader in {BOMBS[name][0] for name in names}:
        for seed in READERS[reader].seeds():
            READERS[reader](seed)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + ALLOWANCE, now + ALLOWANCE))
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
    before = peak() + max((folder / str(number)).stat().st_size for number in range(len(names)))
    for number, name in enumerate(names):
        data = (folder / str(number)).read_bytes()
        reader = READERS[BOMBS[name][0]]
        try:
            reader.read(data)
        except reader.may_raise:
            pass
        else:
            assert BOMBS[name][0] in {"evidence", "bundle", "act"}, "it was taken"  # these swallow refusals themselves
        yield name, len(data), max(0, peak() - before)
    shutil.rmtree(folder)


def run(*names: str) -> Iterator[tuple[str, int, int]]:
    """Do ``inside`` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.bombs", *names],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    for line in done.stdout.splitlines():
        name, size, more = line.split("\t")
        yield name, int(size), int(more)


def main() -> None:
    if len(sys.argv) > 1:
        for told in inside(sys.argv[1:]):
            print(*told, sep="\t", flush=True)
        return
    print("| bomb | bytes | memory it took |\n|---|---|---|")
    for name in BOMBS:
        ((_, size, more),) = run(name)
        print(f"| {name} | {size:,} | {more / MB:.1f} MiB |", flush=True)


if __name__ == "__main__":
    main()
