"""``array.contract``: an einsum of two arrays becomes a nest of loops around one multiply-add.

Each letter of the equation is one loop: *batch* letters stand in both operands and in the result, *row* letters in
the left operand and the result, *column* letters in the right one and the result, *summed* letters not in the result.
The right operand is the one that has the result's last letter, so that the vectors run along the last dimension of
the result:

    for batch letters, columns but the last, rows       (parallel; 8 rows of the last row letter at a time)
      for the last column letter                        (parallel, vectorize)
        sums = 0
        for summed letters            sums += left * right
        result = sums

With the last column letter innermost in the right operand too, a vector is one contiguous load. Where it is not
("bi,oi->bo", the layer of a net), the right operand is copied first with its dimensions in the order of the loops:
n*k moves for m*n*k multiplications; where the contraction is in a loop over steps that do not change the operand, once
for all of them. A result without columns (a dot product) runs the vectors along the last summed
letter and adds up lanes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from irc.dialects.array import Contract
from irc.dialects.loop import BufferType
from irc.ir.dimensions import Dimension
from irc.ir.operation import Value
from irc.passes.lower_array.lowering import Lowering, shape_of


def lower_contract(lowering: Lowering, op: Contract) -> None:
    """Lower one contraction."""
    left, right, result = op.parts
    a, b = (lowering[value] for value in op.operands)
    if result and result[-1] in left and result[-1] not in right:
        left, right, a, b = right, left, b, a
    out = lowering.buffer(op.result)
    sizes: dict[str, Dimension] = {}
    for letters, buffer in ((left, a), (right, b)):
        sizes.update(zip(letters, shape_of(buffer), strict=True))
    summed = [letter for letter in dict.fromkeys(left + right) if letter not in result]
    columns = [letter for letter in result if letter in right and letter not in left]
    if columns and columns[-1] == result[-1]:
        rows = [letter for letter in result if letter in left and letter not in right]
        if right[-1] != columns[-1] and any(sizes[letter] != 1 for letter in rows):
            order = "".join(letter for letter in right if letter not in columns) + "".join(columns)
            b, right = lowering.derived(b, order, partial(_rearranged, lowering, b, right, order)), order
        _columns_innermost(lowering, (a, left), (b, right), (out, result), summed, sizes)
    else:
        _summed_innermost(lowering, (a, left), (b, right), (out, result), summed, sizes)


_Named = tuple[Value, str]
"""A buffer, and the letter of each of its dimensions."""


ROWS = 8
"""Rows of the result that are computed together: as many sums run side by side, and share each vector of ``right``."""


def _columns_innermost(
    lowering: Lowering, a: _Named, b: _Named, out: _Named, summed: Sequence[str], sizes: dict[str, Dimension]
) -> None:
    buffer, result = out
    rows = [letter for letter in result if letter in a[1] and letter not in b[1]]
    outer = [letter for letter in result[:-1] if letter != rows[-1]] if rows else list(result[:-1])
    at: dict[str, Value] = {}

    def column(offsets: int) -> None:
        """The element of the result at ``at``, and those of the rows after it."""

        def turn(j: Value, _: list[Value]) -> Sequence[Value]:
            at[result[-1]] = j
            totals = _sums(lowering, a, b, summed, sizes, _rows(lowering, at, rows, offsets))
            for place, total in zip(_rows(lowering, at, rows, offsets), totals, strict=True):
                lowering.store(total, buffer, [place[letter] for letter in result])
            return []

        lowering.loop(
            lowering.size(sizes[result[-1]]), turn, parallel=True, vectorize=sizes[result[-1]] != 1, counter=result[-1]
        )

    def level(position: list[Value]) -> None:
        at.update(zip(outer, position, strict=True))
        if not rows:
            column(1)
            return
        size = sizes[rows[-1]]
        tiled = size // ROWS * ROWS
        for lower, upper, count in ((0, tiled, ROWS), (tiled, size, 1)):

            def turn(i: Value, _: list[Value], count: int = count) -> Sequence[Value]:
                at[rows[-1]] = i
                column(count)
                return []

            if lower != upper:
                lowering.loop(
                    lowering.size(upper),
                    turn,
                    lower=lowering.size(lower),
                    step=lowering.index(count),
                    parallel=True,
                    counter=rows[-1],
                )

    lowering.nest([sizes[letter] for letter in outer], level)


def _rows(lowering: Lowering, at: dict[str, Value], rows: list[str], count: int) -> list[dict[str, Value]]:
    """The positions of ``count`` rows from ``at`` on."""
    return [at | {rows[-1]: lowering.offset(at[rows[-1]], n)} if n else dict(at) for n in range(count)]


def _sums(
    lowering: Lowering,
    a: _Named,
    b: _Named,
    summed: Sequence[str],
    sizes: dict[str, Dimension],
    places: list[dict[str, Value]],
) -> list[Value]:
    """The sums over all summed letters of left*right, for each row of ``places``."""
    zero = lowering.constant(0, a[0].type.element)

    def level(depth: int, totals: list[Value]) -> list[Value]:
        if depth == len(summed):
            right = _element(lowering, b, places[0])
            products = [lowering.multiply(_element(lowering, a, place), right) for place in places]
            return [lowering.add(total, product) for total, product in zip(totals, products, strict=True)]

        def turn(i: Value, carried: list[Value]) -> Sequence[Value]:
            for place in places:
                place[summed[depth]] = i
            return level(depth + 1, carried)

        return lowering.loop(lowering.size(sizes[summed[depth]]), turn, totals, counter=summed[depth])

    return level(0, [zero] * len(places))


def _element(lowering: Lowering, named: _Named, at: dict[str, Value]) -> Value:
    buffer, letters = named
    return lowering.load(buffer, [at[letter] for letter in letters])


def _summed_innermost(
    lowering: Lowering, a: _Named, b: _Named, out: _Named, summed: Sequence[str], sizes: dict[str, Dimension]
) -> None:
    buffer, result = out
    lowering.clear(buffer)
    letters = [*result, *summed]

    def element(position: list[Value]) -> None:
        at = dict(zip(letters, position, strict=True))
        product = lowering.multiply(_element(lowering, a, at), _element(lowering, b, at))
        lowering.accumulate(product, buffer, position[: len(result)])

    vectorize = len(letters) - 1 if letters else None
    lowering.nest([sizes[letter] for letter in letters], element, vectorize=vectorize)


def _rearranged(lowering: Lowering, buffer: Value, letters: str, order: str) -> Value:
    """A copy of ``buffer`` whose dimensions stand in another order."""
    sizes = dict(zip(letters, shape_of(buffer), strict=True))
    copy = lowering.alloc(BufferType([sizes[letter] for letter in order], buffer.type.element))

    def element(position: list[Value]) -> None:
        at = dict(zip(order, position, strict=True))
        lowering.store(lowering.load(buffer, [at[letter] for letter in letters]), copy, position)

    lowering.nest([sizes[letter] for letter in order], element, vectorize=len(order) - 1)
    return copy
