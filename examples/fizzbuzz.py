"""FizzBuzz by a net: what is said of the numbers from 101 to 1023 is learnt, that of 1 to 100 is then answered.

The net sees the ten bits of a number, and chooses among four answers: the number, fizz (divisible by 3), buzz (by 5)
and fizzbuzz (by both). It is told no arithmetic.

python examples/fizzbuzz.py [--epochs 500] [--seed 0] [--figure fizzbuzz.svg]
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import command
import numpy as np

import irc
from irc.layers import Linear, Sequential, relu

WORDS = ("", "fizz", "buzz", "fizzbuzz")
BITS, BATCH, RATE = 10, 32, 0.05


def bits(numbers: np.ndarray) -> np.ndarray:
    """The bits of each number, the lowest first."""
    return numbers[:, None] >> np.arange(BITS) & 1


def answers(numbers: np.ndarray) -> np.ndarray:
    """What is right for each number, as a place in ``WORDS``, of which the first is the number itself."""
    return (numbers % 3 == 0) + 2 * (numbers % 5 == 0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Learn, say how many answers are right, and give them."""
    parser = command.parser(__doc__)
    parser.add_argument("--epochs", type=command.positive, default=500)
    parser.add_argument("--seed", type=command.natural, default=0)
    parser.add_argument("--figure", type=command.figure, metavar="FILE", help="draw the losses (needs matplotlib)")
    options = parser.parse_args(arguments)

    learnt, new = np.arange(101, 2**BITS), np.arange(1, 101)
    model = Sequential(Linear(100), relu, Linear(4), input_shape=[BITS], name="FizzBuzz")
    net = irc.compile(model, seed=options.seed, loss="softmax_cross_entropy")
    steps = options.epochs * -(-len(learnt) // BATCH)
    begin = time.perf_counter()
    history = net.fit(
        bits(learnt),
        answers(learnt),
        epochs=options.epochs,
        batch=BATCH,
        optimizer=irc.SGD(irc.schedules.Cosine(RATE, steps=steps), momentum=0.9),
        validation=(bits(new), answers(new)),
        seed=options.seed,
        verbose=0,
    )
    print(f"{net.params.flat.size} parameters, {steps} steps of training in {time.perf_counter() - begin:.1f} s")
    print(f"right answers for 1 to 100: {history.validation_accuracy[-1]:.0%}")
    given = net.run(bits(new)).argmax(axis=1)
    print(*(WORDS[answer] or number for number, answer in zip(new, given, strict=True)))
    print("wrong:", *new[given != answers(new)])

    if options.figure:
        history.plot(options.figure)


if __name__ == "__main__":
    main()
