"""``array.dag_grad``: back through the rows of an irregular net, once the forward values are there (see ``dag``).

``values`` holds the neurons of one sample, ``adjoints`` the gradients of the neurons, ``slopes`` the derivatives of the
rows' activations (kept only where they do not follow from the value, as that of tanh does: 1 - y * y). Where the graph
is at hand by source (pass transpose-graphs), each gradient is a sum over the edges out of its neuron:

    adjoints = 0;  adjoints[outputs] += dy
    for each row, last to first
      g = adjoints[I + row] + sum over the edges out of it of adjoints[target] * w;   dw[weight] += adjoints[target] * n
      adjoints[I + row] = slopes[row] * g / (number of edges, in a mean)
    dx = the same sums for the inputs

Otherwise each row adds to the gradients of its sources, edge by edge:

    for each row, last to first
      delta = slopes[row] * adjoints[I + row]
      for each edge:  adjoints[source] += delta * share * w;   dw[weight] += delta * share * x
    dx = adjoints[0 .. I)

where ``share`` is the derivative of the aggregation by that edge's term: 1 in a sum, 1/n in a mean, the product of
the other terms in a product; for aggregations that choose among their terms see ``dag_choice``.
"""

from __future__ import annotations

from collections.abc import Sequence

from irc.dialects.array import DagGrad
from irc.dialects.array.choice import CHOICES
from irc.ir.operation import Value
from irc.passes.lower_array.dag import Kernel, copy
from irc.passes.lower_array.dag_choice import each_share
from irc.passes.lower_array.lowering import Lowering, shape_of


def lower_dag_grad(lowering: Lowering, op: DagGrad) -> None:
    """Forward again, then backward."""
    y, dx, dw = (lowering.buffer(result) for result in op.results)
    kernel = (_BySource if op.by_source else _ByTarget)(lowering, op, dw)
    lowering.clear(dw)

    def sample(b: Value, _: list[Value]) -> Sequence[Value]:
        all_by_value = all(kernel.slope_of_value(kind) is not None for kind in range(len(kernel.kinds)))
        slopes = None if all_by_value else kernel.private(kernel.rows)
        values = kernel.forward(b, slopes)
        kernel.write_outputs(b, values, y)
        kernel.backward(b, values, slopes, dx)
        return []

    lowering.loop(lowering.size(kernel.batch), sample, parallel=True, vectorize=kernel.batch != 1, counter="b")


class _Gradient(Kernel):
    """What both ways back share."""

    def __init__(self, lowering: Lowering, op: DagGrad, dw: Value):
        super().__init__(lowering, op)
        self.dy = lowering[op.cotangent]
        self.dw = dw

    def backward(self, b: Value, values: Value, slopes: Value | None, dx: Value) -> None:
        """Write ``dx`` of sample ``b``, and add its part to ``dw``."""
        raise NotImplementedError

    def slope(self, kind: int, row: Value, values: Value, slopes: Value | None) -> Value:
        """The derivative of the row's activation."""
        low = self.lowering
        block = self.slope_of_value(kind)
        if block is None:
            assert slopes is not None
            return low.load(slopes, [row])
        return low.builder.inline(block, [low.load(values, [low.offset(row, self.inputs)])])[0]

    def seeds(self, b: Value) -> Value:
        """Adjoints that hold dy at the outputs, else zero."""
        low = self.lowering
        adjoints = self.private(self.inputs + self.rows)

        def clear(i: Value, _: list[Value]) -> Sequence[Value]:
            low.store(self.number(0), adjoints, [i])
            return []

        low.loop(low.size(self.inputs + self.rows), clear)

        def output(o: Value, _: list[Value]) -> Sequence[Value]:
            self.increase(adjoints, low.load_index(self.outputs, [o]), low.load(self.dy, [b, o]))
            return []

        low.loop(low.size(shape_of(self.outputs)[0]), output, counter="o")
        return adjoints

    def increase(self, adjoints: Value, position: Value, by: Value) -> None:
        """Add to an adjoint."""
        low = self.lowering
        low.store(low.add(low.load(adjoints, [position]), by), adjoints, [position])

    def gain(self, place: Value, by: Value) -> None:
        """Add to the gradient of a parameter."""
        self.lowering.accumulate(by, self.dw, [place])

    def bias(self, row: Value, delta: Value) -> None:
        """The gradient of a row's bias, if it has one."""
        self.parameter(self.biases, row, 0.0, lambda place: self.gain(place, delta))


