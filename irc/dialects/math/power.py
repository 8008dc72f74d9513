"""Powers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irc.dialects.arith.compare import CmpF, Select
from irc.dialects.arith.floats import MulF, SubF
from irc.dialects.arith.forms import FloatBinary
from irc.dialects.constants import fold_elementwise, is_number, splat
from irc.dialects.math.exponential import Log
from irc.dialects.math.function import Gradients
from irc.error_bounds import known, magnitude, rounded
from irc.ir.attributes import Attribute
from irc.ir.builder import Builder
from irc.ir.operation import Value


class PowF(FloatBinary):
    """a^b as C's ``pow``: x^0 = 1 even for NaN, and NaN for a < 0 unless b is whole: ``math.powf %a, %b : f32``."""

    name = "math.powf"
    ulps = 4.0

    def fold(self) -> Sequence[Value | Attribute] | None:
        # x^1 = x
        return [self.lhs] if is_number(self.rhs, 1.0) else fold_elementwise(self)

    def eval(self, context: Any, lhs: Any, rhs: Any) -> Sequence[Any]:
        # Not np.power: it takes sqrt(a) for a single exponent of 0.5, which is wrong for a = -inf.
        wide = np.float_power(np.asarray(lhs, np.float64), np.asarray(rhs, np.float64))
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


OPERATIONS = (PowF,)
