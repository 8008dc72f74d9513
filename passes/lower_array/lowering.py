"""What all strategies share while one function is lowered: where its values live, and short ways to write loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from irc.backend.target import Target
from irc.dialects import arith
from irc.dialects.constants import dense_splat, number_attribute
from irc.dialects.loop import Accumulate, Alloc, BufferType, Load, Part, Size, Store, build_for, build_if
from irc.ir.attributes import Attribute, DenseAttr
from irc.ir.builder import Builder
from irc.ir.dimensions import Dimension
from irc.ir.locations import Location
from irc.ir.operation import Block, Operation, Value
from irc.ir.types import Type, VectorType, i1, i64, index
from irc.passes.lower_array.places import buffer_type, place_of

Body = Callable[[list[Value]], None]
Place = tuple[Block, Operation | None]
"""Where to insert: a block, and before which op (None: at its end)."""


class Lowering:
    """One function on its way to loop level.

    ``values`` maps array-level values to buffers (tensors) or to scalars. Constants and sizes are made once, in front
    of everything else. ``homes`` holds the buffers that are ready before their values are, the function's outputs;
    ``reused`` the values whose home holds something else until they are computed, as an argument does that is given
    away. ``placed`` are the values that are computed in the memory of an array, and the op that joins them to it.
    ``data`` holds the buffers of bound constants. ``sizes`` are the dimensions that are arguments. ``lower`` lowers one
    op. ``target`` is what the code will run on. Inside of a loop over steps, ``steady`` holds the buffers that no step
    changes, and a place before the loop.
    """

    lower: Callable[[Operation], None]

    def __init__(self, block: Block, location: Location, target: Target):
        self.block = block
        self.target = target
        self.builder = Builder.at_end(block, location)
        self.values: dict[Value, Value] = {}
        self.homes: dict[Value, Value] = {}
        self.reused: set[Value] = set()
        self.placed: dict[Value, Operation] = {}
        self.data: dict[DenseAttr, Value] = {}
        self._prologue = Block()
        self._front = Builder.at_end(self._prologue, location)
        self._constants: dict[Attribute, Value] = {}
        self.sizes: dict[Dimension, Value] = {}
        self.steady: dict[Value, Place] = {}
        self._derived: dict[tuple[Value, str], Value] = {}

    # -- values --------------------------------------------------------------------------------------------------

    def __getitem__(self, value: Value) -> Value:
        """The buffer or scalar that holds an array-level value."""
        return self.values[value]

    def __setitem__(self, value: Value, lowered: Value) -> None:
        if lowered.name_hint is None:
            lowered.name_hint = value.name_hint
        self.values[value] = lowered

    def buffer(self, value: Value) -> Value:
        """Memory for a tensor that is about to be computed: an output of the function, a part of a larger array, or a
        new allocation.
        """
        place = place_of(self, value)
        if place is None:
            place = self[value] = self.alloc(buffer_type(value.type))
        return place

    def alloc(self, type: BufferType) -> Value:
        """New memory."""
        return self.builder.value(Alloc, result_types=[type])

    def derived(self, buffer: Value, what: str, make: Callable[[], Value]) -> Value:
        """What follows from a buffer alone, as another one: made here by ``make``, of a steady buffer once for all
        steps.

        ``what`` tells it from other things that follow from the buffer.
        """
        place = self.steady.get(buffer)
        if place is None:
            return make()
        key = buffer, what
        if key not in self._derived:
            with self.builder.at(*place):
                self._derived[key] = make()
        return self._derived[key]

    def finish(self) -> None:
        """Put constants and sizes in front."""
        first = self.block.first
        for op in list(self._prologue):
            op.detach()
            if first is None:
                self.block.append(op)
            else:
                self.block.insert_before(first, op)

    # -- constants -----------------------------------------------------------------------------------------------

    def constant(self, value: float, type: Type) -> Value:
        """A number of a scalar type, or a vector full of it."""
        number = number_attribute(value if type.element.is_float else int(value), type)
        attribute = dense_splat(number, type) if isinstance(type, VectorType) else number
        found = self._constants.get(attribute)
        if found is None:
            found = self._constants[attribute] = self._front.value(arith.Constant, value=attribute)
            found.name_hint = f"c{number.value}" if type is index and number.value >= 0 else "cst"
        return found

    def index(self, value: int) -> Value:
        """A position or size known now."""
        return self.constant(value, index)

    def size(self, dimension: Dimension) -> Value:
        """A size, as a number of type index."""
        if isinstance(dimension, int):
            return self.index(dimension)
        found = self.sizes.get(dimension)
        if found is None:
            found = self.sizes[dimension] = self._front.value(Size, dimension=str(dimension))
            found.name_hint = "size"
        return found

    # -- arithmetic ----------------------------------------------------------------------------------------------

    def make(self, cls: type[Operation], *operands: Value | Sequence[Value], **attributes: Any) -> Value:
        """A new op here; its result."""
        return self.builder.value(cls, *operands, **attributes)

    def add(self, a: Value, b: Value) -> Value:
        """a + b, of floats or integers."""
        return self.make(arith.AddF if a.type.element.is_float else arith.AddI, a, b)

    def multiply(self, a: Value, b: Value) -> Value:
        """a * b, of floats or integers."""
        return self.make(arith.MulF if a.type.element.is_float else arith.MulI, a, b)

    def subtract(self, a: Value, b: Value) -> Value:
        """a - b, of floats or integers."""
        return self.make(arith.SubF if a.type.element.is_float else arith.SubI, a, b)

    def offset(self, position: Value, by: Dimension) -> Value:
        """``position + by``."""
        return position if by == 0 else self.add(position, self.size(by))

    def compare(self, predicate: str, a: Value, b: Value) -> Value:
        """A comparison of numbers, of type i1; predicates as in ``arith.cmpf`` and ``arith.cmpi``."""
        return self.make(arith.CmpF if a.type.element.is_float else arith.CmpI, a, b, predicate=predicate)

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        """``a`` where the condition holds, else ``b``."""
        return self.make(arith.Select, condition, a, b)

    def position(self, value: Value, type: Type) -> Value:
        """An index as an integer of another type, or the reverse."""
        return value if value.type is type else self.make(arith.IndexCast, value, result_types=[type])

    def cast(self, value: Value, to: Type) -> Value:
        """A number as another type of number, as ``array.cast`` defines it."""
        source = value.type
        if source is to:
            return value
        if index in (source, to) and not (source.is_float or to.is_float):
            return self.position(value, to)
        if source is index or to is index:
            return self.cast(self.cast(value, i64), to)
        wider = to.width > source.width  # type: ignore[attr-defined]
        cls: type[Operation]
        if source.is_float:
            cls = arith.FPToSI if to.is_integer else arith.ExtF if wider else arith.TruncF
        elif to.is_float:
            cls = arith.UIToFP if source is i1 else arith.SIToFP
        else:
            cls = (arith.ExtUI if source is i1 else arith.ExtSI) if wider else arith.TruncI
        return self.make(cls, value, result_types=[to])

    # -- memory --------------------------------------------------------------------------------------------------

    def load(self, buffer: Value, indices: Sequence[Value] = ()) -> Value:
        """An element."""
        return self.make(Load, buffer, list(indices), [])

    def part(self, buffer: Value, place: Value) -> Value:
        """What lies at one place along the first dimension, as a buffer."""
        return self.make(Part, buffer, place)

    def load_index(self, buffer: Value, indices: Sequence[Value]) -> Value:
        """An integer element, as an index."""
        return self.position(self.load(buffer, indices), index)

    def store(self, value: Value, buffer: Value, indices: Sequence[Value] = ()) -> None:
        """Write an element."""
        self.builder.create(Store, value, buffer, list(indices), [])

    def accumulate(self, value: Value, buffer: Value, indices: Sequence[Value] = ()) -> None:
        """Add to an element."""
        self.builder.create(Accumulate, value, buffer, list(indices), [])

    # -- control -------------------------------------------------------------------------------------------------

    def loop(
        self,
        upper: Value,
        body: Callable[[Value, list[Value]], Sequence[Value]],
        initial: Sequence[Value] = (),
        lower: Value | None = None,
        step: Value | None = None,
        parallel: bool = False,
        vectorize: bool = False,
        counter: str = "i",
    ) -> list[Value]:
        """``loop.for`` from ``lower`` (default 0) by ``step`` (default 1); the carried values after it."""
        marks: dict[str, Any] = {"parallel": None} if parallel else {}
        if vectorize:
            marks["vectorize"] = None
        start = self.index(0) if lower is None else lower

        def named(i: Value, carried: list[Value]) -> Sequence[Value]:
            i.name_hint = counter
            return body(i, carried)

        by = self.index(1) if step is None else step
        return list(build_for(self.builder, start, upper, by, named, initial, **marks).results)

    def nest(self, shape: Sequence[Dimension], body: Body, parallel: bool = True, vectorize: int | None = None) -> None:
        """Loops over all positions of a shape; ``vectorize`` is the dimension whose loop is marked so."""

        def level(at: int, position: list[Value]) -> None:
            if at == len(shape):
                body(position)
                return

            def turn(i: Value, carried: list[Value]) -> Sequence[Value]:
                level(at + 1, [*position, i])
                return []

            self.loop(self.size(shape[at]), turn, parallel=parallel, vectorize=vectorize == at, counter=COUNTERS[at])

        level(0, [])

    def branch(
        self,
        condition: Value,
        then: Callable[[], Sequence[Value]],
        otherwise: Callable[[], Sequence[Value]] | None = None,
    ) -> list[Value]:
        """``loop.if``; its results."""
        return list(build_if(self.builder, condition, then, otherwise).results)

    # -- whole buffers -------------------------------------------------------------------------------------------

    def fill(self, buffer: Value, value: Value) -> None:
        """Write one number everywhere."""
        shape = shape_of(buffer)
        self.nest(shape, lambda at: self.store(value, buffer, at), vectorize=vector_dimension(shape))

    def clear(self, buffer: Value) -> None:
        """Write zero everywhere."""
        self.fill(buffer, self.constant(0, buffer.type.element))

    def copy(self, source: Value, target: Value) -> None:
        """Copy a whole buffer to another of the same shape."""
        shape = shape_of(source)
        self.nest(shape, lambda at: self.store(self.load(source, at), target, at), vectorize=vector_dimension(shape))


def shape_of(value: Value) -> tuple[Dimension, ...]:
    """The shape of a tensor or buffer."""
    return value.type.shape  # type: ignore[attr-defined]


COUNTERS = tuple("ijklmn") + ("i",) * 26
"""What the counters of nested loops are called."""

SHORT = 8
"""A loop known to be shorter than this is not worth a vector of its own."""


def vector_dimension(shape: Sequence[Dimension], candidates: Sequence[int] | None = None) -> int | None:
    """The dimension whose loop should become vectors, among ``candidates`` (default: all): the innermost, unless it is
    short and there is one outside of it. A loop of one turn never."""
    usable = [d for d in (range(len(shape)) if candidates is None else candidates) if shape[d] != 1]
    if not usable:
        return None
    size = shape[usable[-1]]
    return usable[-2] if isinstance(size, int) and size < SHORT and len(usable) > 1 else usable[-1]
