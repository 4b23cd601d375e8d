"""A folder of log files: for auditors, exports, offline checks and copies of a database that is not one file.

One agreement is a folder::

    genesis.cbor      the agreement's descriptor; its SHA-256 is the space id
    17.log            the leaves of log 17, a CBOR sequence of [leaf, core, detail, auth]
    17.keys           the secrets of its blocks, a CBOR sequence of [block, key or salts]; the last of a block counts
    17.note           its signed checkpoint, for other people's tools (in exports)
    heads.cbor        [1, [[log, size, bytes of .log, bytes of .keys, nil / [size, root, signature]], …]]

When something of a log goes, its files are written anew under a name with a number, ``17.1.log`` and ``17.1.keys``. Its
row in ``heads.cbor`` then has this number as a sixth member, and the version is 2. The old files are removed.

``heads.cbor`` is the commit: it is replaced in one step after everything it counts is on the disk. What lies beyond its
counts in a ``.log`` or ``.keys`` was never committed (a *torn tail*): it is named, not read, and cut off by the next
append. :class:`FileStore` keeps one such folder per agreement, named by its space id, and its small tables in
``book.cbor``.
"""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any

import cbor2

from tallystick.app.ports import Loaded, Store
from tallystick.core import canonical
from tallystick.core.admission import Admission
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.entries import NO_SEGMENT
from tallystick.core.erasure import without
from tallystick.core.errors import LocalError, MalformedBytesError, StoreUnavailableError
from tallystick.core.log import StoredLeaf
from tallystick.stores import rules
from tallystick.stores.book import Book, BookStore

_SEGMENT = bytes | None
_HEADS_REWRITTEN = 2  # the version of ``heads.cbor`` when files of a log were written anew
_SPACE_HEX = 64  # a space id in hexadecimal


@dataclass(frozen=True, slots=True)
class TornTail:
    """Bytes at the end of a file that no commit counts: a writer was stopped in the middle."""

    file: str
    bytes: int


@dataclass(frozen=True, slots=True)
class _Head:
    """What is committed of one log."""

    size: int = 0
    log_bytes: int = 0
    keys_bytes: int = 0
    checkpoint: Checkpoint | None = None
    generation: int = 0  # how often the files were written anew


# One agreement's folder


def read_folder(folder: Path) -> Loaded:
    """Return the agreement in ``folder``, as it was committed last.

    Raises:
        StoreUnavailableError: ``store-gone`` when a file is missing, ``store-damaged`` when one is shorter than was
            committed or not in the format.
    """
    genesis = _read(folder / "genesis.cbor")
    leaves: list[StoredLeaf] = []
    epoch_keys: dict[tuple[int, int], bytes] = {}
    checkpoints: dict[int, Checkpoint] = {}
    for log, head in _read_heads(folder).items():
        leaves += _read_leaves(folder, log, head)
        epoch_keys |= {(log, block): key for block, key in _read_keys(folder, log, head).items()}
        if head.checkpoint is not None:
            checkpoints[log] = head.checkpoint
    return Loaded(genesis, leaves, epoch_keys, checkpoints)


def _read_leaves(folder: Path, log: int, head: _Head) -> list[StoredLeaf]:
    path = folder / _name(log, head, "log")
    rows = _read_sequence(path, head.log_bytes, (bytes, _SEGMENT, _SEGMENT, _SEGMENT))
    if len(rows) != head.size:
        raise _damaged(path, expected=head.size, found=len(rows))
    return [StoredLeaf(log, index, *row) for index, row in enumerate(rows)]


def _name(log: int, head: _Head, suffix: str) -> str:
    return f"{log}.{head.generation}.{suffix}" if head.generation else f"{log}.{suffix}"


def torn_tails(folder: Path) -> tuple[TornTail, ...]:
    """Return what is in the files of ``folder`` beyond the last commit."""
    heads = _read_heads(folder)
    found: list[TornTail] = []
    for path in sorted(folder.glob("*.log")) + sorted(folder.glob("*.keys")):
        log = int(path.stem.partition(".")[0])
        head = heads.get(log, _Head())
        committed = head.log_bytes if path.suffix == ".log" else head.keys_bytes
        beyond = path.stat().st_size - (committed if path.name == _name(log, head, path.suffix[1:]) else 0)
        if beyond > 0:
            found.append(TornTail(path.name, beyond))
    return tuple(found)


