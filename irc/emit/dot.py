"""A net as a Graphviz graph."""

from __future__ import annotations

from irc.dialects.neuron import Net, Node
from irc.dialects.neuron.function import activation_of
from irc.emit.ncc import Drawing
from irc.ir.operation import Value
from irc.ir.symbols import symbol_name


def dot(net: Net) -> str:
    """The net in the DOT language: inputs are boxes, outputs have a double border, edges bear their weights' names."""
    drawing = Drawing(net)
    outputs = set(drawing.net.outputs)
    lines = [f"digraph {_string(symbol_name(net))} {{", "  rankdir=LR;", "  node [shape=circle];"]
    for position, value in enumerate(drawing.neurons):
        style = {"label": "\\n".join(filter(None, [drawing.names.plain(value), kind_of(value)]))}
        if value.defining_op() is None:
            style["shape"] = "box"
        if value in outputs:
            style["peripheries"] = "2"
        lines.append(f"  {position} [{', '.join(f'{k}={_string(v)}' for k, v in style.items())}];")
    for edge in drawing.edges:
        weight = drawing.weight(edge)
        label = f" [label={_string(weight)}]" if weight else ""
        lines.append(f"  {edge.source} -> {edge.target}{label};")
    return "\n".join([*lines, "}"]) + "\n"


def kind_of(value: Value) -> str:
    """What a neuron computes besides its weighted sum, in a word or two; empty for inputs."""
    op = value.defining_op()
    if not isinstance(op, Node):
        return "" if op is None else op.kind.value  # type: ignore[attr-defined]
    activation = str(activation_of(op))
    return activation if op.aggregation.value == "sum" else f"{activation} of {op.aggregation.value}"


def _string(text: str) -> str:
    """A quoted string; ``\\n`` stays the line break that DOT reads it as."""
    lines = text.split("\\n")
    return '"' + "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines) + '"'
