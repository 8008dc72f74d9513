"""Any source as a module: which frontend reads what. New frontends are entered here, by file ending and by type."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from irc.dialects.builtin import ModuleOp
from irc.frontends import array_file, given, mdl, nal, nam, ndarray, neat, neat_json, nel, network
from irc.frontends.build import graph_to_module
from irc.frontends.graph import Graph
from irc.frontends.text import stem, undecodable
from irc.ir.diagnostics import Diagnostics, fail
from irc.ir.locations import Source
from irc.ir.types import Type, f32, f64
from irc.layers.model import Buildable
from irc.layers.to_ir import to_module
from irc.text.parser import parse_module


@dataclass(frozen=True)
class SourceOptions:
    """How a source is to be read; None leaves a choice to the frontend."""

    format: str | None = None
    dtype: str = "float32"
    act: str | None = None
    out_act: str | None = None
    outputs: tuple[str | int, ...] | None = None
    widths: str | None = None
    strict: bool = False

    def activations(self) -> dict[str, str]:
        """The activation options that were given."""
        return {k: v for k, v in (("act", self.act), ("out_act", self.out_act)) if v is not None}


def _nal(source: Source, options: SourceOptions) -> Graph:
    _no_activations(options, "a .nal file has an activation code for each neuron")
    return nal.parse(source, outputs=options.outputs)


def _nel(source: Source, options: SourceOptions) -> Graph:
    _no_activations(options, "a .nel file says the function of each neuron")
    return nel.parse(source, outputs=options.outputs)


def _nam(source: Source, options: SourceOptions) -> Graph:
    return nam.parse(source, outputs=options.outputs, **options.activations())


def _json(source: Source, options: SourceOptions) -> Graph:
    _no_activations(options, "a genome has an activation for each node")
    return neat_json.parse(source, outputs=options.outputs)


def _mdl(source: Source, options: SourceOptions, diagnostics: Diagnostics) -> ModuleOp:
    _no_activations(options, "a .mdl file says the function of each layer")
    if options.outputs is not None:
        fail("option outputs is for graphs of neurons: in a .mdl file the layer with the loss is the output")
    how = {} if options.widths is None else {"widths": options.widths}
    return mdl.parse(source, dtype=element_of(options), strict=options.strict, diagnostics=diagnostics, **how)


def _network(source: Source, options: SourceOptions, diagnostics: Diagnostics) -> ModuleOp:
    _no_graph_options(options, "a network of layers")
    _no_model_options(options)
    return network.parse(source, dtype=element_of(options), diagnostics=diagnostics)


TEXT_FRONTENDS: dict[str, Callable[[Source, SourceOptions], Graph]] = {
    "nal": _nal,
    "nam": _nam,
    "nel": _nel,
    "json": _json,
}
"""Text forms of graphs of neurons, by file ending."""

MODEL_FRONTENDS: dict[str, Callable[[Source, SourceOptions, Diagnostics], ModuleOp]] = {
    "mdl": _mdl,
    "network": _network,
}
"""Text forms of models of layers, by file ending."""

IR_ENDINGS = ("mlir", "irc")

_ONLY_NEL = re.compile(r"^\s*(?:(?:net|inputs|outputs|param)\s|[0-9a-fA-F]+(?:\s+[0-9a-fA-F]+\s+[wp]\s*=|\s*:))", re.M)
"""Lines that a list of edges has and a list of neurons cannot have."""


def load_module(source: Any, options: SourceOptions, diagnostics: Diagnostics | None = None) -> ModuleOp:
    """The module of a source of any form (see :func:`irc.compile`). Warnings go to ``diagnostics``."""
    found = load(source, options, diagnostics)
    if isinstance(found, ModuleOp):
        return found
    return graph_to_module(found, dtype=element_of(options))


def element_of(options: SourceOptions) -> Type:
    """The type of numbers that the options ask for."""
    return f64 if options.dtype == "float64" else f32


def load(source: Any, options: SourceOptions, diagnostics: Diagnostics | None = None) -> Graph | ModuleOp:
    """A source of any form as what it is: a graph, or IR. Warnings go to ``diagnostics``."""
    told = Diagnostics() if diagnostics is None else diagnostics
    found = _load(source, options, told)
    if isinstance(found, Graph):
        told.found.extend(found.warnings)
    return found


def load_graph(source: Any, options: SourceOptions, diagnostics: Diagnostics) -> Graph:
    """A source as a graph. Warnings go to ``diagnostics``. Raises :class:`irc.Error` for IR."""
    found = load(source, options, diagnostics)
    if not isinstance(found, Graph):
        fail("a list of nets takes graphs, not IR modules or models of layers")
    return found


def is_population(source: Any) -> bool:
    """Whether ``source`` is a list of nets: of paths, texts, matrices, graphs or genomes, rather than of rows."""
    if not isinstance(source, (list, tuple)) or not source or neat.is_genome(source):
        return False
    return all(_is_net(one) for one in source)


def _is_net(source: Any) -> bool:
    networkx = sys.modules.get("networkx")
    if networkx is not None and isinstance(source, networkx.Graph):
        return True
    matrix = isinstance(source, np.ndarray) and source.ndim == 2
    known = isinstance(source, (Graph, ModuleOp, Source, str, os.PathLike))
    return known or matrix or hasattr(source, "tocoo") or neat.is_genome(source)


def _load(source: Any, options: SourceOptions, diagnostics: Diagnostics) -> Graph | ModuleOp:
    if not isinstance(source, (Source, str, os.PathLike)):
        _no_model_options(options)
    if isinstance(source, ModuleOp):
        _no_graph_options(options)
        copy = source.clone()
        assert isinstance(copy, ModuleOp)
        return copy
    if isinstance(source, Graph):
        _no_activations(options, "a graph has an activation for each neuron")
        graph = given.checked(source)
        return graph if options.outputs is None else graph.with_outputs(options.outputs)
    if isinstance(source, Source):
        return _text(source, options, diagnostics)
    if isinstance(source, str) and "\n" in source:
        return _text(Source(source, "<string>"), options, diagnostics)
    if isinstance(source, (str, os.PathLike)):
        if (options.format or ending_of(source)) in array_file.ENDINGS:
            _no_model_options(options)
            return _array(array_file.load(source), options, stem(Source("", os.fspath(source))))
        return _text(read_source(source), options, diagnostics)
    if isinstance(source, Buildable):
        _no_graph_options(options, "a model of layers")
        return to_module(source.trace(diagnostics), element_of(options))
    networkx = sys.modules.get("networkx")
    if networkx is not None and isinstance(source, networkx.Graph):
        from irc.frontends import (
            networkx as networkx_frontend,  # only here: who has such a graph has paid for the import
        )

        _only_inner_activation(options)
        return networkx_frontend.from_networkx(source, outputs=options.outputs, **options.activations())
    if neat.is_genome(source):
        _no_activations(options, "a genome has an activation for each node")
        return neat.from_genome(*source, outputs=options.outputs)
    if isinstance(source, (np.ndarray, list, tuple)) or hasattr(source, "tocoo"):
        return _array(source, options, "net")
    fail(
        f"cannot compile a {type(source).__name__}; give a path, text, a square adjacency matrix, a networkx.DiGraph, "
        "a pair of a neat-python genome and its configuration, a model of irc.layers, or an IR module"
    )


def _array(source: Any, options: SourceOptions, name: str) -> Graph:
    return ndarray.from_array(source, outputs=options.outputs, name=name, **options.activations())


def read_source(path: str | os.PathLike) -> Source:
    """A file as a source. Raises :class:`irc.Error` if it cannot be read or is not text."""
    name = os.fspath(path)
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        hint = "" if name.strip() else " (an empty string is no path; text must hold a newline)"
        fail(f"cannot read '{name}': {getattr(error, 'strerror', None) or error}{hint}")
    try:
        return Source(data.decode("utf-8"), name)
    except UnicodeDecodeError as error:
        undecodable(name, data, error)


def _text(source: Source, options: SourceOptions, diagnostics: Diagnostics) -> Graph | ModuleOp:
    kind = options.format or _known_ending(source) or _guess(source.text)
    if kind in MODEL_FRONTENDS:
        return MODEL_FRONTENDS[kind](source, options, diagnostics)
    _no_model_options(options)
    if kind in TEXT_FRONTENDS:
        return TEXT_FRONTENDS[kind](source, options)
    if kind in IR_ENDINGS:
        _no_graph_options(options)
        module = parse_module(source)
        assert isinstance(module, ModuleOp)
        return module
    if kind in array_file.ENDINGS:
        fail(f"format '{kind}' is for files of arrays, and this is text")
    known = [*TEXT_FRONTENDS, *MODEL_FRONTENDS, *IR_ENDINGS, *array_file.ENDINGS]
    fail(f"unknown format '{kind}'; the formats are {', '.join(known)}")


def ending_of(path: str | os.PathLike) -> str:
    """The ending of a file's name, without its dot, in lower case."""
    return Path(path).suffix[1:].lower()


