"""Where a node is put together from its folder: settings, store, keys, clock, dice and the wire dictionary.

Decides what a new folder holds and that it appears whole or not at all. Leaves what each part does to its own module.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path

from tallystick.app import settings as node_settings
from tallystick.app.clock import DemoClock, SystemClock
from tallystick.app.ids import SystemIds
from tallystick.app.node import Node
from tallystick.app.ports import Clock, Store
from tallystick.app.settings import NodeSettings
from tallystick.core.errors import LocalError, StoreUnavailableError
from tallystick.stores import open_store, rules
from tallystick.stores.highwater import HighWaterFile
from tallystick.stores.keys import KeyFolder

KEYS = ("root", "writer", "age", "web")
HIGH_WATER = "high-water"
COURIER = ("courier/in", "courier/out")


@cache
def wire_dictionary() -> bytes:
    """Return the zstd dictionary that ships with the product; empty when this copy has none."""
    try:
        return resources.files("tallystick.core").joinpath("wire.dict").read_bytes()
    except FileNotFoundError:
        return b""


def open_node(folder: Path | str) -> Node:
    """Open the node in ``folder``.

    Raises:
        LocalError: no node there, or its settings do not read.
        StoreUnavailableError: its database cannot be opened now; ``store-lost`` when what this node has signed is not
            in it, so that an empty one is never taken for a new node's.
    """
    settings = node_settings.load(folder)
    high_water = HighWaterFile(settings.folder / HIGH_WATER)
    return Node(
        settings=settings,
        store=_open_own(settings, high_water),
        keys=KeyFolder(settings.keys_folder),
        clock=clock_of(settings),
        ids=SystemIds(),
        dictionary=wire_dictionary(),
        high_water=high_water,
    )


def _open_own(settings: NodeSettings, high_water: HighWaterFile) -> Store:
    signed = high_water.sizes().keys()
    url = settings.database_url
    if signed and url.startswith("sqlite:") and not Path(url.removeprefix("sqlite:///")).exists():
        raise StoreUnavailableError("store-lost", path=url.removeprefix("sqlite:///"))
    store = open_store(url)
    if not signed <= set(store.spaces()):
        store.close()
        raise StoreUnavailableError("store-lost", path=str(settings.folder))
    return store


def clock_of(settings: NodeSettings) -> Clock:
    path = settings.demo_clock_path
    return DemoClock(path) if path else SystemClock()


def init_node(folder: Path | str, settings: NodeSettings) -> Node:
    """Make a node in ``folder``: its keys, ``node.toml`` and an empty database.

    The folder is built beside its place and takes its name when it is whole, so a stop in between leaves nothing that
    looks like a node.

    Args:
        folder: Where; missing or empty.
        settings: What the node is; its own ``folder`` is not looked at.

    Raises:
        LocalError: ``node-exists`` or ``folder-not-empty``: nothing is ever written over.
        StoreUnavailableError: the disk or the database does not let us.
    """
    folder = Path(folder).absolute()
    require_free(folder)
    part = folder.with_name(f".{folder.name}.new")
    ids = SystemIds()
    try:
        shutil.rmtree(part, ignore_errors=True)  # what an interrupted init left
        part.mkdir(parents=True, mode=0o700)
        keys = KeyFolder(part / "keys")
        for name in KEYS:
            keys.create(name, ids)
        for place in COURIER:
            (part / place).mkdir(parents=True)
        node_settings.save(replace(settings, folder=part))
        node_settings.load(part)  # what cannot be read again is refused now, not at the next start
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except OSError as error:
        raise rules.disk_unavailable(error, folder) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return open_node(folder)


def require_free(folder: Path) -> None:
    """Raise LocalError unless ``folder`` is missing or empty."""
    if (folder / node_settings.FILE).exists():
        raise LocalError("node-exists", folder=str(folder))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise LocalError("folder-not-empty", path=str(folder))
