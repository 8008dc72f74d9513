"""Nets of layers - LeNet, a convolution, a GRU: microseconds of an inference and of a step of training (SGD), and the
time to compile them.

python benchmarks/lenet.py FRAMEWORK [--quick] [--threads N]

FRAMEWORK is irc, jax, torch or onnxruntime: a file ``peers/lenet_*.py`` each. A framework may have several ways to do
it, of which the best counts. Outputs are compared with NumPy in float64, and the losses of the first steps of training
with those of our net in float64, before anything is timed. *compile*: from the source to the first result, imports
apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from models import STEPS
from ways import main

import irc
from irc.layers import GRU, Conv2D, Sequential

RATE = 1e-5
"""The learning rate: small, so that losses stay large enough to be compared."""

Arrays = Mapping[str, Any]
Forward = Callable[[Any, Arrays, Any], Any]
"""From the functions of a framework, as :class:`_Numpy` has them, parameters by PyTorch's names, and the input."""


def _lenet(m: Any, w: Arrays, x: Any) -> Any:
    for name in ("cv1", "cv2"):
        x = m.pool(m.relu(m.conv(x, w[f"{name}.weight"], w[f"{name}.bias"], 0)))
    x = m.relu(m.linear(m.flatten(x), w["hidden.weight"], w["hidden.bias"]))
    return m.linear(x, w["classifier.weight"], w["classifier.bias"])


def _convolution(m: Any, w: Arrays, x: Any) -> Any:
    return m.conv(x, w["0.weight"], w["0.bias"], 1)


def _gru(m: Any, w: Arrays, x: Any) -> Any:
    return m.gru(w, x)


def gru_step(m: Any, w: Arrays, h: Any, of_input: Any) -> Any:
    """The next state [samples, n] of a GRU from its state and W x + b, [samples, 3 n]."""
    of_state = h @ w["0.weight_hh_l0"].T + w["0.bias_hh_l0"]
    n = h.shape[-1]
    r = m.sigmoid(of_input[..., :n] + of_state[..., :n])
    z = m.sigmoid(of_input[..., n : 2 * n] + of_state[..., n : 2 * n])
    new = m.tanh(of_input[..., 2 * n :] + r * of_state[..., 2 * n :])
    return (1 - z) * new + z * h


def gru_inputs(w: Arrays, x: Any) -> Any:
    """W x + b of all steps at once, [samples, steps, 3 n]."""
    return x @ w["0.weight_ih_l0"].T + w["0.bias_ih_l0"]


@dataclass(frozen=True)
class Model:
    """Its source, what it computes, and the shapes of input and output without the samples. The loss is softmax
    cross-entropy if ``classifies``, else the mean square.
    """

    source: Callable[[], Any]
    forward: Forward
    input: tuple[int, ...]
    output: tuple[int, ...]
    classifies: bool = False


def same_size(channels: int, size: int) -> Model:
    """A convolution of 3x3 cells, from so many channels of size x size to as many."""
    shape = (channels, size, size)
    return Model(lambda: Sequential(Conv2D(channels, 3, padding=1), input_shape=shape), _convolution, shape, shape)


MODELS = {
    "LeNet": Model(
        lambda: Path(__file__).parents[1] / "examples" / "nets" / "mnist.network", _lenet, (1, 28, 28), (10,), True
    ),
    "3x3, 64 to 64 channels, 56x56": same_size(64, 56),
    "3x3, 128 to 128 channels, 28x28": same_size(128, 28),
    "GRU, 64 to 128, T=32": Model(lambda: Sequential(GRU(128), input_shape=(32, 64)), _gru, (32, 64), (32, 128)),
}
CASES = [
    ("LeNet", 1),
    ("LeNet", 32),
    ("LeNet", 128),
    ("3x3, 64 to 64 channels, 56x56", 1),
    ("3x3, 128 to 128 channels, 28x28", 1),
    ("GRU, 64 to 128, T=32", 1),
    ("GRU, 64 to 128, T=32", 32),
]
"""Model and samples."""


