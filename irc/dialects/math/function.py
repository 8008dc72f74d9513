"""What functions of one float have in common.

The reference computes in float64 and rounds to the declared type, so narrower types are almost always rounded
correctly. Native code may be off by the ``ulps`` that each op states; error bounds allow for that much.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from irc.dialects.arith.floats import AddF, MulF
from irc.dialects.arith.forms import FloatUnary
from irc.dialects.constants import splat
from irc.error_bounds import known, rounded
from irc.ir.builder import Builder
from irc.ir.operation import Value

Gradients = Sequence[Value | None]


class Function(FloatUnary):
    """A function of one float. A subclass gives ``function`` and ``derivative``."""

    ulps: ClassVar[float] = 4.0
    """How far, in units in the last place, native code may be from the exact value."""
    function: ClassVar[Any]
    """The NumPy function, of float64 arrays."""

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


def times(builder: Builder, value: Value, number: float) -> Value:
    """``value`` times a constant."""
    return builder.value(MulF, value, splat(builder, number, value.type))


def plus(builder: Builder, value: Value, number: float) -> Value:
    """``value`` plus a constant."""
    return builder.value(AddF, value, splat(builder, number, value.type))
