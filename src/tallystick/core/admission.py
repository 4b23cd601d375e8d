"""Admissions: the staged growth of some logs, which the store writes in one transaction before memory follows.

Decides what an admission has of the branches that were drafted or read: which leaves and secrets are new, which forks
come to count with them, and what they erase, here and among what is held already.

Source: docs/spec/log.md, "Forks" and "Erasure".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tallystick.core.branch import SEGMENTS, Branch
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.entries import NO_SEGMENT, Entry, Kind, Redact, Segment
from tallystick.core.erasure import Erasures, without
from tallystick.core.errors import LocalError
from tallystick.core.forks import Cut
from tallystick.core.held import HeldLogs
from tallystick.core.identity import PARTIES_MAX, EntryRef
from tallystick.core.log import EPOCH_LEAVES, NO_SALT, TAGS, CtxLeaf, StoredLeaf, read_trusted, salt, with_salt
from tallystick.core.merkle import Growth
from tallystick.core.reading import Brought


class Erase(NamedTuple):
    """Segments of a leaf that go. Their salts go with the secret that the same admission brings for the block."""

    log: int
    index: int  # type: ignore[assignment]  # shadows tuple.index, which nobody calls here
    segments: Segment


@dataclass(frozen=True)
class Admission:
    """Staged growth of some logs; nothing has changed yet. What the store writes in one transaction.

    ``before`` has the expected size of each log that grows; ``epoch_keys`` are named by (log, block of 256);
    each value is the secret of its block, which may take the place of one held before (docs/spec/log.md, "Erasure").
    ``entries`` are the acts among ``leaves``, in the order everybody reads them. ``cuts`` are the forks that come to
    count with it, and ``keep`` says how many leaves stay of a log that is cut: the store drops the others first.
    ``erase`` names what goes of leaves that are held already; ``fill`` has such leaves with segments that came later.
    ``held`` and ``have`` are about the sender of a bundle: the sizes it shows to hold by what it sent, and those it
    says it holds; ``question`` is what it asks, or ours that it answers.
    """

    space: bytes
    before: Mapping[int, int]
    leaves: tuple[StoredLeaf, ...]
    epoch_keys: Mapping[tuple[int, int], bytes]
    checkpoints: Mapping[int, Checkpoint]
    entries: tuple[Entry, ...]
    erase: tuple[Erase, ...] = ()
    fill: tuple[StoredLeaf, ...] = ()
    cuts: Mapping[int, Cut] = field(default_factory=dict)
    keep: Mapping[int, int] = field(default_factory=dict)
    held: Mapping[int, int] = field(default_factory=dict)
    have: Mapping[int, int] | None = None
    question: bytes | None = None


def stage(
    here: HeldLogs, branches: Mapping[int, Branch], brought: Brought | None
) -> tuple[Admission, Mapping[int, Growth]]:
    """Return what ``branches`` bring, and the hashes of their leaves so that nobody need hash them again.

    Args:
        here: What they are branches of.
        branches: By log.
        brought: The bundle they were read from; None for what is drafted here.

    Raises:
        LocalError: ``unknown-entry``: an own act says of a fork that a history stands which is not held.
    """
    told = brought.told if brought else _told_in(here, branches)
    standing, keep = here.cuts_with(told) if told else (here.cuts, {})
    cuts = {log: cut for log, cut in standing.items() if here.cuts.get(log) != cut}
    for log, cut in cuts.items():
        if brought is None and here.kept(log, cut) < cut.stands:
            raise LocalError("unknown-entry", entry=f"{log}.{cut.stands}")
    grown = {log: branch for log, branch in sorted(branches.items()) if branch.size > branch.base.size}
    acts = [entry for branch in grown.values() for entry in branch.entries]
    if len(grown) > 1:
        acts.sort(key=lambda entry: entry.order_key)
    leaves = [leaf for branch in grown.values() for leaf in branch.leaves[branch.base.size - branch.begin :]]
    secrets = {
        (log, block): branch.epoch_keys[block]
        for log, branch in grown.items()
        for block in sorted({entry.ref.index // EPOCH_LEAVES for entry in branch.entries})
        if block in branch.epoch_keys and block not in branch.base.epoch_keys
    }
    secrets |= {
        (log, block): bytes(salts)
        for log, branch in branches.items()
        if log in grown or branch.filled
        for block, salts in branch.salts.items()
    }
    fill = [leaf for branch in branches.values() for leaf in branch.filled]
    # Nobody may have asked for an erasure of them meanwhile, in another process.
    touched = {leaf.log for leaf in fill} | ({log for log in here.logs if log < PARTIES_MAX} if fill else set())
    erasures = here.erasures.heard(acts)
    erase: tuple[Erase, ...] = ()
    if erasures:
        asked = [act for act in acts if act.kind == Kind.REDACT]
        erase = _erase(here, erasures, leaves, secrets, asked=asked, keep=keep)
        _erase(here, erasures, fill, secrets, asked=(), keep=keep)
        fill = [leaf for leaf in fill if leaf != here.stored(EntryRef(leaf.log, leaf.index))]
        acts = [erasures.reading(entry) for entry in acts]
    heads, envelope = (brought.checkpoints, brought.envelope) if brought else ({}, None)
    admission = Admission(
        space=here.id,
        before={log: here.size(log) for log in sorted({*grown, *keep, *touched})},
        leaves=tuple(leaves),
        epoch_keys=secrets,
        checkpoints={
            **{log: head for log, head in heads.items() if head.size > here.sealed(log)},
            **{log: cut.head for log, cut in cuts.items()},
        },
        entries=tuple(acts),
        erase=erase,
        fill=tuple(fill),
        cuts=cuts,
        keep=keep,
        held={log: branch.size for log, branch in branches.items()} if brought else {},
        have=envelope.have if envelope else None,
        question=envelope.question if envelope else None,
    )
    return admission, {log: branch.hashed() for log, branch in grown.items()}


def _told_in(here: HeldLogs, branches: Mapping[int, Branch]) -> dict[EntryRef, Cut]:
    """Return what own branches say of forks."""
    return {
        entry.ref: cut
        for branch in branches.values()
        for entry in branch.entries
        if (cut := here.cut_by(entry.ref, entry.body)) is not None
    }


def _erase(
    here: HeldLogs,
    erasures: Erasures,
    leaves: list[StoredLeaf],
    secrets: dict[tuple[int, int], bytes],
    *,
    asked: Iterable[Entry],
    keep: Mapping[int, int],
) -> tuple[Erase, ...]:
    """Take out of ``leaves`` and ``secrets`` what is erased, and return what has to go of leaves held already.

    Args:
        here: What the leaves will be added to.
        erasures: With what the staged acts ask.
        leaves: Staged, not stored yet; changed here.
        secrets: Of the blocks; changed here.
        asked: The staged acts that ask for an erasure.
        keep: How many leaves stay of logs that are cut by the same admission.
    """
    staged = {(leaf.log, leaf.index): n for n, leaf in enumerate(leaves)}
    targets = {EntryRef(*name) for name in staged if erasures.wishes(EntryRef(*name))}
    targets |= {act.body.target for act in asked if isinstance(act.body, Redact)}
    erase: list[Erase] = []
    for ref in sorted(targets):
        at = staged.get(ref)
        if at is None and ref.index >= keep.get(ref.log, here.size(ref.log)):
            continue  # nobody has it; whoever asked had not seen it either
        stored = leaves[at] if at is not None else here.stored(ref)
        leaf = read_trusted(stored.leaf)
        if isinstance(leaf, CtxLeaf):
            continue
        gone = erasures.effect(ref, leaf.kind, signed=leaf.auth is not None).segments
        block = (ref.log, ref.index // EPOCH_LEAVES)
        secret = secrets.get(block)
        if secret is None and ref.log in here.logs:
            secret = here.logs[ref.log].epoch_keys.get(block[1])
        going = NO_SEGMENT
        for bit, tag, commit, segment in zip(
            SEGMENTS, TAGS, (leaf.core, leaf.detail, leaf.auth), stored[3:], strict=True
        ):
            if not gone & bit or commit is None:
                continue
            if segment is not None or (secret is not None and salt(secret, ref.index, tag) != NO_SALT):
                going |= bit
                if secret is not None:
                    secret = with_salt(secret, ref.index, tag)
        if not going:
            continue
        if secret is not None:
            secrets[block] = secret
        if at is None:
            erase.append(Erase(ref.log, ref.index, going))
        else:
            leaves[at] = without(stored, going)
    return tuple(erase)
