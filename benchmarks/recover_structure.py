"""What `recover-structure` gains: the same net with its graph as data and with its dense blocks as layers.

Two families, by the size n of their blocks (n sources to n neurons, tanh): *layers*, three blocks on top of each other;
*amid*, four blocks with sources scattered over a sparse net, a sparse part behind each.

python benchmarks/recover_structure.py irc
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import product

import numpy as np

import irc
from irc.passes.pipelines import PIPELINES

SIZES = (8, 16, 64)
BATCHES = (1, 64, 512)


def layers(size: int) -> np.ndarray:
    """The adjacency matrix of three dense layers."""
    blocks = np.diag(np.ones(3, np.int64), 1)
    return np.kron(blocks, np.ones((size, size), np.int64))


def amid(size: int) -> np.ndarray:
    """The adjacency matrix of a sparse net with dense blocks in it."""
    rng = np.random.default_rng(size)
    columns: list[np.ndarray] = [np.zeros(0, np.int64)] * (2 * size)

    def sparse(count: int) -> None:
        for _ in range(count):
            columns.append(rng.choice(len(columns), 4, replace=False))

    sparse(2 * size)
    for _ in range(4):
        sources = rng.choice(len(columns), size, replace=False)
        columns.extend([sources] * size)
        sparse(size)
    matrix = np.zeros((len(columns), len(columns)), np.int64)
    for target, sources in enumerate(columns):
        matrix[sources, target] = 1
    return matrix


def shortest(call: Callable[[], object]) -> float:
    """Seconds of a call: the best of ten rounds of at least 3 ms."""
    call()
    turns, best = 1, np.inf
    for _ in range(10):
        seconds = 0.0
        while seconds < 3e-3:
            start = time.perf_counter()
            for _ in range(turns):
                call()
            seconds = time.perf_counter() - start
            best = min(best, seconds / turns)
            turns = turns if seconds >= 3e-3 else 2 * turns
    return best


def main() -> None:
    """For each family, size and batch: time with the graph as data, over time with layers."""
    for family, size in product((layers, amid), SIZES):
        nets = {}
        for name in ("data", "recover"):
            passes = PIPELINES[name][1].replace("recover-structure", f"recover-structure{{min={size * size}}}")
            nets[name] = irc.compile(family(size), act="tanh", out_act="tanh", passes=passes)
        for batch in BATCHES:
            x = np.zeros((batch, nets["data"].input_size), np.float32)
            dy = np.ones((batch, nets["data"].output_size), np.float32)
            run, vjp = ({n: shortest(f) for n, f in calls.items()} for calls in _calls(nets, x, dy))
            for what, times in (("run", run), ("vjp", vjp)):
                ratio = times["data"] / times["recover"]
                print(
                    json.dumps({"what": f"{family.__name__}, {size} x {size}, B={batch}: {what}", "value": ratio}),
                    flush=True,
                )
        for net in nets.values():
            net.close()


def _calls(nets: dict[str, irc.Net], x: np.ndarray, dy: np.ndarray) -> list[dict[str, Callable[[], object]]]:
    return [
        {name: lambda net=net: net.run(x) for name, net in nets.items()},  # type: ignore[misc]
        {name: lambda net=net: net.vjp(x, dy) for name, net in nets.items()},  # type: ignore[misc]
    ]


if __name__ == "__main__":
    main()
