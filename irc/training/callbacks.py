"""What may watch a training, and end it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from irc.ir.diagnostics import Error


@dataclass
class Training:
    """A training as callbacks see it.

    ``epoch`` and ``step`` are counted from 0; ``step`` is the number of steps done within this call of fit. ``loss`` is
    that of the last step, after an epoch the mean of the epoch; ``rate`` the learning rate of the last step.
    ``validation_loss`` and ``validation_accuracy`` are those of the last epoch that is done (None: there are none).
    """

    net: Any
    epoch: int = 0
    step: int = 0
    loss: float = float("nan")
    rate: float = 0.0
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    stopped: bool = False

    @property
    def watched_loss(self) -> float:
        """The loss that says how good the net is: that of validation, or where there is none, that of the epoch."""
        return self.loss if self.validation_loss is None else self.validation_loss

    def stop(self) -> None:
        """End the training after this step, or epoch."""
        self.stopped = True


class Callback:
    """Watches a training; subclasses override what they want to see.

    In ``on_epoch`` the net is as one that has learnt so far: it can be saved, and ``net.memory`` is up to date.
    """

    def on_begin(self, training: Training) -> None:
        """Before the first step."""

    def on_step(self, training: Training) -> None:
        """After each step."""

    def on_epoch(self, training: Training) -> None:
        """After each epoch, and its validation."""

    def on_end(self, training: Training) -> None:
        """After the last epoch, unless an error ends the training."""


class _EachEpoch(Callback):
    """A function as a callback."""

    def __init__(self, function: Callable[[Training], Any]):
        self._function = function

    def on_epoch(self, training: Training) -> None:
        self._function(training)


def as_callbacks(given: Any) -> list[Callback]:
    """Callbacks as a user gives them: one or several, objects or functions of an epoch. Raises :class:`irc.Error`."""
    found = []
    for one in given if isinstance(given, (list, tuple)) else [given]:
        if not isinstance(one, Callback) and not callable(one):
            raise Error(f"a callback is a function, or an irc.Callback, not {type(one).__name__}")
        found.append(one if isinstance(one, Callback) else _EachEpoch(one))
    return found
