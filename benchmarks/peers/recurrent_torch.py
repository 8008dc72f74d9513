"""PyTorch: the model's step in a loop of Python, as its users write cells of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from models import RATE, Case


def peers(case: Case) -> Iterator[Peer]:
    """One way."""
    torch.set_num_threads(1)
    yield Peer(case)


class Peer:
    """A model. Nothing is compiled."""

    def __init__(self, case: Case):
        self.case = case
        self.x, self.y = torch.from_numpy(case.x), torch.from_numpy(case.y)
        self.state = tuple(map(torch.from_numpy, case.state))

    def _parameters(self) -> dict[str, torch.Tensor]:
        return {name: torch.tensor(value, requires_grad=True) for name, value in self.case.parameters.items()}

    def _outputs(self, w: dict[str, torch.Tensor]) -> torch.Tensor:
        state, outputs = self.state, []
        for x in self.x:
            state, y = self.case.model.step(torch, w, x, state)
            outputs.append(y)
        return torch.stack(outputs)

    def inference(self) -> Callable[[], np.ndarray]:
        """The outputs, from the initial state."""
        w = self._parameters()

        def call() -> np.ndarray:
            with torch.inference_mode():
                return self._outputs(w).numpy()

        return call

    def step(self) -> Callable[[], float]:
        """A step of training, from the initial state: its loss."""
        w = self._parameters()
        optimizer = torch.optim.SGD(w.values(), lr=RATE)

        def call() -> float:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(self._outputs(w), self.y)
            loss.backward()
            optimizer.step()
            return float(loss.detach())

        return call
