"""COSE_Sign1: our one form against RFC 9052 and a vector of the COSE working group."""

from __future__ import annotations

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.cast import at
from tests.unit.core.test_signing import CASES

from tallystick.core import cose, signing
from tallystick.core.entries import Countersign, Entry
from tallystick.core.identity import EntryRef

SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")  # RFC 8032, 7.1, test 1
KEY = signing.public_key(SEED)
ENTRY = Entry(
    EntryRef(16, 7), 23, at("2027-03-01"), EntryRef(17, 2), Countersign(4), None, 9, {}, bytes(32), bytes([1]) * 32
)  # fmt: skip


def test_the_structure_signed_is_that_of_the_working_group() -> None:
    """cose-wg/Examples, eddsa-examples/eddsa-sig-01: Ed25519 signs one way only, so the bytes can be compared."""
    message = bytes.fromhex(
        "D28445A201270300A10442313154546869732069732074686520636F6E74656E742E58407142FD2FF96D56DB85BEE905A76BA1D0B7321A95"
        "C8C4D3607C5781932B7AFB8711497DFA751BF40B58B3BCC32300B1487F3DB34085EEF013BF08F4A44D6FEF0D"
    )
    protected, unprotected, payload, signature = cbor2.loads(message).value
    assert unprotected == {4: b"11"}
    assert signing.sign(SEED, cose.to_be_signed(payload, protected)) == signature


def test_our_envelope_is_a_cose_sign1_with_a_detached_payload() -> None:
    signed = cose.payload(bytes(32), ENTRY)
    message = cose.envelope(signing.sign(SEED, cose.to_be_signed(signed)))
    tagged = cbor2.loads(message)
    assert tagged.tag == 18
    protected, unprotected, payload, signature = tagged.value
    assert (cbor2.loads(protected), dict(unprotected), payload) == ({1: -8}, {}, None)
    structure = cbor2.dumps(["Signature1", protected, b"", signed], canonical=True)  # RFC 9052, 4.4
    Ed25519PrivateKey.from_private_bytes(SEED).public_key().verify(signature, structure)
    assert len(message) == 74
    assert cose.verify(KEY, signed, message)


def test_what_is_signed_names_place_time_and_hashes() -> None:
    told = cbor2.loads(cose.payload(bytes(32), ENTRY))
    assert told == [bytes(32), 16, 23, at("2027-03-01"), [17, 2], bytes(32), bytes([1]) * 32]


@pytest.mark.parametrize("at_byte", range(74))
def test_an_envelope_with_any_byte_changed_is_refused(at_byte: int) -> None:
    signed = cose.payload(bytes(32), ENTRY)
    message = bytearray(cose.envelope(signing.sign(SEED, cose.to_be_signed(signed))))
    message[at_byte] ^= 1
    assert not cose.verify(KEY, signed, bytes(message))


def test_a_key_that_no_warrant_may_hold_signs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a library makes of it: OpenSSL takes some signatures by a key with a part of small order."""
    (mixed,) = [case for case in CASES if case["what"] == "a key with a part of order 8"]
    monkeypatch.setattr(signing, "verify", lambda *_: True)
    signed = cose.payload(bytes(32), ENTRY)
    cose.verify.cache_clear()
    try:
        assert not cose.verify(bytes.fromhex(mixed["key"]), signed, cose.envelope(bytes(64)))
        assert cose.verify(KEY, signed, cose.envelope(bytes(64)))
    finally:
        cose.verify.cache_clear()


def test_longer_shorter_and_other_keys_are_refused() -> None:
    signed = cose.payload(bytes(32), ENTRY)
    message = cose.envelope(signing.sign(SEED, cose.to_be_signed(signed)))
    assert not cose.verify(KEY, signed, message + b"\x00")
    assert not cose.verify(KEY, signed, message[:-1])
    assert not cose.verify(KEY, signed, b"")
    assert not cose.verify(KEY, signed + b"\x00", message)
    assert not cose.verify(signing.public_key(bytes(32)), signed, message)
    assert not cose.verify(bytes(32), signed, message)  # not the encoding of a point of prime order
