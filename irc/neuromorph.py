"""NeuroMorph's Python module on top of this compiler: its programs run with ``import irc.neuromorph as nm``.

    import irc.neuromorph as nm

    nm.seed(1)
    model = nm.build(nm.compile(text, 2, 0.1))
    loss = nm.train(model, inputs, expected, 1)
    nm.release(model)

``inputs`` and ``expected`` are nested lists, or arrays, [items, batch size, width]. Each item is one step of gradient
descent; its rows are consecutive steps in time. State goes on from item to item, and begins anew with each call. Models
are described in MDL (``irc.frontends.mdl``). ``irc.compile`` of the same text gives all that nets have here.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np

import irc.compiler
from irc import saving
from irc.frontends.mdl import parse
from irc.initial import checked_seed
from irc.ir.diagnostics import Diagnostics, Error, counted
from irc.ir.locations import Source
from irc.model import Net
from irc.training.callbacks import Callback, Training
from irc.training.optimizers import SGD

_SILENT, _SUMMARY, _ALL = 0, 1, 2
_seed = 0


class Model:
    """A model: compiled, then built, then trained. ``net`` is what :func:`irc.compile` makes of it, None before."""

    def __init__(self, mdl: str, batch_size: int, learning_rate: float):
        self.mdl = mdl
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.net: Net | None = None
        self.released = False


def compile(mdl: str, batch_size: int, learning_rate: float) -> Model:
    """A model of a text in MDL. Raises :class:`irc.Error` with everything wrong with it."""
    if not isinstance(mdl, str):
        raise Error(f"a model is a text in MDL, not {type(mdl).__name__}")
    if not isinstance(batch_size, Integral) or isinstance(batch_size, bool) or batch_size < 1:
        raise Error(f"batch_size must be an integer from 1 on, not {batch_size!r:.80}")
    if not isinstance(learning_rate, Real) or isinstance(learning_rate, bool) or not 0 <= learning_rate < float("inf"):
        raise Error(f"learning_rate must be a finite number from 0, not {learning_rate!r:.80}")
    parse(Source(mdl, "<mdl>"), diagnostics=Diagnostics())  # what is wrong is said here, not when it is built
    return Model(mdl, int(batch_size), float(learning_rate))


def seed(number: int) -> None:
    """The seed of the parameters of models that are built from now on."""
    global _seed
    _seed = checked_seed(number)


def build(model: Model) -> Model:
    """Make native code, and parameters as the model's header says. A model that is built already begins anew."""
    _require(model)
    model.net = irc.compiler.compile(Source(model.mdl, "<mdl>"), format="mdl", seed=_seed)
    return model


def train(model: Model, input: Any, expected: Any, verbosity: int = _SUMMARY) -> float:
    """One pass over the items, one step for each; the mean of their losses.

    ``verbosity``: 0 prints nothing, 1 a line in the end, from 2 on a line for each item besides. Raises
    :class:`irc.Error` for a model that is not built, and for data of a wrong shape.
    """
    net = _built(model)
    x, y = _items(model, input, "input"), _items(model, expected, "expected")
    if len(x) != len(y):
        raise Error(f"there are {len(x)} items of input and {len(y)} of what is expected")
    shown = [_Lines(len(x))] if verbosity >= _ALL else []
    net.memory = None
    history = net.fit(
        x.reshape(-1, x.shape[-1]),
        y.reshape(-1, y.shape[-1]),
        batch=model.batch_size,
        optimizer=SGD(model.learning_rate),
        shuffle=False,
        callbacks=shown,
        verbose=0,
    )
    loss = float(np.mean(history.step_loss))
    if verbosity >= _SUMMARY:
        print(f"{counted(len(x), 'item')}: mean loss {loss:.6g}")
    return loss


def predict(model: Model, input: Any) -> list[list[list[float]]]:
    """What the model gives for items of any number of rows, as nested lists. State begins anew, and goes on from item
    to item.
    """
    net = _built(model)
    net.reset_state()
    return [net.run(np.asarray(item)).tolist() for item in input]


def reset_state(model: Model) -> None:
    """Begin anew in time."""
    _built(model).reset_state()


def save(model: Model, path: Any) -> None:
    """Write the trained net to a file (see :meth:`irc.Net.save`)."""
    saving.save(_built(model), path)


def load(path: Any, batch_size: int, learning_rate: float) -> Model:
    """A built model from a file that :func:`save` wrote. It can be trained, but not built anew."""
    model = Model("", batch_size, learning_rate)
    model.net = saving.load(path)
    return model


def release(model: Model) -> None:
    """Give native code back. A model can be released twice."""
    if isinstance(model, Model) and not model.released:
        model.released = True
        if model.net is not None:
            model.net.close()


class _Lines(Callback):
    """A line for each item."""

    def __init__(self, count: int):
        self._count = count

    def on_step(self, training: Training) -> None:
        print(f"item {training.step} of {self._count}: loss {training.loss:.6g}")


def _require(model: Any) -> None:
    if not isinstance(model, Model):
        raise Error(f"a model comes from compile, not {type(model).__name__}")
    if model.released:
        raise Error("the model has been released")


def _built(model: Any) -> Net:
    _require(model)
    if model.net is None:
        raise Error("the model has not been built: model = build(model)")
    return model.net


def _items(model: Model, given: Any, name: str) -> np.ndarray:
    """Items as an array [items, batch size, width]."""
    try:
        array = np.asarray(given)
    except ValueError:
        raise Error(f"{name}: the rows have different lengths") from None
    if array.dtype.kind not in "fiub":
        raise Error(f"{name} must be real numbers, got dtype {array.dtype}")
    if array.ndim != 3 or array.shape[1] != model.batch_size or not len(array):
        raise Error(f"{name} must be of shape (items, {model.batch_size}, width), got {array.shape}")
    return array
