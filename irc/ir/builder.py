"""Making operations at a place, with a location."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from irc.ir.locations import UNKNOWN, Location
from irc.ir.operation import Block, Operation, OpResult, Region, Value
from irc.ir.types import Type

Op = TypeVar("Op", bound=Operation)


class Builder:
    """Inserts operations into ``block``, before ``anchor`` (at the end where that is None)."""

    def __init__(self, block: Block | None = None, anchor: Operation | None = None, location: Location = UNKNOWN):
        self.block = block
        self.anchor = anchor
        self.location = location

    @classmethod
    def before(cls, op: Operation):
        """A builder that inserts before ``op`` and gives new ops its location."""
        return cls(op.parent, op, op.location)

    @classmethod
    def after(cls, op: Operation):
        """A builder that inserts after ``op`` and gives new ops its location."""
        return cls(op.parent, op.next, op.location)

    @classmethod
    def at_end(cls, block: Block, location: Location = UNKNOWN):
        """A builder that appends to ``block``."""
        return cls(block, None, location)

    @contextmanager
    def at(self, block: Block, anchor: Operation | None = None) -> Iterator[None]:
        """For a while, insert elsewhere."""
        saved = self.block, self.anchor
        self.block, self.anchor = block, anchor
        try:
            yield
        finally:
            self.block, self.anchor = saved

    @contextmanager
    def located(self, location: Location) -> Iterator[None]:
        """For a while, give new ops this location."""
        saved = self.location
        self.location = location
        try:
            yield
        finally:
            self.location = saved

    def insert(self, op: Op) -> Op:
        """Put an op at the insertion point."""
        assert self.block is not None
        if self.anchor is None:
            self.block.append(op)
        else:
            self.block.insert_before(self.anchor, op)
        return op

    def create(
        self,
        cls: type[Op],
        *operands: Value | Sequence[Value],
        result_types: Sequence[Type] | None = None,
        regions: Sequence[Region] = (),
        location: Location | None = None,
        **attributes: Any,
    ) -> Op:
        """Build an op (see :meth:`Operation.build`) and insert it."""
        place = self.location if location is None else location
        return self.insert(
            cls.build(*operands, result_types=result_types, regions=regions, location=place, **attributes)
        )

    def value(self, cls: type[Operation], *operands: Value | Sequence[Value], **options: Any) -> OpResult:
        """Like :meth:`create`, but returns the op's only result."""
        return self.create(cls, *operands, **options).result

    def inline(self, block: Block, arguments: Sequence[Value]) -> list[Value]:
        """Copy the ops of ``block`` here, its arguments replaced; returns what its terminator's operands became.

        Ops that come from nowhere (an activation's definition) get the builder's location.
        """
        mapping: dict[Value, Value] = dict(zip(block.arguments, arguments, strict=True))
        for op in block:
            if op is block.last:
                return [mapping.get(v, v) for v in op.operands]
            copy = self.insert(op.clone(mapping))
            if copy.location is UNKNOWN:
                copy.location = self.location
        raise ValueError("the block has no terminator")
