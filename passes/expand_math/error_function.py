"""erf: a polynomial near 0, and 1 - erfc(|x|) farther out, where -log(erfc) is a polynomial. And 1 + erf(x / sqrt(2)),
which is twice the normal distribution function, precise also where the sum would cancel.
"""

from __future__ import annotations

from irc.ir.types import FloatType, f32, f64
from irc.passes.expand_math.exponential import EXP_REST, LN2, LOG2_E, expm1_reduced, reduce
from irc.passes.expand_math.terms import Floats, Term

ERF_SMALL: dict[FloatType, float] = {f32: 0.921, f64: 1.0}
"""Below it erf is a polynomial."""
ERF_REST = {
    f32: (0.12837917, -0.37612635, 0.11283696, -0.026859395, 0.005201022, -0.0008142582, 8.369568e-05),
    f64: (
        0.12837916709551256, -0.3761263890318352, 0.11283791670944185, -0.026866170643111482, 0.005223977606118337,
        -0.000854832592930634, 0.00012055293576727823, -1.492471230077111e-05, 1.6447131582134938e-06,
        -1.6206314018622895e-07, 1.3710982147635593e-08, -7.779472645983996e-10,
    ),
}  # fmt: skip
"""erf(x) / x - 1 by z = x^2; relative error of erf 2^-31.2 and 2^-56.9 (benchmarks/fit_polynomials.py)."""
ERFC_LOG = {
    f32: (0.00020712291, 1.1276269, 0.6372667, 0.103855476, -0.02218931, 0.003033567, -0.00019493315),
    f64: (
        5.13346153622015e-07, 1.1283739906626051, 0.6366440599637434, 0.10270227591632214, -0.018988014741608654,
        -0.00041357579702982095, 0.001918988300255133, -0.0007730789693758646, 0.00013657780580420242,
        1.9511582383307642e-05, -2.2528277230453907e-05, 8.577312304324704e-06, -2.1144366200920135e-06,
        3.694974318577511e-07, -4.592390659933277e-08, 3.889136455295085e-09, -2.019835033969875e-10,
        4.8637401439917895e-12,
    ),
}  # fmt: skip
"""-log(erfc(x)) from there to :data:`ERF_ONE`; error of erf 2^-29.3 and 2^-57.1 (benchmarks/fit_polynomials.py)."""
ERF_ONE: dict[FloatType, float] = {f32: 4.0, f64: 6.0}
"""From here on erf rounds to 1."""

NORMAL_LINE = {f32: (0.00116, 1.253295), f64: (0.0, 1.2533141373155003)}
NORMAL_ABOVE = {
    f32: (0.88, 0.765902, 0.31849924, 0.07018906, 0.0070532314),
    f64: (
        0.9, 1.523024632558949, 1.2748663211828215, 0.6833254158977077, 0.2575003106784537, 0.0709965050684858,
        0.014491431449078093, 0.0021660171357885455, 0.00022790799344234676, 1.5367101224637132e-05,
        5.114645223087204e-07,
    ),
}  # fmt: skip
NORMAL_REST = {
    f32: (0.8789792, 0.36425272, 0.08955199, 0.008613968),
    f64: (
        0.9, 1.1131380136975781, 0.7041936528889873, 0.28921230798676156, 0.08374416327716021,
        0.017597443914152022, 0.002676180334071938, 0.00028435825784813777, 1.9259805225075206e-05,
        6.41025716488033e-07,
    ),
}  # fmt: skip
"""2 Phi(-a) e^(a^2/2) = P / (L P + D) with a line L and polynomials P and D in a <= 12.9 (f32) and 37.5 (f64);
relative error 2^-27.2 and 2^-57.5 (benchmarks/fit_polynomials.py). All coefficients are positive, so no sum cancels.
For large a, where D is small, rounding errors of P cancel; for small a, P is just below 1, where they are least.
"""
NORMAL_ZERO: dict[FloatType, float] = {f32: 12.875, f64: 37.5}
"""Beyond it 2 Phi(-a), less than 2^-123 and 2^-1019, becomes 0; up to it nothing is denormal."""


def erf(f: Floats, x: Term) -> Term:
    """The error function, 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x."""
    type = f.format.type
    a = f.absolute(x)
    z = x * x
    small = f.fma(a, f.polynomial(ERF_REST[type], z), a)
    k, r = reduce(f, -f.polynomial(ERFC_LOG[type], f.at_most(a, ERF_ONE[type])))
    s = f.power_of_two(k)
    large = 1.0 - f.fma(s, expm1_reduced(f, r), s)
    return f.with_sign(f.select(a < ERF_SMALL[type], small, large), x)


def one_plus_erf(f: Floats, x: Term) -> Term:
    """1 + erf(x / sqrt(2)) = 2 Phi(x)."""
    type = f.format.type
    a = f.absolute(x)
    # a^2 = v - 2 k log(2), where v has the bits that a^2 has no room for; e^(-a^2/2) = 2^k e^(-v/2) = 2^k (1 + q)
    high, low = LN2[type]
    shifted = f.shifted(a * a, -0.5 * LOG2_E)
    k = shifted - f.format.round_to_integer
    v = f.fma(k, 2.0 * low, f.square_plus(a, k * (2.0 * high)))
    q = f.polynomial([c * (-0.5) ** n for n, c in enumerate((1.0, *EXP_REST[type]), 1)], v) * v
    ratio = normal_ratio(f, a)
    tail = f.select(a > NORMAL_ZERO[type], 0.0, f.raised(f.fma(ratio, q, ratio), shifted))
    return f.select(x < 0.0, tail, 2.0 - tail)


def normal_ratio(f: Floats, a: Term) -> Term:
    """2 Phi(-a) e^(a^2/2). Without multiply-add in f64, for there would be too many roundings."""
    type = f.format.type
    widened = type is f32 and not f.fused
    g, a = (f.double(), f.widen(a)) if widened else (f, a)
    above = g.polynomial(NORMAL_ABOVE[type], a)
    below = g.fma(g.polynomial(NORMAL_LINE[type], a), above, g.polynomial(NORMAL_REST[type], a))
    return f.narrow(above / below) if widened else above / below
