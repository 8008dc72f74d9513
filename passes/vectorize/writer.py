"""The body of a loop, widened: one turn per vector lane."""

from __future__ import annotations

import math
from collections.abc import Sequence

from irc.dialects.arith import AddF, AddI, MaximumF, MaxSI, MinimumF, MinSI, MulF, Select, SubI
from irc.dialects.constants import splat
from irc.dialects.loop import Accumulate, Alloc, For, If, LaneIds, Load, Mask, Splat, Store, Yield
from irc.ir.builder import Builder
from irc.ir.operation import Block, Operation, Region, Value
from irc.ir.types import IntegerType, VectorType, i1, index
from irc.passes.vectorize.shapes import LINEAR, UNIFORM, VARYING, Shapes, Unfit

REDUCTIONS: dict[type[Operation], tuple[str, float]] = {
    AddF: ("sum", -0.0),
    MulF: ("product", 1.0),
    MaximumF: ("max", -math.inf),
    MinimumF: ("min", math.inf),
    AddI: ("sum", 0),
    MaxSI: ("max", -math.inf),
    MinSI: ("min", math.inf),
}
"""Ops that carried values may be combined by: the reduction, and what leaves every operand as it is (of integers,
infinity stands for the end of their range).
"""


def combiner(loop: For, number: int) -> Operation:
    """The op that alone updates carried value ``number``: next = op(carried, x). Raises :class:`Unfit`."""
    carried = loop.inner[number]
    end = loop.body.block.terminator.operands[number]
    op = end.defining_op()
    if (
        op is None
        or type(op) not in REDUCTIONS
        or op.parent is not loop.body.block
        or carried.users != [op]
        or sum(v is carried for v in op.operands) != 1
        or len(end.uses) != 1
    ):
        raise Unfit("a carried value is not just a sum, product, maximum or minimum")
    return op


def neutral(builder: Builder, op: Operation, lanes: int) -> Value:
    kind, number = op.result.type, REDUCTIONS[type(op)][1]
    if math.isinf(number) and isinstance(kind, IntegerType):
        largest = 2 ** (kind.width - 1) - 1
        number = largest if number > 0 else -largest - 1
    return splat(builder, number, VectorType((lanes,), kind))


def _splat(builder: Builder, value: Value, lanes: int) -> Value:
    return builder.value(Splat, value, result_types=[VectorType((lanes,), value.type)])


