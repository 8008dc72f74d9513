"""How far a net has learnt: what the next call of fit goes on from, and what is saved with the net."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np

from irc.ir.diagnostics import Error
from irc.training.optimizers import Optimizer, optimizer_text, parse_optimizer
from irc.training.schedules import SCHEDULES


@dataclass(frozen=True)
class Memory:
    """``optimizer`` has done ``steps`` steps, in ``epochs`` epochs; ``moments`` are what it keeps, arrays by name, each
    like the flat parameter vector; without them it begins.
    """

    optimizer: Optimizer
    moments: Mapping[str, np.ndarray] = field(default_factory=dict)
    steps: int = 0
    epochs: int = 0

    def serves(self, optimizer: Optimizer) -> bool:
        """Whether ``optimizer`` can go on from here: it is the same but for its learning rate."""
        return optimizer_text(optimizer) == optimizer_text(self.optimizer)

    def to_json(self) -> dict[str, Any]:
        """All but the moments, as JSON has it. A rate that is a function of the user's becomes null."""
        words, rate = list(optimizer_text(self.optimizer)), _rate_to_json(self.optimizer.lr)
        return {"optimizer": words, "rate": rate, "steps": self.steps, "epochs": self.epochs}

    @classmethod
    def from_json(cls, given: Mapping[str, Any], moments: Mapping[str, np.ndarray], flat: np.ndarray) -> Memory:
        """The memory that :meth:`to_json` described, of a net with the parameters ``flat``.

        Raises :class:`irc.Error`, KeyError, TypeError or ValueError for what does not belong together.
        """
        optimizer = parse_optimizer([str(word) for word in given["optimizer"]])
        optimizer = replace(optimizer, lr=_rate_from_json(given["rate"]))
        if set(moments) != set(optimizer.moments):
            raise Error(f"{optimizer.name} keeps {', '.join(optimizer.moments) or 'nothing'}, not {', '.join(moments)}")
        for name, moment in moments.items():
            if moment.shape != flat.shape or moment.dtype != flat.dtype:
                raise Error(f"{name} of {optimizer.name} must be like the parameters")
        counts = [given["steps"], given["epochs"]]
        if any(not isinstance(n, Integral) or isinstance(n, bool) or n < 0 for n in counts):
            raise Error("numbers of steps and epochs are integers from 0")
        return cls(optimizer, dict(moments), *counts)


def _rate_to_json(rate: Any) -> Any:
    """A number, or a schedule as its name and fields."""
    if not callable(rate):
        return rate
    if SCHEDULES.get(type(rate).__name__) is not type(rate) or not is_dataclass(rate):
        return None
    return [type(rate).__name__, {f.name: _rate_to_json(getattr(rate, f.name)) for f in fields(rate)}]


def _rate_from_json(given: Any) -> Any:
    if isinstance(given, list):
        name, values = given
        return SCHEDULES[name](**{key: _rate_from_json(value) for key, value in values.items()})
    return forgotten_rate if given is None else given


def forgotten_rate(step: int) -> float:
    """In place of a rate that could not be saved. Raises :class:`irc.Error`."""
    raise Error("the saved net learnt with a learning rate that was a function of the user's: give optimizer= to go on")
