"""``array.dag``: an irregular net becomes loops over its rows and edges, with the topology as data.

One sample at a time, written with scalars; the loop over samples is marked ``vectorize``, so that in the end the
samples lie in the lanes of vectors while rows, edges and indices stay scalar. ``values`` holds, for one sample, the
inputs and then the neurons, in topological order:

    for each sample                             (parallel, vectorize)
      values[0 .. I) = x
      for each segment                          rows of one kind: activation and aggregation
        for each row of it
          z = aggregate over the row's edges of values[source] * w[weight]   + bias
          values[I + row] = activation(z)
      y = values[outputs]

The gradient is in ``dag_gradient``; for aggregations that choose among their terms see ``dag_choice``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from irc.dialects import arith
from irc.dialects.activations import ACTIVATIONS
from irc.dialects.array import Dag, DagGrad
from irc.dialects.array.choice import CHOICES
from irc.dialects.loop import BufferType
from irc.ir.dimensions import Dimension
from irc.ir.operation import Block, Operation, Value
from irc.ir.types import index
from irc.passes.lower_array.dag_choice import choose
from irc.passes.lower_array.lowering import Lowering, shape_of

Use = Callable[[Value], None]


def lower_dag(lowering: Lowering, op: Dag) -> None:
    """Forward."""
    kernel = Kernel(lowering, op)
    y = lowering.buffer(op.result)

    def sample(b: Value, _: list[Value]) -> Sequence[Value]:
        values = kernel.forward(b)
        kernel.write_outputs(b, values, y)
        return []

    lowering.loop(lowering.size(kernel.batch), sample, parallel=True, vectorize=kernel.batch != 1, counter="b")


def copy(lowering: Lowering, source: Value, at: list[Value], target: Value, to: list[Value]) -> Sequence[Value]:
    """One element; ends a turn of a loop."""
    lowering.store(lowering.load(source, at), target, to)
    return []


class Kernel:
    """The topology of one op, as buffers, and the parts that forward and backward share."""

    def __init__(self, lowering: Lowering, op: Dag | DagGrad):
        self.lowering = lowering
        operands = [lowering[value] for value in op.operands[:8]]
        self.x, self.w, self.offsets, self.sources, self.weights, self.biases, self.segments, self.outputs = operands
        self.kinds = list(op.kinds)
        self.weighted = op.weighted is not None
        self.batch, self.inputs = shape_of(self.x)
        (self.rows,) = shape_of(self.biases)
        self.element = self.x.type.element

    def private(self, size: Dimension) -> Value:
        """Memory of one sample."""
        return self.lowering.alloc(BufferType([size], self.element))

    def number(self, value: float) -> Value:
        return self.lowering.constant(value, self.element)

    # -- the walk over rows --------------------------------------------------------------------------------------

    def each_row(self, visit: Callable[[int, Value], None], backwards: bool = False) -> None:
        """``visit(kind, row)`` for all rows in order, or last to first; the code of every kind is there once."""
        low = self.lowering
        if len(self.kinds) == 1:
            self._span(low.index(0), low.size(self.rows), lambda row: visit(0, row), backwards)
            return
        count = low.size(shape_of(self.segments)[0])

        def segment(turn: Value, _: list[Value]) -> Sequence[Value]:
            at = low.subtract(low.subtract(count, low.index(1)), turn) if backwards else turn
            first, end = (low.load_index(self.segments, [at, low.index(column)]) for column in (0, 1))
            kind = low.load(self.segments, [at, low.index(2)])
            for number in range(len(self.kinds)):
                chosen = low.compare("eq", kind, low.constant(number, kind.type))

                def run(number: int = number) -> Sequence[Value]:
                    self._span(first, end, lambda row: visit(number, row), backwards)
                    return []

                low.branch(chosen, run)
            return []

        low.loop(count, segment, counter="s")

    def _span(self, first: Value, end: Value, visit: Callable[[Value], None], backwards: bool) -> None:
        low = self.lowering

        def turn(i: Value, _: list[Value]) -> Sequence[Value]:
            visit(low.subtract(low.subtract(end, low.index(1)), low.subtract(i, first)) if backwards else i)
            return []

        low.loop(end, turn, lower=first, counter="r")

    def edges(self, row: Value) -> tuple[Value, Value]:
        """Where the row's edges begin and end."""
        low = self.lowering
        return low.load_index(self.offsets, [row]), low.load_index(self.offsets, [low.add(row, low.index(1))])

    def term(self, edge: Value, values: Value) -> Value:
        """The value that comes along an edge, times its weight."""
        low = self.lowering
        return low.multiply(low.load(values, [low.load_index(self.sources, [edge])]), self.weight(edge))

    def weight(self, edge: Value, table: Value | None = None, use: Use | None = None) -> Value:
        """The edge's weight, a parameter, or 1 where its index is -1. ``table``: other indices than ``weights``."""
        table = self.weights if table is None else table
        if not self.weighted:
            return self.parameter(table, edge, 1.0, use)
        place = self.lowering.load_index(table, [edge])
        if use is not None:
            use(place)
        return self.lowering.load(self.w, [place])

    def parameter(self, table: Value, at: Value, otherwise: float, use: Use | None = None) -> Value:
        """``w[table[at]]``, or a number where the table says -1. ``use`` is called with the position of a parameter."""
        low = self.lowering
        position = low.load(table, [at])
        present = low.compare("sge", position, low.constant(0, position.type))

        def then() -> Sequence[Value]:
            place = low.position(position, index)
            if use is not None:
                use(place)
            return [low.load(self.w, [place])]

        (value,) = low.branch(present, then, lambda: [self.number(otherwise)])
        return value

    # -- forward -------------------------------------------------------------------------------------------------

    def forward(self, b: Value, slopes: Value | None = None) -> Value:
        """All values of sample ``b``; with ``slopes`` also the derivative of each row's activation, which often is made
        of the same parts as the value, unless it can be made of the value itself."""
        low = self.lowering
        values = self.private(self.inputs + self.rows)
        low.loop(low.size(self.inputs), lambda i, _: copy(low, self.x, [b, i], values, [i]))

        def row(kind: int, at: Value) -> None:
            z = low.add(self.aggregate(kind, at, values), self.parameter(self.biases, at, 0.0))
            low.store(self.inline(kind, z, derivative=False), values, [low.offset(at, self.inputs)])
            if slopes is not None and self.slope_of_value(kind) is None:
                low.store(self.inline(kind, z, derivative=True), slopes, [at])

        self.each_row(row)
        return values

    def aggregate(self, kind: int, row: Value, values: Value) -> Value:
        """The aggregation of the row's terms."""
        low, aggregation = self.lowering, self.kinds[kind].aggregation
        if aggregation in CHOICES:
            return choose(self, aggregation, row, values)
        begin, end = self.edges(row)
        combine, start = COMBINE[aggregation]

        def turn(edge: Value, carried: list[Value]) -> Sequence[Value]:
            return [low.make(combine, carried[0], self.term(edge, values))]

        (total,) = low.loop(end, turn, [self.number(start)], lower=begin, counter="e")
        return self.divide(total, begin, end) if aggregation == "mean" else total

    def divide(self, value: Value, begin: Value, end: Value) -> Value:
        low = self.lowering
        return low.make(arith.DivF, value, low.cast(low.subtract(end, begin), self.element))

    def inline(self, kind: int, z: Value, derivative: bool) -> Value:
        """The activation, or its derivative, at ``z``."""
        chosen = self.kinds[kind]
        activation = ACTIVATIONS[chosen.activation]
        make = activation.derivative if derivative else activation.function
        block = make(self.element, chosen.parameter)
        return self.lowering.builder.inline(block, [z])[0]

    def slope_of_value(self, kind: int) -> Block | None:
        """The derivative as a function of the activation's value, where there is one: then none need be kept."""
        chosen = self.kinds[kind]
        return ACTIVATIONS[chosen.activation].derivative_by_value(self.element, chosen.parameter)

    def write_outputs(self, b: Value, values: Value, y: Value) -> None:
        """``y[b] = values[outputs]``."""
        low = self.lowering

        def output(o: Value, _: list[Value]) -> Sequence[Value]:
            return copy(low, values, [low.load_index(self.outputs, [o])], y, [b, o])

        low.loop(low.size(shape_of(self.outputs)[0]), output, counter="o")


COMBINE: dict[str, tuple[type[Operation], float]] = {
    "sum": (arith.AddF, 0.0),
    "mean": (arith.AddF, 0.0),
    "product": (arith.MulF, 1.0),
}
"""How an aggregation combines terms, and what it starts with."""
