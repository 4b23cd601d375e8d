"""Laws of the record: one encoding, one history whatever the order of arrival, and no bytes that make us fall over."""

from __future__ import annotations

from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.golden import record_story
from tests.keepers import DICTIONARY, IN_BASE, JP_ADMIN, JP_HQ, JP_SHIP, Keeper, grant, open_books

from tallystick.core import bundle as wire
from tallystick.core import canonical, log, merkle
from tallystick.core.entries import Draft, Note
from tallystick.core.errors import GapError, RemoteError
from tallystick.core.identity import EntryRef
from tallystick.core.space import Space

fast = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.text(max_size=30) | st.binary(max_size=300),
    lambda inner: (
        st.lists(inner, max_size=30)
        | st.dictionaries(st.integers(0, 2**64 - 1), inner, max_size=6)
        | st.dictionaries(st.text(max_size=8), inner, max_size=6)
    ),
    max_leaves=30,
)


@st.composite
def mutated(draw, data: bytes) -> bytes:
    """A few bytes changed, cut out, doubled or put in."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 8))
        how = draw(st.sampled_from(("change", "cut", "double", "insert", "flip")))
        if how == "flip" and at < len(data):
            data = data[:at] + bytes([data[at] ^ 1 << draw(st.integers(0, 7))]) + data[at + 1 :]
        elif how == "change":
            data = data[:at] + draw(st.binary(min_size=length, max_size=length)) + data[at + length :]
        elif how == "cut":
            data = data[:at] + data[at + length :]
        elif how == "double":
            data = data[: at + length] + data[at:]
        else:
            data = data[:at] + draw(st.binary(min_size=1, max_size=9)) + data[at:]
    return data


@fast
@given(plain)
def test_decoding_undoes_encoding(value):
    data = canonical.encode(value)
    assert canonical.decode(data) == value
    assert type(canonical.decode(data)) is type(value)


@fast
@given(st.binary(max_size=40) | plain.map(canonical.encode).flatmap(mutated))
def test_no_value_has_a_second_encoding(data):
    try:
        value = canonical.decode(data)
    except RemoteError:
        return
    assert canonical.encode(value) == data


@fast
@given(st.lists(st.binary(max_size=4), max_size=70), st.data())
def test_proofs_lead_to_roots(leaves, data):
    tree = merkle.Tree()
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    cut = data.draw(st.integers(0, len(hashes)))
    tree.extend(hashes[:cut])
    tree.extend(hashes[cut:])
    if not hashes:
        assert tree.root() == merkle.EMPTY_ROOT
        return
    size = data.draw(st.integers(1, len(hashes)))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    root = tree.root(size)
    assert merkle.verify_inclusion(hashes[index], index, size, tree.inclusion(index, size), root)
    assert merkle.verify_consistency(old, tree.root(old), size, root, tree.consistency(old, size))


# ---- histories: three writers of two parties write, send and hear in any order


WRITERS = {"hq": JP_HQ, "base": IN_BASE, "ship": JP_SHIP}


class History:
    """Three live nodes, every bundle any of them ever sent, and three more nodes that only listen."""

    def __init__(self) -> None:
        hq, base, ship = open_books()
        self.nodes = {"hq": hq, "base": base, "ship": ship}
        self.sent = [hq.bundle({1: 2}), base.bundle({JP_ADMIN: 3})]

    def step(self, how: str, who: str, whom: str, number: int) -> None:
        node = self.nodes[who]
        if how == "write":
            seen = [entry.ref for entry in node.space.acts()]
            texts = [{1: f"word {number}"} if n % 2 else None for n in range(number % 3 + 1)]
            node.write(WRITERS[who], *[Draft(Note(who=n), seen[number % len(seen)], t) for n, t in enumerate(texts)])
        elif how == "acknowledge":
            node.acknowledge(WRITERS[who])
        elif how == "grant" and who == "hq":
            node.write(JP_ADMIN, grant(f"spare {number}"))
        elif how == "send":
            known = node.space.known_by(WRITERS[whom])
            if number % 3 == 0:
                known = {log_: max(0, size - number % 5) for log_, size in known.items()}  # overlaps
            bundles = node.news(known)
            self.sent += bundles
            if number % 4:  # else it is lost, or late
                for bundle in bundles:
                    self.offer(self.nodes[whom], bundle)

    @staticmethod
    def offer(node: Keeper, bundle: bytes) -> bool:
        """Return whether the bundle was taken; one that comes too early waits with the caller."""
        try:
            node.take(bundle)
        except GapError:
            return False
        return True


def deliver(node: Keeper, bundles: list[bytes]) -> None:
    """Offer bundles until none fits any more, as the waiting box does."""
    waiting = list(bundles)
    moved = True
    while waiting and moved:
        still = [bundle for bundle in waiting if not History.offer(node, bundle)]
        moved, waiting = len(still) < len(waiting), still


steps = st.lists(
    st.tuples(
        st.sampled_from(("write", "write", "send", "send", "send", "acknowledge", "grant")),
        st.sampled_from(sorted(WRITERS)),
        st.sampled_from(sorted(WRITERS)),
        st.integers(0, 11),
    ),
    max_size=25,
)


def digest(space: Space) -> object:
    return (
        space.sizes(),
        {log_: space.root(log_, size) for log_, size in space.sizes().items()},
        [(entry, entry.seen, entry.lamport) for entry in space.acts()],
    )


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(steps, st.randoms(use_true_random=False))
def test_every_order_of_arrival_gives_one_record(story, random):
    history = History()
    for step in story:
        history.step(*step)
    for writer, node in history.nodes.items():
        last = node.news({})
        history.sent += last
        for other in history.nodes:
            if other != writer:
                deliver(history.nodes[other], last)
    for node in history.nodes.values():
        deliver(node, history.sent)
    listeners = []
    for _ in range(3):
        bundles = history.sent * 2
        random.shuffle(bundles)
        listeners.append(Keeper({}, history.nodes["hq"].space.genesis))
        deliver(listeners[-1], bundles)
    digests = [digest(node.space) for node in (*history.nodes.values(), *listeners)]
    assert all(one == digests[0] for one in digests)
    for entry in listeners[0].space.acts():
        for other, size in entry.seen.items():  # nobody has seen what comes after it in the order everybody reads
            assert listeners[0].space.logs[other].lamport(size - 1) < entry.lamport
    stored = Space.restore(
        listeners[0].space.genesis,
        [
            listeners[0].space.stored(EntryRef(log_, n))
            for log_, size in reversed(listeners[0].space.sizes().items())
            for n in range(size)
        ],
        {(one.id, block): key for one in listeners[0].space.logs.values() for block, key in one.epoch_keys.items()},
        {log_: listeners[0].space.checkpoint(log_) for log_ in listeners[0].space.sizes()},
        verify=True,
    )
    assert digest(stored) == digests[0]


# ---- hostile bytes


@cache
def real_bundles(dictionary: bytes) -> tuple[bytes, ...]:
    sent = record_story(dictionary)[2]
    inside = []
    for bundle in sent:
        envelope = wire.read_envelope(bundle)
        body = wire.Codec(dictionary).unpack(envelope.codec, envelope.body)
        inside.append(canonical.encode([1, envelope.space, 0, body, envelope.raw]))
    return (*sent, *inside)


def listener(dictionary: bytes, bundles: int) -> Space:
    space = Space(record_story(dictionary)[0].space.genesis, dictionary)
    for bundle in real_bundles(dictionary)[:bundles]:
        space.apply(space.read(bundle))
    return space


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.sampled_from((b"", DICTIONARY)), st.integers(0, 6))
def test_hostile_bundles_are_refused_by_name_and_leave_no_trace(data, dictionary, held):
    space = listener(dictionary, held)
    before = digest(space)
    real = data.draw(st.sampled_from(real_bundles(dictionary)))
    hostile = data.draw(st.binary(max_size=200) | mutated(real) | mutated_body(real, dictionary))
    try:
        admission = space.read(hostile)
    except RemoteError:
        assert digest(space) == before
        return
    for leaf in admission.leaves:  # what is admitted is what its writer signed
        assert leaf in stored_leaves(dictionary)


@st.composite
def mutated_body(draw, bundle: bytes, dictionary: bytes) -> bytes:
    """Changes behind the codec, where compression cannot hide them."""
    envelope = wire.read_envelope(bundle)
    body = wire.Codec(dictionary).unpack(envelope.codec, envelope.body)
    body, raw = draw(st.just((body, envelope.raw)) | st.tuples(mutated(body), st.just(envelope.raw)))
    return canonical.encode([1, envelope.space, 0, draw(st.just(body) | mutated(body)), raw])


@cache
def stored_leaves(dictionary: bytes) -> frozenset[log.StoredLeaf]:
    space = record_story(dictionary)[0].space
    return frozenset(space.stored(EntryRef(log_, n)) for log_, size in space.sizes().items() for n in range(size))


items = st.lists(
    st.tuples(
        st.integers(0, 70), st.integers(-5, 2**54), st.none() | st.lists(st.integers(-2, 40), max_size=3)
    ).flatmap(lambda head: st.lists(plain, max_size=3).map(lambda rest: [*head, *rest]))
    | plain,
    max_size=6,
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.sampled_from((0, 1, 2, 16, 17, 18, 32, 2**60)), st.integers(0, 6), items),
        max_size=4,
        unique_by=lambda p: p[0],
    ),
    st.lists(st.integers(-1, 300), max_size=12) | st.none(),
    st.sampled_from((b"", b"x" * 64, b"x" * 1000)),
)
def test_made_up_bundles_are_refused_by_name(parts, head, raw):
    """Well-formed down to the items, so that the deepest checks are reached."""
    space = listener(b"", 4)
    parts.sort(key=lambda part: part[0])
    numbers = head if head is not None else [n for log_, begin, some in parts for n in (log_, begin, len(some))]
    body = canonical.encode(numbers) + b"".join(canonical.encode(item) for _, _, some in parts for item in some)
    if head is None:
        ranges = [wire.Range(log_, begin, len(some)) for log_, begin, some in parts]
        raw = b"".join(b"x" * (64 + 32 * len(wire.new_blocks(part))) for part in ranges)
    try:
        admission = space.read(canonical.encode([1, space.id[:4], 0, body, raw]))
    except RemoteError:
        return
    assert admission.leaves == ()


@fast
@given(st.binary(max_size=300))
def test_random_bytes_are_no_courier_file(data):
    for read in (wire.split_sequence, wire.read_envelope, log.read_leaf):
        try:
            read(data)
        except RemoteError:
            continue
        if read is log.read_leaf:
            assert canonical.encode(canonical.decode(data)) == data


@fast
@given(st.data())
def test_changed_stores_are_refused_by_name(data):
    """The offline verifier reads foreign folders: whatever is in them, it names what is wrong."""
    hq = record_story()[0].space
    leaves = sorted(stored_leaves(b""), key=lambda leaf: leaf[:2])
    keys = {(one.id, block): key for one in hq.logs.values() for block, key in one.epoch_keys.items()}
    at = data.draw(st.integers(0, len(leaves) - 1))
    field = data.draw(st.sampled_from(("leaf", "core", "detail", "auth")))
    value = getattr(leaves[at], field)
    changed = data.draw(mutated(value) if value is not None else st.binary(max_size=40))
    if changed == value:
        return
    rows = [*leaves[:at], leaves[at]._replace(**{field: changed}), *leaves[at + 1 :]]
    heads = {log_: hq.checkpoint(log_) for log_ in hq.sizes() if hq.checkpoint(log_)}
    try:
        Space.restore(hq.genesis, rows, keys, heads, verify=True)
    except RemoteError:
        return
    # Nobody has signed Japan's own head yet in this store: only there can a leaf be another one and stay unnoticed.
    assert leaves[at].log not in heads
    assert field == "leaf"
