"""``#neuron.conv2d``: neurons that see a window of a grid each, and share their weights along it."""

from __future__ import annotations

from math import prod
from typing import ClassVar

import numpy as np

from irc.dialects.array.conv2d import convolve
from irc.dialects.array.windows import Pair, Sliding, Window
from irc.dialects.neuron import grid
from irc.dialects.neuron.edges import Edges
from irc.dialects.neuron.grid import Grid
from irc.ir.attributes import Form


class Conv2d(Edges):
    """A convolution, as PyTorch's ``Conv2d``, of a grid of channels x rows x columns.

        #neuron.conv2d<1x28x28, 20, 5x5>
        #neuron.conv2d<64x56x56, 128, 3x3, stride 2x2, padding 1x1, dilation 1x1, groups 1>

    The grid, the number of filters (channels of the result), the kernel; then what is not as usual (1x1, 0x0, 1x1, 1).
    Values are grids in row-major order. Weights are numbered as a tensor [filters, channels / groups, rows, columns],
    one number for many edges; there is one bias for each filter. Padding has no edges.
    """

    __slots__ = ("grid", "filters", "kernel", "stride", "padding", "dilation", "groups")
    name: ClassVar[str] = "neuron.conv2d"
    grid: Grid
    filters: int
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int

    @classmethod
    def normalise(cls, grid, filters, kernel, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
        Window.of(grid[1:], kernel, stride, padding, dilation)
        if grid[0] % groups or filters % groups:
            raise ValueError(f"{grid[0]} channels and {filters} filters cannot be cut into {groups} groups")
        return (tuple(grid), filters, tuple(kernel), tuple(stride), tuple(padding), tuple(dilation), groups)

    @property
    def window(self) -> Window:
        """The window over the grid."""
        return Window.of(self.grid[1:], self.kernel, self.stride, self.padding, self.dilation)

    @property
    def result_grid(self) -> Grid:
        """Filters, rows and columns of the result."""
        return (self.filters, *self.window.counts)

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:  # type: ignore[override]
        """The weights as a tensor."""
        return (self.filters, self.grid[0] // self.groups, *self.kernel)

    @property
    def inputs(self) -> int:  # type: ignore[override]
        """The number of inputs."""
        return prod(self.grid)

    @property
    def outputs(self) -> int:  # type: ignore[override]
        """The number of neurons."""
        return prod(self.result_grid)

    @property
    def bias_count(self) -> int:
        """One for each filter."""
        return self.filters

    @property
    def fan_in(self) -> int:  # type: ignore[override]
        """The number of edges into a neuron away from the padding."""
        return self.weight_count // self.filters

    def bias_numbers(self) -> np.ndarray:
        return np.repeat(np.arange(self.filters), self.outputs // self.filters)

    def edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows, columns = self.window
        (filters, depth, k, m), (_, height, width) = self.weight_shape, self.grid
        o, i, j, c, _, _ = np.ogrid[:filters, : rows.count, : columns.count, :depth, :k, :m]
        row = rows.cells()[None, :, None, None, :, None]
        column = columns.cells()[None, None, :, None, None, :]
        channel = o // (filters // self.groups) * depth + c
        source = (channel * height + row) * width + column
        target = (o * rows.count + i) * columns.count + j
        number = np.arange(self.weight_count).reshape(filters, 1, 1, depth, k, m)
        inside = _is_inside(rows, row) & _is_inside(columns, column)
        kept = np.broadcast_to(inside, source.shape)
        found = [np.broadcast_to(a, source.shape)[kept] for a in (source, target, number)]
        return found[0], found[1], found[2]

    def in_degrees(self) -> np.ndarray:
        rows, columns = (_is_inside(axis, axis.cells()).sum(1) for axis in self.window)
        degrees = self.weight_shape[1] * rows[:, None] * columns
        return np.broadcast_to(degrees, self.result_grid).reshape(-1)

    def aggregate(self, how: str, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        filters = weights.reshape(self.weight_shape)
        return convolve(self.window, self.groups, values.reshape(-1, *self.grid), filters).reshape(len(values), -1)

    def body(self, form: Form) -> str:
        options = grid.options_text(
            stride=(self.stride, (1, 1)),
            padding=(self.padding, (0, 0)),
            dilation=(self.dilation, (1, 1)),
            groups=(self.groups, 1),
        )
        return f"{grid.shown(self.grid)}, {self.filters}, {grid.shown(self.kernel)}{options}"

    @classmethod
    def parse_body(cls, body: str) -> Conv2d:
        form = (("channels x rows x columns", 3), ("filters", 1), ("kernel", 2))
        options = {"stride": (2, 1), "padding": (2, 0), "dilation": (2, 1), "groups": (1, 1)}
        *needed, stride, padding, dilation, groups = grid.parse(body, form, options)
        return cls(*needed, stride or (1, 1), padding or (0, 0), dilation or (1, 1), groups or 1)


def _is_inside(axis: Sliding, cells: np.ndarray) -> np.ndarray:
    return (cells >= 0) & (cells < axis.size)
