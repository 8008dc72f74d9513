"""Fusion: elementwise ops and the reductions at their ends become groups, each of which is one loop nest later.

The ops of a group run over one iteration space: they have one shape, or reduce from it. A group may give several
results. What feeds it by merely renaming positions (broadcast, transpose, slice, unstack) or is known everywhere
(full, iota, constants) is copied into every group that reads it, and computed there as an index or a number; a stack
of a group's results is a store to slices and joins the group too. So a net drawn as neurons, with thousands of ops on
vectors of samples, is one loop over the samples.

Ops are visited last to first, and each joins the group of one of its users, else any other group of its space, where
this is legal: nothing outside may both need a result of the group and be needed by it. Reductions are complete only
when the loop is, so nothing in the same group may read them, with one exception: work on rows that goes on with what
it reduced (softmax, normalisation) is one group, found first (``rows``). A contraction or convolution whose result one
group alone reads joins it (``contractions``): what the group computes of it is done with sums that are still in
registers; groups are cut for that, so that such ops which have nothing in common are in different ones. The pass also
lets an ``array.dag`` take the value that an ``array.dag_grad`` of the same net computes anyway, and comparisons with
what relu reads look at what it gives, before a max-pooling at what that gives (``pooling``).

Before:

```mlir
func.func @f(%x: tensor<B x 4 x f32>, %b: tensor<4xf32>) -> tensor<B x 4 x f32> {
  %0 = array.broadcast %b dims [1] : tensor<4xf32> to tensor<B x 4 x f32>
  %1 = arith.addf %x, %0 : tensor<B x 4 x f32>
  %2 = math.tanh %1 : tensor<B x 4 x f32>
  func.return %2 : tensor<B x 4 x f32>
}
```

After:

```mlir
func.func @f(%x: tensor<B x 4 x f32>, %b: tensor<4xf32>) -> tensor<B x 4 x f32> {
  %0 = array.fused(%b1 = %b : tensor<4xf32>, %x1 = %x : tensor<B x 4 x f32>) -> tensor<B x 4 x f32> {
    %1 = array.broadcast %b1 dims [1] : tensor<4xf32> to tensor<B x 4 x f32>
    %2 = arith.addf %x1, %1 : tensor<B x 4 x f32>
    %3 = math.tanh %2 : tensor<B x 4 x f32>
    array.yield %3 : tensor<B x 4 x f32>
  }
  func.return %0 : tensor<B x 4 x f32>
}
```
"""

from __future__ import annotations

from dataclasses import dataclass

from irc.dialects import arith
from irc.dialects.array import Dag, DagGrad, Detach, Reduce, Scan
from irc.dialects.builtin import ModuleOp
from irc.dialects.constants import is_number, number_of
from irc.dialects.func import FuncOp
from irc.ir.builder import Builder
from irc.ir.operation import Block, Operation
from irc.passes.fuse.contractions import absorb_contractions, part_contractions
from irc.passes.fuse.grouping import Grouping
from irc.passes.fuse.pooling import mask_windows
from irc.passes.fuse.regions import absorb_stacks, build_region, copy_sources, sort_block
from irc.passes.fuse.rows import row_group
from irc.passmanager import Pass, PassContext


@dataclass(frozen=True)
class Fuse(Pass):
    """Group elementwise ops and reductions into loop nests."""

    name = "fuse"

    def run(self, module: ModuleOp, context: PassContext) -> None:
        for function in module.functions:
            if isinstance(function, FuncOp):
                steps = [op.body.block for op in function.walk() if isinstance(op, Scan)]
                for block in (*function.body.blocks, *steps):
                    _fuse_block(block, context)


def _fuse_block(block: Block, context: PassContext) -> None:
    _share_dags(block)
    _forget_detached(block)
    _merge_sums(block)
    _compare_extrema(block)
    mask_windows(block)
    _group_rows(block, context)
    groups = part_contractions(block, Grouping(block).groups)
    for group in groups:
        copy_sources(group)
    for group in groups:
        absorb_stacks(group)
    absorb_contractions(block, groups)
    members = sort_block(block, [group for group in groups if len(group.members) > 1])
    for ops in members.values():
        build_region(ops)
        context.count("groups")
        context.count("ops in groups", len(ops))


def _forget_detached(block: Block) -> None:
    """Derivatives are there by now, so what they leave alone is a value like others."""
    for op in list(block):
        if isinstance(op, Detach):
            op.replace_by([op.source])


def _compare_extrema(block: Block) -> None:
    """c >= x --> c >= max(c, x), and likewise for minima, where x is read for nothing else and c is a number.

    So the derivative of relu reads what the layer gives, and what it computed before need not be kept.
    """
    before: set[Operation] = set()
    for op in block:
        before.add(op)
        if not isinstance(op, (arith.MaximumF, arith.MinimumF)):
            continue
        others = [user for user in op.rhs.users if user is not op]
        if all(_compares_like(user, op) and user.parent is block and user not in before for user in others):
            for user in others:
                user.operands = [user.operands[0], op.output]


def _compares_like(user: Operation, extremum: arith.MaximumF | arith.MinimumF) -> bool:
    number = number_of(extremum.lhs)
    return (
        isinstance(user, arith.CmpF)
        and user.word == extremum.predicate
        and user.rhs is extremum.rhs
        and user.lhs is not user.rhs
        and number is not None
        and is_number(user.lhs, number)
    )


def _group_rows(block: Block, context: PassContext) -> None:
    """Build the groups that go through rows more than once."""
    tried: set[Operation] = set()
    while (group := row_group(block, tried)) is not None:
        copy_sources(group)
        ops = sort_block(block, [group])[group]
        build_region(ops)
        context.count("groups that go through rows")
        context.count("ops in groups", len(ops))


def _merge_sums(block: Block) -> None:
    """sum(a) + sum(b) --> sum(a + b), where nothing else reads the sums.

    So the gradient of a shared weight is one sum, and can be accumulated in its place.
    """
    for op in block:
        if not isinstance(op, arith.AddF):
            continue
        a, b = (value.defining_op() for value in op.operands)
        if not (isinstance(a, Reduce) and isinstance(b, Reduce) and _is_own_sum(a) and _is_own_sum(b)):
            continue
        if a is b or a.attributes != b.attributes or a.operands[0].type is not b.operands[0].type:
            continue
        builder = Builder.before(op)
        total = builder.value(arith.AddF, a.operands[0], b.operands[0])
        op.replace_by([builder.value(Reduce, total, kind=a.kind, dims=a.dims)])
        a.erase()
        b.erase()


def _is_own_sum(op: Reduce) -> bool:
    return op.kind.value == "sum" and len(op.result.uses) == 1


def _share_dags(block: Block) -> None:
    """Let a dag be the forward result of a gradient op of the same net, unless it needs the dag for that."""
    gradients = [op for op in block if isinstance(op, DagGrad)]
    shared = False
    for dag in [op for op in block if isinstance(op, Dag)] if gradients else []:
        for gradient in gradients:
            same = dag.operands == gradient.operands[: len(dag.operands)] and dag.kinds is gradient.kinds
            if same and dag not in _needed_by(gradient):
                dag.replace_by([gradient.results[0]])
                shared = True
                break
    if shared:
        sort_block(block, [])


def _needed_by(op: Operation) -> set[Operation]:
    """All ops that ``op`` needs, directly or through others."""
    found: set[Operation] = set()
    pending = [op]
    while pending:
        for inner in pending.pop().walk():
            for value in inner.operands:
                definer = value.defining_op()
                if definer is not None and definer not in found:
                    found.add(definer)
                    pending.append(definer)
    return found
