"""Recurrent models: microseconds of a step of training (SGD, mse) and of an inference, and the time to compile them.

python benchmarks/recurrent.py FRAMEWORK [--quick]

FRAMEWORK is irc, jax or torch: a file ``peers/recurrent_*.py`` each. A framework may have several ways to do it, of
which the best counts. Outputs are compared with NumPy in float64, and the losses of the first steps of training with
those of our net in float64, before anything is timed. *compile*: from the source to the first result, imports apart.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from contest import calling, least_seconds
from models import STEPS, Case

import irc

CASES = [
    ("small", 32, 1),
    ("small", 32, 64),
    ("lstm", 32, 1),
    ("lstm", 32, 64),
    ("64 to 256", 64, 16),
    ("LSTM 64 to 256", 64, 16),
    ("RNN 96 to 128", 64, 32),
]
"""Model, steps, streams."""


def measured(make: Callable[[], Callable[[], Any]]) -> tuple[Callable[[], Any], Any, float]:
    """What is made, its first result, and the seconds until then."""
    begin = time.perf_counter()
    call = make()
    result = call()
    return call, result, time.perf_counter() - begin


def measure(case: Any, peer: Any) -> dict[str, float]:
    """All numbers of one way to do it, which may be without ``step``. ``case``: :class:`models.Case`, or what has its
    ``y``, ``outputs`` and ``losses``.
    """
    infer, y, to_output = measured(peer.inference)
    np.testing.assert_allclose(np.reshape(y, case.y.shape), case.outputs(), rtol=1e-4, atol=1e-5)
    found = {"inference": least_seconds(calling("", infer, tuple).repeat) * 1e6, "compile inference": to_output * 1e3}
    if hasattr(peer, "step"):
        step, loss, to_step = measured(peer.step)
        losses = [float(loss)] + [float(step()) for _ in range(STEPS - 1)]
        np.testing.assert_allclose(losses, case.losses(), rtol=1e-4)
        found["step"] = least_seconds(calling("", step, tuple).repeat) * 1e6
        found["compile step"] = to_step * 1e3
    return found


def main() -> None:
    """Print one JSON object per measurement: microseconds, of compiling milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("framework")
    parser.add_argument("--quick", action="store_true", help="the first case only")
    options = parser.parse_args()
    warnings.simplefilter("ignore", irc.DiagnosticWarning)
    peers = import_module(f"peers.recurrent_{options.framework}").peers
    for name, steps, streams in CASES[:1] if options.quick else CASES:
        case = Case.of(name, steps, streams)
        ways = [measure(case, peer) for peer in peers(case)]
        for what in ways[0]:
            row = {"what": f"{case.name}: {what}", "value": min(way[what] for way in ways)}
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
