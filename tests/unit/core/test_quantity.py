"""The worked examples of docs/spec/ledger.md to the last minor unit, and what is refused, each for its own reason."""

from decimal import Decimal
from fractions import Fraction

import pytest

from tallystick.core.entries import BIG
from tallystick.core.errors import LocalError
from tallystick.core.quantity import (
    CURRENCIES,
    UNITS,
    Currency,
    Dimension,
    Money,
    Quantity,
    Rounding,
    currency,
    line_amount,
    parse_price,
    price_text,
    round_fraction,
    unit,
)


def amount(price, quantity, unit_code, currency_code, rounding=Rounding.HALF_UP):
    scaled = Quantity.parse(quantity, unit_code).scaled
    return Money(line_amount(parse_price(price), scaled, unit_code, currency_code, rounding), currency_code).text()


def code_of(call, *args):
    with pytest.raises(LocalError) as caught:
        call(*args)
    return caught.value.code


@pytest.mark.parametrize(
    ("price", "quantity", "unit_code", "currency_code", "expected"),
    [
        # A: no decimals, half up
        ("118.40", "183427", "LTR", "JPY", "21717757"),
        ("118.40", "183427", "L15", "JPY", "21717757"),
        # B: two decimals
        ("78450.00", "210.500", "KLT", "INR", "16513725.00"),
        # C: three decimals
        ("0.1865", "12345", "LTR", "BHD", "2302.343"),
        ("1.285", "27.5", "MTQ", "KWD", "35.338"),
        ("142.500", "6", "HUR", "KWD", "855.000"),
        # G: ordered, accepted, refused
        ("96.50", "1850", "KGM", "INR", "178525.00"),
        ("96.50", "1790", "KGM", "INR", "172735.00"),
        ("96.50", "60", "KGM", "INR", "5790.00"),
        # S1, a destroyer at Visakhapatnam
        ("82.40", "282647", "L15", "INR", "23290112.80"),
        ("185.00", "320", "TNE", "INR", "59200.00"),
        ("148500.00", "2", "MOV", "INR", "297000.00"),
        ("9.85", "62400", "KWH", "INR", "614640.00"),
        ("4250.00", "18", "MTQ", "INR", "76500.00"),
        # S2, a frigate at Sasebo
        ("118.40", "2768", "L15", "JPY", "327731"),
        ("412", "260", "MTQ", "JPY", "107120"),
        ("27.35", "48200", "KWH", "JPY", "1318270"),
        ("565", "420", "MEA", "JPY", "237300"),
        # S4: actual mileage of six vehicles
        ("0.93", "14316", "SMI", "USD", "13313.88"),
    ],
)
def test_worked_examples(price, quantity, unit_code, currency_code, expected):
    assert amount(price, quantity, unit_code, currency_code) == expected


def test_the_rounding_mode_decides_example_c():
    assert amount("0.1865", "12345", "LTR", "BHD", Rounding.HALF_EVEN) == "2302.342"


def test_invoice_totals_of_the_examples():
    water, berth = Money.parse("35.338", "KWD"), Money.parse("855.000", "KWD")
    assert (water + berth).text() == "890.338"
    lines = ["59200.00", "297000.00", "614640.00", "76500.00", "172735.00"]
    total = sum((Money.parse(line, "INR") for line in lines), Money(0, "INR"))
    assert total == Money(122_007_500, "INR")
    assert (total - Money.parse("1218425.00", "INR")).text() == "1650.00"  # H: the bank's charge


def test_rounding_treats_a_debt_and_its_credit_alike():
    halves = [Fraction(n, 2) for n in (-5, -3, -1, 1, 3, 5)]
    assert [round_fraction(h, Rounding.HALF_UP) for h in halves] == [-3, -2, -1, 1, 2, 3]
    assert [round_fraction(h, Rounding.HALF_EVEN) for h in halves] == [-2, -2, 0, 0, 2, 2]
    assert round_fraction(Fraction(-149, 100), Rounding.HALF_UP) == -1


@pytest.mark.parametrize(
    "text",
    ["", " ", "1e5", "1E5", "NaN", "Infinity", " 1000", "1 000", "1000 ", "1,000.00", "1_000", "+5", "--5", ".5", "5.",
     "1.2.3", "0x10", "１２", "१२३", "²", "1\n", "1\u00a0000", "٣", "1" * 41, "−5"],
)  # fmt: skip
def test_only_plain_digits_are_numbers(text):
    assert code_of(Money.parse, text, "INR") == "not-a-number"
    assert code_of(Quantity.parse, text, "KGM") == "not-a-number"
    assert code_of(parse_price, text) == "not-a-number"


def test_too_many_decimals_are_refused_even_when_zero():
    assert code_of(Money.parse, "1.5", "JPY") == "too-many-decimals"
    assert code_of(Money.parse, "1.000", "INR") == "too-many-decimals"  # a German thousand?
    assert code_of(Quantity.parse, "1.5", "EA") == "too-many-decimals"
    assert code_of(parse_price, "1.0000000") == "too-many-decimals"
    assert Money.parse("1.5", "INR") == Money(150, "INR")


def test_what_does_not_fit_the_record_is_refused():
    assert Money.parse(str(BIG), "JPY").minor == BIG
    assert code_of(Money.parse, str(BIG + 1), "JPY") == "out-of-range"
    assert code_of(Quantity.parse, str(BIG), "KGM") == "out-of-range"
    assert code_of(Quantity.parse, "-1", "KGM") == "out-of-range"
    assert code_of(parse_price, "-1") == "out-of-range"
    assert Money.parse("-1.25", "INR") == Money(-125, "INR")
    assert code_of(line_amount, BIG, BIG, "EA", "INR", Rounding.HALF_UP) == "out-of-range"


