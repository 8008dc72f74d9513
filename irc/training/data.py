"""Training data: checked once, then handed out in batches that native code reads as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irc.arrays import as_input, shown
from irc.backend.entry import Argument
from irc.ir.diagnostics import Error, counted
from irc.training.losses import Loss

Shape = Sequence[int | None]


class Data:
    """Inputs and targets with one row for each sample.

    Rows are the first axis. For a loss that chooses a class, targets may be the numbers of the classes, one for each
    row; each batch then gets a matrix with a 1 in the place of the class. Where a net has one output, targets may lack
    the last axis. Data of the net's dtype are not copied. ``classes`` is the number of classes, and ``dtype`` that of
    outputs, where targets are numbers of classes.
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
            self._hot[count] = np.empty((count, self.classes), self.dtype)
        hot = self._hot[count]
        hot[...] = 0
        hot[np.arange(count), labels] = 1
        return hot


def checked_data(
    x: Any, y: Any, arguments: Sequence[Argument], shapes: Sequence[Shape], loss: Loss, finite: bool = True
) -> Data:
    """What a user gave, as data of a net.

    ``arguments`` are the net's inputs and the target, ``shapes`` what is known of theirs. Raises :class:`irc.Error`:
    wrong number of inputs, shapes, unequal numbers of rows, no rows, classes that the net does not have, and, if asked,
    numbers that are not ``finite``.
    """
    _require_samples(arguments)
    given = x if isinstance(x, tuple) else (x,)
    *inputs, target = arguments
    if len(given) != len(inputs):
        raise Error(f"the net takes {counted(len(inputs), 'input')}, but x has {len(given)}")
    arrays = [
        as_input(value, a.dtype, [None, *shape[1:]], a.name)
        for value, a, shape in zip(given, inputs, shapes[:-1], strict=True)
    ]
    labels = _labels(y, shapes[-1], loss)
    classes = None
    if labels is not None:
        classes = shapes[-1][-1]
        wanted = labels
    else:
        wanted = _targets(y, target, shapes[-1])
    rows = {a.name: len(array) for a, array in zip(inputs, arrays, strict=True)} | {"y": len(wanted)}
    if len(set(rows.values())) != 1:
        raise Error(f"x and y have different numbers of rows: {', '.join(f'{k} {n}' for k, n in rows.items())}")
    if not len(wanted):
        raise Error("there are no rows to learn from")
    for name, array in zip([*(a.name for a in inputs), "y"], [*arrays, wanted], strict=True):
        if finite:
            _require_finite(name, array)
    return Data(arrays, wanted, classes, target.dtype)


def _require_samples(arguments: Sequence[Argument]) -> None:
    first = {str(a.shape[0]) if a.shape else "" for a in arguments}
    if len(first) != 1 or "" in first:
        shapes = ", ".join(f"{a.name} {shown([str(n) for n in a.shape])}" for a in arguments)  # type: ignore[misc]
        raise Error(f"learning needs one sample in each row of all inputs and of the output; here they are {shapes}")


def _targets(y: Any, target: Argument, shape: Shape) -> np.ndarray:
    """Targets like outputs; of one output, perhaps without the last axis."""
    if shape[-1] == 1 and np.ndim(y) == len(shape) - 1:
        y = np.asarray(y)[..., None]
    return as_input(y, target.dtype, [None, *shape[1:]], "y")


def _labels(y: Any, shape: Shape, loss: Loss) -> np.ndarray | None:
    """Numbers of classes, one for each row; None where ``y`` is something else."""
    if loss.decides != "class" or len(shape) != 2 or shape[-1] in (None, 1):
        return None
    classes = shape[-1]
    assert classes is not None
    array = np.asarray(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "iu":
        if array.ndim == 1 and array.dtype.kind in "fb":
            raise Error(
                f"y: classes must be integers from 0 to {classes - 1}, not of dtype {array.dtype}; or give y of shape "
                f"{shown((None, classes))}"
            )
        return None
    if array.size and not 0 <= array.min() <= array.max() < classes:
        row = int(np.argmax((array < 0) | (array >= classes)))
        raise Error(f"y: class {array[row]} in row {row}, but the net's are 0 to {classes - 1}")
    return np.ascontiguousarray(array)


def _require_finite(name: str, array: np.ndarray) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = np.argwhere(~np.isfinite(array))[0].tolist()
        raise Error(f"{name} holds {array[tuple(place)]} at {place}: data to learn from must be finite numbers")
