"""Memory: making it, and reading, writing and adding to it, one element or a vector of them at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from irc.dialects.constants import number_of
from irc.dialects.func import FuncOp
from irc.dialects.loop.types import BufferType, is_buffer, lanes_of
from irc.dialects.loop.vector import MASK, check_power_of_two
from irc.error_bounds import gamma
from irc.interpreter import Bounded, Buffer, error_of, value_of
from irc.ir.attributes import Attribute, IntegerAttr
from irc.ir.constraints import INDEX, Constraint
from irc.ir.diagnostics import fail
from irc.ir.operation import Operation, Value
from irc.ir.spec import attr, operand, operands, result
from irc.ir.traits import ALLOCATES, RAW, READS, WRITES
from irc.ir.types import Type, VectorType, i1, i8, index

BUFFER = Constraint("a buffer", is_buffer)
ELEMENT = Constraint("a number or a vector", lambda t: not is_buffer(t))


class Alloc(Operation):
    """Memory for this turn of the surrounding region, contents undefined: ``loop.alloc : !loop.buffer<N x f32>``.

    ``plan-memory`` gives each a place in one workspace. Inside a loop every turn has its own.
    """

    name = "loop.alloc"
    buffer = result(BUFFER)
    traits = frozenset({ALLOCATES, RAW})
    assembly = "attr-dict `:` type($buffer)"

    def eval(self, context: Any) -> Sequence[Any]:
        return [undefined(context, self.buffer.type)]


class View(Operation):
    """A buffer at a byte offset of an arena: ``loop.view %arena[%at] : !loop.buffer<S x i8> to !loop.buffer<N x f32>``.

    It starts a new life of these bytes: the contents are undefined, and earlier views of the same bytes may not be used
    any more. So it stands where the buffer is first wanted and does not move. Offsets are multiples of 64.
    """

    name = "loop.view"
    arena = operand(BUFFER)
    offset = operand(INDEX)
    buffer = result(BUFFER)
    traits = frozenset({ALLOCATES, RAW})
    assembly = "$arena `[` $offset `]` attr-dict `:` type($arena) `to` type($buffer)"

    def verify(self) -> None:
        arena = self.arena.type
        if arena.element is not i8 or arena.rank != 1:
            raise ValueError(f"an arena is a buffer of bytes, !loop.buffer<S x i8>, not {arena}")

    def eval(self, context: Any, arena: Any, offset: int) -> Sequence[Any]:
        type = self.buffer.type
        size = type.element_bytes * int(np.prod(_shape(context, type), dtype=np.int64))
        if offset < 0 or offset % 64 or offset + size > arena.value.size:
            fail(
                f"loop.view: {size} bytes at {offset} do not lie, 64-byte aligned, in an arena of {arena.value.size}",
                self.location,
            )
        view = undefined(context, type)
        for begin, end, older in arena.views:
            if begin < offset + size and offset < end:
                _poison(older)
        arena.views = [v for v in arena.views if not (v[0] < offset + size and offset < v[1])]
        arena.views.append((offset, offset + size, view))
        return [view]


class Load(Operation):
    """An element, or (``lanes n along d``) a vector: lane ``l`` is the element ``l`` places on in dimension ``d``.

    Lanes whose ``mask`` is false are not read and give zero.

        %x = loop.load %a[%i, %j] : !loop.buffer<B x 4 x f32>
        %v = loop.load %a[%i, %j] lanes 16 along 0 mask %m : !loop.buffer<B x 4 x f32>
    """

    name = "loop.load"
    buffer = operand(BUFFER)
    indices = operands(INDEX)
    mask = operands(MASK, "none or one")
    value = result(ELEMENT)
    lanes = attr(IntegerAttr, "the dimension along which the lanes run", optional=True)
    width = attr(IntegerAttr, "the number of lanes; present together with ``lanes``", optional=True)
    traits = frozenset({READS, RAW})

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        buffer = operand_types[0]
        if not isinstance(buffer, BufferType):
            raise ValueError(f"expected a buffer, got {buffer}")
        if "width" not in attributes:
            return [buffer.element]
        return [VectorType((attributes["width"].value,), buffer.element)]  # type: ignore[attr-defined]

    def verify(self) -> None:
        if ("lanes" in self.attributes) != ("width" in self.attributes):
            raise ValueError("'lanes' and 'width' must be given together")
        _check_access(self, self.width.value if self.width else None)

    def eval(self, context: Any, buffer: Any, *rest: Any) -> Sequence[Any]:
        if _all_masked(self, rest):
            return [np.zeros(lanes_of(self.value.type), context.dtype(self.value.type))]
        place, active = _place(self, context, buffer, rest)
        value, error = buffer.value[place], None if buffer.error is None else buffer.error[place]
        if active is not None:
            value = np.where(active, value, np.zeros((), buffer.value.dtype))
            error = None if error is None else np.where(active, error, 0.0)
        return [_held(context, self.value.type, value, error)]

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        buffer = parser.operand()
        indices, lanes, width, mask = _parse_place(parser, with_width=True)
        parser.expect(":")
        source = parser.resolve(buffer, parser.type())
        attributes: dict[str, Any] = {} if lanes is None else {"lanes": lanes, "width": width}
        masks = [parser.resolve(mask, VectorType((width or 1,), i1))] if mask else []
        return cls.build(source, indices, masks, location=parser.op_location, **attributes, **parser.attr_dict())

    def print(self, printer: Any) -> None:
        _print_place(self, printer)
        printer.write(" : ")
        printer.type(self.buffer.type)
        printer.attr_dict(self, exclude=_PLACE_ATTRIBUTES)


class Store(Operation):
    """Writes an element, or (``along d``) one per lane: lane ``l`` goes ``l`` places on in dimension ``d``.

    Lanes whose ``mask`` is false are not written.

        loop.store %x, %a[%i, %j] : f32, !loop.buffer<B x 4 x f32>
        loop.store %v, %a[%i, %j] along 0 mask %m : vector<16xf32>, !loop.buffer<B x 4 x f32>
    """

    name = "loop.store"
    value = operand(ELEMENT)
    buffer = operand(BUFFER)
    indices = operands(INDEX)
    mask = operands(MASK, "none or one")
    lanes = attr(IntegerAttr, "the dimension along which the lanes run", optional=True)
    traits = frozenset({WRITES, RAW})

    def verify(self) -> None:
        _check_access(self, _lane_count(self.value.type))
        held = self.value.type.element if self.lanes is not None else self.value.type
        if held is not self.buffer.type.element:
            raise ValueError(f"cannot write {self.value.type} to {self.buffer.type}")

    def eval(self, context: Any, value: Any, buffer: Any, *rest: Any) -> Sequence[Any]:
        if _all_masked(self, rest):
            return []
        number, error = value_of(value), error_of(value)
        place, active = _place(self, context, buffer, rest)
        if active is not None:
            place = _active_place(self, place, active)
            number = np.asarray(number)[active]
            error = None if error is None else np.broadcast_to(error, active.shape)[active]
        buffer.value[place] = number
        if error is not None and buffer.error is None:
            buffer.error = np.zeros(buffer.value.shape)
        if buffer.error is not None:
            buffer.error[place] = 0.0 if error is None else error
        if buffer.terms is not None:
            buffer.terms[(slice(None), *place)] = 0.0
        return []

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        return _parse_write(cls, parser)

    def print(self, printer: Any) -> None:
        _print_write(self, printer)


class Accumulate(Operation):
    """Adds to an element, or (``along d``) to one element per lane; without ``along``, all lanes to one element.

    Lanes are summed in the tree of ``loop.reduce`` first. Masked-off lanes add nothing. Turns of a parallel loop may
    accumulate to the same element.

        loop.accumulate %x, %sums[%k] : f32, !loop.buffer<P x f32>
        loop.accumulate %v, %sums[%k] mask %m : vector<16xf32>, !loop.buffer<P x f32>
        loop.accumulate %v, %sums[%k] along 0 : vector<16xf32>, !loop.buffer<P x f32>
    """

    name = "loop.accumulate"
    value = operand(ELEMENT)
    buffer = operand(BUFFER)
    indices = operands(INDEX)
    mask = operands(MASK, "none or one")
    lanes = attr(IntegerAttr, "the dimension along which the lanes run", optional=True)
    traits = frozenset({READS, WRITES, RAW})

    @property
    def reduces(self) -> bool:
        """Whether all lanes go to one element."""
        given = self.value.type
        return self.lanes is None and lanes_of(given) is not None and self.buffer.type.element is given.element

    def verify(self) -> None:
        _check_access(self, _lane_count(self.value.type))
        held = self.value.type.element if self.lanes is not None or self.reduces else self.value.type
        if held is not self.buffer.type.element:
            raise ValueError(f"cannot add {self.value.type} to {self.buffer.type}")
        if self.reduces:
            check_power_of_two(self.value.type)

    def eval(self, context: Any, value: Any, buffer: Any, *rest: Any) -> Sequence[Any]:
        if _all_masked(self, rest):
            return []
        number, error = value_of(value), error_of(value)
        place, active = _place(self, context, buffer, rest)
        number = np.asarray(number)
        error = None if error is None else np.broadcast_to(error, number.shape)
        if active is not None and self.reduces:
            number = np.where(active, number, np.zeros((), number.dtype))
            error = None if error is None else np.where(active, error, 0.0)
        elif active is not None:  # inactive lanes have no place of their own
            place = _active_place(self, place, active)
            number = number[active]
            error = None if error is None else error[active]
        if context.bounded:
            self._bound(context, buffer, place, number, error)
        if self.reduces:
            with np.errstate(all="ignore"):
                while len(number) > 1:
                    number = context.round(number[: len(number) // 2] + number[len(number) // 2 :], buffer_scalar(self))
            number = number[0]
        with np.errstate(all="ignore"):
            buffer.value[place] = context.round(buffer.value[place] + number, buffer_scalar(self))
        return []

    def _bound(self, context: Any, buffer: Any, place: tuple, number: np.ndarray, error: Any) -> None:
        """The bound of a sum of n terms in any order: the terms' own errors, and gamma_n times the sum of magnitudes.

        ``buffer.terms`` keeps, per element, the number of terms, their magnitudes, and their errors.
        """
        if not buffer_scalar(self).is_float:
            return
        if buffer.terms is None:
            buffer.terms = np.zeros((3, *buffer.value.shape))
        if buffer.error is None:
            buffer.error = np.zeros(buffer.value.shape)
        counts, sizes, errors = (buffer.terms[k, ...] for k in range(3))  # views, also of a single element
        fresh = counts[place] == 0
        sizes[place] = np.where(fresh, np.abs(buffer.value[place]), sizes[place])
        errors[place] = np.where(fresh, buffer.error[place], errors[place])
        own = np.zeros(number.shape) if error is None else error
        added: tuple[Any, Any, Any] = (np.ones(number.shape), np.abs(number), own)
        if self.reduces:
            added = (len(number), np.abs(number).sum(), own.sum())
        counts[place] += added[0]
        sizes[place] += added[1]
        errors[place] += added[2]
        unit = context.unit(buffer_scalar(self))
        growth = np.vectorize(lambda n: gamma(int(n), unit))(counts[place])
        buffer.error[place] = errors[place] + growth * (sizes[place] + errors[place])

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        return _parse_write(cls, parser)

    def print(self, printer: Any) -> None:
        _print_write(self, printer)


_PLACE_ATTRIBUTES = ("lanes", "width", "operandSegmentSizes")


def buffer_scalar(op: Load | Store | Accumulate):
    """The type of the numbers in the buffer that ``op`` touches."""
    return op.buffer.type.scalar


def undefined(context: Any, type: BufferType) -> Any:
    """A buffer whose use before it is written shows: floats are NaN, integers far out of any range."""
    shape: tuple[Any, ...] = _shape(context, type)
    if isinstance(type.element, VectorType):
        shape = (*shape, *type.element.shape)
    buffer = Buffer(np.zeros(shape, context.dtype(type.scalar)))
    if type.scalar is not i8:
        _poison(buffer)
    return buffer


def _poison(buffer: Any) -> None:
    kind = buffer.value.dtype
    buffer.value[...] = np.nan if kind.kind == "f" else True if kind.kind == "b" else np.iinfo(kind).min
    buffer.error = None
    buffer.terms = None


def _shape(context: Any, type: BufferType) -> tuple[int, ...]:
    return tuple(context.shape(type))


def _lane_count(type: Type) -> int | None:
    return lanes_of(type)


def _check_access(op: Load | Store | Accumulate, width: int | None) -> None:
    """What all accesses need: one index per dimension, lanes along one of them, a mask that fits."""
    type = op.buffer.type
    if len(op.indices) != type.rank:
        raise ValueError(f"{type} needs {type.rank} indices, not {len(op.indices)}")
    if op.lanes is not None:
        if width is None:
            raise ValueError(f"lanes need a vector, not {op.value.type}")
        if not 0 <= op.lanes.value < type.rank:
            raise ValueError(f"lanes run along dimension {op.lanes.value}, but {type} has {type.rank}")
        if isinstance(type.element, VectorType):
            raise ValueError(f"lanes cannot run over a buffer of vectors, {type}")
    if len(op.mask) > 1:
        raise ValueError("there can be only one mask")
    if op.mask and lanes_of(op.mask[0].type) != lanes_of(op.value.type):
        raise ValueError(f"{op.mask[0].type} cannot mask {op.value.type}")
    if not op.mask and isinstance(op.parent_op, FuncOp):  # in a loop or branch it might never run
        _check_constant_indices(op, width)


def _check_constant_indices(op: Load | Store | Accumulate, width: int | None) -> None:
    """ValueError for a place that is known to lie outside of the buffer. What follows from sizes of a call is not known
    before it.
    """
    for number, (place, size) in enumerate(zip(op.indices, op.buffer.type.shape, strict=True)):
        first = number_of(place)
        lanes = width if width is not None and op.lanes is not None and op.lanes.value == number else 1
        if first is not None and (first < 0 or (isinstance(size, int) and first + lanes > size)):
            reach = f"{first}" if lanes == 1 else f"{first} to {first + lanes - 1}"
            raise ValueError(f"index {number} is {reach}, outside of {op.buffer.type}")


def _active_place(op: Store | Accumulate, place: tuple, active: np.ndarray) -> tuple:
    """The places of the active lanes only: along a dimension, or the parts of one element."""
    if op.lanes is None:
        return (*place, active)
    return tuple(p[active] if isinstance(p, np.ndarray) else p for p in place)


def _all_masked(op: Any, rest: Sequence[Any]) -> bool:
    """Whether a mask leaves nothing to do; then the place need not exist."""
    return bool(op.mask) and not np.any(rest[op.buffer.type.rank])


def _place(op: Any, context: Any, buffer: Any, rest: Sequence[Any]) -> tuple[tuple, np.ndarray | None]:
    """The NumPy index of an access, inactive lanes moved to position 0, and which lanes are active (None: all)."""
    rank = op.buffer.type.rank
    position: list[Any] = list(rest[:rank])
    active = np.asarray(rest[rank]) if op.mask else None
    along = op.lanes.value if op.lanes is not None else None
    for dimension, size in enumerate(buffer.value.shape[:rank]):
        at = position[dimension]
        if dimension == along:
            width = lanes_of(op.value.type) or 1
            reached = at + np.arange(width)
            checked = reached if active is None else reached[active]
            position[dimension] = reached if active is None else np.where(active, reached, 0)
        else:
            checked = np.asarray([at], np.int64)
        wrong = checked[(checked < 0) | (checked >= size)]
        if wrong.size:
            fail(
                f"{op.name}: index {int(wrong[0])} in dimension {dimension} of {op.buffer.type} "
                f"is out of bounds, its size is {size}",
                op.location,
            )
    return tuple(position), active


def _held(context: Any, type: Type, value: Any, error: Any) -> Any:
    """A copy as the interpreter holds it: index as int, an error bound only where there is one."""
    if type is index:
        return int(value)
    copy = np.array(value, context.dtype(type))[()]
    return copy if error is None else Bounded(copy, np.array(error)[()])


def _parse_place(parser: Any, with_width: bool) -> tuple[list[Value], int | None, int | None, Any]:
    """``[%i, %j] lanes n along d mask %m``: the indices, d, n, and the mask's name."""
    parser.expect("[")
    indices = []
    if not parser.accept("]"):
        indices.append(parser.resolve(parser.operand(), index))
        while parser.accept(","):
            indices.append(parser.resolve(parser.operand(), index))
        parser.expect("]")
    along = width = None
    if with_width and parser.accept_keyword("lanes"):
        width = parser.integer()
        parser.expect("along")
        along = parser.integer()
    elif not with_width and parser.accept_keyword("along"):
        along = parser.integer()
    mask = parser.operand() if parser.accept_keyword("mask") else None
    return indices, along, width, mask


