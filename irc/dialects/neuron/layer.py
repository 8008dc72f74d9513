"""``neuron.layer``: many neurons with one activation, whose edges follow a pattern."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from irc.dialects.neuron import function, syntax
from irc.error_bounds import gamma, magnitude
from irc.interpreter import Bounded, error_of, value_of
from irc.ir.attributes import Attribute, FloatAttr, Form, IntegerAttr, StringAttr
from irc.ir.constraints import Constraint
from irc.ir.operation import Operation
from irc.ir.spec import attr, operand, result
from irc.ir.traits import PURE, RAW, HasParent
from irc.ir.types import TensorType, Type

VECTOR = Constraint(
    "a vector of floats, tensor<k x f32>", lambda t: isinstance(t, TensorType) and t.rank == 1 and t.element.is_float
)


class Edges(Attribute):
    """The base of the edge patterns: how many inputs, outputs and weights, and which edge has which weight.

    Weights are numbered from the layer's first parameter, biases from the first bias.
    """

    __slots__ = ()
    inputs: int
    outputs: int
    weight_count: int

    def edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Source, target and number of the weight of each edge (int64), by target, then source."""
        raise NotImplementedError


def _sizes(body: str, names: str) -> list[int]:
    """The positive integers of an attribute's text."""
    parts = [part.strip() for part in body.split(",")]
    if len(parts) != len(names.split(", ")) or not all(re.fullmatch(r"\d{1,9}", p) and int(p) for p in parts):
        raise ValueError(f"expected <{names}> with positive integers, got <{body}>")
    return [int(part) for part in parts]


class Dense(Edges):
    """``#neuron.dense<inputs, outputs>``: every input to every output; the weights are a matrix [outputs, inputs]."""

    __slots__ = ("inputs", "outputs")
    name: ClassVar[str] = "neuron.dense"

    @property
    def weight_count(self) -> int:  # type: ignore[override]
        """The number of weights."""
        return self.inputs * self.outputs

    def edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        target, source = np.divmod(np.arange(self.weight_count), self.inputs)
        return source, target, np.arange(self.weight_count)

    def body(self, form: Form) -> str:
        return f"{self.inputs}, {self.outputs}"

    @classmethod
    def parse_body(cls, body: str) -> Dense:
        return cls(*_sizes(body, "inputs, outputs"))


class OneToOne(Edges):
    """``#neuron.one_to_one<k>``: an edge from input i to output i."""

    __slots__ = ("size",)
    name: ClassVar[str] = "neuron.one_to_one"
    size: int

    @property
    def inputs(self) -> int:  # type: ignore[override]
        """The number of inputs."""
        return self.size

    @property
    def outputs(self) -> int:  # type: ignore[override]
        """The number of outputs."""
        return self.size

    @property
    def weight_count(self) -> int:  # type: ignore[override]
        """The number of weights."""
        return self.size

    def edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        every = np.arange(self.size)
        return every, every, every

    def body(self, form: Form) -> str:
        return str(self.size)

    @classmethod
    def parse_body(cls, body: str) -> OneToOne:
        return cls(*_sizes(body, "size"))


