"""Recurrent models to be measured: as MDL or layers, and their step written once for all rivals, from its meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import irc
from irc import layers

NETS = Path(__file__).parents[1] / "examples" / "nets"
RECURRENT = """
/xavier,zero/
(input, 64)
(seen, 256, <linear>)
{sum, before, additive}
(hidden, 256, <tanh>)
[memory, [before,]]
(output, 64, <linear>, <mse>)
"""
"""A layer of 64 inputs to 256, another that reads it and its own last value, and an output."""
RATE = 0.1
"""The learning rate."""
STEPS = 5
"""Steps of training whose losses must agree."""

Arrays = Mapping[str, Any]
Step = Callable[[Any, Arrays, Any, tuple], tuple[tuple, Any]]
"""From a module with ``tanh`` and ``sigmoid`` for arrays, parameters, input and state: the next state, the output."""


def _layer(w: Arrays, name: str, x: Any) -> Any:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def _small(m: Any, w: Arrays, x: Any, state: tuple) -> tuple[tuple, Any]:
    z = _layer(w, "a", x + state[0])
    z = _layer(w, "b", z * (z > 0))
    b = z * m.sigmoid(5.9 * z)
    return (b,), m.sigmoid(_layer(w, "output", b))


def _lstm(m: Any, w: Arrays, x: Any, state: tuple) -> tuple[tuple, Any]:
    a = x + state[0]
    gates = {name: m.sigmoid(_layer(w, name, a)) for name in ("include", "add", "forget")}
    kept = gates["forget"] * state[1] + m.tanh(_layer(w, "process", a)) * gates["include"]
    last = m.tanh(_layer(w, "statep", kept)) * gates["add"]
    return (last, kept), m.tanh(_layer(w, "output", last))


def _recurrent(m: Any, w: Arrays, x: Any, state: tuple) -> tuple[tuple, Any]:
    hidden = m.tanh(_layer(w, "hidden", _layer(w, "seen", x) + state[0]))
    return (hidden,), _layer(w, "output", hidden)


def _projected(w: Arrays, x: Any) -> Any:
    return x @ w["cell.weight_ih_l0"].T + w["cell.bias_ih_l0"]


def _gated(m: Any, w: Arrays, x: Any, state: tuple) -> tuple[tuple, Any]:
    h, c = state
    z = x + h @ w["cell.weight_hh_l0"].T + w["cell.bias_hh_l0"]
    i, f, g, o = (z[:, n * h.shape[1] : (n + 1) * h.shape[1]] for n in range(4))
    c = m.sigmoid(f) * c + m.sigmoid(i) * m.tanh(g)
    h = m.sigmoid(o) * m.tanh(c)
    return (h, c), h


def _plain(m: Any, w: Arrays, x: Any, state: tuple) -> tuple[tuple, Any]:
    h = m.tanh(x + state[0] @ w["cell.weight_hh_l0"].T + w["cell.bias_hh_l0"])
    return (h,), h


def _cell(layer: layers.Layer, width: int) -> layers.Model:
    """A model that gives the outputs of a recurrent layer."""
    x = layers.Input(["T", width])
    return layers.Model(x, layer(x)[0])


@dataclass(frozen=True)
class Model:
    """Its source, its step, and the widths of input, of each part of the state, and of the output.

    ``before``: what is done with the input of all steps at once, before the steps. ``layer``: this layer alone, as
    PyTorch calls it; such a source takes [streams, steps, width], parameters have PyTorch's names, behind ``cell.``.
    """

    source: Any
    step: Step
    widths: tuple[int, tuple[int, ...], int]
    before: Callable[[Arrays, Any], Any] = lambda w, x: x
    layer: str | None = None


MODELS = {
    "small": Model(NETS / "small.mdl", _small, (4, (4,), 4)),
    "lstm": Model(NETS / "lstm.mdl", _lstm, (4, (4, 4), 4)),
    "64 to 256": Model(RECURRENT, _recurrent, (64, (256,), 64)),
    "LSTM 64 to 256": Model(
        _cell(layers.LSTM(64, 256, name="cell"), 64), _gated, (64, (256, 256), 256), _projected, "LSTM"
    ),
    "RNN 96 to 128": Model(_cell(layers.RNN(96, 128, name="cell"), 96), _plain, (96, (128,), 128), _projected, "RNN"),
}


@dataclass(frozen=True)
class Case:
    """A model with data: ``x`` and ``y`` [steps, streams, width], and the parameters that it begins with, by name."""

    name: str
    model: Model
    x: np.ndarray
    y: np.ndarray
    parameters: dict[str, np.ndarray]

    @staticmethod
    def of(name: str, steps: int, streams: int) -> Case:
        """Random data for a model."""
        model, generator = MODELS[name], np.random.default_rng(0)
        inputs, _, outputs = model.widths
        x = generator.normal(size=(steps, streams, inputs)).astype(np.float32)
        y = generator.uniform(size=(steps, streams, outputs)).astype(np.float32)
        with irc.compile(model.source, seed=1) as net:
            parameters = {key: np.array(value) for key, value in net.params.items()}
        return Case(f"{name}, T={steps}, B={streams}", model, x, y, parameters)

    @property
    def rows(self) -> str:
        """What the rows of :meth:`own` arrays are."""
        return "steps" if self.model.layer or self.x.shape[1] == 1 else "streams"

    def own(self, array: np.ndarray) -> np.ndarray:
        """An array [steps, streams, width] as our net takes it, or one of our net's in this order again."""
        if self.model.layer:
            return np.ascontiguousarray(array.swapaxes(0, 1))
        return array[:, 0] if self.rows == "steps" else array

    @property
    def state(self) -> tuple[np.ndarray, ...]:
        """What the model begins with."""
        return tuple(np.zeros((self.x.shape[1], width), np.float32) for width in self.model.widths[1])

    def outputs(self) -> np.ndarray:
        """The outputs in NumPy and float64."""
        w, state, outputs = {k: v.astype(np.float64) for k, v in self.parameters.items()}, self.state, []
        for x in self.model.before(w, self.x.astype(np.float64)):
            state, y = self.model.step(_Numpy, w, x, state)
            outputs.append(y)
        return np.stack(outputs)

    def losses(self) -> np.ndarray:
        """The losses of the first steps of training, by our net in float64, the first checked by NumPy."""
        with irc.compile(self.model.source, dtype="float64", seed=1) as net:
            for name, value in self.parameters.items():
                net.params[name] = value
            x, y = self.own(self.x), self.own(self.y)
            options = {"batch": len(x), "optimizer": irc.SGD(RATE), "loss": "mse", "rows": self.rows, "shuffle": False}
            losses = net.fit(x, y, epochs=STEPS, verbose=0, **options).step_loss
        np.testing.assert_allclose(losses[0], np.mean((self.outputs() - self.y) ** 2), rtol=1e-9)
        return losses


class _Numpy:
    tanh = np.tanh

    @staticmethod
    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))
