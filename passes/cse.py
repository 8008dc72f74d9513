"""Common-subexpression elimination: equal ops compute equal values, so one is enough.

Two pure ops are equal when they have the same name, operands, attributes and result types (the first two operands of a
commutative op in either order), and no regions. A later one is replaced by an earlier one that dominates it. At
neuron level this makes one neuron of two with the same inputs and the same parameter *indices*; equal weights are a
coincidence, equal indices are an identity.

Before:

```mlir
func.func @f(%x: f32, %y: f32) -> f32 {
  %a = arith.addf %x, %y : f32
  %b = arith.addf %y, %x : f32
  %c = arith.mulf %a, %b : f32
  func.return %c : f32
}
```

After:

```mlir
func.func @f(%x: f32, %y: f32) -> f32 {
  %a = arith.addf %x, %y : f32
  %c = arith.mulf %a, %a : f32
  func.return %c : f32
}
```
"""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass

from irc.dialects.builtin import ModuleOp
from irc.ir.operation import Operation, Region
from irc.ir.traits import COMMUTATIVE, GRAPH_REGION, ISOLATED, PURE, has
from irc.passmanager import Pass, PassContext


@dataclass(frozen=True)
class Cse(Pass):
    """Replace an op by an equal one before it."""

    name = "cse"

    def run(self, module: ModuleOp, context: PassContext) -> None:
        for region in module.regions:
            _region(region, ChainMap(), context, graph=False)


def _key(op: Operation) -> tuple:
    operands = op.operands
    if has(op, COMMUTATIVE) and len(operands) >= 2 and id(operands[1]) < id(operands[0]):
        operands = (operands[1], operands[0], *operands[2:])
    return (type(op), operands, tuple(sorted(op.attributes.items())), tuple(r.type for r in op.results))


def _region(region: Region, known: ChainMap, context: PassContext, graph: bool) -> None:
    """``known`` holds the ops that dominate the region. Several blocks: only what is within one block is merged."""
    for block in region.blocks:
        scope = known.new_child()
        changed = True
        while changed:  # in a graph a merge may make ops above equal; elsewhere one walk is enough
            changed = False
            for op in block:
                for inner in op.regions:
                    outer = ChainMap() if has(op, ISOLATED) else scope
                    _region(inner, outer, context, has(op, GRAPH_REGION))
                if not has(op, PURE) or op.regions or not op.results:
                    continue
                key = _key(op)
                found = scope.get(key)
                if found is None:
                    scope[key] = op
                elif found is not op and found.parent is not None:
                    op.replace_by(found.results)
                    context.count("ops merged")
                    changed = graph
            if changed:
                scope = known.new_child()
