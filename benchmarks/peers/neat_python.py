"""neat-python's feed-forward networks: forward only, sample by sample."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from contest import Contestant, calling
from dags import Dag
from neat.nn import FeedForwardNetwork

MOST = 10_000_000
"""Edges x samples that take a second or two."""


def contestants(dag: Dag, x: np.ndarray, dy: np.ndarray) -> Iterator[Contestant]:
    """With Python's own tanh and sum."""
    if len(dag.weights) * len(x) > MOST:
        return
    links = list(zip(dag.source.tolist(), dag.weights.tolist(), strict=True))
    bounds = dag.offsets.tolist()
    nodes = [
        (neuron, math.tanh, sum, 0.0, 1.0, links[bounds[neuron] : bounds[neuron + 1]])
        for neuron in range(dag.inputs, dag.neurons)
    ]
    net = FeedForwardNetwork(list(range(dag.inputs)), dag.outputs.tolist(), nodes)
    samples = x.tolist()
    yield calling("forward, call", lambda: [net.activate(s) for s in samples], lambda y: (np.array(y),))
