"""Genomes of neat-python (https://github.com/CodeReclaimers/neat-python), read without importing it.

The net computes what ``neat.nn.FeedForwardNetwork`` computes: only enabled connections count, and only nodes that an
output depends on. A node is ``activation(bias + response * aggregation(weight * value over its links))``. Its key is
the neuron's label, its bias the parameter ``b_<key>``, weights are ``w_<key>_<key>``. A response that is not 1 becomes
an extra neuron ``agg<key>``, which aggregates, and an edge from there whose weight is the parameter ``r<key>``.

Where the configuration says ``feed_forward = False`` the net computes what ``neat.nn.RecurrentNetwork`` computes:
inputs are those of the step, but all links between nodes carry the value of the step before, at first 0. A node without
links is 0 there, whatever its bias.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from irc.dialects.array.kind import AGGREGATIONS
from irc.frontends.activation import IDENTITY, Activation
from irc.frontends.graph import Graph, finished
from irc.frontends.topology import cycles
from irc.ir.diagnostics import Diagnostics, fail
from irc.ir.locations import UNKNOWN, Location

_SAME = {
    "identity": IDENTITY,
    "relu": Activation("relu"),
    "elu": Activation("elu", 1.0),
    "lelu": Activation("relu_leaky", 0.005),
    "selu": Activation("selu"),
}
_OWN = "sigmoid tanh sin gauss softplus clamped inv log exp abs hat square cube".split()
ACTIVATIONS = {**_SAME, **{name: Activation(f"neat_{name}") for name in _OWN}}
"""neat-python's activations by the names that it has for them."""

FUNCTIONS = {"activation": ACTIVATIONS, "aggregation": AGGREGATIONS}
"""What the names of both kinds of function may be. neat-python's aggregations are called as those here."""

_ONE = ACTIVATIONS["exp"]
"""Of nothing this is 1, as is neat-python's product of nothing."""


class Node(NamedTuple):
    """A node that is no input: neat-python's names of its functions, and two numbers. Nothing is checked yet."""

    activation: Any
    aggregation: Any
    bias: Any
    response: Any
    location: Location = UNKNOWN


class Connection(NamedTuple):
    """An enabled connection between keys of nodes. The weight is not checked yet."""

    source: int
    target: int
    weight: Any
    location: Location = UNKNOWN


@dataclass
class Genome:
    """A genome as it was read. Links of a node are in the order of ``connections``. ``recurrent``: links between nodes
    are delayed by a step.
    """

    name: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    nodes: dict[int, Node] = field(default_factory=dict)
    connections: list[Connection] = field(default_factory=list)
    recurrent: bool = False


def is_genome(source: Any) -> bool:
    """Whether ``source`` is a pair of a genome and its configuration."""
    return isinstance(source, tuple) and len(source) == 2 and _looks_like_genome(source[0])


def _looks_like_genome(item: Any) -> bool:
    return hasattr(item, "nodes") and hasattr(item, "connections")


def from_genome(genome: Any, config: Any, *, outputs: Any = None, name: str | None = None) -> Graph:
    """The net of a ``neat.DefaultGenome`` and its ``neat.Config``, which are only read.

    ``outputs``: keys of nodes (numbers or labels), one or a list; None: ``output_keys`` of the configuration, in its
    order. ``name``: by default ``genome<key>``. Raises Error with all that is wrong: functions that are not
    neat-python's own, numbers that are not finite, keys without a node, and a cycle where the configuration demands
    ``feed_forward``.
    """
    if not _looks_like_genome(genome):
        fail(f"expected a genome with nodes and connections, not {type(genome).__name__}")
    settings = getattr(config, "genome_config", None)
    if not hasattr(settings, "input_keys") or not hasattr(settings, "output_keys"):
        fail("the configuration of a genome is a neat.Config: it needs genome_config.input_keys and .output_keys")
    diagnostics = Diagnostics()
    key = getattr(genome, "key", None)
    read = Genome(
        name or (f"genome{key}" if isinstance(key, Integral) else "genome"),
        list(settings.input_keys),  # type: ignore[union-attr]
        list(settings.output_keys),  # type: ignore[union-attr]
        {k: Node(n.activation, n.aggregation, n.bias, n.response) for k, n in genome.nodes.items()},
        [Connection(source, target, c.weight) for (source, target), c in genome.connections.items() if c.enabled],
        recurrent=not getattr(settings, "feed_forward", True),
    )
    required = _required(read)
    for what in FUNCTIONS:
        known = getattr(getattr(settings, f"{what}_defs", None), "functions", {})
        for node in sorted(required):
            function = known.get(getattr(read.nodes.get(node), what, None))
            if function is not None and getattr(function, "__module__", None) != f"neat.{what}s":
                diagnostics.error(f"node {node}: {what} {getattr(read.nodes[node], what)!r} is a function of the user")
    return graph_of(read, outputs, diagnostics)