class Layer(Operation):
    """``k`` neurons ``f(sum of weighted inputs + bias)``; the edges follow a pattern.

        %h = neuron.layer tanh(%x*w[0:32] + w[32:40]) #neuron.dense<4, 8>
        %p = neuron.layer softmax(%h) #neuron.one_to_one<8>

    ``w[0:32]`` are the parameters that are the weights, in the order of the pattern; without them all weights are 1.
    ``w[32:40]`` are the biases, one for each neuron. Values are f32, or of the type behind a colon.
    """

    name = "neuron.layer"
    source = operand(VECTOR, "the values that come in")
    value = result(VECTOR, "the neurons' values")
    activation = attr(StringAttr, "the function's name")
    parameter = attr(FloatAttr, "the function's parameter, where it takes one", optional=True)
    edges = attr(Edges, "the pattern of the edges")
    first_weight = attr(IntegerAttr, "index of the first weight; absent: all weights are 1", optional=True)
    first_bias = attr(IntegerAttr, "index of the first bias; absent: none", optional=True)
    traits = frozenset({PURE, RAW, HasParent("neuron.net")})

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Any) -> Sequence[Type]:
        edges = attributes["edges"]
        source = operand_types[0]
        if source is not TensorType([edges.inputs], source.element):
            raise ValueError(f"{edges} takes tensor<{edges.inputs}x{source.element}>, got {source}")
        return [TensorType([edges.outputs], source.element)]

    def verify(self) -> None:
        function.activation_of(self)
        for first in (self.first_weight, self.first_bias):
            if first is not None and first.value < 0:
                raise ValueError(f"{first.value} is no parameter index")

    @property
    def weight_range(self) -> range:
        """The indices of the weights; empty where all are 1."""
        first = self.first_weight
        return range(0) if first is None else range(first.value, first.value + self.edges.weight_count)

    @property
    def bias_range(self) -> range:
        """The indices of the biases; empty where there are none."""
        first = self.first_bias
        return range(0) if first is None else range(first.value, first.value + self.edges.outputs)

    def parameter_indices(self) -> list[int]:
        """The largest parameter indices that the layer uses: of the last weight and of the last bias."""
        return [used[-1] for used in (self.weight_range, self.bias_range) if used]

    def fan_in(self) -> tuple[np.ndarray, np.ndarray]:
        """The parameters that are used, and the fan-in of their neurons."""
        _, target, _ = self.edges.edges()
        fan = np.bincount(target, minlength=self.edges.outputs)
        used = np.array([*self.weight_range, *self.bias_range], np.int64)
        parts = [fan[target]] * bool(self.weight_range) + [fan] * bool(self.bias_range)
        return used, np.concatenate([np.zeros(0, np.int64), *parts])

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        kind, edges = self.value.type, self.edges
        w = context.parameters
        matrix = np.zeros((edges.outputs, edges.inputs), context.dtype(kind))
        at, target, number = edges.edges()
        matrix[target, at] = w[number + self.first_weight.value] if self.first_weight is not None else 1
        bias = w[self.first_bias.value : self.first_bias.value + edges.outputs] if self.first_bias is not None else 0
        x = np.atleast_2d(value_of(source))
        z = context.round(x @ matrix.T + bias, kind)
        if not context.bounded:
            return [self._activate(context, z)]
        # a product and n sums of n terms and a bias
        e = np.broadcast_to(magnitude(error_of(source)), x.shape)
        reach = (np.abs(x) + e) @ np.abs(matrix).T + np.abs(bias)
        error = gamma(edges.inputs + 2, context.unit(kind)) * reach + e @ np.abs(matrix).T
        return [self._activate(context, Bounded(z, error))]

    def _activate(self, context: Any, z: Any) -> Any:
        """The activation, run on the whole layer of every sample."""
        found = function.activation_of(self)
        rows = value_of(z).shape[0]
        if not found.whole_layer:
            block = found.function(self.value.type.element)
            with context.batched(rows, self.edges.outputs):
                return context.run_block(block, [z])[0]
        block = found.function(TensorType([rows, self.edges.outputs], self.value.type.element))
        with context.batched():
            return context.run_block(block, [z])[0]

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        attributes = syntax.parse_activation(parser)
        parser.expect("(")
        source = parser.operand()
        weights = _parse_range(parser) if parser.accept("*") else None
        biases = _parse_range(parser) if parser.accept("+") else None
        parser.expect(")")
        place = parser.location
        edges = attributes["edges"] = parser.attribute()
        if not isinstance(edges, Edges):
            parser.fail(f"expected a pattern of edges such as #neuron.dense<4, 8>, got {edges}", place)
        for key, given, size in (
            ("first_weight", weights, edges.weight_count),
            ("first_bias", biases, edges.outputs),
        ):
            if given is not None:
                if len(given) != size:
                    parser.fail(f"{edges} has {size} of them, not {len(given)}: w[{given.start}:{given.stop}]", place)
                attributes[key] = IntegerAttr(given.start)
        attributes.update(parser.attr_dict())
        element = syntax.parse_type(parser)
        if not element.is_float:
            parser.fail(f"expected a type of floats, got {element}")
        value = parser.resolve(source, TensorType([edges.inputs], element))
        return cls([value], cls.infer([value.type], attributes), attributes, location=parser.op_location)

    def print(self, printer: Any) -> None:
        """See the class."""
        syntax.print_activation(printer, self.activation.value, self.parameter)
        printer.write("(")
        printer.value(self.source)
        for sign, used in (("*", self.weight_range), (" + ", self.bias_range)):
            if used:
                printer.write(f"{sign}w[{used.start}:{used.stop}]")
        printer.write(f") {self.edges}")
        hidden = ("activation", "parameter", "edges", "first_weight", "first_bias")
        printer.attr_dict(self, exclude=hidden)
        syntax.print_type(printer, self.value.type.element)


def _parse_range(parser: Any) -> range:
    """Take ``w[0:32]``."""
    parser.expect("w")
    parser.expect("[")
    first = parser.integer()
    parser.expect(":")
    end = parser.integer()
    parser.expect("]")
    return range(first, end)
