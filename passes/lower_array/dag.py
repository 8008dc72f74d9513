"""``array.dag`` and ``array.dag_grad``: an irregular net becomes loops over its rows and edges, with the topology as
data.

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

The gradient walks the rows backwards, once the forward values are there, with ``adjoints`` beside ``values``:

    adjoints[outputs] += dy
    for each row, last to first
      delta = activation'(z) * adjoints[I + row]
      for each edge:  adjoints[source] += delta * share * w;   dw[weight] += delta * share * x
    dx = adjoints[0 .. I)

where ``share`` is the derivative of the aggregation by that edge's term: 1 in a sum, 1/n in a mean, the product of
the other terms in a product; for aggregations that choose among their terms see ``dag_choice``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from irc.dialects import arith
from irc.dialects.activations import ACTIVATIONS
from irc.dialects.array import Dag, DagGrad
from irc.dialects.array.choice import CHOICES
from irc.dialects.loop import BufferType
from irc.ir.dimensions import Dimension
from irc.ir.operation import Operation, Value
from irc.ir.types import index
from irc.passes.lower_array.dag_choice import choose, each_share
from irc.passes.lower_array.lowering import Lowering, shape_of


def lower_dag(lowering: Lowering, op: Dag) -> None:
    """Forward."""
    kernel = _Kernel(lowering, op)
    y = lowering.buffer(op.result)

    def sample(b: Value, _: list[Value]) -> Sequence[Value]:
        values = kernel.forward(b, None)
        kernel.write_outputs(b, values, y)
        return []

    lowering.loop(lowering.size(kernel.batch), sample, parallel=True, vectorize=kernel.batch != 1, counter="b")


def lower_dag_grad(lowering: Lowering, op: DagGrad) -> None:
    """Forward again, then backward."""
    kernel = _Kernel(lowering, op)
    y, dx, dw = (lowering.buffer(result) for result in op.results)
    dy = lowering[op.operands[8]]
    lowering.clear(dw)

    def sample(b: Value, _: list[Value]) -> Sequence[Value]:
        sums = kernel.private(kernel.rows)
        values = kernel.forward(b, sums)
        kernel.write_outputs(b, values, y)
        adjoints = kernel.backward(b, values, sums, dy, dw)
        lowering.loop(lowering.size(kernel.inputs), lambda i, _: _copy(lowering, adjoints, [i], dx, [b, i]))
        return []

    lowering.loop(lowering.size(kernel.batch), sample, parallel=True, vectorize=kernel.batch != 1, counter="b")


def _copy(lowering: Lowering, source: Value, at: list[Value], target: Value, to: list[Value]) -> Sequence[Value]:
    lowering.store(lowering.load(source, at), target, to)
    return []


class _Kernel:
    """The topology of one op, as buffers, and the parts that forward and backward share."""

    def __init__(self, lowering: Lowering, op: Dag | DagGrad):
        self.lowering = lowering
        operands = [lowering[value] for value in op.operands[:8]]
        self.x, self.w, self.offsets, self.sources, self.weights, self.biases, self.segments, self.outputs = operands
        self.kinds = list(op.kinds)
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

    def weight(self, edge: Value) -> Value:
        """The edge's weight: a parameter, or 1 where its index is -1."""
        return self._parameter(self.weights, edge, 1.0)

    def _parameter(
        self, table: Value, at: Value, otherwise: float, use: Callable[[Value], None] | None = None
    ) -> Value:
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

    def forward(self, b: Value, sums: Value | None) -> Value:
        """All values of sample ``b``; with ``sums`` also what each activation was applied to."""
        low = self.lowering
        values = self.private(self.inputs + self.rows)
        low.loop(low.size(self.inputs), lambda i, _: _copy(low, self.x, [b, i], values, [i]))

        def row(kind: int, at: Value) -> None:
            z = low.add(self.aggregate(kind, at, values), self._parameter(self.biases, at, 0.0))
            if sums is not None:
                low.store(z, sums, [at])
            low.store(self._inline(kind, z, derivative=False), values, [low.offset(at, self.inputs)])

        self.each_row(row)
        return values

    def aggregate(self, kind: int, row: Value, values: Value) -> Value:
        """The aggregation of the row's terms."""
        low, aggregation = self.lowering, self.kinds[kind].aggregation
        if aggregation in CHOICES:
            return choose(self, aggregation, row, values)
        begin, end = self.edges(row)
        combine, start = _COMBINE[aggregation]

        def turn(edge: Value, carried: list[Value]) -> Sequence[Value]:
            return [low.make(combine, carried[0], self.term(edge, values))]

        (total,) = low.loop(end, turn, [self.number(start)], lower=begin, counter="e")
        return self._divide(total, begin, end) if aggregation == "mean" else total

    def _divide(self, value: Value, begin: Value, end: Value) -> Value:
        low = self.lowering
        return low.make(arith.DivF, value, low.cast(low.subtract(end, begin), self.element))

    def _inline(self, kind: int, z: Value, derivative: bool) -> Value:
        """The activation, or its derivative, at ``z``."""
        chosen = self.kinds[kind]
        activation = ACTIVATIONS[chosen.activation]
        make = activation.derivative if derivative else activation.function
        block = make(self.element, chosen.parameter)
        return self.lowering.builder.inline(block, [z])[0]

    def write_outputs(self, b: Value, values: Value, y: Value) -> None:
        """``y[b] = values[outputs]``."""
        low = self.lowering

        def output(o: Value, _: list[Value]) -> Sequence[Value]:
            return _copy(low, values, [low.load_index(self.outputs, [o])], y, [b, o])

        low.loop(low.size(shape_of(self.outputs)[0]), output, counter="o")

    # -- backward ------------------------------------------------------------------------------------------------

    def backward(self, b: Value, values: Value, sums: Value, dy: Value, dw: Value) -> Value:
        """The adjoints of all values of sample ``b``; parameter gradients are added to ``dw``."""
        low = self.lowering
        adjoints = self.private(self.inputs + self.rows)

        def clear(i: Value, _: list[Value]) -> Sequence[Value]:
            low.store(self.number(0), adjoints, [i])
            return []

        low.loop(low.size(self.inputs + self.rows), clear)

        def output(o: Value, _: list[Value]) -> Sequence[Value]:
            self._increase(adjoints, low.load_index(self.outputs, [o]), low.load(dy, [b, o]))
            return []

        low.loop(low.size(shape_of(self.outputs)[0]), output, counter="o")

        def row(kind: int, at: Value) -> None:
            slope = self._inline(kind, low.load(sums, [at]), derivative=True)
            delta = low.multiply(slope, low.load(adjoints, [low.offset(at, self.inputs)]))
            self._parameter(self.biases, at, 0.0, lambda place: low.accumulate(delta, dw, [place]))
            self._row_backward(kind, at, delta, values, adjoints, dw)

        self.each_row(row, backwards=True)
        return adjoints

    def _row_backward(self, kind: int, row: Value, delta: Value, values: Value, adjoints: Value, dw: Value) -> None:
        low, aggregation = self.lowering, self.kinds[kind].aggregation
        begin, end = self.edges(row)
        if aggregation == "mean":
            delta = self._divide(delta, begin, end)
        if aggregation in CHOICES:

            def visit(edge: Value, gradient: Value) -> None:
                self._edge_backward(edge, gradient, values, adjoints, dw)

            each_share(self, aggregation, row, delta, values, visit)
            return

        def turn(edge: Value, _: list[Value]) -> Sequence[Value]:
            gradient = (
                low.multiply(delta, self._others(edge, begin, end, values)) if aggregation == "product" else delta
            )
            self._edge_backward(edge, gradient, values, adjoints, dw)
            return []

        low.loop(end, turn, lower=begin, counter="e")

    def _others(self, edge: Value, begin: Value, end: Value, values: Value) -> Value:
        """The product of the row's other terms. Multiplied anew for each edge: a quotient would fail where a term is
        zero."""
        low = self.lowering

        def turn(other: Value, carried: list[Value]) -> Sequence[Value]:
            same = low.compare("eq", other, edge)
            return [low.multiply(carried[0], low.select(same, self.number(1), self.term(other, values)))]

        return low.loop(end, turn, [self.number(1)], lower=begin, counter="e")[0]

    def _edge_backward(self, edge: Value, gradient: Value, values: Value, adjoints: Value, dw: Value) -> None:
        """From the gradient of the edge's term w*x: that of x goes to the source's adjoint, that of w to ``dw``."""
        low = self.lowering
        source = low.load_index(self.sources, [edge])
        slope = low.multiply(gradient, low.load(values, [source]))
        weight = self._parameter(self.weights, edge, 1.0, lambda place: low.accumulate(slope, dw, [place]))
        self._increase(adjoints, source, low.multiply(gradient, weight))

    def _increase(self, adjoints: Value, position: Value, by: Value) -> None:
        low = self.lowering
        low.store(low.add(low.load(adjoints, [position]), by), adjoints, [position])


_COMBINE: dict[str, tuple[type[Operation], float]] = {
    "sum": (arith.AddF, 0.0),
    "mean": (arith.AddF, 0.0),
    "product": (arith.MulF, 1.0),
}
"""How an aggregation combines terms, and what it starts with."""