def graph_of(genome: Genome, outputs: Any, diagnostics: Diagnostics) -> Graph:
    """The net of a genome. Raises Error with everything wrong with it, and what is in ``diagnostics`` already."""
    required = _required(genome)
    _check(genome, required, diagnostics)
    diagnostics.raise_errors()
    inside = {*required, *genome.inputs}
    links = [c for c in genome.connections if c.target in required and c.source in inside]
    if not genome.recurrent:
        _check_order(genome, required, links, diagnostics)
    diagnostics.raise_errors()
    graph = _Builder(genome, sorted(required), links).graph()
    chosen = [str(key) for key in genome.outputs] if outputs is None else _labels(outputs)
    return finished(graph, chosen, diagnostics)


def _labels(outputs: Any) -> Any:
    """``outputs`` with numbers, which are keys, as labels."""
    if isinstance(outputs, (str, Integral)) or not isinstance(outputs, Iterable):
        outputs = [outputs]
    return [str(item) if isinstance(item, Integral) and not isinstance(item, bool) else item for item in outputs]


def _required(genome: Genome) -> set[int]:
    """The keys that outputs depend on, without inputs: neat-python leaves all others out."""
    sources: dict[int, list[int]] = {}
    for connection in genome.connections:
        sources.setdefault(connection.target, []).append(connection.source)
    inputs = set(genome.inputs)
    found, waiting = set(genome.outputs), list(genome.outputs)
    while waiting:
        for source in sources.get(waiting.pop(), ()):
            if source not in found and source not in inputs:
                found.add(source)
                waiting.append(source)
    return found


def _check(genome: Genome, required: set[int], diagnostics: Diagnostics) -> None:
    """Record what is wrong with the parts that count."""
    for what, keys in (("input", genome.inputs), ("output", genome.outputs)):
        for key in sorted({key for key in keys if keys.count(key) > 1}):
            diagnostics.error(f"key {key} is more than once among the {what}s")
    for key in sorted(set(genome.inputs) & set(genome.outputs)):
        diagnostics.error(f"key {key} is an input and an output")
    inputs = set(genome.inputs)
    linked = {connection.target for connection in genome.connections}
    for key in sorted(required & linked if genome.recurrent else required):  # a node without links is 0 there
        node = genome.nodes.get(key)
        if node is None:
            what = "output" if key in genome.outputs else "source of a connection"
            diagnostics.error(f"key {key} is the {what}, but there is no such node")
            continue
        for kind, known in FUNCTIONS.items():
            name = getattr(node, kind)
            if not isinstance(name, str) or name not in known:
                message = f"node {key}: unknown {kind} {name!r:.80}; known are: {' '.join(known)}"
                diagnostics.error(message, node.location)
        for kind in ("bias", "response"):
            if not _finite(getattr(node, kind)):
                message = f"the {kind} of node {key} is a finite number, not {getattr(node, kind)!r:.80}"
                diagnostics.error(message, node.location)
    for source, target, weight, location in genome.connections:
        if target in inputs:
            diagnostics.error(f"connection {source} -> {target} goes into an input", location)
        elif target in required and not _finite(weight):
            message = f"the weight of connection {source} -> {target} is a finite number, not {weight!r:.80}"
            diagnostics.error(message, location)


def _finite(number: Any) -> bool:
    if not isinstance(number, Real) or isinstance(number, bool):
        return False
    try:
        return math.isfinite(number)
    except OverflowError:  # an integer that no float can hold
        return False