class Writer:
    """Copies the body of a loop, widened."""

    def __init__(self, shapes: Shapes, lanes: int, wide: For, combiners: Sequence[Operation]):
        self.shapes = shapes
        self.lanes = lanes
        self.wide = wide
        self.combiners = {op: op.operands.index(shapes.loop.inner[n]) for n, op in enumerate(combiners)}
        self.before = Builder.before(wide)
        self.builder = Builder.at_end(wide.body.block, wide.location)
        self.map: dict[Value, Value] = {shapes.loop.induction: wide.induction}
        self.map.update(zip(shapes.loop.inner, wide.inner, strict=True))
        self.outside: dict[Value, Value] = {}
        self.mask: list[Value] = []

    def body(self, loop: For, masked: bool = True) -> None:
        """All of the loop's body. ``masked``: there may be lanes beyond the last turn, which must have no effect."""
        if not masked:
            self.block(loop.body.block)
            return
        left = self.builder.value(SubI, self.wide.upper, self.wide.induction)
        self.mask = [self.builder.value(Mask, left, result_types=[VectorType((self.lanes,), i1)])]
        left.name_hint, self.mask[0].name_hint = "left", "active"
        self.block(loop.body.block)

    def scalar(self, value: Value) -> Value:
        """The new value of a uniform or linear one (the latter: of lane 0)."""
        return self.map.get(value, value)

    def vector(self, value: Value) -> Value:
        """The new value with one lane per turn."""
        kind = self.shapes.of(value)
        if kind == VARYING:
            return self.map[value]
        if value not in self.map and kind == UNIFORM:
            if value not in self.outside:
                self.outside[value] = _splat(self.before, value, self.lanes)
            return self.outside[value]
        spread = _splat(self.builder, self.map[value], self.lanes)
        if kind == UNIFORM:
            return spread
        ids = self.builder.value(LaneIds, result_types=[VectorType((self.lanes,), index)])
        return self.builder.value(AddI, spread, ids)

    def block(self, block: Block) -> None:
        """Append the widened ops of a block."""
        for op in block:
            with self.builder.located(op.location):
                self.operation(op)

    def operation(self, op: Operation) -> None:
        """Append one widened op."""
        if isinstance(op, For):
            self.inner_loop(op)
        elif isinstance(op, If):
            self.branch(op)
        elif isinstance(op, Yield):
            self.builder.create(Yield, [self.end(v, n) for n, v in enumerate(op.operands)])
        elif isinstance(op, Alloc):
            kind = op.buffer.type
            wide = kind.with_element(VectorType((self.lanes,), kind.element))
            self.define(op, self.builder.create(Alloc, result_types=[wide]))
        elif isinstance(op, Load):
            self.load(op)
        elif isinstance(op, (Store, Accumulate)):
            self.write(op)
        elif op in self.combiners:
            self.combine(op)
        elif self.shapes.uniform(op.results) or self.shapes.of(op.results[0]) == LINEAR:
            self.builder.insert(op.clone(self.map))
        else:
            types = [VectorType((self.lanes,), r.type) for r in op.results]
            operands = [self.vector(v) for v in op.operands]
            self.define(op, self.builder.insert(type(op)(operands, types, op.attributes, location=op.location)))

    def define(self, old: Operation, new: Operation) -> None:
        """Remember what the results became."""
        for before, after in zip(old.results, new.results, strict=True):
            self.map[before] = after
            after.name_hint = before.name_hint

    def end(self, value: Value, number: int) -> Value:
        """What a yield gives: a vector where the carried value or result is one."""
        block = self.builder.block
        assert block is not None
        owner = block.parent_op
        assert owner is not None
        wide = isinstance(owner.results[number].type, VectorType)
        return self.vector(value) if wide else self.scalar(value)

    def inner_loop(self, op: For) -> None:
        """A loop that the lanes run in step."""
        starts = [
            self.vector(start) if self.shapes.of(inner) == VARYING else self.scalar(start)
            for start, inner in zip(op.initial, op.inner, strict=True)
        ]
        block = Block([index, *(v.type for v in starts)])
        for old, new in zip(op.body.block.arguments, block.arguments, strict=True):
            self.map[old] = new
            new.name_hint = old.name_hint
        marks = {"parallel": None} if op.parallel else {}
        bounds = [self.scalar(v) for v in op.operands[:3]]
        self.define(op, self.builder.create(For, *bounds, starts, regions=[Region([block])], **marks))
        with self.builder.at(block):
            self.block(op.body.block)

    def branch(self, op: If) -> None:
        """One side if the lanes agree, otherwise both, and a choice per lane."""
        if self.shapes.uniform([op.condition]):
            types = [VectorType((self.lanes,), r.type) if self.shapes.of(r) == VARYING else r.type for r in op.results]
            regions = [Region([Block()]) if region.blocks else Region() for region in op.regions]
            new = self.builder.create(If, self.scalar(op.condition), result_types=types, regions=regions)
            for old_region, region in zip(op.regions, regions, strict=True):
                for block in region.blocks:
                    with self.builder.at(block):
                        self.block(old_region.block)
            self.define(op, new)
            return
        ends = []
        for region in op.regions:
            for block in region.blocks:
                for inner in block:
                    if not isinstance(inner, Yield):
                        self.operation(inner)
                ends.append([self.vector(v) for v in block.terminator.operands])
        if op.results:
            for result, yes, no in zip(op.results, *ends, strict=True):
                self.map[result] = self.builder.value(Select, self.vector(op.condition), yes, no)

    def load(self, op: Load) -> None:
        """One element for all, one per lane from memory, or a vector from the lanes' own memory."""
        along = self.shapes.along(op)
        lanes = {} if along is None else {"lanes": along, "width": self.lanes}
        mask = [] if along is None else self.mask
        indices = [self.scalar(v) for v in op.indices]
        self.define(op, self.builder.create(Load, self.scalar(op.buffer), indices, mask, **lanes))

    def write(self, op: Store | Accumulate) -> None:
        """As :meth:`load`; what is accumulated to one element is summed over the lanes."""
        along = self.shapes.along(op)
        private = op.buffer in self.shapes.private
        one = isinstance(op, Store) and along is None and not private
        value = self.scalar(op.value) if one else self.vector(op.value)
        lanes = {} if along is None else {"lanes": along}
        mask = [] if private or one else self.mask
        indices = [self.scalar(v) for v in op.indices]
        self.builder.create(type(op), value, self.scalar(op.buffer), indices, mask, **lanes)

    def combine(self, op: Operation) -> None:
        """The update of a carried value: masked lanes must leave it as it is."""
        place = self.combiners[op]
        operands = [self.vector(v) for v in op.operands]
        if self.mask:
            nothing = neutral(self.before, op, self.lanes)
            operands[1 - place] = self.builder.value(Select, self.mask[0], operands[1 - place], nothing)
        self.define(op, self.builder.create(type(op), *operands))
