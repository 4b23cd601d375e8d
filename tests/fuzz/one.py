"""One fuzzing process, started by ``tests.fuzz``: ``python -m tests.fuzz.one READER CORPUS… [libFuzzer options]``.

READER "all" takes the reader from the first byte of each input, for a short run of everything in one process.
"""

import sys

import atheris

with atheris.instrument_imports(include=["tallystick"]):
    from tests.fuzz.readers import BROKEN, READERS


def main() -> None:
    name, *options = sys.argv[1:]
    readers = list(READERS.values())
    named = {**READERS, "broken": BROKEN}

    def test(data: bytes) -> None:
        if name != "all":
            named[name](data)
        elif data:
            readers[data[0] % len(readers)](data[1:])

    again = f"{sys.executable} -m tests.fuzz.one '{name}'"  # merging begins further processes with this
    atheris.Setup([again, *options], test)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