def _check_order(genome: Genome, required: set[int], links: list[Connection], diagnostics: Diagnostics) -> None:
    """Record the cycles of a genome that is to be feed-forward."""
    keys = sorted(required)
    number = {key: place for place, key in enumerate(keys)}
    inner = [c for c in links if c.source in required]
    places = {(c.source, c.target): c.location for c in inner}
    edges = np.array([(number[c.source], number[c.target]) for c in inner], np.int64).reshape(-1, 2)
    for cycle in cycles(len(keys), edges[:, 0], edges[:, 1]):
        path = [keys[place] for place in (*cycle, cycle[0])]
        shown = " -> ".join(map(str, path))
        message = f"the genome has a cycle, but it is to be feed-forward (feed_forward in its configuration): {shown}"
        diagnostics.error(message, places[path[-2], path[-1]])


class _Builder:
    """Arrays of a graph, neuron by neuron: inputs, then nodes by key, each behind its aggregate if that is extra."""

    def __init__(self, genome: Genome, keys: list[int], links: list[Connection]):
        self.genome = genome
        self.links: dict[int, list[Connection]] = {key: [] for key in keys}
        for link in links:
            self.links[link.target].append(link)
        self.labels = [str(key) for key in genome.inputs]
        self.number: dict[int | str, int] = {key: place for place, key in enumerate(genome.inputs)}
        self.kinds: list[tuple[Activation, str]] = [(IDENTITY, "sum")] * len(self.labels)
        self.biases: dict[int, float] = {}
        self.responses: dict[int, int] = {}
        self.edges: list[tuple[int | str, int, float]] = []
        self.nodes = set(keys) if genome.recurrent else set()
        """The keys of nodes that others read a step later."""
        for key in keys:
            self.node(key)

    def node(self, key: int) -> None:
        """One node: one neuron or two."""
        links = self.links[key]
        if self.genome.recurrent and not links:
            self.number[key] = self.neuron(str(key), IDENTITY, "sum")
            return
        node = self.genome.nodes[key]
        activation, aggregation = ACTIVATIONS[node.activation], node.aggregation if links else "sum"
        one = not links and node.aggregation == "product"  # the others are 0 of nothing, so that their response is idle
        if one or (links and node.response != 1):
            extra = f"agg{key}"
            aggregate = self.number[extra] = self.neuron(extra, _ONE if one else IDENTITY, aggregation)
            self.edges += [(link.source, aggregate, link.weight) for link in links]
            target = self.neuron(str(key), activation, "sum")
            self.responses[len(self.edges)] = key
            self.edges.append((extra, target, node.response))
        else:
            target = self.neuron(str(key), activation, aggregation)
            self.edges += [(link.source, target, link.weight) for link in links]
        self.number[key] = target
        self.biases[target] = node.bias

    def neuron(self, label: str, activation: Activation, aggregation: str) -> int:
        """A new neuron; its number."""
        self.labels.append(label)
        self.kinds.append((activation, aggregation))
        return len(self.labels) - 1

    def graph(self) -> Graph:
        """The graph, not yet validated."""
        count, edges = len(self.labels), len(self.edges)
        table = {activation: number for number, activation in enumerate(dict.fromkeys(a for a, _ in self.kinds))}
        delayed = np.array([source in self.nodes for source, _, _ in self.edges], bool)
        bias = np.full(count, -1)
        bias[list(self.biases)] = edges + np.arange(len(self.biases))
        return Graph(
            source=np.array([self.number[source] for source, _, _ in self.edges], np.int64),
            target=np.array([target for _, target, _ in self.edges], np.int64),
            parameter=np.arange(edges),
            bias=bias,
            activations=tuple(table),
            activation=np.array([table[activation] for activation, _ in self.kinds], np.int64),
            aggregation=np.array([AGGREGATIONS.index(aggregation) for _, aggregation in self.kinds], np.int64),
            is_input=np.arange(count) < len(self.genome.inputs),
            outputs=np.array([self.number[key] for key in self.genome.outputs], np.int64),
            parameter_count=edges + len(self.biases),
            delayed=delayed if delayed.any() else None,
            name=self.genome.name,
            labels=tuple(self.labels),
            initial=np.array([*(w for _, _, w in self.edges), *self.biases.values()], np.float64),
            given_names={edge: f"r{key}" for edge, key in self.responses.items()},
        )
