"""Convolutions with the samples innermost: each lane of a vector is a sample, weights are the same for all lanes.

    for vectors of samples
      copy what they are of the operands to where cells lie side by side
      for blocks of filters, rows, columns                         (of images and feature maps)
        sums = 0                                                   (for each filter of the block a vector)
        for channels, taps           sums += column of weights * vector of cells
        result = sums
      for blocks of filters, blocks of channels, taps              (of weights)
        sums = 0                                                   (for each weight of the block a vector)
        for positions                sums += vector of cells * vectors of feature maps
        result += the sum of each vector

Sums stay in registers. The copy is small beside the products; without it, cells would lie one batch apart, in but a few
lines of the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from irc.dialects.array.windows import Sliding
from irc.dialects.loop import BufferType, Outer, Reduce, StoreTile
from irc.dialects.math import Fma
from irc.ir.dimensions import Dimension
from irc.ir.operation import Value
from irc.passes.lower_array.convolution.kernel import Kernel, Sums
from irc.passes.lower_array.convolution.site import Site
from irc.passes.lower_array.epilogue import Epilogue
from irc.passes.lower_array.lowering import shape_of
from irc.passes.lower_array.windows import Range, cell, place, taps_at, taps_seeing

FILTERS = 4
"""Filters of a tile of weights."""
BESIDE = 5
"""Channels or taps of a tile of weights, so that it is 20 vectors of sums; where there are 16 registers, half of it."""

SAMPLES = 3
"""The dimension of images and feature maps that is the batch."""


def suits_samples(site: Site) -> bool:
    """Whether the samples are innermost, and there are some."""
    return site.layout == "chwb" and site.batch != 1


def lower_with_samples(site: Site, epilogue: Epilogue | None = None) -> None:
    """Write the loops."""
    if site.result == "w":
        _Weights(site).build()
    else:
        _Images(site, epilogue).build()


@dataclass(frozen=True)
class Lanes:
    """``width`` samples from ``first`` on, of which those that ``mask`` (None: all) says exist."""

    first: Value
    width: int
    mask: Value | None


class _Samples(Kernel):
    """Vectors of samples."""

    def strips(self, width: int) -> Iterator[tuple[Dimension, Dimension, int, bool]]:
        """All samples: begin, end, how many at a time, and whether the last ones may be fewer."""
        batch = self.site.batch
        lower: Dimension = 0
        for step in dict.fromkeys((width, self.lanes)):
            upper = batch // step * step
            if upper != lower:
                yield lower, upper, step, False
            lower = upper
        if lower != batch:
            yield lower, batch, self.lanes, True

    def each_strip(self, width: int, body: Callable[[Lanes], None]) -> None:
        """``body`` for vectors of samples. They follow each other, as they use the same copies; what is in them may be
        shared by threads: a batch of a few vectors would be too little for several."""
        low = self.low
        for lower, upper, step, partial in self.strips(width):

            def strip(b: Value, step=step, upper=upper, partial=partial) -> None:
                mask = self.mask(low.subtract(low.size(upper), b), step) if partial else None
                body(Lanes(b, step, mask))

            self.steps(lower, upper, step, "b", strip, parallel=False)

    def packed(self, buffer: Value, lanes: Lanes, padding: tuple[int, int] = (0, 0)) -> Value:
        """A copy of some samples, with so many rows above and below, and columns left and right, of zeros; samples that
        do not exist are 0."""
        low, shape = self.low, shape_of(buffer)[:SAMPLES]
        channels, height, width = shape
        padded = [channels, height + 2 * padding[0], width + 2 * padding[1], lanes.width]
        copy = low.alloc(BufferType(padded, self.site.element))
        if padding != (0, 0):
            low.clear(copy)

        def cell_at(at: list[Value]) -> None:
            tile = self.load(buffer, [*at, lanes.first], (1, lanes.width), lanes.mask, across=SAMPLES)
            c, h, v = at
            there = [c, low.offset(h, padding[0]), low.offset(v, padding[1]), low.index(0)]
            low.builder.create(StoreTile, tile, copy, there, [], across=SAMPLES)

        low.nest(shape, cell_at)
        return copy


class _Images(_Samples):
    """Feature maps from images (``y``), and images from feature maps (``x``)."""

    def build(self) -> None:
        """All of it."""
        site, axes = self.site, self.site.window
        forward = site.result == "y"
        count, summed = (site.filters, site.depth) if forward else (site.depth, site.filters)
        self.summed: int = summed
        extents = axes.counts if forward else (axes.rows.size, axes.columns.size)
        source = site.x if forward else site.y
        target = site.out if self.epilogue is None else None
        vectors = max(1, min(4, self.most // min(count, self.most)))

        def strip(lanes: Lanes) -> None:
            cells = self.packed(source, lanes)

            def group(g: Value) -> None:
                def block(first: Value, number: int) -> None:
                    def row(i: Value) -> None:
                        down = self._taps(axes.rows, i)

                        def column(j: Value) -> None:
                            sums = self._sums(g, first, (number, lanes.width), cells, down, self._taps(axes.columns, j))
                            at = dict(zip("chwb", (site.in_group(g, count, first), i, j, lanes.first), strict=True))
                            self.finish(sums, at, lanes.mask, target)

                        self.steps(0, extents[1], 1, "j", column)

                    self.steps(0, extents[0], 1, "i", row)

                self.blocks(count, self.most, block, "o" if forward else "c")

            self.steps(0, site.groups, 1, "g", group)

        self.each_strip(vectors * self.lanes, strip)

    def _taps(self, axis: Sliding, at: Value) -> tuple[Range, Callable[[Value], Value]]:
        """The taps for an element of the result, and where each finds its cell."""
        low = self.low
        if self.site.result == "x":
            return taps_seeing(low, axis, at)
        return taps_at(low, axis, at), lambda tap: cell(low, axis, at, tap)

    def _sums(
        self,
        g: Value,
        first: Value,
        shape: tuple[int, int],
        cells: Value,
        down: tuple[Range, Callable[[Value], Value]],
        across: tuple[Range, Callable[[Value], Value]],
    ) -> Value:
        """Channels ``first`` and on of a group of the result, for a vector of samples: a tile."""
        site, low = self.site, self.low
        (rows, row), (columns, column) = down, across
        forward = site.result == "y"
        every = Range(low.index(0), low.index(self.summed))

        def products(n: Value, sums: Sums) -> Sequence[Value]:
            def products_of_row(k: Value, of_row: Sums) -> Sequence[Value]:
                def product(m: Value, inner: Sums) -> Sequence[Value]:
                    o, c = (first, n) if forward else (n, first)
                    filters = [site.in_group(g, site.filters, o), c, k, m]
                    weights = self.load(site.w, filters, (shape[0], 1), down=0 if forward else 1)
                    at = [site.in_group(g, self.summed, n), row(k), column(m), low.index(0)]
                    return [low.make(Outer, weights, self.load(cells, at, (1, shape[1]), across=SAMPLES), inner[0])]

                return columns.each(low, product, of_row, "m")

            return rows.each(low, products_of_row, sums, "k")

        return every.each(low, products, [self.zeros(*shape)], "c" if forward else "o")[0]


class _Weights(_Samples):
    """Filters from images and feature maps. The copy of the images has their padding, so all positions are alike."""

    def build(self) -> None:
        """All of it."""
        site, low, (rows, columns) = self.site, self.low, self.site.window
        low.clear(site.w)
        beside = BESIDE if low.target.registers >= 32 else BESIDE // 2
        taps = min(beside, columns.kernel) if site.depth < beside else 1

        def strip(lanes: Lanes) -> None:
            images, maps = self.packed(site.x, lanes, (rows.padding, columns.padding)), self.packed(site.y, lanes)

            def group(g: Value) -> None:
                def filters(o: Value, of_filters: int) -> None:
                    def channels(c: Value, of_channels: int) -> None:
                        def row(k: Value) -> None:
                            def column(m: Value, of_taps: int) -> None:
                                block = _Block(g, o, of_filters, c, of_channels, k, m, of_taps)
                                self._add(block, images, maps)

                            self.blocks(columns.kernel, taps, column, "m")

                        self.steps(0, rows.kernel, 1, "k", row)

                    self.blocks(site.depth, beside // taps, channels, "c")

                self.blocks(site.filters, FILTERS, filters, "o")

            self.steps(0, site.groups, 1, "g", group)

        self.each_strip(self.lanes, strip)

    def _add(self, block: _Block, images: Value, maps: Value) -> None:
        """Add the sums of products of some samples to the weights of a block."""
        site, low, (rows, columns) = self.site, self.low, self.site.window
        o = site.in_group(block.group, site.filters, block.filter)
        channel = site.in_group(block.group, site.depth, block.channel)
        shape = block.filters, self.lanes
        beside = [(n, tap) for n in range(block.channels) for tap in range(block.taps)]

        def row(i: Value, of_row: Sums) -> Sequence[Value]:
            h = place(low, rows, i, block.row)

            def column(j: Value, sums: Sums) -> Sequence[Value]:
                v = place(low, columns, j, block.column)
                values = self.load(maps, [o, i, j, low.index(0)], shape, down=0, across=SAMPLES)
                found = []
                for (n, tap), total in zip(beside, sums, strict=True):
                    at = [low.offset(channel, n), h, low.offset(v, tap * columns.dilation), low.index(0)]
                    found.append(low.make(Fma, values, self.load(images, at, shape, across=SAMPLES), total))
                return found

            return low.loop(low.index(columns.count), column, of_row, counter="j")

        start = [self.zeros(*shape) for _ in beside]
        sums = low.loop(low.index(rows.count), row, start, counter="i")
        filters: dict[str, int] = {"across": 0} if block.filters > 1 else {}
        for (n, tap), total in zip(beside, sums, strict=True):
            added = low.make(Reduce, total, kind="sum")
            at = [o, low.offset(block.channel, n), block.row, low.offset(block.column, tap)]
            before = self.load(site.w, at, (1, block.filters), None, **filters)
            low.builder.create(StoreTile, low.add(before, added), site.w, at, [], **filters)


@dataclass(frozen=True)
class _Block:
    """Weights of some filters and channels of a group, at some taps of one row."""

    group: Value
    filter: Value
    filters: int
    channel: Value
    channels: int
    row: Value
    column: Value
    taps: int
