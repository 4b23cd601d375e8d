"""Volume at 15 °C: the test vectors of docs/spec/orders.md, the edges of the table, and the same digits everywhere."""

import decimal

import pytest

from tallystick.core.errors import LocalError
from tallystick.core.fuel import DENSITY_MAX, DENSITY_MIN, TEMPERATURE_MAX, TEMPERATURE_MIN, vcf_e5, volume15

VECTORS = [  # density 0.1 kg/m³, temperature 0.1 °C, observed litres, VCF × 100,000, litres at 15 °C
    (8420, 240, 151_200, 99_241, 150_052),
    (8450, 310, 286_500, 98_655, 282_647),
    (8450, 220, 287_100, 99_413, 285_415),
    (8450, 120, 149_590, 100_251, 149_965),
    (8000, 280, 41_250, 98_788, 40_750),
]


@pytest.mark.parametrize(("density", "temperature", "observed", "vcf", "at_15"), VECTORS)
def test_vectors(density, temperature, observed, vcf, at_15):
    assert vcf_e5(density, temperature) == vcf
    assert volume15(observed, vcf) == at_15


def test_at_15_degrees_nothing_changes():
    assert {vcf_e5(density, 150) for density in range(DENSITY_MIN, DENSITY_MAX + 1, 5)} == {100_000}


def test_warmer_fuel_shrinks_more_and_lighter_fuel_more_than_heavy():
    by_temperature = [vcf_e5(8450, t) for t in range(TEMPERATURE_MIN, TEMPERATURE_MAX + 1, 10)]
    assert by_temperature == sorted(by_temperature, reverse=True)
    by_density = [vcf_e5(d, 300) for d in (7705, 7875, 7880, 8385, 8390, 10_750)]
    assert by_density == sorted(by_density)


def test_constants_change_where_the_table_says():
    assert (vcf_e5(8389, 400), vcf_e5(8390, 400)) == (97_875, 97_874)
    assert (vcf_e5(7879, 400), vcf_e5(7880, 400)) == (97_598, 97_590)


def test_the_callers_decimal_context_does_not_matter():
    with decimal.localcontext(decimal.Context(prec=3, rounding=decimal.ROUND_DOWN)):
        assert vcf_e5(8450, 310) == 98_655


@pytest.mark.parametrize(
    ("density", "temperature", "code"),
    [
        (DENSITY_MIN - 1, 150, "density-out-of-table"),
        (DENSITY_MAX + 1, 150, "density-out-of-table"),
        (0, 150, "density-out-of-table"),
        (8450, TEMPERATURE_MIN - 1, "temperature-out-of-table"),
        (8450, TEMPERATURE_MAX + 1, "temperature-out-of-table"),
    ],
)
def test_outside_the_table_nothing_is_guessed(density, temperature, code):
    with pytest.raises(LocalError) as caught:
        vcf_e5(density, temperature)
    assert caught.value.code == code


def test_volumes_round_half_up_to_the_litre():
    assert [volume15(n, 50_000) for n in (0, 1, 2, 3)] == [0, 1, 1, 2]


def test_the_largest_volume_and_the_smallest_factor_are_still_worked_out():
    assert volume15(10**12, 199_999) == 1_999_990_000_000
    assert volume15(10**6, 1) == 10


@pytest.mark.parametrize(("observed", "vcf"), [(-1, 99_000), (10**12 + 1, 99_000), (1, 0), (1, 200_000)])
def test_absurd_volumes_are_refused(observed, vcf):
    with pytest.raises(LocalError) as caught:
        volume15(observed, vcf)
    assert caught.value.code == "out-of-range"
