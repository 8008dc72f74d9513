"""Contractions and convolutions join the groups that alone read them: bias, activation and the like are applied while
sums are in registers."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from irc.dialects.array import Contract, Conv2d, Conv2dTranspose
from irc.ir.operation import Block, Operation
from irc.passes.fuse.grouping import Group, users_of
from irc.passes.lower_array.lowering import shape_of

TILES = (Contract, Conv2d, Conv2dTranspose)
"""Ops that are computed in tiles, on which others can work before they are stored."""


def absorb_contractions(block: Block, groups: Sequence[Group]) -> None:
    """Let each such op whose every user is in one group, of its shape, join the group: one contraction each, the
    last, as that one need not wait for others."""
    taken: set[Group] = set()
    for op, group in _read_by_one(block, groups):
        if group not in taken:
            taken.add(group)
            group.members[op] = None


def part_contractions(block: Block, groups: Sequence[Group]) -> list[Group]:
    """Cut groups so that contractions that have nothing to do with each other, nor with other members, are in different
    ones: then each has the ops that work on its tiles, and no others.

    Nothing outside leads from one part to another, as it would have led from the group to itself.
    """
    makers: dict[Group, list[Operation]] = {}
    for op, group in _read_by_one(block, groups):
        makers.setdefault(group, []).append(op)
    found: list[Group] = []
    for group in groups:
        rest = dict(group.members)
        for op in makers.get(group, ()):
            part = _connected(op, {**rest, **dict.fromkeys(makers[group])}) & rest.keys()
            if part and len(part) < len(rest):
                found.append(Group(group.number, group.space, {m: rest.pop(m) for m in list(rest) if m in part}))
        if rest:
            found.append(Group(group.number, group.space, rest))
    return found


def _read_by_one(block: Block, groups: Sequence[Group]) -> Iterator[tuple[Operation, Group]]:
    """The ops that make tiles, last to first, of floats, whose every user is in one group, of their shape."""
    owners: dict[Operation, Group] = {op: group for group in groups for op in group.members}
    for op in reversed(block):
        if isinstance(op, TILES) and op.results[0].type.element.is_float:
            readers = {owners.get(user) for user in users_of(op)}
            group = readers.pop() if len(readers) == 1 else None
            if group is not None and shape_of(op.results[0]) == group.space:
                yield op, group


def _connected(op: Operation, among: Container[Operation]) -> set[Operation]:
    """All ops of ``among`` that an op reads or is read by, directly or through others of them; itself included."""
    found, pending = {op}, [op]
    while pending:
        near = pending.pop()
        definers = (value.defining_op() for value in near.operands)
        for other in (*definers, *users_of(near)):
            if other is not None and other in among and other not in found:
                found.add(other)
                pending.append(other)
    return found
