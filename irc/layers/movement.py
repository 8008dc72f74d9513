"""Functions that only rearrange elements: reshape, flatten, indices, permute, concat, stack.

Shapes, axes and indices are without the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from numbers import Integral
from typing import Any, ClassVar

import numpy as np

from irc.dialects.array import Concat, Slice, Transpose
from irc.dialects.array.syntax import sizes_attribute
from irc.dialects.neuron import Gather
from irc.ir.dimensions import Dimension, at_least, product
from irc.ir.operation import Value as IrValue
from irc.ir.types import TensorType
from irc.layers import arguments
from irc.layers.array_form import ArrayWriter
from irc.layers.function import Function, Layer, only
from irc.layers.neuron_form import NetWriter
from irc.layers.place import fail
from irc.layers.value import Applied, Misfit, Spec, Value, apply


class Move(Function):
    """A rearrangement. ``moved`` does it with NumPy to the arrays of one sample, so a net knows where neurons go."""

    def moved(self, *arrays: np.ndarray) -> np.ndarray:
        """The result, for the arrays of one sample."""
        raise NotImplementedError

    def has_neuron_form(self, *inputs: Spec) -> bool:
        return all(given.is_static and not given.integer for given in inputs)

    def neuron(self, writer: NetWriter, applied: Applied) -> Sequence[IrValue]:
        numbers, begin = [], 0
        for value in applied.operands:
            shape = [size for size in value.known.shape if isinstance(size, int)]  # all are
            numbers.append(np.arange(begin, begin + prod(shape)).reshape(shape))
            begin += prod(shape)
        picks = self.moved(*numbers).reshape(-1)
        sources = [writer[value] for value in applied.operands]
        if len(sources) == 1 and np.array_equal(picks, np.arange(begin)):
            return sources
        return Gather.of(writer.builder, sources, picks, [TensorType([len(picks)], writer.element)])


class Reshaped(Move):
    """Another shape of as many elements, in row-major order; ``target`` says which for a given one."""

    def target(self, given: Spec) -> Sequence[Dimension]:
        """The shape that it gives. Raises :class:`Misfit`."""
        raise NotImplementedError

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        return [inputs[0].with_shape(self.target(inputs[0]))]

    def moved(self, *arrays: np.ndarray) -> np.ndarray:
        return arrays[0]

    def array(self, writer: ArrayWriter, applied: Applied) -> Sequence[IrValue]:
        return [writer.reshaped(writer[applied.operands[0]], writer.type_of(applied.results[0].known))]


class _Flatten(Reshaped):
    kind = "flatten"

    def target(self, given: Spec) -> Sequence[Dimension]:
        return [given.size]


class Flatten(Layer, _Flatten):
    """All elements as one vector: ``Flatten()`` or ``Flatten(in_shape)``."""

    kind: ClassVar[str] = "Flatten"

    def __init__(self, in_shape: Any = None, name: str | None = None):
        self.in_shape = None if in_shape is None else arguments.shape(in_shape, "in_shape of Flatten")
        self.name = arguments.name(name, "Flatten")

    def expected(self, position: int) -> Spec | None:
        return None if self.in_shape is None else Spec(self.in_shape)

    def target(self, given: Spec) -> Sequence[Dimension]:
        if self.in_shape is not None and given.shape != self.in_shape:
            raise Misfit(f"was told of {Spec(self.in_shape)}, but {given} came in")
        return super().target(given)


class _Reshape(Reshaped):
    kind = "reshape"

    def __init__(self, shape: tuple[Any, ...]):
        self.shape = shape

    def target(self, given: Spec) -> Sequence[Dimension]:
        wanted = list(self.shape)
        if -1 in wanted:
            place = wanted.index(-1)
            rest = product([size for size in wanted if size != -1])
            size = given.size
            if not isinstance(rest, int) or not isinstance(size, int) or size % rest:
                raise Misfit(f"cannot make {_listed(wanted)} of {given}")
            wanted[place] = size // rest
        if product(wanted) != given.size:
            raise Misfit(
                f"{_listed(wanted)} has {product(wanted)} elements, but {given} came in, which has {given.size}"
            )
        return wanted


class _Squeeze(Reshaped):
    kind = "squeeze"

    def __init__(self, axis: int | None):
        self.axis = axis

    def target(self, given: Spec) -> Sequence[Dimension]:
        if self.axis is None:
            return [size for size in given.shape if size != 1]
        axis = _axis(self.axis, given)
        if given.shape[axis] != 1:
            raise Misfit(f"axis {self.axis} of {given} has the size {given.shape[axis]}, not 1")
        return [size for place, size in enumerate(given.shape) if place != axis]


class _Unsqueeze(Reshaped):
    kind = "unsqueeze"

    def __init__(self, axis: int):
        self.axis = axis

    def target(self, given: Spec) -> Sequence[Dimension]:
        axis = _axis(self.axis, given, given.rank + 1)
        return [*given.shape[:axis], 1, *given.shape[axis:]]


class _Permute(Move):
    kind = "permute"

    def __init__(self, order: tuple[int, ...]):
        self.order = order

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        (given,) = inputs
        if sorted(self.order) != list(range(given.rank)):
            raise Misfit(f"{_listed(self.order)} is no order of the axes of {given}; the batch does not count")
        return [given.with_shape([given.shape[axis] for axis in self.order])]

    def moved(self, *arrays: np.ndarray) -> np.ndarray:
        return arrays[0].transpose(self.order)

    def array(self, writer: ArrayWriter, applied: Applied) -> Sequence[IrValue]:
        order = [0, *(axis + 1 for axis in self.order)]
        return [writer.value(Transpose, writer[applied.operands[0]], permutation=order)]


class _Concat(Move):
    kind = "concat"
    takes = (1, None)

    def __init__(self, axis: int):
        self.axis = axis

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        first = inputs[0]
        axis = _axis(self.axis, first)
        rest = {(given.integer, *given.shape[:axis], None, *given.shape[axis + 1 :]) for given in inputs}
        if len(rest) > 1 or any(given.rank != first.rank for given in inputs):
            shown = ", ".join(map(str, inputs))
            raise Misfit(f"takes values that differ along axis {self.axis} alone, but {shown} came in")
        total: Dimension = 0
        for given in inputs:
            total = total + given.shape[axis]
        return [first.with_shape([*first.shape[:axis], total, *first.shape[axis + 1 :]])]

    def moved(self, *arrays: np.ndarray) -> np.ndarray:
        return np.concatenate(arrays, self.axis)

    def array(self, writer: ArrayWriter, applied: Applied) -> Sequence[IrValue]:
        axis = _axis(self.axis, applied.operands[0].known) + 1
        return [writer.value(Concat, [writer[v] for v in applied.operands], axis=axis)]


class _Take(Move):
    """Of each dimension one part (a begin and an end), or one place (an integer), which makes it vanish."""

    kind = "index"

    def __init__(self, parts: tuple[Any, ...]):
        self.parts = parts

    def _resolved(self, given: Spec) -> list[tuple[int, Dimension, bool]]:
        """For each dimension where the part begins, its size, and whether the dimension stays."""
        if len(self.parts) > given.rank:
            raise Misfit(f"there are {len(self.parts)} indices for {given}; the batch does not count")
        found: list[tuple[int, Dimension, bool]] = []
        for axis, size in enumerate(given.shape):
            part = self.parts[axis] if axis < len(self.parts) else slice(None)
            if isinstance(part, slice):
                found.append((*self._range(part, size, axis, given), True))
                continue
            place = part + size if part < 0 and isinstance(size, int) else part
            if place < 0 or not at_least(size, place + 1):
                raise Misfit(f"there is no index {part} along axis {axis} of {given}")
            found.append((place, 1, False))
        return found

    def _range(self, part: slice, size: Dimension, axis: int, given: Spec) -> tuple[int, Dimension]:
        if not isinstance(size, int):
            if part.start or part.stop is not None:
                raise Misfit(f"a part of axis {axis} of {given} needs a size that is known")
            return 0, size
        begin, end, _ = part.indices(size)
        given_end = size if part.stop is None else part.stop + size if part.stop < 0 else part.stop
        if end <= begin or given_end > size:
            raise Misfit(f"the part {part.start or 0}:{given_end} is not within axis {axis} of {given}")
        return begin, end - begin

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        return [inputs[0].with_shape([size for _, size, stays in self._resolved(inputs[0]) if stays])]

    def moved(self, *arrays: np.ndarray) -> np.ndarray:
        return arrays[0][self.parts]

    def array(self, writer: ArrayWriter, applied: Applied) -> Sequence[IrValue]:
        (source,) = applied.operands
        parts = self._resolved(source.known)
        kind = writer.type_of(source.known.with_shape([size for _, size, _ in parts]))
        offsets = sizes_attribute([0, *(begin for begin, _, _ in parts)])
        part = writer.value(Slice, writer[source], offsets=offsets, result_types=[kind])
        return [writer.reshaped(part, writer.type_of(applied.results[0].known))]


def _axis(axis: int, given: Spec, count: int | None = None) -> int:
    """An axis, counted from the end where it is negative. Raises :class:`Misfit`."""
    count = given.rank if count is None else count
    place = axis + count if axis < 0 else axis
    if not 0 <= place < count:
        raise Misfit(f"there is no axis {axis} in {given}; the batch does not count")
    return place


def _listed(sizes: Sequence[Any]) -> str:
    return f"[{', '.join(map(str, sizes))}]"


def _integer(given: Any, what: str) -> int:
    if not isinstance(given, Integral) or isinstance(given, bool):
        fail(f"{what} must be an integer, not {given!r:.60}")
    return int(given)


# -- for callers -----------------------------------------------------------------------------------------------------


def flatten(x: Value) -> Value:
    """All elements as one vector."""
    return only(apply(_Flatten(), x))


def reshape(x: Value, *shape: Any) -> Value:
    """The same elements in another shape; one size may be -1, which is what is left."""
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    checked = [size if size == -1 else arguments.shape([size], "a size of reshape")[0] for size in sizes]
    if checked.count(-1) > 1:
        arguments.refuse("reshape", "at most one size -1")
    return only(apply(_Reshape(tuple(checked)), x))


def squeeze(x: Value, axis: int | None = None) -> Value:
    """Without the dimension ``axis`` (default: all dimensions) of size 1."""
    return only(apply(_Squeeze(None if axis is None else _integer(axis, "axis of squeeze")), x))


def unsqueeze(x: Value, axis: int) -> Value:
    """With a new dimension of size 1 at ``axis``."""
    return only(apply(_Unsqueeze(_integer(axis, "axis of unsqueeze")), x))


def permute(x: Value, *order: Any) -> Value:
    """Dimension k of the result is dimension ``order[k]`` of x."""
    axes = order[0] if len(order) == 1 and isinstance(order[0], (tuple, list)) else order
    return only(apply(_Permute(tuple(_integer(axis, "an axis of permute") for axis in axes)), x))


def concat(*values: Any, axis: int = 0) -> Value:
    """Values one after another along ``axis``."""
    parts = _values(values, "concat")
    return only(apply(_Concat(_integer(axis, "axis of concat")), *parts))


def stack(*values: Any, axis: int = 0) -> Value:
    """Values of one shape side by side along a new dimension ``axis``."""
    given = _values(values, "stack")
    shapes = [part.known for part in given if isinstance(part, Value)]
    if len(set(shapes)) > 1:
        fail(f"stack: takes values of one shape, but {', '.join(map(str, shapes))} came in")
    parts = [unsqueeze(part, axis) for part in given]
    return only(apply(_Concat(_integer(axis, "axis of stack")), *parts))


def take(x: Value, index: Any) -> Value:
    """A part of x: integers and slices, one for each dimension from the first."""
    parts = index if isinstance(index, tuple) else (index,)
    checked: list[Any] = []
    for part in parts:
        if isinstance(part, slice):
            if part.step not in (None, 1):
                fail("a part of a value goes from place to place, without a step")
            bounds = [None if b is None else _integer(b, "an end of a part") for b in (part.start, part.stop)]
            checked.append(slice(*bounds))
        else:
            checked.append(_integer(part, "an index"))
    return only(apply(_Take(tuple(checked)), x))


def _values(given: Sequence[Any], what: str) -> list[Value]:
    values = given[0] if len(given) == 1 and isinstance(given[0], (tuple, list)) else given
    if not values:
        arguments.refuse(what, "at least one value")
    return list(values)
