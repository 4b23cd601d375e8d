"""What counts for us counts for both libraries, whatever the corner; and the corners are real ones."""

import json

import pytest
from tests.exhaustive.signatures import JUDGES, MIXED, ORDINARY, SMALL, Case, cases, verdicts
from tests.golden import VECTORS
from tests.needs import needs_libsodium

pytestmark = needs_libsodium


def test_what_counts_is_accepted_by_both_libraries_and_what_either_refuses_does_not_count():
    counted = differ = 0
    for case in cases():
        openssl, libsodium, ours = verdicts(case)
        assert not ours or (openssl and libsodium), case
        counted += ours
        differ += openssl != libsodium
    assert counted == 1
    assert differ > 100  # else the corners would not be any


@pytest.mark.parametrize(("key", "r", "expected"), [(ORDINARY, SMALL, (True, False)), (MIXED, ORDINARY, (True, True))])
def test_why_the_rule_is_ours_and_no_librarys(key: str, r: str, expected: tuple[bool, bool]):
    """OpenSSL takes a small R; both take a key with a part of small order, which others check with cofactor."""
    said = {verdicts(case)[:2] for case in cases() if (case.key_sort, case.r_sort) == (key, r)}
    assert expected in said


def test_both_libraries_judge_the_vectors_as_they_say():
    for vector in json.loads((VECTORS / "ed25519.json").read_text())["cases"]:
        key, message, signature = (bytes.fromhex(vector[name]) for name in ("key", "message", "signature"))
        said = dict(zip(JUDGES, verdicts(Case("", "", "", key, message, signature)), strict=True))
        assert said["Tallystick"] is vector["counts"], vector["what"]
        assert not vector["counts"] or all(said.values()), vector["what"]
