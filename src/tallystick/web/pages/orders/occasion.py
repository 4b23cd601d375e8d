"""What a form is made upon: one officer, about to say one kind of thing on one entry of one order, on one day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from tallystick.app import fields, read
from tallystick.app.node import Desk
from tallystick.app.read import Officer, OrderDetail
from tallystick.core.agreement import Terms
from tallystick.core.entries import Duty, Entry, Kind
from tallystick.core.identity import EntryRef
from tallystick.core.orders import Line, OrderView

B = TypeVar("B")


@dataclass(frozen=True)
class Occasion:
    """``officers`` are the warrants of this person that may sign ``kind`` here; ``offset`` is the node's zone in
    minutes east of UTC, which a form offers as the zone of a hand-over.
    """

    desk: Desk
    kind: Kind
    on: EntryRef | None
    detail: OrderDetail | None
    officers: tuple[Officer, ...]
    as_of: int
    offset: int = 0

    @property
    def view(self) -> OrderView:
        assert self.detail is not None, self.kind
        return self.detail.view

    @property
    def terms(self) -> Terms:
        return self.desk.genesis.terms

    @cached_property
    def context(self) -> fields.Context:
        return read.context_of(self.view) if self.detail is not None else fields.Context()

    @cached_property
    def object(self) -> Entry | None:
        """The entry this act is on."""
        return self.desk.space.entry(self.on) if self.on is not None else None

    def body(self, kind: type[B]) -> B:
        """Return the body of the entry this act is on, which is of ``kind``."""
        assert self.object is not None
        assert isinstance(self.object.body, kind), (self.kind, self.on)
        return self.object.body

    def body_of(self, ref: EntryRef) -> Any:
        return self.desk.space.entry(ref).body

    @cached_property
    def lines(self) -> Mapping[int, Line]:
        return {line.line: line for line in self.view.lines}

    def live_officers(self, duty: Duty) -> Iterable[Officer]:
        """Return the warrants of this party that carry ``duty`` today."""
        return [o for o in read.officers(self.desk, self.as_of) if o.live and duty in o.duties]
