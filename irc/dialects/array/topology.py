"""The graph that ``array.dag`` runs on, as plain integer arrays, and the check that they are sound.

Neurons are numbered: first the inputs 0 .. I-1, then row r as I + r. Row r reads the edges ``offsets[r]`` to
``offsets[r + 1]`` (exclusive); rows come in topological order. Native code trusts these numbers, so they are checked
once where they enter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from irc.dialects.array.kind import Kind
from irc.ir.diagnostics import Diagnostic, Error
from irc.ir.locations import UNKNOWN, Location


class Row(NamedTuple):
    """Row ``number``, of kind ``kind``, with the sources and weight indices of its edges, and its bias index."""

    number: int
    kind: int
    sources: np.ndarray
    weights: np.ndarray
    bias: int


class Topology(NamedTuple):
    """The integer operands of ``array.dag``, in its order."""

    offsets: np.ndarray
    sources: np.ndarray
    weights: np.ndarray
    biases: np.ndarray
    segments: np.ndarray
    outputs: np.ndarray

    def rows(self, backwards: bool = False) -> Iterator[Row]:
        """The rows in topological order, or in the opposite one."""
        step = -1 if backwards else 1
        for first, end, kind in self.segments[::step].tolist():
            for row in range(first, end)[::step]:
                edges = slice(self.offsets[row], self.offsets[row + 1])
                yield Row(row, kind, self.sources[edges], self.weights[edges], int(self.biases[row]))


class Transposed(NamedTuple):
    """The edges by source, as a walk from the outputs to the inputs wants them.

    The edges out of neuron ``n`` are ``first[n]`` up to ``first[n + 1]``; edge ``k`` of these goes to neuron
    ``targets[k]`` and has parameter ``weights[k]`` (-1: weight 1). Those of one neuron are in the order of the rows.
    """

    first: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


def transposed(offsets: np.ndarray, sources: np.ndarray, weights: np.ndarray, neurons: int) -> Transposed:
    """The edges of a sound topology by source; ``neurons`` counts inputs and rows. Arrays of int32."""
    edges, rows = len(sources), len(offsets) - 1
    bits = max(edges, 1).bit_length()
    # One sort of numbers that hold source and edge: stable, and several times as fast as a stable argsort.
    keys = np.sort((np.asarray(sources, np.int64) << bits) | np.arange(edges))
    order = keys & ((1 << bits) - 1)
    targets = np.repeat(np.arange(neurons - rows, neurons, dtype=np.int32), np.diff(offsets))
    first = np.zeros(neurons + 1, np.int32)
    np.cumsum(np.bincount(sources, minlength=neurons), out=first[1:])
    return Transposed(first, targets[order], np.asarray(weights, np.int32)[order])


def check_topology(
    offsets: Any,
    sources: Any,
    weights: Any,
    biases: Any,
    segments: Any,
    outputs: Any,
    *,
    inputs: int,
    parameters: int,
    kinds: Sequence[Kind],
    weighted: bool = False,
    location: Location = UNKNOWN,
) -> None:
    """Raise :class:`irc.Error`, with all that is wrong, unless every index stays inside of what it indexes.

    ``inputs`` is the width of x, ``parameters`` the length of w. An index of -1 means weight 1, or no bias;
    ``weighted``: no edge may have it.
    """
    offsets, sources, weights, biases, segments, outputs = (
        np.asarray(a, np.int64) for a in (offsets, sources, weights, biases, segments, outputs)
    )
    rows, edges = len(biases), len(sources)
    wrong: list[str] = []

    def expect(good: Any, message: str) -> bool:
        bad = np.flatnonzero(~np.asarray(good))
        if bad.size:
            wrong.append(message.format(at=bad[0]))
        return not bad.size

    _expect_lengths(wrong, offsets, sources, weights, segments, rows)
    if not wrong:
        ends = offsets[0] == 0 and offsets[-1] == edges
        if expect([ends], f"offsets must go from 0 to the number of edges, {edges}"):
            expect(np.diff(offsets) >= 0, "offsets must not descend, as they do after row {at}")
        _expect_segments(expect, segments, rows, len(kinds))
    if not wrong:
        row_of_edge = np.repeat(np.arange(rows), np.diff(offsets))
        expect(
            (sources >= 0) & (sources < inputs + row_of_edge),
            "edge {at} must come from an input or from a row before its own",
        )
        needs_edges = np.array([k.aggregation != "sum" for k in kinds], bool)
        kind_of_row = np.repeat(segments[:, 2], segments[:, 1] - segments[:, 0])
        expect(
            (np.diff(offsets) > 0) | ~needs_edges[kind_of_row] if rows else np.array([True]),
            "row {at} has no edges, which only a sum may lack",
        )
    least = 0 if weighted else -1
    expect(
        (weights >= least) & (weights < parameters),
        f"the weight of edge {{at}} is outside of {least} to {parameters - 1}",
    )
    expect((biases >= -1) & (biases < parameters), f"the bias of row {{at}} is outside of -1 to {parameters - 1}")
    expect((outputs >= 0) & (outputs < inputs + rows), f"output {{at}} is outside of 0 to {inputs + rows - 1}")
    if wrong:
        raise Error([Diagnostic(f"not a sound topology: {message}", location) for message in wrong])


def _expect_lengths(wrong: list[str], offsets: Any, sources: Any, weights: Any, segments: Any, rows: int) -> None:
    if offsets.shape != (rows + 1,):
        wrong.append(f"there must be {rows + 1} offsets, one more than rows, not {offsets.shape}")
    if sources.shape != weights.shape or sources.ndim != 1:
        wrong.append(f"there are {sources.shape} sources and {weights.shape} weights, which must be as many")
    if segments.ndim != 2 or segments.shape[1] != 3:
        wrong.append(f"segments must be rows of (first row, end row, kind), not {segments.shape}")


def _expect_segments(expect: Any, segments: np.ndarray, rows: int, kinds: int) -> None:
    first, end, kind = segments.T
    expect((kind >= 0) & (kind < kinds), f"the kind of segment {{at}} is outside of 0 to {kinds - 1}")
    expect(end >= first, "segment {at} ends before it begins")
    joined = np.append(0, end) == np.append(first, rows)
    expect(joined, f"segments must cover the rows 0 to {rows} in order; number {{at}} does not")
