"""Ends a training that does not get better any more."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irc.training.arguments import require_amount, require_count
from irc.training.callbacks import Callback, Training


class EarlyStopping(Callback):
    """Ends the training when the loss has not become better for ``patience`` epochs.

    The loss is that of validation, or without one that of the epoch. An epoch is better if its loss is below the best
    so far by more than ``min_delta``. ``restore``: when the training ends, for whatever reason but an error, the
    parameters become those after the best epoch. ``best`` is its loss, ``best_epoch`` its number from 0 (None: there is
    none yet). Each call of fit begins anew. Raises :class:`irc.Error` for arguments that make no sense.
    """

    def __init__(self, patience: int = 10, min_delta: float = 0.0, restore: bool = True):
        self.patience = require_count("patience", patience)
        self.min_delta = require_amount("min_delta", min_delta)
        self.restore = bool(restore)
        self._forget()

    def _forget(self) -> None:
        self.best = math.inf
        self.best_epoch: int | None = None
        self._kept: Any = None

    def on_begin(self, training: Training) -> None:
        """Nothing is known."""
        self._forget()

    def on_epoch(self, training: Training) -> None:
        """Compare with the best; keep the parameters, or end the training."""
        loss = math.inf if math.isnan(training.watched_loss) else training.watched_loss
        if self.best_epoch is None or loss < self.best - self.min_delta:
            self.best, self.best_epoch = loss, training.epoch
            if self.restore:
                self._kept = np.array(training.net.params.flat)
        elif training.epoch - self.best_epoch >= self.patience:
            training.stop()

    def on_end(self, training: Training) -> None:
        """Go back to the best epoch."""
        if self._kept is not None:
            training.net.params.flat[...] = self._kept
            self._kept = None
