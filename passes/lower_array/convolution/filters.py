"""Filters from images and feature maps, sample by sample: each lane of a vector is a filter, cells are the same for all
lanes.

    weights = 0                                              (by channel, tap and filter)
    for samples, strips of rows of the feature maps
      copy the strip, transposed, so that the filters of a pixel lie side by side
      for vectors of filters, taps, blocks of channels
        for pixels of the strip      weights += column of cells * vectors of filters
    result = weights, transposed

The sums of a tile stay in registers while pixels run. A strip stays in the second-level cache while taps and channels
do. Images are read as they are: a tap's pixels are those for which it is no padding. Of a few channels without padding,
the rows of a tile are the taps of a row of the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from irc.dialects import arith
from irc.dialects.loop import BufferType, Outer, Span, StoreTile, Transpose
from irc.ir.dimensions import Dimension
from irc.ir.operation import Value
from irc.passes.lower_array.convolution.kernel import Kernel, Sums
from irc.passes.lower_array.convolution.site import Site
from irc.passes.lower_array.epilogue import Epilogue
from irc.passes.lower_array.lowering import shape_of
from irc.passes.lower_array.windows import cell, positions_of

STRIP = 2**17
"""Bytes of a strip of feature maps, at most, if it has more than one row."""
SQUARE = 8
"""Rows of the tiles that are transposed, at most."""
FEW = 4
"""Channels of which a tile is too small."""


class Filters(Kernel):
    """One gradient by the filters."""

    def __init__(self, site: Site, epilogue: Epilogue | None = None):
        super().__init__(site, epilogue)
        self.padded = -(-site.filters // self.lanes) * self.lanes
        rows, columns = site.window
        width = columns.count * site.groups * self.padded * self.element.bytes
        self.strip = max(n for n in range(1, rows.count + 1) if rows.count % n == 0 and (n == 1 or n * width <= STRIP))
        self.taps = site.depth < FEW and columns.padding == 0 and columns.dilation == 1 and columns.kernel > 1
        beside = columns.kernel if self.taps else site.depth
        self.most_rows, self.most_vectors = _tile(beside, self.padded // self.lanes, self.low.target.registers - 2)

    def build(self) -> None:
        """All of it."""
        site, low, (rows, columns) = self.site, self.low, self.site.window
        kernel = [site.depth, rows.kernel, columns.kernel]
        weights = low.alloc(BufferType([site.groups, *kernel, self.padded], self.element))
        low.clear(weights)
        batch, filters = shape_of(site.y)[:2]
        pixels = rows.count * columns.count
        maps = self._seen(site.y, [batch, filters, pixels])

        def sample(b: Value) -> None:
            def strip(i: Value) -> None:
                size = self.strip * columns.count
                turned = low.alloc(BufferType([size, site.groups, self.padded], self.element))
                if self.padded != site.filters:
                    low.clear(turned)

                def group(g: Value) -> None:
                    first = low.multiply(i, low.index(columns.count))
                    source = [b, site.in_group(g, site.filters, low.index(0)), first]
                    self._transpose(maps, source, turned, [low.index(0), g, low.index(0)], (site.filters, size), 0)

                self.steps(0, site.groups, 1, "g", group)
                self._add(weights, turned, b, i)

            self.steps(0, rows.count, self.strip, "i", strip, parallel=False)

        self.steps(0, site.batch, 1, "b", sample, parallel=False)
        every = site.depth * site.window.area
        source = self._seen(weights, [site.groups, every, self.padded])
        target = self._seen(site.w, [site.groups, site.filters, every])

        def group(g: Value) -> None:
            place = [g, low.index(0), low.index(0)]
            self._transpose(source, place, target, place, (every, site.filters), 1)

        self.steps(0, site.groups, 1, "g", group)

    def _seen(self, buffer: Value, shape: Sequence[Dimension]) -> Value:
        """A buffer in another shape."""
        type = BufferType(list(shape), self.element)
        return self.low.make(Span, buffer, self.low.index(0), result_types=[type])

    def _add(self, weights: Value, turned: Value, b: Value, strip: Value) -> None:
        """Add what the strip of a sample that begins at a row gives to all weights."""
        site, low, (rows, columns) = self.site, self.low, self.site.window

        def group(g: Value) -> None:
            def filters(first: Value, vectors: int) -> None:
                o = low.multiply(first, low.index(self.lanes))

                def row(k: Value) -> None:
                    def add(c: Value, m: Value, count: int) -> None:
                        self._tile(weights, turned, (b, g, strip), [g, c, k, m, o], (count, vectors * self.lanes))

                    def channel(c: Value) -> None:
                        self.blocks(columns.kernel, self.most_rows, lambda m, count: add(c, m, count), "m")

                    def tap(m: Value) -> None:
                        self.blocks(site.depth, self.most_rows, lambda c, count: add(c, m, count), "c")

                    if self.taps:
                        self.steps(0, site.depth, 1, "c", channel)
                    else:
                        self.steps(0, columns.kernel, 1, "m", tap)

                self.steps(0, rows.kernel, 1, "k", row)

            self.blocks(self.padded // self.lanes, self.most_vectors, filters, "o")

        self.steps(0, site.groups, 1, "g", group)

    def _tile(
        self,
        weights: Value,
        turned: Value,
        of: tuple[Value, Value, Value],
        place: list[Value],
        shape: tuple[int, int],
    ) -> None:
        """Add to the weights at a place; ``of``: the sample, group and strip that is in ``turned``."""
        site, low, (rows, columns) = self.site, self.low, self.site.window
        (b, g, strip), (_, c, k, m, o) = of, place
        channel, count = site.in_group(g, site.depth, c), shape[0]
        down, across = positions_of(low, rows, k), positions_of(low, columns, m)
        first, end = down.lower, down.upper
        if self.strip < rows.count:
            first = low.make(arith.MaxSI, first, strip)
            end = low.make(arith.MinSI, end, low.offset(strip, self.strip))

        def row(i: Value, of_row: Sums) -> Sequence[Value]:
            h, pixel = cell(low, rows, i, k), low.multiply(low.subtract(i, strip), low.index(columns.count))

            def column(j: Value, total: Sums) -> Sequence[Value]:
                at = [b, channel, h, cell(low, columns, j, m)]
                cells = self.load(site.x, at, (count, 1), down=3 if self.taps else 1)
                maps = self.load(turned, [low.add(pixel, j), g, o], (1, shape[1]), across=2)
                return [low.make(Outer, cells, maps, total[0])]

            return low.loop(across.upper, column, of_row, lower=across.lower, counter="j")

        along = {"across": 4} | ({"down": 3 if self.taps else 1} if count > 1 else {})
        start = self.load(weights, place, shape, None, **along)
        (total,) = low.loop(end, row, [start], lower=first, counter="i")
        low.builder.create(StoreTile, total, weights, place, [], **along)

    def _transpose(
        self, source: Value, at: list[Value], to: Value, place: list[Value], size: tuple[int, int], down: int
    ) -> None:
        """Copy so many rows (dimension 1) and columns (dimension 2) of a buffer to another, where rows run along
        dimension 2, and columns along ``down``."""
        low, square = self.low, min(self.lanes, SQUARE)
        whole = [n // square * square for n in size]

        def moved(base: list[Value], by: dict[int, Value]) -> list[Value]:
            return [low.add(p, by[d]) if d in by else p for d, p in enumerate(base)]

        def rows(r: Value) -> None:
            def columns(c: Value) -> None:
                tile = self.load(source, moved(at, {1: r, 2: c}), (square, square), down=1, across=2)
                there = moved(place, {2: r, down: c})
                low.builder.create(StoreTile, low.make(Transpose, tile), to, there, [], down=down, across=2)

            self.steps(0, whole[1], square, "c", columns)

        def singles(lower: tuple[int, int], upper: tuple[int, int]) -> None:
            def row(r: Value) -> None:
                def column(c: Value) -> None:
                    low.store(low.load(source, moved(at, {1: r, 2: c})), to, moved(place, {2: r, down: c}))

                self.steps(lower[1], upper[1], 1, "c", column)

            if lower[1] < upper[1]:
                self.steps(lower[0], upper[0], 1, "r", row)

        self.steps(0, whole[0], square, "r", rows)
        singles((whole[0], 0), (size[0], whole[1]))
        singles((0, whole[1]), size)


@cache
def _tile(rows: int, vectors: int, registers: int) -> tuple[int, int]:
    """How many rows and vectors a tile has at most, of so many in all: those that take the least, if a turn takes a
    multiply-add for each row and vector, but not less than four, and one more."""

    def cycles(tile: tuple[int, int]) -> int:
        r, v = (-(-n // -(-n // most)) for n, most in zip((rows, vectors), tile, strict=True))
        return -(-rows // r) * -(-vectors // v) * (max(r * v, r + v, 4) + 1)

    fitting = [(r, v) for v in range(1, vectors + 1) for r in range(1, rows + 1) if (r + 1) * v < registers]
    return min(fitting or [(1, 1)], key=cycles)
