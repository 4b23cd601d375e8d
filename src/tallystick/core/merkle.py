"""RFC 6962 Merkle trees: append, the root at any size, proofs and their checks.

Decides how leaf hashes become roots. A ``Tree`` keeps every complete node (64 bytes a leaf), so the root at any earlier
size costs a handful of hashes. A ``Growth`` is a tree on top of the first leaves of another that leaves it untouched:
bundles are checked on one before anything changes. Leaves to ``log`` what a leaf is.

Source: RFC 6962, section 2.1; docs/spec/log.md.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence

_sha256 = hashlib.sha256
HASH_BYTES = 32
EMPTY_ROOT = _sha256(b"").digest()


def leaf_hash(leaf: bytes) -> bytes:
    return _sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return _sha256(b"\x01" + left + right).digest()


class Tree:
    """An append-only tree of leaf hashes. Level 0 holds the leaves, level k the complete subtrees of 2**k leaves."""

    __slots__ = ("_levels", "size")

    def __init__(self) -> None:
        self.size = 0
        self._levels: list[bytearray] = [bytearray()]

    def extend(self, hashes: Sequence[bytes]) -> None:
        """Append leaf hashes."""
        growth = Growth(self, self.size)
        growth.extend(hashes)
        self.absorb(growth)

    def absorb(self, growth: Growth) -> None:
        """Take over what ``growth``, begun at this tree's size, added."""
        assert growth.base is self
        assert growth.begin == self.size, "the tree moved since"
        for level, added in enumerate(growth.added):
            if level == len(self._levels):
                self._levels.append(bytearray())
            self._levels[level] += added
        self.size = growth.size

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of complete subtree ``index`` of 2**level leaves."""
        at = index * HASH_BYTES
        return bytes(self._levels[level][at : at + HASH_BYTES])

    def leaves(self, begin: int, end: int) -> bytes:
        """Return the leaf hashes ``begin`` … ``end - 1``, joined."""
        return bytes(self._levels[0][begin * HASH_BYTES : end * HASH_BYTES])

    def root(self, size: int | None = None) -> bytes:
        """Return the root over the first ``size`` leaves (default: all)."""
        return _root(self, self.size if size is None else size)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the RFC 6962 audit path of leaf ``index`` in the tree of the first ``size`` leaves."""
        assert 0 <= index < size <= self.size
        return _inclusion(self, index, 0, size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the RFC 6962 consistency proof between the first ``old`` and the first ``new`` leaves, old ≥ 1."""
        assert 0 < old <= new <= self.size
        return _consistency(self, old, new)

    def cover(self, size: int, leaves: Iterable[int], cuts: Iterable[int]) -> list[bytes]:
        """Return what, beside ``leaves``, it takes to find the root at ``size`` and those at the earlier ``cuts``.

        That is the roots of the largest subtrees that hold none of the leaves and that no cut divides, from left to
        right. Who knows the leaves puts them together again with ``Shown``.
        """
        assert 0 < size <= self.size
        return [_range(self, begin, end) for begin, end in _uncovered(size, sorted(set(leaves)), sorted(set(cuts)))]


class Growth:
    """The tree of the first ``begin`` leaves of ``base`` and what is added to them; ``base`` is not changed."""

    __slots__ = ("_starts", "added", "base", "begin", "size")

    def __init__(self, base: Tree, begin: int) -> None:
        assert 0 <= begin <= base.size
        self.base = base
        self.begin = begin
        self.size = begin
        self.added: list[bytearray] = [bytearray()]
        self._starts = [begin]

    def extend(self, hashes: Sequence[bytes]) -> None:
        self.size += len(hashes)
        self.added[0] += b"".join(hashes)
        level, begin, sha256 = 0, self.begin, _sha256
        while True:
            added, start = self.added[level], self._starts[level]
            parents = (start + len(added) // HASH_BYTES) // 2
            if level + 1 == len(self.added):
                if parents == begin >> level + 1:
                    return
                self.added.append(bytearray())
                self._starts.append(begin >> level + 1)
            above = self.added[level + 1]
            first = self._starts[level + 1] + len(above) // HASH_BYTES
            if first < parents and 2 * first < start:  # one left child can lie in the base
                above += node_hash(self.node(level, 2 * first), self.node(level, 2 * first + 1))
                first += 1
            frozen = bytes(added[(2 * first - start) * HASH_BYTES : (2 * parents - start) * HASH_BYTES])
            above += b"".join([sha256(b"\x01" + frozen[at : at + 64]).digest() for at in range(0, len(frozen), 64)])
            level += 1

    def node(self, level: int, index: int) -> bytes:
        start = self._starts[level] if level < len(self._starts) else self.begin >> level
        if index < start:
            return self.base.node(level, index)
        at = (index - start) * HASH_BYTES
        return bytes(self.added[level][at : at + HASH_BYTES])

    def leaves(self, begin: int, end: int) -> bytes:
        assert begin >= self.begin
        return bytes(self.added[0][(begin - self.begin) * HASH_BYTES : (end - self.begin) * HASH_BYTES])

    def root(self, size: int | None = None) -> bytes:
        return _root(self, self.size if size is None else size)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        assert 0 <= index < size <= self.size
        return _inclusion(self, index, 0, size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        assert 0 < old <= new <= self.size
        return _consistency(self, old, new)


class Shown:
    """Part of a tree: some leaves, and the roots of all that lies between them (``Tree.cover``).

    One list of hashes takes the place of an inclusion proof for each leaf and of a consistency proof for each cut:
    whatever is asked of it follows from the same hashes that lead to the root at ``size``.
    """

    def __init__(self, size: int, leaves: Mapping[int, bytes], cuts: Iterable[int], hashes: Sequence[bytes]) -> None:
        """``leaves`` are leaf hashes by index below ``size``; ``cuts`` are sizes from 1 to ``size``.

        Raises:
            ValueError: there are more or fewer ``hashes`` than it takes.
        """
        self.size = size
        places = _uncovered(size, sorted(leaves), sorted(set(cuts)))
        if len(places) != len(hashes):
            raise ValueError(f"{len(places)} hashes, not {len(hashes)}")
        self._nodes = {(index, index + 1): hash_ for index, hash_ in leaves.items()}
        self._nodes.update(zip(places, hashes, strict=True))

    def _node(self, begin: int, end: int) -> bytes:
        """Return the root of a subtree; KeyError when the leaves shown do not tell it."""
        found = self._nodes.get((begin, end))
        if found is None:
            if end - begin == 1:
                raise KeyError((begin, end))
            middle = begin + _split(end - begin)
            found = self._nodes[begin, end] = node_hash(self._node(begin, middle), self._node(middle, end))
        return found

    def root(self, size: int | None = None) -> bytes:
        """Return the root over the first ``size`` leaves (default: all), which is one of the cuts."""
        if size is None or size == self.size:
            return self._node(0, self.size)
        begin = 0
        parts: list[bytes] = []
        while begin < size:  # complete subtrees from the left
            end = begin + (1 << (size - begin).bit_length() - 1)
            parts.append(self._node(begin, end))
            begin = end
        result = parts.pop()
        while parts:
            result = node_hash(parts.pop(), result)
        return result

    def inclusion(self, index: int) -> list[bytes]:
        """Return the RFC 6962 audit path of a leaf shown, in the whole tree."""
        path: list[bytes] = []
        begin, end = 0, self.size
        while end - begin > 1:
            middle = begin + _split(end - begin)
            if index < middle:
                path.append(self._node(middle, end))
                end = middle
            else:
                path.append(self._node(begin, middle))
                begin = middle
        return path[::-1]

    def consistency(self, old: int) -> list[bytes]:
        """Return the RFC 6962 consistency proof from the cut ``old`` to the whole tree."""
        path: list[bytes] = []
        begin, end, whole = 0, self.size, True
        while old != end:
            middle = begin + _split(end - begin)
            if old <= middle:
                path.append(self._node(middle, end))
                end = middle
            else:
                path.append(self._node(begin, middle))
                begin, whole = middle, False
        if not whole:
            path.append(self._node(begin, end))
        return path[::-1]


def _uncovered(size: int, leaves: Sequence[int], cuts: Sequence[int]) -> list[tuple[int, int]]:
    """Return the largest subtrees of a tree of ``size`` that hold no leaf of ``leaves`` and that no cut divides."""
    found: list[tuple[int, int]] = []
    todo = [(0, size)]
    while todo:
        begin, end = todo.pop()
        at, cut = bisect_left(leaves, begin), bisect_right(cuts, begin)
        holds = at < len(leaves) and leaves[at] < end
        if holds and end - begin == 1:
            continue
        if holds or (cut < len(cuts) and cuts[cut] < end):
            middle = begin + _split(end - begin)
            todo += [(middle, end), (begin, middle)]
        else:
            found.append((begin, end))
    return found


def _root(tree: Tree | Growth, size: int) -> bytes:
    assert 0 <= size <= tree.size
    return _range(tree, 0, size) if size else EMPTY_ROOT


def _range(tree: Tree | Growth, begin: int, end: int) -> bytes:
    """Return the root of leaves begin … end - 1; ``begin`` is a multiple of a power of two not below their number."""
    result = b""
    while end > begin:  # complete subtrees from the right
        level = min((end & -end).bit_length(), (end - begin).bit_length()) - 1
        node = tree.node(level, (end >> level) - 1)
        result = node_hash(node, result) if result else node
        end -= 1 << level
    return result


def _split(size: int) -> int:
    """Return the largest power of two below ``size`` (size ≥ 2)."""
    return 1 << (size - 1).bit_length() - 1


def _inclusion(tree: Tree | Growth, index: int, begin: int, end: int) -> list[bytes]:
    path: list[bytes] = []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(_range(tree, middle, end))
            end = middle
        else:
            path.append(_range(tree, begin, middle))
            begin = middle
    path.reverse()
    return path


def _consistency(tree: Tree | Growth, old: int, new: int) -> list[bytes]:
    path: list[bytes] = []
    begin, end, whole = 0, new, True
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            path.append(_range(tree, middle, end))
            end = middle
        else:
            path.append(_range(tree, begin, middle))
            begin, whole = middle, False
    if not whole:
        path.append(_range(tree, begin, end))
    path.reverse()
    return path


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that ``path`` leads to from a leaf hash (RFC 9162, 2.1.3.2), or None when it does not fit."""
    if not 0 <= index < size:
        return None
    node, last, result = index, size - 1, leaf
    for hash_ in path:
        if last == 0:
            return None
        if node & 1 or node == last:
            result = node_hash(hash_, result)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            result = node_hash(result, hash_)
        node >>= 1
        last >>= 1
    return result if last == 0 else None


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Return whether ``path`` shows that the leaf hash ``leaf`` is at ``index`` of the tree with this size and root."""
    return root_from_inclusion(leaf, index, size, path) == root


def roots_from_consistency(old: int, new: int, path: Sequence[bytes], old_root: bytes) -> tuple[bytes, bytes] | None:
    """Return (older, newer) root that ``path`` leads to (RFC 9162, 2.1.4.2), or None when it does not fit.

    When ``old`` is a power of two the path starts from ``old_root`` itself.
    """
    if not 0 < old <= new:
        return None
    if old == new:
        return (old_root, old_root) if not path else None
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not steps:
        return None
    node, last = old - 1, new - 1
    while node & 1:
        node >>= 1
        last >>= 1
    older = newer = steps[0]
    for hash_ in steps[1:]:
        if last == 0:
            return None
        if node & 1 or node == last:
            older, newer = node_hash(hash_, older), node_hash(hash_, newer)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            newer = node_hash(newer, hash_)
        node >>= 1
        last >>= 1
    return (older, newer) if last == 0 else None


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Return whether ``path`` shows that the tree (new, new_root) begins with the tree (old, old_root)."""
    return roots_from_consistency(old, new, path, old_root) == (old_root, new_root)
