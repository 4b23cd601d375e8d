"""The S1 order's evidence file, made once, and ways to change it."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.nodes import MEMORY, agreed, delivered, paired, received
from tests.story.s1 import S1
from tests.unit.app.test_exchange import key_of, two_histories

from tallystick.app import exchange, fields, prove, redact, write
from tallystick.app.node import Desk
from tallystick.cli.demo.director import Director
from tallystick.core import canonical
from tallystick.core.entries import Kind, Reason, Segment, to_array
from tallystick.core.errors import RemoteError


@functools.cache
def s1() -> S1:
    """Return the story, played to its end, on two nodes that hold the same."""
    folder = Path(tempfile.mkdtemp(prefix="tallystick-evidence-"))
    story = S1(paired(folder, stores=MEMORY))
    story.play()
    story.director.exchange()
    return story


@functools.cache
def s1_evidence(party: str = "JP", *, whole: bool = False) -> bytes:
    story = s1()
    return prove.prove(story.director.desk(party), story.refs["request"], whole=whole)


def changed(data: bytes, change: Callable[[Any], Any]) -> bytes:
    """Return the file after ``change`` has worked on what it decodes to; written canonically again."""
    value = canonical.decode(data)
    change(value)
    return canonical.encode(value)


def log_of(value: Any, log: int) -> Any:
    return next(row for row in value[3] if row[0] == log)


def leaf_of(value: Any, log: int, index: int) -> Any:
    return next(row for row in log_of(value, log)[2] if row[0] == index)


def only_evidence(desk: Desk) -> bytes:
    (order_id,) = desk.record.orders
    return prove.prove(desk, order_id)


def after_a_fork(folder: Path) -> bytes:
    return only_evidence(forked_desk(folder))


def after_an_erasure(folder: Path) -> bytes:
    return only_evidence(erased_desk(folder))


def after_a_correction(folder: Path) -> bytes:
    """Return the evidence of an order whose receipt was corrected after the invoice, signed by both sides."""
    director = paired(folder, stores=MEMORY)
    accepted = agreed(director)
    receipt = received(director, delivered(director, accepted), accepted="90", refused="10")
    director.exchange()
    director.act(
        "IN", Kind.INVOICE, accepted, number="IN-1", issued_on="2027-02-21", receipts=[receipt], total="8685.00",
        lines=[{"line": 1, "amount": "8685.00"}],
    )  # fmt: skip
    director.exchange()
    body = director.desk("JP").space.entry(receipt).body
    line = replace(body.lines[0], accepted=95_000, refused=5_000)
    replacement = canonical.encode(to_array(replace(body, lines=(line,))))
    correction = director.act("JP", Kind.CORRECTION, receipt, replacement=replacement)
    director.exchange()
    director.act("IN", Kind.COUNTERSIGN, correction)
    director.exchange()
    return only_evidence(director.desk("IN"))


def forked_desk(folder: Path) -> Desk:
    """Return Japan's desk with an order whose provider's node and its copy wrote two histories."""
    director, twin = two_histories(folder)
    copy, japan = twin.desk("IN"), director.desk("JP")
    with pytest.raises(RemoteError):
        exchange.receive(
            japan, b"".join(exchange.news_for(copy, exchange.known_by_partner(copy, key_of(director, "JP"))))
        )
    director.exchange()
    return japan


def erased_desk(folder: Path) -> Desk:
    """Return Japan's desk with an order: both parties erased where a delivery was, and Japan a remark of its own."""
    director = paired(folder, stores=MEMORY)
    delivery = delivered(director, agreed(director))
    received(director, delivery)
    remark = director.act("JP", Kind.NOTE, delivery, remark="Ask for the petty officer at the gate")
    director.exchange()
    japan, india = director.desk("JP"), director.desk("IN")
    context = fields.Context("INR", {1: "KGM"})
    said = fields.to_json(india.space.entry(delivery).body, context) | {"place": "INXXX"}
    del said["who"]
    restated = redact.restatement(india, delivery, said, context)
    _erase(director, "IN", delivery, Segment.CORE, restated)
    write.sign(japan, redact.confirmation(japan, delivery))
    _erase(director, "JP", remark, Segment.DETAIL)
    return japan


def _erase(director: Director, party: str, target: Any, segments: Segment, restated: bytes = b"") -> None:
    desk = director.desk(party)
    write.sign(desk, redact.draft(desk, target, segments, Reason.ENTERED_IN_ERROR, restated))
    director.exchange()
