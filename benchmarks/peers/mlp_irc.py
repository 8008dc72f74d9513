"""Ours: ``run``, the native step that ``fit`` calls for each batch, and a step within ``fit``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from contest import least_seconds
from mlp import RATE, Case, Model
from peers.trained import import_passes, net_of, step_of

import irc
from irc import layers

EPOCH = 256
"""Steps of an epoch of ``fit``."""


def peers(case: Case, threads: int = 1) -> Iterator[Peer]:
    """One way."""
    import_passes()
    yield Peer(case, threads)


def further(case: Case, threads: int) -> dict[str, float]:
    """A step as it is in ``fit``."""
    net, times = Peer(case, threads).net(), (EPOCH, 1)
    x, y = np.tile(case.x, times), np.tile(case.y, times)
    options: dict[str, Any] = {"batch": len(case.x), "optimizer": irc.SGD(RATE), "loss": loss(case.model)}
    epoch = partial(net.fit, x, y, shuffle=False, verbose=0, **options)
    return {"step within fit": least_seconds(lambda n: epoch(epochs=n)) / EPOCH * 1e6}


def loss(model: Model) -> str:
    """Its name."""
    return "softmax_cross_entropy" if model.classifies else "mse"


class Peer:
    """A net, compiled anew for each function."""

    def __init__(self, case: Case, threads: int = 1, cache: Any = False):
        self.case, self.threads, self.cache = case, threads, cache

    def net(self) -> irc.Net:
        """The model."""
        parts: list[Any] = [layers.Linear(self.case.model.widths[0], self.case.model.widths[1])]
        for out in self.case.model.widths[2:]:
            parts += [getattr(layers, self.case.model.activation), layers.Linear(out)]
        model = layers.Sequential(*parts)  # functions have numbers, too
        values = {
            f"{2 * number}.{name}": value
            for number, pair in enumerate(self.case.layers)
            for name, value in zip(("weight", "bias"), pair, strict=True)
        }
        return net_of(model, values, self.threads, self.cache)

    def inference(self) -> Callable[[], np.ndarray]:
        """The outputs."""
        return partial(self.net().run, self.case.x)

    def step(self) -> Callable[[], float]:
        """A step of training: its loss."""
        step = step_of(self.net(), loss(self.case.model), RATE, one_sample=len(self.case.x) == 1)
        return partial(step, self.case.x, self.case.y)
