"""erf: a polynomial near 0, and 1 - erfc(|x|) farther out, where -log(erfc) is a polynomial."""

from __future__ import annotations

from irc.ir.types import FloatType, f32, f64
from irc.passes.expand_math.exponential import expm1_reduced, reduce
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
