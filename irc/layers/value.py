"""Symbolic values: what layers and functions are applied to, to find out what a net is.

A value has a shape and a kind of number, but no numbers. Each remembers what it was made by, so the values that a model
gives hold the whole graph of the net.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from irc.ir import diagnostics
from irc.ir.diagnostics import Diagnostic, counted
from irc.ir.dimensions import Dimension, product
from irc.ir.locations import UNKNOWN, Location
from irc.layers.place import fail, here

if TYPE_CHECKING:
    from irc.layers.function import Function


class Misfit(ValueError):
    """What came in is not what a layer or function takes. The message says both."""


@dataclass(frozen=True, slots=True)
class Spec:
    """The shape of a value, without the batch, and whether it is of integers. Sizes may be formulas of symbols."""

    shape: tuple[Dimension, ...]
    integer: bool = False

    @property
    def rank(self) -> int:
        """The number of dimensions besides the batch."""
        return len(self.shape)

    @property
    def size(self) -> Dimension:
        """The number of elements."""
        return product(self.shape)

    @property
    def is_static(self) -> bool:
        """Whether all sizes are numbers."""
        return all(isinstance(size, int) for size in self.shape)

    def with_shape(self, shape: Sequence[Dimension]) -> Spec:
        """Numbers of the same kind in another shape."""
        return Spec(tuple(shape), self.integer)

    def __str__(self) -> str:
        return f"{'int' if self.integer else ''}[{', '.join(map(str, self.shape))}]"


_SERIAL = count()
MOST_NUMBERS = 2**28
"""How many numbers a value has at most for each sample. The compiler notes which goes where, so it needs several times
their memory.
"""


class Applied:
    """One application of a function or layer: what it read and what it gave. Numbered in the order they were made."""

    __slots__ = ("function", "location", "operands", "results", "serial")

    def __init__(self, function: Function, operands: Sequence[Value], specs: Sequence[Spec]):
        self.function = function
        self.operands = list(operands)
        self.location = here()
        self.results = [Value(spec, self, self.location) for spec in specs]
        self.serial = next(_SERIAL)


class Value:
    """A symbolic value of a net. ``spec`` is None for an input whose shape nothing has said yet.

    Arithmetic with values of the same shape and with numbers, and indices (without the batch), give new values.
    """

    __slots__ = ("location", "name", "source", "spec")
    __array_ufunc__ = None  # so that NumPy leaves array * value to this class, which refuses it

    def __init__(self, spec: Spec | None, source: Applied | None, location: Location = UNKNOWN, name: str = ""):
        self.spec = spec
        self.source = source
        self.location = location
        self.name = name

    @property
    def shape(self) -> tuple[Dimension, ...]:
        """The shape, without the batch. Raises :class:`irc.Error` where it is not known yet."""
        return self.known.shape

    @property
    def known(self) -> Spec:
        """Shape and kind. Raises :class:`irc.Error` where nothing has said them yet."""
        if self.spec is None:
            diagnostics.fail(f"the shape of input {self.name} is not known; give it with input_shape", self.location)
        return self.spec

    @property
    def described(self) -> str:
        """What it is, for messages."""
        return f"what {self.source.function.described} gives" if self.source is not None else f"the input {self.name}"

    def __repr__(self) -> str:
        return f"<{self.described}: {'?' if self.spec is None else self.spec}>"

    def __bool__(self) -> bool:
        fail("a symbolic value has no numbers, so a net cannot depend on whether it is true")

    def __add__(self, other: Any) -> Value:
        return _arithmetic("add", self, other)

    def __radd__(self, other: Any) -> Value:
        return _arithmetic("add", other, self)

    def __sub__(self, other: Any) -> Value:
        return _arithmetic("subtract", self, other)

    def __rsub__(self, other: Any) -> Value:
        return _arithmetic("subtract", other, self)

    def __mul__(self, other: Any) -> Value:
        return _arithmetic("multiply", self, other)

    def __rmul__(self, other: Any) -> Value:
        return _arithmetic("multiply", other, self)

    def __truediv__(self, other: Any) -> Value:
        return _arithmetic("divide", self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return _arithmetic("divide", other, self)

    def __neg__(self) -> Value:
        return _arithmetic("subtract", 0.0, self)

    def __getitem__(self, index: Any) -> Value:
        from irc.layers.movement import take  # functions are applied with this file

        return take(self, index)

    def __iter__(self) -> Any:
        size = self.shape[0] if self.shape else None
        if not isinstance(size, int):
            fail(f"cannot take {self.known} apart: its first size is no number")
        return (self[number] for number in range(size))


def _arithmetic(name: str, left: Any, right: Any) -> Value:
    from irc.layers.arithmetic import combine  # functions are applied with this file

    return combine(name, left, right)


def apply(function: Function, *operands: Value) -> tuple[Value, ...]:
    """What ``function`` gives for values. An input of unknown shape takes the one that the function was told of.

    Raises :class:`irc.Error` for values that do not fit: it says what came in, what fits, and where the shape is from.
    """
    least, most = function.takes
    if not least <= len(operands) <= (len(operands) if most is None else most):
        wanted = counted(least, "value") if least == most else f"{least} to {most} values" if most else "some values"
        fail(f"{function.described}: takes {wanted}, not {len(operands)}")
    for position, value in enumerate(operands):
        if not isinstance(value, Value):
            fail(f"{function.described}: takes values of the net, not a {type(value).__name__}")
        if value.spec is None:
            value.spec = function.expected(position)
            if value.spec is None:
                message = f"{function.described}: the shape of input {value.name} is not known"
                fail(f"{message}; give it with input_shape, or the layer's input size")
    try:
        specs = function.infer(*[value.known for value in operands])
    except Misfit as misfit:
        notes = [
            Diagnostic(f"{value.spec} is {value.described}", value.location, "note")
            for value in dict.fromkeys(operands)
        ]
        fail(f"{function.described}: {misfit}", *notes)
    for spec in specs:
        size = spec.size
        if isinstance(size, int) and size > MOST_NUMBERS:
            fail(f"{function.described}: gives {spec}, {size} numbers for each sample; there can be {MOST_NUMBERS}")
    return tuple(Applied(function, operands, specs).results)
