"""A net's layers for people, as the net itself says what they are."""

from __future__ import annotations

from typing import NamedTuple

from irc.ir.attributes import ArrayAttr, python_value
from irc.ir.operation import Operation
from irc.layers.to_ir import LAYERS


class LayerRow(NamedTuple):
    """An input or layer: its name, what it is, the shapes it gives (without the batch), how many parameters it has."""

    name: str
    kind: str
    gives: str
    parameters: int


def layer_rows(entry: Operation) -> list[LayerRow]:
    """The inputs and layers of a net or function. Empty for a net that was not made of layers."""
    given = entry.attributes.get(LAYERS)
    rows = python_value(given) if isinstance(given, ArrayAttr) else []
    if not all(isinstance(row, (list, tuple)) and len(row) == 4 and isinstance(row[3], int) for row in rows):
        return []
    return [LayerRow(str(name), str(kind), str(gives), count) for name, kind, gives, count in rows]
