"""The right operand, copied into the order in which tiles read it.

Panels hold it in strips of columns: a panel has all products of the strip one after the other, so that the innermost
loop reads one stream. Where neighbours in memory are products, not columns, square tiles are transposed in registers on
the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from irc.dialects import arith
from irc.dialects.loop import BufferType, Transpose
from irc.ir.dimensions import Dimension, ceildiv
from irc.ir.operation import Value
from irc.passes.lower_array.contraction.product import Operand, Product, divides
from irc.passes.lower_array.tiler import At

PANEL = "#"
"""In place of a letter: the number of the panel."""


SQUARE = 8
"""Rows of the tiles that are transposed, at most: larger ones are long code for little."""


@dataclass(frozen=True)
class Panels:
    """The right operand in panels of ``width`` columns: letters of batches, ``PANEL``, of sums, and of the column."""

    operand: Operand
    width: int


def packed(product: Product, width: int) -> Panels:
    """Panels of the right operand; of one that steps do not change once for all of them."""
    b, column = product.b, product.column
    others = [letter for letter in b.letters if letter != column and letter not in product.summed]
    summed = [letter for letter in b.letters if letter in product.summed]
    letters = "".join([*others, PANEL, *summed, column])
    low = product.lowering
    known = product.sizes | {PANEL: ceildiv(product.sizes[column], width), column: width}
    sizes: dict[str, Dimension] = {letter: known[letter] for letter in letters}
    if b.last != column:
        sizes[b.last] = _padded(product, b.last)

    def place(at: At) -> At:
        number = low.make(arith.DivSI, at[column], low.index(width))
        return at | {PANEL: number, column: low.make(arith.RemSI, at[column], low.index(width))}

    def make() -> Value:
        panels = Operand(low.alloc(BufferType([sizes[letter] for letter in letters], product.element)), letters)
        copy(product, b, panels, column, place, width)
        return panels.buffer

    return Panels(Operand(low.derived(b.buffer, f"panels {b.letters} {letters} {width}", make), letters), width)


def rearranged(product: Product, operand: Operand, last: str) -> Operand:
    """An operand with another letter last; the size of the one that was last grows to whole vectors."""
    low = product.lowering
    letters = "".join(letter for letter in operand.letters if letter != last) + last
    sizes = product.sizes | {operand.last: _padded(product, operand.last)}

    def make() -> Value:
        buffer = low.alloc(BufferType([sizes[letter] for letter in letters], product.element))
        copy(product, operand, Operand(buffer, letters), last, lambda at: at, product.lanes)
        return buffer

    return Operand(low.derived(operand.buffer, f"order {operand.letters} {letters}", make), letters)


def _square(product: Product) -> int:
    return min(product.lanes, SQUARE)


def _padded(product: Product, letter: str) -> Dimension:
    """A size, grown to whole squares."""
    return ceildiv(product.sizes[letter], _square(product)) * _square(product)


def copy(product: Product, source: Operand, to: Operand, last: str, place: Callable[[At], At], width: int) -> None:
    """Copy to where ``last`` is the last letter. ``place``: where in ``to`` a position is. Its dimension of the letter
    that is last in ``source``, if it is another, holds whole squares."""
    low, first, size, square = product.lowering, source.last, product.sizes[last], _square(product)

    def along(at: At) -> None:
        """Rows that stay rows."""

        def row(j: Value) -> None:
            here = at | {last: j}
            mask = product.mask(low.subtract(low.size(size), j), width) if not divides(width, size) else None
            tile = product.load(source, here, (1, width), across=last, mask=mask)
            product.store(tile, to, place(here), None, last, mask)

        product.steps(0, size, width, last, row)

    def across(at: At) -> None:
        """Square tiles, and what is left of rows one by one."""
        whole = size // square * square

        def whole_rows(i: Value) -> None:
            def turn(j: Value) -> None:
                here = at | {last: i, first: j}
                odd = not divides(square, product.sizes[first])
                mask = product.mask(low.subtract(low.size(product.sizes[first]), j), square) if odd else None
                tile = product.load(source, here, (square, square), last, first, mask)
                product.store(low.make(Transpose, tile), to, place(here), first, last)

            product.steps(0, product.sizes[first], square, first, turn)

        def single_row(i: Value) -> None:
            def turn(j: Value) -> None:
                here = at | {last: i, first: j}
                value = low.load(source.buffer, [here[letter] for letter in source.letters])
                target = place(here)
                low.store(value, to.buffer, [target[letter] for letter in to.letters])

            product.steps(0, product.sizes[first], 1, first, turn)

        product.steps(0, whole, square, last, whole_rows)
        product.steps(whole, size, 1, last, single_row)

    others = [letter for letter in source.letters if letter not in (first, last)]
    if first == last:
        product.nest(others, along)
    else:
        product.nest(others, across)
