"""sin, cos and tan.

|x| = k pi/2 + r with an integer k and |r| <= 0.7855; polynomials for sin(r) and cos(r), and k says which of them, with
which sign. pi/2 is subtracted in parts (Cody and Waite), so short that their products with k are exact. For f32 that is
done in f64. Beyond the range that k and the parts allow the phase is lost: r is limited, so that sin and cos stay in
[-1, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

from irc.ir.types import FloatType, f32, f64
from irc.passes.expand_math.exponential import within
from irc.passes.expand_math.terms import Floats, Term

TWO_OVER_PI = 0.6366197723675814
HALF_PI_F32 = (1.5707964897155762, -1.6292068494294654e-07, 5.390302858158119e-15)
"""pi/2 as a sum; the first parts have 22 bits, so in f64 products with k < 2^31 are exact."""
HALF_PI_F64 = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32)
"""pi/2 as a sum; the first parts have 33 bits, so products with k < 2^20 are exact."""
REST_LIMIT = 0.785498
"""A little more than pi/4: k is the nearest integer but for rounding."""

SIN_REST = {
    f32: (-0.16666655, 0.008332178, -0.00019517221),
    f64: (
        -0.16666666666666632, 0.008333333333322413, -0.00019841269829807694, 2.755731369182381e-06,
        -2.5050758089620923e-08, 1.5896793476162107e-10,
    ),
}  # fmt: skip
"""(sin(r) - r) / r^3 by z = r^2, |r| <= 0.7855; error of sin 2^-28.1 and 2^-58.0 (benchmarks/fit_polynomials.py)."""
COS_REST = {
    f32: (0.041666646, -0.0013887368, 2.443842e-05),
    f64: (
        0.0416666666666666, -0.0013888888888874123, 2.4801587289480843e-05, -2.7557314351916057e-07,
        2.087572321220725e-09, -1.1359644420168394e-11,
    ),
}  # fmt: skip
"""(cos(r) - 1 + r^2/2) / r^4 by z = r^2; error 2^-33.3 and 2^-64.2 (benchmarks/fit_polynomials.py)."""

LIMIT: dict[FloatType, float] = {f32: 2.0**31, f64: 2.0**20}
"""Up to here |x| is reduced precisely."""


@dataclass(frozen=True)
class Reduced:
    """|x| = k pi/2 + r + tail, of which ``quadrant`` holds the low bits of k. No tail: it is not worth it."""

    quadrant: Term
    r: Term
    tail: Term | None


def reduce(f: Floats, a: Term) -> Reduced:
    """The parts of ``a``, which is not negative."""
    if f.format.type is f64:
        return reduce_f64(f, a)
    d = f.double()
    wide = f.widen(a)
    k = d.nearest(wide, TWO_OVER_PI)
    r = wide
    for part in HALF_PI_F32:
        r = d.fma(k, -part, r)
    r = within(d, r, (-REST_LIMIT, REST_LIMIT))
    return Reduced(f.narrow_integer(d.low_bits(k)), f.narrow(r), None)


def reduce_f64(f: Floats, a: Term) -> Reduced:
    """In f64, where r needs a tail: near a multiple of pi/2 the first parts cancel."""
    first, second, third, fourth = HALF_PI_F64
    k = f.nearest(a, TWO_OVER_PI)
    high, low = exact_difference(f.fma(k, -first, a), k * second)
    high, lower = exact_difference(high, k * third)
    tail = low + f.fma(k, -fourth, lower)
    r = high + tail
    inside = f.absolute(r) < 1.0
    tail = f.select(inside, (high - r) + tail, 0.0)
    return Reduced(f.low_bits(k), within(f, r, (-REST_LIMIT, REST_LIMIT)), tail)


def exact_difference(a: Term, b: Term) -> tuple[Term, Term]:
    """a - b, and what its rounding has lost (Knuth's two-sum)."""
    difference = a - b
    virtual = difference - a
    return difference, (a - (difference - virtual)) - (b + virtual)


def sine(f: Floats, reduced: Reduced) -> Term:
    """sin(r + tail)."""
    r = reduced.r
    z = r * r
    cubic = r * z * f.polynomial(SIN_REST[f.format.type], z)
    if reduced.tail is None:
        return r + cubic
    return r + f.fma(reduced.tail, f.fma(z, -0.5, 1.0), cubic)


def cosine(f: Floats, reduced: Reduced) -> Term:
    """cos(r + tail)."""
    r = reduced.r
    z = r * r
    rest = z * z * f.polynomial(COS_REST[f.format.type], z)
    half = z * 0.5
    if reduced.tail is None:
        return 1.0 - (half - rest)
    top = 1.0 - half
    return top + (((1.0 - top) - half) + (rest - r * reduced.tail))


def flipped(f: Floats, x: Term, signs: Term) -> Term:
    """x, with its sign turned where the sign bit of ``signs`` is set."""
    return f.from_bits(f.bits(x) ^ (signs & f.format.sign))


def sin(f: Floats, x: Term) -> Term:
    """The sine of x radians."""
    reduced = reduce(f, f.absolute(x))
    quadrant = reduced.quadrant
    value = f.select(quadrant.is_odd(), cosine(f, reduced), sine(f, reduced))
    # bit 1 of k turns the sign: quadrants 2 and 3 lie below
    return flipped(f, value, (quadrant << (f.format.bits.width - 2)) ^ f.bits(x))


def cos(f: Floats, x: Term) -> Term:
    """The cosine of x radians."""
    reduced = reduce(f, f.absolute(x))
    quadrant = reduced.quadrant
    value = f.select(quadrant.is_odd(), sine(f, reduced), cosine(f, reduced))
    return flipped(f, value, (quadrant + 1) << (f.format.bits.width - 2))


def tan(f: Floats, x: Term) -> Term:
    """The tangent of x radians."""
    reduced = reduce(f, f.absolute(x))
    odd = reduced.quadrant.is_odd()
    s, c = sine(f, reduced), cosine(f, reduced)
    # tan(r + pi/2) = -cos(r) / sin(r)
    ratio = f.select(odd, c, s) / f.select(odd, s, c)
    return flipped(f, ratio, (reduced.quadrant << (f.format.bits.width - 1)) ^ f.bits(x))
