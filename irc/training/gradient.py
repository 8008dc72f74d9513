"""The loss of a batch and its gradients, without a step."""

from __future__ import annotations

from typing import Any

import numpy as np

from irc.ir.diagnostics import Error
from irc.training.data import checked_data
from irc.training.losses import Loss, find_loss, loss_of_attribute
from irc.training.recipes import LossGradient, loss_words
from irc.training.trainable import Trainable


def chosen_loss(net: Trainable, given: Any) -> Loss:
    """The loss that a user names, else the one that the net says of itself. Raises :class:`irc.Error` for none."""
    if given is not None:
        return find_loss(given)
    own = net.entry.attributes.get("irc.loss")
    if own is None:
        raise Error(f"net {net.name} says no loss of its own: give one, such as loss='mse'")
    return loss_of_attribute(own)


def value_and_grad(net: Trainable, x: Any, target: Any, loss: Any) -> tuple[float, np.ndarray, list[np.ndarray | None]]:
    """The mean loss, the gradients of the flat parameter vector, and those of the inputs (None for integers).

    Raises :class:`irc.Error` for data that do not fit the net.
    """
    chosen = chosen_loss(net, loss)
    floats = [a.dtype.kind == "f" for a in net.forward.inputs]
    wrt = tuple(str(number) for number, is_float in enumerate(floats) if is_float)
    kernel = net.made(LossGradient(loss_words(chosen), (*wrt, "params")))
    data = checked_data(x, target, kernel.inputs[:-1], kernel.shapes[:-1], chosen, finite=False)
    arrays = [*data.batch(0, len(data)), np.ones((), net.dtype)]
    value, *gradients = kernel.function.call(kernel.prepare(arrays, net.params.flat))
    following = iter(gradients)
    by_input = [next(following) if is_float else None for is_float in floats]
    flat = np.concatenate([np.zeros(0, net.dtype), *(g.reshape(-1) for g in following)])
    return float(value), flat, by_input
