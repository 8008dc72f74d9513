"""The table of a net's layers, as the net itself says what they are."""

from __future__ import annotations

from irc.ir.attributes import ArrayAttr, python_value
from irc.ir.operation import Operation
from irc.layers.to_ir import LAYERS

_HEAD = ("layer", "kind", "gives", "parameters")


def layer_table(entry: Operation) -> list[str]:
    """A line for each input and layer of a net or function: name, kind, shapes without the batch, parameters.

    Empty for a net that was not made of layers.
    """
    given = entry.attributes.get(LAYERS)
    rows = python_value(given) if isinstance(given, ArrayAttr) else []
    if not all(isinstance(row, (list, tuple)) and len(row) == len(_HEAD) for row in rows):
        return []
    texts = [_HEAD, *(tuple(map(str, row)) for row in rows)] if rows else []
    widths = [max(len(text) for text in column) for column in zip(*texts, strict=True)]
    return [
        f"  {name:<{widths[0]}}  {kind:<{widths[1]}}  {shape:<{widths[2]}}  {count:>{widths[3]}}"
        for name, kind, shape, count in texts
    ]
