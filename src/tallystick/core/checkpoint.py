"""Checkpoints: the text that a writer signs to vouch for its whole log, and the signed note an auditor checks.

Decides the bytes: C2SP ``tlog-checkpoint`` text without extension lines, C2SP ``signed-note`` around it, Ed25519 key
ids. The text never travels between nodes: the receiver rebuilds it, and the signature shows that it rebuilt the same.
Leaves to ``signing`` what a valid signature is.

Source: https://c2sp.org/tlog-checkpoint and https://c2sp.org/signed-note, v1.0.0; docs/spec/log.md.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from typing import NamedTuple

from tallystick.core.agreement import Genesis
from tallystick.core.errors import MalformedBytesError
from tallystick.core.signing import SIGNATURE_BYTES, verify

_ED25519 = b"\x01"  # the signature type of C2SP signed-note
_NOTE_MAX = 4096  # bytes; ours have about 250


class Checkpoint(NamedTuple):
    """A signed head: ``signature`` is the writer's over the text of ``size`` and ``root``."""

    size: int
    root: bytes
    signature: bytes


def origin(genesis: Genesis, log: int) -> str:
    """Return the name of a log in the world: ``<agreement>/<8 hex of its space id>/<log id>``.

    The agreement's name holds only what the key name of a note may (``Genesis`` checks it).
    """
    return f"{genesis.name}/{genesis.space_id.hex()[:8]}/{log}"


def text(origin_: str, size: int, root: bytes) -> bytes:
    """Return what is signed: three lines."""
    return f"{origin_}\n{size}\n{b64encode(root).decode()}\n".encode()


def key_id(origin_: str, key: bytes) -> bytes:
    """Return the four bytes by which a note's signature line names its key."""
    return hashlib.sha256(origin_.encode() + b"\n" + _ED25519 + key).digest()[:4]


def vkey(origin_: str, key: bytes) -> str:
    """Return the key line that standard tools verify notes of this log with."""
    return f"{origin_}+{key_id(origin_, key).hex()}+{b64encode(_ED25519 + key).decode()}"


def note(origin_: str, key: bytes, checkpoint: Checkpoint) -> str:
    """Return the signed note: the text, an empty line, the signature line."""
    signed = b64encode(key_id(origin_, key) + checkpoint.signature).decode()
    return f"{text(origin_, checkpoint.size, checkpoint.root).decode()}\n— {origin_} {signed}\n"


def read_note(data: str, origin_: str, key: bytes) -> Checkpoint:
    """Return the checkpoint of a signed note by ``key`` for the log ``origin_``; other signature lines are ignored.

    Raises:
        MalformedBytesError: not such a note, or its signature does not count.
    """
    body, blank, lines = data.partition("\n\n")
    parts = body.split("\n")
    if len(data) > _NOTE_MAX or not blank or len(parts) != 3 or parts[0] != origin_ or not re.fullmatch(
        r"0|[1-9][0-9]{0,15}", parts[1]
    ):  # fmt: skip
        raise MalformedBytesError(what="checkpoint note", origin=origin_)
    wanted = key_id(origin_, key)
    for line in lines.split("\n"):
        start = f"— {origin_} "
        if not line.startswith(start):
            continue
        root, signed = _base64(parts[2]), _base64(line[len(start) :])
        if signed[:4] == wanted and len(signed) == 4 + SIGNATURE_BYTES and len(root) == 32:
            found = Checkpoint(int(parts[1]), root, signed[4:])
            if verify(key, text(origin_, found.size, found.root), found.signature):
                return found
    raise MalformedBytesError(what="checkpoint note", origin=origin_)


def _base64(data: str) -> bytes:
    try:
        found = b64decode(data)
    except ValueError:
        raise MalformedBytesError(what="base64") from None
    if b64encode(found).decode() != data:  # other letters are left out, and the last one has bits that mean nothing
        raise MalformedBytesError(what="base64")
    return found
