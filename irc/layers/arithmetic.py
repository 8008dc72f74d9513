"""Sums, differences, products and quotients of values of one shape, or with numbers; matmul; sums along axes."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

from irc.dialects.arith import AddF, DivF, MulF, SubF
from irc.dialects.array import Contract, Reduce
from irc.dialects.constants import splat
from irc.dialects.neuron import Merge
from irc.ir.operation import Operation
from irc.ir.operation import Value as IrValue
from irc.layers import arguments
from irc.layers.array_form import ArrayWriter
from irc.layers.function import Function, only
from irc.layers.neuron_form import NetWriter
from irc.layers.place import fail
from irc.layers.value import Applied, Misfit, Spec, Value, apply

OPERATIONS: dict[str, type[Operation]] = {"add": AddF, "subtract": SubF, "multiply": MulF, "divide": DivF}


class Combine(Function):
    """An operation of ``OPERATIONS``. ``left`` or ``right`` is a number that stands in place of an operand."""

    takes = (1, 2)

    def __init__(self, operation: str, left: float | None = None, right: float | None = None):
        self.kind = operation  # type: ignore[misc]  # one class for many kinds
        self.left = left
        self.right = right

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        for given in inputs:
            if given.integer:
                raise Misfit(f"takes real numbers, but {given} came in")
        if len(set(inputs)) > 1:
            raise Misfit(f"takes values of one shape, but {inputs[0]} and {inputs[1]} came in")
        return [inputs[0]]

    def has_neuron_form(self, *inputs: Spec) -> bool:
        return len(inputs) == 2 and self.kind in ("add", "multiply") and inputs[0].is_static

    def neuron(self, writer: NetWriter, applied: Applied) -> Sequence[IrValue]:
        return [writer.builder.value(Merge, [writer[v] for v in applied.operands], kind=self.kind)]

    def array(self, writer: ArrayWriter, applied: Applied) -> Sequence[IrValue]:
        values = [writer[v] for v in applied.operands]
        for place, number in ((0, self.left), (1, self.right)):
            if number is not None:
                values.insert(place, splat(writer.builder, number, values[0].type))
        return [writer.value(OPERATIONS[self.kind], *values)]


def combine(operation: str, left: Any, right: Any) -> Value:
    """``left`` and ``right`` joined by an operation of ``OPERATIONS``; one of them may be a number."""
    numbers: dict[str, float] = {}
    for side, given in (("left", left), ("right", right)):
        if isinstance(given, Real) and not isinstance(given, bool):
            numbers[side] = arguments.number(given, f"the number of {operation}")
        elif not isinstance(given, Value):
            fail(f"{operation}: takes values of the net and numbers, not a {type(given).__name__}")
    values = [v for v in (left, right) if isinstance(v, Value)]
    return only(apply(Combine(operation, **numbers), *values))


class MatMul(Function):
    """The product of two matrices of each sample: [n, k] and [k, m] give [n, m]."""

    kind = "matmul"
    takes = (2, 2)

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        left, right = inputs
        fits = left.rank == right.rank == 2 and left.shape[1] == right.shape[0] and not (left.integer or right.integer)
        if not fits:
            raise Misfit(f"takes matrices [n, k] and [k, m], but {left} and {right} came in")
        return [left.with_shape([left.shape[0], right.shape[1]])]

    def array(self, writer: ArrayWriter, applied: Applied) -> Sequence[IrValue]:
        return [writer.value(Contract, *[writer[v] for v in applied.operands], equation="bnk,bkm->bnm")]


def matmul(left: Value, right: Value) -> Value:
    """The product of two matrices of each sample: [n, k] and [k, m] give [n, m]."""
    return only(apply(MatMul(), left, right))


class Summary(Function):
    """The sum, mean, or maximum along some dimensions, which vanish."""

    def __init__(self, kind: str, axes: tuple[int, ...] | None):
        self.kind = kind  # type: ignore[misc]  # one class for many kinds
        self.axes = axes

    def _axes(self, given: Spec) -> list[int]:
        axes = range(given.rank) if self.axes is None else self.axes
        found = sorted({axis + given.rank if axis < 0 else axis for axis in axes})
        for axis in axes:
            if not -given.rank <= axis < given.rank:
                raise Misfit(f"there is no axis {axis} in {given}; the batch does not count")
        return found

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        (given,) = inputs
        axes = self._axes(given)
        if given.integer or not given.rank:
            raise Misfit(f"takes arrays of real numbers, but {given} came in")
        if self.kind == "mean" and not all(isinstance(given.shape[axis], int) for axis in axes):
            raise Misfit(f"takes sizes that are numbers along its axes, but {given} came in")
        return [given.with_shape([size for axis, size in enumerate(given.shape) if axis not in axes])]

    def array(self, writer: ArrayWriter, applied: Applied) -> Sequence[IrValue]:
        axes = [axis + 1 for axis in self._axes(applied.operands[0].known)]
        x = writer[applied.operands[0]]
        if self.kind == "mean":
            return [writer.mean(x, axes)]
        return [writer.value(Reduce, x, kind=self.kind, dims=axes)]


def _summary(kind: str, x: Value, axis: Any) -> Value:
    axes = None if axis is None else tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    for one in axes or ():
        if not isinstance(one, int) or isinstance(one, bool):
            arguments.refuse(kind, f"axes that are integers, not {one!r:.60}")
    return only(apply(Summary(kind, axes), x))


def sum(x: Value, axis: Any = None) -> Value:
    """The sum along ``axis`` (an integer, several, or all), without the batch."""
    return _summary("sum", x, axis)


def mean(x: Value, axis: Any = None) -> Value:
    """The mean along ``axis`` (an integer, several, or all), without the batch."""
    return _summary("mean", x, axis)


def max(x: Value, axis: Any = None) -> Value:
    """The largest along ``axis`` (an integer, several, or all), without the batch."""
    return _summary("max", x, axis)
