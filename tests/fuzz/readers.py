"""Every reader of foreign bytes, as one function each: bytes in, nothing out, and only our own errors.

``READERS`` names them. What one raises besides what it may (``Reader.may_raise``) is a bug. Readers behind a signature
are tried twice: with the signature checked, and as if its writer held the key (``body``, ``knock``), since a partner
does. ``seeds`` gives each reader real bytes to begin with, made by the program as it is now; what fuzzing has found
besides lies in ``corpus``.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from tests.exhaustive import small
from tests.golden import record_story
from tests.keepers import DICTIONARY

from tallystick.app import (
    attest,
    digests,
    exchange,
    fields,
    forks,
    pairing,
    recover,
    unpack,
    verify_courier,
    verify_evidence,
)
from tallystick.app.node import Desk
from tallystick.app.prove import prove
from tallystick.app.verify import audit
from tallystick.core import bundle as wire
from tallystick.core import canonical, checkpoint, held, log, reading
from tallystick.core.agreement import Genesis
from tallystick.core.entries import BODIES, Unreadable, from_array, to_array
from tallystick.core.errors import LocalError, MalformedBytesError, RemoteError, StoreError
from tallystick.core.fold import PROFILE, Fold
from tallystick.core.identity import EntryRef
from tallystick.core.space import Space
from tallystick.stores import MemoryStore, backups, files, officer_keys, open_store
from tallystick.web import link

ROOM = "TALLYSTICK_FUZZ_ROOM"
CORPUS = Path(__file__).with_name("corpus")
ASIDE_MAX = 50  # refused bundles kept before a receiver is made anew


Opened = tuple[bytes, Callable[[bytes], bytes]]  # a part worth mutating, and how to put another one in its place


@dataclass(frozen=True)
class Reader:
    read: Callable[[bytes], object]
    seeds: Callable[[], Iterator[bytes]]
    may_raise: tuple[type[Exception], ...] = (RemoteError,)
    longest: int = 4096  # bytes worth trying
    open: Callable[[bytes, Random], Opened] | None = None  # for what comes packed: mutating the packed bytes is in vain

    def __call__(self, data: bytes) -> None:
        with suppress(*self.may_raise):
            self.read(data)


# ---- what the readers read against


_story = cache(record_story)


def _sent(dictionary: bytes = b"") -> list[bytes]:
    return _story(dictionary)[2]


@cache
def _held(dictionary: bytes) -> tuple[Any, ...]:
    """What the listener's space holds, to be restored for each input: it has heard the first bundles of the story."""
    genesis = _story(dictionary)[0].space.genesis
    heard = Space(genesis, dictionary)
    leaves: list[log.StoredLeaf] = []
    keys: dict[tuple[int, int], bytes] = {}
    heads: dict[int, Any] = {}
    for bundle in _sent(dictionary)[:4]:
        admission = heard.read(bundle)
        heard.apply(admission)
        leaves += admission.leaves
        keys.update(admission.epoch_keys)
        heads.update(admission.checkpoints)
    return genesis, sorted(leaves, key=lambda leaf: leaf[:2]), keys, heads


@cache
def _listener(dictionary: bytes = b"") -> Space:
    """Return the listener's space; whoever lets it take something in forgets it afterwards (``cache_clear``)."""
    genesis, leaves, keys, heads = _held(dictionary)
    return Space.restore(genesis, leaves, keys, heads, dictionary=dictionary)


@cache
def _node() -> small.Small:
    return small.make(_new_folder())


def room() -> str | None:
    """Return where temporary files go: what ``ROOM`` names (and its maker removes), else memory, if there is a way."""
    return os.environ.get(ROOM) or ("/dev/shm" if Path("/dev/shm").is_dir() else None)


def _new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tallystick-fuzz-", dir=room()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _desk_in_memory() -> Desk:
    store = MemoryStore()
    files.copy_store(_node().japan.store, store)
    return small.desk_copy(_node().japan.desk(), store=store)