def test_unknown_names_are_refused():
    assert code_of(currency, "XAU") == "unknown-currency"  # a metal is not money here
    assert code_of(currency, "inr") == "unknown-currency"
    assert code_of(Money, 1, "DEM") == "unknown-currency"
    assert code_of(Money.parse, "1", "") == "unknown-currency"
    assert code_of(unit, "litre") == "unknown-unit"
    assert code_of(Quantity, 1, "") == "unknown-unit"
    assert code_of(line_amount, 1, 1, "GAL", "INR", Rounding.HALF_UP) == "unknown-unit"
    assert code_of(line_amount, 1, 1, "EA", "INT", Rounding.HALF_UP) == "unknown-currency"


def test_currencies_never_mix():
    rupees, yen = Money(100, "INR"), Money(100, "JPY")
    for mixed in (rupees.__add__, rupees.__sub__, rupees.__lt__, rupees.__le__, rupees.__gt__, rupees.__ge__):
        assert code_of(mixed, yen) == "currencies-differ"
    assert rupees != yen
    assert -rupees < Money(0, "INR") <= rupees > Money(99, "INR") >= Money(99, "INR")


def test_text_keeps_every_decimal():
    assert [Money(n, "INR").text() for n in (0, 5, -5, 122_007_500)] == ["0.00", "0.05", "-0.05", "1220075.00"]
    assert Money(21_717_757, "JPY").text() == "21717757"
    assert Money(2_302_343, "BHD").text() == "2302.343"
    assert str(Money(5, "INR")) == "INR 0.05"
    assert Quantity(1_790_000, "KGM").text() == "1790.000"
    assert str(Quantity(282_647, "L15")) == "282647 L15"
    assert Quantity(1_790_250, "KGM").decimal == Decimal("1790.25")
    assert Quantity(-1, "KGM").decimal == Decimal("-0.001")
    assert Quantity(BIG, "KGM").decimal * 1000 == BIG


def test_prices_show_two_to_six_decimals():
    prices = ["82.40", "118.40", "412.00", "0.1865", "0.000001", "148500.00", "0.00"]
    assert [price_text(parse_price(p)) for p in prices] == prices
    assert price_text(parse_price("412")) == "412.00"


def test_currency_exponents():
    by_exponent = {e: {c.code for c in CURRENCIES.values() if c.exponent == e} for e in (0, 2, 3, 4)}
    assert {"JPY", "KRW", "VND"} <= by_exponent[0]
    assert {"INR", "USD", "EUR", "AUD", "GBP", "SGD"} <= by_exponent[2]
    assert by_exponent[3] == {"BHD", "KWD", "OMR", "JOD", "TND", "IQD", "LYD"}
    assert sum(map(len, by_exponent.values())) == len(CURRENCIES) == 165
    assert currency("INR") == Currency("INR", 2, "356")
    assert len({c.number for c in CURRENCIES.values()}) == len(CURRENCIES)
    assert all(c.number.isdigit() and len(c.number) == 3 for c in CURRENCIES.values())


def test_conversions_are_the_legal_definitions():
    exact = {
        ("1", "GLL", "LTR"): "3.785411784",
        ("1", "BLL", "LTR"): "158.987294928",
        ("1", "BLL", "GLL"): "42",
        ("1", "GLI", "LTR"): "4.54609",
        ("1", "STN", "KGM"): "907.18474",
        ("1", "LTN", "KGM"): "1016.0469088",
        ("1", "TNE", "KGM"): "1000",
        ("1", "MTQ", "KLT"): "1",
        ("2.5", "HUR", "MIN"): "150",
        ("1", "DAY", "HUR"): "24",
        ("1", "NMI", "MTR"): "1852",
        ("12", "EA", "NMB"): "12",
    }
    assert {k: Quantity.parse(k[0], k[1]).to(k[2]) for k in exact} == {k: Fraction(v) for k, v in exact.items()}


def test_what_is_not_the_same_thing_does_not_convert():
    for mine, theirs in (("L15", "LTR"), ("LTR", "KGM"), ("PR", "EA"), ("MEA", "RA"), ("BX", "DR")):
        assert code_of(Quantity(1, mine).to, theirs) == "units-differ"
    assert code_of(Quantity(1, "EA").to, "??") == "unknown-unit"


def test_the_unit_table_is_sound():
    assert all(code == u.code and 0 <= u.decimals <= 6 and u.factor > 0 for code, u in UNITS.items())
    assert {u.dimension for u in UNITS.values()} == set(Dimension)
    recs = [u.rec20 for u in UNITS.values() if u.rec20]
    issues = [u.us for u in UNITS.values() if u.us]
    assert len(set(recs)) == len(recs)
    assert len(set(issues)) == len(issues)
    for dimension in Dimension:
        assert any(u.factor == 1 for u in UNITS.values() if u.dimension is dimension)


def test_a_quantity_in_its_unit_is_exact_and_nothing_has_no_sign():
    told = [str(Quantity(scaled, "KGM").decimal) for scaled in (0, 1, -1, 1850, -1_000)]
    assert told == ["0.000", "0.001", "-0.001", "1.850", "-1.000"]
