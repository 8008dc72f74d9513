"""Adjacency matrices as arrays and files of arrays (see ``irc.frontends.ndarray``).

Where all weights are known they are the entries, float64; where all are open the matrix is boolean. A dense matrix
has no edges of weight 0; a sparse one does.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from irc.arrays import require_memory
from irc.frontends import losses
from irc.frontends.activation import Activation
from irc.frontends.graph import Graph

_DEFAULT = Activation.parse("relu")

MATRIX_LACKS = (
    losses.biases,
    losses.activations_but(lambda activation: activation == _DEFAULT, "activation (a matrix is read with act='relu')"),
    losses.aggregations,
    losses.delays,
    losses.constants,
    losses.sharing,
    losses.in_set_order,
    losses.placement,
    losses.unused,
    losses.parameter_names,
    losses.output_choice,
)
"""What no matrix of edges can hold."""


def matrix(graph: Graph, lossy: bool = False) -> np.ndarray:
    """The dense adjacency matrix [N, N], float64 or bool: row = source, column = target.

    Raises :class:`irc.Error` that lists what it cannot hold, unless ``lossy``; and if it would not fit into memory.
    """
    lacks = (losses.labels, losses.partly_drawn, losses.zero_weights, *MATRIX_LACKS)
    losses.refuse(graph, "an adjacency matrix", lacks, lossy)
    entries = _entries(graph)
    count = graph.neuron_count
    require_memory(count * count, entries.itemsize, f"a matrix of {count} x {count}")
    found = np.zeros((count, count), entries.dtype)
    found[graph.source, graph.target] = entries
    return found


def sparse(graph: Graph, lossy: bool = False) -> Any:
    """The adjacency matrix as ``scipy.sparse.coo_array``. Raises as :func:`matrix`; ImportError without SciPy."""
    from scipy.sparse import coo_array

    _refuse_sparse(graph, lossy)
    shape = (graph.neuron_count, graph.neuron_count)
    return coo_array((_entries(graph), (graph.source, graph.target)), shape=shape)


def npy(graph: Graph, lossy: bool = False) -> bytes:
    """The dense matrix as the contents of a ``.npy`` file."""
    file = io.BytesIO()
    np.save(file, matrix(graph, lossy), allow_pickle=False)
    return file.getvalue()


def npz(graph: Graph, lossy: bool = False) -> bytes:
    """The sparse matrix as the contents of a ``.npz`` file, as ``scipy.sparse.save_npz`` writes it. Needs no SciPy."""
    _refuse_sparse(graph, lossy)
    file = io.BytesIO()
    np.savez_compressed(
        file,
        row=graph.source,
        col=graph.target,
        format=np.array(b"coo"),
        shape=np.array([graph.neuron_count] * 2),
        data=_entries(graph),
        _is_array=np.array(True),
    )
    return file.getvalue()


def _refuse_sparse(graph: Graph, lossy: bool) -> None:
    lacks = (losses.labels, losses.partly_drawn, *MATRIX_LACKS)
    losses.refuse(graph, "a sparse adjacency matrix", lacks, lossy)


def _entries(graph: Graph) -> np.ndarray:
    """What stands in the matrix for each edge."""
    values = losses.edge_values(graph)
    known = len(values) > 0 and not np.isnan(values).any()
    return values if known else np.ones(len(values), bool)
