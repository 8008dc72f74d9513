"""Exact dense blocks of an irregular net: neurons that all read the same neurons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irc.dialects.array.kind import Kind
from irc.dialects.array.topology import Topology


@dataclass(frozen=True)
class Block:
    """Rows of a dag (ascending) with one kind and the same in-set, in the same order; ``sources`` are its neurons.

    No row of a block depends on another one: what it depends on is in the in-set of all, itself among them, a cycle.
    """

    rows: np.ndarray
    sources: np.ndarray
    kind: Kind

    @property
    def edge_count(self) -> int:
        """The number of edges: every source to every row."""
        return len(self.rows) * len(self.sources)


def dense_blocks(graph: Topology, kinds: Sequence[Any], least: int) -> list[Block]:
    """The blocks of at least ``least`` edges, two rows and two sources, whole and apart, by first row.

    Rows of a block aggregate by sum, all with a bias or all without one. In-sets are found by hashing them with NumPy;
    rows of equal hash are then compared, so the result is exact.
    """
    offsets, sources = graph.offsets.astype(np.int64), graph.sources
    fan_in = np.diff(offsets)
    sums = np.array([isinstance(kind, Kind) and kind.aggregation == "sum" for kind in kinds], bool)
    first_equal = np.array([kinds.index(kind) for kind in kinds], np.int64)  # a list may say the same twice
    kind_of_row = first_equal[np.repeat(graph.segments[:, 2], graph.segments[:, 1] - graph.segments[:, 0])]
    eligible = np.flatnonzero((fan_in >= 2) & sums[kind_of_row])
    keys = [_hashes(offsets, sources), fan_in, kind_of_row, (graph.biases >= 0).astype(np.int64)]
    order = eligible[np.lexsort([key[eligible] for key in keys])]
    if not len(order):
        return []
    changes = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
    begins = np.concatenate([[0], np.flatnonzero(changes) + 1])
    counts = np.diff(begins, append=len(order))
    found = []
    for place in np.flatnonzero((counts >= 2) & (counts * fan_in[order[begins]] >= least)).tolist():
        rows = order[begins[place] : begins[place] + counts[place]]  # ascending: lexsort is stable
        while len(rows) >= 2 and len(rows) * fan_in[rows[0]] >= least:
            table = sources[offsets[rows][:, None] + np.arange(fan_in[rows[0]])]
            same = (table == table[0]).all(1)  # all but for a collision of hashes
            if same.sum() >= 2 and same.sum() * table.shape[1] >= least:
                kind = kinds[int(kind_of_row[rows[0]])]
                assert isinstance(kind, Kind)
                found.append(Block(rows[same], table[0], kind))
            rows = rows[~same]
    return sorted(found, key=lambda block: int(block.rows[0]))


def _hashes(offsets: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """A number for each row (int64) that follows from its sources and their order.

    The sum over its edges of a mix of source and place; the mix is the finaliser of splitmix64 (Steele et al., 2014).
    """
    place = np.arange(len(sources)) - np.repeat(offsets[:-1], np.diff(offsets))
    mixed = sources.astype(np.uint64) + (place.astype(np.uint64) << np.uint64(32))
    mixed += np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return np.diff(np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)])[offsets]).view(np.int64)
