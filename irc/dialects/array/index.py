"""Access by position: gather, its transpose scatter_add, and the position of the largest element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from irc.dialects.array.syntax import ArrayOp, axis_of, only, same_dimension, shape_text, tensor
from irc.error_bounds import gamma, known, magnitude
from irc.ir.attributes import Attribute, DenseAttr, IntegerAttr
from irc.ir.builder import Builder
from irc.ir.constraints import INTEGER_TENSOR, TENSOR
from irc.ir.diagnostics import fail
from irc.ir.operation import Operation, Value
from irc.ir.spec import attr, operand, result
from irc.ir.traits import CONSTANT, PURE, has
from irc.ir.types import TensorType, Type, i32


class Gather(ArrayOp):
    """The parts of ``source`` along an axis that ``indices`` name; the dimensions of ``indices`` replace that axis.

        %y = array.gather %x, %i axis 1 : tensor<B x 8 x f32>, tensor<3xi32>           // tensor<B x 3 x f32>

    An index outside of the axis is an error.
    """

    name = "array.gather"
    source = operand(TENSOR)
    indices = operand(INTEGER_TENSOR)
    output = result(TENSOR)
    axis = attr(IntegerAttr, "the dimension that is indexed")
    traits = frozenset({PURE})
    words = ("axis",)

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        source, indices = tensor(operand_types[0]), tensor(operand_types[1])
        axis = axis_of(attributes.get("axis"), source.rank)
        return [source.with_shape([*source.shape[:axis], *indices.shape, *source.shape[axis + 1 :]])]

    def fold(self) -> Sequence[Value | Attribute] | None:
        # the identity: all parts, in their order
        op = self.indices.defining_op()
        value = op.attributes.get("value") if op is not None and has(op, CONSTANT) else None
        size = self.source.type.shape[self.axis.value]
        if isinstance(value, DenseAttr) and isinstance(size, int) and np.array_equal(value.array, np.arange(size)):
            return [self.source]
        return None

    def eval(self, context: Any, source: Any, indices: Any) -> Sequence[Any]:
        _check_indices(self, indices, np.shape(source)[self.axis.value])
        return [np.take(source, indices, self.axis.value)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        if errors[0] is None:
            return [None]
        return [np.take(np.broadcast_to(errors[0], np.shape(operands[0])), operands[1], self.axis.value)]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        # y_j = x_{i_j}:  dx_k = the sum of dy_j over all j with i_j = k
        if not self.source.type.element.is_float:
            return [None, None]
        gradient = builder.value(
            ScatterAdd, only(gradients), self.indices, axis=self.axis, result_types=[self.source.type]
        )
        return [gradient, None]


class ScatterAdd(ArrayOp):
    """Zeros, to which the parts of ``updates`` are added at the places along an axis that ``indices`` name.

        %y = array.scatter_add %u, %i axis 1 : tensor<B x 3 x f32>, tensor<3xi32> to tensor<B x 8 x f32>

    An index outside of the axis is an error.
    """

    name = "array.scatter_add"
    updates = operand(TENSOR)
    indices = operand(INTEGER_TENSOR)
    output = result(TENSOR)
    axis = attr(IntegerAttr, "the dimension of the result that is indexed")
    traits = frozenset({PURE})
    words = ("axis",)

    def verify(self) -> None:
        updates, indices, target = self.updates.type, self.indices.type, self.output.type
        axis = axis_of(self.axis, target.rank)
        wanted = (*target.shape[:axis], *indices.shape, *target.shape[axis + 1 :])
        if updates.rank != len(wanted) or updates.element is not target.element:
            raise ValueError(f"expected updates of shape {shape_text(wanted)} for {target}, got {updates}")
        for d, (found, size) in enumerate(zip(updates.shape, wanted, strict=True)):
            same_dimension(found, size, f"dimension {d} of the updates")

    def eval(self, context: Any, updates: Any, indices: Any) -> Sequence[Any]:
        element = self.output.type.element
        shape = context.shape(self.output.type)
        _check_indices(self, indices, shape[self.axis.value])
        return [context.round(self._add(np.zeros(shape, context.dtype(element)), updates, indices), element)]

    def _add(self, total: np.ndarray, updates: Any, indices: Any) -> np.ndarray:
        where = (slice(None),) * self.axis.value + (np.asarray(indices),)
        np.add.at(total, where, updates)
        return total

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        (updates, indices), element = operands, self.output.type.element
        if not element.is_float:
            return [None]
        spread = np.broadcast_to(magnitude(errors[0]), np.shape(updates))
        most = int(np.bincount(np.ravel(indices)).max(initial=0)) if np.size(indices) else 0
        moved = self._add(np.zeros(np.shape(results[0])), spread, indices)
        reach = self._add(np.zeros(np.shape(results[0])), np.abs(updates) + spread, indices)
        return [known(moved + gamma(most, context.unit(element)) * reach)]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        # y_k = sum of u_j over i_j = k:  du_j = dy_{i_j}
        if not self.updates.type.element.is_float:
            return [None, None]
        return [builder.value(Gather, only(gradients), self.indices, axis=self.axis), None]


class Argmax(ArrayOp):
    """The position (i32) of the largest element along an axis, the first of several.

    %i = array.argmax %x axis 1 : tensor<B x 3 x f32>                                   // tensor<B x i32>
    """

    name = "array.argmax"
    source = operand(TENSOR)
    output = result(INTEGER_TENSOR)
    axis = attr(IntegerAttr, "the dimension that vanishes")
    traits = frozenset({PURE})
    words = ("axis",)

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        source = tensor(operand_types[0])
        axis = axis_of(attributes.get("axis"), source.rank)
        if source.shape[axis] == 0:
            raise ValueError(f"dimension {axis} of {source} has no elements, so none of them is the largest")
        return [TensorType([*source.shape[:axis], *source.shape[axis + 1 :]], i32)]

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        return [np.argmax(source, self.axis.value).astype(np.int32)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        # The place is certain where no other element's interval reaches the winner's; otherwise it may be anywhere.
        (values,), (error,), axis = operands, errors, self.axis.value
        if error is None or not np.any(error):
            return [None]
        spread = np.broadcast_to(error, np.shape(values))
        at = np.expand_dims(results[0], axis)
        floor = np.take_along_axis(values - spread, at, axis)
        rivals = (values + spread >= floor).sum(axis)
        return [np.where((rivals > 1), float(np.shape(values)[axis] - 1), 0.0)]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        return [None]  # a position is piecewise constant


def _check_indices(op: Operation, indices: Any, size: int) -> None:
    """Error unless all indices lie in 0 .. size - 1."""
    wrong = (np.asarray(indices) < 0) | (np.asarray(indices) >= size)
    if wrong.any():
        bad = np.asarray(indices)[wrong].flat[0]
        fail(f"{op.name}: index {bad} is outside of 0 to {size - 1}", op.location)
