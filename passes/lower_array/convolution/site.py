"""What a convolution is, whichever of its three forms: buffers, sizes, and the places of elements in them."""

from __future__ import annotations

from irc.dialects import arith
from irc.dialects.array.conv2d import Convolution
from irc.dialects.array.images import layout_of
from irc.ir.dimensions import Dimension
from irc.ir.operation import Value
from irc.ir.types import ScalarType
from irc.passes.lower_array.lowering import Lowering, shape_of


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
        held = {role: lowering[value] for role, value in zip(op.roles, op.operands, strict=False)}
        held[self.result] = lowering.buffer(op.results[0])
        self.x, self.w, self.y = (held[role] for role in "xwy")
        count, depth = shape_of(self.w)[:2]
        assert isinstance(count, int) and isinstance(depth, int)
        self.filters, self.depth = count // self.groups, depth
        self.batch: Dimension = shape_of(self.x)[self.layout.index("b")]

    @property
    def element(self) -> ScalarType:
        """The type of the numbers."""
        element = self.x.type.element
        assert isinstance(element, ScalarType)
        return element

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
