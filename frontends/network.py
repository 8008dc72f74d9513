"""``network``: nets as layers, in the form that Arraymancer proposed and its later one.

    network DemoNet:
      input_shape: [1, 28, 28]              # without the batch; or inputs: x: [1, 28, 28], ids: int[T]
      layers:
        cv1: Conv2D(20, 5, 5)               # sizes of inputs follow from what comes in
        mp1: MaxPool2D((2,2), (0,0), (2,2))
        hidden: Linear(500)
      forward x:
        x.cv1.relu.mp1.flatten.hidden

The text is read to a tree (``network_parser.py``), and ``forward`` is evaluated with symbolic values: layers are those
of ``irc.layers``, applied as a Python program would (``network_meaning.py``). Networks may be layers of others; the
last is the net.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from irc.dialects.builtin import ModuleOp
from irc.frontends.graph import raise_in_order
from irc.frontends.network_meaning import Meaning
from irc.frontends.network_parser import Parser
from irc.frontends.network_tree import Assignment, Call, Chain, Declared, File, Given, Index, Name, Network, Sequence
from irc.frontends.network_words import Word
from irc.frontends.text import check_text, shown
from irc.ir.diagnostics import Diagnostic, Diagnostics, Error, counted
from irc.ir.locations import Source
from irc.ir.types import Type, f32
from irc.layers.arguments import shape as checked_shape
from irc.layers.function import Layer
from irc.layers.model import Input
from irc.layers.names import LAYERS, folded
from irc.layers.to_ir import to_module
from irc.layers.trace import Trace
from irc.layers.value import Spec, Value

MOST_LAYERS = 100_000
"""How many layers and calls of networks a text may come to, each network counted wherever it is used."""
NESTING_LIMIT = 20
"""How deep networks may be layers of others."""


def parse(source: Source, *, dtype: Type = f32, diagnostics: Diagnostics | None = None) -> ModuleOp:
    """The net of a text, as a module of floats ``dtype``. Warnings go to ``diagnostics``.

    Raises :class:`irc.Error` with what is wrong in the text.
    """
    check_text(source)
    found = Diagnostics()
    tree = Parser(source, found).file()
    raise_in_order(found)
    trace = _Reader(source, tree, found).trace()
    raise_in_order(found)
    if diagnostics is not None:
        diagnostics.found.extend(found.found)
    assert trace is not None  # else there was an error
    return to_module(trace, dtype)


class _Instance:
    """A network with its layers made: called with values, it runs ``forward``. ``name`` is that of the layer it is."""

    def __init__(self, reader: _Reader, network: Network, names: dict[str, Any], name: str):
        self.reader = reader
        self.network = network
        self.names = names
        self.name = name

    @property
    def layers(self) -> list[tuple[Declared, Any]]:
        """The declared layers, and what they are."""
        return [(one, self.names[one.name.text]) for one in self.network.layers if one.name.text in self.names]

    def __call__(self, *values: Any) -> Any:
        """What ``forward`` gives for values."""
        return self.reader.forward(self, values)


class _Reader:
    """Makes the trace of a text; what is wrong goes to ``diagnostics``."""

    def __init__(self, source: Source, tree: File, diagnostics: Diagnostics):
        self.tree = tree
        self.diagnostics = diagnostics
        self.meaning = Meaning(source)
        self.networks: dict[str, Network] = {}
        self.used_networks: set[str] = set()
        self.used: set[int] = set()
        self._made = 0
        self._depth = 0

    def trace(self) -> Trace | None:
        """The trace of the last network, or None after an error."""
        try:
            constants = self._constants()
            for network in self.tree.networks:
                self._declare(network)
            last = self.tree.networks[-1]
            instance = self._instance(last, constants, {}, "", last.name)
            if self.diagnostics.has_errors:
                return None
            inputs = self._inputs(last, constants)
            result = instance(*inputs)
            outputs = self._outputs(result, last)
            trace = Trace(last.name.text, inputs, outputs, self._layers(instance), self.meaning.at(last.name))
        except Error as error:
            self.diagnostics.found.extend(error.diagnostics)
            return None
        self._warn_unused(instance, trace)
        return trace

    # -- declarations --------------------------------------------------------------------------------------------

    def _constants(self) -> dict[str, Any]:
        names: dict[str, Any] = {}
        for one in self.tree.constants:
            self._assign(one, names)
        return names

    def _declare(self, network: Network) -> None:
        name = network.name.text
        if name in self.networks:
            note = Diagnostic("the first is here", self.meaning.at(self.networks[name].name), "note")
            self.meaning.fail(f"a second network {name}", network.name, note)
        if folded(name) in LAYERS:
            self.meaning.fail(f"a network cannot be called {name}: that is a kind of layer", network.name)
        if network.sections is not None and "forward" not in network.sections:
            self.meaning.fail(f"network {name} has no section forward", network.name)
        self.networks[name] = network

    def _instance(
        self, network: Network, constants: Mapping[str, Any], given: Mapping[str, Any], name: str, word: Word
    ) -> _Instance:
        """A network with its layers made, those of networks in it too."""
        self._count(word)
        names = {**constants}
        seen: set[str] = set()
        for parameter in network.parameters:
            if parameter.name.text in seen:
                self.meaning.fail(f"two parameters of layers are called {parameter.name.text}", parameter.name)
            seen.add(parameter.name.text)
            if parameter.name.text in given:
                names[parameter.name.text] = given[parameter.name.text]
            elif parameter.value is not None:
                names[parameter.name.text] = self.meaning.value(parameter.value, names)
            else:
                message = f"network {network.name.text} needs a value for {parameter.name.text}"
                self.meaning.fail(f"{message}; give it where it is a layer, or a default with '='", parameter.name)
        declared: dict[str, Declared] = {}
        later = {one.name.text: one.name for one in network.layers}
        for one in network.layers:
            try:
                self._layer(one, names, declared, later, constants, name)
            except Error as error:
                if self._made > MOST_LAYERS:
                    raise
                self.diagnostics.found.extend(error.diagnostics)
        return _Instance(self, network, names, name)

    def _layer(
        self,
        one: Declared,
        names: dict[str, Any],
        declared: dict[str, Declared],
        later: Mapping[str, Word],
        constants: Mapping[str, Any],
        prefix: str,
    ) -> None:
        own = one.name.text
        if own in declared:
            note = Diagnostic("it is first declared here", self.meaning.at(declared[own].name), "note")
            self.meaning.fail(f"layer {own} is declared twice", one.name, note)
        declared[own] = one
        kind, call = _made_by(one)
        if kind is None:
            self.meaning.fail(f"layer {own} must be a kind of layer and its arguments, such as Linear(500)", one.name)
        for word in _names_in(one.made):
            if word.text in declared and word.text not in names and word is not kind:
                return  # what is wrong with that layer has been said
            if word.text not in names and word.text in later and word is not kind:
                note = Diagnostic("it is declared here", self.meaning.at(later[word.text]), "note")
                self.meaning.fail(f"layer {word.text} is used before it is declared", word, note)
        self._count(kind)
        path = f"{prefix}.{own}" if prefix else own
        network = self.networks.get(kind.text)
        if network is not None:
            names[own] = self._nested(network, call, names, constants, path, kind)
            return
        if folded(kind.text) == "input":
            names[own] = self.meaning.call(_input, (), call, names, kind)
            names[own].name, names[own].location = own, self.meaning.at(one.name)
            return
        cls = LAYERS.get(folded(kind.text))
        if cls is None:
            self._unknown_layer(kind)
        made = self.meaning.call(cls, (), call, names, kind)
        assert isinstance(made, Layer)
        made.name = path
        names[own] = made

    def _nested(
        self,
        network: Network,
        call: Call,
        names: Mapping[str, Any],
        constants: Mapping[str, Any],
        path: str,
        word: Word,
    ) -> _Instance:
        """A network as a layer of another; only those that stand before it can be."""
        parameters = [one.name.text for one in network.parameters]
        values = [self.meaning.value(argument, names) for argument in call.arguments]
        if len(values) > len(parameters):
            self.meaning.fail(f"{word.text} takes {counted(len(parameters), 'argument')}, not {len(values)}", word)
        given = dict(zip(parameters, values, strict=False))
        for name, argument in call.named:
            if name.text not in parameters or name.text in given:
                why = "is given twice" if name.text in given else "is none of its parameters"
                self.meaning.fail(f"argument {shown(name.text)} of {word.text} {why}", name)
            given[name.text] = self.meaning.value(argument, names)
        if self._depth >= NESTING_LIMIT:
            self.meaning.fail(f"network {word.text} contains itself, or networks stand too deep in each other", word)
        self.used_networks.add(word.text)
        self._depth += 1
        made = self._instance(network, constants, given, path, word)
        self._depth -= 1
        return made

    def _unknown_layer(self, kind: Word) -> None:
        import difflib

        known = {**{folded(name): name for name in self.networks}, **{k: cls.kind for k, cls in LAYERS.items()}}
        near = difflib.get_close_matches(folded(kind.text)[:40], known, 1)
        hint = f"did you mean '{known[near[0]]}'?" if near else f"known are {', '.join(sorted({*known.values()}))}"
        self.meaning.fail(f"there is no layer {shown(kind.text)}; {hint}", kind)

    def _count(self, word: Word) -> None:
        self._made += 1
        if self._made > MOST_LAYERS:
            self.meaning.fail(f"the networks come to more than {MOST_LAYERS} layers", word)

    # -- inputs and outputs --------------------------------------------------------------------------------------

    def _inputs(self, network: Network, constants: Mapping[str, Any]) -> list[Value]:
        """A value for each argument of forward."""
        words = [one.name for one in network.arguments]
        if not words:
            assert network.sections is not None
            self.meaning.fail("forward needs an input: forward x:", network.sections["forward"])
        specs = self._specs(network, constants)
        seen: set[str] = set()
        for word in words:
            if word.text in seen:
                self.meaning.fail(f"two arguments of forward are called {word.text}", word)
            seen.add(word.text)
        return [Value(specs.get(word.text), None, self.meaning.at(word), word.text) for word in words]

    def _specs(self, network: Network, constants: Mapping[str, Any]) -> dict[str, Spec]:
        """What the sections input_shape and inputs say of arguments of forward."""
        words = [one.name for one in network.arguments]
        specs: dict[str, Spec] = {}
        for one in network.inputs or ():
            if not one.name.text:  # input_shape
                if len(words) != 1:
                    message = f"input_shape is for one input, but forward takes {len(words)}"
                    self.meaning.fail(f"{message}; give their shapes by name: inputs: x: [4], ...", one.name)
                specs[words[0].text] = self._spec(one, constants)
                continue
            if one.name.text not in [word.text for word in words]:
                names = ", ".join(word.text for word in words) or "nothing"
                self.meaning.fail(f"forward has no argument {shown(one.name.text)}; it takes {names}", one.name)
            if one.name.text in specs:
                self.meaning.fail(f"a second shape of input {one.name.text}", one.name)
            specs[one.name.text] = self._spec(one, constants)
        return specs

    def _spec(self, given: Given, constants: Mapping[str, Any]) -> Spec:
        """``[1, 28, 28]``, or ``int[20]`` for integers. A name that is no constant is a size that the data say."""
        tree, integer = given.value, False
        items: tuple[Any, ...] | None = tree.items if isinstance(tree, Sequence) else None
        if isinstance(tree, Chain) and isinstance(tree.head, Name) and len(tree.steps) == 1:
            (step,) = tree.steps
            if tree.head.word.text == "int" and isinstance(step, Index):
                items, integer = step.parts, True
            elif isinstance(step, Index) and tree.head.word.text not in constants:
                self.meaning.fail("an input is a shape such as [4], or int[4] for integers", tree.head.word)
        if isinstance(tree, Name) and tree.word.text == "int":
            self.meaning.fail("an input of integers needs a shape such as int[4]", tree.word)
        if items is None:
            items = (tree,)
        sizes = [
            item.word.text
            if isinstance(item, Name) and item.word.text not in constants
            else self.meaning.value(item, constants)
            for item in items
        ]
        what = f"the shape of input {given.name.text}" if given.name.text else "input_shape"
        with self.meaning.placed(given.name):
            return Spec(checked_shape(sizes, what), integer)

    def _outputs(self, result: Any, network: Network) -> list[Value]:
        found = list(result) if isinstance(result, tuple) else [result]
        for value in found:
            if not isinstance(value, Value):
                self.meaning.fail(f"forward of {network.name.text} must give values of the net", self._end_of(network))
        if not found:
            self.meaning.fail(f"forward of {network.name.text} gives nothing", self._end_of(network))
        return found

    def _end_of(self, network: Network) -> Word:
        return network.body[-1].word if network.body else network.name

    # -- forward -------------------------------------------------------------------------------------------------

    def forward(self, instance: _Instance, values: tuple[Any, ...]) -> Any:
        """What ``forward`` of a network gives: its last expression, or what was assigned to ``result``."""
        network = instance.network
        words = [one.name for one in network.arguments]
        if len(values) != len(words):
            takes = counted(len(words), "input")
            self.meaning.fail(f"{network.name.text} takes {takes}, not {len(values)}", network.name)
        self._count(network.name)
        names = dict(instance.names)
        specs = self._specs(network, names)
        sections = network.sections or {}
        told_at = self.meaning.at(sections.get("inputs") or sections.get("input_shape") or network.name)
        for word, value in zip(words, values, strict=True):
            if word.text in specs and isinstance(value, Value) and specs[word.text].is_static:
                self._check_input(word, value, Value(specs[word.text], None, told_at))
            told = names.get(word.text)
            if isinstance(told, Value) and isinstance(value, Value):
                self._check_input(word, value, told)
            elif told is not None and word.text in {one.name.text for one in network.layers}:
                self.meaning.fail(f"{word.text} is an argument of forward and a layer", word)
            names[word.text] = value
        last: Any = None
        for number, one in enumerate(network.body):
            last = self._assign(one, names, network)
            if one.target is None and number < len(network.body) - 1:
                self.diagnostics.warning("what this line gives is not used", self.meaning.at(one.word))
        if not network.body:
            assert network.sections is not None
            self.meaning.fail(f"forward of {network.name.text} is empty", network.sections["forward"])
        if network.body[-1].target is not None and "result" not in names:
            message = "the last line of forward must be its value, or be preceded by result = ..."
            self.meaning.fail(message, network.body[-1].word)
        return last if network.body[-1].target is None else names["result"]

    def _check_input(self, word: Word, value: Value, told: Value) -> None:
        """What comes in as an argument of ``forward`` must be what is told of it."""
        if value.spec is None:
            value.spec = told.spec
        elif value.spec != told.spec:
            note = Diagnostic(f"{told.spec} is told of here", told.location, "note")
            self.meaning.fail(f"input {word.text} is {value.spec}, but it was told to be {told.spec}", word, note)

    def _assign(self, one: Assignment, names: dict[str, Any], network: Network | None = None) -> Any:
        """Run a line; gives its value."""
        value = self.meaning.value(one.value, names)
        layers = {} if network is None else {declared.name.text: declared.name for declared in network.layers}
        work: list[tuple[Any, Any]] = [] if one.target is None else [(one.target, value)]
        while work:
            target, part = work.pop()
            if isinstance(target, Sequence):
                if not isinstance(part, tuple) or len(part) != len(target.items):
                    given = counted(len(part), "value") if isinstance(part, tuple) else "one value"
                    self.meaning.fail(f"there are {counted(len(target.items), 'name')} for {given}", target.word)
                work += zip(target.items, part, strict=True)
                continue
            word = target.word
            if word.text in layers:
                note = Diagnostic("the layer is here", self.meaning.at(layers[word.text]), "note")
                self.meaning.fail(f"{word.text} is the name of a layer", word, note)
            if word.text != "_":
                names[word.text] = part
        return value

    # -- what is left over ---------------------------------------------------------------------------------------

    def _layers(self, instance: _Instance) -> list[Layer]:
        """The layers of an instance, and of networks in it, in the order in which they are declared."""
        found: list[Layer] = []
        work: list[Any] = [instance]
        while work:
            one = work.pop()
            if isinstance(one, Layer):
                found.append(one)
            elif isinstance(one, _Instance):
                work += [made for _, made in reversed(one.layers)]
        return found

    def _warn_unused(self, instance: _Instance, trace: Trace) -> None:
        work = [instance]
        while work:
            one = work.pop()
            for declared, made in one.layers:
                if isinstance(made, _Instance):
                    work.append(made)
                elif isinstance(made, Layer) and made not in trace.uses:
                    message = f"layer {made.described} is never used; it has no parameters"
                    self.diagnostics.warning(message, self.meaning.at(declared.name))
        for network in self.tree.networks[:-1]:
            if network.name.text not in self.used_networks:
                message = f"network {network.name.text} is never used; the last one is the net"
                self.diagnostics.warning(message, self.meaning.at(network.name))
        used = set(trace.inputs) & {v for applied in trace.applied for v in applied.operands} | set(trace.outputs)
        for value in trace.inputs:
            if value not in used:
                self.diagnostics.warning(f"input {value.name} is never used", value.location)


def _input(shape: Any, integer: bool = False) -> Value:
    """An input among the layers, which says the shape of that argument of ``forward``."""
    return Input(shape, integer=integer)


def _made_by(one: Declared) -> tuple[Word, Call] | tuple[None, Call]:
    """The kind of a declared layer, and the call that makes it. None where it is written in another way."""
    made, nothing = one.made, Call((), (), one.name)
    if isinstance(made, Name):
        return made.word, nothing
    if isinstance(made, Chain) and isinstance(made.head, Name) and len(made.steps) == 1:
        (step,) = made.steps
        if isinstance(step, Call):
            return made.head.word, step
    return None, nothing


def _names_in(tree: Any) -> list[Word]:
    """All names that stand in an expression as values, not behind a dot."""
    found: list[Word] = []
    work = [tree]
    while work:
        one = work.pop()
        if isinstance(one, Name):
            found.append(one.word)
        elif isinstance(one, Chain):
            work += [one.head, *one.steps]
        elif isinstance(one, Call):
            work += [*one.arguments, *(value for _, value in one.named)]
        elif isinstance(one, Index):
            work += one.parts
        elif isinstance(one, Sequence):
            work += one.items
        elif hasattr(one, "rest"):
            work += [one.first, *(part for _, part in one.rest)]
        elif hasattr(one, "value"):
            work.append(one.value)
    return found
