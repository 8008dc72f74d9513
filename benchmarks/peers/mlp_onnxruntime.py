"""ONNX Runtime: inference of a graph, made with the package onnx; without that, nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from mlp import Case
from peers.onnx_graph import THERE, Graph, session


def peers(case: Case, threads: int = 1) -> Iterator[Peer]:
    """One way."""
    if THERE:
        yield Peer(case, threads)


class Peer:
    """A session for a graph."""

    def __init__(self, case: Case, threads: int):
        self.case, self.threads = case, threads

    def inference(self) -> Callable[[], np.ndarray]:
        """The outputs."""
        graph, value = Graph(), "x"
        for number, (weight, bias) in enumerate(self.case.layers, 1):
            value = graph.linear(value, weight, bias)
            if number < len(self.case.layers):
                value = getattr(graph, self.case.model.activation)(value)
        return session(graph, value, self.case.x, self.case.y, self.threads)
