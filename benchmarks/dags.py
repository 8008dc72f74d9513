"""Random irregular nets for benchmarks, and what they compute, in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from irc.frontends.activation import Activation
from irc.frontends.graph import Graph

CHECKED = 64
"""Batches hold so many different samples, over and over, so that float64 need not compute more of them."""


@dataclass(frozen=True)
class Dag:
    """A net of tanh neurons without biases. Neurons are numbered by depth, inputs first.

    ``source``, ``target``, ``weights``: by edge, sorted by target, then source. ``offsets``: the edges into neuron
    ``j`` are ``offsets[j]`` up to ``offsets[j + 1]``. ``levels``: the first neuron of each depth, then the number of
    neurons. ``outputs``: neurons.
    """

    neurons: int
    inputs: int
    source: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray
    levels: np.ndarray
    outputs: np.ndarray

    def graph(self) -> Graph:
        """The net as our frontends hold it."""
        return Graph.from_edges(
            self.neurons,
            self.source,
            self.target,
            activations=(Activation("tanh"),),
            activation=np.zeros(self.neurons, np.int64),
            is_input=np.arange(self.neurons) < self.inputs,
            values=self.weights,
        ).with_outputs(self.outputs.tolist())

    def layers(self) -> list[tuple[slice, slice]]:
        """For each depth from one on: its neurons, and the edges into them."""
        bounds = zip(self.levels[1:-1].tolist(), self.levels[2:].tolist(), strict=True)
        return [(slice(a, b), slice(int(self.offsets[a]), int(self.offsets[b]))) for a, b in bounds]


def random_dag(edges: int, seed: int = 0) -> Dag:
    """A tenth as many neurons as edges (more, where edges are few), sources drawn from all neurons before the target.

    Every neuron has an edge into it, and one out of it but for some of the last, which are the outputs.
    """
    rng = np.random.default_rng(seed)
    neurons, inputs = max(edges // 10, int(2.5 * edges**0.5)), max(4, int(edges**0.5 / 2))
    feeding = np.arange(neurons - min(10, neurons // 5))
    fed = np.maximum(feeding + 1, inputs)
    fed += (rng.random(len(fed)) * (neurons - fed)).astype(np.int64)
    drawn = np.concatenate([np.arange(inputs, neurons), rng.integers(inputs, neurons, 2 * edges)])
    pairs = drawn * neurons + (rng.random(len(drawn)) * drawn).astype(np.int64)
    pairs = np.concatenate([fed * neurons + feeding, pairs])
    _, first = np.unique(pairs, return_index=True)
    assert len(first) >= edges, "so few edges that they would have to be drawn otherwise"
    target, source = np.divmod(np.sort(pairs[np.sort(first)[:edges]]), neurons)
    depth = _depths(neurons, inputs, source, target)
    number = np.empty(neurons, np.int64)
    number[np.argsort(depth, kind="stable")] = np.arange(neurons)
    order = np.lexsort((number[source], number[target]))
    source, target = number[source][order], number[target][order]
    return Dag(
        neurons,
        inputs,
        source,
        target,
        weights=(rng.standard_normal(edges) * (neurons / edges) ** 0.5).astype(np.float32),
        offsets=np.searchsorted(target, np.arange(neurons + 1)),
        levels=np.searchsorted(np.sort(depth), np.arange(depth.max() + 2)),
        outputs=np.setdiff1d(np.arange(neurons), source),
    )


def _depths(neurons: int, inputs: int, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """One more than the deepest source; of inputs 0. Every other neuron has an edge, and sources come before."""
    ends = np.searchsorted(target, np.arange(inputs, neurons), side="right").tolist()
    sources, depth, begin = source.tolist(), [0] * inputs, 0
    for end in ends:
        depth.append(1 + max(map(depth.__getitem__, sources[begin:end])))
        begin = end
    return np.array(depth)


def batch(dag: Dag, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [samples, inputs] and the gradients of the outputs [samples, outputs], float32."""
    rng = np.random.default_rng(1)
    different = [
        rng.standard_normal((CHECKED, width), np.float32)[:samples] for width in (dag.inputs, len(dag.outputs))
    ]
    x, dy = (np.resize(rows, (samples, rows.shape[1])) for rows in different)
    return x, dy


def exact(dag: Dag, x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The outputs, the gradient of the weights and that of the inputs, in float64, for a :func:`batch`."""
    samples = len(x)
    some = min(samples, CHECKED)
    w = dag.weights.astype(np.float64)[:, None]
    values = np.zeros((dag.neurons, some))
    values[: dag.inputs] = x[:some].T
    for neurons, edges in dag.layers():
        terms = values[dag.source[edges]] * w[edges]
        values[neurons] = np.tanh(np.add.reduceat(terms, dag.offsets[neurons] - edges.start))
    deltas = np.zeros_like(values)  # of what goes into tanh; of an input, its gradient
    deltas[dag.outputs] = dy[:some].T
    out = np.argsort(dag.source, kind="stable")
    first = np.searchsorted(dag.source[out], np.arange(dag.neurons + 1))
    for begin, end in zip(dag.levels[-2::-1].tolist(), dag.levels[:0:-1].tolist(), strict=True):
        edges = out[first[begin] : first[end]]
        has_edges = begin + np.flatnonzero(np.diff(first[begin : end + 1]))
        if len(edges):
            deltas[has_edges] += np.add.reduceat(deltas[dag.target[edges]] * w[edges], first[has_edges] - first[begin])
        if begin >= dag.inputs:
            deltas[begin:end] *= 1 - values[begin:end] ** 2
    dw = np.empty(len(w))
    for _, edges in dag.layers():
        dw[edges] = np.einsum("eb,eb->e", values[dag.source[edges]], deltas[dag.target[edges]])
    y, dx = values[dag.outputs].T, deltas[: dag.inputs].T
    return np.resize(y, (samples, y.shape[1])), dw * (samples / some), np.resize(dx, (samples, dx.shape[1]))


def check(results: tuple[np.ndarray, ...], wanted: tuple[np.ndarray, ...]) -> None:
    """Raise AssertionError unless float32 results are those of float64, up to rounding.

    A neuron's sum of n terms errs by (n + 2) 2^-24 of their size, 1e-6 for most; tanh and weights whose squares sum up
    to about one hand errors on without growth, so they add up along a path: some 200 neurons at most.
    """
    for result, oracle in zip(results, wanted, strict=False):
        assert result.shape == oracle.shape, (result.shape, oracle.shape)
        error, size = np.linalg.norm(result - oracle), np.linalg.norm(oracle)
        assert error <= 2e-4 * size, (error, size)
