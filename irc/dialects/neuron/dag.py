"""``neuron.dag``: an irregular net in one op, its graph as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from irc.dialects.array.dag import verify_kinds
from irc.dialects.array.dag_semantics import run_forward
from irc.dialects.array.topology import Topology, check_topology
from irc.dialects.neuron.columns import joined, parted
from irc.dialects.neuron.names import Naming
from irc.dialects.neuron.net import width
from irc.ir.attributes import ArrayAttr, DenseAttr
from irc.ir.constraints import FLOAT_LIKE
from irc.ir.diagnostics import Error
from irc.ir.operation import Operation
from irc.ir.spec import attr, operands, results
from irc.ir.traits import PURE, RAW, HasParent
from irc.ir.types import TensorType, Type, i32

GRAPH = Topology._fields
"""The attributes that are the graph."""


class Dag(Operation):
    """The neurons of an irregular net, in topological order.

        %y = neuron.dag (%x) {kinds = [#array.kind<relu, sum>], offsets = dense<...>, ...}
               : (tensor<4xf32>) -> tensor<2xf32>

    Neurons are numbered: 0 .. I-1 are the values that come in, one after another; neuron I + r is row r. Edge e of
    row r (``offsets[r] <= e < offsets[r + 1]``) comes from neuron ``sources[e]`` and has parameter ``weights[e]``
    (-1: weight 1). Row r adds parameter ``biases[r]`` (-1: none). ``segments`` are (first row, end row, kind),
    ``kinds`` what activation and aggregation that is. The results are the neurons ``outputs``; floats and vectors may
    be mixed on both sides. ``labels``, where given, are the names of all neurons, inputs first.
    """

    name = "neuron.dag"
    sources_in = operands(FLOAT_LIKE, "the values that come in")
    values = results(FLOAT_LIKE, "the outputs")
    kinds = attr(ArrayAttr, "the kinds of neuron, which segments number")
    offsets = attr(DenseAttr, "where each row's edges begin, R + 1")
    sources = attr(DenseAttr, "the neuron each edge comes from, E")
    weights = attr(DenseAttr, "the parameter of each edge, E")
    biases = attr(DenseAttr, "the parameter of each row's bias, R")
    segments = attr(DenseAttr, "first row, end row, kind, S x 3")
    outputs = attr(DenseAttr, "the neurons that are outputs, O")
    labels = attr(ArrayAttr, "the neurons' names, I + R", optional=True)
    traits = frozenset({PURE, RAW, HasParent("neuron.net")})
    assembly = "`(` $sources_in `)` attr-dict `:` functional-type(operands, results)"

    @staticmethod
    def graph_attributes(topology: Topology) -> dict[str, DenseAttr]:
        """The graph's arrays as attributes."""
        return {
            name: DenseAttr(np.asarray(array, np.int32), TensorType(np.shape(array), i32))
            for name, array in zip(GRAPH, topology, strict=True)
        }

    @property
    def topology(self) -> Topology:
        """The graph's arrays."""
        return Topology(*(self.attributes[name].array for name in GRAPH))  # type: ignore[attr-defined]

    @property
    def array_attributes(self) -> dict[str, Any]:
        """The attributes of the ``array.dag`` that this becomes."""
        marks = {"weighted": None} if bool((self.topology.weights >= 0).all()) else {}
        return {"kinds": self.kinds, **marks}

    @property
    def input_count(self) -> int:
        """How many neurons come in: I."""
        return sum(width(v.type) for v in self.sources_in)

    @property
    def row_count(self) -> int:
        """How many neurons are computed: R."""
        return self.biases.array.size

    @property
    def element(self) -> Type:
        """The type of the neurons' numbers."""
        return self.results[0].type.element

    def neuron_names(self) -> list[str]:
        """The names of all neurons, inputs first: the labels, or n00, n01, ..."""
        count = self.input_count + self.row_count
        labels = [None] * count if self.labels is None else [label.value for label in self.labels]
        return Naming(labels).names

    def verify(self) -> None:
        verify_kinds(self.kinds)
        for name in GRAPH:
            if self.attributes[name].type.element is not i32:  # type: ignore[attr-defined]
                raise ValueError(f"{name} must be of i32, not {self.attributes[name].type}")  # type: ignore[attr-defined]
        if not self.results:
            raise ValueError("needs at least one result")
        types = [v.type for v in (*self.sources_in, *self.results)]
        if any(t.element is not self.element or (isinstance(t, TensorType) and t.rank != 1) for t in types):
            raise ValueError(
                f"takes and gives floats of one type, or vectors of them, not {', '.join(map(str, types))}"
            )
        graph, count = self.topology, self.input_count
        largest = int(max(graph.weights.max(initial=-1), graph.biases.max(initial=-1)))
        try:  # whether the net has so many parameters, the net itself checks
            check_topology(*graph, inputs=count, parameters=largest + 1, kinds=tuple(self.kinds))
        except Error as error:
            raise ValueError("; ".join(d.message for d in error.diagnostics)) from None
        given = sum(width(r.type) for r in self.results)
        if given != len(graph.outputs):
            raise ValueError(f"has {len(graph.outputs)} outputs, but results for {given}")
        if self.labels is not None and len(self.labels) != count + self.row_count:
            raise ValueError(f"{len(self.labels)} labels for {count + self.row_count} neurons")

    def parameter_indices(self) -> list[int]:
        """The largest parameter index that is used, if any is."""
        graph = self.topology
        used = [int(a.max()) for a in (graph.weights, graph.biases) if a.size and a.max() >= 0]
        return [max(used)] if used else []

    def named_uses(self) -> Iterator[tuple[str, int]]:
        """Each edge's and bias's name with its parameter index."""
        graph, names, count = self.topology, self.neuron_names(), self.input_count
        naming = Naming(names)
        rows = np.repeat(np.arange(self.row_count), np.diff(graph.offsets)).tolist()
        for row, source, index in zip(rows, graph.sources.tolist(), graph.weights.tolist(), strict=True):
            if index >= 0:
                yield naming.edge("w", names[source], names[count + row]), index
        for row, index in enumerate(graph.biases.tolist()):
            if index >= 0:
                yield naming.belonging("b", names[count + row]), index

    def fan_in(self) -> tuple[np.ndarray, np.ndarray]:
        """The parameters that are used, and the fan-in of their neurons."""
        graph = self.topology
        fan = np.diff(graph.offsets)
        edges, rows = graph.weights >= 0, graph.biases >= 0
        used = np.concatenate([graph.weights[edges], graph.biases[rows]])
        return used, np.concatenate([np.repeat(fan, fan)[edges], fan[rows]])

    def eval(self, context: Any, *sources: Any) -> Sequence[Any]:
        x = joined(context, self.element, sources, self.sources_in)
        forward = run_forward(context, self.element, tuple(self.kinds), self.topology, x, context.parameters)
        return parted(forward.outputs(self.topology), self.results)
