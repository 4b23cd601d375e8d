"""Trains the zstd dictionary of the wire on generated order lives: ``python -m benchmarks.train_dictionary``.

Samples are the bodies of bundles between two nodes that exchange every six hours: small bundles are where a dictionary
pays, and six hours of the corpus are a day of a real partnership. The seed is not the one that is measured. The same
corpus and the same version of zstandard give the same bytes. An agreement names its dictionary by hash, so a new one
is for new agreements; codec 0 always works without.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import zstandard

from benchmarks import corpus, drive
from tallystick.core import bundle as wire

TARGET = Path(__file__).resolve().parents[1] / "src" / "tallystick" / "core" / "wire.dict"
SEED = 1
LIVES = 2_000
INTERVAL = 6 * corpus.HOUR
SIZE = 16 * 1024
SEGMENT, DMER = 200, 6  # of the COVER algorithm: the best of six pairs tried on another seed


def train(lives: int = LIVES) -> bytes:
    plain = wire.Codec()
    bodies = []
    for bundle in drive.travel(corpus.Corpus(SEED, lives), INTERVAL).bundles:
        envelope = wire.read_envelope(bundle.data)
        bodies.append(plain.unpack(envelope.codec, envelope.body))
    return zstandard.train_dictionary(SIZE, bodies, k=SEGMENT, d=DMER, level=19).as_bytes()


def main() -> None:
    dictionary = train()
    TARGET.write_bytes(dictionary)
    print(f"{TARGET}: {len(dictionary)} bytes, SHA-256 {hashlib.sha256(dictionary).hexdigest()}")


if __name__ == "__main__":
    main()
