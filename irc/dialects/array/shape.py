"""Whole arrays made from a number, given another shape, or another element type. Nothing broadcasts by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from irc.dialects.array.syntax import (
    NUMBER_TENSOR,
    ArrayOp,
    integers,
    only,
    same_dimension,
    shape_text,
    splat_value,
    tensor,
)
from irc.error_bounds import magnitude, rounded
from irc.ir.attributes import ArrayAttr, Attribute, FloatAttr, IntegerAttr
from irc.ir.builder import Builder
from irc.ir.constraints import SCALAR, TENSOR
from irc.ir.dimensions import product
from irc.ir.operation import Operation, Value
from irc.ir.rewriting import Pattern, Rewriter
from irc.ir.spec import attr, operand, result
from irc.ir.traits import CONSTANT, MOVEMENT, PURE
from irc.ir.types import TensorType, Type


class Full(Operation):
    """A tensor whose elements are all one number: ``array.full 0.0 : f32 to tensor<B x 3 x f32>``."""

    name = "array.full"
    output = result(TENSOR)
    value = attr((FloatAttr, IntegerAttr), "the number, of the element type")
    traits = frozenset({PURE, CONSTANT})
    assembly = "$value attr-dict `to` type($output)"

    def verify(self) -> None:
        if self.value.type is not self.output.type.element:
            raise ValueError(f"the number is of type {self.value.type}, the elements of {self.output.type.element}")

    def eval(self, context: Any) -> Sequence[Any]:
        kind = self.output.type
        return [np.full(context.shape(kind), self.value.value, context.dtype(kind.element))]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [None]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        return []


class Broadcast(ArrayOp):
    """Repeats a number or a tensor along new dimensions. ``dims[k]`` is where dimension k of the operand goes.

        %c = array.broadcast %b dims [1] : tensor<3xf32> to tensor<B x 3 x f32>

    ``dims`` ascends; sizes must be equal: a size of 1 is not stretched.
    """

    name = "array.broadcast"
    source = operand(NUMBER_TENSOR)
    output = result(TENSOR)
    dims = attr(ArrayAttr, "for each dimension of the operand, its place in the result")
    traits = frozenset({PURE, MOVEMENT})
    words = ("dims",)

    @property
    def new_dims(self) -> tuple[int, ...]:
        """The dimensions of the result along which the operand is repeated."""
        old = integers(self.dims, "dims")
        return tuple(d for d in range(self.output.type.rank) if d not in old)

    def verify(self) -> None:
        shape = self.source.type.shape if isinstance(self.source.type, TensorType) else ()
        target = self.output.type
        dims = integers(self.dims, "dims")
        if len(dims) != len(shape):
            raise ValueError(f"dims must name {len(shape)} dimensions, one for each of {self.source.type}")
        if any(not 0 <= d < target.rank for d in dims) or list(dims) != sorted(set(dims)):
            raise ValueError(f"dims must be ascending dimensions of {target}")
        for axis, (size, at) in enumerate(zip(shape, dims, strict=True)):
            same_dimension(target.shape[at], size, f"dimension {at} of the result, for {axis} of the operand")
        if target.element is not self.source.type.element:
            raise ValueError(f"cannot broadcast {self.source.type} to elements of type {target.element}")

    def fold(self) -> Sequence[Value | Attribute] | None:
        if self.source.type is self.output.type:
            return [self.source]
        number = splat_value(self.source)
        return None if number is None else [number]

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        shape = context.shape(self.output.type)
        dims = integers(self.dims, "dims")
        aligned = np.reshape(source, [shape[d] if d in dims else 1 for d in range(len(shape))])
        return [np.broadcast_to(aligned, shape).copy()]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        # y[.., i, ..] = x[i] for every place along the new dimensions:  dx = sum of dy along them
        from irc.dialects.array.reduce import Reduce

        gradient = only(gradients)
        if self.new_dims:
            gradient = builder.value(Reduce, gradient, kind="sum", dims=list(self.new_dims))
        if not isinstance(self.source.type, TensorType):
            gradient = builder.value(Item, gradient)
        return [gradient]


class _BroadcastOfBroadcast(Pattern):
    """broadcast(broadcast(x)) --> broadcast(x)."""

    def rewrite(self, op: Operation, rewriter: Rewriter) -> bool:
        inner = op.source.defining_op()  # type: ignore[attr-defined]
        if not isinstance(inner, Broadcast):
            return False
        outer_dims = integers(op.dims, "dims")  # type: ignore[attr-defined]
        dims = [outer_dims[d] for d in integers(inner.dims, "dims")]
        rewriter.replace(op, [rewriter.value(Broadcast, inner.source, dims=dims, result_types=[op.result.type])])
        return True


Broadcast.canonical_patterns = (_BroadcastOfBroadcast(),)


class Item(ArrayOp):
    """The only element of a tensor without dimensions, as a number: ``array.item %t : tensor<f32>``."""

    name = "array.item"
    source = operand(TENSOR)
    number = result(SCALAR)
    traits = frozenset({PURE, MOVEMENT})

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        source = tensor(operand_types[0])
        if source.rank:
            raise ValueError(f"expected a tensor without dimensions, got {source}")
        return [source.element]

    def fold(self) -> Sequence[Value | Attribute] | None:
        inner = self.source.defining_op()
        if isinstance(inner, Broadcast) and inner.source.type is self.number.type:
            return [inner.source]
        number = splat_value(self.source)
        return None if number is None else [number]

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        return [np.asarray(source)[()]]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        return [builder.value(Broadcast, only(gradients), dims=[], result_types=[self.source.type])]


class Reshape(ArrayOp):
    """The same elements, in row-major order, in another shape of as many elements.

    %y = array.reshape %x : tensor<B x T x 4 x f32> to tensor<B*T x 4 x f32>
    """

    name = "array.reshape"
    source = operand(TENSOR)
    output = result(TENSOR)
    traits = frozenset({PURE, MOVEMENT})

    def verify(self) -> None:
        source, target = self.source.type, self.output.type
        if source.element is not target.element:
            raise ValueError(f"cannot reshape {source} to elements of type {target.element}")
        have, want = product(source.shape), product(target.shape)
        same_dimension(want, have, f"numbers of elements of {shape_text(target.shape)} and {shape_text(source.shape)}")

    def fold(self) -> Sequence[Value | Attribute] | None:
        if self.source.type is self.output.type:
            return [self.source]
        number = splat_value(self.source)
        return None if number is None else [number]

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        return [np.reshape(source, context.shape(self.output.type))]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        return [builder.value(Reshape, only(gradients), result_types=[self.source.type])]


class _ReshapeOfReshape(Pattern):
    """reshape(reshape(x)) --> reshape(x)."""

    def rewrite(self, op: Operation, rewriter: Rewriter) -> bool:
        inner = op.source.defining_op()  # type: ignore[attr-defined]
        if not isinstance(inner, Reshape):
            return False
        rewriter.replace(op, [rewriter.value(Reshape, inner.source, result_types=[op.result.type])])
        return True


Reshape.canonical_patterns = (_ReshapeOfReshape(),)


class Transpose(ArrayOp):
    """Reorders dimensions: dimension k of the result is dimension ``permutation[k]`` of the operand.

    %y = array.transpose %x permutation [1, 0] : tensor<B x 4 x f32>
    """

    name = "array.transpose"
    source = operand(TENSOR)
    output = result(TENSOR)
    permutation = attr(ArrayAttr, "for each dimension of the result, where it comes from")
    traits = frozenset({PURE, MOVEMENT})
    words = ("permutation",)

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        source = tensor(operand_types[0])
        order = integers(attributes["permutation"], "permutation")
        if sorted(order) != list(range(source.rank)):
            raise ValueError(f"[{', '.join(map(str, order))}] is no permutation of the dimensions of {source}")
        return [source.with_shape(source.shape[d] for d in order)]

    def fold(self) -> Sequence[Value | Attribute] | None:
        order = integers(self.permutation, "permutation")
        if list(order) == sorted(order):
            return [self.source]
        number = splat_value(self.source)
        return None if number is None else [number]

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        return [np.transpose(source, integers(self.permutation, "permutation"))]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        # y = P x, and a permutation's transpose is its inverse
        order = integers(self.permutation, "permutation")
        inverse = sorted(range(len(order)), key=order.__getitem__)
        return [builder.value(Transpose, only(gradients), permutation=inverse)]


class _TransposeOfTranspose(Pattern):
    """transpose(transpose(x, p), q) --> transpose(x, p[q])."""

    def rewrite(self, op: Operation, rewriter: Rewriter) -> bool:
        inner = op.source.defining_op()  # type: ignore[attr-defined]
        if not isinstance(inner, Transpose):
            return False
        first = integers(inner.permutation, "permutation")
        order = [first[d] for d in integers(op.permutation, "permutation")]  # type: ignore[attr-defined]
        rewriter.replace(op, [rewriter.value(Transpose, inner.source, permutation=order)])
        return True


Transpose.canonical_patterns = (_TransposeOfTranspose(),)


class Cast(ArrayOp):
    """Each element as another type of number: floats round to nearest even; a float becomes an integer towards zero.

    %y = array.cast %x : tensor<B x f32> to tensor<B x f64>
    """

    name = "array.cast"
    source = operand(TENSOR)
    output = result(TENSOR)
    traits = frozenset({PURE})

    def verify(self) -> None:
        source, target = self.source.type, self.output.type
        if source.shape != target.shape:
            raise ValueError(f"the shape {shape_text(source.shape)} cannot become {shape_text(target.shape)}")

    def fold(self) -> Sequence[Value | Attribute] | None:
        return [self.source] if self.source.type is self.output.type else None

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        element = self.output.type.element
        with np.errstate(all="ignore"):
            return [context.round(np.asarray(source).astype(context.dtype(element)), element)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        (values,), (error,), element = operands, errors, self.output.type.element
        if element.is_float:
            source = self.source.type.element
            widens = source.is_float and source.width < element.width
            return [error if widens or source is element else rounded(element, results[0], magnitude(error))]
        if error is None:
            return [None]
        return [np.abs(np.trunc(values + error) - np.trunc(values - error))]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        # the identity, as far as real numbers go; whole numbers have no gradient
        if not self.source.type.element.is_float:
            return [None]
        return [builder.value(Cast, only(gradients), result_types=[self.source.type])]