def export_folder(loaded: Loaded, folder: Path, notes: Mapping[int, str]) -> None:
    """Write ``loaded`` into ``folder``, which is made if missing and must be empty, with ``notes`` beside the logs.

    Raises:
        LocalError: ``folder-not-empty``.
    """
    with _disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise LocalError("folder-not-empty", path=str(folder))
        for log, note in sorted(notes.items()):
            write_new(folder / f"{log}.note", note.encode())
        write_new(folder / "genesis.cbor", loaded.genesis)
        _grow(folder, {}, _everything(loaded))


def _everything(loaded: Loaded) -> Admission:
    return Admission(
        space=rules.sha256(loaded.genesis),
        before={},
        leaves=tuple(loaded.leaves),
        epoch_keys=loaded.epoch_keys,
        checkpoints=loaded.checkpoints,
        entries=(),
    )


def _grow(folder: Path, heads: Mapping[int, _Head], admission: Admission) -> None:
    """Write what ``admission`` adds behind what is committed, then commit it by replacing ``heads.cbor``."""
    after = rules.sizes_after(admission, {log: head.size for log, head in heads.items()})
    rows: dict[int, list[bytes]] = {}
    keys: dict[int, list[bytes]] = {}
    heads = dict(heads)
    given = {log: _read_keys(folder, log, head) for log, head in heads.items()}
    anew = {*admission.keep, *(one.log for one in admission.erase), *(one.log for one in admission.fill)}
    for log in sorted(anew):
        leaves = _read_leaves(folder, log, heads[log])
        if log in admission.keep:
            given[log] = _without_blocks(given[log], rules.lost_blocks(admission, log, len(leaves)))
            leaves = leaves[: admission.keep[log]]
        gone = {one.index: one.segments for one in admission.erase if one.log == log}
        filled = {one.index: one for one in admission.fill if one.log == log}
        leaves = [filled.get(x.index, without(x, gone.get(x.index, NO_SEGMENT))) for x in leaves]
        rows[log] = [_leaf_item(x) for x in leaves]
        replaced = [block for of, block in admission.epoch_keys if of == log]
        keys[log] = [_key_item(*item) for item in _without_blocks(given[log], replaced).items()]
        checkpoint = heads[log].checkpoint
        sealed = checkpoint is not None and checkpoint.size <= len(leaves)
        heads[log] = _Head(len(leaves), 0, 0, checkpoint if sealed else None, heads[log].generation + 1)
    for (log, block), key in sorted(admission.epoch_keys.items()):
        rules.check_secret(given.get(log, {}).get(block), key)
    for leaf in admission.leaves:
        rows.setdefault(leaf.log, []).append(_leaf_item(leaf))
    for (log, block), key in sorted(admission.epoch_keys.items()):
        keys.setdefault(log, []).append(_key_item(block, key))
    held = {log: head.checkpoint for log, head in heads.items() if head.checkpoint is not None}
    checkpoints = held | rules.newer(admission.checkpoints, held)

    grown = dict(heads)
    for log in sorted(rows.keys() | keys.keys() | checkpoints.keys()):
        head = heads.get(log, _Head())
        grown[log] = _Head(
            size=after.get(log, head.size),
            log_bytes=_append(folder / _name(log, head, "log"), head.log_bytes, rows.get(log, ())),
            keys_bytes=_append(folder / _name(log, head, "keys"), head.keys_bytes, keys.get(log, ())),
            checkpoint=checkpoints.get(log),
            generation=head.generation,
        )
    _write_heads(folder, grown)
    if anew:
        _remove_old_files(folder)


def _without_blocks(keys: Mapping[int, bytes], blocks: Iterable[int]) -> dict[int, bytes]:
    return {block: key for block, key in keys.items() if block not in set(blocks)}


def _leaf_item(leaf: StoredLeaf) -> bytes:
    return canonical.encode_trusted([leaf.leaf, leaf.core, leaf.detail, leaf.auth])


def _key_item(block: int, key: bytes) -> bytes:
    return canonical.encode_trusted([block, key])


