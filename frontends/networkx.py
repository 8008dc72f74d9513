"""``networkx.DiGraph``: nodes are neurons in the order in which they were added, edges are weighted connections.

Edge attributes:
  ``weight``       a number; without it the start value is drawn
  ``param``        a name or a number; edges with the same one share a parameter, and a number is its place in the flat
                   vector
  ``delay``        1: the edge carries the value of the step before, so that it may close a cycle; 0, the default: it
                   does not
Node attributes:
  ``activation``   "tanh", "relu_leaky<0.1>" or ("relu_leaky", 0.1); without it ``act``
  ``bias``         a number; without it the neuron has no bias
  ``aggregation``  sum (the default), product, max, min, mean, maxabs or median

An attribute that is None counts as absent. Others are ignored, except a node's ``delay``, which is refused: it would
change the meaning of the net. A node without in-edges is an input; with a ``bias`` it is a constant.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterable
from numbers import Integral, Real
from typing import Any, NamedTuple

import networkx
import numpy as np

from irc.dialects.array.kind import AGGREGATIONS
from irc.dialects.neuron.names import numbered_name
from irc.frontends import losses
from irc.frontends.activation import IDENTITY, Activation
from irc.frontends.graph import Graph, finished, sinks
from irc.ir.diagnostics import Diagnostics, Error, fail
from irc.ir.locations import NameLocation

_LACKS = (losses.drawn_biases, losses.odd_biases, losses.named_numbers, losses.unused)
"""What no graph with these attributes says."""


class _Place(NamedTuple):
    """A parameter named by its place in the flat vector."""

    number: int


class _Own(NamedTuple):
    """The parameter of one edge alone."""

    source: int
    target: int


_Key = str | _Place | _Own
"""What tells parameters apart."""


def from_networkx(g: networkx.DiGraph, *, act: Any = "identity", outputs: Any = None, name: str | None = None) -> Graph:
    """The net of a directed graph, which is only read.

    ``act`` is the activation of nodes that have none of their own, apart from inputs. ``outputs``: nodes of ``g``,
    labels (``str(node)``) or numbers of neurons, one or a list; None: those of the graph. ``name``: by
    default the graph's.
    Raises Error with all that is wrong: kind of graph, parallel edges, attributes, equal labels, cycles.
    """
    if not isinstance(g, networkx.Graph):
        fail(f"expected a networkx.DiGraph, not {type(g).__name__}")
    if not g.is_directed():
        fail("the graph is undirected: a net needs a networkx.DiGraph, which says where each edge goes")
    reader = _Reader(g, Activation.parse(act))
    graph = reader.graph(name or str(g.name) or "net")
    outputs = g.graph.get("outputs") if outputs is None else outputs
    return finished(graph, None if outputs is None else reader.neurons(outputs), reader.diagnostics)


def to_networkx(graph: Graph, *, lossy: bool = False) -> networkx.DiGraph:
    """The graph as a ``networkx.DiGraph``, with the attributes that :func:`from_networkx` reads; nodes are the names of
    neurons.

    Raises :class:`irc.Error` that lists what it cannot hold (parameters placed other than by use, with names), unless
    ``lossy``.
    """
    losses.refuse(graph, "a networkx.DiGraph", _LACKS, lossy)
    g = networkx.DiGraph(name=graph.name)
    names = [graph.neuron_name(neuron) for neuron in range(graph.neuron_count)]
    if graph.labels is None:
        g.graph["numbered"] = True
    if losses.output_choice(graph):
        g.graph["outputs"] = [names[neuron] for neuron in graph.outputs.tolist()]
    start = np.full(graph.parameter_count, math.nan) if graph.initial is None else graph.initial
    constant = ~graph.is_input & (graph.fan_in == 0) & (graph.bias < 0)
    for neuron, name in enumerate(names):
        attributes: dict[str, Any] = {}
        if not graph.is_input[neuron]:
            attributes["activation"] = str(graph.activation_of(neuron))
            if graph.aggregation[neuron]:
                attributes["aggregation"] = graph.aggregation_of(neuron)
            if graph.bias[neuron] >= 0:
                attributes["bias"] = float(np.nan_to_num(start[graph.bias[neuron]], nan=0.0))
            if constant[neuron]:
                attributes["input"] = False
        g.add_node(name, **attributes)
    weights = [{} if value != value else {"weight": value} for value in losses.edge_values(graph).tolist()]
    params = _params(graph)
    late = np.zeros(graph.edge_count, bool) if graph.delayed is None else graph.delayed
    delays: list[dict[str, Any]] = [{"delay": 1} if delayed else {} for delayed in late.tolist()]
    ends = zip(graph.source.tolist(), graph.target.tolist(), weights, params, delays, strict=True)
    g.add_edges_from((names[i], names[j], {**weight, **param, **delay}) for i, j, weight, param, delay in ends)
    return g


def _params(graph: Graph) -> list[dict[str, Any]]:
    """The attribute ``param`` of each edge: a name that was given, a number where it is needed, or none.

    Numbers are places among the weights. They are those of the flat vector, unless biases or unused parameters stand
    among the weights there: such places are lost.
    """
    given, numbers = losses.own_names(graph), graph.parameter.tolist()
    places = np.unique(graph.parameter, return_inverse=True)[1].tolist()
    if losses.misplaced_weights(graph):
        return [{"param": place} for place in places]
    shared = (np.bincount(graph.parameter, minlength=graph.parameter_count) > 1).tolist()
    return [
        {"param": given[number]} if number in given else {"param": place} if shared[number] else {}
        for number, place in zip(numbers, places, strict=True)
    ]


class _Reader:
    def __init__(self, g: networkx.DiGraph, act: Activation):
        self.g = g
        self.act = act
        self.diagnostics = Diagnostics()
        self.number: dict[Hashable, int] = {node: number for number, node in enumerate(g)}
        self.labels = tuple(str(node) for node in g)
        self.source: list[int] = []
        self.target: list[int] = []
        self.keys: list[_Key] = []
        self.weights: list[float] = []  # NaN where there is none
        self.delayed: list[bool] = []

    def graph(self, name: str) -> Graph:
        """The graph, not yet validated."""
        self.read_edges()
        count = len(self.labels)
        source, target = np.array(self.source, dtype=np.int64), np.array(self.target, dtype=np.int64)
        fan_in = np.bincount(target, minlength=count)
        biases = self.biases(fan_in)
        biased = ~np.isnan(biases)
        is_input = (fan_in == 0) & ~biased & self.may_be_inputs()

        numbering = self.numbering()
        total = len(numbering) + int(biased.sum())
        bias = np.full(count, -1)
        bias[biased] = np.arange(len(numbering), total)
        initial = np.concatenate([self.initial_weights(numbering), biases[biased]])
        activations, activation = self.activations(is_input)
        graph = Graph(
            source=source,
            target=target,
            parameter=np.array([numbering[key] for key in self.keys], dtype=np.int64),
            bias=bias,
            activations=activations,
            activation=activation,
            aggregation=self.aggregations(),
            is_input=is_input,
            outputs=sinks(count, source, target),
            parameter_count=total,
            delayed=np.array(self.delayed) if any(self.delayed) else None,
            name=name,
            labels=None if self.numbered() else self.labels,
            initial=None if np.all(np.isnan(initial)) else initial,
            given_names={place: key for key, place in numbering.items() if isinstance(key, str)},
        )
        self.check_given_names(graph)
        return graph

    # Edges

    def read_edges(self) -> None:
        """Source, target, parameter and weight of every edge: targets in node order, then in the order of addition."""
        several = self.g.is_multigraph()
        for target, node in enumerate(self.g):
            for other, found in self.g.pred[node].items():
                edge = f"edge {other} -> {node}"
                if several and len(found) > 1:
                    self.diagnostics.error(f"{edge} is there {len(found)} times: a net has no parallel edges")
                attributes = next(iter(found.values())) if several else found
                self.delayed.append(self.delay(attributes.get("delay"), edge))
                source = self.number[other]
                param, weight = attributes.get("param"), attributes.get("weight")
                self.source.append(source)
                self.target.append(target)
                self.keys.append(_Own(source, target) if param is None else self.key(param, edge))
                self.weights.append(math.nan if weight is None else self.finite(weight, f"the weight of {edge}"))

    def delay(self, steps: Any, edge: str) -> bool:
        """Whether an edge is delayed."""
        if steps is None or (isinstance(steps, Integral) and not isinstance(steps, bool) and int(steps) in (0, 1)):
            return steps is not None and bool(steps)
        more = "; for more steps, put identity nodes in between" if isinstance(steps, Integral) else ""
        self.diagnostics.error(f"the delay of {edge} is 0 or 1, not {steps!r:.80}{more}")
        return False

    def key(self, param: Any, edge: str) -> _Key:
        """The parameter that an edge's attribute ``param`` names."""
        if isinstance(param, str) and param:
            return str(param)
        if isinstance(param, Integral) and not isinstance(param, bool) and int(param) >= 0:
            return _Place(int(param))
        self.diagnostics.error(f"param of {edge} is a name, or a number from 0, not {param!r:.80}")
        return ""

    def finite(self, number: Any, what: str) -> float:
        """``number`` as a float; 0.0, with an error recorded, where it is not a finite number."""
        if isinstance(number, Real) and not isinstance(number, bool):
            try:
                value = float(number)
            except OverflowError:
                value = math.inf
            if math.isfinite(value):
                return value
        self.diagnostics.error(f"{what} is a finite number, not {number!r:.80}")
        return 0.0

    def numbering(self) -> dict[_Key, int]:
        """The number of each weight: the user's as they are, those of the others around them, by first use."""
        distinct = dict.fromkeys(self.keys)
        numbered = {key.number for key in distinct if isinstance(key, _Place)}
        beyond = sorted(number for number in numbered if number >= len(distinct))
        for number in beyond:
            self.diagnostics.error(
                f"param {number:#x} is out of range: a number is a place in the flat vector, and the net has "
                f"{len(distinct)} different weights; a name shares a parameter wherever it is"
            )
        if beyond:
            return {key: number for number, key in enumerate(distinct)}
        free = (number for number in itertools.count() if number not in numbered)
        return {key: key.number if isinstance(key, _Place) else next(free) for key in distinct}

    def initial_weights(self, numbering: dict[_Key, int]) -> np.ndarray:
        """The start value of each weight, NaN where no edge gives one; edges that share one must not disagree."""
        initial = [math.nan] * len(numbering)
        for edge, (key, weight) in enumerate(zip(self.keys, self.weights, strict=True)):
            number = numbering[key]
            if math.isnan(weight) or weight == initial[number]:
                continue
            if math.isnan(initial[number]):
                initial[number] = weight
                continue
            shared = key.number if isinstance(key, _Place) else repr(key)
            source, target = self.labels[self.source[edge]], self.labels[self.target[edge]]
            message = f"weight {weight}, but an edge before it that shares param {shared} has {initial[number]}"
            self.diagnostics.error(f"edge {source} -> {target} has {message}")
        return np.array(initial, dtype=np.float64)

    def check_given_names(self, graph: Graph) -> None:
        """A name that the user gave must not be the one that another parameter has by itself."""
        given = set(graph.given_names.values())
        for place, name in enumerate(graph.default_parameter_names() if given else []):
            if name in given and place not in graph.given_names:
                self.diagnostics.error(f"param {name!r} is also the name of another parameter: choose another name")

    # Nodes

    def numbered(self) -> bool:
        """Whether the graph says that its nodes are numbers, and they are."""
        count = len(self.labels)
        names = (numbered_name(number, count) for number in range(count))
        return self.g.graph.get("numbered") is True and all(map(str.__eq__, self.labels, names))

    def may_be_inputs(self) -> np.ndarray:
        """Which nodes are inputs if nothing leads to them."""
        return np.array([value is None or bool(value) for _, value in self.g.nodes(data="input")], bool)

    def biases(self, fan_in: np.ndarray) -> np.ndarray:
        """The bias of each neuron, NaN where it has none. Also the place where nodes' delays are refused."""
        biases = np.full(len(self.labels), math.nan)
        for number, (node, attributes) in enumerate(self.g.nodes.items()):
            if attributes.get("delay") is not None:
                self.diagnostics.error(f"node {node} has a delay: the edges from it have delays, not the node")
            bias = attributes.get("bias")
            if bias is None:
                continue
            biases[number] = self.finite(bias, f"the bias of node {node}")
            if not fan_in[number]:
                self.diagnostics.warning(
                    f"node {node} has a bias and no in-edges: it is a constant, not an input",
                    NameLocation(self.labels[number]),
                )
        return biases

    def activations(self, is_input: np.ndarray) -> tuple[tuple[Activation, ...], np.ndarray]:
        """The table of activations that occur, and each neuron's position in it."""
        table = {IDENTITY: 0}
        positions = np.zeros(len(self.labels), dtype=np.int64)
        for number, (node, written) in enumerate(self.g.nodes(data="activation")):
            location = NameLocation(self.labels[number])
            activation = IDENTITY if is_input[number] else self.act
            if written is not None:
                try:
                    activation = Activation.parse(written, location)
                except Error as error:
                    self.diagnostics.error(f"node {node}: {error.diagnostics[0].message}", location)
            if is_input[number] and activation != IDENTITY:
                message = f"node {node} has no in-edges: it is an input, and its activation {activation} is ignored"
                self.diagnostics.warning(message, location)
                activation = IDENTITY
            positions[number] = table.setdefault(activation, len(table))
        return tuple(table), positions

    def aggregations(self) -> np.ndarray:
        """Each neuron's position in AGGREGATIONS."""
        positions = np.zeros(len(self.labels), dtype=np.int64)
        for number, (node, name) in enumerate(self.g.nodes(data="aggregation")):
            if isinstance(name, str) and name in AGGREGATIONS:
                positions[number] = AGGREGATIONS.index(name)
            elif name is not None:
                known = " ".join(AGGREGATIONS)
                message = f"node {node}: unknown aggregation {name!r:.80}; known are: {known}"
                self.diagnostics.error(message, NameLocation(self.labels[number]))
        return positions

    # Outputs

    def neurons(self, outputs: Any) -> list[Any]:
        """``outputs`` with nodes replaced by their numbers; what is no node stays, to be taken as a label or a number.

        Where nodes are numbers themselves, a number means a node and nothing else.
        """
        if isinstance(outputs, (str, Integral)) or self.is_node(outputs) or not isinstance(outputs, Iterable):
            outputs = [outputs]
        numbers_are_nodes = any(isinstance(node, Integral) for node in self.g)
        chosen: list[Any] = []
        for item in outputs:
            if self.is_node(item):
                chosen.append(self.number[item])
            elif isinstance(item, Integral) and numbers_are_nodes:
                self.diagnostics.error(f"outputs: the graph has no node {item!r}")
            else:
                chosen.append(item)
        return chosen

    def is_node(self, item: Any) -> bool:
        """Whether ``item`` is a node of the graph; what has no hash is none."""
        try:
            return item in self.number
        except TypeError:
            return False
