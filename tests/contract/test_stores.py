"""What every store promises in ``app/ports.py``, asked of each in the same words."""

import contextlib
import dataclasses
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from tests.unit.stores.keeping import TABLE_FILES, checkpoint, growth, leaf, postgres_schema, some

from tallystick.app import ports
from tallystick.app.ports import Aside, Loaded, Peer, PeerStatus, Store, Waiting
from tallystick.core.admission import Admission, Erase
from tallystick.core.entries import Segment
from tallystick.core.errors import HeadMovedError, LocalError, TooLargeError
from tallystick.core.log import StoredLeaf
from tallystick.stores import MemoryStore, files, open_store, rules

GENESIS = b"the terms of Japan and India"
SPACE = rules.sha256(GENESIS)
ROOT = Path(__file__).parents[2]
HELPER = [sys.executable, "-m", "tests.unit.stores.stopped"]
HELPER_ENV = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}


class Keeper(NamedTuple):
    """A kind of store, and how to open it again: a memory store is the same object each time."""

    url: str
    memory: MemoryStore | None

    def open(self) -> Store:
        return self.memory or open_store(self.url)


DURABLE = ("files", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres))
outlives_its_process = pytest.mark.parametrize("keeper", DURABLE, indirect=True)


@pytest.fixture(params=["memory", *DURABLE])
def keeper(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Keeper]:
    if request.param == "memory":
        yield Keeper("memory:", MemoryStore())
    elif request.param == "files":
        yield Keeper(f"files:///{tmp_path}/record", None)
    elif request.param == "sqlite":
        yield Keeper(f"sqlite:///{tmp_path}/node.db", None)
    else:
        with postgres_schema(request.node.name) as url:
            yield Keeper(url, None)


@pytest.fixture
def store(keeper: Keeper) -> Iterator[Store]:
    store = keeper.open()
    store.create_space(GENESIS)
    yield store
    store.close()


# Agreements


def test_a_new_store_holds_nothing(keeper: Keeper):
    store = keeper.open()
    assert (store.spaces(), store.peers(), store.aside(), store.remembered()) == ((), (), (), {})
    store.close()


def test_an_agreement_is_named_by_its_hash_and_kept_once(store: Store):
    assert store.create_space(GENESIS) == SPACE
    other = store.create_space(b"the terms of Japan and Australia")
    assert store.spaces() == (SPACE, other)
    assert store.load(other) == Loaded(b"the terms of Japan and Australia", [], {}, {})


def test_an_unknown_agreement_is_said_to_be_unknown(store: Store, tmp_path: Path):
    nowhere = some(32, "nowhere")
    for ask in (
        lambda: store.sizes(nowhere),
        lambda: store.load(nowhere),
        lambda: store.append(growth(nowhere, {}, l0=1)),
        lambda: store.put_waiting(nowhere, b"bundle"),
        lambda: store.export(nowhere, tmp_path / "export"),
    ):
        with pytest.raises(LocalError) as refused:
            ask()
        assert (refused.value.code, refused.value.facts) == ("unknown-space", {"space": nowhere.hex()})


def test_a_store_that_can_be_written_says_so_and_how_much_room_there_is(store: Store):
    free = store.probe()
    assert free is None or free > 0
    assert store.probe() is None or free is not None


# Appending


def test_what_was_appended_is_loaded_by_log_and_index(store: Store):
    store.append(growth(SPACE, {}, l17=2, l0=3))
    store.append(growth(SPACE, {17: 2, 0: 3}, l0=1, l1=1))

    assert store.sizes(SPACE) == {0: 4, 1: 1, 17: 2}
    loaded = store.load(SPACE)
    assert loaded.genesis == GENESIS
    assert list(loaded.leaves) == [leaf(0, 0), leaf(0, 1), leaf(0, 2), leaf(0, 3), leaf(1, 0), leaf(17, 0), leaf(17, 1)]
    assert all(type(found) is StoredLeaf for found in loaded.leaves)
    assert loaded.epoch_keys == {(log, 0): some(32, "key", log, 0) for log in (0, 1, 17)}
    assert loaded.checkpoints == {0: checkpoint(0, 4), 1: checkpoint(1, 1), 17: checkpoint(17, 2)}


