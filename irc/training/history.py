"""What a training was like: numbers of each epoch and of each step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from irc.ir.diagnostics import Error


@dataclass
class History:
    """The course of :meth:`irc.Net.fit`, as arrays.

    Of each epoch: ``loss``, the mean over its rows, each as it was when its batch was learnt; ``validation_loss`` and
    ``validation_accuracy`` after it (NaN where there are none), and ``seconds``. Of each step: ``step_loss`` and
    ``step_rate``, the learning rate. ``interrupted``: Ctrl-C ended it early.
    """

    loss: np.ndarray = field(default_factory=lambda: np.zeros(0))
    validation_loss: np.ndarray = field(default_factory=lambda: np.zeros(0))
    validation_accuracy: np.ndarray = field(default_factory=lambda: np.zeros(0))
    seconds: np.ndarray = field(default_factory=lambda: np.zeros(0))
    step_loss: np.ndarray = field(default_factory=lambda: np.zeros(0))
    step_rate: np.ndarray = field(default_factory=lambda: np.zeros(0))
    interrupted: bool = False

    @property
    def epochs(self) -> int:
        """The number of epochs, an unfinished one included."""
        return len(self.loss)

    def plot(self, path: Any = None) -> Any:
        """The losses over the epochs as a picture (a figure of matplotlib); with ``path`` also written to a file.

        Raises :class:`irc.Error` if matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure  # an extra; without it nothing else is missing
            from matplotlib.ticker import MaxNLocator
        except ImportError:
            raise Error("plots need matplotlib: pip install 'irc-compiler[train]'") from None
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.add_subplot()
        numbers = np.arange(1, self.epochs + 1)
        axes.plot(numbers, self.loss, marker=".", label="training")
        if np.isfinite(self.validation_loss).any():
            axes.plot(numbers, self.validation_loss, marker=".", label="validation")
            axes.legend()
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel("loss")
        if (self.loss > 0).all() and self.epochs:
            axes.set_yscale("log")
        if path is not None:
            figure.savefig(path)
        return figure

    def __repr__(self) -> str:
        last = f", loss {self.loss[-1]:.6g}" if self.epochs else ""
        return f"<history: {self.epochs} epochs, {len(self.step_loss)} steps{last}>"


class Recorder:
    """Collects a history while it happens."""

    def __init__(self) -> None:
        self.epochs: list[tuple[float, float, float, float]] = []
        self.step_loss: list[float] = []
        self.step_rate: list[float] = []

    def step(self, loss: float, rate: float) -> None:
        """A step is done."""
        self.step_loss.append(loss)
        self.step_rate.append(rate)

    def epoch(self, loss: float, validation_loss: float, accuracy: float, seconds: float) -> None:
        """An epoch is done."""
        self.epochs.append((loss, validation_loss, accuracy, seconds))

    def history(self, interrupted: bool) -> History:
        """All so far."""
        loss, validation_loss, accuracy, seconds = np.array(self.epochs, np.float64).reshape(-1, 4).T.copy()
        steps = np.array(self.step_loss), np.array(self.step_rate)
        return History(loss, validation_loss, accuracy, seconds, *steps, interrupted)
