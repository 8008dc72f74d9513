"""The loss of a batch and its gradients, without a step."""

from __future__ import annotations

from typing import Any

import numpy as np

from irc.arrays import as_array
from irc.ir.diagnostics import Error
from irc.recurrence import State
from irc.training.data import checked_data, data_arguments
from irc.training.losses import Loss, find_loss
from irc.training.recipes import LossGradient, loss_words
from irc.training.trainable import Trainable


def chosen_loss(net: Trainable, given: Any) -> Loss:
    """The loss that a user names, else the one that the net says of itself. Raises :class:`irc.Error` for none."""
    if given is not None:
        return find_loss(given)
    if net.loss is None:
        raise Error(f"net {net.name} says no loss of its own: give one, such as loss='mse'")
    return net.loss


def value_and_grad(
    net: Trainable, x: Any, target: Any, loss: Any, rows: str = "steps"
) -> tuple[float, np.ndarray, list[np.ndarray | None]]:
    """The mean loss, the gradients of the flat parameter vector, and those of the inputs (None for integers).

    A recurrent net begins anew. Raises :class:`irc.Error` for data that do not fit the net.
    """
    chosen = chosen_loss(net, loss)
    states = [a for a in net.forward.inputs if a.registers]
    arguments, shapes = data_arguments(net.forward)
    data = checked_data(x, target, arguments, shapes, chosen, rows, bool(states), finite=False)
    batch = data.batch(0, len(data))
    floats = [a.dtype.kind == "f" for a in arguments[:-1]]
    wrt = tuple(str(number) for number, is_float in enumerate(floats) if is_float)
    one_sample = net.program.serves_one_sample and (rows == "steps" if states else len(data) == 1)
    kernel = net.made(LossGradient(loss_words(chosen), (*wrt, "params"), one_sample))
    begin = [State(a).of(batch[0].shape[1]) for a in states]
    behind = [np.zeros_like(state) for state in begin]  # no gradient comes from behind the last step
    arrays = [*batch, *begin, np.ones((), net.dtype), *behind]
    value, *results = kernel.function.call(kernel.prepare(arrays, net.params.flat))
    following = iter(results[len(states) :])
    by_input = [next(following) if is_float else None for is_float in floats]
    given = x if isinstance(x, tuple) else (x,)
    by_input = [None if g is None else g.reshape(as_array(a, "x").shape) for g, a in zip(by_input, given, strict=True)]
    flat = np.concatenate([np.zeros(0, net.dtype), *(g.reshape(-1) for g in following)])
    return float(value), flat, by_input
