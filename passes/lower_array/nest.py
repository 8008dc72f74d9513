"""Elementwise ops, broadcasts and reductions become one loop nest: the lowering of ``array.fused``, and of such ops
alone.

The nest runs over one iteration space. Inside, each whole-array op is its own scalar form, applied at one position.
What only moves data is no op at all but a way to compute indices: the broadcast, transpose, slice or unstack of
something from outside is a load from there, the stack of results is a store to one slice. A sum is an accumulation
into memory that starts as zero; a maximum, minimum or product is carried by the innermost loops.

    %0 = array.fused(%x, %b) ...            loop.for %i = 0 to B parallel
      %1 = array.broadcast %b dims [1]        loop.for %j = 0 to 4 parallel vectorize
      %2 = arith.addf %x, %1                    %0 = load %x[%i, %j];  %1 = load %b[%j]
      %3 = math.tanh %2                         %2 = addf %0, %1;      %3 = tanh %2
      array.yield %3                            store %3, %out[%i, %j]
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Protocol, TypeVar

from irc.dialects.array import Broadcast, Cast, Full, Iota, Reduce, Slice, Stack, Transpose, Unstack
from irc.dialects.array.syntax import integers
from irc.ir.attributes import DenseAttr
from irc.ir.diagnostics import fail
from irc.ir.dimensions import Dimension
from irc.ir.operation import Operation, OpResult, Value
from irc.ir.traits import CONSTANT, ELEMENTWISE, has
from irc.ir.types import TensorType
from irc.passes.lower_array.lowering import COUNTERS, Lowering, shape_of, vector_dimension
from irc.passes.lower_array.reductions import REDUCTIONS

Position = Sequence[Value]
P = TypeVar("P")


def is_pointwise(op: Operation) -> bool:
    """Whether the op yields, at each position, a scalar function of scalars: then a loop nest can compute it in
    passing."""
    if any(not isinstance(result.type, TensorType) for result in op.results):
        return False
    if isinstance(op, Full):
        return True
    if has(op, CONSTANT):
        return isinstance(op.attributes["value"], DenseAttr) and op.attributes["value"].is_splat()
    return is_elementwise(op) or is_view(op) or isinstance(op, Iota)


def is_elementwise(op: Operation) -> bool:
    """Whether the op computes, at each position, its result from its operands' elements there."""
    return bool(op.operands) and (has(op, ELEMENTWISE) or isinstance(op, Cast))


def is_view(op: Operation) -> bool:
    """Whether the op only renames positions: element p of the result is element f(p) of the operand."""
    return isinstance(op, (Broadcast, Transpose, Slice, Unstack))


def space_of(value: Value) -> tuple[Dimension, ...]:
    """The iteration space in which a yielded value is computed."""
    op = value.defining_op()
    if isinstance(op, Reduce):
        return shape_of(op.operands[0])
    if isinstance(op, Stack):
        spaces = [space_of(operand) for operand in op.operands]
        return max(spaces, key=len)
    return shape_of(value)


def space_of_nest(values: Sequence[Value]) -> tuple[Dimension, ...]:
    """The iteration space of a nest that computes several values."""
    return max((space_of(value) for value in values), key=len)


