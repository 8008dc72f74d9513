"""Threads over samples: a native function of independent samples runs in chunks of its batch.

The chunks follow from shapes alone, never from the number of threads or from which is faster: what is a sum over all
samples (a gradient of parameters) has a partial result for each chunk, and these are added in a fixed tree. So any
number of threads gives the same bits, one included.

A native call gives the GIL free, so Python's threads do. The caller's own thread works too.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from functools import lru_cache, partial
from numbers import Integral
from typing import Any

import numpy as np

from irc.backend.entry import Function
from irc.ir.diagnostics import Error
from irc.ir.dimensions import Dimension, symbol, symbols_of

Task = Callable[[], None]

GRAIN = 64
"""Chunks are whole multiples of so many samples: those that kernels take at once, so that none works masked."""
CHUNK_WORK = 1 << 24
"""The least samples x (parameters and numbers of the graph) of a chunk: some 100 µs forward, 250 µs with gradients;
handing a chunk over costs some ten."""
MOST_CHUNKS = 8
"""Each chunk has partial results of its own, which take memory and are added at the end."""


class Workers:
    """Threads that wait for work, at most one for each processor besides the caller's."""

    def __init__(self) -> None:
        self._start()
        if hasattr(os, "register_at_fork"):  # a child made by fork has none of its parent's threads
            os.register_at_fork(after_in_child=self._start)

    def _start(self) -> None:
        self._pool = ThreadPoolExecutor(max(1, (os.cpu_count() or 2) - 1), "irc")  # threads begin when first needed

    def run(self, tasks: Sequence[Task], threads: int) -> None:
        """Run all tasks on up to ``threads`` threads, the caller's among them. Raises what a task raises."""
        if threads == 1:
            for task in tasks:
                task()
            return
        waiting = deque(tasks)

        def work() -> None:
            while True:
                try:
                    task = waiting.popleft()  # atomic: each task goes to one thread
                except IndexError:
                    return
                task()

        helpers = []
        with suppress(RuntimeError):  # the interpreter ends, or no thread can be had: the caller works alone
            for _ in range(min(threads, len(tasks)) - 1):
                helpers.append(self._pool.submit(work))
        try:
            work()
        finally:
            # One that has not begun, since others keep its thread busy, is not waited for: nothing is left to do.
            begun = [helper for helper in helpers if not helper.cancel()]
            wait(begun)
        for helper in begun:
            helper.result()


WORKERS = Workers()
"""Those of this process."""


def checked_threads(count: Any) -> int:
    """A number of threads that a user gave. Raises :class:`irc.Error` unless it is an integer from 1 on."""
    if not isinstance(count, Integral) or isinstance(count, bool) or count < 1:
        raise Error(f"threads must be an integer from 1 on, not {count!r:.80}")
    return int(count)


def chunk_bounds(samples: int, work: int) -> list[tuple[int, int]]:
    """The chunks of a batch, (first, end) each, where one sample takes ``work``. At least one chunk."""
    least = max(-(-CHUNK_WORK // max(work, 1)), -(-samples // MOST_CHUNKS))
    size = -(-least // GRAIN) * GRAIN
    return [(first, min(first + size, samples)) for first in range(0, samples, size)] or [(0, 0)]


class Samples:
    """A native function whose samples, the symbol ``batch``, are independent: results either have a row for each
    sample or are sums over all of them. Whoever makes one vouches for that.
    """

    def __init__(self, function: Function, batch: str = "B"):
        self.function = function
        signature = function.signature
        self._inputs = [_has_rows(a.shape, batch) for a in signature.by_role("input")]
        self._outputs = [_has_rows(a.shape, batch) for a in signature.outputs()]
        self.divisible = (
            any(self._inputs) and None not in (*self._inputs, *self._outputs) and batch not in signature.symbols
        )
        self._held = sum(a.size for a in function.bound.values())

    def call(
        self, inputs: Sequence[Any], out: Sequence[np.ndarray] | None = None, threads: int = 1
    ) -> list[np.ndarray]:
        """As :meth:`Function.call`, on up to ``threads`` threads. The results do not depend on ``threads``."""
        function = self.function
        if not self.divisible:
            return function.call(inputs, out, threads)
        chunks = self._chunks(inputs)
        if len(chunks) == 1 or (threads == 1 and all(self._outputs)):
            return function.call(inputs, out, threads)
        given, plan = function.checked(inputs)
        outputs = function.outputs(plan, given, out)
        sums = [self._partial_results(outputs, number) for number in range(len(chunks))]

        def chunk(first: int, end: int, own_sums: list[np.ndarray]) -> None:
            part = [a[first:end] if rows else a for a, rows in zip(given, self._inputs, strict=True)]
            left = iter(own_sums)
            results = [a[first:end] if rows else next(left) for a, rows in zip(outputs, self._outputs, strict=True)]
            function.run(part, results)

        bounds = zip(chunks, sums, strict=True)
        WORKERS.run([partial(chunk, first, end, own_sums) for (first, end), own_sums in bounds], threads)
        for parts in zip(*sums, strict=True):
            add_in_tree(parts)
        return outputs

    def _chunks(self, inputs: Sequence[Any]) -> list[tuple[int, int]]:
        samples, work = 0, self._held
        for value, rows in zip(inputs, self._inputs, strict=False):
            if rows:
                samples = max(samples, len(value))
            else:
                work += np.size(value)
        return chunk_bounds(samples, work)

    def _partial_results(self, outputs: Sequence[np.ndarray], number: int) -> list[np.ndarray]:
        """Where a chunk puts its part of each sum: the first in the result itself."""
        sums = [a for a, rows in zip(outputs, self._outputs, strict=True) if not rows]
        return sums if number == 0 else [np.empty_like(a) for a in sums]


@lru_cache(maxsize=1024)
def _has_rows(shape: tuple[Dimension, ...], batch: str) -> bool | None:
    """Whether an array has a row for each sample (True) or nothing to do with them (False); None: something else."""
    if not any(batch in symbols_of(dim) for dim in shape):
        return False
    first, *others = shape
    return True if first == symbol(batch) and not any(batch in symbols_of(dim) for dim in others) else None


def add_in_tree(parts: Sequence[np.ndarray]) -> None:
    """Add all arrays into the first, neighbours first, then pairs of pairs, and so on; the others are overwritten."""
    step = 1
    while step < len(parts):
        for at in range(0, len(parts) - step, 2 * step):
            parts[at][...] += parts[at + step]
        step *= 2
