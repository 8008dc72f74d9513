"""Irregular nets as whole-array ops: the graph is data, so a new graph needs no new code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from irc.dialects.activations import ACTIVATIONS
from irc.dialects.array.dag_semantics import run_backward, run_forward
from irc.dialects.array.kind import Kind
from irc.dialects.array.syntax import ArrayOp, only, same_dimension, tensor
from irc.dialects.array.topology import Topology, check_topology
from irc.interpreter import value_of
from irc.ir.attributes import ArrayAttr, Attribute, UnitAttr
from irc.ir.builder import Builder
from irc.ir.constraints import FLOAT_TENSOR, Constraint
from irc.ir.dimensions import Dimension
from irc.ir.operation import Operation, Value
from irc.ir.spec import attr, operand, operands, result
from irc.ir.traits import PURE, RAW
from irc.ir.types import TensorType, Type, i32

INDICES = Constraint("a tensor of i32", lambda t: isinstance(t, TensorType) and t.element is i32)
_GRAPH = ("offsets", "sources", "weights", "biases", "segments", "outputs")


class Dag(ArrayOp):
    """All neurons of a net in topological order, for a batch of samples.

        %y = array.dag %x, %w, %offsets, %sources, %weights, %biases, %segments, %outputs
               kinds [#array.kind<relu, sum>] : tensor<B x I x f32>, tensor<P x f32>, tensor<R + 1 x i32>, ...

    Neurons 0 .. I-1 are the inputs, neuron I + r is row r. Edge e of row r (``offsets[r] <= e < offsets[r + 1]``)
    carries the term ``n[sources[e]] * w[weights[e]]``, where -1 stands for weight 1. Row r is ``f(aggregate of its
    terms + bias)`` with the bias ``w[biases[r]]`` (-1: none). ``segments`` holds (first row, end row, kind), in
    order, and ``kinds`` says what activation and aggregation that is. The result is neuron ``outputs[o]`` for each o.
    ``weighted``: every edge has a parameter, so none needs to be asked whether it has. Indices are checked when the op
    runs (``irc.dialects.array.topology``).
    """

    name = "array.dag"
    x = operand(FLOAT_TENSOR, "the inputs, B x I")
    w = operand(FLOAT_TENSOR, "the parameters, P")
    offsets = operand(INDICES, "where each row's edges begin, R + 1")
    sources = operand(INDICES, "the neuron each edge comes from, E")
    weights = operand(INDICES, "the parameter of each edge, E; -1: weight 1")
    biases = operand(INDICES, "the parameter that is each row's bias, R; -1: none")
    segments = operand(INDICES, "first row, end row, kind, S x 3")
    outputs = operand(INDICES, "the neurons that are outputs, O")
    y = result(FLOAT_TENSOR, "the outputs, B x O")
    kinds = attr(ArrayAttr, "the kinds of row, which segments number")
    weighted = attr(UnitAttr, "no edge has weight -1", optional=True)
    traits = frozenset({PURE, RAW})
    words = ("kinds",)

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        batch, outputs, element = _sizes(operand_types)
        return [TensorType((batch, outputs), element)]

    def verify(self) -> None:
        verify_kinds(self.kinds)

    def eval(self, context: Any, x: Any, w: Any, *graph: Any) -> Sequence[Any]:
        topology = checked_topology(self, x, w, graph)
        return [run_forward(context, self.y.type, tuple(self.kinds), topology, x, w).outputs(topology)]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        # one op that goes through the rows once more, and back
        marks: dict[str, Any] = {"weighted": None} if self.weighted else {}
        grad = builder.create(DagGrad, *self.operands, only(gradients), [], kinds=self.kinds, **marks)
        return [grad.dx, grad.dw, *[None] * len(_GRAPH)]


class DagGrad(ArrayOp):
    """Value and gradients of ``array.dag``: the same operands, and ``dy``, the gradient of the result.

    With ``z`` what a row applies its activation to, ``g`` the gradient of a neuron and ``t`` a term of a row:

        g[outputs[o]] += dy[o];   d = f'(z) * g;   dt = d * (d aggregate / d t)
        g[source] += dt * w;      dw[weight] += sum over samples of dt * n[source];      dw[bias] += sum of d

    The derivative of an aggregate by a term is 1 for a sum, 1/(number of edges) for a mean, the product of the other
    terms for a product; for max, min and maxabs 1 at the first of the extreme terms and 0 elsewhere; for a median 1 at
    the middle term, or 1/2 at both. f is recomputed.

    ``by_source``, where given, is the same graph once more, its edges by source (``transposed``, in
    ``irc.dialects.array.topology``): first edge of each neuron, targets, weights. It changes no result, but lets each
    gradient ``g`` be a sum over the edges out of its neuron, in one place. The pass transpose-graphs adds it.
    """

    name = "array.dag_grad"
    x = operand(FLOAT_TENSOR, "as in array.dag, like all but the last")
    w = operand(FLOAT_TENSOR)
    offsets = operand(INDICES)
    sources = operand(INDICES)
    weights = operand(INDICES)
    biases = operand(INDICES)
    segments = operand(INDICES)
    outputs = operand(INDICES)
    cotangent = operand(FLOAT_TENSOR, "dy, the gradient of y, B x O")
    by_source = operands(INDICES, "none, or three: the graph by source, I + R + 1, E and E")
    y = result(FLOAT_TENSOR, "the outputs, B x O")
    dx = result(FLOAT_TENSOR, "the gradient of x, B x I")
    dw = result(FLOAT_TENSOR, "the gradient of w, P")
    kinds = attr(ArrayAttr, "the kinds of row, which segments number")
    weighted = attr(UnitAttr, "no edge has weight -1", optional=True)
    traits = frozenset({PURE, RAW})
    words = ("kinds",)

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        batch, outputs, element = _sizes(operand_types[:8])
        y = TensorType((batch, outputs), element)
        if operand_types[8] is not y:
            raise ValueError(f"dy must be of the type of y, {y}, not {operand_types[8]}")
        x, sources, biases, by_source = operand_types[0], operand_types[3], operand_types[5], operand_types[9:]
        wanted = [TensorType([x.shape[1] + biases.shape[0] + 1], i32), sources, sources]  # type: ignore[attr-defined]
        if by_source and list(by_source) != wanted:
            raise ValueError(f"the graph by source must be {', '.join(map(str, wanted))}")
        return [y, operand_types[0], operand_types[1]]

    def verify(self) -> None:
        verify_kinds(self.kinds)

    def eval(self, context: Any, x: Any, w: Any, *rest: Any) -> Sequence[Any]:
        *graph, dy = rest[:7]
        topology = checked_topology(self, x, w, graph)
        kinds, type = tuple(self.kinds), self.y.type
        forward = run_forward(context, type, kinds, topology, x, w)
        return [forward.outputs(topology), *run_backward(context, type, kinds, topology, forward, dy)]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        raise ValueError("no second derivative of array.dag_grad; run explode-neurons before lower-neuron")


def _sizes(types: Sequence[Type]) -> tuple[Dimension, Dimension, Any]:
    """Check the operands of a dag against each other; gives B, O and the element type."""
    x, w, offsets, sources, weights, biases, segments, outputs = (tensor(t) for t in types)
    ranks = {"x": (x, 2), "w": (w, 1), "segments": (segments, 2)}
    vectors = {"offsets": offsets, "sources": sources, "weights": weights, "biases": biases, "outputs": outputs}
    for name, (type, rank) in {**ranks, **{n: (t, 1) for n, t in vectors.items()}}.items():
        if type.rank != rank:
            raise ValueError(f"{name} must have {rank} dimensions, got {type}")
    if w.element is not x.element:
        raise ValueError(f"x and w must have one element type, got {x} and {w}")
    same_dimension(offsets.shape[0], biases.shape[0] + 1, "the number of offsets, one more than of biases")
    same_dimension(weights.shape[0], sources.shape[0], "the number of weights, as many as sources")
    same_dimension(segments.shape[1], 3, "the numbers of a segment")
    return x.shape[0], outputs.shape[0], x.element


def verify_kinds(kinds: Attribute) -> None:
    """ValueError unless ``kinds`` is a list of kinds whose activations are known and act on single neurons."""
    assert isinstance(kinds, ArrayAttr)
    for kind in kinds:
        if not isinstance(kind, Kind):
            raise ValueError(f"kinds must hold #array.kind<...>, not {kind}")
        if kind.activation not in ACTIVATIONS:
            raise ValueError(f"there is no activation '{kind.activation}'; there are {', '.join(ACTIVATIONS)}")
        if ACTIVATIONS[kind.activation].whole_layer:
            raise ValueError(f"'{kind.activation}' acts on a whole layer, not on single neurons")
        ACTIVATIONS[kind.activation].with_parameter(kind.parameter)


def checked_topology(op: Operation, x: Any, w: Any, graph: Sequence[Any]) -> Topology:
    """The graph's operands, found sound for these inputs. Raises :class:`irc.Error` otherwise."""
    check_topology(
        *graph,
        inputs=value_of(x).shape[1],
        parameters=len(value_of(w)),
        kinds=tuple(op.attributes["kinds"]),  # type: ignore[arg-type]
        weighted="weighted" in op.attributes,
        location=op.location,
    )
    return Topology(*graph)
