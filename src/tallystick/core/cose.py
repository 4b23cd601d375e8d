"""An officer's own signature: COSE_Sign1 (RFC 9052) with Ed25519 and a detached payload, in its one form here.

Decides the bytes an officer signs and the envelope they travel in. There is one header (``alg`` EdDSA, protected) and
one encoding, so an envelope cannot be changed without being refused. Leaves to ``warrants`` when a signature is needed
and whose key checks it.

Source: RFC 9052, 4.2 and 4.4; RFC 9053, 2.2; docs/spec/log.md, "Officers' signatures".
"""

from __future__ import annotations

from functools import lru_cache

from tallystick.core import signing
from tallystick.core.canonical import encode_trusted
from tallystick.core.entries import Entry

EDDSA = b"\xa1\x01\x27"  # the protected header {1: -8}
_HEAD = b"\xd2\x84\x43" + EDDSA + b"\xa0\xf6\x58\x40"  # tag 18, [protected, {}, nil, 64 bytes]
_REMEMBERED = 16_384  # signatures not verified twice: an order is read again with each entry that comes to it


def payload(space: bytes, entry: Entry) -> bytes:
    """Return what the signature is over: agreement, log, kind, time, object, and the hashes of what is said."""
    obj = None if entry.obj is None else list(entry.obj)
    return encode_trusted([space, entry.ref.log, int(entry.kind), entry.t, obj, entry.core_hash, entry.detail_hash])


def to_be_signed(signed: bytes, protected: bytes = EDDSA) -> bytes:
    """Return the Sig_structure of RFC 9052, 4.4, without external data: the very bytes that go into Ed25519."""
    return encode_trusted(["Signature1", protected, b"", signed])


def envelope(signature: bytes) -> bytes:
    """Return the tagged COSE_Sign1 around a 64-byte signature."""
    assert len(signature) == signing.SIGNATURE_BYTES
    return _HEAD + signature


@lru_cache(maxsize=_REMEMBERED)
def verify(key: bytes, signed: bytes, message: bytes) -> bool:
    """Return whether ``message`` is the envelope of a signature over ``signed`` by ``key``, on every node alike."""
    if not message.startswith(_HEAD) or not signing.key_is_acceptable(key):
        return False
    return signing.verify(key, to_be_signed(signed), message[len(_HEAD) :])
