"""What ops on images share: the order of their dimensions, and their attributes.

A layout is a word of the letters b, c, h and w: batch, channels, rows and columns, the last one side by side in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from irc.dialects.array.syntax import integers
from irc.dialects.array.windows import Pair
from irc.ir.attributes import Attribute, StringAttr
from irc.ir.types import TensorType

CANONICAL = "bchw"
"""The layout that is meant where none is named."""


def layout_of(attributes: Mapping[str, Attribute]) -> str:
    """The layout of an op."""
    given = attributes.get("layout")
    return given.value if isinstance(given, StringAttr) else CANONICAL


def check_layout(attributes: Mapping[str, Attribute]) -> str:
    """The layout of an op. ValueError where it is none."""
    layout = layout_of(attributes)
    if sorted(layout) != sorted(CANONICAL):
        raise ValueError(f"layout must name b, c, h and w, each once, not '{layout}'")
    return layout


def image_type(type: TensorType, layout: str) -> TensorType:
    """``type``, which must be one of images. ValueError if it is not: only the batch may have an unknown size."""
    sizes = [n for letter, n in zip(layout, type.shape, strict=False) if letter != "b"]
    if type.rank != 4 or not all(isinstance(n, int) and n > 0 for n in sizes):
        raise ValueError(f"images must have dimensions {layout}, all but the batch of known sizes, not {type}")
    return type


def canonical(value: Any, layout: str) -> Any:
    """An array, or a shape, in the order batch, channels, rows, columns."""
    return _ordered(value, [layout.index(letter) for letter in CANONICAL])


def laid_out(value: Any, layout: str) -> Any:
    """The inverse of :func:`canonical`."""
    return _ordered(value, [CANONICAL.index(letter) for letter in layout])


def _ordered(value: Any, order: Sequence[int]) -> Any:
    return np.transpose(value, order) if isinstance(value, np.ndarray) else tuple(value[d] for d in order)


def pair_of(attributes: Mapping[str, Attribute], name: str, usual: Pair, least: int) -> Pair:
    """An attribute that is a pair of integers. ValueError if it is not, or one of them is below ``least``."""
    given = attributes.get(name)
    if given is None:
        return usual
    pair = integers(given, name)
    if len(pair) != 2 or min(pair) < least:
        raise ValueError(f"{name} must be two integers from {least} on, not {list(pair)}")
    return pair
