"""How ``array.reduce`` starts and combines, per kind."""

from __future__ import annotations

from dataclasses import dataclass

from irc.dialects import arith
from irc.ir.operation import Operation, Value
from irc.ir.types import ScalarType
from irc.passes.lower_array.lowering import Lowering


@dataclass(frozen=True)
class Reduction:
    """``of_floats`` and ``of_integers`` combine two numbers; ``first`` is the neutral number; for integers,
    infinity stands for the end of their range.
    """

    of_floats: type[Operation]
    of_integers: type[Operation]
    first: float

    def start(self, type: ScalarType) -> float:
        """The neutral number of a type."""
        if type.is_float or abs(self.first) != float("inf"):
            return self.first
        largest = 2 ** (type.width - 1) - 1
        return largest if self.first > 0 else -largest - 1

    def combine(self, lowering: Lowering, total: Value, value: Value) -> Value:
        """The op that takes in one more number."""
        return lowering.make(self.of_floats if value.type.is_float else self.of_integers, total, value)


REDUCTIONS = {
    "sum": Reduction(arith.AddF, arith.AddI, 0),
    "product": Reduction(arith.MulF, arith.MulI, 1),
    "max": Reduction(arith.MaximumF, arith.MaxSI, float("-inf")),
    "min": Reduction(arith.MinimumF, arith.MinSI, float("inf")),
}
