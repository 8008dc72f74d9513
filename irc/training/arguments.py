"""Checks of what training is told."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from irc.ir.diagnostics import Error


def require_count(name: str, value: Any) -> int:
    """``value``, if it is an integer from 1 on. Raises :class:`irc.Error` that says what ``name`` must be."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise Error(f"{name} must be an integer from 1 on, not {value!r:.80}")
    return int(value)


def require_amount(name: str, value: Any) -> float:
    """``value``, if it is a finite number from 0 on. Raises :class:`irc.Error` that says what ``name`` must be."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) < math.inf:
        raise Error(f"{name} must be a number from 0 on, not {value!r:.80}")
    return float(value)
