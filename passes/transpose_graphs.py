"""The graph of an ``array.dag_grad`` by source, besides its graph by target.

Going back through a net edge by edge, row by row, reads and writes the gradient of each edge's source. With the edges
at hand by source, the gradient of a neuron is a sum over the edges out of it, which stays in a register, and is written
once. The edges by source are data, like the graph: they become three more bound arguments. ``irc.derived`` names what
they are made from, so that whoever binds another graph can make them again.

Only sums and means allow that: there the gradient of an edge's term depends on its target alone. And the graph must be
known here, as arguments of a function that no other calls, or as constants.

Before:

```mlir
func.func @f_vjp(%x: tensor<B x I x f32>, %w: tensor<P x f32>, %offsets: tensor<3 x i32> {irc.data = dense<[0, 1, 3]> : tensor<3xi32>},
                 %sources: tensor<3 x i32> {irc.data = dense<[0, 0, 1]> : tensor<3xi32>},
                 %weights: tensor<3 x i32> {irc.data = dense<[0, 1, 2]> : tensor<3xi32>}, %biases: tensor<2 x i32>,
                 %segments: tensor<S x 3 x i32>, %outputs: tensor<O x i32>, %dy: tensor<B x O x f32>) -> tensor<B x I x f32>
    attributes {irc.symbols = {I = 1 : i64}} {
  %y, %dx, %dw = array.dag_grad %x, %w, %offsets, %sources, %weights, %biases, %segments, %outputs, %dy
    kinds [#array.kind<relu, sum>] : tensor<B x I x f32>, tensor<P x f32>, tensor<3 x i32>, tensor<3 x i32>,
    tensor<3 x i32>, tensor<2 x i32>, tensor<S x 3 x i32>, tensor<O x i32>, tensor<B x O x f32>
  func.return %dx : tensor<B x I x f32>
}
```

After:

```mlir
func.func @f_vjp(%x: tensor<B x I x f32>, %w: tensor<P x f32>, %offsets: tensor<3 x i32> {irc.data = dense<[0, 1, 3]> : tensor<3xi32>},
                 %sources: tensor<3 x i32> {irc.data = dense<[0, 0, 1]> : tensor<3xi32>},
                 %weights: tensor<3 x i32> {irc.data = dense<[0, 1, 2]> : tensor<3xi32>}, %biases: tensor<2 x i32>,
                 %segments: tensor<S x 3 x i32>, %outputs: tensor<O x i32>, %dy: tensor<B x O x f32>,
                 %out_first: tensor<I + 3 x i32> {irc.data = dense<[0, 2, 3, 3]> : tensor<4xi32>, irc.derived = ["offsets", "sources", "weights", 0]},
                 %out_targets: tensor<3 x i32> {irc.data = dense<[1, 2, 2]> : tensor<3xi32>, irc.derived = ["offsets", "sources", "weights", 1]},
                 %out_weights: tensor<3 x i32> {irc.data = dense<[0, 1, 2]> : tensor<3xi32>, irc.derived = ["offsets", "sources", "weights", 2]})
    -> tensor<B x I x f32> attributes {irc.symbols = {I = 1 : i64}} {
  %y, %dx, %dw = array.dag_grad %x, %w, %offsets, %sources, %weights, %biases, %segments, %outputs, %dy,
    %out_first, %out_targets, %out_weights
    kinds [#array.kind<relu, sum>] : tensor<B x I x f32>, tensor<P x f32>, tensor<3 x i32>, tensor<3 x i32>,
    tensor<3 x i32>, tensor<2 x i32>, tensor<S x 3 x i32>, tensor<O x i32>, tensor<B x O x f32>, tensor<I + 3 x i32>,
    tensor<3 x i32>, tensor<3 x i32>
  func.return %dx : tensor<B x I x f32>
}
```
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from irc.dialects.array import DagGrad
from irc.dialects.array.columns import index_table
from irc.dialects.array.scan import inside, outside
from irc.dialects.array.topology import Transposed, transposed
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp
from irc.interpreter import bound_symbols
from irc.ir.attributes import Attribute, DenseAttr, attribute
from irc.ir.builder import Builder
from irc.ir.dimensions import Dimension, evaluate, symbols_of
from irc.ir.operation import BlockArgument, Value
from irc.ir.symbols import references_in
from irc.ir.types import FunctionType, TensorType, i32
from irc.passmanager import Pass, PassContext

DATA, DERIVED = "irc.data", "irc.derived"
NAMES = tuple(f"out_{field}" for field in Transposed._fields)


@dataclass(frozen=True)
class TransposeGraphs(Pass):
    """Hand gradients of irregular nets their graphs by source."""

    name = "transpose-graphs"

    def run(self, module: ModuleOp, context: PassContext) -> None:
        called = references_in(module)
        for function in module.functions:
            if not isinstance(function, FuncOp) or function.is_declaration or function.symbol in called:
                continue
            for op in list(function.walk()):
                if isinstance(op, DagGrad) and not op.by_source and _by_target_alone(op):
                    added = _by_source(function, op)
                    if added is not None:
                        assert op.parent is not None
                        op.operands = (*op.operands, *(inside(value, op.parent) for value in added))
                        context.count("graphs transposed")


def _by_target_alone(op: DagGrad) -> bool:
    return all(kind.aggregation in ("sum", "mean") for kind in op.kinds)


def _by_source(function: FuncOp, op: DagGrad) -> Sequence[Value] | None:
    """The graph by source as arguments or constants; None where the graph is not known."""
    graph = [outside(value) for value in (op.offsets, op.sources, op.weights)]
    data = [_data(function, value) for value in graph]
    neurons: Dimension = op.x.type.shape[1] + op.biases.type.shape[0]
    sizes = bound_symbols(function)
    if any(d is None for d in data) or not symbols_of(neurons) <= {*sizes, *_sizes_of(op, data)}:
        return None
    offsets, sources, weights = [d.array for d in data if d is not None]
    made = transposed(offsets, sources, weights, evaluate(neurons, {**sizes, **_sizes_of(op, data)}))
    if not all(isinstance(value, BlockArgument) for value in graph):
        at_top = [op, *op.ancestors()]
        builder = Builder.before(at_top[at_top.index(function) - 1])
        return [index_table(builder, array) for array in made]
    return _arguments(function, op, graph, made, neurons)


def _sizes_of(op: DagGrad, data: Sequence[DenseAttr | None]) -> dict[str, int]:
    """The number of rows, where it is a symbol: the data tell it."""
    (rows,) = op.biases.type.shape
    known = data[0]
    return {str(rows): len(known.array) - 1} if known is not None and not isinstance(rows, int) else {}


def _data(function: FuncOp, value: Value) -> DenseAttr | None:
    """What a value is known to be: bound to an argument, or a constant."""
    if isinstance(value, BlockArgument):
        data = function.arg_attr(value.index, DATA)
    else:
        source = value.defining_op()
        data = source.attributes.get("value") if source is not None else None
    return data if isinstance(data, DenseAttr) else None


def _arguments(
    function: FuncOp, op: DagGrad, graph: Sequence[Value], made: Transposed, neurons: Dimension
) -> list[Value]:
    """Three more bound arguments of the function."""
    edges = op.sources.type
    types = [TensorType([neurons + 1], i32), edges, edges]
    attributes: list[dict[str, Attribute]] = [
        dict(function.arg_attributes(number).items()) for number in range(len(function.arguments))
    ]
    names = [value.name_hint or "" for value in graph]
    added: list[Value] = []
    for number, (array, type) in enumerate(zip(made, types, strict=True)):
        added.append(function.entry.add_argument(type, op.location, NAMES[number]))
        attributes.append({DATA: DenseAttr(array, TensorType(array.shape, i32)), DERIVED: attribute([*names, number])})
    function.attributes["function_type"] = FunctionType((*function.type.inputs, *types), function.type.results)
    function.set_arg_attributes(attributes)
    return added
