"""erf: a polynomial near 0, and 1 - erfc(|x|) farther out, where -log(erfc) is a polynomial. And 1 + erf(x / sqrt(2)),
which is twice the normal distribution function, precise also where the sum would cancel.
"""

from __future__ import annotations

from irc.ir.types import FloatType, f32, f64
from irc.passes.expand_math.exponential import LN2, LOG2_E, expm1_reduced, reduce
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

NORMAL_SHIFT: dict[FloatType, float] = {f32: 1.5, f64: 2.0}
NORMAL = {
    f32: (
        1.234684, -0.39019892, -0.114991225, 0.035792105, 0.03528313, 0.007984044, -0.0048730504, -0.005447199,
        -0.002088495, 0.00053994945, 0.0009536552, 0.0002815244, -1.6530685e-05,
    ),
    f64: (
        1.3448160097853648, -0.6628088847775621, 0.05759472069072467, 0.07343672193783624,
        -0.0009391936686999994, -0.013449814155912218, -0.003902248324078151, 0.0015702363041919189,
        0.0016543979198907156, 0.00041398356984552475, -0.00023138551056738575, -0.00025710458687250054,
        -9.211389803567399e-05, 1.936670690600795e-05, 4.3433044481806736e-05, 2.5130937190286346e-05,
        3.976650323026298e-06, -5.682665795973253e-06, -5.7539738048878215e-06, -2.7538186466945957e-06,
        -5.88071889543806e-07, 6.522985834200867e-07, 1.2970108288757013e-06, 8.159564381280737e-07,
        -1.8539566830075672e-07, -4.5685841776357374e-07, -1.228030994019493e-07, 6.563145651537905e-08,
        3.694658665745946e-08, 3.923116377289176e-09,
    ),
}  # fmt: skip
"""2 Phi(-a) e^(a^2/2) (a + shift) by u = (a - shift) / (a + shift); relative error 2^-27.1 and 2^-58.0
(benchmarks/fit_polynomials.py).
"""
NORMAL_ZERO: dict[FloatType, float] = {f32: 14.5, f64: 38.7}
"""From here on 2 Phi(-a) is less than half the smallest denormal."""
LIFT = 100.0
"""2^(k + LIFT) is a normal number for all k of 2 Phi(-a)."""


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
    a = f.at_most(f.absolute(x), NORMAL_ZERO[type])
    # a^2 = h^2 + (a - h) (a + h) with a head h, whose square is exact, and so is what k log(2) leaves of it
    high, low = LN2[type]
    k = f.nearest(a * a, -0.5 * LOG2_E)
    h = f.head(a)
    r = f.fma(k, -low, f.fma(k, -high, h * h * -0.5))
    q = expm1_reduced(f, f.fma((a - h) * (a + h), -0.5, r))
    shift = NORMAL_SHIFT[type]
    above = a + shift
    t = 1.0 / above
    q = f.fma((above - shift) - a, t, q)  # by what the sum is too large, exactly
    ratio = f.quotient(f.polynomial(NORMAL[type], (a - shift) * t), above, t)
    # 2^k need not be a number itself; only the last product rounds, where the result is denormal
    tail = f.fma(ratio, q, ratio) * f.power_of_two(k + LIFT) * 2.0**-LIFT
    return f.select(x < 0.0, tail, 2.0 - tail)
