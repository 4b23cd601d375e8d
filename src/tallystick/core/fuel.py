"""Fuel volumes at 15 °C.

Decides the volume correction factor (VCF) and the corrected volume, in exact integers and fixed-precision decimals:
the same digits on every machine. Leaves to ``fold`` what to say when a declared figure differs.

Source: the correction formula and constants of the 1980 edition of API MPMS chapter 11.1 / ASTM D1250 / IP 200, table
54B (generalized products), as restated in docs/spec/orders.md, "Fuel". The 2004 edition differs in the last digits,
so an agreement names its edition.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, localcontext

from tallystick.core.errors import LocalError

EDITION = "API-11.1-1980"

# Limits below are in tenths of kg/m³ and tenths of °C.
DENSITY_MIN = 7_705  # lighter than any fuel the categories name: gasolines have other constants
DENSITY_MAX = 10_750
TEMPERATURE_MIN = -180
TEMPERATURE_MAX = 900
VOLUME_MAX_LITRES = 10**12

# The coefficient of expansion per °C is A + K1/ρ + K0/ρ² with ρ in kg/m³, by density range: from, A, K1, K0.
_COEFFICIENTS = (
    (8_390, Decimal(0), Decimal("0.4862"), Decimal("186.9696")),  # distillates and fuel oils
    (7_880, Decimal(0), Decimal(0), Decimal("594.5418")),  # jet fuels
    (7_705, Decimal("-0.00336312"), Decimal(0), Decimal("2680.3206")),  # between jet fuels and gasolines
)
_E5 = 100_000
_ARITHMETIC = Context(prec=40, rounding=ROUND_HALF_EVEN)  # far beyond five digits; not the caller's context


def vcf_e5(density15_decikg: int, temperature_decidegrees: int) -> int:
    """Return the volume correction factor to 15 °C × 100,000, rounded half up to five decimals.

    Args:
        density15_decikg: Density at 15 °C in tenths of kg/m³, 7,705 to 10,750.
        temperature_decidegrees: Observed temperature in tenths of °C, −180 to 900.

    Raises:
        LocalError: ``density-out-of-table`` or ``temperature-out-of-table``.
    """
    if not DENSITY_MIN <= density15_decikg <= DENSITY_MAX:
        raise LocalError("density-out-of-table", density15_decikg=density15_decikg, low=DENSITY_MIN, high=DENSITY_MAX)
    if not TEMPERATURE_MIN <= temperature_decidegrees <= TEMPERATURE_MAX:
        raise LocalError(
            "temperature-out-of-table",
            temperature_decidegrees=temperature_decidegrees,
            low=TEMPERATURE_MIN,
            high=TEMPERATURE_MAX,
        )
    a, k1, k0 = next(row[1:] for row in _COEFFICIENTS if density15_decikg >= row[0])
    with localcontext(_ARITHMETIC):
        density = Decimal(density15_decikg) / 10
        warmer = Decimal(temperature_decidegrees - 150) / 10
        expansion = (a + (k1 + k0 / density) / density) * warmer
        factor = (-expansion * (1 + Decimal("0.8") * expansion)).exp()
        return int((factor * _E5).to_integral_value(rounding=ROUND_HALF_UP))


def volume15(observed_litres: int, vcf_e5: int) -> int:
    """Return the volume at 15 °C in whole litres, half up.

    Raises:
        LocalError: ``out-of-range`` for a negative or absurd volume or factor.
    """
    if not (0 <= observed_litres <= VOLUME_MAX_LITRES and 0 < vcf_e5 < 2 * _E5):
        raise LocalError("out-of-range", observed_litres=observed_litres, vcf_e5=vcf_e5)
    return (2 * observed_litres * vcf_e5 + _E5) // (2 * _E5)
