"""Bundles in and out: what a partner's bytes become here, and what goes back. Same path online and by courier."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from tallystick.app import forks, rotations, timekeeping
from tallystick.app.node import Desk
from tallystick.app.ports import PeerBook, PeerStatus
from tallystick.core import canonical
from tallystick.core.admission import Admission
from tallystick.core.bundle import read_envelope, split_sequence
from tallystick.core.errors import ForkError, GapError, RemoteError
from tallystick.core.identity import party_of

POST_BYTES = 8 * 2**20  # of bundles in one go, or one bundle: far below what a partner takes, quick to send again
LIVE = frozenset({PeerStatus.CONFIRMED, PeerStatus.PENDING_OUT})  # those we exchange with
ANSWERS_MAX = 8  # to questions in one sitting: a partner's node has one, and passes on none
ASK_AGAIN_SECONDS = 86_400  # for what came without its text: who left it out will not have it an hour later
ROUNDS_MAX = 256  # in one sitting: two gigabytes of news
WAITING_LIFE = 180 * 86_400  # seconds an early bundle is kept for: a lost courier file is missed long before
_ASKED_AGAIN = "asked-again "  # and the agreement's id and the partner's key
_WAITING_SINCE = "waiting-since:"  # and the agreement's id: a small fact of the node


@dataclass(frozen=True)
class Received:
    """What some bytes did. ``waiting`` counts bundles kept because something before them is still missing."""

    bundles: int = 0
    entries: int = 0
    leaves: int = 0
    waiting: int = 0
    have: Mapping[int, int] | None = None  # what we hold, when the sender should know
    told: Mapping[int, int] | None = None  # what the sender says it holds
    questions: tuple[bytes, ...] = ()  # the sender wants to know what we hold; each is answered once

    def __add__(self, other: Received) -> Received:
        return Received(
            self.bundles + other.bundles,
            self.entries + other.entries,
            self.leaves + other.leaves,
            max(self.waiting, other.waiting),
            other.have or self.have,
            other.told if other.told is not None else self.told,
            tuple(dict.fromkeys(self.questions + other.questions)),
        )


def receive(desk: Desk, data: bytes) -> Received:
    """Take in a sequence of bundles, each in one transaction, in whatever order they come.

    A bundle that came too early is kept and tried again after each one that fits. A bundle that is not acceptable is
    set aside for the operator and reported; those before it stay.

    Raises:
        RemoteError: the first bundle that is not acceptable (after it was set aside).
        StoreError: the disk or database; the bundle in hand was not written.
    """
    done = Received()
    for bundle in _split(desk, data):
        taken = _take(desk, bundle)
        done += taken
        if taken.leaves:
            done += _take_waiting(desk)
    if done.have is None:
        return done
    waiting = len(desk.store.waiting(desk.id))
    return replace(done, waiting=waiting, have=desk.space.sizes() if waiting else None)


def _split(desk: Desk, data: bytes) -> list[bytes]:
    try:
        return split_sequence(data)
    except RemoteError as error:
        _set_aside(desk, data, error)
        raise


def _take(desk: Desk, bundle: bytes) -> Received:
    told: Mapping[int, int] | None = None
    question: bytes | None = None

    def stage() -> Admission | None:
        nonlocal told, question
        admission = _read(desk, bundle)
        told, question = admission.have, admission.question
        return admission if admission.leaves or admission.fill else None

    try:
        admission = desk.commit_fresh(stage)
    except GapError:
        since = _forget_old_waiting(desk)
        digest = desk.store.put_waiting(desk.id, bundle)
        _remember_waiting(desk, {digest: desk.clock.now(), **since})
        return Received(bundles=1, waiting=len(desk.store.waiting(desk.id)), have=desk.space.sizes())
    except RemoteError as error:
        _set_aside(desk, bundle, error)
        if isinstance(error, ForkError) and error.evidence is not None:
            forks.report(desk, error.evidence)
        raise
    asked: tuple[bytes, ...] = ()
    if question is not None and not desk.heard(question, told or {}):
        asked = (question,)
    if admission is None:
        return Received(bundles=1, told=told, questions=asked)
    return Received(1, len(admission.entries), len(admission.leaves), told=told, questions=asked)


def _forget_old_waiting(desk: Desk) -> dict[bytes, int]:
    """Forget early bundles whose gap was not closed for ``WAITING_LIFE``; return since when the others wait.

    Nothing of them was acknowledged, so whoever signed it still has it and sends it again once the gap is closed.
    """
    now = desk.clock.now()
    told = desk.store.recall(_WAITING_SINCE + desk.id.hex())
    since = {} if told is None else dict(canonical.decode(told))
    kept = {}
    for early in desk.store.waiting(desk.id):
        at = since.get(early.digest, now)
        if now - at >= WAITING_LIFE:
            desk.store.drop_waiting(desk.id, early.digest)
        else:
            kept[early.digest] = at
    return kept


def _remember_waiting(desk: Desk, since: Mapping[bytes, int]) -> None:
    rows: list[object] = [[digest, at] for digest, at in sorted(since.items())]
    desk.store.remember(_WAITING_SINCE + desk.id.hex(), canonical.encode(rows))


def _take_waiting(desk: Desk) -> Received:
    """Try every early bundle again until none fits any more."""
    done = Received()
    progress = True
    while progress:
        progress = False
        for early in desk.store.waiting(desk.id):
            try:
                admission = desk.commit_fresh(partial(_stage, desk, early.bundle))
            except GapError:
                continue
            except RemoteError as error:
                _set_aside(desk, early.bundle, error)
                admission = None
            desk.store.drop_waiting(desk.id, early.digest)
            if admission is not None:
                progress = True
                done += Received(entries=len(admission.entries), leaves=len(admission.leaves))
    return done


def _read(desk: Desk, bundle: bytes) -> Admission:
    admission = desk.space.read(bundle)
    return admission if desk.may_fill(admission) else desk.space.read(bundle, filling=False)


def _stage(desk: Desk, bundle: bytes) -> Admission | None:
    admission = _read(desk, bundle)
    return admission if admission.leaves or admission.fill else None


def _set_aside(desk: Desk, data: bytes, error: RemoteError) -> None:
    desk.store.set_aside(desk.id, data, error.code, error.facts, desk.clock.now())


def _may_acknowledge(desk: Desk, received: Received) -> bool:
    """Return whether nothing shows that we are behind ourselves: a gap, or a partner that holds more of our logs.

    A node that came back from a backup would otherwise write a second history of its own log (``restored``).
    """
    told = received.told or {}
    return (
        timekeeping.may_write(desk)
        and received.have is None
        and all(size <= desk.space.size(log) for log, size in told.items() if party_of(log) == desk.party)
    )


def acknowledge(desk: Desk) -> None:
    """Write down what is durably stored of the others, if it says something new."""
    if desk.log in desk.space.cuts:
        return  # nothing more can be written there
    forks.say_again(desk)
    desk.commit_fresh(lambda: desk.space.acknowledge(desk.log, desk.clock.now()))


def news_for(desk: Desk, known: Mapping[int, int], *, acknowledging: bool = True) -> list[bytes]:
    """Return the bundles that take a reader from ``known`` sizes to everything held here; empty when nothing is new.

    Empty, too, on a node that came back from a backup and has heard nobody yet: what was erased since must go first.
    """
    with desk.lock:
        desk.refresh()
        if desk.knows_nothing_yet:
            return []
        if acknowledging and timekeeping.may_write(desk):
            acknowledge(desk)
        return desk.space.compose_all(known, desk.sign_checkpoint)


def in_one_go(bundles: Iterable[bytes]) -> list[bytes]:
    """Return the first bundles, as many as fit into one request; the next round brings the others."""
    taken: list[bytes] = []
    size = 0
    for bundle in bundles:
        size += len(bundle)
        if taken and size > POST_BYTES:
            break
        taken.append(bundle)
    return taken


def known_by_partner(desk: Desk, writer_key: bytes | None) -> dict[int, int]:
    """Return what the partner node with ``writer_key`` has acknowledged; nothing when it has not spoken yet.

    What a log with two histories says counts for nothing: another machine with its key may have written it.
    """
    if writer_key is None:
        return {}
    known: dict[int, int] = {}
    for log in rotations.logs(desk, writer_key):
        if log not in desk.space.cuts:
            for of, size in desk.space.known_by(log).items():
                known[of] = max(known.get(of, 0), size)
    return known


def reachable(store: PeerBook, space: bytes) -> frozenset[bytes]:
    """Return the keys of the nodes that keep this agreement with us and have an address."""
    return frozenset(
        peer.writer_key
        for peer in store.peers()
        if peer.space == space and peer.url and peer.writer_key and peer.status in LIVE
    )


def sizes_digest(desk: Desk) -> str:
    """Return a short digest of what is held here. Two nodes with the same one have nothing to tell each other.

    It is a hint that saves bytes, never evidence: 64 bits of SHA-256 over sizes and roots of all logs.
    """
    return hashlib.sha256(canonical.encode(forks.heads(desk))).hexdigest()[:16]


@dataclass(frozen=True)
class Reply:
    """What a partner answers: its bundles, and the digest of what it holds."""

    body: bytes
    holds: str


def answer(desk: Desk, data: bytes, writer_key: bytes, holds: str = "", *, others: Collection[bytes] = ()) -> Reply:
    """Serve a partner's exchange: take in its bundles, return ours with the acknowledgement.

    Args:
        desk: The agreement.
        data: The partner's bundles; may be empty.
        writer_key: The partner node's key.
        holds: The partner's ``sizes_digest`` when it asked.
        others: As in ``sync``.

    Raises:
        RemoteError: as ``receive``.
    """
    received = Received()
    try:
        received = receive(desk, data) if data else received
    except RemoteError:
        told_all = _told_in(data)  # it may have known of the fork and have lost it, with its disk
        if not forks.is_unknown_to(desk, writer_key, told_all):
            raise  # else the partner cannot do better before it has heard of the fork, which our answer tells
        received = Received(told={})  # from the beginning: what it holds may be counted from another history
    with desk.lock:
        desk.refresh()
        desk.settle(others)
        if data and _may_acknowledge(desk, received):
            acknowledge(desk)
        told = [desk.space.have_only(question) for question in received.questions[:ANSWERS_MAX]]
        if (asked := desk.question_for(writer_key)) is not None:
            told.append(desk.space.have_only(asked))
        if not told and (asked_again := _lacking(desk, writer_key)):
            told.append(desk.space.have_only(sizes=asked_again))
        same = sizes_digest(desk) == holds
        if same and not _wants(desk, received.told):
            return Reply(b"".join(told), holds)
        known = known_by_partner(desk, writer_key) if received.told is None else received.told
        bundles = in_one_go(news_for(desk, known, acknowledging=False))
        if not told and not same and (received.have is not None or not bundles):
            told.append(desk.space.have_only())
        return Reply(b"".join(bundles + told), sizes_digest(desk))


def _lacking(desk: Desk, writer_key: bytes | None) -> Mapping[int, int]:
    """Return the sizes to tell the partner instead of ours, so that it sends again what came without its text.

    Empty when all is here, or when the partner was asked within a day: it may not have it either.
    """
    name = f"{_ASKED_AGAIN}{desk.id.hex()} {(writer_key or b'').hex()}"
    if not desk.space.lacking or abs(desk.clock.now() - int(desk.store.recall(name) or 0)) < ASK_AGAIN_SECONDS:
        return {}
    withheld = desk.space.withheld()
    if not withheld:
        return {}
    desk.store.remember(name, str(desk.clock.now()).encode())
    return {**desk.space.sizes(), **withheld}


def _wants(desk: Desk, told: Mapping[int, int] | None) -> bool:
    """Return whether somebody tells to hold less than is here."""
    return told is not None and any(told.get(log, 0) < size for log, size in desk.space.sizes().items())


def _told_in(data: bytes) -> Mapping[int, int] | None:
    """Return what the sender of these bundles says it holds; None when it does not say."""
    with contextlib.suppress(RemoteError):
        for bundle in reversed(split_sequence(data)):
            if (have := read_envelope(bundle).have) is not None:
                return have
    return None


def sync(
    desk: Desk,
    post: Callable[[bytes, str], Reply],
    writer_key: bytes | None,
    *,
    holds: str = "",
    others: Collection[bytes] = (),
    compare: Callable[[bytes], bytes] | None = None,
) -> SyncResult:
    """Exchange with a partner until neither has news; look for a log with two histories when that does not end well.

    Args:
        desk: The agreement.
        post: Delivers our bundles and the digest of what we hold; returns the partner's reply.
        writer_key: The partner node's key.
        holds: The digest the partner answered with last time, if any.
        others: Keys of all nodes that can be asked over the network (``reachable``): a node that came back from a
            backup signs only after each of them has answered or been tried.
        compare: Delivers our heads and returns where the partner's differ (``forks.differences``).

    Raises:
        PeerUnreachableError: the partner's node does not answer; what was exchanged before stays.
        RemoteError: the partner sent something unacceptable, or refused what we sent.
    """
    try:
        result = _sync(desk, post, writer_key, holds=holds, others=others)
    except RemoteError as error:
        if compare is None or error.code not in forks.SIGNS or (found := forks.look(desk, compare)) is None:
            raise
    else:
        if compare is None or result.holds == sizes_digest(desk) or (found := forks.look(desk, compare)) is None:
            return result
    if found:
        _show(desk, post, writer_key, found)
    return _sync(desk, post, writer_key, holds="", others=others)


def _show(
    desk: Desk, post: Callable[[bytes, str], Reply], writer_key: bytes | None, parting: Mapping[int, int]
) -> None:
    """Show a partner our history of logs that have another one there, from where they part; it reports them.

    What it answers meanwhile builds on the other history, and cannot be read here before its report.
    """
    with desk.lock:
        bundles = news_for(desk, {**known_by_partner(desk, writer_key), **parting}, acknowledging=False)
    while bundles:
        part = in_one_go(bundles)
        bundles = bundles[len(part) :]
        post(b"".join(part), "")


def _sync(
    desk: Desk,
    post: Callable[[bytes, str], Reply],
    writer_key: bytes | None,
    *,
    holds: str,
    others: Collection[bytes],
) -> SyncResult:
    """Exchange with a partner until neither has news.

    Each side sends what the other has not acknowledged. When that leaves them apart, because one has lost what it had
    acknowledged, it says what it holds and gets the rest, its own entries too.
    """
    done = Received()
    told: Mapping[int, int] | None = None
    asking = asked = False
    to_answer: tuple[bytes, ...] = ()
    answered: set[bytes] = set()
    for _ in range(ROUNDS_MAX):
        with desk.lock:
            desk.refresh()
            ours = sizes_digest(desk)
            known = known_by_partner(desk, writer_key) if told is None else told
            idle = ours == holds and not _wants(desk, told)
            bundles = [] if idle else in_one_go(news_for(desk, known, acknowledging=False))
            bundles += [desk.space.have_only(question) for question in to_answer]
            answered.update(to_answer)
            question = desk.question_for(writer_key) if writer_key is not None else None
            if asked and not bundles and question is None:  # each has heard what the other holds, and cannot help
                break
            if asking or question is not None:
                bundles.append(desk.space.have_only(question))
            elif asked_again := _lacking(desk, writer_key):
                bundles.append(desk.space.have_only(sizes=asked_again))
        reply = post(b"".join(bundles), ours)
        received = receive(desk, reply.body) if reply.body else Received()
        desk.settle(others)
        if _may_acknowledge(desk, received):
            acknowledge(desk)
        now = sizes_digest(desk)
        moved = now != ours or reply.holds != holds
        informed = told is not None or received.told is None  # else the next round knows better where to begin
        done, told, holds = done + received, received.told, reply.holds
        new = [asked_us for asked_us in received.questions if asked_us not in answered]
        to_answer = tuple(new[: ANSWERS_MAX - len(answered)])
        same = now == holds and not _wants(desk, told)
        if not to_answer and (same or (asking and informed and not moved)):
            break
        asked = asking and not moved
        asking = not moved or received.have is not None
    return SyncResult(done, holds)


@dataclass(frozen=True)
class SyncResult:
    """What came in, and the digest the partner ended with."""

    received: Received
    holds: str
