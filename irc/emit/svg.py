"""A net as a picture: neurons in columns by depth, inputs left; the same net always gives the same picture."""

from __future__ import annotations

from html import escape

import numpy as np

from irc.dialects.neuron import Net
from irc.dialects.neuron.rows import depths
from irc.emit.dot import kind_of
from irc.emit.ncc import Drawing
from irc.ir.diagnostics import fail
from irc.ir.symbols import symbol_name

COLUMN, ROW, RADIUS, MARGIN = 140, 44, 15, 30
"""Distances in pixels."""
DETAIL_LIMIT = 300
"""With more neurons than this, edges are drawn without the names of their weights."""
NEURON_LIMIT = 5000
"""Larger nets make no useful picture."""
_COLOURS = (
    "#4e79a7",
    "#f28e2b",
    "#59a14f",
    "#e15759",
    "#76b7b2",
    "#b07aa1",
    "#9c755f",
    "#bab0ac",
    "#edc948",
    "#ff9da7",
)
_SWEEPS = 4


def svg(net: Net) -> str:
    """The picture as SVG text. Colours tell what a neuron computes; hovering over a neuron or an edge names it.

    Raises Error for a net of more than NEURON_LIMIT neurons.
    """
    drawing = Drawing(net)
    count = len(drawing.neurons)
    if count > NEURON_LIMIT:
        fail(f"a picture of {count} neurons would show nothing; at most {NEURON_LIMIT} are drawn", net.location)
    places = _layout(drawing)
    width = int(max((x for x, _ in places), default=0) + MARGIN + RADIUS)
    height = int(max((y for _, y in places), default=0) + MARGIN + RADIUS)
    kinds = list(dict.fromkeys(kind for v in drawing.neurons if (kind := kind_of(v))))
    height += ROW // 2 * len(kinds)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="10">',
        f"<title>{escape(symbol_name(net))}</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    lines += _edges(drawing, places)
    lines += _neurons(drawing, places, kinds)
    for number, kind in enumerate(kinds):
        y = height - ROW // 2 * (len(kinds) - number) + 5
        lines.append(f'<circle cx="{MARGIN}" cy="{y}" r="6" fill="{_colour(kinds, kind)}"/>')
        lines.append(f'<text x="{MARGIN + 12}" y="{y + 4}">{escape(kind)}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _layout(drawing: Drawing) -> list[tuple[float, float]]:
    """A place for each neuron: its depth is the column; within a column, near to the mean height of its neighbours."""
    count = len(drawing.neurons)
    source = np.array([e.source for e in drawing.edges], np.int64)
    target = np.array([e.target for e in drawing.edges], np.int64)
    depth = depths(count, np.array(drawing.order(), np.int64), source, target)
    columns = [np.flatnonzero(depth == d) for d in range(int(depth.max(initial=-1)) + 1)]
    heights = np.zeros(count)
    tallest = max(map(len, columns), default=0)

    def spread(column: np.ndarray) -> None:
        heights[column] = np.arange(len(column)) + (tallest - len(column)) / 2

    for column in columns:
        spread(column)
    for sweep in range(_SWEEPS):  # barycentres, forwards and backwards in turn (Sugiyama, Tagawa and Toda 1981)
        here, there = (target, source) if sweep % 2 == 0 else (source, target)
        total, number = np.zeros(count), np.bincount(here, minlength=count)
        for d in range(len(columns)) if sweep % 2 == 0 else range(len(columns) - 1, -1, -1):
            column = columns[d]
            inside = depth[here] == d
            total[column] = 0
            np.add.at(total, here[inside], heights[there[inside]])
            centre = np.where(number[column] > 0, total[column] / np.maximum(number[column], 1), heights[column])
            columns[d] = column[np.lexsort((column, np.round(centre, 9)))]
            spread(columns[d])
    return [
        (float(MARGIN + COLUMN * depth[n] + RADIUS), float(MARGIN + ROW * heights[n] + RADIUS)) for n in range(count)
    ]


def _edges(drawing: Drawing, places: list[tuple[float, float]]) -> list[str]:
    lines = ['<g stroke="#999999" stroke-width="0.7" fill="none">']
    titled = len(drawing.neurons) <= DETAIL_LIMIT
    for edge in drawing.edges:
        (x1, y1), (x2, y2) = places[edge.source], places[edge.target]
        middle = (x1 + x2) / 2
        path = f'<path d="M{x1:g} {y1:g}C{middle:g} {y1:g} {middle:g} {y2:g} {x2:g} {y2:g}"'
        weight = drawing.weight(edge)
        lines.append(f"{path}><title>{escape(weight)}</title></path>" if titled and weight else f"{path}/>")
    return [*lines, "</g>"]


def _neurons(drawing: Drawing, places: list[tuple[float, float]], kinds: list[str]) -> list[str]:
    lines = ['<g text-anchor="middle">']
    outputs = set(drawing.net.outputs)
    for position, value in enumerate(drawing.neurons):
        x, y = places[position]
        kind = kind_of(value)
        name = drawing.names.plain(value)
        border = ' stroke="black" stroke-width="2"' if value in outputs else ""
        title = f"{name}: {kind}" if kind else f"{name}: input"
        lines.append(
            f'<g><title>{escape(title)}</title><circle cx="{x:g}" cy="{y:g}" r="{RADIUS}" '
            f'fill="{_colour(kinds, kind)}"{border}/><text x="{x:g}" y="{y + 3.5:g}">{escape(name[:6])}</text></g>'
        )
    return [*lines, "</g>"]


def _colour(kinds: list[str], kind: str) -> str:
    return _COLOURS[kinds.index(kind) % len(_COLOURS)] if kind else "#dddddd"
