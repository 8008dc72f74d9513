"""Formulas over values of the IR: Python's operators emit ``arith`` ops, on scalars, vectors and tensors alike.

``Floats`` stands for one float type at one place of a program. What it makes are terms, which may be mixed with Python
numbers: with ``f = Floats(builder, type, fused)`` and ``x = f.term(value)``, ``f.fma(x * x, 0.5, x)`` is x + x^2 / 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from irc.dialects import arith
from irc.dialects import math as mathematics
from irc.dialects.constants import splat
from irc.ir.builder import Builder
from irc.ir.operation import Operation, Value
from irc.ir.types import FloatType, IntegerType, ShapedType, Type, f32, f64, i32, i64


@dataclass(frozen=True)
class Format:
    """The layout of an IEEE-754 float: the bits of its fraction, the bias of its exponent, and numbers that follow."""

    type: FloatType
    bits: IntegerType
    fraction: int
    bias: int

    @property
    def sign(self) -> int:
        """The sign bit, as a signed integer."""
        return -(1 << (self.bits.width - 1))

    @property
    def round_to_integer(self) -> float:
        """1.5 * 2^fraction: an integer of less than ``fraction`` bits added to it stands in the low bits."""
        return 1.5 * 2.0**self.fraction

    @property
    def smallest_normal(self) -> float:
        """2^(1 - bias)."""
        return 2.0 ** (1 - self.bias)


FORMATS = {f32: Format(f32, i32, 23, 127), f64: Format(f64, i64, 52, 1023)}

_FLOAT_OPS: dict[str, type[Operation]] = {"add": arith.AddF, "sub": arith.SubF, "mul": arith.MulF, "div": arith.DivF}
_INTEGER_OPS: dict[str, type[Operation]] = {
    "add": arith.AddI,
    "sub": arith.SubI,
    "and": arith.AndI,
    "or": arith.OrI,
    "xor": arith.XOrI,
    "shl": arith.ShLI,
    "shr": arith.ShRSI,
}


class Term:
    """A value with Python's operators. ``>>`` keeps the sign; comparisons are false where an operand is NaN."""

    __slots__ = ("builder", "value")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, builder: Builder, value: Value):
        self.builder = builder
        self.value = value

    def _other(self, number: Term | float) -> Value:
        return number.value if isinstance(number, Term) else splat(self.builder, number, self.value.type)

    def _apply(self, name: str, left: Term | float, right: Term | float) -> Term:
        ops = _FLOAT_OPS if self.value.type.element.is_float else _INTEGER_OPS
        return Term(self.builder, self.builder.value(ops[name], self._other(left), self._other(right)))

    def _compare(self, predicate: str, other: Term | float) -> Term:
        return Term(self.builder, self.builder.value(arith.CmpF, self.value, self._other(other), predicate=predicate))

    def __add__(self, other: Term | float) -> Term:
        return self._apply("add", self, other)

    def __radd__(self, other: float) -> Term:
        return self._apply("add", other, self)

    def __sub__(self, other: Term | float) -> Term:
        return self._apply("sub", self, other)

    def __rsub__(self, other: float) -> Term:
        return self._apply("sub", other, self)

    def __mul__(self, other: Term | float) -> Term:
        return self._apply("mul", self, other)

    def __rmul__(self, other: float) -> Term:
        return self._apply("mul", other, self)

    def __truediv__(self, other: Term | float) -> Term:
        return self._apply("div", self, other)

    def __rtruediv__(self, other: float) -> Term:
        return self._apply("div", other, self)

    def __neg__(self) -> Term:
        return Term(self.builder, self.builder.value(arith.NegF, self.value))

    def __and__(self, other: Term | int) -> Term:
        return self._apply("and", self, other)

    def __or__(self, other: Term | int) -> Term:
        return self._apply("or", self, other)

    def __xor__(self, other: Term | int) -> Term:
        return self._apply("xor", self, other)

    def __invert__(self) -> Term:
        return self ^ True

    def __lshift__(self, count: int) -> Term:
        return self._apply("shl", self, count)

    def __rshift__(self, count: int) -> Term:
        return self._apply("shr", self, count)

    def __lt__(self, other: Term | float) -> Term:
        return self._compare("olt", other)

    def __gt__(self, other: Term | float) -> Term:
        return self._compare("ogt", other)

    def equals(self, other: Term | float) -> Term:
        """Where two floats are equal (0.0 and -0.0 are)."""
        return self._compare("oeq", other)

    def differs(self, other: Term | float) -> Term:
        """Where two floats are not equal, or one is NaN."""
        return self._compare("une", other)

    def unordered(self, other: Term | float) -> Term:
        """Where one of two floats is NaN."""
        return self._compare("uno", other)

    def is_odd(self) -> Term:
        """Where the lowest bit of an integer is set."""
        low = self & 1
        return Term(self.builder, self.builder.value(arith.CmpI, low.value, low._other(0), predicate="ne"))


