"""A task that needs memory: a net of LSTM cells, written as a model in MDL, learns to add across time.

At each step the net reads a number, and a mark that one step in five has. It says at every step the sum of the two
numbers that were marked last, so it must keep both, for some steps or for many, and drop the older at the next mark.

python examples/memory.py [--epochs 40] [--figure memory.svg]
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import command
import numpy as np

import irc

MODEL = """
/xavier,const_flat 0.5/
(input, 2)
(seen, 32, <linear>)
{a, lastrecur, additive}
[gates,
    (include, 32, <sigmoid>)
|
    (process, 32, <tanh>)
    {pi, include, multiplicative}
|
    (add, 32, <sigmoid>)
]
(forget, 32, <sigmoid>)
{state0, prevstaterecur, multiplicative}
{state1, pi, additive}
[prevstate, [prevstaterecur,]]
(statep, 32, <tanh>)
{lastc, add, multiplicative}
[last, [lastrecur,]]
(output, 1, <linear>, <mse>)
"""
MARKED = 0.2
"""How likely a mark is, at each step."""
STREAMS = 64
STEPS, WINDOW = 1000, 10
"""Steps of a stream, and those through which gradients go back at a time; the state goes on behind them."""


def adding(steps: int, streams: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [steps, streams, 2], numbers from 0 to 1 and marks, and targets [steps, streams, 1]."""
    generator = np.random.default_rng(seed)
    numbers = generator.uniform(0, 1, (steps, streams))
    marks = generator.random((steps, streams)) < MARKED
    targets = np.empty((steps, streams, 1))
    older, newer = np.zeros((2, streams))
    for t in range(steps):
        older, newer = np.where(marks[t], newer, older), np.where(marks[t], numbers[t], newer)
        targets[t, :, 0] = older + newer
    return np.stack([numbers, marks], axis=-1).astype(np.float32), targets.astype(np.float32)


def without_memory() -> float:
    """The least mean squared error of an answer that follows from its own step alone.

    A number has variance 1/12. At a mark one number of the sum is known, so one is not; elsewhere both are not.
    """
    return MARKED / 12 + (1 - MARKED) * 2 / 12


def main(arguments: Sequence[str] | None = None) -> None:
    """Learn, say how well, and draw the curve if asked."""
    parser = command.parser(__doc__)
    parser.add_argument("--epochs", type=command.positive, default=40)
    parser.add_argument("--figure", type=command.figure, metavar="FILE", help="draw the curve (needs matplotlib)")
    options = parser.parse_args(arguments)

    net = irc.compile(MODEL, seed=1)
    steps = options.epochs * (STEPS // WINDOW)
    begin = time.perf_counter()
    history = net.fit(
        *adding(STEPS, STREAMS, seed=1),
        epochs=options.epochs,
        batch=WINDOW,
        optimizer=irc.Adam(irc.schedules.Cosine(0.01, steps=steps), clip_norm=1.0),
        validation=adding(STEPS // 2, STREAMS, seed=2),
        rows="streams",
        verbose=0,
    )
    print(f"{net.params.flat.size} parameters, {steps} steps of training in {time.perf_counter() - begin:.1f} s")
    reached = history.validation_loss[-1]
    print(f"mean squared error on new streams: {reached:.5f}; at best without memory: {without_memory():.5f}")

    x, target = adding(12, 1, seed=34)
    print("\nnumber  mark  sum  answer")
    for (number, mark), wanted, answer in zip(x[:, 0], target[:, 0, 0], net.predict(x[:, 0])[:, 0], strict=True):
        print(f"{number:6.2f}  {'  * ' if mark else '    '} {wanted:.2f}  {answer:6.2f}")

    if options.figure:
        draw(history, options.figure)


def draw(history: irc.History, path: str) -> None:
    """The losses over the epochs, and the line below which memory is needed."""
    figure = history.plot()  # says so if matplotlib is missing
    from matplotlib import rc_context

    (axes,) = figure.axes
    axes.axhline(without_memory(), color="gray", linestyle="--", label="best without memory")
    axes.set_ylabel("mean squared error")
    axes.legend()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "memory"}):  # small, and the same file each time
        figure.savefig(path, metadata={"Date": None} if path.endswith(".svg") else None)


if __name__ == "__main__":
    main()
