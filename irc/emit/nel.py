"""Writes ``.nel`` (see ``irc.frontends.nel``), which reads back as the same graph, to the last bit of each number.

What follows from the rest is left out: a net that a plain list of edges can say is one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import numpy as np

from irc.dialects.array.kind import AGGREGATIONS
from irc.frontends.graph import Graph
from irc.frontends.losses import edge_values, uses_of


def nel(graph: Graph) -> str:
    """The graph as text. It holds everything but the places in the text that the graph came from."""
    return "".join(f"{line}\n" for part in (_head, _neurons, _edges, _parameters) for line in part(graph))


def _head(graph: Graph) -> Iterator[str]:
    def numbers(neurons: np.ndarray) -> str:
        return ",".join(f"{neuron:0{graph.digits}x}" for neuron in neurons.tolist())

    yield f"N {graph.neuron_count:0{graph.digits}x}"
    yield f"net {_string(graph.name)}"
    if np.any(~graph.is_input & (graph.fan_in == 0) & (graph.bias < 0)):
        yield f"inputs {numbers(graph.inputs)}".rstrip()  # else these constants need a warning when they are read
    if not np.array_equal(graph.outputs, graph.sinks):
        yield f"outputs {numbers(graph.outputs)}"


def _neurons(graph: Graph) -> Iterator[str]:
    """The function of each computed neuron, and what else there is to say about it; labels of all."""
    functions = [str(activation) for activation in graph.activations]
    values = _known(graph)
    numbered = _numbered(graph)
    columns = (graph.is_input, graph.activation, graph.aggregation, graph.bias)
    for neuron, (is_input, function, aggregation, bias) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
        parts = []
        if not is_input:
            parts.append(functions[function])
            if aggregation:
                parts.append(f"agg={AGGREGATIONS[aggregation]}")
            if bias >= 0:
                parts.append("bias" if math.isnan(values[bias]) else f"bias={values[bias]!r}")
                if numbered:
                    parts.append(f"pb={bias:x}")
        if graph.labels is not None:
            parts.append(f"label={_string(graph.labels[neuron])}")
        if parts:
            yield f"{neuron:0{graph.digits}x} : {' '.join(parts)}"


def _edges(graph: Graph) -> Iterator[str]:
    names = [f"{neuron:0{graph.digits}x}" for neuron in range(graph.neuron_count)]
    source, target = graph.source.tolist(), graph.target.tolist()
    values = edge_values(graph).tolist()
    weights = ["" if value != value else f" w={value!r}" for value in values]
    numbers = [f" p={p:x}" for p in graph.parameter.tolist()] if _numbered(graph) else [""] * len(source)
    late = np.zeros(len(source), bool) if graph.delayed is None else graph.delayed
    delays = [" delay=1" if delayed else "" for delayed in late.tolist()]
    for i, j, weight, number, delay in zip(source, target, weights, numbers, delays, strict=True):
        yield f"{names[i]} {names[j]}{weight}{number}{delay}"


def _parameters(graph: Graph) -> Iterator[str]:
    """Names that were given, and parameters that nothing uses."""
    used = np.zeros(graph.parameter_count, bool)
    used[uses_of(graph)] = True
    values = _known(graph)
    for parameter in sorted({*graph.given_names, *np.flatnonzero(~used).tolist()}):
        value, name = values[parameter], graph.given_names.get(parameter)
        stated = "" if used[parameter] or math.isnan(value) else f" w={value!r}"
        yield f"param {parameter:x}{stated}" + ("" if name is None else f" name={_string(name)}")


def _numbered(graph: Graph) -> bool:
    """Whether parameters need numbers: they are not simply one for each edge, then one for each bias."""
    uses = uses_of(graph)
    return len(uses) != graph.parameter_count or not np.array_equal(uses, np.arange(len(uses)))


def _known(graph: Graph) -> list[float]:
    """The start values, NaN where they are to be drawn."""
    return [math.nan] * graph.parameter_count if graph.initial is None else graph.initial.tolist()


def _string(text: str) -> str:
    """A JSON string; everything that cannot be printed is escaped."""
    return json.dumps(text, ensure_ascii=not text.isprintable())