def test_it_is_there_after_opening_again(keeper: Keeper):
    store = keeper.open()
    store.create_space(GENESIS)
    store.append(growth(SPACE, {}, l0=300))
    before = store.load(SPACE)
    store.close()
    again = keeper.open()
    assert (again.spaces(), again.load(SPACE)) == ((SPACE,), before)
    assert again.sizes(SPACE) == {0: 300}
    again.close()


def test_the_numbers_and_bytes_of_the_record_may_be_large(store: Store):
    log = 16 * (2**53 - 1) + 15
    big = StoredLeaf(log, 0, b"\x00\xff" * 32, b"c" * 2**20, b"", b"a" * 2**16)
    store.append(Admission(SPACE, {}, (big,), {(log, 0): bytes(32)}, {}, ()))
    assert list(store.load(SPACE).leaves) == [big]


def test_a_head_that_moved_is_named_and_nothing_is_kept(store: Store):
    store.append(growth(SPACE, {}, l0=2))
    before = store.load(SPACE)
    for stale, log, expected in (
        (growth(SPACE, {0: 1}, l0=1), 0, 1),
        (growth(SPACE, {0: 3}, l1=1), 0, 3),
        (growth(SPACE, {}, l0=1), 0, 0),
    ):
        with pytest.raises(HeadMovedError) as moved:
            store.append(stale)
        assert moved.value.facts == {"log": log, "expected": expected, "found": 2}
        assert moved.value.try_again
    assert store.load(SPACE) == before
    store.append(growth(SPACE, {0: 2}, l0=1))
    assert store.sizes(SPACE) == {0: 3}


def test_an_older_checkpoint_that_comes_late_does_not_replace_the_newer(store: Store):
    store.append(growth(SPACE, {}, l0=5))
    store.append(Admission(SPACE, {0: 5}, (), {}, {0: checkpoint(0, 3)}, ()))
    assert store.load(SPACE).checkpoints == {0: checkpoint(0, 5)}
    store.append(Admission(SPACE, {0: 5}, (), {}, {0: checkpoint(0, 5)}, ()))
    assert store.load(SPACE).checkpoints == {0: checkpoint(0, 5)}


def test_leaves_may_come_before_their_checkpoint(store: Store):
    store.append(dataclasses.replace(growth(SPACE, {}, l0=2), checkpoints={}))
    assert store.load(SPACE).checkpoints == {}
    store.append(Admission(SPACE, {0: 2}, (), {}, {0: checkpoint(0, 2)}, ()))
    assert store.load(SPACE).checkpoints == {0: checkpoint(0, 2)}


@pytest.mark.parametrize("broken", ["a hole", "a checkpoint beyond the leaves", "an epoch key given again"])
def test_an_admission_that_cannot_be_is_our_mistake_and_not_kept(store: Store, broken: str):
    store.append(growth(SPACE, {}, l0=2))
    before = store.load(SPACE)
    good = growth(SPACE, {0: 2}, l0=1)
    bad = {
        "a hole": dataclasses.replace(good, leaves=(leaf(0, 3),)),
        "a checkpoint beyond the leaves": dataclasses.replace(good, checkpoints={0: checkpoint(0, 4)}),
        "an epoch key given again": dataclasses.replace(good, epoch_keys={(0, 0): bytes(32)}),
    }[broken]
    with pytest.raises(AssertionError):
        store.append(bad)
    assert store.load(SPACE) == before
    store.append(good)


