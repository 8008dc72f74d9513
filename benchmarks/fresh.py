"""Measurements that need a process of their own: the first of something, and the memory it takes."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from dags import Dag, batch

import irc
from irc.passes.pipelines import TRAINING
from irc.passmanager import parse_pipeline

SAMPLES = 64
"""The batch of first results."""


def in_fresh_process(script: str, *arguments: Any) -> None:
    """Run a script, which prints its measurements, in another process."""
    subprocess.run([sys.executable, script, *map(str, arguments)], check=True)


def report(what: str, value: float) -> None:
    """One measurement as a line of JSON."""
    print(json.dumps({"what": what, "value": value}), flush=True)


def save(dag: Dag, path: Path) -> Path:
    """Write a net, so that the process that uses it need not make it, which takes memory of its own."""
    np.savez(path, **vars(dag))
    return path


def load(path: str) -> Dag:
    """The net of a file that :func:`save` wrote."""
    with np.load(path) as arrays:
        return Dag(**{name: int(array) if array.ndim == 0 else array for name, array in arrays.items()})


def import_all() -> None:
    """The compiler with its passes, which are imported when first named."""
    parse_pipeline(TRAINING)


def first_results(dag: Dag, source: Any, **options: Any) -> tuple[Any, float, float]:
    """The net, and the seconds until the first output and from there to the first gradients. ``source``: as
    ``irc.compile`` takes it, with its options. Imports are made before.
    """
    import_all()
    x, dy = batch(dag, SAMPLES)
    start = time.perf_counter()
    net = irc.compile(source, cache=None, **options)
    net.run(x)
    forward = time.perf_counter()
    net.vjp(x, dy)
    return net, forward - start, time.perf_counter() - forward


def peak_memory() -> float:
    """The most memory that this process has had, in MB (10^6 bytes).

    Linux says it apart from what the parent of the process had, which ``getrusage`` mixes in.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        if "VmHWM" in lines:
            return int(lines["VmHWM"].split()[0]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
