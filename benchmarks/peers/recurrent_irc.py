"""Ours: ``run``, and the native step that ``fit`` calls for each batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from models import RATE, Case

import irc
from irc.passes.pipelines import TRAINING
from irc.passmanager import parse_pipeline
from irc.training.losses import find_loss
from irc.training.memory import Memory
from irc.training.recipes import step_recipe
from irc.training.step import NativeStep


def peers(case: Case) -> Iterator[Peer]:
    """One way."""
    parse_pipeline(TRAINING)  # imports the passes
    yield Peer(case)


class Peer:
    """A net, compiled anew for each function."""

    def __init__(self, case: Case):
        self.case = case

    def _net(self) -> irc.Net:
        net = irc.compile(self.case.model.source, seed=1, cache=False)
        for name, value in self.case.parameters.items():
            net.params[name] = value
        return net

    def inference(self) -> Callable[[], np.ndarray]:
        """The outputs, from the initial state."""
        net, x, rows = self._net(), self.case.own(self.case.x), self.case.rows

        def call() -> np.ndarray:
            net.reset_state()
            return net.run(x, rows=rows)

        def layer() -> np.ndarray:
            return net.run(x).swapaxes(0, 1)

        return layer if self.case.model.layer else call

    def step(self) -> Callable[[], float]:
        """A step of training, from the initial state: its loss."""
        net, optimizer = self._net(), irc.SGD(RATE)
        kernel = net.made(step_recipe(find_loss("mse"), optimizer, one_sample=self.case.x.shape[1] == 1))
        step = NativeStep(kernel, optimizer, net.params.flat, Memory(optimizer))
        x, y = self.case.x, self.case.y
        if self.case.model.layer:
            return partial(step, self.case.own(x), self.case.own(y))

        def call() -> float:
            step.begin(x.shape[1])
            return step(x, y)

        return call
