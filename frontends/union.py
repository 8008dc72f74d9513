"""Several graphs as one: side by side, reading the same inputs or each its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from irc.frontends.activation import Activation
from irc.frontends.graph import Graph
from irc.ir.diagnostics import Diagnostics


def union(graphs: Sequence[Graph], shared_inputs: bool) -> Graph:
    """One graph that holds all neurons, edges and parameters of ``graphs``, in their order.

    With ``shared_inputs`` input number k of every graph is one neuron, so all must have as many; otherwise the inputs
    stand one graph after the other. Outputs and parameters do, too: graph k has the next ``len(outputs)`` columns of
    the result and the next ``parameter_count`` entries of the flat vector. Raises :class:`irc.Error` for unequal
    numbers of inputs.
    """
    if shared_inputs:
        check_equal_inputs(graphs)
    inputs = len(graphs[0].inputs) if shared_inputs and graphs else sum(len(g.inputs) for g in graphs)
    table: dict[Activation, int] = {}
    numbers = _numbers(graphs, inputs, shared_inputs)
    count = inputs + sum(g.neuron_count - len(g.inputs) for g in graphs)
    parameters = np.cumsum([0, *(g.parameter_count for g in graphs)])
    bias = np.full(count, -1, np.int64)
    activation = np.zeros(count, np.int64)
    aggregation = np.zeros(count, np.int64)
    for graph, number, first in zip(graphs, numbers, parameters.tolist(), strict=False):
        bias[number] = np.where(graph.bias >= 0, graph.bias + first, -1)
        merged = np.array([table.setdefault(a, len(table)) for a in graph.activations], np.int64)
        activation[number] = merged[graph.activation]
        aggregation[number] = graph.aggregation
    is_input = np.arange(count) < inputs
    return Graph(
        source=_joined([number[g.source] for g, number in zip(graphs, numbers, strict=True)]),
        target=_joined([number[g.target] for g, number in zip(graphs, numbers, strict=True)]),
        parameter=_joined([g.parameter + first for g, first in zip(graphs, parameters.tolist(), strict=False)]),
        bias=bias,
        activations=tuple(table),
        activation=activation,
        aggregation=aggregation,
        is_input=is_input,
        outputs=_joined([number[g.outputs] for g, number in zip(graphs, numbers, strict=True)]),
        parameter_count=int(parameters[-1]),
        delayed=_delayed(graphs),
        name="population",
        initial=_initial(graphs),
    )


def _numbers(graphs: Sequence[Graph], inputs: int, shared: bool) -> list[np.ndarray]:
    """For each graph the new number of each of its neurons: inputs first, then the others graph by graph."""
    found = []
    next_input, next_neuron = 0, inputs
    for graph in graphs:
        number = np.empty(graph.neuron_count, np.int64)
        own, others = graph.inputs, np.flatnonzero(~graph.is_input)
        number[own] = np.arange(len(own)) + (0 if shared else next_input)
        number[others] = np.arange(len(others)) + next_neuron
        next_input += len(own)
        next_neuron += len(others)
        found.append(number)
    return found


def _delayed(graphs: Sequence[Graph]) -> np.ndarray | None:
    """Which edges are delayed; None: no edge of any graph."""
    if all(g.delayed is None for g in graphs):
        return None
    return np.concatenate([np.zeros(g.edge_count, bool) if g.delayed is None else g.delayed for g in graphs])


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _initial(graphs: Sequence[Graph]) -> np.ndarray | None:
    """The start values of all; NaN where they are to be drawn."""
    if all(g.initial is None for g in graphs):
        return None
    return np.concatenate([np.full(g.parameter_count, np.nan) if g.initial is None else g.initial for g in graphs])


def check_equal_inputs(graphs: Sequence[Graph]) -> None:
    """Raise :class:`irc.Error` for graphs that cannot share their inputs."""
    diagnostics = Diagnostics()
    for number, graph in enumerate(graphs):
        wanted = len(graphs[0].inputs)
        if len(graph.inputs) != wanted:
            diagnostics.error(
                f"graph {number} ({graph.name}) has {len(graph.inputs)} inputs, "
                f"graph 0 ({graphs[0].name}) has {wanted}; "
                "to give each net inputs of its own, use inputs='separate'"
            )
    diagnostics.raise_errors()
