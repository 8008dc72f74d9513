"""Fitting: epochs of steps over data, with everything around them."""

from __future__ import annotations

import math
import time
from numbers import Integral
from typing import Any

import numpy as np

from irc.initial import checked_seed
from irc.ir.diagnostics import Error
from irc.recurrence import checked_rows, over_time
from irc.training.callbacks import Training, as_callbacks
from irc.training.data import Data, checked_data
from irc.training.evaluation import BATCH, evaluate
from irc.training.gradient import chosen_loss
from irc.training.history import History, Recorder
from irc.training.interrupt import Interrupts
from irc.training.losses import Loss
from irc.training.memory import Memory
from irc.training.nonfinite import where_not_finite
from irc.training.optimizers import OPTIMIZERS, Adam, Optimizer
from irc.training.progress import Progress
from irc.training.recipes import step_recipe
from irc.training.step import NativeStep
from irc.training.trainable import Trainable


def fit(
    net: Trainable,
    x: Any,
    y: Any,
    *,
    epochs: int,
    batch: int,
    optimizer: Any,
    loss: Any,
    validation: Any,
    callbacks: Any,
    shuffle: bool | None,
    seed: int,
    verbose: int,
    rows: str,
) -> History:
    """See :meth:`irc.Net.fit`."""
    _require_count("epochs", epochs)
    _require_count("batch", batch)
    chosen = chosen_loss(net, loss)
    one = _Fit(net, x, y, batch, chosen_optimizer(optimizer, net.memory), chosen, validation, seed, rows)
    if one.step.is_recurrent and shuffle:
        raise Error("the rows of a recurrent net are steps, which have an order: leave out shuffle")
    mixed = shuffle if shuffle is not None else not one.step.is_recurrent
    return one.run(epochs, mixed, as_callbacks(callbacks), verbose)


def chosen_optimizer(given: Any, memory: Memory | None) -> Optimizer:
    """The optimiser that a user gives, as one or by its name; else the one before, else Adam. Raises
    :class:`irc.Error`.
    """
    if given is None:
        return Adam() if memory is None else memory.optimizer
    if isinstance(given, str) and given in OPTIMIZERS:
        return OPTIMIZERS[given]()
    if not isinstance(given, Optimizer):
        names = ", ".join(OPTIMIZERS)
        raise Error(f"optimizer must be one such as irc.Adam(0.001), or one of {names}, not {given!r:.80}")
    return given


def _require_count(name: str, value: Any) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise Error(f"{name} must be an integer from 1 on, not {value!r:.80}")


class _Fit:
    """One call of fit."""

    def __init__(
        self,
        net: Trainable,
        x: Any,
        y: Any,
        batch: int,
        optimizer: Optimizer,
        loss: Loss,
        validation: Any,
        seed: int,
        rows: str,
    ):
        self.net = net
        self.loss = loss
        self.seed = checked_seed(seed)
        self.rows = checked_rows(rows)
        kernel = net.made(step_recipe(loss, optimizer))
        memory = net.memory
        self.before = memory if memory is not None and memory.serves(optimizer) else Memory(optimizer)
        self.step = NativeStep(kernel, optimizer, net.params.flat, self.before)
        data, self.validation = self._data(x, y, validation)
        self.data = data
        self.batch = min(batch, len(data))
        self._require_fixed_rows(batch)

    def _data(self, x: Any, y: Any, validation: Any) -> tuple[Data, Data | None]:
        """What is learnt from, and what is only looked at. A fraction is the last part of the rows."""

        def checked(inputs: Any, target: Any) -> Data:
            if self.step.is_recurrent:
                inputs, target = over_time(inputs, self.rows, "x"), over_time(target, self.rows, "y")
            return checked_data(inputs, target, self.step.data, self.step.shapes, self.loss)

        data = checked(x, y)
        if validation is None:
            return data, None
        if isinstance(validation, float):
            count = round(validation * len(data))
            if not 0 < count < len(data):
                raise Error(f"validation={validation} of {len(data)} rows leaves none to validate, or to learn from")
            return data.part(0, len(data) - count), data.part(len(data) - count, len(data))
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:
            raise Error("validation must be a pair (x, y), or a fraction of the rows such as 0.1")
        return data, checked(*validation)

    def _require_fixed_rows(self, batch: int) -> None:
        """A function whose first size is a number takes batches of that size alone."""
        fixed = self.step.shapes[0][0]
        if fixed is not None and (batch != fixed or len(self.data) % fixed):
            raise Error(f"{self.net.name} takes {fixed} rows at a time: batch must be {fixed}, rows a multiple of it")

    def run(self, epochs: int, shuffle: bool, callbacks: list[Any], verbose: int) -> History:
        """Learn."""
        progress, recorder = Progress(verbose, epochs, len(self.data)), Recorder()
        training = Training(self.net)
        begun = 0
        try:
            with Interrupts() as interrupts:
                for training.epoch in range(epochs):
                    begun += 1
                    self._epoch(training, shuffle, callbacks, progress, recorder, interrupts)
                    if interrupts.asked or training.stopped:
                        break
        finally:
            progress.close()
            self.net.memory = self.step.memory(self.before.epochs + begun)
        return recorder.history(interrupts.asked)

    def _epoch(
        self,
        training: Training,
        shuffle: bool,
        callbacks: list[Any],
        progress: Progress,
        recorder: Recorder,
        interrupts: Interrupts,
    ) -> None:
        begin, rows, total, learnt = time.perf_counter(), len(self.data), 0.0, 0
        order = shuffled(rows, self.seed, self.before.epochs + training.epoch) if shuffle else None
        if self.step.is_recurrent:
            self.step.begin(self.data.inputs[0].shape[1])
        for first in range(0, rows, self.batch):
            end = min(first + self.batch, rows)
            arrays = self.data.batch(first, end, order)
            loss = self.step(*arrays)
            if not math.isfinite(loss):
                raise self._failure(training, arrays)
            total += loss * (end - first)
            learnt += end - first
            training.step, training.loss, training.rate = training.step + 1, loss, self.step.rate
            recorder.step(loss, training.rate)
            progress.step(training.epoch, end - first, total / learnt)
            for callback in callbacks:
                callback.on_step(training)
            if interrupts.asked or training.stopped:
                break
        training.loss = total / learnt
        if self.validation is not None and not interrupts.asked:
            found = evaluate(self.net, self.validation, self.loss, self.step.shapes[0][0] or BATCH)
            training.validation_loss, training.validation_accuracy = found.loss, found.accuracy
        seen = self.validation is not None and not interrupts.asked
        validation_loss = training.validation_loss if seen else None
        accuracy = training.validation_accuracy if seen else None
        numbers = (training.loss, _number(validation_loss), _number(accuracy))
        recorder.epoch(*numbers, time.perf_counter() - begin)
        progress.epoch(training.epoch, *numbers)
        for callback in callbacks:
            callback.on_epoch(training)

    def _failure(self, training: Training, arrays: list[np.ndarray]) -> Error:
        """What to say of a step whose loss, or gradient, is not finite. It has changed nothing."""
        where = where_not_finite(self.net, Data(arrays[:-1], arrays[-1]), self.loss, self.step.registers)
        return Error(
            f"the loss or a gradient is not finite in step {training.step} (epoch {training.epoch}, counted from 0): "
            f"{where}. The parameters are as before this step; a smaller learning rate or clip_norm may help"
        )


def shuffled(rows: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch's rows, by Philox (Salmon et al., 2011), a counter-based generator, keyed (seed, epoch)."""
    key = np.array([seed, epoch], np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).permutation(rows)


def _number(value: float | None) -> float:
    return math.nan if value is None else value
