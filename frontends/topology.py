"""Order and cycles of a directed graph given as two index arrays (``source[e] -> target[e]``)."""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np


def orderable(count: int, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The vertices 0..count-1 in topological order, of several ready ones the smallest first (Kahn).

    Vertices on a cycle, or behind one, are left out: the result is shorter than ``count`` exactly if there is a cycle.
    Wherever the order of the indices is itself topological, it is the result.
    """
    if np.all(source < target):
        return np.arange(count)
    waiting = np.bincount(target, minlength=count).tolist()
    successors = target[np.argsort(source, kind="stable")].tolist()
    first = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=count))]).tolist()
    ready = [vertex for vertex, edges in enumerate(waiting) if edges == 0]
    order = []
    while ready:
        vertex = heappop(ready)
        order.append(vertex)
        for successor in successors[first[vertex] : first[vertex + 1]]:
            waiting[successor] -= 1
            if waiting[successor] == 0:
                heappush(ready, successor)
    return np.array(order, dtype=np.int64)


def cycles(count: int, source: np.ndarray, target: np.ndarray) -> list[list[int]]:
    """Disjoint cycles, at least one if there is any; each in the direction of its edges, from its smallest vertex.

    Every vertex that cannot be ordered has a predecessor that cannot; walking back along the smallest of these ends
    in a cycle. All walks together visit each vertex once.
    """
    left = np.ones(count, dtype=bool)
    left[orderable(count, source, target)] = False
    inside = left[source] & left[target]
    smallest = np.full(count, count, dtype=np.int64)
    np.minimum.at(smallest, target[inside], source[inside])
    back = smallest.tolist()

    found = []
    walk_of = [-1] * count
    for start in np.flatnonzero(left).tolist():
        path = []
        vertex = start
        while walk_of[vertex] == -1:
            walk_of[vertex] = start
            path.append(vertex)
            vertex = back[vertex]
        if path and walk_of[vertex] == start:
            cycle = path[path.index(vertex) :][::-1]
            least = cycle.index(min(cycle))
            found.append(cycle[least:] + cycle[:least])
    return found
