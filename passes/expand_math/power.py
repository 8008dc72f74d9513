"""powf and rsqrt.

|x|^y = 2^(y log2|x|). The product can be as large as 1024 (f64), so its last bits count 2^10 times: log2 must be known
with 11 bits more than the result. For f32 it is all done in f64; for f64 the logarithm is a sum of two numbers, as in
Sun's fdlibm, where products are made exact by cutting their factors to half a significand.
"""

from __future__ import annotations

from irc.ir.types import f32
from irc.passes.expand_math.exponential import exp2_reduced, scale, within
from irc.passes.expand_math.logarithm import Parts, log2_1p, split, split_normal
from irc.passes.expand_math.terms import Floats, Term

LOG2_TAIL = (
    0.600000000000034, 0.4285714285514586, 0.33333333780522467, 0.27272676493477344, 0.23080138698806796,
    0.19885162156595249, 0.19795105229174242,
)  # fmt: skip
"""(3 atanh(s) / s - 3 - z) / z^2 by z = s^2 <= 0.0295; error of atanh 2^-66.3 (benchmarks/fit_polynomials.py)."""
TWO_THIRDS_LOG2_E = (0.9617967009544373, -7.028461650952758e-09)
"""2 / (3 log(2)) as a sum, the first part with 26 bits."""

INFINITY = float("inf")
LARGEST_EXPONENT = 2.0**65
"""With a larger |y|, x^y is the same: only 1 is nearer to 1 than 2^-53."""
RANGE_F64 = (-1080.0, 1025.0)
RANGE_F32 = (-160.0, 130.0)


def powf(f: Floats, x: Term, y: Term) -> Term:
    """x^y with the special cases of IEEE-754: x^0 = 1 = 1^y, even of NaN; negative x only with integral y."""
    a = f.absolute(x)
    magnitude = f.narrow(power_f32(f, a, y)) if f.format.type is f32 else power_f64(f, a, y)
    # zero and infinity have no logarithm
    extreme = a.equals(0.0) | a.equals(INFINITY)
    grows = a.equals(INFINITY) ^ (y < 0.0)
    magnitude = f.select(extreme, f.select(grows, INFINITY, 0.0), magnitude)
    size = f.absolute(y)
    whole = f.is_whole(size)
    odd = whole & ~f.is_whole(size * 0.5)
    undefined = ((x < 0.0) & ~whole & a.differs(INFINITY)) | x.unordered(y)
    signed = f.select(odd, f.with_sign(magnitude, x), magnitude)
    return f.select(y.equals(0.0) | x.equals(1.0), 1.0, f.select(undefined, float("nan"), signed))


def power_f32(f: Floats, a: Term, y: Term) -> Term:
    """a^y in f64 for positive finite a of f32."""
    d = f.double()
    parts = split_normal(d, f.widen(a))  # what is denormal in f32 is not in f64
    exponent = within(d, f.widen(y), (-LARGEST_EXPONENT, LARGEST_EXPONENT))  # a finite one: 1^inf = 1
    limited = within(d, (parts.e + log2_1p(d, parts.g)) * exponent, RANGE_F32)
    k = d.nearest(limited)
    return exp2_reduced(d, limited - k) * d.power_of_two(k)


def power_f64(f: Floats, a: Term, y: Term) -> Term:
    """a^y for positive finite a."""
    high, low = log2_precise(f, split(f, a))
    limited = within(f, y, (-LARGEST_EXPONENT, LARGEST_EXPONENT))
    y_high = f.head(limited)
    exact = y_high * high  # both are heads
    rest = f.fma(limited, low, (limited - y_high) * high)
    total = within(f, exact + rest, RANGE_F64)
    k = f.nearest(total)
    # limited away from the ends, where k does not depend on it any more
    r = within(f, (exact - k) + rest, (-0.5, 0.5))
    return scale(f, exp2_reduced(f, r), k, False)


def log2_precise(f: Floats, parts: Parts) -> tuple[Term, Term]:
    """log2 of 2^e (1 + g) as a head and the rest, together good to about 65 bits."""
    g = parts.g
    # s = g / (2 + g) as a head and the rest, which is what the head leaves of g, divided
    below = g + 2.0
    below_high = f.head(below)
    below_low = g - (below_high - 2.0)
    s = g / below
    s_high = f.head(s)
    s_low = ((g - s_high * below_high) - s_high * below_low) / below
    # 3 atanh(s) / s = 3 + s^2 + r as a head and the rest
    z = s * s
    square = s_high * s_high
    r = f.fma(s_low, s_high + s, z * z * f.polynomial(LOG2_TAIL, z))
    factor_high = f.head(square + 3.0 + r)
    factor_low = r - ((factor_high - 3.0) - square)
    # their product, 3 atanh(s)
    top = s_high * factor_high
    bottom = f.fma(s_low, factor_high, factor_low * s)
    p_high = f.head(top + bottom)
    p_low = bottom - (p_high - top)
    # log2(1 + g) = 2 atanh(s) / log(2)
    scale_high, scale_low = TWO_THIRDS_LOG2_E
    z_high = p_high * scale_high
    z_low = f.fma(p_high, scale_low, p_low * (scale_high + scale_low))
    high = f.head(parts.e + (z_high + z_low))
    return high, z_low - ((high - parts.e) - z_high)


def rsqrt(f: Floats, x: Term) -> Term:
    """1 / sqrt(x)."""
    return 1.0 / f.square_root(x)
