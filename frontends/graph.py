"""The graph of neurons that all graph forms become: arrays, checked once.

Neurons are numbered 0..N-1 in the order of the file. A neuron is an input, or computes
``f(aggregate(w * x over its edges) + bias)``. Edges are kept by target, within a target in the order of its in-set;
each names a parameter, and equal numbers are a shared parameter. No Python object per edge exists: names and locations
are made when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np

from irc.arrays import require_memory
from irc.dialects.array.kind import AGGREGATIONS
from irc.frontends.activation import Activation
from irc.frontends.topology import cycles, orderable
from irc.ir.diagnostics import Diagnostic, Diagnostics, fail
from irc.ir.locations import UNKNOWN, Location, NameLocation, Source

_FEED_FORWARD = "a net must be feed-forward, but for edges with a delay"
MOST = 2**31 - 1
"""Neurons, edges and parameters of a net, at most: native code has numbers of 32 bits."""
_NEURON_BYTES = 100
"""What a neuron takes at least."""
_SHOWN_CYCLE = 24
_SHOWN_ALONE = 8


@dataclass(frozen=True, eq=False)
class Graph:
    """N neurons, E edges, P parameters. Arrays are int64 and read-only unless said otherwise.

    ``source``, ``target`` (E): neuron numbers; sorted by target, then in in-set order.
    ``parameter`` (E): the parameter that is the edge's weight, 0..P-1; equal numbers share one.
    ``bias`` (N): the parameter added to the aggregate, or -1.
    ``activation`` (N): position in ``activations``. ``aggregation`` (N): position in AGGREGATIONS
    (``irc.dialects.array.kind``). ``is_input`` (N, bool). ``outputs``: neuron numbers, in the order of the results.
    ``delayed`` (E, bool): which edges carry the value of the step before, so that they may close a cycle; None: none.
    ``labels``: a unique name per neuron, or None: then neurons are n00, n01, ... (hexadecimal).
    ``initial`` (P, float64): start values, NaN where one is to be drawn, U(+-1/sqrt(fan_in)); None: all are.
    ``given_names``: names of parameters that the user chose; the others follow from the edges.
    ``origin``, ``neuron_offsets`` (N), ``edge_offsets`` (E): the text, and where in it each neuron and edge stands.
    ``warnings``: what the frontend found worth saying.
    """

    source: np.ndarray
    target: np.ndarray
    parameter: np.ndarray
    bias: np.ndarray
    activations: tuple[Activation, ...]
    activation: np.ndarray
    aggregation: np.ndarray
    is_input: np.ndarray
    outputs: np.ndarray
    parameter_count: int
    delayed: np.ndarray | None = None
    name: str = "net"
    labels: tuple[str, ...] | None = None
    initial: np.ndarray | None = None
    given_names: Mapping[int, str] = field(default_factory=dict)
    origin: Source | None = None
    neuron_offsets: np.ndarray | None = None
    edge_offsets: np.ndarray | None = None
    warnings: tuple[Diagnostic, ...] = ()

    def __post_init__(self) -> None:
        for name, value in list(vars(self).items()):
            if isinstance(value, np.ndarray):
                view = value.view()  # whoever gave it may go on to write to it: see irc.frontends.given
                view.flags.writeable = False
                object.__setattr__(self, name, view)

    @classmethod
    def from_edges(
        cls,
        count: int,
        source: np.ndarray,
        target: np.ndarray,
        *,
        activations: tuple[Activation, ...],
        activation: np.ndarray,
        is_input: np.ndarray,
        values: np.ndarray | None = None,
        edge_offsets: np.ndarray | None = None,
        **fields: Any,
    ) -> Graph:
        """A graph of weighted sums without biases, every edge with a parameter of its own, every sink an output.

        ``source``, ``target``, ``values`` (float weights) and ``edge_offsets`` go by edge, in any order of targets; the
        edges of one target must be in in-set order. ``fields`` are further fields of the graph.
        """
        if np.any(target[1:] < target[:-1]):
            order = np.argsort(target, kind="stable")
            source, target = source[order], target[order]
            values = None if values is None else values[order]
            edge_offsets = None if edge_offsets is None else edge_offsets[order]
        return cls(
            source=source,
            target=target,
            parameter=np.arange(len(source)),
            bias=np.full(count, -1),
            activations=activations,
            activation=activation,
            aggregation=np.zeros(count, dtype=np.int64),
            is_input=is_input,
            outputs=sinks(count, source, target),
            parameter_count=len(source),
            initial=values,
            edge_offsets=edge_offsets,
            **fields,
        )

    @property
    def neuron_count(self) -> int:
        """N, inputs included."""
        return len(self.is_input)

    @property
    def edge_count(self) -> int:
        """E."""
        return len(self.source)

    @property
    def has_delays(self) -> bool:
        """Whether some edges are delayed, so that the net runs over time."""
        return self.delayed is not None and bool(self.delayed.any())

    @cached_property
    def same_step(self) -> np.ndarray:
        """The numbers of the edges that are not delayed, ascending."""
        return np.arange(self.edge_count) if self.delayed is None else np.flatnonzero(~self.delayed)

    @cached_property
    def sinks(self) -> np.ndarray:
        """The outputs that the graph has unless the user chooses."""
        return sinks(self.neuron_count, self.source, self.target)

    @cached_property
    def inputs(self) -> np.ndarray:
        """The numbers of the input neurons, ascending: the columns of the net's argument."""
        return np.flatnonzero(self.is_input)

    @cached_property
    def fan_in(self) -> np.ndarray:
        """The number of edges into each neuron (N)."""
        return np.bincount(self.target, minlength=self.neuron_count)

    @cached_property
    def offsets(self) -> np.ndarray:
        """CSR offsets (N + 1): the edges into neuron ``j`` are ``offsets[j]`` up to ``offsets[j + 1]``."""
        return np.concatenate([[0], np.cumsum(self.fan_in)])

    @cached_property
    def parameter_fan_in(self) -> np.ndarray:
        """For each parameter (P) the largest fan-in of the neurons that use it, which scales the draw of its start."""
        result = np.zeros(self.parameter_count, dtype=np.int64)
        np.maximum.at(result, self.parameter, self.fan_in[self.target])
        biased = self.bias >= 0
        np.maximum.at(result, self.bias[biased], self.fan_in[biased])
        return result

    def activation_of(self, neuron: int) -> Activation:
        """The activation of a neuron."""
        return self.activations[self.activation[neuron]]

    def aggregation_of(self, neuron: int) -> str:
        """The name of a neuron's aggregation."""
        return AGGREGATIONS[self.aggregation[neuron]]

    @cached_property
    def topological_order(self) -> np.ndarray:
        """All neurons (N), sources before targets, of several possible ones the smallest first. Error for a cycle.

        Delayed edges do not count.
        """
        if len(self._orderable) < self.neuron_count:
            diagnostics = Diagnostics()
            self._check_cycles(diagnostics)
            diagnostics.raise_errors()
        return self._orderable

    @cached_property
    def _orderable(self) -> np.ndarray:
        """The neurons that are neither on a cycle nor behind one, in topological order."""
        return orderable(self.neuron_count, self.source[self.same_step], self.target[self.same_step])

    # Names

    @cached_property
    def digits(self) -> int:
        """Hexadecimal digits of a neuron number in names: as many as the largest needs, at least two."""
        return max(2, len(f"{max(self.neuron_count - 1, 0):x}"))

    def neuron_name(self, neuron: int) -> str:
        """The neuron's label, or ``n`` and its number: ``n0c``."""
        return self.labels[neuron] if self.labels else f"n{neuron:0{self.digits}x}"

    def default_parameter_names(self) -> list[str]:
        """For each parameter (P) the name that the first edge or neuron that uses it gives it.

        That is ``w<i><j>`` and ``b<j>``, or ``w_<label>_<label>`` and ``b_<label>``.
        """
        parts = self.labels or [f"{neuron:0{self.digits}x}" for neuron in range(self.neuron_count)]
        dash = "_" if self.labels else ""
        names = [""] * self.parameter_count
        edges = zip(self.source.tolist(), self.target.tolist(), self.parameter.tolist(), strict=True)
        for i, j, parameter in edges:
            if not names[parameter]:
                names[parameter] = f"w{dash}{parts[i]}{dash}{parts[j]}"
        biased = np.flatnonzero(self.bias >= 0).tolist()
        for neuron, parameter in zip(biased, self.bias[biased].tolist(), strict=True):
            names[parameter] = names[parameter] or f"b{dash}{parts[neuron]}"
        return names

    @cached_property
    def parameter_names(self) -> tuple[str, ...]:
        """A unique name for each parameter (P): the user's, or its default name.

        Where labels make two default names equal (``a_b``, ``c`` and ``a``, ``b_c``), the later gets a number.
        """
        names = self.default_parameter_names()
        for parameter, name in self.given_names.items():
            names[parameter] = name
        return tuple(names) if len(set(names)) == len(names) else self._made_unique(names)

    def _made_unique(self, names: Sequence[str]) -> tuple[str, ...]:
        """``names`` with numbers behind repeated ones; names that the user gave stay."""
        taken = set(self.given_names.values())
        unique = []
        for parameter, name in enumerate(names):
            candidate, number = name, 1
            while parameter not in self.given_names and candidate in taken:
                number += 1
                candidate = f"{name}_{number}"
            taken.add(candidate)
            unique.append(candidate)
        return tuple(unique)

    # Places

    def neuron_location(self, neuron: int) -> NameLocation:
        """The neuron's name, and where it stands in the text."""
        return NameLocation(self.neuron_name(neuron), self._place(self.neuron_offsets, neuron))

    def edge_location(self, edge: int) -> Location:
        """The name of the edge's target, and where the edge stands in the text."""
        return NameLocation(self.neuron_name(int(self.target[edge])), self._place(self.edge_offsets, edge))

    def _place(self, offsets: np.ndarray | None, position: int) -> Location:
        if self.origin is None or offsets is None:
            return UNKNOWN
        return self.origin.location(int(offsets[position]))

    # Outputs

    def with_outputs(self, outputs: Any) -> Graph:
        """The same graph with other outputs: names or numbers of neurons, one or a list, in the order wanted.

        Raises Error for an unknown name, a number out of range, a repeated or an empty choice.
        """
        chosen = [outputs] if isinstance(outputs, (str, Integral)) else outputs
        if not isinstance(chosen, Iterable):
            fail(f"outputs must be names or numbers of neurons, not {type(outputs).__name__}")
        diagnostics = Diagnostics()
        numbers = [self._number_of(item, diagnostics) for item in chosen]
        if not numbers:
            diagnostics.error("no outputs: name at least one neuron")
        known = np.array([number for number in numbers if number is not None], dtype=np.int64)
        different, times = np.unique(known, return_counts=True)
        for number in different[times > 1].tolist():
            diagnostics.error(f"neuron {self.neuron_name(number)} is more than once among the outputs")
        diagnostics.raise_errors()
        return replace(self, outputs=known)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {self.neuron_name(neuron): neuron for neuron in range(self.neuron_count)}

    def _number_of(self, item: Any, diagnostics: Diagnostics) -> int | None:
        if isinstance(item, str) and item in self._numbers:
            return self._numbers[item]
        if isinstance(item, Integral) and not isinstance(item, bool) and 0 <= int(item) < self.neuron_count:
            return int(item)
        last = self.neuron_count - 1
        diagnostics.error(
            f"outputs: there is no neuron {item!r}; neurons are 0 to {last}, "
            f"by name {self.neuron_name(0)} to {self.neuron_name(last)}"
        )
        return None

    # Checks

    def validate(self, diagnostics: Diagnostics) -> None:
        """Record everything that makes this graph no net: only the arrays' sizes and ranges are taken for granted.

        That is: no neuron, empty or equal labels, a repeated edge, a cycle (listed), an edge into an input, a product,
        max, min, mean, maxabs or median of nothing.
        """
        if not self.neuron_count and not diagnostics.has_errors:
            diagnostics.error("a net needs at least one neuron")
        self._check_labels(diagnostics)
        self._check_repeated_edges(diagnostics)
        self._check_cycles(diagnostics)
        for edge in np.flatnonzero(self.is_input[self.target]).tolist():
            name = self.neuron_name(int(self.target[edge]))
            diagnostics.error(f"input {name} has an edge into it", self.edge_location(edge))
        nothing = (self.fan_in == 0) & ~self.is_input & (self.aggregation != AGGREGATIONS.index("sum"))
        for neuron in np.flatnonzero(nothing).tolist():
            name, aggregation = self.neuron_name(neuron), self.aggregation_of(neuron)
            message = f"neuron {name} has no in-edges: their {aggregation} is not defined"
            diagnostics.error(message, self.neuron_location(neuron))

    def _check_labels(self, diagnostics: Diagnostics) -> None:
        if self.labels is None:
            return
        first: dict[str, int] = {}
        for neuron, label in enumerate(self.labels):
            if not label:
                diagnostics.error(f"neuron {neuron} has an empty label", self.neuron_location(neuron))
            elif label in first:
                note = Diagnostic("it is first used here", self.neuron_location(first[label]), "note")
                where = self.neuron_location(neuron)
                diagnostics.error(f"label {label!r} is used for two neurons", where, *_placed(note))
            first.setdefault(label, neuron)

    def _check_repeated_edges(self, diagnostics: Diagnostics) -> None:
        order = np.lexsort((self.source, self.target))  # stable: equal edges stay in the order of the file
        same = (np.diff(self.source[order]) == 0) & (np.diff(self.target[order]) == 0)
        for at in np.flatnonzero(same).tolist():
            before, edge = int(order[at]), int(order[at + 1])
            note = Diagnostic("the same edge, before", self.edge_location(before), "note")
            names = f"{self.neuron_name(int(self.source[edge]))} -> {self.neuron_name(int(self.target[edge]))}"
            diagnostics.error(f"edge {names} is given twice", self.edge_location(edge), *_placed(note))

    def _check_cycles(self, diagnostics: Diagnostics) -> None:
        if len(self._orderable) == self.neuron_count:
            return
        edges = self.same_step
        loops = self.source[edges] == self.target[edges]
        for edge in edges[loops].tolist():
            name = self.neuron_name(int(self.target[edge]))
            diagnostics.error(f"cycle: {name} -> {name}; {_FEED_FORWARD}", self.edge_location(edge))
        edges = edges[~loops]
        source, target = self.source[edges], self.target[edges]
        for cycle in cycles(self.neuron_count, source, target):
            # The edge that closes it: from its last neuron back to its first.
            closing = edges[np.flatnonzero((source == cycle[-1]) & (target == cycle[0]))[0]]
            names = [self.neuron_name(neuron) for neuron in cycle[:_SHOWN_CYCLE]]
            if len(cycle) > _SHOWN_CYCLE:
                names.append(f"... ({len(cycle) - _SHOWN_CYCLE} more)")
            text = " -> ".join([*names, names[0]])
            diagnostics.error(f"cycle: {text}; {_FEED_FORWARD}", self.edge_location(int(closing)))