def _remove_old_files(folder: Path) -> None:
    """Remove the files that were written anew, and what was never committed."""
    heads = _read_heads(folder)
    current = {_name(log, head, suffix) for log, head in heads.items() for suffix in ("log", "keys")}
    for path in [*folder.glob("*.log"), *folder.glob("*.keys")]:
        if path.name not in current:
            path.unlink()
    rules.sync_folder(folder)


def _append(path: Path, committed: int, items: Iterable[bytes]) -> int:
    """Write ``items`` behind the committed bytes, cutting off a torn tail; return the new length, safe on the disk."""
    more = b"".join(items)
    if not more:
        return committed
    with os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "r+b") as file:
        if file.seek(0, os.SEEK_END) < committed:
            raise _damaged(path, expected=committed, found=file.tell())
        file.truncate(committed)
        file.seek(committed)
        file.write(more)
        file.flush()
        os.fsync(file.fileno())
    return committed + len(more)


def _read_heads(folder: Path) -> dict[int, _Head]:
    path = folder / "heads.cbor"
    try:
        version, rows = canonical.decode(_read(path))
        rules.check_format(version, known=_HEADS_REWRITTEN, path=str(path))
        if not all(type(n) is int and n >= 0 for row in rows for n in (*row[:4], *row[5:])):
            raise ValueError("not numbers")
        return {
            log: _Head(size, log_bytes, keys_bytes, Checkpoint(*checkpoint) if checkpoint else None, *generation)
            for log, size, log_bytes, keys_bytes, checkpoint, *generation in rows
        }
    except (MalformedBytesError, ValueError, TypeError) as error:
        raise _damaged(path, why=str(error)) from error


def _write_heads(folder: Path, heads: Mapping[int, _Head]) -> None:
    rows = [
        [log, x.size, x.log_bytes, x.keys_bytes, x.checkpoint, *([x.generation] if x.generation else [])]
        for log, x in sorted(heads.items())
    ]
    version = _HEADS_REWRITTEN if any(head.generation for head in heads.values()) else rules.FORMAT
    _replace(folder / "heads.cbor", canonical.encode_trusted([version, rows]))


def _read_keys(folder: Path, log: int, head: _Head) -> dict[int, bytes]:
    path = folder / _name(log, head, "keys")
    return dict(_read_sequence(path, head.keys_bytes, (int, bytes))) if head.keys_bytes else {}  # the last one counts


def _read_sequence(path: Path, committed: int, fields: tuple[type | UnionType, ...]) -> list[list[Any]]:
    """Return the arrays of ``fields`` in the first ``committed`` bytes of a CBOR sequence."""
    data = _read(path)[:committed] if committed else b""
    if len(data) < committed:
        raise _damaged(path, expected=committed, found=len(data))
    rows: list[Any] = []
    source = io.BytesIO(data)
    decoder = cbor2.CBORDecoder(source)
    try:
        while source.tell() < committed:
            rows.append(decoder.decode())
    except (cbor2.CBORDecodeError, ValueError) as error:
        raise _damaged(path, why=str(error)) from error
    if not all(isinstance(row, list) and len(row) == len(fields) and all(map(isinstance, row, fields)) for row in rows):
        raise _damaged(path, why=f"not a sequence of arrays of {len(fields)}")
    return rows


# Disk


def _damaged(path: Path, **facts: object) -> StoreUnavailableError:
    return StoreUnavailableError("store-damaged", path=str(path), **facts)


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise rules.disk_unavailable(error, Path(error.filename or path)) from error


def _read(path: Path) -> bytes:
    with _disk(path):
        return path.read_bytes()


