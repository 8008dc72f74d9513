"""Which ops stand together: the assignment of a block's ops to groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from irc.dialects.array import Full, Iota, Reduce
from irc.ir.dimensions import Dimension
from irc.ir.operation import Block, Operation
from irc.ir.traits import CONSTANT, has
from irc.passes.lower_array.lowering import shape_of
from irc.passes.lower_array.nest import is_elementwise, is_pointwise, is_view

Space = tuple[Dimension, ...]


def _space(op: Operation) -> Space | None:
    """The iteration space of an op that can be a member of a group, else None."""
    if isinstance(op, Reduce):
        return shape_of(op.operands[0])
    if is_elementwise(op) and is_pointwise(op):
        return shape_of(op.results[0])
    return None


def is_source(op: Operation | None) -> bool:
    """Whether the op is copied into the groups that read it: it costs nothing there."""
    return op is not None and (is_view(op) or isinstance(op, (Full, Iota)) or (has(op, CONSTANT) and is_pointwise(op)))


@dataclass(eq=False)
class Group:
    """Members in reverse order while the group grows. ``carried``: the dimensions of its maxima, minima and
    products."""

    number: int
    space: Space
    members: dict[Operation, None] = field(default_factory=dict)
    carried: tuple[int, ...] | None = None


class Grouping:
    """The assignment of a block's ops to groups, with the graph of groups as bit masks."""

    def __init__(self, block: Block):
        self.groups: list[Group] = []
        self.of: dict[Operation, Group] = {}
        self.by_space: dict[Space, list[Group]] = {}
        self._after: list[int] = []  # per group: the groups that read it, directly or through single ops
        self._below: dict[Operation, int] = {}  # per single op: the groups that read it likewise
        self._reach: dict[int, int] = {}
        for op in reversed(block):
            self._place(op)
        self._settle_sums()

    def _place(self, op: Operation) -> None:
        space = _space(op)
        if space is not None:
            for group in self._candidates(op, space):
                if self._may_join(op, group):
                    self._join(op, group)
                    return
            group = Group(len(self.groups), space)
            self.groups.append(group)
            self._after.append(0)
            self.by_space.setdefault(space, []).append(group)
            self._join(op, group)
        else:
            self._below[op] = self._downstream(op, None)

    def _candidates(self, op: Operation, space: Space) -> list[Group]:
        """Groups of the op's users first, then the others of its space, the nearest first."""
        near = [self.of[user] for user in users_of(op) if user in self.of]
        return list(dict.fromkeys([g for g in near if g.space == space] + self.by_space.get(space, [])[::-1]))

    def _downstream(self, op: Operation, group: Group | None) -> int:
        """The groups that read results of ``op`` directly or through single ops, other than by being in ``group``."""
        mask = 0
        for user in users_of(op):
            owner = self.of.get(user)
            if owner is None:
                mask |= self._below.get(user, 0)
            elif owner is not group:
                mask |= 1 << owner.number
        return mask

    def _may_join(self, op: Operation, group: Group) -> bool:
        if isinstance(op, Reduce):
            if any(self.of.get(user) is group for user in users_of(op)):
                return False
            carried = _carried(op)
            if carried is not None and group.carried is not None and carried != group.carried:
                return False
        return not self._closure(self._downstream(op, group)) >> group.number & 1

    def _join(self, op: Operation, group: Group) -> None:
        group.members[op] = None
        self.of[op] = group
        if isinstance(op, Reduce):
            group.carried = group.carried or _carried(op)
        after = self._after[group.number] | self._downstream(op, group)
        if after != self._after[group.number]:
            self._after[group.number] = after
            self._reach.clear()

    def _settle_sums(self) -> None:
        """Move each sum to the group that computes what it adds up, if that has its space: it needs nothing else, and
        may have joined a later one, as its users are placed first."""
        for op, group in list(self.of.items()):
            if not isinstance(op, Reduce) or _carried(op) is not None:
                continue
            home = self.of.get(op.operands[0].defining_op())  # type: ignore[arg-type]
            if home is not None and home is not group and home.space == group.space:
                del group.members[op]
                home.members[op] = None
                self.of[op] = home
        self.groups = [group for group in self.groups if group.members]

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


def users_of(op: Operation) -> Iterator[Operation]:
    """The ops of the same block that read a result of ``op``, perhaps inside their regions."""
    for result in op.results:
        for user in result.users:
            while user.parent is not op.parent:
                user = user.parent_op  # type: ignore[assignment]
            yield user
