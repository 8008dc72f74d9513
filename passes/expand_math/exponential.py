"""exp, exp2 and expm1.

x = k log(2) + r with an integer k and |r| <= log(2)/2 + 2^-20 or so, hence e^x = 2^k e^r (Cody and Waite). k log(2)
is subtracted in two parts, the first with so few bits that its product with k is exact. e^r comes of a polynomial, 2^k
of writing k into an exponent.
"""

from __future__ import annotations

from irc.ir.types import FloatType, f32, f64
from irc.passes.expand_math.terms import Floats, Term

LOG2_E = 1.4426950408889634
LN2 = {
    f32: (0.693359375, -2.1219444e-4),
    f64: (0.6931471805601177, -1.7239444525614835e-13),
}
"""log(2) as a sum; the first part has 9 (f32) or 41 (f64) bits."""

EXP_REST = {
    f32: (0.49999994, 0.1666652, 0.041668408, 0.008368911, 0.001381404),
    f64: (
        0.5000000000000011, 0.16666666666666405, 0.041666666666527095, 0.008333333333497882, 0.0013888888944550341,
        0.0001984126950146472, 2.480149204457918e-05, 2.7557588867732154e-06, 2.7630655860035406e-07,
        2.4999932507650837e-08,
    ),
}  # fmt: skip
"""(e^r - 1 - r) / r^2 for |r| <= 0.3476; relative error of e^r 2^-28.3 and 2^-57.9 (benchmarks/fit_polynomials.py)."""

EXP2_REST = {
    f32: (0.69314724, 0.24022652, 0.055503096, 0.009617692, 0.0013406934, 0.00015594672),
    f64: (
        0.6931471805599457, 0.24022650695910097, 0.055504108664789886, 0.009618129107606656, 0.0013333558153526108,
        0.00015403530442153462, 1.5252727332143234e-05, 1.3215442321214051e-06, 1.0180658516901887e-07,
        7.072641171283943e-09, 4.078005550896846e-10,
    ),
}  # fmt: skip
"""(2^r - 1) / r for |r| <= 0.501; relative error of 2^r 2^-28.5 and 2^-55.6 (benchmarks/fit_polynomials.py)."""

# Outside of these, e^x is infinite (or expm1 is), or less than half the smallest denormal.
EXP_RANGE: dict[FloatType, tuple[float, float]] = {f32: (-104.0, 89.0), f64: (-746.0, 710.0)}
EXP2_RANGE: dict[FloatType, tuple[float, float]] = {f32: (-151.0, 128.5), f64: (-1076.0, 1024.5)}
# With results below the smallest normal number being 0: the exponent of the lower end is -bias + 1.
EXP_RANGE_FAST: dict[FloatType, tuple[float, float]] = {f32: (-87.5, 89.0), f64: (-708.5, 710.0)}
EXP2_RANGE_FAST: dict[FloatType, tuple[float, float]] = {f32: (-126.0, 128.5), f64: (-1022.0, 1024.5)}
MINUS_ONE_BELOW: dict[FloatType, float] = {f32: -18.0, f64: -38.0}
"""expm1(x) rounds to -1 there."""


def within(f: Floats, x: Term, limits: tuple[float, float]) -> Term:
    """x limited to an interval; NaN stays."""
    return f.at_most(f.at_least(x, limits[0]), limits[1])


def reduce(f: Floats, x: Term) -> tuple[Term, Term]:
    """k and r with x = k log(2) + r."""
    high, low = LN2[f.format.type]
    k = f.nearest(x, LOG2_E)
    return k, f.fma(k, -low, f.fma(k, -high, x))


def expm1_reduced(f: Floats, r: Term) -> Term:
    """e^r - 1 for |r| <= 0.3476."""
    return f.fma(r * r, f.polynomial(EXP_REST[f.format.type], r), r)


def scale(f: Floats, x: Term, k: Term, fast: bool) -> Term:
    """x 2^k for k that may be a little beyond the exponents of normal numbers.

    In two steps, so that 2^k need not be a number itself, and results that are too small for normal ones are rounded to
    denormals, once. Fast: x is near 1; results below 2^(3/2 - bias) become 0.
    """
    if fast:
        return x * f.power_of_two(k - 1.0) * 2.0
    half = f.nearest(k, 0.5)
    return x * f.power_of_two(half) * f.power_of_two(k - half)


def exp(f: Floats, x: Term, fast: bool) -> Term:
    """e^x; infinite from log(largest number) on, 0 from log(half the smallest denormal) down."""
    ranges = EXP_RANGE_FAST if fast else EXP_RANGE
    k, r = reduce(f, within(f, x, ranges[f.format.type]))
    return scale(f, expm1_reduced(f, r) + 1.0, k, fast)


def exp2(f: Floats, x: Term, fast: bool) -> Term:
    """2^x, exact for integers."""
    ranges = EXP2_RANGE_FAST if fast else EXP2_RANGE
    limited = within(f, x, ranges[f.format.type])
    k = f.nearest(limited)
    return scale(f, exp2_reduced(f, limited - k), k, fast)


def exp2_reduced(f: Floats, r: Term) -> Term:
    """2^r for |r| <= 1/2."""
    return f.fma(f.polynomial(EXP2_REST[f.format.type], r), r, 1.0)


def expm1_shifted(f: Floats, x: Term, shift: int) -> Term:
    """(e^x - 1) / 2^shift for x in EXP_RANGE and not far below :data:`MINUS_ONE_BELOW`, where it is -1."""
    # 2^k (1 + q) - 1 = 2^k q + (2^k - 1), and nothing is lost for k = 0
    k, r = reduce(f, x)
    s = f.power_of_two(k - float(shift))
    return f.fma(s, expm1_reduced(f, r), s - 2.0**-shift)


def expm1(f: Floats, x: Term) -> Term:
    """e^x - 1, precise near 0."""
    limited = within(f, x, (MINUS_ONE_BELOW[f.format.type], EXP_RANGE[f.format.type][1]))
    # at half its size, because 2^k is not a number for the largest k
    return f.with_sign(expm1_shifted(f, limited, 1) * 2.0, x)
