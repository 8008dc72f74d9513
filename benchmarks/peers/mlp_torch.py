"""PyTorch: a model of its layers, as it is, and by ``torch.compile`` where there is a compiler for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from mlp import RATE, Case
from peers.compiled_torch import THERE, compiled


def peers(case: Case, threads: int = 1) -> Iterator[Peer]:
    """One or two ways."""
    torch.set_num_threads(threads)
    yield Peer(case, lambda function: function)
    if THERE:
        yield Peer(case, compiled)


class Peer:
    """A model. ``made`` is what is done with a function before it is called."""

    def __init__(self, case: Case, made: Callable[[Any], Any]):
        self.case, self.made = case, made
        self.x, self.y = torch.from_numpy(case.x), torch.from_numpy(case.y)

    def _model(self) -> torch.nn.Module:
        activation = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[self.case.model.activation]
        parts: list[torch.nn.Module] = []
        for (width, out), (weight, bias) in zip(pairwise(self.case.model.widths), self.case.copied(), strict=True):
            layer = torch.nn.Linear(width, out)
            layer.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})
            parts += [layer, activation()]
        return torch.nn.Sequential(*parts[:-1])

    def inference(self) -> Callable[[], np.ndarray]:
        """The outputs."""
        model = self.made(self._model())

        def call() -> np.ndarray:
            with torch.inference_mode():
                return model(self.x).numpy()

        return call

    def step(self) -> Callable[[], float]:
        """A step of training: its loss."""
        plain = self._model()
        model, functional = self.made(plain), torch.nn.functional
        loss_of = functional.cross_entropy if self.case.model.classifies else functional.mse_loss
        optimizer = torch.optim.SGD(plain.parameters(), lr=RATE)

        def call() -> float:
            optimizer.zero_grad()
            loss = loss_of(model(self.x), self.y)
            loss.backward()
            optimizer.step()
            return float(loss.detach())

        return call
