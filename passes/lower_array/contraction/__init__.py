"""``array.contract``: an einsum of two arrays, in the form that suits its operands.

The result's last letter is a column, the letters that it shares with the left operand alone are rows (``product``).

- ``tiles``: columns in the lanes of vectors, sums in registers. For most; the right operand is read as it is where its
  columns lie side by side, else packed into ``panels`` first. Or the rows are in the lanes, where columns are few.
- ``dots``: products in the lanes of vectors. For few rows where both operands have their products side by side, and for
  few columns.
- ``elements``: one element at a time. For what is no product of matrices, and for numbers that are not floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

from irc.dialects.array import Contract
from irc.ir.dimensions import Dimension
from irc.ir.operation import Operation, Value
from irc.passes.lower_array.contraction.dots import lower_in_dots
from irc.passes.lower_array.contraction.elements import lower_in_elements
from irc.passes.lower_array.contraction.panels import packed, rearranged
from irc.passes.lower_array.contraction.product import LARGE, Operand, Product
from irc.passes.lower_array.contraction.tiles import lower_in_tiles
from irc.passes.lower_array.contraction.tiling import packed_width
from irc.passes.lower_array.epilogue import Epilogue, fits, is_costly
from irc.passes.lower_array.lowering import Lowering

BATCH = 64
"""What a size that is not known is taken for where a form is chosen."""
DOT_ROWS = 8
"""Sums of vectors cost as much as a packed operand when there is a row for each so many products."""
MANY = 8
"""So many rows are worth it to rearrange the right operand, if it has few columns."""
STORED_ALONE = 1.5
"""Multiply-adds of vectors that take as long as to store one number alone."""
LARGE_BYTES = 2**20
"""Bytes of a right operand that is called large."""
PACKED_ROWS, PACKED_COLUMNS = 512, 1024
"""Rows and columns of a result from which on packed panels are faster than the right operand as it is."""


def lower_contract(lowering: Lowering, op: Contract) -> None:
    """Lower one contraction."""
    _lower(_product(lowering, op), None)


class Contraction:
    """One contraction that is the maker of tiles of a group."""

    def __init__(self, lowering: Lowering, op: Contract):
        self.product, self.result = _product(lowering, op), op.result

    def takes(self, ops: Sequence[Operation], outputs: Sequence[Value]) -> bool:
        """Whether ops should work on tiles: costly ones only of large products, where longer code does not matter."""
        product = self.product
        large = _known(product.size([*product.summed, *product.columns])) * product.element.bytes > LARGE_BYTES
        return _form(product) is Form.TILES and (large or not is_costly(ops)) and fits(ops, self.result, outputs)

    def lower(self, epilogue: Epilogue | None) -> None:
        """Write the loops."""
        _lower(self.product, epilogue)


class Form(Enum):
    """How a product is computed: see the top of this file."""

    TILES = "tiles"
    DOTS = "dots"
    ELEMENTS = "elements"


def _product(lowering: Lowering, op: Contract) -> Product:
    left, right, result = op.parts
    a, b = (lowering[value] for value in op.operands)
    product = Product(lowering, Operand(a, left), Operand(b, right), result, lambda: lowering.buffer(op.result))
    return replace(product, a=product.b, b=product.a, turned=True) if _turns(product) else product


def _turns(product: Product) -> bool:
    """Whether fewer vectors hold the result, if its rows run along the lanes, though each number is stored alone.

    So it is where columns are few and the rows of the left operand lie side by side, as in the gradient of weights.
    """
    if _form(product) is not Form.TILES or not product.rows or product.a.last != product.rows[-1]:
        return False
    rows, columns, lanes = product.sizes[product.rows[-1]], product.sizes[product.column], product.lanes
    if not isinstance(columns, int):
        return False
    depth, height = _about(product.size(product.summed)), _about(rows)
    turned = columns * -(-height // lanes) + columns * height * STORED_ALONE / max(depth, 1)
    return turned < height * -(-columns // lanes)


def _form(product: Product) -> Form:
    """The form that suits a product."""
    if product.turned:
        return Form.TILES
    if not product.element.is_float or not product.columns or product.column != product.letters[-1]:
        return Form.ELEMENTS
    rows, depth = _about(product.size(product.rows)), _about(product.size(product.summed))
    columns, last = product.sizes[product.column], product.a.last
    if last not in product.summed:
        return Form.TILES
    if product.b.last == last and product.b.buffer not in product.lowering.steady and DOT_ROWS * rows <= depth:
        return Form.DOTS
    few = isinstance(columns, int) and 3 * columns <= 2 * product.lanes <= 2 * depth
    return Form.DOTS if few and rows >= MANY else Form.TILES


def _lower(product: Product, epilogue: Epilogue | None) -> None:
    """Lower a product in its form; only that in tiles takes an epilogue."""
    form = _form(product)
    if form is Form.ELEMENTS:
        lower_in_elements(product)
    elif form is Form.DOTS:
        same = product.b.last == product.a.last
        lower_in_dots(product, product.b if same else rearranged(product, product.b, product.a.last))
    else:
        direct = product.b.last == product.column and not _is_large(product)
        lower_in_tiles(product, None if direct else packed(product, _width(product)), epilogue)


def _width(product: Product) -> int:
    columns = product.sizes[product.column]
    return packed_width(_known(columns), _known(product.size(product.summed)), product.element, product.lowering.target)


def _is_large(product: Product) -> bool:
    """Whether rows of the right operand lie so far apart that to pack them pays, for so many rows of the result."""
    return _about(product.size(product.rows)) >= PACKED_ROWS and _about(product.sizes[product.column]) >= PACKED_COLUMNS


def _known(size: Dimension) -> int:
    return size if isinstance(size, int) else LARGE


def _about(size: Dimension) -> int:
    return size if isinstance(size, int) else BATCH
