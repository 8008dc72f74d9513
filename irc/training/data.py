"""Training data: checked once, then handed out in batches that native code reads as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irc.arrays import as_array, as_input, as_samples, require_below, samples_hint, shown
from irc.backend.entry import Argument
from irc.ir.diagnostics import Error, counted
from irc.kernel import Kernel
from irc.recurrence import RANK_HINTS, checked_rows
from irc.training.losses import Loss

Shape = Sequence[int | None]


class Data:
    """Inputs and targets with one row for each sample.

    Rows are the first axis; of a recurrent net they are steps. For a loss that chooses a class, targets may be the
    numbers of the classes, one for each row; each batch then gets a matrix with a 1 in the place of the class. Where a
    net has one output, targets may lack the last axis. Data of the net's dtype are not copied. ``classes`` is the
    number of classes, and ``dtype`` that of outputs, where targets are numbers of classes.
    """

    def __init__(
        self,
        inputs: Sequence[np.ndarray],
        target: np.ndarray,
        classes: int | None = None,
        dtype: Any = None,
    ):
        self.inputs = list(inputs)
        self.target = target
        self.classes = classes
        self.dtype = dtype
        self._rows: dict[int, list[np.ndarray]] = {}
        self._hot: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.target)

    def part(self, first: int, end: int) -> Data:
        """Some of the rows, not copied."""
        return Data([a[first:end] for a in self.inputs], self.target[first:end], self.classes, self.dtype)

    def batch(self, first: int, end: int, order: np.ndarray | None = None) -> list[np.ndarray]:
        """Inputs and target of the rows ``first`` to ``end``, in ``order`` if that is given. Arrays that had to be put
        together are used again by the next batch of that size.
        """
        arrays = [*self.inputs, self.target]
        if order is None:
            rows = [a[first:end] for a in arrays]
        else:
            count = end - first
            if count not in self._rows:
                self._rows[count] = [np.empty((count, *a.shape[1:]), a.dtype) for a in arrays]
            rows = self._rows[count]
            for array, room in zip(arrays, rows, strict=True):
                np.take(array, order[first:end], 0, room, "clip")  # "raise" would make a copy first
        return rows if self.classes is None else [*rows[:-1], self._one_hot(rows[-1])]

    def _one_hot(self, labels: np.ndarray) -> np.ndarray:
        assert self.classes is not None
        count = len(labels)
        if count not in self._hot:
            self._hot[count] = np.empty((*labels.shape, self.classes), self.dtype)
        hot = self._hot[count]
        hot[...] = 0
        np.put_along_axis(hot, labels[..., None], 1, -1)
        return hot


def data_arguments(forward: Kernel) -> tuple[list[Argument], list[Shape]]:
    """What a net learns from: its inputs, but for the state, and what is like its first output; and what is known of
    their shapes, with any number of rows.
    """
    arguments = [*(a for a in forward.inputs if not a.registers), forward.signature.outputs()[0]]
    return arguments, [forward.known_shape(a) for a in arguments]


def checked_data(
    x: Any,
    y: Any,
    arguments: Sequence[Argument],
    shapes: Sequence[Shape],
    loss: Loss,
    rows: str,
    recurrent: bool,
    finite: bool = True,
) -> Data:
    """What a user gave, as data of a net.

    ``arguments`` are the net's inputs and the target, ``shapes`` what is known of theirs; those of a ``recurrent`` net
    are [steps, streams, ...]. ``rows`` is as for :meth:`irc.Net.run`. Raises :class:`irc.Error`, in terms of the shapes
    that the user gives: wrong number of inputs, shapes, unequal numbers of rows, no rows, classes that the net does not
    have, and, if asked, numbers that are not ``finite``.
    """
    streams = checked_rows(rows) == "streams"
    _require_samples(arguments)
    given = x if isinstance(x, tuple) else (x,)
    *inputs, target = arguments
    if len(given) != len(inputs):
        raise Error(f"the net takes {counted(len(inputs), 'input')}, but x has {len(given)}")
    behind = [shape[2:] if recurrent else shape[1:] for shape in shapes]
    fixed = shapes[0][1] if recurrent else None
    before: list[int | None] = [None, fixed] if streams else [None]
    hint = RANK_HINTS[rows] if recurrent or streams else ""
    arrays = []
    for value, a, shape in zip(given, inputs, behind[:-1], strict=True):
        own = hint or samples_hint(a.sample_shape)
        samples = as_samples(value, shape, a.sample_shape)
        arrays.append(as_input(samples, a.dtype, [*before, *shape], a.name, own))
    for array, a in zip(arrays, inputs, strict=True):
        require_below(array, a.below, a.name)
    labels = _labels(y, [*before, *behind[-1]], loss)
    classes = None if labels is None else behind[-1][-1]
    wanted = _targets(y, target, [*before, *behind[-1]], hint) if labels is None else labels
    named = {a.name: array for a, array in zip(inputs, arrays, strict=True)} | {"y": wanted}
    for axis, what in enumerate(("rows", "streams") if streams else ("rows",)):
        sizes = {name: array.shape[axis] for name, array in named.items()}
        if len(set(sizes.values())) != 1:
            shown = ", ".join(f"{name} {size}" for name, size in sizes.items())
            raise Error(f"{' and '.join(sizes)} have different numbers of {what}: {shown}")
    if not wanted.size:
        raise Error("there are no rows to learn from")
    for name, array in named.items():
        if finite:
            _require_finite(name, array)
    *arrays, wanted = [_as_native(array, streams, recurrent) for array in (*arrays, wanted)]
    return Data(arrays, wanted, classes, target.dtype)


def _as_native(array: np.ndarray, streams: bool, recurrent: bool) -> np.ndarray:
    """Data as a net's function takes them: [steps, streams, ...] if it is recurrent, else rows, which are all alike."""
    if recurrent == streams:
        return array
    return array[:, None] if recurrent else array.reshape(-1, *array.shape[2:])


