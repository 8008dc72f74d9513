"""Learning rates that change with the number of steps done. A schedule is any function from that number to a rate.

They are evaluated in Python, once a step: the rate is an argument of the native step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from irc.ir.diagnostics import Error

Schedule = Callable[[int], float]
"""The rate of step ``t``, counted from 0."""


def rate_at(schedule: float | Schedule, step: int) -> float:
    """The rate of a step; a number is that of every step. Raises :class:`irc.Error` for one below 0 or not finite."""
    given = schedule(step) if callable(schedule) else schedule
    try:
        rate = float(given)
    except (TypeError, ValueError):
        raise Error(f"the learning rate of step {step} is {given!r:.80}; it must be a number") from None
    if not 0 <= rate < math.inf:
        raise Error(f"the learning rate of step {step} is {rate}; it must be a finite number from 0")
    return rate


def _require_steps(name: str, steps: object, least: int = 1) -> None:
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < least:
        raise Error(f"{name} of a schedule must be an integer from {least} on, not {steps!r}")


@dataclass(frozen=True)
class StepDecay:
    """``rate * factor ** (t // every)``: a jump every ``every`` steps."""

    rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        _require_steps("every", self.every)

    def __call__(self, step: int) -> float:
        """The rate of a step."""
        return self.rate * self.factor ** (step // self.every)


@dataclass(frozen=True)
class Exponential:
    """``rate * factor ** (t / every)``: falls by ``factor`` within ``every`` steps, smoothly."""

    rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        _require_steps("every", self.every)

    def __call__(self, step: int) -> float:
        """The rate of a step."""
        return self.rate * self.factor ** (step / self.every)


@dataclass(frozen=True)
class Cosine:
    """``final + (rate - final) (1 + cos(pi t / steps)) / 2``, and ``final`` from step ``steps`` on.

    Loshchilov and Hutter, SGDR, 2017, equation 5, without restarts.
    """

    rate: float
    steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        _require_steps("steps", self.steps)

    def __call__(self, step: int) -> float:
        """The rate of a step."""
        done = min(step / self.steps, 1.0)
        return self.final + (self.rate - self.final) * (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True)
class WarmUp:
    """Rises in a line to the rate with which ``then``, a number or a schedule, begins, within ``steps`` steps; then
    follows it from its own step 0.
    """

    steps: int
    then: float | Schedule

    def __post_init__(self) -> None:
        _require_steps("steps", self.steps, 0)

    def __call__(self, step: int) -> float:
        """The rate of a step."""
        if step < self.steps:
            return rate_at(self.then, 0) * (step + 1) / (self.steps + 1)
        return rate_at(self.then, step - self.steps)


SCHEDULES: dict[str, type] = {cls.__name__: cls for cls in (StepDecay, Exponential, Cosine, WarmUp)}
"""All schedules of this file by name."""
