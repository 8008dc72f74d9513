"""A value that learning leaves alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from irc.dialects.array.syntax import ArrayOp, tensor
from irc.ir.attributes import Attribute
from irc.ir.builder import Builder
from irc.ir.constraints import TENSOR
from irc.ir.operation import Value
from irc.ir.spec import operand, result
from irc.ir.traits import PURE
from irc.ir.types import Type


class Detach(ArrayOp):
    """The operand, counted as a constant by differentiation: no gradient goes through it.

    %m = array.detach %statistics : tensor<8xf32>
    """

    name = "array.detach"
    source = operand(TENSOR)
    output = result(TENSOR)
    traits = frozenset({PURE})

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        return [tensor(operand_types[0])]

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        return [source if context.detached is None else context.detached.value(source)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return errors

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        return [None]
