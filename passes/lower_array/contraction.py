"""``array.contract``: an einsum of two arrays becomes a nest of loops around one multiply-add.

Each letter of the equation is one loop: *batch* letters stand in both operands and in the result, *row* letters in
the left operand and the result, *column* letters in the right one and the result, *summed* letters not in the result.
The right operand is the one that has the result's last letter, so that the vectors run along the last dimension of
the result:

    for batch, rows (parallel)
      for columns                     (parallel; the last one vectorize)
        acc = 0
        for summed letters            acc += left * right
        result = acc

With the last column letter innermost in the right operand too, a vector is one contiguous load. Where it is not
("bi,oi->bo", the layer of a net), the right operand is copied first with its dimensions in the order of the loops:
n*k moves for m*n*k multiplications. A result without columns (a dot product) runs the vectors along the last summed
letter and adds up lanes.
"""

from __future__ import annotations

from collections.abc import Sequence

from irc.dialects.array import Contract
from irc.ir.dimensions import Dimension
from irc.ir.operation import Value
from irc.passes.lower_array.lowering import Lowering


def lower_contract(lowering: Lowering, op: Contract) -> None:
    """Lower one contraction."""
    left, right, result = op.parts
    a, b = (lowering[value] for value in op.operands)
    if result and result[-1] in left and result[-1] not in right:
        left, right, a, b = right, left, b, a
    out = lowering.buffer(op.result)
    sizes: dict[str, Dimension] = {}
    for letters, buffer in ((left, a), (right, b)):
        sizes.update(zip(letters, buffer.type.shape, strict=True))
    summed = [letter for letter in dict.fromkeys(left + right) if letter not in result]
    columns = [letter for letter in result if letter in right and letter not in left]
    if columns and columns[-1] == result[-1]:
        rows = [letter for letter in result if letter in left and letter not in right]
        if right[-1] != columns[-1] and any(sizes[letter] != 1 for letter in rows):
            order = "".join(letter for letter in right if letter not in columns) + "".join(columns)
            b, right = _rearranged(lowering, b, right, order), order
        _columns_innermost(lowering, (a, left), (b, right), (out, result), summed, sizes)
    else:
        _summed_innermost(lowering, (a, left), (b, right), (out, result), summed, sizes)


_Named = tuple[Value, str]
"""A buffer, and the letter of each of its dimensions."""


def _product(lowering: Lowering, a: _Named, b: _Named, at: dict[str, Value]) -> Value:
    left, right = (lowering.load(buffer, [at[letter] for letter in letters]) for buffer, letters in (a, b))
    return lowering.multiply(left, right)


def _columns_innermost(
    lowering: Lowering, a: _Named, b: _Named, out: _Named, summed: Sequence[str], sizes: dict[str, Dimension]
) -> None:
    buffer, result = out

    def element(position: list[Value]) -> None:
        at = dict(zip(result, position, strict=True))

        def level(depth: int, total: Value) -> Value:
            if depth == len(summed):
                return lowering.add(total, _product(lowering, a, b, at))

            def turn(i: Value, carried: list[Value]) -> Sequence[Value]:
                at[summed[depth]] = i
                return [level(depth + 1, carried[0])]

            return lowering.loop(lowering.size(sizes[summed[depth]]), turn, [total])[0]

        lowering.store(level(0, lowering.constant(0, buffer.type.element)), buffer, position)

    lowering.nest([sizes[letter] for letter in result], element, vectorize=len(result) - 1)


def _summed_innermost(
    lowering: Lowering, a: _Named, b: _Named, out: _Named, summed: Sequence[str], sizes: dict[str, Dimension]
) -> None:
    buffer, result = out
    lowering.clear(buffer)
    letters = [*result, *summed]

    def element(position: list[Value]) -> None:
        at = dict(zip(letters, position, strict=True))
        lowering.accumulate(_product(lowering, a, b, at), buffer, position[: len(result)])

    vectorize = len(letters) - 1 if letters else None
    lowering.nest([sizes[letter] for letter in letters], element, vectorize=vectorize)


def _rearranged(lowering: Lowering, buffer: Value, letters: str, order: str) -> Value:
    """A copy of ``buffer`` whose dimensions stand in another order."""
    sizes = dict(zip(letters, buffer.type.shape, strict=True))
    copy = lowering.alloc(buffer.type.with_shape([sizes[letter] for letter in order]))

    def element(position: list[Value]) -> None:
        at = dict(zip(order, position, strict=True))
        lowering.store(lowering.load(buffer, [at[letter] for letter in letters]), copy, position)

    lowering.nest([sizes[letter] for letter in order], element, vectorize=len(order) - 1)
    return copy
