"""Conversions between types of numbers, element by element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irc.dialects.arith.attributes import NO_OVERFLOW, OverflowAttr
from irc.dialects.arith.forms import ELEMENT_BY_ELEMENT, OVERFLOW, doubt, integers_of, wrap
from irc.dialects.constants import fold_elementwise
from irc.error_bounds import digits, magnitude, rounded
from irc.ir.attributes import Attribute
from irc.ir.builder import Builder
from irc.ir.constraints import FLOAT_LIKE, INTEGER_LIKE, NUMBER_LIKE
from irc.ir.operation import Operation, Value
from irc.ir.spec import attr, operand, result
from irc.ir.traits import BIT_PATTERNS
from irc.ir.types import IndexType, ShapedType, i1

Gradients = Sequence[Value | None]
Folded = Sequence[Value | Attribute] | None


class _Cast(Operation):
    """A conversion: ``arith.extf %x : f32 to f64``. Shapes are equal; the widths are as ``wider`` says."""

    traits = ELEMENT_BY_ELEMENT
    assembly = "$source attr-dict `:` type($source) `to` type($output)"
    wider: bool | None = None
    """Whether the result must be wider (True), narrower (False), or either (None)."""
    of_index = False
    """Whether index, whose width is the machine's, may be converted. As in MLIR, arith.index_cast alone does that."""

    def verify(self) -> None:
        source, target = self.source.type, self.output.type  # type: ignore[attr-defined]
        shapes = [t.shape if isinstance(t, ShapedType) else None for t in (source, target)]
        if shapes[0] != shapes[1] or (isinstance(source, ShapedType) and source.name != target.name):
            raise ValueError(f"cannot convert {source} to {target}: the shapes differ")
        if not self.of_index and any(isinstance(t.element, IndexType) for t in (source, target)):
            raise ValueError("index is converted by arith.index_cast")
        old, new = source.element.width, target.element.width
        if self.wider is not None and (new <= old if self.wider else new >= old):
            raise ValueError(f"{target.element} is not {'wider' if self.wider else 'narrower'} than {source.element}")

    def fold(self) -> Folded:
        return fold_elementwise(self)

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        return [None]


