"""Where the mini-batches of an epoch come from: arrays, cut up and shuffled, or whatever a user makes them with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from irc.ir.diagnostics import Error, counted
from irc.training.data import Data

Arrays = list[np.ndarray]
"""Inputs and target of a batch, as native code reads them."""


class Batches(Protocol):
    """The batches of each epoch."""

    @property
    def rows(self) -> int | None:
        """The number of rows of an epoch; None: not known before."""

    def of_epoch(self, epoch: int) -> Iterator[Arrays]:
        """The batches of an epoch, counted from 0 within a call of fit."""


class CutBatches:
    """Batches of ``size`` rows of ``data``, and one of what is left. With a ``seed`` each epoch has its own order, that
    of its number from ``first`` on; with None that of the data.
    """

    def __init__(self, data: Data, size: int, seed: int | None, first: int):
        self._data = data
        self._size = size
        self._seed = seed
        self._first = first

    @property
    def rows(self) -> int:
        """See :class:`Batches`."""
        return len(self._data)

    def of_epoch(self, epoch: int) -> Iterator[Arrays]:
        """See :class:`Batches`. Arrays are used again by later batches."""
        rows = len(self._data)
        order = None if self._seed is None else shuffled(rows, self._seed, self._first + epoch)
        for first in range(0, rows, self._size):
            yield self._data.batch(first, min(first + self._size, rows), order)


class GivenBatches:
    """Batches as a user makes them: an iterable of pairs (x, y), or a function that gives one for each epoch.

    ``checked`` makes data of a pair; ``fixed`` is the number of rows that each batch must have (None: any); those of a
    ``recurrent`` net must have the same streams throughout an epoch. Raises :class:`irc.Error` if several ``epochs``
    are wanted of what ends after one.
    """

    rows = None

    def __init__(
        self, source: Any, epochs: int, checked: Callable[[Any, Any], Data], fixed: int | None, recurrent: bool
    ):
        if hasattr(source, "__array__") or not (isinstance(source, Iterable) or callable(source)):
            wanted = "an iterable of pairs (x, y), or a function that gives one for each epoch"
            raise Error(f"y is missing; without it, x must be {wanted}, not {type(source).__name__}")
        if epochs > 1 and isinstance(source, Iterator):
            once = f"{type(source).__name__} can be gone through once, but there are {epochs} epochs"
            raise Error(f"x: a {once}; give a function that makes one for each epoch, or a list")
        self._source = source
        self._checked = checked
        self._fixed = fixed
        self._recurrent = recurrent

    def of_epoch(self, epoch: int) -> Iterator[Arrays]:
        """See :class:`Batches`."""
        made = self._source if isinstance(self._source, Iterable) else self._source()
        if not isinstance(made, Iterable):
            raise Error(f"x must give an iterable of pairs (x, y) for each epoch, not {type(made).__name__}")
        streams = None
        number = -1
        for number, given in enumerate(made):
            arrays = self._arrays(given, f"batch {number} of epoch {epoch} (counted from 0)")
            if self._recurrent:
                had, streams = streams, arrays[0].shape[1]
                if had not in (None, streams):
                    raise Error(
                        f"batch {number} of epoch {epoch} (counted from 0) has {counted(streams, 'stream')}, the one "
                        f"before {had}: state goes on from batch to batch"
                    )
            yield arrays
        if number < 0:
            again = "; if it can be gone through once, give a function that makes one for each epoch" if epoch else ""
            raise Error(f"there are no batches in epoch {epoch} (counted from 0){again}")

    def _arrays(self, given: Any, where: str) -> Arrays:
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            found = f"{type(given).__name__} of {len(given)}" if hasattr(given, "__len__") else type(given).__name__
            raise Error(f"{where} must be a pair (x, y), not {found}")
        try:
            data = self._checked(*given)
        except Error as error:
            raise Error(f"{where}: {str(error).removeprefix('error: ')}") from None
        if self._fixed not in (None, len(data)):
            raise Error(f"{where} has {counted(len(data), 'row')}; the net takes {self._fixed} at a time")
        return data.batch(0, len(data))


def shuffled(rows: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch's rows, by Philox (Salmon et al., 2011), a counter-based generator, keyed (seed, epoch)."""
    key = np.array([seed, epoch], np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).permutation(rows)
