"""Running error analysis: how far a rounded program may be from exact arithmetic.

The interpreter's bounded mode holds, beside each float64 value v, a bound e with |v - x| <= e for the value x of exact
arithmetic, and |r - x| <= e for the value r of a program that rounds every op to its declared type. Rules of this file
turn the operands' bounds into the results' (Higham, Accuracy and Stability of Numerical Algorithms, sections 2.2, 3.1
and 3.3). A bound of infinity says that nothing is known.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from irc.ir.types import Type

_DIGITS = {"bf16": 8, "f16": 11, "f32": 24, "f64": 53}
_LARGEST = {"bf16": 3.3895313892515355e38, "f16": 65504.0, "f32": 3.4028234663852886e38, "f64": 1.7976931348623157e308}
_SMALLEST = {"bf16": 2.0**-133, "f16": 2.0**-24, "f32": 2.0**-149, "f64": 2.0**-1074}


def unit_roundoff(type: Type) -> float:
    """Half the distance from 1 to the next number of the element type: the relative error of one rounding."""
    return 2.0 ** -_DIGITS[str(type.element)]


def digits(type: Type) -> int:
    """The number of bits in the significand: integers up to 2 to this power are exact."""
    return _DIGITS[str(type.element)]


def gamma(n: int, unit: float) -> float:
    """n*u / (1 - n*u): the relative error of n roundings (Higham, lemma 3.1)."""
    return n * unit / (1 - n * unit) if n * unit < 1 else float("inf")


def magnitude(error: Any) -> Any:
    """An error bound as a number: none is zero."""
    return 0.0 if error is None else error


def rounded(type: Type, value: Any, propagated: Any, ulps: float = 0.5) -> np.ndarray:
    """The bound of a result that has ``propagated`` from the operands and is off by ``ulps`` units in the last place.

    Half a unit is correct rounding. Gradual underflow adds as many units of the smallest number; beyond the largest
    number of the type nothing is known, because the rounded program gives an infinity there.
    """
    name = str(type.element)
    reach = np.abs(value) + propagated
    local = 2 * ulps * (reach * (unit_roundoff(type) * (1 + 4 * unit_roundoff(type))) + _SMALLEST[name])
    return np.where(reach > _LARGEST[name], np.inf, propagated + local)


def product(a: Any, b: Any, error_a: Any, error_b: Any) -> Any:
    """|ab - a'b'| for |a - a'| <= error_a and |b - b'| <= error_b."""
    ea, eb = magnitude(error_a), magnitude(error_b)
    return known(np.abs(a) * eb + np.abs(b) * ea + ea * eb)


def quotient(a: Any, b: Any, error_a: Any, error_b: Any) -> Any:
    """|a/b - a'/b'|; unbounded where the divisor may be zero."""
    ea, eb = magnitude(error_a), magnitude(error_b)
    room = np.abs(b) - eb
    exact = (np.asarray(ea) == 0) & (np.asarray(eb) == 0)
    bound = (ea + np.abs(a / b) * eb) / np.where(room > 0, room, np.nan)
    return np.where(exact, 0.0, known(bound))


def known(error: Any) -> Any:
    """``error`` with NaN, which comes of infinities, read as "nothing is known"."""
    return np.where(np.isnan(error), np.inf, error)
