"""Which taps of a sliding window are no padding, as bounds of loops.

Tap k of position o is cell ``o * stride - padding + k * dilation``. All numbers here are of type index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from irc.dialects import arith
from irc.dialects.array.windows import Sliding, Window
from irc.ir.operation import Value
from irc.passes.lower_array.lowering import Lowering

Carried = list[Value]


@dataclass(frozen=True)
class Range:
    """``lower``, ``lower + step``, ... below ``upper``; if ``holds`` is given, only those for which it is true."""

    lower: Value
    upper: Value
    step: int = 1
    holds: Callable[[Value], Value] | None = None

    def each(self, low: Lowering, body: Callable[[Value, Carried], Sequence[Value]], carried: Carried, counter: str):
        """A loop; the carried values after it."""

        def turn(n: Value, values: Carried) -> Sequence[Value]:
            if self.holds is None:
                return body(n, values)
            return low.branch(self.holds(n), lambda: body(n, values), lambda: values)

        step = low.index(self.step)
        return low.loop(self.upper, turn, carried, lower=self.lower, step=step, counter=counter)


def cell(low: Lowering, axis: Sliding, position: Value, tap: Value) -> Value:
    """The cell of a tap."""
    found = place(low, axis, position, tap)
    return found if axis.padding == 0 else low.subtract(found, low.index(axis.padding))


def place(low: Lowering, axis: Sliding, position: Value, tap: Value) -> Value:
    """The cell of a tap, counted from the beginning of the padding."""
    return low.add(_times(low, position, axis.stride), _times(low, tap, axis.dilation))


def taps_at(low: Lowering, axis: Sliding, position: Value) -> Range:
    """The taps of a position."""
    if axis.padding == 0:
        return Range(low.index(0), low.index(axis.kernel))
    return inside(low, axis, _times(low, position, axis.stride), axis.dilation, axis.kernel)


def positions_of(low: Lowering, axis: Sliding, tap: Value) -> Range:
    """The positions at which a tap is no padding."""
    if axis.padding == 0:
        return Range(low.index(0), low.index(axis.count))
    return inside(low, axis, _times(low, tap, axis.dilation), axis.stride, axis.count)


def inside(low: Lowering, axis: Sliding, fixed: Value, unit: int, count: int) -> Range:
    """All n below ``count`` with 0 <= fixed + n * unit - padding < size."""
    zero = low.index(0)
    before = low.subtract(low.index(axis.padding), fixed)
    room = low.subtract(low.index(axis.size + axis.padding), fixed)
    lower = _ceildiv(low, low.make(arith.MaxSI, before, zero), unit)
    upper = _ceildiv(low, low.make(arith.MaxSI, room, zero), unit)
    return Range(lower, low.make(arith.MinSI, upper, low.index(count)))


def taps_seeing(low: Lowering, axis: Sliding, at: Value) -> tuple[Range, Callable[[Value], Value]]:
    """The taps that see a cell from some position, and that position of each.

    It is ``(cell + padding - k * dilation) / stride``, where this is a whole number from 0 to ``count - 1``.
    """
    stride, dilation = axis.stride, axis.dilation
    reached = low.add(at, low.index(axis.padding)) if axis.padding else at
    beyond = low.subtract(reached, low.index((axis.count - 1) * stride))
    lower = _ceildiv(low, low.make(arith.MaxSI, beyond, low.index(0)), dilation)
    last = reached if dilation == 1 else low.make(arith.DivSI, reached, low.index(dilation))
    upper = low.make(arith.MinSI, low.add(last, low.index(1)), low.index(axis.kernel))

    def distance(tap: Value) -> Value:
        return low.subtract(reached, _times(low, tap, dilation))

    def position(tap: Value) -> Value:
        return distance(tap) if stride == 1 else low.make(arith.DivSI, distance(tap), low.index(stride))

    def odd(number: Value) -> Value:
        return low.make(arith.RemSI, number, low.index(stride))

    if stride == 1:
        return Range(lower, upper), position
    if dilation == 1:
        return Range(low.add(lower, odd(low.subtract(reached, lower))), upper, stride), position
    return Range(lower, upper, holds=lambda tap: low.compare("eq", odd(distance(tap)), low.index(0))), position


def unrolled(window: Window) -> bool:
    """Whether the taps of a window are few, and the same everywhere, so that code for each is better than a loop."""
    return window.area <= 16 and all(axis.padding == 0 for axis in window)


def each_tap(
    low: Lowering,
    window: Window,
    position: tuple[Value, Value],
    body: Callable[[Value, Value, Value, Carried], Sequence[Value]],
    carried: Carried,
) -> Carried:
    """``body(number of the tap, row of its cell, column, carried)`` for each tap that is no padding, row by row.

    Gives the carried values after it.
    """
    (rows, columns), (i, j) = window, position
    if unrolled(window):
        for number in range(window.area):
            k, m = map(low.index, divmod(number, columns.kernel))
            carried = list(body(low.index(number), cell(low, rows, i, k), cell(low, columns, j, m), carried))
        return carried

    def row(k: Value, values: Carried) -> Sequence[Value]:
        first = low.multiply(k, low.index(columns.kernel))

        def column(m: Value, inner: Carried) -> Sequence[Value]:
            return body(low.add(first, m), cell(low, rows, i, k), cell(low, columns, j, m), inner)

        return taps_at(low, columns, j).each(low, column, values, "m")

    return taps_at(low, rows, i).each(low, row, carried, "k")


def first_tap(low: Lowering, window: Window, position: tuple[Value, Value]) -> Value:
    """The number of the first tap that is no padding."""
    (rows, columns), (i, j) = window, position
    k, m = taps_at(low, rows, i).lower, taps_at(low, columns, j).lower
    return low.add(_times(low, k, columns.kernel), m)


def _times(low: Lowering, number: Value, factor: int) -> Value:
    return number if factor == 1 else low.multiply(number, low.index(factor))


def _ceildiv(low: Lowering, number: Value, divisor: int) -> Value:
    """Of a number that is not negative."""
    if divisor == 1:
        return number
    return low.make(arith.DivSI, low.add(number, low.index(divisor - 1)), low.index(divisor))
