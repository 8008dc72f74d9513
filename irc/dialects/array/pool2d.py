"""Pooling of images: the largest or the mean value in each window, channel by channel, and the gradients.

Padding is never the largest, but counts as zeros for a mean (PyTorch's definitions). Of equal values the first in
row-major order counts as the largest; NaN is the greatest of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from irc.dialects.array.images import canonical, check_layout, image_type, laid_out, layout_of, pair_of
from irc.dialects.array.syntax import ArrayOp, only, tensor
from irc.dialects.array.windows import Window
from irc.error_bounds import gamma, known, magnitude
from irc.ir.attributes import ArrayAttr, Attribute, StringAttr
from irc.ir.builder import Builder
from irc.ir.constraints import FLOAT_TENSOR
from irc.ir.operation import Value
from irc.ir.spec import attr, operand, result
from irc.ir.traits import PURE
from irc.ir.types import TensorType, Type

KINDS = ("max", "mean")


def pool_window(image: Sequence[int], kernel: Any, stride: Any, padding: Any) -> Window:
    """The window of a pooling. ValueError for one that would see nothing but padding somewhere (PyTorch's limit)."""
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise ValueError(f"padding must be at most half of the kernel, not {list(padding)} of {list(kernel)}")
    return Window.of(tuple(image), tuple(kernel), tuple(stride), tuple(padding))  # type: ignore[arg-type]


def largest(window: Window, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of images (b, c, h, w) the largest value in each window, and the number of the tap that sees it first."""
    best = np.full((*x.shape[:2], *window.counts), -np.inf, x.dtype)
    place = np.full(best.shape, -1)
    for number, (_, (i, j), (h, v)) in enumerate(window.taps()):
        value, so_far = x[:, :, h, v], best[:, :, i, j]
        better = (value > so_far) | (np.isnan(value) & ~np.isnan(so_far)) | (place[:, :, i, j] < 0)
        best[:, :, i, j] = np.where(better, value, so_far)
        place[:, :, i, j][better] = number
    return best, place


def mean(window: Window, x: np.ndarray) -> np.ndarray:
    """The sum of each window of images (b, c, h, w), over the number of its taps."""
    total = np.zeros((*x.shape[:2], *window.counts), x.dtype)
    with np.errstate(all="ignore"):
        for _, (i, j), (h, v) in window.taps():
            total[:, :, i, j] += x[:, :, h, v]
        return total / x.dtype.type(window.area)


def spread(window: Window, y: np.ndarray, place: np.ndarray | None) -> np.ndarray:
    """Images, to whose cells each window adds its value: to the cell at ``place``, or to all where that is None."""
    x = np.zeros((*y.shape[:2], window.rows.size, window.columns.size), y.dtype)
    for number, (_, (i, j), (h, v)) in enumerate(window.taps()):
        value = y[:, :, i, j]
        x[:, :, h, v] += value if place is None else np.where(place[:, :, i, j] == number, value, 0)
    return x


def pick(window: Window, place: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The value of images at the given tap of each window."""
    y = np.zeros(place.shape, x.dtype)
    for number, (_, (i, j), (h, v)) in enumerate(window.taps()):
        y[:, :, i, j] += np.where(place[:, :, i, j] == number, x[:, :, h, v], 0)
    return y


class Pooling(ArrayOp):
    """What the ops share; the first operand is the images."""

    kernel = attr(ArrayAttr, "rows and columns of the window")
    stride = attr(ArrayAttr, "cells from a window to the next; absent: the kernel", optional=True)
    padding = attr(ArrayAttr, "rows above and below, columns left and right, outside of the image", default=[0, 0])
    layout = attr(StringAttr, "the order of batch, channels, rows and columns: bchw, or another", default="bchw")
    traits = frozenset({PURE})
    words = ("kernel", "stride", "padding")

    @property
    def window(self) -> Window:
        """The window over the images."""
        return _window(self.attributes, tensor(self.operands[0].type))

    @property
    def shared(self) -> dict[str, Attribute]:
        """The attributes that all ops of one pooling have."""
        return {name: self.attributes[name] for name in (*self.words, "layout") if name in self.attributes}

    def canonical(self, *arrays: Any) -> list[np.ndarray]:
        """Arrays of the op's layout in the order batch, channels, rows, columns."""
        return [canonical(np.asarray(a), layout_of(self.attributes)) for a in arrays]

    def laid_out(self, array: np.ndarray) -> np.ndarray:
        """The inverse for one array."""
        return laid_out(array, layout_of(self.attributes))

    def uncertain(self, x: np.ndarray, error: Any) -> np.ndarray:
        """Where rounding may decide which tap of a window is the largest: another may reach the one that is."""
        if error is None:
            return np.zeros((*x.shape[:2], *self.window.counts), bool)
        (spread_of,) = self.canonical(np.broadcast_to(error, self.laid_out(x).shape))
        best, place = largest(self.window, x)
        floor = best - pick(self.window, place, spread_of)
        rivals = np.zeros(best.shape, np.int64)
        for _, (i, j), (h, v) in self.window.taps():
            rivals[:, :, i, j] += x[:, :, h, v] + spread_of[:, :, h, v] >= floor[:, :, i, j]
        return (rivals > 1) & (largest(self.window, spread_of)[0] > 0)


class Pool2d(Pooling):
    """The largest or the mean value in each window.

        %y = array.pool2d max %x kernel [2, 2] : tensor<B x 3 x 8 x 8 x f32>
        %y = array.pool2d mean %x kernel [3, 3] stride [2, 2] padding [1, 1] : tensor<B x 3 x 8 x 8 x f32>

    The stride is the kernel if none is given. ``layout`` is as in ``array.conv2d``.
    """

    name = "array.pool2d"
    images = operand(FLOAT_TENSOR)
    pooled = result(FLOAT_TENSOR)
    kind = attr(StringAttr, "max or mean")
    head = "kind"

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        _check_kind(attributes)
        return [_pooled_type(attributes, tensor(operand_types[0]))]

    def eval(self, context: Any, x: Any) -> Sequence[Any]:
        (x,) = self.canonical(x)
        found = largest(self.window, x)[0] if self.kind.value == "max" else mean(self.window, x)
        return [context.round(self.laid_out(found), self.pooled.type.element)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        x, e = self.canonical(operands[0], np.broadcast_to(magnitude(errors[0]), np.shape(operands[0])))
        if self.kind.value == "max":
            return [self.laid_out(largest(self.window, e)[0])]
        growth = gamma(self.window.area + 1, context.unit(self.pooled.type.element))
        return [known(self.laid_out(mean(self.window, e) + growth * mean(self.window, np.abs(x) + e)))]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        return [builder.value(Pool2dGradient, self.images, only(gradients), kind=self.kind, **self.shared)]


class Pool2dGradient(Pooling):
    """The gradient of ``array.pool2d`` by its images.

        %dx = array.pool2d_gradient max %x, %dy kernel [2, 2]
            : tensor<B x 3 x 8 x 8 x f32>, tensor<B x 3 x 4 x 4 x f32>

    What is given for a window goes to its largest cell (``max``), or in equal parts to all of its cells (``mean``).
    """

    name = "array.pool2d_gradient"
    images = operand(FLOAT_TENSOR)
    pooled = operand(FLOAT_TENSOR, "what is spread: the gradient of the pooled images")
    gradient = result(FLOAT_TENSOR)
    kind = attr(StringAttr, "max or mean")
    head = "kind"

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        _check_kind(attributes)
        images, given = map(tensor, operand_types)
        wanted = _pooled_type(attributes, images)
        if given is not wanted:
            raise ValueError(f"pooling {images} gives {wanted}, not {given}")
        return [images]

    def eval(self, context: Any, x: Any, dy: Any) -> Sequence[Any]:
        x, dy = self.canonical(x, dy)
        if self.kind.value == "max":
            found = spread(self.window, dy, largest(self.window, x)[1])
        else:
            found = spread(self.window, dy / dy.dtype.type(self.window.area), None)
        return [context.round(self.laid_out(found), self.gradient.type.element)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        errors_y = np.broadcast_to(magnitude(errors[1]), np.shape(operands[1]))
        x, dy, e = self.canonical(*operands, errors_y)
        window, area = self.window, self.window.area
        growth = gamma(area + 1, context.unit(self.gradient.type.element))
        reach = np.abs(dy) + e
        if self.kind.value == "mean":
            found = (spread(window, e, None) + growth * spread(window, reach, None)) / area
            return [known(self.laid_out(found))]
        place, uncertain = largest(window, x)[1], self.uncertain(x, errors[0])
        found = spread(window, e, place) + growth * spread(window, reach, place)
        return [known(self.laid_out(found + spread(window, np.where(uncertain, reach, 0.0), None)))]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        # linear in dy; the places of the largest do not move with x
        given = only(gradients)
        if self.kind.value == "mean":
            return [None, builder.value(Pool2d, given, kind="mean", **self.shared)]
        return [None, builder.value(Pool2dPick, self.images, given, **self.shared)]


class Pool2dPick(Pooling):
    """The values of ``picked`` at the cell of each window where ``images`` are the largest.

        %y = array.pool2d_pick %x, %g kernel [2, 2] : tensor<B x 3 x 8 x 8 x f32>, tensor<B x 3 x 8 x 8 x f32>

    It is the gradient of a gradient.
    """

    name = "array.pool2d_pick"
    images = operand(FLOAT_TENSOR)
    picked = operand(FLOAT_TENSOR)
    pooled = result(FLOAT_TENSOR)

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        images, picked = map(tensor, operand_types)
        if picked is not images:
            raise ValueError(f"{picked} cannot be picked from by {images}")
        return [_pooled_type(attributes, images)]

    def eval(self, context: Any, x: Any, values: Any) -> Sequence[Any]:
        x, values = self.canonical(x, values)
        return [self.laid_out(pick(self.window, largest(self.window, x)[1], values))]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        x, values, e = self.canonical(*operands, np.broadcast_to(magnitude(errors[1]), np.shape(operands[1])))
        reach = largest(self.window, np.abs(values) + e)[0]
        found = pick(self.window, largest(self.window, x)[1], e)
        return [self.laid_out(np.where(self.uncertain(x, errors[0]), 2 * reach, found))]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        return [None, builder.value(Pool2dGradient, self.images, only(gradients), kind="max", **self.shared)]


def _check_kind(attributes: Mapping[str, Attribute]) -> None:
    kind = attributes.get("kind")
    if not isinstance(kind, StringAttr) or kind.value not in KINDS:
        raise ValueError(f"there is no pooling {kind}; the kinds are {', '.join(KINDS)}")


def _window(attributes: Mapping[str, Attribute], images: TensorType) -> Window:
    _, _, *image = canonical(images.shape, layout_of(attributes))
    kernel = pair_of(attributes, "kernel", (0, 0), 1)
    stride = pair_of(attributes, "stride", kernel, 1)
    return pool_window(image, kernel, stride, pair_of(attributes, "padding", (0, 0), 0))


def _pooled_type(attributes: Mapping[str, Attribute], images: TensorType) -> TensorType:
    layout = check_layout(attributes)
    batch, channels, _, _ = canonical(image_type(images, layout).shape, layout)
    return TensorType(laid_out((batch, channels, *_window(attributes, images).counts), layout), images.element)
