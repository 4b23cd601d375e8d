"""Composing: the bundles that take a reader from the sizes it holds to all that is held here.

Decides where they are cut, in which order they go, and what each of their items has to tell.

Source: docs/spec/wire.md.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence

from tallystick.core import bundle as wire
from tallystick.core import checkpoint as notes
from tallystick.core.branch import NOTHING_SEEN, Log, in_order, missing_of, three
from tallystick.core.bundle import Range
from tallystick.core.canonical import decode_trusted
from tallystick.core.forks import Cut
from tallystick.core.held import HeldLogs
from tallystick.core.log import CTX, EPOCH_KEY_BYTES, EPOCH_LEAVES, SALTS_BYTES, TAGS, salt

SPLIT_ITEMS = 4096  # items in one bundle we write: what a slow link can carry again after it broke
SPLIT_BYTES = 2**20  # of segments in one bundle we write


def have_only(here: HeldLogs, question: bytes | None, sizes: Mapping[int, int]) -> bytes:
    """Return a bundle that brings nothing and tells which sizes are held here; as ``Space.have_only``."""
    head = wire.write_head(())
    return wire.write_envelope(here.id, here.codec, body=head, raw=b"", have=sizes, question=question)


def news(
    here: HeldLogs, known: Mapping[int, int], sign: Callable[[int, bytes], bytes | None]
) -> Iterator[tuple[bytes, Mapping[int, int]]]:
    """Yield bundles, and the size of each log they bring a reader to who holds the sizes ``known``.

    Arguments as ``Space.news``.
    """
    common = _common(here, known)
    ends: dict[int, int] = {}
    own: set[int] = set()
    for log in here.logs.values():
        begin = common.get(log.id, 0)
        if begin >= log.size:
            continue
        own_head = notes.text(here.origin(log.id), log.size, log.root(log.size))
        if log.id not in here.cuts and sign(log.id, own_head) is not None:
            own.add(log.id)
            ends[log.id] = log.size
        elif log.checkpoint and 0 < log.checkpoint.size - begin <= wire.ITEMS_MAX - EPOCH_LEAVES:
            ends[log.id] = log.checkpoint.size
    begins = {log: common.get(log, 0) for log in ends}
    for cut in _portions(here, begins, ends, own):
        ranges = [
            Range(log, _with_key(here, log, begins[log]), cut[log] - _with_key(here, log, begins[log]))
            for log in sorted(cut)
            if cut[log] > begins[log]
        ]
        yield _bundle(here, ranges, sign), {part.log: part.end for part in ranges}
        begins = {**begins, **cut}


def _common(here: HeldLogs, known: Mapping[int, int]) -> dict[int, int]:
    """Return up to which sizes a reader holds what we hold; of a forked log it may hold other leaves."""
    common = dict(known)
    if not all(known.get(ref.log, 0) > ref.index for ref in here.reports):
        for cut in here.reports.values():
            common[cut.log] = min(common.get(cut.log, 0), cut.at)
    return common


def _sign(here: HeldLogs, log: Log, size: int, sign: Callable[[int, bytes], bytes | None]) -> bytes | None:
    if log.checkpoint and log.checkpoint.size == size:
        return log.checkpoint.signature
    return sign(log.id, notes.text(here.origin(log.id), size, log.root(size)))


def _with_key(here: HeldLogs, log: int, begin: int) -> int:
    """Return where a range must begin so that its acts have their epoch key: a key counts from its first act on."""
    first = begin // EPOCH_LEAVES * EPOCH_LEAVES
    if len(here.logs[log].epoch_keys.get(begin // EPOCH_LEAVES, b"")) == SALTS_BYTES:
        return begin  # its acts bring their salts
    return begin if here.logs[log].has_act(first, begin) else first


def _portions(
    here: HeldLogs, begins: Mapping[int, int], ends: Mapping[int, int], own: set[int]
) -> Iterator[dict[int, int]]:
    """Return the sizes reached after each bundle. What one needs is in it or before it.

    An own log can be cut anywhere; one passed on only where it is signed, at its end.
    """
    items = sum(ends[log] - begins[log] for log in ends)
    if not items:
        return
    reached = dict(begins)
    if items > SPLIT_ITEMS or _weight(here, begins, ends) > SPLIT_BYTES:
        for ref, cut in sorted(here.reports.items()):  # nobody can read what builds on a fork before its evidence
            if begins.get(ref.log, ref.index + 1) <= ref.index:
                _reach(here, reached, ref.log, ref.index + 1, ends, own)
                _reach(here, reached, cut.log, cut.stands, ends, own)
        count, weight = sum(reached.values()) - sum(begins.values()), 0
        order = heapq.merge(*[in_order(here.logs[log], begins[log], ends[log]) for log in ends])
        for _, log, index in order:
            if index < reached[log]:
                continue
            if count and (count >= SPLIT_ITEMS or weight > SPLIT_BYTES):
                yield dict(reached)
                count = weight = 0
            before = sum(reached.values())
            _reach(here, reached, log, index + 1, ends, own)
            count += sum(reached.values()) - before
            weight += _weight(here, {log: index}, {log: index + 1})
    yield dict(ends)


def _weight(here: HeldLogs, begins: Mapping[int, int], ends: Mapping[int, int]) -> int:
    return sum(
        len(core or b"") + len(log.details.get(index, b""))
        for log in (here.logs[log] for log in ends)
        for index, core in enumerate(log.cores[begins[log.id] : ends[log.id]], begins[log.id])
    )


def _reach(
    here: HeldLogs, reached: dict[int, int], log: int, size: int, ends: Mapping[int, int], own: set[int]
) -> None:
    """Raise ``reached`` so that ``log`` up to ``size``, and all it builds on, is in it."""
    todo = [(log, size)]
    while todo:
        log, size = todo.pop()
        if log not in ends or size <= reached[log]:
            continue
        reached[log] = size if log in own else ends[log]
        todo += here.logs[log].seen(reached[log] - 1).items()


def _bundle(here: HeldLogs, ranges: Sequence[Range], sign: Callable[[int, bytes], bytes | None]) -> bytes:
    body, raw = [wire.write_head(ranges)], []
    for part in ranges:
        log = here.logs[part.log]
        body.append(_write_items(log, part, here.cuts))
        signature = _sign(here, log, part.end, sign)
        assert signature is not None
        raw.append(signature)
        secrets = [log.epoch_keys.get(block, wire.NO_KEY) for block in wire.new_blocks(part)]
        raw += [secret if len(secret) == EPOCH_KEY_BYTES else wire.NO_KEY for secret in secrets]
    return wire.write_envelope(here.id, here.codec, body=b"".join(body), raw=b"".join(raw))


def _write_items(log: Log, part: Range, cuts: Mapping[int, Cut]) -> bytes:
    """Return the wire items of a range."""
    t = log.time(part.begin - 1) if part.begin else 0
    seen = log.seen(part.begin - 1) if part.begin else NOTHING_SEEN
    items: list[bytes] = []
    for index in range(part.begin, part.end):
        kind, then, third, *commits = decode_trusted(log.leaves[index])
        dt, t = then - t, then
        if kind == CTX:
            # After a fork a writer may count as having seen more, or less, than it knew when it wrote this.
            told = [other in cuts or size <= seen.get(other, 0) for other, size, _ in third]
            grown = [
                (other, size if whole else size - seen.get(other, 0))
                for (other, size, _), whole in zip(third, told, strict=True)
            ]
            roots = [root if whole else None for (_, _, root), whole in zip(third, told, strict=True)]
            items.append(wire.write_ctx(dt, grown, roots))
            seen = log.seen(index)
            continue
        back: tuple[int, int] | tuple[int, int, None] | None = None
        if third is not None:
            other, at = third
            distance = (index if other == log.id else seen.get(other, 0)) - 1 - at
            back = (other, at, None) if other != log.id and (other in cuts or distance < 0) else (other, distance)
        core, detail, auth = log.cores[index], log.details.get(index), log.auths.get(index)
        secret = log.epoch_keys[index // EPOCH_LEAVES]
        if len(secret) == EPOCH_KEY_BYTES and core is not None and not missing_of(commits, (core, detail, auth)):
            items.append(wire.write_act(kind, dt, back, core=core, detail=detail, auth=auth))
            continue
        given = [
            commit if segment is None else salt(secret, index, tag)
            for tag, commit, segment in zip(TAGS, three(commits), (core, detail, auth), strict=True)
        ]
        items.append(wire.write_salted(kind, dt, back, (core, detail, auth), given))
    return b"".join(items)
