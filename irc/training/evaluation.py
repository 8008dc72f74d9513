"""What a net gives for much data, and how good it is: in batches, so that memory does not grow with the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from irc.arrays import as_array
from irc.backend.entry import Function
from irc.backend.jit import Library
from irc.backend.target import host
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp, ReturnOp
from irc.ir.builder import Builder
from irc.ir.dimensions import symbol
from irc.ir.types import TensorType, scalar_of
from irc.passes.pipelines import ARRAY, LOOP
from irc.passmanager import PassContext, PassManager, parse_pipeline
from irc.recurrence import State, over_time, single
from irc.training.arguments import require_count
from irc.training.data import Data, checked_data, data_arguments
from irc.training.gradient import chosen_loss
from irc.training.losses import Loss, mean_loss
from irc.training.trainable import Trainable

BATCH = 1024
"""Rows at a time, where nothing says."""
MOST_CLASSES = 1024
"""A net with more has no confusion matrix: it grows as their square."""


@dataclass(frozen=True)
class Evaluation:
    """How good a net is on some data: the mean ``loss`` of a row, and for losses of classification (else None) the
    ``accuracy``, the share of right decisions, and ``confusion`` [true, predicted], how often each pair was (int64;
    None for more than MOST_CLASSES classes). Where outputs are bits or signs, class 1 are those that are on.
    """

    loss: float
    accuracy: float | None
    rows: int
    confusion: np.ndarray | None = field(default=None, compare=False, repr=False)


def evaluate(net: Trainable, data: Data, loss: Loss, batch: int = BATCH) -> Evaluation:
    """The loss and the accuracy of a net on data of its own."""
    total, right, decisions = 0.0, 0, 0
    confusion: np.ndarray | None = None
    run = _Anew(net)
    for first in range(0, len(data), batch):
        *inputs, target = data.batch(first, min(first + batch, len(data)))
        y = run(*inputs)
        total += batch_loss(loss, y, target) * len(target)
        if loss.decides is not None:
            true, predicted = decided(loss, target, True), decided(loss, y)
            right += int((true == predicted).sum())
            decisions += true.size
            classes = y.shape[-1] if loss.decides == "class" else 2
            if classes <= MOST_CLASSES:
                confusion = np.zeros((classes, classes), np.int64) if confusion is None else confusion
                np.add.at(confusion, (true, predicted), 1)
    return Evaluation(total / len(data), right / decisions if decisions else None, len(data), confusion)


class _Anew:
    """Runs a net over one batch after the other. A recurrent net, whose batches are over time, begins anew; its own
    state stays what it is.
    """

    def __init__(self, net: Trainable):
        self.net = net
        self.states: list[np.ndarray] = []
        self.arguments = [a for a in net.forward.inputs if a.registers]

    def __call__(self, *inputs: np.ndarray) -> Any:
        if not self.arguments:
            return self.net.run(*inputs)
        forward = self.net.forward
        if not self.states:
            self.states = [State(a).of(inputs[0].shape[1]) for a in self.arguments]
        y, *self.states = forward.function.call(forward.prepare([*inputs, *self.states], self.net.params.flat))
        return y


def evaluate_data(net: Trainable, x: Any, y: Any, loss: Any, batch: int = BATCH, rows: str = "steps") -> Evaluation:
    """See :meth:`irc.Net.evaluate`."""
    require_count("batch", batch)
    chosen = chosen_loss(net, loss)
    arguments, shapes = data_arguments(net.forward)
    recurrent = any(a.registers for a in net.forward.inputs)
    return evaluate(net, checked_data(x, y, arguments, shapes, chosen, rows, recurrent), chosen, batch)


def batch_loss(loss: Loss, y: np.ndarray, target: np.ndarray) -> float:
    """The mean loss of outputs, in their own dtype."""
    function = _loss_function(loss, y.ndim, y.dtype.name)
    (mean,) = function.call([np.ascontiguousarray(y), np.ascontiguousarray(target, y.dtype)])
    return float(mean)


def decided(loss: Loss, y: np.ndarray, is_target: bool = False) -> np.ndarray:
    """What outputs, or targets, decide: the number of a class for each row, or 0 or 1 for each of them."""
    if loss.decides == "class":
        return y.argmax(-1)
    return (y > (0.5 if is_target and loss.decides == "bit" else 0)).astype(np.intp)


@lru_cache(maxsize=32)
def _loss_function(loss: Loss, rank: int, dtype: str) -> Function:
    """``@loss(y, target) -> loss``, native, for outputs of any shape of this rank. Serves all nets."""
    element = scalar_of(np.dtype(dtype))
    type = TensorType([symbol(name) for name in "BNMKLJ"[:rank]], element)
    function = FuncOp.of("loss", [type, type], [TensorType([], element)])
    y, target = function.arguments
    y.name_hint, target.name_hint = "y", "target"
    builder = Builder.at_end(function.entry)
    builder.create(ReturnOp, [mean_loss(builder, loss, y, target)])
    module = ModuleOp.of([function])
    PassManager(parse_pipeline(",".join([*ARRAY, *LOOP])), PassContext(host())).run(module)
    return Library(module, host()).function("loss")


def predict(net: Trainable, inputs: Sequence[Any], batch: int = BATCH, rows: str = "steps") -> Any:
    """The net's output for all rows, ``batch`` rows at a time."""
    require_count("batch", batch)
    if any(a.registers for a in net.forward.inputs):
        x = over_time(single(inputs, net.name), net.forward.inputs[0].dtype, net.forward.shapes[0][2], "x", rows)
        run = _Anew(net)
        y = np.concatenate([run(x[first : first + batch]) for first in range(0, max(len(x), 1), batch)])
        return y[:, 0] if rows == "steps" else y
    arrays = [as_array(x, a.name) for x, a in zip(inputs, net.forward.inputs, strict=False)]
    count = len(arrays[0]) if arrays and arrays[0].ndim else 0
    if count <= batch or any(a.ndim == 0 or len(a) != count for a in arrays):
        return net.run(*inputs, rows=rows)
    parts = [net.run(*(a[first : first + batch] for a in arrays), rows=rows) for first in range(0, count, batch)]
    if isinstance(parts[0], tuple):
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))
    return np.concatenate(parts)
