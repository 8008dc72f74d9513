"""The native training step of a net: its function, the arrays that it updates, and short calls."""

from __future__ import annotations

import numpy as np

from irc.arrays import aligned_zeros
from irc.backend.native_call import native_call
from irc.kernel import Kernel
from irc.recurrence import State
from irc.training.memory import Memory
from irc.training.optimizers import Optimizer
from irc.training.schedules import rate_at


class NativeStep:
    """One native function that does a whole step, in place, on a net's parameters.

    It goes on from a memory. A call gives the net's inputs and the target. A recurrent net has besides ``registers``,
    its state, which goes on from step to step. ``least_rows`` is the number of rows that a batch must have at least;
    ``key``, that of the random numbers of the last step, holds ``seed`` and the number of the step, and is None where
    nothing is drawn. Not for several threads at once; its loops may run on ``threads``.
    """

    def __init__(
        self,
        kernel: Kernel,
        optimizer: Optimizer,
        flat: np.ndarray,
        memory: Memory,
        threads: int = 1,
        seed: int = 0,
    ):
        self.optimizer = optimizer
        self._function = kernel.function
        self._threads = threads
        parameters = kernel.parts(flat)
        draws = kernel.inputs[-1].is_key
        self.key = np.array([seed % 2**32, seed >> 32, 0], np.uint32).view(np.int32) if draws else None
        kept = len(parameters) * len(optimizer.moments) + optimizer.counts + 1 + draws
        given = kernel.inputs[:-kept]
        recurrent = [a for a in given if a.registers]
        self.least_rows = max(a.least_rows for a in given)
        self._states = [State(a) for a in recurrent]
        self.registers: tuple[np.ndarray, ...] = ()
        self._moments = {name: aligned_zeros(flat.size, flat.dtype) for name in optimizer.moments}
        self._steps = np.zeros((), np.int64)
        self._done = 0
        self._rate = np.zeros((), flat.dtype)
        self._loss = np.zeros((), kernel.signature.outputs()[0].dtype)
        parts = [part for moment in self._moments.values() for part in kernel.parts(moment).values()]
        counted = [self._steps] if optimizer.counts else []
        self._kept = (*parts, *counted, self._rate, *([] if self.key is None else [self.key]))
        self._parameters = tuple(parameters.values())
        self._short = native_call(kernel.function, parameters, threads)
        self._go_on(memory)

    def memory(self, epochs: int) -> Memory:
        """What another step goes on from, after so many epochs. The arrays are copies."""
        moments = {name: moment.copy() for name, moment in self._moments.items()}
        return Memory(self.optimizer, moments, self._done, epochs)

    def _go_on(self, memory: Memory) -> None:
        for name, array in memory.moments.items():
            self._moments[name][...] = array
        self._done = memory.steps
        self._steps[...] = self._done

    def begin(self, streams: int) -> None:
        """Let a recurrent net begin anew, with so many streams."""
        self.registers = tuple(state.of(streams).copy() for state in self._states)

    @property
    def is_recurrent(self) -> bool:
        """Whether the net has a state."""
        return bool(self._states)

    @property
    def steps(self) -> int:
        """The number of steps done."""
        return self._done

    @property
    def rate(self) -> float:
        """The learning rate of the last step."""
        return float(self._rate)

    def __call__(self, *data: np.ndarray) -> float:
        """Do a step with a batch, inputs and target as native code reads them; its loss.

        Where the loss or a gradient is not finite, the answer is NaN, and parameters and state are as before.
        """
        self._rate[...] = rate_at(self.optimizer.lr, self._done)
        if self.key is not None:
            self.key.view(np.uint32)[2] = self._done % 2**32
        data += self.registers
        done = None if self._short is None else self._short((*data, *self._kept), (self._loss,))
        if done is None:
            self._function.call([*data, *self._parameters, *self._kept], [self._loss], self._threads)
        loss = float(self._loss)
        self._done += loss == loss
        return loss
