"""Exponentials, logarithms and roots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from irc.dialects.arith.floats import DivF, MulF
from irc.dialects.math.function import Function, plus, times
from irc.error_bounds import known
from irc.ir.builder import Builder
from irc.ir.operation import Value
from irc.ir.types import f64

FLUSHED = {f64: 2.0**-1021.5}
"""Native code that is told to be fast may give 0 for results below this; of other types, which are computed in f32:"""
FLUSHED_F32 = 2.0**-125.5


class Power(Function):
    """A power of a constant, whose smallest results may become 0."""

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        (error,) = super().bound(context, operands, errors, results)
        return [error + FLUSHED.get(self.output.type.element, FLUSHED_F32)]


class Exp(Power):
    """e^x: ``math.exp %x : f32``."""

    name = "math.exp"
    function = np.exp

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = y dx
        return builder.value(MulF, g, self.output)


class Exp2(Power):
    """2^x: ``math.exp2 %x : f32``."""

    name = "math.exp2"
    function = np.exp2

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = ln 2 y dx
        return times(builder, builder.value(MulF, g, self.output), math.log(2))


class ExpM1(Function):
    """e^x - 1, accurate near 0: ``math.expm1 %x : f32``."""

    name = "math.expm1"
    function = np.expm1

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = (y + 1) dx
        return builder.value(MulF, g, plus(builder, self.output, 1.0))


class Log(Function):
    """The natural logarithm; -inf at 0, NaN below: ``math.log %x : f32``."""

    name = "math.log"
    function = np.log

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = dx / x
        return builder.value(DivF, g, self.source)


class Log2(Function):
    """The logarithm to base 2: ``math.log2 %x : f32``."""

    name = "math.log2"
    function = np.log2

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = dx / (x ln 2)
        return times(builder, builder.value(DivF, g, self.source), 1 / math.log(2))


class Log10(Function):
    """The logarithm to base 10: ``math.log10 %x : f32``."""

    name = "math.log10"
    function = np.log10

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = dx / (x ln 10)
        return times(builder, builder.value(DivF, g, self.source), 1 / math.log(10))


class Log1P(Function):
    """log(1 + x), accurate near 0: ``math.log1p %x : f32``."""

    name = "math.log1p"
    function = np.log1p

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = dx / (1 + x)
        return builder.value(DivF, g, plus(builder, self.source, 1.0))


class Sqrt(Function):
    """The square root, correctly rounded; NaN below 0: ``math.sqrt %x : f32``. It has no derivative at 0."""

    name = "math.sqrt"
    ulps = 0.5
    function = np.sqrt

    def spread(self, x: Any, error: Any, y: Any) -> Any:
        # below 0 there is no root: the exact value is not there
        return known(np.maximum(np.sqrt(x + error) - y, y - np.sqrt(np.maximum(x - error, 0.0))))

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = dx / (2 y)
        return builder.value(DivF, times(builder, g, 0.5), self.output)


class RSqrt(Function):
    """One over the square root: ``math.rsqrt %x : f32``."""

    name = "math.rsqrt"

    @staticmethod
    def function(x: Any) -> Any:
        """The NumPy function."""
        return 1.0 / np.sqrt(x)

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = -y / (2 x) dx
        return builder.value(DivF, times(builder, builder.value(MulF, g, self.output), -0.5), self.source)


OPERATIONS = (Exp, Exp2, ExpM1, Log, Log2, Log10, Log1P, Sqrt, RSqrt)
