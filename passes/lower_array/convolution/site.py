"""What a convolution is, whichever of its three forms: buffers, sizes, and the places of elements in them."""

from __future__ import annotations

from functools import cached_property

from irc.dialects import arith
from irc.dialects.array.conv2d import Convolution
from irc.dialects.array.images import layout_of
from irc.ir.dimensions import Dimension
from irc.ir.operation import Value
from irc.ir.types import ScalarType
from irc.passes.lower_array.lowering import Lowering


class Site:
    """Images ``x``, filters ``w`` and feature maps ``y``, one of which, ``result``, is to be computed.

    ``filters`` and ``depth``: filters and channels of one group.
    """

    def __init__(self, lowering: Lowering, op: Convolution):
        self.lowering = lowering
        self.result = op.roles[2]
        self.window = op.window
        self.groups: int = op.groups.value
        self.layout = layout_of(op.attributes)
        self._op = op
        count, depth = op.role("w").shape[:2]
        assert isinstance(count, int) and isinstance(depth, int)
        self.filters, self.depth = count // self.groups, depth
        self.batch: Dimension = op.role("x").shape[self.layout.index("b")]
        self.element: ScalarType = op.role("x").scalar

    @cached_property
    def x(self) -> Value:
        """The images."""
        return self._buffer("x")

    @cached_property
    def w(self) -> Value:
        """The filters."""
        return self._buffer("w")

    @cached_property
    def y(self) -> Value:
        """The feature maps."""
        return self._buffer("y")

    @cached_property
    def out(self) -> Value:
        """The result, whose memory stands where it is first asked for: a group may want something else of it."""
        return self.lowering.buffer(self._op.results[0])

    def _buffer(self, role: str) -> Value:
        return self.out if role == self.result else self.lowering[self._op.operands[self._op.roles.index(role)]]

    def place(self, sample: Value, channel: Value, row: Value, column: Value) -> list[Value]:
        """The indices of an element of images or feature maps."""
        at = {"b": sample, "c": channel, "h": row, "w": column}
        return [at[letter] for letter in self.layout]

    def dimension(self, letter: str) -> int:
        """The dimension of images and feature maps that is the batch, the channels, rows or columns."""
        return self.layout.index(letter)

    def in_group(self, group: Value, size: int, number: Value) -> Value:
        """A channel or filter of a group (which has ``size`` of them) among all."""
        low = self.lowering
        if self.groups == 1:
            return number
        return low.add(low.multiply(group, low.index(size)), number)

    def group_of(self, number: Value, size: int) -> Value:
        """The group of a channel or filter."""
        low = self.lowering
        return low.index(0) if self.groups == 1 else low.make(arith.DivSI, number, low.index(size))
