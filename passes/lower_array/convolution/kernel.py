"""What the kernels of convolutions share: loops in blocks, and tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from irc.dialects.loop import LoadTile
from irc.ir.operation import Value
from irc.ir.types import VectorType
from irc.passes.lower_array.convolution.site import Site

ROWS = 16
"""Rows of a tile of sums, at most, a vector each. More are no faster: each row reads its weights from another line."""

Sums = list[Value]


class Kernel:
    """Loops that compute one convolution."""

    def __init__(self, site: Site):
        self.site, self.low = site, site.lowering
        self.lanes = self.low.target.lanes(site.element)
        self.rows = min(ROWS, self.low.target.registers - 4)

    def each(self, count: int, body: Callable[[Value], None], counter: str, step: int = 1, lower: int = 0) -> None:
        """``body`` for all numbers below ``count``, in any order."""
        low = self.low
        if lower < count <= lower + step:
            body(low.index(lower))
            return

        def turn(n: Value, _: Sums) -> Sequence[Value]:
            body(n)
            return []

        low.loop(low.index(count), turn, lower=low.index(lower), step=low.index(step), parallel=True, counter=counter)

    def blocks(self, count: int, most: int, body: Callable[[Value, int], None], counter: str) -> None:
        """``body(first, number)`` for all numbers below ``count``, in blocks of about equal size, at most ``most``."""
        size = -(-count // -(-count // most))
        whole = count // size * size
        self.each(whole, lambda first: body(first, size), counter, size)
        if whole < count:
            body(self.low.index(whole), count - whole)

    def load(self, buffer: Value, at: Sequence[Value], shape: tuple[int, int], mask: Value | None = None, **along: int):
        """A tile. ``along``: the dimensions that rows (``down``) and columns (``across``) run along."""
        if shape[0] == 1:
            along.pop("down", None)
        type = VectorType(shape, self.site.element)
        return self.low.make(LoadTile, buffer, at, [mask] if mask is not None else [], result_types=[type], **along)

    def zeros(self, rows: int, columns: int) -> Value:
        """A tile of zeros."""
        return self.low.constant(0, VectorType((rows, columns), self.site.element))
