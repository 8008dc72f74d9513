"""A clock, by which programs time themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from irc.ir.attributes import Attribute
from irc.ir.constraints import Constraint
from irc.ir.operation import Operation
from irc.ir.spec import result
from irc.ir.types import Type, i64

I64 = Constraint("i64", lambda t: t is i64)


class Clock(Operation):
    """The time, in ticks of a clock of the processor that runs evenly: ``%t = loop.clock : i64``.

    What stands before it is done by then, and what stands behind it has not begun. It stands among the ops of whole
    arrays, too. The interpreter's clock stands still, at 0.
    """

    name = "loop.clock"
    ticks = result(I64)
    assembly = "attr-dict `:` type($ticks)"

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        return [i64]

    def eval(self, context: Any) -> Sequence[Any]:
        return [context.dtype(i64).type(0)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [None]
