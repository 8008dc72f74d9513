"""What a training shows of itself while it runs: a bar (with tqdm), or a line from time to time."""

from __future__ import annotations

import sys
import time
from typing import Any

from irc.ir.diagnostics import Error

BETWEEN = 0.1
"""Seconds between two changes of the bar."""
BETWEEN_LINES = 1.0
"""Seconds between two lines, where there is no bar."""


class Progress:
    """Shows rate, loss and remaining time on standard error. ``verbose``: 0 nothing, 1 a bar for all epochs (lines
    without tqdm, at most one a second), 2 a line for each epoch. ``rows`` are those of an epoch, None if not known.
    """

    def __init__(self, verbose: int, epochs: int, rows: int | None):
        if verbose not in (0, 1, 2):
            raise Error(f"verbose must be 0, 1 or 2, not {verbose!r}")
        self.verbose = verbose
        self.epochs = epochs
        self._bar = _bar(None if rows is None else epochs * rows) if verbose == 1 else None
        self._begin = self._shown = time.perf_counter()
        self._done = self._waiting = 0

    def step(self, epoch: int, rows: int, loss: float) -> None:
        """Rows have been learnt; ``loss`` is the mean of the epoch (from 0) so far."""
        self._done += rows
        if self._bar is None:
            return
        self._waiting += rows
        now = time.perf_counter()
        if now - self._shown > BETWEEN:
            self._show_bar(epoch, f"loss {loss:.4g}")
            self._shown = now

    def epoch(self, epoch: int, loss: float, validation_loss: float, accuracy: float) -> None:
        """An epoch (from 0) is done."""
        words = [f"loss {loss:.4g}"]
        if validation_loss == validation_loss:
            words.append(f"validation {validation_loss:.4g}")
        if accuracy == accuracy:
            words.append(f"accuracy {accuracy:.2%}")
        if self._bar is not None:
            self._show_bar(epoch, ", ".join(words))
            return
        now = time.perf_counter()
        last = epoch + 1 == self.epochs
        if self.verbose == 2 or (self.verbose == 1 and (last or now - self._shown > BETWEEN_LINES)):
            rate = self._done / max(now - self._begin, 1e-9)
            left = (now - self._begin) * (self.epochs / (epoch + 1) - 1)
            words = [f"epoch {epoch + 1}/{self.epochs}: {words[0]}", *words[1:], _rate(rate), f"{_time(left)} left"]
            print(", ".join(words), file=sys.stderr)
            self._shown = now

    def close(self) -> None:
        """Nothing more comes."""
        if self._bar is not None:
            self._bar.close()

    def _show_bar(self, epoch: int, words: str) -> None:
        assert self._bar is not None
        self._bar.set_description_str(f"epoch {epoch + 1}/{self.epochs}", refresh=False)
        self._bar.set_postfix_str(words, refresh=False)
        self._bar.update(self._waiting)
        self._waiting = 0


def _bar(total: int | None) -> Any:
    """A bar of tqdm; None if it is not installed."""
    try:
        from tqdm import tqdm  # an extra; without it there are lines
    except ImportError:
        return None
    return tqdm(total=total, unit=" rows", unit_scale=True, mininterval=0)


def _rate(rate: float) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if rate >= size:
            return f"{rate / size:.3g}{unit} rows/s"
    return f"{rate:.3g} rows/s"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
