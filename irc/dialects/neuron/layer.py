"""``neuron.layer``: many neurons with one activation, whose edges follow a pattern."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from irc.dialects.neuron import function, syntax
from irc.dialects.neuron.edges import Edges
from irc.dialects.neuron.names import Naming
from irc.error_bounds import gamma, magnitude
from irc.interpreter import Bounded, error_of, value_of
from irc.ir.attributes import ArrayAttr, Attribute, DenseAttr, FloatAttr, IntegerAttr, StringAttr
from irc.ir.constraints import Constraint
from irc.ir.operation import Operation
from irc.ir.spec import attr, operand, result
from irc.ir.traits import PURE, RAW, HasParent
from irc.ir.types import TensorType, Type, i32

VECTOR = Constraint(
    "a vector of floats, tensor<k x f32>", lambda t: isinstance(t, TensorType) and t.rank == 1 and t.element.is_float
)


class Layer(Operation):
    """``k`` neurons ``f(aggregate of weighted inputs + bias)``; the edges follow a pattern.

        %h = neuron.layer tanh(%x*w[0:32] + w[32:40]) #neuron.dense<4, 8>
        %p = neuron.layer softmax(%h) #neuron.one_to_one<8>
        %c = neuron.layer relu(%v*w[0:500] + w[500:520]) #neuron.conv2d<1x28x28, 20, 5x5>
        %m = neuron.layer identity(max(%c)) #neuron.pool2d<20x24x24, 2x2>

    ``w[0:32]`` are the parameters that are the weights, in the order of the pattern; without them all weights are 1.
    ``w[32:40]`` are the biases, one for each neuron, or as many as the pattern has. Where they do not follow one
    another, or are shared, a list says which they are, -1 for the weight 1: ``%x*w[dense<[0, 2, -1, 2]> :
    tensor<4xi32>]``. Values are f32, or of the type behind a colon. ``labels``, where given, are the names of the
    neurons. Which aggregations there are, the pattern says: a weighted sum, or of a pooling max and mean.
    """

    name = "neuron.layer"
    source = operand(VECTOR, "the values that come in")
    value = result(VECTOR, "the neurons' values")
    activation = attr(StringAttr, "the function's name")
    parameter = attr(FloatAttr, "the function's parameter, where it takes one", optional=True)
    aggregation = attr(StringAttr, "how inputs are joined", default="sum")
    edges = attr(Edges, "the pattern of the edges")
    first_weight = attr(IntegerAttr, "index of the first weight; absent: all weights are 1", optional=True)
    first_bias = attr(IntegerAttr, "index of the first bias; absent: none", optional=True)
    weights = attr(DenseAttr, "in place of first_weight: the parameter of each edge, or -1", optional=True)
    biases = attr(DenseAttr, "in place of first_bias: the parameter of each bias", optional=True)
    labels = attr(ArrayAttr, "the names of the neurons", optional=True)
    traits = frozenset({PURE, RAW, HasParent("neuron.net")})

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Any) -> Sequence[Type]:
        edges = attributes["edges"]
        source = operand_types[0]
        if source is not TensorType([edges.inputs], source.element):
            raise ValueError(f"{edges} takes tensor<{edges.inputs}x{source.element}>, got {source}")
        return [TensorType([edges.outputs], source.element)]

    @staticmethod
    def parameter_attributes(weights: np.ndarray | None, biases: np.ndarray | None) -> dict[str, Attribute]:
        """The attributes that say which parameters are the weights and biases; None or all -1: none are."""
        found: dict[str, Attribute] = {}
        for given, first, table in ((weights, "first_weight", "weights"), (biases, "first_bias", "biases")):
            if given is None or (given < 0).all():
                continue
            if np.array_equal(given, np.arange(given[0], given[0] + len(given))) and given[0] >= 0:
                found[first] = IntegerAttr(int(given[0]))
            else:
                found[table] = DenseAttr(np.asarray(given, np.int32), TensorType([len(given)], i32))
        return found

    def verify(self) -> None:
        function.activation_of(self)
        edges, outputs = self.edges, self.edges.outputs
        if self.aggregation.value not in edges.aggregations:
            raise ValueError(f"{edges} takes {' or '.join(edges.aggregations)}, not {self.aggregation.value}")
        for what, first, table, size, least in (
            ("weights", self.first_weight, self.weights, edges.weight_count, -1),
            ("biases", self.first_bias, self.biases, edges.bias_count, 0),
        ):
            if (first is not None or table is not None) and not size:
                raise ValueError(f"{edges} has no {what}")
            if first is not None and first.value < 0:
                raise ValueError(f"{first.value} is no parameter index")
            if table is None:
                continue
            if first is not None:
                raise ValueError("parameters are a range or a list, not both")
            if table.type is not TensorType([size], i32):
                raise ValueError(f"a list of {size} parameters must be tensor<{size}xi32>, not {table.type}")
            if table.array.min() < least:
                raise ValueError(f"{table.array.min()} is no parameter index")
        if self.labels is not None and len(self.labels) != outputs:
            raise ValueError(f"{len(self.labels)} labels for {outputs} neurons")

    @property
    def weight_indices(self) -> np.ndarray | None:
        """The parameter of each edge, in the order of the pattern (-1: weight 1); None where all weights are 1."""
        return _indices(self.first_weight, self.weights, self.edges.weight_count)

    @property
    def bias_indices(self) -> np.ndarray | None:
        """The parameter of each bias, in the order of the pattern; None where there are none."""
        return _indices(self.first_bias, self.biases, self.edges.bias_count)

    @property
    def neuron_biases(self) -> np.ndarray | None:
        """The parameter of each neuron's bias; None where there are none."""
        biases = self.bias_indices
        return None if biases is None else biases[self.edges.bias_numbers()]

    def parameter_indices(self) -> list[int]:
        """The largest parameter indices that the layer uses: of the weights and of the biases."""
        tables = (self.weight_indices, self.bias_indices)
        return [int(table.max()) for table in tables if table is not None and table.max() >= 0]

    def fan_in(self) -> tuple[np.ndarray, np.ndarray]:
        """The parameters that are used, and the fan-in of their neurons."""
        tables = [table for table in (self.weight_indices, self.bias_indices) if table is not None]
        used = np.concatenate([np.zeros(0, np.int64), *(table[table >= 0] for table in tables)])
        return used, np.full(len(used), self.edges.fan_in)

    def named_uses(self, sources: Sequence[str]) -> Iterator[tuple[str, int]]:
        """Each edge's and bias's name with its parameter index, of a layer with labels; ``sources`` name the inputs."""
        assert self.labels is not None
        own = [label.value for label in self.labels]
        naming = Naming([*sources, *own])
        weights, biases = self.weight_indices, self.neuron_biases
        if weights is not None:
            source, target, number = self.edges.edges()
            for i, j, index in zip(source.tolist(), target.tolist(), weights[number].tolist(), strict=True):
                if index >= 0:
                    yield naming.edge("w", sources[i], own[j]), index
        if biases is not None:
            for name, index in zip(own, biases.tolist(), strict=True):
                yield naming.belonging("b", name), index

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        kind, edges, how = self.value.type, self.edges, self.aggregation.value
        parameters = context.parameters
        weights, biases = self.weight_indices, self.neuron_biases
        w = np.ones(edges.weight_count, context.dtype(kind))
        if weights is not None:
            w[weights >= 0] = parameters[weights[weights >= 0]]
        bias = 0 if biases is None else parameters[biases]
        x = np.atleast_2d(value_of(source))
        z = context.round(edges.aggregate(how, x, w) + bias, kind)
        if not context.bounded:
            return [self._activate(context, z)]
        e = np.broadcast_to(magnitude(error_of(source)), x.shape)
        error = edges.aggregate(how, e, np.abs(w))
        if how != "max":  # a product and n sums of n terms and a bias; a mean has a quotient in place of the product
            reach = edges.aggregate(how, np.abs(x) + e, np.abs(w)) + np.abs(bias)
            error = error + gamma(edges.fan_in + 2, context.unit(kind)) * reach
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
        if joined := not parser.sees_operand():
            attributes["aggregation"] = StringAttr(parser.keyword())
            parser.expect("(")
        source = parser.operand()
        weights = _parse_parameters(parser) if parser.accept("*") else None
        if joined:
            parser.expect(")")
        biases = _parse_parameters(parser) if parser.accept("+") else None
        parser.expect(")")
        place = parser.location
        edges = attributes["edges"] = parser.attribute()
        if not isinstance(edges, Edges):
            parser.fail(f"expected a pattern of edges such as #neuron.dense<4, 8>, got {edges}", place)
        for first, table, given, size in (
            ("first_weight", "weights", weights, edges.weight_count),
            ("first_bias", "biases", biases, edges.bias_count),
        ):
            if isinstance(given, range):
                if len(given) != size:
                    parser.fail(f"{edges} has {size} of them, not {len(given)}: w[{given.start}:{given.stop}]", place)
                attributes[first] = IntegerAttr(given.start)
            elif given is not None:
                attributes[table] = given
        attributes.update(parser.attr_dict())
        element = syntax.parse_type(parser)
        if not element.is_float:
            parser.fail(f"expected a type of floats, got {element}")
        value = parser.resolve(source, TensorType([edges.inputs], element))
        return cls([value], cls.infer([value.type], attributes), attributes, location=parser.op_location)

    def print(self, printer: Any) -> None:
        """See the class."""
        syntax.print_activation(printer, self.activation.value, self.parameter)
        joined = self.aggregation.value != "sum"
        printer.write(f"({self.aggregation.value}(" if joined else "(")
        printer.value(self.source)
        _print_parameters(printer, "*", self.first_weight, self.weights, self.edges.weight_count)
        printer.write(")" if joined else "")
        _print_parameters(printer, " + ", self.first_bias, self.biases, self.edges.bias_count)
        printer.write(f") {self.edges}")
        hidden = ("activation", "parameter", "aggregation", "edges", "first_weight", "first_bias", "weights", "biases")
        printer.attr_dict(self, exclude=hidden)
        syntax.print_type(printer, self.value.type.element)


