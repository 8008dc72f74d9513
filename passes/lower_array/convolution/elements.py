"""Convolutions one element of the result at a time, for any layout: the loops over its products carry its sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from irc.ir.operation import Value
from irc.passes.lower_array.convolution.site import Site
from irc.passes.lower_array.lowering import shape_of
from irc.passes.lower_array.windows import Range, cell, positions_of, taps_at, taps_seeing

Sum = list[Value]


def lower_in_elements(site: Site) -> None:
    """Write the loops."""
    low = site.lowering
    target = {"x": site.x, "w": site.w, "y": site.y}[site.result]
    total = {"x": _cell, "w": _weight, "y": _feature}[site.result]

    def element(at: list[Value]) -> None:
        low.store(total(site, at), target, at)

    low.nest(shape_of(target), element, vectorize=_vectors(site))


def _vectors(site: Site) -> int | None:
    """The dimension of the result that lanes run along: samples, or columns that all see the same taps side by side."""
    if site.result == "w":
        return None
    batch, columns = site.dimension("b"), site.window.columns
    if batch == 3:
        return batch
    alike = site.result == "y" and columns.padding == 0 and columns.stride == 1
    return site.dimension("w") if alike and site.dimension("w") == 3 else None


def _parts(site: Site, at: list[Value]) -> list[Value]:
    """Sample, channel, row and column of a place in images or feature maps."""
    return [at[site.dimension(letter)] for letter in "bchw"]


def _feature(site: Site, at: list[Value]) -> Value:
    """An element of the feature maps."""
    low, (rows, columns) = site.lowering, site.window
    b, o, i, j = _parts(site, at)
    group = site.group_of(o, site.filters)
    down, across = taps_at(low, rows, i), taps_at(low, columns, j)

    def product(c: Value, k: Value, m: Value) -> tuple[Value, Value]:
        channel = site.in_group(group, site.depth, c)
        x = low.load(site.x, site.place(b, channel, cell(low, rows, i, k), cell(low, columns, j, m)))
        return x, low.load(site.w, [o, c, k, m])

    return _sum(site, [_all(site, site.depth), down, across], product)


def _cell(site: Site, at: list[Value]) -> Value:
    """An element of the images."""
    low, (rows, columns) = site.lowering, site.window
    b, channel, h, v = _parts(site, at)
    group = site.group_of(channel, site.depth)
    c = low.subtract(channel, site.in_group(group, site.depth, low.index(0))) if site.groups > 1 else channel
    (down, row), (across, column) = taps_seeing(low, rows, h), taps_seeing(low, columns, v)

    def product(number: Value, k: Value, m: Value) -> tuple[Value, Value]:
        o = site.in_group(group, site.filters, number)
        return low.load(site.y, site.place(b, o, row(k), column(m))), low.load(site.w, [o, c, k, m])

    return _sum(site, [_all(site, site.filters), down, across], product)


def _weight(site: Site, at: list[Value]) -> Value:
    """An element of the filters."""
    low, (rows, columns) = site.lowering, site.window
    o, c, k, m = at
    channel = site.in_group(site.group_of(o, site.filters), site.depth, c)
    down, across = positions_of(low, rows, k), positions_of(low, columns, m)

    def product(i: Value, j: Value, b: Value) -> tuple[Value, Value]:
        x = low.load(site.x, site.place(b, channel, cell(low, rows, i, k), cell(low, columns, j, m)))
        return x, low.load(site.y, site.place(b, o, i, j))

    return _sum(site, [down, across, Range(low.index(0), low.size(site.batch))], product)


def _all(site: Site, count: int) -> Range:
    return Range(site.lowering.index(0), site.lowering.index(count))


def _sum(site: Site, ranges: Sequence[Range], product: Callable[..., tuple[Value, Value]]) -> Value:
    """The sum of products over three ranges."""
    low = site.lowering

    def level(at: list[Value], total: Sum) -> Sum:
        if len(at) == len(ranges):
            return [low.add(total[0], low.multiply(*product(*at)))]
        return ranges[len(at)].each(low, lambda n, inner: level([*at, n], inner), total, "ckm"[len(at)])

    return level([], [low.constant(0, site.element)])[0]
