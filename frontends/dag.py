"""A graph as the arrays that ``neuron.dag`` and native code run on.

Neurons are renumbered: inputs first, then the others as rows, those of one kind side by side where that is possible.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from irc.dialects.array.kind import AGGREGATIONS, Kind
from irc.dialects.array.topology import Topology
from irc.dialects.neuron.rows import sort_rows
from irc.frontends.graph import Graph
from irc.ir.diagnostics import Diagnostics

SHOWN_DEAD = 20
"""Of so many neurons that reach no output the names are told."""


class DagData(NamedTuple):
    """``topology`` (int32, read-only) with the ``kinds`` that its segments number, in the order of their text.

    ``neurons``: the graph's number of each neuron, in the topology's order.
    """

    topology: Topology
    kinds: tuple[Kind, ...]
    neurons: np.ndarray


def dag_data(graph: Graph, without: np.ndarray | None = None) -> DagData:
    """The arrays of a graph; ``without``: neurons to leave out, none of which an other or an output needs.

    Raises :class:`irc.Error` for a cycle.
    """
    order = graph.topological_order
    computed = ~graph.is_input
    if without is not None and len(without):
        computed = computed.copy()
        computed[without] = False
    kinds, kind_of = _kinds(graph, np.flatnonzero(computed))
    rows, segments = sort_rows(order[computed[order]], kind_of, graph.source, graph.target)
    neurons = np.concatenate([graph.inputs, rows])
    number = np.zeros(graph.neuron_count, np.int64)
    number[neurons] = np.arange(len(neurons))
    fan_in = graph.fan_in[rows]
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(fan_in, out=offsets[1:])
    # The edges of row r are those of neuron rows[r]: begin of the neuron's edges, plus the place within them.
    edges = np.repeat(graph.offsets[rows] - offsets[:-1], fan_in) + np.arange(offsets[-1])
    arrays = (
        offsets,
        number[graph.source[edges]],
        graph.parameter[edges],
        graph.bias[rows],
        segments,
        number[graph.outputs],
    )
    topology = Topology(*(np.ascontiguousarray(a, np.int32) for a in arrays))
    for array in topology:
        array.flags.writeable = False
    return DagData(topology, kinds, neurons)


def dead_neurons(graph: Graph) -> np.ndarray:
    """The neurons, inputs apart, from which no output is reached: in topological order."""
    needed_by = np.bincount(graph.source, minlength=graph.neuron_count)
    needed_by[graph.outputs] += 1
    needed_by[graph.inputs] += 1  # an input stays: it is a column of the argument
    found = np.flatnonzero(needed_by == 0).tolist()
    if not found:
        return np.zeros(0, np.int64)
    left, offsets = needed_by.tolist(), graph.offsets.tolist()
    for neuron in found:  # it grows as neurons lose the last that needs them
        for source in graph.source[offsets[neuron] : offsets[neuron + 1]].tolist():
            left[source] -= 1
            if not left[source]:
                found.append(source)
    order = graph.topological_order
    return order[np.isin(order, found)]


def warn_of_dead(graph: Graph, dead: np.ndarray, diagnostics: Diagnostics, of: str = "") -> None:
    """Warn of neurons that do not run, by name: the first SHOWN_DEAD. ``of``: which graph, in words."""
    for neuron in dead[:SHOWN_DEAD].tolist():
        message = f"neuron {graph.neuron_name(neuron)}{of} reaches no output and is removed"
        diagnostics.warning(message, graph.neuron_location(neuron))
    if len(dead) > SHOWN_DEAD:
        diagnostics.warning(f"{len(dead) - SHOWN_DEAD} more neurons{of} reach no output and are removed")


def _kinds(graph: Graph, computed: np.ndarray) -> tuple[tuple[Kind, ...], np.ndarray]:
    """The kinds of neuron that occur, and each neuron's. Others than ``computed`` have one too, which nothing reads."""
    pairs = graph.activation * len(AGGREGATIONS) + graph.aggregation
    numbers = np.flatnonzero(np.bincount(pairs[computed]))
    found = {}
    for number in numbers.tolist():
        activation = graph.activations[number // len(AGGREGATIONS)]
        found[number] = Kind(activation.name, activation.parameter, AGGREGATIONS[number % len(AGGREGATIONS)])
    kinds = tuple(sorted(set(found.values()), key=str))
    place = np.zeros(int(pairs.max(initial=0)) + 1, np.int64)
    place[numbers] = [kinds.index(found[number]) for number in numbers.tolist()]
    return kinds, place[pairs]
