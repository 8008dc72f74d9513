"""SciPy's sparse matrices in CSR form, one product for each depth; backward written by hand with the transposes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sparse
from contest import Contestant, calling
from dags import Dag


def contestants(dag: Dag, x: np.ndarray, dy: np.ndarray) -> Iterator[Contestant]:
    """Values are [neuron, sample], of one array; gradients of weights are sums over samples by ``einsum``."""
    into = sparse.csr_matrix((dag.weights, dag.source, dag.offsets), (dag.neurons, dag.neurons))
    out = into.T.tocsr()
    layers = [(span, edges, into[span, : span.start]) for span, edges in dag.layers()]
    inputs = slice(0, dag.inputs)
    back = [(span, edges, out[span, span.stop :]) for span, edges, _ in reversed(layers)]
    from_inputs = out[inputs, dag.inputs :]
    values, deltas = (np.zeros((dag.neurons, len(x)), np.float32) for _ in range(2))
    dw = np.empty(len(dag.weights), np.float32)
    columns, seeds = np.ascontiguousarray(x.T), np.ascontiguousarray(dy.T)

    def forward() -> None:
        values[inputs] = columns
        for span, _, matrix in layers:
            np.tanh(matrix @ values[: span.start], out=values[span])

    def joint() -> None:
        forward()
        deltas[...] = 0
        deltas[dag.outputs] = seeds
        for span, edges, matrix in back:
            deltas[span] += matrix @ deltas[span.stop :]
            deltas[span] *= 1 - values[span] ** 2
            dw[edges] = np.einsum("eb,eb->e", values[dag.source[edges]], deltas[dag.target[edges]])
        deltas[inputs] += from_inputs @ deltas[dag.inputs :]

    yield calling("forward, call", forward, lambda _: (values[dag.outputs].T,))
    yield calling("joint, call", joint, lambda _: (values[dag.outputs].T, dw, deltas[inputs].T))
