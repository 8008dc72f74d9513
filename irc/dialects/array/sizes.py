"""Numbers that follow from shapes alone: sizes and positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from irc.dialects.arith import IndexCast, SIToFP
from irc.dialects.array.shape import Broadcast
from irc.dialects.array.syntax import ArrayOp, axis_of
from irc.dialects.constants import splat
from irc.ir.attributes import Attribute, IntegerAttr, StringAttr
from irc.ir.builder import Builder
from irc.ir.constraints import INDEX, INTEGER_TENSOR
from irc.ir.dimensions import Dimension, evaluate, parse_dimension
from irc.ir.operation import Operation, Value
from irc.ir.spec import attr, result
from irc.ir.traits import PURE, HoldsSizes
from irc.ir.types import Type, i64, index


class Size(Operation):
    """A size as a number: ``array.size "B" : index``. Its symbols are those of the function's argument types."""

    name = "array.size"
    number = result(INDEX)
    dim = attr(StringAttr, "a formula of symbols")
    traits = frozenset({PURE, HoldsSizes("dim")})
    assembly = "$dim attr-dict `:` type($number)"

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        return [index]

    def fold(self) -> Sequence[Value | Attribute] | None:
        dim = parse_dimension(self.dim.value)
        return [IntegerAttr(dim, index)] if isinstance(dim, int) else None

    def eval(self, context: Any) -> Sequence[Any]:
        return [evaluate(parse_dimension(self.dim.value), context.symbols)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [None]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        return []


class Iota(ArrayOp):
    """Positions along an axis, 0, 1, 2, ..., the same at every place of the others.

    %i = array.iota axis 1 : tensor<B x 3 x i32>                              // [[0, 1, 2], ...]
    """

    name = "array.iota"
    output = result(INTEGER_TENSOR)
    axis = attr(IntegerAttr, "the dimension that is counted")
    traits = frozenset({PURE})
    words = ("axis",)

    def verify(self) -> None:
        axis_of(self.axis, self.output.type.rank)

    def eval(self, context: Any) -> Sequence[Any]:
        shape, axis = context.shape(self.output.type), self.axis.value
        numbers = np.arange(shape[axis], dtype=context.dtype(self.output.type.element))
        aligned = numbers.reshape([-1 if d == axis else 1 for d in range(len(shape))])
        return [np.broadcast_to(aligned, shape).copy()]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [None]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        return []


def size_as_float(builder: Builder, dimension: Dimension, type: Type) -> Value:
    """A size as a number, everywhere in ``type``, a tensor of floats."""
    if isinstance(dimension, int):
        return splat(builder, dimension, type)
    number = builder.value(IndexCast, builder.value(Size, dim=str(dimension)), result_types=[i64])
    number = builder.value(SIToFP, number, result_types=[type.element])
    return builder.value(Broadcast, number, dims=[], result_types=[type])
