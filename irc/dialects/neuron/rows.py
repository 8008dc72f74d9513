"""The order of the rows of a ``neuron.dag``: topological, with rows of one kind side by side."""

from __future__ import annotations

import numpy as np


def depths(count: int, order: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """For each neuron 0..count-1 (int64) the length of the longest chain of edges into it. ``order`` is topological."""
    depth = np.zeros(count, np.int64)
    by_target = np.argsort(target, kind="stable")
    begins = np.searchsorted(target[by_target], np.arange(count + 1)).tolist()
    sources = source[by_target].tolist()
    known = [0] * count
    for neuron in order.tolist():
        begin, end = begins[neuron], begins[neuron + 1]
        if end > begin:
            known[neuron] = 1 + max(known[s] for s in sources[begin:end])
    depth[:] = known
    return depth


def sort_rows(
    rows: np.ndarray, kind: np.ndarray, source: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Reorder ``rows``, neurons in topological order, so that neurons of one kind stand together; gives their segments.

    ``kind`` is each neuron's kind, ``source`` and ``target`` are the edges. With one kind the order stays. Otherwise
    rows go by depth, then kind, then as before; (first row, end row, kind) of each run of one kind are the segments
    (S x 3).
    """
    if len(rows) and np.any(kind[rows] != kind[rows[0]]):
        depth = depths(len(kind), rows, source, target)
        rows = rows[np.lexsort((kind[rows], depth[rows]))]
    return rows, segments_of(kind[rows])


def segments_of(kinds: np.ndarray) -> np.ndarray:
    """(First row, end row, kind) of each run of rows of one kind (S x 3, int64), from the kind of each row."""
    begins = np.flatnonzero(np.diff(kinds, prepend=-1))
    ends = np.append(begins[1:], len(kinds)) if len(kinds) else begins
    return np.stack([begins, ends, kinds[begins]], 1).astype(np.int64)
