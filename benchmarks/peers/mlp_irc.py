"""Ours: ``run``, the native step that ``fit`` calls for each batch, and a step within ``fit``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from contest import least_seconds
from mlp import RATE, Case, Model

import irc
from irc import layers
from irc.passes.pipelines import TRAINING
from irc.passmanager import parse_pipeline
from irc.training.losses import find_loss
from irc.training.memory import Memory
from irc.training.recipes import step_recipe
from irc.training.step import NativeStep

EPOCH = 256
"""Steps of an epoch of ``fit``."""


def peers(case: Case) -> Iterator[Peer]:
    """One way."""
    parse_pipeline(TRAINING)  # imports the passes
    yield Peer(case)


def further(case: Case) -> Iterator[tuple[str, float]]:
    """A step as it is in ``fit``."""
    net, times = Peer(case).net(), (EPOCH, 1)
    x, y = np.tile(case.x, times), np.tile(case.y, times)
    options: dict[str, Any] = {"batch": len(case.x), "optimizer": irc.SGD(RATE), "loss": loss(case.model)}
    epoch = partial(net.fit, x, y, shuffle=False, verbose=0, **options)
    yield "step within fit", least_seconds(lambda n: epoch(epochs=n)) / EPOCH * 1e6


def loss(model: Model) -> str:
    """Its name."""
    return "softmax_cross_entropy" if model.classifies else "mse"


class Peer:
    """A net, compiled anew for each function."""

    def __init__(self, case: Case, cache: Any = None):
        self.case, self.cache = case, cache

    def net(self) -> irc.Net:
        """The model."""
        parts: list[Any] = [layers.Linear(self.case.model.widths[0], self.case.model.widths[1])]
        for out in self.case.model.widths[2:]:
            parts += [getattr(layers, self.case.model.activation), layers.Linear(out)]
        net = irc.compile(layers.Sequential(*parts), cache=self.cache)
        values = [value for pair in self.case.layers for value in pair]
        for name, value in zip(net.params, values, strict=True):
            net.params[name] = value
        return net

    def inference(self) -> Callable[[], np.ndarray]:
        """The outputs."""
        return partial(self.net().run, self.case.x)

    def step(self) -> Callable[[], float]:
        """A step of training: its loss."""
        net, optimizer = self.net(), irc.SGD(RATE)
        kernel = net.made(step_recipe(find_loss(loss(self.case.model)), optimizer))
        step = NativeStep(kernel, optimizer, net.params.flat, Memory(optimizer))
        return partial(step, self.case.x, self.case.y)
