"""Takes neurons apart: each ``neuron.dag`` and ``neuron.layer`` becomes a ``neuron.node`` for each neuron.

Parameter indices stay, so the parameters of the net mean the same before and after. Vectors become their elements,
also among the arguments and results of the net; for a batch, the net is the same function. The opposite is
``group-neurons``. A layer whose activation acts on all its neurons (softmax) has no form as neurons: that is an
error.

Before:

```mlir
neuron.net @f(%x: tensor<2xf32>) -> tensor<2xf32> parameters 6 {
  %y = neuron.layer relu(%x*w[0:4] + w[4:6]) #neuron.dense<2, 2>
  neuron.output %y : tensor<2xf32>
}
```

After:

```mlir
neuron.net @f(%x_0: f32, %x_1: f32) -> (f32, f32) parameters 6 {
  %y_0 = neuron.node relu(%x_0*w[0] + %x_1*w[1] + w[4])
  %y_1 = neuron.node relu(%x_0*w[2] + %x_1*w[3] + w[5])
  neuron.output %y_0, %y_1 : f32, f32
}
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from irc.dialects.array.kind import Kind
from irc.dialects.builtin import ModuleOp
from irc.dialects.neuron import Dag, Delay, Gather, Layer, Merge, Net, Node, Output
from irc.dialects.neuron.function import neuron_activation
from irc.dialects.neuron.names import neuron_name
from irc.dialects.neuron.net import width
from irc.interpreter import in_order
from irc.ir.builder import Builder
from irc.ir.diagnostics import fail
from irc.ir.locations import Location, NameLocation
from irc.ir.operation import Operation, Value
from irc.ir.symbols import symbol_name
from irc.ir.types import FunctionType, TensorType
from irc.passmanager import Pass, PassContext


@dataclass(frozen=True)
class ExplodeNeurons(Pass):
    """Make every neuron a ``neuron.node``. Nets of more than ``most`` edges are refused (0: none is)."""

    name = "explode-neurons"
    most: int = 0

    def run(self, module: ModuleOp, context: PassContext) -> None:
        for net in list(module.walk()):
            if not isinstance(net, Net):
                continue
            edges = sum(_edge_count(op) for op in net.block) if self.most else 0
            if edges > self.most:
                shown = symbol_name(net)
                fail(f"@{shown} has {edges} edges: only nets of up to {self.most} are taken apart here", net.location)
            if _has_groups(net):
                explode(net)
                context.count("nets taken apart")


def _edge_count(op: Operation) -> int:
    if isinstance(op, Dag):
        return op.topology.sources.size
    if isinstance(op, Layer):
        return int(op.edges.in_degrees().sum())
    return len(op.terms) if isinstance(op, Node) else 0


def _has_groups(net: Net) -> bool:
    vectors = any(isinstance(v.type, TensorType) for v in (*net.arguments, *net.outputs))
    return vectors or any(_is_group(op) for op in net.block)


def _is_group(op: Operation) -> bool:
    """Whether the op is more than one neuron, or has to do with such."""
    return isinstance(op, (Dag, Layer, Gather)) or any(isinstance(r.type, TensorType) for r in op.results)


def explode(net: Net) -> None:
    """Take the groups of one net apart, in place. Raises Error for what has no form as single neurons."""
    parts: dict[Value, list[Value]] = {}
    delayed: list[Delay] = []
    _explode_arguments(net, parts)
    order = in_order(net.block)
    for op in order:
        builder = Builder.before(net.block.terminator)
        builder.location = op.location
        if isinstance(op, (Dag, Gather)):
            given = [part for v in op.operands for part in parts.get(v, [v])]
            found = _dag(builder, op, given) if isinstance(op, Dag) else [given[n] for n in op.picks.tolist()]
            begin = 0
            for result in op.results:
                parts[result] = found[begin : begin + width(result.type)]
                begin += width(result.type)
        elif isinstance(op, Layer):
            parts[op.value] = _layer(builder, op, parts[op.source])
        elif isinstance(op, Merge) and isinstance(op.value.type, TensorType):
            columns = zip(*(parts[v] for v in op.sources), strict=True)
            parts[op.value] = [builder.value(Merge, column, kind=op.kind) for column in columns]
            _name_parts(op.value, parts[op.value])
        elif isinstance(op, Delay):
            delayed.append(op)
            if isinstance(op.value.type, TensorType):
                elements = [
                    builder.insert(Delay([op.source], [net.element], op.attributes, (), (), op.location))
                    for _ in range(op.width)
                ]
                parts[op.value] = [element.value for element in elements]
                _name_parts(op.value, parts[op.value])
        elif isinstance(op, Output):
            op.operands = [part for v in op.operands for part in parts.get(v, [v])]
        else:
            op.operands = [parts[v][0] if v in parts else v for v in op.operands]
    for delay in delayed:  # only now is known what they delay
        elements, sources = (parts.get(value, [value]) for value in (delay.value, delay.source))
        for element, source in zip(elements, sources, strict=True):
            element.owner.operands = [source]
    groups = [op for op in order if _is_group(op)]
    for op in groups:
        op.drop()
    for op in groups:
        op.erase()
    _erase_vector_arguments(net)
    net.function_type = FunctionType([a.type for a in net.arguments], [v.type for v in net.outputs])


def _explode_arguments(net: Net, parts: dict[Value, list[Value]]) -> None:
    """Append the elements of each vector argument as arguments; keep the order by moving all behind the old ones."""
    if not any(isinstance(a.type, TensorType) for a in net.arguments):
        return
    for argument in list(net.arguments):
        if isinstance(argument.type, TensorType):
            elements: list[Value] = [
                net.block.add_argument(net.element, argument.location) for _ in range(width(argument.type))
            ]
            _name_parts(argument, elements)
            parts[argument] = elements
        else:
            copy = net.block.add_argument(argument.type, argument.location, argument.name_hint)
            argument.replace_by(copy)


def _erase_vector_arguments(net: Net) -> None:
    """Remove the arguments that their copies and elements have replaced: the first ones, if there are any vectors."""
    vectors = [a for a in net.arguments if isinstance(a.type, TensorType)]
    if not vectors:
        return
    old = len(net.function_type.inputs)
    for index in reversed(range(old)):
        net.block.erase_argument(index)


def _name_parts(whole: Value, elements: Sequence[Value]) -> None:
    """Call the elements as the whole is called, with their numbers behind it."""
    place = whole.location
    for index, element in enumerate(elements):
        if whole.name_hint:
            element.name_hint = f"{whole.name_hint}_{index}"
        if isinstance(place, NameLocation):
            owner = element.defining_op() or element
            owner.location = _located(place, f"{place.name}_{index}")  # type: ignore[misc]


def _located(location: Location, name: str) -> Location:
    """A place of its own for the neuron ``name``."""
    inner = location.child if isinstance(location, NameLocation) else location
    return NameLocation(name, inner)


def _dag(builder: Builder, op: Dag, inputs: Sequence[Value]) -> list[Value]:
    """The rows as nodes; gives the values of the outputs."""
    graph, names = op.topology, op.neuron_names()
    values = list(inputs)
    offsets = graph.offsets.tolist()
    for row in graph.rows():
        edges = slice(offsets[row.number], offsets[row.number + 1])
        kind = op.kinds[row.kind]
        assert isinstance(kind, Kind)
        name = names[len(inputs) + row.number]
        with builder.located(_located(op.location, name)):
            node = Node.of(
                builder,
                kind.activation,
                [values[s] for s in graph.sources[edges].tolist()],
                graph.weights[edges].tolist(),
                type=op.element,
                parameter=kind.parameter,
                aggregation=kind.aggregation,
                bias=row.bias if row.bias >= 0 else None,
                name=name,
            )
        values.append(node)
    return [values[o] for o in graph.outputs.tolist()]


def _layer(builder: Builder, op: Layer, inputs: Sequence[Value]) -> list[Value]:
    """The neurons of a layer as nodes."""
    try:
        neuron_activation(op)
    except ValueError as error:
        fail(f"'neuron.layer' has no form as single neurons: {error}", op.location)
    edges = op.edges
    source, target, number = edges.edges()
    begins = np.searchsorted(target, np.arange(edges.outputs + 1)).tolist()
    weights, biases, how = op.weight_indices, op.neuron_biases, op.aggregation.value
    type, padding, full = op.value.type.element, None, edges.fan_in
    found: list[Value] = []
    for neuron in range(edges.outputs):
        here = slice(begins[neuron], begins[neuron + 1])
        terms = [inputs[s] for s in source[here].tolist()]
        if how == "mean" and len(terms) < full:  # the mean of a pooling counts its padding: a neuron that is 0
            padding = padding or Node.of(builder, "identity", [], [], type=type)
            terms += [padding] * (full - len(terms))
        name = None if op.labels is None else op.labels[neuron].value
        with builder.located(op.location if name is None else _located(op.location, name)):
            node = Node.of(
                builder,
                op.activation.value,
                terms,
                [-1] * len(terms) if weights is None else weights[number[here]].tolist(),
                type=type,
                parameter=None if op.parameter is None else op.parameter.value,
                aggregation=how,
                bias=None if biases is None else int(biases[neuron]),
                name=name,
            )
        found.append(node)
    if op.labels is None and neuron_name(op.value):
        _name_parts(op.value, found)
    return found
