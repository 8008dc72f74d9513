"""Programs that time themselves: the clock is read before the first kernel and after each.

A kernel is what becomes a loop nest of its own: an op on whole arrays that computes or moves something. So this pass
comes right before ``lower-array``, when everything is grouped. The readings are further results of every public
function, behind its own: two at the beginning, which tell what a reading itself takes, then one behind each kernel.

Before:

```mlir
func.func @f(%x: tensor<B x f32>) -> tensor<B x f32> {
  %y = math.exp %x : tensor<B x f32>
  func.return %y : tensor<B x f32>
}
```

After:

```mlir
func.func @f(%x: tensor<B x f32>) -> (tensor<B x f32>, i64, i64, i64) {
  %0 = loop.clock : i64
  %1 = loop.clock : i64
  %y = math.exp %x : tensor<B x f32>
  %2 = loop.clock : i64
  func.return %y, %0, %1, %2 : tensor<B x f32>, i64, i64, i64
}
```
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from irc.dialects.builtin import ModuleOp
from irc.dialects.func import CallOp, FuncOp
from irc.dialects.loop import Clock
from irc.ir.builder import Builder
from irc.ir.diagnostics import fail
from irc.ir.operation import Operation, Value
from irc.ir.symbols import is_private, references_in
from irc.ir.traits import CONSTANT, has
from irc.ir.types import FunctionType, TensorType, i64
from irc.passmanager import Pass, PassContext, Signature


@dataclass(frozen=True)
class TimeKernels(Pass):
    """Read the clock around each kernel."""

    name = "time-kernels"
    signature = Signature.EXTENDED

    def run(self, module: ModuleOp, context: PassContext) -> None:
        called = {name for op in module.functions for name in references_in(op)}
        for op in module.functions:
            if isinstance(op, FuncOp) and not is_private(op) and not op.is_declaration:
                if op.symbol in called:
                    fail(f"@{op.symbol} is called, so it must keep its results: make it private", op.location)
                _time(op, context)


def kernels(function: FuncOp) -> Iterator[Operation]:
    """The ops of an array-level function that are kernels."""
    for op in function.entry:
        makes_arrays = any(isinstance(result.type, TensorType) for result in op.results)
        if (makes_arrays and not has(op, CONSTANT)) or isinstance(op, CallOp):
            yield op


def _time(function: FuncOp, context: PassContext) -> None:
    timed = list(kernels(function))
    end = function.entry.terminator
    first = Builder.before(timed[0] if timed else end)
    readings: list[Value] = [first.create(Clock).result for _ in range(2)]
    for op in timed:
        readings.append(Builder.after(op).create(Clock).result)
        context.count("kernels timed")
    end.operands = (*end.operands, *readings)
    types = [i64] * len(readings)
    results = [dict(function.res_attributes(number).items()) for number in range(len(function.type.results))]
    function.attributes["function_type"] = FunctionType(function.type.inputs, (*function.type.results, *types))
    function.set_res_attributes([*results, *({} for _ in types)])
