"""From a ``neuron.net`` back to the graph: the inverse of ``irc.frontends.build``."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from irc.dialects.array.kind import AGGREGATIONS, Kind
from irc.dialects.neuron import Dag, Delay, Merge, Net, Node, parameter_names
from irc.dialects.neuron.names import Naming, numbered_name
from irc.emit.equations import single_neurons
from irc.frontends.activation import IDENTITY, Activation
from irc.frontends.graph import Graph
from irc.interpreter import in_order
from irc.ir.diagnostics import Diagnostics, counted, fail
from irc.ir.operation import Value
from irc.ir.symbols import symbol_name

_NUMBERED = re.compile(r"n[0-9a-f]{2,}")
_MERGES = {"add": "sum", "multiply": "product", "average": "mean"}


def graph_of(net: Net, values: np.ndarray | None = None, lossy: bool = False) -> Graph:
    """The graph of a net. ``values`` are start values in place of the net's own (of P floats).

    Neurons that are called ``n00``, ``n01``, ... have these numbers; others are numbered inputs first, and labelled.
    Raises :class:`irc.Error` for what no graph of weighted edges has: ops without a form as single neurons, an edge
    given twice, and, unless ``lossy`` makes parameters of them, edges whose weight is the constant 1.
    """
    if net.is_gradient:
        fail("a net of gradients is no graph of neurons", net.location)
    op = _only_dag(net)
    graph, names = _of_dag(net, op) if op is not None else _of_nodes(single_neurons(net))
    graph = _named(graph, names)
    graph = _with_parameters(graph, net, values)
    graph = _without_constant_weights(graph, lossy)
    diagnostics = Diagnostics()
    graph.validate(diagnostics)
    diagnostics.raise_errors()
    return graph


def _only_dag(net: Net) -> Dag | None:
    """The op that is all of the net, if it is one: then no Python object for each edge is needed."""
    op = net.block.first
    if isinstance(op, Dag) and op.next is net.block.terminator:
        if list(op.operands) == list(net.arguments) and list(net.outputs) == list(op.results):
            return op
    return None


def _of_dag(net: Net, op: Dag) -> tuple[Graph, list[str]]:
    """The graph of a dag, numbered as it is: inputs, then rows; and the neurons' names."""
    topology, inputs, rows = op.topology, op.input_count, op.row_count
    count = inputs + rows
    kinds = [kind for kind in op.kinds if isinstance(kind, Kind)]
    first, end, number = topology.segments.astype(np.int64).T
    kind = np.repeat(number, end - first)
    before = np.zeros(inputs, np.int64)
    aggregations = np.array([AGGREGATIONS.index(k.aggregation) for k in kinds], np.int64)
    graph = Graph(
        source=topology.sources.astype(np.int64),
        target=np.repeat(np.arange(inputs, count), np.diff(topology.offsets)),
        parameter=topology.weights.astype(np.int64),
        bias=np.concatenate([before - 1, topology.biases]),
        activations=(IDENTITY, *(Activation(k.activation, k.parameter) for k in kinds)),
        activation=np.concatenate([before, kind + 1]),
        aggregation=np.concatenate([before, aggregations[kind]]),
        is_input=np.arange(count) < inputs,
        outputs=topology.outputs.astype(np.int64),
        parameter_count=net.parameter_count,
        name=symbol_name(net) or "net",
    )
    return graph, op.neuron_names()


def _of_nodes(net: Net) -> tuple[Graph, list[str]]:
    """The graph of a net of single neurons, numbered in topological order."""
    ops = [op for op in in_order(net.block)[:-1] if op.results and not isinstance(op, Delay)]
    for op in ops:
        if not isinstance(op, (Node, Merge)):
            fail(f"'{op.name}' has no form as single neurons: the net is no graph", op.location)
    neurons: list[Value] = [*net.arguments, *(op.results[0] for op in ops)]
    number = {neuron: k for k, neuron in enumerate(neurons)}
    _check_delays(net)
    number |= {op.value: number[op.source] for op in net.delays}
    delayed = np.array([isinstance(v.defining_op(), Delay) for op in ops for v in op.operands], bool)
    inputs = len(net.arguments)
    source: list[int] = []
    parameter: list[int] = []
    fan_in = [0] * inputs
    bias = [-1] * inputs
    aggregation = [0] * inputs
    table: dict[Activation, int] = {IDENTITY: 0}
    activation = [0] * inputs
    for op in ops:
        source += [number[value] for value in op.operands]
        fan_in.append(len(op.operands))
        if isinstance(op, Node):
            parameter += op.weights
            own = Activation(op.activation.value, None if op.parameter is None else op.parameter.value)
            how, index = op.aggregation.value, op.bias_index
        else:
            assert isinstance(op, Merge)
            parameter += [-1] * len(op.operands)
            own, how, index = IDENTITY, _MERGES[op.kind.value], None
        activation.append(table.setdefault(own, len(table)))
        aggregation.append(AGGREGATIONS.index(how))
        bias.append(-1 if index is None else index)
    graph = Graph(
        source=np.array(source, np.int64),
        target=np.repeat(np.arange(len(neurons)), fan_in),
        parameter=np.array(parameter, np.int64),
        bias=np.array(bias, np.int64),
        activations=tuple(table),
        activation=np.array(activation, np.int64),
        aggregation=np.array(aggregation, np.int64),
        is_input=np.arange(len(neurons)) < inputs,
        outputs=np.array([number[value] for value in net.outputs], np.int64),
        delayed=delayed if delayed.any() else None,
        parameter_count=net.parameter_count,
        name=symbol_name(net) or "net",
    )
    return graph, Naming.of(neurons).names


