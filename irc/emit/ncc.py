"""The forms in which ncc prints a net: forward lines, a picture of the matrix, and its historical backward lines.

ncc (a program for neural adjacency lists) knows weighted sums only; biases, other aggregations and delays are written
as in ``irc.emit.equations``. The backward lines are what ncc printed, which its author called incomplete: they are kept
for comparison, ``irc.emit.equations`` has the right ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from irc.dialects.neuron import Delay, Merge, Net, Node
from irc.emit.equations import EquationPrinter, single_neurons
from irc.emit.names import before
from irc.frontends.topology import orderable
from irc.interpreter import in_order
from irc.ir.diagnostics import fail
from irc.ir.operation import Operation, Value


@dataclass(frozen=True)
class Edge:
    """An edge: positions of its neurons in :attr:`Drawing.neurons`, and its parameter's index (-1: weight 1).

    ``steps``: how many steps before it reads its source.
    """

    source: int
    target: int
    parameter: int
    steps: int = 0


class Drawing:
    """A net of single neurons as something to draw: neurons in the order of their numbers, and edges.

    Neurons whose names are numbers are sorted by them; labelled ones stand in the order of the net. Delays are on
    edges; those that are outputs, or go round in a ring, are neurons of their own. Raises :class:`irc.Error` for a net
    with anything else than nodes, merges and delays.
    """

    def __init__(self, net: Net):
        self.net = single_neurons(net)
        self.printer = EquationPrinter(self.net)
        self.names = self.printer.names
        ops = in_order(self.net.block)[:-1]
        for op in ops:
            if not isinstance(op, (Node, Merge, Delay)):
                fail(f"'{op.name}' cannot be drawn as a neuron with edges", op.location)
        neurons = [op.results[0] for op in ops if not isinstance(op, Delay)]
        self.neurons: list[Value] = [*self.net.arguments, *neurons]
        if self.names.numbered:
            self.neurons.sort(key=lambda value: int(self.names.plain(value)[1:], 16))
        outputs = set(self.net.outputs)
        self.neurons += [d.value for d in self.net.delays if d.value not in self.names.late or d.value in outputs]
        self.position = {value: position for position, value in enumerate(self.neurons)}
        self.edges = [
            self._edge(source, target, weight)
            for target, value in enumerate(self.neurons)
            for source, weight in _incoming(value.defining_op())
        ]

    def _edge(self, source: Value, target: int, parameter: int) -> Edge:
        source, steps = self.names.undelayed(source)
        steps += isinstance(self.neurons[target].defining_op(), Delay)
        return Edge(self.position[source], target, parameter, steps)

    @property
    def is_recurrent(self) -> bool:
        """Whether there are edges from the step before."""
        return any(edge.steps for edge in self.edges)

    def name(self, position: int) -> str:
        """A neuron's name."""
        return self.names.value(self.neurons[position])

    def weight(self, edge: Edge) -> str:
        """The name of an edge's weight; empty where it is 1."""
        return self.names.parameter(edge.parameter) if edge.parameter >= 0 else ""

    def order(self) -> list[int]:
        """Positions in topological order of the edges of a step, of several possible ones the smallest first."""
        edges = [edge for edge in self.edges if not edge.steps]
        source = np.array([e.source for e in edges], np.int64)
        target = np.array([e.target for e in edges], np.int64)
        return orderable(len(self.neurons), source, target).tolist()


def _incoming(op: Operation | None) -> list[tuple[Value, int]]:
    if op is None:
        return []
    weights = op.weights if isinstance(op, Node) else [-1] * len(op.operands)
    return list(zip(op.operands, weights, strict=True))


def forward(net: Net, inputs: bool = False) -> str:
    """``n04 = f04( +n00*w0004 +n01*w0104)`` for each neuron with in-edges; with ``inputs`` for the others too."""
    drawing = Drawing(net)
    lines = []
    for position in drawing.order():
        op = drawing.neurons[position].defining_op()
        if op is not None and op.results[0] in drawing.names.late:
            continue
        if op is not None and (inputs or op.operands):
            lines.append(drawing.printer.equation(op))
        elif inputs and op is None:
            value = drawing.neurons[position]
            lines.append(f"{drawing.names.value(value)} = {drawing.names.function(value)}()")
    return "".join(f"{line}\n" for line in lines)


def matrix(net: Net) -> str:
    """The adjacency matrix as a picture: a cell for each pair of neurons, with the product that flows, or empty."""
    drawing = Drawing(net)
    count = len(drawing.neurons)
    words = -(-count // 32)
    names = [drawing.name(position) for position in range(count)]
    cells: dict[tuple[int, int], str] = {}
    for edge in drawing.edges:
        weight = drawing.weight(edge)
        place = edge.source, edge.target
        product = f"+{names[edge.source]}{before(edge.steps)}{'*' if weight else ''}{weight}"
        cells[place] = cells.get(place, "") + product
    longest = max(map(len, names), default=0)
    empty = longest + 2 + (2 * longest - 1)  # as "+n00*w0004" is, for names of that length
    width = max([empty, *map(len, cells.values())])
    lines = [f"{count} {words}  {count * count} {4 * count * words}", "".join(f"{name:>{width + 1}}" for name in names)]
    for source, name in enumerate(names):
        row = [cells.get((source, target), "_" * width).ljust(width) for target in range(count)]
        lines.append(" ".join([name.ljust(longest), *row]).rstrip())
    return "".join(f"{line}\n" for line in lines)


def historical_backward(net: Net) -> str:
    """ncc's backward lines: for each weight the sum over the out-edges of its target. Wrong where depth exceeds two."""
    drawing = Drawing(net)
    if drawing.is_recurrent:
        fail("ncc's backward lines know no time, and this net has delays", net.location)
    targets: dict[int, list[int]] = {position: [] for position in range(len(drawing.neurons))}
    for edge in drawing.edges:
        targets[edge.source].append(edge.target)
    lines = []
    for edge in drawing.edges:
        weight = drawing.weight(edge)
        if weight:
            terms = [f" +DLY_{drawing.name(k)}*D{drawing.name(k)}_{weight}" for k in targets[edge.target]]
            lines.append(f"{weight} = {''.join(terms)}\n")
    return "".join(lines)
