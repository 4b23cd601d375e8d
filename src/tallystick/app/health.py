"""What is wrong with this node just now, as codes: for the home page, ``status`` and the health address.

Decides nothing about what is refused because of it; that is where each thing is done.
"""

from __future__ import annotations

from tallystick.app import redact, timekeeping
from tallystick.app.node import Desk, Node
from tallystick.core.errors import LocalError, StoreError, TallystickError

ROOM_MIN = 64 * 2**20  # bytes free: a large exchange and the database's own journal


def of_desk(desk: Desk) -> tuple[TallystickError, ...]:
    """Return what keeps this node from signing under one agreement.

    Raises:
        StoreUnavailableError: the database does not answer.
    """
    found: list[TallystickError] = []
    try:
        desk.require_heard(desk.own_logs)
    except LocalError as error:
        found.append(error)
    if (clock := timekeeping.trouble(desk)) is not None:
        found.append(clock)
    if desk.not_written is not None:
        found.append(desk.not_written)
    return tuple(found)


def of_node(node: Node) -> tuple[TallystickError, ...]:
    """Return all that is wrong; asks the database whether it could be written now."""
    try:
        free = node.store.probe()
        found = [error for desk in node.desks.values() for error in of_desk(desk) if error is not desk.not_written]
    except StoreError as error:
        return (error,)
    if free is not None and free < ROOM_MIN:
        found.append(LocalError("disk-nearly-full", free=free // 2**20, wanted=ROOM_MIN // 2**20))
    if redact.purge_due(node.store):
        found.append(LocalError("purge-due"))
    return tuple(found)