def _indices(first: IntegerAttr | None, table: DenseAttr | None, size: int) -> np.ndarray | None:
    """Parameter indices (int64) from either of the two forms they have."""
    if table is not None:
        return table.array.astype(np.int64)
    return None if first is None else np.arange(first.value, first.value + size)


def _parse_parameters(parser: Any) -> range | DenseAttr:
    """Take ``w[0:32]``, or a list ``w[dense<[0, 2]> : tensor<2xi32>]``."""
    parser.expect("w")
    parser.expect("[")
    if parser.sees("dense") or parser.sees("dense_resource"):
        place = parser.location
        table = parser.attribute()
        parser.expect("]")
        if not isinstance(table, DenseAttr):
            parser.fail(f"expected a list of parameter indices, got {table}", place)
        return table
    first = parser.integer()
    parser.expect(":")
    end = parser.integer()
    parser.expect("]")
    return range(first, end)


def _print_parameters(printer: Any, sign: str, first: IntegerAttr | None, table: DenseAttr | None, size: int) -> None:
    """The inverse of :func:`_parse_parameters`, with a sign in front; nothing where there are none."""
    if first is not None:
        printer.write(f"{sign}w[{first.value}:{first.value + size}]")
    elif table is not None:
        printer.write(f"{sign}w[")
        printer.attribute(table)
        printer.write("]")
