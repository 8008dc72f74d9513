"""What the ops of this dialect share: one shape of text, and small helpers for types, sizes and constants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from irc.dialects.constants import constant_of
from irc.ir.attributes import ArrayAttr, Attribute, FloatAttr, IntegerAttr, StringAttr
from irc.ir.constraints import Constraint
from irc.ir.dimensions import Dimension, parse_dimension
from irc.ir.operation import Operation, Value
from irc.ir.types import ScalarType, TensorType, Type

NUMBER_TENSOR = Constraint("a number or a tensor", lambda t: isinstance(t, (TensorType, ScalarType)))


class ArrayOp(Operation):
    """Text form of most ops here: ``array.op head %a, %b word [0, 1] word 2 : types to type``.

    ``head`` names a string attribute that is written as a bare word, ``words`` the attributes that are written as
    their name and value. The result type is written (after ``to``) where it does not follow from the operands.
    """

    head: ClassVar[str | None] = None
    words: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        attributes: dict[str, Attribute] = {}
        if cls.head is not None:
            attributes[cls.head] = StringAttr(parser.keyword())
        names = parser.operands()
        for word in cls.words:
            if cls.spec.attributes[word].optional:
                if not parser.accept_keyword(word):
                    continue
            elif not parser.accept_keyword(word):
                parser.fail(f"expected '{word}'")
            attributes[word] = parser.attribute() if parser.sees("[") else IntegerAttr(parser.integer())
        attributes.update(parser.attr_dict())
        parser.expect(":")
        values = []
        for position, name in enumerate(names):
            if position:
                parser.expect(",")
            values.append(parser.resolve(name, parser.type()))
        if cls.spec.infers:
            types = parser.infer(cls, [v.type for v in values], attributes)
        else:
            if names:
                parser.expect("to")
            types = [parser.type()]
        return cls(values, types, attributes, location=parser.op_location)

    def print(self, printer: Any) -> None:
        """See :meth:`parse`."""
        parts = []
        if self.head is not None:
            parts.append(self.attributes[self.head].value)  # type: ignore[attr-defined]
        printer.write(" ".join(parts))
        if self.operands:
            printer.write(" " if parts else "")
            printer.values(self.operands)
        for word in self.words:
            if word in self.attributes:
                separator = " " if self.operands or parts else ""
                printer.write(f"{separator}{word} {_format(self.attributes[word])}")
        printer.attr_dict(self, exclude=(*self.words, self.head or ""))
        printer.write(" : ")
        for position, value in enumerate(self.operands):
            printer.write(", " if position else "")
            printer.type(value.type)
        if not self.spec.infers:
            printer.write(" to " if self.operands else "")
            printer.type(self.results[0].type)


def _format(attribute: Attribute) -> str:
    """An integer, or a list of integers and formulas, without the types of the integers."""
    if isinstance(attribute, ArrayAttr):
        return "[" + ", ".join(str(v.value) if isinstance(v, IntegerAttr) else str(v) for v in attribute) + "]"
    return str(attribute.value)  # type: ignore[attr-defined]


def integers(attribute: Attribute, what: str) -> tuple[int, ...]:
    """A list attribute as integers. ValueError where an entry is something else."""
    entries = tuple(attribute) if isinstance(attribute, ArrayAttr) else ()
    if not isinstance(attribute, ArrayAttr) or not all(isinstance(v, IntegerAttr) for v in entries):
        raise ValueError(f"{what} must be a list of integers, not {attribute}")
    return tuple(v.value for v in entries)


def sizes(attribute: Attribute) -> tuple[Dimension, ...]:
    """A list attribute of integers and formulas (strings such as ``"2*B"``) as dimensions. ValueError if it is not."""
    if not isinstance(attribute, ArrayAttr):
        raise ValueError(f"expected a list of sizes, not {attribute}")
    if not all(isinstance(v, (StringAttr, IntegerAttr)) for v in attribute):
        raise ValueError(f'expected integers and formulas such as "2*B", not {attribute}')
    return tuple(parse_dimension(v.value) if isinstance(v, StringAttr) else v.value for v in attribute)


def sizes_attribute(dims: Iterable[Dimension]) -> ArrayAttr:
    """The inverse of :func:`sizes`."""
    return ArrayAttr([d if isinstance(d, int) else str(d) for d in dims])


def tensor(type: Type) -> TensorType:
    """``type``, which must be a tensor. ValueError if it is not."""
    if not isinstance(type, TensorType):
        raise ValueError(f"expected a tensor, got {type}")
    return type


def axis_of(attribute: Attribute | None, rank: int, what: str = "axis") -> int:
    """An axis below ``rank``. ValueError if there is no such axis."""
    if not isinstance(attribute, IntegerAttr):
        raise ValueError(f"{what} must be an integer")
    if not 0 <= attribute.value < rank:
        raise ValueError(f"there is no {what} {attribute.value} in {rank} dimensions")
    return attribute.value


def shape_text(dims: Iterable[Dimension]) -> str:
    """A shape as text: ``(B, 4)``."""
    return f"({', '.join(map(str, dims))})"


def same_dimension(found: Dimension, wanted: Dimension, what: str) -> None:
    """ValueError that names both, unless the two dimensions are equal."""
    if found != wanted:
        raise ValueError(f"{what}: {found} is not {wanted}")


def only(gradients: Sequence[Value | None]) -> Value:
    """The gradient of an op's only result; a ``vjp`` is not asked where there is none."""
    (gradient,) = gradients
    assert gradient is not None
    return gradient


def splat_value(value: Value) -> Attribute | None:
    """The number attribute that all elements of a constant are, or None where that is not known."""
    known = constant_of(value)
    return known if isinstance(known, (FloatAttr, IntegerAttr)) else None
