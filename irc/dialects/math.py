"""The math dialect: MLIR's elementary functions of floats, on numbers, vectors and tensors.

The reference computes in float64 and rounds to the declared type, so narrower types are almost always rounded correctly.
Native code may be off by the ``ulps`` that each op states; error bounds allow for that much.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from irc.dialects.arith.attributes import NO_FASTMATH, FastMathAttr
from irc.dialects.arith.compare import CmpF, Select
from irc.dialects.arith.floats import AddF, DivF, MulF, NegF, SubF
from irc.dialects.arith.forms import FASTMATH, FloatBinary, FloatUnary, Uniform
from irc.dialects.constants import fold_elementwise, is_number, splat
from irc.error_bounds import known, magnitude, product, rounded
from irc.ir.attributes import Attribute
from irc.ir.builder import Builder
from irc.ir.constraints import FLOAT_LIKE
from irc.ir.dialect import Dialect
from irc.ir.operation import Value
from irc.ir.spec import attr, operand, result

Gradients = Sequence[Value | None]


class _Function(FloatUnary):
    """A function of one float. A subclass gives ``function`` and ``derivative``."""

    ulps: ClassVar[float] = 4.0
    """How far, in units in the last place, native code may be from the exact value."""
    function: ClassVar[Callable[[Any], Any]]

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        wide = np.asarray(source, np.float64)
        return [context.round(type(self).function(wide), self.output.type)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        propagated = self.spread(operands[0], errors[0], results[0]) if errors[0] is not None else 0.0
        return [known(rounded(self.output.type, results[0], propagated, self.ulps))]

    def spread(self, x: Any, error: Any, y: Any) -> Any:
        """How far the function's values around ``x`` are from ``y``. Here for monotone functions: at the ends."""
        f = type(self).function
        return known(np.maximum(np.abs(f(x + error) - y), np.abs(f(x - error) - y)))

    def derivative(self, builder: Builder, g: Value) -> Value:
        """The gradient ``g`` times the derivative at the operand."""
        raise NotImplementedError

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        (g,) = gradients
        assert g is not None
        return [self.derivative(builder, g)]


def _times(builder: Builder, value: Value, number: float) -> Value:
    return builder.value(MulF, value, splat(builder, number, value.type))


def _plus(builder: Builder, value: Value, number: float) -> Value:
    return builder.value(AddF, value, splat(builder, number, value.type))


class Exp(_Function):
    """e^x: ``math.exp %x : f32``."""

    name = "math.exp"
    function = np.exp

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = y dx
        return builder.value(MulF, g, self.output)


class Exp2(_Function):
    """2^x: ``math.exp2 %x : f32``."""

    name = "math.exp2"
    function = np.exp2

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = ln 2 y dx
        return _times(builder, builder.value(MulF, g, self.output), math.log(2))


class ExpM1(_Function):
    """e^x - 1, accurate near 0: ``math.expm1 %x : f32``."""

    name = "math.expm1"
    function = np.expm1

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = (y + 1) dx
        return builder.value(MulF, g, _plus(builder, self.output, 1.0))


class Log(_Function):
    """The natural logarithm; -inf at 0, NaN below: ``math.log %x : f32``."""

    name = "math.log"
    function = np.log

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = dx / x
        return builder.value(DivF, g, self.source)


class Log2(_Function):
    """The logarithm to base 2: ``math.log2 %x : f32``."""

    name = "math.log2"
    function = np.log2

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = dx / (x ln 2)
        return _times(builder, builder.value(DivF, g, self.source), 1 / math.log(2))


class Log10(_Function):
    """The logarithm to base 10: ``math.log10 %x : f32``."""

    name = "math.log10"
    function = np.log10

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = dx / (x ln 10)
        return _times(builder, builder.value(DivF, g, self.source), 1 / math.log(10))


class Log1P(_Function):
    """log(1 + x), accurate near 0: ``math.log1p %x : f32``."""

    name = "math.log1p"
    function = np.log1p

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = dx / (1 + x)
        return builder.value(DivF, g, _plus(builder, self.source, 1.0))


