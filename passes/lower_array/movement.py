"""Ops that rearrange data: reshape, slice, concat, pad, gather, scatter_add; argmax. Where they can, they move none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from irc.dialects import arith
from irc.dialects.array import Argmax, Concat, Gather, Item, Pad, Reshape, ScatterAdd, Slice
from irc.dialects.array.syntax import sizes
from irc.ir.attributes import DenseAttr
from irc.ir.dimensions import Dimension
from irc.ir.operation import Operation, Value
from irc.passes.lower_array.lowering import Lowering, shape_of, vector_dimension
from irc.passes.lower_array.places import place_of, span_of, start_of_span
from irc.passes.lower_array.reductions import REDUCTIONS


def lower_reshape(lowering: Lowering, op: Reshape) -> None:
    """Nothing, where the source was computed in the memory of the result; a span of the source, where the result may be
    anywhere; else a copy.
    """
    if lowering.placed.get(op.source) is op:
        return
    source, place = lowering[op.source], place_of(lowering, op.result)
    span = span_of(lowering, source, op.result, 0)
    if place is None:
        lowering[op.result] = span
    else:
        lowering.copy(span, place)


def lower_slice(lowering: Lowering, op: Slice, copy: Callable[[Lowering, Operation], None]) -> None:
    """A span of the source, where its elements follow one another there and the result may be anywhere; else a copy."""
    start = start_of_span(op)
    if start is None or place_of(lowering, op.result) is not None:
        copy(lowering, op)
    else:
        lowering[op.result] = span_of(lowering, lowering[op.source], op.result, start)


def lower_concat(lowering: Lowering, op: Concat) -> None:
    """Each operand is copied to its place, if it was not computed there."""
    target = lowering.buffer(op.result)
    for operand, start in zip(op.operands, op.starts(), strict=True):
        if lowering.placed.get(operand) is op:
            continue
        source = lowering[operand]
        _copy_at(lowering, source, target, [start if d == op.axis.value else 0 for d in range(len(shape_of(source)))])


def lower_copy(lowering: Lowering, op: Operation) -> None:
    """A copy of the first operand."""
    source, target = lowering[op.operands[0]], lowering.buffer(op.results[0])
    _copy_at(lowering, source, target, [0] * len(shape_of(target)))


def lower_pad(lowering: Lowering, op: Pad) -> None:
    """Zeros, and the operand in their midst."""
    source, target = lowering[op.operands[0]], lowering.buffer(op.result)
    lowering.clear(target)
    _copy_at(lowering, source, target, sizes(op.low))


def _copy_at(lowering: Lowering, source: Value, target: Value, offsets: Sequence[Dimension]) -> None:
    shape = shape_of(source)

    def element(at: list[Value]) -> None:
        there = [lowering.offset(i, offset) for i, offset in zip(at, offsets, strict=True)]
        lowering.store(lowering.load(source, at), target, there)

    lowering.nest(shape, element, vectorize=vector_dimension(shape))


def lower_gather(lowering: Lowering, op: Gather) -> None:
    """Slices picked by indices along an axis."""
    source, indices = (lowering[value] for value in op.operands)
    target = lowering.buffer(op.result)
    axis, picks = op.axis.value, len(shape_of(indices))
    sound = _known_to_fit(op.indices, shape_of(source)[axis])

    def element(at: list[Value]) -> None:
        pick = _pick(lowering, indices, at[axis : axis + picks], None if sound else shape_of(source)[axis])
        lowering.store(lowering.load(source, [*at[:axis], pick, *at[axis + picks :]]), target, at)

    lowering.nest(shape_of(target), element, vectorize=_beside(shape_of(target), axis, picks))


def lower_scatter_add(lowering: Lowering, op: ScatterAdd) -> None:
    """Slices added to places given by indices along an axis, of an array of zeros."""
    updates, indices = (lowering[value] for value in op.operands)
    target = lowering.buffer(op.result)
    axis, picks = op.axis.value, len(shape_of(indices))
    sound = _known_to_fit(op.indices, shape_of(target)[axis])
    lowering.clear(target)

    def element(at: list[Value]) -> None:
        pick = _pick(lowering, indices, at[axis : axis + picks], None if sound else shape_of(target)[axis])
        lowering.accumulate(lowering.load(updates, at), target, [*at[:axis], pick, *at[axis + picks :]])

    shape = shape_of(updates)
    lowering.nest(shape, element, vectorize=_beside(shape, axis, picks))


def _known_to_fit(indices: Value, size: Dimension) -> bool:
    """Whether the indices are a constant of the program, and all lie inside of a dimension of known size."""
    op = indices.defining_op()
    data = op.attributes.get("value") if op is not None else None
    if not isinstance(data, DenseAttr) or not isinstance(size, int) or not data.array.size:
        return False
    return bool(data.array.min() >= 0 and data.array.max() < size)


def _pick(lowering: Lowering, indices: Value, at: Sequence[Value], size: Dimension | None) -> Value:
    """An index from memory. Native code trusts no data: one out of range, an error above, is moved to the nearest end
    of a dimension of ``size`` (None: all are known to be inside)."""
    if size is None:
        return lowering.load_index(indices, at)
    highest = lowering.subtract(lowering.size(size), lowering.index(1))
    below = lowering.make(arith.MinSI, lowering.load_index(indices, at), highest)
    return lowering.make(arith.MaxSI, below, lowering.index(0))


def _beside(shape: Sequence[Dimension], axis: int, picks: int) -> int | None:
    """The dimension for vectors: an index read from memory must be the same in all lanes."""
    innermost = len(shape) - 1
    return innermost if innermost >= axis + picks else None


def lower_item(lowering: Lowering, op: Item) -> None:
    """The number in a buffer of one element."""
    lowering[op.result] = lowering.load(lowering[op.source])


def lower_argmax(lowering: Lowering, op: Argmax) -> None:
    """The first position of the maximum along an axis; a NaN counts as the greatest of all."""
    source, target = lowering[op.operands[0]], lowering.buffer(op.result)
    axis, element = op.axis.value, source.type.element
    shape = shape_of(target)

    def place(at: list[Value]) -> None:
        def turn(i: Value, carried: list[Value]) -> Sequence[Value]:
            best, where = carried
            value = lowering.load(source, [*at[:axis], i, *at[axis:]])
            if element.is_float:
                greater = lowering.make(
                    arith.AndI, lowering.compare("ugt", value, best), lowering.compare("ord", best, best)
                )
            else:
                greater = lowering.compare("sgt", value, best)
            return [lowering.select(greater, value, best), lowering.select(greater, i, where)]

        start = REDUCTIONS["max"].neutral(lowering, element)
        _, where = lowering.loop(lowering.size(shape_of(source)[axis]), turn, [start, lowering.index(0)])
        lowering.store(lowering.position(where, target.type.element), target, at)

    lowering.nest(shape, place, vectorize=vector_dimension(shape))
