"""How large register tiles should be: chosen by counting what a target does in each turn of the innermost loop.

A tile of r rows and v vectors takes r*v multiply-adds a turn, v loads of vectors and r of numbers. Targets start two
multiply-adds and two loads a cycle, and wait about four cycles for a sum to be ready for the next turn:

    cycles = max(r*v / 2, (r + v) / 2, v, 4)

The term v stands for vectors that come from the second-level cache, one a cycle. Registers hold the sums, the v vectors
and what else the target needs. Of the tilings of the whole result that fit, the one with the least cycles is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from irc.backend.target import Target
from irc.ir.dimensions import Dimension
from irc.ir.types import ScalarType

MOST_ROWS = 14
"""Rows of a tile: more would lie in too many ways of the first-level cache."""
LARGE = 4096
"""What a size that is not known is taken for."""
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

    A known number of rows that are left over is one block with one row of tiles; an unknown one becomes blocks of half
    the rows, a quarter, and so on, each of no or one row of tiles. ``depth``: how many products each element sums.
    ``width``: the columns of all tiles, where operands are packed for it.
    """
    lanes = target.lanes(element)
    vectors = None if width is None else width // lanes
    m, n, k = (_known(size) for size in (rows, columns, depth))
    tall = _rows(m if isinstance(rows, int) else LARGE, n, k, lanes, target, vectors)

    def block(lower: Dimension, upper: Dimension, count: int) -> Block:
        return Block(lower, upper, count, lanes * _strip(count, n, k, lanes, target, vectors)[0])

    if isinstance(rows, int):
        whole = rows // tall * tall
        found = [block(0, whole, tall)] if whole else []
        return [*found, block(whole, rows, rows - whole)] if rows > whole else found
    found, count = [], tall
    lower: Dimension = 0
    while count:
        upper = rows // count * count
        found.append(block(lower, upper, count))
        lower, count = upper, count // 2
    return found


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
    return min(((v, _across(rows, across, v, k)) for v in widths), key=lambda found: found[1])


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
    turn = max(rows * vectors / 2, (rows + vectors) / 2, vectors, 4)
    return turn * k + STORE_CYCLES * rows * vectors + 8
