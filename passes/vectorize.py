"""Vectorisation: turns of a loop marked ``vectorize`` run side by side, one per vector lane.

What differs from turn to turn becomes a vector; what does not (weights, topology, counters of inner loops) stays
scalar. Memory allocated in the loop is private to a turn, so its elements become vectors: values of 16 samples lie
side by side. Memory from outside is read and written with one lane per turn, along the one dimension whose index
moves with the loop; the lanes beyond the last turn are masked. Accumulations into one element sum the lanes first. A
carried value that only sums (or multiplies, or takes the maximum or minimum) becomes a vector of partial results,
reduced after the loop.

A loop that does not fit stays as it is, and the statistics say why.

Before, with `vectorize{lanes=8}`:

```mlir
func.func @f(%B: index, %x: !loop.buffer<B x f32>, %y: !loop.buffer<B x f32> {irc.output = 0 : i64})
    attributes {irc.symbols_args = ["B"]} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  loop.for %i = %zero to %B step %one parallel vectorize {
    %a = loop.load %x[%i] : !loop.buffer<B x f32>
    %b = math.sqrt %a : f32
    loop.store %b, %y[%i] : f32, !loop.buffer<B x f32>
    loop.yield
  }
  func.return
}
```

After:

```mlir
func.func @f(%B: index, %x: !loop.buffer<B x f32>, %y: !loop.buffer<B x f32> {irc.output = 0 : i64})
    attributes {irc.symbols_args = ["B"]} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %lanes = arith.constant 8 : index
  loop.for %i = %zero to %B step %lanes parallel {
    %left = arith.subi %B, %i : index
    %active = loop.mask %left : vector<8xi1>
    %a = loop.load %x[%i] lanes 8 along 0 mask %active : !loop.buffer<B x f32>
    %b = math.sqrt %a : vector<8xf32>
    loop.store %b, %y[%i] along 0 mask %active : vector<8xf32>, !loop.buffer<B x f32>
    loop.yield
  }
  func.return
}
```
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from irc.backend.target import Target
from irc.dialects.arith import AddF, AddI, MaximumF, MinimumF, MulF, Select, SubI
from irc.dialects.builtin import ModuleOp
from irc.dialects.constants import number_of, splat
from irc.dialects.loop import (
    Accumulate,
    Alloc,
    BufferType,
    For,
    If,
    LaneIds,
    Load,
    Mask,
    Reduce,
    Splat,
    Store,
    Yield,
)
from irc.ir.builder import Builder
from irc.ir.operation import Block, Operation, Region, Value
from irc.ir.traits import PURE, has
from irc.ir.types import VectorType, f32, i1, index
from irc.passmanager import Pass, PassContext


@dataclass(frozen=True)
class Vectorize(Pass):
    """Widen the loops marked ``vectorize``. ``lanes``: how many turns at once (0: what suits the target)."""

    name = "vectorize"
    lanes: int = 0

    def run(self, module: ModuleOp, context: PassContext) -> None:
        for loop in _marked(module):
            self._widen(loop, context)

    def _widen(self, loop: For, context: PassContext) -> None:
        """Widen the loop, or, where it does not fit, the marked loops in it."""
        try:
            _widen(loop, self.lanes or _lanes(loop, context.target))
            context.count("loops vectorized")
        except Unfit as reason:
            context.count(f"loops left scalar: {reason}")
            for inner in _marked(loop):
                self._widen(inner, context)


class Unfit(Exception):
    """Why a loop stays scalar."""


def _marked(op: Operation) -> list[For]:
    """The outermost marked loops inside an op."""
    found: list[For] = []
    for region in op.regions:
        for block in region.blocks:
            for inner in block:
                if isinstance(inner, For) and inner.vectorize:
                    found.append(inner)
                else:
                    found += _marked(inner)
    return found


def _lanes(loop: For, target: Target) -> int:
    """As many as fit the vectors that the target works on at once, for the widest float read or written inside."""
    types = [op.buffer.type.scalar for op in loop.walk() if isinstance(op, (Load, Store, Accumulate))]
    floats = [t for t in types if t.is_float] or [f32]
    return target.interleave * target.lanes(max(floats, key=lambda t: t.width))


UNIFORM, LINEAR, VARYING = "uniform", "linear", "varying"
"""The same in all lanes; an index that grows by one per lane; anything else."""

_REDUCTIONS: dict[type[Operation], tuple[str, float]] = {
    AddF: ("sum", -0.0),
    MulF: ("product", 1.0),
    MaximumF: ("max", -math.inf),
    MinimumF: ("min", math.inf),
    AddI: ("sum", 0),
}
"""Ops that carried values may be combined by: the reduction, and what leaves every operand as it is."""


class _Shapes:
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


def _widen(loop: For, lanes: int) -> None:
    """Replace the loop by one that does ``lanes`` turns at a time."""
    if lanes < 2 or lanes & (lanes - 1):
        raise Unfit("the number of lanes is not 2, 4, 8, ...")
    if number_of(loop.step) != 1:
        raise Unfit("its step is not one")
    shapes = _Shapes(loop)
    combiners = [_combiner(loop, number) for number in range(len(loop.results))]
    builder = Builder.before(loop)
    step = splat(builder, lanes, index)
    step.name_hint = "lanes"
    starts = [_neutral(builder, op, lanes) for op in combiners]
    block = Block([index, *(v.type for v in starts)])
    for old, new in zip(loop.body.block.arguments, block.arguments, strict=True):
        new.name_hint = old.name_hint
    marks = {"parallel": None} if loop.parallel else {}
    wide = builder.create(
        For, loop.lower, loop.upper, step, starts, regions=[Region([block])], location=loop.location, **marks
    )
    writer = _Writer(shapes, lanes, wide, combiners)
    writer.body(loop)
    ends = []
    for op, start, total in zip(combiners, loop.initial, wide.results, strict=True):
        kind, _ = _REDUCTIONS[type(op)]
        reduced = builder.value(Reduce, total, kind=kind)
        ends.append(builder.value(type(op), start, reduced))
    loop.replace_by(ends)


def _combiner(loop: For, number: int) -> Operation:
    """The op that alone updates carried value ``number``: next = op(carried, x). Raises :class:`Unfit`."""
    carried = loop.inner[number]
    end = loop.body.block.terminator.operands[number]
    op = end.defining_op()
    if (
        op is None
        or type(op) not in _REDUCTIONS
        or op.parent is not loop.body.block
        or carried.users != [op]
        or sum(v is carried for v in op.operands) != 1
        or len(end.uses) != 1
    ):
        raise Unfit("a carried value is not just a sum, product, maximum or minimum")
    return op


def _neutral(builder: Builder, op: Operation, lanes: int) -> Value:
    return splat(builder, _REDUCTIONS[type(op)][1], VectorType((lanes,), op.result.type))


def _splat(builder: Builder, value: Value, lanes: int) -> Value:
    return builder.value(Splat, value, result_types=[VectorType((lanes,), value.type)])


class _Writer:
    """Copies the body of a loop, widened."""

    def __init__(self, shapes: _Shapes, lanes: int, wide: For, combiners: Sequence[Operation]):
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

    def body(self, loop: For) -> None:
        """All of the loop's body. Lanes beyond the last turn are masked."""
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
            types = [
                VectorType((self.lanes,), r.type) if self.shapes.of(r) == VARYING else r.type for r in op.results
            ]
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
        neutral = _neutral(self.before, op, self.lanes)
        operands[1 - place] = self.builder.value(Select, self.mask[0], operands[1 - place], neutral)
        self.define(op, self.builder.create(type(op), *operands))

