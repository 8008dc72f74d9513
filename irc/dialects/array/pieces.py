"""Arrays joined and taken apart: concat, slice, pad, stack, unstack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from irc.dialects.array.syntax import (
    ArrayOp,
    axis_of,
    only,
    same_dimension,
    shape_text,
    sizes,
    sizes_attribute,
    splat_value,
    tensor,
)
from irc.dialects.constants import splat
from irc.ir.attributes import ArrayAttr, Attribute, IntegerAttr
from irc.ir.builder import Builder
from irc.ir.constraints import TENSOR
from irc.ir.dimensions import Dimension, at_least, evaluate
from irc.ir.operation import Operation, Value
from irc.ir.rewriting import Pattern, Rewriter
from irc.ir.spec import attr, operand, operands, result, results
from irc.ir.traits import MOVEMENT, PURE, HoldsSizes
from irc.ir.types import TensorType, Type


class Concat(ArrayOp):
    """Tensors one after the other along an axis.

    %c = array.concat %a, %b axis 1 : tensor<B x 2 x f32>, tensor<B x 3 x f32>
    """

    name = "array.concat"
    sources = operands(TENSOR)
    output = result(TENSOR)
    axis = attr(IntegerAttr, "the dimension along which they are joined")
    traits = frozenset({PURE, MOVEMENT})
    words = ("axis",)

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        if not operand_types:
            raise ValueError("needs at least one operand")
        first = tensor(operand_types[0])
        axis = axis_of(attributes.get("axis"), first.rank)
        total: Dimension = 0
        for position, given in enumerate(operand_types):
            other = tensor(given)
            if other.rank != first.rank or other.element is not first.element:
                raise ValueError(f"cannot join {first} and {other}")
            for d in range(first.rank):
                if d != axis:
                    same_dimension(other.shape[d], first.shape[d], f"dimension {d} of operand {position}")
            total = total + other.shape[axis]
        return [first.with_shape([*first.shape[:axis], total, *first.shape[axis + 1 :]])]

    def starts(self) -> list[Dimension]:
        """Where each operand begins along the axis."""
        at: Dimension = 0
        found = []
        for source in self.sources:
            found.append(at)
            at = at + source.type.shape[self.axis.value]
        return found

    def fold(self) -> Sequence[Value | Attribute] | None:
        return [self.sources[0]] if len(self.sources) == 1 else None

    def eval(self, context: Any, *sources: Any) -> Sequence[Any]:
        return [np.concatenate(sources, self.axis.value)]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        # each operand is a part of the result, and its gradient that part of the gradient
        found: list[Value | None] = []
        for source, start in zip(self.sources, self.starts(), strict=True):
            offsets: list[Dimension] = [0] * source.type.rank
            offsets[self.axis.value] = start
            found.append(
                builder.value(Slice, only(gradients), offsets=sizes_attribute(offsets), result_types=[source.type])
            )
        return found


class Slice(ArrayOp):
    """The part of a tensor that begins at ``offsets`` and has the shape of the result.

    %y = array.slice %x offsets [0, 2] : tensor<B x 8 x f32> to tensor<B x 3 x f32>
    """

    name = "array.slice"
    source = operand(TENSOR)
    output = result(TENSOR)
    offsets = attr(ArrayAttr, "where the part begins, one integer or formula for each dimension")
    traits = frozenset({PURE, MOVEMENT, HoldsSizes("offsets")})
    words = ("offsets",)

    def starts(self) -> tuple[Dimension, ...]:
        """``offsets`` as dimensions."""
        return sizes(self.offsets)

    def verify(self) -> None:
        source, target, starts = self.source.type, self.output.type, self.starts()
        if not source.rank == target.rank == len(starts):
            raise ValueError(f"needs {source.rank} offsets and a result of as many dimensions, got {target}")
        if source.element is not target.element:
            raise ValueError(f"a part of {source} cannot have elements of type {target.element}")
        for d, (begin, part, whole) in enumerate(zip(starts, target.shape, source.shape, strict=True)):
            if not at_least(begin, 0) or not at_least(whole, begin + part):
                raise ValueError(f"dimension {d}: the part from {begin} to {begin + part} may leave 0 to {whole}")

    def fold(self) -> Sequence[Value | Attribute] | None:
        if self.source.type is self.output.type:
            return [self.source]
        number = splat_value(self.source)
        return None if number is None else [number]

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        shape = context.shape(self.output.type)
        starts = [evaluate(d, context.symbols) for d in self.starts()]
        return [source[tuple(slice(s, s + n) for s, n in zip(starts, shape, strict=True))]]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        # what is left out has no influence: zeros around the gradient
        starts, whole, part = self.starts(), self.source.type.shape, self.output.type.shape
        high = [w - s - p for s, w, p in zip(starts, whole, part, strict=True)]
        return [builder.value(Pad, only(gradients), low=self.offsets, high=sizes_attribute(high))]


class _SliceOfSlice(Pattern):
    """slice(slice(x, a), b) --> slice(x, a + b)."""

    def rewrite(self, op: Operation, rewriter: Rewriter) -> bool:
        assert isinstance(op, Slice)
        inner = op.source.defining_op()
        if not isinstance(inner, Slice):
            return False
        offsets = sizes_attribute(a + b for a, b in zip(inner.starts(), op.starts(), strict=True))
        rewriter.replace(op, [rewriter.value(Slice, inner.source, offsets=offsets, result_types=[op.output.type])])
        return True


Slice.canonical_patterns = (_SliceOfSlice(),)


class Pad(ArrayOp):
    """Zeros around a tensor: ``low`` before and ``high`` after it, in each dimension.

    %y = array.pad %x low [0, 1] high [0, 2] : tensor<B x 3 x f32>
    """

    name = "array.pad"
    source = operand(TENSOR)
    output = result(TENSOR)
    low = attr(ArrayAttr, "zeros before, one integer or formula for each dimension")
    high = attr(ArrayAttr, "zeros after, one integer or formula for each dimension")
    traits = frozenset({PURE, MOVEMENT, HoldsSizes("low", "high")})
    words = ("low", "high")

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        source = tensor(operand_types[0])
        low, high = sizes(attributes["low"]), sizes(attributes["high"])
        if not len(low) == len(high) == source.rank:
            raise ValueError(f"low and high must have {source.rank} entries each, for {source}")
        if not all(at_least(n, 0) for n in (*low, *high)):
            raise ValueError(f"low {shape_text(low)} and high {shape_text(high)} must not be negative")
        return [source.with_shape(a + n + b for a, n, b in zip(low, source.shape, high, strict=True))]

    def fold(self) -> Sequence[Value | Attribute] | None:
        return [self.source] if self.source.type is self.output.type else None

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        widths = [
            (evaluate(a, context.symbols), evaluate(b, context.symbols))
            for a, b in zip(sizes(self.low), sizes(self.high), strict=True)
        ]
        return [np.pad(source, widths)]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        return [builder.value(Slice, only(gradients), offsets=self.low, result_types=[self.source.type])]


class Stack(ArrayOp):
    """Equal tensors side by side along a new axis.

    %x = array.stack %a, %b axis 1 : tensor<B x f32>, tensor<B x f32>       // tensor<B x 2 x f32>
    """

    name = "array.stack"
    sources = operands(TENSOR)
    output = result(TENSOR)
    axis = attr(IntegerAttr, "the place of the new dimension in the result")
    traits = frozenset({PURE, MOVEMENT})
    words = ("axis",)

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        if not operand_types:
            raise ValueError("needs at least one operand")
        first = tensor(operand_types[0])
        axis = axis_of(attributes.get("axis"), first.rank + 1)
        for given in operand_types:
            if given is not first:
                raise ValueError(f"all operands must have one type, got {first} and {given}")
        return [first.with_shape([*first.shape[:axis], len(operand_types), *first.shape[axis:]])]

    def fold(self) -> Sequence[Value | Attribute] | None:
        # the parts of one tensor, all of them and in order, are that tensor
        whole = self.sources[0].defining_op()
        if isinstance(whole, Unstack) and whole.axis is self.axis and list(self.sources) == whole.results:
            return [whole.source]
        return None

    def eval(self, context: Any, *sources: Any) -> Sequence[Any]:
        return [np.stack(sources, self.axis.value)]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        return list(builder.create(Unstack, only(gradients), axis=self.axis).results)


class Unstack(ArrayOp):
    """The parts of a tensor along an axis of known size, each a result without that axis.

    %a, %b = array.unstack %x axis 1 : tensor<B x 2 x f32>                   // tensor<B x f32> each
    """

    name = "array.unstack"
    source = operand(TENSOR)
    parts = results(TENSOR)
    axis = attr(IntegerAttr, "the dimension that is taken apart")
    traits = frozenset({PURE, MOVEMENT})
    words = ("axis",)

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        source = tensor(operand_types[0])
        axis = axis_of(attributes.get("axis"), source.rank)
        count = source.shape[axis]
        if not isinstance(count, int):
            raise ValueError(f"dimension {axis} of {source} must be a number, to have a result for each part")
        return [source.with_shape([*source.shape[:axis], *source.shape[axis + 1 :]])] * count

    def fold(self) -> Sequence[Value | Attribute] | None:
        whole = self.source.defining_op()
        if isinstance(whole, Stack) and whole.axis is self.axis:
            return list(whole.sources)
        number = splat_value(self.source)
        return None if number is None else [number] * len(self.results)

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        return list(np.moveaxis(source, self.axis.value, 0))

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        # the gradient of the whole is the gradients of its parts side by side; a part that is not used has none
        kind: TensorType = self.parts[0].type
        filled = [splat(builder, 0.0, kind) if g is None else g for g in gradients]
        return [builder.value(Stack, filled, axis=self.axis)]
