"""What differs from turn to turn of a loop that is to be widened, and whether it can be."""

from __future__ import annotations

from collections.abc import Sequence

from irc.dialects.arith import AddI, SubI
from irc.dialects.loop import Accumulate, Alloc, BufferType, For, If, Load, Store, Yield
from irc.ir.operation import Block, Operation, Value
from irc.ir.traits import PURE, has
from irc.ir.types import VectorType, index


class Unfit(Exception):
    """Why a loop stays scalar."""


UNIFORM, LINEAR, VARYING = "uniform", "linear", "varying"
"""The same in all lanes; an index that grows by one per lane; anything else."""


class Shapes:
    """How each value inside the loop differs from lane to lane. Raises :class:`Unfit`."""

    def __init__(self, loop: For):
        self.loop = loop
        self.kinds: dict[Value, str] = {loop.induction: LINEAR}
        self.kinds.update((value, VARYING) for value in loop.inner)
        self.private = {op.results[0] for op in loop.walk() if isinstance(op, Alloc)}
        self.changed = True
        while self.changed:  # carried values of inner loops feed back
            self.changed = False
            self.block(loop.body.block)

    def of(self, value: Value) -> str:
        """The kind of a value; from outside the loop: uniform."""
        return self.kinds.get(value, UNIFORM)

    def uniform(self, values: Sequence[Value]) -> bool:
        """Whether all of them are the same in all lanes."""
        return all(self.of(v) == UNIFORM for v in values)

    def set(self, value: Value, kind: str) -> None:
        """Kinds only ever move away from uniform."""
        if self.of(value) == UNIFORM and kind != UNIFORM:
            self.kinds[value] = kind
            self.changed = True

    def block(self, block: Block) -> None:
        """All ops of a block."""
        for op in block:
            self.operation(op)

    def operation(self, op: Operation) -> None:
        """One op."""
        if isinstance(op, For):
            self.inner_loop(op)
        elif isinstance(op, If):
            self.branch(op)
        elif isinstance(op, Load):
            self.set(op.value, VARYING if op.buffer in self.private or self.along(op) is not None else UNIFORM)
        elif isinstance(op, (Store, Accumulate)):
            moving = self.along(op)
            shared = moving is None and op.buffer not in self.private
            if isinstance(op, Store) and shared and not self.uniform([op.value]):
                raise Unfit("different values are stored to one place")
            if isinstance(op, Store) and op.buffer not in self.private and not self.loop.parallel:
                raise Unfit("it stores, and is not marked parallel")
        elif isinstance(op, (AddI, SubI)) and self.linear(op):
            self.set(op.result, LINEAR)
        elif isinstance(op, (Alloc, Yield)):
            pass
        elif has(op, PURE) and not op.regions:
            if any(isinstance(v.type, (VectorType, BufferType)) for v in (*op.operands, *op.results)):
                raise Unfit("it holds vectors already")
            for result in op.results:
                self.set(result, UNIFORM if self.uniform(op.operands) else VARYING)
        else:
            raise Unfit(f"no vector form of '{op.name}'")

    def inner_loop(self, op: For) -> None:
        """Lanes run an inner loop in step, so they must agree on its bounds."""
        if not self.uniform(op.operands[:3]):
            raise Unfit("the bounds of an inner loop differ from lane to lane")
        self.block(op.body.block)
        ends = op.body.block.terminator.operands
        for result, inner, start, end in zip(op.results, op.inner, op.initial, ends, strict=True):
            if not self.uniform([start, end, inner]):
                self.set(inner, VARYING)
                self.set(result, VARYING)

    def branch(self, op: If) -> None:
        """Lanes that disagree compute both sides, which must have no effect."""
        varying = not self.uniform([op.condition])
        for region in op.regions:
            for block in region.blocks:
                if varying and not all(isinstance(o, Yield) or (has(o, PURE) and not o.regions) for o in block):
                    raise Unfit("a branch that differs from lane to lane touches memory")
                self.block(block)
        for number, result in enumerate(op.results):
            ends = [region.block.terminator.operands[number] for region in op.regions]
            if varying or not self.uniform(ends):
                self.set(result, VARYING)

    def along(self, op: Load | Store | Accumulate) -> int | None:
        """The dimension along which lanes run through memory; None where all touch one place, or their own copy."""
        if any(isinstance(v.type, VectorType) for v in (op.value, *op.mask)):
            raise Unfit("it holds vectors already")
        moving = [d for d, v in enumerate(op.indices) if self.of(v) != UNIFORM]
        if not moving:
            return None
        if op.buffer in self.private or len(moving) > 1 or self.of(op.indices[moving[0]]) != LINEAR:
            raise Unfit("an index is not the loop's counter plus something all lanes share")
        return moving[0]

    def linear(self, op: AddI | SubI) -> bool:
        """counter + c, c + counter, or counter - c."""
        if op.result.type is not index:
            return False
        kinds = [self.of(v) for v in op.operands]
        return kinds == [LINEAR, UNIFORM] or (isinstance(op, AddI) and kinds == [UNIFORM, LINEAR])
