"""Fusion: elementwise ops and the reductions at their ends become groups, each of which is one loop nest later.

The ops of a group run over one iteration space: they have one shape, or reduce from it. A group may give several
results. What feeds it by merely renaming positions (broadcast, transpose, slice, unstack) or is known everywhere
(full, iota, constants) is copied into every group that reads it, and computed there as an index or a number; a stack
of a group's results is a store to slices and joins the group too. So a net drawn as neurons, with thousands of ops on
vectors of samples, is one loop over the samples.

Ops are visited last to first, and each joins the group of one of its users, else any other group of its space, where
this is legal: nothing outside may both need a result of the group and be needed by it. Reductions are complete only
when the loop is, so nothing in the same group may read them. The pass also lets an ``array.dag`` take the value that
an ``array.dag_grad`` of the same net computes anyway.

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
  %0 = array.fused(%x1 = %x : tensor<B x 4 x f32>, %b1 = %b : tensor<4xf32>) -> tensor<B x 4 x f32> {
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

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from irc.dialects import arith
from irc.dialects.array import Dag, DagGrad, Full, Fused, Iota, Reduce, Stack, Yield
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp
from irc.ir.builder import Builder
from irc.ir.dimensions import Dimension
from irc.ir.operation import Block, BlockArgument, Operation, Region, Value
from irc.ir.traits import CONSTANT, PURE, has
from irc.passes.lower_array.lowering import shape_of
from irc.passes.lower_array.nest import is_elementwise, is_pointwise, is_view
from irc.passmanager import Pass, PassContext


@dataclass(frozen=True)
class Fuse(Pass):
    """Group elementwise ops and reductions into loop nests."""

    name = "fuse"

    def run(self, module: ModuleOp, context: PassContext) -> None:
        for function in module.functions:
            if isinstance(function, FuncOp):
                for block in function.body.blocks:
                    _fuse_block(block, context)


def _fuse_block(block: Block, context: PassContext) -> None:
    _share_dags(block)
    _merge_sums(block)
    groups = [group for group in _Grouping(block).groups if group.members]
    for group in groups:
        _copy_sources(group)
    for group in groups:
        _absorb_stacks(group)
    groups = [group for group in groups if len(group.members) > 1]
    _sort(block, groups)
    for group in groups:
        _build(group)
        context.count("groups")
        context.count("ops in groups", len(group.members))


# -- what may join ---------------------------------------------------------------------------------------------------

Space = tuple[Dimension, ...]


def _space(op: Operation) -> Space | None:
    """The iteration space of an op that can be a member of a group, else None."""
    if isinstance(op, Reduce):
        return shape_of(op.operands[0])
    if is_elementwise(op) and is_pointwise(op):
        return shape_of(op.results[0])
    return None


def _is_source(op: Operation | None) -> bool:
    """Whether the op is copied into the groups that read it: it costs nothing there."""
    return op is not None and (is_view(op) or isinstance(op, (Full, Iota)) or (has(op, CONSTANT) and is_pointwise(op)))


@dataclass(eq=False)
class _Group:
    """Members in reverse order while the group grows. ``carried``: the dimensions of its maxima, minima and
    products."""

    number: int
    space: Space
    members: dict[Operation, None] = field(default_factory=dict)
    carried: tuple[int, ...] | None = None


class _Grouping:
    """The assignment of a block's ops to groups, with the graph of groups as bit masks."""

    def __init__(self, block: Block):
        self.groups: list[_Group] = []
        self.of: dict[Operation, _Group] = {}
        self.by_space: dict[Space, list[_Group]] = {}
        self._after: list[int] = []  # per group: the groups that read it, directly or through single ops
        self._below: dict[Operation, int] = {}  # per single op: the groups that read it likewise
        self._reach: dict[int, int] = {}
        for op in reversed(block):
            self._place(op)

    def _place(self, op: Operation) -> None:
        space = _space(op)
        if space is not None:
            for group in self._candidates(op, space):
                if self._may_join(op, group):
                    self._join(op, group)
                    return
            group = _Group(len(self.groups), space)
            self.groups.append(group)
            self._after.append(0)
            self.by_space.setdefault(space, []).append(group)
            self._join(op, group)
        else:
            self._below[op] = self._downstream(op, None)

    def _candidates(self, op: Operation, space: Space) -> list[_Group]:
        """Groups of the op's users first, then the others of its space, the nearest first."""
        near = [self.of[user] for user in _users(op) if user in self.of]
        return list(dict.fromkeys([g for g in near if g.space == space] + self.by_space.get(space, [])[::-1]))

    def _downstream(self, op: Operation, group: _Group | None) -> int:
        """The groups that read results of ``op`` directly or through single ops, other than by being in ``group``."""
        mask = 0
        for user in _users(op):
            owner = self.of.get(user)
            if owner is None:
                mask |= self._below.get(user, 0)
            elif owner is not group:
                mask |= 1 << owner.number
        return mask

    def _may_join(self, op: Operation, group: _Group) -> bool:
        if isinstance(op, Reduce):
            if any(self.of.get(user) is group for user in _users(op)):
                return False
            carried = _carried(op)
            if carried is not None and group.carried is not None and carried != group.carried:
                return False
        return not self._closure(self._downstream(op, group)) >> group.number & 1

    def _join(self, op: Operation, group: _Group) -> None:
        group.members[op] = None
        self.of[op] = group
        if isinstance(op, Reduce):
            group.carried = group.carried or _carried(op)
        after = self._after[group.number] | self._downstream(op, group)
        if after != self._after[group.number]:
            self._after[group.number] = after
            self._reach.clear()

    def _closure(self, mask: int) -> int:
        """All groups that need one of the groups of a mask to be done, themselves included."""
        found = self._reach.get(mask)
        if found is None:
            found, pending = mask, mask
            while pending:
                lowest = pending & -pending
                new = self._after[lowest.bit_length() - 1] & ~found
                found |= new
                pending = (pending ^ lowest) | new
            self._reach[mask] = found
        return found