def _check_delays(net: Net) -> None:
    """Raise Error for delays that are no edges with a delay of one step, from 0 on."""
    for op in net.delays:
        if op.initial.value:
            fail(f"a delay starts at {op.initial.value:g}; in a graph delays start at 0", op.location)
        if isinstance(op.source.defining_op(), Delay):
            fail("a delay of a delay is no edge of a graph: put an identity neuron in between", op.location)
        if op.value in net.outputs:
            fail("an output is delayed, not an edge: put an identity neuron in between", op.location)


def _named(graph: Graph, names: list[str]) -> Graph:
    """The graph with these names: as numbers, if they are all numbers from 0 and in range, else as labels."""
    count = len(names)
    if not all(_NUMBERED.fullmatch(name) for name in names):
        return replace(graph, labels=tuple(names))
    number = np.array([int(name[1:], 16) if len(name) < 12 else count for name in names], np.int64)
    exact = not count or (number.max() < count and len(np.unique(number)) == count)
    if not exact or any(name != numbered_name(n, count) for name, n in zip(names, number.tolist(), strict=True)):
        return replace(graph, labels=tuple(names))
    if np.any(np.diff(number[graph.inputs]) < 0):  # the columns of the input would change places
        return replace(graph, labels=tuple(names))
    old = np.argsort(number)
    target = number[graph.target]
    edges = np.argsort(target, kind="stable")
    return replace(
        graph,
        source=number[graph.source[edges]],
        target=target[edges],
        parameter=graph.parameter[edges],
        delayed=None if graph.delayed is None else graph.delayed[edges],
        bias=graph.bias[old],
        activation=graph.activation[old],
        aggregation=graph.aggregation[old],
        is_input=graph.is_input[old],
        outputs=number[graph.outputs],
    )


def _with_parameters(graph: Graph, net: Net, values: np.ndarray | None) -> Graph:
    """The graph with start values, and with the names of parameters that do not follow from its edges."""
    start = values if values is not None else None if net.initial is None else net.initial.array
    initial = None if start is None else np.array(start, np.float64)
    if initial is not None and np.isnan(initial).all():
        initial = None
    names = parameter_names(net)
    if net.names is None:  # then a parameter that nothing uses has no name
        used = np.zeros(graph.parameter_count + 1, bool)
        used[graph.parameter] = used[graph.bias] = True
        names = [name if use else "" for name, use in zip(names, used.tolist(), strict=False)]
    given = _own_names(graph, names)
    if given and graph.labels is None:  # labels may look like numbers: then parameters are called after labels
        labelled = replace(graph, labels=tuple(graph.neuron_name(n) for n in range(graph.neuron_count)))
        if not _own_names(labelled, names):
            graph, given = labelled, {}
    return replace(graph, initial=initial, given_names=given)


def _own_names(graph: Graph, names: list[str]) -> dict[int, str]:
    """Those of the parameters' names that do not follow from the edges."""
    default = replace(graph, parameter=np.maximum(graph.parameter, 0)).default_parameter_names()
    return {k: name for k, (name, other) in enumerate(zip(names, default, strict=True)) if name and name != other}


def _without_constant_weights(graph: Graph, lossy: bool) -> Graph:
    """The graph with a parameter, 1 at first, for each edge whose weight is the constant 1."""
    constant = graph.parameter < 0
    count = int(constant.sum())
    if not count:
        return graph
    if not lossy:
        fail(
            f"net {graph.name} has {counted(count, 'edge')} whose weight is the constant 1; in a graph all weights are "
            "parameters. lossy=True (--lossy) makes parameters of them that are 1 at first"
        )
    parameter = graph.parameter.copy()
    parameter[constant] = graph.parameter_count + np.arange(count)
    initial = np.full(graph.parameter_count, np.nan) if graph.initial is None else graph.initial
    return replace(
        graph,
        parameter=parameter,
        parameter_count=graph.parameter_count + count,
        initial=np.append(initial, np.ones(count)),
    )
