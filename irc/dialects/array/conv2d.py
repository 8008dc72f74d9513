"""Convolutions of images, and their gradients, as three ops that are each other's gradients.

All come from one form that is linear in images x, filters w and feature maps y:

    T(x, w, y) = sum over b, o, c, i, j, k, m of  y[b, o, i, j] * w[o, c, k, m] * x[b, c, i s - p + k d, j s - p + m d]

with strides s, paddings p (cells outside of the image are 0) and dilations d. ``conv2d`` is dT/dy, ``conv2d_transpose``
is dT/dx and ``conv2d_weights`` is dT/dw: so each is linear in its operands, and the derivatives of each are the others.
In ``groups``, channels and filters are cut into as many parts, and the filters of a part see the channels of that part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from irc.dialects.array.images import canonical, check_layout, image_type, laid_out, layout_of, pair_of
from irc.dialects.array.syntax import ArrayOp, only, same_dimension, tensor
from irc.dialects.array.windows import Window
from irc.error_bounds import gamma, known, magnitude
from irc.ir.attributes import ArrayAttr, Attribute, IntegerAttr, StringAttr
from irc.ir.builder import Builder
from irc.ir.constraints import FLOAT_TENSOR
from irc.ir.operation import Value
from irc.ir.spec import attr, operand, result
from irc.ir.traits import PURE
from irc.ir.types import TensorType, Type

_EQUATIONS = {"x": "boij,oc->bcij", "w": "bcij,boij->oc", "y": "bcij,oc->boij"}
"""What one tap adds to images, filters and feature maps, from the other two in the order x, w, y (w, y for x: y, w)."""


def convolve(window: Window, groups: int, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Feature maps (b, o, i, j) of images (b, c, h, w) and filters (o, c / groups, k, m)."""
    y = np.zeros((len(x), len(w), *window.counts), np.result_type(x, w))
    for group_x, group_w, group_y in _groups(groups, x, w, y):
        for (k, m), (i, j), (h, v) in window.taps():
            group_y[:, :, i, j] += _einsum("y", group_x[:, :, h, v], group_w[:, :, k, m])
    return y


