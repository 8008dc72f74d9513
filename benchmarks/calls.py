"""Time of a call of a small net: one sample through nn00, by each way into the native code.

python benchmarks/calls.py irc
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import irc
from irc.backend import cpython

NN00 = Path(__file__).parent.parent / "examples" / "nets" / "nn00.nal"


def nanoseconds(call: Callable[[], object], repeats: int = 100, rounds: int = 500) -> float:
    """The median over rounds of the mean time of a call, without that of the loop's own empty function.

    A round is shorter than what the system gives a process at a time, so that other work of the machine does not show.
    """

    def one(work: Callable[[], object]) -> float:
        start = time.perf_counter_ns()
        for _ in range(repeats):
            work()
        return (time.perf_counter_ns() - start) / repeats

    one(call)
    return statistics.median(one(call) - one(lambda: None) for _ in range(rounds))


def report(what: str, call: Callable[[], object]) -> None:
    """One measurement as a line of JSON."""
    print(json.dumps({"what": what, "value": nanoseconds(call)}))


def calls(net: irc.Net, way: str) -> None:
    """The calls of a user."""
    x = np.ones((1, 4), np.float32)
    y = net.run(x)
    net.vjp(x, y)
    report(f"run(x), {way}", lambda: net.run(x))
    report(f"run(x, out=y), {way}", lambda: net.run(x, out=y))
    wide = x.astype(np.float64)
    report(f"run(x of float64), {way}", lambda: net.run(wide))
    report(f"vjp(x, dy), {way}", lambda: net.vjp(x, y))


def main() -> None:
    """First by machine code as a function of Python, where there is that; then through ctypes."""
    if cpython.AVAILABLE:
        with irc.compile(NN00) as net:
            calls(net, "short call")
            x, y = np.ones((1, 4), np.float32), np.empty((1, 2), np.float32)
            entry = net._short[net._way(False, (x,))]._entry
            report("the way in and the kernel alone", lambda: entry(x, y))
            report("np.empty of the result", lambda: np.empty((1, 2), np.float32))
    cpython.AVAILABLE = False
    with irc.compile(NN00) as net:
        calls(net, "ctypes")


if __name__ == "__main__":
    main()
