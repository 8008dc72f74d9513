"""What an MDL tree means: which value every node reads, its width, and whether it reads it in the same step.

A chain is read from left to right with a current value. A layer and a merge make a new one; a split is a name for the
current one, and every branch of it begins with that; behind a split the current value is what it was before.

Time: chain edges are within a step. The merges are taken in the order of the text; what a merge reads is of the step
before if, with the edges of the same step so far, the merge already leads there, and else of the same step.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from irc.frontends.mdl_functions import Functions, LayerFunctions
from irc.frontends.mdl_tree import Layer, Merge, Model, Node, Split, Word
from irc.frontends.text import shown
from irc.ir.diagnostics import Diagnostic, Diagnostics
from irc.ir.locations import Location, Source

OPERATIONS = {"additive": "add", "multiplicative": "multiply", "average": "average"}
"""The operations of merges, as ``neuron.merge`` calls them."""

_WIDTH_DIGITS = 9
MOST_PARAMETERS = 2**31 - 1


@dataclass(slots=True, eq=False)
class Value:
    """What the input, a layer or a merge gives in a step. ``width`` is None where the text has it wrong.

    ``main`` is what comes along the chain (None for the input). Of a merge: ``source`` is the other value, and
    ``delayed`` says whether it is that of the step before.
    """

    number: int
    node: Layer | Merge
    width: int | None
    main: Value | None = None
    functions: LayerFunctions | None = None
    source: Value | None = None
    delayed: bool = False

    @property
    def name(self) -> str:
        """The name of the node."""
        return self.node.name.text


@dataclass(frozen=True, slots=True)
class Network:
    """A model as values: ``order`` is one in which each comes behind what it reads in the same step."""

    values: list[Value]
    order: list[Value]
    output: Value | None


class Meaning:
    """Finds out what a model means; what is wrong goes to ``diagnostics``."""

    def __init__(self, source: Source, diagnostics: Diagnostics, functions: Functions):
        self.source = source
        self.diagnostics = diagnostics
        self.functions = functions
        self.values: list[Value] = []
        self.outputs: list[Value] = []
        self.ends: list[Value] = []
        """The last value of the main chain and of every branch that has one of its own."""
        self._named: dict[str, tuple[Word, Value | None]] = {}
        self._parameters = 0
        self._sound = True  # whether every layer's functions are

    def network(self, model: Model, whole: bool, same_widths: bool) -> Network:
        """The values of a model. ``whole``: nothing of the text was left out, so what is not there does not exist.

        ``same_widths``: both values of a merge must be of one width.
        """
        self._walk(model.nodes)
        if whole:
            self._resolve(same_widths)
            self._check_output(model.nodes)
        order = self.values if self.diagnostics.has_errors else in_step_order(self.values)
        return Network(self.values, order, self.outputs[0] if self.outputs else None)

    def dead_ends(self, output: Value) -> list[Value]:
        """The ends of branches that reach the output neither in their step nor later."""
        live: set[Value] = set()
        work: list[Value | None] = [output]
        while work:
            value = work.pop()
            if value is not None and value not in live:
                live.add(value)
                work += [value.main, value.source]
        return [value for value in self.ends if value not in live]

    def at(self, word: Word) -> Location:
        """Where a word stands."""
        return self.source.location(word.offset)

    def _error(self, message: str, word: Word, *notes: Diagnostic) -> None:
        self.diagnostics.error(message, self.at(word), *notes)

    # -- nodes to values -----------------------------------------------------------------------------------------

    def _walk(self, nodes: tuple[Node, ...]) -> None:
        """Make the values, in the order of the text."""
        branches: list[tuple[tuple[Node, ...], int, Value | None, Value | None]] = [(nodes, 0, None, None)]
        while branches:
            nodes, begin, start, current = branches.pop()
            for place in range(begin, len(nodes)):
                node = nodes[place]
                if isinstance(node, Split):
                    self._split(node, current)
                    branches.append((nodes, place + 1, start, current))
                    branches += [(branch.nodes, 0, current, current) for branch in reversed(node.branches)]
                    break
                current = self._value(node, current, place == len(nodes) - 1)
            else:
                if current is not None and current is not start:
                    self.ends.append(current)

    def _split(self, node: Split, current: Value | None) -> None:
        if not self.values:
            self._error("the model begins with the input, a layer (name, width), not with a split", node.name)
        self._name(node.name, current)
        empty = [branch for branch in node.branches if not branch.nodes] if len(node.branches) > 1 else []
        for branch in empty:
            where = self.source.location(branch.offset)
            self.diagnostics.warning(f"split {node.name.text} has an empty branch, which means nothing", where)

    def _value(self, node: Layer | Merge, main: Value | None, last: bool) -> Value:
        width = self._width(node) if isinstance(node, Layer) else main.width if main is not None else None
        value = Value(len(self.values), node, width, main)
        self._name(node.name, value)
        if not self.values:
            self._check_input(node)
        elif isinstance(node, Layer):
            self._layer(node, value, last)
        self.values.append(value)
        return value

    def _name(self, word: Word, value: Value | None) -> None:
        if word.text in self._named:
            note = Diagnostic("it is first used here", self.at(self._named[word.text][0]), "note")
            self._error(f"the name {shown(word.text)} is used for two nodes", word, note)
            return
        self._named[word.text] = word, value

    def _width(self, node: Layer) -> int | None:
        text = node.width.text
        digits = text if text.isascii() and text.isdigit() else ""
        if digits.strip("0") and len(digits) <= _WIDTH_DIGITS:
            return int(digits)
        wanted = "a positive integer" if not digits.strip("0") else f"at most {'9' * _WIDTH_DIGITS}"
        self._error(f"the width of layer {node.name.text} must be {wanted}, not {shown(text)}", node.width)
        return None

    def _check_input(self, node: Layer | Merge) -> None:
        if isinstance(node, Merge):
            self._error("the model begins with the input, a layer (name, width), not with a merge", node.name)
        elif node.functions:
            message = f"the first layer, {node.name.text}, is the input, which has no function"
            self._error(message, node.functions[0].name)

    def _layer(self, node: Layer, value: Value, last: bool) -> None:
        functions = value.functions = self.functions.of_layer(node)
        self._sound = self._sound and functions.sound
        if not node.functions:
            message = f"a second input: layer {node.name.text} has no function, as only the first layer may"
            self._error(f"{message}; write <linear> for none", node.name)
        if value.main is not None and value.main.width is not None and value.width is not None:
            before, self._parameters = self._parameters, self._parameters + (value.main.width + 1) * value.width
            if before <= MOST_PARAMETERS < self._parameters:
                message = f"with layer {node.name.text} the model has {self._parameters} parameters"
                self._error(f"{message}; there can be {MOST_PARAMETERS}", node.width)
        if functions.loss_word is None:
            return
        if self.outputs:
            first = self.outputs[0].functions
            assert first is not None and first.loss_word is not None
            note = Diagnostic("the first output has its loss here", self.at(first.loss_word), "note")
            self._error(f"a second output, {node.name.text}: one layer has a loss", functions.loss_word, note)
        if not last:
            message = f"layer {node.name.text} has a loss, so it is the output, but something stands behind it"
            self._error(f"{message} in its branch", functions.loss_word)
        self.outputs.append(value)

    # -- names to values -----------------------------------------------------------------------------------------

    def _resolve(self, same_widths: bool) -> None:
        """Find the sources of the merges."""
        for value in self.values:
            node = value.node
            if not isinstance(node, Merge):
                continue
            if node.operation.text not in OPERATIONS:
                known = ", ".join(OPERATIONS)
                self._error(f"unknown operation {shown(node.operation.text)}; known are {known}", node.operation)
            if node.source.text not in self._named:
                near = difflib.get_close_matches(node.source.text[:40], list(self._named)[:1000], 1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                self._error(f"there is no node {shown(node.source.text)}{hint}", node.source)
                continue
            value.source = self._named[node.source.text][1]
            if same_widths:
                self._check_widths(value, node)

    def _check_widths(self, value: Value, node: Merge) -> None:
        main, source = value.main, value.source
        if main is None or source is None or main.width is None or source.width is None or main.width == source.width:
            return
        name = node.source.text if node.source.text == source.name else f"{node.source.text} ({source.name})"
        message = f"merge {value.name}: {main.name} has width {main.width}, but {name} has width {source.width}"
        self._error(message, node.source)

    def _check_output(self, nodes: tuple[Node, ...]) -> None:
        if not self.values and not self.diagnostics.has_errors:
            end = Word("", len(self.source.text))
            self._error("the model has no nodes: it begins with the input, a layer (name, width)", end)
        elif self.values and not self.outputs and self._sound:
            last = nodes[-1].name
            self._error("the model has no output: the last layer of a branch has a loss, such as <mse>", last)


def in_step_order(values: list[Value]) -> list[Value]:
    """Decide which merges read the step before; gives an order in which values come behind what they read.

    An order of the edges of the same step so far is kept up to date: a source that stands before its merge closes no
    cycle; for one behind it, what the merge leads to is looked for between the two, and moved behind the source.
    """
    readers: list[list[int]] = [[] for _ in values]
    for value in values:
        if value.main is not None:
            readers[value.main.number].append(value.number)
    order = list(range(len(values)))
    rank = list(order)
    for value in values:
        if value.source is None:
            continue
        merge, source = value.number, value.source.number
        if rank[merge] <= rank[source]:
            begin, end = rank[merge], rank[source] + 1
            ahead = _led_to(merge, readers, rank, end)
            value.delayed = source in ahead
            if value.delayed:
                continue
            between = order[begin:end]
            order[begin:end] = [n for n in between if n not in ahead] + [n for n in between if n in ahead]
            for place in range(begin, end):
                rank[order[place]] = place
        readers[source].append(merge)
    return [values[number] for number in order]


def _led_to(start: int, readers: list[list[int]], rank: list[int], end: int) -> set[int]:
    """What ``start`` leads to, itself included, before the rank ``end``."""
    found = {start}
    work = [start]
    while work:
        for reader in readers[work.pop()]:
            if reader not in found and rank[reader] < end:
                found.add(reader)
                work.append(reader)
    return found
