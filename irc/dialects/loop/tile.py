"""Register tiles: values of two dimensions, ``vector<8x48xf32>``, which only the emitter takes apart into registers.

The micro-kernel of a matrix product is a tile carried by the loop over the summed index, and one ``loop.outer`` a turn:

    %sums = loop.for %k = %c0 to %K step %c1 iter_args(%acc = %zero) -> (vector<8x48xf32>) {
      %a = loop.load_tile %x[%i, %k] down 0 : !loop.buffer<M x K x f32> to vector<8x1xf32>
      %b = loop.load_tile %w[%k, %j] across 1 : !loop.buffer<K x N x f32> to vector<1x48xf32>
      %next = loop.outer %a, %b, %acc : vector<8x1xf32>, vector<1x48xf32>
      loop.yield %next : vector<8x48xf32>
    }
    loop.store_tile %sums, %y[%i, %j] down 0 across 1 : vector<8x48xf32>, !loop.buffer<M x N x f32>

``down`` is the dimension of the buffer along which the rows of the tile run, ``across`` that of its columns.
Elementwise ``arith`` and ``math`` work on tiles as on any vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from irc.dialects.loop.memory import BUFFER
from irc.dialects.loop.types import BufferType
from irc.dialects.math.fma import multiply_add, multiply_add_bound
from irc.interpreter import Bounded, error_of, value_of
from irc.ir.attributes import Attribute, IntegerAttr
from irc.ir.constraints import INDEX, Constraint
from irc.ir.diagnostics import fail
from irc.ir.operation import Operation, Value
from irc.ir.spec import attr, operand, operands, result
from irc.ir.traits import MOVEMENT, PURE, RAW, READS, WRITES
from irc.ir.types import Type, VectorType, i1, index

TILE = Constraint("a tile, a vector of two dimensions", lambda t: isinstance(t, VectorType) and t.rank == 2)
FLOAT_TILE = Constraint("a tile of floats", lambda t: TILE.accepts(t) and t.element.is_float)
COLUMN_MASK = Constraint(
    "a mask of columns, vector<1 x n x i1>",
    lambda t: TILE.accepts(t) and t.element is i1 and rows_of(t) == 1 and columns_of(t) > 1,
)


def rows_of(type: Type) -> int:
    """The number of rows of a tile."""
    return type.shape[0]  # type: ignore[attr-defined]


def columns_of(type: Type) -> int:
    """The number of columns of a tile."""
    return type.shape[1]  # type: ignore[attr-defined]


class LoadTile(Operation):
    """A tile from memory: row r and column c is the element r places on in dimension ``down``, c in ``across``.

    Without ``down`` all rows are the same, without ``across`` all columns. With ``across``, columns whose ``mask`` is
    false are not read and give zero.

        %t = loop.load_tile %x[%i, %j] down 0 across 1 mask %m : !loop.buffer<M x N x f32> to vector<8x48xf32>
        %b = loop.load_tile %bias[%j] across 0 : !loop.buffer<N x f32> to vector<8x48xf32>
    """

    name = "loop.load_tile"
    buffer = operand(BUFFER)
    indices = operands(INDEX)
    mask = operands(COLUMN_MASK, "none or one")
    tile = result(TILE)
    down = attr(IntegerAttr, "the dimension along which the rows run", optional=True)
    across = attr(IntegerAttr, "the dimension along which the columns run", optional=True)
    traits = frozenset({READS, RAW})

    def verify(self) -> None:
        _check_place(self, self.tile.type)

    def eval(self, context: Any, buffer: Any, *rest: Any) -> Sequence[Any]:
        place, active = _place(self, self.tile.type, buffer, rest)
        shape = tuple(self.tile.type.shape)

        def read(array: np.ndarray) -> np.ndarray:
            found = np.broadcast_to(array[place], shape)
            return np.array(found if active is None else np.where(active, found, np.zeros((), array.dtype)))

        if active is not None and not active.any():
            return [np.zeros(shape, context.dtype(self.tile.type))]
        value = np.asarray(read(buffer.value), context.dtype(self.tile.type))
        return [value if buffer.error is None else Bounded(value, read(buffer.error))]

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        buffer = parser.operand()
        indices, attributes, mask = _parse_place(parser)
        parser.expect(":")
        source = parser.resolve(buffer, parser.type())
        parser.expect("to")
        tile = parser.type()
        masks = _resolve_mask(parser, mask, tile)
        return cls.build(
            source,
            indices,
            masks,
            result_types=[tile],
            location=parser.op_location,
            **attributes,
            **parser.attr_dict(),
        )

    def print(self, printer: Any) -> None:
        _print_place(self, printer)
        printer.write(" : ")
        printer.type(self.buffer.type)
        printer.write(" to ")
        printer.type(self.tile.type)
        printer.attr_dict(self, exclude=_PLACE_ATTRIBUTES)


class StoreTile(Operation):
    """Writes a tile: row r and column c go r places on in dimension ``down``, c in dimension ``across``.

    A tile of one row needs no ``down``, one of one column no ``across``. Columns whose ``mask`` is false are not
    written.

        loop.store_tile %t, %y[%i, %j] down 0 across 1 mask %m : vector<8x48xf32>, !loop.buffer<M x N x f32>
    """

    name = "loop.store_tile"
    tile = operand(TILE)
    buffer = operand(BUFFER)
    indices = operands(INDEX)
    mask = operands(COLUMN_MASK, "none or one")
    down = attr(IntegerAttr, "the dimension along which the rows run", optional=True)
    across = attr(IntegerAttr, "the dimension along which the columns run", optional=True)
    traits = frozenset({WRITES, RAW})

    def verify(self) -> None:
        tile = self.tile.type
        _check_place(self, tile)
        for number, (word, given) in enumerate((("down", self.down), ("across", self.across))):
            if given is None and tile.shape[number] != 1:
                raise ValueError(f"{tile} needs '{word}', or elements would be written over each other")

    def eval(self, context: Any, tile: Any, buffer: Any, *rest: Any) -> Sequence[Any]:
        place, active = _place(self, self.tile.type, buffer, rest)
        shape = tuple(self.tile.type.shape)
        kept = np.ones(shape, bool) if active is None else np.broadcast_to(active, shape)
        if not kept.any():
            return []
        place = tuple(np.broadcast_to(p, shape)[kept] for p in place)
        error = error_of(tile)
        buffer.value[place] = np.asarray(value_of(tile))[kept]
        if error is not None and buffer.error is None:
            buffer.error = np.zeros(buffer.value.shape)
        if buffer.error is not None:
            buffer.error[place] = 0.0 if error is None else np.broadcast_to(error, shape)[kept]
        if buffer.terms is not None:
            buffer.terms[(slice(None), *place)] = 0.0
        return []

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        tile = parser.operand()
        parser.expect(",")
        buffer = parser.operand()
        indices, attributes, mask = _parse_place(parser)
        parser.expect(":")
        written = parser.resolve(tile, parser.type())
        parser.expect(",")
        target = parser.resolve(buffer, parser.type())
        masks = _resolve_mask(parser, mask, written.type)
        return cls.build(
            written, target, indices, masks, location=parser.op_location, **attributes, **parser.attr_dict()
        )

    def print(self, printer: Any) -> None:
        printer.value(self.tile)
        printer.write(", ")
        _print_place(self, printer)
        printer.write(" : ")
        printer.type(self.tile.type)
        printer.write(", ")
        printer.type(self.buffer.type)
        printer.attr_dict(self, exclude=_PLACE_ATTRIBUTES)


class Outer(Operation):
    """c + a b for a column a and a row b: the outer product, added to a tile, each element rounded once.

        %next = loop.outer %a, %b, %c : vector<8x1xf32>, vector<1x48xf32>
    """

    name = "loop.outer"
    column = operand(FLOAT_TILE)
    row = operand(FLOAT_TILE)
    start = operand(FLOAT_TILE)
    sum = result(FLOAT_TILE)
    traits = frozenset({PURE})

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        return [operand_types[2]]

    def verify(self) -> None:
        column, row, start = self.column.type, self.row.type, self.start.type
        if columns_of(column) != 1 or rows_of(row) != 1:
            raise ValueError(f"the product is of a column and a row, not of {column} and {row}")
        if start != _product_type(column, row) or row.element is not column.element:
            raise ValueError(f"{column} times {row} cannot be added to {start}")

    def eval(self, context: Any, a: Any, b: Any, c: Any) -> Sequence[Any]:
        return [multiply_add(context, self.sum.type, a, b, c)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [multiply_add_bound(self.sum.type, operands, errors, results[0])]

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        names = [parser.operand()]
        for _ in range(2):
            parser.expect(",")
            names.append(parser.operand())
        parser.expect(":")
        column = parser.type()
        parser.expect(",")
        row = parser.type()
        if not (TILE.accepts(column) and TILE.accepts(row)):
            parser.fail(f"expected two tiles, got {column} and {row}")
        types = [column, row, _product_type(column, row)]
        values = [parser.resolve(n, t) for n, t in zip(names, types, strict=True)]
        return cls.build(*values, location=parser.op_location, **parser.attr_dict())

    def print(self, printer: Any) -> None:
        printer.values(self.operands)
        printer.write(" : ")
        printer.type(self.column.type)
        printer.write(", ")
        printer.type(self.row.type)
        printer.attr_dict(self)


class Transpose(Operation):
    """Rows to columns: ``loop.transpose %t : vector<16x16xf32>``. The tile is square, its size a power of two."""

    name = "loop.transpose"
    source = operand(TILE)
    tile = result(TILE)
    traits = frozenset({PURE, MOVEMENT})
    assembly = "$source attr-dict `:` type($source)"

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        return [operand_types[0]]

    def verify(self) -> None:
        size = rows_of(self.source.type)
        if size != columns_of(self.source.type) or size & (size - 1) or self.tile.type is not self.source.type:
            raise ValueError(f"only square tiles of 1, 2, 4, ... rows are transposed, not {self.source.type}")

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        return [np.ascontiguousarray(np.asarray(source).T)]


_PLACE_ATTRIBUTES = ("down", "across", "operandSegmentSizes")


def _product_type(column: Type, row: Type) -> VectorType:
    return VectorType((rows_of(column), columns_of(row)), column.element)


def _check_place(op: LoadTile | StoreTile, tile: Type) -> None:
    type = op.buffer.type
    assert isinstance(type, BufferType)
    if len(op.indices) != type.rank:
        raise ValueError(f"{type} needs {type.rank} indices, not {len(op.indices)}")
    if type.element is not tile.element:
        raise ValueError(f"{type} does not hold the elements of {tile}")
    for word, given in (("rows", op.down), ("columns", op.across)):
        if given is not None and not 0 <= given.value < type.rank:
            raise ValueError(f"the {word} run along dimension {given.value}, but {type} has {type.rank}")
    if op.down is not None and op.across is not None and op.down.value == op.across.value:
        raise ValueError(f"rows and columns cannot both run along dimension {op.down.value}")
    if len(op.mask) > 1:
        raise ValueError("there can be only one mask")
    if op.mask and op.across is None:
        raise ValueError("a mask needs 'across': it says which columns are touched")
    if op.mask and columns_of(op.mask[0].type) != columns_of(tile):
        raise ValueError(f"{op.mask[0].type} cannot mask {tile}")


def _place(
    op: LoadTile | StoreTile, tile: Type, buffer: Any, rest: Sequence[Any]
) -> tuple[tuple[np.ndarray, ...], np.ndarray | None]:
    """The NumPy index of the tile, masked columns moved to position 0, and which columns are active (None: all)."""
    rank = op.buffer.type.rank
    active = np.asarray(rest[rank]) if op.mask else None
    position = [np.full((1, 1), at, np.int64) for at in rest[:rank]]
    if op.down is not None:
        position[op.down.value] = position[op.down.value] + np.arange(rows_of(tile))[:, None]
    if op.across is not None:
        position[op.across.value] = position[op.across.value] + np.arange(columns_of(tile))[None, :]
    for dimension, size in enumerate(buffer.value.shape[:rank]):
        checked = position[dimension]
        if active is not None:
            masked = op.across is not None and dimension == op.across.value
            checked = checked[:, active[0]] if masked else checked[:, : int(active.any())]
            position[dimension] = np.where(active, position[dimension], 0)
        wrong = checked[(checked < 0) | (checked >= size)]
        if wrong.size:
            fail(
                f"{op.name}: index {int(wrong[0])} in dimension {dimension} of {op.buffer.type} "
                f"is out of bounds, its size is {size}",
                op.location,
            )
    return tuple(position), active


def _parse_place(parser: Any) -> tuple[list[Value], dict[str, Any], Any]:
    """``[%i, %j] down d across e mask %m``: the indices, the attributes, and the mask's name."""
    parser.expect("[")
    indices = []
    if not parser.accept("]"):
        indices.append(parser.resolve(parser.operand(), index))
        while parser.accept(","):
            indices.append(parser.resolve(parser.operand(), index))
        parser.expect("]")
    attributes = {word: parser.integer() for word in ("down", "across") if parser.accept_keyword(word)}
    mask = parser.operand() if parser.accept_keyword("mask") else None
    return indices, attributes, mask


def _resolve_mask(parser: Any, mask: Any, tile: Type) -> list[Value]:
    if mask is None:
        return []
    columns = columns_of(tile) if TILE.accepts(tile) else 1
    return [parser.resolve(mask, VectorType((1, columns), i1))]


def _print_place(op: LoadTile | StoreTile, printer: Any) -> None:
    printer.value(op.buffer)
    printer.write("[")
    printer.values(op.indices)
    printer.write("]")
    for word, given in (("down", op.down), ("across", op.across)):
        if given is not None:
            printer.write(f" {word} {given.value}")
    if op.mask:
        printer.write(" mask ")
        printer.value(op.mask[0])
