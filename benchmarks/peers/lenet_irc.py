"""Ours: ``run``, and the native step that ``fit`` calls for each batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from lenet import RATE, Case, loss_name, rows

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
        self.x, self.y = rows(case.x), rows(case.y)

    def _net(self) -> irc.Net:
        net = irc.compile(self.case.model.source(), cache=False)
        for name, value in self.case.parameters.items():
            net.params[name] = value
        return net

    def inference(self) -> Callable[[], np.ndarray]:
        """The outputs."""
        return partial(self._net().run, self.x)

    def step(self) -> Callable[[], float]:
        """A step of training: its loss."""
        net, optimizer = self._net(), irc.SGD(RATE)
        kernel = net.made(step_recipe(find_loss(loss_name(self.case.model)), optimizer))
        step = NativeStep(kernel, optimizer, net.params.flat, Memory(optimizer))
        return partial(step, self.x, self.y)