def _carried(op: Reduce) -> tuple[int, ...] | None:
    """The dimensions that have to be innermost for the op: those of any reduction but a sum."""
    return None if op.kind.value == "sum" else op.axes


def _users(op: Operation) -> Iterator[Operation]:
    """The ops of the same block that read a result of ``op``, perhaps inside their regions."""
    for result in op.results:
        for user in result.users:
            while user.parent is not op.parent:
                user = user.parent_op  # type: ignore[assignment]
            yield user


# -- making the groups whole -----------------------------------------------------------------------------------------


def _copy_sources(group: _Group) -> None:
    """Give the group copies of its own of the sources it reads; originals that nobody reads any more go."""
    copies: dict[Operation, Operation] = {}
    for member in list(group.members):
        originals = [value.defining_op() for value in member.operands]
        member.operands = [_copied(value, group, copies) for value in member.operands]
        for original in originals:
            _erase_unused(original)


def _copied(value: Value, group: _Group, copies: dict[Operation, Operation]) -> Value:
    op = value.defining_op()
    if op is None or not _is_source(op) or op in group.members:
        return value
    copy = copies.get(op)
    if copy is None:
        chain = [op]  # from the value back to where it comes from
        while (before := chain[-1].operands[0].defining_op() if chain[-1].operands else None) and _is_source(before):
            chain.append(before)
        for link in reversed(chain):
            if link not in copies:
                known = {v: copies[s].results[v.index] for v in link.operands if (s := v.defining_op()) in copies}
                copies[link] = Builder.before(link).insert(link.clone(known))
                group.members[copies[link]] = None
        copy = copies[op]
    return copy.results[value.index]


def _erase_unused(op: Operation | None) -> None:
    """Remove a source that nobody reads, and those that only it read."""
    while op is not None and _is_source(op) and not any(result.uses for result in op.results) and op.parent is not None:
        before = op.operands[0].defining_op() if op.operands else None
        op.erase()
        op = before


def _absorb_stacks(group: _Group) -> None:
    """Let stacks of the group's results join it."""
    stacks = dict.fromkeys(user for member in group.members for user in _users(member) if isinstance(user, Stack))
    for stack in stacks:
        if all(_fits_stack(operand, group) for operand in stack.operands):
            originals = [operand.defining_op() for operand in stack.operands]
            copies: dict[Operation, Operation] = {}
            stack.operands = [_copied(operand, group, copies) for operand in stack.operands]
            group.members[stack] = None
            for original in originals:
                _erase_unused(original)


