"""Pooling and its gradients: a window is gone through once for its largest value, once more to spread a gradient."""

from __future__ import annotations

from collections.abc import Sequence

from irc.dialects import arith
from irc.dialects.array import Pool2d, Pool2dGradient, Pool2dPick
from irc.dialects.array.images import layout_of
from irc.dialects.array.pool2d import Pooling
from irc.ir.operation import Value
from irc.ir.types import i32
from irc.passes.lower_array.lowering import Lowering, shape_of
from irc.passes.lower_array.reductions import REDUCTIONS
from irc.passes.lower_array.windows import each_tap, first_tap, unrolled


def lower_pool2d(lowering: Lowering, op: Pool2d) -> None:
    """The largest or the mean value in each window."""
    pool = _Pool(lowering, op)
    images, target = lowering[op.images], lowering.buffer(op.pooled)

    def window_at(at: list[Value]) -> None:
        value = pool.maximum(images, at) if op.kind.value == "max" else pool.mean(images, at)
        lowering.store(value, target, at)

    lowering.nest(shape_of(target), window_at, vectorize=pool.vectors)


def lower_pool2d_pick(lowering: Lowering, op: Pool2dPick) -> None:
    """The value where another is the largest."""
    pool = _Pool(lowering, op)
    images, picked, target = lowering[op.images], lowering[op.picked], lowering.buffer(op.pooled)

    def window_at(at: list[Value]) -> None:
        place = pool.place(images, at)
        zero = lowering.constant(0, target.type.element)

        def tap(number: Value, row: Value, column: Value, found: list[Value]) -> Sequence[Value]:
            value = lowering.load(picked, pool.cell(at, row, column))
            return [lowering.select(pool.is_tap(place, number), value, found[0])]

        lowering.store(pool.each_tap(at, tap, [zero])[0], target, at)

    lowering.nest(shape_of(target), window_at, vectorize=pool.vectors)


def lower_pool2d_gradient(lowering: Lowering, op: Pool2dGradient) -> None:
    """Zeros, to which each window adds. Windows that do not overlap write instead."""
    pool = _Pool(lowering, op)
    images, pooled, target = lowering[op.images], lowering[op.pooled], lowering.buffer(op.gradient)
    apart = all(axis.stride >= axis.kernel for axis in op.window)
    covered = all(axis.stride == axis.kernel and axis.count * axis.kernel == axis.size for axis in op.window)
    zero = lowering.constant(0, target.type.element)
    if not (apart and covered):
        lowering.clear(target)

    def window_at(at: list[Value]) -> None:
        value = lowering.load(pooled, at)
        place = pool.place(images, at) if op.kind.value == "max" else None
        if place is None:
            value = lowering.make(arith.DivF, value, lowering.constant(op.window.area, value.type))

        def tap(number: Value, row: Value, column: Value, _: list[Value]) -> Sequence[Value]:
            given = value if place is None else lowering.select(pool.is_tap(place, number), value, zero)
            where = pool.cell(at, row, column)
            if apart:
                lowering.store(given, target, where)
            else:
                lowering.store(lowering.add(lowering.load(target, where), given), target, where)
            return []

        pool.each_tap(at, tap, [])

    pool.nest(shape_of(pooled), window_at, parallel=apart)


class _Pool:
    """One pooling: the places of elements, and what a window holds."""

    def __init__(self, lowering: Lowering, op: Pooling):
        self.lowering, self.window = lowering, op.window
        self.layout = layout_of(op.attributes)

    @property
    def vectors(self) -> int | None:
        """The dimension that lanes run along: the last one, where its windows all have the same taps."""
        return 3 if self.layout[3] in "bc" or unrolled(self.window) else None

    def cell(self, at: list[Value], row: Value, column: Value) -> list[Value]:
        """The indices of a cell of the image and channel that ``at`` is in."""
        moved = {"h": row, "w": column}
        return [moved.get(letter, i) for letter, i in zip(self.layout, at, strict=True)]

    def each_tap(self, at: list[Value], body, carried: list[Value]) -> list[Value]:
        """See :func:`each_tap`."""
        return each_tap(self.lowering, self.window, self.position(at), body, carried)

    def position(self, at: list[Value]) -> tuple[Value, Value]:
        """The row and column of a window."""
        return at[self.layout.index("h")], at[self.layout.index("w")]

    def maximum(self, images: Value, at: list[Value]) -> Value:
        """The largest value in a window."""
        low = self.lowering

        def tap(number: Value, row: Value, column: Value, best: list[Value]) -> Sequence[Value]:
            return [low.make(arith.MaximumF, best[0], low.load(images, self.cell(at, row, column)))]

        return self.each_tap(at, tap, [REDUCTIONS["max"].neutral(low, images.type.element)])[0]

    def mean(self, images: Value, at: list[Value]) -> Value:
        """The sum of a window over its area."""
        low, element = self.lowering, images.type.element

        def tap(number: Value, row: Value, column: Value, total: list[Value]) -> Sequence[Value]:
            return [low.add(total[0], low.load(images, self.cell(at, row, column)))]

        total = self.each_tap(at, tap, [low.constant(0, element)])[0]
        return low.make(arith.DivF, total, low.constant(self.window.area, element))

    def place(self, images: Value, at: list[Value]) -> Value:
        """The number (i32) of the first tap that sees the largest value; a NaN is the greatest of all."""
        low = self.lowering

        def tap(number: Value, row: Value, column: Value, so_far: list[Value]) -> Sequence[Value]:
            best, where = so_far
            value = low.load(images, self.cell(at, row, column))
            better = low.make(arith.AndI, low.compare("ugt", value, best), low.compare("ord", best, best))
            return [low.select(better, value, best), low.select(better, low.position(number, i32), where)]

        start = REDUCTIONS["max"].neutral(low, images.type.element)
        first = low.position(first_tap(low, self.window, self.position(at)), i32)
        return self.each_tap(at, tap, [start, first])[1]

    def is_tap(self, place: Value, number: Value) -> Value:
        """Whether a place is that of a tap."""
        return self.lowering.compare("eq", place, self.lowering.position(number, i32))

    def nest(self, shape: Sequence, body, parallel: bool) -> None:
        """``body`` for each window; unless ``parallel``, those of one image and channel one after the other, inside."""
        low = self.lowering
        if parallel:
            low.nest(shape, body, vectorize=self.vectors)
            return
        outer = [d for d, letter in enumerate(self.layout) if letter in "bc"]
        inner = [d for d, letter in enumerate(self.layout) if letter in "hw"]

        def image(at: list[Value]) -> None:
            def window_at(position: list[Value]) -> None:
                where = dict(zip([*outer, *inner], [*at, *position], strict=True))
                body([where[d] for d in range(4)])

            low.nest([shape[d] for d in inner], window_at, parallel=False)

        low.nest([shape[d] for d in outer], image, vectorize=1 if outer[1] == 3 else None)
