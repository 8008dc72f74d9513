"""A graph that was built by hand is checked, and copied: what its arrays' owner does to them later has no effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral

import numpy as np

from irc.dialects.array.kind import AGGREGATIONS
from irc.frontends.activation import Activation
from irc.frontends.graph import MOST, Graph, require_room
from irc.ir.diagnostics import Diagnostics

_BY_EDGE = ("source", "target", "parameter", "delayed")
_BY_NEURON = ("bias", "activation", "aggregation", "is_input")
_BOOLEAN = ("delayed", "is_input")


def checked(graph: Graph) -> Graph:
    """The same graph with arrays of its own. Raises :class:`irc.Error`, with all that is wrong, for one that is no net:
    arrays of other dtypes or lengths, numbers out of range, edges that are not sorted by target, and what
    :meth:`Graph.validate` finds.
    """
    diagnostics = Diagnostics()
    names = [n for n in (*_BY_EDGE, *_BY_NEURON, "outputs") if n != "delayed" or graph.delayed is not None]
    arrays = {name: _numbers(graph, name, diagnostics) for name in names}
    _check_others(graph, diagnostics)
    diagnostics.raise_errors()
    for name in ("initial", "neuron_offsets", "edge_offsets"):
        if (given := getattr(graph, name)) is not None:
            arrays[name] = np.array(given, np.float64 if name == "initial" else np.int64)
    _check_lengths(graph, arrays, diagnostics)
    diagnostics.raise_errors()
    require_room(len(arrays["is_input"]))
    _check_ranges(graph, arrays, diagnostics)
    diagnostics.raise_errors()
    labels = graph.labels
    copy = replace(
        graph,
        **arrays,  # type: ignore[arg-type]
        activations=tuple(Activation.parse(activation) for activation in graph.activations),
        labels=None if labels is None else tuple(labels),
        given_names=dict(graph.given_names),
    )
    copy.validate(diagnostics)
    diagnostics.raise_errors()
    return copy


def _numbers(graph: Graph, name: str, diagnostics: Diagnostics) -> np.ndarray:
    """A copy of an array of numbers, or of truth values; nothing, and an error, if it is none."""
    given = getattr(graph, name)
    kinds, what, dtype = ("b", "booleans", np.bool_) if name in _BOOLEAN else ("iu", "integers", np.int64)
    if isinstance(given, np.ndarray) and given.ndim == 1 and given.dtype.kind in kinds:
        return given.astype(dtype)
    found = f"of {given.dtype} with {given.ndim} dimensions" if isinstance(given, np.ndarray) else type(given).__name__
    diagnostics.error(f"graph: {name} must be a NumPy array of {what} with one dimension, not {found}")
    return np.zeros(0, np.int64)


def _check_others(graph: Graph, diagnostics: Diagnostics) -> None:
    """What is no array of integers."""
    count = graph.parameter_count
    if not isinstance(count, Integral) or isinstance(count, bool) or not 0 <= count <= MOST:
        diagnostics.error(f"graph: parameter_count must be an integer from 0 to 2**31 - 1, not {count!r:.80}")
    for name in ("initial", "neuron_offsets", "edge_offsets"):
        given, kinds = getattr(graph, name), "fiu" if name == "initial" else "iu"
        if given is not None and not (isinstance(given, np.ndarray) and given.ndim == 1 and given.dtype.kind in kinds):
            diagnostics.error(f"graph: {name} must be a NumPy array of numbers with one dimension, or None")
    if not isinstance(graph.name, str) or not graph.name:
        diagnostics.error(f"graph: name must be a text that is not empty, not {graph.name!r:.80}")
    labels, names = graph.labels, graph.given_names
    if labels is not None and not (isinstance(labels, (tuple, list)) and all(isinstance(n, str) for n in labels)):
        diagnostics.error("graph: labels must be texts, one for each neuron, or None")
    if not isinstance(names, Mapping) or not all(isinstance(n, str) and n for n in names.values()):
        diagnostics.error("graph: given_names must map numbers of parameters to names")
    elif len(set(names.values())) < len(names):
        diagnostics.error("graph: given_names gives one name to two parameters")


def _check_lengths(graph: Graph, arrays: Mapping[str, np.ndarray], diagnostics: Diagnostics) -> None:
    edges, neurons = len(arrays["source"]), len(arrays["is_input"])
    wanted = dict.fromkeys((*_BY_EDGE, "edge_offsets"), (edges, "edges, as source has"))
    wanted |= dict.fromkeys((*_BY_NEURON, "neuron_offsets"), (neurons, "neurons, as is_input has"))
    wanted["initial"] = (graph.parameter_count, "parameters, which is parameter_count")
    lengths = {name: len(array) for name, array in arrays.items()}
    if graph.labels is not None:
        lengths["labels"], wanted["labels"] = len(graph.labels), wanted["bias"]
    for name, (length, what) in wanted.items():
        if name in lengths and lengths[name] != length:
            diagnostics.error(f"graph: {name} has {lengths[name]} entries, but must be for {length} {what}")
    if max(edges, neurons) > MOST:
        diagnostics.error("graph: a net has fewer than 2**31 neurons and edges")
    if neurons and not len(arrays["outputs"]):
        diagnostics.error("graph: no outputs: name at least one neuron")


def _check_ranges(graph: Graph, arrays: Mapping[str, np.ndarray], diagnostics: Diagnostics) -> None:
    neurons, parameters = len(arrays["is_input"]), graph.parameter_count
    limits = dict.fromkeys(("source", "target", "outputs"), (0, neurons - 1, "a neuron"))
    limits["parameter"] = (0, parameters - 1, "a parameter")
    limits["bias"] = (-1, parameters - 1, "a parameter, or -1 for none")
    limits["activation"] = (0, len(graph.activations) - 1, "a place in activations")
    limits["aggregation"] = (0, len(AGGREGATIONS) - 1, "a place in AGGREGATIONS")
    for name, (least, most, what) in limits.items():
        array = arrays[name]
        if array.size and (array.min() < least or array.max() > most):
            wrong = np.flatnonzero((array < least) | (array > most))
            others = f", and {len(wrong) - 1} more are wrong" if len(wrong) > 1 else ""
            first = int(wrong[0])
            found = f"{name}[{first}] is {array[first]}"
            diagnostics.error(f"graph: {found}, but must be {what}: {least} to {most}{others}")
    for number in graph.given_names:
        if not isinstance(number, Integral) or not 0 <= number < parameters:
            diagnostics.error(f"graph: given_names names parameter {number!r:.80}; they are 0 to {parameters - 1}")
    target = arrays["target"]
    down = np.flatnonzero(target[1:] < target[:-1])
    if down.size:
        edge = int(down[0])
        diagnostics.error(
            f"graph: edges must be sorted by target: edge {edge} goes to neuron {target[edge]}, the next to "
            f"{target[edge + 1]}; Graph.from_edges sorts them"
        )
