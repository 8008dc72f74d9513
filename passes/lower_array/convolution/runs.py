"""Pixels in vectors: how the rows of a result are cut, so that few lanes are empty and loads are few beside sums.

A run is some whole rows of the result, one after the other: its pixels fill vectors, whose last one alone may have
empty lanes. Its vectors are cut into blocks, and a tile is a block of vectors for some channels. Where a vector goes on
from the end of a row to the next, it is made of two loads, as rows of planes are longer than those of the result.

Tiles of f channels and v vectors take f*v multiply-adds for each product, f loads of numbers, v of vectors and one more
for each row that begins in the tile. Vectors begin anywhere, so they lie in two lines of the cache and count twice:

    cycles = max(f*v, f + 2*loads) + 1

in units of one multiply-add of a vector. Registers hold the sums, the vectors and two more. Of the runs and tiles that
fit, those are taken that make the least of the whole result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from irc.dialects.array.windows import Pair

MOST = 8
"""Vectors of a run of several rows, at most: each block of them is code of its own."""


@dataclass(frozen=True)
class Run:
    """``rows`` rows, each of ``width`` pixels, in vectors of ``lanes``."""

    rows: int
    width: int
    lanes: int

    @property
    def pixels(self) -> int:
        """Pixels of the run."""
        return self.rows * self.width

    @property
    def vectors(self) -> int:
        """Vectors that hold them."""
        return -(-self.pixels // self.lanes)

    def rows_of(self, vectors: range) -> range:
        """The rows of which pixels are in some vectors."""
        last = min(vectors[-1] * self.lanes + self.lanes, self.pixels) - 1
        return range(vectors[0] * self.lanes // self.width, last // self.width + 1)

    def left(self, vectors: range) -> int:
        """The pixels of some vectors."""
        return min(len(vectors) * self.lanes, self.pixels - vectors[0] * self.lanes)

    def blocks(self, most: int, first: int = 0) -> list[range]:
        """The vectors from one on in blocks of about equal size, at most ``most``."""
        count = -(-(self.vectors - first) // most)
        ends = [first + (self.vectors - first) * n // max(1, count) for n in range(count + 1)]
        return [range(a, b) for a, b in zip(ends, ends[1:], strict=False)]

    def cycles(self, channels: int, most: int) -> int:
        """For each product of so many channels."""
        return sum(
            max(channels * len(block), channels + 2 * (len(block) + len(self.rows_of(block)) - 1)) + 1
            for block in self.blocks(most)
        )


@dataclass(frozen=True)
class Cut:
    """Runs of ``rows`` rows, and tiles of at most so many channels and vectors."""

    rows: int
    channels: int
    vectors: int


@cache
def cut(size: Pair, channels: int, lanes: int, registers: int) -> Cut:
    """How to cut a result of so many rows and columns, and channels."""

    def cycles(found: Cut) -> int:
        whole, left = divmod(size[0], found.rows)
        runs = whole * Run(found.rows, size[1], lanes).cycles(found.channels, found.vectors)
        if left:
            runs += Run(left, size[1], lanes).cycles(found.channels, found.vectors)
        return runs * -(-channels // found.channels)

    return min(_cuts(size, channels, lanes, registers), key=cycles)


def _cuts(size: Pair, channels: int, lanes: int, registers: int) -> Iterator[Cut]:
    for rows in range(1, size[0] + 1):
        vectors = Run(rows, size[1], lanes).vectors
        if rows > 1 and vectors > MOST:
            return
        for across in range(1, min(vectors, registers) + 1):
            most = (registers - 2) // across - 1
            for count in {-(-channels // n) for n in range(1, channels + 1)}:
                if count <= most:
                    yield Cut(rows, count, across)
