"""One fuzzing process, started by ``tests.fuzz``: ``python -m tests.fuzz.one READER CORPUS… [libFuzzer options]``.

READER "all" takes the reader from the first byte of each input, for a short run of everything in one process.
"""

import sys

import atheris

with atheris.instrument_imports(include=["tallystick"]):
    from tests.fuzz.readers import READERS


def main() -> None:
    name, *options = sys.argv[1:]
    readers = list(READERS.values())

    def test(data: bytes) -> None:
        if name != "all":
            READERS[name](data)
        elif data:
            readers[data[0] % len(readers)](data[1:])

    atheris.Setup([sys.argv[0], *options], test)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
