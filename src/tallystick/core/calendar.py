"""Days: how due dates are counted.

Decides what "30 days later" and "12 months later" mean. A day is an integer, days since 1970-01-01 in the civil
calendar of the place it concerns; no holidays, no shifting. Leaves which clock runs from when to ``due``.

Source: docs/spec/ledger.md, "Due dates".
"""

from __future__ import annotations

import calendar as _civil
import datetime as dt
import re

from tallystick.core.errors import LocalError

_EPOCH = dt.date(1970, 1, 1).toordinal()
_LAST = dt.date.max.toordinal() - _EPOCH
_FIRST = dt.date.min.toordinal() - _EPOCH
_DAY_SECONDS = 86_400
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def day(date: dt.date) -> int:
    """Return ``date`` as days since 1970-01-01."""
    return date.toordinal() - _EPOCH


def date_of(day: int) -> dt.date:
    """Return the civil date of ``day``.

    Raises:
        LocalError: ``out-of-range`` outside the years 1 to 9999.
    """
    if not _FIRST <= day <= _LAST:
        raise LocalError("out-of-range", day=day)
    return dt.date.fromordinal(day + _EPOCH)


def parse_day(text: str) -> int:
    """Return the day written as ``"2027-02-18"``, and in no other way.

    Raises:
        LocalError: ``not-a-date``.
    """
    try:
        if _ISO_DAY.fullmatch(text):
            return day(dt.date.fromisoformat(text))
    except ValueError:  # 2027-02-30
        pass
    raise LocalError("not-a-date", text=text[:40])


def day_text(day: int) -> str:
    """Return ``day`` as ``"2027-02-18"``; raises as ``date_of``."""
    return date_of(day).isoformat()


def day_at(instant: int, offset_minutes: int) -> int:
    """Return the civil day at ``instant`` (seconds since 1970 UTC), ``offset_minutes`` east of UTC."""
    return (instant + offset_minutes * 60) // _DAY_SECONDS


def add_days(day: int, days: int) -> int:
    """Return the day ``days`` calendar days after ``day``, which itself is day 0."""
    return day + days


def add_months(day: int, months: int) -> int:
    """Return the same day number ``months`` later, or the last day of that month if it is shorter.

    Each call clamps once from its own base, so adding 1 month twice may differ from adding 2: 31 January, 28 February,
    28 March. Always count from the base date.

    Raises:
        LocalError: ``out-of-range`` outside the years 1 to 9999.
    """
    base = date_of(day)
    year, month0 = divmod(base.year * 12 + base.month - 1 + months, 12)
    if not dt.MINYEAR <= year <= dt.MAXYEAR:
        raise LocalError("out-of-range", day=day, months=months)
    month = month0 + 1
    last = _civil.monthrange(year, month)[1]
    return dt.date(year, month, min(base.day, last)).toordinal() - _EPOCH


def days_past(due_on: int, as_of: int) -> int:
    """Return how many days ``as_of`` lies after ``due_on``; 0 on the due date and before."""
    return max(0, as_of - due_on)


def fiscal_year(day: int, first_month: int) -> int:
    """Return the calendar year in which the fiscal year of ``day`` began.

    With April first, 2027-02-18 is in fiscal year 2026, as Japan (令和8年度) and India (2026-27) both count it.
    """
    assert 1 <= first_month <= 12, first_month
    date = date_of(day)
    return date.year if date.month >= first_month else date.year - 1
