"""PyTorch: its own layer where the model is one; else the model's step in a loop of Python, as its users write it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from models import RATE, Case


def peers(case: Case, threads: int = 1) -> Iterator[Peer]:
    """One way."""
    torch.set_num_threads(threads)
    yield Peer(case)


class Peer:
    """A model. Nothing is compiled."""

    def __init__(self, case: Case):
        self.case = case
        self.x, self.y = torch.from_numpy(case.x), torch.from_numpy(case.y)
        self.state = tuple(map(torch.from_numpy, case.state))

    def _model(self) -> tuple[list[torch.Tensor], Callable[[], torch.Tensor]]:
        """Parameters, and a function that computes the outputs with them."""
        model, values = self.case.model, self.case.parameters
        if model.layer:
            layer = getattr(torch.nn, model.layer)(model.widths[0], model.widths[2])
            layer.load_state_dict({name.removeprefix("cell."): torch.tensor(v) for name, v in values.items()})
            return list(layer.parameters()), lambda: layer(self.x)[0]
        w = {name: torch.tensor(value, requires_grad=True) for name, value in values.items()}

        def outputs() -> torch.Tensor:
            state, found = self.state, []
            for x in self.x:
                state, y = model.step(torch, w, x, state)
                found.append(y)
            return torch.stack(found)

        return list(w.values()), outputs

    def inference(self) -> Callable[[], np.ndarray]:
        """The outputs, from the initial state."""
        _, outputs = self._model()

        def call() -> np.ndarray:
            with torch.inference_mode():
                return outputs().numpy()

        return call

    def step(self) -> Callable[[], float]:
        """A step of training, from the initial state: its loss."""
        parameters, outputs = self._model()
        optimizer = torch.optim.SGD(parameters, lr=RATE)

        def call() -> float:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(outputs(), self.y)
            loss.backward()
            optimizer.step()
            return float(loss.detach())

        return call
