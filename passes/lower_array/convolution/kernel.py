"""What the kernels of convolutions share: loops in blocks, and tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from irc.dialects.loop import LoadTile, StoreTile
from irc.ir.operation import Value
from irc.ir.types import ScalarType, VectorType
from irc.passes.lower_array.convolution.site import Site
from irc.passes.lower_array.epilogue import Epilogue
from irc.passes.lower_array.tiler import At, Tiler

ROWS = 16
"""Rows of a tile of sums, at most, a vector each. More are no faster: each row reads its weights from another line."""

Sums = list[Value]


class Kernel(Tiler):
    """Loops that compute one convolution, whose result's dimensions have the letters of its layout. ``epilogue``: what
    is done with finished tiles of it, other than to store them."""

    row = "c"
    column = "b"

    def __init__(self, site: Site, epilogue: Epilogue | None = None):
        self.site, self.low, self.lowering, self.epilogue = site, site.lowering, site.lowering, epilogue
        self.letters = site.layout
        self.most = min(ROWS, self.low.target.registers - 4)

    @property
    def element(self) -> ScalarType:
        """The type of the numbers."""
        return self.site.element

    def build(self) -> None:
        """Write the loops."""
        raise NotImplementedError

    def blocks(self, count: int, most: int, body: Callable[[Value, int], None], counter: str) -> None:
        """``body(first, number)`` for all numbers below ``count``, in blocks of about equal size, at most ``most``."""
        size = -(-count // -(-count // most))
        whole = count // size * size
        self.steps(0, whole, size, counter, lambda first: body(first, size))
        if whole < count:
            body(self.low.index(whole), count - whole)

    def load(self, buffer: Value, at: Sequence[Value], shape: tuple[int, int], mask: Value | None = None, **along: int):
        """A tile. ``along``: the dimensions that rows (``down``) and columns (``across``) run along."""
        if shape[0] == 1:
            along.pop("down", None)
        type = VectorType(shape, self.site.element)
        return self.low.make(LoadTile, buffer, at, [mask] if mask is not None else [], result_types=[type], **along)

    def finish(self, sums: Value, at: At, mask: Value | None, target: Value | None) -> None:
        """Store a finished tile to ``target``, or leave it to the epilogue. ``at``: the position of each letter."""
        if self.epilogue is not None:
            self.epilogue.apply(self, sums, at, mask)
            return
        assert target is not None
        down = {"down": self.letters.index(self.row)} if sums.type.shape[0] > 1 else {}  # type: ignore[attr-defined]
        across = self.letters.index(self.column)
        masks = [mask] if mask is not None else []
        place = [at[letter] for letter in self.letters]
        self.low.builder.create(StoreTile, sums, target, place, masks, across=across, **down)
