"""Order digests as a text file: for two nodes that meet only by courier and come to different records.

One node writes what it makes of each order, the other reads the list and names the first order that differs. The file
holds no content of an order but its number, and is not signed: the attestations in the logs are.

Source: docs/spec/sync.md, "Attestations".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tallystick.app import attest
from tallystick.app.attest import Result
from tallystick.app.node import Desk
from tallystick.core.entries import Held
from tallystick.core.errors import LocalError
from tallystick.core.fold import BUCKETS, PROFILE, Record
from tallystick.core.identity import EntryRef

LIST_MAX = 128 * 2**20  # bytes of a file: a million orders
HEAD_LINES = 5
_FIRST = "tallystick digests 1"
_LOGS = re.compile(r"logs( [0-9]{1,16}:[0-9]{1,16})+")
_LINE = re.compile(r"([0-9a-f]{32}) ([0-9]{1,16})\.([0-9]{1,16})( .*)?")


@dataclass(frozen=True)
class Comparison:
    """``orders`` differ, in the order everybody reads their requests; ``number`` is the first one's."""

    compared: int
    orders: tuple[EntryRef, ...]
    number: str
    same: bool  # the whole record, also beside the orders


def write_list(desk: Desk) -> str:
    """Return what this node makes of each order, as a text of one line each."""
    with desk.lock:
        desk.refresh()
        logs, record = attest.sizes_to_attest(desk), desk.record
    sizes = " ".join(f"{held.log}:{held.size}" for held in logs)
    lines = [_FIRST, f"agreement {desk.id.hex()}", f"rules {PROFILE}", f"record {record.digest.hex()}", f"logs {sizes}"]
    digests = attest.digests_of(record, range(BUCKETS))
    lines += [
        f"{digests[order_id].hex()} {order_id} {record.orders[order_id].number}"
        for order_id in sorted(digests, key=record.place_of)
    ]
    return "\n".join(lines) + "\n"


def compare_list(desk: Desk, text: str) -> Comparison:
    """Compare the other node's list with what this node makes of the same entries.

    Raises:
        LocalError: ``digests-unreadable``, ``digests-elsewhere`` (of another agreement), ``digests-other-rules``, or
            ``digests-not-comparable`` (those entries are not all here, or were erased or forked since).
    """
    head, lines = text.splitlines()[:HEAD_LINES], text.splitlines()[HEAD_LINES:]
    if len(head) < HEAD_LINES or head[0] != _FIRST or not _LOGS.fullmatch(head[-1]):
        raise LocalError("digests-unreadable", line=1)
    _, agreement, rules, whole, logs = head
    if agreement != f"agreement {desk.id.hex()}":
        raise LocalError("digests-elsewhere", agreement=desk.name)
    if rules != f"rules {PROFILE}":
        raise LocalError("digests-other-rules", theirs=rules.removeprefix("rules "), ours=PROFILE)
    sizes = [tuple(map(int, pair.split(":"))) for pair in logs.split()[1:]]
    theirs = _digests(lines)
    record = attest.record_at(desk, tuple(Held(log, size) for log, size in sizes))
    if isinstance(record, Result):
        raise LocalError("digests-not-comparable", why=record.value)
    return _compared(record, theirs, same=whole == f"record {record.digest.hex()}")


def _digests(lines: list[str]) -> dict[EntryRef, bytes]:
    found = {}
    for number, line in enumerate(lines, HEAD_LINES + 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise LocalError("digests-unreadable", line=number)
        found[EntryRef(int(match[2]), int(match[3]))] = bytes.fromhex(match[1])
    return found


def _compared(record: Record, theirs: Mapping[EntryRef, bytes], *, same: bool) -> Comparison:
    ours = attest.digests_of(record, range(BUCKETS))
    odd = attest.different(record, ours, theirs)
    view = record.orders.get(odd[0]) if odd else None
    number = view.number if view is not None else str(odd[0]) if odd else ""
    return Comparison(len(ours), tuple(odd), number, same)