class Floats:
    """One float type, f32 or f64 or vectors or tensors of these: what formulas are written with.

    ``fused``: the target has multiply-add. But for :meth:`square_plus`, no formula relies on its single rounding; it
    is fewer instructions.
    """

    def __init__(self, builder: Builder, type: Type, fused: bool):
        self.builder = builder
        self.type = type
        self.fused = fused
        self.format = FORMATS[type.element]  # type: ignore[index]

    def term(self, value: Value | float) -> Term:
        """A value, or a number, to calculate with."""
        return Term(self.builder, value if isinstance(value, Value) else splat(self.builder, value, self.type))

    def _with_element(self, element: Type) -> Type:
        return self.type.with_element(element) if isinstance(self.type, ShapedType) else element

    def _make(self, op: type[Operation], *operands: Term | float, to: Type | None = None) -> Term:
        values = [o.value if isinstance(o, Term) else splat(self.builder, o, self.type) for o in operands]
        return Term(self.builder, self.builder.value(op, *values, result_types=None if to is None else [to]))

    # -- arithmetic ----------------------------------------------------------------------------------------------

    def fma(self, a: Term | float, b: Term | float, c: Term | float) -> Term:
        """a * b + c."""
        if self.fused:
            return self._make(mathematics.Fma, a, b, c)
        return self._make(arith.AddF, self._make(arith.MulF, a, b), c)

    def square_plus(self, a: Term, c: Term) -> Term:
        """a^2 + c, precise where the two nearly cancel; c has no more bits than half of a significand."""
        if self.fused:
            return self.fma(a, a, c)
        # h^2 + (a - h) (a + h) with a head h, whose square is exact, and so is what c leaves of it
        h = self.head(a)
        return (h * h + c) + (a - h) * (a + h)

    def polynomial(self, coefficients: Sequence[float], x: Term) -> Term:
        """c0 + c1 x + c2 x^2 + ..., by Horner's rule."""
        total: Term | float = coefficients[-1]
        for c in coefficients[-2::-1]:
            total = self.fma(total, x, c)
        assert isinstance(total, Term)
        return total

    def nearest(self, x: Term, scale: float = 1.0) -> Term:
        """The integer nearest to x * scale; 0.0 (not -0.0) for both zeros. Far from 0 it is only near."""
        return self.shifted(x, scale) - self.format.round_to_integer

    def shifted(self, x: Term, scale: float = 1.0) -> Term:
        """The integer nearest to x * scale, plus ``round_to_integer``: it stands in the low bits."""
        # the sum has no room for a fraction; not every processor has an instruction that rounds
        shift = self.format.round_to_integer
        return x + shift if scale == 1.0 else self.fma(x, scale, shift)

    def is_whole(self, a: Term) -> Term:
        """Where a number that is not negative is an integer. Not for NaN."""
        shift = 2.0**self.format.fraction  # from here on all are
        return a.equals(self.select(a < shift, (a + shift) - shift, a))

    def absolute(self, x: Term) -> Term:
        """|x|."""
        return self._make(mathematics.AbsF, x)

    def square_root(self, x: Term) -> Term:
        """The square root, rounded correctly."""
        return self._make(mathematics.Sqrt, x)

    def with_sign(self, x: Term, sign: Term) -> Term:
        """|x| with the sign of ``sign``."""
        return self._make(mathematics.CopySign, x, sign)

    # -- choice --------------------------------------------------------------------------------------------------

    def select(self, condition: Term, yes: Term | float, no: Term | float) -> Term:
        """``yes`` where the condition holds, ``no`` elsewhere."""
        return self._make_select(condition, self._of(yes), self._of(no))

    def _of(self, x: Term | float) -> Term:
        return x if isinstance(x, Term) else self.term(x)

    def _make_select(self, condition: Term, yes: Term, no: Term) -> Term:
        return Term(self.builder, self.builder.value(arith.Select, condition.value, yes.value, no.value))

    def at_least(self, x: Term, low: float) -> Term:
        """The larger of x and ``low``; NaN stays."""
        bound = self.term(low)  # this order of operands is one instruction on x86, and NaN falls through
        return self._make_select(bound > x, bound, x)

    def at_most(self, x: Term, high: float) -> Term:
        """The smaller of x and ``high``; NaN stays."""
        bound = self.term(high)
        return self._make_select(bound < x, bound, x)

    # -- bits ----------------------------------------------------------------------------------------------------

    def bits(self, x: Term) -> Term:
        """The bits of x, as integers of the same width."""
        return self._make(arith.Bitcast, x, to=self._with_element(self.format.bits))

    def from_bits(self, bits: Term) -> Term:
        """The inverse of :meth:`bits`."""
        return self._make(arith.Bitcast, bits, to=self.type)

    def from_integer(self, n: Term) -> Term:
        """An integer of :meth:`bits`' type as a float."""
        return self._make(arith.SIToFP, n, to=self.type)

    def low_bits(self, k: Term) -> Term:
        """The integer whose low bits are those of k, an integral float of less than ``fraction`` bits."""
        return self.bits(k + self.format.round_to_integer)

    def power_of_two(self, k: Term) -> Term:
        """2^k for an integral k from -bias (which gives 0) to bias + 1 (infinity)."""
        # the sum is exact, and its low bits are the biased exponent; the shift drops the others
        exponent = self.bits(k + (self.format.round_to_integer + self.format.bias))
        return self.from_bits(exponent << self.format.fraction)

    def raised(self, x: Term, shifted: Term) -> Term:
        """x 2^k for the k that :meth:`shifted` has made; x and the result must be normal numbers."""
        return self.from_bits(self.bits(x) + (self.bits(shifted) << self.format.fraction))

    def head(self, x: Term) -> Term:
        """x with the lower half of its significand cut off, so that products of two heads are exact."""
        cut = (self.format.fraction + 2) // 2
        return self.from_bits(self.bits(x) & -(1 << cut))

    # -- other types ---------------------------------------------------------------------------------------------

    def double(self) -> Floats:
        """The same for f64."""
        return Floats(self.builder, self._with_element(f64), self.fused)

    def widen(self, x: Term) -> Term:
        """x, which is of this type, in f64."""
        return self._make(arith.ExtF, x, to=self._with_element(f64))

    def narrow(self, x: Term) -> Term:
        """x, which is in f64, rounded to this type."""
        return self._make(arith.TruncF, x, to=self.type)

    def narrow_integer(self, n: Term) -> Term:
        """The low bits of an i64, as an integer of :meth:`bits`' type."""
        return self._make(arith.TruncI, n, to=self._with_element(self.format.bits))
