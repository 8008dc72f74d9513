"""Reductions: one number from many, along some of the dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from irc.dialects.arith import CmpF, CmpI, DivF, MulF, NegF, Select
from irc.dialects.array.index import Argmax
from irc.dialects.array.shape import Broadcast, Reshape, Transpose
from irc.dialects.array.sizes import Iota
from irc.dialects.array.syntax import ArrayOp, integers, only, tensor
from irc.dialects.constants import splat
from irc.error_bounds import gamma, known, magnitude
from irc.ir.attributes import ArrayAttr, Attribute, StringAttr
from irc.ir.builder import Builder
from irc.ir.constraints import TENSOR
from irc.ir.dimensions import product
from irc.ir.operation import Value
from irc.ir.spec import attr, operand, result
from irc.ir.traits import PURE
from irc.ir.types import TensorType, Type, i1, i32

KINDS = ("sum", "product", "max", "min")


class Reduce(ArrayOp):
    """The sum, product, max or min along ``dims``, which vanish from the shape.

        %s = array.reduce sum %x dims [0] : tensor<B x 3 x f32>                    // tensor<3xf32>

    Nothing to reduce gives the neutral element: 0, 1, the smallest or the largest value. The order of a sum is free.
    """

    name = "array.reduce"
    source = operand(TENSOR)
    output = result(TENSOR)
    kind = attr(StringAttr, "sum, product, max or min")
    dims = attr(ArrayAttr, "the dimensions that vanish, ascending")
    traits = frozenset({PURE})
    head = "kind"
    words = ("dims",)

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        source = tensor(operand_types[0])
        kind = attributes.get("kind")
        if not isinstance(kind, StringAttr) or kind.value not in KINDS:
            raise ValueError(f"there is no reduction {kind}; the kinds are {', '.join(KINDS)}")
        dims = integers(attributes["dims"], "dims")
        if any(not 0 <= d < source.rank for d in dims) or list(dims) != sorted(set(dims)):
            raise ValueError(f"dims must be ascending dimensions of {source}, not {list(dims)}")
        return [source.with_shape(n for d, n in enumerate(source.shape) if d not in dims)]

    @property
    def kept(self) -> tuple[int, ...]:
        """The dimensions that stay."""
        gone = self.axes
        return tuple(d for d in range(self.source.type.rank) if d not in gone)

    @property
    def axes(self) -> tuple[int, ...]:
        """The dimensions that vanish."""
        return integers(self.dims, "dims")

    def fold(self) -> Sequence[Value | Attribute] | None:
        return [self.source] if not self.axes else None

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        combine = {"sum": np.add, "product": np.multiply, "max": np.maximum, "min": np.minimum}[self.kind.value]
        element = self.output.type.element
        with np.errstate(all="ignore"):
            total = combine.reduce(
                source, axis=self.axes, dtype=context.dtype(element), initial=_neutral(self.kind.value, source.dtype)
            )
        return [context.round(np.asarray(total), element)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        (values,), (error,), axes, element = operands, errors, self.axes, self.output.type.element
        if not element.is_float:
            return [None]
        spread = np.broadcast_to(magnitude(error), np.shape(values))
        count = int(np.prod([np.shape(values)[d] for d in axes], dtype=np.int64))
        reach = np.abs(values) + spread
        with np.errstate(all="ignore"):
            if self.kind.value == "sum":
                return [known(spread.sum(axes) + gamma(count, context.unit(element)) * reach.sum(axes))]
            if self.kind.value == "product":
                widest = reach.prod(axes)
                moved = widest - np.abs(values).prod(axes) if spread.any() else 0.0
                return [known(moved + gamma(count, context.unit(element)) * widest)]
        return [spread.max(axes, initial=0.0)]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        if not self.source.type.element.is_float:
            return [None]
        along = builder.value(Broadcast, only(gradients), dims=list(self.kept), result_types=[self.source.type])
        if self.kind.value == "sum":  # d(sum x)/dx_i = 1
            return [along]
        if self.kind.value == "product":
            return [self._product_vjp(builder, along)]
        chosen = _first_best(builder, self)
        return [builder.value(Select, chosen, along, splat(builder, 0.0, self.source.type))]

    def _product_vjp(self, builder: Builder, along: Value) -> Value:
        """d(prod x)/dx_i is the product of the others: prod / x_i, but where zeros are about. With p the product of
        what is not zero and z the number of zeros: p / x_i if z = 0; p at the only zero if z = 1; otherwise 0.

        (The rule of a second derivative that is drawn from this one holds away from zeros.)
        """
        kind: TensorType = self.source.type
        x, dims = self.source, self.dims

        def spread(value: Value) -> Value:
            return builder.value(Broadcast, value, dims=list(self.kept), result_types=[kind])

        zero, one = splat(builder, 0.0, kind), splat(builder, 1.0, kind)
        is_zero = builder.value(CmpF, x, zero, predicate="oeq")
        divisor = builder.value(Select, is_zero, one, x)
        p = spread(builder.value(Reduce, divisor, kind="product", dims=dims))
        z = spread(builder.value(Reduce, builder.value(Select, is_zero, one, zero), kind="sum", dims=dims))
        none = builder.value(CmpF, z, zero, predicate="oeq")
        single = builder.value(CmpF, z, one, predicate="oeq")
        at_zero = builder.value(Select, single, p, zero)
        elsewhere = builder.value(Select, none, builder.value(DivF, p, divisor), zero)
        return builder.value(MulF, along, builder.value(Select, is_zero, at_zero, elsewhere))


def _first_best(builder: Builder, op: Reduce) -> Value:
    """Where ``op``, a max or min, finds its result first, in row-major order of the reduced dimensions."""
    kept, axes = op.kept, op.axes
    source: TensorType = op.source.type
    order = [*kept, *axes]
    moved = source.with_shape(source.shape[d] for d in order)
    flat = moved.with_shape([*moved.shape[: len(kept)], product(moved.shape[len(kept) :])])
    value = op.source if op.kind.value == "max" else builder.value(NegF, op.source)
    value = _reshaped(builder, _transposed(builder, value, order), flat)
    best = builder.value(Argmax, value, axis=len(kept))
    best = builder.value(Broadcast, best, dims=list(range(len(kept))), result_types=[flat.with_element(i32)])
    place = builder.value(Iota, axis=len(kept), result_types=[flat.with_element(i32)])
    chosen = _reshaped(builder, builder.value(CmpI, place, best, predicate="eq"), moved.with_element(i1))
    return _transposed(builder, chosen, sorted(range(len(order)), key=order.__getitem__))


def _transposed(builder: Builder, value: Value, order: list[int]) -> Value:
    return value if order == sorted(order) else builder.value(Transpose, value, permutation=order)


def _reshaped(builder: Builder, value: Value, type: Type) -> Value:
    return value if value.type is type else builder.value(Reshape, value, result_types=[type])


def _neutral(kind: str, dtype: np.dtype) -> Any:
    """What does not change a sum, product, max or min."""
    if kind in ("sum", "product"):
        return dtype.type(kind == "product")
    if dtype.kind == "f":
        return dtype.type(-np.inf if kind == "max" else np.inf)
    if dtype.kind == "b":
        return kind == "min"
    info = np.iinfo(dtype)
    return info.min if kind == "max" else info.max
