"""One fuzzing process, started by ``tests.fuzz``: ``python -m tests.fuzz.one READER CORPUS… [libFuzzer options]``.

READER "all" takes the reader from the first byte of each input, for a short run of everything in one process.
"""

import sys
from random import Random

import atheris

with atheris.instrument_imports(include=["tallystick"]):
    from tests.fuzz.readers import BROKEN, READERS

    from tallystick.core.errors import TallystickError


def main() -> None:
    name, *options = sys.argv[1:]
    readers = list(READERS.values())
    named = {**READERS, "broken": BROKEN}

    def test(data: bytes) -> None:
        if name != "all":
            named[name](data)
        elif data:
            readers[data[0] % len(readers)](data[1:])

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        """Change what is packed where it is open, every other time; the rest as libFuzzer does."""
        dice = Random(seed)
        reader = named.get(name)
        if reader is None or reader.open is None or dice.random() < 0.3:
            return bytes(atheris.Mutate(data, longest))
        try:
            inner, closed = reader.open(data, dice)
            return closed(bytes(atheris.Mutate(inner, longest)))[:longest]
        except (TallystickError, ValueError):  # not packed, or not any more
            return bytes(atheris.Mutate(data, longest))

    again = f"{sys.executable} -m tests.fuzz.one '{name}'"  # merging begins further processes with this
    atheris.Setup([again, *options], test, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
