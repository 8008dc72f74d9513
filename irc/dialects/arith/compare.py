"""Constants, comparison and choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from irc.dialects.arith.attributes import NO_FASTMATH, FastMathAttr
from irc.dialects.arith.forms import ELEMENT_BY_ELEMENT, doubt, integers_of, same_type, truth_type
from irc.dialects.constants import constant_of, fold_elementwise, number_of, splat
from irc.error_bounds import known, magnitude
from irc.ir.attributes import Attribute, DenseAttr, FloatAttr, IntegerAttr, attribute
from irc.ir.builder import Builder
from irc.ir.constraints import BOOL_LIKE, FLOAT_LIKE, INTEGER_LIKE, NUMBER_LIKE
from irc.ir.operation import Operation, Value
from irc.ir.spec import attr, operand, result
from irc.ir.traits import CONSTANT, PURE
from irc.ir.types import Type, i1

Gradients = Sequence[Value | None]
Folded = Sequence[Value | Attribute] | None

FLOAT_PREDICATES = (
    "false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord",
    "ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true",
)  # fmt: skip
"""In MLIR's numbering. o: false if either is NaN; u: true if either is NaN."""
INTEGER_PREDICATES = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")
"""In MLIR's numbering. s: signed, u: unsigned."""

_COMPARE = {
    "eq": np.equal,
    "ne": np.not_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "lt": np.less,
    "le": np.less_equal,
}


