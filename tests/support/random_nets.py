"""Random nets as a user would draw them: ``networkx.DiGraph`` with everything that a graph can say.

Mixed activations (with parameters) and aggregations, biases, shared weights by name and by number, skip edges, several
outputs, among them inputs and neurons that feed others, constants, isolated neurons, weights left open, attributes
left out, nodes that are not in topological order. One generator, two sources of choices: a seed, or Hypothesis, which
can then shrink.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import networkx as nx
import numpy as np
from hypothesis import strategies as st

Choose = Callable[[int, int], int]
"""``choose(low, high)``: an integer, both ends included."""

SMOOTH = ("identity", "linear", "sigmoid", "tanh", "silu", "swish", "swish<1.5>", "gelu", "gelu_tanh")
KINKED = (
    "relu",
    "relu_leaky",
    ("relu_leaky", 0.3),
    "relu_parametric",
    "relu_parametric<1.5>",
    "elu",
    "elu<0.5>",
    "selu",
    "binary_step",
    "neat_sigmoid",
    "neat_tanh",
    "neat_sin",
    "neat_gauss",
    "neat_softplus",
    "neat_clamped",
    "neat_abs",
    "neat_hat",
)
ACTIVATIONS = SMOOTH + KINKED
AGGREGATIONS = ("sum", "product", "max", "min", "mean", "maxabs", "median")
SMOOTH_AGGREGATIONS = ("sum", "product", "mean")
KINDS = 3
"""How many activations and aggregations, besides the defaults, one net mixes: code is made for each pair of them."""


def random_net(seed: int, smooth: bool = False) -> nx.DiGraph:
    """The net of a seed: the same graph every time. ``smooth``: no activation or aggregation with a corner."""
    rng = np.random.default_rng(seed)
    return _draw(lambda low, high: int(rng.integers(low, high + 1)), smooth, f"random{seed}")


@st.composite
def nets(draw: st.DrawFn, smooth: bool = False) -> nx.DiGraph:
    """A strategy of nets; zeros are the simplest choices, so nets shrink."""
    return _draw(lambda low, high: draw(st.integers(low, high)), smooth, "drawn")


def _draw(choose: Choose, smooth: bool, name: str) -> nx.DiGraph:
    activations = _some(choose, SMOOTH if smooth else ACTIVATIONS)
    aggregations = ["sum", *_some(choose, SMOOTH_AGGREGATIONS if smooth else AGGREGATIONS)]
    inputs, hidden = choose(1, 4), choose(1, 12)
    labels: list[int | str] = list(range(inputs + hidden))
    if choose(0, 1):
        labels = [f"n{k}" for k in labels]
    placed = list(labels)
    if choose(0, 3) == 3:  # the order in which nodes are added is not that of the edges
        for k in range(len(placed) - 1, 0, -1):
            other = choose(0, k)
            placed[k], placed[other] = placed[other], placed[k]
    g = nx.DiGraph(name=name)
    g.add_nodes_from(placed)
    shared = [_weight(choose) for _ in range(3)]
    for number in range(inputs, inputs + hidden):
        _add_neuron(g, choose, labels, number, activations, aggregations, shared)
    if choose(0, 9) == 9:
        g.add_node("alone")
    _number_some_weights(g, choose)
    g.graph["outputs"] = _outputs(g, choose)
    return g


def _some(choose: Choose, known: Sequence) -> list:
    return [known[choose(0, len(known) - 1)] for _ in range(KINDS)]


def _weight(choose: Choose) -> float:
    """A number that float32 holds exactly, and that is not zero."""
    return (1 + choose(0, 127)) / 64 * (-1) ** choose(0, 1)


def _add_neuron(g, choose: Choose, labels, number: int, activations, aggregations, shared) -> None:
    node = labels[number]
    if choose(0, 5):
        g.nodes[node]["activation"] = activations[choose(0, len(activations) - 1)]
    fan_in = 0 if choose(0, 14) == 14 else choose(1, min(number, 4))
    if fan_in == 0 or choose(0, 1):
        g.nodes[node]["bias"] = _weight(choose) / 2
    if fan_in and choose(0, 5):
        g.nodes[node]["aggregation"] = aggregations[choose(0, len(aggregations) - 1)]
    sources = list(range(number))
    for _ in range(fan_in):
        source = labels[sources.pop(choose(0, len(sources) - 1))]
        kind = choose(0, 9)
        if kind < 6:
            g.add_edge(source, node, weight=_weight(choose))
        elif kind < 9:
            which = choose(0, len(shared) - 1)
            g.add_edge(source, node, weight=shared[which], param=f"shared{which}")
        else:
            g.add_edge(source, node)


def _number_some_weights(g: nx.DiGraph, choose: Choose) -> None:
    """Sometimes the first two parameters of the flat vector are given by number."""
    own = [edge for edge in g.edges if "param" not in g.edges[edge]]
    if len(own) >= 2 and choose(0, 3) == 3:
        g.edges[own[-1]]["param"], g.edges[own[0]]["param"] = 0, 1


def _outputs(g: nx.DiGraph, choose: Choose) -> list | None:
    """None: all sinks; else some nodes in any order, inputs and inner ones too."""
    if choose(0, 1):
        return None
    rest = list(g)
    return [rest.pop(choose(0, len(rest) - 1)) for _ in range(choose(1, min(4, len(rest))))]
