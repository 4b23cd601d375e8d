"""The S1 order's evidence file, made once, and ways to change it."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.nodes import MEMORY, agreed, delivered, paired, received
from tests.story.s1 import S1
from tests.unit.app.test_exchange import key_of, two_histories

from tallystick.app import evidence, exchange, fields, prove, redact, write
from tallystick.app.node import Desk
from tallystick.app.verify_evidence import check
from tallystick.cli.demo.director import Director
from tallystick.core import canonical, checkpoint, merkle
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.detail import Attachment, Detail
from tallystick.core.entries import Draft, Kind, Note, Reason, Segment, to_array
from tallystick.core.errors import RemoteError
from tallystick.core.identity import EntryRef
from tallystick.core.log import CORE_TAG, CTX, commitment
from tallystick.core.views import digest_of


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


def with_detail(folder: Path, detail: Detail) -> tuple[bytes, EntryRef]:
    """Return the evidence of an order with a note beside which ``detail`` stands, and the note."""
    director = paired(folder, stores=MEMORY)
    receipt = received(director, delivered(director, agreed(director)))
    japan = director.desk("JP")
    by = japan.space.entry(receipt).body.who
    note = write.sign(japan, Draft(Note(by), obj=receipt, detail=detail)).ref
    director.exchange()
    return only_evidence(japan), note


def attached(name: str, data: bytes) -> Attachment:
    """Return what stands in the record of a file."""
    return Attachment(name, len(data), sha256(data).digest())


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
    return only_evidence(corrected(folder).desk("IN"))


def corrected(folder: Path) -> Director:
    """Return two nodes with an order whose receipt was corrected after the invoice, signed by both sides."""
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
    return director


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


# ---- what a party can make with its own keys


def rewritten(row: Any, change: Callable[[Any], Any]) -> None:
    """Let an act say something else: ``change`` works on its core, and its leaf commits to what comes of it."""
    core, leaf = canonical.decode(row[2][0][1]), canonical.decode(row[1])
    change(core)
    row[2][0][1] = canonical.encode(core)
    leaf[3] = commitment(CORE_TAG, *row[2][0])
    row[1] = canonical.encode(leaf)


def signed_again(desk: Desk, value: Any, log: int, size: int) -> None:
    """Let the file show ``log`` up to ``size`` only, every leaf as it is in the file, under a head signed for that."""
    shown = log_of(value, log)
    shown[2] = [row for row in shown[2] if row[0] < size]
    shown[3] = []
    root = merkle.Shown(size, {row[0]: merkle.leaf_hash(row[1]) for row in shown[2]}, set(), []).root()
    origin, key = desk.space.origin(log), desk.space.key_of(log)
    signature = desk.sign_checkpoint(log, checkpoint.text(origin, size, root))
    assert key is not None
    assert signature is not None
    shown[1] = checkpoint.note(origin, key, Checkpoint(size, root, signature))
    value[4][1] = [ref for ref in value[4][1] if ref[0] != log or ref[1] < size]


def told_anew(value: Any) -> bytes:
    """Return the file, telling of its order what follows from the entries that are in it."""
    read = evidence.read(canonical.encode(value))
    found = check(canonical.encode(value))
    assert found.order is not None
    told = read.told._replace(
        state=found.order.state.value,
        journal=found.journal,
        findings=found.findings,
        digest=digest_of(found.order, found.journal, found.findings),
    )
    return evidence.write(read._replace(told=told))


def made_to_fit(value: Any, desks: Iterable[Desk]) -> Any:
    """Let a whole file whose leaves were changed fit together again, as if all parties had signed it so.

    Every root that a context names becomes that of the log as it is now, and every head is signed again.
    """
    logs = {row[0]: {leaf[0]: leaf for leaf in row[2]} for row in value[3]}
    done: dict[tuple[int, int], bytes] = {}

    def hash_of(log: int, index: int) -> bytes:
        if (log, index) not in done:
            row = logs[log][index]
            leaf = canonical.decode(row[1])
            if leaf[0] == CTX:
                leaf[2] = [[other, size, root(other, size)] for other, size, _ in leaf[2]]
                row[1] = canonical.encode(leaf)
            done[log, index] = merkle.leaf_hash(row[1])
        return done[log, index]

    def root(log: int, size: int) -> bytes:
        return merkle.Shown(size, {index: hash_of(log, index) for index in range(size)}, set(), []).root()

    for row in value[3]:
        log, size = row[0], len(row[2])
        for desk in desks:
            origin, key = desk.space.origin(log), desk.space.key_of(log)
            head = Checkpoint(size, root(log, size), b"")
            signature = desk.sign_checkpoint(log, checkpoint.text(origin, size, head.root))
            if signature is not None and key is not None:
                row[1] = checkpoint.note(origin, key, head._replace(signature=signature))
    return value
