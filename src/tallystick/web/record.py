"""The door from the shell to the record: the one node this process serves, and who wants to know of what it signs.

Decides that there is one node per process, opened at first use. Leaves to the views what they ask of it. Pages and
peering do not call each other, so what a page signs reaches the worker that visits partners through ``signed``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.conf import settings

from tallystick.app.node import Node
from tallystick.stores.node import open_node

_lock = threading.Lock()
_node: Node | None = None
_listeners: list[Callable[[], None]] = []


def get_node() -> Node:
    """Return the node this process serves.

    Raises:
        LocalError: there is none in the folder of the settings.
        StoreError: its store does not open.
    """
    global _node  # noqa: PLW0603  # one process, one node
    with _lock:
        if _node is None:
            _node = open_node(settings.NODE.folder)
        return _node


def set_node(node: Node | None) -> Node | None:
    """Serve ``node`` from here on (None: open the settings' own again), and return what was served before."""
    global _node
    with _lock:
        before, _node = _node, node
        return before


def when_signed(listener: Callable[[], None]) -> None:
    """Call ``listener`` after each act signed in this process; it must return at once and not raise."""
    if listener not in _listeners:
        _listeners.append(listener)


def signed() -> None:
    """Say that something was signed, so that partners hear of it now rather than at the next round."""
    for listener in _listeners:
        listener()
