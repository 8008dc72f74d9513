"""Multiplication and addition with one rounding, and how NumPy computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irc.dialects.arith.attributes import NO_FASTMATH, FastMathAttr
from irc.dialects.arith.floats import MulF
from irc.dialects.arith.forms import FASTMATH, Uniform
from irc.dialects.math.function import Gradients
from irc.error_bounds import known, magnitude, product, rounded
from irc.ir.builder import Builder
from irc.ir.constraints import FLOAT_LIKE
from irc.ir.spec import attr, operand, result
from irc.ir.types import Type


class Fma(Uniform):
    """a b + c, rounded once: ``math.fma %a, %b, %c : f32``."""

    name = "math.fma"
    a = operand(FLOAT_LIKE)
    b = operand(FLOAT_LIKE)
    c = operand(FLOAT_LIKE)
    output = result(FLOAT_LIKE)
    fastmath = attr(FastMathAttr, "liberties with floats", default=NO_FASTMATH)
    assembly = f"$a `,` $b `,` $c {FASTMATH} attr-dict `:` type($output)"

    def eval(self, context: Any, a: Any, b: Any, c: Any) -> Sequence[Any]:
        return [multiply_add(context, self.output.type, a, b, c)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [multiply_add_bound(self.output.type, operands, errors, results[0])]

    def vjp(self, builder: Builder, gradients: Gradients) -> Gradients:
        # d(a b + c) = b da + a db + dc
        (g,) = gradients
        assert g is not None
        return [builder.value(MulF, g, self.b), builder.value(MulF, g, self.a), g]


def multiply_add(context: Any, type: Type, a: Any, b: Any, c: Any) -> Any:
    """a b + c of arrays, in the form and with the rounding that the interpreter ``context`` has for ``type``."""
    wide = [np.asarray(v, np.float64) for v in (a, b, c)]
    narrow = context.dtype(type) != np.float64
    with np.errstate(all="ignore"):
        return context.round((_narrow_fma if narrow else _fma)(*wide), type)


def multiply_add_bound(type: Type, operands: Sequence[Any], errors: Sequence[Any], result: Any) -> Any:
    """The error bound of a b + c, from the operands' values and bounds."""
    a, b, _ = operands
    propagated = product(a, b, errors[0], errors[1]) + magnitude(errors[2])
    # targets without the instruction round the product too
    extra = rounded(type, np.abs(a * b) + propagated, 0.0)
    return known(rounded(type, result, propagated + extra))


def _two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """a + b exactly, as a float64 and what its rounding lost (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _two_product(a: Any, b: Any) -> tuple[Any, Any]:
    """a b exactly, as a float64 and what its rounding lost (Veltkamp, Dekker)."""

    def split(v: Any) -> tuple[Any, Any]:
        scaled = 134217729.0 * v  # 2^27 + 1
        high = scaled - (scaled - v)
        return high, v - high

    total = a * b
    (ah, al), (bh, bl) = split(a), split(b)
    return total, ((ah * bh - total) + ah * bl + al * bh) + al * bl


def _odd_sum(a: Any, b: Any) -> Any:
    """a + b rounded to odd: an inexact sum gets an odd last bit, so that a later rounding is not deceived by a tie."""
    total, lost = _two_sum(a, b)
    even = (np.asarray(total).view(np.int64) & 1) == 0
    towards = np.where((lost > 0), np.inf, -np.inf)
    return np.where((lost != 0) & even & np.isfinite(lost), np.nextafter(total, towards), total)


def _narrow_fma(a: Any, b: Any, c: Any) -> Any:
    """a b + c for operands of at most 24 bits: the product is exact, the sum rounded to odd for the last rounding."""
    return _odd_sum(np.asarray(a * b), np.asarray(c))


def _fma(a: Any, b: Any, c: Any) -> Any:
    """a b + c in float64, rounded once (Boldo and Melquiond 2008); rounded twice near overflow and underflow."""
    plain = a * b + c
    high, low = _two_product(a, b)
    sum_high, sum_low = _two_sum(c, low)
    top, rest = _two_sum(high, sum_high)
    once = top + _odd_sum(np.asarray(sum_low), np.asarray(rest))
    magnitude_ok = (np.abs(high) > 1e-250) & (np.abs(a) < 1e300) & (np.abs(b) < 1e300) & np.isfinite(once)
    return np.where(magnitude_ok, once, plain)


OPERATIONS = (Fma,)
