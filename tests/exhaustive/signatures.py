"""Every corner of Ed25519 in which libraries differ, tried on two of them and on our own rule.

A key or an R is an ordinary point, a point of small order, or the sum of both, in its canonical encoding or in one of
the others; S is right, or right plus the group order; and the message is chosen so that the equation of RFC 8032 holds
without cofactor, or holds only with it. ``python -m tests.exhaustive.signatures`` prints what each library accepts.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tallystick.core import signing
from tallystick.core.signing import _ORDER, _P, _SIGN_BIT, _Y_OF_ORDER_8

Point = tuple[int, int, int, int]
TRIES = 200  # messages looked through; one in eight fits

ORDINARY = "ordinary"
MIXED = "ordinary plus small order"
SMALL = "small order"
ODD = "small order, not canonical"

_BASE_Y = 4 * pow(5, -1, _P) % _P


def _decoded(y: int) -> Point:
    point = signing._decompress(y.to_bytes(32, "little"))
    assert point is not None
    return point


BASE = _decoded(_BASE_Y)
TORSION = [signing._times(n, _decoded(_Y_OF_ORDER_8)) for n in range(8)]  # the n-th has n as its "torsion"


def compress(point: Point) -> bytes:
    """Return the canonical encoding of a point."""
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def scalar(seed: bytes) -> int:
    """Return the secret number of a seed (RFC 8032, 5.1.5)."""
    digest = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    return digest & ~7 & ~(1 << 255) | 1 << 254


def challenge(r: bytes, key: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % _ORDER


@dataclass(frozen=True)
class Encoded:
    """``secret`` times the base point plus the ``torsion``-th point of small order, written down in some way."""

    sort: str
    data: bytes
    secret: int
    torsion: int


@dataclass(frozen=True)
class Case:
    key_sort: str
    r_sort: str
    s_sort: str
    key: bytes
    message: bytes
    signature: bytes


def encodings(seed: bytes) -> list[Encoded]:
    """Return the ordinary point of ``seed``, its sums with the points of small order, and those points themselves."""
    secret = scalar(seed)
    ordinary = signing._times(secret, BASE)
    found = [
        Encoded(MIXED if n else ORDINARY, compress(signing._plus(ordinary, TORSION[n])), secret, n) for n in range(8)
    ]
    for n, point in enumerate(TORSION):
        plain = compress(point)
        found.append(Encoded(SMALL, plain, 0, n))
        number = int.from_bytes(plain, "little")
        y = number & ~_SIGN_BIT
        others = {number ^ _SIGN_BIT} if y in (1, _P - 1) else set()  # x is 0: its sign means nothing
        if y < 2:
            others |= {(y + _P) | bit for bit in ((0, _SIGN_BIT) if y else (number & _SIGN_BIT,))}
        found += [Encoded(ODD, other.to_bytes(32, "little"), 0, n) for other in sorted(others)]
    return found


def cases() -> Iterator[Case]:
    """Yield every combination of key, R, S and how the equation holds."""
    keys = encodings(bytes(range(32)))
    rs = encodings(bytes(range(1, 33)))
    for key, r, beyond, fits in product(keys, rs, (False, True), (True, False)):
        for n in range(TRIES):
            message = b"a head %d" % n
            h = challenge(r.data, key.data, message)
            if ((r.torsion + h * key.torsion) % 8 == 0) is fits:
                s = (r.secret + h * key.secret) % _ORDER + (_ORDER if beyond else 0)
                s_sort = ("S plus the group order" if beyond else "S right") + ("" if fits else ", with cofactor only")
                yield Case(key.sort, r.sort, s_sort, key.data, message, r.data + s.to_bytes(32, "little"))
                break


def openssl_accepts(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def libsodium_accepts(key: bytes, message: bytes, signature: bytes) -> bool:
    from nacl.exceptions import BadSignatureError
    from nacl.signing import VerifyKey

    try:
        VerifyKey(key).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


def ours_accepts(key: bytes, message: bytes, signature: bytes) -> bool:
    return signing.key_is_acceptable(key) and signing.verify(key, message, signature)


JUDGES: dict[str, Callable[[bytes, bytes, bytes], bool]] = {
    "OpenSSL": openssl_accepts,
    "libsodium": libsodium_accepts,
    "Tallystick": ours_accepts,
}


def verdicts(case: Case) -> tuple[bool, ...]:
    """Return what each of ``JUDGES`` says, in their order."""
    return tuple(judge(case.key, case.message, case.signature) for judge in JUDGES.values())


def main() -> None:
    total: Counter[tuple[str, str]] = Counter()
    accepted: Counter[tuple[str, str, int]] = Counter()
    differ = wrong = 0
    for case in cases():
        group = case.key_sort, case.r_sort
        total[group] += 1
        said = verdicts(case)
        accepted.update((*group, judge) for judge, yes in enumerate(said) if yes)
        differ += said[0] != said[1]
        wrong += said[2] and not all(said)
    print(f"{sum(total.values())} cases; {differ} on which OpenSSL and libsodium differ;", end=" ")
    print(f"{wrong} counted by us that either refuses")
    print("\n| key | R | cases | " + " | ".join(JUDGES) + " |\n|---|---|---|---|---|---|")
    for group, count in total.items():
        yes = " | ".join(str(accepted[*group, judge]) for judge in range(len(JUDGES)))
        print(f"| {group[0]} | {group[1]} | {count} | {yes} |")


if __name__ == "__main__":
    main()
