"""Is a sequence of numbers rising, falling, or neither? A GRU of two layers, declared in nets/sequence.network, learns
it from sequences of three to six numbers, and is then asked about others, and longer ones.

python examples/sequences.py [--epochs 12] [--seed 0] [--figure sequences.svg]
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import command
import numpy as np

import irc

NET = Path(__file__).parent / "nets" / "sequence.network"
NAMES = ("rising", "falling", "neither")
LENGTHS = (3, 4, 5, 6)
BATCH, STEPS, RATE = 512, 60, 0.01
"""Sequences in a batch, batches in an epoch, and the first learning rate."""


def sequences(count: int, length: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Sequences [count, length, 1] of numbers from 0 to 1, a third of each kind, and their kinds [count].

    Neither rising nor falling is one of these in which two neighbours have changed places.
    """
    kinds = generator.integers(3, size=count)
    numbers = np.sort(generator.random((count, length)))
    falling = (kinds == 1) | (kinds == 2) & (generator.random(count) < 0.5)
    numbers[falling] = numbers[falling, ::-1]
    mixed = np.flatnonzero(kinds == 2)
    place = generator.integers(length - 1, size=len(mixed))
    numbers[mixed, place], numbers[mixed, place + 1] = numbers[mixed, place + 1], numbers[mixed, place]
    return numbers[..., None].astype(np.float32), kinds


def main(arguments: Sequence[str] | None = None) -> None:
    """Learn from sequences that are made on the way, and say how well others are told apart."""
    parser = command.parser(__doc__)
    parser.add_argument("--epochs", type=command.positive, default=12)
    parser.add_argument("--seed", type=command.natural, default=0)
    parser.add_argument("--figure", type=command.figure, metavar="FILE", help="draw the losses (needs matplotlib)")
    options = parser.parse_args(arguments)

    net = irc.compile(NET, seed=options.seed, loss="softmax_cross_entropy")
    generator = np.random.default_rng(options.seed)
    steps = options.epochs * STEPS
    begin = time.perf_counter()
    history = net.fit(
        lambda: (sequences(BATCH, LENGTHS[step % len(LENGTHS)], generator) for step in range(STEPS)),
        epochs=options.epochs,
        optimizer=irc.Adam(irc.schedules.Cosine(RATE, steps=steps), clip_norm=1.0),
        validation=sequences(3000, 5, np.random.default_rng(1)),
        verbose=0,
    )
    print(f"{net.params.flat.size} parameters, {steps} steps of training in {time.perf_counter() - begin:.1f} s")
    for length in (*LENGTHS, 8, 12):
        reached = net.evaluate(*sequences(3000, length, np.random.default_rng(2)))
        print(f"{length:2d} numbers: {reached.accuracy:.1%} right")
    test = sequences(6, 4, np.random.default_rng(3))
    print("\nsome that were not learnt:")
    for numbers, logits in zip(test[0], net.run(test[0]), strict=True):
        print(" ".join(f"{number:.2f}" for number in numbers[:, 0]), NAMES[logits.argmax()])

    if options.figure:
        history.plot(options.figure)


if __name__ == "__main__":
    main()
