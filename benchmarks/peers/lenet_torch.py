"""PyTorch: as it is, and nets of images by ``torch.compile`` where there is a compiler for it; images in both of its
orders. A GRU it would compile to code for each step apart, for minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from lenet import RATE, Case
from peers.compiled_torch import THERE, compiled

Arrays = dict[str, torch.Tensor]


def peers(case: Case, threads: int = 1) -> Iterator[Peer]:
    """Up to four ways."""
    torch.set_num_threads(threads)
    yield Peer(case, torch.contiguous_format)
    if case.x.ndim == 4:
        yield Peer(case, torch.channels_last)
        if THERE:
            yield Peer(case, torch.contiguous_format, compiled)
            yield Peer(case, torch.channels_last, compiled)


def _as_it_is(function: Any) -> Any:
    return function


class _Functions:
    """PyTorch's own."""

    relu = staticmethod(torch.relu)
    linear = staticmethod(torch.nn.functional.linear)

    @staticmethod
    def conv(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, padding: int) -> torch.Tensor:
        return torch.nn.functional.conv2d(x, weight, bias, padding=padding)

    @staticmethod
    def pool(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.max_pool2d(x, 2)

    @staticmethod
    def flatten(x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)

    @staticmethod
    def gru(w: Arrays, x: torch.Tensor) -> torch.Tensor:
        flat = [w[f"0.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        h = torch.zeros(1, len(x), flat[1].shape[1])
        # whether there are biases, layers, dropout, training, both directions, samples first
        return torch.gru(x, h, flat, True, 1, 0.0, True, False, True)[0]


class Peer:
    """A model. ``order``: how images lie in memory; ``made``: what is done with a function before it is called."""

    def __init__(self, case: Case, order: torch.memory_format, made: Callable[[Any], Any] = _as_it_is):
        self.case, self.order, self.made = case, order, made
        self.x, self.y = self._tensor(case.x), self._tensor(case.y)

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.tensor(array)
        return tensor.contiguous(memory_format=self.order) if array.ndim == 4 else tensor

    def _forward(self) -> tuple[Arrays, Callable[[Arrays, torch.Tensor], torch.Tensor]]:
        w = {name: self._tensor(value).requires_grad_() for name, value in self.case.parameters.items()}
        return w, self.made(partial(self.case.model.forward, _Functions))

    def inference(self) -> Callable[[], np.ndarray]:
        """The outputs."""
        w, forward = self._forward()

        def call() -> np.ndarray:
            with torch.inference_mode():
                return forward(w, self.x).numpy()

        return call

    def step(self) -> Callable[[], float]:
        """A step of training: its loss."""
        w, forward = self._forward()
        functional = torch.nn.functional
        loss_of = functional.cross_entropy if self.case.model.classifies else functional.mse_loss
        optimizer = torch.optim.SGD(w.values(), lr=RATE)

        def call() -> float:
            optimizer.zero_grad()
            loss = loss_of(forward(w, self.x), self.y)
            loss.backward()
            optimizer.step()
            return float(loss.detach())

        return call
