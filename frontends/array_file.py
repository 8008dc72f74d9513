"""Files of arrays: ``.npy`` is a dense adjacency matrix, ``.npz`` a sparse one as ``scipy.sparse.save_npz`` writes it.

Neither needs SciPy; nothing in a file is executed (no pickles).
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from irc.ir.diagnostics import fail

ENDINGS = ("npy", "npz")


@dataclass(frozen=True)
class SparseMatrix:
    """A matrix as its entries, as SciPy's ``coo_array``."""

    shape: tuple[int, ...]
    row: np.ndarray
    col: np.ndarray
    data: np.ndarray

    def tocoo(self) -> SparseMatrix:
        """Itself."""
        return self


def load(path: str | os.PathLike) -> np.ndarray | SparseMatrix:
    """The matrix in a file. Raises :class:`irc.Error` if it cannot be read or is none."""
    name = os.fspath(path)
    try:
        found: Any = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return found
        with found:
            return _sparse(found, name)
    except OSError as error:
        fail(f"cannot read '{name}': {error.strerror or error}")
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        if isinstance(error, KeyError):
            fail(f"'{name}' is no sparse matrix as scipy.sparse.save_npz writes it: {error.args[0]}")
        fail(f"'{name}' is not a NumPy array file: {error}")


def _sparse(entries: Mapping[str, np.ndarray], name: str) -> SparseMatrix:
    """The matrix of an archive. KeyError where an array is missing."""
    kind = entries["format"].item()
    kind = kind.decode("ascii", "replace") if isinstance(kind, bytes) else str(kind)
    shape = tuple(int(size) for size in entries["shape"].reshape(-1))
    data = entries["data"]
    if kind == "coo" and "row" in entries:
        return SparseMatrix(shape, entries["row"], entries["col"], data)
    if kind not in ("csr", "csc"):
        fail(f"'{name}' holds a sparse matrix of format {kind}; convert it with .tocoo(), .tocsr() or .tocsc()")
    counts = np.diff(entries["indptr"])
    if np.any(counts < 0) or counts.sum() != len(data):
        fail(f"'{name}' holds a broken sparse matrix: indptr does not fit the data")
    inner, outer = entries["indices"], np.repeat(np.arange(len(counts)), counts)
    return SparseMatrix(shape, outer, inner, data) if kind == "csr" else SparseMatrix(shape, inner, outer, data)
