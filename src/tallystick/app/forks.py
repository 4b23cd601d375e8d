"""Finding out that a log has two histories, and saying so.

A partner who shows different histories to different nodes is found at the first exchange between two that were shown
different ones: a bundle overlaps what is held, or its signature does not fit because the roots do not. Then the two
compare heads, and whoever finds the first leaf that differs writes the evidence down (``core/forks.py``). From that
entry on every node takes the same history for the one that stands.

Source: docs/spec/sync.md, "Forks".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tallystick.app.node import Desk
from tallystick.core import canonical
from tallystick.core import checkpoint as notes
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.entries import Draft, Fork
from tallystick.core.errors import BadSignatureError, LocalError, MalformedBytesError, TooLargeError
from tallystick.core.identity import party_of
from tallystick.core.merkle import HASH_BYTES

SIGNS = frozenset({"bad-signature", "fork", "before-fork", "after-fork", "malformed-bytes"})
"""Refusals that two histories of one log may be the reason of."""
LEAVES_MAX = 2**20  # of one log that are compared: 32 MiB of hashes
HEADS_MAX = 256
ASKED_MAX = 64 * 1024  # bytes of a question


def heads(desk: Desk) -> list[list[Any]]:
    """Return log, size and root of all that is held."""
    return [[log, size, desk.space.root(log, size)] for log, size in desk.space.sizes().items()]


def differences(desk: Desk, asked: bytes) -> bytes:
    """Answer a partner who tells its heads: the logs of which we hold another history, with all their leaf hashes.

    Args:
        desk: The agreement.
        asked: ``[[log, size, root] …]`` as ``heads`` has it, by ascending log.

    Returns:
        ``[[log, size, root, signature, joined leaf hashes] …]``.

    Raises:
        MalformedBytesError: not a list of heads.
        TooLargeError: too long a list.
    """
    if len(asked) > ASKED_MAX:
        raise TooLargeError(what="heads", limit=ASKED_MAX)
    rows = canonical.decode(asked)
    if type(rows) is not list or len(rows) > HEADS_MAX:
        raise MalformedBytesError(what="heads")
    found: list[list[Any]] = []
    last = -1  # ascending, so that a short question for one log is not answered many times over
    with desk.lock:
        desk.refresh()
        for row in rows:
            match row:
                case [int(log), int(size), bytes(root)] if log > last and size >= 0 and len(root) == HASH_BYTES:
                    last = log
                case _:
                    raise MalformedBytesError(what="heads")
            head = _signed_head(desk, log)
            if head is None or head.size > LEAVES_MAX:
                continue
            # A longer log than ours may begin with ours or not: only the one who asked can tell, from our hashes.
            if size > head.size or desk.space.root(log, size) != root:
                found.append([log, *head, desk.space.leaf_hashes(log, head.size)])
    return canonical.encode(found)


def look(desk: Desk, compare: Callable[[bytes], bytes]) -> Mapping[int, int] | None:
    """Compare heads with a partner and write down what does not fit together.

    Args:
        desk: The agreement.
        compare: Delivers our heads and returns the partner's ``differences``.

    Returns:
        None when nothing was found. Else the logs of our own party that have another history there, and where the two
        part: only the partner may report those, and has to be shown ours from there on.

    Raises:
        PeerUnreachableError: the partner does not answer.
        RemoteError: its answer is not one.
    """
    with desk.lock:
        desk.refresh()
        asked = canonical.encode(heads(desk))
    rows = canonical.decode(compare(asked))
    if type(rows) is not list or len(rows) > HEADS_MAX:
        raise MalformedBytesError(what="heads")
    reported = False
    ours: dict[int, int] = {}
    for row in rows:
        match row:
            case [int(log), int(size), bytes(root), bytes(signature), bytes(hashes)]:
                pass
            case _:
                raise MalformedBytesError(what="heads")
        if len(hashes) % HASH_BYTES or len(hashes) > LEAVES_MAX * HASH_BYTES:
            raise MalformedBytesError(what="heads")
        leaves = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
        try:
            evidence = desk.space.prove_fork(log, Checkpoint(size, root, signature), leaves)
        except BadSignatureError:
            continue  # it shows nothing: anybody could have said so
        if evidence is None or not _is_news(desk, evidence):
            continue
        if party_of(log) == desk.party:
            ours[log] = evidence.index
        elif report(desk, evidence):
            reported = True
    return ours if reported or ours else None


def report(desk: Desk, evidence: Fork) -> bool:
    """Write down that a partner's log has two histories; return whether that was news and could be said here.

    Of a log of our own party the partners decide which history they relied on; a node that may not write now, because
    it came back from a backup or has no grant, leaves it to the others.
    """
    if party_of(evidence.log) == desk.party or not _is_news(desk, evidence):
        return False
    try:
        log = desk.log
        return (
            desk.commit_fresh(
                lambda: (
                    None
                    if not _is_news(desk, evidence)
                    else desk.space.draft(log, [Draft(evidence)], desk.clock.now(), desk.epoch_key(log))
                )
            )
            is not None
        )
    except LocalError:
        return False


def say_again(desk: Desk) -> None:
    """Say in our own log what is only said in logs that have two histories themselves.

    Those who wrote these could each tell of the other, so that everybody believes the one that came first. What the
    logs of all who do not lie say is the same everywhere (docs/spec/log.md, rule 20).
    """
    cuts = desk.space.cuts
    for said in [desk.space.entry(cut.ref).body for _, cut in sorted(cuts.items()) if cut.ref.log in cuts]:
        if isinstance(said, Fork):
            report(desk, said)


def _is_news(desk: Desk, evidence: Fork) -> bool:
    """Return whether no fork of that log counts here that parts as early: of three histories two may be known.

    What a log with two histories says of another counts, but not for good (``say_again``).
    """
    cuts = desk.space.cuts
    cut = cuts.get(evidence.log)
    return cut is None or evidence.index < cut.at or cut.ref.log in cuts


def is_unknown_to(desk: Desk, writer_key: bytes, told: Mapping[int, int] | None = None) -> bool:
    """Return whether there is a fork that the node with ``writer_key`` does not hold the evidence of.

    By the sizes it has ``told``; when it has not, by what it has acknowledged.
    """
    log = desk.space.log_of(writer_key)
    known = told if told is not None else desk.space.known_by(log) if log is not None else {}
    return any(known.get(ref.log, 0) <= ref.index for ref in desk.space.reports)


def _signed_head(desk: Desk, log: int) -> Checkpoint | None:
    """Return the newest head of ``log`` that is signed, or that we can sign."""
    size = desk.space.size(log)
    if not size:
        return None
    held = desk.space.checkpoint(log)
    if held is not None and held.size == size:
        return held
    root = desk.space.root(log, size)
    signature = desk.sign_checkpoint(log, notes.text(desk.space.origin(log), size, root))
    return held if signature is None else Checkpoint(size, root, signature)
