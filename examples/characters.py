"""A recurrent net, written as a model in MDL, learns given names letter by letter, and then makes up some.

The names are examples/data/names.txt, every eighth of the 32 000 given names that were most common in the United States
in 2018 (Social Security Administration, public domain), or those of another file, one on each line.

python examples/characters.py [FILE] [--epochs 20]
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import command
import numpy as np

import irc

MODEL = """
/xavier,zero/
(input, 27)
(letter, 64, <linear>)
{sum, before, additive}
(hidden, 64, <tanh>)
[memory, [before,]]
(output, 27, <softmax_cross_entropy>)
"""
LETTERS = ".abcdefghijklmnopqrstuvwxyz"
"""The first is the end of a name."""
NAMES = Path(__file__).parent / "data" / "names.txt"
STREAMS, WINDOW = 32, 20
LEAST = 1000
"""Letters of all names; of fewer there would be streams without a step."""


def names_in(path: Path) -> list[str]:
    """The names of a file. Raises :class:`irc.Error` for one without enough of them, or with other letters."""
    try:
        names = path.read_text(encoding="utf-8").lower().split()
    except (OSError, UnicodeDecodeError) as error:
        raise irc.Error(f"cannot read '{path}': {getattr(error, 'strerror', None) or error}") from None
    for name in names:
        if not set(name) <= set(LETTERS[1:]):
            raise irc.Error(f"'{path}' holds '{name:.30}', which is not of the letters a to z alone")
    if sum(map(len, names)) < LEAST:
        raise irc.Error(f"'{path}' holds {len(names)} names; {LEAST} letters are needed to learn from them")
    return names


def streams_of(names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The names one after the other, cut into streams: each letter, and the one that follows, [steps, streams]."""
    text = "." + "".join(f"{name}." for name in names)
    letters = np.array([LETTERS.index(letter) for letter in text])
    steps = (len(letters) - 1) // STREAMS
    return tuple(part[: steps * STREAMS].reshape(STREAMS, steps).T for part in (letters[:-1], letters[1:]))


def one_hot(letters: np.ndarray) -> np.ndarray:
    """A 1 for the letter, 0 for the others: with an axis of 27 more."""
    return np.eye(len(LETTERS), dtype=np.float32)[letters]


def entropies(learnt: tuple[np.ndarray, np.ndarray], new: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    """Bits for a letter of new names, by how often letters, and pairs of letters, are among those learnt."""
    pairs = np.ones((len(LETTERS), len(LETTERS)))
    np.add.at(pairs, learnt, 1)
    letters = pairs.sum(axis=0) / pairs.sum()
    after = pairs / pairs.sum(axis=1, keepdims=True)
    return -np.log2(letters[new[1]]).mean(), -np.log2(after[new]).mean()


def sample(net: irc.Net, count: int, generator: np.random.Generator) -> list[str]:
    """Names that the net makes up, all letter by letter at once: each is a stream."""
    net.reset_state()
    letters, names = np.zeros(count, int), [""] * count
    for _ in range(12):
        logits = net.run(one_hot(letters)[None], rows="streams")[0]
        letters = (logits + generator.gumbel(size=logits.shape)).argmax(axis=1)  # one by its probability
        names = [name + LETTERS[letter] for name, letter in zip(names, letters, strict=True)]
    return [name.partition(".")[0] for name in names]


def main(arguments: Sequence[str] | None = None) -> None:
    """Learn from nine tenths of the names, say how well the others are foreseen, and make up some."""
    parser = command.parser(__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=NAMES, help="names of letters a to z, one on each line")
    parser.add_argument("--epochs", type=command.positive, default=20)
    options = parser.parse_args(arguments)

    with command.errors_end(parser):
        names = names_in(options.file)
    names = [names[i] for i in np.random.default_rng(0).permutation(len(names))]
    count = len(names) * 9 // 10
    learnt, new = streams_of(names[:count]), streams_of(names[count:])
    x, y = one_hot(learnt[0]), one_hot(learnt[1])
    validation = one_hot(new[0]), one_hot(new[1])

    net = irc.compile(MODEL, seed=1)
    before = net.evaluate(*validation, rows="streams").loss / np.log(2)
    steps = options.epochs * -(-len(x) // WINDOW)
    begin = time.perf_counter()
    history = net.fit(
        x,
        y,
        epochs=options.epochs,
        batch=WINDOW,
        optimizer=irc.Adam(irc.schedules.Cosine(0.01, steps=steps), clip_norm=1.0),
        validation=validation,
        rows="streams",
        verbose=0,
    )
    print(f"{count} names, {net.params.flat.size} parameters, {steps} steps in {time.perf_counter() - begin:.1f} s")
    by_letters, by_pairs = entropies(learnt, new)
    print("bits for a letter of other names:")
    print(f"  {before:.2f}  the net before")
    print(f"  {by_letters:.2f}  by how often each letter is (entropy of single letters)")
    print(f"  {by_pairs:.2f}  by how often it follows the letter before")
    print(f"  {history.validation_loss[-1] / np.log(2):.2f}  the net after training")
    print("made up:", ", ".join(sample(net, 12, np.random.default_rng(1))))


if __name__ == "__main__":
    main()
