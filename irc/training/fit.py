"""Fitting: epochs of steps over data, with everything around them."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from irc.initial import checked_seed
from irc.ir.diagnostics import Error, counted
from irc.recurrence import checked_rows
from irc.training.arguments import require_count
from irc.training.batches import Batches, CutBatches, GivenBatches
from irc.training.callbacks import Callback, Training, as_callbacks
from irc.training.data import Data, checked_data, data_arguments
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
    require_count("epochs", epochs)
    require_count("batch", batch)
    chosen = chosen_loss(net, loss)
    number = checked_seed(seed)
    one_sample = batch == 1 and y is not None
    one = _Fit(net, chosen_optimizer(optimizer, net.memory), chosen, rows, number, one_sample)
    if y is None:
        batches, seen = one.given_batches(x, epochs, shuffle, validation)
    else:
        batches, seen = one.cut_batches(x, y, batch, shuffle, number, validation)
    return one.run(batches, seen, epochs, as_callbacks(callbacks), verbose)


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


class _Fit:
    """One call of fit. ``one_sample``: every batch is one row."""

    def __init__(self, net: Trainable, optimizer: Optimizer, loss: Loss, rows: str, seed: int, one_sample: bool):
        self.net = net
        self.loss = loss
        self.rows = checked_rows(rows)
        self.arguments, self.shapes = data_arguments(net.forward)
        if any(a.registers for a in net.forward.inputs):  # rows are steps: what counts is the number of streams
            one_sample = rows == "steps"
        kernel = net.made(step_recipe(loss, optimizer, one_sample and net.program.serves_one_sample))
        memory = net.memory
        self.before = memory if memory is not None and memory.serves(optimizer) else Memory(optimizer)
        self.step = NativeStep(kernel, optimizer, net.params.flat, self.before, net.threads, seed)
        self.fixed = self.shapes[0][0]  # a function whose first size is a number takes batches of that size alone

    def cut_batches(
        self, x: Any, y: Any, batch: int, shuffle: bool | None, seed: int, validation: Any
    ) -> tuple[Batches, Data | None]:
        """The batches of arrays, and what is only looked at. Of that a fraction is the last part of the rows."""
        if self.step.is_recurrent and shuffle:
            raise Error("the rows of a recurrent net are steps, which have an order: leave out shuffle")
        data = self._checked(x, y)
        if isinstance(validation, float):
            count = round(validation * len(data))
            if not 0 < count < len(data):
                raise Error(f"validation={validation} of {len(data)} rows leaves none to validate, or to learn from")
            seen: Data | None = data.part(len(data) - count, len(data))
            data = data.part(0, len(data) - count)
        else:
            seen = self._validation(validation, "or a fraction of the rows such as 0.1")
        if self.fixed is not None and (batch != self.fixed or len(data) % self.fixed):
            what = f"{self.net.name} takes {self.fixed} rows at a time"
            raise Error(f"{what}: batch must be {self.fixed}, rows a multiple of it")
        self._require_rows(min(batch, len(data)), "each batch")
        self._require_rows(len(data) % batch or batch, f"the last batch of {len(data)} rows in batches of {batch}")
        mixed = shuffle if shuffle is not None else not self.step.is_recurrent
        return CutBatches(data, min(batch, len(data)), seed if mixed else None, self.before.epochs), seen

    def given_batches(self, x: Any, epochs: int, shuffle: bool | None, validation: Any) -> tuple[Batches, Data | None]:
        """The batches that a user makes, and what is only looked at."""
        if shuffle:
            raise Error("batches are learnt in the order in which they come: leave out shuffle")

        def checked(inputs: Any, target: Any) -> Data:
            data = self._checked(inputs, target)
            self._require_rows(len(data), "the batch")
            return data

        batches = GivenBatches(x, epochs, checked, self.fixed, self.step.is_recurrent)
        return batches, self._validation(validation, "where batches are given")

    def _require_rows(self, rows: int, what: str) -> None:
        """A batch of one row has no variance, and what is normalised by its own mean is 0."""
        least = self.step.least_rows
        if rows < least:
            why = f"normalises by statistics of the batch, which takes {counted(least, 'row')} at least"
            raise Error(f"{self.net.name} {why}; {what} has {counted(rows, 'row')}")

    def _checked(self, x: Any, y: Any) -> Data:
        how = self.rows, self.step.is_recurrent
        return checked_data(x, y, self.arguments, self.shapes, self.loss, *how)

    def _validation(self, given: Any, otherwise: str) -> Data | None:
        if given is None:
            return None
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise Error(f"validation must be a pair (x, y), {otherwise}")
        return self._checked(*given)

    def run(
        self, batches: Batches, validation: Data | None, epochs: int, callbacks: list[Callback], verbose: int
    ) -> History:
        """Learn."""
        training = Training(self.net)
        for callback in callbacks:
            callback.on_begin(training)
        progress, recorder = Progress(verbose, epochs, batches.rows), Recorder()
        begun = 0
        try:
            with Interrupts() as interrupts:
                for training.epoch in range(epochs):
                    begun += 1
                    self._epoch(training, batches, validation, callbacks, progress, recorder, interrupts)
                    if interrupts.asked or training.stopped:
                        break
                for callback in callbacks:
                    callback.on_end(training)
        finally:
            progress.close()
            self._remember(begun)
        return recorder.history(interrupts.asked)

    def _remember(self, epochs: int) -> None:
        """Let the net know how far it is, after so many epochs of this call."""
        self.net.memory = self.step.memory(self.before.epochs + epochs)

    def _epoch(
        self,
        training: Training,
        batches: Batches,
        validation: Data | None,
        callbacks: list[Callback],
        progress: Progress,
        recorder: Recorder,
        interrupts: Interrupts,
    ) -> None:
        begin, total, learnt = time.perf_counter(), 0.0, 0
        for arrays in batches.of_epoch(training.epoch):
            if self.step.is_recurrent and not learnt:
                self.step.begin(arrays[0].shape[1])
            rows = len(arrays[-1])
            loss = self.step(*arrays)
            if not math.isfinite(loss):
                raise self._failure(training, arrays)
            total += loss * rows
            learnt += rows
            training.step, training.loss, training.rate = training.step + 1, loss, self.step.rate
            recorder.step(loss, training.rate)
            progress.step(training.epoch, rows, total / learnt)
            for callback in callbacks:
                callback.on_step(training)
            if interrupts.asked or training.stopped:
                break
        training.loss = total / learnt
        seen = validation is not None and not interrupts.asked
        if validation is not None and seen:
            found = evaluate(self.net, validation, self.loss, self.fixed or BATCH)
            training.validation_loss, training.validation_accuracy = found.loss, found.accuracy
        validation_loss = training.validation_loss if seen else None
        accuracy = training.validation_accuracy if seen else None
        numbers = (training.loss, _number(validation_loss), _number(accuracy))
        recorder.epoch(*numbers, time.perf_counter() - begin)
        progress.epoch(training.epoch, *numbers)
        if callbacks:
            self._remember(training.epoch + 1)
        for callback in callbacks:
            callback.on_epoch(training)

    def _failure(self, training: Training, arrays: list[np.ndarray]) -> Error:
        """What to say of a step whose loss, or gradient, is not finite. It has changed nothing."""
        step, data = self.step, Data(arrays[:-1], arrays[-1])
        where = where_not_finite(self.net, data, self.loss, step.registers, step.key)
        return Error(
            f"the loss or a gradient is not finite in step {training.step} (epoch {training.epoch}, counted from 0): "
            f"{where}. The parameters are as before this step; a smaller learning rate or clip_norm may help"
        )


def _number(value: float | None) -> float:
    return math.nan if value is None else value
