"""``.mdl``, the model description language of NeuroMorph: chains of layers, with splits, merges and recurrence.

    /xavier,const_flat 0.5/             initialisers: of weights, of biases
    (input, 4)                          the input, by name and width
    {a, last, additive}                 a merge: a = the value so far + last; here last is of the step before
    [b, (c, 4, <tanh>) | (d, 4, <relu>) {e, c, multiplicative}]   a split: branches that begin with the same value
    (h, 8, <swish, 5.9>)                a layer: every neuron reads all of the value so far
    [last, (l, 4, <linear>)]            an empty split, [last,], would be a name for the value so far
    (out, 2, <sigmoid>, <mse>)          the output, with its loss      # a comment

A model becomes a ``neuron.net``: layers ``neuron.layer`` with dense edges, merges ``neuron.merge``, what is of the step
before ``neuron.delay``. Parameters are the tensors ``<layer>.weight`` [outputs, inputs] and ``<layer>.bias``.
"""

from __future__ import annotations

import numpy as np

from irc.dialects.activations import Activation
from irc.dialects.builtin import ModuleOp
from irc.dialects.neuron import Delay, Dense, Gather, Layer, Net, Output, Tensor
from irc.dialects.neuron import Merge as MergeOp
from irc.frontends.graph import raise_in_order
from irc.frontends.mdl_functions import Functions, Rule
from irc.frontends.mdl_graph import OPERATIONS, Meaning, Network, Value
from irc.frontends.mdl_parser import Parser
from irc.frontends.mdl_tree import Merge, Model
from irc.frontends.text import check_text, stem
from irc.ir.attributes import DenseAttr, IntegerAttr
from irc.ir.builder import Builder
from irc.ir.diagnostics import Diagnostics, fail
from irc.ir.locations import Location, NameLocation, Source
from irc.ir.operation import Value as IrValue
from irc.ir.types import TensorType, Type, f32, i32
from irc.training.losses import loss_attribute

WIDTHS = ("equal", "truncate-pad")


def parse_tree(source: Source) -> Model:
    """The tree of a text. Raises :class:`irc.Error` with all errors of the syntax."""
    check_text(source)
    diagnostics = Diagnostics()
    model = Parser(source, diagnostics).model()
    raise_in_order(diagnostics)
    return model


def parse(
    source: Source,
    *,
    dtype: Type = f32,
    widths: str = "equal",
    strict: bool = False,
    diagnostics: Diagnostics | None = None,
) -> ModuleOp:
    """The net of an ``.mdl`` text, as a module with one ``neuron.net`` of floats ``dtype``.

    ``widths``: what a merge of two widths is: ``"equal"``, an error; ``"truncate-pad"``, a merge of the width of the
    value so far, which stays as it is where the other one has ended. ``strict``: a branch that reaches no output is an
    error. Warnings go to ``diagnostics``. Raises :class:`irc.Error` with all that is wrong in the text.
    """
    if widths not in WIDTHS:
        fail(f"widths must be one of {', '.join(WIDTHS)}, got {widths!r:.80}")
    check_text(source)
    found = Diagnostics()
    model = Parser(source, found).model()
    whole = not found.has_errors
    functions = Functions(source, found)
    weights, biases = functions.initializers(model.header)
    meaning = Meaning(source, found, functions)
    network = meaning.network(model, whole, same_widths=widths == "equal")
    if strict and network.output is not None and not found.has_errors:
        for end in meaning.dead_ends(network.output):
            found.error(f"branch end {end.name} reaches no output", meaning.at(end.node.name))
    raise_in_order(found)
    if diagnostics is not None:
        diagnostics.found.extend(found.found)
    assert weights is not None and biases is not None  # else there was an error
    net = _Builder(source, network, dtype).net(weights, biases)
    return ModuleOp.of([net], net.location)


