"""What a picture of a net shows: single neurons with their edges, or layers where single neurons are no picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from irc.dialects.neuron import Dag, Delay, Gather, Layer, Merge, Net, Node
from irc.dialects.neuron.function import activation_of
from irc.dialects.neuron.net import width
from irc.dialects.neuron.rows import depths
from irc.emit.names import EquationNames, before
from irc.emit.ncc import Drawing
from irc.frontends.topology import orderable
from irc.interpreter import in_order
from irc.ir.diagnostics import counted
from irc.ir.operation import Value
from irc.ir.symbols import symbol_name


@dataclass(frozen=True)
class Vertex:
    """A neuron, or a layer of ``size`` neurons (None: a neuron). ``kind`` is what it computes; empty for an input."""

    name: str
    kind: str
    is_output: bool
    size: int | None = None

    @property
    def lines(self) -> list[str]:
        """What stands in it, line by line."""
        size = [] if self.size is None else [counted(self.size, "neuron")]
        return [self.name, *filter(None, [self.kind]), *size]


@dataclass(frozen=True)
class Arrow:
    """An edge between vertices, by their numbers. ``text`` is its weight and time; it may read ``steps`` before."""

    source: int
    target: int
    text: str
    steps: int


@dataclass(frozen=True)
class Picture:
    """A net as vertices and arrows."""

    name: str
    vertices: list[Vertex]
    arrows: list[Arrow]

    def depths(self) -> np.ndarray:
        """For each vertex the length of the longest chain of arrows of a step into it."""
        count, arrows = len(self.vertices), [arrow for arrow in self.arrows if not arrow.steps]
        source = np.array([arrow.source for arrow in arrows], np.int64)
        target = np.array([arrow.target for arrow in arrows], np.int64)
        return depths(count, orderable(count, source, target), source, target)


def picture(net: Net, most: int | None = None) -> Picture:
    """The neurons of a net; or its layers, if it has some that are more than neurons side by side (softmax), or if they
    have more than ``most`` neurons.
    """
    layers = [op for op in net.block if isinstance(op, Layer)]
    many = most is not None and sum(op.edges.outputs for op in layers) > most
    if many or any(activation_of(op).whole_layer for op in layers):
        return _of_layers(net)
    drawing = Drawing(net)
    weights = [drawing.weight(edge) for edge in drawing.edges]
    arrows = [
        Arrow(edge.source, edge.target, _text(weight, edge.steps), edge.steps)
        for edge, weight in zip(drawing.edges, weights, strict=True)
    ]
    return Picture(symbol_name(net), _vertices(drawing.net, drawing.neurons, drawing.names, None), arrows)


def _of_layers(net: Net) -> Picture:
    names, outputs = EquationNames(net), set(net.outputs)
    values = [*net.arguments, *(r for op in in_order(net.block) if not isinstance(op, Delay) for r in op.results)]
    values += [d.value for d in net.delays if d.value not in names.late or d.value in outputs]
    number = {value: position for position, value in enumerate(values)}
    arrows = []
    for value in values:
        op = value.defining_op()
        for operand in () if op is None else op.operands:
            source, steps = names.undelayed(operand)
            steps += isinstance(op, Delay)
            arrows.append(Arrow(number[source], number[value], _text("", steps), steps))
    return Picture(symbol_name(net), _vertices(net, values, names, lambda value: width(value.type)), arrows)


def _vertices(net: Net, values: list[Value], names: EquationNames, size: Callable[[Value], int] | None) -> list[Vertex]:
    outputs = set(net.outputs)
    return [Vertex(names.plain(v), _kind(v), v in outputs, None if size is None else size(v)) for v in values]


def _text(weight: str, steps: int) -> str:
    return " ".join(filter(None, [weight, before(steps)]))


def _kind(value: Value) -> str:
    """What a neuron or layer computes besides its weighted sum, in a word or two; empty for inputs."""
    op = value.defining_op()
    if isinstance(op, Node):
        activation = str(activation_of(op))
        return activation if op.aggregation.value == "sum" else f"{activation} of {op.aggregation.value}"
    if isinstance(op, Layer):
        return str(activation_of(op))
    if isinstance(op, Merge):
        return op.kind.value
    words = {Delay: "delay", Dag: "dag", Gather: "gather"}
    return "" if op is None else words.get(type(op), op.name)
