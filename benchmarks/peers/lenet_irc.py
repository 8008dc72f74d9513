"""Ours: ``run``, and the native step that ``fit`` calls for each batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from lenet import RATE, Case, loss_name, rows
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
        self.x, self.y = rows(case.model, case.x), case.y

    def _net(self) -> irc.Net:
        return net_of(self.case.model.source(), self.case.parameters, self.threads)

    def inference(self) -> Callable[[], np.ndarray]:
        """The outputs."""
        return partial(self._net().run, self.x)

    def step(self) -> Callable[[], float]:
        """A step of training: its loss."""
        step = step_of(self._net(), loss_name(self.case.model), RATE, one_sample=len(self.x) == 1)
        return partial(step, self.x, self.y)