def _fits_stack(operand: Value, group: _Group) -> bool:
    """Whether the group can write the operand of a stack: a result of its own, or something known before it runs."""
    op = operand.defining_op()
    if op in group.members:
        return isinstance(op, Reduce) or shape_of(operand) == group.space
    while op is not None and _is_source(op) and op.operands:
        operand = op.operands[0]
        op = operand.defining_op()
    return isinstance(operand, BlockArgument) or _is_source(op)


def _sort(block: Block, groups: Sequence[_Group]) -> None:
    """Reorder the block so that the members of each group stand together, and otherwise as little as possible
    changes."""
    numbers = {op: number for number, op in enumerate(block)}
    leader = {op: group for group in groups for op in group.members}
    nodes: dict[object, list[Operation]] = {}
    for op in block:
        nodes.setdefault(leader.get(op, op), []).append(op)
    key = {node: numbers[ops[-1]] for node, ops in nodes.items()}
    after: dict[object, dict[object, None]] = {node: {} for node in nodes}
    waiting = dict.fromkeys(nodes, 0)
    last_effect: Operation | None = None

    def edge(source: object, target: object) -> None:
        if source is not target and target not in after[source]:
            after[source][target] = None
            waiting[target] += 1

    for op in block:
        node = leader.get(op, op)
        for inner in op.walk():
            for value in inner.operands:
                definer = value.defining_op()
                if definer in numbers:
                    edge(leader.get(definer, definer), node)
        if not has(op, PURE):
            if last_effect is not None:
                edge(last_effect, node)
            last_effect = op
    by_key = {key[node]: node for node in nodes}
    ready = [key[node] for node in nodes if not waiting[node]]
    heapq.heapify(ready)
    order: list[Operation] = []
    while ready:
        node = by_key[heapq.heappop(ready)]
        order.extend(nodes[node])
        for following in after[node]:
            waiting[following] -= 1
            if not waiting[following]:
                heapq.heappush(ready, key[following])
    for op in order:
        op.detach()
        block.append(op)


def _build(group: _Group) -> None:
    """Move the members, which stand together now, into one ``array.fused``."""
    members = sorted(group.members, key=_positions(group))
    inside = set(members)
    inputs = dict.fromkeys(v for op in members for v in op.operands if v.defining_op() not in inside)
    outputs = [r for op in members for r in op.results if any(user not in inside for user in r.users)]
    body = Block([value.type for value in inputs], [value.location for value in inputs])
    builder = Builder.after(members[-1])
    first = next((op for op in members if not _is_source(op)), members[0])
    fused = Fused(list(inputs), [r.type for r in outputs], {}, [Region([body])], location=first.location)
    builder.insert(fused)
    for old, new in zip(outputs, fused.results, strict=True):
        new.name_hint = old.name_hint
        for op, index in list(old.uses):
            if op not in inside:
                op.set_operand(index, new)
    renamed = dict(zip(inputs, body.arguments, strict=True))
    for old, argument in renamed.items():
        argument.name_hint = old.name_hint
    for op in members:
        op.detach()
        body.append(op)
        op.operands = [renamed.get(value, value) for value in op.operands]
    Builder.at_end(body, fused.location).create(Yield, outputs)


def _positions(group: _Group):
    block = next(iter(group.members)).parent
    assert block is not None
    numbers = {op: number for number, op in enumerate(block)}
    return numbers.__getitem__


# -- before grouping -------------------------------------------------------------------------------------------------


def _merge_sums(block: Block) -> None:
    """sum(a) + sum(b) --> sum(a + b), where nothing else reads the sums: the gradient of a shared weight stays one
    sum."""
    for op in block:
        if not isinstance(op, arith.AddF):
            continue
        sums = [value.defining_op() for value in op.operands]
        if not all(isinstance(s, Reduce) and s.kind.value == "sum" and len(s.result.uses) == 1 for s in sums):
            continue
        a, b = sums
        if a is b or a.attributes != b.attributes or a.operands[0].type is not b.operands[0].type:
            continue
        builder = Builder.before(op)
        total = builder.value(arith.AddF, a.operands[0], b.operands[0])
        op.replace_by([builder.value(Reduce, total, kind=a.kind, dims=a.dims)])
        a.erase()
        b.erase()


def _share_dags(block: Block) -> None:
    """Let a dag be the forward result of a gradient op of the same net, unless that op's cotangent depends on the
    dag."""
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
        _sort(block, [])


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
