"""Lowering of whole arrays to loops over buffers.

A function becomes one that writes its results where its caller wants them, with the sizes as arguments in front
(``functions``). Then each op finds its strategy: elementwise work, groups of it, and reductions become one loop nest
(``nest``; ``rows`` where rows are gone through more than once), a contraction its own (``contraction``), a
convolution and a pooling theirs (``convolution``, ``pooling``), an irregular net a walk over rows and edges (``dag``), a scan a
loop over its steps (``scan``), and the rest copies (``movement``). Every loop whose turns are independent is marked ``parallel``, and one of each nest, where
its accesses allow that its turns lie in the lanes of vectors, ``vectorize``. An op without a strategy is an error.

Before:

```mlir
func.func @f(%x: tensor<B x f32>) -> tensor<B x f32> {
  %y = math.exp %x : tensor<B x f32>
  func.return %y : tensor<B x f32>
}
```

After:

```mlir
func.func @f(%B: index, %x: !loop.buffer<B x f32>, %y: !loop.buffer<B x f32> {irc.output = 0 : i64}) attributes {irc.symbols_args = ["B"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  loop.for %i = %c0 to %B step %c1 parallel vectorize {
    %a = loop.load %x[%i] : !loop.buffer<B x f32>
    %e = math.exp %a : f32
    loop.store %e, %y[%i] : f32, !loop.buffer<B x f32>
    loop.yield
  }
  func.return
}
```
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from irc.dialects.array import (
    Argmax,
    Concat,
    Contract,
    Conv2d,
    Conv2dTranspose,
    Conv2dWeights,
    Dag,
    DagGrad,
    Detach,
    Dropout,
    Fused,
    Gather,
    Item,
    Pad,
    Pool2d,
    Pool2dGradient,
    Pool2dPick,
    Reduce,
    Reshape,
    Running,
    Scan,
    ScatterAdd,
    Size,
    Slice,
    Stack,
)
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp
from irc.dialects.loop import Clock
from irc.ir.diagnostics import fail
from irc.ir.dimensions import parse_dimension
from irc.ir.operation import Operation, Value
from irc.ir.traits import PURE, has
from irc.ir.types import ShapedType
from irc.passes.lower_array.contraction import Contraction, lower_contract
from irc.passes.lower_array.convolution import Convolving, lower_convolution
from irc.passes.lower_array.dag import lower_dag
from irc.passes.lower_array.dag_gradient import lower_dag_grad
from irc.passes.lower_array.epilogue import Maker, lower_group
from irc.passes.lower_array.functions import SYMBOLS, Interface, callees_first, is_data, lower_constant, lower_function
from irc.passes.lower_array.lowering import Lowering
from irc.passes.lower_array.movement import (
    lower_argmax,
    lower_concat,
    lower_copy,
    lower_gather,
    lower_item,
    lower_pad,
    lower_reshape,
    lower_scatter_add,
    lower_slice,
)
from irc.passes.lower_array.nest import Nest, is_pointwise
from irc.passes.lower_array.pooling import lower_pool2d, lower_pool2d_gradient, lower_pool2d_pick
from irc.passes.lower_array.rows import RowNest, reduced_rank, row_rank
from irc.passes.lower_array.scan import lower_scan
from irc.passmanager import Pass, PassContext, Signature


@dataclass(frozen=True)
class LowerArray(Pass):
    """Whole arrays to loops over buffers.

    ``prepared``: choose as if parameters had come long before everything else, for ``split-prepare``.
    """

    name = "lower-array"
    signature: ClassVar[Signature] = Signature.DESTINATION
    prepared: bool = False

    def run(self, module: ModuleOp, context: PassContext) -> None:
        functions = [op for op in module.functions if isinstance(op, FuncOp) and SYMBOLS not in op.attributes]
        interfaces: dict[str, Interface] = {}
        for function in callees_first(functions):
            interfaces[function.symbol] = lower_function(function, interfaces, _lower, context.target, self.prepared)
            context.count("functions lowered")


def _lower_fused(lowering: Lowering, op: Fused) -> None:
    block = op.body.block
    for argument, operand in zip(block.arguments, op.operands, strict=True):
        lowering.values[argument] = lowering[operand]
    *ops, end = block
    wanted = [(value, result) for value, result in zip(end.operands, op.results, strict=True) if result.uses]
    outputs = [(value, lowering.buffer(result)) for value, result in wanted]
    made = next((inner for inner in ops if type(inner) in _MAKERS), None)
    if outputs and made is not None:
        maker = _MAKERS[type(made)](lowering, made)
        lower_group(lowering, made.results[0], maker, ops, outputs, partial(_build, lowering))
    elif outputs:
        _build(lowering, ops, outputs)


def _build(lowering: Lowering, ops: Sequence[Operation], outputs: Sequence[tuple[Value, Value]]) -> None:
    """The loops of a group."""
    rank = row_rank(ops)
    if rank is None:
        rank = reduced_rank(ops, [value for value, _ in outputs])
    (Nest(lowering, ops, outputs) if rank is None else RowNest(lowering, ops, outputs, rank)).build()


def _lower_alone(lowering: Lowering, op: Operation) -> None:
    """A group of one. An unstack with several results has a nest for each."""
    for result in op.results:
        if result.uses:
            _build(lowering, [op], [(result, lowering.buffer(result))])


def _lower_size(lowering: Lowering, op: Size) -> None:
    lowering[op.result] = lowering.size(parse_dimension(op.dim.value))


def _lower_clock(lowering: Lowering, op: Clock) -> None:
    lowering.builder.insert(op.clone(lowering.values))


_MAKERS: dict[type[Operation], Callable[[Lowering, Any], Maker]] = {
    Contract: Contraction,
    Conv2d: Convolving,
    Conv2dTranspose: Convolving,
}
"""Ops that compute tiles, on which others of their group work."""

_STRATEGIES: dict[type[Operation], Callable[[Lowering, Any], None]] = {
    Fused: _lower_fused,
    Reduce: _lower_alone,
    Stack: _lower_alone,
    Contract: lower_contract,
    Conv2d: lower_convolution,
    Conv2dTranspose: lower_convolution,
    Conv2dWeights: lower_convolution,
    Pool2d: lower_pool2d,
    Pool2dGradient: lower_pool2d_gradient,
    Pool2dPick: lower_pool2d_pick,
    Dag: lower_dag,
    DagGrad: lower_dag_grad,
    Scan: lower_scan,
    Reshape: lower_reshape,
    Slice: partial(lower_slice, copy=_lower_alone),
    Concat: lower_concat,
    Detach: lower_copy,
    Dropout: lower_copy,
    Running: lower_copy,
    Pad: lower_pad,
    Gather: lower_gather,
    ScatterAdd: lower_scatter_add,
    Argmax: lower_argmax,
    Item: lower_item,
    Size: _lower_size,
    Clock: _lower_clock,
}


def _lower(lowering: Lowering, op: Operation) -> None:
    """Lower one op by its strategy. Raises :class:`irc.Error` where there is none."""
    strategy = _STRATEGIES.get(type(op))
    if strategy is not None:
        strategy(lowering, op)
    elif is_data(op):
        lower_constant(lowering, op)
    elif is_pointwise(op):
        _lower_alone(lowering, op)
    elif has(op, PURE) and not op.regions and not _has_arrays(op):
        lowering.builder.insert(op.clone(lowering.values))
    else:
        fail(f"'{op.name}' is left over after lower-array: there is no rule to lower it", op.location)


def _has_arrays(op: Operation) -> bool:
    return any(isinstance(value.type, ShapedType) for value in (*op.operands, *op.results))
