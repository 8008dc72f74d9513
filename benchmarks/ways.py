"""The ways in which a framework computes a model, of which the best counts: each is checked, then timed."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from contest import calling, least_seconds
from models import STEPS


def measured(make: Callable[[], Callable[[], Any]]) -> tuple[Callable[[], Any], Any, float]:
    """What is made, its first result, and the seconds until then."""
    begin = time.perf_counter()
    call = make()
    result = call()
    return call, result, time.perf_counter() - begin


def measure(peer: Any) -> dict[str, float]:
    """All numbers of one way, which may be without ``step``: microseconds, of compiling milliseconds. Its ``case`` is a
    :class:`models.Case`, or has its ``y``, ``outputs`` and ``losses``.
    """
    case = peer.case
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


def best(peers: Iterable[Any]) -> dict[str, float]:
    """The least number of all ways for each thing that any of them measures."""
    ways = [measure(peer) for peer in peers]
    whats = dict.fromkeys(what for way in ways for what in way)
    return {what: min(way[what] for way in ways if what in way) for what in whats}


def arguments(description: str | None) -> argparse.ArgumentParser:
    """The command line of benchmarks that run on several threads."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("framework")
    parser.add_argument("--quick", action="store_true", help="a small case only")
    parser.add_argument("--threads", type=int, default=1, help="of a framework; NumPy and JAX go by what run.py sets")
    return parser


def main(description: str | None, kind: str, make: Callable[..., Any], cases: Sequence[tuple], quick: tuple) -> None:
    """Print one JSON object per measurement of the file ``peers/KIND_FRAMEWORK.py`` for each case, made of a tuple."""
    options = arguments(description).parse_args()
    module = import_module(f"peers.{kind}_{options.framework}")
    for given in [quick] if options.quick else cases:
        case = make(*given)
        found = best(module.peers(case, options.threads))
        if hasattr(module, "further"):
            found |= module.further(case, options.threads)
        for what, value in found.items():
            print(json.dumps({"what": f"{case.name}: {what}", "value": value}), flush=True)
