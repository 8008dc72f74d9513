"""Loop-invariant code motion: what is the same in every turn of a loop is computed once, before it.

A pure op moves out of a loop when its operands are defined outside. A read moves out when, besides, nothing in the
loop may write to the buffer, and the loop has at least one turn for certain: otherwise the read might lie outside the
buffer.

Before:

```mlir
func.func @f(%N: index, %a: f32, %y: !loop.buffer<N x f32>) attributes {irc.symbols_args = ["N"]} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  loop.for %i = %zero to %N step %one {
    %b = math.sqrt %a : f32
    loop.store %b, %y[%i] : f32, !loop.buffer<N x f32>
    loop.yield
  }
  func.return
}
```

After:

```mlir
func.func @f(%N: index, %a: f32, %y: !loop.buffer<N x f32>) attributes {irc.symbols_args = ["N"]} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %b = math.sqrt %a : f32
  loop.for %i = %zero to %N step %one {
    loop.store %b, %y[%i] : f32, !loop.buffer<N x f32>
    loop.yield
  }
  func.return
}
```
"""

from __future__ import annotations

from dataclasses import dataclass

from irc.dialects.builtin import ModuleOp
from irc.dialects.constants import number_of
from irc.dialects.loop import BufferType, For, memory_of
from irc.ir.operation import Operation, Value, walk_post_order
from irc.ir.traits import ALLOCATES, LOOP, PURE, READS, TERMINATOR, WRITES, has
from irc.passmanager import Pass, PassContext


@dataclass(frozen=True)
class Licm(Pass):
    """Move what does not change out of loops."""

    name = "licm"

    def run(self, module: ModuleOp, context: PassContext) -> None:
        def visit(op: Operation) -> None:
            if has(op, LOOP):
                context.count("ops moved", _hoist(op))

        walk_post_order(module, visit)


def _hoist(loop: Operation) -> int:
    """Move ops from the loop's blocks to before it; returns how many."""
    assert loop.parent is not None
    inside = {op for op in loop.walk() if op is not loop}
    moved = 0
    for region in loop.regions:
        for block in region.blocks:
            for op in block:
                if all(_is_outside(v, loop, inside) for v in op.operands) and _may_move(op, loop, inside):
                    op.detach()
                    loop.parent.insert_before(loop, op)
                    inside.discard(op)
                    moved += 1
    return moved


def _is_outside(value: Value, loop: Operation, inside: set[Operation]) -> bool:
    owner = value.owner
    if isinstance(owner, Operation):
        return owner not in inside
    return owner.parent_op is not loop and owner.parent_op not in inside


def _may_move(op: Operation, loop: Operation, inside: set[Operation]) -> bool:
    if op.regions:
        return False
    if has(op, PURE):
        return True
    if not has(op, READS) or has(op, WRITES) or not _runs(loop):
        return False
    buffers = [memory_of(v) for v in op.operands if isinstance(v.type, BufferType)]
    return not any(_may_write(other, buffers) for other in inside)


def _may_write(op: Operation, buffers: list[Value]) -> bool:
    """Whether an op may change one of the buffers: it says that it writes and uses one, or it says nothing at all."""
    if has(op, WRITES):
        return any(memory_of(v) in buffers for v in op.operands)
    known = has(op, PURE) or has(op, READS) or has(op, ALLOCATES) or has(op, TERMINATOR) or bool(op.regions)
    return not known


def _runs(loop: Operation) -> bool:
    """Whether there is at least one turn for certain."""
    if not isinstance(loop, For):
        return False
    lower, upper = number_of(loop.lower), number_of(loop.upper)
    return lower is not None and upper is not None and lower < upper
