"""Circular and hyperbolic functions, and the error function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irc.dialects.arith.floats import MulF, NegF, SubF
from irc.dialects.constants import splat
from irc.dialects.math.exponential import Exp
from irc.dialects.math.function import Function, plus, times
from irc.error_bounds import known
from irc.ir.builder import Builder
from irc.ir.operation import Value


class _Wave(Function):
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


class Tan(Function):
    """The tangent: ``math.tan %x : f32``."""

    name = "math.tan"
    function = np.tan

    def spread(self, x: Any, error: Any, y: Any) -> Any:
        branch = [np.floor((x + s) / math.pi + 0.5) for s in (-error, error)]
        return np.where(branch[0] == branch[1], super().spread(x, error, y), np.inf)

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = (1 + y^2) dx
        return builder.value(MulF, g, plus(builder, builder.value(MulF, self.output, self.output), 1.0))


class TanH(Function):
    """The hyperbolic tangent: ``math.tanh %x : f32``."""

    name = "math.tanh"
    ulps = 5.0  # of the fast form
    function = np.tanh

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = (1 - y^2) dx
        square = builder.value(MulF, self.output, self.output)
        return builder.value(MulF, g, builder.value(SubF, splat(builder, 1.0, g.type), square))


class SinH(Function):
    """The hyperbolic sine: ``math.sinh %x : f32``."""

    name = "math.sinh"
    function = np.sinh

    def derivative(self, builder: Builder, g: Value) -> Value:
        # dy = cosh x dx
        return builder.value(MulF, g, builder.value(CosH, self.source))


class CosH(Function):
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


class Erf(Function):
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
        return builder.value(MulF, times(builder, g, 2 / math.sqrt(math.pi)), bell)


OPERATIONS = (Sin, Cos, Tan, TanH, SinH, CosH, Erf)
