"""The doors to the world: the machine's clock, the demo's shifted one, and dice."""

import time
from pathlib import Path

from tallystick.app.clock import DemoClock, SystemClock
from tallystick.app.ids import SystemIds, token


def test_the_machines_clock_is_the_machines():
    before = int(time.time())
    assert before <= SystemClock().now() <= int(time.time())


def test_two_demo_nodes_live_on_the_day_the_file_says(tmp_path: Path):
    one, other = DemoClock(tmp_path / "clock"), DemoClock(tmp_path / "clock")
    before = SystemClock().now()
    assert before <= one.now() <= SystemClock().now(), "without a file it is the machine's"
    one.set_to(1_802_900_000)
    later = other.now() - 1_802_900_000
    assert 0 <= later <= SystemClock().now() - before


def test_dice_do_not_repeat():
    ids = SystemIds()
    assert len({ids.random_bytes(32) for _ in range(100)}) == 100
    assert {len(ids.random_bytes(count)) for count in (16, 32)} == {16, 32}
    assert len({token() for _ in range(100)}) == 100
