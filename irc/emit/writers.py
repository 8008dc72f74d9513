"""The forms of files in which a graph can be written, by their endings."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import numpy as np

from irc.emit.matrix import npy, npz
from irc.emit.nal import nal
from irc.emit.nam import nam
from irc.emit.nel import nel
from irc.frontends import losses
from irc.frontends.build import graph_to_module
from irc.frontends.graph import Graph
from irc.frontends.sources import ending_of
from irc.ir.diagnostics import counted, fail
from irc.ir.types import f32, f64
from irc.text.printer import print_module

_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def mlir(graph: Graph, lossy: bool = False, dtype: str = "float32") -> str:
    """The graph as IR text: a ``neuron.net``. Labels that are no names of values stand in locations.

    Raises :class:`irc.Error`, unless ``lossy``, if start values would be rounded to ``dtype``.
    """
    losses.refuse(graph, f"IR of {dtype}", (_rounding(dtype), _surrogates), lossy)
    module = graph_to_module(graph, dtype=f64 if dtype == "float64" else f32)
    return print_module(module, locations=not all(map(_WORD.fullmatch, graph.labels or ())))


def _rounding(dtype: str) -> losses.Loss:
    """Start values that the type cannot hold."""

    def lack(graph: Graph) -> str:
        values = np.zeros(0) if graph.initial is None else graph.initial
        with np.errstate(over="ignore"):
            rounded = int((~np.isnan(values) & (values != values.astype(dtype))).sum())
        return "" if not rounded else f"digits of {counted(rounded, 'start value')} (dtype float64 holds them)"

    return lack


def _surrogates(graph: Graph) -> str:
    """Names with a half of a surrogate pair, which UTF-8 cannot encode."""
    names = (graph.name, *(graph.labels or ()), *graph.given_names.values())
    found = [name for name in names if any("\ud800" <= c <= "\udfff" for c in name if not c.isascii())]
    return "" if not found else f"the names {losses.some([ascii(name) for name in found])}"


WRITERS: dict[str, Callable[[Graph, bool], str | bytes]] = {
    "nel": lambda graph, lossy: nel(graph),
    "nal": nal,
    "nam": nam,
    "npy": npy,
    "npz": npz,
    "mlir": mlir,
}
"""For each ending what a file of that form contains; whether losses are allowed is the second argument."""


def form_of(path: str | os.PathLike, form: str | None = None) -> str:
    """The form to write: ``form``, or what the ending of ``path`` says. Raises :class:`irc.Error` if it is unknown."""
    chosen = form or ending_of(path)
    if chosen not in WRITERS:
        known = ", ".join(WRITERS)
        fail(f"cannot write format '{chosen}'; known are {known}" if chosen else f"'{path}' has no ending: say {known}")
    return chosen


def contents(graph: Graph, form: str, lossy: bool = False, dtype: str = "float32") -> str | bytes:
    """What a file of this form contains. Raises :class:`irc.Error` that lists losses, unless ``lossy``."""
    return mlir(graph, lossy, dtype) if form == "mlir" else WRITERS[form](graph, lossy)
