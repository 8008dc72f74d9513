"""Checks of what layers are told. Raise :class:`irc.Error`, which names the layer and the argument."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, NoReturn

from irc.ir.dimensions import Dim, Dimension, parse_dimension
from irc.layers.place import fail

LARGEST = 2**31 - 1
_RESERVED = ("B", "x", "floordiv")
"""What sizes cannot be called: the batch, and words of the text form of types."""


def size(given: Any, what: str, least: int = 1) -> int:
    """An integer from ``least`` on."""
    if isinstance(given, bool) or not isinstance(given, Integral) or not least <= int(given) <= LARGEST:
        bounds = f"{least} to {LARGEST}" if isinstance(given, Integral) and int(given) > LARGEST else f"{least} on"
        fail(f"{what} must be an integer from {bounds}, not {_shown(given)}")
    return int(given)


def pair(given: Any, what: str, least: int = 1) -> tuple[int, int]:
    """Height and width: two integers, or one for both."""
    if isinstance(given, Integral):
        return (size(given, what, least),) * 2
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        fail(f"{what} must be an integer or a pair (height, width), not {_shown(given)}")
    return size(given[0], what, least), size(given[1], what, least)


def number(given: Any, what: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number from ``low`` to ``high``."""
    if isinstance(given, bool) or not isinstance(given, Real) or not low <= float(given) <= high:
        bounds = f" from {low:g} to {high:g}" if high < math.inf else f" from {low:g} on" if low > -math.inf else ""
        fail(f"{what} must be a number{bounds}, not {_shown(given)}")
    if not math.isfinite(given):
        fail(f"{what} must be finite, not {given}")
    return float(given)


def switch(given: Any, what: str) -> bool:
    """True or False."""
    if not isinstance(given, bool):
        fail(f"{what} must be True or False, not {_shown(given)}")
    return given


def shape(given: Any, what: str) -> tuple[Dimension, ...]:
    """Sizes without the batch: integers, or names of sizes that only the data say, such as ``"T"``."""
    sizes = (given,) if isinstance(given, (Integral, str)) else given
    if not isinstance(sizes, (tuple, list)):
        fail(f"{what} must be a list of sizes such as [1, 28, 28], not {_shown(given)}")
    return tuple(_dimension(one, what) for one in sizes)


def _dimension(given: Any, what: str) -> Dimension:
    if isinstance(given, Dim):
        return given
    if isinstance(given, str):
        if not (given.isidentifier() and given.isascii()) or given in _RESERVED:
            fail(f"{what}: a size is an integer or a name (not {', '.join(_RESERVED)}), not {_shown(given)}")
        return parse_dimension(given)
    return size(given, what)


def refuse(kind: str, takes: str) -> NoReturn:
    """Fail because a layer was given too little or too much."""
    fail(f"{kind} takes {takes}")


def name(given: Any, kind: str) -> str | None:
    """The name of a layer: None, or a text that is none of the parts of a parameter's name."""
    if given is not None and (not isinstance(given, str) or not given or "\n" in given):
        fail(f"name of {kind} must be a text, not {_shown(given)}")
    return given


def _shown(given: Any) -> str:
    return f"{given!r:.60}"
