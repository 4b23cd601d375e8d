"""The index of order rows: followed act by act it says what one made afresh says."""

from tests.nodes import MEMORY, paired

from tallystick.app.index import SORTS, OrderIndex
from tallystick.cli.demo import history
from tallystick.core import calendar


def told(index, record, as_of):
    return (
        {sort: index.rows(record, as_of, sort) for name in SORTS for sort in (name, f"-{name}")},
        index.live(record, as_of),
        dict(index.states(record, as_of)),
        index.numbers(record, as_of),
    )


def test_followed_day_by_day_it_equals_one_made_afresh(tmp_path):
    director = paired(tmp_path, stores=MEMORY, day=history.BEGINS_ON)
    history.price_lists(director)
    desk = director.desk("IN")
    compared = []

    def compare(day):
        if not day.endswith(("3", "7")):  # also lets changes of several days come together
            return
        as_of = calendar.parse_day(day)
        fresh = OrderIndex(desk.genesis, desk.party)
        fresh.changed(desk.record.orders)
        assert told(desk.index, desk.record, as_of) == told(fresh, desk.record, as_of)
        compared.append(day)

    history.play(director, history.VISITS, history.PRESENT, compare)
    assert len(compared) > 20


def test_descending_is_ascending_turned_round(tmp_path):
    director = paired(tmp_path, stores=MEMORY, day=history.BEGINS_ON)
    history.play(director, history.VISITS[:4], "2026-04-30", lambda day: None)
    desk = director.desk("JP")
    as_of = calendar.parse_day("2026-04-30")
    rows = desk.index.rows(desk.record, as_of, "value")
    assert len(rows) == 4
    assert desk.index.rows(desk.record, as_of, "-value") == rows[::-1]
    assert desk.index.rows(desk.record, as_of, "no-such-sort") == desk.index.rows(desk.record, as_of, "need")
