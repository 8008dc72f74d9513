"""Convolutions of grids [channels, rows, columns], and transposed ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from irc.dialects.neuron import Conv2d, ConvTranspose2d
from irc.ir.operation import Value as IrValue
from irc.layers import arguments
from irc.layers.function import KAIMING, ZERO, Weight, initial
from irc.layers.grid import Grid, Patterned, leading_shape
from irc.layers.neuron_form import NetWriter
from irc.layers.value import Applied, Spec


class _Convolution(Patterned):
    """What both have: filters that slide over a grid, with one bias for each channel of the result."""

    spellings: ClassVar = {"filters": "out_channels", "kernel": "kernel_size", "strides": "stride"}
    has_edges = True

    def __init__(
        self,
        *sizes: Any,
        in_shape: Any = None,
        in_channels: int | None = None,
        out_channels: int | None = None,
        kernel_size: Any = None,
        padding: Any = None,
        stride: Any = None,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        init: Any = None,
        name: str | None = None,
    ):
        in_shape, given = leading_shape(self.kind, sizes, in_shape)
        if given and out_channels is None:
            out_channels, *given = given
        if len(given) == 2 and all(isinstance(one, int) for one in given) and kernel_size is None:
            kernel_size, given = tuple(given), []  # rows and columns of the kernel
        if given and kernel_size is None:
            kernel_size, *given = given
        for number, one in enumerate(given):
            if number > 1 or not isinstance(one, (tuple, list)) or (padding, stride)[number] is not None:
                takes = "(out_channels, kernel) or (out_channels, rows, columns), and the rest by name"
                arguments.refuse(self.kind, f"{takes}: padding=, stride=, dilation=, groups=")
        padding, stride = [*given, *(padding, stride)[len(given) :]]
        if out_channels is None or kernel_size is None:
            arguments.refuse(self.kind, f"channels and a kernel, such as {self.kind}(20, 5) or {self.kind}(20, (5, 3))")
        self.in_shape = in_shape
        self.in_channels = None if in_channels is None else self._size(in_channels, "in_channels")
        self.out_channels = self._size(out_channels, "out_channels")
        self.kernel = self._pair(kernel_size, "the kernel")
        self.padding = self._pair(0 if padding is None else padding, "padding", 0)
        self.stride = self._pair(1 if stride is None else stride, "stride")
        self.dilation = self._pair(dilation, "dilation")
        self.groups = self._size(groups, "groups")
        self.bias = arguments.switch(bias, f"bias of {self.kind}")
        self.init = initial(init, KAIMING)
        self.name = arguments.name(name, self.kind)

    def weights(self, *inputs: Spec) -> Sequence[Weight]:
        weight = Weight("weight", self.pattern(inputs[0]).weight_shape, self.init)
        return [weight, Weight("bias", (self.out_channels,), ZERO)] if self.bias else [weight]

    def neuron(self, writer: NetWriter, applied: Applied) -> Sequence[IrValue]:
        pattern = self.pattern(applied.operands[0].known)
        bias = writer.parameters(self, "bias") if self.bias else None
        return [writer.layer(applied, pattern, writer.parameters(self, "weight"), bias)]


class Conv2D(_Convolution):
    """``Conv2D(out_channels, kernel)``: PyTorch's ``Conv2d``, with channels that follow from what comes in.

    The kernel is a size, a pair (rows, columns), or two sizes: ``Conv2D(20, 5, 5)``. ``padding``, ``stride`` and
    ``dilation`` are sizes or pairs too. The shape of the input may stand first: ``Conv2D([1, 28, 28], 20, (5, 5))``;
    then ``padding`` and ``stride`` may follow by position, in this order. Parameters: ``weight`` [out_channels,
    in_channels / groups, rows, columns], which starts by ``init``, and ``bias`` [out_channels], zero.
    """

    kind = "Conv2D"

    def make(self, grid: Grid) -> Conv2d:
        return Conv2d(grid, self.out_channels, self.kernel, self.stride, self.padding, self.dilation, self.groups)


class ConvTranspose2D(_Convolution):
    """``ConvTranspose2D(out_channels, kernel)``: PyTorch's ``ConvTranspose2d``, the convolution's edges the other way.

    Arguments are as of :class:`Conv2D`; ``output_padding`` adds rows and columns at one side. Parameters: ``weight``
    [in_channels, out_channels / groups, rows, columns] and ``bias`` [out_channels].
    """

    kind = "ConvTranspose2D"

    def __init__(
        self,
        *sizes: Any,
        in_shape: Any = None,
        in_channels: int | None = None,
        out_channels: int | None = None,
        kernel_size: Any = None,
        padding: Any = None,
        stride: Any = None,
        output_padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        init: Any = None,
        name: str | None = None,
    ):
        super().__init__(
            *sizes,
            in_shape=in_shape,
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_size=kernel_size,
            padding=padding,
            stride=stride,
            dilation=dilation,
            groups=groups,
            bias=bias,
            init=init,
            name=name,
        )
        self.output_padding = self._pair(output_padding, "output_padding", 0)

    def make(self, grid: Grid) -> ConvTranspose2d:
        return ConvTranspose2d(
            grid,
            self.out_channels,
            self.kernel,
            self.stride,
            self.padding,
            self.output_padding,
            self.dilation,
            self.groups,
        )
