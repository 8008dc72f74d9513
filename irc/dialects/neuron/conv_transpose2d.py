"""``#neuron.conv_transpose2d``: the edges of a convolution, the other way round."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from irc.dialects.array.conv2d import convolve_transpose
from irc.dialects.array.windows import Pair
from irc.dialects.neuron import grid
from irc.dialects.neuron.conv2d import Conv2d
from irc.dialects.neuron.edges import Edges
from irc.dialects.neuron.grid import Grid
from irc.ir.attributes import Form


class ConvTranspose2d(Edges):
    """A transposed convolution, as PyTorch's ``ConvTranspose2d``, of a grid of channels x rows x columns.

        #neuron.conv_transpose2d<16x7x7, 8, 3x3, stride 2x2, padding 1x1, output_padding 1x1, dilation 1x1, groups 1>

    The grid, the channels of the result, the kernel; then what is not as usual (1x1, 0x0, 0x0, 1x1, 1). Its edges are
    those of the convolution ``mirror`` from the result's grid to this one. Weights are numbered as a tensor [channels,
    channels of the result / groups, rows, columns]; there is one bias for each channel of the result.
    """

    __slots__ = ("grid", "channels", "kernel", "stride", "padding", "output_padding", "dilation", "groups")
    name: ClassVar[str] = "neuron.conv_transpose2d"
    grid: Grid
    channels: int
    kernel: Pair
    stride: Pair
    padding: Pair
    output_padding: Pair
    dilation: Pair
    groups: int

    @classmethod
    def normalise(
        cls, grid, channels, kernel, stride=(1, 1), padding=(0, 0), output_padding=(0, 0), dilation=(1, 1), groups=1
    ):
        for extra, step in zip(output_padding, stride, strict=True):
            if extra >= step:  # the convolution from so large a grid would give a larger one than this
                raise ValueError(f"output_padding {extra} must be smaller than the stride {step}")
        pairs = (kernel, stride, padding, output_padding, dilation)
        fields = (tuple(grid), channels, *map(tuple, pairs), groups)
        _mirror(*fields)
        return fields

    @property
    def mirror(self) -> Conv2d:
        """The convolution whose edges these are, the other way round."""
        return _mirror(*self.fields())

    @property
    def result_grid(self) -> Grid:
        """Channels, rows and columns of the result."""
        return self.mirror.grid

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:  # type: ignore[override]
        """The weights as a tensor."""
        return self.mirror.weight_shape

    @property
    def inputs(self) -> int:  # type: ignore[override]
        """The number of inputs."""
        return self.mirror.outputs

    @property
    def outputs(self) -> int:  # type: ignore[override]
        """The number of neurons."""
        return self.mirror.inputs

    @property
    def bias_count(self) -> int:
        """One for each channel of the result."""
        return self.channels

    @property
    def fan_in(self) -> int:  # type: ignore[override]
        """The number of weights of a channel of the result; with a stride of 1 a neuron may have them all."""
        return self.weight_count // self.channels

    def bias_numbers(self) -> np.ndarray:
        return np.repeat(np.arange(self.channels), self.outputs // self.channels)

    def edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        target, source, number = self.mirror.edges()
        order = np.lexsort((source, target))
        return source[order], target[order], number[order]

    def in_degrees(self) -> np.ndarray:
        return np.bincount(self.mirror.edges()[0], minlength=self.outputs)

    def aggregate(self, how: str, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        maps, filters = values.reshape(-1, *self.grid), weights.reshape(self.weight_shape)
        return convolve_transpose(self.mirror.window, self.groups, maps, filters).reshape(len(values), -1)

    def body(self, form: Form) -> str:
        options = grid.options_text(
            stride=(self.stride, (1, 1)),
            padding=(self.padding, (0, 0)),
            output_padding=(self.output_padding, (0, 0)),
            dilation=(self.dilation, (1, 1)),
            groups=(self.groups, 1),
        )
        return f"{grid.shown(self.grid)}, {self.channels}, {grid.shown(self.kernel)}{options}"

    @classmethod
    def parse_body(cls, body: str) -> ConvTranspose2d:
        form = (("channels x rows x columns", 3), ("channels of the result", 1), ("kernel", 2))
        options = {
            "stride": (2, 1),
            "padding": (2, 0),
            "output_padding": (2, 0),
            "dilation": (2, 1),
            "groups": (1, 1),
        }
        *needed, stride, padding, extra, dilation, groups = grid.parse(body, form, options)
        return cls(*needed, stride or (1, 1), padding or (0, 0), extra or (0, 0), dilation or (1, 1), groups or 1)


def _mirror(
    given: Grid, channels: int, kernel: Pair, stride: Pair, padding: Pair, extra: Pair, dilation: Pair, groups: int
) -> Conv2d:
    """The convolution from the result's grid. ValueError where the result would be empty."""
    sizes = [
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, k, s, p, e, d in zip(given[1:], kernel, stride, padding, extra, dilation, strict=True)
    ]
    if min(sizes) < 1:
        raise ValueError(f"nothing is left of the result within a padding of {grid.shown(padding)}")
    mirror = Conv2d((channels, *sizes), given[0], kernel, stride, padding, dilation, groups)
    assert mirror.result_grid == given
    return mirror
