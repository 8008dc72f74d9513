"""The text of shapes: ``B x 4 x f32``, ``2x3xf32`` and MLIR's ``?x4xf32, ["B", 4]``.

Tensors, vectors and the buffers of the loop level all write their shape like this, so each reads it here.
"""

from __future__ import annotations

import json
import re

from irc.ir.dimensions import Dimension, parse_dimension
from irc.ir.types import SCALARS, Type, VectorType

_STATIC = re.compile(r"((?:\d{1,18}x)*)([A-Za-z].*)", re.DOTALL)
_SEPARATOR = re.compile(r"\s+x\s+|(?<=[0-9?])x(?=[0-9?A-Za-z])")
_QUESTION = (
    "a '?' has no name; give the dimension one, as in tensor<B x 4 x f32>, in generic form tensor<?x4xf32, [\"B\", 4]>"
)


def parse_shape(body: str) -> tuple[tuple[Dimension, ...], Type]:
    """The dimensions and the element type of what stands between the angle brackets of a shaped type.

    Raises ValueError that says what is wrong.
    """
    body = body.strip()
    match = _STATIC.fullmatch(body)
    if match is not None and match[2] in SCALARS:
        return tuple(int(size) for size in match[1].split("x")[:-1]), SCALARS[match[2]]
    encoding = None
    if body.endswith("]"):
        body, comma, encoding = body.rpartition(", [")
        if not comma:
            raise ValueError("expected 'dimensions x type, [sizes]'")
    vector = body.find("vector<")
    if vector < 0:
        *sizes, last = _SEPARATOR.split(body)
    else:
        sizes = [part for part in _SEPARATOR.split(body[:vector].rstrip() + " x ?")[:-1] if part]
        if sizes and sizes[-1].endswith("x"):
            sizes[-1] = sizes[-1][:-1]
        last = body[vector:]
    if len(sizes) > 32:
        raise ValueError("more than 32 dimensions")
    element = parse_element(last.strip())
    if encoding is None:
        if any(size.strip() == "?" for size in sizes):
            raise ValueError(_QUESTION)
        return tuple(_size(size) for size in sizes), element
    return _encoded(sizes, encoding), element


def parse_element(text: str) -> Type:
    """The type of one element: a scalar, or a vector (in buffers). Raises ValueError."""
    if text in SCALARS:
        return SCALARS[text]
    if text.startswith("vector<") and text.endswith(">") and text.count("<") == 1:
        return VectorType(*parse_shape(text[7:-1]))
    raise ValueError(f"unknown element type '{text[:40]}'; known are {', '.join(SCALARS)}")


def _size(text: str) -> Dimension:
    size = parse_dimension(text)
    if isinstance(size, int) and size < 0:
        raise ValueError(f"the size {size} is negative")
    return size


def _encoded(sizes: list[str], encoding: str) -> tuple[Dimension, ...]:
    """The sizes of MLIR's form: a number or ``?`` each, and the list with the names of the latter."""
    try:
        names = json.loads(re.sub(r" : i64\b", "", f"[{encoding}"))
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(type(n) in (int, str) for n in names):
        raise ValueError('expected sizes such as ["B", 4] behind the comma')
    if len(names) != len(sizes):
        raise ValueError(f"{len(sizes)} dimensions, but {len(names)} sizes behind the comma")
    shape = []
    for size, name in zip(sizes, names, strict=True):
        dimension = _size(str(name))
        known = size.strip()
        if known != ("?" if isinstance(name, str) else str(name)):
            raise ValueError(f"the dimension '{known}' does not go with the size {name!r} behind the comma")
        shape.append(dimension)
    return tuple(shape)
