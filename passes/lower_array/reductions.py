"""How ``array.reduce`` starts and combines, per kind."""

from __future__ import annotations

from dataclasses import dataclass

from irc.dialects import arith
from irc.ir.operation import Operation, Value
from irc.ir.types import Type, i1
from irc.passes.lower_array.lowering import Lowering


@dataclass(frozen=True)
class Reduction:
    """``of_floats`` and ``of_integers`` combine two numbers; ``first`` is the neutral number; for integers,
    infinity stands for the end of their range.
    """

    of_floats: type[Operation]
    of_integers: type[Operation]
    first: float

    def neutral(self, lowering: Lowering, type: Type) -> Value:
        """What changes no result, as a constant of a type."""
        number = self.first
        if type is i1:
            number = number in (1, float("inf"))
        elif type.is_integer and abs(number) == float("inf"):
            largest = 2 ** (type.width - 1) - 1  # type: ignore[attr-defined]
            number = largest if number > 0 else -largest - 1
        return lowering.constant(number, type)

    def combine(self, lowering: Lowering, total: Value, value: Value) -> Value:
        """The op that takes in one more number."""
        of_integers = _OF_BITS.get(self.of_integers, self.of_integers) if value.type is i1 else self.of_integers
        return lowering.make(self.of_floats if value.type.is_float else of_integers, total, value)


_OF_BITS: dict[type[Operation], type[Operation]] = {arith.MaxSI: arith.MaxUI, arith.MinSI: arith.MinUI}
"""The greater of two bits is true, but as a signed number true is -1."""

REDUCTIONS = {
    "sum": Reduction(arith.AddF, arith.AddI, 0),
    "product": Reduction(arith.MulF, arith.MulI, 1),
    "max": Reduction(arith.MaximumF, arith.MaxSI, float("-inf")),
    "min": Reduction(arith.MinimumF, arith.MinSI, float("inf")),
}
