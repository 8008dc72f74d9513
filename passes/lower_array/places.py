"""Where a value is computed, so that joining, taking apart and reshaping arrays moves nothing.

    concat(a, b)          a and b are computed where they stand in the result
    reshape(a)            a is computed in the memory of the result, where that has a place already
    reshape(x), slice(x)  are spans of x, if their elements follow one another there

A value that two larger arrays want to have a part of is computed in one, and copied to the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from irc.dialects.array import Concat, Reshape, Slice
from irc.dialects.loop import BufferType, Span
from irc.ir.dimensions import Dimension, product
from irc.ir.operation import Value
from irc.ir.types import ShapedType, Type

if TYPE_CHECKING:
    from irc.passes.lower_array.lowering import Lowering


def buffer_type(type: Type) -> BufferType:
    """The buffer that holds a tensor."""
    assert isinstance(type, ShapedType)
    return BufferType(type.shape, type.element)


def place_in_whole(lowering: Lowering, value: Value) -> Value | None:
    """The place of a value, which is about to be computed, in the memory of an array that it becomes a part of; None if
    it has none. ``lowering.placed`` then knows of which array.
    """
    op = value.defining_op()
    assert op is not None
    for user in value.users:
        if not isinstance(user, (Reshape, Concat)) or user.parent is not op.parent or user.result in lowering.reused:
            continue
        whole: Value | None = None
        start: Dimension = 0
        if isinstance(user, Reshape):
            whole = place_of(lowering, user.result)
        elif sum(v is value for v in user.operands) == 1 and joins_rows(user):
            whole = lowering.buffer(user.result)
            start = starts_of(user)[list(user.operands).index(value)]
        if whole is not None:
            lowering.placed[value] = user
            return lowering.make(Span, whole, lowering.size(start), result_types=[buffer_type(value.type)])
    return None


def place_of(lowering: Lowering, value: Value) -> Value | None:
    """The memory that waits for a value that is not yet computed, if there is any."""
    place = lowering.values.get(value) or lowering.homes.get(value) or place_in_whole(lowering, value)
    if place is not None:
        lowering[value] = place
    return place


def joins_rows(op: Concat) -> bool:
    """Whether the elements of each operand follow one another in the result."""
    return product(op.output.type.shape[: op.axis.value]) == 1


def starts_of(op: Concat) -> list[Dimension]:
    """The number, row by row, of the first element of each operand in the result, if it joins rows."""
    row = product(op.output.type.shape[op.axis.value + 1 :])
    return [start * row for start in op.starts()]


def start_of_span(op: Slice) -> Dimension | None:
    """The number of the first element of a slice in the whole, row by row; None if they do not follow one another."""
    part, whole = op.output.type.shape, op.source.type.shape
    first = next((d for d, size in enumerate(part) if size != 1), len(part))
    if any(a != b for a, b in zip(part[first + 1 :], whole[first + 1 :], strict=True)):
        return None
    start: Dimension = 0
    for offset, size in zip(op.starts(), whole, strict=True):
        start = start * size + offset
    return start


def span_of(lowering: Lowering, source: Value, value: Value, start: Dimension) -> Value:
    """The elements of a buffer from one on, in the shape of ``value``; of a steady buffer a steady span."""
    type = buffer_type(value.type)

    def make() -> Value:
        return lowering.make(Span, source, lowering.size(start), result_types=[type])

    span = lowering.derived(source, f"{type} from {start}", make)
    if source in lowering.steady:
        lowering.steady[span] = lowering.steady[source]
    return span