def write_new(path: Path, data: bytes) -> None:
    """Write a new file that only we can read, and wait until it is on the disk."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path`` in one step: a reader, or a machine that stops, sees the old bytes or the new ones."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    write_new(part, data)
    part.replace(path)
    rules.sync_folder(path.parent)


# The store


class FileStore(BookStore):
    """A folder with one folder per agreement; ``lock`` lets one writer in at a time, of any process."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._lock = threading.RLock()
        with _disk(self._root):
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def create_space(self, genesis: bytes) -> bytes:
        space = rules.sha256(genesis)
        with self._locked():
            folders = self._folders()
            if space not in folders:
                unfinished = self._root / "unfinished"  # takes its name when it is whole
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir(mode=0o700)
                write_new(unfinished / "genesis.cbor", genesis)
                _write_heads(unfinished, {})
                unfinished.rename(self._root / f"{len(folders) + 1:04d}-{space.hex()}")
        return space

    def spaces(self) -> tuple[bytes, ...]:
        with _disk(self._root):
            return tuple(self._folders())

    def sizes(self, space: bytes) -> dict[int, int]:
        return {log: head.size for log, head in _read_heads(self.folder(space)).items() if head.size}

    def load(self, space: bytes) -> Loaded:
        folder = self.folder(space)
        heads = _read_heads(folder)
        try:
            return read_folder(folder)
        except StoreUnavailableError:
            if _read_heads(folder) == heads:
                raise
            return read_folder(folder)  # its files were written anew while we read

    def append(self, admission: Admission) -> None:
        with self._locked():
            folder = self.folder(admission.space)
            if admission.erase:
                book = self._read_book()
                book.facts[rules.due_name(admission.space)] = b""
                _replace(self._root / "book.cbor", book.to_bytes())
            _grow(folder, _read_heads(folder), admission)

    def purge(self) -> bool:
        with self._locked():
            book = self._read_book()
            if not book.purge():
                return False
            for folder in self._folders().values():
                _remove_old_files(folder)
            _replace(self._root / "book.cbor", book.to_bytes())
            return True

    def export(self, space: bytes, folder: Path, notes: Mapping[int, str] | None = None) -> None:
        export_folder(self.load(space), folder, notes or {})

    def backup(self, path: Path) -> None:
        backup_folder(self, path)

    def probe(self) -> int | None:
        with self._locked():
            return shutil.disk_usage(self._root).free

    def close(self) -> None:
        """Nothing to let go of: files are open only while they are read or written."""

    def folder(self, space: bytes) -> Path:
        """Return the folder of one agreement.

        Raises:
            LocalError: ``unknown-space``.
        """
        with _disk(self._root):
            folders = self._folders()
        if space not in folders:
            raise rules.unknown_space(space)
        return folders[space]

    def _folders(self) -> dict[bytes, Path]:
        named = ((path.name.partition("-")[2], path) for path in sorted(self._root.iterdir()) if path.is_dir())
        return {bytes.fromhex(name): path for name, path in named if len(name) == _SPACE_HEX}

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Be the only writer, among threads and processes, while the block runs."""
        with self._lock, _disk(self._root), (self._root / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _book(self, *, write: bool) -> Iterator[Book]:
        if not write:
            yield self._read_book()
            return
        with self._locked():
            book = self._read_book()
            yield book
            _replace(self._root / "book.cbor", book.to_bytes())

    def _read_book(self) -> Book:
        path = self._root / "book.cbor"
        with _disk(path):
            if not path.exists():
                return Book()
        try:
            return Book.from_bytes(_read(path))
        except (MalformedBytesError, ValueError, TypeError) as error:
            raise _damaged(path, why=str(error)) from error


# Copies


def backup_folder(source: Store, path: Path) -> None:
    """Write all of ``source`` as a :class:`FileStore` at ``path``, which appears when it is whole.

    Raises:
        LocalError: ``backup-exists``.
    """
    if path.exists():
        raise LocalError("backup-exists", path=str(path))
    part = path.with_name(path.name + ".part")
    with _disk(path):
        shutil.rmtree(part, ignore_errors=True)
        copy_store(source, FileStore(part))
        part.rename(path)


def copy_store(source: Store, target: Store) -> None:
    """Bring everything that ``source`` holds into ``target``, which is empty: a backup, a restore, a move.

    Of refused bytes beyond what is kept, the length and hash of the whole go into the facts.
    """
    for space in source.spaces():
        loaded = source.load(space)
        target.create_space(loaded.genesis)
        target.append(_everything(loaded))
        for early in source.waiting(space):
            target.put_waiting(space, early.bundle)
    for old in reversed(source.aside()):
        cut = {} if old.size == len(old.body) else {"whole_bytes": old.size, "whole_sha256": old.digest}
        target.set_aside(old.space, old.body, old.code, {**old.facts, **cut}, old.at)
    for peer in source.peers():
        target.put_peer(peer)
    for name, value in source.remembered().items():
        target.remember(name, value)
