import hashlib

import pytest

from tallystick.core import merkle
from tallystick.core.merkle import Growth, Tree

HASHES = [merkle.leaf_hash(b"%d" % n) for n in range(70)]


def by_definition(hashes):
    """RFC 6962, 2.1, word for word."""
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\x01" + by_definition(hashes[:k]) + by_definition(hashes[k:])).digest()


@pytest.fixture(scope="module")
def tree():
    tree = Tree()
    for begin, end in ((0, 1), (1, 4), (4, 5), (5, 20), (20, 20), (20, 70)):
        tree.extend(HASHES[begin:end])
    return tree


def test_roots_of_every_size_are_those_of_the_definition(tree):
    assert [tree.root(n) for n in range(71)] == [by_definition(HASHES[:n]) for n in range(71)]


def test_known_roots_of_rfc_6962_test_data():
    """The eight leaves and their roots of certificate-transparency's own tests."""
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    tree = Tree()
    tree.extend([merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in leaves])
    assert tree.root(1).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert tree.root(8).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_inclusion_is_shown_for_its_leaf_and_place_only(tree):
    for size in (1, 2, 3, 8, 13, 64, 70):
        root = tree.root(size)
        for index in range(size):
            path = tree.inclusion(index, size)
            assert merkle.verify_inclusion(HASHES[index], index, size, path, root)
            assert not merkle.verify_inclusion(HASHES[index - 1], index, size, path, root) or size == 1
            assert not merkle.verify_inclusion(HASHES[index], index + 1, size, path, root)
            assert not merkle.verify_inclusion(HASHES[index], index, size, [*path, root], root)
            assert not path or not merkle.verify_inclusion(HASHES[index], index, size, path[:-1], root)
    assert not merkle.verify_inclusion(HASHES[0], -1, 5, [], HASHES[0])


def test_consistency_is_shown_for_prefixes_only(tree):
    other = Tree()
    other.extend([HASHES[69], *HASHES[1:]])
    for new in (1, 2, 7, 8, 33, 70):
        for old in range(1, new + 1):
            path = tree.consistency(old, new)
            roots = old, tree.root(old), new, tree.root(new)
            assert merkle.verify_consistency(*roots, path)
            assert not merkle.verify_consistency(old, other.root(old), new, tree.root(new), path)
            assert not merkle.verify_consistency(old, tree.root(old), new, other.root(new), path)
            assert not merkle.verify_consistency(*roots, [*path, HASHES[0]])
    assert not merkle.verify_consistency(0, merkle.EMPTY_ROOT, 5, tree.root(5), [])
    assert not merkle.verify_consistency(3, tree.root(3), 5, tree.root(5), [])


def test_a_growth_leaves_its_base_alone_until_absorbed(tree):
    for begin in range(0, 71, 7):
        base = Tree()
        base.extend(HASHES)
        growth = Growth(base, begin)
        more = [merkle.leaf_hash(b"x%d" % n) for n in range(40)]
        for at, to in ((0, 1), (1, 9), (9, 40)):
            growth.extend(more[at:to])
        expected = HASHES[:begin] + more
        assert [growth.root(n) for n in range(growth.size + 1)] == [
            by_definition(expected[:n]) for n in range(growth.size + 1)
        ]
        assert growth.leaves(begin, growth.size) == b"".join(more)
        assert base.root() == tree.root()
    base = Tree()
    base.extend(HASHES[:9])
    growth = Growth(base, 9)
    growth.extend(HASHES[9:])
    base.absorb(growth)
    assert (base.size, base.root(), base.leaves(0, 70)) == (70, tree.root(), b"".join(HASHES))


def test_what_is_shown_of_a_tree_tells_the_same_roots_and_proofs_as_the_tree(tree):
    """Every size up to 18, and some leaves and cuts of each: one list of hashes stands for all single proofs."""
    for size in range(1, 19):
        for step in (1, 2, 3, 5, 17):
            for first in range(min(step, size)):
                leaves = {index: HASHES[index] for index in range(first, size, step)}
                cuts = {1 + (first + 2 * step) % size, size, *([] if step == 5 else [1 + first])}
                hashes = tree.cover(size, leaves, cuts)
                shown = merkle.Shown(size, dict(reversed(leaves.items())), cuts, hashes)
                assert shown.root() == shown.root(size) == tree.root(size)
                for cut in cuts:
                    assert shown.root(cut) == tree.root(cut)
                    assert shown.consistency(cut) == tree.consistency(cut, size)
                for index in leaves:
                    assert shown.inclusion(index) == tree.inclusion(index, size)


def test_what_is_shown_takes_its_hashes_exactly_and_tells_nothing_of_other_leaves(tree):
    hashes = tree.cover(13, [4, 4], [6, 6])
    assert hashes == tree.cover(13, [4], [6])
    for wrong in (hashes[:-1], [*hashes, HASHES[0]]):
        with pytest.raises(ValueError, match=f"{len(hashes)} hashes, not {len(wrong)}"):
            merkle.Shown(13, {4: HASHES[4]}, [6], wrong)
    shown = merkle.Shown(13, {4: HASHES[4]}, [6], hashes)
    assert shown.root() == tree.root(13)
    with pytest.raises(KeyError) as missing:
        shown.root(7)
    assert missing.value.args == ((6, 7),)
    changed = merkle.Shown(13, {4: HASHES[5]}, [6], hashes)
    assert changed.root() != tree.root(13)


def test_a_growth_proves_what_a_tree_of_the_same_leaves_does(tree):
    base = Tree()
    base.extend(HASHES[:11])
    growth = Growth(base, 9)
    growth.extend(HASHES[9:23])
    for size in (1, 9, 10, 16, 23):
        for index in range(size):
            assert growth.inclusion(index, size) == tree.inclusion(index, size)
            assert growth.consistency(index + 1, size) == tree.consistency(index + 1, size)
