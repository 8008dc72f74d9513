"""A product in register tiles: the sums of a tile stay in registers while the summed index runs.

    for blocks of the summed index, where it is long          (their sums are added to those of the blocks before)
      for strips of columns                                   (parallel; the last one masked)
        for rows of tiles                                     (parallel)
          sums = 0, or the result so far
          for k in the block            sums += column of left * row of right
          result = sums

Rows are cut into blocks of tiles of one height (``tiling``). The right operand is read along its rows, from memory as
it is, or from panels (``panels``). What is fused to the contraction is done with finished tiles (``epilogue``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from irc.dialects import arith
from irc.dialects.loop import Outer
from irc.ir.dimensions import Dimension, ceildiv
from irc.ir.operation import Value
from irc.passes.lower_array.contraction.panels import PANEL, Panels
from irc.passes.lower_array.contraction.product import Product
from irc.passes.lower_array.contraction.tiling import Block, blocks
from irc.passes.lower_array.epilogue import Epilogue
from irc.passes.lower_array.tiler import At

DEPTH = 1024
"""Products that are summed before the next rows are taken: so many rows of a strip stay in the second-level cache."""


def lower_in_tiles(product: Product, panels: Panels | None, epilogue: Epilogue | None = None) -> None:
    """Write the loops. ``panels``: the right operand packed, if it is. ``epilogue``: what is done with finished tiles,
    other than to store them."""
    _Tiles(product, panels, epilogue).build()


@dataclass(frozen=True)
class Strip:
    """Columns ``lower`` to ``upper`` of the result in tiles of ``columns``, of which the last, if ``masked``, has
    fewer."""

    lower: Dimension
    upper: Dimension
    columns: int
    masked: bool


def strips(size: Dimension, columns: int, lanes: int) -> Iterator[Strip]:
    """All columns: whole tiles, and one that is as narrow as it may be."""
    whole = size // columns * columns
    if whole != 0:
        yield Strip(0, whole, columns, masked=False)
    if whole == size:
        return
    if isinstance(size, int):
        left = size - size // columns * columns
        yield Strip(whole, size, ceildiv(left, lanes) * lanes, masked=left % lanes != 0)  # type: ignore[arg-type]
    else:
        yield Strip(whole, size, columns, masked=True)


@dataclass(frozen=True)
class _Depth:
    """A block of a long sum: positions ``begin`` to ``end`` of a letter; whether it is the first, and the last."""

    letter: str
    begin: Value
    end: Value
    is_first: Value
    is_last: Value


class _Tiles:
    def __init__(self, product: Product, panels: Panels | None, epilogue: Epilogue | None):
        self.product, self.low, self.panels, self.epilogue = product, product.lowering, panels, epilogue
        self.b = product.b if panels is None else panels.operand
        self.depth: _Depth | None = None

    def build(self) -> None:
        """All of it."""
        product, low = self.product, self.low
        letter, size = next(((s, n) for s in product.summed if _is_long(n := product.sizes[s])), (None, 0))
        if letter is not None or self.epilogue is None:
            self.sums = product.out
        if letter is None:
            product.nest(product.outer, self.matrix)
            return
        assert isinstance(size, int)
        step = -(-size // -(-size // DEPTH))

        def block(k: Value) -> None:
            end = low.make(arith.MinSI, low.add(k, low.index(step)), low.index(size))
            edges = low.compare("eq", k, low.index(0)), low.compare("eq", end, low.index(size))
            self.depth = _Depth(letter, k, end, *edges)
            product.nest(product.outer, self.matrix)

        product.steps(0, size, step, letter, block, parallel=False)

    def matrix(self, at: At) -> None:
        """One matrix of the result, in blocks of rows."""
        product = self.product
        height = 1 if product.row is None else product.sizes[product.row]
        width = None if self.panels is None else self.panels.width
        columns, depth = product.sizes[product.column], product.size(product.summed)
        for block in blocks(height, columns, depth, product.element, self.low.target, width):
            for strip in strips(columns, block.columns, product.lanes):
                product.steps(
                    strip.lower, strip.upper, strip.columns, product.column, partial(self.strip, at, block, strip)
                )

    def strip(self, at: At, block: Block, strip: Strip, j: Value) -> None:
        """The tiles of a block of rows at one column."""
        product, mask = self.product, None
        if strip.masked:
            mask = product.mask(self.low.subtract(self.low.size(strip.upper), j), strip.columns)
        here = at | {product.column: j}

        def rows_at(i: Value) -> None:
            self.tile(here if product.row is None else here | {product.row: i}, block.rows, strip.columns, mask)

        product.steps(block.lower, block.upper, block.rows, product.row or "i", rows_at)

    def tile(self, at: At, rows: int, columns: int, mask: Value | None) -> None:
        """The sums of one tile, and what becomes of them."""
        product, low = self.product, self.low
        row, column = product.row, product.column
        start = product.zeros(rows, columns)
        if self.depth is not None:
            (start,) = low.branch(
                self.depth.is_first,
                lambda: [product.zeros(rows, columns)],
                lambda: [product.load(self.sums, at, (rows, columns), row, column, mask)],
            )
        right = at
        if self.panels is not None:
            number = low.make(arith.DivSI, at[column], low.index(self.panels.width))
            right = at | {PANEL: number, column: low.index(0)}

        def step(k: At, sums: list[Value]) -> list[Value]:
            a = product.load(product.a, at | k, (rows, 1), down=row)
            b = product.load(self.b, right | k, (1, columns), across=column, mask=mask)
            return [low.make(Outer, a, b, sums[0])]

        (sums,) = self.sum(step, [start])

        def keep() -> Sequence[Value]:
            product.store(sums, self.sums, at, row, column, mask)
            return []

        def finish() -> Sequence[Value]:
            assert self.epilogue is not None
            self.epilogue.apply(product, sums, at, mask)
            return []

        if self.epilogue is None:
            keep()
        elif self.depth is None:
            finish()
        else:
            low.branch(self.depth.is_last, finish, keep)

    def sum(self, step: Callable[[At, list[Value]], list[Value]], start: list[Value]) -> list[Value]:
        """``step`` for all products, or those of the block."""
        product, depth = self.product, self.depth
        if depth is None:
            return product.each_step(product.summed, step, start)
        others = [letter for letter in product.summed if letter != depth.letter]

        def turn(k: Value, carried: list[Value]) -> Sequence[Value]:
            return product.each_step(others, lambda at, values: step(at | {depth.letter: k}, values), carried)

        return self.low.loop(depth.end, turn, start, lower=depth.begin, counter=depth.letter)


def _is_long(size: Dimension) -> bool:
    return isinstance(size, int) and size > DEPTH