@dataclass(frozen=True)
class Case:
    """A model with data: ``x`` and ``y`` with samples first, of classes one in each row, and the parameters that it
    begins with, by name. ``channels_last``: so the channels of images are in ``x`` and ``y``.
    """

    name: str
    model: Model
    x: np.ndarray
    y: np.ndarray
    parameters: dict[str, np.ndarray]
    channels_last: bool = False

    @staticmethod
    def of(name: str, samples: int) -> Case:
        """Random data for a model."""
        model, rng = MODELS[name], np.random.default_rng(0)
        x = rng.standard_normal((samples, *model.input)).astype(np.float32)
        if model.classifies:
            y = np.eye(model.output[-1], dtype=np.float32)[rng.integers(model.output[-1], size=samples)]
        else:
            y = rng.standard_normal((samples, *model.output)).astype(np.float32)
        with irc.compile(model.source(), seed=1) as net:
            parameters = {key: np.array(value) for key, value in net.params.items()}
        return Case(f"{name}, B={samples}", model, x, y, parameters)

    def with_channels_last(self) -> Case:
        """The same with images of which the channels come last."""
        return replace(self, x=_channels_last(self.x), y=_channels_last(self.y), channels_last=True)

    def outputs(self) -> np.ndarray:
        """The outputs in NumPy and float64."""
        x = np.moveaxis(self.x, -1, 1) if self.channels_last and self.x.ndim == 4 else self.x
        w = {name: value.astype(np.float64) for name, value in self.parameters.items()}
        y = self.model.forward(_Numpy, w, x.astype(np.float64))
        return _channels_last(y) if self.channels_last else y

    def losses(self) -> np.ndarray:
        """The losses of the first steps of training, by our net in float64, the first checked by NumPy."""
        if self.channels_last:
            return replace(self, x=np.moveaxis(self.x, -1, 1), y=_channels_first(self.y), channels_last=False).losses()
        with irc.compile(self.model.source(), dtype="float64", loss=loss_name(self.model)) as net:
            for name, value in self.parameters.items():
                net.params[name] = value
            how = {"epochs": STEPS, "batch": len(self.x), "optimizer": irc.SGD(RATE), "shuffle": False, "verbose": 0}
            losses = net.fit(rows(self.model, self.x), self.y, **how).step_loss
        out = self.outputs()
        if self.model.classifies:
            first = np.mean(np.log(np.exp(out).sum(1)) - (self.y * out).sum(1))
        else:
            first = np.mean((out - self.y) ** 2)
        np.testing.assert_allclose(losses[0], first, rtol=1e-9)
        return losses


def loss_name(model: Model) -> str:
    """What we call it."""
    return "softmax_cross_entropy" if model.classifies else "mse"


def rows(model: Model, images: np.ndarray) -> np.ndarray:
    """Images as a net of neurons takes them, if the model is one, as its output is a vector: a row of numbers for each.
    Other arrays as they are.
    """
    return images.reshape(len(images), -1) if images.ndim == 4 and len(model.output) == 1 else images


def _channels_last(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(array, 1, -1)) if array.ndim == 4 else array


def _channels_first(array: np.ndarray) -> np.ndarray:
    return np.moveaxis(array, -1, 1) if array.ndim == 4 else array


class _Numpy:
    """Functions of arrays; images have their channels first."""

    tanh = np.tanh

    @staticmethod
    def relu(x: np.ndarray) -> np.ndarray:
        return np.maximum(x, 0)

    @staticmethod
    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    @staticmethod
    def conv(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, padding: int) -> np.ndarray:
        x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
        windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))
        return np.moveaxis(np.tensordot(windows, weight, ((1, 4, 5), (1, 2, 3))), -1, 1) + bias[:, None, None]

    @staticmethod
    def pool(x: np.ndarray) -> np.ndarray:
        count, channels, height, width = x.shape
        return x.reshape(count, channels, height // 2, 2, width // 2, 2).max((3, 5))

    @staticmethod
    def flatten(x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), -1)

    @staticmethod
    def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
        return x @ weight.T + bias

    @staticmethod
    def gru(w: Arrays, x: np.ndarray) -> np.ndarray:
        h, outputs = np.zeros((len(x), w["0.weight_hh_l0"].shape[1])), []
        for of_input in np.moveaxis(gru_inputs(w, x), 1, 0):
            h = gru_step(_Numpy, w, h, of_input)
            outputs.append(h)
        return np.stack(outputs, axis=1)


if __name__ == "__main__":
    main(__doc__, "lenet", Case.of, CASES, CASES[0])
