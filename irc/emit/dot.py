"""A net as a Graphviz graph."""

from __future__ import annotations

from irc.dialects.neuron import Net
from irc.emit.picture import picture


def dot(net: Net) -> str:
    """The net in the DOT language: inputs are boxes, outputs have a double border, edges bear their weights' names.

    Edges from the step before are dashed. What is no net of single neurons is drawn as its layers (see ``picture``).
    """
    shown = picture(net)
    lines = [f"digraph {_string(shown.name)} {{", "  rankdir=LR;", "  node [shape=circle];"]
    for position, vertex in enumerate(shown.vertices):
        style = {"label": "\\n".join(vertex.lines)}
        if not vertex.kind:
            style["shape"] = "box"
        if vertex.is_output:
            style["peripheries"] = "2"
        lines.append(f"  {position} [{_list(style)}];")
    for arrow in shown.arrows:
        style = {"label": arrow.text} if arrow.text else {}
        if arrow.steps:
            style |= {"style": "dashed", "constraint": "false"}  # the ranks are those of a step
        lines.append(f"  {arrow.source} -> {arrow.target}{f' [{_list(style)}]' if style else ''};")
    return "\n".join([*lines, "}"]) + "\n"


def _list(style: dict[str, str]) -> str:
    return ", ".join(f"{key}={_string(value)}" for key, value in style.items())


def _string(text: str) -> str:
    """A quoted string; ``\\n`` stays the line break that DOT reads it as."""
    lines = text.split("\\n")
    return '"' + "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines) + '"'