class Constant(Operation):
    """A number, vector or tensor: ``arith.constant 1.0 : f32``, ``arith.constant dense<0> : vector<4xi32>``."""

    name = "arith.constant"
    value = attr((FloatAttr, IntegerAttr, DenseAttr), "what it is; its type is the result's")
    output = result(NUMBER_LIKE)
    traits = frozenset({PURE, CONSTANT})

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        value = attributes.get("value")
        if not isinstance(value, (FloatAttr, IntegerAttr, DenseAttr)):
            raise ValueError(f"expected a number or a dense attribute with a type, got {value}")
        return [value.type]

    def fold(self) -> Folded:
        return [self.value]

    def eval(self, context: Any) -> Sequence[Any]:
        return [context.constant(self.value)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [None]

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        return []

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        """``arith.constant {attributes} value : type``."""
        attributes = parser.attr_dict()
        place = parser.location
        attributes["value"] = parser.attribute()
        try:
            types = cls.infer((), attributes)
        except ValueError as error:
            parser.fail(str(error), place)
        return cls((), types, attributes, location=parser.op_location)

    def print(self, printer: Any) -> None:
        """See :meth:`parse`."""
        printer.attr_dict(self, exclude=("value",))
        printer.space()
        printer.attribute(self.value)


class _Compare(Operation):
    """A comparison. ``build`` takes the predicate by name or number."""

    PREDICATES: tuple[str, ...] = ()
    traits = ELEMENT_BY_ELEMENT

    @classmethod
    def build(cls, *operands: Any, predicate: Any = None, **options: Any) -> Operation:
        if isinstance(predicate, str):
            predicate = cls.PREDICATES.index(predicate)
        return super().build(*operands, predicate=attribute(predicate), **options)

    @property
    def word(self) -> str:
        """The predicate's name."""
        return self.PREDICATES[self.predicate.value]  # type: ignore[attr-defined]

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        return [truth_type(same_type(operand_types))]

    def verify(self) -> None:
        if not 0 <= self.predicate.value < len(self.PREDICATES):  # type: ignore[attr-defined]
            raise ValueError(f"there is no predicate {self.predicate.value}")  # type: ignore[attr-defined]

    def fold(self) -> Folded:
        return fold_elementwise(self)

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        return [None, None]

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        """``predicate, %a, %b flags : type``."""
        place = parser.location
        word = parser.keyword()
        if word not in cls.PREDICATES:
            parser.fail(f"unknown predicate '{word}'; the predicates are {', '.join(cls.PREDICATES)}", place)
        parser.expect(",")
        lhs = parser.operand()
        parser.expect(",")
        rhs = parser.operand()
        attributes: dict[str, Attribute] = {}
        if "fastmath" in cls.spec.attributes and parser.accept_keyword("fastmath"):
            attributes["fastmath"] = parser.attribute_body(FastMathAttr)
        attributes.update(parser.attr_dict())
        attributes["predicate"] = IntegerAttr(cls.PREDICATES.index(word))
        parser.expect(":")
        type = parser.type()
        values = [parser.resolve(lhs, type), parser.resolve(rhs, type)]
        return cls(values, [truth_type(type)], attributes, location=parser.op_location)

    def print(self, printer: Any) -> None:
        """See :meth:`parse`."""
        printer.write(f"{self.word}, ")
        printer.values(self.operands)
        flags = self.attributes.get("fastmath")
        if isinstance(flags, FastMathAttr) and flags.flags:
            printer.write(f" fastmath<{flags.body(printer.form)}>")
        printer.attr_dict(self, exclude=("predicate", "fastmath"))
        printer.write(" : ")
        printer.type(self.operands[0].type)


class CmpF(_Compare):
    """Whether two floats compare so: ``arith.cmpf ogt, %a, %b : f32``."""

    name = "arith.cmpf"
    PREDICATES = FLOAT_PREDICATES
    lhs = operand(FLOAT_LIKE)
    rhs = operand(FLOAT_LIKE)
    output = result(BOOL_LIKE)
    predicate = attr(IntegerAttr, "the number of the predicate: " + ", ".join(FLOAT_PREDICATES))
    fastmath = attr(FastMathAttr, "liberties with floats", default=NO_FASTMATH)

    def eval(self, context: Any, lhs: Any, rhs: Any) -> Sequence[Any]:
        unordered = np.isnan(lhs) | np.isnan(rhs)
        word = self.word
        if word in ("ord", "uno"):
            answer = unordered if word == "uno" else np.logical_not(unordered)
        elif word in ("false", "true"):
            answer = np.full(np.shape(unordered), word == "true")
        elif word[0] == "o":
            answer = _COMPARE[word[1:]](lhs, rhs) & ~unordered
        else:
            answer = _COMPARE[word[1:]](lhs, rhs) | unordered
        return [answer[()]]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        # the order is uncertain where the intervals touch
        if self.word in ("true", "false"):
            return [None]
        a, b = operands
        spread = np.asarray(magnitude(errors[0]) + magnitude(errors[1]))
        if self.word in ("ord", "uno"):
            return [np.where(np.isfinite(spread), 0.0, 1.0)]
        apart = np.abs(a - b) > spread
        return [np.where((spread == 0) | apart, 0.0, 1.0)]


class CmpI(_Compare):
    """Whether two integers compare so: ``arith.cmpi slt, %a, %b : i64``."""

    name = "arith.cmpi"
    PREDICATES = INTEGER_PREDICATES
    lhs = operand(INTEGER_LIKE)
    rhs = operand(INTEGER_LIKE)
    output = result(BOOL_LIKE)
    predicate = attr(IntegerAttr, "the number of the predicate: " + ", ".join(INTEGER_PREDICATES))

    def eval(self, context: Any, lhs: Any, rhs: Any) -> Sequence[Any]:
        word, dtype = self.word, context.dtype(self.lhs.type)
        a, b = (integers_of(v, dtype, unsigned=word[0] == "u") for v in (lhs, rhs))
        return [_COMPARE[word if word in _COMPARE else word[1:]](a, b)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        a, b = (np.asarray(v, np.float64) for v in operands)
        spread = np.asarray(magnitude(errors[0]) + magnitude(errors[1]))
        return [np.where((spread == 0) | (np.abs(a - b) > spread), 0.0, 1.0)]


class Select(Operation):
    """The first value where the condition holds, the second elsewhere: ``arith.select %c, %a, %b : f32``.

    The condition is one i1 for all, or one for each element: ``arith.select %c, %a, %b : tensor<4xi1>, tensor<4xf32>``.
    """

    name = "arith.select"
    condition = operand(BOOL_LIKE)
    true_value = operand()
    false_value = operand()
    output = result()
    traits = ELEMENT_BY_ELEMENT

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        condition, *values = operand_types
        chosen = same_type(values)
        if condition is not i1 and condition is not truth_type(chosen):
            raise ValueError(f"the condition must be i1 or {truth_type(chosen)}, got {condition}")
        return [chosen]

    def fold(self) -> Folded:
        if self.true_value is self.false_value:
            return [self.true_value]
        decided = number_of(self.condition)
        if decided is not None:
            return [self.true_value if decided else self.false_value]
        both = constant_of(self.true_value)
        return [both] if both is not None and both is constant_of(self.false_value) else None

    def eval(self, context: Any, condition: Any, a: Any, b: Any) -> Sequence[Any]:
        if np.ndim(condition) == 0:
            return [a if condition else b]
        return [np.where(condition, a, b)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        # an uncertain choice may be the other value
        condition, a, b = operands
        kind = self.output.type
        if not kind.element.is_float:
            unlike = np.where(np.not_equal(a, b), np.asarray(magnitude(errors[0])), 0.0)
            return [doubt(kind, [unlike, np.where(condition, magnitude(errors[1]), magnitude(errors[2]))])]
        ea, eb = magnitude(errors[1]), magnitude(errors[2])
        certain = np.where(condition, ea, eb)
        if errors[0] is None:
            return [certain]
        doubtful = np.where(np.equal(a, b), 0.0, np.abs(a - b)) + np.maximum(ea, eb)
        return [known(np.where(np.asarray(errors[0]) > 0, doubtful, certain))]

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        # linear in both values: the gradient goes to the one that was chosen
        (g,) = gradients
        assert g is not None
        zero = splat(builder, 0.0, g.type)
        return [
            None,
            builder.value(Select, self.condition, g, zero),
            builder.value(Select, self.condition, zero, g),
        ]

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        """``%c, %a, %b attributes : [condition type,] type``."""
        condition = parser.operand()
        parser.expect(",")
        first = parser.operand()
        parser.expect(",")
        second = parser.operand()
        attributes = parser.attr_dict()
        parser.expect(":")
        types = [i1, parser.type()]
        if parser.accept(","):
            types = [types[1], parser.type()]
        values = [
            parser.resolve(condition, types[0]),
            parser.resolve(first, types[1]),
            parser.resolve(second, types[1]),
        ]
        return cls(values, [types[1]], attributes, location=parser.op_location)

    def print(self, printer: Any) -> None:
        """See :meth:`parse`."""
        printer.values(self.operands)
        printer.attr_dict(self)
        printer.write(" : ")
        if self.condition.type is not i1:
            printer.type(self.condition.type)
            printer.write(", ")
        printer.type(self.output.type)


OPERATIONS = (Constant, CmpF, CmpI, Select)
