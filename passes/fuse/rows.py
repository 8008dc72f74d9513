"""Work that goes through rows more than once: a softmax, a log-sum-exp, a normalisation, their gradients.

Such work reduces each row to a number and spreads the number over the row again. A group of the ordinary kind ends at
each reduction, so every one would go through all of memory, and leave to the next what is as large as the whole. Here
all of it becomes one group, which ``lower-array`` makes one loop over the rows, each of which stays in the cache.

The members are found from a reduction of rows: what follows from it row by row; sums over the rows of that; and what
these read, if it is made row by row too. Nothing outside may both need the group and be needed by it: what follows
from a member in another way (a matrix product of the rows, say) comes after the group, with all that needs it.
"""

from __future__ import annotations

from collections.abc import Mapping

from irc.dialects.array import Argmax, Reduce
from irc.ir.builder import Builder
from irc.ir.operation import Block, Operation
from irc.ir.types import TensorType
from irc.passes.fuse.grouping import Group, Space, users_of
from irc.passes.lower_array.lowering import shape_of
from irc.passes.lower_array.nest import is_elementwise
from irc.passes.lower_array.rows import is_row_reduction, is_spread


def row_group(block: Block, tried: set[Operation]) -> Group | None:
    """The first group around a reduction of rows that is not among ``tried``; what is looked at is added to these."""
    for op in block:
        if isinstance(op, (Reduce, Argmax)) and op not in tried:
            tried.add(op)
            rank = len(shape_of(op.result))
            if rank and is_row_reduction(op, rank):
                members = _Members(block, op, rank).found
                spreads = [m for m in members if is_spread(m, rank) and m.operands[0].defining_op() in members]
                if spreads:
                    for spread in spreads:
                        _copy_for_others(spread, members)
                    return Group(0, shape_of(op.operands[0]), members)
    return None


def _copy_for_others(op: Operation, members: Mapping[Operation, None]) -> None:
    """Give those outside of a group that read a spread of numbers one of their own: so the group need not write it."""
    outside = [use for use in op.results[0].uses if _at_top(use[0], op.parent) not in members]
    if outside:
        copy = Builder.after(op).insert(op.clone())
        for user, index in outside:
            user.set_operand(index, copy.results[0])


def _at_top(op: Operation, block: Block | None) -> Operation:
    """The op of a block that ``op`` is, or is inside."""
    while op.parent is not block:
        op = op.parent_op  # type: ignore[assignment]
    return op


class _Members:
    """The ops that belong to the group of ``seed``, whose result has ``rank`` dimensions."""

    def __init__(self, block: Block, seed: Operation, rank: int):
        self.block = block
        self.rank = rank
        self.space: Space = shape_of(seed.operands[0])
        self.found: dict[Operation, None] = {seed: None}
        self.sums: set[Operation] = set()  # members that are complete only when all rows are done
        self.after: set[Operation] = set()  # outside, and needs a member
        ops = list(block)
        for op in ops[ops.index(seed) + 1 :]:
            self._follow(op)
        self._precede(ops)

    def _follow(self, op: Operation) -> None:
        needed = _needed_by(op, self.block)
        late = not (needed.isdisjoint(self.after) and needed.isdisjoint(self.sums))
        if not late and needed.isdisjoint(self.found):
            return
        if late or not (self._is_row_by_row(op) or self._is_sum(op)):
            self.after.add(op)
            return
        self.found[op] = None
        if not self._is_row_by_row(op):
            self.sums.add(op)

    def _precede(self, ops: list[Operation]) -> None:
        """Take in what members read, unless something between them and it stays outside."""
        before: set[Operation] = set()  # outside, and a member needs it
        for op in reversed(ops):
            if op in self.found or op in self.after:
                continue
            users = list(users_of(op))
            if not any(user in self.found or user in before for user in users):
                continue
            needless = is_spread(op, self.rank) and not all(user in self.found for user in users)
            if self._is_row_by_row(op) and not needless and not any(user in before for user in users):
                self.found[op] = None
            else:
                before.add(op)
        read = {value for member in self.found for value in member.operands}
        for op in ops:  # other sums over rows of what is read anyway
            if op not in self.found and op not in self.after and op not in before and self._is_sum(op):
                if op.operands[0] in read:
                    self.found[op] = None

    def _is_row_by_row(self, op: Operation) -> bool:
        """Whether the op computes rows from rows of the group's shape, or numbers of them, in the same place."""
        if len(op.results) != 1 or not isinstance(op.results[0].type, TensorType):
            return False
        shape = op.results[0].type.shape
        if is_elementwise(op):
            return shape in (self.space, self.space[: self.rank])
        if is_spread(op, self.rank):
            return shape == self.space
        return is_row_reduction(op, self.rank) and shape_of(op.operands[0]) == self.space

    def _is_sum(self, op: Operation) -> bool:
        """Whether the op adds up wide values over the rows; what reads that comes after the group."""
        return isinstance(op, Reduce) and op.kind.value == "sum" and 0 in op.axes and shape_of(op.source) == self.space


def _needed_by(op: Operation, block: Block) -> set[Operation]:
    """The ops of the block whose results ``op`` reads, itself or inside of its regions."""
    found = {value.defining_op() for inner in op.walk() for value in inner.operands}
    return {definer for definer in found if definer is not None and definer.parent is block}
