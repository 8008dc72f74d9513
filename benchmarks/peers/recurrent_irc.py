"""Ours: ``run``, and the native step that ``fit`` calls for each batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from models import RATE, Case
from peers.trained import import_passes, net_of, step_of

import irc


def peers(case: Case, threads: int = 1) -> Iterator[Peer]:
    """One way."""
    import_passes()
    yield Peer(case, threads)


class Peer:
    """A net, compiled anew for each function."""

    def __init__(self, case: Case, threads: int):
        self.case, self.threads = case, threads

    def _net(self) -> irc.Net:
        return net_of(self.case.model.source, self.case.parameters, self.threads)

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
        x, y = self.case.x, self.case.y
        step = step_of(self._net(), "mse", RATE, one_sample=x.shape[1] == 1)
        if self.case.model.layer:
            return partial(step, self.case.own(x), self.case.own(y))

        def call() -> float:
            step.begin(x.shape[1])
            return step(x, y)

        return call
