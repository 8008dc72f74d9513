"""Index values as formulas of the sizes of their function."""

from __future__ import annotations

from irc.dialects import arith
from irc.dialects.constants import number_of
from irc.dialects.func import FuncOp
from irc.dialects.loop import Size
from irc.interpreter import size_arguments
from irc.ir.dimensions import Dimension, parse_dimension, symbol
from irc.ir.operation import Operation, Value


def size_of(value: Value, user: Operation) -> Dimension | None:
    """What ``value`` is, in the symbols of the function that ``user`` stands in; None where it is no formula of them.
    """
    op = value.defining_op()
    if isinstance(op, Size):
        return parse_dimension(op.dimension.value)
    if (number := number_of(value)) is not None:
        return int(number)
    if op is None:
        function = next(a for a in user.ancestors() if isinstance(a, FuncOp))
        named = zip(size_arguments(function), function.arguments, strict=False)
        return next((symbol(name) for name, argument in named if argument is value), None)
    if not isinstance(op, (arith.AddI, arith.SubI, arith.MulI, arith.RemSI)):
        return None
    left, right = (size_of(operand, op) for operand in op.operands)
    if left is None or right is None:
        return None
    if isinstance(op, arith.AddI):
        return left + right
    if isinstance(op, arith.SubI):
        return left - right
    if isinstance(op, arith.MulI):
        return left * right
    return left - right * (left // right) if isinstance(right, int) and right > 0 else None  # of sizes: none is below 0
