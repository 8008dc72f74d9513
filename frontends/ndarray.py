"""Adjacency matrices held in memory: NumPy arrays and what NumPy makes one of, lists of lists, SciPy's sparse matrices.

Row = source, column = target. A boolean or integer matrix is a topology, weights to be drawn. A float matrix holds the
weights, and 0.0 is no edge; a zero stored in a sparse float matrix is an edge. Inputs are the empty columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from irc.frontends.activation import IDENTITY, Activation
from irc.frontends.graph import Graph, finished, require_room
from irc.ir.diagnostics import Diagnostics, fail


def from_array(
    a: Any,
    *,
    act: Any = "relu",
    out_act: Any = None,
    labels: Sequence[Any] | None = None,
    outputs: Any = None,
    name: str = "net",
) -> Graph:
    """The net of a square adjacency matrix. ``a`` is only read.

    ``act`` is the activation of all neurons but inputs, ``out_act`` that of outputs, if another; ``labels`` are names
    of the neurons, ``outputs`` names or numbers of neurons (None: every neuron without out-edges).
    Raises Error for another shape, dtype or entry, for labels that do not fit, and for cycles.
    """
    source, target, values, count = _sparse_edges(a) if hasattr(a, "tocoo") else _dense_edges(_array(a))
    if labels is not None:
        labels = tuple(str(label) for label in labels)
        if len(labels) != count:
            fail(f"{len(labels)} labels for an adjacency matrix of {count} neurons")
    diagnostics = Diagnostics()
    fields = {"labels": labels, "name": name, "values": values}
    return matrix_graph(count, source, target, act, out_act, outputs, diagnostics, **fields)


def matrix_graph(
    count: int,
    source: np.ndarray,
    target: np.ndarray,
    act: Any,
    out_act: Any,
    outputs: Any,
    diagnostics: Diagnostics,
    **fields: Any,
) -> Graph:
    """The checked graph of a matrix's edges, sources ascending per target; empty columns are inputs.

    For ``fields`` see :meth:`Graph.from_edges`. Raises all of ``diagnostics`` and the graph's own errors as one Error.
    """
    inner = Activation.parse(act)
    outer = inner if out_act is None else Activation.parse(out_act)
    is_input = np.bincount(target, minlength=count) == 0
    activation = np.where(is_input, 0, 1)
    table = (IDENTITY, inner, outer)
    graph = Graph.from_edges(
        count, source, target, activations=table, activation=activation, is_input=is_input, **fields
    )
    graph = finished(graph, outputs, diagnostics)
    computed = graph.outputs[~is_input[graph.outputs]]
    activation = activation.copy()
    activation[computed] = 2
    return replace(graph, activation=activation)


def _array(a: Any) -> np.ndarray:
    """``a`` as an array; a list of lists that is ragged is an error that names the row."""
    if isinstance(a, (list, tuple)):
        widths = [len(row) if isinstance(row, (list, tuple, np.ndarray)) else None for row in a]
        for row, width in enumerate(widths):
            if width is None:
                fail(f"an adjacency matrix has two dimensions: row {row} is {type(a[row]).__name__}, not a list")
            if width != widths[0]:
                fail(f"ragged adjacency matrix: row {row} has {width} entries, row 0 has {widths[0]}")
    try:
        return np.asarray(a)
    except (TypeError, ValueError, OverflowError) as error:
        fail(f"not an adjacency matrix: {error}")


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) != 2:
        fail(f"an adjacency matrix has two dimensions, not {len(shape)}")
    if shape[0] != shape[1]:
        fail(f"an adjacency matrix is square: it has {shape[0]} rows and {shape[1]} columns")
    if not shape[0]:
        fail("the adjacency matrix is empty: a net needs at least one neuron")


def _dense_edges(a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, int]:
    """Sources, targets, weights (None for a topology) and the number of neurons."""
    _check_shape(a.shape)
    target, source = np.nonzero(a.T) if a.dtype.kind in "biuf" else _refuse(a.dtype)
    return source, target, _weights(a[source, target], source, target), len(a)


def _sparse_edges(a: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, int]:
    """The same for a SciPy sparse matrix or array: stored entries are edges, except zeros of a topology."""
    _check_shape(a.shape)
    require_room(int(a.shape[0]))
    entries = a.tocoo()
    source, target, data = np.asarray(entries.row), np.asarray(entries.col), np.asarray(entries.data)
    integers = source.dtype.kind in "iu" and target.dtype.kind in "iu"
    if not integers or not source.shape == target.shape == data.shape == (data.size,):
        fail("a sparse matrix has a row number and a column number for each entry")
    beyond = np.flatnonzero((source < 0) | (source >= a.shape[0]) | (target < 0) | (target >= a.shape[1]))
    for entry in beyond[:1].tolist():
        fail(f"entry [{source[entry]}, {target[entry]}] of the sparse matrix is outside of its {a.shape[0]} rows")
    source, target = source.astype(np.int64), target.astype(np.int64)
    order = np.lexsort((source, target))
    source, target, data = source[order], target[order], data[order]
    values = _weights(data, source, target)
    if values is None:
        source, target = source[data != 0], target[data != 0]
    return source, target, values, a.shape[0]


def _refuse(dtype: np.dtype) -> Any:
    fail(f"an adjacency matrix is boolean or integer (topology) or float (weights), not {dtype}")


def _weights(entries: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray | None:
    """The entries at the edges as float64 weights, or None for a topology; one Error for all that are neither."""
    if entries.dtype.kind == "f":
        with np.errstate(over="ignore"):  # a long double beyond float64: found below
            values = entries.astype(np.float64)
        wrong, rule = ~np.isfinite(values), "a weight is finite"
    elif entries.dtype.kind in "biu":
        values = None
        wrong = (entries != 0) & (entries != 1)
        rule = "in an integer matrix 1 is an edge and 0 is none (weights are floats)"
    else:
        _refuse(entries.dtype)
    if np.any(wrong):
        first = int(np.flatnonzero(wrong)[0])
        others = int(wrong.sum()) - 1
        more = f", and so are {others} more" if others else ""
        fail(f"{rule}: entry [{source[first]}, {target[first]}] is {entries[first]}{more}")
    return values
