"""A clock that cannot be right signs nothing, and an administrator can say that it is right."""

from __future__ import annotations

import pytest
from tests.nodes import in_step, request
from tests.unit.app.test_exchange import Line
from tests.unit.app.test_restored import grant

from tallystick.app import exchange, health, timekeeping, write
from tallystick.cli.demo.director import Director
from tallystick.core.errors import LocalError

DAY = 86_400
YEAR = 365 * DAY


def code(director: Director, party: str = "JP") -> str:
    error = timekeeping.trouble(director.desk(party))
    return error.code if error else ""


@pytest.mark.parametrize(
    ("moved", "told"),
    [
        (-timekeeping.BEHIND_SECONDS, ""),
        (-timekeeping.BEHIND_SECONDS - 120, "clock-behind"),
        (-5 * YEAR, "clock-behind"),
        (timekeeping.AHEAD_SECONDS, ""),
        (timekeeping.AHEAD_SECONDS + 600, "clock-ahead"),
        (30 * YEAR, "clock-ahead"),
    ],
)
def test_a_clock_is_judged_by_the_newest_entry(director: Director, moved: int, told: str):
    desk = director.desk("JP")
    newest = max(desk.space.last_time(log) for log in desk.space.sizes())
    director.clock.instant = newest + moved
    assert code(director) == told


@pytest.mark.parametrize("moved", [-5 * YEAR, 30 * YEAR])
def test_a_wrong_clock_signs_and_acknowledges_nothing_but_takes_in_and_answers(director: Director, moved: int):
    request(director)
    japan, india = director.desk("JP"), director.desk("IN")
    news = b"".join(exchange.news_for(japan, india.space.sizes()))
    before = {log: india.space.size(log) for log in india.own_logs}
    director.clock.instant += moved
    with pytest.raises(LocalError, match="clock-"):
        request(director)
    exchange.receive(india, news)
    Line(director).sync()
    assert len(india.record.orders) == 1
    assert {log: india.space.size(log) for log in india.own_logs} == before
    assert [error.code for error in health.of_desk(japan)] == [code(director)]
    director.clock.instant -= moved
    Line(director).sync()
    assert in_step(director)
    assert health.of_desk(japan) == ()


def says(director: Director, party: str) -> None:
    """The administrator of ``party`` signs something, whatever the day, and the other takes it in."""
    desk = director.desk(party)
    write.sign(desk, grant(None))
    other = director.desk("IN" if party == "JP" else "JP")
    exchange.receive(other, b"".join(exchange.news_for(desk, other.space.sizes(), acknowledging=False)))


@pytest.mark.parametrize("moved", [-5 * YEAR, 30 * YEAR])
def test_a_clock_that_somebody_has_compared_is_believed(director: Director, moved: int):
    director.clock.instant += moved
    assert code(director).startswith("clock-")
    for node in director.nodes.values():
        timekeeping.say_it_is_right(node)
    assert code(director) == ""
    says(director, "JP")
    says(director, "IN")
    assert code(director) == code(director, "IN") == ""
    director.clock.instant -= 5 * YEAR
    assert code(director) == "clock-behind"  # and from there on it is judged again


def test_a_partners_wrong_clock_stops_us_once_and_not_again(director: Director):
    def in_twenty_years() -> None:
        director.clock.instant += 20 * YEAR
        timekeeping.say_it_is_right(director.nodes["IN"])
        says(director, "IN")
        director.clock.instant -= 20 * YEAR

    in_twenty_years()
    assert code(director) == "clock-behind"
    timekeeping.say_it_is_right(director.nodes["JP"])
    assert code(director) == ""
    in_twenty_years()
    assert code(director) == ""
