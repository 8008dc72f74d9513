"""Saves a net while it learns."""

from __future__ import annotations

import math
import os
from pathlib import Path

from irc.ir.diagnostics import Error
from irc.training.arguments import require_count
from irc.training.callbacks import Callback, Training


class Checkpoint(Callback):
    """Saves the net to ``path`` after each ``every``-th epoch, as :meth:`irc.Net.save` does: whole or not at all.

    ``best_only``: only when the loss, that of validation or without one that of the epoch, is below all before that
    were looked at in this call of fit. :func:`irc.load` reads the file, and learning goes on from there as if it had
    not stopped. Raises :class:`irc.Error` for arguments that make no sense, and when the training begins if there is no
    such directory.
    """

    def __init__(self, path: str | os.PathLike, every: int = 1, best_only: bool = False):
        if not isinstance(path, (str, os.PathLike)):
            raise Error(f"path must be that of a file, not {type(path).__name__}")
        self.path = Path(path)
        self.every = require_count("every", every)
        self.best_only = bool(best_only)
        self._best = math.inf

    def on_begin(self, training: Training) -> None:
        """Better to fail now than after an epoch."""
        if not self.path.parent.is_dir():
            raise Error(f"cannot write '{self.path}': there is no directory '{self.path.parent}'")
        self._best = math.inf

    def on_epoch(self, training: Training) -> None:
        """Save, if it is time."""
        if (training.epoch + 1) % self.every:
            return
        if self.best_only and not training.watched_loss < self._best:
            return
        self._best = training.watched_loss
        training.net.save(self.path)