class Nest:
    """One loop nest: ``ops`` in order, of which ``outputs`` (value, buffer) are wanted."""

    def __init__(self, lowering: Lowering, ops: Sequence[Operation], outputs: Sequence[tuple[Value, Value]]):
        self.lowering = lowering
        self.ops = list(ops)
        self.inside = set(self.ops)
        self.space = space_of_nest([value for value, _ in outputs])
        self.stores: list[tuple[Value, Value, list]] = []
        self.sums: list[tuple[Reduce, Value, list]] = []
        self.carried: list[tuple[Reduce, Value, list]] = []
        self.apart: list[tuple[Value, Value, list]] = []
        for value, buffer in outputs:
            self._sort(value, buffer, [None] * len(shape_of(buffer)))

    def _sort(self, value: Value, buffer: Value, place: list[int | None]) -> None:
        """Decide how ``value`` reaches ``buffer``; ``place`` fixes some of the buffer's indices."""
        op = value.defining_op()
        if op in self.inside and isinstance(op, Stack):
            axis = [at for at, fixed in enumerate(place) if fixed is None][op.axis.value]
            for number, operand in enumerate(op.operands):
                self._sort(operand, buffer, [*place[:axis], number, *place[axis + 1 :]])
        elif op in self.inside and isinstance(op, Reduce):
            self._require(shape_of(op.operands[0]), op)
            (self.sums if op.kind.value == "sum" else self.carried).append((op, buffer, place))
        elif shape_of(value) == self.space:
            self.stores.append((value, buffer, place))
        else:
            self.apart.append((value, buffer, place))

    def _require(self, shape: Sequence[Dimension], op: Operation) -> None:
        if tuple(shape) != self.space:
            fail(
                f"'{op.name}' runs over {tuple(map(str, shape))}, its group over {tuple(map(str, self.space))}",
                op.location,
            )

    # -- building ------------------------------------------------------------------------------------------------

    def build(self) -> None:
        """Write the loops."""
        low = self.lowering
        for buffer in dict.fromkeys(buffer for _, buffer, _ in self.sums):
            low.clear(buffer)
        for value, buffer, place in self.apart:
            self._store_apart(value, buffer, place)
        inner = self._carried_dimensions()
        outer = [d for d in range(len(self.space)) if d not in inner]
        marked = vector_dimension(self.space, outer)
        position: list[Value | None] = [None] * len(self.space)

        def level(depth: int) -> None:
            if depth == len(outer):
                self._innermost(position, inner)
                return

            def turn(i: Value, _: list[Value]) -> Sequence[Value]:
                position[outer[depth]] = i
                level(depth + 1)
                return []

            low.loop(
                low.size(self.space[outer[depth]]),
                turn,
                parallel=True,
                vectorize=outer[depth] == marked,
                counter=COUNTERS[outer[depth]],
            )

        level(0)

    def _store_apart(self, value: Value, buffer: Value, place: list[int | None]) -> None:
        """A value of another shape than the space, which does not depend on it, gets loops of its own."""
        low = self.lowering

        def element(at: list[Value]) -> None:
            low.store(Point(low, self.inside).scalar(value, at), buffer, self._full(place, at))

        low.nest(shape_of(value), element)

    def _carried_dimensions(self) -> list[int]:
        found = {op.axes for op, _, _ in self.carried}
        if len(found) > 1:
            op = self.carried[-1][0]
            fail(
                f"'{op.name}': one group cannot take maxima, minima or products over different dimensions", op.location
            )
        return list(found.pop()) if found else []

    def _innermost(self, position: list, inner: list[int]) -> None:
        """The loops over what is carried, and in them the body; without such dimensions just the body."""
        low = self.lowering
        if not self.carried:
            self._body(position)
            return
        starts = [REDUCTIONS[op.kind.value].neutral(low, op.result.type.element) for op, _, _ in self.carried]

        def level(depth: int, values: Sequence[Value]) -> Sequence[Value]:
            if depth == len(inner):
                point = self._body(position)
                return [
                    REDUCTIONS[op.kind.value].combine(low, value, point.scalar(op.operands[0], position))
                    for (op, _, _), value in zip(self.carried, values, strict=True)
                ]

            def turn(i: Value, carried: list[Value]) -> Sequence[Value]:
                position[inner[depth]] = i
                return level(depth + 1, carried)

            return low.loop(low.size(self.space[inner[depth]]), turn, values, counter=COUNTERS[inner[depth]])

        totals = level(0, starts)
        kept = [i for d, i in enumerate(position) if d not in inner]
        for (_, buffer, place), total in zip(self.carried, totals, strict=True):
            low.store(total, buffer, self._full(place, kept))

    def _body(self, position: Position) -> Point:
        """All ops at one position, and what is stored or added up there."""
        low = self.lowering
        point = Point(low, self.inside)
        for op in self.ops:
            if is_elementwise(op) and shape_of(op.results[0]) == self.space:
                with low.builder.located(op.location):
                    point.scalar(op.results[0], position)
        for value, buffer, place in self.stores:
            low.store(point.scalar(value, position), buffer, self._full(place, position))
        for op, buffer, place in self.sums:
            kept = [i for d, i in enumerate(position) if d not in op.axes]
            low.accumulate(point.scalar(op.operands[0], position), buffer, self._full(place, kept))
        return point

    def _full(self, place: list[int | None], position: Position) -> list[Value]:
        """Indices into a buffer: the fixed ones, and the position in the others."""
        free = iter(position)
        return [next(free) if fixed is None else self.lowering.index(fixed) for fixed in place]


class Point:
    """One position of the space: the scalars known there. ``inside``: the ops that are computed in passing."""

    def __init__(self, lowering: Lowering, inside: Set[Operation]):
        self.lowering = lowering
        self.inside = inside
        self.known: dict[tuple, Value] = {}

    def scalar(self, value: Value, at: Position) -> Value:
        """The element of ``value`` at a position of its own shape."""
        if not isinstance(value.type, TensorType):
            return self.lowering[value]
        key = (value, *at)
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self._compute(value, list(at))
            if found.name_hint is None:
                found.name_hint = value.name_hint
        return found

    def _compute(self, value: Value, at: list[Value]) -> Value:
        low = self.lowering
        op = value.defining_op()
        element = value.type.element
        if op is None or op not in self.inside:
            return low.load(low[value], at)
        if is_view(op):
            return self.scalar(op.operands[0], source_position(low, value, at))
        if isinstance(op, Full):
            return low.constant(op.value.value, element)
        if isinstance(op, Iota):
            return low.cast(at[op.axis.value], element)
        if has(op, CONSTANT):
            return low.constant(_splat(op), element)
        if isinstance(op, Cast):
            return low.cast(self.scalar(op.source, at), element)
        if is_elementwise(op):
            scalars = [self.scalar(operand, at) for operand in op.operands]
            copy = type(op)(scalars, [element], op.attributes, location=op.location)
            return low.builder.insert(copy).result
        fail(f"'{op.name}' cannot be read inside its own group", op.location)


def _splat(op: Operation) -> float:
    """The number that a constant array is full of."""
    data = op.attributes["value"]
    assert isinstance(data, DenseAttr)
    return data.type.element.from_storage(data.array.reshape(-1)[0])


class Positions(Protocol[P]):
    """How positions are computed: as values of the program (``Lowering``), or as what else is known of them."""

    def offset(self, position: P, by: Dimension) -> P:
        """``position + by``."""

    def index(self, value: int) -> P:
        """A position known now."""


def source_position(low: Positions[P], value: Value, at: list[P]) -> list[P]:
    """Where a view's element at ``at`` lies in its operand."""
    op = value.defining_op()
    if isinstance(op, Broadcast):
        return [at[d] for d in integers(op.dims, "dims")]
    if isinstance(op, Transpose):
        source = [at[0]] * len(at)
        for result_dimension, operand_dimension in enumerate(integers(op.permutation, "permutation")):
            source[operand_dimension] = at[result_dimension]
        return source
    if isinstance(op, Slice):
        return [low.offset(i, offset) for i, offset in zip(at, op.starts(), strict=True)]
    assert isinstance(op, Unstack) and isinstance(value, OpResult)
    axis = op.axis.value
    return [*at[:axis], low.index(value.index), *at[axis:]]
