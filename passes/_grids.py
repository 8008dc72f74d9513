"""Layers on grids as whole arrays: a vector of a sample becomes images [batch, channels, rows, columns] and back."""

from __future__ import annotations

from irc.dialects import array
from irc.dialects.neuron import Conv2d, ConvTranspose2d, Pool2d
from irc.dialects.neuron.edges import Edges
from irc.dialects.neuron.grid import Grid
from irc.ir.builder import Builder
from irc.ir.operation import Value
from irc.ir.types import TensorType

GRIDS = (Conv2d, ConvTranspose2d, Pool2d)
"""The patterns of edges on grids."""


def grid_shape(edges: Edges, type: TensorType) -> TensorType:
    """The type of a layer's values as images, ``type`` as vectors; the same for what is no grid."""
    return as_images(type, edges.result_grid) if isinstance(edges, GRIDS) else type


def as_images(type: TensorType, grid: Grid) -> TensorType:
    """Images of a grid for as many samples as ``type`` has."""
    return TensorType([type.shape[0], *grid], type.element)


def aggregated(builder: Builder, edges: Edges, how: str, x: Value, weights: Value | None) -> Value:
    """Images of the aggregates of a layer on a grid, from the vectors that come in and the weights as a tensor."""
    assert isinstance(edges, GRIDS)
    images = builder.value(array.Reshape, x, result_types=[as_images(x.type, edges.grid)])  # type: ignore[arg-type]
    if isinstance(edges, Pool2d):
        return builder.value(array.Pool2d, images, kind=how, **_given(edges, edges.kernel))
    assert weights is not None
    shared = _given(edges, (1, 1))
    if edges.dilation != (1, 1):
        shared["dilation"] = list(edges.dilation)
    if edges.groups != 1:
        shared["groups"] = edges.groups
    if isinstance(edges, Conv2d):
        return builder.value(array.Conv2d, images, weights, **shared)
    result = as_images(x.type, edges.result_grid)  # type: ignore[arg-type]
    return builder.value(array.Conv2dTranspose, images, weights, result_types=[result], **shared)


def _given(edges: Conv2d | ConvTranspose2d | Pool2d, usual_stride: tuple[int, int]) -> dict:
    """The attributes of the window that are not as usual."""
    found: dict = {"kernel": list(edges.kernel)} if isinstance(edges, Pool2d) else {}
    if edges.stride != usual_stride:
        found["stride"] = list(edges.stride)
    if edges.padding != (0, 0):
        found["padding"] = list(edges.padding)
    return found
