"""Compiles the sample nets, runs both directions, checks the gradients, trains, and shows one net at every level."""

from __future__ import annotations

import time
from pathlib import Path

import command
import memory
import numpy as np

import irc
from irc.passes.pipelines import TRAINING
from irc.passmanager import parse_pipeline
from irc.tools.graph_facts import GraphFacts

NETS = Path(__file__).parent / "nets"
SAMPLES = ("nn00.nal", "nn01.nam", "nn02.nam", "fcn-letters.nam", "fcn-digits.nam", "cnn.nam", "rnn.nam")
BATCH = 64


def headline(text: str) -> None:
    """Set a part of the output apart."""
    print(f"\n{text}\n{'=' * len(text)}\n")


def median_microseconds(action, repeats: int = 200) -> float:
    """The median time of a call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2] * 1e6


def gradient_error(net: irc.Net, generator: np.random.Generator) -> float:
    """The largest relative difference between gradients and central differences, along random directions."""
    worst = 0.0
    for _ in range(5):
        x = generator.standard_normal((3, net.input_size))
        y = net.run(x)
        dy, dx = generator.standard_normal(y.shape), generator.standard_normal(x.shape)
        dw = generator.standard_normal(net.params.flat.shape)
        _, gradients = net.vjp(x, dy)
        along = np.sum(gradients.x * dx) + np.sum(gradients.params.flat * dw)
        weights, step, values = net.params.flat.copy(), 1e-6, []
        for sign in (1, -1):
            net.params.flat = weights + sign * step * dw
            values.append(np.sum(dy * net.run(x + sign * step * dx)))
        net.params.flat = weights
        worst = max(worst, abs((values[0] - values[1]) / (2 * step) - along) / (1 + abs(along)))
    return worst


def table() -> None:
    """Every sample net: sizes, compile time, both directions, and how well the gradients agree."""
    headline("The sample nets, compiled and run, forward and backward")
    print(f"{'net':<16}{'neurons':>8}{'params':>8}{'in':>4}{'out':>4}", end="")
    print(f"{'compile':>10}{'+ vjp':>10}{'run B=1':>10}{f'run B={BATCH}':>10}{f'vjp B={BATCH}':>10}  gradients")
    generator = np.random.default_rng(0)
    for name in SAMPLES:
        start = time.perf_counter()
        net = irc.compile(NETS / name)
        compiled = time.perf_counter()
        one = generator.standard_normal((1, net.input_size), np.float32)
        batch = generator.standard_normal((BATCH, net.input_size), np.float32)
        dy = np.ones((BATCH, net.output_size), np.float32)
        net.vjp(batch, dy)
        differentiated = time.perf_counter()
        with irc.compile(NETS / name, dtype="float64", seed=1) as precise:
            error = gradient_error(precise, generator)
        if error > 1e-7:
            raise SystemExit(f"{name}: gradients and central differences differ by {error:.1e}")
        neurons = GraphFacts.of(net.entry).neurons
        print(
            f"{name:<16}{neurons:>8}{net.params.flat.size:>8}{net.input_size:>4}{net.output_size:>4}"
            f"{(compiled - start) * 1e3:>7.0f} ms{(differentiated - compiled) * 1e3:>7.0f} ms"
            f"{median_microseconds(lambda: net.run(one)):>7.1f} us"  # noqa: B023  (called at once)
            f"{median_microseconds(lambda: net.run(batch)):>7.1f} us"  # noqa: B023
            f"{median_microseconds(lambda: net.vjp(batch, dy)):>7.1f} us"  # noqa: B023
            f"  agree to {error:.0e}"
        )
        net.close()


def train() -> None:
    """A small net and a recurrent model learn: a step of training is one native function, the optimiser included."""
    headline("Training nn02 (2-2-2) to add and to subtract its inputs")
    matrix = np.zeros((8, 8), bool)
    matrix[:2, 2:6] = matrix[2:6, 6:] = True
    net = irc.compile(matrix, act="tanh", out_act="identity", loss="mse", seed=3)
    x = np.random.default_rng(1).uniform(-0.5, 0.5, (256, 2)).astype(np.float32)
    history = net.fit(x, x @ [[1, 1], [1, -1]], epochs=101, batch=32, optimizer=irc.Adam(0.01), verbose=0)
    for epoch in range(0, 101, 20):
        print(f"epoch {epoch:5}: mean squared error {history.loss[epoch]:.6f}")

    headline("Training a net of 32 LSTM cells to add the numbers that were marked last (examples/memory.py)")
    model = irc.compile(memory.MODEL, seed=1)
    model.fit(
        *memory.adding(1000, memory.STREAMS, seed=1),
        epochs=6,
        batch=memory.WINDOW,
        optimizer=irc.Adam(0.01, clip_norm=1.0),
        rows="streams",
        callbacks=lambda t: print(f"epoch {t.epoch:5}: mean squared error {t.loss:.6f}"),
        verbose=0,
    )
    print(f"without memory it could not be less than {memory.without_memory():.6f}")


def levels() -> None:
    """One net at every level."""
    net = irc.compile(NETS / "nn02.nam")
    headline("nn02 as neurons")
    print(net.dump())
    shown = {"autodiff": "whole arrays, with the gradient", "lower-array": "loops over buffers"}
    for name, what in shown.items():
        headline(f"nn02 after {name}: {what}")
        print(net.dump(after=name))
    headline("The same net, neuron by neuron instead of as data: straight-line code")
    straight = [str(p) for p in parse_pipeline(TRAINING) if p.name != "group-neurons"]
    with irc.compile(NETS / "nn02.nam", passes=",".join(straight)) as unrolled:
        print(unrolled.dump(after="lower-neuron"))
    headline("LLVM IR (the first lines)")
    print("\n".join(net.llvm().splitlines()[:40]))
    headline("Machine code (the first lines)")
    assembly = net.assembly().splitlines()
    begin = next(number for number, line in enumerate(assembly) if ".globl" in line)  # behind the constants
    print("\n".join(assembly[begin : begin + 30]))
    headline("nn02 as equations, forward and backward")
    print(net.equations(backward=True))
    net.close()


def bad_input() -> None:
    """What a mistake looks like."""
    headline("A mistake in a file")
    try:
        irc.compile("N 03\n00\n01 03 00,02\n02 03 01,09\n")
    except irc.Error as error:
        print(error)


if __name__ == "__main__":
    command.parser(__doc__).parse_args()
    table()
    train()
    levels()
    bad_input()
