"""Canonicalisation: folds what is known, and brings each op to one preferred form.

Runs every op's ``fold`` and every op's own patterns (``canonical_patterns``) until nothing changes, moves constants
to the right of commutative ops, and removes ops that become dead.

Before:

```mlir
func.func @f(%x: f32) -> f32 {
  %one = arith.constant 1.0 : f32
  %y = arith.mulf %one, %x : f32
  func.return %y : f32
}
```

After:

```mlir
func.func @f(%x: f32) -> f32 {
  func.return %x : f32
}
```
"""

from __future__ import annotations

from dataclasses import dataclass

from irc.dialects.builtin import ModuleOp
from irc.dialects.constants import materialise
from irc.ir.operation import Operation, Value
from irc.ir.rewriting import Pattern, Rewriter, rewrite
from irc.ir.traits import COMMUTATIVE, CONSTANT, has
from irc.passmanager import Pass, PassContext


class ConstantsRight(Pattern):
    """c + x --> x + c, for commutative ops whose second operand is no constant."""

    def rewrite(self, op: Operation, rewriter: Rewriter) -> bool:
        if not has(op, COMMUTATIVE) or len(op.operands) < 2:
            return False
        first, second, *rest = op.operands
        if not _is_constant(first) or _is_constant(second):
            return False
        op.operands = (second, first, *rest)
        rewriter.changed(op)
        return True


def _is_constant(value: Value) -> bool:
    op = value.defining_op()
    return op is not None and has(op, CONSTANT)


@dataclass(frozen=True)
class Canonicalize(Pass):
    """Fold constants and apply each op's own simplifications."""

    name = "canonicalize"

    def run(self, module: ModuleOp, context: PassContext) -> None:
        context.count("rewrites", rewrite(module, [ConstantsRight()], materialise, canonical=True))
