"""Exclusive or, the first example of Arraymancer: a net of three relu neurons, declared as layers, learns it.

So small a net stays stuck from more than half of its random starts, with neurons that are zero for every input and so
get no gradient. Each start is shown until one has learnt it.

python examples/xor.py [--starts 10] [--figure xor.svg]
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import command
import numpy as np

import irc

NET = Path(__file__).parent / "nets" / "xor.network"
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)


def main(arguments: Sequence[str] | None = None) -> None:
    """Learn from 3200 random pairs of bits, six times, from one start after the other until the net is right."""
    parser = command.parser(__doc__)
    parser.add_argument("--starts", type=command.positive, default=10, help="how many to try at most")
    parser.add_argument("--figure", type=command.figure, metavar="FILE", help="draw the losses (needs matplotlib)")
    options = parser.parse_args(arguments)

    x = np.random.default_rng(0).integers(2, size=(3200, 2))
    y = x[:, :1] ^ x[:, 1:]
    for start in range(options.starts):
        net = irc.compile(NET, seed=start, loss="sigmoid_cross_entropy")
        history = net.fit(x, y, epochs=6, optimizer=irc.SGD(0.1, momentum=0.9), verbose=0)
        reached = net.evaluate(CORNERS, CORNERS[:, :1] != CORNERS[:, 1:])
        print(f"start {start}: loss {history.loss[-1]:.4f}, {reached.accuracy:.0%} of the corners right")
        if reached.accuracy == 1:
            break
    print("\na  b  answer")
    for (a, b), logit in zip(CORNERS, net.run(CORNERS)[:, 0], strict=True):
        print(f"{a:.0f}  {b:.0f}  {1 / (1 + np.exp(-logit)):.3f}")

    if options.figure:
        history.plot(options.figure)


if __name__ == "__main__":
    main()
