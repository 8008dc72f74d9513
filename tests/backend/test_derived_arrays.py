"""Bound arrays that follow from others: who binds another graph gets its graph by source too."""

import numpy as np
import pytest

import irc
from irc.dialects.array.topology import transposed
from irc.frontends.activation import Activation
from irc.frontends.build import graph_to_module
from irc.frontends.graph import Graph
from irc.model import JOINT

GRAPH = ("offsets", "sources", "weights", "biases", "segments", "outputs")


def net_of(sources, targets):
    """A net of six neurons, two of them inputs, the last two outputs."""
    edges, neurons = len(sources), 6
    graph = Graph(
        source=np.array(sources),
        target=np.array(targets),
        parameter=np.arange(edges),
        bias=np.full(neurons, -1),
        activations=(Activation("tanh"),),
        activation=np.zeros(neurons, np.int64),
        aggregation=np.zeros(neurons, np.int64),
        is_input=np.arange(neurons) < 2,
        outputs=np.array([4, 5]),
        parameter_count=edges,
        initial=np.linspace(-1, 1, edges),
    )
    return irc.compile(graph_to_module(graph, form="dag"))


@pytest.mark.parametrize("samples", [1, 3, 70])
def test_gradients_of_a_graph_bound_later(samples):
    targets = [2, 2, 3, 3, 4, 4, 5, 5]
    first, other = net_of([0, 1, 1, 2, 0, 3, 2, 3], targets), net_of([0, 1, 0, 2, 2, 3, 1, 2], targets)
    rng = np.random.default_rng(samples)
    x, dy = rng.standard_normal((samples, 2), np.float32), rng.standard_normal((samples, 2), np.float32)
    kernel, wanted = first._kernel(JOINT), other._kernel(JOINT)
    rebound = kernel.function.bind({name: wanted.function.bound[name] for name in GRAPH})
    again = rebound.bind({})
    for function in (rebound, again):
        results = function.call(kernel.prepare((x, dy), other.params.flat))
        for found, right in zip(results, wanted.function.call(wanted.prepare((x, dy), other.params.flat)), strict=True):
            np.testing.assert_array_equal(found, right)
    # and the graph it came from still has its own
    assert not np.array_equal(kernel.function.bound["out_first"], rebound.bound["out_first"])


def test_transposed_against_a_plain_loop():
    rng = np.random.default_rng(0)
    inputs, rows = 4, 30
    counts = rng.integers(0, 5, rows)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    sources = np.concatenate([rng.integers(0, inputs + row, n) for row, n in enumerate(counts)]).astype(np.int64)
    weights = rng.integers(-1, 9, len(sources))
    first, targets, out_weights = transposed(offsets, sources, weights, inputs + rows)
    row_of = np.repeat(np.arange(rows), counts)
    for neuron in range(inputs + rows):
        edges = [e for e in range(len(sources)) if sources[e] == neuron]
        part = slice(first[neuron], first[neuron + 1])
        assert targets[part].tolist() == [inputs + row_of[e] for e in edges]
        assert out_weights[part].tolist() == [weights[e] for e in edges]


def test_transposed_of_nothing():
    first, targets, weights = transposed(np.zeros(1, int), np.zeros(0, int), np.zeros(0, int), 3)
    assert first.tolist() == [0, 0, 0, 0] and targets.size == weights.size == 0
