"""The text of weighted terms: ``%n00*w[0] + %n01 + w[28]``, and of activations: ``relu_leaky<0.1>``.

A term without ``w[...]`` has the constant weight 1; a ``w[...]`` of its own is the bias. Values are ``f32`` unless a
type is written behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from irc.ir.attributes import Attribute, DenseArrayAttr, FloatAttr, StringAttr
from irc.ir.operation import Value
from irc.ir.types import Type, f32

CONSTANT_WEIGHT = -1
"""The parameter index that means: the weight is 1."""


@dataclass
class Terms:
    """What was read between the brackets: names of values, parameter indices, and the index of the bias."""

    names: list[Any] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    bias: int | None = None


def parse_activation(parser: Any) -> dict[str, Attribute]:
    """Take ``relu`` or ``relu_leaky<0.1>``; gives the attributes ``activation`` and ``parameter``."""
    attributes: dict[str, Attribute] = {"activation": StringAttr(parser.keyword())}
    if parser.accept("<"):
        attributes["parameter"] = FloatAttr(parser.number())
        parser.expect(">")
    return attributes


def print_activation(printer: Any, activation: str, parameter: FloatAttr | None) -> None:
    """See :func:`parse_activation`."""
    printer.write(activation if parameter is None else f"{activation}<{parameter.value!r}>")


def parse_weight(parser: Any) -> int:
    """Take ``w[3]``."""
    parser.expect("w")
    parser.expect("[")
    place = parser.location
    index = parser.integer()
    if not 0 <= index < 2**31:
        parser.fail(f"{index} is no parameter index: they run from 0", place)
    parser.expect("]")
    return index


def parse_term(parser: Any, terms: Terms) -> None:
    """Take ``%x*w[3]`` or ``%x``."""
    terms.names.append(parser.operand())
    terms.weights.append(parse_weight(parser) if parser.accept("*") else CONSTANT_WEIGHT)


def parse_list(parser: Any) -> Terms:
    """Take ``%x*w[3], %y)``, the terms of an aggregation other than the sum."""
    terms = Terms()
    while True:
        parse_term(parser, terms)
        if not parser.accept(","):
            parser.expect(")")
            return terms


def parse_sum(parser: Any, bias: bool) -> Terms:
    """Take ``%x*w[3] + %y + w[8])``. Only one bias, and only with ``bias``, can stand among the terms."""
    terms = Terms()
    if parser.accept(")"):
        return terms
    while True:
        if bias and terms.bias is None and not parser.sees_operand():
            terms.bias = parse_weight(parser)
        else:
            parse_term(parser, terms)
        if not parser.accept("+"):
            parser.expect(")")
            return terms


def print_terms(
    printer: Any, values: Sequence[Value], weights: Sequence[int], separator: str, bias: int | None = None
) -> None:
    """The terms with ``separator`` between, the bias last."""
    for position, (value, weight) in enumerate(zip(values, weights, strict=True)):
        printer.write(separator if position else "")
        printer.value(value)
        if weight != CONSTANT_WEIGHT:
            printer.write(f"*w[{weight}]")
    if bias is not None:
        printer.write(f"{separator if values else ''}w[{bias}]")


def parse_type(parser: Any) -> Type:
    """Take ``: f64``; f32 if no type is written."""
    return parser.type() if parser.accept(":") else f32


def print_type(printer: Any, type: Type) -> None:
    """See :func:`parse_type`."""
    if type is not f32:
        printer.write(" : ")
        printer.type(type)


def check_weights(weights: DenseArrayAttr, count: int) -> None:
    """One parameter index for each of ``count`` terms. ValueError if it is not so."""
    if len(weights) != count:
        raise ValueError(f"{count} terms, but {len(weights)} parameter indices")
    for index in weights:
        if index < CONSTANT_WEIGHT:
            raise ValueError(f"{index} is no parameter index")
