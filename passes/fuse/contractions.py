"""Contractions join the groups that alone read them: bias, activation and the like are applied while sums are in
registers."""

from __future__ import annotations

from collections.abc import Sequence

from irc.dialects.array import Contract
from irc.ir.operation import Block, Operation
from irc.passes.fuse.grouping import Group, users_of
from irc.passes.lower_array.lowering import shape_of


def absorb_contractions(block: Block, groups: Sequence[Group]) -> None:
    """Let each contraction whose every user is in one group, of its shape, join the group: one contraction each, the
    last, as that one need not wait for others."""
    owners: dict[Operation, Group] = {op: group for group in groups for op in group.members}
    taken: set[Group] = set()
    for op in reversed(block):
        if not isinstance(op, Contract):
            continue
        groups_of_users = {owners.get(user) for user in users_of(op)}
        group = groups_of_users.pop() if len(groups_of_users) == 1 else None
        if group is None or group in taken or not op.output.type.element.is_float:
            continue
        if shape_of(op.result) == group.space:
            taken.add(group)
            group.members[op] = None
