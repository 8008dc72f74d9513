"""Many nets as one: a population runs, forward and backward, in one native call.

The graphs stand side by side in one graph (``irc.frontends.union``), so everything else is as for a single net.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from irc.frontends.graph import Graph
from irc.frontends.union import union
from irc.initial import start_values
from irc.ir.diagnostics import Error, counted
from irc.model import Gradients, Net
from irc.parameters import Parameters, ParameterTable

INPUTS = ("shared", "separate")
"""Whether all nets of a population read the same input, or each its own."""


class Population:
    """Nets that run together; ``irc.compile`` of a list of graphs makes one. ``population[k]`` are the parameters of
    net k.

    ``net`` is the net of all: its flat parameter vector holds those of the nets one after the other.
    """

    def __init__(self, net: Net, graphs: Sequence[Graph], inputs: str):
        self.net = net
        self.inputs = inputs
        self._tables = [ParameterTable(g.parameter_count, names=g.parameter_names) for g in graphs]
        self._parameters = _spans([g.parameter_count for g in graphs])
        self._outputs = _spans([len(g.outputs) for g in graphs])
        self._columns = _spans([len(g.inputs) for g in graphs])

    def __len__(self) -> int:
        return len(self._tables)

    def __getitem__(self, number: int) -> Parameters:
        """The parameters of one net, by name and ``flat``: views of those of the population."""
        return Parameters(self._tables[number], self.net.params.flat[self._parameters[number]])

    def __iter__(self) -> Iterator[Parameters]:
        return (self[number] for number in range(len(self)))

    def run(self, x: Any) -> list[np.ndarray]:
        """The output of each net. ``x``: one array for all, or (``separate``) a list with one for each net.

        Raises :class:`irc.Error` as :meth:`irc.Net.run`.
        """
        return self._split(self.net.run(self._joined(x)))

    def vjp(self, x: Any, dy: Sequence[Any]) -> tuple[list[np.ndarray], list[Gradients]]:
        """The output of each net, and its gradients for ``dy``, a list with one array for each net.

        The gradient of a shared input is the sum over all nets; each of the gradients holds it.
        """
        y, gradients = self.net.vjp(self._joined(x), self._side_by_side(dy, "dy"))
        found = []
        for number, table in enumerate(self._tables):
            part = gradients.x if self.inputs == "shared" else gradients.x[:, self._columns[number]]
            flat = gradients.params.flat[self._parameters[number]]
            found.append(Gradients(Parameters(table, flat), part))
        return self._split(y), found

    def close(self) -> None:
        """Give the native code back."""
        self.net.close()

    def __enter__(self) -> Population:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<population of {counted(len(self), 'net')}: {self.net.params.flat.size} parameters>"

    def _joined(self, x: Any) -> Any:
        return x if self.inputs == "shared" else self._side_by_side(x, "x")

    def _side_by_side(self, arrays: Any, what: str) -> np.ndarray:
        if not isinstance(arrays, (list, tuple)) or len(arrays) != len(self):
            raise Error(f"{what} must be a list of {counted(len(self), 'array')}, one for each net")
        parts = [np.asarray(a) for a in arrays]
        if any(p.ndim != 2 or len(p) != len(parts[0]) for p in parts):
            shapes = ", ".join(str(p.shape) for p in parts[:8])
            raise Error(f"{what}: the arrays must be matrices of equally many samples, got {shapes}")
        return np.concatenate(parts, 1)

    def _split(self, y: np.ndarray) -> list[np.ndarray]:
        return [y[:, span] for span in self._outputs]


def _spans(sizes: Sequence[int]) -> list[slice]:
    """Consecutive slices of these lengths."""
    ends = np.cumsum([0, *sizes]).tolist()
    return [slice(begin, end) for begin, end in zip(ends, ends[1:], strict=False)]


def population(
    graphs: Sequence[Graph], inputs: str, seed: int, compile_graph: Callable[[Graph], Net]
) -> Population:
    """The population of ``graphs``. Each net starts with the values it would have alone.

    ``compile_graph`` makes a net of a graph. Raises :class:`irc.Error` for nets of unequal inputs that are to share
    one.
    """
    if inputs not in INPUTS:
        raise Error(f"inputs must be {' or '.join(map(repr, INPUTS))}, not {inputs!r}")
    net = compile_graph(union(graphs, shared_inputs=inputs == "shared"))
    starts = [start_values(g.parameter_fan_in, g.initial, net.dtype, seed) for g in graphs]
    net.params.flat[...] = np.concatenate(starts)
    return Population(net, graphs, inputs)