class Sqrt(_Function):
    """The square root, correctly rounded; NaN below 0: ``math.sqrt %x : f32``. It has no derivative at 0."""

    name = "math.sqrt"
    ulps = 0.5
    function = np.sqrt

    def spread(self, x: Any, error: Any, y: Any) -> Any:
        # below 0 there is no root: the exact value is not there
        return known(np.maximum(np.sqrt(x + error) - y, y - np.sqrt(np.maximum(x - error, 0.0))))

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = dx / (2 y)
        return builder.value(DivF, _times(builder, g, 0.5), self.output)


class RSqrt(_Function):
    """One over the square root: ``math.rsqrt %x : f32``."""

    name = "math.rsqrt"

    @staticmethod
    def function(x: Any) -> Any:
        """The NumPy function."""
        return 1.0 / np.sqrt(x)

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = -y / (2 x) dx
        return builder.value(DivF, _times(builder, builder.value(MulF, g, self.output), -0.5), self.source)


class _Wave(_Function):
    """Sine or cosine: changes no faster than its operand, and by 2 at the most."""

    def spread(self, x: Any, error: Any, y: Any) -> Any:
        return np.minimum(error, 2.0)


class Sin(_Wave):
    """The sine: ``math.sin %x : f32``."""

    name = "math.sin"
    function = np.sin

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = cos x dx
        return builder.value(MulF, g, builder.value(Cos, self.source))


class Cos(_Wave):
    """The cosine: ``math.cos %x : f32``."""

    name = "math.cos"
    function = np.cos

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = -sin x dx
        return builder.value(NegF, builder.value(MulF, g, builder.value(Sin, self.source)))


class Tan(_Function):
    """The tangent: ``math.tan %x : f32``."""

    name = "math.tan"
    function = np.tan

    def spread(self, x: Any, error: Any, y: Any) -> Any:
        branch = [np.floor((x + s) / math.pi + 0.5) for s in (-error, error)]
        return np.where(branch[0] == branch[1], super().spread(x, error, y), np.inf)

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = (1 + y^2) dx
        return builder.value(MulF, g, _plus(builder, builder.value(MulF, self.output, self.output), 1.0))


class TanH(_Function):
    """The hyperbolic tangent: ``math.tanh %x : f32``."""

    name = "math.tanh"
    function = np.tanh

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = (1 - y^2) dx
        square = builder.value(MulF, self.output, self.output)
        return builder.value(MulF, g, builder.value(SubF, splat(builder, 1.0, g.type), square))


class SinH(_Function):
    """The hyperbolic sine: ``math.sinh %x : f32``."""

    name = "math.sinh"
    function = np.sinh

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = cosh x dx
        return builder.value(MulF, g, builder.value(CosH, self.source))


class CosH(_Function):
    """The hyperbolic cosine: ``math.cosh %x : f32``."""

    name = "math.cosh"
    function = np.cosh

    def spread(self, x: Any, error: Any, y: Any) -> Any:
        # grows with |x|, and is at least as steep outwards as inwards
        return known(np.cosh(np.abs(x) + error) - y)

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = sinh x dx
        return builder.value(MulF, g, builder.value(SinH, self.source))


_erf = np.frompyfunc(math.erf, 1, 1)


class Erf(_Function):
    """The error function: ``math.erf %x : f32``."""

    name = "math.erf"

    @staticmethod
    def function(x: Any) -> Any:
        """The C library's function, element by element."""
        return np.asarray(_erf(x)).astype(np.float64)

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = 2 / sqrt(pi) exp(-x^2) dx
        square = builder.value(MulF, self.source, self.source)
        bell = builder.value(Exp, builder.value(NegF, square))
        return builder.value(MulF, _times(builder, g, 2 / math.sqrt(math.pi)), bell)


