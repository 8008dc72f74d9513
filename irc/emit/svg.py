"""A net as a picture: neurons in columns by depth, inputs left; the same net always gives the same picture.

Edges from the step before are dashed. What is no net of single neurons, or has too many, is drawn as its layers.
"""

from __future__ import annotations

from html import escape

import numpy as np

from irc.dialects.neuron import Net
from irc.emit.picture import Arrow, Picture, picture
from irc.ir.diagnostics import fail

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
_LATE, _DASHES = "#555555", "4 3"
"""How edges from the step before look."""
_SWEEPS = 4


def svg(net: Net) -> str:
    """The picture as SVG text. Colours tell what a neuron computes; hovering over a neuron or an edge names it.

    Raises Error for a net of more than NEURON_LIMIT neurons that has no layers.
    """
    shown = picture(net, NEURON_LIMIT)
    count = len(shown.vertices)
    if count > NEURON_LIMIT:
        fail(f"a picture of {count} neurons would show nothing; at most {NEURON_LIMIT} are drawn", net.location)
    places = _layout(shown)
    width = int(max((x for x, _ in places), default=0) + MARGIN + RADIUS)
    height = int(max((y for _, y in places), default=0) + MARGIN + RADIUS)
    kinds = list(dict.fromkeys(vertex.kind for vertex in shown.vertices if vertex.kind))
    recurrent = any(arrow.steps for arrow in shown.arrows)
    height += ROW // 2 * (len(kinds) + recurrent)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="10">',
        f"<title>{escape(shown.name)}</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    lines += _edges(shown, places)
    lines += _neurons(shown, places, kinds)
    y = height - ROW // 2 * (len(kinds) + recurrent) + 5
    for kind in kinds:
        lines.append(f'<circle cx="{MARGIN}" cy="{y}" r="6" fill="{_colour(kinds, kind)}"/>')
        lines.append(f'<text x="{MARGIN + 12}" y="{y + 4}">{escape(kind)}</text>')
        y += ROW // 2
    if recurrent:
        lines.append(f'<path d="M{MARGIN - 8} {y}H{MARGIN + 8}" stroke="{_LATE}" stroke-dasharray="{_DASHES}"/>')
        lines.append(f'<text x="{MARGIN + 12}" y="{y + 4}">of the step before</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _layout(shown: Picture) -> list[tuple[float, float]]:
    """A place for each neuron: its depth is the column; within a column, near to the mean height of its neighbours."""
    count = len(shown.vertices)
    arrows = [arrow for arrow in shown.arrows if not arrow.steps]
    source = np.array([arrow.source for arrow in arrows], np.int64)
    target = np.array([arrow.target for arrow in arrows], np.int64)
    depth = shown.depths()
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


def _edges(shown: Picture, places: list[tuple[float, float]]) -> list[str]:
    lines = ['<g stroke="#999999" stroke-width="0.7" fill="none">']
    titled = len(shown.vertices) <= DETAIL_LIMIT
    for arrow in shown.arrows:
        path = f'<path d="{_path(arrow, places)}"'
        if arrow.steps:
            path += f' stroke="{_LATE}" stroke-dasharray="{_DASHES}"'
        lines.append(f"{path}><title>{escape(arrow.text)}</title></path>" if titled and arrow.text else f"{path}/>")
    return [*lines, "</g>"]


def _path(arrow: Arrow, places: list[tuple[float, float]]) -> str:
    """From left to right a curve; an edge that goes back, or to its own column, is an arc above its ends."""
    (x1, y1), (x2, y2) = places[arrow.source], places[arrow.target]
    if x1 < x2:
        middle = (x1 + x2) / 2
        return f"M{x1:g} {y1:g}C{middle:g} {y1:g} {middle:g} {y2:g} {x2:g} {y2:g}"
    return f"M{x1:g} {y1:g}C{x1 + RADIUS * 3:g} {y1 - ROW:g} {x2 - RADIUS * 3:g} {y2 - ROW:g} {x2:g} {y2:g}"


def _neurons(shown: Picture, places: list[tuple[float, float]], kinds: list[str]) -> list[str]:
    lines = ['<g text-anchor="middle">']
    for (x, y), vertex in zip(places, shown.vertices, strict=True):
        border = ' stroke="black" stroke-width="2"' if vertex.is_output else ""
        name, *rest = vertex.lines
        title = f"{name}: {', '.join(rest if vertex.kind else ['input', *rest])}"
        lines.append(
            f'<g><title>{escape(title)}</title><circle cx="{x:g}" cy="{y:g}" r="{RADIUS}" '
            f'fill="{_colour(kinds, vertex.kind)}"{border}/>'
            f'<text x="{x:g}" y="{y + 3.5:g}">{escape(name[:6])}</text></g>'
        )
    return [*lines, "</g>"]


def _colour(kinds: list[str], kind: str) -> str:
    return _COLOURS[kinds.index(kind) % len(_COLOURS)] if kind else "#dddddd"
