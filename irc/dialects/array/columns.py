"""A matrix of columns of other matrices, with as few copies as that takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from irc.dialects.arith import Constant
from irc.dialects.array.index import Gather
from irc.dialects.array.pieces import Concat, Slice
from irc.dialects.array.syntax import sizes_attribute
from irc.ir.attributes import DenseAttr
from irc.ir.builder import Builder
from irc.ir.operation import Value
from irc.ir.types import TensorType, i32


def pick_columns(builder: Builder, parts: Sequence[tuple[Value, int, int]], picks: np.ndarray) -> Value:
    """A matrix of the columns number ``picks`` (not empty) of ``parts``, which are numbered one after another.

    A part is a matrix, its first column that counts, and how many do. All matrices have the same rows. Whole matrices
    are taken as they are, neighbouring columns as slices, others by ``array.gather``.
    """
    matrices = list(dict.fromkeys(matrix for matrix, _, _ in parts))
    widths = [count for _, _, count in parts]
    owner = np.repeat([matrices.index(matrix) for matrix, _, _ in parts], widths)[picks]
    column = np.concatenate([np.arange(begin, begin + count) for _, begin, count in parts])[picks]
    begins = np.flatnonzero(np.diff(owner, prepend=-1))
    if len(begins) > len(matrices):  # to and fro between matrices: each piece would be a copy of its own
        firsts = np.cumsum([0, *(m.type.shape[1] for m in matrices)])  # type: ignore[attr-defined]
        return _taken(builder, builder.value(Concat, matrices, axis=1), firsts[owner] + column)
    pieces = [
        _taken(builder, matrices[owner[begin]], column[begin:end])
        for begin, end in zip(begins, [*begins[1:], len(owner)], strict=True)
    ]
    return pieces[0] if len(pieces) == 1 else builder.value(Concat, pieces, axis=1)


def index_table(builder: Builder, indices: np.ndarray) -> Value:
    """Positions that are known, as a constant of i32."""
    return builder.value(Constant, value=DenseAttr(np.asarray(indices, np.int32), TensorType(indices.shape, i32)))


def _taken(builder: Builder, matrix: Value, columns: np.ndarray) -> Value:
    count = len(columns)
    type: TensorType = matrix.type  # type: ignore[assignment]
    if np.array_equal(columns, np.arange(columns[0], columns[0] + count)):
        if count == type.shape[1]:
            return matrix
        return builder.value(
            Slice,
            matrix,
            offsets=sizes_attribute([0, int(columns[0])]),
            result_types=[type.with_shape([type.shape[0], count])],
        )
    return builder.value(Gather, matrix, index_table(builder, columns), axis=1)
