"""Convolutions sample by sample: each lane of a vector is a pixel, weights are the same for all lanes.

Images are copied to planes: their rows with the padding, one after the other, in as many phases as the stride, so that
what one tap sees from neighbouring positions lies side by side, from the place of that tap on. Feature maps have rows
of the same width, with a few pixels between them that mean nothing. So a vector goes on from the end of a row to the
next.

    for samples
      copy the operands to planes
      for blocks of filters, vectors of pixels          (feature maps; images likewise)
        sums = 0
        for channels, taps           sums += column of weights * vector of pixels from the place of the tap on
        plane of the result = sums
      copy the result from its planes
      for blocks of filters, blocks of channels, taps   (weights)
        sums = 0
        for vectors of pixels        sums += vector of image from the place of the tap on * vectors of feature maps
        result += the sum of each vector

The images that come from feature maps are a convolution, too: of the maps with zeros between their pixels where the
stride is above 1, with the taps in reverse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from irc.dialects import arith
from irc.dialects.array.windows import Pair, Sliding
from irc.dialects.loop import BufferType, Outer, Reduce, StoreTile
from irc.dialects.math import Fma
from irc.ir.dimensions import Dimension
from irc.ir.operation import Value
from irc.passes.lower_array.convolution.kernel import Kernel, Sums
from irc.passes.lower_array.convolution.site import Site
from irc.passes.lower_array.lowering import Lowering, shape_of
from irc.passes.lower_array.windows import inside

FILTERS = 4
"""Filters of a tile of weights."""
BESIDE = 5
"""Channels of a tile of weights, so that it is 20 vectors of sums; where there are 16 registers, half of it."""


def suits_pixels(site: Site) -> bool:
    """Whether the columns of an image are side by side."""
    return site.layout == "bchw"


def lower_with_pixels(site: Site) -> None:
    """Write the loops."""
    {"x": _Images, "w": _Weights, "y": _Maps}[site.result](site).build()


@dataclass(frozen=True)
class Plane:
    """Where an axis of images lies in a plane: cell u of the image with its padding is place ``u // stride`` of phase
    ``u % stride``. ``size``: the places of a phase."""

    axis: Sliding

    @property
    def size(self) -> int:
        """Places that some tap sees."""
        return self.axis.count + (self.axis.reach - 1) // self.axis.stride

    def tap(self, low: Lowering, number: Value) -> tuple[Value, Value]:
        """The phase that a tap sees, and from which place on."""
        axis = self.axis
        begin = number if axis.dilation == 1 else low.multiply(number, low.index(axis.dilation))
        if axis.stride == 1:
            return low.index(0), begin
        stride = low.index(axis.stride)
        return low.make(arith.RemSI, begin, stride), low.make(arith.DivSI, begin, stride)


class _Pixels(Kernel):
    """One convolution in planes."""

    def build(self) -> None:
        """All of it."""
        raise NotImplementedError

    def each_sample(self, body: Callable[[Value], None]) -> None:
        """``body`` for all samples."""

        def turn(b: Value, _: Sums) -> Sequence[Value]:
            body(b)
            return []

        if self.site.batch == 1:
            body(self.low.index(0))
        else:
            alone = self.site.result != "w"  # weights are sums over samples
            self.low.loop(self.low.size(self.site.batch), turn, parallel=alone, counter="b")

    def planes(self, shape: Sequence[int], pixels: int) -> Value:
        """Memory for planes of whole tiles of pixels."""
        whole = -(-pixels // self.lanes) * self.lanes
        return self.low.alloc(BufferType([*shape, whole], self.site.element))

    def image_planes(self, b: Value) -> Value:
        """The images of a sample, with zeros around them, in phases: channels, phases, pixels."""
        site, low, (rows, columns) = self.site, self.low, self.site.window
        plane, across = Plane(rows), Plane(columns)
        phases = rows.stride * columns.stride
        # a tap's vectors may begin as late as the last place, and reach beyond it
        copy = self.planes([site.depth * site.groups, phases], plane.size * across.size + self.lanes)
        low.clear(copy)

        def channel(c: Value) -> None:
            def phase(p: Value) -> None:
                for_rows = low.make(arith.DivSI, p, low.index(columns.stride))
                for_columns = low.make(arith.RemSI, p, low.index(columns.stride))

                def row(q: Value, _: Sums) -> Sequence[Value]:
                    first = low.multiply(q, low.index(across.size))

                    def column(r: Value, _: Sums) -> Sequence[Value]:
                        value = low.load(
                            site.x, [b, c, self._cell(rows, q, for_rows), self._cell(columns, r, for_columns)]
                        )
                        low.store(value, copy, [c, p, low.add(first, r)])
                        return []

                    span = inside(low, columns, for_columns, columns.stride, across.size)
                    low.loop(
                        span.upper, column, lower=span.lower, parallel=True, vectorize=columns.stride == 1, counter="v"
                    )
                    return []

                span = inside(low, rows, for_rows, rows.stride, plane.size)
                low.loop(span.upper, row, lower=span.lower, parallel=True, counter="h")

            self.each(phases, phase, "p")

        self.each(site.depth * site.groups, channel, "c")
        return copy

    def _cell(self, axis: Sliding, place: Value, phase: Value) -> Value:
        """The cell of the image at a place of a phase."""
        low = self.low
        found = low.add(low.multiply(place, low.index(axis.stride)), phase) if axis.stride > 1 else place
        return low.subtract(found, low.index(axis.padding)) if axis.padding else found

    def copy_maps(self, b: Value, to: Value, width: int, stride: Pair, offset: Pair, size: Pair) -> None:
        """Copy the feature maps of a sample to planes, whose rows are ``width`` long."""
        site, low = self.site, self.low
        counts = [
            min(axis.count, -(-(n - o) // s)) for axis, s, o, n in zip(site.window, stride, offset, size, strict=True)
        ]
        low.clear(to)

        def element(at: list[Value]) -> None:
            o, i, j = at
            down, across = (self._spread(n, s, f) for n, s, f in zip((i, j), stride, offset, strict=True))
            pixel = low.add(low.multiply(down, low.index(width)), across)
            low.store(low.load(site.y, [b, o, i, j]), to, [o, pixel])

        low.nest([site.filters * site.groups, *counts], element, vectorize=2 if stride[1] == 1 else None)

    def _spread(self, position: Value, stride: int, offset: int) -> Value:
        low = self.low
        found = low.multiply(position, low.index(stride)) if stride > 1 else position
        return low.add(found, low.index(offset)) if offset else found

    def copy_result(self, b: Value, source: Value, width: int, target: Value) -> None:
        """Copy planes to where a sample's result is wanted, without what is between rows."""
        low = self.low

        def element(at: list[Value]) -> None:
            c, i, j = at
            pixel = low.add(low.multiply(i, low.index(width)), j)
            low.store(low.load(source, [c, pixel]), target, [b, c, i, j])

        low.nest(shape_of(target)[1:], element, vectorize=2)

    def sums(
        self, count: int, summed: int, pixels: int, target: Value, product: Callable[..., tuple[Value, Value]]
    ) -> None:
        """Planes of a result: ``count`` of each group, for which ``product(group, first, number of rows, summed, taps,
        pixel)`` gives a column of weights and a vector of pixels."""
        site, low, (rows, columns) = self.site, self.low, self.site.window
        whole = -(-pixels // self.lanes) * self.lanes

        def group(g: Value) -> None:
            def block(first: Value, number: int) -> None:
                def vector(pixel: Value) -> None:
                    def channel(n: Value, of_channel: Sums) -> Sequence[Value]:
                        def row(k: Value, of_row: Sums) -> Sequence[Value]:
                            def tap(m: Value, total: Sums) -> Sequence[Value]:
                                weights, cells = product(g, first, number, n, (k, m), pixel)
                                return [low.make(Outer, weights, cells, total[0])]

                            return low.loop(low.index(columns.kernel), tap, of_row, counter="m")

                        return low.loop(low.index(rows.kernel), row, of_channel, counter="k")

                    start = [self.zeros(number, self.lanes)]
                    (total,) = low.loop(low.index(summed), channel, start, counter="c")
                    at = [site.in_group(g, count, first), pixel]
                    down = {"down": 0} if number > 1 else {}
                    low.builder.create(StoreTile, total, target, at, [], across=1, **down)

                self.each(whole, vector, "v", self.lanes)

            self.blocks(count, self.rows, block, "o")

        self.each(site.groups, group, "g")


class _Maps(_Pixels):
    """Feature maps from images."""

    def build(self) -> None:
        """All of it."""
        site, low, (rows, columns) = self.site, self.low, self.site.window
        down, across = Plane(rows), Plane(columns)
        pixels = (rows.count - 1) * across.size + columns.count

        def sample(b: Value) -> None:
            images = self.image_planes(b)
            maps = self.planes([site.filters * site.groups], pixels)

            def product(g: Value, o: Value, number: int, c: Value, tap: tuple[Value, Value], pixel: Value):
                weights = self.load(site.w, [site.in_group(g, site.filters, o), c, *tap], (number, 1), down=0)
                at = [site.in_group(g, site.depth, c), *image_place(low, down, across, tap, pixel)]
                return weights, self.load(images, at, (1, self.lanes), across=2)

            self.sums(site.filters, site.depth, pixels, maps, product)
            self.copy_result(b, maps, across.size, site.y)

        self.each_sample(sample)


def image_place(low: Lowering, down: Plane, across: Plane, tap: tuple[Value, Value], pixel: Value) -> list[Value]:
    """The phase that a tap sees, and the place in it that it sees from a pixel."""
    (phase_k, row), (phase_m, column) = down.tap(low, tap[0]), across.tap(low, tap[1])
    phase = phase_m
    if down.axis.stride > 1:
        phase = low.add(low.multiply(phase_k, low.index(across.axis.stride)), phase_m)
    begin = low.add(low.multiply(row, low.index(across.size)), column)
    return [phase, low.add(begin, pixel)]


class _Images(_Pixels):
    """Images from feature maps."""

    def build(self) -> None:
        """All of it."""
        site, low, (rows, columns) = self.site, self.low, self.site.window
        # position i lies at i * stride + offset, and tap k sees it from cell h at h + padding + offset - k * dilation
        offset = max(0, rows.reach - 1 - rows.padding), max(0, columns.reach - 1 - columns.padding)
        last = rows.padding + offset[0], columns.padding + offset[1]
        size = rows.size + last[0], columns.size + last[1]
        pixels = (rows.size - 1) * size[1] + columns.size

        def sample(b: Value) -> None:
            maps = self.planes([site.filters * site.groups], size[0] * size[1] + self.lanes)
            self.copy_maps(b, maps, size[1], (rows.stride, columns.stride), offset, size)
            images = self.planes([site.depth * site.groups], pixels)

            def product(g: Value, c: Value, number: int, o: Value, tap: tuple[Value, Value], pixel: Value):
                channel = site.in_group(g, site.filters, o)
                weights = self.load(site.w, [channel, c, *tap], (number, 1), down=1)
                row, column = (
                    low.subtract(low.index(n), self._spread(t, axis.dilation, 0))
                    for n, t, axis in zip(last, tap, (rows, columns), strict=True)
                )
                begin = low.add(low.multiply(row, low.index(size[1])), column)
                return weights, self.load(maps, [channel, low.add(begin, pixel)], (1, self.lanes), across=1)

            self.sums(site.depth, site.filters, pixels, images, product)
            self.copy_result(b, images, size[1], site.x)

        self.each_sample(sample)


class _Weights(_Pixels):
    """Filters from images and feature maps."""

    def build(self) -> None:
        """All of it."""
        site, low, (rows, columns) = self.site, self.low, self.site.window
        width = Plane(columns).size
        self.pixels = (rows.count - 1) * width + columns.count
        beside = BESIDE if low.target.registers >= 32 else BESIDE // 2
        low.clear(site.w)

        def sample(b: Value) -> None:
            images = self.image_planes(b)
            maps = self.planes([site.filters * site.groups], self.pixels)
            self.copy_maps(b, maps, width, (1, 1), (0, 0), (rows.count, columns.count))

            def group(g: Value) -> None:
                def filters(o: Value, of_filters: int) -> None:
                    def channels(c: Value, of_channels: int) -> None:
                        def row(k: Value) -> None:
                            def column(m: Value) -> None:
                                self._add(images, maps, g, (o, of_filters), (c, of_channels), (k, m))

                            self.each(columns.kernel, column, "m")

                        self.each(rows.kernel, row, "k")

                    self.blocks(site.depth, beside, channels, "c")

                self.blocks(site.filters, FILTERS, filters, "o")

            self.each(site.groups, group, "g")

        self.each_sample(sample)

    def _add(
        self,
        images: Value,
        maps: Value,
        g: Value,
        filters: tuple[Value, int],
        channels: tuple[Value, int],
        tap: tuple[Value, Value],
    ) -> None:
        """Add the sums of products of one sample to the weights of some filters and channels at a tap."""
        site, low, (rows, columns) = self.site, self.low, self.site.window
        (first, height), (c, count) = filters, channels
        o, channel = site.in_group(g, site.filters, first), site.in_group(g, site.depth, c)
        shape = height, self.lanes
        phase, begin = image_place(low, Plane(rows), Plane(columns), tap, low.index(0))

        def vector(pixel: Value, totals: Sums) -> Sequence[Value]:
            values = self.load(maps, [o, pixel], shape, down=0, across=1)
            place = low.add(begin, pixel)
            found = []
            for n, total in enumerate(totals):
                cells = self.load(images, [low.offset(channel, n), phase, place], shape, across=2)
                found.append(low.make(Fma, values, cells, total))
            return found

        start = [self.zeros(*shape) for _ in range(count)]
        end: Dimension = -(-self.pixels // self.lanes) * self.lanes
        totals = low.loop(low.size(end), vector, start, step=low.index(self.lanes), counter="v")
        across: dict[str, int] = {"across": 0} if height > 1 else {}
        for n, total in enumerate(totals):
            at = [o, low.offset(c, n), *tap]
            before = self.load(site.w, at, (1, height), None, **across)
            added = low.add(before, low.make(Reduce, total, kind="sum"))
            low.builder.create(StoreTile, added, site.w, at, [], **across)
