"""Rows of a dag whose aggregation chooses among the terms (``irc.dialects.array.choice``): loops over their edges.

Samples differ in which term they choose, so nothing here branches or indexes by it: every edge is visited, and
selects take what counts. A median is found by ranks, as the sum of the terms times their shares:

    rank of edge e   = number of terms before e that are <= its term, and from e on that are < its term
    share of edge e  = max(0, 1 - |rank - (n - 1) / 2|)      1 in the middle of an odd n, 1/2 at both of an even one

which takes n * n comparisons for n edges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from irc.dialects import arith, math
from irc.ir.operation import Value
from irc.passes.lower_array.lowering import Lowering


class Kernel(Protocol):
    """What is used of the kernel that the row belongs to."""

    lowering: Lowering

    def number(self, value: float) -> Value: ...

    def edges(self, row: Value) -> tuple[Value, Value]: ...

    def term(self, edge: Value, values: Value) -> Value: ...


def choose(kernel: Kernel, how: str, row: Value, values: Value) -> Value:
    """The aggregate of a row's terms, of which there is at least one."""
    low = kernel.lowering
    begin, end = kernel.edges(row)
    if how == "median":

        def weigh(edge: Value, carried: list[Value]) -> Sequence[Value]:
            share = _median_share(kernel, edge, begin, end, values)
            counts = low.compare("ogt", share, kernel.number(0))  # what does not count may be infinite
            part = low.multiply(share, kernel.term(edge, values))
            return [low.add(carried[0], low.select(counts, part, kernel.number(0)))]

        return low.loop(end, weigh, [kernel.number(0)], lower=begin, counter="e")[0]
    if how == "maxabs":

        def larger(edge: Value, carried: list[Value]) -> Sequence[Value]:
            term = kernel.term(edge, values)
            wins = low.compare("ogt", low.make(math.AbsF, term), low.make(math.AbsF, carried[0]))
            return [low.select(wins, term, carried[0])]

        return low.loop(end, larger, [kernel.term(begin, values)], lower=begin, counter="e")[0]
    combine, start = (arith.MaximumF, float("-inf")) if how == "max" else (arith.MinimumF, float("inf"))

    def turn(edge: Value, carried: list[Value]) -> Sequence[Value]:
        return [low.make(combine, carried[0], kernel.term(edge, values))]

    return low.loop(end, turn, [kernel.number(start)], lower=begin, counter="e")[0]


def each_share(
    kernel: Kernel, how: str, row: Value, delta: Value, values: Value, visit: Callable[[Value, Value], None]
) -> None:
    """``visit(edge, gradient)`` for each edge of the row, where ``delta`` is the gradient of the aggregate."""
    low = kernel.lowering
    begin, end = kernel.edges(row)
    where = None if how == "median" else _first(kernel, how, begin, end, values)

    def turn(edge: Value, _: list[Value]) -> Sequence[Value]:
        if where is None:
            gradient = low.multiply(delta, _median_share(kernel, edge, begin, end, values))
        else:
            gradient = low.select(low.compare("eq", edge, where), delta, kernel.number(0))
        visit(edge, gradient)
        return []

    low.loop(end, turn, lower=begin, counter="e")


def _first(kernel: Kernel, how: str, begin: Value, end: Value, values: Value) -> Value:
    """The first edge whose term is the one that ``max``, ``min`` or ``maxabs`` chooses."""
    low = kernel.lowering
    better, worst = ("olt", float("inf")) if how == "min" else ("ogt", float("-inf"))

    def search(edge: Value, carried: list[Value]) -> Sequence[Value]:
        best, where = carried
        term = kernel.term(edge, values)
        key = low.make(math.AbsF, term) if how == "maxabs" else term
        wins = low.compare(better, key, best)
        return [low.select(wins, key, best), low.select(wins, edge, where)]

    return low.loop(end, search, [kernel.number(worst), begin], lower=begin, counter="e")[1]


def _median_share(kernel: Kernel, edge: Value, begin: Value, end: Value, values: Value) -> Value:
    """The share of an edge in the median of the edges ``begin`` to ``end``. Ranks are counted in floats."""
    low = kernel.lowering
    one, term = kernel.number(1), kernel.term(edge, values)

    def count(predicate: str, lower: Value, upper: Value, start: Value) -> Value:
        def turn(other: Value, carried: list[Value]) -> Sequence[Value]:
            first = low.compare(predicate, kernel.term(other, values), term)
            return [low.add(carried[0], low.select(first, one, kernel.number(0)))]

        return low.loop(upper, turn, [start], lower=lower, counter="e")[0]

    rank = count("olt", edge, end, count("ole", begin, edge, kernel.number(0)))
    last = low.cast(low.subtract(low.subtract(end, begin), low.index(1)), term.type)
    away = low.make(math.AbsF, low.subtract(rank, low.multiply(last, kernel.number(0.5))))
    return low.make(arith.MaximumF, kernel.number(0), low.subtract(one, away))
