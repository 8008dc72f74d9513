"""Arithmetic of floats: one IEEE-754 operation each, rounded to nearest even."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irc.dialects.arith.forms import COMMUTING, FloatBinary, FloatUnary
from irc.dialects.constants import fold_elementwise, is_number, splat
from irc.error_bounds import known, magnitude, product, quotient
from irc.ir.attributes import Attribute
from irc.ir.builder import Builder
from irc.ir.operation import Value
from irc.ir.traits import COMMUTATIVE

Gradients = Sequence[Value | None]
Folded = Sequence[Value | Attribute] | None


class AddF(FloatBinary):
    """Sum: ``arith.addf %a, %b : f32``."""

    name = "arith.addf"
    traits = COMMUTING

    def fold(self) -> Folded:
        # x + -0.0 = x for every x; x + 0.0 is not: it makes 0.0 of -0.0
        if is_number(self.rhs, -0.0):
            return [self.lhs]
        if is_number(self.lhs, -0.0):
            return [self.rhs]
        return fold_elementwise(self)

    def eval(self, context: Any, lhs: Any, rhs: Any) -> Sequence[Any]:
        return [context.round(np.add(lhs, rhs), self.output.type)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [self.local_error(results[0], magnitude(errors[0]) + magnitude(errors[1]))]

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        # d(a + b) = da + db
        (g,) = gradients
        return [g, g]


class SubF(FloatBinary):
    """Difference: ``arith.subf %a, %b : f32``."""

    name = "arith.subf"

    def fold(self) -> Folded:
        # x - 0.0 = x for every x
        if is_number(self.rhs, 0.0):
            return [self.lhs]
        return fold_elementwise(self)

    def eval(self, context: Any, lhs: Any, rhs: Any) -> Sequence[Any]:
        return [context.round(np.subtract(lhs, rhs), self.output.type)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [self.local_error(results[0], magnitude(errors[0]) + magnitude(errors[1]))]

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        # d(a - b) = da - db
        (g,) = gradients
        assert g is not None
        return [g, builder.value(NegF, g)]


class MulF(FloatBinary):
    """Product: ``arith.mulf %a, %b : f32``."""

    name = "arith.mulf"
    traits = COMMUTING

    def fold(self) -> Folded:
        # x * 1 = x; x * 0 is not 0 for -x, inf and NaN
        if is_number(self.rhs, 1.0):
            return [self.lhs]
        if is_number(self.lhs, 1.0):
            return [self.rhs]
        return fold_elementwise(self)

    def eval(self, context: Any, lhs: Any, rhs: Any) -> Sequence[Any]:
        return [context.round(np.multiply(lhs, rhs), self.output.type)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [self.local_error(results[0], product(*operands, *errors))]

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        # d(a b) = b da + a db
        (g,) = gradients
        assert g is not None
        return [builder.value(MulF, g, self.rhs), builder.value(MulF, g, self.lhs)]


class DivF(FloatBinary):
    """Quotient: ``arith.divf %a, %b : f32``."""

    name = "arith.divf"

    def fold(self) -> Folded:
        if is_number(self.rhs, 1.0):
            return [self.lhs]
        return fold_elementwise(self)

    def eval(self, context: Any, lhs: Any, rhs: Any) -> Sequence[Any]:
        return [context.round(np.divide(lhs, rhs), self.output.type)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [self.local_error(results[0], quotient(*operands, *errors))]

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        # q = a / b: dq = da / b - q db / b
        (g,) = gradients
        assert g is not None
        to_lhs = builder.value(DivF, g, self.rhs)
        return [to_lhs, builder.value(NegF, builder.value(MulF, to_lhs, self.output))]


class RemF(FloatBinary):
    """Remainder with the sign of the dividend, as C's ``fmod``: ``arith.remf %a, %b : f32``. It is exact."""

    name = "arith.remf"

    def eval(self, context: Any, lhs: Any, rhs: Any) -> Sequence[Any]:
        return [context.round(np.fmod(lhs, rhs), self.output.type)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        # a - n b with n = trunc(a / b): known only where n is the same all over the intervals
        a, b = operands
        ea, eb = magnitude(errors[0]), magnitude(errors[1])
        spread = quotient(a, b, *errors) + 2.0**-50 * np.abs(a / b)
        n = np.trunc(a / b)
        same = (np.trunc(a / b + spread) == n) & (np.trunc(a / b - spread) == n)
        exact = (np.asarray(ea) == 0) & (np.asarray(eb) == 0)
        return [np.where(exact, 0.0, np.where(same, ea + np.abs(n) * eb, np.abs(b) + eb))]

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        # r = a - trunc(a / b) b, and trunc is constant almost everywhere
        from irc.dialects.math import Trunc  # math builds on arith

        (g,) = gradients
        assert g is not None
        times = builder.value(Trunc, builder.value(DivF, self.lhs, self.rhs))
        return [g, builder.value(NegF, builder.value(MulF, g, times))]


class NegF(FloatUnary):
    """The other sign, of zeros and NaN too: ``arith.negf %x : f32``."""

    name = "arith.negf"

    def fold(self) -> Folded:
        # -(-x) = x
        inner = self.source.defining_op()
        return [inner.source] if isinstance(inner, NegF) else fold_elementwise(self)

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        return [np.negative(source)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [errors[0]]

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        # d(-x) = -dx
        (g,) = gradients
        assert g is not None
        return [builder.value(NegF, g)]


class _Extremum(FloatBinary):
    """The larger or the smaller of two numbers. The gradient goes to that one, to the first if they are equal."""

    traits = COMMUTING - {COMMUTATIVE}  # swapping would change which operand gets the gradient of a tie
    predicate = "oge"

    def fold(self) -> Folded:
        # max(x, x) = x
        return [self.lhs] if self.lhs is self.rhs else fold_elementwise(self)

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        # |max(a, b) - max(a', b')| <= max(|a - a'|, |b - b'|)
        return [known(np.maximum(magnitude(errors[0]), magnitude(errors[1])))]

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        # d max(a, b) = da where a >= b, db elsewhere
        from irc.dialects.arith.compare import CmpF, Select  # their folds and gradients use this file

        (g,) = gradients
        assert g is not None
        first = builder.value(CmpF, self.lhs, self.rhs, predicate=self.predicate)
        zero = splat(builder, 0.0, g.type)
        return [builder.value(Select, first, g, zero), builder.value(Select, first, zero, g)]


class MaximumF(_Extremum):
    """The larger number; NaN if either is NaN, and 0.0 is larger than -0.0: ``arith.maximumf %a, %b : f32``."""

    name = "arith.maximumf"

    def eval(self, context: Any, lhs: Any, rhs: Any) -> Sequence[Any]:
        # np.maximum does not say which of two zeros it takes
        larger = np.where(np.equal(lhs, rhs), np.where(np.signbit(lhs), rhs, lhs), np.maximum(lhs, rhs))
        return [larger[()]]


class MinimumF(_Extremum):
    """The smaller number; NaN if either is NaN, and -0.0 is smaller than 0.0: ``arith.minimumf %a, %b : f32``."""

    name = "arith.minimumf"
    predicate = "ole"

    def eval(self, context: Any, lhs: Any, rhs: Any) -> Sequence[Any]:
        return [np.where(np.equal(lhs, rhs), np.where(np.signbit(lhs), lhs, rhs), np.minimum(lhs, rhs))[()]]


class MaxNumF(_Extremum):
    """The larger number, and of a number and NaN the number: ``arith.maxnumf %a, %b : f32``."""

    name = "arith.maxnumf"

    def eval(self, context: Any, lhs: Any, rhs: Any) -> Sequence[Any]:
        larger = np.where(np.equal(lhs, rhs), np.where(np.signbit(lhs), rhs, lhs), np.fmax(lhs, rhs))
        return [larger[()]]


class MinNumF(_Extremum):
    """The smaller number, and of a number and NaN the number: ``arith.minnumf %a, %b : f32``."""

    name = "arith.minnumf"
    predicate = "ole"

    def eval(self, context: Any, lhs: Any, rhs: Any) -> Sequence[Any]:
        return [np.where(np.equal(lhs, rhs), np.where(np.signbit(lhs), lhs, rhs), np.fmin(lhs, rhs))[()]]


OPERATIONS = (AddF, SubF, MulF, DivF, RemF, NegF, MaximumF, MinimumF, MaxNumF, MinNumF)
