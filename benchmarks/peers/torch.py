"""PyTorch: forward by sparse CSR matrices, one product for each depth; joint by gathers and ``index_add``, which
autograd can differentiate by the weights.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from contest import Contestant, calling
from dags import Dag

MOST_JOINT = 10_000_000
"""Edges x samples: autograd keeps all values of the shallower neurons for each depth."""


def contestants(dag: Dag, x: np.ndarray, dy: np.ndarray) -> Iterator[Contestant]:
    """Values are [neuron, sample]."""
    torch.set_num_threads(1)
    columns, seeds = torch.from_numpy(np.ascontiguousarray(x.T)), torch.from_numpy(np.ascontiguousarray(dy.T))
    matrices = [
        (
            span,
            torch.sparse_csr_tensor(
                torch.from_numpy(dag.offsets[span.start : span.stop + 1] - edges.start),
                torch.from_numpy(dag.source[edges]),
                torch.from_numpy(dag.weights[edges]),
                size=(span.stop - span.start, span.start),
            ),
        )
        for span, edges in dag.layers()
    ]
    values = torch.zeros(dag.neurons, len(x))

    def forward() -> None:
        with torch.inference_mode():
            values[: dag.inputs] = columns
            for span, matrix in matrices:
                values[span] = torch.tanh(matrix @ values[: span.start])

    yield calling("forward, call", forward, lambda _: (values.numpy()[dag.outputs].T,))
    if len(dag.weights) * len(x) > MOST_JOINT:
        return
    layers = [
        (span, edges, torch.from_numpy(dag.source[edges]), torch.from_numpy(dag.target[edges] - span.start))
        for span, edges in dag.layers()
    ]
    w, inputs = torch.from_numpy(dag.weights.copy()).requires_grad_(), columns.clone().requires_grad_()

    def joint() -> tuple[torch.Tensor, ...]:
        known = inputs
        for span, edges, source, row in layers:
            z = torch.zeros(span.stop - span.start, len(x)).index_add(0, row, known[source] * w[edges, None])
            known = torch.cat([known, torch.tanh(z)])
        y = known[torch.from_numpy(dag.outputs)]
        return (y, *torch.autograd.grad(y, (w, inputs), seeds))

    yield calling("joint, call", joint, lambda r: (r[0].detach().numpy().T, r[1].numpy(), r[2].numpy().T))
