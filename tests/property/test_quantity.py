"""Laws of exact amounts and of the calendar."""

from fractions import Fraction

from hypothesis import event, given
from hypothesis import strategies as st

from tallystick.core.calendar import add_months, date_of, day, day_text, parse_day
from tallystick.core.entries import BIG
from tallystick.core.errors import LocalError
from tallystick.core.quantity import (
    CURRENCIES,
    UNITS,
    Money,
    Quantity,
    Rounding,
    line_amount,
    parse_price,
    price_text,
    round_fraction,
)

currencies = st.sampled_from(sorted(CURRENCIES))
units = st.sampled_from(sorted(UNITS))
roundings = st.sampled_from(list(Rounding))
signed = st.integers(-BIG, BIG)
counts = st.integers(0, BIG)


@given(signed, currencies)
def test_money_survives_its_text(minor, code):
    money = Money(minor, code)
    assert Money.parse(money.text(), code) == money


@given(counts, units)
def test_quantity_survives_its_text_and_its_decimal(scaled, code):
    quantity = Quantity(scaled, code)
    assert Quantity.parse(quantity.text(), code) == quantity
    assert Fraction(quantity.decimal) == Fraction(quantity.text()) == quantity.to(code)


@given(counts)
def test_price_survives_its_text(price_micro):
    assert parse_price(price_text(price_micro)) == price_micro


@given(st.text(max_size=50), currencies)
def test_any_text_is_read_or_refused_with_a_code(text, code):
    try:
        money = Money.parse(text, code)
    except LocalError as refusal:
        event(refusal.code)
        if refusal.code not in {"not-a-number", "too-many-decimals", "out-of-range"}:
            raise
        return
    assert Fraction(text) == Fraction(money.text())


@given(st.integers(0, 10**13), st.integers(0, 10**9), units, currencies, roundings)
def test_a_line_is_never_off_by_more_than_half_a_minor_unit(price_micro, scaled, unit_code, currency_code, rounding):
    exact = (
        Fraction(price_micro, 10**6)
        * Fraction(scaled, 10 ** UNITS[unit_code].decimals)
        * 10 ** CURRENCIES[currency_code].exponent
    )
    if exact > BIG - 1:
        return
    off = line_amount(price_micro, scaled, unit_code, currency_code, rounding) - exact
    assert abs(off) <= Fraction(1, 2)


@given(st.fractions(), roundings)
def test_rounding_is_nearest_and_mirrors(value, rounding):
    rounded = round_fraction(value, rounding)
    assert abs(rounded - value) <= Fraction(1, 2)
    assert round_fraction(-value, rounding) == -rounded
    if abs(rounded - value) == Fraction(1, 2):
        assert rounded % 2 == 0 if rounding is Rounding.HALF_EVEN else abs(rounded) > abs(value)


@given(signed, signed, currencies)
def test_money_adds_like_integers(a, b, code):
    assert Money(a, code) + Money(b, code) - Money(b, code) == Money(a, code)
    assert (Money(a, code) < Money(b, code)) == (a < b)
    assert Money(a, code) + -Money(a, code) == Money(0, code)


days = st.integers(0, 73_048)


@given(days)
def test_a_day_survives_its_text(number):
    assert day(date_of(number)) == number == parse_day(day_text(number))


@given(days, st.integers(-240, 240))
def test_months_keep_the_day_or_clamp_to_the_end(base, months):
    before, after = date_of(base), date_of(add_months(base, months))
    assert (after.year - before.year) * 12 + after.month - before.month == months
    if after.day != before.day:
        assert after.day < before.day
        assert date_of(day(after) + 1).day == 1  # the last of its month


@given(days, days, st.integers(0, 240))
def test_a_later_base_is_never_due_earlier(one, other, months):
    assert (one <= other) <= (add_months(one, months) <= add_months(other, months))
