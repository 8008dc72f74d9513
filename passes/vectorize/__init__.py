"""Vectorisation: turns of a loop marked ``vectorize`` run side by side, one per vector lane.

What differs from turn to turn becomes a vector; what does not (weights, topology, counters of inner loops) stays
scalar. Memory allocated in the loop is private to a turn, so its elements become vectors: values of 16 samples lie
side by side. Memory from outside is read and written with one lane per turn, along the one dimension whose index
moves with the loop; the lanes beyond the last turn are masked. Accumulations into one element sum the lanes first. A
carried value that only sums (or multiplies, or takes the maximum or minimum) becomes a vector of partial results,
reduced after the loop.

A loop that does not fit stays as it is, and the statistics say why.

A loop with memory of its own goes through much that all lanes share (indices, weights, sums over the lanes), so wider
blocks pay: whole blocks of ``block`` turns come first, without masks, then the rest, ``lanes`` at a time. In short
loops masks are a third of the time, so there, too, whole vectors come first, and the rest has code of its own.

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

from dataclasses import dataclass

from irc.backend.target import Target
from irc.dialects.arith import RemSI, SubI
from irc.dialects.builtin import ModuleOp
from irc.dialects.constants import number_of, splat
from irc.dialects.loop import Accumulate, Alloc, For, Load, Reduce, Store
from irc.ir.builder import Builder
from irc.ir.operation import Block, Operation, Region, Value
from irc.ir.types import ScalarType, f32, index
from irc.passes.vectorize.shapes import Shapes, Unfit
from irc.passes.vectorize.writer import REDUCTIONS, Writer, combiner, neutral
from irc.passmanager import Pass, PassContext

SMALL = 40
"""Loops with more ops are not written twice."""


@dataclass(frozen=True)
class Vectorize(Pass):
    """Widen the loops marked ``vectorize``.

    ``lanes``: how many turns at once (0: what suits the target). ``block``: how many turns the whole blocks of a loop
    with memory of its own have (0: with ``lanes`` none, else what suits the target).
    """

    name = "vectorize"
    lanes: int = 0
    block: int = 0

    def run(self, module: ModuleOp, context: PassContext) -> None:
        for loop in _marked(module):
            self._widen(loop, context)

    def _widen(self, loop: For, context: PassContext) -> None:
        """Widen the loop, or, where it does not fit, the marked loops in it."""
        lanes, block = self._widths(loop, context.target)
        try:
            _widen(loop, lanes, block)
            context.count("loops vectorized")
        except Unfit as reason:
            context.count(f"loops left scalar: {reason}")
            for inner in _marked(loop):
                self._widen(inner, context)

    def _widths(self, loop: For, target: Target) -> tuple[int, int]:
        """Turns at once, and in a whole block (0: there are none)."""
        one_vector = target.lanes(_widest_float(loop))
        if loop.results or not any(isinstance(op, Alloc) for op in loop.walk()):
            if self.lanes:
                return self.lanes, 0
            lanes, turns = _no_more_than_turns(loop, target.interleave * one_vector), _turns(loop)
            is_exact = turns is not None and turns % lanes == 0
            return lanes, lanes if _is_small(loop) and not is_exact else 0
        return self.lanes or one_vector, self.block or (0 if self.lanes else target.block * one_vector)


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


def _widest_float(loop: For) -> ScalarType:
    """The widest float read or written inside."""
    types = [op.buffer.type.scalar for op in loop.walk() if isinstance(op, (Load, Store, Accumulate))]
    return max([t for t in types if t.is_float] or [f32], key=lambda t: t.width)


def _turns(loop: For) -> int | None:
    """How many turns a loop with a step of one has, where that is known."""
    lower, upper = number_of(loop.lower), number_of(loop.upper)
    return None if lower is None or upper is None else max(int(upper - lower), 0)


def _no_more_than_turns(loop: For, lanes: int) -> int:
    """As many lanes as the loop has turns, if that is known to be less, rounded up to a power of two."""
    turns = _turns(loop)
    return lanes if turns is None else min(lanes, 1 << max(turns - 1, 1).bit_length())


def _is_small(loop: For) -> bool:
    """Whether it pays to write the loop twice, without masks for whole vectors: code that is short, and no loops."""
    ops = list(loop.walk())
    return len(ops) <= SMALL and not any(isinstance(op, For) for op in ops if op is not loop)


def _end_of_blocks(builder: Builder, loop: For, block: int) -> Value:
    """The turn after the last whole block."""
    count = builder.value(SubI, loop.upper, loop.lower)
    left = builder.value(RemSI, count, splat(builder, block, index))
    end = builder.value(SubI, loop.upper, left)
    count.name_hint, left.name_hint, end.name_hint = "count", "left", "whole"
    return end


def _check(loop: For, lanes: int) -> None:
    if lanes < 2 or lanes & (lanes - 1):
        raise Unfit("the number of lanes is not 2, 4, 8, ...")
    if number_of(loop.step) != 1:
        raise Unfit("its step is not one")


def _widen(loop: For, lanes: int, block: int) -> None:
    """Replace the loop by one over whole blocks (unless ``block`` is 0), and one over the turns that are left,
    ``lanes`` at a time.
    """
    _check(loop, lanes)
    if block % lanes:
        raise Unfit("a block is no multiple of the lanes")
    shapes, turns = Shapes(loop), _turns(loop)
    combiners = [combiner(loop, number) for number in range(len(loop.results))]
    builder = Builder.before(loop)
    start, totals = loop.lower, [neutral(builder, op, lanes) for op in combiners]
    if block and (turns is None or turns >= block):
        start = _end_of_blocks(builder, loop, block)
        whole = _empty(builder, loop, block, loop.lower, start, totals)
        Writer(shapes, block, whole, combiners).body(loop, masked=False)
        totals = list(whole.results)
    rest = _empty(builder, loop, lanes, start, loop.upper, totals)
    Writer(shapes, lanes, rest, combiners).body(loop, masked=turns is None or turns % lanes != 0)
    ends = []
    for op, start, total in zip(combiners, loop.initial, rest.results, strict=True):
        kind, _ = REDUCTIONS[type(op)]
        reduced = builder.value(Reduce, total, kind=kind)
        ends.append(builder.value(type(op), start, reduced))
    loop.replace_by(ends)


def _empty(builder: Builder, loop: For, lanes: int, lower: Value, upper: Value, starts: list[Value]) -> For:
    """A loop like ``loop``, by ``lanes`` turns at a time, with nothing in it yet."""
    step = splat(builder, lanes, index)
    step.name_hint = "lanes"
    block = Block([index, *(v.type for v in starts)])
    for old, new in zip(loop.body.block.arguments, block.arguments, strict=True):
        new.name_hint = old.name_hint
    marks = {"parallel": None} if loop.parallel else {}
    return builder.create(For, lower, upper, step, starts, regions=[Region([block])], location=loop.location, **marks)
