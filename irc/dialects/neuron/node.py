"""One neuron, and the pieces of its gradient.

Values are per sample. A net is evaluated for a batch at once: the value of an ``f32`` is an array (samples,), or a
single number that all samples share. The parameters are those of the net (``context.parameters``, a flat vector).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from irc.dialects.array import choice
from irc.dialects.array.kind import AGGREGATIONS
from irc.dialects.neuron import function, syntax
from irc.dialects.neuron.syntax import CONSTANT_WEIGHT, Terms
from irc.error_bounds import gamma, magnitude, product, rounded
from irc.ir.attributes import Attribute, DenseArrayAttr, FloatAttr, IntegerAttr, StringAttr
from irc.ir.builder import Builder
from irc.ir.constraints import FLOAT, FLOAT_LIKE
from irc.ir.operation import Operation, OpResult, Value
from irc.ir.spec import attr, operand, operands, result
from irc.ir.traits import PURE, SAME_TYPE, HasParent
from irc.ir.types import Type, i64

IN_NET = HasParent("neuron.net")

MERGES = ("add", "multiply", "average")
"""What ``neuron.merge`` does with its operands."""


class Weighted(Operation):
    """What ops with weighted terms share. ``terms`` are the last operands; each has a parameter index."""

    terms: Any
    weights = attr(DenseArrayAttr, "for each term its parameter index, or -1: the weight is 1")

    def verify(self) -> None:
        syntax.check_weights(self.weights, len(self.terms))
        kind = self.results[0].type
        for value in self.operands:
            if value.type is not kind:
                raise ValueError(f"gives {kind}, but takes a {value.type}")

    def weighted(self, context: Any, values: Sequence[Any]) -> list[Any]:
        """Each term's value times its weight, rounded once."""
        kind = self.results[0].type
        return [
            value if weight == CONSTANT_WEIGHT else context.round(value * context.parameters[weight], kind)
            for value, weight in zip(values, self.weights, strict=True)
        ]

    def weighted_bounds(
        self, context: Any, values: Sequence[Any], errors: Sequence[Any]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Each term in exact arithmetic on the given values, and its bound."""
        kind = self.results[0].type
        found = []
        for value, error, weight in zip(values, errors, self.weights, strict=True):
            if weight == CONSTANT_WEIGHT:
                found.append((np.asarray(value), np.asarray(magnitude(error))))
                continue
            term = value * context.parameters[weight]
            found.append((term, rounded(kind, term, product(value, context.parameters[weight], error, None))))
        return found


def aggregate(context: Any, kind: Type, aggregation: str, terms: Sequence[Any]) -> Any:
    """Join terms, rounding after each step, left to right."""
    if aggregation in choice.CHOICES:
        return context.round(choice.value(aggregation, choice.stacked(terms)), kind)
    step = np.multiply if aggregation == "product" else np.add
    if not terms:
        return context.dtype(kind).type(0)
    joined = reduce(lambda a, b: context.round(step(a, b), kind), terms)
    if aggregation == "mean":
        return context.round(joined / context.dtype(kind).type(len(terms)), kind)
    return joined


def aggregate_bound(context: Any, kind: Type, aggregation: str, terms: Sequence[tuple[Any, Any]]) -> Any:
    """The bound of :func:`aggregate`, for any order of its steps, from the terms and their bounds.

    Sum of n: gamma_(n-1) * sum(|t| + e) + sum(e). Product of n: (1 + gamma_(n-1)) * prod(|t| + e) - prod(|t|). Maximum,
    minimum and median move by at most the largest e (``irc.dialects.array.choice``).
    """
    values, errors = [t for t, _ in terms], [e for _, e in terms]
    if not terms:
        return 0.0
    if aggregation in choice.CHOICES:
        both = choice.stacked([*values, *errors])
        return choice.value_error(aggregation, kind, both[: len(terms)], both[len(terms) :])
    reach = [np.abs(t) + e for t, e in terms]
    growth = gamma(len(terms) - 1, context.unit(kind))
    if aggregation == "product":
        whole = reduce(np.multiply, reach)
        return rounded(kind, whole, whole * growth + (whole - reduce(np.multiply, map(np.abs, values))))
    bound = growth * sum(reach) + sum(errors)
    if aggregation == "mean":
        return rounded(kind, sum(values) / len(terms), bound / len(terms))
    return bound


class Node(Weighted):
    """A neuron: ``f(aggregate(weight * value over its in-edges) + bias)``, printed as its equation.

        %n02 = neuron.node relu(%n00*w[0] + %n01*w[2] + w[28])
        %n03 = neuron.node relu_leaky<0.1>(max(%n00*w[1], %n01*w[3]) + w[29])
        %one = neuron.node sigmoid()

    ``w[k]`` is parameter number ``k`` of the net; equal numbers are one shared parameter. A term without it has
    weight 1. Aggregations: sum, product, max, min, mean, maxabs (the term with the largest absolute value) and median.
    Only a sum may be empty: it is 0. Values are f32, or of the type behind a colon.
    """

    name = "neuron.node"
    terms = operands(FLOAT, "the values that come in")
    value = result(FLOAT, "the neuron's value")
    activation = attr(StringAttr, "the function's name")
    parameter = attr(FloatAttr, "the function's parameter, where it takes one", optional=True)
    aggregation = attr(StringAttr, "sum, product, max, min, mean, maxabs or median", default="sum")
    bias = attr(IntegerAttr, "parameter index of what is added to the aggregate", optional=True)
    traits = frozenset({PURE, IN_NET})

    @classmethod
    def of(
        cls,
        builder: Builder,
        activation: str,
        terms: Sequence[Value],
        weights: Sequence[int],
        *,
        type: Type,
        parameter: float | None = None,
        aggregation: str = "sum",
        bias: int | None = None,
        name: str | None = None,
    ) -> OpResult:
        """Insert a neuron; ``name`` becomes the name hint of its value."""
        attributes: dict[str, Any] = {"activation": activation, "weights": DenseArrayAttr(weights, i64)}
        if parameter is not None:
            attributes["parameter"] = FloatAttr(parameter)
        if aggregation != "sum":
            attributes["aggregation"] = aggregation
        if bias is not None:
            attributes["bias"] = bias
        made = builder.value(cls, terms, result_types=[type], **attributes)
        made.name_hint = name
        return made

    @property
    def bias_index(self) -> int | None:
        """The parameter index of the bias, or None."""
        return None if self.bias is None else self.bias.value

    def verify(self) -> None:
        super().verify()
        function.neuron_activation(self)
        if self.aggregation.value not in AGGREGATIONS:
            raise ValueError(f"unknown aggregation {self.aggregation.value}; known are: {' '.join(AGGREGATIONS)}")
        if not self.terms and self.aggregation.value != "sum":
            raise ValueError(f"has no in-edges: their {self.aggregation.value} is not defined")
        if self.bias is not None and self.bias.value < 0:
            raise ValueError(f"{self.bias.value} is no parameter index")

    def pre_activation(self, context: Any, values: Sequence[Any]) -> Any:
        """z = aggregate + bias."""
        kind = self.value.type
        z = aggregate(context, kind, self.aggregation.value, self.weighted(context, values))
        return z if self.bias is None else context.round(z + context.parameters[self.bias.value], kind)

    def eval(self, context: Any, *values: Any) -> Sequence[Any]:
        z = self.pre_activation(context, values)
        return [function.value(context, self, z, self.value.type)]

    def bound(self, context: Any, values: Any, errors: Any, results: Any) -> Sequence[Any]:
        kind = self.value.type
        z = self.pre_activation(context, values)
        terms = self.weighted_bounds(context, values, errors)
        error = aggregate_bound(context, kind, self.aggregation.value, terms)
        if self.bias is not None:
            error = rounded(kind, z, error)
        return [function.apply_bound(context, function.activation_of(self).function(kind), z, error)]

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        attributes = syntax.parse_activation(parser)
        parser.expect("(")
        if parser.sees(")") or parser.sees_operand() or parser.sees("w"):
            terms = syntax.parse_sum(parser, bias=True)
        else:
            attributes["aggregation"] = StringAttr(parser.keyword())
            parser.expect("(")
            terms = syntax.parse_list(parser)
            if parser.accept("+"):
                terms.bias = syntax.parse_weight(parser)
            parser.expect(")")
        if terms.bias is not None:
            attributes["bias"] = IntegerAttr(terms.bias)
        return _finish(cls, parser, [], terms, attributes)

    def print(self, printer: Any) -> None:
        """See the class."""
        syntax.print_activation(printer, self.activation.value, self.parameter)
        printer.write("(")
        if self.aggregation.value == "sum":
            syntax.print_terms(printer, self.terms, self.weights, " + ", self.bias_index)
        else:
            printer.write(f"{self.aggregation.value}(")
            syntax.print_terms(printer, self.terms, self.weights, ", ")
            printer.write(")" if self.bias is None else f") + w[{self.bias.value}]")
        printer.write(")")
        _print_end(self, printer, ("activation", "parameter", "aggregation", "weights", "bias"))


class Delta(Weighted):
    """The gradient of the loss by a neuron's z, from the gradients that its targets send back: ``f'(z) * sum(terms)``.

        %d04 = neuron.delta relu(%z04; %d08*w[10] + %d09*w[12])

    ``f'`` is the derivative of the activation (of relu at 0: 0).
    """

    name = "neuron.delta"
    z = operand(FLOAT, "what the activation was applied to")
    terms = operands(FLOAT, "the gradients that come back")
    value = result(FLOAT, "the gradient by z")
    activation = attr(StringAttr, "the function's name")
    parameter = attr(FloatAttr, "the function's parameter, where it takes one", optional=True)
    traits = frozenset({PURE, IN_NET})

    def verify(self) -> None:
        super().verify()
        function.neuron_activation(self)

    def eval(self, context: Any, z: Any, *values: Any) -> Sequence[Any]:
        kind = self.value.type
        back = aggregate(context, kind, "sum", self.weighted(context, values))
        slope = function.slope(context, self, z, kind)
        return [context.round(slope * back, kind)]

    def bound(self, context: Any, values: Any, errors: Any, results: Any) -> Sequence[Any]:
        kind = self.value.type
        back = aggregate(context, kind, "sum", self.weighted(context, values[1:]))
        back_error = aggregate_bound(context, kind, "sum", self.weighted_bounds(context, values[1:], errors[1:]))
        slope = function.slope(context, self, values[0], kind)
        slope_block = function.activation_of(self).derivative(kind)
        slope_error = function.apply_bound(context, slope_block, values[0], magnitude(errors[0]))
        return [rounded(kind, results[0], product(slope, back, slope_error, back_error))]

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        attributes = syntax.parse_activation(parser)
        parser.expect("(")
        z = parser.operand()
        parser.expect(";")
        return _finish(cls, parser, [z], syntax.parse_sum(parser, bias=False), attributes)

    def print(self, printer: Any) -> None:
        """See the class."""
        syntax.print_activation(printer, self.activation.value, self.parameter)
        printer.write("(")
        printer.value(self.z)
        printer.write("; " if self.terms else ";")
        syntax.print_terms(printer, self.terms, self.weights, " + ")
        printer.write(")")
        _print_end(self, printer, ("activation", "parameter", "weights"))


class Share(Weighted):
    """The derivative of an aggregation by its term number ``index``.

        %s = neuron.share product[1](%n00*w[0], %n01*w[2], %n02*w[4])

    In a product that is the product of the other terms; in a mean of n, 1/n; for max, min and maxabs 1 at the first
    term that attains it and 0 at the others; for a median 1 at the middle term, or 1/2 at both.
    """

    name = "neuron.share"
    terms = operands(FLOAT, "the values that are aggregated")
    value = result(FLOAT, "the derivative")
    aggregation = attr(StringAttr, "product, max, min, mean, maxabs or median")
    index = attr(IntegerAttr, "the number of the term")
    traits = frozenset({PURE, IN_NET})

    def verify(self) -> None:
        super().verify()
        if self.aggregation.value not in AGGREGATIONS[1:]:
            raise ValueError(f"unknown aggregation {self.aggregation.value}; known are: {' '.join(AGGREGATIONS[1:])}")
        if not 0 <= self.index.value < len(self.terms):
            raise ValueError(f"there is no term {self.index.value} among {len(self.terms)}")

    def eval(self, context: Any, *values: Any) -> Sequence[Any]:
        terms = self.weighted(context, values)
        kind, at, dtype = self.value.type, self.index.value, context.dtype(self.value.type)
        if self.aggregation.value == "mean":
            return [context.round(dtype.type(1) / dtype.type(len(terms)), kind)]
        if self.aggregation.value == "product":
            others = terms[:at] + terms[at + 1 :]
            return [aggregate(context, kind, "product", others) if others else dtype.type(1)]
        return [choice.shares(self.aggregation.value, choice.stacked(terms))[at].astype(dtype)]

    def bound(self, context: Any, values: Any, errors: Any, results: Any) -> Sequence[Any]:
        kind, at = self.value.type, self.index.value
        terms = self.weighted_bounds(context, values, errors)
        if self.aggregation.value == "mean":
            return [rounded(kind, results[0], 0.0)]
        if self.aggregation.value == "product":
            return [aggregate_bound(context, kind, "product", terms[:at] + terms[at + 1 :])]
        both = choice.stacked([*(t for t, _ in terms), *(e for _, e in terms)])
        return [choice.share_errors(self.aggregation.value, both[: len(terms)], both[len(terms) :])[at]]

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        attributes: dict[str, Attribute] = {"aggregation": StringAttr(parser.keyword())}
        parser.expect("[")
        attributes["index"] = IntegerAttr(parser.integer())
        parser.expect("]")
        parser.expect("(")
        return _finish(cls, parser, [], syntax.parse_list(parser), attributes)

    def print(self, printer: Any) -> None:
        """See the class."""
        printer.write(f"{self.aggregation.value}[{self.index.value}](")
        syntax.print_terms(printer, self.terms, self.weights, ", ")
        printer.write(")")
        _print_end(self, printer, ("aggregation", "index", "weights"))


class Merge(Operation):
    """Joins values of one type: their sum, product, or average.

    %d = neuron.merge multiply %n00, %d04 : f32
    """

    name = "neuron.merge"
    sources = operands(FLOAT_LIKE, "what is joined; at least one")
    value = result(FLOAT_LIKE)
    kind = attr(StringAttr, "add, multiply or average")
    traits = frozenset({PURE, SAME_TYPE, IN_NET})

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Any) -> Sequence[Type]:
        if not operand_types:
            raise ValueError("needs at least one operand")
        return [operand_types[0]]

    def verify(self) -> None:
        if self.kind.value not in MERGES:
            raise ValueError(f"unknown kind {self.kind.value}; known are: {' '.join(MERGES)}")

    @property
    def _aggregation(self) -> str:
        return {"add": "sum", "multiply": "product", "average": "mean"}[self.kind.value]

    def eval(self, context: Any, *values: Any) -> Sequence[Any]:
        return [aggregate(context, self.value.type, self._aggregation, values)]

    def bound(self, context: Any, values: Any, errors: Any, results: Any) -> Sequence[Any]:
        terms = [(v, magnitude(e)) for v, e in zip(values, errors, strict=True)]
        return [aggregate_bound(context, self.value.type, self._aggregation, terms)]

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        kind = parser.keyword()
        names = parser.operands()
        attributes = parser.attr_dict()
        parser.expect(":")
        type = parser.type()
        values = [parser.resolve(name, type) for name in names]
        if not values:
            parser.fail("'neuron.merge' needs at least one operand", parser.op_location)
        return cls.build(values, kind=kind, location=parser.op_location, **attributes)

    def print(self, printer: Any) -> None:
        """See the class."""
        printer.write(f"{self.kind.value} ")
        printer.values(self.operands)
        printer.attr_dict(self, exclude=("kind",))
        printer.write(" : ")
        printer.type(self.value.type)


def _finish(
    cls: type[Operation], parser: Any, before: list[Any], terms: Terms, attributes: dict[str, Attribute]
) -> Operation:
    """The op of the terms that were read; takes further attributes and the type."""
    attributes["weights"] = DenseArrayAttr(terms.weights, i64)
    attributes.update(parser.attr_dict())
    kind = syntax.parse_type(parser)
    values = [parser.resolve(name, kind) for name in (*before, *terms.names)]
    return cls(values, [kind], attributes, location=parser.op_location)


def _print_end(op: Operation, printer: Any, exclude: tuple[str, ...]) -> None:
    printer.attr_dict(op, exclude=exclude)
    syntax.print_type(printer, op.results[0].type)