def convolve_transpose(window: Window, groups: int, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Images (b, c, h, w): what feature maps (b, o, i, j) give to the cells that their windows see."""
    image = window.rows.size, window.columns.size
    x = np.zeros((len(y), groups * w.shape[1], *image), np.result_type(y, w))
    for group_x, group_w, group_y in _groups(groups, x, w, y):
        for (k, m), (i, j), (h, v) in window.taps():
            group_x[:, :, h, v] += _einsum("x", group_y[:, :, i, j], group_w[:, :, k, m])
    return x


def convolve_weights(window: Window, groups: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Filters (o, c / groups, k, m): the sums of products of feature maps and the cells that each tap sees."""
    kernel = window.rows.kernel, window.columns.kernel
    w = np.zeros((y.shape[1], x.shape[1] // groups, *kernel), np.result_type(x, y))
    for group_x, group_w, group_y in _groups(groups, x, w, y):
        for (k, m), (i, j), (h, v) in window.taps():
            group_w[:, :, k, m] = _einsum("w", group_x[:, :, h, v], group_y[:, :, i, j])
    return w


def _groups(groups: int, x: np.ndarray, w: np.ndarray, y: np.ndarray) -> Any:
    """The parts of images, filters and feature maps that belong together, as views."""
    cut = [np.split(x, groups, 1), np.split(w, groups, 0), np.split(y, groups, 1)]
    return zip(*cut, strict=True)


def _einsum(kind: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.einsum(_EQUATIONS[kind], a, b, optimize=True)


class Convolution(ArrayOp):
    """What the three ops share. Images and feature maps have the dimensions that ``layout`` names, filters are
    [o, c / groups, k, m]. ``roles``: which of x, w and y the operands and the result are.
    """

    roles: ClassVar[str] = ""
    stride = attr(ArrayAttr, "cells from a position to the next, of rows and of columns", default=[1, 1])
    padding = attr(ArrayAttr, "rows above and below, columns left and right, that are 0", default=[0, 0])
    dilation = attr(ArrayAttr, "cells from a tap to the next", default=[1, 1])
    groups = attr(IntegerAttr, "the parts that channels and filters are cut into", default=1)
    layout = attr(StringAttr, "the order of batch, channels, rows and columns: bchw, or another", default="bchw")
    traits = frozenset({PURE})
    words = ("stride", "padding", "dilation", "groups")

    def role(self, name: str) -> TensorType:
        """The type of x, w or y, whichever operand or result it is."""
        values = (*self.operands, *self.results)
        return tensor(values[self.roles.index(name)].type)

    @property
    def window(self) -> Window:
        """The window over the images."""
        return _window(self.attributes, self.role("x"), self.role("w"))

    @property
    def shared(self) -> dict[str, Attribute]:
        """The attributes that all three ops of one convolution have."""
        return {name: self.attributes[name] for name in (*self.words, "layout") if name in self.attributes}

    def verify(self) -> None:
        found, wanted = self.role("y"), _maps_type(self.attributes, self.role("x"), self.role("w"))
        if found.element is not wanted.element:
            raise ValueError(f"operands and result must have one element type, got {found} and {self.role('x')}")
        for d, (have, want) in enumerate(zip(found.shape, wanted.shape, strict=True)):
            same_dimension(have, want, f"dimension {d} of {found}, the feature maps of {self.role('x')}")

    def eval(self, context: Any, a: Any, b: Any) -> Sequence[Any]:
        return [np.asarray(context.round(self._compute(a, b), self.results[0].type.element))]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        # sums of k products, as of array.contract
        ea, eb = (np.broadcast_to(magnitude(e), np.shape(v)) for e, v in zip(errors, operands, strict=True))
        a, b = map(np.abs, operands)
        unit = context.unit(self.results[0].type.element)
        with np.errstate(all="ignore"):
            moved = self._compute(ea, b + eb) + self._compute(a, eb)
            return [known(moved + gamma(self._terms(context) + 1, unit) * self._compute(a + ea, b + eb))]

    def _compute(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The result for operands in the op's layout."""
        layout = layout_of(self.attributes)
        a, b = (canonical(v, layout) if r != "w" else v for v, r in zip((a, b), self.roles, strict=False))
        found = _FUNCTIONS[self.roles[2]](self.window, self.groups.value, a, b)
        return found if self.roles[2] == "w" else laid_out(found, layout)

    def _terms(self, context: Any) -> int:
        """The most products that are summed for one element."""
        o, c, k, m = self.role("w").shape
        if self.roles[2] == "w":
            batch, _, i, j = canonical(context.shape(self.role("y")), layout_of(self.attributes))
            return batch * i * j
        return (c if self.roles[2] == "y" else o // self.groups.value) * k * m  # type: ignore[return-value]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        # linear in each operand: with g in place of the result, the form's derivative by that operand
        given = dict(zip(self.roles, (*self.operands, only(gradients)), strict=True))
        found: list[Value | None] = []
        for role in self.roles[:2]:
            form = _OPS[role]
            operands = [given[r] for r in form.roles[:2]]
            found.append(builder.value(form, *operands, result_types=[given[role].type], **self.shared))
        return found


class Conv2d(Convolution):
    """Feature maps: each filter's sum of products with every window of the images (no flipping, as in PyTorch).

        %y = array.conv2d %x, %w stride [2, 2] padding [1, 1] : tensor<B x 3 x 8 x 8 x f32>, tensor<4x3x3x3xf32>

    Images are [batch, channels, rows, columns], or what ``layout`` says: ``{layout = "chwb"}`` has the samples
    innermost. Filters are [filters, channels / groups, rows, columns].
    """

    name = "array.conv2d"
    images = operand(FLOAT_TENSOR)
    filters = operand(FLOAT_TENSOR)
    maps = result(FLOAT_TENSOR)
    roles = "xwy"

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        images, filters = map(tensor, operand_types)
        return [_maps_type(attributes, images, filters)]


class Conv2dTranspose(Convolution):
    """Images: every feature map's value times its filter, added to the window where it stands.

        %x = array.conv2d_transpose %y, %w stride [2, 2]
            : tensor<B x 4 x 3 x 3 x f32>, tensor<4x3x2x2xf32> to tensor<B x 3 x 6 x 6 x f32>

    It is the gradient of ``array.conv2d`` by its images, and PyTorch's ConvTranspose2d. The size of the images does not
    follow from that of the maps where the stride is above 1, so the result's type is written.
    """

    name = "array.conv2d_transpose"
    maps = operand(FLOAT_TENSOR)
    filters = operand(FLOAT_TENSOR)
    images = result(FLOAT_TENSOR)
    roles = "ywx"


class Conv2dWeights(Convolution):
    """Filters: for each tap the sum of products of the feature maps with the cells that it sees.

        %w = array.conv2d_weights %x, %y
            : tensor<B x 3 x 8 x 8 x f32>, tensor<B x 4 x 6 x 6 x f32> to tensor<4x3x3x3xf32>

    It is the gradient of ``array.conv2d`` by its filters.
    """

    name = "array.conv2d_weights"
    images = operand(FLOAT_TENSOR)
    maps = operand(FLOAT_TENSOR)
    filters = result(FLOAT_TENSOR)
    roles = "xyw"


_OPS: dict[str, type[Convolution]] = {"x": Conv2dTranspose, "w": Conv2dWeights, "y": Conv2d}
_FUNCTIONS = {"x": convolve_transpose, "w": convolve_weights, "y": convolve}


def _window(attributes: Mapping[str, Attribute], images: TensorType, filters: TensorType) -> Window:
    _, _, *image = canonical(images.shape, layout_of(attributes))
    stride = pair_of(attributes, "stride", (1, 1), 1)
    padding = pair_of(attributes, "padding", (0, 0), 0)
    dilation = pair_of(attributes, "dilation", (1, 1), 1)
    return Window.of(tuple(image), filters.shape[2:], stride, padding, dilation)  # type: ignore[arg-type]


def _maps_type(attributes: Mapping[str, Attribute], images: TensorType, filters: TensorType) -> TensorType:
    """The type of feature maps. ValueError where images, filters and attributes do not fit."""
    layout = check_layout(attributes)
    batch, channels, _, _ = canonical(image_type(images, layout).shape, layout)
    given = attributes.get("groups")
    groups = given.value if isinstance(given, IntegerAttr) else 1
    if filters.rank != 4 or not all(isinstance(n, int) and n > 0 for n in filters.shape):
        raise ValueError(f"filters must be [filters, channels, rows, columns] of known sizes, not {filters}")
    if images.element is not filters.element:
        raise ValueError(f"images and filters must have one element type, got {images} and {filters}")
    count, depth = filters.shape[:2]
    if groups < 1 or channels % groups or count % groups:  # type: ignore[operator]
        raise ValueError(f"{channels} channels and {count} filters cannot be cut into {groups} groups")
    if depth * groups != channels:
        of_groups = f" in {groups} groups" if groups > 1 else ""
        raise ValueError(f"{channels} channels{of_groups} need filters of {channels // groups}, not {filters}")
    window = _window(attributes, images, filters)
    return TensorType(laid_out((batch, count, *window.counts), layout), images.element)
