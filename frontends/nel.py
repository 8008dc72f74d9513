"""``.nel``, neural edge lists: one line for each edge. It is the lossless form: it holds all that a graph holds.

    N 0e                              14 neurons, 00 to 0d; numbers of all kinds are hexadecimal, as in ``.nal``
    00 04                             an edge from 00 to 04
    01 04 w=0.5                       ... whose weight starts at 0.5
    01 05 w=0.5 p=3                   ... and is parameter 3 of the flat vector; equal numbers share a parameter
    05 04 delay=1                     an edge that carries the value of the step before: only such may close a cycle
    04 : 03                           the function of neuron 04, by its code in ``.nal``,
    05 : relu_leaky<0.1> agg=max bias=0.25 pb=1c label="x y"
                                      or by name; its aggregation, bias, the bias's parameter, and its label
    net "nn00"                        the net's name
    inputs 00,01                      the inputs, and the outputs in their order, where they are not the neurons
    outputs 0d,0c                     without in-edges and those without out-edges
    param 1d w=0.5 name="shared"      the name of a parameter; a parameter that nothing uses

``N`` comes first, other lines in any order; the in-set of a neuron has the order of its edges' lines. ``%`` and ``#``
begin comments. Strings are JSON's. ``irc.emit.nel`` writes it; ``docs/frontends/nel.md`` has the rules.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from irc.dialects.array.kind import AGGREGATIONS
from irc.frontends.activation import Activation
from irc.frontends.graph import Graph, finished
from irc.frontends.nal import CODES
from irc.frontends.nel_graph import NeuronLine, ParameterLine, Statements, graph_of
from irc.frontends.nel_line import NUMBER, BadLine, Line, Place
from irc.frontends.text import BYTE_ORDER_MARK, check_text, hexadecimal, shown
from irc.ir.diagnostics import Diagnostic, Diagnostics, Error
from irc.ir.locations import Source

_HEX = "([0-9a-fA-F]+)"
_EDGE = re.compile(
    rf"^[ \t]*{_HEX}[ \t]+{_HEX}(?:[ \t]+w=({NUMBER}))?(?:[ \t]+p={_HEX})?(?:[ \t]+(delay)=1)?[ \t\r]*$", re.M | re.A
)
"""An edge as it is usually written; other spellings go the long way, over tokens."""

_ACTIVATIONS = tuple(Activation.parse(name) for name in CODES)


def parse(source: Source, *, outputs: Any = None) -> Graph:
    """The net of a ``.nel`` text; ``outputs`` (names or numbers of neurons) default to those that the text says.

    Raises Error with all that is wrong in the text: syntax, ranges, weights that disagree, repeated edges, cycles.
    """
    check_text(source)
    reader = _Reader(source)
    reader.read()
    return finished(graph_of(source, reader.found, reader.diagnostics), outputs, reader.diagnostics)


class _Reader:
    """Reads the lines into ``found``, and says in ``diagnostics`` what is wrong with them."""

    def __init__(self, source: Source):
        self.source = source
        self.diagnostics = Diagnostics()
        self.found = Statements()
        self.keywords = {
            "N": self.header,
            "n": self.header,
            "net": self.net,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "param": self.parameter,
        }

    def error(self, message: str, offset: int, note: str = "", at: int = 0) -> None:
        """Record an error, and a note about another place."""
        notes = (Diagnostic(note, self.source.location(at), "note"),) if note else ()
        self.diagnostics.error(message, self.source.location(offset), *notes)

    def read(self) -> None:
        """All lines."""
        others = self.usual_edges()
        places = self.found.edge_offsets[:1]  # of the first edge, and of the other lines
        for begin, line in others:
            tokens = Line(line, begin)
            if tokens.next:
                places.append(tokens.offset)
                try:
                    self.statement(tokens)
                except BadLine as bad:
                    self.error(bad.message, bad.offset)
        if self.found.header is None:
            self.error("expected a line 'N <number of neurons>' before all others", min(places, default=0))
        elif min(places) != self.found.header:
            self.error("the N line must come before all others", self.found.header)

    def usual_edges(self) -> list[tuple[int, str]]:
        """Reads the edges that are written as usual, by columns, as there may be millions; gives the other lines, each
        with its offset.
        """
        text, found = self.source.text, self.found
        rows = [(*match.span(), match.start(1), *match.groups()) for match in _EDGE.finditer(text)]
        begins, ends, offsets, i, j, weights, parameters, delays = zip(*rows, strict=True) if rows else ((),) * 8
        found.edge_offsets = list(offsets)
        found.sources = [int(digits, 16) for digits in i]
        found.targets = [int(digits, 16) for digits in j]
        found.weights = [math.nan if number is None else float(number) for number in weights]
        found.parameters = [-1 if digits is None else int(digits, 16) for digits in parameters]
        found.delayed = [mark is not None for mark in delays]
        for edge in np.flatnonzero(np.isinf(found.weights)).tolist():
            self.error(f"a weight is a finite number, not {shown(weights[edge])}", offsets[edge])
        others: list[tuple[int, str]] = []
        gaps = np.flatnonzero(np.array([*begins, len(text) + 1]) > np.array([-1, *ends]) + 1).tolist()
        for gap in gaps:
            begin = ends[gap - 1] + 1 if gap else 0
            for line in text[begin : begins[gap] - 1 if gap < len(begins) else len(text)].split("\n"):
                mark = begin == 0 and line.startswith(BYTE_ORDER_MARK)
                others.append((begin + mark, line[mark:]))
                begin += len(line) + 1
        return others

    def statement(self, line: Line) -> None:
        """One line, token by token."""
        keyword = self.keywords.get(line.next)
        if keyword is not None:
            offset = line.offset
            line.at += 1
            keyword(line, offset)
            return
        neuron = line.number("the number of a neuron")
        if line.accept(":"):
            self.neuron(line, neuron)
        else:
            self.edge(line, neuron)

    # Lines

    def header(self, line: Line, offset: int) -> None:
        """``N <count>``."""
        if self.found.header is not None:
            self.error("a second N line", offset, "it is given here", self.found.header)
            return
        self.found.header = offset
        self.found.count = line.number("the number of neurons").number
        line.finish()

    def net(self, line: Line, offset: int) -> None:
        """``net "name"``."""
        name = line.string("the net's name")
        line.finish()
        if self.found.name is not None:
            self.error("a second name of the net", offset)
        elif not name:
            self.error("the name of a net is not empty", offset)
        self.found.name = name or None

    def inputs(self, line: Line, offset: int) -> None:
        """``inputs i,j``."""
        if self.found.inputs is not None:
            self.error("a second line of inputs", offset)
        self.found.inputs = list(line.numbers("the number of a neuron"))

    def outputs(self, line: Line, offset: int) -> None:
        """``outputs i,j``."""
        if self.found.outputs is not None:
            self.error("a second line of outputs", offset)
        self.found.outputs = list(line.numbers("the number of a neuron"))
        if not self.found.outputs:
            self.error("no outputs: name at least one neuron", offset)

    def edge(self, line: Line, source: Place) -> None:
        """``i j [w=..] [p=..] [delay=..]``."""
        target = line.number("the number of a neuron")
        weight, parameter, delay = math.nan, -1, 0
        for key in line.keys(("w", "p", "delay")):
            line.at += 1
            if key == "w":
                weight = line.decimal("a weight")
            elif key == "delay":
                delay, offset = line.number("a number of steps")
                if delay > 1:
                    raise BadLine("a delay is 0 or 1 step; for more, put identity neurons in between", offset)
            else:
                parameter = line.number("the number of a parameter").number
        found = self.found
        found.sources.append(source.number)
        found.targets.append(target.number)
        found.weights.append(weight)
        found.parameters.append(parameter)
        found.delayed.append(delay == 1)
        found.edge_offsets.append(source.offset)

    def neuron(self, line: Line, neuron: Place) -> None:
        """``j : [function] [agg=..] [bias[=..]] [pb=..] [label=..]``."""
        stated = NeuronLine(neuron.offset)
        keys = ("agg", "bias", "pb", "label")
        if line.next and line.next not in keys:
            stated.activation = self.activation(line)
        for key in line.keys(keys, bare=("bias",)):
            given = line.accept("=")
            if key == "agg":
                if line.next not in AGGREGATIONS:
                    raise line.expected(f"one of {' '.join(AGGREGATIONS)}")
                stated.aggregation = AGGREGATIONS.index(line.next)
                line.at += 1
            elif key == "bias":
                stated.biased = True
                stated.bias = line.decimal("a bias") if given else math.nan
            elif key == "pb":
                stated.biased = True
                stated.bias_parameter = line.number("the number of a parameter").number
            else:
                stated.label = line.string("a label")
        before = self.found.neurons.setdefault(neuron.number, stated)
        if before is not stated:
            name = f"{neuron.number:02x}"
            self.error(f"a second line for neuron {shown(name)}", neuron.offset, "the first one", before.offset)

    def activation(self, line: Line) -> Activation:
        """A function by its code or name. An unknown one is an error that does not end the line."""
        text, offset = line.next, line.offset
        line.at += 1
        code = hexadecimal(text)
        if code is None:
            try:
                return Activation.parse(text, self.source.location(offset))
            except Error as error:
                self.diagnostics.found.extend(error.diagnostics)
        elif code < len(CODES):
            return _ACTIVATIONS[code]
        else:
            known = ", ".join(f"{number:02x} {name}" for number, name in enumerate(CODES))
            self.error(f"unknown function code {shown(text)}; known are: {known}", offset)
        return _ACTIVATIONS[0]

    def parameter(self, line: Line, offset: int) -> None:
        """``param k [w=..] [name=..]``."""
        number = line.number("the number of a parameter")
        stated = ParameterLine(number.offset)
        for key in line.keys(("w", "name")):
            line.at += 1
            if key == "w":
                stated.value = line.decimal("a start value")
            else:
                stated.name = line.string("a name")
        before = self.found.given.setdefault(number.number, stated)
        if before is not stated:
            self.error(f"a second line for parameter {number.number:#x}", offset, "the first one", before.offset)