@cache
def _before_courier() -> tuple[bytes, Desk]:
    desk = _node().japan.desk()
    return desk.store.load(desk.id).genesis, desk


# ---- the readers


def _bundle(data: bytes) -> None:
    for dictionary in (b"", DICTIONARY):
        space = _listener(dictionary)
        with suppress(RemoteError):
            admission = space.read(data)
            _listener.cache_clear()
            space.apply(admission)


def _sequence(data: bytes) -> None:
    for bundle in wire.split_sequence(data):
        wire.read_envelope(bundle)


def _body(data: bytes) -> None:
    """A bundle by someone who holds the keys: every check but the signature's, then the meaning of what it says."""
    space = _listener()
    ranges, _ = wire.read_head(data)
    keys = _held(b"")[2]
    raw = b"".join(
        bytes(64) + b"".join(keys.get((part.log, block), bytes(32)) for block in wire.new_blocks(part))
        for part in ranges
    )
    checked, reading.verify = reading.verify, lambda *_: True
    try:
        admission = space.read(canonical.encode_trusted([1, space.id[:4], 0, data, raw]))
    finally:
        reading.verify = checked
    _listener.cache_clear()
    space.apply(admission)
    fold = Fold(space.genesis)
    fold.extend(space.acts())
    fold.record.digest  # noqa: B018 (every view is made for it)
    fold.record.ledger.open_items()


@cache
def _receiver() -> Desk:
    genesis, desk = _before_courier()
    store = MemoryStore()
    store.create_space(genesis)
    return small.desk_copy(desk, store=store)


def _courier(data: bytes) -> None:
    try:
        exchange.receive(_receiver(), data)
    finally:
        desk = _receiver()
        if desk.space.sizes() or desk.store.waiting(desk.id) or len(desk.store.aside_brief()) > ASIDE_MAX:
            _receiver.cache_clear()


def _sealed(data: bytes) -> None:
    _node().japan.keys.unseal(data)


