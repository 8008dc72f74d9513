"""Results that take the memory of an argument: ``irc.donated`` of an argument names a result of its type.

The caller gives the argument's memory away, and finds the result there. The result is computed in that place where
this is safe: whatever else reads the argument does so before, and the op that computes the result reads the argument,
if at all, element by element, each in the turn that writes it. Otherwise the result has memory of its own first, and is
copied at the end.
"""

from __future__ import annotations

from irc.dialects.array import Fused, Reduce, Reshape, Slice, Stack, Yield
from irc.dialects.func import FuncOp
from irc.ir.attributes import IntegerAttr
from irc.ir.dimensions import Dimension
from irc.ir.operation import BlockArgument, Operation, Value
from irc.passes.lower_array.lowering import shape_of
from irc.passes.lower_array.nest import is_elementwise, space_of_nest
from irc.passes.lower_array.rows import row_rank

DONATED = "irc.donated"


def donated_arguments(function: FuncOp) -> dict[int, BlockArgument]:
    """The arguments whose memory results take, by the number of the result."""
    found: dict[int, BlockArgument] = {}
    for argument in function.arguments:
        number = function.arg_attr(argument.index, DONATED)
        if isinstance(number, IntegerAttr):
            found[number.value] = argument
    return found


def computed_in_place(value: Value, argument: BlockArgument) -> bool:
    """Whether the op that makes ``value`` may write it to the memory of ``argument`` at once."""
    op = value.defining_op()
    if op is None or op.parent is not argument.block:
        return False
    numbers = {other: number for number, other in enumerate(argument.block)}
    spans = _spans(argument)
    of_spans = [_at_top(user, argument) for span in spans for user in span.users]
    readers = [_at_top(user, argument) for user in argument.users]
    if any(numbers[reader] > numbers[op] for reader in (*readers, *of_spans)) or op in of_spans:
        return False
    return op not in readers or _element_by_element(op, value, argument)


def _spans(value: Value) -> list[Value]:
    """What may be the same memory: slices, reshaped, and those of these."""
    found = [user.results[0] for user in value.users if isinstance(user, (Reshape, Slice))]
    return [*found, *(inner for span in found for inner in _spans(span))]


def _at_top(op: Operation, argument: BlockArgument) -> Operation:
    """The op of the argument's own block that ``op`` is, or is inside."""
    while op.parent is not argument.block:
        outer = op.parent_op
        assert outer is not None
        op = outer
    return op


def _element_by_element(op: Operation, value: Value, argument: BlockArgument) -> bool:
    """Whether the op's loops read an element of the argument only in the turn that writes it, and before."""
    if not isinstance(op, Fused):
        return is_elementwise(op) and len(op.results) == 1
    block = op.body.block
    if row_rank(list(block)) is not None:  # it goes through what it reads more than once
        return False
    written = [inner for inner, outer in zip(block.terminator.operands, op.results, strict=True) if outer.uses]
    space = space_of_nest(written)
    inner = next(v for v, outer in zip(block.terminator.operands, op.results, strict=True) if outer is value)
    raw = [a for a, operand in zip(block.arguments, op.operands, strict=True) if operand is argument]
    source = inner.defining_op()
    return (
        source is not None
        and _pointwise(source, space)
        and all(_pointwise(user, space) for a in raw for user in a.users)
        and all(_keeps_position(user, space) for user in _dependents(raw))
    )


def _pointwise(op: Operation, space: tuple[Dimension, ...]) -> bool:
    """Whether the op is computed at every position of the space, before anything is stored there."""
    return is_elementwise(op) and shape_of(op.results[0]) == space


def _keeps_position(op: Operation, space: tuple[Dimension, ...]) -> bool:
    return _pointwise(op, space) or isinstance(op, (Reduce, Stack, Yield))


def _dependents(values: list[BlockArgument]) -> set[Operation]:
    """The ops that need one of the values, directly or through others."""
    found: set[Operation] = set()
    pending: list[Value] = list(values)
    while pending:
        for user in pending.pop().users:
            if user not in found:
                found.add(user)
                pending += user.results
    return found
