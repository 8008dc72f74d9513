"""Initialisers: the rules by which tensors of parameters get their start values, and the numbers they are drawn from.

Every tensor has a stream of random numbers of its own, keyed by the seed and the tensor's name, so what else a net has,
and in what order, does not change what a tensor is drawn as. All is computed in float64 and then rounded.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


class Stream:
    """Random numbers for one tensor.

    They come from Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) as NumPy has it,
    a counter-based generator. Its 128-bit key is the first 16 bytes of the SHA-256 of the seed (8 bytes, little end
    first) and the name (UTF-8), read little end first.
    """

    def __init__(self, seed: int, name: str):
        digest = hashlib.sha256(seed.to_bytes(8, "little") + name.encode("utf-8", "surrogatepass")).digest()
        self._bits = np.random.Philox(key=int.from_bytes(digest[:16], "little"))

    def uniform(self, count: int) -> np.ndarray:
        """The next numbers of U(0, 1), 0 included: the upper 53 bits of each 64, times 2^-53."""
        raw = np.asarray(self._bits.random_raw(count), np.uint64)
        raw >>= np.uint64(11)  # in place, as all that follows: new memory takes as long as the arithmetic
        numbers = raw.astype(np.float64)
        numbers *= 2.0**-53
        return numbers

    def normal(self, count: int) -> np.ndarray:
        """The next numbers of N(0, 1), by Box and Muller (1958): a pair of two uniform numbers u and v,

        sqrt(-2 ln(1 - u)) cos(2 pi v) and sqrt(-2 ln(1 - u)) sin(2 pi v).
        """
        pairs = self.uniform(count + count % 2).reshape(-1, 2)
        u, v = pairs.T
        radius = np.negative(u)
        np.log1p(radius, out=radius)
        radius *= -2
        np.sqrt(radius, out=radius)
        angle = 2 * np.pi * v
        np.multiply(radius, np.cos(angle), out=u)
        np.multiply(radius, np.sin(angle, out=angle), out=v)
        return pairs.reshape(-1)[:count]


Shape = tuple[int, ...]
Draw = Callable[[Stream, Shape, Sequence[float]], np.ndarray]


@dataclass(frozen=True)
class Initializer:
    """A rule: ``formula`` for people, with in and out the fans of the tensor; ``parameters`` are the names and defaults
    of its numbers; ``draw(stream, shape, numbers)`` gives float64 values. ``matrix``: only for tensors [out, in, ...].
    """

    name: str
    formula: str
    source: str
    draw: Draw
    parameters: tuple[tuple[str, float], ...] = ()
    matrix: bool = False

    def with_defaults(self, numbers: Sequence[float]) -> tuple[float, ...]:
        """All numbers of the rule, from the first ones. ValueError for too many, and for those that make no sense."""
        if len(numbers) > len(self.parameters):
            names = ", ".join(name for name, _ in self.parameters)
            takes = f"takes {len(self.parameters)} ({names})" if names else "takes none"
            given = "1 number was" if len(numbers) == 1 else f"{len(numbers)} numbers were"
            raise ValueError(f"{self.name} {takes}, but {given} given")
        chosen = (*map(float, numbers), *(default for _, default in self.parameters[len(numbers) :]))
        for (name, _), number in zip(self.parameters, chosen, strict=True):
            if not math.isfinite(number):
                raise ValueError(f"{name} of {self.name} must be a finite number, not {number}")
            if name == "deviation" and number < 0:
                raise ValueError(f"the deviation of {self.name} must not be negative, as {number:g} is")
        if self.name == "uniform" and chosen[0] > chosen[1]:
            raise ValueError(f"uniform from {chosen[0]:g} to {chosen[1]:g}: the lower bound comes first")
        return chosen

    def values(self, name: str, shape: Shape, numbers: Sequence[float], seed: int) -> np.ndarray:
        """The start values (float64) of the tensor ``name``."""
        return self.draw(Stream(seed, name), shape, self.with_defaults(numbers))


def fans(shape: Shape) -> tuple[int, int]:
    """Fan-in and fan-out of weights [out, in, ...]: further dimensions are the field that a neuron sees."""
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _spread(reach: float) -> Draw:
    """U(-r, r) with r = sqrt(``reach`` / in)."""

    def draw(stream: Stream, shape: Shape, numbers: Sequence[float]) -> np.ndarray:
        return _between(stream, shape, math.sqrt(reach / fans(shape)[0]))

    return draw


def _between(stream: Stream, shape: Shape, bound: float) -> np.ndarray:
    return bound * (2 * stream.uniform(math.prod(shape)) - 1).reshape(shape)


def _xavier(stream: Stream, shape: Shape, numbers: Sequence[float]) -> np.ndarray:
    return _between(stream, shape, math.sqrt(6 / sum(fans(shape))))


def _lecun(stream: Stream, shape: Shape, numbers: Sequence[float]) -> np.ndarray:
    return stream.normal(math.prod(shape)).reshape(shape) / math.sqrt(fans(shape)[0])


def _kaiming(stream: Stream, shape: Shape, numbers: Sequence[float]) -> np.ndarray:
    return stream.normal(math.prod(shape)).reshape(shape) * math.sqrt(2 / fans(shape)[0])


def _uniform(stream: Stream, shape: Shape, numbers: Sequence[float]) -> np.ndarray:
    low, high = numbers
    part = stream.uniform(math.prod(shape)).reshape(shape)
    return low * (1 - part) + high * part  # high - low may be more than a float can hold


def _normal(stream: Stream, shape: Shape, numbers: Sequence[float]) -> np.ndarray:
    mean, deviation = numbers
    return mean + deviation * stream.normal(math.prod(shape)).reshape(shape)


def _orthogonal(stream: Stream, shape: Shape, numbers: Sequence[float]) -> np.ndarray:
    # Q of the QR of a normal matrix; with the signs of R's diagonal it is uniform among the orthogonal ones
    rows, columns = shape[0], math.prod(shape[1:])
    normal = stream.normal(rows * columns).reshape(max(rows, columns), min(rows, columns))
    q, r = np.linalg.qr(normal)
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)
    return numbers[0] * (q if rows >= columns else q.T).reshape(shape)


def _constant(stream: Stream, shape: Shape, numbers: Sequence[float]) -> np.ndarray:
    return np.full(shape, numbers[0] if numbers else 0.0)


_NORMAL = (("mean", 0.0), ("deviation", 1.0))

INITIALIZERS: dict[str, Initializer] = {
    rule.name: rule
    for rule in (
        Initializer("xavier", "U(-r, r), r = sqrt(6 / (in + out))", "Glorot and Bengio 2010", _xavier, matrix=True),
        Initializer("he", "U(-r, r), r = sqrt(6 / in)", "He and others 2015", _spread(6.0), matrix=True),
        Initializer("kaiming_normal", "N(0, sqrt(2 / in))", "He and others 2015", _kaiming, matrix=True),
        Initializer("lecun", "N(0, 1 / sqrt(in))", "LeCun and others 1998", _lecun, matrix=True),
        Initializer("uniform", "U(low, high)", "", _uniform, (("low", 0.0), ("high", 1.0))),
        Initializer("normal", "N(mean, deviation)", "", _normal, _NORMAL),
        Initializer(
            "orthogonal",
            "gain * Q, Q of the QR decomposition of a normal matrix",
            "Saxe and others 2013; signs as Mezzadri 2007",
            _orthogonal,
            (("gain", 1.0),),
            matrix=True,
        ),
        Initializer("zero", "0", "", _constant),
        Initializer("const_flat", "value", "", _constant, (("value", 0.0),)),
        Initializer("const_uneven", "N(mean, deviation)", "", _normal, _NORMAL),
    )
}
"""All rules by name. N(m, s) has the standard deviation s."""
