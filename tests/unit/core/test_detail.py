"""What stands beside an act, and what is made of it when another program wrote it."""

import pytest

from tallystick.core import canonical
from tallystick.core.detail import ATTACHMENTS_MAX, NAME_MAX, Attachment, attachments_of, detail_of, remark_of
from tallystick.core.errors import LocalError

NOTE = Attachment("delivery-note.pdf", 48_213, bytes(range(32)))
SCAN = Attachment("受領書.png", 0, bytes(32))


def test_what_is_said_is_read_again_from_its_bytes():
    detail = detail_of("Metered at the pier.", language="en", attachments=[NOTE, SCAN])
    read = canonical.decode(canonical.encode(detail))
    assert remark_of(read) == "Metered at the pier."
    assert attachments_of(read) == (NOTE, SCAN)
    assert read == {1: "Metered at the pier.", 2: "en", 3: [[one.name, one.size, one.sha256] for one in (NOTE, SCAN)]}
    most = Attachment("a" * 200, 2**53 - 1, bytes(32))
    assert attachments_of(detail_of(attachments=[most] * 32)) == (most,) * 32


def test_nothing_to_say_is_no_segment():
    assert detail_of("") is detail_of("", language="en") is None
    assert (remark_of(None), attachments_of(None)) == ("", ())
    assert attachments_of(detail_of("A remark alone.")) == ()


@pytest.mark.parametrize("name", ["", "a" * (NAME_MAX + 1), "two\nlines", "gnp.\u202eexe", "nul\0", "latin-\udce9.pdf"])
def test_a_name_that_nobody_could_read_is_refused_and_not_read(name):
    odd = Attachment(name, 1, bytes(32))
    with pytest.raises(LocalError) as refused:
        detail_of(attachments=[odd])
    assert refused.value.code == "attachment-not-possible"
    assert attachments_of({3: [[name, 1, bytes(32)], ["note", 1, bytes(32)]]}) == (Attachment("note", 1, bytes(32)),)


def test_a_remark_in_bytes_that_are_no_text_is_refused():
    with pytest.raises(LocalError) as refused:
        detail_of("latin-\udce9")  # as a shell hands on what is not UTF-8
    assert refused.value.code == "field-not-text"


def test_too_many_are_refused():
    assert len(attachments_of(detail_of(attachments=[NOTE] * ATTACHMENTS_MAX))) == ATTACHMENTS_MAX
    with pytest.raises(LocalError) as refused:
        detail_of(attachments=[NOTE] * (ATTACHMENTS_MAX + 1))
    assert (refused.value.code, refused.value.facts) == ("too-many-attachments", {"limit": 32})


@pytest.mark.parametrize(
    "said",
    [7, "x", {1: 2}, [7], [["n", 1]], [["n", 1, bytes(31)]], [["n", -1, bytes(32)]], [["n", 2**53, bytes(32)]],
     [["n", True, bytes(32)]], [[b"n", 1, bytes(32)]], [["n", 1, bytes(32), 0]]],
)  # fmt: skip
def test_another_form_is_ignored(said):
    assert attachments_of({1: 5, 3: said}) == ()
    assert remark_of({1: 5, 3: said}) == ""
