"""What a group computes of the result of a contraction or a convolution, element by element: done on each tile before
it is stored.

Cheap ops work on the registers of the whole tile. Functions of ``math`` become long code once they are spelled out, so
the tile is put aside then, and a loop over its vectors has them once. Reductions of what is computed read it from
memory afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from irc.dialects.array import Cast, Reduce
from irc.dialects.constants import Number, number_of
from irc.dialects.loop import BufferType, LoadTile, StoreTile
from irc.ir.dimensions import Dimension
from irc.ir.operation import Operation, Value
from irc.ir.types import ScalarType, TensorType, VectorType, i1
from irc.passes.lower_array.lowering import Lowering, shape_of
from irc.passes.lower_array.nest import is_elementwise, is_view, source_position
from irc.passes.lower_array.tiler import At

CHEAP = ("math.absf", "math.fma", "math.copysign", "math.floor", "math.ceil", "math.sqrt")
"""Functions that are one instruction, or nearly."""


def is_costly(ops: Sequence[Operation]) -> bool:
    """Whether there are functions that become long code."""
    return any(op.name.startswith("math.") and op.name not in CHEAP for op in ops)


class Tiled(Protocol):
    """A kernel that computes tiles: its result has a letter for each dimension, of which the rows of tiles run along
    ``row``, if there are any, and the columns along ``column``. See ``tiler``."""

    lowering: Lowering
    letters: str

    @property
    def row(self) -> str | None:
        """The letter of rows."""

    @property
    def column(self) -> str:
        """The letter of columns."""

    @property
    def element(self) -> ScalarType:
        """The type of the numbers."""

    @property
    def lanes(self) -> int:
        """How many numbers a vector holds."""

    def mask(self, count: Dimension | Value, columns: int) -> Value:
        """The first ``count`` columns."""

    def steps(self, lower: Dimension, upper: Dimension, step: int, counter: str, body: Callable[[Value], None]) -> None:
        """``body`` for each ``step``-th position."""

    def reached(self, buffer: Value, letters: Sequence[str | None]) -> Value:
        """The same memory, as tiles reach it, of a buffer whose dimensions run along these letters."""


class Maker(Protocol):
    """How an op is lowered that computes tiles."""

    def takes(self, ops: Sequence[Operation], outputs: Sequence[Value]) -> bool:
        """Whether the others of its group should work on its tiles, and can."""

    def lower(self, epilogue: Epilogue | None) -> None:
        """Write the loops."""


def lower_group(
    lowering: Lowering,
    made: Value,
    maker: Maker,
    ops: Sequence[Operation],
    outputs: Sequence[tuple[Value, Value]],
    build: Callable[[Sequence[Operation], Sequence[tuple[Value, Value]]], None],
) -> None:
    """Lower a group that contains the op that ``maker`` lowers, whose result is ``made``. ``outputs`` (value, buffer)
    are wanted, ``build`` lowers the group without it.

    Where it is computed in tiles, the elementwise ops of the group work on them, before they are stored; reductions
    follow, of what is stored.
    """
    others = [op for op in ops if op is not made.defining_op()]
    if not maker.takes(others, [value for value, _ in outputs]):
        maker.lower(None)
        build(others, outputs)
        return
    stored = {value: buffer for value, buffer in outputs if not isinstance(value.defining_op(), Reduce)}
    reduced = [(value, buffer) for value, buffer in outputs if value not in stored]
    for value, _ in reduced:
        (source,) = value.defining_op().operands  # type: ignore[union-attr]
        if source not in stored:
            stored[source] = lowering.buffer(source)
    elementwise = [op for op in others if not isinstance(op, Reduce)]
    maker.lower(Epilogue(lowering, elementwise, made, list(stored.items())))
    lowering.values.update(stored)
    for value, buffer in reduced:
        build([value.defining_op()], [(value, buffer)])  # type: ignore[list-item]


def fits(
    ops: Sequence[Operation],
    contracted: Value,
    outputs: Sequence[Value],
    readable: Callable[[Value, Sequence[int | None]], bool] | None = None,
) -> bool:
    """Whether the ops of a group, but for its reductions, can work on tiles of a contraction's result. ``readable``, if
    there are limits: whether a tile of an array can be read whose dimensions are these of the result, None for a fixed
    position."""
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
            if source.type.element is not element or computed:
                return False
            return number_of(source) is not None or readable is None or readable(source, _dimensions(value, source))
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


def _dimensions(value: Value, source: Value) -> list[int | None]:
    """The dimension of ``value`` that each of ``source`` is, which a chain of views shows."""
    found: list[int | None] = list(range(len(shape_of(value))))
    while value is not source:
        found = source_position(_Fixed(), value, found)
        value = value.defining_op().operands[0]  # type: ignore[union-attr]
    return found


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

    def apply(self, kernel: Tiled, sums: Value, at: At, mask: Value | None) -> None:
        """Compute and store the outputs of one tile."""
        low, lanes, (rows, columns) = self.low, kernel.lanes, sums.type.shape  # type: ignore[attr-defined]
        if not self.is_costly or (rows == 1 and columns <= lanes):
            _Tile(self, kernel, sums, at, mask).store()
            return
        element = kernel.element
        count = None if mask is None else mask.defining_op().operands[0]  # type: ignore[union-attr]
        aside = low.alloc(BufferType((rows, columns), element))
        low.builder.create(StoreTile, sums, aside, [low.index(0)] * 2, [], down=0, across=1)

        def row(r: Value) -> None:
            def vector(c: Value) -> None:
                tile = low.make(LoadTile, aside, [r, c], [], result_types=[VectorType((1, lanes), element)], across=1)
                here = at | {kernel.column: low.add(at[kernel.column], c)}
                if kernel.row is not None:
                    here[kernel.row] = low.add(at[kernel.row], r)
                active = None if count is None else kernel.mask(low.subtract(count, c), lanes)
                _Tile(self, kernel, tile, here, active).store()

            kernel.steps(0, columns, lanes, "c", vector)

        kernel.steps(0, rows, 1, "r", row)


class _Fixed:
    """Positions as the dimensions that run through them, None for a fixed one."""

    def offset(self, position: int | None, by: object) -> int | None:
        return position

    def index(self, value: int) -> int | None:
        return None


class _Tile:
    """One tile: what is known there."""

    def __init__(self, epilogue: Epilogue, kernel: Tiled, sums: Value, at: At, mask: Value | None):
        self.epilogue, self.kernel, self.low = epilogue, kernel, kernel.lowering
        self.at, self.shape, self.mask = at, tuple(sums.type.shape), mask  # type: ignore[attr-defined]
        self.known: dict[Value, Value] = {epilogue.contracted: sums}

    def store(self) -> None:
        """Compute the outputs, then write them: they may lie where something was read."""
        letters = self.kernel.letters
        tiles = [self.tile(value) for value, _ in self.epilogue.outputs]
        indices = [self.at[letter] for letter in letters]
        masks = [self.mask] if self.mask is not None else []
        for tile, (_, buffer) in zip(tiles, self.epilogue.outputs, strict=True):
            target = self.kernel.reached(buffer, letters)
            self.low.builder.create(StoreTile, tile, target, indices, masks, **self._along(letters))

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
        low, kernel = self.low, self.kernel
        letters = [None if d is None else kernel.letters[d] for d in _dimensions(value, source)]
        indices: list[Value] = [self.at[letter] for letter in kernel.letters]
        while value is not source:
            indices = source_position(low, value, indices)
            value = value.defining_op().operands[0]  # type: ignore[union-attr]
        places = self._along(letters)
        mask = [self.mask] if self.mask is not None and "across" in places else []
        return low.make(LoadTile, kernel.reached(low[source], letters), indices, mask, result_types=[type], **places)

    def _along(self, letters: Sequence[str | None]) -> dict[str, int]:
        """The dimensions, by their letters, along which rows and columns of the tile run."""
        places: dict[str, int] = {}
        if self.shape[0] > 1 and self.kernel.row in letters:  # a product without rows has tiles of one row
            places["down"] = letters.index(self.kernel.row)
        if self.kernel.column in letters:
            places["across"] = letters.index(self.kernel.column)
        return places
