"""Parallelise: say which loops threads may share, and how much there is to do in them.

A parallel loop that no other one surrounds is shared, if its turns have nothing in common: they carry nothing,
accumulate nothing and use no memory of their own. So any number of threads gives the same bits. ``work`` estimates its
cost, in instructions on one register: threads share a call of the loop if that is worth it. If the loop has one other
parallel loop inside and writes nothing besides, the turns of both are shared: that one is ``chunked``.

A function with such loops, or which calls one, has the mark ``irc.team``. Its native code for a team takes one more
argument: which threads there are (``irc.backend.pool``). Loops that surely have too little work are left as they are.

Before:

```mlir
func.func @f(%N: index, %x: !loop.buffer<N x 4096 x f32>) attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4096 = arith.constant 4096 : index
  loop.for %i = %c0 to %N step %c1 parallel {
    loop.for %j = %c0 to %c4096 step %c1 parallel {
      %v = loop.load %x[%i, %j] : !loop.buffer<N x 4096 x f32>
      %r = math.sqrt %v : f32
      loop.store %r, %x[%i, %j] : f32, !loop.buffer<N x 4096 x f32>
      loop.yield
    }
    loop.yield
  }
  func.return
}
```

After:

```mlir
func.func @f(%N: index, %x: !loop.buffer<N x 4096 x f32>) attributes {irc.symbols_args = ["N"], irc.team} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4096 = arith.constant 4096 : index
  loop.for %i = %c0 to %N step %c1 parallel work "12288*N" {
    loop.for %j = %c0 to %c4096 step %c1 parallel chunked {
      %v = loop.load %x[%i, %j] : !loop.buffer<N x 4096 x f32>
      %r = math.sqrt %v : f32
      loop.store %r, %x[%i, %j] : f32, !loop.buffer<N x 4096 x f32>
      loop.yield
    }
    loop.yield
  }
  func.return
}
```
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from irc.backend.pool import GRAIN
from irc.backend.target import Target
from irc.dialects.arith import AddI, MinSI
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import CallOp, FuncOp
from irc.dialects.loop import UNSHARED, For, If, Size, Yield, inner_loop
from irc.dialects.marks import TEAM, has_team
from irc.ir.attributes import StringAttr, UnitAttr
from irc.ir.dimensions import Dimension, ceildiv, evaluate, symbols_of
from irc.ir.operation import Block, Operation, Value
from irc.ir.symbols import lookup
from irc.ir.traits import CONSTANT, has
from irc.ir.types import VectorType
from irc.passes._sizes import size_of
from irc.passmanager import Pass, PassContext, Signature

LARGE = 4095
"""What sizes are taken for to see whether a loop can ever have enough work: all remainders are large of it."""
ABOUT = 8
"""The turns of a loop whose bounds are no formulas of sizes."""


@dataclass(frozen=True)
class Parallelize(Pass):
    """Mark the loops that threads may share."""

    name = "parallelize"
    signature = Signature.SAME

    def run(self, module: ModuleOp, context: PassContext) -> None:
        functions = [op for op in module.functions if isinstance(op, FuncOp) and not op.is_declaration]
        for function in functions:
            for loop in _candidates(function.entry):
                work = _work(loop, context.target)
                if _at_most(work) < 2 * GRAIN:
                    continue
                loop.attributes["work"] = StringAttr(str(work))
                function.attributes[TEAM] = UnitAttr()
                inner = inner_loop(loop)
                if inner is not None:
                    inner.attributes["chunked"] = UnitAttr()
                context.count("loops", 1)
        _mark_callers(functions)


def _candidates(block: Block) -> list[For]:
    """The outermost parallel loops of a block whose turns have nothing in common. Inside of one whose turns use memory
    of their own, as products do that pack an operand, there may be such loops.
    """
    found = []
    for op in block:
        if isinstance(op, For) and _is_shareable(op):
            found.append(op)
        elif isinstance(op, (For, If)):
            found += [loop for region in op.regions for inner in region.blocks for loop in _candidates(inner)]
    return found


def _is_shareable(loop: For) -> bool:
    return loop.parallel is not None and not loop.results and not any(op.name in UNSHARED for op in loop.walk())


def _mark_callers(functions: list[FuncOp]) -> None:
    """Who calls a function that has a team has one too, so that it can hand it on."""
    marked = True
    while marked:
        marked = False
        for function in functions:
            if has_team(function.attributes):
                continue
            callees = [lookup(op, op.callee.value) for op in function.walk() if isinstance(op, CallOp)]
            if any(callee is not None and has_team(callee.attributes) for callee in callees):
                function.attributes[TEAM] = UnitAttr()
                marked = True


def _work(op: Operation, target: Target) -> Dimension:
    """About how many instructions an op takes, those inside included."""
    if isinstance(op, For):
        return _turns(op) * _sum(op.body.block, target)
    if isinstance(op, If):
        sides = [_sum(region.block, target) for region in op.regions if region.blocks]
        return max(sides, key=_at_most)
    if has(op, CONSTANT) or isinstance(op, (Size, Yield)):
        return 0
    return max((_registers(value, target) for value in (*op.results, *op.operands)), default=1)


def _sum(block: Block, target: Target) -> Dimension:
    total: Dimension = 0
    for op in block:
        total = total + _work(op, target)
    return total


def _turns(op: For) -> Dimension:
    lower, upper, step = (size_of(value, op) for value in (op.lower, op.upper, op.step))
    length = _block(op) if lower is None or upper is None else upper - lower
    if length is None or not isinstance(step, int) or step < 1:
        return ABOUT
    turns = ceildiv(length, step)
    return max(turns, 0) if isinstance(turns, int) else turns


def _block(op: For) -> Dimension | None:
    """The length of a loop over a block of a longer one, from ``k`` to ``min(k + length, end)``; None for others."""
    least = op.upper.defining_op()
    for end in least.operands if isinstance(least, MinSI) else ():
        behind = end.defining_op()
        if isinstance(behind, AddI) and op.lower in behind.operands:
            return size_of(behind.operands[behind.operands[0] is op.lower], op)
    return None


def _registers(value: Value, target: Target) -> int:
    """How many registers hold a value; a row of a tile begins with one of its own."""
    if not isinstance(value.type, VectorType):
        return 1
    *rows, columns = map(int, value.type.shape)  # type: ignore[arg-type]
    return prod(rows) * -(-columns // target.lanes(value.type.scalar))


def _at_most(work: Dimension) -> int:
    """The work for large sizes."""
    return evaluate(work, dict.fromkeys(symbols_of(work), LARGE))