class _BySource(_Gradient):
    """Sums and means only: each neuron collects over the edges out of it."""

    def __init__(self, lowering: Lowering, op: DagGrad, dw: Value):
        super().__init__(lowering, op, dw)
        self.first, self.targets, self.out_weights = (lowering[value] for value in op.by_source)

    def backward(self, b: Value, values: Value, slopes: Value | None, dx: Value) -> None:
        low = self.lowering
        adjoints = self.seeds(b)

        def row(kind: int, at: Value) -> None:
            neuron = low.offset(at, self.inputs)
            delta = low.multiply(self.slope(kind, at, values, slopes), self._collected(neuron, values, adjoints))
            self.bias(at, delta)
            if self.kinds[kind].aggregation == "mean":
                delta = self.divide(delta, *self.edges(at))
            low.store(delta, adjoints, [neuron])

        self.each_row(row, backwards=True)

        def source(i: Value, _: list[Value]) -> Sequence[Value]:
            low.store(self._collected(i, values, adjoints), dx, [b, i])
            return []

        low.loop(low.size(self.inputs), source)

    def _collected(self, neuron: Value, values: Value, adjoints: Value) -> Value:
        """The gradient of a neuron; the weights of the edges out of it get theirs on the way."""
        low = self.lowering
        begin, end = (low.load_index(self.first, [at]) for at in (neuron, low.add(neuron, low.index(1))))
        value = low.load(values, [neuron])

        def turn(edge: Value, carried: list[Value]) -> Sequence[Value]:
            delta = low.load(adjoints, [low.load_index(self.targets, [edge])])
            slope = low.multiply(delta, value)
            weight = self.weight(edge, self.out_weights, lambda place: self.gain(place, slope))
            return [low.add(carried[0], low.multiply(delta, weight))]

        return low.loop(end, turn, [low.load(adjoints, [neuron])], lower=begin, counter="e")[0]


class _ByTarget(_Gradient):
    """Any aggregation: each row hands on to its sources."""

    def backward(self, b: Value, values: Value, slopes: Value | None, dx: Value) -> None:
        low = self.lowering
        adjoints = self.seeds(b)

        def row(kind: int, at: Value) -> None:
            delta = low.multiply(
                self.slope(kind, at, values, slopes), low.load(adjoints, [low.offset(at, self.inputs)])
            )
            self.bias(at, delta)
            self._row(kind, at, delta, values, adjoints)

        self.each_row(row, backwards=True)
        low.loop(low.size(self.inputs), lambda i, _: copy(low, adjoints, [i], dx, [b, i]))

    def _row(self, kind: int, row: Value, delta: Value, values: Value, adjoints: Value) -> None:
        low, aggregation = self.lowering, self.kinds[kind].aggregation
        begin, end = self.edges(row)
        if aggregation == "mean":
            delta = self.divide(delta, begin, end)
        if aggregation in CHOICES:

            def visit(edge: Value, gradient: Value) -> None:
                self._edge(edge, gradient, values, adjoints)

            each_share(self, aggregation, row, delta, values, visit)
            return

        def turn(edge: Value, _: list[Value]) -> Sequence[Value]:
            gradient = (
                low.multiply(delta, self._others(edge, begin, end, values)) if aggregation == "product" else delta
            )
            self._edge(edge, gradient, values, adjoints)
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

    def _edge(self, edge: Value, gradient: Value, values: Value, adjoints: Value) -> None:
        """From the gradient of the edge's term w*x: that of x goes to the source's adjoint, that of w to ``dw``."""
        low = self.lowering
        source = low.load_index(self.sources, [edge])
        slope = low.multiply(gradient, low.load(values, [source]))
        weight = self.weight(edge, use=lambda place: self.gain(place, slope))
        self.increase(adjoints, source, low.multiply(gradient, weight))