def _require_samples(arguments: Sequence[Argument]) -> None:
    first = {str(a.shape[0]) if a.shape else "" for a in arguments}
    if len(first) != 1 or "" in first:
        shapes = ", ".join(f"{a.name} {shown([str(n) for n in a.shape])}" for a in arguments)  # type: ignore[misc]
        raise Error(f"learning needs one sample in each row of all inputs and of the output; here they are {shapes}")


def _targets(y: Any, target: Argument, shape: Shape, hint: str) -> np.ndarray:
    """Targets like outputs; of one output, perhaps without the last axis."""
    if shape[-1] == 1 and _rank(y) == len(shape) - 1:
        y = as_array(y, "y")[..., None]
    return as_input(y, target.dtype, shape, "y", hint)


def _rank(value: Any) -> int | None:
    """The number of dimensions; None for what is no array, such as rows of different lengths."""
    try:
        return as_array(value, "y").ndim
    except ValueError:
        return None


def _labels(y: Any, shape: Shape, loss: Loss) -> np.ndarray | None:
    """Numbers of classes, one for each row; None where ``y`` is something else. ``shape`` is that of outputs."""
    classes, rank = shape[-1], len(shape) - 1
    if loss.decides != "class" or rank < 1 or classes in (None, 1) or _rank(y) is None:
        return None
    assert classes is not None
    array = as_array(y, "y")
    if array.ndim == rank + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != rank or array.dtype.kind not in "iu":
        if array.ndim == rank and array.dtype.kind in "fb":
            raise Error(
                f"y: classes must be integers from 0 to {classes - 1}, not of dtype {array.dtype}; or give y of shape "
                f"{shown((*[None] * rank, classes))}"
            )
        return None
    if array.size and not 0 <= array.min() <= array.max() < classes:
        place = np.argwhere((array < 0) | (array >= classes))[0].tolist()
        where = place[0] if rank == 1 else place
        raise Error(f"y: class {array[tuple(place)]} in row {where}, but the net's are 0 to {classes - 1}")
    return np.ascontiguousarray(array)


def _require_finite(name: str, array: np.ndarray) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = np.argwhere(~np.isfinite(array))[0].tolist()
        raise Error(f"{name} holds {array[tuple(place)]} at {place}: data to learn from must be finite numbers")
