"""What went wrong has a code that stays, and facts."""

from __future__ import annotations

import pytest

from tallystick.core import errors
from tallystick.core.errors import (
    HeadMovedError,
    LocalError,
    RemoteError,
    StoreError,
    StoreUnavailableError,
    TallystickError,
)


def test_an_error_shows_its_code_and_its_facts() -> None:
    error = RemoteError("odd", log=17, what="size")
    assert str(error) == "odd(log=17, what='size')"
    assert repr(error) == "RemoteError('odd', {'log': 17, 'what': 'size'})"
    assert (str(LocalError()), LocalError().facts) == ("not-possible()", {})


CODES = {
    TallystickError: "error not-possible act-refused peer-unreachable invariant-broken store-error store-unavailable"
    " head-moved remote-error malformed-bytes too-large wrong-agreement unknown-writer bad-signature gap fork",
    LocalError: "not-possible act-refused",
    RemoteError: "remote-error malformed-bytes too-large wrong-agreement unknown-writer bad-signature gap fork",
    StoreError: "store-error store-unavailable head-moved",
}


@pytest.mark.parametrize("family", CODES)
def test_each_error_has_a_code_of_its_own(family: type[TallystickError]) -> None:
    """They are told at the API, and in the table of sentences."""
    known = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, family)]
    assert sorted(each.default_code for each in known) == sorted(CODES[family].split())


def test_what_the_store_refused_for_now_may_be_tried_again() -> None:
    assert [each.try_again for each in (StoreError, HeadMovedError, StoreUnavailableError)] == [False, True, True]
