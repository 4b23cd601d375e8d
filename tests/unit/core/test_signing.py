import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tallystick.core import signing

CASES = json.loads((Path(__file__).parents[3] / "vectors" / "ed25519.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["what"])
def test_vectors(case):
    key, message, signature = (bytes.fromhex(case[name]) for name in ("key", "message", "signature"))
    assert signing.key_is_acceptable(key) is case["key_is_acceptable"]
    assert (signing.key_is_acceptable(key) and signing.verify(key, message, signature)) is case["counts"]


def test_a_signature_by_a_key_of_small_order_counts_for_nobody():
    """Whether or not anybody adopted such a key; OpenSSL takes some of them."""
    small = [case for case in CASES if signing._is_small_order(bytes.fromhex(case["key"]))]
    assert len(small) >= 14
    for case in small:
        key, message, signature = (bytes.fromhex(case[name]) for name in ("key", "message", "signature"))
        assert not signing.verify(key, message, signature), case["what"]


def test_the_library_alone_would_accept_what_others_refuse():
    """Without this the strictness would be untested: the crafted signatures are good ones to OpenSSL."""
    accepted = 0
    for case in CASES:
        if not case["counts"]:
            try:
                Ed25519PublicKey.from_public_bytes(bytes.fromhex(case["key"])).verify(
                    bytes.fromhex(case["signature"]), bytes.fromhex(case["message"])
                )
            except (InvalidSignature, ValueError):
                continue
            accepted += 1
    assert accepted >= 2


def test_the_forbidden_encodings_are_the_points_of_small_order_and_no_others():
    canonical = [y for y in signing._SMALL_ORDER_Y if y < signing._P]
    assert len(canonical) == 5
    points = []
    for y in canonical:
        for sign in (0, 1):
            point = signing._decompress((y | sign << 255).to_bytes(32, "little"))
            if point is not None:
                points.append(point)
                assert signing._is_identity(signing._times(8, point))
    assert len(points) == 8  # the whole torsion subgroup


def test_round_trip_and_wrong_lengths():
    seed = bytes(range(32))
    key = signing.public_key(seed)
    signature = signing.sign(seed, b"a head")
    assert signing.key_is_acceptable(key)
    assert signing.verify(key, b"a head", signature)
    assert not signing.verify(key, b"another", signature)
    assert not signing.verify(key, b"a head", signature[:-1])
    assert not signing.verify(key[:-1], b"a head", signature)
    assert not signing.key_is_acceptable(key + b"\0")
    assert not signing.verify(b"\xff" * 31 + b"\x7f", b"a head", signature)


def test_readable_ids_are_80_bits_in_crockford_base32():
    assert signing.readable_id(bytes(32)) == "CSM7-NBFR-CAYQ-EV4F"
    assert signing.readable_id(bytes(31) + b"\x01") != signing.readable_id(bytes(32))
