"""Random graphs of any size with everything that a graph of neurons can hold, and numbers that suit them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from irc.dialects.array.kind import AGGREGATIONS
from irc.frontends.activation import Activation
from irc.frontends.graph import Graph

Kinds = Sequence[tuple[str, str]]
"""Activation and aggregation of each kind of neuron."""

AWAY_FROM_ZERO = frozenset({"neat_inv", "neat_log"})
"""Activations that are steep near 0: their neurons have a bias of their own, of 2."""

STEEP = AWAY_FROM_ZERO | {"neat_exp", "neat_square", "neat_cube", "neat_sin", "neat_tanh", "neat_gauss"}
"""Activations that are steeper than 1 or grow faster than their argument: their neurons get small weights."""


def irregular_graph(seed: int, kinds: Kinds, neurons: int, fan_in: int = 5, inputs: int | None = None) -> Graph:
    """A random graph of so many neurons: skip edges, in-sets in any order, shared and unused parameters, biases,
    constants, dead neurons, outputs that are inputs, inner neurons or stand twice; one in four is not numbered in
    topological order. Its first neurons are of each kind in turn, so that equal ``kinds`` give equal code.
    """
    rng = np.random.default_rng(seed)
    inputs = inputs or int(rng.integers(1, max(2, min(neurons // 3, 40))))
    computed = neurons - inputs
    kind = np.concatenate([np.arange(len(kinds)), rng.integers(0, len(kinds), computed)])[:computed]
    how = np.array([AGGREGATIONS.index(aggregation) for _, aggregation in kinds])
    source, target = _edges(rng, inputs, computed, fan_in, may_be_constant=how[kind] == 0)
    own_bias = np.array([name in AWAY_FROM_ZERO for name, _ in kinds])[kind]
    biased = own_bias | (rng.random(computed) < 0.4)
    uses = len(source) + int(biased.sum())
    number = np.arange(uses)
    if uses and rng.random() < 0.7:
        shared = rng.random(uses) < 0.2
        shared[len(source) :] &= ~own_bias[biased]
        free = np.concatenate([np.arange(len(source)), len(source) + np.flatnonzero(~own_bias[biased])])
        number[shared] = rng.choice(free, int(shared.sum()))  # numbers that nothing has any more stay unused
    bias = np.full(neurons, -1)
    bias[inputs + np.flatnonzero(biased)] = number[len(source) :]
    table = [Activation.parse(name) for name, _ in kinds]
    outputs = np.flatnonzero(np.bincount(source, minlength=neurons) == 0)
    if rng.random() < 0.3:
        outputs = np.append(rng.integers(0, neurons, int(rng.integers(0, 6))), neurons - 1)
    graph = Graph(
        source=source,
        target=target,
        parameter=number[: len(source)],
        bias=bias,
        activations=tuple(table),
        activation=np.concatenate([np.zeros(inputs, np.int64), kind]),
        aggregation=np.concatenate([np.zeros(inputs, np.int64), how[kind]]),
        is_input=np.arange(neurons) < inputs,
        outputs=outputs,
        parameter_count=uses,
        name=f"irregular{seed}",
    )
    return graph if rng.random() < 0.75 else renumbered(graph, _numbering(rng, inputs, computed, len(kinds)))


def _numbering(rng: np.random.Generator, inputs: int, computed: int, kinds: int) -> np.ndarray:
    """New numbers for all neurons; those of the first computed ones, one of each kind, stay before all others'."""
    number = rng.permutation(inputs + computed)
    later = number[inputs:]
    first = min(kinds, computed)
    number[inputs:] = np.concatenate([np.sort(later)[:first], rng.permutation(np.sort(later)[first:])])
    return number


def _edges(
    rng: np.random.Generator, inputs: int, computed: int, fan_in: int, may_be_constant: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Edges from earlier to later neurons, none twice, by target; a few constants where these are allowed."""
    wanted = rng.integers(1, fan_in + 1, computed)
    wanted[may_be_constant & (rng.random(computed) < 0.05)] = 0
    target = np.repeat(np.arange(inputs, inputs + computed), wanted)
    source = (rng.random(len(target)) * target).astype(np.int64)
    pairs = np.unique(np.stack([target, source]), axis=1)
    order = np.lexsort((rng.random(pairs.shape[1]), pairs[0]))  # by target, in-sets in any order
    return pairs[1][order], pairs[0][order]


def blocky_graph(seed: int, width: int = 20) -> Graph:
    """Irregular neurons, a dense block of ``width`` x ``width`` edges that reads all inputs, another that reads this
    one, and neurons that mix them all.
    """
    rng = np.random.default_rng(seed)
    graph = irregular_graph(seed, [("tanh", "sum"), ("sigmoid", "mean"), ("relu", "max")], 5 * width, inputs=width)
    pairs = [np.stack([graph.source, graph.target])]
    below, count = graph.inputs, graph.neuron_count
    for _ in range(2):
        block = count + np.arange(width)
        pairs.append(np.stack([np.tile(below, width), np.repeat(block, width)]))
        mixed = count + width + np.arange(10)
        pairs.append(np.stack([rng.integers(0, count + width, 10), mixed]))
        below, count = block, count + width + 10
    source, target = np.concatenate(pairs, axis=1)
    added = count - graph.neuron_count
    return replace(
        graph,
        source=source,
        target=target,
        parameter=np.arange(len(source)),
        bias=np.full(count, -1),
        activation=np.append(graph.activation, np.zeros(added, np.int64)),
        aggregation=np.append(graph.aggregation, np.zeros(added, np.int64)),
        is_input=np.append(graph.is_input, np.zeros(added, bool)),
        outputs=np.flatnonzero(np.bincount(source, minlength=count) == 0),
        parameter_count=len(source),
    )


def renumbered(graph: Graph, number: np.ndarray) -> Graph:
    """The same graph with ``number[n]`` as the number of neuron ``n``."""
    order = np.argsort(number[graph.target], kind="stable")
    old = np.argsort(number)
    return Graph(
        source=number[graph.source][order],
        target=number[graph.target][order],
        parameter=graph.parameter[order],
        bias=graph.bias[old],
        activations=graph.activations,
        activation=graph.activation[old],
        aggregation=graph.aggregation[old],
        is_input=graph.is_input[old],
        outputs=number[graph.outputs],
        parameter_count=graph.parameter_count,
        name=graph.name,
    )


def suitable_parameters(graph: Graph, seed: int) -> np.ndarray:
    """Parameters of float32 that keep the neurons' numbers of moderate size, however deep the graph is."""
    rng = np.random.default_rng([seed, 1])
    w = rng.uniform(-1, 1, graph.parameter_count)
    fan_in = np.bincount(graph.target, minlength=graph.neuron_count)
    scale = np.ones(graph.parameter_count)
    steep = np.array([a.name in STEEP for a in graph.activations])[graph.activation]
    limit = np.where(steep, 0.3 / np.maximum(fan_in, 1), 1.2 / np.sqrt(np.maximum(fan_in, 1)))
    np.minimum.at(scale, graph.parameter, limit[graph.target])
    w *= scale
    away = np.array([a.name in AWAY_FROM_ZERO for a in graph.activations])[graph.activation] & ~graph.is_input
    w[graph.bias[away]] = 2.0
    return w.astype(np.float32)
