"""From a graph to IR: a module with one ``neuron.net``.

Small nets become a ``neuron.node`` for each neuron, which a person can read; large ones one ``neuron.dag``, built
from the graph's arrays without a Python object for each edge.
"""

from __future__ import annotations

import numpy as np

from irc.dialects.array.kind import AGGREGATIONS, Kind
from irc.dialects.array.topology import Topology
from irc.dialects.builtin import ModuleOp
from irc.dialects.neuron import Dag, Net, Node, Output, parameter_names
from irc.dialects.neuron.names import Naming
from irc.dialects.neuron.rows import sort_rows
from irc.frontends.graph import Graph
from irc.ir.attributes import ArrayAttr, DenseAttr
from irc.ir.builder import Builder
from irc.ir.diagnostics import fail
from irc.ir.operation import Value
from irc.ir.types import ScalarType, TensorType, Type, f32

NODE_LIMIT = 1000
"""Nets with more edges than this become one ``neuron.dag``."""


def graph_to_module(graph: Graph, form: str = "auto", dtype: Type = f32) -> ModuleOp:
    """A module that holds the graph as ``neuron.net``, named as the graph is.

    ``form``: ``nodes``, ``dag``, or ``auto``: nodes up to NODE_LIMIT edges. ``dtype``: f32 or f64. Every neuron has its
    name and place in the source as location. Raises :class:`irc.Error` for a cycle.
    """
    if form not in ("nodes", "dag", "auto"):
        raise ValueError(f"form must be nodes, dag or auto, not {form!r}")
    order = graph.topological_order
    small = graph.edge_count <= NODE_LIMIT and graph.neuron_count <= NODE_LIMIT
    net = _net(graph, dtype)
    if form == "nodes" or (form == "auto" and small):
        _add_nodes(graph, net, order, dtype)
    else:
        _add_dag(graph, net, order, dtype)
    if not _names_follow(graph) and parameter_names(net) != list(graph.parameter_names):
        net.names = ArrayAttr(graph.parameter_names)
    return ModuleOp.of([net], net.location)


def _names_follow(graph: Graph) -> bool:
    """Whether it is plain that the parameters' names are those that :func:`parameter_names` finds without a list.

    To compare a hundred thousand names takes longer than to make all the rest of the net.
    """
    plain = graph.labels is None and not graph.given_names
    return plain and np.array_equal(graph.parameter, np.arange(graph.edge_count))


def _net(graph: Graph, dtype: Type) -> Net:
    arguments = [(graph.neuron_name(i), dtype, graph.neuron_location(i)) for i in graph.inputs.tolist()]
    initial = None
    if graph.initial is not None:
        _check_range(graph, dtype)
        initial = DenseAttr(graph.initial, TensorType([graph.parameter_count], dtype))
    return Net.of(
        graph.name,
        arguments,
        [dtype] * len(graph.outputs),
        graph.parameter_count,
        initial=initial,
    )


def _check_range(graph: Graph, dtype: Type) -> None:
    """Raise :class:`irc.Error` for weights that ``dtype`` cannot hold: they would become infinite."""
    assert isinstance(dtype, ScalarType) and graph.initial is not None
    largest = np.finfo(dtype.storage).max
    for number in np.flatnonzero(np.abs(graph.initial) > largest)[:1]:
        name, value = graph.parameter_names[number], graph.initial[number]
        fail(f"parameter {name} is {value:g}, which {dtype} cannot hold (up to {largest:g}); use dtype='float64'")


def _add_nodes(graph: Graph, net: Net, order: np.ndarray, dtype: Type) -> None:
    values: dict[int, Value] = dict(zip(graph.inputs.tolist(), net.arguments, strict=True))
    builder = Builder.at_end(net.block)
    offsets = graph.offsets
    for neuron in order.tolist():
        if neuron in values:
            continue
        edges = slice(offsets[neuron], offsets[neuron + 1])
        activation, bias = graph.activation_of(neuron), int(graph.bias[neuron])
        with builder.located(graph.neuron_location(neuron)):
            values[neuron] = Node.of(
                builder,
                activation.name,
                [values[source] for source in graph.source[edges].tolist()],
                graph.parameter[edges].tolist(),
                type=dtype,
                parameter=activation.parameter,
                aggregation=graph.aggregation_of(neuron),
                bias=bias if bias >= 0 else None,
                name=graph.neuron_name(neuron),
            )
    builder.create(Output, [values[neuron] for neuron in graph.outputs.tolist()])


def _add_dag(graph: Graph, net: Net, order: np.ndarray, dtype: Type) -> None:
    """Renumber: inputs first, then the other neurons as rows, those of one kind side by side where that is possible."""
    rows = order[~graph.is_input[order]]
    kinds, kind_of = _kinds(graph)
    rows, segments = sort_rows(rows, kind_of, graph.source, graph.target)
    number = np.empty(graph.neuron_count, np.int64)
    numbered = np.concatenate([graph.inputs, rows])
    number[numbered] = np.arange(graph.neuron_count)
    fan_in = graph.fan_in[rows]
    offsets = np.concatenate([[0], np.cumsum(fan_in)])
    # The edges of row r are those of neuron rows[r]: begin of the neuron's edges, plus the place within them.
    edges = np.repeat(graph.offsets[rows] - offsets[:-1], fan_in) + np.arange(len(graph.source))
    topology = Topology(
        offsets, number[graph.source[edges]], graph.parameter[edges], graph.bias[rows], segments, number[graph.outputs]
    )
    attributes: dict = {**Dag.graph_attributes(topology), "kinds": ArrayAttr(kinds)}
    names = [graph.neuron_name(neuron) for neuron in numbered.tolist()]
    if names != Naming([None] * len(names)).names:
        attributes["labels"] = ArrayAttr(names)
    builder = Builder.at_end(net.block, net.location)
    dag = builder.create(Dag, net.arguments, result_types=[dtype] * len(graph.outputs), **attributes)
    for result, neuron in zip(dag.results, graph.outputs.tolist(), strict=True):
        result.name_hint = graph.neuron_name(neuron)
    builder.create(Output, dag.results)


def _kinds(graph: Graph) -> tuple[list[Kind], np.ndarray]:
    """The kinds of neuron that occur, and each neuron's (inputs have one too, which nothing reads)."""
    pairs = graph.activation * len(AGGREGATIONS) + graph.aggregation
    computed = np.flatnonzero(~graph.is_input)
    used, first = np.unique(pairs[computed], return_index=True)
    used = used[np.argsort(first)]
    kinds = []
    for pair in used.tolist():
        activation = graph.activations[pair // len(AGGREGATIONS)]
        kinds.append(Kind(activation.name, activation.parameter, AGGREGATIONS[pair % len(AGGREGATIONS)]))
    place = np.zeros(int(pairs.max(initial=0)) + 1, np.int64)
    place[used] = np.arange(len(used))
    return kinds, place[pairs]
