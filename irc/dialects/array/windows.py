"""Windows that slide over an image: which cells of a grid each position of a convolution or a pooling sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Pair = tuple[int, int]
"""Something for rows, and for columns."""


@dataclass(frozen=True)
class Sliding:
    """A window along one dimension: tap k of position o is cell ``o * stride - padding + k * dilation``.

    Cells outside of the image are padding.
    """

    size: int
    kernel: int
    stride: int
    padding: int
    dilation: int

    @property
    def reach(self) -> int:
        """The cells from the first tap to the last one."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def count(self) -> int:
        """The number of positions; 0 where the window is larger than the image with its padding."""
        room = self.size + 2 * self.padding - self.reach
        return room // self.stride + 1 if room >= 0 else 0

    def cells(self) -> np.ndarray:
        """The cell of each position and tap (int64); negative, or not below ``size``, where it is padding."""
        position, tap = np.ogrid[: self.count, : self.kernel]
        return position * self.stride - self.padding + tap * self.dilation

    def inside(self, tap: int) -> tuple[int, int]:
        """The positions, first and end, at which a tap is no padding."""
        offset = tap * self.dilation - self.padding
        first = max(0, -(offset // self.stride))
        end = min(self.count, (self.size - 1 - offset) // self.stride + 1)
        return first, max(first, end)


class Window(NamedTuple):
    """A window over the rows and columns of an image."""

    rows: Sliding
    columns: Sliding

    @staticmethod
    def of(image: Pair, kernel: Pair, stride: Pair = (1, 1), padding: Pair = (0, 0), dilation: Pair = (1, 1)) -> Window:
        """The window over an image. ValueError where the kernel is larger than the image with its padding."""
        window = Window(*(Sliding(*of_axis) for of_axis in zip(image, kernel, stride, padding, dilation, strict=True)))
        if not all(axis.count for axis in window):
            reach, room = (_shown([f(axis) for axis in window]) for f in (_reach, _room))
            dilated = f", with its dilation {reach}," if dilation != (1, 1) else ""
            padded = f", with its padding {room}" if padding != (0, 0) else ""
            raise ValueError(f"a kernel of {_shown(kernel)}{dilated} is larger than its input, {_shown(image)}{padded}")
        return window

    @property
    def counts(self) -> Pair:
        """Rows and columns of positions."""
        return self.rows.count, self.columns.count

    @property
    def area(self) -> int:
        """The number of taps."""
        return self.rows.kernel * self.columns.kernel

    def taps(self) -> Iterator[tuple[Pair, tuple[slice, slice], tuple[slice, slice]]]:
        """Each tap, in row-major order, with the positions where it is no padding, and the cells it sees there."""
        for k in range(self.rows.kernel):
            for m in range(self.columns.kernel):
                spans = [(axis, tap, *axis.inside(tap)) for axis, tap in zip(self, (k, m), strict=True)]
                positions = tuple(slice(first, end) for _, _, first, end in spans)
                cells = tuple(_cells(*span) for span in spans)
                yield (k, m), positions, cells  # type: ignore[misc]


def _cells(axis: Sliding, tap: int, first: int, end: int) -> slice:
    if first == end:
        return slice(0, 0)
    begin = first * axis.stride - axis.padding + tap * axis.dilation
    return slice(begin, begin + (end - first - 1) * axis.stride + 1, axis.stride)


def _reach(axis: Sliding) -> int:
    return axis.reach


def _room(axis: Sliding) -> int:
    return axis.size + 2 * axis.padding


def _shown(pair: Pair | list[int]) -> str:
    return "x".join(map(str, pair))
