"""Layers of tanh or relu: microseconds of an inference and of a step of training (SGD), and the time to compile them.

python benchmarks/mlp.py FRAMEWORK [--quick] [--threads N]

FRAMEWORK is irc, numpy, jax, torch or onnxruntime: a file ``peers/mlp_*.py`` each. A framework may have several ways to
do it, of which the best counts. Outputs, and the losses of the first steps of training, are compared with NumPy in
float64 before anything is timed. *compile*: from the source to the first result, imports apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from models import STEPS
from ways import main

RATE = 0.01
"""The learning rate: small, so that losses stay large enough to be compared."""
ACTIVATIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "relu": (lambda z: np.maximum(z, 0), lambda a: a > 0),
    "tanh": (np.tanh, lambda a: 1 - a * a),
}
"""A function, and its derivative from its value."""


@dataclass(frozen=True)
class Model:
    """Widths of the layers, the function between them, and the loss: softmax cross-entropy if ``classifies``, else the
    mean square.
    """

    widths: tuple[int, ...]
    activation: str
    classifies: bool


MODELS = {
    "784-512-512-10": Model((784, 512, 512, 10), "relu", True),
    "4-64-64-2": Model((4, 64, 64, 2), "tanh", False),
}
CASES = [("784-512-512-10", 1), ("784-512-512-10", 128), ("4-64-64-2", 1), ("4-64-64-2", 32)]
"""Model and samples."""

Layers = list[tuple[np.ndarray, np.ndarray]]
"""Weights [out, in] and biases."""


@dataclass(frozen=True)
class Case:
    """A model with data: ``x`` [samples, in], ``y`` [samples, out], of classes one in each row, and first layers."""

    name: str
    model: Model
    x: np.ndarray
    y: np.ndarray
    layers: Layers

    @staticmethod
    def of(name: str, samples: int) -> Case:
        """Random data for a model."""
        model, rng = MODELS[name], np.random.default_rng(0)
        layers = []
        for width, out in pairwise(model.widths):
            reach = width**-0.5
            sizes = ((out, width), (out,))
            weight, bias = (rng.uniform(-reach, reach, size).astype(np.float32) for size in sizes)
            layers.append((weight, bias))
        x = rng.standard_normal((samples, model.widths[0])).astype(np.float32)
        if model.classifies:
            y = np.eye(model.widths[-1], dtype=np.float32)[rng.integers(model.widths[-1], size=samples)]
        else:
            y = rng.standard_normal((samples, model.widths[-1])).astype(np.float32)
        return Case(f"{name}, B={samples}", model, x, y, layers)

    def copied(self, dtype: Any = np.float32) -> Layers:
        """The first layers, for a training of their own."""
        return [(weight.astype(dtype), bias.astype(dtype)) for weight, bias in self.layers]

    def outputs(self) -> np.ndarray:
        """The outputs in NumPy and float64."""
        return forward(self.model, self.copied(np.float64), self.x.astype(np.float64))[-1]

    def losses(self) -> np.ndarray:
        """The losses of the first steps of training, in NumPy and float64."""
        layers, x, y = self.copied(np.float64), self.x.astype(np.float64), self.y.astype(np.float64)
        return np.array([step(self.model, layers, x, y) for _ in range(STEPS)])


def forward(model: Model, layers: Layers, x: np.ndarray) -> list[np.ndarray]:
    """The input and what each layer gives, in NumPy."""
    function, values = ACTIVATIONS[model.activation][0], [x]
    for number, (weight, bias) in enumerate(layers, 1):
        z = values[-1] @ weight.T + bias
        values.append(z if number == len(layers) else function(z))
    return values


def step(model: Model, layers: Layers, x: np.ndarray, y: np.ndarray) -> float:
    """A step of training in NumPy, which changes the layers; its loss."""
    *values, out = forward(model, layers, x)
    if model.classifies:
        shifted = out - out.max(1, keepdims=True)
        logarithms = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        loss, d = -(y * logarithms).sum() / len(x), (np.exp(logarithms) - y) / len(x)
    else:
        loss, d = np.mean((out - y) ** 2), (out - y) * (2 / out.size)
    derivative = ACTIVATIONS[model.activation][1]
    for number in reversed(range(len(layers))):
        weight, bias = layers[number]
        back = d @ weight * derivative(values[number]) if number else None
        weight -= RATE * (d.T @ values[number])
        bias -= RATE * d.sum(0)
        d = back
    return float(loss)


if __name__ == "__main__":
    main(__doc__, "mlp", Case.of, CASES, CASES[-1])
