"""Pooling of grids [channels, rows, columns]: the largest or the mean value in each window, channel by channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from irc.dialects.neuron import Pool2d
from irc.ir.operation import Value as IrValue
from irc.layers import arguments
from irc.layers.grid import Grid, Patterned, leading_shape
from irc.layers.neuron_form import NetWriter
from irc.layers.value import Applied, Misfit, Spec


class _Pooling(Patterned):
    """What all have: how the neurons of the pattern join what they see."""

    spellings: ClassVar = {"kernel": "kernel_size", "poolsize": "kernel_size", "strides": "stride"}
    aggregation: ClassVar[str]

    def neuron(self, writer: NetWriter, applied: Applied) -> Sequence[IrValue]:
        pattern = self.pattern(applied.operands[0].known)
        return [writer.layer(applied, pattern, aggregation=self.aggregation)]


class _Window(_Pooling):
    def __init__(
        self,
        *sizes: Any,
        in_shape: Any = None,
        kernel_size: Any = None,
        padding: Any = None,
        stride: Any = None,
        name: str | None = None,
    ):
        in_shape, given = leading_shape(self.kind, sizes, in_shape)
        if given and kernel_size is None:
            kernel_size, *given = given
        if len(given) == 2 and padding is None and stride is None:
            padding, stride = given
        elif given or kernel_size is None:
            takes = "(kernel), or (kernel, padding, stride), and by name padding= and stride="
            arguments.refuse(self.kind, takes)
        self.in_shape = in_shape
        self.kernel = self._pair(kernel_size, "the kernel")
        self.padding = self._pair(0 if padding is None else padding, "padding", 0)
        self.stride = self.kernel if stride is None else self._pair(stride, "stride")
        self.name = arguments.name(name, self.kind)

    def make(self, grid: Grid) -> Pool2d:
        return Pool2d(grid, self.kernel, self.stride, self.padding)


class MaxPool2D(_Window):
    """``MaxPool2D(kernel)``: the largest value in each window; padding does not count.

    The kernel is a size or a pair (rows, columns), and so are ``padding`` and ``stride``, which is the kernel if it is
    not given. By position: ``MaxPool2D(kernel, padding, stride)``. The shape of the input may stand first.
    """

    kind = "MaxPool2D"
    aggregation = "max"


class AvgPool2D(_Window):
    """``AvgPool2D(kernel)``: the mean of each window; padding counts as zeros. Arguments as of :class:`MaxPool2D`."""

    kind = "AvgPool2D"
    aggregation = "mean"


class _Global(_Pooling):
    def __init__(self, in_shape: Any = None, name: str | None = None):
        self.in_shape = None if in_shape is None else arguments.shape(in_shape, f"in_shape of {self.kind}")
        self.name = arguments.name(name, self.kind)

    def make(self, grid: Grid) -> Pool2d:
        return Pool2d(grid, grid[1:])

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        (given,) = inputs
        if 0 in given.shape:
            raise Misfit(f"takes grids that are not empty, but {given} came in")
        return [given.with_shape(self.pattern(given).result_grid[:1])]


class GlobalMaxPool2D(_Global):
    """``GlobalMaxPool2D()``: the largest value of each channel, [channels]."""

    kind = "GlobalMaxPool2D"
    aggregation = "max"


class GlobalAvgPool2D(_Global):
    """``GlobalAvgPool2D()``: the mean of each channel, [channels]."""

    kind = "GlobalAvgPool2D"
    aggregation = "mean"
