"""What the lines of a ``.nel`` text say, and the graph that it amounts to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from irc.frontends.activation import IDENTITY, Activation
from irc.frontends.graph import Graph, raise_in_order, require_room, sinks
from irc.frontends.nel_line import Line, Place
from irc.frontends.text import stem
from irc.ir.diagnostics import Diagnostic, Diagnostics
from irc.ir.locations import Source


@dataclass(slots=True)
class NeuronLine:
    """``j : ...``. ``activation`` and ``aggregation`` are None, ``bias_parameter`` is -1, where nothing is said."""

    offset: int
    activation: Activation | None = None
    aggregation: int | None = None
    biased: bool = False
    bias: float = math.nan
    bias_parameter: int = -1
    label: str | None = None

    @property
    def computes(self) -> bool:
        """Whether the line says more than a label: then its neuron is no input, even without in-edges."""
        return self.activation is not None or self.aggregation is not None or self.biased


@dataclass(slots=True)
class ParameterLine:
    """``param k ...``; the value is NaN where the line has none."""

    offset: int
    value: float = math.nan
    name: str | None = None


@dataclass
class Statements:
    """All lines of a text; edges in any order. Where an edge does not say them its weight is NaN, its parameter -1."""

    header: int | None = None
    count: int | None = None
    name: str | None = None
    sources: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    parameters: list[int] = field(default_factory=list)
    delayed: list[bool] = field(default_factory=list)
    edge_offsets: list[int] = field(default_factory=list)
    neurons: dict[int, NeuronLine] = field(default_factory=dict)
    given: dict[int, ParameterLine] = field(default_factory=dict)
    inputs: list[Place] | None = None
    outputs: list[Place] | None = None


def graph_of(source: Source, found: Statements, diagnostics: Diagnostics) -> Graph:
    """The graph of a text, not yet validated. What is wrong goes to ``diagnostics``; raises Error where it is such that
    nothing more can be said.
    """
    count = _checked_count(source, found, diagnostics)
    return _Assembler(source, found, count, diagnostics).graph()


def _checked_count(source: Source, found: Statements, diagnostics: Diagnostics) -> int:
    """N, of which the arrays of the graph can be made. Neurons beyond it end the reading."""
    if found.count is None:
        raise_in_order(diagnostics)
    count = found.count or 0
    header = source.location(found.header or 0)
    if count >= 2**31:
        diagnostics.error("a net has fewer than 2**31 neurons", header)
    elif count == 0:
        diagnostics.error("a net needs at least one neuron", header)
    last = f"N is {count:02x} ({count}), so the last neuron is {count - 1:02x}" if count < 2**31 else "N is too large"
    stated = [Place(number, line.offset) for number, line in found.neurons.items()]
    for number, offset in [*(found.inputs or ()), *(found.outputs or ()), *_ends_beyond(source, found, count), *stated]:
        if number >= count:
            diagnostics.error(f"neuron {_shown(number)} is out of range: {last}", source.location(offset))
    raise_in_order(diagnostics)
    require_room(count)
    return count


def _shown(number: int) -> str:
    """A number as the text writes it, unless it is of absurd length."""
    return f"{number:02x}" if number < 2**64 else f"of {len(f'{number:x}')} digits"


def _ends_beyond(source: Source, found: Statements, count: int) -> list[Place]:
    """The ends of edges that are no neurons."""
    if max(max(found.sources, default=0), max(found.targets, default=0)) < count:
        return []
    places = []
    for i, j, offset in zip(found.sources, found.targets, found.edge_offsets, strict=True):
        if max(i, j) >= count:
            text = source.text[offset:].split("\n", 1)[0]
            (_, first), (_, second) = Line(text, offset).tokens[:2]
            places += [Place(i, first), Place(j, second)]
    return places


class _Assembler:
    """Makes arrays of the lines. All numbers of neurons are in range."""

    def __init__(self, source: Source, found: Statements, count: int, diagnostics: Diagnostics):
        self.source = source
        self.found = found
        self.count = count
        self.diagnostics = diagnostics
        target, offsets = np.array(found.targets, np.int64), np.array(found.edge_offsets, np.int64)
        order = np.lexsort((offsets, target))
        self.target = target[order]
        self.sources = np.array(found.sources, np.int64)[order]
        self.weights = np.array(found.weights, np.float64)[order]
        self.delayed = np.array(found.delayed, bool)[order]
        self.edge_offsets = offsets[order]
        self.parameters = [found.parameters[edge] for edge in order.tolist()]
        self.biased = sorted(number for number, line in found.neurons.items() if line.biased)

    def graph(self) -> Graph:
        """The graph."""
        is_input = self.inputs()
        activations, activation = self.activations(is_input)
        parameter, initial = self.flat()
        edges = len(self.target)
        bias = np.full(self.count, -1)
        bias[self.biased] = parameter[edges:]
        aggregation = np.zeros(self.count, np.int64)
        neuron_offsets = np.full(self.count, self.found.header or 0)
        for number, line in self.found.neurons.items():
            aggregation[number] = line.aggregation or 0
            neuron_offsets[number] = line.offset
        outputs = self.found.outputs
        return Graph(
            source=self.sources,
            target=self.target,
            parameter=parameter[:edges],
            bias=bias,
            activations=activations,
            activation=activation,
            aggregation=aggregation,
            is_input=is_input,
            outputs=sinks(self.count, self.sources, self.target)
            if outputs is None
            else np.array([n for n, _ in outputs], np.int64),
            parameter_count=len(initial),
            delayed=self.delayed if self.delayed.any() else None,
            name=self.found.name or stem(self.source),
            labels=self.labels(),
            initial=None if np.isnan(initial).all() else initial,
            given_names=self.names(),
            origin=self.source,
            neuron_offsets=neuron_offsets,
            edge_offsets=self.edge_offsets,
        )

    def error(self, message: str, offset: int, note: str = "", at: int = 0) -> None:
        notes = (Diagnostic(note, self.source.location(at), "note"),) if note else ()
        self.diagnostics.error(message, self.source.location(offset), *notes)

    # Neurons

    def inputs(self) -> np.ndarray:
        """Which neurons are inputs: those that the text says, or those without in-edges of which no line says that they
        compute something.
        """
        stated = self.found.inputs
        if stated is not None:
            is_input = np.zeros(self.count, bool)
            is_input[[number for number, _ in stated]] = True
            for number, line in self.found.neurons.items():
                only_identity = line.activation == IDENTITY and line.aggregation is None and not line.biased
                if is_input[number] and line.computes and not only_identity:
                    self.error(f"neuron {number:02x} is an input, and an input computes nothing", line.offset)
            return is_input
        is_input = np.bincount(self.target, minlength=self.count) == 0
        computing = {number: line for number, line in self.found.neurons.items() if is_input[number] and line.computes}
        is_input[list(computing)] = False
        for number, line in computing.items():
            if not line.biased:
                message = f"neuron {number:02x} has a function and no in-edges: it is a constant, not an input"
                self.diagnostics.warning(message, self.source.location(line.offset))
        return is_input

    def activations(self, is_input: np.ndarray) -> tuple[tuple[Activation, ...], np.ndarray]:
        """The table of activations, identity first, and each neuron's position in it."""
        table = {IDENTITY: 0}
        positions = np.zeros(self.count, np.int64)
        for number, line in self.found.neurons.items():
            if line.activation is not None and not is_input[number]:
                positions[number] = table.setdefault(line.activation, len(table))
        return tuple(table), positions

    def labels(self) -> tuple[str, ...] | None:
        """The labels, if there are any; a neuron without one has its number."""
        given = {number: line.label for number, line in self.found.neurons.items() if line.label is not None}
        if not given:
            return None
        digits = max(2, len(f"{self.count - 1:x}"))
        return tuple(given[n] if n in given else f"n{n:0{digits}x}" for n in range(self.count))

    # Parameters

    def flat(self) -> tuple[np.ndarray, np.ndarray]:
        """The parameter of each edge and then of each bias, and the start values of all, NaN where none is given."""
        neurons, given = self.found.neurons, self.found.given
        wanted = [*self.parameters, *(neurons[number].bias_parameter for number in self.biased)]
        offsets = [*self.edge_offsets.tolist(), *(neurons[number].offset for number in self.biased)]
        lines = [line.offset for line in given.values()]
        explicit = set(wanted) - {-1}
        least = len(explicit) + wanted.count(-1)  # so many numbers there must be
        known = np.array([number for number in explicit if number < least], np.int64)
        free = iter(np.setdiff1d(np.arange(least), known).tolist())
        numbers = [next(free) if number < 0 else number for number in wanted]
        total = len(set(numbers) | set(given))
        self.check_range([*numbers, *given], [*offsets, *lines], total)
        biases = [neurons[number].bias for number in self.biased]
        uses = np.array([*numbers, *given], np.int64)
        values = np.concatenate([self.weights, biases, [line.value for line in given.values()]])
        return uses[: len(wanted)], self.start_values(total, uses, values, [*offsets, *lines])

    def check_range(self, wanted: Sequence[int], offsets: Sequence[int], total: int) -> None:
        """Numbers are places in the flat vector, which has no gaps: beyond it nothing can be assembled."""
        if max(wanted, default=-1) < total:
            return
        for number, offset in zip(wanted, offsets, strict=True):
            if number >= total:
                self.error(
                    f"parameter {_shown(number)} is out of range: numbers are places in the flat vector, which has "
                    f"{total} here; one that nothing uses needs a line 'param <number>'",
                    offset,
                )
        raise_in_order(self.diagnostics)

    def start_values(self, total: int, uses: np.ndarray, values: np.ndarray, offsets: Sequence[int]) -> np.ndarray:
        """The value of each parameter; all that are given for one must be equal."""
        known = np.flatnonzero(~np.isnan(values))
        initial = np.full(total, math.nan)
        initial[uses[known[::-1]]] = values[known[::-1]]  # of several the first stays
        for use in known[initial[uses[known]] != values[known]].tolist():
            number = int(uses[use])
            first = int(known[np.flatnonzero(uses[known] == number)[0]])
            here, before = float(values[use]), float(initial[number])
            message = f"parameter {number:x} starts at {here!r} here, but at {before!r} before"
            self.error(message, offsets[use], "it is given here", offsets[first])
        return initial

    def names(self) -> dict[int, str]:
        """The names of parameters that the text gives."""
        names: dict[int, str] = {}
        first: dict[str, int] = {}
        for number, line in self.found.given.items():
            if line.name is None:
                continue
            if not line.name:
                self.error("the name of a parameter is not empty", line.offset)
            elif line.name in first:
                message = f"two parameters have the name {line.name!r}"
                self.error(message, line.offset, "the other one", self.found.given[first[line.name]].offset)
            first.setdefault(line.name, number)
            names[number] = line.name
        return names
