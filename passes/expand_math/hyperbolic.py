"""tanh, sinh and cosh."""

from __future__ import annotations

from irc.ir.types import FloatType, f32, f64
from irc.passes.expand_math.exponential import exp, expm1_reduced, expm1_shifted, reduce
from irc.passes.expand_math.terms import Floats, Term

TANH_SMALL = 0.6
"""Below it tanh is a polynomial."""
TANH_REST = {
    f32: (-0.333333, 0.13331924, -0.053783834, 0.02079598, -0.0058951615),
    f64: (
        -0.33333333333333126, 0.13333333333299666, -0.05396825394929653, 0.021869488002569153, -0.008863226777392588,
        0.0035920373776821123, -0.0014552153490050357, 0.0005871883404871211, -0.00023039663933489086,
        7.931370892762875e-05, -1.7178583890406847e-05,
    ),
}  # fmt: skip
"""(tanh(x) - x) / x^3 by z = x^2 <= 0.36; relative error of tanh 2^-28.4, 2^-57.8 (benchmarks/fit_polynomials.py)."""
TANH_ONE: dict[FloatType, float] = {f32: 9.1, f64: 19.1}
"""From here on tanh rounds to 1."""

TANH_FAST_ABOVE = (1.0, 0.1337739, 0.0034912694, 2.053799e-05, 1.3256016e-08)
TANH_FAST_BELOW = (1.0, 0.46710703, 0.025860552, 0.00032785715, 7.736219e-07)
"""tanh(x) / x as a ratio of polynomials in x^2 <= 82; relative error 2^-25.5 (benchmarks/fit_polynomials.py)."""
TANH_FAST_ONE = 9.05

SINH_RANGE: dict[FloatType, float] = {f32: 89.5, f64: 710.6}
"""From here on sinh and cosh are infinite, and 2^(k - 2) is still a number."""
LARGE = 2.0**60
"""For t from here on, t / (2t + 1) is 1/2."""


def tanh(f: Floats, x: Term, fast: bool) -> Term:
    """tanh(x), exactly 1 or -1 where that is nearest."""
    if fast and f.format.type is f32:
        return tanh_fast(f, x)
    a = f.absolute(x)
    # 1 - 2 / (e^2a + 1), where e^2a + 1 = s q + (s + 1)
    k, r = reduce(f, f.at_most(a, TANH_ONE[f.format.type]) * 2.0)
    s = f.power_of_two(k)
    large = 1.0 - 2.0 / f.fma(s, expm1_reduced(f, r), s + 1.0)
    z = x * x
    small = f.fma(a * z, f.polynomial(TANH_REST[f.format.type], z), a)
    return f.with_sign(f.select(a < TANH_SMALL, small, large), x)


def tanh_fast(f: Floats, x: Term) -> Term:
    """tanh(x) in f32 as one ratio of polynomials."""
    limited = f.at_least(f.at_most(x, TANH_FAST_ONE), -TANH_FAST_ONE)
    z = limited * limited
    ratio = limited * f.polynomial(TANH_FAST_ABOVE, z) / f.polynomial(TANH_FAST_BELOW, z)
    return f.at_least(f.at_most(ratio, 1.0), -1.0)


def one_plus_tanh(f: Floats, x: Term) -> Term:
    """1 + tanh(x) = 2 / (1 + e^-2x)."""
    e = exp(f, f.absolute(x) * -2.0, False)
    return f.select(x < 0.0, e * 2.0, 2.0) / (e + 1.0)


def sinh(f: Floats, x: Term) -> Term:
    """(e^x - e^-x) / 2, precise near 0."""
    # With t = (e^|x| - 1) / 2 it is t + t / (2t + 1). t is made of a quarter, for which 2^k is always a number.
    a = f.at_most(f.absolute(x), SINH_RANGE[f.format.type])
    t = expm1_shifted(f, a, 2) * 2.0
    finite = f.at_most(t, LARGE)
    return f.with_sign(t + finite / f.fma(finite, 2.0, 1.0), x)


def cosh(f: Floats, x: Term) -> Term:
    """(e^x + e^-x) / 2."""
    # With q = e^|x| / 4 it is 2q + 1 / 8q.
    a = f.at_most(f.absolute(x), SINH_RANGE[f.format.type])
    k, r = reduce(f, a)
    s = f.power_of_two(k - 2.0)
    q = f.fma(s, expm1_reduced(f, r), s)
    return f.fma(q, 2.0, 0.125 / q)
