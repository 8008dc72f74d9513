"""The few shapes that the ops of ``arith`` and ``math`` have: fields, traits, result types and text, once each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from irc.dialects.arith.attributes import NO_FASTMATH, NO_OVERFLOW, FastMathAttr, OverflowAttr
from irc.dialects.constants import fold_elementwise
from irc.error_bounds import rounded
from irc.ir.attributes import Attribute
from irc.ir.constraints import FLOAT_LIKE, INTEGER_LIKE
from irc.ir.operation import Operation, Value
from irc.ir.spec import attr, operand, result
from irc.ir.traits import COMMUTATIVE, ELEMENTWISE, PURE, SAME_TYPE
from irc.ir.types import ShapedType, Type, i1

ELEMENT_BY_ELEMENT = frozenset({PURE, ELEMENTWISE})
UNIFORM = ELEMENT_BY_ELEMENT | {SAME_TYPE}
COMMUTING = UNIFORM | {COMMUTATIVE}

FASTMATH = "(`fastmath` `` $fastmath)?"
OVERFLOW = "(`overflow` `` $overflowFlags)?"


def same_type(operand_types: Sequence[Type]) -> Type:
    """The one type of all operands. ValueError that names two different ones."""
    first = operand_types[0]
    for other in operand_types:
        if other is not first:
            raise ValueError(f"requires operands of the same type, got {first} and {other}")
    return first


def truth_type(type: Type) -> Type:
    """i1, or the vector or tensor of i1 of the same shape."""
    return type.with_element(i1) if isinstance(type, ShapedType) else i1


class Uniform(Operation):
    """Operands and result of one type."""

    traits = UNIFORM

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        return [same_type(operand_types)]

    def fold(self) -> Sequence[Value | Attribute] | None:
        return fold_elementwise(self)


class FloatUnary(Uniform):
    """A float to a float."""

    source = operand(FLOAT_LIKE)
    output = result(FLOAT_LIKE)
    fastmath = attr(FastMathAttr, "liberties with floats", default=NO_FASTMATH)
    assembly = f"$source {FASTMATH} attr-dict `:` type($output)"


class FloatBinary(Uniform):
    """Two floats to a float."""

    lhs = operand(FLOAT_LIKE)
    rhs = operand(FLOAT_LIKE)
    output = result(FLOAT_LIKE)
    fastmath = attr(FastMathAttr, "liberties with floats", default=NO_FASTMATH)
    assembly = f"$lhs `,` $rhs {FASTMATH} attr-dict `:` type($output)"

    def local_error(self, value: Any, propagated: Any) -> Any:
        """The bound of a correctly rounded result with this propagated error."""
        return rounded(self.results[0].type, value, propagated)


class IntegerBinary(Uniform):
    """Two integers to an integer; i1 is one bit, and -1 where it is signed.

    An operand that depends on rounding (through a conversion from floats) makes the result unknown, unless the op says
    more.
    """

    lhs = operand(INTEGER_LIKE)
    rhs = operand(INTEGER_LIKE)
    output = result(INTEGER_LIKE)
    assembly = "$lhs `,` $rhs attr-dict `:` type($output)"
    unsigned: ClassVar[bool] = False

    def compute(self, a: np.ndarray, b: np.ndarray) -> Any:
        """The result, in any integer dtype; it wraps to the type."""
        raise NotImplementedError

    def eval(self, context: Any, lhs: Any, rhs: Any) -> Sequence[Any]:
        dtype = context.dtype(self.results[0].type)
        a, b = (integers_of(v, dtype, self.unsigned) for v in (lhs, rhs))
        return [wrap(self.compute(a, b), dtype)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [doubt(self.results[0].type, errors)]

    def vjp(self, builder: Any, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        return [None, None]


class IntegerBinaryOverflow(IntegerBinary):
    """With flags that say where overflow is undefined (for us it wraps)."""

    overflowFlags = attr(OverflowAttr, "overflow that does not happen", default=NO_OVERFLOW)
    assembly = f"$lhs `,` $rhs {OVERFLOW} attr-dict `:` type($output)"


def doubt(type: Type, errors: Sequence[Any]) -> Any:
    """The bound of an integer (or i1) that rounding may change altogether wherever an operand is uncertain."""
    uncertain = sum(np.asarray(e) for e in errors if e is not None)
    return np.where(np.asarray(uncertain) > 0, 1.0 if type.element is i1 else np.inf, 0.0)


def integers_of(value: Any, dtype: np.dtype, unsigned: bool = False) -> np.ndarray:
    """Integers to compute with: i1 as 0 and -1 (0 and 1 if unsigned), the others as they are, or as unsigned ones."""
    array = np.asarray(value)
    if dtype == np.bool_:
        bits = array.astype(np.int8)
        return bits if unsigned else -bits
    array = array.astype(dtype, copy=False)
    return array.view(f"u{dtype.itemsize}") if unsigned else array


def wrap(value: Any, dtype: np.dtype) -> Any:
    """Integers brought back to a type: the low bits."""
    array = np.asarray(value)
    if dtype == np.bool_:
        return (array & 1).astype(np.bool_)[()]
    return array.astype(dtype, copy=False)[()]
