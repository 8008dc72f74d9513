"""Convolutions sample by sample: each lane of a vector is a pixel, weights are the same for all lanes.

Images are copied to planes: their rows with the padding, one after the other, in as many phases as the stride, so that
what one tap sees from neighbouring positions lies side by side, from the place of that tap on. Vectors of the result
are cut from runs of its rows (``runs``): where a vector goes on from the end of a row to the next, two loads are put
together, since rows of planes are longer.

    for samples
      copy the images to planes
      for blocks of filters, runs of rows               (feature maps; images likewise)
        for blocks of vectors of the run
          sums = 0                                      (for each filter and vector)
          for channels, taps         sums += column of weights * vectors of pixels from the place of the tap on
          result = sums

The images that come from feature maps are a convolution, too: of the maps with zeros between their pixels where the
stride is above 1, with the taps in reverse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from irc.dialects import arith
from irc.dialects.array.windows import Pair, Sliding
from irc.dialects.loop import BufferType, Outer, Span, StoreTile
from irc.ir.operation import Value
from irc.passes.lower_array.convolution.filters import Filters
from irc.passes.lower_array.convolution.kernel import Kernel, Sums
from irc.passes.lower_array.convolution.runs import Run, cut
from irc.passes.lower_array.convolution.site import Site
from irc.passes.lower_array.epilogue import Epilogue
from irc.passes.lower_array.lowering import Lowering, shape_of
from irc.passes.lower_array.windows import inside

ROW = 4
"""Vectors of a row that are copied at once."""


def suits_pixels(site: Site) -> bool:
    """Whether the columns of an image are side by side."""
    return site.layout == "bchw"


def is_readable(result: Value, source: Value, dimensions: Sequence[int | None]) -> bool:
    """Whether pixels of an array, with these dimensions of the result, lie as those of the result do: one row after the
    other, if it has any."""
    if dimensions[-2:] == [2, 3]:
        return shape_of(source)[-2:] == shape_of(result)[-2:]
    return 2 not in dimensions and 3 not in dimensions


def lower_with_pixels(site: Site, epilogue: Epilogue | None = None) -> None:
    """Write the loops."""
    kernels: dict[str, type[Kernel]] = {"x": _Images, "w": Filters, "y": _Maps}
    kernels[site.result](site, epilogue).build()


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

    column = "w"

    @property
    def is_pointwise(self) -> bool:
        """Whether a pixel sees the same one of the images alone: then they are planes as they are."""
        return all(axis.kernel == axis.stride == 1 and axis.padding == 0 for axis in self.site.window)

    def place(self, b: Value, channel: Value, seen: Callable[[], list[Value]]) -> list[Value]:
        """The place in planes of a channel, of which ``seen`` are the other dimensions, or in what is planes itself."""
        zero = self.low.index(0)
        return [b, channel, zero, zero] if self.is_pointwise else [channel, *seen()]

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

        def channel(c: Value) -> None:
            self._clear(copy, c)

            def phase(p: Value) -> None:
                for_rows = low.make(arith.DivSI, p, low.index(columns.stride))
                for_columns = low.make(arith.RemSI, p, low.index(columns.stride))

                def row(q: Value, _: Sums) -> Sequence[Value]:
                    first, h = low.multiply(q, low.index(across.size)), self._cell(rows, q, for_rows)
                    if columns.stride == 1:
                        begin = [c, p, low.offset(first, columns.padding)]
                        self.copy_row(columns.size, site.x, [b, c, h, low.index(0)], copy, begin)
                        return []

                    def column(r: Value, _: Sums) -> Sequence[Value]:
                        value = low.load(site.x, [b, c, h, self._cell(columns, r, for_columns)])
                        low.store(value, copy, [c, p, low.add(first, r)])
                        return []

                    span = inside(low, columns, for_columns, columns.stride, across.size)
                    low.loop(span.upper, column, lower=span.lower, parallel=True, counter="v")
                    return []

                span = inside(low, rows, for_rows, rows.stride, plane.size)
                low.loop(span.upper, row, lower=span.lower, parallel=True, counter="h")

            self.steps(0, phases, 1, "p", phase)

        self.steps(0, site.depth * site.groups, 1, "c", channel)
        return copy

    def copy_row(self, count: int, source: Value, at: list[Value], to: Value, place: list[Value]) -> None:
        """Copy so many numbers, which lie side by side."""
        low, lanes, most = self.low, self.lanes, ROW * self.lanes

        def tile(j: Value, columns: int, mask: Value | None) -> None:
            masks = [mask] if mask is not None else []
            held = self.load(source, [*at[:-1], low.add(at[-1], j)], (1, columns), mask, across=len(at) - 1)
            where = [*place[:-1], low.add(place[-1], j)]
            low.builder.create(StoreTile, held, to, where, masks, across=len(place) - 1)

        whole, left = count // most * most, count % most
        self.steps(0, whole, most, "v", lambda j: tile(j, most, None))
        if left:
            columns = -(-left // lanes) * lanes
            tile(low.index(whole), columns, self.mask(left, columns) if left < columns else None)

    def _clear(self, planes: Value, channel: Value) -> None:
        """Zeros in the planes of a channel: it is filled while they are in the cache."""
        low, zero = self.low, self.low.constant(0, self.element)
        shape = shape_of(planes)[1:]
        low.nest(shape, lambda at: low.store(zero, planes, [channel, *at]), vectorize=len(shape) - 1)

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

        def channel(o: Value) -> None:
            self._clear(to, o)

            def row(i: Value) -> None:
                first = low.multiply(self._spread(i, stride[0], offset[0]), low.index(width))
                if stride[1] == 1:
                    self.copy_row(counts[1], site.y, [b, o, i, low.index(0)], to, [o, low.offset(first, offset[1])])
                    return

                def element(j: Value) -> None:
                    pixel = low.add(first, self._spread(j, stride[1], offset[1]))
                    low.store(low.load(site.y, [b, o, i, j]), to, [o, pixel])

                self.steps(0, counts[1], 1, "j", element)

            self.steps(0, counts[0], 1, "i", row)

        self.steps(0, site.filters * site.groups, 1, "o", channel)

    def _spread(self, position: Value, stride: int, offset: int) -> Value:
        low = self.low
        found = low.multiply(position, low.index(stride)) if stride > 1 else position
        return low.add(found, low.index(offset)) if offset else found

    def reached(self, buffer: Value, letters: Sequence[str | None]) -> Value:
        """Rows are one: a pixel is a column."""
        if "w" not in letters:
            return buffer
        *others, rows, columns = shape_of(buffer)
        type = BufferType([*others, 1, rows * columns], self.element)
        return self.low.make(Span, buffer, self.low.index(0), result_types=[type])

    def sums(self, b: Value, count: int, summed: int, size: Pair, width: int, product: Product) -> None:
        """The result for a sample: ``count`` channels of each group, of so many rows and columns, from planes of rows
        of ``width``. What is larger, planes or weights, is gone through once."""
        site, low = self.site, self.low
        chosen = cut(size, count, self.lanes, low.target.registers)
        target = self.reached(site.out, self.letters) if self.epilogue is None else None

        def each_run(body: Callable[[Run, Value], None]) -> None:
            whole = size[0] // chosen.rows * chosen.rows
            for lower, upper, step in ((0, whole, chosen.rows), (whole, size[0], size[0] - whole)):
                self.steps(lower, upper, step, "i", partial(body, Run(step, size[1], self.lanes)))

        def each_block(body: Callable[[_Channels], None]) -> None:
            def group(g: Value) -> None:
                self.blocks(count, chosen.channels, lambda first, number: body(_Channels(g, first, number)), "o")

            self.steps(0, site.groups, 1, "g", group)

        def tiles(channels: _Channels, run: Run, i: Value) -> None:
            place, pixel = (low.multiply(i, low.index(n)) for n in (width, size[1]))

            def tile(vectors: range, j: Value) -> None:
                total = self._tile(channels, summed, run, vectors, (low.add(place, j), width), product)
                at = {"b": b, "c": site.in_group(channels.group, count, channels.first), "h": low.index(0)}
                at["w"] = low.offset(low.add(pixel, j), vectors[0] * self.lanes)
                left, columns = run.left(vectors), len(vectors) * self.lanes
                self.finish(total, at, self.mask(left, columns) if left < columns else None, target)

            step = chosen.vectors * self.lanes
            alike = size[1] // step * step if run.rows == 1 else 0  # pixels whose blocks are all of one row, and whole
            self.steps(0, alike, step, "j", partial(tile, range(chosen.vectors)))
            for vectors in run.blocks(chosen.vectors, alike // self.lanes):
                tile(vectors, low.index(0))

        if count * site.window.area > size[0] * width:  # for each channel that is summed
            each_block(lambda channels: each_run(lambda run, i: tiles(channels, run, i)))
        else:
            each_run(lambda run, i: each_block(lambda channels: tiles(channels, run, i)))

    def _tile(
        self, channels: _Channels, summed: int, run: Run, vectors: range, plane: tuple[Value, int], product: Product
    ) -> Value:
        """The sums of some channels, for some vectors of a run; ``plane``: where the run begins in planes, and how long
        their rows are."""
        low, (rows, columns) = self.low, self.site.window
        place, width = plane

        def channel(n: Value, of_channel: Sums) -> Sequence[Value]:
            def row(k: Value, of_row: Sums) -> Sequence[Value]:
                def tap(m: Value, total: Sums) -> Sequence[Value]:
                    weights, buffer, indices = product(channels, n, (k, m))
                    at = [*indices[:-1], low.add(indices[-1], place)]
                    cells = self._cells(buffer, at, run, vectors, width - run.width)
                    return [low.make(Outer, weights, cells, total[0])]

                return low.loop(low.index(columns.kernel), tap, of_row, counter="m")

            return low.loop(low.index(rows.kernel), row, of_channel, counter="k")

        start = self.zeros(channels.count, len(vectors) * self.lanes)
        return low.loop(low.index(summed), channel, [start], counter="c")[0]

    def _cells(self, buffer: Value, at: list[Value], run: Run, vectors: range, gap: int) -> Value:
        """Vectors of a run; rows lie ``gap`` further apart in the buffer than in the run. What is planes as it is has
        nothing behind its last pixel."""
        low, first, size = self.low, vectors[0] * self.lanes, len(vectors) * self.lanes
        left = run.left(vectors) if self.is_pointwise else size
        mask = self.mask(left, size) if left < size else None
        cells: Value | None = None
        for row in run.rows_of(vectors) if gap else [0]:
            place = [*at[:-1], low.offset(at[-1], first + row * gap)]
            loaded = self.load(buffer, place, (1, size), mask, across=len(at) - 1)
            cells = loaded if cells is None else low.select(self.mask(row * run.width - first, size), cells, loaded)
        assert cells is not None
        return cells


@dataclass(frozen=True)
class _Channels:
    """``count`` channels of a group of the result, from ``first`` on."""

    group: Value
    first: Value
    count: int


Product = Callable[[_Channels, Value, tuple[Value, Value]], tuple[Value, Value, list[Value]]]
"""For some channels of the result, one that is summed, and a tap: a column of weights, planes, and the place in them
that the tap sees from the first pixel."""


class _Maps(_Pixels):
    """Feature maps from images."""

    def build(self) -> None:
        """All of it."""
        site, low, (rows, columns) = self.site, self.low, self.site.window
        down, across = Plane(rows), Plane(columns)

        def sample(b: Value) -> None:
            images = self.reached(site.x, self.letters) if self.is_pointwise else self.image_planes(b)

            def product(to: _Channels, c: Value, tap: tuple[Value, Value]) -> tuple[Value, Value, list[Value]]:
                first, channel = site.in_group(to.group, site.filters, to.first), site.in_group(to.group, site.depth, c)
                weights = self.load(site.w, [first, c, *tap], (to.count, 1), down=0)
                return weights, images, self.place(b, channel, lambda: image_place(low, down, across, tap))

            self.sums(b, site.filters, site.depth, (rows.count, columns.count), across.size, product)

        self.steps(0, site.batch, 1, "b", sample)


def image_place(low: Lowering, down: Plane, across: Plane, tap: tuple[Value, Value]) -> list[Value]:
    """The phase that a tap sees, and the place in it that it sees from the first pixel."""
    (phase_k, row), (phase_m, column) = down.tap(low, tap[0]), across.tap(low, tap[1])
    phase = phase_m
    if down.axis.stride > 1:
        phase = low.add(low.multiply(phase_k, low.index(across.axis.stride)), phase_m)
    return [phase, low.add(low.multiply(row, low.index(across.size)), column)]


class _Images(_Pixels):
    """Images from feature maps."""

    def build(self) -> None:
        """All of it."""
        site, low, (rows, columns) = self.site, self.low, self.site.window
        # position i lies at i * stride + offset, and tap k sees it from cell h at h + padding + offset - k * dilation
        offset = max(0, rows.reach - 1 - rows.padding), max(0, columns.reach - 1 - columns.padding)
        last = rows.padding + offset[0], columns.padding + offset[1]
        size = rows.size + last[0], columns.size + last[1]

        def sample(b: Value) -> None:
            if self.is_pointwise:
                maps = self.reached(site.y, self.letters)
            else:
                maps = self.planes([site.filters * site.groups], size[0] * size[1] + self.lanes)
                self.copy_maps(b, maps, size[1], (rows.stride, columns.stride), offset, size)

            def product(to: _Channels, o: Value, tap: tuple[Value, Value]) -> tuple[Value, Value, list[Value]]:
                channel = site.in_group(to.group, site.filters, o)
                weights = self.load(site.w, [channel, to.first, *tap], (to.count, 1), down=1)

                def seen() -> list[Value]:
                    row, column = (
                        low.subtract(low.index(n), self._spread(t, axis.dilation, 0))
                        for n, t, axis in zip(last, tap, (rows, columns), strict=True)
                    )
                    return [low.add(low.multiply(row, low.index(size[1])), column)]

                return weights, maps, self.place(b, channel, seen)

            self.sums(b, site.depth, site.filters, (rows.size, columns.size), size[1], product)

        self.steps(0, site.batch, 1, "b", sample)
