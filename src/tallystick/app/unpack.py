"""An evidence file as plain files, for tools that are not ours: OpenSSL, sha256sum, and any reader of RFC 6962 proofs.

Decides their names and forms. Each log has a folder; everything in it is what stands in the file, cut apart, or follows
from its hashes: an inclusion proof for each leaf, a consistency proof for each root that somebody acknowledged. Leaves
the checking to docs/guides/verify-without-tallystick.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from tallystick.app import evidence as files
from tallystick.app.evidence import Evidence, LogShown
from tallystick.app.node import Desk
from tallystick.core import checkpoint, merkle
from tallystick.core.agreement import Genesis
from tallystick.core.canonical import decode
from tallystick.core.entries import Fork, Grant, from_array
from tallystick.core.errors import MalformedBytesError
from tallystick.core.identity import PARTIES_MAX, EntryRef, grant_of, party_of
from tallystick.core.log import ActLeaf, CtxLeaf

_SEGMENTS = ("core", "detail", "auth")


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the plain files of an evidence file, by name.

    Raises:
        RemoteError: it is no evidence file, or its parts do not belong together.
    """
    evidence = files.read(data)
    genesis = Genesis.read(evidence.genesis)
    found = {"genesis.cbor": evidence.genesis}
    acknowledged = list(_acknowledged(evidence))
    for log in evidence.logs:
        found.update(_log(log, genesis, evidence, {size for _, other, size in acknowledged if other == log.log}))
    # One of a log that is shown stands here also when it names more leaves than the head: that it cannot be checked is
    # for the reader to see.
    shown = {log.log for log in evidence.logs}
    lines = [f"{ref.log}/{ref.index}.leaf {log} {size}\n" for ref, log, size in acknowledged if log in shown and size]
    return {**found, "acknowledgements": "".join(lines).encode()}


def forks(desk: Desk) -> dict[str, bytes]:
    """Return the evidence of every log with two histories as plain files, by name; empty when there is none."""
    found: dict[str, bytes] = {}
    for log, cut in sorted(desk.space.cuts.items()):
        said, key = desk.space.entry(cut.ref).body, desk.space.key_of(log)
        assert isinstance(said, Fork)
        assert key is not None
        found[f"{log}/vkey"] = f"{checkpoint.vkey(desk.space.origin(log), key)}\n".encode()
        found[f"{log}/index"] = f"{said.index}\n".encode()
        for history, note, leaf, path in (
            ("a", said.note_a, said.leaf_a, said.path_a),
            ("b", said.note_b, said.leaf_b, said.path_b),
        ):
            found[f"{log}/{history}.note"] = note.encode()
            found[f"{log}/{history}.hash"] = leaf
            found[f"{log}/{history}.inclusion"] = b"".join(path)
    return found


def _acknowledged(evidence: Evidence) -> Iterator[tuple[EntryRef, int, int]]:
    """Yield which leaf says that it holds which log up to which size."""
    for log in evidence.logs:
        for shown in log.leaves:
            if isinstance(shown.read, CtxLeaf):
                for sight in shown.read.sights:
                    yield EntryRef(log.log, shown.index), sight.log, sight.size


def _log(log: LogShown, genesis: Genesis, evidence: Evidence, sizes: set[int]) -> Iterator[tuple[str, bytes]]:
    key, size = _key_of(log.log, genesis, evidence), log.note.split("\n")[1:2]
    if key is None or not size or not size[0].isdecimal():
        raise MalformedBytesError("malformed-evidence", part=f"log {log.log}")
    head = int(size[0])
    cuts = {cut for cut in sizes if 0 < cut <= head}
    leaves = {shown.index: merkle.leaf_hash(shown.leaf) for shown in log.leaves}
    try:
        tree = merkle.Shown(head, leaves, cuts, log.hashes)
    except ValueError:
        raise MalformedBytesError("malformed-evidence", part=f"log {log.log}, hashes") from None
    folder = str(log.log)
    yield f"{folder}/note", log.note.encode()
    yield f"{folder}/key", key
    yield f"{folder}/vkey", f"{checkpoint.vkey(checkpoint.origin(genesis, log.log), key)}\n".encode()
    for shown in log.leaves:
        name = f"{folder}/{shown.index}"
        yield f"{name}.leaf", shown.leaf
        yield f"{name}.inclusion", b"".join(tree.inclusion(shown.index))
        for what, segment in zip(_SEGMENTS, shown.segments or (), strict=False):
            if segment is not None:
                yield f"{name}.{what}", segment.data
                yield f"{name}.{what}.salt", segment.salt
    for cut in sorted(cuts):
        yield f"{folder}/{cut}.root", tree.root(cut)
        yield f"{folder}/{cut}.consistency", b"".join(tree.consistency(cut))


def _key_of(log: int, genesis: Genesis, evidence: Evidence) -> bytes | None:
    """Return the key of a log, from the agreement or from its grant; whether it is acceptable is not asked."""
    party = party_of(log)
    if log < PARTIES_MAX:
        return genesis.parties[party].root_key if party < len(genesis.parties) else None
    for admin in evidence.logs:
        for shown in admin.leaves if admin.log == party else ():
            if (
                shown.index == grant_of(log)
                and isinstance(shown.read, ActLeaf)
                and shown.segments
                and shown.segments[0]
            ):
                body = from_array(shown.read.kind, decode(shown.segments[0].data))
                return body.key if isinstance(body, Grant) else None
    return None
