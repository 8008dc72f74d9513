"""Signs and roundings to whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from irc.dialects.arith.compare import CmpF, Select
from irc.dialects.arith.floats import MulF, NegF
from irc.dialects.arith.forms import FloatBinary, FloatUnary
from irc.dialects.constants import splat
from irc.dialects.math.function import Gradients
from irc.error_bounds import known, magnitude
from irc.ir.builder import Builder


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

    step: ClassVar[Any]

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


OPERATIONS = (AbsF, Floor, Ceil, Trunc, RoundEven, Round, CopySign)
