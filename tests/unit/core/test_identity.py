"""Names of entries and logs."""

import pytest

from tallystick.core.identity import EntryRef, grant_of, log_id, party_of


def test_a_name_is_read_back():
    assert str(EntryRef(17, 204)) == "17.204"
    assert EntryRef.parse("17.204") == EntryRef(17, 204)
    assert EntryRef.parse("0.0") == EntryRef(0, 0)


@pytest.mark.parametrize(
    "text", ["", "17", "17.", ".204", "17.2.4", "-17.2", "17.-2", "a.2", "17.b", "17 .2", "１.2", "1.２"]
)
def test_what_is_no_name_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 (its text is the very text)
        EntryRef.parse(text)


def test_a_log_is_named_after_its_grant_and_party():
    assert log_id(3, 1) == 49
    assert (grant_of(49), party_of(49)) == (3, 1)
    assert (grant_of(1), party_of(1)) == (0, 1)
