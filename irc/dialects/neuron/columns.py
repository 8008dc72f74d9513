"""Values of a net side by side: as one matrix, a sample in each row, and as the values again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irc.dialects.neuron.net import width
from irc.error_bounds import magnitude
from irc.interpreter import Bounded, error_of, value_of
from irc.ir.operation import Value
from irc.ir.types import TensorType, Type


def joined(context: Any, element: Type, held: Sequence[Any], values: Sequence[Value]) -> Any:
    """What the interpreter holds for ``values``, as one matrix (one row in all where the samples share them)."""
    parts = [_rows(held_value, v.type) for held_value, v in zip(held, values, strict=True)]
    rows = max((len(v) for v, _ in parts), default=1)
    if not parts:
        return np.zeros((rows, 0), context.dtype(element))
    matrix = np.concatenate([np.broadcast_to(v, (rows, v.shape[1])) for v, _ in parts], 1)
    if not context.bounded:
        return matrix
    return Bounded(matrix, np.concatenate([np.broadcast_to(e, (rows, e.shape[1])) for _, e in parts], 1))


def parted(matrix: Any, results: Sequence[Value]) -> list[Any]:
    """The columns of a matrix as the values of ``results``, one after another."""
    found, begin = [], 0
    for result in results:
        end = begin + width(result.type)
        columns: Any = slice(begin, end) if isinstance(result.type, TensorType) else begin
        part, error = value_of(matrix)[:, columns], error_of(matrix)
        found.append(part if error is None else Bounded(part, error[:, columns]))
        begin = end
    return found


def _rows(held: Any, type: Type) -> tuple[np.ndarray, np.ndarray]:
    """A value as a matrix, and its errors."""
    values = np.asarray(value_of(held)).reshape(-1, width(type))
    errors = np.broadcast_to(magnitude(error_of(held)), np.shape(value_of(held))).reshape(values.shape)
    return values, errors
