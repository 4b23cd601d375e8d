"""Attestations: a node says what it makes of the entries it holds, and its partner compares.

Two programs that hold the same entries must come to the same record and the same books. Decides when a node attests,
when an attestation can be compared, what a difference is, and how two nodes find the first order that differs. The
answers of every comparison are remembered in the store, one small fact for each log that attests, so that a divergence
survives a restart and ends only when a later attestation agrees. Leaves to ``alarms`` how it is told.

Source: docs/spec/sync.md, "Attestations".
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from tallystick.app import timekeeping
from tallystick.app.node import Desk
from tallystick.core import canonical
from tallystick.core.admission import Admission
from tallystick.core.entries import LOGS_MAX, Attest, Draft, Entry, Fork, Held, Kind, Redact
from tallystick.core.errors import LocalError, MalformedBytesError, RemoteError
from tallystick.core.fold import BUCKETS, PROFILE, Record
from tallystick.core.identity import EntryRef
from tallystick.core.space import Space

DAY = 86_400  # seconds
ATTEST_SECONDS = DAY  # between two attestations of a node: about 100 bytes a day
COMPARED_MAX = 8  # attestations of one log a day: each may cost a reading of the whole record
ORDERS_MAX = 2**20  # order digests read in one answer
DIGEST_BYTES = 16  # of each order, when two nodes look for the first that differs
REQUEST_MAX = 64 * 1024  # bytes of a question for digests: 256 groups and 256 logs have 12 KiB
_NAME = "compared "  # and the agreement's id and the log
log = logging.getLogger("tallystick.alarms")

Logs = tuple[Held, ...]


class Result(StrEnum):
    """What came of comparing an attestation."""

    SAME = "same"
    DIFFERS = "differs"
    OTHER_PROFILE = "other-profile"  # made by a program with other rules: nothing can be said
    NOT_HELD = "not-held"  # it is about entries that are not here, or not any more
    SUPERSEDED = "superseded"  # what it is about was erased, or forked, since


@dataclass(frozen=True)
class Divergence:
    """The partner's node and this one make different things of the same entries.

    ``entry`` is the attestation at which it was noticed first, ``at`` when, ``logs`` the sizes of the last one that
    differs. ``asked`` says whether both nodes' orders were compared; ``order`` then names the first that differs, in
    the order everybody reads their requests (empty: none does, but what is told beside them or the sums), and
    ``orders`` how many do.
    """

    entry: str
    at: int
    logs: tuple[tuple[int, int], ...]
    books_differ: bool
    asked: bool = False
    order: str = ""
    number: str = ""  # its number, for people
    orders: int = 0


@dataclass(frozen=True)
class Compared:
    """What is known of one log's attestations. ``index`` and ``result`` are the newest's, ``same_at`` the last time
    that one agreed; ``times`` counts the comparisons of that day.
    """

    index: int
    at: int
    result: Result
    same_at: int | None = None
    profile: str = PROFILE
    times: int = 0
    differs: Divergence | None = None


# ---- saying


def sizes_to_attest(desk: Desk) -> Logs:
    """Return the size of every log up to its last act: acknowledgements behind it mean nothing."""
    space = desk.space
    acts = ((held, _last_act(space, held, size)) for held, size in space.sizes().items())
    return tuple([Held(held, size) for held, size in acts if size])


def _last_act(space: Space, held: int, size: int) -> int:
    while size and not space.is_act(held, size - 1):
        size -= 1
    return size


def is_due(desk: Desk) -> bool:
    """Return whether this node should attest: a day after its last attestation, when something was said since.

    Before the first one, a day after its party adopted the agreement.
    """
    with desk.lock:
        try:
            own = desk.fold.attests.get(desk.log)
        except LocalError:
            return False  # no writer here
        if own is not None:
            last = own.t
        elif desk.space.size(desk.admin_log):
            last = desk.space.entry(EntryRef(desk.admin_log, 0)).t
        else:
            return False
        if abs(desk.clock.now() - last) < ATTEST_SECONDS or desk.space.withheld():
            return False
        logs = own.body.logs if own is not None and isinstance(own.body, Attest) else ()
        return _said_since(desk, logs, lambda entry: entry.kind != Kind.ATTEST)


def _said_since(desk: Desk, logs: Iterable[Held], counts: Callable[[Entry], bool]) -> bool:
    """Return whether an act beyond ``logs`` counts."""
    space, known = desk.space, {held.log: held.size for held in logs}
    return any(
        space.is_act(held, index) and counts(space.entry(EntryRef(held, index)))
        for held, size in space.sizes().items()
        for index in range(known.get(held, 0), size)
    )


def attest_if_due(desk: Desk) -> Entry | None:
    """Say what this node makes of the entries it holds, if ``is_due`` and it may sign; return what was said."""

    def stage() -> Admission | None:
        if not is_due(desk) or not timekeeping.may_write(desk):
            return None
        logs = sizes_to_attest(desk)
        if len(logs) > LOGS_MAX:
            return None
        return _draft(desk, logs, desk.record)

    if not is_due(desk):
        return None
    admission = desk.commit_fresh(stage)
    return admission.entries[-1] if admission is not None else None


def _draft(desk: Desk, logs: Logs, record: Record) -> Admission:
    body = Attest(logs, PROFILE, record.digest, record.ledger.digest)
    return desk.space.draft(desk.log, [Draft(body)], desk.clock.now(), desk.epoch_key(desk.log))


def _contradict(desk: Desk, logs: Logs, record: Record) -> bool:
    """Say what this node makes of ``logs``, so that the partner learns of the difference too; once for these sizes."""

    def stage() -> Admission | None:
        own = desk.fold.attests.get(desk.log)
        if not timekeeping.may_write(desk) or (
            own is not None and isinstance(own.body, Attest) and own.body.logs == logs
        ):
            return None
        return _draft(desk, logs, record)

    try:
        return desk.commit_fresh(stage) is not None
    except LocalError:
        return False  # no writer here, or it may not sign now: the alarm stands all the same


# ---- comparing


def compare(desk: Desk) -> bool:
    """Compare what other nodes attested and was not compared yet; return whether something was signed for it.

    A log that attests more than ``COMPARED_MAX`` times a day waits for the next one.

    Raises:
        StoreError: the disk or the database.
    """
    own = desk.own_logs
    said = False
    for writer, entry in sorted(desk.fold.attests.items()):
        before = last(desk, writer)
        if writer in own or _is_done(before, entry, desk.clock.now()) or _is_revoked(desk, entry):
            continue
        after, record = _compare(desk, entry, before)
        _keep(desk, writer, after)
        if record is not None and after.differs is not None and (before is None or before.differs is None):
            assert isinstance(entry.body, Attest)
            log.error(
                "%s: %s attests other digests than ours at %s", desk.name, desk.party_code(entry.party), entry.ref
            )
            said |= _contradict(desk, entry.body.logs, record)
        elif before is not None and before.differs is not None and after.differs is None:
            log.warning("%s: %s and we come to the same again", desk.name, desk.party_code(entry.party))
    return said


def _is_done(before: Compared | None, entry: Entry, now: int) -> bool:
    """Return whether an attestation was compared, or cannot be today."""
    if before is None:
        return False
    return before.index >= entry.ref.index or (before.times >= COMPARED_MAX and before.at // DAY == now // DAY)


def _is_revoked(desk: Desk, entry: Entry) -> bool:
    """Return whether the key of its log was taken back: what a thief attests is no alarm."""
    key = desk.space.key_of(entry.ref.log)
    return any(grant.revoked for grant in desk.record.grants.values() if grant.key is not None and grant.key == key)


def _compare(desk: Desk, entry: Entry, before: Compared | None) -> tuple[Compared, Record | None]:
    body = entry.body
    assert isinstance(body, Attest)
    now = desk.clock.now()
    known = before or Compared(0, 0, Result.SAME)
    times = known.times + 1 if known.at // DAY == now // DAY else 1
    told = replace(known, index=entry.ref.index, at=now, profile=body.profile, times=times)
    if body.profile != PROFILE:
        return replace(told, result=Result.OTHER_PROFILE), None
    record = record_at(desk, body.logs)
    if isinstance(record, Result):
        return replace(told, result=record), None
    if (record.digest, record.ledger.digest) == (body.state, body.ledger):
        return replace(told, result=Result.SAME, same_at=now, differs=None), record
    older = known.differs
    differs = Divergence(
        entry=older.entry if older else str(entry.ref),
        at=older.at if older else now,
        logs=tuple((held.log, held.size) for held in body.logs),
        books_differ=record.ledger.digest != body.ledger,
        asked=older.asked if older else False,
        order=older.order if older else "",
        number=older.number if older else "",
        orders=older.orders if older else 0,
    )
    return replace(told, result=Result.DIFFERS, differs=differs), record


def record_at(desk: Desk, logs: Logs) -> Record | Result:
    """Return what this node makes of the entries in ``logs``, or why that cannot be said.

    Where nothing that matters was said since, that is the present record; else those entries are read again.
    """
    sizes = {held.log: held.size for held in logs}
    with desk.lock:
        desk.refresh()
        if any(desk.space.size(held) < size for held, size in sizes.items()):
            return Result.NOT_HELD
        if any(begin < sizes.get(held, 0) for held, begin in desk.space.withheld().items()):
            return Result.NOT_HELD  # what some of them say was left out on the way
        if not _said_since(desk, logs, lambda entry: entry.kind != Kind.ATTEST):
            return desk.record
        if _said_since(desk, logs, lambda entry: _takes_away(entry, sizes)):
            return Result.SUPERSEDED
        again, entries = desk.fold.fresh(), desk.fold.below(sizes)
    again.extend(entries)  # may take seconds, and nobody has to wait for it
    return again.record


def _takes_away(entry: Entry, sizes: Mapping[int, int]) -> bool:
    """Return whether ``entry`` makes the entries in ``sizes`` say something else than when they were attested."""
    body = entry.body
    if isinstance(body, Redact):  # of any segment: an officer's signature may cover it, or be it
        return body.target.index < sizes.get(body.target.log, 0)
    return isinstance(body, Fork) and body.index < sizes.get(body.log, 0)


# ---- what is remembered


def last(desk: Desk, writer: int) -> Compared | None:
    """Return what is known of the attestations in the log ``writer``; None when none was compared yet."""
    kept = desk.store.recall(_name(desk, writer))
    if not kept:
        return None
    told = json.loads(kept)
    if told["differs"] is not None:
        told["differs"]["logs"] = tuple((log_, size) for log_, size in told["differs"]["logs"])
        told["differs"] = Divergence(**told["differs"])
    told["result"] = Result(told["result"])
    return Compared(**told)


def all_compared(desk: Desk) -> dict[int, Compared]:
    """Return what is known of every log that has attested, by log."""
    known = {writer: last(desk, writer) for writer in sorted(desk.fold.attests)}
    return {writer: compared for writer, compared in known.items() if compared is not None}


def _keep(desk: Desk, writer: int, compared: Compared) -> None:
    desk.store.remember(_name(desk, writer), json.dumps(asdict(compared)).encode())


def _name(desk: Desk, writer: int) -> str:
    return f"{_NAME}{desk.id.hex()} {writer}"


# ---- finding the order


def digests_of(record: Record, buckets: Iterable[int]) -> dict[EntryRef, bytes]:
    """Return the short digest of each order in some groups."""
    return {
        order_id: record.order_digest(order_id)[:DIGEST_BYTES]
        for bucket in buckets
        for order_id in record.orders_in(bucket)
    }


def question(logs: Iterable[tuple[int, int]], record: Record) -> bytes:
    """Return what to ask another node: for its order digests where they differ from ours, at these sizes."""
    buckets = [digest[:DIGEST_BYTES] for digest in record.bucket_digests()]
    return canonical.encode([[n for pair in logs for n in pair], buckets])


def answer(desk: Desk, asked: bytes) -> bytes:
    """Answer another node's ``question``: the digests of orders in the groups that differ.

    Only at sizes that some node's newest attestation names, so that nobody can have us read the record at will.

    Raises:
        MalformedBytesError: not a question.
        RemoteError: ``not-attested``.
    """
    logs, theirs = _read_question(asked)
    desk.refresh()
    attested = [entry.body.logs for entry in tuple(desk.fold.attests.values()) if isinstance(entry.body, Attest)]
    record = record_at(desk, logs) if logs in attested else Result.NOT_HELD
    if isinstance(record, Result):
        raise RemoteError("not-attested", why=record.value)
    ours = record.bucket_digests()
    differing = [n for n in range(BUCKETS) if ours[n][:DIGEST_BYTES] != theirs[n]]
    told = [[order_id.log, order_id.index, digest] for order_id, digest in digests_of(record, differing).items()]
    return canonical.encode([PROFILE, differing, told])


def _read_question(asked: bytes) -> tuple[Logs, list[bytes]]:
    match canonical.decode(asked, max_depth=3):
        case [[*sizes], [*buckets]] if (
            len(sizes) % 2 == 0
            and len(sizes) <= 2 * LOGS_MAX
            and all(type(n) is int for n in sizes)
            and len(buckets) == BUCKETS
            and all(type(digest) is bytes for digest in buckets)
        ):
            return tuple(Held(*pair) for pair in zip(sizes[::2], sizes[1::2], strict=True)), buckets
        case _:
            raise MalformedBytesError(what="question for digests")


def _read_answer(told: bytes) -> tuple[list[int], dict[EntryRef, bytes]]:
    match canonical.decode(told, max_depth=4, max_items=4 * ORDERS_MAX + 2 * BUCKETS):
        case [str(profile), [*groups], [*rows]] if (
            profile == PROFILE
            and len(rows) <= ORDERS_MAX
            and all(type(n) is int and 0 <= n < BUCKETS for n in groups)
            and all(_is_digest(row) for row in rows)
        ):
            return groups, {EntryRef(writer, index): digest for writer, index, digest in rows}
        case _:
            raise MalformedBytesError(what="digests")


def _is_digest(row: object) -> bool:
    return type(row) is list and list(map(type, row)) == [int, int, bytes]


def name_order(desk: Desk, writer: int, ask: Callable[[bytes], bytes]) -> bool:
    """Find the first order that differs between us and the node that writes ``writer``, if one is to be found.

    Args:
        desk: The agreement.
        writer: The other node's log.
        ask: Delivers our question to that node and returns its answer.

    Returns:
        Whether there was something to find and it was found.

    Raises:
        RemoteError: what came is not an answer, or the other node refused.
        PeerUnreachableError: it does not answer.
    """
    compared = last(desk, writer)
    differs = compared.differs if compared is not None else None
    if compared is None or differs is None or differs.asked:
        return False
    record = record_at(desk, tuple(Held(*pair) for pair in differs.logs))
    if isinstance(record, Result):
        return False
    groups, theirs = _read_answer(ask(question(differs.logs, record)))
    odd = different(record, digests_of(record, groups), theirs)
    first = odd[0] if odd else None
    view = record.orders.get(first) if first is not None else None
    number = view.number if view is not None else str(first or "")
    log.error("%s: the first order that differs is %s", desk.name, number or "none of them")
    named = replace(differs, asked=True, order=str(first or ""), number=number, orders=len(odd))
    _keep(desk, writer, replace(compared, differs=named))
    return True


def different(record: Record, ours: Mapping[EntryRef, bytes], theirs: Mapping[EntryRef, bytes]) -> list[EntryRef]:
    """Return the orders that one side has otherwise than the other or not at all, as their requests are read."""
    odd = [order_id for order_id in ours.keys() | theirs.keys() if ours.get(order_id) != theirs.get(order_id)]
    return sorted(odd, key=record.place_of)
