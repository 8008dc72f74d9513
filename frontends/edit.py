"""Changing a graph: neurons and edges come and go, everything else keeps its name and its start value.

A graph is not changed in place; each function gives a new one. Names are what connects the two: neurons keep the
names they had (a removed one does not make others slide up), and so do parameters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from irc.dialects.array.kind import AGGREGATIONS
from irc.frontends.activation import Activation
from irc.frontends.graph import Graph
from irc.ir.diagnostics import Diagnostics, fail

_NUMBERED = re.compile(r"n[0-9a-f]{2,}")


def named(graph: Graph) -> Graph:
    """The graph with the names of its neurons and parameters written down, so that they survive changes."""
    labels = tuple(graph.neuron_name(neuron) for neuron in range(graph.neuron_count))
    names = dict(enumerate(graph.parameter_names))
    return replace(graph, labels=labels, given_names=names, origin=None, neuron_offsets=None, edge_offsets=None)


def add_neuron(
    graph: Graph,
    name: str,
    activation: Any = "identity",
    aggregation: str = "sum",
    bias: float | None = None,
    sources: Mapping[str, float | None] | None = None,
    targets: Mapping[str, float | None] | None = None,
) -> Graph:
    """A graph with one more neuron: its in-edges come from ``sources``, its out-edges go to ``targets``.

    Both map names of neurons to weights; None leaves a weight to be drawn, and ``bias`` likewise may be NaN. Raises
    :class:`irc.Error` for a name that is taken or unknown, and for what makes the graph no net (a cycle).
    """
    old = named(graph)
    assert old.labels is not None
    if name in old.labels:
        fail(f"there is a neuron {name} already")
    if aggregation not in AGGREGATIONS:
        fail(f"unknown aggregation {aggregation!r}; known are: {' '.join(AGGREGATIONS)}")
    table = list(old.activations)
    chosen = Activation.parse(activation)
    if chosen not in table:
        table.append(chosen)
    count = old.parameter_count
    with_neuron = replace(
        old,
        labels=(*old.labels, name),
        activations=tuple(table),
        activation=np.append(old.activation, table.index(chosen)),
        aggregation=np.append(old.aggregation, AGGREGATIONS.index(aggregation)),
        is_input=np.append(old.is_input, False),
        bias=np.append(old.bias, -1 if bias is None else count),
    )
    if bias is not None:
        with_neuron = _with_parameter(with_neuron, _bias_name(name), bias)
    edges = [(s, name, w) for s, w in (sources or {}).items()] + [(name, t, w) for t, w in (targets or {}).items()]
    for source, target, weight in edges:
        with_neuron = _with_edge(with_neuron, source, target, weight)
    return _checked(with_neuron)


def remove_neuron(graph: Graph, name: str) -> Graph:
    """A graph without a neuron, its edges, and the parameters that only they used.

    Raises :class:`irc.Error` for an unknown name and for an output.
    """
    old = named(graph)
    number = _find(old, name)
    if number in old.outputs.tolist():
        fail(f"neuron {name} is an output; choose other outputs first")
    kept = np.arange(old.neuron_count) != number
    moved = np.cumsum(kept) - 1
    edges = (old.source != number) & (old.target != number)
    assert old.labels is not None
    return _without_unused(
        replace(
            old,
            source=moved[old.source[edges]],
            target=moved[old.target[edges]],
            parameter=old.parameter[edges],
            delayed=None if old.delayed is None else old.delayed[edges],
            bias=old.bias[kept],
            activation=old.activation[kept],
            aggregation=old.aggregation[kept],
            is_input=old.is_input[kept],
            outputs=moved[old.outputs],
            labels=tuple(label for label, stays in zip(old.labels, kept.tolist(), strict=True) if stays),
        )
    )


def add_edge(graph: Graph, source: str, target: str, weight: float | None = None, delayed: bool = False) -> Graph:
    """A graph with one more edge, last in its target's in-set; None leaves the weight to be drawn.

    ``delayed``: it carries the value of the step before, so that it may close a cycle. Raises :class:`irc.Error` for an
    unknown name, an edge that exists, one into an input, and one that closes a cycle.
    """
    return _checked(_with_edge(named(graph), source, target, weight, delayed))


def remove_edge(graph: Graph, source: str, target: str) -> Graph:
    """A graph without an edge. Raises :class:`irc.Error` if there is none."""
    old = named(graph)
    i, j = _find(old, source), _find(old, target)
    edges = (old.source != i) | (old.target != j)
    if edges.all():
        fail(f"there is no edge {source} -> {target}")
    return _without_unused(
        replace(
            old,
            source=old.source[edges],
            target=old.target[edges],
            parameter=old.parameter[edges],
            delayed=None if old.delayed is None else old.delayed[edges],
        )
    )


def _find(graph: Graph, name: str) -> int:
    assert graph.labels is not None
    if name not in graph.labels:
        fail(f"there is no neuron {name!r}")
    return graph.labels.index(name)


def _with_edge(graph: Graph, source: str, target: str, weight: float | None, delayed: bool = False) -> Graph:
    i, j = _find(graph, source), _find(graph, target)
    at = int(np.searchsorted(graph.target, j, side="right"))  # edges are sorted by target
    count = graph.parameter_count
    grown = _with_parameter(graph, _weight_name(source, target), float("nan") if weight is None else weight)
    marks = np.zeros(graph.edge_count, bool) if graph.delayed is None else graph.delayed
    return replace(
        grown,
        delayed=None if graph.delayed is None and not delayed else np.insert(marks, at, delayed),
        source=np.insert(graph.source, at, i),
        target=np.insert(graph.target, at, j),
        parameter=np.insert(graph.parameter, at, count),
    )


def _with_parameter(graph: Graph, name: str, value: float) -> Graph:
    """One more parameter, at the end of the flat vector; its name gets a number behind it if it is taken."""
    taken, candidate, copy = set(graph.given_names.values()), name, 1
    while candidate in taken:
        copy += 1
        candidate = f"{name}_{copy}"
    count = graph.parameter_count
    start = np.full(count, np.nan) if graph.initial is None else graph.initial
    return replace(
        graph,
        parameter_count=count + 1,
        initial=np.append(start, value),
        given_names={**graph.given_names, count: candidate},
    )


def _without_unused(graph: Graph) -> Graph:
    """The graph without the parameters that nothing uses any more."""
    used = np.zeros(graph.parameter_count, bool)
    used[graph.parameter] = True
    used[graph.bias[graph.bias >= 0]] = True
    moved = np.append(np.cumsum(used) - 1, -1)  # the last entry is where -1, no bias, points
    return replace(
        graph,
        parameter=moved[graph.parameter],
        bias=moved[graph.bias],
        parameter_count=int(used.sum()),
        initial=None if graph.initial is None else graph.initial[used],
        given_names={int(moved[p]): name for p, name in graph.given_names.items() if used[p]},
    )


def _checked(graph: Graph) -> Graph:
    """The graph, if it is a net. A new neuron without in-edges is a constant, not an input."""
    diagnostics = Diagnostics()
    graph.validate(diagnostics)
    diagnostics.raise_errors()
    return graph


def _weight_name(source: str, target: str) -> str:
    numbered = _NUMBERED.fullmatch(source) and _NUMBERED.fullmatch(target)
    return f"w{source[1:]}{target[1:]}" if numbered else f"w_{source}_{target}"


def _bias_name(name: str) -> str:
    return f"b{name[1:]}" if _NUMBERED.fullmatch(name) else f"b_{name}"
