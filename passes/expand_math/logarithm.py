"""log, log2, log10 and log1p.

x = 2^e m with sqrt(1/2) <= m < sqrt(2), so that log(x) = e log(2) + log(m), and for x near 1, e = 0 and nothing
cancels. With g = m - 1, which is exact, log(1 + g) = g + c with a small correction c.
"""

from __future__ import annotations

from dataclasses import dataclass

from irc.ir.types import FloatType, f32, f64
from irc.passes.expand_math.terms import Floats, Term

SQRT_HALF_BITS: dict[FloatType, int] = {f32: 0x3F3504F3, f64: 0x3FE6A09E667F3BCD}

LOG_F32 = (
    0.3333331, -0.24999987, 0.20002227, -0.16669253, 0.14218663, -0.123843245, 0.11872942, -0.117899634, 0.06915623,
)  # fmt: skip
"""(log(1 + g) - g + g^2/2) / g^3 for sqrt(1/2) <= 1 + g <= sqrt(2); relative error of the logarithm 2^-30.4
(benchmarks/fit_polynomials.py).
"""
LOG_F64 = (
    0.6666666666666734, 0.3999999999941357, 0.2857142874266404, 0.22222198541904192, 0.1818356609187084,
    0.15314002058702117, 0.1479646582936232,
)  # fmt: skip
"""(log((1 + s) / (1 - s)) / s - 2) / z by z = s^2 <= 0.0295; relative error 2^-59.5 (benchmarks/fit_polynomials.py)."""

LN2 = {f32: (0.69317626953125, -2.9088971e-05), f64: (0.6931471805601177, -1.7239444525614835e-13)}
LOG10_2 = {f32: (0.301025390625, 4.605038981e-06), f64: (0.3010299956640665, -8.532344317057107e-14)}
"""log(2) and log10(2) as sums; products of the first parts (14 and 41 bits) with exponents are exact."""
LOG10_E = {f32: (0.43429449200630188, -1.0103050052e-08), f64: (0.4342944819032518, 1.098319650216765e-17)}
LOG2_E = 1.4426950408889634
LOG2_E_MINUS_1 = 0.44269504088896341


@dataclass(frozen=True)
class Parts:
    """x = 2^e (1 + g)."""

    e: Term
    g: Term


def split(f: Floats, x: Term) -> Parts:
    """The parts of a positive finite number, denormal ones included; of others, something."""
    # a denormal is made normal first
    shift = f.format.fraction + 2
    tiny = x < f.format.smallest_normal
    parts = split_normal(f, f.select(tiny, x * 2.0**shift, x))
    return Parts(parts.e - f.select(tiny, float(shift), 0.0), parts.g)


def split_normal(f: Floats, x: Term) -> Parts:
    """Like :func:`split`, without denormals."""
    bits = f.bits(x)
    exponent = (bits - SQRT_HALF_BITS[f.format.type]) >> f.format.fraction
    m = f.from_bits(bits - (exponent << f.format.fraction))
    return Parts(f.from_integer(exponent), m - 1.0)


def correction(f: Floats, g: Term) -> Term:
    """c with log(1 + g) = g + c for sqrt(1/2) <= 1 + g <= sqrt(2)."""
    if f.format.type is f32:
        return g * g * f.fma(g, f.polynomial(LOG_F32, g), -0.5)
    # log(1 + g) = log((1 + s) / (1 - s)) with s = g / (2 + g) = 2s + s R, and 2s = g - s g
    # (the formula and its order are those of Sun's fdlibm: g - (h - s (h + R)), h = g^2/2)
    s = g / (g + 2.0)
    z = s * s
    h = g * g * 0.5
    return s * f.fma(z, f.polynomial(LOG_F64, z), h) - h


def with_specials(f: Floats, result: Term, x: Term) -> Term:
    """``result`` for positive x; -inf for zeros, NaN below, and infinity and NaN as they are."""
    infinity = float("inf")
    below = f.select(x.equals(0.0), -infinity, float("nan"))
    return f.select(x.equals(infinity), infinity, f.select(x > 0.0, result, below))


def combine(f: Floats, e: Term, g: Term, c: Term) -> Term:
    """e log(2) + g + c, the small parts first."""
    high, low = LN2[f.format.type]
    return f.fma(e, high, g + f.fma(e, low, c))


def log(f: Floats, x: Term) -> Term:
    """The natural logarithm."""
    parts = split(f, x)
    return with_specials(f, combine(f, parts.e, parts.g, correction(f, parts.g)), x)


def log2(f: Floats, x: Term) -> Term:
    """The logarithm to base 2, exact for powers of 2."""
    parts = split(f, x)
    return with_specials(f, parts.e + log2_1p(f, parts.g), x)


def log2_1p(f: Floats, g: Term) -> Term:
    """log2(1 + g)."""
    # (g + c) (1 + (log2(e) - 1)): the largest part, g, is exact
    return g + f.fma(g, LOG2_E_MINUS_1, correction(f, g) * LOG2_E)


def log10(f: Floats, x: Term) -> Term:
    """The logarithm to base 10."""
    parts = split(f, x)
    (scale, scale_low), (high, low) = LOG10_E[f.format.type], LOG10_2[f.format.type]
    small = f.fma(parts.e, low, f.fma(parts.g, scale_low, correction(f, parts.g) * scale))
    return with_specials(f, f.fma(parts.e, high, f.fma(parts.g, scale, small)), x)


def log1p(f: Floats, x: Term) -> Term:
    """log(1 + x), precise near 0."""
    u = x + 1.0
    parts = split_normal(f, u)
    # u has lost the low bits of x, so g is made of x itself: 2^-e (1 + x) - 1. Where x is so large that 2^-e is not
    # a number, the 1 does not count.
    s = f.power_of_two(-parts.e)
    g = f.select(u < 2.0 ** (f.format.fraction + 3), f.fma(x, s, s - 1.0), parts.g)
    return f.with_sign(with_specials(f, combine(f, parts.e, g, correction(f, g)), u), x)
