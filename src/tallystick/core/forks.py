"""Forks: two histories of one log that its key has signed. What proves one, and what stands after it.

Decides when a :class:`~tallystick.core.entries.Fork` counts: both heads are signed by the log's key, both have a leaf
at the index, the leaves differ, and everything before them is the same in both. The last follows from the two inclusion
paths themselves: the subtrees to the left of a leaf are exactly those of the leaves before it. So nobody can name
another index than the first that differs, nor make up a fork of an honest log.

Source: docs/spec/log.md, "Forks"; RFC 9162, section 2.1.3.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import NamedTuple

from tallystick.core import checkpoint as notes
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.entries import Fork
from tallystick.core.errors import MalformedBytesError
from tallystick.core.identity import EntryRef
from tallystick.core.merkle import Growth, Tree, verify_inclusion


class Cut(NamedTuple):
    """What a fork leaves of a log: history a, up to its head; ``leaf`` is that history's at ``at``, where they part."""

    ref: EntryRef  # of the entry that says so
    log: int
    at: int
    leaf: bytes
    head: Checkpoint

    @property
    def stands(self) -> int:
        """How many leaves of the log count."""
        return self.head.size

    def rank(self, reported: Container[int]) -> tuple[bool, int, EntryRef]:
        """Return what is smallest for the one that counts, of all entries about one log.

        First one in a log that is not itself among those ``reported``, because two that lie could each report the
        other's log from a history of their choice; then that where the histories part first, because what is after it
        is in no history that all have; then the one with the smaller name.
        """
        return self.ref.log in reported, self.at, self.ref


def deciding(reports: Iterable[Cut]) -> dict[int, Cut]:
    """Return, by log, which of all the entries that report it counts."""
    reports = tuple(reports)
    reported = {cut.log for cut in reports}
    best: dict[int, Cut] = {}
    for cut in reports:
        known = best.get(cut.log)
        if known is None or cut.rank(reported) < known.rank(reported):
            best[cut.log] = cut
    return best


def prove(
    log: int,
    origin: str,
    key: bytes,
    held: tuple[Tree | Growth, Checkpoint],
    other: tuple[Tree | Growth, Checkpoint],
) -> Fork | None:
    """Return the evidence that ``other`` is another history than the one ``held``; None when it is not.

    Args:
        log: The log.
        origin: Its name in its notes.
        key: Its key, which signed both heads.
        held: The tree of the history that stands, and its signed head.
        other: Those of the other one.
    """
    (tree_a, head_a), (tree_b, head_b) = held, other
    both = min(head_a.size, head_b.size)
    low, high = 0, both  # the first ``low`` leaves are alike; the first ``high`` are not
    if not both or tree_a.root(both) == tree_b.root(both):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if tree_a.root(middle) == tree_b.root(middle):
            low = middle
        else:
            high = middle
    return Fork(
        log=log,
        index=low,
        leaf_a=tree_a.node(0, low),
        note_a=notes.note(origin, key, head_a),
        path_a=tuple(tree_a.inclusion(low, head_a.size)),
        leaf_b=tree_b.node(0, low),
        note_b=notes.note(origin, key, head_b),
        path_b=tuple(tree_b.inclusion(low, head_b.size)),
    )


def cut_by(ref: EntryRef, fork: Fork, origin: str, key: bytes) -> Cut | None:
    """Return what the entry ``ref`` leaves of the log called ``origin``; None when its evidence is none.

    Args:
        ref: The name of the entry.
        fork: What it says.
        origin: The name of the log in its notes.
        key: The log's key.
    """
    try:
        head_a, head_b = (notes.read_note(note, origin, key) for note in (fork.note_a, fork.note_b))
    except MalformedBytesError:
        return None
    index = fork.index
    if fork.leaf_a == fork.leaf_b or not (
        verify_inclusion(fork.leaf_a, index, head_a.size, fork.path_a, head_a.root)
        and verify_inclusion(fork.leaf_b, index, head_b.size, fork.path_b, head_b.root)
    ):
        return None
    if _before(index, head_a.size, fork.path_a) != _before(index, head_b.size, fork.path_b):
        return None
    return Cut(ref, fork.log, index, fork.leaf_a, head_a)


def _before(index: int, size: int, path: Sequence[bytes]) -> list[bytes]:
    """Return the roots of the complete subtrees before leaf ``index``: those of an inclusion path that lie to the left.

    Their sizes are the powers of two that ``index`` is the sum of, whatever the size of the tree.
    """
    left = []
    node, last = index, size - 1
    for hash_ in path:
        if node & 1 or node == last:
            left.append(hash_)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        node >>= 1
        last >>= 1
    return left