class AbsF(FloatUnary):
    """The absolute value, of zeros and NaN too: ``math.absf %x : f32``. Its derivative at 0 is 0."""

    name = "math.absf"

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        return [np.abs(source)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [errors[0]]

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        # dy = sign x dx, and the sign of 0 is 0
        (g,) = gradients
        assert g is not None
        zero = splat(builder, 0.0, g.type)
        negative = builder.value(CmpF, self.source, zero, predicate="olt")
        positive = builder.value(CmpF, self.source, zero, predicate="ogt")
        below = builder.value(Select, negative, builder.value(NegF, g), zero)
        return [builder.value(Select, positive, g, below)]


class _Step(FloatUnary):
    """A rounding to whole numbers. Its derivative is 0 wherever it has one."""

    step: ClassVar[Callable[[Any], Any]]

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        return [context.round(type(self).step(source), self.output.type)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        if errors[0] is None:
            return [None]
        (x,), (error,), f = operands, errors, type(self).step
        return [known(np.maximum(np.abs(f(x + error) - results[0]), np.abs(f(x - error) - results[0])))]

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        return [None]


class Floor(_Step):
    """The largest whole number not above: ``math.floor %x : f32``."""

    name = "math.floor"
    step = np.floor


class Ceil(_Step):
    """The smallest whole number not below: ``math.ceil %x : f32``."""

    name = "math.ceil"
    step = np.ceil


class Trunc(_Step):
    """The whole number next towards zero: ``math.trunc %x : f32``."""

    name = "math.trunc"
    step = np.trunc


class RoundEven(_Step):
    """The nearest whole number, of two the even one: ``math.roundeven %x : f32``."""

    name = "math.roundeven"
    step = np.rint


class Round(_Step):
    """The nearest whole number, of two the one away from zero: ``math.round %x : f32``."""

    name = "math.round"

    @staticmethod
    def step(x: Any) -> Any:
        """In NumPy."""
        whole = np.trunc(x)
        return np.copysign(whole + np.copysign(np.abs(x - whole) >= 0.5, x), x)


class CopySign(FloatBinary):
    """The first number with the sign of the second: ``math.copysign %a, %b : f32``."""

    name = "math.copysign"

    def eval(self, context: Any, lhs: Any, rhs: Any) -> Sequence[Any]:
        return [np.copysign(lhs, rhs)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        a, b = operands
        ea, eb = magnitude(errors[0]), np.asarray(magnitude(errors[1]))
        return [np.where((eb > 0) & (np.abs(b) <= eb), 2 * np.abs(a) + ea, ea)]

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        # y = |a| sign b: dy = sign a sign b da
        (g,) = gradients
        assert g is not None
        one = splat(builder, 1.0, g.type)
        signs = [builder.value(CopySign, one, v) for v in self.operands]
        return [builder.value(MulF, g, builder.value(MulF, *signs)), None]


class PowF(FloatBinary):
    """a^b as C's ``pow``: x^0 = 1 even for NaN, and NaN for a < 0 unless b is whole: ``math.powf %a, %b : f32``."""

    name = "math.powf"
    ulps = 4.0

    def fold(self) -> Sequence[Value | Attribute] | None:
        # x^1 = x
        return [self.lhs] if is_number(self.rhs, 1.0) else fold_elementwise(self)

    def eval(self, context: Any, lhs: Any, rhs: Any) -> Sequence[Any]:
        # NumPy takes sqrt(a) for a 0-d exponent of 0.5, which is wrong for a = -inf: hence the extra axis.
        wide = np.power(np.asarray(lhs, np.float64)[..., None], np.asarray(rhs, np.float64)[..., None])[..., 0]
        return [context.round(wide, self.output.type)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        # monotone in a and in b where a is positive; for fixed b also on either side of a = 0
        a, b = operands
        ea, eb = magnitude(errors[0]), magnitude(errors[1])
        propagated = np.zeros(np.shape(results[0]))
        for x in (a - ea, a + ea):
            for y in (b - eb, b + eb):
                propagated = np.maximum(propagated, np.abs(np.power(x, y) - results[0]))
        through_zero = (a - ea <= 0) & (a + ea >= 0) & (np.asarray(ea) > 0)
        at_zero = np.abs(np.power(np.zeros_like(a, np.float64), b) - results[0])
        propagated = np.where(through_zero, np.maximum(propagated, at_zero), propagated)
        unclear = (np.asarray(eb) > 0) & (a - ea <= 0)
        propagated = known(np.where(unclear, np.inf, propagated))
        return [known(rounded(self.output.type, results[0], propagated, self.ulps))]

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        # dy = b a^(b-1) da + y ln a db. Where b = 0 the first is 0, though a^-1 may be infinite; where a = 0 the
        # second is 0, though ln a is -inf.
        (g,) = gradients
        assert g is not None
        a, b = self.operands
        zero, one = splat(builder, 0.0, g.type), splat(builder, 1.0, g.type)
        flat = builder.value(CmpF, b, zero, predicate="oeq")
        exponent = builder.value(Select, flat, one, builder.value(SubF, b, one))
        slope = builder.value(MulF, b, builder.value(PowF, a, exponent))
        nothing = builder.value(CmpF, a, zero, predicate="oeq")
        logarithm = builder.value(Log, builder.value(Select, nothing, one, a))
        return [
            builder.value(MulF, g, slope),
            builder.value(MulF, g, builder.value(MulF, self.output, logarithm)),
        ]


class Fma(Uniform):
    """a b + c, rounded once: ``math.fma %a, %b, %c : f32``."""

    name = "math.fma"
    a = operand(FLOAT_LIKE)
    b = operand(FLOAT_LIKE)
    c = operand(FLOAT_LIKE)
    output = result(FLOAT_LIKE)
    fastmath = attr(FastMathAttr, "liberties with floats", default=NO_FASTMATH)
    assembly = f"$a `,` $b `,` $c {FASTMATH} attr-dict `:` type($output)"

    def eval(self, context: Any, a: Any, b: Any, c: Any) -> Sequence[Any]:
        wide = [np.asarray(v, np.float64) for v in (a, b, c)]
        narrow = context.dtype(self.output.type) != np.float64
        exact = _narrow_fma if narrow else _fma
        return [context.round(exact(*wide), self.output.type)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        a, b, _ = operands
        propagated = product(a, b, errors[0], errors[1]) + magnitude(errors[2])
        # targets without the instruction round the product too
        extra = rounded(self.output.type, np.abs(a * b) + propagated, 0.0)
        return [known(rounded(self.output.type, results[0], propagated + extra))]

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        # d(a b + c) = b da + a db + dc
        (g,) = gradients
        assert g is not None
        return [builder.value(MulF, g, self.b), builder.value(MulF, g, self.a), g]


def _two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """a + b exactly, as a float64 and what its rounding lost (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _two_product(a: Any, b: Any) -> tuple[Any, Any]:
    """a b exactly, as a float64 and what its rounding lost (Veltkamp, Dekker)."""

    def split(v: Any) -> tuple[Any, Any]:
        scaled = 134217729.0 * v  # 2^27 + 1
        high = scaled - (scaled - v)
        return high, v - high

    total = a * b
    (ah, al), (bh, bl) = split(a), split(b)
    return total, ((ah * bh - total) + ah * bl + al * bh) + al * bl


def _odd_sum(a: Any, b: Any) -> Any:
    """a + b rounded to odd: an inexact sum gets an odd last bit, so that a later rounding is not deceived by a tie."""
    total, lost = _two_sum(a, b)
    even = (np.asarray(total).view(np.int64) & 1) == 0
    towards = np.where((lost > 0), np.inf, -np.inf)
    return np.where((lost != 0) & even & np.isfinite(lost), np.nextafter(total, towards), total)


def _narrow_fma(a: Any, b: Any, c: Any) -> Any:
    """a b + c for operands of at most 24 bits: the product is exact, the sum rounded to odd for the last rounding."""
    return _odd_sum(np.asarray(a * b), np.asarray(c))


def _fma(a: Any, b: Any, c: Any) -> Any:
    """a b + c in float64, rounded once (Boldo and Melquiond 2008); rounded twice near overflow and underflow."""
    plain = a * b + c
    high, low = _two_product(a, b)
    sum_high, sum_low = _two_sum(c, low)
    top, rest = _two_sum(high, sum_high)
    once = top + _odd_sum(np.asarray(sum_low), np.asarray(rest))
    magnitude_ok = (np.abs(high) > 1e-250) & (np.abs(a) < 1e300) & (np.abs(b) < 1e300) & np.isfinite(once)
    return np.where(magnitude_ok, once, plain)


DIALECT = Dialect(
    "math",
    operations=(
        AbsF, Ceil, CopySign, Cos, CosH, Erf, Exp, Exp2, ExpM1, Floor, Fma, Log, Log10, Log1P, Log2, PowF, RSqrt,
        Round, RoundEven, Sin, SinH, Sqrt, Tan, TanH, Trunc,
    ),
    doc=__doc__ or "",
)  # fmt: skip
