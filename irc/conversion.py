"""From one form of net to another: any source as a graph, and a graph as what the user wants."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from irc.dialects.builtin import ModuleOp
from irc.dialects.neuron.whole import whole_net
from irc.emit.graph import graph_of
from irc.emit.matrix import matrix, sparse
from irc.emit.writers import contents, form_of
from irc.files import write_atomically
from irc.frontends.graph import Graph
from irc.frontends.sources import SourceOptions, load
from irc.ir.diagnostics import Diagnostics, fail
from irc.ir.verifier import verify
from irc.model import Net
from irc.module_program import find_entry

if TYPE_CHECKING:
    import networkx


def graph(source: Any, *, lossy: bool = False, options: SourceOptions | None = None) -> Graph:
    """The graph of a net with its current parameters, or of any source that :func:`irc.compile` takes.

    ``lossy``: constants 1 that are weights become parameters. Raises :class:`irc.Error` for what is no graph.
    """
    if isinstance(source, Net):
        return source.graph(lossy=lossy)
    return _as_graph(_loaded(source, SourceOptions() if options is None else options), lossy)


def _loaded(source: Any, options: SourceOptions) -> Graph | ModuleOp:
    diagnostics = Diagnostics()
    found = load(source, options, diagnostics)
    diagnostics.warn()
    return found


def _as_graph(found: Graph | ModuleOp, lossy: bool) -> Graph:
    """A graph as it is; of a module the net that :func:`irc.compile` would take."""
    if isinstance(found, Graph):
        return found
    verify(found)
    entry = find_entry(found, None)
    net = whole_net(entry)
    if net is None:
        fail("the module's entry is a function of arrays, not a net of neurons", entry.location)
    return graph_of(net, lossy=lossy)


def to_networkx(source: Any, *, lossy: bool = False) -> networkx.DiGraph:
    """A net, or any source, as a ``networkx.DiGraph`` that compiles to the same net.

    A net gives its current parameters. Raises :class:`irc.Error` that lists what would be lost, unless ``lossy``.
    """
    from irc.frontends.networkx import to_networkx as convert  # networkx is large: only for who wants it

    return convert(graph(source, lossy=lossy), lossy=lossy)


def to_array(source: Any, *, lossy: bool = False) -> np.ndarray:
    """The adjacency matrix of a net or any source: row = source, column = target.

    float64 where all weights are known (as those of a net are), else boolean. Raises as :func:`to_networkx`.
    """
    return matrix(graph(source, lossy=lossy), lossy)


def to_sparse(source: Any, *, lossy: bool = False) -> Any:
    """The same as a ``scipy.sparse.coo_array``; ImportError without SciPy."""
    return sparse(graph(source, lossy=lossy), lossy)


def convert(
    source: Any,
    path: str | os.PathLike,
    *,
    format: str | None = None,
    lossy: bool = False,
    options: SourceOptions | None = None,
) -> None:
    """Write a net, or any source, as a file: .nel (which holds everything), .nal, .nam, .npy, .npz or .mlir.

    ``format`` is one of these where the ending of ``path`` is not to be asked; ``options`` say how the source is read.
    Raises :class:`irc.Error` that lists what would be lost, unless ``lossy``.
    """
    form = form_of(path, format)
    options = SourceOptions() if options is None else options
    if isinstance(source, Net):
        text = contents(source.graph(lossy), form, lossy, source.dtype.name)
    else:
        found = _loaded(source, options)
        if form == "mlir" and isinstance(found, ModuleOp):
            text = found.to_text()
        else:
            text = contents(_as_graph(found, lossy), form, lossy, options.dtype)
    write_atomically(path, text)