def _placed(note: Diagnostic) -> tuple[Diagnostic, ...]:
    """The note, if it says where: without a place it would only repeat the error."""
    return (note,) if note.location.file_location() else ()


def require_room(neurons: int) -> None:
    """Raise :class:`irc.Error` for more neurons than a net can have, or this machine can hold."""
    if neurons > MOST:
        fail(f"a net has fewer than 2**31 neurons, not {neurons}")
    require_memory(neurons, _NEURON_BYTES, f"{neurons} neurons")


def sinks(count: int, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The neurons without an edge to another one, ascending: the outputs unless the user chooses."""
    return np.flatnonzero(np.bincount(source[source != target], minlength=count) == 0)


def raise_in_order(diagnostics: Diagnostics) -> None:
    """Sort what was found by its place in the text, and raise it as one Error, if an error is among it."""
    diagnostics.found.sort(key=lambda found: (found.line or 0, found.column or 0))
    diagnostics.raise_errors()


def finished(graph: Graph, outputs: Any, diagnostics: Diagnostics) -> Graph:
    """The last step of every graph frontend: checks, and the user's choice of ``outputs`` (None: every sink).

    Raises everything in ``diagnostics`` as one Error, if an error is among it; else the result has its warnings.
    """
    graph.validate(diagnostics)
    raise_in_order(diagnostics)
    if outputs is None and graph.edge_count:
        alone = graph.outputs[graph.is_input[graph.outputs]].tolist()
        for neuron in alone[:_SHOWN_ALONE]:
            message = f"neuron {graph.neuron_name(neuron)} has no edges: it is an input and an output"
            diagnostics.warning(message, graph.neuron_location(neuron))
        if len(alone) > _SHOWN_ALONE:
            diagnostics.warning(f"{len(alone) - _SHOWN_ALONE} more neurons have no edges: all are inputs and outputs")
    graph = replace(graph, warnings=tuple(diagnostics.found))
    if outputs is None and not len(graph.outputs):
        fail("every neuron feeds another one: say which are outputs (outputs=)", graph.neuron_location(0))
    return graph if outputs is None else graph.with_outputs(outputs)