class _Builder:
    """Makes the net of a model without errors."""

    def __init__(self, source: Source, network: Network, dtype: Type):
        self.source = source
        self.network = network
        self.dtype = dtype
        self.made: dict[Value, IrValue] = {}
        self.delays: dict[Value, IrValue] = {}

    def net(self, weights: Rule, biases: Rule) -> Net:
        """The net, its layers in the order of the text in the parameter vector."""
        tensors: list[Tensor] = []
        first: dict[Value, int] = {}
        count = 0
        for value in self.network.values:
            if value.functions is None or value.main is None:
                continue
            outputs, inputs = _width(value), _width(value.main)
            first[value] = count
            for part, shape, rule in (("weight", (outputs, inputs), weights), ("bias", (outputs,), biases)):
                tensors.append(Tensor(f"{value.name}.{part}", count, shape, rule.name, rule.numbers))
                count += tensors[-1].size
        entry, output = self.network.values[0], self.network.output
        assert output is not None and output.functions is not None and output.functions.loss is not None
        argument = (entry.name, self._type(entry), self._place(entry))
        net = Net.of(stem(self.source), [argument], [self._type(output)], count, tensors=tensors)
        net.attributes["irc.loss"] = loss_attribute(output.functions.loss)
        self.made[entry] = net.arguments[0]
        builder = Builder.at_end(net.block)
        self._add_delays(builder, net.arguments[0])
        for value in self.network.order:
            if value is not entry:
                with builder.located(self._place(value)):
                    made = self._merge(builder, value) if isinstance(value.node, Merge) else None
                    made = made or self._layer(builder, value, first[value])
                made.name_hint = value.name
                self.made[value] = made
        builder.create(Output, [self.made[output]])
        for value, delay in self.delays.items():
            delay.defining_op().operands = [self.made[value]]  # type: ignore[union-attr]
        return net

    def _type(self, value: Value) -> TensorType:
        return TensorType([_width(value)], self.dtype)

    def _place(self, value: Value) -> Location:
        return NameLocation(value.name, self.source.location(value.node.name.offset))

    def _add_delays(self, builder: Builder, placeholder: IrValue) -> None:
        """A delay for each value that is read a step later; what it reads, ``net`` fills in when all is made."""
        for value in self.network.values:
            source, node = value.source, value.node
            if source is None or not value.delayed or source in self.delays:
                continue
            assert isinstance(node, Merge)
            place = self.source.location(node.source.offset)
            delay = builder.insert(Delay([placeholder], [self._type(source)], {}, location=place))
            delay.result.name_hint = f"{source.name}_before"
            self.delays[source] = delay.result

    def _layer(self, builder: Builder, value: Value, first: int) -> IrValue:
        assert value.main is not None and value.functions is not None
        activation: Activation = value.functions.activation
        inputs, outputs = _width(value.main), _width(value)
        parameter = {} if activation.parameter is None else {"parameter": activation.parameter}
        return builder.value(
            Layer,
            self.made[value.main],
            activation=activation.name,
            edges=Dense(inputs, outputs),
            first_weight=IntegerAttr(first),
            first_bias=IntegerAttr(first + inputs * outputs),
            **parameter,
        )

    def _merge(self, builder: Builder, value: Value) -> IrValue:
        """The merge. Where the widths differ, only as many neurons are merged as both have; the others pass."""
        assert isinstance(value.node, Merge) and value.main is not None and value.source is not None
        main, source = self.made[value.main], (self.delays if value.delayed else self.made)[value.source]
        kind = OPERATIONS[value.node.operation.text]
        width, both = _width(value.main), min(_width(value.main), _width(value.source))
        if both < _width(value.source):
            source = self._pick(builder, [source], np.arange(both))
        if both == width:
            return builder.value(MergeOp, [main, source], kind=kind)
        merged = builder.value(MergeOp, [self._pick(builder, [main], np.arange(both)), source], kind=kind)
        return self._pick(builder, [merged, main], np.concatenate([np.arange(both), np.arange(both, width) + both]))

    def _pick(self, builder: Builder, values: list[IrValue], numbers: np.ndarray) -> IrValue:
        indices = DenseAttr(numbers.astype(np.int32), TensorType([len(numbers)], i32))
        kind = TensorType([len(numbers)], self.dtype)
        return builder.create(Gather, values, indices=indices, result_types=[kind]).results[0]


def _width(value: Value) -> int:
    assert value.width is not None  # else there was an error
    return value.width
