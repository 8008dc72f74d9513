"""How large register tiles should be: chosen by counting what a target does in each turn of the innermost loop.

A tile of r rows and v vectors takes r*v multiply-adds a turn, v loads of vectors and r of numbers. Targets start two
multiply-adds and two loads a cycle, and wait about four cycles for a sum to be ready for the next turn:

    cycles = max(r*v / 2, (r + v) / 2, 2*v, 4) + v / 4 + 0.4

The terms 2*v and v / 4 stand for vectors that come from the second-level cache, one in two cycles at best. Registers
hold the sums, the v vectors and what else the target needs. Of the tilings of the whole result that fit, the one with
the least cycles is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from irc.backend.target import Target
from irc.ir.dimensions import Dimension
from irc.ir.types import ScalarType
from irc.passes.lower_array.contraction.product import LARGE

MOST_ROWS = 8
"""Rows of a tile: more would lie in too many ways of the first-level cache."""
NEAR = 2**15
"""The size of the first-level cache in bytes."""
ANOTHER = 200
"""Cycles that tiles of a second width must save in each row of tiles, to be worth their code."""
ODD = 1.01
"""The same for dot products, as a factor."""
TURN = 0.4
"""Cycles of a turn that nothing else accounts for: measured."""
STORE_CYCLES = 0.75
"""To write one vector of a finished tile, and to begin the next tile."""


@dataclass(frozen=True)
class Block:
    """Rows ``lower`` to ``upper`` of the result in tiles of ``rows`` rows and ``columns`` columns, a multiple of the
    target's lanes."""

    lower: Dimension
    upper: Dimension
    rows: int
    columns: int


def blocks(
    rows: Dimension, columns: Dimension, depth: Dimension, element: ScalarType, target: Target, width: int | None = None
) -> list[Block]:
    """The result in blocks of whole tiles, from top to bottom.

    A known number of rows that are left over is one block with one row of tiles; of an unknown one there are half as
    many at a time, if the right operand is larger than the first-level cache, and then single ones. ``depth``: how many
    products each element sums. ``width``: the columns of all tiles, where operands are packed for it.
    """
    lanes = target.lanes(element)
    vectors = None if width is None else width // lanes
    m, n, k = (_known(size) for size in (rows, columns, depth))
    tall = _rows(m, n, k, lanes, target, vectors)
    few = 1 if n * k * element.bytes <= NEAR or tall % 2 else tall // 2
    return [
        Block(span.lower, span.upper, span.count, lanes * _strip(span.count, n, k, lanes, target, vectors)[0])
        for span in spans(rows, (tall, few, 1))
    ]


@dataclass(frozen=True)
class Span:
    """Positions ``lower`` to ``upper``, ``count`` at a time."""

    lower: Dimension
    upper: Dimension
    count: int


def spans(size: Dimension, counts: Sequence[int]) -> list[Span]:
    """All positions, as many at a time as ``counts`` has first; then those that are left all at once, or, of a size
    that is not known, by its other numbers. Each is a multiple of the next, the last is 1."""
    if isinstance(size, int):
        whole = size // counts[0] * counts[0]
        found = [Span(0, whole, counts[0]), Span(whole, size, size - whole)]
        return [span for span in found if span.lower != span.upper]
    found, lower = [], 0 * size
    for count in dict.fromkeys(counts):
        upper = size // count * count
        found.append(Span(lower, upper, count))
        lower = upper
    return found


def dot_blocks(
    rows: Dimension, columns: Dimension, target: Target, element: ScalarType
) -> tuple[list[Span], list[Span]]:
    """Rows and columns of tiles of dot products, as spans.

    A tile of r rows and c columns takes r*c multiply-adds and r + c loads for each vector of products, so

        cycles = max(r*c / 2, (r + c) / 2, 4) + (r + c) / 4

    with the last term for what comes from the second-level cache. Its sums, the c vectors of a turn and one of the left
    operand are in registers.
    """
    most_rows, most_columns = (max(1, _known(size)) for size in (rows, columns))  # one tile, of no turns, for none

    def cycles(shape: tuple[int, int]) -> float:
        r, c = shape
        turn = max(r * c / 2, (r + c) / 2, 4) + (r + c) / 4
        both = most_columns > c and most_columns % c
        return turn * -(-most_rows // r) * -(-most_columns // c) * (ODD if both else 1)

    fitting = [
        (r, c)
        for r in (1, 2, 4)
        for c in range(1, min(most_columns, 12) + 1)
        if r <= most_rows and r * c + c < _room(target)
    ]
    r, c = min(fitting, key=cycles)
    return spans(rows, (r, 1)), spans(columns, (c, 1))


def packed_width(columns: int, depth: int, element: ScalarType, target: Target) -> int:
    """The columns of packed panels: what suits the tallest tiles."""
    lanes = target.lanes(element)
    return lanes * _strip(_rows(LARGE, columns, depth, lanes, target, None), columns, depth, lanes, target, None)[0]


def _known(size: Dimension) -> int:
    return size if isinstance(size, int) else LARGE


@cache
def _rows(m: int, n: int, k: int, lanes: int, target: Target, vectors: int | None) -> int:
    """The rows of tiles that take the least cycles for m x n; a power of two where that costs next to nothing."""

    def cycles(rows: int) -> float:
        whole, left = divmod(m, rows)
        total = whole * _strip(rows, n, k, lanes, target, vectors)[1]
        return total + (_strip(left, n, k, lanes, target, vectors)[1] if left else 0)

    fitting = [r for r in range(1, min(m, MOST_ROWS) + 1) if vectors is None or r * vectors <= _room(target) - vectors]
    return min(fitting or [1], key=lambda rows: cycles(rows) * (1 if rows & (rows - 1) == 0 else 1.02))


@cache
def _strip(rows: int, n: int, k: int, lanes: int, target: Target, vectors: int | None) -> tuple[int, float]:
    """How many vectors wide tiles of some rows should be, and the cycles of one row of tiles over n columns."""
    across = -(-n // lanes)
    widths = [vectors] if vectors else list(_widths(rows, across, target))

    def cost(vectors: int) -> float:
        both = n > vectors * lanes and n % (vectors * lanes)  # whole tiles and another
        return _across(rows, across, vectors, k) + (ANOTHER if both else 0)

    best = min(widths, key=cost)
    return best, _across(rows, across, best, k)


def _widths(rows: int, across: int, target: Target) -> Iterator[int]:
    yield 1
    for vectors in range(2, across + 1):
        if (rows + 1) * vectors > _room(target):
            return
        yield vectors


def _room(target: Target) -> int:
    """Registers for sums and vectors. One is left for the number of the left operand, one more where a product needs a
    place before it is added."""
    return target.registers - (1 if target.fma else 2)


def _across(rows: int, across: int, vectors: int, k: int) -> float:
    whole, left = divmod(across, vectors)
    total = whole * _cycles(rows, vectors, k)
    return total + _cycles(rows, left, k) if left else total


def _cycles(rows: int, vectors: int, k: int) -> float:
    turn = max(rows * vectors / 2, (rows + vectors) / 2, 2 * vectors, 4) + vectors / 4 + TURN
    return turn * k + STORE_CYCLES * rows * vectors + 8
