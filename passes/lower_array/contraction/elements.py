"""A product element by element: for what leaves nothing to keep in registers, and for numbers that are not floats.

Where each element of the operands is used once or twice (``bhd,hd->bh``, a dot product), it is all about memory. The
vectors run along the last summed letter, or along the last letter of the result where nothing is summed.
"""

from __future__ import annotations

from irc.passes.lower_array.contraction.product import Product


def lower_in_elements(product: Product) -> None:
    """Write the loops: add each product to its element."""
    low, result = product.lowering, product.letters
    low.clear(product.out.buffer)
    letters = [*result, *product.summed]

    def element(position: list) -> None:
        at = dict(zip(letters, position, strict=True))
        left, right = (low.load(o.buffer, [at[c] for c in o.letters]) for o in (product.a, product.b))
        low.accumulate(low.multiply(left, right), product.out.buffer, position[: len(result)])

    low.nest([product.sizes[c] for c in letters], element, vectorize=len(letters) - 1 if letters else None)
