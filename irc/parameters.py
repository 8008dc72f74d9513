"""A net's parameters: one flat vector, and names for its parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irc.arrays import as_array
from irc.ir.diagnostics import Error


@dataclass(frozen=True)
class Parameter:
    """A named part of the flat vector: ``offset`` counts elements; shape () is a single number."""

    name: str
    offset: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)


class ParameterTable(Mapping[str, Parameter]):
    """Names of the parts of a flat vector of ``size`` elements: the ``entries``, or one number for each of ``names``
    (or of what it gives when called). Built when first asked: a large net has a million names.
    """

    def __init__(
        self,
        size: int,
        entries: Sequence[Parameter] | None = None,
        names: Sequence[str] | Callable[[], Sequence[str]] = (),
    ):
        self.size = size
        self._entries = entries
        self._names = names
        self._by_name: dict[str, Parameter] | None = None

    def __reduce__(self) -> Any:
        return ParameterTable, (self.size, list(self.values()))

    def _table(self) -> dict[str, Parameter]:
        if self._by_name is None:
            entries = self._entries
            if entries is None:
                names = self._names() if callable(self._names) else self._names
                entries = [Parameter(name, index, ()) for index, name in enumerate(names)]
            self._by_name = {entry.name: entry for entry in entries}
        return self._by_name

    def __getitem__(self, name: str) -> Parameter:
        return self._table()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table())

    def __len__(self) -> int:
        return len(self._table())


class Parameters(MutableMapping[str, Any]):
    """Parameters, or their gradients, by name; ``flat`` is the vector itself, which native code reads.

    A name gives a number (a NumPy scalar) where the parameter is one, and else a writable view of its shape. Writing
    converts to the vector's dtype. Names cannot be added or removed.
    """

    __slots__ = ("_flat", "table")

    def __init__(self, table: ParameterTable, flat: np.ndarray):
        self.table = table
        self._flat = flat

    @property
    def flat(self) -> np.ndarray:
        """The flat vector: one float a parameter, shared with the net. Assigning copies the values in."""
        return self._flat

    @flat.setter
    def flat(self, values: Any) -> None:
        array = _numbers(values, "the parameters")
        if array.shape != self._flat.shape:
            raise Error(f"the flat vector has {self._flat.size} parameters, got an array of shape {array.shape}")
        self._writable()[...] = array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The flat vector: what NumPy takes these parameters for."""
        return np.array(self._flat, dtype, copy=copy)

    def _entry(self, name: str) -> Parameter:
        if not isinstance(name, str):
            raise TypeError(f"parameters go by name, not by {type(name).__name__}; positions are those of .flat")
        entry = self.table.get(name)
        if entry is None:
            import difflib

            near = difflib.get_close_matches(str(name), self.table, 1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise KeyError(f"no parameter '{name}'{hint}")
        return entry

    def __getitem__(self, name: str) -> Any:
        entry = self._entry(name)
        part = self._flat[entry.offset : entry.offset + entry.size]
        return part[0] if entry.shape == () else part.reshape(entry.shape)

    def __setitem__(self, name: str, value: Any) -> None:
        entry = self._entry(name)
        array = _numbers(value, f"parameter '{name}'")
        if array.shape != entry.shape:
            raise Error(f"parameter '{name}' has shape {entry.shape}, got a value of shape {array.shape}")
        self._writable()[entry.offset : entry.offset + entry.size] = array.reshape(-1)

    def _writable(self) -> np.ndarray:
        if not self._flat.flags.writeable:
            raise Error("these parameters are read-only: those of a frozen net do not change")
        return self._flat

    def __delitem__(self, name: str) -> None:
        raise TypeError("parameters cannot be removed")

    def __iter__(self) -> Iterator[str]:
        return iter(self.table)

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return f"<{self._flat.size} parameters, {self._flat.dtype}>"


def _numbers(value: Any, what: str) -> np.ndarray:
    array = as_array(value, what)
    if array.dtype.kind not in "fiub":
        raise Error(f"{what} must be real numbers, got dtype {array.dtype}")
    return array
