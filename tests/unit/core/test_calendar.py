"""Due-date arithmetic, with the examples of docs/spec/ledger.md."""

import datetime as dt

import pytest

from tallystick.core.calendar import (
    add_days,
    add_months,
    date_of,
    day,
    day_at,
    day_text,
    days_past,
    fiscal_year,
    parse_day,
)
from tallystick.core.errors import LocalError


def test_a_day_counts_from_1970():
    assert day(dt.date(1970, 1, 1)) == 0
    assert day(dt.date(2000, 3, 1)) == 11_017
    assert date_of(-1) == dt.date(1969, 12, 31)
    assert parse_day("2169-12-31") == 73_048
    for end in (dt.date.min, dt.date.max):
        assert date_of(day(end)) == end
        assert add_months(day(end), 0) == day(end)


@pytest.mark.parametrize(
    ("base", "days", "due"),
    [("2027-02-20", 60, "2027-04-21"), ("2027-03-12", 60, "2027-05-11"), ("2027-11-12", 60, "2028-01-11"),
     ("2027-11-19", 60, "2028-01-18"), ("2028-02-28", 1, "2028-02-29"), ("2027-01-01", 0, "2027-01-01")],
)  # fmt: skip
def test_days(base, days, due):
    assert day_text(add_days(parse_day(base), days)) == due


@pytest.mark.parametrize(
    ("base", "months", "due"),
    [
        ("2026-08-31", 6, "2027-02-28"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2026-08-31", 18, "2028-02-29"),
        ("2027-02-20", 12, "2028-02-20"),
        ("2027-03-05", 12, "2028-03-05"),
        ("2026-12-31", 1, "2027-01-31"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2027-03-31", -1, "2027-02-28"),
        ("2027-01-31", -1, "2026-12-31"),
    ],
)
def test_months_clamp_to_the_end(base, months, due):
    assert day_text(add_months(parse_day(base), months)) == due


def test_overdue_begins_the_day_after():
    due_on = parse_day("2027-05-11")
    assert [days_past(due_on, parse_day(d)) for d in ("2027-05-10", "2027-05-11", "2027-05-12")] == [0, 0, 1]


def test_fiscal_years_are_named_by_their_first_day():
    assert fiscal_year(parse_day("2027-01-11"), 4) == 2026
    assert fiscal_year(parse_day("2027-03-31"), 4) == 2026
    assert fiscal_year(parse_day("2027-04-01"), 4) == 2027
    assert fiscal_year(parse_day("2026-10-01"), 10) == 2026
    assert fiscal_year(parse_day("2027-12-31"), 1) == 2027


def test_midnight_is_not_one_moment():
    instant = day(dt.date(2027, 2, 20)) * 86_400 + 15 * 3600 + 60  # 15:01 UTC
    assert day_text(day_at(instant, 9 * 60)) == "2027-02-21"  # Japan
    assert day_text(day_at(instant, 5 * 60 + 30)) == "2027-02-20"  # India
    assert day_at(-1, 0) == -1


@pytest.mark.parametrize(
    "text", ["", "2027-2-18", "20270218", "2027-02-30", "2027-02-18 ", "2027-W07-4", "18-02-2027", "２０２７-02-18"]
)
def test_only_iso_days_are_read(text):
    with pytest.raises(LocalError) as caught:
        parse_day(text)
    assert caught.value.code == "not-a-date"


@pytest.mark.parametrize("call", [lambda: date_of(10**9), lambda: date_of(-(10**9)), lambda: add_months(0, 10**6)])
def test_days_beyond_the_calendar_are_refused(call):
    with pytest.raises(LocalError) as caught:
        call()
    assert caught.value.code == "out-of-range"
