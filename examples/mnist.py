"""A convolutional net, declared as layers in examples/nets/mnist.network, learns to read the digits of MNIST.

The directory holds the four idx files of MNIST, or of one of its relatives such as Fashion-MNIST, packed with gzip or
not: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte.

python examples/mnist.py DIRECTORY [--net FILE] [--epochs 3] [--seed 1] [--figure mnist.svg]
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import command
import numpy as np

import irc

NET = Path(__file__).parent / "nets" / "mnist.network"
BATCH = 64
RATE = 0.002
"""The learning rate of the first step; it falls to zero along half a cosine."""


def images_and_labels(directory: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images [count, 1, rows, columns] from 0 to 1, and their classes [count]. ``part``: ``train`` or ``t10k``.

    Raises :class:`irc.Error` for a file that is missing, damaged or another one.
    """
    images = read(found(directory, f"{part}-images-idx3"), 3)
    labels = read(found(directory, f"{part}-labels-idx1"), 1)
    return images[:, None] / np.float32(255), labels


def read(path: Path, rank: int) -> np.ndarray:
    """The array of a file, which has ``rank`` dimensions."""
    array = irc.read_idx(path)
    if array.ndim != rank:
        raise irc.Error(f"'{path}' holds an array of {array.ndim} dimensions, {array.shape}, not of {rank}")
    return array


def found(directory: Path, name: str) -> Path:
    """The file of this name, packed or not."""
    plain = directory / f"{name}-ubyte"
    packed = plain.with_name(f"{plain.name}.gz")
    return packed if packed.exists() else plain


def say(training: irc.Training) -> None:
    """A line for an epoch that is done."""
    what = f"loss {training.loss:.4f}, test loss {training.validation_loss:.4f}"
    print(f"epoch {training.epoch + 1}: {what}, test accuracy {training.validation_accuracy:.2%}", flush=True)


def table(confusion: np.ndarray) -> str:
    """How often each class (row) was taken for each (column)."""
    width = len(str(confusion.max())) + 1
    rows = [range(len(confusion)), *confusion]
    return "\n".join(
        f"{name:>4} " + "".join(f"{number:{width}d}" for number in row)
        for name, row in zip(["", *range(len(confusion))], rows, strict=True)
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Learn from all training images, and say how well the test images are read; nothing is chosen by these."""
    parser = command.parser(__doc__)
    parser.add_argument("directory", type=Path, help="where the idx files are")
    parser.add_argument("--net", type=Path, default=NET, help="a net of ten outputs (default: %(default)s)")
    parser.add_argument("--epochs", type=command.positive, default=3)
    parser.add_argument("--seed", type=command.natural, default=1)
    parser.add_argument("--figure", type=command.figure, metavar="FILE", help="draw the losses (needs matplotlib)")
    options = parser.parse_args(arguments)

    with command.errors_end(parser):
        learn(options)


def learn(options: Namespace) -> None:
    """What ``main`` does, as the command line says."""
    begin = time.perf_counter()
    x, y = images_and_labels(options.directory, "train")
    test = images_and_labels(options.directory, "t10k")
    net = irc.compile(options.net, seed=options.seed, loss="softmax_cross_entropy")
    print(f"{net.params.flat.size} parameters, {len(x)} images to learn, {len(test[0])} to test")
    steps = options.epochs * -(-len(x) // BATCH)
    history = net.fit(
        x,
        y,
        epochs=options.epochs,
        batch=BATCH,
        optimizer=irc.Adam(irc.schedules.Cosine(RATE, steps=steps)),
        validation=test,
        callbacks=say,
        seed=options.seed,
        verbose=0,
    )
    print(f"{time.perf_counter() - begin:.1f} s in all, {np.median(history.seconds):.1f} s an epoch")
    reached = net.evaluate(*test)
    print(f"test images read right: {reached.accuracy:.2%}; true digit by row, read as by column:")
    print(table(reached.confusion))
    if options.figure:
        history.plot(options.figure)


if __name__ == "__main__":
    main()
