"""What a framework enters into a contest: a computation that can be repeated, and its results."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

TURN = 2e-3
"""Seconds that a turn takes at least, so that the clock does not count."""
TURNS, LEAST, SECONDS = 300, 3, 1.0
"""Turns at most; at least; and the seconds after which the least number is enough."""


@dataclass(frozen=True)
class Contestant:
    """``repeat(n)`` computes n times; ``results()`` are those of the last time: the outputs [samples, outputs], and of
    a joint computation the gradients of weights and of inputs too. ``keep``: memory that native code uses.
    """

    what: str
    repeat: Callable[[int], Any]
    results: Callable[[], tuple[np.ndarray, ...]]
    keep: Any = None


def calling(what: str, call: Callable[[], Any], read: Callable[[Any], tuple[np.ndarray, ...]]) -> Contestant:
    """A contestant that is a Python function; ``read`` makes the results of what it returns."""
    last: list[Any] = [None]

    def repeat(count: int) -> None:
        for _ in range(count):
            last[0] = call()

    return Contestant(what, repeat, lambda: read(last[0]))


def least_seconds(repeat: Callable[[int], Any]) -> float:
    """The time of one computation: the least of many turns, for what disturbs a measurement only makes it longer."""
    count, begun, turns, best = 1, time.perf_counter(), 0, float("inf")
    while turns < TURNS and (turns < LEAST or time.perf_counter() - begun < SECONDS):
        start = time.perf_counter()
        repeat(count)
        seconds = time.perf_counter() - start
        if seconds < TURN:
            count = max(count + 1, int(1.2 * count * TURN / max(seconds, 1e-9)))
            continue
        best = min(best, seconds / count)
        turns += 1
    return best
