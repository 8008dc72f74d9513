"""Ours: the kernels alone, and whole calls of ``run`` and ``vjp``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from contest import Contestant, calling
from dags import Dag
from native import repeated_function

import irc


def contestants(dag: Dag, x: np.ndarray, dy: np.ndarray) -> Iterator[Contestant]:
    """Forward and joint, each as a kernel and as a call."""
    net = irc.compile(dag.graph())
    yield _kernel("forward, kernel", net, (x,))
    yield _kernel("joint, kernel", net, (x, dy))
    yield calling("forward, call", lambda: net.run(x), lambda y: (y,))
    yield calling("joint, call", lambda: net.vjp(x, dy), lambda r: (r[0], r[1].params.flat, r[1].x))


def _kernel(what: str, net: irc.Net, arrays: tuple[np.ndarray, ...]) -> Contestant:
    """The machine code, called by machine code with all that it needs."""
    kernel = net._kernel(net._way(len(arrays) == 2, arrays[:1]))
    function = kernel.function
    repeat, outputs, keep = repeated_function(function, kernel.prepare(arrays, net.params.flat))

    def read() -> tuple[np.ndarray, ...]:
        if len(arrays) == 1:
            return tuple(outputs)
        flat, (dx,) = net.forward.gradients(outputs[1:], net.params.flat)
        return outputs[0], flat, dx

    return Contestant(what, repeat, read, (net, keep))
