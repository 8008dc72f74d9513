"""Arithmetic of integers, in two's complement: it wraps. Where MLIR leaves a result undefined, ours is defined:
division by zero gives 0 (and the dividend as remainder), MIN / -1 wraps, shifts by the width or more shift all out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irc.dialects.arith.forms import (
    COMMUTING,
    IntegerBinary,
    IntegerBinaryOverflow,
    Uniform,
    doubt,
    integers_of,
    wrap,
)
from irc.dialects.constants import fold_elementwise, is_number
from irc.error_bounds import magnitude, product
from irc.ir.attributes import Attribute, IntegerAttr
from irc.ir.operation import Operation, Value
from irc.ir.types import Type, i1

Folded = Sequence[Value | Attribute] | None


class AddI(IntegerBinaryOverflow):
    """Sum: ``arith.addi %a, %b : i64``."""

    name = "arith.addi"
    traits = COMMUTING

    def fold(self) -> Folded:
        if is_number(self.rhs, 0):
            return [self.lhs]
        return [self.rhs] if is_number(self.lhs, 0) else fold_elementwise(self)

    def compute(self, a: np.ndarray, b: np.ndarray) -> Any:
        return np.add(a, b)

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [_spread(self, magnitude(errors[0]) + magnitude(errors[1]))]


class SubI(IntegerBinaryOverflow):
    """Difference: ``arith.subi %a, %b : i64``."""

    name = "arith.subi"

    def fold(self) -> Folded:
        if self.lhs is self.rhs:
            return [IntegerAttr(0, self.output.type.element)]
        return [self.lhs] if is_number(self.rhs, 0) else fold_elementwise(self)

    def compute(self, a: np.ndarray, b: np.ndarray) -> Any:
        return np.subtract(a, b)

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [_spread(self, magnitude(errors[0]) + magnitude(errors[1]))]


class MulI(IntegerBinaryOverflow):
    """Product: ``arith.muli %a, %b : i64``."""

    name = "arith.muli"
    traits = COMMUTING

    def fold(self) -> Folded:
        for one, other in ((self.rhs, self.lhs), (self.lhs, self.rhs)):
            if _is_one(one):
                return [other]
            if is_number(one, 0):
                return [IntegerAttr(0, self.output.type.element)]
        return fold_elementwise(self)

    def compute(self, a: np.ndarray, b: np.ndarray) -> Any:
        return np.multiply(a, b)

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        a, b = (np.asarray(v, np.float64) for v in operands)
        return [_spread(self, product(a, b, *errors))]


class _Division(IntegerBinary):
    """A quotient or remainder; folds x / 1."""

    def fold(self) -> Folded:
        return [self.lhs] if _is_one(self.rhs) else fold_elementwise(self)


class DivSI(_Division):
    """Quotient towards zero: ``arith.divsi %a, %b : i64``."""

    name = "arith.divsi"

    def compute(self, a: np.ndarray, b: np.ndarray) -> Any:
        return _divide(a, b)[0]


class RemSI(IntegerBinary):
    """Remainder with the sign of the dividend: ``arith.remsi %a, %b : i64``."""

    name = "arith.remsi"

    def compute(self, a: np.ndarray, b: np.ndarray) -> Any:
        return _divide(a, b)[1]


class FloorDivSI(_Division):
    """Quotient towards minus infinity: ``arith.floordivsi %a, %b : i64``."""

    name = "arith.floordivsi"

    def compute(self, a: np.ndarray, b: np.ndarray) -> Any:
        quotient, remainder = _divide(a, b)
        return quotient - ((remainder != 0) & ((a < 0) != (b < 0)) & (b != 0)).astype(a.dtype)


class CeilDivSI(_Division):
    """Quotient towards plus infinity: ``arith.ceildivsi %a, %b : i64``."""

    name = "arith.ceildivsi"

    def compute(self, a: np.ndarray, b: np.ndarray) -> Any:
        quotient, remainder = _divide(a, b)
        return quotient + ((remainder != 0) & ((a < 0) == (b < 0)) & (b != 0)).astype(a.dtype)


class DivUI(_Division):
    """Quotient of unsigned integers: ``arith.divui %a, %b : i64``."""

    name = "arith.divui"
    unsigned = True

    def compute(self, a: np.ndarray, b: np.ndarray) -> Any:
        return np.where(b == 0, 0, a // np.where(b == 0, 1, b))


class RemUI(IntegerBinary):
    """Remainder of unsigned integers: ``arith.remui %a, %b : i64``."""

    name = "arith.remui"
    unsigned = True

    def compute(self, a: np.ndarray, b: np.ndarray) -> Any:
        return np.where(b == 0, a, a % np.where(b == 0, 1, b))


class _Extremum(IntegerBinary):
    """The larger or the smaller of two integers."""

    traits = COMMUTING

    def fold(self) -> Folded:
        return [self.lhs] if self.lhs is self.rhs else fold_elementwise(self)

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [_spread(self, np.maximum(magnitude(errors[0]), magnitude(errors[1])))]


class MaxSI(_Extremum):
    """The larger integer: ``arith.maxsi %a, %b : i64``."""

    name = "arith.maxsi"

    def compute(self, a: np.ndarray, b: np.ndarray) -> Any:
        return np.maximum(a, b)


class MinSI(_Extremum):
    """The smaller integer: ``arith.minsi %a, %b : i64``."""

    name = "arith.minsi"

    def compute(self, a: np.ndarray, b: np.ndarray) -> Any:
        return np.minimum(a, b)


class MaxUI(_Extremum):
    """The larger unsigned integer: ``arith.maxui %a, %b : i64``."""

    name = "arith.maxui"
    unsigned = True

    def compute(self, a: np.ndarray, b: np.ndarray) -> Any:
        return np.maximum(a, b)


class MinUI(_Extremum):
    """The smaller unsigned integer: ``arith.minui %a, %b : i64``."""

    name = "arith.minui"
    unsigned = True

    def compute(self, a: np.ndarray, b: np.ndarray) -> Any:
        return np.minimum(a, b)


class _Bitwise(IntegerBinary):
    """A function of each pair of bits."""

    traits = COMMUTING


class AndI(_Bitwise):
    """Both bits: ``arith.andi %a, %b : i1``."""

    name = "arith.andi"

    def fold(self) -> Folded:
        if self.lhs is self.rhs or _is_ones(self.rhs):
            return [self.lhs]
        return [self.rhs] if _is_ones(self.lhs) else fold_elementwise(self)

    def compute(self, a: np.ndarray, b: np.ndarray) -> Any:
        return a & b

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        # a certain "false" decides, whatever the other is
        return [_decided(self, operands, errors, False)]


class OrI(_Bitwise):
    """Either bit: ``arith.ori %a, %b : i1``."""

    name = "arith.ori"

    def fold(self) -> Folded:
        if self.lhs is self.rhs or is_number(self.rhs, 0):
            return [self.lhs]
        return [self.rhs] if is_number(self.lhs, 0) else fold_elementwise(self)

    def compute(self, a: np.ndarray, b: np.ndarray) -> Any:
        return a | b

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        # a certain "true" decides, whatever the other is
        return [_decided(self, operands, errors, True)]


class XOrI(_Bitwise):
    """Bits that differ: ``arith.xori %a, %b : i1``."""

    name = "arith.xori"

    def fold(self) -> Folded:
        if self.lhs is self.rhs:
            return [IntegerAttr(0, self.output.type.element)]
        if is_number(self.rhs, 0):
            return [self.lhs]
        return [self.rhs] if is_number(self.lhs, 0) else fold_elementwise(self)

    def compute(self, a: np.ndarray, b: np.ndarray) -> Any:
        return a ^ b


class _Shift(Uniform):
    """A shift by a count that is read as unsigned."""

    lhs = IntegerBinary.lhs
    rhs = IntegerBinary.rhs
    output = IntegerBinary.output
    assembly = IntegerBinary.assembly

    def fold(self) -> Folded:
        return [self.lhs] if is_number(self.rhs, 0) else fold_elementwise(self)

    def compute(self, a: np.ndarray, count: np.ndarray, width: int) -> Any:
        """The shifted number; ``count`` is unsigned."""
        raise NotImplementedError

    def eval(self, context: Any, lhs: Any, rhs: Any) -> Sequence[Any]:
        type = self.results[0].type
        dtype = context.dtype(type)
        count = integers_of(rhs, dtype, unsigned=True)
        return [wrap(self.compute(np.asarray(integers_of(lhs, dtype)), count, type.element.width), dtype)]  # type: ignore[attr-defined]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [doubt(self.results[0].type, errors)]

    def vjp(self, builder: Any, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        return [None, None]


class ShLI(_Shift):
    """Shift to the left, zeros come in: ``arith.shli %a, %n : i64``."""

    name = "arith.shli"
    overflowFlags = IntegerBinaryOverflow.overflowFlags
    assembly = IntegerBinaryOverflow.assembly

    def compute(self, a: np.ndarray, count: np.ndarray, width: int) -> Any:
        return np.where(count < width, a << np.minimum(count, width - 1).astype(a.dtype), 0)


class ShRSI(_Shift):
    """Shift to the right, copies of the sign come in: ``arith.shrsi %a, %n : i64``."""

    name = "arith.shrsi"

    def compute(self, a: np.ndarray, count: np.ndarray, width: int) -> Any:
        return a >> np.minimum(count, width - 1).astype(a.dtype)


class ShRUI(_Shift):
    """Shift to the right, zeros come in: ``arith.shrui %a, %n : i64``."""

    name = "arith.shrui"

    def compute(self, a: np.ndarray, count: np.ndarray, width: int) -> Any:
        bits = a & 1 if width == 1 else a.view(f"u{a.dtype.itemsize}")
        return np.where(count < width, bits >> np.minimum(count, width - 1).astype(bits.dtype), 0)


OPERATIONS = (
    AddI, SubI, MulI, DivSI, DivUI, RemSI, RemUI, FloorDivSI, CeilDivSI, MaxSI, MinSI, MaxUI, MinUI,
    AndI, OrI, XOrI, ShLI, ShRSI, ShRUI,
)  # fmt: skip


def _divide(a: np.ndarray, b: np.ndarray) -> tuple[Any, Any]:
    """Quotient towards zero, and remainder."""
    zero, minus_one = b == 0, b == -1
    safe = np.where(zero | minus_one, 1, b)
    floor = a // safe
    remainder = a - floor * safe
    towards_zero = floor + ((remainder != 0) & ((a < 0) != (safe < 0))).astype(a.dtype)
    quotient = np.where(zero, 0, np.where(minus_one, np.negative(a), towards_zero)).astype(a.dtype)
    return quotient, a - quotient * b


def _is_one(value: Value) -> bool:
    return is_number(value, 1) and value.type.element is not i1


def _is_ones(value: Value) -> bool:
    """Whether all bits are known to be set."""
    return is_number(value, 1 if value.type.element is i1 else -1)


def _spread(op: Operation, error: Any) -> Any:
    """The distance of possible integers; a truth value can only be uncertain."""
    kind: Type = op.results[0].type
    return np.where(np.asarray(error) > 0, 1.0, 0.0) if kind.element is i1 else error


def _decided(op: Operation, operands: Sequence[Any], errors: Sequence[Any], deciding: bool) -> Any:
    uncertain = doubt(op.results[0].type, errors)
    if op.results[0].type.element is not i1:
        return uncertain
    for value, error in zip(operands, errors, strict=True):
        certain = (np.asarray(value) == deciding) & (np.asarray(magnitude(error)) == 0)
        uncertain = np.where(certain, 0.0, uncertain)
    return uncertain
