"""A clock that cannot be right is told, signs nothing, and is believed when somebody has compared it."""

import pytest


@pytest.mark.parametrize(("day", "code"), [("2019-01-01", "clock-behind"), ("2040-01-01", "clock-ahead")])
def test_a_wrong_clock_until_it_is_said_to_be_right(pair, day, code):
    grant = ["warrant", "grant", "--post", "Later", "--duty", "auditor"]
    assert pair.done("jp", "clock", "--json").json["troubles"] == []
    pair.on(day)
    told = pair.done("jp", "clock")
    assert (told.out[:10], f"code: {code}" in told.err) == (day, True)
    assert f"code: {code}" in pair("jp", *grant).err
    status = pair.done("jp", "status", "--json").json
    assert [one["code"] for one in status["troubles"]] == [code]
    assert status["agreements"][0]["troubles"] == [code]
    assert pair.done("jp", "clock", "--right", "--json").json["troubles"] == []
    pair.done("jp", *grant)
