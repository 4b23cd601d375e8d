"""Ed25519 with one verification rule, and names of keys that people can read aloud.

RFC 8032 leaves room for libraries to differ: a small-order ``R`` or key is accepted by some and refused by others, and
two honest nodes would then disagree for ever on whether a checkpoint counts. Decides the strict rule: a key is
acceptable when it is the canonical encoding of a point of prime order (checked once, when it is adopted or granted);
a signature is refused before the library is asked when ``R`` is one of the small-order encodings or ``S`` is not below
the group order. The library then checks without cofactor. Test vectors: vectors/ed25519.json.

Source: docs/spec/log.md, "Signatures".
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_BYTES = 32
SIGNATURE_BYTES = 64

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_SQRT_MINUS_1 = pow(2, (_P - 1) // 4, _P)
_SIGN_BIT = 1 << 255

# y of every encoding of a point of order 1, 2, 4 or 8, the two non-canonical ones (p and p + 1) included.
_Y_OF_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _P, _P + 1, _Y_OF_ORDER_8, _P - _Y_OF_ORDER_8})

_Point = tuple[int, int, int, int]  # extended coordinates X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z
_IDENTITY: _Point = (0, 1, 1, 0)


def public_key(seed: bytes) -> bytes:
    """Return the 32-byte public key of a 32-byte seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def sign(seed: bytes, message: bytes) -> bytes:
    """Return the 64-byte signature of ``message``."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether ``signature`` counts. Every node gives the same answer, whatever its library.

    Small-order keys are refused here too; that ``key`` is of prime order was checked when it was adopted
    (``key_is_acceptable``).
    """
    if len(key) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    if _is_small_order(key) or _is_small_order(signature[:32]):
        return False
    if int.from_bytes(signature[32:], "little") >= _ORDER:
        return False
    try:
        _loaded(key).verify(signature, message)
    except (InvalidSignature, ValueError):  # ValueError: not the encoding of a point
        return False
    return True


@lru_cache(maxsize=4096)
def _loaded(key: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(key)


def _is_small_order(encoding: bytes) -> bool:
    return int.from_bytes(encoding, "little") & ~_SIGN_BIT in _SMALL_ORDER_Y


@lru_cache(maxsize=4096)
def key_is_acceptable(key: bytes) -> bool:
    """Return whether ``key`` may be adopted: the canonical encoding of a point of prime order. Takes milliseconds."""
    if len(key) != KEY_BYTES or _is_small_order(key):
        return False
    point = _decompress(key)
    return point is not None and _is_identity(_times(_ORDER, point))


def readable_id(key: bytes) -> str:
    """Return what two administrators read to each other: 80 bits of SHA-256, Crockford base32, in fours.

    For example ``7QK4-M2ZD-9H1T-0W3X``. 80 bits stand against finding a second key for a given id.
    """
    number = int.from_bytes(hashlib.sha256(key).digest()[:10], "big")
    text = "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[number >> shift & 31] for shift in range(75, -1, -5))
    return "-".join(text[at : at + 4] for at in range(0, 16, 4))


_READ_AS = str.maketrans("OIL", "011")  # Crockford's alphabet has no such letters: people write them for digits


def is_id_of(told: str, key: bytes) -> bool:
    """Return whether ``told`` is the readable id of ``key``, without the dashes and spaces people read past."""
    return "".join(c for c in told.upper() if c.isalnum()).translate(_READ_AS) == readable_id(key).replace("-", "")


def _decompress(encoding: bytes) -> _Point | None:
    """Return the point of a canonical encoding (RFC 8032, 5.1.3), or None."""
    number = int.from_bytes(encoding, "little")
    sign, y = number >> 255, number & ~_SIGN_BIT
    if y >= _P:
        return None
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = u * pow(v, 3, _P) * pow(u * pow(v, 7, _P), (_P - 5) // 8, _P) % _P
    if v * x * x % _P == _P - u:
        x = x * _SQRT_MINUS_1 % _P
    if v * x * x % _P != u or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return (x, y, 1, x * y % _P)


def _plus(p: _Point, q: _Point) -> _Point:
    """Add two points: the complete formula of RFC 8032, 5.1.4."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % _P
    b = (p[1] + p[0]) * (q[1] + q[0]) % _P
    c = 2 * p[3] * q[3] * _D % _P
    d = 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(factor: int, point: _Point) -> _Point:
    """Multiply a public point; not in constant time, so never with a secret."""
    total = _IDENTITY
    while factor:
        if factor & 1:
            total = _plus(total, point)
        point = _plus(point, point)
        factor >>= 1
    return total


def _is_identity(point: _Point) -> bool:
    x, y, z, _ = point
    return x % _P == 0 and (y - z) % _P == 0
