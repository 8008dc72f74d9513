"""From a group of ops to ``array.fused``: what feeds it is copied into it, its stacks join it, its region is built."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from irc.dialects.array import Fused, Reduce, Stack, Yield
from irc.ir.builder import Builder
from irc.ir.operation import Block, BlockArgument, Operation, OpResult, Region, Value
from irc.ir.traits import PURE, has
from irc.passes.fuse.grouping import Group, is_source, users_of
from irc.passes.lower_array.lowering import shape_of


def copy_sources(group: Group) -> None:
    """Give the group copies of its own of the sources it reads; originals that nobody reads any more go."""
    copies: dict[Operation, Operation] = {}
    for member in list(group.members):
        originals = [value.defining_op() for value in member.operands]
        member.operands = [_copied(value, group, copies) for value in member.operands]
        for original in originals:
            _erase_unused(original)


def _copied(value: Value, group: Group, copies: dict[Operation, Operation]) -> Value:
    op = value.defining_op()
    if op is None or not is_source(op) or op in group.members:
        return value
    copy = copies.get(op)
    if copy is None:
        chain = [op]  # from the value back to where it comes from
        while (before := chain[-1].operands[0].defining_op() if chain[-1].operands else None) and is_source(before):
            chain.append(before)
        for link in reversed(chain):
            if link not in copies:
                copies[link] = Builder.before(link).insert(link.clone())
                copies[link].operands = [_copied(v, group, copies) for v in link.operands]
                group.members[copies[link]] = None
        copy = copies[op]
    assert isinstance(value, OpResult)
    return copy.results[value.index]


def _erase_unused(op: Operation | None) -> None:
    """Remove a source that nobody reads, and those that only it read."""
    while op is not None and is_source(op) and not any(result.uses for result in op.results) and op.parent is not None:
        before = op.operands[0].defining_op() if op.operands else None
        op.erase()
        op = before


def absorb_stacks(group: Group) -> None:
    """Let stacks of the group's results join it."""
    stacks = dict.fromkeys(user for member in group.members for user in users_of(member) if isinstance(user, Stack))
    for stack in stacks:
        if all(_fits_stack(operand, group) for operand in stack.operands):
            originals = [operand.defining_op() for operand in stack.operands]
            copies: dict[Operation, Operation] = {}
            stack.operands = [_copied(operand, group, copies) for operand in stack.operands]
            group.members[stack] = None
            for original in originals:
                _erase_unused(original)


def _fits_stack(operand: Value, group: Group) -> bool:
    """Whether the group can write the operand of a stack: a result of its own, or something known before it runs."""
    op = operand.defining_op()
    if op in group.members:
        return isinstance(op, Reduce) or shape_of(operand) == group.space
    while op is not None and is_source(op) and op.operands:
        operand = op.operands[0]
        op = operand.defining_op()
    return isinstance(operand, BlockArgument) or is_source(op)


def sort_block(block: Block, groups: Sequence[Group]) -> dict[Group, list[Operation]]:
    """Reorder the block so that the members of each group stand together, and otherwise as little as possible changes.

    Returns the members of each group in their order.
    """
    numbers = {op: number for number, op in enumerate(block)}
    leader: dict[Operation, Group] = {op: group for group in groups for op in group.members}
    nodes: dict[Operation | Group, list[Operation]] = {}
    for op in block:
        nodes.setdefault(leader.get(op, op), []).append(op)
    after: dict[Operation | Group, dict[Operation | Group, None]] = {node: {} for node in nodes}
    waiting = dict.fromkeys(nodes, 0)
    last_effect: Operation | None = None

    def edge(source: Operation | Group, target: Operation | Group) -> None:
        if source is not target and target not in after[source]:
            after[source][target] = None
            waiting[target] += 1

    for op in block:
        node = leader.get(op, op)
        for inner in op.walk():
            for value in inner.operands:
                definer = value.defining_op()
                if definer is not None and definer in numbers:
                    edge(leader.get(definer, definer), node)
        if not has(op, PURE):
            if last_effect is not None:
                edge(last_effect, node)
            last_effect = op
    place = {node: numbers[ops[-1]] for node, ops in nodes.items()}
    by_place = {number: node for node, number in place.items()}
    ready = [place[node] for node in nodes if not waiting[node]]
    heapq.heapify(ready)
    order: list[Operation] = []
    while ready:
        node = by_place[heapq.heappop(ready)]
        order.extend(nodes[node])
        for following in after[node]:
            waiting[following] -= 1
            if not waiting[following]:
                heapq.heappush(ready, place[following])
    for op in order:
        op.detach()
        block.append(op)
    return {group: nodes[group] for group in groups}


def build_region(members: Sequence[Operation]) -> None:
    """Move the members of a group, which stand together, into one ``array.fused``."""
    inside = set(members)
    inputs = dict.fromkeys(v for op in members for v in op.operands if v.defining_op() not in inside)
    outputs = [r for op in members for r in op.results if any(user not in inside for user in r.users)]
    body = Block([value.type for value in inputs], [value.location for value in inputs])
    builder = Builder.after(members[-1])
    first = next((op for op in members if not is_source(op)), members[0])
    fused = Fused(list(inputs), [r.type for r in outputs], {}, [Region([body])], location=first.location)
    builder.insert(fused)
    for inner, outer in zip(outputs, fused.results, strict=True):
        outer.name_hint = inner.name_hint
        for op, index in list(inner.uses):
            if op not in inside:
                op.set_operand(index, outer)
    renamed = dict(zip(inputs, body.arguments, strict=True))
    for old, argument in renamed.items():
        argument.name_hint = old.name_hint
    for op in members:
        op.detach()
        body.append(op)
        op.operands = [renamed.get(value, value) for value in op.operands]
    Builder.at_end(body, fused.location).create(Yield, outputs)
