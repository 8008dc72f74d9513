"""``#neuron.pool2d``: neurons that see a window of one channel of a grid each, without weights."""

from __future__ import annotations

from math import prod
from typing import ClassVar

import numpy as np

from irc.dialects.array.pool2d import largest, mean, pool_window
from irc.dialects.array.windows import Pair, Window
from irc.dialects.neuron import grid
from irc.dialects.neuron.conv2d import Conv2d
from irc.dialects.neuron.edges import Edges
from irc.dialects.neuron.grid import Grid
from irc.ir.attributes import Form


class Pool2d(Edges):
    """A pooling, as PyTorch's ``MaxPool2d`` and ``AvgPool2d``, of a grid of channels x rows x columns.

        #neuron.pool2d<20x24x24, 2x2>
        #neuron.pool2d<20x24x24, 3x3, stride 2x2, padding 1x1>

    The grid, the kernel; then the stride, if it is not the kernel, and the padding, if it is not 0x0. The neurons take
    the ``max`` or the ``mean`` of what they see. Padding has no edges, but a mean counts it as zeros.
    """

    __slots__ = ("grid", "kernel", "stride", "padding")
    name: ClassVar[str] = "neuron.pool2d"
    weight_shape: ClassVar[tuple[int]] = (0,)  # type: ignore[misc]
    aggregations: ClassVar[tuple[str, ...]] = ("max", "mean")
    grid: Grid
    kernel: Pair
    stride: Pair
    padding: Pair

    @classmethod
    def normalise(cls, grid, kernel, stride=None, padding=(0, 0)):
        stride = kernel if stride is None else stride
        pool_window(grid[1:], kernel, stride, padding)
        return (tuple(grid), tuple(kernel), tuple(stride), tuple(padding))

    @property
    def window(self) -> Window:
        """The window over the grid."""
        return pool_window(self.grid[1:], self.kernel, self.stride, self.padding)

    @property
    def result_grid(self) -> Grid:
        """Channels, rows and columns of the result."""
        return (self.grid[0], *self.window.counts)

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
        """There are none."""
        return 0

    @property
    def fan_in(self) -> int:  # type: ignore[override]
        """The number of edges into a neuron away from the padding."""
        return self.window.area

    def bias_numbers(self) -> np.ndarray:
        return np.zeros(0, np.int64)

    def edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        source, target, _ = self._as_convolution.edges()
        return source, target, np.full(len(source), -1)

    def in_degrees(self) -> np.ndarray:
        return self._as_convolution.in_degrees()

    @property
    def _as_convolution(self) -> Conv2d:
        """A convolution of each channel by itself, which has the same edges."""
        channels = self.grid[0]
        return Conv2d(self.grid, channels, self.kernel, self.stride, self.padding, (1, 1), channels)

    def aggregate(self, how: str, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        images = values.reshape(-1, *self.grid)
        found = largest(self.window, images)[0] if how == "max" else mean(self.window, images)
        return found.reshape(len(values), -1)

    def body(self, form: Form) -> str:
        options = grid.options_text(stride=(self.stride, self.kernel), padding=(self.padding, (0, 0)))
        return f"{grid.shown(self.grid)}, {grid.shown(self.kernel)}{options}"

    @classmethod
    def parse_body(cls, body: str) -> Pool2d:
        form = (("channels x rows x columns", 3), ("kernel", 2))
        given, kernel, stride, padding = grid.parse(body, form, {"stride": (2, 1), "padding": (2, 0)})
        return cls(given, kernel, stride, padding or (0, 0))
