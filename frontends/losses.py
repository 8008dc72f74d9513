"""What a form cannot hold of a graph: a writer asks, and refuses in one message that lists all of it.

Each function says what a graph has of one thing, in words, or gives "" if it has none of it. A writer names the
functions for what its form lacks; see :func:`refuse`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from irc.dialects.array.kind import AGGREGATIONS
from irc.frontends.activation import Activation
from irc.frontends.graph import Graph
from irc.ir.diagnostics import counted, fail

_SHOWN = 3

Loss = Callable[[Graph], str]
"""What would be lost of a graph, in words; "" if nothing."""


def refuse(graph: Graph, form: str, lacks: Sequence[Loss], lossy: bool) -> None:
    """Raise :class:`irc.Error` that lists all that ``form``, which lacks these things, would lose; not if ``lossy``."""
    losses = [] if lossy else [loss for loss in (lack(graph) for lack in lacks) if loss]
    if losses:
        fail(
            f"{form} would lose {'; '.join(losses)} of net {graph.name}. "
            "The form .nel holds everything; lossy=True (--lossy) goes on without these"
        )


def labels(graph: Graph) -> str:
    """Names of neurons, other than their numbers."""
    return "" if graph.labels is None else f"the labels {some(graph.labels)}"


def weights(graph: Graph) -> str:
    """Start values."""
    known = 0 if graph.initial is None else int((~np.isnan(graph.initial)).sum())
    return "" if not known else counted(known, "start value") + " of parameters"


def partly_drawn(graph: Graph) -> str:
    """Weights with a start value beside others to be drawn."""
    values = edge_values(graph)
    known = int((~np.isnan(values)).sum())
    if known in (0, len(values)):
        return ""
    return f"the start values of {known} of {len(values)} weights (the others are open)"


def zero_weights(graph: Graph) -> str:
    """Edges of weight 0."""
    edges = np.flatnonzero(edge_values(graph) == 0)
    ends = zip(graph.source[edges[:4]].tolist(), graph.target[edges[:4]].tolist(), strict=True)
    names = [f"{graph.neuron_name(i)} -> {graph.neuron_name(j)}" for i, j in ends]
    return "" if not len(edges) else f"{counted(len(edges), 'edge')} of weight 0 ({some(names, len(edges))})"


def biases(graph: Graph) -> str:
    """Biases."""
    return _neurons(graph, graph.bias >= 0, "bias", "biases")


def drawn_biases(graph: Graph) -> str:
    """Biases whose start value is to be drawn."""
    if graph.initial is None:
        return _neurons(graph, graph.bias >= 0, "bias to be drawn", "biases to be drawn")
    drawn = (graph.bias >= 0) & np.isnan(np.append(graph.initial, 0.0)[graph.bias])
    return _neurons(graph, drawn, "bias to be drawn", "biases to be drawn")


def aggregations(graph: Graph) -> str:
    """Aggregations other than sums."""
    other = ~graph.is_input & (graph.aggregation != AGGREGATIONS.index("sum"))
    return _neurons(graph, other, "neuron that does not sum", "neurons that do not sum")


def constants(graph: Graph) -> str:
    """Neurons that compute something of nothing."""
    return _neurons(graph, ~graph.is_input & (graph.fan_in == 0), "constant", "constants")


def activations_but(held: Callable[[Activation], bool], what: str = "activation") -> Loss:
    """Activations other than those for which ``held`` is true."""

    def lack(graph: Graph) -> str:
        lost = np.array([not held(activation) for activation in graph.activations], bool)
        found = ~graph.is_input & lost[graph.activation] if len(lost) else np.zeros(0, bool)
        names = dict.fromkeys(str(graph.activations[k]) for k in graph.activation[found].tolist())
        return "" if not names else f"the {what} {some(list(names))} of {counted(int(found.sum()), 'neuron')}"

    return lack


def delays(graph: Graph) -> str:
    """Delayed edges."""
    count = 0 if graph.delayed is None else int(graph.delayed.sum())
    return "" if not count else f"the delay of {counted(count, 'edge')}"


def sharing(graph: Graph) -> str:
    """Parameters that several edges or neurons use."""
    uses = np.concatenate([graph.parameter, graph.bias[graph.bias >= 0]])
    shared = int((np.bincount(uses, minlength=1) > 1).sum())
    return "" if not shared else f"{counted(shared, 'parameter')} shared by several edges"


def placement(graph: Graph) -> str:
    """An order of the flat vector other than by use."""
    expected, uses = numbered_by_use(graph), uses_of(graph)
    moved = int(np.unique(uses[expected != uses]).size)
    return "" if not moved else f"the places of {counted(moved, 'parameter')} in the flat vector"


def odd_biases(graph: Graph) -> str:
    """Biases that are shared, or placed other than behind all weights by neuron."""
    own = graph.bias[graph.bias >= 0]
    expected = graph.parameter_count - len(own) + np.arange(len(own))
    odd = set(own[own != expected].tolist()) | (set(own.tolist()) & set(own_names(graph)))
    names = [graph.parameter_names[number] for number in sorted(odd)]
    return "" if not names else f"the place, name or sharing of parameters that are biases ({some(names)})"


def misplaced_weights(graph: Graph) -> bool:
    """Whether weights are not numbered by their first use."""
    return bool(np.any(numbered_by_use(graph)[: graph.edge_count] != graph.parameter))


def named_numbers(graph: Graph) -> str:
    """Names of weights that are not numbered by their first use."""
    return parameter_names(graph) if misplaced_weights(graph) else ""


def unused(graph: Graph) -> str:
    """Parameters that nothing uses."""
    spare = graph.parameter_count - len(np.unique(uses_of(graph)))
    return "" if not spare else f"{counted(spare, 'parameter')} that nothing uses"


def parameter_names(graph: Graph) -> str:
    """Names of parameters that do not follow from the edges."""
    names = list(own_names(graph).values())
    return "" if not names else f"{counted(len(names), 'name')} of parameters ({some(names)})"


def output_choice(graph: Graph) -> str:
    """Outputs that are not just all sinks, ascending."""
    if np.array_equal(graph.outputs, graph.sinks):
        return ""
    names = [graph.neuron_name(neuron) for neuron in graph.outputs[:4].tolist()]
    return f"the choice of outputs ({some(names, len(graph.outputs))})"


def in_set_order(graph: Graph) -> str:
    """The order of in-sets, where it is not by ascending source."""
    falls = (np.diff(graph.target) == 0) & (np.diff(graph.source) < 0)
    found = np.zeros(graph.neuron_count, bool)
    found[graph.target[1:][falls]] = True
    return _neurons(graph, found, "in-set's order", "in-sets' orders")


# What the writers ask, too


def uses_of(graph: Graph) -> np.ndarray:
    """The parameter of each edge, then of each bias (by neuron)."""
    return np.concatenate([graph.parameter, graph.bias[graph.bias >= 0]])


def numbered_by_use(graph: Graph) -> np.ndarray:
    """The same, if parameters were numbered by their first use."""
    uses = uses_of(graph)
    if np.array_equal(uses, np.arange(len(uses))):
        return uses
    _, first, inverse = np.unique(uses, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse.reshape(-1)]


def own_names(graph: Graph) -> dict[int, str]:
    """The names of parameters that would be others if the user had not given them."""
    if not graph.given_names:
        return {}
    default = graph.default_parameter_names()
    return {k: name for k, name in sorted(graph.given_names.items()) if name != default[k]}


def edge_values(graph: Graph) -> np.ndarray:
    """The start value of each edge's weight (E), NaN where it is to be drawn."""
    if graph.initial is None:
        return np.full(graph.edge_count, np.nan)
    return graph.initial[graph.parameter]


def some(names: Sequence[str], total: int | None = None) -> str:
    """The first few of many names."""
    count = len(names) if total is None else total
    shown = [name if len(name) <= 24 else name[:24] + "..." for name in names[:_SHOWN]]
    return ", ".join(shown) + (", ..." if count > len(shown) else "")


def _neurons(graph: Graph, which: np.ndarray, one: str, many: str) -> str:
    """``3 biases (n04, n05, n06)``."""
    found = np.flatnonzero(which)
    names = [graph.neuron_name(n) for n in found[: _SHOWN + 1].tolist()]
    return "" if not len(found) else f"{len(found)} {one if len(found) == 1 else many} ({some(names, len(found))})"