@cache
def _exported() -> tuple[Path, dict[str, bytes]]:
    from click.testing import CliRunner

    from tallystick.cli.main import cli

    folder = _new_folder() / "export"
    done = CliRunner().invoke(cli, ["--node", str(_node().japan.settings.folder), "export", str(folder)])
    assert done.exit_code == 0, done.output
    return folder, {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _folder(data: bytes) -> None:
    """One file of an export folder is foreign: the first byte says which."""
    folder, whole = _exported()
    name = sorted(whole)[data[0] % len(whole)] if data else "heads.cbor"
    (folder / name).write_bytes(data[1:])
    try:
        loaded = files.read_folder(folder)
        files.torn_tails(folder)
        notes = {int(x.stem): x.read_bytes().decode("utf-8", "replace") for x in folder.glob("*.note")}
    finally:
        (folder / name).write_bytes(whole[name])
    audit(loaded, notes)


def _database(data: bytes) -> None:
    path = _exported()[0].parent / "foreign.db"
    path.write_bytes(data)
    store = open_store(f"sqlite:///{path}?mode=ro")
    try:
        store.check()
        for space in store.spaces():
            audit(store.load(space))
    finally:
        store.close()


def _evidence(data: bytes) -> None:
    verify_evidence.check(data)


def _unpacked(data: bytes) -> None:
    """An evidence file cut into plain files for other people's tools."""
    unpack.unpack(data)


def _carried(data: bytes) -> None:
    """An opened courier file that is checked on a record, without a node."""
    verify_courier.check(data, _desk_in_memory().store.load(_desk_in_memory().id))


def _heads_asked(data: bytes) -> None:
    forks.differences(_desk_in_memory(), data)


def _heads_answered(data: bytes) -> None:
    """Another history of a log, by someone who holds its key: every check but the signature's."""
    checked, held.verify = held.verify, lambda *_: True
    try:
        if forks.look(_desk_in_memory(), lambda _asked: data) is not None:
            _desk_in_memory.cache_clear()
    finally:
        held.verify = checked


def _digests_asked(data: bytes) -> None:
    attest.answer(_desk_in_memory(), data)


def _digests_answered(data: bytes) -> None:
    attest._read_answer(data)


def _recover(data: bytes) -> None:
    """A ship's request for a new writer: every check but its signatures'."""
    recover_signing = recover.signing
    checked, recover_signing.verify = recover_signing.verify, lambda *_: True
    try:
        recover.read_request(data)
    finally:
        recover_signing.verify = checked


def _genesis(data: bytes) -> None:
    genesis = Genesis.read(data)
    assert genesis.bytes == data
    Fold(genesis)


def _card(data: bytes) -> None:
    pairing.read_card(data)


def _armoured_card(data: bytes) -> None:
    pairing.read_card(pairing.unarmour(data.decode("utf-8", "replace")))


def _knock(data: bytes) -> None:
    """A knock by someone who holds the key it names: every check but the signatures'."""
    pairing_signing = pairing.signing
    checked, pairing_signing.verify = pairing_signing.verify, lambda *_: True
    try:
        pairing.read_knock(data)
    finally:
        pairing_signing.verify = checked


def _note(data: bytes) -> None:
    space = _story()[0].space
    key = space.key_of(16)
    assert key is not None
    checkpoint.read_note(data.decode("utf-8", "replace"), space.origin(16), key)


def _leaf(data: bytes) -> None:
    read = log.read_leaf(data)
    assert canonical.encode(canonical.decode(data)) == data
    assert log.read_trusted(data) == read


def _entry(data: bytes) -> None:
    """The fields of an act: the kind, then its core. What it reads it must write back the same."""
    kind, core = (data[0], data[1:]) if data else (0, b"")
    body = from_array(kind, canonical.decode(core))
    if not isinstance(body, Unreadable):
        assert canonical.encode(to_array(body)) == core


def _manifest(data: bytes) -> None:
    """What a backup says of itself: it may come from a stick that somebody else had."""
    folder = _exported()[0].parent / "backup"
    folder.mkdir(exist_ok=True)
    (folder / backups.MANIFEST).write_bytes(data)
    backups.changed_files(folder, backups.read_manifest(folder))


def _digest_list(data: bytes) -> None:
    digests.compare_list(_desk_in_memory(), data.decode("utf-8", "replace"))


def _officer_key(data: bytes) -> None:
    """An officer's sealed key as a file; opened by a passkey's secret, which costs no time."""
    sealed = officer_keys.parse_file(data)
    officer_keys.salt_of(sealed)
    officer_keys.open_with_passkey(sealed, bytes(officer_keys.PRF_BYTES))


def _refusal(data: bytes) -> None:
    """The facts with which a partner's node refuses something."""
    facts = link._facts(data)
    assert all(type(value) is str for value in facts.values())


def _act(data: bytes) -> None:
    """An act in a reader's terms, as the API, the pages and the command line take it: the kind, then JSON."""
    kinds = list(BODIES)
    kind = kinds[data[0] % len(kinds)] if data else kinds[0]
    try:
        given = json.loads(data[1:])
    except (ValueError, RecursionError):
        return
    body = fields.from_json(kind, given, who=3, context=_CONTEXT)
    assert fields.from_json(kind, fields.to_json(body, _CONTEXT), who=3, context=_CONTEXT) == body


_CONTEXT = fields.Context("INR", {1: "KGM", 2: "L15", 3: "EA"})


# ---- real bytes to begin with


def _bundles() -> Iterator[bytes]:
    yield from _sent()
    yield b"".join(_sent())
    yield from _sent(DICTIONARY)


def _bodies() -> Iterator[bytes]:
    for bundle in _sent():
        envelope = wire.read_envelope(bundle)
        yield wire.Codec().unpack(envelope.codec, envelope.body)


def _courier_files() -> Iterator[bytes]:
    yield _node().japan.keys.unseal(small.courier_file(_node()).data)


def _exported_files() -> Iterator[bytes]:
    for number, (_, data) in enumerate(sorted(_exported()[1].items())):
        yield bytes([number]) + data


def _databases() -> Iterator[bytes]:
    yield small.database(_node(), _new_folder() / "whole.db").read_bytes()


def _proofs() -> Iterator[bytes]:
    made = _node()
    yield prove(made.japan.desk(), made.request)
    yield prove(made.japan.desk(), made.request, whole=True)


def _head_answers() -> Iterator[bytes]:
    space = _desk_in_memory().space
    for number, size in space.sizes().items():
        head = space.checkpoint(number)
        if head is not None and head.size == size:
            other = space.leaf_hashes(number, size)[:-32] + bytes(32)
            yield canonical.encode([[number, *head, space.leaf_hashes(number, size)]])
            yield canonical.encode([[number, *head, other]])


def _digest_questions() -> Iterator[bytes]:
    desk = _desk_in_memory()
    yield attest.question(tuple(desk.space.sizes().items()), desk.record)


def _digest_answers() -> Iterator[bytes]:
    record = _desk_in_memory().record
    told = [[order.log, order.index, bytes(32)] for order in record.orders]
    yield canonical.encode([PROFILE, [1, 2, 3], told])


def _requests() -> Iterator[bytes]:
    desk, keys = _desk_in_memory(), _node().japan.keys
    fields_ = [
        desk.id, "JP", "Tokyo", keys.public("writer"), keys.public("root"), keys.age_recipient(), 3,
        desk.space.root(desk.log, 3),
    ]  # fmt: skip
    yield canonical.encode([canonical.encode(fields_), bytes(64), bytes(64)])


def _cards() -> Iterator[bytes]:
    yield pairing.own_card(_node().japan)


def _armoured_cards() -> Iterator[bytes]:
    yield pairing.armour(pairing.own_card(_node().japan)).encode()


def _knocks() -> Iterator[bytes]:
    yield pairing.make_knock(_node().japan, _node().japan.desk().genesis)


def _notes() -> Iterator[bytes]:
    yield from (data for name, data in _exported()[1].items() if name.endswith(".note"))
    story = _story()[0]
    space = story.space
    text = checkpoint.text(space.origin(16), space.size(16), space.root(16, space.size(16)))
    key, signature = space.key_of(16), story.sign(16, text)
    assert key is not None
    assert signature is not None
    head = checkpoint.Checkpoint(space.size(16), space.root(16, space.size(16)), signature)
    yield checkpoint.note(space.origin(16), key, head).encode()


def _stored() -> Iterator[log.StoredLeaf]:
    space = _story()[0].space
    for number, size in space.sizes().items():
        for index in range(size):
            yield space.stored(EntryRef(number, index))


def _leaves() -> Iterator[bytes]:
    yield from (stored.leaf for stored in _stored())


def _entries() -> Iterator[bytes]:
    for stored in _stored():
        if stored.core is not None:
            yield bytes([canonical.decode(stored.leaf)[0]]) + stored.core


def _acts() -> Iterator[bytes]:
    kinds = list(BODIES)
    for entry in _story()[0].space.acts():
        if not isinstance(entry.body, Unreadable):
            told = fields.to_json(entry.body, _CONTEXT)
            told.pop("who", None)
            yield bytes([kinds.index(entry.body.KIND)]) + json.dumps(told).encode()


def _genesis_seeds() -> Iterator[bytes]:
    yield _story()[0].space.genesis.bytes
    yield _node().japan.desk().genesis.bytes


def _manifests() -> Iterator[bytes]:
    folder = _new_folder()
    (folder / "a file").write_bytes(b"something")
    desk = _node().japan.desk()
    kept = backups.kept(_node().japan.store)
    backups.write_manifest(
        folder,
        made_at=1,
        party="JP",
        node_name="Tokyo",
        holds=desk.record.digest.hex(),
        signing_keys=[bytes(32)],
        agreements=kept,
    )
    yield (folder / backups.MANIFEST).read_bytes()
    yield b'{"format": 1e999}'


def _digest_lists() -> Iterator[bytes]:
    yield digests.write_list(_desk_in_memory()).encode()


def _officer_keys() -> Iterator[bytes]:
    ids = _node().japan.ids
    folder = _new_folder()
    sealed = officer_keys.create("correct horse battery staple", ids)
    passkey = officer_keys.seal_to_passkey(sealed, "correct horse battery staple", bytes(32), bytes(32), ids)
    for number, one in enumerate((sealed, passkey)):
        officer_keys.write_file(folder / str(number), one)
        yield (folder / str(number)).read_bytes()


def _refusals() -> Iterator[bytes]:
    yield json.dumps({"limit": 16, "what": "bundle", "entry": "16.3"}).encode()


# ---- what is packed, opened


def _packed(data: bytes, dice: Random) -> Opened:
    """Open one of the bundles in ``data``: what is mutated is its unpacked body, or what stands beside it."""
    bundles = wire.split_sequence(data)
    place = dice.randrange(len(bundles))
    envelope = wire.read_envelope(bundles[place])
    space = envelope.space.ljust(32, b"\0")
    for dictionary in (DICTIONARY, b""):
        codec = wire.Codec(dictionary)
        with suppress(RemoteError):
            body = codec.unpack(envelope.codec, envelope.body)
            break
    else:
        raise MalformedBytesError
    beside = dice.random() < 0.2

    def closed(new: bytes) -> bytes:
        said, raw = (body, new) if beside else (new, envelope.raw)
        again = wire.write_envelope(space, codec, body=said, raw=raw, have=envelope.have, question=envelope.question)
        return b"".join([*bundles[:place], again, *bundles[place + 1 :]])

    return envelope.raw if beside else body, closed


READERS: dict[str, Reader] = {
    "bundle": Reader(_bundle, _bundles, open=_packed),
    "sequence": Reader(_sequence, _bundles),
    "body": Reader(_body, _bodies),
    "courier": Reader(_courier, _courier_files, open=_packed),
    "sealed": Reader(_sealed, lambda: iter([small.courier_file(_node()).data])),
    "folder": Reader(_folder, _exported_files, (RemoteError, StoreError)),
    "database": Reader(_database, _databases, (RemoteError, StoreError), 65_536),
    "evidence": Reader(_evidence, _proofs, (), 16_384),
    "unpacked evidence": Reader(_unpacked, _proofs, (RemoteError,), 16_384),
    "courier file to verify": Reader(_carried, _courier_files, open=_packed),
    "heads asked": Reader(_heads_asked, lambda: iter([canonical.encode(forks.heads(_desk_in_memory()))])),
    "heads answered": Reader(_heads_answered, _head_answers),
    "digests asked": Reader(_digests_asked, _digest_questions, (RemoteError,), 8192),
    "digests answered": Reader(_digests_answered, _digest_answers),
    "recover request": Reader(_recover, _requests),
    "genesis": Reader(_genesis, _genesis_seeds),
    "card": Reader(_card, _cards),
    "armoured card": Reader(_armoured_card, _armoured_cards),
    "knock": Reader(_knock, _knocks, (RemoteError,), 8192),
    "note": Reader(_note, _notes),
    "leaf": Reader(_leaf, _leaves),
    "entry": Reader(_entry, _entries),
    "act": Reader(_act, _acts, (LocalError,)),
    "backup manifest": Reader(_manifest, _manifests, (LocalError,)),
    "digest list": Reader(_digest_list, _digest_lists, (LocalError,)),
    "officer key": Reader(_officer_key, _officer_keys, (LocalError,)),
    "refusal": Reader(_refusal, _refusals, ()),
}


def _broken(data: bytes) -> None:
    """Raise what no reader may, to see that it is found."""
    if data.startswith(b"!"):
        raise ValueError(data)


BROKEN = Reader(_broken, lambda: iter([b"x"]))
