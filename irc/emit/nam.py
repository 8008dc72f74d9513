"""Writes ``.nam``: a matrix of 0 and 1 (see ``irc.frontends.nam``).

Without labels it is plain; with labels that are single letters it has their layout, else rows are ``label|bits``, under
a header that is read downwards where all labels have the same length.
"""

from __future__ import annotations

import re

import numpy as np

from irc.arrays import require_memory
from irc.emit.matrix import MATRIX_LACKS
from irc.frontends import losses
from irc.frontends.graph import Graph

_WRITABLE = re.compile(r"[^\s|\0#%`\ufeff\ud800-\udfff](?:[^|\n\0\ud800-\udfff]*[^\s|\0\ud800-\udfff])?")
"""Labels that a row can begin with."""
_WORD = re.compile(r"[A-Za-z0-9_]+")


def _odd_labels(graph: Graph) -> str:
    """Labels that a row cannot begin with."""
    odd = [label for label in graph.labels or () if not _WRITABLE.fullmatch(label)]
    return "" if not odd else f"the labels {losses.some([repr(label) for label in odd])}"


def nam(graph: Graph, lossy: bool = False) -> str:
    """The graph as text; where labels cannot be written, a lossy one has none.

    Raises :class:`irc.Error` that lists what the form cannot hold, unless ``lossy``.
    """
    losses.refuse(graph, ".nam", (losses.weights, _odd_labels, *MATRIX_LACKS), lossy)
    count = graph.neuron_count
    require_memory(count * count, 2, f"a matrix of {count} x {count} characters")
    bits = np.full((count, count + 1), ord("0"), np.uint8)
    bits[graph.source, graph.target] = ord("1")
    bits[:, count] = ord("\n")
    text = bits.tobytes().decode("ascii")
    if graph.labels is None or _odd_labels(graph):
        return text
    rows = text.splitlines(keepends=True)
    header, bar = _header(graph.labels)
    return header + "".join(f"{label}{bar}{row}" for label, row in zip(graph.labels, rows, strict=True))


def _header(labels: tuple[str, ...]) -> tuple[str, str]:
    """What stands above the rows, and between a label and its bits."""
    width = len(labels[0])
    if any(len(label) != width for label in labels) or not all(_WORD.fullmatch(label) for label in labels):
        return "", "|"
    if width == 1 and "".join(labels).isalpha():
        return f" {''.join(labels)}\n", ""
    downwards = "".join(f"{' ' * (width + 1)}{''.join(letters)}\n" for letters in zip(*labels, strict=True))
    return f"{downwards}{'-' * (width + 1 + len(labels))}\n", "|"