def _print_place(op: Any, printer: Any) -> None:
    printer.value(op.buffer)
    printer.write("[")
    printer.values(op.indices)
    printer.write("]")
    if op.lanes is not None:
        width = f" lanes {lanes_of(op.value.type)}" if isinstance(op, Load) else ""
        printer.write(f"{width} along {op.lanes.value}")
    if op.mask:
        printer.write(" mask ")
        printer.value(op.mask[0])


def _parse_write(cls: Any, parser: Any) -> Operation:
    """``%v, %a[...] along d mask %m : value type, buffer type``."""
    value = parser.operand()
    parser.expect(",")
    buffer = parser.operand()
    indices, along, _, mask = _parse_place(parser, with_width=False)
    parser.expect(":")
    written = parser.resolve(value, parser.type())
    parser.expect(",")
    target = parser.resolve(buffer, parser.type())
    attributes: dict[str, Any] = {} if along is None else {"lanes": along}
    masks = [parser.resolve(mask, VectorType((lanes_of(written.type) or 1,), i1))] if mask else []
    return cls.build(written, target, indices, masks, location=parser.op_location, **attributes, **parser.attr_dict())


def _print_write(op: Any, printer: Any) -> None:
    printer.value(op.value)
    printer.write(", ")
    _print_place(op, printer)
    printer.write(" : ")
    printer.type(op.value.type)
    printer.write(", ")
    printer.type(op.buffer.type)
    printer.attr_dict(op, exclude=_PLACE_ATTRIBUTES)