def _known_ending(source: Source) -> str | None:
    ending = ending_of(source.name)
    return ending if ending in (*TEXT_FRONTENDS, *MODEL_FRONTENDS, *IR_ENDINGS) else None


def _guess(text: str) -> str:
    """The format of a text without a telling name: a count line is a list (of edges where only those have such lines),
    rows of 0 and 1 are a matrix, a brace begins a genome, a slash a model (or a round bracket, where its header
    is forgotten), ``network`` a net of layers, else it is IR.
    """
    for line in text.removeprefix("\ufeff").splitlines():
        word = line.strip()
        if not word or word[0] in "%#" or word.startswith("```") or not word.strip("-="):
            continue
        if word[:2] in ("N ", "n ", "N\t", "n\t"):
            return "nel" if _ONLY_NEL.search(text) else "nal"
        if word[0] == "{":
            return "json"
        if word[0] in "/(" and word[:2] != "//":  # two are a comment of IR
            return "mdl"
        if word.split()[0].rstrip(":") in ("network", "const", "let"):
            return "network"
        bits = word.partition("|")[2] if "|" in word else word
        header = word.isalpha() or word.startswith(("i:", "j:"))
        # IR text begins with no digit, so digits are a matrix, even one with a wrong character in it.
        return "nam" if not bits.strip("01") or header or word[0].isdigit() else "mlir"
    return "mlir"


def _no_activations(options: SourceOptions, why: str) -> None:
    if options.activations():
        fail(f"options act and out_act are for matrices: {why}")


def _only_inner_activation(options: SourceOptions) -> None:
    if options.out_act is not None:
        fail("option out_act is for matrices: a networkx graph has node attributes for that")


def _no_model_options(options: SourceOptions) -> None:
    if options.widths is not None or options.strict:
        fail("options widths and strict are for models in MDL (.mdl)")


def _no_graph_options(options: SourceOptions, what: str = "IR") -> None:
    if options.outputs is not None or options.activations():
        fail(f"options outputs, act and out_act are for graphs; {what} says these things itself")
