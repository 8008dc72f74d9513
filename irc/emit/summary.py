"""What a net is made of, as a table for people: its layers, or else its parameters."""

from __future__ import annotations

from collections.abc import Sequence

from irc.arrays import shown
from irc.ir.diagnostics import counted
from irc.ir.operation import Operation
from irc.layers.summary import layer_rows
from irc.parameters import Parameters

ROWS = 40
"""Rows of a table at most: of more the middle is left out."""


def summary(name: str, entry: Operation, params: Parameters, inputs: int | None, outputs: int | None) -> str:
    """A title, and the table: of a net made of layers :func:`layer_table`, of another its parameters with their names,
    shapes and counts. A shape of () is a single number.
    """
    flat = params.flat
    size = f"{flat.dtype}, {flat.nbytes:,} bytes"
    layers = layer_table(entry)
    if layers:
        return "\n".join([f"net {name}: {size}", "", *layers])
    entries = params.table.values()
    table = _table(("parameter", "shape", "count"), [(e.name, shown(e.shape), e.size) for e in entries])
    return "\n".join([f"net {name}: {counted(inputs, 'input')}, {counted(outputs, 'output')}, {size}", "", *table])


def layer_table(entry: Operation) -> list[str]:
    """Lines for the inputs and layers of a net or function: names, kinds, shapes without the batch, parameters.

    Empty for a net that was not made of layers.
    """
    rows = layer_rows(entry)
    return _table(("layer", "kind", "gives", "parameters"), rows) if rows else []


def _table(head: Sequence[str], rows: Sequence[Sequence]) -> list[str]:
    """Lines for rows of texts, the last of each a number, and for the sum of these numbers."""
    left_out = max(len(rows) - ROWS, 0)
    first = ROWS // 2 if left_out else len(rows)
    kept = [*rows[:first], *rows[first + left_out :]]
    blank = [""] * (len(head) - 2)
    if left_out:
        kept.insert(first, (f"... {left_out:,} more", *blank, sum(row[-1] for row in rows[first : first + left_out])))
    kept.append(("total", *blank, sum(row[-1] for row in rows)))
    cells = [tuple(head), *((*row[:-1], f"{row[-1]:,}") for row in kept)]
    *wide, last = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join([*(f"{a:{w}}" for a, w in zip(row, wide, strict=False)), f"{row[-1]:>{last}}"]) for row in cells]
    rule = "-" * len(lines[0])
    return [lines[0], rule, *lines[1:-1], rule, lines[-1]]
