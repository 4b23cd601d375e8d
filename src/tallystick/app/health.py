"""What is wrong with this node just now, as codes: for the home page, ``status`` and the health address.

Decides nothing about what is refused because of it; that is where each thing is done.
"""

from __future__ import annotations

from dataclasses import dataclass

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
        desk.require_heard()
    except LocalError as error:
        found.append(error)
    if (clock := timekeeping.trouble(desk)) is not None:
        found.append(clock)
    if desk.not_written is not None:
        found.append(desk.not_written)
    return tuple(found)


@dataclass(frozen=True)
class Troubles:
    """What is wrong with a node: with its disk or database, and with its agreements.

    A StoreError in ``machine`` comes alone: the rest cannot be told then.
    """

    machine: tuple[TallystickError, ...] = ()
    agreements: tuple[TallystickError, ...] = ()

    @property
    def all(self) -> tuple[TallystickError, ...]:
        return self.agreements + self.machine

    @property
    def are_in_the_way(self) -> bool:
        """Whether the database cannot be read or written."""
        return any(isinstance(error, StoreError) for error in self.machine)


def of_node(node: Node) -> Troubles:
    """Return all that is wrong; asks the database whether it could be written now."""
    try:
        free = node.store.probe()
        for desk in node.desks.values():
            desk.write_again()
        machine: list[TallystickError] = []
        if free is not None and free < ROOM_MIN:
            machine.append(LocalError("disk-nearly-full", free=free // 2**20, wanted=ROOM_MIN // 2**20))
        if redact.purge_due(node.store):
            machine.append(LocalError("purge-due"))
        return Troubles(tuple(machine), tuple(error for desk in node.desks.values() for error in of_desk(desk)))
    except StoreError as error:
        return Troubles(machine=(error,))
