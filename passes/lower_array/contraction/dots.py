"""A product as dot products: vectors run along the summed index, and are added up at the end.

    for blocks of rows                                        (parallel)
      for columns of tiles                                    (parallel)
        for rows of tiles                                     (parallel)
          sums = 0                                            (for each element of the tile a vector)
          for vectors of the summed index      sums += vector of each row of left * vector of each row of right
          result = the sum of each vector

This is the form for operands that both have the summed index last, without a copy of either: for a few rows, where the
copy would cost more than the sums of vectors, and for results of a few columns, which would leave lanes empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from irc.dialects import arith
from irc.dialects.loop import Reduce
from irc.dialects.math import Fma
from irc.ir.operation import Value
from irc.ir.types import VectorType
from irc.passes.lower_array.contraction.product import Operand, Product
from irc.passes.lower_array.contraction.tiling import Span, dot_blocks
from irc.passes.lower_array.tiler import At

NEAR_ROWS = 32
"""Rows that all columns are done for before the next ones: so many stay in the first two caches. A multiple of the rows
of a tile."""


def lower_in_dots(product: Product, b: Operand) -> None:
    """Write the loops. ``b``: the right operand, whose last letter is that of the left one."""
    low = product.lowering
    row, column = product.row, product.column
    rows = 1 if row is None else product.sizes[row]
    out = product.out  # its memory stands in front of the loops

    downs, acrosses = dot_blocks(rows, product.sizes[column], low.target, product.element)

    def matrix(at: At) -> None:
        if isinstance(rows, int) and rows <= NEAR_ROWS:
            columns_of_all(at, None)
        else:
            product.steps(0, rows, NEAR_ROWS, row or "i", partial(columns_of_all, at))

    def columns_of_all(at: At, begin: Value | None) -> None:
        for across in acrosses:
            each = partial(columns_at, at, begin, across)
            product.steps(across.lower, across.upper, across.count, column, each)

    def columns_at(at: At, begin: Value | None, across: Span, j: Value) -> None:
        for down in downs:
            tile = partial(rows_at, at | {column: j}, down, across)
            if begin is None:
                product.steps(down.lower, down.upper, down.count, row or "i", tile)
                continue
            first = low.make(arith.MaxSI, begin, low.size(down.lower))
            end = low.make(arith.MinSI, low.add(begin, low.index(NEAR_ROWS)), low.size(down.upper))

            def turn(i: Value, _: list[Value], tile: Callable[[Value], None] = tile) -> Sequence[Value]:
                tile(i)
                return []

            low.loop(end, turn, lower=first, step=low.index(down.count), parallel=True, counter=row or "i")

    def rows_at(at: At, down: Span, across: Span, i: Value) -> None:
        _tile(product, b, out, at if row is None else at | {row: i}, down.count, across.count)

    product.nest(product.outer, matrix)


def _tile(product: Product, b: Operand, out: Operand, at: At, rows: int, columns: int) -> None:
    low, lanes = product.lowering, product.lanes
    last = product.a.last
    others = [letter for letter in product.summed if letter != last]
    size = product.sizes[last]
    whole = size // lanes * lanes
    shape = (columns, lanes)
    each = [at if product.row is None else at | {product.row: low.offset(at[product.row], r)} for r in range(rows)]

    def add(k: At, sums: Sequence[Value], mask: Value | None) -> list[Value]:
        right = product.load(b, at | k, shape, product.column, last, mask)
        found = []
        for place, total in zip(each, sums, strict=True):
            left = product.load(product.a, place | k, shape, None, last, mask)
            found.append(low.make(Fma, left, right, total))
        return found

    def products(at_others: At, sums: list[Value]) -> list[Value]:
        if whole != 0:

            def turn(k: Value, carried: list[Value]) -> Sequence[Value]:
                return add(at_others | {last: k}, carried, None)

            sums = low.loop(low.size(whole), turn, sums, step=low.index(lanes), counter=last)
        if whole != size:
            sums = add(at_others | {last: low.size(whole)}, sums, product.mask(size - whole, lanes))
        return sums

    start = [low.constant(0, VectorType(shape, product.element))] * rows
    for place, total in zip(each, product.each_step(others, products, start), strict=True):
        product.store(low.make(Reduce, total, kind="sum"), out, place, None, product.column)
