"""Many nets as one: a population runs, forward and backward, in one call.

Graphs stand side by side in one graph (``irc.frontends.union``), so everything else is as for a single net. A large
population is several such unions, which threads share among them. How it is cut follows from the graphs alone, so the
results are the same for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np

from irc.arrays import as_array
from irc.backend.threads import MOST_CHUNKS, WORKERS, checked_threads
from irc.frontends.dag import dead_neurons, warn_of_dead
from irc.frontends.graph import Graph
from irc.frontends.union import check_equal_inputs, union
from irc.initial import start_values
from irc.ir.diagnostics import Diagnostics, Error, counted
from irc.model import Gradients, Net
from irc.parameters import Parameters, ParameterTable

INPUTS = ("shared", "separate")
"""Whether all nets of a population read the same input, or each its own."""
PART_EDGES = 1 << 15
"""The least edges of a part: some 20 µs for one sample, several times what it takes to hand a part to a thread."""


class Population:
    """Nets that run together; ``irc.compile`` of a list of graphs makes one. ``population[k]`` are the parameters of
    net k.

    ``parts`` are the nets that run, each a union of neighbours, ``members`` how many graphs each holds. ``threads``: on
    how many threads at most they run.
    """

    def __init__(self, parts: Sequence[Net], members: Sequence[int], graphs: Sequence[Graph], inputs: str):
        self.parts = list(parts)
        self.inputs = inputs
        self.threads = 1
        self._members = _spans(members)
        self._tables = [ParameterTable(g.parameter_count, names=partial(getattr, g, "parameter_names")) for g in graphs]
        self._parameters: list[slice] = []
        self._outputs: list[slice] = []
        self._columns: list[slice] = []
        for span in self._members:
            self._parameters += _spans([g.parameter_count for g in graphs[span]])
            self._outputs += _spans([len(g.outputs) for g in graphs[span]])
            self._columns += _spans([len(g.inputs) for g in graphs[span]])
        self._part_of = [part for part, count in zip(self.parts, members, strict=True) for _ in range(count)]

    def __len__(self) -> int:
        return len(self._tables)

    def __getitem__(self, number: int) -> Parameters:
        """The parameters of one net, by name and ``flat``: views of those of the population."""
        return Parameters(self._tables[number], self._part_of[number].params.flat[self._parameters[number]])

    def __iter__(self) -> Iterator[Parameters]:
        return (self[number] for number in range(len(self)))

    def run(self, x: Any, threads: int | None = None) -> list[np.ndarray]:
        """The output of each net. ``x``: one array for all, or (``separate``) a list with one for each net.

        ``threads``: on how many at most; default: those of the population. Raises :class:`irc.Error` as
        :meth:`irc.Net.run`.
        """
        given = self._given(x)
        results = self._each(lambda part, number: part.run(given[number], threads=1), threads)
        return self._split(results)

    def vjp(self, x: Any, dy: Sequence[Any], threads: int | None = None) -> tuple[list[np.ndarray], list[Gradients]]:
        """The output of each net, and its gradients for ``dy``, a list with one array for each net.

        The gradient of a shared input is the sum over all nets; each of the gradients holds it.
        """
        given, dys = self._given(x), self._side_by_side(dy, "dy")
        results = self._each(lambda part, number: part.vjp(given[number], dys[number], threads=1), threads)
        shared = reduce(np.add, [g.x for _, g in results]) if self.inputs == "shared" else None
        found = []
        for span, (_, gradients) in zip(self._members, results, strict=True):
            for number in range(span.start, span.stop):
                x_part = gradients.x[:, self._columns[number]] if shared is None else shared
                flat = gradients.params.flat[self._parameters[number]]
                found.append(Gradients(Parameters(self._tables[number], flat), x_part))
        return self._split([y for y, _ in results]), found

    def close(self) -> None:
        """Give the native code back."""
        for part in self.parts:
            part.close()

    def __enter__(self) -> Population:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        size = sum(part.params.flat.size for part in self.parts)
        return f"<population of {counted(len(self), 'net')}: {counted(size, 'parameter')}>"

    def _each(self, call: Callable[[Net, int], Any], threads: int | None) -> list[Any]:
        """What ``call`` gives for each part and its number, on threads."""
        results: list[Any] = [None] * len(self.parts)

        def work(number: int) -> None:
            results[number] = call(self.parts[number], number)

        count = self.threads if threads is None else threads
        WORKERS.run([partial(work, number) for number in range(len(self.parts))], checked_threads(count))
        return results

    def _given(self, x: Any) -> list[Any]:
        """The input of each part."""
        return [x] * len(self.parts) if self.inputs == "shared" else self._side_by_side(x, "x")

    def _side_by_side(self, arrays: Any, what: str) -> list[np.ndarray]:
        """For each part the arrays of its nets as one."""
        if not isinstance(arrays, (list, tuple)) or len(arrays) != len(self):
            raise Error(f"{what} must be a list of {counted(len(self), 'array')}, one for each net")
        parts = [as_array(a, what) for a in arrays]
        if any(p.ndim != 2 or len(p) != len(parts[0]) for p in parts):
            shapes = ", ".join(str(p.shape) for p in parts[:8])
            raise Error(f"{what}: the arrays must be matrices of equally many samples, got {shapes}")
        return [np.concatenate(parts[span], 1) for span in self._members]

    def _split(self, results: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The columns of each net."""
        of_net = [y for y, span in zip(results, self._members, strict=True) for _ in range(span.start, span.stop)]
        return [y[:, span] for y, span in zip(of_net, self._outputs, strict=True)]


def _spans(sizes: Sequence[int]) -> list[slice]:
    """Consecutive slices of these lengths."""
    ends = np.cumsum([0, *sizes]).tolist()
    return [slice(begin, end) for begin, end in zip(ends, ends[1:], strict=False)]


def population(
    graphs: Sequence[Graph],
    inputs: str,
    seed: int,
    threads: int,
    compile_graph: Callable[[Graph], Net],
    diagnostics: Diagnostics,
) -> Population:
    """The population of ``graphs``. Each net starts with the values it would have alone.

    ``compile_graph`` makes a net of a graph. Raises :class:`irc.Error` for nets of unequal inputs that are to share
    one.
    """
    for number, graph in enumerate(graphs):
        warn_of_dead(graph, dead_neurons(graph), diagnostics, f" of net {number}")
    if inputs not in INPUTS:
        raise Error(f"inputs must be {' or '.join(map(repr, INPUTS))}, not {inputs!r}")
    shared = inputs == "shared"
    if shared:
        check_equal_inputs(graphs)
    members = part_sizes([g.edge_count for g in graphs])
    parts = []
    for span in _spans(members):
        net = compile_graph(union(graphs[span], shared_inputs=shared))
        starts = [start_values(g.parameter_fan_in, g.initial, net.dtype, seed) for g in graphs[span]]
        net.params.flat[...] = np.concatenate(starts)
        parts.append(net)
    made = Population(parts, members, graphs, inputs)
    made.threads = checked_threads(threads)
    return made


def part_sizes(edges: Sequence[int]) -> list[int]:
    """How many graphs, of so many edges each, go into each part: at most MOST_CHUNKS parts of PART_EDGES or more."""
    wanted = max(PART_EDGES, -(-sum(edges) // MOST_CHUNKS))
    sizes, held, left = [0], 0, sum(edges)
    for count in edges:
        if held >= wanted and left >= PART_EDGES:
            sizes.append(0)
            held = 0
        sizes[-1] += 1
        held += count
        left -= count
    return sizes
