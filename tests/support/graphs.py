"""Graphs with everything that a graph can hold, and when two are the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from irc.dialects.array.kind import AGGREGATIONS
from irc.frontends.activation import PARAMETERS, Activation
from irc.frontends.graph import Graph

ODD = ("x y", 'a"b', "back\\slash", "two\nlines", "# %", "n00", "é€😀", "\u2028", "=", "a|b", "\0", "0:1,2", "--")
"""Labels that a text form could stumble over."""


def wild_graph(seed: int) -> Graph:
    """A random net, the same for a seed every time: neurons in no topological order, shared and unused parameters in
    any place, labels and names of every kind, weights given, open or both, constants, isolated neurons, repeated
    outputs, subnormal weights and -0.0.
    """
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 20))
    rank = rng.permutation(count)  # edges go up in rank
    is_input = (rank < rng.integers(0, count + 1)) | (rng.random(count) < 0.1)
    pairs = [(i, j) for j in range(count) if not is_input[j] for i in range(count) if rank[i] < rank[j]]
    kept = [pairs[k] for k in rng.permutation(len(pairs))[: int(rng.integers(0, 3 * count + 1))]]
    kept.sort(key=lambda pair: pair[1])  # stable: in-sets stay in random order
    source = np.array([i for i, _ in kept], np.int64)
    target = np.array([j for _, j in kept], np.int64)
    fan_in = np.bincount(target, minlength=count)
    biased = ~is_input & (rng.random(count) < 0.4)
    uses = len(kept) + int(biased.sum())
    total, numbers = uses, np.arange(uses)
    if rng.random() < 0.6:
        total = uses + int(rng.integers(0, 3))
        numbers = rng.integers(0, total, uses) if rng.random() < 0.5 else rng.permutation(total)[:uses]
    bias = np.full(count, -1)
    bias[biased] = numbers[len(kept) :]
    outputs = np.flatnonzero(np.bincount(source, minlength=count) == 0)
    if rng.random() < 0.5:
        outputs = rng.integers(0, count, int(rng.integers(1, 4)))
    activations = tuple(_activation(rng) for _ in range(3))
    labels = None
    if rng.random() < 0.5:
        labels = tuple(f"{ODD[int(rng.integers(len(ODD)))]}{k}" for k in range(count))
        labels = ODD[: min(count, len(ODD))] + labels[len(ODD) :] if rng.random() < 0.3 else labels
    named = rng.permutation(total)[: int(rng.integers(0, 4)) * int(rng.integers(0, 2))]
    return Graph(
        source=source,
        target=target,
        parameter=numbers[: len(kept)].astype(np.int64),
        bias=bias,
        activations=activations,
        activation=rng.integers(0, 3, count),
        aggregation=np.where(fan_in > 0, rng.integers(0, len(AGGREGATIONS), count) * (rng.random(count) < 0.4), 0),
        is_input=is_input,
        outputs=outputs.astype(np.int64),
        parameter_count=total,
        name=str(rng.choice(["net", "a b", 'q"', "ü"])),
        labels=labels,
        initial=_initial(rng, total),
        given_names={int(k): f"{ODD[int(rng.integers(10))]}.{k}" for k in named},
    )


def _activation(rng: np.random.Generator) -> Activation:
    name = str(rng.choice(list(PARAMETERS)))
    return Activation(name, None if PARAMETERS[name] is None else float(rng.normal()))


def _initial(rng: np.random.Generator, total: int) -> np.ndarray | None:
    """Start values: none, some or all; with numbers that are hard to print."""
    kind = int(rng.integers(3))
    if kind == 0 or not total:
        return None
    values = rng.normal(size=total) * 10.0 ** rng.integers(-30, 30, total)
    hard = (0.0, -0.0, 5e-324, 1.7976931348623157e308, 0.1, 1 / 3)
    values = np.where(rng.random(total) < 0.3, rng.choice(hard, total), values)
    return np.where(rng.random(total) < 0.4, np.nan, values) if kind == 1 else values


def facts(graph: Graph) -> dict:
    """All that a graph says, comparable; numbers to the last bit. What nothing reads (an input's function) and where it
    came from is left out.
    """
    computed = np.flatnonzero(~graph.is_input).tolist()
    start = np.full(graph.parameter_count, np.nan) if graph.initial is None else graph.initial
    return {
        "name": graph.name,
        "inputs": graph.inputs.tolist(),
        "edges": list(zip(graph.source.tolist(), graph.target.tolist(), graph.parameter.tolist(), strict=True)),
        "bias": graph.bias.tolist(),
        "activations": [graph.activation_of(n) for n in computed],
        "aggregations": [graph.aggregation_of(n) for n in computed],
        "outputs": graph.outputs.tolist(),
        "labels": graph.labels,
        "start": [None if np.isnan(v) else float(v).hex() for v in start],
        "names": graph.parameter_names,
    }


def plain(graph: Graph) -> Graph:
    """The graph without labels, start values, and names of parameters."""
    return replace(graph, labels=None, initial=None, given_names={})
