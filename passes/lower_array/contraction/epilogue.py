"""What a group computes of a contraction's result, element by element: done on each tile before it is stored.

Cheap ops work on the registers of the whole tile. Functions of ``math`` become long code once they are spelled out, so
the tile is put aside then, and a loop over its vectors has them once. Reductions of what is computed read it from
memory afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

from irc.dialects.array import Cast, Reduce
from irc.dialects.constants import Number, number_of
from irc.dialects.loop import BufferType, LoadTile, StoreTile
from irc.ir.operation import Operation, Value
from irc.ir.types import ScalarType, TensorType, VectorType, i1
from irc.passes.lower_array.contraction.product import At, Operand, Product
from irc.passes.lower_array.lowering import Lowering, shape_of
from irc.passes.lower_array.nest import is_elementwise, is_view, source_position

CHEAP = ("math.absf", "math.fma", "math.copysign", "math.floor", "math.ceil", "math.sqrt")
"""Functions that are one instruction, or nearly."""


def is_costly(ops: Sequence[Operation]) -> bool:
    """Whether there are functions that become long code."""
    return any(op.name.startswith("math.") and op.name not in CHEAP for op in ops)


def fits(ops: Sequence[Operation], contracted: Value, outputs: Sequence[Value]) -> bool:
    """Whether the ops of a group, but for its reductions, can work on tiles of a contraction's result."""
    inside = {op for op in ops if not isinstance(op, Reduce)}
    element, shape = contracted.type.element, shape_of(contracted)

    def has_tile(value: Value) -> bool:
        """Whether a value of the group has a tile for each of the result."""
        op = value.defining_op()
        if not isinstance(value.type, TensorType) or shape_of(value) != shape:
            return False
        if value is contracted or op not in inside:
            return value is contracted or value.type.element is element
        if is_view(op):
            source = _source(value)
            held = source.defining_op()
            computed = source is contracted or (held in inside and number_of(source) is None)
            return source.type.element is element and not computed
        if value.type.element is not element and value.type.element is not i1:
            return False
        if number_of(value) is not None:
            return True
        return is_elementwise(op) and not isinstance(op, Cast) and all(map(has_tile, op.operands))

    for output in outputs:
        op = output.defining_op()
        value = op.operands[0] if isinstance(op, Reduce) else output
        if value is contracted or value.type.element is not element or value.defining_op() not in inside:
            return False
        if not is_elementwise(value.defining_op()) or not has_tile(value):  # type: ignore[arg-type]
            return False
    return bool(outputs)


def _source(value: Value) -> Value:
    """What a chain of views begins with."""
    while (op := value.defining_op()) is not None and is_view(op):
        value = op.operands[0]
    return value


class Epilogue:
    """``outputs`` (value, buffer), computed from tiles of ``contracted`` and of arrays from outside."""

    def __init__(
        self, lowering: Lowering, ops: Sequence[Operation], contracted: Value, outputs: Sequence[tuple[Value, Value]]
    ):
        self.low = lowering
        self.inside = set(ops)
        self.contracted = contracted
        self.outputs = list(outputs)
        self.is_costly = is_costly(ops)

    def apply(self, product: Product, sums: Value, at: At, mask: Value | None) -> None:
        """Compute and store the outputs of one tile."""
        low, lanes, (rows, columns) = self.low, product.lanes, sums.type.shape  # type: ignore[attr-defined]
        if not self.is_costly or (rows == 1 and columns <= lanes):
            _Tile(self, product, sums, at, mask).store()
            return
        element = product.element
        count = None if mask is None else mask.defining_op().operands[0]  # type: ignore[union-attr]
        aside = low.alloc(BufferType((rows, columns), element))
        low.builder.create(StoreTile, sums, aside, [low.index(0)] * 2, [], down=0, across=1)

        def row(r: Value) -> None:
            def vector(c: Value) -> None:
                tile = low.make(LoadTile, aside, [r, c], [], result_types=[VectorType((1, lanes), element)], across=1)
                here = at | {product.column: low.add(at[product.column], c)}
                if product.row is not None:
                    here[product.row] = low.add(at[product.row], r)
                active = None if count is None else product.mask(low.subtract(count, c), lanes)
                _Tile(self, product, tile, here, active).store()

            product.steps(0, columns, lanes, "c", vector)

        product.steps(0, rows, 1, "r", row)


class _Letters:
    """Positions as the letters that run through them, None for a fixed one."""

    def offset(self, position: str | None, by: object) -> str | None:
        return position

    def index(self, value: int) -> str | None:
        return None


class _Tile:
    """One tile: what is known there."""

    def __init__(self, epilogue: Epilogue, product: Product, sums: Value, at: At, mask: Value | None):
        self.epilogue, self.product, self.low = epilogue, product, product.lowering
        self.at, self.shape, self.mask = at, tuple(sums.type.shape), mask  # type: ignore[attr-defined]
        self.known: dict[Value, Value] = {epilogue.contracted: sums}

    def store(self) -> None:
        """Compute the outputs, then write them: they may lie where something was read."""
        product = self.product
        tiles = [self.tile(value) for value, _ in self.epilogue.outputs]
        for tile, (_, buffer) in zip(tiles, self.epilogue.outputs, strict=True):
            target = Operand(buffer, product.letters)
            product.store(tile, target, self.at, product.row, product.column, self.mask)

    def tile(self, value: Value) -> Value:
        """The elements of a value."""
        found = self.known.get(value)
        if found is None:
            found = self.known[value] = self._compute(value)
            if found.name_hint is None:
                found.name_hint = value.name_hint
        return found

    def _compute(self, value: Value) -> Value:
        low, op = self.low, value.defining_op()
        element = value.type.element
        assert isinstance(element, ScalarType)
        type = VectorType(self.shape, element)
        source = _source(value)
        number: Number | None = number_of(source)
        if number is not None:
            return low.constant(number, type)
        if op is None or op not in self.epilogue.inside or is_view(op):
            return self._load(value, source, type)
        operands = [self.tile(operand) for operand in op.operands]
        copy = op.__class__(operands, [type], op.attributes, location=op.location)
        return low.builder.insert(copy).results[0]

    def _load(self, value: Value, source: Value, type: VectorType) -> Value:
        """A tile of an array, as views show it."""
        low, product = self.low, self.product
        indices: list[Value] = [self.at[letter] for letter in product.letters]
        letters: list[str | None] = list(product.letters)
        while value is not source:
            indices = source_position(low, value, indices)
            letters = source_position(_Letters(), value, letters)
            value = value.defining_op().operands[0]  # type: ignore[union-attr]
        places: dict[str, int] = {}
        if product.row in letters and self.shape[0] > 1:
            places["down"] = letters.index(product.row)
        if product.column in letters:
            places["across"] = letters.index(product.column)
        mask = [self.mask] if self.mask is not None and "across" in places else []
        return low.make(LoadTile, low[source], indices, mask, result_types=[type], **places)
