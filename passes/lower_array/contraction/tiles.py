"""A product in register tiles: the sums of a tile stay in registers while the summed index runs.

    for blocks of the summed index, where it is long          (their sums are added to those of the blocks before)
      for strips of columns                                   (parallel; the last one masked)
        for rows of tiles                                     (parallel)
          sums = 0, or the result so far
          for k in the block            sums += column of left * row of right
          result = sums

Rows are cut into blocks of tiles of one height (``tiling``). The right operand is read along its rows, from memory as it
is, or from panels (``panels``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from irc.dialects import arith
from irc.dialects.loop import LoadTile, Outer
from irc.ir.dimensions import Dimension
from irc.ir.operation import Value
from irc.ir.types import VectorType
from irc.passes.lower_array.contraction.panels import Panels
from irc.passes.lower_array.contraction.product import At, Product
from irc.passes.lower_array.contraction.tiling import Block, blocks

DEPTH = 512
"""Products that are summed before the next rows are taken: so many rows of a strip stay in the first two caches."""


def lower_in_tiles(product: Product, at: At, panels: Panels | None) -> None:
    """Write the loops over rows and columns, the last letters of each; the other letters of the result are ``at`` one
    position. ``panels``: the right operand packed, if it is.
    """
    low, sizes = product.lowering, product.sizes
    row = product.rows[-1] if product.rows else None
    column = product.columns[-1]
    height: Dimension = 1 if row is None else sizes[row]
    depth: Dimension = 1
    for letter in product.summed:
        depth = depth * sizes[letter]
    width = panels.width if panels is not None else None
    for block in blocks(height, sizes[column], depth, product.element, low.target, width):
        for k, first in _depths(product):
            pass


def steps(product: Product, lower: Dimension, upper: Dimension, step: int, counter: str, body: Callable) -> None:
    """Parallel turns from ``lower`` to ``upper``; a single one without a loop."""
