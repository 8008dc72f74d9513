"""From a graph to IR: a module with one ``neuron.net``.

Small nets become a ``neuron.node`` for each neuron, which a person can read; large ones one ``neuron.dag``, built
from the graph's arrays without a Python object for each edge.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from irc.dialects.builtin import ModuleOp
from irc.dialects.neuron import Dag, Delay, Net, Node, Output, parameter_names
from irc.dialects.neuron.names import Naming
from irc.frontends.dag import dag_data
from irc.frontends.graph import Graph
from irc.ir.attributes import ArrayAttr, DenseAttr
from irc.ir.builder import Builder
from irc.ir.diagnostics import fail
from irc.ir.locations import NameLocation
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
    small = graph.edge_count <= NODE_LIMIT and graph.neuron_count <= NODE_LIMIT
    net = _net(graph, dtype)
    if form == "nodes" or (form == "auto" and small):
        _add_nodes(graph, net, dtype)
    else:
        _add_dag(graph, net, dtype)
    if not _names_follow(graph) and parameter_names(net) != list(graph.parameter_names):
        net.names = ArrayAttr(graph.parameter_names)
    return ModuleOp.of([net], net.location)


def _names_follow(graph: Graph) -> bool:
    """Whether it is plain that the parameters' names are those that :func:`parameter_names` finds without a list.

    To compare a hundred thousand names takes longer than to make all the rest of the net.
    """
    plain = graph.labels is None and not graph.given_names and not graph.has_delays
    return plain and np.array_equal(graph.parameter, np.arange(graph.edge_count))


def _net(graph: Graph, dtype: Type) -> Net:
    arguments = [(graph.neuron_name(i), dtype, graph.neuron_location(i)) for i in graph.inputs.tolist()]
    initial = None
    if graph.initial is not None:
        check_range(graph, dtype)
        initial = DenseAttr(graph.initial, TensorType([graph.parameter_count], dtype))
    return Net.of(
        graph.name,
        arguments,
        [dtype] * len(graph.outputs),
        graph.parameter_count,
        initial=initial,
    )


def check_range(graph: Graph, dtype: Type) -> None:
    """Raise :class:`irc.Error` for weights that ``dtype`` cannot hold: they would become infinite."""
    assert isinstance(dtype, ScalarType) and graph.initial is not None
    largest = np.finfo(dtype.storage).max
    for number in np.flatnonzero(np.abs(graph.initial) > largest)[:1]:
        name, value = graph.parameter_names[number], graph.initial[number]
        fail(f"parameter {name} is {value:g}, which {dtype} cannot hold (up to {largest:g}); use dtype='float64'")


def step_graph(graph: Graph) -> tuple[Graph, np.ndarray]:
    """One step of a net with delayed edges, and the neurons whose values it hands to the next step, ascending.

    The step has an input more for each of them, behind all neurons: its value of the step before. They are outputs,
    too, behind the others. A graph without delayed edges is its own step.
    """
    if graph.delayed is None:
        return graph, np.zeros(0, np.int64)
    kept = np.unique(graph.source[graph.delayed])
    before = graph.neuron_count + np.searchsorted(kept, graph.source)
    none = np.zeros(len(kept), np.int64)
    step = replace(
        graph,
        source=np.where(graph.delayed, before, graph.source),
        delayed=None,
        bias=np.concatenate([graph.bias, none - 1]),
        activation=np.concatenate([graph.activation, none]),
        aggregation=np.concatenate([graph.aggregation, none]),
        is_input=np.concatenate([graph.is_input, none == 0]),
        outputs=np.concatenate([graph.outputs, kept]),
        labels=None,
    )
    return step, kept


def _add_nodes(graph: Graph, net: Net, dtype: Type) -> None:
    step, kept = step_graph(graph)
    builder = Builder.at_end(net.block)
    delays = [_delay(builder, graph, neuron, dtype) for neuron in kept.tolist()]
    given = [*net.arguments, *(delay.value for delay in delays)]
    values: dict[int, Value] = dict(zip(step.inputs.tolist(), given, strict=True))
    offsets = graph.offsets
    for neuron in graph.topological_order.tolist():
        if neuron in values:
            continue
        edges = slice(offsets[neuron], offsets[neuron + 1])
        activation, bias = graph.activation_of(neuron), int(graph.bias[neuron])
        with builder.located(graph.neuron_location(neuron)):
            values[neuron] = Node.of(
                builder,
                activation.name,
                [values[source] for source in step.source[edges].tolist()],
                graph.parameter[edges].tolist(),
                type=dtype,
                parameter=activation.parameter,
                aggregation=graph.aggregation_of(neuron),
                bias=bias if bias >= 0 else None,
                name=graph.neuron_name(neuron),
            )
    for delay, neuron in zip(delays, kept.tolist(), strict=True):
        delay.operands = [values[neuron]]
    builder.create(Output, [values[neuron] for neuron in graph.outputs.tolist()])


def _delay(builder: Builder, graph: Graph, neuron: int, type: Type) -> Delay:
    """A delay of a value that is yet to come: for now it delays an argument."""
    assert builder.block is not None
    name = _before(graph, neuron)
    place = NameLocation(name, graph.neuron_location(neuron).child)
    delay = builder.insert(Delay(builder.block.arguments[:1], [type], location=place))
    delay.value.name_hint = name
    return delay


def _before(graph: Graph, neuron: int) -> str:
    """What the value of the step before is called."""
    return f"{graph.neuron_name(neuron)}_before"


def _add_dag(graph: Graph, net: Net, dtype: Type) -> None:
    step, kept = step_graph(graph)
    data = dag_data(step)
    attributes: dict = {**Dag.graph_attributes(data.topology), "kinds": ArrayAttr(data.kinds)}
    count = graph.neuron_count
    names = [
        graph.neuron_name(neuron) if neuron < count else _before(graph, int(kept[neuron - count]))
        for neuron in data.neurons.tolist()
    ]
    if names != Naming([None] * len(names)).names:
        attributes["labels"] = ArrayAttr(names)
    builder = Builder.at_end(net.block, net.location)
    state = [TensorType([len(kept)], dtype)] if len(kept) else []
    delays = [builder.insert(Delay(net.arguments[:1], [type], location=net.location)) for type in state]
    inputs = [*net.arguments, *(delay.value for delay in delays)]
    dag = builder.create(Dag, inputs, result_types=[dtype] * len(graph.outputs) + state, **attributes)
    for result, neuron in zip(dag.results, graph.outputs.tolist(), strict=False):
        result.name_hint = graph.neuron_name(neuron)
    for delay in delays:
        delay.operands = dag.results[-1:]
        delay.value.name_hint, dag.results[-1].name_hint = "before", "state"
    builder.create(Output, dag.results[: len(graph.outputs)])