def test_agreements_do_not_see_each_other(store: Store):
    other = store.create_space(b"other terms")
    store.append(growth(SPACE, {}, "ours", l0=2))
    store.append(growth(other, {}, "theirs", l0=1))
    store.put_waiting(other, b"early")
    assert list(store.load(SPACE).leaves) == [leaf(0, 0, "ours"), leaf(0, 1, "ours")]
    assert list(store.load(other).leaves) == [leaf(0, 0, "theirs")]
    assert store.waiting(SPACE) == ()


# Several at once


def test_of_two_that_append_to_the_same_size_exactly_one_wins(keeper: Keeper):
    stores = [keeper.open() for _ in range(3)]
    stores[0].create_space(GENESIS)
    rounds = 8
    won: list[list[str]] = [[] for _ in range(rounds)]
    lost: list[list[dict[str, object]]] = [[] for _ in range(rounds)]
    gate = threading.Barrier(len(stores))

    def write(store: Store, word: str) -> None:
        for size in range(rounds):
            gate.wait()
            try:
                store.append(growth(SPACE, {0: size}, word, l0=1))
            except HeadMovedError as moved:
                lost[size].append(moved.facts)
            else:
                won[size].append(word)
            gate.wait()

    threads = [threading.Thread(target=write, args=(store, f"writer {i}")) for i, store in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [len(winners) for winners in won] == [1] * rounds
    assert lost == [[{"log": 0, "expected": size, "found": size + 1}] * 2 for size in range(rounds)]
    winners = [word for (word,) in won]
    assert list(stores[0].load(SPACE).leaves) == [leaf(0, size, word) for size, word in enumerate(winners)]
    for store in stores:
        store.close()


def test_threads_may_share_one_store(store: Store):
    def write(log: int) -> None:
        for size in range(10):
            store.append(growth(SPACE, {log: size}, **{f"l{log}": 1}))
            assert store.sizes(SPACE)[log] == size + 1

    threads = [threading.Thread(target=write, args=(log,)) for log in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.sizes(SPACE) == dict.fromkeys(range(4), 10)
    assert len(store.load(SPACE).leaves) == 40


@outlives_its_process
def test_processes_may_share_one_store(keeper: Keeper):
    store = keeper.open()
    store.create_space(GENESIS)
    writers = [
        subprocess.Popen([*HELPER, "write", keeper.url, SPACE.hex(), word, "15"], cwd=ROOT, env=HELPER_ENV)
        for word in ("a", "b")
    ]
    assert [writer.wait(timeout=300) for writer in writers] == [0, 0]
    written = [found.leaf.split()[0] for found in store.load(SPACE).leaves]
    assert (written.count(b"a"), written.count(b"b")) == (15, 15)
    store.close()


@outlives_its_process
def test_a_writer_killed_anywhere_leaves_all_or_nothing(keeper: Keeper):
    """The helper kills itself at one line of the store's code after the other; see its text for how."""
    store = keeper.open()
    store.create_space(GENESIS)
    store.append(growth(SPACE, {}, l0=2, l17=1))
    store.close()
    done = subprocess.run(
        [*HELPER, "killed", keeper.url, SPACE.hex()],
        cwd=ROOT, env=HELPER_ENV, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    nothing, everything, lines = map(int, done.stdout.split())
    assert lines > 10  # so many places were tried, and at least one on each side of the commit
    assert nothing > 0
    assert everything > 0
    assert nothing + everything == lines


# Waiting bundles


def test_early_bundles_wait_in_order_once_each_until_dropped(store: Store):
    first, second = store.put_waiting(SPACE, b"third of June"), store.put_waiting(SPACE, b"second of June")
    assert store.put_waiting(SPACE, b"third of June") == first == rules.sha256(b"third of June")
    assert store.waiting(SPACE) == (Waiting(first, b"third of June"), Waiting(second, b"second of June"))
    store.drop_waiting(SPACE, first)
    store.drop_waiting(SPACE, first)
    assert store.waiting(SPACE) == (Waiting(second, b"second of June"),)
    assert store.waiting(some(32, "nowhere")) == ()
    store.drop_waiting(some(32, "nowhere"), second)


def test_only_so_many_bundles_may_wait(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rules, "WAITING_BUNDLES_MAX", 3)
    for number in range(3):
        store.put_waiting(SPACE, b"%d" % number)
    with pytest.raises(TooLargeError) as refused:
        store.put_waiting(SPACE, b"one more")
    assert refused.value.code == "waiting-full"
    assert refused.value.facts["bundles"] == 3
    assert len(store.waiting(SPACE)) == 3
    store.put_waiting(SPACE, b"1")  # is there already
    store.drop_waiting(SPACE, rules.sha256(b"1"))
    store.put_waiting(SPACE, b"one more")


def test_only_so_many_bytes_may_wait(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rules, "WAITING_BYTES_MAX", 100)
    store.put_waiting(SPACE, b"x" * 60)
    with pytest.raises(TooLargeError):
        store.put_waiting(SPACE, b"y" * 41)
    store.put_waiting(SPACE, b"y" * 40)


# Refused bytes


def test_refused_bytes_are_kept_with_their_reason_newest_first(store: Store):
    store.set_aside(SPACE, b"forged", "bad-signature", {"log": 17, "key": b"\x01\xff", "path": Path("/tmp/x")}, at=1000)
    store.set_aside(None, b"hello?", "wrong-agreement", {}, at=2000)
    facts = {"log": 17, "key": "01ff", "path": "/tmp/x"}
    assert store.aside() == (
        Aside(None, 2000, "wrong-agreement", {}, 6, rules.sha256(b"hello?"), b"hello?"),
        Aside(SPACE, 1000, "bad-signature", facts, 6, rules.sha256(b"forged"), b"forged"),
    )
    assert store.aside_brief() == tuple(dataclasses.replace(old, body=b"") for old in store.aside())


def test_the_same_refusal_again_replaces_the_first(store: Store):
    store.set_aside(SPACE, b"forged", "bad-signature", {}, at=1)
    store.set_aside(SPACE, b"other", "bad-signature", {}, at=2)
    store.set_aside(SPACE, b"forged", "bad-signature", {"again": True}, at=3)
    assert [(old.at, old.body, old.facts) for old in store.aside()] == [
        (3, b"forged", {"again": True}),
        (2, b"other", {}),
    ]


def test_large_refused_bytes_are_cut_and_their_hash_kept(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rules, "ASIDE_BYTES_MAX", 4)
    store.set_aside(None, b"12345678", "too-large", {}, at=1)
    assert store.aside() == (Aside(None, 1, "too-large", {}, 8, rules.sha256(b"12345678"), b"1234"),)


def test_a_stranger_cannot_push_out_a_partners_evidence(store: Store):
    store.set_aside(SPACE, b"evidence", "fork", {}, at=1)
    for number in range(ports.ASIDE_MAX + 2):
        store.set_aside(None, b"%d" % number, "malformed-bytes", {}, at=2 + number)
    kept = store.aside()
    assert len(kept) == ports.ASIDE_MAX + 1
    assert (kept[-2].body, kept[-1].body) == (b"2", b"evidence")


# The node's own facts


def test_what_is_remembered_is_recalled_and_replaced(store: Store):
    assert store.recall("heard-own-head") is None
    store.remember("heard-own-head", b"no")
    store.remember("heard-own-head", b"yes\x00")
    store.remember("schema", b"not the store's own")
    assert store.recall("heard-own-head") == b"yes\x00"
    assert store.remembered() == {"heard-own-head": b"yes\x00", "schema": b"not the store's own"}


# Peers


def a_peer(peer_id: str = "7QK4", **facts: object) -> Peer:
    return dataclasses.replace(
        Peer(
            peer_id=peer_id,
            party="IN",
            name="Base Mumbai",
            status=PeerStatus.CONFIRMED,
            created_at=100,
            space=SPACE,
            url="http://127.0.0.1:8102",
            age_recipient="age1…",
            root_key=some(32, "root"),
            writer_key=some(32, "writer"),
            genesis=GENESIS,
            known={0: 3, 17: 204},
            last_seen_at=200,
            last_tried_at=300,
            last_error="peer-unreachable",
        ),
        **facts,
    )


def test_a_peer_is_kept_whole_replaced_and_removed(store: Store):
    bare = Peer(peer_id="A", party="AU", name="Stranger", status=PeerStatus.KNOCK, created_at=100)
    store.put_peer(a_peer())
    store.put_peer(bare)
    assert (store.get_peer("7QK4"), store.get_peer("A"), store.get_peer("B")) == (a_peer(), bare, None)
    store.put_peer(a_peer(last_error=None, known={}, created_at=99))
    assert store.peers() == (a_peer(last_error=None, known={}, created_at=99), bare)
    store.remove_peer("7QK4")
    store.remove_peer("7QK4")
    assert store.peers() == (bare,)


def test_only_so_many_strangers_may_knock(store: Store):
    for number in range(ports.KNOCKS_MAX):
        store.put_peer(a_peer(f"stranger {number}", status=PeerStatus.KNOCK))
    with pytest.raises(TooLargeError) as refused:
        store.put_peer(a_peer("one more", status=PeerStatus.KNOCK))
    assert (refused.value.code, refused.value.facts) == ("too-many-knocks", {"pending": 20, "limit": 20})
    store.put_peer(a_peer("one we asked", status=PeerStatus.PENDING_OUT))
    store.put_peer(a_peer("stranger 3", status=PeerStatus.KNOCK, name="knocks again"))
    store.put_peer(a_peer("stranger 3", status=PeerStatus.REFUSED))
    store.put_peer(a_peer("one more", status=PeerStatus.KNOCK))


# Copies


def test_an_export_is_a_folder_that_reads_back_the_same(store: Store, tmp_path: Path):
    store.append(growth(SPACE, {}, l0=3, l17=2))
    store.put_waiting(SPACE, b"canary of what does not leave")
    store.put_peer(a_peer(name="canary of what does not leave"))
    folder = tmp_path / "for the auditor"
    store.export(SPACE, folder, {0: "agreement/0\n3\n…\n", 17: "agreement/17\n2\n…\n"})
    assert files.read_folder(folder) == store.load(SPACE)
    assert sorted(path.name for path in folder.iterdir()) == [
        "0.keys", "0.log", "0.note", "17.keys", "17.log", "17.note", "genesis.cbor", "heads.cbor",
    ]  # fmt: skip
    assert (folder / "17.note").read_text("utf-8") == "agreement/17\n2\n…\n"
    assert not any(b"canary" in path.read_bytes() for path in folder.iterdir())

    with pytest.raises(LocalError) as refused:
        store.export(SPACE, folder)
    assert refused.value.code == "folder-not-empty"


def test_a_backup_holds_everything_and_replaces_nothing(store: Store, tmp_path: Path):
    store.append(growth(SPACE, {}, l0=3, l17=2))
    store.put_waiting(SPACE, b"early")
    store.set_aside(SPACE, b"forged", "bad-signature", {"log": 17}, at=5)
    store.set_aside(None, b"hello?", "wrong-agreement", {}, at=6)
    store.put_peer(a_peer())
    store.remember("heard-own-head", b"yes")
    path = tmp_path / "backup"
    store.backup(path)

    copy = open_store(f"files:///{path}" if path.is_dir() else f"sqlite:///{path}")
    for ask in (Store.spaces, Store.aside, Store.peers, Store.remembered):
        assert getattr(copy, ask.__name__)() == getattr(store, ask.__name__)()
    assert (copy.load(SPACE), copy.waiting(SPACE)) == (store.load(SPACE), store.waiting(SPACE))
    copy.close()

    with pytest.raises(LocalError) as refused:
        store.backup(path)
    assert refused.value.code == "backup-exists"


def test_a_backup_can_be_brought_into_a_store_of_any_kind(keeper: Keeper, tmp_path: Path):
    source = MemoryStore()
    source.create_space(GENESIS)
    source.append(growth(SPACE, {}, l0=3, l17=2))
    source.set_aside(None, b"x" * (ports.ASIDE_BYTES_MAX + 1), "too-large", {"limit": 1}, at=5)
    source.put_peer(a_peer())
    source.backup(tmp_path / "backup")

    target = keeper.open()
    files.copy_store(open_store(f"files:///{tmp_path}/backup"), target)
    assert (target.load(SPACE), target.peers()) == (source.load(SPACE), source.peers())
    (old,) = target.aside()
    whole = rules.sha256(b"x" * (ports.ASIDE_BYTES_MAX + 1)).hex()
    assert old.facts == {"limit": 1, "whole_bytes": ports.ASIDE_BYTES_MAX + 1, "whole_sha256": whole}
    target.close()


def test_a_closed_store_opens_again_when_it_is_used(store: Store):
    store.append(growth(SPACE, {}, l0=1))
    store.close()
    store.append(growth(SPACE, {0: 1}, l0=1))
    assert store.sizes(SPACE) == {0: 2}


# Erasing


def erasing(size: int, *erase: Erase, **keys: bytes) -> Admission:
    """Return an admission that asks for an erasure: one more leaf of log 1, and new secrets of log 0's first block."""
    good = growth(SPACE, {1: size} if size else {}, l1=1)
    secrets = {(0, 0): keys["secret"]} if keys else {}
    return dataclasses.replace(good, epoch_keys={**good.epoch_keys, **secrets}, erase=erase)


SALTS = bytes(range(256)) * 48


def test_segments_that_came_later_are_put_in_their_place(keeper: Keeper, store: Store):
    whole = growth(SPACE, {}, l0=300, l1=1)
    store.append(dataclasses.replace(whole, leaves=tuple(x._replace(core=None, detail=None) for x in whole.leaves)))
    missing = (whole.leaves[1], whole.leaves[299])
    store.append(dataclasses.replace(growth(SPACE, {0: 300, 1: 1}), fill=missing, epoch_keys={(0, 1): SALTS}))
    other = keeper.open()
    for one in (store, other):
        found = one.load(SPACE)
        assert [leaf for leaf in found.leaves if leaf.core is not None] == list(missing)
        assert [leaf.leaf for leaf in found.leaves] == [leaf.leaf for leaf in whole.leaves]
        assert found.epoch_keys[0, 1] == SALTS
    store.check()
    with pytest.raises(HeadMovedError):
        store.append(dataclasses.replace(growth(SPACE, {0: 300, 1: 0}), fill=missing))
    other.close()


def test_an_erased_segment_and_its_key_are_gone_for_every_reader(keeper: Keeper, store: Store, tmp_path: Path):
    store.append(growth(SPACE, {}, "canary", l0=300, l17=3))
    before = store.load(SPACE)
    store.put_waiting(SPACE, b"canary early")
    store.set_aside(SPACE, b"canary refused", "malformed-bytes", {}, 1)
    store.set_aside(None, b"a stranger's", "malformed-bytes", {}, 2)
    other = keeper.open()
    store.append(
        erasing(0, Erase(0, 1, Segment.DETAIL), Erase(0, 5, Segment.CORE | Segment.AUTH), secret=SALTS),
    )
    leaves = list(before.leaves)
    leaves[1] = leaves[1]._replace(detail=None)
    leaves[5] = leaves[5]._replace(core=None, auth=None)
    for one in (store, other):
        found = one.load(SPACE)
        assert [leaf for leaf in found.leaves if leaf.log != 1] == leaves
        assert found.epoch_keys == {**before.epoch_keys, (0, 0): SALTS, (1, 0): some(32, "key", 1, 0)}
        assert found.checkpoints == {**before.checkpoints, 1: checkpoint(1, 1)}
    assert [name for name in store.remembered() if name.startswith(ports.PURGE_DUE)] == [rules.due_name(SPACE)]
    assert store.purge()
    assert not store.purge()
    assert store.waiting(SPACE) == ()
    assert [(old.space, old.body, old.size) for old in store.aside()] == [
        (None, b"a stranger's", 12),
        (SPACE, b"", 14),
    ]
    assert store.remembered() == {}
    store.append(growth(SPACE, {0: 300}, l0=1))
    store.append(dataclasses.replace(growth(SPACE, {17: 3}, l17=1), epoch_keys={(0, 0): SALTS[::-1]}))
    assert store.load(SPACE).epoch_keys[0, 0] == SALTS[::-1]
    store.append(erasing(1, Erase(0, 2, Segment.CORE), secret=SALTS))
    assert store.load(SPACE).leaves[2].core is None
    assert store.load(SPACE).epoch_keys[0, 0] == SALTS
    store.purge()
    store.check()
    store.export(SPACE, tmp_path / "export")
    assert files.read_folder(tmp_path / "export") == store.load(SPACE)
    store.backup(tmp_path / "backup")
    other.close()


@outlives_its_process
def test_nothing_of_it_is_left_in_the_files(keeper: Keeper, tmp_path: Path):
    """Not in the database, its journal or its free pages; nor in what PostgreSQL keeps of dead rows and of samples."""
    canary, key = b"canary " + some(24, "canary").hex().encode(), some(32, "key", 0, 0)
    store = keeper.open()
    store.create_space(GENESIS)
    good = growth(SPACE, {}, "plain", l0=600)
    store.append(dataclasses.replace(good, leaves=tuple(x._replace(detail=canary * 9) for x in good.leaves)))
    store.put_waiting(SPACE, canary * 3_000)
    store.put_waiting(SPACE, canary)
    (first, _) = store.waiting(SPACE)
    store.drop_waiting(SPACE, first.digest)  # its pages are free now, with what they held
    store.set_aside(SPACE, canary * 100, "malformed-bytes", {}, 1)
    with as_another_program(keeper) as execute:
        execute("CREATE TABLE drafts (remark TEXT)")
        execute(f"INSERT INTO drafts VALUES ('{canary.decode()}'), ('plain')")
        execute("ANALYZE")
        execute("DELETE FROM drafts WHERE remark <> 'plain'")
    assert canary in held_by(keeper, tmp_path)
    store.append(erasing(0, *(Erase(0, n, Segment.DETAIL) for n in range(600)), secret=SALTS))
    store.purge()
    held = held_by(keeper, tmp_path)
    assert b"plain" in held
    assert canary not in held
    assert key not in held
    store.close()


@contextlib.contextmanager
def as_another_program(keeper: Keeper) -> Iterator[Callable[[str], object]]:
    """Let the block execute SQL beside the store, as the pages do; a folder of files has no such neighbour."""
    if keeper.url.startswith("postgresql"):
        with psycopg.connect(keeper.url, autocommit=True) as connection:
            yield lambda sql: connection.execute(sql.encode())
    elif keeper.url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(keeper.url.removeprefix("sqlite:///"), timeout=30)) as file:
            yield file.executescript
    else:
        yield lambda _sql: None


def held_by(keeper: Keeper, folder: Path) -> bytes:
    """Return the bytes of all files that hold the store, where the database's own program lets us read them."""
    if keeper.url.startswith("postgresql"):
        with psycopg.connect(keeper.url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
            return b"\0".join(part for (part,) in connection.execute(TABLE_FILES))
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
