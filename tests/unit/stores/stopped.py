"""A process beside the store tests: one more writer, or one that is killed in the middle.

``write URL SPACE WORD COUNT`` appends COUNT leaves to log 0, reading again whenever somebody else was first.
``killed URL SPACE`` appends the same admission again and again, each time in a child that sends itself SIGKILL before
the next line of the stores' code than the last time, and looks what is there afterwards. Prints how often nothing was
kept, how often everything, and how many lines were tried; anything between is an error.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from tests.unit.stores.keeping import growth

from tallystick import stores
from tallystick.core.errors import HeadMovedError

ROOM = str(Path(stores.__file__).parent)


def write(url: str, space: bytes, word: str, count: int) -> None:
    store = stores.open_store(url)
    while count:
        try:
            store.append(growth(space, {0: store.sizes(space).get(0, 0)}, word, l0=1))
        except HeadMovedError:
            continue
        count -= 1
    store.close()


def killed(url: str, space: bytes) -> None:
    nothing = everything = line = 0
    finished = False
    while not finished:
        line += 1
        store = stores.open_store(url)
        before = store.load(space)
        store.close()
        sizes = {0: sum(x.log == 0 for x in before.leaves), 17: sum(x.log == 17 for x in before.leaves)}
        admission = growth(space, sizes, l0=2, l17=3)

        child = os.fork()
        if child == 0:
            append_until(url, admission, line)
        _, status = os.waitpid(child, 0)
        finished = status == 0
        assert finished or os.WTERMSIG(status) == signal.SIGKILL, status

        store = stores.open_store(url)
        after = store.load(space)
        if after == before:
            nothing += 1
        else:
            assert set(after.leaves) == set(before.leaves) | set(admission.leaves), f"half kept at line {line}"
            assert after.epoch_keys == {**before.epoch_keys, **admission.epoch_keys}
            assert after.checkpoints == {**before.checkpoints, **admission.checkpoints}
            everything += 1
        store.append(growth(space, store.sizes(space), l1=1))  # and the store still works
        store.close()
    print(nothing, everything, line)


def append_until(url: str, admission: Any, line: int) -> None:
    """Append, and be killed before the ``line``-th line of the stores' code runs; exits with 0 when there are fewer."""
    store = stores.open_store(url)
    left = line

    def at_line(frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return at_line if frame.f_code.co_filename.startswith(ROOM) else None

    sys.settrace(lambda frame, _event, _arg: at_line if frame.f_code.co_filename.startswith(ROOM) else None)
    store.append(admission)
    sys.settrace(None)
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2], bytes.fromhex(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
    else:
        killed(sys.argv[2], bytes.fromhex(sys.argv[3]))
