"""A net's parameters as a table for people."""

from __future__ import annotations

from irc.arrays import shown
from irc.ir.diagnostics import counted
from irc.parameters import Parameters

ROWS = 40
"""Rows of a table at most: of more parameters the middle is left out."""


def summary(name: str, params: Parameters, inputs: int | None, outputs: int | None) -> str:
    """Names, shapes and counts of the parameters, and what they are together. A shape of () is a single number."""
    flat = params.flat
    entries = list(params.table.values())
    left_out = max(len(entries) - ROWS, 0)
    head = ROWS // 2 if left_out else len(entries)
    cells = [(e.name, shown(e.shape), f"{e.size:,}") for e in (*entries[:head], *entries[head + left_out :])]
    if left_out:
        size = sum(e.size for e in entries[head : head + left_out])
        cells.insert(head, (f"... {left_out:,} more", "", f"{size:,}"))
    total = ("total", "", f"{flat.size:,}")
    rows = [("parameter", "shape", "count"), *cells, total]
    wide = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{a:{wide[0]}}  {b:{wide[1]}}  {c:>{wide[2]}}" for a, b, c in rows]
    rule = "-" * len(lines[0])
    title = f"net {name}: {counted(inputs, 'input')}, {counted(outputs, 'output')}, {flat.dtype}, {flat.nbytes:,} bytes"
    return "\n".join([title, "", lines[0], rule, *lines[1:-1], rule, lines[-1]])
