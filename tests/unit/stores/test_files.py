"""A folder of log files: what a stopped writer, a full disk and a damaged file leave, and how each is named."""

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cbor2
import pytest
from tests.unit.stores.keeping import growth, leaf

from tallystick.core import canonical
from tallystick.core.errors import StoreUnavailableError
from tallystick.stores import MemoryStore, open_store
from tallystick.stores.files import FileStore, TornTail, read_folder, torn_tails


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    store = FileStore(tmp_path / "record")
    store.append(growth(store.create_space(b"terms"), {}, l0=2, l17=1))
    return store


@pytest.fixture
def space(store: FileStore) -> bytes:
    (space,) = store.spaces()
    return space


@pytest.fixture
def folder(store: FileStore, space: bytes) -> Path:
    return store.folder(space)


def test_the_files_are_what_the_spec_says(folder: Path):
    assert (folder / "genesis.cbor").read_bytes() == b"terms"
    items = [cbor2.dumps(list(leaf(0, index)[2:])) for index in (0, 1)]
    assert (folder / "0.log").read_bytes() == b"".join(items)
    assert cbor2.loads((folder / "17.keys").read_bytes())[0] == 0
    version, heads = canonical.decode((folder / "heads.cbor").read_bytes())
    assert version == 1
    assert [(log, size) for log, size, *_ in heads] == [(0, 2), (17, 1)]


def test_a_torn_tail_is_named_not_read_and_cut_off_by_the_next_append(store: FileStore, space: bytes, folder: Path):
    before = store.load(space)
    for name in ("0.log", "17.keys", "33.log"):
        with (folder / name).open("ab") as file:
            file.write(b"\x84\x58")
    assert torn_tails(folder) == (TornTail("0.log", 2), TornTail("33.log", 2), TornTail("17.keys", 2))
    assert store.load(space) == before

    store.append(growth(space, {0: 2, 17: 1}, l0=1, l17=256, l33=1))
    assert torn_tails(folder) == ()
    assert store.sizes(space) == {0: 3, 17: 257, 33: 1}
    assert len(store.load(space).leaves) == 261


def test_a_full_disk_is_named_and_the_next_append_works_when_there_is_room(store: FileStore, space: bytes):
    before = store.load(space)
    with small_disk(2000), pytest.raises(StoreUnavailableError) as full:
        store.append(growth(space, {0: 2}, l0=100))
    assert full.value.code == "store-full"
    assert store.load(space) == before
    store.append(growth(space, {0: 2}, l0=100))
    assert store.sizes(space) == {0: 102, 17: 1}


@contextmanager
def small_disk(limit_bytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "store-full"), (errno.EROFS, "store-read-only")])
def test_what_the_disk_refuses_is_named(
    store: FileStore, space: bytes, monkeypatch: pytest.MonkeyPatch, number: int, code: str
):
    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    before = store.load(space)
    with monkeypatch.context() as unkind:
        unkind.setattr(os, "fsync", refuse)
        for ask in (
            lambda: store.append(growth(space, {0: 2}, l0=1)),
            lambda: store.remember("name", b"value"),
            lambda: store.create_space(b"other"),
            lambda: store.export(space, store.folder(space) / "export"),
        ):
            with pytest.raises(StoreUnavailableError) as refused:
                ask()
            assert refused.value.code == code
    assert (store.load(space), store.spaces(), store.remembered()) == (before, (space,), {})
    store.append(growth(space, {0: 2}, l0=1))
    assert store.create_space(b"other") == store.spaces()[1]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def scribble(path: Path) -> None:
    path.write_bytes(b"\xff" * path.stat().st_size)


def other_shape(path: Path) -> None:
    path.write_bytes(cbor2.dumps(0) * path.stat().st_size)


def one_leaf_less(path: Path) -> None:
    heads = canonical.decode((path.parent / "heads.cbor").read_bytes())
    heads[1][0][1] -= 1
    (path.parent / "heads.cbor").write_bytes(canonical.encode(heads))


@pytest.mark.parametrize(
    ("name", "harm", "code"),
    [
        ("0.log", cut, "store-damaged"),
        ("0.log", scribble, "store-damaged"),
        ("0.log", other_shape, "store-damaged"),
        ("0.log", one_leaf_less, "store-damaged"),
        ("0.log", Path.unlink, "store-gone"),
        ("17.keys", cut, "store-damaged"),
        ("17.keys", scribble, "store-damaged"),
        ("heads.cbor", cut, "store-damaged"),
        ("heads.cbor", other_shape, "store-damaged"),
        ("heads.cbor", Path.unlink, "store-gone"),
        ("genesis.cbor", Path.unlink, "store-gone"),
    ],
)
def test_harm_to_a_file_is_noticed(folder: Path, name: str, harm: Callable[[Path], None], code: str):
    read_folder(folder)
    harm(folder / name)
    with pytest.raises(StoreUnavailableError) as noticed:
        read_folder(folder)
    assert noticed.value.code == code
    assert str(noticed.value.facts["path"]).startswith(str(folder))


def test_a_file_shorter_than_committed_is_not_written_on(store: FileStore, space: bytes, folder: Path):
    cut(folder / "0.log")
    with pytest.raises(StoreUnavailableError) as damaged:
        store.append(growth(space, {0: 2}, l0=1))
    assert damaged.value.code == "store-damaged"


def test_a_book_of_another_format_is_damage(store: FileStore, folder: Path):
    store.remember("name", b"value")
    for harm in (cut, other_shape, one_table_less):
        harm(folder.parent / "book.cbor")
        with pytest.raises(StoreUnavailableError) as damaged:
            store.recall("name")
        assert damaged.value.code == "store-damaged"


def one_table_less(path: Path) -> None:
    path.write_bytes(canonical.encode([1, [], [], []]))


def test_files_of_a_newer_program_are_left_alone(store: FileStore, space: bytes, folder: Path):
    (folder / "heads.cbor").write_bytes(canonical.encode([3, "who knows"]))
    (folder.parent / "book.cbor").write_bytes(canonical.encode([2, "who knows"]))
    for ask in (lambda: store.load(space), lambda: store.append(growth(space, {0: 2}, l0=1)), store.peers):
        with pytest.raises(StoreUnavailableError) as refused:
            ask()
        assert refused.value.code == "store-too-new"


def test_a_folder_that_was_moved_away_is_missed(store: FileStore, space: bytes, folder: Path):
    moved = folder.parent.rename(folder.parent.with_name("moved"))
    for ask in (store.spaces, lambda: store.load(space), lambda: store.append(growth(space, {0: 2}, l0=1))):
        with pytest.raises(StoreUnavailableError) as gone:
            ask()
        assert gone.value.code == "store-gone"
    moved.rename(folder.parent)
    assert store.spaces() == (space,)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailableError) as gone:
        FileStore(tmp_path / "file" / "record")
    assert gone.value.code == "store-gone"


def test_a_backup_that_was_interrupted_is_begun_again(store: FileStore, space: bytes, tmp_path: Path):
    (tmp_path / "backup.part").mkdir()
    (tmp_path / "backup.part" / "half").touch()
    store.backup(tmp_path / "backup")
    assert not (tmp_path / "backup.part").exists()
    assert FileStore(tmp_path / "backup").load(space) == store.load(space)


def test_addresses_name_the_kind_of_store(tmp_path: Path):
    assert isinstance(open_store("memory:"), MemoryStore)
    assert isinstance(open_store(f"files:///{tmp_path}/record"), FileStore)