class ExtF(_Cast):
    """A float to a wider type, exactly: ``arith.extf %x : f32 to f64``."""

    name = "arith.extf"
    source = operand(FLOAT_LIKE)
    output = result(FLOAT_LIKE)
    wider = True

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        return [context.round(source, self.output.type)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [errors[0]]

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        # the identity on real numbers
        return [builder.value(TruncF, gradients[0], result_types=[self.source.type])]  # type: ignore[arg-type]


class TruncF(_Cast):
    """A float to a narrower type, to nearest even: ``arith.truncf %x : f64 to f32``."""

    name = "arith.truncf"
    source = operand(FLOAT_LIKE)
    output = result(FLOAT_LIKE)
    wider = False

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        return [context.round(source, self.output.type)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [rounded(self.output.type, results[0], magnitude(errors[0]))]

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        # the identity on real numbers
        return [builder.value(ExtF, gradients[0], result_types=[self.source.type])]  # type: ignore[arg-type]


class _IntegerToInteger(_Cast):
    source = operand(INTEGER_LIKE)
    output = result(INTEGER_LIKE)
    unsigned = False

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        dtype = context.dtype(self.output.type)
        return [wrap(integers_of(source, context.dtype(self.source.type), self.unsigned), dtype)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        # where widening keeps the number it keeps the distance; bits that are lost or read otherwise do not
        keeps = self.wider and (not self.unsigned or self.source.type.element is i1)
        return [magnitude(errors[0]) if keeps else doubt(self.output.type, errors)]


class ExtSI(_IntegerToInteger):
    """A signed integer to a wider type: ``arith.extsi %x : i32 to i64``."""

    name = "arith.extsi"
    wider = True


class ExtUI(_IntegerToInteger):
    """An unsigned integer to a wider type: ``arith.extui %x : i1 to i64``."""

    name = "arith.extui"
    wider = True
    unsigned = True


class TruncI(_IntegerToInteger):
    """The low bits: ``arith.trunci %x : i64 to i32``."""

    name = "arith.trunci"
    overflowFlags = attr(OverflowAttr, "overflow that does not happen", default=NO_OVERFLOW)
    assembly = f"$source {OVERFLOW} attr-dict `:` type($source) `to` type($output)"
    wider = False


class IndexCast(_Cast):
    """An integer to index or back, signed: ``arith.index_cast %n : index to i64``."""

    name = "arith.index_cast"
    source = operand(INTEGER_LIKE)
    output = result(INTEGER_LIKE)
    of_index = True

    def verify(self) -> None:
        super().verify()
        if isinstance(self.source.type.element, IndexType) == isinstance(self.output.type.element, IndexType):
            raise ValueError(f"one side must be index, got {self.source.type} and {self.output.type}")

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        return [wrap(integers_of(source, context.dtype(self.source.type)), context.dtype(self.output.type))]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [errors[0] if self.output.type.element is not i1 else doubt(i1, errors)]


class _IntegerToFloat(_Cast):
    source = operand(INTEGER_LIKE)
    output = result(FLOAT_LIKE)
    unsigned = False

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        values = integers_of(source, context.dtype(self.source.type), self.unsigned)
        if str(self.output.type.element) == "bf16" and context.mode == "declared":
            # by way of float32 it would round twice, and wide integers do not fit float64 exactly either
            values = _to_odd(values)
        return [context.round(values.astype(context.dtype(self.output.type)), self.output.type)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        # small integers are exact
        propagated = np.asarray(magnitude(errors[0]), np.float64)
        exact = np.abs(results[0]) + propagated <= 2.0 ** digits(self.output.type)
        return [np.where(exact, propagated, rounded(self.output.type, results[0], propagated))]


def _to_odd(values: np.ndarray) -> np.ndarray:
    """Integers cut to 20 significant bits, the last of which remembers whether anything was cut off."""
    wide = values.astype(np.float64)
    mantissa, exponent = np.frexp(np.abs(wide))
    scaled = np.ldexp(mantissa, 20)
    kept = np.floor(scaled)
    kept = np.where((scaled != kept) & (kept % 2 == 0), kept + 1, kept)
    return np.copysign(np.ldexp(kept, exponent - 20), wide)


class SIToFP(_IntegerToFloat):
    """A signed integer as float, to nearest even: ``arith.sitofp %n : i64 to f32``."""

    name = "arith.sitofp"


class UIToFP(_IntegerToFloat):
    """An unsigned integer as float, to nearest even: ``arith.uitofp %n : i1 to f32``."""

    name = "arith.uitofp"
    unsigned = True


class _FloatToInteger(_Cast):
    source = operand(FLOAT_LIKE)
    output = result(INTEGER_LIKE)
    unsigned = False

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        width = self.output.type.element.width
        low, high = (0, 2**width - 1) if self.unsigned else (-(2 ** (width - 1)), 2 ** (width - 1) - 1)
        cut = np.trunc(np.asarray(source, np.float64))
        inside = (cut >= low) & (cut < float(high) + 1)
        small = np.where(inside, cut, 0)
        whole = small.astype(np.uint64).astype(np.int64) if self.unsigned else small.astype(np.int64)
        top = np.array(high, np.uint64).astype(np.int64) if self.unsigned else np.int64(high)
        whole = np.where(inside | np.isnan(cut), whole, np.where(cut > 0, top, np.int64(low)))
        return [wrap(whole, context.dtype(self.output.type))]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        if errors[0] is None:
            return [None]
        spread = np.abs(np.trunc(operands[0] + errors[0]) - np.trunc(operands[0] - errors[0]))
        return [spread if self.output.type.element is not i1 else doubt(i1, [spread])]


class FPToSI(_FloatToInteger):
    """A float as signed integer, towards zero: ``arith.fptosi %x : f32 to i64``.

    Where MLIR leaves it undefined it saturates, and NaN becomes 0.
    """

    name = "arith.fptosi"


class FPToUI(_FloatToInteger):
    """A float as unsigned integer, towards zero, saturating: ``arith.fptoui %x : f32 to i64``."""

    name = "arith.fptoui"
    unsigned = True


class Bitcast(_Cast):
    """The same bits as another type of the same width: ``arith.bitcast %x : f32 to i32``.

    In float64 it sees the bits of the declared type.
    """

    name = "arith.bitcast"
    traits = ELEMENT_BY_ELEMENT | {BIT_PATTERNS}
    source = operand(NUMBER_LIKE)
    output = result(NUMBER_LIKE)

    def verify(self) -> None:
        super().verify()
        old, new = self.source.type.element, self.output.type.element
        if old.width != new.width:
            raise ValueError(f"cannot read the bits of {old} as {new}")

    def fold(self) -> Folded:
        return [self.source] if self.source.type is self.output.type else fold_elementwise(self)

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        old, new = self.source.type.element, self.output.type.element
        bits = np.asarray(old.to_storage(np.asarray(source))).view(new.storage)
        if new.name == "bf16":
            bits = (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return [np.asarray(bits).astype(context.dtype(self.output.type))[()]]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        # the float64 value may round to other bits than the declared program has
        if errors[0] is None and not self.source.type.element.is_float:
            return [None]
        if errors[0] is None:
            same = self.source.type.element.round_array(operands[0]) == operands[0]
            return [np.where(same, 0.0, np.inf)]
        return [np.where(np.asarray(errors[0]) > 0, np.inf, 0.0)]


OPERATIONS = (ExtF, TruncF, ExtSI, ExtUI, TruncI, IndexCast, SIToFP, UIToFP, FPToSI, FPToUI, Bitcast)
